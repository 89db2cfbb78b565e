package main

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// demoPin is the fingerprint of the demo's root.
func demoPin(tb testing.TB) trust.Fingerprint {
	tb.Helper()
	object, _, _, err := demoroot.Root()
	if err != nil {
		tb.Fatal(err)
	}
	root, err := trust.ParseRoot(object)
	if err != nil {
		tb.Fatal(err)
	}
	return root.Fingerprint
}

// scenarios reads v1.
func scenarios(tb testing.TB) []testvectors.Scenario {
	tb.Helper()
	all, err := testvectors.Scenarios()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// opener opens the bundles of v1 once each.
type opener struct {
	tb  testing.TB
	pin trust.Fingerprint
	all map[string]*trust.Bundle
	err map[string]error
}

func newOpener(tb testing.TB) *opener {
	return &opener{tb, demoPin(tb), map[string]*trust.Bundle{}, map[string]error{}}
}

func (o *opener) open(name string) (*trust.Bundle, error) {
	o.tb.Helper()
	switch name {
	case "none":
		return nil, verifier.NoRoot
	case "no-bundle":
		return nil, verifier.NoBundle
	}
	if _, ok := o.err[name]; !ok {
		data, err := testvectors.TrustFile(name)
		if err != nil {
			o.tb.Fatal(err)
		}
		o.all[name], o.err[name] = trust.Open(data, o.pin)
	}
	return o.all[name], o.err[name]
}

// input is what a device in the circumstances of a scenario knows.
func (o *opener) input(s testvectors.Scenario) verifier.Input {
	o.tb.Helper()
	in := verifier.Input{Text: string(s.Data), At: s.At, VerifierID: s.ID, MinLevel: verifier.Level(s.Level)}
	in.Bundle, in.BundleErr = o.open(s.Trust)
	switch s.Floor {
	case "":
	case "lost":
		in.FloorErr = verifier.ClockUnknown
	default:
		in.Floor = moment(o.tb, s.Floor)
	}
	switch s.Class {
	case "":
	case "checkpoint":
		in.Class = trust.ClassCheckpoint
	case "council":
		in.Class = trust.ClassCouncil
	default:
		o.tb.Fatalf("class %q", s.Class)
	}
	state, ok := map[string]verifier.ChallengeState{"": verifier.ChallengeUnknown, "open": verifier.ChallengeOpen,
		"used": verifier.ChallengeUsed, "expired": verifier.ChallengeExpired}[s.Nonce]
	if !ok {
		o.tb.Fatalf("nonce %q", s.Nonce)
	}
	in.Nonce = func([16]byte, [32]byte) verifier.ChallengeState { return state }
	if s.Seen != "" {
		first := moment(o.tb, s.Seen)
		in.Seen = func([32]byte) (time.Time, bool) { return first, true }
	}
	switch s.Photo {
	case "":
	case "plastic":
		in.Photo.Kind = verifier.PhotoPlastic
	case "matched":
		in.Photo = verifier.Photo{Kind: verifier.PhotoMatched, Hash: testvectors.Persons()[0].Photo()}
	default:
		hash, err := hex.DecodeString(s.Photo)
		if err != nil || len(hash) != 20 {
			o.tb.Fatalf("photo %q", s.Photo)
		}
		in.Photo = verifier.Photo{Kind: verifier.PhotoMatched, Hash: [20]byte(hash)}
	}
	return in
}

func moment(tb testing.TB, text string) time.Time {
	tb.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

// TestPresentations judges every presentation of v1 natively.
func TestPresentations(t *testing.T) {
	o := newOpener(t)
	count := map[string]int{}
	for _, s := range scenarios(t) {
		if s.Kind != "presentation" {
			continue
		}
		got := verifier.Verify(o.input(s))
		count[got.Outcome.String()]++
		if string(got.Code) != s.Code || got.Outcome.String() != s.Expect {
			t.Errorf("%s: %s %s (%v), want %s %s", s.Name, got.Outcome, got.Code, got.Err(), s.Expect, s.Code)
		}
		if (got.Err() == nil) != (s.Expect == "accept") {
			t.Errorf("%s: %s, but Err() = %v", s.Name, s.Expect, got.Err())
		}
	}
	t.Logf("%d presentations: %d accept, %d refuse, %d cannot-confirm", count["accept"]+count["refuse"]+count["cannot-confirm"],
		count["accept"], count["refuse"], count["cannot-confirm"])
	if count["accept"] >= count["refuse"]+count["cannot-confirm"] {
		t.Error("negatives do not outnumber positives")
	}
}

// TestDevices judges codes at devices that have lost or damaged what they remember.
func TestDevices(t *testing.T) {
	o := newOpener(t)
	for _, s := range scenarios(t) {
		if s.Kind != "device" {
			continue
		}
		in := o.input(s)
		if s.Held != "" {
			held, err := o.open(s.Held)
			if err != nil {
				t.Fatal(err)
			}
			memory, err := trust.Memory{}.Accept(held)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := memory.Accept(in.Bundle); err != nil {
				in.Bundle, in.BundleErr = nil, err
			}
		}
		switch s.State {
		case "":
		case "damaged":
			in.Bundle, in.BundleErr = nil, verifier.StateDamaged
		case "fault":
			in.Nonce = func([16]byte, [32]byte) verifier.ChallengeState { panic("no memory") }
		case "unread":
			in.Unread = true
		default:
			t.Errorf("%s: state %q", s.Name, s.State)
		}
		got := verifier.Verify(in)
		if string(got.Code) != s.Code || got.Outcome.String() != s.Expect {
			t.Errorf("%s: %s %s (%v), want %s %s", s.Name, got.Outcome, got.Code, got.Err(), s.Expect, s.Code)
		}
	}
}
