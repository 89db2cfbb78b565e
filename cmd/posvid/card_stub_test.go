//go:build !pcsc

package main

import (
	"strings"
	"testing"

	"github.com/posvid/posvid/cmd/internal/cli"
)

// Without support for readers the commands say so and what to do.
func TestCardNotBuilt(t *testing.T) {
	o := newOffice(t)
	if code := o.run("card", "show"); code != cli.ExitCannotConfirm || !strings.Contains(o.last, "[reader-not-built]") {
		t.Errorf("exit %d\n%s", code, o.last)
	}
	o.says("hint: ")
}
