package service_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// echo is an operation whose input has every kind of field that a caller fills.
type echoInput struct {
	EDRPOU string `path:"edrpou"`
	Body   struct {
		Code  string   `json:"code" maxLength:"16"`
		Count int      `json:"count,omitempty" minimum:"0" maximum:"9"`
		List  []string `json:"list,omitempty" maxItems:"4"`
	}
}

type echoOutput struct {
	Body struct {
		Code string `json:"code"`
	}
}

// newServer is a world with a few routes of every kind.
func newServer(t *testing.T, change ...func(*service.Config)) *servicetest.World {
	t.Helper()
	w := servicetest.New(t, change...)
	s := w.Server
	page := func(text string) func(http.ResponseWriter, *http.Request) error {
		return func(w http.ResponseWriter, r *http.Request) error {
			io.Copy(io.Discard, r.Body)
			_, err := io.WriteString(w, text)
			return err
		}
	}
	s.Page("GET /b/{edrpou}/people/{name}", service.Access{Roles: []service.Role{service.Registrar}}, page("people"))
	s.Page("POST /b/{edrpou}/people", service.Access{Roles: []service.Role{service.Registrar}, SecondFactor: true}, page("changed"))
	s.Page("POST /open", service.Access{Public: true}, func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return err
		}
		return json.NewEncoder(w).Encode(n)
	})
	s.PageLimit("POST /large", service.Access{Public: true}, 4<<20, page("large"))
	s.Page("GET /panic", service.Access{Public: true}, func(http.ResponseWriter, *http.Request) error { panic("Вигаданець 0289340124 fell") })
	s.Page("GET /fault", service.Access{Public: true}, func(http.ResponseWriter, *http.Request) error {
		return errors.New("store: row of Вигаданець Зразок, number 0289340124, is locked")
	})
	s.Page("GET /zero", service.Access{}, page("never"))
	s.Page("GET /who", service.Access{Public: true}, func(w http.ResponseWriter, r *http.Request) error {
		return json.NewEncoder(w).Encode([]string{service.PrincipalOf(r.Context()).Name, service.SourceOf(r.Context()), service.LangOf(r.Context())})
	})
	s.Page("POST /guess", service.Access{Public: true}, func(w http.ResponseWriter, r *http.Request) error { return s.Guess(r) })
	service.Operation(s, service.Access{Public: true}, huma.Operation{Method: "POST", Path: "/api/v1/bodies/{edrpou}/echo", OperationID: "echo"},
		func(_ context.Context, in *echoInput) (*echoOutput, error) {
			if _, err := s.Body(in.EDRPOU); err != nil {
				return nil, err
			}
			out := &echoOutput{}
			out.Body.Code = in.Body.Code
			return out, nil
		})
	service.Operation(s, service.Access{Kinds: []service.Kind{service.System}, Scope: "documents"}, huma.Operation{Method: "GET", Path: "/api/v1/bodies/{edrpou}/secret", OperationID: "secret"},
		func(context.Context, *struct {
			EDRPOU string `path:"edrpou"`
		}) (*echoOutput, error) {
			return &echoOutput{}, nil
		})
	return w
}

// problem reads an error answer and checks its shape.
func problem(t *testing.T, status int, h http.Header, body []byte) string {
	t.Helper()
	var p struct {
		Type, Title, Detail, Code, Instance string
		Status                              int
	}
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("status %d: not a problem: %v: %s", status, err, body)
	}
	if got := h.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("type %q, want application/problem+json", got)
	}
	if p.Status != status || p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.Code == "" || p.Instance != h.Get("X-Request-Id") {
		t.Errorf("problem of status %d: %s", status, body)
	}
	return p.Code
}

// SRV-01, SRV-02
func TestHeadersOfEveryAnswer(t *testing.T) {
	for _, origin := range []string{"http://localhost", "https://id.example.gov.ua"} {
		w := newServer(t, func(c *service.Config) { c.Origin = origin })
		w.Start()
		host := strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://")
		for _, path := range []string{"/", "/healthz", "/readyz", "/nope", "/zero", "/fault", "/panic", "/static/app.css", "/api/openapi.json", "/api/v1/bodies/99000011/secret", "/" + strings.Repeat("a", 5000)} {
			r, err := http.NewRequest("GET", w.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			a, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			a.Body.Close()
			csp := a.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: policy %q lacks %q", path, csp, want)
				}
			}
			if strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "unsafe-eval' ") && !strings.Contains(csp, "wasm-unsafe-eval") {
				t.Errorf("%s: policy %q", path, csp)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY"} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", path, name, got, want)
				}
			}
			if !strings.HasPrefix(a.Header.Get("Permissions-Policy"), "camera=(self)") || len(a.Header.Get("X-Request-Id")) != 16 || a.Header.Get("Cache-Control") == "" {
				t.Errorf("%s: headers %v", path, a.Header)
			}
			if hsts := a.Header.Get("Strict-Transport-Security"); (hsts != "") != strings.HasPrefix(origin, "https") {
				t.Errorf("%s on %s: Strict-Transport-Security %q", path, origin, hsts)
			}
		}
	}
}

// SRV-03: nothing reads a path in another way than the service.
func TestHostilePaths(t *testing.T) {
	w := newServer(t)
	w.Start()
	address := strings.TrimPrefix(w.URL, "http://")
	for _, target := range []string{"/../healthz", "/static/../healthz", "//healthz", "/./healthz", "/static/%2e%2e/healthz", "/%2e%2e/%2e%2e/etc/passwd", "/b/99000011%2fpeople/x", "/b/99000011/people/..%2f..%2fx",
		"/b/99000011/people/%00", "/b/99000011/people/%0d%0aSet-Cookie:%20a=b", "/b/99000011/people/%ff%fe", "/b\\99000011", "/b/99000011/people/a%5cb", "/wallet/../static/app.css", "/static//app.css",
		"/static/dist/.gitignore", "/static/", "/static", "/templates/layout.html", "/web.go", "/static/app.css/", "/" + strings.Repeat("a/", 1500), "/healthz/", "/HEALTHZ"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		c.SetDeadline(time.Now().Add(5 * time.Second))
		answer, _ := io.ReadAll(c)
		c.Close()
		line, _, _ := strings.Cut(string(answer), "\r\n")
		if !strings.Contains(line, " 404 ") && !strings.Contains(line, " 400 ") && !strings.Contains(line, " 414 ") && !strings.Contains(line, " 401 ") {
			t.Errorf("%.60q: %q, want 400, 401, 404 or 414", target, line)
		}
		if strings.Contains(string(answer), "Set-Cookie: a=b") {
			t.Errorf("%q put a header into the answer", target)
		}
	}
}

// SRV-03
func TestLongAddress(t *testing.T) {
	w := newServer(t)
	w.Start()
	status, h, body := w.Do(w.Client(), "GET", "/who?x="+strings.Repeat("a", 5000), nil)
	if status != 414 || problem(t, status, h, body) != "address-too-long" {
		t.Errorf("got %d %s", status, body)
	}
}

// SRV-04
func TestForeignHost(t *testing.T) {
	w := newServer(t, func(c *service.Config) { c.Origin, c.Proxies = "https://id.example.gov.ua", []string{"10.0.0.0/8"} })
	h := w.Server.Handler()
	for host, want := range map[string]int{"id.example.gov.ua": 200, "ID.example.gov.ua": 200, "evil.example": 421, "id.example.gov.ua.evil.example": 421, "id.example.gov.ua:8443": 421, "localhost": 421, "127.0.0.1": 421, "": 421} {
		r := httptest.NewRequest("GET", "/who", nil)
		r.Host = host
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		if a.Code != want {
			t.Errorf("host %q: %d, want %d", host, a.Code, want)
		}
	}
	local := newServer(t).Server.Handler()
	for host, want := range map[string]int{"localhost": 200, "127.0.0.1:4711": 200, "[::1]:80": 200, "rebound.example": 421} {
		r := httptest.NewRequest("GET", "/who", nil)
		r.Host = host
		a := httptest.NewRecorder()
		local.ServeHTTP(a, r)
		if a.Code != want {
			t.Errorf("local, host %q: %d, want %d", host, a.Code, want)
		}
	}
}

// SRV-05
func TestCrossOrigin(t *testing.T) {
	w := newServer(t)
	w.Start()
	c := w.As(w.Role(service.Registrar, w.Ministry))
	for _, x := range []struct {
		header []string
		want   int
	}{
		{nil, 200}, // no browser
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", "http://localhost"}, 200},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://localhost.evil.example"}, 403},
	} {
		status, h, body := w.Do(c, "POST", "/b/"+servicetest.MinistryEDRPOU+"/people", nil, x.header...)
		if status != x.want {
			t.Errorf("%v: %d, want %d", x.header, status, x.want)
		}
		if x.want == 403 && problem(t, status, h, body) != "cross-origin" {
			t.Errorf("%v: %s", x.header, body)
		}
	}
}

// SRV-06: the zero Access refuses everybody.
func TestZeroAccess(t *testing.T) {
	w := newServer(t)
	w.Start()
	all := service.Principal{Kind: service.Account, Account: 1, SecondFactor: w.Now()}
	for _, role := range service.Roles() {
		for _, body := range []string{"", servicetest.MinistryEDRPOU} {
			all.Grants = append(all.Grants, service.Grant{Role: role, Body: body})
		}
	}
	for _, p := range []service.Principal{all, {Kind: service.Wallet}, {Kind: service.Device}, {Kind: service.System, Scopes: []string{""}}, {Kind: 99}} {
		if status, _, _ := w.Do(w.As(p), "GET", "/zero", nil); status != 403 {
			t.Errorf("kind %d: %d, want 403", p.Kind, status)
		}
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/zero", nil); status != 401 {
		t.Errorf("nobody: %d, want 401", status)
	}
}

// SRV-07, SRV-08: who may do what is looked up for each request.
func TestSession(t *testing.T) {
	w := newServer(t)
	w.Start()
	ctx := context.Background()
	grant := service.Grant{Role: service.Registrar, Body: servicetest.MinistryEDRPOU, Operator: 1}
	account := w.Account("Особа Перша", grant, service.Grant{Role: service.BodyAdmin, Body: servicetest.MinistryEDRPOU})
	w.Account("Особа Друга", service.Grant{Role: service.BodyAdmin, Body: servicetest.MinistryEDRPOU})
	update := func(f func(tx *store.ServiceTx) error) {
		t.Helper()
		if err := w.Server.Store.Update(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	get := func(c *http.Client) int {
		status, _, _ := w.Do(c, "GET", "/b/"+servicetest.MinistryEDRPOU+"/people/x", nil)
		return status
	}
	post := func(c *http.Client) int {
		status, _, _ := w.Do(c, "POST", "/b/"+servicetest.MinistryEDRPOU+"/people", nil)
		return status
	}
	c := w.LogIn(account, true)
	if get(c) != 200 || post(c) != 200 {
		t.Fatal("a registrar who has just logged in is refused")
	}
	w.Advance(service.SecondFactorTerm)
	if get(c) != 200 || post(c) != 403 {
		t.Error("an old second factor still counts")
	}
	update(func(tx *store.ServiceTx) error { return service.RemoveGrant(tx, account, grant) })
	if get(c) != 403 {
		t.Error("a role that was taken away still counts")
	}
	update(func(tx *store.ServiceTx) error { return service.AddGrant(tx, account, grant) })
	if get(c) != 200 {
		t.Error("a role that was given back does not count")
	}
	for range 8 { // idle: never 30 minutes without a request
		w.Advance(service.SessionIdle - time.Minute)
		if get(c) != 200 {
			t.Fatal("a session in use ended")
		}
	}
	w.Advance(service.SessionIdle)
	if get(c) != 401 {
		t.Error("an idle session still counts")
	}
	c = w.LogIn(account, false)
	for end := w.Now().Add(service.SessionLife); w.Now().Before(end.Add(-20 * time.Minute)); w.Advance(20 * time.Minute) {
		if get(c) != 200 {
			t.Fatal("a session ended early")
		}
	}
	w.Advance(20 * time.Minute)
	if get(c) != 401 {
		t.Error("a session outlived its term")
	}
	c = w.LogIn(account, false)
	w.Advance(time.Minute)
	update(func(tx *store.ServiceTx) error { return service.EndSessions(tx, account, w.Now()) })
	if get(c) != 401 {
		t.Error("a session that was ended elsewhere still counts")
	}
	c = w.LogIn(account, false)
	update(func(tx *store.ServiceTx) error { return service.SetDisabled(tx, account, true) })
	if get(c) != 401 {
		t.Error("a disabled account still counts")
	}
	update(func(tx *store.ServiceTx) error { return service.SetDisabled(tx, account, false) })
	if get(c) != 401 {
		t.Error("the session of an account that was disabled came back")
	}
}

// SRV-07: what the browser holds is not in the file, and a changed, a long and an invented token are nobody's.
func TestSessionToken(t *testing.T) {
	w := newServer(t)
	w.Server.Page("POST /in", service.Access{Public: true}, func(_ http.ResponseWriter, r *http.Request) error {
		return w.Server.LogIn(r.Context(), 1)
	})
	w.Server.Page("POST /out", service.Access{Public: true}, func(_ http.ResponseWriter, r *http.Request) error {
		return w.Server.LogOut(r.Context())
	})
	w.Server.Page("POST /second", service.Access{Public: true}, func(_ http.ResponseWriter, r *http.Request) error {
		return w.Server.ProveSecondFactor(r.Context())
	})
	w.Start()
	w.Account("Особа Перша", service.Grant{Role: service.Registrar, Body: servicetest.MinistryEDRPOU})
	who := func(cookie string) string {
		_, _, body := w.Do(http.DefaultClient, "GET", "/who", nil, "Cookie", cookie)
		var out []string
		json.Unmarshal(body, &out)
		return out[0]
	}
	cookie := func(h http.Header) *http.Cookie {
		t.Helper()
		a := http.Response{Header: h}
		if len(a.Cookies()) != 1 {
			t.Fatalf("cookies %v, want one", a.Cookies())
		}
		return a.Cookies()[0]
	}
	_, h, _ := w.Do(http.DefaultClient, "POST", "/in", nil)
	first := cookie(h)
	if !first.HttpOnly || first.SameSite != http.SameSiteLaxMode || first.Path != "/" || first.Domain != "" {
		t.Errorf("cookie %v", first)
	}
	text := first.Name + "=" + first.Value
	if who(text) != "Особа Перша" {
		t.Fatal("the session does not count")
	}
	err := w.Server.Store.View(context.Background(), func(tx *store.ServiceTx) error {
		return tx.Rows("SELECT token, data FROM sessions", nil, func(scan func(...any) error) error {
			var token, data []byte
			err := scan(&token, &data)
			if bytes.Contains(token, []byte(first.Value)) || bytes.Contains(data, []byte("account")) || bytes.Contains(data, []byte(first.Value)) {
				t.Error("the file shows a session")
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 43), first.Value + "x", strings.ToLower(first.Value) + "_", strings.Repeat("A", 5000), "%00"} {
		if got := who(first.Name + "=" + bad); got != "" {
			t.Errorf("token %.20q is %q", bad, got)
		}
	}
	_, h, _ = w.Do(http.DefaultClient, "POST", "/second", nil, "Cookie", text)
	second := cookie(h)
	if second.Value == first.Value || who(text) != "" || who(second.Name+"="+second.Value) == "" {
		t.Error("a second factor leaves the token as it was")
	}
	_, h, _ = w.Do(http.DefaultClient, "POST", "/in", nil, "Cookie", second.Name+"="+second.Value)
	third := cookie(h)
	if third.Value == second.Value || who(second.Name+"="+second.Value) != "" {
		t.Error("log-in leaves the token as it was: a token given to somebody beforehand would work")
	}
	_, h, _ = w.Do(http.DefaultClient, "POST", "/out", nil, "Cookie", third.Name+"="+third.Value)
	if ended := cookie(h); ended.MaxAge >= 0 || who(third.Name+"="+third.Value) != "" {
		t.Error("log-out leaves the session")
	}
}

// SRV-07: a request that began before the log-out and ends after it does not bring the session back.
func TestLogOutWinsAgainstRequestsUnderWay(t *testing.T) {
	w := newServer(t)
	inside, gate := make(chan struct{}), make(chan struct{})
	w.Server.Page("GET /slow", service.Access{Public: true}, func(_ http.ResponseWriter, r *http.Request) error {
		w.Server.Sessions.Put(r.Context(), "x", "y")
		close(inside)
		<-gate
		return nil
	})
	w.Server.Page("POST /out", service.Access{Public: true}, func(_ http.ResponseWriter, r *http.Request) error {
		return w.Server.LogOut(r.Context())
	})
	w.Start()
	c := w.LogIn(w.Account("Особа Перша", service.Grant{Role: service.Registrar, Body: servicetest.MinistryEDRPOU}), false)
	path := "/b/" + servicetest.MinistryEDRPOU + "/people/x"
	if status, _, _ := w.Do(c, "GET", path, nil); status != 200 {
		t.Fatal("the session does not count")
	}
	kept := w.Client() // holds the same cookie, whatever the log-out says
	kept.Jar = nil
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookie := c.Jar.Cookies(at)[0].String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Do(kept, "GET", "/slow", nil, "Cookie", cookie)
	}()
	<-inside
	if status, _, _ := w.Do(c, "POST", "/out", nil); status != 200 {
		t.Fatal("log-out failed")
	}
	close(gate)
	<-done
	if status, _, _ := w.Do(kept, "GET", path, nil, "Cookie", cookie); status != 401 {
		t.Errorf("after the log-out: %d, want 401", status)
	}
}

// SRV-09
func TestLastAdmin(t *testing.T) {
	w := newServer(t)
	admin := service.Grant{Role: service.BodyAdmin, Body: servicetest.MinistryEDRPOU}
	trust := service.Grant{Role: service.TrustOperator}
	one := w.Account("Особа Перша", admin, trust)
	two := w.Account("Особа Друга", admin)
	try := func(f func(tx *store.ServiceTx) error) error { return w.Server.Store.Update(context.Background(), f) }
	remove := func(id int64, g service.Grant) error {
		return try(func(tx *store.ServiceTx) error { return service.RemoveGrant(tx, id, g) })
	}
	if err := try(func(tx *store.ServiceTx) error { return service.SetDisabled(tx, one, true) }); !errors.Is(err, service.LastAdmin) {
		t.Errorf("the last trust operator was disabled: %v", err)
	}
	if err := remove(one, trust); !errors.Is(err, service.LastAdmin) {
		t.Errorf("the last trust operator is gone: %v", err)
	}
	if err := remove(two, admin); err != nil {
		t.Errorf("one of two administrators cannot leave: %v", err)
	}
	if err := remove(one, admin); !errors.Is(err, service.LastAdmin) {
		t.Errorf("the last administrator is gone: %v", err)
	}
	if err := remove(two, admin); !errors.Is(err, service.UnknownAccount) {
		t.Errorf("a role was taken away twice: %v", err)
	}
	if err := try(func(tx *store.ServiceTx) error { return service.AddGrant(tx, two, admin) }); err != nil {
		t.Fatal(err)
	}
	if err := try(func(tx *store.ServiceTx) error { return service.SetDisabled(tx, two, true) }); err != nil {
		t.Errorf("one of two administrators cannot be disabled: %v", err)
	}
	if err := remove(one, admin); !errors.Is(err, service.LastAdmin) {
		t.Errorf("a disabled administrator counts: %v", err)
	}
}

func TestGrants(t *testing.T) {
	w := newServer(t)
	id := w.Account("Особа Перша")
	for _, g := range []service.Grant{{}, {Role: "king", Body: servicetest.MinistryEDRPOU}, {Role: service.Registrar}, {Role: service.Registrar, Body: "12345679"}, {Role: service.TrustOperator, Body: servicetest.MinistryEDRPOU},
		{Role: service.Holder, Body: servicetest.MinistryEDRPOU}, {Role: service.Auditor, Body: servicetest.MinistryEDRPOU, Operator: 1}, {Role: service.Auditor, Body: servicetest.MinistryEDRPOU, Entitlement: 4},
		{Role: service.Registrar, Body: servicetest.MinistryEDRPOU, Operator: -1}} {
		err := w.Server.Store.Update(context.Background(), func(tx *store.ServiceTx) error { return service.AddGrant(tx, id, g) })
		if !errors.Is(err, service.WrongGrant) {
			t.Errorf("%+v: %v, want WrongGrant", g, err)
		}
	}
	err := w.Server.Store.Update(context.Background(), func(tx *store.ServiceTx) error {
		if err := service.AddGrant(tx, 99, service.Grant{Role: service.TrustOperator}); !errors.Is(err, service.UnknownAccount) {
			t.Errorf("grant of no account: %v", err)
		}
		for _, name := range []string{"", strings.Repeat("я", 101), "a\x00b", "a\nb", "\xff"} {
			if _, err := service.MakeAccount(tx, [32]byte{1}, name, w.Now()); !errors.Is(err, service.BadRequest) {
				t.Errorf("name %.10q: %v, want BadRequest", name, err)
			}
		}
		subject, err := service.SubjectOf(w.Server.Store, "https://idp.example", "42")
		if err != nil {
			return err
		}
		other, err := service.SubjectOf(w.Server.Store, "https://idp.example4", "2")
		if err != nil || other == subject {
			t.Error("two providers give one subject")
		}
		made, err := service.MakeAccount(tx, subject, "Особа Третя", w.Now())
		if err != nil {
			return err
		}
		if _, err := service.MakeAccount(tx, subject, "Особа Четверта", w.Now()); !errors.Is(err, service.AccountExists) {
			t.Errorf("same subject: %v, want AccountExists", err)
		}
		for _, g := range []service.Grant{{Role: service.Holder, Body: servicetest.MinistryEDRPOU, Entitlement: 3}, {Role: service.Holder, Body: servicetest.MinistryEDRPOU, Entitlement: 4}} {
			if err := service.AddGrant(tx, made, g); err != nil {
				return err
			}
		}
		found, err := service.FindAccount(tx, subject)
		if err != nil || found.ID != made || found.Name != "Особа Третя" || len(found.Grants) != 2 {
			t.Errorf("found %+v, %v", found, err)
		}
		if _, err := service.FindAccount(tx, other); !errors.Is(err, service.UnknownAccount) {
			t.Errorf("nobody's subject: %v", err)
		}
		list, err := service.ListAccounts(tx, servicetest.MinistryEDRPOU)
		if err != nil || len(list) != 1 || list[0].ID != made {
			t.Errorf("list %+v, %v", list, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// SRV-10: hostile JSON.
func TestHostileJSON(t *testing.T) {
	w := newServer(t)
	w.Start()
	path := "/api/v1/bodies/" + servicetest.MinistryEDRPOU + "/echo"
	for name, c := range map[string]struct {
		kind, body string
		status     int
		code       string
	}{
		"good":                 {"application/json", `{"code":"a"}`, 200, ""},
		"name twice":           {"application/json", `{"code":"a","code":"b"}`, 400, "bad-request"},
		"name twice, escaped":  {"application/json", `{"code":"a","c\u006fde":"b"}`, 400, "bad-request"},
		"other case":           {"application/json", `{"code":"a","CODE":"b"}`, 422, "invalid"},
		"two values":           {"application/json", `{"code":"a"}{"code":"b"}`, 400, "bad-request"},
		"after it":             {"application/json", `{"code":"a"}]`, 400, "bad-request"},
		"nothing":              {"application/json", ``, 400, "bad-request"},
		"cut":                  {"application/json", `{"code":"a`, 400, "bad-request"},
		"not UTF-8":            {"application/json", "{\"code\":\"\xff\"}", 400, "bad-request"},
		"deep":                 {"application/json", `{"list":` + strings.Repeat("[", 400000) + strings.Repeat("]", 400000) + `}`, 400, "bad-request"},
		"deep objects":         {"application/json", strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), 400, "bad-request"},
		"wide":                 {"application/json", `{"code":"a","list":[` + strings.Repeat(`"x",`, 100000) + `"x"]}`, 422, "invalid"},
		"large":                {"application/json", `{"code":"` + strings.Repeat("a", 2<<20) + `"}`, 413, "too-large"},
		"long text":            {"application/json", `{"code":"` + strings.Repeat("a", 17) + `"}`, 422, "invalid"},
		"wrong kind of value":  {"application/json", `{"code":7}`, 422, "invalid"},
		"unknown member":       {"application/json", `{"code":"a","admin":true}`, 422, "invalid"},
		"missing member":       {"application/json", `{}`, 422, "invalid"},
		"out of range":         {"application/json", `{"code":"a","count":10}`, 422, "invalid"},
		"huge number":          {"application/json", `{"code":"a","count":1e400}`, 400, "bad-request"},
		"fraction":             {"application/json", `{"code":"a","count":1.5}`, 422, "invalid"},
		"NaN":                  {"application/json", `{"code":"a","count":NaN}`, 400, "bad-request"},
		"list instead":         {"application/json", `["a"]`, 422, "invalid"},
		"null":                 {"application/json", `null`, 422, "invalid"},
		"form":                 {"application/x-www-form-urlencoded", `code=a`, 415, "wrong-type"},
		"text":                 {"text/plain", `{"code":"a"}`, 415, "wrong-type"},
		"CBOR":                 {"application/cbor", "\xa1dcodeaa", 415, "wrong-type"},
		"odd type":             {";;;", `{"code":"a"}`, 415, "wrong-type"},
		"another body's route": {"application/json", `{"code":"a"}`, 200, ""},
	} {
		status, h, body := w.Do(w.Client(), "POST", path, strings.NewReader(c.body), "Content-Type", c.kind)
		if status != c.status {
			t.Errorf("%s: %d %.200s, want %d", name, status, body, c.status)
			continue
		}
		if c.code != "" && problem(t, status, h, body) != c.code {
			t.Errorf("%s: %.200s, want %s", name, body, c.code)
		}
	}
	status, h, body := w.Do(w.Client(), "POST", "/api/v1/bodies/00000000/echo", strings.NewReader(`{"code":"a"}`), "Content-Type", "application/json")
	if status != 404 || problem(t, status, h, body) != "unknown-body" {
		t.Errorf("unknown body: %d %s", status, body)
	}
	// What came is never repeated: it may be somebody's number.
	_, _, body = w.Do(w.Client(), "POST", path, strings.NewReader(`{"code":"0289340124028934012402893401240289340124"}`), "Content-Type", "application/json")
	if bytes.Contains(body, []byte("0289340124")) {
		t.Errorf("the answer repeats what came: %s", body)
	}
}

// SRV-11
func TestBodyLimits(t *testing.T) {
	w := newServer(t)
	w.Start()
	send := func(path string, n int) (int, http.Header, []byte) {
		return w.Do(w.Client(), "POST", path, io.LimitReader(zeros{}, int64(n)))
	}
	if status, _, body := send("/open", 1<<20); status != 200 || string(body) != "1048576\n" {
		t.Errorf("1 MiB: %d %s", status, body)
	}
	if status, h, body := send("/open", 1<<20+1); status != 413 || problem(t, status, h, body) != "too-large" {
		t.Errorf("1 MiB and a byte: %d %s", status, body)
	}
	if status, _, _ := send("/large", 4<<20); status != 200 {
		t.Errorf("a route with a limit of 4 MiB: %d", status)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// SRV-12
func TestWrongMethodAndPath(t *testing.T) {
	w := newServer(t)
	w.Start()
	status, h, body := w.Do(w.Client(), "DELETE", "/who", nil)
	if status != 405 || problem(t, status, h, body) != "wrong-method" || h.Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE: %d, Allow %q, %s", status, h.Get("Allow"), body)
	}
	for _, method := range []string{"TRACE", "CONNECT", "BREW", "OPTIONS"} {
		r := httptest.NewRequest("GET", "/who", nil)
		r.Method, r.Host = method, "localhost"
		a := httptest.NewRecorder()
		w.Server.Handler().ServeHTTP(a, r)
		if a.Code != 405 {
			t.Errorf("%s: %d, want 405", method, a.Code)
		}
	}
	status, h, body = w.Do(w.Client(), "GET", "/nowhere", nil)
	if status != 404 || problem(t, status, h, body) != "not-found" {
		t.Errorf("nowhere: %d %s", status, body)
	}
	status, h, body = w.Do(w.Client(), "GET", "/nowhere", nil, "Accept", "text/html")
	if status != 404 || !strings.HasPrefix(h.Get("Content-Type"), "text/html") || !bytes.Contains(body, []byte("Такої сторінки немає")) {
		t.Errorf("nowhere, in a browser: %d %s", status, body)
	}
}

// SRV-13: one source has its share and no more, and what it may count is bounded.
func TestRateLimit(t *testing.T) {
	w := newServer(t, func(c *service.Config) {
		c.Limits = service.Limits{PerMinute: 10, TriesPerHour: 3}
		c.Proxies = []string{"127.0.0.1/32"}
	})
	w.Start()
	from := func(path, method, address string) (int, http.Header) {
		status, h, _ := w.Do(w.Client(), method, path, nil, "X-Forwarded-For", address)
		return status, h
	}
	for i := range 10 {
		if status, _ := from("/who", "GET", "203.0.113.7"); status != 200 {
			t.Fatalf("request %d: %d", i, status)
		}
	}
	if status, h := from("/who", "GET", "203.0.113.7"); status != 429 || h.Get("Retry-After") == "" {
		t.Errorf("request 11: %d, Retry-After %q", status, h.Get("Retry-After"))
	}
	if status, _ := from("/healthz", "GET", "203.0.113.7"); status != 200 {
		t.Errorf("/healthz of a source that is limited: %d", status)
	}
	if status, _ := from("/who", "GET", "203.0.113.8"); status != 200 {
		t.Errorf("another source: %d", status)
	}
	for i := range 10 {
		if status, _ := from("/who", "GET", "2001:db8:1:2::"+string(rune('1'+i%9))); status != 200 {
			t.Fatalf("IPv6, request %d: %d", i, status)
		}
	}
	if status, _ := from("/who", "GET", "2001:db8:1:2:ffff::1"); status != 429 {
		t.Error("addresses of one /64 are counted apart")
	}
	if status, _ := from("/who", "GET", "2001:db8:1:3::1"); status != 200 {
		t.Error("two /64 are counted together")
	}
	w.Advance(time.Minute)
	if status, _ := from("/who", "GET", "203.0.113.7"); status != 200 {
		t.Error("the limit does not end")
	}
	for i, want := range []int{200, 200, 200, 429} {
		if status, _ := from("/guess", "POST", "203.0.113.9"); status != want {
			t.Errorf("try %d: %d, want %d", i, status, want)
		}
	}
	w.Advance(21 * time.Minute)
	if status, _ := from("/guess", "POST", "203.0.113.9"); status != 200 {
		t.Error("a try does not come back after its share of the hour")
	}
}

// SRV-14: X-Forwarded-For counts from a configured proxy only, and then the last address that is not a proxy's.
func TestForwardedFor(t *testing.T) {
	proxies := []string{"10.0.0.0/8", "fd00::/8"}
	h := newServer(t, func(c *service.Config) { c.Proxies = proxies }).Server.Handler()
	source := func(remote string, forwarded ...string) string {
		r := httptest.NewRequest("GET", "/who", nil)
		r.Host, r.RemoteAddr = "localhost", remote
		for _, f := range forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		var out []string
		if err := json.Unmarshal(a.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s: %v", a.Body, err)
		}
		return out[1]
	}
	for _, c := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"198.51.100.4:1", []string{"203.0.113.7"}, "198.51.100.4"},
		{"10.1.1.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"10.1.1.1:1", []string{"203.0.113.99, 203.0.113.7"}, "203.0.113.7"},
		{"10.1.1.1:1", []string{"203.0.113.99", "203.0.113.7, 10.2.2.2"}, "203.0.113.7"},
		{"10.1.1.1:1", []string{"203.0.113.7, garbage"}, "10.1.1.1"},
		{"10.1.1.1:1", nil, "10.1.1.1"},
		{"[fd00::1]:1", []string{"2001:db8:1:2:3::4"}, "2001:db8:1:2::/64"},
		{"[::ffff:10.1.1.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"[2001:db8::1%eth0]:1", nil, "2001:db8::/64"},
		{"nonsense", nil, ""},
	} {
		if got := source(c.remote, c.forwarded...); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.remote, c.forwarded, got, c.want)
		}
	}
}

// SRV-15: ten times what it can take makes it say so, and nothing that it answers is wrong; /healthz answers all the while.
func TestOverload(t *testing.T) {
	w := newServer(t, func(c *service.Config) {
		c.Limits = service.Limits{InFlight: 8, PerMinute: 1_000_000}
		c.Proxies = []string{"127.0.0.1/32"}
	})
	gate := make(chan struct{})
	w.Server.Page("GET /slow", service.Access{Public: true}, func(w http.ResponseWriter, r *http.Request) error {
		<-gate
		_, err := io.WriteString(w, "right")
		return err
	})
	w.Start()
	type result struct {
		status int
		body   string
		retry  string
	}
	results := make(chan result, 80)
	var wait sync.WaitGroup
	for i := range 80 {
		wait.Go(func() {
			status, h, body := w.Do(w.Client(), "GET", "/slow", nil, "X-Forwarded-For", "203.0.113."+string(rune('0'+i%10)))
			results <- result{status, string(body), h.Get("Retry-After")}
		})
	}
	shed := 0
	for range 72 {
		r := <-results
		if r.status != 503 || r.retry == "" || !strings.Contains(r.body, `"overloaded"`) {
			t.Errorf("shed with %d %q %q", r.status, r.retry, r.body)
		}
		shed++
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/healthz", nil); status != 200 {
		t.Errorf("/healthz while overloaded: %d", status)
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/readyz", nil); status != 200 && status != 503 {
		t.Errorf("/readyz while overloaded: %d", status)
	}
	close(gate)
	wait.Wait()
	close(results)
	for r := range results {
		if r.status != 200 || r.body != "right" {
			t.Errorf("a request that was taken got %d %q", r.status, r.body)
		}
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/who", nil); status != 200 {
		t.Errorf("after the flood: %d", status)
	}
	if shed != 72 {
		t.Errorf("%d shed, want 72", shed)
	}
}

// SRV-16: one source cannot take every place.
func TestOneSourceDoesNotFillTheService(t *testing.T) {
	w := newServer(t, func(c *service.Config) {
		c.Limits = service.Limits{InFlight: 32, PerMinute: 1_000_000}
		c.Proxies = []string{"127.0.0.1/32"}
	})
	gate := make(chan struct{})
	var inside sync.WaitGroup
	inside.Add(8)
	w.Server.Page("GET /slow", service.Access{Public: true}, func(http.ResponseWriter, *http.Request) error {
		inside.Done()
		<-gate
		return nil
	})
	w.Start()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { w.Do(w.Client(), "GET", "/slow", nil, "X-Forwarded-For", "203.0.113.7") })
	}
	inside.Wait()
	if status, _, _ := w.Do(w.Client(), "GET", "/who", nil, "X-Forwarded-For", "203.0.113.7"); status != 503 {
		t.Errorf("the ninth of one source: %d, want 503", status)
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/who", nil, "X-Forwarded-For", "203.0.113.8"); status != 200 {
		t.Errorf("another source: %d, want 200", status)
	}
	close(gate)
	wait.Wait()
}

// SRV-16: whoever takes a long answer slowly holds a connection, and no place.
func TestSlowReadersHoldNoPlace(t *testing.T) {
	w := newServer(t, func(c *service.Config) {
		c.Limits = service.Limits{InFlight: 2, PerMinute: 1_000_000}
		c.Proxies = []string{"127.0.0.1/32"}
	})
	long := bytes.Repeat([]byte("long "), 4<<20)
	w.Server.Page("GET /long", service.Access{Public: true}, func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write(long)
		return err
	})
	w.Start()
	for range 4 {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := io.ReadFull(c, make([]byte, 4096)); err != nil { // and no more
			t.Fatal(err)
		}
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/who", nil); status != 200 {
		t.Errorf("beside slow readers: %d", status)
	}
}

// SRV-16: whoever sends a body slowly holds a connection, and no place.
func TestSlowBodiesHoldNoPlace(t *testing.T) {
	w := newServer(t, func(c *service.Config) {
		c.Limits = service.Limits{InFlight: 2, PerMinute: 1_000_000}
		c.Proxies = []string{"127.0.0.1/32"}
	})
	w.Start()
	var slow []net.Conn
	for i := range 4 {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /open HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.%d\r\nContent-Length: 10\r\n\r\nhalf", i)
		slow = append(slow, c)
	}
	time.Sleep(50 * time.Millisecond)
	if status, _, _ := w.Do(w.Client(), "GET", "/who", nil); status != 200 {
		t.Errorf("beside slow bodies: %d", status)
	}
	for _, c := range slow {
		io.WriteString(c, " other")
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		a, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(a.Body); a.StatusCode != 200 && a.StatusCode != 503 || a.StatusCode == 200 && string(text) != "10\n" {
			t.Errorf("a body in two parts: %d %s", a.StatusCode, text)
		}
	}
}

// SRV-17: names and numbers of people never reach the log, wherever they stood in the request.
func TestLogHoldsNoPersonalData(t *testing.T) {
	w := newServer(t)
	w.Start()
	const name, number = "Вигаданець", "0289340124"
	p := w.Role(service.Registrar, w.Ministry)
	p.Name = name
	c := w.As(p)
	path := "/b/" + servicetest.MinistryEDRPOU + "/people/" + name + number
	for _, header := range [][]string{nil, {"User-Agent", number}, {"Referer", "http://localhost/?q=" + number}, {"X-Forwarded-For", "203.0.113.77"}, {"Cookie", "posvid=" + number}, {"Authorization", "Bearer " + number}, {"X-Request-Id", number}} {
		w.Do(c, "GET", path+"?q="+name+"&n="+number, nil, header...)
		w.Do(c, "GET", "/fault?q="+number, nil, header...)
		w.Do(c, "GET", "/panic?q="+number, nil, header...)
		w.Do(c, "POST", "/open?n="+number, strings.NewReader(name+number), header...)
		w.Do(c, "GET", "/nowhere/"+number, nil, header...)
		w.Do(w.Client(), "POST", "/api/v1/bodies/"+servicetest.MinistryEDRPOU+"/echo", strings.NewReader(`{"code":"`+number+number+`"}`), append(header, "Content-Type", "application/json")...)
	}
	log := w.Logs.String()
	for _, canary := range []string{name, number, "%D0%92", "203.0.113.77", "Зразок", "127.0.0.1", p.Name} {
		if strings.Contains(log, canary) {
			t.Errorf("the log holds %q", canary)
		}
	}
	for _, want := range []string{`"route":"GET /b/{edrpou}/people/{name}"`, `"msg":"panic"`, `"code":"internal"`, `"from":"127.0.0.0/24"`, `"route":"none"`, "fell", "is locked"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// SRV-18: a panic is one answer and one count; the next request is served.
func TestPanic(t *testing.T) {
	w := newServer(t)
	w.Start()
	status, h, body := w.Do(w.Client(), "GET", "/panic", nil)
	if status != 500 || problem(t, status, h, body) != "internal" {
		t.Errorf("panic: %d %s", status, body)
	}
	status, h, body = w.Do(w.Client(), "GET", "/fault", nil)
	if status != 500 || problem(t, status, h, body) != "internal" || bytes.Contains(body, []byte("locked")) {
		t.Errorf("fault: %d %s", status, body)
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/who", nil); status != 200 {
		t.Errorf("after a panic: %d", status)
	}
}

// SRV-19
func TestLanguages(t *testing.T) {
	w := newServer(t)
	w.Start()
	lang := func(c *http.Client, path string, header ...string) string {
		_, _, body := w.Do(c, "GET", path, nil, header...)
		var out []string
		json.Unmarshal(body, &out)
		return out[2]
	}
	c := w.Client()
	for _, x := range []struct {
		path, accept, want string
	}{
		{"/who", "", "uk"},
		{"/who", "de, en;q=0.5", "en"},
		{"/who", "en-GB,en;q=0.9,uk;q=0.8", "en"},
		{"/who", "uk-UA, en", "uk"},
		{"/who", strings.Repeat("xx,", 2000) + "en", "uk"},
		{"/who?lang=xx", "", "uk"},
		{"/who?lang=en", "uk", "en"},
		{"/who", "uk", "en"}, // kept from the line above
		{"/who?lang=uk", "en", "uk"},
		{"/who", "en", "uk"},
	} {
		if got := lang(c, x.path, "Accept-Language", x.accept); got != x.want {
			t.Errorf("%s, %.20q: %s, want %s", x.path, x.accept, got, x.want)
		}
	}
	_, _, body := w.Do(w.Client(), "GET", "/nowhere", nil, "Accept-Language", "en")
	if !bytes.Contains(body, []byte("There is no such page.")) {
		t.Errorf("%s", body)
	}
}

// A person whose session has ended is sent to log in and comes back; what was typed comes back too, without secrets.
func TestLoginRedirectAndTypedForm(t *testing.T) {
	w := newServer(t)
	w.Start()
	path := "/b/" + servicetest.MinistryEDRPOU + "/people"
	status, h, _ := w.Do(w.Client(), "GET", path+"/x", nil, "Accept", "text/html")
	if status != 303 || h.Get("Location") != "/login?return=%2Fb%2F99000011%2Fpeople%2Fx" {
		t.Errorf("GET: %d %s", status, h.Get("Location"))
	}
	form := "reason=%3Cscript%3Ealert(1)%3C%2Fscript%3E&order=12-%D0%BA"
	kind := []string{"Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded"}
	status, _, body := w.Do(w.Client(), "POST", path, strings.NewReader(form), kind...)
	if status != 401 || !bytes.Contains(body, []byte("12-к")) || !bytes.Contains(body, []byte(`action="`+path+`"`)) || bytes.Contains(body, []byte("<script>alert")) {
		t.Errorf("POST: %d %s", status, body)
	}
	stale := w.Role(service.Registrar, w.Ministry)
	stale.SecondFactor = time.Time{}
	status, _, body = w.Do(w.As(stale), "POST", path, strings.NewReader(form), kind...)
	if status != 403 || !bytes.Contains(body, []byte("12-к")) || !bytes.Contains(body, []byte("/login/passkey")) {
		t.Errorf("POST with an old second factor: %d %s", status, body)
	}
	status, _, body = w.Do(w.Client(), "POST", path, strings.NewReader(form+"&passphrase=hunter2"), kind...)
	if status != 401 || bytes.Contains(body, []byte("hunter2")) {
		t.Errorf("POST with a passphrase: %d %s", status, body)
	}
	status, _, body = w.Do(w.Client(), "POST", path, strings.NewReader("x="+strings.Repeat("a", 100<<10)), kind...)
	if status != 401 || len(body) > 50<<10 {
		t.Errorf("POST of a large form: %d, %d bytes back", status, len(body))
	}
}

// SRV-20
func TestJobs(t *testing.T) {
	w := newServer(t)
	var mu sync.Mutex
	running, most, runs := 0, 0, 0
	w.Server.Every("fast", time.Millisecond, func(context.Context, time.Time) error {
		mu.Lock()
		running++
		most, runs = max(most, running), runs+1
		mu.Unlock()
		time.Sleep(3 * time.Millisecond)
		mu.Lock()
		running--
		mu.Unlock()
		return nil
	})
	panics := 0
	w.Server.Every("falls", time.Millisecond, func(context.Context, time.Time) error {
		mu.Lock()
		defer mu.Unlock()
		panics++
		panic("Вигаданець")
	})
	w.Server.Every("fails", time.Millisecond, func(context.Context, time.Time) error { return errors.New("service: no") })
	w.Start()
	before := w.Trust.Published()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Server.Run(ctx) }()
	for range 50 {
		w.Server.PublishSoon()
	}
	deadline := time.After(20 * time.Second)
	for {
		mu.Lock()
		enough := runs > 3 && panics > 3
		mu.Unlock()
		if enough && w.Trust.Published() > before {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("%d runs, %d panics, %d publications", runs, panics, w.Trust.Published()-before)
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if running != 0 || most != 1 {
		t.Errorf("%d run, at most %d at once: want none, and one", running, most)
	}
	if log := w.Logs.String(); strings.Contains(log, "Вигаданець") || !strings.Contains(log, `"job":"falls"`) || !strings.Contains(log, `"job":"fails"`) {
		t.Errorf("log: %.400s", log)
	}
}

// SRV-21
func TestMetrics(t *testing.T) {
	w := newServer(t)
	w.Start()
	w.Server.CountIssued(issuer.Result{})
	w.Server.CountOnline("valid")
	w.Do(w.As(w.Role(service.Registrar, w.Ministry)), "GET", "/b/"+servicetest.MinistryEDRPOU+"/people/0289340124?q=0289340124", nil)
	w.Do(w.Client(), "GET", "/0289340124", nil)
	w.Do(w.Client(), "GET", "/metrics", nil)
	a := httptest.NewRecorder()
	w.Server.MetricsHandler().ServeHTTP(a, httptest.NewRequest("GET", "/metrics", nil))
	text := a.Body.String()
	for _, want := range []string{`posvid_requests_total{route="GET /b/{edrpou}/people/{name}",status="200"} 1`, `posvid_requests_total{route="none",status="404"} 2`, `posvid_issue_total{result="issued"} 1`,
		`posvid_online_checks_total{answer="valid"} 1`, "posvid_bundle_age_seconds 1800", `posvid_status_list_age_seconds{body="99000011"}`, "posvid_requests_in_flight"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, "0289340124") {
		t.Error("metrics hold a number of a person")
	}
}

// SRV-22
func TestReadiness(t *testing.T) {
	assets := fstest.MapFS{"static/app.css": {Data: []byte("a{}")}, "dist/posvid.wasm.gz": {Data: gzipped(t, []byte("\x00asm"))}, "templates/other.html": {Data: []byte(`{{define "main"}}x{{end}}`)}}
	w := newServer(t, func(c *service.Config) { c.Assets = assets })
	w.Start()
	ready := func() (int, string) {
		status, _, body := w.Do(w.Client(), "GET", "/readyz", nil)
		return status, strings.TrimSpace(string(body))
	}
	if status, body := ready(); status != 200 || body != `{"ready":true,"store":true,"bundle":true,"assets":true}` {
		t.Errorf("ready: %d %s", status, body)
	}
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	w.Set(bundle.ExpiresAt())
	if status, body := ready(); status != 503 || !strings.Contains(body, `"bundle":false`) {
		t.Errorf("expired bundle: %d %s", status, body)
	}
	w.Set(servicetest.Began)
	w.Trust.Forget()
	if status, body := ready(); status != 503 || !strings.Contains(body, `"bundle":false`) {
		t.Errorf("no bundle: %d %s", status, body)
	}
	w.Council.Store.Close()
	if status, body := ready(); status != 503 || !strings.Contains(body, `"store":false`) {
		t.Errorf("closed store: %d %s", status, body)
	}
	bare := newServer(t, func(c *service.Config) {
		c.Assets = fstest.MapFS{"static/app.css": {}, "dist/x": {}, "templates/x.html": {Data: []byte(`{{define "main"}}{{end}}`)}}
	})
	bare.Start()
	if status, _, body := bare.Do(bare.Client(), "GET", "/readyz", nil); status != 503 || !bytes.Contains(body, []byte(`"assets":false`)) {
		t.Errorf("no WebAssembly: %d %s", status, body)
	}
}

// A configuration that makes no sense is refused.
func TestNewRefuses(t *testing.T) {
	w := servicetest.New(t)
	good := w.Server.Config
	for name, change := range map[string]func(*service.Config){
		"no store":         func(c *service.Config) { c.Store = nil },
		"no trust":         func(c *service.Config) { c.Trust = nil },
		"no assets":        func(c *service.Config) { c.Assets = nil },
		"no body":          func(c *service.Config) { c.Bodies = nil },
		"a body twice":     func(c *service.Config) { c.Bodies = slices.Repeat(c.Bodies[:1], 2) },
		"no origin":        func(c *service.Config) { c.Origin = "" },
		"http":             func(c *service.Config) { c.Origin = "http://id.example.gov.ua" },
		"a path":           func(c *service.Config) { c.Origin = "https://id.example.gov.ua/" },
		"upper case":       func(c *service.Config) { c.Origin = "https://ID.example.gov.ua" },
		"a user":           func(c *service.Config) { c.Origin = "https://u@id.example.gov.ua" },
		"another scheme":   func(c *service.Config) { c.Origin = "ftp://id.example.gov.ua" },
		"a proxy by name":  func(c *service.Config) { c.Proxies = []string{"proxy.example"} },
		"a negative limit": func(c *service.Config) { c.Limits.InFlight = -1 },
		"a broken template": func(c *service.Config) {
			c.Assets = fstest.MapFS{"static/a.css": {}, "dist/x": {}, "templates/a.html": {Data: []byte("{{")}}
		},
		"a broken wasm pack": func(c *service.Config) {
			c.Assets = fstest.MapFS{"static/a.css": {}, "dist/a.wasm.gz": {Data: []byte("no gzip")}, "templates/x.html": {}}
		},
	} {
		c := good
		change(&c)
		if _, err := service.New(c); err == nil || !strings.HasPrefix(err.Error(), "service: ") {
			t.Errorf("%s: %v, want an error of the service", name, err)
		}
	}
}

// A 401 says how to say who one is, a 429 when to come back, from pages and from the API.
func TestChallenges(t *testing.T) {
	w := newServer(t, func(c *service.Config) { c.Limits = service.Limits{TriesPerHour: 1, PerMinute: 1000} })
	service.Operation(w.Server, service.Access{Public: true}, huma.Operation{Method: "GET", Path: "/api/v1/guess", OperationID: "guess"},
		func(ctx context.Context, _ *struct{}) (*echoOutput, error) {
			return &echoOutput{}, w.Server.GuessFrom(ctx)
		})
	service.Operation(w.Server, service.Access{Public: true}, huma.Operation{Method: "GET", Path: "/api/v1/who", OperationID: "who"},
		func(context.Context, *struct{}) (*echoOutput, error) { return nil, service.NotLoggedIn })
	w.Start()
	for path, want := range map[string][2]string{"/zero": {"Posvid", `Bearer error="invalid_token"`}, "/api/v1/bodies/99000011/secret": {"Posvid", `Bearer error="invalid_token"`},
		"/api/v1/who": {"Posvid", `Bearer error="invalid_token"`}} {
		for i, header := range [][]string{nil, {"Authorization", "Bearer x"}} {
			status, h, body := w.Do(w.Client(), "GET", path, nil, header...)
			if status != 401 || h.Get("WWW-Authenticate") != want[i] || problem(t, status, h, body) != "not-logged-in" {
				t.Errorf("%s %v: %d %q, want %q", path, header, status, h.Get("WWW-Authenticate"), want[i])
			}
		}
	}
	for i, want := range []int{200, 429} {
		status, h, body := w.Do(w.Client(), "GET", "/api/v1/guess", nil)
		if status != want || want == 429 && (h.Get("Retry-After") != "60" || problem(t, status, h, body) != "rate-limited") {
			t.Errorf("guess %d: %d %v", i, status, h)
		}
	}
}
