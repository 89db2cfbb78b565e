package nfc

import (
	"encoding/binary"
	"strings"
)

// Type name formats of an NDEF record (NFC Forum NDEF 1.0, Section 3.2.6).
const (
	NDEFEmpty     byte = 0
	NDEFWellKnown byte = 1 // type of the NFC Forum: T, U, Sp, Hs …
	NDEFMedia     byte = 2 // media type, RFC 2046
	NDEFURI       byte = 3
	NDEFExternal  byte = 4 // domain:type
	NDEFUnknown   byte = 5
)

// Flags of a record's first byte.
const (
	ndefBegin = 0x80 // MB: first record
	ndefEnd   = 0x40 // ME: last record
	ndefChunk = 0x20 // CF: the payload goes on in the next record
	ndefShort = 0x10 // SR: payload length in one byte
	ndefID    = 0x08 // IL: there is an id
)

// NDEFRecord is one record of an NDEF message (NFC Forum NDEF 1.0, Section 3):
//
//	length  meaning
//	1       MB ME CF SR IL TNF
//	1       length of the type
//	1 or 4  length of the payload
//	0 or 1  length of the id
//	…       type, id, payload
type NDEFRecord struct {
	Format  byte   // TNF
	Type    string // ASCII
	ID      string
	Payload []byte // a part of what was parsed, not a copy
}

// Is reports whether the record holds a media type; case does not matter (RFC 2045, Section 5.1).
func (r NDEFRecord) Is(mediaType string) bool {
	return r.Format == NDEFMedia && strings.EqualFold(r.Type, mediaType)
}

// ParseNDEF reads one NDEF message, all of it. Records in chunks are ErrMalformed: nothing that is read here writes
// them. ErrTooLarge over MaxNDEF bytes or MaxRecords records.
func ParseNDEF(message []byte) ([]NDEFRecord, error) {
	if len(message) > MaxNDEF {
		return nil, fail(ErrTooLarge, "NDEF message of %d bytes, at most %d", len(message), MaxNDEF)
	}
	var list []NDEFRecord
	rest := message
	for {
		if len(list) == MaxRecords {
			return nil, fail(ErrTooLarge, "NDEF: more than %d records", MaxRecords)
		}
		r, flags, after, err := readRecord(rest)
		if err != nil {
			return nil, err
		}
		if flags&ndefBegin != 0 != (len(list) == 0) {
			return nil, fail(ErrMalformed, "NDEF: record %d: MB belongs to the first record only", len(list)+1)
		}
		list, rest = append(list, r), after
		if flags&ndefEnd != 0 {
			break
		}
		if len(rest) == 0 {
			return nil, fail(ErrMalformed, "NDEF: no record has ME")
		}
	}
	if len(rest) > 0 {
		return nil, fail(ErrMalformed, "NDEF: %d bytes after the last record", len(rest))
	}
	return list, nil
}

// readRecord reads the first record of data.
func readRecord(data []byte) (r NDEFRecord, flags byte, rest []byte, err error) {
	cut := func() (NDEFRecord, byte, []byte, error) {
		return NDEFRecord{}, 0, nil, fail(ErrMalformed, "NDEF: record is cut")
	}
	take := func(n int) (part []byte, ok bool) {
		if n > len(data) {
			return nil, false
		}
		part, data = data[:n:n], data[n:]
		return part, true
	}
	head, ok := take(2)
	if !ok {
		return cut()
	}
	flags, r.Format = head[0], head[0]&0x07
	if flags&ndefChunk != 0 || r.Format > NDEFUnknown {
		return NDEFRecord{}, 0, nil, fail(ErrMalformed, "NDEF: record in chunks or of reserved format %d", r.Format)
	}
	typeLength, idLength, payloadLength := int(head[1]), 0, uint32(0)
	if flags&ndefShort != 0 {
		b, ok := take(1)
		if !ok {
			return cut()
		}
		payloadLength = uint32(b[0])
	} else {
		b, ok := take(4)
		if !ok {
			return cut()
		}
		payloadLength = binary.BigEndian.Uint32(b)
	}
	if flags&ndefID != 0 {
		b, ok := take(1)
		if !ok {
			return cut()
		}
		idLength = int(b[0])
	}
	if payloadLength > MaxNDEF {
		return NDEFRecord{}, 0, nil, fail(ErrTooLarge, "NDEF: payload of %d bytes, at most %d", payloadLength, MaxNDEF)
	}
	name, ok1 := take(typeLength)
	id, ok2 := take(idLength)
	payload, ok3 := take(int(payloadLength))
	if !ok1 || !ok2 || !ok3 {
		return cut()
	}
	// Section 3.2.6: an empty record has nothing, an unknown one no type, all others a type.
	switch {
	case r.Format == NDEFEmpty && (typeLength > 0 || idLength > 0 || payloadLength > 0),
		r.Format == NDEFUnknown && typeLength > 0,
		r.Format != NDEFEmpty && r.Format != NDEFUnknown && typeLength == 0:
		return NDEFRecord{}, 0, nil, fail(ErrMalformed, "NDEF: format %d with a type of %d bytes", r.Format, typeLength)
	}
	for _, c := range name {
		if c < 0x20 || c >= 0x7F {
			return NDEFRecord{}, 0, nil, fail(ErrMalformed, "NDEF: type is not printable ASCII")
		}
	}
	r.Type, r.ID, r.Payload = string(name), string(id), payload
	return r, flags, data, nil
}

// BuildNDEF writes an NDEF message. ErrUsage for a record that [ParseNDEF] would refuse, ErrTooLarge over MaxNDEF bytes.
func BuildNDEF(records ...NDEFRecord) ([]byte, error) {
	var message []byte
	for i, r := range records {
		if len(r.Type) > 255 || len(r.ID) > 255 {
			return nil, fail(ErrUsage, "NDEF: type of %d and id of %d bytes, at most 255", len(r.Type), len(r.ID))
		}
		if len(r.Payload) > MaxNDEF {
			return nil, fail(ErrTooLarge, "NDEF: payload of %d bytes, at most %d", len(r.Payload), MaxNDEF)
		}
		flags := r.Format
		if i == 0 {
			flags |= ndefBegin
		}
		if i == len(records)-1 {
			flags |= ndefEnd
		}
		if len(r.Payload) < 256 {
			flags |= ndefShort
		}
		if r.ID != "" {
			flags |= ndefID
		}
		message = append(message, flags, byte(len(r.Type)))
		if flags&ndefShort != 0 {
			message = append(message, byte(len(r.Payload)))
		} else {
			message = binary.BigEndian.AppendUint32(message, uint32(len(r.Payload)))
		}
		if r.ID != "" {
			message = append(message, byte(len(r.ID)))
		}
		message = append(append(append(message, r.Type...), r.ID...), r.Payload...)
	}
	if len(message) > MaxNDEF {
		return nil, fail(ErrTooLarge, "NDEF message of %d bytes, at most %d", len(message), MaxNDEF)
	}
	if _, err := ParseNDEF(message); err != nil {
		return nil, &fault{text: err.Error(), kind: ErrUsage}
	}
	return message, nil
}

// FindMedia gives the payload of the one record with a media type. ErrNotFound when there is none; ErrMalformed when there are two:
// nothing says which of them counts.
func FindMedia(records []NDEFRecord, mediaType string) ([]byte, error) {
	var found *NDEFRecord
	for i := range records {
		if !records[i].Is(mediaType) {
			continue
		}
		if found != nil {
			return nil, fail(ErrMalformed, "NDEF: two records of type %s", mediaType)
		}
		found = &records[i]
	}
	if found == nil {
		return nil, fail(ErrNotFound, "NDEF: no record of type %s among %d", mediaType, len(records))
	}
	return found.Payload, nil
}
