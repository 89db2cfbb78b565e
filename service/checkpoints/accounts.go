package checkpoints

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// States of an account.
const (
	stateNew       = "new"
	stateWaiting   = "waiting"
	stateConfirmed = "confirmed"
	stateAdmitted  = "admitted"
	stateStopped   = "stopped"
)

// account is one checkpoint of a body.
type account struct {
	ID             int64
	Body           string
	Name, Place    string
	Class          trust.Class
	Until, Made    time.Time
	State          string
	Verifier       uint64 // number in the bundle; 0 before it is admitted
	Thumb          []byte // thumbprint of the device's signing key; nil before it has handed one in
	Request        []byte
	Asked, Stopped time.Time
	Why            string
	Ended          bool // the trust operator has ended the device
	Replaces       int64
	Seen           time.Time // last signed request
	Bundle         uint64    // that the device said it has; 0: not known
}

// SQL of accounts.
const (
	columns = `id, body, name, place, class, until, made, state, verifier, thumb, request, asked, stopped, why, ended, replaces, seen, bundle`

	sqlAccount        = "SELECT " + columns + " FROM checkpoints WHERE id = $1 AND body = $2"
	sqlAnyAccount     = "SELECT " + columns + " FROM checkpoints WHERE id = $1"
	sqlAccountOfKey   = "SELECT " + columns + " FROM checkpoints WHERE thumb = $1"
	sqlAccounts       = "SELECT " + columns + " FROM checkpoints WHERE body = $1 ORDER BY state = 'stopped', id"
	sqlForOperator    = "SELECT " + columns + " FROM checkpoints WHERE state = 'confirmed' OR state = 'stopped' AND verifier <> 0 AND ended = 0 ORDER BY id"
	sqlLiveAccounts   = "SELECT count(*) FROM checkpoints WHERE body = $1 AND state <> 'stopped'"
	sqlMakeAccount    = "INSERT INTO checkpoints (body, name, place, class, until, made, maker, replaces) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	sqlHandIn         = "UPDATE checkpoints SET state = 'waiting', thumb = $2, request = $3, asked = $4 WHERE id = $1 AND state = 'new'"
	sqlConfirm        = "UPDATE checkpoints SET state = 'confirmed' WHERE id = $1 AND state = 'waiting'"
	sqlDeny           = "UPDATE checkpoints SET state = 'new', thumb = NULL, request = NULL, asked = 0 WHERE id = $1 AND state = 'waiting'"
	sqlAdmit          = "UPDATE checkpoints SET state = 'admitted', verifier = $2 WHERE id = $1 AND state = 'confirmed'"
	sqlStop           = "UPDATE checkpoints SET state = 'stopped', stopped = $2, why = $3 WHERE id = $1 AND state <> 'stopped'"
	sqlEnded          = "UPDATE checkpoints SET ended = 1 WHERE id = $1 AND state = 'stopped'"
	sqlSeen           = "UPDATE checkpoints SET seen = $2, bundle = $3 WHERE id = $1"
	sqlDropCodes      = "DELETE FROM checkpoint_tokens WHERE checkpoint = $1"
	sqlMakeCode       = "INSERT INTO checkpoint_tokens (mark, checkpoint, made, expires) VALUES ($1, $2, $3, $4)"
	sqlCode           = "SELECT checkpoint, expires FROM checkpoint_tokens WHERE mark = $1"
	sqlUseCode        = "DELETE FROM checkpoint_tokens WHERE mark = $1"
	sqlPurgeTokens    = "DELETE FROM checkpoint_tokens WHERE expires < $1"
	sqlPurgeJournals  = "DELETE FROM checkpoint_journals WHERE received < $1"
	sqlPurgeCounts    = "DELETE FROM checkpoint_counts WHERE shift IN (SELECT id FROM checkpoint_shifts WHERE began < $1)"
	sqlPurgeShifts    = "DELETE FROM checkpoint_shifts WHERE began < $1"
	sqlPurgePortraits = "DELETE FROM checkpoint_portraits WHERE day < $1 / 86400"
)

func scanAccount(scan func(dest ...any) error) (*account, error) {
	var a account
	var until, made, asked, stopped, seen, ended int64
	err := scan(&a.ID, &a.Body, &a.Name, &a.Place, &a.Class, &until, &made, &a.State, &a.Verifier, &a.Thumb, &a.Request, &asked, &stopped, &a.Why, &ended,
		&a.Replaces, &seen, &a.Bundle)
	if err != nil {
		return nil, err
	}
	a.Until, a.Made, a.Asked, a.Stopped, a.Seen, a.Ended = when(until), when(made), when(asked), when(stopped), when(seen), ended != 0
	return &a, nil
}

// when is a time of the database; zero for 0.
func when(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func oneAccount(tx *store.ServiceTx, q string, args ...any) (*account, error) {
	var a *account
	err := tx.Rows(q, args, func(scan func(dest ...any) error) (err error) {
		a, err = scanAccount(scan)
		return err
	})
	if err == nil && a == nil {
		err = unknownCheckpoint
	}
	return a, err
}

func manyAccounts(tx *store.ServiceTx, q string, args ...any) (list []*account, err error) {
	err = tx.Rows(q, args, func(scan func(dest ...any) error) error {
		a, err := scanAccount(scan)
		list = append(list, a)
		return err
	})
	return list, err
}

// one1 is a change that must touch one row; otherwise the state has changed meanwhile.
func one1(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return wrongState.Because(err)
	}
	return err
}

// plain tells whether a text is one line of up to most bytes that begins and ends with no blank.
func plain(text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && utf8.ValidString(text) && cose.OneLine(text) && strings.TrimSpace(text) == text
}

// make makes an account without a device.
func (p *part) newAccount(ctx context.Context, a account, maker int64, at time.Time) (id int64, err error) {
	switch {
	case !plain(a.Name, 1, maxName), !plain(a.Place, 1, maxPlace),
		a.Class != trust.ClassCheckpoint && a.Class != trust.ClassCouncil,
		!a.Until.After(at), a.Until.After(at.Add(MaxTerm)):
		return 0, badForm
	}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		id, err = insertAccount(tx, a, maker, at)
		return err
	})
	return id, err
}

func insertAccount(tx *store.ServiceTx, a account, maker int64, at time.Time) (int64, error) {
	var n int
	if err := tx.Row(sqlLiveAccounts, []any{a.Body}, &n); err != nil {
		return 0, err
	}
	if n >= maxAccounts {
		return 0, tooMany
	}
	id, err := tx.Insert(sqlMakeAccount, a.Body, a.Name, a.Place, int(a.Class), a.Until.Unix(), at.Unix(), maker, a.Replaces)
	if errors.Is(err, store.ErrConflict) {
		return 0, nameTaken.Because(err)
	}
	return id, err
}

// device is the account of the device that signed a request. It has to be one that its body has confirmed and has not stopped.
func (p *part) device(ctx context.Context) (*account, error) {
	thumb, err := thumbOf(ctx)
	if err != nil {
		return nil, err
	}
	var a *account
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		a, err = oneAccount(tx, sqlAccountOfKey, thumb[:])
		return err
	})
	switch {
	case errors.Is(err, unknownCheckpoint):
		return nil, noAccount
	case err != nil:
		return nil, err
	case a.State == stateStopped: // between the look at the request and now
		return nil, deviceStopped
	case a.State == stateConfirmed: // it is in the bundle, by whatever way
		a.State, a.Verifier = stateAdmitted, service.PrincipalOf(ctx).Verifier
		err := p.s.Store.Update(ctx, func(tx *store.ServiceTx) error { return one1(tx.Exec1(sqlAdmit, a.ID, a.Verifier)) })
		if err != nil {
			return nil, err
		}
	case a.State != stateAdmitted:
		return nil, noAccount
	}
	if caller := service.PrincipalOf(ctx); a.Verifier != caller.Verifier || len(caller.Bodies) != 1 || caller.Bodies[0] != a.Body {
		return nil, noAccount
	}
	return a, nil
}

// notStopped refuses a device that its body has stopped here, whatever part it asks; one without an account is not stopped.
func (p *part) notStopped(ctx context.Context, caller service.Principal) error {
	key, err := keys.ParseVerifierPublicKey(caller.Key)
	if err != nil {
		return service.Forbidden.Because(err)
	}
	thumb := key.Thumbprint()
	var a *account
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		a, err = oneAccount(tx, sqlAccountOfKey, thumb[:])
		return err
	})
	switch {
	case errors.Is(err, unknownCheckpoint):
		return nil
	case err != nil:
		return err
	case a.State == stateStopped:
		return deviceStopped
	}
	return nil
}

func thumbOf(ctx context.Context) ([32]byte, error) {
	key, err := keys.ParseVerifierPublicKey(service.PrincipalOf(ctx).Key)
	if err != nil {
		return [32]byte{}, service.Forbidden.Because(err)
	}
	return key.Thumbprint(), nil
}

// settle gives accounts whose key the installed bundle has their numbers, so that a page tells what is true.
func (p *part) settle(ctx context.Context, list []*account) error {
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return nil // without a bundle nobody is admitted; pages say so elsewhere
	}
	all, err := b.Verifiers()
	if err != nil {
		return err
	}
	byKey := map[[32]byte]trust.VerifierEntry{}
	for _, v := range all {
		byKey[v.SigningKey.Thumbprint()] = v
	}
	for _, a := range list {
		if a.State != stateConfirmed || len(a.Thumb) != 32 {
			continue
		}
		v, ok := byKey[[32]byte(a.Thumb)]
		if !ok || v.Body != a.Body {
			continue
		}
		if err := p.s.Store.Update(ctx, func(tx *store.ServiceTx) error { return one1(tx.Exec1(sqlAdmit, a.ID, v.ID)) }); err != nil {
			return err
		}
		a.State, a.Verifier = stateAdmitted, v.ID
	}
	return nil
}
