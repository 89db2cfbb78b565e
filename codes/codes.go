// Package codes keeps the code tables of an issuing body: the numbers that stand for the names of
// positions and units inside a service ID.
//
// A table only ever grows. A number is given once, starting at 1 in each kind, and its meaning never
// changes: Extends and PrefixDigest let an installer prove that a newer table only added entries, the
// second one without keeping the older table. What a table is signed with, how long it is good for and
// which table answers for which body is decided elsewhere (docs/spec/codes.md, docs/spec/lists.md).
package codes

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says what a number stands for. Numbers of different kinds are independent of each other.
// The zero value is no kind and every function refuses it.
type Kind uint8

const (
	Position Kind = 1 // посада
	Unit     Kind = 2 // структурний підрозділ
)

// kinds is the number of kinds known; kinds are numbered from 1.
const kinds = 2

func (k Kind) valid() bool { return k >= 1 && k <= kinds }

// String returns the English word for k, as used in errors and on the command line.
func (k Kind) String() string {
	switch k {
	case Position:
		return "position"
	case Unit:
		return "unit"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

var (
	// ErrMalformed: the bytes are not the canonical encoding of a code table (docs/spec/codes.md).
	ErrMalformed = errors.New("codes: malformed table")
	// ErrKind: the kind is neither Position nor Unit.
	ErrKind = errors.New("codes: unknown kind")
	// ErrText: a text is empty where one is required, too long, not UTF-8, or carries control characters.
	ErrText = errors.New("codes: text not allowed")
	// ErrFull: the kind already has MaxEntries entries.
	ErrFull = errors.New("codes: table is full")
	// ErrNotExtended: the newer table does not begin with the entries of the older one.
	ErrNotExtended = errors.New("codes: earlier entries were changed or removed")
)

// Entry is one row of a table.
type Entry struct {
	Code uint32 // the number, 1 to MaxEntries
	UK   string // the name in Ukrainian, 1 to MaxText bytes
	EN   string // the name in English; empty where the body gave none
}

// Table is the code table of one body. The zero value is an empty table. A Table may be read by many
// goroutines at once as long as none of them calls Assign.
type Table struct {
	lists [kinds]list
}

// list holds the entries of one kind. The canonical encoding of the first len(starts) entries stays as it
// was read, so that a table of 100,000 rows costs two allocations a kind; rows added later follow in added.
type list struct {
	encoded string   // concatenated (uk, en) text strings as they stood in the encoding
	starts  []uint32 // offset of each entry in encoded
	added   []Entry  // entries assigned since
	index   map[rowText]uint32
}

type rowText struct{ uk, en string }

func (l *list) len() uint32 { return uint32(len(l.starts) + len(l.added)) }

// entry returns row n, counted from 0; n is in range.
func (l *list) entry(n uint32) Entry {
	if int(n) >= len(l.starts) {
		return l.added[int(n)-len(l.starts)]
	}
	uk, rest := cutText(l.encoded[l.starts[n]:])
	en, _ := cutText(rest)
	return Entry{Code: n + 1, UK: uk, EN: en}
}

// cutText splits off the first text string of s, whose head has been checked when the table was read.
func cutText(s string) (text, rest string) {
	head, n := 1, int(s[0]&0x1f)
	switch n {
	case 24:
		head, n = 2, int(s[1])
	case 25:
		head, n = 3, int(s[1])<<8|int(s[2])
	}
	return s[head : head+n], s[head+n:]
}

// prefix returns the encoding of the first n entries; n is in range. The bytes must not be changed.
func (l *list) prefix(n uint32) []byte {
	if int(n) < len(l.starts) {
		return []byte(l.encoded[:l.starts[n]])
	}
	b := append(make([]byte, 0, len(l.encoded)), l.encoded...)
	for _, e := range l.added[:int(n)-len(l.starts)] {
		b = appendText(b, e.UK)
		b = appendText(b, e.EN)
	}
	return b
}

// NewTable returns an empty table.
func NewTable() *Table { return new(Table) }

// Assign returns the number that stands for the pair of names (uk, en) and gives the next free one to a
// pair that has none yet. A pair with a corrected English name is a new pair: numbers never change their
// meaning. The texts are taken as they are; bringing them to NFC is the caller's part.
func (t *Table) Assign(kind Kind, uk, en string) (uint32, error) {
	if !kind.valid() {
		return 0, fmt.Errorf("%w %d", ErrKind, uint8(kind))
	}
	if uk == "" {
		return 0, fmt.Errorf("%w: %s: Ukrainian name is empty", ErrText, kind)
	}
	for _, s := range [2]string{uk, en} {
		if err := checkText(s); err != nil {
			return 0, fmt.Errorf("%w: %s: %s", ErrText, kind, err.Error())
		}
	}
	l := &t.lists[kind-1]
	if l.index == nil {
		l.index = make(map[rowText]uint32, l.len())
		for n := range l.len() {
			e := l.entry(n)
			row := rowText{e.UK, e.EN}
			if _, taken := l.index[row]; !taken {
				l.index[row] = e.Code
			}
		}
	}
	row := rowText{uk, en}
	if code, ok := l.index[row]; ok {
		return code, nil
	}
	if l.len() >= MaxEntries {
		return 0, fmt.Errorf("%w: %s: %d entries", ErrFull, kind, l.len())
	}
	code := l.len() + 1
	l.added = append(l.added, Entry{Code: code, UK: uk, EN: en})
	l.index[row] = code
	return code, nil
}

// textError names what is wrong with a text without repeating the text.
type textError string

func (e textError) Error() string { return string(e) }

func checkText(s string) error {
	if len(s) > MaxText {
		return textError(fmt.Sprintf("%d bytes, want at most %d", len(s), MaxText))
	}
	if problem := badText([]byte(s)); problem != "" {
		return textError(problem)
	}
	return nil
}

// Lookup returns the entry that code stands for; false when the table has no such number, which for a
// verifier means that its table is too old, never that the ID is false.
func (t *Table) Lookup(kind Kind, code uint32) (Entry, bool) {
	if !kind.valid() || code == 0 || code > t.lists[kind-1].len() {
		return Entry{}, false
	}
	return t.lists[kind-1].entry(code - 1), true
}

// Len returns the number of entries of kind; 0 for an unknown kind.
func (t *Table) Len(kind Kind) uint32 {
	if !kind.valid() {
		return 0
	}
	return t.lists[kind-1].len()
}

// Entries returns every entry of kind in the order of their numbers; nil for an unknown kind.
func (t *Table) Entries(kind Kind) []Entry {
	if !kind.valid() {
		return nil
	}
	l := &t.lists[kind-1]
	all := make([]Entry, 0, l.len())
	for n := range l.len() {
		all = append(all, l.entry(n))
	}
	return all
}

const digestDomain = "posvid code table prefix v1"

// PrefixDigest returns the digest of the first n entries of kind: SHA-256 over a domain text, the kind (one
// byte), n (four bytes, big-endian) and the encoded entries (docs/spec/codes.md, Section 4). An installer
// keeps n and the digest of the table it has, and asks a newer table for its digest over the same n.
// False when the table has fewer than n entries or the kind is unknown: such a table has lost entries.
func (t *Table) PrefixDigest(kind Kind, n uint32) ([32]byte, bool) {
	if !kind.valid() || n > t.lists[kind-1].len() {
		return [32]byte{}, false
	}
	h := sha256.New()
	h.Write([]byte(digestDomain))
	h.Write(binary.BigEndian.AppendUint32([]byte{byte(kind)}, n))
	h.Write(t.lists[kind-1].prefix(n))
	var sum [32]byte
	h.Sum(sum[:0])
	return sum, true
}

// Extends reports whether newer keeps every entry of older under its number. A nil error means so;
// otherwise the error wraps ErrNotExtended and names the first number that differs.
func Extends(older, newer *Table) error {
	for k := Kind(1); k <= kinds; k++ {
		have, want := newer.Len(k), older.Len(k)
		for n := range min(have, want) {
			if a, b := older.lists[k-1].entry(n), newer.lists[k-1].entry(n); a != b {
				return fmt.Errorf("%w: %s %d", ErrNotExtended, k, a.Code)
			}
		}
		if have < want {
			return fmt.Errorf("%w: %s: %d entries, had %d", ErrNotExtended, k, have, want)
		}
	}
	return nil
}
