package offices

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/circl/blindsign/blindrsa"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/web/webtest"
)

// hostile is what somebody who makes a survey, or answers one, may type into every field.
const hostile = `"'><img src=x onerror="document.title='xss'"><script>document.title='xss'</script>{{.}}&lt;`

// everyKind is a survey of every kind of question, with pages, conditions, and hostile texts.
func everyKind(t *testing.T) []byte {
	t.Helper()
	text := func(s string) office.Text {
		return office.Text{UK: s + " " + hostile, EN: "EN " + s + " " + hostile}
	}
	n := func(n int64) *int64 { return &n }
	d := office.Definition{Format: office.SurveyFormat, Title: text("Умови праці"), Intro: text("Вступ"), Pages: []office.Page{
		{Title: text("Перша"), Questions: []office.Question{
			{ID: "place", Kind: office.KindOne, Text: text("Де працюєте"), Hint: text("Підказка"), Required: true, Options: []office.Option{{ID: "desk", Text: text("за столом")}, {ID: "away", Text: text("поза будівлею")}}},
			{ID: "noise", Kind: office.KindScale, Text: text("Чи тихо"), Min: n(1), Max: n(5), MinLabel: text("гамірно"), MaxLabel: text("тихо"), ShowIf: []office.Condition{{Question: "place", Is: []string{"desk"}}}},
		}},
		{Title: text("Друга"), Questions: []office.Question{
			{ID: "tools", Kind: office.KindMany, Text: text("Чим"), Max: n(2), Options: []office.Option{{ID: "pc", Text: text("компʼютер")}, {ID: "phone", Text: text("телефон")}, {ID: "paper", Text: text("папір")}}},
			{ID: "first", Kind: office.KindRanking, Text: text("Що важливіше"), Options: []office.Option{{ID: "light", Text: text("світло")}, {ID: "air", Text: text("повітря")}, {ID: "calm", Text: text("тиша")}}},
		}},
		{Title: text("Лише про шум"), Questions: []office.Question{
			{ID: "why", Kind: office.KindText, Text: text("Що гамірне"), MaxLength: 300, ShowIf: []office.Condition{{Question: "noise", To: n(2)}}},
		}},
		{Title: text("Остання"), Questions: []office.Question{
			{ID: "years", Kind: office.KindNumber, Text: text("Скільки років"), Min: n(0), Max: n(60)},
		}},
	}}
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pollster makes surveys without the editors' pages.
type pollster struct {
	*testing.T
	w *servicetest.World
	p *part
}

func newPollster(t *testing.T) *pollster {
	t.Helper()
	w, p := surveyWorld(t)
	return &pollster{t, w, p}
}

func (l *pollster) open(anonymous bool, definition []byte) office.Survey {
	l.Helper()
	s, err := l.p.surveys.Draft(l.Context(), l.w.Ministry.EDRPOU, anonymous, definition, []office.Audience{{Body: l.w.Ministry.EDRPOU}}, l.w.Now())
	if err == nil {
		s, err = l.p.openSurvey(l.Context(), s.ID, s.Revision, l.w.Now().Add(60*24*time.Hour), l.w.Now())
	}
	if err != nil {
		l.Fatal(err)
	}
	return s
}

// vote answers an anonymous survey for a person as a browser would, with circl in place of its arithmetic.
func (l *pollster) vote(s office.Survey, person string, a office.Answer) office.Ballot {
	l.Helper()
	known, err := x509.ParsePKIXPublicKey(s.PublicKey)
	if err != nil {
		l.Fatal(err)
	}
	client, err := blindrsa.NewClient(blindrsa.SHA384PSSRandomized, known.(*rsa.PublicKey))
	if err != nil {
		l.Fatal(err)
	}
	secret := make([]byte, office.SecretSize)
	rand.Read(secret)
	input, err := client.Prepare(rand.Reader, office.BallotMessage(s.ID, office.BallotNonce(secret)))
	if err != nil {
		l.Fatal(err)
	}
	blinded, state, err := client.Blind(rand.Reader, input)
	if err != nil {
		l.Fatal(err)
	}
	who, err := l.p.surveyPerson(l.Context(), s.ID, seatOf(l.w.Ministry.Holders[person]))
	if err != nil {
		l.Fatal(err)
	}
	answer, err := l.p.surveys.Sign(l.Context(), s.ID, who, blinded, surveyDay(l.w.Now()), l.w.Now())
	if err != nil {
		l.Fatal(err)
	}
	signature, err := client.Finalize(state, answer)
	if err != nil {
		l.Fatal(err)
	}
	v := office.Ballot{Secret: secret, Prefix: input[:office.PrefixSize], Signature: signature, Answer: a}
	if err := l.p.box.Put(l.Context(), s.ID, v, l.w.Now()); err != nil {
		l.Fatal(err)
	}
	return v
}

// asks is an official's client of this test.
func (l *pollster) asks(person string) *http.Client {
	return l.w.As(official(l.w.Ministry.Holders[person]))
}

// TestAnswerPages: a survey is shown to the people it asks while it is open, and to nobody as anything else.
func TestAnswerPages(t *testing.T) {
	l := newPollster(t)
	w := l.w
	s := l.open(false, everyKind(t))
	draft, err := l.p.surveys.Draft(t.Context(), w.Ministry.EDRPOU, false, everyKind(t), []office.Audience{{Body: w.Ministry.EDRPOU}}, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	page := "/office/surveys/" + s.ID
	council := w.As(official(w.Council.Holders["second"]))
	for name, c := range map[string]struct {
		client *http.Client
		method string
		path   string
		body   string
		status int
		code   string
	}{
		"nobody":                   {w.Client(), "GET", page, "", 401, "not-logged-in"},
		"nobody answers":           {w.Client(), "POST", page, "a.place=desk", 401, "not-logged-in"},
		"suspended":                {l.asks("suspended"), "GET", page, "", 403, "office-no-id"},
		"revoked answers":          {l.asks("revoked"), "POST", page, "a.place=desk", 403, "office-no-id"},
		"of another body, answers": {council, "POST", page, "a.place=desk", 403, "survey-not-eligible"},
		"a draft":                  {l.asks("issued"), "GET", "/office/surveys/" + draft.ID, "", 404, "unknown-survey"},
		"a draft, answered":        {l.asks("issued"), "POST", "/office/surveys/" + draft.ID, "a.place=desk", 404, "unknown-survey"},
		"a draft, checked":         {w.Client(), "GET", "/office/surveys/" + draft.ID + "/check", "", 404, "unknown-survey"},
		"none":                     {l.asks("issued"), "GET", "/office/surveys/none", "", 404, "unknown-survey"},
		"a hostile id":             {l.asks("issued"), "GET", "/office/surveys/" + url.PathEscape(hostile), "", 404, "not-found"},
		"none, checked":            {w.Client(), "GET", "/office/surveys/none/check", "", 404, "unknown-survey"},
		"required is not answered": {l.asks("issued"), "POST", page, "a.years=3", 422, ""},
		"an option that is not":    {l.asks("issued"), "POST", page, "a.place=moon", 422, ""},
		"too many options":         {l.asks("issued"), "POST", page, "a.place=away&a.tools=pc&a.tools=phone&a.tools=paper", 422, ""},
		"an option twice":          {l.asks("issued"), "POST", page, "a.place=away&a.tools=pc&a.tools=pc", 422, ""},
		"half a ranking":           {l.asks("issued"), "POST", page, "a.place=away&a.first.air=1", 422, ""},
		"two in one place":         {l.asks("issued"), "POST", page, "a.place=away&a.first.air=1&a.first.light=1&a.first.calm=2", 422, ""},
		"no number":                {l.asks("issued"), "POST", page, "a.place=away&a.years=" + url.QueryEscape(hostile), 422, ""},
		"a number out of range":    {l.asks("issued"), "POST", page, "a.place=away&a.years=61", 422, ""},
		"control characters":       {l.asks("issued"), "POST", page, "a.place=desk&a.noise=1&a.why=%07%1b", 422, ""},
	} {
		status, h, body := w.Do(c.client, c.method, c.path, strings.NewReader(c.body), "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json")
		if status != c.status {
			t.Errorf("%s: %d, want %d: %.300s", name, status, c.status, body)
			continue
		}
		if c.code != "" && problemCode(t, body) != c.code {
			t.Errorf("%s: %.300s, want %s", name, body, c.code)
		}
		if strings.Contains(string(body), "<img src=x") || strings.Contains(string(body), "<script>document") {
			t.Errorf("%s: a text became HTML", name)
		}
		if status == 422 && (h.Get("Cache-Control") != "no-store" || !strings.Contains(string(body), `aria-invalid="true"`)) {
			t.Errorf("%s: %v; no question is marked", name, h)
		}
	}
	if status, _, body := w.Do(council, "GET", page, nil); status != 200 || strings.Contains(string(body), `id="survey"`) || !strings.Contains(string(body), `id="not-asked"`) {
		t.Errorf("of another body: %d %.300s", status, body)
	}

	// The answer without any script; the questions that are hidden by it are dropped; it may be changed until the survey closes.
	send := func(form string) {
		t.Helper()
		status, h, body := w.Do(l.asks("issued"), "POST", page, strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded")
		if status != 303 || h.Get("Location") != page {
			t.Fatalf("%d %v %.300s", status, h, body)
		}
	}
	send("a.place=away&a.noise=1&a.why=x&a.years=+7")
	send("a.place=desk&a.noise=2&a.tools=paper&a.first.air=1&a.first.light=3&a.first.calm=2&a.why=" + url.QueryEscape(hostile))
	status, _, body := w.Do(l.asks("issued"), "GET", page, nil)
	if status != 200 {
		t.Fatal(status)
	}
	for _, want := range []string{`id="answered"`, `id="named"`, `value="desk" checked`, `value="2" checked`, `value="paper" checked`, `<option value="3" selected>`, `&lt;img src=x`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("own answer without %s", want)
		}
	}
	// Who sees the answer is said before it is given, and not behind what has to be opened first.
	unnamed := l.open(true, everyKind(t))
	_, _, limits := w.Do(l.asks("second"), "GET", "/office/surveys/"+unnamed.ID, nil)
	said, _, _ := strings.Cut(string(limits), "<details")
	for _, want := range []string{`id="limits"`, "у малій групі", "всі відповіли однаково", "Вільні тексти дослівно побачать усі", "стежить за мережею органу або за самим сервером служби", "Від примусу"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page of an anonymous survey does not say %q", want)
		}
	}
	for _, want := range []string{"редактори побачать вашу відповідь разом із вашим іменем", "дослівно вільні тексти"} {
		if said, _, _ := strings.Cut(string(body), `<form id="survey"`); !strings.Contains(said, want) {
			t.Errorf("the page of a named survey does not say %q", want)
		}
	}
	if _, _, other := w.Do(l.asks("second"), "GET", page, nil); strings.Contains(string(other), " checked") || strings.Contains(string(other), `id="answered"`) {
		t.Error("another person sees the answer")
	}
	answers, err := l.p.surveys.Answers(t.Context(), s.ID)
	if err != nil || len(answers) != 1 {
		t.Fatalf("%d answers: %v", len(answers), err)
	}

	// After the end it is neither asked nor taken, even before the job has closed it.
	w.Advance(61 * 24 * time.Hour)
	renewed := l.asks("issued")
	if status, _, body := w.Do(renewed, "POST", page, strings.NewReader("a.place=desk"), "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"); status == 303 {
		t.Errorf("after the end: %d %.200s", status, body)
	}
}

// TestAnonymousAnswerWithName: what comes under somebody's name is never an answer to an anonymous survey.
func TestAnonymousAnswerWithName(t *testing.T) {
	l := newPollster(t)
	w := l.w
	s := l.open(true, everyKind(t))
	status, _, body := w.Do(l.asks("issued"), "POST", "/office/surveys/"+s.ID, strings.NewReader("a.place=desk"), "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json")
	if status != 409 || problemCode(t, body) != "survey-anonymous" {
		t.Errorf("%d %.300s", status, body)
	}
	_, _, body = w.Do(l.asks("issued"), "GET", "/office/surveys/"+s.ID, nil)
	for _, never := range []string{w.Ministry.Holders["issued"].Number, seatOf(w.Ministry.Holders["issued"]).String()} {
		if never != "" && strings.Contains(string(body), never) {
			t.Errorf("the page names the person: %s", never)
		}
	}
	if !strings.Contains(string(body), "<noscript>") {
		t.Error("the page does not say what it needs")
	}
}

// TestMark: a browser keeps what belongs to two people of it apart, under no name.
func TestMark(t *testing.T) {
	p := newPollster(t).p
	a, err := p.mark(office.Seat{Body: "99000011", Post: 1})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := p.mark(office.Seat{Body: "99000011", Post: 11})
	again, _ := p.mark(office.Seat{Body: "99000011", Post: 1})
	if a == b || a != again || len(a) != 20 {
		t.Errorf("%q %q %q", a, b, again)
	}
}

// network is a script for Before: the page's requests fail where sessionStorage says so, before they leave or after they were
// answered, and are noted with whether they carry credentials.
const network = `(() => { const real = fetch; globalThis.asked = [];
  globalThis.fetch = async (path, init = {}) => {
    asked.push([String(path).split("/").pop(), init.credentials ?? "", init.referrerPolicy ?? "", init.body ?? ""]);
    const rule = sessionStorage.getItem("cut") ?? "";
    if (rule && String(path).endsWith(rule)) throw new TypeError("cut");
    const answer = await real(path, init);
    const lost = sessionStorage.getItem("lose") ?? "";
    if (lost && String(path).endsWith(lost)) throw new TypeError("lost");
    return answer;
  }; })()`

// TestSurveysInBrowser: surveys are answered as people answer them.
func TestSurveysInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a browser")
	}
	b := webtest.Start(t, webtest.Options{})
	t.Run("anonymous", func(t *testing.T) { testAnonymous(t, b) })
	t.Run("named and later", func(t *testing.T) { testNamedAndLater(t, b) })
	t.Run("editor", func(t *testing.T) { testEditor(t, b) })
}

// logIn makes the browser an official's.
func (l *pollster) logIn(p *webtest.Page, h *servicetest.Holder, more ...service.Grant) {
	l.Helper()
	account := l.w.Account("Вигадана Особа", append(more, service.Grant{Role: service.Holder, Body: h.Body.EDRPOU, Entitlement: h.Entitlement})...)
	at, err := url.Parse(l.w.URL)
	if err != nil {
		l.Fatal(err)
	}
	p.Open(l.w.URL + "/")
	for _, c := range l.w.LogIn(account, false).Jar.Cookies(at) {
		webtest.Eval[bool](p, fmt.Sprintf(`(document.cookie = %q, true)`, c.Name+"="+c.Value+"; path=/"))
	}
}

// testAnonymous: an official answers an anonymous survey in a browser, by keyboard, over a network that fails at every
// step; the list of all answers holds and has this one; a second answer and a forged ballot are refused.
func testAnonymous(t *testing.T, b *webtest.Browser) {
	l := newPollster(t)
	w := l.w
	s := l.open(true, everyKind(t))
	holder := w.Ministry.Holders["issued"]
	page, check := w.URL+"/office/surveys/"+s.ID, w.URL+"/office/surveys/"+s.ID+"/check"
	p := b.Page(t)
	p.Before(network)
	p.Allow("409", "403") // the answers to a second ballot and a forged one
	l.logIn(p, holder)
	p.Open(page)
	p.Wait("the ballot's key", `/^([0-9a-f]{4} ){15}[0-9a-f]{4}$/.test(document.getElementById("fingerprint").textContent)`)
	p.Accessible("survey")
	p.Scheme("dark")
	p.Contrast("survey, dark")
	p.Scheme("light")
	p.Size(320, 640)
	if wide := p.Overflow(); wide > 0 {
		t.Errorf("survey: %d px wider than a window of 320 px: %v", wide, webtest.Eval[[]string](p, `[...document.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > 321).map(e => e.tagName + "#" + e.id + "." + e.className + " " + e.getBoundingClientRect().right)`))
	}
	p.Size(1280, 900)

	// A required question, and one that an answer shows and hides.
	p.WaitText("#progress", "1 із 3")
	p.Click("#next")
	p.WaitText("#e-place", "Дайте відповідь")
	if webtest.Eval[bool](p, `document.getElementById("q-noise").checkVisibility()`) {
		t.Error("a question is shown before its condition holds")
	}
	p.Click("#a-place-desk")
	p.WaitVisible("#q-noise")
	p.Click("#a-noise-2")
	p.WaitText("#progress", "1 із 4") // the page about noise has come
	p.Click("#a-place-away")
	p.WaitText("#progress", "1 із 3")
	p.Click("#a-place-desk")
	p.Click("#next")

	// The second page: a choice of at most two, a ranking by keys.
	p.WaitText("#progress", "2 із 4")
	for _, id := range []string{"pc", "phone", "paper"} {
		p.Click("#a-tools-" + id)
	}
	p.Click("#next")
	p.WaitText("#e-tools", "від 1 до 2")
	p.Click("#a-tools-phone")
	webtest.Eval[bool](p, `(document.querySelector('[data-option="calm"] .moves button').focus(), true)`)
	p.Keys("\r")
	p.Keys("\r")
	order := `[...document.querySelectorAll("[data-ranking=first] li")].map(li => li.dataset.option).join()`
	p.Wait("the order", order+` === "calm,light,air"`)
	p.Wait("the focus stays", `document.activeElement.closest("li").dataset.option === "calm"`)
	p.WaitText("#live", "місце 1 із 3")
	p.Accessible("survey, ranking")

	// The draft is there after the page was closed, on this device and nowhere else.
	p.Wait("the draft", `import("/static/office/ballot.js").then(b => b.draft(document.getElementById("survey").dataset.member, "`+s.ID+`")).then(d => d?.fields.length >= 7)`)
	p.Reload()
	p.WaitVisible("#draft")
	p.Click("#next")
	p.WaitText("#progress", "2 із 4")
	p.Wait("the order again", order+` === "calm,light,air"`)
	p.Click("#next")
	p.WaitText("#progress", "3 із 4")
	p.Type("#a-why", hostile)
	p.Click("#next")
	p.Type("#a-years", "61\r") // Enter sends, and what is wrong is told
	p.WaitText("#e-years", "від 0 до 60")
	p.Set("#a-years", "17")
	p.WaitVisible("#when")

	// The network fails before the ballot is signed, after it was signed, before it is sent, and after it was taken.
	p.Allow("cut", "lost")
	cut := func(what, path string) {
		webtest.Eval[bool](p, fmt.Sprintf(`(sessionStorage.clear(), %q && sessionStorage.setItem(%q, %q), true)`, what, what, path))
	}
	cut("cut", "/token")
	p.Click("#send")
	p.WaitText("#form-wrong", "Немає звʼязку")
	cut("lose", "/token")
	p.Click("#send")
	p.Wait("asked twice", `asked.filter(a => a[0] === "token").length === 2 && !document.getElementById("send").disabled`)
	standing := func() office.Standing {
		who, err := l.p.surveyPerson(t.Context(), s.ID, seatOf(holder))
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.p.surveys.Standing(t.Context(), s.ID, who)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if !standing().Served {
		t.Error("the answer was lost before the ballot was signed")
	}
	p.Reload() // all that is left is what the browser keeps
	p.WaitVisible("#survey")
	for range 3 {
		p.Click("#next")
	}
	cut("cut", "/ballots")
	p.Wait("ready", `!document.getElementById("send").disabled`)
	p.Click("#send")
	p.WaitText("#ballot", "чекає на цьому пристрої")
	cut("lose", "/ballots")
	p.Click("#send-now")
	p.Wait("asked again", `asked.filter(a => a[0] === "ballots").length === 2 && !!document.getElementById("send-now") && !document.getElementById("send-now").disabled`)
	received := func() int {
		n, err := l.p.box.Received(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := received(); n != 1 {
		t.Errorf("%d ballots, want 1", n)
	}
	cut("", "")
	p.Click("#send-now")
	p.WaitText("#ballot-state", "Відповідь прийнято")
	if n := received(); n != 1 {
		t.Errorf("%d ballots after it was sent again, want 1", n)
	}
	p.Accessible("survey, sent")
	requests := webtest.Eval[[][]string](p, `asked`)
	var ballot map[string]any
	for _, r := range requests {
		switch r[0] {
		case "ballots":
			if r[1] != "omit" || r[2] != "no-referrer" {
				t.Errorf("a ballot was sent with %v", r[1:3])
			}
			if err := json.Unmarshal([]byte(r[3]), &ballot); err != nil {
				t.Fatal(err)
			}
		case "descriptor":
			if r[1] != "omit" {
				t.Errorf("the key was asked for with %v", r[1])
			}
		}
	}
	given := ballot["answer"].(map[string]any)
	if fmt.Sprintf("%v %v %v %v %v", given["first"], given["tools"], given["place"], given["noise"], given["years"]) != "[calm light air] [pc paper] desk 2 17" || given["why"] != hostile {
		t.Errorf("the answer that left: %v", given)
	}
	// What could join the two halves is nowhere in the browser, and the name neither.
	kept := webtest.Eval[string](p, `import("/static/office/ballot.js").then(b => b.ballots()).then(all => JSON.stringify(all.map(b => Object.keys(b).sort())) + JSON.stringify(localStorage))`)
	if kept != `[["answer","definitionHash","fingerprint","key","member","secret","stage","survey","title"]]{}` {
		t.Errorf("the browser keeps %s", kept)
	}

	// A second answer: by the same page after its data was erased, and by hand with the same token.
	secret := webtest.Eval[string](p, `document.getElementById("secret").textContent`)
	kept = webtest.Eval[string](p, `import("/static/office/ballot.js").then(b => b.ballots()).then(([b]) => (globalThis.saved = b, JSON.stringify({...b, secret: [...b.secret], fingerprint: null})))`)
	again := func(change func(map[string]any)) (int, string) {
		b := map[string]any{}
		for k, v := range ballot {
			b[k] = v
		}
		change(b)
		body, _ := json.Marshal(b)
		status, _, answer := w.Do(w.Client(), "POST", "/api/v1/office/surveys/"+s.ID+"/ballots", bytes.NewReader(body), "Content-Type", "application/json")
		if status == 200 {
			return status, ""
		}
		return status, problemCode(t, answer)
	}
	if status, _ := again(func(map[string]any) {}); status != 200 {
		t.Errorf("the same ballot again: %d", status)
	}
	if status, code := again(func(b map[string]any) { b["answer"] = map[string]any{"place": "away"} }); status != 409 || code != "ballot-counted" {
		t.Errorf("a second answer with one token: %d %s", status, code)
	}
	if status, code := again(func(b map[string]any) { b["secret"] = strings.Repeat("A", 43) }); status != 403 || code != "ballot-forged" {
		t.Errorf("a forged token: %d %s", status, code)
	}
	record := webtest.Eval[bool](p, `Promise.all([import("/static/office/ballot.js")]).then(async ([b]) => {
	  const db = await new Promise((ok, no) => { const r = indexedDB.open("posvid-office"); r.onsuccess = () => ok(r.result); r.onerror = no; });
	  await b.dropBallot(saved.member, saved.survey); db.close(); return true; })`)
	p.Reload()
	p.WaitText("#served", "уже видано")
	// Its form, brought back by hand, gets no second signature.
	refused := webtest.Eval[string](p, `import("/static/office/ballot.js").then(async b => {
	  const d = await b.descriptor("`+s.ID+`");
	  try { await b.sign(await b.write("another", d, {place: "away"}, 0)); return "signed"; } catch (e) { return e.code; } })`)
	if !record || refused != "survey-served" || received() != 1 {
		t.Errorf("a second ballot: %q, %d received", refused, received())
	}

	// Four others answer, and the survey closes.
	for i, person := range []string{"second", "suspended", "slip", "enrolled"} {
		l.vote(s, person, office.Answer{"place": "desk", "noise": int64(2), "years": int64(17 + i), "tools": []string{"pc", "paper"}})
	}
	p.Open(check)
	p.WaitVisible("#not-closed")
	if err := l.p.closeSurvey(t.Context(), s.ID, w.Now()); err != nil {
		t.Fatal(err)
	}
	p.Open(w.URL + "/office/surveys/" + s.ID)
	p.WaitVisible("#closed")

	// The own answer is found by the code, on any device; with what this browser kept it is compared too.
	p.Open(check)
	p.WaitText("#list-state", "Перелік сходиться: 5")
	p.Set("#code", "це не код")
	p.Click("#by-code button")
	p.WaitText("#own-state", "Це не код")
	p.Set("#code", strings.Repeat("A", 43))
	p.Click("#by-code button")
	p.WaitText("#own-state", "немає")
	p.Set("#code", secret)
	p.Click("#by-code button")
	p.WaitText("#own-state", "Вашу відповідь враховано")
	p.WaitText("#own", "за столом")
	p.Accessible("check")
	p.Size(320, 640)
	if wide := p.Overflow(); wide > 0 {
		t.Errorf("check: %d px wider than a window of 320 px", wide)
	}
	p.Size(1280, 900)

	// With what this browser keeps of its ballot the list is compared too: answer, key and questions.
	for what, want := range map[string]string{`{}`: "Вашу відповідь враховано", `{answer: {...saved.answer, place: "away"}}`: "відповідь у ньому не ваша", `{key: "another"}`: "ключ або питання не ті",
		`{definitionHash: "another"}`: "ключ або питання не ті", `{secret: new Uint8Array(32)}`: "немає"} {
		webtest.Eval[bool](p, `new Promise((ok, no) => { const r = indexedDB.open("posvid-office"); r.onerror = no; r.onsuccess = () => {
		  const saved = `+kept+`; saved.secret = Uint8Array.from(saved.secret);
		  const tx = r.result.transaction("ballots", "readwrite"); tx.objectStore("ballots").put({ ...saved, ...`+what+` }); tx.oncomplete = () => { r.result.close(); ok(true); }; tx.onabort = no; }; })`)
		p.Reload()
		p.WaitText("#own-state", want)
	}
	// A colleague at the same device, logged in or not, is not shown whose answer was what.
	l.logIn(p, w.Ministry.Holders["second"])
	p.Open(check)
	p.WaitVisible("#not-shown")
	if webtest.Eval[bool](p, `!!document.getElementById("own-state")`) || strings.Contains(webtest.Eval[string](p, `document.getElementById("own").textContent`), "за столом") {
		t.Error("one person's answer is shown to another in the same browser")
	}
	l.logIn(p, w.Ministry.Holders["issued"])
	p.Open(check)
	p.WaitVisible("#own-state")
	p.Click("#erase")
	p.Wait("erased", `document.getElementById("own").childElementCount === 0`)

	// Whatever is changed in the list, the browser sees it.
	ballotJSON, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	findings := webtest.Eval[map[string]string](p, `import("/static/office/ballot.js").then(async b => {
	  const secret = b.bytes64("`+secret+`", 32), answer = `+string(ballotJSON)+`;
	  const fresh = await (await fetch("/api/v1/office/surveys/`+s.ID+`/recount")).text();
	  const list = await b.recount("`+s.ID+`");
	  const own = await b.entryOf(secret, "place", "");
	  const out = {};
	  const look = async (name, change) => {
	    const l = { ...list, ...JSON.parse(fresh), publicKey: list.publicKey, questions: list.questions };
	    change(l);
	    const c = await b.count(l), f = await b.find(l, secret, answer);
	    out[name] = c.wrong.sort().join() + "/" + f.counted + "/" + f.same;
	  };
	  const place = (l) => l.entries.find((e) => e.question === "place").list;
	  const nonce = b.text64(await b.nonceOf(secret));
	  await look("as it is", () => {});
	  await look("own value changed", (l) => (place(l).find(([id]) => id === own)[1] = "away"));
	  const years = (l) => l.entries.find((e) => e.question === "years").list;
	  const ownYears = await b.entryOf(secret, "years", "");
	  await look("own range changed", (l) => (years(l).find(([id]) => id === ownYears)[1] = "21..27"));
	  await look("own range is text", (l) => (years(l).find(([id]) => id === ownYears)[1] = "..17.."));
	  await look("own value hidden", (l) => (place(l).find(([id]) => id === own)[1] = null));
	  await look("every value hidden", (l) => place(l).forEach((e) => (e[1] = null)));
	  out["name of what objects have"] = b.valueOf({ id: "constructor", kind: "text" }, "", {});
	  await look("own entry gone", (l) => place(l).splice(place(l).findIndex(([id]) => id === own), 1));
	  await look("own token gone", (l) => l.tokens.splice(l.tokens.findIndex((t) => t.nonce === nonce), 1));
	  await look("a token twice", (l) => l.tokens.push(l.tokens.at(-1)));
	  await look("a token of nobody", (l) => { l.tokens[0] = { ...l.tokens[0], signature: l.tokens[1].signature }; });
	  await look("a made-up number", (l) => (l.received = 6));
	  await look("more given out than asked", (l) => (l.eligible = 4));
	  await look("nothing shown", (l) => { l.k = 100; l.entries = []; });
	  await look("fewer given out", (l) => (l.issued = 4));
	  await look("another survey", (l) => (l.id = "another"));
	  return out;
	})`)
	for name, want := range map[string]string{"as it is": "/true/true", "own value changed": "/true/false", "own range changed": "/true/false", "own range is text": "/true/false", "own value hidden": "/true/false", "every value hidden": "/true/true", "name of what objects have": "", "own entry gone": "entries/true/false", "own token gone": "received/false/false",
		"a token twice": "received,twice/true/true", "a token of nobody": "forged/true/true", "a made-up number": "entries,issued,received/true/true", "more given out than asked": "issued/true/true", "nothing shown": "entries/true/false", "fewer given out": "issued/true/true",
		"another survey": "forged/true/true"} {
		if findings[name] != want {
			t.Errorf("%s: %q, want %q", name, findings[name], want)
		}
	}
	if got := webtest.Eval[string](p, `document.title`); strings.Contains(got, "xss") {
		t.Error("a text became a program")
	}
	// What came with the ballots is in no log.
	for _, never := range []string{secret, "onerror", nonceText(t, secret)} {
		if strings.Contains(w.Logs.String(), never) {
			t.Errorf("the log has %q", never)
		}
	}
}

// testNamedAndLater: a named survey with its draft, two people in one browser, and a ballot that leaves later.
func testNamedAndLater(t *testing.T, b *webtest.Browser) {
	l := newPollster(t)
	w := l.w
	named, anonymous := l.open(false, everyKind(t)), l.open(true, everyKind(t))
	p := b.Page(t)
	// Minutes pass at once: what waits for a random moment does not hold up the test.
	p.Before(`(() => { const real = setTimeout; globalThis.setTimeout = (f, ms, ...a) => real(f, ms > 1000 && ms <= 15000 ? 1 : ms, ...a); })()`)
	l.logIn(p, w.Ministry.Holders["issued"])
	p.Open(w.URL + "/office/surveys/" + named.ID + "?lang=en")
	p.WaitText("#progress", "Page 1 of 3")
	p.WaitText("h1", "EN Умови праці")
	p.TabsThrough("named survey")
	p.Click("#a-place-away")
	p.Click("#next")
	p.Click("#q-first button.quiet:not([aria-label])") // this order
	p.Click("#next")
	p.Type("#a-years", "9")
	p.Wait("the draft", `import("/static/office/ballot.js").then(b => b.draft(document.getElementById("survey").dataset.member, "`+named.ID+`")).then(d => d?.fields.some(([n, v]) => n === "a.years" && v === "9"))`)
	p.Click("#send")
	p.WaitVisible("#answered")
	answers, err := l.p.surveys.Answers(t.Context(), named.ID)
	if err != nil || len(answers) != 1 {
		t.Fatalf("%d answers: %v", len(answers), err)
	}
	if got, err := answers[0].Answer.JSON(); err != nil || string(got) != `{"first":["light","air","calm"],"place":"away","years":9}` {
		t.Errorf("answer %s: %v", got, err)
	}
	p.Wait("the page", `document.getElementById("a-place-away").checked && !document.getElementById("next").hidden`)
	if left := webtest.Eval[bool](p, `import("/static/office/ballot.js").then(b => b.draft(document.getElementById("survey").dataset.member, "`+named.ID+`")).then(d => !!d)`); left {
		t.Error("the draft of an answer that was taken stays on the device")
	}

	// What is changed after that is a draft again, over the answer that the service has, until it is dropped.
	p.Click("#a-place-desk")
	p.Click("#a-noise-3")
	p.Click(`[data-unset="noise"]`)
	p.Wait("the second draft", `import("/static/office/ballot.js").then(b => b.draft(document.getElementById("survey").dataset.member, "`+named.ID+`")).then(d => d?.fields.some(([n, v]) => n === "a.place" && v === "desk") && !d.fields.some(([n]) => n === "a.noise"))`)
	p.Reload()
	p.WaitVisible("#draft")
	if !webtest.Eval[bool](p, `document.getElementById("a-place-desk").checked && !document.querySelector("[name='a.noise']:checked")`) {
		t.Error("the draft did not come back as it was")
	}
	p.Click("#drop-draft")
	p.Wait("the service's answer", `document.getElementById("a-place-away").checked && !document.getElementById("draft").checkVisibility()`)

	// A ballot for later: signed now, on this device until its time.
	p.Open(w.URL + "/office/surveys/" + anonymous.ID + "?lang=uk")
	p.Click("#a-place-away")
	p.Click("#next")
	p.Click("#next")
	// The page was open until shortly before the end: later would be too late.
	ends := webtest.Eval[string](p, `(() => { const f = document.getElementById("survey"), was = f.dataset.closes; f.dataset.closes = String(Date.now() + 66 * 60000); return was; })()`)
	p.Click("#when-later")
	p.Click("#send")
	p.WaitText("#form-wrong", "надіслати пізніше вже не можна")
	if webtest.Eval[bool](p, `document.getElementById("when-later").checked`) || webtest.Eval[int](p, `import("/static/office/ballot.js").then(b => b.ballots()).then(all => all.length)`) != 0 {
		t.Error("a ballot waits for a time after the end")
	}
	webtest.Eval[bool](p, `(() => { document.getElementById("survey").dataset.closes = "`+ends+`"; document.getElementById("when-later").disabled = false; return true; })()`)
	p.Click("#when-later")
	p.Click("#send")
	p.WaitText("#ballot-state", "чекає на цьому пристрої")
	p.Accessible("survey, waits")
	received := func() int {
		n, err := l.p.box.Received(t.Context(), anonymous.ID)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	due := webtest.Eval[float64](p, `import("/static/office/ballot.js").then(b => b.ballots()).then(all => (all.at(-1).due - Date.now()) / 60000)`)
	if due < 9 || due > 6*60 || received() != 0 {
		t.Errorf("due in %.0f minutes, %d received", due, received())
	}
	// Another person in the same browser sees nothing of it, and has a ballot of his own.
	l.logIn(p, w.Ministry.Holders["second"])
	p.Open(w.URL + "/office/surveys/" + anonymous.ID)
	p.WaitVisible("#survey")
	if webtest.Eval[bool](p, `document.getElementById("ballot").checkVisibility() || document.getElementById("draft").checkVisibility()`) || webtest.Eval[bool](p, `document.getElementById("a-place-away").checked`) {
		t.Error("one person's answer is shown to another in the same browser")
	}
	// Before its time it stays, on any page; after it, the first page of the office has it leave, whoever is logged in.
	p.Before(webtest.ShiftClock(6*time.Hour + time.Minute))
	p.Open(w.URL + "/office/")
	p.Wait("the ballot left", `import("/static/office/ballot.js").then(b => b.ballots()).then(all => all.length === 1 && all[0].stage === "sent")`)
	if n := received(); n != 1 {
		t.Errorf("%d ballots, want 1", n)
	}
	l.logIn(p, w.Ministry.Holders["issued"])
	p.Open(w.URL + "/office/surveys/" + anonymous.ID)
	p.WaitText("#ballot-state", "Відповідь прийнято")
	p.Click("#erase")
	p.WaitVisible("#erased")
	if n := webtest.Eval[int](p, `import("/static/office/ballot.js").then(b => b.ballots()).then(all => all.length)`); n != 0 {
		t.Errorf("%d ballots after they were erased", n)
	}
}

// testEditor: an editor makes a survey by the form, with the fields of each kind of question, and opens it; a hostile draft and
// hostile results stay texts.
func testEditor(t *testing.T, b *webtest.Browser) {
	l := newPollster(t)
	w := l.w
	p := b.Page(t)
	l.logIn(p, w.Ministry.Holders["issued"], service.Grant{Role: service.OfficeEditor, Body: w.Ministry.EDRPOU})
	base := w.URL + "/b/" + w.Ministry.EDRPOU + "/office/surveys"
	p.Open(base + "/new")
	p.Set("#title-uk", "Чергування")
	p.Click("#mode-named")
	p.Set("#q0-uk", "Коли вам зручно")
	for kind, fields := range map[string][2]string{"scale": {"min low", "options length"}, "text": {"length", "options min"}, "number": {"min max", "options low"}, "ranking": {"options", "min length"}} {
		webtest.Eval[bool](p, fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })(document.getElementById("q0-kind"))`, kind))
		webtest.Eval[bool](p, `(document.querySelector("#q0 details").open = true)`)
		for i, want := range []bool{true, false} {
			for _, name := range strings.Fields(fields[i]) {
				if got := webtest.Eval[bool](p, fmt.Sprintf(`document.getElementById("q0-%s").checkVisibility()`, name)); got != want {
					t.Errorf("%s: the field %s is shown: %t", kind, name, got)
				}
			}
		}
	}
	webtest.Eval[bool](p, `(e => { e.value = "one"; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })(document.getElementById("q0-kind"))`)
	p.Type("#q0-options", "Вранці | In the morning\nУвечері")
	p.Accessible("survey editor")
	p.Click("#save")
	p.WaitVisible("#saved")
	p.Click("#open-send")
	p.WaitVisible("#received")
	link := webtest.Eval[string](p, `document.querySelector('a[href^="/office/surveys/"]:not([href$="surveys"])').href`)
	p.Open(link + "?lang=en")
	p.WaitText("#survey", "In the morning")
	p.WaitVisible("#named")

	// What is hostile stays a text where it is edited, listed, and counted.
	if _, err := l.p.surveys.Draft(t.Context(), w.Ministry.EDRPOU, false, everyKind(t), []office.Audience{{Body: w.Ministry.EDRPOU}}, w.Now()); err != nil {
		t.Fatal(err)
	}
	s := l.open(true, everyKind(t))
	for i, person := range []string{"issued", "second", "suspended", "slip", "enrolled"} {
		l.vote(s, person, office.Answer{"place": "desk", "noise": int64(2), "why": hostile, "years": int64(i)})
	}
	p.Open(w.URL + "/office/surveys?lang=uk")
	p.WaitText("main", "Умови праці")
	if err := l.p.closeSurvey(t.Context(), s.ID, w.Now()); err != nil {
		t.Fatal(err)
	}
	p.Open(w.URL + "/office/surveys/" + s.ID + "/results")
	p.WaitText("main", "Умови праці")
	p.Accessible("results")
	p.Open(base)
	draft := webtest.Eval[string](p, `[...document.querySelectorAll('main a')].map(a => a.href).filter(h => !h.includes("`+s.ID+`") && /[0-9a-z]{26}$/.test(h)).pop() ?? ""`)
	p.Open(draft)
	p.WaitVisible("main h1")
	if got := webtest.Eval[string](p, `document.title + [...document.images].length + [...document.querySelectorAll("script:not([src])")].length`); strings.Contains(got, "xss") && !strings.Contains(got, "onerror") || !strings.HasSuffix(got, "00") {
		t.Errorf("a text became HTML: %s", got)
	}
}

// nonceText is the public number of a ballot as the list has it.
func nonceText(t *testing.T, secret string) string {
	t.Helper()
	raw, err := base64url.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	nonce := office.BallotNonce(raw)
	return base64url.EncodeToString(nonce[:])
}
