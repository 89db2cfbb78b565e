package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// devHolders is how many holders of each body the page for development offers.
const devHolders = 3

// devOffice behind a choice leads a holder to Дія.Офіс.
const devOffice = "+office"

// devAccount is one account that the page for development offers.
type devAccount struct {
	ID           string // names the choice; it says nothing that the server does not check
	Role, RoleEN string
	Name         string
	Body         string // of its group
	grant        service.Grant
}

var roleNames = map[service.Role][2]string{
	service.Registrar:          {"Кадровик (реєстратор)", "Registrar"},
	service.Approver:           {"Другий підписувач", "Approver"},
	service.BodyAdmin:          {"Адміністратор органу", "Body administrator"},
	service.Auditor:            {"Аудитор", "Auditor"},
	service.CheckpointOperator: {"Оператор пункту пропуску", "Checkpoint operator"},
	service.OfficeEditor:       {"Редактор Дія.Офісу", "Office editor"},
	service.TrustOperator:      {"Технічний адміністратор", "Trust operator"},
	service.Holder:             {"Пред'явник", "Holder"},
}

// devAccounts lists who may be chosen: the operators of each body's register, one account for each other role, and some holders.
func (p *part) devAccounts(ctx context.Context) ([]devAccount, error) {
	add := func(list []devAccount, g service.Grant, body, name string) []devAccount {
		names := roleNames[g.Role]
		id := string(g.Role) + "." + g.Body + "." + strconv.FormatInt(max(g.Operator, g.Entitlement), 10)
		return append(list, devAccount{id, names[0], names[1], name, body, g})
	}
	list := add(nil, service.Grant{Role: service.TrustOperator}, "", "")
	for _, b := range p.Bodies {
		ops, err := b.Register.Operators(ctx)
		if err != nil {
			return nil, err
		}
		for _, role := range []service.Role{service.Registrar, service.Approver} {
			want := issuer.RoleRegistrar
			if role == service.Approver {
				want = issuer.RoleApprover
			}
			for _, o := range ops {
				if o.Active() && o.Roles.Has(want) {
					list = add(list, service.Grant{Role: role, Body: b.EDRPOU, Operator: o.ID}, b.Name, o.Name)
				}
			}
		}
		for _, role := range []service.Role{service.BodyAdmin, service.Auditor, service.CheckpointOperator, service.OfficeEditor} {
			list = add(list, service.Grant{Role: role, Body: b.EDRPOU}, b.Name, "")
		}
		people, err := b.Register.Standings(ctx, p.Now())
		if err != nil {
			return nil, err
		}
		holders := 0
		for _, s := range people {
			if s.ID.State == issuer.StateIssued && holders < devHolders {
				holders++
				list = add(list, service.Grant{Role: service.Holder, Body: b.EDRPOU, Entitlement: s.Entitlement}, b.Name, s.Record.GivenName+" "+s.Record.Surname)
			}
		}
	}
	return list, nil
}

// ofThisMachine tells whether a request was made on this machine: the service listens there alone, but a reverse proxy beside it
// would bring everybody's.
func ofThisMachine(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"} {
		if len(r.Header.Values(name)) > 0 {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

func (p *part) devPage(w http.ResponseWriter, r *http.Request) error {
	if !ofThisMachine(r) {
		return service.NotFound
	}
	list, err := p.devAccounts(r.Context())
	if err != nil {
		return err
	}
	type group struct {
		Body     string
		Accounts []devAccount
	}
	var groups []group
	for _, a := range list {
		if n := len(groups); n == 0 || groups[n-1].Body != a.Body {
			groups = append(groups, group{Body: a.Body})
		}
		g := &groups[len(groups)-1]
		g.Accounts = append(g.Accounts, a)
	}
	return p.Render(w, r, http.StatusOK, "login-dev", struct {
		Groups []group
		Return string
	}{groups, safeReturn(r.URL.Query().Get("return"))})
}

// devLogIn logs in as an account that was chosen. It counts as a passkey too: nothing here proves who the person is anyway.
func (p *part) devLogIn(w http.ResponseWriter, r *http.Request) error {
	if !ofThisMachine(r) {
		return service.NotFound
	}
	ctx, now := r.Context(), p.Now()
	list, err := p.devAccounts(ctx)
	if err != nil {
		return err
	}
	var chosen *devAccount
	as, inOffice := strings.CutSuffix(r.PostFormValue("as"), devOffice)
	for i := range list {
		if list[i].ID == as {
			chosen = &list[i]
		}
	}
	if chosen == nil {
		return service.BadRequest.Because(errors.New("auth: dev: no such choice"))
	}
	subject, err := service.SubjectOf(p.Store, "dev", chosen.ID)
	if err != nil {
		return err
	}
	name := chosen.Name
	if name == "" {
		name = chosen.Role
	}
	var id int64
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		a, err := service.FindAccount(tx, subject)
		if is(err, service.UnknownAccount) {
			a.ID, err = service.MakeAccount(tx, subject, cleanName(name), now)
		}
		if err != nil {
			return err
		}
		if a.Disabled {
			return failed("dev: account %d is disabled", a.ID)
		}
		id = a.ID
		return service.AddGrant(tx, id, chosen.grant)
	})
	if err != nil {
		return fmt.Errorf("auth: dev: %w", err)
	}
	if err := p.LogIn(ctx, id); err != nil {
		return err
	}
	if err := p.ProveSecondFactor(ctx); err != nil {
		return err
	}
	to := safeReturn(r.PostFormValue("return"))
	if to == "/" {
		to = home([]service.Grant{chosen.grant})
		if inOffice && chosen.grant.Role == service.Holder {
			to = "/office/"
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
