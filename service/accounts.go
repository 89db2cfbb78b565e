package service

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/store"
)

// maxAccountName is the longest name of an account in bytes.
const maxAccountName = 200

// Problems of accounts.
var (
	LastAdmin = NewProblem(http.StatusConflict, "last-admin", "Це останній адміністратор.", "This is the last administrator.",
		"Спершу надайте цю роль іншій людині.", "Give this role to somebody else first.")
	UnknownAccount = NewProblem(http.StatusNotFound, "unknown-account", "Такого облікового запису немає.", "There is no such account.",
		"Перевірте перелік.", "Check the list.")
	AccountExists = NewProblem(http.StatusConflict, "account-exists", "Такий обліковий запис уже є.", "There is such an account already.",
		"Знайдіть його в переліку.", "Find it in the list.")
	WrongGrant = NewProblem(http.StatusUnprocessableEntity, "wrong-grant", "Такої ролі надати не можна.", "Such a role cannot be given.",
		"Перевірте роль і орган.", "Check the role and the body.")
)

// AccountInfo is one account with what it may do.
type AccountInfo struct {
	ID       int64
	Name     string // shown to its owner and to administrators; never logged
	Made     time.Time
	Since    time.Time // sessions that began earlier count for nothing; zero: all count
	Disabled bool
	Grants   []Grant
}

// SubjectOf is the keyed hash by which an account is found: who vouches for it and what name that one gives.
func SubjectOf(v *store.Service, provider, subject string) ([32]byte, error) {
	return v.MAC("account subject", fmt.Appendf(nil, "%d:%s%s", len(provider), provider, subject))
}

// check refuses a grant that could never be used as meant.
func (g Grant) check() error {
	switch {
	case !slices.Contains(Roles(), g.Role):
		return WrongGrant.Because(fmt.Errorf("service: role %q is none", g.Role))
	case g.Role == TrustOperator && g.Body != "":
		return WrongGrant.Because(errors.New("service: the trust operator belongs to no body"))
	case g.Role != TrustOperator && !hr.ValidEDRPOU(g.Body):
		return WrongGrant.Because(fmt.Errorf("service: role %s wants a body", g.Role))
	case g.Role == Holder && g.Entitlement < 1, g.Role != Holder && g.Entitlement != 0:
		return WrongGrant.Because(fmt.Errorf("service: role %s with entitlement %d", g.Role, g.Entitlement))
	case g.Operator < 0, g.Operator > 0 && g.Role != Registrar && g.Role != Approver:
		return WrongGrant.Because(fmt.Errorf("service: role %s with operator %d", g.Role, g.Operator))
	}
	return nil
}

// MakeAccount makes an account without any role. name is 1 to 200 bytes of text. Error: AccountExists.
func MakeAccount(tx *store.ServiceTx, subject [32]byte, name string, at time.Time) (int64, error) {
	if name == "" || len(name) > maxAccountName || !utf8.ValidString(name) || hasControl(name) {
		return 0, BadRequest.Because(fmt.Errorf("service: account: name of %d bytes, want 1 to %d of text", len(name), maxAccountName))
	}
	sealed, err := tx.Seal("accounts.name", hex.EncodeToString(subject[:]), []byte(name))
	if err != nil {
		return 0, err
	}
	id, err := tx.Insert("INSERT INTO accounts (subject, name, made) VALUES ($1, $2, $3)", subject[:], sealed, at.Unix())
	if errors.Is(err, store.ErrConflict) {
		return 0, AccountExists.Because(err)
	}
	return id, err
}

func hasControl(s string) bool {
	for _, c := range s {
		if unicode.IsControl(c) {
			return true
		}
	}
	return false
}

// FindAccount finds an account by its subject. Error: UnknownAccount.
func FindAccount(tx *store.ServiceTx, subject [32]byte) (AccountInfo, error) {
	var id int64
	if err := tx.Row("SELECT id FROM accounts WHERE subject = $1", []any{subject[:]}, &id); err != nil {
		return AccountInfo{}, unknownAccount(err)
	}
	return ReadAccount(tx, id)
}

func unknownAccount(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return UnknownAccount.Because(err)
	}
	return err
}

// ReadAccount reads an account by its number. Error: UnknownAccount.
func ReadAccount(tx *store.ServiceTx, id int64) (AccountInfo, error) {
	a := AccountInfo{ID: id}
	var subject, name []byte
	var made, since, disabled int64
	err := tx.Row("SELECT subject, name, made, since, disabled FROM accounts WHERE id = $1", []any{id}, &subject, &name, &made, &since, &disabled)
	if err != nil {
		return AccountInfo{}, unknownAccount(err)
	}
	plain, err := tx.Open("accounts.name", hex.EncodeToString(subject), name)
	if err != nil {
		return AccountInfo{}, err
	}
	a.Name, a.Made, a.Disabled = string(plain), time.Unix(made, 0), disabled != 0
	if since != 0 {
		a.Since = time.Unix(since, 0)
	}
	err = tx.Rows("SELECT role, body, operator, entitlement FROM grants WHERE account = $1 ORDER BY role, body, entitlement", []any{id}, func(scan func(...any) error) error {
		var g Grant
		if err := scan(&g.Role, &g.Body, &g.Operator, &g.Entitlement); err != nil {
			return err
		}
		a.Grants = append(a.Grants, g)
		return nil
	})
	return a, err
}

// ListAccounts lists the accounts that have a role in a body, or without one the trust operators, oldest first.
func ListAccounts(tx *store.ServiceTx, body string) ([]AccountInfo, error) {
	var ids []int64
	err := tx.Rows("SELECT DISTINCT account FROM grants WHERE body = $1 ORDER BY account", []any{body}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]AccountInfo, 0, len(ids))
	for _, id := range ids {
		a, err := ReadAccount(tx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// AddGrant gives an account a role, or changes the operator of one it has. Errors: WrongGrant, UnknownAccount.
func AddGrant(tx *store.ServiceTx, account int64, g Grant) error {
	if err := g.check(); err != nil {
		return err
	}
	var id int64
	if err := tx.Row("SELECT id FROM accounts WHERE id = $1", []any{account}, &id); err != nil {
		return unknownAccount(err)
	}
	_, err := tx.Exec(`INSERT INTO grants (account, role, body, entitlement, operator) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account, role, body, entitlement) DO UPDATE SET operator = excluded.operator`, account, string(g.Role), g.Body, g.Entitlement, g.Operator)
	return err
}

// RemoveGrant takes a role from an account. Errors: UnknownAccount when it does not have it, LastAdmin.
func RemoveGrant(tx *store.ServiceTx, account int64, g Grant) error {
	err := tx.Exec1("DELETE FROM grants WHERE account = $1 AND role = $2 AND body = $3 AND entitlement = $4", account, string(g.Role), g.Body, g.Entitlement)
	if err != nil {
		return unknownAccount(err)
	}
	return keepAdmin(tx, g)
}

// keepAdmin refuses what leaves a body, or trust, without an administrator who can log in.
func keepAdmin(tx *store.ServiceTx, g Grant) error {
	if g.Role != BodyAdmin && g.Role != TrustOperator {
		return nil
	}
	var left int
	err := tx.Row("SELECT count(*) FROM grants JOIN accounts ON accounts.id = grants.account WHERE role = $1 AND body = $2 AND disabled = 0",
		[]any{string(g.Role), g.Body}, &left)
	if err == nil && left == 0 {
		err = LastAdmin
	}
	return err
}

// SetDisabled shuts an account out at once, or lets it in again. Errors: UnknownAccount, LastAdmin.
func SetDisabled(tx *store.ServiceTx, account int64, disabled bool) error {
	a, err := ReadAccount(tx, account)
	if err != nil {
		return err
	}
	if err := tx.Exec1("UPDATE accounts SET disabled = $2 WHERE id = $1", account, disabled); err != nil {
		return err
	}
	if !disabled {
		return nil
	}
	for _, g := range a.Grants {
		if err := keepAdmin(tx, g); err != nil {
			return err
		}
	}
	return nil
}

// EndSessions makes every session of an account that began before now count for nothing. Error: UnknownAccount.
func EndSessions(tx *store.ServiceTx, account int64, at time.Time) error {
	return unknownAccount(tx.Exec1("UPDATE accounts SET since = $2 WHERE id = $1", account, at.Unix()))
}

// Names of what the frame keeps in a session. Parts prefix theirs with the part's name.
const (
	sessionAccount = "account" // int64
	sessionBegan   = "began"   // int64, seconds
	sessionSeen    = "seen"    // int64, seconds
	sessionSecond  = "second"  // int64, seconds
	sessionDev     = "dev"     // bool: began while anybody could log in
)

// Terms of a session.
const (
	SessionIdle = 30 * time.Minute // without a request
	SessionLife = 12 * time.Hour   // from log-in, whatever happens
)

// LogIn makes the caller of a request an account from now on. The session gets a new token, and nothing that lay in it before
// is kept. Error: of the store.
func (s *Server) LogIn(ctx context.Context, account int64) error {
	if err := s.Sessions.Clear(ctx); err != nil {
		return err
	}
	if err := s.Sessions.RenewToken(ctx); err != nil {
		return err
	}
	now := s.Now().Unix()
	s.Sessions.Put(ctx, sessionAccount, account)
	s.Sessions.Put(ctx, sessionBegan, now)
	s.Sessions.Put(ctx, sessionSeen, now)
	if s.Dev {
		s.Sessions.Put(ctx, sessionDev, true)
	}
	return nil
}

// EndSoon has the session of somebody who is not logged in end after a term: anybody can begin one, and what would lie there for
// SessionLife fills the disk. A log-in gives it its whole life.
func (s *Server) EndSoon(ctx context.Context, term time.Duration) {
	if s.LoggedInAt(ctx).IsZero() {
		s.Sessions.SetDeadline(ctx, time.Now().Add(term)) // the clock that the session manager sets terms by
	}
}

// LogOut ends the caller's session.
func (s *Server) LogOut(ctx context.Context) error { return s.Sessions.Destroy(ctx) }

// ProveSecondFactor notes that the caller has just proven a passkey; the session gets a new token.
func (s *Server) ProveSecondFactor(ctx context.Context) error {
	if err := s.Sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.Sessions.Put(ctx, sessionSecond, s.Now().Unix())
	return nil
}

// LoggedInAt is when the caller's session began; zero for somebody who is not logged in.
func (s *Server) LoggedInAt(ctx context.Context) time.Time {
	if began := s.Sessions.GetInt64(ctx, sessionBegan); began != 0 {
		return time.Unix(began, 0)
	}
	return time.Time{}
}

// sessionPrincipal is who the session of a request stands for; the zero Principal when nobody does.
func (s *Server) sessionPrincipal(ctx context.Context) (Principal, error) {
	id := s.Sessions.GetInt64(ctx, sessionAccount)
	if id == 0 {
		return Principal{}, nil
	}
	now := s.Now()
	began, seen := time.Unix(s.Sessions.GetInt64(ctx, sessionBegan), 0), time.Unix(s.Sessions.GetInt64(ctx, sessionSeen), 0)
	if now.Sub(began) >= SessionLife || now.Sub(seen) >= SessionIdle || s.Sessions.GetBool(ctx, sessionDev) && !s.Dev {
		return Principal{}, s.LogOut(ctx)
	}
	var a AccountInfo
	err := s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		a, err = ReadAccount(tx, id)
		return err
	})
	if errors.Is(err, UnknownAccount) || err == nil && (a.Disabled || began.Before(a.Since)) {
		return Principal{}, s.LogOut(ctx)
	}
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(seen) >= time.Minute { // a write for each request would be a disk write for each
		s.Sessions.Put(ctx, sessionSeen, now.Unix())
	}
	p := Principal{Kind: Account, Account: id, Name: a.Name, Grants: a.Grants}
	if second := s.Sessions.GetInt64(ctx, sessionSecond); second != 0 {
		p.SecondFactor = time.Unix(second, 0)
	}
	return p, nil
}
