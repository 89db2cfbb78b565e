// Package locale holds every word a person reads from a verifier, in Ukrainian and in English.
//
// It decides nothing: the verifier gives a code and its arguments, this package gives the headline, the
// cause and the one next step. Ukrainian is the first language and the answer to an unknown language tag.
// Codes, JSON keys and exit codes are never translated and so are not here.
package locale

import "strings"

// Languages that every text exists in. A language tag other than these is read by [Pick].
const (
	Ukrainian = "uk" // the default
	English   = "en"
)

// Languages lists the languages of the texts, the default first.
func Languages() []string { return []string{Ukrainian, English} }

// Pick turns a POSIX or BCP 47 language tag ("en_GB.UTF-8", "uk-UA", "") into one of [Languages].
// Whatever is not English is Ukrainian.
func Pick(tag string) string {
	tag = strings.ToLower(tag)
	if tag == English || strings.HasPrefix(tag, "en_") || strings.HasPrefix(tag, "en-") || strings.HasPrefix(tag, "en.") {
		return English
	}
	return Ukrainian
}

// side is the index of a language in a pair of texts.
func side(lang string) int {
	if Pick(lang) == English {
		return 1
	}
	return 0
}

// pair is one text in the languages of [Languages], in that order.
type pair [2]string
