// Package posvid_test holds the tests that look at the whole tree instead of one package.
package posvid_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

const module = "github.com/posvid/posvid/"

// layers is the policy of docs/spec/README.md, Layers: a package imports only from lines above its own, and two
// packages on one line never import each other, except that a sub-package may serve its parent's folder.
// Change the code, not this table.
var layers = [][]string{
	{"crypto/cose", "codes", "hr", "office", "locale", "testvectors"},
	{"crypto/keys", "crypto/keys/authority"},
	{"credential", "trust"},
	{"qr", "qr/detect", "qr/source", "nfc"},
	{"verifier", "wallet"},
	{"verifier/card", "issuer", "checkpoint", "nfc/pcsc", "crypto/hsm"},
	{"store"},
	{"service", "service/...", "web", "web/..."},
	{"cmd/...", "testvectors/gen/...", "nfc/emulate", "qr/detect/frames", "qr/detect/score", "qr/detect/internal/...", "store/crash", "scripts/..."},
}

// layerOf gives the line a package stands on, -1 when the table does not know it.
func layerOf(pkg string) int {
	for i, line := range layers {
		for _, name := range line {
			if prefix, open := strings.CutSuffix(name, "/..."); name == pkg || open && (pkg == prefix || strings.HasPrefix(pkg, prefix+"/")) {
				return i
			}
		}
	}
	return -1
}

// sources maps each package folder to the module packages its non-test files import, with one file that does so.
// It parses the sources itself: `go list` run from a test hides behind the test cache.
func sources(t *testing.T) map[string]map[string]string {
	t.Helper()
	imports := map[string]map[string]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin" || base == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(name))
		if imports[folder] == nil {
			imports[folder] = map[string]string{}
		}
		for _, spec := range file.Imports {
			imports[folder][strings.Trim(spec.Path.Value, `"`)] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

func TestLayers(t *testing.T) {
	tree := sources(t)
	if len(tree) < 10 {
		t.Fatalf("only %d packages found: the walk is broken", len(tree))
	}
	for pkg, imports := range tree {
		own := layerOf(pkg)
		if own < 0 {
			t.Errorf("package %s stands on no line of the layer table", pkg)
			continue
		}
		for imported, file := range imports {
			other, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			line := layerOf(other)
			family := strings.HasPrefix(other, pkg+"/") || strings.HasPrefix(pkg, other+"/")
			commands := own == len(layers)-1 && line == own
			if line > own || line == own && !family && !commands {
				t.Errorf("%s: %s (line %d) imports %s (line %d)", file, pkg, own+1, other, line+1)
			}
			if other == "testvectors" && !strings.HasPrefix(pkg, "cmd/posvid") && !strings.HasPrefix(pkg, "testvectors") {
				t.Errorf("%s: testvectors is for tests, and for cmd/posvid's demo and bench", file)
			}
		}
	}
	if _, err := os.Stat("crypto"); err == nil {
		if files, _ := filepath.Glob("crypto/*.go"); len(files) > 0 {
			t.Errorf("the folder crypto/ itself holds no package, found %v", files)
		}
	}
	for pkg := range tree {
		switch path.Base(pkg) {
		case "util", "utils", "common", "helpers", "types", "models", "misc":
			t.Errorf("package %s has a name that says nothing", pkg)
		}
	}
}

// TestVerifierClosure holds the promise that a checkpoint's program cannot issue, talk to a network or open a database.
func TestVerifierClosure(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: go list over the whole closure")
	}
	for _, target := range []struct {
		pkg string
		env []string
	}{
		{"./cmd/posvid-verify", nil},
		{"./cmd/posvid-wasm", []string{"GOOS=js", "GOARCH=wasm"}},
	} {
		command := exec.Command("go", "list", "-deps", target.pkg)
		command.Env = append(os.Environ(), target.env...)
		output, err := command.Output()
		if err != nil {
			t.Fatalf("go list %s: %v", target.pkg, err)
		}
		deps := strings.Fields(string(output))
		sort.Strings(deps)
		if len(deps) < 20 {
			t.Fatalf("%s: only %d dependencies listed", target.pkg, len(deps))
		}
		for _, dep := range deps {
			switch {
			case dep == "net/http", dep == "net/smtp", dep == "net/mail", dep == "database/sql",
				strings.HasPrefix(dep, "modernc.org/"), strings.HasPrefix(dep, "github.com/emersion/"),
				dep == module+"crypto/keys/authority", dep == module+"issuer", dep == module+"store",
				dep == module+"hr", dep == module+"office", dep == module+"service", dep == module+"web":
				t.Errorf("%s links %s", target.pkg, dep)
			}
		}
	}
}

// TestPins keeps the versions below which a known fault returns.
func TestPins(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range []string{
		"github.com/fxamacker/cbor/v2 v2.9.6", // below 2.9.3 the decoder panics on hostile input (its issues 802 and 809)
		"modernc.org/sqlite v1.60.1",          // embeds a SQLite after 3.51.3, which mended the WAL-reset corruption
		"github.com/cloudflare/circl v1.6.5",
	} {
		if !strings.Contains(string(data), pin) {
			t.Errorf("go.mod no longer pins %s: raise this test with the reason", pin)
		}
	}
}
