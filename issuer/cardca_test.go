package issuer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/nfc"
)

const cardBody = "12345678"

// cardTime is now: openssl judges certificates by the clock.
var cardTime = time.Now().Truncate(time.Second)

func cardKey(t *testing.T, role string) crypto.MessageSigner {
	t.Helper()
	k, err := authority.GenerateCardKey(role)
	if err != nil {
		t.Fatal(err)
	}
	return k.Certifier()
}

func cardAuthority(t *testing.T) (*issuer.CardAuthority, []byte, []byte) {
	t.Helper()
	ca, content := cardKey(t, keys.RoleCardAuthority), cardKey(t, keys.RoleCardContent)
	root, signer, err := issuer.NewCardCertificates(cardBody, ca, content, cardTime)
	if err != nil {
		t.Fatal(err)
	}
	a, err := issuer.OpenCardAuthority(cardBody, root, signer, ca, content)
	if err != nil {
		t.Fatal(err)
	}
	return a, root, signer
}

func cardNames() issuer.CardNames {
	n := issuer.CardNames{GUID: issuer.NewGUID()}
	rand.Read(n.FASCN[:])
	return n
}

func writePEM(t *testing.T, name string, certificates ...[]byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	var out []byte
	for _, der := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func openssl(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is missing: apt-get install openssl")
		}
		t.Skip("openssl is missing: apt-get install openssl")
	}
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// [ISS-35] A card's certificate leads to the authority of its body, names the card and not its holder, and serves card
// authentication alone.
func TestCardCertificate(t *testing.T) {
	a, root, signer := cardAuthority(t)
	n := cardNames()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := a.Certify(&key.PublicKey, n, cardTime.AddDate(3, 0, 0), cardTime)
	if err != nil {
		t.Fatal(err)
	}
	text := openssl(t, "x509", "-noout", "-text", "-in", writePEM(t, "card.pem", der))
	for _, want := range []string{"2.16.840.1.101.3.6.8", "Digital Signature", "X509v3 Extended Key Usage: critical", "urn:uuid:", "CA:FALSE", "Policy: 2.25.1787066742073873695"} {
		if !strings.Contains(text, want) {
			t.Errorf("openssl does not show %q:\n%s", want, text)
		}
	}
	for _, der := range [][]byte{der, signer} {
		// The purposes of cards are none that openssl knows, so it would refuse them by the critical extension.
		openssl(t, "verify", "-ignore_critical", "-x509_strict", "-CAfile", writePEM(t, "root.pem", root), writePEM(t, "leaf.pem", der))
	}
	for what, bad := range map[string]func() error{
		"term passed":   func() error { _, err := a.Certify(&key.PublicKey, n, cardTime, cardTime); return err },
		"term too long": func() error { _, err := a.Certify(&key.PublicKey, n, cardTime.AddDate(11, 0, 0), cardTime); return err },
		"no GUID": func() error {
			_, err := a.Certify(&key.PublicKey, issuer.CardNames{}, cardTime.AddDate(1, 0, 0), cardTime)
			return err
		},
		"no key":           func() error { _, err := a.Certify(nil, n, cardTime.AddDate(1, 0, 0), cardTime); return err },
		"curve P-224":      func() error { return certify(t, a, n, elliptic.P224()) },
		"curve P-521":      func() error { return certify(t, a, n, elliptic.P521()) },
		"RSA of 1024 bits": func() error { return certifyRSA(a, n, 1024) },
	} {
		if err := bad(); !errors.Is(err, issuer.ErrCardAuthority) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := certifyRSA(a, n, 2048); err != nil {
		t.Errorf("RSA of 2048 bits: %v", err)
	}
}

func certify(t *testing.T, a *issuer.CardAuthority, n issuer.CardNames, curve elliptic.Curve) error {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Certify(&key.PublicKey, n, cardTime.AddDate(1, 0, 0), cardTime)
	return err
}

func certifyRSA(a *issuer.CardAuthority, n issuer.CardNames, bits int) error {
	key := &rsa.PublicKey{E: 65537}
	known, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	key.N = known.N
	if bits < 2048 {
		key.N = key.N.Rsh(key.N, uint(2048-bits))
	}
	_, err = a.Certify(key, n, cardTime.AddDate(1, 0, 0), cardTime)
	return err
}

// [ISS-36] The CHUID's signature is one that another program verifies, and no longer when a byte changed.
func TestSignCHUID(t *testing.T) {
	a, root, _ := cardAuthority(t)
	n := cardNames()
	var signed, cms []byte
	chuid, err := nfc.BuildCHUID(n.FASCN, n.GUID, cardTime.AddDate(3, 0, 0), func(b []byte) ([]byte, error) {
		signed = b
		var err error
		cms, err = a.SignCHUID(b)
		return cms, err
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := nfc.ParseCHUID(chuid)
	if err != nil || string(read.CMS) != string(cms) || string(read.Signed) != string(signed) {
		t.Fatalf("CHUID read back: %v", err)
	}
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	verify := []string{"cms", "-verify", "-inform", "DER", "-binary", "-in", write("chuid.cms", cms), "-CAfile", writePEM(t, "root.pem", root),
		"-purpose", "any", "-ignore_critical", "-out", os.DevNull, "-content"}
	openssl(t, append(verify, write("signed", signed))...)
	signed[len(signed)-3] ^= 1
	if out, err := exec.Command("openssl", append(verify, write("changed", signed))...).CombinedOutput(); err == nil {
		t.Errorf("openssl verifies changed bytes: %s", out)
	}
}

func TestCardAuthorityIsOne(t *testing.T) {
	a, root, signer := cardAuthority(t)
	_, root2, signer2 := cardAuthority(t)
	ca, content := cardKey(t, keys.RoleCardAuthority), cardKey(t, keys.RoleCardContent)
	root3, signer3, err := issuer.NewCardCertificates("87654321", ca, content, cardTime)
	if err != nil {
		t.Fatal(err)
	}
	if a.Certificate.Subject.String() == "" || !a.Certificate.IsCA {
		t.Errorf("authority %v", a.Certificate.Subject)
	}
	for what, f := range map[string]func() error{
		"keys of another":      func() error { _, err := issuer.OpenCardAuthority(cardBody, root, signer, ca, content); return err },
		"signer of another":    func() error { _, err := issuer.OpenCardAuthority("87654321", root3, signer2, ca, content); return err },
		"authority of another": func() error { _, err := issuer.OpenCardAuthority("87654321", root2, signer3, ca, content); return err },
		"another body":         func() error { _, err := issuer.OpenCardAuthority(cardBody, root3, signer3, ca, content); return err },
		"no certificate":       func() error { _, err := issuer.OpenCardAuthority("87654321", nil, signer3, ca, content); return err },
		"no keys":              func() error { _, err := issuer.OpenCardAuthority("87654321", root3, signer3, nil, nil); return err },
		"one key for both": func() error {
			_, _, err := issuer.NewCardCertificates(cardBody, ca, ca, cardTime)
			return err
		},
		"ЄДРПОУ of seven digits": func() error {
			_, _, err := issuer.NewCardCertificates("1234567", ca, content, cardTime)
			return err
		},
	} {
		if err := f(); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := issuer.OpenCardAuthority("87654321", root3, signer3, ca, content); err != nil {
		t.Error(err)
	}
	if _, err := x509.ParseCertificate(signer3); err != nil {
		t.Error(err)
	}
}
