package registrar

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

var bg = context.Background()

// office is a world with the part mounted.
type office struct {
	*servicetest.World
	p *pages
}

func newOffice(t testing.TB, change ...func(*service.Config)) *office {
	t.Helper()
	o := &office{World: servicetest.New(t, change...)}
	o.p = mount(o.Server)
	o.Start()
	return o
}

// browser is somebody with a role, as the pages see them.
type browser struct {
	o      *office
	client *http.Client
}

func (o *office) browser(role service.Role, b *servicetest.Body, account int64) *browser {
	p := o.Role(role, b)
	p.Account = account
	return &browser{o, o.As(p)}
}

// page is an answer.
type page struct {
	t      testing.TB
	status int
	text   string
	header http.Header
}

func (b *browser) do(r *http.Request) *page {
	t := b.o.T
	t.Helper()
	r.Header.Set("Accept", "text/html")
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode >= 500 {
		log := strings.Split(strings.TrimSpace(b.o.Logs.String()), "\n")
		t.Logf("%s %s: %s", r.Method, r.URL.Path, log[len(log)-1])
	}
	return &page{t, answer.StatusCode, string(data), answer.Header}
}

func (b *browser) get(path string) *page {
	b.o.T.Helper()
	r, err := http.NewRequest(http.MethodGet, b.o.URL+path, nil)
	if err != nil {
		b.o.T.Fatal(err)
	}
	return b.do(r)
}

// post sends a form of name, value, name, value …
func (b *browser) post(path string, pairs ...string) *page {
	b.o.T.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.o.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.o.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// file is a file of a multipart form.
type file struct {
	field, name string
	data        []byte
}

// send posts a multipart form: fields first, then files.
func (b *browser) send(path string, fields []string, files ...file) *page {
	b.o.T.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 2 {
		w.WriteField(fields[i], fields[i+1])
	}
	for _, f := range files {
		part, err := w.CreateFormFile(f.field, f.name)
		if err != nil {
			b.o.T.Fatal(err)
		}
		part.Write(f.data)
	}
	w.Close()
	r, err := http.NewRequest(http.MethodPost, b.o.URL+path, &body)
	if err != nil {
		b.o.T.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return b.do(r)
}

// ok wants a page.
func (p *page) ok() *page {
	p.t.Helper()
	if p.status != http.StatusOK {
		p.t.Fatalf("status %d, want 200: %s", p.status, p.code())
	}
	return p
}

// to wants a redirect and answers where to.
func (p *page) to() string {
	p.t.Helper()
	if p.status != http.StatusSeeOther {
		p.t.Fatalf("status %d, want 303: %s\n%s", p.status, p.code(), p.short())
	}
	return p.header.Get("Location")
}

// refused wants a refusal with this code.
func (p *page) refused(code string) *page {
	p.t.Helper()
	if p.status < 400 || p.code() != code {
		p.t.Fatalf("status %d, code %q, want a refusal with %q", p.status, p.code(), code)
	}
	return p
}

var codeOnPage = regexp.MustCompile(`(?s)(?:id="problem-code">|id="(?:form-error|failure|note)".*?<code>)([a-z0-9-]+)</code>`)

// code is the code of the refusal on the page.
func (p *page) code() string {
	if m := codeOnPage.FindStringSubmatch(p.text); m != nil {
		return m[1]
	}
	return ""
}

// has wants a text on the page, as people read it.
func (p *page) has(text string) *page {
	p.t.Helper()
	if !strings.Contains(html.UnescapeString(p.text), text) {
		p.t.Fatalf("the page lacks %q:\n%s", text, p.short())
	}
	return p
}

func (p *page) hasNot(text string) *page {
	p.t.Helper()
	if strings.Contains(p.text, text) {
		p.t.Fatalf("the page has %q", text)
	}
	return p
}

// hidden is the value of a hidden field.
func (p *page) hidden(name string) string {
	p.t.Helper()
	m := regexp.MustCompile(`<input type="hidden" name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.text)
	if m == nil {
		p.t.Fatalf("the page has no hidden field %s:\n%s", name, p.short())
	}
	return html.UnescapeString(m[1])
}

// byID is the text of an element.
func (p *page) byID(id string) string {
	m := regexp.MustCompile(`id="` + id + `"[^>]*>([^<]*)<`).FindStringSubmatch(p.text)
	if m == nil {
		return ""
	}
	return html.UnescapeString(strings.TrimSpace(m[1]))
}

// row is one row of a staff file.
type row struct {
	n                                 int
	surname, position, unit           string
	status, ground, order, date       string
	staff, rnokpp, rank, category     string
	noPlastic, withoutRNOKPP, badDate bool
}

// someone is an invented person who is in neither fixture.
func someone(n int) row {
	rnokpp, err := hr.CompleteRNOKPP(hr.Date{Year: 1901 + n%8, Month: 1 + n%12, Day: 1 + n/12%28}, 300+n/400%600, n%2 == 0)
	if err != nil {
		panic(err)
	}
	return row{n: n, surname: "Нестеренко" + letters(n), position: "головний спеціаліст", unit: fmt.Sprintf("Відділ %d", n%7), staff: fmt.Sprintf("9%05d", n), rnokpp: rnokpp,
		category: "В", rank: "7"}
}

func letters(n int) string {
	const all = "абвгдежзиклмнопрстуфхцчшщюя"
	runes := []rune(all)
	out := ""
	for ; n > 0; n /= len(runes) {
		out += string(runes[n%len(runes)])
	}
	return out
}

func crew(from, n int) []row {
	out := make([]row, n)
	for i := range out {
		out[i] = someone(from + i)
	}
	return out
}

func csvOf(rows []row) []byte {
	var b strings.Builder
	b.WriteString("Табельний номер;РНОКПП;Прізвище;Власне ім'я;По батькові;Структурний підрозділ;Посада;Категорія;Ранг;Номер посвідчення;Посвідчення видано;Посвідчення дійсне до;Стан;Підстава;Номер наказу;Дата наказу\n")
	for _, r := range rows {
		rnokpp := r.rnokpp
		if r.withoutRNOKPP {
			rnokpp = ""
		}
		number, issued, until := fmt.Sprintf("%06d", 500000+r.n), "03.02.2025", "03.02.2035"
		if r.noPlastic {
			number, issued, until = "", "", ""
		}
		if r.badDate {
			until = "31.02.2035"
		}
		fmt.Fprintf(&b, "%s;%s;%s;Олександра;Петрівна;%s;%s;%s;%s;%s;%s;%s;%s;%s;%s;%s\n", r.staff, rnokpp, r.surname, r.unit, r.position, r.category, r.rank, number, issued, until,
			r.status, r.ground, r.order, r.date)
	}
	return []byte(b.String())
}

// work runs what waits.
func (o *office) work() {
	o.T.Helper()
	if err := o.p.runJobs(bg); err != nil {
		o.T.Fatal(err)
	}
}

// upload sends a staff file and answers the path of its load once the plan is made.
func (o *office) upload(b *browser, body *servicetest.Body, data []byte, fields ...string) string {
	o.T.Helper()
	base := "/b/" + body.EDRPOU
	once := b.get(base + "/staff").ok().hidden("once")
	path := b.send(base+"/staff", append([]string{"once", once}, fields...), file{"staff", "staff.csv", data}).to()
	o.work()
	return path
}

// Passphrases of the two operators.
var (
	phrase1 = servicetest.Passphrases[1]
	phrase2 = servicetest.Passphrases[2]
)

// sign signs a plan as its author and lets it be applied.
func (o *office) sign(b *browser, path string) {
	o.T.Helper()
	b.post(path+"/sign", "hash", b.get(path).ok().hidden("hash"), "passphrase", phrase1).to()
	o.work()
}

func (o *office) approve(b *browser, path string) {
	o.T.Helper()
	b.post(path+"/approve", "hash", b.get(path).ok().hidden("hash"), "passphrase", phrase2).to()
	o.work()
}

// standings is how many people are in posts of a body.
func (o *office) standings(t testing.TB, b *servicetest.Body) int {
	t.Helper()
	all, err := b.Register.Standings(bg, o.Now())
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// short is the page's words.
func (p *page) short() string {
	text := p.text
	if i := strings.Index(text, "<main"); i >= 0 {
		text = text[i:]
	}
	text = regexp.MustCompile(`\s+`).ReplaceAllString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, " "), " ")
	return text[:min(len(text), 1500)]
}

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
