package hr

import (
	"errors"
	"strings"
	"testing"
)

// TestContacts: what the directory shows is read strictly, and a bad contact costs nobody an ID.
func TestContacts(t *testing.T) {
	phones := map[string]bool{"+380 44 256-12-34": true, "(044) 256 12 34 дод. 17": true, "1551": true, "044 256 12 34 ext. 5": true,
		"": false, "12": false, "телефон": false, "+380+44": false, "0441234567890123": false, "044 дод.": false, "044 256 дод. 1234567": false, "044;256": false, "044\n256": false}
	for s, want := range phones {
		if validPhone(s) != want {
			t.Errorf("phone %q: %v, want %v", s, !want, want)
		}
	}
	mails := map[string]bool{"t.honcharuk@mzs.example.gov.ua": true, "a+b@x-y.ua": true, "": false, "a@b": false, "a@@b.ua": false, ".a@b.ua": false, "a..b@c.ua": false, "a@-b.ua": false,
		"a b@c.ua": false, "a@b.ua\r\nBcc: x@y.ua": false, "тарас@пошта.укр": false, "\"a\"@b.ua": false, "a@b..ua": false, "<a@b.ua>": false, "a,b@c.ua": false,
		strings.Repeat("a", 65) + "@b.ua": false, "a@" + strings.Repeat("b", 64) + ".ua": false}
	for s, want := range mails {
		if validEmail(s) != want {
			t.Errorf("mail %q: %v, want %v", s, !want, want)
		}
	}
	header := "Прізвище;Власне ім'я;РНОКПП;Посада;Номер посвідчення;Посвідчення видано;Посвідчення дійсне до;Службовий телефон;Службова електронна пошта\n"
	row := func(phone, mail string) string {
		return header + "Гончарук;Тарас;1759013776;слідчий;АА 1;01.01.2026;01.01.2028;" + phone + ";" + mail + "\n"
	}
	s, err := Read("a.csv", []byte(row("+380 44 256-12-34", "t@x.ua")), Options{EDRPOU: "00032684"})
	if err != nil || len(s.Records) != 1 || s.Records[0].WorkPhone != "+380 44 256-12-34" || s.Records[0].WorkEmail != "t@x.ua" {
		t.Fatalf("good contacts: %+v, %v", s, err)
	}
	s, err = Read("a.csv", []byte(row("немає", "=cmd()")), Options{EDRPOU: "00032684"})
	if err != nil || len(s.Records) != 1 || len(s.SetAside) != 0 || s.Records[0].WorkPhone != "" || s.Records[0].WorkEmail != "" {
		t.Fatalf("bad contacts: %+v, %v", s, err)
	}
	told := 0
	for _, p := range s.Records[0].Problems {
		if errors.Is(p, BadContact) {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d warnings about two bad contacts: %v", told, s.Records[0].Problems)
	}
}
