package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/hr"
)

// ManualInvalid: a manual entry is not one that can be made.
const ManualInvalid RegisterCode = "manual-invalid"

// ManualEntry is an entitlement from outside the HR feed; two operators sign it (docs/spec/approvals.md, Section 2).
type ManualEntry struct {
	EDRPOU  string
	Number  uint64 // Register.NextManual
	Expires time.Time
	Record  hr.Record // with РНОКПП and УНЗР; Status is active
}

// ManualSubject is what the operators sign of a manual entry. The numbers of the person enter it as the body's keyed
// hashes, so that what is signed can be kept and names nobody's number. Error: ManualInvalid.
func (r *Register) ManualSubject(m *ManualEntry) (Subject, error) {
	_, s, err := r.manual(m)
	return s, err
}

func (r *Register) manual(m *ManualEntry) (hr.Keys, Subject, error) {
	if m.Record.EDRPOU != m.EDRPOU || m.EDRPOU != r.edrpou {
		return hr.Keys{}, Subject{}, refused(ActionOtherBody, "manual entry %d: made for another body, want %s", m.Number, r.edrpou)
	}
	if m.Record.Status != hr.StatusActive {
		return hr.Keys{}, Subject{}, refused(ManualInvalid, "manual entry %d: want the status active", m.Number)
	}
	if m.Record.Surname == "" || m.Record.GivenName == "" || m.Record.Position == "" {
		return hr.Keys{}, Subject{}, refused(ManualInvalid, "manual entry %d: want surname, given name and position", m.Number)
	}
	ks, err := hr.KeysOf(r.secret[:], &m.Record)
	if err != nil {
		return hr.Keys{}, Subject{}, err
	}
	if _, kind := ks.Best(); kind == 0 {
		return hr.Keys{}, Subject{}, refused(ManualInvalid, "manual entry %d: want РНОКПП, УНЗР or a staff number", m.Number)
	}
	record, err := json.Marshal(&m.Record)
	if err != nil {
		return hr.Keys{}, Subject{}, fmt.Errorf("issuer: manual entry %d: %w", m.Number, err)
	}
	b := cose.AppendArray(nil, 8)
	b = cose.AppendText(b, "posvid manual entry 1")
	b = cose.AppendText(b, m.EDRPOU)
	b = cose.AppendUint(b, m.Number)
	b = cose.AppendUint(b, uint64(m.Expires.Unix()))
	for _, k := range []hr.PersonKey{ks.RNOKPP, ks.UNZR, ks.Staff} {
		b = cose.AppendBytes(b, k[:])
	}
	b = cose.AppendBytes(b, record)
	return ks, Subject{m.EDRPOU, ApproveManualIssue, m.Number, sha256.Sum256(b), m.Expires.UTC().Truncate(time.Second)}, nil
}

// NextManual is the number that the next ManualEntry must carry.
func (r *Register) NextManual(ctx context.Context) (n uint64, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		n, err = tx.LastAction(ApproveManualIssue)
		return err
	})
	return n + 1, err
}

// AddManual enters an entitlement that an author and an approver signed and answers its number. The person may be one the
// register knows. From then on plans see it like any other: a full snapshot without the person ends it.
func (r *Register) AddManual(ctx context.Context, m ManualEntry, approvals [][]byte, at time.Time) (int64, error) {
	keys, s, err := r.manual(&m)
	if err != nil {
		return 0, err
	}
	var id int64
	err = r.store.Update(ctx, func(tx Tx) error {
		ops, err := tx.Operators()
		if err != nil {
			return err
		}
		q, err := r.authorise(tx, ops, s, approvals, at, ApproveManualIssue)
		if err != nil {
			return err
		}
		best, kind := keys.Best()
		person, err := tx.PersonByKey(best)
		if errors.Is(err, ErrNotFound) {
			person = PersonRow{Key: best, Kind: kind, RNOKPP: m.Record.RNOKPP, UNZR: m.Record.UNZR}
			person.ID, err = tx.InsertPerson(person)
		}
		if err != nil {
			return fmt.Errorf("issuer: manual entry %d: person: %w", m.Number, err)
		}
		posts, err := tx.PostsOfPerson(person.ID)
		if err != nil {
			return err
		}
		for i := range posts {
			if p := &posts[i]; p.Status != hr.StatusDismissed && p.Record.Unit == m.Record.Unit && p.Record.Position == m.Record.Position {
				return refused(ManualInvalid, "manual entry %d: entitlement %d is for this person in this post", m.Number, p.ID)
			}
		}
		id, err = tx.InsertPost(PostRow{Person: person.ID, Key: best, Kind: kind, Keys: keys, Post: fmt.Sprintf("manual-%d", m.Number),
			Status: hr.StatusActive, Origin: OriginManual, Number: m.Number, Record: m.Record})
		if err != nil {
			return fmt.Errorf("issuer: manual entry %d: %w", m.Number, err)
		}
		return audit(tx, at, approved(q, s))
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}
