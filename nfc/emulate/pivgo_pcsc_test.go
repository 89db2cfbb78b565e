//go:build pcsc

package emulate_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"testing"
	"time"

	"github.com/go-piv/piv-go/v2/piv"
	"github.com/posvid/posvid/nfc/emulate"
)

// A client library written beside one manufacturer's cards reads, signs, makes keys and writes, with either kind of management key.
func TestPIVGo(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		at := time.Now()
		pki, err := emulate.NewPKI(emulate.PKIConfig{At: at})
		if err != nil {
			t.Fatal(err)
		}
		key := make([]byte, 24)
		rand.Read(key)
		for _, alg := range []emulate.Algorithm{emulate.P256, emulate.P384, emulate.RSA2048} {
			for _, mgm := range []emulate.Algorithm{emulate.TripleDES, emulate.AES192} {
				card, err := pki.Personalise(emulate.CardSpec{GUID: [16]byte{9}, Issued: at, Expires: at.AddDate(1, 0, 0), CardAuthentication: alg, Authentication: emulate.P256,
					PIV: emulate.PIVConfig{ManagementKey: key, ManagementAlgorithm: mgm, Yubico: &emulate.Yubico{Version: [3]byte{5, 4, 3}, Serial: 42}}})
				if err != nil {
					t.Fatal(err)
				}
				plug := f.Insert(t, 0, emulate.NewChip(emulate.ChipConfig{}, card))
				cards, err := piv.Cards()
				if err != nil || len(cards) != 2 {
					t.Fatal(cards, err)
				}
				yk, err := piv.Open(cards[0])
				if err != nil {
					t.Fatal(err)
				}
				serial, err := yk.Serial()
				t.Log(alg, mgm, yk.Version(), serial, err)
				retries, err := yk.Retries()
				t.Log(retries, err)
				cert, err := yk.Certificate(piv.SlotCardAuthentication)
				if err != nil || !cert.Equal(card.CardAuthentication) {
					t.Error(err)
				}
				sign := func(slot piv.Slot, cert *x509.Certificate, auth piv.KeyAuth) {
					t.Helper()
					priv, err := yk.PrivateKey(slot, cert.PublicKey, auth)
					if err != nil {
						t.Error(err)
						return
					}
					d := sha256.Sum256([]byte("x"))
					digest := d[:]
					if p, ok := cert.PublicKey.(*ecdsa.PublicKey); ok && p.Curve.Params().BitSize == 384 {
						digest = append(d[:], d[:16]...)
					}
					sig, err := priv.(crypto.Signer).Sign(rand.Reader, digest, crypto.SHA256)
					if err != nil {
						t.Error(slot, err)
						return
					}
					switch p := cert.PublicKey.(type) {
					case *ecdsa.PublicKey:
						if !ecdsa.VerifyASN1(p, digest, sig) {
							t.Error("bad signature")
						}
					case *rsa.PublicKey:
						if err := rsa.VerifyPKCS1v15(p, crypto.SHA256, digest, sig); err != nil {
							t.Error(err)
						}
					}
				}
				sign(piv.SlotCardAuthentication, card.CardAuthentication, piv.KeyAuth{PINPolicy: piv.PINPolicyNever})
				sign(piv.SlotAuthentication, card.Authentication, piv.KeyAuth{PIN: "123456", PINPolicy: piv.PINPolicyOnce})
				if err := yk.VerifyPIN("000000"); err == nil {
					t.Error("wrong PIN")
				} else {
					t.Log(err)
				}
				pub, err := yk.GenerateKey(key, piv.SlotCardAuthentication, piv.Key{Algorithm: piv.AlgorithmEC256, PINPolicy: piv.PINPolicyNever, TouchPolicy: piv.TouchPolicyNever})
				if err != nil {
					t.Error(err)
				} else {
					c, err := pki.IssuePublic(emulate.CertificateProfile{NotBefore: at, NotAfter: at.AddDate(1, 0, 0)}, pub)
					if err != nil {
						t.Fatal(err)
					}
					if err := yk.SetCertificate(key, piv.SlotCardAuthentication, c); err != nil {
						t.Error(err)
					}
					sign(piv.SlotCardAuthentication, c, piv.KeyAuth{PINPolicy: piv.PINPolicyNever})
				}
				wrong := make([]byte, 24)
				wrong[3] = 4
				if _, err := yk.GenerateKey(wrong, piv.SlotCardAuthentication, piv.Key{Algorithm: piv.AlgorithmEC256}); err == nil {
					t.Error("wrong management key")
				} else {
					t.Log(err)
				}
				ki, err := yk.KeyInfo(piv.SlotCardAuthentication)
				t.Log(ki.Algorithm, ki.PINPolicy, ki.Origin, err)
				yk.Close()
				f.Remove(t, 0, plug)
			}
		}
	})
}
