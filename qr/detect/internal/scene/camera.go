package scene

import (
	"image"
	"math"
)

// shot says how one frame is taken. Lengths are camera pixels unless said
// otherwise, brightness is of 255.
type shot struct {
	w, h     int
	part     float64    // side of the symbol, of the frame's height
	tilt     [2]float64 // how the page leans about the frame's horizontal and vertical axis, radians
	roll     float64    // turn of the phone about the camera's axis, radians
	x, y     float64    // where the symbol's centre is, of the frame
	blur     float64    // standard deviation of the whole blur: focus, lens, the camera's own smoothing
	motion   float64    // length of the way during the exposure
	heading  float64    // its direction, radians
	contrast float64    // white minus black of the symbol, of 255
	black    float64    // brightness of black
	vignette float64    // loss of light in the corners, of 1
	slope    [2]float64
	fill     float64 // share of a photosite's pitch that collects light
	optics   float64 // blur before the photosites, on which the moiré hangs
	grid     float64 // how much of the brightness the gaps between LCD pixels modulate, of 1
	noise    float64 // standard deviation in white, before the camera's smoothing makes grain of it
	grain    float64 // share of the noise that spans neighbouring pixels
	sharpen  float64 // strength of the camera's sharpening
	glares   []spot
	focal    float64 // focal length, of the frame's width: 0.65 sees 75 degrees, 1 sees 53
	shadow   *shadow
	barrel   float64 // distortion of the lens: how far a corner of the frame is seen inward, of the half diagonal
	exposure float64 // brightness of the surroundings against the screen's
}

// spot is a light that the glass mirrors.
type spot struct {
	x, y, rx, ry float64
	strength     float64 // brightness added in its middle
	hard         float64 // 0 fades like a lamp out of focus, 1 has the edge of a window
}

// layer is a surface somewhere in front of the camera.
type layer struct {
	*surface
	toSurface matrix // from camera pixels to pixels of the surface
	dim       int32  // brightness of 256
}

// view gives the homography from the surface's pixels to the camera's for a
// surface whose point (cx, cy) is seen at (x, y) with scale camera pixels to a
// surface pixel, by a lens whose focal length is given in camera pixels.
func view(w, h int, focal, cx, cy, x, y, scale float64, tilt [2]float64, roll float64) matrix {
	distance := focal / scale
	// The page leans about the axis (cd, sd) in its plane.
	lean, cd, sd := math.Sqrt(float64(tilt[0]*tilt[0])+float64(tilt[1]*tilt[1])), 1.0, 0.0
	if lean > 0 {
		cd, sd = tilt[0]/lean, tilt[1]/lean
	}
	st, ct := sinCos(lean)
	sr, cr := sinCos(roll)
	// Rotation about the axis (cd, sd, 0) by the tilt (Rodrigues' formula), after the roll in the plane.
	k := 1 - ct
	r := [6]float64{
		ct + float64(float64(cd*cd)*k), float64(float64(cd*sd) * k),
		float64(float64(cd*sd) * k), ct + float64(float64(sd*sd)*k),
		-float64(sd * st), float64(cd * st),
	}
	// Columns for the surface's x and y directions.
	a := [3]float64{float64(r[0]*cr) + float64(r[1]*sr), float64(r[2]*cr) + float64(r[3]*sr), float64(r[4]*cr) + float64(r[5]*sr)}
	b := [3]float64{float64(r[1]*cr) - float64(r[0]*sr), float64(r[3]*cr) - float64(r[2]*sr), float64(r[5]*cr) - float64(r[4]*sr)}
	// The centre of projection stays in the frame's middle; the surface moves.
	px, py := float64(float64(w)/2), float64(float64(h)/2)
	tx, ty := float64((x-px)*distance)/focal, float64((y-py)*distance)/focal
	m := matrix{
		float64(focal*a[0]) + float64(px*a[2]), float64(focal*b[0]) + float64(px*b[2]), float64(focal*tx) + float64(px*distance),
		float64(focal*a[1]) + float64(py*a[2]), float64(focal*b[1]) + float64(py*b[2]), float64(focal*ty) + float64(py*distance),
		a[2], b[2], distance,
	}
	// Surface pixels count from (cx, cy).
	m[2] -= float64(m[0]*cx) + float64(m[1]*cy)
	m[5] -= float64(m[3]*cx) + float64(m[4]*cy)
	m[8] -= float64(m[6]*cx) + float64(m[7]*cy)
	return m
}

// wave is a quarter-free table of cosines, 1,024 to a turn, in 1/4096.
var wave = func() (t [1024]int32) {
	for i := range t {
		_, c := sinCos(float64(i) * 2 * math.Pi / 1024)
		t[i] = int32(math.Floor(float64(c*4096) + 0.5))
	}
	return t
}()

// plane is a picture of 1/256 of a brightness level: room for the small
// differences that survive until the last step.
type plane struct {
	w, h int
	pix  []int32
}

// taps is the number of samples along each side of a camera pixel.
const taps = 4

// expose renders the layers, the first in front, each pixel the mean of 16
// samples spread over it. moire scales the modulation by LCD pixels that the
// optics leave; see attenuation.
func expose(s *shot, layers []layer) *plane {
	p := &plane{s.w, s.h, make([]int32, s.w*s.h)}
	damp := newAttenuation(s)
	diagonal := 4 / float64(s.w*s.w+s.h*s.h)
	for y := range s.h {
		out := p.pix[y*s.w:][:s.w]
		for x := range out {
			var sum, n, light int32
			fx, fy := float64(x)+0.5, float64(y)+0.5
			if s.barrel != 0 {
				mx, my := float64(float64(s.w)/2), float64(float64(s.h)/2)
				dx, dy := fx-mx, fy-my
				far := 1 + float64(float64(s.barrel*(float64(dx*dx)+float64(dy*dy)))*diagonal)
				fx, fy = mx+float64(dx*far), my+float64(dy*far)
			}
			for _, l := range layers {
				m := &l.toSurface
				w := float64(m[6]*fx) + float64(m[7]*fy) + m[8]
				if w == 0 {
					continue
				}
				iw := 1 / w
				u := float64(iw * (float64(m[0]*fx) + float64(m[1]*fy) + m[2]))
				v := float64(iw * (float64(m[3]*fx) + float64(m[4]*fy) + m[5]))
				if !l.tiled && (u < -8 || v < -8 || u > float64(l.w+8) || v > float64(l.h+8)) {
					continue
				}
				// How the place on the surface moves with one camera pixel right and down, in 1/1024.
				ux, vx := float64(iw*(m[0]-float64(m[6]*u))), float64(iw*(m[3]-float64(m[6]*v)))
				uy, vy := float64(iw*(m[1]-float64(m[7]*u))), float64(iw*(m[4]-float64(m[7]*v)))
				if l.bend > 0 {
					on, faster, ok := unroll(u, float64(l.code.Min.X+l.code.Max.X)/2, l.bend)
					if !ok {
						continue
					}
					u, ux, uy = on, float64(ux*faster), float64(uy*faster)
				}
				u0, v0 := int(math.Floor(float64(u*1024))), int(math.Floor(float64(v*1024)))
				ux0, vx0 := int(math.Floor(float64(ux*(1024/taps)))), int(math.Floor(float64(vx*(1024/taps))))
				uy0, vy0 := int(math.Floor(float64(uy*(1024/taps)))), int(math.Floor(float64(vy*(1024/taps))))
				var add, count int32
				for j := range taps {
					uu := u0 - (taps-1)*(ux0+uy0)/2 + j*uy0
					vv := v0 - (taps-1)*(vx0+vy0)/2 + j*vy0
					for range taps {
						tx, ty := uu>>10, vv>>10
						uu += ux0
						vv += vx0
						if l.tiled {
							tx, ty = tx&(l.w-1), ty&(l.h-1)
						} else if uint(tx) >= uint(l.w) || uint(ty) >= uint(l.h) {
							continue
						}
						if t := l.pix[ty*l.w+tx]; t >= 0 {
							add += int32(t)
							count++
						}
					}
				}
				if count == 0 {
					continue
				}
				add = add * l.dim >> 8
				if damp.on && !l.screen.Empty() && (image.Point{u0 >> 10, v0 >> 10}).In(l.screen) {
					light = int32(int64(add) * int64(damp.of(u0, v0, ux, uy, vx, vy)) >> 12)
					add = light
				}
				// What the layer in front leaves free shows the layer behind.
				if count > taps*taps-n {
					add = add * (taps*taps - n) / count
					count = taps*taps - n
				}
				sum += add
				if n += count; n == taps*taps {
					break
				}
			}
			out[x] = sum * (256 / (taps * taps))
		}
	}
	return p
}

// attenuation computes moiré. The gaps between the rows of LCD pixels and the
// stripes of their colours modulate the brightness with one period a pixel. A
// sample at each photosite of a wave of f periods a photosite shows a wave of
// another, lower frequency when f is above one half; its phase is simply that
// of the place the photosite looks at. Its strength is what the optics (a
// Gaussian) and the photosite's area (a box) leave of it.
type attenuation struct {
	on bool
	// by f² in 1/64: 1/4096 of the brightness, for the stripes along u and the rows along v.
	stripes, rows [512]int32
}

func newAttenuation(s *shot) *attenuation {
	a := &attenuation{on: s.grid > 0}
	if !a.on {
		return a
	}
	for i := range a.stripes {
		ff := (float64(i) + 0.5) / 64
		gauss := expNeg(float64(2*math.Pi*math.Pi) * float64(float64(s.optics*s.optics)*ff))
		phase := float64(math.Pi*s.fill) * math.Sqrt(ff)
		box := 1.0
		if phase > 0.01 {
			sin, _ := sinCos(phase)
			box = sin / phase
		}
		left := float64(4096*s.grid) * float64(gauss*box)
		a.stripes[i] = int32(math.Floor(float64(left * 0.84)))
		a.rows[i] = int32(math.Floor(float64(left * 0.6)))
	}
	return a
}

// of returns the factor of brightness in 1/4096 at the place (u, v) in 1/1024.
func (a *attenuation) of(u, v int, ux, uy, vx, vy float64) int32 {
	at := func(dx, dy float64) int { return min(511, int(float64(64*(float64(dx*dx)+float64(dy*dy))))) }
	return 4096 + a.stripes[at(ux, uy)]*wave[u&1023]/4096 + a.rows[at(vx, vy)]*wave[v&1023]/4096
}

// kernel is a Gaussian in 1/65536.
func kernel(sigma float64) []int32 {
	n := int(math.Ceil(float64(3 * sigma)))
	k := make([]float64, 2*n+1)
	sum := 0.0
	for i := range k {
		d := float64(i-n) / sigma
		k[i] = expNeg(float64(d*d) / 2)
		sum += k[i]
	}
	out := make([]int32, len(k))
	left := int32(65536)
	for i := range out {
		out[i] = int32(math.Floor(float64(65536*k[i])/sum + 0.5))
		left -= out[i]
	}
	out[n] += left
	return out
}

// blur convolves with a Gaussian of the given standard deviation.
func (p *plane) blur(sigma float64) {
	if sigma < 0.05 {
		return
	}
	k := kernel(sigma)
	n := len(k) / 2
	line := make([]int32, p.w+2*n)
	for y := range p.h {
		row := p.pix[y*p.w:][:p.w]
		copy(line[n:], row)
		for i := range n {
			line[i], line[n+p.w+i] = row[0], row[p.w-1]
		}
		for x := range row {
			var sum int64
			for i, c := range k {
				sum += int64(c) * int64(line[x+i])
			}
			row[x] = int32(sum >> 16)
		}
	}
	// Down the columns, a strip of rows at a time through a ring of copies.
	old := make([][]int32, len(k))
	for i := range old {
		old[i] = make([]int32, p.w)
		copy(old[i], p.pix[max(0, min(p.h-1, i-n))*p.w:][:p.w])
	}
	sums := make([]int64, p.w)
	for y := range p.h {
		clear(sums)
		for i, c := range k {
			line := old[(y+i)%len(k)]
			for x, v := range line {
				sums[x] += int64(c) * int64(v)
			}
		}
		row := p.pix[y*p.w:][:p.w]
		for x := range row {
			row[x] = int32(sums[x] >> 16)
		}
		if y+1 < p.h {
			copy(old[y%len(k)], p.pix[min(p.h-1, y+1+n)*p.w:][:p.w])
		}
	}
}

// smear averages along a straight way of the given length: motion during the exposure.
func (p *plane) smear(length, heading float64) {
	if length < 0.5 {
		return
	}
	sin, cos := sinCos(heading)
	const steps = 8
	old := append([]int32(nil), p.pix...)
	var ox, oy [steps]int // in 1/256
	for i := range steps {
		t := float64(length * (float64(i)/(steps-1) - 0.5))
		ox[i], oy[i] = int(math.Floor(float64(256*cos*t))), int(math.Floor(float64(256*sin*t)))
	}
	for y := range p.h {
		for x := range p.w {
			var sum int32
			for i := range steps {
				fx, fy := ox[i]&255, oy[i]&255
				x0, y0 := x+ox[i]>>8, y+oy[i]>>8
				x1, y1 := max(0, min(p.w-1, x0+1)), max(0, min(p.h-1, y0+1))
				x0, y0 = max(0, min(p.w-1, x0)), max(0, min(p.h-1, y0))
				a := int(old[y0*p.w+x0])*(256-fx) + int(old[y0*p.w+x1])*fx
				b := int(old[y1*p.w+x0])*(256-fx) + int(old[y1*p.w+x1])*fx
				sum += int32((a*(256-fy) + b*fy) >> 16)
			}
			p.pix[y*p.w+x] = sum / steps
		}
	}
}

// develop adds light and noise and rounds to 8 bits.
func (p *plane) develop(s *shot, d *dice) *image.Gray {
	gain := int64(math.Floor(float64(65536 * s.contrast)))
	black := int32(math.Floor(float64(256 * s.black)))
	for y := range p.h {
		fy := (float64(y) + 0.5 - float64(float64(p.h)/2)) / float64(p.h) // −½ … ½
		row := p.pix[y*p.w:][:p.w]
		for x := range row {
			fx := (float64(x) + 0.5 - float64(float64(p.w)/2)) / float64(p.w)
			light := 1 - float64(float64(2*s.vignette)*(float64(fx*fx)+float64(fy*fy))) + float64(s.slope[0]*fx) + float64(s.slope[1]*fy)
			row[x] = int32((int64(row[x])*gain>>16 + int64(black)) * int64(math.Floor(float64(65536*light))) >> 16)
		}
	}
	if s.shadow != nil {
		p.cast(s.shadow, float64(s.x*float64(s.w)), float64(s.y*float64(s.h)))
	}
	for _, g := range s.glares {
		p.glare(g)
	}
	p.grain(s, d)
	if s.sharpen > 0 {
		p.sharpen(s.sharpen)
	}
	img := image.NewGray(image.Rect(0, 0, p.w, p.h))
	for i, v := range p.pix {
		img.Pix[i] = byte(max(0, min(255, (v+128)>>8)))
	}
	return img
}

func (p *plane) glare(g spot) {
	wide, high := float64(3*g.rx), float64(3*g.ry)
	for y := max(0, int(g.y-high)); y < min(p.h, int(g.y+high)); y++ {
		for x := max(0, int(g.x-wide)); x < min(p.w, int(g.x+wide)); x++ {
			dx, dy := (float64(x)-g.x)/g.rx, (float64(y)-g.y)/g.ry
			rr := float64(dx*dx) + float64(dy*dy)
			soft := expNeg(rr)
			q := rr * rr
			edge := 1 / (1 + float64(q*q))
			v := float64(soft*(1-g.hard)) + float64(edge*g.hard)
			p.pix[y*p.w+x] += int32(math.Floor(float64(256 * float64(g.strength*v))))
		}
	}
}

// grain adds noise: partly of each pixel alone, partly of small groups, as a
// camera's own smoothing and colour interpolation leave it; more where there is
// more light.
func (p *plane) grain(s *shot, d *dice) {
	if s.noise <= 0 {
		return
	}
	// Weights in 1/65536 of gauss units; the 3 × 3 binomial mean leaves 3/8 of the standard deviation.
	// Sharpening follows and strengthens it again. Grain does too: at 0.3 the frame's noise is 1.27 × s.noise.
	noise := s.noise / (1 + float64(0.75*s.sharpen))
	alone := int32(math.Floor(float64(256*65536/gaussUnit) * float64(noise*math.Sqrt(1-s.grain))))
	group := int32(math.Floor(float64(256*65536/gaussUnit) * float64(noise*math.Sqrt(s.grain)) * 8 / 3))
	w := p.w + 2
	var four [4]int32
	fill := func(line []int32) {
		for i := 0; i < len(line); i += 4 {
			d.gauss4(&four)
			copy(line[i:], four[:])
		}
	}
	lines := [3][]int32{make([]int32, w), make([]int32, w), make([]int32, w)}
	fill(lines[0])
	fill(lines[1])
	for y := range p.h {
		fill(lines[(y+2)%3])
		a, b, c := lines[y%3], lines[(y+1)%3], lines[(y+2)%3]
		row := p.pix[y*p.w:][:p.w]
		for x := range row {
			around := a[x] + a[x+2] + c[x] + c[x+2] + 2*(a[x+1]+c[x+1]+b[x]+b[x+2]) + 4*b[x+1]
			n := int64(alone)*int64(b[x+1]) + int64(group)*int64(around)/16
			// Shot noise: seven eighths of it in black, all of it in white.
			bright := int64(max(0, min(65535, row[x])))
			row[x] += int32((n >> 16) * (57344 + bright/8) >> 16)
		}
	}
}

// sharpen adds the difference from the mean of 3 × 3, as cameras do.
func (p *plane) sharpen(strength float64) {
	k := int32(math.Floor(float64(256 * strength)))
	old := append([]int32(nil), p.pix...)
	for y := range p.h {
		y0, y1 := max(0, y-1)*p.w, min(p.h-1, y+1)*p.w
		for x := range p.w {
			x0, x1 := max(0, x-1), min(p.w-1, x+1)
			m := y * p.w
			mean := (old[y0+x0] + old[y0+x1] + old[y1+x0] + old[y1+x1] + 2*(old[y0+x]+old[y1+x]+old[m+x0]+old[m+x1]) + 4*old[m+x]) / 16
			p.pix[m+x] += (old[m+x] - mean) * k / 256
		}
	}
}
