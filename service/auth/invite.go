package auth

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Invitation is what one log-in is invited to.
type Invitation struct {
	Role     service.Role // empty: only to enrol a first passkey again
	Body     string       // ЄДРПОУ; empty for the trust operator and for a passkey
	Operator int64        // of a registrar or approver: number in the body's register
	Account  int64        // the only account that may use it; 0: whoever logs in with it first
	By       int64        // account that made it; 0: a command on the host
}

// codeAlphabet has no letter that a person takes for a digit (Crockford's base 32).
var codeAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// codeBytes is 160 random bits: 32 characters.
const codeBytes = 20

// NewInvitation stores an invitation and answers its code, which cannot be had again. What it invites to has been checked by
// the caller. Errors: WrongGrant, UnknownAccount, and of the store.
func NewInvitation(ctx context.Context, s *store.Service, v Invitation, at time.Time) (code string, err error) {
	err = s.Update(ctx, func(tx *store.ServiceTx) error {
		code, _, err = makeInvitation(tx, s, v, at)
		return err
	})
	return code, err
}

func makeInvitation(tx *store.ServiceTx, s *store.Service, v Invitation, at time.Time) (code string, id int64, err error) {
	switch {
	case v.Role == service.Holder, v.Role != "" && !slices.Contains(service.Roles(), v.Role):
		return "", 0, service.WrongGrant.Because(fmt.Errorf("auth: invitation to role %q", v.Role))
	case v.Role == "" && v.Account == 0:
		return "", 0, service.WrongGrant.Because(errors.New("auth: invitation to no role for nobody"))
	case (v.Role == service.TrustOperator || v.Role == "") != (v.Body == ""):
		return "", 0, service.WrongGrant.Because(fmt.Errorf("auth: invitation to role %q, body %q", v.Role, v.Body))
	case v.Operator < 0, v.Operator > 0 && v.Role != service.Registrar && v.Role != service.Approver:
		return "", 0, service.WrongGrant.Because(fmt.Errorf("auth: invitation to role %q with operator %d", v.Role, v.Operator))
	}
	if v.Account != 0 {
		if _, err := service.ReadAccount(tx, v.Account); err != nil {
			return "", 0, err
		}
	}
	var random [codeBytes]byte
	rand.Read(random[:]) // never fails
	code = codeAlphabet.EncodeToString(random[:])
	token, err := invitationToken(s, code)
	if err != nil {
		return "", 0, err
	}
	id, err = tx.Insert(`INSERT INTO invitations (token, role, body, operator, account, made_by, made, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		token[:], string(v.Role), v.Body, v.Operator, v.Account, v.By, at.Unix(), at.Add(InvitationTerm).Unix())
	if err != nil {
		return "", 0, err
	}
	what := changeInvited
	if v.Role == "" {
		what = changePasskeyInvited
	}
	return code, id, record(tx, s, change{At: at, By: v.By, Account: v.Account, What: what, Role: v.Role, Body: v.Body, Number: id})
}

func invitationToken(s *store.Service, code string) ([32]byte, error) {
	return s.MAC("invitation", []byte(code))
}

// readCode is a code as people type it: lower case, spaces, hyphens, O for 0, I and L for 1. Empty when it is none.
func readCode(text string) string {
	if len(text) > 200 {
		return ""
	}
	text = strings.Map(func(c rune) rune {
		switch c {
		case ' ', '-', '\t', '\r', '\n':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return c
	}, strings.ToUpper(text))
	if raw, err := codeAlphabet.DecodeString(text); err != nil || len(raw) != codeBytes || len(text) != codeAlphabet.EncodedLen(codeBytes) {
		return ""
	}
	return text
}

// InvitationLink is the address that the invited person opens. The code stands behind #, so that it reaches no server and no log
// but the page's own form.
func InvitationLink(origin, code string) string { return origin + "/login/invitation#" + code }

func (p *part) invitationPage(w http.ResponseWriter, r *http.Request) error {
	return p.Render(w, r, http.StatusOK, "login-invitation", nil)
}

// takeInvitation remembers in the session the invitation whose code was typed.
func (p *part) takeInvitation(w http.ResponseWriter, r *http.Request) error {
	ctx, now := r.Context(), p.Now()
	if err := p.Guess(r); err != nil {
		return err
	}
	code := readCode(r.PostFormValue("code"))
	if code == "" {
		return WrongInvitation.Because(errors.New("auth: invitation: not a code"))
	}
	token, err := invitationToken(p.Store, code)
	if err != nil {
		return err
	}
	var id int64
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		return tx.Row("SELECT id FROM invitations WHERE token = $1 AND used = 0 AND ended = 0 AND expires > $2", []any{token[:], now.Unix()}, &id)
	})
	if errors.Is(err, store.ErrNotFound) {
		return WrongInvitation.Because(err)
	}
	if err != nil {
		return err
	}
	data, err := json.Marshal(invited{id, now.Add(FlowTerm).Unix()})
	if err != nil {
		return fmt.Errorf("auth: invitation: %w", err)
	}
	p.Sessions.Put(ctx, keyInvited, data)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// useInvitation gives an account what an invitation invites to and uses it up. passkey tells that a first passkey may follow.
func (p *part) useInvitation(ctx context.Context, tx *store.ServiceTx, id, account int64, at time.Time) (passkey bool, err error) {
	v := Invitation{}
	var role string
	err = tx.Row("SELECT role, body, operator, account, made_by FROM invitations WHERE id = $1 AND used = 0 AND ended = 0 AND expires > $2",
		[]any{id, at.Unix()}, &role, &v.Body, &v.Operator, &v.Account, &v.By)
	if errors.Is(err, store.ErrNotFound) {
		return false, WrongInvitation.Because(err)
	}
	if err != nil {
		return false, err
	}
	v.Role = service.Role(role)
	if v.Account != 0 && v.Account != account {
		return false, WrongInvitation.Because(errors.New("auth: invitation is another account's"))
	}
	if err := stillInvites(tx, v); err != nil {
		return false, err
	}
	if err := tx.Exec1("UPDATE invitations SET used = $2, used_by = $3 WHERE id = $1 AND used = 0", id, at.Unix(), account); err != nil {
		return false, WrongInvitation.Because(err)
	}
	if v.Role != "" {
		if err := p.checkOperator(ctx, tx, v, account); err != nil {
			return false, err
		}
		if err := service.AddGrant(tx, account, service.Grant{Role: v.Role, Body: v.Body, Operator: v.Operator}); err != nil {
			return false, err
		}
	}
	return true, record(tx, p.Store, change{At: at, By: account, Account: account, What: changeJoined, Role: v.Role, Body: v.Body, Number: id})
}

// stillInvites refuses an invitation whose maker may make it no longer.
func stillInvites(tx *store.ServiceTx, v Invitation) error {
	if v.By == 0 {
		return nil
	}
	maker, err := service.ReadAccount(tx, v.By)
	if err != nil {
		return err
	}
	admin := slices.ContainsFunc(maker.Grants, func(g service.Grant) bool { return g.Role == service.BodyAdmin && (g.Body == v.Body || v.Body == "") })
	if maker.Disabled || !admin {
		return WrongInvitation.Because(fmt.Errorf("auth: invitation of account %d, which is no administrator now", v.By))
	}
	return nil
}

// checkOperator refuses an operator whom the body's register does not know in that role, one that another account is already, and a
// second one for one account: who approves is not who wrote. Number 0 is nobody: such an account signs nothing. Error: WrongOperator.
func (p *part) checkOperator(ctx context.Context, tx *store.ServiceTx, v Invitation, account int64) error {
	if v.Operator == 0 {
		return nil
	}
	body, err := p.Body(v.Body)
	if err != nil {
		return err
	}
	if err := CheckOperator(ctx, body.Register, v.Role, v.Operator); err != nil {
		return err
	}
	var other int64
	err = tx.Row("SELECT operator FROM grants WHERE account = $1 AND body = $2 AND operator <> 0 AND operator <> $3 AND role <> $4",
		[]any{account, v.Body, v.Operator, string(v.Role)}, &other)
	switch {
	case err == nil:
		return WrongOperator.Because(fmt.Errorf("auth: account %d is operator %d of the body already", account, other))
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	return operatorFree(tx, v.Body, v.Operator, account)
}

// operatorFree refuses an operator that another account, which can log in, is already. Error: WrongOperator.
func operatorFree(tx *store.ServiceTx, body string, operator, account int64) error {
	if operator == 0 {
		return nil
	}
	var other int64
	err := tx.Row("SELECT account FROM grants JOIN accounts ON accounts.id = grants.account WHERE body = $1 AND operator = $2 AND account <> $3 AND disabled = 0",
		[]any{body, operator, account}, &other)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return WrongOperator.Because(fmt.Errorf("auth: operator %d is account %d's", operator, other))
}

// CheckOperator refuses an operator whom a body's register does not know as an active registrar or approver. Error: WrongOperator.
func CheckOperator(ctx context.Context, register *issuer.Register, role service.Role, operator int64) error {
	want := issuer.RoleRegistrar
	if role == service.Approver {
		want = issuer.RoleApprover
	}
	ops, err := register.Operators(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(ops, func(o issuer.Operator) bool { return o.ID == operator })
	if i < 0 || !ops[i].Active() || !ops[i].Roles.Has(want) {
		return WrongOperator.Because(fmt.Errorf("auth: operator %d is not an active %s", operator, want))
	}
	return nil
}

// ResetPasskeys takes all passkeys of an account away, ends its sessions, and answers the code of an invitation with which that
// account, and no other, may add a first one again. by is the account that does it, 0 a command on the host. Error: UnknownAccount.
func ResetPasskeys(ctx context.Context, s *store.Service, account, by int64, at time.Time) (code string, err error) {
	err = s.Update(ctx, func(tx *store.ServiceTx) error {
		if err := dropPasskeys(tx, s, account, by, "", at); err != nil {
			return err
		}
		code, _, err = makeInvitation(tx, s, Invitation{Account: account, By: by}, at)
		return err
	})
	return code, err
}

func dropPasskeys(tx *store.ServiceTx, s *store.Service, account, by int64, body string, at time.Time) error {
	n, err := tx.Exec("DELETE FROM passkeys WHERE account = $1", account)
	if err != nil {
		return err
	}
	if err := service.EndSessions(tx, account, at.Add(time.Second)); err != nil {
		return err
	}
	return record(tx, s, change{At: at, By: by, Account: account, What: changePasskeysReset, Body: body, Number: n})
}
