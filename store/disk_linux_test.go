package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// [ISS-24] An I/O error while issuing stops the store with its name. The error is a real one: in a child
// process writes beyond a file size limit fail.
func TestInputOutputError(t *testing.T) {
	if path := os.Getenv("POSVID_TEST_EFBIG"); path != "" {
		efbigChild(path)
		return
	}
	w := newWorld(t, 0)
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestInputOutputError$")
	cmd.Env = append(os.Environ(), "POSVID_TEST_EFBIG="+w.path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	last := -1
	for line := range strings.Lines(string(out)) {
		switch f := strings.Fields(line); {
		case len(f) == 2 && f[0] == "durable":
			fmt.Sscan(f[1], &last)
		case len(f) > 1 && f[0] == "wrong":
			t.Error(line)
		}
	}
	if last < 0 || !strings.Contains(string(out), "stopped well") {
		t.Fatalf("the child did not get to the failure:\n%s", out)
	}
	w.openStore(store.Options{})
	w.openBody()
	w.view(func(tx issuer.Tx) error {
		v, err := tx.Setting("n")
		if err != nil || string(v) != fmt.Sprint(last) && string(v) != fmt.Sprint(last+1) {
			t.Errorf("the store says %q %v, %d was acknowledged last", v, err, last)
		}
		return nil
	})
	w.check()
	w.update(func(tx issuer.Tx) error { return tx.SetSetting("n", []byte("more")) })
}

// efbigChild writes until the limit bites and tells what it saw.
func efbigChild(path string) {
	s, err := store.Open(path, store.Options{})
	if err != nil {
		fmt.Println("wrong: open:", err)
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := uint64(1 << 20)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		fmt.Println("wrong: setrlimit:", err)
		return
	}
	ctx := context.Background()
	for n := range 10_000 {
		err := s.Update(ctx, func(tx issuer.Tx) error {
			if err := tx.SetSetting(fmt.Sprintf("fill %d", n), make([]byte, 3000)); err != nil {
				return err
			}
			return tx.SetSetting("n", []byte(fmt.Sprint(n)))
		})
		if err == nil {
			fmt.Println("durable", n)
			continue
		}
		if !errors.Is(err, store.ErrIO) {
			fmt.Println("wrong: error is", err)
		}
		if err := s.Update(ctx, func(issuer.Tx) error { return nil }); !errors.Is(err, store.ErrStopped) || !errors.Is(err, store.ErrIO) {
			fmt.Println("wrong: a stopped store says", err)
		}
		fmt.Println("stopped well")
		return
	}
	fmt.Println("wrong: the limit never bit")
}

// [ISS-24] The same on a disk that really is full, where the test may mount one.
func TestRealDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a small tmpfs")
	}
	dir := t.TempDir()
	if err := syscall.Mount("posvid-test", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	w := newWorld(t, 0)
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.path = filepath.Join(dir, "body.db")
	w.openStore(store.Options{})
	if err := issuer.Create(ctx, w.s, issuer.BodyRow{EDRPOU: testBody, Name: "На малому диску", Created: testTime}); err != nil {
		t.Fatal(err)
	}
	w.openBody()
	ids, err := store.Populate(ctx, w.s, testBody, 0, 100, testTime, store.NewHolder)
	if err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	room := func() int64 {
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		return int64(st.Bavail) * st.Bsize
	}
	if err := os.WriteFile(ballast, make([]byte, room()-60<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	acked := map[int64]issuer.Serial{}
	var failure error
	for _, e := range ids {
		r := w.try(testTime, e)
		if r.Err != nil {
			failure = r.Err
			break
		}
		acked[e] = r.ID.Serial
	}
	if !errors.Is(failure, store.ErrDiskFull) && !errors.Is(failure, store.ErrIO) {
		t.Fatalf("full disk: %v after %d IDs", failure, len(acked))
	}
	if r := w.try(testTime, ids[0]); !errors.Is(r.Err, store.ErrStopped) {
		t.Errorf("went on after the failure: %v", r.Err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	w.reopen(store.Options{})
	w.check()
	res, err := w.b.Issue(ctx, testTime.Add(time.Minute), ids...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if was, ok := acked[r.Entitlement]; ok && was != r.ID.Serial {
			t.Errorf("entitlement %d was acknowledged as %s, is %s", r.Entitlement, was, r.ID.Serial)
		}
	}
	w.check()
}
