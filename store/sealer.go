package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Errors of sealing.
var (
	// ErrNoSealer: the store was opened without the body's data key.
	ErrNoSealer = errors.New("store: no data key: open the store with a Sealer")
	// ErrSealed: a sealed value does not open: damaged, moved to another row, or sealed under another key.
	ErrSealed = errors.New("store: sealed value does not open")
)

// DataKeySize is the size of a data key in bytes.
const DataKeySize = 32

// sealedOverhead is what sealing adds: version (1), nonce (12), tag (16).
const sealedOverhead = 1 + 12 + 16

const sealVersion = 1

// DataKey is a body's secret for the columns encrypted at rest. It is kept outside the database, sealed
// under the body's passphrase.
type DataKey [DataKeySize]byte

// NewDataKey returns a random data key.
func NewDataKey() DataKey {
	var k DataKey
	rand.Read(k[:]) // never fails: crypto/rand ends the program instead
	return k
}

// String never shows the key.
func (DataKey) String() string { return "[redacted]" }

// GoString never shows the key.
func (DataKey) GoString() string { return "[redacted]" }

// Format never shows the key, whatever the verb.
func (DataKey) Format(f fmt.State, _ rune) { f.Write([]byte("[redacted]")) }

// Sealer encrypts single values with AES-256-GCM and derives keyed hashes; both keys are derived from
// the data key with HKDF-SHA-256 (RFC 5869), so neither use can weaken the other.
type Sealer struct {
	aead cipher.AEAD
	mac  [32]byte
}

// NewSealer makes the sealer of a data key. A key of zeros is refused: it was never made.
func NewSealer(k DataKey) (*Sealer, error) {
	if k == (DataKey{}) {
		return nil, errors.New("store: data key is all zeros, want a key made by NewDataKey")
	}
	enc, err := hkdf.Key(sha256.New, k[:], nil, "posvid store seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("store: data key: %w", err)
	}
	mac, err := hkdf.Key(sha256.New, k[:], nil, "posvid store mac v1", 32)
	if err != nil {
		return nil, fmt.Errorf("store: data key: %w", err)
	}
	block, err := aes.NewCipher(enc)
	if err != nil {
		return nil, fmt.Errorf("store: data key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("store: data key: %w", err)
	}
	return &Sealer{aead: aead, mac: [32]byte(mac)}, nil
}

// String never shows the keys.
func (*Sealer) String() string { return "[redacted]" }

// GoString never shows the keys.
func (*Sealer) GoString() string { return "[redacted]" }

// Seal encrypts plain under a fresh random nonce: version byte, nonce (12), ciphertext, tag (16).
// context names the place ("persons.rnokpp:42") and must be given again to Open, so that a value copied
// to another row or column does not open there.
func (s *Sealer) Seal(context string, plain []byte) []byte {
	out := make([]byte, 1+12, sealedOverhead+len(plain))
	out[0] = sealVersion
	rand.Read(out[1:13])
	return s.aead.Seal(out, out[1:13], plain, sealContext(context))
}

// Open decrypts what Seal made for the same context. Error: ErrSealed.
func (s *Sealer) Open(context string, sealed []byte) ([]byte, error) {
	if len(sealed) < sealedOverhead {
		return nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrSealed, len(sealed), sealedOverhead)
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: version %d, want %d", ErrSealed, sealed[0], sealVersion)
	}
	plain, err := s.aead.Open(nil, sealed[1:13], sealed[13:], sealContext(context))
	if err != nil {
		return nil, fmt.Errorf("%w: wrong key, wrong place or damaged", ErrSealed)
	}
	return plain, nil
}

// MAC is HMAC-SHA-256 over the length-prefixed label and data: two labels never give one value.
func (s *Sealer) MAC(label string, data []byte) [32]byte {
	h := hmac.New(sha256.New, s.mac[:])
	h.Write([]byte{byte(len(label) >> 8), byte(len(label))})
	h.Write([]byte(label))
	h.Write(data)
	return [32]byte(h.Sum(nil))
}

func sealContext(context string) []byte { return append([]byte{sealVersion}, context...) }
