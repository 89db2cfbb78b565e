package locale

import (
	"strings"
	"unicode"
)

// Visible takes out of a text whatever could move a cursor, change colours, turn the order of letters or hide them: control and
// format characters. No more than two combining marks stay on a letter, and at most so many characters of the whole. Tokens
// cannot carry such texts; what shows them to a guard does not rely on it.
func Visible(text string, most int) string {
	var b strings.Builder
	marks, n := 0, 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > 2 {
				continue
			}
		case unicode.IsSpace(r):
			marks, r = 0, ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			continue
		case !unicode.IsPrint(r), r == unicode.ReplacementChar:
			marks, r = 0, '?'
		default:
			marks = 0
		}
		if n++; n > most {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
