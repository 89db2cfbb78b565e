// Package authority holds the private keys of those who speak for others: members of the root set, the signer of
// bundles, issuing bodies and their operators. It is apart from keys so that a checkpoint's program can be shown not
// to link it. All of them print as [redacted] and are kept on disk only sealed under a passphrase.
package authority

import (
	"fmt"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// signer is what the single-key roles share: a software key, or an adapter to a device that holds one.
type signer struct {
	cose.Redacted
	key cose.Signer
}

// Algorithm is the one algorithm of the key; 0 for the zero value.
func (s signer) Algorithm() cose.Algorithm {
	if s.key == nil {
		return 0
	}
	return s.key.Algorithm()
}

// Public is the bare public key, without its role; nil for the zero value.
func (s signer) Public() *cose.PublicKey {
	if s.key == nil {
		return nil
	}
	return s.key.Public()
}

// Sign returns the COSE signature over toBeSigned.
func (s signer) Sign(toBeSigned []byte) ([]byte, error) {
	if s.key == nil {
		return nil, fmt.Errorf("authority: sign: %w", cose.ErrKey)
	}
	return s.key.Sign(toBeSigned)
}

// secret returns the private COSE_Key of a software key; a device does not hand it out.
func (s signer) secret() ([]byte, error) {
	k, ok := s.key.(*cose.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("authority: seal: the key is not a software key: %w", keys.ErrKind)
	}
	return k.MarshalCOSE(), nil
}

func openKey(role string, passphrase, sealed []byte) (*cose.PrivateKey, error) {
	secret, err := keys.Open(passphrase, role, sealed)
	if err != nil {
		return nil, err
	}
	k, err := cose.ParsePrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("authority: %s key: %w", role, err)
	}
	return k, nil
}

// IssuerPrivateKey signs for an issuing body.
type IssuerPrivateKey struct {
	signer
	public keys.IssuerPublicKey
}

// NewIssuerPrivateKey gives a signer, a software key or an adapter to an HSM, the role. It has to be ESP256 or Ed25519.
func NewIssuerPrivateKey(s cose.Signer) (IssuerPrivateKey, error) {
	if s == nil {
		return IssuerPrivateKey{}, fmt.Errorf("authority: issuer key: %w", cose.ErrKey)
	}
	public, err := keys.NewIssuerPublicKey(s.Public())
	if err != nil {
		return IssuerPrivateKey{}, err
	}
	return IssuerPrivateKey{signer: signer{key: s}, public: public}, nil
}

// GenerateIssuerKey makes a new software key of cose.ESP256 or cose.Ed25519.
func GenerateIssuerKey(alg cose.Algorithm) (IssuerPrivateKey, error) {
	k, err := cose.GenerateKey(alg)
	if err != nil {
		return IssuerPrivateKey{}, err
	}
	return NewIssuerPrivateKey(k)
}

// IssuerKeyForVectors derives a key from a public label, with deterministic signatures. It protects nothing.
func IssuerKeyForVectors(alg cose.Algorithm, label string) (IssuerPrivateKey, error) {
	k, err := cose.KeyForVectors(alg, "issuer/"+label)
	if err != nil {
		return IssuerPrivateKey{}, err
	}
	return NewIssuerPrivateKey(k)
}

// IssuerPublic is the public key in its role.
func (k IssuerPrivateKey) IssuerPublic() keys.IssuerPublicKey { return k.public }

// SignsAsIssuer marks the role.
func (k IssuerPrivateKey) SignsAsIssuer() {}

// Seal encrypts the key under a passphrase.
func (k IssuerPrivateKey) Seal(passphrase []byte, opt keys.SealOptions) ([]byte, error) {
	secret, err := k.secret()
	if err != nil {
		return nil, err
	}
	return keys.Seal(passphrase, keys.RoleIssuer, k.public.String(), secret, opt)
}

// OpenIssuerKey opens what IssuerPrivateKey.Seal made.
func OpenIssuerKey(passphrase, sealed []byte) (IssuerPrivateKey, error) {
	k, err := openKey(keys.RoleIssuer, passphrase, sealed)
	if err != nil {
		return IssuerPrivateKey{}, err
	}
	return NewIssuerPrivateKey(k)
}

// OperatorPrivateKey signs plans and approvals for one person of a body.
type OperatorPrivateKey struct {
	signer
	public keys.OperatorPublicKey
}

// NewOperatorPrivateKey gives a signer the role. It has to be ESP256 or Ed25519.
func NewOperatorPrivateKey(s cose.Signer) (OperatorPrivateKey, error) {
	if s == nil {
		return OperatorPrivateKey{}, fmt.Errorf("authority: operator key: %w", cose.ErrKey)
	}
	public, err := keys.NewOperatorPublicKey(s.Public())
	if err != nil {
		return OperatorPrivateKey{}, err
	}
	return OperatorPrivateKey{signer: signer{key: s}, public: public}, nil
}

// GenerateOperatorKey makes a new software key of cose.ESP256 or cose.Ed25519.
func GenerateOperatorKey(alg cose.Algorithm) (OperatorPrivateKey, error) {
	k, err := cose.GenerateKey(alg)
	if err != nil {
		return OperatorPrivateKey{}, err
	}
	return NewOperatorPrivateKey(k)
}

// OperatorKeyForVectors derives a key from a public label, with deterministic signatures. It protects nothing.
func OperatorKeyForVectors(alg cose.Algorithm, label string) (OperatorPrivateKey, error) {
	k, err := cose.KeyForVectors(alg, "operator/"+label)
	if err != nil {
		return OperatorPrivateKey{}, err
	}
	return NewOperatorPrivateKey(k)
}

// OperatorPublic is the public key in its role.
func (k OperatorPrivateKey) OperatorPublic() keys.OperatorPublicKey { return k.public }

// SignsAsOperator marks the role.
func (k OperatorPrivateKey) SignsAsOperator() {}

// Seal encrypts the key under a passphrase.
func (k OperatorPrivateKey) Seal(passphrase []byte, opt keys.SealOptions) ([]byte, error) {
	secret, err := k.secret()
	if err != nil {
		return nil, err
	}
	return keys.Seal(passphrase, keys.RoleOperator, k.public.String(), secret, opt)
}

// OpenOperatorKey opens what OperatorPrivateKey.Seal made.
func OpenOperatorKey(passphrase, sealed []byte) (OperatorPrivateKey, error) {
	k, err := openKey(keys.RoleOperator, passphrase, sealed)
	if err != nil {
		return OperatorPrivateKey{}, err
	}
	return NewOperatorPrivateKey(k)
}
