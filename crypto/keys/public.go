package keys

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/posvid/posvid/crypto/cose"
)

// Errors of this package; those of cose come through beside them.
var (
	ErrKind       = errors.New("keys: wrong kind of key")   // the algorithm is not one of the role's
	ErrRole       = errors.New("keys: key of another role") // a sealed key is not of the role that was asked for
	ErrPassphrase = errors.New("keys: wrong passphrase")    // the sealed key does not open with it
	ErrSealed     = errors.New("keys: bad sealed key")      // not a sealed key, damaged, or too costly to open
	ErrHybrid     = errors.New("keys: member not counted")  // one of the two signatures of a member is missing or bad
)

// fault is an error of one kind with its own text.
type fault struct {
	kind error
	text string
}

func (f *fault) Error() string { return "keys: " + f.text }
func (f *fault) Unwrap() error { return f.kind }

func refuse(kind error, format string, args ...any) error {
	return &fault{kind: kind, text: fmt.Sprintf(format, args...)}
}

// KeyID is the kid of an issuer key: the first four bytes of its RFC 9679 thumbprint. It is a hint, never trusted
// alone: every key that has it is tried.
type KeyID [4]byte

// String returns eight hexadecimal digits.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// KeyIDFrom returns the KeyID of a kid as it stands in a header; ok is false for another length than four bytes.
func KeyIDFrom(kid []byte) (id KeyID, ok bool) {
	if len(kid) != len(id) {
		return KeyID{}, false
	}
	return KeyID(kid), true
}

// A field of its role's own type makes each role's struct distinct: without it Go would convert one into another.
type (
	holderRole   struct{}
	verifierRole struct{}
	issuerRole   struct{}
	operatorRole struct{}
	rootRole     struct{}
	bundleRole   struct{}
)

// public is what the single-key roles share. Its methods are promoted to each of them.
type public struct{ key *cose.PublicKey }

func newPublic(role string, key *cose.PublicKey, allowed ...cose.Algorithm) (public, error) {
	for _, alg := range allowed {
		if key.Algorithm() == alg {
			return public{key}, nil
		}
	}
	return public{}, refuse(ErrKind, "%s key: algorithm %s, want %v", role, key.Algorithm(), allowed)
}

func parsePublic(role string, coseKey []byte, allowed ...cose.Algorithm) (public, error) {
	key, err := cose.ParsePublicKey(coseKey)
	if err != nil {
		return public{}, fmt.Errorf("keys: %s key: %w", role, err)
	}
	return newPublic(role, key, allowed...)
}

// COSE returns the bare key, which has lost its role; nil for the zero value.
func (p public) COSE() *cose.PublicKey { return p.key }

// IsZero reports whether there is no key.
func (p public) IsZero() bool { return p.key == nil }

// Algorithm is the one algorithm of the key.
func (p public) Algorithm() cose.Algorithm { return p.key.Algorithm() }

// Verify checks the signature of an object over its embedded payload. Only nil means that this key made it.
func (p public) Verify(m *cose.Sign1) error { return m.Verify(p.key) }

// Thumbprint is the SHA-256 thumbprint of RFC 9679; zero for the zero value.
func (p public) Thumbprint() (t [32]byte) {
	if p.key != nil {
		t = p.key.Thumbprint()
	}
	return t
}

// KeyID is the kid of the key: the first four bytes of its thumbprint; zero for the zero value.
func (p public) KeyID() KeyID {
	t := p.Thumbprint()
	return KeyID(t[:len(KeyID{})])
}

// MarshalCOSE returns the COSE_Key with y in full.
func (p public) MarshalCOSE() []byte { return p.key.MarshalCOSE() }

// AppendCOSE appends the COSE_Key; compressed writes y as its sign bit.
func (p public) AppendCOSE(dst []byte, compressed bool) []byte {
	return p.key.AppendCOSE(dst, compressed)
}

// String returns the key id in hexadecimal, or "none".
func (p public) String() string {
	if p.key == nil {
		return "none"
	}
	return p.KeyID().String()
}

// HolderPublicKey is the key of an official's device, always P-256. It verifies presentations, answers and proofs of
// possession. The zero value verifies nothing.
type HolderPublicKey struct {
	_ holderRole
	public
}

// NewHolderPublicKey gives a key the role; it has to be ESP256.
func NewHolderPublicKey(key *cose.PublicKey) (HolderPublicKey, error) {
	p, err := newPublic("holder", key, cose.ESP256)
	return HolderPublicKey{public: p}, err
}

// ParseHolderPublicKey reads a COSE_Key.
func ParseHolderPublicKey(coseKey []byte) (HolderPublicKey, error) {
	p, err := parsePublic("holder", coseKey, cose.ESP256)
	return HolderPublicKey{public: p}, err
}

// Equal reports whether both are the same key; an empty key equals none.
func (k HolderPublicKey) Equal(other HolderPublicKey) bool { return k.key.Equal(other.key) }

// VerifierPublicKey is the signing key of a verifier, always P-256. It verifies challenges, verifier requests, requests to a service
// and uploads of journals.
type VerifierPublicKey struct {
	_ verifierRole
	public
}

// NewVerifierPublicKey gives a key the role; it has to be ESP256.
func NewVerifierPublicKey(key *cose.PublicKey) (VerifierPublicKey, error) {
	p, err := newPublic("verifier", key, cose.ESP256)
	return VerifierPublicKey{public: p}, err
}

// ParseVerifierPublicKey reads a COSE_Key.
func ParseVerifierPublicKey(coseKey []byte) (VerifierPublicKey, error) {
	p, err := parsePublic("verifier", coseKey, cose.ESP256)
	return VerifierPublicKey{public: p}, err
}

// Equal reports whether both are the same key; an empty key equals none.
func (k VerifierPublicKey) Equal(other VerifierPublicKey) bool { return k.key.Equal(other.key) }

// IssuerPublicKey is a key of an issuing body: ESP256 or Ed25519. It verifies tokens, status lists, code tables and
// key requests.
type IssuerPublicKey struct {
	_ issuerRole
	public
}

// NewIssuerPublicKey gives a key the role; it has to be ESP256 or Ed25519.
func NewIssuerPublicKey(key *cose.PublicKey) (IssuerPublicKey, error) {
	p, err := newPublic("issuer", key, cose.ESP256, cose.Ed25519)
	return IssuerPublicKey{public: p}, err
}

// ParseIssuerPublicKey reads a COSE_Key.
func ParseIssuerPublicKey(coseKey []byte) (IssuerPublicKey, error) {
	p, err := parsePublic("issuer", coseKey, cose.ESP256, cose.Ed25519)
	return IssuerPublicKey{public: p}, err
}

// Equal reports whether both are the same key; an empty key equals none.
func (k IssuerPublicKey) Equal(other IssuerPublicKey) bool { return k.key.Equal(other.key) }

// OperatorPublicKey is the key of an operator of a body, a registrar or an approver: ESP256 or Ed25519. It verifies
// plans and approvals.
type OperatorPublicKey struct {
	_ operatorRole
	public
}

// NewOperatorPublicKey gives a key the role; it has to be ESP256 or Ed25519.
func NewOperatorPublicKey(key *cose.PublicKey) (OperatorPublicKey, error) {
	p, err := newPublic("operator", key, cose.ESP256, cose.Ed25519)
	return OperatorPublicKey{public: p}, err
}

// ParseOperatorPublicKey reads a COSE_Key.
func ParseOperatorPublicKey(coseKey []byte) (OperatorPublicKey, error) {
	p, err := parsePublic("operator", coseKey, cose.ESP256, cose.Ed25519)
	return OperatorPublicKey{public: p}, err
}

// Equal reports whether both are the same key; an empty key equals none.
func (k OperatorPublicKey) Equal(other OperatorPublicKey) bool { return k.key.Equal(other.key) }
