package emulate

import (
	"bytes"
	"errors"
	"fmt"
)

// TLV encodes one BER-TLV data object: tag (1 to 3 bytes, as the number reads, e.g. 0x5FC102), shortest length, and the
// values one after the other.
func TLV(tag uint32, values ...[]byte) []byte {
	value := bytes.Join(values, nil)
	out := tagBytes(tag)
	switch n := len(value); {
	case n < 0x80:
		out = append(out, byte(n))
	case n <= 0xFF:
		out = append(out, 0x81, byte(n))
	case n <= 0xFFFF:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, value...)
}

func tagBytes(tag uint32) []byte {
	switch {
	case tag > 0xFFFF:
		return []byte{byte(tag >> 16), byte(tag >> 8), byte(tag)}
	case tag > 0xFF:
		return []byte{byte(tag >> 8), byte(tag)}
	}
	return []byte{byte(tag)}
}

var errTLV = errors.New("emulate: not a BER-TLV object")

// readTLV takes the first data object off b. Tags have at most three bytes, lengths at most three after the first.
func readTLV(b []byte) (tag uint32, value, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, nil, fmt.Errorf("%w: empty", errTLV)
	}
	tag, b = uint32(b[0]), b[1:]
	if tag&0x1F == 0x1F {
		for n := 0; ; n++ {
			if len(b) == 0 || n == 2 {
				return 0, nil, nil, fmt.Errorf("%w: tag %X does not end", errTLV, tag)
			}
			tag = tag<<8 | uint32(b[0])
			last := b[0]&0x80 == 0
			b = b[1:]
			if last {
				break
			}
		}
	}
	if len(b) == 0 {
		return 0, nil, nil, fmt.Errorf("%w: tag %X without a length", errTLV, tag)
	}
	length, b := int(b[0]), b[1:]
	if length >= 0x80 {
		octets := length & 0x7F
		if octets == 0 || octets > 3 || len(b) < octets {
			return 0, nil, nil, fmt.Errorf("%w: tag %X: length of %d octets", errTLV, tag, octets)
		}
		length = 0
		for _, o := range b[:octets] {
			length = length<<8 | int(o)
		}
		b = b[octets:]
	}
	if len(b) < length {
		return 0, nil, nil, fmt.Errorf("%w: tag %X: length %d, %d bytes left", errTLV, tag, length, len(b))
	}
	return tag, b[:length], b[length:], nil
}

// readTLVs takes b apart into data objects, in order, without trailing bytes. No tag may come twice.
func readTLVs(b []byte) (map[uint32][]byte, error) {
	found := map[uint32][]byte{}
	for len(b) > 0 {
		tag, value, rest, err := readTLV(b)
		if err != nil {
			return nil, err
		}
		if _, twice := found[tag]; twice {
			return nil, fmt.Errorf("%w: tag %X comes twice", errTLV, tag)
		}
		found[tag], b = value, rest
	}
	return found, nil
}
