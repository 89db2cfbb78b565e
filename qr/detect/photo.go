package detect

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"
)

// search looks for symbols in a photograph. It belongs to one call of Read.
type search struct {
	base     *grey
	views    []*view // views[i] has 1/2^i of the width and height
	deadline time.Time

	found   []finder
	links   [][]link
	round   int
	paired  int // the round after which pairs were tried last
	edges   []int32
	clues   []clue
	patch   []float32
	steps   []float64
	sampler sampler
	reader  reader
	results []Result

	attempts []attempt
	fits     int     // triples fitted in one look
	least    float64 // quality of a finder pattern that makes triples
	tries    int     // triples fitted without a code read since
	work     int     // modules judged so far
	bends    int     // symbols tried as bent

	trace func(format string, args ...any) // nil but in tests
}

func newSearch(g *grey, deadline time.Time) *search {
	s := &search{base: g, deadline: deadline, fits: maxFits, least: minQuality, patch: make([]float32, (4*maxRadius+9)*(4*maxRadius+9))}
	for scale := 1.0; g != nil && (scale == 1 || min(g.w, g.h) >= 24 && max(g.w, g.h) >= 60); scale *= 2 {
		s.views = append(s.views, &view{grey: g, scale: scale})
		g = g.halved()
	}
	return s
}

func (s *search) logf(format string, args ...any) {
	if s.trace != nil {
		s.trace(format, args...)
	}
}

// late reports that the caller's time is up.
func (s *search) late() bool {
	return !s.deadline.IsZero() && time.Until(s.deadline) <= 0
}

// viewFor returns the view in which a module of so many pixels of the picture
// covers 2.6 to 5.2 pixels: enough to tell modules apart, few enough that each
// pixel averages noise and the grid of a screen out.
func (s *search) viewFor(module float64) *view {
	v := s.views[0]
	for _, next := range s.views[1:] {
		if module/next.scale < 2.6 {
			break
		}
		v = next
	}
	return v
}

// look finds the finder patterns of one view and tries the triples that they
// make with each other and with those of other views.
func (s *search) look(v *view, how binariser, step int, rung string) {
	if s.late() {
		return
	}
	v.setThresholds(how)
	var list []finder
	list, s.edges = v.finders(step, s.edges, s.late)
	s.round++
	fresh := 0
	for _, f := range list {
		f.round = s.round
		if i := slices.IndexFunc(s.found, func(o finder) bool { return same(o, f) }); i >= 0 {
			if o := &s.found[i]; !o.used && f.quality > o.quality+0.05 {
				s.found[i] = f
				s.unlink(i)
				fresh++
			}
			continue
		}
		if len(s.found) >= maxFinders || f.quality < s.least || s.inside(f.c) {
			continue
		}
		s.found = append(s.found, f)
		fresh++
		s.logf("   %d at %.1f %.1f m %.2f q %.2f light %v", len(s.found)-1, f.c.X, f.c.Y, f.m, f.quality, f.light)
	}
	s.logf("%s scale %g: %d finders, %d new", rung, v.scale, len(list), fresh)
	if fresh == 0 {
		return
	}
	s.link()
	fits, crowded := 0, false
	corners := triples(s.found, s.links, s.round, s.least, false)
	for i := 0; i < len(corners); i++ {
		t := corners[i]
		a, b, d := &s.found[t.a], &s.found[t.b], &s.found[t.d]
		if a.used || b.used || d.used || min(a.quality, b.quality, d.quality) < s.least {
			continue
		}
		if s.tries++; s.tries > maxDoubtful {
			s.least = max(s.least, doubtQuality)
		}
		if fits++; fits > s.fits || s.late() {
			break
		}
		c := s.corners(&t)
		s.logf(" triple %d %d %d", t.a, t.b, t.d)
		if !s.try(&c, rung) || s.waiting() < crowd {
			continue
		}
		// A sheet of codes: corners belong to their neighbours, and each code that is read earns the next its tries.
		fits, s.tries = 0, 0
		if !crowded {
			crowded, i, corners = true, -1, triples(s.found, s.links, 0, s.least, true)
		}
	}
}

// waiting counts the finders that belong to no symbol yet.
func (s *search) waiting() int {
	n := 0
	for i := range s.found {
		if !s.found[i].used {
			n++
		}
	}
	return n
}

// unlink forgets what was measured between a finder and the others.
func (s *search) unlink(i int) {
	for a := range s.links {
		switch {
		case a == i:
			s.links[a] = s.links[a][:0]
		case i < len(s.links[a]):
			s.links[a][i] = linkOf(&s.found[a], &s.found[i])
		}
	}
}

// link measures the pairs that are new.
func (s *search) link() {
	n := len(s.found)
	for len(s.links) < n {
		s.links = append(s.links, nil)
	}
	late := false
	for a := range n {
		late = late || s.late()
		for b := len(s.links[a]); b < n; b++ {
			var l link
			switch {
			case late || b == a || s.found[a].used || s.found[b].used || min(s.found[a].quality, s.found[b].quality) < s.least:
			case b < a: // the same, seen from the other end
				l = s.links[b][a].turned()
			default:
				l = linkOf(&s.found[a], &s.found[b])
			}
			s.links[a] = append(s.links[a], l)
		}
	}
}

// inside reports whether a place lies in a symbol that was read.
func (s *search) inside(p Point) bool {
	return slices.ContainsFunc(s.results, func(r Result) bool { return r.Quad.holds(p) })
}

// holds reports whether p lies in q, whichever way round q runs.
func (q Quad) holds(p Point) bool {
	left, right := 0, 0
	for i, a := range q {
		b := q[(i+1)%4]
		if c := (b.X-a.X)*(p.Y-a.Y) - (b.Y-a.Y)*(p.X-a.X); c < 0 {
			left++
		} else {
			right++
		}
	}
	return left == 4 || right == 4
}

// corners is what is known of a symbol's corners before it is fitted.
type corners struct {
	a, b, d        Point   // centres of the finder patterns, in pixels of the picture
	ab, ba, ad, da float64 // module at a towards b, at b towards a, …
	n              float64 // about how many modules a side has
	seen           int     // which finder patterns are there: seenA, seenB, seenD
	step           float32 // least step of brightness at an edge
	module         float64
	light          bool
}

const (
	seenA = 1 << iota
	seenB
	seenD
	seenAll = seenA | seenB | seenD
)

// corners returns what a triple says.
func (s *search) corners(t *triple) corners {
	a, b, d := &s.found[t.a], &s.found[t.b], &s.found[t.d]
	c := corners{a: a.c, b: b.c, d: d.c, ab: t.ab, ba: t.ba, ad: t.ad, da: t.da, n: math.Sqrt(t.nb*t.nd) + 7, seen: seenAll, light: a.light}
	c.module = math.Sqrt(norm(Point{b.c.X - a.c.X, b.c.Y - a.c.Y})*norm(Point{d.c.X - a.c.X, d.c.Y - a.c.Y})) / (c.n - 7)
	c.step = s.stepAt(a)
	return c
}

// stepAt is the least step of brightness that counts as an edge of a symbol
// with this finder pattern.
func (s *search) stepAt(f *finder) float32 {
	return 0.25 * f.view.contrastAround(f.c.X/f.view.scale, f.c.Y/f.view.scale, f.m/f.view.scale)
}

// try fits a symbol to its corners and reads it.
func (s *search) try(c *corners, rung string) bool {
	n, v := c.n, s.viewFor(c.module)
	// The edges of the finder patterns fit at about the right size, or they are
	// none.
	nearest := max(minSize, min(maxSize, 4*int(math.Round((n-17)/4))+17))
	first := c.fit(nearest, v)
	s.clues = first.edgeClues(s.clues[:0], c.light, 0.9, c.step)
	plane, rms, ok := fitClues(&first.h, s.clues, nearest)
	first.h = plane
	s.logf("  n=%.1f: %d clues rms %.3f", n, len(s.clues), rms)
	possible := 60 * bits.OnesCount(uint(c.seen))
	if !ok || len(s.clues) < possible/2 || rms > 0.2 {
		return false
	}
	bendable := 3*len(s.clues) > 2*possible
	best := symbolFit{view: v}
	bestScore := -1.0
	spread := 3 + 0.08*n
	for size := minSize; size <= maxSize; size += 4 {
		if math.Abs(float64(size)-n) > spread {
			continue
		}
		f := c.fit(size, v)
		rms = 1.0
		for pass := range 2 {
			reach := 0.9 - 0.3*float64(pass)
			s.clues = f.edgeClues(s.clues[:0], c.light, reach, c.step)
			h, r, ok := fitClues(&f.h, s.clues, size)
			if !ok {
				break
			}
			f.h, rms = h, r
		}
		timing := f.timing(c.light)
		score := timing - 0.5*rms
		s.logf("  n=%.1f size %d: %d clues rms %.3f timing %.2f", n, size, len(s.clues), rms, timing)
		if score > bestScore {
			best, bestScore = f, score
		}
	}
	if bestScore < 0.55 || c.seen != seenAll && bestScore < 0.75 {
		return bendable && s.tryBent(c, &first, rung)
	}
	if best.size >= 45 {
		if version, ok := best.version(c.light); ok && 17+4*version != best.size {
			s.logf("  version bits say %d", version)
			if size := 17 + 4*version; math.Abs(float64(size)-n) <= 0.25*n+8 {
				f := c.fit(size, v)
				for range 2 {
					s.clues = f.edgeClues(s.clues[:0], c.light, 0.8, c.step)
					if h, _, ok := fitClues(&f.h, s.clues, size); ok {
						f.h = h
					}
				}
				if f.timing(c.light) > 0.7 {
					best = f
				}
			}
		}
	}
	f := &best
	s.clues = f.edgeClues(s.clues[:0], c.light, 0.6, c.step)
	s.clues = f.timingClues(s.clues, c.light, c.step)
	l := layoutOf((f.size - 17) / 4)
	found, expected := f.align(l, c.light, s.clues, s.patch)
	if found == 0 {
		if h, _, ok := fitClues(&f.h, s.clues, f.size); ok {
			f.h = h
		}
	}
	s.logf("  size %d alignment %d of %d", f.size, found, expected)
	if s.again(f) {
		return false
	}
	msg, mirrored, ok := s.decode(f, l, c.light)
	if !ok {
		return bendable && s.tryBent(c, &first, rung)
	}
	s.accept(f, msg, mirrored, c.light, rung)
	return true
}

// attempt is a symbol that was fitted and not read.
type attempt struct {
	middle Point
	size   int
	times  int
}

// again notes an attempt and reports whether the same symbol, seen in another
// view or from other corners, failed often enough.
func (s *search) again(f *symbolFit) bool {
	half := float64(f.size) / 2
	middle, module := f.h.at(half, half), f.module()
	for i := range s.attempts {
		a := &s.attempts[i]
		if a.size == f.size && math.Hypot(a.middle.X-middle.X, a.middle.Y-middle.Y) < 3*module {
			a.times++
			return a.times > maxRepeats
		}
	}
	s.attempts = append(s.attempts, attempt{middle, f.size, 1})
	return false
}

// fit starts the fit of a symbol of a given size.
func (c *corners) fit(size int, v *view) symbolFit {
	return symbolFit{size: size, h: c.start(size), view: v, seen: c.seen}
}

// pairs tries symbols of which two finder patterns are seen: the third is cut
// off by the picture's border, covered or glaring. Either side of the line
// between them may hold the symbol, and either of them be the corner. Pairs that
// were tried before are left out.
func (s *search) pairs(rung string) {
	type pair struct {
		p, q int
		cost float64
	}
	var list []pair
	for p := range s.found {
		for q := range s.found {
			a, b := &s.found[p], &s.found[q]
			if p == q || a.used || b.used || max(a.round, b.round) <= s.paired || s.links[p][q].n == 0 || min(a.quality, b.quality) < pairQuality {
				continue
			}
			list = append(list, pair{p, q, 2 - a.quality - b.quality + math.Abs(math.Log(a.m/b.m))})
		}
	}
	s.paired = s.round
	slices.SortStableFunc(list, func(x, y pair) int { return cmp.Compare(x.cost, y.cost) })
	for _, t := range list[:min(len(list), maxPairs)] {
		p, q := &s.found[t.p], &s.found[t.q]
		if p.used || q.used || s.late() {
			continue
		}
		l := s.links[t.p][t.q]
		// The symbol lies to the right hand of the way from p to q as seen.
		across := Point{p.c.Y - q.c.Y, q.c.X - p.c.X}
		c := corners{light: p.light, n: l.n + 7, step: s.stepAt(p)}
		c.module = norm(across) / l.n
		// p is the corner and q the upper right one.
		c.a, c.b, c.d = p.c, q.c, Point{p.c.X + across.X, p.c.Y + across.Y}
		c.ab, c.ba, c.ad, c.da, c.seen = l.from, l.to, l.from, l.from, seenA|seenB
		s.logf(" pair %d %d side", t.p, t.q)
		if s.try(&c, rung) {
			continue
		}
		// q is the corner and p the lower left one.
		c.a, c.d, c.b = q.c, p.c, Point{q.c.X + across.X, q.c.Y + across.Y}
		c.ad, c.da, c.ab, c.ba, c.seen = l.to, l.from, l.to, l.to, seenA|seenD
		if s.try(&c, rung) {
			continue
		}
		// p is the upper right and q the lower left one, and the corner is hidden.
		mid := Point{(p.c.X + q.c.X) / 2, (p.c.Y + q.c.Y) / 2}
		c.a = Point{mid.X + across.X/2, mid.Y + across.Y/2}
		c.b, c.d, c.seen = p.c, q.c, seenB|seenD
		m := (p.m + q.m) / 2
		c.ab, c.ba, c.ad, c.da = m, m, m, m
		c.n = norm(across)/math.Sqrt2/m + 7
		c.module = m
		if c.n < maxSize+10 {
			s.try(&c, rung)
		}
	}
}

// decode samples and decodes, sharper and sharper, then bends the fit.
func (s *search) decode(f *symbolFit, l *layout, light bool) (msg message, mirrored, ok bool) {
	s.reader.forget()
	passes, reach := 4, f.size
	if f.bent { // start where the fit is known and work outwards
		passes, reach = 8, f.size/4
	}
	for pass := range passes {
		if s.work += 4 * f.size * f.size; s.work > maxWork {
			return msg, false, false
		}
		s.sampler.sample(f, light)
		for i, strength := range [4]float32{0.25, 0.9, 2.2, 0} {
			if s.late() {
				return msg, false, false
			}
			m := s.sampler.judge(f.size, strength)
			if i == 0 {
				miss := fixedMisfit(m, f.seen)
				s.logf("  pass %d misfit %.3f", pass, miss)
				if miss > 0.3 {
					return msg, false, false
				}
			}
			for _, transposed := range [2]bool{false, true} {
				if msg, ok = s.reader.read(l, m, transposed, pass > 0 || i >= 2); ok {
					return msg, transposed, true
				}
			}
		}
		s.sampler.judge(f.size, 0.25) // unbend wants edges as they are
		if pass == passes-1 || !f.unbend(&s.sampler, light, reach) && reach >= f.size {
			break
		}
		reach += f.size/8 + 1
	}
	return msg, false, false
}

// accept records a result and takes its finder patterns out of the search.
func (s *search) accept(f *symbolFit, msg message, mirrored, light bool, rung string) {
	n := float64(f.size)
	q := Quad{f.place(0, 0), f.place(n, 0), f.place(n, n), f.place(0, n)}
	for i := range s.found {
		if q.holds(s.found[i].c) {
			s.found[i].used = true
		}
	}
	if mirrored {
		q[1], q[3] = q[3], q[1]
	}
	s.results = append(s.results, Result{
		Text: msg.text, Quad: q, Version: (f.size - 17) / 4, Level: msg.level, Corrected: msg.corrected,
		Mirrored: mirrored, Inverted: light, Rung: rung,
	})
}

// version reads the version information beside the upper right and the lower
// left finder pattern (ISO/IEC 18004, Section 7.10).
func (f *symbolFit) version(light bool) (version int, ok bool) {
	n := f.size
	var value [2][18]float32
	for k := range 18 {
		x, y := k/3, n-11+k%3
		value[0][k] = f.look(float64(x)+0.5, float64(y)+0.5)
		value[1][k] = f.look(float64(y)+0.5, float64(x)+0.5)
	}
	bestDistance := 4
	for _, c := range value {
		lo, hi := slices.Min(c[:]), slices.Max(c[:])
		if hi-lo < minContrast {
			continue
		}
		var got uint32
		for k, p := range c {
			if (p < (lo+hi)/2) != light {
				got |= 1 << k
			}
		}
		// A mirrored symbol has the two copies exchanged, which changes nothing.
		for v := 7; v <= 40; v++ {
			d := 0
			for diff := got ^ versions[v]; diff != 0; diff &= diff - 1 {
				d++
			}
			if d < bestDistance {
				bestDistance, version = d, v
			}
		}
	}
	return version, version > 0
}

// photo reads a photograph from the coarsest view to the finest.
func (s *search) photo() {
	for i := len(s.views) - 1; i >= 0; i-- {
		v := s.views[i]
		if s.late() || len(s.results) > 0 && v.w*v.h > hugeView && !s.unread() {
			break
		}
		s.look(v, byBoth, v.step(), rungName(i))
	}
	if len(s.results) > 0 {
		return
	}
	s.pairs("pair")
	for i := len(s.views) - 1; i >= 0 && len(s.results) == 0; i-- {
		v := s.views[i]
		if s.late() {
			return
		}
		s.look(v, byMean, v.step(), "mean-"+rungName(i))
	}
	if len(s.results) == 0 && s.worthDoubling() && !s.late() {
		v := &view{grey: s.base.doubled(), scale: 0.5}
		s.look(v, byBoth, 1, "double")
		if len(s.results) == 0 {
			s.look(v, byMean, 1, "mean-double")
		}
	}
	for i := len(s.views) - 1; i >= 0 && len(s.results) == 0; i-- {
		v := s.views[i]
		if s.late() {
			return
		}
		s.look(v, byMidrange, v.step(), "mid-"+rungName(i))
	}
	if len(s.results) == 0 {
		s.pairs("pair")
	}
}

// step is how many rows of a view are scanned: in a large one every second,
// and every third of a photograph of many megapixels, whose small modules are
// noise.
func (v *view) step() int {
	switch pixels := v.w * v.h; {
	case pixels > 2*hugeView:
		return 3
	case pixels > largeView:
		return 2
	}
	return 1
}

// unread reports whether a finder pattern was seen that belongs to no symbol
// read so far.
func (s *search) unread() bool {
	return slices.ContainsFunc(s.found, func(f finder) bool { return !f.used && f.quality > 0.75 })
}

// worthDoubling tells whether smaller modules than a view shows well may be
// there: the picture is small itself, or finder patterns of small modules were
// seen.
func (s *search) worthDoubling() bool {
	pixels := s.base.w * s.base.h
	return pixels <= maxUpPixels && (pixels <= largeView || slices.ContainsFunc(s.found, func(f finder) bool {
		return f.m < 3.2 && f.quality > 0.55
	}))
}

func rungName(i int) string {
	switch i {
	case 0:
		return "full"
	case 1:
		return "half"
	case 2:
		return "quarter"
	}
	return "far"
}

// grainy reports a picture with the noise of a camera, which no threshold reads
// exactly. A symbol that fills the picture has no calm parts at all and does
// not count.
func (s *search) grainy() bool {
	v := s.views[0]
	v.setThresholds(byBoth)
	return v.noise >= 2 && v.noise < 30 && v.even < 0.02
}
