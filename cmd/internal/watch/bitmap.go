package watch

import "strings"

// bitmap is a drawing of square dots, two of them to a character cell: the upper and the lower half.
type bitmap struct {
	w, h int
	dots []bool
}

func newBitmap(w, h int) *bitmap {
	w, h = max(w, 0), max(h, 0)
	return &bitmap{w: w, h: h, dots: make([]bool, w*h)}
}

func (b *bitmap) at(x, y int) bool {
	return x >= 0 && y >= 0 && x < b.w && y < b.h && b.dots[y*b.w+x]
}

func (b *bitmap) put(x, y int, ink bool) {
	if x >= 0 && y >= 0 && x < b.w && y < b.h {
		b.dots[y*b.w+x] = ink
	}
}

// fill paints the rectangle from (x0, y0) up to, and not including, (x1, y1).
func (b *bitmap) fill(x0, y0, x1, y1 int, ink bool) {
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			b.put(x, y, ink)
		}
	}
}

// slant paints a stroke thick dots wide from (x0, y0) to (x1, y1), both rows included. x0 and x1 are its left edges.
func (b *bitmap) slant(x0, y0, x1, y1, thick int, ink bool) {
	if y1 < y0 {
		x0, y0, x1, y1 = x1, y1, x0, y0
	}
	span := max(y1-y0, 1)
	for y := y0; y <= y1; y++ {
		x := x0 + ((x1-x0)*(y-y0)*2+sign(x1-x0)*span)/(2*span)
		b.fill(x, y, x+thick, y+1, ink)
	}
}

func sign(n int) int {
	switch {
	case n > 0:
		return 1
	case n < 0:
		return -1
	}
	return 0
}

// draw copies another drawing's ink to (x, y).
func (b *bitmap) draw(other *bitmap, x, y int) {
	for oy := range other.h {
		for ox := range other.w {
			if other.at(ox, oy) {
				b.put(x+ox, y+oy, true)
			}
		}
	}
}

// lines writes the drawing in half blocks, one string of w characters for two rows of dots.
func (b *bitmap) lines() []string {
	out := make([]string, 0, (b.h+1)/2)
	for y := 0; y < b.h; y += 2 {
		var s strings.Builder
		for x := range b.w {
			switch top, bottom := b.at(x, y), b.at(x, y+1); {
			case top && bottom:
				s.WriteString("█")
			case top:
				s.WriteString("▀")
			case bottom:
				s.WriteString("▄")
			default:
				s.WriteByte(' ')
			}
		}
		out = append(out, s.String())
	}
	return out
}
