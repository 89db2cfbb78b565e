package cose

import "strconv"

// Algorithm is a COSE algorithm identifier (IANA registry COSE Algorithms). The zero value is no algorithm.
type Algorithm int64

// Algorithms of this package. ES256 and EdDSA are read only, with a P-256 or an Ed25519 key, and become ESP256 and
// Ed25519 at once; they are never written.
const (
	ESP256  Algorithm = -9  // ECDSA on P-256 with SHA-256 (RFC 9864, Section 2.1); signature r‖s, 64 bytes
	Ed25519 Algorithm = -19 // EdDSA on Ed25519 (RFC 9864, Section 2.2); 64 bytes
	ESP384  Algorithm = -51 // ECDSA on P-384 with SHA-384 (RFC 9864, Section 2.1); signature r‖s, 96 bytes
	MLDSA65 Algorithm = -49 // ML-DSA-65, empty context (RFC 9964); 3,309 bytes

	ES256 Algorithm = -7 // ECDSA with SHA-256 (RFC 9053, Section 2.1)
	EdDSA Algorithm = -8 // EdDSA (RFC 9053, Section 2.2)
)

// String returns the name in the registry, or the number.
func (a Algorithm) String() string {
	switch a {
	case ESP256:
		return "ESP256"
	case Ed25519:
		return "Ed25519"
	case ESP384:
		return "ESP384"
	case MLDSA65:
		return "ML-DSA-65"
	case ES256:
		return "ES256"
	case EdDSA:
		return "EdDSA"
	}
	return strconv.FormatInt(int64(a), 10)
}

// SignatureSize is the only length of a signature of a, in bytes; 0 for an algorithm that is not written here.
func (a Algorithm) SignatureSize() int {
	switch a {
	case ESP256, Ed25519:
		return 64
	case ESP384:
		return 96
	case MLDSA65:
		return 3309
	}
	return 0
}

// normal maps the two polymorphic identifiers to the one algorithm each that is accepted here.
func (a Algorithm) normal() Algorithm {
	switch a {
	case ES256:
		return ESP256
	case EdDSA:
		return Ed25519
	}
	return a
}
