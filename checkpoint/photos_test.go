package checkpoint

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// portrait stands for a normalised JPEG: what is in it does not matter here, its size and hash do.
func portrait(seed int) []byte {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	b := make([]byte, 1+r.IntN(MaxPhotoBytes))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	copy(b, "\xff\xd8\xff")
	return b
}

func photoHash(jpeg []byte) [20]byte {
	sum := sha256.Sum256(jpeg)
	return [20]byte(sum[:20])
}

// gallery is the portraits of n people of a body.
type gallery map[[20]byte][]byte

func newGallery(n int) (gallery, [][20]byte) {
	g, hashes := gallery{}, [][20]byte(nil)
	for i := range n {
		jpeg := portrait(100 + i)
		g[photoHash(jpeg)] = jpeg
		hashes = append(hashes, photoHash(jpeg))
	}
	return g, hashes
}

func (g gallery) read(hash [20]byte) ([]byte, error) { return g[hash], nil }

func verifierKey(tb testing.TB, label string) (keys.VerifierPrivateKey, trust.VerifierEntry) {
	tb.Helper()
	k := must[keys.VerifierPrivateKey](tb)(keys.VerifierKeyForVectors(label))
	return k, trust.VerifierEntry{ID: 5, Name: label, Body: body, Class: trust.ClassCheckpoint, SigningKey: k.VerifierPublic(), HPKE: k.HPKEPublic(), ValidUntil: base.Add(90 * day)}
}

// packOf is a pack of n portraits for the verifier "gate", made at a time.
func packOf(tb testing.TB, of string, n int, at time.Time) ([]byte, [][20]byte, gallery) {
	tb.Helper()
	_, entry := verifierKey(tb, "gate")
	g, hashes := newGallery(n)
	var out bytes.Buffer
	must[PhotosReport](tb)(WritePhotos(&out, of, []trust.VerifierEntry{entry}, hashes, g.read, at))
	return out.Bytes(), hashes, g
}

func emptyDevice(tb testing.TB) *State {
	tb.Helper()
	return must[*State](tb)(Open(tb.TempDir()))
}

func TestPhotosThereAndBack(t *testing.T) {
	k, own := verifierKey(t, "gate")
	k2, second := verifierKey(t, "second")
	second.ID = 9
	g, hashes := newGallery(40)
	lost := [20]byte{1}
	var out bytes.Buffer
	report := must[PhotosReport](t)(WritePhotos(&out, body, []trust.VerifierEntry{second, own}, append(append(hashes, hashes...), lost), g.read, base))
	if report.Photos != 40 || report.Missing != 1 || report.Damaged != 0 || fmt.Sprint(report.Recipients) != "[5 9]" || report.Bytes != int64(out.Len()) {
		t.Errorf("%+v", report)
	}
	for _, key := range []keys.VerifierPrivateKey{k, k2} {
		s := emptyDevice(t)
		got := must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(out.Bytes()), key, base.Add(time.Hour)))
		if !got.Changed || !got.Previous.IsZero() || got.Photos != 40 || got.Body != body || !got.IssuedAt.Equal(base) {
			t.Errorf("%+v", got)
		}
		for hash, jpeg := range g {
			if found, err := s.Photo(hash, key, base.Add(time.Hour)); err != nil || !bytes.Equal(found, jpeg) {
				t.Fatalf("%x: %v", hash, err)
			}
		}
		for _, h := range [][20]byte{{}, lost, {0xff, 0xff}} {
			if found, err := s.Photo(h, key, base); !errors.Is(err, ErrNoPhoto) || found != nil {
				t.Errorf("%x: %v", h, err)
			}
		}
		again := must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(out.Bytes()), key, base.Add(time.Hour)))
		if again.Changed {
			t.Error("the same pack again changed something")
		}
		if _, err := os.Stat(filepath.Join(s.dir, packTemporary)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left behind: %v", err)
		}
	}
	var none bytes.Buffer
	if r := must[PhotosReport](t)(WritePhotos(&none, body, []trust.VerifierEntry{own}, nil, g.read, base)); r.Photos != 0 {
		t.Errorf("%+v", r)
	}
	s := emptyDevice(t)
	must[PhotosReport](t)(s.InstallPhotos(&none, k, base))
	if _, err := s.Photo(hashes[0], k, base); !errors.Is(err, ErrNoPhoto) {
		t.Errorf("from an empty pack: %v", err)
	}
}

func TestWritePhotosRefuses(t *testing.T) {
	_, own := verifierKey(t, "gate")
	ended, keyless, nobody := own, own, own
	ended.ID, ended.ValidUntil = 6, base
	keyless.ID, keyless.HPKE = 7, keys.HPKEPublicKey{}
	nobody.ID = 0
	g, hashes := newGallery(3)
	many := make([]trust.VerifierEntry, MaxPhotoRecipients+1)
	for i := range many {
		many[i] = own
		many[i].ID = uint64(i + 1)
	}
	boom := errors.New("disk fell off")
	for name, c := range map[string]struct {
		body   string
		to     []trust.VerifierEntry
		hashes [][20]byte
		read   func([20]byte) ([]byte, error)
		w      io.Writer
		want   error
	}{
		"no verifier":          {body, nil, hashes, g.read, io.Discard, ErrPhotos},
		"too many verifiers":   {body, many, hashes, g.read, io.Discard, ErrPhotos},
		"an entry that ended":  {body, []trust.VerifierEntry{own, ended}, hashes, g.read, io.Discard, ErrNotEnrolled},
		"without an HPKE key":  {body, []trust.VerifierEntry{keyless}, hashes, g.read, io.Discard, ErrPhotos},
		"without a number":     {body, []trust.VerifierEntry{nobody}, hashes, g.read, io.Discard, ErrPhotos},
		"one verifier twice":   {body, []trust.VerifierEntry{own, own}, hashes, g.read, io.Discard, ErrPhotos},
		"too many pictures":    {body, []trust.VerifierEntry{own}, make([][20]byte, MaxPhotos+1), g.read, io.Discard, ErrPhotos},
		"no body":              {"", []trust.VerifierEntry{own}, hashes, g.read, io.Discard, ErrPhotos},
		"a body like a path":   {"../../..", []trust.VerifierEntry{own}, hashes, g.read, io.Discard, ErrPhotos},
		"pictures not to read": {body, []trust.VerifierEntry{own}, hashes, func([20]byte) ([]byte, error) { return nil, boom }, io.Discard, boom},
		"a full disk":          {body, []trust.VerifierEntry{own}, hashes, g.read, fullDisk{}, ErrDisk},
	} {
		if report, err := WritePhotos(c.w, c.body, c.to, c.hashes, c.read, base); !errors.Is(err, c.want) || report.Photos != 0 {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
	// A picture that is not what its name says is left out; the others go.
	bad := [][]byte{[]byte("another picture"), {}, make([]byte, MaxPhotoBytes+1)}
	for _, jpeg := range bad {
		read := func(h [20]byte) ([]byte, error) {
			if h == hashes[1] {
				return jpeg, nil
			}
			return g.read(h)
		}
		r, err := WritePhotos(io.Discard, body, []trust.VerifierEntry{own}, hashes, read, base)
		if err != nil || r.Photos != 2 || r.Damaged != 1 {
			t.Errorf("picture of %d bytes: %+v, %v", len(jpeg), r, err)
		}
	}
	gone := func([20]byte) ([]byte, error) { return nil, fmt.Errorf("photo: %w", fs.ErrNotExist) }
	if r, err := WritePhotos(io.Discard, body, []trust.VerifierEntry{own}, hashes, gone, base); err != nil || r.Missing != 3 || r.Photos != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestPhotoSizes(t *testing.T) {
	k, own := verifierKey(t, "gate")
	for _, n := range []int{1, photoBucket - 3, photoBucket - 2, photoBucket - 1, 2*photoBucket - 2, 2*photoBucket - 1, MaxPhotoBytes - 1, MaxPhotoBytes} {
		jpeg := bytes.Repeat([]byte{0xff}, n)
		var out bytes.Buffer
		hash := photoHash(jpeg)
		must[PhotosReport](t)(WritePhotos(&out, body, []trust.VerifierEntry{own}, [][20]byte{hash}, gallery{hash: jpeg}.read, base))
		if sealed := out.Len() - packTrailer - indexEntry; (sealed-photoTag-int(must[*pack](t)(openPack(bytes.NewReader(out.Bytes()), int64(out.Len()))).start))%photoBucket != 0 {
			t.Errorf("%d bytes: the size of the picture shows", n)
		}
		s := emptyDevice(t)
		must[PhotosReport](t)(s.InstallPhotos(&out, k, base))
		if got, err := s.Photo(hash, k, base); err != nil || !bytes.Equal(got, jpeg) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// The caps let a pack of the most pictures of the largest size through, and its offsets fit their field.
func TestPhotoLimitsFit(t *testing.T) {
	whole := int64(packStart+maxHeader+packTrailer) + MaxPhotos*int64(maxPhoto+indexEntry)
	if whole > MaxPhotoPack || int64(MaxPhotoPack) >= 1<<32 {
		t.Errorf("%d bytes, limit %d", whole, int64(MaxPhotoPack))
	}
	if MaxPhotoBytes+2 > maxPhoto-photoTag {
		t.Errorf("the largest picture does not fit into %d bytes", maxPhoto)
	}
}

// rebuild changes the opened parts of a pack and seals it again as its maker could.
func rebuild(tb testing.TB, data []byte, k keys.VerifierPrivateKey, change func(entries []packed) []packed) []byte {
	tb.Helper()
	p := must[*pack](tb)(openPack(bytes.NewReader(data), int64(len(data))))
	content := must[*packKeys](tb)(p.unseal(k, 5))
	var entries []packed
	for i := range p.count {
		id, from, _ := p.entry(i)
		_, to, _ := p.entry(i + 1)
		entries = append(entries, packed{id, bytes.Clone(data[from:to])})
	}
	out := bytes.Clone(data[:p.start])
	var index []byte
	for _, e := range change(entries) {
		index = append(index, e.id[:]...)
		index = binary.BigEndian.AppendUint32(index, uint32(len(out)))
		out = append(out, e.sealed...)
	}
	mac := content.table(len(index) / indexEntry)
	mac.Write(index)
	out = append(out, index...)
	return mac.Sum(binary.BigEndian.AppendUint32(out, uint32(len(index)/indexEntry)))
}

// unpadded seals a picture again, with something behind it.
func unpadded(tb testing.TB, k *packKeys, e packed) []byte {
	tb.Helper()
	aead, aad, err := k.picture(e.id)
	if err != nil {
		tb.Fatal(err)
	}
	nonce := make([]byte, aead.NonceSize())
	plain := must[[]byte](tb)(aead.Open(nil, nonce, e.sealed, aad))
	n := int(binary.BigEndian.Uint16(plain))
	plain = append(plain[:2+n], bytes.Repeat([]byte{1}, len(plain)-2-n)...)
	return aead.Seal(nil, nonce, plain, aad)
}

type packed struct {
	id     [photoID]byte
	sealed []byte
}

func TestBadPacksAreRefused(t *testing.T) {
	k, own := verifierKey(t, "gate")
	stranger, _ := verifierKey(t, "stranger")
	data, hashes, _ := packOf(t, body, 12, base)
	other, _, _ := packOf(t, body, 12, base.Add(time.Second))
	p := must[*pack](t)(openPack(bytes.NewReader(data), int64(len(data))))
	q := must[*pack](t)(openPack(bytes.NewReader(other), int64(len(other))))
	content := must[*packKeys](t)(p.unseal(k, 5))
	flip := func(at int64) []byte {
		b := bytes.Clone(data)
		b[at] ^= 1
		return b
	}
	put := func(at int64, v uint32) []byte {
		b := bytes.Clone(data)
		binary.BigEndian.PutUint32(b[at:], v)
		return b
	}
	size := int64(len(data))
	same := func(c func(e []packed)) []byte {
		return rebuild(t, data, k, func(e []packed) []packed { c(e); return e })
	}
	hostile := func(change func(*packStatement, *packHeader)) []byte {
		var h packHeader
		var st packStatement
		if err := cose.Unmarshal(data[packStart:p.start], &h, headerLimits); err != nil {
			t.Fatal(err)
		}
		if err := cose.Unmarshal(h.Statement, &st, headerLimits); err != nil {
			t.Fatal(err)
		}
		change(&st, &h)
		h.Statement = must[[]byte](t)(cose.Marshal(st))
		head := must[[]byte](t)(cose.Marshal(h))
		out := binary.BigEndian.AppendUint32([]byte(packMagic), uint32(len(head)))
		return append(append(out, head...), data[p.start:]...)
	}
	for name, c := range map[string]struct {
		data []byte
		key  keys.VerifierPrivateKey
		at   time.Time
		want error
	}{
		"nothing":                    {nil, k, base, ErrPhotos},
		"something else":             {[]byte("%PDF-1.7 something else"), k, base, ErrPhotos},
		"another version":            {append([]byte("PSVPHOT2"), data[8:]...), k, base, ErrPhotos},
		"no key":                     {data, keys.VerifierPrivateKey{}, base, ErrKeys},
		"a stranger's key":           {data, stranger, base, ErrPhotosOther},
		"cut in the header":          {data[:40], k, base, ErrPhotos},
		"cut after the header":       {data[:p.start], k, base, ErrPhotos},
		"cut in a picture":           {data[:p.start+5000], k, base, ErrPhotos},
		"cut in the index":           {data[:p.index+30], k, base, ErrPhotos},
		"last byte cut":              {data[:size-1], k, base, ErrPhotos},
		"a byte too many":            {append(bytes.Clone(data), 0), k, base, ErrPhotos},
		"huge header":                {put(8, 1<<31), k, base, ErrPhotos},
		"header one too long":        {put(8, uint32(p.start-int64(packStart)+1)), k, base, ErrPhotos},
		"huge count":                 {put(size-packTrailer, 1<<32-1), k, base, ErrPhotos},
		"count above the cap":        {put(size-packTrailer, MaxPhotos+1), k, base, ErrPhotos},
		"count too high by one":      {put(size-packTrailer, 13), k, base, ErrPhotos},
		"count too low by one":       {put(size-packTrailer, 11), k, base, ErrPhotos},
		"count of none":              {put(size-packTrailer, 0), k, base, ErrPhotos},
		"a bit of a picture":         {flip(p.start + 100), k, base, ErrPhotos},
		"a bit of an id":             {flip(p.index + 3), k, base, ErrPhotos},
		"a bit of an offset":         {flip(p.index + indexEntry + photoID), k, base, ErrPhotos},
		"offset beyond the file":     {put(p.index+photoID, 1<<32-1), k, base, ErrPhotos},
		"offset into the header":     {put(p.index+photoID, 0), k, base, ErrPhotos},
		"a bit of the index's tag":   {flip(size - 1), k, base, ErrPhotos},
		"a bit of the key":           {flip(p.start - 1), k, base, ErrPhotosOther},
		"another time in the header": {hostile(func(s *packStatement, _ *packHeader) { s.IssuedAt-- }), k, base, ErrPhotosOther},
		"another body in the header": {hostile(func(s *packStatement, _ *packHeader) { s.Body = "10000002" }), k, base, ErrPhotosOther},
		"a path for a body":          {hostile(func(s *packStatement, _ *packHeader) { s.Body = "../../ab" }), k, base, ErrPhotos},
		"version 2 in the header":    {hostile(func(s *packStatement, _ *packHeader) { s.Version = 2 }), k, base, ErrPhotos},
		"no time":                    {hostile(func(s *packStatement, _ *packHeader) { s.IssuedAt = 0 }), k, base, ErrPhotos},
		"a short pack id":            {hostile(func(s *packStatement, _ *packHeader) { s.Pack = s.Pack[:15] }), k, base, ErrPhotos},
		"no verifier":                {hostile(func(s *packStatement, h *packHeader) { s.Verifiers, h.Sealed = nil, nil }), k, base, ErrPhotos},
		"more verifiers than keys":   {hostile(func(s *packStatement, _ *packHeader) { s.Verifiers = []uint64{5, 6} }), k, base, ErrPhotos},
		"verifiers out of order": {hostile(func(s *packStatement, h *packHeader) {
			s.Verifiers, h.Sealed = []uint64{6, 5}, append(h.Sealed, h.Sealed...)
		}), k, base, ErrPhotos},
		"an unknown field": {func() []byte {
			statement := must[[]byte](t)(cose.Marshal(map[int]any{1: 1, 2: body, 3: base.Unix(), 4: make([]byte, 16), 5: []int{5}, 6: 1}))
			head := must[[]byte](t)(cose.Marshal([]any{statement, [][]byte{{1}}}))
			return append(append(binary.BigEndian.AppendUint32([]byte(packMagic), uint32(len(head))), head...), data[p.start:]...)
		}(), k, base, ErrPhotos},
		"the header of another pack":    {append(bytes.Clone(other[:q.start]), data[p.start:]...), k, base.Add(time.Minute), ErrPhotos},
		"from the future":               {data, k, base.Add(-clockTolerance - time.Second), ErrPhotosOld},
		"past its age":                  {data, k, base.Add(MaxPhotosAge + time.Second), ErrPhotosOld},
		"two pictures exchanged":        {same(func(e []packed) { e[1].sealed, e[2].sealed = e[2].sealed, e[1].sealed }), k, base, ErrPhotos},
		"two ids exchanged":             {same(func(e []packed) { e[1].id, e[2].id = e[2].id, e[1].id }), k, base, ErrPhotos},
		"an id twice":                   {same(func(e []packed) { e[2] = e[1] }), k, base, ErrPhotos},
		"a picture of another pack":     {same(func(e []packed) { e[1].sealed = other[q.start : q.start+int64(len(e[1].sealed))] }), k, base, ErrPhotos},
		"an odd size":                   {same(func(e []packed) { e[3].sealed = append(e[3].sealed, 0) }), k, base, ErrPhotos},
		"a gap before the first":        {gapped(t, data, k, photoBucket), k, base, ErrPhotos},
		"a gap of one byte":             {gapped(t, data, k, 1), k, base, ErrPhotos},
		"padding that is not zero":      {same(func(e []packed) { e[3].sealed = unpadded(t, content, e[3]) }), k, base, ErrPhotos},
		"no picture":                    {same(func(e []packed) { e[3].sealed = nil }), k, base, ErrPhotos},
		"another picture under the id":  {same(func(e []packed) { e[3].sealed = must[[]byte](t)(content.seal(e[3].id, []byte("another face"))) }), k, base, ErrPhotoHash},
		"an empty picture under the id": {same(func(e []packed) { e[3].sealed = must[[]byte](t)(content.seal(e[3].id, nil)) }), k, base, ErrPhotos},
	} {
		s := emptyDevice(t)
		before := everything(t, s.dir)
		report, err := s.InstallPhotos(bytes.NewReader(c.data), c.key, c.at)
		if !errors.Is(err, c.want) || report.Photos != 0 {
			t.Errorf("%s: %v", name, err)
		}
		left := everything(t, s.dir)
		if !equal(before, left) {
			t.Errorf("%s: something was left in the folder", name)
		}
		if got, err := s.Photo(hashes[0], k, base); err == nil || got != nil {
			t.Errorf("%s: gives a picture", name)
		}
	}
	// A pack for others too is for this one.
	if _, err := WritePhotos(io.Discard, body, []trust.VerifierEntry{own}, hashes, gallery{}.read, base); err != nil {
		t.Error(err)
	}
}

// gapped moves every picture of a pack back by some bytes, index and tag included.
func gapped(tb testing.TB, data []byte, k keys.VerifierPrivateKey, gap int) []byte {
	tb.Helper()
	p := must[*pack](tb)(openPack(bytes.NewReader(data), int64(len(data))))
	content := must[*packKeys](tb)(p.unseal(k, 0))
	out := append(bytes.Clone(data[:p.start]), make([]byte, gap)...)
	out = append(out, data[p.start:p.index]...)
	var index []byte
	for i := range p.count {
		id, from, _ := p.entry(i)
		index = append(index, id[:]...)
		index = binary.BigEndian.AppendUint32(index, uint32(from)+uint32(gap))
	}
	mac := content.table(p.count)
	mac.Write(index)
	return mac.Sum(binary.BigEndian.AppendUint32(append(out, index...), uint32(p.count)))
}

// The count is held against its cap in a file that would have room for it.
func TestPhotoCountIsCapped(t *testing.T) {
	data, _, _ := packOf(t, body, 1, base)
	start := must[*pack](t)(openPack(bytes.NewReader(data), int64(len(data)))).start
	for _, c := range []struct {
		count int64
		want  error
	}{{MaxPhotos, nil}, {MaxPhotos + 1, ErrPhotos}} {
		size := start + c.count*(photoBucket+photoTag+indexEntry) + packTrailer
		r := sparse{data[:start], binary.BigEndian.AppendUint32(nil, uint32(c.count)), size}
		if p, err := openPack(r, size); !errors.Is(err, c.want) || c.want == nil && (err != nil || p.count != MaxPhotos) {
			t.Errorf("%d pictures: %v", c.count, err)
		}
	}
	if _, err := openPack(sparse{data[:start], []byte{0, 0, 0, 1}, MaxPhotoPack + 1}, MaxPhotoPack+1); !errors.Is(err, ErrPhotos) {
		t.Errorf("a file beyond the cap: %v", err)
	}
}

// sparse is a huge file of zeros with a start and a count.
type sparse struct {
	start, count []byte
	size         int64
}

func (s sparse) ReadAt(b []byte, at int64) (int, error) {
	for i := range b {
		switch p := at + int64(i); {
		case p < int64(len(s.start)):
			b[i] = s.start[p]
		case p >= s.size-packTrailer && p < s.size-packTrailer+4:
			b[i] = s.count[p-s.size+packTrailer]
		default:
			b[i] = 0
		}
	}
	return len(b), nil
}

// A pack read by the words of docs/spec/photos.md, Section 3, with none of this package's code.
func TestPhotoPackIsAsSpecified(t *testing.T) {
	k, _ := verifierKey(t, "gate")
	data, hashes, g := packOf(t, body, 30, base)
	expand := func(key []byte, info string) []byte { return must[[]byte](t)(hkdf.Expand(sha256.New, key, info, 32)) }
	h := int(binary.BigEndian.Uint32(data[8:]))
	if string(data[:8]) != "PSVPHOT1" || data[12] != 0x82 || data[13] != 0x58 {
		t.Fatalf("% x", data[:16])
	}
	statement := data[15 : 15+int(data[14])]
	bound := sha256.Sum256(append([]byte("posvid photo pack v1\x00"), statement...))
	wrapped := data[12+h-113 : 12+h] // the only recipient: an encapsulated key of 65 bytes, 32 bytes and a tag of 16
	content := must[[]byte](t)(k.Decrypt("photos v1 "+hex.EncodeToString(bound[:]), wrapped))
	n := int(binary.BigEndian.Uint32(data[len(data)-36:]))
	index := data[len(data)-36-20*n : len(data)-36]
	mac := hmac.New(sha256.New, expand(content, "posvid photos v1 table"))
	mac.Write(append(append(bytes.Clone(bound[:]), data[len(data)-36:len(data)-32]...), index...))
	if n != 30 || !bytes.Equal(mac.Sum(nil), data[len(data)-32:]) {
		t.Fatalf("%d pictures, or another tag", n)
	}
	for _, hash := range hashes {
		id := hmac.New(sha256.New, expand(content, "posvid photos v1 index"))
		id.Write(hash[:])
		name := id.Sum(nil)[:16]
		i := bytes.Index(index, name)
		if i < 0 || i%20 != 0 {
			t.Fatalf("%x is not in the index", hash)
		}
		from, to := int(binary.BigEndian.Uint32(index[i+16:])), len(data)-36-20*n
		if i+36 < len(index) {
			to = int(binary.BigEndian.Uint32(index[i+36:]))
		}
		block, err := aes.NewCipher(expand(content, "posvid photos v1 picture\x00"+string(name)))
		if err != nil {
			t.Fatal(err)
		}
		gcm := must[cipher.AEAD](t)(cipher.NewGCM(block))
		plain, err := gcm.Open(nil, make([]byte, 12), data[from:to], append(bytes.Clone(bound[:]), name...))
		if err != nil || len(plain)%4096 != 0 || !bytes.Equal(plain[2:2+int(binary.BigEndian.Uint16(plain))], g[hash]) {
			t.Errorf("%x: %v", hash, err)
		}
	}
}

// What was written to the state folder after the install is not believed either.
func TestPhotoFromATamperedFolder(t *testing.T) {
	k, _ := verifierKey(t, "gate")
	stranger, _ := verifierKey(t, "stranger")
	data, hashes, g := packOf(t, body, 12, base)
	p := must[*pack](t)(openPack(bytes.NewReader(data), int64(len(data))))
	content := must[*packKeys](t)(p.unseal(k, 5))
	victim := hashes[4]
	id := content.id(victim)
	with := func(change func(e []packed) []packed) []byte { return rebuild(t, data, k, change) }
	at := func(e []packed, id [photoID]byte) int {
		for i := range e {
			if e[i].id == id {
				return i
			}
		}
		t.Fatal("no such id")
		return 0
	}
	for name, c := range map[string]struct {
		data []byte
		key  keys.VerifierPrivateKey
		at   time.Time
		want error
	}{
		"another face under the id": {with(func(e []packed) []packed {
			e[at(e, id)].sealed = must[[]byte](t)(content.seal(id, []byte("another face")))
			return e
		}), k, base, ErrPhotoHash},
		"a neighbour's picture": {with(func(e []packed) []packed {
			i := at(e, id)
			e[i].sealed = e[(i+1)%len(e)].sealed
			return e
		}), k, base, ErrPhotos},
		"cut away": {with(func(e []packed) []packed {
			i := at(e, id)
			return append(e[:i], e[i+1:]...)
		}), k, base, ErrNoPhoto},
		"a stranger's key":     {data, stranger, base, ErrPhotosOther},
		"no key":               {data, keys.VerifierPrivateKey{}, base, ErrKeys},
		"past its age":         {data, k, base.Add(MaxPhotosAge + time.Second), ErrPhotosOld},
		"an empty file":        {nil, k, base, ErrPhotos},
		"cut":                  {data[:len(data)/2], k, base, ErrPhotos},
		"a header and no more": {data[:p.start], k, base, ErrPhotos},
	} {
		s := emptyDevice(t)
		if err := os.WriteFile(filepath.Join(s.dir, packName(body)), c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Photo(victim, c.key, c.at); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A damaged pack of one body does not hide that of another, and is told when there is no other.
	s := emptyDevice(t)
	must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(data), k, base))
	for _, b := range []string{"00000001", "99999999"} {
		if err := os.WriteFile(filepath.Join(s.dir, packName(b)), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Photo(victim, k, base); err != nil || !bytes.Equal(got, g[victim]) {
		t.Errorf("beside damaged packs: %v", err)
	}
	if _, err := s.Photo([20]byte{9}, k, base); !errors.Is(err, ErrPhotos) {
		t.Errorf("not there, and a pack is damaged: %v", err)
	}
	packs := must[[]PhotoPack](t)(s.PhotoPacks())
	if len(packs) != 3 || packs[0].Err == nil || packs[1].Err != nil || packs[1].Photos != 12 || packs[2].Body != "99999999" {
		t.Errorf("%+v", packs)
	}
	// A false picture is told even where another pack has the true one.
	wrong := with(func(e []packed) []packed {
		e[at(e, id)].sealed = must[[]byte](t)(content.seal(id, []byte("another face")))
		return e
	})
	if err := os.WriteFile(filepath.Join(s.dir, packName("00000001")), wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Photo(victim, k, base); !errors.Is(err, ErrPhotoHash) || got != nil {
		t.Errorf("false in one pack, true in another: %v", err)
	}
	newer, _, _ := packOf(t, "99999999", 2, base)
	must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(newer), k, base))
	if packs = must[[]PhotoPack](t)(s.PhotoPacks()); packs[2].Err != nil {
		t.Errorf("a damaged pack is not replaced: %v", packs[2].Err)
	}
}

func TestPhotoPacksSideBySide(t *testing.T) {
	k, _ := verifierKey(t, "gate")
	s := emptyDevice(t)
	first, hashes, _ := packOf(t, body, 3, base)
	newer, _, _ := packOf(t, body, 3, base.Add(time.Hour))
	twin, _, _ := packOf(t, body, 3, base.Add(time.Hour))
	other, _, _ := packOf(t, "20000002", 3, base)
	at := base.Add(2 * time.Hour)
	must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(newer), k, at))
	must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(other), k, at))
	for name, data := range map[string][]byte{"older": first, "of the same second": twin} {
		if _, err := s.InstallPhotos(bytes.NewReader(data), k, at); !errors.Is(err, ErrPhotosOld) {
			t.Errorf("%s: %v", name, err)
		}
	}
	latest, _, _ := packOf(t, body, 2, base.Add(90*time.Minute))
	r := must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(latest), k, at))
	if !r.Previous.Equal(base.Add(time.Hour)) || r.Photos != 2 {
		t.Errorf("%+v", r)
	}
	// Each picture is dated by the pack that it came from, not by another body's.
	for i, want := range []time.Time{base.Add(90 * time.Minute), base} {
		where := [][20]byte{hashes[0], hashes[2]}[i] // the body's newest pack has two of the three
		if _, made, err := s.DatedPhoto(where, k, at); err != nil || !made.Equal(want) {
			t.Errorf("picture %d: of a pack of %s, want %s, %v", i, made, want, err)
		}
	}
	if got, made, err := s.DatedPhoto([20]byte{9}, k, at); got != nil || !made.IsZero() || !errors.Is(err, ErrNoPhoto) {
		t.Errorf("no picture: dated %s, %v", made, err)
	}
	if err := s.RemovePhotos("30000003"); !errors.Is(err, ErrNoPhoto) {
		t.Errorf("removing what is not there: %v", err)
	}
	if err := s.RemovePhotos("../pin"); !errors.Is(err, ErrNoPhoto) {
		t.Errorf("removing a path: %v", err)
	}
	if err := s.RemovePhotos(body); err != nil {
		t.Error(err)
	}
	if got, err := s.Photo(hashes[0], k, at); err != nil || got == nil {
		t.Errorf("from the other body's pack: %v", err)
	}
	if n, err := s.ExpirePhotos(base.Add(MaxPhotosAge)); err != nil || n != 0 {
		t.Errorf("%d removed in time, %v", n, err)
	}
	if n, err := s.ExpirePhotos(base.Add(MaxPhotosAge + time.Second)); err != nil || n != 1 {
		t.Errorf("%d removed, %v", n, err)
	}
	for i := range MaxPhotoPacks {
		if err := os.WriteFile(filepath.Join(s.dir, packName(fmt.Sprintf("%08d", i))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.InstallPhotos(bytes.NewReader(latest), k, at); !errors.Is(err, ErrPhotos) {
		t.Errorf("one body too many: %v", err)
	}
}

// The daily bundle takes away what is past its term, and a clock that is years ahead does not.
func TestInstallForgets(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	data, hashes, _ := packOf(t, body, 2, at)
	gateKey, _ := verifierKey(t, "gate")
	must[PhotosReport](t)(s.InstallPhotos(bytes.NewReader(data), gateKey, at))
	write(t, s, w.seenAt(s, n, at), 3)
	must[Report](t)(s.Install(w.bundles[n], at.AddDate(5, 0, 0)))
	if got, err := s.Photo(hashes[0], gateKey, at); err != nil || got == nil {
		t.Errorf("a clock five years ahead took the photos: %v", err)
	}
	if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 3 {
		t.Errorf("a clock five years ahead took the journal: %+v", report)
	}
	for len(w.bundles) < 24*46 {
		w.bundles = append(w.bundles, nil)
	}
	w.publish()
	last := len(w.bundles) - 1
	must[Report](t)(s.Install(w.bundles[last], after(last)))
	if packs := must[[]PhotoPack](t)(s.PhotoPacks()); len(packs) != 0 {
		t.Errorf("%d packs after 46 days", len(packs))
	}
	if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 0 {
		t.Errorf("events after 46 days: %+v", report)
	}
}

// A reader that goes on for ever is stopped, and so is a broken one.
func TestInstallPhotosIsBounded(t *testing.T) {
	k, _ := verifierKey(t, "gate")
	data, _, _ := packOf(t, body, 3, base)
	s := emptyDevice(t)
	if _, err := s.InstallPhotos(io.MultiReader(bytes.NewReader(data[:2000]), brokenReader{}), k, base); !errors.Is(err, ErrDisk) {
		t.Errorf("broken medium: %v", err)
	}
	sparse := &hugeDisk{realDisk{}}
	s.disk = sparse
	if _, err := s.InstallPhotos(io.MultiReader(bytes.NewReader(data), zeros{}), k, base); !errors.Is(err, ErrPhotos) {
		t.Errorf("endless file: %v", err)
	}
	for steps := range 5 {
		s := emptyDevice(t)
		left := steps
		s.disk = brokenDisk{left: &left, err: syscall.ENOSPC}
		_, err := s.InstallPhotos(bytes.NewReader(data), k, base)
		if steps < 4 && !errors.Is(err, ErrDisk) {
			t.Errorf("disk error at step %d: %v", steps, err)
		}
		if steps < 4 && left >= 0 {
			t.Errorf("only %d steps", steps-left)
		}
	}
}

// A pack for others is refused by its header: it fills no disk, and nobody waits for its gigabytes to be copied.
func TestInstallPhotosReadsNoPackForOthers(t *testing.T) {
	k, _ := verifierKey(t, "gate")
	other, _ := verifierKey(t, "another gate")
	data, _, _ := packOf(t, body, 3, base)
	s := emptyDevice(t)
	before := everything(t, s.dir)
	taken := 0
	endless := readerFunc(func(b []byte) (int, error) {
		n := copy(b, data[min(taken, len(data)):])
		clear(b[n:])
		taken += len(b)
		return len(b), nil
	})
	if _, err := s.InstallPhotos(endless, other, base); !errors.Is(err, ErrPhotosOther) {
		t.Errorf("%v", err)
	}
	if taken > packStart+maxHeader {
		t.Errorf("%d bytes were taken of a pack for others", taken)
	}
	delete(before, packLock)
	after := everything(t, s.dir)
	delete(after, packLock)
	if !equal(before, after) {
		t.Error("something was left of it")
	}
	if _, err := s.InstallPhotos(bytes.NewReader(data), k, base); err != nil {
		t.Errorf("after it, one for this verifier: %v", err)
	}
}

// While a pack is copied and checked, the gate goes on: each read of it asks for a verdict, which needs the lock.
func TestInstallPhotosKeepsNobodyWaiting(t *testing.T) {
	w := worldOf(t, 1)
	s := w.device(1)
	k, _ := verifierKey(t, "gate")
	data, _, _ := packOf(t, body, 20, after(1))
	asked := 0
	r := readerFunc(func(b []byte) (int, error) {
		asked++
		if v := w.verdict(s, 1); v.Outcome != verifier.Accept {
			t.Errorf("%s", v.Code)
		}
		if len(data) == 0 {
			return 0, io.EOF
		}
		n := copy(b, data[:min(len(data), 16<<10)])
		data = data[n:]
		return n, nil
	})
	must[PhotosReport](t)(s.InstallPhotos(r, k, after(1)))
	if asked < 10 {
		t.Errorf("asked %d times", asked)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, syscall.EIO }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// hugeDisk swallows what is written to it: a file at the cap need not lie on the disk of a test.
type hugeDisk struct{ realDisk }

func (d *hugeDisk) create(name string, flag int) (syncWriter, error) { return swallow{}, nil }

type swallow struct{}

func (swallow) Write(b []byte) (int, error) { return len(b), nil }
func (swallow) ReadFrom(r io.Reader) (n int64, err error) {
	b := make([]byte, 4<<20)
	for {
		m, err := r.Read(b)
		if n += int64(m); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}
func (swallow) Sync() error  { return nil }
func (swallow) Close() error { return nil }

// Neither installing nor opening a picture reads a pack into memory.
func TestPhotoMemory(t *testing.T) {
	k, _ := verifierKey(t, "gate")
	data, hashes, _ := packOf(t, body, 600, base)
	name := filepath.Join(t.TempDir(), "pack")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := emptyDevice(t)
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		do()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	install := allocated(func() {
		f := must[*os.File](t)(os.Open(name))
		defer f.Close()
		must[PhotosReport](t)(s.InstallPhotos(f, k, base))
	})
	// Key schedules make the most of it; the pack itself is not among it.
	if limit := uint64(len(data)) / 2; install > limit+600*6<<10 {
		t.Errorf("installing %d bytes allocated %d", len(data), install)
	}
	if one := allocated(func() { must[[]byte](t)(s.Photo(hashes[99], k, base)) }); one > 256<<10 {
		t.Errorf("one picture of %d bytes allocated %d", len(data), one)
	}
}

// everything is each file below a folder, the locks left out.
func everything(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName || d.Name() == packLock {
			return err
		}
		data, err := os.ReadFile(name)
		out[strings.TrimPrefix(name, dir)] = string(data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// hides fails when one of the words, or a digest of a picture, stands anywhere in the folder.
func hides(t *testing.T, dir string, words []string, g gallery) {
	t.Helper()
	all := everything(t, dir)
	if len(all) == 0 {
		t.Fatal("nothing was written")
	}
	for name, content := range all {
		content = name + "\x00" + content
		for _, w := range words {
			if strings.Contains(content, w) {
				t.Errorf("%s: %q stands in it", name, w)
			}
		}
		for hash, jpeg := range g {
			for _, form := range []string{string(hash[:]), hex.EncodeToString(hash[:]), strings.ToUpper(hex.EncodeToString(hash[:])),
				base64.StdEncoding.EncodeToString(hash[:]), string(hash[:8]), hex.EncodeToString(hash[:6])} {
				if strings.Contains(content, form) {
					t.Errorf("%s: a hash stands in it", name)
				}
			}
			if len(jpeg) > 40 && strings.Contains(content, string(jpeg[8:40])) {
				t.Errorf("%s: a picture stands in it", name)
			}
		}
	}
}

func TestPhotosNameNobody(t *testing.T) {
	k, own := verifierKey(t, "gate")
	g, hashes := newGallery(100)
	var out bytes.Buffer
	must[PhotosReport](t)(WritePhotos(&out, body, []trust.VerifierEntry{own}, hashes, g.read, base))
	s := emptyDevice(t)
	must[PhotosReport](t)(s.InstallPhotos(&out, k, base))
	for hash := range g {
		must[[]byte](t)(s.Photo(hash, k, base))
	}
	hides(t, s.dir, []string{"\xff\xd8\xff\xe0", "JFIF", "Гончарук"}, g)
	// Two packs of the same people share nothing but their sizes.
	var second bytes.Buffer
	must[PhotosReport](t)(WritePhotos(&second, body, []trust.VerifierEntry{own}, hashes, g.read, base))
	p := must[*pack](t)(openPack(bytes.NewReader(second.Bytes()), int64(second.Len())))
	installed, err := os.ReadFile(filepath.Join(s.dir, packName(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.count {
		id, from, _ := p.entry(i)
		if bytes.Contains(installed, id[:]) || bytes.Contains(installed, second.Bytes()[from:from+32]) {
			t.Errorf("entry %d of one pack stands in the other", i)
		}
	}
}

func FuzzPhotoPack(f *testing.F) {
	data, hashes, _ := packOf(f, body, 2, base)
	k, _ := verifierKey(f, "gate")
	f.Add(data)
	f.Add(data[:200])
	f.Add([]byte(packMagic))
	huge := bytes.Clone(data)
	binary.BigEndian.PutUint32(huge[len(huge)-packTrailer:], 1<<32-1)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := openPack(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if p != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		for i := range min(p.count+1, 100) {
			_, _, _ = p.entry(i)
		}
		content, err := p.unseal(k, 0)
		if err != nil {
			// A key that fits the hostile header, to get behind it.
			content, _ = newPackKeys(make([]byte, 32), p.bound)
		}
		whole := p.verify(content) == nil
		jpeg, err := p.photo(content, hashes[0])
		if err == nil && photoHash(jpeg) != hashes[0] || err != nil && jpeg != nil {
			t.Error("a picture of another hash")
		}
		if whole && !hmac.Equal(p.bound[:], content.bound[:]) {
			t.Error("bound to another header")
		}
	})
}

func BenchmarkPhoto(b *testing.B) {
	k, _ := verifierKey(b, "gate")
	data, hashes, _ := packOf(b, body, 500, base)
	s := emptyDevice(b)
	must[PhotosReport](b)(s.InstallPhotos(bytes.NewReader(data), k, base))
	i := 0
	for b.Loop() {
		must[[]byte](b)(s.Photo(hashes[i%len(hashes)], k, base))
		i++
	}
}
