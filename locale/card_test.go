package locale

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// mixed finds a word with letters of both alphabets: a look-alike that nobody sees and no search finds.
var mixed = regexp.MustCompile(`\p{Cyrillic}[A-Za-z]|[A-Za-z]\p{Cyrillic}`)

func TestCardTexts(t *testing.T) {
	check := func(where string, p pair) {
		t.Helper()
		for i, l := range Languages() {
			if strings.TrimSpace(p[i]) == "" || strings.ContainsAny(p[i], "{}") {
				t.Errorf("%s: %q in %s", where, p[i], l)
			}
		}
		if strings.ContainsAny(p[0], "ыэъёЫЭЪЁ") {
			t.Errorf("%s: not Ukrainian: %q", where, p[0])
		}
		if word := mixed.FindString(p[0] + " " + p[1]); word != "" {
			t.Errorf("%s: both alphabets in one word: %q", where, word)
		}
	}
	for sw, p := range cardStatus {
		check(fmt.Sprintf("status %04X", sw), p)
	}
	for _, p := range []pair{cardOther, cardMore, cardLength, cardBlocked, cardTries} {
		check("status", p)
	}
	for code, x := range troubles {
		check(code+" cause", x.cause)
		check(code+" remedy", x.remedy)
		if !HasCardTrouble(code) {
			t.Errorf("%s is said to have no texts", code)
		}
	}
	for _, c := range []struct {
		status uint16
		uk, en string
	}{
		{0x9000, "виконано", "done"},
		{0x63C0, "ПІН неправильний; спроб не лишилося", "wrong PIN; blocked"},
		{0x63C3, "ПІН неправильний; лишилося спроб: 3", "wrong PIN; tries left: 3"},
		{0x6110, "картка має ще дані", "the card has more data"},
		{0x6C10, "картка просить іншої довжини", "the card asks for another length"},
		{0x6FFF, "картка відповіла кодом, якого стандарт не пояснює", "an answer that the standard does not explain"},
		{0x0005, "картка відповіла кодом, якого стандарт не пояснює", "an answer that the standard does not explain"},
	} {
		if uk, en := CardStatus("uk", c.status), CardStatus("en", c.status); uk != c.uk || en != c.en {
			t.Errorf("%04X reads %q, %q", c.status, uk, en)
		}
	}
	cause, remedy := CardTrouble("uk", "no-such-code")
	if wantCause, wantRemedy := CardTrouble("uk", "reader-fault"); cause != wantCause || remedy != wantRemedy || HasCardTrouble("no-such-code") {
		t.Errorf("an unknown code reads %q, %q", cause, remedy)
	}
}
