package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/verifier"
)

// TestOutcomeOf: nothing accepts but a verdict that accepts in outcome and code, at a real time (WAT-01).
func TestOutcomeOf(t *testing.T) {
	simulated := accepted()
	simulated.Simulated = true
	strange := accepted()
	strange.Outcome = verifier.Outcome(200)
	for name, c := range map[string]struct {
		v    *verifier.Verdict
		want verifier.Outcome
	}{
		"none":                     {nil, verifier.CannotConfirm},
		"zero":                     {&verifier.Verdict{}, verifier.Refuse},
		"accept without code":      {&verifier.Verdict{Outcome: verifier.Accept}, verifier.Refuse},
		"accept with another code": {&verifier.Verdict{Outcome: verifier.Accept, Code: verifier.Revoked}, verifier.Refuse},
		"ok that refuses":          {&verifier.Verdict{Code: verifier.OK}, verifier.Refuse},
		"no such outcome":          {&strange, verifier.Refuse},
		"simulated":                {&simulated, verifier.CannotConfirm},
		"cannot confirm":           {&verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.OK}, verifier.CannotConfirm},
	} {
		if got := c.v.Shown(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	v := accepted()
	if v.Shown() != verifier.Accept {
		t.Error("an acceptance is not accepted")
	}
	for _, code := range verifier.Codes() {
		v := verifier.Verdict{Outcome: code.Outcome(), Code: code}
		if got := v.Shown(); got != code.Outcome() {
			t.Errorf("%s: %s, want %s", code, got, code.Outcome())
		}
	}
}

// TestWordsAndShapes: on any terminal, without any colour, each outcome has its own word, sign, frame and mark (WAT-02).
func TestWordsAndShapes(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.ASCII, colorprofile.ANSI, colorprofile.ANSI256, colorprofile.TrueColor} {
		for word, v := range map[string]verifier.Verdict{"ЧИННЕ": accepted(), "ВІДХИЛЕНО": refused(), "ПІДТВЕРДЖЕНО": unsure()} {
			sizes := [][2]int{{80, 24}, {smallColumns, smallRows}, {120, 40}, {100, 30}, {200, 60}}
			if testing.Short() { // short mode: two sizes
				sizes = sizes[:2]
			}
			for _, size := range sizes {
				r := newRig(t)
				r.send(tea.ColorProfileMsg{Profile: profile})
				r.size(size[0], size[1])
				r.verdicts["SID1:A"] = v
				r.scan("SID1:A")
				r.only(word)
				if rows := strings.Count(r.screen(), "\n") + 1; rows != size[1] {
					t.Errorf("%s: %d rows of %d", word, rows, size[1])
				}
				colour := strings.Contains(r.m.View().Content, "48;5;")
				if colour != (profile >= colorprofile.ANSI256) {
					t.Errorf("%s, %v: colours %v", word, profile, colour)
				}
			}
		}
	}
	drawn := map[string]verifier.Outcome{}
	for _, o := range []verifier.Outcome{verifier.Accept, verifier.Refuse, verifier.CannotConfirm} {
		for rows := 3; rows < 12; rows++ {
			s := strings.Join(drawSign(o, rows).lines(), "\n")
			if before, ok := drawn[s]; ok && before != o {
				t.Errorf("%d rows: %s and %s have one sign", rows, o, before)
			}
			drawn[s] = o
		}
		for _, other := range []verifier.Outcome{verifier.Accept, verifier.Refuse, verifier.CannotConfirm} {
			if o != other && (edgeOf(o) == edgeOf(other) || markOf(o) == markOf(other)) {
				t.Errorf("%s and %s have one frame or mark", o, other)
			}
		}
		if markOf(verifier.Outcome(77)) != markOf(verifier.Refuse) || edgeOf(verifier.Outcome(77)) != edgeOf(verifier.Refuse) {
			t.Error("an unknown outcome does not look like a refusal")
		}
		for _, lang := range locale.Languages() {
			for _, part := range strings.Fields(locale.Word(lang, o.String())) {
				for _, f := range faces {
					if b := f.word(part); b == nil || b.w == 0 {
						t.Errorf("%s has no big letters of width %d", part, f.width)
					}
				}
			}
		}
	}
}

// TestEveryCodeOnTheScreen: each code of the verifier shows its outcome's word, its cause and its one next step, in both
// languages (WAT-14).
func TestEveryCodeOnTheScreen(t *testing.T) {
	for _, lang := range locale.Languages() {
		for i, code := range verifier.Codes() {
			if testing.Short() && i%4 != 0 && code != verifier.OK {
				continue // short mode: every fourth code
			}
			r := newRig(t, func(c *Config) { c.Lang = lang })
			r.size(100, 30)
			v := verifier.Verdict{Outcome: code.Outcome(), Code: code}
			r.verdicts["SID1:A"] = v
			r.scan("SID1:A")
			if lang == "uk" {
				want := map[verifier.Outcome]string{verifier.Accept: "ЧИННЕ", verifier.Refuse: "ВІДХИЛЕНО", verifier.CannotConfirm: "ПІДТВЕРДЖЕНО"}[code.Outcome()]
				r.only(want)
				r.has("Допуск на об'єкт вирішують правила об'єкта.")
			}
			headline, _, next := v.Text(lang)
			flat := strings.Join(strings.Fields(r.screen()), " ")
			if code != verifier.OK && !strings.Contains(flat, headline) {
				t.Errorf("%s (%s): no headline %q:\n%s", code, lang, headline, r.screen())
			}
			if !strings.Contains(flat, next) {
				t.Errorf("%s (%s): no next step %q:\n%s", code, lang, next, r.screen())
			}
		}
	}
}

// TestGoldenScreens: the screens as a guard reads them, without colour (WAT-14).
func TestGoldenScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		forged, unknown := refused(), unsure()
		forged.Code, unknown.Code = verifier.HolderSignature, verifier.TableTooOld
		for name, v := range map[string]*verifier.Verdict{"waiting": nil, "accept": new(accepted()), "refuse": &forged, "cannot-confirm": &unknown} {
			t.Run(fmt.Sprintf("%s-%d", name, size[0]), func(t *testing.T) {
				r := newRig(t)
				r.size(size[0], size[1])
				if v != nil {
					r.verdicts["SID1:A"] = *v
					r.scan("SID1:A")
				}
				golden(t, fmt.Sprintf("%s-%dx%d", name, size[0], size[1]), r.screen())
			})
		}
	}
}

// TestZeroVerdict: a verdict that nobody filled in refuses, in word and in tone (WAT-01).
func TestZeroVerdict(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:A"] = verifier.Verdict{}
	r.scan("SID1:A")
	r.only("ВІДХИЛЕНО")
	if r.bells != 3 || r.m.counts != [3]int{1, 0, 0} {
		t.Errorf("%d strokes, counts %v", r.bells, r.m.counts)
	}
}

// TestBells: one stroke accepts, two do not confirm, three refuse; none with the sound off (WAT-02).
func TestBells(t *testing.T) {
	for want, v := range map[int]verifier.Verdict{1: accepted(), 2: unsure(), 3: refused()} {
		r := newRig(t)
		r.verdicts["SID1:A"] = v
		r.scan("SID1:A")
		if r.bells != want {
			t.Errorf("%s: %d strokes, want %d", v.Outcome, r.bells, want)
		}
		r.press("s", " ")
		r.bells = 0
		r.verdicts["SID1:B"] = v
		r.scan("SID1:B")
		if r.bells != 0 {
			t.Errorf("%s: %d strokes with the sound off", v.Outcome, r.bells)
		}
	}
}

// TestPanics: whatever panics shows as cannot-confirm, and the screen goes on (WAT-03).
func TestPanics(t *testing.T) {
	t.Run("judge", func(t *testing.T) {
		r := newRig(t)
		r.judge = func(Question) verifier.Verdict { panic("персональні дані") }
		r.scan("SID1:A")
		r.only("ПІДТВЕРДЖЕНО")
		r.lacks("персональні")
		r.judge = func(Question) verifier.Verdict { return accepted() }
		r.press(" ")
		r.scan("SID1:B")
		r.only("ЧИННЕ")
	})
	t.Run("photo", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Device.Photo = func([20]byte) ([]byte, time.Time, error) { panic(1) } })
		v := accepted()
		v.Holder.HasPhoto = true
		r.verdicts["SID1:A"] = v
		r.scan("SID1:A")
		r.only("ЧИННЕ")
	})
	t.Run("journal", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Device.Journal = func(Event) error { panic("Гончарук") } })
		r.verdicts["SID1:A"] = accepted()
		r.scan("SID1:A")
		r.only("ЧИННЕ")
		r.has("журнал не записано")
	})
	t.Run("scanner", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Scanner = func(string, string) (string, string, *ScannerError) { panic("x") } })
		r.scan("SID1:A")
		r.only("ПІДТВЕРДЖЕНО")
		if r.m.faults != 1 || strings.Contains(r.m.detail, "SID1") {
			t.Errorf("faults %d, detail %q", r.m.faults, r.m.detail)
		}
		r.has("збоїв: 1")
	})
	t.Run("health", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Device.Health = func(time.Time) Health { panic("x") } })
		r.run(r.m.look())
		if !r.word("ГОТОВО") {
			t.Errorf("the screen is ready without knowing:\n%s", r.screen())
		}
	})
	t.Run("challenge", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Device.Challenge = func(time.Time) (Challenge, error) { panic("x") } })
		r.press("c")
		r.has("запит не зроблено")
	})
	t.Run("view", func(t *testing.T) {
		r := newRig(t)
		r.verdicts["SID1:A"] = accepted()
		r.scan("SID1:A")
		r.m.current.photo, r.m.current.list = &picture{}, nil // a picture of nobody
		r.m.over = overPhoto
		r.has("НЕ ПІДТВЕРДЖЕНО")
		r.lacks(name)
	})
	t.Run("confirm", func(t *testing.T) {
		r := newRig(t)
		r.confirm = func(Question, verifier.Photo, time.Time) verifier.Verdict { panic("x") }
		answer(r, 1)
		r.press("f")
		r.press(strings.Split(r.m.code, "")...)
		r.only("ПІДТВЕРДЖЕНО")
	})
}

// TestSlowJudge: a judge that does not answer is cannot-confirm, and an acceptance that comes too late is not shown (WAT-04).
func TestSlowJudge(t *testing.T) {
	r := newRig(t)
	r.m.burst.reset(r.now)
	cmd := r.m.scanned("SID1:A") // the judge never answers: the command is not run
	if cmd == nil {
		t.Fatal("nothing was asked")
	}
	r.has("ЧИТАЮ КОД")
	r.pass(judgeLimit + time.Second)
	r.only("ПІДТВЕРДЖЕНО")
	late := accepted()
	r.send(judgedMsg{1, &card{list: []judged{{verdict: late}}, at: r.now}})
	r.only("ПІДТВЕРДЖЕНО")
	if len(r.m.pending) != 0 || r.m.counts[verifier.Accept] != 0 {
		t.Error("a late acceptance waits to be shown")
	}
	// A late refusal is shown: it is the safe side.
	r.pass(holdOther)
	r.send(judgedMsg{1, &card{list: []judged{{verdict: refused()}}, at: r.now}})
	r.only("ВІДХИЛЕНО")
}

// strings of a value, wherever they stand in it.
func allStrings(v reflect.Value, found map[string]bool, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.String:
		found[v.String()] = true
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			allStrings(v.Elem(), found, seen)
		}
	case reflect.Interface:
		if !v.IsNil() {
			allStrings(v.Elem(), found, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			allStrings(v.Field(i), found, seen)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			found[string(v.Bytes())] = true
			return
		}
		// Behind the end of a slice stands what was cut off it.
		whole := v.Slice3(0, v.Cap(), v.Cap())
		for i := range whole.Len() {
			allStrings(whole.Index(i), found, seen)
		}
	case reflect.Array:
		for i := range v.Len() {
			allStrings(v.Index(i), found, seen)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			allStrings(k, found, seen)
			allStrings(v.MapIndex(k), found, seen)
		}
	}
}

// TestNothingPersonalStays: when a verdict has left the screen, neither the screen nor the model holds the person (WAT-05).
func TestNothingPersonalStays(t *testing.T) {
	picture, hash := portrait(t, 7)
	for how, leave := range map[string]func(r *rig){
		"key":      func(r *rig) { r.press(" ") },
		"time":     func(r *rig) { r.pass(dwell + time.Second) },
		"escape":   func(r *rig) { r.press("esc") },
		"guard":    func(r *rig) { r.press("g"); r.agree() },
		"next":     func(r *rig) { r.pass(holdOther); r.scan("https://example.org/"); r.pass(beat) },
		"quit":     func(r *rig) { r.press("q"); r.agree() },
		"fault":    func(r *rig) { r.send(brokenMsg{"x"}) },
		"forget":   func(r *rig) { r.m.forget() },
		"language": func(r *rig) { r.press("l", " ") },
	} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t)
			r.photos[hash] = picture
			v := accepted()
			v.Holder.HasPhoto, v.Holder.PhotoHash = true, hash
			r.verdicts["SID1:SECRET"] = v
			r.scan("SID1:SECRET")
			r.has(name)
			if r.m.current.photo == nil {
				t.Fatal("no photo")
			}
			shown := r.m.current.photo.jpeg
			leave(r)
			r.lacks(name, number, "Гончарук")
			if !slices.Equal(shown, make([]byte, len(shown))) {
				t.Error("the picture is still in memory")
			}
			found := map[string]bool{}
			m := *r.m
			m.config = Config{} // the fakes of this test hold the person
			allStrings(reflect.ValueOf(m), found, map[uintptr]bool{})
			for s := range found {
				if strings.Contains(s, "Гончарук") || strings.Contains(s, number) || strings.Contains(s, "SECRET") || strings.Contains(s, "слідчий") {
					t.Errorf("%q is still in the model", s)
				}
			}
		})
	}
}

// TestHold: nobody's verdict is replaced before a guard could read it, nor lost (WAT-06).
func TestHold(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:RED"], r.verdicts["SID1:GREEN"] = refused(), other(1)
	r.see("SID1:RED")
	r.only("ВІДХИЛЕНО")
	r.see("SID1:GREEN")
	r.only("ВІДХИЛЕНО")
	r.has("ЧЕКАЄ ЩЕ КОДІВ: 1")
	r.pass(holdOther - time.Second)
	r.only("ВІДХИЛЕНО")
	bells := r.bells
	r.pass(2 * time.Second)
	r.only("ЧИННЕ")
	r.has("Інша Особа 1", "попередні: ✘")
	if r.bells <= bells {
		t.Error("the red verdict was replaced in silence")
	}
	if r.m.counts != [3]int{1, 0, 1} {
		t.Errorf("counts %v", r.m.counts)
	}
	// A key goes on at once.
	r.see("SID1:RED2")
	r.verdicts["SID1:RED2"] = refused()
	r.press(" ")
	if r.m.current == nil {
		t.Error("the next verdict did not come with the key")
	}
}

// TestQueue: more verdicts than can wait are counted on the screen, not dropped in silence (WAT-06).
func TestQueue(t *testing.T) {
	r := newRig(t)
	for i := range maxPending + 5 {
		text := fmt.Sprintf("SID1:%d", i)
		r.verdicts[text] = other(i)
		r.see(text)
	}
	if len(r.m.pending) != maxPending || r.m.lost != 4 {
		t.Errorf("%d wait, %d lost", len(r.m.pending), r.m.lost)
	}
	r.has("НЕ ПЕРЕВІРЕНО кодів: 4")
	for range maxPending + 2 {
		r.press(" ")
	}
	if r.m.current != nil || r.m.counts[verifier.Accept] != maxPending+1 {
		t.Errorf("current %v, counts %v", r.m.current, r.m.counts)
	}
}

// TestCodeInView: a code that stays before the camera is judged once, and anew when it comes back (WAT-07).
func TestCodeInView(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:A"] = accepted()
	for range 200 { // 30 s of frames
		r.see("SID1:A")
		r.pass(150 * time.Millisecond)
	}
	if len(r.asked) != 1 {
		t.Errorf("judged %d times", len(r.asked))
	}
	if r.m.current != nil {
		t.Error("the verdict did not leave")
	}
	r.has("той самий код ще в кадрі")
	r.pass(inView + time.Second)
	r.see("SID1:A")
	if len(r.asked) != 2 {
		t.Errorf("judged %d times after it came back", len(r.asked))
	}
}

// TestSamePerson: the next code of a phone that lingers does not flicker and is not counted, and a person who comes again
// soon is announced (WAT-07).
func TestSamePerson(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:A"], r.verdicts["SID1:B"] = accepted(), accepted()
	r.see("SID1:A")
	r.pass(3 * time.Second)
	bells := r.bells
	r.see("SID1:B")
	if r.bells != bells || r.m.counts[verifier.Accept] != 1 || r.m.number != 1 {
		t.Errorf("bells %d, counts %v", r.bells-bells, r.m.counts)
	}
	r.press(" ")
	r.pass(20 * time.Second)
	r.see("SID1:B2")
	r.press(" ")
	r.verdicts["SID1:C"] = accepted()
	r.see("SID1:C")
	r.has("УВАГА: цю особу вже підтверджено")
	if r.m.counts[verifier.Accept] != 1 {
		t.Errorf("counts %v", r.m.counts)
	}
	r.press(" ")
	r.pass(samePerson + time.Minute)
	r.verdicts["SID1:D"] = accepted()
	r.see("SID1:D")
	r.lacks("УВАГА")
	if r.m.counts[verifier.Accept] != 2 {
		t.Errorf("counts %v", r.m.counts)
	}
	// A refusal that repeats is told again, so that the guard sees that the new code was read.
	r.press(" ")
	r.verdicts["SID1:R1"], r.verdicts["SID1:R2"], r.verdicts["SID1:R3"] = refused(), refused(), refused()
	r.scan("SID1:R1")
	r.scan("SID1:R2")
	bells = r.bells
	r.pass(holdOther + beat)
	if r.bells != bells {
		t.Error("the same refusal at once is told twice")
	}
	r.scan("SID1:R3")
	if r.bells != bells+3 {
		t.Errorf("%d strokes for a refusal that repeats", r.bells-bells)
	}
	r.press(" ")
	// Somebody else is never taken for the same.
	r.verdicts["SID1:E"] = other(5)
	r.see("SID1:E")
	r.pass(holdAccept + beat)
	r.has("Інша Особа 5")
}

// TestForeignCodes: a poster in view is told once, and never takes the place of a verdict (WAT-08).
func TestForeignCodes(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:A"] = refused()
	r.see("https://example.org/poster")
	r.only("ПІДТВЕРДЖЕНО")
	r.press(" ")
	for range 100 {
		r.see("https://example.org/poster")
		r.pass(250 * time.Millisecond)
	}
	if len(r.asked) != 1 {
		t.Errorf("the poster was judged %d times", len(r.asked))
	}
	r.see("https://example.org/poster", "SID1:A")
	r.only("ВІДХИЛЕНО")
	r.see("https://example.org/shirt")
	r.pass(holdOther + time.Second)
	r.only("ВІДХИЛЕНО")
	if len(r.m.pending) != 0 {
		t.Error("a foreign code waits behind a verdict")
	}
	r.press(" ")
	r.see("https://example.org/shirt")
	r.only("ПІДТВЕРДЖЕНО") // held before the camera alone it is told
}

// TestTenCodes: of ten codes in a frame each is judged, service IDs first, and the worst of them decides (WAT-09).
func TestTenCodes(t *testing.T) {
	r := newRig(t)
	r.size(120, 40)
	var texts []string
	for i := range 6 {
		texts = append(texts, fmt.Sprintf("https://example.org/%d", i))
	}
	for i := range 3 {
		text := fmt.Sprintf("SID1:%d", i)
		r.verdicts[text] = other(i)
		texts = append(texts, text)
	}
	r.verdicts["SID1:RED"] = refused()
	r.see(append(texts, "SID1:RED")...)
	if len(r.asked) != 10 {
		t.Fatalf("%d codes judged", len(r.asked))
	}
	for i, q := range r.asked {
		if strings.HasPrefix(q.Text, "SID1:") != (i < 4) {
			t.Errorf("code %d is judged at place %d", i, i)
		}
	}
	r.only("ВІДХИЛЕНО")
	r.has(name, "У кадрі кодів: 10", "Інша Особа 0", "Інша Особа 2", "Це не код посвідчення")
	if len(r.events) != 10 {
		t.Errorf("%d events in the journal", len(r.events))
	}
	// A foreign code decides only where there is no service ID.
	r.press(" ")
	r.pass(time.Minute)
	r.verdicts["SID1:GOOD"] = other(9)
	r.see("SID1:GOOD", "otherwise")
	r.only("ЧИННЕ")
	// More than a frame can hold are counted.
	r.press(" ")
	var many []string
	for i := range maxFrame + 3 {
		many = append(many, fmt.Sprintf("SID1:M%d", i))
	}
	before := len(r.asked)
	r.see(many...)
	if len(r.asked)-before != maxFrame || r.m.lost != 3 {
		t.Errorf("%d judged, %d lost", len(r.asked)-before, r.m.lost)
	}
}

// TestScannerPressesNoKeys: what a scanner types acts as a code and never as keys, whatever stands in it (WAT-10).
func TestScannerPressesNoKeys(t *testing.T) {
	for _, text := range []string{"q", "y", "g", "qy", "f47", "c", "ccccc", "SID1:QQQQYYYY", "https://q.example/y", " ", "й"} {
		r := newRig(t)
		before := *r.m
		r.scan(text)
		r.pass(time.Second)
		if r.m.quitting || r.m.over != overNone || r.m.guard != before.guard || r.m.sound != before.sound || r.m.lang != before.lang {
			t.Errorf("%q acted as keys: over %d", text, r.m.over)
		}
		if long := len([]rune(text)) > fewKeys; (len(r.asked) == 1) != long {
			t.Errorf("%q: %d readings", text, len(r.asked))
		}
	}
	// Without Enter: the text ends with a pause, and a lump in it does not cut it.
	r := newRig(t)
	r.verdicts["SID1:ABCDEFGHIJ"] = accepted()
	for i, c := range "SID1:ABCDEFGHIJ" {
		r.typed(string(c))
		if i == 8 {
			r.now = r.now.Add(400 * time.Millisecond)
			r.send(burstMsg{})
		}
		r.now = r.now.Add(2 * time.Millisecond)
	}
	r.now = r.now.Add(scanGap)
	r.send(burstMsg{})
	r.only("ЧИННЕ")
	// The Enter of a scanner behind its text is not a person's.
	r.scan("SID1:ABCDEFGHIJ")
	r.typed("enter")
	if r.m.current == nil {
		t.Error("the scanner's second line end took the verdict away")
	}
	// Tab ends a text as Enter does.
	r = newRig(t)
	for _, c := range "SID1:ABCDEFGHIJ" {
		r.typed(string(c))
	}
	r.typed("tab")
	if len(r.asked) != 1 {
		t.Error("Tab did not end the text")
	}
}

// TestKeysInBothLayouts: a guard's keys act by their place (WAT-10).
func TestKeysInBothLayouts(t *testing.T) {
	for _, k := range []string{"h", "р", "H", "Р", "?"} {
		r := newRig(t)
		r.press(k)
		if r.m.over != overHelp {
			t.Errorf("%q opened %d", k, r.m.over)
		}
		r.has("обличчя звірено зі світлиною на цьому екрані")
		r.press("esc")
		if r.m.over != overNone {
			t.Errorf("%q: help stays", k)
		}
	}
	for _, k := range []string{"l", "д"} {
		r := newRig(t)
		r.press(k)
		r.has("hand scanner")
		if !r.word("SHOW") {
			t.Errorf("%q: no English:\n%s", k, r.screen())
		}
	}
	for _, k := range []string{"q", "й", "ctrl+c"} {
		r := newRig(t)
		r.press(k)
		r.has("Завершити зміну? Наберіть " + r.m.code)
		r.agree()
		if !r.m.quitting {
			t.Errorf("%q does not quit", k)
		}
	}
	for _, k := range []string{"g", "п"} {
		r := newRig(t)
		r.press(k)
		r.has("Заступає інший вартовий? Наберіть " + r.m.code)
		r.agree()
		r.has("Хто заступає на зміну?")
	}
	for _, no := range []string{"y", "т", "n", "q", " ", "esc", "enter", "ctrl+c"} {
		for _, k := range []string{"q", "g"} {
			r := newRig(t)
			r.press(k, no)
			if r.m.quitting || r.m.over == overGuard || no != "ctrl+c" && r.m.over != overNone {
				t.Errorf("%q %q: quitting %v, over %d", k, no, r.m.quitting, r.m.over)
			}
			r.pass(asking + time.Second)
			if r.m.over != overNone {
				t.Errorf("%q %q: the question stays", k, no)
			}
		}
	}
	// A small window has room for the digits.
	r := newRig(t)
	r.size(leastColumns, leastRows)
	r.press("q")
	r.has("Завершити? " + r.m.code)
	r.verdicts["SID1:A"] = accepted()
	r.scan("SID1:A")
	r.press("g")
	r.has("Інший вартовий? " + r.m.code)
	// Nobody on duty: nothing to lose.
	r = newRig(t, func(c *Config) { c.Guard = "" })
	r.typed("ctrl+c")
	if !r.m.quitting {
		t.Error("Ctrl+C does not quit before a guard is named")
	}
}

// TestShortCodesEndNoShift: a scanner that ends its texts with no Enter types short codes as a person types keys; no codes
// change the guard or end the shift (WAT-10).
func TestShortCodesEndNoShift(t *testing.T) {
	r := newRig(t)
	code := func(text string) {
		for _, c := range text {
			r.typed(string(c))
		}
		r.now = r.now.Add(keyGap + time.Millisecond)
		r.send(burstMsg{})
		r.pass(2 * time.Second)
	}
	for _, codes := range [][]string{{"g", "Sydorenko"}, {"g", "y", "Sydorenko"}, {"q", "y"}, {"q", "q"}, {"q", "т"}, {"й", "Т"}} {
		for _, text := range codes {
			code(text)
		}
		r.typed("enter")
		if r.m.quitting || r.m.guard != "Іваненко" {
			t.Fatalf("%q: quitting %v, guard %q", codes, r.m.quitting, r.m.guard)
		}
		r.press("esc")
	}
	for _, k := range []string{"q", "g"} {
		code(k)
		wrong := "10"
		if r.m.code == wrong {
			wrong = "11"
		}
		code(wrong)
		if r.m.quitting || r.m.over != overNone {
			t.Errorf("%q: other digits were taken", k)
		}
	}
	r.typed("ctrl+c")
	r.typed("ctrl+c")
	if r.m.quitting {
		t.Error("two control characters end the shift")
	}
}

// answer puts the answer to a challenge on the screen, below level 3, with a photo.
func answer(r *rig, shade uint8) [20]byte {
	r.t.Helper()
	data, hash := portrait(r.t, shade)
	r.photos[hash] = data
	v := accepted()
	v.Outcome, v.Code, v.Answered = verifier.CannotConfirm, verifier.LevelTooLow, true
	v.Holder.HasPhoto, v.Holder.PhotoHash = true, hash
	r.verdicts["SID1:ANSWER"] = v
	r.scan("SID1:ANSWER")
	return hash
}

// TestConfirmPhoto: only digits that the guard repeats from the screen confirm a face, only for an answer, and only with a
// picture that was shown (WAT-11).
func TestConfirmPhoto(t *testing.T) {
	third := func(got *verifier.Photo, q *Question) func(Question, verifier.Photo, time.Time) verifier.Verdict {
		return func(asked Question, p verifier.Photo, _ time.Time) verifier.Verdict {
			*got, *q = p, asked
			v := accepted()
			v.Level, v.Answered = verifier.L3, true
			return v
		}
	}
	t.Run("matched", func(t *testing.T) {
		r := newRig(t)
		var photo verifier.Photo
		var q Question
		r.confirm = third(&photo, &q)
		hash := answer(r, 1)
		r.only("ПІДТВЕРДЖЕНО")
		r.has("[F] обличчя звірено")
		read := r.asked[0].At
		r.pass(10 * time.Second)
		r.press("f")
		r.has("Обличчя — як на світлині ВИЩЕ? Наберіть " + r.m.code)
		r.press(strings.Split(r.m.code, "")...)
		r.only("ЧИННЕ")
		if photo.Kind != verifier.PhotoMatched || photo.Hash != hash || q.Text != "SID1:ANSWER" || !q.At.Equal(read) {
			t.Errorf("confirmed %+v of %+v", photo, q)
		}
		if r.m.counts != [3]int{0, 0, 1} {
			t.Errorf("counts %v: one person, one verdict", r.m.counts)
		}
		if len(r.events) != 2 {
			t.Errorf("%d events", len(r.events))
		}
	})
	t.Run("quick fingers", func(t *testing.T) {
		r := newRig(t)
		var photo verifier.Photo
		r.confirm = third(&photo, new(Question))
		answer(r, 1)
		r.press("f")
		for _, d := range r.m.code {
			r.typed(string(d))
		}
		r.now = r.now.Add(keyGap)
		r.send(burstMsg{})
		r.only("ЧИННЕ")
	})
	t.Run("plastic", func(t *testing.T) {
		r := newRig(t)
		var photo verifier.Photo
		r.confirm = third(&photo, new(Question))
		answer(r, 1)
		r.press("k")
		r.has("ПЛАСТИКУ")
		r.press(strings.Split(r.m.code, "")...)
		if photo.Kind != verifier.PhotoPlastic || photo.Hash != [20]byte{} {
			t.Errorf("%+v", photo)
		}
	})
	refuses := func(name string, prepare func(r *rig), keys func(r *rig)) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.confirm = func(Question, verifier.Photo, time.Time) verifier.Verdict {
				t.Error("the photo was confirmed")
				return accepted()
			}
			prepare(r)
			keys(r)
			r.pass(time.Second)
			if r.m.counts[verifier.Accept] != 0 {
				t.Errorf("counts %v", r.m.counts)
			}
		})
	}
	plain := func(r *rig) { answer(r, 1) }
	confirm := func(r *rig) {
		r.press("f")
		r.press(strings.Split(r.m.code+"", "")...)
	}
	refuses("other digits", plain, func(r *rig) {
		r.press("f")
		wrong := "10"
		if r.m.code == wrong {
			wrong = "11"
		}
		r.press(wrong[:1], wrong[1:])
	})
	refuses("a letter", plain, func(r *rig) { r.press("f", "y") })
	refuses("Enter", plain, func(r *rig) { r.press("f", "enter", "enter") })
	refuses("lapsed", plain, func(r *rig) {
		r.press("f")
		code := r.m.code
		r.pass(asking + time.Second)
		r.press(strings.Split(code, "")...)
	})
	refuses("a scanner types the digits", plain, func(r *rig) {
		r.press("f")
		code := r.m.code
		r.scan(code)
	})
	refuses("no answer", func(r *rig) {
		data, hash := portrait(r.t, 1)
		r.photos[hash] = data
		v := unsure()
		v.Holder.HasPhoto, v.Holder.PhotoHash = true, hash
		r.verdicts["SID1:ANSWER"] = v
		r.scan("SID1:ANSWER")
	}, confirm)
	refuses("no photo here", func(r *rig) { answer(r, 1); r.press(" "); clear(r.photos); r.scan("SID1:ANSWER") }, confirm)
	refuses("another picture", func(r *rig) {
		_, hash := portrait(r.t, 1)
		replaced, _ := portrait(r.t, 2)
		r.photos[hash] = replaced
		v := unsure()
		v.Holder.HasPhoto, v.Holder.PhotoHash, v.Answered = true, hash, true
		r.verdicts["SID1:ANSWER"] = v
		r.scan("SID1:ANSWER")
		if r.m.current.photo != nil || !errors.Is(r.m.current.photoErr, errPhotoHash) {
			r.t.Errorf("a picture with another hash: %v", r.m.current.photoErr)
		}
	}, confirm)
	refuses("not shown", func(r *rig) { r.size(smallColumns, smallRows); answer(r, 1) }, confirm)
	refuses("a refusal", func(r *rig) {
		v := refused()
		v.Answered = true
		r.verdicts["SID1:ANSWER"] = v
		r.scan("SID1:ANSWER")
	}, func(r *rig) { r.press("k"); r.press(strings.Split(r.m.code+"", "")...) })
	t.Run("the next person does not inherit", func(t *testing.T) {
		r := newRig(t)
		r.confirm = third(new(verifier.Photo), new(Question))
		answer(r, 1)
		r.press("f")
		code := r.m.code
		r.verdicts["SID1:OTHER"] = refused()
		r.see("SID1:OTHER")
		r.pass(holdOther + time.Second)
		r.only("ПІДТВЕРДЖЕНО") // the question to the guard stands until it is answered
		r.press(strings.Split(code, "")...)
		r.only("ЧИННЕ")
		r.pass(holdAccept + time.Second)
		r.only("ВІДХИЛЕНО")
	})
}

// TestPictureHash: a picture is decoded only when its bytes have the signed hash, and only a small one (WAT-12).
func TestPictureHash(t *testing.T) {
	data, hash := portrait(t, 1)
	p, err := openPicture(data, hash)
	if err != nil || p.hash != hash {
		t.Fatal(err)
	}
	bad := slices.Clone(data)
	bad[len(bad)/2] ^= 1
	for name, c := range map[string]struct {
		data []byte
		hash [20]byte
	}{
		"changed": {bad, hash}, "other hash": {data, [20]byte{1}}, "empty": {nil, hash}, "large": {make([]byte, maxPhoto+1), hash},
	} {
		if p, err := openPicture(c.data, c.hash); err == nil || p != nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, size := range [][2]int{{1, 1}, {20, 10}, {40, 30}, {7, 3}} {
		w, h := p.room(size[0], size[1])
		if w < 1 || h < 1 || w > size[0] || h > size[1] {
			t.Errorf("%v: %d × %d", size, w, h)
		}
		for _, lines := range [][]string{p.blocks(w, h), p.braille(w, h), p.ink(w, h)} {
			if len(lines) != h {
				t.Errorf("%v: %d lines of %d", size, len(lines), h)
			}
			for _, l := range lines {
				if width(l) != w {
					t.Errorf("%v: %d columns of %d", size, width(l), w)
				}
			}
		}
	}
	// Without colours the portrait is drawn all the same, and not as a bar of one colour.
	r := newRig(t)
	answer(r, 1)
	if !strings.ContainsFunc(r.screen(), func(c rune) bool { return c > 0x2800 && c <= 0x28ff }) {
		t.Errorf("no portrait without colours:\n%s", r.screen())
	}
	r.press("p")
	r.has(name, "? НЕ ПІДТВЕРДЖЕНО")
	r.press("p")
	if r.m.over != overNone {
		t.Error("the photo stays")
	}
}

// TestChallengeScreen: a challenge stands for its minute, only an answer or a refusal takes it away (WAT-13).
func TestChallengeScreen(t *testing.T) {
	r := newRig(t)
	r.size(100, 40)
	r.press("c")
	r.has("ЗАПИТ: ще 60 с")
	r.pass(10 * time.Second)
	r.has("ЗАПИТ: ще 50 с")
	broadcast := accepted()
	broadcast.Checks[verifier.CheckWindow].Result = verifier.Pass
	r.verdicts["SID1:B"] = broadcast
	r.see("SID1:B")
	r.has("ЗАПИТ", "код без відповіді на запит")
	r.see(r.m.challenge.Text, "https://example.org/poster")
	r.has("ЗАПИТ")
	if len(r.asked) != 1 {
		t.Errorf("%d codes judged", len(r.asked))
	}
	answered := accepted()
	answered.Answered = true
	r.verdicts["SID1:ANSWER"] = answered
	r.see("SID1:ANSWER")
	r.only("ЧИННЕ")
	// A refusal ends it too, and time does.
	r.press("c")
	bad := refused()
	bad.Checks[verifier.CheckWindow].Result = verifier.Pass
	r.verdicts["SID1:RED"] = bad
	r.see("SID1:RED")
	r.only("ВІДХИЛЕНО")
	r.press("c")
	r.pass(time.Minute + beat)
	r.has("час запиту вийшов")
	// No room: said, with the size that is needed.
	r.size(60, 20)
	r.press("c")
	r.has("потрібне вікно", "60×20")
	r.press("esc")
	// A usual window has room for the symbol with less error correction, and the words beside it.
	r.size(80, 24)
	r.m.config.Device.Challenge = func(at time.Time) (Challenge, error) {
		return Challenge{Text: "SIDQ1:" + strings.Repeat("A", 218), Expires: at.Add(time.Minute)}, nil
	}
	r.press("c")
	r.has("ЗАПИТ: ще 60 с", "Якщо не читається")
	if lines := strings.Split(r.screen(), "\n"); len(lines) != 24 || !strings.Contains(lines[22], "▀▀▀▀▀▀▀") && !strings.Contains(lines[22], "█") {
		t.Errorf("the symbol is cut:\n%s", r.screen())
	}
	r.press("esc")
	// No keys: said why.
	r = newRig(t, func(c *Config) {
		c.Device.Challenge, c.Device.NoChallenge = nil, Words{UK: "парольну фразу не введено"}
	})
	r.press("c")
	r.has("запиту немає: парольну фразу не введено")
}

// TestGuard: no code is judged before a guard has a name, and a change of guard is a new shift (WAT-15).
func TestGuard(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Guard = "" })
	r.has("Хто заступає на зміну?")
	r.verdicts["SID1:A"] = accepted()
	r.see("SID1:A")
	r.scan("SID1:A")
	if len(r.asked) != 0 || r.m.guard != "" {
		t.Errorf("%d codes judged for nobody, guard %q", len(r.asked), r.m.guard)
	}
	r.typed("enter")
	r.press("esc")
	r.has("Хто заступає на зміну?")
	for _, c := range "Петренкк" {
		r.typed(string(c))
	}
	r.typed("backspace")
	r.typed("о")
	r.typed("enter")
	if r.m.guard != "Петренко" {
		t.Fatalf("guard %q", r.m.guard)
	}
	r.pass(inView + time.Second)
	r.see("SID1:A")
	r.only("ЧИННЕ")
	if e := r.events[len(r.events)-1]; e.Guard != "Петренко" || e.Source != "/dev/video0" || e.Verdict == nil {
		t.Errorf("event %+v", e)
	}
	r.press("g")
	r.agree()
	r.send(tea.PasteMsg{Content: "Бойко \u202e\x1b[31m" + strings.Repeat("ю", 10)})
	r.typed("enter")
	if !strings.HasPrefix(r.m.guard, "Бойко") || strings.ContainsAny(r.m.guard, "\x1b\u202e") || r.m.counts != [3]int{} {
		t.Errorf("guard %q, counts %v", r.m.guard, r.m.counts)
	}
	r.press("g")
	r.agree()
	r.press("esc")
	if !strings.HasPrefix(r.m.guard, "Бойко") || r.m.over != overNone {
		t.Errorf("guard %q after escape", r.m.guard)
	}
}

// TestClean: no text moves the cursor, turns letters round or grows without bound (WAT-16).
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"Гончарук\x1b[2J": "Гончарук[2J", "a\u202eb\u200fc\u200b": "abc", "рядок\nдва\tтри": "рядок два три", "\u009b31m": "31m",
		"е\u0301\u0301\u0301\u0301": "е\u0301\u0301", "\xff\xfe": "??", "О'Ніл ʼ": "О'Ніл ʼ", "": "", "\ue000": "?",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if n := len([]rune(clean(strings.Repeat("я", 10000)))); n > maxShown+1 {
		t.Errorf("%d letters", n)
	}
	v := accepted()
	v.Holder.Name, v.Holder.Position = "\x1b]0;x\aЗлий\u202e", "\x1b[31mчервоний"
	v.Issuer.DutyPhone = "\x1b[5m+380"
	v.Outcome, v.Code = verifier.Refuse, verifier.Revoked
	r := newRig(t)
	r.verdicts["SID1:A"] = v
	r.scan("SID1:A")
	content := r.m.View().Content
	for _, bad := range []string{"\x1b]", "\x1b[5m", "\a", "\u202e", "\x1b[31m"} {
		if strings.Contains(content, bad) {
			t.Errorf("%q reached the terminal", bad)
		}
	}
}

// TestSizes: at any size no line is wider than the window, and the outcome is told (WAT-17).
func TestSizes(t *testing.T) {
	long := accepted()
	long.Holder.Name = strings.Repeat("Нестеренко-Квітковська ", 6)
	long.Holder.Position = strings.Repeat("начальник управління ", 12)
	data, hash := portrait(t, 3)
	long.Holder.HasPhoto, long.Holder.PhotoHash = true, hash
	verdicts := []verifier.Verdict{long, refused(), unsure(), {}}
	widths, heights := []int{0, 1, 5, 19, 20, 33, 49, 50, 64, 79, 80, 100, 120, 200, 500}, []int{0, 1, 5, 6, 10, 15, 16, 20, 24, 40, 90}
	if testing.Short() { // short mode: the corners
		widths, heights = []int{0, 20, 79, 120}, []int{1, 6, 16, 24}
	}
	for _, w := range widths {
		for _, h := range heights {
			r := newRig(t)
			r.photos[hash] = data
			r.size(w, h)
			for _, over := range []overlay{overNone, overHelp, overGuard, overQuit, overRelieve, overChallenge, overPhoto, overConfirm} {
				for i, v := range append(verdicts, verifier.Verdict{}) {
					r.m.current = nil
					if i < len(verdicts) {
						r.m.current = &card{list: []judged{{verdict: v}}, outcome: v.Shown(), at: r.now, shown: r.now}
						r.m.current.portrait(r.m.config.Device)
					}
					r.m.over = over
					lines := strings.Split(r.screen(), "\n")
					if h > 0 && w > 0 && len(lines) != h {
						t.Errorf("%d×%d, %d: %d lines", w, h, over, len(lines))
					}
					for _, l := range lines {
						if width(l) > w {
							t.Fatalf("%d×%d, %d: a line of %d columns: %q", w, h, over, width(l), l)
						}
					}
					if w >= leastColumns && h >= leastRows && i < len(verdicts) && over == overNone && (w < smallColumns || h < smallRows) {
						word := locale.Word("uk", v.Shown().String())
						if !strings.Contains(r.screen(), word) || !strings.Contains(r.screen(), "збільште вікно") {
							t.Errorf("%d×%d: no %s:\n%s", w, h, word, r.screen())
						}
					}
				}
			}
			if r.m.faults != 0 {
				t.Fatalf("%d×%d: %s", w, h, r.m.detail)
			}
		}
	}
}

// TestLanguage: the guard's language is that of every word on the screen, also of those that came before the change.
func TestLanguage(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Sources = []Source{{Name: "/dev/video0"}}
		c.Device.Challenge, c.Device.NoChallenge = nil, Words{"немає ключів", "no keys"}
		c.Device.Journal = func(Event) error { return Words{"диск повний", "disk full"} }
	})
	r.send(itemMsg{"/dev/video0", Item{Err: Words{"камеру від'єднано", "camera unplugged"}}})
	r.verdicts["SID1:A"] = refused()
	r.scan("SID1:A")
	r.has("камеру від'єднано", "ЩО РОБИТИ")
	r.press("l")
	r.has("camera unplugged", "DO: Do not let through")
	if !r.word("REFUSED") {
		t.Errorf("no English word:\n%s", r.screen())
	}
	r.press(" ")
	r.has("no keys", "disk full")
	for _, c := range strings.ToLower(r.screen()) {
		if c >= 'а' && c <= 'я' && !strings.ContainsRune("вхідіваненкоукраїнська", c) {
			t.Errorf("%q on the English screen:\n%s", c, r.screen())
			break
		}
	}
}

// TestCameraGone: a camera that goes is told, the scanner works on, and the camera's return is seen (WAT-18).
func TestCameraGone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Sources = []Source{{Name: "/dev/video0"}} })
	r.has("вмикаю…")
	r.send(itemMsg{"/dev/video0", Item{Err: errors.New("камеру від'єднано")}})
	r.has("камеру від'єднано")
	r.verdicts["SID1:A"] = accepted()
	r.scan("SID1:A")
	r.only("ЧИННЕ")
	r.has("камеру від'єднано")
	r.press(" ")
	r.send(itemMsg{"/dev/video0", Item{Up: true}})
	r.lacks("від'єднано")
	r.send(itemMsg{"/dev/video0", Item{Up: true, Seen: true, Advice: Words{"тримайте код БЛИЖЧЕ", "CLOSER"}}})
	r.has("тримайте код БЛИЖЧЕ")
	r.pass(advising + time.Second)
	r.lacks("БЛИЖЧЕ")
	r.send(itemMsg{"auto", Item{Absent: true, Err: errors.New("не знайдено")}})
	r.has("— не знайдено")
	r.verdicts["SID1:B"] = accepted()
	r.scan("SID1:B")
	r.lacks("не знайдено")
	r.press(" ")
	r.send(itemMsg{"невідома", Item{Err: errors.New("збій")}})
	r.has("збій")
}

// TestCard: a card brings its own decision, is judged once for each time it is laid there, and stands in the journal as a card (WAT-09).
func TestCard(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Sources = []Source{{Name: "ACR122U", Card: true}} })
	r.send(itemMsg{"ACR122U", Item{Up: true}})
	r.has("картки", "✔ ACR122U", "ручний сканер або картка")
	var asked Question
	laid := func(v verifier.Verdict) itemMsg {
		return itemMsg{"ACR122U", Item{Judge: func(q Question) verifier.Verdict { asked = q; return v }}}
	}
	r.send(laid(accepted()))
	r.only("ЧИННЕ")
	if asked.At.IsZero() || asked.Lang != "uk" || asked.Text != "" || asked.Unread || len(r.asked) != 0 {
		t.Errorf("asked %+v, and the judge of codes %d times", asked, len(r.asked))
	}
	if e := r.events[0]; !e.Card || e.Source != "ACR122U" {
		t.Errorf("event %+v", e)
	}
	r.send(laid(verifier.Verdict{}))
	r.pass(holdAccept + beat)
	r.only("ВІДХИЛЕНО")
	r.press(" ")
	r.send(itemMsg{"ACR122U", Item{Judge: func(Question) verifier.Verdict { panic("x") }}})
	r.only("ПІДТВЕРДЖЕНО")
	r.press("g")
	r.agree()
	before := len(r.events)
	r.send(laid(accepted()))
	if len(r.events) != before {
		t.Error("a card was judged with nobody on duty")
	}
}

// TestScannerFault: a scanner that garbles is told as its own fault, not as the person's (WAT-18).
func TestScannerFault(t *testing.T) {
	r := newRig(t)
	r.scan("розкладка не та")
	r.only("ПІДТВЕРДЖЕНО")
	r.has("Сканер спотворив код", "увімкніть англійську")
	if !r.asked[0].Unread || r.asked[0].Text != "" {
		t.Errorf("asked %+v", r.asked[0])
	}
}

// TestNotReady: a device that can confirm nothing says so before anybody stands there (WAT-19).
func TestNotReady(t *testing.T) {
	for _, code := range []verifier.Code{verifier.NoRoot, verifier.NoBundle, verifier.BundleExpired, verifier.ClockBehind, verifier.ClockUnknown, verifier.StateDamaged, verifier.Internal} {
		r := newRig(t)
		r.health.Code = code
		r.send(healthMsg(r.health))
		if !r.word("ГОТОВО") {
			t.Errorf("%s: the screen looks ready:\n%s", code, r.screen())
		}
		headline, _, _ := locale.Text("uk", string(code), locale.Args{})
		r.has(headline, "ЩО РОБИТИ:")
	}
	r := newRig(t)
	for what, change := range map[string]func(h *Health){
		"набір довіри діє до":     func(h *Health) { h.Expires = start.Add(5 * time.Hour) },
		"старший за правила":      func(h *Health) { h.Issued = start.Add(-30 * time.Hour) },
		"скоро застаріє":          func(h *Health) { h.Issued = start.Add(-20 * time.Hour) },
		"ДЕМОНСТРАЦІЙНИЙ КОРІНЬ:": func(h *Health) { h.Demo = true },
	} {
		h := r.health
		change(&h)
		r.send(healthMsg(h))
		r.has(what)
	}
	// The device is looked at again and again.
	looks := 0
	r = newRig(t, func(c *Config) { c.Device.Health = func(time.Time) Health { looks++; return Health{} } })
	r.pass(2*healthTerm + time.Second)
	if looks < 2 {
		t.Errorf("looked %d times in %s", looks, 2*healthTerm)
	}
}

// TestJournal: what cannot be written is told, and the verdict stands (WAT-20).
func TestJournal(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Device.Journal = func(Event) error { return errors.New("диск повний") } })
	r.verdicts["SID1:A"] = accepted()
	r.scan("SID1:A")
	r.only("ЧИННЕ")
	r.has("журнал не записано: диск повний")
	r.press(" ")
	r.has("✘ диск повний")
	r = newRig(t, func(c *Config) {
		c.Device.Journal, c.Device.NoJournal = nil, Words{UK: "не ведеться: вимкнено"}
	})
	r.has("не ведеться: вимкнено")
	// A journal may come and go while the screen runs: the device tells.
	r = newRig(t)
	for _, why := range []string{"не ведеться: немає набору довіри", ""} {
		h := r.health
		h.NoJournal.UK = why
		r.send(healthMsg(h))
		r.has("журнал         " + map[bool]string{true: "✔ є", false: "— " + why}[why == ""])
	}
}

// TestClockSetBack: a clock that is set back does not keep a verdict on the screen for ever (WAT-05).
func TestClockSetBack(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:A"] = accepted()
	r.scan("SID1:A")
	r.now = r.now.Add(-time.Hour)
	r.pass(dwell + 2*time.Second)
	if r.m.current != nil {
		t.Error("the verdict stays")
	}
}

// TestDrawnOnce: a scan of hundreds of keys draws the screen a few times, and the face that is to be compared stays longer.
func TestDrawnOnce(t *testing.T) {
	r := newRig(t)
	answer(r, 1)
	r.pass(dwell + 10*time.Second)
	r.has(name)
	views := map[*tea.View]bool{}
	for range 500 {
		r.typed("A")
		r.m.View()
		views[r.m.drawn] = true
	}
	if len(views) > 3 {
		t.Errorf("drawn %d times for one scan", len(views))
	}
	r.pass(dwellFace)
	r.lacks(name)
}

// TestPaste: a pasted text is a scanner's; keys are not pasted (WAT-10).
func TestPaste(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:ABCDEF"] = accepted()
	r.send(tea.PasteMsg{Content: "SID1:ABCDEF\r\n"})
	r.only("ЧИННЕ")
	r.send(tea.PasteMsg{Content: "q"})
	r.send(tea.PasteMsg{Content: strings.Repeat("A", maxBurst+1)})
	if r.m.over != overNone || len(r.asked) != 1 {
		t.Errorf("over %d, %d readings", r.m.over, len(r.asked))
	}
}

// TestConfirmOneAtATime: a face compared with one of several service IDs makes no frame green (WAT-09, WAT-11).
func TestConfirmOneAtATime(t *testing.T) {
	for _, key := range []string{"f", "k"} {
		r := newRig(t)
		r.confirm = func(Question, verifier.Photo, time.Time) verifier.Verdict {
			v := accepted()
			v.Level, v.Answered = verifier.L3, true
			return v
		}
		v := r.face(accepted(), 1)
		v.Outcome, v.Code, v.Answered = verifier.CannotConfirm, verifier.LevelTooLow, true
		w := other(3)
		w.Outcome, w.Code = verifier.CannotConfirm, verifier.LevelTooLow
		r.verdicts["SID1:ANSWER"], r.verdicts["SID1:OTHER"] = v, w
		r.size(120, 40)
		r.see("SID1:ANSWER", "SID1:OTHER")
		r.only("ПІДТВЕРДЖЕНО")
		r.press(key)
		if r.m.over == overConfirm || !strings.Contains(r.screen(), "показуйте по одному") {
			t.Errorf("%s: the guard is asked about one of two", key)
		}
		// A code that is not ours beside it is nobody.
		r.press(" ")
		r.pass(time.Minute)
		r.see("SID1:ANSWER", "https://example.org/badge")
		r.press(key)
		if r.m.over != overConfirm {
			t.Errorf("%s: the guard is not asked", key)
		}
	}
}

// TestAcceptanceEnds: somebody else with a code that is not ours, or that does not read, does not stand under another's green
// (WAT-08).
func TestAcceptanceEnds(t *testing.T) {
	unread := itemMsg{"/dev/video0", Item{Up: true, Seen: true}}
	green := func(t *testing.T) *rig {
		r := newRig(t, func(c *Config) { c.Sources = []Source{{Name: "/dev/video0"}, {Name: "ACR122U", Card: true}} })
		r.verdicts["SID1:A"] = accepted()
		r.see("SID1:A")
		for range 8 { // the phone and a badge are in view together
			r.pass(500 * time.Millisecond)
			r.see("SID1:A", "https://example.org/badge")
			r.send(unread)
		}
		r.only("ЧИННЕ")
		r.lacks("НЕ про нього")
		r.pass(inView + beat)
		return r
	}
	t.Run("foreign", func(t *testing.T) {
		r := green(t)
		r.see("https://example.org/badge") // it is the accepted person's
		r.only("ЧИННЕ")
		r.see("https://example.org/fake")
		r.only("ПІДТВЕРДЖЕНО")
	})
	t.Run("unreadable", func(t *testing.T) {
		r := green(t)
		r.send(unread)
		r.only("ЧИННЕ")
		r.has("вердикт угорі — НЕ про нього")
		r.pass(2 * time.Second)
		r.send(unread)
		r.only("ЧИННЕ")
		r.pass(2 * time.Second)
		r.send(unread)
		r.only("")
		r.has("бачу код, ще не прочитано")
	})
	t.Run("a phone put away", func(t *testing.T) {
		r := green(t)
		r.send(unread)
		r.pass(2*inView + time.Second)
		r.send(unread)
		r.only("ЧИННЕ")
	})
	t.Run("short codes of a hand scanner", func(t *testing.T) {
		for _, end := range []string{"enter", "tab", ""} {
			r := green(t)
			for _, c := range "12345" {
				r.typed(string(c))
			}
			if end != "" {
				r.typed(end)
			} else {
				r.now = r.now.Add(keyGap)
				r.send(burstMsg{})
			}
			r.only("")
			r.has("короткий код: це не посвідчення")
			if len(r.asked) != 1 {
				t.Errorf("%q: %d readings", end, len(r.asked))
			}
		}
	})
	t.Run("a card", func(t *testing.T) {
		r := green(t)
		for range 4 {
			r.send(itemMsg{"ACR122U", Item{Up: true, Seen: true, Advice: Words{UK: "читаю картку"}}})
			r.pass(time.Second)
		}
		r.only("ЧИННЕ")
	})
	t.Run("a refusal stays", func(t *testing.T) {
		r := newRig(t)
		r.verdicts["SID1:A"] = refused()
		r.see("SID1:A")
		for range 8 {
			r.pass(time.Second)
			r.send(unread)
			r.see("https://example.org/fake")
		}
		r.only("ВІДХИЛЕНО")
	})
}

// TestQuestionShowsThePhoto: while the guard is asked whether the face is that of the photo, the photo is on the screen (WAT-11).
func TestQuestionShowsThePhoto(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {60, 16}, {57, 18}, {80, 20}} {
		r := newRig(t)
		answer(r, 1)
		r.size(size[0], size[1])
		r.press("p", "p", "f")
		if r.m.over != overConfirm || !strings.Contains(r.screen(), "Наберіть "+r.m.code) {
			t.Fatalf("%v: the guard is not asked", size)
		}
		drawn := 0
		for _, line := range r.m.screen() {
			if strings.ContainsFunc(line, func(c rune) bool { return c > 0x2800 && c <= 0x28ff }) {
				drawn++
			}
		}
		if drawn < leastPhotoRows {
			t.Errorf("%v: %d rows of the photo above", size, drawn)
		}
		// The window becomes too small for it: the question goes too.
		r.size(40, 12)
		if r.m.over == overConfirm {
			t.Errorf("%v: asked about a photo that is not shown", size)
		}
		r.press("f")
		if r.m.over == overConfirm {
			t.Errorf("%v: asked in a window without room for a photo", size)
		}
	}
}

// TestPhotoLeaves: the photo alone does not keep a person on the screen for ever (WAT-05).
func TestPhotoLeaves(t *testing.T) {
	r := newRig(t)
	r.verdicts["SID1:A"] = r.face(accepted(), 1)
	r.see("SID1:A")
	r.press("p")
	r.pass(dwell + time.Second)
	if r.m.over != overPhoto {
		t.Error("the photo left too soon")
	}
	r.pass(dwellFace)
	if r.m.current != nil {
		t.Error("a person is on the screen after a minute")
	}
}

// TestDemoEverywhere: no size and no overlay shows an acceptance without saying that the root is the demo's (WAT-19).
func TestDemoEverywhere(t *testing.T) {
	r := newRig(t)
	r.health.Demo = true
	r.send(healthMsg(r.health))
	r.verdicts["SID1:A"] = r.face(accepted(), 1)
	r.see("SID1:A")
	for _, size := range [][2]int{{80, 24}, {55, 24}, {80, 15}, {30, 10}, {18, 3}} {
		r.size(size[0], size[1])
		if !strings.Contains(r.screen(), "ДЕМО") {
			t.Errorf("%v: green, and nothing of the demo root", size)
		}
	}
	r.size(80, 24)
	r.press("p")
	if r.m.over != overPhoto || !strings.Contains(r.screen(), "ДЕМО") {
		t.Error("the photo alone: nothing of the demo root")
	}
}

// TestFaultBeforeGuard: a fault of the screen puts nobody on duty (WAT-15).
func TestFaultBeforeGuard(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Guard = "" })
	r.verdicts["SID1:A"] = accepted()
	r.send(brokenMsg{"fault"})
	r.has("внутрішній збій")
	r.pass(time.Minute)
	r.see("SID1:A")
	r.scan("SID1:A")
	if len(r.asked) > 0 {
		t.Error("a code was judged with nobody on duty")
	}
}

// TestPhotoIsDated: a picture is dated by the pack that it came from, not by the oldest of the device (WAT-12).
func TestPhotoIsDated(t *testing.T) {
	r := newRig(t)
	r.size(100, 40)
	r.verdicts["SID1:A"] = r.face(accepted(), 1)
	r.has("світлини", "пакет від "+locale.Date(r.health.Photos))
	r.scan("SID1:A")
	r.has("світлина з пакета від " + locale.Date(start.Add(-5*24*time.Hour)))
	r.lacks(locale.Date(r.health.Photos))
}

// TestLongNames: what is typed, scanned or pasted as a guard's name takes no memory without bound, and a text that is no name names
// nobody (WAT-15).
func TestLongNames(t *testing.T) {
	for what, text := range map[string]string{"letters": strings.Repeat("ю", 4<<20), "bytes": strings.Repeat("\xff", 1<<20), "controls": strings.Repeat("\x1b", 1<<20), "code": "SID1:" + strings.Repeat("A", 1<<20)} {
		r := newRig(t, func(c *Config) { c.Guard = "" })
		for range 3 {
			r.send(tea.PasteMsg{Content: text})
			r.send(tea.KeyPressMsg{Code: 'x', Text: text})
		}
		if len(r.m.name) > maxTyped || !utf8.ValidString(r.m.name) {
			t.Errorf("%s: %d bytes are kept", what, len(r.m.name))
		}
		r.typed("enter")
		if r.m.guard != "" {
			t.Errorf("%s: guard %q", what, r.m.guard)
		}
		r.send(tea.PasteMsg{Content: "Бойко"})
		r.typed("enter")
		if r.m.guard != "Бойко" {
			t.Errorf("%s: guard %q after it", what, r.m.guard)
		}
	}
}

// TestHealthHangs: a device that does not say how it is shows as not ready, is asked again, ever more rarely, and the demo root is
// told before and all the same (WAT-19).
func TestHealthHangs(t *testing.T) {
	asked := 0
	r := newRig(t, func(c *Config) {
		c.Device.Demo = true
		c.Device.Health = func(time.Time) Health { asked++; return Health{Demo: true} }
	})
	ready := r.m
	m, err := New(ready.config)
	if err != nil {
		t.Fatal(err)
	}
	m.after = ready.after
	m.colors, r.m = colorprofile.ASCII, m
	r.size(80, 24)
	hang := func(d time.Duration) { // what follows from the heartbeat is not run: no question is answered
		for end := r.now.Add(d); r.now.Before(end); r.now = r.now.Add(beat) {
			before := m.looked
			m.Update(beatMsg{})
			if m.looked != before {
				asked++
			}
		}
	}
	m.look()
	r.has("ДЕМОНСТРАЦІЙНИЙ КОРІНЬ")
	asked = 0
	hang(healthTerm - time.Second)
	if asked != 0 || r.word("ГОТОВО") {
		t.Errorf("asked %d times while it may still answer:\n%s", asked, r.screen())
	}
	hang(2 * time.Second)
	if asked != 1 || !r.word("ГОТОВО") {
		t.Errorf("asked %d times:\n%s", asked, r.screen())
	}
	r.has("ДЕМОНСТРАЦІЙНИЙ КОРІНЬ")
	r.verdicts["SID1:A"] = accepted()
	r.scan("SID1:A")
	r.has("ДЕМОНСТРАЦІЙНИЙ КОРІНЬ")
	hang(time.Hour)
	if asked < 7 || asked > 12 {
		t.Errorf("asked %d times in an hour", asked)
	}
	r.send(healthMsg{Code: verifier.Internal})
	r.has("ДЕМОНСТРАЦІЙНИЙ КОРІНЬ")
	r.send(healthMsg(Health{}))
	r.lacks("ДЕМОНСТРАЦІЙНИЙ КОРІНЬ") // another root has been pinned
	if r.word("ГОТОВО") {
		t.Error("not ready with an answer")
	}
	asked = 0
	r.now = r.now.Add(-24 * time.Hour) // the clock is set back: looked at once
	hang(beat)
	if asked != 1 {
		t.Errorf("asked %d times after the clock was set back", asked)
	}
}

// TestWaitsBehindChallenge: a verdict that waited when a challenge was asked for comes when the challenge is gone (WAT-06).
func TestWaitsBehindChallenge(t *testing.T) {
	r := newRig(t)
	r.size(100, 40)
	r.verdicts["SID1:A"], r.verdicts["SID1:B"] = unsure(), refused()
	r.see("SID1:A")
	r.see("SID1:B")
	r.press("c")
	r.has("ЗАПИТ")
	r.press("esc")
	r.pass(beat)
	r.only("ВІДХИЛЕНО")
	// An acceptance that has waited too long belongs to nobody who stands there now.
	for _, wait := range []time.Duration{dwell / 2, dwell + beat} {
		r = newRig(t)
		r.size(100, 40)
		r.verdicts["SID1:A"], r.verdicts["SID1:B"] = unsure(), other(1)
		r.see("SID1:A")
		r.see("SID1:B")
		r.press("c")
		r.pass(wait)
		r.press("esc")
		r.pass(beat)
		if wait < dwell {
			r.only("ЧИННЕ")
			continue
		}
		r.only("")
		r.has("НЕ ПЕРЕВІРЕНО кодів: 1")
		r.lacks("Інша Особа")
	}
}

// TestConfig: a screen without a judge is none.
func TestConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"empty":     {},
		"no judge":  {Now: time.Now, Device: Device{Health: func(time.Time) Health { return Health{} }}},
		"no clock":  {Device: Device{Health: func(time.Time) Health { return Health{} }, Judge: func(Question) verifier.Verdict { return verifier.Verdict{} }}},
		"no health": {Now: time.Now, Device: Device{Judge: func(Question) verifier.Verdict { return verifier.Verdict{} }}},
	} {
		if m, err := New(c); err == nil || m != nil {
			t.Errorf("%s: a screen was made", name)
		}
	}
}

// TestAttend: a source that panics or ends is told and started again, and ends with the context (WAT-18).
func TestAttend(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	given := make(chan Item, 10)
	runs := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		attend(ctx, Source{Name: "cam", Run: func(context.Context, func(Item)) { runs++; panic("дані") }}, func(i Item) { given <- i })
	}()
	item := <-given
	if item.Err == nil || strings.Contains(item.Err.Error(), "дані") {
		t.Errorf("item %+v", item)
	}
	stop()
	<-done
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

// TestNoTrace: the library's trace file, which would hold every name, is never written (WAT-05).
func TestNoTrace(t *testing.T) {
	file := t.TempDir() + "/trace"
	t.Setenv("TEA_TRACE", file)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err := Run(ctx, Config{Device: Device{Judge: func(Question) verifier.Verdict { return accepted() }, Health: func(time.Time) Health { return Health{} }},
		Now: time.Now, Guard: "Іваненко"}, strings.NewReader(""), &strings.Builder{})
	if err == nil {
		t.Error("a screen without a terminal and time ran")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the trace file was written")
	}
	if os.Getenv("TEA_TRACE") != "" {
		t.Error("TEA_TRACE is set")
	}
}

// FuzzInput: no keys, pastes, sizes or readings break the screen, and none of them accepts (WAT-21).
func FuzzInput(f *testing.F) {
	f.Add([]byte("SID1:ABC\r"))
	f.Add([]byte("qyccff00\x1b\x00"))
	f.Add([]byte{0, 255, 1, 254, 2, 253, 3, 200, 4, 100, 5, 50, 6, 7, 8, 9})
	f.Add([]byte("g\x07Іваненко\rcpfk47"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 300 {
			return
		}
		r := newRig(t)
		for i := 0; i+1 < len(data); i += 2 {
			kind, v := data[i]%16, data[i+1]
			rest := string(data[i+1:])
			switch kind {
			case 0:
				r.m.Update(tea.WindowSizeMsg{Width: int(v)%140 - 3, Height: int(data[i+1])%50 - 3})
			case 1:
				r.m.Update(tea.PasteMsg{Content: rest})
			case 2:
				r.m.Update(tea.KeyPressMsg{Code: rune(v), Mod: tea.KeyMod(data[i])})
			case 3:
				r.send(itemMsg{rest, Item{Texts: []string{rest, "SID1:" + rest}, Seen: v&1 == 0, Advice: Words{rest, rest}}})
			case 4:
				r.typed("enter")
			case 5:
				r.typed("esc")
			case 6:
				r.m.Update(tea.MouseClickMsg{X: int(v), Y: int(v)})
			case 7:
				r.now = r.now.Add(time.Duration(int8(v)) * time.Second)
				r.m.Update(beatMsg{})
			case 8:
				r.send(judgedMsg{int(v), nil})
			case 9:
				r.m.Update(challengeMsg{challenge: Challenge{Text: rest, Expires: r.now.Add(time.Duration(v) * time.Second)}})
			case 10:
				r.m.Update(tea.ColorProfileMsg{Profile: colorprofile.Profile(v % 8)})
			case 11:
				r.send(confirmedMsg{verdict: accepted()})
			default:
				r.m.Update(tea.KeyPressMsg{Code: rune(v), Text: string(rune(v))})
				if v&3 == 0 {
					r.now = r.now.Add(keyGap)
					r.send(burstMsg{})
				}
			}
			_ = r.m.View()
		}
		// Some messages above come without what would follow from them, so the judge may be missed: that is no fault here.
		if r.m.faults != 0 && !strings.HasPrefix(r.m.detail, "no verdict within") {
			t.Errorf("a fault: %s", r.m.detail)
		}
		if r.m.counts[verifier.Accept] != 0 {
			t.Error("something was accepted")
		}
	})
}
