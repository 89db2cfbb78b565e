package webpath

import (
	"fmt"
	"strings"
	"testing"

	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/web/webtest"
)

// Names of what the log-in for development offers.
const (
	registrar    = "registrar." + hrdata.MinistryEDRPOU + ".1"
	approver     = "approver." + hrdata.MinistryEDRPOU + ".2"
	bodyAdmin    = "body-admin." + hrdata.MinistryEDRPOU + ".0"
	auditor      = "auditor." + hrdata.MinistryEDRPOU + ".0"
	operatorRole = "trust-operator..0"
	holderRole   = "holder." + hrdata.MinistryEDRPOU + ".1"
)

// logIn opens a page as somebody of the demo.
func (s *site) logIn(p *webtest.Page, as, page string) {
	s.t.Helper()
	p.Open(s.URL + "/login/dev?return=" + page)
	p.Click(`button[value="` + as + `"]`)
	p.Wait("the page "+page, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, page))
}

// TestEveryPage opens every page that a person can come to without doing anything, as the one whose page it is, and holds it to
// WCAG 2.1 AA in light and dark, at desktop and phone width, at 320 px and at 200 % zoom. With POSVID_SCREENSHOTS the
// pictures go to docs/img.
func TestEveryPage(t *testing.T) {
	s := start(t)
	body := "/b/" + hrdata.MinistryEDRPOU
	pages := []struct{ name, as, path string }{
		{"start", "", "/"},
		{"login", "", "/login"},
		{"login-dev", "", "/login/dev"},
		{"login-invitation", "", "/login/invitation"},
		{"wallet-empty", "", "/wallet/"},
		{"verify-first", "", "/verify/"},
		{"problem", "", "/no/such/page"},
		{"body", registrar, body + "/"},
		{"staff", registrar, body + "/staff"},
		{"slips", registrar, body + "/slips"},
		{"ids", registrar, body + "/ids"},
		{"id", registrar, body + "/ids/1"},
		{"without", registrar, body + "/without"},
		{"operators", registrar, body + "/operators"},
		{"audit", auditor, body + "/audit"},
		{"statistics", auditor, body + "/statistics"},
		{"accounts", bodyAdmin, body + "/accounts"},
		{"checkpoints", bodyAdmin, body + "/checkpoints"},
		{"systems", bodyAdmin, body + "/systems"},
		{"operator", operatorRole, "/operator/"},
		{"account", registrar, "/account"},
		{"holder", holderRole, "/holder/"},
		{"holder-checks", holderRole, "/holder/" + hrdata.MinistryEDRPOU + "/1/checks"},
		{"holder-withdraw", holderRole, "/holder/" + hrdata.MinistryEDRPOU + "/1/withdraw"},
		{"stop", "", "/stop"},
	}
	b := webtest.Start(t, webtest.Options{})
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			p := b.Page(t)
			if page.name == "problem" {
				p.Allow("404")
			}
			if page.as == "" {
				p.Open(s.URL + "/login") // whoever was logged in before is not the one who looks
				webtest.Eval[bool](p, `fetch("/logout", {method: "POST", redirect: "manual"}).then(() => true)`)
				p.Open(s.URL + page.path)
			} else {
				s.logIn(p, page.as, page.path)
			}
			p.WaitVisible("main")
			if strings.TrimSpace(p.Text("main h1, main h2, main legend, main label, main p")) == "" {
				t.Errorf("%s shows nothing", page.path)
			}
			p.Accessible(page.name)
			p.Picture(root, "page-"+page.name)
			p.Scheme("dark")
			p.Contrast(page.name + ", dark")
			p.Scheme("light")
			p.Size(390, 844)
			if wide := p.Overflow(); wide > 0 {
				t.Errorf("%s: %d px wider than a phone", page.name, wide)
			}
			p.Picture(root, "page-"+page.name+"-phone")
			p.Size(320, 640)
			if wide := p.Overflow(); wide > 0 {
				t.Errorf("%s: %d px wider than a window of 320 px", page.name, wide)
			}
			p.Size(640, 450) // what a window of 1280 px holds at 200 % zoom
			if wide := p.Overflow(); wide > 0 {
				t.Errorf("%s: %d px wider than its window at 200 %% zoom", page.name, wide)
			}
			p.TabsThrough(page.name)
		})
	}
}
