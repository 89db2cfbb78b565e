package trust

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/posvid/posvid/codes"
)

// Memory is what a verifier remembers of its last install, so that nothing it relies on ever goes back. The zero
// value remembers nothing and accepts any bundle that Open accepted. It is a plain value: Accept returns a new one
// and leaves its receiver alone.
type Memory struct {
	RootNumber      uint64               // newest root seen
	RootFingerprint Fingerprint          // of that root
	Number          uint64               // bundle number
	Manifest        [32]byte             // SHA-256 of that bundle's manifest object
	Floor           time.Time            // newest time signed by the bundle signer
	Lists           map[ListID]time.Time // iat of each status list
	Codes           map[string]CodesMark // by ЄДРПОУ
}

// ListID names a status list.
type ListID struct {
	Issuer string // ЄДРПОУ
	List   uint16
}

// CodesMark is how much of a body's code table has been seen.
type CodesMark struct {
	Position, Unit Prefix
}

// Prefix is the length and digest (codes.Table.PrefixDigest) of one kind of a code table.
type Prefix struct {
	N      uint32
	Digest [32]byte
}

// Accept decides whether b may replace what is remembered, and returns what to remember from then on. It is the rule
// against rollback (docs/spec/trust.md, Section 8) and is the same for a USB stick and a network. The bundle that is
// installed already is accepted again and changes nothing. Every list and table is opened, so a bundle whose sections
// are damaged is refused here, before it replaces a good one.
//
// Errors: ErrRollback, ErrFork, or what opening a section gave.
func (m Memory) Accept(b *Bundle) (Memory, error) {
	if b == nil {
		return m, refuse(ErrArgument, "no bundle")
	}
	if !b.pinned {
		return m, refuse(ErrNoPin, "bundle %d was opened without a pinned root", b.number)
	}
	next := Memory{
		RootNumber: b.RootNumber(), RootFingerprint: b.rootPrints[len(b.rootPrints)-1],
		Number: b.number, Manifest: b.manifestHash, Floor: b.issuedAt,
		Lists: map[ListID]time.Time{}, Codes: map[string]CodesMark{},
	}
	number, floor := m.Number, m.Floor
	if m.RootNumber > 0 {
		if next.RootNumber < m.RootNumber {
			return m, refuse(ErrRollback, "root %d, installed %d", next.RootNumber, m.RootNumber)
		}
		if b.rootPrints[m.RootNumber-1] != m.RootFingerprint {
			return m, refuse(ErrFork, "root %d is another one than the root %d installed", m.RootNumber, m.RootNumber)
		}
		// The last reset between the root that is remembered and the newest one counts.
		for _, root := range b.roots {
			if root.Number > m.RootNumber && root.Reset != nil {
				number, floor = root.Reset.Number-1, root.Reset.Floor
			}
		}
	}
	switch {
	case b.number < number || b.number == number && m.Number != number:
		return m, refuse(ErrRollback, "bundle %d, want %d or later", b.number, number+1)
	case b.number == number && m.Number > 0 && b.manifestHash != m.Manifest:
		return m, refuse(ErrFork, "bundle %d is another one than the bundle %d installed", b.number, m.Number)
	case b.issuedAt.Before(floor):
		return m, refuse(ErrRollback, "bundle %d of %s, newest signed time seen is %s", b.number, stamp(b.issuedAt), stamp(floor))
	}
	if err := b.CheckAll(); err != nil {
		return m, err
	}
	if err := m.acceptLists(b, next.Lists); err != nil {
		return m, err
	}
	if err := m.acceptCodes(b, next.Codes); err != nil {
		return m, err
	}
	return next, nil
}

func (m Memory) acceptLists(b *Bundle, next map[ListID]time.Time) error {
	for id, entry := range b.lists {
		known, seen := m.Lists[id]
		iat, err := entry.issuedAt(b)
		switch {
		case errors.Is(err, ErrKeyEnded):
			// The list of a key that has been ended answers nothing, so its time proves nothing; the older one stays.
			if seen {
				next[id] = known
			}
			continue
		case err != nil:
			return err
		case seen && iat.Before(known):
			return refuse(ErrRollback, "status list %s of %s, installed %s", StatusURI(id.Issuer, id.List), stamp(iat), stamp(known))
		}
		next[id] = iat
	}
	for id, known := range m.Lists {
		if _, here := b.lists[id]; here {
			continue
		}
		if !b.bodyEnded(id.Issuer) {
			return refuse(ErrRollback, "status list %s is gone, and its body has not ended", StatusURI(id.Issuer, id.List))
		}
		next[id] = known // a body that comes back may not come back with older lists
	}
	return nil
}

func (m Memory) acceptCodes(b *Bundle, next map[string]CodesMark) error {
	for iss, entry := range b.codes {
		known, seen := m.Codes[iss]
		table, err := entry.open(b)
		switch {
		case errors.Is(err, ErrKeyEnded):
			if seen {
				next[iss] = known
			}
			continue
		case err != nil:
			return err
		}
		mark := CodesMark{}
		for _, k := range []struct {
			kind      codes.Kind
			old, fill *Prefix
		}{{codes.Position, &known.Position, &mark.Position}, {codes.Unit, &known.Unit, &mark.Unit}} {
			if digest, ok := table.PrefixDigest(k.kind, k.old.N); k.old.N > 0 && (!ok || digest != k.old.Digest) {
				return refuse(ErrRollback, "code table of %s: the first %d numbers of kind %s lost or changed their meaning", iss, k.old.N, k.kind)
			}
			k.fill.N = table.Len(k.kind)
			k.fill.Digest, _ = table.PrefixDigest(k.kind, k.fill.N)
		}
		next[iss] = mark
	}
	for iss, known := range m.Codes {
		if _, here := b.codes[iss]; here {
			continue
		}
		if !b.bodyEnded(iss) {
			return refuse(ErrRollback, "code table of %s is gone, and the body has not ended", iss)
		}
		next[iss] = known
	}
	return nil
}

// stamp prints a time in errors.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// memoryJSON is the form on disk, version 1.
type memoryJSON struct {
	Version     int                  `json:"version"`
	Root        uint64               `json:"root"`
	Fingerprint string               `json:"root_fingerprint"`
	Number      uint64               `json:"number"`
	Manifest    string               `json:"manifest_sha256"`
	Floor       int64                `json:"floor"`
	Lists       map[string]int64     `json:"lists"`
	Codes       map[string]codesJSON `json:"codes"`
}

type codesJSON struct {
	Position       uint32 `json:"positions"`
	PositionDigest string `json:"positions_sha256"`
	Unit           uint32 `json:"units"`
	UnitDigest     string `json:"units_sha256"`
}

// Encode returns the JSON form, which ParseMemory reads. It holds no personal data.
func (m Memory) Encode() []byte {
	w := memoryJSON{Version: 1, Lists: map[string]int64{}, Codes: map[string]codesJSON{}}
	if m.Number > 0 {
		w.Root, w.Number, w.Floor = m.RootNumber, m.Number, m.Floor.Unix()
		w.Fingerprint, w.Manifest = hex.EncodeToString(m.RootFingerprint[:]), hex.EncodeToString(m.Manifest[:])
	}
	for id, iat := range m.Lists {
		w.Lists[StatusURI(id.Issuer, id.List)] = iat.Unix()
	}
	for iss, mark := range m.Codes {
		w.Codes[iss] = codesJSON{mark.Position.N, hex.EncodeToString(mark.Position.Digest[:]), mark.Unit.N, hex.EncodeToString(mark.Unit.Digest[:])}
	}
	out, _ := json.Marshal(w) // maps of strings and numbers always encode
	return out
}

// ParseMemory reads what Encode wrote. A memory that cannot be read is ErrMemory and never an empty one.
func ParseMemory(data []byte) (Memory, error) {
	if len(data) > maxMemory {
		return Memory{}, refuse(ErrMemory, "memory of %d bytes, limit %d", len(data), maxMemory)
	}
	var w memoryJSON
	if err := strictJSON(data, &w); err != nil {
		return Memory{}, refuse(ErrMemory, "memory: %v", err)
	}
	if w.Version != 1 {
		return Memory{}, refuse(ErrMemory, "memory: version %d, want 1", w.Version)
	}
	m := Memory{Lists: map[ListID]time.Time{}, Codes: map[string]CodesMark{}}
	if w.Number == 0 {
		if w.Root != 0 || w.Floor != 0 || w.Fingerprint != "" || w.Manifest != "" || len(w.Lists)+len(w.Codes) != 0 {
			return Memory{}, refuse(ErrMemory, "memory: number 0, but not empty")
		}
		return m, nil
	}
	ok := w.Root > 0
	m.RootNumber, m.Number = w.Root, w.Number
	ok = unhex(m.RootFingerprint[:], w.Fingerprint) && unhex(m.Manifest[:], w.Manifest) && ok
	floor, good := wireTime(uint64(w.Floor))
	m.Floor, ok = floor, ok && good
	for uri, at := range w.Lists {
		iss, list, err := parseStatusURI(uri)
		iat, good := wireTime(uint64(at))
		ok = ok && err == nil && good
		m.Lists[ListID{iss, list}] = iat
	}
	for iss, c := range w.Codes {
		var mark CodesMark
		mark.Position.N, mark.Unit.N = c.Position, c.Unit
		ok = ok && validEDRPOU(iss) && unhex(mark.Position.Digest[:], c.PositionDigest) && unhex(mark.Unit.Digest[:], c.UnitDigest)
		m.Codes[iss] = mark
	}
	if !ok {
		return Memory{}, refuse(ErrMemory, "memory: a field is missing or out of range")
	}
	return m, nil
}

func unhex(dst []byte, text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && copy(dst, raw) == len(dst) && len(raw) == len(dst)
}

// strictJSON decodes one JSON value with no unknown field and nothing behind it. Its error repeats no value.
func strictJSON(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return refuse(ErrMalformed, "not JSON at byte %d", syntax.Offset)
		}
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return refuse(ErrMalformed, "field %q: want %s", kind.Field, kind.Type)
		}
		return refuse(ErrMalformed, "unknown field or unreadable value")
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse(ErrMalformed, "bytes behind the JSON value")
	}
	return nil
}

// sortedKeys returns a map's keys in order, so that what is written does not depend on the map.
func sortedKeys[K interface{ ~string }, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
