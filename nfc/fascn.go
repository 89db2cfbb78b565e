package nfc

import "math/bits"

// FASCN is the Federal Agency Smart Credential Number of a PIV card as it stands in its CHUID and certificates: 200
// bits, 40 characters of 4 data bits, lowest first, and one of odd parity (Technical Implementation Guidance: Smart Card
// Enabled Physical Access Control Systems 2.3, Section 6). Issuers outside the United States' government write agency
// 9999 and tell cards apart by the GUID.
type FASCN [25]byte

// FASCNFields are the fields of a FASC-N, each a run of decimal digits.
type FASCNFields struct {
	Agency       string // 4 digits; 9999: no federal agency
	System       string // 4
	Credential   string // 6
	Series       string // 1, CS
	Issue        string // 1, ICI
	Person       string // 10, PI
	Organization string // 1, OC
	OrgID        string // 4, OI
	Association  string // 1, POA
}

// The characters of a FASC-N that are no digits.
const (
	fascnStart     = 0xB // SS, on the card 11010
	fascnSeparator = 0xD // FS, on the card 10110
	fascnEnd       = 0xF // ES, on the card 11111
	fascnChars     = 40
)

// fascnLayout is the order of fields: a separator stands after each of the first five.
var fascnLayout = [...]int{4, 4, 6, 1, 1, 10, 1, 4, 1}

// Decode checks parity, separators, digits and the longitudinal redundancy check, and gives the fields.
// ErrMalformed otherwise.
func (f FASCN) Decode() (FASCNFields, error) {
	var chars [fascnChars]byte
	for i := range chars {
		var five byte
		for b := range 5 {
			bit := i*5 + b
			five = five<<1 | f[bit/8]>>(7-bit%8)&1
		}
		if bits.OnesCount8(five)%2 == 0 {
			return FASCNFields{}, fail(ErrMalformed, "FASC-N: character %d has even parity", i)
		}
		// The data bits come lowest first.
		chars[i] = bits.Reverse8(five>>1<<4) & 0xF
	}
	var sum byte
	for _, c := range chars[:fascnChars-1] {
		sum ^= c
	}
	if chars[fascnChars-1] != sum {
		return FASCNFields{}, fail(ErrMalformed, "FASC-N: redundancy check %X, want %X", chars[fascnChars-1], sum)
	}
	if chars[0] != fascnStart {
		return FASCNFields{}, fail(ErrMalformed, "FASC-N: begins with %X, want the start sentinel %X", chars[0], byte(fascnStart))
	}
	var fields [len(fascnLayout)]string
	at := 1
	for i, n := range fascnLayout {
		digits := make([]byte, n)
		for k := range digits {
			if chars[at] > 9 {
				return FASCNFields{}, fail(ErrMalformed, "FASC-N: character %d is no digit", at)
			}
			digits[k] = '0' + chars[at]
			at++
		}
		fields[i] = string(digits)
		if i < 5 {
			if chars[at] != fascnSeparator {
				return FASCNFields{}, fail(ErrMalformed, "FASC-N: character %d is %X, want the separator %X", at, chars[at], byte(fascnSeparator))
			}
			at++
		}
	}
	if chars[at] != fascnEnd {
		return FASCNFields{}, fail(ErrMalformed, "FASC-N: character %d is %X, want the end sentinel %X", at, chars[at], byte(fascnEnd))
	}
	return FASCNFields{fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], fields[6], fields[7], fields[8]}, nil
}

// Encode gives the FASC-N of the fields. ErrUsage when a field has another number of digits or other characters.
func (f FASCNFields) Encode() (FASCN, error) {
	chars := []byte{fascnStart}
	for i, field := range []string{f.Agency, f.System, f.Credential, f.Series, f.Issue, f.Person, f.Organization, f.OrgID, f.Association} {
		if len(field) != fascnLayout[i] {
			return FASCN{}, fail(ErrUsage, "FASC-N: field %d has %d digits, want %d", i+1, len(field), fascnLayout[i])
		}
		for k := range len(field) {
			if field[k] < '0' || field[k] > '9' {
				return FASCN{}, fail(ErrUsage, "FASC-N: field %d is not all digits", i+1)
			}
			chars = append(chars, field[k]-'0')
		}
		if i < 5 {
			chars = append(chars, fascnSeparator)
		}
	}
	chars = append(chars, fascnEnd)
	var sum byte
	for _, c := range chars {
		sum ^= c
	}
	var out FASCN
	for i, c := range append(chars, sum) {
		five := bits.Reverse8(c)>>4<<1 | byte(1-bits.OnesCount8(c)%2)
		for b := range 5 {
			bit := i*5 + b
			out[bit/8] |= five >> (4 - b) & 1 << (7 - bit%8)
		}
	}
	return out, nil
}
