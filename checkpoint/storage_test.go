package checkpoint

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// shelf is a Storage in memory that breaks after some writes.
type shelf struct {
	files map[string][]byte
	left  int // writes until it breaks; negative: never
}

var errShelf = errors.New("quota exceeded")

func newShelf() *shelf { return &shelf{files: map[string][]byte{}, left: -1} }

func (s *shelf) Read(name string) ([]byte, error) { return s.files[name], nil }

func (s *shelf) Write(name string, data []byte) error {
	if s.left == 0 {
		return errShelf
	}
	if s.left > 0 {
		s.left--
	}
	if data == nil {
		delete(s.files, name)
	} else {
		s.files[name] = bytes.Clone(data)
	}
	return nil
}

// run is a clock since the start of a page, and the name of that start.
type run struct {
	name  string
	since time.Duration
}

func (r *run) clock() (string, time.Duration, bool) { return r.name, r.since, true }

func TestStorage(t *testing.T) {
	w := worldOf(t, 3)
	store, page := newShelf(), &run{"page 1", time.Second}
	s := OpenStorage(store, page.clock)
	if v := w.verdict(s, 2); v.Code != verifier.NoRoot {
		t.Errorf("without a root: %s", v.Code)
	}
	if err := s.Pin(w.pin); err != nil {
		t.Fatal(err)
	}
	if v := w.verdict(s, 2); v.Code != verifier.NoBundle {
		t.Errorf("without a bundle: %s", v.Code)
	}
	must[Report](t)(s.Install(w.bundles[2], after(2)))
	in := verifier.Input{Text: w.code(after(2), 2, "", nil), At: after(2)}
	if v := s.Verify(in, Gate{Record: true}); v.Outcome != verifier.Accept {
		t.Fatalf("%s", v.Code)
	}
	// Another page over the same storage knows the code and the bundle.
	again := OpenStorage(store, (&run{"page 2", 0}).clock)
	in.At = in.At.Add(30 * time.Second)
	if v := again.Verify(in, Gate{Record: true}); v.Code != verifier.AlreadyShown {
		t.Errorf("the same code on another page: %s", v.Code)
	}
	if _, err := again.Install(w.bundles[1], after(3)); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("an older bundle: %v", err)
	}
	if r, err := again.Install(w.bundles[3], after(3)); err != nil || !r.Changed {
		t.Errorf("a newer bundle: %v", err)
	}
	for name, data := range store.files {
		if bytes.Contains(data, []byte("004022")) || bytes.Contains(data, []byte("Гончарук")) {
			t.Errorf("%s names the person", name)
		}
	}
	if _, err := s.OpenJournal(after(3)); err == nil {
		t.Error("a journal without a file system")
	}
	if _, err := s.InstallPhotos(bytes.NewReader(nil), keys.VerifierPrivateKey{}, after(3)); err == nil {
		t.Error("photos without a file system")
	}
	if _, err := os.Stat("journal"); err == nil {
		t.Error("a state in a storage made files")
	}
}

// TestStorageBreaks: whichever write fails, the state that stays is the one before or the one after, and nothing is accepted that
// could not be remembered.
func TestStorageBreaks(t *testing.T) {
	w := worldOf(t, 2)
	before := newShelf()
	s := OpenStorage(before, (&run{"page", 0}).clock)
	if err := s.Pin(w.pin); err != nil {
		t.Fatal(err)
	}
	must[Report](t)(s.Install(w.bundles[1], after(1)))
	for left := 0; ; left++ {
		store := &shelf{files: maps.Clone(before.files), left: left}
		_, err := OpenStorage(store, (&run{"page", 0}).clock).Install(w.bundles[2], after(2))
		store.left = -1
		later := OpenStorage(store, (&run{"page 2", 0}).clock)
		b, openErr := later.Bundle()
		if openErr != nil || b.Number() != 1 && b.Number() != 2 {
			t.Fatalf("after %d writes: %v", left, openErr)
		}
		if err == nil {
			if left < 5 || b.Number() != 2 {
				t.Fatalf("%d writes, bundle %d", left, b.Number())
			}
			break
		}
		if !errors.Is(err, ErrDisk) {
			t.Fatalf("after %d writes: %v", left, err)
		}
		if r, err := later.Install(w.bundles[2], after(2)); err != nil || r.Number != 2 {
			t.Fatalf("again after %d writes: %v", left, err)
		}
	}
	store := &shelf{files: maps.Clone(before.files), left: 0}
	v := OpenStorage(store, (&run{"page", 0}).clock).Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{Record: true})
	if v.Outcome == verifier.Accept || v.Code != verifier.StateDamaged {
		t.Errorf("a code that was not remembered: %s", v.Code)
	}
	for _, name := range []string{"pin", "seen", "nonces", "class", "memory-a"} {
		files := maps.Clone(before.files)
		files[name] = []byte("?")
		if name == "memory-a" {
			files["memory-b"] = []byte("?")
		}
		v := OpenStorage(&shelf{files: files, left: -1}, (&run{"page", 0}).clock).Verify(verifier.Input{Text: w.code(after(1), 1, "", nil), At: after(1)}, Gate{Record: true})
		if v.Code != verifier.StateDamaged {
			t.Errorf("damaged %s: %s", name, v.Code)
		}
	}
}

// TestStorageClass: who is in no bundle goes by the class its owner chose, and by the checkpoint's when nobody did.
func TestStorageClass(t *testing.T) {
	w := worldOf(t, 1)
	s := OpenStorage(newShelf(), (&run{"page", 0}).clock)
	if err := s.Pin(w.pin); err != nil {
		t.Fatal(err)
	}
	must[Report](t)(s.Install(w.bundles[1], after(1)))
	at := after(1).Add(48 * time.Hour)
	look := func() verifier.Code {
		return s.Verify(verifier.Input{Text: w.code(at, 1, "", nil), At: at}, Gate{}).Code
	}
	if c := look(); c != verifier.StatusStale {
		t.Errorf("nobody chose: %s", c)
	}
	for _, c := range []trust.Class{trust.ClassNone, 3} {
		if s.SetClass(c) == nil {
			t.Errorf("class %d was taken", c)
		}
	}
	if err := s.SetClass(trust.ClassCouncil); err != nil {
		t.Fatal(err)
	}
	if c := look(); c != verifier.OK {
		t.Errorf("council: %s", c)
	}
	if i, err := s.Info(at); err != nil || i.Class != trust.ClassCouncil {
		t.Errorf("info: %s, %v", i.Class, err)
	}
	if err := s.SetClass(trust.ClassCheckpoint); err != nil || look() != verifier.StatusStale {
		t.Errorf("checkpoint: %v", err)
	}
}

// TestStorageChallenge: a key that somebody else keeps makes challenges, which end with the page and with its sleep.
func TestStorageChallenge(t *testing.T) {
	w := worldOf(t, 1)
	k := must[keys.VerifierPrivateKey](t)(keys.GenerateVerifierKey())
	other := must[keys.VerifierPrivateKey](t)(keys.GenerateVerifierKey())
	request := must[[]byte](t)(trust.EncodeVerifierRequest(trust.VerifierRequest{Body: body, Name: "Вхід", Class: trust.ClassCheckpoint, IssuedAt: after(1), HPKE: k.HPKEPublic()}, k))
	must[uint64](t)(w.reg.AdmitVerifier(request, trust.VerifierGrant{ValidUntil: base.Add(300 * day)}, after(1)))
	w.publish()
	page := &run{"page", time.Minute}
	store := newShelf()
	s := OpenStorage(store, page.clock)
	if err := s.Pin(w.pin); err != nil {
		t.Fatal(err)
	}
	must[Report](t)(s.Install(w.bundles[2], after(2)))
	if _, _, err := s.NewChallenge(k, after(2)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("no key was told: %v", err)
	}
	if s.SetKey(keys.VerifierPublicKey{}) == nil {
		t.Error("no key was taken for one")
	}
	for range 2 {
		if err := s.SetKey(k.VerifierPublic()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetKey(other.VerifierPublic()); !errors.Is(err, ErrKeys) {
		t.Errorf("another key: %v", err)
	}
	answer := func(s *State, c credential.Challenge, at time.Time) verifier.Verdict {
		text := w.code(at, 0, credential.VerifierAudience(c.VerifierID), c.Nonce[:])
		return s.Verify(verifier.Input{Text: text, At: at}, Gate{Record: true})
	}
	for _, c := range []struct {
		name        string
		since, wall time.Duration
		boot        string
		want        verifier.Code
	}{
		{"in time", 10 * time.Second, 10 * time.Second, "page", verifier.OK},
		{"after 61 s", 61 * time.Second, 61 * time.Second, "page", verifier.NonceExpired},
		{"after a sleep that the page did not count", 2 * time.Second, 10 * time.Minute, "page", verifier.NonceExpired},
		{"after the clock was set back", 10 * time.Minute, time.Second, "page", verifier.NonceExpired},
		{"on another page", time.Second, 10 * time.Second, "page 2", verifier.NonceExpired},
	} {
		page.name, page.since = "page", time.Minute
		_, ch, err := s.NewChallenge(k, after(2))
		if err != nil {
			t.Fatal(err)
		}
		page.name, page.since = c.boot, time.Minute+c.since
		if v := answer(OpenStorage(store, page.clock), ch, after(2).Add(c.wall)); v.Code != c.want {
			t.Errorf("%s: %s, want %s", c.name, v.Code, c.want)
		}
	}
	if bytes.Contains(store.files["nonces"], []byte(`"nonce":""`)) {
		t.Error("a nonce is missing")
	}
}
