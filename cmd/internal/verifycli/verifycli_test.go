package verifycli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/qr/source"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// TestDemoRoot: --test believes a time given by hand under one root only, the one whose keys are public.
func TestDemoRoot(t *testing.T) {
	object, _, _, err := demoroot.Root()
	if err != nil {
		t.Fatal(err)
	}
	register, err := trust.NewRegister(object)
	if err != nil {
		t.Fatal(err)
	}
	if got := register.RootFingerprint().String(); got != DemoRoot {
		t.Errorf("demo root is %s, want %s", got, DemoRoot)
	}
}

// TestExitOf: 0 needs an acceptance and its code, at the real time or in a test; the zero verdict refuses.
func TestExitOf(t *testing.T) {
	for _, c := range []struct {
		outcome   verifier.Outcome
		code      verifier.Code
		simulated bool
		test      bool
		want      int
	}{
		{verifier.Refuse, "", false, false, cli.ExitRefuse},
		{verifier.Refuse, verifier.OK, false, false, cli.ExitRefuse},
		{verifier.Refuse, verifier.Revoked, false, false, cli.ExitRefuse},
		{verifier.Refuse, verifier.Revoked, true, false, cli.ExitCannotConfirm},
		{verifier.Refuse, verifier.Revoked, true, true, cli.ExitRefuse},
		{verifier.CannotConfirm, verifier.NoRoot, false, false, cli.ExitCannotConfirm},
		{verifier.CannotConfirm, verifier.OK, false, true, cli.ExitCannotConfirm},
		{verifier.Accept, "", false, false, cli.ExitRefuse},
		{verifier.Accept, verifier.Revoked, false, false, cli.ExitRefuse},
		{verifier.Outcome(77), verifier.OK, false, false, cli.ExitRefuse},
		{verifier.Accept, verifier.OK, true, false, cli.ExitCannotConfirm},
		{verifier.Accept, verifier.OK, true, true, cli.ExitAccept},
		{verifier.Accept, verifier.OK, false, false, cli.ExitAccept},
	} {
		v := verifier.Verdict{Outcome: c.outcome, Code: c.code, Simulated: c.simulated}
		if got := ExitOf(&v, c.test); got != c.want {
			t.Errorf("%v %q simulated %v test %v: exit %d, want %d", c.outcome, c.code, c.simulated, c.test, got, c.want)
		}
	}
	if got := ExitOf(new(verifier.Verdict), false); got != cli.ExitRefuse {
		t.Errorf("the zero verdict ends with %d", got)
	}
}

func TestWorse(t *testing.T) {
	for _, c := range [][3]int{{0, 0, 0}, {0, 3, 3}, {3, 0, 3}, {0, 1, 1}, {1, 0, 1}, {3, 1, 1}, {1, 3, 1}, {3, 3, 3}, {1, 1, 1}} {
		if got := worse(c[0], c[1]); got != c[2] {
			t.Errorf("%d and %d: %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// TestPrintVerdict: whatever is not an acceptance with its code is never printed as the accepting word.
func TestPrintVerdict(t *testing.T) {
	for _, lang := range locale.Languages() {
		accepting := locale.Word(lang, verifier.Accept.String())
		for _, v := range []verifier.Verdict{
			{}, {Outcome: verifier.Accept}, {Outcome: verifier.Accept, Code: verifier.Revoked}, {Outcome: verifier.Refuse, Code: verifier.OK},
			{Outcome: verifier.CannotConfirm, Code: verifier.NoBundle}, {Outcome: verifier.CannotConfirm}, {Outcome: 77, Code: verifier.OK},
		} {
			var out bytes.Buffer
			PrintVerdict(&cli.Env{Stdout: &out, Lang: lang}, &v, false)
			first, rest, _ := strings.Cut(out.String(), "\n")
			if strings.Contains(first, "✔") || strings.TrimSpace(strings.TrimLeft(first, " ✘?")) == accepting {
				t.Errorf("%s: %+v is printed as %q", lang, v, first)
			}
			if strings.TrimSpace(rest) == "" {
				t.Errorf("%s: %+v has no cause", lang, v)
			}
			if strings.Contains(out.String(), "\x1b") {
				t.Errorf("%s: colour outside a terminal", lang)
			}
		}
		var out bytes.Buffer
		PrintVerdict(&cli.Env{Stdout: &out, Lang: lang}, &verifier.Verdict{Outcome: verifier.Accept, Code: verifier.OK, Level: 2}, false)
		if !strings.HasPrefix(out.String(), " ✔ "+accepting) {
			t.Errorf("%s: an acceptance is printed as %q", lang, out.String())
		}
	}
}

// TestReadHint: each way in which nothing is read has a next step in both languages.
func TestReadHint(t *testing.T) {
	for _, err := range []error{qr.ErrNoCode, qr.ErrFormat, qr.ErrTooLarge, qr.ErrTooManyPixels, os.ErrNotExist, io.ErrUnexpectedEOF, context.Canceled,
		source.ErrNoPDF, source.ErrPDF, source.ErrPDFEncrypted, source.ErrPDFPages, source.ErrPDFSlow, source.ErrTooManyLines, source.ErrTextTooLong,
		source.ErrUnplugged, source.ErrNoCamera, source.ErrCameraDenied, source.ErrCameraBusy, source.ErrNotCamera, source.ErrCameraSystem, source.ErrFrame} {
		uk, en := readHint(&cli.Env{Lang: "uk"}, err), readHint(&cli.Env{Lang: "en"}, err)
		if uk == "" || en == "" || uk == en {
			t.Errorf("%v: %q, %q", err, uk, en)
		}
	}
}

// TestFailuresDecideNothing: no command but a verdict ends with the code of a refused person.
func TestFailuresDecideNothing(t *testing.T) {
	t.Setenv("POSVID_PASSPHRASE", "")
	missing := t.TempDir() + "/absent/file"
	for _, args := range [][]string{
		{"challenge"}, {"enrol", "--name", "X"}, {"bundle", "show"}, {"bundle", "install", missing}, {"bundle", "install", "--recover", missing},
		{"qr", "--text", "SID1:A"}, {"qr", missing}, {"qr", "--text", "SID1:A", "--bundle", missing}, {"qr", "--text", "SID1:A", "--photo-confirmed", missing}, {"doctor"},
	} {
		var out, errs bytes.Buffer
		env := cli.New("posvid-verify")
		env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), &out, &errs
		if code := Run(env, append([]string{"--state", t.TempDir()}, args...)); code != cli.ExitCannotConfirm {
			t.Errorf("%q ended with %d: %s%s", args, code, out.String(), errs.String())
		}
	}
	if err := errors.New("x"); !errors.Is(&cli.Undecided{Err: err}, err) {
		t.Error("the cause is lost")
	}
}
