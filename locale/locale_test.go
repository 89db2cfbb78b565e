package locale

import (
	"strings"
	"testing"
	"time"
)

func TestEveryCodeHasTextsInEveryLanguage(t *testing.T) {
	for _, c := range Codes() {
		if !Has(c) {
			t.Errorf("code %q lacks a headline, a cause or a next step in one of %v", c, Languages())
		}
	}
	if Has("no-such-code") {
		t.Error("a code without texts is said to have them")
	}
}

func TestEveryPairIsWhole(t *testing.T) {
	check := func(where string, p pair) {
		t.Helper()
		for i, l := range Languages() {
			if strings.TrimSpace(p[i]) == "" {
				t.Errorf("%s: no text in %s", where, l)
			}
		}
	}
	for k, p := range steps {
		check("steps "+k, p)
	}
	for k, p := range words {
		check("words "+k, p)
	}
	for k, p := range labels {
		check("labels "+k, p)
	}
	for k, p := range suspects {
		check("suspects "+k, p)
	}
	for _, p := range levels {
		check("levels", p)
	}
	for _, p := range cardLevels {
		check("levels of cards", p)
	}
}

func TestPlaceholdersAgreeAndAreAllFilled(t *testing.T) {
	args := Args{Shift: 40 * time.Second, Limit: time.Minute, At: time.Unix(1790000000, 0), Level: 1, Want: 2}
	names := []string{"{shift}", "{limit}", "{at}", "{date}", "{level}", "{want}"}
	for c, m := range texts {
		for _, n := range names {
			if strings.Contains(m.cause[0], n) != strings.Contains(m.cause[1], n) {
				t.Errorf("%s: %s stands in one language only", c, n)
			}
		}
		for _, l := range Languages() {
			h, cause, next := Text(l, c, args)
			for _, s := range []string{h, cause, next} {
				if strings.ContainsAny(s, "{}") {
					t.Errorf("%s (%s): placeholder left in %q", c, l, s)
				}
			}
		}
	}
}

func TestUkrainianTextsAreUkrainian(t *testing.T) {
	for c, m := range texts {
		for _, s := range []string{m.headline[0], m.cause[0], steps[m.step][0]} {
			for _, r := range strings.ReplaceAll(s, "posvid-verify trust pin", "") {
				if strings.ContainsRune("ыэъёЫЭЪЁ", r) {
					t.Errorf("%s: letter %q is not Ukrainian: %q", c, r, s)
				}
			}
			bare := s
			for _, latin := range []string{"{shift}", "{limit}", "{at}", "{date}", "{level}", "{want}", "posvid-verify trust pin"} {
				bare = strings.ReplaceAll(bare, latin, "")
			}
			for _, r := range bare {
				if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
					t.Errorf("%s: Latin letter %q in the Ukrainian text %q", c, r, s)
				}
			}
		}
	}
}

func TestRefusingWordIsNotHiddenInAccept(t *testing.T) {
	for _, l := range Languages() {
		accept := Word(l, "accept")
		for _, o := range []string{"refuse", "cannot-confirm"} {
			if strings.Contains(Word(l, o), accept) {
				t.Errorf("%s: %q contains %q", l, Word(l, o), accept)
			}
		}
		if Word(l, "") != Word(l, "refuse") || Word(l, "green") != Word(l, "refuse") {
			t.Errorf("%s: an unknown outcome is not the refusing word", l)
		}
	}
	if Word("uk", "accept") != "ЧИННЕ" || Word("uk", "refuse") != "ВІДХИЛЕНО" || Word("uk", "cannot-confirm") != "НЕ ПІДТВЕРДЖЕНО" {
		t.Error("the three words of the glossary are changed")
	}
}

func TestUnknownCodeStillHasANextStep(t *testing.T) {
	h, c, n := Text("uk", "no-such-code", Args{})
	ih, ic, in := Text("uk", "internal", Args{})
	if h != ih || c != ic || n != in || n == "" {
		t.Errorf("unknown code reads %q, %q, %q", h, c, n)
	}
	if NextStep("en", "no-such-code") != NextStep("en", "internal") {
		t.Error("NextStep of an unknown code differs from internal")
	}
}

func TestPluralForm(t *testing.T) {
	uk := map[int64]Form{0: Many, 1: One, 2: Few, 3: Few, 4: Few, 5: Many, 10: Many, 11: Many, 12: Many, 13: Many, 14: Many,
		15: Many, 20: Many, 21: One, 22: Few, 24: Few, 25: Many, 100: Many, 101: One, 102: Few, 111: Many, 112: Many, 114: Many,
		121: One, 1001: One, 1011: Many, -1: One, -3: Few, -12: Many, -1 << 63: Many}
	for n, want := range uk {
		if got := PluralForm("uk", n); got != want {
			t.Errorf("uk %d: form %d, want %d", n, got, want)
		}
	}
	for n, want := range map[int64]Form{0: Many, 1: One, 2: Many, 11: Many, 21: Many, -1: One} {
		if got := PluralForm("en", n); got != want {
			t.Errorf("en %d: form %d, want %d", n, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d      time.Duration
		uk, en string
	}{
		{0, "0 секунд", "0 seconds"},
		{time.Second, "1 секунду", "1 second"},
		{-2 * time.Second, "2 секунди", "2 seconds"},
		{40 * time.Second, "40 секунд", "40 seconds"},
		{91 * time.Second, "91 секунду", "91 seconds"},
		{112 * time.Second, "112 секунд", "112 seconds"},
		{120 * time.Second, "120 секунд", "120 seconds"},
		{121 * time.Second, "2 хвилини 1 секунду", "2 minutes 1 second"},
		{5 * time.Minute, "5 хвилин", "5 minutes"},
		{11 * time.Minute, "11 хвилин", "11 minutes"},
		{21 * time.Minute, "21 хвилину", "21 minutes"},
		{time.Hour, "1 годину", "1 hour"},
		{26 * time.Hour, "1 добу 2 години", "1 day 2 hours"},
		{72*time.Hour + time.Second, "3 доби", "3 days"},
		{8 * 24 * time.Hour, "8 діб", "8 days"},
	} {
		if got := Duration("uk", c.d); got != c.uk {
			t.Errorf("uk %v: %q, want %q", c.d, got, c.uk)
		}
		if got := Duration("en", c.d); got != c.en {
			t.Errorf("en %v: %q, want %q", c.d, got, c.en)
		}
	}
}

func TestPick(t *testing.T) {
	for tag, want := range map[string]string{"": "uk", "uk": "uk", "uk_UA.UTF-8": "uk", "C": "uk", "POSIX": "uk", "en": "en",
		"en_GB.UTF-8": "en", "EN-us": "en", "en.UTF-8": "en", "eng": "uk", "enm_GB": "uk", "ru_RU": "uk", "de": "uk"} {
		if got := Pick(tag); got != want {
			t.Errorf("Pick(%q) = %q, want %q", tag, got, want)
		}
	}
}

func TestKyivFollowsTheZoneDatabase(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Kyiv")
	if err != nil {
		if zone, err = time.LoadLocation("Europe/Kiev"); err != nil {
			t.Skip("no time zone database on this machine: Europe/Kyiv not compared")
		}
	}
	for at := time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2031; at = at.Add(7 * time.Hour) {
		got, want := Kyiv(at).Format(time.DateTime), at.In(zone).Format(time.DateTime)
		if got != want {
			t.Fatalf("%s: Kyiv time %s, zone database says %s", at, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	at := time.Date(2026, 11, 22, 7, 35, 0, 0, time.UTC)
	if got := Date(at); got != "22.11.2026" {
		t.Errorf("Date = %q", got)
	}
	if got := Moment("uk", at); got != "22.11.2026 09:35 (за Києвом)" {
		t.Errorf("Moment(uk) = %q", got)
	}
	if got := Moment("en", at); got != "22.11.2026 09:35 (Kyiv time)" {
		t.Errorf("Moment(en) = %q", got)
	}
	if got := Date(time.Date(2026, 7, 1, 21, 0, 0, 0, time.UTC)); got != "02.07.2026" {
		t.Errorf("a summer evening in UTC is the next day in Kyiv, got %q", got)
	}
}

func TestSuspectIsNamedOnlyForClocks(t *testing.T) {
	_, cause, _ := Text("uk", "clock-differs", Args{Shift: 2 * time.Minute, Suspect: "phone"})
	if !strings.Contains(cause, "годинник телефона") {
		t.Errorf("the suspected clock is not named: %q", cause)
	}
	_, cause, _ = Text("en", "revoked", Args{Suspect: "phone"})
	if strings.Contains(cause, "phone") {
		t.Errorf("a revocation names a clock: %q", cause)
	}
}

func TestLabelsAndLevels(t *testing.T) {
	if Label("uk", "issuer") != "орган, що видав" || Label("en", "issuer") != "issuing body" {
		t.Error("label of the issuing body")
	}
	if Label("uk", "no-such-label") != "no-such-label" {
		t.Error("an unknown label is not its key")
	}
	if CardLevelName("uk", 2) == CardLevelName("uk", 1) || CardLevelName("en", 9) != CardLevelName("en", 0) || CardLevelName("en", -1) != CardLevelName("en", 0) {
		t.Error("a level of a card outside the ladder is not the lowest")
	}
	if LevelName("en", 9) != LevelName("en", 0) || LevelName("en", -1) != LevelName("en", 0) {
		t.Error("a level outside the ladder is not the lowest")
	}
}
