package cose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"
)

// benchToken is a token of the usual size: a payload of about 230 bytes, 320 in all.
func benchToken(b *testing.B, alg Algorithm) (*PrivateKey, []byte) {
	b.Helper()
	k, err := KeyForVectors(alg, "bench")
	if err != nil {
		b.Fatal(err)
	}
	payload, err := Marshal(map[int]any{
		1: "00034022", 2: "АА 004022", 4: 1798675200, 6: 1796083200, 8: map[int]any{1: map[int]any{1: 2, -1: 1, -2: make([]byte, 32), -3: true}},
		65535: 1<<20 | 70000, 169: map[int]any{4: "Гончарук Тарас Григорович", -1: 17, -2: 423, -3: 7, -7: make([]byte, 20)},
	})
	if err != nil {
		b.Fatal(err)
	}
	data, err := EncodeSign1(k, Header{KeyID: k.Public().KeyID(4), Type: TypeToken}, payload)
	if err != nil {
		b.Fatal(err)
	}
	return k, data
}

func BenchmarkCheck(b *testing.B) {
	_, data := benchToken(b, ESP256)
	m, err := ParseSign1(data, Profile{Type: TypeToken})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(m.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(m.Payload, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseSign1(b *testing.B) {
	_, data := benchToken(b, ESP256)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseSign1(data, Profile{Type: TypeToken}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCompressedP256(b *testing.B) {
	k, _ := benchToken(b, ESP256)
	x := k.Public().x()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCompressedP256(x, true); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify has ours (parse and verify) beside the raw library call on the same bytes.
func BenchmarkVerify(b *testing.B) {
	k, data := benchToken(b, ESP256)
	m, err := ParseSign1(data, Profile{Type: TypeToken})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m, err := ParseSign1(data, Profile{Type: TypeToken})
			if err != nil {
				b.Fatal(err)
			}
			if err := m.Verify(k.Public()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		der := appendDER(nil, m.Signature)
		b.ReportAllocs()
		for b.Loop() {
			digest := sha256.Sum256(m.SignedBytes())
			if !ecdsa.VerifyASN1(&k.Public().ec, digest[:], der) {
				b.Fatal("bad signature")
			}
		}
	})
	for _, alg := range []Algorithm{Ed25519, ESP384, MLDSA65} {
		b.Run(alg.String(), func(b *testing.B) {
			k, data := benchToken(b, alg)
			b.ReportAllocs()
			for b.Loop() {
				m, err := ParseSign1(data, Profile{Type: TypeToken})
				if err != nil {
					b.Fatal(err)
				}
				if err := m.Verify(k.Public()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSign has ours beside the raw library call.
func BenchmarkSign(b *testing.B) {
	payload := make([]byte, 230)
	k, err := GenerateKey(ESP256)
	if err != nil {
		b.Fatal(err)
	}
	h := Header{KeyID: k.Public().KeyID(4), Type: TypeToken}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := EncodeSign1(k, h, payload); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			digest := sha256.Sum256(payload)
			if _, err := ecdsa.SignASN1(rand.Reader, raw, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPresentation does what a presentation costs in this package, parsing, finding y and two verifications,
// in turn with two raw verifications, and reports the median raw time over our median: 1 would be no cost at all.
func BenchmarkPresentation(b *testing.B) {
	issuer, token := benchToken(b, ESP256)
	holder, err := KeyForVectors(ESP256, "bench holder")
	if err != nil {
		b.Fatal(err)
	}
	kbt := AppendText(AppendInt(AppendMap(nil, 3), 3), "any")
	kbt = AppendUint(AppendInt(kbt, 6), 1796083230)
	kbt = AppendBytes(AppendInt(kbt, 39), make([]byte, 8))
	data, err := EncodeSign1(holder, Header{Type: TypePresentation, KCWT: token}, kbt)
	if err != nil {
		b.Fatal(err)
	}
	var ours, raw []time.Duration
	x, sign := holder.Public().x(), holder.Public().xy[63]&1 == 1
	inner, err := ParseSign1(token, Profile{Type: TypeToken})
	if err != nil {
		b.Fatal(err)
	}
	outer, err := ParseSign1(data, Profile{Type: TypePresentation})
	if err != nil {
		b.Fatal(err)
	}
	der1, der2 := appendDER(nil, inner.Signature), appendDER(nil, outer.Signature)
	for b.Loop() {
		start := time.Now()
		m, err := ParseSign1(data, Profile{Type: TypePresentation})
		if err != nil {
			b.Fatal(err)
		}
		t, err := ParseSign1(m.Header.KCWT, Profile{Type: TypeToken})
		if err != nil {
			b.Fatal(err)
		}
		key, err := ParseCompressedP256(x, sign)
		if err != nil {
			b.Fatal(err)
		}
		if t.Verify(issuer.Public()) != nil || m.Verify(key) != nil {
			b.Fatal("bad signature")
		}
		middle := time.Now()
		d1, d2 := sha256.Sum256(inner.tbs), sha256.Sum256(outer.tbs)
		if !ecdsa.VerifyASN1(&issuer.public.ec, d1[:], der1) || !ecdsa.VerifyASN1(&holder.public.ec, d2[:], der2) {
			b.Fatal("bad signature")
		}
		raw = append(raw, time.Since(middle))
		ours = append(ours, middle.Sub(start))
	}
	slices.Sort(ours)
	slices.Sort(raw)
	b.ReportMetric(float64(raw[len(raw)/2])/float64(ours[len(ours)/2]), "raw/ours")
	b.ReportMetric(float64(len(data)), "bytes")
}

// BenchmarkReencode is the check that the gate replaces: decode, encode again, compare.
func BenchmarkReencode(b *testing.B) {
	_, data := benchToken(b, ESP256)
	m, err := ParseSign1(data, Profile{Type: TypeToken})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		reencode(b, m.Payload)
	}
}
