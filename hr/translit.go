package hr

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// latin is the table of КМУ 27.01.2010 №55; the second column stands at the start of a word.
var latin = map[rune][2]string{
	'а': {"a", "a"}, 'б': {"b", "b"}, 'в': {"v", "v"}, 'г': {"h", "h"}, 'ґ': {"g", "g"}, 'д': {"d", "d"}, 'е': {"e", "e"},
	'є': {"ie", "ye"}, 'ж': {"zh", "zh"}, 'з': {"z", "z"}, 'и': {"y", "y"}, 'і': {"i", "i"}, 'ї': {"i", "yi"},
	'й': {"i", "y"}, 'к': {"k", "k"}, 'л': {"l", "l"}, 'м': {"m", "m"}, 'н': {"n", "n"}, 'о': {"o", "o"}, 'п': {"p", "p"},
	'р': {"r", "r"}, 'с': {"s", "s"}, 'т': {"t", "t"}, 'у': {"u", "u"}, 'ф': {"f", "f"}, 'х': {"kh", "kh"},
	'ц': {"ts", "ts"}, 'ч': {"ch", "ch"}, 'ш': {"sh", "sh"}, 'щ': {"shch", "shch"}, 'ь': {"", ""}, 'ю': {"iu", "yu"},
	'я': {"ia", "ya"},
}

// Transliterate writes Ukrainian in Latin letters by КМУ 27.01.2010 №55. A word starts where the letter before is missing
// or is not part of the word; an apostrophe joins (Мар'їне → Marine), a hyphen or a space parts. Case follows the source
// word by word, so ЩЕРБА gives SHCHERBA and Щерба gives Shcherba. Letters outside the table stay as they are.
func Transliterate(s string) string {
	rs := []rune(norm.NFC.String(s))
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i, r := range rs {
		if isApostrophe(r) && i > 0 && i+1 < len(rs) && unicode.IsLetter(rs[i-1]) && unicode.IsLetter(rs[i+1]) {
			continue
		}
		low := unicode.ToLower(r)
		t, ok := latin[low]
		if !ok {
			b.WriteRune(r)
			continue
		}
		out := t[0]
		if startsWord(rs, i) {
			out = t[1]
		}
		if low == 'г' && i > 0 && unicode.ToLower(rs[i-1]) == 'з' {
			out = "gh" // зг is zgh, so that it differs from ж, which is zh
		}
		if out == "" || low == r {
			b.WriteString(out)
			continue
		}
		if shouts(rs, i) {
			b.WriteString(strings.ToUpper(out))
			continue
		}
		b.WriteString(strings.ToUpper(out[:1]) + out[1:])
	}
	return b.String()
}

func startsWord(rs []rune, i int) bool {
	return i == 0 || !unicode.IsLetter(rs[i-1]) && !isApostrophe(rs[i-1])
}

// shouts says whether the upper-case letter at i stands in a word written in capitals: its next letter is a capital, or it
// is the last and the one before is.
func shouts(rs []rune, i int) bool {
	next := func(step int) (rune, bool) {
		for j := i + step; j >= 0 && j < len(rs); j += step {
			if isApostrophe(rs[j]) {
				continue
			}
			return rs[j], unicode.IsLetter(rs[j])
		}
		return 0, false
	}
	if r, ok := next(1); ok {
		return unicode.IsUpper(r)
	}
	r, ok := next(-1)
	return ok && unicode.IsUpper(r)
}
