package verifier_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// inBrowser builds the browser's verifier and runs requests through it under node: the answers, and the median time of
// one in milliseconds.
func inBrowser(t *testing.T, requests *bytes.Buffer) (got []string, median float64) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is missing")
		}
		t.Skip("node is missing: the browser build is not run")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	wasm := filepath.Join(t.TempDir(), "posvid.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", wasm, "../cmd/posvid-wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build for js/wasm: %v\n%s", err, text)
	}

	run := exec.Command(node, "../cmd/posvid-wasm/run.cjs", filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"), wasm)
	run.Stdin = requests
	var answers, errors bytes.Buffer
	run.Stdout, run.Stderr = &answers, &errors
	if err := run.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, errors.String())
	}
	got = strings.Split(strings.TrimSpace(answers.String()), "\n")
	lines := strings.Fields(errors.String())
	median, err = strconv.ParseFloat(lines[len(lines)-1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return got, median
}

// TestWasmSaysTheSame runs the scenarios through the browser build under node and compares the JSON of every verdict
// with the native one.
func TestWasmSaysTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a build for the browser")
	}
	w := newWorld(t)
	var requests bytes.Buffer
	var native []string
	for _, s := range scenarios {
		in := s.make(w)
		// What a JSON request cannot say: an error of a caller's own, a fault on purpose, a state that does not exist.
		if in.Bundle != w.bundle || in.FloorErr != nil || s.want == verifier.Internal || strings.Contains(s.name, "does not exist") || in.Class > trust.ClassCouncil {
			continue
		}
		r := map[string]any{"text": in.Text, "unread": in.Unread, "at": in.At.Format(time.RFC3339Nano), "verifier_id": in.VerifierID, "level": in.MinLevel}
		if len(native) == 0 { // the bundle stays open
			r["bundle"], r["pin"] = base64.StdEncoding.EncodeToString(w.data), w.pin.String()
		}
		if in.Class != trust.ClassNone {
			r["class"] = in.Class.String()
		}
		if !in.Floor.IsZero() {
			r["floor"] = in.Floor.Format(time.RFC3339)
		}
		if in.Nonce != nil {
			states := map[verifier.ChallengeState]string{verifier.ChallengeOpen: "open", verifier.ChallengeUsed: "used", verifier.ChallengeExpired: "expired"}
			if state, ok := states[in.Nonce(nonce, [32]byte{})]; ok {
				r["nonce"] = state
			}
		}
		if in.Seen != nil {
			first, ok := in.Seen([32]byte{})
			if !ok {
				in.Seen = nil
			} else {
				r["seen"] = first.Format(time.RFC3339)
			}
		}
		switch in.Photo.Kind {
		case verifier.PhotoMatched:
			r["photo"] = hex.EncodeToString(in.Photo.Hash[:])
		case verifier.PhotoPlastic:
			r["photo"] = "plastic"
		}
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		requests.Write(append(line, '\n'))
		v := verifier.Verify(in)
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		native = append(native, string(out))
	}
	requests.WriteString("not JSON\n{\"class\":\"king\"}\n")

	got, median := inBrowser(t, &requests)
	if len(got) != len(native)+2 {
		t.Fatalf("%d answers to %d requests", len(got), len(native)+2)
	}
	for i := range native {
		if got[i] != native[i] {
			t.Errorf("browser build: %s\nnative:        %s", got[i], native[i])
		}
	}
	for _, bad := range got[len(native):] {
		if !strings.HasPrefix(bad, `{"error":`) {
			t.Errorf("a request that is none got %s", bad)
		}
	}
	t.Logf("%d verdicts equal, median %.2f ms", len(native), median)
}
