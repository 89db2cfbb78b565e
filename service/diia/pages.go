package diia

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/service"
)

// form is a registration as it was typed, shown again with what is wrong.
type form struct {
	Name, Keys, Webhook, Until string
	Scopes                     []string
	Numbers                    bool
	Client                     string // of the form that binds a system of another body
	Wrong                      *service.Problem
	Field                      string // which field is wrong
}

// Can tells whether a scope was ticked.
func (f form) Can(scope string) bool {
	for _, s := range f.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}

type listPage struct {
	EDRPOU  string
	Systems []systemView
	Form    form
	Bind    form
	Done    string
}

type systemPage struct {
	EDRPOU string
	System systemView
	Form   form
	Done   string
}

// fieldOf is the field that a problem is about.
func fieldOf(err error) (*service.Problem, string) {
	for p, field := range map[*service.Problem]string{systemName: "name", systemKeys: "keys", systemUntil: "until", systemWebhook: "webhook", systemScopes: "scopes", unknownSystem: "client", systemMany: ""} {
		var got *service.Problem
		if errors.As(err, &got) && got.Code == p.Code {
			return got, field
		}
	}
	return nil, ""
}

// readForm reads a form of at most 64 KiB. A file of keys is put into the field by the page itself: so a form that has to be sent
// once more, after a passkey was asked for, is whole.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return form{}, tooLargeOr(err)
	}
	return form{Name: r.PostFormValue("name"), Keys: r.PostFormValue("keys"), Webhook: r.PostFormValue("webhook"), Until: r.PostFormValue("until"),
		Numbers: r.PostFormValue("numbers") != "", Scopes: r.PostForm["scopes"], Client: strings.TrimSpace(r.PostFormValue("client"))}, nil
}

func tooLargeOr(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return service.TooLarge.Because(err)
	}
	return service.BadRequest.Because(err)
}

func (f *form) registration() (registration, error) {
	until, err := untilOf(f.Until)
	return registration{name: f.Name, keys: []byte(f.Keys), webhook: f.Webhook, scopes: f.Scopes, numbers: f.Numbers, until: until}, err
}

// mountPages adds the pages of a body's administrator.
func (p *part) mountPages() {
	read := service.Access{Roles: []service.Role{service.BodyAdmin, service.Auditor}}
	write := service.Access{Roles: []service.Role{service.BodyAdmin}, SecondFactor: true}
	p.s.Page("GET /b/{edrpou}/systems", read, func(w http.ResponseWriter, r *http.Request) error {
		return p.showList(w, r, http.StatusOK, form{}, form{})
	})
	p.s.Page("GET /b/{edrpou}/systems/{client}", read, func(w http.ResponseWriter, r *http.Request) error {
		return p.showSystem(w, r, http.StatusOK, nil)
	})
	p.s.Page("POST /b/{edrpou}/systems", write, p.postRegister)
	p.s.Page("POST /b/{edrpou}/systems/bind", write, p.postBind)
	p.s.Page("POST /b/{edrpou}/systems/{client}", write, p.postRenew)
	p.s.Page("POST /b/{edrpou}/systems/{client}/grant", write, p.postGrant)
	p.s.Page("POST /b/{edrpou}/systems/{client}/withdraw", write, p.action("withdrawn", func(r *http.Request, body, client string, at time.Time) error {
		return p.withdraw(r.Context(), body, client, accountOf(r.Context()), at)
	}))
	p.s.Page("POST /b/{edrpou}/systems/{client}/stop", write, p.action("stopped", func(r *http.Request, body, client string, at time.Time) error {
		return p.stop(r.Context(), body, client, accountOf(r.Context()), at)
	}))
	p.s.Page("POST /b/{edrpou}/systems/{client}/events/{event}/resend", write, p.action("resent", func(r *http.Request, body, client string, at time.Time) error {
		n, err := strconv.ParseInt(r.PathValue("event"), 10, 64)
		if err != nil {
			return unknownEvent
		}
		return p.resend(r.Context(), body, client, n, accountOf(r.Context()), at)
	}))
}

func (p *part) showList(w http.ResponseWriter, r *http.Request, status int, f, bind form) error {
	body := r.PathValue("edrpou")
	all, err := p.list(r.Context(), body, "", p.s.Now())
	if err != nil {
		return err
	}
	if f.Until == "" {
		f.Until = hr.DateInKyiv(p.s.Now().AddDate(1, 0, 0)).UA()
	}
	return p.s.Render(w, r, status, "systems", listPage{EDRPOU: body, Systems: all, Form: f, Bind: bind, Done: doneOf(r)})
}

// doneOf is what the page before has done; only words that the templates know.
func doneOf(r *http.Request) string {
	for _, s := range []string{"registered", "changed", "granted", "withdrawn", "stopped", "resent"} {
		if r.URL.Query().Get("done") == s {
			return s
		}
	}
	return ""
}

func (p *part) showSystem(w http.ResponseWriter, r *http.Request, status int, f *form) error {
	body := r.PathValue("edrpou")
	all, err := p.list(r.Context(), body, r.PathValue("client"), p.s.Now())
	if err != nil {
		return err
	}
	v := all[0]
	if f == nil {
		f = &form{Name: v.Name, Keys: v.KeySet(), Webhook: v.Webhook, Until: v.UntilDate(), Scopes: v.Scopes, Numbers: v.Numbers}
	}
	return p.s.Render(w, r, status, "system", systemPage{EDRPOU: body, System: v, Form: *f, Done: doneOf(r)})
}

func (p *part) postRegister(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	body := r.PathValue("edrpou")
	var client string
	reg, err := f.registration()
	if err == nil {
		client, err = p.register(r.Context(), body, accountOf(r.Context()), reg, p.s.Now())
	}
	if f.Wrong, f.Field = fieldOf(err); f.Wrong != nil {
		return p.showList(w, r, f.Wrong.Status, f, form{})
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+body+"/systems/"+client+"?done=registered", http.StatusSeeOther)
	return nil
}

func (p *part) postBind(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	body := r.PathValue("edrpou")
	err = p.let(r.Context(), body, f.Client, accountOf(r.Context()), f.Scopes, f.Numbers, p.s.Now())
	if f.Wrong, f.Field = fieldOf(err); f.Wrong != nil {
		return p.showList(w, r, f.Wrong.Status, form{}, f)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+body+"/systems/"+f.Client+"?done=granted", http.StatusSeeOther)
	return nil
}

func (p *part) postRenew(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	body, client := r.PathValue("edrpou"), r.PathValue("client")
	reg, err := f.registration()
	if err == nil {
		err = p.renew(r.Context(), body, client, accountOf(r.Context()), reg, p.s.Now())
	}
	if f.Wrong, f.Field = fieldOf(err); f.Wrong != nil && f.Wrong.Code != unknownSystem.Code {
		return p.showSystem(w, r, f.Wrong.Status, &f)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+body+"/systems/"+client+"?done=changed", http.StatusSeeOther)
	return nil
}

func (p *part) postGrant(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	body, client := r.PathValue("edrpou"), r.PathValue("client")
	seen := r.PostForm["fingerprint"]
	if len(seen) != 1 || seen[0] == "" {
		return systemChanged
	}
	if err := p.letSeen(r.Context(), body, client, accountOf(r.Context()), seen[0], f.Scopes, f.Numbers, p.s.Now()); err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+body+"/systems/"+client+"?done=granted", http.StatusSeeOther)
	return nil
}

// action is a button that changes one thing and comes back to the page it was on.
func (p *part) action(done string, do func(r *http.Request, body, client string, at time.Time) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, client := r.PathValue("edrpou"), r.PathValue("client")
		if err := do(r, body, client, p.s.Now()); err != nil {
			return err
		}
		to := "/b/" + body + "/systems/" + client
		if done == "withdrawn" {
			to = "/b/" + body + "/systems"
		}
		http.Redirect(w, r, to+"?done="+done, http.StatusSeeOther)
		return nil
	}
}
