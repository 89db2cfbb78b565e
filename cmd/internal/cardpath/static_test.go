// Package cardpath_test lays emulated cards before the two programs, through the real PC/SC service, and looks at what they say.
//
// The programs are built and executed as a user has them. The tests that need cards and readers have the build tag pcsc:
// `make card-test` runs them. Short, they play 500 random faults; POSVID_CARD_SESSIONS asks for another number.
package cardpath_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc/pcsc"
)

// build has go build put programs into a folder.
func build(dir string, env []string, args ...string) error {
	command := exec.Command("go", append([]string{"build", "-o", dir + string(filepath.Separator)}, args...)...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// result is what a program has said.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("exit %d after %s\n%s%s", r.code, r.took.Round(time.Millisecond), r.stdout, r.stderr)
}

// verdict is what these tests look at of posvid.verdict/1.
type verdict struct {
	Schema, Verdict, Code string
	Level                 int
	Checks                []struct{ Name, Result, Code string }
	Holder                *struct{ Number, Name string }
	Issuer                *struct{ EDRPOU, Name string }
	NextStep              string `json:"next_step"`
	Simulated             bool
}

// exits are the exit codes of the three verdicts.
var exits = map[string]int{"accept": 0, "refuse": 1, "cannot-confirm": 3}

// parse reads the one line of JSON and holds it against itself: exit code, cause and next step.
func parse(t testing.TB, r result) verdict {
	t.Helper()
	var v verdict
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || strings.Count(r.stdout, "\n") != 1 {
		t.Fatalf("not one verdict: %v\n%s", err, r)
	}
	want, known := exits[v.Verdict]
	if !known || r.code != want || v.Schema != "posvid.verdict/1" || v.Code == "" || v.NextStep == "" {
		t.Errorf("a verdict that does not fit its exit code, or without cause or next step\n%s", r)
	}
	failed := 0
	for _, c := range v.Checks {
		if c.Result == "fail" {
			failed++
		}
	}
	if (v.Verdict == "accept") != (v.Code == "ok" && failed == 0) {
		t.Errorf("%s with code %s and %d failed checks\n%s", v.Verdict, v.Code, failed, r)
	}
	if strings.Count(r.stderr, "hint: ") > 1 {
		t.Errorf("more than one next step\n%s", r)
	}
	return v
}

// TestStaticBuild: the verifier builds without cgo, and then says that it reads no cards and what to do.
func TestStaticBuild(t *testing.T) {
	dir := t.TempDir()
	if err := build(dir, []string{"CGO_ENABLED=0"}, "../../posvid-verify"); err != nil {
		t.Fatal(err)
	}
	cause, remedy := (&pcsc.Error{Trouble: pcsc.NotBuilt}).Text("en")
	command := exec.Command(filepath.Join(dir, "posvid-verify"), "--lang", "en", "--state", filepath.Join(dir, "state"), "card", "--json")
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	_ = command.Run() // its exit code is what counts
	r := result{code: command.ProcessState.ExitCode(), stdout: out.String(), stderr: errs.String()}
	if v := parse(t, r); v.Verdict != "cannot-confirm" {
		t.Errorf("%s", r)
	}
	if !strings.Contains(r.stderr, cause) || !strings.Contains(r.stderr, "hint: "+remedy) {
		t.Errorf("it does not say that it reads no cards\n%s", r)
	}
}
