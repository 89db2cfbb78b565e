package auth

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// TestDevEndsWithDev: who logged in without a password is nobody once the service runs without --dev, however long the session
// would have lived.
func TestDevEndsWithDev(t *testing.T) {
	g := newRigOf(t, servicetest.New(t, func(c *service.Config) { c.Dev = true }))
	c := g.Client()
	if status, _, body := g.post(c, "/login/dev", url.Values{"as": {"trust-operator..0"}, "return": {"/account"}}); status != http.StatusSeeOther {
		t.Fatalf("log-in: %d %s", status, body)
	}
	g.me(c)
	g.Server.Dev = false // the next start, over the same database
	g.wantNobody(c)
	g.Server.Dev = true
	g.wantNobody(c) // the session has ended, it does not rest
}

// TestDevThroughAProxy: a reverse proxy on this machine does not open the log-in without a password to others.
func TestDevThroughAProxy(t *testing.T) {
	g := newRigOf(t, servicetest.New(t, func(c *service.Config) { c.Dev = true }))
	as := url.Values{"as": {"trust-operator..0"}}.Encode()
	for _, header := range [][2]string{{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-For", "127.0.0.1"}, {"X-Real-IP", "203.0.113.9"}, {"Forwarded", "for=203.0.113.9"}, {"Via", "1.1 proxy"}, {"X-Forwarded-Host", "id.example"}} {
		for _, method := range []string{"GET", "POST"} {
			c := g.Client()
			var form io.Reader
			if method == "POST" {
				form = strings.NewReader(as)
			}
			status, _, body := g.Do(c, method, "/login/dev", form, "Content-Type", "application/x-www-form-urlencoded", "Accept", jsonType, header[0], header[1])
			if status != http.StatusNotFound {
				t.Errorf("%s with %s: %d %.200s, want 404", method, header[0], status, body)
			}
			g.wantNobody(c)
		}
	}
}

// TestOneOperatorOneAccount: no way through disabling leads to two accounts for one operator, and no account is two operators of a body.
func TestOneOperatorOneAccount(t *testing.T) {
	g := newRig(t)
	c, _ := g.secured("a1")
	base := "/b/" + g.Ministry.EDRPOU
	one, two := g.Ministry.Operators[0], g.Ministry.Operators[1]
	if err := g.Ministry.Store.Update(t.Context(), func(tx issuer.Tx) error {
		one.Roles, two.Roles = issuer.RoleRegistrar|issuer.RoleApprover, issuer.RoleRegistrar|issuer.RoleApprover
		if err := tx.UpdateOperator(one); err != nil {
			return err
		}
		return tx.UpdateOperator(two)
	}); err != nil {
		t.Fatal(err)
	}
	first := g.me(g.join("r1", Invitation{Role: service.Registrar, Body: g.Ministry.EDRPOU, Operator: one.ID}))
	if status, _, body := g.post(c, fmt.Sprintf("%s/accounts/%d/disable", base, first), nil); status != http.StatusSeeOther {
		t.Fatalf("disable: %d %s", status, body)
	}
	second := g.me(g.join("r2", Invitation{Role: service.Approver, Body: g.Ministry.EDRPOU, Operator: one.ID}))
	_, _, body := g.post(c, fmt.Sprintf("%s/accounts/%d/enable", base, first), nil)
	wantCode(t, "an account whose operator is another's now", body, WrongOperator)
	for _, id := range []int64{first, second} {
		var disabled bool
		g.view(func(tx *storeTx) error {
			a, err := service.ReadAccount(tx, id)
			disabled = a.Disabled
			return err
		})
		if disabled != (id == first) {
			t.Errorf("account %d: disabled %v", id, disabled)
		}
	}
	// The same person as author and as the second person.
	c2 := g.Client()
	g.show(c2, g.invitation(Invitation{Role: service.Registrar, Body: g.Ministry.EDRPOU, Operator: two.ID}))
	g.provider.subject = "r2"
	_, _, body = g.logIn(c2, "main", "/")
	wantCode(t, "an account that is two operators", body, WrongOperator)
	if grants := g.grants(second); len(grants) != 1 {
		t.Errorf("grants %v, want the approver's alone", grants)
	}
	// Another number for the role that it has, or another role with the number that it has, is no second operator.
	g.show(c2, g.invitation(Invitation{Role: service.Registrar, Body: g.Ministry.EDRPOU, Operator: one.ID}))
	if status, _, body := g.logIn(c2, "main", "/"); status != http.StatusSeeOther {
		t.Errorf("both roles of one operator: %d %s", status, body)
	}
}

// TestBegunLogInsAreForgotten: sessions of people who only left for a provider end with the log-in that they began, so that a flood
// of them fills no disk; a log-in that was finished lasts as ever.
func TestBegunLogInsAreForgotten(t *testing.T) {
	g := newRig(t)
	ends := func() (n int, last time.Duration) {
		g.view(func(tx *storeTx) error {
			var at int64
			err := tx.Row("SELECT count(*), max(expires) FROM sessions", nil, &n, &at)
			last = time.Until(time.Unix(at, 0)) // the session manager lives by the machine's clock
			return err
		})
		return n, last
	}
	for range 3 {
		g.leave(g.Client(), "main", "/")
	}
	if n, last := ends(); n != 3 || last > FlowTerm+time.Minute {
		t.Errorf("%d sessions, the last ends in %v: want 3 that end with their log-in, %v", n, last, FlowTerm)
	}
	c := g.join("a1", g.admin())
	if _, last := ends(); last < service.SessionLife-time.Minute {
		t.Errorf("the session of a finished log-in ends in %v, want %v", last, service.SessionLife)
	}
	g.leave(c, "main", "/") // once more, from a session that stands for somebody
	if _, last := ends(); last < service.SessionLife-time.Minute {
		t.Errorf("the session ends in %v after another log-in was begun from it, want %v", last, service.SessionLife)
	}
}
