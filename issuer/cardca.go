package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

// ErrCardAuthority: keys and certificates of the body's card authority do not belong together, or may not do what is asked.
var ErrCardAuthority = errors.New("issuer: card authority [card-authority]")

// Terms of the certificates of cards.
const (
	cardAuthorityLife = 15 * 366 * 24 * time.Hour
	contentSignerLife = 12 * 366 * 24 * time.Hour // outlives every card that it signs
	// MaxCardLife is the longest term of a card's certificate.
	MaxCardLife = 10 * 366 * 24 * time.Hour
	// certificateBack is how far before its making a certificate is valid: a reader's clock may be behind.
	certificateBack = 10 * time.Minute
)

// Object identifiers of SP 800-73-5, FIPS 201-3 and RFC 5652.
var (
	oidCardAuth       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 8} // id-PIV-cardAuth
	oidContentSigning = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 7} // id-PIV-content-signing
	oidCHUIDContent   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 1} // id-PIV-CHUIDSecurityObject
	oidSignerDN       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 5} // pivSigner-DN
	oidFASCN          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 6} // pivFASC-N
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidExtKeyUsage    = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidOrganisationID = asn1.ObjectIdentifier{2, 5, 4, 97} // organizationIdentifier (X.520)
	oidSignedData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSHA256         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSASHA256    = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// cardPolicy is the certificate policy of cards that this engine personalises: an identifier under 2.25 (ITU-T X.667), whose
// arc is the SHA-256 of "posvid card policy v1", cut to 63 bits.
const cardPolicy = "2.25.1787066742073873695"

// bodyIdentifier is the organizationIdentifier of a body: national trade register, Ukraine, ЄДРПОУ (ETSI EN 319 412-1,
// Section 5.1.4). A verifier lets an authority that names a body certify cards of that body only.
func bodyIdentifier(edrpou string) string { return "NTRUA-" + edrpou }

// CardAuthority certifies the cards of one body and signs what stands on them. It holds no card.
type CardAuthority struct {
	Certificate *x509.Certificate // of the authority: the root that the trust operator admits
	Content     *x509.Certificate // of the content signer
	ca, content crypto.MessageSigner
}

// NewCardCertificates makes the two certificates of a body's card authority: its own, which signs itself, and the content
// signer's. ca and content are two P-256 keys. Error: ErrCardAuthority.
func NewCardCertificates(edrpou string, ca, content crypto.MessageSigner, at time.Time) (authority, signer []byte, err error) {
	if err := checkEDRPOU(edrpou); err != nil {
		return nil, nil, err
	}
	caKey, contentKey, err := cardKeys(ca, content)
	if err != nil {
		return nil, nil, err
	}
	subject := func(what string) pkix.Name {
		// No name of the body: it would stand four times in every CHUID, and a reader fetches that at each tap.
		return pkix.Name{Country: []string{"UA"}, CommonName: what + " " + edrpou,
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidOrganisationID, Value: bodyIdentifier(edrpou)}}}
	}
	policy, err := x509.ParseOID(cardPolicy)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	root := &x509.Certificate{
		SerialNumber: serial, Subject: subject("Card authority"), NotBefore: at.Add(-certificateBack), NotAfter: at.Add(cardAuthorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SubjectKeyId: keyIdentifier(caKey), SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	if authority, err = x509.CreateCertificate(rand.Reader, root, root, caKey, ca); err != nil {
		return nil, nil, fmt.Errorf("%w: certificate of the authority: %w", ErrCardAuthority, err)
	}
	issuer, err := x509.ParseCertificate(authority)
	if err != nil {
		return nil, nil, err
	}
	if serial, err = newSerial(); err != nil {
		return nil, nil, err
	}
	eku, err := extKeyUsage(oidContentSigning)
	if err != nil {
		return nil, nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial, Subject: subject("Card content signer"), NotBefore: at.Add(-certificateBack), NotAfter: at.Add(contentSignerLife),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{eku},
		Policies: []x509.OID{policy}, SubjectKeyId: keyIdentifier(contentKey), SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	if signer, err = x509.CreateCertificate(rand.Reader, leaf, issuer, contentKey, ca); err != nil {
		return nil, nil, fmt.Errorf("%w: certificate of the content signer: %w", ErrCardAuthority, err)
	}
	return authority, signer, nil
}

// OpenCardAuthority puts the keys and certificates of a body's card authority together and makes sure that they belong
// together and to the body. Error: ErrCardAuthority.
func OpenCardAuthority(edrpou string, authority, signer []byte, ca, content crypto.MessageSigner) (*CardAuthority, error) {
	caKey, contentKey, err := cardKeys(ca, content)
	if err != nil {
		return nil, err
	}
	a := &CardAuthority{ca: ca, content: content}
	if a.Certificate, err = x509.ParseCertificate(authority); err != nil {
		return nil, fmt.Errorf("%w: certificate of the authority: %w", ErrCardAuthority, err)
	}
	if a.Content, err = x509.ParseCertificate(signer); err != nil {
		return nil, fmt.Errorf("%w: certificate of the content signer: %w", ErrCardAuthority, err)
	}
	switch {
	case !caKey.Equal(a.Certificate.PublicKey) || !contentKey.Equal(a.Content.PublicKey):
		return nil, fmt.Errorf("%w: keys and certificates are not of one another", ErrCardAuthority)
	case a.Certificate.CheckSignatureFrom(a.Certificate) != nil || a.Content.CheckSignatureFrom(a.Certificate) != nil:
		return nil, fmt.Errorf("%w: the certificates are not signed by the authority", ErrCardAuthority)
	case !names(a.Certificate, edrpou):
		return nil, fmt.Errorf("%w: the certificate is of another body than %s", ErrCardAuthority, edrpou)
	}
	return a, nil
}

func names(c *x509.Certificate, edrpou string) bool {
	for _, n := range c.Subject.Names {
		if n.Type.Equal(oidOrganisationID) && n.Value == bodyIdentifier(edrpou) {
			return true
		}
	}
	return false
}

func cardKeys(ca, content crypto.MessageSigner) (caKey, contentKey *ecdsa.PublicKey, err error) {
	if ca == nil || content == nil {
		return nil, nil, fmt.Errorf("%w: want the keys of the authority and of the content signer", ErrCardAuthority)
	}
	caKey, ok := ca.Public().(*ecdsa.PublicKey)
	contentKey, ok2 := content.Public().(*ecdsa.PublicKey)
	if !ok || !ok2 || caKey.Curve != elliptic.P256() || contentKey.Curve != elliptic.P256() || caKey.Equal(contentKey) {
		return nil, nil, fmt.Errorf("%w: want two different P-256 keys", ErrCardAuthority)
	}
	return caKey, contentKey, nil
}

// CardNames are what a card is known by, and what its certificate and its CHUID both say.
type CardNames struct {
	GUID  [16]byte // random (RFC 9562, version 4)
	FASCN [25]byte // Federal Agency Smart Credential Number; of a body outside the agencies: agency code 9999
}

// Certify makes the card authentication certificate of a card: for the public key that the card generated, P-256 or
// RSA-2048, until notAfter. Error: ErrCardAuthority.
func (a *CardAuthority) Certify(public crypto.PublicKey, n CardNames, notAfter, at time.Time) ([]byte, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return nil, fmt.Errorf("%w: key of the card is on another curve than P-256 and P-384", ErrCardAuthority)
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits != 2048 && bits != 3072 {
			return nil, fmt.Errorf("%w: key of the card is RSA of %d bits, want 2048 or 3072", ErrCardAuthority, bits)
		}
	default:
		return nil, fmt.Errorf("%w: key of the card is a %T", ErrCardAuthority, public)
	}
	if n.GUID == [16]byte{} {
		return nil, fmt.Errorf("%w: the card has no GUID", ErrCardAuthority)
	}
	if !notAfter.After(at) || notAfter.After(at.Add(MaxCardLife)) || notAfter.After(a.Certificate.NotAfter) || notAfter.After(a.Content.NotAfter) {
		return nil, fmt.Errorf("%w: card until %s, want a time in the future, at most %d years and within the authority's own term",
			ErrCardAuthority, notAfter.UTC().Format(time.RFC3339), MaxCardLife/(366*24*time.Hour))
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	policy, err := x509.ParseOID(cardPolicy)
	if err != nil {
		return nil, err
	}
	eku, err := extKeyUsage(oidCardAuth)
	if err != nil {
		return nil, err
	}
	san, err := subjectAltName(n)
	if err != nil {
		return nil, err
	}
	// The subject names the card, not its holder: anyone can read a contactless card.
	leaf := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{SerialNumber: formatGUID(n.GUID)}, NotBefore: at.Add(-certificateBack), NotAfter: notAfter,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, Policies: []x509.OID{policy},
		ExtraExtensions: []pkix.Extension{eku, san}, SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.Certificate, public, a.ca)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate of a card: %w", ErrCardAuthority, err)
	}
	return der, nil
}

// extKeyUsage is the extension for one purpose, critical as SP 800-73 wants it.
func extKeyUsage(purpose asn1.ObjectIdentifier) (pkix.Extension, error) {
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{purpose})
	return pkix.Extension{Id: oidExtKeyUsage, Critical: true, Value: value}, err
}

// subjectAltName carries both names of a card:
//
//	SEQUENCE { [0] { pivFASC-N, [0] EXPLICIT OCTET STRING }, [6] IA5String "urn:uuid:…" }
func subjectAltName(n CardNames) (pkix.Extension, error) {
	id, err := asn1.Marshal(oidFASCN)
	if err != nil {
		return pkix.Extension{}, err
	}
	octets, err := asn1.Marshal(n.FASCN[:])
	if err != nil {
		return pkix.Extension{}, err
	}
	inner, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: octets})
	if err != nil {
		return pkix.Extension{}, err
	}
	uri := (&url.URL{Scheme: "urn", Opaque: "uuid:" + formatGUID(n.GUID)}).String()
	value, err := asn1.Marshal([]asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: append(id, inner...)},
		{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(uri)},
	})
	return pkix.Extension{Id: oidSubjectAltName, Value: value}, err
}

// SignCHUID makes the CMS SignedData over the objects of a CHUID (SP 800-73-5 Part 1, Section 3.1.2; RFC 5652): detached, one
// signer, whose certificate is inside, and signed attributes contentType, messageDigest and pivSigner-DN.
func (a *CardAuthority) SignCHUID(signed []byte) ([]byte, error) {
	type attribute struct {
		Type   asn1.ObjectIdentifier
		Values []any `asn1:"set"`
	}
	digest := sha256.Sum256(signed)
	var encoded [][]byte
	for _, at := range []attribute{{oidContentType, []any{oidCHUIDContent}}, {oidMessageDigest, []any{digest[:]}},
		{oidSignerDN, []any{asn1.RawValue{FullBytes: a.Content.RawSubject}}}} {
		b, err := asn1.Marshal(at)
		if err != nil {
			return nil, fmt.Errorf("%w: CHUID: %w", ErrCardAuthority, err)
		}
		encoded = append(encoded, b)
	}
	attributes := bytes.Join(sortDER(encoded), nil)
	// What is signed is the SET itself; in the message it stands under the tag [0] (RFC 5652, Section 5.4).
	set, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true, Bytes: attributes})
	if err != nil {
		return nil, err
	}
	signature, err := a.content.SignMessage(rand.Reader, set, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%w: CHUID: %w", ErrCardAuthority, err)
	}
	type algorithm struct{ Algorithm asn1.ObjectIdentifier }
	type issuerAndSerial struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	type signerInfo struct {
		Version    int
		SID        issuerAndSerial
		Digest     algorithm
		Attributes asn1.RawValue
		Signature  algorithm
		Value      []byte
	}
	type encapsulated struct{ Type asn1.ObjectIdentifier }
	type signedData struct {
		Version      int
		Digests      []algorithm `asn1:"set"`
		Content      encapsulated
		Certificates asn1.RawValue
		Signers      []signerInfo `asn1:"set"`
	}
	content, err := asn1.Marshal(signedData{
		Version: 3, Digests: []algorithm{{oidSHA256}}, Content: encapsulated{oidCHUIDContent},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: a.Content.Raw},
		Signers: []signerInfo{{
			Version: 1, SID: issuerAndSerial{asn1.RawValue{FullBytes: a.Content.RawIssuer}, a.Content.SerialNumber}, Digest: algorithm{oidSHA256},
			Attributes: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: attributes},
			Signature:  algorithm{oidECDSASHA256}, Value: signature,
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: CHUID: %w", ErrCardAuthority, err)
	}
	return asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{oidSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: content}})
}

// sortDER puts the members of a SET OF into the order of DER (X.690, Section 11.6).
func sortDER(members [][]byte) [][]byte {
	for i := range members {
		for j := i; j > 0 && bytes.Compare(members[j-1], members[j]) > 0; j-- {
			members[j-1], members[j] = members[j], members[j-1]
		}
	}
	return members
}

// NewGUID makes the GUID of a card: a random UUID (RFC 9562, Section 5.4).
func NewGUID() (id [16]byte) {
	rand.Read(id[:])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func formatGUID(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// newSerial is a certificate's serial number: 127 random bits, positive (RFC 5280, Section 4.1.2.2).
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return n.Add(n, big.NewInt(1)), nil
}

// keyIdentifier is the SHA-1 of the key's point (RFC 5280, Section 4.2.1.2 (1)): a name, not a protection.
func keyIdentifier(k *ecdsa.PublicKey) []byte {
	point, err := k.Bytes()
	if err != nil {
		return nil
	}
	sum := sha1.Sum(point)
	return sum[:]
}
