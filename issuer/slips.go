package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
)

// Rules of a slip (docs/spec/enrolment.md).
const (
	SlipLife  = 14 * 24 * time.Hour // how long an enrolment code may be used
	SlipTries = 5                   // failed tries that block a slip
)

// Slip is one enrolment slip (талон підключення) to be printed: the only place where its two codes stand in clear. No
// verb, logger or encoder of the standard library shows the codes or the name; Code and StopCode do.
type Slip struct {
	Number      int64 // printed on it; also tells the register which slip a wrong code was tried on
	Entitlement int64
	Name        string // full name
	Position    string
	Unit        string
	Made        time.Time
	Expires     time.Time // after it the enrolment code is refused; the stop code lives as long as the ID
	code, stop  string
}

// Code is the one-time enrolment code in its printed form.
func (s *Slip) Code() string { return s.code }

// StopCode is the code that can only suspend, in its printed form.
func (s *Slip) StopCode() string { return s.stop }

// String is the number of the slip and nothing else of it.
func (s Slip) String() string { return fmt.Sprintf("slip %d [redacted]", s.Number) }

// GoString is String.
func (s Slip) GoString() string { return s.String() }

// Format is String for every verb.
func (s Slip) Format(f fmt.State, _ rune) { f.Write([]byte(s.String())) }

// LogValue is String for slog.
func (s Slip) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON refuses: a slip is for paper.
func (s Slip) MarshalJSON() ([]byte, error) {
	return nil, errors.New("issuer: slip: want it printed, not encoded: it holds one-time codes")
}

// SlipFilter says for whom slips are made. The zero value is everyone who has a right to an ID, is not enrolled and has no
// slip that can still be used.
type SlipFilter struct {
	Entitlements []int64 // only these; nil = all
	Unit         string  // only this unit; "" = all
	Renew        bool    // also those whose slip can still be used: it is replaced and its codes end
	NewPhone     bool    // also those who are enrolled, for another phone; only with Entitlements
}

// Slips makes enrolment slips: for each row a fresh enrolment code and a fresh stop code, of which the store keeps keyed
// hashes only. What it returns is for the printer; it cannot be had again. by is the operator who asked for them.
func (r *Register) Slips(ctx context.Context, f SlipFilter, by Operator, at time.Time) ([]Slip, error) {
	if f.NewPhone && len(f.Entitlements) == 0 {
		return nil, errors.New("issuer: slips: a slip for a new phone is made for named entitlements only")
	}
	var out []Slip
	err := r.store.Update(ctx, func(tx Tx) error {
		out = nil
		if err := mayRegister(tx, by); err != nil {
			return err
		}
		rows, err := r.slipRows(tx, f, at)
		if err != nil {
			return err
		}
		open, err := tx.OpenSlips()
		if err != nil {
			return err
		}
		for i := range rows {
			p := &rows[i]
			if old, ok := open[p.ID]; ok {
				row, err := tx.Slip(old)
				if err != nil {
					return err
				}
				if at.Before(row.Expires) && !f.Renew && !f.NewPhone {
					continue
				}
				row.State, row.Closed = SlipReplaced, at
				if err := tx.UpdateSlip(row); err != nil {
					return err
				}
			}
			s, err := r.makeSlip(tx, p, at)
			if err != nil {
				return err
			}
			out = append(out, s)
		}
		if len(out) == 0 {
			return nil
		}
		return audit(tx, at, AuditEntry{Event: EventSlipsPrinted, Operator: by.Ident(), Detail: []any{len(out)}})
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b Slip) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Number, b.Number))
	})
	return out, nil
}

// slipRows picks the rows that a slip may be made for.
func (r *Register) slipRows(tx Tx, f SlipFilter, at time.Time) (rows []PostRow, err error) {
	take := func(p PostRow) error {
		switch {
		case f.Unit != "" && p.Record.Unit != f.Unit:
		case p.Blocked || len(p.Reasons(at)) > 0:
		case p.Enrolment.State == EnrolmentLive && !f.NewPhone:
		default:
			rows = append(rows, p)
		}
		return nil
	}
	if f.Entitlements == nil {
		return rows, tx.Posts(take)
	}
	seen := map[int64]bool{}
	for _, id := range f.Entitlements {
		if seen[id] {
			continue
		}
		seen[id] = true
		p, err := tx.Post(id)
		if err != nil {
			return nil, fmt.Errorf("issuer: slips: entitlement %d: %w", id, err)
		}
		if err := take(p); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (r *Register) makeSlip(tx Tx, p *PostRow, at time.Time) (Slip, error) {
	s := Slip{Entitlement: p.ID, Name: p.Record.FullName(), Position: p.Record.Position, Unit: p.Record.Unit, Made: at,
		Expires: at.Add(SlipLife), code: credential.NewEnrolmentCode(), stop: credential.NewEnrolmentCode()}
	row := SlipRow{Entitlement: p.ID, Made: at, Expires: s.Expires, State: SlipOpen}
	var err error
	if row.Code, err = r.codeMAC(macSlipCode, credential.CodeHash(s.code)); err != nil {
		return Slip{}, err
	}
	if row.Stop, err = r.codeMAC(macSlipStop, credential.CodeHash(s.stop)); err != nil {
		return Slip{}, err
	}
	if s.Number, err = tx.InsertSlip(row); err != nil {
		return Slip{}, fmt.Errorf("issuer: slips: entitlement %d: %w", p.ID, err)
	}
	return s, nil
}

func (r *Register) codeMAC(label string, hash [32]byte) ([32]byte, error) {
	mac, err := r.store.MAC(label, hash[:])
	if err != nil {
		return [32]byte{}, fmt.Errorf("issuer: slips: code hash: %w", err)
	}
	return mac, nil
}

// mayRegister tells whether somebody is a registrar of this body at this moment.
func mayRegister(tx Tx, by Operator) error {
	ops, err := tx.Operators()
	if err != nil {
		return err
	}
	for i := range ops {
		if o := &ops[i]; o.ID == by.ID && o.Active() && o.Key.Equal(by.Key) {
			if !o.Roles.Has(RoleRegistrar) {
				return refused(ApprovalRole, "operator %d has the role %s, want registrar", o.ID, o.Roles)
			}
			return nil
		}
	}
	return refused(OperatorUnknown, "operator %d is none of this body", by.ID)
}
