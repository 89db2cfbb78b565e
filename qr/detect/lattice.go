package detect

import "math"

// alignment is the alignment pattern, dark 1 and light 0, with its mean taken
// out, and the sum of its squares.
var alignment, alignmentPower = func() (t [25]float32, power float32) {
	const mean = 8.0 / 25 // 8 light modules of 25
	for i := range t {
		x, y := i%5-2, i/5-2
		t[i] = -mean
		if max(abs(x), abs(y)) == 1 {
			t[i] = 1 - mean
		}
		power += t[i] * t[i]
	}
	return t, power
}()

// findAlignment searches for the alignment pattern expected with its centre at
// symbol coordinates (u, v), at most radius modules away. It returns the offset
// in modules and how well the pattern correlates, -1 to 1.
func (f *symbolFit) findAlignment(u, v float64, radius int, light bool, patch []float32) (du, dv float64, match float32) {
	// The surroundings every half module.
	side := 4*radius + 9
	reach := float64(radius) + 2
	patch = patch[:side*side]
	for j := range side {
		for i := range side {
			patch[j*side+i] = f.look(u-reach+0.5*float64(i), v-reach+0.5*float64(j))
		}
	}
	correlate := func(i, j int) float32 {
		var sum, square, dot float32
		for k, t := range alignment {
			p := patch[(j+2*(k/5))*side+i+2*(k%5)]
			sum += p
			square += p * p
			dot += p * t
		}
		power := square - sum*sum/25
		if power < 25*9 { // flat
			return 0
		}
		c := dot / float32(math.Sqrt(float64(power*alignmentPower)))
		if light {
			c = -c
		}
		return c
	}
	bi, bj := 0, 0
	match = -2
	span := 4*radius + 1
	for j := range span {
		for i := range span {
			// Of equals the nearer one: data may repeat the pattern.
			d := float32(math.Hypot(float64(i-2*radius), float64(j-2*radius))) / float32(2*radius)
			if c := correlate(i, j) - 0.06*d; c > match {
				match, bi, bj = c, i, j
			}
		}
	}
	du, dv = 0.5*float64(bi)-float64(radius), 0.5*float64(bj)-float64(radius)
	// The top of the parabola through the neighbours.
	top := func(a, b, c float32) float64 {
		if d := a - 2*b + c; d < 0 {
			return max(-0.5, min(0.5, float64((a-c)/(2*d))))
		}
		return 0
	}
	c := correlate(bi, bj)
	if bi > 0 && bi < span-1 {
		du += 0.5 * top(correlate(bi-1, bj), c, correlate(bi+1, bj))
	}
	if bj > 0 && bj < span-1 {
		dv += 0.5 * top(correlate(bi, bj-1), c, correlate(bi, bj+1))
	}
	return du, dv, c
}

const (
	goodAlignment = 0.62 // correlation of an alignment pattern that counts as found
	farRadius     = 4    // modules around the only alignment pattern of versions 2 to 6
	maxRadius     = 4
)

// align finds the alignment patterns and fits the map, and what remains, to
// them. It returns how many of how many were found.
func (f *symbolFit) align(l *layout, light bool, clues []clue, patch []float32) (found, expected int) {
	k := len(l.centres)
	if k == 0 {
		return 0, 0
	}
	line := func(i int) float64 { return float64(l.centres[i]) + 0.5 }
	type node struct {
		p     Point   // where it is, in the picture
		o     Point   // offset from the homography
		trust float64 // 0: not found
	}
	nodes := make([]node, k*k)
	last := k - 1
	corner := func(i, j int) bool {
		return i == 0 && j == 0 || i == last && j == 0 || i == 0 && j == last
	}
	for sum := 0; sum <= 2*last; sum++ {
		for j := max(0, sum-last); j <= min(sum, last); j++ {
			i := sum - j
			n := &nodes[j*k+i]
			u, v := line(i), line(j)
			base := f.h.at(u, v)
			if corner(i, j) {
				*n = node{p: base, trust: 1}
				continue
			}
			// What the neighbours towards the start suggest.
			var guess Point
			radius := 2
			switch {
			case i > 0 && j > 0:
				a, b, c := nodes[j*k+i-1], nodes[(j-1)*k+i], nodes[(j-1)*k+i-1]
				guess = Point{a.o.X + b.o.X - c.o.X, a.o.Y + b.o.Y - c.o.Y}
				if a.trust > 0 && b.trust > 0 && k > 2 {
					radius = 1
				}
				if k == 2 {
					radius = farRadius
				}
			case i > 0:
				guess, radius = nodes[j*k+i-1].o, 1
			default:
				guess, radius = nodes[(j-1)*k+i].o, 1
			}
			// The guess is in pixels; the search wants symbol coordinates.
			gu, gv := f.toModules(u, v, guess)
			du, dv, match := f.findAlignment(u+gu, v+gv, radius, light, patch)
			expected++
			n.o = guess
			if match >= goodAlignment {
				found++
				n.p = f.h.at(u+gu+du, v+gv+dv)
				n.o = Point{n.p.X - base.X, n.p.Y - base.Y}
				n.trust = float64(match)
			}
		}
	}
	if found == 0 {
		return 0, expected
	}
	for i, n := range nodes {
		if n.trust > 0 && !corner(i%k, i/k) {
			// One pattern stands for some forty edges of a finder pattern.
			clues = append(clues, clue{p: n.p, u: line(i % k), v: line(i / k), weight: 12 * n.trust * n.trust})
		}
	}
	h, rms, ok := fitClues(&f.h, clues, f.size)
	if ok {
		f.h = h
	}
	if k == 2 || !ok && found*2 < expected {
		return found, expected
	}
	_ = rms
	// What the homography leaves.
	f.lines = f.lines[:0]
	for i := range k {
		f.lines = append(f.lines, line(i))
	}
	f.offset = f.offset[:0]
	for i := range nodes {
		n := &nodes[i]
		n.o = Point{}
		if n.trust > 0 && !corner(i%k, i/k) {
			p := f.h.at(line(i%k), line(i/k))
			n.o = Point{n.p.X - p.X, n.p.Y - p.Y}
		}
	}
	// A node that was not found lies between its neighbours.
	for range 3 * k {
		for i := range nodes {
			n := &nodes[i]
			if n.trust > 0 {
				continue
			}
			var o Point
			count := 0.0
			x, y := i%k, i/k
			for _, d := range [4][2]int{{-1, 0}, {1, 0}, {0, -1}, {0, 1}} {
				if q, r := x+d[0], y+d[1]; q >= 0 && r >= 0 && q < k && r < k {
					o.X += nodes[r*k+q].o.X
					o.Y += nodes[r*k+q].o.Y
					count++
				}
			}
			n.o = Point{o.X / count, o.Y / count}
		}
	}
	for _, n := range nodes {
		f.offset = append(f.offset, n.o)
	}
	return found, expected
}

// toModules turns a small offset in the picture at (u, v) into modules.
func (f *symbolFit) toModules(u, v float64, o Point) (du, dv float64) {
	a, b := f.h.slopes(u, v)
	det := a.X*b.Y - a.Y*b.X
	if det == 0 {
		return 0, 0
	}
	return (o.X*b.Y - o.Y*b.X) / det, (a.X*o.Y - a.Y*o.X) / det
}
