package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
)

// Roles of an operator, as bits. The zero value may do nothing.
type Roles uint8

// Roles.
const (
	RoleRegistrar Roles = 1 // кадровик (реєстратор): makes and applies plans, is the author of what is approved
	RoleApprover  Roles = 2 // другий підписувач
)

// Has tells whether all roles of other are among r; no roles are had by nobody.
func (r Roles) Has(other Roles) bool { return other != 0 && r&other == other }

// String names the roles in English.
func (r Roles) String() string {
	switch r {
	case RoleRegistrar:
		return "registrar"
	case RoleApprover:
		return "approver"
	case RoleRegistrar | RoleApprover:
		return "registrar and approver"
	case 0:
		return "none"
	}
	return "unknown"
}

// MaxOperatorName is the longest name of an operator in characters.
const MaxOperatorName = 120

// Operator is one operator of the body (кадровик, другий підписувач) as the register keeps him.
type Operator struct {
	ID      int64                  // ≥ 1
	Name    string                 // for people; never in errors or audit
	Person  hr.PersonKey           // who he is: one person with two keys is one person
	Key     keys.OperatorPublicKey // verifies his approvals
	Roles   Roles
	Added   time.Time
	Removed time.Time // zero while he is an operator
}

// Active tells whether he is an operator now.
func (o *Operator) Active() bool { return o.Removed.IsZero() && !o.Key.IsZero() }

// Ident is the operator as the audit and the history name him: his number, never his name.
func (o *Operator) Ident() string { return strconv.FormatInt(o.ID, 10) }

// NewOperator is somebody who is to become an operator.
type NewOperator struct {
	Name   string
	Person hr.PersonKey // made by Register.PersonKey
	Key    keys.OperatorPublicKey
	Roles  Roles
}

func (n *NewOperator) check() error {
	switch {
	case strings.TrimSpace(n.Name) == "" || !utf8.ValidString(n.Name) || utf8.RuneCountInString(n.Name) > MaxOperatorName:
		return refused(OperatorInvalid, "operator: name of %d characters, want 1 to %d", utf8.RuneCountInString(n.Name), MaxOperatorName)
	case n.Person.IsZero():
		return refused(OperatorInvalid, "operator: no person key, want one made of РНОКПП, УНЗР or the staff number")
	case n.Key.IsZero():
		return refused(OperatorInvalid, "operator: no key")
	case n.Roles == 0 || n.Roles&^(RoleRegistrar|RoleApprover) != 0:
		return refused(OperatorInvalid, "operator: roles %d, want registrar, approver or both", uint8(n.Roles))
	}
	return nil
}

// OperatorChange is one change among the operators that two of them sign (docs/spec/approvals.md, Section 2).
type OperatorChange struct {
	EDRPOU   string
	Kind     ApprovalKind // ApproveOperatorAdd, ApproveOperatorRemove or ApproveRights
	Number   uint64       // Register.NextOperatorChange
	Expires  time.Time
	Operator NewOperator // Name is read on joining only
}

// Encode is the canonical form that is hashed.
func (c *OperatorChange) Encode() []byte {
	b := cose.AppendArray(nil, 9)
	b = cose.AppendText(b, "posvid operator change 1")
	b = cose.AppendText(b, c.EDRPOU)
	b = cose.AppendUint(b, uint64(c.Kind))
	b = cose.AppendUint(b, c.Number)
	b = cose.AppendUint(b, uint64(c.Expires.Unix()))
	b = cose.AppendText(b, c.Operator.Name)
	b = cose.AppendBytes(b, c.Operator.Person[:])
	b = cose.AppendBytes(b, c.Operator.Key.MarshalCOSE())
	return cose.AppendUint(b, uint64(c.Operator.Roles))
}

// Subject is what the operators sign.
func (c *OperatorChange) Subject() Subject {
	return Subject{c.EDRPOU, c.Kind, c.Number, sha256.Sum256(c.Encode()), c.Expires.UTC().Truncate(time.Second)}
}

// operatorKinds share one row of numbers.
var operatorKinds = []ApprovalKind{ApproveOperatorAdd, ApproveOperatorRemove, ApproveRights}

// enough tells whether the operators can still approve anything: a registrar and an approver who are different persons.
func enough(operators []Operator) bool {
	for i := range operators {
		for j := range operators {
			a, b := &operators[i], &operators[j]
			if a.Active() && b.Active() && a.Person != b.Person && a.Roles.Has(RoleRegistrar) && b.Roles.Has(RoleApprover) {
				return true
			}
		}
	}
	return false
}

// InitOperators makes the first two operators of a body that has none. Errors: OperatorsExist, OperatorInvalid,
// OperatorKnown, OperatorsTooFew.
func (r *Register) InitOperators(ctx context.Context, first, second NewOperator, at time.Time) ([]Operator, error) {
	for _, n := range []*NewOperator{&first, &second} {
		if err := n.check(); err != nil {
			return nil, err
		}
	}
	ops := []Operator{
		{Name: first.Name, Person: first.Person, Key: first.Key, Roles: first.Roles, Added: at},
		{Name: second.Name, Person: second.Person, Key: second.Key, Roles: second.Roles, Added: at},
	}
	switch {
	case first.Person == second.Person:
		return nil, refused(OperatorKnown, "operators: both are one person, want two")
	case first.Key.Equal(second.Key):
		return nil, refused(OperatorKnown, "operators: both have one key, want two")
	case !enough(ops):
		return nil, refused(OperatorsTooFew, "operators: want a registrar and an approver who are different persons")
	}
	err := r.store.Update(ctx, func(tx Tx) error {
		if have, err := tx.Operators(); err != nil {
			return err
		} else if len(have) > 0 {
			return refused(OperatorsExist, "operators: the body has %d, want none: later ones are added by two", len(have))
		}
		for i := range ops {
			id, err := tx.InsertOperator(ops[i])
			if err != nil {
				return operatorConflict(err)
			}
			ops[i].ID = id
		}
		return audit(tx, at, AuditEntry{Event: EventOperatorAdded, Detail: []any{ops[0].ID}},
			AuditEntry{Event: EventOperatorAdded, Detail: []any{ops[1].ID}})
	})
	if err != nil {
		return nil, err
	}
	return ops, nil
}

// Operators lists all operators, removed ones too.
func (r *Register) Operators(ctx context.Context) (ops []Operator, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		ops, err = tx.Operators()
		return err
	})
	return ops, err
}

// NextOperatorChange is the number that the next OperatorChange must carry.
func (r *Register) NextOperatorChange(ctx context.Context) (n uint64, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		n, err = tx.LastAction(operatorKinds...)
		return err
	})
	return n + 1, err
}

// ChangeOperator carries out a change that an author and an approver signed.
func (r *Register) ChangeOperator(ctx context.Context, c OperatorChange, approvals [][]byte, at time.Time) error {
	if c.Operator.Key.IsZero() {
		return refused(OperatorInvalid, "operator: no key")
	}
	s := c.Subject()
	if c.Kind == ApproveOperatorAdd {
		if err := c.Operator.check(); err != nil {
			return err
		}
	}
	return r.store.Update(ctx, func(tx Tx) error {
		ops, err := tx.Operators()
		if err != nil {
			return err
		}
		q, err := r.authorise(tx, ops, s, approvals, at, operatorKinds...)
		if err != nil {
			return err
		}
		var id int64
		switch c.Kind {
		case ApproveOperatorAdd:
			o := Operator{Name: c.Operator.Name, Person: c.Operator.Person, Key: c.Operator.Key, Roles: c.Operator.Roles, Added: at}
			if id, err = tx.InsertOperator(o); err != nil {
				return operatorConflict(err)
			}
		case ApproveOperatorRemove, ApproveRights:
			i := -1
			for j := range ops {
				if ops[j].Active() && ops[j].Key.Equal(c.Operator.Key) && ops[j].Person == c.Operator.Person {
					i = j
				}
			}
			if i < 0 {
				return refused(OperatorUnknown, "operator: no operator has this key and person key")
			}
			id = ops[i].ID
			if c.Kind == ApproveOperatorRemove {
				ops[i].Removed = at
			} else {
				ops[i].Roles = c.Operator.Roles
				if ops[i].Roles == 0 || ops[i].Roles&^(RoleRegistrar|RoleApprover) != 0 {
					return refused(OperatorInvalid, "operator: roles %d, want registrar, approver or both", uint8(ops[i].Roles))
				}
			}
			if !enough(ops) {
				return refused(OperatorsTooFew, "operators: after this change no registrar and approver who are different persons remain")
			}
			if err := tx.UpdateOperator(ops[i]); err != nil {
				return err
			}
		default:
			return refused(ActionNumber, "operator change: kind %d, want 3, 4 or 5", c.Kind)
		}
		event := AuditEntry{Event: EventOperatorAdded, Operator: q.Author.Ident(), Detail: []any{id}}
		if c.Kind == ApproveOperatorRemove {
			event.Event = EventOperatorEnded
		}
		if c.Kind == ApproveRights {
			event.Detail = append(event.Detail, uint64(c.Operator.Roles))
		}
		return audit(tx, at, approved(q, s), event)
	})
}

// approved is the audit entry of a thing that two operators signed.
func approved(q *Quorum, s Subject) AuditEntry {
	e := AuditEntry{Event: EventApproved, Operator: q.Author.Ident(), Detail: []any{s.Hash[:], uint64(s.Kind), s.Number}}
	for i := range q.Approvers {
		e.Detail = append(e.Detail, q.Approvers[i].ID)
	}
	return e
}

func operatorConflict(err error) error {
	if errors.Is(err, ErrConflict) {
		return refused(OperatorKnown, "operator: key or person is or was an operator's")
	}
	return err
}

// authorise checks that two operators signed the subject, that its number is the next one of kinds and that it has not
// expired; it uses the number up and keeps the approvals. All in the caller's transaction.
func (r *Register) authorise(tx Tx, ops []Operator, s Subject, approvals [][]byte, at time.Time, kinds ...ApprovalKind) (*Quorum, error) {
	if s.EDRPOU != r.edrpou {
		return nil, refused(ActionOtherBody, "%s %d: made for another body, want %s", s.Kind, s.Number, r.edrpou)
	}
	last, err := tx.LastAction(kinds...)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Number != 0 && s.Number <= last:
		return nil, refused(ActionReplayed, "%s %d: the number was used, want %d", s.Kind, s.Number, last+1)
	case s.Number != last+1:
		return nil, refused(ActionNumber, "%s %d: want number %d", s.Kind, s.Number, last+1)
	case !at.Before(s.Expires):
		return nil, refused(ActionExpired, "%s %d: expired at %s, checked at %s", s.Kind, s.Number, stamp(s.Expires), stamp(at))
	}
	q, err := quorum(ops, s, approvals, 1, at)
	if err != nil {
		return nil, err
	}
	if err := tx.InsertAction(ActionRow{s.Kind, s.Number, s.Hash, at}); err != nil {
		if errors.Is(err, ErrConflict) {
			return nil, refused(ActionReplayed, "%s %d: the number was used", s.Kind, s.Number)
		}
		return nil, err
	}
	return q, tx.InsertApprovals(q.rows)
}

// Authorise is the gate for another part of the body that needs two operators, such as a right of an issuer key: the
// subject is ApproveRights with the hash of that part's own canonical object. It runs f in the same transaction.
func (r *Register) Authorise(ctx context.Context, s Subject, approvals [][]byte, at time.Time, f func(Tx, *Quorum) error) error {
	if s.Kind != ApproveRights {
		return refused(ActionNumber, "authorise: kind %s, want %s", s.Kind, ApproveRights)
	}
	return r.store.Update(ctx, func(tx Tx) error {
		ops, err := tx.Operators()
		if err != nil {
			return err
		}
		q, err := r.authorise(tx, ops, s, approvals, at, operatorKinds...)
		if err != nil {
			return err
		}
		if err := f(tx, q); err != nil {
			return err
		}
		return audit(tx, at, approved(q, s))
	})
}
