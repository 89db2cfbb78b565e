package detect

import (
	"math"
	"slices"
)

// sampler turns a fit into modules. It keeps its buffers between symbols.
type sampler struct {
	value      []float32 // brightness of each module
	outside    []bool    // the module lies beyond the picture's border
	anyOutside bool
	sharp      []float32
	sure       []float32
	sum        []float32 // integral images over modules, (n+1)²
	darkSum    []float32
	darkCount  []float32
}

// sample measures every module in the middle: five taps, each interpolated
// between pixels, over about half a module.
func (s *sampler) sample(f *symbolFit, light bool) {
	n := f.size
	s.value = slices.Grow(s.value[:0], n*n)[:n*n]
	s.outside = slices.Grow(s.outside[:0], n*n)[:n*n]
	s.anyOutside = false
	v := f.view
	w, h := float64(v.w), float64(v.h)
	k := 1 / v.scale
	var du, dv Point
	for j := range n {
		for i := range n {
			u, t := float64(i)+0.5, float64(j)+0.5
			if i%6 == 0 { // the slope changes slowly
				du, dv = f.h.slopes(u, t)
				const arm = 0.21
				du, dv = Point{du.X * k * arm, du.Y * k * arm}, Point{dv.X * k * arm, dv.Y * k * arm}
			}
			p := f.place(u, t)
			x, y := p.X*k, p.Y*k
			b := 2*v.at(x, y) + v.at(x+du.X, y+du.Y) + v.at(x-du.X, y-du.Y) + v.at(x+dv.X, y+dv.Y) + v.at(x-dv.X, y-dv.Y)
			b /= 6
			if light {
				b = 255 - b
			}
			s.value[j*n+i] = b
			out := !(x >= 0 && y >= 0 && x <= w && y <= h)
			s.outside[j*n+i] = out
			s.anyOutside = s.anyOutside || out
		}
	}
}

// judge decides between dark and light, after taking strength times the
// neighbours' part out of each module, which undoes blur.
func (s *sampler) judge(n int, strength float32) modules {
	s.sharp = slices.Grow(s.sharp[:0], n*n)[:n*n]
	if strength == 0 {
		copy(s.sharp, s.value)
	} else {
		for j := range n {
			for i := range n {
				at := j*n + i
				var sum, count float32
				if i > 0 {
					sum, count = sum+s.value[at-1], count+1
				}
				if i < n-1 {
					sum, count = sum+s.value[at+1], count+1
				}
				if j > 0 {
					sum, count = sum+s.value[at-n], count+1
				}
				if j < n-1 {
					sum, count = sum+s.value[at+n], count+1
				}
				s.sharp[at] = s.value[at] + strength*(s.value[at]-sum/count)
			}
		}
	}
	s.sure = slices.Grow(s.sure[:0], n*n)[:n*n]
	m := (n + 1) * (n + 1)
	s.sum = slices.Grow(s.sum[:0], m)[:m]
	s.darkSum = slices.Grow(s.darkSum[:0], m)[:m]
	s.darkCount = slices.Grow(s.darkCount[:0], m)[:m]
	// First guess: the mean around; second: midway between the means of what
	// the first guess calls dark and light.
	integrate(s.sum, n, func(i int) float32 { return s.sharp[i] })
	const radius = 6
	for j := range n {
		for i := range n {
			x0, y0, x1, y1 := max(0, i-radius), max(0, j-radius), min(n, i+radius+1), min(n, j+radius+1)
			mean := box(s.sum, n, x0, y0, x1, y1) / float32((x1-x0)*(y1-y0))
			s.sure[j*n+i] = s.sharp[j*n+i] - mean
		}
	}
	for range 2 {
		integrate(s.darkCount, n, func(i int) float32 {
			if s.sure[i] < 0 {
				return 1
			}
			return 0
		})
		integrate(s.darkSum, n, func(i int) float32 {
			if s.sure[i] < 0 {
				return s.sharp[i]
			}
			return 0
		})
		for j := range n {
			for i := range n {
				x0, y0, x1, y1 := max(0, i-radius), max(0, j-radius), min(n, i+radius+1), min(n, j+radius+1)
				area := float32((x1 - x0) * (y1 - y0))
				total, dark, darks := box(s.sum, n, x0, y0, x1, y1), box(s.darkSum, n, x0, y0, x1, y1), box(s.darkCount, n, x0, y0, x1, y1)
				if darks < 4 || area-darks < 4 {
					continue
				}
				lo, hi := dark/darks, (total-dark)/(area-darks)
				half := max(2, (hi-lo)/2)
				s.sure[j*n+i] = (s.sharp[j*n+i] - (lo+hi)/2) / half
			}
		}
	}
	if s.anyOutside {
		for i, out := range s.outside {
			if out {
				s.sure[i] = 0
			}
		}
	}
	return modules{n, s.sure}
}

func integrate(out []float32, n int, value func(i int) float32) {
	clear(out[:n+1])
	for j := range n {
		row, above := out[(j+1)*(n+1):], out[j*(n+1):]
		var sum float32
		row[0] = 0
		for i := range n {
			sum += value(j*n + i)
			row[i+1] = above[i+1] + sum
		}
	}
}

func box(t []float32, n, x0, y0, x1, y1 int) float32 {
	return t[y1*(n+1)+x1] - t[y0*(n+1)+x1] - t[y1*(n+1)+x0] + t[y0*(n+1)+x0]
}

// fixedMisfit returns the share of finder and timing modules that differ from
// what they must be.
func fixedMisfit(m modules, corners int) float64 {
	n := m.size
	wrong, seen := 0, 0
	look := func(i, j int, want bool) {
		seen++
		if (m.sure[j*n+i] < 0) != want {
			wrong++
		}
	}
	for i := 8; i < n-8; i++ {
		if corners != seenA|seenD {
			look(i, 6, i%2 == 0)
		}
		if corners != seenA|seenB {
			look(6, i, i%2 == 0)
		}
	}
	for j := range 8 {
		for i := range 8 {
			ring := max(abs(i-3), abs(j-3))
			want := ring != 2 && ring != 4
			if corners&seenA != 0 {
				look(i, j, want)
			}
			if corners&seenB != 0 {
				look(n-1-i, j, want)
			}
			if corners&seenD != 0 {
				look(i, n-1-j, want)
			}
		}
	}
	return float64(wrong) / float64(seen)
}

// unbend measures at every edge between a dark and a light module how far it is
// from where the fit expects it, and bends the fit by a cubic that follows
// them. Only rows or columns below reach count: what is far from the finder and
// timing patterns may still be a module off. It needs the modules of this fit.
func (f *symbolFit) unbend(s *sampler, light bool, reach int) bool {
	n := f.size
	var eu, ev equations
	var basis [10]float64
	count := 0
	edge := func(e *equations, u, v float64, a, b float32, sa, sb float32) {
		if sa*sb >= 0 || max(sa-sb, sb-sa) < 0.8 {
			return
		}
		c := f.look(u, v)
		if light {
			c = 255 - c
		}
		d := float64((c - (a+b)/2) / (b - a))
		d = max(-0.5, min(0.5, d))
		cubic(u, v, n, &basis)
		e.add(basis[:], -0.7*d, 1)
		count++
	}
	for j := range n {
		for i := 1; i < n; i++ {
			if min(i, j) >= reach {
				break
			}
			at := j*n + i
			edge(&eu, float64(i), float64(j)+0.5, s.value[at-1], s.value[at], s.sure[at-1], s.sure[at])
			at = i*n + j
			edge(&ev, float64(j)+0.5, float64(i), s.value[at-n], s.value[at], s.sure[at-n], s.sure[at])
		}
	}
	if count < 100 {
		return false
	}
	for _, e := range [2]*equations{&eu, &ev} {
		for i := range 10 {
			e.ata[i][i] += 2 // where there are few edges nothing bends
			if i >= 6 {
				e.ata[i][i] += 4
			}
		}
	}
	var x, y [10]float64
	if !eu.solve(x[:]) || !ev.solve(y[:]) {
		return false
	}
	f.bent = true
	moved := 0.0
	for i := range x {
		f.bend[0][i] += x[i]
		f.bend[1][i] += y[i]
		moved = max(moved, math.Abs(x[i]), math.Abs(y[i]))
	}
	return moved > 0.02 && moved < 4
}
