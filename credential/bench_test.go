package credential

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/testvectors"
)

// BenchmarkParseVerify measures a full code from its text to its claims, and beside it the two raw P-256
// verifications that no implementation can do without.
func BenchmarkParseVerify(b *testing.B) {
	p := testvectors.Persons()[0]
	text := EncodeText(Prefix, mustPresent(b, mustToken(b, personClaims(b, p, FaceFull, false)), p))
	issuer := issuerKey(b).IssuerPublic()
	holder := holderKey(b)

	b.Run("code", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, data, err := DecodeText(text)
			if err != nil {
				b.Fatal(err)
			}
			presentation, err := ParsePresentation(data)
			if err != nil {
				b.Fatal(err)
			}
			token, err := presentation.Token().Verify(issuer)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := presentation.Verify(token.Holder); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, data, err := DecodeText(text)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := ParsePresentation(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("claims", func(b *testing.B) {
		payload, err := EncodePayload(personClaims(b, p, FaceFull, false))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			var c Claims
			if err := parseClaims(payload, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		tbs := make([]byte, 300)
		digest := sha256.Sum256(tbs)
		raw := holder.HolderPublic().COSE().Crypto().(*ecdsa.PublicKey)
		sig, err := holder.Sign(tbs)
		if err != nil {
			b.Fatal(err)
		}
		der := derSignature(b, sig)
		b.ReportAllocs()
		for b.Loop() {
			first, second := ecdsa.VerifyASN1(raw, digest[:], der), ecdsa.VerifyASN1(raw, digest[:], der)
			if !first || !second {
				b.Fatal("signature does not verify")
			}
		}
	})
}

// derSignature rewrites r‖s as the ASN.1 form that crypto/ecdsa takes.
func derSignature(t testing.TB, sig []byte) []byte {
	t.Helper()
	if len(sig) != cose.ESP256.SignatureSize() {
		t.Fatalf("signature of %d bytes", len(sig))
	}
	integer := func(v []byte) []byte {
		for len(v) > 1 && v[0] == 0 {
			v = v[1:]
		}
		if v[0] >= 0x80 {
			v = append([]byte{0}, v...)
		}
		return append([]byte{2, byte(len(v))}, v...)
	}
	body := append(integer(sig[:32]), integer(sig[32:])...)
	return append([]byte{0x30, byte(len(body))}, body...)
}

func BenchmarkSignToken(b *testing.B) {
	payload, err := EncodePayload(personClaims(b, testvectors.Persons()[0], FaceFull, false))
	if err != nil {
		b.Fatal(err)
	}
	random, err := cose.GenerateKey(cose.ESP256)
	if err != nil {
		b.Fatal(err)
	}
	s := randomIssuer(b, random)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SignToken(payload, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	p := testvectors.Persons()[0]
	data := mustPresent(b, mustToken(b, personClaims(b, p, FaceFull, false)), p)
	text := EncodeText(Prefix, data)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			EncodeText(Prefix, data)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := DecodeText(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkBeacon measures the dearest search: a value that is not in the chain at all.
func BenchmarkBeacon(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Steps(1<<20, Beacon{1}, Beacon{2}, 30); ok {
			b.Fatal("found")
		}
	}
}
