// Package auth is the log-in of the web service: identity providers (OpenID Connect, id.gov.ua), passkeys as second factor, who
// has which role, and a log-in for development that exists nowhere else.
//
// Nobody gets a role by logging in: a role comes from an invitation, or, for a holder, from the body's own register.
// docs/spec/login.md has the rules.
package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Terms of log-in (docs/spec/login.md).
const (
	FlowTerm       = 10 * time.Minute    // from leaving for a provider to coming back
	EnrolTerm      = 5 * time.Minute     // from a log-in by invitation to the first passkey
	InvitationTerm = 3 * 24 * time.Hour  // of an invitation
	WaitingTerm    = 30 * 24 * time.Hour // of an account that got no role
	CeremonyTerm   = 5 * time.Minute     // of one passkey ceremony
)

// Problems of log-in. There is one for every way in which a log-in can fail, so that nobody learns which account there is.
var (
	LogInFailed = service.NewProblem(http.StatusForbidden, "log-in-failed", "Увійти не вдалося.", "You could not be logged in.",
		"Почніть вхід спочатку.", "Start the log-in again.")
	ProviderDown = service.NewProblem(http.StatusBadGateway, "provider-down", "Служба входу не відповідає.", "The identity provider does not answer.",
		"Повторіть за кілька хвилин.", "Try again in a few minutes.")
	WrongInvitation = service.NewProblem(http.StatusForbidden, "wrong-invitation", "Запрошення не діє.", "The invitation is not valid.",
		"Попросіть адміністратора органу про нове.", "Ask the administrator of the body for a new one.")
	PasskeyFailed = service.NewProblem(http.StatusForbidden, "passkey-failed", "Ключ доступу не підтверджено.", "The passkey was not confirmed.",
		"Повторіть; якщо не допоможе, візьміть інший ключ.", "Try again; if that fails, use another passkey.")
	PasskeyCloned = service.NewProblem(http.StatusForbidden, "passkey-cloned", "Цей ключ доступу, схоже, скопійовано.", "This passkey seems to have been copied.",
		"Увійдіть іншим ключем і вилучіть цей; скажіть адміністраторові органу.", "Use another passkey and remove this one; tell the administrator of the body.")
	EnrolClosed = service.NewProblem(http.StatusForbidden, "enrol-closed", "Додати перший ключ доступу зараз не можна.", "A first passkey cannot be added now.",
		"Увійдіть за запрошенням і додайте ключ одразу після входу.", "Log in with an invitation and add the passkey right after that.")
	LastPasskey = service.NewProblem(http.StatusConflict, "last-passkey", "Це останній ключ доступу, а роль його потребує.", "This is the last passkey, and a role needs one.",
		"Спершу додайте інший ключ.", "Add another passkey first.")
	ManyPasskeys = service.NewProblem(http.StatusConflict, "many-passkeys", "Ключів доступу вже десять.", "There are ten passkeys already.",
		"Вилучіть непотрібний.", "Remove one that you do not need.")
	UnknownPasskey = service.NewProblem(http.StatusNotFound, "unknown-passkey", "Такого ключа доступу немає.", "There is no such passkey.",
		"Оновіть сторінку.", "Load the page again.")
	WrongOperator = service.NewProblem(http.StatusUnprocessableEntity, "wrong-operator", "Такого підписувача надати не можна.", "This operator cannot be given.",
		"Перевірте номер підписувача і його роль у реєстрі органу.", "Check the operator's number and role in the body's register.")
	OtherBody = service.NewProblem(http.StatusConflict, "other-body", "Запис має ролі в іншому органі.", "The account has roles elsewhere.",
		"Нехай це зробить технічний адміністратор на сервері.", "The trust operator has to do this on the host.")
)

// Config is what log-in is made of. The zero Config lets nobody in, but with --dev.
type Config struct {
	Providers []Provider // OpenID Connect
	IDGovUA   *IDGovUA   // nil: no log-in by id.gov.ua
}

// part is the mounted part.
type part struct {
	*service.Server
	oidc    []*relyingParty
	idgovua *idGovUA
	keys    *webauthn.WebAuthn
}

// Mount adds the part's routes and jobs. Error: what is wrong with the configuration.
func Mount(s *service.Server, c Config) error {
	p := &part{Server: s}
	if err := p.newPasskeys(); err != nil {
		return err
	}
	public := service.Access{Public: true}
	s.Page("GET /login", public, p.loginPage)
	s.Page("POST /logout", public, p.logout)
	s.Page("GET /login/waiting", public, p.waitingPage)
	s.Page("GET /login/invitation", public, p.invitationPage)
	s.Page("POST /login/invitation", public, p.takeInvitation)
	if err := p.mountOIDC(c.Providers); err != nil {
		return err
	}
	if err := p.mountIDGovUA(c.IDGovUA); err != nil {
		return err
	}
	p.mountPasskeys()
	p.mountAccounts()
	if s.Dev {
		s.Page("GET /login/dev", public, p.devPage)
		s.Page("POST /login/dev", public, p.devLogIn)
	}
	s.Every("auth-sweep", time.Hour, p.sweep)
	return nil
}

// anybody is who has a role; a person who waits for one has none.
func anybody(second bool) service.Access {
	return service.Access{Roles: service.Roles(), SecondFactor: second}
}

// account is the number of the account behind a request. Error: NotLoggedIn.
func account(r *http.Request) (int64, error) {
	p := service.PrincipalOf(r.Context())
	if p.Kind != service.Account || p.Account == 0 {
		return 0, service.NotLoggedIn
	}
	return p.Account, nil
}

// needsPasskey tells whether a role works only with a second factor.
func needsPasskey(r service.Role) bool {
	switch r {
	case service.Registrar, service.Approver, service.BodyAdmin, service.TrustOperator:
		return true
	}
	return false
}

func anyNeedsPasskey(grants []service.Grant) bool {
	for _, g := range grants {
		if needsPasskey(g.Role) {
			return true
		}
	}
	return false
}

// maxReturn bounds an address to come back to, in bytes, as it is asked for and as it is answered.
const maxReturn = 512

// safeReturn is where a log-in may lead: a path of this service, "/" for everything else.
func safeReturn(to string) string {
	if len(to) > maxReturn || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\x7f") {
		return "/"
	}
	for _, c := range to {
		if c <= ' ' {
			return "/"
		}
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil {
		return "/"
	}
	path := u.EscapedPath()
	if strings.HasPrefix(path, "//") || strings.HasPrefix(path, "/login") || strings.HasPrefix(path, "/logout") || strings.HasPrefix(path, "/api/") {
		return "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if len(path) > maxReturn { // escaping makes one byte three
		return "/"
	}
	return path
}

func (p *part) logout(w http.ResponseWriter, r *http.Request) error {
	if err := p.LogOut(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// sweep forgets what has run out: accounts that got no role, and invitations long past.
func (p *part) sweep(ctx context.Context, at time.Time) error {
	return p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		if _, err := tx.Exec(sqlForgetPasskeys, at.Add(-WaitingTerm).Unix()); err != nil {
			return fmt.Errorf("auth: sweep: %w", err)
		}
		if _, err := tx.Exec(sqlForgetAccounts, at.Add(-WaitingTerm).Unix()); err != nil {
			return fmt.Errorf("auth: sweep: %w", err)
		}
		if _, err := tx.Exec(sqlForgetInvitations, at.Add(-WaitingTerm).Unix()); err != nil {
			return fmt.Errorf("auth: sweep: %w", err)
		}
		return nil
	})
}

// An account that lost its last role stays, since audit entries name it; one that never had any is forgotten.
const (
	sqlForgetPasskeys = `DELETE FROM passkeys WHERE account IN (SELECT id FROM accounts WHERE made < $1
		AND NOT EXISTS (SELECT 1 FROM grants WHERE account = accounts.id)
		AND NOT EXISTS (SELECT 1 FROM account_changes c WHERE c.account = accounts.id OR c.by = accounts.id))`
	sqlForgetAccounts = `DELETE FROM accounts WHERE made < $1
		AND NOT EXISTS (SELECT 1 FROM grants WHERE account = accounts.id)
		AND NOT EXISTS (SELECT 1 FROM account_changes c WHERE c.account = accounts.id OR c.by = accounts.id)`
	sqlForgetInvitations = `DELETE FROM invitations WHERE expires < $1`
)

// failed is the one answer to a log-in that went wrong; the cause is for the log's code only.
func failed(format string, args ...any) error {
	return LogInFailed.Because(fmt.Errorf("auth: "+format, args...))
}

// is tells whether an error is a problem of that code, whatever caused it.
func is(err error, want *service.Problem) bool {
	var p *service.Problem
	return errors.As(err, &p) && p.Code == want.Code
}
