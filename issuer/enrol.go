package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
)

// Codes of enrolment and of stop codes. Only EnrolmentRefused leaves the body; the others are for the registrar.
const (
	EnrolmentRefused RegisterCode = "enrolment-refused"

	PossessionMalformed RegisterCode = "possession-malformed"
	PossessionOtherBody RegisterCode = "possession-other-body"
	PossessionStale     RegisterCode = "possession-stale"
	PossessionAhead     RegisterCode = "possession-ahead"
	CodeUnknown         RegisterCode = "code-unknown"
	CodeWrong           RegisterCode = "code-wrong"
	CodeExpired         RegisterCode = "code-expired"
	CodeUsed            RegisterCode = "code-used"
	CodeBlocked         RegisterCode = "code-blocked"
	CodeReplaced        RegisterCode = "code-replaced"
	CodeStopped         RegisterCode = "code-stopped"
	KeyOfAnother        RegisterCode = "key-of-another"
	KeyRevoked          RegisterCode = "key-revoked"
	NotEntitled         RegisterCode = "not-entitled"
	NotEnrolled         RegisterCode = "not-enrolled"
)

// Rules of a proof of possession (docs/spec/enrolment.md).
const (
	possessionAge   = 72 * time.Hour    // it may travel as a file, over a weekend
	possessionAhead = 600 * time.Second // how far the phone's clock may run ahead
)

// EnrolmentError is a refused enrolment or stop code. Error says only that it was refused, the same for every reason, so
// that who tries codes learns nothing; Registrar says why, for the body's own screen.
type EnrolmentError struct {
	reason RegisterCode
	detail string
	slip   int64
}

// Error is the same text whatever the reason.
func (e *EnrolmentError) Error() string {
	return "issuer: enrolment refused: ask the registrar of the body [" + string(EnrolmentRefused) + "]"
}

// Unwrap gives EnrolmentRefused whatever the reason.
func (e *EnrolmentError) Unwrap() error { return EnrolmentRefused }

// Registrar is the reason for the registrar: its code and a detail without personal data.
func (e *EnrolmentError) Registrar() (RegisterCode, string) { return e.reason, e.detail }

// Slip is the number of the slip that was tried, 0 when it is not known. For the registrar.
func (e *EnrolmentError) Slip() int64 { return e.slip }

func notEnrolled(reason RegisterCode, slip int64, format string, args ...any) *EnrolmentError {
	return &EnrolmentError{reason, fmt.Sprintf(format, args...), slip}
}

// Enrolment is a wish that was taken down together with the key that will carry the ID: what the issuing pipeline works
// on next (Tx.Wished, Tx.Entitlement).
type Enrolment struct {
	ID          int64
	Entitlement int64
	Slip        int64
	Holder      keys.HolderPublicKey
	At          time.Time
	Replaced    bool // another phone was enrolled before; its ID is no longer valid
	Repeated    bool // the same proof came again: nothing was done
}

// Enrol takes a holder's proof of possession (credential.Possession) and the number of his slip, 0 where it is not known,
// and records his wish and his key. The slip's code works once. When another phone was enrolled for the same post, its
// ID is replaced at once.
//
// A refusal is an *EnrolmentError; a failed try on a slip is counted durably before Enrol returns. Any other error means
// that nothing could be decided.
func (r *Register) Enrol(ctx context.Context, slip int64, possession []byte, at time.Time) (*Enrolment, error) {
	p, err := credential.ParsePossession(possession)
	if err != nil {
		return nil, notEnrolled(PossessionMalformed, 0, "proof of possession: %v", err)
	}
	switch {
	case p.Audience != r.edrpou:
		return nil, notEnrolled(PossessionOtherBody, 0, "proof is made for body %s, want %s", p.Audience, r.edrpou)
	case at.Sub(p.IssuedAt) > possessionAge:
		return nil, notEnrolled(PossessionStale, 0, "proof is %s old, want at most %s", at.Sub(p.IssuedAt).Round(time.Second), possessionAge)
	case p.IssuedAt.Sub(at) > possessionAhead:
		return nil, notEnrolled(PossessionAhead, 0, "proof is %s ahead, want at most %s", p.IssuedAt.Sub(at).Round(time.Second), possessionAhead)
	}
	mac, err := r.codeMAC(macSlipCode, p.CodeHash)
	if err != nil {
		return nil, err
	}
	var done *Enrolment
	var refusal *EnrolmentError
	err = r.store.Update(ctx, func(tx Tx) (err error) {
		done, refusal, err = r.enrol(tx, slip, mac, p, at)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, refusal
	}
	return done, nil
}

// enrol decides inside tx. A refusal is not an error of the transaction: the try that it counted has to stay.
func (r *Register) enrol(tx Tx, number int64, mac [32]byte, p *credential.Possession, at time.Time) (*Enrolment, *EnrolmentError, error) {
	s, err := tx.SlipByCode(mac)
	if errors.Is(err, ErrNotFound) {
		return r.wrongCode(tx, number, at)
	}
	if err != nil {
		return nil, nil, err
	}
	if number != 0 && number != s.ID {
		// The code is another slip's: for the slip that was named it is as wrong as any.
		return r.wrongCode(tx, number, at)
	}
	thumb := p.Holder.Thumbprint()
	if s.State != SlipOpen {
		if e, err := repeated(tx, &s, thumb, p); e != nil || err != nil {
			return e, nil, err
		}
		refusal := closedSlip(&s)
		return nil, refusal, audit(tx, at, AuditEntry{Event: EventCodeRefused, Detail: []any{s.Entitlement, string(refusal.reason)}})
	}
	if !at.Before(s.Expires) {
		refusal := notEnrolled(CodeExpired, s.ID, "code of slip %d expired at %s", s.ID, stamp(s.Expires))
		return nil, refusal, audit(tx, at, AuditEntry{Event: EventCodeRefused, Detail: []any{s.Entitlement, string(CodeExpired)}})
	}
	post, err := tx.Post(s.Entitlement)
	if err != nil {
		return nil, nil, err
	}
	if e := EntitlementOf(&post, at); !e.Live {
		// Not the holder's fault: the try is not counted, the slip stays good for the day the reason is gone.
		return nil, notEnrolled(NotEntitled, s.ID, "entitlement %d gives no ID now", post.ID), nil
	}
	owner, err := tx.BindHolder(thumb, post.Person)
	if err != nil {
		return nil, nil, err
	}
	if owner != post.Person {
		return r.failedTry(tx, &s, notEnrolled(KeyOfAnother, s.ID, "key of the phone belongs to another person"), at)
	}
	revoked, err := tx.HolderRevoked(post.ID, thumb)
	if err != nil {
		return nil, nil, err
	}
	if revoked {
		// Issuing would refuse this key for ever; better the phone makes a new one now. The code was right: no try is counted.
		return nil, notEnrolled(KeyRevoked, s.ID, "key of the phone belonged to a revoked ID: want a new key"), nil
	}
	out := &Enrolment{Entitlement: post.ID, Slip: s.ID, Holder: p.Holder, At: at}
	if old := post.Enrolment; old.State == EnrolmentLive {
		held, err := suspendedByOffice(tx, post.ID)
		if err != nil {
			return nil, nil, err
		}
		if held {
			return nil, notEnrolled(NotEntitled, s.ID, "ID of entitlement %d is suspended by the office: resume it first", post.ID), nil
		}
		out.Replaced = true
		if err := tx.EndEnrolment(old.ID, EnrolmentReplaced, at); err != nil {
			return nil, nil, err
		}
		if err := replaceID(tx, post.ID, at); err != nil {
			return nil, nil, err
		}
	}
	s.State, s.Closed = SlipUsed, at
	if err := tx.UpdateSlip(s); err != nil {
		return nil, nil, err
	}
	if out.ID, err = tx.InsertEnrolment(EnrolmentRow{Entitlement: post.ID, Slip: s.ID, Holder: p.Holder.MarshalCOSE(),
		Thumb: thumb, At: at, State: EnrolmentLive}); err != nil {
		return nil, nil, err
	}
	return out, nil, audit(tx, at, AuditEntry{Event: EventEnrolled, Detail: []any{post.ID, thumb[:]}},
		AuditEntry{Event: EventWish, Detail: []any{post.ID, 1}})
}

// repeated answers a proof that came again after it was taken: the same key on the same slip, while the wish stands.
func repeated(tx Tx, s *SlipRow, thumb [32]byte, p *credential.Possession) (*Enrolment, error) {
	if s.State != SlipUsed {
		return nil, nil
	}
	all, err := tx.EnrolmentsOf(s.Entitlement)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Slip == s.ID && e.Thumb == thumb && e.State == EnrolmentLive {
			return &Enrolment{ID: e.ID, Entitlement: e.Entitlement, Slip: e.Slip, Holder: p.Holder, At: e.At, Repeated: true}, nil
		}
	}
	return nil, nil
}

func closedSlip(s *SlipRow) *EnrolmentError {
	code := CodeReplaced
	switch s.State {
	case SlipUsed:
		code = CodeUsed
	case SlipBlocked:
		code = CodeBlocked
	case SlipStopped:
		code = CodeStopped
	case SlipEnded:
		code = NotEntitled
	}
	return notEnrolled(code, s.ID, "slip %d was closed at %s", s.ID, stamp(s.Closed))
}

// wrongCode counts a try on the slip that was named, when it is one that is open.
func (r *Register) wrongCode(tx Tx, number int64, at time.Time) (*Enrolment, *EnrolmentError, error) {
	if number == 0 {
		return nil, notEnrolled(CodeUnknown, 0, "no slip has this code"),
			audit(tx, at, AuditEntry{Event: EventCodeRefused, Detail: []any{0, string(CodeUnknown)}})
	}
	s, err := tx.Slip(number)
	if errors.Is(err, ErrNotFound) {
		return nil, notEnrolled(CodeUnknown, 0, "there is no slip %d", number),
			audit(tx, at, AuditEntry{Event: EventCodeRefused, Detail: []any{0, string(CodeUnknown)}})
	}
	if err != nil {
		return nil, nil, err
	}
	if s.State != SlipOpen {
		return nil, closedSlip(&s), nil
	}
	return r.failedTry(tx, &s, notEnrolled(CodeWrong, s.ID, "code is not that of slip %d", s.ID), at)
}

func (r *Register) failedTry(tx Tx, s *SlipRow, refusal *EnrolmentError, at time.Time) (*Enrolment, *EnrolmentError, error) {
	s.Tries++
	if s.Tries >= SlipTries {
		s.State, s.Closed = SlipBlocked, at
	}
	if err := tx.UpdateSlip(*s); err != nil {
		return nil, nil, err
	}
	return nil, refusal, audit(tx, at, AuditEntry{Event: EventCodeRefused, Detail: []any{s.Entitlement, string(refusal.reason), s.Tries}})
}

// suspendedByOffice tells whether the live ID of an entitlement is suspended for a reason that a new phone does not mend. A
// phone that was lost, stolen or stopped is what a new one is for.
func suspendedByOffice(tx Tx, entitlement int64) (bool, error) {
	id, err := liveOf(tx, entitlement)
	if err != nil || id.State != StateSuspended {
		return false, err
	}
	events, err := tx.StatusEvents(id.ID)
	if err != nil {
		return false, err
	}
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].To == StateSuspended {
			switch events[i].Ground {
			case GroundLoss, GroundTheft, GroundDamage, GroundStopCode:
				return false, nil
			}
			return true, nil
		}
	}
	return true, nil
}

// replaceID ends the live ID of an entitlement, and an intent at work for it, because another phone takes its place.
func replaceID(tx Tx, entitlement int64, at time.Time) error {
	if err := abandonPending(tx, entitlement, at); err != nil {
		return err
	}
	id, err := liveOf(tx, entitlement)
	if err != nil || id.State == 0 {
		return err
	}
	return move(tx, id, StateReplaced, Change{Ground: GroundReplaced, At: at})
}

// Withdraw takes back the holder's wish: the ID is revoked, the phone is no longer enrolled. The right to an ID stays, so
// the holder may ask for one again with a new slip. by is the operator to whom the holder said so. Error: NotEnrolled.
func (r *Register) Withdraw(ctx context.Context, entitlement int64, by Operator, at time.Time) error {
	return r.store.Update(ctx, func(tx Tx) error {
		if err := mayRegister(tx, by); err != nil {
			return err
		}
		p, err := tx.Post(entitlement)
		if err != nil {
			return fmt.Errorf("issuer: withdraw: entitlement %d: %w", entitlement, err)
		}
		if p.Enrolment.State != EnrolmentLive {
			return refused(NotEnrolled, "withdraw: entitlement %d has no wish to take back", entitlement)
		}
		return withdraw(tx, &p, by.Ident(), at)
	})
}

// StopByCode suspends the ID of the slip that the stop code stands on; it can do nothing else, and doing it again changes
// nothing. A stop code that comes before the enrolment code closes the slip. It tells whether an ID was suspended now. A
// refusal is an *EnrolmentError.
func (r *Register) StopByCode(ctx context.Context, code string, at time.Time) (bool, error) {
	normal, err := credential.NormaliseCode(code)
	if err != nil {
		return false, notEnrolled(CodeUnknown, 0, "not a stop code: want 16 characters")
	}
	mac, err := r.codeMAC(macSlipStop, credential.CodeHash(normal))
	if err != nil {
		return false, err
	}
	stopped := false
	var refusal *EnrolmentError
	err = r.store.Update(ctx, func(tx Tx) error {
		stopped, refusal = false, nil
		s, err := tx.SlipByStop(mac)
		if errors.Is(err, ErrNotFound) {
			refusal = notEnrolled(CodeUnknown, 0, "no slip has this stop code")
			return audit(tx, at, AuditEntry{Event: EventCodeRefused, Detail: []any{0, string(CodeUnknown)}})
		}
		if err != nil {
			return err
		}
		switch s.State {
		case SlipOpen:
			s.State, s.Closed = SlipStopped, at
			if err := tx.UpdateSlip(s); err != nil {
				return err
			}
		case SlipUsed:
			p, err := tx.Post(s.Entitlement)
			if err != nil {
				return err
			}
			if p.Enrolment.State != EnrolmentLive || p.Enrolment.Slip != s.ID {
				refusal = notEnrolled(CodeReplaced, s.ID, "slip %d is no longer that of the enrolled phone", s.ID)
				return nil
			}
			if stopped, err = suspendEntitlement(tx, s.Entitlement, Change{Ground: GroundStopCode, At: at}); err != nil {
				return err
			}
			if p.Paused {
				// HR suspended the ID before; from now on its return to duty does not lift the suspension.
				p.Paused = false
				if err := tx.UpdatePost(p); err != nil {
					return err
				}
			}
		default:
			refusal = closedSlip(&s)
			return nil
		}
		return audit(tx, at, AuditEntry{Event: EventStopCode, Detail: []any{s.Entitlement}})
	})
	switch {
	case err != nil:
		return false, err
	case refusal != nil:
		return false, refusal
	}
	return stopped, nil
}
