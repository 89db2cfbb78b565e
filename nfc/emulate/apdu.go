package emulate

import (
	"encoding/binary"
	"fmt"
)

// Status words the cards of this package answer with (ISO/IEC 7816-4, Section 5.6; SP 800-73-5 part 2, Section 3).
const (
	StatusOK                uint16 = 0x9000
	StatusEndOfFile         uint16 = 0x6282 // fewer bytes than asked for before the file ended
	StatusMemoryFailure     uint16 = 0x6581
	StatusWrongLength       uint16 = 0x6700
	StatusChannel           uint16 = 0x6881 // logical channel not supported
	StatusSecureMessaging   uint16 = 0x6882 // secure messaging not supported
	StatusChainExpected     uint16 = 0x6883 // last command of the chain expected
	StatusChaining          uint16 = 0x6884 // command chaining not supported
	StatusSecurity          uint16 = 0x6982 // security status not satisfied
	StatusBlocked           uint16 = 0x6983 // authentication method blocked
	StatusConditions        uint16 = 0x6985 // conditions of use not satisfied
	StatusNoFile            uint16 = 0x6986 // command not allowed, no file selected
	StatusData              uint16 = 0x6A80 // incorrect parameters in the data field
	StatusFunction          uint16 = 0x6A81 // function not supported
	StatusNotFound          uint16 = 0x6A82 // application, file or object not found
	StatusNoSpace           uint16 = 0x6A84
	StatusParameters        uint16 = 0x6A86 // incorrect P1 or P2
	StatusReferenceNotFound uint16 = 0x6A88
	StatusOffset            uint16 = 0x6B00
	StatusInstruction       uint16 = 0x6D00
	StatusClass             uint16 = 0x6E00
	StatusUnspecific        uint16 = 0x6F00
	statusMore              uint16 = 0x6100 // low byte: bytes left, 00 for 256 or more
	statusWrongLe           uint16 = 0x6C00 // low byte: the right Le, 00 for 256
	statusWrongPIN          uint16 = 0x63C0 // low four bits: tries left
	insVerify               byte   = 0x20
	insChangeReference      byte   = 0x24
	insResetRetry           byte   = 0x2C
	insGenerate             byte   = 0x47
	insGeneralAuthenticate  byte   = 0x87
	insSelect               byte   = 0xA4
	insReadBinary           byte   = 0xB0
	insGetResponse          byte   = 0xC0
	insGetData              byte   = 0xCB
	insUpdateBinary         byte   = 0xD6
	insPutData              byte   = 0xDB
	classChain              byte   = 0x10
	classSecureMessaging    byte   = 0x0C
	classChannel            byte   = 0x03
	classReader             byte   = 0xFF // commands a contactless reader answers itself (PC/SC part 3)
	insReaderGetData        byte   = 0xCA
	extendedLeMax                  = 65536
	shortLeMax                     = 256
)

// Command is a command APDU taken apart (ISO/IEC 7816-4, Section 5.1).
type Command struct {
	CLA, INS, P1, P2 byte
	Data             []byte
	HasLe            bool // an Le field was there
	Le               int  // bytes wanted at most, 1 to 256 short, 1 to 65536 extended; 0 without an Le field
	Extended         bool // the length fields had the extended form
}

// ParseCommand takes a command APDU apart: cases 1 to 4, short and extended. Anything that is not exactly one command
// is an error.
func ParseCommand(apdu []byte) (Command, error) {
	if len(apdu) < 4 {
		return Command{}, fmt.Errorf("emulate: command of %d bytes, want at least 4", len(apdu))
	}
	c := Command{CLA: apdu[0], INS: apdu[1], P1: apdu[2], P2: apdu[3]}
	body := apdu[4:]
	switch {
	case len(body) == 0: // case 1
		return c, nil
	case len(body) == 1: // case 2 short
		c.HasLe, c.Le = true, shortLe(body[0])
		return c, nil
	case body[0] != 0: // cases 3 and 4 short
		lc := int(body[0])
		switch len(body) {
		case 1 + lc:
		case 2 + lc:
			c.HasLe, c.Le = true, shortLe(body[1+lc])
		default:
			return Command{}, fmt.Errorf("emulate: command INS %02X: Lc %d, but %d bytes follow it", c.INS, lc, len(body)-1)
		}
		c.Data = body[1 : 1+lc]
		return c, nil
	case len(body) < 3:
		return Command{}, fmt.Errorf("emulate: command INS %02X: extended length field of %d bytes", c.INS, len(body))
	case len(body) == 3: // case 2 extended
		c.Extended, c.HasLe, c.Le = true, true, extendedLe(body[1:3])
		return c, nil
	}
	lc := int(binary.BigEndian.Uint16(body[1:3]))
	c.Extended = true
	switch {
	case lc == 0:
		return Command{}, fmt.Errorf("emulate: command INS %02X: extended Lc is 0", c.INS)
	case len(body) == 3+lc:
	case len(body) == 5+lc:
		c.HasLe, c.Le = true, extendedLe(body[3+lc:])
	default:
		return Command{}, fmt.Errorf("emulate: command INS %02X: extended Lc %d, but %d bytes follow it", c.INS, lc, len(body)-3)
	}
	c.Data = body[3 : 3+lc]
	return c, nil
}

func shortLe(b byte) int {
	if b == 0 {
		return shortLeMax
	}
	return int(b)
}

func extendedLe(b []byte) int {
	if n := int(binary.BigEndian.Uint16(b)); n > 0 {
		return n
	}
	return extendedLeMax
}

// answer puts data and status word together to a response APDU.
func answer(data []byte, sw uint16) []byte {
	return append(append(make([]byte, 0, len(data)+2), data...), byte(sw>>8), byte(sw))
}
