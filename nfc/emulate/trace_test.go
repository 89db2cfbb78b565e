package emulate

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exchange is one command of a recorded session with its whole answer, GET RESPONSE joined.
type exchange struct {
	apdu, data []byte
	sw         uint16
}

func readTrace(t *testing.T, name string) []exchange {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors(t, "nfc/traces"), name))
	if err != nil {
		t.Fatal(err)
	}
	var session []exchange
	more := false
	for _, line := range strings.Split(string(text), "\n") {
		direction, digits, _ := strings.Cut(line, " ")
		b, err := hex.DecodeString(digits)
		switch {
		case err != nil:
			t.Fatalf("%q: %v", line, err)
		case direction == ">" && len(b) > 1 && b[1] == insGetResponse && more:
		case direction == ">":
			session = append(session, exchange{apdu: b})
		case direction == "<" && len(b) >= 2 && len(session) > 0:
			last := &session[len(session)-1]
			last.data = append(last.data, b[:len(b)-2]...)
			last.sw = uint16(b[len(b)-2])<<8 | uint16(b[len(b)-1])
			more = last.sw>>8 == 0x61
		}
	}
	return session
}

// TestLikeForeignCard gives our card the objects of a foreign one, asks it everything that the foreign one was asked in a
// recorded session, and wants the same answers.
func TestLikeForeignCard(t *testing.T) {
	session := readTrace(t, "pivapplet-9e-p256.trace")
	config := PIVConfig{FullAID: true, Objects: map[uint32][]byte{}, Keys: map[byte]signer{}}
	for _, e := range session {
		if e.apdu[1] == insGetData && e.sw == StatusOK {
			tag, _, err := tagList(e.apdu[5:])
			if err != nil {
				t.Fatal(err)
			}
			_, value, _, err := readTLV(e.data)
			if err != nil {
				t.Fatal(err)
			}
			config.Objects[tag] = value
		}
	}
	for reference, algorithm := range map[byte]Algorithm{KeyCardAuthentication: P256, KeyAuthentication: RSA2048} {
		key, err := algorithm.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		config.Keys[reference] = key
	}
	piv, err := NewPIV(config)
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, NewSlot(NewChip(ChipConfig{}, piv))}
	compared := 0
	for _, e := range session {
		data, sw := c.once(e.apdu)
		for sw>>8 == 0x61 {
			var rest []byte
			rest, sw = c.once([]byte{0, 0xC0, 0, 0, byte(sw)})
			data = append(data, rest...)
		}
		switch {
		case e.apdu[1] == insGeneralAuthenticate && e.apdu[3] == KeyAuthentication:
			// The foreign card looks at the PIN first, ours at the algorithm: the standard orders neither.
			if sw != StatusParameters && sw != StatusSecurity {
				t.Errorf("%x: %04X, want a refusal", e.apdu, sw)
			}
			continue
		case sw != e.sw:
			t.Errorf("%x: %04X, the foreign card answered %04X", e.apdu, sw, e.sw)
		case e.apdu[1] == insSelect: // label, address and algorithms are each maker's own
			ours, theirs := fieldsOf(t, data, 0x61), fieldsOf(t, e.data, 0x61)
			if !bytes.Equal(ours[0x4F], theirs[0x4F]) || !bytes.Equal(ours[0x79], theirs[0x79]) {
				t.Errorf("template %x, the foreign card's %x", data, e.data)
			}
		case e.apdu[1] == insGeneralAuthenticate && sw == StatusOK: // a signature is another one each time
			if len(data) < 68 || data[0] != e.data[0] || data[2] != e.data[2] {
				t.Errorf("signature %x, the foreign card's %x", data, e.data)
			}
		case !bytes.Equal(data, e.data):
			t.Errorf("%x: %x, the foreign card answered %x", e.apdu, data, e.data)
		}
		compared++
	}
	if compared < 14 {
		t.Errorf("only %d commands compared", compared)
	}
}

// fieldsOf takes the inside of one data object apart, keeping the first of fields that come several times.
func fieldsOf(t *testing.T, data []byte, want uint32) map[uint32][]byte {
	t.Helper()
	tag, inside, rest, err := readTLV(data)
	if err != nil || tag != want || len(rest) != 0 {
		t.Fatalf("%x is not one %X: %v", data, want, err)
	}
	found := map[uint32][]byte{}
	for len(inside) > 0 {
		tag, value, next, err := readTLV(inside)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found[tag]; !twice {
			found[tag] = value
		}
		inside = next
	}
	return found
}
