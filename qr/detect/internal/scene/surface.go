package scene

import (
	"image"
	"image/color"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// nothing is a transparent pixel of a surface.
const nothing = -1

// surface is a flat thing that a camera sees: a phone, a sheet, a desk. A pixel
// is its brightness, 0 to 255, or nothing.
type surface struct {
	w, h int
	pix  []int16
	// tiled repeats the surface without end.
	tiled bool
	// screen is the part with an LCD pixel to each of its pixels; it glows.
	screen image.Rectangle
	// code is where the symbol is, without its quiet zone.
	code image.Rectangle
	// bend is the radius in pixels of the cylinder that the surface is bent
	// around, its axis upright through the symbol's middle; 0 is flat.
	bend float64
}

func newSurface(w, h int, shade int16) *surface {
	s := &surface{w: w, h: h, pix: make([]int16, w*h)}
	for i := range s.pix {
		s.pix[i] = shade
	}
	return s
}

func (s *surface) fill(r image.Rectangle, shade int16) {
	r = r.Intersect(image.Rect(0, 0, s.w, s.h))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := s.pix[y*s.w+r.Min.X : y*s.w+r.Max.X]
		for i := range row {
			row[i] = shade
		}
	}
}

// round fills a rectangle with round corners.
func (s *surface) round(r image.Rectangle, radius int, shade int16) {
	for y := max(0, r.Min.Y); y < min(s.h, r.Max.Y); y++ {
		in := 0
		if dy := max(r.Min.Y+radius-y, y-(r.Max.Y-1-radius)); dy > 0 {
			for in = 0; (radius-in)*(radius-in)+dy*dy > radius*radius; in++ {
			}
		}
		s.fill(image.Rect(r.Min.X+in, y, r.Max.X-in, y+1), shade)
	}
}

// ellipse paints an ellipse that is lighter in its middle, as a finger is.
func (s *surface) ellipse(cx, cy, rx, ry int, shade int16) {
	for y := max(0, cy-ry); y < min(s.h, cy+ry); y++ {
		for x := max(0, cx-rx); x < min(s.w, cx+rx); x++ {
			dx, dy := (x-cx)*256/rx, (y-cy)*256/ry
			if d := dx*dx + dy*dy; d < 256*256 {
				s.pix[y*s.w+x] = shade - int16(d*40>>16)
			}
		}
	}
}

// text writes a line, each pixel of a plain 7 × 13 face k pixels large.
func (s *surface) text(x, y, k int, shade int16, line string) {
	mask := image.NewGray(image.Rect(0, 0, 7*len(line), 13))
	drawer := font.Drawer{Dst: mask, Src: image.NewUniform(color.White), Face: basicfont.Face7x13, Dot: fixed.P(0, 11)}
	drawer.DrawString(line)
	for j := range 13 {
		for i := range mask.Rect.Dx() {
			if mask.Pix[j*mask.Stride+i] > 127 {
				s.fill(image.Rect(x+i*k, y+j*k, x+(i+1)*k, y+(j+1)*k), shade)
			}
		}
	}
}

// paragraph fills a rectangle with lines of words.
func (s *surface) paragraph(d *dice, r image.Rectangle, k int, shade int16) {
	const letters = "etaoinshrdlucmfwypvbgkqxz"
	for y := r.Min.Y; y+13*k <= r.Max.Y; y += 17 * k {
		most := r.Dx() / (7 * k)
		line := make([]byte, 0, most)
		for len(line) < most {
			for range 2 + d.intn(8) {
				line = append(line, letters[min(d.intn(25), d.intn(25))])
			}
			line = append(line, ' ')
		}
		if d.chance(0.15) {
			line = line[:len(line)/3]
			s.text(r.Min.X, y, k, shade, string(line))
			y += 8 * k
			continue
		}
		s.text(r.Min.X, y, k, shade, string(line[:max(0, min(most, len(line)))]))
	}
}

// symbol draws a symbol without its quiet zone, each module k pixels large.
func (s *surface) symbol(x, y, k int, code *symbol, dark int16) {
	for j, row := range code.dark {
		for i, on := range row {
			if on {
				s.fill(image.Rect(x+i*k, y+j*k, x+(i+1)*k, y+(j+1)*k), dark)
			}
		}
	}
	s.code = image.Rect(x, y, x+code.size*k, y+code.size*k)
}

// phone draws a phone that shows a symbol of at most 900 pixels with its quiet
// zone of four modules on a white page, and the hand that holds it.
func phone(d *dice, code *symbol) *surface {
	const screenW, screenH, bezel, margin = 1080, 2100, 44, 130
	s := newSurface(screenW+2*(bezel+margin), screenH+2*(bezel+margin), nothing)
	body := image.Rect(margin, margin, s.w-margin, s.h-margin)
	s.round(body, 110, int16(18+d.intn(30)))
	s.screen = body.Inset(bezel)
	white := int16(255)
	s.round(s.screen, 70, white)
	left, top := s.screen.Min.X, s.screen.Min.Y

	// The page: a status bar, a heading, the code, lines under it, a bar of seconds.
	s.text(left+70, top+28, 3, 40, "12:45")
	s.fill(image.Rect(left+900, top+34, left+980, top+64), 60)
	s.text(left+90, top+180, 6, 20, "SERVICE ID")
	s.paragraph(d, image.Rect(left+90, top+290, left+990, top+420), 3, 90)
	k := 900 / (code.size + 8)
	side := code.size * k
	s.symbol(left+(screenW-side)/2, top+560+(900-side)/2, k, code, 0)
	s.fill(image.Rect(left+140, top+1540, left+140+200+d.intn(600), top+1556), 110)
	s.paragraph(d, image.Rect(left+90, top+1620, left+990, top+1900), 4, 50)
	s.round(image.Rect(left+340, top+2050, left+740, top+2062), 5, 30)

	// Fingers over the edges of the body, not over the page.
	skin := int16(110 + d.intn(90))
	for range 3 {
		s.ellipse(margin-40+d.intn(30), top+300+d.intn(1500), 90, 120+d.intn(60), skin)
	}
	s.ellipse(s.w-margin+10+d.intn(30), top+900+d.intn(700), 85, 260, skin)
	return s
}

// desk is what lies behind: wood or cloth, without end.
func desk(d *dice) *surface {
	const n = 512
	s := newSurface(n, n, 0)
	s.tiled = true
	base := int32(50 + d.intn(130))
	coarse, fine := newLattice(d, 8), newLattice(d, 128)
	rough, stretch := int32(10+d.intn(40)), 1+d.intn(6)
	for y := range n {
		for x := range n {
			v := base + coarse.at(x*4, y*4)*rough/127 + fine.at(x*64/stretch, y*64)*(rough/3)/127
			s.pix[y*n+x] = int16(max(0, min(255, v)))
		}
	}
	return s
}

// sheet is a printed page.
func sheet(d *dice, w, h int) *surface {
	s := newSurface(w, h, int16(205+d.intn(45)))
	k := 2 + d.intn(3)
	s.paragraph(d, image.Rect(w/10, h/12, w*9/10, h*11/12), k, int16(20+d.intn(50)))
	return s
}
