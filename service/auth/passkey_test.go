package auth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

var testParty = virtualwebauthn.RelyingParty{ID: "localhost", Name: "Posvid", Origin: "http://localhost"}

// device is an authenticator with one passkey.
type device struct {
	virtualwebauthn.Authenticator
	key   virtualwebauthn.Credential
	party virtualwebauthn.RelyingParty
}

// newDevice makes a device. A key whose coordinate begins with a zero byte is drawn again: the library drops that byte, which no
// authenticator does (RFC 9053, Section 7.1.1).
func newDevice() *device {
	for {
		key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if len(key.Key.AttestationData()) == 77 {
			return &device{virtualwebauthn.NewAuthenticator(), key, testParty}
		}
	}
}

// json sends JSON as a page's script does.
func (g *rig) json(c *http.Client, path, body string) (int, []byte) {
	status, _, answer := g.Do(c, "POST", path, strings.NewReader(body), "Content-Type", jsonType, "Accept", jsonType)
	return status, answer
}

// register answers a begun registration.
func (d *device) register(t testing.TB, options []byte) string {
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatalf("%v: %s", err, options)
	}
	d.Options.UserHandle = []byte(o.UserID)
	return fmt.Sprintf(`{"name":"Синій <b>ключ</b>","credential":%s}`, virtualwebauthn.CreateAttestationResponse(d.party, d.Authenticator, d.key, *o))
}

// assert answers a begun assertion.
func (d *device) assert(t testing.TB, options []byte) string {
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatalf("%v: %s", err, options)
	}
	return virtualwebauthn.CreateAssertionResponse(d.party, d.Authenticator, d.key, *o)
}

// add adds a device's passkey to the account of a client.
func (g *rig) add(c *http.Client, d *device) (int, []byte) {
	g.t.Helper()
	status, options := g.json(c, "/account/passkeys/begin?return=/account", "{}")
	if status != http.StatusOK {
		return status, options
	}
	return g.json(c, "/account/passkeys/finish", d.register(g.t, options))
}

// prove proves a device's passkey.
func (g *rig) prove(c *http.Client, d *device) (int, []byte) {
	g.t.Helper()
	status, options := g.json(c, "/login/passkey/begin?return=/account", "{}")
	if status != http.StatusOK {
		return status, options
	}
	d.key.Counter++
	return g.json(c, "/login/passkey/finish", d.assert(g.t, options))
}

// invitation makes one and answers its code.
func (g *rig) invitation(v Invitation) string {
	g.t.Helper()
	code, err := NewInvitation(g.t.Context(), g.Server.Store, v, g.Now())
	if err != nil {
		g.t.Fatal(err)
	}
	return code
}

// show brings an invitation to the service, as the page of its link does.
func (g *rig) show(c *http.Client, code string) (int, []byte) {
	status, _, body := g.post(c, "/login/invitation", url.Values{"code": {code}})
	return status, body
}

// join logs a person in by an invitation.
func (g *rig) join(subject string, v Invitation) *http.Client {
	g.t.Helper()
	c := g.Client()
	if status, body := g.show(c, g.invitation(v)); status != http.StatusSeeOther {
		g.t.Fatalf("invitation: %d %s", status, body)
	}
	g.provider.subject = subject
	if status, _, body := g.logIn(c, "main", "/"); status != http.StatusSeeOther {
		g.t.Fatalf("log-in: %d %s", status, body)
	}
	return c
}

func (g *rig) admin() Invitation {
	return Invitation{Role: service.BodyAdmin, Body: g.Ministry.EDRPOU}
}

func wantCode(t testing.TB, what string, body []byte, want *service.Problem) {
	t.Helper()
	if got := problemCode(body); got != want.Code {
		t.Errorf("%s: %s, want %s", what, body, want.Code)
	}
}

func (g *rig) wantFresh(c *http.Client, want bool) {
	g.t.Helper()
	status, _, body := g.Do(c, "GET", "/b/"+g.Ministry.EDRPOU+"/accounts", nil, "Accept", jsonType)
	if (status == http.StatusOK) != want {
		g.t.Errorf("GET accounts: %d %s, want it open: %v", status, problemCode(body), want)
	}
}

func TestFirstPasskey(t *testing.T) {
	g := newRig(t)
	c := g.join("a1", g.admin())
	g.wantFresh(c, false)
	d := newDevice()
	status, body := g.add(c, d)
	var done struct{ To string }
	json.Unmarshal(body, &done)
	if status != http.StatusOK || done.To != "/account" {
		t.Fatalf("%d %s, want 200 and /account", status, body)
	}
	g.wantFresh(c, true) // what was just registered is a second factor
	g.Advance(service.SecondFactorTerm)
	g.wantFresh(c, false)
	if status, body := g.prove(c, d); status != http.StatusOK {
		t.Fatalf("prove: %d %s", status, body)
	}
	g.wantFresh(c, true)
	_, _, page := g.Do(c, "GET", "/account", nil)
	if strings.Contains(string(page), "<b>ключ") || !strings.Contains(string(page), "Синій &lt;b&gt;ключ") {
		t.Error("the name of the passkey is not shown as text")
	}
}

func TestPasskeyProofRenewsTheSession(t *testing.T) {
	g := newRig(t)
	c := g.join("a1", g.admin())
	u, _ := url.Parse(g.URL)
	before := c.Jar.Cookies(u)
	if status, body := g.add(c, newDevice()); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if after := c.Jar.Cookies(u); before[0].Value == after[0].Value {
		t.Error("the session kept its token")
	}
	thief := g.Client()
	thief.Jar.SetCookies(u, before)
	g.wantNobody(thief)
}

// TestFirstPasskeyIsNotForThieves: a session without the invitation just used adds no first passkey.
func TestFirstPasskeyIsNotForThieves(t *testing.T) {
	g := newRig(t)
	c := g.join("a1", g.admin())
	g.Advance(EnrolTerm)
	status, body := g.add(c, newDevice())
	wantCode(t, fmt.Sprint("too late: ", status), body, EnrolClosed)

	// Logging in again, without an invitation, opens nothing.
	c = g.Client()
	if status, _, body := g.logIn(c, "main", "/"); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	_, body = g.add(c, newDevice())
	wantCode(t, "no invitation", body, EnrolClosed)
	if status, _, body := g.Do(c, "GET", "/account/passkeys/new", nil, "Accept", jsonType); problemCode(body) != EnrolClosed.Code {
		t.Errorf("page: %d %s, want %s", status, body, EnrolClosed.Code)
	}

	// A ceremony begun in time and finished too late.
	c = g.join("a2", g.admin())
	_, options := g.json(c, "/account/passkeys/begin", "{}")
	g.Advance(EnrolTerm)
	_, body = g.json(c, "/account/passkeys/finish", newDevice().register(t, options))
	wantCode(t, "finished too late", body, PasskeyFailed)
}

// TestFurtherPasskeys: each further passkey wants one just proven; a first ceremony kept back does not become a second passkey.
func TestFurtherPasskeys(t *testing.T) {
	g := newRig(t)
	c := g.join("a1", g.admin())
	one, two := newDevice(), newDevice()
	if status, body := g.add(c, one); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := g.add(c, one); problemCode(body) != PasskeyFailed.Code {
		t.Errorf("the same passkey again: %d %s, want %s", status, body, PasskeyFailed.Code)
	}
	if status, body := g.add(c, two); status != http.StatusOK {
		t.Fatalf("second: %d %s", status, body)
	}
	if status, body := g.prove(c, two); status != http.StatusOK {
		t.Errorf("prove by the second: %d %s", status, body)
	}
	g.Advance(service.SecondFactorTerm)
	_, body := g.add(c, newDevice())
	wantCode(t, "third without proof", body, service.SecondFactor)
	if status, body := g.prove(c, one); status != http.StatusOK {
		t.Fatalf("prove: %d %s", status, body)
	}
	for i := 2; i < maxPasskeys; i++ {
		if status, body := g.add(c, newDevice()); status != http.StatusOK {
			t.Fatalf("passkey %d: %d %s", i+1, status, body)
		}
	}
	_, body = g.add(c, newDevice())
	wantCode(t, "one too many", body, ManyPasskeys)
}

func TestPasskeyRegistrationRefused(t *testing.T) {
	g := newRig(t)
	c := g.join("a1", g.admin())
	begin := func() []byte {
		t.Helper()
		status, options := g.json(c, "/account/passkeys/begin", "{}")
		if status != http.StatusOK {
			t.Fatalf("begin: %d %s", status, options)
		}
		return options
	}
	for name, answer := range map[string]func() string{
		"nothing":        func() string { begin(); return "" },
		"no object":      func() string { begin(); return "[]" },
		"no credential":  func() string { begin(); return `{"name":"x"}` },
		"empty":          func() string { begin(); return `{"name":"x","credential":{}}` },
		"another origin": func() string { d := newDevice(); d.party.Origin = "http://evil.example"; return d.register(t, begin()) },
		"another party":  func() string { d := newDevice(); d.party.ID = "evil.example"; return d.register(t, begin()) },
		"unverified":     func() string { d := newDevice(); d.Options.UserNotVerified = true; return d.register(t, begin()) },
		"not present":    func() string { d := newDevice(); d.Options.UserNotPresent = true; return d.register(t, begin()) },
		"old challenge":  func() string { old := begin(); begin(); return newDevice().register(t, old) },
		"an assertion":   func() string { begin(); return newDevice().register(t, begin())[:100] },
		"large":          func() string { begin(); return `{"name":"` + strings.Repeat("x", maxCeremony) + `"}` },
	} {
		t.Run(name, func(t *testing.T) {
			status, body := g.json(c, "/account/passkeys/finish", answer())
			if status < 400 || status >= 500 {
				t.Errorf("%d %s, want it refused", status, body)
			}
		})
	}
	options := begin()
	if status, body := g.json(c, "/account/passkeys/finish", newDevice().register(t, options)); status != http.StatusOK {
		t.Fatalf("a good one: %d %s", status, body)
	}
	if status, body := g.json(c, "/account/passkeys/finish", newDevice().register(t, options)); status == http.StatusOK {
		t.Errorf("one ceremony twice: %d %s", status, body)
	}
}

func TestPasskeyAssertionRefused(t *testing.T) {
	g := newRig(t)
	c, d := g.join("a1", g.admin()), newDevice()
	if status, body := g.add(c, d); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	other, foreign := g.join("a2", g.admin()), newDevice()
	if status, body := g.add(other, foreign); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	g.Advance(service.SecondFactorTerm)
	begin := func(c *http.Client) []byte {
		t.Helper()
		status, options := g.json(c, "/login/passkey/begin", "{}")
		if status != http.StatusOK {
			t.Fatalf("begin: %d %s", status, options)
		}
		d.key.Counter++
		return options
	}
	as := func(change func(d *device)) func() string {
		return func() string {
			options := begin(c)
			changed := *d
			change(&changed)
			return changed.assert(t, options)
		}
	}
	for name, answer := range map[string]func() string{
		"nothing":             func() string { begin(c); return "" },
		"no object":           func() string { begin(c); return "[]" },
		"empty":               func() string { begin(c); return "{}" },
		"large":               func() string { begin(c); return `{"id":"` + strings.Repeat("x", maxCeremony) + `"}` },
		"another origin":      as(func(d *device) { d.party.Origin = "https://localhost" }),
		"another party":       as(func(d *device) { d.party.ID = "evil.example" }),
		"unverified":          as(func(d *device) { d.Options.UserNotVerified = true }),
		"not present":         as(func(d *device) { d.Options.UserNotPresent = true }),
		"another handle":      as(func(d *device) { d.Options.UserHandle = []byte("somebody else") }),
		"another key, its id": as(func(d *device) { d.key.Key = newDevice().key.Key }),
		"unknown id":          as(func(d *device) { d.key = newDevice().key }),
		"somebody else's key": as(func(d *device) { *d = *foreign }),
		"old challenge":       func() string { old := begin(c); begin(c); return d.assert(t, old) },
		"challenge of another": func() string {
			begin(c)
			return d.assert(t, begin(other))
		},
		"a registration": func() string {
			options := begin(c)
			return newDevice().register(t, []byte(strings.Replace(string(options), `"publicKey":{`, `"publicKey":{"rp":{"id":"localhost"},"user":{"id":"AA","name":"a","displayName":"b"},`, 1)))
		},
		"too late": func() string { options := begin(c); g.Advance(CeremonyTerm); return d.assert(t, options) },
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			status, body := g.json(c, "/login/passkey/finish", answer())
			if status < 400 || status >= 500 {
				t.Errorf("%d %s, want it refused", status, body)
			}
			g.wantFresh(c, false)
		})
	}
	g.t = t
	options := begin(c)
	answer := d.assert(t, options)
	if status, body := g.json(c, "/login/passkey/finish", answer); status != http.StatusOK {
		t.Fatalf("a good one: %d %s", status, body)
	}
	g.Advance(service.SecondFactorTerm)
	if status, body := g.json(c, "/login/passkey/finish", answer); status == http.StatusOK {
		t.Errorf("replayed: %d %s", status, body)
	}
	g.wantFresh(c, false)
	if status, _, body := g.Do(g.Client(), "POST", "/login/passkey/begin", strings.NewReader("{}"), "Accept", jsonType); problemCode(body) != service.NotLoggedIn.Code {
		t.Errorf("nobody: %d %s, want %s", status, body, service.NotLoggedIn.Code)
	}
}

// TestPasskeyCopied: a counter that did not grow voids the passkey.
func TestPasskeyCopied(t *testing.T) {
	g := newRig(t)
	c, d := g.join("a1", g.admin()), newDevice()
	if status, body := g.add(c, d); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	for range 5 {
		if status, body := g.prove(c, d); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	g.Advance(service.SecondFactorTerm)
	copied := *d
	copied.key.Counter = 2
	status, body := g.prove(c, &copied)
	wantCode(t, fmt.Sprint(status), body, PasskeyCloned)
	g.wantFresh(c, false)
	// The original proves nothing any more either.
	_, body = g.prove(c, d)
	wantCode(t, "original", body, PasskeyFailed)
	var lines int
	g.view(func(tx *store.ServiceTx) error {
		return tx.Row("SELECT count(*) FROM account_changes WHERE what = 'passkey-cloned'", nil, &lines)
	})
	if lines != 1 {
		t.Errorf("%d lines of the audit, want 1", lines)
	}
}

// TestPasskeyWithoutCounter: authenticators that keep no counter say 0 for ever.
func TestPasskeyWithoutCounter(t *testing.T) {
	g := newRig(t)
	c, d := g.join("a1", g.admin()), newDevice()
	if status, body := g.add(c, d); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	for range 2 {
		_, options := g.json(c, "/login/passkey/begin", "{}")
		if status, body := g.json(c, "/login/passkey/finish", d.assert(t, options)); status != http.StatusOK {
			t.Errorf("%d %s, want 200", status, body)
		}
	}
}

func TestPasskeysAreNamedAndRemoved(t *testing.T) {
	g := newRig(t)
	c, one, two := g.join("a1", g.admin()), newDevice(), newDevice()
	for _, d := range []*device{one, two} {
		if status, body := g.add(c, d); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	other := g.join("a2", g.admin())
	if status, body := g.add(other, newDevice()); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if status, _, body := g.post(c, "/account/passkeys/1/name", url.Values{"name": {"  Телефон\x00 "}}); status != http.StatusSeeOther {
		t.Fatalf("name: %d %s", status, body)
	}
	if _, _, page := g.Do(c, "GET", "/account", nil); !strings.Contains(string(page), "<strong>Телефон</strong>") {
		t.Error("the new name is not shown")
	}
	for _, path := range []string{"/account/passkeys/1/name", "/account/passkeys/1/remove", "/account/passkeys/0/remove", "/account/passkeys/x/remove", "/account/passkeys/99/name"} {
		_, _, body := g.post(other, path, url.Values{"name": {"a"}})
		wantCode(t, "another account: "+path, body, UnknownPasskey)
	}
	if status, _, body := g.post(c, "/account/passkeys/1/remove", nil); status != http.StatusSeeOther {
		t.Fatalf("remove: %d %s", status, body)
	}
	_, _, body := g.post(c, "/account/passkeys/2/remove", nil)
	wantCode(t, "the last one", body, LastPasskey)
	_, body = g.prove(c, one)
	wantCode(t, "the removed one", body, PasskeyFailed)
	if status, body := g.prove(c, two); status != http.StatusOK {
		t.Errorf("the other one: %d %s", status, body)
	}
	g.Advance(service.SecondFactorTerm)
	_, _, body = g.post(c, "/account/passkeys/2/remove", nil)
	wantCode(t, "without proof", body, service.SecondFactor)
}

// TestPasskeyRowsAreBound: rows moved between accounts in the file open nowhere.
func TestPasskeyRowsAreBound(t *testing.T) {
	g := newRig(t)
	c, d := g.join("a1", g.admin()), newDevice()
	if status, body := g.add(c, d); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	other, foreign := g.join("a2", g.admin()), newDevice()
	if status, body := g.add(other, foreign); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	g.Advance(service.SecondFactorTerm)
	g.update(func(tx *store.ServiceTx) error { return tx.Exec1("UPDATE passkeys SET account = 1 WHERE id = 2") })
	if status, _ := g.prove(c, foreign); status < 500 {
		t.Errorf("a passkey that was moved: %d, want a fault", status)
	}
	g.wantFresh(c, false)
}

func TestPasskeysWantAName(t *testing.T) {
	p := &part{Server: newRig(t).Server}
	for origin, want := range map[string]bool{"http://localhost": true, "https://id.example.gov.ua": true, "http://127.0.0.1:8080": false, "http://[::1]:8080": false} {
		s := *p.Server
		s.Origin = origin
		q := &part{Server: &s}
		if err := q.newPasskeys(); err != nil || (q.keys != nil) != want {
			t.Errorf("%s: %v, passkeys %v, want %v", origin, err, q.keys != nil, want)
		}
	}
}
