package credential

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/posvid/posvid/crypto/keys"
)

// A holder key as tokens carry it, {1: 2, -1: 1, -2: x, -3: sign of y}, around the 32 bytes of x.
var holderKeyStart = []byte{0xa4, 0x01, 0x02, 0x20, 0x01, 0x21, 0x58, 0x20}

const (
	holderKeySize = 8 + 32 + 2 // bytes of that form
	holderKeyY    = 0x22       // label -3
	cborFalse     = 0xf4       // y is even
	cborTrue      = 0xf5       // y is odd
)

// parseHolderKey reads a holder's COSE_Key. For the form that issuers write, y is found here: the library's way from a
// compressed point takes a field inversion more, and this key is the dearest thing in a token after the signature. The
// key is then read with both coordinates, so that the library checks that they are a point of the curve: a wrong y
// could only refuse a good key. Every other form, and an x without a point, goes the ordinary way to its error.
func parseHolderKey(raw []byte) (keys.HolderPublicKey, error) {
	if len(raw) == holderKeySize && bytes.Equal(raw[:8], holderKeyStart) && raw[40] == holderKeyY && (raw[41] == cborFalse || raw[41] == cborTrue) {
		x := (*[32]byte)(raw[8:40])
		if y, ok := pointY(x, raw[41] == cborTrue); ok {
			var whole [8 + 32 + 3 + 32]byte
			copy(whole[:], holderKeyStart)
			copy(whole[8:], x[:])
			whole[40], whole[41], whole[42] = holderKeyY, 0x58, 0x20
			copy(whole[43:], y[:])
			return keys.ParseHolderPublicKey(whole[:])
		}
	}
	return keys.ParseHolderPublicKey(raw)
}

// pointY finds the y of the sign given at which x lies on P-256: y² = x³ − 3x + b (FIPS 186-5, SP 800-186, Section
// 3.2.1.3). All of it is public, so its time need not be constant. False means that there is no such point.
func pointY(x *[32]byte, odd bool) (y [32]byte, ok bool) {
	plain := fieldElement{binary.BigEndian.Uint64(x[24:]), binary.BigEndian.Uint64(x[16:]), binary.BigEndian.Uint64(x[8:]), binary.BigEndian.Uint64(x[:])}
	if plain != plain.reduced(0) {
		return y, false // x ≥ p
	}
	a := plain.mul(&fieldSquare)
	square := a.mul(&a)
	square = square.sub(&fieldThree)
	square = square.mul(&a)
	square = square.add(&fieldB)
	root := square.root()
	if root.mul(&root) != square {
		return y, false
	}
	one := fieldElement{1}
	out := root.mul(&one)
	if out[0]&1 == 1 != odd {
		zero := fieldElement{}
		out = zero.sub(&out)
		if out[0]&1 == 1 != odd {
			return y, false // y = 0 has no other sign
		}
	}
	for i, limb := range out {
		binary.BigEndian.PutUint64(y[24-8*i:], limb)
	}
	return y, true
}

// fieldElement is a number below p = 2²⁵⁶ − 2²²⁴ + 2¹⁹² + 2⁹⁶ − 1, least limb first; as a factor it stands for its value
// times 2²⁵⁶ (Montgomery's form).
type fieldElement [4]uint64

const (
	fieldP0 = 0xffffffffffffffff
	fieldP1 = 0x00000000ffffffff
	fieldP2 = 0
	fieldP3 = 0xffffffff00000001
)

var (
	fieldSquare = fieldElement{0x3, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x4fffffffd}                       // 2⁵¹² mod p
	fieldThree  = fieldElement{0x3, 0xfffffffd00000000, 0xffffffffffffffff, 0x2fffffffc}                       // 3
	fieldB      = fieldElement{0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834} // b
)

// reduced takes p away once when carry·2²⁵⁶ + z is not below it.
func (z fieldElement) reduced(carry uint64) fieldElement {
	var s fieldElement
	var borrow uint64
	s[0], borrow = bits.Sub64(z[0], fieldP0, 0)
	s[1], borrow = bits.Sub64(z[1], fieldP1, borrow)
	s[2], borrow = bits.Sub64(z[2], fieldP2, borrow)
	s[3], borrow = bits.Sub64(z[3], fieldP3, borrow)
	if _, below := bits.Sub64(carry, 0, borrow); below == 1 {
		return z
	}
	return s
}

func (z *fieldElement) add(x *fieldElement) fieldElement {
	var s fieldElement
	var carry uint64
	s[0], carry = bits.Add64(z[0], x[0], 0)
	s[1], carry = bits.Add64(z[1], x[1], carry)
	s[2], carry = bits.Add64(z[2], x[2], carry)
	s[3], carry = bits.Add64(z[3], x[3], carry)
	return s.reduced(carry)
}

func (z *fieldElement) sub(x *fieldElement) fieldElement {
	var s fieldElement
	var borrow uint64
	s[0], borrow = bits.Sub64(z[0], x[0], 0)
	s[1], borrow = bits.Sub64(z[1], x[1], borrow)
	s[2], borrow = bits.Sub64(z[2], x[2], borrow)
	s[3], borrow = bits.Sub64(z[3], x[3], borrow)
	if borrow == 1 {
		var carry uint64
		s[0], carry = bits.Add64(s[0], fieldP0, 0)
		s[1], carry = bits.Add64(s[1], fieldP1, carry)
		s[2], carry = bits.Add64(s[2], fieldP2, carry)
		s[3], _ = bits.Add64(s[3], fieldP3, carry)
	}
	return s
}

// mul is z·x / 2²⁵⁶ mod p.
func (z *fieldElement) mul(x *fieldElement) fieldElement {
	var t [8]uint64
	for i := range 4 {
		var carry uint64
		for j := range 4 {
			hi, lo := bits.Mul64(z[i], x[j])
			var c uint64
			lo, c = bits.Add64(lo, t[i+j], 0)
			hi += c
			lo, c = bits.Add64(lo, carry, 0)
			t[i+j], carry = lo, hi+c
		}
		t[i+4] = carry
	}
	z0, z1, z2, z3 := fieldReduce(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7])
	return fieldElement{z0, z1, z2, z3}.reduced(0)
}

// square is z² / 2²⁵⁶ mod p, n times over. A root takes 253 of them: they are what this file is for, so the limbs stay in
// registers.
func (z fieldElement) square(n int) fieldElement {
	z0, z1, z2, z3 := z[0], z[1], z[2], z[3]
	for range n {
		// Products of different limbs, once.
		h01, t1 := bits.Mul64(z0, z1)
		h02, l02 := bits.Mul64(z0, z2)
		t2, c := bits.Add64(l02, h01, 0)
		h03, l03 := bits.Mul64(z0, z3)
		t3, c := bits.Add64(l03, h02, c)
		h13, l13 := bits.Mul64(z1, z3)
		t4, c := bits.Add64(l13, h03, c)
		h23, l23 := bits.Mul64(z2, z3)
		t5, c := bits.Add64(l23, h13, c)
		t6, _ := bits.Add64(h23, 0, c)
		h12, l12 := bits.Mul64(z1, z2)
		t3, c = bits.Add64(t3, l12, 0)
		t4, c = bits.Add64(t4, h12, c)
		t5, c = bits.Add64(t5, 0, c)
		t6, _ = bits.Add64(t6, 0, c)
		// Doubled, and the squares of the limbs.
		t1, c = bits.Add64(t1, t1, 0)
		t2, c = bits.Add64(t2, t2, c)
		t3, c = bits.Add64(t3, t3, c)
		t4, c = bits.Add64(t4, t4, c)
		t5, c = bits.Add64(t5, t5, c)
		t6, t7 := bits.Add64(t6, t6, c)
		h0, t0 := bits.Mul64(z0, z0)
		t1, c = bits.Add64(t1, h0, 0)
		h1, l1 := bits.Mul64(z1, z1)
		t2, c = bits.Add64(t2, l1, c)
		t3, c = bits.Add64(t3, h1, c)
		h2, l2 := bits.Mul64(z2, z2)
		t4, c = bits.Add64(t4, l2, c)
		t5, c = bits.Add64(t5, h2, c)
		h3, l3 := bits.Mul64(z3, z3)
		t6, c = bits.Add64(t6, l3, c)
		t7, _ = bits.Add64(t7, h3, c)
		z0, z1, z2, z3 = fieldReduce(t0, t1, t2, t3, t4, t5, t6, t7)
	}
	return fieldElement{z0, z1, z2, z3}.reduced(0)
}

// fieldReduce is t / 2²⁵⁶ modulo p for any t below 2⁵¹²; the result is below 2²⁵⁶, which may still be p or more. Four times
// the lowest limb m goes away by adding m·p, of which all but the highest limb is shifts: p = 2²⁵⁶ − 2²²⁴ + 2¹⁹² + 2⁹⁶ − 1. Limb 4 and those above it take the places that have become free.
func fieldReduce(t0, t1, t2, t3, t4, t5, t6, t7 uint64) (z0, z1, z2, z3 uint64) {
	hi, lo := bits.Mul64(t0, fieldP3)
	t1, c := bits.Add64(t1, t0<<32, 0)
	t2, c = bits.Add64(t2, t0>>32, c)
	t3, c = bits.Add64(t3, lo, c)
	t0, _ = bits.Add64(hi, 0, c)
	hi, lo = bits.Mul64(t1, fieldP3)
	t2, c = bits.Add64(t2, t1<<32, 0)
	t3, c = bits.Add64(t3, t1>>32, c)
	t0, c = bits.Add64(t0, lo, c)
	t1, _ = bits.Add64(hi, 0, c)
	hi, lo = bits.Mul64(t2, fieldP3)
	t3, c = bits.Add64(t3, t2<<32, 0)
	t0, c = bits.Add64(t0, t2>>32, c)
	t1, c = bits.Add64(t1, lo, c)
	t2, _ = bits.Add64(hi, 0, c)
	hi, lo = bits.Mul64(t3, fieldP3)
	t0, c = bits.Add64(t0, t3<<32, 0)
	t1, c = bits.Add64(t1, t3>>32, c)
	t2, c = bits.Add64(t2, lo, c)
	t3, _ = bits.Add64(hi, 0, c)

	t0, c = bits.Add64(t0, t4, 0)
	t1, c = bits.Add64(t1, t5, c)
	t2, c = bits.Add64(t2, t6, c)
	t3, c = bits.Add64(t3, t7, c)
	p := -c // all ones where the sum, below 2²⁵⁶ + p, carried: then p goes once
	z0, c = bits.Sub64(t0, p, 0)
	z1, c = bits.Sub64(t1, p&fieldP1, c)
	z2, c = bits.Sub64(t2, 0, c)
	z3, _ = bits.Sub64(t3, p&fieldP3, c)
	return z0, z1, z2, z3
}

// root is z to the power (p+1)/4 = ((2³²−1)·2³² + 1)·2⁹⁶ + 1)·2⁹⁴, the square root where there is one, as p ≡ 3 mod 4.
func (z *fieldElement) root() fieldElement {
	ones := *z // z to the power 2ⁿ−1, n doubling to 32
	for n := 1; n < 32; n *= 2 {
		next := ones.square(n)
		ones = next.mul(&ones)
	}
	r := ones.square(32)
	r = r.mul(z)
	r = r.square(96)
	r = r.mul(z)
	return r.square(94)
}
