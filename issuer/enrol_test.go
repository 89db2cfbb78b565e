package issuer_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

func (o *office) tries(slip int64) (s issuer.SlipRow) {
	o.t.Helper()
	if err := o.store.View(bg, func(tx issuer.Tx) (err error) {
		s, err = tx.Slip(slip)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return s
}

func (o *office) entitled(id int64) (e issuer.Entitlement) {
	o.t.Helper()
	if err := o.store.View(bg, func(tx issuer.Tx) (err error) {
		e, err = tx.Entitlement(id, o.at)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return e
}

func (o *office) wished() (ids []int64) {
	o.t.Helper()
	if err := o.store.View(bg, func(tx issuer.Tx) (err error) {
		ids, err = tx.Wished(0, 100)
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return ids
}

func TestEnrol(t *testing.T) {
	o := testOffice(t)
	o.load(staff(3))
	s := o.slipFor(1)
	phone := newHolderKey(t)
	if len(o.wished()) != 0 {
		t.Fatal("a wish before anybody wished")
	}
	e, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, strings.ToLower(s.Code()), o.at, phone), o.at)
	if err != nil {
		t.Fatal(err)
	}
	if e.Entitlement != s.Entitlement || e.Replaced || e.Repeated || !e.Holder.Equal(phone.HolderPublic()) {
		t.Fatalf("enrolment %+v", e)
	}
	got := o.entitled(e.Entitlement)
	if !got.Live || !got.Wish || !bytes.Equal(got.HolderKey, phone.HolderPublic().MarshalCOSE()) {
		t.Fatalf("entitlement live %v, wish %v", got.Live, got.Wish)
	}
	if w := o.wished(); len(w) != 1 || w[0] != e.Entitlement {
		t.Fatalf("wished %v, want %d", w, e.Entitlement)
	}
	if id := o.issue(e.Entitlement); id.State != issuer.StateIssued {
		t.Fatalf("ID is %s", id.State)
	}
	// Without the slip's number the code finds the slip by itself.
	s = o.slipFor(2)
	if _, err := o.reg.Enrol(bg, 0, possess(t, ourBody, s.Code(), o.at, newHolderKey(t)), o.at); err != nil {
		t.Fatal(err)
	}
}

// [ENR-11] [ENR-12]
func TestPossessionChecks(t *testing.T) {
	o := testOffice(t)
	o.load(staff(2))
	s := o.slipFor(1)
	phone := newHolderKey(t)
	good := possess(t, ourBody, s.Code(), o.at, phone)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	m, err := cose.ParseSign1(good, cose.Profile{Type: cose.TypePossession})
	if err != nil {
		t.Fatal(err)
	}
	// The payload of one phone under the signature of another.
	other, err := cose.EncodeSign1(newHolderKey(t), cose.Header{Type: cose.TypePossession}, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want issuer.RegisterCode
	}{
		"empty":                  {nil, issuer.PossessionMalformed},
		"junk":                   {[]byte("SID1:junk"), issuer.PossessionMalformed},
		"too long":               {make([]byte, 1<<20), issuer.PossessionMalformed},
		"cut":                    {good[:len(good)-1], issuer.PossessionMalformed},
		"trailing":               {append(bytes.Clone(good), 0), issuer.PossessionMalformed},
		"signature flipped":      {flipped, issuer.PossessionMalformed},
		"another phone's signed": {other, issuer.PossessionMalformed},
		"another body":           {possess(t, otherBody, s.Code(), o.at, phone), issuer.PossessionOtherBody},
		"old":                    {possess(t, ourBody, s.Code(), o.at.Add(-72*time.Hour-time.Second), phone), issuer.PossessionStale},
		"ahead":                  {possess(t, ourBody, s.Code(), o.at.Add(601*time.Second), phone), issuer.PossessionAhead},
	} {
		_, err := o.reg.Enrol(bg, s.Number, c.data, o.at)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		t.Run(name, func(t *testing.T) { wantReason(t, err, c.want) })
	}
	if got := o.tries(s.Number); got.Tries != 0 || got.State != issuer.SlipOpen {
		t.Fatalf("%d tries, state %d: what proves nothing about the code must not count", got.Tries, got.State)
	}
	if _, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at.Add(600*time.Second), phone), o.at); err != nil {
		t.Fatalf("ten minutes ahead: %v", err)
	}
	s = o.slipFor(2)
	if _, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at.Add(-72*time.Hour), newHolderKey(t)), o.at); err != nil {
		t.Fatalf("three days old: %v", err)
	}
}

// [ENR-13] [ENR-14]
func TestFiveTries(t *testing.T) {
	o := testOffice(t)
	o.load(staff(2))
	s, s2 := o.slipFor(1), o.slipFor(2)
	phone := newHolderKey(t)
	wrong := possess(t, ourBody, "0000-0000-0000-0000", o.at, phone)
	for i := range issuer.SlipTries - 1 {
		_, err := o.reg.Enrol(bg, s.Number, wrong, o.at)
		wantReason(t, err, issuer.CodeWrong)
		if got := o.tries(s.Number); got.Tries != i+1 || got.State != issuer.SlipOpen {
			t.Fatalf("%d tries, state %d; want %d, open", got.Tries, got.State, i+1)
		}
	}
	// The code of another slip is as wrong as any, and neither uses nor counts on that one.
	_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s2.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.CodeWrong)
	if got := o.tries(s.Number); got.State != issuer.SlipBlocked {
		t.Fatalf("state %d after five tries, want blocked", got.State)
	}
	if got := o.tries(s2.Number); got.Tries != 0 || got.State != issuer.SlipOpen {
		t.Fatalf("other slip: %d tries, state %d", got.Tries, got.State)
	}
	// Now the right code is of no use either, and says no more than before.
	_, err = o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.CodeBlocked)
	_, err = o.reg.Enrol(bg, 0, possess(t, ourBody, s.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.CodeBlocked)
	_, err = o.reg.Enrol(bg, 0, wrong, o.at)
	wantReason(t, err, issuer.CodeUnknown)
	_, err = o.reg.Enrol(bg, 99, wrong, o.at)
	wantReason(t, err, issuer.CodeUnknown)
	// A new slip helps.
	s = o.slipFor(1)
	if _, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, phone), o.at); err != nil {
		t.Fatal(err)
	}
}

// [ENR-15]
func TestSlipLife(t *testing.T) {
	o := testOffice(t)
	o.load(staff(3))
	s := o.slipFor(1)
	at := s.Expires
	_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), at, newHolderKey(t)), at)
	wantReason(t, err, issuer.CodeExpired)
	at = at.Add(-time.Second)
	phone := newHolderKey(t)
	proof := possess(t, ourBody, s.Code(), at, phone)
	first, err := o.reg.Enrol(bg, s.Number, proof, at)
	if err != nil {
		t.Fatal(err)
	}
	// The same proof again is an answer that got lost: nothing is done twice. Another phone gets nothing.
	again, err := o.reg.Enrol(bg, s.Number, proof, at)
	if err != nil || !again.Repeated || again.ID != first.ID {
		t.Fatalf("again: %+v, %v", again, err)
	}
	_, err = o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), at, newHolderKey(t)), at)
	wantReason(t, err, issuer.CodeUsed)
	// After the holder withdrew, the old proof must not bring the wish back.
	if err := o.reg.Withdraw(bg, first.Entitlement, o.ops[0], at); err != nil {
		t.Fatal(err)
	}
	_, err = o.reg.Enrol(bg, s.Number, proof, at)
	wantReason(t, err, issuer.CodeUsed)
	if len(o.wished()) != 0 {
		t.Fatal("a replayed proof brought the wish back")
	}
	// A newer slip ends an older one.
	old := o.slipFor(2)
	if _, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at); err != nil {
		t.Fatal(err)
	}
	fresh := o.slip(issuer.SlipFilter{Entitlements: []int64{old.Entitlement}, Renew: true})
	_, err = o.reg.Enrol(bg, 0, possess(t, ourBody, old.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.CodeReplaced)
	if fresh.Code() == old.Code() || fresh.StopCode() == old.StopCode() || fresh.Code() == fresh.StopCode() {
		t.Fatal("codes repeat")
	}
}

// [ENR-16]
func TestOneKeyOnePerson(t *testing.T) {
	o := testOffice(t)
	o.load(staff(2))
	_, phone, _ := o.enrol(1)
	s := o.slipFor(2)
	proof := possess(t, ourBody, s.Code(), o.at, phone)
	for range issuer.SlipTries {
		_, err := o.reg.Enrol(bg, s.Number, proof, o.at)
		wantReason(t, err, issuer.KeyOfAnother)
	}
	_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, newHolderKey(t)), o.at)
	wantReason(t, err, issuer.CodeBlocked)
	// Not even after the first gave it up.
	if err := o.reg.Withdraw(bg, o.entitlement(1), o.ops[0], o.at); err != nil {
		t.Fatal(err)
	}
	s = o.slipFor(2)
	_, err = o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.KeyOfAnother)
}

// [ENR-17] Of many phones that hand in one code at once exactly one is enrolled.
func TestParallelEnrolment(t *testing.T) {
	o := testOffice(t)
	o.load(staff(5))
	for n := 1; n <= 5; n++ {
		s := o.slipFor(n)
		const phones = 24
		errs := make([]error, phones)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range phones {
			proof := possess(t, ourBody, s.Code(), o.at, newHolderKey(t))
			wg.Go(func() {
				<-start
				_, errs[i] = o.reg.Enrol(bg, s.Number, proof, o.at)
			})
		}
		close(start)
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantReason(t, err, issuer.CodeUsed)
		}
		if won != 1 {
			t.Fatalf("%d phones were enrolled with one code, want 1", won)
		}
	}
	if w := o.wished(); len(w) != 5 {
		t.Fatalf("%d wishes, want 5", len(w))
	}
}

// Parallel wrong codes never get more than five tries.
func TestParallelTries(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	s := o.slipFor(1)
	wrong := possess(t, ourBody, "1111-1111-1111-1111", o.at, newHolderKey(t))
	var mu sync.Mutex
	reasons := map[issuer.RegisterCode]int{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := o.reg.Enrol(bg, s.Number, wrong, o.at)
			var e *issuer.EnrolmentError
			if errors.As(err, &e) {
				r, _ := e.Registrar()
				mu.Lock()
				reasons[r]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if reasons[issuer.CodeWrong] != issuer.SlipTries || reasons[issuer.CodeBlocked] != 20-issuer.SlipTries {
		t.Fatalf("reasons %v, want %d tries and the rest blocked", reasons, issuer.SlipTries)
	}
}

// [ENR-18]
// ENR-23.
func TestNewPhoneLiftsNoSuspension(t *testing.T) {
	for _, c := range []struct {
		ground issuer.Ground
		order  string
		taken  bool
	}{{issuer.GroundCheck, "7", false}, {issuer.GroundSuspension, "7", false}, {issuer.GroundLoss, "", true}, {issuer.GroundTheft, "", true}} {
		o := testOffice(t)
		o.load(staff(1))
		_, _, e := o.enrol(1)
		id := o.issue(e.Entitlement)
		s := o.slip(issuer.SlipFilter{Entitlements: []int64{e.Entitlement}, NewPhone: true})
		change := issuer.Change{Ground: c.ground, Order: c.order, At: o.at, Operator: "1"}
		if c.order != "" {
			change.OrderDate = o.at
		}
		if err := o.body.Suspend(bg, id.ID, change); err != nil {
			t.Fatalf("%s: %v", c.ground, err)
		}
		_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, newHolderKey(t)), o.at)
		if c.taken {
			if err != nil || o.state(id.ID) != issuer.StateReplaced {
				t.Errorf("%s: %v, ID is %s", c.ground, err, o.state(id.ID))
			}
			continue
		}
		wantReason(t, err, issuer.NotEntitled)
		if got := o.state(id.ID); got != issuer.StateSuspended {
			t.Errorf("%s: a new phone made the suspended ID %s", c.ground, got)
		}
	}
}

func TestNewPhoneReplaces(t *testing.T) {
	o := testOffice(t)
	o.load(staff(2))
	first, phone, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	if _, err := o.reg.Slips(bg, issuer.SlipFilter{NewPhone: true}, o.ops[0], o.at); err == nil {
		t.Fatal("slips for new phones of everybody")
	}
	if s, err := o.reg.Slips(bg, issuer.SlipFilter{Entitlements: []int64{e.Entitlement}}, o.ops[0], o.at); err != nil || len(s) != 0 {
		t.Fatalf("%d slips for who is enrolled, %v; want none unless a new phone is meant", len(s), err)
	}
	s := o.slip(issuer.SlipFilter{Entitlements: []int64{e.Entitlement}, NewPhone: true})
	if o.state(id.ID) != issuer.StateIssued {
		t.Fatal("a slip alone must change no ID")
	}
	next := newHolderKey(t)
	e2, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, next), o.at)
	if err != nil || !e2.Replaced {
		t.Fatalf("%+v, %v", e2, err)
	}
	if got := o.state(id.ID); got != issuer.StateReplaced {
		t.Fatalf("old ID is %s, want replaced", got)
	}
	id2 := o.issue(e.Entitlement)
	if id2.Serial == id.Serial || o.state(id2.ID) != issuer.StateIssued || id2.Holder == phone.HolderPublic().Thumbprint() {
		t.Fatal("the new phone has no ID of its own")
	}
	// The old slip's stop code went with the old phone.
	_, err = o.reg.StopByCode(bg, first.StopCode(), o.at)
	wantReason(t, err, issuer.CodeReplaced)
	if o.state(id2.ID) != issuer.StateIssued {
		t.Fatal("an old stop code stopped the new phone")
	}
}

// [ENR-19]
func TestStopCodeOnlySuspends(t *testing.T) {
	o := testOffice(t)
	o.load(staff(3))
	s, _, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	for _, bad := range []string{"", "12", s.Code(), "0000-0000-0000-0000", strings.Repeat("0", 300)} {
		_, err := o.reg.StopByCode(bg, bad, o.at)
		wantReason(t, err, issuer.CodeUnknown)
	}
	// It lives as long as the ID, not as long as the enrolment code.
	late := s.Expires.Add(24 * time.Hour)
	done, err := o.reg.StopByCode(bg, strings.ToLower(s.StopCode()), late)
	if err != nil || !done {
		t.Fatalf("%v, %v", done, err)
	}
	if got := o.state(id.ID); got != issuer.StateSuspended {
		t.Fatalf("ID is %s, want suspended", got)
	}
	if done, err = o.reg.StopByCode(bg, s.StopCode(), late); err != nil || done {
		t.Fatalf("again: %v, %v", done, err)
	}
	if err := o.body.Resume(bg, id.ID, issuer.Change{Ground: issuer.GroundRecovered, At: late, Operator: "1"}); err != nil {
		t.Fatal(err)
	}
	// Its own code never enrols.
	_, err = o.reg.Enrol(bg, 0, possess(t, ourBody, s.StopCode(), o.at, newHolderKey(t)), o.at)
	wantReason(t, err, issuer.CodeUnknown)
	// Before enrolment it closes a slip that was lost.
	lost := o.slipFor(2)
	if done, err = o.reg.StopByCode(bg, lost.StopCode(), o.at); err != nil || done {
		t.Fatalf("%v, %v", done, err)
	}
	_, err = o.reg.Enrol(bg, lost.Number, possess(t, ourBody, lost.Code(), o.at, newHolderKey(t)), o.at)
	wantReason(t, err, issuer.CodeStopped)
	_, err = o.reg.StopByCode(bg, lost.StopCode(), o.at)
	wantReason(t, err, issuer.CodeStopped)
}

// [ENR-20]
func TestWithdraw(t *testing.T) {
	o := testOffice(t)
	o.load(staff(2))
	_, phone, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	wantCode(t, o.reg.Withdraw(bg, o.entitlement(2), o.ops[0], o.at), issuer.NotEnrolled)
	if err := o.reg.Withdraw(bg, 99, o.ops[0], o.at); !errors.Is(err, issuer.ErrNotFound) {
		t.Fatalf("no such entitlement: %v", err)
	}
	wantCode(t, o.reg.Withdraw(bg, e.Entitlement, issuer.Operator{ID: 7}, o.at), issuer.OperatorUnknown)
	if err := o.reg.Withdraw(bg, e.Entitlement, o.ops[0], o.at); err != nil {
		t.Fatal(err)
	}
	if got := o.state(id.ID); got != issuer.StateRevoked {
		t.Fatalf("ID is %s, want revoked", got)
	}
	if e := o.entitled(e.Entitlement); e.Wish || e.HolderKey != nil || !e.Live {
		t.Fatalf("wish %v, live %v; want the right without the wish", e.Wish, e.Live)
	}
	wantCode(t, o.reg.Withdraw(bg, e.Entitlement, o.ops[0], o.at), issuer.NotEnrolled)
	// At will, and again at will, with a new key.
	s := o.slipFor(1)
	_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.KeyRevoked)
	if got := o.tries(s.Number); got.Tries != 0 || got.State != issuer.SlipOpen {
		t.Fatalf("%d tries, state %d; want the slip as it was", got.Tries, got.State)
	}
	again, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, newHolderKey(t)), o.at)
	if err != nil {
		t.Fatal(err)
	}
	if id2 := o.issue(again.Entitlement); id2.Serial == id.Serial {
		t.Fatal("the revoked ID came back")
	}
}

// [ENR-21]
func TestOnlyTheEntitledEnrol(t *testing.T) {
	o := testOffice(t)
	people := staff(4)
	o.load(people)
	var slips []issuer.Slip
	for n := 1; n <= 4; n++ {
		slips = append(slips, o.slipFor(n))
	}
	people[0].status, people[0].ground = "dismissed", "dismissal"
	people[1].status, people[1].ground = "suspended", "suspension"
	people[2].noPhoto = true
	o.apply(o.plan(people, true))
	for i, s := range slips[:3] {
		_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, newHolderKey(t)), o.at)
		wantReason(t, err, issuer.NotEntitled)
		if got := o.tries(s.Number); got.Tries != 0 {
			t.Errorf("person %d: %d tries counted, want 0", i+1, got.Tries)
		}
	}
	// Nor are slips made for them.
	made, err := o.reg.Slips(bg, issuer.SlipFilter{Renew: true}, o.ops[0], o.at)
	if err != nil || len(made) != 1 {
		t.Fatalf("%d slips, %v; want one", len(made), err)
	}
	// Who was suspended can use his slip once he is back.
	people[1].status, people[1].ground = "active", ""
	o.apply(o.plan([]official{people[1], people[2], people[3]}, true))
	if _, err := o.reg.Enrol(bg, slips[1].Number, possess(t, ourBody, slips[1].Code(), o.at, newHolderKey(t)), o.at); err != nil {
		t.Fatal(err)
	}
}

// A leave ends wish, slips and phone: who comes back starts anew.
func TestLeaveEndsEnrolment(t *testing.T) {
	o := testOffice(t)
	people := staff(3)
	o.load(people)
	s, phone, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	open := o.slipFor(2)
	gone := staff(3)
	gone[0].status, gone[0].ground, gone[0].order = "dismissed", "dismissal", "7-к"
	gone[1].status, gone[1].ground, gone[1].order = "dismissed", "dismissal", "8-к"
	if r := o.apply(o.plan(gone, true)); r.Revoked != 1 || r.Applied[hr.Leave] != 2 {
		t.Fatalf("%+v", r)
	}
	if o.state(id.ID) != issuer.StateRevoked || len(o.wished()) != 0 {
		t.Fatalf("ID is %s, wishes %v", o.state(id.ID), o.wished())
	}
	_, err := o.reg.StopByCode(bg, s.StopCode(), o.at)
	wantReason(t, err, issuer.CodeReplaced)
	_, err = o.reg.Enrol(bg, open.Number, possess(t, ourBody, open.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.NotEntitled)
	o.load(people)
	_, err = o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, phone), o.at)
	wantReason(t, err, issuer.CodeUsed)
	if _, _, e := o.enrol(1); e.Replaced {
		t.Fatal("a phone of before the leave was still enrolled")
	}
	if id2 := o.issue(e.Entitlement); id2.Serial == id.Serial {
		t.Fatal("the revoked ID came back")
	}
}

// The state of a store that counts tries is durable: opening the file again gives no new tries.
func TestTriesSurviveARestart(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	s := o.slipFor(1)
	wrong := func() []byte { return possess(t, ourBody, "2222-2222-2222-2222", o.at, newHolderKey(t)) }
	for range issuer.SlipTries {
		_, err := o.reg.Enrol(bg, s.Number, wrong(), o.at)
		wantReason(t, err, issuer.CodeWrong)
		o.reopen()
	}
	_, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, newHolderKey(t)), o.at)
	wantReason(t, err, issuer.CodeBlocked)
}

// A wrong key under the possession's own rules stays out of every role but the holder's.
func TestOperatorKeyIsNoHolderKey(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	s := o.slipFor(1)
	plan := o.plan(staff(1), true)
	_, err := o.reg.Enrol(bg, s.Number, o.author(plan), o.at)
	wantReason(t, err, issuer.PossessionMalformed)
	phone := newHolderKey(t)
	if _, err := keys.NewOperatorPublicKey(phone.HolderPublic().COSE()); err != nil {
		t.Fatal(err)
	}
	_, err = o.reg.ApplyPlan(bg, plan, [][]byte{possess(t, ourBody, s.Code(), o.at, phone)}, o.at)
	wantCode(t, err, issuer.ApprovalMalformed)
}
