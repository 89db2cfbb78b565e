package emulate

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCardBeforeTheFirstLook: pcscd tells by its answer to reset alone of a card that is there when it first looks at a slot.
func TestCardBeforeTheFirstLook(t *testing.T) {
	const ready, inserted, atr, removed = "daemon ready.\n", "Card inserted into Virtual PCD 00 00\n", "Card ATR: 3B 80 80 01 01 \n", "Card Removed From Virtual PCD 00 00\n"
	name := filepath.Join(t.TempDir(), "log")
	for _, c := range []struct {
		log       string
		powered   bool
		came, was int
	}{
		{ready, true, 0, 0},
		{ready + inserted, true, 1, 0},
		{ready + inserted + atr, true, 1, 0},
		{ready + inserted + atr + removed, true, 1, 1},
		{ready + atr, false, 0, 0},
		{ready + atr, true, 1, 0},
		{ready + atr + removed, true, 1, 1},
		{ready + "Card inserted into Virtual PCD 00 01\n" + atr, true, 0, 0},
		{ready + "Card inserted into Virtual PCD 00 01\n" + atr + atr, true, 1, 0},
	} {
		if err := os.WriteFile(name, []byte(c.log), 0o600); err != nil {
			t.Fatal(err)
		}
		plug := &Plug{seen: make(chan struct{})}
		if c.powered {
			close(plug.seen)
		}
		f := &Fixture{logs: []string{name}}
		f.await(0, plug)
		for range 2 {
			if came, was := f.events(0); came != c.came || was != c.was {
				t.Errorf("%q: %d came, %d went, want %d and %d", c.log, came, was, c.came, c.was)
			}
		}
	}
}
