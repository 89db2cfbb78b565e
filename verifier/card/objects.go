package card

import (
	"bytes"
	"crypto/x509"

	"github.com/posvid/posvid/nfc"
)

// ldsSecurityObject is LDSSecurityObject (ICAO Doc 9303-10, Section 4.6.2.3), as PIV takes it over:
//
//	LDSSecurityObject ::= SEQUENCE { version INTEGER, hashAlgorithm AlgorithmIdentifier,
//	    dataGroupHashValues SEQUENCE OF SEQUENCE { dataGroupNumber INTEGER, dataGroupHashValue OCTET STRING } }
type ldsSecurityObject struct {
	Version int
	Hash    algorithmIdentifier
	Groups  []struct {
		Number int
		Hash   []byte
	}
}

// verifySecurityObject checks the signature of a security object by the signer of the CHUID, and the hashes of those
// containers that were read and that it lists (SP 800-73-5, Part 1, Section 3.1.7). An object that it does not list is signed in
// some other way.
func verifySecurityObject(inside []byte, signer *x509.Certificate, containers map[uint16][]byte) error {
	object, err := nfc.ParseSecurityObject(inside)
	if err != nil {
		return malformed("%v", err)
	}
	s, err := parseSignedData(object.CMS, oidLDSContent, oidLDSDocument)
	if err != nil {
		return err
	}
	by, err := s.signerCertificate(signer)
	if err != nil {
		return err
	}
	if !by.Equal(signer) {
		return forged("security object signed by another signer than the CHUID")
	}
	if s.content == nil {
		return malformed("security object without content")
	}
	if err := s.verify(signer, s.content); err != nil {
		return err
	}
	var lds ldsSecurityObject
	if err := unmarshal(s.content, &lds, "LDSSecurityObject"); err != nil {
		return err
	}
	hash, err := digestAlgorithm(lds.Hash)
	if err != nil {
		return err
	}
	for _, g := range lds.Groups {
		if g.Number < 1 || g.Number > 16 {
			return malformed("data group %d, want 1 to 16", g.Number)
		}
		container, mapped := object.Containers[uint8(g.Number)]
		data, read := containers[container]
		if !mapped || !read {
			continue
		}
		h := hash.New()
		h.Write(data)
		if !bytes.Equal(h.Sum(nil), g.Hash) {
			return forged("container %04X does not have the signed hash", container)
		}
	}
	return nil
}
