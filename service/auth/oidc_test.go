package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// rig is a world with this part mounted and a provider to log in with.
type rig struct {
	*servicetest.World
	t        testing.TB
	provider *fakeProvider
	other    *fakeProvider
}

// newRig makes a rig; change sees the configuration before it is mounted.
func newRig(t testing.TB, change ...func(*Config)) *rig {
	return newRigOf(t, servicetest.New(t, func(c *service.Config) { c.Limits.TriesPerHour = 1_000_000 }), change...)
}

// newRigOf is newRig over a world of the test's own.
func newRigOf(t testing.TB, w *servicetest.World, change ...func(*Config)) *rig {
	g := &rig{World: w, t: t, provider: newFakeProvider(t, w.Now), other: newFakeProvider(t, w.Now)}
	c := Config{Providers: []Provider{
		{ID: "main", Name: "Головна", Issuer: g.provider.server.URL, ClientID: testClient, ClientSecret: testSecret},
		{ID: "other", Name: "Інша", Issuer: g.other.server.URL, ClientID: testClient, ClientSecret: testSecret},
		{ID: "listed", Name: "За переліком", Issuer: g.provider.server.URL, ClientID: testClient, ClientSecret: testSecret, Subjects: []string{testSubject}},
		{ID: "aged", Name: "Свіжий вхід", Issuer: g.provider.server.URL, ClientID: testClient, ClientSecret: testSecret, MaxAge: 5 * time.Minute},
	}}
	for _, f := range change {
		f(&c)
	}
	if err := Mount(w.Server, c); err != nil {
		t.Fatal(err)
	}
	w.Start()
	return g
}

// problemCode is the name of the error that an answer carries.
func problemCode(body []byte) string {
	var p struct{ Code string }
	json.Unmarshal(body, &p)
	return p.Code
}

const jsonType = "application/json"

// post sends a form.
func (g *rig) post(c *http.Client, path string, form url.Values) (int, http.Header, []byte) {
	return g.Do(c, "POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", jsonType)
}

// leave begins a log-in and answers where the browser is sent.
func (g *rig) leave(c *http.Client, provider, to string) string {
	g.t.Helper()
	status, header, body := g.Do(c, "GET", "/login/oidc/"+provider+"?return="+url.QueryEscape(to), nil, "Accept", jsonType)
	if status != http.StatusSeeOther {
		g.t.Fatalf("GET /login/oidc/%s: %d %s, want 303", provider, status, body)
	}
	return header.Get("Location")
}

// comeBack is the browser's return from a provider.
func (g *rig) comeBack(c *http.Client, provider string, q url.Values) (int, http.Header, []byte) {
	return g.Do(c, "GET", "/login/oidc/"+provider+"/callback?"+q.Encode(), nil, "Accept", jsonType)
}

// logIn goes the whole way by a provider.
func (g *rig) logIn(c *http.Client, provider, to string) (int, http.Header, []byte) {
	g.t.Helper()
	f := g.provider
	if provider == "other" {
		f = g.other
	}
	code, q := f.authorize(g.leave(c, provider, to))
	return g.comeBack(c, provider, url.Values{"code": {code}, "state": {q.Get("state")}})
}

// wantRefused fails the test unless an answer is the one refusal of log-in and the client is nobody.
func (g *rig) wantRefused(c *http.Client, status int, body []byte) {
	g.t.Helper()
	if status != LogInFailed.Status || problemCode(body) != LogInFailed.Code {
		g.t.Errorf("answer %d %s, want %d %s", status, body, LogInFailed.Status, LogInFailed.Code)
	}
	g.wantNobody(c)
}

func (g *rig) wantNobody(c *http.Client) {
	g.t.Helper()
	if status, _, body := g.Do(c, "GET", "/account", nil, "Accept", jsonType); problemCode(body) != service.NotLoggedIn.Code {
		g.t.Errorf("GET /account: %d %s, want %s", status, body, service.NotLoggedIn.Code)
	}
}

// accounts counts the accounts.
func (g *rig) accounts() (n int) {
	g.t.Helper()
	g.view(func(tx *store.ServiceTx) error { return tx.Row("SELECT count(*) FROM accounts", nil, &n) })
	return n
}

func (g *rig) view(f func(*store.ServiceTx) error) {
	g.t.Helper()
	if err := g.Server.Store.View(context.Background(), f); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) update(f func(*store.ServiceTx) error) {
	g.t.Helper()
	if err := g.Server.Store.Update(context.Background(), f); err != nil {
		g.t.Fatal(err)
	}
}

func TestOIDCLeavesAsAsked(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	_, q := g.provider.authorize(g.leave(c, "main", "/"))
	for name, want := range map[string]string{"response_type": "code", "client_id": testClient, "scope": "openid profile", "code_challenge_method": "S256",
		"redirect_uri": "http://localhost/login/oidc/main/callback", "max_age": ""} {
		if got := q.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if got := q.Get(name); len(got) < 43 {
			t.Errorf("%s = %q, want 256 random bits", name, got)
		}
	}
	_, again := g.provider.authorize(g.leave(c, "main", "/"))
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if q.Get(name) == again.Get(name) {
			t.Errorf("%s is the same for two log-ins", name)
		}
	}
	if _, q := g.provider.authorize(g.leave(c, "aged", "/")); q.Get("max_age") != "300" {
		t.Errorf("max_age = %q, want 300", q.Get("max_age"))
	}
	if status, _, body := g.Do(c, "GET", "/login/oidc/none", nil, "Accept", jsonType); status != http.StatusNotFound {
		t.Errorf("unknown provider: %d %s, want 404", status, body)
	}
}

func TestOIDCLogIn(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	status, header, body := g.logIn(c, "main", "/verify/")
	if status != http.StatusSeeOther || header.Get("Location") != "/login/waiting" {
		t.Fatalf("log-in: %d %s %s, want 303 to /login/waiting", status, header.Get("Location"), body)
	}
	if status, _, page := g.Do(c, "GET", "/login/waiting", nil); status != http.StatusOK || !strings.Contains(string(page), "Ролі ще немає") {
		t.Errorf("GET /login/waiting: %d", status)
	}
	if status, _, body := g.Do(c, "GET", "/account", nil, "Accept", jsonType); problemCode(body) != service.Forbidden.Code {
		t.Errorf("GET /account without a role: %d %s, want %s", status, body, service.Forbidden.Code)
	}
	if n := g.accounts(); n != 1 {
		t.Fatalf("%d accounts, want 1", n)
	}
	// The same person from another browser is the same account.
	if status, _, _ := g.logIn(g.Client(), "main", "/"); status != http.StatusSeeOther || g.accounts() != 1 {
		t.Errorf("second log-in: %d, %d accounts, want 303 and 1", status, g.accounts())
	}
	// The same subject at another provider is another person.
	if status, _, _ := g.logIn(g.Client(), "other", "/"); status != http.StatusSeeOther || g.accounts() != 2 {
		t.Errorf("log-in elsewhere: %d, %d accounts, want 303 and 2", status, g.accounts())
	}
	if v := g.provider.asked[0]; len(v.Get("code_verifier")) < 43 {
		t.Errorf("code_verifier %q, want at least 43 characters (RFC 7636)", v.Get("code_verifier"))
	}
}

func TestOIDCLogInRenewsTheSession(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	u, _ := url.Parse(g.URL)
	location := g.leave(c, "main", "/")
	before := c.Jar.Cookies(u)
	code, q := g.provider.authorize(location)
	if status, _, body := g.comeBack(c, "main", url.Values{"code": {code}, "state": {q.Get("state")}}); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	after := c.Jar.Cookies(u)
	if len(before) != 1 || len(after) != 1 || before[0].Value == after[0].Value {
		t.Fatalf("session token before %d, after %d, want one each and another", len(before), len(after))
	}
	// The token from before log-in is worth nothing.
	thief := g.Client()
	thief.Jar.SetCookies(u, before)
	g.wantNobody(thief)
}

// TestOIDCGoodTokens are the positives beside the many negatives below.
func TestOIDCGoodTokens(t *testing.T) {
	g := newRig(t)
	now := func() int64 { return g.Now().Unix() }
	for name, tt := range map[string]struct {
		provider string
		claims   map[string]any
	}{
		"listed subject":       {"listed", nil},
		"several audiences":    {"main", map[string]any{"aud": []string{"another", testClient}, "azp": testClient}},
		"azp":                  {"main", map[string]any{"azp": testClient}},
		"clock behind ours":    {"main", map[string]any{"iat": now() - 50, "exp": now() - 30}},
		"clock before ours":    {"main", map[string]any{"iat": now() + 50, "nbf": now() + 50}},
		"fresh at provider":    {"aged", map[string]any{"auth_time": now() - 300}},
		"name is missing":      {"main", map[string]any{"name": nil}},
		"name is hostile":      {"main", map[string]any{"name": "<script>alert(1)</script>\x00\u202e" + strings.Repeat("я", 500)}},
		"age not asked, given": {"main", map[string]any{"auth_time": 5}},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			g.provider.claims = with(tt.claims)
			if status, header, body := g.logIn(g.Client(), tt.provider, "/"); status != http.StatusSeeOther {
				t.Errorf("%d %s %s, want 303", status, header.Get("Location"), body)
			}
		})
	}
	t.Run("new key", func(t *testing.T) {
		g.t = t
		g.provider.claims = nil
		g.provider.rotate("k2")
		if status, _, body := g.logIn(g.Client(), "main", "/"); status != http.StatusSeeOther {
			t.Errorf("%d %s, want 303", status, body)
		}
	})
}

func TestOIDCBadTokens(t *testing.T) {
	g := newRig(t)
	f := g.provider
	stranger := newKey(t)
	now := g.Now().Unix()
	claims := func(change map[string]any) func() { return func() { f.claims = with(change) } }
	sign := func(s func([]byte) string) func() { return func() { f.sign = s } }
	answer := func(a func(http.ResponseWriter, map[string]any) bool) func() { return func() { f.token = a } }
	cases := []struct {
		name     string
		provider string // default "main"
		set      func()
		want     *service.Problem // default LogInFailed
	}{
		{name: "another nonce", set: claims(map[string]any{"nonce": secret()})},
		{name: "no nonce", set: claims(map[string]any{"nonce": nil})},
		{name: "empty nonce", set: claims(map[string]any{"nonce": ""})},
		{name: "another issuer", set: claims(map[string]any{"iss": "https://evil.example"})},
		{name: "the other provider's issuer", set: claims(map[string]any{"iss": g.other.server.URL})},
		{name: "no issuer", set: claims(map[string]any{"iss": nil})},
		{name: "another audience", set: claims(map[string]any{"aud": "another"})},
		{name: "no audience", set: claims(map[string]any{"aud": nil})},
		{name: "several audiences, no azp", set: claims(map[string]any{"aud": []string{testClient, "another"}})},
		{name: "another azp", set: claims(map[string]any{"azp": "another"})},
		{name: "expired", set: claims(map[string]any{"exp": now - 61})},
		{name: "no expiry", set: claims(map[string]any{"exp": nil})},
		{name: "issued long ago", set: claims(map[string]any{"iat": now - 11*60 - 1})},
		{name: "issued in the future", set: claims(map[string]any{"iat": now + 61})},
		{name: "no time of issue", set: claims(map[string]any{"iat": nil})},
		{name: "not valid yet", set: claims(map[string]any{"nbf": now + 61})},
		{name: "not valid for ages", set: claims(map[string]any{"nbf": 1e300})},
		{name: "no subject", set: claims(map[string]any{"sub": nil})},
		{name: "empty subject", set: claims(map[string]any{"sub": ""})},
		{name: "huge subject", set: claims(map[string]any{"sub": strings.Repeat("s", 513)})},
		{name: "wrong kinds", set: claims(map[string]any{"azp": 5})},
		{name: "wrong kind of name", set: claims(map[string]any{"name": []string{"a"}})},
		{name: "hash of another access token", set: claims(map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})},
		{name: "subject not listed", provider: "listed", set: claims(map[string]any{"sub": "somebody else"})},
		{name: "age not told", provider: "aged", set: claims(nil)},
		{name: "logged in long ago", provider: "aged", set: claims(map[string]any{"auth_time": now - 361})},
		{name: "logged in tomorrow", provider: "aged", set: claims(map[string]any{"auth_time": now + 61})},
		{name: "logged in in 1970", provider: "aged", set: claims(map[string]any{"auth_time": 0})},
		{name: "logged in at no time", provider: "aged", set: claims(map[string]any{"auth_time": "yesterday"})},
		{name: "alg none", set: sign(func(p []byte) string { return unsigned(`{"alg":"none"}`, p, "") })},
		{name: "alg None", set: sign(func(p []byte) string { return unsigned(`{"alg":"None","typ":"JWT"}`, p, "") })},
		{name: "alg HS256 under the client's secret", set: sign(func(p []byte) string { return signHS256(t, p, testSecret) })},
		{name: "no alg", set: sign(func(p []byte) string { return unsigned(`{}`, p, "AAAA") })},
		{name: "key of somebody else, same kid", set: sign(func(p []byte) string { return signES256(t, stranger, "k1", p) })},
		{name: "key of somebody else, new kid", set: sign(func(p []byte) string { return signES256(t, stranger, "k9", p) })},
		{name: "payload changed after signing", set: sign(func(p []byte) string {
			parts := strings.Split(signES256(t, f.key, f.kid, p), ".")
			other := strings.Split(signES256(t, f.key, f.kid, bytes.Replace(p, []byte(testSubject), []byte("subject-of-another1"), 1)), ".")
			return parts[0] + "." + other[1] + "." + parts[2]
		})},
		{name: "no signature", set: sign(func(p []byte) string {
			token := signES256(t, f.key, f.kid, p)
			return token[:strings.LastIndex(token, ".")+1]
		})},
		{name: "not a token", set: sign(func([]byte) string { return "token" })},
		{name: "payload is no JSON", set: sign(func([]byte) string { return signES256(t, f.key, f.kid, []byte("{")) })},
		{name: "huge token", set: claims(map[string]any{"filler": strings.Repeat("x", maxIDToken)})},
		{name: "no id token", set: answer(func(w http.ResponseWriter, a map[string]any) bool { delete(a, "id_token"); return false })},
		{name: "id token is a number", set: answer(func(w http.ResponseWriter, a map[string]any) bool { a["id_token"] = 7; return false })},
		{name: "huge answer", want: ProviderDown, set: answer(func(w http.ResponseWriter, a map[string]any) bool {
			w.Header().Set("Content-Type", jsonType)
			io.WriteString(w, `{"access_token":"`+strings.Repeat("x", maxProviderAnswer)+`"}`)
			return true
		})},
		{name: "code refused", set: answer(func(w http.ResponseWriter, a map[string]any) bool {
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]string{"error": "invalid_grant"})
			return true
		})},
		{name: "token endpoint redirects", set: answer(func(w http.ResponseWriter, a map[string]any) bool {
			w.Header().Set("Location", g.other.server.URL+"/token")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		})},
		{name: "token endpoint fails", want: ProviderDown, set: answer(func(w http.ResponseWriter, a map[string]any) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		})},
		{name: "answer is no JSON", want: ProviderDown, set: answer(func(w http.ResponseWriter, a map[string]any) bool {
			io.WriteString(w, "<html>")
			return true
		})},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			g.t = t
			f.claims, f.sign, f.token = nil, nil, nil
			tt.set()
			if tt.provider == "" {
				tt.provider = "main"
			}
			c := g.Client()
			status, _, body := g.logIn(c, tt.provider, "/")
			if tt.want == nil {
				tt.want = LogInFailed
			}
			if status != tt.want.Status || problemCode(body) != tt.want.Code {
				t.Errorf("%d %s, want %d %s", status, body, tt.want.Status, tt.want.Code)
			}
			g.wantNobody(c)
			if n := g.accounts(); n != 0 {
				t.Errorf("%d accounts, want none", n)
			}
		})
	}
}

func TestOIDCBadCallbacks(t *testing.T) {
	g := newRig(t)
	long := strings.Repeat("x", maxParameter+1)
	for name, change := range map[string]func(c *http.Client, q url.Values) (client *http.Client, provider string){
		"no state":          func(c *http.Client, q url.Values) (*http.Client, string) { q.Del("state"); return c, "main" },
		"empty state":       func(c *http.Client, q url.Values) (*http.Client, string) { q.Set("state", ""); return c, "main" },
		"another state":     func(c *http.Client, q url.Values) (*http.Client, string) { q.Set("state", secret()); return c, "main" },
		"long state":        func(c *http.Client, q url.Values) (*http.Client, string) { q.Set("state", long); return c, "main" },
		"two states":        func(c *http.Client, q url.Values) (*http.Client, string) { q.Add("state", secret()); return c, "main" },
		"state of another":  func(c *http.Client, q url.Values) (*http.Client, string) { return g.Client(), "main" },
		"provider mixed up": func(c *http.Client, q url.Values) (*http.Client, string) { return c, "other" },
		"listed mixed up":   func(c *http.Client, q url.Values) (*http.Client, string) { return c, "listed" },
		"iss of another": func(c *http.Client, q url.Values) (*http.Client, string) {
			q.Set("iss", g.other.server.URL)
			return c, "main"
		},
		"empty iss": func(c *http.Client, q url.Values) (*http.Client, string) { q.Set("iss", ""); return c, "main" },
		"two iss": func(c *http.Client, q url.Values) (*http.Client, string) {
			q["iss"] = []string{g.provider.server.URL, "x"}
			return c, "main"
		},
		"error": func(c *http.Client, q url.Values) (*http.Client, string) {
			q.Set("error", "access_denied")
			return c, "main"
		},
		"no code":      func(c *http.Client, q url.Values) (*http.Client, string) { q.Del("code"); return c, "main" },
		"two codes":    func(c *http.Client, q url.Values) (*http.Client, string) { q.Add("code", "x"); return c, "main" },
		"made-up code": func(c *http.Client, q url.Values) (*http.Client, string) { q.Set("code", secret()); return c, "main" },
		"code of another flow": func(c *http.Client, q url.Values) (*http.Client, string) {
			code, _ := g.provider.authorize(g.leave(g.Client(), "main", "/"))
			q.Set("code", code)
			return c, "main"
		},
		"too late": func(c *http.Client, q url.Values) (*http.Client, string) { g.Advance(FlowTerm); return c, "main" },
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			c := g.Client()
			code, q := g.provider.authorize(g.leave(c, "main", "/"))
			answer := url.Values{"code": {code}, "state": {q.Get("state")}}
			client, provider := change(c, answer)
			status, _, body := g.comeBack(client, provider, answer)
			g.wantRefused(client, status, body)
			g.wantNobody(c)
		})
	}
	if n := g.accounts(); n != 0 {
		t.Errorf("%d accounts, want none", n)
	}
}

func TestOIDCStateWorksOnce(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	code, q := g.provider.authorize(g.leave(c, "main", "/"))
	answer := url.Values{"code": {code}, "state": {q.Get("state")}}
	broken := url.Values{"code": {"nonsense"}, "state": {q.Get("state")}}
	if status, _, body := g.comeBack(c, "main", broken); status != LogInFailed.Status {
		t.Fatalf("%d %s, want it refused", status, body)
	}
	status, _, body := g.comeBack(c, "main", answer)
	g.wantRefused(c, status, body)

	c = g.Client()
	code, q = g.provider.authorize(g.leave(c, "main", "/"))
	answer = url.Values{"code": {code}, "state": {q.Get("state")}}
	if status, _, body := g.comeBack(c, "main", answer); status != http.StatusSeeOther {
		t.Fatalf("%d %s, want 303", status, body)
	}
	if status, _, body := g.comeBack(c, "main", answer); problemCode(body) != LogInFailed.Code {
		t.Errorf("replayed: %d %s, want %s", status, body, LogInFailed.Code)
	}
	if status, _, body := g.comeBack(g.Client(), "main", answer); problemCode(body) != LogInFailed.Code {
		t.Errorf("replayed elsewhere: %d %s, want %s", status, body, LogInFailed.Code)
	}
}

func TestOIDCIssuerInAnswers(t *testing.T) {
	g := newRig(t)
	g.provider.announce = true
	for _, tt := range []struct {
		iss string
		ok  bool
	}{{g.provider.server.URL, true}, {"", false}, {g.provider.server.URL + "/", false}, {g.other.server.URL, false}} {
		c := g.Client()
		code, q := g.provider.authorize(g.leave(c, "main", "/"))
		answer := url.Values{"code": {code}, "state": {q.Get("state")}}
		if tt.iss != "" {
			answer.Set("iss", tt.iss)
		}
		status, _, body := g.comeBack(c, "main", answer)
		if (status == http.StatusSeeOther) != tt.ok {
			t.Errorf("iss %q: %d %s, want in: %v", tt.iss, status, body, tt.ok)
		}
	}
}

func TestOIDCSeveralTabs(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	var left []string
	for range maxFlows + 1 {
		left = append(left, g.leave(c, "main", "/"))
	}
	code, q := g.provider.authorize(left[0]) // pushed out by the newer ones
	status, _, body := g.comeBack(c, "main", url.Values{"code": {code}, "state": {q.Get("state")}})
	g.wantRefused(c, status, body)
	code, q = g.provider.authorize(left[1])
	if status, _, body := g.comeBack(c, "main", url.Values{"code": {code}, "state": {q.Get("state")}}); status != http.StatusSeeOther {
		t.Errorf("%d %s, want 303", status, body)
	}
}

func TestOIDCDiscovery(t *testing.T) {
	g := newRig(t)
	g.provider.issuer = "https://evil.example"
	c := g.Client()
	if status, _, body := g.Do(c, "GET", "/login/oidc/main", nil, "Accept", jsonType); problemCode(body) != ProviderDown.Code {
		t.Errorf("issuer of the metadata differs: %d %s, want %s", status, body, ProviderDown.Code)
	}
	g.provider.issuer = ""
	if status, _, body := g.Do(c, "GET", "/login/oidc/main", nil, "Accept", jsonType); problemCode(body) != ProviderDown.Code {
		t.Errorf("asked again at once: %d %s, want %s", status, body, ProviderDown.Code)
	}
	g.Advance(discoveryPause)
	g.leave(c, "main", "/")
	g.other.server.Close()
	if status, _, body := g.Do(c, "GET", "/login/oidc/other", nil, "Accept", jsonType); problemCode(body) != ProviderDown.Code {
		t.Errorf("provider is down: %d %s, want %s", status, body, ProviderDown.Code)
	}
	// Metadata that were read once serve on while the provider is away for a while.
	g.provider.server.Close()
	g.Advance(2 * discoveryTerm)
	g.leave(c, "main", "/")
}

func TestProviderClientWantsHTTPS(t *testing.T) {
	g := newRig(t)
	if _, err := providerClient(false).Get(g.provider.server.URL + "/keys"); err == nil || !strings.Contains(err.Error(), "want https") {
		t.Errorf("plain http: %v, want it refused", err)
	}
	if a, err := providerClient(true).Get(g.provider.server.URL + "/keys"); err != nil || a.StatusCode != http.StatusOK {
		t.Errorf("plain http on this machine: %v", err)
	}
}

func TestOIDCConfigRefused(t *testing.T) {
	w := servicetest.New(t)
	good := Provider{ID: "main", Name: "Головна", Issuer: "https://id.example.test", ClientID: "c"}
	for name, change := range map[string]func(*Provider){
		"no id":             func(p *Provider) { p.ID = "" },
		"id with a slash":   func(p *Provider) { p.ID = "a/b" },
		"id with capitals":  func(p *Provider) { p.ID = "Main" },
		"long id":           func(p *Provider) { p.ID = strings.Repeat("a", 33) },
		"no name":           func(p *Provider) { p.Name = "" },
		"no client":         func(p *Provider) { p.ClientID = "" },
		"no issuer":         func(p *Provider) { p.Issuer = "" },
		"http issuer":       func(p *Provider) { p.Issuer = "http://id.example.test" },
		"user in issuer":    func(p *Provider) { p.Issuer = "https://u@id.example.test" },
		"query in issuer":   func(p *Provider) { p.Issuer = "https://id.example.test?a=b" },
		"file issuer":       func(p *Provider) { p.Issuer = "file:///etc" },
		"scope misses":      func(p *Provider) { p.Scopes = []string{"profile"} },
		"negative max age":  func(p *Provider) { p.MaxAge = -time.Second },
		"too short max age": func(p *Provider) { p.MaxAge = time.Millisecond },
	} {
		p := &part{Server: w.Server}
		c := good
		change(&c)
		if _, err := p.newRelyingParty(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	p := &part{Server: w.Server}
	if err := p.mountOIDC([]Provider{good, good}); err == nil {
		t.Error("one id twice: taken")
	}
}

func TestGuessesAreLimited(t *testing.T) {
	g := newRigOf(t, servicetest.New(t))
	c := g.Client()
	limited := 0
	for range 40 {
		if _, _, body := g.comeBack(c, "main", url.Values{"state": {secret()}, "code": {"x"}}); problemCode(body) == service.Limited.Code {
			limited++
		}
	}
	if limited == 0 {
		t.Error("40 wrong log-ins in a moment, none limited")
	}
	if status, _, body := g.logIn(g.Client(), "main", "/"); status != http.StatusSeeOther {
		t.Errorf("good log-in of the same source: %d %s, want 303", status, body)
	}
}

func TestSafeReturn(t *testing.T) {
	for _, ok := range []string{"/", "/b/99000011/", "/b/99000011/ids?q=%D0%B0&page=2", "/operator/", "/verify/"} {
		if got := safeReturn(ok); got != ok {
			t.Errorf("%q became %q", ok, got)
		}
	}
	for _, bad := range []string{"", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb", "/a\tb", " /a", "evil", "/%zz",
		"///evil.example", "/login", "/login/oidc/main/callback?code=1", "/logout", "/api/v1/time", "/" + strings.Repeat("a", 600), "/" + strings.Repeat("ї", 200), "/a\x7f", "//", "/a b"} {
		if got := safeReturn(bad); got != "/" {
			t.Errorf("%q became %q, want /", bad, got)
		}
	}
	if got := safeReturn("/a#b"); got != "/a" {
		t.Errorf("/a#b became %q, want /a", got)
	}
}

func FuzzSafeReturn(f *testing.F) {
	for _, s := range []string{"/", "//evil", "/b/1/?a=b", "/\\x", "/%2f/evil", "https:/x", "/./../login", "/" + strings.Repeat("\xf7", 300)} {
		f.Add(s)
	}
	base, _ := url.Parse("https://id.example.test/login")
	f.Fuzz(func(t *testing.T, s string) {
		got := safeReturn(s)
		u, err := base.Parse(got)
		if err != nil || u.Scheme != "https" || u.Host != "id.example.test" || u.User != nil || !strings.HasPrefix(got, "/") {
			t.Fatalf("%q became %q, which leads to %v, %v", s, got, u, err)
		}
		if again := safeReturn(got); again != got {
			t.Fatalf("%q became %q and then %q", s, got, again)
		}
	})
}
