package trust

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/posvid/posvid/crypto/cose"
)

// CarrierKind says what a carrier is known by.
type CarrierKind uint8

// Kinds of carrier numbers.
const (
	CarrierGUID   CarrierKind = 1 // 16 bytes, GUID of a PIV CHUID
	CarrierNumber CarrierKind = 2 // 4 to 32 bytes, number of the contactless carrier
)

// Carrier is one row as a body states it. The bundle holds its salted hash only, and no names.
type Carrier struct {
	Kind   CarrierKind
	Number []byte // as Kind says
	Body   string // ЄДРПОУ
	Status uint32 // status integer list‹‹20 | index, both of the same body
}

func (c Carrier) check() error {
	switch {
	case c.Kind == CarrierGUID && len(c.Number) != 16:
		return refuse(ErrArgument, "carrier: GUID of %d bytes, want 16", len(c.Number))
	case c.Kind == CarrierNumber && (len(c.Number) < 4 || len(c.Number) > 32):
		return refuse(ErrArgument, "carrier: number of %d bytes, want 4 to 32", len(c.Number))
	case c.Kind != CarrierGUID && c.Kind != CarrierNumber:
		return refuse(ErrArgument, "carrier: unknown kind %d", c.Kind)
	case !validEDRPOU(c.Body):
		return refuse(ErrArgument, "carrier: body is not eight digits")
	}
	return nil
}

const (
	carrierRow  = sha256.Size + 4 + 4 // hash, ЄДРПОУ as a number, status integer; both big-endian
	minSalt     = 16
	maxSalt     = 32
	carrierNote = "posvid carrier v1"
)

// carrierHash is SHA-256 over a domain text, the salt with its length, the kind and the number.
func carrierHash(salt []byte, kind CarrierKind, number []byte) [sha256.Size]byte {
	var buf [len(carrierNote) + 1 + maxSalt + 1 + 32]byte
	b := append(buf[:0], carrierNote...)
	b = append(append(b, byte(len(salt))), salt...)
	b = append(append(b, byte(kind)), number...)
	return sha256.Sum256(b)
}

// carrierTable is the opened section: rows sorted by hash.
type carrierTable struct {
	salt []byte
	rows []byte
}

// encodeCarriers returns the section content:
//
//	carriers = { 1 => salt: bstr .size (16..32), 2 => rows: bstr }   ; rows: 40 bytes each, hashes strictly ascending
func encodeCarriers(salt []byte, carriers []Carrier) ([]byte, error) {
	if len(salt) < minSalt || len(salt) > maxSalt {
		return nil, refuse(ErrArgument, "carriers: salt of %d bytes, want %d to %d", len(salt), minSalt, maxSalt)
	}
	if len(carriers) > MaxCarriers {
		return nil, refuse(ErrTooLarge, "carriers: %d rows, limit %d", len(carriers), MaxCarriers)
	}
	rows := make([][carrierRow]byte, 0, len(carriers))
	for _, c := range carriers {
		if err := c.check(); err != nil {
			return nil, err
		}
		body, _ := strconv.ParseUint(c.Body, 10, 32) // eight digits, checked
		sum := carrierHash(salt, c.Kind, c.Number)
		var row [carrierRow]byte
		copy(row[:], sum[:])
		binary.BigEndian.PutUint32(row[32:], uint32(body))
		binary.BigEndian.PutUint32(row[36:], c.Status)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b [carrierRow]byte) int { return bytes.Compare(a[:], b[:]) })
	joined := make([]byte, 0, len(rows)*carrierRow)
	for i := range rows {
		if i > 0 && bytes.Equal(rows[i][:32], rows[i-1][:32]) {
			return nil, refuse(ErrConflict, "carriers: one carrier is stated twice")
		}
		joined = append(joined, rows[i][:]...)
	}
	out := cose.AppendMap(nil, 2)
	out = cose.AppendBytes(cose.AppendUint(out, 1), salt)
	return cose.AppendBytes(cose.AppendUint(out, 2), joined), nil
}

func decodeCarriers(data []byte) (*carrierTable, error) {
	var w struct {
		Salt []byte `cbor:"1,keyasint"`
		Rows []byte `cbor:"2,keyasint"`
	}
	if err := cose.Unmarshal(data, &w, cose.Limits{Bytes: MaxBundle, String: MaxBundle}); err != nil {
		return nil, refuse(ErrSection, "carriers: %v", err)
	}
	if len(w.Salt) < minSalt || len(w.Salt) > maxSalt {
		return nil, refuse(ErrSection, "carriers: salt of %d bytes, want %d to %d", len(w.Salt), minSalt, maxSalt)
	}
	n := len(w.Rows) / carrierRow
	if len(w.Rows)%carrierRow != 0 || n > MaxCarriers {
		return nil, refuse(ErrSection, "carriers: %d bytes of rows, want %d each, at most %d rows", len(w.Rows), carrierRow, MaxCarriers)
	}
	t := &carrierTable{salt: w.Salt, rows: w.Rows}
	for i := 1; i < n; i++ {
		if bytes.Compare(t.hash(i-1), t.hash(i)) >= 0 {
			return nil, refuse(ErrSection, "carriers: row %d is out of order", i)
		}
	}
	for i := range n {
		if body := binary.BigEndian.Uint32(t.rows[i*carrierRow+32:]); body == 0 || body > 99_999_999 {
			return nil, refuse(ErrSection, "carriers: row %d has no ЄДРПОУ", i)
		}
	}
	return t, nil
}

func (t *carrierTable) len() int          { return len(t.rows) / carrierRow }
func (t *carrierTable) hash(i int) []byte { return t.rows[i*carrierRow:][:sha256.Size] }

func (t *carrierTable) find(kind CarrierKind, number []byte) (body string, status uint32, ok bool) {
	sum := carrierHash(t.salt, kind, number)
	lo, hi := 0, t.len()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		switch c := cmp.Compare(bytes.Compare(t.hash(mid), sum[:]), 0); {
		case c < 0:
			lo = mid + 1
		case c > 0:
			hi = mid
		default:
			row := t.rows[mid*carrierRow:]
			return fmt.Sprintf("%08d", binary.BigEndian.Uint32(row[32:])), binary.BigEndian.Uint32(row[36:]), true
		}
	}
	return "", 0, false
}
