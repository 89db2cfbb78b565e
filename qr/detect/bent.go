package detect

import "math"

// A symbol on a bottle or a curled sheet: its finder patterns look narrower than
// its middle, so that their modules do not tell the size and no plane fits. The
// timing patterns are counted instead, and the fit bends along with them.

// walk follows a timing pattern from one finder pattern to the next, at
// coordinate across of the other direction, and returns where its modules
// meet. The first of them is the end of module 6.
func (f *symbolFit) walk(row bool, across float64, light bool, minStep float32, at []float64) []float64 {
	const fine = 8 // steps a module
	at = at[:0]
	end := (f.size - 13) * fine
	value := func(i int) float32 {
		t := 6.5 + float64(i)/fine
		p := float32(0)
		if row {
			p = f.look(t, across)
		} else {
			p = f.look(across, t)
		}
		if light {
			return 255 - p
		}
		return p
	}
	// Extremes, each confirmed when the brightness has come back by minStep; an
	// edge lies midway between two of them.
	low, high := value(0), value(0)
	from, to := 0, 0 // where the last dark and the last light extreme are
	rising := true
	for i := 1; i <= end; i++ {
		p := value(i)
		if rising {
			if p > high {
				high, to = p, i
			}
			if p < low && to <= from {
				low, from, high, to = p, i, p, i
			}
			if high-low >= minStep && high-p >= minStep {
				at = append(at, 6.5+float64(from+to)/2/fine)
				rising, low, from = false, p, i
			}
		} else {
			if p < low {
				low, from = p, i
			}
			if p-low >= minStep {
				at = append(at, 6.5+float64(from+to)/2/fine)
				rising, high, to = true, p, i
			}
		}
	}
	if !rising { // the last dark module, that of the finder pattern, ends the line
		at = append(at, 6.5+float64(from+to)/2/fine)
	}
	return at
}

// count walks a timing pattern on three lines beside each other and returns the
// modules of a side that it says, 0 when it says none.
func (f *symbolFit) count(row bool, light bool, minStep float32, at []float64) (size int, edges []float64) {
	for _, across := range [3]float64{6.5, 6.2, 6.8} {
		at = f.walk(row, across, light, minStep, at)
		if n := len(at) + 13; n%4 == 1 && n >= minSize && n <= maxSize {
			return n, at
		}
	}
	return 0, at
}

// tryBent reads a symbol whose finder patterns are known and which no plane
// fits. near is a fit to them at any size.
func (s *search) tryBent(c *corners, near *symbolFit, rung string) bool {
	if c.seen != seenAll || s.bends >= maxBends {
		return false
	}
	step := max(minContrast, 0.8*c.step)
	row, at := near.count(true, c.light, step, s.steps)
	s.steps = at
	column, at := near.count(false, c.light, step, s.steps)
	s.steps = at
	s.logf("  bent: timing patterns say %d and %d", row, column)
	for i, size := range [2]int{row, column} {
		if size == 0 || i == 1 && size == row || math.Abs(float64(size)-c.n) > 0.35*c.n {
			continue
		}
		if s.bends++; s.bends > maxBends {
			return false
		}
		if s.bend(c, near, size, step, rung) {
			return true
		}
	}
	return false
}

// bend reads a symbol of a given size along its timing patterns.
func (s *search) bend(c *corners, near *symbolFit, size int, step float32, rung string) bool {
	// near has the finder patterns right and counts too many modules between
	// them: a cubic takes the true coordinates to its own, along each side.
	f := symbolFit{size: size, h: near.h, view: near.view, seen: c.seen, bent: true}
	half, more := float64(size)/2, float64(near.size-size)
	for i, alongRow := range [2]bool{true, false} {
		var e equations
		add := func(at, want, weight float64) {
			x := (want - half) / half
			e.add([]float64{1, x, x * x, x * x * x}, at-want, weight)
		}
		for _, inner := range [3]float64{0, 3.5, 7} {
			add(inner, inner, 2)
			add(float64(size)-inner+more, float64(size)-inner, 2)
		}
		n, at := near.count(alongRow, c.light, step, s.steps)
		s.steps = at
		if n == size {
			for k, t := range at {
				add(t, float64(7+k), 1)
			}
		}
		var k [4]float64
		if !e.solve(k[:]) {
			return false
		}
		if alongRow {
			f.bend[i][0], f.bend[i][1], f.bend[i][3], f.bend[i][6] = k[0], k[1], k[2], k[3]
		} else {
			f.bend[i][0], f.bend[i][2], f.bend[i][5], f.bend[i][9] = k[0], k[1], k[2], k[3]
		}
	}
	if s.again(&f) {
		return false
	}
	l := layoutOf((size - 17) / 4)
	msg, mirrored, ok := s.decode(&f, l, c.light)
	if !ok {
		return false
	}
	s.accept(&f, msg, mirrored, c.light, rung+"-bent")
	return true
}
