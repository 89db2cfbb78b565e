package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	xdraw "golang.org/x/image/draw"

	"github.com/posvid/posvid/qr/source"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// base45Like returns n characters as base45 would give them.
func base45Like(n int, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	b := []byte("SID1:")
	for len(b) < n {
		b = append(b, alphabet[r.IntN(len(alphabet))])
	}
	return string(b[:n])
}

func mustEncode(t testing.TB, text string) *Symbol {
	t.Helper()
	s, err := Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPNG(t testing.TB, text string, scale int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := mustEncode(t, text).PNG(&b, PNGOptions{Scale: scale}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func mustImage(t testing.TB, text string, scale int) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(mustPNG(t, text, scale)))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func mustGrey(t testing.TB, text string, scale int) *image.Gray {
	t.Helper()
	return source.Grey(mustImage(t, text, scale))
}

func encodePNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

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

// zbar reads a picture file with an independent decoder.
func zbar(t testing.TB, file string) string {
	t.Helper()
	out, err := exec.Command(tool(t, "zbarimg", "zbar-tools"), "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
	if err != nil {
		return "zbarimg: " + err.Error()
	}
	return strings.TrimSuffix(string(out), "\n")
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func wantOne(t *testing.T, data []byte, want string) Result {
	t.Helper()
	got, err := ReadImage(data, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Text != want {
		t.Fatalf("got %d results, first of %d characters; want one of %d", len(got), len(got[0].Text), len(want))
	}
	return got[0]
}

// thin returns all of a list, or its last value only where each costs much.
func thin[T any](all ...T) []T {
	if raceEnabled {
		return all[len(all)-1:]
	}
	return all
}

// capacities of level M in alphanumeric mode (ISO/IEC 18004, Table 7).
var capacities = []struct{ version, chars int }{
	{1, 20}, {2, 38}, {9, 262}, {10, 311}, {13, 483}, {14, 528}, {16, 656}, {17, 734}, {18, 816},
	{25, 1451}, {26, 1542}, {27, 1637}, {40, 3391}, {15, 600},
}

func TestEncodeVersionBorders(t *testing.T) {
	for _, c := range thin(capacities...) {
		for _, tc := range []struct{ chars, version int }{{c.chars - 1, c.version}, {c.chars, c.version}, {c.chars + 1, c.version + 1}} {
			text := strings.Repeat("A$", 2000)[:tc.chars] // no digits: one alphanumeric segment
			s, err := Encode(text)
			if tc.version > 40 {
				if !errors.Is(err, ErrTooLong) || s != nil {
					t.Errorf("%d characters: %v, want %v", tc.chars, err, ErrTooLong)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.chars == c.chars-1 && s.Version != c.version {
				t.Errorf("%d characters: version %d, want %d", tc.chars, s.Version, c.version)
			}
			if s.Version != tc.version || s.Size != 17+4*tc.version || s.Level != LevelM {
				t.Errorf("%d characters: version %d size %d level %s, want version %d", tc.chars, s.Version, s.Size, s.Level, tc.version)
			}
		}
	}
}

// Digit runs may become numeric segments; that must never cost a version.
func TestEncodeNeverLargerThanOneSegment(t *testing.T) {
	for _, c := range thin(capacities...) {
		for seed := range uint64(len(thin(1, 2, 3))) {
			text := base45Like(c.chars, seed)
			if s := mustEncode(t, text); s.Version > c.version {
				t.Errorf("%d random characters: version %d, want at most %d", c.chars, s.Version, c.version)
			}
			half := []byte(text)
			for i := len(half) / 3; i < 2*len(half)/3; i++ {
				half[i] = byte('0' + i%10)
			}
			if s := mustEncode(t, string(half)); s.Version > c.version {
				t.Errorf("%d characters with digits: version %d, want at most %d", c.chars, s.Version, c.version)
			}
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"empty":          {"", ErrEmpty},
		"lower case":     {"SID1:abc", ErrNotAlphanumeric},
		"Cyrillic":       {"СІД1", ErrNotAlphanumeric},
		"new line":       {"SID1:A\n", ErrNotAlphanumeric},
		"NUL":            {"\x00", ErrNotAlphanumeric},
		"high byte":      {"A\xff", ErrNotAlphanumeric},
		"comma":          {"A,B", ErrNotAlphanumeric},
		"at":             {"A@", ErrNotAlphanumeric},
		"bracket":        {"[", ErrNotAlphanumeric},
		"one too many":   {strings.Repeat("A", MaxText+1), ErrTooLong},
		"far too many":   {strings.Repeat("A", 1<<20), ErrTooLong},
		"digits to long": {strings.Repeat("1", MaxText+1), ErrTooLong},
	} {
		s, err := Encode(tc.text)
		if s != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, %v; want %v", name, s, err, tc.want)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "qr: ") || strings.Contains(err.Error(), "abc")) {
			t.Errorf("%s: error %q lacks the package or shows the text", name, err)
		}
		if IsAlphanumeric(tc.text) && tc.want == ErrNotAlphanumeric {
			t.Errorf("%s: IsAlphanumeric", name)
		}
	}
	if !IsAlphanumeric(alphabet) {
		t.Error("the alphabet is not alphanumeric")
	}
}

func TestDrawRefuses(t *testing.T) {
	s := mustEncode(t, "SID1:A")
	var b bytes.Buffer
	for _, opt := range []PNGOptions{{Scale: -1}, {Scale: MaxScale + 1}, {QuietZone: 3}, {QuietZone: -4}, {QuietZone: MaxQuietZone + 1}} {
		if err := s.PNG(&b, opt); !errors.Is(err, ErrOption) {
			t.Errorf("PNG %+v: %v", opt, err)
		}
	}
	for name, zero := range map[string]*Symbol{"nil": nil, "zero": {}, "forged": {Version: 1, Size: 21}} {
		if err := zero.PNG(&b, PNGOptions{}); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: PNG %v", name, err)
		}
		if err := zero.SVG(&b); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: SVG %v", name, err)
		}
		if err := zero.Terminal(&b, TerminalOptions{}); !errors.Is(err, ErrEmpty) {
			t.Errorf("%s: Terminal %v", name, err)
		}
		if zero.Dark(0, 0) {
			t.Errorf("%s: dark", name)
		}
	}
	if err := s.Terminal(&b, TerminalOptions{Columns: -1}); !errors.Is(err, ErrOption) {
		t.Errorf("negative columns: %v", err)
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes written by refused drawings", b.Len())
	}
	for name, err := range map[string]error{
		"PNG": s.PNG(full{}, PNGOptions{}), "SVG": s.SVG(full{}), "Terminal": s.Terminal(full{}, TerminalOptions{}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s on a full disk: %v", name, err)
		}
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestPNGIsOneBitWithQuietZone(t *testing.T) {
	s := mustEncode(t, "SID1:HELLO")
	var b bytes.Buffer
	if err := s.PNG(&b, PNGOptions{Scale: 3, QuietZone: 5}); err != nil {
		t.Fatal(err)
	}
	if depth, kind := b.Bytes()[24], b.Bytes()[25]; depth != 1 || kind != 3 {
		t.Errorf("bit depth %d colour type %d, want 1 and 3 (palette)", depth, kind)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if side := img.Bounds().Dx(); side != (s.Size+10)*3 || img.Bounds().Dy() != side {
		t.Fatalf("side %d, want %d", side, (s.Size+10)*3)
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			want := color.Gray{255}
			if s.Dark((x+15)/3-10, (y+15)/3-10) { // +15: no negative division
				want.Y = 0
			}
			if got := color.GrayModel.Convert(img.At(x, y)).(color.Gray); got != want {
				t.Fatalf("pixel %d,%d is %v, want %v", x, y, got, want)
			}
		}
	}
}

// Every length around the borders that the service IDs live at is drawn and
// read back by this package and by zbar.
func TestRoundTripPNG(t *testing.T) {
	for _, border := range thin(1, 5, 20, 400, 528, 734, 1451, 3390, 600) {
		for n := max(1, border-2); n <= border+2 && n <= MaxText; n++ {
			text := base45Like(n, 7)
			data := mustPNG(t, text, 4)
			if r := wantOne(t, data, text); r.Rung != "pure" {
				t.Errorf("%d characters: read by %s, want pure", n, r.Rung)
			}
		}
	}
	for _, n := range []int{400, 528, 529, 600, 601, 734, 735, 1451, 1452} {
		text := base45Like(n, 8)
		t.Run(fmt.Sprint("zbar", n), func(t *testing.T) {
			if got := zbar(t, write(t, "a.png", mustPNG(t, text, 5))); got != text {
				t.Errorf("zbar read %d characters, want %d", len(got), n)
			}
		})
	}
}

func TestRoundTripSVG(t *testing.T) {
	rsvg := tool(t, "rsvg-convert", "librsvg2-bin")
	for _, n := range []int{30, 528, 600, 734, 1451} {
		text := base45Like(n, 9)
		s := mustEncode(t, text)
		var b bytes.Buffer
		if err := s.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Count(b.String(), "<path") != 1 || !strings.Contains(b.String(), `shape-rendering="crispEdges"`) {
			t.Error("want one crisp path")
		}
		svg := write(t, "a.svg", b.Bytes())
		out := filepath.Join(filepath.Dir(svg), "a.png")
		// 6 pixels a module, and one size at which modules are not whole pixels.
		for _, side := range []int{6 * (s.Size + 8), 5*(s.Size+8) + 17} {
			if msg, err := exec.Command(rsvg, "-w", fmt.Sprint(side), "-o", out, svg).CombinedOutput(); err != nil {
				t.Fatalf("rsvg-convert: %v: %s", err, msg)
			}
			data, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			wantOne(t, data, text)
			if side%(s.Size+8) == 0 {
				if got := zbar(t, out); got != text {
					t.Errorf("zbar read %d characters, want %d", len(got), n)
				}
			}
		}
	}
}

// rasterise paints terminal output as a terminal with the given default
// colours would, 6 × 12 pixels a character.
func rasterise(t *testing.T, out string, fg, bg color.Gray) image.Image {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	columns := 0
	for _, l := range lines {
		plain := strings.NewReplacer(setColours, "", resetColours, "").Replace(l)
		columns = max(columns, len([]rune(plain)))
	}
	const w, h = 6, 12
	img := image.NewGray(image.Rect(0, 0, (columns+2)*w, (len(lines)+2)*h)) // a character of terminal around it
	draw.Draw(img, img.Rect, image.NewUniform(bg), image.Point{}, draw.Src)
	for y, line := range lines {
		f, b := fg, bg
		x := 0
		for len(line) > 0 {
			if rest, ok := strings.CutPrefix(line, setColours); ok {
				f, b, line = color.Gray{0}, color.Gray{255}, rest
				continue
			}
			if rest, ok := strings.CutPrefix(line, resetColours); ok {
				f, b, line = fg, bg, rest
				continue
			}
			r := []rune(line)[0]
			line = line[len(string(r)):]
			top, bottom := b, b
			switch r {
			case '█':
				top, bottom = f, f
			case '▀':
				top = f
			case '▄':
				bottom = f
			case ' ':
			default:
				t.Fatalf("unexpected character %q", r)
			}
			cell := image.Rect((x+1)*w, (y+1)*h, (x+2)*w, (y+1)*h+h/2)
			draw.Draw(img, cell, image.NewUniform(top), image.Point{}, draw.Src)
			draw.Draw(img, cell.Add(image.Pt(0, h/2)), image.NewUniform(bottom), image.Point{}, draw.Src)
			x++
		}
		if f != fg || b != bg {
			t.Fatalf("line %d leaves its colours set", y)
		}
	}
	return img
}

func TestRoundTripTerminal(t *testing.T) {
	black, white := color.Gray{0}, color.Gray{255}
	for _, n := range []int{20, 400, 528, 600} {
		text := base45Like(n, 10)
		s := mustEncode(t, text)
		for name, tc := range map[string]struct {
			opt    TerminalOptions
			fg, bg color.Gray
		}{
			"colour on dark":  {TerminalOptions{Columns: s.TerminalColumns(), Colour: true}, white, black},
			"colour on light": {TerminalOptions{Columns: 200, Colour: true}, black, white},
			"plain on dark":   {TerminalOptions{}, white, black},
			"plain on light":  {TerminalOptions{LightBackground: true}, black, white},
		} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				var b bytes.Buffer
				if err := s.Terminal(&b, tc.opt); err != nil {
					t.Fatal(err)
				}
				lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
				if len(lines) != (s.Size+9)/2 {
					t.Errorf("%d lines, want %d", len(lines), (s.Size+9)/2)
				}
				if !tc.opt.Colour && strings.Contains(b.String(), "\x1b") {
					t.Error("escape sequences without colour")
				}
				data := encodePNG(t, rasterise(t, b.String(), tc.fg, tc.bg))
				wantOne(t, data, text)
				if got := zbar(t, write(t, "t.png", data)); got != text {
					t.Errorf("zbar read %d characters, want %d", len(got), n)
				}
			})
		}
	}
}

// A symbol without colours on the wrong theme is inverted; that it still reads
// here does not make it right for other readers.
func TestTerminalInvertedReads(t *testing.T) {
	text := base45Like(400, 11)
	var b bytes.Buffer
	if err := mustEncode(t, text).Terminal(&b, TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	r := wantOne(t, encodePNG(t, rasterise(t, b.String(), color.Gray{0}, color.Gray{255})), text)
	if !r.Inverted {
		t.Errorf("read by %s and not called inverted", r.Rung)
	}
}

func TestTerminalTooNarrow(t *testing.T) {
	s := mustEncode(t, base45Like(400, 12)) // version 12: 65 + 8 columns
	var b bytes.Buffer
	err := s.Terminal(&b, TerminalOptions{Columns: 72, Colour: true})
	var narrow *TooNarrowError
	if !errors.Is(err, ErrTooNarrow) || !errors.As(err, &narrow) || narrow.Need != 73 || narrow.Have != 72 {
		t.Errorf("72 columns: %v", err)
	}
	if b.Len() != 0 {
		t.Error("wrote to a terminal that is too narrow")
	}
	if err := s.Terminal(&b, TerminalOptions{Columns: 73, Colour: true}); err != nil {
		t.Errorf("73 columns: %v", err)
	}
}

func TestReadFormats(t *testing.T) {
	text := base45Like(528, 13)
	img := mustImage(t, text, 6)
	rgba := image.NewRGBA(img.Bounds())
	draw.Draw(rgba, rgba.Rect, img, image.Point{}, draw.Src)
	wide := image.NewNRGBA64(img.Bounds())
	draw.Draw(wide, wide.Rect, img, image.Point{}, draw.Src)
	clear := image.NewNRGBA(img.Bounds()) // black on nothing
	for y := range clear.Rect.Dy() {
		for x := range clear.Rect.Dx() {
			if r, _, _, _ := img.At(x, y).RGBA(); r == 0 {
				clear.SetNRGBA(x, y, color.NRGBA{A: 255})
			}
		}
	}
	holed := image.NewPaletted(img.Bounds(), color.Palette{color.Transparent, color.Black})
	copy(holed.Pix, img.(*image.Paletted).Pix)
	grey16 := image.NewGray16(img.Bounds())
	draw.Draw(grey16, grey16.Rect, img, image.Point{}, draw.Src)
	cases := map[string][]byte{
		"png palette":             mustPNG(t, text, 6),
		"png RGBA":                encodePNG(t, rgba),
		"png 16 bit":              encodePNG(t, wide),
		"png grey 16 bit":         encodePNG(t, grey16),
		"png transparent":         encodePNG(t, clear),
		"png palette transparent": encodePNG(t, holed),
	}
	for _, q := range []int{95, 60, 25} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, rgba, &jpeg.Options{Quality: q}); err != nil {
			t.Fatal(err)
		}
		cases[fmt.Sprint("jpeg ", q)] = b.Bytes()
	}
	var b bytes.Buffer
	if err := gif.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	cases["gif"] = b.Bytes()
	for name, data := range cases {
		t.Run(name, func(t *testing.T) { wantOne(t, data, text) })
	}
}

// testdata/*.webp were made from this package's own PNG of the same text by
// cwebp (lossless and quality 60).
const webpText = "SID1:A WEBP SAMPLE 0123456789 $%*+-./:"

func TestReadWebP(t *testing.T) {
	for _, name := range []string{"lossless.webp", "lossy.webp"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		wantOne(t, data, webpText)
	}
	cwebp := tool(t, "cwebp", "webp")
	text := base45Like(600, 14)
	in := write(t, "a.png", mustPNG(t, text, 5))
	for _, args := range [][]string{{"-lossless"}, {"-q", "80"}, {"-q", "30"}} {
		out := filepath.Join(filepath.Dir(in), "a.webp")
		if msg, err := exec.Command(cwebp, append(args, "-quiet", in, "-o", out)...).CombinedOutput(); err != nil {
			t.Fatalf("cwebp: %v: %s", err, msg)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		wantOne(t, data, text)
	}
}

func TestReadAnimatedGIFFirstFrame(t *testing.T) {
	first := mustImage(t, "SID1:FIRST", 4).(*image.Paletted)
	second := mustImage(t, "SID1:SECOND", 4).(*image.Paletted)
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{first, second}, Delay: []int{10, 10}})
	if err != nil {
		t.Fatal(err)
	}
	wantOne(t, b.Bytes(), "SID1:FIRST")
}

// screenshot puts codes on a page with lines of "text" and frames around them.
func screenshot(t testing.TB, w, h int, at map[image.Point]image.Image) *image.Gray {
	t.Helper()
	page := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(page, page.Rect, image.NewUniform(color.Gray{235}), image.Point{}, draw.Src)
	r := rand.New(rand.NewPCG(3, 4))
	for y := 8; y+12 < h; y += 20 {
		for x := 8; x+6 < w; x += 4 + r.IntN(6) {
			draw.Draw(page, image.Rect(x, y, x+1+r.IntN(3), y+3+r.IntN(9)), image.NewUniform(color.Gray{30}), image.Point{}, draw.Src)
		}
	}
	for p, img := range at {
		draw.Draw(page, img.Bounds().Add(p), img, image.Point{}, draw.Src)
	}
	return page
}

// zoomed draws a code as a browser at some zoom does: modules are not whole
// pixels.
func zoomed(t testing.TB, text string, percent int, scaler xdraw.Scaler) image.Image {
	t.Helper()
	src := mustImage(t, text, 4)
	side := src.Bounds().Dx() / 4 * percent / 100
	out := image.NewGray(image.Rect(0, 0, side, side))
	scaler.Scale(out, out.Rect, src, src.Bounds(), draw.Src, nil)
	return out
}

func TestReadScreenshots(t *testing.T) {
	for _, chars := range thin(100, 400, 600, 1451, 734) {
		for _, percent := range thin(100, 200, 240, 450, 600, 275) {
			for name, scaler := range map[string]xdraw.Scaler{"nearest": xdraw.NearestNeighbor, "smooth": xdraw.BiLinear} {
				if percent < 240 && name == "smooth" {
					continue // under two pixels a module grey has no edge left
				}
				text := base45Like(chars, uint64(percent))
				img := zoomed(t, text, percent, scaler)
				side := img.Bounds().Dx()
				page := screenshot(t, side+200, side+150, map[image.Point]image.Image{image.Pt(101, 57): img})
				r := wantOne(t, encodePNG(t, page), text)
				if r.Rung != "clean" {
					t.Errorf("%d characters, %d %% %s: read by %s, want clean", chars, percent, name, r.Rung)
				}
				module := float64(percent) / 100
				want := Point{X: 101 + 4*module, Y: 57 + 4*module}
				if d := math.Hypot(r.Quad[0].X-want.X, r.Quad[0].Y-want.Y); d > 1+module {
					t.Errorf("%d characters, %d %% %s: upper left corner %v, want %v", chars, percent, name, r.Quad[0], want)
				}
			}
		}
	}
}

// rotated turns a picture by quarters.
func rotated(img image.Image, quarters int) image.Image {
	for range quarters {
		b := img.Bounds()
		out := image.NewGray(image.Rect(0, 0, b.Dy(), b.Dx()))
		for y := range b.Dy() {
			for x := range b.Dx() {
				out.Set(b.Dy()-1-y, x, img.At(x, y))
			}
		}
		img = out
	}
	return img
}

func TestReadRotatedAndMirrored(t *testing.T) {
	text := base45Like(600, 15)
	img := mustImage(t, text, 4)
	for q := range 4 {
		if r := wantOne(t, encodePNG(t, rotated(img, q)), text); r.Rung != "pure" {
			t.Errorf("%d quarters: read by %s", q, r.Rung)
		}
		page := screenshot(t, 700, 600, map[image.Point]image.Image{image.Pt(90, 70): rotated(img, q)})
		if r := wantOne(t, encodePNG(t, page), text); r.Rung != "clean" {
			t.Errorf("%d quarters on a page: read by %s", q, r.Rung)
		}
	}
	b := img.Bounds()
	mirror := image.NewGray(b)
	for y := range b.Dy() {
		for x := range b.Dx() {
			mirror.Set(b.Dx()-1-x, y, img.At(x, y))
		}
	}
	if r := wantOne(t, encodePNG(t, mirror), text); !r.Mirrored || r.Inverted {
		t.Errorf("read by %s: mirrored %v inverted %v", r.Rung, r.Mirrored, r.Inverted)
	}
}

func TestReadInverted(t *testing.T) {
	text := base45Like(528, 16)
	img := mustGrey(t, text, 5)
	for i, v := range img.Pix {
		img.Pix[i] = 255 - v
	}
	if r := wantOne(t, encodePNG(t, img), text); !r.Inverted || r.Mirrored {
		t.Errorf("read by %s: mirrored %v inverted %v", r.Rung, r.Mirrored, r.Inverted)
	}
	if got, err := ReadGrey(img, ReadOptions{CleanOnly: true}); err != nil || got[0].Rung != "clean-inverted" {
		t.Errorf("CleanOnly: %v, %v", got, err)
	}
}

func TestReadWithoutQuietZone(t *testing.T) {
	text := base45Like(528, 17)
	img := mustImage(t, text, 5)
	tight := img.(*image.Paletted).SubImage(img.Bounds().Inset(20))
	if r := wantOne(t, encodePNG(t, tight), text); r.Rung != "pure" {
		t.Errorf("read by %s", r.Rung)
	}
}

func TestReadSeveral(t *testing.T) {
	texts := []string{base45Like(100, 1), base45Like(528, 2), base45Like(250, 3), base45Like(600, 4)}
	spots := []image.Point{{10, 10}, {480, 30}, {20, 480}, {470, 470}}
	codes := map[image.Point]image.Image{}
	for i, text := range texts {
		codes[spots[i]] = mustImage(t, text, 4)
	}
	codes[image.Pt(300, 180)] = mustImage(t, texts[0], 4) // the same text twice
	page := encodePNG(t, screenshot(t, 900, 900, codes))
	var before []Result
	for range 3 {
		got, err := ReadImage(page, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 4 {
			t.Fatalf("%d results, want 4", len(got))
		}
		for i, want := range []string{texts[0], texts[1], texts[3], texts[2]} {
			if got[i].Text != want {
				t.Errorf("result %d is of %d characters, want %d", i, len(got[i].Text), len(want))
			}
		}
		if before != nil && fmt.Sprint(before) != fmt.Sprint(got) {
			t.Error("results differ between two calls")
		}
		before = got
	}
	few, err := ReadImage(page, ReadOptions{Limits: Limits{MaxCodes: 2}})
	if err != nil || len(few) != 2 || few[0].Text != texts[0] {
		t.Errorf("MaxCodes 2: %d results, %v", len(few), err)
	}
}

// A photograph stands in as a code that is turned, blurred, unevenly lit and
// noisy.
func TestReadPhotoLike(t *testing.T) {
	text := base45Like(120, 5)
	src := mustGrey(t, text, 8)
	const w, h = 800, 700
	photo := image.NewGray(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(9, 9))
	for y := range h {
		for x := range w {
			// 12° and a little perspective.
			u, v := float64(x-400), float64(y-350)
			k := 1 + 0.0002*u
			sx := int((0.978*u+0.208*v)*k*0.9) + src.Rect.Dx()/2
			sy := int((-0.208*u+0.978*v)*k*0.9) + src.Rect.Dy()/2
			val := 200
			if sx >= 0 && sy >= 0 && sx < src.Rect.Dx() && sy < src.Rect.Dy() {
				val = 40 + int(src.Pix[sy*src.Rect.Dx()+sx])*160/255
			}
			photo.Pix[y*w+x] = byte(max(0, min(255, val+x/16-25+r.IntN(17)-8)))
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, photo, &jpeg.Options{Quality: 70}); err != nil {
		t.Fatal(err)
	}
	r1 := wantOne(t, b.Bytes(), text)
	if r1.Rung == "pure" || r1.Rung == "clean" {
		t.Logf("read by %s", r1.Rung)
	}
	if _, err := ReadImage(b.Bytes(), ReadOptions{CleanOnly: true}); err != nil && !errors.Is(err, ErrNoCode) {
		t.Errorf("CleanOnly: %v", err)
	}
}

func TestReadNoCode(t *testing.T) {
	noise := image.NewGray(image.Rect(0, 0, 200, 150))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = byte(r.Uint32())
	}
	damaged := mustImage(t, base45Like(528, 18), 4).(*image.Paletted)
	for y := 100; y < 260; y++ {
		for x := 80; x < 300; x++ {
			damaged.SetColorIndex(x, y, 0)
		}
	}
	// A page of finder patterns, and stripes of their ratio: the worst for
	// searches that pair everything with everything.
	finders := image.NewGray(image.Rect(0, 0, 360, 360))
	stripes := image.NewGray(finders.Rect)
	for y := range 360 {
		for x := range 360 {
			ring := max(abs(x%9-4), abs(y%9-4))
			if ring == 2 || ring == 4 {
				finders.Pix[y*360+x] = 255
			}
			if m := x % 8; m == 1 || m == 5 || m == 7 {
				stripes.Pix[y*360+x] = 255
			}
		}
	}
	blank := image.NewGray(image.Rect(0, 0, 300, 300))
	for name, img := range map[string]image.Image{
		"black": blank, "one pixel": image.NewGray(image.Rect(0, 0, 1, 1)), "line": image.NewGray(image.Rect(0, 0, 3000, 1)),
		"noise": noise, "text": screenshot(t, 500, 400, nil), "long line": image.NewGray(image.Rect(0, 0, thin(6<<20, 9999)[0], 1)), "damaged code": damaged,
		"finders": finders, "stripes": stripes,
	} {
		got, err := ReadImage(encodePNG(t, img), ReadOptions{})
		if got != nil || !errors.Is(err, ErrNoCode) {
			t.Errorf("%s: %d results, %v; want %v", name, len(got), err, ErrNoCode)
		}
	}
	if _, err := ReadGrey(nil, ReadOptions{}); !errors.Is(err, ErrNoCode) {
		t.Errorf("nil picture: %v", err)
	}
	if _, err := ReadGrey(blank, ReadOptions{Limits: Limits{MaxPixels: 100}}); !errors.Is(err, ErrTooManyPixels) {
		t.Errorf("grey beyond the limit: %v", err)
	}
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
	put(29, crc(one[12:29]))
	return one
}

func TestReadBombs(t *testing.T) {
	gifBomb := append([]byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff"), 0x3b)
	vp8x := []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\xff\x3f\x00")
	vp8l := []byte("RIFF\x12\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f\x00")
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, image.NewGray(image.Rect(0, 0, 64, 64)), nil); err != nil {
		t.Fatal(err)
	}
	jpegBomb := bytes.Clone(plain.Bytes())
	sof := bytes.Index(jpegBomb, []byte{0xff, 0xc0})
	copy(jpegBomb[sof+5:], []byte{0xff, 0xff, 0xff, 0xff})
	for name, data := range map[string][]byte{
		"png 100000 × 100000": pngHeader(t, 100000, 100000),
		"png one long line":   pngHeader(t, 1<<30, 1),
		"png just above":      pngHeader(t, DefaultMaxPixels/2+1, 2),
		"gif 65535 × 65535":   gifBomb,
		"webp canvas":         vp8x,
		"webp lossless":       vp8l,
		"jpeg 65535 × 65535":  jpegBomb,
	} {
		got, err := ReadImage(data, ReadOptions{})
		if got != nil || !errors.Is(err, ErrTooManyPixels) {
			t.Errorf("%s: %v, want %v", name, err, ErrTooManyPixels)
		}
	}
	// Wide pixels count double.
	deep := encodePNG(t, image.NewNRGBA64(image.Rect(0, 0, 100, 100)))
	if _, err := ReadImage(deep, ReadOptions{Limits: Limits{MaxPixels: 12000}}); !errors.Is(err, ErrTooManyPixels) {
		t.Errorf("16-bit picture: %v", err)
	}
	if _, err := ReadImage(mustPNG(t, "SID1:A", 8), ReadOptions{Limits: Limits{MaxBytes: 100}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("file above the limit: %v", err)
	}
	// A progressive JPEG that repeats its scans.
	scan := bytes.Index(plain.Bytes(), []byte{0xff, 0xda})
	bomb := bytes.Clone(plain.Bytes()[:scan])
	for range 33 { // one above the limit of scans
		bomb = append(bomb, plain.Bytes()[scan:plain.Len()-2]...)
	}
	if _, err := ReadImage(bomb, ReadOptions{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "scans") {
		t.Errorf("33 scans: %v", err)
	}
}

func TestReadDamagedFiles(t *testing.T) {
	text := "SID1:A DAMAGED FILE"
	img := mustImage(t, text, 3)
	var j, g bytes.Buffer
	if err := errors.Join(jpeg.Encode(&j, img, nil), gif.Encode(&g, img, nil)); err != nil {
		t.Fatal(err)
	}
	webp, err := os.ReadFile(filepath.Join("testdata", "lossless.webp"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"png": mustPNG(t, text, 3), "jpeg": j.Bytes(), "gif": g.Bytes(), "webp": webp} {
		for cut := range len(data) {
			got, err := ReadImage(data[:cut], ReadOptions{CleanOnly: true})
			switch {
			case err == nil && (len(got) != 1 || got[0].Text != text && got[0].Text != webpText):
				t.Fatalf("%s cut at %d of %d: wrong text", name, cut, len(data))
			case err != nil && got != nil:
				t.Fatalf("%s cut at %d: results beside an error", name, cut)
			case err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrNoCode):
				t.Fatalf("%s cut at %d: %v", name, cut, err)
			case cut < len(data)/2 && err == nil:
				t.Errorf("%s cut at %d of %d was read", name, cut, len(data))
			}
		}
	}
	for name, data := range map[string][]byte{
		"empty": nil, "text": []byte("SID1:ABC"), "PDF": []byte("%PDF-1.7\n"), "SVG": []byte("<svg/>"), "BMP": []byte("BM\x00\x00"),
		"RIFF that is sound": []byte("RIFF\x04\x00\x00\x00WAVE"), "TIFF": []byte("II*\x00"), "almost PNG": []byte("\x89PNG\r\n"),
	} {
		if _, err := ReadImage(data, ReadOptions{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "PNG, JPEG, WebP or GIF") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPanicBecomesError(t *testing.T) {
	// Pixels that are not there.
	results, err := ReadGrey(&image.Gray{Pix: make([]byte, 50), Stride: 100, Rect: image.Rect(0, 0, 100, 100)}, ReadOptions{})
	if len(results) != 0 || !errors.Is(err, ErrDecoder) {
		t.Errorf("%d results, %v; want %v", len(results), err, ErrDecoder)
	}
}

func abs(v int) int { return max(v, -v) }
