package offices

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// OAC-02 OAC-03: there is no route of the module, whatever piece it belongs to, that lets a person in without a valid ID.
func TestNoRouteWithoutID(t *testing.T) {
	w := world(t)
	h := w.Ministry.Holders["issued"]
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusSuspended })
	people := map[string]*http.Client{"suspended by the body": w.As(official(h)), "suspended": w.As(official(w.Ministry.Holders["suspended"])), "revoked": w.As(official(w.Ministry.Holders["revoked"])),
		"never issued": w.As(official(w.Ministry.Holders["enrolled"])), "post that is none": w.As(service.Principal{Kind: service.Account, Grants: []service.Grant{{Role: service.Holder, Body: h.Body.EDRPOU, Entitlement: 999}}})}
	programs := map[string]*http.Client{}
	for name, part := range map[string]string{"program of a suspended": "suspended", "program of a revoked": "revoked"} {
		p := official(w.Ministry.Holders[part])
		programs[name] = w.As(service.Principal{Kind: service.Program, Grants: p.Grants, Bodies: []string{h.Body.EDRPOU}, Scopes: []string{scopeDAV}})
	}
	asked := 0
	for _, r := range w.Server.Routes() {
		path := strings.NewReplacer("{$}", "", "{body}", h.Body.EDRPOU, "{edrpou}", h.Body.EDRPOU, "{path...}", "x", "{n}", "1", "{id}", "1").Replace(r.Path)
		clients := map[string]*http.Client{}
		if slices.Contains(r.Access.Roles, service.Holder) {
			clients = people
		}
		if slices.Contains(r.Access.Kinds, service.Program) {
			clients = programs
		}
		for name, c := range clients {
			body := strings.NewReader("{}")
			status, _, out := w.Do(c, r.Method, path, body, "Accept", "application/json", "Content-Type", "application/json")
			var p struct{ Code string }
			json.Unmarshal(out, &p)
			asked++
			if r.Method == http.MethodOptions && status < 300 { // says which methods there are, and nothing else
				continue
			}
			if r.Method == http.MethodHead {
				p.Code = map[bool]string{true: NoID.Code}[status == http.StatusForbidden]
			}
			if p.Code != NoID.Code && !(strings.HasPrefix(r.Path, "/api/") && p.Code == "invalid") { // an operation reads its input first
				t.Errorf("%s %s for %s: %d %s, want %s", r.Method, r.Path, name, status, p.Code, NoID.Code)
			}
		}
	}
	if asked < 100 {
		t.Errorf("%d requests: the pieces are not mounted", asked)
	}
	t.Logf("%d requests", asked)
}

// TestHomePage: what the pieces say, in the order of the tabs, and as text.
func TestHomePage(t *testing.T) {
	w := servicetest.New(t)
	p := &part{s: w.Server, c: Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()}}
	if err := p.mountAccess(); err != nil {
		t.Fatal(err)
	}
	const hostile = `<script>alert(1)</script>" onmouseover="x`
	for _, id := range []string{"other", "mail", "tasks", "day", "surveys"} {
		p.atHome(func(ctx context.Context, m member, at time.Time, lang string) (homeSection, error) {
			s := homeSection{ID: id, Title: "Розділ " + hostile, Empty: "порожньо", More: "/office/" + id, MoreText: "усі"}
			if id == "day" {
				s.Lines = []homeLine{{When: "09:00", Text: hostile, Link: "javascript:alert(1)", Note: hostile}}
			}
			return s, nil
		})
	}
	w.Start()
	h := w.Ministry.Holders["issued"]
	change(t, h, func(v *issuer.PostRow) { v.Record.Surname, v.Record.Position = `О<img src=x>`, `<b>голова</b>` })
	for _, lang := range []string{"uk", "en"} {
		status, _, page := w.Do(w.As(official(h)), "GET", "/office/?lang="+lang, nil)
		if status != 200 || strings.Contains(string(page), "<script>alert") || strings.Contains(string(page), "<img src=x") || strings.Contains(string(page), "<b>голова") || strings.Contains(string(page), `href="javascript`) {
			t.Fatalf("%d, or hostile text is markup", status)
		}
		last := -1
		for _, id := range []string{"day", "tasks", "surveys", "mail", "other", "apps"} {
			at := strings.Index(string(page), `id="home-`+id+`"`)
			if at <= last {
				t.Errorf("section %s stands at %d, after %d", id, at, last)
			}
			last = at
		}
	}
}
