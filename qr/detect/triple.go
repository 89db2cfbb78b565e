package detect

import (
	"cmp"
	"math"
	"slices"
)

// triple is three finder patterns that may be corners of one symbol: a the
// upper left, b the upper right and d the lower left one as seen, so that a
// mirrored symbol appears with b and d exchanged.
type triple struct {
	a, b, d        int
	ab, ba, ad, da float64 // module at a towards b, at b towards a, …
	nb, nd         float64 // distances a–b and a–d in modules
	cost           float64
}

// link is what two finder patterns see of each other.
type link struct {
	n        float64 // distance in modules, 0: not a side of a symbol
	from, to float64 // module at the first and at the second along the line
}

// linkOf measures the module at both patterns along the line between them.
// Perspective shrinks modules along a line so that the geometric mean of both
// ends divides the distance into the exact count.
func linkOf(p, q *finder) link {
	dx, dy := q.c.X-p.c.X, q.c.Y-p.c.Y
	dist := math.Hypot(dx, dy)
	if p.light != q.light || dist < 8*min(p.m, q.m) || dist > 200*max(p.m, q.m) || p.m > 3.5*q.m || q.m > 3.5*p.m {
		return link{}
	}
	d := Point{dx / dist, dy / dist}
	from, ok1 := p.pitchTowards(d)
	to, ok2 := q.pitchTowards(Point{-d.X, -d.Y})
	if !ok1 || !ok2 {
		return link{}
	}
	n := dist / math.Sqrt(from*to)
	if n < 11 || n > 190 || from > 3.5*to || to > 3.5*from {
		return link{}
	}
	return link{n: n, from: from, to: to}
}

// turned is the link from the second finder pattern to the first.
func (l link) turned() link { return link{n: l.n, from: l.to, to: l.from} }

// pitchTowards measures the module along a direction through the pattern, on
// both sides of its centre.
func (f *finder) pitchTowards(d Point) (float64, bool) {
	v := f.view
	x, y, m := f.c.X/v.scale, f.c.Y/v.scale, f.m/v.scale
	contrast := v.contrastAround(x, y, m)
	// Three parallel rays average the pixel grid and one stained line out.
	sum, count := 0.0, 0
	for _, side := range [3]float64{0, 0.7, -0.7} {
		sx, sy := x-d.Y*side*m, y+d.X*side*m
		for _, sign := range [2]float64{1, -1} {
			if t, _, ok := v.ray(sx, sy, Point{sign * d.X, sign * d.Y}, m, f.light, contrast); ok {
				sum += pitch(t)
				count++
			}
		}
	}
	if count == 0 {
		return f.m, false
	}
	return sum / float64(count) * v.scale, true
}

func (v *view) contrastAround(x, y, m float64) float32 {
	var lo, hi float32 = 255, 0
	for _, d := range rayDirections {
		for _, r := range [3]float64{0.5, 2, 3} {
			p := v.at(x+d.X*r*m, y+d.Y*r*m)
			lo, hi = min(lo, p), max(hi, p)
		}
	}
	return hi - lo
}

// triples lists the plausible triples, the likeliest first. Only those with a
// finder of this round are new; finders below the least quality make none.
func triples(found []finder, links [][]link, round int, least float64, crowded bool) []triple {
	var list []triple
	all := make([]int, len(found))
	for i := range all {
		all[i] = i
	}
	for a := range found {
		if found[a].used || found[a].quality < least {
			continue
		}
		begin, near := len(list), all
		if crowded {
			near = nearest(found, links[a])
		}
		for _, b := range near {
			lb := &links[a][b]
			if b == a || found[b].used || found[b].quality < least || lb.n == 0 {
				continue
			}
			for _, d := range near {
				ld := &links[a][d]
				if d == a || d == b || found[d].used || found[d].quality < least || ld.n == 0 || max(found[a].round, found[b].round, found[d].round) < round {
					continue
				}
				if ld.n > 1.5*lb.n || lb.n > 1.5*ld.n {
					continue
				}
				u := Point{found[b].c.X - found[a].c.X, found[b].c.Y - found[a].c.Y}
				v := Point{found[d].c.X - found[a].c.X, found[d].c.Y - found[a].c.Y}
				sine := (u.X*v.Y - u.Y*v.X) / (norm(u) * norm(v))
				if sine < 0.3 {
					continue
				}
				cosine := (u.X*v.X + u.Y*v.Y) / (norm(u) * norm(v))
				t := triple{a: a, b: b, d: d, ab: lb.from, ba: lb.to, ad: ld.from, da: ld.to, nb: lb.n, nd: ld.n}
				ratio := func(p, q float64) float64 { return math.Abs(math.Log(p / q)) }
				t.cost = 2*ratio(lb.n, ld.n) + 0.6*math.Abs(cosine) +
					0.5*(ratio(lb.from, lb.to)+ratio(ld.from, ld.to)+ratio(lb.from, ld.from)) +
					3*(3-found[a].quality-found[b].quality-found[d].quality) +
					0.002*(lb.n+ld.n) // a triple of near ones rather than across several codes
				list = append(list, t)
				if !crowded && len(list) >= 4*maxTriples {
					return order(list)
				}
			}
		}
		if crowded {
			list = list[:begin+len(cheapest(list[begin:]))]
		}
	}
	return order(list)
}

// nearest returns the finders with which the corner of these links most likely makes a symbol of a crowd.
func nearest(found []finder, links []link) []int {
	var near []int
	for b := range found {
		if !found[b].used && links[b].n != 0 {
			near = append(near, b)
		}
	}
	slices.SortStableFunc(near, func(x, y int) int { return cmp.Compare(links[x].n, links[y].n) })
	return near[:min(len(near), nearFinders)]
}

// cheapest puts the triples of one corner in order and keeps the first of them.
func cheapest(list []triple) []triple {
	return order(list)[:min(len(list), maxCorner)]
}

// order sorts triples in place; of equal costs the first stays first.
func order(list []triple) []triple {
	type place struct {
		cost float64
		at   int
	}
	places := make([]place, len(list)) // quicker to sort than the triples
	for i, t := range list {
		places[i] = place{t.cost, i}
	}
	slices.SortFunc(places, func(x, y place) int { return cmp.Or(cmp.Compare(x.cost, y.cost), cmp.Compare(x.at, y.at)) })
	before := slices.Clone(list)
	for i, p := range places {
		list[i] = before[p.at]
	}
	return list
}

// start is the map that the corners suggest for a size: two sides with their
// perspective give all eight parameters.
func (c *corners) start(size int) homography {
	a, b, d := c.a, c.b, c.d
	n := float64(size - 7)
	bend := func(from, to float64) float64 { return max(0.6, min(1.7, math.Sqrt(from/to))) }
	kb, kd := bend(c.ab, c.ba), bend(c.ad, c.da)
	g, h := (kb-1)/n, (kd-1)/n
	if 1+(g+h)*n < 0.3 { // the fourth corner would lie beyond the horizon
		g, h, kb, kd = 0, 0, 1, 1
	}
	u := Point{(b.X - a.X) * kb / n, (b.Y - a.Y) * kb / n}
	v := Point{(d.X - a.X) * kd / n, (d.Y - a.Y) * kd / n}
	// Around the centre of a: (a + u x + v y + a (g x + h y)) / (1 + g x + h y).
	m := homography{
		u.X + a.X*g, v.X + a.X*h, a.X,
		u.Y + a.Y*g, v.Y + a.Y*h, a.Y,
		g, h, 1,
	}
	for i := 0; i < 9; i += 3 {
		m[i+2] -= 3.5 * (m[i] + m[i+1])
	}
	return m
}
