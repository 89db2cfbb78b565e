package issuer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Code names one reason for which the register, an approval or an enrolment refuses. Codes are never renamed.
// docs/spec/approvals.md and docs/spec/enrolment.md list them with the checks they belong to.
type RegisterCode string

// Error makes a code an error, so that errors.Is(err, issuer.PlanStale) works.
func (c RegisterCode) Error() string { return string(c) }

// Codes of approvals (docs/spec/approvals.md, Section 4).
const (
	ApprovalMalformed       RegisterCode = "approval-malformed"
	ApprovalUnknownOperator RegisterCode = "approval-unknown-operator"
	ApprovalSignature       RegisterCode = "approval-signature"
	ApprovalOtherBody       RegisterCode = "approval-other-body"
	ApprovalOtherThing      RegisterCode = "approval-other-thing"
	ApprovalEdited          RegisterCode = "approval-edited"
	ApprovalExpired         RegisterCode = "approval-expired"
	ApprovalRole            RegisterCode = "approval-role"
	ApprovalAuthor          RegisterCode = "approval-author"
	ApprovalSamePerson      RegisterCode = "approval-same-person"
	ApprovalMissing         RegisterCode = "approval-missing"
	ActionReplayed          RegisterCode = "action-replayed"
	ActionExpired           RegisterCode = "action-expired"
	ActionNumber            RegisterCode = "action-number"
	ActionOtherBody         RegisterCode = "action-other-body"
	OperatorInvalid         RegisterCode = "operator-invalid"
	OperatorKnown           RegisterCode = "operator-known"
	OperatorUnknown         RegisterCode = "operator-unknown"
	OperatorsExist          RegisterCode = "operators-exist"
	OperatorsTooFew         RegisterCode = "operators-too-few"
)

// registerFault is a refusal: its code and what was wanted and came. It never holds a personal value.
type registerFault struct {
	code RegisterCode
	text string
}

func (f *registerFault) Error() string { return "issuer: " + f.text + " [" + string(f.code) + "]" }
func (f *registerFault) Unwrap() error { return f.code }

func refused(code RegisterCode, format string, args ...any) error {
	return &registerFault{code, fmt.Sprintf(format, args...)}
}

// CodeOfRegister is the code of a refusal of this package's register, "" for any other error.
func CodeOfRegister(err error) RegisterCode {
	var c RegisterCode
	errors.As(err, &c)
	return c
}

// ApprovalKind says what kind of thing an approval is for. The zero value is none and is refused.
type ApprovalKind uint8

// Kinds of approved things; the numbers are on the wire and in the store.
const (
	ApprovePlan           ApprovalKind = 1 // an HR plan
	ApproveManualIssue    ApprovalKind = 2 // an entitlement from outside the HR feed
	ApproveOperatorAdd    ApprovalKind = 3 // a further operator
	ApproveOperatorRemove ApprovalKind = 4 // an operator leaves
	ApproveRights         ApprovalKind = 5 // roles of an operator, or another right named by its own page
)

var approvalKinds = [...]string{"none", "plan", "manual issue", "operator joins", "operator leaves", "rights"}

// String names the kind in English.
func (k ApprovalKind) String() string {
	if int(k) >= len(approvalKinds) {
		k = 0
	}
	return approvalKinds[k]
}

func (k ApprovalKind) valid() bool { return k >= ApprovePlan && k <= ApproveRights }

// ApprovalPart is the part an operator takes: he wrote the thing or he is the second signer.
type ApprovalPart uint8

// Parts of an approval; the numbers are on the wire.
const (
	PartAuthor   ApprovalPart = 1
	PartApprover ApprovalPart = 2
)

// String names the part in English.
func (p ApprovalPart) String() string {
	switch p {
	case PartAuthor:
		return "author"
	case PartApprover:
		return "approver"
	}
	return "none"
}

// Limits of approvals.
const (
	MaxApproval       = 1024                // bytes of one approval
	MaxApprovals      = 8                   // approvals handed in with one thing
	maxApprovalLife   = 14 * 24 * time.Hour // exp − iat
	approvalClockSkew = 600 * time.Second   // how far iat may lie ahead
	maxApprovalNumber = 1<<53 - 1           // so that a number survives JSON
	maxApprovalTime   = 253402300799        // 9999-12-31T23:59:59Z
	approvalMapSize   = 7
)

var approvalProfile = cose.Profile{
	Limits: cose.Limits{Bytes: MaxApproval, Depth: 4, Items: 16, String: MaxApproval},
	Type:   cose.TypeApproval,
}

// Subject is the thing that is approved: what every approval has to say of it, word for word.
type Subject struct {
	EDRPOU  string // body, 8 digits
	Kind    ApprovalKind
	Number  uint64    // of the plan, or the next of its kind (docs/spec/approvals.md, Section 2)
	Hash    [32]byte  // SHA-256 of the canonical bytes
	Expires time.Time // whole seconds; after it nothing of this may take effect
}

// Approval is one operator's signature under a Subject, once it has been verified.
//
//	approval = { 1 => tstr .size 8, 2 => 1..5, 3 => uint, 4 => bstr .size 32, 5 => uint, 6 => uint, 7 => 1..2 }
type Approval struct {
	Subject
	IssuedAt time.Time // iat
	Part     ApprovalPart
}

func (a *Approval) check() error {
	switch {
	case len(a.EDRPOU) != 8 || !digitsOnly(a.EDRPOU):
		return refused(ApprovalMalformed, "approval: field 1: want 8 digits, got %d bytes", len(a.EDRPOU))
	case !a.Kind.valid():
		return refused(ApprovalMalformed, "approval: field 2: kind %d, want 1 to 5", a.Kind)
	case a.Number == 0 || a.Number > maxApprovalNumber:
		return refused(ApprovalMalformed, "approval: field 3: number %d, want 1 to 2^53-1", a.Number)
	case a.Part != PartAuthor && a.Part != PartApprover:
		return refused(ApprovalMalformed, "approval: field 7: part %d, want 1 or 2", a.Part)
	}
	for i, t := range []time.Time{a.IssuedAt, a.Expires} {
		if s := t.Unix(); s < 0 || s > maxApprovalTime {
			return refused(ApprovalMalformed, "approval: field %d: time %d out of range", 5+i, s)
		}
	}
	return nil
}

// SignApproval makes the approval of a subject by an operator's key.
func SignApproval(subject Subject, part ApprovalPart, s keys.OperatorSigner, at time.Time) ([]byte, error) {
	a := Approval{Subject: subject, IssuedAt: at, Part: part}
	if err := a.check(); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errors.New("issuer: approval: no operator key")
	}
	b := cose.AppendMap(make([]byte, 0, 96), approvalMapSize)
	b = cose.AppendText(cose.AppendUint(b, 1), a.EDRPOU)
	b = cose.AppendUint(cose.AppendUint(b, 2), uint64(a.Kind))
	b = cose.AppendUint(cose.AppendUint(b, 3), a.Number)
	b = cose.AppendBytes(cose.AppendUint(b, 4), a.Hash[:])
	b = cose.AppendUint(cose.AppendUint(b, 5), uint64(a.IssuedAt.Unix()))
	b = cose.AppendUint(cose.AppendUint(b, 6), uint64(a.Expires.Unix()))
	b = cose.AppendUint(cose.AppendUint(b, 7), uint64(a.Part))
	kid := s.OperatorPublic().KeyID()
	out, err := cose.EncodeSign1(s, cose.Header{KeyID: kid[:], Type: cose.TypeApproval}, b)
	if err != nil {
		return nil, fmt.Errorf("issuer: approval: %w", err)
	}
	return out, nil
}

// UnverifiedApproval is an approval with the right shape whose signature nobody has checked yet.
type UnverifiedApproval struct {
	m   *cose.Sign1
	kid keys.KeyID
}

// ParseApproval reads the COSE_Sign1 of an approval; its payload is read by Verify. Error: ApprovalMalformed.
func ParseApproval(data []byte) (*UnverifiedApproval, error) {
	m, err := cose.ParseSign1(data, approvalProfile)
	if err != nil {
		return nil, refused(ApprovalMalformed, "approval: %v", err)
	}
	kid, ok := keys.KeyIDFrom(m.Header.KeyID)
	if !ok {
		return nil, refused(ApprovalMalformed, "approval: kid of %d bytes, want %d", len(m.Header.KeyID), len(kid))
	}
	return &UnverifiedApproval{m, kid}, nil
}

// UnverifiedKeyID is the kid, a hint: every operator's key that has it is to be tried.
func (u *UnverifiedApproval) UnverifiedKeyID() keys.KeyID { return u.kid }

// Verify checks the signature under an operator's key and then reads the payload. Errors: ApprovalSignature,
// ApprovalMalformed.
func (u *UnverifiedApproval) Verify(key keys.OperatorPublicKey) (*Approval, error) {
	if err := key.Verify(u.m); err != nil {
		return nil, refused(ApprovalSignature, "approval: %v", err)
	}
	return readApproval(u.m.Payload)
}

func readApproval(payload []byte) (*Approval, error) {
	if err := cose.Check(payload, approvalProfile.Limits); err != nil {
		return nil, refused(ApprovalMalformed, "approval: payload: %v", err)
	}
	r := cose.NewReader(payload)
	n, err := r.ReadMap()
	if err != nil {
		return nil, refused(ApprovalMalformed, "approval: payload: %v", err)
	}
	if n != approvalMapSize {
		return nil, refused(ApprovalMalformed, "approval: payload: %d fields, want %d", n, approvalMapSize)
	}
	a := new(Approval)
	// The encoding is deterministic, so keys 1 to 7 come in this order.
	for want := uint64(1); want <= approvalMapSize; want++ {
		key, err := r.ReadUint()
		if err != nil || key != want {
			return nil, refused(ApprovalMalformed, "approval: payload: want field %d", want)
		}
		var v uint64
		switch want {
		case 1:
			var text []byte
			text, err = r.ReadText()
			a.EDRPOU = string(text)
		case 4:
			var hash []byte
			if hash, err = r.ReadBytes(); err == nil && len(hash) != sha256.Size {
				return nil, refused(ApprovalMalformed, "approval: field 4: %d bytes, want %d", len(hash), sha256.Size)
			}
			copy(a.Hash[:], hash)
		default:
			v, err = r.ReadUint()
		}
		if err != nil {
			return nil, refused(ApprovalMalformed, "approval: field %d: %v", want, err)
		}
		switch want {
		case 2, 7:
			if v > 255 {
				return nil, refused(ApprovalMalformed, "approval: field %d: %d out of range", want, v)
			}
			if want == 2 {
				a.Kind = ApprovalKind(v)
			} else {
				a.Part = ApprovalPart(v)
			}
		case 3:
			a.Number = v
		case 5, 6:
			if v > maxApprovalTime {
				return nil, refused(ApprovalMalformed, "approval: field %d: time %d out of range", want, v)
			}
			if want == 5 {
				a.IssuedAt = time.Unix(int64(v), 0).UTC()
			} else {
				a.Expires = time.Unix(int64(v), 0).UTC()
			}
		}
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}

func digitsOnly(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// matches checks that an approval is for this subject and stands at a time.
func (a *Approval) matches(s *Subject, at time.Time) error {
	switch {
	case a.EDRPOU != s.EDRPOU:
		return refused(ApprovalOtherBody, "approval: made for body %s, want %s", a.EDRPOU, s.EDRPOU)
	case a.Kind != s.Kind || a.Number != s.Number:
		return refused(ApprovalOtherThing, "approval: made for %s %d, want %s %d", a.Kind, a.Number, s.Kind, s.Number)
	case !bytes.Equal(a.Hash[:], s.Hash[:]):
		return refused(ApprovalEdited, "approval: %s %d is not what was signed: it was changed since", s.Kind, s.Number)
	case !a.Expires.Equal(s.Expires):
		return refused(ApprovalExpired, "approval: exp %s, want that of the %s, %s", stamp(a.Expires), s.Kind, stamp(s.Expires))
	case !at.Before(a.Expires):
		return refused(ApprovalExpired, "approval: expired at %s, checked at %s", stamp(a.Expires), stamp(at))
	case a.IssuedAt.After(at.Add(approvalClockSkew)):
		return refused(ApprovalExpired, "approval: signed at %s, which is ahead of %s", stamp(a.IssuedAt), stamp(at))
	case a.Expires.Sub(a.IssuedAt) > maxApprovalLife:
		return refused(ApprovalExpired, "approval: %s from iat to exp, want at most %s", a.Expires.Sub(a.IssuedAt), maxApprovalLife)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Quorum is who signed a subject.
type Quorum struct {
	Author    Operator
	Approvers []Operator
	rows      []ApprovalRow
}

// quorum checks every approval against the subject and the operators (docs/spec/approvals.md, Section 4). It wants one
// author and at least need approvers, all different persons. One bad approval refuses all.
func quorum(operators []Operator, s Subject, approvals [][]byte, need int, at time.Time) (*Quorum, error) {
	if len(approvals) > MaxApprovals {
		return nil, refused(ApprovalMalformed, "%d approvals, want at most %d", len(approvals), MaxApprovals)
	}
	q := new(Quorum)
	var all []*Operator
	authors := 0
	for _, data := range approvals {
		op, a, err := verifyApproval(operators, data)
		if err != nil {
			return nil, err
		}
		if err := a.matches(&s, at); err != nil {
			return nil, err
		}
		role := RoleRegistrar
		if a.Part == PartApprover {
			role = RoleApprover
		}
		if !op.Roles.Has(role) {
			return nil, refused(ApprovalRole, "approval: operator %d signed as %s and has the role %s", op.ID, a.Part, op.Roles)
		}
		for _, other := range all {
			if other.ID == op.ID || other.Person == op.Person {
				return nil, refused(ApprovalSamePerson, "approval: operators %d and %d are one person, want different ones", other.ID, op.ID)
			}
		}
		all = append(all, op)
		if a.Part == PartAuthor {
			authors++
			q.Author = *op
		} else {
			q.Approvers = append(q.Approvers, *op)
		}
		q.rows = append(q.rows, ApprovalRow{s.Kind, s.Number, a.Part, op.ID, at, data})
	}
	switch {
	case authors != 1:
		return nil, refused(ApprovalAuthor, "%s %d has %d signatures of an author, want one", s.Kind, s.Number, authors)
	case len(q.Approvers) < need:
		return nil, refused(ApprovalMissing, "%s %d has %d signatures of a second person, want %d", s.Kind, s.Number, len(q.Approvers), need)
	}
	return q, nil
}

func verifyApproval(operators []Operator, data []byte) (*Operator, *Approval, error) {
	u, err := ParseApproval(data)
	if err != nil {
		return nil, nil, err
	}
	kid := u.UnverifiedKeyID()
	err = refused(ApprovalUnknownOperator, "approval: kid %s is no operator's", kid)
	for i := range operators {
		op := &operators[i]
		if !op.Active() || op.Key.KeyID() != kid {
			continue
		}
		var a *Approval
		var verr error
		if a, verr = u.Verify(op.Key); verr == nil {
			return op, a, nil
		}
		err = verr
	}
	return nil, nil, err
}
