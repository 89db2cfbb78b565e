package emulate

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "").Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseCommand(t *testing.T) {
	long := bytes.Repeat([]byte{0xAA}, 300)
	for _, test := range []struct {
		name string
		apdu []byte
		want Command
	}{
		{"case 1", []byte{0, 0x20, 0, 0x80}, Command{INS: 0x20, P2: 0x80}},
		{"case 2 short", []byte{0, 0xB0, 1, 2, 15}, Command{INS: 0xB0, P1: 1, P2: 2, HasLe: true, Le: 15}},
		{"case 2 short, 256", []byte{0, 0xC0, 0, 0, 0}, Command{INS: 0xC0, HasLe: true, Le: 256}},
		{"case 3 short", []byte{0, 0xD6, 0, 0, 2, 7, 8}, Command{INS: 0xD6, Data: []byte{7, 8}}},
		{"case 4 short", []byte{0, 0xA4, 4, 0, 1, 9, 0}, Command{INS: 0xA4, P1: 4, Data: []byte{9}, HasLe: true, Le: 256}},
		{"case 3 short, longest", append([]byte{0, 0xD6, 0, 0, 255}, long[:255]...), Command{INS: 0xD6, Data: long[:255]}},
		{"case 2 extended", []byte{0, 0xB0, 0, 0, 0, 1, 2}, Command{INS: 0xB0, HasLe: true, Le: 258, Extended: true}},
		{"case 2 extended, 65536", []byte{0, 0xB0, 0, 0, 0, 0, 0}, Command{INS: 0xB0, HasLe: true, Le: 65536, Extended: true}},
		{"case 3 extended", append([]byte{0, 0x87, 7, 0x9E, 0, 1, 44}, long...), Command{INS: 0x87, P1: 7, P2: 0x9E, Data: long, Extended: true}},
		{"case 4 extended", append(append([]byte{0, 0x87, 7, 0x9E, 0, 1, 44}, long...), 0, 0), Command{INS: 0x87, P1: 7, P2: 0x9E, Data: long, HasLe: true, Le: 65536, Extended: true}},
	} {
		got, err := ParseCommand(test.apdu)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got.CLA != test.want.CLA || got.INS != test.want.INS || got.P1 != test.want.P1 || got.P2 != test.want.P2 ||
			!bytes.Equal(got.Data, test.want.Data) || got.HasLe != test.want.HasLe || got.Le != test.want.Le || got.Extended != test.want.Extended {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	for _, bad := range []string{"", "00", "00A404", "00A40400 03 0102", "00A40400 01 010203", "00A40400 0001", "00A40400 000001 02 0304 05", "00A40400 000000 0102"} {
		if got, err := ParseCommand(unhex(t, bad)); err == nil {
			t.Errorf("%s: taken for %+v", bad, got)
		}
	}
}

func TestTLVBoundaries(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536} {
		for _, tag := range []uint32{0x53, 0x7F49, 0x5FC102} {
			value := bytes.Repeat([]byte{1}, n)
			gotTag, got, rest, err := readTLV(TLV(tag, value))
			if err != nil || gotTag != tag || len(rest) != 0 || !bytes.Equal(got, value) {
				t.Errorf("tag %X, %d bytes: %X, %d bytes, rest %d, %v", tag, n, gotTag, len(got), len(rest), err)
			}
		}
	}
	for _, bad := range []string{"", "53", "5F", "5FC1", "5F8181 01 00", "5301", "5381", "5380", "538400000001AA", "53820100"} {
		if _, value, _, err := readTLV(unhex(t, bad)); err == nil {
			t.Errorf("%s: taken, value %x", bad, value)
		}
	}
	if _, err := readTLVs(unhex(t, "8001018001 02")); err == nil {
		t.Error("a tag that comes twice was taken")
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, seed := range []string{"00A4040009A0000003080000100000", "00C0000000", "0087079E00010A", "00B0000000", "FFCA000000"} {
		b, _ := hex.DecodeString(seed)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, apdu []byte) {
		c, err := ParseCommand(apdu)
		if err != nil {
			return
		}
		again := []byte{c.CLA, c.INS, c.P1, c.P2}
		switch n := len(c.Data); {
		case n > 0 && c.Extended:
			again = append(again, 0, byte(n>>8), byte(n))
		case n > 0:
			again = append(again, byte(n))
		case c.Extended:
			again = append(again, 0)
		}
		again = append(again, c.Data...)
		if c.HasLe && c.Extended {
			again = append(again, byte(c.Le>>8), byte(c.Le))
		} else if c.HasLe {
			again = append(again, byte(c.Le))
		}
		if !bytes.Equal(again, apdu) {
			t.Fatalf("%x reads as %x", apdu, again)
		}
	})
}

func FuzzReadTLV(f *testing.F) {
	for _, seed := range []string{"5C035FC102", "7C820106 8200", "5380", "7F4900"} {
		b, _ := hex.DecodeString(strings.ReplaceAll(seed, " ", ""))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, value, rest, err := readTLV(b)
		if err != nil {
			if value != nil {
				t.Fatal("a value came with an error")
			}
			return
		}
		if !bytes.HasSuffix(b, append(bytes.Clone(value), rest...)) {
			t.Fatalf("%x: value %x and rest %x are not its end", b, value, rest)
		}
	})
}

// FuzzChip lets a whole card answer anything: it must answer with a status word and never crash.
func FuzzChip(f *testing.F) {
	tag, err := NewTag(TagConfig{Capacity: 100})
	if err != nil {
		f.Fatal(err)
	}
	key, err := P256.GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	piv, err := NewPIV(PIVConfig{Keys: map[byte]signer{KeyCardAuthentication: key}, Objects: map[uint32][]byte{TagCHUID: {1}}, Yubico: &Yubico{Version: [3]byte{5, 4, 3}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"00CB3FFF055C035FC10200", "0087119E04 7C028000", "00DB3FFF00", "004700 9E05AC03800111", "002000800831323334353637FF", "00FE079E020102", "10DB3FFF0101"} {
		b, _ := hex.DecodeString(strings.ReplaceAll(seed, " ", ""))
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, apdu []byte, isPIV bool) {
		app := Application(piv)
		if !isPIV {
			app = tag
		}
		piv.admin, piv.verified = true, true
		chip := NewChip(ChipConfig{ExtendedLength: true, Default: app}, app)
		response, err := chip.Transmit(t.Context(), apdu)
		if err != nil || len(response) < 2 {
			t.Fatalf("%x: answer %x, %v", apdu, response, err)
		}
	})
}
