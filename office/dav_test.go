package office_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav/caldav"
	"github.com/emersion/go-webdav/carddav"
	"github.com/posvid/posvid/office"
)

const davOrigin = "https://id.example.gov.ua"

var davMember = office.Member{Seat: office.Seat{Body: "99000011", Post: 2}, Surname: "Ґудзь", Given: "Мар'яна", Position: "начальник відділу", Email: "pc@model.gov.ua"}

// davWorld is the directory and a planner, served to one official as the service does it.
type davWorld struct {
	t         testing.TB
	directory *office.Directory
	planner   *office.Planner
	at        time.Time
	member    office.Member
	dav       *office.DAV
}

func davTest(t testing.TB) *davWorld {
	t.Helper()
	w := &davWorld{t: t, directory: directory(t, open(t)), planner: planner(t), at: began, member: davMember}
	fill(t, w.directory, people(), began)
	w.dav = &office.DAV{Directory: w.directory, Planner: w.planner, Origin: davOrigin}
	return w
}

// ServeHTTP implements http.Handler.
func (w *davWorld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	err := w.dav.Serve(rw, r, w.member, "uk", w.at)
	var refused *office.DAVError
	switch {
	case errors.As(err, &refused):
		rw.Header().Set("Content-Type", "application/xml; charset=utf-8")
		rw.WriteHeader(refused.Status)
		rw.Write(refused.Body("uk"))
	case err != nil:
		w.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		rw.WriteHeader(http.StatusInternalServerError)
	}
}

// do sends a request; header are pairs.
func (w *davWorld) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/xml; charset=utf-8")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// davAnswer is a multistatus as a client reads it.
type davAnswer struct {
	XMLName   xml.Name `xml:"DAV: multistatus"`
	Responses []struct {
		Href      string `xml:"DAV: href"`
		Status    string `xml:"DAV: status"`
		Propstats []struct {
			Status string `xml:"DAV: status"`
			Prop   struct {
				Inner string `xml:",innerxml"`
				ETag  string `xml:"DAV: getetag"`
				Data  string `xml:"urn:ietf:params:xml:ns:caldav calendar-data"`
				Card  string `xml:"urn:ietf:params:xml:ns:carddav address-data"`
			} `xml:"DAV: prop"`
		} `xml:"DAV: propstat"`
		Error struct {
			Inner string `xml:",innerxml"`
		} `xml:"DAV: error"`
	} `xml:"DAV: response"`
	Token string `xml:"DAV: sync-token"`
}

func (w *davWorld) multistatus(rec *httptest.ResponseRecorder) davAnswer {
	w.t.Helper()
	var a davAnswer
	if rec.Code != http.StatusMultiStatus {
		w.t.Fatalf("status %d, want 207: %s", rec.Code, rec.Body)
	}
	if err := xml.Unmarshal(rec.Body.Bytes(), &a); err != nil {
		w.t.Fatalf("answer is no XML: %v: %s", err, rec.Body)
	}
	return a
}

// hrefs are the paths of an answer with their status, those of collections first.
func (a davAnswer) hrefs() []string {
	var out []string
	for _, r := range a.Responses {
		text := r.Href
		if r.Status != "" {
			text += " " + strings.Fields(r.Status)[1]
		}
		out = append(out, text)
	}
	return out
}

const (
	booksHome = "/dav/addressbooks/"
	bookPath  = "/dav/addressbooks/99000011/"
	planHome  = "/dav/calendars/99000011-2/"
	dayPath   = "/dav/calendars/99000011-2/day/"
	tasksPath = "/dav/calendars/99000011-2/tasks/"
	principal = "/dav/principals/99000011-2/"
)

const propEtag = `<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>`

func syncBody(token string, limit int) string {
	text := ""
	if limit > 0 {
		text = "<d:limit><d:nresults>" + strconv.Itoa(limit) + "</d:nresults></d:limit>"
	}
	return `<d:sync-collection xmlns:d="DAV:"><d:sync-token>` + token + `</d:sync-token><d:sync-level>1</d:sync-level>` + text + `<d:prop><d:getetag/></d:prop></d:sync-collection>`
}

func event(uid, summary, start string) string {
	return strings.ReplaceAll("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//UK\nBEGIN:VEVENT\nUID:"+uid+"\nDTSTAMP:20261120T080000Z\nDTSTART:"+start+"\nDURATION:PT1H\nSUMMARY:"+summary+"\nX-UNKNOWN;X-P=\"a,b\":лишається\nEND:VEVENT\nEND:VCALENDAR\n", "\n", "\r\n")
}

func task(uid, summary string) string {
	return strings.ReplaceAll("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//UK\nBEGIN:VTODO\nUID:"+uid+"\nDTSTAMP:20261120T080000Z\nDUE:20261125T150000Z\nSUMMARY:"+summary+"\nSTATUS:NEEDS-ACTION\nEND:VTODO\nEND:VCALENDAR\n", "\n", "\r\n")
}

func (w *davWorld) put(path, data string, header ...string) *httptest.ResponseRecorder {
	return w.do("PUT", path, data, append([]string{"Content-Type", "text/calendar; charset=utf-8"}, header...)...)
}

func (w *davWorld) mustPut(path, data string) string {
	w.t.Helper()
	rec := w.put(path, data)
	if rec.Code != http.StatusCreated && rec.Code != http.StatusNoContent {
		w.t.Fatalf("PUT %s: %d %s", path, rec.Code, rec.Body)
	}
	return rec.Header().Get("ETag")
}

// TestDAVApple replays what iOS, macOS and DAVx5 ask when an account is set up and synchronised, in the form that is known of them.
// POSVID_UPDATE=1 writes the answers anew.
func TestDAVApple(t *testing.T) {
	files, err := filepath.Glob("testdata/dav/*.http")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v: %d recordings, want at least 4", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			w := davTest(t)
			w.mustPut(dayPath+"meeting.ics", event("meeting-1", "Нарада", "20261123T080000Z"))
			w.mustPut(tasksPath+"report.ics", task("report-1", "Звіт"))
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := w.replay(string(want))
			if os.Getenv("POSVID_UPDATE") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the answers differ from %s; got:\n%s", file, got)
			}
		})
	}
}

// davTag is the tag of an event or a task: it is made with the store's own key.
var davTag = regexp.MustCompile(`("|&#34;)[0-9A-Za-z_-]{12,}("|&#34;)`)

// replay sends the requests of a recording and writes them with their answers. A recording has one exchange after the other:
// "### name", the request as it goes over the wire, "--- answer", the status, the headers that count, the body.
func (w *davWorld) replay(recording string) string {
	w.t.Helper()
	var out strings.Builder
	intro, rest, _ := strings.Cut(recording, "### ")
	out.WriteString(intro)
	for i, part := range strings.Split(rest, "\n### ") {
		if i > 0 {
			out.WriteString("\n")
		}
		name, exchange, _ := strings.Cut(part, "\n")
		asked, _, ok := strings.Cut(exchange, "\n--- answer\n")
		if !ok {
			w.t.Fatalf("%s: no answer line", name)
		}
		head, body, _ := strings.Cut(asked, "\n\n")
		wire := strings.ReplaceAll(head, "\n", "\r\n") + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		fmt.Fprintf(&out, "### %s\n%s\n--- answer\n%d\n", name, asked, rec.Code)
		for _, h := range []string{"Dav", "Allow", "Etag", "Content-Type", "Preference-Applied"} {
			if v := rec.Header().Get(h); v != "" {
				fmt.Fprintf(&out, "%s: %s\n", h, davTag.ReplaceAllString(v, "${1}TAG${1}"))
			}
		}
		text := davTag.ReplaceAllString(rec.Body.String(), "${1}TAG${1}")
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "><", ">\n<")
		if text = strings.TrimSpace(text); text != "" {
			out.WriteString("\n" + text + "\n")
		}
	}
	return out.String()
}

// TestDAVDiscovery: wherever a client begins, it finds the official, and from there the homes, which are containers.
func TestDAVDiscovery(t *testing.T) {
	w := davTest(t)
	body := `<propfind xmlns="DAV:"><prop><current-user-principal/><resourcetype/><supported-report-set/><current-user-privilege-set/></prop></propfind>`
	for _, path := range []string{"/", "/principals/", "/dav/", "/dav/principals/", principal, strings.TrimSuffix(principal, "/"), booksHome, bookPath, strings.TrimSuffix(bookPath, "/"), planHome, dayPath, tasksPath} {
		a := w.multistatus(w.do("PROPFIND", path, body, "Depth", "0"))
		if len(a.Responses) != 1 || len(a.Responses[0].Propstats) != 1 || !strings.Contains(a.Responses[0].Propstats[0].Prop.Inner, "<d:current-user-principal><d:href>"+principal+"</d:href>") {
			t.Errorf("%s: %+v, want the principal", path, a.Responses)
		}
		options := w.do("OPTIONS", path, "")
		if got := options.Header().Get("DAV"); options.Code != http.StatusNoContent || got != "1, 3, addressbook, calendar-access" || !strings.Contains(options.Header().Get("Allow"), "PROPFIND") {
			t.Errorf("OPTIONS %s: %d, DAV %q, Allow %q", path, options.Code, got, options.Header().Get("Allow"))
		}
	}
	homes := w.do("PROPFIND", principal, `<propfind xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:a="urn:ietf:params:xml:ns:carddav"><prop><c:calendar-home-set/><a:addressbook-home-set/><c:calendar-user-address-set/></prop></propfind>`, "Depth", "0").Body.String()
	for _, want := range []string{"<cal:calendar-home-set><d:href>" + planHome, "<card:addressbook-home-set><d:href>" + booksHome, "mailto:pc@model.gov.ua"} {
		if !strings.Contains(homes, want) {
			t.Errorf("principal: %s, want %s", homes, want)
		}
	}
	for path, want := range map[string][]string{
		booksHome:          {booksHome, bookPath},
		planHome:           {planHome, dayPath, tasksPath},
		"/dav/principals/": {"/dav/principals/", principal},
	} {
		got := w.multistatus(w.do("PROPFIND", path, propEtag, "Depth", "1")).hrefs()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// TestDAVProperties: what a collection says of itself, and that a tag moves with every change and with nothing else.
func TestDAVProperties(t *testing.T) {
	w := davTest(t)
	body := `<propfind xmlns="DAV:" xmlns:cs="http://calendarserver.org/ns/"><prop><cs:getctag/><sync-token/></prop></propfind>`
	tags := func(path string) string {
		return w.multistatus(w.do("PROPFIND", path, body, "Depth", "0")).Responses[0].Propstats[0].Prop.Inner
	}
	day, tasks, book := tags(dayPath), tags(tasksPath), tags(bookPath)
	if day == tasks || !strings.Contains(day, "getctag") || !strings.Contains(day, davOrigin) {
		t.Errorf("tags %s and %s", day, tasks)
	}
	w.mustPut(dayPath+"a.ics", event("a", "Нарада", "20261123T080000Z"))
	if got := tags(dayPath); got == day {
		t.Error("an event was added, the tag stayed")
	}
	if fill(t, w.directory, people(), began.Add(time.Minute)) != 0 || tags(bookPath) != book {
		t.Error("nothing changed in the directory, its tag did")
	}
	list := people()
	list[2].Status = office.StatusSuspended
	fill(t, w.directory, list, began.Add(time.Minute))
	if tags(bookPath) == book {
		t.Error("a service ID was suspended, the tag of the address book stayed")
	}
	all := w.do("PROPFIND", dayPath, "", "Depth", "0").Body.String() // no body: allprop
	for _, want := range []string{"Робочий день", "VEVENT", "cal:calendar", "getctag"} {
		if !strings.Contains(all, want) {
			t.Errorf("allprop: %s, want %s", all, want)
		}
	}
	names := w.do("PROPFIND", tasksPath, `<propfind xmlns="DAV:"><propname/></propfind>`, "Depth", "0").Body.String()
	if strings.Contains(names, "Завдання") || !strings.Contains(names, "<d:displayname/>") || !strings.Contains(names, "<d:supported-report-set/>") {
		t.Errorf("propname: %s", names)
	}
	missing := w.do("PROPFIND", tasksPath, `<propfind xmlns="DAV:" xmlns:z="urn:z&quot;&lt;"><prop><z:nothing/><displayname/></prop></propfind>`, "Depth", "0")
	if a := w.multistatus(missing); len(a.Responses[0].Propstats) != 2 || !strings.Contains(missing.Body.String(), "404") {
		t.Errorf("unknown property: %s", missing.Body)
	}
	brief := w.do("PROPFIND", tasksPath, `<propfind xmlns="DAV:" xmlns:z="urn:z"><prop><z:nothing/><displayname/></prop></propfind>`, "Depth", "0", "Prefer", "return=minimal").Body.String()
	if strings.Contains(brief, "nothing") || strings.Contains(brief, "404") || !strings.Contains(brief, "Завдання") {
		t.Errorf("return=minimal: %s", brief)
	}
}

// TestDAVSync: a client that follows sync tokens has exactly what is there, however small its steps.
func TestDAVSync(t *testing.T) {
	w := davTest(t)
	have := map[string]string{}
	token := ""
	follow := func(path string, limit int) (steps int) {
		for {
			a := w.multistatus(w.do("REPORT", path, syncBody(token, limit), "Depth", "0"))
			more := false
			for _, r := range a.Responses {
				switch {
				case strings.Contains(r.Status, " 404 "):
					delete(have, r.Href)
				case strings.Contains(r.Status, " 507 "):
					if more = true; r.Href != path || !strings.Contains(r.Error.Inner, "number-of-matches-within-limits") {
						t.Errorf("507 for %s: %s", r.Href, r.Error.Inner)
					}
				default:
					have[r.Href] = r.Propstats[0].Prop.ETag
				}
			}
			token = a.Token
			if steps++; !more || steps > 100 {
				return steps
			}
		}
	}
	check := func(path, when string) {
		t.Helper()
		there := map[string]string{}
		for _, r := range w.multistatus(w.do("PROPFIND", path, propEtag, "Depth", "1")).Responses[1:] {
			there[r.Href] = r.Propstats[0].Prop.ETag
		}
		if fmt.Sprint(there) != fmt.Sprint(have) {
			t.Errorf("%s: client has %v, server %v", when, have, there)
		}
	}
	for _, limit := range []int{0, 1, 2, 3} {
		clear(have)
		token = ""
		steps := follow(bookPath, limit)
		check(bookPath, fmt.Sprintf("first sync by %d", limit))
		if len(have) != 5 || limit == 2 && steps != 3 {
			t.Errorf("limit %d: %d cards in %d steps", limit, len(have), steps)
		}
	}
	before := token
	list := people()
	list[0].Position, list[1].Status = "державний експерт", office.StatusNone
	list = append(list[:3], list[4], person(9, "Новенький", "Іван", "", "спеціаліст", ""))
	fill(t, w.directory, list, began.Add(time.Hour))
	if a := w.multistatus(w.do("REPORT", bookPath, syncBody(token, 0), "Depth", "0")); len(a.Responses) != 4 {
		t.Errorf("two changed, one came, one left: %v", a.hrefs())
	}
	follow(bookPath, 1)
	check(bookPath, "after changes")
	if follow(bookPath, 0); token == before {
		t.Error("the token stayed")
	}
	for _, other := range []string{before + "0", before[:len(before)-1], strings.Replace(before, "/ns/sync/", "/ns/", 1), "data:,1", "-1", davOrigin + "/ns/sync/1/book-99000011/-1",
		davOrigin + "/ns/sync/1/book-99000011/01", davOrigin + "/ns/sync/1/book-99000011/9223372036854775808", davOrigin + "/ns/sync/0/book-99000011/1", davOrigin + "/ns/sync/1/day-99000011-2/0", strings.Repeat("9", 4000)} {
		rec := w.do("REPORT", bookPath, syncBody(other, 0), "Depth", "0")
		if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "<d:valid-sync-token/>") {
			t.Errorf("token %.80q: %d %s", other, rec.Code, rec.Body)
		}
	}

	clear(have)
	token = ""
	for i := range 7 {
		w.mustPut(fmt.Sprintf("%se%d.ics", dayPath, i), event("e"+strconv.Itoa(i), "Подія", "20261123T080000Z"))
	}
	follow(dayPath, 3)
	check(dayPath, "events")
	w.mustPut(dayPath+"e3.ics", event("e3", "Інша назва", "20261124T080000Z"))
	w.mustPut(dayPath+"e7.ics", event("e7", "Нова", "20261124T080000Z"))
	for _, name := range []string{"e0", "e7"} {
		if rec := w.do("DELETE", dayPath+name+".ics", ""); rec.Code != http.StatusNoContent {
			t.Errorf("DELETE: %d %s", rec.Code, rec.Body)
		}
	}
	follow(dayPath, 1)
	check(dayPath, "events after changes")
	if len(have) != 6 {
		t.Errorf("%d events, want 6", len(have))
	}
}

// TestDAVTwoWriters: of two who change one event, the second to come is told, and nothing is lost.
func TestDAVTwoWriters(t *testing.T) {
	w := davTest(t)
	path := dayPath + "meeting.ics"
	first := w.mustPut(path, event("m", "Нарада", "20261123T080000Z"))
	if first == "" {
		t.Fatal("no ETag for bytes that were stored as they came")
	}
	if rec := w.put(path, event("m", "Ще раз", "20261123T080000Z"), "If-None-Match", "*"); rec.Code != http.StatusPreconditionFailed {
		t.Errorf("If-None-Match: * on what is there: %d", rec.Code)
	}
	var wait sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		wait.Go(func() {
			codes[i] = w.put(path, event("m", "Варіант "+strconv.Itoa(i), "20261123T080000Z"), "If-Match", first).Code
		})
	}
	wait.Wait()
	won := -1
	for i, code := range codes {
		switch {
		case code == http.StatusNoContent && won < 0:
			won = i
		case code != http.StatusPreconditionFailed:
			t.Errorf("writer %d: %d", i, code)
		}
	}
	rec := w.do("GET", path, "")
	if won < 0 || !strings.Contains(rec.Body.String(), "Варіант "+strconv.Itoa(won)+"\r\n") {
		t.Fatalf("writer %d won, stored is %s", won, rec.Body)
	}
	now := rec.Header().Get("ETag")
	for _, tag := range []string{first, `"other"`, "W/" + now, "nonsense", `"`} {
		if rec := w.put(path, event("m", "Ні", "20261123T080000Z"), "If-Match", tag); rec.Code != http.StatusPreconditionFailed {
			t.Errorf("If-Match %s: PUT %d", tag, rec.Code)
		}
		if rec := w.do("DELETE", path, "", "If-Match", tag); rec.Code != http.StatusPreconditionFailed {
			t.Errorf("If-Match %s: DELETE %d", tag, rec.Code)
		}
	}
	if rec := w.put(dayPath+"new.ics", event("n", "Ні", "20261123T080000Z"), "If-Match", "*"); rec.Code != http.StatusPreconditionFailed {
		t.Errorf("If-Match: * on what is not there: %d", rec.Code)
	}
	if rec := w.do("GET", path, "", "If-None-Match", now); rec.Code != http.StatusNotModified || rec.Body.Len() > 0 {
		t.Errorf("GET of what the client has: %d", rec.Code)
	}
	if rec := w.do("DELETE", path, "", "If-Match", now); rec.Code != http.StatusNoContent {
		t.Errorf("DELETE: %d", rec.Code)
	}
	if rec := w.do("DELETE", path, "", "If-Match", now); rec.Code != http.StatusPreconditionFailed && rec.Code != http.StatusNotFound {
		t.Errorf("DELETE again: %d", rec.Code)
	}
}

// TestDAVBytes: what a program stored comes back byte for byte, by GET and by report.
func TestDAVBytes(t *testing.T) {
	w := davTest(t)
	data := event("b", "Кома\\, крапка з комою\\; <тег> & \"лапки\"", "20261123T080000Z")
	w.mustPut(dayPath+"b.ics", data)
	rec := w.do("GET", dayPath+"b.ics", "")
	if rec.Body.String() != data || rec.Header().Get("Content-Type") != "text/calendar; charset=utf-8; component=VEVENT" {
		t.Errorf("GET: %s %q", rec.Header().Get("Content-Type"), rec.Body)
	}
	head := w.do("HEAD", dayPath+"b.ics", "")
	if head.Body.Len() > 0 || head.Header().Get("Content-Length") != strconv.Itoa(len(data)) || head.Header().Get("ETag") == "" {
		t.Errorf("HEAD: %v", head.Header())
	}
	a := w.multistatus(w.do("REPORT", dayPath, `<c:calendar-multiget xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:d="DAV:"><d:prop><d:getetag/><c:calendar-data/></d:prop><d:href>`+dayPath+`b.ics</d:href></c:calendar-multiget>`))
	if got := a.Responses[0].Propstats[0].Prop.Data; got != data {
		t.Errorf("multiget: %q", got)
	}
}

// TestDAVRefused: every wrong request has its own answer, and changes nothing.
func TestDAVRefused(t *testing.T) {
	w := davTest(t)
	w.mustPut(dayPath+"e.ics", event("e", "Подія", "20261123T080000Z"))
	card := w.multistatus(w.do("PROPFIND", bookPath, propEtag, "Depth", "1")).Responses[1].Href
	many := func(n int, item string) string { return strings.Repeat(item, n) }
	const xmlns = ` xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:a="urn:ietf:params:xml:ns:carddav"`
	filter := func(inner string) string {
		return `<c:calendar-query` + xmlns + `><d:prop><d:getetag/></d:prop><c:filter>` + inner + `</c:filter></c:calendar-query>`
	}
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
	}{
		{"nothing there", "PROPFIND", "/dav/nothing/", propEtag, []string{"Depth", "0"}, 404, "dav-not-found"},
		{"another's principal", "PROPFIND", "/dav/principals/99000011-1/", propEtag, []string{"Depth", "0"}, 404, "dav-not-found"},
		{"another's calendars", "PROPFIND", "/dav/calendars/99000011-1/", propEtag, []string{"Depth", "1"}, 404, "dav-not-found"},
		{"another's event", "GET", "/dav/calendars/99000011-1/day/e.ics", "", nil, 404, "dav-not-found"},
		{"all calendars", "PROPFIND", "/dav/calendars/", propEtag, []string{"Depth", "1"}, 404, "dav-not-found"},
		{"seat that begins alike", "PROPFIND", "/dav/calendars/99000011-22/", propEtag, []string{"Depth", "1"}, 404, "dav-not-found"},
		{"third calendar", "PROPFIND", planHome + "other/", propEtag, []string{"Depth", "0"}, 404, "dav-not-found"},
		{"deeper", "GET", dayPath + "a/b.ics", "", nil, 404, "dav-not-found"},
		{"unknown body", "PROPFIND", booksHome + "12345678/", propEtag, []string{"Depth", "1"}, 404, "dav-not-found"},
		{"unknown card", "GET", bookPath + "00000000-0000-5000-8000-000000000000.vcf", "", nil, 404, "dav-not-found"},
		{"card by another name", "GET", strings.TrimSuffix(card, ".vcf"), "", nil, 404, "dav-not-found"},
		{"card in capitals", "GET", bookPath + strings.ToUpper(filepath.Base(card)), "", nil, 404, "dav-not-found"},
		{"unknown event", "DELETE", dayPath + "none.ics", "", nil, 404, "dav-not-found"},
		{"depth infinity", "PROPFIND", bookPath, propEtag, []string{"Depth", "infinity"}, 403, "dav-depth"},
		{"no depth", "PROPFIND", bookPath, propEtag, nil, 403, "dav-depth"},
		{"depth 2", "PROPFIND", bookPath, propEtag, []string{"Depth", "2"}, 400, "dav-body"},
		{"write a card", "PUT", card, "BEGIN:VCARD\r\nEND:VCARD\r\n", []string{"Content-Type", "text/vcard"}, 403, "dav-read-only"},
		{"add a card", "PUT", bookPath + "new.vcf", "BEGIN:VCARD\r\nEND:VCARD\r\n", []string{"Content-Type", "text/vcard"}, 403, "dav-read-only"},
		{"delete a card", "DELETE", card, "", nil, 403, "dav-read-only"},
		{"delete a book", "DELETE", bookPath, "", nil, 403, "dav-read-only"},
		{"delete a calendar", "DELETE", dayPath, "", nil, 403, "dav-fixed-collections"},
		{"put onto a calendar", "PUT", dayPath, event("x", "x", "20261123T080000Z"), []string{"Content-Type", "text/calendar"}, 403, "dav-fixed-collections"},
		{"make a calendar", "MKCALENDAR", planHome + "new/", "", nil, 404, "dav-not-found"},
		{"make a collection", "MKCOL", dayPath + "new", "", nil, 403, "dav-fixed-collections"},
		{"move", "MOVE", dayPath + "e.ics", "", []string{"Destination", tasksPath + "e.ics"}, 403, "dav-fixed-collections"},
		{"copy", "COPY", dayPath + "e.ics", "", []string{"Destination", dayPath + "f.ics"}, 403, "dav-fixed-collections"},
		{"get a collection", "GET", dayPath, "", nil, 405, "dav-method"},
		{"lock", "LOCK", dayPath + "e.ics", "", nil, 405, "dav-method"},
		{"post", "POST", dayPath, "", nil, 405, "dav-method"},
		{"vCard as an event", "PUT", dayPath + "n.ics", event("n", "n", "20261123T080000Z"), []string{"Content-Type", "text/vcard"}, 403, "dav-type"},
		{"broken type", "PUT", dayPath + "n.ics", event("n", "n", "20261123T080000Z"), []string{"Content-Type", "text/;calendar"}, 403, "dav-type"},
		{"part of an event", "PUT", dayPath + "n.ics", event("n", "n", "20261123T080000Z"), []string{"Content-Type", "text/calendar", "Content-Range", "bytes 0-1/2"}, 400, "dav-body"},
		{"no calendar", "PUT", dayPath + "n.ics", "гарбуз", []string{"Content-Type", "text/calendar"}, 403, "dav-valid-calendar-data"},
		{"task among events", "PUT", dayPath + "n.ics", task("n", "n"), []string{"Content-Type", "text/calendar"}, 403, "dav-supported-calendar-component"},
		{"large event", "PUT", dayPath + "n.ics", event("n", many(7000, "десять букв"), "20261123T080000Z"), []string{"Content-Type", "text/calendar"}, 403, "dav-object-size"},
		{"name with a space", "PUT", dayPath + "a%20b.ics", event("n", "n", "20261123T080000Z"), []string{"Content-Type", "text/calendar"}, 403, "dav-name"},
		{"hidden name", "PUT", dayPath + ".ics", event("n", "n", "20261123T080000Z"), []string{"Content-Type", "text/calendar"}, 403, "dav-name"},
		{"long name", "PUT", dayPath + many(201, "n"), event("n", "n", "20261123T080000Z"), []string{"Content-Type", "text/calendar"}, 403, "dav-name"},
		{"same UID elsewhere", "PUT", dayPath + "f.ics", event("e", "n", "20261123T080000Z"), []string{"Content-Type", "text/calendar"}, 403, "dav-no-uid-conflict"},
		{"JSON", "PROPFIND", dayPath, `{}`, []string{"Depth", "0"}, 400, "dav-body"},
		{"JSON by type", "PROPFIND", dayPath, propEtag, []string{"Depth", "0", "Content-Type", "application/json"}, 400, "dav-body"},
		{"half", "PROPFIND", dayPath, propEtag[:90], []string{"Depth", "0"}, 400, "dav-body"},
		{"two roots", "PROPFIND", dayPath, `<a/><b/>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"another root", "PROPFIND", dayPath, `<a/>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"empty propfind", "PROPFIND", dayPath, `<d:propfind` + xmlns + `/>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"name with two colons", "PROPFIND", dayPath, `<d:propfind` + xmlns + `><d:prop><d:a:b/></d:prop></d:propfind>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"document type", "PROPFIND", dayPath, `<!DOCTYPE a [<!ENTITY x "y">]><d:propfind` + xmlns + `><d:allprop/></d:propfind>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"entity", "PROPFIND", dayPath, `<d:propfind` + xmlns + `><d:prop>&lol;</d:prop></d:propfind>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"UTF-16", "PROPFIND", dayPath, `<?xml version="1.0" encoding="utf-16"?><d:propfind` + xmlns + `><d:allprop/></d:propfind>`, []string{"Depth", "0"}, 400, "dav-body"},
		{"deep", "PROPFIND", dayPath, many(17, "<a>") + many(17, "</a>"), []string{"Depth", "0"}, 413, "dav-too-large"},
		{"billion elements", "PROPFIND", dayPath, "<d:propfind" + xmlns + "><d:prop>" + many(60_000, "<a/>") + "</d:prop></d:propfind>", []string{"Depth", "0"}, 413, "dav-too-large"},
		{"many properties", "PROPFIND", bookPath, "<d:propfind" + xmlns + "><d:prop>" + func() string {
			var b strings.Builder
			for i := range 129 {
				fmt.Fprintf(&b, "<p%d/>", i)
			}
			return b.String()
		}() + "</d:prop></d:propfind>", []string{"Depth", "0"}, 413, "dav-too-large"},
		{"many attributes", "PROPFIND", dayPath, "<d:propfind" + xmlns + func() string {
			var b strings.Builder
			for i := range 40 {
				fmt.Fprintf(&b, ` a%d=""`, i)
			}
			return b.String()
		}() + "/>", []string{"Depth", "0"}, 413, "dav-too-large"},
		{"no report", "REPORT", dayPath, "", nil, 400, "dav-body"},
		{"report of the home", "REPORT", planHome, syncBody("", 0), nil, 403, "dav-report"},
		{"report of a principal", "REPORT", principal, `<d:expand-property` + xmlns + `/>`, nil, 403, "dav-report"},
		{"unknown report", "REPORT", dayPath, `<c:free-busy-query` + xmlns + `/>`, nil, 403, "dav-report"},
		{"cards of a calendar", "REPORT", dayPath, `<a:addressbook-multiget` + xmlns + `/>`, nil, 403, "dav-report"},
		{"events of a book", "REPORT", bookPath, `<c:calendar-multiget` + xmlns + `/>`, nil, 403, "dav-report"},
		{"sync of the tree", "REPORT", dayPath, strings.Replace(syncBody("", 0), ">1<", ">infinite<", 1), nil, 403, "dav-sync-level"},
		{"sync without a level", "REPORT", dayPath, `<d:sync-collection` + xmlns + `><d:sync-token/><d:prop><d:getetag/></d:prop></d:sync-collection>`, nil, 400, "dav-body"},
		{"sync of nothing", "REPORT", dayPath, `<d:sync-collection` + xmlns + `><d:sync-token/><d:sync-level>1</d:sync-level></d:sync-collection>`, nil, 400, "dav-body"},
		{"sync without a token", "REPORT", dayPath, `<d:sync-collection` + xmlns + `><d:sync-level>1</d:sync-level><d:prop/></d:sync-collection>`, nil, 400, "dav-body"},
		{"limit of none", "REPORT", dayPath, strings.Replace(syncBody("", 1), ">1</d:nresults>", ">0</d:nresults>", 1), nil, 400, "dav-body"},
		{"negative limit", "REPORT", dayPath, strings.Replace(syncBody("", 1), ">1</d:nresults>", ">-1</d:nresults>", 1), nil, 400, "dav-body"},
		{"search without a filter's name", "REPORT", bookPath, `<a:addressbook-query` + xmlns + `><d:prop><d:getetag/></d:prop><a:filter test="someof"/></a:addressbook-query>`, nil, 403, "dav-filter"},
		{"expanded", "REPORT", dayPath, `<c:calendar-multiget` + xmlns + `><d:prop><c:calendar-data><c:expand start="20261101T000000Z" end="20261201T000000Z"/></c:calendar-data></d:prop></c:calendar-multiget>`, nil, 403, "dav-expand"},
		{"no filter", "REPORT", dayPath, `<c:calendar-query` + xmlns + `><d:prop><d:getetag/></d:prop></c:calendar-query>`, nil, 403, "dav-filter"},
		{"filter of events alone", "REPORT", dayPath, filter(`<c:comp-filter name="VEVENT"/>`), nil, 403, "dav-filter"},
		{"unknown filter", "REPORT", dayPath, filter(`<c:comp-filter name="VCALENDAR"><c:magic/></c:comp-filter>`), nil, 403, "dav-filter"},
		{"time that is none", "REPORT", dayPath, filter(`<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:time-range start="2026-11-01"/></c:comp-filter></c:comp-filter>`), nil, 403, "dav-filter"},
		{"time backwards", "REPORT", dayPath, filter(`<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:time-range start="20261101T000000Z" end="20261001T000000Z"/></c:comp-filter></c:comp-filter>`), nil, 403, "dav-filter"},
		{"time without ends", "REPORT", dayPath, filter(`<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:time-range/></c:comp-filter></c:comp-filter>`), nil, 403, "dav-filter"},
		{"collation", "REPORT", dayPath, filter(`<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:prop-filter name="SUMMARY"><c:text-match collation="i;klingon">x</c:text-match></c:prop-filter></c:comp-filter></c:comp-filter>`), nil, 403, "dav-collation"},
		{"many filters", "REPORT", dayPath, filter(`<c:comp-filter name="VCALENDAR">` + many(65, `<c:prop-filter name="X"/>`) + `</c:comp-filter>`), nil, 403, "dav-filter"},
		{"patch without names", "PROPPATCH", dayPath, `<d:propertyupdate` + xmlns + `/>`, nil, 400, "dav-body"},
		{"patch an event", "PROPPATCH", dayPath + "e.ics", `<d:propertyupdate` + xmlns + `/>`, nil, 405, "dav-method"},
	} {
		before := w.do("PROPFIND", dayPath, propEtag, "Depth", "1").Body.String() + w.do("PROPFIND", tasksPath, propEtag, "Depth", "1").Body.String()
		rec := w.do(tt.method, tt.path, tt.body, tt.header...)
		var problem struct {
			XMLName xml.Name `xml:"DAV: error"`
			Code    string   `xml:"https://github.com/posvid/posvid/ns/problem problem>code"`
			Title   string   `xml:"https://github.com/posvid/posvid/ns/problem problem>title"`
			Next    string   `xml:"https://github.com/posvid/posvid/ns/problem problem>next"`
		}
		err := xml.Unmarshal(rec.Body.Bytes(), &problem)
		if rec.Code != tt.status || err != nil || problem.Code != tt.code || problem.Title == "" || problem.Next == "" {
			t.Errorf("%s: %d %.300s, want %d %s", tt.name, rec.Code, rec.Body, tt.status, tt.code)
		}
		if after := w.do("PROPFIND", dayPath, propEtag, "Depth", "1").Body.String() + w.do("PROPFIND", tasksPath, propEtag, "Depth", "1").Body.String(); after != before {
			t.Errorf("%s: something changed", tt.name)
		}
	}
}

// TestDAVMultiget: strange paths are not found, each once, and none leads out of the collection.
func TestDAVMultiget(t *testing.T) {
	w := davTest(t)
	w.mustPut(dayPath+"e.ics", event("e", "Подія", "20261123T080000Z"))
	w.mustPut(tasksPath+"t.ics", task("t", "Завдання"))
	calendar := func(hrefs ...string) davAnswer {
		var b strings.Builder
		for _, h := range hrefs {
			b.WriteString("<d:href>")
			xml.EscapeText(&b, []byte(h))
			b.WriteString("</d:href>")
		}
		return w.multistatus(w.do("REPORT", dayPath, `<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/></d:prop>`+b.String()+`</c:calendar-multiget>`))
	}
	good := []string{dayPath + "e.ics", davOrigin + dayPath + "e.ics", dayPath + "%65.ics", " " + dayPath + "e.ics\n"}
	for _, h := range good {
		if a := calendar(h); len(a.Responses) != 1 || a.Responses[0].Status != "" || a.Responses[0].Href != dayPath+"e.ics" {
			t.Errorf("%q: %+v", h, a.Responses)
		}
	}
	bad := []string{"", "e.ics", "/", dayPath, dayPath + "none.ics", dayPath + "../tasks/t.ics", tasksPath + "t.ics", dayPath + "e.ics?x", dayPath + "e.ics#x", dayPath + "%zz.ics", "/dav/calendars/99000011-1/day/e.ics",
		dayPath + "e.ics/", dayPath + "a%2Fb.ics", "::", "http://[::1", strings.Repeat("/", 3000), dayPath + "\u202ee.ics", dayPath + `"><x>`}
	if a := calendar(append(good, "http://other.example"+dayPath+"e.ics", dayPath+"e%2eics")...); len(a.Responses) != 1 {
		t.Errorf("%d answers for one object under many addresses", len(a.Responses))
	}
	a := calendar(append(bad, bad...)...)
	if len(a.Responses) != len(bad) {
		t.Errorf("%d answers for %d paths asked twice", len(a.Responses), len(bad))
	}
	for _, r := range a.Responses {
		if !strings.Contains(r.Status, " 404 ") {
			t.Errorf("%q: %+v", r.Href, r)
		}
	}
}

// TestDAVQuery: which objects a calendar-query finds.
func TestDAVQuery(t *testing.T) {
	w := davTest(t)
	w.mustPut(dayPath+"one.ics", event("one", "Нарада відділу", "20261123T080000Z"))
	w.mustPut(dayPath+"two.ics", event("two", "Відрядження", "20261201T080000Z"))
	w.mustPut(dayPath+"week.ics", strings.Replace(event("week", "Щотижня", "20260105T080000Z"), "DURATION", "RRULE:FREQ=WEEKLY\r\nDURATION", 1))
	w.mustPut(tasksPath+"t.ics", task("t", "Звіт"))
	for _, tt := range []struct{ path, filter, want string }{
		{dayPath, ``, "one two week"},
		{dayPath, `<c:comp-filter name="VEVENT"/>`, "one two week"},
		{dayPath, `<c:comp-filter name="vevent"/>`, "one two week"},
		{dayPath, `<c:comp-filter name="VTODO"/>`, ""},
		{dayPath, `<c:comp-filter name="VTODO"><c:is-not-defined/></c:comp-filter>`, "one two week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:is-not-defined/></c:comp-filter>`, ""},
		{dayPath, `<c:comp-filter name="VEVENT"><c:comp-filter name="VALARM"/></c:comp-filter>`, ""},
		{dayPath, `<c:comp-filter name="VEVENT"><c:time-range start="20261123T000000Z" end="20261124T000000Z"/></c:comp-filter>`, "one week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:time-range start="20261123T090000Z" end="20261123T100000Z"/></c:comp-filter>`, ""},
		{dayPath, `<c:comp-filter name="VEVENT"><c:time-range start="20261123T085959Z" end="20261123T100000Z"/></c:comp-filter>`, "one week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:time-range start="20261124T000000Z" end="20261130T000000Z"/></c:comp-filter>`, ""},
		{dayPath, `<c:comp-filter name="VEVENT"><c:time-range start="20261124T000000Z"/></c:comp-filter>`, "two week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:time-range end="20260101T000000Z"/></c:comp-filter>`, ""},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="SUMMARY"><c:text-match>НАРАДА</c:text-match></c:prop-filter></c:comp-filter>`, "one"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="SUMMARY"><c:text-match collation="i;octet">НАРАДА</c:text-match></c:prop-filter></c:comp-filter>`, ""},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="SUMMARY"><c:text-match negate-condition="yes">нарада</c:text-match></c:prop-filter></c:comp-filter>`, "two week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="UID"><c:text-match>two</c:text-match></c:prop-filter></c:comp-filter>`, "two"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="RRULE"/></c:comp-filter>`, "week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="RRULE"><c:is-not-defined/></c:prop-filter></c:comp-filter>`, "one two"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="X-UNKNOWN"><c:param-filter name="X-P"/></c:prop-filter></c:comp-filter>`, "one two week"},
		{dayPath, `<c:comp-filter name="VEVENT"><c:prop-filter name="X-UNKNOWN"><c:param-filter name="X-P"><c:is-not-defined/></c:param-filter></c:prop-filter></c:comp-filter>`, ""},
		{tasksPath, `<c:comp-filter name="VTODO"/>`, "t"},
		{tasksPath, `<c:comp-filter name="VTODO"><c:prop-filter name="COMPLETED"><c:is-not-defined/></c:prop-filter></c:comp-filter>`, "t"},
		{tasksPath, `<c:comp-filter name="VTODO"><c:time-range start="20261125T000000Z" end="20261126T000000Z"/></c:comp-filter>`, "t"},
		{tasksPath, `<c:comp-filter name="VTODO"><c:time-range start="20261126T000000Z" end="20261127T000000Z"/></c:comp-filter>`, ""},
	} {
		a := w.multistatus(w.do("REPORT", tt.path, `<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name="VCALENDAR">`+tt.filter+`</c:comp-filter></c:filter></c:calendar-query>`, "Depth", "1"))
		var got []string
		for _, r := range a.Responses {
			got = append(got, strings.TrimSuffix(filepath.Base(r.Href), ".ics"))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.filter, got, tt.want)
		}
	}
}

// TestDAVLongNames: every object answers with the names that were asked and are not there; long ones would make gigabytes of a megabyte.
func TestDAVLongNames(t *testing.T) {
	w := davTest(t)
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, `<x:p%d xmlns:x="urn:%s"/>`, i, strings.Repeat("x", 1000))
	}
	rec := w.do("PROPFIND", dayPath, `<d:propfind xmlns:d="DAV:"><d:prop>`+b.String()+`</d:prop></d:propfind>`, "Depth", "1")
	if rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", rec.Code)
	}
}

// TestDAVConditions: what If-Match and If-None-Match say when they are odd.
func TestDAVConditions(t *testing.T) {
	w := davTest(t)
	etag := w.mustPut(dayPath+"e.ics", event("e", "Подія", "20261123T080000Z"))
	for _, tt := range []struct {
		header, value string
		taken         bool
	}{
		{"If-Match", etag, true}, {"If-Match", `"x", ` + etag, true}, {"If-Match", "*", true}, {"If-Match", "W/" + etag, false}, {"If-Match", "", false}, {"If-Match", `""`, false}, {"If-Match", `"x"`, false},
		{"If-None-Match", etag, false}, {"If-None-Match", "W/" + etag, false}, {"If-None-Match", `"x",W/` + etag, false}, {"If-None-Match", "*", false}, {"If-None-Match", `"x"`, true},
	} {
		for _, method := range []string{"PUT", "DELETE"} {
			if method == "DELETE" && tt.taken {
				continue
			}
			body := ""
			if method == "PUT" {
				body = event("e", "Подія", "20261123T080000Z")
			}
			rec := w.do(method, dayPath+"e.ics", body, tt.header, tt.value, "Content-Type", "text/calendar")
			if taken := rec.Code == http.StatusNoContent; taken != tt.taken || !taken && rec.Code != http.StatusPreconditionFailed {
				t.Errorf("%s %s: %s: %d", method, tt.header, tt.value, rec.Code)
			}
		}
	}
}

// TestDAVCostlyQuery: once a query has cost its share, whatever is left is answered.
func TestDAVCostlyQuery(t *testing.T) {
	w := davTest(t)
	for i := range 30 {
		uid := fmt.Sprint("a", i)
		w.mustPut(dayPath+uid+".ics", strings.Replace(event(uid, "Ніколи", "19000101T080000Z"), "DURATION", "RRULE:FREQ=YEARLY;BYWEEKNO=1;BYYEARDAY=200\r\nDURATION", 1))
	}
	filter := `<c:comp-filter name="VEVENT"><c:time-range start="19010101T000000Z"/></c:comp-filter>`
	a := w.multistatus(w.do("REPORT", dayPath, `<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/></d:prop><c:filter><c:comp-filter name="VCALENDAR">`+
		filter+`</c:comp-filter></c:filter></c:calendar-query>`, "Depth", "1"))
	if n := len(a.Responses); n == 0 || n == 30 {
		t.Errorf("%d objects, want some that were decided and the rest", n)
	}
}

// TestDAVCards: which cards an addressbook-query finds; both cases of letters are one.
func TestDAVCards(t *testing.T) {
	w := davTest(t)
	for _, tt := range []struct{ filter, want string }{
		{``, "Вигаданець Гайовий Згурський Нечуй-Левицька Ґудзь"},
		{`<a:prop-filter name="FN"><a:text-match>ґУДЗЬ</a:text-match></a:prop-filter>`, "Ґудзь"},
		{`<a:prop-filter name="FN"><a:text-match match-type="starts-with">нечуй</a:text-match></a:prop-filter>`, "Нечуй-Левицька"},
		{`<a:prop-filter name="FN"><a:text-match match-type="equals">нечуй</a:text-match></a:prop-filter>`, ""},
		{`<a:prop-filter name="FN"><a:text-match match-type="ends-with">ярославович</a:text-match></a:prop-filter>`, "Згурський"},
		{`<a:prop-filter name="FN"><a:text-match negate-condition="yes" match-type="contains">ович</a:text-match></a:prop-filter>`, "Гайовий Нечуй-Левицька Ґудзь"},
		{`<a:prop-filter name="email"><a:text-match>@model.gov.ua</a:text-match></a:prop-filter>`, "Вигаданець Гайовий Згурський Нечуй-Левицька Ґудзь"},
		{`<a:prop-filter name="EMAIL"><a:param-filter name="TYPE"><a:text-match>home</a:text-match></a:param-filter></a:prop-filter>`, ""},
		{`<a:prop-filter name="BDAY"><a:is-not-defined/></a:prop-filter>`, "Вигаданець Гайовий Згурський Нечуй-Левицька Ґудзь"},
		{`<a:prop-filter name="BDAY"/>`, ""},
		{`<a:prop-filter name="FN"><a:text-match>згур</a:text-match></a:prop-filter><a:prop-filter name="FN"><a:text-match>гайов</a:text-match></a:prop-filter>`, "Гайовий Згурський"},
	} {
		a := w.multistatus(w.do("REPORT", bookPath, `<a:addressbook-query xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:prop><d:getetag/><a:address-data/></d:prop><a:filter>`+tt.filter+`</a:filter></a:addressbook-query>`, "Depth", "1"))
		var got []string
		for _, r := range a.Responses {
			card := r.Propstats[0].Prop.Card
			_, name, _ := strings.Cut(card, "\nN:")
			name, _, _ = strings.Cut(name, ";")
			got = append(got, name)
			if !strings.Contains(card, "посвідчення чинне") {
				t.Errorf("card without the state of the service ID: %s", card)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.filter, got, tt.want)
		}
	}
	both := w.multistatus(w.do("REPORT", bookPath, `<a:addressbook-query xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:prop><d:getetag/></d:prop><a:filter test="allof"><a:prop-filter name="FN"><a:text-match>згур</a:text-match></a:prop-filter><a:prop-filter name="FN"><a:text-match>гайов</a:text-match></a:prop-filter></a:filter></a:addressbook-query>`))
	limited := w.multistatus(w.do("REPORT", bookPath, `<a:addressbook-query xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:prop><d:getetag/></d:prop><a:filter/><a:limit><a:nresults>2</a:nresults></a:limit></a:addressbook-query>`))
	if len(both.Responses) != 0 || len(limited.Responses) != 2 {
		t.Errorf("allof %v, limit 2 %v", both.hrefs(), limited.hrefs())
	}
}

// TestDAVManyCards: a search that finds too much is refused; by name and by synchronising everything comes.
func TestDAVManyCards(t *testing.T) {
	w := davTest(t)
	fill(t, w.directory, crowd(2001), began)
	query := `<a:addressbook-query xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:prop><d:getetag/></d:prop><a:filter/>%s</a:addressbook-query>`
	if rec := w.do("REPORT", bookPath, fmt.Sprintf(query, "")); rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), "number-of-matches-within-limits") || strings.Contains(rec.Body.String(), "multistatus") {
		t.Errorf("2,001 matches: %d %.300s", rec.Code, rec.Body)
	}
	if a := w.multistatus(w.do("REPORT", bookPath, fmt.Sprintf(query, "<a:limit><a:nresults>3</a:nresults></a:limit>"))); len(a.Responses) != 3 {
		t.Errorf("limit 3: %d", len(a.Responses))
	}
	given := 0
	w.dav.Given = func(seat office.Seat, cards int, _ time.Time) {
		if given += cards; seat != davMember.Seat {
			t.Errorf("cards of %s", seat)
		}
	}
	if cards, _ := fullSync(w); cards != 2001 || given != 2001 {
		t.Errorf("%d cards, %d counted, want 2001", cards, given)
	}
	w.do("GET", bookPath+office.Seat{Body: "99000011", Post: 7}.UID()+".vcf", "")
	w.do("REPORT", bookPath, fmt.Sprintf(query, "<a:limit><a:nresults>3</a:nresults></a:limit>"))
	w.do("PROPFIND", bookPath, propEtag, "Depth", "1")
	if given != 2005 {
		t.Errorf("%d cards counted, want 2005", given)
	}
}

// brokenWriter takes so many bytes and no more.
type brokenWriter struct {
	header http.Header
	room   int
	status int
}

func (b *brokenWriter) Header() http.Header    { return b.header }
func (b *brokenWriter) WriteHeader(status int) { b.status = status }
func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.room -= len(p); b.room < 0 {
		return 0, errors.New("the other end went away")
	}
	return len(p), nil
}

// TestDAVCutOff: an answer that cannot be finished is cut off, so that no half passes for the whole; one that has not begun is
// an error of the store, and nothing is sent.
func TestDAVCutOff(t *testing.T) {
	w := davTest(t)
	fill(t, w.directory, crowd(200), began)
	for _, room := range []int{0, 100, 40_000} {
		func() {
			defer func() {
				if cause := recover(); cause != http.ErrAbortHandler {
					t.Errorf("after %d bytes: %v, want the connection cut", room, cause)
				}
			}()
			r := httptest.NewRequest("PROPFIND", bookPath, strings.NewReader(`<propfind xmlns="DAV:"><allprop/></propfind>`))
			r.Header.Set("Depth", "1")
			w.dav.Serve(&brokenWriter{header: http.Header{}, room: room}, r, w.member, "uk", w.at)
		}()
	}
	broken, err := office.OpenPlanner(t.Context(), brokenStore{open(t)})
	if err != nil {
		t.Fatal(err)
	}
	w.dav.Planner = broken
	for _, method := range []string{"PROPFIND", "REPORT"} {
		out := &brokenWriter{header: http.Header{}, room: 1 << 20}
		r := httptest.NewRequest(method, dayPath, strings.NewReader(map[string]string{"PROPFIND": propEtag, "REPORT": syncBody("", 0)}[method]))
		r.Header.Set("Depth", "1")
		var refused *office.DAVError
		if err := w.dav.Serve(out, r, w.member, "uk", w.at); err == nil || errors.As(err, &refused) || out.room != 1<<20 || out.status != 0 || out.header.Get("Content-Type") != "" {
			t.Errorf("%s with a store that fails: %v, status %d", method, err, out.status)
		}
	}
}

// brokenStore reads nothing.
type brokenStore struct{ office.Store }

func (brokenStore) View(context.Context, func(office.Tx) error) error {
	return errors.New("disk is gone")
}

// TestDAVClient: go-webdav's own client, which knows nothing of this server, finds and reads everything.
func TestDAVClient(t *testing.T) {
	w := davTest(t)
	w.mustPut(dayPath+"e.ics", event("e", "Нарада", "20261123T080000Z"))
	server := httptest.NewServer(w)
	defer server.Close()
	ctx := t.Context()
	cards, err := carddav.NewClient(server.Client(), server.URL+"/dav/")
	if err != nil {
		t.Fatal(err)
	}
	if err := cards.HasSupport(ctx); err != nil {
		t.Error(err)
	}
	me, err := cards.FindCurrentUserPrincipal(ctx)
	if err != nil || me != principal {
		t.Fatalf("%s %v", me, err)
	}
	home, err := cards.FindAddressBookHomeSet(ctx, me)
	if err != nil {
		t.Fatal(err)
	}
	books, err := cards.FindAddressBooks(ctx, home)
	if err != nil || len(books) != 1 || books[0].Name != ministry.Name {
		t.Fatalf("%+v %v", books, err)
	}
	synced, err := cards.SyncCollection(ctx, books[0].Path, &carddav.SyncQuery{})
	if err != nil || len(synced.Updated) != 5 || synced.SyncToken == "" {
		t.Fatalf("%+v %v", synced, err)
	}
	get := carddav.AddressBookMultiGet{DataRequest: carddav.AddressDataRequest{AllProp: true}}
	for _, o := range synced.Updated {
		get.Paths = append(get.Paths, o.Path)
	}
	objects, err := cards.MultiGetAddressBook(ctx, books[0].Path, &get)
	if err != nil || len(objects) != 5 || objects[0].Card.Value("FN") == "" || objects[0].ETag == "" {
		t.Fatalf("%+v %v", objects, err)
	}
	one, err := cards.GetAddressObject(ctx, objects[0].Path)
	if err != nil || one.Card.Value("UID") != objects[0].Card.Value("UID") || one.ETag != objects[0].ETag {
		t.Errorf("GET %+v, multiget %+v, %v", one, objects[0], err)
	}

	plans, err := caldav.NewClient(server.Client(), server.URL+"/dav/")
	if err != nil {
		t.Fatal(err)
	}
	set, err := plans.FindCalendarHomeSet(ctx, me)
	if err != nil {
		t.Fatal(err)
	}
	found, err := plans.FindCalendars(ctx, set)
	if err != nil || len(found) != 2 || found[0].Name != "Робочий день" || !slices.Equal(found[1].SupportedComponentSet, []string{"VTODO"}) {
		t.Fatalf("%+v %v", found, err)
	}
	events, err := plans.QueryCalendar(ctx, found[0].Path, &caldav.CalendarQuery{CompRequest: caldav.CalendarCompRequest{Name: "VCALENDAR", AllProps: true, AllComps: true},
		CompFilter: caldav.CompFilter{Name: "VCALENDAR", Comps: []caldav.CompFilter{{Name: "VEVENT", Start: began, End: began.AddDate(0, 0, 7)}}}})
	if err != nil || len(events) != 1 || events[0].Data.Events()[0].Props.Get(ical.PropSummary).Value != "Нарада" {
		t.Fatalf("%+v %v", events, err)
	}
	events[0].Data.Events()[0].Props.SetText(ical.PropSummary, "Перенесено")
	if _, err := plans.PutCalendarObject(ctx, events[0].Path, events[0].Data); err != nil {
		t.Fatal(err)
	}
	again, err := plans.GetCalendarObject(ctx, events[0].Path)
	if err != nil || again.Data.Events()[0].Props.Get(ical.PropSummary).Value != "Перенесено" {
		t.Errorf("%+v %v", again, err)
	}
}

// TestDAVPatch: names and colours stay; the client is told for each.
func TestDAVPatch(t *testing.T) {
	w := davTest(t)
	rec := w.do("PROPPATCH", dayPath, `<d:propertyupdate xmlns:d="DAV:" xmlns:i="http://apple.com/ns/ical/"><d:set><d:prop><i:calendar-color>#FF0000FF</i:calendar-color></d:prop></d:set><d:remove><d:prop><d:displayname/></d:prop></d:remove></d:propertyupdate>`)
	a := w.multistatus(rec)
	if len(a.Responses) != 1 || len(a.Responses[0].Propstats) != 1 || !strings.Contains(a.Responses[0].Propstats[0].Status, "403") || !strings.Contains(rec.Body.String(), "cannot-modify-protected-property") {
		t.Errorf("%s", rec.Body)
	}
	if all := w.do("PROPFIND", dayPath, "", "Depth", "0").Body.String(); strings.Contains(all, "FF0000") {
		t.Error("the colour changed")
	}
}

// TestMobileConfig: the profile leads to the accounts and holds no password.
func TestMobileConfig(t *testing.T) {
	m := davMember
	m.Email = `o'<&>"@model.gov.ua`
	data, err := office.MobileConfig(m, `Орган <i>&amp;`, "https://id.example.gov.ua:8443")
	if err != nil {
		t.Fatal(err)
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	var texts []string
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if c, ok := token.(xml.CharData); ok && len(bytes.TrimSpace(c)) > 0 {
			texts = append(texts, string(c))
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{"com.apple.carddav.account", "com.apple.caldav.account", "CardDAVHostName\nid.example.gov.ua", "CalDAVPort\n8443", "CardDAVPrincipalURL\n" + principal, m.Email, "Дія.Офіс: Орган <i>&amp;"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s, want %s", all, want)
		}
	}
	if regexp.MustCompile(`(?i)<key>[A-Za-z]*password`).Match(data) || bytes.Count(data, []byte("<true/>")) != 2 {
		t.Errorf("%s", data)
	}
	again, _ := office.MobileConfig(m, `Орган <i>&amp;`, "https://id.example.gov.ua:8443")
	if !bytes.Equal(data, again) {
		t.Error("a profile made again is another one: it would not replace the first")
	}
	for _, origin := range []string{"", "id.example.gov.ua", "https://", "::"} {
		if _, err := office.MobileConfig(m, "Орган", origin); err == nil {
			t.Errorf("origin %q: no error", origin)
		}
	}
}

// fuzzServe sends one hostile request and checks what holds for every answer.
func fuzzServe(t *testing.T, w *davWorld, method, path, body string, header ...string) {
	r := httptest.NewRequest("GET", "/", strings.NewReader(body))
	r.Method, r.URL.Path = method, path
	r.Header.Set("Content-Type", "application/xml")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.t = t
	w.ServeHTTP(rec, r)
	if rec.Code >= 500 && rec.Code != http.StatusInsufficientStorage {
		t.Fatalf("%s %q: %d %s", method, path, rec.Code, rec.Body)
	}
	if strings.Contains(rec.Body.String(), "99000011-1/") && !strings.Contains(body, "99000011-1/") {
		t.Fatalf("%s %q: another's path in %s", method, path, rec.Body)
	}
	if rec.Body.Len() > 4<<20 {
		t.Fatalf("%s %q: %d bytes answered to %d", method, path, rec.Body.Len(), len(body))
	}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/xml") {
		dec := xml.NewDecoder(rec.Body)
		for {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s %q: answer is no XML: %v", method, path, err)
			}
		}
	}
}

// davSeeds are the bodies of the recordings.
func davSeeds(f *testing.F, method string) {
	files, _ := filepath.Glob("testdata/dav/*.http")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(data), "\n### ") {
			if _, rest, ok := strings.Cut(part, "\n"+method+" "); ok {
				if _, body, ok := strings.Cut(rest, "\n\n"); ok {
					body, _, _ = strings.Cut(body, "\n--- answer")
					f.Add(body)
				}
			}
		}
	}
}

func FuzzDAVPropfind(f *testing.F) {
	w := davTest(f)
	davSeeds(f, "PROPFIND")
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/", principal, planHome, bookPath} {
			fuzzServe(t, w, "PROPFIND", path, body, "Depth", "1")
		}
		fuzzServe(t, w, "PROPPATCH", dayPath, body)
	})
}

func FuzzDAVReport(f *testing.F) {
	w := davTest(f)
	w.mustPut(dayPath+"e.ics", event("e", "Нарада", "20261123T080000Z"))
	davSeeds(f, "REPORT")
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{dayPath, bookPath} {
			fuzzServe(t, w, "REPORT", path, body, "Depth", "1")
		}
	})
}

func FuzzDAVPath(f *testing.F) {
	w := davTest(f)
	w.mustPut(dayPath+"e.ics", event("e", "Нарада", "20261123T080000Z"))
	for _, path := range []string{"/", "", bookPath, dayPath + "e.ics", dayPath + "../../99000011-1/day/e.ics", "/dav/calendars/99000011-1/day/e.ics", bookPath + "x.vcf", dayPath + "%00"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		var href strings.Builder
		xml.EscapeText(&href, []byte(path))
		fuzzServe(t, w, "REPORT", dayPath, `<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/></d:prop><d:href>`+href.String()+`</d:href></c:calendar-multiget>`)
		fuzzServe(t, w, "REPORT", bookPath, `<a:addressbook-multiget xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:prop><d:getetag/></d:prop><d:href>`+href.String()+`</d:href></a:addressbook-multiget>`)
		if !strings.HasPrefix(path, "/dav/calendars/99000011-1/") { // it stands in no answer but its own
			for _, method := range []string{"PROPFIND", "GET", "OPTIONS"} {
				fuzzServe(t, w, method, path, "", "Depth", "1")
			}
		}
	})
}
