package hr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Apostrophe is the letter apostrophe U+02BC, the one form in which names are kept.
const Apostrophe = 'ʼ'

// isApostrophe names every sign that people type for the Ukrainian apostrophe.
func isApostrophe(r rune) bool {
	switch r {
	case '\'', '’', '‘', 'ʼ', '`', '´', '′', 'ʹ', '＇', 'ʻ', '‛':
		return true
	}
	return false
}

// cleanText puts text in its one stored form: NFC, one plain space between words, none at the ends, U+02BC between
// letters. Bad is true when the text holds what no register text holds: control or format characters (also those that
// turn writing round), private-use characters, the replacement character, bytes that are not UTF-8.
func cleanText(s string) (out string, bad bool) {
	if plain(s) {
		return s, false
	}
	if !utf8.ValidString(s) {
		return "", true
	}
	s = norm.NFC.String(s)
	var b strings.Builder
	b.Grow(len(s))
	space := false
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.IsSpace(r):
			space = true
			continue
		case r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			bad = true
			continue
		case isApostrophe(r) && i > 0 && i+1 < len(rs) && unicode.IsLetter(rs[i-1]) && unicode.IsLetter(rs[i+1]):
			r = Apostrophe
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String(), bad
}

// plain says whether s is already clean: printable ASCII or Cyrillic letters that have no other form, single spaces
// inside. It spares most cells the slow path.
func plain(s string) bool {
	prev := rune(' ')
	for _, r := range s {
		switch {
		case r == ' ':
			if prev == ' ' {
				return false
			}
		case r > ' ' && r < 0x7f && r != '\'' && r != '`':
		case r >= 'А' && r <= 'я', r == 'і', r == 'І', r == 'ї', r == 'Ї', r == 'є', r == 'Є', r == 'ґ', r == 'Ґ', r == '№', r == Apostrophe:
		default:
			return false
		}
		prev = r
	}
	return prev != ' ' || s == ""
}

// cleanName is cleanText for a part of a name: every dash becomes a hyphen with no spaces beside it, every apostrophe
// U+02BC.
func cleanName(s string) (out string, bad bool) {
	s, bad = cleanText(s)
	if strings.ContainsFunc(s, func(r rune) bool { return isApostrophe(r) && r != Apostrophe || isDash(r) }) {
		s = strings.Map(func(r rune) rune {
			switch {
			case isApostrophe(r):
				return Apostrophe
			case isDash(r):
				return '-'
			}
			return r
		}, s)
		s = strings.ReplaceAll(strings.ReplaceAll(s, " -", "-"), "- ", "-")
	}
	return s, bad
}

func isDash(r rune) bool {
	switch r {
	case '-', '‐', '‑', '‒', '–', '—', '−':
		return true
	}
	return false
}

// nameCode checks one cleaned part of a name; "" means fine. Names are written in Ukrainian letters with hyphens,
// apostrophes and spaces between letters.
func nameCode(s string) Code {
	if utf8.RuneCountInString(s) > MaxNameRunes {
		return TextTooLong
	}
	if mixedScript(s) {
		return LatinLookAlike
	}
	prevLetter, letters, latin := false, 0, 0
	for _, r := range s {
		switch {
		case isUkrainian(r):
			prevLetter = true
			letters++
		case unicode.Is(unicode.Latin, r):
			prevLetter = true
			latin++
		case r == '-' || r == ' ' || r == Apostrophe:
			if !prevLetter {
				return BadName
			}
			prevLetter = false
		default:
			return BadName
		}
	}
	switch {
	case latin > 0:
		return LatinName
	case letters == 0 || !prevLetter:
		return BadName
	}
	return ""
}

func isUkrainian(r rune) bool {
	switch r {
	case 'ъ', 'ы', 'э', 'Ъ', 'Ы', 'Э':
		return false
	case 'і', 'І', 'ї', 'Ї', 'є', 'Є', 'ґ', 'Ґ':
		return true
	}
	return r >= 'А' && r <= 'я'
}

// mixedScript says whether one word (a run of letters and apostrophes) holds both Cyrillic and Latin letters: the mark of
// a look-alike letter typed on the wrong keyboard, or put there on purpose.
func mixedScript(s string) bool {
	cyr, lat := false, false
	for _, r := range s {
		switch {
		case r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'):
			lat = true
		case r >= 0x400 && r <= 0x52f:
			cyr = true
		case r == Apostrophe:
		case unicode.Is(unicode.Cyrillic, r):
			cyr = true
		case unicode.Is(unicode.Latin, r) || unicode.Is(unicode.Greek, r):
			lat = true
		default:
			cyr, lat = false, false
		}
		if cyr && lat {
			return true
		}
	}
	return false
}

// formulaText says whether a spreadsheet program would run the text as a formula.
func formulaText(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case '=', '+', '@':
		return true
	case '-':
		return len(s) > 1 && s[1] != ' '
	}
	return false
}

// latinNameCode checks a passport spelling: Latin letters with hyphens, apostrophes and spaces between them.
func latinNameCode(s string) Code {
	if utf8.RuneCountInString(s) > MaxNameRunes {
		return TextTooLong
	}
	prev := false
	for _, r := range s {
		switch {
		case r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z':
			prev = true
		case (r == '-' || r == ' ' || r == '\'' || r == Apostrophe) && prev:
			prev = false
		default:
			if unicode.Is(unicode.Cyrillic, r) {
				return LatinLookAlike
			}
			return BadLatinName
		}
	}
	if !prev {
		return BadLatinName
	}
	return ""
}

// foldLookAlikes maps Latin letters onto the Cyrillic ones they look like; used for headers only, never for data.
var foldLookAlikes = strings.NewReplacer("a", "а", "b", "в", "c", "с", "e", "е", "h", "н", "i", "і", "k", "к", "m", "м",
	"o", "о", "p", "р", "t", "т", "x", "х", "y", "у", "ï", "ї")

// headerKey is the form in which headers are compared: lower case, letters and digits only, one space between words,
// look-alike letters folded where the text is Cyrillic.
func headerKey(s string) string {
	s = strings.ToLower(norm.NFC.String(s))
	if len(s) > 400 {
		return ""
	}
	cyr := strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
	if cyr {
		s = foldLookAlikes.Replace(s)
	}
	var b strings.Builder
	gap := false
	for _, r := range s {
		switch {
		case isApostrophe(r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return b.String()
}

// shown makes a header or file name fit for one line of a message: no control characters, at most 60 runes.
func shown(s string) string {
	s, _ = cleanText(s)
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:59]) + "…"
	}
	return s
}
