package auth

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/web/webtest"
)

// newBrowserRig is a rig on a name of its own, which passkeys need.
func newBrowserRig(t testing.TB) *rig {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	origin := "http://localhost:" + port
	w := servicetest.New(t, func(c *service.Config) { c.Origin = origin })
	w.Set(time.Now())
	g := &rig{World: w, t: t, provider: newFakeProvider(t, w.Now)}
	err = Mount(w.Server, Config{Providers: []Provider{{ID: "main", Name: "Єдиний вхід", NameEN: "Single sign-on", Issuer: g.provider.server.URL, ClientID: testClient, ClientSecret: testSecret}}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.Server.Handler(), ReadHeaderTimeout: time.Minute}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	w.URL = origin
	return g
}

// TestLogInInBrowser goes from the link of an invitation to the accounts of a body, in a real browser with a virtual
// authenticator.
func TestLogInInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a browser takes seconds")
	}
	g := newBrowserRig(t)
	browser := webtest.Start(t, webtest.Options{})
	p := browser.Page(t)
	key := p.Passkeys()
	verified := func(yes bool) {
		t.Helper()
		if _, err := chromedp.Call(p.Context(), webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: key, IsUserVerified: yes}); err != nil {
			t.Fatal(err)
		}
	}
	code := g.invitation(g.admin())
	accounts := "/b/" + g.Ministry.EDRPOU + "/accounts"

	p.Open(InvitationLink(g.URL, code))
	p.Wait("the code in the field", `document.getElementById('code').value === '`+code+`'`)
	p.Wait("no code in the address bar", `location.hash === ''`)
	p.Accessible("invitation")
	p.Click("#take")
	p.WaitVisible("#invited")
	p.Accessible("login")
	p.Size(320, 640)
	p.Accessible("login at 320 px")
	p.Size(1280, 800)
	p.Click("#login-main")
	p.WaitVisible("#go")
	p.Wait("the page of a first passkey", `location.pathname === '/account/passkeys/new'`)
	p.Accessible("new passkey")
	p.Set("#name", `Телефон <i>`)
	p.Click("#go")
	p.Wait("the body's pages", `location.pathname === '/b/`+g.Ministry.EDRPOU+`/'`)
	p.Allow("404") // the body's own pages are another part's

	p.Open(g.URL + "/account")
	p.WaitText("#passkeys", "Телефон <i>")
	p.Accessible("account")
	p.Size(320, 640)
	p.Accessible("account at 320 px")
	p.Size(1280, 800)
	p.Open(g.URL + accounts)
	p.WaitVisible("#invite-form")
	p.Accessible("accounts")
	p.Size(320, 640)
	p.Accessible("accounts at 320 px")
	p.Size(1280, 800)
	p.Click("#invite-form button")
	p.WaitVisible("#invitation-code")
	p.Accessible("invitation made")

	// Later the passkey is asked for again. A person whom the device does not know gets nowhere.
	g.Advance(service.SecondFactorTerm)
	p.Allow("403")
	p.Open(g.URL + accounts)
	p.WaitVisible("#go")
	p.Accessible("passkey")
	verified(false)
	p.Click("#go")
	p.Wait("a refusal", `!document.getElementById('wrong').hidden && document.getElementById('wrong').textContent !== ''`)
	p.Accessible("passkey refused")
	verified(true)
	p.Click("#go")
	p.WaitVisible("#invite-form")

	// A browser without passkeys says so.
	old := browser.Page(t)
	old.Before(`delete window.PublicKeyCredential`)
	old.Open(g.URL + "/login/passkey")
	old.WaitText("#wrong", "не вміє ключів доступу")
	old.Wait("nothing to press", `document.getElementById('go').disabled`)

	p.Open(g.URL + "/account")
	p.Click("#end-sessions")
	p.WaitVisible("#login-main")
	p.Open(g.URL + "/login?lang=en&return=" + accounts)
	p.WaitText("#login-main", "Single sign-on")
	p.Accessible("login in English")
}

// TestLogInByKeyboard: the page of log-in works with nothing but Tab and Enter.
func TestLogInByKeyboard(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a browser takes seconds")
	}
	g := newBrowserRig(t)
	p := webtest.Start(t, webtest.Options{}).Page(t)
	p.Open(g.URL + "/login")
	for i := 0; ; i++ {
		p.Keys(kb.Tab)
		id := webtest.Eval[string](p, `document.activeElement.id`)
		if id == "login-main" {
			break
		}
		if i == 12 {
			t.Fatalf("twelve times Tab does not reach the provider; the focus is on %q", id)
		}
	}
	p.Keys(kb.Enter)
	p.WaitVisible("#waiting")
	p.Accessible("waiting")
}
