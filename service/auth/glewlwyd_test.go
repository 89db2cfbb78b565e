package auth

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// Who logs in at glewlwyd.
const (
	glewlwydUser     = "o.koval"
	glewlwydPassword = "вигадана фраза 17"
	glewlwydName     = "Олена Коваль"
)

// glewlwyd is a running OpenID provider that is somebody else's program: Debian's glewlwyd over an SQLite file of the test.
type glewlwyd struct {
	t     testing.TB
	base  string // http://localhost:port
	admin *http.Client
}

// missing skips the test, or fails it where everything has to be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing", what)
}

func startGlewlwyd(t testing.TB) *glewlwyd {
	for _, program := range []string{"glewlwyd", "sqlite3"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program)
		}
	}
	const scripts = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
	schema, err := os.ReadFile(scripts)
	if err != nil {
		missing(t, scripts)
	}
	dir := t.TempDir()
	database := filepath.Join(dir, "glewlwyd.db")
	load := exec.Command("sqlite3", database)
	load.Stdin = bytes.NewReader(schema)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	modules := filepath.Join(dir, "no-modules")
	if err := os.Mkdir(modules, 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	g := &glewlwyd{t: t, base: fmt.Sprintf("http://localhost:%d", port)}
	config := fmt.Sprintf(`port=%d
bind_address="127.0.0.1"
external_url="%s"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_domain="localhost"
cookie_secure=0
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
user_middleware_module_path="%s"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database={ type="sqlite3" path="%s" };
`, port, g.base, modules, database)
	file := filepath.Join(dir, "glewlwyd.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("glewlwyd", "--config-file="+file)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("glewlwyd: %s", log.Bytes())
		}
	})
	g.admin = g.client()
	for began := time.Now(); ; {
		if resp, err := g.admin.Get(g.base + "/api/config"); err == nil {
			resp.Body.Close()
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("glewlwyd does not start")
		}
		time.Sleep(20 * time.Millisecond)
	}
	g.call(g.admin, "POST", "/api/auth/", map[string]any{"username": "admin", "password": "password"})
	return g
}

func (g *glewlwyd) client() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// call speaks to its API, which answers 200 when something was done.
func (g *glewlwyd) call(c *http.Client, method, path string, body any) {
	g.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, g.base+path, bytes.NewReader(data))
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := c.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer a.Body.Close()
	if text, _ := io.ReadAll(a.Body); a.StatusCode != http.StatusOK {
		g.t.Fatalf("glewlwyd: %s %s: %d %s", method, path, a.StatusCode, text)
	}
}

// plugin makes an instance of its OpenID Connect plugin: one provider with a key of its own.
func (g *glewlwyd) plugin(name string) {
	key := newKey(g.t)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		g.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		g.t.Fatal(err)
	}
	g.call(g.admin, "POST", "/api/mod/plugin/", map[string]any{"module": "oidc", "name": name, "display_name": name, "parameters": map[string]any{
		"iss": g.base + "/api/" + name, "jwt-type": "ecdsa", "jwt-key-size": "256",
		"key":                   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"cert":                  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"access-token-duration": 300, "refresh-token-duration": 600, "code-duration": 60,
		"auth-type-code-enabled": true, "auth-type-code-revoke-replayed": true, "auth-type-token-enabled": false, "auth-type-none-enabled": false,
		"auth-type-password-enabled": false, "auth-type-client-enabled": false, "auth-type-refresh-enabled": false,
		"subject-type": "public", "pkce-allowed": true, "pkce-method-plain-allowed": false, "pkce-required": true, "name-claim": "mandatory",
		"jwks-show": true, "oauth-as-iss-id": true,
	}})
}

// person logs the user in at the provider and lets him agree.
func (g *glewlwyd) person() *http.Client {
	c := g.client()
	g.call(c, "POST", "/api/auth/", map[string]any{"username": glewlwydUser, "password": glewlwydPassword})
	g.call(c, "PUT", "/api/auth/grant/"+testClient, map[string]any{"scope": "openid"})
	return c
}

// authorize opens the address where the browser was sent and answers the callback's query.
func (g *glewlwyd) authorize(c *http.Client, location string) url.Values {
	g.t.Helper()
	a, err := c.Get(location + "&g_continue")
	if err != nil {
		g.t.Fatal(err)
	}
	a.Body.Close()
	back, err := url.Parse(a.Header.Get("Location"))
	if err != nil || !strings.HasSuffix(back.Path, "/callback") {
		g.t.Fatalf("glewlwyd sends back to %q, %v", a.Header.Get("Location"), err)
	}
	return back.Query()
}

// TestOIDCAgainstGlewlwyd logs in at a provider that this project did not write.
func TestOIDCAgainstGlewlwyd(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a foreign provider takes seconds")
	}
	op := startGlewlwyd(t)
	op.plugin("one")
	op.plugin("two")
	op.call(op.admin, "POST", "/api/client/", map[string]any{"client_id": testClient, "name": "Posvid", "confidential": true, "enabled": true, "scope": []string{},
		"redirect_uri":       []string{"http://localhost/login/oidc/one/callback", "http://localhost/login/oidc/two/callback", "http://localhost/login/oidc/aged/callback"},
		"authorization_type": []string{"code"}, "token_endpoint_auth_method": []string{"client_secret_basic"}, "client_secret": testSecret, "password": testSecret})
	op.call(op.admin, "POST", "/api/user/", map[string]any{"username": glewlwydUser, "password": glewlwydPassword, "name": glewlwydName, "enabled": true, "scope": []string{"openid"}})

	w := servicetest.New(t)
	w.Set(time.Now())
	provider := func(id, plugin string, maxAge time.Duration) Provider {
		return Provider{ID: id, Name: id, Issuer: op.base + "/api/" + plugin, ClientID: testClient, ClientSecret: testSecret, Scopes: []string{"openid"}, MaxAge: maxAge}
	}
	g := newRigOf(t, w, func(c *Config) {
		c.Providers = []Provider{provider("one", "one", 0), provider("two", "two", 0), provider("aged", "one", 5*time.Minute)}
	})
	person := op.person()
	in := func(provider string) (int, http.Header, []byte) {
		g.Set(time.Now())
		c := g.Client()
		return g.comeBack(c, provider, op.authorize(person, g.leave(c, provider, "/")))
	}
	for range 2 {
		if status, header, body := in("one"); status != http.StatusSeeOther || header.Get("Location") != "/login/waiting" {
			t.Fatalf("%d %s %s, want 303 to /login/waiting", status, header.Get("Location"), body)
		}
	}
	if n := g.accounts(); n != 1 {
		t.Fatalf("%d accounts after two log-ins of one person, want 1", n)
	}
	if status, _, body := in("two"); status != http.StatusSeeOther || g.accounts() != 2 {
		t.Errorf("other issuer: %d %s, %d accounts, want 303 and 2", status, body, g.accounts())
	}

	refused := func(name string, c *http.Client, provider string, q url.Values) {
		t.Helper()
		status, _, body := g.comeBack(c, provider, q)
		if status != LogInFailed.Status || problemCode(body) != LogInFailed.Code {
			t.Errorf("%s: %d %s, want %s", name, status, body, LogInFailed.Code)
		}
	}
	// Over SQLite this provider says auth_time 0, the year 1970: who asks for a recent log-in must not take that for one.
	if status, _, body := in("aged"); problemCode(body) != LogInFailed.Code {
		t.Errorf("auth_time 0 for max_age: %d %s, want %s", status, body, LogInFailed.Code)
	}
	fresh := func(provider string) (*http.Client, url.Values) {
		c := g.Client()
		return c, op.authorize(person, g.leave(c, provider, "/"))
	}
	c, q := fresh("one")
	refused("state of another session", g.Client(), "one", q)
	refused("provider mixed up", c, "two", q)
	c, q = fresh("one")
	q.Set("iss", op.base+"/api/two")
	refused("issuer mixed up", c, "one", q)
	c, q = fresh("one")
	if status, _, _ := g.comeBack(c, "one", q); status != http.StatusSeeOther {
		t.Fatalf("%d, want 303", status)
	}
	refused("replayed", c, "one", q)
	_, q = fresh("one")
	later, again := fresh("one")
	again.Set("code", q.Get("code")) // the code was given for another challenge
	refused("code of another log-in", later, "one", again)
	c, q = fresh("one")
	g.Advance(FlowTerm)
	refused("too late", c, "one", q)
	g.Set(time.Now())
	c, q = fresh("one")
	g.Set(time.Now().Add(6 * time.Minute))
	refused("token of some minutes ago has expired", c, "one", q)
	g.Set(time.Now().Add(-2 * time.Minute))
	c, q = fresh("one")
	refused("token of the future", c, "one", q)
	g.Set(time.Now())
	if n := g.accounts(); n != 2 {
		t.Errorf("%d accounts, want 2", n)
	}
	c, q = fresh("one")
	g.show(c, g.invitation(g.admin()))
	if status, header, body := g.comeBack(c, "one", q); status != http.StatusSeeOther || !strings.HasPrefix(header.Get("Location"), "/account/passkeys/new") {
		t.Errorf("invited: %d %s %s, want the page of a first passkey", status, header.Get("Location"), body)
	}
	if grants := g.grants(g.me(c)); len(grants) != 1 || grants[0].Role != service.BodyAdmin || g.accounts() != 2 {
		t.Errorf("invited: grants %v, %d accounts, want an administrator and 2", grants, g.accounts())
	}
	for _, secret := range []string{glewlwydName, glewlwydUser, "o.koval"} {
		if strings.Contains(g.Logs.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
