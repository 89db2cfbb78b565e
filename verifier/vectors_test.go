package verifier_test

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// presentations are the committed vectors that a verifier reads.
func presentations(t *testing.T) []testvectors.Scenario {
	t.Helper()
	if _, err := fs.Stat(testvectors.Vectors(), "."); errors.Is(err, fs.ErrNotExist) {
		t.Skip("testvectors/v1 is not there: go run ./testvectors/gen")
	}
	all, err := testvectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var out []testvectors.Scenario
	for _, s := range all {
		if s.Kind == "presentation" {
			out = append(out, s)
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d vectors are presentations", len(out))
	}
	return out
}

// demoPin is the fingerprint of the root that the vectors stand under, unless one says otherwise.
func demoPin(t *testing.T) trust.Fingerprint {
	t.Helper()
	object, _, _, err := demoroot.Root()
	if err != nil {
		t.Fatal(err)
	}
	reg, err := trust.NewRegister(object)
	if err != nil {
		t.Fatal(err)
	}
	return reg.RootFingerprint()
}

// vectorInput is what the headers of a vector say.
func vectorInput(t *testing.T, s testvectors.Scenario, pin trust.Fingerprint) verifier.Input {
	t.Helper()
	in := verifier.Input{Text: string(s.Data), At: s.At, VerifierID: s.ID, MinLevel: verifier.Level(s.Level)}
	if s.Pin != "" {
		pin = must[trust.Fingerprint](t)(trust.ParseFingerprint(s.Pin))
	}
	switch s.Trust {
	case "", "none":
		in.BundleErr = trust.ErrNoPin
	case "no-bundle":
	default:
		data := must[[]byte](t)(testvectors.TrustFile(s.Trust))
		in.Bundle, in.BundleErr = trust.Open(data, pin)
	}
	switch s.Floor {
	case "":
	case "lost":
		in.FloorErr = verifier.ClockUnknown
	default:
		in.Floor = must[time.Time](t)(time.Parse(time.RFC3339, s.Floor))
	}
	switch s.Class {
	case "":
	case "checkpoint":
		in.Class = trust.ClassCheckpoint
	case "council":
		in.Class = trust.ClassCouncil
	default:
		t.Fatalf("class %q", s.Class)
	}
	states := map[string]verifier.ChallengeState{"": verifier.ChallengeUnknown, "open": verifier.ChallengeOpen,
		"used": verifier.ChallengeUsed, "expired": verifier.ChallengeExpired}
	state, ok := states[s.Nonce]
	if !ok {
		t.Fatalf("nonce %q", s.Nonce)
	}
	in.Nonce = func([16]byte, [32]byte) verifier.ChallengeState { return state }
	if s.Seen != "" {
		first := must[time.Time](t)(time.Parse(time.RFC3339, s.Seen))
		in.Seen = func([32]byte) (time.Time, bool) { return first, true }
	}
	switch s.Photo {
	case "":
	case "plastic":
		in.Photo.Kind = verifier.PhotoPlastic
	case "matched":
		in.Photo.Kind = verifier.PhotoMatched
		if v := verifier.Verify(in); v.Holder != nil { // the picture of the very holder
			in.Photo.Hash = v.Holder.PhotoHash
		}
	default:
		in.Photo = verifier.Photo{Kind: verifier.PhotoMatched, Hash: [20]byte(must[[]byte](t)(hex.DecodeString(s.Photo)))}
	}
	return in
}

// TestVectors runs every committed presentation.
func TestVectors(t *testing.T) {
	all := presentations(t)
	pin := demoPin(t)
	negatives := 0
	for _, s := range all {
		v := verifier.Verify(vectorInput(t, s, pin))
		if v.Outcome.String() != s.Expect || string(v.Code) != s.Code {
			t.Errorf("%s (%s): %s %s, want %s %s", s.Name, s.Comment, v.Outcome, v.Code, s.Expect, s.Code)
		}
		if s.Expect != "accept" {
			negatives++
		}
	}
	t.Logf("%d vectors, %d of them do not accept", len(all), negatives)
	if negatives*2 < len(all) {
		t.Error("positives outnumber negatives")
	}
}

// TestEveryCodeHasAVector: a code that no vector shows is a code that nobody can check. Three are faults of a program's
// own state, which a text file cannot bring about, and one is the lack of any text.
func TestEveryCodeHasAVector(t *testing.T) {
	shown := map[string]bool{string(verifier.Internal): true, string(verifier.NoCode): true, string(verifier.StateDamaged): true, string(verifier.BundleRollback): true}
	for _, s := range presentations(t) {
		shown[s.Code] = true
	}
	for _, c := range verifier.Codes() {
		if !shown[string(c)] && !ofCards(c) {
			t.Errorf("no vector ends in %s", c)
		}
	}
}

// ofCards reports whether only a card can bring a code about: package verifier/card shows every one of those.
func ofCards(c verifier.Code) bool {
	return strings.HasPrefix(string(c), "card-") || strings.HasPrefix(string(c), "carrier-") || strings.HasPrefix(string(c), "crl-")
}
