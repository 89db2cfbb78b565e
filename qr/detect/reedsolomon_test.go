package detect

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/makiuchi-d/gozxing/common/reedsolomon"
)

// encodeBlock appends parity codewords with an independent encoder.
func encodeBlock(t testing.TB, data []byte, parity int) []byte {
	t.Helper()
	v := make([]int, len(data)+parity)
	for i, b := range data {
		v[i] = int(b)
	}
	if err := reedsolomon.NewReedSolomonEncoder(reedsolomon.GenericGF_QR_CODE_FIELD_256).Encode(v, parity); err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(v))
	for i, b := range v {
		out[i] = byte(b)
	}
	return out
}

// Every mix of errors and erasures within 2·errors + erasures ≤ parity is
// repaired, and nothing beyond is passed off as the sent block.
func TestCorrectErrorsAndErasures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, shape := range [][2]int{{19, 7}, {16, 10}, {9, 17}, {108, 26}, {122, 30}, {15, 30}} {
		data := make([]byte, shape[0])
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		sent := encodeBlock(t, data, shape[1])
		n, parity := len(sent), shape[1]
		for erasures := 0; erasures <= parity; erasures++ {
			for wrong := 0; wrong <= min((parity-erasures)/2+2, n-erasures); wrong++ {
				got := bytes.Clone(sent)
				places := r.Perm(n)[:erasures+wrong]
				for k, p := range places {
					if k >= erasures || r.IntN(4) > 0 { // some erased codewords are right
						got[p] ^= byte(1 + r.IntN(255))
					}
				}
				syn := make([]byte, parity)
				syndromes(got, syn)
				before := bytes.Clone(got)
				count, ok := correct(got, syn, places[:erasures])
				within := 2*wrong+erasures <= parity
				switch {
				case within && (!ok || count != wrong || !bytes.Equal(got, sent)):
					t.Fatalf("(%d,%d): %d erasures, %d errors not repaired: %v, %d", n, n-parity, erasures, wrong, ok, count)
				case !within && ok && bytes.Equal(got, sent):
					t.Fatalf("(%d,%d): %d erasures, %d errors: repaired beyond the bound", n, n-parity, erasures, wrong)
				case !ok && !bytes.Equal(got, before):
					t.Fatalf("(%d,%d): a failed repair changed the block", n, n-parity)
				}
			}
		}
	}
}

func TestCorrectRefuses(t *testing.T) {
	block := make([]byte, 26)
	if _, ok := correct(block, make([]byte, maxParity+1), nil); ok {
		t.Error("more parity than any block has")
	}
	if _, ok := correct(block, make([]byte, 2), []int{0, 1, 2}); ok {
		t.Error("more erasures than parity")
	}
}

// chance must grow with every erasure and every error, and be far below one in
// a million where an ordinary symbol is decoded within its bound.
func TestChance(t *testing.T) {
	if c := chance(26, 10, 0, 5); c > -6 {
		t.Errorf("version 1-M, 5 errors: 10^%.1f", c)
	}
	for k := range 10 {
		if chance(26, 10, k+1, 0) <= chance(26, 10, k, 0) {
			t.Errorf("%d erasures", k)
		}
	}
	for e := range 5 {
		if chance(26, 10, 0, e+1) <= chance(26, 10, 0, e) {
			t.Errorf("%d errors", e)
		}
	}
	if c := chance(26, 10, 10, 0); c < 0 {
		t.Errorf("erasures equal to parity prove something: 10^%.1f", c)
	}
}

// The other implementation agrees on errors alone.
func FuzzCorrect(f *testing.F) {
	f.Add([]byte("hello reed solomon 0123456789"), uint8(10))
	f.Add([]byte{1}, uint8(7))
	f.Fuzz(func(t *testing.T, block []byte, p uint8) {
		parity := int(p%maxParity) + 1
		if len(block) <= parity || len(block) > 255 {
			return
		}
		syn := make([]byte, parity)
		ours := bytes.Clone(block)
		zero := syndromes(ours, syn)
		_, ok := correct(ours, syn, nil)
		theirs := make([]int, len(block))
		for i, b := range block {
			theirs[i] = int(b)
		}
		err := reedsolomon.NewReedSolomonDecoder(reedsolomon.GenericGF_QR_CODE_FIELD_256).Decode(theirs, parity)
		if zero && (!ok || !bytes.Equal(ours, block)) {
			t.Fatal("a sound block was changed")
		}
		if ok && err == nil {
			for i := range ours {
				if int(ours[i]) != theirs[i] {
					t.Fatal("two decoders disagree")
				}
			}
		}
		if !ok && err == nil {
			// The other one does not look at what it made: it must not be a codeword.
			made := make([]byte, len(theirs))
			for i, v := range theirs {
				made[i] = byte(v)
			}
			if syndromes(made, syn) {
				t.Fatal("the other decoder repairs it")
			}
		}
	})
}
