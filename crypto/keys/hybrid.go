package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/posvid/posvid/crypto/cose"
)

// HybridPublicKey is one member of the trust operator: a P-256 key and an ML-DSA-65 key. A member counts only when
// both of its signatures verify, so it stays sound while either algorithm does. The zero value verifies nothing.
type HybridPublicKey struct {
	p256  *cose.PublicKey
	mldsa *cose.PublicKey
	id    [32]byte
}

// hybridDomain separates the identity of a member from every other hash.
const hybridDomain = "posvid hybrid member v1\x00"

// hybridKeyIDSize is the length of a member's kid, in bytes.
const hybridKeyIDSize = 8

// NewHybridPublicKey joins the two keys of a member: ESP256 and ML-DSA-65.
func NewHybridPublicKey(p256, mldsa *cose.PublicKey) (HybridPublicKey, error) {
	if p256.Algorithm() != cose.ESP256 || mldsa.Algorithm() != cose.MLDSA65 {
		return HybridPublicKey{}, refuse(ErrKind, "hybrid member: algorithms %s and %s, want %s and %s",
			p256.Algorithm(), mldsa.Algorithm(), cose.ESP256, cose.MLDSA65)
	}
	a, b := p256.Thumbprint(), mldsa.Thumbprint()
	h := HybridPublicKey{p256: p256, mldsa: mldsa}
	h.id = sha256.Sum256(append(append([]byte(hybridDomain), a[:]...), b[:]...))
	return h, nil
}

// hybridLimits bounds an encoded member: two keys of 75 and 1,962 bytes.
var hybridLimits = cose.Limits{Bytes: 4096, Depth: 4, Items: 16, String: 2048}

// ParseHybridPublicKey reads an array of two COSE_Keys, P-256 first.
func ParseHybridPublicKey(data []byte) (HybridPublicKey, error) {
	if err := cose.Check(data, hybridLimits); err != nil {
		return HybridPublicKey{}, fmt.Errorf("keys: hybrid member: %w", err)
	}
	r := cose.NewReader(data)
	n, err := r.ReadArray()
	if err != nil {
		return HybridPublicKey{}, fmt.Errorf("keys: hybrid member: %w", err)
	}
	if n != 2 {
		return HybridPublicKey{}, refuse(ErrKind, "hybrid member: %d keys, want 2", n)
	}
	var pair [2]*cose.PublicKey
	for i := range pair {
		raw, err := r.Raw()
		if err != nil {
			return HybridPublicKey{}, fmt.Errorf("keys: hybrid member: %w", err)
		}
		if pair[i], err = cose.ParsePublicKey(raw); err != nil {
			return HybridPublicKey{}, fmt.Errorf("keys: hybrid member: %w", err)
		}
	}
	return NewHybridPublicKey(pair[0], pair[1])
}

// IsZero reports whether there is no key.
func (h HybridPublicKey) IsZero() bool { return h.p256 == nil }

// ID is the identity of the member: SHA-256 over a domain and both thumbprints. Thresholds count distinct IDs.
func (h HybridPublicKey) ID() [32]byte { return h.id }

// KeyID is the kid of both signatures of the member: the first eight bytes of its ID.
func (h HybridPublicKey) KeyID() []byte { return bytes.Clone(h.id[:hybridKeyIDSize]) }

// P256 is the classical half.
func (h HybridPublicKey) P256() *cose.PublicKey { return h.p256 }

// MLDSA65 is the post-quantum half.
func (h HybridPublicKey) MLDSA65() *cose.PublicKey { return h.mldsa }

// String returns the kid in hexadecimal, or "none".
func (h HybridPublicKey) String() string {
	if h.IsZero() {
		return "none"
	}
	return hex.EncodeToString(h.id[:hybridKeyIDSize])
}

// MarshalCOSE returns the array of both COSE_Keys, P-256 first.
func (h HybridPublicKey) MarshalCOSE() []byte { return h.AppendCOSE(nil) }

// AppendCOSE appends the array of both COSE_Keys; nothing for the zero value.
func (h HybridPublicKey) AppendCOSE(dst []byte) []byte {
	if h.IsZero() {
		return dst
	}
	dst = cose.AppendArray(dst, 2)
	dst = h.p256.AppendCOSE(dst, false)
	return h.mldsa.AppendCOSE(dst, false)
}

// Verify checks that the member signed the object: among the signatures that carry its kid, one by each half has to
// verify. ErrHybrid says which half is missing or bad.
func (h HybridPublicKey) Verify(m *cose.Sign) error {
	if h.IsZero() {
		return refuse(ErrHybrid, "no member key")
	}
	for _, half := range []*cose.PublicKey{h.p256, h.mldsa} {
		if err := verifyHalf(m, half, h.id[:hybridKeyIDSize]); err != nil {
			return err
		}
	}
	return nil
}

func verifyHalf(m *cose.Sign, half *cose.PublicKey, kid []byte) error {
	found := false
	for i := range m.Signatures {
		head := &m.Signatures[i].Header
		if head.Algorithm != half.Algorithm() || !bytes.Equal(head.KeyID, kid) {
			continue
		}
		found = true
		if m.Verify(i, half) == nil {
			return nil
		}
	}
	if found {
		return refuse(ErrHybrid, "member %x: bad %s signature", kid, half.Algorithm())
	}
	return refuse(ErrHybrid, "member %x: no %s signature", kid, half.Algorithm())
}

// RootPublicKey is a member of the root set. It verifies root objects only.
type RootPublicKey struct {
	_ rootRole
	HybridPublicKey
}

// ParseRootPublicKey reads an array of two COSE_Keys.
func ParseRootPublicKey(data []byte) (RootPublicKey, error) {
	h, err := ParseHybridPublicKey(data)
	return RootPublicKey{HybridPublicKey: h}, err
}

// Equal reports whether both are the same member; an empty key equals none.
func (k RootPublicKey) Equal(other RootPublicKey) bool { return !k.IsZero() && k.id == other.id }

// BundlePublicKey is the signer of trust bundles. It verifies bundles only.
type BundlePublicKey struct {
	_ bundleRole
	HybridPublicKey
}

// ParseBundlePublicKey reads an array of two COSE_Keys.
func ParseBundlePublicKey(data []byte) (BundlePublicKey, error) {
	h, err := ParseHybridPublicKey(data)
	return BundlePublicKey{HybridPublicKey: h}, err
}

// Equal reports whether both are the same key; an empty key equals none.
func (k BundlePublicKey) Equal(other BundlePublicKey) bool { return !k.IsZero() && k.id == other.id }
