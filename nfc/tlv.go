package nfc

import "fmt"

// Tag is the tag of a BER-TLV data object: its one to three bytes, first byte highest (0x53, 0x5F2F, 0x5FC101).
type Tag uint32

// String gives the tag in hexadecimal, as standards write it.
func (t Tag) String() string { return fmt.Sprintf("%02X", uint32(t)) }

// Constructed reports bit 6 of the first byte: the value is a sequence of data objects. Some tags of PIV have the bit
// and hold plain bytes (30 and 34 of a CHUID); their readers do not ask.
func (t Tag) Constructed() bool {
	for t > 0xFF {
		t >>= 8
	}
	return t&0x20 != 0
}

// Append appends the bytes of the tag to dst.
func (t Tag) Append(dst []byte) []byte {
	switch {
	case t > 0xFFFF:
		dst = append(dst, byte(t>>16), byte(t>>8))
	case t > 0xFF:
		dst = append(dst, byte(t>>8))
	}
	return append(dst, byte(t))
}

// TLV is one BER-TLV data object (ISO/IEC 7816-4, Section 5.2.2).
type TLV struct {
	Tag   Tag
	Value []byte // part of what was parsed, not a copy
}

// Node is a data object of a tree: a constructed one has children, any other only its value.
type Node struct {
	TLV
	Children []Node
}

// TLVOptions tightens a parser. The zero value applies the limits of this package.
type TLVOptions struct {
	Minimal  bool // refuse lengths that are not in their shortest form (DER); cards in use do not all write them
	MaxBytes int  // of all that is parsed, at most and when zero MaxObject
}

func (o TLVOptions) check(n int) error {
	limit := o.MaxBytes
	if limit <= 0 || limit > MaxObject {
		limit = MaxObject
	}
	if n > limit {
		return fail(ErrTooLarge, "TLV: %d bytes, at most %d", n, limit)
	}
	return nil
}

// ReadTLV reads the first data object of data and gives what follows it. Tags have one to three bytes in their only
// form; lengths one to four bytes, never the indefinite form. No padding is skipped.
// ErrMalformed, or ErrTooLarge over the limit.
func ReadTLV(data []byte, o TLVOptions) (t TLV, rest []byte, err error) {
	if err := o.check(len(data)); err != nil {
		return TLV{}, nil, err
	}
	return readTLV(data, o.Minimal)
}

func readTLV(data []byte, minimal bool) (t TLV, rest []byte, err error) {
	if len(data) == 0 {
		return TLV{}, nil, fail(ErrMalformed, "TLV: no tag, data end")
	}
	// A first byte of 00 or FF is padding in ISO/IEC 7816-4, never a tag.
	if data[0] == 0x00 || data[0] == 0xFF {
		return TLV{}, nil, fail(ErrMalformed, "TLV: byte %02X is no tag", data[0])
	}
	tag, i := Tag(data[0]), 1
	if data[0]&0x1F == 0x1F {
		for more := true; more; i++ {
			if i == len(data) {
				return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s is cut", tag)
			}
			if i == 3 {
				return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s has more than 3 bytes", tag)
			}
			// The number of a long tag is written without leading zeros, and is at least 31.
			if i == 1 && (data[1] == 0x80 || data[1] < 0x1F) {
				return TLV{}, nil, fail(ErrMalformed, "TLV: tag %02X%02X is not in its only form", data[0], data[1])
			}
			tag, more = tag<<8|Tag(data[i]), data[i]&0x80 != 0
		}
	}
	if i == len(data) {
		return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s has no length", tag)
	}
	length, first := int(data[i]), data[i]
	i++
	if first >= 0x80 {
		count := int(first & 0x7F)
		if count == 0 || count > 3 {
			return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s: length byte %02X, want 00 to 7F or 81 to 83", tag, first)
		}
		if len(data)-i < count {
			return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s: length is cut", tag)
		}
		length = 0
		for _, b := range data[i : i+count] {
			length = length<<8 | int(b)
		}
		i += count
		if minimal && (length < 0x80 || count > 1 && length>>(8*(count-1)) == 0) {
			return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s: length %d in %d bytes is not the shortest form", tag, length, count)
		}
	}
	if length > len(data)-i {
		return TLV{}, nil, fail(ErrMalformed, "TLV: tag %s: length %d, %d bytes left", tag, length, len(data)-i)
	}
	return TLV{Tag: tag, Value: data[i : i+length : i+length]}, data[i+length:], nil
}

// ParseTLV reads data as a sequence of data objects of one level, all of it. Values are not looked into.
// No bytes is no object. ErrMalformed, or ErrTooLarge over the limits of length and count.
func ParseTLV(data []byte, o TLVOptions) ([]TLV, error) {
	if err := o.check(len(data)); err != nil {
		return nil, err
	}
	return parseTLV(data, o.Minimal)
}

func parseTLV(data []byte, minimal bool) ([]TLV, error) {
	var list []TLV
	for len(data) > 0 {
		if len(list) == MaxItems {
			return nil, fail(ErrTooLarge, "TLV: more than %d objects", MaxItems)
		}
		t, rest, err := readTLV(data, minimal)
		if err != nil {
			return nil, err
		}
		list, data = append(list, t), rest
	}
	return list, nil
}

// ParseOne reads data as exactly one data object with the tag want. ErrMalformed when there is another one, none, or
// anything after it.
func ParseOne(data []byte, want Tag, o TLVOptions) ([]byte, error) {
	if err := o.check(len(data)); err != nil {
		return nil, err
	}
	t, rest, err := readTLV(data, o.Minimal)
	switch {
	case err != nil:
		return nil, err
	case t.Tag != want:
		return nil, fail(ErrMalformed, "TLV: tag %s, want %s", t.Tag, want)
	case len(rest) > 0:
		return nil, fail(ErrMalformed, "TLV: %d bytes after tag %s", len(rest), want)
	}
	return t.Value, nil
}

// ParseTree reads data as a sequence of data objects and looks into every constructed one, up to MaxDepth levels and
// MaxItems objects in all. It is for templates that keep to BER; see [Tag.Constructed].
// ErrMalformed, or ErrTooLarge over the limits of length, depth and count.
func ParseTree(data []byte, o TLVOptions) ([]Node, error) {
	if err := o.check(len(data)); err != nil {
		return nil, err
	}
	left := MaxItems
	return parseTree(data, o.Minimal, MaxDepth, &left)
}

func parseTree(data []byte, minimal bool, depth int, left *int) ([]Node, error) {
	if len(data) > 0 && depth == 0 {
		return nil, fail(ErrTooLarge, "TLV: deeper than %d levels", MaxDepth)
	}
	var list []Node
	for len(data) > 0 {
		if *left == 0 {
			return nil, fail(ErrTooLarge, "TLV: more than %d objects", MaxItems)
		}
		*left--
		t, rest, err := readTLV(data, minimal)
		if err != nil {
			return nil, err
		}
		node := Node{TLV: t}
		if t.Tag.Constructed() {
			if node.Children, err = parseTree(t.Value, minimal, depth-1, left); err != nil {
				return nil, err
			}
		}
		list, data = append(list, node), rest
	}
	return list, nil
}

// AppendTLV appends one data object with the shortest length. The value must be shorter than 2^24 bytes.
func AppendTLV(dst []byte, tag Tag, value []byte) []byte {
	return append(appendLength(tag.Append(dst), len(value)), value...)
}

func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n < 1<<8:
		return append(dst, 0x81, byte(n))
	case n < 1<<16:
		return append(dst, 0x82, byte(n>>8), byte(n))
	}
	return append(dst, 0x83, byte(n>>16), byte(n>>8), byte(n))
}

// sizeTLV is the number of bytes of a data object with the shortest length.
func sizeTLV(tag Tag, length int) int {
	n := 1 + length
	for t := tag; t > 0xFF; t >>= 8 {
		n++
	}
	switch {
	case length >= 1<<16:
		n += 4
	case length >= 1<<8:
		n += 3
	case length >= 0x80:
		n += 2
	default:
		n++
	}
	return n
}
