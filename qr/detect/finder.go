package detect

import (
	"cmp"
	"math"
	"slices"
)

// view is the picture at one scale.
type view struct {
	*grey
	scale float64 // pixels of the picture along one pixel of this view

	// threshold holds one threshold for each block of blockSize × blockSize
	// pixels, bw blocks a row; a pixel below it is dark.
	threshold []byte
	bw, bh    int

	around []block // what is known of the surroundings of each block
	even   float64 // share of blocks of one colour
	noise  int     // standard deviation of the calmer parts, in grey levels
}

const (
	blockShift = 3
	blockSize  = 1 << blockShift
)

// at returns the brightness at a place, interpolated between pixel centres.
// Beyond the border the border repeats.
func (g *grey) at(x, y float64) float32 {
	x -= 0.5
	y -= 0.5
	if x >= 0 && y >= 0 && x < float64(g.w-1) && y < float64(g.h-1) { // nearly always
		ix, iy := int(x), int(y)
		fx, fy := float32(x-float64(ix)), float32(y-float64(iy))
		p := g.pix[iy*g.w+ix:][: g.w+2 : g.w+2]
		a, c := float32(p[0]), float32(p[g.w])
		top := a + (float32(p[1])-a)*fx
		return top + (c+(float32(p[g.w+1])-c)*fx-top)*fy
	}
	if !(x >= 0) {
		x = 0
	}
	if !(y >= 0) {
		y = 0
	}
	if x > float64(g.w-1) {
		x = float64(g.w - 1)
	}
	if y > float64(g.h-1) {
		y = float64(g.h - 1)
	}
	ix, iy := int(x), int(y)
	fx, fy := float32(x-float64(ix)), float32(y-float64(iy))
	i := iy*g.w + ix
	right, below := 1, g.w
	if ix == g.w-1 {
		right = 0
	}
	if iy == g.h-1 {
		below = 0
	}
	a, b := float32(g.pix[i]), float32(g.pix[i+right])
	c, d := float32(g.pix[i+below]), float32(g.pix[i+below+right])
	top := a + (b-a)*fx
	return top + (c+(d-c)*fx-top)*fy
}

// A binariser decides where the local threshold lies.
type binariser int

const (
	byMean binariser = iota // the mean of the 5 × 5 blocks around: best in noise and uneven light
	byBoth
	byMidrange // midway between the darkest and the lightest of the blocks around: best near large dark or light areas
)

// block is what is known of the pixels of a block, or of several.
type block struct {
	sum, square, count int32
	lo, hi             byte
}

func (b *block) add(o block) {
	b.sum += o.sum
	b.square += o.square
	b.count += o.count
	b.lo, b.hi = min(b.lo, o.lo), max(b.hi, o.hi)
}

// survey measures the blocks, the noise, and the surroundings of each block: the
// 5 × 5 blocks around it.
func (v *view) survey() {
	bw, bh := (v.w+blockSize-1)>>blockShift, (v.h+blockSize-1)>>blockShift
	step := 1
	if v.w*v.h > largeView { // a quarter of the pixels tells as much
		step = 2
	}
	v.bw, v.bh = bw, bh
	blocks := make([]block, bw*bh)
	for by := range bh {
		row := blocks[by*bw:][:bw]
		for i := range row {
			row[i].lo = 255
		}
		y1 := min(v.h, (by+1)<<blockShift)
		for y := by << blockShift; y < y1; y += step {
			line := v.pix[y*v.w:][:v.w]
			for bx := range row {
				x0 := bx << blockShift
				part := line[x0:min(x0+blockSize, len(line))]
				b := &row[bx]
				lo, hi, sum, square, count := b.lo, b.hi, int32(0), int32(0), int32(0)
				for k := 0; k < len(part); k += step {
					p := part[k]
					sum += int32(p)
					square += int32(p) * int32(p)
					lo, hi = min(lo, p), max(hi, p)
					count++
				}
				b.lo, b.hi, b.sum, b.square, b.count = lo, hi, b.sum+sum, b.square+square, b.count+count
			}
		}
	}
	// The noise of the camera is what the calmer blocks show.
	var calm [64]int
	for _, b := range blocks {
		mean := b.sum / b.count
		calm[min(63, isqrt(b.square/b.count-mean*mean))]++
	}
	for left := len(blocks) / 10; v.noise < 63 && left > calm[v.noise]; v.noise++ {
		left -= calm[v.noise]
	}
	v.even = float64(calm[0]) / float64(len(blocks))
	// Along rows, then down columns.
	const radius = 2
	along := make([]block, bw*bh)
	for by := range bh {
		row, out := blocks[by*bw:][:bw], along[by*bw:][:bw]
		for bx := range out {
			t := block{lo: 255}
			for _, b := range row[max(0, bx-radius):min(bw, bx+radius+1)] {
				t.add(b)
			}
			out[bx] = t
		}
	}
	for by := range bh {
		for bx := range bw {
			t := block{lo: 255}
			for y := max(0, by-radius); y < min(bh, by+radius+1); y++ {
				t.add(along[y*bw+bx])
			}
			blocks[by*bw+bx] = t
		}
	}
	v.around = blocks
}

// setThresholds computes the threshold of each block from its surroundings.
func (v *view) setThresholds(how binariser) {
	if v.around == nil {
		v.survey()
	}
	v.threshold = slices.Grow(v.threshold[:0], len(v.around))[:len(v.around)]
	// Where the deviation is not well above the noise there is nothing to see:
	// speckle there would cost time. The second way of deciding takes weaker
	// codes for it. A code that fills the picture leaves no calm block; more
	// than 24 levels are never noise.
	times := 3
	if how == byMean {
		times = 2
	}
	flat := int32(max(2, min(24, times*v.noise)))
	flat *= flat
	for i, t := range v.around {
		mean := t.sum / t.count
		middle := (int32(t.lo) + int32(t.hi) + 1) / 2
		switch {
		case t.square/t.count-mean*mean < flat: // nothing but noise: all light
			v.threshold[i] = 0
		case how == byMidrange:
			v.threshold[i] = byte(middle)
		case how == byBoth:
			v.threshold[i] = byte((middle + mean) / 2)
		default:
			v.threshold[i] = byte(mean)
		}
	}
}

func isqrt(v int32) int { return int(math.Sqrt(float64(max(0, v)))) }

func (v *view) dark(x, y int) bool {
	return v.pix[y*v.w+x] < v.threshold[(y>>blockShift)*v.bw+x>>blockShift]
}

// spot is where lines cross the runs of a finder pattern.
type spot struct {
	x, y, m float64 // mean place and module in pixels of the view
	hits    float64
	light   bool // light on dark
}

// likeFinder tells whether five runs have the ratio 1:1:3:1:1. It weighs the
// distances between edges of the same kind, which too high or too low a
// threshold does not change, and returns the module.
func likeFinder(r *[5]int) (m float64, ok bool) {
	e1, e2, e3, e4 := r[0]+r[1], r[1]+r[2], r[2]+r[3], r[3]+r[4]
	if r[2] <= r[1] || r[2] <= r[3] {
		return 0, false
	}
	m = float64(e1+e2+e3+e4) / 12
	slack := 0.7*m + 0.6
	if math.Abs(float64(e1)-2*m) > slack || math.Abs(float64(e4)-2*m) > slack ||
		math.Abs(float64(e2)-4*m) > slack+0.5*m || math.Abs(float64(e3)-4*m) > slack+0.5*m {
		return 0, false
	}
	return m, true
}

// spots scans every step-th row, until late, for finder patterns of both
// colours.
func (v *view) spots(step int, edges []int32, late func() bool) ([]spot, []int32) {
	var found []spot
	for y := step / 2; y < v.h; y += step {
		if y%4 < step && late() {
			break
		}
		edges = v.edges(y, edges[:0])
		// Run i lies between edges i and i+1; run 0 is light, if empty.
		for i := 0; i+5 < len(edges); i++ {
			var r [5]int
			for k := range r {
				r[k] = int(edges[i+k+1] - edges[i+k])
			}
			m, ok := likeFinder(&r)
			if !ok {
				continue
			}
			light := i%2 == 0
			x := int(edges[i+2]+edges[i+3]) / 2
			cy, mv, ok := v.across(x, y, m, light, true)
			if !ok {
				continue
			}
			cx, mh, ok := v.across(x, int(cy), m, light, false)
			if !ok {
				continue
			}
			found = joinSpot(found, spot{x: cx, y: cy, m: (mh + mv) / 2, hits: 1, light: light})
			if len(found) >= maxSpots {
				return found, edges
			}
		}
	}
	return found, edges
}

// edges lists where the colour changes along row y, with both ends.
func (v *view) edges(y int, edges []int32) []int32 {
	edges = append(edges, 0)
	line := v.pix[y*v.w:][:v.w]
	thresholds := v.threshold[(y>>blockShift)*v.bw:][:v.bw]
	dark := false
	for bx, t := range thresholds {
		x0 := bx << blockShift
		for k, p := range line[x0:min(x0+blockSize, len(line))] {
			if (p < t) != dark {
				dark = !dark
				edges = append(edges, int32(x0+k))
			}
		}
	}
	return append(edges, int32(v.w))
}

// across measures the five runs through (x, y) down the column or along the
// row, and returns the middle of the core on that line.
func (v *view) across(x, y int, module float64, light, vertical bool) (middle, m float64, ok bool) {
	at, size, dx, dy := x, v.w, 1, 0
	if vertical {
		at, size, dx, dy = y, v.h, 0, 1
	}
	limit := int(8*module) + 3
	px, py := x, y
	if px < 0 || py < 0 || px >= v.w || py >= v.h || v.dark(px, py) == light {
		return 0, 0, false
	}
	var r [5]int
	// One way: the rest of the core, the ring, the border.
	walk := func(sign int, first int) (end int) {
		pos := at + sign
		colour := !light
		for k := first; k >= 0 && k < 5; k += sign {
			start := pos
			for pos >= 0 && pos < size {
				qx, qy := x+dx*(pos-at), y+dy*(pos-at)
				if v.dark(qx, qy) != colour {
					break
				}
				if pos += sign; (pos-at)*sign > limit {
					return -1
				}
			}
			r[k] += (pos - start) * sign
			if k == 2 {
				end = pos
			}
			if r[k] == 0 {
				return -1
			}
			colour = !colour
		}
		return end
	}
	r[2] = 1
	lo := walk(-1, 2)
	if lo < 0 || r[0] == 0 {
		return 0, 0, false
	}
	hi := walk(1, 2)
	if hi < 0 || r[4] == 0 {
		return 0, 0, false
	}
	m, ok = likeFinder(&r)
	if !ok || m > 2.5*module || module > 2.5*m {
		return 0, 0, false
	}
	return float64(lo+1+hi) / 2, m, true
}

func joinSpot(found []spot, s spot) []spot {
	for i := len(found) - 1; i >= 0; i-- {
		f := &found[i]
		if f.light == s.light && math.Abs(f.x-s.x) <= 1.5*f.m && math.Abs(f.y-s.y) <= 1.5*f.m && f.m < 2*s.m && s.m < 2*f.m {
			k := 1 / (f.hits + 1)
			f.x, f.y, f.m = (f.x*f.hits+s.x)*k, (f.y*f.hits+s.y)*k, (f.m*f.hits+s.m)*k
			f.hits++
			return found
		}
	}
	return append(found, s)
}

// finder is a finder pattern, confirmed on the grey picture.
type finder struct {
	c       Point   // centre in pixels of the picture
	m       float64 // mean module in pixels of the picture
	quality float64 // 0 to 1: share of directions that show the rings
	light   bool
	view    *view
	round   int  // the look that found it, or found it better
	used    bool // belongs to a symbol that was read
}

// rays is the number of directions in which a finder pattern is looked at.
const rays = 16

var rayDirections = func() (d [rays]Point) {
	for i := range d {
		s, c := math.Sincos(2 * math.Pi * (float64(i) + 0.25) / rays)
		d[i] = Point{c, s}
	}
	return d
}()

// ray looks from the centre of a finder pattern, (x, y) in pixels of v, into
// direction d for the ends of the dark core, the light ring and the dark ring,
// which lie 1.5, 2.5 and 3.5 modules away when d is along the sides. module is
// about what one module measures.
func (v *view) ray(x, y float64, d Point, module float64, light bool, contrast float32) (t [3]float64, tone [2]float32, ok bool) {
	step := 0.22 * module
	const reach = 36 // 7.9 modules: 3.5 × √2, and room for a wrong module
	var p [reach]float32
	for i := range p {
		r := step * float64(i)
		p[i] = v.at(x+r*d.X, y+r*d.Y)
		if light {
			p[i] = 255 - p[i]
		}
	}
	// Turning points, each confirmed when the brightness has come back by delta.
	delta := 0.2 * contrast
	turn := 0
	low, high := p[0], p[0]
	highAt, lowAt := 0, 0
	cross := func(from, to int, level float32, rising bool) float64 {
		for i := from; i < to; i++ {
			a, b := p[i], p[i+1]
			if rising && a <= level && b > level || !rising && a >= level && b < level {
				return step * (float64(i) + float64((level-a)/(b-a)))
			}
		}
		return -1
	}
	start := 0
	for i := 1; i < reach; i++ {
		switch turn {
		case 0: // in the core, waiting for the light ring
			if p[i] > high {
				high, highAt = p[i], i
			}
			if p[i] < low && high-low < delta {
				low, lowAt, high, highAt = p[i], i, p[i], i
			}
			if high-low >= delta && high-p[i] >= delta {
				t[0] = cross(lowAt, highAt, (low+high)/2, true)
				tone[0] = high
				turn, start = 1, highAt
				low, lowAt = p[i], i
			}
		case 1: // in the dark ring, waiting for its far end
			if p[i] < low {
				low, lowAt = p[i], i
			}
			if p[i]-low >= delta {
				t[1] = cross(start, lowAt, (low+high)/2, false)
				tone[1] = low
				turn, start = 2, lowAt
				high, highAt = p[i], i
				// Beyond lies a light zone at least one module wide; do not look
				// further for its brightest place.
				end := min(reach-1, i+int(math.Ceil(0.6*module/step)))
				for k := i; k <= end; k++ {
					if p[k] > high {
						high, highAt = p[k], k
					}
				}
				t[2] = cross(start, highAt, (low+high)/2, true)
			}
		}
		if turn == 2 {
			break
		}
	}
	if turn < 2 || t[0] <= 0 || t[1] <= 0 || t[2] <= 0 {
		return t, tone, false
	}
	return t, tone, t[1] < 2.5*t[0] && t[1] > 1.2*t[0] && t[2] < 2*t[1] && t[2] > 1.12*t[1]
}

// pitch is the module along the direction of a ray. The rings are weighed so
// that a dark colour that spreads does not count.
func pitch(t [3]float64) float64 { return (t[0] + 2*t[1] + t[2]) / 10 }

// confirm looks at a spot from its centre into all directions.
func (v *view) confirm(s spot) (finder, bool) {
	x, y, m := s.x, s.y, s.m
	var lo, hi float32 = 255, 0
	for _, d := range rayDirections {
		for _, r := range [4]float64{0.5, 2, 3, 4.5} {
			p := v.at(x+d.X*r*m, y+d.Y*r*m)
			lo, hi = min(lo, p), max(hi, p)
		}
	}
	contrast := hi - lo
	if contrast < minContrast {
		return finder{}, false
	}
	var good int
	var module, asym, total, spread float64
	for pass := range 2 {
		var t [rays][3]float64
		var seen [rays]bool
		var tones [rays][2]float32
		good, module = 0, 0
		for i, d := range rayDirections {
			if t[i], tones[i], seen[i] = v.ray(x, y, d, m, s.light, contrast); seen[i] {
				good++
				module += pitch(t[i])
			}
		}
		if good < minRays {
			return finder{}, false
		}
		module /= float64(good)
		// The middle between opposite edges shows how far the centre is off.
		var e equations
		pairs := 0
		asym, total = 0, 0
		for i := range rays / 2 {
			k := i + rays/2
			if !seen[i] || !seen[k] {
				continue
			}
			longer, shorter := max(t[i][2], t[k][2]), min(t[i][2], t[k][2])
			if longer > 1.8*shorter {
				good--
				continue
			}
			asym += longer - shorter
			total += longer + shorter
			off := 0.0
			for j := range 3 {
				off += t[i][j] - t[k][j]
			}
			e.add([]float64{rayDirections[i].X, rayDirections[i].Y}, off/6, 1)
			pairs++
		}
		if pairs < 2 || good < minRays {
			return finder{}, false
		}
		var shift [2]float64
		if !e.solve(shift[:]) {
			return finder{}, false
		}
		off := math.Hypot(shift[0], shift[1])
		if off > 1.5*module {
			return finder{}, false
		}
		x, y = x+shift[0], y+shift[1]
		var sum, square [2]float64
		for i := range rays {
			if seen[i] {
				for j, v := range tones[i] {
					sum[j] += float64(v)
					square[j] += float64(v) * float64(v)
				}
			}
		}
		k := 0.0
		for i := range seen {
			if seen[i] {
				k++
			}
		}
		sd := 0.0
		for j := range 2 {
			sd += math.Sqrt(max(0, square[j]/k-sum[j]/k*sum[j]/k))
		}
		spread = sd / ((sum[0] - sum[1]) / k)
		// A mean over all directions sees 1.1 times the module along the sides.
		m = module / 1.1
		if pass == 0 && off < 0.15*module {
			break
		}
	}
	// In 300 camera frames 98 of 100 finder patterns have an asymmetry below
	// 0.04 and a spread below 0.36; 90 of 100 chance likenesses are above 0.046
	// and 0.385.
	quality := float64(good)/rays - 2.5*max(0, asym/total-0.02) - 0.6*max(0, spread-0.15)
	if quality < minQuality {
		return finder{}, false
	}
	return finder{
		c: Point{x * v.scale, y * v.scale}, m: m * v.scale,
		quality: quality, light: s.light, view: v,
	}, true
}

// finders returns the confirmed finder patterns of a view, those seen until
// late.
func (v *view) finders(step int, edges []int32, late func() bool) ([]finder, []int32) {
	spots, edges := v.spots(step, edges, late)
	slices.SortStableFunc(spots, func(a, b spot) int { return cmp.Compare(b.hits, a.hits) })
	var found []finder
	for i, s := range spots[:min(len(spots), maxConfirmed)] {
		if i%32 == 31 && late() {
			break
		}
		f, ok := v.confirm(s)
		if !ok {
			continue
		}
		if i := slices.IndexFunc(found, func(o finder) bool { return same(o, f) }); i < 0 {
			found = append(found, f)
		} else if f.quality > found[i].quality {
			found[i] = f
		}
	}
	return found, edges
}

// same tells whether two finders are one pattern.
func same(a, b finder) bool {
	m := min(a.m, b.m)
	return a.light == b.light && max(a.m, b.m) < 1.6*m && math.Abs(a.c.X-b.c.X) < 2*m && math.Abs(a.c.Y-b.c.Y) < 2*m
}
