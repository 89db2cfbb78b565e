package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/testvectors"
)

// browserRequest is the argument of posvidVerify (cmd/posvid-wasm).
type browserRequest struct {
	Text       string     `json:"text"`
	At         time.Time  `json:"at"`
	Bundle     string     `json:"bundle"` // empty: none; left out it would be the one before
	Pin        string     `json:"pin,omitempty"`
	Floor      *time.Time `json:"floor,omitempty"`
	FloorLost  bool       `json:"floor_lost,omitempty"`
	Class      string     `json:"class,omitempty"`
	VerifierID uint64     `json:"verifier_id,omitempty"`
	Level      int        `json:"level,omitempty"`
	Nonce      string     `json:"nonce,omitempty"`
	Seen       *time.Time `json:"seen,omitempty"`
	Photo      string     `json:"photo,omitempty"`
}

func request(t *testing.T, s testvectors.Scenario, pin string) browserRequest {
	t.Helper()
	r := browserRequest{Text: string(s.Data), At: s.At, Class: s.Class, VerifierID: s.ID, Level: s.Level, Nonce: s.Nonce, Photo: s.Photo}
	if s.Trust != "none" {
		r.Pin = pin
		if s.Trust != "no-bundle" {
			data, err := testvectors.TrustFile(s.Trust)
			if err != nil {
				t.Fatal(err)
			}
			r.Bundle = base64.StdEncoding.EncodeToString(data)
		}
	}
	switch s.Floor {
	case "":
	case "lost":
		r.FloorLost = true
	default:
		at := moment(t, s.Floor)
		r.Floor = &at
	}
	if s.Seen != "" {
		at := moment(t, s.Seen)
		r.Seen = &at
	}
	if s.Photo == "matched" {
		hash := testvectors.Persons()[0].Photo()
		r.Photo = hex.EncodeToString(hash[:])
	}
	return r
}

// TestBrowser judges every presentation of v1 with the verifier in WebAssembly, run by Node.js.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a build for the browser")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is missing")
		}
		t.Skip("node is missing")
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	support := filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js")
	program := filepath.Join(t.TempDir(), "posvid.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/posvid/posvid/cmd/posvid-wasm")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build for js/wasm: %v\n%s", err, text)
	}
	var all []testvectors.Scenario
	for _, s := range scenarios(t) {
		if s.Kind == "presentation" {
			all = append(all, s)
		}
	}
	// One bundle after the other: the verifier keeps the last one open.
	slices.SortStableFunc(all, func(a, b testvectors.Scenario) int { return strings.Compare(a.Trust, b.Trust) })
	pin := demoPin(t).String()
	var in bytes.Buffer
	for _, s := range all {
		line, err := json.Marshal(request(t, s, pin))
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(node, filepath.Join("..", "..", "cmd", "posvid-wasm", "run.cjs"), support, program)
	var out, diagnostics bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &diagnostics
	if err := cmd.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, diagnostics.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d answers to %d requests", len(lines), len(all))
	}
	wrong := 0
	for i, s := range all {
		var got answer
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Error != "" || got.Verdict != s.Expect || got.Code != s.Code {
			wrong++
			t.Errorf("%s: %s %s %s, want %s %s", s.Name, got.Verdict, got.Code, got.Error, s.Expect, s.Code)
		}
	}
	t.Logf("%d presentations in the browser's verifier, %d wrong, median %s ms", len(all), wrong, strings.TrimSpace(diagnostics.String()))
}
