package registrar

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/web/webtest"
)

// TestPagesInABrowser holds the pages that come in the middle of something (a plan, questions, a sheet of slips, a change of many)
// to WCAG 2.1 AA, to 320 px and to the keyboard, in a real browser.
func TestPagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a browser looks at seven pages")
	}
	o := newOffice(t, func(c *service.Config) { c.Dev = true })
	account := o.Account("Кадровик Перша", service.Grant{Role: service.Registrar, Body: o.Ministry.EDRPOU, Operator: 1})
	clerk := &browser{o, o.LogIn(account, true)}
	base := "/b/" + o.Ministry.EDRPOU
	rows := crew(1, 70)
	rows[3].badDate = true
	rows[5].unit = strings.Repeat("дужедовганазвапідрозділу", 8)
	signed := o.upload(clerk, o.Ministry, csvOf(rows[:9]))
	o.sign(clerk, signed)
	waits := o.upload(clerk, o.Ministry, csvOf(append(rows, leaveOf(o.Ministry.Holders["issued"]))))
	failed := o.upload(clerk, o.Ministry, []byte("один;два\nтри;чотири\n"))
	list := o.Ministry.Holders["issued"].Number + "\nнемає\n" + o.Ministry.Holders["second"].Number
	job := clerk.post(base+"/bulk", "once", clerk.get(base+"/bulk").hidden("once"), "list", list, "to", "revoked", "ground", "loss").to()
	clerk.post(base+"/operators", "change", "remove", "operator", "2", "passphrase", phrase1).to()
	var cookie *http.Cookie
	for _, c := range clerk.client.Jar.Cookies(mustURL(t, o.URL)) {
		if c.Name == o.Server.Sessions.Cookie.Name {
			cookie = c
		}
	}
	if cookie == nil {
		t.Fatal("no session")
	}
	b := webtest.Start(t, webtest.Options{})
	p := b.Page(t)
	p.Open(o.URL + "/")
	webtest.Eval[bool](p, fmt.Sprintf(`(document.cookie = %q, true)`, cookie.Name+"="+cookie.Value+"; path=/"))
	look := func(name string) {
		t.Helper()
		p.WaitVisible("main h1")
		p.Accessible(name)
		p.Scheme("dark")
		p.Accessible(name + ", dark")
		p.Scheme("light")
		p.Size(320, 640)
		if wide := p.Overflow(); wide > 0 {
			t.Errorf("%s: %d px wider than a window of 320 px", name, wide)
		}
		p.Picture("../..", "page-"+name+"-phone")
		p.Size(1280, 900)
		p.Picture("../..", "page-"+name)
	}
	for _, page := range []struct{ name, path string }{
		{"load", waits}, {"load-aside", waits + "?list=aside"}, {"load-failed", failed}, {"load-waiting", signed}, {"bulk", base + "/bulk"}, {"job", job}, {"operators-proposal", base + "/operators"},
	} {
		p.Open(o.URL + page.path)
		look(page.name)
	}
	p.TabsThrough("operators-proposal")
	// Slips: chosen, made, printed.
	p.Open(o.URL + base + "/slips?again=yes")
	p.Click(`input[name="for"]`)
	p.Click("#slips-send")
	p.WaitVisible("#sheet")
	look("slips-sheet")
	// What is typed is kept without being sent.
	p.Open(o.URL + base + "/bulk")
	p.Set("#list", "000042")
	webtest.Eval[bool](p, `new Promise(done => setTimeout(() => done(true), 2500))`) // the script waits for a pause in typing
	p.Open(o.URL + base + "/bulk")
	if got := webtest.Eval[string](p, `document.getElementById("list").value`); got != "000042" {
		t.Errorf("the list came back as %q", got)
	}
}
