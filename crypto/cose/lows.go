package cose

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The order n of P-256, and n/2 rounded down (FIPS 186-5; SP 800-186, Section 3.2.1.3).
var (
	orderP256 = [4]uint64{0xffffffff00000000, 0xffffffffffffffff, 0xbce6faada7179e84, 0xf3b9cac2fc632551}
	halfP256  = [4]uint64{0x7fffffff80000000, 0x7fffffffffffffff, 0xde737d56d38bcf42, 0x79dce5617e3192a8}
)

func readS(sig []byte) (s [4]uint64) {
	for i := range s {
		s[i] = binary.BigEndian.Uint64(sig[32+8*i:])
	}
	return s
}

// IsLowS reports whether a signature of alg is the one form that a profile without malleable signatures accepts. For
// ESP256 that is s ≤ n/2. Ed25519 and ML-DSA-65 have one form only, so any signature of the right length passes. It
// is false for a wrong length and for every other algorithm. Verify takes both forms of ESP256.
func IsLowS(alg Algorithm, sig []byte) bool {
	if len(sig) != alg.SignatureSize() {
		return false
	}
	switch alg {
	case Ed25519, MLDSA65:
		return true
	case ESP256:
		s := readS(sig)
		for i, h := range halfP256 {
			if s[i] != h {
				return s[i] < h
			}
		}
		return true
	}
	return false
}

// NormalizeS returns the low-S twin of an ESP256 signature: sig itself where s is low already, else a new slice with
// n−s. Anything that is not 64 bytes is returned as it is.
func NormalizeS(sig []byte) []byte {
	if len(sig) != ESP256.SignatureSize() || IsLowS(ESP256, sig) {
		return sig
	}
	s := readS(sig)
	var low [4]uint64
	var borrow uint64
	for i := 3; i >= 0; i-- {
		low[i], borrow = bits.Sub64(orderP256[i], s[i], borrow)
	}
	if borrow != 0 {
		return sig // s is not below n: no signature at all
	}
	out := bytes.Clone(sig)
	for i, w := range low {
		binary.BigEndian.PutUint64(out[32+8*i:], w)
	}
	return out
}
