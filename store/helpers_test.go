package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

const testBody = "12345678"

var testTime = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// grantAll is a bundle that grants every key everything.
type grantAll struct{}

func (grantAll) CheckGrant(keys.IssuerPublicKey, string, credential.Kind, time.Duration, time.Time) error {
	return nil
}

// signatureChecker accepts exactly the tokens of one key that are valid at the time.
type signatureChecker struct{ key keys.IssuerPublicKey }

func (c signatureChecker) CheckToken(data []byte, at time.Time) error {
	u, err := credential.ParseToken(data)
	if err != nil {
		return err
	}
	t, err := u.Verify(c.key)
	if err != nil {
		return err
	}
	if at.Before(t.IssuedAt) || !at.Before(t.ExpiresAt) {
		return fmt.Errorf("token is valid from %s to %s", t.IssuedAt, t.ExpiresAt)
	}
	return nil
}

// switchGrant and switchCheck refuse while their flag is set.
type switchGrant struct{ off atomic.Bool }

var errOff = errors.New("switched off")

func (g *switchGrant) CheckGrant(keys.IssuerPublicKey, string, credential.Kind, time.Duration, time.Time) error {
	if g.off.Load() {
		return errOff
	}
	return nil
}

func newSigner(t testing.TB) authority.IssuerPrivateKey {
	t.Helper()
	k, err := authority.GenerateIssuerKey(-9)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newSealer(t testing.TB) *store.Sealer {
	t.Helper()
	s, err := store.NewSealer(store.NewDataKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// world is a store with a body and enrolled people.
type world struct {
	t      testing.TB
	path   string
	sealer *store.Sealer
	s      *store.Store
	b      *issuer.Body
	cfg    issuer.Config
	ids    []int64 // entitlements
}

func newWorld(t testing.TB, people int, change ...func(*issuer.Config)) *world {
	t.Helper()
	signer := newSigner(t)
	w := &world{t: t, path: filepath.Join(t.TempDir(), "body.db"), sealer: newSealer(t)}
	w.cfg = issuer.Config{EDRPOU: testBody, Signer: signer, Grant: grantAll{}, Checker: signatureChecker{signer.IssuerPublic()}}
	for _, f := range change {
		f(&w.cfg)
	}
	w.openStore(store.Options{})
	if err := issuer.Create(context.Background(), w.s, issuer.BodyRow{EDRPOU: testBody, Name: "Тестове міністерство", NameEN: "Ministry of Tests", Created: testTime}); err != nil {
		t.Fatal(err)
	}
	w.openBody()
	t.Cleanup(func() { w.s.Close() })
	ids, err := store.Populate(context.Background(), w.s, testBody, 0, people, testTime, store.NewHolder)
	if err != nil {
		t.Fatal(err)
	}
	w.ids = ids
	return w
}

func (w *world) openStore(o store.Options) {
	w.t.Helper()
	o.Sealer = w.sealer
	s, err := store.Open(w.path, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
}

func (w *world) openBody() {
	w.t.Helper()
	b, err := issuer.Open(context.Background(), w.s, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.b = b
}

// reopen closes everything and opens it again, as a new process would.
func (w *world) reopen(o store.Options) {
	w.t.Helper()
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.openStore(o)
	w.openBody()
}

// issue issues one entitlement and fails the test when it cannot.
func (w *world) issue(at time.Time, e int64) issuer.Result {
	w.t.Helper()
	r := w.try(at, e)
	if r.Err != nil {
		w.t.Fatal(r.Err)
	}
	return r
}

func (w *world) try(at time.Time, e int64) issuer.Result {
	w.t.Helper()
	res, err := w.b.Issue(context.Background(), at, e)
	if err != nil {
		w.t.Fatal(err)
	}
	return res[0]
}

func (w *world) update(f func(issuer.Tx) error) {
	w.t.Helper()
	if err := w.s.Update(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) view(f func(issuer.Tx) error) {
	w.t.Helper()
	if err := w.s.View(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
}

func fullClaims(holder keys.HolderPublicKey) credential.Claims {
	return credential.Claims{
		Issuer: testBody, Number: "ДМ0000001", IssuedAt: testTime, ExpiresAt: testTime.Add(30 * 24 * time.Hour), Holder: holder,
		Face: credential.FaceFull, Name: "Гончарук Тарас Григорович", Position: credential.CodedText{Code: 17}, Unit: credential.CodedText{Code: 4},
		Category: "В", Rank: 7, PhotoHash: [20]byte{1, 2, 3}, HasPhoto: true, Status: 70_001,
	}
}
