package emulate

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotLinked: this package is test code. Only tests import it, so no program carries it, and it imports nothing of the
// module, so it cannot agree with a reader by sharing its mistakes.
func TestNotLinked(t *testing.T) {
	const module = "github.com/posvid/posvid/"
	seen := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); name == "bin" || name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && len(name) > 2 {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		own := filepath.Base(filepath.Dir(path)) == "emulate"
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if name == module+"nfc/emulate" && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s imports this package and is no test", path)
			}
			if own && strings.HasPrefix(name, module) && name != module+"nfc/emulate" {
				t.Errorf("%s imports %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Fatalf("only %d files seen: the walk is broken", seen)
	}
}

// TestMissingPrograms: a machine without the programs skips and says which; in CI that is a failure, else nothing would be
// tested there and nobody would know.
func TestMissingPrograms(t *testing.T) {
	const here = "POSVID_EMULATE_MISSING" // set where this test runs itself on a machine without programs
	if os.Getenv(here) != "" {
		Require(t, "opensc-tool", "no-such-program")
		t.Error("went on")
		return
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, ci := range []string{"", "true"} {
		command := exec.Command(executable, "-test.v", "-test.short=false", "-test.run=^TestMissingPrograms$")
		command.Env = append(os.Environ(), "PATH=/nonexistent", "CI="+ci, here+"=yes")
		output, err := command.CombinedOutput()
		if !strings.Contains(string(output), "missing: opensc-tool (package opensc), no-such-program") {
			t.Errorf("CI=%q: the reason is not told:\n%s", ci, output)
		}
		if failed := err != nil; failed != (ci == "true") || strings.Contains(string(output), "--- SKIP") == failed || strings.Contains(string(output), "went on") {
			t.Errorf("CI=%q: %v\n%s", ci, err, output)
		}
	}
}
