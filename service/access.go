package service

import (
	"context"
	"slices"
	"time"
)

// Role is what an account may be in the service.
type Role string

// Roles. Registrar, Approver, BodyAdmin, Auditor and OfficeEditor are of one body; CheckpointOperator is of the body a checkpoint belongs to;
// TrustOperator is of none; Holder is of one entitlement of one body.
const (
	Registrar          Role = "registrar"           // кадровик: staff files, slips, changes of state
	Approver           Role = "approver"            // другий підписувач
	BodyAdmin          Role = "body-admin"          // accounts and checkpoints of the body
	Auditor            Role = "auditor"             // reads everything of the body, changes nothing
	CheckpointOperator Role = "checkpoint-operator" // checks people; a guard's account
	OfficeEditor       Role = "office-editor"       // редактор Дія.Офісу: surveys and the staffing list of the body
	TrustOperator      Role = "trust-operator"      // технічний адміністратор
	Holder             Role = "holder"              // пред'явник, logged in
)

// Roles lists every role, in the order of people's menus.
func Roles() []Role {
	return []Role{Registrar, Approver, BodyAdmin, Auditor, CheckpointOperator, OfficeEditor, TrustOperator, Holder}
}

// Grant is one role of an account.
type Grant struct {
	Role        Role
	Body        string // ЄДРПОУ; empty for TrustOperator
	Operator    int64  // number of the operator in the body's register; 0: none, and then nothing can be signed
	Entitlement int64  // of a Holder
}

// Kind is by what a caller is known. The zero Kind is nobody.
type Kind uint8

// Kinds of callers.
const (
	Nobody   Kind = iota
	Account       // a person with a browser session
	Wallet        // a request signed by a holder key
	Device        // a request signed by a verifier key of the installed bundle
	System        // an outside system with an access token
	Program       // an official's own program (address book, calendar) with an app password
	kindsEnd      // number of kinds
)

// Principal is the caller of a request. The zero Principal is nobody.
type Principal struct {
	Kind         Kind
	Account      int64     // of Account
	Name         string    // shown to its owner; never logged
	Grants       []Grant   // of Account; of Program the one Holder grant that its password is bound to
	SecondFactor time.Time // when this session last proved a passkey; zero: never
	Key          []byte    // Wallet: COSE_Key of the holder key; Device: of the verifier's signing key
	Verifier     uint64    // Device: number in the bundle
	System       string    // System: client id
	Bodies       []string  // System, Device, Program: ЄДРПОУ it is bound to
	Scopes       []string  // System: what its token is for; Program: its password
}

// Has tells whether the caller has a role in a body.
func (p Principal) Has(role Role, body string) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Role == role && g.Body == body })
}

// Grant finds the grant of a role in a body.
func (p Principal) Grant(role Role, body string) (Grant, bool) {
	i := slices.IndexFunc(p.Grants, func(g Grant) bool { return g.Role == role && g.Body == body })
	if i < 0 {
		return Grant{}, false
	}
	return p.Grants[i], true
}

// SecondFactorTerm is how long a proven passkey counts for what asks for one.
const SecondFactorTerm = 10 * time.Minute

// Access says who may use a route. The zero Access lets nobody in.
type Access struct {
	Public       bool   // everybody, known or not
	Roles        []Role // accounts with one of these roles: in the body of the path's {edrpou}, where it has one, else in any
	SecondFactor bool   // and with a passkey proven within SecondFactorTerm
	Kinds        []Kind // signed requests, tokens and app passwords: Wallet, Device, System, Program
	Scope        string // what a System's token or a Program's password must be for
}

// allow decides. body is the path's {edrpou}, or empty. step tells that a fresh second factor would let the caller in.
func (a Access) allow(p Principal, body string, at time.Time) (ok, step bool) {
	if a.Public {
		return true, false
	}
	switch p.Kind {
	case Account:
		for _, g := range p.Grants {
			if slices.Contains(a.Roles, g.Role) && (body == "" || g.Body == body || g.Role == TrustOperator && g.Body == "") {
				fresh := !p.SecondFactor.IsZero() && at.Sub(p.SecondFactor) < SecondFactorTerm && !at.Before(p.SecondFactor.Add(-time.Minute))
				if a.SecondFactor && !fresh {
					return false, true
				}
				return true, false
			}
		}
	case System, Program:
		return slices.Contains(a.Kinds, p.Kind) && slices.Contains(p.Scopes, a.Scope) && (body == "" || slices.Contains(p.Bodies, body)), false
	case Device:
		return slices.Contains(a.Kinds, Device), false
	case Wallet:
		return slices.Contains(a.Kinds, Wallet), false
	}
	return false, false
}

type principalKey struct{}

// PrincipalOf is the caller of the request whose context this is.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// WithPrincipal is a context of a known caller; tests use it.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}
