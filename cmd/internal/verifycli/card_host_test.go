//go:build pcsc && cgo && linux

package verifycli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/nfc/emulate"
)

// host executes `card` against the machine's own PC/SC service.
func (w *cardWorld) host(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: func() time.Time { return cardBase.Add(time.Hour) }, Lang: "uk"}
	p := &Program{Env: env, State: func() string { return w.state }}
	root := &cobra.Command{Use: "posvid-verify"}
	root.AddCommand(p.card())
	return env.Run(root, append([]string{"card"}, args...)), out.String(), errs.String()
}

// TestHostCardCommand drives the command through the real pcscd: each profile, torn and swapped cards, two cards, a card that
// is waited for, and the refusal of virtual readers.
func TestHostCardCommand(t *testing.T) {
	const reader = "Posvid Desk PICC"
	emulate.Isolated(t, emulate.FixtureConfig{Reader: reader}, func(t *testing.T, f *emulate.Fixture) {
		w := newCardWorld(t)
		contactless := emulate.ChipConfig{Contactless: true, UID: cardUID}
		good, gone := w.card(t, cardValid), w.card(t, cardGone)
		for _, c := range []struct {
			name   string
			device emulate.Device
			code   int
			want   string
			level  int
		}{
			{"good", emulate.NewChip(contactless, good), 0, "ok", 2},
			{"dismissed", emulate.NewChip(contactless, gone), 1, "revoked", 2},
			{"record", emulate.NewChip(contactless, w.record(t)), 3, "level-too-low", 1},
			{"number", emulate.NewNumberTag(cardUID), 3, "card-unproven", 0},
			{"clone", emulate.NewChip(contactless, good.Clone(emulate.KeyCardAuthentication)), 3, "card-unproven", 0},
			{"torn", emulate.NewScript(emulate.NewChip(contactless, good)).At(3, emulate.Tear()), 3, "card-unread", 0},
			{"61xx for ever", emulate.NewScript(emulate.NewChip(contactless, good)).At(3, emulate.MoreForEver(5)), 3, "card-unread", 0},
			{"swapped", emulate.NewScript(emulate.NewChip(contactless, good)).SwapAt(6, emulate.NewChip(contactless, gone), true), 3, "card-unread", 0},
		} {
			plug := f.Insert(t, 0, c.device)
			start := time.Now()
			code, stdout, stderr := w.host("--json")
			var v struct {
				Code  string
				Level int
			}
			if err := json.Unmarshal([]byte(stdout), &v); err != nil {
				t.Fatalf("%s: %v: %s%s", c.name, err, stdout, stderr)
			}
			if code != c.code || v.Code != c.want || v.Level != c.level || time.Since(start) > 9*time.Second {
				t.Errorf("%s: exit %d, %s, level %d after %s\n%s", c.name, code, v.Code, v.Level, time.Since(start).Round(time.Millisecond), stderr)
			}
			f.Remove(t, 0, plug)
		}
		if code, _, stderr := w.host(); code != cli.ExitCannotConfirm || !strings.Contains(stderr, "hint: ") {
			t.Errorf("no card: exit %d, %s", code, stderr)
		}
		done := make(chan string, 1)
		go func() {
			_, stdout, stderr := w.host("--wait", "--timeout", "20s")
			done <- stdout + stderr
		}()
		time.Sleep(300 * time.Millisecond)
		plug := f.Insert(t, 0, emulate.NewChip(contactless, good))
		if text := <-done; !strings.Contains(text, "ЧИННЕ") {
			t.Errorf("waited for: %s", text)
		}
		second := f.Insert(t, 1, emulate.NewChip(contactless, gone))
		if code, stdout, _ := w.host(); code != cli.ExitCannotConfirm || strings.Contains(stdout, "ЧИННЕ") {
			t.Errorf("two cards: exit %d, %s", code, stdout)
		}
		if code, _, stderr := w.host("--reader", f.Reader(1)); code != cli.ExitRefuse {
			t.Errorf("two cards, one named: exit %d, %s", code, stderr)
		}
		f.Remove(t, 0, plug)
		f.Remove(t, 1, second)
	})
}

// TestHostVirtualReader: a reader behind which a program plays the card is refused unless asked for.
func TestHostVirtualReader(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		w := newCardWorld(t)
		f.Insert(t, 0, emulate.NewChip(emulate.ChipConfig{}, w.card(t, cardValid)))
		if code, stdout, stderr := w.host(); code != cli.ExitCannotConfirm || strings.Contains(stdout, "ЧИННЕ") || !strings.Contains(stderr, "hint: ") {
			t.Errorf("exit %d, %s%s", code, stdout, stderr)
		}
		if code, stdout, stderr := w.host("--allow-virtual-reader"); code != cli.ExitAccept {
			t.Errorf("allowed: exit %d, %s%s", code, stdout, stderr)
		}
	})
}
