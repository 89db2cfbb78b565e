package trust

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"slices"
	"time"

	"github.com/posvid/posvid/crypto/keys"
)

// Register is the trust operator's state: whom it admitted with what rights, what the bodies last published, and where
// numbers and beacon stand. It holds no private key. It is changed by one goroutine at a time; a method that fails
// leaves it as it was. Whoever can write its file can admit a body, so it belongs with the bundle signer's key.
type Register struct {
	roots     [][]byte
	chain     []*RootObject
	number    uint64    // of the last bundle
	issuedAt  time.Time // of the last bundle; zero = none yet
	beaconN   uint64
	beacons   []time.Time
	bodies    map[string]*admittedBody
	keys      []*admittedKey
	verifiers map[uint64]*admittedVerifier
	lists     map[ListID]*carriedList
	codes     map[string]*carriedObject
	carriers  map[string]*carriedObject
	salt      []byte
	policy    Policy
	texts     map[string]Text
	cards     Cards
	inUse     map[[32]byte]bool // thumbprints of every key of bodies and verifiers, ended ones included
	rootKeys  map[[32]byte]bool // thumbprints of both halves of every key of every root
}

type admittedBody struct {
	BodyEntry
	owner string // ЄДРПОУ of the body whose key request named it
}

type admittedKey struct {
	IssuerKey
	owner string
}

type admittedVerifier struct {
	VerifierEntry
	ended bool // its id and keys are never given again
}

type carriedList struct {
	raw      []byte
	issuedAt time.Time
	entries  int
}

type carriedObject struct {
	raw      []byte
	issuedAt time.Time
	withheld map[[32]byte]bool // of carriers: the hashes of rows that no bundle holds
}

// NewRegister starts a register from the signed root 1.
func NewRegister(root []byte) (*Register, error) {
	r := &Register{
		bodies: map[string]*admittedBody{}, verifiers: map[uint64]*admittedVerifier{}, lists: map[ListID]*carriedList{},
		codes: map[string]*carriedObject{}, carriers: map[string]*carriedObject{}, texts: map[string]Text{}, salt: make([]byte, maxSalt),
		inUse: map[[32]byte]bool{}, rootKeys: map[[32]byte]bool{},
	}
	rand.Read(r.salt) // never fails: it ends the program first
	if err := r.RotateRoot(root); err != nil {
		return nil, err
	}
	return r, nil
}

// RotateRoot adds the next root: signed by its own threshold and by that of the root before it. A root with a reset
// also sets back the register's own number and time.
func (r *Register) RotateRoot(root []byte) error {
	o, err := ParseRoot(root)
	if err != nil {
		return err
	}
	if want := uint64(len(r.roots)) + 1; o.UnverifiedRoot.Number != want {
		return refuse(ErrRoot, "root %d, want root %d", o.UnverifiedRoot.Number, want)
	}
	if len(r.roots) == MaxRoots {
		return refuse(ErrTooLarge, "%d roots, limit %d", len(r.roots), MaxRoots)
	}
	chain := append(slices.Clone(r.chain), o)
	from := max(len(chain)-2, 0)
	if err := VerifyChain(chain, chain[from].Fingerprint); err != nil {
		return err
	}
	var prints [][32]byte
	for _, halves := range o.UnverifiedRoot.halves() {
		for _, half := range halves {
			t := half.Thumbprint()
			if r.inUse[t] {
				return refuse(ErrConflict, "root %d: one of its keys is admitted for a body or verifier", o.UnverifiedRoot.Number)
			}
			prints = append(prints, t)
		}
	}
	for _, t := range prints {
		r.rootKeys[t] = true
	}
	r.chain, r.roots = chain, append(r.roots, bytes.Clone(root))
	if reset := o.UnverifiedRoot.Reset; reset != nil {
		r.number, r.issuedAt = reset.Number-1, reset.Floor
	}
	return nil
}

// RootFingerprint is the fingerprint of root 1, which verifiers pin.
func (r *Register) RootFingerprint() Fingerprint { return r.chain[0].Fingerprint }

// Roots returns every root since 1. The result must not be changed.
func (r *Register) Roots() []*Root {
	out := make([]*Root, len(r.chain))
	for i, o := range r.chain {
		out[i] = o.UnverifiedRoot
	}
	return out
}

// Number is the number of the last bundle, 0 before the first one.
func (r *Register) Number() uint64 { return r.number }

// BeaconN is the number of the last beacon value that was published, 0 before the first one.
func (r *Register) BeaconN() uint64 { return r.beaconN }

// taken reports whether a key is in use, in whatever role.
func (r *Register) taken(t [32]byte) bool { return r.inUse[t] || r.rootKeys[t] }

// Grant is what the operator decides about a key request. A zero field means what the request asks.
type Grant struct {
	Bodies    []string      // ЄДРПОУ granted, of those in the request; nil = all
	Kinds     []uint8       // kinds granted, of those in the request; nil = all
	MaxLife   time.Duration // longest life, at most what is requested; 0 = as requested
	ValidFrom time.Time     // zero = at
	Readmit   bool          // the body ended once and is to come back
}

// AdmitKey admits the key of a key request, and the bodies that it names. It refuses a request that its key did not
// sign, a key that is admitted already, for whichever body, and a ЄДРПОУ that belongs to another body.
func (r *Register) AdmitKey(request []byte, g Grant, at time.Time) (keys.KeyID, error) {
	q, err := ParseKeyRequest(request)
	if err != nil {
		return keys.KeyID{}, err
	}
	if err := checkAge("key request", q.IssuedAt, at); err != nil {
		return keys.KeyID{}, err
	}
	id, thumb := q.Key.KeyID(), q.Key.Thumbprint()
	if r.taken(thumb) {
		return id, refuse(ErrConflict, "key %s is admitted already", id)
	}
	sharing := 0
	for _, k := range r.keys {
		if k.Key.KeyID() == id {
			sharing++
		}
	}
	if sharing >= maxKeysSharing {
		return id, refuse(ErrConflict, "%d keys share key id %s already: make another key", sharing, id)
	}
	if len(r.keys) >= MaxIssuerKeys {
		return id, refuse(ErrTooLarge, "%d issuer keys, limit %d", len(r.keys), MaxIssuerKeys)
	}
	owner := q.Bodies[0].EDRPOU
	asked := make([]string, 0, len(q.Bodies))
	for _, b := range q.Bodies {
		asked = append(asked, b.EDRPOU)
	}
	granted := g.Bodies
	if granted == nil {
		granted = asked
	}
	if !subset(granted, asked) || !slices.Contains(granted, owner) {
		return id, refuse(ErrArgument, "grant: bodies beyond the request, or without the body %s that asks", owner)
	}
	right := Right{Bodies: slices.Sorted(slices.Values(granted)), Kinds: g.Kinds, MaxLife: cmp.Or(g.MaxLife, q.MaxLife), ValidFrom: g.ValidFrom}
	if right.Kinds == nil {
		right.Kinds = q.Kinds
	}
	right.Kinds = slices.Sorted(slices.Values(right.Kinds))
	if !subset(right.Kinds, q.Kinds) || right.MaxLife > q.MaxLife {
		return id, refuse(ErrArgument, "grant: kinds or longest life beyond the request")
	}
	if right.ValidFrom.IsZero() {
		right.ValidFrom = at
	}
	right.ValidFrom = right.ValidFrom.UTC().Truncate(time.Second)
	if err := right.check(); err != nil {
		return id, err
	}
	if _, err := seconds(right.ValidFrom); err != nil {
		return id, err
	}
	added := 0
	for _, b := range q.Bodies {
		if !slices.Contains(granted, b.EDRPOU) {
			continue
		}
		have := r.bodies[b.EDRPOU]
		switch {
		case have == nil:
			added++
		case have.owner != owner:
			return id, refuse(ErrConflict, "ЄДРПОУ %s belongs to body %s, request is of %s", b.EDRPOU, have.owner, owner)
		case have.Ended() && !g.Readmit:
			return id, refuse(ErrConflict, "body %s has ended", b.EDRPOU)
		}
	}
	if len(r.bodies)+added > MaxBodies {
		return id, refuse(ErrTooLarge, "%d bodies, limit %d", len(r.bodies)+added, MaxBodies)
	}
	for _, b := range q.Bodies {
		if slices.Contains(granted, b.EDRPOU) {
			b.EndedAt = time.Time{}
			r.bodies[b.EDRPOU] = &admittedBody{b, owner}
		}
	}
	r.keys = append(r.keys, &admittedKey{IssuerKey{q.Key, right}, owner})
	r.inUse[thumb] = true
	return id, nil
}

// Ending is how a key ends: Compromised, or retired at RetiredAt.
type Ending struct {
	RetiredAt   time.Time // the latest iat that still counts
	Compromised bool      // nothing the key signed counts any more
}

// End ends the one key with a key id; where several share it, EndKey names it by thumbprint.
func (r *Register) End(kid keys.KeyID, e Ending) error {
	var found *admittedKey
	for _, k := range r.keys {
		if k.Key.KeyID() == kid {
			if found != nil {
				return refuse(ErrConflict, "several keys share key id %s: name the one by its thumbprint", kid)
			}
			found = k
		}
	}
	if found == nil {
		return refuse(ErrNotAdmitted, "no key with key id %s", kid)
	}
	return found.end(e)
}

// EndKey ends the key with a thumbprint (RFC 9679).
func (r *Register) EndKey(thumbprint [32]byte, e Ending) error {
	for _, k := range r.keys {
		if k.Key.Thumbprint() == thumbprint {
			return k.end(e)
		}
	}
	return refuse(ErrNotAdmitted, "no key with thumbprint %x", thumbprint[:8])
}

// end only ever takes away: a compromised key stays so, and a retirement is never moved later.
func (k *admittedKey) end(e Ending) error {
	if e.Compromised {
		k.Right.Compromised = true
		return nil
	}
	at := e.RetiredAt.UTC().Truncate(time.Second)
	switch {
	case e.RetiredAt.IsZero():
		return refuse(ErrArgument, "ending: want a time of retirement, or compromised")
	case at.Before(k.Right.ValidFrom):
		return refuse(ErrArgument, "ending: retired at %s, before the key was valid at %s", stamp(at), stamp(k.Right.ValidFrom))
	case !k.Right.RetiredAt.IsZero() && at.After(k.Right.RetiredAt):
		return refuse(ErrArgument, "ending: retired at %s already, %s is later", stamp(k.Right.RetiredAt), stamp(at))
	}
	k.Right.RetiredAt = at
	return nil
}

// EndBody ends a body and all its keys as of at. Its entry stays in every later bundle and marks that its lists and
// tables may be gone; they are carried until they expire.
func (r *Register) EndBody(edrpou string, at time.Time) error {
	b := r.bodies[edrpou]
	if b == nil {
		return refuse(ErrNotAdmitted, "body %s", edrpou)
	}
	if b.owner != edrpou {
		return refuse(ErrArgument, "body %s belongs to %s: end that one", edrpou, b.owner)
	}
	at = at.UTC().Truncate(time.Second)
	if _, err := seconds(at); err != nil {
		return err
	}
	for _, b := range r.bodies {
		if b.owner == edrpou && !b.Ended() {
			b.EndedAt = at
		}
	}
	for _, k := range r.keys {
		if k.owner != edrpou {
			continue
		}
		if k.Right.ValidFrom.After(at) {
			k.Right.Compromised = true // it never became valid, and nothing it signs may ever count
			continue
		}
		if k.Right.RetiredAt.IsZero() || k.Right.RetiredAt.After(at) {
			k.Right.RetiredAt = at
		}
	}
	return nil
}

// VerifierGrant is what the operator decides about a verifier request.
type VerifierGrant struct {
	ID         uint64 // 0 = the next free one
	Class      Class  // ClassNone = as requested
	Policy     Class  // ClassNone = that of the class
	ValidUntil time.Time
}

// AdmitVerifier admits the verifier of a request and returns its id. It refuses a request that its key did not sign, an
// id that was ever given, and keys that are in use.
func (r *Register) AdmitVerifier(request []byte, g VerifierGrant, at time.Time) (uint64, error) {
	q, err := ParseVerifierRequest(request)
	if err != nil {
		return 0, err
	}
	if err := checkAge("verifier request", q.IssuedAt, at); err != nil {
		return 0, err
	}
	thumb := q.Key.Thumbprint()
	if r.taken(thumb) {
		return 0, refuse(ErrConflict, "key %s is admitted already", q.Key)
	}
	if len(r.verifiers) >= MaxVerifiers {
		return 0, refuse(ErrTooLarge, "%d verifiers, limit %d", len(r.verifiers), MaxVerifiers)
	}
	last := uint64(0)
	for id, v := range r.verifiers {
		last = max(last, id)
		if bytes.Equal(v.HPKE.Bytes(), q.HPKE.Bytes()) {
			return 0, refuse(ErrConflict, "HPKE key belongs to verifier %d", id)
		}
	}
	v := VerifierEntry{ID: g.ID, Name: q.Name, Body: q.Body, Class: cmp.Or(g.Class, q.Class), SigningKey: q.Key, HPKE: q.HPKE,
		ValidUntil: g.ValidUntil.UTC().Truncate(time.Second)}
	v.Policy = cmp.Or(g.Policy, v.Class)
	if v.ID == 0 {
		v.ID = last + 1
	}
	if r.verifiers[v.ID] != nil {
		return 0, refuse(ErrConflict, "verifier id %d was given before", v.ID)
	}
	if err := checkVerifier(v.ID, v.Name, v.Body, v.Class); err != nil {
		return 0, err
	}
	if !v.ValidUntil.After(at) {
		return 0, refuse(ErrArgument, "verifier: valid until %s, want a time after %s", stamp(v.ValidUntil), stamp(at))
	}
	if _, err := seconds(v.ValidUntil); err != nil {
		return 0, err
	}
	r.verifiers[v.ID] = &admittedVerifier{VerifierEntry: v}
	r.inUse[thumb] = true
	return v.ID, nil
}

// EndVerifier takes a verifier out of every later bundle.
func (r *Register) EndVerifier(id uint64) error {
	v := r.verifiers[id]
	if v == nil || v.ended {
		return refuse(ErrNotAdmitted, "verifier %d", id)
	}
	v.ended = true
	return nil
}

// SetPolicy replaces the policy.
func (r *Register) SetPolicy(p Policy) error {
	if err := p.check(); err != nil {
		return err
	}
	r.policy = p
	return nil
}

// SetTexts replaces the notices.
func (r *Register) SetTexts(texts map[string]Text) error {
	if err := checkTexts(texts); err != nil {
		return err
	}
	r.texts = texts
	return nil
}

// Cards returns the card roots and revocation lists that the next bundle will carry. The result must not be changed.
func (r *Register) Cards() Cards { return r.cards }

// SetCards replaces card roots and revocation lists.
func (r *Register) SetCards(c Cards) error {
	if err := c.check(); err != nil {
		return err
	}
	r.cards = c
	return nil
}

// issuerKeys returns the admitted keys with a key id.
func (r *Register) issuerKeys(kid keys.KeyID) []IssuerKey {
	var out []IssuerKey
	for _, k := range r.keys {
		if k.Key.KeyID() == kid {
			out = append(out, k.IssuerKey)
		}
	}
	return out
}

// AdmittedKey is a key of the register, for those who show it.
type AdmittedKey struct {
	IssuerKey
	Owner string // ЄДРПОУ of the body that asked
}

// Keys returns every admitted key in the order of admission, ended ones included.
func (r *Register) Keys() []AdmittedKey {
	out := make([]AdmittedKey, 0, len(r.keys))
	for _, k := range r.keys {
		out = append(out, AdmittedKey{k.IssuerKey, k.owner})
	}
	return out
}

// AdmittedBody is a body of the register, for those who show it.
type AdmittedBody struct {
	BodyEntry
	Owner string // ЄДРПОУ of the body that asked for it
}

// Bodies returns every admitted body in ascending order of ЄДРПОУ.
func (r *Register) Bodies() []AdmittedBody {
	out := make([]AdmittedBody, 0, len(r.bodies))
	for _, iss := range sortedKeys(r.bodies) {
		out = append(out, AdmittedBody{r.bodies[iss].BodyEntry, r.bodies[iss].owner})
	}
	return out
}

// Verifiers returns the verifiers that have not been ended, in ascending order of id.
func (r *Register) Verifiers() []VerifierEntry {
	var out []VerifierEntry
	for _, v := range r.verifiers {
		if !v.ended {
			out = append(out, v.VerifierEntry)
		}
	}
	slices.SortFunc(out, func(a, b VerifierEntry) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// CarriedList is a status list of the register, for those who show it.
type CarriedList struct {
	ID       ListID
	IssuedAt time.Time
	Entries  int
}

// Lists returns the carried status lists, sorted.
func (r *Register) Lists() []CarriedList {
	out := make([]CarriedList, 0, len(r.lists))
	for id, l := range r.lists {
		out = append(out, CarriedList{id, l.issuedAt, l.entries})
	}
	slices.SortFunc(out, func(a, b CarriedList) int {
		return cmp.Or(cmp.Compare(a.ID.Issuer, b.ID.Issuer), cmp.Compare(a.ID.List, b.ID.List))
	})
	return out
}
