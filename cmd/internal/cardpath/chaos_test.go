//go:build pcsc && cgo && linux

package cardpath_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/nfc/emulate"
)

// services is how many pcscd play at once, each before a process of its own: one process reads one card at a time.
const services = 4

// fatal are the faults after which no card was read, when they happen before the last command.
var fatal = map[string]bool{"torn": true, "torn-after": true, "one-byte": true, "stalled": true, "empty": true}

// TestCardsChaos: sessions in which one thing goes wrong, by seed, through the whole of posvid-verify card and the real service. None of
// them hangs, accepts what it did not read to the end, or takes from two cards. POSVID_CARD_SEED names the first seed.
func TestCardsChaos(t *testing.T) {
	t.Parallel()
	programs(t) // the other tests of this run share them
	for service := range services {
		t.Run(fmt.Sprint(service), func(t *testing.T) {
			t.Parallel()
			emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
				w := newWorld(t, extra{})
				total, first := sessions(t), seedOf("POSVID_CARD_SEED")
				outcomes := map[string]int{}
				kinds := map[string]int{}
				longestTap := time.Duration(0)
				c := newChaos(t, w, f, service%2)
				for n := service; n < total; n += services {
					kind, v, took := c.session(t, first+uint64(n))
					outcomes[v.Verdict+" "+v.Code]++
					kinds[kind]++
					longestTap = max(longestTap, took)
				}
				count := 0
				for _, n := range outcomes {
					count += n
				}
				t.Logf("%d of %d sessions, seeds %d to %d; the longest took %s", count, total, first, first+uint64(total)-1, longestTap.Round(time.Millisecond))
				for _, name := range slices.Sorted(maps.Keys(outcomes)) {
					t.Logf("%6d %s", outcomes[name], name)
				}
				t.Logf("faults: %v", kinds)
			})
		})
	}
}

// chaos is one reader with its cards.
type chaos struct {
	w     *world
	f     *emulate.Fixture
	outer testing.TB
	slot  int
	cards []chaosCard
}

// chaosCard is a card with what a verdict about it may say.
type chaosCard struct {
	device   emulate.Device
	number   string // of its holder; empty: none is ever shown
	name     string
	ok       bool // it is accepted when nothing goes wrong
	commands int  // of a reading on which nothing goes wrong
}

func newChaos(t testing.TB, w *world, f *emulate.Fixture, slot int) *chaos {
	t.Helper()
	c := &chaos{w: w, f: f, outer: t, slot: slot}
	bound := w.card(t, guidBound, nil)
	c.cards = []chaosCard{
		{device: chip(w.card(t, guidValid, nil)), number: text(guidValid), ok: true},
		{device: chip(w.card(t, guidDismissed, nil)), number: text(guidDismissed)},
		{device: chip(bound, w.tag(t, bound.PublicKey(emulate.KeyCardAuthentication))), number: "АА 004023", name: "Мельничук О. І.", ok: true},
		{device: chip(w.tag(t, nil)), number: "АА 004022", name: "Гончарук Т. Г."},
		{device: chip(w.card(t, guidRSA, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 })), number: text(guidRSA), ok: true},
		{device: emulate.NewNumberTag(cardUID)},
	}
	for i := range c.cards {
		plug := f.Put(t, slot, c.cards[i].device)
		before := plug.Commands()
		v, r := c.verify(t)
		c.cards[i].commands = plug.Commands() - before
		if (v.Verdict == "accept") != c.cards[i].ok || c.cards[i].commands == 0 {
			t.Fatalf("card %d before anything goes wrong\n%s", i, r)
		}
	}
	return c
}

// verify runs posvid-verify card inside this process.
func (c *chaos) verify(t testing.TB) (verdict, result) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &cli.Env{Program: "posvid-verify", Stdin: io.MultiReader(), Stdout: &out, Stderr: &errs, Now: time.Now, Lang: "en"}
	begin := time.Now()
	code := verifycli.Run(env, []string{"--lang", "en", "--state", c.w.state, "card", "--json", "--reader", c.f.Reader(c.slot)})
	r := result{code, out.String(), errs.String(), time.Since(begin)}
	return parse(t, r), r
}

// session plays one seed and judges what came of it.
func (c *chaos) session(t testing.TB, seed uint64) (kind string, v verdict, took time.Duration) {
	t.Helper()
	a, b := c.cards[seed%6], c.cards[(seed/6+1+seed%6)%6]
	script, name := emulate.Chaos(seed, a.device, b.device, seed/6%8 == 0)
	var at int
	kind, place, _ := strings.Cut(name, "@")
	if _, err := fmt.Sscan(place, &at); err != nil {
		t.Fatalf("seed %d: %q: %v", seed, name, err)
	}
	c.f.Put(c.outer, c.slot, script)
	v, r := c.verify(t)
	wrong := func(why string) { t.Errorf("seed %d, %s: %s\n%s", seed, name, why, r) }
	if r.took > longest {
		wrong("longer than a card may take")
	}
	if fatal[kind] && at < a.commands && !readNothing(v) {
		wrong("a card that was not read to the end")
	}
	if v.Holder != nil {
		// What is told of a person is of one card, and of one of these two.
		of := func(card chaosCard) bool { return v.Holder.Number == card.number && v.Holder.Name == card.name }
		switch {
		case !of(a) && !(strings.HasPrefix(kind, "swapped") && of(b)):
			// The record of a bound card may have been lost where the rest of it was read well.
			if a.name == "" || v.Holder.Number != text(guidBound) || v.Holder.Name != "" {
				wrong("a holder who has neither card")
			}
		case v.Verdict == "accept" && of(a) && !a.ok, v.Verdict == "accept" && of(b) && !of(a) && !b.ok:
			wrong("a card is accepted that never is")
		case v.Code == "revoked" && v.Holder.Number != text(guidDismissed):
			wrong("revoked under another's number")
		}
	}
	if v.Verdict == "accept" && (v.Holder == nil || v.Level != 2) {
		wrong("accepted without holder or signature")
	}
	return kind, v, r.took
}
