package offices

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// unitWorld is a world in which "second" serves in the unit of "issued".
func unitWorld(t *testing.T) *servicetest.World {
	t.Helper()
	w := servicetest.New(t)
	change(t, w.Ministry.Holders["second"], func(v *issuer.PostRow) { v.Record.Unit = "Відділ зразків" })
	if err := Mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()}); err != nil {
		t.Fatal(err)
	}
	w.Start()
	return w
}

// wants sends a form that must be taken, and answers where it leads.
func wants(w *servicetest.World, c *http.Client, path string, form url.Values) string {
	w.T.Helper()
	status, header, body := post(w, c, path, form)
	if status != http.StatusSeeOther {
		w.T.Fatalf("%s: %d: %.1500s", path, status, body)
	}
	return header.Get("Location")
}

// refuses sends a form that must be refused, and answers the problem's code.
func refuses(w *servicetest.World, c *http.Client, path string, form url.Values) string {
	w.T.Helper()
	_, _, body := w.Do(c, "POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json")
	return problemCode(w.T.(*testing.T), body)
}

// OPL-30: the day in Kyiv, with the days on which the clocks change.
func TestDayPage(t *testing.T) {
	w := world(t)
	me, other := w.As(official(w.Ministry.Holders["issued"])), w.As(official(w.Ministry.Holders["second"]))
	at := wants(w, me, "/office/day", url.Values{"summary": {`Нарада <script>alert(1)</script>`}, "date": {"2026-03-29"}, "from": {"03:30"}, "until": {"05:00"}, "location": {"к. 5"}})
	if at != "/office/day?date=2026-03-29&done=added" {
		t.Errorf("leads to %s", at)
	}
	_, body := shows(w, me, "/office/day?date=2026-03-29")
	for _, want := range []string{"неділя, 29.03.2026", "04:30–05:00", "Нарада &lt;script&gt;", "на годину вперед", "к. 5"} {
		if !strings.Contains(body, want) {
			t.Errorf("want %q in %s", want, body)
		}
	}
	if _, body := shows(w, other, "/office/day?date=2026-03-29"); strings.Contains(body, "Нарада") {
		t.Error("a day of another person is shown")
	}
	if _, body := shows(w, me, "/office/day?date=2026-10-25&lang=en"); !strings.Contains(body, "The clocks go back") {
		t.Error("25 October lacks its note")
	}
	wants(w, me, "/office/day", url.Values{"summary": {"Відрядження"}, "date": {"2026-11-19"}, "last": {"2026-11-20"}, "allday": {"on"}})
	for day, want := range map[string]bool{"2026-11-18": false, "2026-11-19": true, "2026-11-20": true, "2026-11-21": false} {
		if _, body := shows(w, me, "/office/day?date="+day); strings.Contains(body, "Відрядження") != want {
			t.Errorf("%s: an event of 19 and 20 November: want %v", day, want)
		}
	}
	if _, body := shows(w, me, "/office/"); !strings.Contains(body, "Відрядження") {
		t.Error("the first page lacks what is today")
	}
	for name, form := range map[string]url.Values{
		"office-plan-summary": {"summary": {" "}, "date": {"2026-11-19"}, "from": {"10:00"}, "until": {"11:00"}},
		"office-plan-time":    {"summary": {"x"}, "date": {"2026-11-19"}, "from": {"10:00"}, "until": {"09:00"}},
		"office-plan-text":    {"summary": {"x"}, "date": {"2026-11-19"}, "from": {"10:00"}, "until": {"11:00"}, "description": {strings.Repeat("я", 8001)}},
	} {
		if code := refuses(w, me, "/office/day", form); code != name {
			t.Errorf("%s: %s", name, code)
		}
	}
	for _, bad := range []url.Values{{"summary": {"x"}, "date": {"2026-02-30"}, "from": {"10:00"}, "until": {"11:00"}}, {"summary": {"x"}, "date": {"1492-01-01"}, "allday": {"on"}}, {"summary": {"x"}}} {
		if code := refuses(w, me, "/office/day", bad); code != "office-plan-time" {
			t.Errorf("%v: %s", bad, code)
		}
	}
}

// OPL-31: two writers on one event: the second sees both, and nothing of either is lost.
func TestEventTwoWriters(t *testing.T) {
	w := world(t)
	h := w.Ministry.Holders["issued"]
	me := w.As(official(h))
	form := url.Values{"summary": {"Перша"}, "date": {"2026-11-20"}, "from": {"10:00"}, "until": {"11:00"}}
	wants(w, me, "/office/day", form)
	_, body := shows(w, me, "/office/day?date=2026-11-20")
	link := strings.ReplaceAll(find(t, []byte(body), `href="(/office/event\?name=[^"]+)"`), "&amp;", "&")
	_, body = shows(w, me, link)
	form.Set("name", find(t, []byte(body), `name="name" value="([^"]+)"`))
	form.Set("etag", find(t, []byte(body), `name="etag" value="([^"]+)"`))
	stale := form.Get("etag")
	form.Set("summary", "З телефона")
	wants(w, me, "/office/event", form)
	form.Set("summary", "З комп'ютера")
	status, _, raw := post(w, me, "/office/event", form)
	if status != http.StatusConflict || !strings.Contains(string(raw), "З телефона") || !strings.Contains(string(raw), "З комп&#39;ютера") {
		t.Fatalf("%d: %s", status, raw)
	}
	if code := refuses(w, me, "/office/event/delete", url.Values{"name": form["name"], "etag": {stale}}); code != "office-plan-changed" {
		t.Errorf("deleted what was changed: %s", code)
	}
	if code := refuses(w, me, "/office/event/delete", url.Values{"name": form["name"]}); code != "office-plan-changed" {
		t.Errorf("deleted without saying what: %s", code)
	}
	form.Set("etag", find(t, raw, `name="etag" value="([^"]+)"`))
	wants(w, me, "/office/event", form)
	other := w.As(official(w.Ministry.Holders["second"]))
	if status, _ := shows(w, other, link); status != http.StatusNotFound {
		t.Errorf("another's event: %d", status)
	}
}

// OPL-40, OPL-41, OPL-42: a task between two officials, by the pages.
func TestTaskPages(t *testing.T) {
	w := unitWorld(t)
	boss, worker := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	a, b := w.As(official(boss)), w.As(official(worker))
	if _, body := shows(w, a, "/office/tasks/new"); !strings.Contains(body, `value="`+seatOf(worker).String()+`"`) {
		t.Errorf("a colleague of the unit is no choice: %s", body)
	}
	path, _, _ := strings.Cut(wants(w, a, "/office/tasks", url.Values{"summary": {"Довідка <b>"}, "due": {"2026-11-19"}, "to": {seatOf(worker).String()}}), "?")
	etag := func(c *http.Client) string {
		_, body := shows(w, c, path)
		return find(t, []byte(body), `name="etag" value="([^"]+)"`)
	}
	if _, body := shows(w, b, "/office/tasks"); !strings.Contains(body, "Довідка &lt;b&gt;") || !strings.Contains(body, "прострочено") {
		t.Errorf("the assignee does not see it: %s", body)
	}
	if _, body := shows(w, b, "/office/"); !strings.Contains(body, "Довідка &lt;b&gt;") {
		t.Error("the first page lacks the task")
	}
	for name, try := range map[string]struct {
		c    *http.Client
		path string
		form url.Values
	}{
		"the giver prepares":         {a, "/move", url.Values{"to": {"prepared"}}},
		"the giver agrees too early": {a, "/move", url.Values{"to": {"agreed"}}},
		"the assignee agrees":        {b, "/move", url.Values{"to": {"agreed"}}},
		"no such state":              {b, "/move", url.Values{"to": {"cancelled"}}},
	} {
		if code := refuses(w, try.c, path+try.path, try.form); code != "office-task-step" {
			t.Errorf("%s: %s", name, code)
		}
	}
	for _, try := range []string{"/edit", "/cancel", "/delete"} {
		if code := refuses(w, b, path+try, url.Values{"summary": {"Моє"}, "etag": {etag(b)}}); code != "office-task-of-another" {
			t.Errorf("the assignee, %s: %s", try, code)
		}
	}
	stranger := w.As(official(w.Council.Holders["issued"]))
	if code := refuses(w, stranger, path+"/move", url.Values{"to": {"prepared"}}); code != "office-plan-unknown" {
		t.Errorf("a stranger: %s", code)
	}
	wants(w, b, path+"/move", url.Values{"to": {"prepared"}, "etag": {etag(b)}})
	old := etag(a)
	wants(w, a, path+"/move", url.Values{"to": {"agreed"}, "etag": {old}})
	if code := refuses(w, a, path+"/move", url.Values{"to": {"prepared"}, "etag": {old}}); code != "office-plan-changed" {
		t.Errorf("twice: %s", code)
	}
	status, _, raw := post(w, a, path+"/edit", url.Values{"summary": {"Нова назва"}, "etag": {old}})
	if status != http.StatusConflict || !strings.Contains(string(raw), "Нова назва") || !strings.Contains(string(raw), "Довідка") {
		t.Errorf("a change that came too late: %d", status)
	}
	wants(w, b, path+"/move", url.Values{"to": {"acquainted"}, "etag": {etag(b)}})
	_, body := shows(w, a, path)
	if !strings.Contains(body, `<dd id="task-state">Ознайомлено</dd>`) || strings.Count(body[strings.Index(body, "task-history"):], "<li>") != 4 {
		t.Errorf("the end: %s", body)
	}
	wants(w, b, path+"/delete", url.Values{"etag": {etag(b)}})
	if status, _ := shows(w, a, path); status != 200 {
		t.Errorf("the giver's went with the assignee's: %d", status)
	}
	for name, to := range map[string]string{"another body": seatOf(w.Council.Holders["issued"]).String(), "suspended": seatOf(w.Ministry.Holders["suspended"]).String(),
		"nobody": "99000011-9999", "no seat": "x"} {
		if code := refuses(w, a, "/office/tasks", url.Values{"summary": {"x"}, "to": {to}}); code != "office-task-assignee" {
			t.Errorf("to %s: %s", name, code)
		}
	}
	if logs := w.Logs.String(); strings.Contains(logs, "Довідка") || strings.Contains(logs, "Нова назва") {
		t.Error("the text of a task is in the log")
	}
}

// OPL-33: the unit's week hides what is private, also in its source.
func TestUnitWeek(t *testing.T) {
	w := unitWorld(t)
	me, colleague := w.As(official(w.Ministry.Holders["issued"])), w.As(official(w.Ministry.Holders["second"]))
	wants(w, colleague, "/office/day", url.Values{"summary": {"Прийом громадян"}, "date": {"2026-11-18"}, "from": {"10:00"}, "until": {"11:00"}})
	wants(w, colleague, "/office/day", url.Values{"summary": {"Лікар-ХХ"}, "location": {"Поліклініка-ХХ"}, "date": {"2026-11-19"}, "from": {"10:00"}, "until": {"11:00"}, "private": {"on"}})
	wants(w, colleague, "/office/tasks", url.Values{"summary": {"Звіт за тиждень"}, "to": {seatOf(w.Ministry.Holders["second"]).String()}})
	wants(w, colleague, "/office/tasks", url.Values{"summary": {"Особисте-ХХ"}, "private": {"on"}, "to": {seatOf(w.Ministry.Holders["second"]).String()}})
	_, body := shows(w, me, "/office/unit?week=2026-11-20")
	for _, want := range []string{"16.11.2026–22.11.2026", "Прийом громадян", "10:00–11:00</strong> зайнято", "Звіт за тиждень", "особисте завдання"} {
		if !strings.Contains(body, want) {
			t.Errorf("want %q in %s", want, body)
		}
	}
	if strings.Contains(body, "ХХ") {
		t.Error("something private is shown")
	}
	if _, body := shows(w, colleague, "/office/unit?week=2026-11-20"); !strings.Contains(body, "Лікар-ХХ") {
		t.Error("one's own private event is hidden from oneself")
	}
	stranger := w.As(official(w.Council.Holders["issued"]))
	if _, body := shows(w, stranger, "/office/unit?week=2026-11-20"); strings.Contains(body, "Прийом") {
		t.Error("another unit's week is shown")
	}
}

// OPL-50, OPL-51: the secret address: shown once, kept as a hash, silent without a valid ID, told to nobody.
func TestFeed(t *testing.T) {
	w := world(t)
	h := w.Ministry.Holders["issued"]
	me, anybody := w.As(official(h)), w.Client()
	wants(w, me, "/office/day", url.Values{"summary": {"Нарада-ХХ"}, "date": {"2026-11-20"}, "from": {"10:00"}, "until": {"11:00"}})
	make := func(form url.Values) string {
		t.Helper()
		status, _, body := post(w, me, "/office/feeds", form)
		if status != 200 {
			t.Fatalf("%d: %s", status, body)
		}
		return strings.TrimPrefix(find(t, body, `id="feed-address">([^<]+)<`), w.Server.Origin)
	}
	full, busy := make(url.Values{"detail": {"yes"}}), make(url.Values{})
	read := func(path string) (int, string) {
		status, header, body := w.Do(anybody, "GET", path, nil)
		if status == 200 && header.Get("Content-Type") != "text/calendar; charset=utf-8" {
			t.Errorf("type %q", header.Get("Content-Type"))
		}
		return status, string(body)
	}
	if status, body := read(full); status != 200 || !strings.Contains(body, "SUMMARY:Нарада-ХХ") || !strings.Contains(body, "DTSTART:20261120T080000Z") {
		t.Errorf("%d: %s", status, body)
	}
	if status, body := read(busy); status != 200 || strings.Contains(body, "ХХ") || !strings.Contains(body, "SUMMARY:зайнято") {
		t.Errorf("%d: %s", status, body)
	}
	if _, body := shows(w, me, "/office/feeds"); strings.Contains(body, strings.TrimSuffix(strings.TrimPrefix(full, "/office/feed/"), ".ics")) {
		t.Error("the address is shown again")
	}
	first := find(t, []byte(latter(shows(w, me, "/office/feeds"))), `action="/office/feeds/(\d+)/end"`)
	stranger := w.As(official(w.Ministry.Holders["second"]))
	if code := refuses(w, stranger, "/office/feeds/"+first+"/end", nil); code != "office-feed" {
		t.Errorf("another's address: %s", code)
	}
	renewed := make(url.Values{"detail": {"yes"}, "renew": {first}})
	if status, _ := read(full); status != 404 {
		t.Errorf("the replaced address answers: %d", status)
	}
	if status, _ := read(renewed); status != 200 {
		t.Errorf("the new address: %d", status)
	}
	for _, bad := range []string{"/office/feed/x.ics", "/office/feed/" + strings.Repeat("a", 32) + ".ics", strings.TrimSuffix(renewed, ".ics"), "/office/feed/" + strings.Repeat("a", 300)} {
		if status, _ := read(bad); status != 404 {
			t.Errorf("%s: %d", bad, status)
		}
	}
	for range 3 {
		make(url.Values{})
	}
	if code := refuses(w, me, "/office/feeds", nil); code != "office-plan-full" {
		t.Errorf("a sixth address: %s", code)
	}
	if regexp.MustCompile(`[a-z2-7]{32}`).MatchString(w.Logs.String()) {
		t.Error("an address is in the log")
	}
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusDismissed })
	if status, _ := read(renewed); status != 404 {
		t.Errorf("answers for somebody who has left: %d", status)
	}
}

// OPL-05, OPL-06: the service sees who has left his post, and who is there again.
func TestPlanningLeavers(t *testing.T) {
	w := servicetest.New(t)
	change(t, w.Ministry.Holders["second"], func(v *issuer.PostRow) { v.Record.Unit = "Відділ зразків" })
	p, err := mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()})
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	boss, worker := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	a, b := w.As(official(boss)), w.As(official(worker))
	wants(w, a, "/office/day", url.Values{"summary": {"Нарада"}, "date": {"2026-03-29"}, "from": {"10:00"}, "until": {"11:00"}})
	path, _, _ := strings.Cut(wants(w, a, "/office/tasks", url.Values{"summary": {"Довідка"}, "to": {seatOf(worker).String()}}), "?")
	if status, _, _ := post(w, a, "/office/feeds", nil); status != 200 {
		t.Fatal(status)
	}
	kept := func() (feeds, events int) {
		t.Helper()
		f, err := p.planner.Feeds(t.Context(), seatOf(boss))
		if err != nil {
			t.Fatal(err)
		}
		o, err := p.planner.List(t.Context(), seatOf(boss), office.Day)
		if err != nil {
			t.Fatal(err)
		}
		return len(f), len(o)
	}
	leavers := func(at time.Time) {
		t.Helper()
		if err := p.leavers(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	change(t, boss, func(v *issuer.PostRow) { v.Status = hr.StatusSuspended })
	leavers(w.Now())
	if feeds, events := kept(); feeds != 1 || events != 1 {
		t.Errorf("suspended: %d addresses, %d events", feeds, events)
	}
	change(t, boss, func(v *issuer.PostRow) { v.Status = hr.StatusDismissed })
	leavers(w.Now())
	if feeds, events := kept(); feeds != 0 || events != 1 {
		t.Errorf("has left: %d addresses, %d events", feeds, events)
	}
	_, page := shows(w, b, path)
	for _, want := range []string{`id="to-acquainted"`, "Хто дав", "/cancel"} {
		if !strings.Contains(page, want) {
			t.Errorf("the assignee's page of a task whose giver has left lacks %q: %s", want, page)
		}
	}
	leavers(w.Now().AddDate(0, 0, 90))
	if _, events := kept(); events != 0 {
		t.Errorf("after the term: %d events", events)
	}
	change(t, boss, func(v *issuer.PostRow) { v.Status = hr.StatusActive })
	if status, page := shows(w, a, "/office/day?date=2026-03-29"); status != 200 || strings.Contains(page, "Нарада") {
		t.Errorf("back after the term: %d", status)
	}
}

func latter[A, B any](_ A, b B) B { return b }

// OPL-02: planning is for officials with a valid ID, and for nobody else.
func TestPlanningAccess(t *testing.T) {
	w := world(t)
	for name, c := range map[string]struct {
		c      *http.Client
		status int
	}{"nobody": {w.Client(), 401}, "suspended": {w.As(official(w.Ministry.Holders["suspended"])), 403}, "revoked": {w.As(official(w.Ministry.Holders["revoked"])), 403},
		"registrar": {w.As(w.Role(service.Registrar, w.Ministry)), 403}} {
		for _, path := range []string{"/office/day", "/office/unit", "/office/tasks", "/office/tasks/new", "/office/feeds", "/office/event?name=x"} {
			if status, _, _ := w.Do(c.c, "GET", path, nil); status != c.status {
				t.Errorf("%s, %s: %d, want %d", name, path, status, c.status)
			}
		}
	}
}

// shows is a page as a browser gets it.
func shows(w *servicetest.World, c *http.Client, path string) (int, string) {
	status, _, raw := w.Do(c, http.MethodGet, path, nil, "Accept", "text/html")
	return status, string(raw)
}
