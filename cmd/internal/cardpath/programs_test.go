//go:build pcsc && cgo && linux

package cardpath_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binVariable names the folder with the two programs. A test that executes itself again in namespaces of its own finds
// there what was built outside.
const binVariable = "POSVID_CARDPATH_BIN"

// passphrase seals the keys of the test bodies.
const passphrase = "correct horse battery staple"

var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a folder below the system's temporary one
	}
	os.Exit(code)
}

// programs builds posvid and posvid-verify with support for readers, once, and gives their folder.
func programs(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(binVariable); dir != "" {
		return dir
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "cardpath"); built.err != nil {
			return
		}
		if built.err = build(built.dir, []string{"CGO_ENABLED=1"}, "-tags", "pcsc", "../../posvid", "../../posvid-verify"); built.err == nil {
			built.err = os.Setenv(binVariable, built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

// longest is how long a program may take with one card: three seconds for a reader that another program holds or eight for the
// card itself, and what a busy machine needs to start it. A program that takes longer is killed, and the test fails.
const longest = 8*time.Second + 4*time.Second

// execute runs a program to its end, with English or Ukrainian as args say.
func execute(t testing.TB, dir, stdin, name string, args ...string) result {
	t.Helper()
	return executeFor(t, longest, dir, stdin, name, args...)
}

func executeFor(t testing.TB, limit time.Duration, dir, stdin, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(programs(t), name), args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "POSVID_PASSPHRASE="+passphrase, "POSVID_DIR="+dir)
	command.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	command.WaitDelay = time.Second
	start := time.Now()
	err := command.Run()
	r := result{command.ProcessState.ExitCode(), out.String(), errs.String(), time.Since(start)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s %q did not end within %s\n%s", name, args, limit, r)
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%s %q: %v", name, args, err)
	case strings.Contains(r.stderr, "panic:") || strings.Contains(r.stderr, "goroutine "):
		t.Fatalf("%s %q panicked\n%s", name, args, r)
	}
	return r
}

// check gives the result of one check.
func (v verdict) check(name string) string {
	for _, c := range v.Checks {
		if c.Name == name {
			return c.Result
		}
	}
	return "absent"
}
