package detect

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/makiuchi-d/gozxing/qrcode/decoder"
)

// modules are the sampled modules of a symbol, row by row: how sure it is that
// the module is light (positive) or dark (negative), about -1 to 1.
type modules struct {
	size int
	sure []float32
}

// message is a decoded symbol.
type message struct {
	text      string
	level     string
	corrected int
}

// assembly collects the blocks of one symbol over several looks at it: each
// block proves itself, so that one sharpened more may stand beside one
// sharpened less.
type assembly struct {
	l      *layout
	format int // five bits: level and mask
	done   []bool
	left   int
	data   []byte // the data codewords of all blocks, one after the other
	wrong  int    // codewords corrected
}

const (
	// maxUnlucky is the largest decimal logarithm of the chance that a block of
	// noise is taken for right: errors alone reach it in the weakest symbols
	// (version 1-L with 3 codewords of 26 wrong: 10^-6.2).
	maxUnlucky = -6.0
	// maxUnluckyErased is the same for a block with erasures: there are many
	// tries, so that each must prove more.
	maxUnluckyErased = -7.5
	weakFormat       = 9 // bits of both copies of the format that may differ, of 30
)

// reader decodes modules. It belongs to one call of Read.
type reader struct {
	codewords []byte
	sure      []float32 // the least sure of a codeword's eight modules
	block     []byte
	before    []byte
	doubt     []int
	blockSure []float32
	known     []*assembly
}

// forget drops what was assembled of the symbol before.
func (r *reader) forget() { r.known = r.known[:0] }

// formatOf finds the format information nearest to both copies and how many of
// their 30 bits differ (ISO/IEC 18004, Section 7.9).
func formatOf(m modules, transposed bool) (best, second int, distance, nearest int) {
	n := m.size
	var seen [2][15]float32
	at := func(x, y int) float32 {
		if transposed {
			x, y = y, x
		}
		return m.sure[y*n+x]
	}
	for i := range 15 { // i counts from the highest bit
		switch {
		case i < 6:
			seen[0][i] = at(i, 8)
		case i == 6:
			seen[0][i] = at(7, 8)
		case i == 7:
			seen[0][i] = at(8, 8)
		case i == 8:
			seen[0][i] = at(8, 7)
		default:
			seen[0][i] = at(8, 14-i)
		}
		if i < 7 {
			seen[1][i] = at(8, n-1-i)
		} else {
			seen[1][i] = at(n-15+i, 8)
		}
	}
	best, second = -1, -1
	var bestScore, secondScore float32
	for f, want := range formats {
		var score float32
		for _, c := range seen {
			for i, s := range c {
				s = max(-1, min(1, s))
				if want>>(14-i)&1 != 0 { // dark
					s = -s
				}
				score += s
			}
		}
		switch {
		case best < 0 || score > bestScore:
			second, secondScore = best, bestScore
			best, bestScore = f, score
		case second < 0 || score > secondScore:
			second, secondScore = f, score
		}
	}
	nearest = 15
	for _, c := range seen {
		var got uint32
		for i, s := range c {
			if s < 0 {
				got |= 1 << (14 - i)
			}
		}
		d := bits.OnesCount32(got ^ formats[best])
		distance += d
		nearest = min(nearest, d)
	}
	return best, second, distance, nearest
}

// read decodes one look at a symbol, as it stands or mirrored. erase lets it
// give up codewords it is least sure of.
func (r *reader) read(l *layout, m modules, transposed, erase bool) (message, bool) {
	best, second, distance, nearest := formatOf(m, transposed)
	if distance > weakFormat && nearest > 3 {
		return message{}, false
	}
	if msg, ok := r.with(l, m, best, transposed, erase); ok {
		return msg, true
	}
	if distance > 4 && second >= 0 {
		return r.with(l, m, second, transposed, erase)
	}
	return message{}, false
}

// with decodes under a given format.
func (r *reader) with(l *layout, m modules, format int, transposed, erase bool) (message, bool) {
	a := r.assembly(l, format)
	if a == nil {
		return message{}, false
	}
	r.collect(l, m, format&7, transposed)
	blocks := l.version.GetECBlocksForLevel(errorLevel(format))
	parity := blocks.GetECCodewordsPerBlock()
	count := blocks.GetNumBlocks()
	total := len(l.order) / 8
	short := total/count - parity // data codewords of the shorter blocks
	longer := total % count       // so many blocks, the last ones, have one more
	// Errors alone first; codewords are given up only for the few blocks that
	// are left then.
	for _, erasing := range [2]bool{false, true} {
		if erasing && (!erase || 2*a.left > count+1) {
			break
		}
		offset, failed := 0, 0
		for b := range count {
			length := short
			if b >= count-longer {
				length++
			}
			if !a.done[b] {
				r.block, r.blockSure = r.block[:0], r.blockSure[:0]
				take := func(i int) {
					r.block = append(r.block, r.codewords[i])
					r.blockSure = append(r.blockSure, r.sure[i])
				}
				for i := range length {
					if i < short {
						take(i*count + b)
					} else {
						take(short*count + b - (count - longer))
					}
				}
				for i := range parity {
					take(total - parity*count + i*count + b)
				}
				if wrong, ok := r.repair(parity, erasing); ok {
					copy(a.data[offset:], r.block[:length])
					a.done[b] = true
					a.left--
					a.wrong += wrong
				} else if failed++; failed > 4 && 2*failed > count {
					break // nothing of this look is worth keeping
				}
			}
			offset += length
		}
		if a.left == 0 {
			break
		}
	}
	if a.left > 0 {
		return message{}, false
	}
	text, ok := parse(a.data, l.version, errorLevel(format))
	return message{text: text, level: levels[format>>3], corrected: a.wrong}, ok
}

func (r *reader) assembly(l *layout, format int) *assembly {
	for _, a := range r.known {
		if a.l == l && a.format == format {
			return a
		}
	}
	blocks := l.version.GetECBlocksForLevel(errorLevel(format))
	if blocks == nil {
		return nil
	}
	count := blocks.GetNumBlocks()
	a := &assembly{
		l: l, format: format, done: make([]bool, count), left: count,
		data: make([]byte, len(l.order)/8-count*blocks.GetECCodewordsPerBlock()),
	}
	r.known = append(r.known, a)
	return a
}

func errorLevel(format int) decoder.ErrorCorrectionLevel {
	level, _ := decoder.ErrorCorrectionLevel_ForBits(uint(format >> 3))
	return level
}

// collect unmasks the modules and packs them into codewords.
func (r *reader) collect(l *layout, m modules, mask int, transposed bool) {
	total := len(l.order) / 8
	r.codewords = slices.Grow(r.codewords[:0], total)[:total]
	r.sure = slices.Grow(r.sure[:0], total)[:total]
	n := l.size
	for i := range total {
		var b byte
		least := float32(2)
		for _, at := range l.order[8*i : 8*i+8] {
			x, y := int(at)%n, int(at)/n
			s := m.sure[at]
			if transposed {
				s = m.sure[x*n+y]
			}
			b <<= 1
			if (s < 0) != masked(mask, x, y) {
				b |= 1
			}
			least = min(least, max(s, -s))
		}
		r.codewords[i], r.sure[i] = b, least
	}
}

// repair corrects r.block and says how many codewords it changed. With erase
// the least sure codewords are given up, one more at a time, as long as what
// remains still proves itself; without, errors alone are corrected.
func (r *reader) repair(parity int, erase bool) (wrong int, ok bool) {
	var s [maxParity]byte
	syn := s[:parity]
	if syndromes(r.block, syn) {
		return 0, true
	}
	n := len(r.block)
	if !erase {
		wrong, ok = correct(r.block, syn, nil)
		return wrong, ok && chance(n, parity, 0, wrong) <= maxUnlucky
	}
	r.doubt = r.doubt[:0]
	for i := range n {
		r.doubt = append(r.doubt, i)
	}
	slices.SortFunc(r.doubt, func(a, b int) int {
		return cmp.Or(cmp.Compare(r.blockSure[a], r.blockSure[b]), cmp.Compare(a, b))
	})
	r.before = append(r.before[:0], r.block...)
	step := 1 + parity/16
	for k := step; k < parity; k += step {
		if chance(n, parity, k, 0) > maxUnluckyErased {
			break
		}
		wrong, ok := correct(r.block, syn, r.doubt[:k])
		if !ok {
			continue
		}
		if chance(n, parity, k, wrong) <= maxUnluckyErased {
			wrong = 0
			for i := range r.before {
				if r.before[i] != r.block[i] {
					wrong++
				}
			}
			return wrong, true
		}
		copy(r.block, r.before)
	}
	return 0, false
}

// parse reads the segments of the data codewords.
func parse(data []byte, v *decoder.Version, level decoder.ErrorCorrectionLevel) (text string, ok bool) {
	result, err := decoder.DecodedBitStreamParser_Decode(data, v, level, nil)
	if err != nil || result.GetText() == "" {
		return "", false
	}
	return result.GetText(), true
}
