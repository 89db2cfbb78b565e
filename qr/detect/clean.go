package detect

import (
	"cmp"
	"math"
	"slices"
)

// A clean picture was made by a computer: every module has the same size and a
// colour that one threshold tells. Reading it needs no image processing, only
// the exact grid, and succeeds where a detector made for photographs is misled
// by its own smoothing.

// clean is a grey picture seen through one threshold.
type clean struct {
	*grey
	threshold byte // a pixel at or below is black
	negative  bool // the symbol is light on dark
	late      func() bool
}

func (c clean) dark(x, y int) bool {
	return (c.pix[y*c.w+x] <= c.threshold) != c.negative
}

// newClean sets the threshold midway between the darkest and lightest pixel;
// ok is false for a picture without contrast.
func newClean(g *grey, negative bool, late func() bool) (c clean, ok bool) {
	lo, hi := byte(255), byte(0)
	for _, v := range g.pix {
		lo, hi = min(lo, v), max(hi, v)
	}
	if hi-lo < 32 {
		return clean{}, false
	}
	return clean{grey: g, threshold: lo + (hi-lo)/2, negative: negative, late: late}, true
}

// grid places a symbol in a picture: its upper left corner, and the vectors
// from one module to the next along a row and down a column.
type grid struct {
	size           int // modules along a side
	origin, du, dv Point
}

// pixel returns the picture's pixel at the centre of module (i, j).
func (r grid) pixel(i, j int) (x, y int) {
	fi, fj := float64(i)+0.5, float64(j)+0.5
	return int(math.Floor(r.origin.X + fi*r.du.X + fj*r.dv.X)), int(math.Floor(r.origin.Y + fi*r.du.Y + fj*r.dv.Y))
}

func (r grid) quad() Quad {
	at := func(i, j float64) Point {
		return Point{r.origin.X + i*r.du.X + j*r.dv.X, r.origin.Y + i*r.du.Y + j*r.dv.Y}
	}
	n := float64(r.size)
	return Quad{at(0, 0), at(n, 0), at(n, n), at(0, n)}
}

// inside reports whether every module centre lies in the picture.
func (c clean) inside(r grid) bool {
	last := r.size - 1
	for _, p := range [4][2]int{{0, 0}, {last, 0}, {0, last}, {last, last}} {
		if x, y := r.pixel(p[0], p[1]); x < 0 || y < 0 || x >= c.w || y >= c.h {
			return false
		}
	}
	return true
}

// misfit compares the fixed patterns of a symbol (three finder patterns with
// their separators, two timing patterns; ISO/IEC 18004, Section 6.3) with what
// lies under the grid. It returns the share of modules that differ, in percent.
func (c clean) misfit(r grid) int {
	wrong, seen := 0, 0
	look := func(i, j int, want bool) {
		x, y := r.pixel(i, j)
		seen++
		if c.dark(x, y) != want {
			wrong++
		}
	}
	n := r.size
	for i := 8; i < n-8; i++ {
		look(i, 6, i%2 == 0)
		look(6, i, i%2 == 0)
	}
	if wrong*100 > 2*maxDarkPercent*seen {
		return 100
	}
	for j := range 8 {
		for i := range 8 {
			// Distance from the centre of the finder pattern: rings 0, 1 and 3
			// are dark, 2 and the separator are light.
			ring := max(abs(i-3), abs(j-3))
			want := ring != 2 && ring != 4
			look(i, j, want)
			look(n-1-i, j, want)
			look(i, n-1-j, want)
		}
	}
	return wrong * 100 / seen
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

// read samples the grid and decodes it.
func (c clean) read(r grid, rung string) (Result, bool) {
	m := modules{r.size, make([]float32, r.size*r.size)}
	for j := range r.size {
		for i := range r.size {
			m.sure[j*r.size+i] = 1
			if x, y := r.pixel(i, j); c.dark(x, y) {
				m.sure[j*r.size+i] = -1
			}
		}
	}
	l := layoutOf((r.size - 17) / 4)
	for _, mirrored := range [2]bool{false, true} {
		var reader reader
		if msg, ok := reader.read(l, m, mirrored, false); ok {
			q := r.quad()
			if mirrored {
				q[1], q[3] = q[3], q[1]
			}
			return Result{
				Text: msg.text, Quad: q, Version: (r.size - 17) / 4, Level: msg.level, Corrected: msg.corrected,
				Mirrored: mirrored, Inverted: c.negative, Rung: rung,
			}, true
		}
	}
	return Result{}, false
}

// pure reads a picture that holds one symbol and nothing else: the box around
// all dark pixels is the symbol, for the finder patterns reach its four sides.
func (c clean) pure(rung string) (Result, bool) {
	left, right, top, bottom := c.w, -1, -1, -1
	for y := range c.h {
		row := c.pix[y*c.w:][:c.w]
		first := slices.IndexFunc(row, func(v byte) bool { return (v <= c.threshold) != c.negative })
		if first < 0 {
			continue
		}
		if top < 0 {
			top = y
		}
		bottom = y
		left = min(left, first)
		for x := c.w - 1; x > right; x-- {
			if c.dark(x, y) {
				right = x
				break
			}
		}
	}
	w, h := right-left+1, bottom-top+1
	if top < 0 || w < minSize || h < minSize || w*10 < h*9 || h*10 < w*9 {
		return Result{}, false
	}
	best, fit := grid{}, maxDarkPercent+1
	for size := minSize; size <= min(maxSize, w, h); size += 4 {
		x, y := Point{X: float64(w) / float64(size)}, Point{Y: float64(h) / float64(size)}
		l, t, r, b := float64(left), float64(top), float64(right+1), float64(bottom+1)
		for _, g := range [4]grid{
			{size, Point{l, t}, x, y},
			{size, Point{r, t}, y, Point{X: -x.X}},
			{size, Point{r, b}, Point{X: -x.X}, Point{Y: -y.Y}},
			{size, Point{l, b}, Point{Y: -y.Y}, x},
		} {
			if !c.inside(g) {
				continue
			}
			if m := c.misfit(g); m < fit {
				best, fit = g, m
			}
		}
	}
	if best.size == 0 {
		return Result{}, false
	}
	return c.read(best, rung)
}

// centre is the middle of a finder pattern seen in one or more rows.
type centre struct {
	x, y, module float64 // means over hits
	hits         float64
}

// centres finds the finder patterns, until late: dark and light runs of 1:1:3:1:1 modules
// along a row and down a column.
func (c clean) centres() []centre {
	var found []centre
	edges := make([]int, 0, c.w+2)
	for y := range c.h {
		if y%8 == 7 && c.late() {
			break
		}
		// edges[i] is where run i begins; even runs are light.
		edges = append(edges[:0], 0)
		dark := false
		for x := range c.w {
			if c.dark(x, y) != dark {
				dark = !dark
				edges = append(edges, x)
			}
		}
		edges = append(edges, c.w)
		for i := 1; i+5 < len(edges); i += 2 {
			var runs [5]int
			for k := range runs {
				runs[k] = edges[i+k+1] - edges[i+k]
			}
			module, ok := finderRuns(runs)
			if !ok {
				continue
			}
			x := (edges[i+2] + edges[i+3]) / 2
			cy, ok := c.down(x, y, module)
			if !ok {
				continue
			}
			found = addCentre(found, float64(edges[i+2]+edges[i+3])/2, cy, module)
			if len(found) >= maxCentres {
				return found
			}
		}
	}
	return found
}

// finderRuns tells whether five runs, dark first, have the finder pattern's
// ratio, and returns the module in pixels.
func finderRuns(r [5]int) (module float64, ok bool) {
	total := r[0] + r[1] + r[2] + r[3] + r[4]
	if total < 7 {
		return 0, false
	}
	module = float64(total) / 7
	for k, want := range [5]float64{1, 1, 3, 1, 1} {
		if math.Abs(float64(r[k])-want*module) >= want*module/2+0.25 {
			return 0, false
		}
	}
	return module, true
}

// down checks the column through (x, y) and returns the middle of its core.
func (c clean) down(x, y int, module float64) (cy float64, ok bool) {
	limit := int(5*module) + 2
	// run counts pixels of one colour from y on, at most limit.
	run := func(y, step int, dark bool) int {
		n := 0
		for ; n < limit && y >= 0 && y < c.h && c.dark(x, y) == dark; y += step {
			n++
		}
		return n
	}
	up := run(y, -1, true)
	lower := run(y+1, 1, true)
	top, bottom := y-up+1, y+1+lower // the core is [top, bottom)
	r := [5]int{2: up + lower}
	r[1] = run(top-1, -1, false)
	r[0] = run(top-1-r[1], -1, true)
	r[3] = run(bottom, 1, false)
	r[4] = run(bottom+r[3], 1, true)
	m, ok := finderRuns(r)
	if !ok || m > 1.5*module || module > 1.5*m {
		return 0, false
	}
	return float64(top+bottom) / 2, true
}

// addCentre joins a hit to the centre it belongs to, or adds it.
func addCentre(found []centre, x, y, module float64) []centre {
	for i := range found {
		f := &found[i]
		if math.Abs(f.x-x) <= f.module && math.Abs(f.y-y) <= f.module && math.Abs(f.module-module) <= max(1, f.module/2) {
			f.x = (f.x*f.hits + x) / (f.hits + 1)
			f.y = (f.y*f.hits + y) / (f.hits + 1)
			f.module = (f.module*f.hits + module) / (f.hits + 1)
			f.hits++
			return found
		}
	}
	return append(found, centre{x, y, module, 1})
}

// symbols reads every symbol whose three finder patterns form a right angle
// with equal sides. left says how many finder patterns belong to none of them.
func (c clean) symbols(rung string) (results []Result, left int) {
	found := c.centres()
	used := make([]bool, len(found))
	triples, attempts := 0, 0
	for a := range found {
		for b := range found {
			if b == a || used[a] || used[b] || !alike(found[a], found[b]) {
				continue
			}
			for d := range found {
				if d == a || d == b || used[a] || used[b] || used[d] || !alike(found[a], found[d]) {
					continue
				}
				if !corner(found[a], found[b], found[d]) {
					continue
				}
				if triples++; triples > maxTriples || c.late() {
					return results, unused(used)
				}
				r, ok := c.fit(found[a], found[b], found[d])
				if !ok {
					continue
				}
				if attempts++; attempts > maxAttempts {
					return results, unused(used)
				}
				if res, ok := c.read(r, rung); ok {
					results = append(results, res)
					used[a], used[b], used[d] = true, true, true
				}
			}
		}
	}
	return results, unused(used)
}

func unused(used []bool) (n int) {
	for _, u := range used {
		if !u {
			n++
		}
	}
	return n
}

func alike(a, b centre) bool {
	return a.module < 1.35*b.module && b.module < 1.35*a.module
}

// corner tells whether a is the upper left finder pattern, b the upper right
// and d the lower left one of a symbol turned by any angle.
func corner(a, b, d centre) bool {
	ux, uy, vx, vy := b.x-a.x, b.y-a.y, d.x-a.x, d.y-a.y
	u, v := math.Hypot(ux, uy), math.Hypot(vx, vy)
	if u < 10*a.module || v < 10*a.module || u > 260*a.module || math.Abs(u-v) > 0.05*u {
		return false
	}
	return math.Abs(ux*vx+uy*vy) < 0.05*u*v && ux*vy-uy*vx > 0
}

// fit finds the size whose fixed patterns lie best under the three centres.
func (c clean) fit(a, b, d centre) (best grid, ok bool) {
	u, v := Point{b.x - a.x, b.y - a.y}, Point{d.x - a.x, d.y - a.y}
	// Rows cross a turned symbol at an angle, so that a module seems up to
	// √2 wider than it is.
	guess := math.Hypot(u.X, u.Y)/a.module + 7
	type candidate struct {
		r   grid
		fit int
	}
	var list []candidate
	for size := minSize; size <= maxSize; size += 4 {
		if f := float64(size); f < 0.8*guess-4 || f > 1.5*guess+4 {
			continue
		}
		k := 1 / float64(size-7)
		r := grid{size: size, du: Point{u.X * k, u.Y * k}, dv: Point{v.X * k, v.Y * k}}
		r.origin = Point{a.x - 3.5*(r.du.X+r.dv.X), a.y - 3.5*(r.du.Y+r.dv.Y)}
		if c.inside(r) {
			list = append(list, candidate{r, c.misfit(r)})
		}
	}
	if len(list) == 0 {
		return grid{}, false
	}
	m := slices.MinFunc(list, func(x, y candidate) int { return cmp.Compare(x.fit, y.fit) })
	return m.r, m.fit <= maxDarkPercent
}

func norm(p Point) float64 { return math.Hypot(p.X, p.Y) }
