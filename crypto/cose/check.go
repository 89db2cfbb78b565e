package cose

import (
	"bytes"
	"unicode/utf8"
)

// Major types of CBOR (RFC 8949, Section 3.1).
const (
	majorUint = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Tags and simple values that may appear at all; every other one is ErrForbidden.
const (
	tagSign1 = 18 // COSE_Sign1 (RFC 9052, Section 4.2)
	tagSign  = 98 // COSE_Sign (RFC 9052, Section 4.1)

	simpleFalse = 20
	simpleTrue  = 21
	simpleNull  = 22
)

// Check is the canonical gate: it accepts data when it is exactly one CBOR item in core deterministic encoding
// (RFC 8949, Section 4.2.1) within lim: shortest heads, definite lengths, map keys in bytewise order and each once,
// valid UTF-8. Floats of any size, undefined, other simple values than false, true and null, and other tags than 18
// and 98 are refused. It is one scan over the bytes and allocates nothing when it accepts.
//
// Byte strings are opaque to it: what is nested in one has to be checked where it is opened.
func Check(data []byte, lim Limits) error { return check(data, lim, false) }

// check is Check; noNull refuses null, for a decoder to which null and absent are the same.
func check(data []byte, lim Limits, noNull bool) error {
	lim = lim.orDefault()
	if len(data) > lim.Bytes {
		return refuse(ErrTooLarge, "%d bytes, limit %d", len(data), lim.Bytes)
	}
	s := scan{data: data, lim: lim, noNull: noNull}
	end, bad := s.item(0, 0)
	if bad == nil && end != len(data) {
		s.at, bad = end, badTrailing
	}
	if bad != nil {
		return refuse(bad.kind, "byte %d: %s", s.at, bad.text)
	}
	return nil
}

// The findings of a scan are fixed values, so that the scan itself never allocates.
var (
	badTruncated = &fault{ErrMalformed, "input ends inside an item"}
	badTrailing  = &fault{ErrMalformed, "bytes after the item"}
	badReserved  = &fault{ErrMalformed, "reserved additional information"}
	badBreak     = &fault{ErrMalformed, "break outside an indefinite-length item"}
	badUTF8      = &fault{ErrMalformed, "text is not UTF-8"}
	badHead      = &fault{ErrNotCanonical, "head is not the shortest"}
	badLength    = &fault{ErrNotCanonical, "indefinite length"}
	badOrder     = &fault{ErrNotCanonical, "map key out of order"}
	badDuplicate = &fault{ErrDuplicateKey, "map key appears twice"}
	badFloat     = &fault{ErrForbidden, "floating-point number"}
	badNull      = &fault{ErrForbidden, "null where a value is wanted"}
	badSimple    = &fault{ErrForbidden, "simple value other than false, true, null"}
	badTag       = &fault{ErrForbidden, "tag other than 18, 98"}
	badString    = &fault{ErrTooLarge, "string over the limit"}
	badItems     = &fault{ErrTooLarge, "array or map over the limit"}
	badDepth     = &fault{ErrTooLarge, "nesting over the limit"}
)

type scan struct {
	data []byte
	lim  Limits
	at   int // offset of the finding

	noNull bool
}

func (s *scan) fail(at int, f *fault) (int, *fault) {
	s.at = at
	return 0, f
}

// item scans the item at offset i, which lies inside depth arrays, maps and tags, and returns the offset after it.
func (s *scan) item(i, depth int) (int, *fault) {
	start := i
	if i >= len(s.data) {
		return s.fail(i, badTruncated)
	}
	first := s.data[i]
	i++
	major, info := first>>5, first&31
	n := uint64(info)
	if info >= 24 {
		if major == majorSimple {
			return s.simple(start, info)
		}
		if info > 27 {
			if info == 31 && major >= majorBytes && major <= majorMap {
				return s.fail(start, badLength)
			}
			return s.fail(start, badReserved)
		}
		width := 1 << (info - 24)
		if len(s.data)-i < width {
			return s.fail(start, badTruncated)
		}
		n = 0
		for _, b := range s.data[i : i+width] {
			n = n<<8 | uint64(b)
		}
		i += width
		// The shortest head: one byte carries 24 and more, two 2^8, four 2^16, eight 2^32.
		if n < 24 || (width > 1 && n>>(4*width) == 0) {
			return s.fail(start, badHead)
		}
	}

	switch major {
	case majorUint, majorNegative:
		return i, nil

	case majorBytes, majorText:
		if n > uint64(s.lim.String) {
			return s.fail(start, badString)
		}
		if n > uint64(len(s.data)-i) {
			return s.fail(start, badTruncated)
		}
		end := i + int(n)
		if major == majorText && !utf8.Valid(s.data[i:end]) {
			return s.fail(start, badUTF8)
		}
		return end, nil

	case majorArray:
		if depth++; depth > s.lim.Depth {
			return s.fail(start, badDepth)
		}
		if n > uint64(s.lim.Items) {
			return s.fail(start, badItems)
		}
		for range n {
			var bad *fault
			if i, bad = s.item(i, depth); bad != nil {
				return 0, bad
			}
		}
		return i, nil

	case majorMap:
		if depth++; depth > s.lim.Depth {
			return s.fail(start, badDepth)
		}
		if n > uint64(s.lim.Items) {
			return s.fail(start, badItems)
		}
		var last []byte
		for range n {
			end, bad := s.item(i, depth)
			if bad != nil {
				return 0, bad
			}
			key := s.data[i:end]
			if last != nil {
				// No key is a prefix of another one, so equality is the only tie.
				switch bytes.Compare(last, key) {
				case 0:
					return s.fail(i, badDuplicate)
				case 1:
					return s.fail(i, badOrder)
				}
			}
			last = key
			if i, bad = s.item(end, depth); bad != nil {
				return 0, bad
			}
		}
		return i, nil

	case majorTag:
		if n != tagSign1 && n != tagSign {
			return s.fail(start, badTag)
		}
		if depth++; depth > s.lim.Depth {
			return s.fail(start, badDepth)
		}
		return s.item(i, depth)
	}

	if n == simpleNull && s.noNull {
		return s.fail(start, badNull)
	}
	if n == simpleFalse || n == simpleTrue || n == simpleNull {
		return i, nil
	}
	return s.fail(start, badSimple)
}

// simple names what is wrong with a head of major type 7 that is longer than a byte: all of them are refused.
func (s *scan) simple(at int, info byte) (int, *fault) {
	switch {
	case info == 24:
		return s.fail(at, badSimple)
	case info <= 27:
		return s.fail(at, badFloat)
	case info == 31:
		return s.fail(at, badBreak)
	}
	return s.fail(at, badReserved)
}
