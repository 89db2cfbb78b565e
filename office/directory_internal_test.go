package office

import (
	"strings"
	"testing"
)

// FuzzSearchParts: whoever is in the index is found by every part of every word of his name, in Ukrainian letters and in the Latin
// ones of the table, whatever case and apostrophe.
func FuzzSearchParts(f *testing.F) {
	const letters = "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'ʼ-"
	alphabet := []rune(letters)
	f.Add([]byte("\x02\x07\x03\x0b"), 0, 3)
	f.Add([]byte{9, 3, 23, 20, 3, 9, 4, 12, 12}, 1, 2) // зг, ґ, йй
	f.Add([]byte{33, 12, 30, 33, 30, 10, 34, 12}, 0, 9)
	f.Fuzz(func(t *testing.T, name []byte, from, to int) {
		var word []rune
		for _, b := range name[:min(len(name), 40)] {
			word = append(word, alphabet[int(b)%len(alphabet)])
		}
		if from < 0 || to > len(word) || from >= to {
			return
		}
		x := newIndex()
		s := &seatState{Seat: Seat{"99000011", 1}, versions: []version{{facts: facts{surname: string(word)}, since: 1}}}
		x.add([]*seatState{s})
		part := string(word[from:to])
		for _, q := range []string{part, strings.ToUpper(part), strings.ReplaceAll(part, "'", "’"), "нема " + part} {
			words := queryWords(q)
			if hits := x.find(words); hits != nil && !hits.has(0) != strings.HasPrefix(q, "нема ") && !strings.Contains(string(word), "нема") {
				t.Errorf("%q in %q: found %v", q, string(word), hits.has(0))
			}
		}
		// The whole name as the passport writes it.
		if hits := x.find(queryWords(latinOf(string(word)))); hits != nil && !hits.has(0) {
			t.Errorf("%q does not find %q", latinOf(string(word)), string(word))
		}
	})
}

// TestTransliteration is КМУ 27.01.2010 №55, with its own examples.
func TestTransliteration(t *testing.T) {
	for uk, want := range map[string]string{"Алушта": "Alushta", "Згорани": "Zghorany", "Розгон": "Rozghon", "Єнакієве": "Yenakiieve", "Їжакевич": "Yizhakevych", "Кадиївка": "Kadyivka", "Йосипівка": "Yosypivka",
		"Щербухи": "Shcherbukhy", "Юрій": "Yurii", "Корюківка": "Koriukivka", "Яготин": "Yahotyn", "Костянтин": "Kostiantyn", "Знам'янка": "Znamianka", "Ґалаґан": "Galagan", "Нечуй-Левицький": "Nechui-Levytskyi"} {
		if got := latinOf(uk); got != want {
			t.Errorf("%s: %s, want %s", uk, got, want)
		}
	}
}

// TestClean: what was cleaned stays as it is, so that no formula hides behind a mark that is taken out.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{"": "", " а  б ": "а б", "а\r\nб\tв": "а б в", "\u200e =1+1": "=1+1", "=\u200f1 \u2066": "=1", "\u00a0а\u2028б": "а б", "а\x00б": "аб", "\xffа": "а",
		"абвгд еж": "абвгд", "аб\u00adвг": "абвг", "аб \u200b\u200b в": "аб в", "Мар'яна": "Мар'ян"} {
		got := clean(in, 6)
		if got != want || clean(got, 6) != got {
			t.Errorf("%q: %q, then %q; want %q", in, got, clean(got, 6), want)
		}
	}
	if got := SafeCell("\u200e =1+1"); got != "'=1+1" {
		t.Errorf("a formula behind a mark: %q", got)
	}
}
