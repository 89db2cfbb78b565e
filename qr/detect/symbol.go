package detect

import (
	"sync"

	"github.com/makiuchi-d/gozxing/qrcode/decoder"
)

// layout is what a version fixes: where its function patterns lie and in which
// order its modules carry the codewords (ISO/IEC 18004, Sections 6.3 and 7.7.3).
type layout struct {
	version *decoder.Version
	size    int
	centres []int    // rows and columns of the alignment patterns
	fixed   []bool   // size × size: a function pattern or format and version information
	order   []uint16 // modules, y × size + x, of codeword bits, the first codeword's highest bit first
}

var layouts [41]struct {
	once sync.Once
	l    *layout
}

// layoutOf returns the layout of version 1 to 40, or nil.
func layoutOf(version int) *layout {
	if version < 1 || version > 40 {
		return nil
	}
	entry := &layouts[version]
	entry.once.Do(func() {
		v, err := decoder.Version_GetVersionForNumber(version)
		if err != nil {
			return
		}
		l := &layout{version: v, size: 17 + 4*version, centres: v.GetAlignmentPatternCenters()}
		l.mark()
		l.walk()
		entry.l = l
	})
	return entry.l
}

// mark sets the modules that carry no codewords.
func (l *layout) mark() {
	n := l.size
	l.fixed = make([]bool, n*n)
	box := func(x, y, w, h int) {
		for j := y; j < y+h; j++ {
			for i := x; i < x+w; i++ {
				l.fixed[j*n+i] = true
			}
		}
	}
	box(0, 0, 9, 9) // finder pattern, separator, format information
	box(n-8, 0, 8, 9)
	box(0, n-8, 9, 8)
	box(8, 6, n-16, 1) // timing patterns
	box(6, 8, 1, n-16)
	last := len(l.centres) - 1
	for j, y := range l.centres {
		for i, x := range l.centres {
			if i == 0 && j == 0 || i == last && j == 0 || i == 0 && j == last {
				continue // a finder pattern is there
			}
			box(x-2, y-2, 5, 5)
		}
	}
	if n >= 45 { // version information, from version 7
		box(n-11, 0, 3, 6)
		box(0, n-11, 6, 3)
	}
}

// walk lists the other modules in the order of their bits: pairs of columns
// from the right, upwards and downwards in turn, without the timing column.
func (l *layout) walk() {
	n := l.size
	l.order = make([]uint16, 0, 8*l.version.GetTotalCodewords()+7)
	up := true
	for right := n - 1; right > 0; right -= 2 {
		if right == 6 {
			right--
		}
		for k := range n {
			y := k
			if up {
				y = n - 1 - k
			}
			for _, x := range [2]int{right, right - 1} {
				if !l.fixed[y*n+x] {
					l.order = append(l.order, uint16(y*n+x))
				}
			}
		}
		up = !up
	}
	l.order = l.order[:8*l.version.GetTotalCodewords()] // the rest are remainder bits
}

// masked tells whether data mask pattern m inverts module (x, y) (ISO/IEC
// 18004, Table 10).
func masked(m, x, y int) bool {
	switch m {
	case 0:
		return (x+y)%2 == 0
	case 1:
		return y%2 == 0
	case 2:
		return x%3 == 0
	case 3:
		return (x+y)%3 == 0
	case 4:
		return (y/2+x/3)%2 == 0
	case 5:
		return x*y%2+x*y%3 == 0
	case 6:
		return (x*y%2+x*y%3)%2 == 0
	}
	return ((x+y)%2+x*y%3)%2 == 0
}

// formats are the 32 valid format information strings with their mask applied
// (ISO/IEC 18004, Annex C): data bits, BCH (15,5) remainder, XOR 101010000010010.
var formats = func() (f [32]uint32) {
	for d := range uint32(32) {
		r := d << 10
		for bit := 14; bit >= 10; bit-- {
			if r>>bit&1 != 0 {
				r ^= 0x537 << (bit - 10)
			}
		}
		f[d] = (d<<10 | r) ^ 0x5412
	}
	return f
}()

// versions are the valid version information strings of versions 7 to 40
// (Annex D): 6 data bits and the BCH (18,6) remainder.
var versions = func() (v [41]uint32) {
	for d := uint32(7); d <= 40; d++ {
		r := d << 12
		for bit := 17; bit >= 12; bit-- {
			if r>>bit&1 != 0 {
				r ^= 0x1f25 << (bit - 12)
			}
		}
		v[d] = d<<12 | r
	}
	return v
}()

// levels are the error correction levels by their two format bits.
var levels = [4]string{"M", "L", "H", "Q"}
