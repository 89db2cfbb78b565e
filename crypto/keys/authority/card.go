package authority

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// CardPrivateKey is the P-256 key behind one of the two certificates that a body needs for its PIV cards: that of the card
// authority, which certifies cards (keys.RoleCardAuthority), or that of the content signer, which signs what stands on them
// (keys.RoleCardContent). A key of one role does not open as the other.
type CardPrivateKey struct {
	signer
	role   string
	public *ecdsa.PublicKey
}

// NewCardPrivateKey gives a signer, a software key or an adapter to an HSM, one of the two roles. It has to be ESP256.
func NewCardPrivateKey(role string, s cose.Signer) (CardPrivateKey, error) {
	if role != keys.RoleCardAuthority && role != keys.RoleCardContent {
		return CardPrivateKey{}, fmt.Errorf("authority: card key: role %q: %w", role, keys.ErrKind)
	}
	if s == nil || s.Algorithm() != cose.ESP256 {
		return CardPrivateKey{}, fmt.Errorf("authority: %s key: want ESP256: %w", role, cose.ErrKey)
	}
	public, ok := s.Public().Crypto().(*ecdsa.PublicKey)
	if !ok {
		return CardPrivateKey{}, fmt.Errorf("authority: %s key: %w", role, cose.ErrKey)
	}
	return CardPrivateKey{signer: signer{key: s}, role: role, public: public}, nil
}

// GenerateCardKey makes a new software key of one of the two roles.
func GenerateCardKey(role string) (CardPrivateKey, error) {
	k, err := cose.GenerateKey(cose.ESP256)
	if err != nil {
		return CardPrivateKey{}, err
	}
	return NewCardPrivateKey(role, k)
}

// Role is keys.RoleCardAuthority or keys.RoleCardContent; "" for the zero value.
func (k CardPrivateKey) Role() string { return k.role }

// Seal encrypts the key under a passphrase.
func (k CardPrivateKey) Seal(passphrase []byte, opt keys.SealOptions) ([]byte, error) {
	secret, err := k.secret()
	if err != nil {
		return nil, err
	}
	return keys.Seal(passphrase, k.role, fmt.Sprintf("%x", k.Public().KeyID(4)), secret, opt)
}

// OpenCardKey opens what CardPrivateKey.Seal made, when it is a key of the role.
func OpenCardKey(role string, passphrase, sealed []byte) (CardPrivateKey, error) {
	k, err := openKey(role, passphrase, sealed)
	if err != nil {
		return CardPrivateKey{}, err
	}
	return NewCardPrivateKey(role, k)
}

// Certifier is the key as crypto/x509 wants it: it signs messages, ECDSA with SHA-256 in the DER form of RFC 3279.
func (k CardPrivateKey) Certifier() crypto.MessageSigner { return certifier{k} }

type certifier struct{ key CardPrivateKey }

// Public is the *ecdsa.PublicKey; nil for a zero key.
func (c certifier) Public() crypto.PublicKey {
	if c.key.public == nil {
		return nil
	}
	return c.key.public
}

// Sign is refused: the keys of this package, some of which are devices, hash what they sign themselves.
func (c certifier) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("authority: card key: signs whole messages, not digests")
}

// SignMessage signs with SHA-256.
func (c certifier) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != nil && opts.HashFunc() != crypto.SHA256 {
		return nil, fmt.Errorf("authority: card key: hash %v, want SHA-256", opts.HashFunc())
	}
	raw, err := c.key.Sign(message)
	if err != nil {
		return nil, err
	}
	if len(raw) != 64 {
		return nil, fmt.Errorf("authority: card key: signature of %d bytes, want 64", len(raw))
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
}
