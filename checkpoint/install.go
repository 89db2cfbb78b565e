package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Report says what an install did.
type Report struct {
	Previous uint64 // number of the bundle before; 0 when there was none
	Number   uint64 // number of the bundle now
	Changed  bool   // false when this very bundle was installed already
	Expired  bool   // it is past its term: it still refuses what it knows to be refused, and confirms nothing
	Ahead    bool   // it was signed more than 120 s ahead of the clock of this device, which is behind or will be asked to wait
}

// clockTolerance is how far a signed time may lie ahead of this device's clock without a word about it.
const clockTolerance = 120 * time.Second

// Install makes data the bundle of this device, if it opens under the pinned root and trust.Memory accepts it after
// what was installed before. At is now, for the report alone: an old bundle is better than an older one.
//
// It either succeeds whole or leaves the device as it was. Errors: ErrNoPin, ErrDamaged, ErrDisk, and ErrBundle with
// the cause of package trust (trust.ErrRollback, trust.ErrPin, …). The same bundle again is no error and changes nothing.
func (s *State) Install(data []byte, at time.Time) (Report, error) {
	var report Report
	err := s.locked(true, func() error {
		fp, installed, err := s.pin()
		if err != nil {
			return err
		}
		m, err := s.remembered(installed)
		if err != nil {
			return err
		}
		b, next, floor, err := s.admit(data, fp, m)
		if err != nil {
			return err
		}
		report = Report{Previous: m.Number, Number: b.Number(), Changed: true, Expired: !at.Before(b.ExpiresAt()),
			Ahead: b.IssuedAt().After(at.Add(clockTolerance))}
		return s.commit(data, b, m, next, floor, fp, installed, &report)
	})
	if err != nil {
		return Report{}, err
	}
	s.forget(at)
	return report, nil
}

// forget removes photos and events past their term. A device gets a bundle every day, so this is when it happens also where
// nobody opens the screen. What cannot be removed now is tried again with the next bundle, and is not shown meanwhile.
func (s *State) forget(at time.Time) {
	if s.storage {
		return
	}
	_, _ = s.ExpirePhotos(at)
	_ = s.ExpireJournal(at)
}

// admit opens a bundle and asks the rule against rollback, the clock floor included. Floor is what the floor becomes.
func (s *State) admit(data []byte, fp trust.Fingerprint, m *memory) (b *trust.Bundle, next trust.Memory, floor time.Time, err error) {
	if b, err = trust.Open(data, fp); err != nil {
		return nil, next, floor, fail(ErrBundle, "bundle: %v [%v]", err, verifier.BundleRefused)
	}
	known := m.Memory
	persisted, err := s.floor()
	switch {
	case errors.Is(err, verifier.ClockUnknown):
		persisted = known.Floor // the floor is lost: an install is what makes a new one
	case err != nil:
		return nil, next, floor, err
	}
	same := known.Number > 0 && b.Number() == known.Number && b.ManifestHash() == known.Manifest
	if known.Number > 0 && !same && persisted.After(known.Floor) {
		known.Floor = persisted // a bundle used without an install has raised it
	}
	if known.Number == 0 && b.IssuedAt().Before(persisted) {
		return nil, next, floor, fail(ErrBundle, "bundle %d is older than the clock floor: %v [%v]", b.Number(), trust.ErrRollback, verifier.BundleRollback)
	}
	if next, err = known.Accept(b); err != nil {
		return nil, next, floor, fail(ErrBundle, "bundle %d: %v (%v)", b.Number(), err, refusalOf(err))
	}
	// Accept lets the floor fall only where a new root resets it, so what it returns is the floor from now on.
	return b, next, next.Floor, nil
}

// refusalOf is the verifier's code for a bundle that was not accepted.
func refusalOf(err error) error {
	if errors.Is(err, trust.ErrRollback) || errors.Is(err, trust.ErrFork) {
		return verifier.BundleRollback
	}
	return verifier.BundleRefused
}

// commit writes bundle, floor, memory and the mark that there has been an install, in this order. Each step leaves a
// state that reads as the old one or the new one.
func (s *State) commit(data []byte, b *trust.Bundle, m *memory, next trust.Memory, floor time.Time, fp trust.Fingerprint, installed bool, report *Report) error {
	sum := sha256.Sum256(data)
	good := s.goodSlot(m)
	same := good >= 0 && good == m.current && m.Number == next.Number && m.Manifest == next.Manifest
	if same {
		report.Changed = false
		if err := s.mendFloor(floor); err != nil {
			return err
		}
		if err := s.mendMemory(m); err != nil {
			return err
		}
	} else {
		target := 0
		if good == 0 {
			target = 1
		}
		if err := s.replace(bundleNames[target], data); err != nil {
			return err
		}
		if err := s.writeFloor(floor); err != nil {
			return err
		}
		updated := memory{Memory: next, sequence: m.sequence + 1, current: target, sums: m.sums}
		updated.sums[target] = sum[:]
		if err := s.writeMemory(&updated); err != nil {
			return err
		}
		s.cached = cachedBundle{sum: sum, bundle: b}
	}
	if !installed {
		_, marks, err := s.pinFile()
		if err != nil {
			return err
		}
		marks.Installed = true
		return s.writePin(fp, marks)
	}
	return nil
}

// mendFloor writes the floor again when a slot is missing, damaged or behind the other. It never lowers it.
func (s *State) mendFloor(floor time.Time) error {
	newest, whole := floor.Unix(), true
	for i, name := range floorNames {
		var r floorRecord
		found, err := s.readRecord("floor", name, maxSmall, &r)
		switch {
		case err != nil || !found:
			whole = false
			continue
		case r.Floor < newest || i > 0 && r.Floor > newest:
			whole = false
		}
		newest = max(newest, r.Floor)
	}
	if whole {
		return nil
	}
	return s.writeFloor(time.Unix(newest, 0))
}

// mendMemory writes the memory again when a slot is missing, damaged or behind the other.
func (s *State) mendMemory(m *memory) error {
	for _, name := range memoryNames {
		if have, err := s.readMemory(name); err != nil || have == nil || have.sequence != m.sequence {
			return s.writeMemory(m)
		}
	}
	return nil
}

// goodSlot is the bundle slot to be used: the current one, or the other one when the current one is damaged; −1 when
// neither holds what the memory says.
func (s *State) goodSlot(m *memory) int {
	for _, slot := range [2]int{m.current, 1 - m.current} {
		if m.sums[slot] == nil {
			continue
		}
		data, err := s.load(bundleNames[slot], trust.MaxBundle)
		if err != nil || data == nil {
			continue
		}
		if sum := sha256.Sum256(data); bytes.Equal(sum[:], m.sums[slot]) {
			return slot
		}
	}
	return -1
}

// Bundle returns the installed bundle. When its slot is torn, the one before it is returned: it was installed here,
// and its age is judged like any other. Errors wrap the verifier's code: NoRoot, NoBundle, StateDamaged.
func (s *State) Bundle() (b *trust.Bundle, err error) {
	err = s.locked(false, func() error {
		b, err = s.bundle()
		return err
	})
	return b, err
}

func (s *State) bundle() (*trust.Bundle, error) {
	fp, installed, err := s.pin()
	if err != nil {
		return nil, err
	}
	m, err := s.remembered(installed)
	if err != nil {
		return nil, err
	}
	if m.Number == 0 {
		return nil, fail(ErrNoBundle, "no bundle is installed [%v]", verifier.NoBundle)
	}
	if s.cached.bundle != nil && bytes.Equal(s.cached.sum[:], m.sums[m.current]) {
		return s.cached.bundle, nil
	}
	for _, slot := range [2]int{m.current, 1 - m.current} {
		if m.sums[slot] == nil {
			continue
		}
		data, err := s.load(bundleNames[slot], trust.MaxBundle)
		if err != nil || data == nil {
			continue
		}
		sum := sha256.Sum256(data)
		if !bytes.Equal(sum[:], m.sums[slot]) {
			continue
		}
		b, err := trust.Open(data, fp)
		if err != nil {
			return nil, fail(ErrBundle, "%s: %v [%v]", bundleNames[slot], err, verifier.BundleRefused)
		}
		s.cached = cachedBundle{sum: sum, bundle: b}
		return b, nil
	}
	return nil, damaged(verifier.StateDamaged, "both bundle slots are missing or damaged")
}

// Use opens a bundle for one run without installing it. It has to pass the same rule as an install, and the floor is
// raised to its time; nothing else is kept. Errors are those of Install.
func (s *State) Use(data []byte) (b *trust.Bundle, err error) {
	err = s.locked(true, func() error {
		fp, installed, err := s.pin()
		if err != nil {
			return err
		}
		m, err := s.remembered(installed)
		if err != nil {
			return err
		}
		opened, _, floor, err := s.admit(data, fp, m)
		if err != nil {
			return err
		}
		have, err := s.floor()
		if err != nil {
			return err // a lost floor is mended by an install, not by a file that is only looked at
		}
		if floor.After(have) {
			if err := s.writeFloor(floor); err != nil {
				return damaged(verifier.StateDamaged, "clock floor: %v", err)
			}
		}
		b = opened
		return nil
	})
	return b, err
}

// Recover gives a device that has lost its memory or its bundles a new start from a bundle, on a person's order. The
// bundle must not be older than anything this device still holds: its floor, its memory, a bundle in a slot. Damaged
// records of codes and challenges are thrown away: codes of the last minutes may then be shown once more.
// ErrIntact when nothing is lost.
func (s *State) Recover(data []byte, at time.Time) (Report, error) {
	var report Report
	err := s.locked(true, func() error {
		fp, installed, err := s.pin()
		if err != nil {
			return err
		}
		m, memoryErr := s.remembered(installed)
		intact := memoryErr == nil && (m.Number == 0 || s.goodSlot(m) >= 0)
		var unreadable []string
		if _, err := s.codes(); err != nil {
			unreadable = append(unreadable, seenName)
		}
		if _, err := s.challenges(); err != nil {
			unreadable = append(unreadable, noncesName)
		}
		if intact && len(unreadable) == 0 {
			return fail(ErrIntact, "state is intact: install instead")
		}
		if memoryErr != nil {
			m = &memory{}
		}
		for _, name := range bundleNames {
			left, err := s.load(name, trust.MaxBundle)
			if err != nil || left == nil {
				continue
			}
			// Judge the new bundle against what an old one would have left behind.
			if old, err := trust.Open(left, fp); err == nil && old.Number() > m.Number {
				if next, err := m.Accept(old); err == nil {
					m.Memory = next
				}
			}
		}
		b, next, floor, err := s.admit(data, fp, m)
		if err != nil {
			return err
		}
		report = Report{Previous: m.Number, Number: b.Number(), Changed: true, Expired: !at.Before(b.ExpiresAt()),
			Ahead: b.IssuedAt().After(at.Add(clockTolerance))}
		for _, name := range unreadable {
			if err := s.disk.remove(filepath.Join(s.dir, name)); err != nil {
				return fail(ErrDisk, "removing %s: %v", name, err)
			}
		}
		if intact {
			return s.commit(data, b, m, next, floor, fp, installed, &report)
		}
		sequence := m.sequence
		for _, name := range memoryNames {
			if have, err := s.readMemory(name); err == nil && have != nil {
				sequence = max(sequence, have.sequence)
			}
		}
		return s.commit(data, b, &memory{sequence: sequence}, next, floor, fp, installed, &report)
	})
	if err != nil {
		return Report{}, err
	}
	return report, nil
}
