package emulate

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"testing"
	"time"
)

type signer = crypto.Signer

// client talks to a card as a reader does, with nothing of the package's own card side but the encoding of TLV.
type client struct {
	t    testing.TB
	card interface {
		Transmit(context.Context, []byte) ([]byte, error)
	}
}

// once sends one command and takes the answer apart.
func (c client) once(apdu []byte) ([]byte, uint16) {
	c.t.Helper()
	response, err := c.card.Transmit(c.t.Context(), apdu)
	if err != nil || len(response) < 2 {
		c.t.Fatalf("%x: answer %x, %v", apdu, response, err)
	}
	n := len(response)
	return response[:n-2], uint16(response[n-2])<<8 | uint16(response[n-1])
}

// hex sends one command and wants a status word.
func (c client) hex(want uint16, apdu string) []byte {
	c.t.Helper()
	data, sw := c.once(unhex(c.t, apdu))
	if sw != want {
		c.t.Errorf("%s: %04X, want %04X", apdu, sw, want)
	}
	return data
}

// full sends data of any length by chaining and fetches the whole answer.
func (c client) full(header [4]byte, data []byte) ([]byte, uint16) {
	c.t.Helper()
	for len(data) > 255 {
		chained := append([]byte{header[0] | 0x10, header[1], header[2], header[3], 255}, data[:255]...)
		if rest, sw := c.once(chained); sw != StatusOK || len(rest) != 0 {
			return rest, sw
		}
		data = data[255:]
	}
	apdu := header[:]
	if len(data) > 0 {
		apdu = append(append(bytes.Clone(apdu), byte(len(data))), data...)
	}
	answer, sw := c.once(append(bytes.Clone(apdu), 0))
	for sw>>8 == 0x61 {
		var more []byte
		more, sw = c.once([]byte{0, 0xC0, 0, 0, byte(sw)})
		answer = append(answer, more...)
	}
	return answer, sw
}

func (c client) selectPIV() {
	c.t.Helper()
	if _, sw := c.full([4]byte{0, 0xA4, 4, 0}, pivAID[:9]); sw != StatusOK {
		c.t.Errorf("SELECT: %04X", sw)
	}
}

func (c client) object(tag uint32) ([]byte, uint16) {
	c.t.Helper()
	return c.full([4]byte{0, 0xCB, 0x3F, 0xFF}, TLV(0x5C, tagBytes(tag)))
}

var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// testPKI is one hierarchy for all tests: making it is the dearest part of many.
var testPKI = func() func(testing.TB) *PKI {
	var made *PKI
	return func(t testing.TB) *PKI {
		t.Helper()
		if made == nil {
			pki, err := NewPKI(PKIConfig{At: day})
			if err != nil {
				t.Fatal(err)
			}
			made = pki
		}
		return made
	}
}()

var testGUID = [16]byte{0x94, 0xE2, 0x8C, 0x68, 0x84, 0xDB, 0x44, 0xDB, 0x8A, 0x0E, 0xF5, 0x02, 0xD6, 0x68, 0x9B, 0x14}

func personalise(t testing.TB, edit func(*CardSpec)) *IssuedCard {
	t.Helper()
	spec := CardSpec{GUID: testGUID, Issued: day, Expires: day.AddDate(3, 0, 0)}
	if edit != nil {
		edit(&spec)
	}
	card, err := testPKI(t).Personalise(spec)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func TestSelection(t *testing.T) {
	tag, err := NewTag(TagConfig{})
	if err != nil {
		t.Fatal(err)
	}
	card := personalise(t, nil)
	c := client{t, NewSlot(NewChip(ChipConfig{}, card, tag))}
	c.hex(StatusInstruction, "00CB3FFF035C017E00")
	c.hex(StatusNotFound, "00A4040007A0000002471001")
	c.hex(StatusNotFound, "00A4040004A0000003")                          // shorter than a RID
	c.hex(StatusNotFound, "00A404000CA0000003080000100001000000")        // longer than the AID
	c.hex(StatusNotFound, "00A404020BA000000308000010000100")            // the next occurrence
	c.hex(StatusNotFound, "00A4040006D2760000850100")                    // version 1 of the tag's mapping
	template := c.hex(StatusOK, "00A4040009A0000003080000100000")        // without the version
	full := c.hex(StatusOK, "00A404000BA00000030800001000010000")        // whole
	short := c.hex(StatusOK, "00A4040005A00000030800")                   // the RID
	if len(c.hex(StatusOK, "00A4040C0BA00000030800001000010000")) != 0 { // no template wanted
		t.Error("a template came that was not wanted")
	}
	if !bytes.Equal(template, full) || !bytes.Equal(template, short) {
		t.Error("the template depends on the form of the AID")
	}
	if want := unhex(t, "6139 4F06000010000100 79074F05A000000308 AC06800103060100 AC06800107060100 AC06800105060100 AC06800111060100 AC06800114060100"); !bytes.Equal(template, want) {
		t.Errorf("template %x\nwant     %x", template, want)
	}
	// A selection that fails leaves the old one, and its PIN, as they are; another application ends both.
	c.hex(StatusOK, "0020008008313233343536FFFF")
	c.hex(StatusNotFound, "00A4040007A0000002471001")
	c.hex(StatusOK, "00200080")
	c.hex(StatusOK, "00A4040009A0000003080000100000")
	c.hex(StatusOK, "00200080")
	c.hex(StatusOK, "00A4040007D2760000850101 00")
	c.hex(StatusInstruction, "00200080")
	c.hex(StatusOK, "00A4040009A0000003080000100000")
	c.hex(0x63C5, "00200080")
}

func TestTemplateOptions(t *testing.T) {
	piv, err := NewPIV(PIVConfig{FullAID: true, Label: "PIV", URL: "https://example.org", SecureMessaging: 0x27})
	if err != nil {
		t.Fatal(err)
	}
	template := client{t, NewSlot(NewChip(ChipConfig{}, piv))}.hex(StatusOK, "00A4040005A00000030800")
	for _, part := range [][]byte{TLV(0x4F, pivAID), TLV(0x50, []byte("PIV")), TLV(0x5F50, []byte("https://example.org")), unhex(t, "AC06800127060100")} {
		if !bytes.Contains(template, part) {
			t.Errorf("template %x lacks %x", template, part)
		}
	}
}

func TestClasses(t *testing.T) {
	c := client{t, NewSlot(NewChip(ChipConfig{}, personalise(t, nil)))}
	c.selectPIV()
	c.hex(StatusChannel, "01CB3FFF035C017E00")
	c.hex(StatusSecureMessaging, "0CCB3FFF035C017E00")
	c.hex(StatusClass, "80CB3FFF035C017E00")
	c.hex(StatusClass, "FFCA000000")
	c.hex(StatusWrongLength, "00CB3FFF045C017E00FFFF")
	c.hex(StatusInstruction, "00F1000000")
	c.hex(StatusInstruction, "00FD000000") // the extension is not on a card of the standard
	c.hex(StatusChaining, "1020008001FF")
}

func TestLongAnswers(t *testing.T) {
	card := personalise(t, nil)
	want := TLV(0x53, card.CHUID)
	for _, test := range []struct {
		name   string
		config ChipConfig
	}{
		{"256 at once", ChipConfig{}},
		{"100 at once", ChipConfig{Chunk: 100}},
		{"one at once", ChipConfig{Chunk: 1}},
		{"exact Le", ChipConfig{ExactLe: true}},
		{"no data without Le", ChipConfig{StrictLe: true}},
	} {
		c := client{t, NewSlot(NewChip(test.config, card))}
		c.selectPIV()
		got, sw := c.object(TagCHUID)
		if sw != StatusOK || !bytes.Equal(got, want) {
			t.Errorf("%s: %04X, %d bytes, want %d", test.name, sw, len(got), len(want))
		}
	}
	c := client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.hex(StatusConditions, "00C0000000") // nothing to fetch
	c.selectPIV()
	first := c.hex(0x6100, "00CB3FFF055C035FC10200")
	c.hex(StatusParameters, "00C0010000")
	rest := c.hex(0x6100, "00C0000010")
	if !bytes.Equal(append(first, rest...), want[:272]) {
		t.Error("a smaller GET RESPONSE lost bytes")
	}
	c.hex(0x63C5, "00200080")
	c.hex(StatusConditions, "00C0000000") // another command threw the rest away
	// 61xx tells what is left once it is less than 256.
	c = client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.selectPIV()
	left := len(want) % 256
	c.hex(0x6100, "00CB3FFF055C035FC10200")
	for range len(want)/256 - 2 {
		c.hex(0x6100, "00C0000000")
	}
	c.hex(0x6100|uint16(left), "00C0000000")
	c.hex(StatusOK, "00C0000000")
	// 6Cxx: the command is to be sent again.
	c = client{t, NewSlot(NewChip(ChipConfig{ExactLe: true}, card))}
	c.selectPIV()
	c.hex(0x6C14, "00CB3FFF035C017E05")
	if got := c.hex(StatusOK, "00CB3FFF035C017E14"); len(got) != 0x14 {
		t.Errorf("%d bytes after 6C14", len(got))
	}
	// 61xx without data for a command without Le.
	c = client{t, NewSlot(NewChip(ChipConfig{StrictLe: true}, card))}
	c.selectPIV()
	if got := c.hex(0x6114, "00CB3FFF035C017E"); len(got) != 0 {
		t.Errorf("%d bytes came unasked", len(got))
	}
	if got := c.hex(StatusOK, "00C0000014"); len(got) != 0x14 {
		t.Errorf("%d bytes after 6114", len(got))
	}
}

func TestExtendedLength(t *testing.T) {
	card := personalise(t, nil)
	c := client{t, NewSlot(NewChip(ChipConfig{ExtendedLength: true}, card))}
	c.selectPIV()
	want := TLV(0x53, card.CHUID)
	if got := c.hex(StatusOK, "00CB3FFF0000055C035FC1020000"); !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if got := c.hex(0x6100, "00CB3FFF0000055C035FC1020101"); len(got) != 0x101 {
		t.Errorf("%d bytes for Le 257", len(got))
	}
	c = client{t, NewSlot(NewChip(ChipConfig{}, card))}
	c.selectPIV()
	c.hex(StatusWrongLength, "00CB3FFF0000055C035FC1020000")
}

func TestChainRules(t *testing.T) {
	c := client{t, NewSlot(NewChip(ChipConfig{MaxChain: 300}, personalise(t, nil)))}
	c.selectPIV()
	c.hex(StatusOK, "10DB3FFF025C03")
	c.hex(StatusChainExpected, "0087119E00") // another command in the middle
	c.hex(StatusOK, "10DB3FFF025C03")
	c.hex(StatusSecurity, "00DB3FFF055FC1025300") // joined, executed, refused: no management key yet
	c.hex(StatusOK, "10DB3FFFFF"+hexOf(255))
	c.hex(StatusWrongLength, "10DB3FFFFF"+hexOf(255))
	c.hex(StatusChaining, "10A4040005A000000308")
}

func hexOf(n int) string { return string(bytes.Repeat([]byte("00"), n)) }

func TestNumberTag(t *testing.T) {
	uid := []byte{0x04, 1, 2, 3, 4, 5, 6}
	chip := NewNumberTag(uid)
	c := client{t, NewSlot(chip)}
	if got := c.hex(StatusOK, "FFCA000000"); !bytes.Equal(got, uid) {
		t.Errorf("UID %x", got)
	}
	c.hex(0x6C07, "FFCA000004")
	c.hex(StatusFunction, "FFCA010000")
	c.hex(StatusFunction, "FF00000000")
	c.hex(StatusNotFound, "00A4040009A0000003080000100000")
	c.hex(StatusInstruction, "00B0000000")
	if got, want := chip.ATR(), unhex(t, "3B8F8001804F0CA000000306030001000000006A"); !bytes.Equal(got, want) {
		t.Errorf("ATR %x, want %x as readers make it for MIFARE Classic 1K", got, want)
	}
}

func TestSlot(t *testing.T) {
	script := NewScript(NewChip(ChipConfig{Contactless: true}, personalise(t, nil))).At(1, Tear())
	slot := NewSlot(script)
	if !slot.Contactless() {
		t.Error("the slot does not know that its card is contactless")
	}
	client{t, slot}.selectPIV()
	response, err := slot.Transmit(t.Context(), unhex(t, "00CB3FFF035C017E00"))
	if err != nil || response == nil || len(response) != 0 {
		t.Errorf("torn: %x, %v; want an empty answer and no error, as PC/SC gives", response, err)
	}
	if _, err := slot.Transmit(t.Context(), unhex(t, "00CB3FFF035C017E00")); !errors.Is(err, ErrRemoved) {
		t.Errorf("after the tear: %v", err)
	}
	if slot.ATR() != nil || slot.Contactless() {
		t.Error("an empty slot has an ATR")
	}
	slot.Insert(script)
	client{t, slot}.selectPIV()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewSlot(NewChip(ChipConfig{})).Transmit(ended, []byte{0, 0x20, 0, 0x80}); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}
