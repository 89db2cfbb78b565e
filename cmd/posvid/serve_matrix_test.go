package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// mounted is a world with every part of the service.
func mounted(t *testing.T, change ...func(*service.Config)) *servicetest.World {
	t.Helper()
	w := servicetest.New(t, append([]func(*service.Config){func(c *service.Config) { c.Dev = true }}, change...)...)
	env := &cli.Env{Dir: t.TempDir(), Now: w.Now, Lang: "uk", Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}
	if err := new(serveFlags).mount(w.Server, env, w.Ballots, nil); err != nil {
		t.Fatal(err)
	}
	w.Start()
	return w
}

// golden compares what was made with a committed file; POSVID_UPDATE=1 writes it anew.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("..", "..", name)
	if os.Getenv("POSVID_UPDATE") == "1" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; make it with POSVID_UPDATE=1 go test ./cmd/posvid -run %s", err, t.Name())
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < len(got) && at < len(want) && got[at] == want[at] {
			at++
		}
		t.Errorf("%s differs from what the service is, at byte %d: %.120q, want %.120q; when that is meant: POSVID_UPDATE=1 go test ./cmd/posvid -run %s", name, at, got[at:], want[at:], t.Name())
	}
}

// SRV-24
func TestOpenAPIGolden(t *testing.T) {
	w := mounted(t)
	status, h, served := w.Do(w.Client(), "GET", "/api/openapi.json", nil)
	if status != 200 || h.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %s", status, h.Get("Content-Type"))
	}
	golden(t, "docs/api/openapi.json", served)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
		}
	}
	if err := json.Unmarshal(served, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s, %v", doc.OpenAPI, err)
	}
	for path, operations := range doc.Paths {
		for method, o := range operations {
			if o.OperationID == "" || o.Summary == "" {
				t.Errorf("%s %s: operation %q, summary %q: want both", method, path, o.OperationID, o.Summary)
			}
		}
	}
}

// caller is one column of the matrix.
type caller struct {
	name string
	p    service.Principal
}

// callers are every role with and without a fresh second factor, in the route's body and in another, and every other kind.
func callers(w *servicetest.World, scope string) []caller {
	list := []caller{{"nobody", service.Principal{}}}
	for _, role := range service.Roles() {
		for _, b := range []*servicetest.Body{w.Ministry, w.Council} {
			p := w.Role(role, b)
			if role == service.TrustOperator && b == w.Council {
				continue
			}
			name := string(role)
			if b == w.Council {
				name += " of another body"
			}
			list = append(list, caller{name, p})
			p.SecondFactor = w.Now().Add(-service.SecondFactorTerm)
			list = append(list, caller{name + ", second factor too old", p})
			p.SecondFactor = time.Time{}
			list = append(list, caller{name + ", no second factor", p})
		}
	}
	h := w.Ministry.Holders["issued"]
	list = append(list,
		caller{"account without roles", service.Principal{Kind: service.Account, Account: 1, SecondFactor: w.Now()}},
		caller{"account with a role that is none", service.Principal{Kind: service.Account, Account: 1, SecondFactor: w.Now(), Grants: []service.Grant{{Role: "", Body: servicetest.MinistryEDRPOU}}}},
		caller{"wallet", service.Principal{Kind: service.Wallet, Key: h.Key.HolderPublic().MarshalCOSE()}},
		caller{"device", service.Principal{Kind: service.Device, Key: w.Verifier.VerifierPublic().MarshalCOSE(), Verifier: w.ID, Bodies: []string{servicetest.MinistryEDRPOU}}},
		caller{"system", service.Principal{Kind: service.System, System: "1", Bodies: []string{servicetest.MinistryEDRPOU}, Scopes: []string{scope}}},
		caller{"system of another body", service.Principal{Kind: service.System, System: "1", Bodies: []string{servicetest.CouncilEDRPOU}, Scopes: []string{scope}}},
		caller{"system without the scope", service.Principal{Kind: service.System, System: "1", Bodies: []string{servicetest.MinistryEDRPOU}, Scopes: []string{"nothing"}}},
		caller{"program", service.Principal{Kind: service.Program, Bodies: []string{servicetest.MinistryEDRPOU}, Scopes: []string{scope}, Grants: w.Role(service.Holder, w.Ministry).Grants}},
		caller{"program of another body", service.Principal{Kind: service.Program, Bodies: []string{servicetest.CouncilEDRPOU}, Scopes: []string{scope}, Grants: w.Role(service.Holder, w.Council).Grants}},
		caller{"program for something else", service.Principal{Kind: service.Program, Bodies: []string{servicetest.MinistryEDRPOU}, Scopes: []string{"nothing"}, Grants: w.Role(service.Holder, w.Ministry).Grants}},
		caller{"a kind that is none", service.Principal{Kind: 200, Grants: w.Role(service.Registrar, w.Ministry).Grants, Scopes: []string{scope}}},
	)
	return list
}

// declared says what a route's Access promises a caller, in words of its own: the frame's decision is what is tested.
func declared(r service.Route, p service.Principal, at time.Time) (code string) {
	a := r.Access
	bound := strings.Contains(r.Path, "{edrpou}")
	if a.Public {
		return ""
	}
	switch p.Kind {
	case service.Nobody:
		return "not-logged-in"
	case service.Account:
		for _, g := range p.Grants {
			if !slices.Contains(a.Roles, g.Role) {
				continue
			}
			if bound && g.Body != servicetest.MinistryEDRPOU && g.Role != service.TrustOperator {
				continue
			}
			if a.SecondFactor && (p.SecondFactor.IsZero() || at.Sub(p.SecondFactor) >= 10*time.Minute) {
				return "second-factor"
			}
			return ""
		}
	case service.Wallet, service.Device:
		if slices.Contains(a.Kinds, p.Kind) {
			return ""
		}
	case service.System, service.Program:
		if slices.Contains(a.Kinds, p.Kind) && slices.Contains(p.Scopes, a.Scope) && (!bound || slices.Contains(p.Bodies, servicetest.MinistryEDRPOU)) {
			return ""
		}
	}
	return "forbidden"
}

// pathOf fills the names of a route's path.
func pathOf(r service.Route) string {
	var out []string
	for part := range strings.SplitSeq(r.Path, "/") {
		switch {
		case part == "{$}":
			part = ""
		case part == "{edrpou}":
			part = servicetest.MinistryEDRPOU
		case strings.HasPrefix(part, "{"):
			part = "1"
		}
		out = append(out, part)
	}
	return strings.Join(out, "/")
}

// refusals are the codes by which the frame keeps a caller out.
var refusals = []string{"not-logged-in", "forbidden", "second-factor"}

// SRV-06: every route, every role, every kind: the answer is what the route declares.
func TestAuthorisationMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: every role on every route")
	}
	w := mounted(t)
	ask := func(c *http.Client, r service.Route, header ...string) (int, string) {
		t.Helper()
		status, _, body := w.Do(c, r.Method, pathOf(r), nil, header...)
		var p struct{ Code string }
		json.Unmarshal(body, &p)
		return status, p.Code
	}
	cells := 0
	for _, r := range w.Server.Routes() {
		route := r.Method + " " + r.Path
		for _, c := range callers(w, r.Access.Scope) {
			client := w.As(c.p)
			if c.p.Kind == service.Nobody {
				client = w.Client()
			}
			want := declared(r, c.p, w.Now())
			status, got := ask(client, r)
			cells++
			switch {
			case want != "" && got != want:
				t.Errorf("%s for %s: %d %s, want %s", route, c.name, status, got, want)
			case want == "" && slices.Contains(refusals, got) && !ownRefusal(route):
				t.Errorf("%s for %s: %d %s, want to be let in", route, c.name, status, got)
			case want == "" && status == 500:
				t.Errorf("%s for %s: internal fault", route, c.name)
			}
			if r.Method != "GET" && r.Method != "OPTIONS" && want == "" { // OPTIONS changes nothing, and its answer holds nothing that is not in the spec
				if status, code := ask(client, r, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); status != 403 || code != "cross-origin" {
					t.Errorf("%s for %s from another site: %d %s, want 403 cross-origin", route, c.name, status, code)
				}
			}
		}
	}
	if cells < 1000 {
		t.Errorf("%d cells: the parts are not mounted", cells)
	}
	t.Logf("%d routes, %d cells", len(w.Server.Routes()), cells)
}

// ownRefusals are the routes whose page decides more than the frame does, with what it asks for beside the declared Access.
var ownRefusals = map[string]string{
	"GET /api/v1/systems/events": "a registered system that is told of events",
}

func ownRefusal(route string) bool { return ownRefusals[route] != "" }

// SRV-25: who may do what, for people to read.
func TestAccessGolden(t *testing.T) {
	w := mounted(t)
	routes := slices.Clone(w.Server.Routes())
	slices.SortFunc(routes, func(a, b service.Route) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	var out strings.Builder
	out.WriteString("# Who may do what\n\nMade by a test from the routes of the service ([service.md](../spec/service.md), Section 3); a change of a right is a change of this file.\n" +
		"Roles count in the body of the path's `{edrpou}`; `2FA` asks for a passkey proven within ten minutes. Routes below `/login/dev` exist with `--dev` only.\n\n| route | who |\n|---|---|\n")
	for _, r := range routes {
		var who []string
		a := r.Access
		if a.Public {
			who = append(who, "everybody")
		}
		for _, role := range a.Roles {
			who = append(who, string(role))
		}
		text := strings.Join(who, ", ")
		if a.SecondFactor {
			text += " + 2FA"
		}
		for _, k := range a.Kinds {
			name := map[service.Kind]string{service.Wallet: "wallet (signed)", service.Device: "device (signed)", service.System: "system with scope " + a.Scope, service.Program: "program with an app password for " + a.Scope}[k]
			text = strings.TrimPrefix(text+", "+name, ", ")
		}
		if text == "" {
			text = "nobody"
		}
		if own := ownRefusals[r.Method+" "+r.Path]; own != "" {
			text += "; " + own
		}
		if r.MaxBody > 0 {
			text += fmt.Sprintf("; at most %d KiB", r.MaxBody>>10)
		}
		fmt.Fprintf(&out, "| `%s %s` | %s |\n", r.Method, r.Path, text)
	}
	golden(t, "docs/api/access.md", []byte(out.String()))
}
