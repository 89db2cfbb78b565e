package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/posvid/posvid/cmd/internal/cli"
)

// TestInspectTamesTerminals: a file shows itself, and does nothing to the terminal of whoever looks at it.
func TestInspectTamesTerminals(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"{\"name\":\"Ґалаґан \u009b2J\"}", `Ґалаґан \u009b2J`},
		{"{\"name\":\"\u202eabc\u007f\"}", `\u202eabc\u007f`},
		{"{\"name\":\"\\u001b[2J\"}", `\u001b[2J`},
		{"\xa1\x01\x65\x1b[2JЯ"[:4] + "[2J\x00", `\u001b[2J\u0000`},
	} {
		var out, talk bytes.Buffer
		env := &cli.Env{Program: "posvid", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk, Lang: "en"}
		if err := inspect(env, []byte(c.data)); err != nil {
			t.Errorf("%q: %v", c.data, err)
		}
		if strings.ContainsAny(out.String(), "\x1b\u009b\u202e\x7f\x00") || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: %q, want %q in it", c.data, out.String(), c.want)
		}
	}
}
