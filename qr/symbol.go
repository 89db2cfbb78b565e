// Package qr turns a text into a QR symbol and a picture back into texts.
//
// It draws a symbol as PNG, SVG or terminal characters, and reads every code
// it finds in a PNG, JPEG, WebP or GIF picture (docs/spec/qr.md). It does not
// know what the texts mean: their form belongs to package credential, and a
// text that was read here is as untrusted as the picture it came from.
//
// Reading is deterministic: it looks at no clock, and the same bytes always
// give the same results in the same order.
package qr

import (
	"errors"
	"fmt"

	qrcode "github.com/skip2/go-qrcode"
)

// Errors of Encode and of the drawing methods.
var (
	// ErrNotAlphanumeric reports a text with a character outside the 45 of
	// QR alphanumeric mode (ISO/IEC 18004, Table 5).
	ErrNotAlphanumeric = errors.New("not QR alphanumeric")
	// ErrNotVisible reports a link with a character that no link has: a
	// space, a control character or one outside ASCII.
	ErrNotVisible = errors.New("not visible ASCII")
	// ErrTooLong reports a text that no symbol of level M can hold.
	ErrTooLong = errors.New("text too long for one symbol")
	// ErrEmpty reports an empty text, or drawing the zero Symbol.
	ErrEmpty = errors.New("nothing to encode")
	// ErrOption reports a drawing option outside its range.
	ErrOption = errors.New("option out of range")
	// ErrTooNarrow reports a terminal with fewer columns than the symbol needs;
	// errors.As finds a *TooNarrowError with both numbers.
	ErrTooNarrow = errors.New("terminal too narrow")
	// ErrEncoder reports that the encoder failed on a text it should hold.
	ErrEncoder = errors.New("encoder failed")
)

// Level is the error correction level of a symbol.
type Level string

// LevelM recovers from about 15 % of damaged codewords. It is the only level
// that Encode makes: higher ones need a larger symbol and read worse.
const LevelM Level = "M"

// Symbol is one QR symbol without its quiet zone. The zero Symbol holds
// nothing and cannot be drawn.
type Symbol struct {
	Version int   // 1 to 40
	Level   Level // always LevelM
	Size    int   // modules along a side: 17 + 4 × Version

	dark []bool // Size × Size, row by row, true is a dark module
}

// Dark reports whether the module in column x and row y is dark. Everything
// outside the symbol is light.
func (s *Symbol) Dark(x, y int) bool {
	if s == nil || x < 0 || y < 0 || x >= s.Size || y >= s.Size || y*s.Size+x >= len(s.dark) {
		return false
	}
	return s.dark[y*s.Size+x]
}

// IsAlphanumeric reports whether every character of text is one of the 45
// characters of QR alphanumeric mode: 0–9, A–Z, space and $%*+-./: (ISO/IEC
// 18004, Table 5). The empty text is not.
func IsAlphanumeric(text string) bool {
	return text != "" && firstForeign(text) < 0
}

// firstForeign returns the offset of the first byte that is not QR
// alphanumeric, or -1.
func firstForeign(text string) int {
	for i := 0; i < len(text); i++ {
		if !isAlphanumeric(text[i]) {
			return i
		}
	}
	return -1
}

func isAlphanumeric(c byte) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z':
		return true
	}
	switch c {
	case ' ', '$', '%', '*', '+', '-', '.', '/', ':':
		return true
	}
	return false
}

// Encode makes the smallest symbol of level M that holds text in alphanumeric
// mode (a long run of digits may be its own numeric segment where that is
// shorter). It refuses an empty text, a text with any other character, and
// one that does not fit version 40. Errors name no part of the text.
func Encode(text string) (*Symbol, error) {
	if text == "" {
		return nil, fmt.Errorf("qr: %w", ErrEmpty)
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("qr: %d characters, level M holds %d: %w", len(text), MaxText, ErrTooLong)
	}
	if i := firstForeign(text); i >= 0 {
		return nil, fmt.Errorf("qr: byte %d of %d: %w", i, len(text), ErrNotAlphanumeric)
	}
	return encode(text)
}

// encode makes the symbol of a text that has been checked.
func encode(text string) (s *Symbol, err error) {
	// The encoder panics where it finds itself inconsistent. No such text is
	// known; if one exists, it is an error and not the end of the program.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("qr: %w: panic on %d characters", ErrEncoder, len(text))
		}
	}()
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("qr: %w: %w", ErrEncoder, err)
	}
	code.DisableBorder = true
	rows := code.Bitmap()
	size := 17 + 4*code.VersionNumber
	if len(rows) != size || len(rows[0]) != size {
		return nil, fmt.Errorf("qr: %w: version %d has %d rows, want %d", ErrEncoder, code.VersionNumber, len(rows), size)
	}
	s = &Symbol{Version: code.VersionNumber, Level: LevelM, Size: size, dark: make([]bool, 0, size*size)}
	for _, row := range rows {
		s.dark = append(s.dark, row...)
	}
	return s, nil
}

// drawable refuses the zero Symbol.
func (s *Symbol) drawable() error {
	if s == nil || s.Size < minSize || s.Size > maxSize || len(s.dark) != s.Size*s.Size {
		return fmt.Errorf("qr: %w: symbol was not made by Encode", ErrEmpty)
	}
	return nil
}
