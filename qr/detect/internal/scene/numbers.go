package scene

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// Pixels must be the same on every machine. Processors differ in whether a
// product and a sum are rounded once or twice (fused multiply-add), and the Go
// compiler fuses where the processor can. An explicit conversion forbids it
// (Go specification, Floating-point operators); therefore every product that
// is added to something stands in float64(…) in this package, and the
// functions of package math that have assembly for some processors are not
// used.

// dice draws the random numbers of one frame. All of them come from Uint64 of
// one PCG, whose sequence is part of its definition.
type dice struct{ pcg *rand.PCG }

// newDice seeds the dice of frame index of the named set.
func newDice(seed uint64, set string, index int) *dice {
	h := uint64(14695981039346656037) // FNV-1a of the name
	for i := range len(set) {
		h = (h ^ uint64(set[i])) * 1099511628211
	}
	return &dice{rand.NewPCG(seed, h+uint64(index)*0x9e3779b97f4a7c15)}
}

// unit returns a number in [0, 1).
func (d *dice) unit() float64 { return float64(float64(d.pcg.Uint64()>>11) / (1 << 53)) }

// between returns a number in [lo, hi).
func (d *dice) between(lo, hi float64) float64 {
	lo, hi = float64(lo), float64(hi) // the caller may have inlined products
	return lo + float64((hi-lo)*d.unit())
}

// in returns a number in the range r.
func (d *dice) in(r span) float64 { return d.between(r[0], r[1]) }

// intn returns a whole number in [0, n).
func (d *dice) intn(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return d.unit() < p }

// signed returns a number in (−1, 1), small ones more often.
func (d *dice) signed() float64 { return float64(d.unit()) - float64(d.unit()) }

// gauss4 returns four nearly normal numbers (each the sum of four uniform ones)
// of mean 0 and standard deviation 1,182, from four draws.
func (d *dice) gauss4(out *[4]int32) {
	const mask = 0x0fff0fff0fff0fff // four uniform numbers of 12 bits, standard deviation 1182.4
	for i := range out {
		v := d.pcg.Uint64() & mask
		out[i] = int32(v&0xffff) + int32(v>>16&0xffff) + int32(v>>32&0xffff) + int32(v>>48) - 2*4095
	}
}

const gaussUnit = 2365 // standard deviation of gauss4: 4096 × sqrt(4 / 12)

// span is a range of a parameter.
type span [2]float64

const degree = math.Pi / 180

// sinCos is the sine and cosine of an angle of at most a few turns.
func sinCos(a float64) (s, c float64) {
	for a > math.Pi {
		a -= 2 * math.Pi
	}
	for a < -math.Pi {
		a += 2 * math.Pi
	}
	s, c = a, 1
	ts, tc := a, 1.0
	aa := a * a
	for k := 1; k < 14; k++ {
		tc = -float64(tc*aa) / float64((2*k-1)*2*k)
		ts = -float64(ts*aa) / float64(2*k*(2*k+1))
		c += tc
		s += ts
	}
	return s, c
}

// expNeg is e to the power −x for x ≥ 0.
func expNeg(x float64) float64 {
	if x > 30 {
		return 0
	}
	y := 1 - float64(x/4096)
	for range 12 {
		y *= y
	}
	return y
}

// matrix is a 3 × 3 matrix in reading order: a homography.
type matrix [9]float64

// adjugate returns the inverse up to a factor, which a homography does not mind.
func (m matrix) adjugate() matrix {
	d := func(a, b, c, e int) float64 { return float64(m[a]*m[b]) - float64(m[c]*m[e]) }
	return matrix{
		d(4, 8, 5, 7), d(2, 7, 1, 8), d(1, 5, 2, 4),
		d(5, 6, 3, 8), d(0, 8, 2, 6), d(2, 3, 0, 5),
		d(3, 7, 4, 6), d(1, 6, 0, 7), d(0, 4, 1, 3),
	}
}

// at applies the homography to a point.
func (m matrix) at(x, y float64) (u, v float64) {
	w := float64(m[6]*x) + float64(m[7]*y) + m[8]
	return (float64(m[0]*x) + float64(m[1]*y) + m[2]) / w, (float64(m[3]*x) + float64(m[4]*y) + m[5]) / w
}

// lattice is smooth random noise: values at the crossings of a square lattice,
// interpolated between them. It repeats after its size.
type lattice struct {
	size   int
	values []int32
}

// newLattice has size × size values in −127…127; size is a power of two.
func newLattice(d *dice, size int) *lattice {
	l := &lattice{size, make([]int32, size*size)}
	for i := 0; i < len(l.values); i += 8 {
		v := d.pcg.Uint64()
		for k := range min(8, len(l.values)-i) {
			l.values[i+k] = int32(int8(v >> (8 * k)))
		}
	}
	return l
}

// at returns the noise at a place given in 1/256 of the lattice's spacing.
func (l *lattice) at(x, y int) int32 {
	fx, fy := int32(x&255), int32(y&255)
	m := l.size - 1
	x0, y0 := x>>8&m, y>>8&m
	x1, y1 := (x0+1)&m, (y0+1)&m
	top := l.values[y0*l.size+x0]*(256-fx) + l.values[y0*l.size+x1]*fx
	low := l.values[y1*l.size+x0]*(256-fx) + l.values[y1*l.size+x1]*fx
	return (top*(256-fy) + low*fy) >> 16
}
