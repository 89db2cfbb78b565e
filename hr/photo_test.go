package hr_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

// noise is a picture that compresses badly.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	x := uint32(1)
	for i := range m.Pix {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		m.Pix[i] = byte(x)
	}
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	return m
}

func jpegOf(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func normal(t testing.TB, data []byte) image.Image {
	t.Helper()
	out, sha, err := hr.NormalisePhoto(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) > hr.MaxPhotoOutBytes {
		t.Fatalf("%d bytes", len(out))
	}
	again, sha2, err := hr.NormalisePhoto(data)
	if err != nil || sha2 != sha || !bytes.Equal(out, again) {
		t.Fatal("the same photo gives other bytes")
	}
	// Baseline, no metadata: SOI, then only DQT, SOF0, DHT, SOS.
	for i := 2; ; {
		m := out[i+1]
		if m == 0xda {
			break
		}
		if m != 0xdb && m != 0xc0 && m != 0xc4 {
			t.Fatalf("segment %x", m)
		}
		i += 2 + int(binary.BigEndian.Uint16(out[i+2:]))
	}
	m, err := jpeg.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if b := m.Bounds(); b.Dx()*4 != b.Dy()*3 {
		t.Fatalf("%v is not 3:4", b)
	}
	return m
}

func TestNormaliseSizes(t *testing.T) {
	for _, c := range []struct{ w, h int }{{240, 320}, {120, 160}, {121, 163}, {360, 480}, {900, 1200}, {1600, 1200}, {600, 1700}, {239, 320}} {
		m := normal(t, jpegOf(t, gradient(c.w, c.h), 90))
		if b := m.Bounds(); b.Dx() != hr.PhotoWidth || b.Dy() != hr.PhotoHeight {
			t.Errorf("%d×%d becomes %v", c.w, c.h, b)
		}
	}
	if b := normal(t, pngOf(t, noise(240, 320))).Bounds(); b.Dx() > 180 {
		t.Errorf("noise still fits at %v", b)
	}
	for seed := range uint64(5) {
		normal(t, hrdata.Portrait(seed))
	}
}

// gradient is dark at the top left and has one red corner there, so that turning shows.
func gradient(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(x * 200 / w), uint8(y * 200 / h), 90, 255}
			if x < w/3 && y < h/3 {
				c = color.RGBA{250, 10, 10, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// exif is an APP1 segment with one orientation entry.
func exif(order binary.AppendByteOrder, mark string, orientation uint16) []byte {
	tiff := []byte(mark)
	tiff = order.AppendUint16(tiff, 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, orientation)
	tiff = order.AppendUint16(tiff, 0)
	return order.AppendUint32(tiff, 0)
}

func withExif(jpg, tiff []byte) []byte {
	seg := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(seg)+2))...)
	return append(append(out, seg...), jpg[2:]...)
}

func red(m image.Image, x, y int) bool {
	r, g, b, _ := m.At(x, y).RGBA()
	return r>>8 > 180 && g>>8 < 90 && b>>8 < 90
}

func TestOrientation(t *testing.T) {
	upright := gradient(300, 400)
	// stored is upright as a camera with the given orientation would store it.
	stored := func(o uint16) *image.RGBA {
		w, h := 300, 400
		if o >= 5 {
			w, h = 400, 300
		}
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		for y := range 400 {
			for x := range 300 {
				sx, sy := x, y
				switch o {
				case 2:
					sx = 299 - x
				case 3:
					sx, sy = 299-x, 399-y
				case 4:
					sy = 399 - y
				case 5:
					sx, sy = y, x
				case 6:
					sx, sy = y, 299-x
				case 7:
					sx, sy = 399-y, 299-x
				case 8:
					sx, sy = 399-y, x
				}
				m.SetRGBA(sx, sy, upright.RGBAAt(x, y))
			}
		}
		return m
	}
	for o := uint16(1); o <= 8; o++ {
		for _, e := range []struct {
			order binary.AppendByteOrder
			mark  string
		}{{binary.LittleEndian, "II"}, {binary.BigEndian, "MM"}} {
			m := normal(t, withExif(jpegOf(t, stored(o), 95), exif(e.order, e.mark, o)))
			if !red(m, 20, 20) || red(m, 220, 20) || red(m, 20, 300) || red(m, 220, 300) {
				t.Errorf("orientation %d %s: the red corner is not at the top left", o, e.mark)
			}
		}
	}
	chunk := append([]byte("eXIf"), exif(binary.BigEndian, "MM", 3)...)
	p := pngOf(t, stored(3))
	ex := binary.BigEndian.AppendUint32(nil, uint32(len(chunk)-4))
	ex = binary.BigEndian.AppendUint32(append(ex, chunk...), crc32.ChecksumIEEE(chunk))
	if m := normal(t, slices.Concat(p[:33], ex, p[33:])); !red(m, 20, 20) {
		t.Error("orientation in a PNG is not applied")
	}
	for _, bad := range [][]byte{nil, []byte("II"), []byte("II*\x00\xff\xff\xff\xff"), exif(binary.BigEndian, "MM", 9), exif(binary.BigEndian, "MM", 0), exif(binary.BigEndian, "XX", 3)} {
		if m := normal(t, withExif(jpegOf(t, upright, 95), bad)); !red(m, 20, 20) {
			t.Errorf("a damaged orientation %q turns the picture", bad)
		}
	}
}

func TestTransparencyIsWhite(t *testing.T) {
	m := normal(t, pngOf(t, image.NewNRGBA(image.Rect(0, 0, 240, 320))))
	if r, g, b, _ := m.At(100, 100).RGBA(); r>>8 < 250 || g>>8 < 250 || b>>8 < 250 {
		t.Error("nothing at all is not white")
	}
}

func TestPhotoRefusals(t *testing.T) {
	good := hrdata.Portrait(3)
	bomb := pngOf(t, image.NewGray(image.Rect(0, 0, 16, 16)))
	binary.BigEndian.PutUint32(bomb[16:], 60_000) // the header says 60,000 × 60,000
	binary.BigEndian.PutUint32(bomb[20:], 60_000)
	binary.BigEndian.PutUint32(bomb[29:], crc32.ChecksumIEEE(bomb[12:29]))
	wide := slices.Clone(good)
	if i := bytes.Index(wide, []byte{0xff, 0xc0}); i > 0 {
		binary.BigEndian.PutUint16(wide[i+5:], 65_000)
		binary.BigEndian.PutUint16(wide[i+7:], 65_000)
	}
	for _, c := range []struct {
		name string
		data []byte
		code hr.Code
	}{
		{"nothing", nil, hr.BadPhoto},
		{"text", []byte("not a picture"), hr.BadPhoto},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"), hr.BadPhoto},
		{"SVG", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), hr.BadPhoto},
		{"JPEG header only", good[:200], hr.BadPhoto},
		{"JPEG cut", good[:len(good)/2], hr.BadPhoto},
		{"WebP header only", []byte("RIFF\x10\x00\x00\x00WEBPVP8 "), hr.BadPhoto},
		{"PNG bomb", bomb, hr.PhotoTooLarge},
		{"JPEG bomb", wide, hr.PhotoTooLarge},
		{"16 MiB", make([]byte, hr.MaxPhotoBytes+1), hr.PhotoTooLarge},
		{"tiny", pngOf(t, noise(100, 140)), hr.PhotoTooSmall},
		{"banner", pngOf(t, noise(900, 200)), hr.PhotoShape},
		{"ribbon", pngOf(t, noise(200, 900)), hr.PhotoShape},
	} {
		out, sha, err := hr.NormalisePhoto(c.data)
		if !errors.Is(err, c.code) || out != nil || sha != [32]byte{} {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
}

func TestPhotosAreFound(t *testing.T) {
	r := hr.Record{Person: hr.Person{RNOKPP: num(1), UNZR: unzr(1)}, Post: hr.Post{StaffNumber: "К-17"}}
	a, b := hrdata.Portrait(1), hrdata.Portrait(2)
	shaOf := func(d []byte) [32]byte {
		_, s, err := hr.NormalisePhoto(d)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name  string
		files map[string][]byte
		ref   string
		want  []byte
		code  hr.Code
	}{
		{"by РНОКПП", map[string][]byte{num(1) + ".JPG": a, "x.jpg": b}, "", a, ""},
		{"by УНЗР", map[string][]byte{unzr(1) + ".jpeg": a}, "", a, ""},
		{"by staff number", map[string][]byte{"к-17.jpg": a}, "", a, ""},
		{"by reference", map[string][]byte{num(1) + ".jpg": a, "Фото Гая.jpg": b}, "фото гая.JPG", b, ""},
		{"reference without an ending", map[string][]byte{"гай.jpg": b}, "Гай", b, ""},
		{"in a subfolder", map[string][]byte{"2026/кадри/" + num(1) + ".jpg": a}, "", a, ""},
		{"РНОКПП before УНЗР", map[string][]byte{num(1) + ".jpg": a, unzr(1) + ".jpg": b}, "", a, ""},
		{"reference leads nowhere", map[string][]byte{num(1) + ".jpg": a}, "інше.jpg", nil, hr.NoPhoto},
		{"two of one name", map[string][]byte{num(1) + ".jpg": a, num(1) + ".png": b}, "", nil, hr.PhotoAmbiguous},
		{"two folders", map[string][]byte{"a/" + num(1) + ".jpg": a, "b/" + num(1) + ".jpg": a}, "", nil, hr.PhotoAmbiguous},
		{"another ending", map[string][]byte{num(1) + ".bmp": a}, "", nil, hr.NoPhoto},
		{"damaged", map[string][]byte{num(1) + ".jpg": a[:500]}, "", nil, hr.BadPhoto},
		{"none", nil, "", nil, hr.NoPhoto},
	} {
		rec := r
		rec.PhotoRef = c.ref
		fsys := fstest.MapFS{}
		var z bytes.Buffer
		zw := zip.NewWriter(&z)
		for name, data := range c.files {
			fsys[name] = &fstest.MapFile{Data: data}
			w, err := zw.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(data)
		}
		zw.Close()
		folder, err := hr.OpenPhotosFS(fsys)
		if err != nil {
			t.Fatal(err)
		}
		zipped, err := hr.OpenPhotosZIP(bytes.NewReader(z.Bytes()), int64(z.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for kind, p := range map[string]*hr.Photos{"folder": folder, "ZIP": zipped} {
			_, sha, err := p.Load(&rec)
			switch {
			case c.code != "" && !errors.Is(err, c.code):
				t.Errorf("%s, %s: %v, want %s", c.name, kind, err, c.code)
			case c.code == "" && (err != nil || sha != shaOf(c.want)):
				t.Errorf("%s, %s: %v or the wrong photo", c.name, kind, err)
			case err != nil && (strings.Contains(err.Error(), num(1)) || strings.Contains(err.Error(), unzr(1))):
				t.Errorf("%s: the error holds the number: %v", c.name, err)
			}
		}
	}
	if _, err := hr.OpenPhotosZIP(strings.NewReader("not a zip"), 9); !errors.Is(err, hr.CorruptFile) {
		t.Error(err)
	}
}

func TestZipBombIsNotInflated(t *testing.T) {
	var z bytes.Buffer
	zw := zip.NewWriter(&z)
	w, err := zw.Create(num(1) + ".jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, zeros{}, hr.MaxPhotoBytes+1); err != nil {
		t.Fatal(err)
	}
	zw.Close()
	p, err := hr.OpenPhotosZIP(bytes.NewReader(z.Bytes()), int64(z.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Load(&hr.Record{Person: hr.Person{RNOKPP: num(1)}}); !errors.Is(err, hr.PhotoTooLarge) {
		t.Errorf("%d bytes of ZIP: %v", z.Len(), err)
	}
}

func TestAttach(t *testing.T) {
	people := hrdata.Council(1)
	data, err := hrdata.PhotosZIP(people[1:])
	if err != nil {
		t.Fatal(err)
	}
	p, err := hr.OpenPhotosZIP(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	s := read(t, "c", file(t, "council.csv"), hr.Options{})
	kept, last := map[[32]byte]bool{}, 0
	problems, err := p.Attach(s, func(sha [32]byte, jpeg []byte) error { kept[sha] = true; return nil }, func(done, total int) { last = done })
	if err != nil || len(problems) != 0 || last != 20 || len(kept) != 19 {
		t.Fatalf("%v %v, %d done, %d kept", err, problems, last, len(kept))
	}
	if s.Records[0].PhotoProblem != hr.NoPhoto || s.Records[1].PhotoSHA256.IsZero() {
		t.Errorf("%v %v", s.Records[0].PhotoProblem, s.Records[1].PhotoSHA256)
	}
	if got := s.Records[1].NoIDReasons(at); len(got) != 0 {
		t.Errorf("with a photo: %v", got)
	}
	// Photos not given this time do not make everybody change.
	known := apply(t, nil, plan(t, nil, s, options(1)), true)
	if got := brief(plan(t, known, read(t, "c", file(t, "council.csv"), hr.Options{}), options(2))); got != "" {
		t.Errorf("without photos: %s", got)
	}
	stop := errors.New("disk full")
	if _, err := p.Attach(s, func([32]byte, []byte) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("a failing keep: %v", err)
	}
	// One picture for two people.
	fsys := fstest.MapFS{}
	for i := range people {
		fsys[people[i].RNOKPP+".jpg"] = &fstest.MapFile{Data: hrdata.Portrait(uint64(i / 2))}
	}
	shared, err := hr.OpenPhotosFS(fsys)
	if err != nil {
		t.Fatal(err)
	}
	problems, err = shared.Attach(s, nil, nil)
	if err != nil || len(problems) != 10 || problems[0].Code != hr.PhotoShared || !problems[0].Warning {
		t.Errorf("%v, %v", err, problems)
	}
}
