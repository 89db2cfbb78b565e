package trust

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"sync"

	"github.com/posvid/posvid/crypto/cose"
)

// StatusValue is a status of a token. Values above StatusSuspended have no meaning here and are refused by a verifier.
type StatusValue uint8

// Status values (Token Status List, Section 7.1).
const (
	StatusValid     StatusValue = 0
	StatusInvalid   StatusValue = 1 // revoked, for good
	StatusSuspended StatusValue = 2
)

// String returns the English word of the value.
func (v StatusValue) String() string {
	switch v {
	case StatusValid:
		return "valid"
	case StatusInvalid:
		return "invalid"
	case StatusSuspended:
		return "suspended"
	}
	return "reserved"
}

// writtenBits is the width of an entry in every list that is made here.
const writtenBits = 2

// StatusList is a list read into memory, with 1, 2, 4 or 8 bits an entry, least significant bits first. It does not
// change and is safe for parallel use.
type StatusList struct {
	bits uint8
	data []byte
}

// Bits is the width of an entry: 1, 2, 4 or 8.
func (l *StatusList) Bits() int { return int(l.bits) }

// Len is the number of entries.
func (l *StatusList) Len() int { return len(l.data) * 8 / int(l.bits) }

// Get returns the entry at index, or ErrIndexRange.
func (l *StatusList) Get(index uint32) (StatusValue, error) {
	if uint64(index) >= uint64(l.Len()) {
		return 0, refuse(ErrIndexRange, "status index %d, list has %d entries", index, l.Len())
	}
	return l.at(index), nil
}

// at reads an entry that is known to be in range.
func (l *StatusList) at(index uint32) StatusValue {
	bit := uint64(index) * uint64(l.bits)
	return StatusValue(l.data[bit>>3] >> (bit & 7) & (1<<l.bits - 1))
}

// ParseStatusList reads the structure StatusList of the draft, Section 4.3, that is {"bits", "lst", ? "aggregation_uri"}
// in any key order, for no signature is checked over it alone, and inflates it. The inflated size is capped at
// MaxStatusEntries entries before memory is taken.
func ParseStatusList(data []byte) (*StatusList, error) {
	if len(data) > maxStatusToken {
		return nil, refuse(ErrTooLarge, "status list of %d bytes, limit %d", len(data), maxStatusToken)
	}
	bits, lst, err := readStatusList(data)
	if err != nil {
		return nil, err
	}
	return inflateStatusList(bits, lst)
}

// readStatusList splits the structure without inflating it.
func readStatusList(data []byte) (bits uint8, lst []byte, err error) {
	r := cose.NewReader(data)
	pairs, err := r.ReadMap()
	if err != nil || pairs > 8 {
		return 0, nil, refuse(ErrList, "status list: want a map of at most 8 pairs")
	}
	haveURI := false
	for range pairs {
		key, err := r.ReadText()
		if err != nil {
			return 0, nil, refuse(ErrList, "status list: key: want text")
		}
		switch string(key) {
		case "bits":
			n, err := r.ReadUint()
			if err != nil || bits != 0 || n != 1 && n != 2 && n != 4 && n != 8 {
				return 0, nil, refuse(ErrList, "status list: bits: want 1, 2, 4 or 8, once")
			}
			bits = uint8(n)
		case "lst":
			if lst != nil {
				return 0, nil, refuse(ErrList, "status list: lst twice")
			}
			if lst, err = r.ReadBytes(); err != nil {
				return 0, nil, refuse(ErrList, "status list: lst: want bytes")
			}
		case "aggregation_uri":
			if _, err := r.ReadText(); err != nil || haveURI {
				return 0, nil, refuse(ErrList, "status list: aggregation_uri: want text, once")
			}
			haveURI = true
		default:
			if err := r.Skip(); err != nil {
				return 0, nil, refuse(ErrList, "status list: %v", err)
			}
		}
	}
	if !r.Done() {
		return 0, nil, refuse(ErrList, "status list: bytes after the map")
	}
	if bits == 0 || lst == nil {
		return 0, nil, refuse(ErrList, "status list: bits or lst is missing")
	}
	return bits, lst, nil
}

// inflaters keeps zlib readers: each holds a window of 32 KiB and more.
var inflaters sync.Pool

// chunks keeps the buffers that lists are inflated into before their size is known.
var chunks = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

func inflateStatusList(bits uint8, lst []byte) (*StatusList, error) {
	// The library takes a preset dictionary that is empty for none at all: a second spelling.
	if len(lst) < 2 || lst[1]&0x20 != 0 {
		return nil, refuse(ErrList, "status list: lst is not zlib without a preset dictionary (RFC 1950)")
	}
	src := bytes.NewReader(lst)
	limit := MaxStatusEntries / 8 * int(bits)
	var z io.ReadCloser
	var err error
	if kept, _ := inflaters.Get().(io.ReadCloser); kept != nil {
		z = kept
		err = kept.(zlib.Resetter).Reset(src, nil)
	} else {
		z, err = zlib.NewReader(src)
	}
	if err != nil {
		return nil, refuse(ErrList, "status list: lst is not zlib (RFC 1950)")
	}
	defer inflaters.Put(z)
	chunk := chunks.Get().(*[]byte)
	defer chunks.Put(chunk)
	var out []byte
	for {
		n, err := io.ReadFull(z, *chunk)
		if len(out)+n > limit {
			return nil, refuse(ErrTooLarge, "status list: more than %d entries of %d bits", MaxStatusEntries, bits)
		}
		if n > 0 {
			if out == nil && n < len(*chunk) {
				out = make([]byte, 0, n)
			}
			out = append(out, (*chunk)[:n]...)
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, refuse(ErrList, "status list: lst does not inflate")
		}
		break
	}
	// io.ReadFull hides whether the stream ended or broke off: one more read tells.
	if n, err := z.Read((*chunk)[:1]); n != 0 || err != io.EOF {
		return nil, refuse(ErrList, "status list: lst breaks off")
	}
	if src.Len() != 0 {
		return nil, refuse(ErrList, "status list: %d bytes after the zlib stream", src.Len())
	}
	if len(out) == 0 {
		return nil, refuse(ErrList, "status list: no entries")
	}
	return &StatusList{bits: bits, data: out}, nil
}

// StatusListBuilder fills a list of 2-bit entries. The zero value has no entries; use NewStatusListBuilder.
type StatusListBuilder struct {
	data []byte
}

// NewStatusListBuilder returns a list of n entries, all StatusValid; n is padded up to a multiple of four. Padding
// beyond need, so that a list tells little about the size of a body, is the caller's choice of n.
func NewStatusListBuilder(n int) (*StatusListBuilder, error) {
	if n < 1 || n > MaxStatusEntries {
		return nil, refuse(ErrArgument, "status list of %d entries, want 1 to %d", n, MaxStatusEntries)
	}
	return &StatusListBuilder{data: make([]byte, (n+3)/4)}, nil
}

// Len is the number of entries, padding included.
func (b *StatusListBuilder) Len() int { return len(b.data) * 4 }

// Set writes one entry; only the three values with a meaning are written.
func (b *StatusListBuilder) Set(index uint32, v StatusValue) error {
	if uint64(index) >= uint64(b.Len()) {
		return refuse(ErrIndexRange, "status index %d, list has %d entries", index, b.Len())
	}
	if v > StatusSuspended {
		return refuse(ErrArgument, "status value %d has no meaning", v)
	}
	shift := index & 3 * writtenBits
	at := &b.data[index>>2]
	*at = *at&^(3<<shift) | byte(v)<<shift
	return nil
}

// EncodeStatusList returns the structure StatusList in deterministic CBOR, with 2 bits an entry:
//
//	StatusList = { "lst": bstr .zlib, "bits": 2 }
func EncodeStatusList(b *StatusListBuilder) []byte {
	var lst bytes.Buffer
	z, _ := zlib.NewWriterLevel(&lst, zlib.BestCompression) // fails for an unknown level only
	_, _ = z.Write(b.data)                                  // a bytes.Buffer takes everything
	_ = z.Close()
	out := cose.AppendMap(make([]byte, 0, lst.Len()+24), 2)
	out = cose.AppendBytes(cose.AppendText(out, "lst"), lst.Bytes())
	return cose.AppendUint(cose.AppendText(out, "bits"), writtenBits)
}
