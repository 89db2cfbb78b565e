package wallet

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Files of a wallet's folder, and the modes they are made with.
const (
	stateFile = "wallet.json"
	keyFile   = "holder.key"
	folder    = "wallets" // beside the other parts of a state folder

	dirMode  = 0o700
	fileMode = 0o600
)

// Path returns the folder of the wallet called name below a state folder: ‹dir›/wallets/‹name›. A name has 1 to MaxName
// letters, digits, hyphens, underscores and inner dots, so that it is one plain folder name on every system.
func Path(dir, name string) (string, error) {
	if n := utf8.RuneCountInString(name); n < 1 || n > MaxName {
		return "", refuse(ErrName, "name of %d characters, want 1 to %d", n, MaxName)
	}
	for i, r := range name {
		if r == '.' && i > 0 && i < len(name)-1 || r == '-' && i > 0 || r == '_' || r == 'ʼ' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) {
			continue
		}
		return "", refuse(ErrName, "character %d of the name: want letters, digits, inner dots, hyphens and underscores", utf8.RuneCountInString(name[:i])+1)
	}
	return filepath.Join(dir, folder, name), nil
}

// Names returns the names of the wallets below a state folder in alphabetical order; none when there is no folder.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if path, err := Path(dir, e.Name()); err == nil && e.IsDir() {
			if _, err := os.Stat(filepath.Join(path, stateFile)); err == nil {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// readCapped reads a regular file of at most limit bytes.
func readCapped(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(ErrDamaged, "%s is not a file", filepath.Base(path))
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, refuse(ErrDamaged, "%s has more than %d bytes", filepath.Base(path), limit)
	}
	return data, nil
}

// writeNew writes a file that must not exist and brings it to the disk.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, syncClose(f))
}

// replace puts data in the place of a file: a reader sees the old content or the new one, also after a power cut.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // made with fileMode
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, syncClose(f)); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

func syncClose(f *os.File) error {
	return errors.Join(f.Sync(), f.Close())
}

// syncDir brings the names in a folder to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if err != nil && !strings.Contains(err.Error(), "invalid") && !errors.Is(err, fs.ErrPermission) {
		return errors.Join(err, d.Close())
	}
	// Some file systems and Windows cannot sync a folder; the rename itself is then all there is.
	return d.Close()
}
