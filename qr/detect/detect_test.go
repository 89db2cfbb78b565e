package detect

import (
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"
	_ "golang.org/x/image/webp"
)

// symbolOf draws a text in a forced version.
func symbolOf(t testing.TB, text string, version int, level qrcode.RecoveryLevel) [][]bool {
	t.Helper()
	q, err := qrcode.NewWithForcedVersion(text, version, level)
	if err != nil {
		t.Fatal(err)
	}
	q.DisableBorder = true
	return q.Bitmap()
}

// textFor returns a text that fills about half of a version at level M.
func textFor(version int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	r := rand.New(rand.NewPCG(uint64(version), 7))
	b := []byte("SID1:")
	for range 5*version + version*version {
		b = append(b, alphabet[r.IntN(len(alphabet))])
	}
	return string(b)
}

// scene is a picture in the making.
type scene struct {
	*image.Gray
	noise *rand.Rand
}

func newScene(w, h int, shade byte) scene {
	s := scene{image.NewGray(image.Rect(0, 0, w, h)), rand.New(rand.NewPCG(uint64(w), uint64(h)))}
	for i := range s.Pix {
		s.Pix[i] = shade
	}
	return s
}

// put draws a symbol with a quiet zone of 4 modules: to tells for a place in
// the picture which place of the symbol, in modules, it shows.
func (s scene) put(code [][]bool, dark, light float64, to func(x, y float64) (u, v float64)) scene {
	n := float64(len(code))
	for y := range s.Rect.Dy() {
		for x := range s.Rect.Dx() {
			var sum, hits float64
			for k := range 9 {
				u, v := to(float64(x)+float64(k%3)/3+1.0/6, float64(y)+float64(k/3)/3+1.0/6)
				if !(u >= -4 && v >= -4 && u < n+4 && v < n+4) {
					continue
				}
				hits++
				if u >= 0 && v >= 0 && u < n && v < n && code[int(v)][int(u)] {
					sum += dark
				} else {
					sum += light
				}
			}
			i := y*s.Stride + x
			s.Pix[i] = byte(math.Round((sum + float64(s.Pix[i])*(9-hits)) / 9))
		}
	}
	return s
}

// at places a symbol of n modules around (cx, cy), turned, module pixels wide.
func at(n int, cx, cy, module, degrees float64) func(x, y float64) (u, v float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return func(x, y float64) (u, v float64) {
		x, y = (x-cx)/module, (y-cy)/module
		return x*cos + y*sin + float64(n)/2, y*cos - x*sin + float64(n)/2
	}
}

// blur is a box of 3 × 3 pixels, times over.
func (s scene) blur(times int) scene {
	w, h := s.Rect.Dx(), s.Rect.Dy()
	for range times {
		src := slices.Clone(s.Pix)
		for y := 1; y < h-1; y++ {
			for x := 1; x < w-1; x++ {
				sum := 0
				for k := range 9 {
					sum += int(src[(y+k/3-1)*w+x+k%3-1])
				}
				s.Pix[y*w+x] = byte((sum + 4) / 9)
			}
		}
	}
	return s
}

func (s scene) grain(sigma float64) scene {
	for i, v := range s.Pix {
		s.Pix[i] = byte(max(0, min(255, float64(v)+sigma*s.noise.NormFloat64())))
	}
	return s
}

func (s scene) disc(cx, cy, r int, shade byte) scene {
	for y := max(0, cy-r); y < min(s.Rect.Dy(), cy+r); y++ {
		for x := max(0, cx-r); x < min(s.Rect.Dx(), cx+r); x++ {
			if (x-cx)*(x-cx)+(y-cy)*(y-cy) < r*r {
				s.Pix[y*s.Stride+x] = shade
			}
		}
	}
	return s
}

// readOne wants exactly one text.
func readOne(t *testing.T, name string, img *image.Gray, want string) Result {
	t.Helper()
	got, err := Read(img, Options{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return Result{}
	}
	if len(got) != 1 || got[0].Text != want {
		t.Errorf("%s: %d results, the first of %d characters, want one of %d", name, len(got), len(got[0].Text), len(want))
	}
	return got[0]
}

func TestReadVersions(t *testing.T) {
	for version := 1; version <= 40; version++ {
		if testing.Short() && version%13 != 1 || raceEnabled && version != 14 {
			continue
		}
		text := textFor(version)
		level := qrcode.Low
		if version < 20 {
			level = qrcode.Medium
		}
		code := symbolOf(t, text, version, level)
		n := len(code)
		module := 3.4
		if version < 4 {
			module = 5.1
		}
		side := int(float64(n+9) * 1.13 * module)
		s := newScene(side, side, 120).put(code, 40, 190, at(n, float64(side)/2+1, float64(side)/2-2, module, 7)).blur(1).grain(4)
		r := readOne(t, fmt.Sprint("version ", version), s.Gray, text)
		if want := map[qrcode.RecoveryLevel]string{qrcode.Low: "L", qrcode.Medium: "M"}[level]; r.Version != version || r.Level != want || r.Mirrored || r.Inverted {
			t.Errorf("version %d-%s: read as %d-%s mirrored %v inverted %v", version, want, r.Version, r.Level, r.Mirrored, r.Inverted)
		}
	}
}

// Every pose that a hand gives a phone, and some that a bent sheet has.
func TestReadPoses(t *testing.T) {
	const version = 12
	text := textFor(version)
	code := symbolOf(t, text, version, qrcode.Medium)
	n := len(code)
	const w, h = 640, 480
	centre := at(n, w/2, h/2, 4.6, 0)
	poses := map[string]func(x, y float64) (u, v float64){
		"tilted": func(x, y float64) (u, v float64) {
			k := 1 + 0.0009*(x-w/2) + 0.0005*(y-h/2)
			return centre(w/2+(x-w/2)*k, h/2+(y-h/2)*k)
		},
		"sheared": func(x, y float64) (u, v float64) { return centre(x+0.2*(y-h/2), y) },
		"barrel": func(x, y float64) (u, v float64) {
			dx, dy := x-w/2, y-h/2
			k := 1 + 6e-7*(dx*dx+dy*dy)
			return centre(w/2+dx*k, h/2+dy*k)
		},
		"on a bottle": func(x, y float64) (u, v float64) {
			return centre(w/2+300*math.Asin(max(-1, min(1, (x-w/2)/300))), y)
		},
		"bent page": func(x, y float64) (u, v float64) { return centre(x, y+9*math.Sin((x-200)/130)) },
	}
	for degrees := 0; degrees < 360; degrees += 30 {
		poses[fmt.Sprint(degrees, "°")] = at(n, w/2, h/2, 4.4, float64(degrees)+1.5)
	}
	for name, to := range poses {
		if raceEnabled && len(name) < 8 {
			continue
		}
		for _, look := range []string{"", "mirrored", "inverted", "mirrored inverted"} {
			if look != "" && name != "tilted" && name != "60°" {
				continue
			}
			place := to
			if strings.Contains(look, "mirrored") {
				place = func(x, y float64) (u, v float64) { return to(w-x, y) }
			}
			dark, light := 50.0, 180.0
			if strings.Contains(look, "inverted") {
				dark, light = light, dark
			}
			s := newScene(w, h, 110).put(code, dark, light, place).blur(1).grain(4)
			r := readOne(t, name+" "+look, s.Gray, text)
			if r.Version != version || r.Level != "M" || r.Mirrored != strings.Contains(look, "mirrored") || r.Inverted != strings.Contains(look, "inverted") {
				t.Errorf("%s %s: %d-%s mirrored %v inverted %v", name, look, r.Version, r.Level, r.Mirrored, r.Inverted)
			}
			// The corners lie where the picture shows those of the symbol.
			for i, want := range [4]Point{{0, 0}, {float64(n), 0}, {float64(n), float64(n)}, {0, float64(n)}} {
				u, v := place(r.Quad[i].X, r.Quad[i].Y)
				if d := math.Hypot(u-want.X, v-want.Y); !(d < 1.5) {
					t.Errorf("%s %s: corner %d is %.1f modules off", name, look, i, d)
				}
			}
		}
	}
}

// Around a thin bottle the finder patterns look narrower than the middle: the
// timing patterns tell the size, and the fit bends along.
func TestReadBent(t *testing.T) {
	rungs, bends := map[string]bool{}, 0
	for version := 2; version <= 6; version += 2 {
		if raceEnabled && version > 2 {
			break
		}
		text := textFor(version)
		code := symbolOf(t, text, version, qrcode.Medium)
		n := len(code)
		const w, h, m = 640, 560, 9.0
		for _, radius := range []float64{0.66, 0.7, 0.74} { // of a side
			r := radius * m * float64(n)
			to := at(n, w/2, h/2, m, 0)
			place := func(x, y float64) (u, v float64) {
				s := (x - w/2) / r
				if s <= -1 || s >= 1 {
					return -10, -10
				}
				// The camera looks down a little: rows are arcs.
				return to(w/2+r*math.Asin(s), y-0.08*r*(math.Sqrt(1-s*s)-1))
			}
			s := newScene(w, h, 110).put(code, 50, 180, place).blur(1).grain(3)
			got := readOne(t, fmt.Sprintf("version %d radius %.2f", version, radius), s.Gray, text)
			rungs[got.Rung] = true
			if _, bent := strings.CutSuffix(got.Rung, "-bent"); bent {
				bends++
			}
		}
	}
	if bends == 0 && !raceEnabled {
		t.Errorf("read by %v: none was bent enough to test the bent step", rungs)
	}
}

// A damaged symbol reads as long as its blocks can be repaired: covered or
// overexposed places are erasures, one finder pattern may be hidden altogether.
func TestReadHidden(t *testing.T) {
	const version = 10
	text := textFor(version)
	code := symbolOf(t, text, version, qrcode.High)
	n := len(code)
	const w, h, m = 640, 480, 5.5
	half := m * float64(n) / 2
	base := func() scene {
		return newScene(w, h, 110).put(code, 50, 190, at(n, w/2, h/2, m, 0))
	}
	corner := func(sx, sy float64) (x, y int) {
		return int(w/2 + sx*(half-3.5*m)), int(h/2 + sy*(half-3.5*m))
	}
	ax, ay := corner(-1, -1)
	bx, by := corner(1, -1)
	dx, dy := corner(-1, 1)
	cases := map[string]scene{
		"thumb in the middle":      base().disc(w/2, h/2, 34, 90),
		"glare in the middle":      base().disc(w/2+40, h/2, 34, 255),
		"upper left finder hidden": base().disc(ax, ay, 22, 120),
		"upper right finder gone":  base().disc(bx, by, 22, 255),
		"lower left finder gone":   base().disc(dx, dy, 22, 30),
	}
	cases["cut at the top"] = newScene(w, h, 110).put(code, 50, 190, at(n, w/2, half+2*m, m, 12))
	cases["cut on the right"] = newScene(w, h, 110).put(code, 50, 190, at(n, w-half+1.4*m, h/2, m, 0))
	for name, s := range cases {
		if raceEnabled && name != "upper left finder hidden" {
			continue
		}
		r := readOne(t, name, s.blur(1).grain(3).Gray, text)
		if data := strings.Contains(name, "middle"); data && r.Corrected == 0 {
			t.Errorf("%s: nothing was corrected", name)
		}
	}
	if raceEnabled {
		return
	}
	// Far more than the blocks can bear must never give some text.
	for seed := range 12 {
		s := base()
		for i := range 14 {
			s.disc(150+(seed*97+i*61)%340, 70+(seed*53+i*89)%340, 46, byte(30+(seed*31+i*57)%200))
		}
		if got, err := Read(s.blur(1).grain(3).Gray, Options{}); err == nil {
			for _, r := range got {
				if r.Text != text {
					t.Errorf("spoiled %d: a wrong text of %d characters", seed, len(r.Text))
				}
			}
		}
	}
}

// Ten codes in a frame: all are found, each once, in reading order.
func TestReadTen(t *testing.T) {
	s := newScene(1280, 720, 200)
	var want []string
	for i := range 10 {
		text := fmt.Sprintf("SID1:CODE %d OF TEN", i)
		code := symbolOf(t, text, 3, qrcode.Medium)
		row, column := i/5, i%5
		s.put(code, 40, 200, at(len(code), 140+250*float64(column), 180+360*float64(row)+3*float64(column), 4.5+0.5*float64(row), float64(4*(i%3-1))))
		want = append(want, text)
	}
	s.blur(1).grain(4)
	got, err := Read(s.Gray, Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range got {
		seen[r.Text]++
	}
	for _, text := range want {
		if seen[text] != 1 {
			t.Errorf("%q: %d times", text, seen[text])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d results, want %d", len(got), len(want))
	}
	for i := 1; i < len(got); i++ {
		ax, ay := got[i-1].Quad.corner()
		bx, by := got[i].Quad.corner()
		if by < ay || by == ay && bx < ax {
			t.Errorf("result %d stands before %d", i-1, i)
		}
	}
	few, err := Read(s.Gray, Options{MaxCodes: 3})
	if err != nil || len(few) != 3 || few[0].Text != got[0].Text {
		t.Errorf("MaxCodes 3: %d results, %v", len(few), err)
	}
}

// A sheet of codes is read to its end: the tries that one picture has are not spent on triples across symbols.
func TestReadCrowd(t *testing.T) {
	for _, side := range []int{4, 6} {
		const cell, module = 190, 5.0
		sc := newScene(side*cell+40, side*cell+40, 215)
		want := map[string]bool{}
		for i := range side * side {
			text := fmt.Sprintf("SID1:CODE %d OF %d", i, side*side)
			want[text] = true
			code := symbolOf(t, text, 2, qrcode.Medium)
			cx, cy := float64(i%side*cell+cell/2+20), float64(i/side*cell+cell/2+20)
			sc = sc.put(code, 40, 225, at(len(code), cx, cy, module, 3))
		}
		sc.blur(1)
		sc.grain(4) // a photograph of a sheet, which the exact readers leave alone
		results, err := Read(sc.Gray, Options{MaxCodes: 64})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if !want[r.Text] {
				t.Errorf("%d codes: a text that is not there", side*side)
			}
			delete(want, r.Text)
		}
		if len(want) > side*side/12 {
			t.Errorf("%d of %d codes not read", len(want), side*side)
		}
	}
}

// noCodes are pictures without a code, the worst for searches that pair
// everything with everything among them.
func noCodes() map[string]*image.Gray {
	const w, h = 640, 480
	pictures := map[string]*image.Gray{
		"one pixel": image.NewGray(image.Rect(0, 0, 1, 1)),
		"line":      image.NewGray(image.Rect(0, 0, 4000, 1)),
		"column":    image.NewGray(image.Rect(0, 0, 1, 4000)),
		"black":     image.NewGray(image.Rect(0, 0, w, h)),
		"noise":     newScene(w, h, 128).grain(60).Gray,
	}
	draw := func(name string, shade func(x, y int) byte) {
		s := newScene(w, h, 0)
		for i := range s.Pix {
			s.Pix[i] = shade(i%w, i/w)
		}
		pictures[name] = s.Gray
	}
	ramp := func(v float64) byte { return byte(max(0, min(255, v))) }
	draw("gradient", func(x, y int) byte { return ramp(float64(x)/3 + float64(y)/8) })
	draw("face", func(x, y int) byte {
		v := 200.0
		for _, f := range [][4]float64{{320, 240, 150, 80}, {270, 200, 25, 90}, {370, 200, 25, 90}, {270, 200, 9, 60}, {370, 200, 9, 60}, {320, 310, 50, 60}} {
			d := math.Hypot(float64(x)-f[0], float64(y)-f[1]) / f[2]
			v -= f[3] / (1 + math.Exp(12*(d-1)))
		}
		return ramp(v)
	})
	draw("rings", func(x, y int) byte {
		return ramp(128 + 100*math.Cos(math.Hypot(float64(x%80-40), float64(y%80-40))*0.9))
	})
	draw("checkers", func(x, y int) byte { return byte((x/5 + y/5) % 2 * 255) })
	draw("stripes", func(x, y int) byte {
		if m := x % 8; m == 1 || m == 5 || m == 7 {
			return 255
		}
		return 0
	})
	draw("finders", func(x, y int) byte {
		if ring := max(abs(x%36/4-4), abs(y%36/4-4)); ring == 2 || ring == 4 {
			return 240
		}
		return 20
	})
	r := rand.New(rand.NewPCG(3, 4))
	cells := make([]byte, 64*48)
	for i := range cells {
		cells[i] = byte(r.IntN(2) * 220)
	}
	draw("modules without a code", func(x, y int) byte { return cells[y/10*64+x/10] })
	draw("page of text", func(x, y int) byte {
		// Letters of 5 × 7 dots, words and lines.
		line, column := y/14, x/9
		dx, dy := x%9/2, y%14/2
		if dx > 3 || dy > 4 || (column*7+line*3)%6 == 0 || cells[(line*37+column*11+dy*5+dx)%len(cells)] == 0 {
			return 235
		}
		return 30
	})
	return pictures
}

func TestReadNothing(t *testing.T) {
	for name, img := range noCodes() {
		if raceEnabled && name != "face" {
			continue
		}
		got, err := Read(img, Options{})
		if got != nil || !errors.Is(err, ErrNoCode) {
			t.Errorf("%s: %d results, %v; want %v", name, len(got), err, ErrNoCode)
		}
	}
	ok := image.NewGray(image.Rect(0, 0, 100, 100))
	for name, tc := range map[string]struct {
		img  *image.Gray
		opt  Options
		want error
	}{
		"nil":              {nil, Options{}, ErrNoCode},
		"empty":            {&image.Gray{}, Options{}, ErrNoCode},
		"too many pixels":  {ok, Options{MaxPixels: 9_999}, ErrTooManyPixels},
		"pixels missing":   {&image.Gray{Pix: make([]byte, 50), Stride: 10, Rect: image.Rect(0, 0, 10, 10)}, Options{}, ErrDecoder},
		"stride too short": {&image.Gray{Pix: make([]byte, 100), Stride: 5, Rect: image.Rect(0, 0, 10, 10)}, Options{}, ErrDecoder},
	} {
		got, err := Read(tc.img, tc.opt)
		if got != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %d results, %v; want %v", name, len(got), err, tc.want)
		}
	}
}

// A step that fails in a way it should not is reported and does not keep the
// others from reading.
func TestPanicIsContained(t *testing.T) {
	g := &grey{w: 200, h: 200, pix: make([]byte, 200*200)}
	g.pix[0] = 255
	s := newSearch(g, time.Time{})
	s.views[0].grey = &grey{w: 200, h: 200, pix: g.pix[:10]}
	if _, _, err := climbWith(s, g, Options{}); !errors.Is(err, ErrDecoder) {
		t.Errorf("%v, want %v", err, ErrDecoder)
	}
}

func TestReadDeadline(t *testing.T) {
	text := textFor(8)
	code := symbolOf(t, text, 8, qrcode.Medium)
	s := newScene(500, 500, 120).put(code, 40, 190, at(len(code), 250, 250, 5, 20)).blur(1).grain(5)
	if got, err := Read(s.Gray, Options{Deadline: time.Now().Add(-time.Second)}); got != nil || !errors.Is(err, ErrNoCode) {
		t.Errorf("past deadline: %d results, %v", len(got), err)
	}
	if got, err := Read(s.Gray, Options{Deadline: time.Now().Add(time.Hour)}); err != nil || got[0].Text != text {
		t.Errorf("far deadline: %v", err)
	}
}

// The sub-picture of a larger one reads, and places count from its corner.
func TestReadSubImage(t *testing.T) {
	text := textFor(5)
	code := symbolOf(t, text, 5, qrcode.Medium)
	s := newScene(700, 600, 120).put(code, 40, 190, at(len(code), 400, 350, 5, 10)).grain(5)
	whole := readOne(t, "whole", s.Gray, text)
	part := readOne(t, "part", s.SubImage(image.Rect(200, 150, 640, 560)).(*image.Gray), text)
	for i := range whole.Quad {
		if d := math.Hypot(whole.Quad[i].X-200-part.Quad[i].X, whole.Quad[i].Y-150-part.Quad[i].Y); d > 1 {
			t.Errorf("corner %d is %.1f pixels off", i, d)
		}
	}
}

// Many readers at once give what one gives.
func TestReadParallel(t *testing.T) {
	texts := make([]string, 4)
	pictures := make([]*image.Gray, len(texts))
	for i := range texts {
		texts[i] = textFor(3 + i)
		code := symbolOf(t, texts[i], 3+i, qrcode.Medium)
		pictures[i] = newScene(300, 300, 120).put(code, 40, 190, at(len(code), 150, 150, 4.5, 15)).blur(1).grain(4).Gray
	}
	var wait sync.WaitGroup
	for k := range 8 {
		wait.Go(func() {
			i := k % len(texts)
			got, err := Read(pictures[i], Options{})
			if err != nil || len(got) != 1 || got[0].Text != texts[i] {
				t.Errorf("reader %d: %v", k, err)
			}
		})
	}
	wait.Wait()
}

// Memory is taken by the picture and by the symbol as a whole, not by module.
func TestReadAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	count := func(version int, module float64) float64 {
		text := textFor(version)
		code := symbolOf(t, text, version, qrcode.Low)
		img := newScene(720, 720, 120).put(code, 40, 190, at(len(code), 360, 360, module, 5)).blur(1).grain(4).Gray
		readOne(t, fmt.Sprint("version ", version), img, text)
		return testing.AllocsPerRun(3, func() {
			if _, err := Read(img, Options{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	small, large := count(5, 12), count(25, 4.5)
	t.Logf("%.0f allocations for 1,369 modules, %.0f for 13,689", small, large)
	if large > small+2000 {
		t.Errorf("%.0f allocations for 13,689 modules, %.0f for 1,369", large, small)
	}
}

// The forty real pictures that came with other readers: at least 34 read, and
// none wrongly.
func TestReadRealPictures(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine; the race detector has nothing to see")
	}
	folder := os.Getenv("POSVID_VECTORS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	files, _ := filepath.Glob(filepath.Join(folder, "qr", "*.txt"))
	if len(files) == 0 {
		t.Skip("POSVID_VECTORS has no qr pictures")
	}
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	read := 0
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(file, ".txt")
		img := decodePicture(t, name)
		if img == nil {
			continue
		}
		got, err := Read(img, Options{})
		right := false
		for _, r := range got {
			right = right || strings.TrimSpace(lines.Replace(r.Text)) == strings.TrimSpace(lines.Replace(string(want)))
		}
		switch {
		case right:
			read++
		case err == nil:
			t.Errorf("%s: a wrong text of %d characters", filepath.Base(name), len(got[0].Text))
		case !errors.Is(err, ErrNoCode):
			t.Errorf("%s: %v", filepath.Base(name), err)
		default:
			t.Logf("%s: not read", filepath.Base(name))
		}
	}
	if read < 34 {
		t.Errorf("%d of %d read, want 34", read, len(files))
	}
	t.Logf("%d of %d read", read, len(files))
}

// decodePicture decodes the picture of that name, whatever its kind.
func decodePicture(t testing.TB, name string) *image.Gray {
	t.Helper()
	for _, ext := range []string{".png", ".jpg", ".webp"} {
		f, err := os.Open(name + ext)
		if err != nil {
			continue
		}
		defer f.Close()
		img, _, err := image.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		g := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
		for y := range b.Dy() {
			for x := range b.Dx() {
				r, gr, bl, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
				g.Pix[y*g.Stride+x] = byte(min(0xffff, (299*r+587*gr+114*bl)/1000+0xffff-a) >> 8)
			}
		}
		return g
	}
	return nil
}

func TestExplain(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine; the race detector has nothing to see")
	}
	text := textFor(8)
	code := symbolOf(t, text, 8, qrcode.Medium)
	n := len(code)
	good := func(module float64) scene {
		return newScene(500, 500, 120).put(code, 40, 190, at(n, 250, 250, module, 8)).grain(4)
	}
	spoiled := good(6).disc(250, 250, 60, 190).disc(180, 250, 60, 50).disc(300, 200, 60, 190).disc(300, 300, 60, 40)
	lone := newScene(500, 500, 190)
	for i := range lone.Pix {
		u, v := (i%500-200)/7, (i/500-200)/7
		if i%500 >= 200 && i/500 >= 200 && u < 7 && v < 7 && max(abs(u-3), abs(v-3)) != 2 {
			lone.Pix[i] = 40
		}
	}
	glaring := good(6).disc(250, 250, 120, 255)
	for name, tc := range map[string]struct {
		img  *image.Gray
		want Advice
	}{
		"reads":        {good(6).Gray, AdviceReadAlready},
		"small":        {good(2).blur(1).disc(250, 250, 30, 120).Gray, AdviceCloser},
		"blurred":      {spoiled.blur(14).Gray, AdviceStill},
		"pale":         {newScene(500, 500, 128).put(code, 118, 138, at(n, 250, 250, 6, 8)).disc(250, 250, 120, 128).Gray, AdviceLight},
		"glaring":      {glaring.Gray, AdviceGlare},
		"one finder":   {lone.Gray, AdviceWhole},
		"destroyed":    {good(6).disc(250, 250, 90, 100).Gray, AdviceUnreadable},
		"grey":         {newScene(300, 300, 90).Gray, AdviceLight},
		"text":         {noCodes()["page of text"], AdviceNotQR},
		"nil":          {nil, AdviceNotQR},
		"missing rows": {&image.Gray{Pix: make([]byte, 50), Stride: 10, Rect: image.Rect(0, 0, 10, 10)}, AdviceNotQR},
	} {
		r := Explain(tc.img, Options{})
		if !slices.Contains(r.Advice, tc.want) {
			t.Errorf("%s: %+v, want %s", name, r, tc.want)
		}
		if (r.Codes > 0) != (tc.want == AdviceReadAlready) {
			t.Errorf("%s: %d codes", name, r.Codes)
		}
		for _, share := range []float64{r.Sharpness, r.Contrast, r.Glare} {
			if !(share >= 0 && share <= 1) {
				t.Errorf("%s: %+v has a share beyond 0 to 1", name, r)
			}
		}
	}
	if r := Explain(good(6).Gray, Options{}); r.Finders < 3 || math.Abs(r.ModulePixels-6) > 1 {
		t.Errorf("%+v, want three finders and 6 pixels a module", r)
	}
}

// FuzzRead feeds any pixels: no panic, a named error or at least one text, and
// the same answer twice.
func FuzzRead(f *testing.F) {
	for _, module := range []float64{1, 2.2, 3} {
		code := symbolOf(f, "SID1:FUZZ", 1, qrcode.Medium)
		side := int(29 * module)
		s := newScene(side, side, 200).put(code, 20, 230, at(len(code), float64(side)/2, float64(side)/2, module, 9))
		f.Add(uint8(side), s.Pix)
	}
	f.Add(uint8(1), []byte{0, 255})
	f.Add(uint8(40), noCodes()["finders"].Pix[:1600])
	f.Fuzz(func(t *testing.T, width uint8, pix []byte) {
		w := int(width)
		if w == 0 || len(pix) < w || len(pix) > 1<<14 {
			return
		}
		h := len(pix) / w
		img := &image.Gray{Pix: pix[:w*h], Stride: w, Rect: image.Rect(0, 0, w, h)}
		got, err := Read(img, Options{})
		if (err == nil) != (len(got) > 0) || err != nil && !errors.Is(err, ErrNoCode) {
			t.Fatalf("%d results, %v", len(got), err)
		}
		again, _ := Read(img, Options{})
		if !slices.Equal(got, again) {
			t.Fatal("a second reading differs")
		}
		for _, r := range got {
			if r.Text == "" || layoutOf(r.Version) == nil || !slices.Contains(levels[:], r.Level) || r.Rung == "" {
				t.Fatalf("an impossible result: version %d level %q rung %q", r.Version, r.Level, r.Rung)
			}
		}
	})
}

// frame720 is a webcam frame, with a code or with a page of text.
func frame720(b *testing.B, version int) *image.Gray {
	s := newScene(1280, 720, 100)
	if version > 0 {
		code := symbolOf(b, textFor(version), version, qrcode.Medium)
		return s.put(code, 50, 190, at(len(code), 600, 350, 500/float64(len(code)), 8)).blur(1).grain(6).Gray
	}
	text := noCodes()["page of text"]
	for y := range 480 {
		copy(s.Pix[(y+100)*1280+300:][:640], text.Pix[y*640:])
	}
	return s.blur(1).grain(6).Gray
}

func BenchmarkRead(b *testing.B) {
	for _, version := range []int{0, 5, 15, 25} {
		name := fmt.Sprintf("720p v%d", version)
		if version == 0 {
			name = "720p no code"
		}
		b.Run(name, func(b *testing.B) {
			img := frame720(b, version)
			b.ReportAllocs()
			for b.Loop() {
				if got, err := Read(img, Options{}); (err == nil) != (version > 0) {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
