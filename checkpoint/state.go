package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Names of the files of a state folder (docs/spec/checkpoint.md, Section 2).
const (
	lockName     = "lock"
	pinName      = "pin"
	keyName      = "verifier.key"
	identityName = "verifier.json"
	seenName     = "seen"
	noncesName   = "nonces"
	className    = "class"
)

var (
	bundleNames = [2]string{"bundle-a.sidb", "bundle-b.sidb"}
	memoryNames = [2]string{"memory-a", "memory-b"}
	floorNames  = [2]string{"floor-a", "floor-b"}
)

// Limits of the files, in bytes.
const (
	maxSmall  = 64 << 10
	maxMemory = 32 << 20
	maxSeen   = 1 << 20
)

// State is a verifier's folder. It is safe for parallel use, by goroutines and by processes: whatever changes it
// holds a lock on the folder while it does.
type State struct {
	dir     string
	disk    disk
	clock   func() (boot string, since time.Duration, ok bool)
	storage bool // the files lie in a Storage, which nobody else uses: no lock, no journal, no photos

	mu     sync.Mutex // of this process; the file lock is of all
	cached cachedBundle
}

// cachedBundle is the bundle that was opened last, so that a reader of many codes does not open it for each.
type cachedBundle struct {
	sum    [sha256.Size]byte
	bundle *trust.Bundle
	self   *enrolled // this device in that bundle; nil until it was looked for
}

// Open opens a state folder, and makes it when there is none.
func Open(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(ErrDisk, "making the state folder: %v", err)
	}
	return &State{dir: dir, disk: realDisk{}, clock: bootClock}, nil
}

// Dir is the folder.
func (s *State) Dir() string { return s.dir }

// locked runs do while holding the lock of the folder.
func (s *State) locked(exclusive bool, do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storage {
		return do()
	}
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		if exclusive || !errors.Is(err, fs.ErrPermission) {
			return fail(ErrDisk, "opening the lock: %v", err)
		}
		// Whoever may only read the folder can still verify with it; a rename never shows half a file.
		return do()
	}
	defer f.Close()
	if err := lockFile(f, exclusive); err != nil {
		return fail(ErrDisk, "locking the state folder: %v", err)
	}
	return do()
}

// pinRecord is the file pin.
type pinRecord struct {
	Fingerprint string `json:"fingerprint"`
	Installed   bool   `json:"installed"`        // a bundle has been installed since: memory and floor have to be there
	Policy      uint64 `json:"policy,omitempty"` // number of the newest policy of this checkpoint; 0: it never had one
}

// Pin makes a root fingerprint the first trust of this device. The same one again changes nothing; another one is
// ErrPinned: a device of another operator starts with an empty folder.
func (s *State) Pin(fp trust.Fingerprint) error {
	if fp.IsZero() {
		return fail(ErrNoPin, "fingerprint is all zero")
	}
	return s.locked(true, func() error {
		have, _, err := s.pin()
		switch {
		case err == nil && have == fp:
			return nil
		case err == nil:
			return fail(ErrPinned, "pinned root is %s", have)
		case !errors.Is(err, ErrNoPin):
			return err
		}
		return s.writePin(fp, pinRecord{})
	})
}

// Pinned returns the pinned fingerprint; ErrNoPin when there is none.
func (s *State) Pinned() (fp trust.Fingerprint, err error) {
	err = s.locked(false, func() error {
		fp, _, err = s.pin()
		return err
	})
	return fp, err
}

// writePin writes the pin with the marks of r.
func (s *State) writePin(fp trust.Fingerprint, r pinRecord) error {
	r.Fingerprint = fp.String()
	return s.writeRecord("pin", pinName, r)
}

// pin is the pinned root, and whether a bundle has been installed under it.
func (s *State) pin() (fp trust.Fingerprint, installed bool, err error) {
	fp, r, err := s.pinFile()
	return fp, r.Installed, err
}

func (s *State) pinFile() (fp trust.Fingerprint, r pinRecord, err error) {
	found, err := s.readRecord("pin", pinName, maxSmall, &r)
	if err == nil && !found {
		err = fail(ErrNoPin, "no root is pinned [%v]", verifier.NoRoot)
	}
	if err == nil {
		if fp, err = trust.ParseFingerprint(r.Fingerprint); err != nil {
			err = damaged(verifier.StateDamaged, "pin: %v", err)
		}
	}
	return fp, r, err
}

func (s *State) writeRecord(kind, name string, v any) error {
	data, err := encodeRecord(kind, v)
	if err != nil {
		return fail(ErrDamaged, "encoding %s: %v", name, err)
	}
	return s.replace(name, data)
}

// readRecord reads one record; found is false when there is no such file, and a damaged one is an error.
func (s *State) readRecord(kind, name string, limit int64, v any) (found bool, err error) {
	data, err := s.load(name, limit)
	if err != nil {
		return true, damaged(verifier.StateDamaged, "%s: %v", name, err)
	}
	if data == nil {
		return false, nil
	}
	if err := decodeRecord(kind, data, v); err != nil {
		return true, damaged(verifier.StateDamaged, "%s: %v", name, err)
	}
	return true, nil
}

// floorRecord is the content of both floor slots.
type floorRecord struct {
	Floor int64 `json:"floor"` // seconds since 1970
}

// Floor returns the newest time signed by the bundle signer that this device has seen; zero when it has seen none.
// A device that has lost it gets ErrDamaged with verifier.ClockUnknown.
func (s *State) Floor() (floor time.Time, err error) {
	err = s.locked(false, func() error {
		floor, err = s.floor()
		return err
	})
	return floor, err
}

func (s *State) floor() (time.Time, error) {
	var newest int64
	found := false
	var broken error
	for _, name := range floorNames {
		var r floorRecord
		here, err := s.readRecord("floor", name, maxSmall, &r)
		switch {
		case err != nil || here && r.Floor <= 0:
			broken = errors.Join(broken, err, errRecord)
		case here:
			found = true
			newest = max(newest, r.Floor)
		}
	}
	if found {
		return time.Unix(newest, 0).UTC(), nil
	}
	_, installed, err := s.pin()
	if err != nil && !errors.Is(err, ErrNoPin) {
		return time.Time{}, err
	}
	if broken != nil || installed || s.anyMemory() {
		return time.Time{}, damaged(verifier.ClockUnknown, "clock floor: both slots are missing or damaged")
	}
	return time.Time{}, nil
}

// writeFloor writes both slots, the second only when the first is safe.
func (s *State) writeFloor(t time.Time) error {
	for _, name := range floorNames {
		if err := s.writeRecord("floor", name, floorRecord{t.Unix()}); err != nil {
			return err
		}
	}
	return nil
}

// memoryRecord is the content of both memory slots.
type memoryRecord struct {
	Sequence uint64    `json:"sequence"` // grows with each install
	Current  int       `json:"current"`  // bundle slot, 0 or 1
	Bundles  [2]string `json:"bundles"`  // SHA-256 of the bundle slots, hexadecimal; "" for an empty one
	Memory   string    `json:"memory"`   // trust.Memory in its own form
}

// memory is what was installed last.
type memory struct {
	trust.Memory
	sequence uint64
	current  int
	sums     [2][]byte // nil for an empty slot
}

// anyMemory reports whether there is a trace of an install.
func (s *State) anyMemory() bool {
	for _, name := range append(memoryNames[:], bundleNames[:]...) {
		if s.disk.exists(filepath.Join(s.dir, name)) {
			return true
		}
	}
	return false
}

// remembered reads the newer of the two memory slots. An empty one is returned only to a device that has never
// installed anything.
func (s *State) remembered(installed bool) (*memory, error) {
	var newest *memory
	var broken error
	for _, name := range memoryNames {
		m, err := s.readMemory(name)
		if err != nil {
			broken = err
			continue
		}
		if m != nil && (newest == nil || m.sequence > newest.sequence) {
			newest = m
		}
	}
	switch {
	case newest != nil:
		return newest, nil
	case broken != nil:
		return nil, broken
	case installed:
		return nil, damaged(verifier.StateDamaged, "both memory slots are missing")
	}
	return &memory{}, nil
}

func (s *State) readMemory(name string) (*memory, error) {
	var r memoryRecord
	found, err := s.readRecord("memory", name, maxMemory, &r)
	if err != nil || !found {
		return nil, err
	}
	m := &memory{sequence: r.Sequence, current: r.Current}
	if r.Sequence == 0 || r.Current < 0 || r.Current > 1 || r.Bundles[r.Current] == "" {
		return nil, damaged(verifier.StateDamaged, "%s: a field is out of range", name)
	}
	for i, text := range r.Bundles {
		if text == "" {
			continue
		}
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			return nil, damaged(verifier.StateDamaged, "%s: digest of slot %d", name, i)
		}
		m.sums[i] = sum
	}
	if m.Memory, err = trust.ParseMemory([]byte(r.Memory)); err != nil {
		return nil, damaged(verifier.StateDamaged, "%s: %v", name, err)
	}
	return m, nil
}

func (s *State) writeMemory(m *memory) error {
	r := memoryRecord{Sequence: m.sequence, Current: m.current, Memory: string(m.Encode())}
	for i, sum := range m.sums {
		r.Bundles[i] = hex.EncodeToString(sum)
	}
	for _, name := range memoryNames {
		if err := s.writeRecord("memory", name, r); err != nil {
			return err
		}
	}
	return nil
}
