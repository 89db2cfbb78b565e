package scene

import (
	"fmt"

	qrcode "github.com/skip2/go-qrcode"
)

// alphabet is the 45 characters of QR alphanumeric mode (ISO/IEC 18004, Table 5),
// those of base45.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// Size is how much a symbol holds: its number of characters and its error
// correction level, L, M, Q or H.
type Size struct {
	Chars int
	Level string
}

func (s Size) String() string { return fmt.Sprintf("%d-%s", s.Chars, s.Level) }

// Sizes are the payloads of the camera sets, versions 5 to 40.
var Sizes = []Size{
	{120, "L"}, {120, "M"}, {120, "Q"}, {250, "L"}, {250, "M"}, {250, "Q"},
	{400, "L"}, {400, "M"}, {400, "Q"}, {600, "L"}, {600, "M"}, {600, "Q"},
	{900, "L"}, {900, "M"}, {900, "Q"}, {1300, "L"}, {1300, "M"}, {2000, "L"},
	{2000, "M"}, {3000, "L"}, {4000, "L"}, {4200, "L"},
}

var levels = map[string]qrcode.RecoveryLevel{"L": qrcode.Low, "M": qrcode.Medium, "Q": qrcode.High, "H": qrcode.Highest}

// symbol is a QR symbol without quiet zone.
type symbol struct {
	text    string
	level   string
	version int
	size    int      // modules along a side
	dark    [][]bool // by row
}

// randomText returns n random characters of the alphabet.
func randomText(d *dice, n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = alphabet[d.intn(len(alphabet))]
	}
	return string(text)
}

// encode makes the smallest symbol of a text.
func encode(text, level string) (*symbol, error) {
	code, err := qrcode.New(text, levels[level])
	if err != nil {
		return nil, fmt.Errorf("scene: %d characters at level %s: %w", len(text), level, err)
	}
	code.DisableBorder = true
	bitmap := code.Bitmap()
	return &symbol{text: text, level: level, version: code.VersionNumber, size: len(bitmap), dark: bitmap}, nil
}

// randomSymbol makes a symbol of random text.
func randomSymbol(d *dice, s Size) (*symbol, error) {
	return encode(randomText(d, s.Chars), s.Level)
}

// symbolOfVersion makes a symbol of a version and level, nearly full.
func symbolOfVersion(d *dice, version int, level string) (*symbol, error) {
	most := capacity(version, level)
	least := 1
	if version > 1 {
		least = capacity(version-1, level) + 1
	}
	return randomSymbol(d, Size{least + d.intn(most-least+1), level})
}
