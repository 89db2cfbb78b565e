package issuer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
)

var auditTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// [ISS-21] An audit entry reads back as it was written, in canonical bytes.
func TestAuditEntryRoundTrip(t *testing.T) {
	e := AuditEntry{Event: EventStateChanged, Operator: "3", Detail: []any{7, int64(9), uint64(1 << 40), "17-к", []byte{1, 2}}}
	data, err := appendAuditEntry(nil, 5, auditTime, e)
	if err != nil {
		t.Fatal(err)
	}
	golden := []byte{
		0x85,                         // array of 5
		0x05,                         // number
		0x1a, 0x6a, 0x13, 0x39, 0x10, // time, seconds
		0x05,      // event: state-changed
		0x61, '3', // operator
		0x85, 0x07, 0x09, 0x1b, 0, 0, 1, 0, 0, 0, 0, 0, // detail: numbers
		0x65, '1', '7', '-', 0xd0, 0xba, 0x42, 1, 2, // text, bytes
	}
	binary := auditTime.Unix()
	golden[3], golden[4], golden[5], golden[6] = byte(binary>>24), byte(binary>>16), byte(binary>>8), byte(binary)
	if !bytes.Equal(data, golden) {
		t.Fatalf("got  %x\nwant %x", data, golden)
	}
	r, err := parseAuditEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	if r.Seq != 5 || !r.At.Equal(auditTime) || r.Event.String() != "state-changed" || r.Operator != "3" || len(r.Detail) != 5 || r.Detail[3] != "17-к" {
		t.Errorf("read back as %+v", r)
	}
	if AuditEvent(999).String() != "event-999" {
		t.Error("unknown event has a name")
	}
	for name, bad := range map[string]AuditEntry{
		"negative int":   {Detail: []any{-1}},
		"negative int64": {Detail: []any{int64(-1)}},
		"float":          {Detail: []any{1.5}},
		"nil":            {Detail: []any{nil}},
	} {
		if _, err := appendAuditEntry(nil, 1, auditTime, bad); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if _, err := appendAuditEntry(nil, 1, time.Unix(-1, 0), AuditEntry{}); err == nil {
		t.Error("a time before 1970 was written")
	}
}

func TestAuditEntryRefusals(t *testing.T) {
	for name, data := range map[string][]byte{
		"empty":          {},
		"map":            {0xa0},
		"four parts":     {0x84, 1, 1, 1, 0x60},
		"six parts":      {0x86, 1, 1, 1, 0x60, 0x80, 0},
		"text number":    {0x85, 0x61, 'a', 1, 1, 0x60, 0x80},
		"text time":      {0x85, 1, 0x60, 1, 0x60, 0x80},
		"far time":       {0x85, 1, 0x1b, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x60, 0x80},
		"great event":    {0x85, 1, 1, 0x1a, 0, 1, 0, 0, 0x60, 0x80},
		"bytes operator": {0x85, 1, 1, 1, 0x40, 0x80},
		"detail no list": {0x85, 1, 1, 1, 0x60, 0x60},
		"nested detail":  {0x85, 1, 1, 1, 0x60, 0x81, 0x80},
		"null detail":    {0x85, 1, 1, 1, 0x60, 0x81, 0xf6},
		"trailing":       {0x85, 1, 1, 1, 0x60, 0x80, 0},
		"long head":      {0x85, 0x18, 1, 1, 1, 0x60, 0x80},
		"cut":            {0x85, 1, 1},
	} {
		if r, err := parseAuditEntry(data); err == nil || r.Seq != 0 || r.Detail != nil {
			t.Errorf("%s: read as %+v", name, r)
		}
	}
}

func FuzzParseAuditEntry(f *testing.F) {
	for _, e := range []AuditEntry{{}, {Event: EventSigned, Operator: "1", Detail: []any{1, "а", []byte{2}}}} {
		data, err := appendAuditEntry(nil, 1, auditTime, e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{0x85, 1, 1, 1, 0x60, 0x81, 0xf6})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseAuditEntry(data)
		if err != nil {
			return
		}
		again, err := appendAuditEntry(nil, r.Seq, r.At, AuditEntry{Event: r.Event, Operator: r.Operator, Detail: r.Detail})
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%x reads as %+v and writes as %x, %v", data, r, again, err)
		}
	})
}

// shiftedSigner signs, but its token carries other bytes: the store's payload is swapped under it.
type shiftedSigner struct {
	keys.IssuerSigner
	payload []byte
}

func (s shiftedSigner) Sign(b []byte) ([]byte, error) {
	s.payload[len(s.payload)-1] ^= 1 // memory that went wrong between storing and signing
	return s.IssuerSigner.Sign(b)
}

// [ISS-03] A token whose payload is not the stored one is not issued.
func TestPayloadOf(t *testing.T) {
	signer, err := authority.GenerateIssuerKey(cose.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte{0xa1, 0x01, 0x02}
	token, err := credential.SignToken(payload, signer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := payloadOf(token)
	if err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("%x %v", got, err)
	}
	for n := range len(token) {
		if got, err := payloadOf(token[:n]); err == nil && !bytes.Equal(got, payload) {
			t.Fatalf("cut to %d bytes: payload %x", n, got)
		}
	}
	for name, data := range map[string][]byte{
		"untagged": token[1:], "number": {1}, "three parts": {0xd2, 0x83, 0x40, 0xa0, 0x40}, "text payload": {0xd2, 0x84, 0x40, 0xa0, 0x60, 0x40},
	} {
		if got, err := payloadOf(data); err == nil {
			t.Errorf("%s: payload %x", name, got)
		}
	}
	good := acceptAll{}
	stored := bytes.Clone(payload)
	if token, err := SignChecked(stored, shiftedSigner{signer, stored}, good, auditTime); err != nil && !errors.Is(err, ErrBytes) {
		t.Errorf("got %v", err)
	} else if err == nil {
		// The token copied the payload before or after the fault; either way it must be what is stored now.
		if got, _ := payloadOf(token); !bytes.Equal(got, stored) {
			t.Error("a token with other bytes than the stored ones was issued")
		}
	}
}

type acceptAll struct{}

func (acceptAll) CheckToken([]byte, time.Time) error { return nil }

// The profile hash moves with everything that a token shows, and with nothing else.
func TestProfileHash(t *testing.T) {
	p := DefaultProfile()
	base := Entitlement{Surname: "Гончарук", Given: "Тарас", Position: "слідчий", Rank: 3, Number: "1", HasPhoto: true}
	seen := map[[32]byte]string{p.hash(&base): "base"}
	for name, f := range map[string]func(*Entitlement){
		"surname": func(e *Entitlement) { e.Surname = "Гончаренко" }, "given": func(e *Entitlement) { e.Given = "Іван" },
		"patronymic": func(e *Entitlement) { e.Patronymic = "Іванович" }, "position": func(e *Entitlement) { e.Position = "прокурор" },
		"position-en": func(e *Entitlement) { e.PositionEN = "x" }, "unit": func(e *Entitlement) { e.Unit = "Відділ" },
		"unit-en": func(e *Entitlement) { e.UnitEN = "x" }, "category": func(e *Entitlement) { e.Category = "Б" },
		"rank": func(e *Entitlement) { e.Rank = 4 }, "photo": func(e *Entitlement) { e.PhotoHash[0] = 1 },
		"no photo": func(e *Entitlement) { e.HasPhoto = false }, "number": func(e *Entitlement) { e.Number = "2" },
		"moved text": func(e *Entitlement) { e.Surname, e.Given = "ГончарукТарас", "" },
	} {
		e := base
		f(&e)
		h := p.hash(&e)
		if other, ok := seen[h]; ok {
			t.Errorf("%s hashes as %s", name, other)
		}
		seen[h] = name
	}
	same := base
	same.ID, same.PersonKey, same.NotAfter, same.HolderKey, same.Live = 9, sha256.Sum256(nil), auditTime, []byte{1}, true
	if p.hash(&same) != p.hash(&base) {
		t.Error("what no token shows changes the hash")
	}
	q := p
	q.Life += time.Hour
	if q.hash(&base) == p.hash(&base) {
		t.Error("another life, same hash")
	}
}

func TestStateWords(t *testing.T) {
	if State(0).String() != "unknown" || State(99).String() != "unknown" || StateReplaced.String() != "replaced" {
		t.Error("states have wrong words")
	}
	for s := range State(10) {
		if s.Live() && s.Final() {
			t.Errorf("%s is live and final", s)
		}
	}
	if State(0).Live() || State(0).Final() || !StateSuspended.Live() || StatePending.Live() {
		t.Error("liveness is wrong")
	}
	if full := fullName(" Гончарук", "", "Тарас "); full != "Гончарук Тарас" {
		t.Errorf("full name %q", full)
	}
}
