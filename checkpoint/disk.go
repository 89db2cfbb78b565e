package checkpoint

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what this package needs of a file system. It is the seam at which tests fill the disk and break it.
type disk interface {
	exists(name string) bool // also when that cannot be told
	read(name string, limit int64) ([]byte, error)
	create(name string, flag int) (syncWriter, error)
	rename(from, to string) error
	remove(name string) error
	syncDir(name string) error
}

// syncWriter is an open file that can be flushed to the disk.
type syncWriter interface {
	io.WriteCloser
	Sync() error
}

// realDisk is the operating system's file system.
type realDisk struct{}

func (realDisk) exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

func (realDisk) read(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, errors.New("not a plain file of an acceptable size")
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return data, nil
}

func (realDisk) create(name string, flag int) (syncWriter, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|flag, 0o600)
}

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) remove(name string) error     { return os.Remove(name) }

func (realDisk) syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cannotSyncDir(err) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// replace writes a file so that after a crash at any moment it is the old one or the new one: temporary file, flush,
// rename, flush of the folder. A failed flush is not tried again.
func (s *State) replace(name string, data []byte) error {
	path := filepath.Join(s.dir, name)
	temporary := path + ".tmp"
	err := s.writeAll(temporary, os.O_TRUNC, data)
	if err == nil {
		err = s.disk.rename(temporary, path)
	}
	if err == nil {
		err = s.disk.syncDir(filepath.Dir(path))
	} else {
		_ = s.disk.remove(temporary) // what is left of it is overwritten next time anyway
	}
	if err != nil {
		return fail(ErrDisk, "writing %s: %v", name, err)
	}
	return nil
}

// extend appends to a file and flushes it.
func (s *State) extend(name string, data []byte) error {
	if err := s.writeAll(filepath.Join(s.dir, name), os.O_APPEND, data); err != nil {
		return fail(ErrDisk, "writing %s: %v", name, err)
	}
	return nil
}

func (s *State) writeAll(path string, flag int, data []byte) error {
	f, err := s.disk.create(path, flag)
	if err != nil {
		return err
	}
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// load reads a file; an absent one is nil without an error.
func (s *State) load(name string, limit int64) ([]byte, error) {
	data, err := s.disk.read(filepath.Join(s.dir, name), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(ErrDisk, "reading %s: %v", name, err)
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}
