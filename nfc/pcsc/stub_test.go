//go:build !pcsc || (!cgo && !windows)

package pcsc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/posvid/posvid/nfc"
)

// TestNotBuilt: without the tag the package reads no cards and says how to get one that does.
func TestNotBuilt(t *testing.T) {
	c := New(Options{})
	_, errReaders := c.Readers(t.Context())
	_, errPresent := c.Present(t.Context())
	_, errWait := c.Wait(t.Context(), nil)
	for name, err := range map[string]error{
		"Readers": errReaders, "Present": errPresent, "Wait": errWait, "WaitRemoved": c.WaitRemoved(t.Context(), acr),
		"Read": c.Read(t.Context(), acr, func(context.Context, nfc.Card) error { t.Error("a card was opened"); return nil }),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Trouble != NotBuilt || !strings.Contains(err.Error(), "tag pcsc") {
			t.Errorf("%s: %v", name, err)
		}
		if _, remedy := e.Text("en"); !strings.Contains(remedy, "-tags pcsc") {
			t.Errorf("%s: %q", name, remedy)
		}
	}
}
