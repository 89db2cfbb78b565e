package checkpoint

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Storage keeps the files of a state where there is no file system: the database of a browser. Names are those of
// docs/spec/checkpoint.md, Section 2.
type Storage interface {
	// Read returns a file, and nil without an error when there is none.
	Read(name string) ([]byte, error)
	// Write puts data in the place of a file, whole or not at all, and returns when it outlasts a crash. Nil removes the file.
	Write(name string, data []byte) error
}

// OpenStorage opens a state that lies in a storage; the caller sees to it that nobody else uses the storage meanwhile. clock
// gives the name of this run of the device and the time since its start, by a clock that nobody sets; ok is false when
// there is none. Such a state keeps no journal and no photos: their methods fail.
func OpenStorage(storage Storage, clock func() (boot string, since time.Duration, ok bool)) *State {
	// No file system has a folder of this name, so what is not made for a storage touches nothing.
	return &State{dir: "\x00", disk: &storageDisk{storage: storage}, clock: clock, storage: true}
}

// storageDisk is a disk over a Storage. What is being written is held in memory until it is renamed.
type storageDisk struct {
	storage Storage
	pending map[string][]byte
}

func (d *storageDisk) exists(name string) bool {
	data, err := d.storage.Read(filepath.Base(name))
	return err != nil || data != nil
}

func (d *storageDisk) read(name string, limit int64) ([]byte, error) {
	data, err := d.storage.Read(filepath.Base(name))
	switch {
	case err != nil:
		return nil, err
	case data == nil:
		return nil, fs.ErrNotExist
	case int64(len(data)) > limit:
		return nil, errors.New("not of an acceptable size")
	}
	return data, nil
}

func (d *storageDisk) create(name string, flag int) (syncWriter, error) {
	f := &storageFile{disk: d, name: filepath.Base(name), appends: flag&os.O_APPEND != 0}
	if f.appends {
		old, err := d.storage.Read(f.name)
		if err != nil {
			return nil, err
		}
		f.data = append([]byte{}, old...)
	}
	return f, nil
}

func (d *storageDisk) rename(from, to string) error {
	data, ok := d.pending[filepath.Base(from)]
	if !ok {
		return fs.ErrNotExist
	}
	delete(d.pending, filepath.Base(from))
	return d.storage.Write(filepath.Base(to), data)
}

func (d *storageDisk) remove(name string) error {
	name = filepath.Base(name)
	if _, ok := d.pending[name]; ok {
		delete(d.pending, name)
		return nil
	}
	return d.storage.Write(name, nil)
}

func (d *storageDisk) syncDir(string) error { return nil }

// storageFile is one file that is being written.
type storageFile struct {
	disk    *storageDisk
	name    string
	appends bool
	data    []byte
	closed  bool
}

func (f *storageFile) Write(b []byte) (int, error) {
	if f.closed {
		return 0, io.ErrClosedPipe
	}
	f.data = append(f.data, b...)
	return len(b), nil
}

// Sync gives a grown file to the storage; a new one waits for its name.
func (f *storageFile) Sync() error {
	if f.appends {
		return f.disk.storage.Write(f.name, f.data)
	}
	if f.data == nil {
		f.data = []byte{}
	}
	if f.disk.pending == nil {
		f.disk.pending = map[string][]byte{}
	}
	f.disk.pending[f.name] = f.data
	return nil
}

func (f *storageFile) Close() error {
	f.closed = true
	return nil
}

// SetKey tells a device whose private key is kept by somebody else, the key store of a browser, which key that is. ErrKeys
// when the device has another one already.
func (s *State) SetKey(public keys.VerifierPublicKey) error {
	if public.IsZero() {
		return fail(ErrKeys, "no key")
	}
	return s.locked(true, func() error {
		have, _, err := s.identity()
		switch {
		case err != nil:
			return err
		case have.Equal(public):
			return nil
		case !have.IsZero():
			return fail(ErrKeys, "this device has another key already")
		}
		s.cached.self = nil
		return s.writeRecord("verifier", identityName, identityRecord{SigningKey: hex.EncodeToString(public.MarshalCOSE())})
	})
}

// classRecord is the file class.
type classRecord struct {
	Class uint8 `json:"class"` // of trust.Class
}

// SetClass chooses whose policy applies while this device is in no bundle: ClassCheckpoint or ClassCouncil.
func (s *State) SetClass(c trust.Class) error {
	if c != trust.ClassCheckpoint && c != trust.ClassCouncil {
		return fail(ErrDamaged, "%s, want checkpoint or council", c)
	}
	return s.locked(true, func() error { return s.writeRecord("class", className, classRecord{uint8(c)}) })
}

// chosen is what SetClass chose.
func (s *State) chosen() (trust.Class, error) {
	var r classRecord
	found, err := s.readRecord("class", className, maxSmall, &r)
	if err != nil || !found {
		return trust.ClassNone, err
	}
	if c := trust.Class(r.Class); c == trust.ClassCheckpoint || c == trust.ClassCouncil {
		return c, nil
	}
	return trust.ClassNone, damaged(verifier.StateDamaged, "%s: class %d", className, r.Class)
}
