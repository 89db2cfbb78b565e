package credential

import (
	"crypto/elliptic"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/posvid/posvid/crypto/keys"
)

// xAt makes an x at random: about every other one has a point.
func xAt(rng *rand.Rand) (x [32]byte) {
	for i := 0; i < len(x); i += 8 {
		binary.BigEndian.PutUint64(x[i:], rng.Uint64())
	}
	return x
}

func holderKeyForm(x [32]byte, sign byte) []byte {
	return append(append(append([]byte{}, holderKeyStart...), x[:]...), holderKeyY, sign)
}

// TestPointY compares with the library over random x, those beside 0 and p, and limbs of all ones and all zeros.
func TestPointY(t *testing.T) {
	p := elliptic.P256().Params().P
	var xs [][32]byte
	for d := int64(-20); d <= 20; d++ {
		xs = append(xs, [32]byte(new(big.Int).Add(p, big.NewInt(d)).FillBytes(make([]byte, 32))))
		if d >= 0 {
			xs = append(xs, [32]byte(big.NewInt(d).FillBytes(make([]byte, 32))))
		}
	}
	for mask := range 16 {
		var ones [32]byte
		for i := range ones {
			if mask>>(i/8)&1 == 1 {
				ones[i] = 0xff
			}
		}
		xs = append(xs, ones)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		xs = append(xs, xAt(rng))
	}
	points := 0
	for _, x := range xs {
		for _, odd := range []bool{false, true} {
			compressed := append([]byte{2}, x[:]...)
			if odd {
				compressed[0] = 3
			}
			wantX, wantY := elliptic.UnmarshalCompressed(elliptic.P256(), compressed)
			y, ok := pointY(&x, odd)
			if ok != (wantX != nil) {
				t.Fatalf("x %x, odd %t: point %t, want %t", x, odd, ok, wantX != nil)
			}
			if !ok {
				if y != [32]byte{} {
					t.Fatalf("x %x: y %x without a point", x, y)
				}
				continue
			}
			points++
			if want := [32]byte(wantY.FillBytes(make([]byte, 32))); y != want {
				t.Fatalf("x %x, odd %t: y %x, want %x", x, odd, y, want)
			}
		}
	}
	if points < 2500 {
		t.Errorf("only %d points compared", points)
	}
}

// TestFieldConstants recomputes what is written down.
func TestFieldConstants(t *testing.T) {
	params := elliptic.P256().Params()
	montgomery := func(v *big.Int) (out fieldElement) {
		b := new(big.Int).Lsh(v, 256)
		raw := b.Mod(b, params.P).FillBytes(make([]byte, 32))
		for i := range out {
			out[i] = binary.BigEndian.Uint64(raw[24-8*i:])
		}
		return out
	}
	for _, row := range []struct {
		name string
		got  fieldElement
		want *big.Int
	}{
		{"2^512", fieldSquare, new(big.Int).Lsh(big.NewInt(1), 256)},
		{"3", fieldThree, big.NewInt(3)},
		{"b", fieldB, params.B},
	} {
		if want := montgomery(row.want); row.got != want {
			t.Errorf("%s: %x, want %x", row.name, row.got, want)
		}
	}
	p := new(big.Int)
	for _, limb := range []uint64{fieldP3, fieldP2, fieldP1, fieldP0} {
		p.Or(p.Lsh(p, 64), new(big.Int).SetUint64(limb))
	}
	if p.Cmp(params.P) != 0 {
		t.Errorf("p %x, want %x", p, params.P)
	}
}

// TestFieldArithmetic compares with math/big, at the edges of the field too.
func TestFieldArithmetic(t *testing.T) {
	p := elliptic.P256().Params().P
	number := func(f fieldElement) *big.Int {
		n := new(big.Int)
		for i := 3; i >= 0; i-- {
			n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(f[i]))
		}
		return n
	}
	element := func(n *big.Int) (f fieldElement) {
		raw := n.FillBytes(make([]byte, 32))
		for i := range f {
			f[i] = binary.BigEndian.Uint64(raw[24-8*i:])
		}
		return f
	}
	var values []*big.Int
	for d := int64(1); d <= 5; d++ {
		values = append(values, big.NewInt(d-1), new(big.Int).Sub(p, big.NewInt(d)))
	}
	for shift := uint(31); shift < 256; shift += 32 {
		v := new(big.Int).Lsh(big.NewInt(1), shift)
		values = append(values, v, new(big.Int).Sub(v, big.NewInt(1)))
	}
	rng := rand.New(rand.NewPCG(9, 9))
	for range 60 {
		x := xAt(rng)
		v := new(big.Int).SetBytes(x[:])
		values = append(values, v.Mod(v, p))
	}
	inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 256), p)
	mod := func(v *big.Int) *big.Int { return v.Mod(v, p) }
	// Between two squarings a number may be p or more, which happens to random ones once in 2³² times.
	top := new(big.Int).Lsh(big.NewInt(1), 256)
	for d := int64(0); d < 5; d++ {
		for _, a := range []*big.Int{new(big.Int).Add(p, big.NewInt(d)), new(big.Int).Sub(top, big.NewInt(d+1))} {
			want := new(big.Int).Set(a)
			for n := 1; n <= 3; n++ {
				want = mod(new(big.Int).Mul(new(big.Int).Mul(want, want), inverse))
				if got := number(element(a).square(n)); got.Cmp(want) != 0 {
					t.Fatalf("%x squared %d times: %x, want %x", a, n, got, want)
				}
			}
			f := element(a)
			if got, want := number(f.mul(&f)), mod(new(big.Int).Mul(new(big.Int).Mul(a, a), inverse)); got.Cmp(want) != 0 {
				t.Fatalf("%x times itself: %x, want %x", a, got, want)
			}
		}
	}
	for _, a := range values {
		fa := element(a)
		square := mod(new(big.Int).Mul(new(big.Int).Mul(a, a), inverse))
		if got := number(fa.square(1)); got.Cmp(square) != 0 {
			t.Fatalf("%x squared: %x, want %x", a, got, square)
		}
		for _, b := range values {
			fb := element(b)
			for _, row := range []struct {
				name string
				got  fieldElement
				want *big.Int
			}{
				{"times", fa.mul(&fb), mod(new(big.Int).Mul(new(big.Int).Mul(a, b), inverse))},
				{"plus", fa.add(&fb), mod(new(big.Int).Add(a, b))},
				{"minus", fa.sub(&fb), mod(new(big.Int).Sub(a, b))},
			} {
				if got := number(row.got); got.Cmp(row.want) != 0 {
					t.Fatalf("%x %s %x: %x, want %x", a, row.name, b, got, row.want)
				}
			}
		}
	}
}

// TestHolderKeyForms: the short way gives what the ordinary way gives, keys and errors, for that form and beside it.
func TestHolderKeyForms(t *testing.T) {
	good := holderKey(t).HolderPublic()
	form := good.AppendCOSE(nil, true)
	if len(form) != holderKeySize {
		t.Fatalf("a token's holder key has %d bytes, want %d", len(form), holderKeySize)
	}
	forms := [][]byte{nil, form, good.AppendCOSE(nil, false), form[:len(form)-1], append(form[:len(form):len(form)], 0)}
	for i := range form {
		for _, flip := range []byte{0x01, 0x80} {
			changed := append([]byte{}, form...)
			changed[i] ^= flip
			forms = append(forms, changed)
		}
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		x := xAt(rng)
		forms = append(forms, holderKeyForm(x, cborFalse), holderKeyForm(x, cborTrue))
	}
	accepted, refused := 0, 0
	for _, raw := range forms {
		if compareHolderKey(t, raw) {
			accepted++
		} else {
			refused++
		}
	}
	if accepted < 100 || refused < 100 {
		t.Errorf("%d forms accepted and %d refused, want many of both", accepted, refused)
	}
}

// compareHolderKey reads a key both ways.
func compareHolderKey(t *testing.T, raw []byte) bool {
	t.Helper()
	want, wantErr := keys.ParseHolderPublicKey(raw)
	got, err := parseHolderKey(raw)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("%x: %v, want %v", raw, err, wantErr)
	}
	if err == nil && (!got.Equal(want) || got.Thumbprint() != want.Thumbprint()) {
		t.Fatalf("%x: another key than the library reads", raw)
	}
	return err == nil
}

func FuzzHolderKey(f *testing.F) {
	good := holderKey(f).HolderPublic()
	f.Add(good.AppendCOSE(nil, true))
	f.Add(good.AppendCOSE(nil, false))
	f.Add(holderKeyForm([32]byte{}, cborTrue))
	f.Add(holderKeyForm([32]byte{31: 5}, cborFalse))
	f.Fuzz(func(t *testing.T, raw []byte) { compareHolderKey(t, raw) })
}

func BenchmarkHolderKey(b *testing.B) {
	form := holderKey(b).HolderPublic().AppendCOSE(nil, true)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseHolderKey(form); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := keys.ParseHolderPublicKey(form); err != nil {
				b.Fatal(err)
			}
		}
	})
}
