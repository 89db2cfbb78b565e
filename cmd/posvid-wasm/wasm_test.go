//go:build !js

package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxGzip is the bar for the verifier in a browser.
const maxGzip = 3 << 20

// build compiles the command for the browser, as `make wasm` does.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "posvid.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build for js/wasm: %v\n%s", err, text)
	}
	return out
}

func TestSize(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a build for the browser")
	}
	data, err := os.ReadFile(build(t))
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, gzip -9 %d", len(data), zipped.Len())
	if zipped.Len() > maxGzip {
		t.Errorf("gzip -9: %d bytes, want at most %d", zipped.Len(), maxGzip)
	}
}
