package codes

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Encode returns the table's canonical CBOR (RFC 8949, Section 4.2.1):
//
//	code-table = { ? 1 => [* name-pair], ? 2 => [* name-pair], * uint => any }
//	name-pair  = ( uk: tstr .size (1..1024), en: tstr .size (0..1024) )
//
// Key 1 holds positions, key 2 units. The pairs stand one after another in one array: entry n has its
// Ukrainian name at index 2(n-1) and its English one behind it. A kind without entries is left out.
func (t *Table) Encode() []byte {
	used := 0
	for i := range t.lists {
		if t.lists[i].len() > 0 {
			used++
		}
	}
	out := appendHead(nil, 5, uint64(used))
	for i := range t.lists {
		l := &t.lists[i]
		if l.len() == 0 {
			continue
		}
		out = appendHead(out, 0, uint64(i+1))
		out = appendHead(out, 4, 2*uint64(l.len()))
		out = append(out, l.prefix(l.len())...)
	}
	return out
}

func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, 3, uint64(len(s))), s...)
}

// Decode reads a table. It accepts exactly what Encode writes, plus kinds it does not know, which it
// skips; their entries are not kept. The error wraps ErrMalformed and names the byte where reading ended.
func Decode(data []byte) (*Table, error) {
	if len(data) > MaxTable {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrMalformed, len(data), MaxTable)
	}
	r := scanner{data: data}
	pairs, err := r.head(5, "table")
	if err != nil {
		return nil, err
	}
	if pairs > maxKinds {
		return nil, fmt.Errorf("%w: %d kinds, want at most %d", ErrMalformed, pairs, maxKinds)
	}
	t := new(Table)
	last := int64(-1)
	for range pairs {
		key, err := r.head(0, "kind")
		if err != nil {
			return nil, err
		}
		if key > 1<<31 || int64(key) <= last {
			return nil, r.fail("kind %d: out of order or out of range", key)
		}
		last = int64(key)
		if key == 0 || key > kinds {
			if err := r.skip(maxDepth); err != nil {
				return nil, err
			}
			continue
		}
		if err := r.list(Kind(key), &t.lists[key-1]); err != nil {
			return nil, err
		}
	}
	if r.at != len(data) {
		return nil, r.fail("%d bytes after the table", len(data)-r.at)
	}
	return t, nil
}

// scanner walks canonical CBOR from front to back.
type scanner struct {
	data []byte
	at   int
}

func (r *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrMalformed, r.at, fmt.Sprintf(format, args...))
}

// next reads one head in its shortest form and returns major type and argument.
func (r *scanner) next() (major byte, n uint64, err error) {
	if r.at >= len(r.data) {
		return 0, 0, r.fail("ends early")
	}
	first := r.data[r.at]
	major, info := first>>5, first&0x1f
	if info < 24 {
		r.at++
		return major, uint64(info), nil
	}
	if info > 27 {
		return 0, 0, r.fail("head %#02x: indefinite or reserved length", first)
	}
	size := 1 << (info - 24)
	if len(r.data)-r.at < 1+size {
		return 0, 0, r.fail("ends early")
	}
	for _, b := range r.data[r.at+1 : r.at+1+size] {
		n = n<<8 | uint64(b)
	}
	if n < 24 || size > 1 && n>>(4*size) == 0 {
		return 0, 0, r.fail("head %#02x: not in its shortest form", first)
	}
	r.at += 1 + size
	return major, n, nil
}

var majors = [8]string{"uint", "negative integer", "byte string", "text", "array", "map", "tag", "simple value"}

func (r *scanner) head(want byte, what string) (uint64, error) {
	before := r.at
	major, n, err := r.next()
	if err != nil {
		return 0, err
	}
	if major != want {
		r.at = before
		return 0, r.fail("%s: want %s, got %s", what, majors[want], majors[major])
	}
	return n, nil
}

func (r *scanner) text(what string) ([]byte, error) {
	n, err := r.head(3, what)
	if err != nil {
		return nil, err
	}
	if n > MaxText {
		return nil, r.fail("%s: %d bytes, want at most %d", what, n, MaxText)
	}
	if uint64(len(r.data)-r.at) < n {
		return nil, r.fail("%s: ends early", what)
	}
	s := r.data[r.at : r.at+int(n)]
	if problem := badText(s); problem != "" {
		return nil, r.fail("%s: %s", what, problem)
	}
	r.at += int(n)
	return s, nil
}

// badText says what is wrong with a text; "" for a good one. It is one pass, with a short way for ASCII and for the two
// bytes of a Cyrillic letter: a table of 100,000 names is read at each start of a checkpoint. The rule for characters is
// that of every name in a service ID (docs/spec/credential.md, CRED-10).
func badText(s []byte) string {
	for i := 0; i < len(s); {
		switch b := s[i]; {
		case b < 0x20 || b == 0x7f:
			return "control character"
		case b < utf8.RuneSelf:
			i++
		case b >= 0xd0 && b <= 0xd3 && i+1 < len(s) && s[i+1]&0xc0 == 0x80:
			i += 2
		default:
			r, size := utf8.DecodeRune(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				return "not UTF-8"
			case r >= 0x80 && r < 0xa0, r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
				return "control character"
			}
			i += size
		}
	}
	return ""
}

func (r *scanner) list(kind Kind, l *list) error {
	items, err := r.head(4, kind.String())
	if err != nil {
		return err
	}
	// An entry takes at least three bytes, so the number of items never asks for more memory than
	// the input's own size allows.
	if items == 0 || items%2 != 0 || items > 2*MaxEntries || items/2*3 > uint64(len(r.data)-r.at) {
		return r.fail("%s: %d texts, want an even number from 2 to %d that fits the data", kind, items, 2*MaxEntries)
	}
	begin := r.at
	l.starts = make([]uint32, 0, items/2)
	for range items / 2 {
		l.starts = append(l.starts, uint32(r.at-begin))
		uk, err := r.text("Ukrainian name")
		if err != nil {
			return err
		}
		if len(uk) == 0 {
			return r.fail("Ukrainian name is empty")
		}
		if _, err := r.text("English name"); err != nil {
			return err
		}
	}
	l.encoded = string(r.data[begin:r.at])
	return nil
}

// skip passes over one item of a kind this version does not know.
func (r *scanner) skip(depth int) error {
	if depth == 0 {
		return r.fail("unknown kind: nested deeper than %d", maxDepth)
	}
	major, n, err := r.next()
	if err != nil {
		return err
	}
	switch major {
	case 2, 3:
		if uint64(len(r.data)-r.at) < n {
			return r.fail("unknown kind: ends early")
		}
		r.at += int(n)
	case 4, 5:
		if n > uint64(len(r.data)-r.at) {
			return r.fail("unknown kind: %d items in %d bytes", n, len(r.data)-r.at)
		}
		if major == 5 {
			n *= 2
		}
		for range n {
			if err := r.skip(depth - 1); err != nil {
				return err
			}
		}
	case 6, 7:
		return r.fail("unknown kind: %s not allowed", majors[major])
	}
	return nil
}
