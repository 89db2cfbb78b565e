package cose

import (
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestOneLine(t *testing.T) {
	turning := []rune{0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		want := !unicode.Is(unicode.Cc, r) && !slices.Contains(turning, r)
		text := "Ґ" + string(r) + "’я"
		if got := OneLine(text); got != want || OneLine([]byte(text)) != want {
			t.Fatalf("%U: %v, want %v", r, got, want)
		}
		if got := OneLine(string(r)); got != want {
			t.Fatalf("%U alone: %v, want %v", r, got, want)
		}
	}
	for _, text := range []string{"", "\xc2", "а\xd8", "\xe2", "\xe2\x80", "Нестеренко-Квітковська О.-В. В.", "відділ № 2 «А» — м. Київ"} {
		if !OneLine(text) {
			t.Errorf("%q is one line", text)
		}
	}
}
