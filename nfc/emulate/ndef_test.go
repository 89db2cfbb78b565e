package emulate

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// readTag reads a tag as the mapping says a reader does: capability container, file, length, content in pieces of MLe.
func readTag(t *testing.T, c client) []byte {
	t.Helper()
	c.hex(StatusOK, "00A4040007D276000085010100")
	c.hex(StatusOK, "00A4000C02E103")
	cc := c.hex(StatusOK, "00B000000F")
	if len(cc) != 15 || cc[0] != 0 || cc[1] != 15 || cc[2] != 0x20 || cc[7] != 4 || cc[8] != 6 {
		t.Fatalf("capability container %x", cc)
	}
	mle := int(binary.BigEndian.Uint16(cc[3:]))
	if sw := second(c.once(append([]byte{0, 0xA4, 0, 0x0C, 2}, cc[9:11]...))); sw != StatusOK {
		t.Fatalf("file: %04X", sw)
	}
	length := c.hex(StatusOK, "00B0000002")
	left := int(binary.BigEndian.Uint16(length))
	var message []byte
	for offset := 2; left > 0; {
		n := min(left, mle)
		piece, sw := c.once([]byte{0, 0xB0, byte(offset >> 8), byte(offset), byte(n)})
		if sw != StatusOK || len(piece) != n {
			t.Fatalf("%d bytes at %d: %04X with %d", n, offset, sw, len(piece))
		}
		message = append(message, piece...)
		offset, left = offset+n, left-n
	}
	return message
}

func second(_ []byte, sw uint16) uint16 { return sw }

func TestTagReadAndWrite(t *testing.T) {
	message, err := MediaRecord("application/sd-cwt", bytes.Repeat([]byte{0xD8}, 700))
	if err != nil {
		t.Fatal(err)
	}
	tag, err := NewTag(TagConfig{Message: message})
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, NewSlot(NewChip(ChipConfig{Contactless: true, UID: []byte{1, 2, 3, 4}}, tag))}
	if got := readTag(t, c); !bytes.Equal(got, message) {
		t.Errorf("%d bytes read, want %d", len(got), len(message))
	}
	// Writing: length 0, content in pieces of MLc, length.
	fresh, err := MediaRecord("text/plain", bytes.Repeat([]byte{'x'}, 500))
	if err != nil {
		t.Fatal(err)
	}
	c.hex(StatusOK, "00D60000020000")
	if got := tag.Message(); len(got) != 0 {
		t.Errorf("%d bytes while the length is 0", len(got))
	}
	for offset := 0; offset < len(fresh); offset += 246 {
		piece := fresh[offset:min(offset+246, len(fresh))]
		if sw := second(c.once(append([]byte{0, 0xD6, byte((offset + 2) >> 8), byte(offset + 2), byte(len(piece))}, piece...))); sw != StatusOK {
			t.Fatalf("write at %d: %04X", offset, sw)
		}
	}
	if sw := second(c.once(binary.BigEndian.AppendUint16([]byte{0, 0xD6, 0, 0, 2}, uint16(len(fresh))))); sw != StatusOK {
		t.Fatalf("length: %04X", sw)
	}
	if !bytes.Equal(tag.Message(), fresh) || !bytes.Equal(readTag(t, c), fresh) {
		t.Error("the message read is not the one written")
	}
}

func TestTagRefusals(t *testing.T) {
	tag, err := NewTag(TagConfig{Capacity: 300, MaxRead: 15, MaxWrite: 13})
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, NewSlot(NewChip(ChipConfig{}, tag))}
	c.hex(StatusOK, "00A4040007D276000085010100")
	c.hex(StatusNoFile, "00B0000002")
	c.hex(StatusNoFile, "00D6000001AA")
	c.hex(StatusNotFound, "00A4000C02E105")
	c.hex(StatusParameters, "00A4000002E103")
	c.hex(StatusWrongLength, "00A4000C01E1")
	c.hex(StatusOK, "00A4000C02E103")
	c.hex(StatusSecurity, "00D6000001AA") // the capability container is not written
	if got := c.hex(StatusEndOfFile, "00B0000A0F"); len(got) != 5 {
		t.Errorf("%d bytes before the end", len(got))
	}
	if got := c.hex(StatusOK, "00B0000000"); len(got) != 15 {
		t.Errorf("%d bytes with Le 00", len(got))
	}
	c.hex(StatusOffset, "00B0000F01")
	c.hex(StatusWrongLength, "00B0000010")
	c.hex(StatusWrongLength, "00B00000")
	c.hex(StatusParameters, "00B0800001")
	c.hex(StatusOK, "00A4000C02E104")
	c.hex(StatusWrongLength, "00D600000E"+hexOf(14))
	c.hex(StatusNoSpace, "00D6012C01AA")
	c.hex(StatusOK, "00D6012B01AA")
	c.hex(StatusParameters, "00D6800001AA")
	c.hex(StatusWrongLength, "00D60000")
	c.hex(StatusInstruction, "00CB3FFF035C017E00")
	c.hex(StatusChaining, "10D6000001AA")

	locked, err := NewTag(TagConfig{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	c = client{t, NewSlot(NewChip(ChipConfig{}, locked))}
	c.hex(StatusOK, "00A4040007D276000085010100")
	c.hex(StatusOK, "00A4000C02E103")
	if cc := c.hex(StatusOK, "00B000000F"); cc[14] != 0xFF {
		t.Errorf("a locked tag announces write access %02X", cc[14])
	}
	c.hex(StatusOK, "00A4000C02E104")
	c.hex(StatusSecurity, "00D6000001AA")

	lying := uint16(0xFFFE)
	liar, err := NewTag(TagConfig{Length: &lying, CapabilityContainer: []byte{0, 0xFF}})
	if err != nil {
		t.Fatal(err)
	}
	c = client{t, NewSlot(NewChip(ChipConfig{}, liar))}
	c.hex(StatusOK, "00A4040007D276000085010100")
	c.hex(StatusOK, "00A4000C02E103")
	if got := c.hex(StatusEndOfFile, "00B000000F"); !bytes.Equal(got, []byte{0, 0xFF}) {
		t.Errorf("capability container %x", got)
	}
	c.hex(StatusOK, "00A4000C02E104")
	if got := c.hex(StatusOK, "00B0000002"); !bytes.Equal(got, []byte{0xFF, 0xFE}) {
		t.Errorf("length %x", got)
	}
	c.hex(StatusOK, "00D6000002FFFE")
	if liar.Message() != nil {
		t.Error("a length beyond the file gave a message")
	}
	for _, bad := range []TagConfig{{Capacity: 4}, {Capacity: 32768}, {Capacity: 10, Message: make([]byte, 9)}, {MaxRead: 14}, {MaxRead: 32768}, {MaxWrite: 12}, {MaxWrite: 32768}} {
		if _, err := NewTag(bad); err == nil {
			t.Errorf("%+v: taken", bad)
		}
	}
}

// TestTagLikeForeign asks our tag what a foreign one was asked in a recorded session, with that one's message in it.
func TestTagLikeForeign(t *testing.T) {
	session := readTrace(t, "mdl-ndef-static-handover.trace")
	var message []byte
	for _, e := range session {
		if e.apdu[1] == insReadBinary && e.apdu[3] != 0 {
			message = append(message, e.data...)
		}
	}
	length := uint16(len(message) + 2) // the foreign tag counts the length field itself, against the mapping
	tag, err := NewTag(TagConfig{Message: message, Length: &length, MaxRead: 0x7FFF, MaxWrite: 0x7FFF, Capacity: 0x7FFF, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, NewSlot(NewChip(ChipConfig{}, tag))}
	for _, e := range session {
		data, sw := c.once(e.apdu)
		switch {
		case e.sw == StatusEndOfFile: // the foreign file ends with its message, ours with its capacity
			if sw != StatusOK {
				t.Errorf("%x: %04X", e.apdu, sw)
			}
		case e.apdu[1] == insSelect && e.apdu[2] == 4 && !bytes.Equal(e.apdu[5:12], ndefAID): // the foreign card's other application
			if sw != StatusNotFound {
				t.Errorf("%x: %04X", e.apdu, sw)
			}
		case sw != e.sw || !bytes.Equal(data, e.data):
			t.Errorf("%x: %x %04X, the foreign tag answered %x %04X", e.apdu, data, sw, e.data, e.sw)
		}
	}
	if len(session) != 10 || len(message) != 0xB5 {
		t.Errorf("%d commands, message of %d bytes: the recording was misread", len(session), len(message))
	}
}

// TestMediaRecord compares with records written out by hand from the NDEF specification.
func TestMediaRecord(t *testing.T) {
	short, err := MediaRecord("a/b", []byte{1, 2})
	if err != nil || !bytes.Equal(short, []byte{
		0xD2,          // message begins and ends, short record, TNF 2
		3,             // length of the type
		2,             // length of the payload
		'a', '/', 'b', // type
		1, 2,
	}) {
		t.Errorf("short record %x, %v", short, err)
	}
	long, err := MediaRecord("a/b", make([]byte, 256))
	if err != nil || !bytes.HasPrefix(long, []byte{0xC2, 3, 0, 0, 1, 0, 'a', '/', 'b', 0}) || len(long) != 9+256 {
		t.Errorf("long record %x, %v", long[:12], err)
	}
	if _, err := MediaRecord(string(make([]byte, 256)), nil); err == nil {
		t.Error("a type of 256 bytes was taken")
	}
}

// TestCombinedCard is a card with both applications, as plastic that carries a record signed for its own PIV key.
func TestCombinedCard(t *testing.T) {
	tag, err := NewTag(TagConfig{Message: []byte{0xD0, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	card := personalise(t, nil)
	chip := NewChip(ChipConfig{Contactless: true, UID: []byte{8, 1, 2, 3}}, card, tag)
	c := client{t, NewSlot(chip)}
	if got := readTag(t, c); !bytes.Equal(got, []byte{0xD0, 0, 0}) {
		t.Errorf("record %x", got)
	}
	c.selectPIV()
	if _, sw := c.general(P256, 0x9E, TLV(0x82), TLV(0x81, make([]byte, 32))); sw != StatusOK {
		t.Errorf("signature: %04X", sw)
	}
	if got := c.hex(StatusOK, "FFCA000000"); len(got) != 4 {
		t.Errorf("UID %x", got)
	}
	commands, traffic := chip.Count()
	if commands != 9 || traffic < 200 {
		t.Errorf("%d commands with %d bytes counted, want 9", commands, traffic)
	}
}
