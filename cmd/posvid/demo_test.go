package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/script"
)

// command runs `posvid ARG…` in this process.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := cli.New("posvid")
	env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), &out, &errs
	code = run(context.Background(), env, args)
	return out.String(), errs.String(), code
}

// TestDemo runs `posvid demo` once and then everything that is promised of the folder it leaves.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: the demo issues 218 IDs")
	}
	t.Setenv("LC_ALL", "uk_UA.UTF-8")
	t.Setenv("TZ", "Pacific/Kiritimati")
	t.Setenv("POSVID_DIR", "")
	t.Setenv("POSVID_PASSPHRASE", "")
	work := t.TempDir()
	output, code := inShell(work, "posvid demo")
	if code != 0 {
		t.Fatalf("posvid demo ended with %d:\n%s", code, output)
	}
	folder := filepath.Join(work, "posvid-demo")
	t.Run("README", func(t *testing.T) { testReadme(t, work, output) })
	t.Run("Leaves", func(t *testing.T) {
		for _, name := range []string{"bundle.sidb", "qr/valid.png", "qr/revoked.png", "passphrase.txt"} {
			if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("PrintedLines", func(t *testing.T) { testPrintedLines(t, work, output) })
	t.Run("Zbar", func(t *testing.T) { testZbar(t, folder) })
	t.Run("Inspect", func(t *testing.T) { testInspect(t, folder) })
	t.Run("Scripts", func(t *testing.T) {
		params := script.Params(filepath.Join("testdata", "demo"))
		setup := params.Setup
		params.Setup = func(e *testscript.Env) error {
			e.Setenv("DEMO", folder)
			return setup(e)
		}
		testscript.Run(t, params)
	})
}

// testPrintedLines runs the lines that the demo ends with, as they are printed.
func testPrintedLines(t *testing.T, work, output string) {
	_, tail, ok := strings.Cut(output, "Спробуйте самі:\n")
	if !ok {
		t.Fatal("the demo ends without what to try")
	}
	want := map[string]int{"valid.png": cli.ExitAccept, "revoked.png": cli.ExitRefuse}
	setting := ""
	ran := 0
	for _, line := range strings.Split(tail, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "export ") {
			setting = line + "; "
			continue
		}
		if !strings.HasPrefix(line, "bin/") || strings.Contains(line, "--watch") {
			continue
		}
		ran++
		code := cli.ExitAccept
		for name, c := range want {
			if strings.Contains(line, "/"+name+" ") {
				code = c
				delete(want, name)
			}
		}
		if strings.Contains(line, " watch ") {
			code = cli.ExitCannotConfirm // the screen wants a terminal; the tests of package watch give it one
		}
		line = strings.ReplaceAll(line, "bin/", "")
		if strings.Contains(line, " serve ") {
			testServed(t, work, setting, line)
			continue
		}
		got, exit := inShell(work, setting+line)
		if exit != code {
			t.Errorf("$ %s\nended with %d, want %d:\n%s", line, exit, code, got)
		}
	}
	if len(want) > 0 || ran < 7 {
		t.Errorf("%d lines run, no line for %v", ran, want)
	}
}

// testServed runs a line that serves pages, on a port that is free, until it has answered with each of the pages it names.
func testServed(t *testing.T, work, setting, line string) {
	t.Helper()
	shell := exec.Command("sh", "-c", setting+"exec "+line+" --listen 127.0.0.1:0")
	shell.Dir = work
	said, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	shell.Stdout, shell.Stderr = says, says
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	says.Close()
	var all strings.Builder
	seen := 0
	for lines := bufio.NewScanner(said); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		_, address, ok := strings.Cut(lines.Text(), "http://localhost:")
		if !ok || strings.HasPrefix(lines.Text(), "origin ") {
			continue
		}
		address, _, _ = strings.Cut("http://localhost:"+address, " ")
		question, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		question.Header.Set("Accept", "text/html")
		answer, err := http.DefaultClient.Do(question)
		if err != nil {
			t.Error(err)
			continue
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s is printed and answers %s", address, answer.Status)
		}
		if seen++; seen == 5 {
			break
		}
	}
	shell.Process.Kill()
	shell.Wait() // it was killed
	if seen < 5 {
		t.Errorf("$ %s\nnamed %d pages, want wallet, verifier, two registrars and operator:\n%s", line, seen, all.String())
	}
}

// testZbar reads the demo's code with a decoder that is not ours.
func testZbar(t *testing.T, folder string) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg is not installed (zbar-tools)")
		}
		t.Skip("zbarimg is not installed (zbar-tools): no independent decoder")
	}
	for _, name := range []string{"valid.png", "revoked.png", "long.png", "foreign-qr.png"} {
		picture := filepath.Join(folder, "qr", name)
		raw, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture).Output()
		if err != nil {
			t.Errorf("zbarimg %s: %v", name, err)
			continue
		}
		text := strings.TrimRight(string(raw), "\n")
		if name == "foreign-qr.png" {
			if text != "HTTPS://EXAMPLE.INVALID/QR/4417" {
				t.Errorf("%s: zbar reads %q", name, text)
			}
			continue
		}
		if !strings.HasPrefix(text, "SID1:") {
			t.Errorf("%s: zbar reads %.40q", name, text)
		}
		// The text that zbar reads and the picture that our decoder reads show the same bytes.
		fromText, _, code := command(t, "inspect", text)
		fromPicture, _, pictureCode := command(t, "inspect", picture)
		if code != 0 || pictureCode != 0 || fromText != fromPicture || !strings.Contains(fromText, "пред'явлення") {
			t.Errorf("%s: zbar and we read different things:\n%s\n%s", name, fromText, fromPicture)
		}
	}
}

// testInspect shows everything that lies in the demo's folder and has a format of ours.
func testInspect(t *testing.T, folder string) {
	words := map[string]string{
		"bundle.sidb":             `набір довіри [3-9], корінь 1\n(?s:.*)99000011`,
		"operator/*.age":          `запечатаний ключ: роль (root|bundle|beacon)`,
		"operator/register.json":  `"version"`,
		"bodies/*/keys/*.age":     `запечатаний ключ: роль (data|issuer)`,
		"bodies/*/operators/*":    `запечатаний ключ: роль operator`,
		"bodies/*/requests/*":     `запит на ключ органу`,
		"bodies/*/publication.*":  `публікація органу 990000\d\d: переліків статусів 1`,
		"bodies/*/plans/*.json":   `"posvid.hr-plan/1"`,
		"bodies/*/plans/*.app*":   `підпис під рішенням`,
		"bodies/9*/deliveries/0*": `18\(\[<<\{1: -9`,
		"bodies/*/trust/*.sidb":   `набір довіри [2-9]`,
		"bodies/*/trust/[fmp]*":   `^posvid-checkpoint (floor|memory|pin)`,
		"wallets/*/holder.key":    `запечатаний ключ: роль holder`,
		"wallets/*/wallet.json":   `"posvid.wallet/1"`,
		"checkpoint/*.sidb":       `набір довіри [2-9]`,
		"checkpoint/[fm]*":        `^posvid-checkpoint (floor|memory)`,
		"checkpoint/pin":          `^posvid-checkpoint pin`,
		"checkpoint/verifier.key": `запечатаний ключ: роль verifier`,
		"qr/[a-eg-z]*.png":        `SID1: \d+ символів, \d+ байтів\nпред'явлення, \d+ байтів, ESP256\n18\(`,
		"qr/foreign-qr.png":       `HTTPS://EXAMPLE.INVALID/QR/4417`,
	}
	for glob, word := range words {
		found, err := filepath.Glob(filepath.Join(folder, glob))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: %v, %d files", glob, err, len(found))
		}
		for _, name := range found {
			stdout, stderr, code := command(t, "inspect", name)
			if code != 0 || !regexp.MustCompile(word).MatchString(stdout) {
				t.Errorf("inspect %s ended with %d: %.300s %s", name, code, stdout, stderr)
			}
			if !strings.Contains(stderr, "підписи не перевірено") {
				t.Errorf("inspect %s does not say that it trusts nothing: %s", name, stderr)
			}
		}
	}
	// What is none of ours is an error, not a guess.
	for _, name := range []string{"passphrase.txt", "hr/council.csv", "hr/ministry.xlsx", "bodies/99000028/body.db", "operator/lock"} {
		if stdout, stderr, code := command(t, "inspect", filepath.Join(folder, name)); code != cli.ExitRefuse || !strings.Contains(stderr, "hint: ") || stdout != "" {
			t.Errorf("inspect %s ended with %d: %.300s %s", name, code, stdout, stderr)
		}
	}
	// Nothing secret lies in the open, and nothing is readable by others.
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && (strings.HasSuffix(name, ".age") || strings.HasSuffix(name, ".key") || strings.HasSuffix(name, ".db")) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has rights %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestDemoFolder holds what a demo may replace: its own earlier folder and nothing else.
func TestDemoFolder(t *testing.T) {
	env := cli.New("posvid")
	foreign := t.TempDir()
	keep := filepath.Join(foreign, "diploma.txt")
	if err := os.WriteFile(keep, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LC_ALL", "uk_UA.UTF-8")
	_, stderr, code := command(t, "demo", foreign)
	if code != cli.ExitRefuse || !strings.Contains(stderr, "не порожня і не від попередньої проби") || !strings.Contains(stderr, "hint: назвіть іншу") {
		t.Errorf("demo in a foreign folder ended with %d: %s", code, stderr)
	}
	if entries, err := os.ReadDir(foreign); err != nil || len(entries) != 1 {
		t.Errorf("the foreign folder holds %v, %v", entries, err)
	}
	own := filepath.Join(t.TempDir(), "own")
	for range 2 {
		if _, err := newDemo(env, own); err != nil {
			t.Fatal(err)
		}
		old := filepath.Join(own, "qr", "old.png")
		if _, err := os.Stat(old); err == nil {
			t.Error("a second demo keeps files of the first")
		}
		if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
