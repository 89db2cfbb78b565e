package holder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

type codeAnswer struct {
	ID, Link, Digits, Bars string
	TimerText              string    `json:"timer_text"`
	TimerTime              int       `json:"timer_time"`
	ExpiresAt              time.Time `json:"expires_at"`
	Time                   int64
}

type checkAnswer struct {
	Valid   bool
	Verdict string
	Code    string
	Text    string
	AsOf    time.Time `json:"as_of"`
	Check   int64
	Holder  *struct {
		Number, Name, Position, Unit, EDRPOU, Body string
		PhotoHash                                  string `json:"photo_sha256"`
		Portrait                                   []byte
	}
}

func madeCode(t testing.TB, w *servicetest.World, h *servicetest.Holder) codeAnswer {
	t.Helper()
	var c codeAnswer
	signed(t, w, h.Key, of(h.Body, "/wallet/online-codes"), map[string]any{"number": h.Number}).into(t, &c)
	return c
}

func checked(t testing.TB, w *servicetest.World, c *http.Client, in map[string]any) checkAnswer {
	t.Helper()
	var a checkAnswer
	post(t, w, c, "/api/v1/online/check", in).into(t, &a)
	return a
}

// guard is an account that checks people; it is of the council, so that it is not of the body whose IDs it checks.
func guard(w *servicetest.World) *http.Client {
	return w.As(service.Principal{Kind: service.Account, Account: 5, Name: "Вартовий Вигаданий", Grants: []service.Grant{{Role: service.CheckpointOperator, Body: w.Council.EDRPOU}}})
}

func TestOnlineCode(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	c := madeCode(t, w, h)
	if !strings.HasPrefix(c.Link, "https://"+h.Body.Online.Host()+"/documents/official-certificate/"+c.ID+"/verify/") || len(c.Digits) != 13 || len(c.Bars) != 95 ||
		c.TimerText != "Код діятиме ще" || c.TimerTime != 180 || c.ExpiresAt.Sub(w.Now()) != 180*time.Second || c.Time != w.Now().Unix() {
		t.Errorf("%+v", c)
	}
	var en codeAnswer
	signed(t, w, h.Key, of(h.Body, "/wallet/online-codes")+"?lang=en", map[string]any{"number": h.Number}).into(t, &en)
	if en.TimerText != "The code will expire in" || en.Link == c.Link || en.Digits == c.Digits || en.ID == c.ID {
		t.Errorf("%+v", en)
	}
	for range 8 {
		madeCode(t, w, h)
	}
	if a := signed(t, w, h.Key, of(h.Body, "/wallet/online-codes"), map[string]any{"number": h.Number}); a.code() != "online-many" || a.Status != 429 {
		t.Errorf("the eleventh: %d %s", a.Status, a.Raw)
	}
	revoked := w.Ministry.Holders["revoked"]
	if a := signed(t, w, revoked.Key, of(h.Body, "/wallet/online-codes"), map[string]any{"number": revoked.Number}); a.code() != "not-issued" {
		t.Errorf("of a revoked ID: %d %s", a.Status, a.Raw)
	}
}

func TestCheck(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	full := map[string]any{"mode": "full", "place": "Прохідна"}
	with := func(code string, in map[string]any) map[string]any {
		out := map[string]any{"code": code}
		for k, v := range in {
			out[k] = v
		}
		return out
	}
	// Nobody known: yes or no, once.
	c := madeCode(t, w, h)
	if a := checked(t, w, w.Client(), with(c.Link, nil)); !a.Valid || a.Verdict != "accept" || a.Code != "ok" || a.Holder != nil || a.Check != 0 || a.Text != "посвідчення чинне" {
		t.Errorf("public: %+v", a)
	}
	if a := checked(t, w, w.Client(), with(c.Link, nil)); a.Valid || a.Code != "online-not-confirmed" || a.Verdict != "cannot-confirm" {
		t.Errorf("public, used: %+v", a)
	}
	// An operator sees the person, and is told each cause apart.
	c = madeCode(t, w, h)
	a := checked(t, w, guard(w), with(c.Digits[:1]+" "+c.Digits[1:7]+"-"+c.Digits[7:], full))
	if !a.Valid || a.Holder == nil || a.Holder.Number != h.Number || a.Holder.Name != h.Name || a.Holder.EDRPOU != h.Body.EDRPOU || a.Check == 0 {
		t.Fatalf("operator: %+v", a)
	}
	if sum := sha256.Sum256(a.Holder.Portrait); a.Holder.PhotoHash != hex.EncodeToString(h.PhotoHash[:]) || hex.EncodeToString(sum[:20]) != a.Holder.PhotoHash {
		t.Errorf("portrait: %s, %x", a.Holder.PhotoHash, sum[:20])
	}
	if a := checked(t, w, guard(w), with(c.Link, full)); a.Code != "online-used" || a.Holder != nil {
		t.Errorf("operator, used: %+v", a)
	}
	old := madeCode(t, w, h)
	c = madeCode(t, w, h)
	if a := checked(t, w, guard(w), with(old.Link, full)); a.Code != "online-expired" {
		t.Errorf("operator, replaced: %+v", a)
	}
	w.Advance(180 * time.Second)
	if a := checked(t, w, guard(w), with(c.Link, full)); a.Code != "online-expired" {
		t.Errorf("operator, expired: %+v", a)
	}
	c = madeCode(t, w, h)
	if a := checked(t, w, guard(w), with(strings.Replace(c.Link, "official-certificate", "driver-license", 1), full)); a.Code != "online-wrong-type" {
		t.Errorf("operator, wrong type: %+v", a)
	}
	if a := checked(t, w, guard(w), with("4006381333931", full)); a.Code != "online-unknown" {
		t.Errorf("operator, unknown: %+v", a)
	}
	// Validate only says nothing about the person, to an operator either.
	if a := checked(t, w, guard(w), with(c.Link, map[string]any{"place": "Прохідна"})); !a.Valid || a.Holder != nil {
		t.Errorf("operator, validate: %+v", a)
	}
	// A device in the bundle; its own name stands in for the place.
	c = madeCode(t, w, h)
	b := byDevice(t, w, w.Verifier, of(h.Body, "/online/check"), with(c.Link, map[string]any{"mode": "full"}))
	a = checkAnswer{}
	if b.into(t, &a); !a.Valid || a.Holder == nil || a.Holder.Name != h.Name {
		t.Errorf("device: %+v", a)
	}
	// A suspended person: a verifier is told so, everybody else the one negative answer.
	for _, public := range []bool{true, false} {
		s := w.Ministry.Holders["second"]
		if !public {
			s = h
		}
		c := madeCode(t, w, s)
		if _, err := w.Ministry.Body.Register.StopByCode(t.Context(), s.Stop, w.Now()); err != nil {
			t.Fatal(err)
		}
		client, want := guard(w), "online-suspended"
		if public {
			client, want = w.Client(), "online-not-confirmed"
		}
		if a := checked(t, w, client, with(c.Link, map[string]any{"mode": map[bool]string{true: "validate", false: "full"}[public], "place": "Прохідна"})); a.Valid || a.Code != want || a.Holder != nil {
			t.Errorf("suspended, public %v: %+v", public, a)
		}
	}
}

func TestCheckRefused(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	c := madeCode(t, w, h)
	auditor := w.As(w.Role(service.Auditor, w.Ministry))
	for _, one := range []struct {
		name   string
		client *http.Client
		path   string
		in     any
		status int
		code   string
	}{
		{"full, nobody known", w.Client(), "/api/v1/online/check", map[string]any{"code": c.Link, "mode": "full", "place": "Прохідна"}, 403, "online-verifier"},
		{"full, another role", auditor, "/api/v1/online/check", map[string]any{"code": c.Link, "mode": "full", "place": "Прохідна"}, 403, "online-verifier"},
		{"operator without a place", guard(w), "/api/v1/online/check", map[string]any{"code": c.Link}, 403, "online-verifier"},
		{"operator with a blank place", guard(w), "/api/v1/online/check", map[string]any{"code": c.Link, "place": "  "}, 403, "online-verifier"},
		{"operator with a line end in the place", guard(w), "/api/v1/online/check", map[string]any{"code": c.Link, "place": "а\nб"}, 403, "online-verifier"},
		{"no code", w.Client(), "/api/v1/online/check", map[string]any{"code": ""}, 422, "invalid"},
		{"a name", w.Client(), "/api/v1/online/check", map[string]any{"code": "Іваненко"}, 422, "online-text"},
		{"a check digit", w.Client(), "/api/v1/online/check", map[string]any{"code": "4006381333930"}, 422, "online-text"},
		{"a link of another host", w.Client(), "/api/v1/online/check", map[string]any{"code": strings.Replace(c.Link, "localhost", "example.com", 1)}, 422, "online-text"},
		{"a link with a query", w.Client(), "/api/v1/online/check", map[string]any{"code": c.Link + "?a"}, 422, "online-text"},
		{"a mode that is none", w.Client(), "/api/v1/online/check", map[string]any{"code": c.Link, "mode": "all"}, 422, "invalid"},
		{"unknown body", w.Client(), "/api/v1/bodies/12345678/online/check", map[string]any{"code": c.Link}, 404, "unknown-body"},
	} {
		if a := post(t, w, one.client, one.path, one.in); a.Status != one.status || a.code() != one.code {
			t.Errorf("%s: %d %s, want %d %s", one.name, a.Status, a.Raw, one.status, one.code)
		}
	}
	// None of it used the code up.
	if a := checked(t, w, w.Client(), map[string]any{"code": c.Link}); !a.Valid {
		t.Errorf("after the refusals: %+v", a)
	}
}

// TestLongNames has a body with a name longer than the list of checks holds.
func TestLongNames(t *testing.T) {
	long := strings.Repeat("Департамент ", 30)
	w := started(t, func(c *service.Config) { c.Bodies[1].Name = long })
	h := w.Ministry.Holders["issued"]
	if a := checked(t, w, guard(w), map[string]any{"code": madeCode(t, w, h).Link, "place": strings.Repeat("ї", 100)}); !a.Valid {
		t.Errorf("%+v", a)
	}
	lines, err := w.Ministry.Body.Online.Checks(t.Context(), h.Row, 0, 1)
	if err != nil || len(lines) != 1 || !strings.HasSuffix(lines[0].By.Body, "…") || !strings.HasPrefix(long, strings.TrimSuffix(lines[0].By.Body, "…")) || len(lines[0].By.Body) < 190 {
		t.Errorf("%+v, %v", lines, err)
	}
	for in, want := range map[string]int{"": 0, strings.Repeat("x", 200): 200, strings.Repeat("x", 201): 200, strings.Repeat("ї", 101): 199, strings.Repeat("𝒳", 60): 199, "\xff" + strings.Repeat("x", 300): len("…")} {
		if got := clip(in); len(got) != want {
			t.Errorf("%d bytes: %d, want %d", len(in), len(got), want)
		}
	}
}

// TestCheckAmongBodies finds the body by link and by digits, and asks no other.
func TestCheckAmongBodies(t *testing.T) {
	w := started(t)
	for _, h := range []*servicetest.Holder{w.Ministry.Holders["second"], w.Council.Holders["second"]} {
		other := map[bool]*servicetest.Body{true: w.Council, false: w.Ministry}[h.Body == w.Ministry]
		for _, digits := range []bool{false, true} {
			c := madeCode(t, w, h)
			code := c.Link
			if digits {
				code = c.Digits
			}
			var wrong checkAnswer
			post(t, w, guard(w), of(other, "/online/check"), map[string]any{"code": code, "place": "Прохідна"}).into(t, &wrong)
			if wrong.Code != "online-unknown" {
				t.Errorf("at the other body: %+v", wrong)
			}
			if a := checked(t, w, guard(w), map[string]any{"code": code, "mode": "full", "place": "Прохідна"}); !a.Valid || a.Holder == nil || a.Holder.EDRPOU != h.Body.EDRPOU {
				t.Errorf("digits %v: %+v", digits, a)
			}
		}
	}
}

// TestCheckAmongLimits shows that two bodies give no more guesses than one.
func TestCheckAmongLimits(t *testing.T) {
	w := started(t, func(c *service.Config) { c.Limits.TriesPerHour = 1000 })
	h := w.Council.Holders["issued"]
	c := madeCode(t, w, h)
	for i := range issuer.OnlineVerifierTries {
		if a := checked(t, w, guard(w), map[string]any{"code": "4006381333931", "place": "Прохідна"}); a.Code != "online-unknown" {
			t.Fatalf("guess %d: %+v", i, a)
		}
	}
	for _, code := range []string{"4006381333931", c.Digits} {
		if a := checked(t, w, guard(w), map[string]any{"code": code, "place": "Прохідна"}); a.Code != "online-limited" {
			t.Errorf("at the limit: %+v", a)
		}
	}
	for i := range issuer.OnlineSourceTries + 1 {
		if a := checked(t, w, w.Client(), map[string]any{"code": "4006381333931"}); a.Code != "online-not-confirmed" {
			t.Fatalf("public guess %d: %+v", i, a)
		}
	}
	if a := checked(t, w, w.Client(), map[string]any{"code": c.Digits}); a.Valid {
		t.Errorf("public, at the limit, right digits: %+v", a)
	}
	// Links are not touched by any flood of digits.
	if a := checked(t, w, guard(w), map[string]any{"code": c.Link, "place": "Прохідна"}); !a.Valid {
		t.Errorf("link: %+v", a)
	}
}

func TestChecksOfHolder(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	for i := range 5 {
		c := madeCode(t, w, h)
		switch i {
		case 0, 4:
			checked(t, w, w.Client(), map[string]any{"code": c.Link})
		case 1:
			checked(t, w, guard(w), map[string]any{"code": c.Digits, "mode": "full", "place": "Прохідна <b>"})
		case 2:
			byDevice(t, w, w.Verifier, "/api/v1/online/check", map[string]any{"code": c.Link})
		case 3:
			byDevice(t, w, w.Verifier, "/api/v1/online/check", map[string]any{"code": c.Link, "place": "Брама"})
		}
		w.Advance(time.Minute)
	}
	type line struct {
		Check                       int64
		Number, Answer, Mode, Means string
		At                          time.Time
		Verifier                    *struct{ Name, Body, EDRPOU, Place string }
	}
	w.Server.AddLooks(func(_ context.Context, edrpou string, entitlement int64, _ int) ([]service.Look, error) {
		if edrpou != w.Ministry.EDRPOU || entitlement != h.Entitlement {
			return nil, nil
		}
		return []service.Look{{At: servicetest.Began, Who: "Реєстр <i>", Kind: "документ", Answer: "чинне"}}, nil
	})
	var list struct {
		Checks  []line
		More    bool
		Systems []struct{ Who, Kind, Answer string }
	}
	path := of(w.Ministry, "/wallet/checks")
	signed(t, w, h.Key, path, map[string]any{}).into(t, &list)
	if len(list.Checks) != 5 || list.More {
		t.Fatalf("%+v", list)
	}
	for i, want := range []string{"validate link", "validate link Вхід № 1/Міністерство зразкових справ/99000011/Брама", "validate link Вхід № 1/Міністерство зразкових справ/99000011/Вхід № 1",
		"full digits Вартовий Вигаданий/Вигаданівська міська рада/99000028/Прохідна <b>", "validate link"} {
		l := list.Checks[i]
		got := l.Mode + " " + l.Means
		if l.Verifier != nil {
			got += " " + l.Verifier.Name + "/" + l.Verifier.Body + "/" + l.Verifier.EDRPOU + "/" + l.Verifier.Place
		}
		if got != want || l.Answer != "ok" || l.Number != h.Number || i > 0 && l.Check >= list.Checks[i-1].Check {
			t.Errorf("line %d: %q, want %q: %+v", i, got, want, l)
		}
	}
	if len(list.Systems) != 1 || list.Systems[0].Who != "Реєстр <i>" {
		t.Errorf("systems: %+v", list.Systems)
	}
	if _, body := page(w, holderOf(w, h), pathOf(h, "/checks")); !strings.Contains(body, "Реєстр &lt;i&gt;") {
		t.Errorf("page: %s", body)
	}
	first := list.Checks
	list.Checks, list.Systems = nil, nil
	signed(t, w, h.Key, path, map[string]any{"limit": 2, "before": first[1].Check, "number": h.Number}).into(t, &list)
	if len(list.Checks) != 2 || !list.More || list.Checks[0].Check != first[2].Check || len(list.Systems) != 0 {
		t.Errorf("a page: %+v", list)
	}
	for _, in := range []map[string]any{{"limit": 201}, {"limit": -1}, {"before": -1}, {"number": strings.Repeat("x", 65)}} {
		if a := signed(t, w, h.Key, path, in); a.Status != 422 {
			t.Errorf("%v: %d", in, a.Status)
		}
	}
}

func TestLinkPage(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	c := madeCode(t, w, h)
	path := strings.TrimPrefix(c.Link, "https://localhost")
	ask := func(client *http.Client, method, path string) (int, string) {
		status, header, body := w.Do(client, method, path, nil, "Accept", "text/html")
		if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe-inline") {
			t.Errorf("CSP %q", csp)
		}
		return status, string(body)
	}
	for range 3 { // previews
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			status, body := ask(w.Client(), method, path)
			if status != 200 || method == http.MethodGet && (!strings.Contains(body, `<form method="post" action="`+path+`">`) || strings.Contains(body, "чинне")) {
				t.Fatalf("%s: %d %s", method, status, body)
			}
		}
	}
	if status, body := ask(guard(w), http.MethodPost, path); status != 200 || !strings.Contains(body, "ЧИННЕ") || strings.Contains(body, h.Number) || strings.Contains(body, strings.Fields(h.Name)[0]) {
		t.Errorf("the button: %d %s", status, body)
	}
	for _, lang := range []string{"uk", "en"} {
		status, body := ask(w.Client(), http.MethodPost, path+"?lang="+lang)
		if word := map[string]string{"uk": "НЕ ПІДТВЕРДЖЕНО", "en": "NOT CONFIRMED"}[lang]; status != 200 || !strings.Contains(body, word) {
			t.Errorf("%s, pressed again: %d %s", lang, status, body)
		}
	}
	for _, bad := range []string{path + "x", path[:len(path)-1], strings.ToUpper(path[len(path)-36:]), "/documents/official-certificate/x/verify/y", strings.Replace(path, "official-certificate", "driver-license", 1),
		strings.Replace(path, "verify/", "verify/%3Cscript%3E", 1)} {
		if !strings.HasPrefix(bad, "/") {
			bad = path[:len(path)-36] + bad
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if status, body := ask(w.Client(), method, bad); status != 404 || strings.Contains(body, "<script>") {
				t.Errorf("%s %s: %d", method, bad, status)
			}
		}
	}
	// The holder sees that somebody unknown asked, once.
	lines, err := w.Ministry.Body.Online.Checks(t.Context(), h.Row, 0, 10)
	if err != nil || len(lines) != 1 || lines[0].By.ID != "" {
		t.Errorf("%+v, %v", lines, err)
	}
}

// TestRaces has two verifiers bring each code over HTTP at the same time, one by link and one by digits. POSVID_RACES=10000 runs
// the campaign that docs/performance.md tells of; package store races 10,000 codes in every run.
func TestRaces(t *testing.T) {
	races := 2_000
	if testing.Short() {
		races = 200
	}
	if text := os.Getenv("POSVID_RACES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 4 || n%4 != 0 {
			t.Fatalf("POSVID_RACES=%q, want a multiple of 4", text)
		}
		races = n
	}
	w := started(t)
	holders := []*servicetest.Holder{w.Ministry.Holders["issued"], w.Ministry.Holders["second"], w.Council.Holders["issued"], w.Council.Holders["second"]}
	clients := []*http.Client{guard(w), w.As(service.Principal{Kind: service.Account, Account: 6, Name: "Друга Варта", Grants: []service.Grant{{Role: service.CheckpointOperator, Body: w.Ministry.EDRPOU}}})}
	ms := func(d time.Duration, n int) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }
	var making, using time.Duration
	for done := 0; done < races; done += len(holders) {
		begin := time.Now()
		codes := make([]*issuer.OnlineCode, len(holders))
		var wait sync.WaitGroup
		for i, h := range holders {
			wait.Go(func() {
				c, err := h.Body.Online.Issue(t.Context(), h.Row, w.Now())
				if err != nil {
					t.Error(err)
				}
				codes[i] = c
			})
		}
		if wait.Wait(); t.Failed() {
			t.FailNow()
		}
		making += time.Since(begin)
		begin = time.Now()
		answers := make([][2]checkAnswer, len(codes))
		mode := "validate"
		if done%64 == 0 { // pictures are dear
			mode = "full"
		}
		for i, c := range codes {
			for side, text := range []string{c.Link(), c.Digits()} {
				wait.Go(func() {
					answers[i][side] = checked(t, w, clients[side], map[string]any{"code": text, "mode": mode, "place": "Прохідна"})
				})
			}
		}
		wait.Wait()
		using += time.Since(begin)
		for i, pair := range answers {
			won := 0
			for _, a := range pair {
				switch {
				case a.Valid && a.Code == "ok" && (mode == "full") == (a.Holder != nil) && (a.Holder == nil || a.Holder.Number == holders[i].Number):
					won++
				case a.Code != "online-used" || a.Holder != nil:
					t.Fatalf("race %d: %+v", done+i, a)
				}
			}
			if won != 1 {
				t.Fatalf("race %d: %d won: %+v", done+i, won, pair)
			}
		}
		w.Advance(19 * time.Second) // ten codes in 180 s are allowed
	}
	for _, h := range holders {
		n := 0
		for before := int64(0); ; {
			lines, err := h.Body.Online.Checks(t.Context(), h.Row, before, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if n += len(lines); len(lines) < 1000 {
				break
			}
			before = lines[len(lines)-1].Number
		}
		if n != races/len(holders) {
			t.Errorf("%d checks are listed, want %d", n, races/len(holders))
		}
	}
	t.Logf("%d races, exactly one won each; %.2f ms to make a code, %.2f ms for both answers, %s, %d cores", races, ms(making, races), ms(using, races), fmt.Sprintf("%.0f checks/s", 2*float64(races)/using.Seconds()), runtime.GOMAXPROCS(0))
}

func TestBundle(t *testing.T) {
	w := started(t)
	_, data, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	status, header, body := w.Do(w.Client(), http.MethodGet, "/api/v1/bundle", nil)
	tag := header.Get("ETag")
	if status != 200 || !bytes.Equal(body, data) || header.Get("Content-Type") != bundleType || len(tag) < 20 || header.Get("Cache-Control") != "public, no-cache" || header.Get("Content-Length") != strconv.Itoa(len(data)) {
		t.Fatalf("%d, %d bytes, %v", status, len(body), header)
	}
	for _, have := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		status, header, body := w.Do(w.Client(), http.MethodGet, "/api/v1/bundle", nil, "If-None-Match", have)
		if status != http.StatusNotModified || len(body) != 0 || header.Get("ETag") != tag {
			t.Errorf("have %s: %d, %d bytes, %v", have, status, len(body), header)
		}
	}
	if status, _, _ := w.Do(w.Client(), http.MethodGet, "/api/v1/bundle", nil, "If-None-Match", `"14-00"`); status != 200 {
		t.Errorf("another tag: %d", status)
	}
	w.Advance(time.Hour)
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, header, _ := w.Do(w.Client(), http.MethodGet, "/api/v1/bundle", nil, "If-None-Match", tag); status != 200 || header.Get("ETag") == tag {
		t.Errorf("the next bundle: %d %v", status, header)
	}
	var bodies struct {
		Service, Root string
		Bundle        uint64
		Bodies        []struct {
			EDRPOU, Name string
			OnlineHost   string `json:"online_host"`
		}
	}
	get := func(path string) answered {
		status, h, raw := w.Do(w.Client(), http.MethodGet, path, nil)
		return answered{status, h, raw}
	}
	if get("/api/v1/bodies").into(t, &bodies); bodies.Root != w.Pin.String() || bodies.Service != w.Server.Origin || len(bodies.Bodies) != 2 || bodies.Bodies[0].EDRPOU != w.Ministry.EDRPOU || bodies.Bodies[0].OnlineHost != "localhost" {
		t.Errorf("%+v", bodies)
	}
	var now struct {
		Time   int64
		Millis int64 `json:"time_ms"`
	}
	if get("/api/v1/time").into(t, &now); now.Time != w.Now().Unix() || now.Millis != w.Now().UnixMilli() {
		t.Errorf("%+v", now)
	}
	w.Trust.Forget()
	if a := get("/api/v1/bundle"); a.Status != 503 || a.code() != "no-bundle" {
		t.Errorf("without a bundle: %d %s", a.Status, a.Raw)
	}
	bodies.Root = ""
	if get("/api/v1/bodies").into(t, &bodies); bodies.Root != "" || len(bodies.Bodies) != 2 {
		t.Errorf("without a bundle: %+v", bodies)
	}
}

// TestOverload asks ten times as much at once as the service works on: what it cannot take it refuses by name, and no code is
// answered twice nor lost.
func TestOverload(t *testing.T) {
	const slots = 8
	w := started(t, func(c *service.Config) { c.Limits.InFlight = slots })
	h, client := w.Ministry.Holders["issued"], guard(w)
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	shed := 0
	for round := range rounds {
		c, err := h.Body.Online.Issue(t.Context(), h.Row, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		answers := make([]answered, 10*slots)
		var wait sync.WaitGroup
		for i := range answers {
			wait.Go(func() {
				answers[i] = post(t, w, client, "/api/v1/online/check", map[string]any{"code": c.Link(), "mode": "full", "place": "Прохідна"})
			})
		}
		wait.Wait()
		won := 0
		for _, a := range answers {
			if a.Status == http.StatusServiceUnavailable && a.code() == "overloaded" && a.Header.Get("Retry-After") != "" {
				shed++
				continue
			}
			var one checkAnswer
			a.into(t, &one)
			switch one.Code {
			case "ok":
				won++
			case "online-used":
			default:
				t.Fatalf("round %d: %+v", round, one)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d won", round, won)
		}
		w.Advance(20 * time.Second)
	}
	if shed == 0 {
		t.Error("nothing was shed")
	}
	t.Logf("%d rounds of %d questions with %d slots: %d shed", rounds, 10*slots, slots, shed)
}
