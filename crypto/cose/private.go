package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// PrivateKey is a software Signer of one algorithm. It is immutable and safe for parallel use. It prints as
// [redacted] in every verb, log and encoding; only MarshalCOSE hands out the secret.
type PrivateKey struct {
	Redacted
	public        *PublicKey
	ec            *ecdsa.PrivateKey
	ed            ed25519.PrivateKey
	mldsa         *mldsa65.PrivateKey
	secret        []byte // d, or the 32-byte seed of Ed25519 and ML-DSA-65
	deterministic bool
}

// GenerateKey makes a new key of ESP256, ESP384, Ed25519 or MLDSA65.
func GenerateKey(alg Algorithm) (*PrivateKey, error) {
	switch alg {
	case ESP256, ESP384:
		curve := elliptic.P256()
		if alg == ESP384 {
			curve = elliptic.P384()
		}
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, refuse(ErrKey, "generate %s: %v", alg, err)
		}
		return newPrivateEC(k)
	case Ed25519, MLDSA65:
		var seed [32]byte
		rand.Read(seed[:]) // never fails: it ends the program first
		return NewKeyFromSeed(alg, seed[:])
	}
	return nil, refuse(ErrAlgorithm, "generate: alg %d (%s) is not supported", int64(alg), alg)
}

// NewKeyFromSeed makes the key of a secret: the 32-byte seed of Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204), or the
// scalar d of ESP256 (32 bytes) and ESP384 (48 bytes), big-endian, from 1 to n−1.
func NewKeyFromSeed(alg Algorithm, secret []byte) (*PrivateKey, error) {
	switch alg {
	case ESP256, ESP384:
		curve := elliptic.P256()
		if alg == ESP384 {
			curve = elliptic.P384()
		}
		k, err := ecdsa.ParseRawPrivateKey(curve, secret)
		if err != nil {
			return nil, refuse(ErrKey, "%s: private scalar of %d bytes is not usable", alg, len(secret))
		}
		return newPrivateEC(k)
	case Ed25519:
		if len(secret) != ed25519.SeedSize {
			return nil, refuse(ErrKey, "%s: seed of %d bytes, want %d", alg, len(secret), ed25519.SeedSize)
		}
		k := ed25519.NewKeyFromSeed(secret)
		pub, err := newEd25519(k[ed25519.SeedSize:])
		if err != nil {
			return nil, err
		}
		return &PrivateKey{public: pub, ed: k, secret: k[:ed25519.SeedSize:ed25519.SeedSize]}, nil
	case MLDSA65:
		if len(secret) != mldsa65.SeedSize {
			return nil, refuse(ErrKey, "%s: seed of %d bytes, want %d", alg, len(secret), mldsa65.SeedSize)
		}
		seed := [mldsa65.SeedSize]byte(secret)
		pub, k := mldsa65.NewKeyFromSeed(&seed)
		p, err := newMLDSA(pub.Bytes())
		if err != nil {
			return nil, err
		}
		return &PrivateKey{public: p, mldsa: k, secret: seed[:]}, nil
	}
	return nil, refuse(ErrAlgorithm, "key from seed: alg %d (%s) is not supported", int64(alg), alg)
}

// KeyForVectors derives a key from a public label, in the deterministic mode. Anybody can derive it too: it is for
// test vectors and protects nothing.
func KeyForVectors(alg Algorithm, label string) (*PrivateKey, error) {
	for try := byte(0); ; try++ {
		seed := sha512.Sum384(append([]byte("posvid test vector key\x00"+label), try))
		size := 32
		if alg == ESP384 {
			size = 48
		}
		k, err := NewKeyFromSeed(alg, seed[:size])
		if err == nil {
			return k.Deterministic(), nil
		}
		// One scalar in 2^32 is not below the order of the curve; anything else fails at once.
		if !errors.Is(err, ErrKey) || try == 255 {
			return nil, err
		}
	}
}

func newPrivateEC(k *ecdsa.PrivateKey) (*PrivateKey, error) {
	pub, err := NewPublicKey(&k.PublicKey)
	if err != nil {
		return nil, err
	}
	d, err := k.Bytes()
	if err != nil {
		return nil, refuse(ErrKey, "private scalar is not usable")
	}
	return &PrivateKey{public: pub, ec: k, secret: d}, nil
}

// ParsePrivateKey reads a private COSE_Key. Its public members have to belong to its secret, and key_ops, where
// present, has to allow sign.
func ParsePrivateKey(key []byte) (*PrivateKey, error) {
	k, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if k.private == nil {
		return nil, refuse(ErrKey, "COSE_Key: public key where a private one is wanted")
	}
	if k.ops >= 0 && k.ops&(1<<opSign) == 0 {
		return nil, refuse(ErrKey, "COSE_Key: key_ops does not allow sign")
	}
	pub, err := k.public()
	if err != nil {
		return nil, err
	}
	priv, err := NewKeyFromSeed(pub.alg, k.private)
	if err != nil {
		return nil, err
	}
	if !priv.public.Equal(pub) {
		return nil, refuse(ErrKey, "COSE_Key: public members do not belong to the private one")
	}
	return priv, nil
}

// MarshalCOSE returns the private COSE_Key with alg: d for EC2 and OKP, the seed for AKP. The result is the secret.
func (k *PrivateKey) MarshalCOSE() []byte {
	if k == nil || k.public == nil {
		return nil
	}
	p := k.public
	switch p.alg {
	case ESP256, ESP384:
		crv := int64(crvP256)
		if p.alg == ESP384 {
			crv = crvP384
		}
		b := AppendInt(AppendInt(AppendMap(nil, 6), keyType), ktyEC2)
		b = AppendInt(AppendInt(b, keyAlgorithm), int64(p.alg))
		b = AppendInt(AppendInt(b, -1), crv)
		b = AppendBytes(AppendInt(b, -2), p.x())
		b = AppendBytes(AppendInt(b, -3), p.y())
		return AppendBytes(AppendInt(b, -4), k.secret)
	case Ed25519:
		b := AppendInt(AppendInt(AppendMap(nil, 5), keyType), ktyOKP)
		b = AppendInt(AppendInt(b, keyAlgorithm), int64(p.alg))
		b = AppendInt(AppendInt(b, -1), crvEd25519)
		b = AppendBytes(AppendInt(b, -2), p.x())
		return AppendBytes(AppendInt(b, -4), k.secret)
	case MLDSA65:
		b := AppendInt(AppendInt(AppendMap(nil, 4), keyType), ktyAKP)
		b = AppendInt(AppendInt(b, keyAlgorithm), int64(p.alg))
		b = AppendBytes(AppendInt(b, -1), p.akp)
		return AppendBytes(AppendInt(b, -2), k.secret)
	}
	return nil
}

// Algorithm is the one algorithm of the key.
func (k *PrivateKey) Algorithm() Algorithm {
	if k == nil {
		return 0
	}
	return k.public.Algorithm()
}

// Public is the key that verifies what Sign makes.
func (k *PrivateKey) Public() *PublicKey {
	if k == nil {
		return nil
	}
	return k.public
}

// Equal reports whether both hold the same secret, in constant time.
func (k *PrivateKey) Equal(other *PrivateKey) bool {
	return k != nil && other != nil && k.Algorithm() != 0 && k.Algorithm() == other.Algorithm() &&
		subtle.ConstantTimeCompare(k.secret, other.secret) == 1
}

// Deterministic returns the same key in the mode in which equal input gives equal signatures: ECDSA by RFC 6979,
// ML-DSA without its random input. Ed25519 is so always. It is meant for test vectors.
func (k *PrivateKey) Deterministic() *PrivateKey {
	if k == nil {
		return nil
	}
	d := *k
	d.deterministic = true
	return &d
}

// SignDeterministic is Sign in the deterministic mode.
func (k *PrivateKey) SignDeterministic(toBeSigned []byte) ([]byte, error) {
	return k.Deterministic().Sign(toBeSigned)
}

// Sign returns the COSE signature over toBeSigned. An ECDSA signature may be high-S; NormalizeS gives its low-S twin.
func (k *PrivateKey) Sign(toBeSigned []byte) ([]byte, error) {
	switch k.Algorithm() {
	case ESP256:
		digest := sha256.Sum256(toBeSigned)
		return k.signEC(digest[:], crypto.SHA256)
	case ESP384:
		digest := sha512.Sum384(toBeSigned)
		return k.signEC(digest[:], crypto.SHA384)
	case Ed25519:
		return ed25519.Sign(k.ed, toBeSigned), nil
	case MLDSA65:
		sig := make([]byte, mldsa65.SignatureSize)
		if err := mldsa65.SignTo(k.mldsa, toBeSigned, nil, !k.deterministic, sig); err != nil {
			return nil, refuse(ErrSignature, "sign with %s: %v", MLDSA65, err)
		}
		return sig, nil
	}
	return nil, refuse(ErrKey, "no key")
}

func (k *PrivateKey) signEC(digest []byte, hash crypto.Hash) ([]byte, error) {
	var der []byte
	var err error
	if k.deterministic {
		der, err = k.ec.Sign(nil, digest, hash)
	} else {
		der, err = ecdsa.SignASN1(rand.Reader, k.ec, digest)
	}
	if err != nil {
		return nil, refuse(ErrSignature, "sign with %s: %v", k.public.alg, err)
	}
	sig, ok := ParseDER(k.public.alg, der)
	if !ok {
		return nil, refuse(ErrSignature, "sign with %s: library returned no signature", k.public.alg)
	}
	return sig, nil
}

// ParseDER rewrites an ASN.1 SEQUENCE of two INTEGERs, as HSMs and X.509 write ECDSA signatures, as r‖s of alg. It
// takes the one DER form only; ok is false for anything else.
func ParseDER(alg Algorithm, der []byte) (sig []byte, ok bool) {
	size := alg.SignatureSize()
	if alg != ESP256 && alg != ESP384 {
		return nil, false
	}
	if len(der) < 2 || der[0] != 0x30 || der[1] >= 0x80 || int(der[1]) != len(der)-2 {
		return nil, false
	}
	sig = make([]byte, size)
	rest := der[2:]
	for _, half := range [][]byte{sig[:size/2], sig[size/2:]} {
		if len(rest) < 3 || rest[0] != 0x02 || rest[1] == 0 || int(rest[1]) > len(rest)-2 {
			return nil, false
		}
		v := rest[2 : 2+rest[1]]
		rest = rest[2+len(v):]
		if v[0] >= 0x80 || (len(v) > 1 && v[0] == 0 && v[1] < 0x80) {
			return nil, false
		}
		v = bytes.TrimLeft(v, "\x00")
		if len(v) > len(half) {
			return nil, false
		}
		copy(half[len(half)-len(v):], v)
	}
	return sig, len(rest) == 0
}
