package auth

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// storeTx spares the tests the package's name.
type storeTx = store.ServiceTx

// TestDevIsNowhereElse: without Config.Dev there is no log-in for development, no link to it and no banner.
func TestDevIsNowhereElse(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	for _, method := range []string{"GET", "POST"} {
		if status, _, body := g.Do(c, method, "/login/dev", nil, "Accept", jsonType); status != http.StatusNotFound {
			t.Errorf("%s /login/dev: %d %s, want 404", method, status, body)
		}
	}
	if status, _, body := g.post(c, "/login/dev", url.Values{"as": {"body-admin." + g.Ministry.EDRPOU + ".0"}}); status != http.StatusNotFound {
		t.Errorf("%d %s, want 404", status, body)
	}
	g.wantNobody(c)
	_, _, page := g.Do(c, "GET", "/login", nil)
	if strings.Contains(string(page), "/login/dev") || strings.Contains(string(page), "Режим розробки") {
		t.Error("the page of log-in tells of the log-in for development")
	}
	for _, route := range g.Server.Routes() {
		if strings.Contains(route.Path, "dev") {
			t.Errorf("route %s %s", route.Method, route.Path)
		}
	}
}

func TestDevLogIn(t *testing.T) {
	w := servicetest.New(t, func(c *service.Config) { c.Dev = true })
	g := newRigOf(t, w)
	_, _, page := g.Do(g.Client(), "GET", "/login/dev", nil)
	choices := regexp.MustCompile(`name="as" value="([^"]+)"`).FindAllStringSubmatch(string(page), -1)
	roles := map[string]int{}
	for _, m := range choices {
		c := g.Client()
		status, header, body := g.post(c, "/login/dev", url.Values{"as": {m[1]}, "return": {"/account"}})
		if status != http.StatusSeeOther || header.Get("Location") != "/account" {
			t.Fatalf("%s: %d %s %s", m[1], status, header.Get("Location"), body)
		}
		role, _, _ := strings.Cut(m[1], ".")
		roles[role]++
		grants := g.grants(g.me(c))
		if len(grants) != 1 || string(grants[0].Role) != role {
			t.Errorf("%s: grants %v", m[1], grants)
		}
		if strings.HasPrefix(m[1], "body-admin."+g.Ministry.EDRPOU) {
			g.wantFresh(c, true)
		}
	}
	for _, role := range service.Roles() {
		if roles[string(role)] == 0 {
			t.Errorf("nobody to choose for %s; %v", role, roles)
		}
	}
	for _, as := range []string{"", "king", "body-admin", "body-admin.00000000.0", "registrar." + g.Ministry.EDRPOU + ".99", "holder." + g.Ministry.EDRPOU + ".9999", "trust-operator.." + strings.Repeat("0", 5000)} {
		c := g.Client()
		if status, _, body := g.post(c, "/login/dev", url.Values{"as": {as}}); status == http.StatusSeeOther {
			t.Errorf("%.40q: %d %s, want it refused", as, status, body)
		}
		g.wantNobody(c)
	}
	if status, header, _ := g.post(g.Client(), "/login/dev", url.Values{"as": {choices[0][1]}, "return": {"//evil.example"}}); status != http.StatusSeeOther || header.Get("Location") != "/operator/" {
		t.Errorf("%d %s, want /operator/", status, header.Get("Location"))
	}
	for _, path := range []string{"/login", "/login/dev", "/login/invitation", "/login/waiting"} {
		if _, _, page := g.Do(g.Client(), "GET", path, nil); !strings.Contains(string(page), "Режим розробки") {
			t.Errorf("%s shows no banner", path)
		}
	}
}
