package source

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
)

// ErrLayout reports a text of a service ID that a hand scanner typed through
// another keyboard layout than its own, and that cannot be told back with
// certainty. The errors are *LayoutError.
var ErrLayout = errors.New("typed through another keyboard layout")

// Layout is what stood between a hand scanner and its text. A scanner that
// poses as a keyboard sends keys, not characters: the computer makes characters
// of them by its own layout, and the scanner chose the keys by a layout too.
type Layout uint8

// The zero Layout is the one that scanners are delivered with, on both sides.
const (
	LayoutUS            Layout = iota
	LayoutUkrainian            // the computer: Windows "Ukrainian" and "Ukrainian (Enhanced)", xkb ua
	LayoutRussian              // the computer: Windows "Russian", xkb ru
	LayoutUkrainianMac         // the computer: macOS "Ukrainian", xkb ua(macOS)
	LayoutCyrillicOld          // the computer: xkb ua(legacy)
	LayoutGerman               // the computer: QWERTZ
	LayoutFrench               // the computer: AZERTY
	LayoutScannerGerman        // the scanner is set to QWERTZ, the computer is not
	layouts
)

// keys are the characters of a QR code's alphanumeric mode as a scanner types
// them, then the bracket of its symbology mark.
const keys = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:]"

// shows tells for each layout what the computer shows for each of keys, capital
// letters and colon with Shift as on a US keyboard. British keyboards show the
// same characters as American ones for all of them.
var shows = [layouts]string{
	LayoutUS:            keys,
	LayoutUkrainian:     "0123456789ФИСВУАПРШОЛДЬТЩЗЙКІЕГМЦЧНЯ ;%*+-ю.Жї",
	LayoutRussian:       "0123456789ФИСВУАПРШОЛДЬТЩЗЙКЫЕГМЦЧНЯ ;%*+-ю.Жъ",
	LayoutUkrainianMac:  "0123456789ФІСВУАПРШОЛДЬТЩЗЙКИЕГМЦЧНЯ %:;+-ю/Жї",
	LayoutCyrillicOld:   "0123456789ФИСВУАПРШОЛДЬТЩЗЙКІЕГМЦЧНЯ *:;+-ю/Жї",
	LayoutGerman:        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXZY $%(\u0300ß.-Ö+",
	LayoutFrench:        "à&é\"'(-è_çQBCDEFGHIJKL?NOPARSTUVZXYW 458+):!M$",
	LayoutScannerGerman: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXZY $%}]/.&>\x00",
}

// shifts tells the layouts in which Caps Lock changes letters only, so that the
// case of a letter says nothing: base45 has capitals alone and the keys ; and <
// are none of its characters.
var shifts = [layouts]bool{LayoutUS: true, LayoutUkrainian: true, LayoutRussian: true, LayoutUkrainianMac: true, LayoutCyrillicOld: true}

// typed maps, for each layout, what is shown to what the scanner meant.
var typed = func() (tables [layouts]map[rune]byte) {
	for l, row := range shows {
		tables[l] = make(map[rune]byte, len(keys))
		i := 0
		for _, r := range row {
			if r != 0 {
				tables[l][r] = keys[i]
				if shifts[l] && unicode.IsLetter(r) {
					tables[l][unicode.ToUpper(r)], tables[l][unicode.ToLower(r)] = keys[i], keys[i]
				}
			}
			i++
		}
	}
	return tables
}()

// graves takes apart what a German keyboard makes of its dead grave accent, the
// scanner's plus, and a vowel. An accent that stands alone stays as it is and
// has no meaning: it may have swallowed a space.
var graves = strings.NewReplacer("À", "\u0300A", "È", "\u0300E", "Ì", "\u0300I", "Ò", "\u0300O", "Ù", "\u0300U")

// Repair says what RepairText mended; the zero value is nothing.
type Repair struct {
	Layout Layout // the layout the text came through
	Caps   bool   // every letter was small: Caps Lock, or a scanner set to small letters
	Mark   bool   // the scanner's own mark stood around the text: a symbology identifier (]Q1), STX, ETX, NUL
}

// Any tells whether anything was mended.
func (r Repair) Any() bool { return r != Repair{} }

// LayoutName names a layout for a person, in "uk" or "en".
func (l Layout) LayoutName(lang string) string {
	names := [layouts][2]string{
		LayoutUS:            {"англійська розкладка", "English keyboard layout"},
		LayoutUkrainian:     {"українська розкладка", "Ukrainian keyboard layout"},
		LayoutRussian:       {"російська розкладка", "Russian keyboard layout"},
		LayoutUkrainianMac:  {"українська розкладка macOS", "Ukrainian keyboard layout of macOS"},
		LayoutCyrillicOld:   {"стара українська розкладка", "old Ukrainian keyboard layout"},
		LayoutGerman:        {"німецька розкладка", "German keyboard layout"},
		LayoutFrench:        {"французька розкладка", "French keyboard layout"},
		LayoutScannerGerman: {"сканер налаштовано на німецьку клавіатуру", "the scanner is set to a German keyboard"},
	}
	if l >= layouts {
		l = LayoutUS
	}
	if lang == "en" {
		return names[l][1]
	}
	return names[l][0]
}

// Words says to a person what was mended and how to end it, in "uk" or "en";
// empty when nothing was.
func (r Repair) Words(lang string) string {
	var parts []string
	say := func(uk, en string) {
		if lang == "en" {
			uk = en
		}
		parts = append(parts, uk)
	}
	if r.Layout != LayoutUS {
		say("текст сканера прочитано попри розкладку клавіатури ("+r.Layout.LayoutName("uk")+"); увімкніть англійську",
			"the scanner's text was read in spite of the keyboard layout ("+r.Layout.LayoutName("en")+"); switch to English")
	}
	if r.Caps {
		say("малі літери виправлено на великі; вимкніть Caps Lock", "small letters were made capital; switch Caps Lock off")
	}
	if r.Mark {
		say("позначки сканера навколо тексту відкинуто", "the scanner's marks around the text were dropped")
	}
	return strings.Join(parts, "; ")
}

// LayoutError is a text that cannot be told back: which layout it came through.
// It wraps ErrLayout and holds nothing of the text.
type LayoutError struct{ Layout Layout }

func (e *LayoutError) Error() string {
	return fmt.Sprintf("source: hand scanner: %s: %v, and not every character can be told back", e.Layout.LayoutName("en"), ErrLayout)
}

// Unwrap gives ErrLayout.
func (e *LayoutError) Unwrap() error { return ErrLayout }

// Words says to a person what is wrong, in "uk" or "en".
func (e *LayoutError) Words(lang string) string {
	if lang == "en" {
		return "the hand scanner types through another keyboard layout: " + e.Layout.LayoutName(lang)
	}
	return "сканер друкує через іншу розкладку клавіатури: " + e.Layout.LayoutName(lang)
}

// Remedy says to a person what to do, in "uk" or "en".
func (e *LayoutError) Remedy(lang string) string {
	if lang == "en" {
		return "switch the keyboard to English and scan again; for good: set the scanner to ALT mode or to USB COM"
	}
	return "увімкніть англійську розкладку й зчитайте ще раз; назавжди: переведіть сканер у режим ALT або USB COM"
}

// marks are what scanners put around a text and what no text of ours begins or
// ends with. A space is no mark: base45 has it.
const marks = "\x00\x02\x03\r\n\t"

// RepairText undoes what stands between a hand scanner and the text of a
// service ID or of a challenge: a keyboard layout, Caps Lock, marks around it.
// Line ends, tabs and marks at both ends go from any text.
//
// A text is mended only as a whole and only when, mended, it begins with a
// prefix of ours, is strict base45 and long enough for what the prefix says; any
// other text comes back as it came, for the verdict to judge. Mending decides
// nothing: a wrong guess breaks the signature. When a text shows by its prefix
// that a layout stood in between, and cannot be told back, it comes back empty
// with a *LayoutError.
func RepairText(text string) (string, Repair, error) {
	inner := strings.TrimLeft(text, marks)
	before := text[:len(text)-len(inner)]
	text = strings.TrimRight(inner, marks)
	mark := strings.ContainsAny(before+inner[len(text):], "\x00\x02\x03")
	if ours(text) || utf8.RuneCountInString(text) > credential.MaxText+len("]Q1") {
		return text, Repair{Mark: mark && ours(text)}, nil
	}
	if inner, ok := unmark(text); ok && ours(inner) {
		return inner, Repair{Mark: true}, nil
	}
	found, mended, how := 0, "", Repair{}
	var broken *LayoutError
	for l := LayoutUS; l < layouts; l++ {
		shown := text
		if l == LayoutGerman {
			shown = graves.Replace(text)
		}
		meant, whole := back(l, shown)
		meant, stripped := unmark(meant)
		what := Repair{Layout: l, Caps: lowered(l, text), Mark: mark || stripped}
		if !ours(meant) || l == LayoutUS && !what.Caps {
			continue
		}
		if l != LayoutUS && broken == nil {
			broken = &LayoutError{l}
		}
		if whole && len(meant) >= minMended && decodes(meant) {
			if found++; found == 1 {
				mended, how = meant, what
			}
		}
	}
	switch {
	case found == 1:
		return mended, how, nil
	case broken != nil: // none fits, or two layouts do and mean different texts
		return "", Repair{}, broken
	}
	return text, Repair{}, nil
}

// minMended is the shortest text that is mended, in characters: no presentation
// and no challenge is as short.
const minMended = 64

// decodes tells whether a text is strict base45 behind its prefix. A character
// that was told back wrongly, lost or doubled shows here more often than not.
func decodes(text string) bool {
	_, _, err := credential.DecodeText(text)
	return err == nil
}

// ours tells whether a text begins with a prefix of ours.
func ours(text string) bool {
	return strings.HasPrefix(text, credential.Prefix) || strings.HasPrefix(text, credential.ChallengePrefix)
}

// unmark drops the symbology identifier of a QR code (ISO/IEC 15424: "]Q" and a
// digit from 0 to 6).
func unmark(text string) (string, bool) {
	if len(text) > 3 && text[0] == ']' && text[1] == 'Q' && text[2] >= '0' && text[2] <= '6' {
		return text[3:], true
	}
	return text, false
}

// back gives what the scanner meant by a text that was shown through a layout,
// up to the first character that the layout cannot have shown; whole tells that
// there was none.
func back(l Layout, shown string) (meant string, whole bool) {
	if l == LayoutUS && strings.ContainsFunc(shown, unicode.IsLower) && strings.ContainsFunc(shown, unicode.IsUpper) {
		return "", false // no lock does this: the text is as it was printed
	}
	var b strings.Builder
	b.Grow(len(shown))
	for _, r := range shown {
		c, ok := typed[l][r]
		if !ok || c == ']' && b.Len() > 0 {
			return b.String(), false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// lowered tells whether Caps Lock was on: capitals became small.
func lowered(l Layout, text string) bool {
	if !shifts[l] {
		return false
	}
	// Only letters that stand for capitals tell: the full stop of a Cyrillic layout is a letter too.
	for _, r := range text {
		if c := typed[l][r]; c >= 'A' && c <= 'Z' {
			return unicode.IsLower(r)
		}
	}
	return false
}
