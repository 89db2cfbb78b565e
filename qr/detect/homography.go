package detect

import "math"

// homography maps a plane onto a plane: (x, y) to ((h0 x + h1 y + h2) / w,
// (h3 x + h4 y + h5) / w) with w = h6 x + h7 y + h8. Here it maps symbol
// coordinates, in modules from the outer corner of the upper left finder
// pattern, to picture coordinates in pixels, or back.
type homography [9]float64

func (h *homography) at(x, y float64) Point {
	w := 1 / (h[6]*x + h[7]*y + h[8])
	return Point{(h[0]*x + h[1]*y + h[2]) * w, (h[3]*x + h[4]*y + h[5]) * w}
}

// slopes returns how the image of (x, y) moves with x and with y.
func (h *homography) slopes(x, y float64) (du, dv Point) {
	w := 1 / (h[6]*x + h[7]*y + h[8])
	px, py := (h[0]*x+h[1]*y+h[2])*w, (h[3]*x+h[4]*y+h[5])*w
	return Point{(h[0] - px*h[6]) * w, (h[3] - py*h[6]) * w}, Point{(h[1] - px*h[7]) * w, (h[4] - py*h[7]) * w}
}

// inverse returns the map back; ok is false for a degenerate map.
func (h *homography) inverse() (inv homography, ok bool) {
	a, b, c, d, e, f, g, i, j := h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
	det := a*(e*j-f*i) - b*(d*j-f*g) + c*(d*i-e*g)
	if det == 0 || math.IsNaN(det) || math.IsInf(det, 0) {
		return inv, false
	}
	k := 1 / det
	return homography{
		(e*j - f*i) * k, (c*i - b*j) * k, (b*f - c*e) * k,
		(f*g - d*j) * k, (a*j - c*g) * k, (c*d - a*f) * k,
		(d*i - e*g) * k, (b*g - a*i) * k, (a*e - b*d) * k,
	}, true
}

// equations accumulates the normal equations of a linear least squares problem
// of up to 10 unknowns.
type equations struct {
	ata [10][10]float64
	atb [10]float64
}

func (e *equations) add(row []float64, b, weight float64) {
	for i, ri := range row {
		if ri == 0 {
			continue
		}
		w := ri * weight
		for j := i; j < len(row); j++ {
			e.ata[i][j] += w * row[j]
		}
		e.atb[i] += w * b
	}
}

// solve eliminates with pivots; ok is false when the problem is singular.
func (e *equations) solve(x []float64) (ok bool) {
	n := len(x)
	m := e.ata
	b := e.atb
	for i := range n {
		for j := range i {
			m[i][j] = m[j][i]
		}
	}
	for i := range n {
		p := i
		for r := i + 1; r < n; r++ {
			if math.Abs(m[r][i]) > math.Abs(m[p][i]) {
				p = r
			}
		}
		if math.Abs(m[p][i]) < 1e-12 || math.IsNaN(m[p][i]) {
			return false
		}
		m[i], m[p], b[i], b[p] = m[p], m[i], b[p], b[i]
		k := 1 / m[i][i]
		for r := i + 1; r < n; r++ {
			f := m[r][i] * k
			if f == 0 {
				continue
			}
			for c := i; c < n; c++ {
				m[r][c] -= f * m[i][c]
			}
			b[r] -= f * b[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		v := b[i]
		for c := i + 1; c < n; c++ {
			v -= m[i][c] * x[c]
		}
		x[i] = v / m[i][i]
		if math.IsNaN(x[i]) || math.IsInf(x[i], 0) {
			return false
		}
	}
	return true
}

// clue is a point of the picture of which one symbol coordinate is known, or
// both: it lies on the edge of a module or at the centre of a pattern.
type clue struct {
	p      Point
	u, v   float64 // NaN: not known
	weight float64
}

// fitClues finds the map from symbol to picture that agrees best with clues,
// starting at h. A clue says (g0 x + g1 y + g2) - u (g6 x + g7 y + 1) = 0 of
// the map g from the picture to the symbol, which is linear in g; clues that
// disagree with the others lose weight. rms is the remaining disagreement in
// modules.
func fitClues(h *homography, clues []clue, size int) (fitted homography, rms float64, ok bool) {
	// Coordinates around 0 and 1 keep the equations well conditioned.
	half := float64(size) / 2
	centre := h.at(half, half)
	du, dv := h.slopes(half, half)
	scale := (math.Hypot(du.X, du.Y) + math.Hypot(dv.X, dv.Y)) / 2 * half
	if !(scale > 0) || math.IsInf(scale, 0) {
		return *h, 0, false
	}
	var g [8]float64
	have := false
	for range 4 {
		var e equations
		sum, weights := 0.0, 0.0
		for i := range clues {
			c := &clues[i]
			x, y := (c.p.X-centre.X)/scale, (c.p.Y-centre.Y)/scale
			w, k := c.weight, 1.0
			if have {
				d := g[6]*x + g[7]*y + 1
				if d < 0.05 {
					continue
				}
				k = 1 / d // algebraic to geometric
				miss := 0.0
				if !math.IsNaN(c.u) {
					m := ((g[0]*x+g[1]*y+g[2])*k)*half + half - c.u
					miss += m * m
				}
				if !math.IsNaN(c.v) {
					m := ((g[3]*x+g[4]*y+g[5])*k)*half + half - c.v
					miss += m * m
				}
				// Cauchy weights: a miss of 0.15 modules counts half.
				robust := 1 / (1 + miss/(0.15*0.15))
				w *= robust
				sum += w * miss
				weights += w
			}
			w *= k * k
			if !math.IsNaN(c.u) {
				u := (c.u - half) / half
				e.add([]float64{x, y, 1, 0, 0, 0, -u * x, -u * y}, u, w)
			}
			if !math.IsNaN(c.v) {
				v := (c.v - half) / half
				e.add([]float64{0, 0, 0, x, y, 1, -v * x, -v * y}, v, w)
			}
		}
		if weights > 0 {
			rms = math.Sqrt(sum / weights)
		}
		if !e.solve(g[:]) {
			return *h, 0, false
		}
		have = true
	}
	// g maps normalised picture to normalised symbol; undo both.
	back := homography{g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], 1}
	inv, ok := back.inverse()
	if !ok {
		return *h, 0, false
	}
	// picture = centre + scale × inv(normalised symbol), symbol = half + half × normalised.
	for i := 0; i < 9; i += 3 {
		a, b := inv[i]/half, inv[i+1]/half
		inv[i], inv[i+1], inv[i+2] = a, b, inv[i+2]-half*(a+b)
	}
	for i := range 3 {
		inv[i] = scale*inv[i] + centre.X*inv[6+i]
		inv[3+i] = scale*inv[3+i] + centre.Y*inv[6+i]
	}
	// The horizon may not cross the symbol.
	n := float64(size)
	sign := inv[8]
	for _, w := range [4]float64{inv[8], inv[6]*n + inv[8], inv[7]*n + inv[8], (inv[6]+inv[7])*n + inv[8]} {
		if !(w*sign > 0) {
			return *h, 0, false
		}
	}
	return inv, rms, true
}
