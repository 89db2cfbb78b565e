package verifycli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
)

// FuzzScanPath lays any bytes before the whole way from a file to the verdict: pictures, PDF headers, texts, with a real bundle
// installed. Nothing is accepted but the one code that is good, nothing panics, and every input ends in a verdict or a named
// fault.
func FuzzScanPath(f *testing.F) {
	all, err := testvectors.Scenarios()
	if err != nil {
		f.Fatal(err)
	}
	var good testvectors.Scenario
	for _, s := range all {
		if s.Name == "window_0" {
			good = s
		}
	}
	text := string(good.Data)
	bundle, err := testvectors.TrustFile(good.Trust)
	if err != nil {
		f.Fatal(err)
	}
	symbol, err := qr.Encode(text)
	if err != nil {
		f.Fatal(err)
	}
	var picture bytes.Buffer
	if err := symbol.PNG(&picture, qr.PNGOptions{}); err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	state, err := checkpoint.Open(filepath.Join(dir, "state"))
	if err != nil {
		f.Fatal(err)
	}
	pin, err := trust.ParseFingerprint(DemoRoot)
	if err != nil {
		f.Fatal(err)
	}
	if err := state.Pin(pin); err != nil {
		f.Fatal(err)
	}
	if _, err := state.Install(bundle, good.At); err != nil {
		f.Fatal(err)
	}
	holder := testvectors.Persons()[0].Surname
	f.Add(picture.Bytes())
	f.Add([]byte(text))
	f.Add([]byte(strings.ToLower(text)))
	f.Add(picture.Bytes()[:picture.Len()/2])
	f.Add([]byte("%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF"))
	f.Add([]byte{})
	file := filepath.Join(dir, "input")
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		if bytes.HasPrefix(bytes.TrimLeft(data, "\x00\t\n\f\r "), []byte("%PDF")) {
			data = data[:min(len(data), 64)] // starting pdftoppm for each input would test processes, not bytes
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Now: func() time.Time { return good.At }, Lang: "uk"}
		code := Run(env, []string{"--state", state.Dir(), "--lang", "uk", "qr", file, "--at", good.At.UTC().Format(time.RFC3339), "--test"})
		switch {
		case code == cli.ExitAccept && !strings.Contains(out.String(), "ЧИННЕ"):
			t.Fatalf("exit 0 without the word\n%s", out.String())
		case code == cli.ExitAccept && !strings.Contains(out.String(), holder):
			t.Fatalf("somebody else was accepted\n%s", out.String())
		case code != cli.ExitAccept && code != cli.ExitRefuse && code != cli.ExitCannotConfirm:
			t.Fatalf("exit %d\n%s", code, out.String())
		case strings.Contains(out.String(), "panic"):
			t.Fatalf("%s", out.String())
		}
	})
}
