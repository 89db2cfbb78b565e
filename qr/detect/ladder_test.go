package detect

import (
	"fmt"
	"image"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"
)

// [QR-07] A deadline is looked at within a pass over the picture, not only
// between two of them.
func TestDeadlineWithinAPass(t *testing.T) {
	code := symbolOf(t, textFor(8), 8, qrcode.Medium)
	img := image.NewGray(image.Rect(0, 0, 500, 500))
	copy(img.Pix, newScene(500, 500, 120).put(code, 40, 190, at(len(code), 250, 250, 8, 0)).Pix)
	g := greyOf(img)
	v := &view{grey: g, scale: 1}
	v.setThresholds(byBoth)
	// late turns true at the given call.
	after := func(calls int) func() bool {
		return func() bool { calls--; return calls < 0 }
	}
	all, _ := v.finders(1, nil, after(1<<30))
	none, _ := v.finders(1, nil, after(0))
	part, _ := v.spots(1, nil, after(v.h/8))
	if len(all) < 3 || len(none) != 0 || len(part) == 0 {
		t.Errorf("%d finders without a deadline, %d when it is past, %d spots in half of the time; want 3 or more, 0, some", len(all), len(none), len(part))
	}
	for _, s := range part {
		if s.y > 0.7*float64(v.h) {
			t.Errorf("a spot in row %.0f of %d, though time was up midway", s.y, v.h)
		}
	}
	c, ok := newClean(g, false, after(1<<30))
	if !ok || len(c.centres()) < 3 {
		t.Fatal("the clean picture has no finder patterns")
	}
	c.late = after(0)
	if got := c.centres(); len(got) != 0 {
		t.Errorf("clean: %d centres after the deadline, want 0", len(got))
	}
}

// dotted draws the modules beyond the fixed patterns as dots of a ninth of
// their area in a picture of light and dark: three places along each module, and
// a quiet zone of twelve.
func dotted(code [][]bool, seed uint64) [][]bool {
	n := len(code)
	r := rand.New(rand.NewPCG(seed, 5))
	out := make([][]bool, 3*n+16)
	for y := range out {
		out[y] = make([]bool, 3*n+16)
		for x := range out[y] {
			i, j := (x-8)/3, (y-8)/3
			if x < 8 || y < 8 || i >= n || j >= n {
				continue
			}
			fixed := i < 8 && j < 8 || i >= n-8 && j < 8 || i < 8 && j >= n-8 || i == 6 || j == 6
			out[y][x] = code[j][i]
			if !fixed && ((x-8)%3 != 1 || (y-8)%3 != 1) {
				out[y][x] = r.IntN(2) == 0
			}
		}
	}
	return out
}

// [QR-13] A picture with the noise of a camera that no photo step reads is seen
// through one threshold all the same, in both colours.
func TestReadGrainyClean(t *testing.T) {
	cleanly := 0
	for _, light := range []bool{false, true} {
		for seed := range uint64(4) {
			if raceEnabled && seed > 0 {
				break
			}
			text := textFor(3)
			art := dotted(symbolOf(t, text, 3, qrcode.High), seed)
			dark, bright := 40.0, 210.0
			if light {
				dark, bright = bright, dark
			}
			s := newScene(640, 480, byte(bright-30)).put(art, dark, bright, at(len(art), 320, 240, 3.6, 7*float64(seed))).grain(4)
			if !newSearch(greyOf(s.Gray), time.Time{}).grainy() {
				t.Errorf("seed %d: the picture has no grain", seed)
			}
			r := readOne(t, fmt.Sprintf("seed %d light on dark %v", seed, light), s.Gray, text)
			if r.Inverted != light {
				t.Errorf("seed %d: inverted %v, want %v", seed, r.Inverted, light)
			}
			if r.Rung == "pure" || r.Rung == "clean" || r.Rung == "clean-inverted" {
				cleanly++
			}
		}
	}
	if cleanly == 0 {
		t.Error("no picture needed the clean steps")
	}
}

// [QR-07] A page of text has hundreds of chance likenesses; few of them are
// paired once the first triples were fitted in vain.
func TestDoubtfulFindersAreLeftOut(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine; the race detector has nothing to see")
	}
	sc := newScene(1280, 720, 100)
	page := noCodes()["page of text"]
	for y := range 720 {
		for x := range 1280 {
			sc.Pix[y*1280+x] = page.Pix[y%476*640+x%640]
		}
	}
	g := greyOf(sc.blur(1).grain(6).Gray)
	s := newSearch(g, time.Time{})
	fitted := 0
	s.trace = func(format string, _ ...any) {
		if strings.HasPrefix(format, " triple") {
			fitted++
		}
	}
	if _, results, err := climbWith(s, g, Options{}); len(results) != 0 || err != nil {
		t.Fatalf("%d results, %v", len(results), err)
	}
	if fitted < maxDoubtful || fitted > 3*maxDoubtful {
		t.Errorf("%d triples fitted, want %d to %d", fitted, maxDoubtful, 3*maxDoubtful)
	}
}
