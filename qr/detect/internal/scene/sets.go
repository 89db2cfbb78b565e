// Package scene makes camera-like pictures of QR symbols whose text is known:
// a symbol on the screen of a phone in somebody's hand, before a desk, seen by
// a webcam; a scanned print; a screenshot. The judge's programs show them to
// decoders.
//
// A frame depends on the set, the seed and its number alone. Its pixels are
// equal on every machine (numbers.go says how); the bytes of a JPEG file may
// change with the encoder of the Go release.
package scene

import (
	"fmt"
	"image"
	"slices"
)

// Frame is one made picture.
type Frame struct {
	// Name is the file's name without extension: number, size, version.
	Name    string
	Picture *image.Gray
	// Text is what the symbol says; empty: there is no symbol.
	Text string
	// More is what further symbols of the picture say.
	More []string
	// Quality is that of the JPEG file, 1 to 100; 0 asks for a PNG.
	Quality int
}

// Sets are the names that Make and Count know.
var Sets = []string{"webcam", "1080p", "goodlight", "paper", "screenshot", "vga", "hard"}

// camera is the range of every parameter of a set of camera frames.
type camera struct {
	w, h       int
	part       span
	tilt, roll float64 // degrees, at most; the tilt about each of two axes
	blur       span
	motion     span
	contrast   span
	noise      span
	optics     span
	sharpen    span
	barrel     span
	quality    [2]int
	glare      float64 // share of frames
	mirror     float64
	cut        float64
}

var cameras = map[string]camera{
	"webcam": {w: 1280, h: 720, part: span{0.55, 0.88}, tilt: 15, roll: 15, blur: span{0.6, 1.1}, contrast: span{0.55, 0.9}, noise: span{4, 8},
		optics: span{0.24, 0.4}, sharpen: span{0, 0.3}, barrel: span{0, 0.015}, quality: [2]int{60, 85}, glare: 0.15, mirror: 0.4, cut: 0.035},
	"1080p": {w: 1920, h: 1080, part: span{0.55, 0.88}, tilt: 15, roll: 15, blur: span{0.6, 1.1}, contrast: span{0.55, 0.9}, noise: span{4, 8},
		optics: span{0.24, 0.4}, sharpen: span{0, 0.3}, barrel: span{0, 0.015}, quality: [2]int{60, 85}, glare: 0.15, mirror: 0.4, cut: 0.035},
	"vga": {w: 640, h: 480, part: span{0.55, 0.88}, tilt: 15, roll: 15, blur: span{0.6, 1.1}, contrast: span{0.55, 0.9}, noise: span{4, 8},
		optics: span{0.24, 0.4}, sharpen: span{0, 0.3}, barrel: span{0, 0.015}, quality: [2]int{60, 85}, glare: 0.15, mirror: 0.4, cut: 0.035},
	"goodlight": {w: 1280, h: 720, part: span{0.55, 0.72}, tilt: 15, roll: 15, blur: span{0.6, 1.1}, contrast: span{0.55, 0.9}, noise: span{1.5, 3.5},
		optics: span{0.24, 0.4}, sharpen: span{0, 0.3}, barrel: span{0, 0.015}, quality: [2]int{75, 92}},
	"hard": {w: 1280, h: 720, part: span{0.45, 0.8}, tilt: 25, roll: 35, blur: span{0.8, 1.4}, motion: span{2, 6}, contrast: span{0.3, 0.55}, noise: span{4, 8},
		optics: span{0.24, 0.4}, sharpen: span{0, 0.3}, barrel: span{0, 0.015}, quality: [2]int{50, 75}, glare: 0.3, mirror: 0.6, cut: 0.08},
}

// Count is the number of frames of a set with n frames of each size.
func Count(set string, n int) int {
	switch {
	case set == "screenshot":
		return 40 * 4
	case slices.Contains(Wild, set):
		return n * wildFrames
	}
	return n * len(Sizes)
}

// Make makes frame index of a set. Frames of equal set, seed and index are equal.
func Make(set string, seed uint64, index int) (*Frame, error) {
	d := newDice(seed, set, index)
	if c, ok := cameras[set]; ok {
		return c.frame(d, index)
	}
	switch set {
	case "paper":
		return paper(d, index)
	case "screenshot":
		return screenshot(d, index)
	}
	return wild(d, set, index)
}

func (c *camera) frame(d *dice, index int) (*Frame, error) {
	size := Sizes[index%len(Sizes)]
	code, err := randomSymbol(d, size)
	if err != nil {
		return nil, err
	}
	subject := phone(d, code)
	s := c.shot(d)
	img := take(s, d, subject)
	return &Frame{Name: fmt.Sprintf("%03d-%s-v%02d", index, size, code.version), Picture: img, Text: code.text,
		Quality: c.quality[0] + d.intn(c.quality[1]-c.quality[0]+1)}, nil
}

// shot draws the parameters of one frame.
func (c *camera) shot(d *dice) *shot {
	s := &shot{
		w: c.w, h: c.h, part: d.in(c.part),
		tilt: [2]float64{d.between(-c.tilt*degree, c.tilt*degree), d.between(-c.tilt*degree, c.tilt*degree)}, roll: d.between(-c.roll*degree, c.roll*degree),
		blur: d.in(c.blur), motion: d.in(c.motion), heading: d.between(0, 180*degree),
		contrast: d.in(c.contrast), noise: d.in(c.noise), grain: d.between(0.1, 0.5),
		optics: d.in(c.optics), fill: d.between(0.5, 0.9), grid: d.between(0.3, 1), sharpen: d.in(c.sharpen), barrel: d.in(c.barrel), focal: d.between(0.65, 1),
		vignette: d.between(0.05, 0.35), slope: [2]float64{float64(0.25 * d.signed()), float64(0.25 * d.signed())},
		exposure: d.between(0.35, 1),
	}
	s.black = d.between(8, max(10, 245-float64(255*s.contrast)))
	// The whole symbol with some quiet zone is in the frame, except where the guard is careless.
	side := float64(s.part*float64(s.h)) / float64(s.w)
	freeX, freeY := (1-float64(1.12*side))/2, (1-float64(1.12*s.part))/2
	s.x, s.y = 0.5+float64(max(0, freeX)*d.between(-0.8, 0.8)), 0.5+float64(max(0, freeY)*d.between(-1, 1))
	if d.chance(c.cut) {
		over := float64(s.part * d.between(-0.02, 0.12))
		s.y = float64(s.part/2) - over
		if d.chance(0.5) {
			s.y = 1 - s.y
		}
	}
	if d.chance(c.glare) {
		s.glares = append(s.glares, s.lamp(d, d.between(70, 220), 0.04, 0.13))
	}
	if d.chance(c.mirror) {
		s.glares = append(s.glares, spot{x: float64(float64(s.w) * d.unit()), y: float64(float64(s.h) * d.unit()),
			rx: float64(float64(s.h) * d.between(0.15, 0.5)), ry: float64(float64(s.h) * d.between(0.15, 0.5)), strength: d.between(6, 30), hard: d.unit()})
	}
	return s
}

// lamp is a mirrored light somewhere on the symbol; its radius is a part of the frame's height.
func (s *shot) lamp(d *dice, strength, small, large float64) spot {
	half := float64(s.part*float64(s.h)) / 2
	return spot{
		x:  float64(s.x*float64(s.w)) + float64(half*d.between(-1, 1)),
		y:  float64(s.y*float64(s.h)) + float64(half*d.between(-1, 1)),
		rx: float64(float64(s.h) * d.between(small, large)), ry: float64(float64(s.h) * d.between(small, large)),
		strength: strength, hard: d.unit(),
	}
}

// take photographs the subject, whose symbol fills the asked part of the frame,
// with a printed sheet and a desk behind it.
func take(s *shot, d *dice, subject *surface) *image.Gray {
	focal := float64(s.focal * float64(s.w))
	code := subject.code
	cx, cy := float64(code.Min.X+code.Max.X)/2, float64(code.Min.Y+code.Max.Y)/2
	scale := float64(s.part*float64(s.h)) / float64(code.Dx())
	front := view(s.w, s.h, focal, cx, cy, float64(s.x*float64(s.w)), float64(s.y*float64(s.h)), scale, s.tilt, s.roll)
	dim := int32(float64(256 * s.exposure))
	layers := []layer{{subject, front.adjugate(), 256}}
	if d.chance(0.7) {
		page := sheet(d, 900, 1200)
		at := view(s.w, s.h, focal, 450, 600, float64(float64(s.w)*d.between(0, 1)), float64(float64(s.h)*d.between(0.2, 0.8)),
			float64(d.between(0.4, 0.7)*float64(s.h)/720), [2]float64{float64(20 * degree * d.signed()), float64(20 * degree * d.signed())}, d.between(-1.5, 1.5))
		layers = append(layers, layer{page, at.adjugate(), dim})
	}
	ground := desk(d)
	at := view(s.w, s.h, focal, 0, 0, 0, 0, float64(d.between(1, 3)*float64(s.h)/720), [2]float64{float64(10 * degree * d.signed()), 0}, d.between(-3, 3))
	layers = append(layers, layer{ground, at.adjugate(), dim})
	p := expose(s, layers)
	p.blur(s.blur)
	p.smear(s.motion, s.heading)
	return p.develop(s, d)
}

// paper scans a print of five centimetres at 300 dots an inch.
func paper(d *dice, index int) (*Frame, error) {
	size := Sizes[index%len(Sizes)]
	code, err := randomSymbol(d, size)
	if err != nil {
		return nil, err
	}
	const side = 591 // pixels of 5 cm
	// The print: 1,200 dots an inch, so that a module is whole dots; ink spreads a little.
	k := 4 * side / code.size
	w, h := 4*1240, 4*900
	s := newSurface(w, h, 250)
	x, y := 4*(80+d.intn(500)), 4*(100+d.intn(150))
	s.paragraph(d, image.Rect(200, 120, w-200, y-4*60), 8, 25)
	s.paragraph(d, image.Rect(200, y+4*side+4*60, w-200, h-100), 8, 25)
	s.symbol(x, y, k, code, int16(15+d.intn(30)))
	sh := &shot{w: 1240, h: 900, contrast: 0.93, black: d.between(4, 12), noise: d.between(2.5, 5.5), grain: d.between(0.3, 0.7),
		blur: d.between(0.5, 1), sharpen: d.between(0.2, 1), vignette: d.between(0, 0.04)}
	m := view(sh.w, sh.h, 5000, float64(w)/2, float64(h)/2, 620, 450, 0.25, [2]float64{}, float64(2.5*degree*d.signed()))
	p := expose(sh, []layer{{s, m.adjugate(), 256}, {newSurfaceTiled(252), matrix{1, 0, 0, 0, 1, 0, 0, 0, 1}, 256}})
	p.texture(d, float64(d.between(2, 5)))
	p.blur(sh.blur)
	p.spread(d.between(0, 0.25))
	return &Frame{Name: fmt.Sprintf("%03d-%s-v%02d", index, size, code.version), Picture: p.develop(sh, d), Text: code.text, Quality: 75 + d.intn(20)}, nil
}

func newSurfaceTiled(shade int16) *surface {
	s := newSurface(1, 1, shade)
	s.tiled = true
	return s
}

// texture adds the unevenness of paper, in brightness levels.
func (p *plane) texture(d *dice, levels float64) {
	fibre, cloud := newLattice(d, 256), newLattice(d, 64)
	k := int32(float64(256 * levels))
	for y := range p.h {
		for x := range p.w {
			p.pix[y*p.w+x] += (fibre.at(x*150, y*150) + cloud.at(x*9, y*9)/2) * k / 127
		}
	}
}

// spread darkens edges as ink that runs into the paper: greys move toward black.
func (p *plane) spread(amount float64) {
	k := int64(float64(65536 * amount))
	for i, v := range p.pix {
		g := int64(max(0, min(65280, v)))
		p.pix[i] -= int32((g * (65280 - g) >> 16) * k >> 16)
	}
}

// screenshot draws version and level by index exactly, 3 to 8 pixels a module,
// in a page with other content.
func screenshot(d *dice, index int) (*Frame, error) {
	version, level := 1+index/4%40, string("LMQH"[index%4])
	code, err := symbolOfVersion(d, version, level)
	if err != nil {
		return nil, err
	}
	if code.version != version {
		return nil, fmt.Errorf("scene: version %d of %d characters at level %s, want %d", code.version, len(code.text), level, version)
	}
	k := 3 + d.intn(6)
	side := (code.size + 8) * k
	w, h := max(side+2*d.intn(60)+40, 420), side+260+d.intn(600)
	s := newSurface(w, h, 255)
	x, y := (w-side)/2, 150+d.intn(h-side-200)
	s.fill(image.Rect(0, 0, w, 90), int16(40+d.intn(180)))
	s.text(20, 30, 2, 255, "SERVICE ID 12:45")
	s.paragraph(d, image.Rect(20, 100, w-20, y-10), 1, 70)
	s.paragraph(d, image.Rect(20, y+side+10, w-20, h-20), 2, 20)
	s.symbol(x+4*k, y+4*k, k, code, 0)
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i, v := range s.pix {
		img.Pix[i] = byte(v)
	}
	return &Frame{Name: fmt.Sprintf("%03d-v%02d-%s-%dpx", index, version, level, k), Picture: img, Text: code.text}, nil
}

// Known reports whether there is a set of that name.
func Known(set string) bool {
	return slices.Contains(Sets, set) || slices.Contains(Wild, set)
}
