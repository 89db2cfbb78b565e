package verifycli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/verifier"
)

// written is how many events stand in the journal.
func written(t *testing.T, state *checkpoint.State) int {
	t.Helper()
	info, err := state.JournalInfo()
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Events)
}

// TestJournalStarts: a journal starts with the bundle that admits the device and with the setting, while the screen runs, and
// stops with it; that there is none is told and is no error of a verdict (WAT-26).
func TestJournalStarts(t *testing.T) {
	_, state, bundle := enrollingState(t)
	j := &journal{state: state}
	at := journalBase
	keep := func(want int) {
		t.Helper()
		at = at.Add(time.Second)
		if err := j.keep(watch.Event{At: at, Guard: "Коваль", Shift: journalBase, Source: watch.Hand, Verdict: &verifier.Verdict{Code: verifier.Revoked}}); err != nil {
			t.Error(err)
		}
		if n := written(t, state); n != want {
			t.Errorf("%d events, want %d", n, want)
		}
	}
	keep(0)
	if why := j.why(at); !strings.Contains(why.UK, "не ведеться: немає набору довіри") || why.EN == "" {
		t.Errorf("before the bundle: %+v", why)
	}
	if _, err := state.Install(bundle, journalBase); err != nil {
		t.Fatal(err)
	}
	keep(1)
	if why := j.why(at); why != (watch.Words{}) {
		t.Errorf("with the bundle: %+v", why)
	}
	for _, days := range []int{0, 7} {
		if err := state.SetJournalDays(days, at); err != nil {
			t.Fatal(err)
		}
		if why := j.why(at); (why == watch.Words{}) != (days > 0) {
			t.Errorf("%d days: %+v", days, why)
		}
		keep(min(days, 1))
	}
	// An event that cannot be written is an error.
	if err := j.keep(watch.Event{At: at, Source: watch.Hand, Verdict: &verifier.Verdict{}}); err == nil {
		t.Error("an event of nobody's was written")
	}
}

// TestJournalIsNotFlooded: of verdicts that no signature stands behind a minute has a few; the rest are counted and told, and
// verdicts about holders and cards are written all the same (WAT-27).
func TestJournalIsNotFlooded(t *testing.T) {
	_, state, bundle := enrollingState(t)
	if _, err := state.Install(bundle, journalBase); err != nil {
		t.Fatal(err)
	}
	j := &journal{state: state}
	at := journalBase.Truncate(time.Minute).Add(time.Minute)
	junk := verifier.Verdict{Code: verifier.Malformed}
	signed := verifier.Verdict{Code: verifier.Revoked}
	signed.Checks[verifier.CheckHolderSignature].Result = verifier.Pass
	forged := verifier.Verdict{Code: verifier.HolderSignature, HasStatus: true, Issuer: &verifier.Issuer{EDRPOU: "10000001"}}
	forged.Checks[verifier.CheckHolderSignature].Result = verifier.Fail
	keep := func(v verifier.Verdict, card bool) error {
		return j.keep(watch.Event{At: at, Guard: "Коваль", Shift: journalBase, Source: "/dev/video0", Card: card, Verdict: &v})
	}
	for i := range maxUnsigned {
		v := junk
		if i%2 == 1 {
			v = forged // a token that somebody has seen, with signatures of chance
		}
		if err := keep(v, false); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		var told watch.Words
		if err := keep([]verifier.Verdict{junk, forged, junk}[i], false); !errors.As(err, &told) || !strings.Contains(told.UK, "пропущено "+string(rune('1'+i))) {
			t.Errorf("%d too many: %v", i+1, err)
		}
	}
	if err := errors.Join(keep(signed, false), keep(junk, true)); err != nil {
		t.Error(err)
	}
	if n := written(t, state); n != maxUnsigned+2 {
		t.Errorf("%d events", n)
	}
	at = at.Add(time.Minute)
	if err := keep(junk, false); err != nil {
		t.Errorf("in the next minute: %v", err)
	}
}
