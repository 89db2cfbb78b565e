package trust

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Names of sections. A list and a code table have a section of their own each: status/‹ЄДРПОУ›/‹list› and
// codes/‹ЄДРПОУ›. A name that is not known is skipped, its bytes are still accounted for.
const (
	sectionBeacon    = "beacon"
	sectionBodies    = "bodies"
	sectionCards     = "cards"
	sectionCarriers  = "carriers"
	sectionKeys      = "keys"
	sectionPolicy    = "policy"
	sectionTexts     = "texts"
	sectionVerifiers = "verifiers"
	prefixCodes      = "codes/"
	prefixStatus     = "status/"
)

// section is a part of the file that the manifest pins by hash. Its hash is computed once, when it is first needed.
type section struct {
	name string
	data []byte
	sum  [sha256.Size]byte
	once sync.Once
	err  error
}

// bytes returns the content, or ErrSection; the answer is the same ever after.
func (s *section) bytes() ([]byte, error) {
	s.once.Do(func() {
		if sha256.Sum256(s.data) != s.sum {
			s.err = refuse(ErrSection, "section %s: bytes do not have the hash that the manifest pins", s.name)
		}
	})
	if s.err != nil {
		return nil, s.err
	}
	return s.data, nil
}

// lazy opens one section once; safe for parallel use.
type lazy[T any] struct {
	section *section // nil where the bundle has none
	once    sync.Once
	value   T
	err     error
}

func (l *lazy[T]) open(decode func([]byte) (T, error)) (T, error) {
	if l.section == nil {
		var none T
		return none, nil
	}
	l.once.Do(func() {
		var data []byte
		if data, l.err = l.section.bytes(); l.err == nil {
			l.value, l.err = decode(data)
		}
	})
	return l.value, l.err
}

// sectionItems is the most entries of one array or map in a section that is decoded whole. An entry of one byte becomes
// a hundred in memory, so the gate counts before anything is decoded.
var sectionItems = map[string]int{
	sectionBeacon: maxBeaconTimes, sectionBodies: MaxBodies, sectionCards: maxCertificates, sectionKeys: MaxIssuerKeys,
	sectionPolicy: 1 << 8, sectionTexts: maxTexts, sectionVerifiers: MaxVerifiers,
}

// unmarshalSection decodes a section; the kind of its error is ErrSection.
func unmarshalSection(name string, data []byte, v any) error {
	limits := cose.Limits{Bytes: MaxBundle, Depth: 8, Items: sectionItems[name], String: MaxBundle}
	if err := cose.Unmarshal(data, v, limits); err != nil {
		return refuse(ErrSection, "section %s: %v", name, err)
	}
	return nil
}

// IssuerKey is a key of a body and what it may be used for.
type IssuerKey struct {
	Key   keys.IssuerPublicKey
	Right Right
}

// Right is what one issuer key may do. The zero value allows nothing.
type Right struct {
	Bodies      []string      // ЄДРПОУ it may issue for
	Kinds       []uint8       // kinds of tokens: 0 phone, 1 static, 2 card
	MaxLife     time.Duration // longest exp − iat of a token, whole seconds
	ValidFrom   time.Time     // earliest iat of what it signs
	RetiredAt   time.Time     // latest iat; zero = not retired
	Compromised bool          // nothing it signed counts, whatever its iat
}

// AllowsBody reports whether iss is in the set of the right.
func (r *Right) AllowsBody(iss string) bool { return slices.Contains(r.Bodies, iss) }

// AllowsKind reports whether tokens of the kind may be issued under the right.
func (r *Right) AllowsKind(kind uint8) bool { return slices.Contains(r.Kinds, kind) }

// At holds the right against the iat of something the key signed: nil, or ErrKeyEnded for a compromised key and for
// an iat after its retirement, or ErrKeyNotYet for an iat before it was valid.
func (r *Right) At(iat time.Time) error {
	switch {
	case r.Compromised:
		return refuse(ErrKeyEnded, "issuer key is compromised")
	case r.ValidFrom.IsZero() || iat.Before(r.ValidFrom):
		return refuse(ErrKeyNotYet, "issuer key is valid from %s, iat is %s", stamp(r.ValidFrom), stamp(iat))
	case !r.RetiredAt.IsZero() && iat.After(r.RetiredAt):
		return refuse(ErrKeyEnded, "issuer key was retired at %s, iat is %s", stamp(r.RetiredAt), stamp(iat))
	}
	return nil
}

func (r *Right) check() error {
	switch {
	case len(r.Bodies) == 0 || len(r.Bodies) > MaxRightBodies:
		return refuse(ErrArgument, "right: %d bodies, want 1 to %d", len(r.Bodies), MaxRightBodies)
	case len(r.Kinds) > 16:
		return refuse(ErrArgument, "right: %d kinds, want at most 16", len(r.Kinds))
	case r.MaxLife < 0 || r.MaxLife > 10*366*24*time.Hour || r.MaxLife%time.Second != 0:
		return refuse(ErrArgument, "right: longest life %s, want whole seconds up to ten years", r.MaxLife)
	case !r.RetiredAt.IsZero() && r.RetiredAt.Before(r.ValidFrom):
		return refuse(ErrArgument, "right: retired before it is valid")
	}
	for i, iss := range r.Bodies {
		if !validEDRPOU(iss) {
			return refuse(ErrArgument, "right: ЄДРПОУ is not eight digits")
		}
		if i > 0 && r.Bodies[i-1] >= iss {
			return refuse(ErrArgument, "right: ЄДРПОУ out of order or twice")
		}
	}
	for i, k := range r.Kinds {
		if i > 0 && r.Kinds[i-1] >= k {
			return refuse(ErrArgument, "right: kinds out of order or twice")
		}
	}
	return nil
}

// wireKey is one entry of section keys:
//
//	keys = [ * { 1 => COSE_Key, 2 => [ + edrpou ], 3 => [ * kind: uint ], 4 => max-life: uint, 5 => valid-from: uint,
//	             ? 6 => retired-at: uint, ? 7 => true } ]
//	edrpou = tstr .regexp "[0-9]{8}"
type wireKey struct {
	Key         rawItem  `cbor:"1,keyasint"`
	Bodies      []string `cbor:"2,keyasint"`
	Kinds       []uint64 `cbor:"3,keyasint"`
	MaxLife     uint64   `cbor:"4,keyasint"` // seconds
	ValidFrom   uint64   `cbor:"5,keyasint"`
	RetiredAt   uint64   `cbor:"6,keyasint,omitempty"`
	Compromised bool     `cbor:"7,keyasint,omitempty"`
}

func (k *IssuerKey) wire() (wireKey, error) {
	if err := k.Right.check(); err != nil {
		return wireKey{}, err
	}
	w := wireKey{Key: k.Key.MarshalCOSE(), Bodies: k.Right.Bodies, Kinds: []uint64{}, MaxLife: uint64(k.Right.MaxLife / time.Second), Compromised: k.Right.Compromised}
	for _, kind := range k.Right.Kinds {
		w.Kinds = append(w.Kinds, uint64(kind))
	}
	var err error
	if w.ValidFrom, err = seconds(k.Right.ValidFrom); err != nil {
		return wireKey{}, err
	}
	if !k.Right.RetiredAt.IsZero() {
		if w.RetiredAt, err = seconds(k.Right.RetiredAt); err != nil {
			return wireKey{}, err
		}
	}
	return w, nil
}

func (w *wireKey) read() (IssuerKey, error) {
	key, err := keys.ParseIssuerPublicKey(w.Key)
	if err != nil {
		return IssuerKey{}, refuse(ErrSection, "%v", err)
	}
	k := IssuerKey{Key: key, Right: Right{Bodies: w.Bodies, Compromised: w.Compromised}}
	for _, kind := range w.Kinds {
		if kind > 255 {
			return IssuerKey{}, refuse(ErrSection, "kind %d, want at most 255", kind)
		}
		k.Right.Kinds = append(k.Right.Kinds, uint8(kind))
	}
	var ok bool
	if k.Right.ValidFrom, ok = wireTime(w.ValidFrom); !ok {
		return IssuerKey{}, refuse(ErrSection, "valid-from is missing or out of range")
	}
	if w.RetiredAt != 0 {
		if k.Right.RetiredAt, ok = wireTime(w.RetiredAt); !ok {
			return IssuerKey{}, refuse(ErrSection, "retired-at is out of range")
		}
	}
	if w.MaxLife > 1<<32 {
		return IssuerKey{}, refuse(ErrSection, "longest life of %d seconds", w.MaxLife)
	}
	k.Right.MaxLife = time.Duration(w.MaxLife) * time.Second
	if err := k.Right.check(); err != nil {
		return IssuerKey{}, refuse(ErrSection, "%v", err)
	}
	return k, nil
}

// keySpan is where the keys of one key id stand in Bundle.keys.
type keySpan struct{ from, to int }

// readKeys decodes section keys and groups it by key id.
func readKeys(data []byte) ([]IssuerKey, map[keys.KeyID]keySpan, error) {
	var wires []wireKey
	if err := unmarshalSection(sectionKeys, data, &wires); err != nil {
		return nil, nil, err
	}
	all := make([]numberedKey, 0, len(wires))
	for i := range wires {
		k, err := wires[i].read()
		if err != nil {
			return nil, nil, refuse(ErrSection, "section keys: entry %d: %v", i, err)
		}
		all = append(all, numberedKey{k.Key.KeyID(), k, wires[i].Key})
	}
	return groupKeys(all)
}

// numberedKey is a key with its key id and its COSE_Key as it came.
type numberedKey struct {
	id  keys.KeyID
	key IssuerKey
	raw []byte
}

// groupKeys sorts keys by key id and refuses a key that stands twice, in whatever spelling of its point, and a fifth key
// with one key id.
func groupKeys(all []numberedKey) ([]IssuerKey, map[keys.KeyID]keySpan, error) {
	slices.SortStableFunc(all, func(a, b numberedKey) int {
		return cmp.Or(bytes.Compare(a.id[:], b.id[:]), bytes.Compare(a.raw, b.raw))
	})
	list := make([]IssuerKey, 0, len(all))
	spans := make(map[keys.KeyID]keySpan, len(all))
	for i, n := range all {
		span, ok := spans[n.id]
		if !ok {
			span = keySpan{i, i}
		}
		for j := span.from; j < i; j++ {
			if bytes.Equal(n.raw, all[j].raw) || n.key.Key.Equal(all[j].key.Key) {
				return nil, nil, refuse(ErrSection, "section keys: key %s stands in it twice", n.id)
			}
		}
		span.to = i + 1
		if span.to-span.from > maxKeysSharing {
			return nil, nil, refuse(ErrSection, "section keys: more than %d keys share key id %s", maxKeysSharing, n.id)
		}
		spans[n.id] = span
		list = append(list, n.key)
	}
	return list, spans, nil
}

// BodyEntry is a body that tokens may name as their issuer.
type BodyEntry struct {
	EDRPOU    string
	Name      string // Ukrainian
	NameEN    string // may be empty
	DutyPhone string // may be empty
	EndedAt   time.Time
}

// Ended reports whether the body has left: its keys are ended and its lists and tables may be gone.
func (b BodyEntry) Ended() bool { return !b.EndedAt.IsZero() }

// wireBody is one entry of section bodies, in ascending order of ЄДРПОУ:
//
//	bodies = [ * { 1 => edrpou, 2 => name: tstr, ? 3 => name-en: tstr, ? 4 => duty-phone: tstr, ? 5 => ended-at: uint } ]
type wireBody struct {
	EDRPOU  string `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
	NameEN  string `cbor:"3,keyasint,omitempty"`
	Phone   string `cbor:"4,keyasint,omitempty"`
	EndedAt uint64 `cbor:"5,keyasint,omitempty"`
}

func (b *BodyEntry) wire() (wireBody, error) {
	if err := checkBody(b.EDRPOU, b.Name, b.NameEN, b.DutyPhone); err != nil {
		return wireBody{}, err
	}
	w := wireBody{EDRPOU: b.EDRPOU, Name: b.Name, NameEN: b.NameEN, Phone: b.DutyPhone}
	var err error
	if b.Ended() {
		w.EndedAt, err = seconds(b.EndedAt)
	}
	return w, err
}

func checkBody(edrpou, name, nameEN, phone string) error {
	if !validEDRPOU(edrpou) {
		return refuse(ErrArgument, "body: ЄДРПОУ is not eight digits")
	}
	if err := checkLine("name", name, 1, maxName); err != nil {
		return err
	}
	if err := checkLine("English name", nameEN, 0, maxName); err != nil {
		return err
	}
	return checkLine("duty phone", phone, 0, maxPhone)
}

// checkLine holds a text to its length in bytes and to one line of a guard's screen. Valid UTF-8 is the gate's part on
// input, and cose.Marshal's on output.
func checkLine(what, text string, least, most int) error {
	if len(text) < least || len(text) > most {
		return refuse(ErrArgument, "%s of %d bytes, want %d to %d", what, len(text), least, most)
	}
	if !cose.OneLine(text) {
		return refuse(ErrArgument, "%s holds a control character", what)
	}
	return nil
}

func readBodies(data []byte) (map[string]BodyEntry, error) {
	var wires []wireBody
	if err := unmarshalSection(sectionBodies, data, &wires); err != nil {
		return nil, err
	}
	bodies := make(map[string]BodyEntry, len(wires))
	for i, w := range wires {
		if err := checkBody(w.EDRPOU, w.Name, w.NameEN, w.Phone); err != nil {
			return nil, refuse(ErrSection, "section bodies: entry %d: %v", i, err)
		}
		if i > 0 && wires[i-1].EDRPOU >= w.EDRPOU {
			return nil, refuse(ErrSection, "section bodies: entry %d is out of order or a duplicate", i)
		}
		b := BodyEntry{EDRPOU: w.EDRPOU, Name: w.Name, NameEN: w.NameEN, DutyPhone: w.Phone}
		if w.EndedAt != 0 {
			var ok bool
			if b.EndedAt, ok = wireTime(w.EndedAt); !ok {
				return nil, refuse(ErrSection, "section bodies: entry %d: ended-at is out of range", i)
			}
		}
		bodies[w.EDRPOU] = b
	}
	return bodies, nil
}

// VerifierEntry is an admitted verifier.
type VerifierEntry struct {
	ID         uint64 // given when admitted, from 1
	Name       string // shown to the holder
	Body       string // ЄДРПОУ it belongs to
	Class      Class
	Policy     Class // class whose policy applies; the same as Class unless the operator chose another
	SigningKey keys.VerifierPublicKey
	HPKE       keys.HPKEPublicKey
	ValidUntil time.Time
}

// wireVerifier is one entry of section verifiers, in ascending order of id:
//
//	verifiers = [ * { 1 => id: uint, 2 => name: tstr, 3 => edrpou, 4 => class: uint, 5 => signing: COSE_Key,
//	                  6 => hpke: bstr .size 65, 7 => until: uint, ? 8 => policy-class: uint } ]
type wireVerifier struct {
	ID      uint64  `cbor:"1,keyasint"`
	Name    string  `cbor:"2,keyasint"`
	Body    string  `cbor:"3,keyasint"`
	Class   uint8   `cbor:"4,keyasint"`
	Signing rawItem `cbor:"5,keyasint"`
	HPKE    []byte  `cbor:"6,keyasint"`
	Until   uint64  `cbor:"7,keyasint"`
	Policy  uint8   `cbor:"8,keyasint,omitempty"`
}

func (v *VerifierEntry) wire() (wireVerifier, error) {
	until, err := seconds(v.ValidUntil)
	if err != nil {
		return wireVerifier{}, err
	}
	w := wireVerifier{ID: v.ID, Name: v.Name, Body: v.Body, Class: uint8(v.Class), Signing: v.SigningKey.MarshalCOSE(), HPKE: v.HPKE.Bytes(), Until: until}
	if v.Policy != v.Class {
		w.Policy = uint8(v.Policy)
	}
	return w, nil
}

func checkVerifier(id uint64, name, body string, class Class) error {
	switch {
	case id == 0:
		return refuse(ErrArgument, "verifier: no id")
	case !validEDRPOU(body):
		return refuse(ErrArgument, "verifier: ЄДРПОУ is not eight digits")
	case class != ClassCheckpoint && class != ClassCouncil:
		return refuse(ErrArgument, "verifier: class %d, want %d or %d", class, ClassCheckpoint, ClassCouncil)
	}
	return checkLine("verifier's name", name, 1, maxName)
}

func (w *wireVerifier) read() (VerifierEntry, error) {
	v := VerifierEntry{ID: w.ID, Name: w.Name, Body: w.Body, Class: Class(w.Class), Policy: Class(w.Class)}
	if w.Policy != 0 {
		v.Policy = Class(w.Policy)
	}
	if err := checkVerifier(w.ID, w.Name, w.Body, v.Class); err != nil {
		return VerifierEntry{}, err
	}
	var ok bool
	if v.ValidUntil, ok = wireTime(w.Until); !ok {
		return VerifierEntry{}, refuse(ErrSection, "until is missing or out of range")
	}
	var err error
	if v.SigningKey, err = keys.ParseVerifierPublicKey(w.Signing); err != nil {
		return VerifierEntry{}, refuse(ErrSection, "signing key: %v", err)
	}
	if v.HPKE, err = keys.ParseHPKEPublicKey(w.HPKE); err != nil {
		return VerifierEntry{}, refuse(ErrSection, "HPKE key: %v", err)
	}
	return v, nil
}

func readVerifiers(data []byte) (map[uint64]VerifierEntry, error) {
	var wires []wireVerifier
	if err := unmarshalSection(sectionVerifiers, data, &wires); err != nil {
		return nil, err
	}
	out := make(map[uint64]VerifierEntry, len(wires))
	for i := range wires {
		if i > 0 && wires[i-1].ID >= wires[i].ID {
			return nil, refuse(ErrSection, "section verifiers: entry %d is out of order or a duplicate", i)
		}
		v, err := wires[i].read()
		if err != nil {
			return nil, refuse(ErrSection, "section verifiers: entry %d: %v", i, err)
		}
		out[v.ID] = v
	}
	return out, nil
}

// BeaconEntry is the freshness beacon that this bundle publishes.
type BeaconEntry struct {
	N     uint64      // number of Value in its chain; 0 = the bundle has no beacon
	Value [8]byte     // b(N)
	Times []time.Time // when b(N), b(N−1), … were published, at most 31
}

// wireBeacon is section beacon:
//
//	beacon = { 1 => n: uint, 2 => value: bstr .size 8, 3 => [ + published: uint ] }   ; newest first, descending
type wireBeacon struct {
	N     uint64   `cbor:"1,keyasint"`
	Value []byte   `cbor:"2,keyasint"`
	Times []uint64 `cbor:"3,keyasint"`
}

func (b *BeaconEntry) wire() (wireBeacon, error) {
	w := wireBeacon{N: b.N, Value: b.Value[:], Times: []uint64{}}
	for _, t := range b.Times {
		s, err := seconds(t)
		if err != nil {
			return w, err
		}
		w.Times = append(w.Times, s)
	}
	return w, nil
}

func readBeacon(data []byte) (BeaconEntry, error) {
	var w wireBeacon
	if err := unmarshalSection(sectionBeacon, data, &w); err != nil {
		return BeaconEntry{}, err
	}
	if w.N == 0 || len(w.Value) != 8 || len(w.Times) == 0 || len(w.Times) > maxBeaconTimes || uint64(len(w.Times)) > w.N {
		return BeaconEntry{}, refuse(ErrSection, "section beacon: want n from 1, 8 bytes and 1 to %d times, got n %d, %d bytes, %d times",
			maxBeaconTimes, w.N, len(w.Value), len(w.Times))
	}
	b := BeaconEntry{N: w.N, Value: [8]byte(w.Value)}
	for i, s := range w.Times {
		t, ok := wireTime(s)
		if !ok || i > 0 && t.After(b.Times[i-1]) {
			return BeaconEntry{}, refuse(ErrSection, "section beacon: time %d is out of range or newer than the one before it", i)
		}
		b.Times = append(b.Times, t)
	}
	return b, nil
}

// wirePolicy is section policy:
//
//	policy = { 1 => { * class: uint => { ? 1 => min-level: uint, ? 2 => status-age: uint } }, ? 2 => beacon-age: uint }
type wirePolicy struct {
	Classes   map[uint8]wireClass `cbor:"1,keyasint"`
	BeaconAge uint64              `cbor:"2,keyasint,omitempty"`
}

type wireClass struct {
	MinLevel  uint8  `cbor:"1,keyasint,omitempty"`
	StatusAge uint64 `cbor:"2,keyasint,omitempty"`
}

func (p Policy) wire() (wirePolicy, error) {
	w := wirePolicy{Classes: map[uint8]wireClass{}, BeaconAge: uint64(p.BeaconAge / time.Second)}
	for c, row := range p.Classes {
		w.Classes[uint8(c)] = wireClass{row.MinLevel, uint64(row.StatusAge / time.Second)}
	}
	return w, p.check()
}

func readPolicy(data []byte) (Policy, error) {
	var w wirePolicy
	if err := unmarshalSection(sectionPolicy, data, &w); err != nil {
		return Policy{}, err
	}
	const most = uint64(MaxStatusAge / time.Second)
	if w.BeaconAge > most {
		return Policy{}, refuse(ErrSection, "section policy: beacon age %d s, want at most %d", w.BeaconAge, most)
	}
	p := Policy{Classes: make(map[Class]ClassPolicy, len(w.Classes)), BeaconAge: time.Duration(w.BeaconAge) * time.Second}
	for c, row := range w.Classes {
		if row.StatusAge > most {
			return Policy{}, refuse(ErrSection, "section policy: class %d: status age %d s, want at most %d", c, row.StatusAge, most)
		}
		p.Classes[Class(c)] = ClassPolicy{row.MinLevel, time.Duration(row.StatusAge) * time.Second}
	}
	if err := p.check(); err != nil {
		return Policy{}, refuse(ErrSection, "section policy: %v", err)
	}
	return p, nil
}

// Text is one notice of the trust operator, in both languages.
type Text struct {
	_  struct{} `cbor:",toarray"`
	UK string
	EN string
}

// readTexts decodes section texts: { * key: tstr => [ uk: tstr, en: tstr ] }.
func readTexts(data []byte) (map[string]Text, error) {
	var texts map[string]Text
	if err := unmarshalSection(sectionTexts, data, &texts); err != nil {
		return nil, err
	}
	if err := checkTexts(texts); err != nil {
		return nil, refuse(ErrSection, "section texts: %v", err)
	}
	return texts, nil
}

func checkTexts(texts map[string]Text) error {
	if len(texts) > maxTexts {
		return refuse(ErrTooLarge, "%d texts, limit %d", len(texts), maxTexts)
	}
	for key, t := range texts {
		if err := checkLine("key of a text", key, 1, 64); err != nil {
			return err
		}
		for _, text := range [2]string{t.UK, t.EN} {
			if err := checkLine("text", text, 0, maxText); err != nil {
				return err
			}
		}
	}
	return nil
}

// Cards is section cards: what the card path of a verifier needs. The DER is carried as it is.
//
//	cards = { 1 => [ * bstr ], 2 => [ * bstr ] }
type Cards struct {
	Roots [][]byte `cbor:"1,keyasint"` // certificates of card authorities, DER
	CRLs  [][]byte `cbor:"2,keyasint"` // their revocation lists, DER
}

func (c Cards) check() error {
	if len(c.Roots) > maxCertificates || len(c.CRLs) > maxCertificates {
		return refuse(ErrTooLarge, "cards: %d roots and %d lists, limit %d each", len(c.Roots), len(c.CRLs), maxCertificates)
	}
	for _, list := range [][][]byte{c.Roots, c.CRLs} {
		for i, der := range list {
			if len(der) > maxDER {
				return refuse(ErrTooLarge, "cards: item %d has %d bytes, limit %d", i, len(der), maxDER)
			}
			if !oneSequence(der) {
				return refuse(ErrArgument, "cards: item %d is not one DER SEQUENCE", i)
			}
		}
	}
	return nil
}

// oneSequence reports whether der is a SEQUENCE from its first byte to its last one. Its content belongs to the card
// path, which parses it.
func oneSequence(der []byte) bool {
	if len(der) < 2 || der[0] != 0x30 {
		return false
	}
	size, head := int(der[1]), 2
	if size >= 0x80 {
		width := size & 0x7f
		if width == 0 || width > 3 || len(der) < 2+width {
			return false
		}
		size = 0
		for _, b := range der[2 : 2+width] {
			size = size<<8 | int(b)
		}
		head += width
	}
	return len(der) == head+size
}

func readCards(data []byte) (Cards, error) {
	var c Cards
	if err := unmarshalSection(sectionCards, data, &c); err != nil {
		return Cards{}, err
	}
	if err := c.check(); err != nil {
		return Cards{}, refuse(ErrSection, "section cards: %v", err)
	}
	return c, nil
}

// statusSection and codesSection name the sections of a body.
func statusSection(id ListID) string {
	return prefixStatus + id.Issuer + "/" + strconv.Itoa(int(id.List))
}
func codesSection(iss string) string { return prefixCodes + iss }

// parseStatusSection reads what statusSection wrote; ok is false for any other name.
func parseStatusSection(name string) (id ListID, ok bool) {
	rest, ok := strings.CutPrefix(name, prefixStatus)
	if !ok || len(rest) < 10 || rest[8] != '/' || !validEDRPOU(rest[:8]) {
		return ListID{}, false
	}
	n, err := strconv.ParseUint(rest[9:], 10, 16)
	if err != nil || n > MaxStatusList {
		return ListID{}, false
	}
	id = ListID{rest[:8], uint16(n)}
	return id, statusSection(id) == name
}
