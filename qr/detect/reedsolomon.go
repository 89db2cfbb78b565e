package detect

import "math"

// Reed–Solomon codes over GF(2^8) modulo x^8+x^4+x^3+x^2+1 whose generator has
// the roots α^0, α^1, … (ISO/IEC 18004, Annex A), decoded with erasures.

var gfExp, gfLog = func() (exp [510]byte, log [256]byte) {
	v := 1
	for i := range 255 {
		exp[i], exp[i+255], log[v] = byte(v), byte(v), byte(i)
		if v <<= 1; v > 255 {
			v ^= 0x11d
		}
	}
	return exp, log
}()

func gfMul(a, b byte) byte {
	if a == 0 || b == 0 {
		return 0
	}
	return gfExp[int(gfLog[a])+int(gfLog[b])]
}

// maxParity is the largest number of error correction codewords of one block
// (ISO/IEC 18004, Table 9).
const maxParity = 30

// syndromes evaluates block at the roots and reports whether all are zero.
func syndromes(block []byte, s []byte) (zero bool) {
	zero = true
	for i := range s {
		v := byte(0)
		if i == 0 {
			for _, b := range block {
				v ^= b
			}
		} else {
			for _, b := range block {
				if v != 0 {
					v = gfExp[int(gfLog[v])+i]
				}
				v ^= b
			}
		}
		s[i] = v
		zero = zero && v == 0
	}
	return zero
}

// correct repairs block in place, given its syndromes and the places that are
// known to be doubtful. It returns how many codewords elsewhere were wrong; ok
// is false, and block unchanged, when no codeword of the code is near enough.
func correct(block, syn []byte, erased []int) (wrong int, ok bool) {
	parity := len(syn)
	if parity > maxParity || len(erased) > parity {
		return 0, false
	}
	n := len(block)
	// lambda starts as the locator of the erasures, Π (1 - X x).
	var lambda, prev, next [maxParity + 2]byte
	lambda[0] = 1
	for k, e := range erased {
		x := gfExp[n-1-e]
		for i := k + 1; i > 0; i-- {
			lambda[i] ^= gfMul(lambda[i-1], x)
		}
	}
	// Berlekamp and Massey, continued from the erasures.
	prev = lambda
	degree, k := len(erased), len(erased)
	for r := k; r < parity; r++ {
		var d byte
		for i := 0; i <= degree; i++ {
			d ^= gfMul(lambda[i], syn[r-i])
		}
		copy(prev[1:], prev[:maxParity+1])
		prev[0] = 0
		if d == 0 {
			continue
		}
		for i := range next {
			next[i] = lambda[i] ^ gfMul(d, prev[i])
		}
		if 2*degree <= r+k {
			degree = r + k + 1 - degree
			inv := gfExp[255-int(gfLog[d])]
			for i := range prev {
				prev[i] = gfMul(lambda[i], inv)
			}
		}
		lambda = next
	}
	if 2*(degree-k) > parity-k {
		return 0, false
	}
	for i := degree + 1; i < len(lambda); i++ {
		if lambda[i] != 0 {
			return 0, false
		}
	}
	// The evaluator is S × lambda modulo x^parity.
	var omega [maxParity]byte
	for i := range parity {
		for j := 0; j <= min(i, degree); j++ {
			omega[i] ^= gfMul(lambda[j], syn[i-j])
		}
	}
	var at [maxParity]int
	var value [maxParity]byte
	found := 0
	for pos := range n {
		root := (255 - (n - 1 - pos)) % 255 // log of 1/X
		var sum byte
		for i, e := 0, 0; i <= degree; i++ {
			if lambda[i] != 0 {
				sum ^= gfExp[int(gfLog[lambda[i]])+e]
			}
			if e += root; e >= 255 {
				e -= 255
			}
		}
		if sum != 0 {
			continue
		}
		if found == degree {
			return 0, false
		}
		// Forney with first root α^0: X · omega(1/X) / lambda'(1/X).
		var num, den byte
		for i, e := 0, 0; i < parity; i++ {
			if omega[i] != 0 {
				num ^= gfExp[int(gfLog[omega[i]])+e]
			}
			if i%2 == 0 && i+1 <= degree && lambda[i+1] != 0 {
				den ^= gfExp[int(gfLog[lambda[i+1]])+e]
			}
			if e += root; e >= 255 {
				e -= 255
			}
		}
		if den == 0 {
			return 0, false
		}
		if num != 0 {
			value[found] = gfExp[(int(gfLog[num])+255-int(gfLog[den])+(n-1-pos))%255]
		}
		at[found] = pos
		found++
	}
	if found != degree {
		return 0, false
	}
	for i := range found {
		block[at[i]] ^= value[i]
	}
	var check [maxParity]byte
	if !syndromes(block, check[:parity]) {
		for i := range found {
			block[at[i]] ^= value[i]
		}
		return 0, false
	}
	return degree - k, true
}

var lnFactorial = func() (f [257]float64) {
	for i := 2; i < len(f); i++ {
		f[i] = f[i-1] + math.Log(float64(i))
	}
	return f
}()

// chance estimates the decimal logarithm of the probability that a block of
// random codewords passes as one with so many errors beside its erasures:
// C(n-erased, wrong) · 255^wrong / 256^(parity-erased).
func chance(n, parity, erased, wrong int) float64 {
	m := n - erased
	if wrong > m {
		return 0
	}
	choose := lnFactorial[m] - lnFactorial[wrong] - lnFactorial[m-wrong]
	return (choose - math.Log(256)*float64(parity-erased-wrong)) / math.Ln10
}
