package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
)

// Enrolment and stop codes: 16 characters of Crockford's base32, which has no I, L, O and U, so 80 random bits.
// They are printed on a slip in groups of four.
const (
	crockford  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength = 16
	codeGroup  = 4
	maxTyped   = 256 // bytes of what a person typed
)

// NewEnrolmentCode returns a fresh random code in its printed form, for example "7K3M-0QZW-8A5T-XN2D".
func NewEnrolmentCode() string {
	var random [codeLength]byte
	rand.Read(random[:]) // never fails (Go 1.24 and later)
	var code [codeLength]byte
	for i, b := range random {
		code[i] = crockford[b&31]
	}
	return FormatCode(string(code[:]))
}

// FormatCode returns a normalised code in its printed form, groups of four joined by hyphens. Any other string
// comes back as it is.
func FormatCode(code string) string {
	if len(code) != codeLength {
		return code
	}
	var b strings.Builder
	for i := 0; i < codeLength; i += codeGroup {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(code[i : i+codeGroup])
	}
	return b.String()
}

// NormaliseCode brings what a person typed or read aloud to the 16 characters of the code: upper case, without
// spaces, hyphens and dashes; I and L read as 1, O as 0; a Cyrillic letter typed on the wrong keyboard layout
// reads as the Latin one or the digit it looks like. The error wraps ErrCode and does not repeat the code.
func NormaliseCode(s string) (string, error) {
	if len(s) > maxTyped {
		return "", fail(ErrCode, "code of %d bytes, want %d characters", len(s), codeLength)
	}
	var code [codeLength]byte
	n := 0
	for i, r := range s {
		c, skip := codeCharacter(r)
		if skip {
			continue
		}
		if c == 0 {
			return "", fail(ErrCode, "byte %d of the code is not a digit or a letter of the code alphabet", i)
		}
		if n == codeLength {
			return "", fail(ErrCode, "code is longer than %d characters", codeLength)
		}
		code[n] = c
		n++
	}
	if n != codeLength {
		return "", fail(ErrCode, "code of %d characters, want %d", n, codeLength)
	}
	return string(code[:]), nil
}

// codeCharacter maps one typed character; skip for a separator, 0 for a character that no code contains.
func codeCharacter(r rune) (c byte, skip bool) {
	switch {
	case r == ' ', r == '\t', r == '\u00a0', r == '\u202f', r == '-', r >= '\u2010' && r <= '\u2015', r == '\u2212':
		return 0, true
	case r >= 'a' && r <= 'z':
		r -= 'a' - 'A'
	}
	switch r {
	case 'I', 'L', 'І', 'і':
		return '1', false
	case 'O', 'О', 'о':
		return '0', false
	case 'А', 'а':
		return 'A', false
	case 'В', 'в':
		return 'B', false
	case 'С', 'с':
		return 'C', false
	case 'Е', 'е':
		return 'E', false
	case 'Н', 'н':
		return 'H', false
	case 'К', 'к':
		return 'K', false
	case 'М', 'м':
		return 'M', false
	case 'Р', 'р':
		return 'P', false
	case 'Т', 'т':
		return 'T', false
	case 'Х', 'х':
		return 'X', false
	case 'У', 'у':
		return 'Y', false
	}
	if r < 0x80 && strings.IndexByte(crockford, byte(r)) >= 0 {
		return byte(r), false
	}
	return 0, false
}

// CodeHash returns the SHA-256 of the normalised code, as a proof of possession carries it. A string that is not
// a code is hashed as it is and matches none.
func CodeHash(code string) [32]byte {
	if normalised, err := NormaliseCode(code); err == nil {
		code = normalised
	}
	return sha256.Sum256([]byte(code))
}
