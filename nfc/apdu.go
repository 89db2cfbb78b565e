package nfc

import (
	"encoding/binary"
	"fmt"
)

// Lengths that the two forms of a command can state (ISO/IEC 7816-4, Section 5.1).
const (
	MaxShortData    = 255   // Lc of a short command
	MaxShortLe      = 256   // Le of a short command, coded 00
	MaxExtendedData = 65535 // Lc of an extended command
	MaxExtendedLe   = 65536 // Le of an extended command, coded 0000
)

// LeMost as the Le of a command stands for as much as the way to the card carries; [Session.Do] puts the number in.
const LeMost = -1

// chainBit in CLA says that more commands of the same chain follow (ISO/IEC 7816-4, Section 5.1.1).
const chainBit = 0x10

// CommandAPDU is one command to a card (ISO/IEC 7816-4, Section 5.1):
//
//	offset  length     short form             extended form
//	0       1          CLA                    CLA
//	1       1          INS                    INS
//	2       2          P1 P2                  P1 P2
//	4       0, 1 or 3  Lc 01–FF               00 0001–FFFF, only with data
//	…       Lc         data                   data
//	…       0–3        Le 01–FF, 00 = 256     0001–FFFF, 0000 = 65536, after 00 when there is no Lc
type CommandAPDU struct {
	CLA, INS, P1, P2 byte
	Data             []byte // 0 to 65535 bytes; none means that there is no Lc field
	Le               int    // most bytes wanted in the answer, 1 to 65536, or LeMost in a session; 0 means that there is no Le field
	Extended         bool   // write the extended form, also where the lengths would fit the short one
}

// ExtendedForm reports whether the command can only be sent in the extended form.
func (c CommandAPDU) ExtendedForm() bool { return len(c.Data) > MaxShortData || c.Le > MaxShortLe }

// Append appends the bytes of the command to dst. ErrUsage when a length is beyond what its form can state: a command
// is never cut. A command that needs the extended form is refused unless Extended is set.
func (c CommandAPDU) Append(dst []byte) ([]byte, error) {
	switch {
	case len(c.Data) > MaxExtendedData:
		return nil, fail(ErrUsage, "command data of %d bytes, at most %d", len(c.Data), MaxExtendedData)
	case c.Le < 0 || c.Le > MaxExtendedLe:
		return nil, fail(ErrUsage, "Le %d, want 0 to %d", c.Le, MaxExtendedLe)
	case !c.Extended && c.ExtendedForm():
		return nil, fail(ErrUsage, "Lc %d and Le %d need the extended form", len(c.Data), c.Le)
	}
	dst = append(dst, c.CLA, c.INS, c.P1, c.P2)
	if !c.Extended {
		if len(c.Data) > 0 {
			dst = append(append(dst, byte(len(c.Data))), c.Data...)
		}
		if c.Le > 0 {
			dst = append(dst, byte(c.Le)) // 256 is 00
		}
		return dst, nil
	}
	if len(c.Data) > 0 {
		dst = append(dst, 0)
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(c.Data))), c.Data...)
	}
	if c.Le > 0 {
		if len(c.Data) == 0 {
			dst = append(dst, 0)
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(c.Le)) // 65536 is 0000
	}
	return dst, nil
}

// String names the command by its header and lengths; its data are never shown.
func (c CommandAPDU) String() string {
	return fmt.Sprintf("%02X%02X%02X%02X Lc %d Le %d", c.CLA, c.INS, c.P1, c.P2, len(c.Data), c.Le)
}

// ParseCommandAPDU reads the bytes of one command, as a card does. It accepts exactly what [CommandAPDU.Append] writes:
// encoded again, the result gives the same bytes. ErrMalformed otherwise, ErrTooLarge beyond 65,544 bytes.
// The data are a part of apdu, not a copy.
func ParseCommandAPDU(apdu []byte) (CommandAPDU, error) {
	if len(apdu) > maxCommand {
		return CommandAPDU{}, fail(ErrTooLarge, "command of %d bytes, at most %d", len(apdu), maxCommand)
	}
	if len(apdu) < 4 {
		return CommandAPDU{}, fail(ErrMalformed, "command of %d bytes, want at least 4", len(apdu))
	}
	c := CommandAPDU{CLA: apdu[0], INS: apdu[1], P1: apdu[2], P2: apdu[3]}
	body := apdu[4:]
	switch {
	case len(body) == 0: // case 1
		return c, nil
	case len(body) == 1: // case 2 short
		c.Le = shortLe(body[0])
		return c, nil
	case body[0] != 0: // case 3 or 4 short
		lc := int(body[0])
		switch len(body) - 1 - lc {
		case 0:
			c.Data = body[1:]
		case 1:
			c.Data, c.Le = body[1:1+lc], shortLe(body[1+lc])
		default:
			return CommandAPDU{}, fail(ErrMalformed, "command: Lc %d with %d bytes after it", lc, len(body)-1)
		}
		return c, nil
	case len(body) < 3:
		return CommandAPDU{}, fail(ErrMalformed, "command: extended length of %d bytes, want 3", len(body))
	}
	c.Extended = true
	n := int(binary.BigEndian.Uint16(body[1:3]))
	if len(body) == 3 { // case 2 extended
		c.Le = extendedLe(n)
		return c, nil
	}
	switch {
	case n == 0:
		return CommandAPDU{}, fail(ErrMalformed, "command: extended Lc 0")
	case len(body)-3 == n: // case 3 extended
		c.Data = body[3:]
	case len(body)-3 == n+2: // case 4 extended
		c.Data, c.Le = body[3:3+n], extendedLe(int(binary.BigEndian.Uint16(body[3+n:])))
	default:
		return CommandAPDU{}, fail(ErrMalformed, "command: Lc %d with %d bytes after it", n, len(body)-3)
	}
	return c, nil
}

func shortLe(b byte) int {
	if b == 0 {
		return MaxShortLe
	}
	return int(b)
}

func extendedLe(n int) int {
	if n == 0 {
		return MaxExtendedLe
	}
	return n
}

// ResponseAPDU is the answer to one command: data and status word (ISO/IEC 7816-4, Section 5.1).
type ResponseAPDU struct {
	Data   []byte // 0 to 65536 bytes
	Status StatusWord
}

// ParseResponseAPDU splits an answer. ErrTorn when it is too short for a status word, which is how a reader shows that
// the card left in mid-command; ErrTooLarge beyond 65,538 bytes; ErrMalformed when SW1 is not 6X or 9X.
// The data are a part of apdu, not a copy.
func ParseResponseAPDU(apdu []byte) (ResponseAPDU, error) {
	if len(apdu) < 2 {
		return ResponseAPDU{}, fail(ErrTorn, "answer of %d bytes, want at least 2 (card removed while reading)", len(apdu))
	}
	if len(apdu) > maxResponse {
		return ResponseAPDU{}, fail(ErrTooLarge, "answer of %d bytes, at most %d", len(apdu), maxResponse)
	}
	n := len(apdu) - 2
	status := StatusWord(binary.BigEndian.Uint16(apdu[n:]))
	if high := status >> 12; high != 6 && high != 9 || status>>8 == 0x60 {
		return ResponseAPDU{}, fail(ErrMalformed, "status word %s, want 6X or 9X", status)
	}
	return ResponseAPDU{Data: apdu[:n:n], Status: status}, nil
}

// Append appends the bytes of the answer to dst.
func (r ResponseAPDU) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint16(append(dst, r.Data...), uint16(r.Status))
}
