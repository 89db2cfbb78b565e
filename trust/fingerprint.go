package trust

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Fingerprint is SHA-256 of a root payload: what a person compares, types or scans as first trust. The zero value
// pins nothing.
type Fingerprint [sha256.Size]byte

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// IsZero reports whether nothing is pinned.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// String returns base32 (RFC 4648, Section 6) in thirteen groups of four characters.
func (f Fingerprint) String() string {
	text := base32Text.EncodeToString(f[:])
	var b strings.Builder
	for i := 0; i < len(text); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(text[i : i+4])
	}
	return b.String()
}

// ParseFingerprint reads what String wrote as a person may type it: any case, groups parted by spaces, line ends or
// hyphens, or not at all.
func ParseFingerprint(text string) (Fingerprint, error) {
	if len(text) > 256 {
		return Fingerprint{}, refuse(ErrArgument, "fingerprint of %d characters, want 52", len(text))
	}
	text = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t', '\r', '\n':
			return -1
		}
		return r
	}, strings.ToUpper(text))
	if len(text) != 52 {
		return Fingerprint{}, refuse(ErrArgument, "fingerprint of %d characters, want 52", len(text))
	}
	raw, err := base32Text.DecodeString(text)
	if err != nil {
		return Fingerprint{}, refuse(ErrArgument, "fingerprint has a character outside A–Z and 2–7")
	}
	// 52 characters carry 260 bits: the last four have to be zero, or one root would have sixteen spellings.
	if base32Text.EncodeToString(raw) != text {
		return Fingerprint{}, refuse(ErrArgument, "fingerprint ends in a character that no fingerprint ends in")
	}
	f := Fingerprint(raw)
	if f.IsZero() {
		return Fingerprint{}, refuse(ErrNoPin, "fingerprint is all zero")
	}
	return f, nil
}
