package nfc

import "time"

// CHUID is the Cardholder Unique Identifier of a PIV card (SP 800-73-5, Part 1, Section 3.1.2):
//
//	tag  length  meaning
//	EE   2       length of the buffer (old cards)
//	30   25      FASC-N
//	31   4       organization (old cards)
//	32   4       organization (old cards)
//	33   9       DUNS (old cards)
//	34   16      GUID: the UUID of the card
//	35   8       day of expiry, ASCII YYYYMMDD
//	36   16      UUID of the cardholder, may be absent
//	3D   …       authentication key map (old cards)
//	3E   …       CMS SignedData over all other objects; no bytes on cards that nobody signed
//	FE   0       error detection code
//
// Anyone can read it and copy it to another card: alone it proves nothing.
type CHUID struct {
	FASCN          FASCN     // as on the card; [FASCN.Decode] checks it
	GUID           [16]byte  // all zero when the issuer gave none
	Expiry         time.Time // the day of expiry, 00:00 UTC
	CardholderUUID *[16]byte // nil when absent
	CMS            []byte    // one SEQUENCE with nothing after it; empty: not signed
	Signed         []byte    // the bytes that the CMS signs: every data object but 3E as it stands on the card
}

// ParseCHUID reads the inside of a CHUID object. It wants 30, 34, 35 and 3E, nothing twice, and FE empty and last when it is
// there. Objects outside the table are ErrMalformed: they could carry what nobody looks at. The signature is not checked.
func ParseCHUID(object []byte) (*CHUID, error) {
	if len(object) > MaxObject {
		return nil, fail(ErrTooLarge, "CHUID of %d bytes, at most %d", len(object), MaxObject)
	}
	c := &CHUID{}
	seen := map[Tag]bool{}
	rest := object
	for len(rest) > 0 {
		t, after, err := readTLV(rest, false)
		if err != nil {
			return nil, within("CHUID", err)
		}
		if seen[t.Tag] {
			return nil, fail(ErrMalformed, "CHUID: tag %s is there twice", t.Tag)
		}
		if seen[0xFE] {
			return nil, fail(ErrMalformed, "CHUID: tag %s after FE", t.Tag)
		}
		seen[t.Tag] = true
		if t.Tag != 0x3E {
			c.Signed = append(c.Signed, rest[:len(rest)-len(after)]...)
		}
		if err := c.field(t); err != nil {
			return nil, err
		}
		rest = after
	}
	for _, tag := range []Tag{0x30, 0x34, 0x35, 0x3E} {
		if !seen[tag] {
			return nil, fail(ErrMalformed, "CHUID: tag %s is missing", tag)
		}
	}
	return c, nil
}

// field takes one data object of the CHUID.
func (c *CHUID) field(t TLV) error {
	length := func(want int) error {
		if len(t.Value) != want {
			return fail(ErrMalformed, "CHUID: tag %s of %d bytes, want %d", t.Tag, len(t.Value), want)
		}
		return nil
	}
	switch t.Tag {
	case 0x30:
		copy(c.FASCN[:], t.Value)
		return length(len(c.FASCN))
	case 0x34:
		copy(c.GUID[:], t.Value)
		return length(len(c.GUID))
	case 0x35:
		if err := length(8); err != nil {
			return err
		}
		day, err := time.Parse("20060102", string(t.Value))
		if err != nil {
			return fail(ErrMalformed, "CHUID: tag 35 is not a date YYYYMMDD")
		}
		c.Expiry = day
	case 0x36:
		c.CardholderUUID = new([16]byte)
		copy(c.CardholderUUID[:], t.Value)
		return length(16)
	case 0x3E:
		if len(t.Value) == 0 {
			return nil
		}
		if _, err := ParseOne(t.Value, 0x30, TLVOptions{}); err != nil {
			return within("CHUID: tag 3E", err)
		}
		c.CMS = t.Value
	case 0xFE:
		return length(0)
	case 0x31, 0x32, 0x33, 0x3D, 0xEE:
		// Read by nobody, signed with the rest.
	default:
		return fail(ErrMalformed, "CHUID: unknown tag %s", t.Tag)
	}
	return nil
}

// BuildCHUID gives the inside of a CHUID object. The function sign gets the bytes to be signed and gives the CMS SignedData,
// or nothing for a card without a signature. ErrUsage when the expiry has no date in four digits of year.
func BuildCHUID(fascn FASCN, guid [16]byte, expiry time.Time, sign func(signed []byte) (cms []byte, err error)) ([]byte, error) {
	if y := expiry.UTC().Year(); y < 1000 || y > 9999 {
		return nil, fail(ErrUsage, "CHUID: year %d of the expiry, want 1000 to 9999", y)
	}
	head := AppendTLV(nil, 0x30, fascn[:])
	head = AppendTLV(head, 0x34, guid[:])
	head = AppendTLV(head, 0x35, []byte(expiry.UTC().Format("20060102")))
	tail := AppendTLV(nil, 0xFE, nil)
	cms, err := sign(append(append([]byte{}, head...), tail...))
	if err != nil {
		return nil, err
	}
	if len(cms) > MaxObject/2 {
		return nil, fail(ErrTooLarge, "CHUID: signature of %d bytes, at most %d", len(cms), MaxObject/2)
	}
	return append(AppendTLV(head, 0x3E, cms), tail...), nil
}
