package keys

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"

	"github.com/posvid/posvid/crypto/cose"
)

// Names of the roles, as a sealed key carries them.
const (
	RoleHolder   = "holder"
	RoleVerifier = "verifier"
	RoleIssuer   = "issuer"
	RoleOperator = "operator"
	RoleRoot     = "root"
	RoleBundle   = "bundle"

	RoleCardAuthority = "card-authority" // certifies the cards of a body (X.509)
	RoleCardContent   = "card-content"   // signs what stands on them (CMS)
)

// private is what the single-key roles share.
type private struct {
	cose.Redacted
	key *cose.PrivateKey
}

// Algorithm is the one algorithm of the key.
func (p private) Algorithm() cose.Algorithm { return p.key.Algorithm() }

// Public is the bare public key, without its role.
func (p private) Public() *cose.PublicKey { return p.key.Public() }

// Sign returns the COSE signature over toBeSigned.
func (p private) Sign(toBeSigned []byte) ([]byte, error) { return p.key.Sign(toBeSigned) }

// HolderPrivateKey is the key of an official's device when it is a software key. It prints as [redacted].
type HolderPrivateKey struct {
	_ holderRole
	private
}

// GenerateHolderKey makes a new key.
func GenerateHolderKey() (HolderPrivateKey, error) {
	k, err := cose.GenerateKey(cose.ESP256)
	return HolderPrivateKey{private: private{key: k}}, err
}

// HolderKeyForVectors derives a key from a public label, with deterministic signatures. It protects nothing.
func HolderKeyForVectors(label string) (HolderPrivateKey, error) {
	k, err := cose.KeyForVectors(cose.ESP256, "holder/"+label)
	return HolderPrivateKey{private: private{key: k}}, err
}

// HolderPublic is the public key in its role.
func (k HolderPrivateKey) HolderPublic() HolderPublicKey {
	return HolderPublicKey{public: public{k.key.Public()}}
}

// SignsAsHolder marks the role.
func (k HolderPrivateKey) SignsAsHolder() {}

// Seal encrypts the key under a passphrase.
func (k HolderPrivateKey) Seal(passphrase []byte, opt SealOptions) ([]byte, error) {
	return Seal(passphrase, RoleHolder, k.HolderPublic().String(), k.key.MarshalCOSE(), opt)
}

// OpenHolderKey opens what HolderPrivateKey.Seal made.
func OpenHolderKey(passphrase, sealed []byte) (HolderPrivateKey, error) {
	secret, err := Open(passphrase, RoleHolder, sealed)
	if err != nil {
		return HolderPrivateKey{}, err
	}
	k, err := cose.ParsePrivateKey(secret)
	if err != nil {
		return HolderPrivateKey{}, fmt.Errorf("keys: holder key: %w", err)
	}
	if _, err := NewHolderPublicKey(k.Public()); err != nil {
		return HolderPrivateKey{}, err
	}
	return HolderPrivateKey{private: private{key: k}}, nil
}

// VerifierPrivateKey is the pair of keys of a verifier: one signs challenges, the other opens what is encrypted to
// it (photos, journal). It prints as [redacted].
type VerifierPrivateKey struct {
	_ verifierRole
	private
	hpke hpke.PrivateKey
}

// The HPKE suite of verifiers: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM (RFC 9180, Section 7).
var (
	hpkeKEM  = hpke.DHKEM(ecdh.P256())
	hpkeKDF  = hpke.HKDFSHA256()
	hpkeAEAD = hpke.AES128GCM()
)

// hpkeInfo opens the info string of every HPKE message.
const hpkeInfo = "posvid hpke v1\x00"

// GenerateVerifierKey makes a new pair.
func GenerateVerifierKey() (VerifierPrivateKey, error) {
	k, err := cose.GenerateKey(cose.ESP256)
	if err != nil {
		return VerifierPrivateKey{}, err
	}
	h, err := hpkeKEM.GenerateKey()
	if err != nil {
		return VerifierPrivateKey{}, refuse(ErrKind, "verifier key: %v", err)
	}
	return VerifierPrivateKey{private: private{key: k}, hpke: h}, nil
}

// VerifierKeyForVectors derives a pair from a public label, with deterministic signatures. It protects nothing.
func VerifierKeyForVectors(label string) (VerifierPrivateKey, error) {
	k, err := cose.KeyForVectors(cose.ESP256, "verifier/"+label)
	if err != nil {
		return VerifierPrivateKey{}, err
	}
	ikm := sha256.Sum256([]byte("posvid test vector hpke\x00" + label))
	h, err := hpkeKEM.DeriveKeyPair(ikm[:])
	if err != nil {
		return VerifierPrivateKey{}, refuse(ErrKind, "verifier key: %v", err)
	}
	return VerifierPrivateKey{private: private{key: k}, hpke: h}, nil
}

// VerifierPublic is the public signing key in its role.
func (k VerifierPrivateKey) VerifierPublic() VerifierPublicKey {
	return VerifierPublicKey{public: public{k.key.Public()}}
}

// SignsAsVerifier marks the role.
func (k VerifierPrivateKey) SignsAsVerifier() {}

// HPKEPublic is the key that others encrypt to.
func (k VerifierPrivateKey) HPKEPublic() HPKEPublicKey {
	if k.hpke == nil {
		return HPKEPublicKey{}
	}
	return HPKEPublicKey{k.hpke.PublicKey()}
}

// Decrypt opens what HPKEPublicKey.Encrypt made for this key and the same purpose.
func (k VerifierPrivateKey) Decrypt(purpose string, ciphertext []byte) ([]byte, error) {
	if k.hpke == nil {
		return nil, refuse(ErrKind, "verifier key: no key")
	}
	plain, err := hpke.Open(k.hpke, hpkeKDF, hpkeAEAD, []byte(hpkeInfo+purpose), ciphertext)
	if err != nil {
		return nil, refuse(ErrSealed, "decrypt %q: not for this key or purpose, or damaged", purpose)
	}
	return plain, nil
}

// Seal encrypts both keys under a passphrase.
func (k VerifierPrivateKey) Seal(passphrase []byte, opt SealOptions) ([]byte, error) {
	if k.hpke == nil {
		return nil, refuse(ErrKind, "verifier key: no key")
	}
	h, err := k.hpke.Bytes()
	if err != nil {
		return nil, refuse(ErrKind, "verifier key: %v", err)
	}
	secret := append(cose.AppendArray(nil, 2), k.key.MarshalCOSE()...)
	secret = cose.AppendBytes(secret, h)
	return Seal(passphrase, RoleVerifier, k.VerifierPublic().String(), secret, opt)
}

// OpenVerifierKey opens what VerifierPrivateKey.Seal made.
func OpenVerifierKey(passphrase, sealed []byte) (VerifierPrivateKey, error) {
	secret, err := Open(passphrase, RoleVerifier, sealed)
	if err != nil {
		return VerifierPrivateKey{}, err
	}
	if err := cose.Check(secret, hybridLimits); err != nil {
		return VerifierPrivateKey{}, fmt.Errorf("keys: verifier key: %w", err)
	}
	r := cose.NewReader(secret)
	if n, err := r.ReadArray(); err != nil || n != 2 {
		return VerifierPrivateKey{}, refuse(ErrSealed, "verifier key: want array of 2")
	}
	raw, err := r.Raw()
	if err != nil {
		return VerifierPrivateKey{}, fmt.Errorf("keys: verifier key: %w", err)
	}
	k, err := cose.ParsePrivateKey(raw)
	if err != nil {
		return VerifierPrivateKey{}, fmt.Errorf("keys: verifier key: %w", err)
	}
	if _, err := NewVerifierPublicKey(k.Public()); err != nil {
		return VerifierPrivateKey{}, err
	}
	b, err := r.ReadBytes()
	if err != nil {
		return VerifierPrivateKey{}, fmt.Errorf("keys: verifier key: %w", err)
	}
	h, err := hpkeKEM.NewPrivateKey(b)
	if err != nil {
		return VerifierPrivateKey{}, refuse(ErrKind, "verifier key: HPKE key of %d bytes is not usable", len(b))
	}
	return VerifierPrivateKey{private: private{key: k}, hpke: h}, nil
}

// HPKEPublicKey is the key of a verifier that others encrypt to. The zero value encrypts nothing.
type HPKEPublicKey struct{ key hpke.PublicKey }

// ParseHPKEPublicKey reads the 65 bytes of an uncompressed P-256 point (RFC 9180, Section 7.1.1).
func ParseHPKEPublicKey(b []byte) (HPKEPublicKey, error) {
	k, err := hpkeKEM.NewPublicKey(b)
	if err != nil {
		return HPKEPublicKey{}, refuse(ErrKind, "HPKE key of %d bytes is not a P-256 point", len(b))
	}
	return HPKEPublicKey{k}, nil
}

// IsZero reports whether there is no key.
func (k HPKEPublicKey) IsZero() bool { return k.key == nil }

// Bytes returns the 65 bytes that ParseHPKEPublicKey reads; nil for the zero value.
func (k HPKEPublicKey) Bytes() []byte {
	if k.key == nil {
		return nil
	}
	return k.key.Bytes()
}

// Encrypt encrypts plaintext to the key. purpose separates uses of one key: it has to be given again to Decrypt.
func (k HPKEPublicKey) Encrypt(purpose string, plaintext []byte) ([]byte, error) {
	if k.key == nil {
		return nil, refuse(ErrKind, "HPKE key: no key")
	}
	out, err := hpke.Seal(k.key, hpkeKDF, hpkeAEAD, []byte(hpkeInfo+purpose), plaintext)
	if err != nil {
		return nil, refuse(ErrSealed, "encrypt %q: %v", purpose, err)
	}
	return out, nil
}
