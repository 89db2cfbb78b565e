package card_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// pair are two cards that lie on the reader one after the other.
type pair struct {
	name          string
	first, second func() emulate.Device
	commands      int
}

// pairs are good cards of every profile, all valid, so that every mixture would be worth a forger's while.
func pairs(t *testing.T, w *world) []pair {
	t.Helper()
	a, b := personalise(t, pkiOurs, nil), personalise(t, pkiOurs, withGUID(guidSuspended))
	rsa := personalise(t, pkiOurs, func(s *emulate.CardSpec) { s.GUID, s.CardAuthentication = guidSuspended, emulate.RSA2048 })
	named := func(name string) func(*credential.Claims) { return func(c *credential.Claims) { c.Name = name } }
	recordA, recordB := tag(t, w.token(credential.KindCard, key9E(a), named("Перша"))), tag(t, w.token(credential.KindCard, key9E(b), named("Друга")))
	staticA, staticB := tag(t, w.token(credential.KindStatic, nil, named("Перша"))), tag(t, w.token(credential.KindStatic, nil, named("Друга")))
	contactless := func(uid byte, apps ...emulate.Application) func() emulate.Device {
		return func() emulate.Device {
			return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 1, 2, 3, 4, 5, uid}}, apps...)
		}
	}
	contact := func(apps ...emulate.Application) func() emulate.Device {
		return func() emulate.Device { return emulate.NewChip(emulate.ChipConfig{}, apps...) }
	}
	out := []pair{
		{"PIV and PIV", contactless(1, a), contactless(2, b), 0},
		{"PIV and PIV with RSA", contactless(1, a), contactless(2, rsa), 0},
		{"PIV and PIV, contact", contact(a), contact(b), 0},
		{"PIV with record and the same of another", contactless(1, a, recordA), contactless(2, b, recordB), 0},
		{"PIV and a card with record", contactless(1, a), contactless(2, b, recordB), 0},
		{"PIV with record and a static tag", contactless(1, a, recordA), contactless(2, staticB), 0},
		{"tag and tag", contactless(1, staticA), contactless(2, staticB), 0},
		{"tag and tag, contact", contact(staticA), contact(staticB), 0},
		{"tag and PIV", contactless(1, staticA), contactless(2, b), 0},
		{"number and number", contactless(1), contactless(2), 0},
	}
	for i := range out {
		count := emulate.NewScript(out[i].first())
		r := card.Read(context.Background(), count, card.Options{})
		if r.Err != nil {
			t.Fatalf("%s: %v", out[i].name, r.Err)
		}
		out[i].commands = r.Counts.Commands
	}
	return out
}

// TestNoVerdictFromTwoCards (CDV-31): another card takes the place of the first at every command, without the reader noticing. No verdict may
// rest on both: what is accepted or refused is one of them whole, and everything else cannot be confirmed.
func TestNoVerdictFromTwoCards(t *testing.T) {
	w := newWorld(t, setup{})
	swaps, unread := 0, 0
	for _, p := range pairs(t, w) {
		alone := map[string]bool{} // what each card says by itself
		for _, device := range []emulate.Device{p.first(), p.second()} {
			alone[told(card.Verify(w.input(card.Read(context.Background(), device, card.Options{}))))] = true
		}
		for n := 1; n <= p.commands; n++ {
			for _, selected := range []bool{false, true} {
				script := emulate.NewScript(p.first()).SwapAt(n, p.second(), selected)
				r := card.Read(context.Background(), script, card.Options{})
				v := card.Verify(w.input(r))
				swaps++
				if errors.Is(r.Err, card.ErrSwapped) {
					unread++
					if r.CHUID != nil || r.Certificate != nil || r.Record != nil || r.UID != nil {
						t.Errorf("%s, at %d: something is kept of two cards", p.name, n)
					}
				}
				if v.Outcome != verifier.CannotConfirm && !alone[told(v)] {
					t.Errorf("%s, at %d (selected %t): %s says neither card alone (%s)", p.name, n, selected, told(v), failures(v))
				}
			}
		}
	}
	t.Logf("%d swaps, %d seen as such while reading", swaps, unread)
}

// told is what a verdict says about whom.
func told(v verifier.Verdict) string {
	who := "nobody"
	if v.Holder != nil {
		who = v.Holder.Number + " " + v.Holder.Name
	}
	return string(v.Code) + " " + who
}

// TestTornAtEveryCommand (CDV-31): a card that leaves, is silent or talks nonsense at any command is never accepted, and nothing hangs.
func TestTornAtEveryCommand(t *testing.T) {
	w := newWorld(t, setup{})
	faults := map[string]emulate.Fault{
		"torn": emulate.Tear(), "torn after": emulate.TearAfter(), "empty": emulate.Empty(), "one byte": emulate.OneByte(),
		"61xx": emulate.MoreForEver(7), "6Cxx": emulate.WrongLeForEver(), "huge": emulate.Huge(70 << 10), "cut": emulate.Truncate(3),
		"wrong length": emulate.WrongLength(1), "bit": emulate.Flip(9), "trailing": emulate.Trailing(1, 2), "6982": emulate.Status(0x6982),
		"6985": emulate.Status(0x6985), "6F00": emulate.Status(0x6F00), "6283": emulate.Status(0x6283), "0005": emulate.Status(0x0005),
	}
	a := personalise(t, pkiOurs, nil)
	for name, apps := range map[string][]emulate.Application{
		"PIV":    {a},
		"hybrid": {a, tag(t, w.token(credential.KindCard, key9E(a), nil))},
		"tag":    {tag(t, w.token(credential.KindStatic, nil, nil))},
		"number": nil,
	} {
		commands := read(apps...).Counts.Commands
		for fault, f := range faults {
			for n := 1; n <= commands; n++ {
				r := card.Read(context.Background(), emulate.NewScript(chip(apps...)).At(n, f), card.Options{})
				v := card.Verify(w.input(r))
				if v.Code == verifier.Internal {
					t.Errorf("%s, %s at %d: internal: %s", name, fault, n, v.InternalDetail())
				}
				// A refusal of the one look for a record leaves a card that has proven itself, and a record that is bound to the
				// key needs no CHUID beside it.
				if v.Outcome == verifier.Accept && (r.Err != nil || r.Signature == nil || !bytes.Equal(r.CHUID, a.CHUID) && r.Record == nil) {
					t.Errorf("%s, %s at %d: accepted after %v", name, fault, n, r.Err)
				}
			}
		}
	}
}

// TestStalledCard: a card that does not answer ends the reading after the deadline of a command.
func TestStalledCard(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: waits for a deadline of 2 s")
	}
	w := newWorld(t, setup{})
	start := time.Now()
	r := card.Read(context.Background(), emulate.NewScript(chip(personalise(t, pkiOurs, nil))).At(3, emulate.Stall()), card.Options{})
	if !errors.Is(r.Err, nfc.ErrTimeout) || time.Since(start) > 8*time.Second {
		t.Errorf("%v after %s", r.Err, time.Since(start))
	}
	expect(t, w.input(r), verifier.CardUnread)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	r = card.Read(ctx, emulate.NewScript(chip(personalise(t, pkiOurs, nil))).At(3, emulate.Stall()), card.Options{})
	if !errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", r.Err)
	}
	expect(t, w.input(r), verifier.CardUnread)
}

// TestChallengesAreFresh (CDV-14): no two readings ask the same, and each asks for as many bytes as the key signs.
func TestChallengesAreFresh(t *testing.T) {
	seen := map[string]bool{}
	pkis(t)
	for algorithm, size := range map[emulate.Algorithm]int{emulate.P256: 32, emulate.P384: 48, emulate.RSA2048: 256} {
		c := personalise(t, pkiOurs, func(s *emulate.CardSpec) { s.CardAuthentication = algorithm })
		for range 8 {
			r := read(c)
			if len(r.Challenge) != size || seen[string(r.Challenge)] {
				t.Fatalf("%v: challenge of %d bytes, seen before: %t", algorithm, len(r.Challenge), seen[string(r.Challenge)])
			}
			seen[string(r.Challenge)] = true
		}
	}
}

// TestReplayedTranscript (CDV-14): everything a genuine card ever said, said again, proves nothing.
func TestReplayedTranscript(t *testing.T) {
	w := newWorld(t, setup{})
	recorder := nfc.RecordAll(emulate.NewChip(emulate.ChipConfig{}, personalise(t, pkiOurs, nil)))
	expect(t, w.input(card.Read(context.Background(), recorder, card.Options{})), verifier.OK)
	exchanges := must(nfc.ParseTranscript(recorder.Text()))(t)
	parrot := parrotCard{answers: exchanges}
	v := expect(t, w.input(card.Read(context.Background(), &parrot, card.Options{})), verifier.CardKey)
	if v.Level != verifier.L0 || v.Holder != nil {
		t.Errorf("level %d, holder %v", v.Level, v.Holder)
	}
}

// parrotCard answers each command as the recorded card last answered one with the same header.
type parrotCard struct {
	answers []nfc.Exchange
	at      int
}

func (p *parrotCard) Transmit(_ context.Context, apdu []byte) ([]byte, error) {
	for k := range p.answers {
		i := (p.at + k) % len(p.answers)
		x := p.answers[i]
		if bytes.Equal(x.Command, apdu) || (apdu[1] == 0x87 || apdu[1] == 0xC0) && bytes.HasPrefix(x.Command, apdu[:4]) {
			p.at = i + 1
			return bytes.Clone(x.Response), nil
		}
	}
	return []byte{0x6A, 0x82}, nil
}
