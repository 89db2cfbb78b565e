package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// HolderIDs is what one holder key has in the body.
type HolderIDs struct {
	IDs []ID // every ID that carries or carried the key, but abandoned ones; oldest first
	// Enrolled are the entitlements whose live enrolment is by this key, with or without an ID.
	Enrolled []int64
}

// OfHolder lists what the holder key with a thumbprint (RFC 9679) has in the body, in all posts of its person; nothing for a
// key that the body does not know. The caller has made sure that whoever asks has the key.
func (r *Register) OfHolder(ctx context.Context, thumb [32]byte) (HolderIDs, error) {
	var out HolderIDs
	err := r.store.View(ctx, func(tx Tx) error {
		out = HolderIDs{}
		person, err := tx.HolderPerson(thumb)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		posts, err := tx.PostsOfPerson(person)
		if err != nil {
			return err
		}
		for _, p := range posts {
			if p.Enrolment.State == EnrolmentLive && p.Enrolment.Thumb == thumb {
				out.Enrolled = append(out.Enrolled, p.ID)
			}
			ids, err := tx.IDsOfEntitlement(p.ID)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if id.Holder == thumb && id.State != StateAbandoned {
					out.IDs = append(out.IDs, id)
				}
			}
		}
		slices.SortFunc(out.IDs, func(x, y ID) int { return cmp.Compare(x.ID, y.ID) })
		return nil
	})
	return out, err
}

// HolderProof says by what a holder made himself known; exactly one field is set.
type HolderProof struct {
	Key     [32]byte // thumbprint of the holder key that signed the request
	Account int64    // account of the service that was logged in
}

// enrolledBy finds the post of an entitlement when the proof is its holder's: the enrolled phone's key, or an account, whose
// right to this entitlement the caller has checked.
func (h HolderProof) enrolledBy(tx Tx, entitlement int64) (PostRow, error) {
	if (h.Key == [32]byte{}) == (h.Account == 0) {
		return PostRow{}, errors.New("issuer: holder: want a key or an account")
	}
	p, err := tx.Post(entitlement)
	if err != nil {
		return PostRow{}, fmt.Errorf("issuer: holder: entitlement %d: %w", entitlement, err)
	}
	if p.Enrolment.State != EnrolmentLive || h.Account == 0 && p.Enrolment.Thumb != h.Key {
		return PostRow{}, refused(NotEnrolled, "holder: entitlement %d is not enrolled by this phone", entitlement)
	}
	return p, nil
}

// StopByHolder suspends the live ID of an entitlement because its holder says that the phone is lost; it can do nothing else,
// and doing it again changes nothing. It tells whether an ID was suspended now. Errors: ErrNotFound, NotEnrolled when there
// is no enrolled phone or it has another key.
func (r *Register) StopByHolder(ctx context.Context, entitlement int64, by HolderProof, at time.Time) (bool, error) {
	stopped := false
	err := r.store.Update(ctx, func(tx Tx) error {
		p, err := by.enrolledBy(tx, entitlement)
		if err != nil {
			return err
		}
		if stopped, err = suspendEntitlement(tx, entitlement, Change{Ground: GroundLoss, At: at}); err != nil {
			return err
		}
		if p.Paused {
			// HR suspended the ID before; from now on its return to duty does not lift the suspension.
			p.Paused = false
			if err := tx.UpdatePost(p); err != nil {
				return err
			}
		} else if !stopped {
			return nil
		}
		return audit(tx, at, AuditEntry{Event: EventHolderStopped, Detail: []any{entitlement, by.Account}})
	})
	if err != nil {
		return false, err
	}
	return stopped, nil
}

// WithdrawByHolder takes back the holder's wish as Register.Withdraw does, at the word of the holder himself: the ID is
// revoked, the phone is no longer enrolled, the right to an ID stays. Errors: ErrNotFound, NotEnrolled.
func (r *Register) WithdrawByHolder(ctx context.Context, entitlement int64, by HolderProof, at time.Time) error {
	return r.store.Update(ctx, func(tx Tx) error {
		p, err := by.enrolledBy(tx, entitlement)
		if err != nil {
			return err
		}
		return withdraw(tx, &p, "", at)
	})
}

// withdraw ends the wish and the ID of a post whose enrolment is live.
func withdraw(tx Tx, p *PostRow, operator string, at time.Time) error {
	if err := tx.EndEnrolment(p.Enrolment.ID, EnrolmentWithdrawn, at); err != nil {
		return err
	}
	if _, err := endEntitlement(tx, p.ID, Change{Ground: GroundWithdrawn, Operator: operator, At: at}); err != nil {
		return err
	}
	return audit(tx, at, AuditEntry{Event: EventWish, Operator: operator, Detail: []any{p.ID, 0}})
}
