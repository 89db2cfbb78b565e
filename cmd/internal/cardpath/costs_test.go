//go:build pcsc && cgo && linux

package cardpath_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/verifier/card"
)

// TestCardsCosts counts the commands and bytes of each profile, holds them against the table in docs/performance.md, and prints how long
// a card takes. A verdict that needs a command more, or a card that is asked for something new, shows here.
func TestCardsCosts(t *testing.T) {
	t.Parallel()
	programs(t)
	table := string(must(os.ReadFile(filepath.Join("..", "..", "..", "docs", "performance.md")))(t))
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
		w := newWorld(t, extra{})
		of := func(a emulate.Algorithm) func(*emulate.CardSpec) {
			return func(s *emulate.CardSpec) { s.CardAuthentication = a }
		}
		bound := w.card(t, guidBound, nil)
		for _, c := range []struct {
			row    string // of the table
			device emulate.Device
		}{
			{"PIV, P-256", chip(w.card(t, guidValid, nil))},
			{"PIV, P-384", chip(w.card(t, guidValid, of(emulate.P384)))},
			{"PIV, RSA-2048", chip(w.card(t, guidRSA, of(emulate.RSA2048)))},
			{"PIV, RSA-3072", chip(w.card(t, guidRSA, of(emulate.RSA3072)))},
			{"record bound to key 9E", chip(bound, w.tag(t, bound.PublicKey(emulate.KeyCardAuthentication)))},
			{"record, static", chip(w.tag(t, nil))},
			{"number only", emulate.NewNumberTag(cardUID)},
		} {
			f.Put(t, 0, c.device)
			client := pcsc.New(pcsc.Options{})
			var taps []time.Duration
			var counts nfc.Counts
			for range 20 {
				begin := time.Now()
				err := client.Read(t.Context(), f.Reader(0), func(ctx context.Context, on nfc.Card) error {
					r := card.Read(ctx, on, card.Options{})
					counts = r.Counts
					return r.Err
				})
				if err != nil {
					t.Fatalf("%s: %v", c.row, err)
				}
				taps = append(taps, time.Since(begin))
			}
			var whole []time.Duration
			for range 5 {
				whole = append(whole, w.verify(t, "--json").took)
			}
			slices.Sort(taps)
			slices.Sort(whole)
			t.Logf("%-24s %2d commands, %4d bytes to the card, %4d from it, read in %v, program %v", c.row, counts.Commands, counts.Sent, counts.Received,
				taps[len(taps)/2].Round(100*time.Microsecond), whole[len(whole)/2].Round(time.Millisecond))
			if want := fmt.Sprintf("| %s | %d |", c.row, counts.Commands); !strings.Contains(table, want) {
				t.Errorf("docs/performance.md lacks a row that begins with %q", want)
			}
		}
	})
}
