package trust

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Bundle is an opened trust bundle. It never changes what it answers, is safe for parallel use, and keeps the bytes it
// was opened from, which must not change.
type Bundle struct {
	pinned       bool
	roots        []*Root
	rootPrints   []Fingerprint
	number       uint64
	issuedAt     time.Time
	expiresAt    time.Time
	manifestHash [sha256.Size]byte
	size         int

	sections  []*section
	keys      []IssuerKey
	keySpans  map[keys.KeyID]keySpan
	bodies    map[string]BodyEntry
	beacon    BeaconEntry
	policy    Policy
	texts     map[string]Text
	lists     map[ListID]*listEntry
	codes     map[string]*codesEntry
	verifiers lazy[map[uint64]VerifierEntry]
	cards     lazy[Cards]
	carriers  lazy[*carrierTable]
	inflated  inflatedLists
}

// wireManifest is the payload of the manifest, the second item of the file:
//
//	file = roots manifest *section                 ; a CBOR sequence (RFC 8742)
//	roots = [ + bstr .cbor root ]                  ; root objects 1, 2, 3 …
//	manifest = #6.98([ << { 16 => "application/vnd.posvid.bundle+cose" } >>, {}, << manifest-payload >>, [ 2*2 signature ] ])
//	manifest-payload = { 1 => version: 1, 2 => number: uint, 3 => root-number: uint, 4 => exp: uint,
//	                     5 => roots-hash: bstr .size 32, 6 => iat: uint, 7 => [ * row ] }
//	row = [ name: tstr, size: uint, hash: bstr .size 32 ]    ; ascending by name, in the order of the sections
//	section = bstr
type wireManifest struct {
	Version   uint64    `cbor:"1,keyasint"`
	Number    uint64    `cbor:"2,keyasint"`
	Root      uint64    `cbor:"3,keyasint"`
	ExpiresAt uint64    `cbor:"4,keyasint"`
	Roots     []byte    `cbor:"5,keyasint"`
	IssuedAt  uint64    `cbor:"6,keyasint"`
	Sections  []wireRow `cbor:"7,keyasint"`
}

type wireRow struct {
	_    struct{} `cbor:",toarray"`
	Name string
	Size uint64
	Hash []byte
}

var (
	rootsLimits     = cose.Limits{Bytes: maxRootsItem, Items: MaxRoots, String: MaxRootObject, Depth: 1}
	manifestProfile = cose.Profile{Type: cose.TypeBundle, Limits: cose.Limits{Bytes: maxManifest, String: maxManifest}}
	manifestLimits  = cose.Limits{Bytes: maxManifest, Items: MaxSections, Depth: 4}
)

// Open checks a bundle file from the pinned root forward: the chain of roots, both signatures under the manifest, the
// section table against the length of the file, and the sections that every verdict needs (keys, bodies, beacon,
// policy, texts). Lists, tables, verifiers, cards and carriers are pinned by hash here and opened when first asked for.
// It does not look at the clock: whether the bundle has expired is the caller's question.
func Open(data []byte, pinned Fingerprint) (*Bundle, error) {
	if pinned.IsZero() {
		return nil, refuse(ErrNoPin, "no root fingerprint is pinned")
	}
	return open(data, pinned)
}

// OpenUnpinned opens a bundle under its own first root, for tools that show a file and trust nothing in it: Pinned
// reports false, and no verdict may rest on it.
func OpenUnpinned(data []byte) (*Bundle, error) { return open(data, Fingerprint{}) }

func open(data []byte, pinned Fingerprint) (*Bundle, error) {
	if len(data) > MaxBundle {
		return nil, refuse(ErrTooLarge, "bundle of %d bytes, limit %d", len(data), MaxBundle)
	}
	file := cose.NewReader(data)
	rootsItem, err := file.Raw()
	if err != nil {
		return nil, refuse(ErrMalformed, "bundle: roots: %v", err)
	}
	objects, err := parseRoots(rootsItem)
	if err != nil {
		return nil, err
	}
	b := &Bundle{pinned: !pinned.IsZero(), size: len(data)}
	if !b.pinned {
		pinned = objects[0].Fingerprint
	}
	if err := VerifyChain(objects, pinned); err != nil {
		return nil, err
	}
	for _, o := range objects {
		b.roots = append(b.roots, o.UnverifiedRoot)
		b.rootPrints = append(b.rootPrints, o.Fingerprint)
	}
	manifestItem, err := file.Raw()
	if err != nil {
		return nil, refuse(ErrMalformed, "bundle: manifest: %v", err)
	}
	rows, err := b.readManifest(manifestItem, sha256.Sum256(rootsItem))
	if err != nil {
		return nil, err
	}
	if err := b.cutSections(&file, rows); err != nil {
		return nil, err
	}
	if err := b.openSmall(); err != nil {
		return nil, err
	}
	return b, nil
}

func parseRoots(item []byte) ([]*RootObject, error) {
	if err := cose.Check(item, rootsLimits); err != nil {
		return nil, refuse(ErrMalformed, "bundle: roots: %v", err)
	}
	r := cose.NewReader(item)
	n, err := r.ReadArray()
	if err != nil || n == 0 {
		return nil, refuse(ErrMalformed, "bundle: roots: want an array of one or more")
	}
	objects := make([]*RootObject, n)
	for i := range objects {
		data, err := r.ReadBytes()
		if err != nil {
			return nil, refuse(ErrMalformed, "bundle: root in place %d: %v", i+1, err)
		}
		if objects[i], err = ParseRoot(data); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// readManifest checks both signatures before it reads the payload.
func (b *Bundle) readManifest(item []byte, rootsHash [sha256.Size]byte) ([]wireRow, error) {
	m, err := cose.ParseSign(item, manifestProfile)
	if err != nil {
		return nil, refuse(ErrManifest, "manifest: %v", err)
	}
	newest := b.roots[len(b.roots)-1]
	signed := false
	for _, s := range newest.BundleSigners {
		if len(m.Signatures) == 2 && s.Verify(m) == nil {
			signed = true
			break
		}
	}
	if !signed {
		return nil, refuse(ErrThreshold, "manifest: want exactly the two signatures of one bundle signer of root %d", newest.Number)
	}
	var w wireManifest
	if err := cose.Unmarshal(m.Payload, &w, manifestLimits); err != nil {
		return nil, refuse(ErrManifest, "manifest: %v", err)
	}
	var ok, okExp bool
	b.number, b.manifestHash = w.Number, sha256.Sum256(m.Payload)
	b.issuedAt, ok = wireTime(w.IssuedAt)
	b.expiresAt, okExp = wireTime(w.ExpiresAt)
	switch {
	case w.Version != formatVersion:
		return nil, refuse(ErrManifest, "manifest: version %d, want %d", w.Version, formatVersion)
	case w.Number == 0:
		return nil, refuse(ErrManifest, "manifest: number 0, want 1 or more")
	case w.Root != newest.Number:
		return nil, refuse(ErrManifest, "manifest: made under root %d, newest root is %d", w.Root, newest.Number)
	case !bytes.Equal(w.Roots, rootsHash[:]):
		return nil, refuse(ErrManifest, "manifest: roots do not have the hash that it pins")
	case !ok || !okExp || !b.expiresAt.Equal(b.issuedAt.Add(Lifetime)):
		return nil, refuse(ErrManifest, "manifest: iat %d and exp %d, want exp = iat + %d s", w.IssuedAt, w.ExpiresAt, int(Lifetime/time.Second))
	case b.issuedAt.Before(newest.IssuedAt):
		return nil, refuse(ErrManifest, "manifest of %s is older than its root of %s", stamp(b.issuedAt), stamp(newest.IssuedAt))
	}
	return w.Sections, nil
}

// cutSections lays the section table over the rest of the file: every byte belongs to exactly one section.
func (b *Bundle) cutSections(file *cose.Reader, rows []wireRow) error {
	b.lists, b.codes = map[ListID]*listEntry{}, map[string]*codesEntry{}
	parts := make([]section, len(rows))
	for i, row := range rows {
		if len(row.Name) == 0 || len(row.Name) > maxSectionName || !cose.OneLine(row.Name) || len(row.Hash) != sha256.Size {
			return refuse(ErrManifest, "manifest: row %d: want a name of 1 to %d bytes without control characters and a hash of %d", i, maxSectionName, sha256.Size)
		}
		if i > 0 && rows[i-1].Name >= row.Name {
			return refuse(ErrManifest, "manifest: row %d is out of order or a duplicate", i)
		}
		start := file.Offset()
		data, err := file.ReadBytes()
		if err != nil {
			return refuse(ErrMalformed, "bundle: section %q: %v", row.Name, err)
		}
		if uint64(len(data)) != row.Size || file.Offset()-start != len(data)+headSize(len(data)) {
			return refuse(ErrManifest, "manifest: section %q: %d bytes in the file, %d in the table", row.Name, len(data), row.Size)
		}
		s := &parts[i]
		s.name, s.data, s.sum = row.Name, data, [sha256.Size]byte(row.Hash)
		b.sections = append(b.sections, s)
		switch {
		case row.Name == sectionVerifiers:
			b.verifiers.section = s
		case row.Name == sectionCards:
			b.cards.section = s
		case row.Name == sectionCarriers:
			b.carriers.section = s
		case strings.HasPrefix(row.Name, prefixStatus):
			id, ok := parseStatusSection(row.Name)
			if !ok {
				return refuse(ErrManifest, "manifest: section %q names no status list", row.Name)
			}
			b.lists[id] = &listEntry{id: id, section: s}
		case strings.HasPrefix(row.Name, prefixCodes):
			iss := row.Name[len(prefixCodes):]
			if !validEDRPOU(iss) {
				return refuse(ErrManifest, "manifest: section %q names no code table", row.Name)
			}
			b.codes[iss] = &codesEntry{iss: iss, section: s}
		}
	}
	if !file.Done() {
		return refuse(ErrMalformed, "bundle: %d bytes after the last section", b.size-file.Offset())
	}
	return nil
}

// headSize is the length of the shortest head of a string of n bytes; a longer head would be a second spelling.
func headSize(n int) int {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n <= math.MaxUint32:
		return 5
	}
	return 9
}

// openSmall opens what every verdict needs and holds the sections against each other.
func (b *Bundle) openSmall() error {
	need := map[string]bool{sectionKeys: true, sectionBodies: true}
	for _, s := range b.sections {
		switch s.name {
		case sectionKeys, sectionBodies, sectionBeacon, sectionPolicy, sectionTexts:
		default:
			continue
		}
		data, err := s.bytes()
		if err != nil {
			return err
		}
		delete(need, s.name)
		switch s.name {
		case sectionKeys:
			b.keys, b.keySpans, err = readKeys(data)
		case sectionBodies:
			b.bodies, err = readBodies(data)
		case sectionBeacon:
			b.beacon, err = readBeacon(data)
		case sectionPolicy:
			b.policy, err = readPolicy(data)
		case sectionTexts:
			b.texts, err = readTexts(data)
		}
		if err != nil {
			return err
		}
	}
	for name := range need {
		return refuse(ErrManifest, "manifest: section %s is missing", name)
	}
	for _, k := range b.keys {
		for _, iss := range k.Right.Bodies {
			body, ok := b.bodies[iss]
			if !ok {
				return refuse(ErrSection, "section keys: key %s may speak for %s, which is not in section bodies", k.Key.KeyID(), iss)
			}
			if body.Ended() && !k.Right.Compromised && (k.Right.RetiredAt.IsZero() || k.Right.RetiredAt.After(body.EndedAt)) {
				return refuse(ErrSection, "section keys: key %s outlives its body %s", k.Key.KeyID(), iss)
			}
		}
	}
	for id := range b.lists {
		if _, ok := b.bodies[id.Issuer]; !ok {
			return refuse(ErrManifest, "manifest: status list of %s, which is not in section bodies", id.Issuer)
		}
	}
	for iss := range b.codes {
		if _, ok := b.bodies[iss]; !ok {
			return refuse(ErrManifest, "manifest: code table of %s, which is not in section bodies", iss)
		}
	}
	if len(b.beacon.Times) > 0 && b.beacon.Times[0].After(b.issuedAt) {
		return refuse(ErrSection, "section beacon: published after the bundle was made")
	}
	return nil
}

// Pinned reports whether the bundle was opened under a pinned root. Only such a bundle may carry a verdict.
func (b *Bundle) Pinned() bool { return b.pinned }

// Number is the number of the bundle; it only grows.
func (b *Bundle) Number() uint64 { return b.number }

// IssuedAt is the time that the bundle signer signed.
func (b *Bundle) IssuedAt() time.Time { return b.issuedAt }

// ExpiresAt is the time from which the bundle no longer counts: IssuedAt + Lifetime.
func (b *Bundle) ExpiresAt() time.Time { return b.expiresAt }

// RootNumber is the number of the newest root.
func (b *Bundle) RootNumber() uint64 { return b.roots[len(b.roots)-1].Number }

// RootFingerprint is the fingerprint of the newest root; FirstFingerprint that of root 1.
func (b *Bundle) RootFingerprint() Fingerprint { return b.rootPrints[len(b.rootPrints)-1] }

// FirstFingerprint is the fingerprint of root 1.
func (b *Bundle) FirstFingerprint() Fingerprint { return b.rootPrints[0] }

// Roots returns every root since 1. The result must not be changed.
func (b *Bundle) Roots() []*Root { return b.roots }

// ManifestHash is SHA-256 of the manifest's payload: the identity of the bundle.
func (b *Bundle) ManifestHash() [32]byte { return b.manifestHash }

// Size is the length of the file in bytes.
func (b *Bundle) Size() int { return b.size }

// SectionInfo is one row of the section table.
type SectionInfo struct {
	Name string
	Size int
}

// Sections returns the section table, in the order of the file.
func (b *Bundle) Sections() []SectionInfo {
	out := make([]SectionInfo, 0, len(b.sections))
	for _, s := range b.sections {
		out = append(out, SectionInfo{s.name, len(s.data)})
	}
	return out
}

// IssuerKeys returns the keys with a key id: none, or at most four, ended ones included. It allocates nothing; the
// result must not be changed.
func (b *Bundle) IssuerKeys(kid keys.KeyID) []IssuerKey {
	span := b.keySpans[kid]
	return b.keys[span.from:span.to:span.to]
}

// AllIssuerKeys returns every key, sorted by key id. The result must not be changed.
func (b *Bundle) AllIssuerKeys() []IssuerKey { return b.keys }

// Body returns the entry of a ЄДРПОУ.
func (b *Bundle) Body(edrpou string) (BodyEntry, bool) {
	body, ok := b.bodies[edrpou]
	return body, ok
}

// Bodies returns every body in ascending order of ЄДРПОУ.
func (b *Bundle) Bodies() []BodyEntry {
	out := make([]BodyEntry, 0, len(b.bodies))
	for _, iss := range sortedKeys(b.bodies) {
		out = append(out, b.bodies[iss])
	}
	return out
}

func (b *Bundle) bodyEnded(iss string) bool {
	body, ok := b.bodies[iss]
	return ok && body.Ended()
}

// Beacon returns the freshness beacon; its N is 0 where the bundle has none. The result must not be changed.
func (b *Bundle) Beacon() BeaconEntry { return b.beacon }

// Policy returns the policy; the zero value, all defaults, where the bundle has none.
func (b *Bundle) Policy() Policy { return b.policy }

// Text returns a notice of the trust operator.
func (b *Bundle) Text(key string) (Text, bool) {
	t, ok := b.texts[key]
	return t, ok
}

// Verifiers returns every admitted verifier in ascending order of id, those whose entry has ended too. The error is that of
// Verifier.
func (b *Bundle) Verifiers() ([]VerifierEntry, error) {
	all, err := b.verifiers.open(readVerifiers)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(all), func(x, y VerifierEntry) int { return cmp.Compare(x.ID, y.ID) }), nil
}

// Verifier returns an admitted verifier. An error means that the section is damaged, and then nobody knows whether
// the verifier is admitted.
func (b *Bundle) Verifier(id uint64) (VerifierEntry, bool, error) {
	all, err := b.verifiers.open(readVerifiers)
	if err != nil {
		return VerifierEntry{}, false, err
	}
	v, ok := all[id]
	return v, ok, nil
}

// Cards returns card roots and revocation lists. The result must not be changed.
func (b *Bundle) Cards() (Cards, error) { return b.cards.open(readCards) }

// Carrier looks a carrier up by its number: which body it belongs to and its status integer.
func (b *Bundle) Carrier(kind CarrierKind, number []byte) (body string, status uint32, ok bool, err error) {
	t, err := b.carriers.open(decodeCarriers)
	if err != nil || t == nil {
		return "", 0, false, err
	}
	body, status, ok = t.find(kind, number)
	return body, status, ok, nil
}

// Lists returns the status lists that the bundle carries, in no order.
func (b *Bundle) Lists() []ListID {
	out := make([]ListID, 0, len(b.lists))
	for id := range b.lists {
		out = append(out, id)
	}
	return out
}

// listEntry is one status list of the bundle. Its signature is checked once; its entries are inflated when asked for
// and may be dropped again when memory is short.
type listEntry struct {
	id      ListID
	section *section

	current atomic.Pointer[openList]
	mu      sync.Mutex
	checked bool
	token   *StatusToken
	err     error
}

// openList is what a look-up reads.
type openList struct {
	list *StatusList
	asOf time.Time
}

// check verifies the list once: hash, shape, name, signature and the right of the key.
func (e *listEntry) check(b *Bundle) (*StatusToken, error) {
	if e.checked {
		return e.token, e.err
	}
	e.checked = true
	data, err := e.section.bytes()
	if err != nil {
		e.err = err
		return nil, err
	}
	t, err := ParseStatusToken(data)
	switch {
	case err != nil:
	case t.UnverifiedID != e.id:
		err = refuse(ErrList, "section %s holds the list %s", e.section.name, StatusURI(t.UnverifiedID.Issuer, t.UnverifiedID.List))
	case t.UnverifiedIssuedAt.After(b.issuedAt.Add(ClockTolerance)):
		err = refuse(ErrList, "status list %s of %s is newer than its bundle of %s", StatusURI(e.id.Issuer, e.id.List), stamp(t.UnverifiedIssuedAt), stamp(b.issuedAt))
	default:
		err = signedForBody(b.IssuerKeys(t.kid), t.Verify, e.id.Issuer, t.UnverifiedIssuedAt, ErrListKey, "status list "+StatusURI(e.id.Issuer, e.id.List))
	}
	if err != nil {
		e.err = err
		return nil, err
	}
	e.token = t
	return t, nil
}

// signedForBody looks among the keys with one key id for the one that signed, and holds its right against body and
// iat. A key that signed but has ended gives ErrKeyEnded beside kind.
func signedForBody(candidates []IssuerKey, verify func(keys.IssuerPublicKey) error, iss string, iat time.Time, kind error, what string) error {
	for i := range candidates {
		k := &candidates[i]
		if verify(k.Key) != nil {
			continue
		}
		if !k.Right.AllowsBody(iss) {
			return refuse(kind, "%s: key %s may not speak for %s", what, k.Key.KeyID(), iss)
		}
		if err := k.Right.At(iat); err != nil {
			return refuse(kind, "%s: key %s: %v", what, k.Key.KeyID(), err)
		}
		return nil
	}
	return refuse(kind, "%s: no key of the bundle signed it (%d have its key id)", what, len(candidates))
}

// issuedAt is the time of the list, once it is verified.
func (e *listEntry) issuedAt(b *Bundle) (time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.check(b)
	if err != nil {
		return time.Time{}, err
	}
	return t.UnverifiedIssuedAt, nil
}

func (e *listEntry) open(b *Bundle) (*openList, error) {
	if o := e.current.Load(); o != nil {
		return o, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if o := e.current.Load(); o != nil {
		return o, nil
	}
	t, err := e.check(b)
	if err != nil {
		return nil, err
	}
	list, err := t.List()
	if err != nil {
		e.err, e.token = err, nil
		return nil, err
	}
	o := &openList{list, t.UnverifiedIssuedAt}
	e.current.Store(o)
	b.inflated.add(e, len(list.data), b.size)
	return o, nil
}

// inflatedLists bounds what inflated lists hold: a body may publish lists that compress a thousandfold, and the
// memory of a bundle may not exceed three times its size. The list that was inflated first goes first.
type inflatedLists struct {
	mu    sync.Mutex
	order []*listEntry
	sizes []int
	total int
}

// inflatedFloor is what small bundles may hold whatever their size, in bytes.
const inflatedFloor = 8 << 20

func (c *inflatedLists) add(e *listEntry, size, bundleSize int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order, c.sizes, c.total = append(c.order, e), append(c.sizes, size), c.total+size
	for limit := max(inflatedFloor, bundleSize*3/2); c.total > limit && len(c.order) > 1; {
		c.order[0].current.Store(nil)
		c.total -= c.sizes[0]
		c.order, c.sizes = c.order[1:], c.sizes[1:]
	}
}

// Status looks up entry index of a body's status list. asOf is the iat of the list. Once the list is open it takes
// less than a hundred nanoseconds and allocates nothing.
//
// Errors: ErrListUnknown and every error that opening the list gives mean that the status is not known, which is
// never "revoked"; ErrIndexRange means that the token points outside its list. Values above StatusSuspended are
// returned as they are, and a verifier refuses them.
func (b *Bundle) Status(iss string, list uint16, index uint32) (v StatusValue, asOf time.Time, err error) {
	e := b.lists[ListID{iss, list}]
	if e == nil {
		return 0, time.Time{}, refuse(ErrListUnknown, "status list %s is not in bundle %d", StatusURI(iss, list), b.number)
	}
	o := e.current.Load()
	if o == nil {
		if o, err = e.open(b); err != nil {
			return 0, time.Time{}, err
		}
	}
	if uint64(index) >= uint64(o.list.Len()) {
		return 0, o.asOf, refuse(ErrIndexRange, "status index %d, list %s has %d entries", index, StatusURI(iss, list), o.list.Len())
	}
	return o.list.at(index), o.asOf, nil
}

// codesEntry is one body's code table.
type codesEntry struct {
	iss     string
	section *section
	once    sync.Once
	table   *codes.Table
	asOf    time.Time
	err     error
}

func (e *codesEntry) open(b *Bundle) (*codes.Table, error) {
	e.once.Do(func() {
		var data []byte
		if data, e.err = e.section.bytes(); e.err != nil {
			return
		}
		var t *CodesToken
		if t, e.err = ParseCodes(data); e.err != nil {
			return
		}
		switch {
		case t.UnverifiedIssuer != e.iss:
			e.err = refuse(ErrCodes, "section %s holds the table of %s", e.section.name, t.UnverifiedIssuer)
		case t.UnverifiedIssuedAt.After(b.issuedAt.Add(ClockTolerance)):
			e.err = refuse(ErrCodes, "code table of %s of %s is newer than its bundle of %s", e.iss, stamp(t.UnverifiedIssuedAt), stamp(b.issuedAt))
		default:
			e.err = signedForBody(b.IssuerKeys(t.UnverifiedKeyID()), t.Verify, e.iss, t.UnverifiedIssuedAt, ErrCodesKey, "code table of "+e.iss)
		}
		if e.err == nil {
			e.asOf = t.UnverifiedIssuedAt
			e.table, e.err = t.Table()
		}
	})
	return e.table, e.err
}

// Code returns what a number stands for in the code table of a body. false without an error means that the bundle has
// no such number: its table is too old for the token, or the body has none.
func (b *Bundle) Code(iss string, kind codes.Kind, code uint32) (codes.Entry, bool, error) {
	table, err := b.CodeTable(iss)
	if err != nil || table == nil {
		return codes.Entry{}, false, err
	}
	entry, ok := table.Lookup(kind, code)
	return entry, ok, nil
}

// CodeTable returns the code table of a body, nil where the bundle has none. It must not be changed.
func (b *Bundle) CodeTable(iss string) (*codes.Table, error) {
	e := b.codes[iss]
	if e == nil {
		return nil, nil
	}
	return e.open(b)
}

// CheckAll opens every section. It returns the first error, but for lists and tables of a key that has ended: they
// are carried on until their body signs anew, and answer with that error alone.
func (b *Bundle) CheckAll() error {
	for _, s := range b.sections {
		if _, err := s.bytes(); err != nil {
			return err
		}
	}
	if _, err := b.verifiers.open(readVerifiers); err != nil {
		return err
	}
	if _, err := b.Cards(); err != nil {
		return err
	}
	if _, err := b.carriers.open(decodeCarriers); err != nil {
		return err
	}
	for _, e := range b.lists {
		if _, err := e.open(b); err != nil && !ended(err) {
			return err
		}
	}
	for _, e := range b.codes {
		if _, err := e.open(b); err != nil && !ended(err) {
			return err
		}
	}
	return nil
}

func ended(err error) bool { return errors.Is(err, ErrKeyEnded) }
