package posvid_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// need finds a program that a test cannot do without: it skips the test, and fails it under CI=true.
func need(t *testing.T, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed (apt-get install %s)", program, debianPackage)
		}
		t.Skipf("%s is not installed (apt-get install %s)", program, debianPackage)
	}
	return path
}

// output runs a command in a folder and fails the test when it fails.
func output(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir, command.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// TestDebianPackages builds both packages twice, from this folder and from a clone elsewhere with another home, time zone and
// language, and compares them byte for byte; then it looks at what they install. `make deb-check` does the same with an empty
// build cache.
func TestDebianPackages(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: builds four packages")
	}
	need(t, "dpkg-deb", "dpkg")
	need(t, "gcc", "gcc")
	need(t, "pkg-config", "pkg-config")
	if exec.Command("pkg-config", "--exists", "libpcsclite").Run() != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("libpcsclite is not installed (apt-get install libpcsclite-dev)")
		}
		t.Skip("libpcsclite is not installed (apt-get install libpcsclite-dev)")
	}
	if dirty := output(t, ".", nil, "git", "status", "--porcelain", "--untracked-files=no"); dirty != "" && os.Getenv("CI") == "true" {
		t.Fatalf("the tree has changes that are not committed, so a clone is another program:\n%s", dirty)
	} else if dirty != "" {
		t.Skip("the tree has changes that are not committed, so a clone is another program")
	}
	first, second := t.TempDir(), t.TempDir()
	output(t, ".", []string{"OUT=" + first}, "./packaging/build")
	clone := filepath.Join(t.TempDir(), "elsewhere")
	output(t, ".", nil, "git", "clone", "-q", "--no-hardlinks", ".", clone)
	caches := []string{"GOCACHE=" + strings.TrimSpace(output(t, ".", nil, "go", "env", "GOCACHE")), "GOMODCACHE=" + strings.TrimSpace(output(t, ".", nil, "go", "env", "GOMODCACHE"))}
	if os.Getenv("POSVID_EMPTY_CACHE") != "" {
		caches[0] = "GOCACHE=" + t.TempDir()
	}
	output(t, clone, append(caches, "OUT="+second, "HOME="+t.TempDir(), "TZ=Europe/Kyiv", "LANG=uk_UA.UTF-8", "GOFLAGS=-modcacherw"), "./packaging/build")
	debs, err := filepath.Glob(filepath.Join(first, "*.deb"))
	if err != nil || len(debs) != 2 {
		t.Fatalf("packages %v, want two (%v)", debs, err)
	}
	for _, deb := range debs {
		a, b := sum(t, deb), sum(t, filepath.Join(second, filepath.Base(deb)))
		if a != b {
			t.Errorf("%s: SHA-256 %s here, %s elsewhere", filepath.Base(deb), a, b)
		}
		root := t.TempDir()
		output(t, ".", nil, "dpkg-deb", "-x", deb, root)
		name, _, _ := strings.Cut(filepath.Base(deb), "_")
		wanted := map[string][]string{
			"posvid": {"usr/bin/posvid", "usr/lib/systemd/system/posvid.service", "usr/lib/systemd/system/posvid-sync.timer", "usr/lib/sysusers.d/posvid.conf", "usr/lib/tmpfiles.d/posvid.conf",
				"usr/share/bash-completion/completions/posvid", "usr/share/zsh/vendor-completions/_posvid", "usr/share/fish/vendor_completions.d/posvid.fish",
				"usr/share/man/man1/posvid.1.gz", "usr/share/man/man1/posvid-serve.1.gz", "usr/share/man/man1/posvid-sync.1.gz", "usr/share/doc/posvid/copyright", "etc/posvid/posvid.env"},
			"posvid-verify": {"usr/bin/posvid-verify", "usr/lib/systemd/system/posvid-checkpoint@.service", "usr/share/polkit-1/rules.d/60-posvid.rules", "usr/lib/sysusers.d/posvid-verify.conf",
				"usr/share/man/man1/posvid-verify.1.gz", "usr/share/man/man1/posvid-verify-watch.1.gz", "usr/share/doc/posvid-verify/copyright"},
		}[name]
		if wanted == nil {
			t.Fatalf("package %s is none of ours", name)
		}
		for _, file := range wanted {
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s does not install /%s", name, file)
			}
		}
		if out := output(t, ".", nil, filepath.Join(root, "usr/bin", name), "--help"); !strings.Contains(out, name) {
			t.Errorf("the installed %s does not start: %q", name, out)
		}
		if name == "posvid-verify" {
			if strings.Contains(output(t, ".", nil, "strings", "-n", "6", filepath.Join(root, "usr/bin", name)), "net/http.") {
				t.Error("posvid-verify links net/http")
			}
		}
	}
}

func sum(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// TestUnitsAreConfined holds every unit to systemd's own rating of what a service could do: 2.0 of 10 at most, where a unit
// without any confinement has 9.6.
func TestUnitsAreConfined(t *testing.T) {
	need(t, "systemd-analyze", "systemd")
	units, err := filepath.Glob("packaging/systemd/*.service")
	if err != nil || len(units) < 3 {
		t.Fatalf("units %v (%v)", units, err)
	}
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, unit := range units {
		out := output(t, ".", nil, "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
		m := level.FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("%s: no rating in %q", unit, out)
		}
		rating, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if rating > 2.0 {
			t.Errorf("%s: exposure %.1f, want at most 2.0", unit, rating)
		}
		t.Logf("%s: %.1f", unit, rating)
	}
}
