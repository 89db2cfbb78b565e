package trust

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"github.com/posvid/posvid/codes"
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

// Carry takes over what a body published: each object has to be signed by a key with a right for its body, be no older
// than what is carried, and no newer than at; a status list may not shrink, and a code table only grows. All of it is
// taken, or none.
func (r *Register) Carry(publication []byte, at time.Time) error {
	p, err := ParsePublication(publication)
	if err != nil {
		return err
	}
	owner := r.bodies[p.EDRPOU]
	if owner == nil || owner.owner != p.EDRPOU {
		return refuse(ErrNotAdmitted, "publication: %s is not a body that asked for a key", p.EDRPOU)
	}
	if owner.Ended() {
		return refuse(ErrPublication, "publication: body %s has ended", p.EDRPOU)
	}
	lists := map[ListID]*carriedList{}
	for _, data := range p.StatusLists {
		id, list, err := r.carryList(p.EDRPOU, data, at)
		if err != nil {
			return err
		}
		if lists[id] != nil {
			return refuse(ErrPublication, "publication: status list %s twice", StatusURI(id.Issuer, id.List))
		}
		lists[id] = list
	}
	var table, carriers *carriedObject
	if p.Codes != nil {
		if table, err = r.carryCodes(p.EDRPOU, p.Codes, at); err != nil {
			return err
		}
	}
	if p.Carriers != nil {
		if carriers, err = r.carryCarriers(p.EDRPOU, p.Carriers, at); err != nil {
			return err
		}
	}
	for id, l := range lists {
		r.lists[id] = l
	}
	if table != nil {
		r.codes[p.EDRPOU] = table
	}
	if carriers != nil {
		r.carriers[p.EDRPOU] = carriers
	}
	return nil
}

// ownedBy reports whether iss belongs to the owner of a publication.
func (r *Register) ownedBy(iss, owner string) bool {
	b := r.bodies[iss]
	return b != nil && b.owner == owner
}

// fresh holds the iat of a published object against the operator's clock and against what is carried.
func fresh(what string, iat, carried, at time.Time) error {
	if iat.After(at.Add(ClockTolerance)) {
		return refuse(ErrPublication, "%s of %s lies ahead of %s", what, stamp(iat), stamp(at))
	}
	if iat.Before(carried) {
		return refuse(ErrRollback, "%s of %s, carried %s", what, stamp(iat), stamp(carried))
	}
	return nil
}

func (r *Register) carryList(owner string, data []byte, at time.Time) (ListID, *carriedList, error) {
	t, err := ParseStatusToken(data)
	if err != nil {
		return ListID{}, nil, err
	}
	id := t.UnverifiedID
	what := "status list " + StatusURI(id.Issuer, id.List)
	if !r.ownedBy(id.Issuer, owner) {
		return id, nil, refuse(ErrPublication, "%s is not one of body %s", what, owner)
	}
	if err := signedForBody(r.issuerKeys(t.kid), t.Verify, id.Issuer, t.UnverifiedIssuedAt, ErrListKey, what); err != nil {
		return id, nil, err
	}
	if !at.Before(t.ExpiresAt) {
		return id, nil, refuse(ErrPublication, "%s expired at %s", what, stamp(t.ExpiresAt))
	}
	list, err := t.List()
	if err != nil {
		return id, nil, err
	}
	out := &carriedList{bytes.Clone(data), t.UnverifiedIssuedAt, list.Len()}
	if have := r.lists[id]; have != nil {
		if err := fresh(what, out.issuedAt, have.issuedAt, at); err != nil {
			return id, nil, err
		}
		if out.issuedAt.Equal(have.issuedAt) && !bytes.Equal(out.raw, have.raw) {
			return id, nil, refuse(ErrFork, "%s: two lists of %s", what, stamp(out.issuedAt))
		}
		if out.entries < have.entries {
			return id, nil, refuse(ErrPublication, "%s shrank from %d entries to %d", what, have.entries, out.entries)
		}
	} else if err := fresh(what, out.issuedAt, out.issuedAt, at); err != nil {
		return id, nil, err
	}
	return id, out, nil
}

func (r *Register) carryCodes(owner string, data []byte, at time.Time) (*carriedObject, error) {
	t, err := ParseCodes(data)
	if err != nil {
		return nil, err
	}
	what := "code table of " + t.UnverifiedIssuer
	if t.UnverifiedIssuer != owner {
		return nil, refuse(ErrPublication, "%s in the publication of %s", what, owner)
	}
	if err := signedForBody(r.issuerKeys(t.UnverifiedKeyID()), t.Verify, owner, t.UnverifiedIssuedAt, ErrCodesKey, what); err != nil {
		return nil, err
	}
	table, err := t.Table()
	if err != nil {
		return nil, err
	}
	carried := t.UnverifiedIssuedAt
	if have := r.codes[owner]; have != nil {
		carried = have.issuedAt
		old, err := ParseCodes(have.raw)
		if err != nil {
			return nil, err
		}
		oldTable, err := old.Table()
		if err != nil {
			return nil, err
		}
		if err := codes.Extends(oldTable, table); err != nil {
			return nil, refuse(ErrRollback, "%s: %v", what, err)
		}
	}
	if err := fresh(what, t.UnverifiedIssuedAt, carried, at); err != nil {
		return nil, err
	}
	return &carriedObject{bytes.Clone(data), t.UnverifiedIssuedAt}, nil
}

func (r *Register) carryCarriers(owner string, data []byte, at time.Time) (*carriedObject, error) {
	o, err := parseBodyObject(data, typeCarriers, ErrPublication, "carriers")
	if err != nil {
		return nil, err
	}
	what := "carriers of " + o.issuer
	if o.issuer != owner {
		return nil, refuse(ErrPublication, "%s in the publication of %s", what, owner)
	}
	verify := func(k keys.IssuerPublicKey) error { return k.Verify(o.sign) }
	if err := signedForBody(r.issuerKeys(o.kid), verify, owner, o.issuedAt, ErrPublication, what); err != nil {
		return nil, err
	}
	carried := o.issuedAt
	if have := r.carriers[owner]; have != nil {
		carried = have.issuedAt
	}
	if err := fresh(what, o.issuedAt, carried, at); err != nil {
		return nil, err
	}
	// A carrier belongs to one body: otherwise one body could shadow another's, or stop every bundle.
	taken := map[[32]byte]bool{}
	for iss, other := range r.carriers {
		if iss == owner {
			continue
		}
		all, err := r.carrierList(iss, other)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			taken[carrierHash(r.salt, c.Kind, c.Number)] = true
		}
	}
	mine, err := decodeCarrierList(owner, o.content)
	if err != nil {
		return nil, err
	}
	for _, c := range mine {
		sum := carrierHash(r.salt, c.Kind, c.Number)
		if taken[sum] {
			return nil, refuse(ErrConflict, "%s: one is stated twice, or belongs to another body", what)
		}
		taken[sum] = true
	}
	return &carriedObject{bytes.Clone(data), o.issuedAt}, nil
}

func (r *Register) carrierList(iss string, c *carriedObject) ([]Carrier, error) {
	o, err := parseBodyObject(c.raw, typeCarriers, ErrRegister, "carriers")
	if err != nil {
		return nil, err
	}
	return decodeCarrierList(iss, o.content)
}

// BeaconSource returns value n of the freshness beacon's chain (docs/spec/presentation.md).
type BeaconSource func(n uint64) ([8]byte, error)

// BuildBundle makes the next bundle as of at, whole seconds, signed by a bundle signer of the newest root, with the next
// value of the beacon; a nil source leaves the beacon out. The result has been opened with Open and every section of it
// checked. The register has moved on by one number: store it before the bundle leaves the house, or two bundles will
// carry one number.
func (r *Register) BuildBundle(at time.Time, s keys.BundleSigner, beacon BeaconSource) ([]byte, error) {
	at = at.UTC().Truncate(time.Second)
	newest := r.chain[len(r.chain)-1].UnverifiedRoot
	if !slices.ContainsFunc(newest.BundleSigners, s.BundlePublic().Equal) {
		return nil, refuse(ErrNotAdmitted, "%s is not a bundle signer of root %d", s.BundlePublic(), newest.Number)
	}
	if at.Before(r.issuedAt) {
		return nil, refuse(ErrArgument, "clock is behind: the last bundle was made at %s, now %s", stamp(r.issuedAt), stamp(at))
	}
	next := BeaconEntry{}
	if beacon != nil {
		value, err := beacon(r.beaconN + 1)
		if err != nil {
			return nil, refuse(ErrArgument, "beacon: %v", err)
		}
		published := r.beacons
		if len(published) > 0 && published[0].After(at) {
			// Only a root with a reset sets time back. When the earlier values were published is not known then: codes that
			// carry one of them are at most L1.
			published = nil
		}
		next = BeaconEntry{r.beaconN + 1, value, append([]time.Time{at}, published...)}
		next.Times = next.Times[:min(len(next.Times), maxBeaconTimes)]
	}
	sections, err := r.sections(at, next)
	if err != nil {
		return nil, err
	}
	out, err := assemble(r.roots, newest.Number, r.number+1, at, sections, s)
	if err != nil {
		return nil, err
	}
	b, err := Open(out, r.RootFingerprint())
	if err != nil {
		return nil, err
	}
	if err := b.CheckAll(); err != nil {
		return nil, err
	}
	r.number, r.issuedAt = r.number+1, at
	if beacon != nil {
		r.beaconN, r.beacons = next.N, next.Times
	}
	return out, nil
}

// sections encodes the content of the next bundle.
func (r *Register) sections(at time.Time, beacon BeaconEntry) (map[string][]byte, error) {
	out := map[string][]byte{}
	put := func(name string, v any, err error) error {
		if err == nil {
			out[name], err = marshalSection(name, v)
		}
		return err
	}
	wireKeys := []wireKey{}
	for _, k := range r.keys {
		w, err := k.wire()
		if err != nil {
			return nil, err
		}
		wireKeys = append(wireKeys, w)
	}
	slices.SortFunc(wireKeys, func(a, b wireKey) int { return bytes.Compare(a.Key, b.Key) })
	if err := put(sectionKeys, wireKeys, nil); err != nil {
		return nil, err
	}
	bodies := []wireBody{}
	for _, iss := range sortedKeys(r.bodies) {
		w, err := r.bodies[iss].wire()
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, w)
	}
	if err := put(sectionBodies, bodies, nil); err != nil {
		return nil, err
	}
	verifiers := []wireVerifier{}
	for _, v := range r.verifiers {
		if v.ended || !v.ValidUntil.After(at) {
			continue
		}
		w, err := v.wire()
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, w)
	}
	slices.SortFunc(verifiers, func(a, b wireVerifier) int { return cmp.Compare(a.ID, b.ID) })
	if err := put(sectionVerifiers, verifiers, nil); err != nil {
		return nil, err
	}
	policy, err := r.policy.wire()
	if err := put(sectionPolicy, policy, err); err != nil {
		return nil, err
	}
	if beacon.N > 0 {
		w, err := beacon.wire()
		if err := put(sectionBeacon, w, err); err != nil {
			return nil, err
		}
	}
	if len(r.texts) > 0 {
		if err := put(sectionTexts, r.texts, nil); err != nil {
			return nil, err
		}
	}
	if len(r.cards.Roots)+len(r.cards.CRLs) > 0 {
		if err := put(sectionCards, r.cards, nil); err != nil {
			return nil, err
		}
	}
	for id, l := range r.lists {
		if r.bodies[id.Issuer].Ended() && !at.Before(l.issuedAt.Add(Lifetime)) {
			continue
		}
		out[statusSection(id)] = l.raw
	}
	for iss, c := range r.codes {
		out[codesSection(iss)] = c.raw
	}
	var carriers []Carrier
	for iss, c := range r.carriers {
		if r.bodies[iss].Ended() {
			continue
		}
		list, err := r.carrierList(iss, c)
		if err != nil {
			return nil, err
		}
		carriers = append(carriers, list...)
	}
	if len(carriers) > 0 {
		if out[sectionCarriers], err = encodeCarriers(r.salt, carriers); err != nil {
			return nil, err
		}
	}
	return out, nil
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

// registerJSON is the form on disk, version 1. Binary values are base64, times seconds since 1970.
type registerJSON struct {
	Version   int                 `json:"version"`
	Roots     [][]byte            `json:"roots"`
	Number    uint64              `json:"number"`
	IssuedAt  int64               `json:"issued_at"`
	BeaconN   uint64              `json:"beacon_n"`
	Beacons   []int64             `json:"beacon_times"`
	Bodies    []bodyJSON          `json:"bodies"`
	Keys      []keyJSON           `json:"keys"`
	Verifiers []verifierJSON      `json:"verifiers"`
	Lists     [][]byte            `json:"status_lists"`
	Codes     [][]byte            `json:"codes"`
	Carriers  [][]byte            `json:"carriers"`
	Salt      []byte              `json:"carrier_salt"`
	Policy    policyJSON          `json:"policy"`
	Texts     map[string][]string `json:"texts"`
	CardRoots [][]byte            `json:"card_roots"`
	CardCRLs  [][]byte            `json:"card_crls"`
}

type bodyJSON struct {
	EDRPOU  string `json:"edrpou"`
	Name    string `json:"name"`
	NameEN  string `json:"name_en,omitempty"`
	Phone   string `json:"duty_phone,omitempty"`
	Owner   string `json:"owner"`
	EndedAt int64  `json:"ended_at,omitempty"`
}

type keyJSON struct {
	Key         []byte   `json:"cose_key"`
	Owner       string   `json:"owner"`
	Bodies      []string `json:"bodies"`
	Kinds       []int    `json:"kinds"`
	MaxLife     int64    `json:"max_life_s"`
	ValidFrom   int64    `json:"valid_from"`
	RetiredAt   int64    `json:"retired_at,omitempty"`
	Compromised bool     `json:"compromised,omitempty"`
}

type verifierJSON struct {
	ID     uint64 `json:"id"`
	Name   string `json:"name"`
	Body   string `json:"body"`
	Class  uint8  `json:"class"`
	Policy uint8  `json:"policy"`
	Key    []byte `json:"cose_key"`
	HPKE   []byte `json:"hpke"`
	Until  int64  `json:"valid_until"`
	Ended  bool   `json:"ended,omitempty"`
}

type policyJSON struct {
	Classes   map[uint8]classJSON `json:"classes"`
	BeaconAge int64               `json:"beacon_age_s"`
}

type classJSON struct {
	MinLevel  uint8 `json:"min_level"`
	StatusAge int64 `json:"status_age_s"`
}

// Encode returns the JSON form, which ParseRegister reads.
func (r *Register) Encode() ([]byte, error) {
	w := registerJSON{Version: 1, Roots: r.roots, Number: r.number, BeaconN: r.beaconN, Salt: r.salt,
		Texts: map[string][]string{}, CardRoots: r.cards.Roots, CardCRLs: r.cards.CRLs,
		Policy: policyJSON{map[uint8]classJSON{}, int64(r.policy.BeaconAge / time.Second)}}
	if !r.issuedAt.IsZero() {
		w.IssuedAt = r.issuedAt.Unix()
	}
	for _, t := range r.beacons {
		w.Beacons = append(w.Beacons, t.Unix())
	}
	unix := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	for _, b := range r.Bodies() {
		w.Bodies = append(w.Bodies, bodyJSON{b.EDRPOU, b.Name, b.NameEN, b.DutyPhone, b.Owner, unix(b.EndedAt)})
	}
	for _, k := range r.keys {
		j := keyJSON{k.Key.MarshalCOSE(), k.owner, k.Right.Bodies, nil, int64(k.Right.MaxLife / time.Second),
			unix(k.Right.ValidFrom), unix(k.Right.RetiredAt), k.Right.Compromised}
		for _, kind := range k.Right.Kinds {
			j.Kinds = append(j.Kinds, int(kind))
		}
		w.Keys = append(w.Keys, j)
	}
	for _, v := range r.verifiers {
		w.Verifiers = append(w.Verifiers, verifierJSON{v.ID, v.Name, v.Body, uint8(v.Class), uint8(v.Policy),
			v.SigningKey.MarshalCOSE(), v.HPKE.Bytes(), unix(v.ValidUntil), v.ended})
	}
	slices.SortFunc(w.Verifiers, func(a, b verifierJSON) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range r.Lists() {
		w.Lists = append(w.Lists, r.lists[l.ID].raw)
	}
	for _, iss := range sortedKeys(r.codes) {
		w.Codes = append(w.Codes, r.codes[iss].raw)
	}
	for _, iss := range sortedKeys(r.carriers) {
		w.Carriers = append(w.Carriers, r.carriers[iss].raw)
	}
	for c, row := range r.policy.Classes {
		w.Policy.Classes[uint8(c)] = classJSON{row.MinLevel, int64(row.StatusAge / time.Second)}
	}
	for key, t := range r.texts {
		w.Texts[key] = []string{t.UK, t.EN}
	}
	out, err := json.Marshal(w)
	if err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	return out, nil
}

// ParseRegister reads what Encode wrote and holds it to the rules under which it grew: the chain of roots, distinct keys,
// one owner of each ЄДРПОУ, and the shape of everything carried. Signatures of carried objects are checked when the next
// bundle is built.
func ParseRegister(data []byte) (*Register, error) {
	if len(data) > maxRegister {
		return nil, refuse(ErrTooLarge, "register of %d bytes, limit %d", len(data), maxRegister)
	}
	var w registerJSON
	if err := strictJSON(data, &w); err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	if w.Version != 1 {
		return nil, refuse(ErrRegister, "register: version %d, want 1", w.Version)
	}
	if len(w.Roots) == 0 || len(w.Roots) > MaxRoots || len(w.Salt) < minSalt || len(w.Salt) > maxSalt {
		return nil, refuse(ErrRegister, "register: %d roots and a salt of %d bytes", len(w.Roots), len(w.Salt))
	}
	r, err := NewRegister(w.Roots[0])
	if err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	for _, root := range w.Roots[1:] {
		if err := r.RotateRoot(root); err != nil {
			return nil, refuse(ErrRegister, "register: %v", err)
		}
	}
	r.salt, r.number, r.beaconN = w.Salt, w.Number, w.BeaconN
	if err := r.read(&w); err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	return r, nil
}

// optionalTime reads seconds, where zero stands for no time.
func optionalTime(s int64) (time.Time, error) {
	if s == 0 {
		return time.Time{}, nil
	}
	t, ok := wireTime(uint64(s))
	if !ok {
		return time.Time{}, refuse(ErrRegister, "a time is out of range")
	}
	return t, nil
}

func (r *Register) read(w *registerJSON) (err error) {
	if r.issuedAt, err = optionalTime(w.IssuedAt); err != nil {
		return err
	}
	if (w.Number == 0) != (w.IssuedAt == 0) && r.chain[len(r.chain)-1].UnverifiedRoot.Reset == nil {
		return refuse(ErrRegister, "number %d does not go with its time", w.Number)
	}
	if len(w.Beacons) > maxBeaconTimes || uint64(len(w.Beacons)) > w.BeaconN || (len(w.Beacons) == 0) != (w.BeaconN == 0) {
		return refuse(ErrRegister, "%d beacon times for beacon %d", len(w.Beacons), w.BeaconN)
	}
	for i, s := range w.Beacons {
		t, err := optionalTime(s)
		if err != nil || t.IsZero() || i > 0 && t.After(r.beacons[i-1]) {
			return refuse(ErrRegister, "beacon time %d is out of range or order", i)
		}
		r.beacons = append(r.beacons, t)
	}
	if len(w.Bodies) > MaxBodies || len(w.Keys) > MaxIssuerKeys || len(w.Verifiers) > MaxVerifiers {
		return refuse(ErrTooLarge, "%d bodies, %d keys, %d verifiers", len(w.Bodies), len(w.Keys), len(w.Verifiers))
	}
	for i, j := range w.Bodies {
		b := BodyEntry{EDRPOU: j.EDRPOU, Name: j.Name, NameEN: j.NameEN, DutyPhone: j.Phone}
		if err := checkBody(b.EDRPOU, b.Name, b.NameEN, b.DutyPhone); err != nil {
			return err
		}
		if b.EndedAt, err = optionalTime(j.EndedAt); err != nil {
			return err
		}
		if r.bodies[b.EDRPOU] != nil || !validEDRPOU(j.Owner) {
			return refuse(ErrRegister, "body %d stands twice or has no owner", i)
		}
		r.bodies[b.EDRPOU] = &admittedBody{b, j.Owner}
	}
	for iss, b := range r.bodies {
		if !r.ownedBy(b.owner, b.owner) {
			return refuse(ErrRegister, "body %s belongs to %s, which is no owner", iss, b.owner)
		}
	}
	if err := r.readKeysJSON(w.Keys); err != nil {
		return err
	}
	if err := r.readVerifiersJSON(w.Verifiers); err != nil {
		return err
	}
	if err := r.readCarriedJSON(w); err != nil {
		return err
	}
	p := Policy{Classes: map[Class]ClassPolicy{}}
	const most = int64(MaxStatusAge / time.Second)
	if w.Policy.BeaconAge < 0 || w.Policy.BeaconAge > most {
		return refuse(ErrRegister, "policy: beacon age out of range")
	}
	p.BeaconAge = time.Duration(w.Policy.BeaconAge) * time.Second
	for c, row := range w.Policy.Classes {
		if row.StatusAge < 0 || row.StatusAge > most {
			return refuse(ErrRegister, "policy: status age out of range")
		}
		p.Classes[Class(c)] = ClassPolicy{row.MinLevel, time.Duration(row.StatusAge) * time.Second}
	}
	if err := r.SetPolicy(p); err != nil {
		return err
	}
	texts := make(map[string]Text, len(w.Texts))
	for key, pair := range w.Texts {
		if len(pair) != 2 {
			return refuse(ErrRegister, "a text is not a pair")
		}
		texts[key] = Text{UK: pair[0], EN: pair[1]}
	}
	if err := r.SetTexts(texts); err != nil {
		return err
	}
	return r.SetCards(Cards{w.CardRoots, w.CardCRLs})
}

func (r *Register) readKeysJSON(all []keyJSON) error {
	sharing := map[keys.KeyID]int{}
	for i, j := range all {
		wire := wireKey{Key: j.Key, Bodies: j.Bodies, ValidFrom: uint64(j.ValidFrom), RetiredAt: uint64(j.RetiredAt),
			MaxLife: uint64(j.MaxLife), Compromised: j.Compromised}
		for _, kind := range j.Kinds {
			wire.Kinds = append(wire.Kinds, uint64(kind))
		}
		k, err := wire.read()
		if err != nil {
			return refuse(ErrRegister, "key %d: %v", i, err)
		}
		for _, iss := range j.Bodies {
			if !r.ownedBy(iss, j.Owner) {
				return refuse(ErrRegister, "key %d: %s does not belong to %s", i, iss, j.Owner)
			}
		}
		t := k.Key.Thumbprint()
		if sharing[k.Key.KeyID()]++; r.taken(t) || sharing[k.Key.KeyID()] > maxKeysSharing {
			return refuse(ErrRegister, "key %d stands twice, or its key id too often", i)
		}
		r.inUse[t] = true
		r.keys = append(r.keys, &admittedKey{k, j.Owner})
	}
	return nil
}

func (r *Register) readVerifiersJSON(all []verifierJSON) error {
	for i, j := range all {
		wire := wireVerifier{j.ID, j.Name, j.Body, j.Class, j.Key, j.HPKE, uint64(j.Until), j.Policy}
		v, err := wire.read()
		if err != nil {
			return refuse(ErrRegister, "verifier %d: %v", i, err)
		}
		t := v.SigningKey.Thumbprint()
		if r.taken(t) || r.verifiers[v.ID] != nil {
			return refuse(ErrRegister, "verifier %d: its id or key stands twice", i)
		}
		r.inUse[t] = true
		r.verifiers[v.ID] = &admittedVerifier{v, j.Ended}
	}
	return nil
}

func (r *Register) readCarriedJSON(w *registerJSON) error {
	for i, raw := range w.Lists {
		t, err := ParseStatusToken(raw)
		if err != nil {
			return refuse(ErrRegister, "status list %d: %v", i, err)
		}
		list, err := t.List()
		if err != nil {
			return refuse(ErrRegister, "status list %d: %v", i, err)
		}
		if r.bodies[t.UnverifiedID.Issuer] == nil || r.lists[t.UnverifiedID] != nil {
			return refuse(ErrRegister, "status list %d stands twice or has no body", i)
		}
		r.lists[t.UnverifiedID] = &carriedList{raw, t.UnverifiedIssuedAt, list.Len()}
	}
	for i, raw := range w.Codes {
		t, err := ParseCodes(raw)
		if err != nil {
			return refuse(ErrRegister, "code table %d: %v", i, err)
		}
		if r.bodies[t.UnverifiedIssuer] == nil || r.codes[t.UnverifiedIssuer] != nil {
			return refuse(ErrRegister, "code table %d stands twice or has no body", i)
		}
		r.codes[t.UnverifiedIssuer] = &carriedObject{raw, t.UnverifiedIssuedAt}
	}
	for i, raw := range w.Carriers {
		o, err := parseBodyObject(raw, typeCarriers, ErrRegister, "carriers")
		if err != nil {
			return err
		}
		if r.bodies[o.issuer] == nil || r.carriers[o.issuer] != nil {
			return refuse(ErrRegister, "carriers %d stand twice or have no body", i)
		}
		r.carriers[o.issuer] = &carriedObject{raw, o.issuedAt}
	}
	return nil
}
