package nfc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCommandLengths is the table of borders: what each form can state, and the first length that it cannot.
func TestCommandLengths(t *testing.T) {
	for _, c := range []struct {
		lc, le   int
		extended bool
		head     string // the bytes before the data
		tail     string // the bytes after the data
	}{
		{0, 0, false, "00CB3FFF", ""},
		{0, 1, false, "00CB3FFF", "01"},
		{0, 255, false, "00CB3FFF", "FF"},
		{0, 256, false, "00CB3FFF", "00"},
		{1, 0, false, "00CB3FFF01", ""},
		{1, 256, false, "00CB3FFF01", "00"},
		{255, 0, false, "00CB3FFFFF", ""},
		{255, 256, false, "00CB3FFFFF", "00"},
		{0, 0, true, "00CB3FFF", ""},
		{0, 1, true, "00CB3FFF", "000001"},
		{0, 256, true, "00CB3FFF", "000100"},
		{0, 65535, true, "00CB3FFF", "00FFFF"},
		{0, 65536, true, "00CB3FFF", "000000"},
		{1, 0, true, "00CB3FFF000001", ""},
		{255, 65536, true, "00CB3FFF0000FF", "0000"},
		{256, 0, true, "00CB3FFF000100", ""},
		{256, 256, true, "00CB3FFF000100", "0100"},
		{65535, 0, true, "00CB3FFF00FFFF", ""},
		{65535, 65536, true, "00CB3FFF00FFFF", "0000"},
	} {
		data := bytes.Repeat([]byte{0xA5}, c.lc)
		command := CommandAPDU{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: data, Le: c.le, Extended: c.extended}
		got, err := command.Append(nil)
		if err != nil {
			t.Errorf("%v: %v", command, err)
			continue
		}
		want := append(append(unhex(t, c.head), data...), unhex(t, c.tail)...)
		if !bytes.Equal(got, want) {
			t.Errorf("%v extended %v: head %X, tail %X", command, c.extended, got[:min(8, len(got))], got[max(0, len(got)-3):])
		}
		back, err := ParseCommandAPDU(got)
		if err != nil {
			t.Errorf("%v: parse: %v", command, err)
			continue
		}
		// Without lengths there is nothing to tell the forms by.
		extended := c.extended && (c.lc > 0 || c.le > 0)
		if back.Le != c.le || !bytes.Equal(back.Data, data) || back.Extended != extended || back.INS != 0xCB {
			t.Errorf("%v parses as %v, extended %v", command, back, back.Extended)
		}
	}
}

func TestCommandRefuses(t *testing.T) {
	for _, c := range []CommandAPDU{
		{Data: make([]byte, 256)},
		{Le: 257},
		{Le: 65536},
		{Le: -2, Extended: true},
		{Le: LeMost},
		{Le: 65537, Extended: true},
		{Data: make([]byte, 65536), Extended: true},
	} {
		if got, err := c.Append([]byte{1}); !errors.Is(err, ErrUsage) || got != nil {
			t.Errorf("%v extended %v: %d bytes, %v", c, c.Extended, len(got), err)
		}
	}
	for _, s := range []string{
		"", "00", "00A404", // no header
		"00A4040002",             // Le, but then nothing: this one is case 2 and sound
		"00A404000201",           // Lc 2, one byte
		"00A4040001020304",       // Lc 1, three bytes
		"00A404000000",           // extended length of two bytes
		"00A40400000000AA",       // extended Lc 0
		"00A4040000000201",       // extended Lc 2, one byte
		"00A40400000001AABB",     // extended Lc 1, two bytes: neither without nor with Le
		"00A40400000001AABBCCDD", // extended Lc 1, four bytes
	} {
		c, err := ParseCommandAPDU(unhex(t, s))
		if s == "00A4040002" {
			if err != nil || c.Le != 2 {
				t.Errorf("%s: %v, %v", s, c, err)
			}
			continue
		}
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s parses as %v, %v", s, c, err)
		}
	}
	if _, err := ParseCommandAPDU(make([]byte, maxCommand+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("command over the limit: %v", err)
	}
}

func TestResponse(t *testing.T) {
	for _, s := range []string{"", "90", "61"} {
		if _, err := ParseResponseAPDU(unhex(t, s)); !errors.Is(err, ErrTorn) {
			t.Errorf("answer %q: %v, want ErrTorn", s, err)
		}
	}
	for _, s := range []string{"0005", "AABB", "6000", "60FF", "5F00", "7000", "A000", "0102030405"} {
		if r, err := ParseResponseAPDU(unhex(t, s)); !errors.Is(err, ErrMalformed) || r.Data != nil {
			t.Errorf("answer %q: %v, want ErrMalformed", s, err)
		}
	}
	for _, n := range []int{0, 1, 256, 65535, 65536} {
		r, err := ParseResponseAPDU(append(make([]byte, n), 0x90, 0x00))
		if err != nil || len(r.Data) != n || !r.Status.OK() || len(r.Append(nil)) != n+2 {
			t.Errorf("%d bytes: %d, %v", n, len(r.Data), err)
		}
	}
	if _, err := ParseResponseAPDU(make([]byte, maxResponse+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("answer over the limit: %v", err)
	}
}

func FuzzParseCommandAPDU(f *testing.F) {
	for _, s := range []string{"00A4040009A0000003080000100000", "00CB3FFF055C035FC10200", "00C0000000", "00A40400000001AA0000", "0087119E", "00B00000000000"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCommandAPDU(data)
		if err != nil {
			if c.Data != nil || c.Le != 0 {
				t.Fatal("a failed parse returned a command")
			}
			return
		}
		if again, err := c.Append(nil); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%X encodes to %X, %v", data, again, err)
		}
	})
}
