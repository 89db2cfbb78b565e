package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// Limits of one upload of the journal (docs/spec/checkpoint-account.md, Section 7).
const (
	MaxJournalUpload  = 1 << 20 // bytes of the signed object
	maxUploadEvents   = 2000    // events in it
	maxUploadPlain    = 900 << 10
	uploadItemsOfCBOR = 16
)

// Errors of uploads.
var (
	ErrNoCentre = errors.New("checkpoint: no verifier to seal the journal to") // the policy names none, or one that the bundle does not have
	ErrUpload   = errors.New("checkpoint: not a journal upload")               // shape, signature or seal
)

// typeJournalUpload is the typ of a part of a journal on its way to its body. It is signed by the verifier whose journal it is.
var typeJournalUpload = cose.Type{MediaType: "application/vnd.posvid.journal+cose"}

// JournalUpload is a part of a device's journal, sealed to another verifier of the same body and signed by the device. Nothing in it
// is true before Verify has returned nil.
type JournalUpload struct {
	Body     string    // ЄДРПОУ
	Verifier uint64    // whose journal it is
	To       uint64    // number of the verifier that can open it
	First    uint64    // number of the first event in it
	Last     uint64    // of the last one
	Events   int       // how many; fewer than Last − First + 1 when some are missing
	IssuedAt time.Time // whole seconds

	sealed []byte
	sign   *cose.Sign1
}

// wireJournalUpload is the payload of an upload:
//
//	journal-upload = #6.18([ << { 1 => alg, 16 => typ } >>, {}, << payload >>, bstr ])
//	payload = { 1 => version: 1, 2 => edrpou, 3 => verifier: uint, 4 => to: uint, 5 => first: uint, 6 => last: uint,
//	            7 => events: uint, 8 => iat: uint, 9 => sealed: bstr }
type wireJournalUpload struct {
	Version  uint64 `cbor:"1,keyasint"`
	Body     string `cbor:"2,keyasint"`
	Verifier uint64 `cbor:"3,keyasint"`
	To       uint64 `cbor:"4,keyasint"`
	First    uint64 `cbor:"5,keyasint"`
	Last     uint64 `cbor:"6,keyasint"`
	Events   uint64 `cbor:"7,keyasint"`
	IssuedAt uint64 `cbor:"8,keyasint"`
	Sealed   []byte `cbor:"9,keyasint"`
}

// purpose ties the seal to what the object says of itself.
func (u *JournalUpload) purpose() string {
	return fmt.Sprintf("journal upload v1 %s %d %d %d %d %d", u.Body, u.Verifier, u.To, u.First, u.Last, u.Events)
}

// uploadEvents is maxUploadEvents; a test lowers it.
var uploadEvents = maxUploadEvents

// errEnough ends an export when an upload is full.
var errEnough = errors.New("checkpoint: upload is full")

// SealJournal makes the next upload: the events after number after, at most 2,000 of them, sealed to the verifier that the policy of
// this device names. Nil without an error means that there are none. The events stay where they are. Errors: ErrNoCentre, ErrKeys for
// the zero key, ErrNotEnrolled, and those of ExportJournal.
func (s *State) SealJournal(k keys.VerifierPrivateKey, after uint64, at time.Time) ([]byte, error) {
	if k.HPKEPublic().IsZero() {
		return nil, fail(ErrKeys, "the journal opens only with this device's keys, and those with its passphrase")
	}
	u, centre, err := s.uploadTo(at)
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	json := jsonWriter(&lines)
	_, err = s.ExportJournal(k, ExportOptions{after: after, each: func(number uint64, e exportedEvent) error {
		switch {
		case u.Events == uploadEvents || lines.Len() > maxUploadPlain:
			return errEnough
		case u.Events == 0:
			u.First = number
		case number <= u.Last: // put in by hand; the device's own export tells of it
			return nil
		}
		u.Last = number
		u.Events++
		return json(e)
	}}, io.Discard)
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if u.Events == 0 {
		return nil, nil
	}
	sealed, err := centre.HPKE.Encrypt(u.purpose(), lines.Bytes())
	if err != nil {
		return nil, fail(ErrJournal, "journal: sealing an upload: %v", err)
	}
	payload, err := cose.Marshal(wireJournalUpload{1, u.Body, u.Verifier, u.To, u.First, u.Last, uint64(u.Events), uint64(at.Unix()), sealed})
	if err != nil {
		return nil, fail(ErrJournal, "journal: %v", err)
	}
	out, err := cose.EncodeSign1(k, cose.Header{Type: typeJournalUpload}, payload)
	if err != nil {
		return nil, fail(ErrJournal, "journal: %v", err)
	}
	return out, nil
}

// uploadTo is who this device is and who is to open its journal.
func (s *State) uploadTo(at time.Time) (u JournalUpload, centre trust.VerifierEntry, err error) {
	err = s.locked(false, func() error {
		b, entry, err := s.journalKey(at)
		if err != nil {
			return err
		}
		p, err := s.obeyed(at)
		if err != nil {
			return err
		}
		if p == nil || p.JournalTo == 0 {
			return fail(ErrNoCentre, "journal: the policy of this checkpoint names nobody to send it to")
		}
		var ok bool
		centre, ok, err = b.Verifier(p.JournalTo)
		switch {
		case err != nil:
			return fail(ErrBundle, "%v", err)
		case !ok || centre.Body != entry.Body || !at.Before(centre.ValidUntil):
			return fail(ErrNoCentre, "journal: bundle %d has no valid verifier %d of body %s", b.Number(), p.JournalTo, entry.Body)
		}
		u = JournalUpload{Body: entry.Body, Verifier: entry.ID, To: p.JournalTo}
		return nil
	})
	return u, centre, err
}

// ParseJournalUpload reads an upload and checks no signature. Its errors are ErrUpload.
func ParseJournalUpload(data []byte) (*JournalUpload, error) {
	limits := cose.Limits{Bytes: MaxJournalUpload, Items: uploadItemsOfCBOR, String: MaxJournalUpload}
	m, err := cose.ParseSign1(data, cose.Profile{Type: typeJournalUpload, Limits: limits})
	if err != nil {
		return nil, fail(ErrUpload, "journal upload: %v", err)
	}
	var w wireJournalUpload
	if err := cose.Unmarshal(m.Payload, &w, limits); err != nil {
		return nil, fail(ErrUpload, "journal upload: %v", err)
	}
	const maxNumber = math.MaxInt64 // what a database keeps
	switch {
	case w.Version != 1:
		return nil, fail(ErrUpload, "journal upload: version %d, want 1", w.Version)
	case w.Verifier == 0 || w.To == 0 || w.Verifier > maxNumber || w.To > maxNumber || len(w.Body) != 8:
		return nil, fail(ErrUpload, "journal upload: body, verifier or recipient is missing")
	case w.First == 0 || w.Last < w.First || w.Last > maxNumber || w.Events == 0 || w.Events > maxUploadEvents || w.Events > w.Last-w.First+1:
		return nil, fail(ErrUpload, "journal upload: %d events from %d to %d", w.Events, w.First, w.Last)
	case w.IssuedAt == 0 || w.IssuedAt > 1<<40 || len(w.Sealed) == 0:
		return nil, fail(ErrUpload, "journal upload: iat or content is missing")
	}
	return &JournalUpload{Body: w.Body, Verifier: w.Verifier, To: w.To, First: w.First, Last: w.Last, Events: int(w.Events),
		IssuedAt: time.Unix(int64(w.IssuedAt), 0).UTC(), sealed: w.Sealed, sign: m}, nil
}

// Verify checks that a verifier's key signed the upload; whose key it is, is the caller's question.
func (u *JournalUpload) Verify(key keys.VerifierPublicKey) error {
	if err := key.Verify(u.sign); err != nil {
		return fail(ErrUpload, "journal upload of verifier %d: %v", u.Verifier, err)
	}
	return nil
}

// Open gives the events of an upload as JSON lines (docs/spec/journal.md, Section 6). k is the key of the verifier that it is sealed
// to. Verify comes first: anybody can seal to a public key.
func (u *JournalUpload) Open(k keys.VerifierPrivateKey) ([]byte, error) {
	plain, err := k.Decrypt(u.purpose(), u.sealed)
	if err != nil {
		return nil, fail(ErrUpload, "journal upload of verifier %d: it is not sealed to this device: %v", u.Verifier, err)
	}
	return plain, nil
}

// OpenUpload opens an upload of another device of the same body, as the installed bundle has it. A device that was ended since then
// is not in the bundle any more: its uploads are opened before, or are believed by who hands them over. Errors: ErrUpload,
// ErrNotEnrolled, and those of Bundle.
func (s *State) OpenUpload(data []byte, k keys.VerifierPrivateKey, at time.Time) (u *JournalUpload, events []byte, err error) {
	if u, err = ParseJournalUpload(data); err != nil {
		return nil, nil, err
	}
	err = s.locked(false, func() error {
		b, own, err := s.journalKey(at)
		if err != nil {
			return err
		}
		entry, ok, err := b.Verifier(u.Verifier)
		switch {
		case err != nil:
			return fail(ErrBundle, "%v", err)
		case !ok || entry.Body != u.Body || entry.Body != own.Body:
			return fail(ErrUpload, "journal upload: bundle %d has no verifier %d of body %s", b.Number(), u.Verifier, own.Body)
		}
		return u.Verify(entry.SigningKey)
	})
	if err != nil {
		return nil, nil, err
	}
	if events, err = u.Open(k); err != nil {
		return nil, nil, err
	}
	return u, events, nil
}

// ForgetJournal removes the past days of which every event has a number above after and not above through, on the policy's word that
// what was acknowledged may go: it does nothing unless the policy says so. The day of the installed bundle's time stays, a day that is
// not whole stays, and the numbers go on.
func (s *State) ForgetJournal(after, through uint64, at time.Time) (removed int, err error) {
	err = s.locked(true, func() error {
		p, err := s.obeyed(at)
		if err != nil || p == nil || !p.JournalClear {
			return err
		}
		b, err := s.bundle()
		if err != nil {
			return err
		}
		today := journalTime(at, b).Format(dayForm)
		days, err := s.journalDayNames()
		if err != nil {
			return err
		}
		for _, day := range days {
			first, last, err := s.dayNumbers(day)
			if err != nil {
				return err
			}
			if day >= today || first == 0 || first <= after || last > through {
				continue
			}
			if err := s.removeJournal(dayName(day)); err != nil {
				return err
			}
			removed++
		}
		if removed == 0 {
			return nil
		}
		return s.afterRemoval(today)
	})
	return removed, err
}

// dayNumbers are the lowest and the highest number in a day's file; 0 when it is not whole, so that nobody removes what could not be
// read.
func (s *State) dayNumbers(day string) (first, last uint64, err error) {
	f, err := os.Open(filepath.Join(s.dir, dayName(day)))
	if err != nil {
		return 0, 0, fail(ErrDisk, "reading the journal: %v", err)
	}
	defer f.Close()
	first = math.MaxUint64
	r, err := newDayReader(io.LimitReader(f, MaxJournalDay))
	for err == nil {
		var rec dayRecord
		if rec, err = r.next(); err == nil {
			first, last = min(first, rec.number), max(last, rec.number)
		}
	}
	if err != io.EOF || last == 0 {
		return 0, 0, nil
	}
	return first, last, nil
}

// afterRemoval lets the counter begin at what is left.
func (s *State) afterRemoval(oldest string) error {
	h, _, err := s.journalHead()
	if err != nil {
		return err
	}
	if h.First, err = s.firstNumber(h.Last + 1); err != nil {
		return err
	}
	if h.Day < oldest {
		h.Day, h.Size = "", 0
	}
	return s.writeRecord("journal-head", journalHead, h)
}
