package detect

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"
)

// slanted places a symbol of n modules in the middle of a picture of
// 640 × 600, its width or its height squeezed, turned a little before.
func slanted(n int, module, width, height, degrees float64) func(x, y float64) (u, v float64) {
	to := at(n, 0, 0, module, degrees)
	return func(x, y float64) (u, v float64) { return to((x-320)/width, (y-300)/height) }
}

// [QR-12] A symbol seen from far to the side reads, and its corners are where
// the picture shows them.
func TestReadOblique(t *testing.T) {
	last := 0
	for _, version := range []int{3, 8, 14} {
		if raceEnabled && version != 8 {
			continue
		}
		text := textFor(version)
		code := symbolOf(t, text, version, qrcode.Medium)
		n := len(code)
		module := 560 / float64(n+8)
		for i, squeeze := range [][2]float64{{0.3, 1}, {1, 0.3}, {0.36, 1}, {1, 0.36}} {
			place := slanted(n, module, squeeze[0], squeeze[1], 4)
			to := place
			if i == 2 {
				to = func(x, y float64) (u, v float64) { return place(640-x, y) }
			}
			name := fmt.Sprintf("version %d squeezed to %g × %g", version, squeeze[0], squeeze[1])
			r := readOne(t, name, newScene(640, 600, 120).put(code, 50, 190, to).blur(1).grain(4).Gray, text)
			if r.Rung == "oblique" {
				last++
			}
			if r.Mirrored != (i == 2) {
				t.Errorf("%s: mirrored %v", name, r.Mirrored)
			}
			for k, want := range [4]Point{{0, 0}, {float64(n), 0}, {float64(n), float64(n)}, {0, float64(n)}} {
				u, v := to(r.Quad[k].X, r.Quad[k].Y)
				if d := math.Hypot(u-want.X, v-want.Y); !(d < 1.5) {
					t.Errorf("%s: corner %d is %.1f modules off", name, k, d)
				}
			}
		}
	}
	if last == 0 {
		t.Error("no picture needed the oblique step")
	}
}

// [QR-12] Nothing is made up where no code is, however thin the picture.
func TestObliqueNothing(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 400}, {400, 1}, {2, 3}, {60, 60}} {
		g := greyOf(newScene(size[0], size[1], 128).grain(50).Gray)
		s := newSearch(g, time.Time{})
		s.oblique()
		if len(s.results) != 0 {
			t.Errorf("%d × %d pixels: %d results", size[0], size[1], len(s.results))
		}
	}
	// Spoiled beyond repair: not read, and not read wrongly.
	code := symbolOf(t, textFor(3), 3, qrcode.Low)
	n := len(code)
	for y := 9; y < n-1; y++ {
		for x := 9; x < n; x++ {
			code[y][x] = (x*7+y*13)%3 == 0
		}
	}
	img := newScene(640, 600, 120).put(code, 50, 190, slanted(n, 15, 0.3, 1, 4)).blur(1).grain(4).Gray
	if got, err := Read(img, Options{}); !errors.Is(err, ErrNoCode) {
		t.Errorf("spoiled: %d results, %v; want %v", len(got), err, ErrNoCode)
	}
}

// Halving one direction keeps the other and the brightness.
func TestSqueezed(t *testing.T) {
	g := &grey{w: 3, h: 5, pix: []byte{0, 10, 99, 20, 30, 99, 40, 50, 99, 60, 71, 99, 9, 9, 9}}
	for _, tc := range []struct {
		width bool
		w, h  int
		want  []byte
	}{
		{true, 1, 5, []byte{5, 25, 45, 66, 9}},
		{false, 3, 2, []byte{10, 20, 99, 50, 61, 99}},
	} {
		got := g.squeezed(tc.width)
		if got.w != tc.w || got.h != tc.h || string(got.pix) != string(tc.want) {
			t.Errorf("width %v: %+v, want %d × %d %v", tc.width, got, tc.w, tc.h, tc.want)
		}
	}
	if got := (&grey{w: 1, h: 4, pix: make([]byte, 4)}).squeezed(true); got != nil {
		t.Errorf("one column at half its width: %+v", got)
	}
	if got := (&grey{w: 4, h: 1, pix: make([]byte, 4)}).squeezed(false); got != nil {
		t.Errorf("one row at half its height: %+v", got)
	}
}
