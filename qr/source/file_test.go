package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/qr/source"
)

// tool returns the path of a foreign program, or skips; in CI it must be there.
func tool(t testing.TB, name, aptPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing (apt-get install %s)", name, aptPackage)
		}
		t.Skipf("%s is missing (apt-get install %s)", name, aptPackage)
	}
	return path
}

// all takes every item of a source.
func all(t testing.TB, s source.Source) []source.Item {
	t.Helper()
	var items []source.Item
	for {
		item, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
				t.Fatalf("after the end: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Next(t.Context()); !errors.Is(err, source.ErrClosed) {
				t.Fatalf("after Close: %v", err)
			}
			return items
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds := 0
		for _, is := range []bool{item.Picture != nil, item.IsText, item.Err != nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || len(items) > 100 {
			t.Fatalf("item %d: %+v", len(items), item)
		}
		items = append(items, item)
	}
}

// one takes the only item.
func one(t testing.TB, data []byte, l source.Limits) source.Item {
	t.Helper()
	items := all(t, source.OpenFile("name", data, l))
	if len(items) != 1 || items[0].Source != "name" {
		t.Fatalf("%d items: %+v", len(items), items)
	}
	return items[0]
}

func encodePNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngHeader is a PNG that claims a size and holds nothing.
func pngHeader(t testing.TB, w, h uint32) []byte {
	t.Helper()
	one := encodePNG(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	put := func(at int, v uint32) {
		one[at], one[at+1], one[at+2], one[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	put(16, w)
	put(20, h)
	put(29, crc32.ChecksumIEEE(one[12:29]))
	return one
}

// pictures are sound files of each format, all of the same shades.
func pictures(t testing.TB) map[string][]byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range img.Pix {
		img.Pix[i] = byte(i % 40 * 6)
	}
	var j, g bytes.Buffer
	if err := errors.Join(jpeg.Encode(&j, img, &jpeg.Options{Quality: 95}), gif.Encode(&g, img, nil)); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"png": encodePNG(t, img), "jpeg": j.Bytes(), "gif": g.Bytes()}
	for _, name := range []string{"lossless.webp", "lossy.webp"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	return files
}

func TestPictures(t *testing.T) {
	for name, data := range pictures(t) {
		item := one(t, data, source.Limits{})
		if item.Picture == nil || item.Page != 0 {
			t.Errorf("%s: %+v", name, item)
			continue
		}
		if strings.HasSuffix(name, "webp") {
			continue // they show a code: qr's tests read it
		}
		for i, v := range item.Picture.Pix {
			if want := i % 40 * 6; int(v) < want-20 || int(v) > want+20 {
				t.Errorf("%s: pixel %d is %d, want about %d", name, i, v, want)
				break
			}
		}
	}
}

// TestPictureThatSaysPDF: the mark of a PDF inside of a picture makes it none.
func TestPictureThatSaysPDF(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	data := append([]byte{0xff, 0xd8, 0xff, 0xfe, 0, 10}, "%PDF-1.7"...) // a comment
	if item := one(t, append(data, b.Bytes()[2:]...), source.Limits{}); item.Picture == nil {
		t.Errorf("%+v", item)
	}
}

// TestGreyOfColours: luminance of BT.601, and nothing is white paper.
func TestGreyOfColours(t *testing.T) {
	for _, c := range []struct {
		in   color.Color
		want byte
	}{
		{color.Black, 0}, {color.White, 255}, {color.Transparent, 255}, {color.NRGBA{0, 0, 0, 128}, 127}, {color.NRGBA{255, 0, 0, 255}, 76},
		{color.NRGBA{0, 255, 0, 255}, 150}, {color.NRGBA{0, 0, 255, 255}, 29}, {color.NRGBA64{0, 0, 0, 0x8000}, 127},
	} {
		rect := image.Rect(3, 5, 4, 6)
		paletted := image.NewPaletted(rect, color.Palette{c.in})
		nrgba, rgba, wide, uniform := image.NewNRGBA(rect), image.NewRGBA(rect), image.NewNRGBA64(rect), image.NewUniform(c.in)
		nrgba.Set(3, 5, c.in)
		rgba.Set(3, 5, c.in)
		wide.Set(3, 5, c.in)
		for _, img := range []image.Image{paletted, nrgba, rgba, wide, cropped{uniform, rect}} {
			g := source.Grey(img)
			if g.Rect != image.Rect(0, 0, 1, 1) || int(g.Pix[0]) < int(c.want)-1 || int(g.Pix[0]) > int(c.want)+1 {
				t.Errorf("%T of %v: %v, want %d", img, c.in, g.Pix, c.want)
			}
		}
	}
}

// cropped is a picture of a type that nothing is known of.
type cropped struct {
	image.Image
	rect image.Rectangle
}

func (c cropped) Bounds() image.Rectangle { return c.rect }

// bombs are small files that claim to be large pictures.
func bombs(t testing.TB) map[string][]byte {
	t.Helper()
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	jpegBomb := bytes.Clone(plain.Bytes())
	copy(jpegBomb[bytes.Index(jpegBomb, []byte{0xff, 0xc0})+5:], []byte{0xff, 0xff, 0xff, 0xff})
	return map[string][]byte{
		"png 100000 × 100000": pngHeader(t, 100000, 100000),
		"png one long line":   pngHeader(t, 1<<30, 1),
		"png just above":      pngHeader(t, source.DefaultMaxPixels/2+1, 2),
		"gif 65535 × 65535":   []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff;"),
		"webp canvas":         []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\xff\x3f\x00"),
		"webp lossless":       []byte("RIFF\x12\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f\x00"),
		"jpeg 65535 × 65535":  jpegBomb,
	}
}

// TestBombs: a small file that claims a large picture is refused by name before
// anything of its size is allocated.
func TestBombs(t *testing.T) {
	for name, data := range bombs(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		item := one(t, data, source.Limits{})
		runtime.ReadMemStats(&after)
		if !errors.Is(item.Err, source.ErrTooManyPixels) {
			t.Errorf("%s: %v, want %v", name, item.Err, source.ErrTooManyPixels)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
	// Pixels that cost twice as much count twice.
	deep := encodePNG(t, image.NewNRGBA64(image.Rect(0, 0, 100, 100)))
	for limit, want := range map[int]error{19999: source.ErrTooManyPixels, 20000: nil} {
		if item := one(t, deep, source.Limits{MaxPixels: limit}); !errors.Is(item.Err, want) {
			t.Errorf("16-bit picture, limit %d: %v", limit, item.Err)
		}
	}
	// A JPEG that repeats its scan costs minutes; no more than one for each component is of use.
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	scan := bytes.Index(plain.Bytes(), []byte{0xff, 0xda})
	for scans, good := range map[int]bool{1: true, 4: true, 5: false, 33: false} {
		many := bytes.Clone(plain.Bytes()[:scan])
		for range scans {
			many = append(many, plain.Bytes()[scan:plain.Len()-2]...)
		}
		item := one(t, append(many, 0xff, 0xd9), source.Limits{})
		if good != (item.Err == nil) || !good && (!errors.Is(item.Err, source.ErrFormat) || !strings.Contains(item.Err.Error(), "scans")) {
			t.Errorf("%d scans: %v", scans, item.Err)
		}
	}
	for limit, want := range map[int]error{99: source.ErrTooLarge, 100: source.ErrFormat} {
		if item := one(t, bytes.Repeat([]byte{0x80}, 100), source.Limits{MaxBytes: limit}); !errors.Is(item.Err, want) {
			t.Errorf("100 bytes, limit %d: %v", limit, item.Err)
		}
	}
	if _, err := source.DecodePicture(make([]byte, 101), source.Limits{MaxBytes: 100}); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// TestTruncatedFiles: a file cut anywhere is refused, or gives the picture when
// only its end was cut off.
func TestTruncatedFiles(t *testing.T) {
	for name, data := range pictures(t) {
		for cut := range len(data) {
			if cut > 200 && cut < len(data)-50 && cut%17 != 0 {
				continue
			}
			g, err := source.DecodePicture(data[:cut], source.Limits{})
			if err == nil && cut < len(data)/2 || err != nil && (g != nil || !errors.Is(err, source.ErrFormat)) {
				t.Fatalf("%s cut at %d of %d: %v", name, cut, len(data), err)
			}
		}
	}
	for name, data := range map[string][]byte{
		"empty": nil, "BMP": []byte("BM\x00\x00"), "TIFF": []byte("II*\x00"), "WAVE": []byte("RIFF\x04\x00\x00\x00WAVE"), "almost PNG": []byte("\x89PNG\r\n"),
		"zeros": make([]byte, 100), "UTF-16": []byte("S\x00I\x00D\x001\x00"), "Windows-1251": []byte("\xb2\xd8\xc21\xc6"),
	} {
		if item := one(t, data, source.Limits{}); !errors.Is(item.Err, source.ErrFormat) {
			t.Errorf("%s: %+v", name, item)
		}
	}
}

// TestTextFiles: every line is a text of its own, repaired as the text of a scanner.
func TestTextFiles(t *testing.T) {
	for in, want := range map[string][]string{
		"SID1:ABC": {"SID1:ABC"}, "SID1:ABC\r\n": {"SID1:ABC"}, "SID1:ABC\nSID1:DEF\n": {"SID1:ABC", "SID1:DEF"}, "\n\r\n\tSID1:A\n\n": {"SID1:A"},
		" SID1:ABC ": {" SID1:ABC "}, "код": {"код"}, "q": {"q"}, "\x02SID1:ABC\x03": {"SID1:ABC"}, "https://example.org\n": {"https://example.org"},
		"\n\n": nil, strings.Repeat("SID1:A\n", source.MaxLines): slices.Repeat([]string{"SID1:A"}, source.MaxLines),
	} {
		if strings.Trim(in, "\n") == "" {
			if item := one(t, []byte(in), source.Limits{}); item.Err == nil {
				t.Errorf("%q: %+v", in, item)
			}
			continue
		}
		var got []string
		for _, item := range all(t, source.OpenFile("-", []byte(in), source.Limits{})) {
			if !item.IsText || item.Source != "-" {
				t.Errorf("%q: %+v", in, item)
			}
			got = append(got, item.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if item := one(t, []byte(strings.Repeat("SID1:A\n", source.MaxLines+1)), source.Limits{}); !errors.Is(item.Err, source.ErrTooManyLines) {
		t.Errorf("%+v", item)
	}
	if item := one(t, []byte("ІШВ1ЖФИС;Q"), source.Limits{}); !errors.Is(item.Err, source.ErrLayout) {
		t.Errorf("%+v", item)
	}
	if item := one(t, bytes.Repeat([]byte("A"), 4*source.MaxLines*credential.MaxText), source.Limits{}); !errors.Is(item.Err, source.ErrFormat) {
		t.Errorf("text without end: %v", item.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.OpenFile("-", []byte("SID1:A"), source.Limits{}).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// FuzzDecodePicture feeds any bytes: no panic, a picture within the limits or a
// named error, and the same answer twice.
func FuzzDecodePicture(f *testing.F) {
	for _, files := range []map[string][]byte{pictures(f), bombs(f)} {
		for _, data := range files {
			f.Add(data)
		}
	}
	f.Add([]byte{})
	f.Add([]byte("RIFF\x04\x00\x00\x00WEBP"))
	limits := source.Limits{MaxPixels: 1 << 16, MaxBytes: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := source.DecodePicture(data, limits)
		if err != nil {
			if g != nil {
				t.Fatal("a picture beside an error")
			}
			for _, known := range []error{source.ErrTooLarge, source.ErrTooManyPixels, source.ErrFormat, source.ErrDecoder} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("unnamed error: %v", err)
		}
		if w, h := g.Rect.Dx(), g.Rect.Dy(); w < 1 || h < 1 || w > limits.MaxPixels/h || g.Stride != w || len(g.Pix) != w*h || g.Rect.Min != (image.Point{}) {
			t.Fatalf("%v, stride %d, %d bytes", g.Rect, g.Stride, len(g.Pix))
		}
		if again, err := source.DecodePicture(data, limits); err != nil || !bytes.Equal(again.Pix, g.Pix) {
			t.Fatal("a second decoding differs")
		}
	})
}

// page draws codes on a page of a PDF document, as vectors.
func page(t testing.TB, texts ...string) string {
	t.Helper()
	var b strings.Builder
	// A4 in points, the codes 40 mm wide in three columns.
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="210mm" height="297mm" viewBox="0 0 210 297"><rect width="210" height="297" fill="#fff"/>`)
	for i, text := range texts {
		s, err := qr.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		var code bytes.Buffer
		if err := s.SVG(&code); err != nil {
			t.Fatal(err)
		}
		inner := strings.Replace(code.String(), "<svg ", fmt.Sprintf(`<svg x="%d" y="%d" width="50" height="50" `, 15+i%3*62, 20+i/3*65), 1)
		if _, after, ok := strings.Cut(inner, "?>"); ok {
			inner = after
		}
		b.WriteString(inner)
	}
	b.WriteString("</svg>")
	name := filepath.Join(t.TempDir(), "page.svg")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// document makes a PDF of pages.
func document(t testing.TB, pages ...string) []byte {
	t.Helper()
	out, err := exec.Command(tool(t, "rsvg-convert", "librsvg2-bin"), append([]string{"-f", "pdf"}, pages...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func code(n int, seed byte) string {
	b := []byte("SID1:")
	for i := 0; len(b) < n; i++ {
		b = append(b, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"[(i*i+int(seed)*7+i)%45])
	}
	return string(b)
}

// TestPDFPages: every page is an item, and every code drawn on a page is read.
func TestPDFPages(t *testing.T) {
	tool(t, "pdftoppm", "poppler-utils")
	texts := []string{code(250, 1), code(400, 2), code(528, 3), code(600, 4), code(100, 5), code(734, 6), "HTTPS://EXAMPLE.ORG/"}
	data := document(t, page(t, texts...), page(t, code(60, 7)), page(t))
	items := all(t, source.OpenFile("a.pdf", data, source.Limits{}))
	if len(items) != 3 {
		t.Fatalf("%d items: %+v", len(items), items)
	}
	for i, item := range items {
		if item.Page != i+1 || item.Source != "a.pdf" || item.Err != nil {
			t.Fatalf("page %d: %+v", i+1, item)
		}
		if w, h := item.Picture.Rect.Dx(), item.Picture.Rect.Dy(); h != 3508 || w < 2478 || w > 2482 {
			t.Errorf("page %d: %d × %d pixels, want A4 at 300 dpi", i+1, w, h)
		}
	}
	got, err := qr.ReadGrey(items[0].Picture, qr.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, r := range got {
		read = append(read, r.Text)
	}
	slices.Sort(read)
	slices.Sort(texts)
	if !slices.Equal(read, texts) {
		t.Errorf("%d of %d codes read", len(read), len(texts))
	}
	wantText(t, "page 2", items[1].Picture, code(60, 7))
	if _, err := qr.ReadGrey(items[2].Picture, qr.ReadOptions{}); !errors.Is(err, qr.ErrNoCode) {
		t.Errorf("empty page: %v", err)
	}
}

// TestPDFWithoutPoppler: the error names the package to install.
func TestPDFWithoutPoppler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	item := one(t, []byte("%PDF-1.7\n"), source.Limits{})
	if !errors.Is(item.Err, source.ErrNoPDF) || !strings.Contains(item.Err.Error(), "poppler-utils") {
		t.Errorf("%v", item.Err)
	}
}

// hand writes a PDF document of objects, the first of which is its catalogue.
func hand(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj %s endobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, p := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

// TestPDFHostile: documents made to cost memory or time.
func TestPDFHostile(t *testing.T) {
	tool(t, "pdftoppm", "poppler-utils")
	small := func(box string) []byte {
		return hand("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox["+box+"]>>")
	}
	// Pages of any size become pictures of a bounded one.
	for _, box := range []string{"0 0 200000 200000", "0 0 14400 1", "0 0 1e30 1e30", "0 0 3 3"} {
		for _, item := range all(t, source.OpenFile("big.pdf", small(box), source.Limits{})) {
			if item.Err != nil && !errors.Is(item.Err, source.ErrPDF) && !errors.Is(item.Err, source.ErrTooManyPixels) {
				t.Errorf("[%s]: %v", box, item.Err)
			}
			if g := item.Picture; g != nil && (g.Rect.Dx() > 4096 || g.Rect.Dy() > 4096) {
				t.Errorf("[%s]: %v", box, g.Rect)
			}
		}
	}
	if item := one(t, small("0 0 595 842"), source.Limits{MaxPixels: 1 << 20}); !errors.Is(item.Err, source.ErrTooManyPixels) {
		t.Errorf("a page above the limit: %v", item.Err)
	}
	// More pages than are looked at: the last item says so.
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", ""}
	var kids strings.Builder
	for range source.MaxPages + 5 {
		objects = append(objects, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 20 20]>>")
		fmt.Fprintf(&kids, "%d 0 R ", len(objects))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), source.MaxPages+5)
	many := hand(objects...)
	items := all(t, source.OpenFile("many.pdf", many, source.Limits{}))
	if n := len(items); n != source.MaxPages+1 || !errors.Is(items[n-1].Err, source.ErrPDFPages) {
		t.Errorf("%d items, last %+v", n, items[len(items)-1])
	}
	// A title that poses as the answer about pages is a title.
	for _, title := range []string{`x\nPages: 7`, `x\nPages:           1\nPage    1 size: 9000 x 1 pts`, `x\012Page    1 size: 1 x 1 pts`, `x\nEncrypted: yes`} {
		content := "<</Length 25>>stream\n0 g 10 10 100 100 re f   \nendstream"
		titled := hand("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
			"<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]/Contents 4 0 R>>", content, "<</Title("+title+")>>")
		titled = bytes.Replace(titled, []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Info 5 0 R"), 1)
		item := one(t, titled, source.Limits{})
		if item.Page != 1 || item.Picture == nil || item.Picture.Rect.Dx() != 600 || item.Picture.Rect.Dy() != 300 {
			t.Errorf("title %q: page %d, %v", title, item.Page, item.Err)
		}
	}
	// A picture of 10 gigabytes, none of which is there: it costs no more than the time that is given.
	image := "<</Type/XObject/Subtype/Image/Width 60000/Height 60000/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/RunLengthDecode/Length 2>>stream\n\x80\n\nendstream"
	content := "<</Length 30>>stream\nq 500 0 0 500 0 0 cm /I Do Q   \nendstream"
	bomb := hand("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</XObject<</I 4 0 R>>>>>>", image, content)
	if item := one(t, bomb, source.Limits{PDFTime: time.Second}); item.Err == nil || !errors.Is(item.Err, source.ErrPDFSlow) && !errors.Is(item.Err, source.ErrPDF) {
		t.Errorf("a picture of 60,000 × 60,000: %+v", item)
	}
}

func TestPDFDamaged(t *testing.T) {
	tool(t, "pdftoppm", "poppler-utils")
	encrypted := hand("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 20 20]>>",
		"<</Filter/Standard/V 1/R 2/O<"+strings.Repeat("41", 32)+">/U<"+strings.Repeat("42", 32)+">/P -4>>")
	encrypted = bytes.Replace(encrypted, []byte("/Root 1 0 R"), []byte("/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]"), 1)
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"mark alone":     {[]byte("%PDF-1.7\n"), source.ErrPDF},
		"mark and noise": {append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0, 255, 7}, 1000)...), source.ErrPDF},
		"mark later":     {append(bytes.Repeat([]byte(" "), 1000), "%PDF-1.4 "...), source.ErrPDF},
		"no pages":       {hand("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"), source.ErrPDF},
		"encrypted":      {encrypted, source.ErrPDFEncrypted},
	} {
		if item := one(t, c.data, source.Limits{}); !errors.Is(item.Err, c.want) {
			t.Errorf("%s: %v, want %v", name, item.Err, c.want)
		}
	}
	whole := hand("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 20 20]>>")
	for cut := 8; cut < len(whole); cut += 61 {
		for _, item := range all(t, source.OpenFile("cut.pdf", whole[:cut], source.Limits{})) {
			if item.Err != nil && !errors.Is(item.Err, source.ErrPDF) {
				t.Errorf("cut at %d: %v", cut, item.Err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.OpenFile("a.pdf", whole, source.Limits{}).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// program puts a shell script under the name of a program of poppler.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestPDFRenderer: a renderer that hangs, talks without end, lies or is killed.
func TestPDFRenderer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-ins are shell scripts")
	}
	sh := "exec </dev/null\n"
	sizes := "echo 'Pages: 1'\necho 'Page    1 size:  10 x 10 pts'\n"
	for name, c := range map[string]struct {
		info, render string
		want         error
	}{
		"sound":              {sizes, `printf 'P5\n2 1\n255\nab'`, nil},
		"reads nothing":      {sh + sizes, sh + `printf 'P5\n2 1\n255\nab'`, nil},
		"info fails":         {"exit 1", "", source.ErrPDF},
		"password":           {"echo 'Command Line Error: Incorrect password' >&2\nexit 1", "", source.ErrPDFEncrypted},
		"password in a page": {sizes, "echo 'Incorrect password' >&2\nexit 1", source.ErrPDFEncrypted},
		"info says nothing":  {"exit 0", "", source.ErrPDF},
		"info lies":          {"echo 'Pages: 3'\necho 'Page 1 size: 10 x 10 pts'", "", source.ErrPDF},
		"info talks":         {"while :; do echo 'Page 1 size: 10 x 10 pts'; done", "", source.ErrPDF},
		"odd sizes":          {"echo 'Pages: 1'\necho 'Page 1 size: nan x -7 pts'", `printf 'P5\n1 1\n255\na'`, nil},
		"no picture":         {sizes, "exit 0", source.ErrPDF},
		"killed":             {sizes, "kill -9 $$", source.ErrPDF},
		"talks":              {sizes, "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done | head -c 17000000", source.ErrPDF},
		"colour":             {sizes, `printf 'P6\n1 1\n255\nabc'`, source.ErrPDF},
		"16 bits":            {sizes, `printf 'P5\n1 1\n65535\nab'`, source.ErrPDF},
		"too few pixels":     {sizes, `printf 'P5\n2 2\n255\nabc'`, source.ErrPDF},
		"too many pixels":    {sizes, `printf 'P5\n2 1\n255\nabc'`, source.ErrPDF},
		"bomb":               {sizes, `printf 'P5\n99999 99999\n255\nabc'`, source.ErrTooManyPixels},
		"negative":           {sizes, `printf 'P5\n-2 -1\n255\nab'`, source.ErrPDF},
		"overflow":           {sizes, `printf 'P5\n4294967297 4294967297\n255\nab'`, source.ErrTooManyPixels},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("PATH", dir+":/usr/bin:/bin")
			program(t, dir, "pdfinfo", c.info)
			program(t, dir, "pdftoppm", c.render)
			item := one(t, append([]byte("%PDF-1.7\n"), make([]byte, 1<<20)...), source.Limits{})
			if !errors.Is(item.Err, c.want) {
				t.Errorf("%v, want %v", item.Err, c.want)
			}
		})
	}
	// A renderer is bounded before it sees the first byte.
	dir := t.TempDir()
	if runtime.GOOS == "linux" {
		t.Setenv("PATH", dir+":/usr/bin:/bin")
		program(t, dir, "pdfinfo", "read first\n[ \"$(ulimit -v)\" = 1048576 ] && [ \"$(ulimit -f)\" = 8192 ] && [ \"$(ulimit -t)\" = 22 ] && [ \"$HOME\" = /nonexistent ] || exit 1\n"+sizes)
		program(t, dir, "pdftoppm", `printf 'P5\n1 1\n255\na'`)
		if item := one(t, []byte("%PDF-1.7\n"), source.Limits{}); item.Err != nil {
			t.Errorf("not bounded: %v", item.Err)
		}
	}
	// A renderer that hangs ends with the patience of the caller.
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	program(t, dir, "pdfinfo", "exec sleep 100")
	program(t, dir, "pdftoppm", "exec sleep 100")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if item, err := source.OpenFile("slow.pdf", []byte("%PDF-1.7\n"), source.Limits{}).Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", item, err)
	}
}
