package service

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/posvid/posvid/locale"
)

//go:embed pages/*.html
var ownPages embed.FS

// templates are the pages of web/templates, each inside the layout. Where the assets lack the layout, the start page or the
// problem page, the frame's own plain ones are used.
type templates struct{ pages map[string]*template.Template }

// View is what a page's template sees. Texts are written in the template in both languages: {{.T "українською" "in English"}}.
type View struct {
	Lang   string    // "uk" or "en"
	Title  string    // what the page's template "title" gives
	Path   string    // of the request
	Query  string    // raw query without lang, for the switch of languages
	User   Principal // the zero Principal is nobody
	Body   *Body     // of the path's {edrpou}; nil without one
	Bodies []*Body   // those the caller has a role in
	Demo   bool      // the people are invented
	Dev    bool      // development log-in is on
	Data   any       // the page's own
}

// T is the text of the page's language.
func (v View) T(uk, en string) string {
	if v.Lang == "en" {
		return en
	}
	return uk
}

// Date is a time as people here read it, in Kyiv; a dash for none.
func (v View) Date(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return locale.Moment(v.Lang, t)
}

// Under tells whether the page is at a path or below it.
func (v View) Under(path string) bool {
	return v.Path == path || strings.HasPrefix(v.Path, path+"/")
}

// Has tells whether the caller has a role: in the page's body, where it has one, else in any. The trust operator's counts everywhere.
func (v View) Has(role string) bool {
	for _, g := range v.User.Grants {
		if string(g.Role) == role && (g.Role == TrustOperator || v.Body == nil || g.Body == v.Body.EDRPOU) {
			return true
		}
	}
	return false
}

func (s *Server) newTemplates() error {
	s.templates.pages = map[string]*template.Template{}
	read := func(name string) ([]byte, error) {
		text, err := fs.ReadFile(s.Assets, "templates/"+name)
		if errors.Is(err, fs.ErrNotExist) {
			return ownPages.ReadFile("pages/" + name)
		}
		return text, err
	}
	text, err := read("layout.html")
	if err != nil {
		return fmt.Errorf("service: templates: %w", err)
	}
	layout, err := template.New("layout.html").Option("missingkey=error").Parse(string(text))
	if err != nil {
		return fmt.Errorf("service: templates: %w", err)
	}
	names, err := fs.Glob(s.Assets, "templates/*.html")
	if err != nil {
		return fmt.Errorf("service: templates: %w", err)
	}
	for _, own := range []string{"start.html", "problem.html"} {
		names = append(names, "templates/"+own)
	}
	for _, full := range names {
		name := path.Base(full)
		if name == "layout.html" || s.templates.pages[name] != nil {
			continue
		}
		text, err := read(name)
		if err != nil {
			return fmt.Errorf("service: templates: %w", err)
		}
		page, err := template.Must(layout.Clone()).New(name).Parse(string(text)) // the layout has not been executed yet, so it clones
		if err != nil {
			return fmt.Errorf("service: templates: %w", err)
		}
		s.templates.pages[name] = page
	}
	return nil
}

// view is what every page is told of its request.
func (s *Server) view(r *http.Request, data any) View {
	query := r.URL.Query()
	query.Del("lang")
	v := View{Lang: s.Lang(r), Path: r.URL.Path, Query: query.Encode(), User: PrincipalOf(r.Context()), Demo: s.Demo, Dev: s.Dev, Data: data}
	v.Body = s.bodies[r.PathValue("edrpou")]
	for _, b := range s.Bodies {
		for _, g := range v.User.Grants {
			if g.Body == b.EDRPOU {
				v.Bodies = append(v.Bodies, b)
				break
			}
		}
	}
	return v
}

// Render writes the page templates/‹name›, such as "staff.html", inside templates/layout.html. data is the View's Data. The
// page's file defines "main" and "title". Nothing is sent when the template fails.
func (s *Server) Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	if !strings.HasSuffix(name, ".html") {
		name += ".html"
	}
	page := s.templates.pages[name]
	if page == nil {
		return fmt.Errorf("service: there is no template %s", name)
	}
	v := s.view(r, data)
	if page.Lookup("title") != nil {
		var title bytes.Buffer
		if err := page.ExecuteTemplate(&title, "title", v); err != nil {
			return fmt.Errorf("service: template %s: %w", name, err)
		}
		v.Title = unescape(title.String())
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "layout.html", v); err != nil {
		return fmt.Errorf("service: template %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	w.Write(out.Bytes()) // whoever went away meanwhile is not told
	return nil
}

// unescape gives a title back as text: the layout escapes it again.
func unescape(html string) string {
	return strings.TrimSpace(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&#43;", "+", "&amp;", "&").Replace(html))
}

// ProblemView is the Data of problem.html.
type ProblemView struct {
	Code, Title, Next, Request string
	Status                     int
	Login, SecondFactor        bool      // what would help: logging in, or a passkey
	Return                     string    // path to come back to after that
	Again                      bool      // Fields are what was typed: the page offers to send it once more
	Action                     string    // where to
	Fields                     []KeyText // never passwords, never files
}

// KeyText is one typed field.
type KeyText struct{ Key, Text string }

// Bounds of what is given back for sending once more.
const (
	maxAgain      = 64 << 10 // bytes of a form
	maxAgainField = 200      // fields
)

// failPage answers a browser. A person who has to log in is sent to the page for it; what was typed in a form is given back, so
// that it can be sent once more.
func (s *Server) failPage(w http.ResponseWriter, r *http.Request, p *Problem) {
	back := r.URL.Path
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		back = s.pageAbove(r)
	}
	login, second := p.Code == NotLoggedIn.Code, p.Code == SecondFactor.Code
	if r.Method == http.MethodGet && (login || second) {
		http.Redirect(w, r, loginPath(second)+"?return="+url.QueryEscape(back), http.StatusSeeOther)
		return
	}
	q := requestOf(r.Context())
	v := ProblemView{Code: p.Code, Title: p.UK, Next: p.NextUK, Request: q.id, Status: p.Status, Login: login, SecondFactor: second, Return: back}
	if s.Lang(r) == "en" {
		v.Title, v.Next = p.EN, p.NextEN
	}
	if r.Method == http.MethodPost && (login || second) {
		v.Fields, v.Again = typed(r)
		v.Action = r.URL.Path
	}
	if err := s.Render(w, r, p.Status, "problem.html", v); err != nil {
		q.cause = err
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(p.Status)
		fmt.Fprintf(w, "%s\n%s\n[%s] %s\n", v.Title, v.Next, p.Code, q.id)
	}
}

// pageAbove is the page that the address of a form lies under: most such addresses are no pages, and browsers are told to name no
// referrer.
func (s *Server) pageAbove(r *http.Request) string {
	for at := r.URL.Path; at != "/"; at = path.Dir(at) {
		look := &http.Request{Method: http.MethodGet, Host: r.Host, URL: &url.URL{Path: at}}
		if _, pattern := s.mux.Handler(look); strings.HasPrefix(pattern, "GET ") {
			return at
		}
	}
	return "/"
}

func loginPath(second bool) string {
	if second {
		return "/login/passkey"
	}
	return "/login"
}

// typed reads the fields of a plain form without its secrets. ok is false when it cannot be given back whole.
func typed(r *http.Request) (fields []KeyText, ok bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") || r.ContentLength > maxAgain {
		return nil, false
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxAgain)
	if err := r.ParseForm(); err != nil {
		return nil, false
	}
	for _, key := range sortedKeys(r.PostForm) {
		if lower := strings.ToLower(key); strings.Contains(lower, "pass") || strings.Contains(lower, "secret") || strings.Contains(lower, "code") {
			return nil, false
		}
		for _, text := range r.PostForm[key] {
			if fields = append(fields, KeyText{key, text}); len(fields) > maxAgainField {
				return nil, false
			}
		}
	}
	return fields, len(fields) > 0
}
