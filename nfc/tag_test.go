package nfc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/posvid/posvid/nfc/emulate"
)

// tagCard makes a selected tag on an emulated card.
func tagCard(t *testing.T, config emulate.TagConfig, limits TransportLimits) (*Tag4, *Session, error) {
	t.Helper()
	application, err := emulate.NewTag(config)
	if err != nil {
		t.Fatal(err)
	}
	session := NewSession(limitedCard{Bound(emulate.NewSlot(emulate.NewChip(emulate.ChipConfig{Contactless: true, ExtendedLength: limits.Extended}, application)), 0, 0), limits})
	tag, err := SelectTag(t.Context(), session)
	return tag, session, err
}

func TestTagRead(t *testing.T) {
	for _, n := range []int{0, 1, 200, 255, 256, 700, 2048} {
		token := bytes.Repeat([]byte{0xD2}, n)
		message, err := emulate.MediaRecord(MediaToken, token)
		if err != nil {
			t.Fatal(err)
		}
		for name, limits := range map[string]TransportLimits{"short": ShortLimits, "narrow": NarrowLimits, "extended": ExtendedLimits} {
			tag, session, err := tagCard(t, emulate.TagConfig{Message: message}, limits)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tag.ReadToken(t.Context())
			if err != nil || !bytes.Equal(got, token) {
				t.Errorf("%d bytes, %s: %d bytes, %v", n, name, len(got), err)
			}
			// SELECT, SELECT, READ, SELECT, READ of the length, and what the size of one answer asks for.
			piece := min(tag.MaxRead, session.Limits().Le)
			if want := 5 + (len(message)+piece-1)/piece; session.Counts().Commands != want {
				t.Errorf("%d bytes, %s: %d commands, want %d", n, name, session.Counts().Commands, want)
			}
		}
	}
}

func TestTagRefuses(t *testing.T) {
	one := func(n uint16) *uint16 { return &n }
	message, _ := emulate.MediaRecord(MediaToken, []byte("token"))
	other, _ := emulate.MediaRecord("text/plain", []byte("token"))
	for name, c := range map[string]struct {
		config emulate.TagConfig
		want   error
	}{
		"blank":                   {emulate.TagConfig{}, ErrNotFound},
		"another record":          {emulate.TagConfig{Message: other}, ErrNotFound},
		"two tokens":              {emulate.TagConfig{Message: joinRecords(message, message)}, ErrMalformed},
		"no message":              {emulate.TagConfig{Message: []byte("token, not a record")}, ErrMalformed},
		"length beyond the file":  {emulate.TagConfig{Message: message, Capacity: 100, Length: one(99)}, ErrMalformed},
		"length beyond the limit": {emulate.TagConfig{Message: message, Capacity: 0x7FFF, Length: one(MaxNDEF + 1)}, ErrTooLarge},
		"length too short":        {emulate.TagConfig{Message: message, Length: one(uint16(len(message) - 1))}, ErrMalformed},
		"length too long":         {emulate.TagConfig{Message: message, Length: one(uint16(len(message) + 1))}, ErrMalformed},
		"container too short":     {emulate.TagConfig{Message: message, CapabilityContainer: make([]byte, 7)}, nil},
		"container of zeros":      {emulate.TagConfig{Message: message, CapabilityContainer: make([]byte, 15)}, ErrMalformed},
		"file not there":          {emulate.TagConfig{Message: message, CapabilityContainer: unhex(t, "000F2000F600F60406E1990800"+"0000")}, ErrNotFound},
		"file not free":           {emulate.TagConfig{Message: message, CapabilityContainer: unhex(t, "000F2000F600F60406E1040800"+"8000")}, ErrAccess},
	} {
		tag, _, err := tagCard(t, c.config, ShortLimits)
		if err == nil {
			_, err = tag.ReadToken(t.Context())
		}
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, card := range map[string]Card{"number only": emulate.NewSlot(emulate.NewNumberTag([]byte{1, 2, 3, 4}))} {
		if tag, err := SelectTag(t.Context(), NewSession(card)); !errors.Is(err, ErrNoApplication) || tag != nil {
			t.Errorf("%s: %v", name, err)
		}
		if piv, err := SelectPIV(t.Context(), NewSession(card)); !errors.Is(err, ErrNoApplication) || piv != nil {
			t.Errorf("%s: PIV %v", name, err)
		}
	}
}

// joinRecords makes one message of two that have one record each.
func joinRecords(a, b []byte) []byte {
	a, b = bytes.Clone(a), bytes.Clone(b)
	a[0] &^= ndefEnd
	b[0] &^= ndefBegin
	return append(a, b...)
}

func TestTagWrite(t *testing.T) {
	for _, limits := range []TransportLimits{ShortLimits, NarrowLimits, ExtendedLimits} {
		tag, _, err := tagCard(t, emulate.TagConfig{MaxWrite: 100}, limits)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1000, 1, 300} {
			token := bytes.Repeat([]byte{byte(n)}, n)
			message, err := BuildNDEF(NDEFRecord{Format: NDEFMedia, Type: MediaToken, Payload: token})
			if err != nil {
				t.Fatal(err)
			}
			if err := tag.WriteMessage(t.Context(), message); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
			if back, err := tag.ReadToken(t.Context()); err != nil || !bytes.Equal(back, token) {
				t.Errorf("%d bytes: read %d, %v", n, len(back), err)
			}
		}
	}
	message, _ := BuildNDEF(NDEFRecord{Format: NDEFMedia, Type: MediaToken, Payload: make([]byte, 300)})
	for name, c := range map[string]struct {
		config  emulate.TagConfig
		message []byte
		want    error
	}{
		"read only":    {emulate.TagConfig{ReadOnly: true}, message, ErrAccess},
		"too small":    {emulate.TagConfig{Capacity: 100}, message, ErrTooLarge},
		"no message":   {emulate.TagConfig{}, []byte("text"), ErrUsage},
		"empty":        {emulate.TagConfig{}, nil, ErrUsage},
		"over the cap": {emulate.TagConfig{Capacity: 0x7FFF}, make([]byte, MaxNDEF+1), ErrUsage},
	} {
		tag, session, err := tagCard(t, c.config, ShortLimits)
		if err != nil {
			t.Fatal(err)
		}
		before := session.Counts().Commands
		if err := tag.WriteMessage(t.Context(), c.message); !errors.Is(err, c.want) || session.Counts().Commands != before {
			t.Errorf("%s: %v, want %v; %d commands sent", name, err, c.want, session.Counts().Commands-before)
		}
	}
}

// TestTagTornWhileWriting tears the tag at every command: it holds the old message, the new one, or none.
func TestTagTornWhileWriting(t *testing.T) {
	message, _ := BuildNDEF(NDEFRecord{Format: NDEFMedia, Type: MediaToken, Payload: bytes.Repeat([]byte{2}, 500)})
	old, _ := BuildNDEF(NDEFRecord{Format: NDEFMedia, Type: MediaToken, Payload: bytes.Repeat([]byte{1}, 500)})
	for n := 6; n < 16; n++ {
		application, err := emulate.NewTag(emulate.TagConfig{Message: old, MaxWrite: 100})
		if err != nil {
			t.Fatal(err)
		}
		chip := emulate.NewChip(emulate.ChipConfig{Contactless: true}, application)
		session := NewSession(emulate.NewSlot(emulate.NewScript(chip).At(n, emulate.Tear())))
		tag, err := SelectTag(t.Context(), session)
		if err == nil {
			err = tag.WriteMessage(t.Context(), message)
		}
		if err != nil && !errors.Is(err, ErrTorn) {
			t.Errorf("torn at %d: %v", n, err)
		}
		again, errSelect := SelectTag(t.Context(), NewSession(emulate.NewSlot(chip)))
		if errSelect != nil {
			t.Fatal(errSelect)
		}
		back, errRead := again.ReadMessage(t.Context())
		switch {
		case errors.Is(errRead, ErrNotFound) && err != nil:
		case errRead == nil && bytes.Equal(back, message):
		case errRead == nil && bytes.Equal(back, old) && err != nil:
		default:
			t.Errorf("torn at %d: write %v, then %d bytes, %v", n, err, len(back), errRead)
		}
	}
}

func TestCapabilityContainerRefuses(t *testing.T) {
	const good = "000F207FFF7FFF0406E1047FFF00FF"
	c, err := ParseCapabilityContainer(unhex(t, good))
	if err != nil || c.MaxRead != 0x7FFF || c.File != 0xE104 || c.Size != 0x7FFF || c.Write != 0xFF {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, edit := range map[string]struct {
		at    int
		bytes string
	}{
		"length 14": {0, "000E"}, "length reserved": {0, "FFFF"}, "version 0.9": {2, "09"}, "version 4.0": {2, "40"}, "MLe 14": {3, "000E"}, "MLc 0": {5, "0000"},
		"another object": {7, "05"}, "object of 8 bytes": {8, "08"}, "file 0000": {9, "0000"}, "file E102": {9, "E102"}, "file E103": {9, "E103"},
		"file 3F00": {9, "3F00"}, "file 3FFF": {9, "3FFF"}, "file FFFF": {9, "FFFF"}, "size 4": {11, "0004"}, "size reserved": {11, "FFFF"},
	} {
		bad := unhex(t, good)
		copy(bad[edit.at:], unhex(t, edit.bytes))
		if c, err := ParseCapabilityContainer(bad); !errors.Is(err, ErrMalformed) || c.File != 0 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for n := range 15 {
		if _, err := ParseCapabilityContainer(unhex(t, good)[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestTagTrace reads a recorded tag of a foreign program: a mobile driving licence's engagement, so it holds no token.
// The program counts the two bytes of NLEN in it, and answers 6282 to who reads that much.
func TestTagTrace(t *testing.T) {
	var file, container []byte
	for _, e := range trace(t, "mdl-ndef-static-handover.trace") {
		c, err := ParseCommandAPDU(e.Command)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ParseResponseAPDU(e.Response)
		switch {
		case err != nil:
			t.Fatal(err)
		case c.INS == insReadBinary && c.Le == 15:
			container = r.Data
		case c.INS == insReadBinary:
			file = append(file, r.Data...)
		}
	}
	var selected []byte
	tag, err := SelectTag(t.Context(), NewSession(cardFunc(func(_ context.Context, apdu []byte) ([]byte, error) {
		c, err := ParseCommandAPDU(apdu)
		if err != nil {
			return nil, err
		}
		if c.INS == insSelect {
			selected = c.Data
			return []byte{0x90, 0x00}, nil
		}
		data := file
		if bytes.Equal(selected, tagCC) {
			data = container
		}
		offset := int(c.P1)<<8 | int(c.P2)
		if offset+c.Le > len(data) {
			return []byte{0x62, 0x82}, nil
		}
		return append(bytes.Clone(data[offset:offset+c.Le]), 0x90, 0x00), nil
	})))
	if err != nil || tag.File != 0xE104 {
		t.Fatalf("%+v, %v", tag, err)
	}
	message, err := tag.ReadMessage(t.Context())
	if err != nil || len(message) != int(binary.BigEndian.Uint16(file))-2 {
		t.Fatalf("message of %d bytes, %v", len(message), err)
	}
	records, err := ParseNDEF(message)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, fmt.Sprintf("%d:%s", r.Format, r.Type))
	}
	if got := strings.Join(names, " "); got != "1:Hs 2:iso.org:18013:nfc 4:iso.org:18013:deviceengagement" {
		t.Errorf("records %s", got)
	}
	if _, err := tag.ReadToken(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("token: %v", err)
	}
}

func TestNDEFRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                   "",
		"flags only":                "D2",
		"no payload length":         "D201",
		"payload length cut":        "C201000000",
		"type cut":                  "D2050061",
		"payload cut":               "D2010261" + "AA",
		"id cut":                    "DA010002" + "61" + "69",
		"no id length":              "DA0100",
		"bytes after it":            "D2010061" + "00",
		"second message":            "D2010061" + "D2010061",
		"first without MB":          "52010061",
		"MB twice":                  "92010061" + "D2010061",
		"no ME":                     "92010061",
		"no ME on the second":       "92010061" + "12010061",
		"chunk":                     "B2010061" + "56000061",
		"format 6 (unchanged)":      "D6000061",
		"format 7 (reserved)":       "D7010061",
		"media type without a type": "D2000161",
		"empty with a payload":      "D0000161",
		"empty with a type":         "D0010061",
		"unknown with a type":       "D5010061",
		"type with a control":       "D201000A",
		"type beyond ASCII":         "D20100C3",
	} {
		if list, err := ParseNDEF(unhex(t, s)); !errors.Is(err, ErrMalformed) || list != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := []byte{}
	for i := range MaxRecords + 1 {
		r := []byte{0x12, 1, 0, 'a'}
		if i == 0 {
			r[0] |= ndefBegin
		}
		if i == MaxRecords {
			r[0] |= ndefEnd
		}
		many = append(many, r...)
	}
	for name, data := range map[string][]byte{
		"too many records": many,
		"message too long": make([]byte, MaxNDEF+1),
		"payload too long": unhex(t, "C201FFFFFFFF61"),
		"payload of 8193":  unhex(t, "C2010000200161"),
	} {
		if list, err := ParseNDEF(data); !errors.Is(err, ErrTooLarge) || list != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, records := range map[string][]NDEFRecord{
		"none": nil, "type too long": {{Format: NDEFMedia, Type: strings.Repeat("a", 256)}}, "no type": {{Format: NDEFMedia}}, "reserved": {{Format: 7, Type: "a"}}, "control in the type": {{Format: NDEFMedia, Type: "a\n"}},
	} {
		if m, err := BuildNDEF(records...); !errors.Is(err, ErrUsage) || m != nil {
			t.Errorf("building %s: %v", name, err)
		}
	}
	if _, err := BuildNDEF(NDEFRecord{Format: NDEFMedia, Type: "a", Payload: make([]byte, MaxNDEF)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("building too much: %v", err)
	}
	token := NDEFRecord{Format: NDEFMedia, Type: "Application/SD-CWT"}
	if !token.Is(MediaToken) || (NDEFRecord{Format: NDEFExternal, Type: MediaToken}).Is(MediaToken) {
		t.Error("media types are compared wrongly")
	}
}

func FuzzParseNDEF(f *testing.F) {
	message, _ := BuildNDEF(NDEFRecord{Format: NDEFMedia, Type: MediaToken, Payload: []byte{1, 2, 3}}, NDEFRecord{Format: NDEFWellKnown, Type: "T", ID: "x", Payload: make([]byte, 300)}, NDEFRecord{})
	f.Add(message)
	f.Add([]byte{0xD0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := ParseNDEF(data)
		if err != nil {
			if records != nil {
				t.Fatal("a failed parse returned records")
			}
			return
		}
		again, err := BuildNDEF(records...)
		if err != nil {
			t.Fatalf("%X does not build: %v", data, err)
		}
		// The long form and an id of no bytes may be written where the short forms would do.
		second, err := ParseNDEF(again)
		if err != nil || len(second) != len(records) || len(again) > len(data) {
			t.Fatalf("%X builds %X: %v", data, again, err)
		}
		for i := range records {
			if records[i].Type != second[i].Type || records[i].ID != second[i].ID || records[i].Format != second[i].Format || !bytes.Equal(records[i].Payload, second[i].Payload) {
				t.Fatalf("record %d changed", i)
			}
		}
	})
}

func FuzzParseCapabilityContainer(f *testing.F) {
	f.Add(unhex(f, "000F207FFF7FFF0406E1047FFF00FF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCapabilityContainer(data)
		if err != nil && c != (CapabilityContainer{}) {
			t.Fatal("a failed parse returned a container")
		}
		if err == nil && (c.Size < 5 || c.MaxRead < 15 || c.MaxWrite < 1) {
			t.Fatalf("%+v", c)
		}
	})
}
