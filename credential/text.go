package credential

import "strings"

// Prefixes of the text forms. They are part of the alphanumeric mode of QR symbols, like base45 itself.
const (
	Prefix          = "SID1:"  // a presentation
	ChallengePrefix = "SIDQ1:" // a verifier's challenge
)

// alphabet is the one of RFC 9285, Section 4, table 1.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// values maps a character to its value in alphabet, noValue where it has none.
var values = func() (t [256]uint8) {
	for i := range t {
		t[i] = noValue
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = uint8(i)
	}
	return t
}()

const noValue = 0xff

// EncodeText returns prefix and the base45 of data (RFC 9285), without compression: three characters for two
// bytes, two for a last single one.
func EncodeText(prefix string, data []byte) string {
	var b strings.Builder
	b.Grow(len(prefix) + (len(data)*3+1)/2)
	b.WriteString(prefix)
	for ; len(data) >= 2; data = data[2:] {
		n := uint(data[0])<<8 | uint(data[1])
		b.WriteByte(alphabet[n%45])
		b.WriteByte(alphabet[n/45%45])
		b.WriteByte(alphabet[n/2025])
	}
	if len(data) == 1 {
		n := uint(data[0])
		b.WriteByte(alphabet[n%45])
		b.WriteByte(alphabet[n/45])
	}
	return b.String()
}

// DecodeText splits text into its prefix, Prefix or ChallengePrefix, and the bytes it stands for. It is strict:
// exactly one text stands for each byte string. Lower case, white space around the text, a character outside
// the alphabet, an unfinished group and a group above its range are refused. The error wraps ErrNotServiceID
// for a text without a prefix of ours, ErrTooLarge above MaxText characters, and ErrText otherwise.
func DecodeText(text string) (prefix string, data []byte, err error) {
	switch {
	case strings.HasPrefix(text, Prefix):
		prefix = Prefix
	case strings.HasPrefix(text, ChallengePrefix):
		prefix = ChallengePrefix
	default:
		return "", nil, fail(ErrNotServiceID, "text of %d characters does not begin with %s or %s", len(text), Prefix, ChallengePrefix)
	}
	if len(text) > MaxText {
		return "", nil, fail(ErrTooLarge, "text of %d characters, want at most %d", len(text), MaxText)
	}
	data, err = decodeBase45(text, len(prefix))
	if err != nil {
		return "", nil, err
	}
	if len(data) == 0 {
		return "", nil, fail(ErrText, "nothing behind %s", prefix)
	}
	return prefix, data, nil
}

// decodeBase45 decodes text from position at on; positions in errors count from 0 over the whole text.
func decodeBase45(text string, at int) ([]byte, error) {
	rest := len(text) - at
	if rest%3 == 1 {
		return nil, fail(ErrText, "%d characters of base45 end with an unfinished group", rest)
	}
	out := make([]byte, 0, rest/3*2+1)
	for ; len(text)-at >= 3; at += 3 {
		a, b, c := values[text[at]], values[text[at+1]], values[text[at+2]]
		if a|b|c >= 64 { // only noValue sets the two top bits
			return nil, badCharacter(text, at)
		}
		n := uint(a) + 45*uint(b) + 2025*uint(c)
		if n > 0xffff {
			return nil, fail(ErrText, "group at character %d stands for %d, want at most 65535", at, n)
		}
		out = append(out, byte(n>>8), byte(n))
	}
	if at < len(text) {
		a, b := values[text[at]], values[text[at+1]]
		if a|b >= 64 {
			return nil, badCharacter(text, at)
		}
		n := uint(a) + 45*uint(b)
		if n > 0xff {
			return nil, fail(ErrText, "group at character %d stands for %d, want at most 255", at, n)
		}
		out = append(out, byte(n))
	}
	return out, nil
}

func badCharacter(text string, at int) error {
	for values[text[at]] != noValue {
		at++
	}
	return fail(ErrText, "character %d is %#02x, outside the base45 alphabet", at, text[at])
}
