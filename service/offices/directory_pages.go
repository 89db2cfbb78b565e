package offices

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-vcard"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Problems of the directory.
var (
	UnknownEntry = service.NewProblem(http.StatusNotFound, "office-unknown-entry", "Такого запису в довіднику немає.", "There is no such entry in the directory.",
		"Знайдіть особу чи орган пошуком.", "Find the person or the body by searching.")
	WrongDay = service.NewProblem(http.StatusUnprocessableEntity, "office-day", "Дату не прочитано.", "The date cannot be read.",
		"Оберіть день не раніше 2000 року.", "Choose a day not before the year 2000.")
	ManyFound = service.NewProblem(http.StatusUnprocessableEntity, "office-too-many", "У файл потрапило б понад 5000 осіб.", "The file would have more than 5,000 people.",
		"Оберіть орган або підрозділ.", "Choose a body or a unit.")
	ManyDownloads = service.NewProblem(http.StatusTooManyRequests, "office-downloads", "Забагато завантажень із довідника.", "Too many downloads from the directory.",
		"Зачекайте годину; щоб мати всіх завжди під рукою, під'єднайте адресну книгу на сторінці «Програми».", "Wait an hour; to have everybody at hand always, connect the address book on the page “Programs”.")
)

// Bounds of pages and files of the directory.
const (
	deepest    = 1000 // found people that pages show: whoever wants more has a narrower question or a file
	mostInFile = 5000
	// Downloads of one post: so many cards at once, and as many again over an hour; a list counts as ten.
	downloads    = 60
	downloadList = 10
)

// downloadLimit counts what a post has downloaded.
type downloadLimit struct {
	mu   sync.Mutex
	seat map[office.Seat]*rate.Limiter
	of   *prometheus.CounterVec
}

// take notes a download that counts as n, or refuses it.
func (d *downloadLimit) take(seat office.Seat, format string, n int, at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.seat[seat]
	if l == nil {
		for s, old := range d.seat { // who has waited long enough is as good as new
			if len(d.seat) > 10_000 && old.TokensAt(at) >= downloads {
				delete(d.seat, s)
			}
		}
		l = rate.NewLimiter(rate.Every(time.Hour/downloads), downloads)
		d.seat[seat] = l
	}
	if !l.AllowN(at, n) {
		d.of.WithLabelValues(format, "refused").Inc()
		return ManyDownloads
	}
	d.of.WithLabelValues(format, "given").Inc()
	return nil
}

func (p *part) mountDirectoryPages() {
	p.downloads = &downloadLimit{seat: map[office.Seat]*rate.Limiter{}, of: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_office_downloads_total",
		Help: "Files of the directory by format and answer: given, refused."}, []string{"format", "answer"})}
	p.s.Metrics.MustRegister(p.downloads.of)
	p.s.Page("GET /office/directory", officials, p.searchPage)
	p.s.Page("GET /office/directory/file", officials, p.directoryFile)
	p.s.Page("GET /office/directory/{body}", officials, p.bodyPage)
	p.s.Page("GET /office/directory/{body}/unit", officials, p.unitPage)
	p.s.Page("GET /office/directory/{body}/chart", officials, p.chartPage)
	p.s.Page("GET /office/directory/{body}/chart.svg", officials, p.chartFile)
	p.s.Page("GET /office/directory/{body}/staffing", officials, p.staffingPage)
	p.s.Page("GET /office/directory/{body}/card.vcf", officials, p.bodyCard)
	p.s.Page("GET /office/people/{uid}", officials, p.personPage)
	p.s.Page("GET /office/people/{uid}/card.vcf", officials, p.personCard)
}

// person is an entry on a page with what is true of it at this moment.
type person struct {
	office.Entry
	Live office.Status
	Past bool // the entry is of another day: without contacts
	Here bool // the post is held now, also when the entry is of another day
}

// StatusClass is the class of the state's badge.
func (v person) StatusClass() string {
	switch v.Live {
	case office.StatusValid:
		return "good"
	case office.StatusSuspended:
		return "warn"
	}
	return "bad"
}

// Page is the path of the entry's own page.
func (v person) Page() string { return office.PersonPath(v.UID) }

// alive looks up what the service IDs of entries are at this moment, in the register itself. Entries of another day lose their
// contacts: those of somebody who has left, or sits elsewhere, are nobody's business.
func (p *part) alive(ctx context.Context, entries []office.Entry, past bool) ([]person, error) {
	out := make([]person, len(entries))
	for i, e := range entries {
		out[i] = person{Entry: e, Past: past}
		_, status, err := p.seated(ctx, e.Seat)
		if err != nil && !errors.Is(err, office.ErrNotFound) {
			return nil, err
		}
		out[i].Live = status
		_, err = p.directory.Entry(ctx, e.Seat)
		if err != nil && !errors.Is(err, office.ErrNotFound) {
			return nil, err
		}
		if out[i].Here = err == nil; past {
			out[i].Phone, out[i].Email = "", ""
		}
	}
	return out, nil
}

// asked is what a page of the directory was asked for.
type asked struct {
	Text, Body, Unit, Category, On string
	query                          office.Query
}

// ask reads the question of a request. A day that has not passed is now.
func (p *part) ask(r *http.Request) (asked, error) {
	q := r.URL.Query()
	one := func(name string) string {
		if s := strings.TrimSpace(q.Get(name)); utf8.ValidString(s) && len(s) <= 2*office.MaxEntryText {
			return s
		}
		return ""
	}
	a := asked{Text: one("q"), Body: one("body"), Unit: one("unit"), Category: one("category")}
	if a.Body == "" {
		a.Unit = ""
	}
	a.query = office.Query{Text: a.Text, Body: a.Body, Unit: a.Unit, Category: a.Category}
	if on := one("on"); on != "" {
		day, err := hr.ParseDate(on)
		if err != nil || day.Year < 2000 {
			return a, WrongDay
		}
		if day.Before(hr.DateInKyiv(p.s.Now())) {
			a.On, a.query.At = day.String(), day.End().Add(-time.Second)
		}
	}
	return a, nil
}

// values are the question as an address has it.
func (a asked) values() url.Values {
	v := url.Values{}
	for name, s := range map[string]string{"q": a.Text, "body": a.Body, "unit": a.Unit, "category": a.Category, "on": a.On} {
		if s != "" {
			v.Set(name, s)
		}
	}
	return v
}

// File is the address of a file of what was found.
func (a asked) File(format string) string {
	v := a.values()
	v.Set("format", format)
	return "/office/directory/file?" + v.Encode()
}

// directoryView is the Data of the directory's pages; each fills what it shows.
type directoryView struct {
	Asked    asked
	Bodies   []office.BodyEntry
	Body     office.BodyEntry
	Unit     office.Unit
	Units    []office.Unit
	People   []person
	Pager    service.Pager
	Deepest  int
	At       time.Time // when the states were looked up
	Day      string    // the day that is shown, as people read it; empty: now
	Unknown  bool      // the day lies before the directory
	Chart    office.Chart
	Places   []place
	Since    time.Time
	Sums     [3]int // places, people, vacancies
	History  []office.Entry
	Person   person
	Selected []string // names of units above the one shown
}

// Name is the body's name by its ЄДРПОУ.
func (v directoryView) Name(edrpou, lang string) string {
	for _, b := range v.Bodies {
		if b.EDRPOU == edrpou {
			return b.Title(lang)
		}
	}
	return edrpou
}

// Named are the units that a filter may choose from.
func (v directoryView) Named() []office.Unit {
	var out []office.Unit
	for _, u := range v.Units {
		if u.Name != "" {
			out = append(out, u)
		}
	}
	return out
}

// Count writes hundredths of a place.
func (v directoryView) Count(n int) string { return office.Count(n) }

// UnitPath is the path of a unit's page.
func (v directoryView) UnitPath(body, unit string) string {
	q := url.Values{"name": {unit}}
	if v.Asked.On != "" {
		q.Set("on", v.Asked.On)
	}
	return office.BodyPath(body) + "/unit?" + q.Encode()
}

// On is what keeps the day that is shown in a link; empty: now.
func (v directoryView) On() string {
	if v.Asked.On == "" {
		return ""
	}
	return "?on=" + v.Asked.On
}

// Indent are the levels of a unit below the first one.
func (v directoryView) Indent(u office.Unit) string {
	return strings.Repeat("\u00a0\u00a0", max(0, u.Depth-1))
}

// DayOf is a civil date in Kyiv; last: of the last moment before.
func (v directoryView) DayOf(t time.Time, last bool) string {
	if t.IsZero() {
		return "—"
	}
	if last {
		t = t.Add(-time.Second)
	}
	return locale.Date(t)
}

func (p *part) directoryView(r *http.Request) (directoryView, error) {
	v := directoryView{Deepest: deepest, At: p.s.Now()}
	if _, err := p.member(r); err != nil {
		return v, err
	}
	var err error
	if v.Asked, err = p.ask(r); err != nil {
		return v, err
	}
	if v.Bodies, err = p.directory.Bodies(r.Context()); err != nil {
		return v, err
	}
	if at := v.Asked.query.At; !at.IsZero() {
		v.Day = locale.Date(at)
		for _, b := range v.Bodies {
			v.Unknown = v.Unknown || at.Before(b.Filled)
		}
	}
	return v, nil
}

// bodyView is directoryView for a page of the path's body.
func (p *part) bodyView(r *http.Request) (directoryView, error) {
	v, err := p.directoryView(r)
	if err != nil {
		return v, err
	}
	if v.Body, err = p.directory.Body(r.Context(), r.PathValue("body")); errors.Is(err, office.ErrNotFound) {
		return v, UnknownEntry
	} else if err != nil {
		return v, err
	}
	v.Asked.Body, v.Asked.query.Body = v.Body.EDRPOU, v.Body.EDRPOU
	v.Units, err = p.directory.UnitsAt(r.Context(), v.Body.EDRPOU, v.Asked.query.At)
	return v, err
}

// people finds a page of people.
func (p *part) people(r *http.Request, v *directoryView, base url.Values) error {
	q := v.Asked.query
	r0, err := p.directory.Search(r.Context(), q)
	if err != nil {
		return err
	}
	v.Pager = service.NewPager(r, r0.Total, min(r0.Total, deepest), base)
	q.Offset, q.Limit = v.Pager.From, v.Pager.To-v.Pager.From
	if r0, err = p.directory.Search(r.Context(), q); err != nil {
		return err
	}
	v.People, err = p.alive(r.Context(), r0.Entries, !q.At.IsZero())
	return err
}

func (p *part) searchPage(w http.ResponseWriter, r *http.Request) error {
	v, err := p.directoryView(r)
	if err != nil {
		return err
	}
	if v.Asked.Body != "" {
		v.Units, err = p.directory.UnitsAt(r.Context(), v.Asked.Body, v.Asked.query.At)
		if err != nil && !errors.Is(err, office.ErrNotFound) {
			return err
		}
	}
	if err := p.people(r, &v, v.Asked.values()); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_directory.html", v)
}

func (p *part) bodyPage(w http.ResponseWriter, r *http.Request) error {
	v, err := p.bodyView(r)
	if err != nil {
		return err
	}
	for _, u := range v.Units {
		v.Sums[1], v.Sums[2] = v.Sums[1]+u.People, v.Sums[2]+u.Vacant
	}
	return p.s.Render(w, r, http.StatusOK, "office_body.html", v)
}

func (p *part) unitPage(w http.ResponseWriter, r *http.Request) error {
	v, err := p.bodyView(r)
	if err != nil {
		return err
	}
	name := strings.TrimSpace(r.URL.Query().Get("name"))
	all := v.Units
	v.Units = nil
	known := map[string]office.Unit{}
	for _, u := range all {
		known[u.Name] = u
		if u.Parent == name && u.Name != "" && name != "" {
			v.Units = append(v.Units, u)
		}
	}
	var ok bool
	if v.Unit, ok = known[name]; !ok || name == "" {
		return UnknownEntry
	}
	for up := v.Unit.Parent; up != ""; up = known[up].Parent {
		v.Selected = append([]string{up}, v.Selected...)
	}
	v.Asked.Unit, v.Asked.query.Unit = name, name
	base := url.Values{"name": {name}}
	if v.Asked.On != "" {
		base.Set("on", v.Asked.On)
	}
	if err := p.people(r, &v, base); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_unit.html", v)
}

func (p *part) chartPage(w http.ResponseWriter, r *http.Request) error {
	v, err := p.bodyView(r)
	if err != nil {
		return err
	}
	v.Chart = office.NewChart(v.Body, v.Units, p.s.Lang(r))
	return p.s.Render(w, r, http.StatusOK, "office_chart.html", v)
}

func (p *part) chartFile(w http.ResponseWriter, r *http.Request) error {
	v, err := p.bodyView(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Disposition", `attachment; filename="structure-`+v.Body.EDRPOU+`.svg"`)
	return office.NewChart(v.Body, v.Units, p.s.Lang(r)).WriteSVG(w)
}

// place is one line of the staffing list on a page.
type place struct {
	office.Place
	First bool // of its unit
}

func (p *part) staffingPage(w http.ResponseWriter, r *http.Request) error {
	v, err := p.bodyView(r)
	if err != nil {
		return err
	}
	places, since, err := p.directory.Staffing(r.Context(), v.Body.EDRPOU, v.Asked.query.At)
	if err != nil {
		return err
	}
	v.Since = since
	for i, one := range places {
		v.Places = append(v.Places, place{one, i == 0 || places[i-1].Unit != one.Unit})
		v.Sums[0], v.Sums[1], v.Sums[2] = v.Sums[0]+one.Count, v.Sums[1]+one.People, v.Sums[2]+one.Vacant
	}
	return p.s.Render(w, r, http.StatusOK, "office_staffing_list.html", v)
}

func (p *part) personPage(w http.ResponseWriter, r *http.Request) error {
	v, err := p.directoryView(r)
	if err != nil {
		return err
	}
	if v.History, err = p.directory.History(r.Context(), r.PathValue("uid")); errors.Is(err, office.ErrNotFound) {
		return UnknownEntry
	} else if err != nil {
		return err
	}
	newest := v.History[0]
	alive, err := p.alive(r.Context(), []office.Entry{newest}, !newest.To.IsZero())
	if err != nil {
		return err
	}
	v.Person = alive[0]
	v.History = posts(v.History)
	if v.Body, err = p.directory.Body(r.Context(), newest.Body); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_person.html", v)
}

// posts joins what followed each other in one position of one unit, newest first: a new phone number is no step of a career.
func posts(history []office.Entry) []office.Entry {
	var out []office.Entry
	for _, e := range history {
		if n := len(out); n > 0 && out[n-1].Position == e.Position && out[n-1].Unit == e.Unit && out[n-1].Since.Equal(e.To) {
			out[n-1].Since = e.Since
			continue
		}
		out = append(out, e)
	}
	return out
}

// version of a card that a request asks for.
func cardVersion(r *http.Request) string {
	if r.URL.Query().Get("version") == "4" {
		return office.VCard4
	}
	return office.VCard3
}

func (p *part) sendCards(w http.ResponseWriter, name string, cards ...vcard.Card) error {
	w.Header().Set("Content-Type", "text/vcard; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.vcf"`)
	w.Header().Set("Cache-Control", "no-store")
	return office.WriteVCards(w, cards...)
}

func (p *part) personCard(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	e, err := p.directory.ByUID(r.Context(), r.PathValue("uid"))
	if errors.Is(err, office.ErrNotFound) {
		return UnknownEntry
	}
	if err != nil {
		return err
	}
	b, err := p.directory.Body(r.Context(), e.Body)
	if err != nil {
		return err
	}
	if err := p.downloads.take(m.Seat, "vcard", 1, p.s.Now()); err != nil {
		return err
	}
	if e, err = p.now(r.Context(), e); err != nil {
		return err
	}
	return p.sendCards(w, e.UID, office.VCard(e, b, p.s.Origin, cardVersion(r)))
}

// now is an entry with the state of its service ID at this moment.
func (p *part) now(ctx context.Context, e office.Entry) (office.Entry, error) {
	_, status, err := p.seated(ctx, e.Seat)
	if err != nil && !errors.Is(err, office.ErrNotFound) {
		return e, err
	}
	if status != e.Status { // the directory hears of it within seconds
		e.Status, e.Changed = status, p.s.Now()
	}
	return e, nil
}

func (p *part) bodyCard(w http.ResponseWriter, r *http.Request) error {
	v, err := p.bodyView(r)
	if err != nil {
		return err
	}
	return p.sendCards(w, v.Body.EDRPOU, v.Body.VCard(p.s.Origin, cardVersion(r)))
}

// directoryFile is everybody that a question finds now, as a file.
func (p *part) directoryFile(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	a, err := p.ask(r)
	if err != nil {
		return err
	}
	format := r.URL.Query().Get("format")
	switch format {
	case "vcard3", "vcard4", "csv", "json":
	default:
		return service.NotFound
	}
	ctx, at := r.Context(), p.s.Now()
	q := a.query
	q.At, q.Limit = time.Time{}, mostInFile
	found, err := p.directory.Search(ctx, q)
	switch {
	case err != nil:
		return err
	case found.Total > mostInFile:
		return ManyFound
	}
	if err := p.downloads.take(m.Seat, format, downloadList, at); err != nil {
		return err
	}
	list, err := p.directory.Bodies(ctx)
	if err != nil {
		return err
	}
	bodies := map[string]office.BodyEntry{}
	for _, b := range list {
		bodies[b.EDRPOU] = b
	}
	status := make([]office.Status, len(found.Entries))
	for i := range found.Entries {
		if found.Entries[i], err = p.now(ctx, found.Entries[i]); err != nil {
			return err
		}
		status[i] = found.Entries[i].Status
	}
	name := fmt.Sprintf("posvid-directory-%s", hr.DateInKyiv(at))
	w.Header().Set("Cache-Control", "no-store")
	switch format {
	case "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
		return office.WriteCSV(w, found.Entries, bodies, status, p.s.Origin, at)
	case "json":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.json"`)
		return office.WriteJSON(w, found.Entries, bodies, status, p.s.Origin, at)
	}
	version := office.VCard3
	if format == "vcard4" {
		version = office.VCard4
	}
	cards := make([]vcard.Card, len(found.Entries))
	for i, e := range found.Entries {
		cards[i] = office.VCard(e, bodies[e.Body], p.s.Origin, version)
	}
	return p.sendCards(w, name, cards...)
}
