package scene

import (
	"fmt"
	"image"
	"math"
)

// Wild are the sets of other pictures than a checkpoint's, one difficulty
// each: what photographs of printed and pasted codes show. Every set name
// begins with "wild/".
var Wild = []string{
	"wild/blurred", "wild/close", "wild/contrast", "wild/curved", "wild/damaged", "wild/dense", "wild/glare", "wild/inverted",
	"wild/logo", "wild/lots", "wild/mirrored", "wild/monitor", "wild/motion", "wild/nocode", "wild/perspective", "wild/quiet",
	"wild/rotated", "wild/round", "wild/shadow", "wild/tiny",
}

// wildFrames is how many frames a wild set has for each one asked of a size.
const wildFrames = 2

// words are what codes on posters and parcels say.
func words(d *dice) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	word := func(n int) string {
		out := make([]byte, n)
		for i := range out {
			out[i] = letters[d.intn(len(letters))]
		}
		return string(out)
	}
	switch d.intn(4) {
	case 0:
		return "https://" + word(4+d.intn(8)) + ".example/" + word(3+d.intn(20))
	case 1:
		return randomText(d, 8+d.intn(60))
	case 2:
		return "WIFI:T:WPA;S:" + word(6) + ";P:" + word(10) + ";;"
	default:
		return "BEGIN:VCARD\nN:" + word(7) + "\nORG:" + word(9) + "\nTEL:+38044" + word(7) + "\nEND:VCARD"
	}
}

// label is how a printed code looks.
type label struct {
	k          int // pixels of a module
	quiet      int // modules of quiet zone
	ink, paper int16
	around     int16 // beyond the quiet zone
	round      bool  // modules are dots
	logo       bool  // a picture in the middle
	dirt       int   // blots over the symbol
}

// draw makes a label with lines of text above and below.
func (l label) draw(d *dice, code *symbol) *surface {
	side := (code.size + 2*l.quiet) * l.k
	edge := side / 4
	s := newSurface(side+2*edge, side+2*edge, l.around)
	s.paragraph(d, image.Rect(edge/3, edge/4, s.w-edge/3, edge-edge/6), max(1, s.w/260), l.ink)
	s.paragraph(d, image.Rect(edge/3, s.h-edge+edge/6, s.w-edge/3, s.h-edge/4), max(1, s.w/260), l.ink)
	s.fill(image.Rect(edge, edge, edge+side, edge+side), l.paper)
	x, y := edge+l.quiet*l.k, edge+l.quiet*l.k
	if l.round {
		s.dots(d, x, y, l.k, code, l.ink, l.paper)
	} else {
		s.symbol(x, y, l.k, code, l.ink)
	}
	if l.logo {
		half := code.size * l.k * (8 + d.intn(5)) / 100
		cx, cy := x+code.size*l.k/2, y+code.size*l.k/2
		s.round(image.Rect(cx-half, cy-half, cx+half, cy+half), half/3, l.paper)
		s.round(image.Rect(cx-half+l.k, cy-half+l.k, cx+half-l.k, cy+half-l.k), half/3, int16(60+d.intn(120)))
	}
	for range l.dirt {
		r := code.size * l.k * (2 + d.intn(5)) / 100
		cx, cy := x+d.intn(code.size*l.k), y+d.intn(code.size*l.k)
		if d.chance(0.4) { // a scratch down to the paper
			s.fill(image.Rect(cx, cy, cx+r*6, cy+max(2, l.k/3)), int16(170+d.intn(80)))
		} else {
			s.ellipse(cx, cy, r, max(2, r*(40+d.intn(60))/100), int16(20+d.intn(220)))
		}
	}
	s.code = image.Rect(x, y, x+code.size*l.k, y+code.size*l.k)
	return s
}

// dots draws modules as dots and finder patterns with round corners.
func (s *surface) dots(d *dice, x, y, k int, code *symbol, ink, paper int16) {
	r := k * (38 + d.intn(12)) / 100
	finder := func(i, j int) bool {
		return i < 7 && j < 7 || i >= code.size-7 && j < 7 || i < 7 && j >= code.size-7
	}
	for j, row := range code.dark {
		for i, on := range row {
			if on && !finder(i, j) {
				cx, cy := x+i*k+k/2, y+j*k+k/2
				s.round(image.Rect(cx-r, cy-r, cx+r, cy+r), r, ink)
			}
		}
	}
	for _, at := range []image.Point{{0, 0}, {code.size - 7, 0}, {0, code.size - 7}} {
		px, py := x+at.X*k, y+at.Y*k
		s.round(image.Rect(px, py, px+7*k, py+7*k), 2*k, ink)
		s.round(image.Rect(px+k, py+k, px+6*k, py+6*k), k*3/2, paper)
		s.round(image.Rect(px+2*k, py+2*k, px+5*k, py+5*k), k, ink)
	}
	s.code = image.Rect(x, y, x+code.size*k, y+code.size*k)
}

// mirror turns the symbol as seen from behind a pane.
func (c *symbol) mirror() {
	for _, row := range c.dark {
		for i, j := 0, len(row)-1; i < j; i, j = i+1, j-1 {
			row[i], row[j] = row[j], row[i]
		}
	}
}

// wild makes a frame of one of the Wild sets.
func wild(d *dice, set string, index int) (*Frame, error) {
	levels := []string{"L", "M", "M", "Q", "H"}
	level := levels[d.intn(len(levels))]
	l := label{k: 12, quiet: 4, ink: int16(10 + d.intn(50)), paper: int16(215 + d.intn(40))}
	l.around = l.paper
	s := &shot{w: 1280, h: 960, part: d.between(0.35, 0.75), roll: float64(12 * degree * d.signed()),
		tilt: [2]float64{float64(14 * degree * d.signed()), float64(14 * degree * d.signed())}, focal: d.between(0.75, 1.1),
		blur: d.between(0.6, 1.2), contrast: d.between(0.6, 0.9), noise: d.between(1.5, 4.5), grain: d.between(0.2, 0.6), sharpen: d.between(0, 0.8),
		vignette: d.between(0, 0.3), slope: [2]float64{float64(0.3 * d.signed()), float64(0.3 * d.signed())}, exposure: d.between(0.5, 1), barrel: d.between(0, 0.012)}
	s.black = d.between(8, max(10, 240-float64(255*s.contrast)))
	s.x, s.y = 0.5+float64(0.12*d.signed()), 0.5+float64(0.1*d.signed())
	text := words(d)
	many, bare, bend, after := 1, false, 0.0, 0.0
	var reversed bool
	switch set {
	case "wild/blurred":
		after = d.between(0.35, 0.7) // standard deviation in modules
	case "wild/close":
		s.w, s.h, s.part = 2400, 1800, d.between(0.8, 0.95)
		s.x, s.y = 0.5, 0.5
		text = text[:min(len(text), 20)]
	case "wild/contrast":
		s.contrast, s.noise = d.between(0.1, 0.22), d.between(1, 2.5)
		s.black = d.between(20, 170)
	case "wild/curved":
		bend = d.between(0.45, 0.9) // radius of the cylinder, of the symbol's side
	case "wild/damaged":
		l.dirt = 3 + d.intn(8)
		if level == "L" {
			level = "M"
		}
	case "wild/dense":
		s.w, s.h, s.part = 2000, 1500, d.between(0.75, 0.9)
		s.x, s.y = 0.5, 0.5
		text, level, l.k = randomText(d, []int{900, 1300, 1800, 2300, 2900}[d.intn(5)]), []string{"L", "M"}[d.intn(2)], 6
		if level == "M" {
			text = text[:min(len(text), 2300)]
		}
	case "wild/glare":
		for range 1 + d.intn(3) {
			s.glares = append(s.glares, s.lamp(d, d.between(80, 230), 0.04, 0.16))
		}
	case "wild/inverted":
		l.ink, l.paper = l.paper, l.ink
		l.around = l.paper
	case "wild/logo":
		l.logo, level = true, "H"
	case "wild/lots":
		many, s.part, l.k = 4+d.intn(9), d.between(0.18, 0.24), 8
		s.w, s.h = 2000, 1500
	case "wild/mirrored":
		reversed = true
	case "wild/monitor":
		s.optics, s.fill, s.grid, l.k = d.between(0.15, 0.28), d.between(0.4, 0.7), d.between(0.7, 1), 0
	case "wild/motion":
		s.motion, s.heading = d.between(3, 6), d.between(0, 180*degree)
		s.part = d.between(0.6, 0.85)
		text = text[:min(len(text), 30)]
	case "wild/nocode":
		bare = true
	case "wild/perspective":
		lean := d.between(30, 52) * degree
		sin, cos := sinCos(d.between(0, 360*degree))
		s.tilt = [2]float64{lean * sin, lean * cos}
		s.part = d.between(0.5, 0.75)
	case "wild/quiet":
		l.quiet, l.around = d.intn(3), int16(30+d.intn(120))
	case "wild/rotated":
		s.roll = d.between(0, 360*degree)
	case "wild/round":
		l.round, l.k = true, 24
		if level == "L" {
			level = "M"
		}
	case "wild/shadow":
		sin, cos := sinCos(d.between(0, 360*degree))
		s.shadow = &shadow{nx: cos, ny: sin, soft: d.between(1, 12), keep: d.between(0.3, 0.6), stripe: d.between(0.1, 0.6)}
	case "wild/tiny":
		s.w, s.h, s.noise, s.blur, s.sharpen = 640, 480, d.between(0.5, 2), d.between(0.35, 0.5), d.between(0, 0.4)
	default:
		return nil, fmt.Errorf("scene: set %q, want one of %v", set, Wild)
	}
	frame := &Frame{Name: fmt.Sprintf("%03d", index), Quality: 80 + d.intn(16)}
	if bare {
		s.x, s.y = 0.5, 0.5
		page := sheet(d, 1200, 1600)
		page.code = image.Rect(300, 500, 900, 1100)
		for range 3 + d.intn(4) { // tables, frames and squares that look a little like finder patterns
			x, y, a := 150+d.intn(700), 200+d.intn(1100), 40+d.intn(120)
			page.fill(image.Rect(x, y, x+a, y+a), 30)
			page.fill(image.Rect(x+a/7, y+a/7, x+a*6/7, y+a*6/7), 230)
			page.fill(image.Rect(x+a*2/7, y+a*2/7, x+a*5/7, y+a*5/7), 30)
		}
		frame.Picture = take(s, d, page)
		return frame, nil
	}
	code, err := encode(text, level)
	if err != nil {
		return nil, err
	}
	frame.Name, frame.Text = fmt.Sprintf("%03d-v%02d-%s", index, code.version, level), text
	switch {
	case set == "wild/tiny":
		s.part = float64(float64(code.size)*d.between(2, 2.7)) / float64(s.h)
		s.tilt[0] /= 3
		s.tilt[1] /= 3
	case after > 0:
		s.blur = float64(after*s.part*float64(s.h)) / float64(code.size)
	}
	if reversed {
		code.mirror()
	}
	subject := (*surface)(nil)
	switch {
	case l.k == 0:
		subject = phone(d, code)
	case many > 1:
		subject, frame.More, err = l.page(d, code, many, level)
		if err != nil {
			return nil, err
		}
		s.x, s.y = 0.5, 0.5
		if across := float64(subject.h) * s.part / float64(subject.code.Dx()); across > 0.95 {
			s.part = float64(s.part*0.95) / across
		}
		if across := float64(float64(subject.w)*s.part*float64(s.h)) / float64(float64(subject.code.Dx())*float64(s.w)); across > 0.95 {
			s.part = float64(s.part*0.95) / across
		}
		// The first code is not in the middle of the page: bring the page's middle into the frame's.
		scale := float64(s.part*float64(s.h)) / float64(subject.code.Dx())
		s.x = 0.5 + float64(scale*float64(subject.code.Min.X+subject.code.Max.X-subject.w))/float64(2*s.w)
		s.y = 0.5 + float64(scale*float64(subject.code.Min.Y+subject.code.Max.Y-subject.h))/float64(2*s.h)
		s.roll, s.tilt = s.roll/6, [2]float64{s.tilt[0] / 4, s.tilt[1] / 4}
	default:
		subject = l.draw(d, code)
	}
	subject.bend = float64(bend * float64(subject.code.Dx()))
	frame.Picture = take(s, d, subject)
	return frame, nil
}

// page prints several codes of different texts on one page; the first is the given one.
func (l label) page(d *dice, first *symbol, many int, level string) (*surface, []string, error) {
	codes, more := []*symbol{first}, []string(nil)
	most := first.size
	for len(codes) < many {
		code, err := encode(words(d), level)
		if err != nil {
			return nil, nil, err
		}
		codes, more, most = append(codes, code), append(more, code.text), max(most, code.size)
	}
	columns := int(math.Ceil(math.Sqrt(float64(many))))
	cell := (most + 2*l.quiet + 3) * l.k
	s := newSurface(columns*cell, (many+columns-1)/columns*cell, l.paper)
	for i := len(codes) - 1; i >= 0; i-- { // the first last, so that it is the surface's symbol
		s.symbol(i%columns*cell+l.quiet*l.k, i/columns*cell+l.quiet*l.k, l.k, codes[i], l.ink)
	}
	return s, more, nil
}

// shadow darkens one side of a line and, with a stripe, the light comes back
// beyond its width.
type shadow struct {
	nx, ny float64 // the line's normal
	soft   float64 // pixels over which its edge fades
	keep   float64 // light that stays, of 1
	stripe float64 // width of the shadow, of the frame's height
}

// cast lays a shadow over the scene, its edge through the symbol.
func (p *plane) cast(s *shadow, x, y float64) {
	wide := float64(s.stripe * float64(p.h))
	for j := range p.h {
		for i := range p.w {
			far := float64(s.nx*(float64(i)-x)) + float64(s.ny*(float64(j)-y))
			in := min(1, max(0, 0.5+far/s.soft)) * min(1, max(0, 0.5+(wide-far)/s.soft))
			keep := int64(math.Floor(float64(65536 * (1 - float64(in*(1-s.keep))))))
			p.pix[j*p.w+i] = int32(int64(p.pix[j*p.w+i]) * keep >> 16)
		}
	}
}

// arcs is the arcsine of 0 to 1 in 1/1024.
var arcs = func() (t [1025]float64) {
	angle := 0.0
	for i := range t {
		for range 40 {
			s, c := sinCos(angle)
			if c < 0.01 {
				break
			}
			angle -= (s - float64(float64(i)/1024)) / c
			angle = min(angle, math.Pi/2)
		}
		t[i] = angle
	}
	return t
}()

// unroll gives the place on a sheet that is bent around a cylinder of radius r
// about the column at centre, for the place u on the flat sheet that would be
// seen there, and how much faster the place moves. It fails beyond the
// cylinder's visible part.
func unroll(u, centre, r float64) (on, faster float64, ok bool) {
	t := (u - centre) / r
	sign := 1.0
	if t < 0 {
		t, sign = -t, -1
	}
	if t > 0.97 {
		return 0, 0, false
	}
	at := float64(t * 1024)
	i := int(at)
	part := at - float64(i)
	angle := arcs[i] + float64(part*(arcs[i+1]-arcs[i]))
	return centre + float64(sign*float64(r*angle)), 1 / math.Sqrt(1-float64(t*t)), true
}
