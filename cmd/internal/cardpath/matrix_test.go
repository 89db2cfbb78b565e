//go:build pcsc && cgo && linux

package cardpath_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc/emulate"
)

// TestCards: each kind of card before the real program, with verdict, exit code and level.
func TestCards(t *testing.T) {
	t.Parallel()
	programs(t)
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
		lay := func(device emulate.Device) *emulate.Plug { return f.Put(t, 0, device) } // until the end of the whole test
		w := newWorld(t, extra{})
		good := w.card(t, guidValid, nil)
		rsa := func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 }
		bound := w.card(t, guidBound, nil)
		expired := func(s *emulate.CardSpec) { s.Issued, s.Expires = w.base.Add(-400*day), w.base.Add(-2*day) }
		onList := func(s *emulate.CardSpec) {
			s.EditCardAuthentication = func(p *emulate.CertificateProfile) { p.Serial = crlSerial }
		}
		for _, c := range []struct {
			name    string
			device  emulate.Device
			verdict string
			code    string
			level   int
			number  string // of the holder; empty: none is shown
			profile string // the one check that tells the profile
		}{
			{"PIV, P-256", chip(good), "accept", "ok", 2, text(guidValid), "card-key"},
			{"PIV, P-384", chip(w.card(t, guidValid, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.P384 })), "accept", "ok", 2, text(guidValid), "card-key"},
			{"PIV, RSA-2048", chip(w.card(t, guidRSA, rsa)), "accept", "ok", 2, text(guidRSA), "card-key"},
			{"PIV, RSA-2048, behind a reader of short answers", emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: cardUID, Chunk: 64, StrictLe: true}, w.card(t, guidRSA, rsa)), "accept", "ok", 2, text(guidRSA), "card-key"},
			{"PIV, lengths told by 6Cxx", emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: cardUID, ExactLe: true}, good), "accept", "ok", 2, text(guidValid), "card-key"},
			{"PIV, certificate compressed", chip(w.card(t, guidValid, func(s *emulate.CardSpec) { s.Gzip = true })), "accept", "ok", 2, text(guidValid), "card-key"},
			{"PIV over contacts", emulate.NewChip(emulate.ChipConfig{}, good), "accept", "ok", 2, text(guidValid), "card-key"},
			{"record bound to key 9E", chip(bound, w.tag(t, bound.PublicKey(emulate.KeyCardAuthentication))), "accept", "ok", 2, "АА 004023", "card-record"},
			{"record bound to the key of another card", chip(good, w.tag(t, bound.PublicKey(emulate.KeyCardAuthentication))), "refuse", "card-binding", 1, "", ""},
			{"record, static", chip(w.tag(t, nil)), "cannot-confirm", "level-too-low", 1, "АА 004022", "issuer-signature"},
			{"number only", emulate.NewNumberTag(cardUID), "cannot-confirm", "card-unproven", 0, "", "card-carrier"},
			{"number that nobody has stated", emulate.NewNumberTag([]byte{4, 9, 9, 9, 9, 9, 9}), "cannot-confirm", "card-foreign", 0, "", ""},
			{"of a dismissed person", chip(w.card(t, guidDismissed, nil)), "refuse", "revoked", 2, text(guidDismissed), "card-key"},
			{"suspended, or not handed over", chip(w.card(t, guidSuspended, nil)), "refuse", "suspended", 2, text(guidSuspended), "card-key"},
			{"expired", chip(w.card(t, guidExpired, expired)), "refuse", "expired", 0, "", "card-key"},
			{"on the revocation list", chip(w.card(t, guidCRL, onList)), "refuse", "revoked", 2, text(guidCRL), "card-key"},
			{"of an unknown authority", chip(w.cardOf(t, w.foreign, guidStranger, nil)), "cannot-confirm", "card-foreign", 0, "", ""},
			{"of an unknown authority, under a number of ours", chip(w.cardOf(t, w.foreign, guidValid, nil)), "refuse", "issuer-unknown", 0, "", ""},
			{"genuine, in no table", chip(w.card(t, guidStranger, nil)), "cannot-confirm", "carrier-unknown", 2, "", ""},
			{"copied without its key", chip(good.Clone(emulate.KeyCardAuthentication)), "cannot-confirm", "card-unproven", 0, "", ""},
			{"of another kind", emulate.NewChip(emulate.ChipConfig{}), "cannot-confirm", "card-foreign", 0, "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				lay(c.device)
				v, r := w.json(t)
				if v.Verdict != c.verdict || v.Code != c.code || v.Level != c.level {
					t.Errorf("%s %s at level %d, want %s %s at %d\n%s", v.Verdict, v.Code, v.Level, c.verdict, c.code, c.level, r)
				}
				number := ""
				if v.Holder != nil {
					number = v.Holder.Number
				}
				if c.number != "" && number != c.number {
					t.Errorf("number %q, want %q", number, c.number)
				}
				if c.profile != "" && v.check(c.profile) != "pass" {
					t.Errorf("%s %s, want pass\n%s", c.profile, v.check(c.profile), r)
				}
				if strings.Contains(r.stderr, "hint: ") {
					t.Errorf("a card that was read needs no hint about readers\n%s", r)
				}
			})
		}
		t.Run("read by a person", func(t *testing.T) {
			lay(chip(w.card(t, guidDismissed, nil)))
			r := execute(t, t.TempDir(), "", "posvid-verify", "--lang", "uk", "--state", w.state, "card")
			if r.code != 1 || !strings.Contains(r.stdout, "ВІДХИЛЕНО") || strings.Contains(r.stdout, "ЧИННЕ") || !strings.Contains(r.stderr, "читаю: ") {
				t.Errorf("%s", r)
			}
			if strings.Count(r.stdout, "що робити") > 1 {
				t.Errorf("more than one next step\n%s", r)
			}
		})
	})
}

// outcomes of a reading on which something goes wrong. Nothing else may come of it.
func readNothing(v verdict) bool { return v.Verdict == "cannot-confirm" && v.Code == "card-unread" }

// TestCardsTorn: a card that is taken away at any command is not read, and nothing of it is told.
func TestCardsTorn(t *testing.T) {
	t.Parallel()
	programs(t)
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
		w := newWorld(t, extra{})
		bound := w.card(t, guidBound, nil)
		type kind struct {
			name string
			chip *emulate.Chip
		}
		slots := [2][]kind{
			{{"PIV with a record", chip(bound, w.tag(t, bound.PublicKey(emulate.KeyCardAuthentication)))}},
			{{"record", chip(w.tag(t, nil))}},
		}
		if long() {
			rsa := w.card(t, guidRSA, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 })
			slots[0] = append(slots[0], kind{"number", emulate.NewNumberTag(cardUID)})
			slots[1] = append(slots[1], kind{"RSA", chip(rsa)}, kind{"PIV", chip(w.card(t, guidValid, nil))})
		}
		t.Run("slots", func(t *testing.T) {
			for slot, kinds := range slots {
				t.Run(fmt.Sprint(slot), func(t *testing.T) {
					t.Parallel()
					for _, k := range kinds {
						plug := f.Put(t, slot, k.chip)
						before := plug.Commands()
						whole, r := w.json(t, "--reader", f.Reader(slot))
						commands := plug.Commands() - before
						if readNothing(whole) || commands < 3 {
							t.Fatalf("%s: the whole card was not read, %d commands\n%s", k.name, commands, r)
						}
						for n := range commands {
							f.Put(t, slot, emulate.NewScript(k.chip).At(n, emulate.Tear()))
							v, r := w.json(t, "--reader", f.Reader(slot))
							if !readNothing(v) || v.Level != 0 || v.Holder != nil || v.Issuer != nil || strings.Count(r.stderr, "hint: ") != 1 {
								t.Errorf("%s torn at command %d of %d\n%s", k.name, n, commands, r)
							}
						}
						t.Logf("%s: torn at each of %d commands", k.name, commands)
					}
				})
			}
		})
	})
}

// TestCardsFaults: what a card, or what stands between it and the reader, can do to a reading. None of it is accepted, none of it
// takes longer than a card may, and no verdict is of two cards.
func TestCardsFaults(t *testing.T) {
	t.Parallel()
	programs(t)
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
		lay := func(device emulate.Device) *emulate.Plug { return f.Put(t, 0, device) } // until the end of the whole test
		w := newWorld(t, extra{})
		good, gone := chip(w.card(t, guidValid, nil)), chip(w.card(t, guidDismissed, nil))
		on := func(ins byte, fault emulate.Fault) *emulate.Script { return emulate.NewScript(good).On(ins, fault) }
		const getData, authenticate, getResponse, selectFile = 0xCB, 0x87, 0xC0, 0xA4
		wrongLe := emulate.WrongLeForEver()
		for _, c := range []struct {
			name   string
			device emulate.Device
			codes  string // that may come of it
		}{
			{"stalled at once", on(selectFile, emulate.Stall()), "card-unread"},
			{"stalled while it signs", on(authenticate, emulate.Stall()), "card-unread"},
			{"slow at every command", emulate.NewScript(good).Always(emulate.Slow(1500 * time.Millisecond)), "card-unread"},
			{"61xx without end", on(getData, emulate.MoreForEver(5)).On(getResponse, emulate.MoreForEver(5)), "card-unread"},
			{"61xx without data", on(getData, emulate.MoreForEver(0)).On(getResponse, emulate.MoreForEver(0)), "card-unread"},
			{"6Cxx without end", on(getData, wrongLe).On(getResponse, wrongLe), "card-unread"},
			{"huge", on(getData, emulate.Huge(60000)), "card-unread"},
			{"one byte", on(getData, emulate.OneByte()), "card-unread"},
			{"nothing where the signature stands", on(authenticate, emulate.Truncate(0)), "card-unread"},
			{"cut", on(getData, emulate.Truncate(20)), "card-unread card-malformed"},
			{"wrong length", on(getData, emulate.WrongLength(1)), "card-unread card-malformed"},
			{"bytes behind", on(getData, emulate.Trailing(0)), "card-unread card-malformed"},
			{"status word that is none", on(getData, emulate.Status(0x0005)), "card-unread"},
			{"memory failure", on(getData, emulate.Status(0x6581)), "card-unread"},
			{"key not usable", on(authenticate, emulate.Status(0x6984)), "card-unread card-unproven"},
			{"a bit of the certificate, once", emulate.NewScript(good).At(5, emulate.Flip(8*12)), "card-unread"},
			{"a bit of the CHUID, once", emulate.NewScript(good).At(1, emulate.Flip(8*4)), "card-unread"},
			{"a bit of the certificate, on the card", chip(w.card(t, guidValid, func(s *emulate.CardSpec) {
				s.EditObjects = func(objects map[uint32][]byte) { objects[emulate.TagCardAuthentication][8] ^= 0x80 }
			})), "card-malformed"},
			{"signature of other bytes", on(authenticate, emulate.Flip(100)), "card-key card-unread card-malformed"},
			{"nonsense", emulate.NewScript(good).Always(emulate.Random(1, 300)), "card-unread card-foreign card-unproven card-malformed"},
		} {
			t.Run(c.name, func(t *testing.T) {
				lay(c.device)
				v, r := w.json(t)
				if v.Verdict == "accept" || !strings.Contains(" "+c.codes+" ", " "+v.Code+" ") {
					t.Errorf("%s, want one of %s\n%s", v.Code, c.codes, r)
				}
			})
		}
		// Another card from some command on: every verdict is wholly of the one or wholly of the other.
		plug := lay(good)
		before := plug.Commands()
		w.json(t)
		commands := plug.Commands() - before
		seen := map[string]int{}
		for n := range commands + 1 {
			for _, selected := range []bool{false, true} {
				lay(emulate.NewScript(good).SwapAt(n, gone, selected))
				v, r := w.json(t)
				seen[v.Code]++
				oneCard(t, v, r)
				if n > 1 && v.Code == "revoked" { // after SELECT, of which nothing counts
					t.Errorf("swapped at %d: the second card is refused after the first had shown its objects\n%s", n, r)
				}
			}
		}
		if seen["card-unread"] == 0 || seen["ok"] == 0 || seen["revoked"] == 0 {
			t.Errorf("verdicts over all swaps: %v", seen)
		}
		t.Logf("swapped at each of %d commands, twice: %v", commands, seen)
	})
}

// oneCard fails when a verdict about the valid and the dismissed card takes from both.
func oneCard(t testing.TB, v verdict, r result) {
	t.Helper()
	number := ""
	if v.Holder != nil {
		number = v.Holder.Number
	}
	switch {
	case v.Verdict == "accept" && (number != text(guidValid) || v.Level != 2),
		v.Code == "revoked" && number != "" && number != text(guidDismissed),
		v.Code == "card-unread" && number != "":
		t.Errorf("a verdict of two cards\n%s", r)
	}
}
