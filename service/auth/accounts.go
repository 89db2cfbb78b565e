package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// changesShown is how many lines of the account audit a page shows.
const changesShown = 100

// givenRoles are the roles that a body's administrator gives.
var givenRoles = []service.Role{service.Registrar, service.Approver, service.BodyAdmin, service.Auditor, service.CheckpointOperator, service.OfficeEditor}

func (p *part) mountAccounts() {
	p.Page("GET /account", anybody(false), p.accountPage)
	p.Page("POST /account/sessions/end", anybody(false), p.endOwnSessions)
	admin := service.Access{Roles: []service.Role{service.BodyAdmin}, SecondFactor: true}
	p.Page("GET /b/{edrpou}/accounts", admin, p.accountsPage)
	p.Page("POST /b/{edrpou}/account-invitations", admin, p.invite)
	p.Page("POST /b/{edrpou}/account-invitations/{id}/end", admin, p.endInvitation)
	p.Page("POST /b/{edrpou}/accounts/{id}/roles", admin, p.giveRole)
	p.Page("POST /b/{edrpou}/accounts/{id}/roles/end", admin, p.takeRole)
	p.Page("POST /b/{edrpou}/accounts/{id}/disable", admin, p.disable)
	p.Page("POST /b/{edrpou}/accounts/{id}/enable", admin, p.enable)
	p.Page("POST /b/{edrpou}/accounts/{id}/sessions/end", admin, p.endSessions)
	p.Page("POST /b/{edrpou}/accounts/{id}/passkeys/reset", admin, p.resetPasskeys)
}

// shownGrant is a role as the pages show it.
type shownGrant struct {
	Role         service.Role
	Name, NameEN string
	Body         string // ЄДРПОУ
	BodyName     string
	Operator     int64
	Entitlement  int64
}

func (p *part) show(g service.Grant) shownGrant {
	v := shownGrant{Role: g.Role, Name: roleNames[g.Role][0], NameEN: roleNames[g.Role][1], Body: g.Body, Operator: g.Operator, Entitlement: g.Entitlement}
	if b, err := p.Body(g.Body); err == nil {
		v.BodyName = b.Name
	}
	return v
}

type shownPasskey struct {
	ID                 int64
	Name               string
	Made, Used, Cloned string
}

func (p *part) accountPage(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	_, list, err := p.owner(ctx, id)
	if err != nil {
		return err
	}
	data := struct {
		Number   int64
		Grants   []shownGrant
		Passkeys []shownPasskey
		Since    string
		Fresh    bool
		Needed   bool
		Open     bool // a first passkey may be added now
	}{Number: id, Since: until(p.LoggedInAt(ctx)), Fresh: p.fresh(ctx), Open: len(list) == 0 && p.mayAdd(ctx, list) == nil}
	for _, g := range service.PrincipalOf(ctx).Grants {
		data.Grants = append(data.Grants, p.show(g))
		data.Needed = data.Needed || needsPasskey(g.Role)
	}
	for _, k := range list {
		v := shownPasskey{ID: k.ID, Name: k.Name, Made: until(k.Made)}
		if !k.Used.IsZero() {
			v.Used = until(k.Used)
		}
		if !k.Cloned.IsZero() {
			v.Cloned = until(k.Cloned)
		}
		data.Passkeys = append(data.Passkeys, v)
	}
	return p.Render(w, r, http.StatusOK, "account", data)
}

// endOwnSessions logs the caller out everywhere, here too.
func (p *part) endOwnSessions(w http.ResponseWriter, r *http.Request) error {
	id, err := account(r)
	if err != nil {
		return err
	}
	now := p.Now()
	err = p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		if err := service.EndSessions(tx, id, now.Add(time.Second)); err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: id, Account: id, What: changeSessions})
	})
	if err != nil {
		return err
	}
	return p.logout(w, r)
}

type shownAccount struct {
	ID       int64
	Name     string
	Made     string
	Disabled bool
	Passkeys int
	Grants   []shownGrant
	Mine     bool
	Free     []shownGrant // roles it could be given
	Others   bool         // it has roles elsewhere too
}

type shownInvitation struct {
	ID      int64
	Role    shownGrant
	Account int64
	Until   string
}

type shownChange struct {
	At           string
	By, Account  int64
	What         string
	Role, RoleEN string
	Number       int64
}

type accountsData struct {
	EDRPOU      string
	Accounts    []shownAccount
	Invitations []shownInvitation
	Changes     []shownChange
	Roles       []shownGrant
	Operators   []issuer.Operator
	Said        string
}

func (p *part) accountsPage(w http.ResponseWriter, r *http.Request) error {
	body, err := p.Body(r.PathValue("edrpou"))
	if err != nil {
		return err
	}
	ops, err := activeOperators(r.Context(), body)
	if err != nil {
		return err
	}
	me := service.PrincipalOf(r.Context()).Account
	data := accountsData{EDRPOU: body.EDRPOU, Operators: ops}
	for _, role := range givenRoles {
		data.Roles = append(data.Roles, p.show(service.Grant{Role: role}))
	}
	err = p.Store.View(r.Context(), func(tx *store.ServiceTx) error {
		list, err := service.ListAccounts(tx, body.EDRPOU)
		if err != nil {
			return err
		}
		for _, a := range list {
			v := shownAccount{ID: a.ID, Name: a.Name, Made: until(a.Made), Disabled: a.Disabled, Mine: a.ID == me}
			only := true
			for _, g := range a.Grants {
				if g.Body != body.EDRPOU {
					v.Others = true
					continue
				}
				only = only && g.Role == service.Holder
				v.Grants = append(v.Grants, p.show(g))
			}
			if only { // holders are people of the register, not of this page
				continue
			}
			for _, role := range givenRoles {
				if !slices.ContainsFunc(a.Grants, func(g service.Grant) bool { return g.Role == role && g.Body == body.EDRPOU }) {
					v.Free = append(v.Free, p.show(service.Grant{Role: role}))
				}
			}
			if v.Passkeys, err = countPasskeys(tx, a.ID); err != nil {
				return err
			}
			data.Accounts = append(data.Accounts, v)
		}
		if data.Invitations, err = p.openInvitations(tx, body.EDRPOU); err != nil {
			return err
		}
		changes, err := changesOf(tx, body.EDRPOU, changesShown)
		for _, c := range changes {
			names := roleNames[c.Role]
			data.Changes = append(data.Changes, shownChange{At: until(c.At), By: c.By, Account: c.Account, What: c.What, Role: names[0], RoleEN: names[1], Number: c.Number})
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.Render(w, r, http.StatusOK, "accounts", data)
}

func (p *part) openInvitations(tx *store.ServiceTx, body string) (list []shownInvitation, err error) {
	err = tx.Rows("SELECT id, role, operator, account, expires FROM invitations WHERE body = $1 AND used = 0 AND ended = 0 AND expires > $2 ORDER BY id",
		[]any{body, p.Now().Unix()}, func(scan func(...any) error) error {
			var v shownInvitation
			var role string
			var operator, expires int64
			if err := scan(&v.ID, &role, &operator, &v.Account, &expires); err != nil {
				return err
			}
			v.Role, v.Until = p.show(service.Grant{Role: service.Role(role), Body: body, Operator: operator}), until(time.Unix(expires, 0))
			list = append(list, v)
			return nil
		})
	return list, err
}

func activeOperators(ctx context.Context, b *service.Body) ([]issuer.Operator, error) {
	ops, err := b.Register.Operators(ctx)
	return slices.DeleteFunc(ops, func(o issuer.Operator) bool { return !o.Active() }), err
}

// wanted reads the role and the operator of a form.
func (p *part) wanted(r *http.Request, body string) (Invitation, error) {
	v := Invitation{Role: service.Role(r.PostFormValue("role")), Body: body, By: service.PrincipalOf(r.Context()).Account}
	if !slices.Contains(givenRoles, v.Role) {
		return v, service.WrongGrant.Because(errors.New("auth: role is not an administrator's to give"))
	}
	if text := r.PostFormValue("operator"); text != "" && (v.Role == service.Registrar || v.Role == service.Approver) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return v, WrongOperator.Because(errors.New("auth: operator is not a number"))
		}
		v.Operator = n
	}
	return v, nil
}

// invite makes an invitation and shows its link, once.
func (p *part) invite(w http.ResponseWriter, r *http.Request) error {
	v, err := p.wanted(r, r.PathValue("edrpou"))
	if err != nil {
		return err
	}
	return p.inviteTo(w, r, v, nil)
}

// inviteTo makes an invitation after first, in one transaction, and shows its link.
func (p *part) inviteTo(w http.ResponseWriter, r *http.Request, v Invitation, first func(*store.ServiceTx) error) error {
	ctx, now := r.Context(), p.Now()
	var code string
	err := p.Store.Update(ctx, func(tx *store.ServiceTx) (err error) {
		if first != nil {
			if err := first(tx); err != nil {
				return err
			}
		}
		if v.Role != "" {
			if err := p.checkOperator(ctx, tx, v, v.Account); err != nil {
				return err
			}
		}
		code, _, err = makeInvitation(tx, p.Store, v, now)
		return err
	})
	if err != nil {
		return err
	}
	var groups []string
	for rest := code; rest != ""; rest = rest[4:] {
		groups = append(groups, rest[:4])
	}
	return p.Render(w, r, http.StatusOK, "accounts-invitation", struct {
		EDRPOU, Link, Code, Until string
		Role                      shownGrant
		Account                   int64
	}{r.PathValue("edrpou"), InvitationLink(p.Origin, code), strings.Join(groups, "-"), until(now.Add(InvitationTerm)), p.show(service.Grant{Role: v.Role, Operator: v.Operator}), v.Account})
}

func (p *part) endInvitation(w http.ResponseWriter, r *http.Request) error {
	id, ok := pathID(r)
	if !ok {
		return WrongInvitation
	}
	body, now := r.PathValue("edrpou"), p.Now()
	err := p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		var role string
		err := tx.Row("SELECT role FROM invitations WHERE id = $1 AND body = $2 AND used = 0 AND ended = 0", []any{id, body}, &role)
		if errors.Is(err, store.ErrNotFound) {
			return WrongInvitation.Because(err)
		}
		if err != nil {
			return err
		}
		if err := tx.Exec1("UPDATE invitations SET ended = $2 WHERE id = $1", id, now.Unix()); err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: service.PrincipalOf(r.Context()).Account, What: changeEnded, Role: service.Role(role), Body: body, Number: id})
	})
	return p.back(w, r, err)
}

// back leads to the list of accounts after a change.
func (p *part) back(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+r.PathValue("edrpou")+"/accounts", http.StatusSeeOther)
	return nil
}

// member reads the account of a path, which must have a role of staff in the body.
func member(tx *store.ServiceTx, r *http.Request) (service.AccountInfo, error) {
	id, ok := pathID(r)
	if !ok {
		return service.AccountInfo{}, service.UnknownAccount
	}
	a, err := service.ReadAccount(tx, id)
	if err != nil {
		return a, err
	}
	if !slices.ContainsFunc(a.Grants, func(g service.Grant) bool { return g.Body == r.PathValue("edrpou") && g.Role != service.Holder }) {
		return a, service.UnknownAccount.Because(fmt.Errorf("auth: account %d is not of the body", id))
	}
	return a, nil
}

// onlyHere refuses an account that has a role of staff elsewhere: what happens to it as a whole is not one body's to decide.
func onlyHere(a service.AccountInfo, body string) error {
	for _, g := range a.Grants {
		if g.Body != body && g.Role != service.Holder {
			return OtherBody
		}
	}
	return nil
}

// giveRole gives a further role. An account without a passkey gets an invitation instead where the role needs one, since the
// first passkey is added only after a log-in by invitation.
func (p *part) giveRole(w http.ResponseWriter, r *http.Request) error {
	v, err := p.wanted(r, r.PathValue("edrpou"))
	if err != nil {
		return err
	}
	ctx, now := r.Context(), p.Now()
	byInvitation := false
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		a, err := member(tx, r)
		if err != nil {
			return err
		}
		v.Account = a.ID
		n, err := countPasskeys(tx, a.ID)
		if err != nil {
			return err
		}
		if byInvitation = n == 0 && needsPasskey(v.Role); byInvitation {
			return nil
		}
		if err := p.checkOperator(ctx, tx, v, a.ID); err != nil {
			return err
		}
		if err := service.AddGrant(tx, a.ID, service.Grant{Role: v.Role, Body: v.Body, Operator: v.Operator}); err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: v.By, Account: a.ID, What: changeGranted, Role: v.Role, Body: v.Body, Number: v.Operator})
	})
	if err == nil && byInvitation {
		return p.inviteTo(w, r, v, nil)
	}
	return p.back(w, r, err)
}

func (p *part) takeRole(w http.ResponseWriter, r *http.Request) error {
	role, body, now := service.Role(r.PostFormValue("role")), r.PathValue("edrpou"), p.Now()
	if !slices.Contains(givenRoles, role) {
		return service.WrongGrant.Because(errors.New("auth: role is not an administrator's to take"))
	}
	err := p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		a, err := member(tx, r)
		if err != nil {
			return err
		}
		if err := service.RemoveGrant(tx, a.ID, service.Grant{Role: role, Body: body}); err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: service.PrincipalOf(r.Context()).Account, Account: a.ID, What: changeTaken, Role: role, Body: body})
	})
	return p.back(w, r, err)
}

func (p *part) disable(w http.ResponseWriter, r *http.Request) error {
	return p.setDisabled(w, r, true)
}
func (p *part) enable(w http.ResponseWriter, r *http.Request) error {
	return p.setDisabled(w, r, false)
}

func (p *part) setDisabled(w http.ResponseWriter, r *http.Request, disabled bool) error {
	body, now, what := r.PathValue("edrpou"), p.Now(), changeEnabled
	if disabled {
		what = changeDisabled
	}
	err := p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		a, err := member(tx, r)
		if err != nil {
			return err
		}
		if err := onlyHere(a, body); err != nil {
			return err
		}
		for _, g := range a.Grants {
			if disabled {
				break
			}
			if err := operatorFree(tx, g.Body, g.Operator, a.ID); err != nil { // it went to somebody else meanwhile
				return err
			}
		}
		if err := service.SetDisabled(tx, a.ID, disabled); err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: service.PrincipalOf(r.Context()).Account, Account: a.ID, What: what, Body: body})
	})
	return p.back(w, r, err)
}

func (p *part) endSessions(w http.ResponseWriter, r *http.Request) error {
	body, now := r.PathValue("edrpou"), p.Now()
	err := p.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		a, err := member(tx, r)
		if err != nil {
			return err
		}
		if err := service.EndSessions(tx, a.ID, now.Add(time.Second)); err != nil {
			return err
		}
		return record(tx, p.Store, change{At: now, By: service.PrincipalOf(r.Context()).Account, Account: a.ID, What: changeSessions, Body: body})
	})
	return p.back(w, r, err)
}

// resetPasskeys takes all passkeys of an account away, ends its sessions, and makes an invitation with which that account, and no
// other, may add a first one again.
func (p *part) resetPasskeys(w http.ResponseWriter, r *http.Request) error {
	id, ok := pathID(r)
	if !ok {
		return service.UnknownAccount
	}
	body, now := r.PathValue("edrpou"), p.Now()
	by := service.PrincipalOf(r.Context()).Account
	return p.inviteTo(w, r, Invitation{Account: id, By: by}, func(tx *store.ServiceTx) error {
		a, err := member(tx, r)
		if err != nil {
			return err
		}
		if err := onlyHere(a, body); err != nil {
			return err
		}
		return dropPasskeys(tx, p.Store, a.ID, by, body, now)
	})
}
