package emulate

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fields takes the value of an object apart.
func fields(t testing.TB, value []byte) map[uint32][]byte {
	t.Helper()
	found, err := readTLVs(value)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// openssl runs openssl, which must agree or refuse as said, and gives its output.
func openssl(t testing.TB, agree bool, arguments ...string) string {
	t.Helper()
	Require(t, "openssl")
	output, err := exec.Command("openssl", arguments...).CombinedOutput()
	if (err == nil) != agree {
		t.Errorf("openssl %q: %v, want agreement %v\n%s", arguments, err, agree, output)
	}
	return string(output)
}

func write(t testing.TB, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pemOf(kind string, blocks ...[]byte) []byte {
	var out []byte
	for _, der := range blocks {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return out
}

// signedPart is what the CHUID's signature covers: every field but 3E, as they stand, FE included.
func signedPart(t testing.TB, chuid []byte) (content, signature []byte) {
	t.Helper()
	for rest := chuid; len(rest) > 0; {
		tag, value, next, err := readTLV(rest)
		if err != nil {
			t.Fatal(err)
		}
		if tag == 0x3E {
			signature = value
		} else {
			content = append(content, rest[:len(rest)-len(next)]...)
		}
		rest = next
	}
	return content, signature
}

func TestChainWithOpenSSL(t *testing.T) {
	for _, algorithm := range []Algorithm{P256, P384, RSA2048} {
		if testing.Short() && algorithm == RSA2048 {
			continue
		}
		pki := testPKI(t)
		if algorithm != P256 {
			var err error
			if pki, err = NewPKI(PKIConfig{At: day, Algorithm: algorithm}); err != nil {
				t.Fatal(err)
			}
		}
		card, err := pki.Personalise(CardSpec{GUID: testGUID, Issued: day, Expires: day.AddDate(3, 0, 0), Name: "Test Person"})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		root := write(t, dir, "root.pem", pemOf("CERTIFICATE", pki.Root.Certificate.Raw))
		chain := write(t, dir, "chain.pem", pemOf("CERTIFICATE", pki.CardCA.Certificate.Raw))
		both := write(t, dir, "both.pem", pemOf("CERTIFICATE", pki.Root.Certificate.Raw, pki.CardCA.Certificate.Raw))
		leaf := write(t, dir, "leaf.pem", pemOf("CERTIFICATE", card.CardAuthentication.Raw))
		signer := write(t, dir, "signer.pem", pemOf("CERTIFICATE", pki.CHUIDSigner.Certificate.Raw))
		at := func(when time.Time) string { return fmt.Sprint(when.Unix()) }
		verify := func(agree bool, when time.Time, extra ...string) {
			t.Helper()
			openssl(t, agree, append([]string{"verify", "-x509_strict", "-attime", at(when), "-CAfile", root, "-untrusted", chain}, extra...)...)
		}
		verify(true, day, leaf)
		verify(true, day, signer)
		verify(true, day, "-policy", PolicyCardAuthentication.String(), "-explicit_policy", leaf)
		verify(false, day, "-policy", "1.2.3.4", "-explicit_policy", leaf)
		verify(false, card.CardAuthentication.NotAfter.Add(time.Second), leaf)
		verify(false, card.CardAuthentication.NotBefore.Add(-time.Second), leaf)
		// Revocation lists: one that names nothing of this card, one that names it.
		var lists [2]string
		for i, serials := range [][]*big.Int{nil, {card.CardAuthentication.SerialNumber}} {
			list, err := pki.CardCA.CRL(day, 7*24*time.Hour, int64(i+1), serials...)
			if err != nil {
				t.Fatal(err)
			}
			lists[i] = write(t, dir, fmt.Sprintf("crl%d.pem", i), pemOf("X509 CRL", list))
		}
		verify(true, day.Add(time.Hour), "-crl_check", "-CRLfile", lists[0], leaf)
		verify(false, day.Add(time.Hour), "-crl_check", "-CRLfile", lists[1], leaf)
		verify(false, day.AddDate(0, 0, 8), "-crl_check", "-CRLfile", lists[0], leaf)

		content, signature := signedPart(t, card.CHUID)
		cms := write(t, dir, "chuid.cms", signature)
		data := write(t, dir, "chuid.data", content)
		check := []string{"cms", "-verify", "-binary", "-inform", "DER", "-in", cms, "-CAfile", both, "-purpose", "any", "-attime", at(day), "-out", os.DevNull}
		openssl(t, true, append(check, "-content", data)...)
		spoiled := bytes.Clone(content)
		spoiled[3] ^= 1
		openssl(t, false, append(check, "-content", write(t, dir, "spoiled.data", spoiled))...)
		openssl(t, false, append(check, "-content", write(t, dir, "short.data", content[:len(content)-2]))...) // without FE 00
		if out := openssl(t, true, "cms", "-cmsout", "-print", "-inform", "DER", "-in", cms); !strings.Contains(out, "eContentType: undefined (2.16.840.1.101.3.6.1)") ||
			!strings.Contains(out, "object: undefined (2.16.840.1.101.3.6.5)") || !strings.Contains(out, "eContent: <ABSENT>") || strings.Count(out, "issuerAndSerialNumber") != 1 {
			t.Errorf("%v: openssl sees in the CHUID's signature:\n%s", algorithm, out)
		}
		// The security object, whose signer's certificate is in the CHUID.
		object := fields(t, card.Object(TagSecurityObject))
		bb := write(t, dir, "security.cms", object[0xBB])
		openssl(t, true, "cms", "-verify", "-binary", "-inform", "DER", "-in", bb, "-CAfile", both, "-certfile", signer, "-purpose", "any", "-attime", at(day), "-out", os.DevNull)
		var hashes struct {
			Version   int
			Algorithm struct{ OID asn1.ObjectIdentifier }
			Groups    []struct {
				Number int
				Hash   []byte
			}
		}
		out := filepath.Join(dir, "security.out")
		openssl(t, true, "cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-in", bb, "-certfile", signer, "-purpose", "any", "-out", out)
		der, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if rest, err := asn1.Unmarshal(der, &hashes); err != nil || len(rest) != 0 || len(hashes.Groups) != 3 || len(object[0xBA]) != 9 {
			t.Fatalf("%v: security object: %v, %d hashes, map %x", algorithm, err, len(hashes.Groups), object[0xBA])
		}
		for i, tag := range []uint32{TagCardCapability, TagCHUID, TagPrintedInformation} {
			if sum := sha256.Sum256(card.Object(tag)); !bytes.Equal(sum[:], hashes.Groups[i].Hash) {
				t.Errorf("%v: the hash of %X is another one", algorithm, tag)
			}
		}
	}
}

// TestSignaturesWithOpenSSL lets openssl judge what key 9E answers.
func TestSignaturesWithOpenSSL(t *testing.T) {
	for _, algorithm := range []Algorithm{P256, P384, RSA2048} {
		card := personalise(t, func(s *CardSpec) { s.CardAuthentication = algorithm })
		c := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, card))}
		c.selectPIV()
		message := random(64)
		dir := t.TempDir()
		hash, challenge := "-sha256", []byte(nil)
		switch sum := sha256.Sum256(message); algorithm {
		case P256:
			challenge = sum[:]
		case P384:
			hash, challenge = "-sha384", digest(crypto.SHA384, message)
		default:
			challenge = pkcs1(sum, 256)
		}
		answer, sw := c.general(algorithm, 0x9E, TLV(0x82), TLV(0x81, challenge))
		if sw != StatusOK {
			t.Fatalf("%v: %04X", algorithm, sw)
		}
		_, inner, _, _ := readTLV(answer)
		_, signature, _, _ := readTLV(inner)
		der, err := x509.MarshalPKIXPublicKey(card.CardAuthentication.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		public := write(t, dir, "public.pem", pemOf("PUBLIC KEY", der))
		good := write(t, dir, "signature", signature)
		data := write(t, dir, "message", message)
		openssl(t, true, "dgst", hash, "-verify", public, "-signature", good, data)
		signature[len(signature)-1] ^= 1
		openssl(t, false, "dgst", hash, "-verify", public, "-signature", write(t, dir, "spoiled", signature), data)
	}
}

func TestCertificateContent(t *testing.T) {
	card := personalise(t, func(s *CardSpec) { s.CRL = "http://crl.example/ca.crl" })
	certificate := card.CardAuthentication
	if certificate.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("key usage %b", certificate.KeyUsage)
	}
	if len(certificate.UnknownExtKeyUsage) != 1 || !certificate.UnknownExtKeyUsage[0].Equal(EKUCardAuthentication) || len(certificate.ExtKeyUsage) != 0 {
		t.Errorf("extended key usage %v %v", certificate.ExtKeyUsage, certificate.UnknownExtKeyUsage)
	}
	if len(certificate.Policies) != 1 || certificate.Policies[0].String() != PolicyCardAuthentication.String() {
		t.Errorf("policies %v", certificate.Policies)
	}
	if len(certificate.URIs) != 1 || certificate.URIs[0].String() != "urn:uuid:94e28c68-84db-44db-8a0e-f502d6689b14" {
		t.Errorf("addresses %v", certificate.URIs)
	}
	if len(certificate.CRLDistributionPoints) != 1 || len(certificate.SubjectKeyId) != 20 || len(certificate.AuthorityKeyId) == 0 {
		t.Error("distribution point or key identifier is missing")
	}
	critical := 0
	for _, extension := range certificate.Extensions {
		if extension.Critical {
			critical++
		}
		if extension.Id.String() == "2.5.29.17" && !bytes.Contains(extension.Value, append(oidDER(oidFASCN), TLV(0xA0, TLV(0x04, card.FASCN))...)) {
			t.Errorf("alternative name %x lacks the FASC-N", extension.Value)
		}
	}
	if critical != 2 {
		t.Errorf("%d critical extensions, want key usage and extended key usage", critical)
	}
	chuid := fields(t, card.CHUID)
	if !bytes.Equal(chuid[0x30], card.FASCN) || !bytes.Equal(chuid[0x34], testGUID[:]) || string(chuid[0x35]) != "20291122" || len(chuid[0xFE]) != 0 {
		t.Errorf("CHUID %x", card.CHUID)
	}
	if want, got := []byte("Test Person"), fields(t, personalise(t, func(s *CardSpec) { s.Name = "Test Person" }).Object(TagPrintedInformation)); !bytes.Equal(got[1], want) || string(got[4]) != "2029NOV22" {
		t.Errorf("printed information %v", got)
	}
	// Compressed: a GZIP stream of the same certificate.
	packed := personalise(t, func(s *CardSpec) { s.Gzip = true })
	object := fields(t, packed.Object(TagCardAuthentication))
	if !bytes.Equal(object[0x71], []byte{1}) {
		t.Errorf("CertInfo %x", object[0x71])
	}
	reader, err := gzip.NewReader(bytes.NewReader(object[0x70]))
	if err != nil {
		t.Fatal(err)
	}
	if der, err := io.ReadAll(reader); err != nil || !bytes.Equal(der, packed.CardAuthentication.Raw) {
		t.Errorf("%d bytes unpacked, %v", len(der), err)
	}
}

// TestSpoiledCards: what a test asks to be wrong is wrong, and nothing else is.
func TestSpoiledCards(t *testing.T) {
	other := testGUID
	other[0] ^= 1
	card := personalise(t, func(s *CardSpec) {
		s.EditCardAuthentication = func(p *CertificateProfile) { p.GUID, p.FASCN, p.EKU, p.Policies = &other, nil, nil, nil }
		s.EditCHUID = func(c *CHUID) {
			c.Expiry, c.BufferLength, c.Organisational, c.Cardholder = "20260230", true, []byte("1234"), &other
			c.Tamper = func(c *CHUID) { c.GUID = other }
		}
		s.EditObjects = func(objects map[uint32][]byte) { delete(objects, TagDiscovery) }
	})
	if got := card.CardAuthentication; got.URIs[0].String() != UUIDURN(other) || len(got.UnknownExtKeyUsage) != 0 || len(got.Policies) != 0 {
		t.Errorf("certificate: %v %v %v", got.URIs, got.UnknownExtKeyUsage, got.Policies)
	}
	chuid := fields(t, card.CHUID)
	if !bytes.Equal(chuid[0x34], other[:]) || string(chuid[0x35]) != "20260230" || string(chuid[0x32]) != "1234" || len(chuid[0xEE]) != 2 || !bytes.Equal(chuid[0x36], other[:]) {
		t.Errorf("CHUID %x", card.CHUID)
	}
	if card.Object(TagDiscovery) != nil {
		t.Error("the discovery object is still there")
	}
	unsigned := fields(t, personalise(t, func(s *CardSpec) { s.EditCHUID = func(c *CHUID) { c.Unsigned = true } }).CHUID)
	if signature, ok := unsigned[0x3E]; !ok || len(signature) != 0 {
		t.Errorf("unsigned CHUID holds a signature of %d bytes", len(signature))
	}
	for _, bad := range []CardSpec{
		{}, {Issued: day, Expires: day}, {Issued: day, Expires: day.AddDate(1, 0, 0), CardAuthentication: AES128},
	} {
		if _, err := testPKI(t).Personalise(bad); err == nil {
			t.Errorf("%+v: taken", bad)
		}
	}
	if _, err := NewPKI(PKIConfig{}); err == nil {
		t.Error("a ceremony without a time was held")
	}
	if _, err := SignedData(SignedDataConfig{Signer: &Authority{Certificate: &x509.Certificate{}}, ContentType: oidCHUIDContent}, nil); err == nil {
		t.Error("a signer without a key signed")
	}
}

// TestFASCN compares with numbers that others encoded: a card as its maker delivers it, and the example of PACS 2.3.
func TestFASCN(t *testing.T) {
	for _, test := range []struct {
		fields FASCN
		want   string
	}{
		{NonFederal(), "d4e739da739ced39ce739d836858210842108421c84210c3eb"},
		{FASCN{Agency: 32, System: 1, Credential: 92446, Series: 0, Issue: 1, Person: 1112223333, Category: 1, Organisation: 1223, Associate: 2}, "d0439458210c2c19a0846d83685a1082108ce73984108ca3fc"},
	} {
		if got := hex.EncodeToString(test.fields.Bytes()); got != test.want {
			t.Errorf("%+v: %s, want %s", test.fields, got, test.want)
		}
	}
}

// vectors gives the folder of a file set that is not in the repository.
func vectors(t testing.TB, folder string) string {
	t.Helper()
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	path := filepath.Join(root, folder)
	if _, err := os.Stat(path); err != nil {
		t.Skip("POSVID_VECTORS has no " + folder)
	}
	return path
}

// TestICAMCards puts every GSA card into a reader and reads it back; the four whose key was published also sign.
func TestICAMCards(t *testing.T) {
	root := vectors(t, "nfc/gsa-icam")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	cards, signing := 0, 0
	for _, entry := range entries {
		if entry.Name() == "CA" || !entry.IsDir() {
			continue
		}
		dir := filepath.Join(root, entry.Name())
		keys := map[byte]signer{}
		if key := ICAMKey(t, dir); key != nil {
			keys[KeyCardAuthentication] = key
		}
		card, err := ICAMCard(dir, keys)
		if err != nil {
			t.Errorf("%s: %v", entry.Name(), err)
			continue
		}
		cards++
		c := client{t, NewSlot(NewChip(ChipConfig{Contactless: true}, card))}
		c.selectPIV()
		if got, sw := c.object(TagCHUID); sw != StatusOK || len(got) < 100 {
			t.Errorf("%s: CHUID %04X, %d bytes", entry.Name(), sw, len(got))
		}
		got, sw := c.object(TagCardAuthentication)
		if sw != StatusOK {
			t.Errorf("%s: certificate %04X", entry.Name(), sw)
			continue
		}
		if len(keys) == 0 {
			continue
		}
		signing++
		_, value, _, _ := readTLV(got)
		certificate, err := x509.ParseCertificate(fields(t, value)[0x70])
		if err != nil {
			t.Errorf("%s: %v", entry.Name(), err)
			continue
		}
		sum := sha256.Sum256([]byte("challenge"))
		answer, sw := c.general(RSA2048, 0x9E, TLV(0x82), TLV(0x81, pkcs1(sum, 256)))
		if sw != StatusOK {
			t.Errorf("%s: GENERAL AUTHENTICATE %04X", entry.Name(), sw)
			continue
		}
		_, inner, _, _ := readTLV(answer)
		_, signature, _, _ := readTLV(inner)
		err = rsa.VerifyPKCS1v15(certificate.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signature)
		if wrong := strings.Contains(entry.Name(), "Key_mismatch"); (err != nil) != wrong {
			t.Errorf("%s: signature: %v", entry.Name(), err)
		}
	}
	if cards < 30 || signing < 4 {
		t.Errorf("%d cards, %d of them sign", cards, signing)
	}
	if _, err := ICAMCard(t.TempDir(), nil); err == nil {
		t.Error("an empty folder made a card")
	}
}

// TestAlgorithms holds the refusals of key kinds.
func TestAlgorithms(t *testing.T) {
	for _, algorithm := range []Algorithm{0, TripleDES, AES128, AES192, AES256, 0xFF} {
		if _, err := algorithm.GenerateKey(); err == nil {
			t.Errorf("%v made a key pair", algorithm)
		}
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := algorithmOf(small); err == nil {
		t.Errorf("P-224 is %v", got)
	}
	if PublicKeyTemplate("no key") != nil {
		t.Error("a text made a public key template")
	}
}
