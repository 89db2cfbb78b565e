package source

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
)

// stroke is a key of a keyboard, with Shift or without, as the scanner presses
// it for a character when it poses as a US keyboard.
type stroke struct {
	row, column int
	shift       bool
}

// The four rows of a keyboard from the key left of 1, without and with Shift, as
// printed on the keys (Windows: kbdus, kbdur, kbdur1, kbdru, kbdgr, kbdfr; xkb:
// us, ua, ru, de, fr). A space stands for a key that gives nothing of interest.
var (
	us = [2][4]string{
		{"`1234567890-=", "qwertyuiop[]\\", "asdfghjkl;'", "zxcvbnm,./"},
		{"~!@#$%^&*()_+", "QWERTYUIOP{}|", "ASDFGHJKL:\"", "ZXCVBNM<>?"},
	}
	ua = [2][4]string{
		{"'1234567890-=", "йцукенгшщзхїґ", "фівапролджє", "ячсмитьбю."},
		{"₴!\"№;%:?*()_+", "ЙЦУКЕНГШЩЗХЇҐ", "ФІВАПРОЛДЖЄ", "ЯЧСМИТЬБЮ,"},
	}
	ru = [2][4]string{
		{"ё1234567890-=", "йцукенгшщзхъ\\", "фывапролджэ", "ячсмитьбю."},
		{"Ё!\"№;%:?*()_+", "ЙЦУКЕНГШЩЗХЪ/", "ФЫВАПРОЛДЖЭ", "ЯЧСМИТЬБЮ,"},
	}
	uaMac = [2][4]string{ // і and и have changed places
		{"'1234567890-=", "йцукенгшщзхїґ", "фивапролджє", "ячсміть" + "бю/"},
		{"~!\"№%:,.;()_+", "ЙЦУКЕНГШЩЗХЇҐ", "ФИВАПРОЛДЖЄ", "ЯЧСМІТЬ" + "БЮ?"},
	}
	uaOld = [2][4]string{
		{"'1234567890-=", "йцукенгшщзхїґ", "фівапролджє", "ячсмитьбю/"},
		{"~!\"#*:,.;()_+", "ЙЦУКЕНГШЩЗХЇҐ", "ФІВАПРОЛДЖЄ", "ЯЧСМИТЬБЮ?"},
	}
	gb = [2][4]string{
		{"`1234567890-=", "qwertyuiop[]#", "asdfghjkl;'", "zxcvbnm,./"},
		{"¬!\"£$%^&*()_+", "QWERTYUIOP{}~", "ASDFGHJKL:@", "ZXCVBNM<>?"},
	}
	de = [2][4]string{
		{"^1234567890ß´", "qwertzuiopü+#", "asdfghjklöä", "yxcvbnm,.-"},
		{"°!\"§$%&/()=?`", "QWERTZUIOPÜ*'", "ASDFGHJKLÖÄ", "YXCVBNM;:_"},
	}
	fr = [2][4]string{
		{"²&é\"'(-è_çà)=", "azertyuiop^$*", "qsdfghjklmù", "wxcvbn,;:!"},
		{" 1234567890°+", "AZERTYUIOP¨£µ", "QSDFGHJKLM%", "WXCVBN?./§"},
	}
)

// strokes finds the key of each character on a keyboard.
func strokes(board [2][4]string) map[rune]stroke {
	m := map[rune]stroke{}
	for shift, rows := range board {
		for row, keys := range rows {
			for column, r := range []rune(keys) {
				m[r] = stroke{row, column, shift == 1}
			}
		}
	}
	return m
}

// through types a text on a keyboard of layout from into a computer of layout
// to. With Caps Lock, letters change their case.
func through(t testing.TB, text string, from, to [2][4]string, caps bool) string {
	t.Helper()
	keys := strokes(from)
	var b strings.Builder
	for _, r := range text {
		if r == ' ' {
			b.WriteRune(r)
			continue
		}
		s, ok := keys[r]
		if !ok {
			t.Fatalf("no key for %q", r)
		}
		shift := 0
		if s.shift {
			shift = 1
		}
		shown := []rune(to[shift][s.row])[s.column]
		if caps && unicode.IsLetter(shown) {
			shown = []rune(to[1-shift][s.row])[s.column]
		}
		b.WriteRune(shown)
	}
	return b.String()
}

// compose does what a computer does with a dead grave accent.
var compose = strings.NewReplacer("`A", "À", "`E", "È", "`I", "Ì", "`O", "Ò", "`U", "Ù", "` ", "`")

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// textOf gives a text of about n characters, of bytes whose base45 has none of
// the characters without.
func textOf(n int, seed uint64, without string) string {
	r := rand.New(rand.NewPCG(seed, 45))
	var data []byte
	for len(data) < (n-5)*2/3 {
		pair := []byte{byte(r.Uint32()), byte(r.Uint32())}
		if !strings.ContainsAny(credential.EncodeText("", pair), without) {
			data = append(data, pair...)
		}
	}
	return credential.EncodeText(credential.Prefix, data)
}

func TestRowsAreOfOneLength(t *testing.T) {
	for l, row := range shows {
		if n := utf8.RuneCountInString(row); n != len(keys) {
			t.Errorf("layout %d: %d characters, want %d", l, n, len(keys))
		}
		if l > 0 && len(typed[l]) < len(keys)-1 {
			t.Errorf("layout %d: %d characters have a meaning: two of its keys show the same", l, len(typed[l]))
		}
	}
}

// TestRepairLayouts types every character of base45 and whole texts through each
// layout, as laid out on real keyboards, and reads them back.
func TestRepairLayouts(t *testing.T) {
	for name, c := range map[string]struct {
		from, to [2][4]string
		layout   Layout
		caps     bool
		letters  bool   // Caps Lock leaves everything but letters alone
		without  string // what this layout cannot give back
	}{
		"Ukrainian":                     {from: us, to: ua, layout: LayoutUkrainian, letters: true},
		"Ukrainian, Caps Lock":          {from: us, to: ua, layout: LayoutUkrainian, caps: true, letters: true},
		"Russian":                       {from: us, to: ru, layout: LayoutRussian, letters: true},
		"Russian, Caps Lock":            {from: us, to: ru, layout: LayoutRussian, caps: true, letters: true},
		"Ukrainian of macOS":            {from: us, to: uaMac, layout: LayoutUkrainianMac, letters: true},
		"old Ukrainian":                 {from: us, to: uaOld, layout: LayoutCyrillicOld, letters: true},
		"old Ukrainian, Caps Lock":      {from: us, to: uaOld, layout: LayoutCyrillicOld, caps: true, letters: true},
		"American, Caps Lock":           {from: us, to: us, layout: LayoutUS, caps: true},
		"British":                       {from: us, to: gb, layout: LayoutUS},
		"American":                      {from: us, to: us, layout: LayoutUS},
		"German":                        {from: us, to: de, layout: LayoutGerman, without: "+"},
		"French":                        {from: us, to: fr, layout: LayoutFrench},
		"scanner German, host American": {from: de, to: us, layout: LayoutScannerGerman},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(text string) {
				t.Helper()
				shown := through(t, text, c.from, c.to, c.caps)
				got, what, err := RepairText(shown)
				if err != nil || got != text {
					t.Fatalf("%q shown as %q: %q, %v", text, shown, got, err)
				}
				if want := (Repair{Layout: c.layout, Caps: c.caps}); what != want {
					t.Errorf("%q: repaired %+v, want %+v", shown, what, want)
				}
				if (what == Repair{}) != (shown == text) || what.Any() != (shown != text) {
					t.Errorf("%q: repaired %+v", shown, what)
				}
			}
			seen := map[rune]bool{}
			for seed := range uint64(60) {
				text := textOf(66+10*int(seed), seed, c.without)
				if (c.layout == LayoutCyrillicOld || c.layout == LayoutUkrainian) && !strings.ContainsAny(text, "%/") {
					continue // the old and the new layout both may have shown it
				}
				check(text)
				check(credential.ChallengePrefix + strings.TrimPrefix(text, credential.Prefix))
				for _, r := range text {
					seen[r] = true
				}
			}
			for _, r := range alphabet {
				if !seen[r] && !strings.ContainsRune(c.without, r) {
					t.Errorf("%q was not typed", r)
				}
			}
			if c.layout == LayoutUS || c.layout == LayoutScannerGerman {
				return // marks of the first are another test's; the bracket of the second needs AltGr
			}
			// A symbology mark and a frame around the text.
			text := textOf(500, 99, c.without)
			shown := "\x02" + through(t, "]Q1"+text, c.from, c.to, c.caps) + "\x03\r\n"
			got, what, err := RepairText(shown)
			if err != nil || got != text || what != (Repair{Layout: c.layout, Caps: c.caps, Mark: true}) {
				t.Errorf("with marks: %q, %+v, %v", got, what, err)
			}
		})
	}
}

// TestRepairMarks: what scanners put around a text goes; a line end is no repair.
func TestRepairMarks(t *testing.T) {
	text := textOf(100, 1, "")
	for in, mark := range map[string]bool{
		text: false, text + "\r\n": false, "\t" + text + "\n": false, "\x02" + text + "\x03": true, text + "\x00": true, "]Q1" + text: true, "]Q6" + text + "\r": true,
	} {
		got, what, err := RepairText(in)
		if got != text || err != nil || what != (Repair{Mark: mark}) {
			t.Errorf("%q: %q, %+v, %v", in, got, what, err)
		}
	}
}

// TestRepairLeavesAlone: what is not a text of ours through one layout comes back
// as it came, so that the verdict judges what was printed.
func TestRepairLeavesAlone(t *testing.T) {
	text := textOf(100, 2, "")
	for _, in := range []string{
		"", " ", "Добрий день", "СЛАВА УКРАЇНІ", "шив", "ІШВ", "ІШВ1", "ІШВ2Ж" + text, "іш в1ж", "Ж", "https://example.org/ІШВ1Ж",
		"HTTPS://EXAMPLE.ORG/", "hc1:6bf", "SID1", "SID1 :" + text[5:], "SID2:" + text[5:], "sid2:abc", " " + text, "\ufeff" + text, text + " ",
		"sid1:abc", "sid1:", strings.ToLower(text[:59]), "sid1:" + text[5:], text[:50] + strings.ToLower(text[50:]), strings.Replace(text, "A", "А", 1), "SID1:=,", "SID1:ІШВ", "SIDQ1:",
		"]Q7" + text, "]E0" + text, "]Q1", "]Q1]Q1" + text, "Q1" + text, "ІШВ1:АБВ", "SID1Ж", "S\u0406D1:ABC", "0123456789", "4006381333931",
		strings.Repeat("Ж", 5000), strings.Repeat("ІШВ1Ж", 5000),
	} {
		got, what, err := RepairText(in)
		if got != in || what.Any() || err != nil {
			t.Errorf("%.40q: %.40q, %+v, %v", in, got, what, err)
		}
	}
}

// TestRepairCannot: a text whose prefix came through a layout and whose rest did
// not, or cannot be told back, names the layout and the way out.
func TestRepairCannot(t *testing.T) {
	text := textOf(100, 3, "+")
	uk := through(t, text, us, ua, false)
	german := through(t, text, us, de, false)
	for in, layout := range map[string]Layout{
		uk + "Q":                       LayoutUkrainian, // the layout was switched in the middle
		uk[:len(uk)/2] + text[50:]:     LayoutUkrainian,
		uk + "№":                       LayoutUkrainian,
		uk + "\x00" + uk:               LayoutUkrainian,
		uk + "ґ":                       LayoutUkrainian,
		uk + "ї":                       LayoutUkrainian,
		uk + "ы":                       LayoutUkrainian,
		"ЫШВ1Жі":                       LayoutRussian,
		"ІШВ1Ж\xff":                    LayoutUkrainian,
		"ИШВ1ЖQ":                       LayoutUkrainianMac,
		german + "`X":                  LayoutGerman,
		compose.Replace(german + "` "): LayoutGerman,
		german + "Z+":                  LayoutGerman,
		"SID&MA&É":                     LayoutFrench,
		"SID1>a":                       LayoutScannerGerman,
	} {
		got, what, err := RepairText(in)
		var detail *LayoutError
		if got != "" || what.Any() || !errors.Is(err, ErrLayout) || !errors.As(err, &detail) || detail.Layout != layout {
			t.Errorf("%q: %q, %+v, %v; want %s", in, got, what, err, layout.LayoutName("en"))
			continue
		}
		for _, lang := range []string{"uk", "en"} {
			if detail.Words(lang) == "" || detail.Remedy(lang) == "" || !strings.Contains(detail.Words(lang), layout.LayoutName(lang)) {
				t.Errorf("%s: %q %q", lang, detail.Words(lang), detail.Remedy(lang))
			}
		}
		if !strings.HasPrefix(err.Error(), "source: ") || strings.Contains(err.Error(), text[5:15]) {
			t.Errorf("error %q lacks the package or shows the text", err)
		}
	}
}

// TestRepairGermanPlus: a dead accent and a vowel are told back; one that stands
// alone may have swallowed a space and is not.
func TestRepairGermanPlus(t *testing.T) {
	long := textOf(100, 8, "+")
	for meant, ok := range map[string]bool{"+A0": true, "0+E": true, "+I0+O0+U0": true, "0+0": false, "+ 0": false, "0+B": false, "0 +": false} {
		meant = long + meant
		shown := compose.Replace(through(t, meant, us, de, false))
		got, _, err := RepairText(shown)
		if ok && (got != meant || err != nil) || !ok && !errors.Is(err, ErrLayout) {
			t.Errorf("%q shown as %q: %q, %v", meant, shown, got, err)
		}
	}
}

// TestRepairAmbiguous: the old and the new Ukrainian layout show two symbols of
// base45 alike; a text that both can have shown is none, and no text becomes
// another one.
func TestRepairAmbiguous(t *testing.T) {
	refused := 0
	for seed := range uint64(300) {
		text := textOf(90, seed, "")
		for _, to := range [][2][4]string{ua, uaOld} {
			got, _, err := RepairText(through(t, text, us, to, false))
			switch {
			case errors.Is(err, ErrLayout):
				refused++
			case err != nil || got != text:
				if strings.ContainsAny(text, "$*%/") {
					t.Errorf("%q became %q, %v", text, got, err)
				}
			}
		}
	}
	if refused > 60 {
		t.Errorf("%d of 600 texts of 90 characters refused", refused)
	}
}

func TestRepairWords(t *testing.T) {
	if got := (Repair{}).Words("uk") + (Repair{}).Words("en"); got != "" {
		t.Errorf("nothing repaired: %q", got)
	}
	for l := LayoutUS; l <= layouts; l++ {
		if l.LayoutName("uk") == l.LayoutName("en") || l.LayoutName("uk") == "" {
			t.Errorf("layout %d: %q, %q", l, l.LayoutName("uk"), l.LayoutName("en"))
		}
	}
	r := Repair{Layout: LayoutUkrainian, Caps: true, Mark: true}
	if uk, en := r.Words("uk"), r.Words("en"); strings.Count(uk, ";") != 4 || strings.Count(en, ";") != 4 || !strings.Contains(uk, "українська розкладка") {
		t.Errorf("%q, %q", uk, en)
	}
}

// TestRepairAgainstXKB compares the Ukrainian layout with the one of the X
// keyboard database, which others wrote.
func TestRepairAgainstXKB(t *testing.T) {
	data, err := os.ReadFile("/usr/share/X11/xkb/symbols/ua")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the X keyboard database is missing (apt-get install xkb-data): %v", err)
		}
		t.Skipf("the X keyboard database is missing (apt-get install xkb-data): %v", err)
	}
	_, body, _ := strings.Cut(string(data), `xkb_symbols "unicode"`)
	body, _, _ = strings.Cut(body, "xkb_symbols")
	for key, want := range map[string]struct {
		plain, shifted string
		meant          map[rune]byte
	}{
		"AE04": {"4", "semicolon", map[rune]byte{'4': '4', ';': '$'}},
		"AE05": {"5", "percent", map[rune]byte{'5': '5', '%': '%'}},
		"AE08": {"8", "asterisk", map[rune]byte{'8': '8', '*': '*'}},
		"AE11": {"minus", "underscore", map[rune]byte{'-': '-', '_': 0}},
		"AE12": {"equal", "plus", map[rune]byte{'=': 0, '+': '+'}},
		"AC02": {"Ukrainian_i", "Ukrainian_I", map[rune]byte{'і': 'S', 'І': 'S'}},
		"AB09": {"Cyrillic_yu", "Cyrillic_YU", map[rune]byte{'ю': '.', 'Ю': '.'}},
		"AB10": {"period", "comma", map[rune]byte{'.': '/', ',': 0}},
		"AD12": {"Ukrainian_yi", "Ukrainian_YI", map[rune]byte{'ї': ']'}},
	} {
		_, rest, ok := strings.Cut(body, "<"+key+">")
		_, rest, _ = strings.Cut(rest, "[")
		f := strings.Fields(strings.ReplaceAll(rest, ",", " "))
		if !ok || len(f) < 2 || f[0] != want.plain || f[1] != want.shifted {
			t.Errorf("key %s: %.40q, want %s and %s", key, rest, want.plain, want.shifted)
		}
		for r, c := range want.meant {
			if got := typed[LayoutUkrainian][r]; got != c {
				t.Errorf("key %s: %q means %q, want %q", key, r, got, c)
			}
		}
	}
}

// FuzzRepairText: any text; a repaired text is ours and of base45 alone, one that
// was not repaired is the one that came, and a second repair changes nothing.
func FuzzRepairText(f *testing.F) {
	text := textOf(60, 4, "+")
	for _, to := range [][2][4]string{us, ua, ru, uaMac, uaOld, de, fr} {
		f.Add(through(f, text, us, to, false))
	}
	f.Add(through(f, text, us, ua, true) + "\r\n")
	f.Add("\x02]Q1" + text + "\x03")
	f.Add(strings.ToLower(text))
	f.Add("ІШВ1Ж\xff")
	f.Add("ЇЙ1ІШВ1Ж")
	f.Fuzz(func(t *testing.T, in string) {
		got, what, err := RepairText(in)
		if err != nil {
			if got != "" || what.Any() || !errors.Is(err, ErrLayout) {
				t.Fatalf("%q, %+v, %v", got, what, err)
			}
			return
		}
		if !what.Any() && got != strings.Trim(in, marks) {
			t.Fatal("changed without saying so")
		}
		if what.Layout != LayoutUS || what.Caps {
			if !ours(got) || strings.Trim(got, alphabet) != "" {
				t.Fatalf("repaired into %q", got)
			}
		}
		if again, what, err := RepairText(got); again != got && strings.Trim(got, marks) == got || what.Layout != LayoutUS || err != nil {
			t.Fatalf("second repair: %q, %+v, %v", again, what, err)
		}
	})
}
