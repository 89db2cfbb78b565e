package detect

import (
	"math"
)

// symbolFit is where a symbol lies: a homography and what a bent page or a lens
// adds to it.
type symbolFit struct {
	size int
	h    homography
	view *view // the view whose modules are about 4 pixels
	seen int   // which finder patterns are there

	// nodes × nodes offsets, in pixels of the picture, at the lattice lines
	// (in modules); none: nil.
	lines  []float64
	offset []Point

	// bend, when bent, is a polynomial of the third degree in the symbol that is
	// added to its coordinates before the homography.
	bent bool
	bend [2][10]float64
}

// place returns where symbol coordinates (u, v) lie in the picture.
func (f *symbolFit) place(u, v float64) Point {
	if f.bent {
		var b [10]float64
		cubic(u, v, f.size, &b)
		du, dv := 0.0, 0.0
		for i, k := range b {
			du += k * f.bend[0][i]
			dv += k * f.bend[1][i]
		}
		u, v = u+du, v+dv
	}
	p := f.h.at(u, v)
	if f.offset != nil {
		o := f.offsetAt(u, v)
		p.X += o.X
		p.Y += o.Y
	}
	return p
}

// cubic fills in the monomials up to the third degree on [-1, 1]².
func cubic(u, v float64, size int, b *[10]float64) {
	half := float64(size) / 2
	x, y := (u-half)/half, (v-half)/half
	*b = [10]float64{1, x, y, x * x, x * y, y * y, x * x * x, x * x * y, x * y * y, y * y * y}
}

func (f *symbolFit) offsetAt(u, v float64) Point {
	n := len(f.lines)
	cell := func(t float64) (int, float64) {
		i := 0
		for i < n-2 && t > f.lines[i+1] {
			i++
		}
		k := (t - f.lines[i]) / (f.lines[i+1] - f.lines[i])
		return i, max(-0.35, min(1.35, k))
	}
	i, s := cell(u)
	j, t := cell(v)
	a, b, c, d := f.offset[j*n+i], f.offset[j*n+i+1], f.offset[(j+1)*n+i], f.offset[(j+1)*n+i+1]
	mix := func(a, b, c, d float64) float64 {
		return (a*(1-s)+b*s)*(1-t) + (c*(1-s)+d*s)*t
	}
	return Point{mix(a.X, b.X, c.X, d.X), mix(a.Y, b.Y, c.Y, d.Y)}
}

// look returns the brightness at symbol coordinates.
func (f *symbolFit) look(u, v float64) float32 {
	p := f.place(u, v)
	k := 1 / f.view.scale
	return f.view.at(p.X*k, p.Y*k)
}

// module is the geometric mean of a module's sides at the symbol's middle, in
// pixels of the picture.
func (f *symbolFit) module() float64 {
	half := float64(f.size) / 2
	du, dv := f.h.slopes(half, half)
	return math.Sqrt(math.Abs(du.X*dv.Y - du.Y*dv.X))
}

// crossing looks along a line in the symbol, from reach before (u, v) to reach
// after it in direction (du, dv), for the change from dark to light, or with
// rising false from light to dark. It returns its place in modules.
func (f *symbolFit) crossing(u, v, du, dv, reach float64, rising, light bool, minStep float32) (at float64, ok bool) {
	const steps = 12
	var s [steps + 1]float32
	var lo, hi float32 = 255, 0
	for i := range s {
		t := reach * (2*float64(i)/steps - 1)
		p := f.look(u+t*du, v+t*dv)
		if light {
			p = 255 - p
		}
		if !rising {
			p = 255 - p
		}
		s[i] = p
		lo, hi = min(lo, p), max(hi, p)
	}
	if hi-lo < minStep || s[0]+s[1] > s[steps]+s[steps-1] {
		return 0, false
	}
	mid := (lo + hi) / 2
	best := math.Inf(1)
	for i := range steps {
		if s[i] <= mid && s[i+1] > mid {
			t := reach * (2*(float64(i)+float64((mid-s[i])/(s[i+1]-s[i])))/steps - 1)
			if math.Abs(t) < math.Abs(best) {
				best = t
			}
		}
	}
	return best, !math.IsInf(best, 1)
}

// edgeClues finds the edges of the finder patterns' rings near where the fit
// expects them.
func (f *symbolFit) edgeClues(clues []clue, light bool, reach float64, minStep float32) []clue {
	n := float64(f.size)
	nan := math.NaN()
	for k, c := range [3]Point{{3.5, 3.5}, {n - 3.5, 3.5}, {3.5, n - 3.5}} {
		if f.seen>>k&1 == 0 {
			continue
		}
		for _, ring := range [3]struct {
			r      float64
			span   float64
			rising bool
		}{{3.5, 3, true}, {2.5, 2, false}, {1.5, 1, true}} {
			for s := -ring.span; s <= ring.span; s++ {
				for _, sign := range [2]float64{1, -1} {
					u, v := c.X+sign*ring.r, c.Y+s
					if t, ok := f.crossing(u, v, sign, 0, reach, ring.rising, light, minStep); ok {
						clues = append(clues, clue{p: f.place(u+sign*t, v), u: u, v: nan, weight: 1})
					}
					u, v = c.X+s, c.Y+sign*ring.r
					if t, ok := f.crossing(u, v, 0, sign, reach, ring.rising, light, minStep); ok {
						clues = append(clues, clue{p: f.place(u, v+sign*t), u: nan, v: v, weight: 1})
					}
				}
			}
		}
	}
	return clues
}

// row and column report whether the timing pattern along the first row or
// column lies where the fit says; between two unseen ends it may not.
func (f *symbolFit) row() bool    { return f.seen != seenA|seenD }
func (f *symbolFit) column() bool { return f.seen != seenA|seenB }

// timingClues finds the edges of the timing patterns.
func (f *symbolFit) timingClues(clues []clue, light bool, minStep float32) []clue {
	nan := math.NaN()
	for k := 8; k <= f.size-8; k++ {
		u := float64(k)
		rising := k%2 == 1 // an even module is dark
		if f.row() {
			if t, ok := f.crossing(u, 6.5, 1, 0, 0.6, rising, light, minStep); ok {
				clues = append(clues, clue{p: f.place(u+t, 6.5), u: u, v: nan, weight: 1})
			}
		}
		if f.column() {
			if t, ok := f.crossing(6.5, u, 0, 1, 0.6, rising, light, minStep); ok {
				clues = append(clues, clue{p: f.place(6.5, u+t), u: nan, v: u, weight: 1})
			}
		}
	}
	return clues
}

// timing returns the share of the timing patterns' modules that are darker or
// lighter than their neighbours as they should be: 1 for the right size, about
// one half for a wrong one.
func (f *symbolFit) timing(light bool) float64 {
	right, seen := 0, 0
	line := func(at func(k int) float32) {
		a, b := at(7), at(8)
		for k := 8; k <= f.size-9; k++ {
			c := at(k + 1)
			if (2*b < a+c) == (k%2 == 0) != light {
				right++
			}
			seen++
			a, b = b, c
		}
	}
	if f.row() {
		line(func(k int) float32 { return f.look(float64(k)+0.5, 6.5) })
	}
	if f.column() {
		line(func(k int) float32 { return f.look(6.5, float64(k)+0.5) })
	}
	return float64(right) / float64(seen)
}
