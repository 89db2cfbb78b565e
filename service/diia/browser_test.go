package diia

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/web/webtest"
)

// An administrator registers a system by keyboard and file, and both pages can be used by everybody.
func TestPagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: drives a browser")
	}
	w, r := eventWorld(t)
	r.set(status(404, `{"code":"unknown-person"}`))
	w.run(t)
	b := webtest.Start(t, webtest.Options{})
	p := b.Page(t)
	p.Allow("422") // a form that is refused on purpose
	account := w.Account("Адміністратор органу", service.Grant{Role: service.BodyAdmin, Body: w.Ministry.EDRPOU})
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.Open(w.URL + "/")
	for _, c := range w.LogIn(account, true).Jar.Cookies(at) {
		webtest.Eval[string](p, `document.cookie = "`+c.Name+`=`+c.Value+`; path=/"`)
	}
	list := "/b/" + w.Ministry.EDRPOU + "/systems"
	pem := filepath.Join(t.TempDir(), "keys.pem")
	if err := os.WriteFile(pem, pemOf(t, newKey(t).Public()), 0o600); err != nil {
		t.Fatal(err)
	}
	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			p.Scheme(scheme)
			p.Accessible(name + ", " + scheme)
		}
		p.Scheme("light")
		p.Size(390, 844)
		p.Accessible(name + ", phone")
		if name == "system" {
			p.Picture("../..", "page-system-phone")
		}
		p.Size(320, 640)
		if wide := p.Overflow(); wide > 0 {
			t.Errorf("%s: %d px wider than a window of 320 px", name, wide)
		}
		p.TabsThrough(name)
		p.Size(1280, 900)
	}
	p.Open(w.URL + list)
	look("systems")
	p.Upload("#system-keyfile", pem)
	p.Wait("the file in the field", `document.querySelector("#system-keys").value.includes("BEGIN PUBLIC KEY")`)
	p.Type("#system-name", "Реєстр (вигаданий)")
	p.Click("#system-verify")
	p.Type("#system-webhook", "gopher://nowhere.example")
	p.Click("#system-register")
	p.WaitText(`[role="alert"]`, "https://")
	p.Accessible("systems, refused")
	p.Wait("what was typed", `document.querySelector("#system-name").value === "Реєстр (вигаданий)" && document.querySelector("#system-verify").checked`)
	p.Set("#system-webhook", "")
	webtest.Eval[string](p, `document.querySelector("#system-webhook").value = ""`)
	p.Click("#system-register")
	p.WaitVisible("#system-client")
	p.WaitText("h1", "Реєстр (вигаданий)")
	p.Open(w.URL + list + "/" + w.client)
	p.Picture("../..", "page-system")
	look("system")
	p.Click(`form[action$="/resend"] button`)
	p.WaitText(`[role="status"]`, "надіслано")
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state = 0`); n != 1 {
		t.Errorf("%d events are sent again, want 1", n)
	}
}
