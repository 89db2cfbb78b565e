package hr

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

// Photos is a folder or ZIP of photo files, found by name: the file that the row names, else ‹РНОКПП›, ‹УНЗР› or ‹staff
// number› with the ending .jpg, .jpeg, .png or .webp in any case, in any subfolder.
type Photos struct {
	byName map[string][]photoFile // by lower-case file name with its ending
	byStem map[string][]photoFile // by lower-case file name without it
}

type photoFile struct {
	name string
	open func() (io.ReadCloser, error)
}

var photoEndings = []string{".jpg", ".jpeg", ".png", ".webp"}

func (p *Photos) add(base string, f photoFile) {
	base = strings.ToLower(norm.NFC.String(base))
	ext := path.Ext(base)
	if !slices.Contains(photoEndings, ext) {
		return
	}
	p.byName[base] = append(p.byName[base], f)
	stem := strings.TrimSuffix(base, ext)
	p.byStem[stem] = append(p.byStem[stem], f)
}

// OpenPhotosFS lists the photos of a folder. Files are opened one at a time, later.
func OpenPhotosFS(fsys fs.FS) (*Photos, error) {
	p := &Photos{byName: map[string][]photoFile{}, byStem: map[string][]photoFile{}}
	n := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return nil // folders are walked; links are not followed
		}
		if n++; n > MaxPhotos {
			return Problem{Code: PhotoTooLarge, Args: []string{strconv.Itoa(MaxPhotos)}}
		}
		p.add(d.Name(), photoFile{name, func() (io.ReadCloser, error) { return fsys.Open(name) }})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hr: photos: %w", err)
	}
	return p, nil
}

// OpenPhotosZIP lists the photos of a ZIP. No entry is inflated beyond MaxPhotoBytes, whatever its header says, and none
// that no row asks for is inflated at all.
func OpenPhotosZIP(r io.ReaderAt, size int64) (*Photos, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, Problem{Code: CorruptFile, Args: []string{"ZIP"}}
	}
	if len(zr.File) > MaxPhotos {
		return nil, Problem{Code: PhotoTooLarge, Args: []string{strconv.Itoa(MaxPhotos)}}
	}
	p := &Photos{byName: map[string][]photoFile{}, byStem: map[string][]photoFile{}}
	for _, f := range zr.File {
		name := f.Name
		if f.NonUTF8 { // names written by older Windows tools
			if s, err := charmap.CodePage866.NewDecoder().String(name); err == nil {
				name = s
			}
		}
		if !f.Mode().IsRegular() {
			continue
		}
		p.add(path.Base(strings.ReplaceAll(name, `\`, "/")), photoFile{name, f.Open})
	}
	return p, nil
}

// find is the file of a record, or the code that says why there is none.
func (p *Photos) find(r *Record) (photoFile, Code) {
	try := func(list []photoFile) (photoFile, Code) {
		switch len(list) {
		case 0:
			return photoFile{}, NoPhoto
		case 1:
			return list[0], ""
		}
		return photoFile{}, PhotoAmbiguous
	}
	if ref := strings.ToLower(norm.NFC.String(r.PhotoRef)); ref != "" {
		if list := p.byName[ref]; len(list) > 0 {
			return try(list)
		}
		return try(p.byStem[ref]) // a row that names a file gets that file or none
	}
	for _, k := range []string{r.RNOKPP, r.UNZR, strings.ToLower(r.StaffNumber)} {
		if k == "" {
			continue
		}
		if f, c := try(p.byStem[k]); c != NoPhoto {
			return f, c
		}
	}
	return photoFile{}, NoPhoto
}

// Load finds and normalises the photo of a record. Errors are Problems: NoPhoto, PhotoAmbiguous and those of
// NormalisePhoto; they name no file, since file names are often personal numbers.
func (p *Photos) Load(r *Record) (jpeg []byte, sha [32]byte, err error) {
	f, code := p.find(r)
	if code != "" {
		return nil, sha, Problem{File: r.File, Line: r.Line, Code: code}
	}
	place := func(err error) error {
		var pr Problem
		if !errors.As(err, &pr) {
			pr = Problem{Code: BadPhoto}
		}
		pr.File, pr.Line = r.File, r.Line
		return pr
	}
	rc, err := f.open()
	if err != nil {
		return nil, sha, place(err)
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, MaxPhotoBytes+1))
	if err != nil {
		return nil, sha, place(err)
	}
	jpeg, sha, err = NormalisePhoto(data)
	if err != nil {
		return nil, sha, place(err)
	}
	return jpeg, sha, nil
}

// Attach loads the photo of every record of the snapshot, on all processors, and writes its hash, or the reason for having
// none, into the record. keep gets each normalised JPEG, one call at a time and in no order, and may be nil. A photo that
// two different people have is a warning for both. The problems come back in the order of the rows.
func (p *Photos) Attach(s *Snapshot, keep func(sha [32]byte, jpeg []byte) error, progress func(done, total int)) ([]Problem, error) {
	found := make([]*Problem, len(s.Records))
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		next  = make(chan int)
		done  int
		fatal error
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				r := &s.Records[i]
				jpeg, sha, err := p.Load(r)
				mu.Lock()
				if err != nil {
					r.PhotoSHA256, r.PhotoProblem = Hash{}, photoCode(err)
					var pr Problem
					if errors.As(err, &pr) && pr.Code != NoPhoto {
						found[i] = &pr
					}
				} else {
					r.PhotoSHA256, r.PhotoProblem = sha, ""
					if keep != nil && fatal == nil {
						fatal = keep(sha, jpeg)
					}
				}
				if done++; progress != nil {
					progress(done, len(s.Records))
				}
				mu.Unlock()
			}
		})
	}
	for i := range s.Records {
		if s.Records[i].StatusOnly || s.Records[i].Status == StatusDismissed {
			mu.Lock()
			done++
			mu.Unlock()
			continue
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if fatal != nil {
		return nil, fatal
	}
	s.PhotosAttached = true
	var out []Problem
	first := map[Hash]int{}
	for i := range s.Records {
		r := &s.Records[i]
		if found[i] != nil {
			out = append(out, *found[i])
		}
		if r.PhotoSHA256.IsZero() {
			continue
		}
		j, ok := first[r.PhotoSHA256]
		if !ok {
			first[r.PhotoSHA256] = i
		} else if o := &s.Records[j]; idOf(o) != idOf(r) && !(o.FullName() == r.FullName() && (o.RNOKPP == "" || r.RNOKPP == "")) {
			out = append(out, Problem{File: r.File, Line: r.Line, Code: PhotoShared, Args: []string{strconv.Itoa(o.Line)}, Warning: true})
		}
	}
	return out, nil
}
