package verifier_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"pgregory.net/rapid"
)

// harsher are changes of what is known that may take an acceptance away and never give one: something is revoked, a
// right is lowered, the policy is raised, data are older.
var harsher = []struct {
	name string
	edit func(w *world)
}{
	{"revoked", func(w *world) {
		w.carry(ministry, base.Add(time.Minute), 0, map[uint32]trust.StatusValue{indexValid: trust.StatusInvalid})
	}},
	{"suspended", func(w *world) {
		w.carry(ministry, base.Add(time.Minute), 0, map[uint32]trust.StatusValue{indexValid: trust.StatusSuspended})
	}},
	{"key compromised", func(w *world) { end(w, trust.Ending{Compromised: true}) }},
	{"key retired before", func(w *world) { end(w, trust.Ending{RetiredAt: base.Add(-11 * day)}) }},
	{"key retired after", func(w *world) { end(w, trust.Ending{RetiredAt: base.Add(-9 * day)}) }},
	{"status age of a minute", func(w *world) { policyOfAll(w, trust.ClassPolicy{StatusAge: time.Minute}) }},
	{"level 3", func(w *world) { policyOfAll(w, trust.ClassPolicy{MinLevel: 3}) }},
	{"body ended", func(w *world) {
		if err := w.reg.EndBody(ministry, base.Add(-10*day)); err != nil {
			w.tb.Fatal(err)
		}
	}},
}

// policyOfAll sets one policy for every class.
func policyOfAll(w *world, p trust.ClassPolicy) {
	all := map[trust.Class]trust.ClassPolicy{trust.ClassNone: p, trust.ClassCheckpoint: p, trust.ClassCouncil: p}
	if err := w.reg.SetPolicy(trust.Policy{Classes: all}); err != nil {
		w.tb.Fatal(err)
	}
}

// drawInput is any code of the ministry or of a cheat, at any time around its window and its bundle.
func drawInput(rt *rapid.T, w *world) verifier.Input {
	// Most codes are honest, or nothing would be accepted and nothing shown: each oddity comes one time in ten.
	odd := func(name string) bool { return rapid.IntRange(0, 9).Draw(rt, name) == 9 }
	when := base.Add(time.Duration(rapid.Int64Range(61, 2*86400).Draw(rt, "now")) * time.Second)
	if odd("any time") {
		when = base.Add(time.Duration(rapid.Int64Range(-400, 9*86400).Draw(rt, "any now")) * time.Second)
	}
	age := rapid.SampledFrom([]int{-60, 0, 30, 90}).Draw(rt, "age")
	if odd("out of the window") {
		age = rapid.SampledFrom([]int{-601, -600, -61, 91, 600, 601}).Draw(rt, "odd age")
	}
	c := code{at: when.Add(-time.Duration(age) * time.Second), cnonce: w.beacon(0)}
	index, life, iss, signer := uint32(indexValid), 30*day, ministry, ministry
	if odd("status") {
		index = rapid.SampledFrom([]uint32{indexRevoked, indexSuspended, listLength}).Draw(rt, "index")
	}
	if odd("term") {
		life = time.Duration(rapid.SampledFrom([]int64{1, 10, 11, 31}).Draw(rt, "life")) * day
	}
	if odd("other body") {
		iss = council
	}
	if odd("other key") {
		signer = council
	}
	c.edit = func(claims *credential.Claims) {
		status(index)(claims)
		claims.Issuer = iss
		claims.ExpiresAt = claims.IssuedAt.Add(life)
	}
	k := w.iss[signer]
	c.issuer = &k
	if odd("thief") {
		h := holderKey(w.tb, "thief")
		c.holder = &h
	}
	if odd("no beacon") {
		c.noBeacon, c.cnonce = true, nil
	} else if odd("other beacon") {
		c.cnonce = w.beacon(rapid.SampledFrom([]int{-9, -7, -1, 1, 29, 31}).Draw(rt, "step"))
	}
	in := w.input(w.text(c))
	in.At = when
	in.Class = rapid.SampledFrom([]trust.Class{trust.ClassNone, trust.ClassCheckpoint, trust.ClassCouncil}).Draw(rt, "class")
	in.MinLevel = verifier.Level(rapid.IntRange(0, 2).Draw(rt, "level"))
	return in
}

func TestVerdictIsMonotone(t *testing.T) {
	plainWorld := newWorld(t)
	plainWorld.publish(base.Add(time.Minute))
	worlds := make([]*world, len(harsher))
	for i, h := range harsher {
		worlds[i] = newWorld(t)
		h.edit(worlds[i])
		worlds[i].publish(base.Add(time.Minute))
	}
	accepted, taken := 0, make([]int, len(harsher))
	rapid.Check(t, func(rt *rapid.T) {
		in := drawInput(rt, plainWorld)
		v := verifier.Verify(in)
		if again := verifier.Verify(in); !reflect.DeepEqual(v, again) {
			rt.Fatal("not pure")
		}
		if v.Outcome == verifier.Accept {
			accepted++
		}
		never := func(name string, harsh verifier.Input) bool {
			got := verifier.Verify(harsh)
			if v.Outcome != verifier.Accept && got.Outcome == verifier.Accept {
				rt.Fatalf("%s: %s turned into accept", name, v.Code)
			}
			if v.Outcome == verifier.Refuse && v.Code.Cause() == verifier.CauseForged && got.Outcome != verifier.Refuse {
				rt.Fatalf("%s: a forgery (%s) is hidden by %s", name, v.Code, got.Code)
			}
			return got.Outcome != v.Outcome
		}
		for i, w := range worlds {
			harsh := in
			harsh.Bundle = w.bundle
			if never(harsher[i].name, harsh) {
				taken[i]++
			}
		}
		late := in
		late.Floor = in.At.Add(time.Duration(rapid.IntRange(-300, 300).Draw(rt, "floor")) * time.Second)
		never("a later floor", late)
		lost := in
		lost.FloorErr = errors.New("lost")
		never("a lost floor", lost)
		high := in
		high.MinLevel = in.MinLevel + 1
		never("a higher level", high)
		shown := in
		shown.Seen = func([32]byte) (time.Time, bool) { return in.At.Add(-11 * time.Second), true }
		never("read before", shown)
	})
	if accepted == 0 {
		t.Error("nothing was accepted: the property shows nothing")
	}
	for i, n := range taken {
		if n == 0 {
			t.Errorf("%s changed no verdict: the property shows nothing of it", harsher[i].name)
		}
	}
	t.Logf("%d accepted; verdicts changed by each: %v", accepted, taken)
}

// TestOlderDataNeverHelp holds the same code against the same bundle as it ages.
func TestOlderDataNeverHelp(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		index := rapid.SampledFrom([]uint32{indexValid, indexRevoked, indexSuspended}).Draw(rt, "index")
		older := rapid.Int64Range(0, 12*86400).Draw(rt, "older")
		much := older + rapid.Int64Range(1, 12*86400).Draw(rt, "much older")
		outcome := func(age int64) verifier.Verdict {
			return verifier.Verify(at(base.Add(time.Duration(age)*time.Second), code{edit: func(c *credential.Claims) {
				status(index)(c)
				c.ExpiresAt = c.IssuedAt.Add(30 * day)
			}})(w))
		}
		a, b := outcome(older), outcome(much)
		if a.Outcome != verifier.Accept && b.Outcome == verifier.Accept {
			rt.Fatalf("%d s: %s, %d s: accept", older, a.Code, much)
		}
		if index == indexRevoked && (a.Outcome != verifier.Refuse || b.Outcome != verifier.Refuse) {
			rt.Fatalf("a revocation is hidden by age: %s, %s", a.Code, b.Code)
		}
	})
}
