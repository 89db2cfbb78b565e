package offices

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// davProgram is a program on an official's device: a user name and an app password.
type davProgram struct {
	w              *servicetest.World
	user, password string
}

func programOf(t testing.TB, w *servicetest.World, h *servicetest.Holder, scopes office.AppScope) davProgram {
	t.Helper()
	_, password, err := office.NewAppPasswords(w.Server.Store.Office()).Make(t.Context(), seatOf(h), "Телефон", scopes, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	return davProgram{w, seatOf(h).String(), password}
}

func (p davProgram) do(method, path, body string, header ...string) (int, http.Header, string) {
	p.w.T.Helper()
	r, err := http.NewRequest(method, p.w.URL+path, strings.NewReader(body))
	if err != nil {
		p.w.T.Fatal(err)
	}
	if p.user != "" {
		r.SetBasicAuth(p.user, p.password)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/xml; charset=utf-8")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a, err := p.w.Client().Do(r)
	if err != nil {
		p.w.T.Fatal(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		p.w.T.Fatal(err)
	}
	return a.StatusCode, a.Header, string(data)
}

const whoAmI = `<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>`

// TestDAVAccess: programs alone come in, everywhere where a phone may begin, and only while the service ID is valid.
func TestDAVAccess(t *testing.T) {
	w := world(t)
	h := w.Ministry.Holders["issued"]
	good := programOf(t, w, h, office.ForDAV)
	mail := programOf(t, w, h, office.ForMail)
	for _, path := range []string{"/", "/principals/", "/dav/", "/dav/principals/", "/dav/addressbooks/", "/dav/calendars/"} {
		for _, method := range []string{"PROPFIND", "OPTIONS"} {
			status, header, _ := davProgram{w: w}.do(method, path, "", "Depth", "0")
			if status != http.StatusUnauthorized || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s %s without a password: %d %q, want 401 Basic", method, path, status, header.Get("WWW-Authenticate"))
			}
			if status, _, _ := (davProgram{w, good.user, "wrong"}).do(method, path, "", "Depth", "0"); status != http.StatusUnauthorized {
				t.Errorf("%s %s with a wrong password: %d, want 401", method, path, status)
			}
		}
		if status, _, body := good.do("PROPFIND", path, whoAmI, "Depth", "0"); path != "/dav/calendars/" && (status != http.StatusMultiStatus || !strings.Contains(body, "/dav/principals/"+good.user+"/")) {
			t.Errorf("PROPFIND %s: %d %.200s", path, status, body)
		}
	}
	for name, p := range map[string]davProgram{"password for mail": mail, "another's user name": {w, seatOf(w.Ministry.Holders["second"]).String(), good.password}} {
		if status, _, body := p.do("PROPFIND", "/dav/", whoAmI, "Depth", "0"); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("%s: %d %.200s", name, status, body)
		}
	}
	account := w.As(official(h))
	for _, method := range []string{"PROPFIND", "GET", "PUT", "DELETE", "REPORT"} {
		if status, _, _ := w.Do(account, method, "/dav/addressbooks/", nil, "Depth", "0"); status != http.StatusForbidden {
			t.Errorf("%s by a browser's session: %d, want 403", method, status)
		}
	}
	if status, _, body := good.do("GET", "/office/", "", "Accept", "application/json"); status != http.StatusUnauthorized {
		t.Errorf("an app password opened a page: %d %.200s", status, body)
	}
	if status, _, _ := good.do("LOCK", "/dav/addressbooks/", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("LOCK: %d", status)
	}
	if status, _, body := good.do("PUT", "/dav/calendars/"+good.user+"/day/x.ics", strings.Repeat("x", 2<<20), "Content-Type", "text/calendar"); status != http.StatusForbidden || !strings.Contains(body, "max-resource-size") {
		t.Errorf("2 MiB: %d %.200s, want 403 max-resource-size", status, body)
	}
	if status, _, _ := good.do("REPORT", "/dav/addressbooks/", strings.Repeat(" ", 5<<20)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a report of 5 MiB: %d, want 413", status)
	}
	if log := w.Logs.String(); strings.Contains(log, good.user) || strings.Contains(log, good.password) {
		t.Error("the log names the seat or the password")
	}
}

// TestDAVRevoked: whoever loses the service ID is out at the next request, and others see it on the card.
func TestDAVRevoked(t *testing.T) {
	w := world(t)
	h := w.Ministry.Holders["second"]
	lost, other := programOf(t, w, h, office.ForDAV), programOf(t, w, w.Ministry.Holders["issued"], office.ForDAV)
	ask := func(p davProgram) int {
		status, _, _ := p.do("PROPFIND", "/dav/", whoAmI, "Depth", "0")
		return status
	}
	if got := ask(lost); got != http.StatusMultiStatus {
		t.Fatalf("before: %d", got)
	}
	if err := w.Ministry.Body.Body.Suspend(t.Context(), h.Row, issuer.Change{Ground: issuer.GroundLoss, Operator: w.Ministry.Operators[0].Ident(), At: w.Now()}); err != nil {
		t.Fatal(err)
	}
	if got := ask(lost); got != http.StatusUnauthorized && got != http.StatusForbidden {
		t.Errorf("suspended: %d, want 401 or 403", got)
	}
	if got := ask(other); got != http.StatusMultiStatus {
		t.Errorf("another official: %d", got)
	}
	// The colleague's phone gets the card anew, with the state as it is.
	book := "/dav/addressbooks/" + h.Body.EDRPOU + "/"
	look := func(token string) (next, body string) {
		status, _, body := other.do("REPORT", book, `<d:sync-collection xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:sync-token>`+token+`</d:sync-token><d:sync-level>1</d:sync-level><d:prop><d:getetag/><a:address-data/></d:prop></d:sync-collection>`, "Depth", "0")
		_, rest, ok := strings.Cut(body, "<d:sync-token>")
		if next, _, _ = strings.Cut(rest, "<"); status != http.StatusMultiStatus || !ok {
			t.Fatalf("sync-collection: %d %.300s", status, body)
		}
		return next, body
	}
	token, all := look("")
	if strings.Count(all, "посвідчення зупинено") != 1 { // of the one who is suspended in every world
		t.Errorf("before the directory was filled again: %s", all)
	}
	w.RunJobs()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		next, changes := look(token)
		if next == token && time.Now().Before(deadline) {
			continue
		}
		if next == token || strings.Count(changes, "BEGIN:VCARD") != 1 || !strings.Contains(changes, "посвідчення зупинено") {
			t.Errorf("after the directory was filled again: %s", changes)
		}
		break
	}
}

// TestDAVCardLimit: a post that takes the directory over and over is stopped, and no other.
func TestDAVCardLimit(t *testing.T) {
	w := servicetest.New(t)
	p, err := mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()})
	if err != nil {
		t.Fatal(err)
	}
	c := &cardLimit{seat: map[office.Seat]*rate.Limiter{}, given: prometheus.NewCounter(prometheus.CounterOpts{Name: "x"})}
	one, other := seatOf(w.Ministry.Holders["issued"]), seatOf(w.Ministry.Holders["second"])
	all, err := p.directory.Search(t.Context(), office.Query{Limit: 1})
	if err != nil || all.Total == 0 {
		t.Fatalf("%d people, %v", all.Total, err)
	}
	at := w.Now()
	for i := range wholeDirectories {
		if err := c.check(t.Context(), p.directory, one, at); err != nil {
			t.Fatalf("directory taken %d times: %v", i, err)
		}
		c.take(one, all.Total, at)
	}
	if err := c.check(t.Context(), p.directory, one, at); !errors.Is(err, TooManyCards) {
		t.Errorf("taken %d times: %v", wholeDirectories, err)
	}
	if err := c.check(t.Context(), p.directory, other, at); err != nil {
		t.Errorf("another post: %v", err)
	}
	c.take(other, 1<<30, at) // an answer larger than a day's cards
	if err := c.check(t.Context(), p.directory, other, at.Add(time.Minute)); !errors.Is(err, TooManyCards) {
		t.Errorf("after a large answer: %v", err)
	}
	for _, seat := range []office.Seat{one, other} {
		if err := c.check(t.Context(), p.directory, seat, at.Add(6*time.Hour)); err != nil {
			t.Errorf("after six hours: %v", err)
		}
	}
}

// TestDAVWellKnown: RFC 6764 leads to the top, whoever asks.
func TestDAVWellKnown(t *testing.T) {
	w := world(t)
	for _, name := range []string{"carddav", "caldav"} {
		for _, method := range []string{"GET", "HEAD", "PROPFIND", "OPTIONS", "REPORT"} {
			status, header, _ := davProgram{w: w}.do(method, "/.well-known/"+name, "", "Depth", "0")
			if status != http.StatusMovedPermanently || header.Get("Location") != "/dav/" {
				t.Errorf("%s %s: %d %q", method, name, status, header.Get("Location"))
			}
		}
	}
}

// TestMobileConfigPage: an official gets a profile for his own post.
func TestMobileConfigPage(t *testing.T) {
	w := world(t)
	h := w.Ministry.Holders["issued"]
	status, header, body := w.Do(w.As(official(h)), "GET", "/office/apps/mobileconfig", nil)
	if status != http.StatusOK || header.Get("Content-Type") != "application/x-apple-aspen-config" || !strings.Contains(string(body), "/dav/principals/"+seatOf(h).String()+"/") {
		t.Errorf("%d %s %.300s", status, header.Get("Content-Type"), body)
	}
	if err := xml.Unmarshal(body, new(struct{})); err != nil {
		t.Error(err)
	}
	for name, who := range map[string]service.Principal{"suspended": official(w.Ministry.Holders["suspended"]), "registrar": w.Role(service.Registrar, w.Ministry)} {
		if status, _, _ := w.Do(w.As(who), "GET", "/office/apps/mobileconfig", nil); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// davTools are real clients with a home of their own.
type davTools struct {
	t    testing.TB
	home string
}

func newDAVTools(t testing.TB, programs ...string) *davTools {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", name)
			}
			t.Skipf("%s is not installed", name)
		}
	}
	return &davTools{t, t.TempDir()}
}

func (d *davTools) file(name, text string) {
	d.t.Helper()
	name = filepath.Join(d.home, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "HOME", d.home)), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// try runs a client; input is typed into it.
func (d *davTools) try(input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = d.home
	c.Env = append(os.Environ(), "HOME="+d.home, "XDG_CONFIG_HOME="+d.home+"/.config", "XDG_DATA_HOME="+d.home+"/.local/share", "XDG_CACHE_HOME="+d.home+"/.cache",
		"LC_ALL=C.UTF-8", "TZ=Europe/Kyiv", "PYTHONWARNINGS=ignore", "NO_COLOR=1")
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (d *davTools) run(name string, args ...string) string {
	d.t.Helper()
	out, err := d.try("", name, args...)
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// vdirsyncer writes the configuration for the address book of a body and both calendars, and finds them on the server.
func (d *davTools) vdirsyncer(p davProgram, collections ...string) {
	d.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "[general]\nstatus_path = \"HOME/status/\"\n")
	for _, c := range collections {
		kind, suffix, extra := "caldav", ".ics", ""
		if !strings.Contains(c, "s") && c != "day" {
			kind, suffix, extra = "carddav", ".vcf", "read_only = true\n"
		}
		fmt.Fprintf(&b, "\n[pair %[1]s]\na = \"%[1]s_here\"\nb = \"%[1]s_there\"\ncollections = [%[2]q]\n\n[storage %[1]s_here]\ntype = \"filesystem\"\npath = \"HOME/data/\"\nfileext = %[3]q\n\n[storage %[1]s_there]\ntype = %[4]q\nurl = %[5]q\nusername = %[6]q\npassword = %[7]q\n%[8]s",
			"p"+c, c, suffix, kind, p.w.URL+"/", p.user, p.password, extra)
	}
	d.file(".config/vdirsyncer/config", b.String())
	if out, err := d.try(strings.Repeat("y\n", len(collections)), "vdirsyncer", "discover"); err != nil {
		d.t.Fatalf("vdirsyncer discover: %v\n%s", err, out)
	}
}

// TestDAVVdirsyncer: cards, events and tasks go both ways between real programs; of a change on both sides nothing is lost.
func TestDAVVdirsyncer(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: runs vdirsyncer, khard, khal and todoman")
	}
	d := newDAVTools(t, "vdirsyncer", "khard", "khal", "todoman")
	w := world(t)
	h := w.Ministry.Holders["issued"]
	p := programOf(t, w, h, office.ForDAV)
	d.vdirsyncer(p, w.Ministry.EDRPOU, "day", "tasks")
	d.file(".config/khard/khard.conf", "[addressbooks]\n[[office]]\npath = HOME/data/"+w.Ministry.EDRPOU+"/\n[general]\neditor = true\nmerge_editor = true\n")
	d.file(".config/khal/config", "[calendars]\n[[day]]\npath = HOME/data/day/\n[locale]\ntimeformat = %H:%M\ndateformat = %Y-%m-%d\nlongdateformat = %Y-%m-%d\ndatetimeformat = %Y-%m-%d %H:%M\nlongdatetimeformat = %Y-%m-%d %H:%M\nlocal_timezone = Europe/Kyiv\ndefault_timezone = Europe/Kyiv\n[default]\ndefault_calendar = day\n[sqlite]\npath = HOME/khal.db\n")
	d.file(".config/todoman/config.py", "path = 'HOME/data/tasks'\ncache_path = 'HOME/todoman.db'\ndate_format = '%Y-%m-%d'\ntime_format = '%H:%M'\ndefault_list = 'tasks'\n")

	d.run("khal", "new", "2026-11-23", "10:00", "11:00", "Нарада відділу")
	d.run("todoman", "new", "--due", "2026-11-25", "Підготувати звіт")
	d.run("vdirsyncer", "sync")

	// Cards came with the state of the service ID.
	seat, err := office.OpenDirectory(t.Context(), w.Server.Store.Office())
	if err != nil {
		t.Fatal(err)
	}
	entry, err := seat.Entry(t.Context(), seatOf(h))
	if err != nil {
		t.Fatal(err)
	}
	cards, err := filepath.Glob(filepath.Join(d.home, "data", w.Ministry.EDRPOU, "*.vcf"))
	if err != nil || len(cards) < 3 {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	if out := d.run("khard", "list", "--parsable"); strings.Count(out, "\n") != len(cards) || !strings.Contains(out, entry.Surname) {
		t.Errorf("khard list of %d cards: %s, want %s", len(cards), out, entry.Surname)
	}
	if out := d.run("khard", "show", entry.Surname); !strings.Contains(out, "осв") || !strings.Contains(out, "чинне") {
		t.Errorf("khard show: %s", out)
	}

	// What was made here is there.
	planner, err := office.OpenPlanner(t.Context(), w.Server.Store.Office())
	if err != nil {
		t.Fatal(err)
	}
	only := func(c office.Collection) office.Object {
		t.Helper()
		list, err := planner.List(t.Context(), seatOf(h), c)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d objects, %v", c, len(list), err)
		}
		o, err := planner.Object(t.Context(), seatOf(h), c, list[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	ev, todo := only(office.Day), only(office.Tasks)
	if !strings.Contains(string(ev.Data), "Нарада відділу") || !strings.Contains(string(todo.Data), "Підготувати звіт") {
		t.Errorf("%s%s", ev.Data, todo.Data)
	}

	// What is changed and made there comes here.
	moved := strings.Replace(string(ev.Data), "Нарада відділу", "Нарада перенесена", 1)
	if _, err := planner.Put(t.Context(), seatOf(h), office.Day, ev.Name, []byte(moved), office.PutCondition{IfMatch: `"` + ev.ETag + `"`}, w.Now()); err != nil {
		t.Fatal(err)
	}
	given := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//UK\r\nBEGIN:VTODO\r\nUID:other\r\nDTSTAMP:20261120T080000Z\r\nSUMMARY:Прочитати наказ\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
	if status, _, body := p.do("PUT", "/dav/calendars/"+p.user+"/tasks/other.ics", given, "Content-Type", "text/calendar", "If-None-Match", "*"); status != http.StatusCreated {
		t.Fatalf("PUT: %d %s", status, body)
	}
	d.run("vdirsyncer", "sync")
	if out := d.run("khal", "list", "2026-11-23", "1d"); !strings.Contains(out, "10:00-11:00 Нарада перенесена") {
		t.Errorf("khal list: %s", out)
	}
	if out := d.run("todoman", "list"); !strings.Contains(out, "Підготувати звіт") || !strings.Contains(out, "Прочитати наказ") {
		t.Errorf("todoman list: %s", out)
	}
	if out, err := d.try("", "vdirsyncer", "sync"); err != nil || strings.Contains(out, "Copying") {
		t.Errorf("a sync without changes moved something: %v %s", err, out)
	}

	// A task done here is done there.
	d.run("todoman", "done", "1")

	// The event is changed on both sides: neither side loses its own, and the client is told.
	files, err := filepath.Glob(filepath.Join(d.home, "data", "day", "*.ics"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	here := files[0]
	local, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(here, []byte(strings.Replace(string(local), "перенесена", "тут", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	now := only(office.Day)
	if _, err := planner.Put(t.Context(), seatOf(h), office.Day, now.Name, []byte(strings.Replace(string(now.Data), "перенесена", "там", 1)), office.PutCondition{}, w.Now()); err != nil {
		t.Fatal(err)
	}
	out, err := d.try("", "vdirsyncer", "sync")
	if err == nil || !strings.Contains(strings.ToLower(out), "conflict") {
		t.Errorf("a change on both sides: %v %s", err, out)
	}
	if local, _ = os.ReadFile(here); !strings.Contains(string(local), "Нарада тут") || !strings.Contains(string(only(office.Day).Data), "Нарада там") {
		t.Error("a change was lost")
	}
	list, err := planner.List(t.Context(), seatOf(h), office.Tasks)
	done := 0
	for _, o := range list {
		if o, err := planner.Object(t.Context(), seatOf(h), office.Tasks, o.Name); err == nil && strings.Contains(string(o.Data), "STATUS:COMPLETED") {
			done++
		}
	}
	if err != nil || len(list) != 2 || done != 1 {
		t.Errorf("%d tasks, %v: the one done on the device is not done here", len(list), err)
	}
}
