package locale

import (
	"strconv"
	"time"
)

// Form is a plural form of the Unicode CLDR, as far as Ukrainian and English have them for whole numbers.
type Form uint8

// Plural forms. English uses One and Many only.
const (
	One  Form = iota // 1, 21, 31, 101 … in Ukrainian; 1 in English
	Few              // 2–4, 22–24 … in Ukrainian
	Many             // 0, 5–20, 25–30, 111 …
)

// PluralForm gives the form of a noun after the whole number n (CLDR plural rules, "uk" and "en").
// The sign of n does not matter.
func PluralForm(lang string, n int64) Form {
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	if side(lang) == 1 {
		if u == 1 {
			return One
		}
		return Many
	}
	switch u % 100 {
	case 11, 12, 13, 14:
		return Many
	}
	switch u % 10 {
	case 1:
		return One
	case 2, 3, 4:
		return Few
	}
	return Many
}

// Count writes a number with its noun: Count("uk", 5, [3]string{"секунду", "секунди", "секунд"}) is
// "5 секунд". In English forms[Few] is not used.
func Count(lang string, n int64, forms [3]string) string {
	return strconv.FormatInt(n, 10) + " " + forms[PluralForm(lang, n)]
}

// units of time, longest first. Ukrainian nouns stand in the accusative: every text uses them after «на»
// or before «тому», where it is the case asked for.
var units = [...]struct {
	length int64 // seconds
	forms  [2][3]string
}{
	{86400, [2][3]string{{"добу", "доби", "діб"}, {"day", "", "days"}}},
	{3600, [2][3]string{{"годину", "години", "годин"}, {"hour", "", "hours"}}},
	{60, [2][3]string{{"хвилину", "хвилини", "хвилин"}, {"minute", "", "minutes"}}},
	{1, [2][3]string{{"секунду", "секунди", "секунд"}, {"second", "", "seconds"}}},
}

// Duration writes a length of time in words, rounded down to at most two neighbouring units:
// "3 хвилини 5 секунд", "26 hours" is "1 day 2 hours". Up to two minutes it counts seconds alone, because
// that is how people compare clocks. The sign is dropped.
func Duration(lang string, d time.Duration) string {
	s := int64(d / time.Second)
	if s < 0 {
		s = -s
	}
	i := side(lang)
	if s <= 120 {
		return Count(lang, s, units[3].forms[i])
	}
	for k, u := range units {
		n := s / u.length
		if n == 0 {
			continue
		}
		text := Count(lang, n, u.forms[i])
		if k+1 < len(units) {
			next := units[k+1]
			if m := (s % u.length) / next.length; m > 0 {
				text += " " + Count(lang, m, next.forms[i])
			}
		}
		return text
	}
	return Count(lang, s, units[3].forms[i])
}
