package diia

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain tells whether a text is UTF-8 without control, format and private characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.Is(unicode.C, r) || r == utf8.RuneError
	})
}

// cut shortens a text for an error.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
