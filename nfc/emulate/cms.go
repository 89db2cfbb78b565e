package emulate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"fmt"
	"slices"
)

// Object identifiers of the CMS structures on a PIV card (RFC 5652; SP 800-73-5 part 1, Section 3.1.2; ICAO Doc 9303-10).
var (
	oidSignedData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSHA256         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384         = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidRSA            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidECDSAWithSHA2  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSAWithSHA3  = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3} // with SHA-384
	oidCHUIDContent   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 1}
	oidPIVSignerDN    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 5}
	oidFASCN          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 6}
	oidContentSigning = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 7}
	oidCardAuth       = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 8}
	oidSecurityObject = asn1.ObjectIdentifier{1, 3, 27, 1, 1, 1}
)

// SignedDataConfig says what a signed structure on a card holds beside the signature.
type SignedDataConfig struct {
	Signer      *Authority
	ContentType asn1.ObjectIdentifier
	// Attached puts the content inside; else it is signed detached, as in a CHUID.
	Attached bool
	// Certificate puts the signer's certificate inside.
	Certificate bool
	// NoSignerDN leaves the attribute pivSigner-DN out.
	NoSignerDN bool
}

// SignedData makes a CMS SignedData of version 3 with one signer, named by issuer and serial number, and the signed
// attributes contentType, messageDigest and pivSigner-DN (RFC 5652, Section 5; SP 800-73-5 part 1, Section 3.1.2).
func SignedData(config SignedDataConfig, content []byte) ([]byte, error) {
	certificate := config.Signer.Certificate
	hash, digestOID, signatureAlgorithm := crypto.SHA256, oidSHA256, sequence(oidDER(oidECDSAWithSHA2))
	switch public := certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if public.Curve.Params().BitSize == 384 {
			hash, digestOID, signatureAlgorithm = crypto.SHA384, oidSHA384, sequence(oidDER(oidECDSAWithSHA3))
		}
	case *rsa.PublicKey:
		signatureAlgorithm = sequence(oidDER(oidRSA), []byte{0x05, 0x00})
	default:
		return nil, fmt.Errorf("emulate: signer's key is %T, want EC or RSA", public)
	}
	attributes := [][]byte{
		sequence(oidDER(oidContentType), set(oidDER(config.ContentType))),
		sequence(oidDER(oidMessageDigest), set(TLV(0x04, digest(hash, content)))),
	}
	if !config.NoSignerDN {
		attributes = append(attributes, sequence(oidDER(oidPIVSignerDN), set(certificate.RawSubject)))
	}
	signedAttributes := set(attributes...)
	signature, err := config.Signer.Key.Sign(rand.Reader, digest(hash, signedAttributes), hash)
	if err != nil {
		return nil, fmt.Errorf("emulate: sign: %w", err)
	}
	serial, err := asn1.Marshal(certificate.SerialNumber)
	if err != nil {
		return nil, fmt.Errorf("emulate: serial number: %w", err)
	}
	digestAlgorithm := sequence(oidDER(digestOID))
	inTheSignerInfo := bytes.Clone(signedAttributes)
	inTheSignerInfo[0] = 0xA0 // [0] IMPLICIT there, SET OF where it is signed
	signerInfo := sequence(
		[]byte{0x02, 0x01, 0x01},
		sequence(certificate.RawIssuer, serial),
		digestAlgorithm,
		inTheSignerInfo,
		signatureAlgorithm,
		TLV(0x04, signature),
	)
	encapsulated := sequence(oidDER(config.ContentType))
	if config.Attached {
		encapsulated = sequence(oidDER(config.ContentType), TLV(0xA0, TLV(0x04, content)))
	}
	parts := [][]byte{{0x02, 0x01, 0x03}, set(digestAlgorithm), encapsulated}
	if config.Certificate {
		parts = append(parts, TLV(0xA0, certificate.Raw))
	}
	parts = append(parts, set(signerInfo))
	return sequence(oidDER(oidSignedData), TLV(0xA0, sequence(parts...))), nil
}

func digest(hash crypto.Hash, data []byte) []byte {
	if hash == crypto.SHA384 {
		sum := sha512.Sum384(data)
		return sum[:]
	}
	sum := sha256.Sum256(data)
	return sum[:]
}

func sequence(parts ...[]byte) []byte { return TLV(0x30, parts...) }

// set encodes a SET OF: DER sorts its elements.
func set(parts ...[]byte) []byte {
	sorted := slices.Clone(parts)
	slices.SortFunc(sorted, bytes.Compare)
	return TLV(0x31, sorted...)
}

func oidDER(oid asn1.ObjectIdentifier) []byte {
	der, err := asn1.Marshal(oid)
	if err != nil {
		panic(err) // the identifiers are constants of this package or of a test
	}
	return der
}

// CertificateObject is the value of a certificate's container: 70 certificate, 71 CertInfo, FE (SP 800-73-5 part 1,
// Appendix A). With compress the certificate is a GZIP stream (RFC 1952) and CertInfo says so.
func CertificateObject(certificate []byte, compress bool) []byte {
	info := byte(0)
	if compress {
		certificate, info = Gzip(certificate), 1
	}
	return bytes.Join([][]byte{TLV(0x70, certificate), TLV(0x71, []byte{info}), TLV(0xFE)}, nil)
}
