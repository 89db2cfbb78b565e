package wallet

import (
	"bytes"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// Save keeps the state of a wallet that has no folder: the state file of docs/spec/wallet.md, Section 2, whole. The
// wallet becomes what was saved only when it returns nil. It must not use the wallet.
type Save func(state []byte) error

// Make makes a wallet without a folder for a key that lives elsewhere, such as one that a browser keeps and does not
// hand out. Its state goes to save at every change, and at once. root may be zero: Pin later.
func Make(s keys.HolderSigner, root trust.Fingerprint, save Save) (*Wallet, error) {
	switch {
	case s == nil || s.HolderPublic().IsZero():
		return nil, refuse(ErrForeignKey, "no key to make a wallet for")
	case save == nil:
		return nil, refuse(ErrNotFound, "no place for the state")
	}
	w := &Wallet{save: save, holder: s.HolderPublic(), signer: s, root: root, photos: map[[20]byte][]byte{}}
	state, err := w.encode()
	if err != nil {
		return nil, err
	}
	if err := save(state); err != nil {
		return nil, err
	}
	w.state = state
	return w, nil
}

// Load opens a wallet without a folder from its state. It is held to the rules of Open and is locked as that is:
// UseSigner unlocks it.
func Load(state []byte, save Save) (*Wallet, error) {
	switch {
	case len(state) == 0:
		return nil, refuse(ErrNotFound, "no state")
	case len(state) > MaxState:
		return nil, refuse(ErrDamaged, "state has %d bytes, limit %d", len(state), MaxState)
	case save == nil:
		return nil, refuse(ErrNotFound, "no place for the state")
	}
	w := &Wallet{save: save, photos: map[[20]byte][]byte{}, state: bytes.Clone(state)}
	if err := w.decode(w.state); err != nil {
		return nil, err
	}
	return w, nil
}

// State is the state that was last loaded or saved; nil for a wallet of a folder, whose file holds it.
func (w *Wallet) State() []byte { return bytes.Clone(w.state) }
