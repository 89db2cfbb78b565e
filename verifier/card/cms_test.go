package card

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/verifier"
)

// FuzzParseSignedData: no panic; a failed parse gives nil; what is parsed has one signer, a digest as long as its hash, and few certificates.
func FuzzParseSignedData(f *testing.F) {
	for _, cms := range sampleCMS(f) {
		f.Add(cms)
	}
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSignedData(data, oidCHUIDContent, oidLDSContent)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if len(s.digest) != s.hash.Size() || len(s.certificates) > maxCMSCertificates || s.signer.Attributes.FullBytes == nil {
			t.Fatal("a SignedData outside its profile")
		}
		if c, err := s.signerCertificate(); err == nil {
			if err := s.verify(c, []byte("other bytes")); err == nil {
				t.Fatal("verifies bytes that nobody signed")
			}
		}
	})
}

// FuzzCardNames: no panic on any certificate container; names have their lengths.
func FuzzCardNames(f *testing.F) {
	pki, err := emulate.NewPKI(emulate.PKIConfig{At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		f.Fatal(err)
	}
	for _, gzip := range []bool{false, true} {
		c, err := pki.Personalise(emulate.CardSpec{Issued: pki.Root.Certificate.NotBefore, Expires: pki.Root.Certificate.NotBefore.AddDate(1, 0, 0), Gzip: gzip})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.Object(emulate.TagCardAuthentication))
	}
	f.Fuzz(func(t *testing.T, container []byte) {
		c := certificateOf(container)
		if c == nil {
			return
		}
		n, err := cardNames(c)
		if err == nil && (n.fascn != nil && len(n.fascn) != 25 || n.uuid != nil && len(n.uuid) != 16) {
			t.Fatal("a name of another length")
		}
		cardAuthFlaw(c)
		signerFlaw(c)
	})
}

// sampleCMS are the signatures of emulated cards and, where they are at hand, of the ICAM cards.
func sampleCMS(tb testing.TB) (out [][]byte) {
	tb.Helper()
	pki, err := emulate.NewPKI(emulate.PKIConfig{At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		tb.Fatal(err)
	}
	for _, config := range []emulate.SignedDataConfig{{Certificate: true}, {Attached: true}, {NoSignerDN: true, Certificate: true}} {
		config.Signer, config.ContentType = pki.CHUIDSigner, oidCHUIDContent
		cms, err := emulate.SignedData(config, []byte("content"))
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, cms)
	}
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	names, _ := filepath.Glob(filepath.Join(root, "nfc", "gsa-icam", "4*", "8 - CHUID Object"))
	for _, name := range names {
		object, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		if chuid, err := nfc.ParseCHUID(object); err == nil {
			out = append(out, chuid.CMS)
		}
	}
	return out
}

// TestVerifySignature: every algorithm of SP 800-78 that a signer of cards may have, and none beside them.
func TestVerifySignature(t *testing.T) {
	message := []byte("signed attributes")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	hash := func(h crypto.Hash) []byte {
		w := h.New()
		w.Write(message)
		return w.Sum(nil)
	}
	ec := func(k *ecdsa.PrivateKey, h crypto.Hash) []byte {
		sig, err := ecdsa.SignASN1(rand.Reader, k, hash(h))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	pkcs1 := func(h crypto.Hash) []byte {
		sig, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, h, hash(h))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	pss := func(h crypto.Hash, salt int) []byte {
		sig, err := rsa.SignPSS(rand.Reader, rsaKey, h, hash(h), &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	null := asn1.RawValue{FullBytes: []byte{5, 0}}
	alg := func(o asn1.ObjectIdentifier, p ...asn1.RawValue) algorithmIdentifier {
		a := algorithmIdentifier{Algorithm: o}
		if len(p) > 0 {
			a.Parameters = p[0]
		}
		return a
	}
	params := func(h, mgf asn1.ObjectIdentifier, salt int) asn1.RawValue {
		inner, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: mgf, Parameters: asn1.NullRawValue})
		if err != nil {
			t.Fatal(err)
		}
		out, err := asn1.Marshal(struct {
			Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
			MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
			Salt int                      `asn1:"explicit,tag:2"`
		}{pkix.AlgorithmIdentifier{Algorithm: h, Parameters: asn1.NullRawValue},
			pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: inner}}, salt})
		if err != nil {
			t.Fatal(err)
		}
		return asn1.RawValue{FullBytes: out}
	}
	for _, c := range []struct {
		name string
		key  crypto.PublicKey
		alg  algorithmIdentifier
		hash crypto.Hash
		sig  []byte
		want error
	}{
		{"rsaEncryption", &rsaKey.PublicKey, alg(oidRSA, null), crypto.SHA256, pkcs1(crypto.SHA256), nil},
		{"sha256WithRSA", &rsaKey.PublicKey, alg(oidRSASHA256, null), crypto.SHA256, pkcs1(crypto.SHA256), nil},
		{"sha384WithRSA", &rsaKey.PublicKey, alg(oidRSASHA384), crypto.SHA384, pkcs1(crypto.SHA384), nil},
		{"PSS SHA-256", &rsaKey.PublicKey, alg(oidRSAPSS, params(oidSHA256, oidSHA256, 32)), crypto.SHA256, pss(crypto.SHA256, 32), nil},
		{"PSS SHA-384", &rsaKey.PublicKey, alg(oidRSAPSS, params(oidSHA384, oidSHA384, 48)), crypto.SHA384, pss(crypto.SHA384, 48), nil},
		{"P-256", &p256.PublicKey, alg(oidECDSASHA256), crypto.SHA256, ec(p256, crypto.SHA256), nil},
		{"P-384", &p384.PublicKey, alg(oidECDSASHA384), crypto.SHA384, ec(p384, crypto.SHA384), nil},

		{"RSA of another digest than announced", &rsaKey.PublicKey, alg(oidRSASHA384, null), crypto.SHA256, pkcs1(crypto.SHA256), errMalformed},
		{"RSA with parameters", &rsaKey.PublicKey, alg(oidRSASHA256, asn1.RawValue{FullBytes: []byte{4, 0}}), crypto.SHA256, pkcs1(crypto.SHA256), errMalformed},
		{"RSA, wrong signature", &rsaKey.PublicKey, alg(oidRSA, null), crypto.SHA256, pkcs1(crypto.SHA384), errForged},
		{"PSS with another salt", &rsaKey.PublicKey, alg(oidRSAPSS, params(oidSHA256, oidSHA256, 32)), crypto.SHA256, pss(crypto.SHA256, 20), errForged},
		{"PSS that states another salt", &rsaKey.PublicKey, alg(oidRSAPSS, params(oidSHA256, oidSHA256, 20)), crypto.SHA256, pss(crypto.SHA256, 20), errMalformed},
		{"PSS with two hashes", &rsaKey.PublicKey, alg(oidRSAPSS, params(oidSHA256, oidSHA384, 32)), crypto.SHA256, pss(crypto.SHA256, 32), errMalformed},
		{"PSS without parameters", &rsaKey.PublicKey, alg(oidRSAPSS), crypto.SHA256, pss(crypto.SHA256, 32), errMalformed},
		{"PSS as PKCS #1", &rsaKey.PublicKey, alg(oidRSASHA256, null), crypto.SHA256, pss(crypto.SHA256, 32), errForged},
		{"ECDSA under an RSA algorithm", &p256.PublicKey, alg(oidRSASHA256, null), crypto.SHA256, ec(p256, crypto.SHA256), errMalformed},
		{"RSA under an ECDSA algorithm", &rsaKey.PublicKey, alg(oidECDSASHA256), crypto.SHA256, pkcs1(crypto.SHA256), errMalformed},
		{"ECDSA with parameters", &p256.PublicKey, alg(oidECDSASHA256, null), crypto.SHA256, ec(p256, crypto.SHA256), errMalformed},
		{"ECDSA, wrong signature", &p256.PublicKey, alg(oidECDSASHA256), crypto.SHA256, ec(p384, crypto.SHA256), errForged},
		{"P-521", &p521.PublicKey, alg(oidECDSASHA256), crypto.SHA256, ec(p521, crypto.SHA256), errMalformed},
		{"no key", nil, alg(oidECDSASHA256), crypto.SHA256, nil, errMalformed},
	} {
		if err := verifySignature(c.key, c.alg, c.hash, message, c.sig); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestICAMSignedBytes: the signature of a card made by others covers every field but itself, the empty FE included.
func TestICAMSignedBytes(t *testing.T) {
	samples := sampleCMS(t)
	if len(samples) < 4 {
		t.Skip("POSVID_VECTORS has no nfc/gsa-icam")
	}
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	object, err := os.ReadFile(filepath.Join(root, "nfc", "gsa-icam", "46_Golden_FIPS_201-2_PIV", "8 - CHUID Object"))
	if err != nil {
		t.Fatal(err)
	}
	chuid, err := nfc.ParseCHUID(object)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parseSignedData(chuid.CMS, oidCHUIDContent)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.signerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.verify(signer, chuid.Signed); err != nil {
		t.Errorf("with FE: %v", err)
	}
	if err := s.verify(signer, bytes.TrimSuffix(chuid.Signed, []byte{0xFE, 0})); !errors.Is(err, errForged) {
		t.Errorf("without FE: %v", err)
	}
}

// TestFaultIsContained (CDV-01): a fault inside gives internal, and nothing of the card.
func TestFaultIsContained(t *testing.T) {
	names := checkNames
	defer func() { checkNames = names }()
	checkNames = names[:2] // a check that does not exist is a fault of the program
	v := Verify(Input{Reading: Reading{CHUID: []byte{1}}})
	if v.Outcome != verifier.CannotConfirm || v.Code != verifier.Internal || v.Holder != nil || v.Issuer != nil || v.Level != verifier.L0 || len(v.Card) != 2 || v.InternalDetail() == "" {
		t.Errorf("%s %s, level %d, %d checks, %q", v.Outcome, v.Code, v.Level, len(v.Card), v.InternalDetail())
	}
}

func TestParseUUID(t *testing.T) {
	want := sha256.Sum256([]byte("x"))
	text := formatUUID(want[:16])
	if got, ok := parseUUID(text); !ok || !bytes.Equal(got, want[:16]) {
		t.Errorf("%s: %x", text, got)
	}
	for _, bad := range []string{"", text[:35], text + "0", "{" + text + "}", hex.EncodeToString(want[:16]), "zz" + text[2:], text[:8] + "0" + text[9:]} {
		if _, ok := parseUUID(bad); ok {
			t.Errorf("%q is taken for a UUID", bad)
		}
	}
}
