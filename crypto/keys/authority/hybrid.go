package authority

import (
	"fmt"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// hybrid is the pair of keys of a member of the trust operator.
type hybrid struct {
	cose.Redacted
	p256, mldsa cose.Signer
	public      keys.HybridPublicKey
}

func newHybrid(p256, mldsa cose.Signer) (hybrid, error) {
	if p256 == nil || mldsa == nil {
		return hybrid{}, fmt.Errorf("authority: hybrid member: %w", cose.ErrKey)
	}
	public, err := keys.NewHybridPublicKey(p256.Public(), mldsa.Public())
	if err != nil {
		return hybrid{}, err
	}
	return hybrid{p256: p256, mldsa: mldsa, public: public}, nil
}

func generateHybrid() (hybrid, error) {
	p256, err := cose.GenerateKey(cose.ESP256)
	if err != nil {
		return hybrid{}, err
	}
	mldsa, err := cose.GenerateKey(cose.MLDSA65)
	if err != nil {
		return hybrid{}, err
	}
	return newHybrid(p256, mldsa)
}

func hybridForVectors(label string) (hybrid, error) {
	p256, err := cose.KeyForVectors(cose.ESP256, label)
	if err != nil {
		return hybrid{}, err
	}
	mldsa, err := cose.KeyForVectors(cose.MLDSA65, label)
	if err != nil {
		return hybrid{}, err
	}
	return newHybrid(p256, mldsa)
}

// Hybrid is the public pair, without its role.
func (h hybrid) Hybrid() keys.HybridPublicKey { return h.public }

// HybridSigners returns both keys; an object is signed by both.
func (h hybrid) HybridSigners() (p256, mldsa cose.Signer) { return h.p256, h.mldsa }

// seal encrypts both keys as an array of two private COSE_Keys.
func (h hybrid) seal(role string, passphrase []byte, opt keys.SealOptions) ([]byte, error) {
	secret := cose.AppendArray(nil, 2)
	for _, s := range []cose.Signer{h.p256, h.mldsa} {
		part, err := signer{key: s}.secret()
		if err != nil {
			return nil, err
		}
		secret = append(secret, part...)
	}
	return keys.Seal(passphrase, role, h.public.String(), secret, opt)
}

func openHybrid(role string, passphrase, sealed []byte) (hybrid, error) {
	secret, err := keys.Open(passphrase, role, sealed)
	if err != nil {
		return hybrid{}, err
	}
	if err := cose.Check(secret, cose.Limits{Bytes: 8192, Depth: 4, Items: 16, String: 2048}); err != nil {
		return hybrid{}, fmt.Errorf("authority: %s key: %w", role, err)
	}
	r := cose.NewReader(secret)
	n, err := r.ReadArray()
	if err != nil || n != 2 {
		return hybrid{}, fmt.Errorf("authority: %s key: want array of 2: %w", role, keys.ErrSealed)
	}
	var pair [2]*cose.PrivateKey
	for i := range pair {
		raw, err := r.Raw()
		if err != nil {
			return hybrid{}, fmt.Errorf("authority: %s key: %w", role, err)
		}
		if pair[i], err = cose.ParsePrivateKey(raw); err != nil {
			return hybrid{}, fmt.Errorf("authority: %s key: %w", role, err)
		}
	}
	return newHybrid(pair[0], pair[1])
}

// A field of its role's own type makes the two structs distinct: without it Go would convert one into the other.
type (
	rootRole   struct{}
	bundleRole struct{}
)

// RootPrivateKey is a member of the root set.
type RootPrivateKey struct {
	_ rootRole
	hybrid
}

// NewRootPrivateKey joins two signers, software keys or adapters to an HSM: ESP256 and ML-DSA-65.
func NewRootPrivateKey(p256, mldsa cose.Signer) (RootPrivateKey, error) {
	h, err := newHybrid(p256, mldsa)
	return RootPrivateKey{hybrid: h}, err
}

// GenerateRootKey makes a new member.
func GenerateRootKey() (RootPrivateKey, error) {
	h, err := generateHybrid()
	return RootPrivateKey{hybrid: h}, err
}

// RootKeyForVectors derives a member from a public label, with deterministic signatures. It protects nothing.
func RootKeyForVectors(label string) (RootPrivateKey, error) {
	h, err := hybridForVectors("root/" + label)
	return RootPrivateKey{hybrid: h}, err
}

// RootPublic is the public pair in its role.
func (k RootPrivateKey) RootPublic() keys.RootPublicKey {
	return keys.RootPublicKey{HybridPublicKey: k.public}
}

// SignsAsRoot marks the role.
func (k RootPrivateKey) SignsAsRoot() {}

// Seal encrypts the member under a passphrase.
func (k RootPrivateKey) Seal(passphrase []byte, opt keys.SealOptions) ([]byte, error) {
	return k.seal(keys.RoleRoot, passphrase, opt)
}

// OpenRootKey opens what RootPrivateKey.Seal made.
func OpenRootKey(passphrase, sealed []byte) (RootPrivateKey, error) {
	h, err := openHybrid(keys.RoleRoot, passphrase, sealed)
	return RootPrivateKey{hybrid: h}, err
}

// BundlePrivateKey signs trust bundles.
type BundlePrivateKey struct {
	_ bundleRole
	hybrid
}

// NewBundlePrivateKey joins two signers: ESP256 and ML-DSA-65.
func NewBundlePrivateKey(p256, mldsa cose.Signer) (BundlePrivateKey, error) {
	h, err := newHybrid(p256, mldsa)
	return BundlePrivateKey{hybrid: h}, err
}

// GenerateBundleKey makes a new key.
func GenerateBundleKey() (BundlePrivateKey, error) {
	h, err := generateHybrid()
	return BundlePrivateKey{hybrid: h}, err
}

// BundleKeyForVectors derives a key from a public label, with deterministic signatures. It protects nothing.
func BundleKeyForVectors(label string) (BundlePrivateKey, error) {
	h, err := hybridForVectors("bundle/" + label)
	return BundlePrivateKey{hybrid: h}, err
}

// BundlePublic is the public pair in its role.
func (k BundlePrivateKey) BundlePublic() keys.BundlePublicKey {
	return keys.BundlePublicKey{HybridPublicKey: k.public}
}

// SignsAsBundle marks the role.
func (k BundlePrivateKey) SignsAsBundle() {}

// Seal encrypts the key under a passphrase.
func (k BundlePrivateKey) Seal(passphrase []byte, opt keys.SealOptions) ([]byte, error) {
	return k.seal(keys.RoleBundle, passphrase, opt)
}

// OpenBundleKey opens what BundlePrivateKey.Seal made.
func OpenBundleKey(passphrase, sealed []byte) (BundlePrivateKey, error) {
	h, err := openHybrid(keys.RoleBundle, passphrase, sealed)
	return BundlePrivateKey{hybrid: h}, err
}
