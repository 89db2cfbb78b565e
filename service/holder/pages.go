package holder

import (
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/service"
)

// stateTexts are the states of an ID as its holder reads them.
var stateTexts = map[string][2]string{
	"issued":    {"видано", "issued"},
	"suspended": {"зупинено", "suspended"},
	"revoked":   {"анульовано", "revoked"},
	"expired":   {"строк дії минув", "expired"},
	"replaced":  {"замінено", "replaced"},
	"none":      {"ще не видано", "not issued yet"},
}

func pick(lang string, t [2]string) string {
	if lang == "en" {
		return t[1]
	}
	return t[0]
}

// idView is one ID on a page.
type idView struct {
	EDRPOU      string
	Body        string
	Entitlement int64
	Number      string
	State       string // code
	StateText   string
	Until       string
	Live        bool // issued or suspended
	Issued      bool
}

// checkView is one line of who checked.
type checkView struct {
	At, Number, Name, Body, Place, Mode, Answer string
	Known                                       bool
}

// lookView is one reading by an information system.
type lookView struct{ At, Who, Kind, Answer string }

// holderView is the Data of holder.html; of the other pages, ID is the one that they are about.
type holderView struct {
	IDs    []idView
	ID     idView
	Done   string // what was done, as the address says: stopped, stopped-before, withdrawn
	Checks []checkView
	Looks  []lookView // by information systems, on the first page
	Older  int64      // number to go on from; 0: there are none
}

// stopView is the Data of holder_stop.html.
type stopView struct {
	Bodies []*service.Body
	Chosen string // ЄДРПОУ
	Wrong  bool   // the code was not taken
	Done   bool
}

func (p *part) mountPages() {
	holder := service.Access{Roles: []service.Role{service.Holder}}
	p.s.Page("GET /holder/{$}", holder, p.home)
	p.s.Page("GET /holder/{edrpou}/{entitlement}/checks", holder, p.checksPage)
	p.s.Page("POST /holder/{edrpou}/{entitlement}/stop", holder, p.stopPost)
	p.s.Page("GET /holder/{edrpou}/{entitlement}/withdraw", holder, p.withdrawPage)
	p.s.Page("POST /holder/{edrpou}/{entitlement}/withdraw", holder, p.withdrawPost)
	// Public: who has lost the phone has only the slip. The code, 80 random bits, decides; it can only suspend.
	p.s.Page("GET /stop", service.Access{Public: true}, p.stopPage)
	// Public: as above.
	p.s.Page("POST /stop", service.Access{Public: true}, p.stopCodePost)
}

// entitlements are what a logged-in holder may act for.
func entitlements(r *http.Request) []service.Grant {
	var out []service.Grant
	for _, g := range service.PrincipalOf(r.Context()).Grants {
		if g.Role == service.Holder && g.Entitlement > 0 {
			out = append(out, g)
		}
	}
	return out
}

// named finds the entitlement of the path among the caller's own.
func (p *part) named(r *http.Request) (*service.Body, int64, error) {
	for _, g := range entitlements(r) {
		if g.Body == r.PathValue("edrpou") && strconv.FormatInt(g.Entitlement, 10) == r.PathValue("entitlement") {
			b, err := p.s.Body(g.Body)
			return b, g.Entitlement, err
		}
	}
	return nil, 0, UnknownID
}

// view is the ID of an entitlement that counts: the live one, else the last.
func (p *part) view(r *http.Request, b *service.Body, entitlement int64) (idView, []issuer.ID, error) {
	lang := p.s.Lang(r)
	v := idView{EDRPOU: b.EDRPOU, Body: b.Name, Entitlement: entitlement, State: "none"}
	if lang == "en" && b.NameEN != "" {
		v.Body = b.NameEN
	}
	ids, err := b.Body.IDsOf(r.Context(), entitlement)
	if err != nil {
		return v, nil, err
	}
	at := p.s.Now()
	for _, id := range ids {
		state := stateAt(id, at)
		if state == "" || v.Live {
			continue
		}
		v.Number, v.State, v.Until = id.Number, state, locale.Date(id.ExpiresAt)
		v.Issued, v.Live = state == "issued", state == "issued" || state == "suspended"
	}
	v.StateText = pick(lang, stateTexts[v.State])
	return v, ids, nil
}

func (p *part) home(w http.ResponseWriter, r *http.Request) error {
	v := holderView{Done: r.URL.Query().Get("done")}
	for _, g := range entitlements(r) {
		b, err := p.s.Body(g.Body)
		if err != nil {
			continue // a grant for a body that has left this service
		}
		one, _, err := p.view(r, b, g.Entitlement)
		if err != nil {
			return err
		}
		v.IDs = append(v.IDs, one)
	}
	return p.s.Render(w, r, http.StatusOK, "holder", v)
}

func (p *part) checksPage(w http.ResponseWriter, r *http.Request) error {
	b, entitlement, err := p.named(r)
	if err != nil {
		return err
	}
	var v holderView
	var ids []issuer.ID
	if v.ID, ids, err = p.view(r, b, entitlement); err != nil {
		return err
	}
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0
	}
	lines, more, err := checksOf(r.Context(), b, ids, before, defaultChecks)
	if err != nil {
		return err
	}
	lang := p.s.Lang(r)
	for _, l := range lines {
		c := checkView{At: locale.Moment(lang, l.At), Number: l.Number, Answer: issuer.OnlineReason(l.Answer).Text(lang), Mode: pick(lang, [2]string{"так чи ні", "yes or no"})}
		if l.Mode == "full" {
			c.Mode = pick(lang, [2]string{"дані особи", "personal data"})
		}
		if l.Verifier != nil {
			c.Known, c.Name, c.Body, c.Place = true, l.Verifier.Name, l.Verifier.Body, l.Verifier.Place
		}
		v.Checks = append(v.Checks, c)
	}
	if more {
		v.Older = lines[len(lines)-1].Check
	}
	if before == 0 {
		looks, err := p.looks(r.Context(), b, ids)
		if err != nil {
			return err
		}
		for _, l := range looks {
			v.Looks = append(v.Looks, lookView{locale.Moment(lang, l.At), l.Who, l.Kind, l.Answer})
		}
	}
	return p.s.Render(w, r, http.StatusOK, "holder_checks", v)
}

// back returns to the list after something was done, so that loading the page again repeats nothing.
func back(w http.ResponseWriter, r *http.Request, done string) error {
	http.Redirect(w, r, "/holder/?done="+done, http.StatusSeeOther)
	return nil
}

func (p *part) stopPost(w http.ResponseWriter, r *http.Request) error {
	b, entitlement, err := p.named(r)
	if err != nil {
		return err
	}
	account := service.PrincipalOf(r.Context()).Account
	stopped, err := b.Register.StopByHolder(r.Context(), entitlement, issuer.HolderProof{Account: account}, p.s.Now())
	if err != nil {
		return refusal(err)
	}
	p.s.PublishSoon()
	if stopped {
		return back(w, r, "stopped")
	}
	return back(w, r, "stopped-before")
}

func (p *part) withdrawPage(w http.ResponseWriter, r *http.Request) error {
	return p.askWithdraw(w, r, http.StatusOK)
}

func (p *part) askWithdraw(w http.ResponseWriter, r *http.Request, status int) error {
	b, entitlement, err := p.named(r)
	if err != nil {
		return err
	}
	var v holderView
	if v.ID, _, err = p.view(r, b, entitlement); err != nil {
		return err
	}
	if !v.ID.Live {
		return NotIssued
	}
	if status != http.StatusOK {
		v.Done = "unconfirmed"
	}
	return p.s.Render(w, r, status, "holder_withdraw", v)
}

func (p *part) withdrawPost(w http.ResponseWriter, r *http.Request) error {
	b, entitlement, err := p.named(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	if r.PostForm.Get("confirm") != "yes" {
		return p.askWithdraw(w, r, http.StatusUnprocessableEntity)
	}
	account := service.PrincipalOf(r.Context()).Account
	if err := b.Register.WithdrawByHolder(r.Context(), entitlement, issuer.HolderProof{Account: account}, p.s.Now()); err != nil {
		return refusal(err)
	}
	p.s.PublishSoon()
	return back(w, r, "withdrawn")
}

func (p *part) stopPage(w http.ResponseWriter, r *http.Request) error {
	return p.s.Render(w, r, http.StatusOK, "holder_stop", stopView{Bodies: p.s.Bodies, Chosen: r.URL.Query().Get("body")})
}

// stopCodePost suspends by a stop code. The page after it says the same whether the ID was suspended now or before.
func (p *part) stopCodePost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	v := stopView{Bodies: p.s.Bodies, Chosen: r.PostForm.Get("body")}
	b, err := p.s.Body(v.Chosen)
	if err != nil {
		return err
	}
	_, err = b.Register.StopByCode(r.Context(), strings.TrimSpace(r.PostForm.Get("code")), p.s.Now())
	if err != nil {
		err = p.guessed(r.Context(), refusal(err))
	}
	switch {
	case isRefused(err):
		v.Wrong = true
		return p.s.Render(w, r, http.StatusForbidden, "holder_stop", v)
	case err != nil:
		return err
	}
	p.s.PublishSoon()
	v.Done = true
	return p.s.Render(w, r, http.StatusOK, "holder_stop", v)
}

// answerView is the answer to a link as anybody sees it: one word, one sentence, nothing about the person.
func answerView(lang string, a issuer.OnlineAnswer) onlineView {
	return onlineView{Valid: a.Valid(), Word: locale.Word(lang, a.Reason.Verdict()), Text: upper(a.Reason.Text(lang)), At: locale.Moment(lang, a.AsOf)}
}

// upper begins a sentence with a capital.
func upper(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
