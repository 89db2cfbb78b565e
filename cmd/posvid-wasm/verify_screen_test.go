//go:build !js

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/verifier"
)

func TestOutcomeOf(t *testing.T) {
	for _, c := range []struct {
		v    *verifier.Verdict
		want verifier.Outcome
	}{
		{nil, verifier.CannotConfirm},
		{&verifier.Verdict{}, verifier.Refuse},
		{&verifier.Verdict{Outcome: verifier.Accept}, verifier.Refuse},
		{&verifier.Verdict{Outcome: verifier.Accept, Code: verifier.Revoked}, verifier.Refuse},
		{&verifier.Verdict{Outcome: 9, Code: verifier.OK}, verifier.Refuse},
		{&verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.OK}, verifier.CannotConfirm},
		{&verifier.Verdict{Outcome: verifier.Accept, Code: verifier.OK, Simulated: true}, verifier.CannotConfirm},
		{&verifier.Verdict{Outcome: verifier.Accept, Code: verifier.OK}, verifier.Accept},
	} {
		if got := c.v.Shown(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.v, got, c.want)
		}
	}
}

// TestDwell: a verdict leaves the page by itself, an answer whose face is to be compared later, and at once when the clock is set back.
func TestDwell(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	s := b.read(fromPaste, p.code(now))
	if code(s) != "ok" || s.Verdict.Leaves != 20_000 {
		t.Fatalf("%s, leaves in %d ms", code(s), s.Verdict.Leaves)
	}
	if s = b.wait(19 * time.Second).look(); code(s) != "ok" || s.Verdict.Leaves != 1000 {
		t.Errorf("after 19 s: %q", code(s))
	}
	if s = b.wait(time.Second).look(); s.Verdict != nil {
		t.Errorf("after 20 s: %q", code(s))
	}
	b.read(fromPaste, p.code(b.at))
	if s = b.wait(-time.Second).look(); s.Verdict != nil {
		t.Errorf("the clock was set back: %q", code(s))
	}
	if out := must[[]byte](t)(json.Marshal(s)); strings.Contains(string(out), "Гончарук") {
		t.Errorf("%s", out)
	}
	if kept := fmt.Sprintf("%+v", b.device.screen); strings.Contains(kept, "Гончарук") || strings.Contains(kept, "000001") || strings.Contains(kept, "SID1") {
		t.Error("the program remembers the person")
	}
}

// TestHold: another person's verdict waits until the one before has had its time; what waits too long accepts nobody.
func TestHold(t *testing.T) {
	w := newWorld(t)
	one, two, gone := w.person(1, "Перша Анна"), w.person(2, "Другий Борис"), w.person(5, "Третя Віра")
	b := w.bench()
	name := func(s *jsonScreen) string {
		if s.Verdict == nil || s.Verdict.Holder == nil {
			return ""
		}
		return s.Verdict.Holder.Name
	}
	b.read(fromCamera, one.code(now))
	if s := b.wait(time.Second).read(fromCamera, two.code(now)); name(s) != "Перша Анна" || s.Waiting != 1 {
		t.Errorf("after 1 s: %s, %d wait", name(s), s.Waiting)
	}
	if s := b.wait(time.Second).look(); name(s) != "Другий Борис" || s.Waiting != 0 {
		t.Errorf("after 2 s: %s", name(s))
	}
	if s := b.wait(2*time.Second).read(fromCamera, gone.code(b.at)); code(s) != "revoked" {
		t.Errorf("%s", code(s))
	}
	if s := b.wait(3*time.Second).read(fromCamera, one.code(b.at)); code(s) != "revoked" || s.Waiting != 1 {
		t.Errorf("a refusal stays 4 s: %s", code(s))
	}
	if s := b.wait(time.Second).look(); name(s) != "Перша Анна" {
		t.Errorf("after 4 s: %s", name(s))
	}
	for i := range 12 {
		b.read(fromFile, fmt.Sprintf("SID1:%d", i))
	}
	if s := b.look(); s.Waiting != maxPending || !strings.Contains(s.Lost, "НЕ ПЕРЕВІРЕНО") {
		t.Errorf("%d wait, lost %q", s.Waiting, s.Lost)
	}
	b.order(order{Op: "clear"})
	b.read(fromCamera, two.code(b.at))
	b.read(fromCamera, w.person(3, "Четверта Галя").code(b.at))
	if s := b.wait(25 * time.Second).look(); name(s) != "" {
		t.Errorf("accepted who waited 25 s: %s", name(s))
	}
}

// TestCodeInView: what stays before the camera is judged once; the same phone with its next code changes nothing; a code that
// comes back is told to have been shown.
func TestCodeInView(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	text := p.code(now)
	first := b.read(fromCamera, text)
	for range 30 {
		if s := b.wait(100*time.Millisecond).read(fromCamera, text); s.Verdict == nil || s.Verdict.Number != first.Verdict.Number {
			t.Fatalf("judged again: %s", code(s))
		}
	}
	if s := b.read(fromCamera, p.code(b.at)); s.Verdict.Number != first.Verdict.Number {
		t.Error("the next code of the same phone flickers")
	}
	b.wait(25 * time.Second).look()
	if s := b.read(fromCamera, text); code(s) != string(verifier.AlreadyShown) {
		t.Errorf("out of view and back: %s", code(s))
	}
	if s := b.wait(5*time.Second).read(fromCamera, p.code(b.at)); code(s) != "ok" || !strings.Contains(s.Verdict.Mind, "УВАГА") {
		t.Errorf("the same person within a minute: %s %q", code(s), s.Verdict.Mind)
	}
}

// TestForeignCodes: a code that is not ours takes no verdict's place, but ends the green of a phone that has gone.
func TestForeignCodes(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	text := p.code(now)
	b.read(fromCamera, text)
	if s := b.wait(time.Second).read(fromCamera, "https://example.org"); code(s) != "ok" {
		t.Errorf("after 1 s: %s", code(s))
	}
	if s := b.wait(4*time.Second).read(fromCamera, "https://example.org"); code(s) == "ok" {
		t.Error("another's code stands there, and the page is green")
	}
	b.wait(2 * time.Minute).look()
	if s := b.read(fromCamera, "https://example.org"); code(s) != string(verifier.NotAServiceID) {
		t.Errorf("alone: %q", code(s))
	}
	b.order(order{Op: "dismiss"})
	if s := b.wait(10*time.Second).read(fromCamera, "https://example.org"); s.Verdict != nil {
		t.Errorf("a poster is told again: %s", code(s))
	}
}

// TestSeveral: the worst of several service IDs decides, foreign codes come last, and no face is compared.
func TestSeveral(t *testing.T) {
	w := newWorld(t)
	good, bad := w.person(1, "Перша Анна"), w.person(5, "Третя Віра")
	b := w.bench()
	s := b.read(fromFile, "https://example.org", good.code(now), bad.code(now))
	if code(s) != "revoked" || len(s.Verdict.Others) != 2 || s.Verdict.Plastic {
		t.Errorf("%s, others %q", code(s), s.Verdict.Others)
	}
	b.order(order{Op: "clear"})
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprint("text ", i)
	}
	s = b.read(fromFile, append(many, w.person(2, "Другий Борис").code(now))...)
	if code(s) != "ok" || len(s.Verdict.Others) != maxFrame-1 || s.Lost == "" {
		t.Errorf("%s, %d others, lost %q", code(s), len(s.Verdict.Others), s.Lost)
	}
}

// TestScannerText: what a hand scanner typed through another layout is repaired, what cannot be told back is told.
func TestScannerText(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	const keys, shown = "ABCDEFGHIJKLMNOPQRSTUVWXYZ$./:", "ФИСВУАПРШОЛДЬТЩЗЙКІЕГМЦЧНЯ;ю.Ж"
	typed := strings.Map(func(r rune) rune {
		if i := strings.IndexRune(keys, r); i >= 0 {
			return []rune(shown)[i]
		}
		return r
	}, p.code(now))
	if s := b.read(fromScanner, typed); code(s) != "ok" || !strings.Contains(s.Verdict.Note, "українська") {
		t.Errorf("%s %+v", code(s), s.Verdict)
	}
	b.order(order{Op: "clear"})
	if s := b.read(fromScanner, strings.Replace(typed, typed[40:42], "щщ", 1)+"ґ"); code(s) == "ok" || s.Verdict.Headline != "Сканер спотворив код" {
		t.Errorf("%s %q", code(s), s.Verdict.Headline)
	}
}

// TestUnwritten: what could not be remembered is not accepted; what breaks inside cannot confirm and names nobody.
func TestUnwritten(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	b.store.broken = true
	if s := b.read(fromPaste, p.code(now)); code(s) != string(verifier.StateDamaged) || s.Verdict.Outcome != "cannot-confirm" || s.Verdict.Holder != nil {
		t.Errorf("%+v", s.Verdict)
	}
	b.screen.state = nil // every judgement panics
	b.screen.clear()
	if s := b.read(fromPaste, p.code(now)); code(s) != string(verifier.Internal) || s.Verdict.Outcome != "cannot-confirm" || s.Verdict.Strokes != 2 {
		t.Errorf("%+v", s.Verdict)
	}
}

// TestConfirm: level 3 needs an answer, a compared photo whose hash is the signed one, and the two digits in time.
func TestConfirm(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.admitted()
	b.read(fromPaste, p.code(b.at))
	if s := b.look(); s.Verdict.Plastic || s.Verdict.Compare {
		t.Error("a broadcast code can be confirmed")
	}
	if s := b.order(order{Op: "ask", Plastic: true}).Screen; s.Question != nil {
		t.Error("asked about a broadcast code")
	}
	ask := func() *jsonScreen {
		t.Helper()
		a := b.wait(time.Minute).order(order{Op: "challenge"})
		if a.Fault != nil || a.Symbol == nil || a.Screen.Challenge == nil || a.Screen.Verdict != nil {
			t.Fatalf("%+v", a)
		}
		if s := b.read(fromPaste, a.Screen.Challenge.Text); s.Challenge == nil {
			t.Error("the page's own challenge ended it")
		}
		if s := b.read(fromPaste, p.code(b.at)); s.Challenge == nil || s.Notice == "" {
			t.Error("a code that answers nothing ended the challenge")
		}
		s := b.read(fromPaste, p.answer(a.Screen.Challenge.Text, b.at))
		if code(s) != "ok" || !s.Verdict.Plastic || s.Verdict.Compare || s.Verdict.Photo == "" {
			t.Fatalf("%+v", s.Verdict)
		}
		return s
	}
	level3 := locale.LevelName("uk", 3)

	s := ask()
	for _, wrong := range []string{"", "1", "999", "ab"} {
		q := b.order(order{Op: "ask", Plastic: true}).Screen
		if q.Question == nil || len(q.Question.Digits) != 2 {
			t.Fatalf("%+v", q.Question)
		}
		if s := b.order(order{Op: "confirm", Text: wrong}).Screen; s.Question != nil || s.Verdict.Level == level3 {
			t.Errorf("%q confirmed", wrong)
		}
	}
	q := b.order(order{Op: "ask", Plastic: true}).Screen
	if s := b.wait(16 * time.Second).order(order{Op: "confirm", Text: q.Question.Digits}).Screen; s.Verdict != nil && s.Verdict.Level == level3 {
		t.Error("confirmed after 16 s")
	}
	number := s.Verdict.Number

	s = ask()
	if s.Verdict.Number == number {
		t.Error("two verdicts have one number")
	}
	if b.order(order{Op: "ask"}).Screen.Question != nil {
		t.Error("asked about a picture that is not there")
	}
	if a := b.orderData(order{Op: "picture", Number: s.Verdict.Number}, []byte("another face")); a.Shown || a.Screen.Verdict.Compare {
		t.Error("a picture with another hash is shown")
	}
	if a := b.orderData(order{Op: "picture", Number: s.Verdict.Number - 1}, portrait); a.Shown {
		t.Error("a picture of the verdict before is shown")
	}
	if a := b.orderData(order{Op: "picture", Number: s.Verdict.Number}, portrait); !a.Shown || !a.Screen.Verdict.Compare {
		t.Error("the signed picture is not shown")
	}
	q = b.order(order{Op: "ask"}).Screen
	if s := b.order(order{Op: "confirm", Text: q.Question.Digits}).Screen; code(s) != "ok" || s.Verdict.Level != level3 || s.Verdict.Number == number {
		t.Errorf("%+v", s.Verdict)
	}
	if s := b.look(); s.Verdict.Plastic || s.Verdict.Compare {
		t.Error("a confirmed answer can be confirmed again")
	}

	ask()
	q = b.order(order{Op: "ask", Plastic: true}).Screen
	w.gone = []uint32{1} // while the guard looks
	if a := b.orderData(order{Op: "install"}, w.bundle(base.Add(2*time.Minute))); a.Fault != nil {
		t.Fatalf("%+v", a.Fault)
	}
	if s := b.order(order{Op: "confirm", Text: q.Question.Digits}).Screen; code(s) != "revoked" || s.Verdict.Outcome != "refuse" {
		t.Errorf("revoked meanwhile: %+v", s.Verdict)
	}
}

// TestChallengeTerm: a challenge leaves the page when its time is over.
func TestChallengeTerm(t *testing.T) {
	w := newWorld(t)
	b := w.bench()
	if a := b.order(order{Op: "challenge"}); a.Fault == nil || a.Fault.Code != "not-enrolled" || a.Screen.Challenge != nil {
		t.Errorf("%+v", a)
	}
	b = newWorld(t).admitted()
	b.order(order{Op: "challenge"})
	if s := b.wait(59 * time.Second).look(); s.Challenge == nil || s.Challenge.Left > 1000 {
		t.Errorf("%+v", s.Challenge)
	}
	if s := b.wait(time.Second).look(); s.Challenge != nil || s.Notice == "" {
		t.Errorf("%+v", s)
	}
}

// TestOnlineCode: only what is a one-time code goes to the service, and no answer but a plain yes is one.
func TestOnlineCode(t *testing.T) {
	const link = "https://id.example.gov.ua/documents/official-certificate/00112233445566778899aabbccddeeff/verify/0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d"
	for text, want := range map[string]string{
		link: link, " 4 006381-333931 ": "4006381333931", "4\u00a0006381\u202f333931": "4006381333931",
		link + "?x=1": "", link + "#a": "", strings.Replace(link, "https", "http", 1): "", strings.Replace(link, "https://", "https://u@", 1): "",
		strings.Replace(link, "-4d3a-", "-1d3a-", 1): "", strings.ToUpper(link): "", "javascript:alert(1)": "", "4006381333932": "", "0006381333934": "",
		"400638133393": "", "40063813339310": "", "": "", "SID1:4006381333931": "", "https://": "", strings.Repeat("4", 600): "", "٤006381333931": "",
	} {
		if got := onlineCode(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	if s := b.read(fromCamera, link); s.Online == nil || s.Online.Code != link || s.Verdict != nil {
		t.Errorf("%+v", s)
	}
	if s := b.order(order{Op: "reading", Source: fromPaste, Texts: []string{"4006381333931"}}).Screen; s.Online != nil || !strings.Contains(s.Notice, "без мережі") {
		t.Errorf("without a network: %+v", s)
	}
	if s := b.read(fromFile, link, p.code(now)); s.Online != nil || code(s) != "ok" {
		t.Errorf("beside a service ID: %+v", s)
	}
	for _, bad := range []string{"", "{", "null", "[]", `{"valid":true}`, `{"valid":true,"code":"online-used"}`, `{"valid":false,"code":"ok"}`, `{"valid":"true","code":"ok"}`, `{"valid":1,"code":"ok"}`} {
		if o := b.orderData(order{Op: "online"}, []byte(bad)).Online; o.Valid || !strings.Contains(o.Word, "НЕ") || o.Portrait != "" {
			t.Errorf("%s: %+v", bad, o)
		}
	}
	o := b.orderData(order{Op: "online"}, []byte(`{"valid":true,"verdict":"accept","code":"ok","text":"посвідчення чинне","as_of":"2026-11-22T07:00:00Z","holder":{"name":"А\u202eБ","number":"1","portrait":"aGVsbG8="}}`)).Online
	if !o.Valid || o.Portrait != "" || !slices.Contains(o.Lines, "АБ") || strings.Contains(o.Word, "ЧИННЕ") {
		t.Errorf("%+v", o)
	}
}

func FuzzOnline(f *testing.F) {
	f.Add("https://id.example.gov.ua/documents/official-certificate/00112233445566778899aabbccddeeff/verify/0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d", []byte(`{"valid":true,"code":"ok"}`))
	f.Add("4006381333931", []byte(`{"valid":true,"code":"ok","holder":{"portrait":"/9j/4A=="}}`))
	s := newScreen(nil, "uk")
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		if code := onlineCode(text); code != "" && onlineCode(code) != code {
			t.Errorf("%q is no longer a code", code)
		}
		if o := s.onlineWords(data); o == nil || o.Word == "" {
			t.Error("no word")
		}
	})
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{"a\u202eb\x1b[2Jc": "ab[2Jc", "о\u0301\u0301\u0301\u0301": "о\u0301\u0301", " x\n y ": "x  y", strings.Repeat("я", 500): strings.Repeat("я", 400) + "…"} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestDemoRoot(t *testing.T) {
	if demoRoot != verifycli.DemoRoot {
		t.Errorf("%s, want %s", demoRoot, verifycli.DemoRoot)
	}
}
