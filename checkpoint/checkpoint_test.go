package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

func TestPin(t *testing.T) {
	w, other := worldOf(t, 1), newWorld(t, "another operator")
	s := must[*State](t)(Open(filepath.Join(t.TempDir(), "a", "b")))
	if _, err := s.Pinned(); !errors.Is(err, ErrNoPin) || !errors.Is(err, verifier.NoRoot) {
		t.Errorf("nothing pinned: %v", err)
	}
	if _, err := s.Install(w.bundles[1], after(1)); !errors.Is(err, ErrNoPin) {
		t.Errorf("install without a pin: %v", err)
	}
	if _, err := s.Use(w.bundles[1]); !errors.Is(err, ErrNoPin) {
		t.Errorf("use without a pin: %v", err)
	}
	if v := w.verdict(s, 1); v.Code != verifier.NoRoot {
		t.Errorf("verdict without a pin: %s", v.Code)
	}
	if err := s.Pin(trust.Fingerprint{}); err == nil {
		t.Error("a fingerprint of zeros is pinned")
	}
	if err := s.Pin(w.pin); err != nil {
		t.Fatal(err)
	}
	if v := w.verdict(s, 1); v.Code != verifier.NoBundle {
		t.Errorf("verdict with nothing installed: %s", v.Code)
	}
	if err := s.Pin(w.pin); err != nil {
		t.Errorf("the same pin again: %v", err)
	}
	if err := s.Pin(other.pin); !errors.Is(err, ErrPinned) {
		t.Errorf("another pin: %v", err)
	}
	if _, err := s.Install(other.publish(), after(1)); !errors.Is(err, ErrBundle) || !errors.Is(err, trust.ErrPin) || !errors.Is(err, verifier.BundleRefused) {
		t.Errorf("bundle of another operator: %v", err)
	}
	if got, err := s.Pinned(); err != nil || got != w.pin {
		t.Errorf("pinned %s, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(s.dir, pinName))
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("pin: %v, %v", info.Mode(), err)
	}
}

func TestInstallAndVerify(t *testing.T) {
	w := worldOf(t, 2)
	s := w.device()
	r, err := s.Install(w.bundles[1], after(1))
	if err != nil || r != (Report{Previous: 0, Number: 1, Changed: true}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if v := w.verdict(s, 1); v.Outcome != verifier.Accept || v.Bundle.Number != 1 {
		t.Errorf("%s %s", v.Outcome, v.Code)
	}
	r, err = s.Install(w.bundles[2], after(1))
	if err != nil || r.Previous != 1 || r.Number != 2 || !r.Ahead {
		t.Errorf("a bundle from an hour ahead: %+v, %v", r, err)
	}
	if v := w.verdict(s, 1); v.Code != verifier.ClockBehind {
		t.Errorf("clock behind the bundle: %s", v.Code)
	}
	if r, err := s.Install(w.bundles[2], base.Add(30*day)); err != nil || !r.Expired || r.Changed {
		t.Errorf("an expired bundle again: %+v, %v", r, err)
	}
}

func TestInstallIsIdempotent(t *testing.T) {
	w := worldOf(t, 2)
	s := w.device(1, 2)
	before := snapshot(t, s.dir)
	r, err := s.Install(w.bundles[2], after(2))
	if err != nil || r.Changed || r.Number != 2 || r.Previous != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if !equal(before, snapshot(t, s.dir)) {
		t.Error("the same bundle again changed a file")
	}
	for _, lost := range []string{floorNames[0], floorNames[1], memoryNames[0], memoryNames[1]} {
		if err := os.Remove(filepath.Join(s.dir, lost)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Install(w.bundles[2], after(2)); err != nil {
			t.Errorf("%s lost: %v", lost, err)
		}
		if !equal(before, snapshot(t, s.dir)) {
			t.Errorf("%s lost: not mended by the same bundle", lost)
		}
	}
}

// snapshot is the content of a folder; the lock and what a test does not speak of are left out.
func snapshot(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for _, name := range slices.Concat(bundleNames[:], floorNames[:], memoryNames[:], []string{pinName}) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			out[name] = string(data)
		}
	}
	return out
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func TestNoRollbackInAnyOrder(t *testing.T) {
	const n = 8
	w := worldOf(t, n)
	orders := 60
	if testing.Short() {
		orders = 10
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range orders {
		s := w.device()
		newest := 0
		for range 12 {
			i := 1 + r.IntN(n)
			report, err := s.Install(w.bundles[i], after(n))
			switch {
			case i < newest:
				if !errors.Is(err, trust.ErrRollback) || !errors.Is(err, verifier.BundleRollback) {
					t.Fatalf("bundle %d after %d: %v", i, newest, err)
				}
			case err != nil:
				t.Fatalf("bundle %d after %d: %v", i, newest, err)
			default:
				if report.Changed != (i > newest) {
					t.Fatalf("bundle %d after %d: %+v", i, newest, report)
				}
				newest = i
			}
			if got := number(t, s); got != uint64(newest) {
				t.Fatalf("installed bundle %d, want %d", got, newest)
			}
			if floor, err := s.Floor(); err != nil || !floor.Equal(after(newest).Add(-time.Minute)) {
				t.Fatalf("floor %s, %v after bundle %d", floor, err, newest)
			}
		}
	}
}

func TestBadBundlesChangeNothing(t *testing.T) {
	w := worldOf(t, 2)
	s := w.device(1)
	before := snapshot(t, s.dir)
	r := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		bad := bytes.Clone(w.bundles[2])
		bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		if _, err := s.Install(bad, after(2)); !errors.Is(err, ErrBundle) {
			t.Fatalf("a bundle with a flipped bit: %v", err)
		}
	}
	for _, bad := range [][]byte{nil, {}, {0x80}, w.bundles[2][:len(w.bundles[2])-1], append(bytes.Clone(w.bundles[2]), 0)} {
		if _, err := s.Install(bad, after(2)); !errors.Is(err, ErrBundle) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	if !equal(before, snapshot(t, s.dir)) {
		t.Error("a refused bundle changed a file")
	}
}

func TestTornSlots(t *testing.T) {
	w := worldOf(t, 3)
	damage := map[string]func(path string) error{
		"lost":  os.Remove,
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"cut": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()/2)
		},
		"bit": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 4
			return os.WriteFile(path, data, 0o600)
		},
	}
	for _, names := range [][2]string{bundleNames, memoryNames, floorNames} {
		for _, name := range names {
			for how, harm := range damage {
				s := w.device(1, 2)
				if err := harm(filepath.Join(s.dir, name)); err != nil {
					t.Fatal(err)
				}
				s = reopen(t, s)
				v := w.verdict(s, 2)
				// Bundle 2 stands in slot b: when that one is torn, bundle 1 is what is left.
				want := uint64(2)
				if name == bundleNames[1] {
					want = 1
				}
				if v.Outcome == verifier.Accept && v.Bundle.Number != want || v.Outcome != verifier.Accept {
					t.Errorf("%s %s: %s %s with bundle %d, want bundle %d", name, how, v.Outcome, v.Code, v.Bundle.Number, want)
				}
				if _, err := s.Install(w.bundles[1], after(2)); !errors.Is(err, trust.ErrRollback) {
					t.Errorf("%s %s: the older bundle again: %v", name, how, err)
				}
				if r, err := s.Install(w.bundles[3], after(3)); err != nil || r.Number != 3 {
					t.Errorf("%s %s: the next bundle: %+v, %v", name, how, r, err)
				}
				if v := w.verdict(reopen(t, s), 3); v.Outcome != verifier.Accept || v.Bundle.Number != 3 {
					t.Errorf("%s %s: after the next bundle: %s", name, how, v.Code)
				}
			}
		}
	}
}

func TestLostStateNeverAccepts(t *testing.T) {
	w := worldOf(t, 2)
	garbage := []byte("posvid-checkpoint floor 1\n{\"floor\":1}\nsha256 00\n")
	for _, c := range []struct {
		name  string
		files []string
		want  verifier.Code
	}{
		{"floor", floorNames[:], verifier.ClockUnknown},
		{"memory", memoryNames[:], verifier.StateDamaged},
		{"bundles", bundleNames[:], verifier.StateDamaged},
		{"pin", []string{pinName}, verifier.NoRoot},
		{"all but the pin", slices.Concat(bundleNames[:], memoryNames[:], floorNames[:]), verifier.StateDamaged},
	} {
		for _, how := range []string{"lost", "damaged"} {
			s := w.device(1, 2)
			for _, f := range c.files {
				path := filepath.Join(s.dir, f)
				if how == "lost" {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				} else if err := os.WriteFile(path, garbage, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want := c.want
			if c.name == "pin" && how == "damaged" {
				want = verifier.StateDamaged
			}
			if v := w.verdict(reopen(t, s), 2); v.Outcome != verifier.CannotConfirm || v.Code != want {
				t.Errorf("%s %s: %s %s, want %s", c.name, how, v.Outcome, v.Code, want)
			}
			_, err := s.Install(w.bundles[1], after(2))
			if err == nil {
				t.Errorf("%s %s: an older bundle installs", c.name, how)
			}
		}
	}
	s := w.device(1, 2)
	for _, f := range floorNames {
		if err := os.Remove(filepath.Join(s.dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Use(w.bundles[2]); !errors.Is(err, verifier.ClockUnknown) {
		t.Errorf("a bundle used with a lost floor: %v", err)
	}
	if _, err := s.Install(w.bundles[2], after(2)); err != nil {
		t.Errorf("install with a lost floor: %v", err)
	}
	if v := w.verdict(s, 2); v.Outcome != verifier.Accept {
		t.Errorf("after the install: %s", v.Code)
	}
}

func TestRecover(t *testing.T) {
	w := worldOf(t, 3)
	s := w.device(1, 2)
	if _, err := s.Recover(w.bundles[3], after(3)); !errors.Is(err, ErrIntact) {
		t.Errorf("recover of an intact state: %v", err)
	}
	for _, lose := range [][]string{memoryNames[:], bundleNames[:], slices.Concat(memoryNames[:], bundleNames[:], floorNames[:])} {
		s := w.device(1, 2)
		for _, f := range lose {
			if err := os.Remove(filepath.Join(s.dir, f)); err != nil {
				t.Fatal(err)
			}
		}
		if len(lose) < 6 { // something is left to compare with
			if _, err := s.Recover(w.bundles[1], after(3)); !errors.Is(err, trust.ErrRollback) {
				t.Errorf("%v lost: recover with an older bundle: %v", lose, err)
			}
		}
		r, err := s.Recover(w.bundles[2], after(2))
		if err != nil || r.Number != 2 {
			t.Errorf("%v lost: %+v, %v", lose, r, err)
		}
		if v := w.verdict(reopen(t, s), 2); v.Outcome != verifier.Accept {
			t.Errorf("%v lost: after recover %s", lose, v.Code)
		}
		if _, err := s.Install(w.bundles[3], after(3)); err != nil {
			t.Errorf("%v lost: install after recover: %v", lose, err)
		}
	}
}

func TestUseKeepsOnlyTheFloor(t *testing.T) {
	w := worldOf(t, 3)
	s := w.device(1)
	before := snapshot(t, s.dir)
	b, err := s.Use(w.bundles[3])
	if err != nil || b.Number() != 3 {
		t.Fatal(err)
	}
	now := snapshot(t, s.dir)
	for name, data := range now {
		if kept := before[name] == data; kept == strings.HasPrefix(name, "floor") {
			t.Errorf("%s: kept %v", name, kept)
		}
	}
	_, err = s.Use(w.bundles[2])
	if !errors.Is(err, trust.ErrRollback) {
		t.Errorf("a file older than one used before: %v", err)
	}
	if v := s.Verify(verifier.Input{Text: w.code(after(3), 3, "", nil), At: after(3), BundleErr: err}, Gate{}); v.Code != verifier.BundleRollback {
		t.Errorf("a verdict with that file: %s", v.Code)
	}
	_, err = s.Use([]byte("not a bundle"))
	if v := s.Verify(verifier.Input{Text: w.code(after(3), 3, "", nil), At: after(3), BundleErr: err}, Gate{}); v.Code != verifier.BundleRefused {
		t.Errorf("a verdict with a file that is no bundle: %s (%v)", v.Code, err)
	}
	if _, err := s.Install(w.bundles[2], after(3)); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("install of a bundle older than one used before: %v", err)
	}
	if r, err := s.Install(w.bundles[1], after(3)); err != nil || r.Changed {
		t.Errorf("the installed bundle again: %+v, %v", r, err)
	}
	if _, err := s.Use(w.bundles[3]); err != nil {
		t.Errorf("the same file again: %v", err)
	}
	in := verifier.Input{Text: w.code(after(3), 3, "", nil), At: after(3), Bundle: b}
	if v := s.Verify(in, Gate{}); v.Outcome != verifier.Accept || v.Bundle.Number != 3 {
		t.Errorf("verdict with the file: %s, bundle %d", v.Code, v.Bundle.Number)
	}
	if v := s.Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{}); v.Code != verifier.ClockBehind {
		t.Errorf("the floor of the file is not kept: %s", v.Code)
	}
	fresh := w.device()
	if _, err := fresh.Use(w.bundles[2]); err != nil {
		t.Errorf("a file on a device with nothing installed: %v", err)
	}
	if _, err := fresh.Install(w.bundles[1], after(2)); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("a first install older than the floor: %v", err)
	}
}

func TestFloorNeverFalls(t *testing.T) {
	w := worldOf(t, 6)
	s := w.device()
	var last time.Time
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		i := 1 + r.IntN(6)
		if r.IntN(2) == 0 {
			_, _ = s.Install(w.bundles[i], after(i)) // refusals are part of the walk
		} else {
			_, _ = s.Use(w.bundles[i])
		}
		floor, err := s.Floor()
		if err != nil || floor.Before(last) {
			t.Fatalf("floor %s after %s, %v", floor, last, err)
		}
		last = floor
	}
}

// brokenDisk fails at one operation and keeps failing, as a full or dying disk does.
type brokenDisk struct {
	realDisk
	left *int // operations until it breaks
	err  error
}

func (d brokenDisk) step() error {
	*d.left--
	if *d.left < 0 {
		return d.err
	}
	return nil
}

func (d brokenDisk) create(name string, flag int) (syncWriter, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.realDisk.create(name, flag)
	if err != nil {
		return nil, err
	}
	return brokenFile{f, d}, nil
}

func (d brokenDisk) rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.rename(from, to)
}

func (d brokenDisk) syncDir(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.realDisk.syncDir(name)
}

type brokenFile struct {
	syncWriter
	disk brokenDisk
}

func (f brokenFile) Write(b []byte) (int, error) {
	if err := f.disk.step(); err != nil {
		n, _ := f.syncWriter.Write(b[:len(b)/2]) // a full disk takes the first half
		return n, err
	}
	return f.syncWriter.Write(b)
}

func (f brokenFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	return f.syncWriter.Sync()
}

func TestEveryDiskError(t *testing.T) {
	w := worldOf(t, 2)
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for _, first := range []bool{false, true} {
			for steps := 0; ; steps++ {
				s := w.device()
				if !first {
					must[Report](t)(s.Install(w.bundles[1], after(1)))
				}
				left := steps
				s.disk = brokenDisk{left: &left, err: cause}
				_, err := s.Install(w.bundles[2], after(2))
				if err == nil {
					if left < 0 {
						t.Fatalf("step %d failed and the install did not", steps)
					}
					if steps < 20 {
						t.Fatalf("only %d steps: the seam is bypassed", steps)
					}
					break
				}
				if !errors.Is(err, ErrDisk) || !errors.Is(err, cause) {
					t.Fatalf("step %d: %v", steps, err)
				}
				after2 := reopen(t, s)
				v := w.verdict(after2, 2)
				switch n := number(t, s); {
				case first && n == 0:
					if v.Outcome == verifier.Accept {
						t.Fatalf("step %d: nothing installed, and accepted", steps)
					}
				case !first && n == 1 || n == 2:
					if v.Outcome != verifier.Accept {
						t.Fatalf("step %d: bundle %d and %s", steps, n, v.Code)
					}
				default:
					t.Fatalf("step %d: bundle %d installed", steps, n)
				}
				if r, err := after2.Install(w.bundles[2], after(2)); err != nil || r.Number != 2 {
					t.Fatalf("step %d: again with a good disk: %v", steps, err)
				}
			}
		}
	}
}

func TestUnwrittenCodeIsNotAccepted(t *testing.T) {
	w := worldOf(t, 1)
	for steps := range 8 {
		s := w.device(1)
		in := verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}
		left := steps
		s.disk = brokenDisk{left: &left, err: syscall.ENOSPC}
		v := s.Verify(in, Gate{Record: true})
		if left < 0 && (v.Outcome != verifier.CannotConfirm || v.Code != verifier.StateDamaged || v.Holder != nil) {
			t.Errorf("step %d failed: %s %s", steps, v.Outcome, v.Code)
		}
		if left >= 0 && v.Outcome != verifier.Accept {
			t.Errorf("nothing failed: %s", v.Code)
		}
	}
	s := w.device(1)
	in := verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}
	if err := os.WriteFile(filepath.Join(s.dir, seenName), []byte("PSVSEEN1 and nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := s.Verify(in, Gate{Record: true}); v.Code != verifier.StateDamaged {
		t.Errorf("damaged memory of codes: %s", v.Code)
	}
}

// A damaged record of codes or challenges stops every verdict; the order to recover is the way out, and nothing else is.
func TestRecoverCodesAndChallenges(t *testing.T) {
	w := worldOf(t, 2)
	for _, name := range []string{seenName, noncesName} {
		s := w.device(2)
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte("PSVSEEN1 and nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := w.verdict(s, 2); v.Code != verifier.StateDamaged {
			t.Fatalf("damaged %s: %s", name, v.Code)
		}
		if info, err := s.Info(after(2)); err != nil || !errors.Is(info.RecordsErr, verifier.StateDamaged) {
			t.Errorf("info says nothing of a damaged %s: %v, %v", name, info.RecordsErr, err)
		}
		if _, err := s.Install(w.bundles[2], after(2)); err != nil {
			t.Fatal(err)
		}
		if v := w.verdict(s, 2); v.Code != verifier.StateDamaged {
			t.Errorf("an install mended %s: %s", name, v.Code)
		}
		if _, err := s.Recover(w.bundles[1], after(2)); !errors.Is(err, trust.ErrRollback) {
			t.Errorf("damaged %s, recovered with an older bundle: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, name)); err != nil {
			t.Errorf("a refused recovery removed %s: %v", name, err)
		}
		report, err := s.Recover(w.bundles[2], after(2))
		if err != nil || report.Changed || report.Number != 2 {
			t.Errorf("recover from a damaged %s: %+v, %v", name, report, err)
		}
		if v := w.verdict(s, 2); v.Outcome != verifier.Accept {
			t.Errorf("after recovery of %s: %s", name, v.Code)
		}
		if info, err := s.Info(after(2)); err != nil || info.RecordsErr != nil {
			t.Errorf("info after recovery of %s: %v, %v", name, info.RecordsErr, err)
		}
		if _, err := s.Recover(w.bundles[2], after(2)); !errors.Is(err, ErrIntact) {
			t.Errorf("%s is intact again: %v", name, err)
		}
	}
}

// A record that is whole but says nothing is no floor, also on a device that has installed nothing.
func TestFloorOfNoTime(t *testing.T) {
	w := worldOf(t, 1)
	for _, seconds := range []int64{0, -1, -1 << 62} {
		s := w.device()
		for _, name := range floorNames {
			if err := s.writeRecord("floor", name, floorRecord{seconds}); err != nil {
				t.Fatal(err)
			}
		}
		if floor, err := s.Floor(); !errors.Is(err, verifier.ClockUnknown) {
			t.Errorf("floor of %d seconds: %s, %v", seconds, floor, err)
		}
	}
}

// A bundle for one run that cannot raise the floor is a fault of this device, and not of the bundle.
func TestUseOnABrokenDisk(t *testing.T) {
	w := worldOf(t, 2)
	s := w.device(1)
	left := 0
	s.disk = brokenDisk{left: &left, err: syscall.ENOSPC}
	_, err := s.Use(w.bundles[2])
	if !errors.Is(err, verifier.StateDamaged) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("no room for the floor: %v", err)
	}
	if v := verifier.Verify(verifier.Input{Text: w.code(after(2), 2, "", nil), At: after(2), BundleErr: err}); v.Code != verifier.StateDamaged {
		t.Errorf("verdict %s", v.Code)
	}
}

func TestKeysMendTheIdentity(t *testing.T) {
	w := worldOf(t, 1)
	s, k, n := enrolledDevice(t, w)
	if err := os.WriteFile(filepath.Join(s.dir, identityName), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := w.verdict(reopen(t, s), n); v.Code != verifier.StateDamaged {
		t.Errorf("damaged identity: %s", v.Code)
	}
	if _, err := s.Keys([]byte("not the passphrase")); !errors.Is(err, keys.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if v := w.verdict(reopen(t, s), n); v.Code != verifier.StateDamaged {
		t.Errorf("after a wrong passphrase: %s", v.Code)
	}
	again, err := s.Keys([]byte("passphrase"))
	if err != nil || !again.VerifierPublic().Equal(k.VerifierPublic()) {
		t.Fatalf("keys: %v", err)
	}
	if v := w.verdict(reopen(t, s), n); v.Outcome != verifier.Accept {
		t.Errorf("after the keys were opened: %s", v.Code)
	}
}

func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no root: a full file system cannot be mounted")
		}
		t.Skip("no root: a full file system cannot be mounted")
	}
	w := worldOf(t, 2)
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "posvid", dir).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("tmpfs cannot be mounted here: %s", out)
		}
		t.Skipf("tmpfs cannot be mounted here: %s", out)
	}
	defer func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	}()
	s := must[*State](t)(Open(filepath.Join(dir, "state")))
	if err := s.Pin(w.pin); err != nil {
		t.Fatal(err)
	}
	must[Report](t)(s.Install(w.bundles[1], after(1)))
	ballast := filepath.Join(dir, "ballast")
	_ = os.WriteFile(ballast, make([]byte, 1<<20), 0o600) // fails when the disk is full, which is the point
	if _, err := s.Install(w.bundles[2], after(2)); !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("install on a full disk: %v", err)
	}
	if v := s.Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{}); v.Outcome != verifier.Accept || v.Bundle.Number != 1 {
		t.Errorf("the old bundle on a full disk: %s", v.Code)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Install(w.bundles[2], after(2)); err != nil || r.Number != 2 {
		t.Errorf("with space again: %+v, %v", r, err)
	}
}

// killEnv makes the test binary a device that installs until it is killed.
const killEnv = "POSVID_CHECKPOINT_KILLED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		installForever(dir)
	}
	os.Exit(m.Run())
}

// installForever installs the files 1, 2, … of dir/bundles in turn and prints the number of each when it is installed.
func installForever(dir string) {
	s, err := Open(filepath.Join(dir, "state"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	from := 1
	if b, err := s.Bundle(); err == nil {
		from = int(b.Number()) + 1
	}
	for n := from; ; n++ {
		data, err := os.ReadFile(filepath.Join(dir, "bundles", strconv.Itoa(n)))
		if errors.Is(err, fs.ErrNotExist) {
			os.Exit(0)
		}
		if err == nil {
			_, err = s.Install(data, after(n))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func TestKillDuringInstall(t *testing.T) {
	cycles, bundles := 60, 40
	if testing.Short() {
		cycles = 8
	}
	w := worldOf(t, bundles)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bundles"), 0o700); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= bundles; n++ {
		if err := os.WriteFile(filepath.Join(dir, "bundles", strconv.Itoa(n)), w.bundles[n], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	acknowledged, killed := 0, 0
	for cycle := range cycles {
		s := must[*State](t)(Open(filepath.Join(dir, "state")))
		if _, err := s.Pinned(); errors.Is(err, ErrNoPin) {
			if err := s.Pin(w.pin); err != nil {
				t.Fatal(err)
			}
		}
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), killEnv+"="+dir)
		var out, errOut bytes.Buffer
		command.Stdout, command.Stderr = &out, &errOut
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(2+r.IntN(60)) * time.Millisecond)
		_ = command.Process.Kill() // it may have ended by itself
		_ = command.Wait()
		if errOut.Len() > 0 {
			t.Fatalf("cycle %d: %s", cycle, errOut.String())
		}
		lines := strings.Fields(out.String())
		if len(lines) > 0 {
			last, err := strconv.Atoi(lines[len(lines)-1])
			if err != nil {
				t.Fatal(err)
			}
			acknowledged = last
		}
		b, err := s.Bundle()
		switch {
		case errors.Is(err, ErrNoBundle) && acknowledged == 0:
			killed++
			continue
		case err != nil:
			t.Fatalf("cycle %d: %v", cycle, err)
		}
		got := int(b.Number())
		if got != acknowledged && got != acknowledged+1 {
			t.Fatalf("cycle %d: bundle %d, acknowledged %d", cycle, got, acknowledged)
		}
		// The floor may be that of the next bundle already, so it is judged at a time after that one.
		in := verifier.Input{Text: w.code(after(got+1), got, "", nil), At: after(got + 1)}
		if v := s.Verify(in, Gate{}); v.Outcome != verifier.Accept {
			t.Fatalf("cycle %d: bundle %d and %s", cycle, got, v.Code)
		}
		if got < bundles {
			killed++
			acknowledged = got
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil { // all are installed: from the start again
			t.Fatal(err)
		}
		acknowledged = 0
	}
	if killed < cycles/4 {
		t.Errorf("%d of %d were killed while they installed", killed, cycles)
	}
	t.Logf("%d cycles, %d killed in the middle, nothing lost", cycles, killed)
}

func TestParallelInstalls(t *testing.T) {
	const n = 6
	w := worldOf(t, n)
	s := w.device()
	var group sync.WaitGroup
	for i := 1; i <= n; i++ {
		for range 2 {
			group.Go(func() {
				own, err := Open(s.dir) // another process has its own State
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := own.Install(w.bundles[i], after(n)); err != nil && !errors.Is(err, trust.ErrRollback) {
					t.Errorf("bundle %d: %v", i, err)
				}
				if b, err := own.Bundle(); err != nil || b.Number() < uint64(i) {
					t.Errorf("after bundle %d: %v", i, err)
				}
			})
		}
	}
	group.Wait()
	if got := number(t, s); got != n {
		t.Errorf("bundle %d, want %d", got, n)
	}
}

func TestReplay(t *testing.T) {
	w := worldOf(t, 1)
	s := w.device(1)
	at := after(1)
	in := verifier.Input{Text: w.code(at, 1, "", nil), At: at}
	for range 3 {
		if v := s.Verify(in, Gate{}); v.Outcome != verifier.Accept {
			t.Errorf("not recorded: %s", v.Code)
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  verifier.Code
	}{{0, verifier.OK}, {time.Second, verifier.OK}, {10 * time.Second, verifier.OK}, {11 * time.Second, verifier.AlreadyShown}, {60 * time.Second, verifier.AlreadyShown}} {
		in.At = at.Add(c.after)
		if v := reopen(t, s).Verify(in, Gate{Record: true}); v.Code != c.want {
			t.Errorf("%s after the first reading: %s, want %s", c.after, v.Code, c.want)
		}
	}
	in.At = at
	in.Text = w.code(at.Add(time.Second), 1, "", nil)
	if v := s.Verify(in, Gate{Record: true}); v.Outcome != verifier.Accept {
		t.Errorf("the next code: %s", v.Code)
	}
	if v := s.Verify(verifier.Input{Text: "SID1:6BF", At: at}, Gate{Record: true}); v.Code != verifier.Malformed {
		t.Errorf("a damaged code: %s", v.Code)
	}
}

func TestSeenNamesNobody(t *testing.T) {
	w := worldOf(t, 1)
	s := w.device(1)
	v := s.Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{Record: true})
	data, err := os.ReadFile(filepath.Join(s.dir, seenName))
	if err != nil || len(data) != seenHead+seenEntry {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if bytes.Contains(data, v.ReplayKey[:8]) || bytes.Contains(data, []byte(v.Holder.Number)) {
		t.Error("the replay key or the number stands in the file")
	}
	other := w.device(1)
	other.Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{Record: true})
	theirs, err := os.ReadFile(filepath.Join(other.dir, seenName))
	if err != nil || bytes.Equal(data[seenHead:seenHead+16], theirs[seenHead:seenHead+16]) {
		t.Errorf("two devices write one code alike: %v", err)
	}
}

func TestSeenIsBoundedAndForgets(t *testing.T) {
	w := worldOf(t, 1)
	s := w.device(1)
	at := after(1)
	key := func(n int) (k [32]byte) { copy(k[:], fmt.Sprintf("key %d", n)); return k }
	c := must[*seenCodes](t)(s.codes())
	for i := range maxCodes {
		c.entries = append(c.entries, seenCode{c.key(key(i)), at.Unix()})
	}
	if err := s.record(c, key(-1), at); err != nil {
		t.Fatal(err)
	}
	c = must[*seenCodes](t)(s.codes())
	if len(c.entries) != maxCodes {
		t.Errorf("%d codes kept, limit %d", len(c.entries), maxCodes)
	}
	if _, ok := c.find(key(0)); ok {
		t.Error("the oldest is still there")
	}
	for _, n := range []int{1, maxCodes - 1, -1} {
		if first, ok := c.find(key(n)); !ok || !first.Equal(at) {
			t.Errorf("key %d is gone", n)
		}
	}
	later := at.Add(seenTerm + time.Second)
	if err := s.record(c, key(-2), later); err != nil {
		t.Fatal(err)
	}
	c = must[*seenCodes](t)(s.codes())
	if len(c.entries) != 1 {
		t.Errorf("%d codes kept after their term, want 1", len(c.entries))
	}
	// A last entry cut short by a crash was never answered; damage before it is damage.
	path := filepath.Join(s.dir, seenName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < seenEntry; cut++ {
		if err := os.WriteFile(path, data[:len(data)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := s.codes()
		if err != nil || len(c.entries) != 0 || c.whole {
			t.Fatalf("%d bytes cut: %v", cut, err)
		}
		if err := s.record(c, key(7), later); err != nil {
			t.Fatal(err)
		}
		if c := must[*seenCodes](t)(s.codes()); len(c.entries) != 1 || !c.whole {
			t.Fatalf("%d bytes cut: not whole again", cut)
		}
	}
	for _, zeros := range []int{seenEntry, seenEntry + 5, 4096} { // the file grew, its new bytes never reached the disk
		if err := os.WriteFile(path, append(bytes.Clone(data), make([]byte, zeros)...), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := s.codes(); err != nil || len(c.entries) != 1 || c.whole {
			t.Fatalf("%d bytes of zeros at the end: %v", zeros, err)
		}
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.codes(); !errors.Is(err, verifier.StateDamaged) {
			t.Fatalf("bit in byte %d: %v", i, err)
		}
	}
}

// enrolled is a device with keys, admitted and with the bundle that says so.
func enrolledDevice(t *testing.T, w *world) (*State, keys.VerifierPrivateKey, int) {
	t.Helper()
	s := w.device(1)
	k := must[keys.VerifierPrivateKey](t)(s.NewKeys([]byte("passphrase"), keys.SealOptions{WorkFactor: 10}))
	request := must[[]byte](t)(s.Request(k, body, "Прохідна", trust.ClassCouncil, after(1)))
	must[uint64](t)(w.reg.AdmitVerifier(request, trust.VerifierGrant{ID: 77, ValidUntil: base.Add(90 * day)}, after(1)))
	w.publish()
	n := len(w.bundles) - 1
	must[Report](t)(s.Install(w.bundles[n], after(n)))
	return s, k, n
}

func TestEnrolment(t *testing.T) {
	w := worldOf(t, 1)
	s := w.device(1)
	if _, err := s.Keys([]byte("passphrase")); !errors.Is(err, ErrKeys) {
		t.Errorf("keys before there are any: %v", err)
	}
	if err := s.Admitted(1); !errors.Is(err, ErrKeys) {
		t.Errorf("a number before there are keys: %v", err)
	}
	k := must[keys.VerifierPrivateKey](t)(keys.VerifierKeyForVectors("stranger"))
	if _, _, err := s.NewChallenge(k, after(1)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("challenge before enrolment: %v", err)
	}
	s, own, n := enrolledDevice(t, worldOf(t, 1))
	if _, err := s.NewKeys([]byte("x"), keys.SealOptions{WorkFactor: 10}); !errors.Is(err, ErrKeys) {
		t.Errorf("keys a second time: %v", err)
	}
	if _, err := s.Keys([]byte("wrong")); !errors.Is(err, keys.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	opened := must[keys.VerifierPrivateKey](t)(s.Keys([]byte("passphrase")))
	if !opened.VerifierPublic().Equal(own.VerifierPublic()) {
		t.Error("other keys came back")
	}
	if _, _, err := s.NewChallenge(k, after(n)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("challenge with a stranger's key: %v", err)
	}
	info := must[Info](t)(s.Info(after(n)))
	if info.VerifierID != 77 || info.Class != trust.ClassCouncil || info.Name != "Прохідна" || info.Bundle.Number() != uint64(n) || info.Pinned.IsZero() {
		t.Errorf("%+v", info)
	}
	if info = must[Info](t)(s.Info(base.Add(90 * day))); info.VerifierID != 0 || info.Class != trust.ClassNone {
		t.Errorf("after the end of the entry: %+v", info)
	}
	if _, _, err := s.NewChallenge(own, base.Add(90*day)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("challenge after the end of the entry: %v", err)
	}
	if err := s.Admitted(77); err != nil {
		t.Error(err)
	}
	if info := must[Info](t)(reopen(t, s).Info(after(n))); info.VerifierID != 77 {
		t.Errorf("told its number: %+v", info)
	}
	if err := s.Admitted(5); err != nil {
		t.Error(err)
	}
	if info := must[Info](t)(reopen(t, s).Info(after(n))); info.VerifierID != 77 {
		t.Errorf("told a wrong number: %+v", info)
	}
}

func TestChallengeIsOneUse(t *testing.T) {
	w := worldOf(t, 1)
	s, k, n := enrolledDevice(t, w)
	at := after(n)
	text, c, err := s.NewChallenge(k, at)
	if err != nil {
		t.Fatal(err)
	}
	prefix, data, err := credential.DecodeText(text)
	if err != nil || prefix != credential.ChallengePrefix {
		t.Fatalf("%q, %v", prefix, err)
	}
	parsed := must[*credential.UnverifiedChallenge](t)(credential.ParseChallenge(data))
	got := must[*credential.Challenge](t)(parsed.Verify(k.VerifierPublic()))
	if *got != c || got.VerifierID != 77 || !got.Expires.Equal(at.Add(ChallengeTerm)) {
		t.Errorf("challenge %+v, said to be %+v", got, c)
	}
	onDisk, err := os.ReadFile(filepath.Join(s.dir, noncesName))
	if err != nil || bytes.Contains(onDisk, []byte(fmt.Sprintf("%x", c.Nonce))) {
		t.Errorf("the nonce stands on disk as it is: %v", err)
	}
	audience := credential.VerifierAudience(c.VerifierID)
	first := verifier.Input{Text: w.code(at, n, audience, c.Nonce[:]), At: at}
	second := verifier.Input{Text: w.code(at.Add(time.Second), n, audience, c.Nonce[:]), At: at}
	foreign := verifier.Input{Text: w.code(at, n, audience, bytes.Repeat([]byte{7}, 16)), At: at}
	if v := s.Verify(foreign, Gate{}); v.Code != verifier.NonceUnknown {
		t.Errorf("a nonce of nobody: %s", v.Code)
	}
	if v := s.Verify(first, Gate{}); v.Outcome != verifier.Accept || !v.Answered {
		t.Errorf("first answer: %s", v.Code)
	}
	if v := reopen(t, s).Verify(first, Gate{}); v.Outcome != verifier.Accept {
		t.Errorf("the same reading: %s", v.Code)
	}
	for range 2 {
		if v := s.Verify(second, Gate{Record: true}); v.Code != verifier.NonceUsed {
			t.Errorf("second answer: %s", v.Code)
		}
	}
}

// An answer that was accepted lets nobody in a second time: not the next person who holds up a picture of it, and not
// while the challenge itself would still run.
func TestAnswerIsNotAcceptedAgain(t *testing.T) {
	w := worldOf(t, 1)
	s, k, n := enrolledDevice(t, w)
	at := after(n)
	for _, boot := range []bool{true, false} {
		for _, c := range []struct {
			later time.Duration
			want  verifier.Code
		}{{0, verifier.OK}, {10 * time.Second, verifier.OK}, {11 * time.Second, verifier.NonceUsed}, {50 * time.Second, verifier.NonceUsed},
			{61 * time.Second, verifier.NonceUsed}, {-time.Second, verifier.NonceUsed}} {
			clock := &fakeBoot{"one", time.Hour, boot}
			s.clock = clock.now
			_, challenge, err := s.NewChallenge(k, at)
			if err != nil {
				t.Fatal(err)
			}
			answer := verifier.Input{Text: w.code(at, n, credential.VerifierAudience(challenge.VerifierID), challenge.Nonce[:]), At: at}
			if v := s.Verify(answer, Gate{}); v.Outcome != verifier.Accept {
				t.Fatalf("boot clock %v: first answer: %s", boot, v.Code)
			}
			clock.since += c.later
			answer.At = at.Add(c.later)
			if v := s.Verify(answer, Gate{}); v.Code != c.want {
				t.Errorf("boot clock %v: the same answer %s later: %s, want %s", boot, c.later, v.Code, c.want)
			}
		}
	}
}

// fakeBoot is a boot clock that a test moves.
type fakeBoot struct {
	boot  string
	since time.Duration
	ok    bool
}

func (f *fakeBoot) now() (string, time.Duration, bool) { return f.boot, f.since, f.ok }

func TestChallengeTerm(t *testing.T) {
	w := worldOf(t, 1)
	s, k, n := enrolledDevice(t, w)
	at := after(n)
	for _, boot := range []bool{true, false} {
		for _, c := range []struct {
			later time.Duration
			want  verifier.Code
		}{{0, verifier.OK}, {60 * time.Second, verifier.OK}, {61 * time.Second, verifier.NonceExpired}, {9 * time.Minute, verifier.NonceExpired}} {
			clock := &fakeBoot{"one", time.Hour, boot}
			s.clock = clock.now
			_, challenge, err := s.NewChallenge(k, at)
			if err != nil {
				t.Fatal(err)
			}
			clock.since += c.later
			in := verifier.Input{Text: w.code(at, n, credential.VerifierAudience(77), challenge.Nonce[:]), At: at.Add(c.later)}
			if boot {
				in.At = at // the wall clock may say what it likes
			}
			if v := s.Verify(in, Gate{}); v.Code != c.want {
				t.Errorf("boot clock %v, %s later: %s, want %s", boot, c.later, v.Code, c.want)
			}
		}
	}
	clock := &fakeBoot{ok: false}
	s.clock = clock.now
	_, challenge, err := s.NewChallenge(k, at)
	if err != nil {
		t.Fatal(err)
	}
	in := verifier.Input{Text: w.code(at, n, credential.VerifierAudience(77), challenge.Nonce[:]), At: at.Add(-time.Second)}
	if v := s.Verify(in, Gate{}); v.Code != verifier.NonceExpired {
		t.Errorf("wall clock set back: %s", v.Code)
	}
}

func TestChallengeEndsWithTheBoot(t *testing.T) {
	w := worldOf(t, 1)
	s, k, n := enrolledDevice(t, w)
	at := after(n)
	clock := &fakeBoot{"one", time.Hour, true}
	s.clock = clock.now
	_, c, err := s.NewChallenge(k, at)
	if err != nil {
		t.Fatal(err)
	}
	in := verifier.Input{Text: w.code(at, n, credential.VerifierAudience(77), c.Nonce[:]), At: at}
	clock.boot = "two"
	if v := s.Verify(in, Gate{}); v.Code != verifier.NonceExpired {
		t.Errorf("after a restart: %s", v.Code)
	}
	clock.boot, clock.since = "one", time.Minute // a clock that ran backwards
	if v := s.Verify(in, Gate{}); v.Code != verifier.NonceExpired {
		t.Errorf("boot clock backwards: %s", v.Code)
	}
	clock.ok = false
	if v := s.Verify(in, Gate{}); v.Code != verifier.NonceExpired {
		t.Errorf("boot clock gone: %s", v.Code)
	}
}

func TestChallengesAreBounded(t *testing.T) {
	w := worldOf(t, 1)
	s, k, n := enrolledDevice(t, w)
	clock := &fakeBoot{"one", time.Hour, true}
	s.clock = clock.now
	for range maxChallenges {
		if _, _, err := s.NewChallenge(k, after(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.NewChallenge(k, after(n)); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	clock.since += keepChallenge + time.Second
	if _, _, err := s.NewChallenge(k, after(n)); err != nil {
		t.Errorf("when the others are forgotten: %v", err)
	}
}

func TestBootClock(t *testing.T) {
	boot, since, ok := bootClock()
	if !ok {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no boot clock on %s", runtime.GOOS)
		}
		t.Skipf("no boot clock on %s", runtime.GOOS)
	}
	again, later, _ := bootClock()
	if boot == "" || boot != again || later < since || since <= 0 {
		t.Errorf("%q %s, then %q %s", boot, since, again, later)
	}
}

func TestRecords(t *testing.T) {
	data := must[[]byte](t)(encodeRecord("floor", floorRecord{5}))
	var r floorRecord
	if err := decodeRecord("floor", data, &r); err != nil || r.Floor != 5 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if decodeRecord("floor", bad, &r) == nil {
			t.Errorf("bit in byte %d is not found", i)
		}
		if decodeRecord("floor", data[:i], &r) == nil {
			t.Errorf("the first %d bytes are a record", i)
		}
	}
	if decodeRecord("memory", data, &r) == nil {
		t.Error("a record of another kind is read")
	}
	if decodeRecord("floor", append(bytes.Clone(data), '\n'), &r) == nil {
		t.Error("a byte more is read")
	}
	odd := must[[]byte](t)(encodeRecord("floor", map[string]int{"floor": 5, "roof": 6}))
	if decodeRecord("floor", odd, &r) == nil {
		t.Error("an unknown field is read")
	}
}

func FuzzRecord(f *testing.F) {
	good, err := encodeRecord("floor", floorRecord{5})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(recordStart))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r floorRecord
		if decodeRecord("floor", data, &r) != nil {
			return
		}
		again, err := encodeRecord("floor", r)
		var back floorRecord
		if err != nil || decodeRecord("floor", again, &back) != nil || back != r {
			t.Errorf("%+v does not come back", r)
		}
	})
}

func FuzzSeen(f *testing.F) {
	w := worldOf(f, 1)
	s := w.device(1)
	s.Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{Record: true})
	path := filepath.Join(s.dir, seenName)
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:seenHead])
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := s.codes()
		if err != nil {
			if c != nil || !errors.Is(err, ErrDamaged) {
				t.Errorf("%v, %v", c, err)
			}
			return
		}
		if len(c.entries) > len(data)/seenEntry {
			t.Errorf("%d entries in %d bytes", len(c.entries), len(data))
		}
	})
}

// TestClosure: a checkpoint links no private key of the operator or of a body, no database and no network.
func TestClosure(t *testing.T) {
	const module = "github.com/posvid/posvid/"
	seen := map[string]bool{}
	var walk func(pkg string)
	walk = func(pkg string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pkg), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("package %s has no files here: %v", pkg, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range file.Imports {
				imported := strings.Trim(spec.Path.Value, `"`)
				switch {
				case imported == module+"crypto/keys/authority", imported == "net/http", imported == "net", imported == "database/sql",
					imported == "net/smtp", strings.HasPrefix(imported, "modernc.org/"):
					t.Errorf("%s imports %s", name, imported)
				case strings.HasPrefix(imported, module):
					walk(strings.TrimPrefix(imported, module))
				}
			}
		}
	}
	walk("checkpoint")
	if !seen["verifier"] || !seen["trust"] || !seen["crypto/cose"] {
		t.Errorf("the walk saw only %v", seen)
	}
}
