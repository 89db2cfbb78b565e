package card_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// cert spoils the certificate of a card before it is signed; chuid its CHUID.
func cert(edit func(*emulate.CertificateProfile)) func(*emulate.CardSpec) {
	return func(s *emulate.CardSpec) { s.EditCardAuthentication = edit }
}

func chuid(edit func(*emulate.CHUID)) func(*emulate.CardSpec) {
	return func(s *emulate.CardSpec) { s.EditCHUID = edit }
}

func withGUID(g [16]byte) func(*emulate.CardSpec) {
	return func(s *emulate.CardSpec) { s.GUID = g }
}

// TestBadCards: a card with one fault, whole and read over the antenna.
func TestBadCards(t *testing.T) {
	w := newWorld(t, setup{})
	other := guid(77)
	otherFASCN := emulate.FASCN{Agency: 9999, System: 1, Credential: 1, Issue: 1, Person: 7, Category: 3, Organisation: 1, Associate: 1}.Bytes()
	for _, c := range []struct {
		name string
		pki  *emulate.PKI
		edit func(*emulate.CardSpec)
		want verifier.Code
	}{
		{"GUID changed after signing", pkiOurs, chuid(func(c *emulate.CHUID) { c.Tamper = func(c *emulate.CHUID) { c.GUID = other } }), verifier.CardSignature},
		{"expiry changed after signing", pkiOurs, chuid(func(c *emulate.CHUID) { c.Tamper = func(c *emulate.CHUID) { c.Expiry = "20390101" } }), verifier.CardSignature},
		{"FASC-N changed after signing", pkiOurs, chuid(func(c *emulate.CHUID) { c.Tamper = func(c *emulate.CHUID) { c.FASCN = otherFASCN } }), verifier.CardSignature},
		{"cardholder added after signing", pkiOurs, chuid(func(c *emulate.CHUID) { c.Tamper = func(c *emulate.CHUID) { c.Cardholder = &other } }), verifier.CardSignature},
		{"CHUID not signed", pkiOurs, chuid(func(c *emulate.CHUID) { c.Unsigned = true }), verifier.CardUnsigned},
		{"CHUID not signed, number changed", pkiOurs, chuid(func(c *emulate.CHUID) { c.Unsigned, c.GUID = true, other }), verifier.CardBinding},
		{"CHUID signed without certificate", pkiOurs, chuid(func(c *emulate.CHUID) { c.Signature.Certificate = false }), verifier.CardMalformed},
		{"CHUID signed with content inside", pkiOurs, chuid(func(c *emulate.CHUID) { c.Signature.Attached = true }), verifier.CardMalformed},
		{"CHUID signed as another content", pkiOurs, chuid(func(c *emulate.CHUID) { c.Signature.ContentType = asn1.ObjectIdentifier{1, 3, 27, 1, 1, 1} }), verifier.CardMalformed},
		{"CHUID signed by a signer of another PKI", pkiOurs, chuid(func(c *emulate.CHUID) { c.Signature.Signer = pkiForeign.CHUIDSigner }), verifier.IssuerUnknown},
		{"CHUID signed by the card CA itself", pkiOurs, chuid(func(c *emulate.CHUID) { c.Signature.Signer = pkiOurs.CardCA }), verifier.CardSignature},
		{"CHUID expired", pkiOurs, func(s *emulate.CardSpec) { s.Expires = base.Add(-day) }, verifier.Expired},
		{"CHUID without a date", pkiOurs, chuid(func(c *emulate.CHUID) { c.Expiry = "20261399" }), verifier.CardMalformed},
		{"CHUID without FASC-N", pkiOurs, chuid(func(c *emulate.CHUID) { c.FASCN = nil }), verifier.CardMalformed},

		{"certificate expired", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.NotAfter = base }), verifier.Expired},
		{"certificate not yet valid", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.NotBefore = base.Add(2 * day) }), verifier.NotYetValid},
		{"certificate outlives the card", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.NotAfter = p.NotAfter.Add(3 * day) }), verifier.CardRules},
		{"certificate without extended key usage", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.EKU = nil }), verifier.CardRules},
		{"certificate of a content signer", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.EKU[0] = emulate.EKUContentSigning }), verifier.CardRules},
		{"certificate for client authentication", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.EKU[0] = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2} }), verifier.CardRules},
		{"certificate with a second usage", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.EKU = append(p.EKU, emulate.EKUContentSigning) }), verifier.CardRules},
		{"certificate with any usage", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.EKU = append(p.EKU, asn1.ObjectIdentifier{2, 5, 29, 37, 0}) }), verifier.CardRules},
		{"extended key usage not critical", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.EKUNotCritical = true }), verifier.CardRules},
		{"key usage with key encipherment", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.KeyUsage |= x509.KeyUsageKeyEncipherment }), verifier.CardRules},
		{"no key usage", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.KeyUsage = 0 }), verifier.CardRules},
		{"no policy", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.Policies = nil }), verifier.CardRules},
		{"unknown critical extension", pkiOurs, cert(func(p *emulate.CertificateProfile) {
			p.Extra = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}), verifier.CardRules},
		{"FASC-N of another card in the certificate", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.FASCN = otherFASCN }), verifier.CardBinding},
		{"GUID of another card in the certificate", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.GUID = &other }), verifier.CardBinding},
		{"no identifier in the certificate", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.FASCN, p.GUID = nil, nil }), verifier.CardBinding},
		{"FASC-N of 24 bytes in the certificate", pkiOurs, cert(func(p *emulate.CertificateProfile) { p.FASCN = p.FASCN[:24] }), verifier.CardMalformed},

		{"other PKI, number of nobody", pkiForeign, withGUID(guidStranger), verifier.CardForeign},
		{"other PKI, number of ours", pkiForeign, nil, verifier.IssuerUnknown},
		{"other PKI, revoked number of ours", pkiForeign, withGUID(guidRevoked), verifier.IssuerUnknown},
		{"other PKI under our names, number of ours", pkiSameName, nil, verifier.IssuerUnknown},
		{"genuine, in no carrier table", pkiOurs, withGUID(guidStranger), verifier.CarrierUnknown},
		{"dismissed", pkiOurs, withGUID(guidRevoked), verifier.Revoked},
		{"suspended", pkiOurs, withGUID(guidSuspended), verifier.Suspended},
		{"status list not in the bundle", pkiOurs, withGUID(guidUnlisted), verifier.StatusUnknown},
		{"index outside the list", pkiOurs, withGUID(guidRange), verifier.StatusImpossible},
		{"dismissed, and the card expired", pkiOurs, func(s *emulate.CardSpec) { s.GUID, s.Expires = guidRevoked, base.Add(-day) }, verifier.Revoked},
		{"dismissed, and the CHUID not signed", pkiOurs, func(s *emulate.CardSpec) {
			s.GUID, s.EditCHUID = guidRevoked, func(c *emulate.CHUID) { c.Unsigned = true }
		}, verifier.Revoked},
		{"revocation list promised and not there", pkiOurs, func(s *emulate.CardSpec) { s.CRL = "http://crl.example/ca.crl" }, verifier.CRLUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := expect(t, w.input(read(personalise(t, c.pki, c.edit))), c.want)
			if v.Holder != nil && v.Outcome == verifier.Refuse && c.want != verifier.Revoked && c.want != verifier.Suspended && c.want != verifier.StatusImpossible {
				t.Errorf("the number of a card that failed is shown: %s", v.Code)
			}
			if v.Level > verifier.L0 && v.Holder == nil && c.want != verifier.CarrierUnknown {
				t.Errorf("level %d with nothing to show", v.Level)
			}
		})
	}
	for _, c := range []struct {
		name string
		edit func(*emulate.CertificateProfile)
		want verifier.Code
	}{
		{"signer without content signing", func(p *emulate.CertificateProfile) { p.EKU = nil }, verifier.CardSignature},
		{"signer with card authentication", func(p *emulate.CertificateProfile) { p.EKU[0] = emulate.EKUCardAuthentication }, verifier.CardSignature},
		{"signer without digital signature", func(p *emulate.CertificateProfile) { p.KeyUsage = x509.KeyUsageKeyAgreement }, verifier.CardSignature},
		{"signer expired", func(p *emulate.CertificateProfile) { p.NotAfter = base }, verifier.Expired},
	} {
		pki := must(emulate.NewPKI(emulate.PKIConfig{At: base.Add(-30 * day), Organisation: "Орган", EditSigner: c.edit}))(t)
		w := newWorld(t, setup{roots: [][]byte{pki.Root.Certificate.Raw, pki.CardCA.Certificate.Raw}})
		t.Run(c.name, func(t *testing.T) { expect(t, w.input(read(personalise(t, pki, nil))), c.want) })
	}
}

// TestErrors: a verdict as an error says what is wrong, and nothing of the card.
func TestErrors(t *testing.T) {
	w := newWorld(t, setup{})
	v := expect(t, w.input(read(personalise(t, pkiForeign, nil))), verifier.IssuerUnknown)
	if err := v.Err(); !errors.Is(err, verifier.IssuerUnknown) || err.Error() != "verifier: authority of the card not in bundle 1, which is 1h0m0s old [issuer-unknown]" {
		t.Errorf("%v", err)
	}
	v = expect(t, w.input(read(personalise(t, pkiOurs, withGUID(guidRevoked)))), verifier.Revoked)
	if err := v.Err(); !errors.Is(err, verifier.Revoked) || strings.Contains(err.Error(), hexOf(guidRevoked[:4])) {
		t.Errorf("%v", err)
	}
}

// TestChangedObjects: the objects of a good card with one thing changed on the way.
func TestChangedObjects(t *testing.T) {
	w := newWorld(t, setup{})
	good := read(personalise(t, pkiOurs, nil))
	earlier := read(personalise(t, pkiOurs, nil))
	strange := read(personalise(t, pkiOurs, withGUID(guidStranger)))
	flip := func(b []byte, at int) []byte {
		out := append([]byte{}, b...)
		out[(at+len(out))%len(out)] ^= 1
		return out
	}
	editCMS := func(edit func(*der)) func(*card.Reading) {
		return func(r *card.Reading) {
			d := parseDER(t, cmsOf(t, r.CHUID))
			edit(d)
			r.CHUID = withCMS(t, r.CHUID, d.bytes(t))
		}
	}
	for _, c := range []struct {
		name string
		edit func(*card.Reading)
		want verifier.Code
	}{
		{"signature of the CHUID, last bit", func(r *card.Reading) { r.CHUID = withCMS(t, r.CHUID, flip(cmsOf(t, r.CHUID), -1)) }, verifier.CardSignature},
		{"CHUID of another card", func(r *card.Reading) { r.CHUID = strange.CHUID }, verifier.CardBinding},
		{"certificate of another card", func(r *card.Reading) { r.Certificate = strange.Certificate }, verifier.CardBinding},
		{"certificate and CHUID of another card", func(r *card.Reading) { r.Certificate, r.CHUID = strange.Certificate, strange.CHUID }, verifier.CardKey},
		{"signature of the certificate, last bit", func(r *card.Reading) { r.Certificate = flip(r.Certificate, -6) }, verifier.CardCertificate},
		{"CHUID cut", func(r *card.Reading) { r.CHUID = r.CHUID[:len(r.CHUID)-9] }, verifier.CardMalformed},
		{"CHUID empty", func(r *card.Reading) { r.CHUID = []byte{} }, verifier.CardMalformed},
		{"certificate cut", func(r *card.Reading) { r.Certificate = r.Certificate[:100] }, verifier.CardMalformed},
		{"certificate of garbage", func(r *card.Reading) { r.Certificate = []byte{0x70, 4, 0x30, 2, 5, 0, 0x71, 1, 0, 0xFE, 0} }, verifier.CardMalformed},
		{"certificate said to be compressed", func(r *card.Reading) { r.Certificate = flip(r.Certificate, -3) }, verifier.CardMalformed},
		{"no certificate", func(r *card.Reading) { r.Certificate, r.Signature = nil, nil }, verifier.CardUnproven},
		{"no CHUID", func(r *card.Reading) { r.CHUID = nil }, verifier.CardUnproven},
		{"no signature", func(r *card.Reading) { r.Signature = nil }, verifier.CardUnproven},
		{"empty signature", func(r *card.Reading) { r.Signature = []byte{} }, verifier.CardKey},
		{"signature, one bit", func(r *card.Reading) { r.Signature = flip(r.Signature, -1) }, verifier.CardKey},
		{"signature of an earlier reading", func(r *card.Reading) { r.Signature = earlier.Signature }, verifier.CardKey},
		{"signature and challenge of another card", func(r *card.Reading) { r.Signature, r.Challenge = earlier.Signature, earlier.Challenge }, verifier.CardKey},
		{"challenge, one bit", func(r *card.Reading) { r.Challenge = flip(r.Challenge, 0) }, verifier.CardKey},
		{"challenge cut", func(r *card.Reading) { r.Challenge = r.Challenge[:31] }, verifier.CardKey},
		{"no challenge", func(r *card.Reading) { r.Challenge = nil }, verifier.CardKey},
		{"asked by another algorithm", func(r *card.Reading) { r.Algorithm = nfc.AlgorithmRSA2048 }, verifier.CardKey},
		{"asked by no algorithm", func(r *card.Reading) { r.Algorithm = 0 }, verifier.CardKey},

		{"CMS with two signers", editCMS(func(d *der) {
			s := d.signedData()
			last := s.children[len(s.children)-1]
			last.children = append(last.children, last.children[0])
		}), verifier.CardMalformed},
		{"CMS without signers", editCMS(func(d *der) {
			s := d.signedData()
			s.children[len(s.children)-1].children = nil
		}), verifier.CardMalformed},
		{"CMS of version 5", editCMS(func(d *der) { d.signedData().children[0].raw.Bytes = []byte{5} }), verifier.CardMalformed},
		{"CMS of another type", editCMS(func(d *der) { d.children[0].raw.Bytes = append([]byte{}, d.children[0].raw.Bytes[:8]...) }), verifier.CardMalformed},
		{"CMS without signed attributes", editCMS(func(d *der) {
			s := d.signerInfo()
			s.children = append(append([]*der{}, s.children[:3]...), s.children[4:]...)
		}), verifier.CardMalformed},
		{"CMS with an attribute twice", editCMS(func(d *der) {
			a := d.signerInfo().children[3]
			a.children = append(a.children, a.children[0])
		}), verifier.CardMalformed},
		{"CMS with one attribute less", editCMS(func(d *der) {
			a := d.signerInfo().children[3]
			a.children = a.children[1:]
		}), verifier.CardMalformed},
		{"CMS with another digest algorithm", editCMS(func(d *der) {
			o := d.signerInfo().children[2].children[0]
			o.raw.Bytes = append([]byte{}, o.raw.Bytes...)
			o.raw.Bytes[len(o.raw.Bytes)-1] = 2
		}), verifier.CardMalformed},
		{"CMS with SHA-1", editCMS(func(d *der) { d.signerInfo().children[2].children[0].raw.Bytes = []byte{0x2B, 0x0E, 0x03, 0x02, 0x1A} }), verifier.CardMalformed},
		{"CMS with another signature algorithm", editCMS(func(d *der) {
			o := d.signerInfo().children[4].children[0]
			o.raw.Bytes = append([]byte{}, o.raw.Bytes...)
			o.raw.Bytes[len(o.raw.Bytes)-1] = 3
		}), verifier.CardMalformed},
		{"CMS of five certificates", func(r *card.Reading) {
			ca := pkiOurs.CardCA.Certificate.Raw
			r.CHUID = withCertificates(t, r.CHUID, ca, ca, ca, ca)
		}, verifier.CardMalformed},
		{"CMS with bytes behind it", editCMS(func(d *der) {
			s := d.signedData()
			s.children = append(s.children, &der{raw: asn1.RawValue{Tag: 5}})
		}), verifier.CardMalformed},
		{"CMS signed by another serial number", editCMS(func(d *der) {
			n := d.signerInfo().children[1].children[1]
			n.raw.Bytes = flip(n.raw.Bytes, -1)
		}), verifier.CardMalformed},
		{"CMS with the digest of other bytes", editCMS(func(d *der) {
			for _, a := range d.signerInfo().children[3].children {
				if v := a.children[1].children[0]; v.raw.Tag == asn1.TagOctetString {
					v.raw.Bytes = flip(v.raw.Bytes, 0)
				}
			}
		}), verifier.CardSignature},
		{"CMS with the name of another signer", editCMS(func(d *der) {
			for _, a := range d.signerInfo().children[3].children {
				if v := a.children[1].children[0]; v.raw.Tag == asn1.TagSequence {
					v.children = v.children[1:]
				}
			}
		}), verifier.CardSignature},
		{"certificate of 40 kB", func(r *card.Reading) { r.Certificate = nfc.AppendTLV(nil, 0x70, make([]byte, 40<<10)) }, verifier.CardMalformed},
		{"torn", func(r *card.Reading) { r.Err = nfc.ErrTorn }, verifier.CardUnread},
		{"silent", func(r *card.Reading) { r.Err = nfc.ErrTimeout }, verifier.CardUnread},
		{"reset", func(r *card.Reading) { r.Err = nfc.ErrReset }, verifier.CardUnread},
		{"swapped", func(r *card.Reading) { *r = card.Reading{Err: card.ErrSwapped} }, verifier.CardUnread},
		{"cancelled", func(r *card.Reading) { r.Err = context.Canceled }, verifier.CardUnread},
		{"endless", func(r *card.Reading) { r.Err = nfc.ErrLoop }, verifier.CardUnread},
		{"huge", func(r *card.Reading) { r.Err = nfc.ErrTooLarge }, verifier.CardUnread},
		{"torn, and forged", func(r *card.Reading) { r.Err, r.Signature = nfc.ErrTorn, flip(r.Signature, -1) }, verifier.CardKey},
		{"nothing", func(r *card.Reading) { *r = card.Reading{} }, verifier.CardForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good
			c.edit(&r)
			v := expect(t, w.input(r), c.want)
			if v.Holder != nil && v.Outcome == verifier.Refuse {
				t.Errorf("a refused card is shown: %v", v.Holder)
			}
		})
	}
	expect(t, w.input(good), verifier.OK)
}

// TestEveryByteCounts (CDV-15): one bit of any byte of what a good card gave, and nothing is accepted.
func TestEveryByteCounts(t *testing.T) {
	w := newWorld(t, setup{})
	c := personalise(t, pkiOurs, nil)
	bound := read(c, tag(t, w.token(credential.KindCard, key9E(c), nil)))
	plain := bound
	plain.Record = nil
	tried, stride := 0, 1
	if testing.Short() {
		stride = 4
	}
	for name, x := range map[string]struct {
		reading card.Reading
		field   func(*card.Reading) *[]byte
	}{
		"CHUID":       {plain, func(r *card.Reading) *[]byte { return &r.CHUID }},
		"certificate": {plain, func(r *card.Reading) *[]byte { return &r.Certificate }},
		"signature":   {plain, func(r *card.Reading) *[]byte { return &r.Signature }},
		"challenge":   {plain, func(r *card.Reading) *[]byte { return &r.Challenge }},
		"record":      {bound, func(r *card.Reading) *[]byte { return &r.Record }},
	} {
		good := *x.field(&x.reading)
		// Behind the certificate itself the container has two fields that nobody signs, and that old cards leave out.
		whole := len(nfc.AppendTLV(nil, 0x70, c.CardAuthentication.Raw))
		for i := 0; i < len(good); i += stride {
			changed := append([]byte{}, good...)
			changed[i] ^= 1 << (i % 8)
			r := x.reading
			*x.field(&r) = changed
			v := card.Verify(w.input(r))
			tried++
			if v.Outcome == verifier.Accept || v.Code == verifier.Internal {
				t.Errorf("%s, byte %d: %s %s", name, i, v.Outcome, v.Code)
			}
			if i%5 != 0 || name == "certificate" && i >= whole {
				continue
			}
			r = x.reading
			*x.field(&r) = good[:i]
			if v := card.Verify(w.input(r)); v.Outcome == verifier.Accept && i > 0 || v.Code == verifier.Internal {
				t.Errorf("%s, cut to %d bytes: %s %s", name, i, v.Outcome, v.Code)
			}
		}
	}
	t.Logf("%d bits", tried)
}

// TestRSAClone: the signature of an RSA card is bound to key, size and challenge like that of any other.
func TestRSAClone(t *testing.T) {
	w := newWorld(t, setup{})
	edit := func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 }
	good, other := read(personalise(t, pkiOurs, edit)), read(personalise(t, pkiOurs, edit))
	expect(t, w.input(good), verifier.OK)
	for name, edit := range map[string]func(*card.Reading){
		"signature of another card": func(r *card.Reading) { r.Signature = other.Signature },
		"challenge of another card": func(r *card.Reading) { r.Challenge = other.Challenge },
		"algorithm of RSA-3072":     func(r *card.Reading) { r.Algorithm = nfc.AlgorithmRSA3072 },
		"challenge as a digest":     func(r *card.Reading) { r.Challenge = r.Challenge[224:] },
		"signature padded":          func(r *card.Reading) { r.Signature = append([]byte{0}, r.Signature...) },
		"constant challenge":        func(r *card.Reading) { r.Challenge = make([]byte, 256) },
	} {
		r := good
		edit(&r)
		if v := card.Verify(w.input(r)); v.Code != verifier.CardKey {
			t.Errorf("%s: %s", name, v.Code)
		}
	}
}

// TestClonedChip (CDV-13): whatever can be read from a genuine card is copied onto a chip with another key.
func TestClonedChip(t *testing.T) {
	w := newWorld(t, setup{})
	genuine := personalise(t, pkiOurs, nil)
	for _, algorithm := range []emulate.Algorithm{emulate.P256, emulate.P384, emulate.RSA2048} {
		key := must(algorithm.GenerateKey())(t)
		clone := genuine.Clone(emulate.KeyCardAuthentication)
		clone.SetKey(emulate.KeyCardAuthentication, key)
		v := card.Verify(w.input(read(clone)))
		if v.Outcome == verifier.Accept || v.Level > verifier.L0 {
			t.Errorf("clone with %v: %s at level %d", algorithm, v.Outcome, v.Level)
		}
		if algorithm == emulate.P256 && v.Code != verifier.CardKey {
			t.Errorf("clone that signs with its own key: %s", v.Code)
		}
	}
	without := genuine.Clone(emulate.KeyCardAuthentication)
	v := expect(t, w.input(read(without)), verifier.CardUnproven)
	if v.Level != verifier.L0 || v.Holder != nil {
		t.Errorf("clone without a key: level %d, holder %v", v.Level, v.Holder)
	}
}

// TestOtherKeys (CDV-09): a certificate is refused for a key that no card may have, whatever signs.
func TestOtherKeys(t *testing.T) {
	w := newWorld(t, setup{})
	good := read(personalise(t, pkiOurs, nil))
	large := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t)
	_, edwards := must2(ed25519.GenerateKey(rand.Reader))(t)
	for name, key := range map[string]crypto.Signer{"P-521": large, "Ed25519": edwards} {
		g := guidValid
		c := must(pkiOurs.IssuePublic(emulate.CertificateProfile{NotBefore: base.Add(-day), NotAfter: base.Add(day), KeyUsage: x509.KeyUsageDigitalSignature,
			EKU: []asn1.ObjectIdentifier{emulate.EKUCardAuthentication}, Policies: []asn1.ObjectIdentifier{emulate.PolicyCardAuthentication}, GUID: &g}, key.Public()))(t)
		r := good
		r.Certificate, r.Signature = emulate.CertificateObject(c.Raw, false), nil
		if v := expect(t, w.input(r), verifier.CardRules); v.Level != verifier.L0 {
			t.Errorf("%s: level %d", name, v.Level)
		}
		// Its own signature does not help.
		r.Signature = must(key.Sign(rand.Reader, r.Challenge, crypto.Hash(0)))(t)
		expect(t, w.input(r), verifier.CardKey)
		read := card.Read(context.Background(), parrotOf(r), card.Options{})
		if read.Signature != nil {
			t.Errorf("%s: a key that no card may have was asked to sign", name)
		}
	}
}

func must2[A, B any](a A, b B, err error) func(testing.TB) (A, B) {
	return func(tb testing.TB) (A, B) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return a, b
	}
}

// parrotOf is a card that holds the objects of a reading and signs nothing.
func parrotOf(r card.Reading) nfc.Card {
	piv, err := emulate.NewPIV(emulate.PIVConfig{Objects: map[uint32][]byte{emulate.TagCHUID: r.CHUID, emulate.TagCardAuthentication: r.Certificate}})
	if err != nil {
		panic(err)
	}
	return chip(piv)
}

// TestNamesOnce (CDV-10): an identifier that stands twice in a certificate names nothing.
func TestNamesOnce(t *testing.T) {
	w := newWorld(t, setup{})
	urn := emulate.TLV(0x86, []byte(emulate.UUIDURN(guidValid)))
	broken := emulate.TLV(0x86, []byte("urn:uuid:4bf5122f"))
	mail := emulate.TLV(0x81, []byte("a@example.org"))
	for name, c := range map[string]struct {
		names []byte
		want  verifier.Code
	}{
		"once":             {urn, verifier.OK},
		"beside a mail":    {append(append([]byte{}, mail...), urn...), verifier.OK},
		"twice":            {append(append([]byte{}, urn...), urn...), verifier.CardMalformed},
		"broken":           {broken, verifier.CardMalformed},
		"upper-case":       {emulate.TLV(0x86, []byte("URN:UUID:"+strings.ToUpper(emulate.UUIDURN(guidValid)[9:]))), verifier.OK},
		"another URI only": {emulate.TLV(0x86, []byte("https://example.org/")), verifier.CardBinding},
	} {
		r := read(personalise(t, pkiOurs, cert(func(p *emulate.CertificateProfile) {
			p.FASCN, p.GUID = nil, nil
			p.Extra = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: emulate.TLV(0x30, c.names)}}
		})))
		expect(t, w.input(r), c.want)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestPureAndContained (CDV-01): one input, one verdict, and the input stays as it was.
func TestPureAndContained(t *testing.T) {
	w := newWorld(t, setup{})
	for _, r := range []card.Reading{read(personalise(t, pkiOurs, nil)), read(tag(t, w.token(credential.KindStatic, nil, nil))), read(), {}} {
		in := w.input(r)
		if first, second := card.Verify(in), card.Verify(in); !reflect.DeepEqual(first, second) {
			t.Errorf("two verdicts on one card: %s, %s", first.Code, second.Code)
		}
		if !reflect.DeepEqual(in.Reading, r) {
			t.Error("Verify changed its input")
		}
	}
	in := w.input(read(personalise(t, pkiOurs, nil)))
	in.Bundle = new(trust.Bundle) // not one that Open made: nothing is pinned
	expect(t, in, verifier.NoRoot)
}

// crl makes a revocation list with a reason and extensions.
func crl(t *testing.T, by *emulate.Authority, at, next time.Time, reason int, extra []pkix.Extension, revoked ...*big.Int) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at, NextUpdate: next, ExtraExtensions: extra}
	for _, serial := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: at, ReasonCode: reason})
	}
	return must(x509.CreateRevocationList(rand.Reader, l, by.Certificate, by.Key))(t)
}

// TestRevocationLists (CDV-12): the list of the bundle is a check of its own.
func TestRevocationLists(t *testing.T) {
	pkis(t)
	c := personalise(t, pkiOurs, func(s *emulate.CardSpec) { s.CRL = "http://crl.example/ca.crl" })
	silent := personalise(t, pkiOurs, nil) // names no list
	at, next := base.Add(-day), base.Add(6*day)
	ca, root := pkiOurs.CardCA, pkiOurs.Root
	distribution := []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 3, 0x81, 1, 0xFF}}}
	for _, s := range []struct {
		name string
		crls [][]byte
		card *emulate.IssuedCard
		want verifier.Code
		line verifier.Result
	}{
		{"fresh, not on it", [][]byte{crl(t, ca, at, next, 1, nil, big.NewInt(7))}, c, verifier.OK, verifier.Pass},
		{"none, and none promised", nil, silent, verifier.OK, verifier.NotRun},
		{"none, though promised", nil, c, verifier.CRLUnknown, verifier.Fail},
		{"revoked", [][]byte{crl(t, ca, at, next, 1, nil, serial(c))}, c, verifier.Revoked, verifier.Fail},
		{"revoked, and no list promised", [][]byte{crl(t, ca, at, next, 1, nil, serial(silent))}, silent, verifier.Revoked, verifier.Fail},
		{"on hold", [][]byte{crl(t, ca, at, next, 6, nil, serial(c))}, c, verifier.Suspended, verifier.Fail},
		{"stale", [][]byte{crl(t, ca, at, base, 1, nil)}, c, verifier.CRLStale, verifier.Fail},
		{"stale by this second", [][]byte{crl(t, ca, at, now, 1, nil)}, c, verifier.CRLStale, verifier.Fail},
		{"stale, and revoked", [][]byte{crl(t, ca, at, base, 1, nil, serial(c))}, c, verifier.Revoked, verifier.Fail},
		{"of an hour ahead", [][]byte{crl(t, ca, now.Add(time.Hour), next, 1, nil)}, c, verifier.CRLUnknown, verifier.Fail},
		{"for some certificates only", [][]byte{crl(t, ca, at, next, 1, distribution)}, c, verifier.CRLUnknown, verifier.Fail},
		{"of the root instead of the card CA", [][]byte{crl(t, root, at, next, 1, nil, serial(c))}, c, verifier.CRLUnknown, verifier.Fail},
		{"signed by another key under the name", [][]byte{crl(t, pkiSameName.CardCA, at, next, 1, nil)}, c, verifier.CRLUnknown, verifier.Fail},
		{"damaged", [][]byte{damaged(crl(t, ca, at, next, 1, nil))}, c, verifier.CRLUnknown, verifier.Fail},
		{"older without, newer with", [][]byte{crl(t, ca, at, next, 1, nil), crl(t, ca, at.Add(time.Hour), next, 1, nil, serial(c))}, c, verifier.Revoked, verifier.Fail},
		{"the CHUID's signer revoked", [][]byte{crl(t, ca, at, next, 1, nil, pkiOurs.CHUIDSigner.Certificate.SerialNumber)}, c, verifier.Revoked, verifier.Fail},
	} {
		w := newWorld(t, setup{crls: s.crls})
		v := expect(t, w.input(read(s.card)), s.want)
		if got := result(t, v, "card-crl").Result; got != s.line || t.Failed() {
			t.Fatalf("%s: card-crl %s, want %s", s.name, got, s.line)
		}
	}
	// The card CA itself is revoked by the root, with only the root in the bundle.
	w := newWorld(t, setup{roots: [][]byte{root.Certificate.Raw}, crls: [][]byte{crl(t, root, at, next, 1, nil, ca.Certificate.SerialNumber), crl(t, ca, at, next, 1, nil)}})
	r := read(c)
	r.CHUID = withCertificates(t, r.CHUID, ca.Certificate.Raw)
	expect(t, w.input(r), verifier.Revoked)
}

func damaged(b []byte) []byte {
	b[len(b)-3] ^= 1
	return b
}

// TestBodiesOfAuthorities (CDV-11): an authority that names bodies certifies cards of those only.
func TestBodiesOfAuthorities(t *testing.T) {
	pkis(t)
	for _, c := range []struct {
		name   string
		bodies []string
		want   verifier.Code
	}{
		{"none", nil, verifier.OK},
		{"ours", []string{"NTRUA-" + ministry}, verifier.OK},
		{"ours and another", []string{"NTRUA-" + council, "NTRUA-" + ministry}, verifier.OK},
		{"another", []string{"NTRUA-" + council}, verifier.IssuerBody},
		{"ours without the prefix", []string{ministry}, verifier.IssuerBody},
		{"ours of another register", []string{"VATUA-" + ministry}, verifier.IssuerBody},
	} {
		key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
		subject := pkix.Name{CommonName: "Центр карток"}
		for _, b := range c.bodies {
			subject.ExtraNames = append(subject.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: b})
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(5), Subject: subject, NotBefore: base.Add(-30 * day), NotAfter: base.Add(900 * day),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
		raw := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
		ca := &emulate.Authority{Certificate: must(x509.ParseCertificate(raw))(t), Key: key}
		v := expect(t, newWorld(t, setup{roots: [][]byte{raw, pkiOurs.CardCA.Certificate.Raw}}).input(cardUnder(t, ca)), c.want)
		if t.Failed() {
			t.Fatalf("%s: %s", c.name, v.Code)
		}
	}
}

// TestAuthoritiesAboveOthers: where the bundle holds an authority and the one above it, what either takes away is taken.
func TestAuthoritiesAboveOthers(t *testing.T) {
	pkis(t)
	authority := func(subject pkix.Name, by *emulate.Authority) *emulate.Authority {
		key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(len(subject.CommonName))), Subject: subject, NotBefore: base.Add(-30 * day), NotAfter: base.Add(900 * day),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
		signer := by
		if signer == nil {
			signer = &emulate.Authority{Certificate: template, Key: key}
		}
		raw := must(x509.CreateCertificate(rand.Reader, template, signer.Certificate, key.Public(), signer.Key))(t)
		return &emulate.Authority{Certificate: must(x509.ParseCertificate(raw))(t), Key: key}
	}
	bound := pkix.Name{CommonName: "Корінь", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "NTRUA-" + council}}}
	for _, c := range []struct {
		name string
		root pkix.Name
		crl  bool
		want verifier.Code
	}{
		{"the root names nobody", pkix.Name{CommonName: "Корінь"}, false, verifier.OK},
		{"the root names another body", bound, false, verifier.IssuerBody},
		{"the root has revoked the authority", pkix.Name{CommonName: "Корінь"}, true, verifier.Revoked},
	} {
		root := authority(c.root, nil)
		ca := authority(pkix.Name{CommonName: "Центр карток"}, root)
		s := setup{roots: [][]byte{ca.Certificate.Raw, root.Certificate.Raw, pkiOurs.CardCA.Certificate.Raw}}
		if c.crl {
			s.crls = [][]byte{crl(t, root, base.Add(-day), base.Add(day), 1, nil, ca.Certificate.SerialNumber)}
		}
		expect(t, newWorld(t, s).input(cardUnder(t, ca)), c.want)
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
}

// TestHugeKeys (CDV-16): a key that costs seconds to verify with is refused before it is used.
func TestHugeKeys(t *testing.T) {
	w := newWorld(t, setup{})
	r := read(personalise(t, pkiOurs, nil))
	for _, bits := range []int{1024, 8192, 200_000} {
		modulus := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
		key := &rsa.PublicKey{N: modulus, E: 65537}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkiOurs.CardCA.Certificate.Subject, NotBefore: base.Add(-day), NotAfter: base.Add(day)}
		raw := must(x509.CreateCertificate(rand.Reader, template, pkiForeign.CardCA.Certificate, key, pkiForeign.CardCA.Key))(t)
		in := w.input(r)
		in.CHUID = withCertificates(t, r.CHUID, raw)
		expect(t, in, verifier.CardMalformed)
	}
}

// cardUnder is a card whose certificate is issued by an authority, and whose CHUID is signed under pkiOurs.
func cardUnder(t *testing.T, ca *emulate.Authority) card.Reading {
	t.Helper()
	plain := personalise(t, pkiOurs, nil)
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := *plain.CardAuthentication
	template.ExtraExtensions, template.AuthorityKeyId, template.SignatureAlgorithm = nil, nil, 0
	for _, e := range plain.CardAuthentication.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) || e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 37}) {
			template.ExtraExtensions = append(template.ExtraExtensions, e)
		}
	}
	template.UnknownExtKeyUsage, template.URIs = nil, nil
	raw := must(x509.CreateCertificate(rand.Reader, &template, ca.Certificate, key.Public(), ca.Key))(t)
	plain.SetObject(emulate.TagCardAuthentication, emulate.CertificateObject(raw, false))
	plain.SetKey(emulate.KeyCardAuthentication, key)
	return read(plain)
}

// TestBundleAndClock (CDV-05): what the bundle and the clock have to be is the same as for a code.
func TestBundleAndClock(t *testing.T) {
	w := newWorld(t, setup{})
	good := read(personalise(t, pkiOurs, nil))
	revoked := read(personalise(t, pkiOurs, withGUID(guidRevoked)))
	foreign := read(personalise(t, pkiForeign, nil))
	in := func(r card.Reading, edit func(*card.Input)) card.Input {
		i := w.input(r)
		edit(&i)
		return i
	}
	at := func(d time.Duration) func(*card.Input) { return func(i *card.Input) { i.At = base.Add(d) } }
	for _, c := range []struct {
		name string
		in   card.Input
		want verifier.Code
	}{
		{"no root", in(good, func(i *card.Input) { i.Bundle, i.BundleErr = nil, verifier.NoRoot }), verifier.NoRoot},
		{"no bundle", in(good, func(i *card.Input) { i.Bundle = nil }), verifier.NoBundle},
		{"bundle refused", in(good, func(i *card.Input) { i.Bundle, i.BundleErr = nil, errors.New("x") }), verifier.BundleRefused},
		{"memory lost", in(good, func(i *card.Input) { i.FloorErr = verifier.StateDamaged }), verifier.StateDamaged},
		{"floor lost", in(good, func(i *card.Input) { i.FloorErr = errors.New("x") }), verifier.ClockUnknown},
		{"floor ahead", in(good, func(i *card.Input) { i.Floor = now.Add(121 * time.Second) }), verifier.ClockBehind},
		{"clock behind the bundle", in(good, at(-121*time.Second)), verifier.ClockBehind},
		{"status of 24 h", in(good, at(day)), verifier.OK},
		{"status of 24 h and 1 s", in(good, at(day+time.Second)), verifier.StatusStale},
		{"status of 72 h for a council", in(good, func(i *card.Input) { i.At, i.Class = base.Add(3*day), trust.ClassCouncil }), verifier.OK},
		{"bundle expired", in(good, at(8*day)), verifier.BundleExpired},
		{"bundle expired, revoked", in(revoked, at(8*day)), verifier.Revoked},
		{"unknown authority, bundle of 24 h", in(foreign, at(day)), verifier.IssuerUnknown},
		{"unknown authority, bundle of 24 h and 1 s", in(foreign, at(day+time.Second)), verifier.BundleTooOld},
		{"a day before the epoch", in(good, func(i *card.Input) { i.At = time.Unix(-86400, 0) }), verifier.ClockBehind},
		{"the year 9999", in(good, func(i *card.Input) { i.At = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) }), verifier.Expired},
		{"zero time", in(good, func(i *card.Input) { i.At = time.Time{} }), verifier.ClockBehind},
	} {
		expect(t, c.in, c.want)
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
	if v := card.Verify(card.Input{}); v.Outcome != verifier.CannotConfirm || v.Level != verifier.L0 || v.Holder != nil {
		t.Errorf("the zero input: %s %s", v.Outcome, v.Code)
	}
	simulated := in(good, func(i *card.Input) { i.Simulated = true })
	if v := card.Verify(simulated); !errors.Is(v.Err(), verifier.ErrSimulated) {
		t.Errorf("simulated: %v", v.Err())
	}
}

// TestRecords: tokens on plain tags and beside a key.
func TestRecords(t *testing.T) {
	w := newWorld(t, setup{policy: trust.Policy{Classes: map[trust.Class]trust.ClassPolicy{trust.ClassCheckpoint: {MinLevel: 1}}}})
	phone := must(keys.HolderKeyForVectors("card phone"))(t)
	first, second := personalise(t, pkiOurs, nil), personalise(t, pkiOurs, nil)
	big := personalise(t, pkiOurs, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.P384 })
	phoneKey := phone.HolderPublic()
	unknown := must(authority.IssuerKeyForVectors(cose.ESP256, "card nobody"))(t)
	static := func(edit func(*credential.Claims)) []byte { return w.token(credential.KindStatic, nil, edit) }
	bound := func(c *emulate.IssuedCard, edit func(*credential.Claims)) []byte {
		return w.token(credential.KindCard, key9E(c), edit)
	}
	phoneToken := w.token(credential.KindPhone, nil, func(c *credential.Claims) { c.Holder = phoneKey })
	forged := static(nil)
	forged[len(forged)-1] ^= 1
	body := must(credential.EncodePayload(&credential.Claims{Issuer: ministry, Number: "1", IssuedAt: base, ExpiresAt: base.Add(day), Kind: credential.KindStatic, Name: "Н"}))(t)
	for _, c := range []struct {
		name string
		apps []emulate.Application
		want verifier.Code
	}{
		{"static", []emulate.Application{tag(t, static(nil))}, verifier.OK},
		{"phone token copied to a tag", []emulate.Application{tag(t, phoneToken)}, verifier.WrongProfile},
		{"phone token beside a key", []emulate.Application{first, tag(t, phoneToken)}, verifier.WrongProfile},
		{"forged", []emulate.Application{tag(t, forged)}, verifier.IssuerSignature},
		{"of an unknown issuer", []emulate.Application{tag(t, must(credential.SignToken(body, unknown))(t))}, verifier.IssuerUnknown},
		{"of no shape", []emulate.Application{tag(t, []byte("SID1:ABC"))}, verifier.Malformed},
		{"too large", []emulate.Application{tag(t, make([]byte, 3000))}, verifier.Malformed},
		{"expired", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.ExpiresAt = base }))}, verifier.Expired},
		{"from the future", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.IssuedAt, c.ExpiresAt = base.Add(day), base.Add(2*day) }))}, verifier.NotYetValid},
		{"longer than the right", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.ExpiresAt = base.Add(900 * day) }))}, verifier.IssuerLife},
		{"dismissed", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.Status = indexRevoked }))}, verifier.Revoked},
		{"suspended", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.Status = indexSuspended }))}, verifier.Suspended},
		{"of a list that is not there", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.Status = 9 << 20 }))}, verifier.StatusUnknown},
		{"of a number without a table", []emulate.Application{tag(t, static(func(c *credential.Claims) { c.Position = credential.CodedText{Code: 9} }))}, verifier.TableTooOld},
		{"of another card's key", []emulate.Application{first, tag(t, bound(second, nil))}, verifier.CardBinding},
		{"of a key of another kind", []emulate.Application{big, tag(t, bound(first, nil))}, verifier.CardBinding},
		{"dismissed, with its key", []emulate.Application{first, tag(t, bound(first, func(c *credential.Claims) { c.Status = indexRevoked }))}, verifier.Revoked},
		{"of another body than the card", []emulate.Application{first, tag(t, bound(first, func(c *credential.Claims) { c.Issuer = council }))}, verifier.CardBinding},
		{"with its key", []emulate.Application{first, tag(t, bound(first, nil))}, verifier.OK},
		{"static, forged, beside a key", []emulate.Application{first, tag(t, forged)}, verifier.IssuerSignature},
		{"blank tag", []emulate.Application{must(emulate.NewTag(emulate.TagConfig{}))(t)}, verifier.CardUnproven},
		{"link on a tag", []emulate.Application{must(emulate.NewTag(emulate.TagConfig{Message: must(emulate.MediaRecord("text/plain", []byte("x")))(t)}))(t)}, verifier.CardUnproven},
		{"dismissed card with a valid record", []emulate.Application{personalise(t, pkiOurs, withGUID(guidRevoked)), tag(t, static(nil))}, verifier.Revoked},
	} {
		v := expect(t, w.input(read(c.apps...)), c.want)
		if v.Outcome == verifier.Refuse && c.want == verifier.CardBinding && v.Holder != nil {
			t.Errorf("%s: shown", c.name)
		}
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
}

// TestNumbers (CDV-22): a bare number says to whom it belongs and is never accepted.
func TestNumbers(t *testing.T) {
	w := newWorld(t, setup{policy: trust.Policy{Classes: map[trust.Class]trust.ClassPolicy{trust.ClassCheckpoint: {MinLevel: 1}}}})
	for _, c := range []struct {
		name string
		uid  []byte
		want verifier.Code
		body bool
	}{
		{"known", uidValid, verifier.CardUnproven, true},
		{"revoked", uidRevoked, verifier.Revoked, true},
		{"unknown", []byte{4, 1, 2, 3}, verifier.CardForeign, false},
		{"random, though in the table", []byte{0x08, 1, 2, 3}, verifier.CardForeign, false},
		{"empty", []byte{}, verifier.CardForeign, false},
		{"reversed", []byte{0xF6, 0xE5, 0xD4, 0xC3, 0xB2, 0xA1, 0x04}, verifier.CardForeign, false},
	} {
		r := card.Reading{UID: c.uid}
		v := expect(t, w.input(r), c.want)
		if (v.Issuer != nil) != c.body || v.Level != verifier.L0 || v.Holder != nil {
			t.Errorf("%s: issuer %v, level %d, holder %v", c.name, v.Issuer, v.Level, v.Holder)
		}
		in := w.input(r)
		in.Photo, in.PIN = verifier.Photo{Kind: verifier.PhotoPlastic}, true
		if v := card.Verify(in); v.Outcome == verifier.Accept {
			t.Errorf("%s: accepted with a photo", c.name)
		}
	}
	r := card.Read(context.Background(), emulate.NewNumberTag(uidValid), card.Options{})
	expect(t, w.input(r), verifier.CardUnproven)
	r = card.Read(context.Background(), emulate.NewChip(emulate.ChipConfig{}), card.Options{})
	expect(t, w.input(r), verifier.CardForeign) // a contact card that answers to nothing
}
