package checkpoint

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/crypto/keys"
)

// Limits of the packs on a device.
const (
	MaxPhotoPacks = 64                  // bodies whose packs lie side by side
	MaxPhotosAge  = 45 * 24 * time.Hour // an older pack is not opened, and is removed
)

const (
	packPrefix    = "photos-"
	packSuffix    = ".pack"
	packTemporary = "photos.tmp"
	packLock      = "photos.lock"
)

func packName(body string) string { return packPrefix + body + packSuffix }

// InstallPhotos reads a photo pack, makes sure that it is whole and for this verifier, and puts it in the place of the
// older pack of its body. It reads each picture once, keeps none, and needs constant memory. Verdicts go on meanwhile.
//
// Errors: ErrKeys without a key; ErrPhotos; ErrPhotosOther; ErrPhotosOld for a pack that is past MaxPhotosAge or not
// newer than the installed one; ErrPhotoHash when a picture stands under another one's name; ErrDisk. After an error
// the device is as it was.
func (s *State) InstallPhotos(r io.Reader, k keys.VerifierPrivateKey, at time.Time) (report PhotosReport, err error) {
	if k.HPKEPublic().IsZero() {
		return report, errNoPhotoKey()
	}
	// Installs wait for one another, but nobody at the gate waits for them.
	f, err := os.OpenFile(filepath.Join(s.dir, packLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return report, fail(ErrDisk, "opening the lock of photos: %v", err)
	}
	defer f.Close()
	if err := lockFile(f, true); err != nil {
		return report, fail(ErrDisk, "locking the photos: %v", err)
	}
	temporary := filepath.Join(s.dir, packTemporary)
	defer func() {
		if err != nil {
			_ = s.disk.remove(temporary) // what is left of it is overwritten by the next install anyway
		}
	}()
	content, err := s.receivePack(r, temporary, k, at)
	if err != nil {
		return report, err
	}
	p, closer, err := openPackFile(temporary)
	if err != nil {
		return report, err
	}
	if p.bound != content.bound {
		err = fail(ErrPhotos, "photo pack: its header changed while it was copied")
	} else {
		err = p.verify(content)
	}
	closer.Close() // Windows renames no open file
	if err != nil {
		return report, err
	}
	report = p.report()
	err = s.locked(true, func() error {
		if report.Previous, report.Changed, err = s.admitPack(p.head, at); err != nil || !report.Changed {
			return err
		}
		if err := s.disk.rename(temporary, filepath.Join(s.dir, packName(p.Body))); err != nil {
			return fail(ErrDisk, "installing the photo pack: %v", err)
		}
		if err := s.disk.syncDir(s.dir); err != nil {
			return fail(ErrDisk, "installing the photo pack: %v", err)
		}
		return nil
	})
	if err != nil {
		return PhotosReport{}, err
	}
	if !report.Changed {
		_ = s.disk.remove(temporary)
	}
	_, err = s.ExpirePhotos(at)
	return report, err
}

func errNoPhotoKey() error {
	return fail(ErrKeys, "photos open only with this device's keys, and those with its passphrase")
}

// receivePack writes what comes to a file and flushes it. What the header says, and that the pack is for this verifier, is
// looked at before the rest is read: a pack for others fills no disk. It gives the keys of the pack.
func (s *State) receivePack(r io.Reader, name string, k keys.VerifierPrivateKey, at time.Time) (*packKeys, error) {
	var start recorder
	h, err := readHead(io.TeeReader(r, &start))
	if err != nil {
		return nil, err
	}
	if _, _, err := s.admitPack(h, at); err != nil {
		return nil, err
	}
	content, err := h.unseal(k, s.ownNumber())
	if err != nil {
		return nil, err
	}
	f, err := s.disk.create(name, os.O_TRUNC)
	if err != nil {
		return nil, fail(ErrDisk, "writing %s: %v", packTemporary, err)
	}
	n, err := io.Copy(f, io.MultiReader(&start, io.LimitReader(r, MaxPhotoPack+1)))
	if err == nil && n <= MaxPhotoPack {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fail(ErrDisk, "writing %s: %v", packTemporary, err)
	}
	if n > MaxPhotoPack {
		return nil, fail(ErrPhotos, "photo pack of more than %d bytes", int64(MaxPhotoPack))
	}
	return content, nil
}

// recorder gives back what was written to it; a header is bounded, so is this.
type recorder struct{ data []byte }

func (b *recorder) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), nil
}

func (b *recorder) Read(p []byte) (int, error) {
	if len(b.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

// admitPack holds a pack against the clock and against the installed one of its body. Changed is false when it is the
// very pack that is installed.
func (s *State) admitPack(h *head, at time.Time) (previous time.Time, changed bool, err error) {
	made := time.Unix(h.IssuedAt, 0).UTC()
	switch {
	case made.After(at.Add(clockTolerance)):
		return previous, false, fail(ErrPhotosOld, "photo pack is dated %s, after this device's clock %s", made.Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	case at.Sub(made) > MaxPhotosAge:
		return previous, false, fail(ErrPhotosOld, "photo pack of %s is older than %d days", made.Format(time.RFC3339), MaxPhotosAge/(24*time.Hour))
	}
	names, err := s.packNames()
	if err != nil {
		return previous, false, err
	}
	if !slices.Contains(names, packName(h.Body)) {
		if len(names) >= MaxPhotoPacks {
			return previous, false, fail(ErrPhotos, "%d photo packs are installed, limit %d", len(names), MaxPhotoPacks)
		}
		return previous, true, nil
	}
	installed, closer, err := openPackFile(filepath.Join(s.dir, packName(h.Body)))
	if errors.Is(err, ErrPhotos) {
		return previous, true, nil // a damaged one is replaced by any
	}
	if err != nil {
		return previous, false, err
	}
	defer closer.Close()
	previous = time.Unix(installed.IssuedAt, 0).UTC()
	if installed.bound == h.bound {
		return previous, false, nil
	}
	if !made.After(previous) {
		return previous, false, fail(ErrPhotosOld, "photo pack of %s is not newer than the installed one of %s", made.Format(time.RFC3339), previous.Format(time.RFC3339))
	}
	return previous, true, nil
}

// openPackFile opens a pack where it lies. An error that wraps fs.ErrNotExist says that there is none.
func openPackFile(name string) (*pack, io.Closer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fail(ErrDisk, "opening a photo pack: %v", err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, nil, fail(ErrPhotos, "photo pack is not a plain file")
	}
	p, err := openPack(f, info.Size())
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return p, f, nil
}

// packNames lists the files of the installed packs.
func (s *State) packNames() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fail(ErrDisk, "reading the state folder: %v", err)
	}
	var names []string
	for _, e := range entries {
		body, ok := strings.CutPrefix(e.Name(), packPrefix)
		body, ok2 := strings.CutSuffix(body, packSuffix)
		if ok && ok2 && isEDRPOU(body) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// PhotoPack is one installed pack, as far as it can be read without a key: nothing of it is verified but its size.
type PhotoPack struct {
	PhotosReport
	Err error // why it cannot be read; then only Body is set
}

// PhotoPacks lists the installed packs, by body. The age of a pack, which is now minus IssuedAt, belongs on the screen
// beside a picture: whoever was dismissed since is still in it.
func (s *State) PhotoPacks() ([]PhotoPack, error) {
	names, err := s.packNames()
	if err != nil {
		return nil, err
	}
	var packs []PhotoPack
	for _, name := range names {
		body := strings.TrimSuffix(strings.TrimPrefix(name, packPrefix), packSuffix)
		p, closer, err := openPackFile(filepath.Join(s.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed a moment ago
		}
		if err == nil && p.Body != body {
			closer.Close()
			err = fail(ErrPhotos, "photo pack of another body under the name of this one")
		}
		if err != nil {
			packs = append(packs, PhotoPack{PhotosReport: PhotosReport{Body: body}, Err: err})
			continue
		}
		closer.Close()
		packs = append(packs, PhotoPack{PhotosReport: p.report()})
	}
	return packs, nil
}

// Photo returns the normalised JPEG whose SHA-256 begins with hash, from the installed packs. Only that picture is
// decrypted, and nothing decrypted is written anywhere.
//
// Errors: ErrKeys for the zero key: without the passphrase a device has no photos; ErrNoPhoto when no pack has it;
// ErrPhotoHash when what stands there has another hash, and nothing is returned; ErrPhotosOther, ErrPhotosOld,
// ErrPhotos or ErrDisk when that is why a pack could not be asked and no other pack has the picture.
func (s *State) Photo(hash [20]byte, k keys.VerifierPrivateKey, at time.Time) ([]byte, error) {
	jpeg, _, err := s.DatedPhoto(hash, k, at)
	return jpeg, err
}

// DatedPhoto is Photo, and tells when the body made the pack that the picture came from; zero with an error.
func (s *State) DatedPhoto(hash [20]byte, k keys.VerifierPrivateKey, at time.Time) (jpeg []byte, made time.Time, err error) {
	if k.HPKEPublic().IsZero() {
		return nil, made, errNoPhotoKey()
	}
	names, err := s.packNames()
	if err != nil {
		return nil, made, err
	}
	var why error
	own := s.ownNumber()
	for _, name := range names {
		jpeg, made, err := photoOf(filepath.Join(s.dir, name), hash, k, own, at)
		switch {
		case err == nil:
			return jpeg, made, nil
		case errors.Is(err, ErrPhotoHash):
			return nil, time.Time{}, err
		case !errors.Is(err, ErrNoPhoto) && !errors.Is(err, fs.ErrNotExist) && why == nil:
			why = err
		}
	}
	if why != nil {
		return nil, time.Time{}, why
	}
	return nil, time.Time{}, fail(ErrNoPhoto, "none of %d photo packs has the picture", len(names))
}

// ownNumber is the number of this device in the installed bundle: the recipient to try first. 0 when it is not known.
func (s *State) ownNumber() (id uint64) {
	_ = s.locked(false, func() error {
		if b, err := s.bundle(); err == nil {
			id, _, _ = s.self(b)
		}
		return nil
	})
	return id
}

func photoOf(name string, hash [20]byte, k keys.VerifierPrivateKey, own uint64, at time.Time) (jpeg []byte, made time.Time, err error) {
	p, closer, err := openPackFile(name)
	if err != nil {
		return nil, made, err
	}
	defer closer.Close()
	made = time.Unix(p.IssuedAt, 0).UTC()
	if at.Sub(made) > MaxPhotosAge {
		return nil, made, fail(ErrPhotosOld, "photo pack of %s is older than %d days", made.Format(time.RFC3339), MaxPhotosAge/(24*time.Hour))
	}
	content, err := p.unseal(k, own)
	if err != nil {
		return nil, made, err
	}
	jpeg, err = p.photo(content, hash)
	return jpeg, made, err
}

// ExpirePhotos removes the packs that are past MaxPhotosAge and answers how many. Install and InstallPhotos do so too. A
// clock that is ahead of the installed bundle's term counts as that term: it does not empty a device that it is wrong on.
func (s *State) ExpirePhotos(at time.Time) (removed int, err error) {
	packs, err := s.PhotoPacks()
	if err != nil || len(packs) == 0 {
		return 0, err
	}
	_ = s.locked(false, func() error {
		if b, err := s.bundle(); err == nil && at.After(b.ExpiresAt()) {
			at = b.ExpiresAt()
		}
		return nil
	})
	for _, p := range packs {
		if p.Err == nil && at.Sub(p.IssuedAt) > MaxPhotosAge {
			if err := s.RemovePhotos(p.Body); err != nil {
				return removed, err
			}
			removed++
		}
	}
	return removed, nil
}

// RemovePhotos removes the pack of a body; ErrNoPhoto when there is none.
func (s *State) RemovePhotos(body string) error {
	if !isEDRPOU(body) {
		return fail(ErrNoPhoto, "body %q, want 8 digits", body)
	}
	return s.locked(true, func() error {
		err := s.disk.remove(filepath.Join(s.dir, packName(body)))
		if errors.Is(err, fs.ErrNotExist) {
			return fail(ErrNoPhoto, "no photo pack of body %s is installed", body)
		}
		if err == nil {
			err = s.disk.syncDir(s.dir)
		}
		if err != nil {
			return fail(ErrDisk, "removing a photo pack: %v", err)
		}
		return nil
	})
}
