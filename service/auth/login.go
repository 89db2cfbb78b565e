package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Names of what log-in keeps in a session.
const (
	keyFlows    = "auth.flows"    // []byte, JSON of []flow
	keyInvited  = "auth.invited"  // []byte, JSON of invited
	keyEnrol    = "auth.enrol"    // int64, seconds: until then a first passkey may be added
	keyCeremony = "auth.ceremony" // []byte, JSON of ceremony
)

// maxFlows is how many log-ins one browser may have begun and not finished (several tabs).
const maxFlows = 4

// flow is what has to be remembered between leaving for a provider and coming back.
type flow struct {
	Provider string `json:"p"`
	State    string `json:"s"`
	Nonce    string `json:"n,omitempty"`
	Verifier string `json:"v,omitempty"`
	Return   string `json:"r"`
	Ends     int64  `json:"e"` // seconds
}

// identity is who a provider says has come.
type identity struct {
	provider, subject string // subject is never kept: only its keyed hash is
	name              string
	holder            []service.Grant // what the registers of the bodies say of a holder
	waiting           bool            // an account may be made without a role
}

// invited is an invitation that the browser has shown and not used yet.
type invited struct {
	ID   int64 `json:"i"`
	Ends int64 `json:"e"`
}

// begin remembers a log-in that leaves for a provider.
func (p *part) begin(ctx context.Context, f flow) error {
	now := p.Now()
	f.Ends = now.Add(FlowTerm).Unix()
	flows := slices.DeleteFunc(p.flows(ctx), func(o flow) bool { return o.Ends <= now.Unix() })
	flows = append(flows, f)
	if len(flows) > maxFlows {
		flows = flows[len(flows)-maxFlows:]
	}
	p.EndSoon(ctx, FlowTerm)
	return p.putFlows(ctx, flows)
}

// finish takes back what begin remembered: once, whether or not the rest goes well.
func (p *part) finish(ctx context.Context, provider, state string) (flow, error) {
	if state == "" {
		return flow{}, failed("%s: no state", provider)
	}
	flows := p.flows(ctx)
	i := slices.IndexFunc(flows, func(f flow) bool { return equal(f.State, state) && f.Provider == provider })
	if i < 0 {
		return flow{}, failed("%s: state is not of this session", provider)
	}
	f := flows[i]
	if err := p.putFlows(ctx, slices.Delete(flows, i, i+1)); err != nil {
		return flow{}, err
	}
	if f.Ends <= p.Now().Unix() {
		return flow{}, failed("%s: came back after %v", provider, FlowTerm)
	}
	return f, nil
}

func (p *part) flows(ctx context.Context) []flow {
	var flows []flow
	if json.Unmarshal(p.Sessions.GetBytes(ctx, keyFlows), &flows) != nil {
		return nil
	}
	return flows
}

func (p *part) putFlows(ctx context.Context, flows []flow) error {
	data, err := json.Marshal(flows)
	if err != nil {
		return fmt.Errorf("auth: flows: %w", err)
	}
	p.Sessions.Put(ctx, keyFlows, data)
	return nil
}

// enter logs an identity in and answers where to go. An invitation that the browser has shown is used up.
func (p *part) enter(w http.ResponseWriter, r *http.Request, who identity, to string) error {
	ctx, now := r.Context(), p.Now()
	if who.subject == "" || len(who.subject) > 512 {
		return failed("%s: subject of %d bytes, want 1 to 512", who.provider, len(who.subject))
	}
	subject, err := service.SubjectOf(p.Store, who.provider, who.subject)
	if err != nil {
		return err
	}
	inv := p.invited(ctx)
	var id int64
	var grants []service.Grant
	var open bool
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		a, err := service.FindAccount(tx, subject)
		switch {
		case err == nil && a.Disabled:
			return failed("%s: account is disabled", who.provider)
		case is(err, service.UnknownAccount):
			if inv == 0 && len(who.holder) == 0 && !who.waiting {
				return failed("%s: nobody invited this person", who.provider)
			}
			if a.ID, err = service.MakeAccount(tx, subject, cleanName(who.name), now); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		id = a.ID
		if inv != 0 {
			if open, err = p.useInvitation(ctx, tx, inv, id, now); err != nil {
				return err
			}
		}
		if who.holder != nil {
			if err := replaceHolder(tx, a, who.holder); err != nil {
				return err
			}
		}
		if a, err = service.ReadAccount(tx, id); err != nil {
			return err
		}
		grants = a.Grants
		if open {
			n, err := countPasskeys(tx, id)
			if err != nil {
				return err
			}
			open = n == 0 && anyNeedsPasskey(grants)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.LogIn(ctx, id); err != nil {
		return err
	}
	if to = safeReturn(to); to == "/" {
		to = home(grants)
	}
	switch {
	case open:
		p.Sessions.Put(ctx, keyEnrol, now.Add(EnrolTerm).Unix())
		to = "/account/passkeys/new?return=" + url.QueryEscape(to)
	case len(grants) == 0:
		to = "/login/waiting"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// home is where an account begins.
func home(grants []service.Grant) string {
	for _, g := range grants {
		switch g.Role {
		case service.Registrar, service.Approver, service.BodyAdmin, service.Auditor:
			return "/b/" + g.Body + "/"
		}
	}
	for _, g := range grants {
		if g.Role == service.OfficeEditor {
			return "/b/" + g.Body + "/office/surveys"
		}
	}
	for _, g := range grants {
		switch g.Role {
		case service.TrustOperator:
			return "/operator/"
		case service.CheckpointOperator:
			return "/verify/"
		case service.Holder:
			return "/holder/"
		}
	}
	return "/account"
}

// replaceHolder makes the holder's roles what the registers say now.
func replaceHolder(tx *store.ServiceTx, a service.AccountInfo, now []service.Grant) error {
	for _, g := range a.Grants {
		if g.Role == service.Holder && !slices.Contains(now, g) {
			if err := service.RemoveGrant(tx, a.ID, g); err != nil {
				return err
			}
		}
	}
	for _, g := range now {
		if err := service.AddGrant(tx, a.ID, g); err != nil {
			return err
		}
	}
	return nil
}

// maxShownName is the longest name in characters that is kept of what a provider says.
const maxShownName = 80

// cleanName is a provider's name for a person, made fit to be shown.
func cleanName(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxShownName {
		s = string([]rune(s)[:maxShownName])
	}
	if s == "" {
		return "—"
	}
	return s
}

// invited is the invitation that this browser has shown; 0 when it has not, or too long ago.
func (p *part) invited(ctx context.Context) int64 {
	var v invited
	if json.Unmarshal(p.Sessions.GetBytes(ctx, keyInvited), &v) != nil || v.Ends <= p.Now().Unix() {
		return 0
	}
	return v.ID
}

// choice is one way to log in.
type choice struct{ ID, Name, NameEN, URL string }

func (p *part) choices(to string) []choice {
	query := ""
	if to != "/" {
		query = "?return=" + url.QueryEscape(to)
	}
	var list []choice
	for _, rp := range p.oidc {
		list = append(list, choice{rp.ID, rp.Name, rp.NameEN, "/login/oidc/" + rp.ID + query})
	}
	if p.idgovua != nil {
		list = append(list, choice{"idgovua", "id.gov.ua: КЕП, BankID, Дія.Підпис", "id.gov.ua: signature, BankID, Diia", "/login/idgovua" + query})
	}
	return list
}

func (p *part) loginPage(w http.ResponseWriter, r *http.Request) error {
	to := safeReturn(r.URL.Query().Get("return"))
	data := struct {
		Choices []choice
		Dev     string
		Invited bool
		Office  string // where a log-in by the service ID leads; empty: to its start
	}{Choices: p.choices(to), Invited: p.invited(r.Context()) != 0}
	if strings.HasPrefix(to, "/office/") {
		data.Office = to
	}
	if p.Dev {
		data.Dev = "/login/dev"
		if to != "/" {
			data.Dev += "?return=" + url.QueryEscape(to)
		}
	}
	return p.Render(w, r, http.StatusOK, "login", data)
}

func (p *part) waitingPage(w http.ResponseWriter, r *http.Request) error {
	who := service.PrincipalOf(r.Context())
	if who.Kind == service.Account && len(who.Grants) > 0 {
		http.Redirect(w, r, home(who.Grants), http.StatusSeeOther)
		return nil
	}
	return p.Render(w, r, http.StatusOK, "login-waiting", nil)
}

// until is a time as the pages show it.
func until(at time.Time) string { return locale.Kyiv(at).Format("02.01.2006 15:04") }
