package qr

import "fmt"

// MaxLink is the longest text of EncodeLink: what level M holds in byte mode of version 20 (ISO/IEC 18004, Table 7). A
// longer link would make modules too small for a phone's camera at arm's length.
const MaxLink = 666

// EncodeLink makes the smallest symbol of level M that holds a link: visible ASCII characters in any case (RFC 3986 uses no
// others), so most of it in byte mode. Presentations are made with Encode, which refuses what would cost them modules.
// Errors are ErrEmpty, ErrTooLong, ErrNotVisible and ErrEncoder; none names a part of the text.
func EncodeLink(text string) (*Symbol, error) {
	switch {
	case text == "":
		return nil, fmt.Errorf("qr: %w", ErrEmpty)
	case len(text) > MaxLink:
		return nil, fmt.Errorf("qr: link of %d characters, want at most %d: %w", len(text), MaxLink, ErrTooLong)
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return nil, fmt.Errorf("qr: byte %d of %d: %w", i, len(text), ErrNotVisible)
		}
	}
	return encode(text)
}
