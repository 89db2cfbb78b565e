package hr

import (
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestIdentifiers(t *testing.T) {
	for _, c := range []struct {
		name  string
		valid func(string) bool
		good  []string
		bad   []string
	}{
		{"ЄДРПОУ", ValidEDRPOU,
			[]string{"43395033", "43005393", "00032684", "00015622", "00034022", "43220275", "38649881", "40381452", "32855961", "99000011", "99000028"},
			[]string{"", "00000000", "00000001", "11110014", "43395034", "4339503", "433950333", "4339503a", " 43395033", "４3395033", "60000000", "15622"}},
		{"РНОКПП", ValidRNOKPP,
			[]string{"1759013776", "3652504575", "3068208400", "0000000017"},
			[]string{"", "1234567036", "1759013777", "759013776", "17590137760", "17590l3776", "1759013776 ", "-759013776"}},
		{"УНЗР", ValidUNZR,
			[]string{"19910824-00026", "20000213-01467"},
			[]string{"", "19910824-00027", "19910824-00000", "1991082400026", "19910824-0002", "19910231-00026", "19911324-00026", "19910824_00026", "19910824-000261"}},
		{"КАТОТТГ", ValidKATOTTG,
			[]string{"UA80000000000093317", "UA71020010000037786"},
			[]string{"", "UА80000000000093317", "ua80000000000093317", "UA8000000000009331", "UA800000000000933170", "UA99000000000093317", "UA80000000000000000", "UA80000000000O93317", "80000000000093317"}},
	} {
		for _, s := range c.good {
			if !c.valid(s) {
				t.Errorf("%s %q is refused", c.name, s)
			}
		}
		for _, s := range c.bad {
			if c.valid(s) {
				t.Errorf("%s %q is accepted", c.name, s)
			}
		}
	}
}

func TestGeneratedNumbersAreValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		birth := Date{1900, 1, 1}.AddDays(rapid.IntRange(0, 60_000).Draw(t, "day"))
		male := rapid.Bool().Draw(t, "male")
		r, err := CompleteRNOKPP(birth, rapid.IntRange(0, 999).Draw(t, "serial"), male)
		if err != nil || !ValidRNOKPP(r) {
			t.Fatalf("РНОКПП %q: %v", r, err)
		}
		if got, ok := birthOfRNOKPP(r); !ok || got != birth {
			t.Fatalf("birth of %q: %v, want %v", r, got, birth)
		}
		if odd := (r[8]-'0')%2 == 1; odd != male {
			t.Fatalf("%q: ninth digit says male=%v, want %v", r, odd, male)
		}
		u, err := CompleteUNZR(birth, rapid.IntRange(1, 9999).Draw(t, "number"))
		if err != nil || !ValidUNZR(u) || birthOfUNZR(u) != birth {
			t.Fatalf("УНЗР %q: %v", u, err)
		}
		e, err := CompleteEDRPOU(rapid.StringMatching(`[0-9]{7}`).Filter(func(s string) bool { return s != "0000000" }).Draw(t, "edrpou"))
		if err != nil || !ValidEDRPOU(e) {
			t.Fatalf("ЄДРПОУ %q: %v", e, err)
		}
		// One wrong digit is always seen in a РНОКПП only when the check sum tells it apart; a wrong check digit always is.
		wrong := []byte(r)
		wrong[9] = '0' + (wrong[9]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "off")))%10
		if ValidRNOKPP(string(wrong)) {
			t.Fatalf("%q with another check digit %q is accepted", r, wrong)
		}
	})
	for _, c := range []func() (string, error){
		func() (string, error) { return CompleteRNOKPP(Date{1899, 12, 31}, 1, true) },
		func() (string, error) { return CompleteRNOKPP(Date{1900, 1, 1}, 1000, true) },
		func() (string, error) { return CompleteUNZR(Date{1900, 2, 30}, 1) },
		func() (string, error) { return CompleteUNZR(Date{1900, 2, 1}, 0) },
		func() (string, error) { return CompleteEDRPOU("123456") },
		func() (string, error) { return CompleteEDRPOU("12345б") },
	} {
		if s, err := c(); err == nil {
			t.Errorf("made %q of values out of range", s)
		}
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]Date{"31.12.2026": {2026, 12, 31}, "2026-12-31": {2026, 12, 31}, "29.02.2024": {2024, 2, 29}} {
		if got, err := ParseDate(in); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "31.02.2027", "29.02.2023", "1.2.2026", "31.12.26", "12/31/2026", "2026-13-01", "2026-00-10", "00.01.2026",
		"31-12-2026", "2026.12.31", " 31.12.2026", "31.12.2026 ", "+1.01.2026", "01.01.1799", "01.01.2201", "0000-00-00", "2026-12-31T00:00:00"} {
		if d, err := ParseDate(in); err == nil {
			t.Errorf("%q is taken as %v", in, d)
		}
	}
	for _, c := range []struct {
		n    int
		d04  bool
		want Date
	}{{1, false, Date{1900, 1, 1}}, {59, false, Date{1900, 2, 28}}, {61, false, Date{1900, 3, 1}}, {46023, false, Date{2026, 1, 1}},
		{44561, true, Date{2026, 1, 1}}, {0, true, Date{1904, 1, 1}}} {
		if got, err := fromExcelSerial(c.n, c.d04); err != nil || got != c.want {
			t.Errorf("day %d (1904: %v) is %v, %v; want %v", c.n, c.d04, got, err, c.want)
		}
	}
	for _, n := range []int{-1, 0, 60, 109_575, 1 << 40} {
		if d, err := fromExcelSerial(n, false); err == nil {
			t.Errorf("day %d is taken as %v", n, d)
		}
	}
	for _, c := range []struct{ d, start, end string }{
		{"2026-01-15", "2026-01-14T22:00:00Z", "2026-01-15T22:00:00Z"},
		{"2026-07-15", "2026-07-14T21:00:00Z", "2026-07-15T21:00:00Z"},
		{"2026-03-29", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"}, // the clocks go forward: 23 hours
		{"2026-10-25", "2026-10-24T21:00:00Z", "2026-10-25T22:00:00Z"}, // and back: 25 hours
	} {
		d, _ := ParseDate(c.d)
		if s, e := d.Start().Format(time.RFC3339), d.End().Format(time.RFC3339); s != c.start || e != c.end {
			t.Errorf("%s is %s – %s, want %s – %s", c.d, s, e, c.start, c.end)
		}
		if DateInKyiv(d.Start()) != d || DateInKyiv(d.End()) == d || DateInKyiv(d.End().Add(-time.Second)) != d {
			t.Errorf("%s: start and end are not its own", c.d)
		}
	}
}

func TestKyivAgreesWithZoneFiles(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Kyiv")
	if err != nil {
		if loc, err = time.LoadLocation("Europe/Kiev"); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("no time zone files on this machine (tzdata)")
			}
			t.Skip("no time zone files on this machine (tzdata)")
		}
	}
	for at := time.Date(1997, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2024; at = at.Add(time.Hour) {
		_, off := at.In(loc).Zone()
		if want := time.Duration(off) * time.Second; kyivOffset(at) != want {
			t.Fatalf("%s: offset %v, zone files say %v", at, kyivOffset(at), want)
		}
	}
}

func TestTransliterate(t *testing.T) {
	for in, want := range map[string]string{
		"Алушта": "Alushta", "Згурський": "Zghurskyi", "Розгон": "Rozghon", "Згорани": "Zghorany", "Єнакієве": "Yenakiieve",
		"Гаєвич": "Haievych", "Короп'є": "Koropie", "Їжакевич": "Yizhakevych", "Кадиївка": "Kadyivka", "Мар'їне": "Marine",
		"Йосипівка": "Yosypivka", "Стрий": "Stryi", "Олексій": "Oleksii", "Ґорґани": "Gorgany", "Закарпаття": "Zakarpattia",
		"ЩЕРБА": "SHCHERBA", "Щерба": "Shcherba", "щерба": "shcherba", "Квітка-Юр'єва": "Kvitka-Yurieva", "ЗГУРСЬКИЙ": "ZGHURSKYI",
		"МАР’ЇНЕ": "MARINE", "Я": "Ya", "Ю Я": "Yu Ya", "ЮЩУК": "YUSHCHUK", "": "", "Василь 2": "Vasyl 2", "ҐАЛАҐАН": "GALAGAN",
		"Лук`янець": "Lukianets", "Йово": "Yovo", "І\u0308жак": "Yizhak", // ї as two code points
	} {
		if got := Transliterate(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for _, pair := range [][2]string{{"Зг", "Ж"}, {"Згар", "Жар"}} {
		if Transliterate(pair[0]) == Transliterate(pair[1]) {
			t.Errorf("%s and %s read the same", pair[0], pair[1])
		}
	}
}

func TestNamesAndTexts(t *testing.T) {
	for in, want := range map[string]string{
		"Дем'янчук": "Демʼянчук", "Дем’янчук": "Демʼянчук", "Дем`янчук": "Демʼянчук", "Демʼянчук": "Демʼянчук",
		"  Квітка –  Основа ": "Квітка-Основа", "И\u0306овенко": "Йовенко", "Ван дер\u00a0Берг": "Ван дер Берг",
	} {
		got, bad := cleanName(in)
		if bad || got != want {
			t.Errorf("%q: %q (bad %v), want %q", in, got, bad, want)
		}
		if c := nameCode(got); c != "" {
			t.Errorf("%q is refused: %s", got, c)
		}
	}
	for in, want := range map[string]Code{
		"Іваненкo": LatinLookAlike, "Cергій": LatinLookAlike, "Ιван": LatinLookAlike, "Ivanenko": LatinName, "Іван1": BadName,
		"'Іван": BadName, "Іван-": BadName, "-": BadName, "Іван--Петро": BadName, "Быков": BadName, "Іван;": BadName, "І": "", "Оʼ": BadName,
	} {
		s, _ := cleanName(in)
		if got := nameCode(s); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"a\x00b", "відділ\u202eкадрів", "від\u200bділ", "від\u00adділ", "\ufeffвідділ", "\xff\xfe", "\ue000", "�"} {
		if s, bad := cleanText(in); !bad {
			t.Errorf("%q is taken as %q", in, s)
		}
	}
	for in, want := range map[string]bool{"ІТ-відділ": false, "IT-відділ": false, "відділ IT": false, "Bідділ": true, "вiдділ": true, "сектор №2": false, "COVID": false} {
		if mixedScript(in) != want {
			t.Errorf("mixedScript(%q) is %v", in, !want)
		}
	}
	for in, want := range map[string]bool{"=1+1": true, "+38": true, "@SUM": true, "-1": true, "- відділ": false, "": false, "посада": false} {
		if formulaText(in) != want {
			t.Errorf("formulaText(%q) is %v", in, !want)
		}
	}
	if s, bad := cleanText("перший\r\n рядок\tтут"); bad || s != "перший рядок тут" {
		t.Errorf("line break in a cell gives %q", s)
	}
}
