package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
)

// answer is what this test reads of a verdict's JSON.
type answer struct {
	Verdict string `json:"verdict"`
	Code    string `json:"code"`
	Error   string `json:"error"`
}

// beyondCommandLine says why a scenario cannot be told to posvid-verify: what a device remembers, its enrolment, or
// characters that no argument holds. "" means that it can.
func beyondCommandLine(s testvectors.Scenario) string {
	switch {
	case s.Nonce != "" || s.ID != 0:
		return "challenge"
	case s.Seen != "":
		return "seen"
	case s.Floor != "":
		return "floor"
	case s.Photo != "":
		return "photo"
	case s.Class == "council" || s.Class != "" && strings.HasPrefix(s.Trust, "policy_"):
		return "class"
	case bytes.ContainsRune(s.Data, 0) || bytes.HasSuffix(s.Data, []byte("\n")):
		return "text"
	}
	return ""
}

// TestCommandLine gives the presentations of v1 to posvid-verify, each with a state folder of its own, and compares
// verdict, code and exit code.
func TestCommandLine(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: hundreds of processes")
	}
	program := filepath.Join(t.TempDir(), "posvid-verify")
	if text, err := exec.Command("go", "build", "-o", program, "github.com/posvid/posvid/cmd/posvid-verify").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	files := t.TempDir()
	pinned := filepath.Join(files, "pinned")
	run := func(state string, args ...string) (stdout, stderr []byte, exit int) {
		cmd := exec.Command(program, append([]string{"--state", state}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		var out, diagnostics bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &diagnostics
		err := cmd.Run()
		var code *exec.ExitError
		if err != nil && !errors.As(err, &code) {
			return nil, []byte(err.Error()), -1
		}
		return out.Bytes(), diagnostics.Bytes(), cmd.ProcessState.ExitCode()
	}
	if _, text, exit := run(pinned, "trust", "pin", demoPin(t).String()); exit != 0 {
		t.Fatalf("trust pin: exit %d: %s", exit, text)
	}
	written := map[string]string{}    // by name in v1/trust
	notInstalled := map[string]bool{} // bundles that open and that no install takes
	bundles := newOpener(t)
	left := map[string]int{}
	var work []testvectors.Scenario
	for _, s := range scenarios(t) {
		if s.Kind != "presentation" && s.Held == "" {
			continue
		}
		if why := beyondCommandLine(s); why != "" {
			left[why]++
			continue
		}
		for _, name := range []string{s.Trust, s.Held} {
			if _, ok := written[name]; ok || !strings.HasSuffix(name, ".sidb") {
				continue
			}
			data, err := testvectors.TrustFile(name)
			if err != nil {
				t.Fatal(err)
			}
			written[name] = filepath.Join(files, name)
			if b, err := bundles.open(name); err == nil {
				_, err := trust.Memory{}.Accept(b)
				notInstalled[name] = err != nil
			}
			if err := os.WriteFile(written[name], data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		work = append(work, s)
	}
	one := func(s testvectors.Scenario) {
		state := filepath.Join(files, "state-"+s.Name)
		args := []string{"qr", "--at", s.At.Format(time.RFC3339), "--test", "--json", "--text=" + string(s.Data)}
		if s.Trust != "none" {
			if err := os.CopyFS(state, os.DirFS(pinned)); err != nil {
				t.Error(err)
				return
			}
		}
		if s.Held != "" {
			if _, text, exit := run(state, "bundle", "install", written[s.Held]); exit != 0 {
				t.Errorf("%s: bundle install: exit %d: %s", s.Name, exit, text)
				return
			}
		}
		if file, ok := written[s.Trust]; ok {
			args = append(args, "--bundle", file)
		}
		if s.Level != 0 {
			args = append(args, "--level", string(rune('0'+s.Level)))
		}
		stdout, stderr, exit := run(state, args...)
		var got answer
		if err := json.Unmarshal(stdout, &got); err != nil {
			t.Errorf("%s: exit %d, no JSON: %v: %s", s.Name, exit, err, stderr)
			return
		}
		// A bundle for one run obeys the rule of an install, which opens every section: what an install refuses is refused
		// here whole, and not only the part of it that a code needs (docs/spec/checkpoint.md, CHK-10).
		if notInstalled[s.Trust] && s.Expect != "refuse" {
			s.Expect, s.Code = "cannot-confirm", "bundle-refused"
		}
		want := map[string]int{"accept": 0, "refuse": 1, "cannot-confirm": 3}[s.Expect]
		if got.Verdict != s.Expect || got.Code != s.Code || exit != want {
			t.Errorf("%s: %s %s, exit %d, want %s %s, exit %d", s.Name, got.Verdict, got.Code, exit, s.Expect, s.Code, want)
		}
	}
	queue := make(chan testvectors.Scenario)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for s := range queue {
				one(s)
			}
		})
	}
	for _, s := range work {
		queue <- s
	}
	close(queue)
	workers.Wait()
	total := 0
	for _, n := range left {
		total += n
	}
	t.Logf("%d presentations through posvid-verify; %d left out, because no flag says it: %v", len(work), total, left)
	if len(work) < 250 {
		t.Errorf("%d presentations through posvid-verify, want 250 and more", len(work))
	}
}
