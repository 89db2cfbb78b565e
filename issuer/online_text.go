package issuer

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strconv"
	"strings"
)

// ErrOnlineText: the text is neither a link of this host nor thirteen digits of a barcode.
var ErrOnlineText = errors.New("issuer: not a one-time code [online-text]")

// OnlineType is the document type of a service ID in links.
const OnlineType = "official-certificate"

// Limits of the text forms, in bytes.
const (
	maxOnlineHost   = 253 + 6 // a DNS name (RFC 1035, Section 2.3.4) and ":65535"
	maxOnlineType   = 40
	maxOnlineDigits = 64 // thirteen digits with what people write between them
)

// OnlineMeans says in which of its two forms a code came; the numbers are stored and never reused.
type OnlineMeans uint8

// Forms of a code.
const (
	OnlineByLink   OnlineMeans = 1 // the QR or the link that it holds
	OnlineByDigits OnlineMeans = 2 // the barcode or its digits, typed
)

// OnlineRef is what a scanned or typed text names, checked in form and in nothing else. The zero value names nothing. No
// verb or logger of the standard library shows the code.
type OnlineRef struct {
	means    OnlineMeans
	docType  string
	document [16]byte
	code     [16]byte // UUID version 4
	digits   string   // thirteen digits
}

// Means is the form that the text had; 0 for the zero value.
func (r OnlineRef) Means() OnlineMeans { return r.means }

// Type is the document type in a link, "" for digits.
func (r OnlineRef) Type() string { return r.docType }

// String shows nothing of the code.
func (r OnlineRef) String() string { return "one-time code [redacted]" }

// GoString is String.
func (r OnlineRef) GoString() string { return r.String() }

// Format is String for every verb.
func (r OnlineRef) Format(f fmt.State, _ rune) { f.Write([]byte(r.String())) }

// LogValue is String for slog.
func (r OnlineRef) LogValue() slog.Value { return slog.StringValue(r.String()) }

// link is the text form for a host.
func (r OnlineRef) link(host string) string {
	return "https://" + host + "/documents/" + r.docType + "/" + hex.EncodeToString(r.document[:]) + "/verify/" + uuidText(r.code)
}

// CheckOnlineHost tells whether a host may stand in links: a lower-case DNS name of letters, digits and hyphens (RFC 1123,
// Section 2.1; other alphabets as xn--…) with an optional port. Error: what is wrong with it.
func CheckOnlineHost(host string) error {
	if host == "" || len(host) > maxOnlineHost {
		return fmt.Errorf("issuer: online host of %d bytes, want 1 to %d", len(host), maxOnlineHost)
	}
	name, port, hasPort := strings.Cut(host, ":")
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return fmt.Errorf("issuer: online host: port %q, want 1 to 65535 without a leading zero", port)
		}
	}
	if len(name) > 253 {
		return fmt.Errorf("issuer: online host: name of %d bytes, want at most 253", len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("issuer: online host %q: a label is empty, over 63 bytes, or begins or ends with a hyphen", host)
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return fmt.Errorf("issuer: online host %q: want lower-case letters, digits and hyphens", host)
			}
		}
	}
	return nil
}

// ParseOnline reads what a scanner or a person gave: a link of the host or the digits of the barcode. Error: ErrOnlineText,
// which never repeats the text.
func ParseOnline(host, text string) (OnlineRef, error) {
	if strings.HasPrefix(text, "https:") {
		return ParseOnlineLink(host, text)
	}
	return ParseOnlineDigits(text)
}

// ParseOnlineLink reads a link,
//
//	https://HOST/documents/TYPE/{id}/verify/{uuid}
//
// TYPE of lower-case letters with hyphens between them, id of 32 lower-case hexadecimal digits, uuid a lower-case UUID
// version 4 (RFC 9562, Section 5.4). Nothing may stand before, between or behind. Any TYPE parses; Check refuses those that
// are not OnlineType. Error: ErrOnlineText.
func ParseOnlineLink(host, text string) (OnlineRef, error) {
	rest, ok := strings.CutPrefix(text, "https://"+host+"/documents/")
	if !ok || host == "" {
		return OnlineRef{}, fmt.Errorf("%w: link does not begin with https://, the configured host and /documents/", ErrOnlineText)
	}
	const tail = len("/") + 32 + len("/verify/") + 36
	if len(rest) <= tail || len(rest) > tail+maxOnlineType {
		return OnlineRef{}, fmt.Errorf("%w: link is too short or too long", ErrOnlineText)
	}
	r := OnlineRef{means: OnlineByLink, docType: rest[:len(rest)-tail]}
	rest = rest[len(r.docType):]
	if !typeName(r.docType) {
		return OnlineRef{}, fmt.Errorf("%w: document type, want lower-case letters with hyphens between them", ErrOnlineText)
	}
	if rest[0] != '/' || rest[33:41] != "/verify/" {
		return OnlineRef{}, fmt.Errorf("%w: link is not of the form /documents/TYPE/ID/verify/CODE", ErrOnlineText)
	}
	if !unhexLower(r.document[:], rest[1:33]) {
		return OnlineRef{}, fmt.Errorf("%w: document, want 32 lower-case hexadecimal digits", ErrOnlineText)
	}
	u := rest[41:]
	if u[8] != '-' || u[13] != '-' || u[18] != '-' || u[23] != '-' ||
		!unhexLower(r.code[:], u[:8]+u[9:13]+u[14:18]+u[19:23]+u[24:]) {
		return OnlineRef{}, fmt.Errorf("%w: code, want a lower-case UUID", ErrOnlineText)
	}
	if r.code[6]>>4 != 4 || r.code[8]>>6 != 2 {
		return OnlineRef{}, fmt.Errorf("%w: code, want a UUID of version 4 and the variant of RFC 9562", ErrOnlineText)
	}
	return r, nil
}

func typeName(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// unhexLower reads lower-case hexadecimal digits only; len(s) is twice len(dst).
func unhexLower(dst []byte, s string) bool {
	if strings.ToLower(s) != s {
		return false
	}
	n, err := hex.Decode(dst, []byte(s))
	return err == nil && n == len(dst)
}

// ParseOnlineDigits reads the thirteen digits of a barcode as a scanner gives them or as people type them, with spaces
// (U+0020, U+00A0, U+202F) and hyphens anywhere between. The first is not 0, the last is the check digit. Error: ErrOnlineText.
func ParseOnlineDigits(text string) (OnlineRef, error) {
	if len(text) > maxOnlineDigits {
		return OnlineRef{}, fmt.Errorf("%w: %d bytes, want at most %d", ErrOnlineText, len(text), maxOnlineDigits)
	}
	d := make([]byte, 0, 13)
	for _, c := range text {
		switch {
		case c == ' ' || c == '\u00a0' || c == '\u202f' || c == '-':
		case c < '0' || c > '9':
			return OnlineRef{}, fmt.Errorf("%w: a character is neither a digit nor a space", ErrOnlineText)
		case len(d) == 13:
			return OnlineRef{}, fmt.Errorf("%w: more than 13 digits", ErrOnlineText)
		default:
			d = append(d, byte(c))
		}
	}
	if len(d) != 13 {
		return OnlineRef{}, fmt.Errorf("%w: %d digits, want 13", ErrOnlineText, len(d))
	}
	if d[0] == '0' {
		return OnlineRef{}, fmt.Errorf("%w: the first digit is 0, want 1 to 9", ErrOnlineText)
	}
	if check, err := EANCheckDigit(string(d[:12])); err != nil || check != d[12] {
		return OnlineRef{}, fmt.Errorf("%w: the check digit does not fit, a digit was misread", ErrOnlineText)
	}
	return OnlineRef{means: OnlineByDigits, digits: string(d)}, nil
}

// EANCheckDigit is the thirteenth digit of an EAN-13 number (GS1 General Specifications, Section 7.9), as ASCII: the twelve
// are weighed 1, 3, 1, 3 … from the left, and it fills their sum up to a multiple of ten.
func EANCheckDigit(twelve string) (byte, error) {
	if len(twelve) != 12 {
		return 0, fmt.Errorf("issuer: EAN-13: %d digits, want 12", len(twelve))
	}
	sum := 0
	for i := range 12 {
		c := twelve[i]
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("issuer: EAN-13: character %d is not a digit", i+1)
		}
		sum += int(c-'0') * (1 + 2*(i%2))
	}
	return byte('0' + (10-sum%10)%10), nil
}

// newOnlineRef draws a code: 122 random bits, and thirteen digits that share nothing with them, of which twelve are drawn
// evenly from 100000000000 to 999999999999. A leading 0 is left out because scanners take such a number for twelve digits
// of another symbology.
func newOnlineRef() OnlineRef {
	r := OnlineRef{docType: OnlineType}
	rand.Read(r.code[:])
	r.code[6] = r.code[6]&0x0f | 0x40
	r.code[8] = r.code[8]&0x3f | 0x80
	n, err := rand.Int(rand.Reader, big.NewInt(onlineDigitsSpace))
	if err != nil {
		panic("issuer: random number: " + err.Error()) // crypto/rand.Reader never fails: it ends the program instead
	}
	r.digits = strconv.FormatInt(onlineDigitsFirst+n.Int64(), 10)
	check, err := EANCheckDigit(r.digits)
	if err != nil {
		panic("issuer: " + err.Error()) // twelve digits by construction
	}
	r.digits += string(rune(check))
	return r
}

const (
	onlineDigitsFirst = 100_000_000_000
	onlineDigitsSpace = 900_000_000_000 // how many numbers there are
)

func uuidText(u [16]byte) string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
