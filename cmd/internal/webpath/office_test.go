package webpath

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/script"
)

// officePage is the page «Дія.Офіс за п'ять хвилин».
const officePage = root + "/docs/office.md"

// TestOfficePage does what docs/office.md says, in its order: writes the files that it shows, runs its commands with the programs that
// officials use, against `posvid serve --demo`, and compares what they print.
func TestOfficePage(t *testing.T) {
	s := start(t)
	data, err := os.ReadFile(officePage)
	if err != nil {
		t.Fatal(err)
	}
	// The page speaks of the default ports; the tests take free ones.
	text := strings.NewReplacer("http://localhost:8080", s.URL, "127.0.0.1:2525", strings.Replace(s.Gate, "localhost", "127.0.0.1", 1)).Replace(string(data))
	bin, err := filepath.Abs(programs)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	for name, target := range map[string]string{"posvid-demo": s.Dir, "bin": bin} {
		if err := os.Symlink(target, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	for _, block := range script.Blocks([]byte(text)) {
		kind, rest, _ := strings.Cut(block.Mark, " ")
		switch kind {
		case "file":
			name := filepath.Join(home, rest)
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(block.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		case "run":
			t.Run(strings.ReplaceAll(rest, " ", "-"), func(t *testing.T) {
				for _, program := range strings.Fields(rest) {
					if _, err := exec.LookPath(program); err != nil && program != "posvid" {
						if os.Getenv("CI") != "" {
							t.Fatalf("%s is not installed: make test-deps", program)
						}
						t.Skipf("%s is not installed: make test-deps", program)
					}
				}
				steps, err := block.Steps()
				if err != nil {
					t.Fatalf("%s: %v", officePage, err)
				}
				for _, step := range steps {
					ran++
					if got := inHome(t, home, step.Command); !step.Pattern().MatchString(got) {
						t.Fatalf("$ %s\nprinted:\n%s\n%s says:\n%s\nthe service logged:\n%s", step.Command, got, officePage, strings.Join(step.Want, "\n"), s.log)
					}
				}
			})
		default:
			t.Fatalf("%s: a block is marked %q, want file or run", officePage, block.Mark)
		}
	}
	if ran < 10 && !t.Failed() && os.Getenv("CI") != "" {
		t.Errorf("%d commands of %s run, want at least 10", ran, officePage)
	}
}

// inHome runs a command line as a newcomer would, at home in a folder, and answers all that it prints.
func inHome(t *testing.T, home, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", line)
	c.Dir = home
	c.WaitDelay = time.Second
	c.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_DATA_HOME="+filepath.Join(home, ".local", "share"),
		"XDG_CACHE_HOME="+filepath.Join(home, ".cache"), "LC_ALL=C.UTF-8", "TZ=Europe/Kyiv", "COLUMNS=200")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.Run() //nolint:errcheck // what it printed says it
	if ctx.Err() != nil {
		t.Fatalf("$ %s\ndid not end within a minute; it printed:\n%s", line, &out)
	}
	return out.String()
}
