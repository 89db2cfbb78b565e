package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// me is the number of the account that a client is logged in as.
func (g *rig) me(c *http.Client) int64 {
	g.t.Helper()
	_, _, page := g.Do(c, "GET", "/account", nil)
	m := regexp.MustCompile(`id="number">(\d+)<`).FindSubmatch(page)
	if m == nil {
		g.t.Fatalf("GET /account shows no number: %s", page)
	}
	var n int64
	fmt.Sscan(string(m[1]), &n)
	return n
}

// secured is a body's administrator with a passkey just proven.
func (g *rig) secured(subject string) (*http.Client, *device) {
	g.t.Helper()
	c, d := g.join(subject, g.admin()), newDevice()
	if status, body := g.add(c, d); status != http.StatusOK {
		g.t.Fatalf("passkey: %d %s", status, body)
	}
	return c, d
}

// grants are the roles of an account.
func (g *rig) grants(id int64) (list []service.Grant) {
	g.t.Helper()
	g.view(func(tx *store.ServiceTx) error {
		a, err := service.ReadAccount(tx, id)
		list = a.Grants
		return err
	})
	return list
}

// made reads the code that the page of a new invitation shows.
func made(t testing.TB, status int, page []byte) string {
	t.Helper()
	m := regexp.MustCompile(`id="invitation-code">([0-9A-Z-]+)<`).FindSubmatch(page)
	if status != http.StatusOK || m == nil {
		t.Fatalf("invitation: %d %s", status, page)
	}
	return string(m[1])
}

func TestInvitationGivesARole(t *testing.T) {
	g := newRig(t)
	c := g.join("r1", Invitation{Role: service.Registrar, Body: g.Ministry.EDRPOU, Operator: g.Ministry.Operators[0].ID})
	want := []service.Grant{{Role: service.Registrar, Body: g.Ministry.EDRPOU, Operator: g.Ministry.Operators[0].ID}}
	if got := g.grants(g.me(c)); !slices.Equal(got, want) {
		t.Errorf("grants %v, want %v", got, want)
	}
	// The next invitation gives the same account a further role.
	c = g.join("r1", Invitation{Role: service.Auditor, Body: g.Council.EDRPOU})
	if got := g.grants(g.me(c)); len(got) != 2 {
		t.Errorf("grants %v, want two", got)
	}
	if n, err := CheckChanges(t.Context(), g.Server.Store); err != nil || n != 4 {
		t.Errorf("audit: %d lines, %v, want 4", n, err)
	}
}

func TestInvitationCodeAsTyped(t *testing.T) {
	g := newRig(t)
	code := g.invitation(g.admin())
	if len(code) != 32 {
		t.Fatalf("code of %d characters, want 32", len(code))
	}
	for _, typed := range []string{code, strings.ToLower(code), " " + code[:16] + " - " + code[16:] + "\r\n",
		strings.NewReplacer("0", "O", "1", "l").Replace(code)} {
		if status, body := g.show(g.Client(), typed); status != http.StatusSeeOther {
			t.Errorf("%q: %d %s", typed, status, body)
		}
	}
}

func TestInvitationRefused(t *testing.T) {
	g := newRig(t)
	c := g.Client()
	code := g.invitation(g.admin())
	flipped := []byte(code)
	if flipped[5] == '7' {
		flipped[5] = '8'
	} else {
		flipped[5] = '7'
	}
	for _, text := range []string{"", "0", code[:31], code + "0", string(flipped), strings.Repeat("0", 32), strings.Repeat("x", 5000), "U" + code[1:], code[:31] + "é", "' OR 1=1 --"} {
		if status, body := g.show(c, text); problemCode(body) != WrongInvitation.Code {
			t.Errorf("%.40q: %d %s, want %s", text, status, body, WrongInvitation.Code)
		}
	}
	// Shown, but no log-in in time.
	g.show(c, code)
	g.Advance(FlowTerm)
	if status, header, _ := g.logIn(c, "main", "/"); status != http.StatusSeeOther || header.Get("Location") != "/login/waiting" {
		t.Errorf("log-in long after the invitation was shown: %d %s, want an account without a role", status, header.Get("Location"))
	}
	// Past its term.
	g.Advance(InvitationTerm)
	_, body := g.show(g.Client(), code)
	wantCode(t, "past its term", body, WrongInvitation)
	// Shown in time, used after its term.
	late := g.invitation(g.admin())
	g.Advance(InvitationTerm - time.Minute)
	c = g.Client()
	g.show(c, late)
	g.Advance(2 * time.Minute)
	status, _, body := g.logIn(c, "main", "/")
	wantCode(t, fmt.Sprint("used past its term: ", status), body, WrongInvitation)
	g.wantNobody(c)
}

// TestInvitationWorksOnce: of two who show one invitation, the first to log in gets the role.
func TestInvitationWorksOnce(t *testing.T) {
	g := newRig(t)
	code := g.invitation(g.admin())
	one, two := g.Client(), g.Client()
	g.show(one, code)
	g.show(two, code)
	g.provider.subject = "first"
	if status, _, body := g.logIn(one, "main", "/"); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	g.provider.subject = "second"
	_, _, body := g.logIn(two, "main", "/")
	wantCode(t, "second", body, WrongInvitation)
	g.wantNobody(two)
	if n := g.accounts(); n != 1 {
		t.Errorf("%d accounts, want 1", n)
	}
	_, body = g.show(g.Client(), code)
	wantCode(t, "used", body, WrongInvitation)
}

func TestInvitationOfAnotherAccount(t *testing.T) {
	g := newRig(t)
	id := g.me(g.join("r1", g.admin()))
	code := g.invitation(Invitation{Role: service.Auditor, Body: g.Ministry.EDRPOU, Account: id})
	c := g.Client()
	g.show(c, code)
	g.provider.subject = "thief"
	_, _, body := g.logIn(c, "main", "/")
	wantCode(t, "thief", body, WrongInvitation)
	if n := g.accounts(); n != 1 {
		t.Errorf("%d accounts, want 1", n)
	}
	c = g.Client()
	g.show(c, code)
	g.provider.subject = "r1"
	if status, _, body := g.logIn(c, "main", "/"); status != http.StatusSeeOther || len(g.grants(id)) != 2 {
		t.Errorf("owner: %d %s", status, body)
	}
}

func TestInvitationMustMakeSense(t *testing.T) {
	g := newRig(t)
	body := g.Ministry.EDRPOU
	for _, v := range []Invitation{
		{}, {Role: "king", Body: body}, {Role: service.Holder, Body: body}, {Role: service.BodyAdmin}, {Role: service.TrustOperator, Body: body},
		{Body: body, Account: 1}, {Role: service.Auditor, Body: body, Operator: 1}, {Role: service.Registrar, Body: body, Operator: -1},
		{Role: service.Auditor, Body: body, Account: 77},
	} {
		if code, err := NewInvitation(t.Context(), g.Server.Store, v, g.Now()); err == nil {
			t.Errorf("%+v: made %s", v, code)
		}
	}
}

// TestOperatorsOfInvitations: the operator must be the body's, active, in that role, and nobody else's account.
func TestOperatorsOfInvitations(t *testing.T) {
	g := newRig(t)
	c, _ := g.secured("a1")
	path := "/b/" + g.Ministry.EDRPOU + "/account-invitations"
	registrar := fmt.Sprint(g.Ministry.Operators[0].ID)
	err := g.Ministry.Store.Update(t.Context(), func(tx issuer.Tx) error {
		one, gone := g.Ministry.Operators[0], g.Ministry.Operators[1]
		one.Roles, gone.Removed = issuer.RoleRegistrar, g.Now()
		return errors.Join(tx.UpdateOperator(one), tx.UpdateOperator(gone))
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]url.Values{
		"no such operator":          {"role": {"registrar"}, "operator": {"99"}},
		"registrar as approver":     {"role": {"approver"}, "operator": {registrar}},
		"operator who left":         {"role": {"approver"}, "operator": {fmt.Sprint(g.Ministry.Operators[1].ID)}},
		"negative":                  {"role": {"registrar"}, "operator": {"-1"}},
		"not a number":              {"role": {"registrar"}, "operator": {"1 OR 1"}},
		"beyond 64 bits":            {"role": {"registrar"}, "operator": {"99999999999999999999"}},
		"no role":                   {"operator": {registrar}},
		"holder":                    {"role": {"holder"}},
		"trust operator":            {"role": {"trust-operator"}},
		"made-up role":              {"role": {"king"}},
		"role with a zero byte":     {"role": {"auditor\x00"}},
		"trust operator, uppercase": {"role": {"Trust-Operator"}},
	} {
		if status, _, body := g.post(c, path, form); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s, want 422", name, status, body)
		}
	}
	status, _, page := g.post(c, path, url.Values{"role": {"registrar"}, "operator": {registrar}})
	code := made(t, status, page)
	if !strings.Contains(string(page), "http://localhost/login/invitation#"+strings.ReplaceAll(code, "-", "")) {
		t.Error("the page shows no link with the code behind #")
	}
	g.join("r1", Invitation{Role: service.Registrar, Body: g.Ministry.EDRPOU, Operator: g.Ministry.Operators[0].ID})
	_, _, body := g.post(c, path, url.Values{"role": {"registrar"}, "operator": {registrar}})
	wantCode(t, "operator of another account", body, WrongOperator)
	// The invitation that was out already loses against the account that is.
	late := g.Client()
	g.show(late, code)
	g.provider.subject = "r2"
	_, _, body = g.logIn(late, "main", "/")
	wantCode(t, "two accounts for one operator", body, WrongOperator)
}

func TestAccountsOfABody(t *testing.T) {
	g := newRig(t)
	c, _ := g.secured("a1")
	base := "/b/" + g.Ministry.EDRPOU
	status, _, page := g.post(c, base+"/account-invitations", url.Values{"role": {"auditor"}})
	auditor := g.Client()
	g.show(auditor, made(t, status, page))
	g.provider.subject = "u1"
	g.logIn(auditor, "main", "/")
	id := g.me(auditor)
	account := fmt.Sprintf("%s/accounts/%d", base, id)
	change := func(path string, form url.Values) {
		t.Helper()
		if status, _, body := g.post(c, path, form); status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	open := func() bool {
		status, _, _ := g.Do(auditor, "GET", "/account", nil, "Accept", jsonType)
		return status == http.StatusOK
	}
	change(account+"/roles", url.Values{"role": {"checkpoint-operator"}})
	if len(g.grants(id)) != 2 || !open() {
		t.Fatalf("grants %v", g.grants(id))
	}
	change(account+"/roles/end", url.Values{"role": {"checkpoint-operator"}})
	if len(g.grants(id)) != 1 || !open() {
		t.Fatalf("grants %v", g.grants(id))
	}
	change(account+"/disable", nil)
	if open() {
		t.Error("a disabled account is still in")
	}
	g.provider.subject = "u1"
	shut := g.Client()
	status2, _, body := g.logIn(shut, "main", "/")
	g.wantRefused(shut, status2, body)
	change(account+"/enable", nil)
	auditor = g.Client()
	if status, _, body := g.logIn(auditor, "main", "/"); status != http.StatusSeeOther || !open() {
		t.Fatalf("enabled again: %d %s", status, body)
	}
	g.Advance(2 * time.Second)
	change(account+"/sessions/end", nil)
	if open() {
		t.Error("an ended session is still in")
	}
	status, _, page = g.Do(c, "GET", base+"/accounts", nil)
	if status != http.StatusOK {
		t.Fatalf("GET accounts: %d", status)
	}
	for _, want := range []string{"роль надано", "роль забрано", "вимкнено", "увімкнено", "сеанси завершено", "увійшов за запрошенням", fmt.Sprintf(`id="account-%d"`, id)} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	// A role that needs a passkey comes by an invitation bound to the account.
	status, _, page = g.post(c, account+"/roles", url.Values{"role": {"body-admin"}})
	code := made(t, status, page)
	g.Advance(2 * time.Second)
	auditor = g.Client()
	g.show(auditor, code)
	if status, header, _ := g.logIn(auditor, "main", "/"); status != http.StatusSeeOther || !strings.HasPrefix(header.Get("Location"), "/account/passkeys/new") {
		t.Errorf("%d %s, want the page of a first passkey", status, header.Get("Location"))
	}
	if n, err := CheckChanges(t.Context(), g.Server.Store); err != nil || n < 10 {
		t.Errorf("audit: %d lines, %v", n, err)
	}
}

func TestAccountsRefused(t *testing.T) {
	g := newRig(t)
	c, _ := g.secured("a1")
	admin := g.me(c)
	elsewhere := g.me(g.join("both", Invitation{Role: service.Auditor, Body: g.Ministry.EDRPOU}))
	g.join("both", Invitation{Role: service.Auditor, Body: g.Council.EDRPOU})
	stranger := g.me(g.join("council", Invitation{Role: service.Auditor, Body: g.Council.EDRPOU}))
	holder := g.Account("Пред'явник", service.Grant{Role: service.Holder, Body: g.Ministry.EDRPOU, Entitlement: 1})
	base := "/b/" + g.Ministry.EDRPOU + "/accounts/"
	for _, tt := range []struct {
		path string
		form url.Values
		want *service.Problem
	}{
		{fmt.Sprint(stranger, "/roles"), url.Values{"role": {"auditor"}}, service.UnknownAccount},
		{fmt.Sprint(stranger, "/disable"), nil, service.UnknownAccount},
		{fmt.Sprint(stranger, "/sessions/end"), nil, service.UnknownAccount},
		{fmt.Sprint(stranger, "/passkeys/reset"), nil, service.UnknownAccount},
		{fmt.Sprint(holder, "/disable"), nil, service.UnknownAccount},
		{fmt.Sprint(holder, "/roles"), url.Values{"role": {"auditor"}}, service.UnknownAccount},
		{"0/disable", nil, service.UnknownAccount},
		{"-1/disable", nil, service.UnknownAccount},
		{"x/enable", nil, service.UnknownAccount},
		{"999/passkeys/reset", nil, service.UnknownAccount},
		{"x/passkeys/reset", nil, service.UnknownAccount},
		{fmt.Sprint(elsewhere, "/disable"), nil, OtherBody},
		{fmt.Sprint(elsewhere, "/passkeys/reset"), nil, OtherBody},
		{fmt.Sprint(elsewhere, "/roles/end"), url.Values{"role": {"registrar"}}, service.UnknownAccount},
		{fmt.Sprint(elsewhere, "/roles/end"), url.Values{"role": {"holder"}}, service.WrongGrant},
		{fmt.Sprint(elsewhere, "/roles"), url.Values{"role": {"trust-operator"}}, service.WrongGrant},
		{fmt.Sprint(admin, "/disable"), nil, service.LastAdmin},
		{fmt.Sprint(admin, "/roles/end"), url.Values{"role": {"body-admin"}}, service.LastAdmin},
	} {
		_, _, body := g.post(c, base+tt.path, tt.form)
		wantCode(t, tt.path, body, tt.want)
	}
	for _, path := range []string{"/b/" + g.Ministry.EDRPOU + "/account-invitations/99/end", "/b/" + g.Ministry.EDRPOU + "/account-invitations/x/end", "/b/" + g.Ministry.EDRPOU + "/account-invitations/1/end"} {
		_, _, body := g.post(c, path, nil)
		wantCode(t, path, body, WrongInvitation)
	}
	// Another body's administrator, an auditor, and one whose passkey was proven too long ago.
	for _, p := range []service.Principal{g.Role(service.BodyAdmin, g.Council), g.Role(service.Auditor, g.Ministry), g.Role(service.Registrar, g.Ministry), g.Role(service.TrustOperator, nil), {}} {
		x := g.As(p)
		if status, _, body := g.Do(x, "GET", "/b/"+g.Ministry.EDRPOU+"/accounts", nil, "Accept", jsonType); status == http.StatusOK {
			t.Errorf("%v: %d %s, want it refused", p.Grants, status, problemCode(body))
		}
	}
	g.Advance(service.SecondFactorTerm)
	_, _, body := g.post(c, base+fmt.Sprint(elsewhere, "/roles"), url.Values{"role": {"checkpoint-operator"}})
	wantCode(t, "proof too old", body, service.SecondFactor)
}

func TestInvitationWithdrawn(t *testing.T) {
	g := newRig(t)
	c, _ := g.secured("a1")
	base := "/b/" + g.Ministry.EDRPOU
	status, _, page := g.post(c, base+"/account-invitations", url.Values{"role": {"auditor"}})
	code := made(t, status, page)
	guest := g.Client()
	g.show(guest, code)
	var id int64
	g.view(func(tx *store.ServiceTx) error { return tx.Row("SELECT max(id) FROM invitations", nil, &id) })
	if status, _, body := g.post(c, fmt.Sprintf("%s/account-invitations/%d/end", base, id), nil); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	_, body := g.show(g.Client(), code)
	wantCode(t, "shown after", body, WrongInvitation)
	g.provider.subject = "u1"
	_, _, body = g.logIn(guest, "main", "/")
	wantCode(t, "shown before", body, WrongInvitation)
}

// stay keeps the ministry an administrator, so that others may go.
func stay(g *rig) {
	g.Account("Хтось", service.Grant{Role: service.BodyAdmin, Body: g.Ministry.EDRPOU})
}

// TestInvitationOfAFormerAdministrator: what an administrator made before losing the role gives none.
func TestInvitationOfAFormerAdministrator(t *testing.T) {
	g := newRig(t)
	for name, change := range map[string]func(tx *store.ServiceTx, id int64) error{
		"disabled": func(tx *store.ServiceTx, id int64) error { return service.SetDisabled(tx, id, true) },
		"without role": func(tx *store.ServiceTx, id int64) error {
			return service.RemoveGrant(tx, id, service.Grant{Role: service.BodyAdmin, Body: g.Ministry.EDRPOU})
		},
	} {
		stay(g)
		c, _ := g.secured("goes " + name)
		status, _, page := g.post(c, "/b/"+g.Ministry.EDRPOU+"/account-invitations", url.Values{"role": {"body-admin"}})
		code, guest, id := made(t, status, page), g.Client(), g.me(c)
		g.show(guest, code)
		g.update(func(tx *store.ServiceTx) error { return change(tx, id) })
		g.provider.subject = "guest"
		_, _, body := g.logIn(guest, "main", "/")
		wantCode(t, name, body, WrongInvitation)
		g.wantNobody(guest)
	}
}

// TestPasskeysReset: an administrator takes passkeys away, with an entry in the audit; only that account may add one again.
func TestPasskeysReset(t *testing.T) {
	g := newRig(t)
	c, _ := g.secured("a1")
	lost, d := g.secured("a2")
	id := g.me(lost)
	status, _, page := g.post(c, fmt.Sprintf("/b/%s/accounts/%d/passkeys/reset", g.Ministry.EDRPOU, id), nil)
	code := made(t, status, page)
	g.wantNobody(lost)
	g.Advance(2 * time.Second)
	lost = g.Client()
	g.provider.subject = "a2"
	g.logIn(lost, "main", "/")
	_, body := g.prove(lost, d)
	wantCode(t, "old passkey", body, PasskeyFailed)
	_, body = g.add(lost, newDevice())
	wantCode(t, "first passkey without the invitation", body, EnrolClosed)
	thief := g.Client()
	g.show(thief, code)
	g.provider.subject = "thief"
	_, _, body = g.logIn(thief, "main", "/")
	wantCode(t, "thief", body, WrongInvitation)
	lost = g.Client()
	g.show(lost, code)
	g.provider.subject = "a2"
	g.logIn(lost, "main", "/")
	if status, body := g.add(lost, newDevice()); status != http.StatusOK {
		t.Errorf("%d %s, want 200", status, body)
	}
	_, _, page = g.Do(c, "GET", "/b/"+g.Ministry.EDRPOU+"/accounts", nil)
	if !strings.Contains(string(page), "ключі доступу скинуто: 1") {
		t.Error("the audit does not show the reset")
	}
}

func TestLogOutEverywhere(t *testing.T) {
	g := newRig(t)
	one := g.join("a1", g.admin())
	two := g.Client()
	g.logIn(two, "main", "/")
	other, _ := g.secured("a2")
	if status, _, body := g.post(two, "/account/sessions/end", nil); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	g.wantNobody(one)
	g.wantNobody(two)
	g.wantFresh(other, true)
	g.Advance(2 * time.Second)
	g.provider.subject = "a1"
	if status, _, body := g.logIn(one, "main", "/"); status != http.StatusSeeOther || g.me(one) == 0 {
		t.Errorf("%d %s, want in again", status, body)
	}
	if status, header, _ := g.post(one, "/logout", nil); status != http.StatusSeeOther || header.Get("Location") != "/login" {
		t.Errorf("log-out: %d %s", status, header.Get("Location"))
	}
	g.wantNobody(one)
}

// TestChangesAreChained: a line that was changed, removed or moved shows.
func TestChangesAreChained(t *testing.T) {
	for name, q := range map[string]string{
		"changed role":    "UPDATE account_changes SET role = 'auditor' WHERE seq = 2",
		"changed account": "UPDATE account_changes SET account = 9 WHERE seq = 2",
		"changed time":    "UPDATE account_changes SET at = at + 1 WHERE seq = 1",
		"removed":         "DELETE FROM account_changes WHERE seq = 2",
		"first removed":   "DELETE FROM account_changes WHERE seq = 1",
		"moved":           "UPDATE account_changes SET seq = seq + 10 WHERE seq > 1",
		"texts shifted":   "UPDATE account_changes SET what = what || substr(role, 1, 1), role = substr(role, 2) WHERE seq = 2",
	} {
		t.Run(name, func(t *testing.T) {
			w := servicetest.New(t)
			for range 3 {
				if _, err := NewInvitation(t.Context(), w.Server.Store, Invitation{Role: service.BodyAdmin, Body: w.Ministry.EDRPOU}, w.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if n, err := CheckChanges(t.Context(), w.Server.Store); err != nil || n != 3 {
				t.Fatalf("%d lines, %v, want 3", n, err)
			}
			err := w.Server.Store.Update(context.Background(), func(tx *store.ServiceTx) error {
				n, err := tx.Exec(q)
				if err == nil && n == 0 {
					err = errors.New("nothing changed")
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := CheckChanges(t.Context(), w.Server.Store); !errors.Is(err, ErrChanges) {
				t.Errorf("%d lines, %v, want %v", n, err, ErrChanges)
			}
		})
	}
}

func TestWaitingAccountsAreForgotten(t *testing.T) {
	g := newRig(t)
	p := &part{Server: g.Server}
	g.provider.subject = "waits"
	g.logIn(g.Client(), "main", "/")
	g.join("stays", Invitation{Role: service.Auditor, Body: g.Ministry.EDRPOU})
	if err := p.sweep(t.Context(), g.Now().Add(WaitingTerm-time.Minute)); err != nil || g.accounts() != 2 {
		t.Errorf("before the term: %v, %d accounts, want 2", err, g.accounts())
	}
	if err := p.sweep(t.Context(), g.Now().Add(WaitingTerm+time.Minute)); err != nil || g.accounts() != 1 {
		t.Errorf("after the term: %v, %d accounts, want 1", err, g.accounts())
	}
}

// TestNobodyIsNamed: neither the log nor the file of the service holds a name, a subject or a code.
func TestNobodyIsNamed(t *testing.T) {
	dir := ""
	w := servicetest.New(t)
	g := newRigOf(t, w)
	code := g.invitation(g.admin())
	c := g.Client()
	g.show(c, code)
	g.logIn(c, "main", "/")
	d := newDevice()
	if status, body := g.add(c, d); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	g.provider.claims = with(map[string]any{"nonce": "x"})
	g.logIn(g.Client(), "main", "/")
	g.provider.claims = nil
	g.post(c, "/account/passkeys/1/name", url.Values{"name": {"Таємна назва"}})
	g.Do(c, "GET", "/b/"+g.Ministry.EDRPOU+"/accounts", nil)
	hidden := []string{testSubject, testName, "Канаркова", code, "Таємна назва", testSecret, string(d.key.ID)}
	for _, text := range hidden {
		if strings.Contains(w.Logs.String(), text) {
			t.Errorf("the log holds %q", text)
		}
	}
	if !strings.Contains(w.Logs.String(), LogInFailed.Code) {
		t.Error("the log does not tell of the refused log-in")
	}
	dir = filepath.Dir(w.Ministry.Folder)
	for dir != "/" {
		if _, err := os.Stat(filepath.Join(dir, "service.db")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	names, err := filepath.Glob(filepath.Join(dir, "service.db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no service.db: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range hidden {
			if strings.Contains(string(data), text) {
				t.Errorf("%s holds %q", filepath.Base(name), text)
			}
		}
	}
}

func FuzzInvitationCode(f *testing.F) {
	for _, s := range []string{"", "0123456789ABCDEFGHJKMNPQRSTVWXYZ", strings.Repeat("0", 33), "oil-", "0123 4567-89ab"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code := readCode(s)
		if code == "" {
			return
		}
		if len(code) != 32 || readCode(code) != code {
			t.Fatalf("%q became %q", s, code)
		}
	})
}
