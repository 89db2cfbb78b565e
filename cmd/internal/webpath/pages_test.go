package webpath

import (
	"fmt"
	"net/url"
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
	editor       = "office-editor." + hrdata.MinistryEDRPOU + ".0"
)

// logIn opens a page as somebody of the demo.
func (s *site) logIn(p *webtest.Page, as, page string) {
	s.t.Helper()
	p.Open(s.URL + "/login/dev?return=" + page)
	p.Click(`button[value="` + as + `"]`)
	p.Wait("the page "+page, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, page))
}

// aPage is one page of TestEveryPage: its name in pictures, who looks, and where it is. Where an address has a number that nobody knows before, it is the
// page with a link to it, and the link.
type aPage struct{ name, as, path, link string }

// TestEveryPage opens every page that a person can come to without doing anything, as the one whose page it is, and holds it to
// WCAG 2.1 AA in light and dark, at desktop and phone width, at 320 px and at 200 % zoom. With POSVID_SCREENSHOTS the
// pictures go to docs/img.
func TestEveryPage(t *testing.T) {
	s := start(t)
	body := "/b/" + hrdata.MinistryEDRPOU
	everyPage(t, s, "service", []aPage{
		{"start", "", "/", ""},
		{"login", "", "/login", ""},
		{"login-dev", "", "/login/dev", ""},
		{"login-invitation", "", "/login/invitation", ""},
		{"wallet-empty", "", "/wallet/", ""},
		{"verify-first", "", "/verify/", ""},
		{"problem", "", "/no/such/page", ""},
		{"body", registrar, body + "/", ""},
		{"staff", registrar, body + "/staff", ""},
		{"slips", registrar, body + "/slips", ""},
		{"ids", registrar, body + "/ids", ""},
		{"id", registrar, body + "/ids/1", ""},
		{"without", registrar, body + "/without", ""},
		{"operators", registrar, body + "/operators", ""},
		{"audit", auditor, body + "/audit", ""},
		{"statistics", auditor, body + "/statistics", ""},
		{"accounts", bodyAdmin, body + "/accounts", ""},
		{"checkpoints", bodyAdmin, body + "/checkpoints", ""},
		{"systems", bodyAdmin, body + "/systems", ""},
		{"operator", operatorRole, "/operator/", ""},
		{"account", registrar, "/account", ""},
		{"holder", holderRole, "/holder/", ""},
		{"holder-checks", holderRole, "/holder/" + hrdata.MinistryEDRPOU + "/1/checks", ""},
		{"holder-withdraw", holderRole, "/holder/" + hrdata.MinistryEDRPOU + "/1/withdraw", ""},
		{"stop", "", "/stop", ""},
	})
	everyPage(t, s, "office", []aPage{
		{"office-login", "", "/office/login", ""},
		{"office", holderRole, "/office/", ""},
		{"office-directory", holderRole, "/office/directory?q=%D0%B7%D2%91%D1%83%D1%80", ""},
		{"office-person", holderRole, "/office/directory?q=halahan", `main a[href^="/office/people/"]`},
		{"office-body", holderRole, "/office/directory/" + hrdata.MinistryEDRPOU, ""},
		{"office-chart", holderRole, "/office/directory/" + hrdata.MinistryEDRPOU + "/chart", ""},
		{"office-staffing", holderRole, "/office/directory/" + hrdata.MinistryEDRPOU + "/staffing", ""},
		{"office-day", holderRole, "/office/day", ""},
		{"office-event", holderRole, "/office/day", `main a[href^="/office/event"]`},
		{"office-unit", holderRole, "/office/unit", ""},
		{"office-tasks", holderRole, "/office/tasks", ""},
		{"office-task", holderRole, "/office/tasks", `main a[href="/office/tasks/2"]`},
		{"office-task-new", holderRole, "/office/tasks/new", ""},
		{"office-feeds", holderRole, "/office/feeds", ""},
		{"office-surveys", holderRole, "/office/surveys", ""},
		{"office-survey", holderRole, "/office/surveys", `main a[href^="/office/surveys/"]:not([href*="/check"], [href*="/results"])`},
		{"office-survey-results", holderRole, "/office/surveys", `main a[href$="/results"]`},
		{"office-survey-check", holderRole, "/office/surveys", `main a[href$="/check"]`},
		{"office-mail", holderRole, "/office/mail", ""},
		{"office-apps", holderRole, "/office/apps", ""},
		{"office-editor-surveys", editor, body + "/office/surveys", ""},
		{"office-editor-survey", editor, body + "/office/surveys/new", ""},
		{"office-editor-staffing", editor, body + "/office/staffing", ""},
		{"office-mail-settings", bodyAdmin, body + "/office/mail", ""},
	})
}

// everyPage holds pages to the rules, in a browser of their own.
func everyPage(t *testing.T, s *site, group string, pages []aPage) {
	t.Run(group, func(t *testing.T) {
		t.Parallel()
		b := webtest.Start(t, webtest.Options{})
		for _, page := range pages {
			t.Run(page.name, func(t *testing.T) { onePage(t, s, b, page) })
		}
	})
}

func onePage(t *testing.T, s *site, b *webtest.Browser, page aPage) {
	p := b.Page(t)
	if page.name == "problem" {
		p.Allow("404")
	}
	if page.as == "" {
		p.Open(s.URL + "/login") // whoever was logged in before is not the one who looks
		webtest.Eval[bool](p, `fetch("/logout", {method: "POST", redirect: "manual"}).then(() => true)`)
		p.Open(s.URL + page.path)
	} else {
		p.Open(s.URL + "/login/dev?return=" + url.QueryEscape(page.path))
		p.Click(`button[value="` + page.as + `"]`)
		p.Wait("the page "+page.path, fmt.Sprintf(`location.pathname + location.search === %q && document.readyState === "complete"`, page.path))
	}
	if page.link != "" {
		before := webtest.Eval[string](p, "location.href")
		p.Click(page.link)
		p.Wait("the page behind "+page.link, fmt.Sprintf(`location.href !== %q && document.readyState === "complete"`, before))
	}
	p.WaitVisible("main")
	if strings.TrimSpace(p.Text("main h1, main h2, main legend, main label, main p")) == "" {
		t.Errorf("%s shows nothing", page.path)
	}
	p.Accessible(page.name)
	if page.name == "office-survey-results" { // what the page is for is further down
		webtest.Eval[bool](p, `document.querySelector("main svg").scrollIntoView({block: "center"}), true`)
	}
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
}
