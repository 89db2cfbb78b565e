package card

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"reflect"
	"slices"

	_ "crypto/sha256" // hashes that signedData.verify asks for by number
	_ "crypto/sha512"
)

// Errors of this file. One that wraps errMalformed means that the bytes are no SignedData of the profile; errForged that
// they are, and that the signature or a digest under it is wrong.
var (
	errMalformed = errors.New("verifier/card: malformed")
	errForged    = errors.New("verifier/card: signature does not verify")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errMalformed}, args...)...)
}

func forged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errForged}, args...)...)
}

// Object identifiers of SignedData on cards (RFC 5652; RFC 4055; RFC 5754; SP 800-73-5 Part 1, Section 3.1.2).
var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSignerDN      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 5} // pivSigner-DN
	oidCHUIDContent  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 1} // id-PIV-CHUIDSecurityObject
	oidLDSContent    = asn1.ObjectIdentifier{1, 3, 27, 1, 1, 1}           // id-icao-ldsSecurityObject, as PIV writes it
	oidLDSDocument   = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 1}         // the same in travel documents

	oidSHA256      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidRSA         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidRSASHA384   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidRSAPSS      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
)

// Limits of a SignedData. The whole object is bounded by nfc.MaxObject.
const (
	maxCMSCertificates = 4  // certificates inside: the signer's and a path above it
	maxAttributes      = 16 // signed attributes
)

// algorithmIdentifier is AlgorithmIdentifier (RFC 5280, Section 4.1.1.2).
type algorithmIdentifier struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// The shapes of RFC 5652, Section 5, as far as the profile of cards lets them vary:
//
//	SignedData ::= SEQUENCE { version INTEGER, digestAlgorithms SET OF AlgorithmIdentifier,
//	    encapContentInfo SEQUENCE { eContentType OBJECT IDENTIFIER, eContent [0] EXPLICIT OCTET STRING OPTIONAL },
//	    certificates [0] IMPLICIT SET OF Certificate OPTIONAL, signerInfos SET OF SignerInfo }
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	wireSignedData struct {
		Version      int
		Digests      []algorithmIdentifier `asn1:"set"`
		Content      encapsulated
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		CRLs         asn1.RawValue `asn1:"optional,tag:1"`
		Signers      []signerInfo  `asn1:"set"`
	}
	encapsulated struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional,explicit,tag:0"`
	}
	signerInfo struct {
		Version    int
		SID        asn1.RawValue
		Digest     algorithmIdentifier
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
		Signature  algorithmIdentifier
		Value      []byte
		Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values asn1.RawValue // SET OF
	}
	issuerAndSerial struct {
		Issuer asn1.RawValue
		Serial asn1.RawValue
	}
)

// signedData is a parsed SignedData with one signer. Nothing in it is verified.
type signedData struct {
	content      []byte // encapsulated content; nil when detached
	certificates []*x509.Certificate
	signer       signerInfo
	digest       []byte // value of the attribute messageDigest
	signerDN     []byte // DER of the attribute pivSigner-DN; nil when absent
	hash         crypto.Hash
}

// parseSignedData reads data as ContentInfo of a SignedData whose eContentType is one of types, with exactly one signer,
// signed attributes, and no CRLs. The encoding has to be DER, as the standards of cards demand; a signer's attribute set is
// hashed as it stands.
func parseSignedData(data []byte, types ...asn1.ObjectIdentifier) (*signedData, error) {
	var outer contentInfo
	if err := unmarshal(data, &outer, "ContentInfo"); err != nil {
		return nil, err
	}
	if !outer.Type.Equal(oidSignedData) {
		return nil, malformed("ContentInfo of type %v, want SignedData", outer.Type)
	}
	var w wireSignedData
	if err := unmarshal(outer.Content.Bytes, &w, "SignedData"); err != nil {
		return nil, err
	}
	switch {
	case w.Version != 3: // as of every content that is not plain data (RFC 5652, Section 5.1)
		return nil, malformed("SignedData version %d, want 3", w.Version)
	case !slices.ContainsFunc(types, w.Content.Type.Equal):
		return nil, malformed("eContentType %v, want %v", w.Content.Type, types)
	case len(w.CRLs.FullBytes) > 0:
		return nil, malformed("SignedData with revocation lists")
	case len(w.Signers) != 1 || len(w.Digests) != 1:
		return nil, malformed("%d signers and %d digest algorithms, want one each", len(w.Signers), len(w.Digests))
	}
	s := &signedData{signer: w.Signers[0]}
	if len(w.Content.Content.FullBytes) > 0 {
		if err := unmarshal(w.Content.Content.Bytes, &s.content, "eContent"); err != nil {
			return nil, err
		}
		if s.content == nil {
			s.content = []byte{}
		}
	}
	if err := s.readCertificates(w.Certificates.Bytes); err != nil {
		return nil, err
	}
	var err error
	if s.hash, err = digestAlgorithm(s.signer.Digest); err != nil {
		return nil, err
	}
	if announced, err := digestAlgorithm(w.Digests[0]); err != nil || announced != s.hash {
		return nil, malformed("digestAlgorithms does not name the signer's digest")
	}
	return s, s.readAttributes(w.Content.Type)
}

func (s *signedData) readCertificates(set []byte) error {
	for len(set) > 0 {
		if len(s.certificates) == maxCMSCertificates {
			return malformed("more than %d certificates in SignedData", maxCMSCertificates)
		}
		var raw asn1.RawValue
		rest, err := asn1.Unmarshal(set, &raw)
		if err != nil {
			return malformed("certificates: not DER")
		}
		c, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return malformed("certificate in SignedData: not X.509")
		}
		// It may be asked to verify another one: a key of half a megabit would take seconds.
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && !validRSA(key) {
			return malformed("certificate in SignedData: RSA key of %d bits, want 2048 to 4096", key.N.BitLen())
		}
		s.certificates, set = append(s.certificates, c), rest
	}
	return nil
}

func (s *signedData) readAttributes(contentType asn1.ObjectIdentifier) error {
	rest := s.signer.Attributes.Bytes
	if len(rest) == 0 {
		return malformed("SignerInfo without signed attributes")
	}
	var seen []asn1.ObjectIdentifier
	typed := false
	for len(rest) > 0 {
		var raw asn1.RawValue
		var a attribute
		var err error
		if rest, err = asn1.Unmarshal(rest, &raw); err != nil || len(seen) == maxAttributes {
			return malformed("signed attributes: want DER and at most %d", maxAttributes)
		}
		if err := unmarshal(raw.FullBytes, &a, "signed attribute"); err != nil {
			return err
		}
		for _, o := range seen {
			if o.Equal(a.Type) {
				return malformed("signed attribute %v twice", a.Type)
			}
		}
		if a.Values.Class != asn1.ClassUniversal || a.Values.Tag != asn1.TagSet {
			return malformed("signed attribute %v is no SET", a.Type)
		}
		seen = append(seen, a.Type)
		var value asn1.RawValue
		switch {
		case a.Type.Equal(oidContentType):
			var o asn1.ObjectIdentifier
			if err := unmarshal(a.Values.Bytes, &o, "contentType"); err != nil {
				return err
			}
			if typed = o.Equal(contentType); !typed {
				return malformed("signed content type %v, want %v", o, contentType)
			}
		case a.Type.Equal(oidMessageDigest):
			if err := unmarshal(a.Values.Bytes, &s.digest, "messageDigest"); err != nil {
				return err
			}
		case a.Type.Equal(oidSignerDN):
			if err := unmarshal(a.Values.Bytes, &value, "pivSigner-DN"); err != nil {
				return err
			}
			s.signerDN = value.FullBytes
		}
	}
	if !typed || len(s.digest) != s.hash.Size() {
		return malformed("signed attributes: want the content type and a digest of %d bytes", s.hash.Size())
	}
	return nil
}

// signerCertificate finds the certificate that SignerInfo names among those inside and those given.
func (s *signedData) signerCertificate(others ...*x509.Certificate) (*x509.Certificate, error) {
	var matches func(*x509.Certificate) bool
	switch sid := s.signer.SID; {
	case s.signer.Version == 1 && sid.Class == asn1.ClassUniversal && sid.Tag == asn1.TagSequence:
		var id issuerAndSerial
		if err := unmarshal(sid.FullBytes, &id, "issuerAndSerialNumber"); err != nil {
			return nil, err
		}
		matches = func(c *x509.Certificate) bool {
			serial, err := asn1.Marshal(c.SerialNumber)
			return err == nil && bytes.Equal(c.RawIssuer, id.Issuer.FullBytes) && bytes.Equal(serial, id.Serial.FullBytes)
		}
	case s.signer.Version == 3 && sid.Class == asn1.ClassContextSpecific && sid.Tag == 0 && !sid.IsCompound:
		matches = func(c *x509.Certificate) bool {
			return len(sid.Bytes) > 0 && bytes.Equal(c.SubjectKeyId, sid.Bytes)
		}
	default:
		return nil, malformed("SignerInfo version %d with another signer identifier", s.signer.Version)
	}
	for _, c := range append(append([]*x509.Certificate{}, s.certificates...), others...) {
		if c != nil && matches(c) {
			return c, nil
		}
	}
	return nil, malformed("SignedData without its signer's certificate")
}

// verify checks the signature of the SignedData by signer over content, which is what the digest has to be of.
func (s *signedData) verify(signer *x509.Certificate, content []byte) error {
	h := s.hash.New()
	h.Write(content)
	if !bytes.Equal(h.Sum(nil), s.digest) {
		return forged("content does not have the signed digest")
	}
	if s.signerDN != nil && !sameName(s.signerDN, signer.RawSubject) {
		return forged("pivSigner-DN is not the subject of the signer's certificate")
	}
	// The signature is over the attributes as a SET OF, not as the [0] that carries them (RFC 5652, Section 5.4).
	attributes := bytes.Clone(s.signer.Attributes.FullBytes)
	attributes[0] = 0x31
	return verifySignature(signer.PublicKey, s.signer.Signature, s.hash, attributes, s.signer.Value)
}

// sameName compares two distinguished names, which may write one string as different string types.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var left, right pkix.RDNSequence
	restLeft, err := asn1.Unmarshal(a, &left)
	restRight, err2 := asn1.Unmarshal(b, &right)
	return err == nil && err2 == nil && len(restLeft)+len(restRight) == 0 && len(left) > 0 && left.String() == right.String()
}

// verifySignature verifies a signature by an AlgorithmIdentifier, whose hash has to be the one that was announced.
func verifySignature(key crypto.PublicKey, alg algorithmIdentifier, hash crypto.Hash, message, signature []byte) error {
	h := hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	named := map[crypto.Hash][2]asn1.ObjectIdentifier{
		crypto.SHA256: {oidRSASHA256, oidECDSASHA256},
		crypto.SHA384: {oidRSASHA384, oidECDSASHA384},
	}[hash]
	switch key := key.(type) {
	case *rsa.PublicKey:
		if !validRSA(key) {
			return malformed("RSA key of %d bits, want 2048 to 4096", key.N.BitLen())
		}
		switch {
		case alg.Algorithm.Equal(oidRSA), alg.Algorithm.Equal(named[0]):
			if !nullOrAbsent(alg.Parameters) {
				return malformed("parameters of an RSA signature")
			}
			if rsa.VerifyPKCS1v15(key, hash, digest, signature) != nil {
				return forged("RSA signature")
			}
			return nil
		case alg.Algorithm.Equal(oidRSAPSS):
			if err := checkPSS(alg.Parameters, hash); err != nil {
				return err
			}
			if rsa.VerifyPSS(key, hash, digest, signature, &rsa.PSSOptions{SaltLength: hash.Size(), Hash: hash}) != nil {
				return forged("RSA-PSS signature")
			}
			return nil
		}
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return malformed("key on a curve that no card signer has")
		}
		if alg.Algorithm.Equal(named[1]) {
			if len(alg.Parameters.FullBytes) > 0 {
				return malformed("parameters of an ECDSA signature")
			}
			if !ecdsa.VerifyASN1(key, digest, signature) {
				return forged("ECDSA signature")
			}
			return nil
		}
	}
	return malformed("signature algorithm %v for this key and digest", alg.Algorithm)
}

// validRSA holds the size of a modulus to what is trusted and to what is bearable.
func validRSA(key *rsa.PublicKey) bool { return key.N.BitLen() >= 2048 && key.N.BitLen() <= 4096 }

func digestAlgorithm(a algorithmIdentifier) (crypto.Hash, error) {
	if !nullOrAbsent(a.Parameters) {
		return 0, malformed("parameters of a digest")
	}
	switch {
	case a.Algorithm.Equal(oidSHA256):
		return crypto.SHA256, nil
	case a.Algorithm.Equal(oidSHA384):
		return crypto.SHA384, nil
	}
	return 0, malformed("digest %v, want SHA-256 or SHA-384", a.Algorithm)
}

func nullOrAbsent(p asn1.RawValue) bool {
	return len(p.FullBytes) == 0 || bytes.Equal(p.FullBytes, []byte{5, 0})
}

// checkPSS demands RSASSA-PSS-params with one hash throughout and a salt as long as it (RFC 4055, Section 3.1).
func checkPSS(p asn1.RawValue, hash crypto.Hash) error {
	var params struct {
		Hash    algorithmIdentifier `asn1:"explicit,tag:0"`
		MGF     algorithmIdentifier `asn1:"explicit,tag:1"`
		Salt    int                 `asn1:"explicit,tag:2"`
		Trailer int                 `asn1:"optional,explicit,tag:3,default:1"`
	}
	if err := unmarshal(p.FullBytes, &params, "RSASSA-PSS-params"); err != nil {
		return err
	}
	var inner algorithmIdentifier
	if err := unmarshal(params.MGF.Parameters.FullBytes, &inner, "MGF1"); err != nil {
		return err
	}
	first, err := digestAlgorithm(params.Hash)
	second, err2 := digestAlgorithm(inner)
	if err != nil || err2 != nil || first != hash || second != hash || !params.MGF.Algorithm.Equal(oidMGF1) || params.Salt != hash.Size() || params.Trailer != 1 {
		return malformed("RSASSA-PSS-params: want one hash, MGF1 and a salt of its length")
	}
	return nil
}

// unmarshal reads data as exactly one DER value. encoding/asn1 lets elements follow those of a structure; encoded again,
// the value has to give the same bytes.
func unmarshal(data []byte, into any, what string) error {
	rest, err := asn1.Unmarshal(data, into)
	if err != nil {
		return malformed("%s: not DER of its shape", what)
	}
	if len(rest) > 0 {
		return malformed("%s: %d bytes behind it", what, len(rest))
	}
	if again, err := asn1.Marshal(reflect.ValueOf(into).Elem().Interface()); err != nil || !bytes.Equal(again, data) {
		return malformed("%s: more in it than its shape has, or not DER", what)
	}
	return nil
}
