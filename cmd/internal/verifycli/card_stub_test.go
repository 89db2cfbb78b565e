//go:build !pcsc

package verifycli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/nfc/pcsc"
)

// TestStubReadsNoCards: a build without PC/SC says so and confirms nothing.
func TestStubReadsNoCards(t *testing.T) {
	w := newCardWorld(t)
	p := &Program{State: func() string { return w.state }}
	var out, errs bytes.Buffer
	p.Env = &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Lang: "uk"}
	root := &cobra.Command{Use: "posvid-verify"}
	root.AddCommand(p.card())
	code := p.Env.Run(root, []string{"card", "--json"})
	var v struct{ Verdict, Code string }
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || code != cli.ExitCannotConfirm || v.Code != "card-unread" || v.Verdict != "cannot-confirm" {
		t.Errorf("exit %d, %v: %s", code, err, out.String())
	}
	_, remedy := (&pcsc.Error{Trouble: pcsc.NotBuilt}).Text("uk")
	if !strings.Contains(errs.String(), remedy) {
		t.Errorf("stderr does not say what to do: %s", errs.String())
	}
}
