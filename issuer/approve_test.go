package issuer_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

const bothRoles = issuer.RoleRegistrar | issuer.RoleApprover

// [APP-01]
func TestFirstOperators(t *testing.T) {
	o := emptyOffice(t, t.TempDir())
	t.Cleanup(func() { o.store.Close() })
	k1, k2 := newOperatorKey(t), newOperatorKey(t)
	a := o.newOperator("Перша", "1", k1, bothRoles)
	b := o.newOperator("Другий", "2", k2, bothRoles)
	alter := func(n issuer.NewOperator, f func(*issuer.NewOperator)) issuer.NewOperator { f(&n); return n }
	for name, c := range map[string]struct {
		a, b issuer.NewOperator
		want issuer.RegisterCode
	}{
		"one person":        {a, alter(b, func(n *issuer.NewOperator) { n.Person = a.Person }), issuer.OperatorKnown},
		"one key":           {a, alter(b, func(n *issuer.NewOperator) { n.Key = a.Key }), issuer.OperatorKnown},
		"no approver":       {alter(a, func(n *issuer.NewOperator) { n.Roles = issuer.RoleRegistrar }), alter(b, func(n *issuer.NewOperator) { n.Roles = issuer.RoleRegistrar }), issuer.OperatorsTooFew},
		"no registrar":      {alter(a, func(n *issuer.NewOperator) { n.Roles = issuer.RoleApprover }), alter(b, func(n *issuer.NewOperator) { n.Roles = issuer.RoleApprover }), issuer.OperatorsTooFew},
		"no role":           {a, alter(b, func(n *issuer.NewOperator) { n.Roles = 0 }), issuer.OperatorInvalid},
		"unknown role":      {a, alter(b, func(n *issuer.NewOperator) { n.Roles = 4 }), issuer.OperatorInvalid},
		"no key":            {a, issuer.NewOperator{Name: "x", Person: b.Person, Roles: bothRoles}, issuer.OperatorInvalid},
		"no person":         {a, alter(b, func(n *issuer.NewOperator) { n.Person = hr.PersonKey{} }), issuer.OperatorInvalid},
		"no name":           {a, alter(b, func(n *issuer.NewOperator) { n.Name = " " }), issuer.OperatorInvalid},
		"name too long":     {a, alter(b, func(n *issuer.NewOperator) { n.Name = strings.Repeat("я", issuer.MaxOperatorName+1) }), issuer.OperatorInvalid},
		"name is not UTF-8": {a, alter(b, func(n *issuer.NewOperator) { n.Name = "\xff" }), issuer.OperatorInvalid},
	} {
		if _, err := o.reg.InitOperators(bg, c.a, c.b, o.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want [%s]", name, err, c.want)
		}
	}
	if ops, err := o.reg.Operators(bg); err != nil || len(ops) != 0 {
		t.Fatalf("%d operators after refusals, %v", len(ops), err)
	}
	if _, err := o.reg.InitOperators(bg, alter(a, func(n *issuer.NewOperator) { n.Roles = issuer.RoleRegistrar }), alter(b, func(n *issuer.NewOperator) { n.Roles = issuer.RoleApprover }), o.at); err != nil {
		t.Fatal(err)
	}
	_, err := o.reg.InitOperators(bg, o.newOperator("Третя", "3", newOperatorKey(t), bothRoles), o.newOperator("Четвертий", "4", newOperatorKey(t), bothRoles), o.at)
	wantCode(t, err, issuer.OperatorsExist)
}

func (o *office) change(kind issuer.ApprovalKind, n issuer.NewOperator) issuer.OperatorChange {
	o.t.Helper()
	number, err := o.reg.NextOperatorChange(bg)
	if err != nil {
		o.t.Fatal(err)
	}
	return issuer.OperatorChange{EDRPOU: ourBody, Kind: kind, Number: number, Expires: o.at.Add(24 * time.Hour), Operator: n}
}

// [APP-02] [APP-03] [APP-05]
func TestLaterOperators(t *testing.T) {
	o := testOffice(t)
	third := newOperatorKey(t)
	add := o.change(issuer.ApproveOperatorAdd, o.newOperator("Третя", "00-3", third, bothRoles))
	s := add.Subject()
	for name, approvals := range map[string][][]byte{
		"nobody":        nil,
		"author alone":  {o.sign(s, issuer.PartAuthor, 0)},
		"approver only": {o.sign(s, issuer.PartApprover, 1)},
		"one twice":     {o.sign(s, issuer.PartAuthor, 0), o.sign(s, issuer.PartApprover, 0)},
	} {
		if err := o.reg.ChangeOperator(bg, add, approvals, o.at); err == nil {
			t.Errorf("%s: added", name)
		}
	}
	// The new one cannot speak for himself.
	own, err := issuer.SignApproval(s, issuer.PartApprover, third, o.at)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, o.reg.ChangeOperator(bg, add, [][]byte{o.sign(s, issuer.PartAuthor, 0), own}, o.at), issuer.ApprovalUnknownOperator)
	if err := o.reg.ChangeOperator(bg, add, o.both(s), o.at); err != nil {
		t.Fatal(err)
	}
	wantCode(t, o.reg.ChangeOperator(bg, add, o.both(s), o.at), issuer.ActionReplayed)
	o.keys = append(o.keys, third)

	again := o.change(issuer.ApproveOperatorAdd, o.newOperator("Третя", "00-3", newOperatorKey(t), bothRoles))
	wantCode(t, o.reg.ChangeOperator(bg, again, o.both(again.Subject()), o.at), issuer.OperatorKnown)
	again = o.change(issuer.ApproveOperatorAdd, o.newOperator("Четвертий", "00-4", third, bothRoles))
	wantCode(t, o.reg.ChangeOperator(bg, again, o.both(again.Subject()), o.at), issuer.OperatorKnown)

	// The third signs with the second that the first leaves; from then on the first's signature is nothing.
	ops, err := o.reg.Operators(bg)
	if err != nil {
		t.Fatal(err)
	}
	remove := o.change(issuer.ApproveOperatorRemove, issuer.NewOperator{Person: ops[0].Person, Key: ops[0].Key})
	s = remove.Subject()
	if err := o.reg.ChangeOperator(bg, remove, [][]byte{o.sign(s, issuer.PartAuthor, 1), o.sign(s, issuer.PartApprover, 2)}, o.at); err != nil {
		t.Fatal(err)
	}
	next := o.change(issuer.ApproveOperatorAdd, o.newOperator("П'ята", "00-5", newOperatorKey(t), bothRoles))
	wantCode(t, o.reg.ChangeOperator(bg, next, [][]byte{o.sign(next.Subject(), issuer.PartAuthor, 0), o.sign(next.Subject(), issuer.PartApprover, 1)}, o.at), issuer.ApprovalUnknownOperator)
	// His key stays used up, he himself may come back with another.
	signed := func(c issuer.OperatorChange) [][]byte {
		return [][]byte{o.sign(c.Subject(), issuer.PartAuthor, 1), o.sign(c.Subject(), issuer.PartApprover, 2)}
	}
	back := o.change(issuer.ApproveOperatorAdd, issuer.NewOperator{Name: "Інша", Person: next.Operator.Person, Key: ops[0].Key, Roles: bothRoles})
	wantCode(t, o.reg.ChangeOperator(bg, back, signed(back), o.at), issuer.OperatorKnown)
	back = o.change(issuer.ApproveOperatorAdd, issuer.NewOperator{Name: "Ковальчук Оксана", Person: ops[0].Person, Key: newOperatorKey(t).OperatorPublic(), Roles: bothRoles})
	if err := o.reg.ChangeOperator(bg, back, signed(back), o.at); err != nil {
		t.Fatal(err)
	}
}

// [APP-04]
func TestEnoughOperatorsRemain(t *testing.T) {
	o := testOffice(t)
	for i, op := range o.ops {
		remove := o.change(issuer.ApproveOperatorRemove, issuer.NewOperator{Person: op.Person, Key: op.Key})
		wantCode(t, o.reg.ChangeOperator(bg, remove, o.both(remove.Subject()), o.at), issuer.OperatorsTooFew)
		if i == 0 {
			continue
		}
		// The second may lose one role, but not so that nobody can approve what the first wrote and the other way round.
		keep := o.change(issuer.ApproveRights, issuer.NewOperator{Person: op.Person, Key: op.Key, Roles: issuer.RoleApprover})
		if err := o.reg.ChangeOperator(bg, keep, o.both(keep.Subject()), o.at); err != nil {
			t.Fatal(err)
		}
	}
	lose := o.change(issuer.ApproveRights, issuer.NewOperator{Person: o.ops[0].Person, Key: o.ops[0].Key, Roles: issuer.RoleApprover})
	wantCode(t, o.reg.ChangeOperator(bg, lose, o.both(lose.Subject()), o.at), issuer.OperatorsTooFew)
	none := o.change(issuer.ApproveRights, issuer.NewOperator{Person: o.ops[1].Person, Key: o.ops[1].Key})
	wantCode(t, o.reg.ChangeOperator(bg, none, o.both(none.Subject()), o.at), issuer.OperatorInvalid)
	stranger := o.change(issuer.ApproveRights, o.newOperator("Хтось", "9", newOperatorKey(t), bothRoles))
	wantCode(t, o.reg.ChangeOperator(bg, stranger, o.both(stranger.Subject()), o.at), issuer.OperatorUnknown)
}

// [APP-06] [APP-07] [APP-08] [APP-09]
func TestApprovalChecks(t *testing.T) {
	o := testOffice(t)
	outsider := newOperatorKey(t)
	plan := o.plan(staff(20), true)
	s := issuer.PlanSubject(plan)
	author := o.sign(s, issuer.PartAuthor, 0)
	approver := func(f func(*issuer.Subject)) []byte {
		c := s
		f(&c)
		return o.sign(c, issuer.PartApprover, 1)
	}
	at := func(when time.Time) []byte {
		b, err := issuer.SignApproval(s, issuer.PartApprover, o.keys[1], when)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	foreign, err := issuer.SignApproval(s, issuer.PartApprover, outsider, o.at)
	if err != nil {
		t.Fatal(err)
	}
	good := o.sign(s, issuer.PartApprover, 1)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-5] ^= 1
	tests := map[string]struct {
		approvals [][]byte
		want      issuer.RegisterCode
	}{
		"none":                        {nil, issuer.ApprovalAuthor},
		"approver without author":     {[][]byte{good}, issuer.ApprovalAuthor},
		"two authors":                 {[][]byte{author, o.sign(s, issuer.PartAuthor, 1)}, issuer.ApprovalAuthor},
		"author approves himself":     {[][]byte{author, o.sign(s, issuer.PartApprover, 0)}, issuer.ApprovalSamePerson},
		"approver twice":              {[][]byte{author, good, good}, issuer.ApprovalSamePerson},
		"approver signs again":        {[][]byte{author, good, o.sign(s, issuer.PartApprover, 1)}, issuer.ApprovalSamePerson},
		"not an operator":             {[][]byte{author, foreign}, issuer.ApprovalUnknownOperator},
		"signature flipped":           {[][]byte{author, flipped}, issuer.ApprovalSignature},
		"junk beside two good ones":   {[][]byte{author, good, []byte("junk")}, issuer.ApprovalMalformed},
		"too many":                    {[][]byte{author, good, good, good, good, good, good, good, good}, issuer.ApprovalMalformed},
		"another body":                {[][]byte{author, approver(func(s *issuer.Subject) { s.EDRPOU = otherBody })}, issuer.ApprovalOtherBody},
		"another kind":                {[][]byte{author, approver(func(s *issuer.Subject) { s.Kind = issuer.ApproveManualIssue })}, issuer.ApprovalOtherThing},
		"another number":              {[][]byte{author, approver(func(s *issuer.Subject) { s.Number++ })}, issuer.ApprovalOtherThing},
		"another content":             {[][]byte{author, approver(func(s *issuer.Subject) { s.Hash[31] ^= 1 })}, issuer.ApprovalEdited},
		"another expiry":              {[][]byte{author, approver(func(s *issuer.Subject) { s.Expires = s.Expires.Add(time.Second) })}, issuer.ApprovalExpired},
		"signed far ahead":            {[][]byte{author, at(o.at.Add(601 * time.Second))}, issuer.ApprovalExpired},
		"signed long before":          {[][]byte{author, at(s.Expires.Add(-14*24*time.Hour - time.Second))}, issuer.ApprovalExpired},
		"author's is another content": {[][]byte{o.sign(issuer.Subject{EDRPOU: s.EDRPOU, Kind: s.Kind, Number: s.Number, Expires: s.Expires}, issuer.PartAuthor, 0), good}, issuer.ApprovalEdited},
	}
	for name, c := range tests {
		if _, err := o.reg.ApplyPlan(bg, plan, c.approvals, o.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want [%s]", name, err, c.want)
		}
	}
	if n := len(o.known()); n != 0 {
		t.Fatalf("%d posts after refusals, want 0", n)
	}
	if _, err := o.reg.ApplyPlan(bg, plan, [][]byte{author, good}, s.Expires); !errors.Is(err, issuer.PlanExpired) {
		t.Errorf("at its expiry: %v, want [%s]", err, issuer.PlanExpired)
	}
	if _, err := o.reg.ApplyPlan(bg, plan, [][]byte{at(o.at), author}, s.Expires.Add(-time.Second)); err != nil {
		t.Errorf("a second before its expiry: %v", err)
	}
}

// [APP-07]
func TestSamePersonWithTwoKeys(t *testing.T) {
	// The schema refuses one person as two operators, so the second key of a person can only be that of a removed operator:
	// what it signed before counts for nothing now.
	o := testOffice(t)
	third, fourth := newOperatorKey(t), newOperatorKey(t)
	for i, k := range []authority.OperatorPrivateKey{third, fourth} {
		add := o.change(issuer.ApproveOperatorAdd, o.newOperator("Ще один", []string{"a", "b"}[i], k, bothRoles))
		if err := o.reg.ChangeOperator(bg, add, o.both(add.Subject()), o.at); err != nil {
			t.Fatal(err)
		}
		o.keys = append(o.keys, k)
	}
	ops, err := o.reg.Operators(bg)
	if err != nil {
		t.Fatal(err)
	}
	plan := o.plan(staff(8), true)
	old := o.sign(issuer.PlanSubject(plan), issuer.PartApprover, 1)
	remove := o.change(issuer.ApproveOperatorRemove, issuer.NewOperator{Person: ops[1].Person, Key: ops[1].Key})
	s := remove.Subject()
	if err := o.reg.ChangeOperator(bg, remove, [][]byte{o.sign(s, issuer.PartAuthor, 2), o.sign(s, issuer.PartApprover, 3)}, o.at); err != nil {
		t.Fatal(err)
	}
	fresh := newOperatorKey(t)
	back := o.change(issuer.ApproveOperatorAdd, issuer.NewOperator{Name: "Іваненко Петро", Person: ops[1].Person, Key: fresh.OperatorPublic(), Roles: bothRoles})
	s = back.Subject()
	if err := o.reg.ChangeOperator(bg, back, [][]byte{o.sign(s, issuer.PartAuthor, 2), o.sign(s, issuer.PartApprover, 3)}, o.at); err != nil {
		t.Fatal(err)
	}
	author, err := issuer.SignApproval(issuer.PlanSubject(plan), issuer.PartAuthor, fresh, o.at)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.reg.ApplyPlan(bg, plan, [][]byte{author, old}, o.at)
	wantCode(t, err, issuer.ApprovalUnknownOperator)
}

func TestRolesAreKept(t *testing.T) {
	o := emptyOffice(t, t.TempDir())
	t.Cleanup(func() { o.store.Close() })
	o.keys = []authority.OperatorPrivateKey{newOperatorKey(t), newOperatorKey(t)}
	var err error
	o.ops, err = o.reg.InitOperators(bg, o.newOperator("Кадровик", "1", o.keys[0], issuer.RoleRegistrar), o.newOperator("Підписувач", "2", o.keys[1], issuer.RoleApprover), o.at)
	if err != nil {
		t.Fatal(err)
	}
	plan := o.plan(staff(6), true)
	s := issuer.PlanSubject(plan)
	_, err = o.reg.ApplyPlan(bg, plan, [][]byte{o.sign(s, issuer.PartAuthor, 1), o.sign(s, issuer.PartApprover, 0)}, o.at)
	wantCode(t, err, issuer.ApprovalRole)
	_, err = o.reg.ApplyPlan(bg, plan, [][]byte{o.sign(s, issuer.PartAuthor, 1)}, o.at)
	wantCode(t, err, issuer.ApprovalRole)
	_, err = o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[1], o.at)
	wantCode(t, err, issuer.ApprovalRole)
	_, err = o.reg.Slips(bg, issuer.SlipFilter{}, issuer.Operator{ID: 1}, o.at)
	wantCode(t, err, issuer.OperatorUnknown)
	if _, err := o.reg.ApplyPlan(bg, plan, o.both(s), o.at); err != nil {
		t.Fatal(err)
	}
}

func (o *office) manual(n int) issuer.ManualEntry {
	o.t.Helper()
	number, err := o.reg.NextManual(bg)
	if err != nil {
		o.t.Fatal(err)
	}
	m := issuer.ManualEntry{EDRPOU: ourBody, Number: number, Expires: o.at.Add(24 * time.Hour), Record: o.snapshot([]official{someone(n)}, false).Records[0]}
	return m
}

// [APP-10] [APP-11]
func TestTwoSignaturesAndOnce(t *testing.T) {
	o := testOffice(t)
	m := o.manual(1)
	s, err := o.reg.ManualSubject(&m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.reg.AddManual(bg, m, [][]byte{o.sign(s, issuer.PartAuthor, 0)}, o.at)
	wantCode(t, err, issuer.ApprovalMissing)
	edited := m
	edited.Record.Rank = 1
	_, err = o.reg.AddManual(bg, edited, o.both(s), o.at)
	wantCode(t, err, issuer.ApprovalEdited)
	for name, f := range map[string]func(*hr.Record){
		"РНОКПП":  func(r *hr.Record) { r.RNOKPP = rnokppOf(2) },
		"surname": func(r *hr.Record) { r.Surname = "Інша" },
		"photo":   func(r *hr.Record) { r.PhotoSHA256[0] ^= 1 },
		"plastic": func(r *hr.Record) { r.Plastic.Expires = r.Plastic.Expires.AddDays(1) },
	} {
		edited := m
		f(&edited.Record)
		if _, err := o.reg.AddManual(bg, edited, o.both(s), o.at); !errors.Is(err, issuer.ApprovalEdited) {
			t.Errorf("%s changed: %v, want [%s]", name, err, issuer.ApprovalEdited)
		}
	}
	ahead := m
	ahead.Number++
	as, err := o.reg.ManualSubject(&ahead)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.reg.AddManual(bg, ahead, o.both(as), o.at)
	wantCode(t, err, issuer.ActionNumber)
	_, err = o.reg.AddManual(bg, m, o.both(s), m.Expires)
	wantCode(t, err, issuer.ActionExpired)
	foreign := m
	foreign.EDRPOU, foreign.Record.EDRPOU = otherBody, otherBody
	_, err = o.reg.AddManual(bg, foreign, o.both(s), o.at)
	wantCode(t, err, issuer.ActionOtherBody)

	id, err := o.reg.AddManual(bg, m, o.both(s), o.at)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.entitlement(1); got != id {
		t.Fatalf("entitlement %d, want %d", got, id)
	}
	_, err = o.reg.AddManual(bg, m, o.both(s), o.at)
	wantCode(t, err, issuer.ActionReplayed)
	twice := o.manual(1)
	ts, err := o.reg.ManualSubject(&twice)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.reg.AddManual(bg, twice, o.both(ts), o.at)
	wantCode(t, err, issuer.ManualInvalid)

	right := issuer.Subject{EDRPOU: ourBody, Kind: issuer.ApproveRights, Number: 1, Hash: sha256.Sum256([]byte("a right")), Expires: o.at.Add(time.Hour)}
	ran := 0
	run := func(issuer.Tx, *issuer.Quorum) error { ran++; return nil }
	wantCode(t, o.reg.Authorise(bg, right, [][]byte{o.sign(right, issuer.PartAuthor, 0)}, o.at, run), issuer.ApprovalMissing)
	if err := o.reg.Authorise(bg, right, o.both(right), o.at, run); err != nil {
		t.Fatal(err)
	}
	wantCode(t, o.reg.Authorise(bg, right, o.both(right), o.at, run), issuer.ActionReplayed)
	plan := right
	plan.Kind = issuer.ApprovePlan
	wantCode(t, o.reg.Authorise(bg, plan, o.both(plan), o.at, run), issuer.ActionNumber)
	if ran != 1 {
		t.Fatalf("ran %d times, want 1", ran)
	}
}

func TestApprovalBytes(t *testing.T) {
	k, err := authority.OperatorKeyForVectors(cose.ESP256, "approval")
	if err != nil {
		t.Fatal(err)
	}
	s := issuer.Subject{EDRPOU: ourBody, Kind: issuer.ApprovePlan, Number: 17, Hash: sha256.Sum256([]byte("plan")), Expires: time.Unix(1772086400, 0).UTC()}
	at := time.Unix(1772000000, 0).UTC()
	b, err := issuer.SignApproval(s, issuer.PartApprover, k, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > issuer.MaxApproval {
		t.Fatalf("%d bytes, want at most %d", len(b), issuer.MaxApproval)
	}
	u, err := issuer.ParseApproval(b)
	if err != nil {
		t.Fatal(err)
	}
	if u.UnverifiedKeyID() != k.OperatorPublic().KeyID() {
		t.Fatalf("kid %s, want %s", u.UnverifiedKeyID(), k.OperatorPublic().KeyID())
	}
	a, err := u.Verify(k.OperatorPublic())
	if err != nil {
		t.Fatal(err)
	}
	if want := (issuer.Approval{Subject: s, IssuedAt: at, Part: issuer.PartApprover}); *a != want {
		t.Fatalf("%+v, want %+v", *a, want)
	}
	// A token, a possession or a plan's signature never passes for an approval.
	kid := k.OperatorPublic().KeyID()
	for _, typ := range []cose.Type{cose.TypeToken, cose.TypePossession, cose.TypePlan, cose.TypeKeyRequest, {}} {
		m, err := cose.EncodeSign1(k, cose.Header{KeyID: kid[:], Type: typ}, []byte{0xa0})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := issuer.ParseApproval(m); !errors.Is(err, issuer.ApprovalMalformed) {
			t.Errorf("typ %s: %v, want [%s]", typ, err, issuer.ApprovalMalformed)
		}
	}
	for name, payload := range badApprovals() {
		m, err := cose.EncodeSign1(k, cose.Header{KeyID: kid[:], Type: cose.TypeApproval}, payload)
		if err != nil {
			t.Fatal(err)
		}
		u, err := issuer.ParseApproval(m)
		if err != nil {
			t.Errorf("%s: frame refused: %v", name, err)
			continue
		}
		if a, err := u.Verify(k.OperatorPublic()); !errors.Is(err, issuer.ApprovalMalformed) || a != nil {
			t.Errorf("%s: %v, want [%s]", name, err, issuer.ApprovalMalformed)
		}
	}
	for name, bad := range map[string]issuer.Subject{
		"body":   {EDRPOU: "1234567", Kind: s.Kind, Number: 1, Expires: s.Expires},
		"kind":   {EDRPOU: ourBody, Kind: 6, Number: 1, Expires: s.Expires},
		"number": {EDRPOU: ourBody, Kind: s.Kind, Number: 1 << 53, Expires: s.Expires},
		"expiry": {EDRPOU: ourBody, Kind: s.Kind, Number: 1},
	} {
		if _, err := issuer.SignApproval(bad, issuer.PartAuthor, k, at); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := issuer.SignApproval(s, 0, k, at); err == nil {
		t.Error("part 0 signed")
	}
	if _, err := issuer.SignApproval(s, issuer.PartAuthor, nil, at); err == nil {
		t.Error("signed with no key")
	}
}

// approvalPayload builds a payload; change may spoil it.
func approvalPayload(change func(i int, b []byte) []byte) []byte {
	b := cose.AppendMap(nil, 7)
	fields := [][]byte{cose.AppendText(nil, ourBody), cose.AppendUint(nil, 1), cose.AppendUint(nil, 17), cose.AppendBytes(nil, make([]byte, 32)),
		cose.AppendUint(nil, 1772000000), cose.AppendUint(nil, 1772086400), cose.AppendUint(nil, 2)}
	for i, f := range fields {
		b = cose.AppendUint(b, uint64(i+1))
		b = append(b, change(i+1, f)...)
	}
	return b
}

func badApprovals() map[string][]byte {
	swap := func(field int, with []byte) []byte {
		return approvalPayload(func(i int, b []byte) []byte {
			if i == field {
				return with
			}
			return b
		})
	}
	same := func(_ int, b []byte) []byte { return b }
	out := map[string][]byte{
		"empty":             {},
		"empty map":         {0xa0},
		"array":             {0x80},
		"trailing":          append(approvalPayload(same), 0),
		"body as bytes":     swap(1, cose.AppendBytes(nil, []byte(ourBody))),
		"body of 7":         swap(1, cose.AppendText(nil, "1234567")),
		"body of letters":   swap(1, cose.AppendText(nil, "1234567x")),
		"kind 0":            swap(2, cose.AppendUint(nil, 0)),
		"kind 6":            swap(2, cose.AppendUint(nil, 6)),
		"kind 257":          swap(2, cose.AppendUint(nil, 257)),
		"kind negative":     swap(2, cose.AppendInt(nil, -1)),
		"number 0":          swap(3, cose.AppendUint(nil, 0)),
		"number 2^53":       swap(3, cose.AppendUint(nil, 1<<53)),
		"hash of 31":        swap(4, cose.AppendBytes(nil, make([]byte, 31))),
		"hash of 33":        swap(4, cose.AppendBytes(nil, make([]byte, 33))),
		"iat as text":       swap(5, cose.AppendText(nil, "1")),
		"iat too late":      swap(5, cose.AppendUint(nil, 1<<60)),
		"exp too late":      swap(6, cose.AppendUint(nil, 253402300800)),
		"part 0":            swap(7, cose.AppendUint(nil, 0)),
		"part 3":            swap(7, cose.AppendUint(nil, 3)),
		"part 258":          swap(7, cose.AppendUint(nil, 258)),
		"part as bool":      swap(7, []byte{0xf5}),
		"not minimal":       swap(7, []byte{0x18, 0x02}),
		"indefinite string": swap(4, []byte{0x5f, 0x41, 0, 0xff}),
	}
	eight := approvalPayload(same)
	eight[0] = 0xa8
	out["eighth field"] = append(eight, 8, 0)
	six := approvalPayload(same)
	six[0] = 0xa6
	out["no part"] = six[:len(six)-2]
	return out
}

// FuzzParseApproval: no bytes panic, a failed parse gives nothing, and a payload that is taken says what it was made to say.
func FuzzParseApproval(f *testing.F) {
	k, err := authority.OperatorKeyForVectors(cose.ESP256, "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	kid := k.OperatorPublic().KeyID()
	sign := func(payload []byte) []byte {
		m, err := cose.EncodeSign1(k, cose.Header{KeyID: kid[:], Type: cose.TypeApproval}, payload)
		if err != nil {
			f.Fatal(err)
		}
		return m
	}
	good := approvalPayload(func(_ int, b []byte) []byte { return b })
	f.Add(sign(good), good)
	for _, bad := range badApprovals() {
		f.Add(sign(bad), bad)
	}
	f.Fuzz(func(t *testing.T, data, payload []byte) {
		if u, err := issuer.ParseApproval(data); (u == nil) != (err != nil) {
			t.Fatalf("%v with %v", u, err)
		} else if err == nil {
			if a, err := u.Verify(k.OperatorPublic()); (a == nil) != (err != nil) {
				t.Fatalf("%v with %v", a, err)
			}
		}
		m, err := cose.EncodeSign1(k, cose.Header{KeyID: kid[:], Type: cose.TypeApproval}, payload)
		if err != nil || len(m) > issuer.MaxApproval {
			return
		}
		u, err := issuer.ParseApproval(m)
		if err != nil {
			t.Fatalf("own frame refused: %v", err)
		}
		a, err := u.Verify(k.OperatorPublic())
		if err != nil {
			if a != nil {
				t.Fatal("a refused approval came out")
			}
			return
		}
		again, err := issuer.SignApproval(a.Subject, a.Part, k, a.IssuedAt)
		if err != nil {
			t.Fatalf("taken but not signable: %v", err)
		}
		if !bytes.Contains(again, payload) {
			t.Fatalf("payload %x is not what its meaning encodes to", payload)
		}
	})
}
