package web

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"
)

// TestVendor: what others have written is committed as it came, with its licence, and nothing lies beside it.
func TestVendor(t *testing.T) {
	folders, err := fs.ReadDir(Assets, "static/vendor")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no vendor files: %v", err)
	}
	for _, folder := range folders {
		at := "static/vendor/" + folder.Name() + "/"
		sums, err := fs.ReadFile(Assets, at+"SHA256SUMS")
		if err != nil {
			t.Fatal(err)
		}
		listed := map[string]string{}
		for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
			sum, name, ok := strings.Cut(lines.Text(), "  ")
			if !ok {
				t.Fatalf("%sSHA256SUMS: %q", at, lines.Text())
			}
			listed[name] = sum
		}
		if listed["LICENSE"] == "" {
			t.Errorf("%s: no licence", at)
		}
		err = fs.WalkDir(Assets, strings.TrimSuffix(at, "/"), func(file string, d fs.DirEntry, err error) error {
			name := strings.TrimPrefix(file, at)
			if err != nil || d.IsDir() || name == "SHA256SUMS" {
				return err
			}
			data, err := fs.ReadFile(Assets, file)
			if err != nil {
				return err
			}
			if sum := sha256.Sum256(data); listed[name] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: SHA-256 %x, want %q", file, sum, listed[name])
			}
			delete(listed, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for name := range listed {
			t.Errorf("%s%s is missing", at, name)
		}
	}
}
