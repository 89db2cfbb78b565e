package wallet

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// Wallet is an open wallet. It is not safe for parallel use. It prints as the id of its public key, never as what it
// holds.
type Wallet struct {
	dir    string
	holder keys.HolderPublicKey
	signer keys.HolderSigner // nil while locked
	root   trust.Fingerprint // zero = not pinned
	memory trust.Memory
	beacon Beacon
	asked  []Enrolment
	tokens []kept
	photos map[[20]byte][]byte

	onDisk [sha256.Size]byte // of the state file as last read or written

	save  Save   // nil: the wallet is its folder
	state []byte // without a folder: what was last loaded or saved
}

// kept is a token with the issuer's key that the bundle had for it when it was stored.
type kept struct {
	*credential.Token
	key keys.IssuerPublicKey
}

// Beacon is the freshness beacon that the wallet has copied from its newest bundle. The zero value is none.
type Beacon struct {
	Value     credential.Beacon
	N         uint64    // number in its chain
	Published time.Time // when the trust operator published it
	Bundle    uint64    // number of the bundle it was in
}

// Enrolment is one request for a service ID whose delivery has not come.
type Enrolment struct {
	Body string    // ЄДРПОУ
	At   time.Time // when the proof of possession was made
}

// NewOptions says how a wallet is made.
type NewOptions struct {
	Passphrase []byte            // seals the private key; must not be empty
	Root       trust.Fingerprint // the pinned root; zero = Pin later
	WorkFactor int               // scrypt log2(N) of the seal; 0 = the default of crypto/keys
}

// New makes a wallet with a fresh key in the folder dir, which must not exist, and returns it unlocked. The folder
// appears whole or not at all.
func New(dir string, opt NewOptions) (*Wallet, error) {
	if len(opt.Passphrase) == 0 {
		return nil, refuse(ErrPassphrase, "empty passphrase")
	}
	if _, err := os.Lstat(dir); err == nil {
		return nil, refuse(ErrExists, "%s exists", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := keys.GenerateHolderKey()
	if err != nil {
		return nil, err
	}
	sealed, err := key.Seal(opt.Passphrase, keys.SealOptions{WorkFactor: opt.WorkFactor})
	if err != nil {
		return nil, err
	}
	w := &Wallet{dir: dir, holder: key.HolderPublic(), signer: key, root: opt.Root, photos: map[[20]byte][]byte{}}
	state, err := w.encode()
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, dirMode); err != nil {
		return nil, err
	}
	fresh, err := os.MkdirTemp(parent, ".new-*") // made with dirMode
	if err != nil {
		return nil, err
	}
	err = errors.Join(writeNew(filepath.Join(fresh, keyFile), sealed), writeNew(filepath.Join(fresh, stateFile), state))
	if err == nil {
		err = syncDir(fresh)
	}
	if err == nil {
		// Fails where another program was faster: a folder that is not empty is never replaced.
		err = os.Rename(fresh, dir)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(fresh))
	}
	if err := syncDir(parent); err != nil {
		return nil, err
	}
	w.onDisk = sha256.Sum256(state)
	return w, nil
}

// Open reads the wallet in the folder dir. It is locked: it lists what it keeps, and signs after Unlock. Every token
// is verified again with the key it was stored with.
func Open(dir string) (*Wallet, error) {
	state, err := readCapped(filepath.Join(dir, stateFile), MaxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(ErrNotFound, "no %s in %s", stateFile, dir)
	}
	if err != nil {
		return nil, err
	}
	w := &Wallet{dir: dir, photos: map[[20]byte][]byte{}}
	if err := w.decode(state); err != nil {
		return nil, err
	}
	sealed, err := w.sealed()
	if err != nil {
		return nil, err
	}
	role, id, err := keys.UnverifiedLabel(sealed)
	if err != nil {
		return nil, because(ErrDamaged, err, "%s", keyFile)
	}
	if role != keys.RoleHolder || id != w.holder.String() {
		return nil, refuse(ErrDamaged, "%s is labelled role %s, id %s; want role %s, id %s", keyFile, role, id, keys.RoleHolder, w.holder)
	}
	w.onDisk = sha256.Sum256(state)
	return w, nil
}

func (w *Wallet) sealed() ([]byte, error) {
	sealed, err := readCapped(filepath.Join(w.dir, keyFile), maxSealed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(ErrDamaged, "%s is missing", keyFile)
	}
	return sealed, err
}

// Unlock opens the private key with its passphrase.
func (w *Wallet) Unlock(passphrase []byte) error {
	if w.save != nil {
		return refuse(ErrForeignKey, "the key lives outside the wallet, which has no folder")
	}
	sealed, err := w.sealed()
	if err != nil {
		return err
	}
	key, err := keys.OpenHolderKey(passphrase, sealed)
	switch {
	case errors.Is(err, keys.ErrPassphrase):
		return because(ErrPassphrase, err, "unlock")
	case err != nil:
		return because(ErrDamaged, err, "%s", keyFile)
	case !key.HolderPublic().Equal(w.holder):
		return refuse(ErrDamaged, "%s holds key %s, want %s", keyFile, key.HolderPublic(), w.holder)
	}
	w.signer = key
	return nil
}

// UseSigner unlocks the wallet with a signer of its key that lives elsewhere, such as a secure element.
func (w *Wallet) UseSigner(s keys.HolderSigner) error {
	if s == nil || !s.HolderPublic().Equal(w.holder) {
		return refuse(ErrForeignKey, "the signer's key is not key %s of this wallet", w.holder)
	}
	w.signer = s
	return nil
}

// Lock forgets the private key until the next Unlock.
func (w *Wallet) Lock() { w.signer = nil }

// Locked reports whether the wallet cannot sign.
func (w *Wallet) Locked() bool { return w.signer == nil }

// Holder is the public key of the wallet. One key belongs to one person.
func (w *Wallet) Holder() keys.HolderPublicKey { return w.holder }

// Dir is the folder of the wallet; empty where it has none.
func (w *Wallet) Dir() string { return w.dir }

// Beacon is the newest freshness beacon the wallet knows.
func (w *Wallet) Beacon() Beacon { return w.beacon }

// Enrolments are the requests whose delivery has not come.
func (w *Wallet) Enrolments() []Enrolment { return slices.Clone(w.asked) }

// String returns the id of the public key.
func (w *Wallet) String() string {
	if w == nil {
		return "wallet none"
	}
	return "wallet " + w.holder.String()
}

// Format prints String in every verb, so that no verb prints what the wallet holds.
func (w *Wallet) Format(s fmt.State, _ rune) { io.WriteString(s, w.String()) }

// Pinned returns the pinned root; false when there is none.
func (w *Wallet) Pinned() (trust.Fingerprint, bool) { return w.root, !w.root.IsZero() }

// Pin pins the root that the wallet's bundles have to come from. A pinned wallet keeps its root: another one is
// refused with ErrBundle, and a person who means it makes a new wallet.
func (w *Wallet) Pin(root trust.Fingerprint) error {
	switch {
	case root.IsZero():
		return because(ErrBundle, trust.ErrNoPin, "pin")
	case w.root == root:
		return nil
	case !w.root.IsZero():
		return refuse(ErrBundle, "root %s is pinned already", w.root)
	}
	return w.change(func(next *Wallet) { next.root = root })
}

// OpenBundle opens a bundle under the pinned root. A wallet without one refuses every bundle.
func (w *Wallet) OpenBundle(data []byte) (*trust.Bundle, error) {
	if w.root.IsZero() {
		return nil, because(ErrBundle, trust.ErrNoPin, "open bundle")
	}
	b, err := trust.Open(data, w.root)
	if err != nil {
		return nil, because(ErrBundle, err, "open bundle")
	}
	return b, nil
}

// TakeBundle copies the freshness beacon out of a bundle that was opened under the right root, and remembers the
// bundle's number, so that an older one is refused from then on. The bundle that was taken already changes nothing.
func (w *Wallet) TakeBundle(b *trust.Bundle, at time.Time) error {
	if err := w.usable(b, at); err != nil {
		return err
	}
	memory, err := w.memory.Accept(b)
	if err != nil {
		return because(ErrBundle, err, "take bundle %d", b.Number())
	}
	beacon := w.beacon
	if e := b.Beacon(); e.N > 0 && len(e.Times) > 0 {
		beacon = Beacon{Value: e.Value, N: e.N, Published: e.Times[0], Bundle: b.Number()}
	}
	if bytes.Equal(memory.Encode(), w.memory.Encode()) && beacon == w.beacon {
		return nil
	}
	return w.change(func(next *Wallet) { next.memory, next.beacon = memory, beacon })
}

// usable refuses a bundle that is not there, was opened without a pinned root or under another operator's, has
// expired, or is older than one that was taken.
func (w *Wallet) usable(b *trust.Bundle, at time.Time) error {
	switch {
	case b == nil:
		return refuse(ErrBundle, "no trust bundle")
	case !b.Pinned():
		return because(ErrBundle, trust.ErrNoPin, "trust bundle %d was opened without a pinned root", b.Number())
	case !w.root.IsZero() && !hasRoot(b, w.root):
		return because(ErrBundle, trust.ErrPin, "trust bundle %d", b.Number())
	case !at.Before(b.ExpiresAt()):
		return refuse(ErrBundle, "trust bundle %d expired at %s", b.Number(), stamp(b.ExpiresAt()))
	case b.RootNumber() < w.memory.RootNumber || b.RootNumber() == w.memory.RootNumber && b.Number() < w.memory.Number:
		return because(ErrBundle, trust.ErrRollback, "trust bundle %d, seen %d", b.Number(), w.memory.Number)
	}
	return nil
}

// hasRoot tells whether the pinned root is one of the bundle's. A root between the first and the newest is encoded
// again to be compared, which may refuse a root of a later format but never take a wrong one.
func hasRoot(b *trust.Bundle, pinned trust.Fingerprint) bool {
	if pinned == b.FirstFingerprint() || pinned == b.RootFingerprint() {
		return true
	}
	return slices.ContainsFunc(b.Roots(), func(r *trust.Root) bool {
		payload, err := r.Encode()
		return err == nil && trust.RootFingerprint(payload) == pinned
	})
}

// change applies f to a copy, writes it, and only then becomes it.
func (w *Wallet) change(f func(*Wallet)) error {
	next := *w
	next.asked, next.tokens = slices.Clone(w.asked), slices.Clone(w.tokens)
	next.photos = make(map[[20]byte][]byte, len(w.photos))
	for hash, photo := range w.photos {
		next.photos[hash] = photo
	}
	f(&next)
	state, err := next.encode()
	if err != nil {
		return err
	}
	if w.save != nil {
		if err := w.save(state); err != nil {
			return err
		}
		next.state = state
		*w = next
		return nil
	}
	path := filepath.Join(w.dir, stateFile)
	before, err := readCapped(path, MaxState)
	if err != nil {
		return err
	}
	if sha256.Sum256(before) != w.onDisk {
		return refuse(ErrChanged, "%s was written by another program since it was read", stateFile)
	}
	if err := replace(path, state); err != nil {
		return err
	}
	next.onDisk = sha256.Sum256(state)
	*w = next
	return nil
}

// stamp prints a time in errors.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stateJSON is the state file, version 1 (docs/spec/wallet.md, Section 2). Bytes are base64 (RFC 4648, Section 4).
type stateJSON struct {
	Schema     string          `json:"schema"`
	Holder     []byte          `json:"holder"`           // COSE_Key
	Root       string          `json:"root,omitempty"`   // fingerprint
	Memory     json.RawMessage `json:"memory,omitempty"` // trust.Memory
	Beacon     *beaconJSON     `json:"beacon,omitempty"`
	Enrolments []enrolmentJSON `json:"enrolments,omitempty"`
	Tokens     []tokenJSON     `json:"tokens,omitempty"`
	Photos     [][]byte        `json:"photos,omitempty"` // JPEG, each named by a token
}

type beaconJSON struct {
	N         uint64    `json:"n"`
	Value     []byte    `json:"value"`
	Published time.Time `json:"published"`
	Bundle    uint64    `json:"bundle"`
}

type enrolmentJSON struct {
	Body string    `json:"body"`
	At   time.Time `json:"at"`
}

type tokenJSON struct {
	Token []byte `json:"token"`
	Key   []byte `json:"issuer_key"` // COSE_Key
}

const schema = "posvid.wallet/1"

func (w *Wallet) encode() ([]byte, error) {
	s := stateJSON{Schema: schema, Holder: w.holder.MarshalCOSE()}
	if !w.root.IsZero() {
		s.Root = w.root.String()
	}
	if w.memory.Number > 0 {
		s.Memory = w.memory.Encode()
	}
	if b := w.beacon; b.N > 0 {
		s.Beacon = &beaconJSON{b.N, b.Value[:], b.Published.UTC(), b.Bundle}
	}
	for _, e := range w.asked {
		s.Enrolments = append(s.Enrolments, enrolmentJSON{e.Body, e.At.UTC()})
	}
	used := map[[20]byte]bool{}
	for _, t := range w.tokens {
		s.Tokens = append(s.Tokens, tokenJSON{t.Raw, t.key.MarshalCOSE()})
		if photo, ok := w.photos[t.PhotoHash]; ok && t.HasPhoto && !used[t.PhotoHash] {
			used[t.PhotoHash] = true
			s.Photos = append(s.Photos, photo)
		}
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("wallet: write state: %w", err)
	}
	if len(data) >= MaxState {
		return nil, refuse(ErrFull, "state of %d bytes, limit %d", len(data), MaxState)
	}
	return append(data, '\n'), nil
}

func (w *Wallet) decode(data []byte) error {
	var s stateJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return refuse(ErrDamaged, "%s: not the JSON of a wallet, %d bytes", stateFile, len(data)) // the decoder's words may quote content
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse(ErrDamaged, "%s: more than one value", stateFile)
	}
	if s.Schema != schema {
		return refuse(ErrDamaged, "%s: schema is not %q", stateFile, schema)
	}
	var err error
	if w.holder, err = keys.ParseHolderPublicKey(s.Holder); err != nil {
		return because(ErrDamaged, err, "%s: holder", stateFile)
	}
	if s.Root != "" {
		if w.root, err = trust.ParseFingerprint(s.Root); err != nil {
			return because(ErrDamaged, err, "%s: root", stateFile)
		}
	}
	if s.Memory != nil {
		if w.memory, err = trust.ParseMemory(s.Memory); err != nil {
			return because(ErrDamaged, err, "%s: memory", stateFile)
		}
	}
	if b := s.Beacon; b != nil {
		if b.N == 0 || len(b.Value) != len(credential.Beacon{}) || b.Published.IsZero() || credential.Beacon(b.Value).IsZero() {
			return refuse(ErrDamaged, "%s: beacon is incomplete", stateFile)
		}
		w.beacon = Beacon{credential.Beacon(b.Value), b.N, b.Published, b.Bundle}
	}
	if len(s.Enrolments) > maxPending || len(s.Tokens) > MaxTokens || len(s.Photos) > MaxTokens {
		return refuse(ErrDamaged, "%s: %d enrolments, %d tokens, %d photos; limits %d, %d, %d", stateFile,
			len(s.Enrolments), len(s.Tokens), len(s.Photos), maxPending, MaxTokens, MaxTokens)
	}
	for _, e := range s.Enrolments {
		w.asked = append(w.asked, Enrolment(e))
	}
	for i, t := range s.Tokens {
		k, err := w.reopen(t)
		if err != nil {
			return because(ErrDamaged, err, "%s: token %d", stateFile, i)
		}
		if w.find(k.Issuer, k.Number, k.Face) >= 0 {
			return refuse(ErrDamaged, "%s: token %d is the same face of the same service ID as one before it", stateFile, i)
		}
		w.tokens = append(w.tokens, k)
	}
	for i, photo := range s.Photos {
		hash := photoHash(photo)
		if !slices.ContainsFunc(w.tokens, func(t kept) bool { return t.HasPhoto && t.PhotoHash == hash }) {
			return refuse(ErrDamaged, "%s: photo %d belongs to no token", stateFile, i)
		}
		w.photos[hash] = photo
	}
	return nil
}

func (w *Wallet) reopen(t tokenJSON) (kept, error) {
	key, err := keys.ParseIssuerPublicKey(t.Key)
	if err != nil {
		return kept{}, err
	}
	unverified, err := credential.ParseToken(t.Token)
	if err != nil {
		return kept{}, err
	}
	token, err := unverified.Verify(key)
	if err != nil {
		return kept{}, err
	}
	if err := w.own(token); err != nil {
		return kept{}, err
	}
	return kept{token, key}, nil
}

// own refuses a token that this wallet cannot present.
func (w *Wallet) own(t *credential.Token) error {
	if t.Kind != credential.KindPhone {
		return refuse(ErrForeignToken, "token of kind %s, want %s", t.Kind, credential.KindPhone)
	}
	if !t.Holder.Equal(w.holder) {
		return refuse(ErrForeignToken, "token is bound to key %s, this wallet has %s", t.Holder, w.holder)
	}
	return nil
}

// find returns the place of a token, or -1.
func (w *Wallet) find(issuer, number string, face credential.Face) int {
	return slices.IndexFunc(w.tokens, func(t kept) bool { return t.Issuer == issuer && t.Number == number && t.Face == face })
}

// order sorts tokens by body, number and face, so that the file does not hang on the order of deliveries.
func order(a, b kept) int {
	return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Face, b.Face))
}

// photoHash is the name of a photo in a token: the first 20 bytes of its SHA-256.
func photoHash(photo []byte) [20]byte {
	sum := sha256.Sum256(photo)
	return [20]byte(sum[:20])
}
