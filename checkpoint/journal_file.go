package checkpoint

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// A day of the journal, all integers big-endian (docs/spec/journal.md, Section 3):
//
//	offset  length  meaning
//	0       8       "PSVJRNL1"
//	8       32      link of the record before the first one of this file
//	then for each record:
//	0       8       number of the record, from 1 on, over all files
//	8       2       length L of the sealed event
//	10      L       the event, sealed with HPKE
//	10+L    32      link: SHA-256 of "posvid journal v1" ‖ 0 ‖ link of the record before ‖ number ‖ sealed event
//
// The sealed plaintext is the length of the event in 2 bytes, the event, and zeros up to a multiple of 128 bytes.
const (
	dayMagic       = "PSVJRNL1"
	dayStart       = len(dayMagic) + sha256.Size
	recordHead     = 8 + 2
	recordOverhead = recordHead + sha256.Size
	journalPurpose = "journal v1"
	journalBucket  = 128
	maxSealedEvent = 1024 // bytes; the longest guard and shift fit
)

type link = [sha256.Size]byte

// nextLink chains a sealed event to what was written before it.
func nextLink(before link, number uint64, sealed []byte) link {
	h := sha256.New()
	h.Write([]byte("posvid journal v1\x00"))
	h.Write(before[:])
	h.Write(binary.BigEndian.AppendUint64(nil, number))
	h.Write(sealed)
	return link(h.Sum(nil))
}

func startDay(before link) []byte { return append([]byte(dayMagic), before[:]...) }

func appendRecord(b []byte, number uint64, sealed []byte, l link) []byte {
	b = binary.BigEndian.AppendUint64(b, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(sealed)))
	return append(append(b, sealed...), l[:]...)
}

// dayRecord is one record of a day as it stands in the file. Nothing of it is verified.
type dayRecord struct {
	number uint64
	sealed []byte
	link   link
}

var errTorn = errors.New("not a whole record")

// dayReader reads the records of a day. It needs constant memory, whatever the file says.
type dayReader struct {
	r      *bufio.Reader
	before link // what the first record is chained to
	good   int64
}

func newDayReader(r io.Reader) (*dayReader, error) {
	d := &dayReader{r: bufio.NewReaderSize(r, 16<<10)}
	start := make([]byte, dayStart)
	if _, err := io.ReadFull(d.r, start); err != nil || string(start[:len(dayMagic)]) != dayMagic {
		return nil, errTorn
	}
	d.before = link(start[len(dayMagic):])
	d.good = int64(dayStart)
	return d, nil
}

// next gives the next record; io.EOF at the end, errTorn where what follows is not a record.
func (d *dayReader) next() (dayRecord, error) {
	var start [recordHead]byte
	if _, err := io.ReadFull(d.r, start[:]); err == io.EOF {
		return dayRecord{}, io.EOF
	} else if err != nil {
		return dayRecord{}, errTorn
	}
	rec := dayRecord{number: binary.BigEndian.Uint64(start[:])}
	n := int(binary.BigEndian.Uint16(start[8:]))
	if rec.number == 0 || n == 0 || n > maxSealedEvent {
		return dayRecord{}, errTorn
	}
	rec.sealed = make([]byte, n)
	if _, err := io.ReadFull(d.r, rec.sealed); err != nil {
		return dayRecord{}, errTorn
	}
	if _, err := io.ReadFull(d.r, rec.link[:]); err != nil {
		return dayRecord{}, errTorn
	}
	d.good += int64(recordOverhead + n)
	return rec, nil
}

// journalEvent is what is sealed: a map of the standard's kind, each field at most once.
type journalEvent struct {
	Number    uint64 `cbor:"1,keyasint"`            // of the record
	At        int64  `cbor:"2,keyasint"`            // seconds since 1970, by this device's clock
	Verifier  uint64 `cbor:"3,keyasint"`            // number of this device in the bundle
	Guard     string `cbor:"4,keyasint"`            // who was on duty
	Shift     string `cbor:"5,keyasint,omitempty"`  // of the guard
	Period    string `cbor:"6,keyasint,omitempty"`  // month of the pseudonym's key, "2026-11"
	Pseudonym []byte `cbor:"7,keyasint,omitempty"`  // 16 bytes
	Outcome   string `cbor:"8,keyasint"`            // accept, refuse, cannot-confirm
	Code      string `cbor:"9,keyasint"`            // deciding code
	Level     uint8  `cbor:"10,keyasint"`           // reached
	Photo     string `cbor:"11,keyasint,omitempty"` // matched or plastic, when the guard compared one
	Bundle    uint64 `cbor:"12,keyasint,omitempty"` // number
	Clock     string `cbor:"13,keyasint,omitempty"` // pass, or the code for which the clock check failed
	Offset    *int64 `cbor:"14,keyasint,omitempty"` // seconds, verifier's clock minus the code's iat
	Source    string `cbor:"15,keyasint"`           // how the code was read
	Notes     uint8  `cbor:"16,keyasint,omitempty"` // what had happened to the journal before this event
}

// Notes of an event.
const (
	noteTorn    = 1 << iota // a record that was not whole was dropped: a crash, or a cut
	noteShort               // records that had been counted were gone from the end of a file
	noteCounter             // the counter was gone and was made again from the files
)

var noteNames = [...]string{"torn", "shortened", "counter-lost"}

// Longest texts of an event, in bytes.
const (
	maxGuard = 128
	maxShift = 32
)

// isPlain tells a text that a person reads on one line.
func isPlain(s string, max int) bool {
	if len(s) > max || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func sealEvent(e *journalEvent, to keys.HPKEPublicKey) ([]byte, error) {
	data, err := cose.Marshal(e)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, (2+len(data)+journalBucket-1)/journalBucket*journalBucket)
	binary.BigEndian.PutUint16(plain, uint16(len(data)))
	copy(plain[2:], data)
	return to.Encrypt(journalPurpose, plain)
}

func openEvent(rec dayRecord, k keys.VerifierPrivateKey) (*journalEvent, error) {
	plain, err := k.Decrypt(journalPurpose, rec.sealed)
	if err != nil {
		return nil, err
	}
	return parseEvent(plain)
}

// parseEvent reads an opened event strictly: one encoding, known fields, texts that fit on a line.
func parseEvent(plain []byte) (*journalEvent, error) {
	if len(plain) < 2 || int(binary.BigEndian.Uint16(plain)) > len(plain)-2 {
		return nil, errors.New("length is out of range")
	}
	n := 2 + int(binary.BigEndian.Uint16(plain))
	data := plain[2:n]
	var e journalEvent
	if err := cose.Unmarshal(data, &e, cose.Limits{Bytes: maxSealedEvent, Depth: 1, Items: 32, String: maxSealedEvent}); err != nil {
		return nil, err
	}
	again, err := cose.Marshal(&e)
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(again, data) || len(bytes.Trim(plain[n:], "\x00")) > 0:
		return nil, errors.New("a field is unknown, or the padding is not zero")
	case len(e.Pseudonym) != 0 && len(e.Pseudonym) != pseudonymSize:
		return nil, errors.New("pseudonym has a wrong length")
	}
	for _, text := range []string{e.Guard, e.Shift, e.Period, e.Outcome, e.Code, e.Photo, e.Clock, e.Source} {
		if !isPlain(text, maxGuard) {
			return nil, errors.New("a text is too long or does not fit on a line")
		}
	}
	return &e, nil
}
