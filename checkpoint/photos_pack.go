package checkpoint

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"sort"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// Limits of a photo pack (docs/spec/photos.md, Section 2).
const (
	MaxPhotos          = 250_000 // pictures of one pack
	MaxPhotoBytes      = 12_000  // bytes of one normalised JPEG
	MaxPhotoRecipients = 256     // verifiers that one pack is sealed to
	MaxPhotoPack       = 3 << 30 // bytes of one pack: the most pictures, of the largest size, fit
)

// Errors of photos.
var (
	ErrPhotos      = errors.New("checkpoint: not a whole photo pack")                     // damaged, cut, or beyond a limit
	ErrPhotosOther = errors.New("checkpoint: photo pack is not for this verifier")        // sealed to other keys
	ErrPhotosOld   = errors.New("checkpoint: photo pack is too old")                      // past MaxPhotosAge, or not newer than the installed one
	ErrNoPhoto     = errors.New("checkpoint: no photo")                                   // no installed pack has the picture
	ErrPhotoHash   = errors.New("checkpoint: picture is not the one that the hash names") // never shown
)

// A photo pack, all integers big-endian:
//
//	offset       length  meaning
//	0            8       "PSVPHOT1"
//	8            4       length H of the header
//	12           H       header, canonical CBOR
//	12+H         …       pictures, in the order of the index, one after another
//	end−36−20·N  20·N    index: for each picture its id (16 bytes) and its offset from the start of the file (4 bytes)
//	end−36       4       N
//	end−32       32      HMAC-SHA-256 of binding ‖ N ‖ index
//
//	header    = [ statement: bstr .cbor statement, sealed: [ 1*256 bstr ] ]
//	statement = { 1: 1, 2: body tstr, 3: iat uint, 4: pack bstr .size 16, 5: [ 1*256 verifier uint ] }
const (
	packMagic   = "PSVPHOT1"
	packStart   = len(packMagic) + 4
	packTrailer = 4 + sha256.Size
	indexEntry  = photoID + 4
	photoID     = 16
	photoBucket = 4096 // plain pictures are padded to a multiple of it
	photoTag    = 16   // of AES-256-GCM
	maxHeader   = 64 << 10
	maxPhoto    = (MaxPhotoBytes+2+photoBucket-1)/photoBucket*photoBucket + photoTag // sealed
)

// packStatement is what a pack says of itself in clear. The content key opens only together with these very bytes.
type packStatement struct {
	Version   uint64   `cbor:"1,keyasint"`
	Body      string   `cbor:"2,keyasint"` // ЄДРПОУ of the body whose people they are
	IssuedAt  int64    `cbor:"3,keyasint"` // seconds since 1970
	Pack      []byte   `cbor:"4,keyasint"` // 16 random bytes
	Verifiers []uint64 `cbor:"5,keyasint"` // numbers of the recipients, ascending
}

type packHeader struct {
	_         struct{} `cbor:",toarray"`
	Statement []byte
	Sealed    [][]byte // the content key, for each of Verifiers
}

var headerLimits = cose.Limits{Bytes: maxHeader, Depth: 2, Items: MaxPhotoRecipients, String: maxHeader}

// binding ties everything in a pack to what it says of itself.
func binding(statement []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte("posvid photo pack v1\x00"), statement...))
}

func packPurpose(bound [sha256.Size]byte) string { return "photos v1 " + hex.EncodeToString(bound[:]) }

// packKeys are the keys under the content key of one pack.
type packKeys struct {
	bound   [sha256.Size]byte
	content []byte
	index   []byte // of the ids
	mac     []byte // of the index
}

func newPackKeys(content []byte, bound [sha256.Size]byte) (*packKeys, error) {
	k := &packKeys{bound: bound, content: content}
	var err error
	if k.index, err = hkdf.Expand(sha256.New, content, "posvid photos v1 index", 32); err != nil {
		return nil, err
	}
	k.mac, err = hkdf.Expand(sha256.New, content, "posvid photos v1 table", 32)
	return k, err
}

// id is the name of a picture in this pack, which says nothing to who has no key.
func (k *packKeys) id(hash [20]byte) [photoID]byte {
	mac := hmac.New(sha256.New, k.index)
	mac.Write(hash[:])
	return [photoID]byte(mac.Sum(nil))
}

// table begins the authentication of an index.
func (k *packKeys) table(count int) hash.Hash {
	mac := hmac.New(sha256.New, k.mac)
	mac.Write(k.bound[:])
	mac.Write(binary.BigEndian.AppendUint32(nil, uint32(count)))
	return mac
}

// picture is the cipher of one picture. Its key is used once, with a nonce of zeros.
func (k *packKeys) picture(id [photoID]byte) (aead cipher.AEAD, aad []byte, err error) {
	key, err := hkdf.Expand(sha256.New, k.content, "posvid photos v1 picture\x00"+string(id[:]), 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err = cipher.NewGCM(block)
	return aead, append(k.bound[:], id[:]...), err
}

func (k *packKeys) seal(id [photoID]byte, jpeg []byte) ([]byte, error) {
	aead, aad, err := k.picture(id)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, (2+len(jpeg)+photoBucket-1)/photoBucket*photoBucket, maxPhoto)
	binary.BigEndian.PutUint16(plain, uint16(len(jpeg)))
	copy(plain[2:], jpeg)
	return aead.Seal(plain[:0], make([]byte, aead.NonceSize()), plain, aad), nil
}

// open decrypts a picture in place and holds it against the hash that its id was made from.
func (k *packKeys) open(id [photoID]byte, sealed []byte) ([]byte, [20]byte, error) {
	aead, aad, err := k.picture(id)
	if err != nil {
		return nil, [20]byte{}, err
	}
	plain, err := aead.Open(sealed[:0], make([]byte, aead.NonceSize()), sealed, aad)
	if err != nil {
		return nil, [20]byte{}, fail(ErrPhotos, "photo pack: a picture of %d bytes is damaged or was moved", len(sealed))
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n == 0 || n > MaxPhotoBytes || n > len(plain)-2 {
		return nil, [20]byte{}, fail(ErrPhotos, "photo pack: picture of %d bytes, want 1 to %d", n, min(MaxPhotoBytes, len(plain)-2))
	}
	jpeg := plain[2 : 2+n]
	if len(bytes.Trim(plain[2+n:], "\x00")) > 0 {
		return nil, [20]byte{}, fail(ErrPhotos, "photo pack: padding is not zero")
	}
	sum := sha256.Sum256(jpeg)
	hash := [20]byte(sum[:20])
	if k.id(hash) != id {
		return nil, hash, fail(ErrPhotoHash, "photo pack: a picture stands under the name of another one")
	}
	return jpeg, hash, nil
}

// PhotosReport says what is in a pack, and what became of it.
type PhotosReport struct {
	Body       string    // ЄДРПОУ of the body whose people they are
	IssuedAt   time.Time // whole seconds
	Photos     int       // pictures in the pack
	Bytes      int64     // of the file
	Recipients []uint64  // numbers of the verifiers it is sealed to
	Missing    int       // WritePhotos: pictures that are not there
	Damaged    int       // WritePhotos: pictures that are not what their hash says, or larger than MaxPhotoBytes; left out
	Previous   time.Time // InstallPhotos: IssuedAt of the pack it replaced; zero when there was none
	Changed    bool      // InstallPhotos: false when this very pack was installed already
}

// WritePhotos writes a photo pack of a body, sealed to the given verifiers. hashes are the first 20 bytes of SHA-256 of
// the normalised JPEGs; read gives the JPEG of one, nil or an error that wraps fs.ErrNotExist when there is none. The
// pictures stand in an order that says nothing, whatever the order of hashes; one named twice stands once.
//
// It refuses with ErrNotEnrolled a verifier whose entry has ended at the given time, and with ErrPhotos too many pictures
// or verifiers. Who may be given photos is for the caller to decide.
func WritePhotos(w io.Writer, body string, to []trust.VerifierEntry, hashes [][20]byte, read func(hash [20]byte) ([]byte, error), at time.Time) (PhotosReport, error) {
	if !isEDRPOU(body) {
		return PhotosReport{}, fail(ErrPhotos, "photo pack: body %q, want 8 digits", body)
	}
	if len(hashes) > MaxPhotos {
		return PhotosReport{}, fail(ErrPhotos, "photo pack: %d pictures, limit %d", len(hashes), MaxPhotos)
	}
	header, k, report, err := newHeader(body, to, at)
	if err != nil {
		return PhotosReport{}, err
	}
	type named struct {
		id   [photoID]byte
		hash [20]byte
	}
	names := make([]named, len(hashes))
	for i, h := range hashes {
		names[i] = named{k.id(h), h}
	}
	slices.SortFunc(names, func(x, y named) int { return bytes.Compare(x.id[:], y.id[:]) })
	names = slices.Compact(names)

	out := &counter{w: bufio.NewWriterSize(w, 256<<10)}
	out.Write(append(binary.BigEndian.AppendUint32([]byte(packMagic), uint32(len(header))), header...))
	index := make([]byte, 0, len(names)*indexEntry)
	for _, name := range names {
		jpeg, err := read(name.hash)
		switch sum := sha256.Sum256(jpeg); {
		case errors.Is(err, fs.ErrNotExist), err == nil && jpeg == nil:
			report.Missing++
			continue
		case err != nil:
			return PhotosReport{}, fmt.Errorf("checkpoint: photo pack: reading a picture: %w", err)
		case len(jpeg) == 0 || len(jpeg) > MaxPhotoBytes || [20]byte(sum[:20]) != name.hash:
			report.Damaged++
			continue
		}
		sealed, err := k.seal(name.id, jpeg)
		if err != nil {
			return PhotosReport{}, fail(ErrPhotos, "photo pack: %v", err)
		}
		index = append(index, name.id[:]...)
		index = binary.BigEndian.AppendUint32(index, uint32(out.n))
		out.Write(sealed)
		report.Photos++
	}
	mac := k.table(report.Photos)
	mac.Write(index)
	out.Write(index)
	out.Write(mac.Sum(binary.BigEndian.AppendUint32(nil, uint32(report.Photos))))
	if err := out.flush(); err != nil {
		return PhotosReport{}, fail(ErrDisk, "writing the photo pack: %v", err)
	}
	report.Bytes = out.n
	return report, nil
}

// newHeader makes the header of a pack with a fresh content key.
func newHeader(body string, to []trust.VerifierEntry, at time.Time) (header []byte, k *packKeys, report PhotosReport, err error) {
	to = slices.Clone(to)
	slices.SortFunc(to, func(x, y trust.VerifierEntry) int { return cmp.Compare(x.ID, y.ID) })
	if len(to) == 0 || len(to) > MaxPhotoRecipients {
		return nil, nil, report, fail(ErrPhotos, "photo pack: %d verifiers, want 1 to %d", len(to), MaxPhotoRecipients)
	}
	s := packStatement{Version: 1, Body: body, IssuedAt: at.Unix(), Pack: make([]byte, 16)}
	_, _ = rand.Read(s.Pack) // never fails (crypto/rand)
	for i, v := range to {
		switch {
		case !at.Before(v.ValidUntil):
			return nil, nil, report, fail(ErrNotEnrolled, "photo pack: the entry of verifier %d ended at %s", v.ID, v.ValidUntil.UTC().Format(time.RFC3339))
		case v.ID == 0 || i > 0 && v.ID == to[i-1].ID:
			return nil, nil, report, fail(ErrPhotos, "photo pack: verifier %d is named twice, or is none", v.ID)
		}
		s.Verifiers = append(s.Verifiers, v.ID)
	}
	h := packHeader{}
	if h.Statement, err = cose.Marshal(s); err != nil {
		return nil, nil, report, fail(ErrPhotos, "photo pack: %v", err)
	}
	content := make([]byte, 32)
	_, _ = rand.Read(content)
	if k, err = newPackKeys(content, binding(h.Statement)); err != nil {
		return nil, nil, report, fail(ErrPhotos, "photo pack: %v", err)
	}
	for _, v := range to {
		sealed, err := v.HPKE.Encrypt(packPurpose(k.bound), content)
		if err != nil {
			return nil, nil, report, fail(ErrPhotos, "photo pack: verifier %d: %v", v.ID, err)
		}
		h.Sealed = append(h.Sealed, sealed)
	}
	if header, err = cose.Marshal(h); err != nil {
		return nil, nil, report, fail(ErrPhotos, "photo pack: %v", err)
	}
	return header, k, PhotosReport{Body: body, IssuedAt: time.Unix(s.IssuedAt, 0).UTC(), Recipients: s.Verifiers}, nil
}

// counter counts what it writes and keeps the first error.
type counter struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (c *counter) Write(b []byte) (int, error) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
		c.n += int64(len(b))
	}
	return len(b), c.err
}

func (c *counter) flush() error {
	if c.err == nil {
		c.err = c.w.Flush()
	}
	return c.err
}

// isEDRPOU keeps a body's code to what may stand in a file name.
func isEDRPOU(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 8
}

// head is what can be read of a pack without a key.
type head struct {
	packStatement
	bound  [sha256.Size]byte
	sealed [][]byte
	start  int64 // where the pictures begin
}

// readHead reads a header from the start of a pack, and no byte beyond it.
func readHead(r io.Reader) (*head, error) {
	start := make([]byte, packStart)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:len(packMagic)]) != packMagic {
		return nil, fail(ErrPhotos, "photo pack: it does not begin with %s", packMagic)
	}
	n := binary.BigEndian.Uint32(start[len(packMagic):])
	if n > maxHeader {
		return nil, fail(ErrPhotos, "photo pack: header of %d bytes, limit %d", n, maxHeader)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fail(ErrPhotos, "photo pack: header is cut")
	}
	return parseHead(data)
}

func parseHead(data []byte) (*head, error) {
	var h packHeader
	if err := cose.Unmarshal(data, &h, headerLimits); err != nil {
		return nil, fail(ErrPhotos, "photo pack: header: %v", err)
	}
	out := &head{bound: binding(h.Statement), sealed: h.Sealed, start: int64(packStart + len(data))}
	if err := cose.Unmarshal(h.Statement, &out.packStatement, headerLimits); err != nil {
		return nil, fail(ErrPhotos, "photo pack: statement: %v", err)
	}
	again, err := cose.Marshal(out.packStatement)
	if err == nil && !bytes.Equal(again, h.Statement) {
		err = errors.New("a field is missing, unknown or not in its place")
	}
	switch {
	case err != nil:
		return nil, fail(ErrPhotos, "photo pack: statement: %v", err)
	case out.Version != 1:
		return nil, fail(ErrPhotos, "photo pack: version %d, want 1", out.Version)
	case !isEDRPOU(out.Body):
		return nil, fail(ErrPhotos, "photo pack: body is not 8 digits")
	case out.IssuedAt <= 0 || out.IssuedAt > 1<<40:
		return nil, fail(ErrPhotos, "photo pack: iat is missing or out of range")
	case len(out.Pack) != 16:
		return nil, fail(ErrPhotos, "photo pack: pack id of %d bytes, want 16", len(out.Pack))
	case len(out.Verifiers) == 0 || len(out.Verifiers) != len(out.sealed):
		return nil, fail(ErrPhotos, "photo pack: %d verifiers with %d keys", len(out.Verifiers), len(out.sealed))
	}
	for i := 1; i < len(out.Verifiers); i++ {
		if out.Verifiers[i] <= out.Verifiers[i-1] {
			return nil, fail(ErrPhotos, "photo pack: verifiers are not in ascending order")
		}
	}
	return out, nil
}

// unseal finds the content key of a pack with the key of a verifier. own is its number, tried first; the others are tried
// after it, because a number can have changed since.
func (h *head) unseal(k keys.VerifierPrivateKey, own uint64) (*packKeys, error) {
	purpose := packPurpose(h.bound)
	order := slices.Clone(h.sealed)
	if i, ok := slices.BinarySearch(h.Verifiers, own); ok {
		order[0], order[i] = order[i], order[0]
	}
	for _, sealed := range order {
		content, err := k.Decrypt(purpose, sealed)
		if err != nil {
			continue
		}
		if len(content) != 32 {
			return nil, fail(ErrPhotos, "photo pack: content key of %d bytes, want 32", len(content))
		}
		keys, err := newPackKeys(content, h.bound)
		if err != nil {
			return nil, fail(ErrPhotos, "photo pack: %v", err)
		}
		return keys, nil
	}
	return nil, fail(ErrPhotosOther, "photo pack of body %s is for %d verifiers, and not for this one", h.Body, len(h.sealed))
}

// pack is a pack that is read where it lies.
type pack struct {
	*head
	r     io.ReaderAt
	size  int64
	count int
	index int64 // where the index begins
}

// openPack reads the outside of a pack: header, size and count. Nothing is allocated by what the count says.
func openPack(r io.ReaderAt, size int64) (*pack, error) {
	if size > MaxPhotoPack {
		return nil, fail(ErrPhotos, "photo pack of %d bytes, limit %d", size, int64(MaxPhotoPack))
	}
	h, err := readHead(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	var n [4]byte
	if size < h.start+packTrailer {
		return nil, fail(ErrPhotos, "photo pack: cut after the header")
	}
	if _, err := r.ReadAt(n[:], size-packTrailer); err != nil {
		return nil, fail(ErrDisk, "photo pack: %v", err)
	}
	count := binary.BigEndian.Uint32(n[:])
	if count > MaxPhotos {
		return nil, fail(ErrPhotos, "photo pack: %d pictures, limit %d", count, MaxPhotos)
	}
	p := &pack{head: h, r: r, size: size, count: int(count), index: size - packTrailer - int64(count)*indexEntry}
	if room := p.index - h.start; room < int64(count)*(photoBucket+photoTag) || room > int64(count)*maxPhoto {
		return nil, fail(ErrPhotos, "photo pack: %d pictures in %d bytes", count, room)
	}
	return p, nil
}

// entry reads the i-th entry of the index.
func (p *pack) entry(i int) (id [photoID]byte, offset int64, err error) {
	if i == p.count {
		return id, p.index, nil
	}
	var e [indexEntry]byte
	if _, err := p.r.ReadAt(e[:], p.index+int64(i)*indexEntry); err != nil {
		return id, 0, fail(ErrDisk, "photo pack: %v", err)
	}
	return [photoID]byte(e[:photoID]), int64(binary.BigEndian.Uint32(e[photoID:])), nil
}

// sealedLength is that of a picture between two offsets.
func (p *pack) sealedLength(from, to int64) (int, error) {
	n := to - from
	if from < p.start || to > p.index || n <= photoTag || n > maxPhoto || (n-photoTag)%photoBucket != 0 {
		return 0, fail(ErrPhotos, "photo pack: a picture of %d bytes at %d", n, from)
	}
	return int(n), nil
}

// photo finds one picture and opens it alone.
func (p *pack) photo(k *packKeys, hash [20]byte) ([]byte, error) {
	want := k.id(hash)
	var broken error
	i := sort.Search(p.count, func(i int) bool {
		id, _, err := p.entry(i)
		broken = errors.Join(broken, err)
		return bytes.Compare(id[:], want[:]) >= 0
	})
	if broken != nil {
		return nil, broken
	}
	id, from, err := p.entry(i)
	if err != nil {
		return nil, err
	}
	if i == p.count || id != want {
		return nil, fail(ErrNoPhoto, "photo pack of body %s has no such picture", p.Body)
	}
	_, to, err := p.entry(i + 1)
	if err != nil {
		return nil, err
	}
	n, err := p.sealedLength(from, to)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, n)
	if _, err := p.r.ReadAt(sealed, from); err != nil {
		return nil, fail(ErrDisk, "photo pack: %v", err)
	}
	jpeg, have, err := k.open(want, sealed)
	if err != nil {
		return nil, err
	}
	if have != hash {
		return nil, fail(ErrPhotoHash, "photo pack: the picture has another hash")
	}
	return jpeg, nil
}

// verify reads a whole pack once, in constant memory: the index is authentic, ascending and without gaps, and each
// picture opens and is the one that its id names.
func (p *pack) verify(k *packKeys) error {
	index := bufio.NewReaderSize(io.NewSectionReader(p.r, p.index, int64(p.count)*indexEntry), 64<<10)
	pictures := bufio.NewReaderSize(io.NewSectionReader(p.r, p.start, p.index-p.start), 256<<10)
	mac := k.table(p.count)
	var e [indexEntry]byte
	next := func(i int) (id [photoID]byte, offset int64, err error) {
		if i == p.count {
			return id, p.index, nil
		}
		if _, err := io.ReadFull(index, e[:]); err != nil {
			return id, 0, fail(ErrDisk, "photo pack: %v", err)
		}
		mac.Write(e[:])
		return [photoID]byte(e[:photoID]), int64(binary.BigEndian.Uint32(e[photoID:])), nil
	}
	id, from, err := next(0)
	if err == nil && from != p.start {
		err = fail(ErrPhotos, "photo pack: the first picture is at %d, want %d", from, p.start)
	}
	buffer := make([]byte, maxPhoto)
	for i := 0; i < p.count && err == nil; i++ {
		after, to, nextErr := next(i + 1)
		if nextErr != nil {
			return nextErr
		}
		if i+1 < p.count && bytes.Compare(after[:], id[:]) <= 0 {
			return fail(ErrPhotos, "photo pack: index entry %d is not above the one before", i+1)
		}
		n, lengthErr := p.sealedLength(from, to)
		if lengthErr != nil {
			return lengthErr
		}
		if _, err := io.ReadFull(pictures, buffer[:n]); err != nil {
			return fail(ErrDisk, "photo pack: %v", err)
		}
		if _, _, err := k.open(id, buffer[:n]); err != nil {
			return err
		}
		id, from = after, to
	}
	if err != nil {
		return err
	}
	have := make([]byte, sha256.Size)
	if _, err := p.r.ReadAt(have, p.size-sha256.Size); err != nil {
		return fail(ErrDisk, "photo pack: %v", err)
	}
	if !hmac.Equal(mac.Sum(nil), have) {
		return fail(ErrPhotos, "photo pack: the index is not the one that was written")
	}
	return nil
}

// report says what is in the pack.
func (p *pack) report() PhotosReport {
	return PhotosReport{Body: p.Body, IssuedAt: time.Unix(p.IssuedAt, 0).UTC(), Photos: p.count, Bytes: p.size, Recipients: p.Verifiers}
}
