package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

const day = 24 * time.Hour

var ctx = context.Background()

// tokensOf reads the tokens of one renewal straight from the store.
func (w *world) tokensOf(row int64, renewal uint32) []issuer.TokenRow {
	w.t.Helper()
	var out []issuer.TokenRow
	w.view(func(tx issuer.Tx) (err error) {
		out, err = tx.TokensOf(row, renewal)
		return err
	})
	return out
}

// count asks the store how many IDs are in the states.
func (w *world) count(states ...issuer.State) int {
	w.t.Helper()
	n := 0
	if err := w.b.List(ctx, states, func(issuer.ID) error { n++; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) edit(e int64, f func(*issuer.PostRow)) {
	w.t.Helper()
	w.update(func(tx issuer.Tx) error {
		p, err := tx.Post(e)
		if err != nil {
			return err
		}
		f(&p)
		return tx.UpdatePost(p)
	})
}

// rekey gives the holder of an entitlement another phone, without ending the live ID.
func (w *world) rekey(e int64) {
	w.t.Helper()
	w.update(func(tx issuer.Tx) error {
		p, err := tx.Post(e)
		if err != nil {
			return err
		}
		if err := tx.EndEnrolment(p.Enrolment.ID, issuer.EnrolmentReplaced, testTime); err != nil {
			return err
		}
		slip := issuer.SlipRow{Entitlement: e, Code: [32]byte{byte(e), 1, byte(p.Enrolment.Slip)}, Stop: [32]byte{byte(e), 2, byte(p.Enrolment.Slip)},
			Made: testTime, Expires: testTime.Add(14 * day), Closed: testTime, State: issuer.SlipUsed}
		n, err := tx.InsertSlip(slip)
		if err != nil {
			return err
		}
		key, err := store.NewHolder(0)
		if err != nil {
			return err
		}
		pub, err := keys.ParseHolderPublicKey(key)
		if err != nil {
			return err
		}
		if _, err := tx.BindHolder(pub.Thumbprint(), p.Person); err != nil {
			return err
		}
		_, err = tx.InsertEnrolment(issuer.EnrolmentRow{Entitlement: e, Slip: n, Holder: key, Thumb: pub.Thumbprint(), At: testTime, State: issuer.EnrolmentLive})
		return err
	})
}

func (w *world) check() {
	w.t.Helper()
	if err := w.s.Check(ctx); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.b.VerifyAudit(ctx, nil, nil); err != nil {
		w.t.Fatal(err)
	}
}

// [ISS-01] Only an entitlement that stands, with a wish and a holder key, gets an ID.
func TestRefusesWithoutRight(t *testing.T) {
	w := newWorld(t, 8)
	w.edit(w.ids[0], func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
	w.edit(w.ids[1], func(p *issuer.PostRow) { p.Blocked = true })
	w.edit(w.ids[2], func(p *issuer.PostRow) { p.Status = hr.StatusSuspended })
	w.edit(w.ids[3], func(p *issuer.PostRow) { p.Record.Until = hr.DateInKyiv(testTime).AddDays(-1) })
	w.edit(w.ids[4], func(p *issuer.PostRow) { p.Record.Plastic = hr.Plastic{} })
	w.update(func(tx issuer.Tx) error {
		p, err := tx.Post(w.ids[5])
		if err != nil {
			return err
		}
		return tx.EndEnrolment(p.Enrolment.ID, issuer.EnrolmentWithdrawn, testTime)
	})
	for i, want := range []error{issuer.ErrNotEntitled, issuer.ErrNotEntitled, issuer.ErrNotEntitled, issuer.ErrNotEntitled, issuer.ErrNotEntitled, issuer.ErrNoWish} {
		if r := w.try(testTime, w.ids[i]); !errors.Is(r.Err, want) || r.ID.ID != 0 || r.Tokens != nil {
			t.Errorf("entitlement %d: got %v, want %v", i, r.Err, want)
		}
	}
	if r := w.try(testTime, 9999); !errors.Is(r.Err, issuer.ErrNotEntitled) {
		t.Errorf("unknown entitlement: %v", r.Err)
	}
	if r := w.try(testTime, w.ids[6]); r.Err != nil {
		t.Errorf("good entitlement: %v", r.Err)
	}
	if n := w.count(); n != 1 {
		t.Errorf("%d IDs in the store, want 1: a refusal leaves nothing behind", n)
	}
	w.check()
}

// spySigner calls before each signature, so that a test sees what is stored by then.
type spySigner struct {
	keys.IssuerSigner
	before func(toBeSigned []byte)
}

func (s spySigner) Sign(b []byte) ([]byte, error) {
	s.before(b)
	return s.IssuerSigner.Sign(b)
}

// [ISS-02] Serial, indices, exact payload and the audit's "will sign" are durable before the signature.
func TestStoredBeforeSigned(t *testing.T) {
	var w *world
	var calls atomic.Int32
	var errs []error
	var mu sync.Mutex
	w = newWorld(t, 3, func(c *issuer.Config) {
		c.Signer = spySigner{c.Signer, func(toBeSigned []byte) {
			calls.Add(1)
			err := w.s.View(ctx, func(tx issuer.Tx) error {
				in, err := tx.PendingIntents(100)
				if err != nil {
					return err
				}
				for _, p := range in {
					tokens, err := tx.TokensOf(p.ID, p.Renewal)
					if err != nil {
						return err
					}
					for _, k := range tokens {
						if k.Signed != nil {
							return errors.New("signed bytes before the signature")
						}
						if len(k.Payload) > 0 && bytes.Contains(toBeSigned, k.Payload) {
							rows, err := tx.AuditRows(0, 1000)
							if err != nil {
								return err
							}
							id, err := tx.IDByRow(p.ID)
							if err != nil {
								return err
							}
							for _, r := range rows {
								if bytes.Contains(r.Entry, id.Serial[:]) {
									return nil
								}
							}
							return errors.New("no audit entry names the serial")
						}
					}
				}
				return errors.New("the payload being signed is not stored")
			})
			if err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		}}
	})
	res, err := w.b.Issue(ctx, testTime, w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if calls.Load() != 6 || len(errs) > 0 {
		t.Fatalf("%d signatures, want 6; %v", calls.Load(), errors.Join(errs...))
	}
}

// lyingSigner signs, but other bytes than it was given the second time.
type lyingSigner struct {
	keys.IssuerSigner
	fail func() error
}

func (s lyingSigner) Sign(b []byte) ([]byte, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	return s.IssuerSigner.Sign(b)
}

// [ISS-03] A token is issued only when its payload is the stored one, byte for byte.
func TestSignedBytesAreTheStoredOnes(t *testing.T) {
	signer := newSigner(t)
	check := signatureChecker{signer.IssuerPublic()}
	holder, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	c := fullClaims(holder.HolderPublic())
	payload, err := credential.EncodePayload(&c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.SignChecked(payload, signer, check, testTime); err != nil {
		t.Fatal(err)
	}
	// A signer that changes the caller's bytes while it signs: what was signed is not what was stored.
	stored := bytes.Clone(payload)
	meddler := spySigner{signer, func(b []byte) { b[len(b)-1] ^= 1 }}
	if token, err := issuer.SignChecked(payload, meddler, check, testTime); err == nil {
		t.Errorf("token %x of changed bytes was accepted", token)
	}
	if !bytes.Equal(stored, payload) {
		t.Error("the stored payload was changed by a signer")
	}
	// Another key's signature, and a signer that fails, issue nothing.
	if _, err := issuer.SignChecked(payload, newSigner(t), check, testTime); !errors.Is(err, issuer.ErrCheck) {
		t.Errorf("foreign key: %v", err)
	}
	broken := lyingSigner{signer, func() error { return errOff }}
	if _, err := issuer.SignChecked(payload, broken, check, testTime); !errors.Is(err, errOff) {
		t.Errorf("failing signer: %v", err)
	}
}

// [ISS-04] Without an installed bundle that grants the key nothing is signed.
func TestNothingSignedWithoutGrant(t *testing.T) {
	g := new(switchGrant)
	var signed atomic.Int32
	w := newWorld(t, 2, func(c *issuer.Config) {
		c.Grant = g
		c.Signer = spySigner{c.Signer, func([]byte) { signed.Add(1) }}
	})
	g.off.Store(true)
	if r := w.try(testTime, w.ids[0]); !errors.Is(r.Err, issuer.ErrNotGranted) || !errors.Is(r.Err, errOff) {
		t.Fatalf("got %v, want ErrNotGranted with its cause", r.Err)
	}
	if signed.Load() != 0 || w.count() != 0 {
		t.Fatalf("%d signatures and %d IDs without a grant", signed.Load(), w.count())
	}
	g.off.Store(false)
	w.issue(testTime, w.ids[0])
	// A body without a bundle cannot be told to issue at all, whatever else it was given.
	for _, c := range []issuer.Config{
		{EDRPOU: testBody, Signer: w.cfg.Signer},
		{EDRPOU: testBody},
	} {
		b, err := issuer.Open(ctx, w.s, c)
		if err != nil {
			t.Fatal(err)
		}
		res, err := b.Issue(ctx, testTime, w.ids[1])
		if err != nil || !errors.Is(res[0].Err, issuer.ErrNoSigner) {
			t.Errorf("got %v %v, want ErrNoSigner", res, err)
		}
	}
	for _, c := range []issuer.Config{
		{EDRPOU: testBody, Signer: w.cfg.Signer, Grant: g},
		{EDRPOU: testBody, Signer: w.cfg.Signer, Checker: w.cfg.Checker},
		{EDRPOU: testBody, Grant: g, Checker: w.cfg.Checker},
	} {
		if _, err := issuer.Open(ctx, w.s, c); !errors.Is(err, issuer.ErrNoSigner) {
			t.Errorf("opened with half a bundle: %v", err)
		}
	}
	if err := (issuer.BundleGrant{}).CheckGrant(w.cfg.Signer.IssuerPublic(), testBody, credential.KindPhone, day, testTime); err == nil {
		t.Error("no bundle granted the key")
	}
}

// pickyChecker refuses tokens on demand.
type pickyChecker struct {
	issuer.TokenChecker
	refuse func(token []byte) error
}

func (c pickyChecker) CheckToken(token []byte, at time.Time) error {
	if err := c.refuse(token); err != nil {
		return err
	}
	return c.TokenChecker.CheckToken(token, at)
}

// [ISS-05] [ISS-26] Each token is verified before it is recorded; one that fails leaves its group alone.
func TestEachTokenIsChecked(t *testing.T) {
	var bad atomic.Value
	bad.Store([]byte("no such bytes"))
	w := newWorld(t, 20, func(c *issuer.Config) {
		c.Checker = pickyChecker{c.Checker, func(token []byte) error {
			if bytes.Contains(token, bad.Load().([]byte)) {
				return errOff
			}
			return nil
		}}
	})
	bad.Store([]byte("ДМ000007"))
	res, err := w.b.Issue(ctx, testTime, w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if want := i == 7; (r.Err != nil) != want || want && !errors.Is(r.Err, issuer.ErrCheck) {
			t.Errorf("entitlement %d: %v", i, r.Err)
		}
	}
	if n := w.count(issuer.StateIssued); n != 19 {
		t.Errorf("%d issued, want 19", n)
	}
	w.check()
	// The stored intent is finished, with its own serial, once the check accepts it.
	var pending issuer.ID
	if err := w.b.List(ctx, []issuer.State{issuer.StatePending}, func(id issuer.ID) error { pending = id; return nil }); err != nil {
		t.Fatal(err)
	}
	bad.Store([]byte("no such bytes"))
	r := w.issue(testTime.Add(time.Minute), w.ids[7])
	if r.ID.Serial != pending.Serial || r.ID.ID != pending.ID {
		t.Errorf("finished as %s, was prepared as %s", r.ID.Serial, pending.Serial)
	}
	w.check()
}

// [ISS-06] A restart goes on from the stored state: same serial, same indices, same bytes.
func TestOneIntentOneSerial(t *testing.T) {
	fail := errOff
	w := newWorld(t, 3, func(c *issuer.Config) {
		c.Signer = lyingSigner{c.Signer, func() error { return fail }}
	})
	for _, e := range w.ids {
		if r := w.try(testTime, e); !errors.Is(r.Err, errOff) {
			t.Fatalf("got %v", r.Err)
		}
	}
	before := map[int64]issuer.ID{}
	payloads := map[int64][]issuer.TokenRow{}
	if err := w.b.List(ctx, nil, func(id issuer.ID) error {
		before[id.ID], payloads[id.ID] = id, w.tokensOf(id.ID, 0)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // however often it is tried in vain
		w.reopen(store.Options{})
		if issued, failed, err := w.b.Recover(ctx, testTime.Add(time.Minute)); err != nil || issued != 0 || failed != 3 {
			t.Fatalf("recover: %d %d %v", issued, failed, err)
		}
	}
	fail = nil
	w.reopen(store.Options{})
	if issued, failed, err := w.b.Recover(ctx, testTime.Add(time.Hour)); err != nil || issued != 3 || failed != 0 {
		t.Fatalf("recover: %d %d %v", issued, failed, err)
	}
	if issued, failed, err := w.b.Recover(ctx, testTime.Add(time.Hour)); err != nil || issued != 0 || failed != 0 {
		t.Fatalf("second recover: %d %d %v", issued, failed, err)
	}
	n := 0
	if err := w.b.List(ctx, nil, func(id issuer.ID) error {
		n++
		if id.Serial != before[id.ID].Serial || id.State != issuer.StateIssued {
			t.Errorf("ID %d: serial %s %s, was %s", id.ID, id.Serial, id.State, before[id.ID].Serial)
		}
		for i, k := range w.tokensOf(id.ID, 0) {
			if old := payloads[id.ID][i]; k.Status != old.Status || !bytes.Equal(k.Payload, old.Payload) || !bytes.Contains(k.Signed, old.Payload) {
				t.Errorf("ID %d face %d: index or bytes changed over the restart", id.ID, i)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n != 3 {
		t.Errorf("%d IDs, want 3", n)
	}
	w.check()
}

// [ISS-06] A prepared intent that cannot be signed as it stands is given up, its indices become invalid.
func TestStaleIntentIsAbandoned(t *testing.T) {
	for name, change := range map[string]func(*world){
		"too old": func(*world) {},
		"other key": func(w *world) {
			s := newSigner(w.t)
			w.cfg.Signer, w.cfg.Checker = s, signatureChecker{s.IssuerPublic()}
		},
		"other content": func(w *world) { w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Rank++ }) },
		"other phone":   func(w *world) { w.rekey(w.ids[0]) },
		"name changed in the stored bytes": func(w *world) {
			db, err := sql.Open("sqlite", w.path)
			if err != nil {
				w.t.Fatal(err)
			}
			defer db.Close()
			for _, k := range w.tokensOf(1, 0) {
				other := bytes.Replace(k.Payload, []byte("а"), []byte("е"), 1)
				if bytes.Equal(other, k.Payload) {
					w.t.Fatal("no letter to change")
				}
				if _, err := db.Exec("UPDATE tokens SET payload = ? WHERE id = ?", other, k.ID); err != nil {
					w.t.Fatal(err)
				}
			}
		},
		"shorter term": func(w *world) {
			w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Until = hr.DateInKyiv(testTime).AddDays(5) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			var off atomic.Bool
			w := newWorld(t, 1, func(c *issuer.Config) {
				c.Checker = pickyChecker{c.Checker, func([]byte) error {
					if off.Load() {
						return errOff
					}
					return nil
				}}
			})
			off.Store(true)
			w.try(testTime, w.ids[0])
			off.Store(false)
			change(w)
			w.openBody()
			at := testTime.Add(time.Hour)
			if name == "too old" {
				at = testTime.Add(25 * time.Hour)
			}
			r := w.issue(at, w.ids[0])
			if r.Renewal != 1 || w.count(issuer.StateAbandoned) != 1 || w.count(issuer.StateIssued) != 1 {
				t.Errorf("renewal %d, %d abandoned, %d issued", r.Renewal, w.count(issuer.StateAbandoned), w.count(issuer.StateIssued))
			}
			w.check()
		})
	}
}

// [ISS-07] Issuing again what stands signs nothing and answers the same ID.
func TestIssueTwiceSignsOnce(t *testing.T) {
	var signed atomic.Int32
	w := newWorld(t, 2, func(c *issuer.Config) { c.Signer = spySigner{c.Signer, func([]byte) { signed.Add(1) }} })
	first := w.issue(testTime, w.ids[0])
	if first.Existing || len(first.Tokens) != 2 || first.Renewal != 0 {
		t.Fatalf("first: %+v", first)
	}
	for range 3 {
		again := w.issue(testTime.Add(time.Hour), w.ids[0])
		if !again.Existing || again.ID.Serial != first.ID.Serial || again.Tokens != nil {
			t.Errorf("again: existing %v serial %s, want %s", again.Existing, again.ID.Serial, first.ID.Serial)
		}
	}
	// Named several times in one call, it is still issued once.
	res, err := w.b.Issue(ctx, testTime, w.ids[1], w.ids[0], w.ids[1], w.ids[1])
	if err != nil {
		t.Fatal(err)
	}
	if res[0].Err != nil || res[0].ID.Serial != res[2].ID.Serial || res[3].ID.Serial != res[0].ID.Serial || res[1].ID.Serial != first.ID.Serial {
		t.Errorf("one call, one entitlement, several answers: %+v", res)
	}
	if signed.Load() != 4 {
		t.Errorf("%d signatures, want 4", signed.Load())
	}
}

// [ISS-08] [ISS-09] Many callers at once: one live ID for each post, no serial or index twice.
func TestConcurrentIssue(t *testing.T) {
	people, callers := 400, 10_000
	if testing.Short() {
		people, callers = 50, 500
	}
	w := newWorld(t, people)
	serials := make([]sync.Map, people)
	var wg sync.WaitGroup
	errs := make(chan error, callers)
	for i := range callers {
		wg.Go(func() {
			e := i * 7 % people
			res, err := w.b.Issue(ctx, testTime, w.ids[e])
			if err == nil {
				err = res[0].Err
			}
			if err != nil {
				errs <- err
				return
			}
			serials[e].Store(res[0].ID.Serial, true)
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	for e := range serials {
		n := 0
		serials[e].Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Fatalf("entitlement %d was answered with %d serials, want 1", e, n)
		}
	}
	if n := w.count(issuer.StateIssued); n != people {
		t.Errorf("%d issued, want %d", n, people)
	}
	if n := w.count(); n != people {
		t.Errorf("%d IDs of any state, want %d", n, people)
	}
	w.check()
}

// [ISS-08] Two processes on one file do not issue twice either.
func TestTwoProcesses(t *testing.T) {
	w := newWorld(t, 60)
	other, err := store.Open(w.path, store.Options{Sealer: w.sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	b2, err := issuer.Open(ctx, other, w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	serials := make([][2]issuer.Serial, len(w.ids))
	var wg sync.WaitGroup
	for n, b := range []*issuer.Body{w.b, b2} {
		wg.Go(func() {
			for from := 0; from < len(w.ids); from += 6 {
				res, err := b.Issue(ctx, testTime, w.ids[from:from+6]...)
				if err != nil {
					t.Error(err)
					return
				}
				for i, r := range res {
					if r.Err != nil {
						t.Error(r.Err)
					}
					serials[from+i][n] = r.ID.Serial
				}
			}
		})
	}
	wg.Wait()
	for i, s := range serials {
		if s[0] != s[1] {
			t.Errorf("entitlement %d: processes answered %s and %s", i, s[0], s[1])
		}
	}
	if n := w.count(issuer.StateIssued); n != len(w.ids) {
		t.Errorf("%d issued, want %d", n, len(w.ids))
	}
	w.check()
}

// [ISS-09] [ISS-10] Indices are random, within the list, never given twice; a list is left when it is
// fuller than its share.
func TestStatusIndices(t *testing.T) {
	p := issuer.DefaultProfile()
	p.ListSize = issuer.MinListSize
	w := newWorld(t, 700, func(c *issuer.Config) { c.Profile = p })
	for from := 0; from < len(w.ids); from += 100 {
		res, err := w.b.Issue(ctx, testTime, w.ids[from:from+100]...)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if from == 300 {
			w.reopen(store.Options{}) // the allocator's memory is only a shortcut
		}
	}
	perList := map[uint32]int{}
	seen := map[uint32]bool{}
	var firstHundred []uint32
	for row := int64(1); row <= 700; row++ {
		for _, k := range w.tokensOf(row, 0) {
			if seen[k.Status] {
				t.Fatalf("index %d given twice", k.Status)
			}
			seen[k.Status] = true
			perList[k.Status>>20]++
			if k.Status&(1<<20-1) >= issuer.MinListSize {
				t.Fatalf("index %d is outside of the list", k.Status&(1<<20-1))
			}
			if len(firstHundred) < 100 {
				firstHundred = append(firstHundred, k.Status)
			}
		}
	}
	if len(seen) != 1400 || len(perList) != 3 {
		t.Fatalf("%d indices in %d lists, want 1400 in 3", len(seen), len(perList))
	}
	for l, n := range perList {
		if n > issuer.MinListSize*60/100+1 {
			t.Errorf("list %d holds %d of %d", l, n, issuer.MinListSize)
		}
	}
	rising := 0
	for i := 1; i < len(firstHundred); i++ {
		if firstHundred[i] > firstHundred[i-1] {
			rising++
		}
	}
	if rising < 25 || rising > 75 { // 99 fair draws leave this band once in many millions of runs
		t.Errorf("%d of 99 indices follow their predecessor: not random", rising)
	}
	w.check()
}

// [ISS-11] Tokens are renewed from day 20, with the same key and serial and new indices.
func TestRenewal(t *testing.T) {
	w := newWorld(t, 5)
	first := w.issue(testTime, w.ids[0])
	early := testTime.Add(20*day - time.Second)
	if r := w.issue(early, w.ids[0]); !r.Existing {
		t.Error("renewed before day 20")
	}
	var renewed []issuer.Result
	collect := func(r issuer.Result) error { renewed = append(renewed, r); return nil }
	if err := w.b.Renew(ctx, early, collect); err != nil || len(renewed) != 0 {
		t.Fatalf("Renew before day 20: %v %v", renewed, err)
	}
	at := testTime.Add(20 * day)
	if err := w.b.Renew(ctx, at, collect); err != nil || len(renewed) != 1 || renewed[0].Err != nil {
		t.Fatalf("Renew: %v %v", renewed, err)
	}
	r := renewed[0]
	if r.ID.Serial != first.ID.Serial || r.ID.ID != first.ID.ID || r.Renewal != 1 || r.ID.Number != first.ID.Number {
		t.Errorf("renewed as %s/%d, want serial %s, renewal 1", r.ID.Serial, r.Renewal, first.ID.Serial)
	}
	if !r.ID.ExpiresAt.Equal(at.Add(30*day)) || !r.ID.IssuedAt.Equal(testTime) {
		t.Errorf("expires %s issued %s", r.ID.ExpiresAt, r.ID.IssuedAt)
	}
	old, fresh := w.tokensOf(r.ID.ID, 0), w.tokensOf(r.ID.ID, 1)
	for i := range fresh {
		if old[i].Status == fresh[i].Status || old[i].Value != 0 || fresh[i].Value != 0 {
			t.Errorf("face %d: indices %d and %d, values %d and %d", i, old[i].Status, fresh[i].Status, old[i].Value, fresh[i].Value)
		}
	}
	if err := w.b.Renew(ctx, at, func(issuer.Result) error { return errors.New("renewed twice") }); err != nil {
		t.Error(err)
	}
	// A wish withdrawn, a post ended, a suspension: no renewal.
	for i, spoil := range []func(e int64, row int64){
		func(e, _ int64) { w.edit(e, func(p *issuer.PostRow) { p.Status = hr.StatusDismissed }) },
		func(e, _ int64) { w.edit(e, func(p *issuer.PostRow) { p.Blocked = true }) },
		func(_, row int64) {
			if err := w.b.Suspend(ctx, row, issuer.Change{Ground: issuer.GroundCheck, At: testTime}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		e := w.ids[1+i]
		id := w.issue(testTime, e).ID
		spoil(e, id.ID)
		if r := w.try(at, e); r.Err == nil {
			t.Errorf("case %d was renewed", i)
		}
	}
	w.check()
}

// [ISS-12] A token never outlives the entitlement's term.
func TestTermBoundsLife(t *testing.T) {
	w := newWorld(t, 3)
	today := hr.DateInKyiv(testTime)
	last := today.AddDays(9)
	w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Until = last })
	r := w.issue(testTime, w.ids[0])
	if !r.ID.ExpiresAt.Equal(last.End()) {
		t.Errorf("expires %s, want the end of the last day %s", r.ID.ExpiresAt, last.End())
	}
	if again := w.issue(testTime.Add(5*day), w.ids[0]); !again.Existing {
		t.Error("renewed although the term cannot grow")
	}
	if r := w.try(last.End(), w.ids[0]); !errors.Is(r.Err, issuer.ErrNotEntitled) {
		t.Errorf("after the term: %v", r.Err)
	}
	// A term that was cut short replaces tokens that reach beyond it.
	long := w.issue(testTime, w.ids[1])
	w.edit(w.ids[1], func(p *issuer.PostRow) { p.Record.Until = today.AddDays(3) })
	short := w.issue(testTime.Add(time.Hour), w.ids[1])
	if short.Existing || short.ID.ExpiresAt.After(today.AddDays(3).End()) {
		t.Errorf("tokens reach %s beyond the shortened term", short.ID.ExpiresAt)
	}
	if id, _ := w.b.Show(ctx, long.ID.ID); id.State != issuer.StateReplaced {
		t.Errorf("the long ID is %s, want replaced", id.State)
	}
	w.check()
}

// [ISS-13] Another phone or other content replaces the ID; the old one is invalid from the same moment.
func TestReplacement(t *testing.T) {
	for name, change := range map[string]func(*world){
		"phone": func(w *world) { w.rekey(w.ids[0]) },
		"rank":  func(w *world) { w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Rank++ }) },
		"post": func(w *world) {
			w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Position = "керівник відділу" })
		},
		"name": func(w *world) {
			w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Surname = "Гончаренко" })
		},
		"photo":   func(w *world) { w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.PhotoSHA256[3] ^= 1 }) },
		"plastic": func(w *world) { w.edit(w.ids[0], func(p *issuer.PostRow) { p.Record.Plastic.Number = "777777" }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			first := w.issue(testTime, w.ids[0])
			change(w)
			second := w.issue(testTime.Add(time.Hour), w.ids[0])
			if second.ID.Serial == first.ID.Serial || second.Existing {
				t.Fatal("not replaced")
			}
			old, err := w.b.Show(ctx, first.ID.ID)
			if err != nil || old.State != issuer.StateReplaced {
				t.Errorf("old ID is %s, %v", old.State, err)
			}
			for _, k := range w.tokensOf(first.ID.ID, 0) {
				if k.Value != 1 {
					t.Errorf("old token has status %d, want invalid", k.Value)
				}
			}
			ev, err := w.b.History(ctx, first.ID.ID)
			if err != nil || len(ev) != 1 || ev[0].Ground != issuer.GroundReplaced {
				t.Errorf("history %+v %v", ev, err)
			}
			if n := w.count(issuer.StateIssued, issuer.StateSuspended); n != 1 {
				t.Errorf("%d live IDs", n)
			}
			w.check()
		})
	}
}

// [ISS-18] A change that comes while a token is being signed wins: nothing is issued.
func TestOvertakenWhileSigning(t *testing.T) {
	var w *world
	var once sync.Once
	w = newWorld(t, 12, func(c *issuer.Config) {
		c.Signer = spySigner{c.Signer, func([]byte) {
			once.Do(func() {
				// The entitlement ends, and another process that looks at it gives up what is at work.
				w.edit(w.ids[3], func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
				if res, err := w.b2().Issue(ctx, testTime, w.ids[3]); err != nil || !errors.Is(res[0].Err, issuer.ErrNotEntitled) {
					t.Errorf("second process: %v %v", res, err)
				}
			})
		}}
	})
	res, err := w.b.Issue(ctx, testTime, w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if want := i == 3; (r.Err != nil) != want || want && !errors.Is(r.Err, issuer.ErrOvertaken) {
			t.Errorf("entitlement %d: %v", i, r.Err)
		}
	}
	if n := w.count(issuer.StateIssued); n != 11 {
		t.Errorf("%d issued, want 11", n)
	}
	if n := w.count(issuer.StateAbandoned); n != 1 {
		t.Errorf("%d abandoned, want 1", n)
	}
	w.check()
}

// b2 is a second body over the same store, as another process would have it.
func (w *world) b2() *issuer.Body {
	signer := newSigner(w.t)
	b, err := issuer.Open(ctx, w.s, issuer.Config{EDRPOU: testBody, Signer: signer, Grant: grantAll{}, Checker: signatureChecker{signer.IssuerPublic()}})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// [ISS-22] Signing can be stopped and allowed again; the switch outlives the process.
func TestStopSigning(t *testing.T) {
	w := newWorld(t, 2)
	if err := w.b.StopSigning(ctx, true, "2", testTime); err != nil {
		t.Fatal(err)
	}
	w.reopen(store.Options{})
	if r := w.try(testTime, w.ids[0]); !errors.Is(r.Err, issuer.ErrSigningStopped) {
		t.Fatalf("got %v", r.Err)
	}
	if w.count() != 0 {
		t.Error("something was stored while signing was stopped")
	}
	if err := w.b.StopSigning(ctx, false, "2", testTime); err != nil {
		t.Fatal(err)
	}
	w.issue(testTime, w.ids[0])
	w.check()
}

// [ISS-30] A signer or checker that panics fails its tokens, and nobody waits for ever.
func TestPanicIsAnError(t *testing.T) {
	w := newWorld(t, 4, func(c *issuer.Config) {
		c.Signer = lyingSigner{c.Signer, func() error { panic("device unplugged") }}
	})
	res, err := w.b.Issue(ctx, testTime, w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err == nil || !strings.Contains(r.Err.Error(), "device unplugged") {
			t.Errorf("got %v", r.Err)
		}
	}
	w.check()
}

// A body opens only over its own store, with a profile that makes sense.
func TestOpenRefuses(t *testing.T) {
	w := newWorld(t, 0)
	good := issuer.DefaultProfile()
	with := func(f func(*issuer.Profile)) issuer.Config {
		p := good
		f(&p)
		return issuer.Config{EDRPOU: testBody, Profile: p}
	}
	for name, c := range map[string]issuer.Config{
		"no code":           {},
		"short code":        {EDRPOU: "1234567"},
		"letters":           {EDRPOU: "1234567а"},
		"another body":      {EDRPOU: "87654321"},
		"group":             {EDRPOU: testBody, Group: 5000},
		"negative group":    {EDRPOU: testBody, Group: -1},
		"no life":           with(func(p *issuer.Profile) { p.Life = 0 }),
		"long life":         with(func(p *issuer.Profile) { p.Life = 400 * day }),
		"late renewal":      with(func(p *issuer.Profile) { p.RenewAfter = p.Life }),
		"no faces":          with(func(p *issuer.Profile) { p.Faces = nil }),
		"face twice":        with(func(p *issuer.Profile) { p.Faces = []credential.Face{credential.FaceFull, credential.FaceFull} }),
		"unknown face":      with(func(p *issuer.Profile) { p.Faces = []credential.Face{9} }),
		"list of 1000":      with(func(p *issuer.Profile) { p.ListSize = 1000 }),
		"list too great":    with(func(p *issuer.Profile) { p.ListSize = 1 << 21 }),
		"list too small":    with(func(p *issuer.Profile) { p.ListSize = 512 }),
		"negative delay":    with(func(p *issuer.Profile) { p.CodeDelay = -1 }),
		"name too long":     with(func(p *issuer.Profile) { p.Name = strings.Repeat("n", 33) }),
		"nameless but made": with(func(p *issuer.Profile) { p.Name = "" }),
	} {
		if b, err := issuer.Open(ctx, w.s, c); err == nil || b != nil {
			t.Errorf("%s: opened", name)
		}
	}
	if err := issuer.Create(ctx, w.s, issuer.BodyRow{EDRPOU: testBody, Name: "Ще один", Created: testTime}); !errors.Is(err, issuer.ErrConflict) {
		t.Errorf("second body in one store: %v", err)
	}
	for name, b := range map[string]issuer.BodyRow{
		"no name": {EDRPOU: testBody, Created: testTime},
		"no time": {EDRPOU: testBody, Name: "Без часу"},
		"no code": {Name: "Без коду", Created: testTime},
	} {
		if err := issuer.Create(ctx, w.s, b); err == nil || errors.Is(err, issuer.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.b.Issue(ctx, time.Time{}, 1); err == nil {
		t.Error("issued at no time")
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := w.b.Issue(done, testTime, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A key of the wrong kind signs nothing: the compiler keeps roles apart, this keeps algorithms apart.
func TestIssueWithEd25519(t *testing.T) {
	key, err := authority.GenerateIssuerKey(cose.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, 1, func(c *issuer.Config) {
		c.Signer, c.Checker = key, signatureChecker{key.IssuerPublic()}
	})
	r := w.issue(testTime, w.ids[0])
	u, err := credential.ParseToken(r.Tokens[1])
	if err != nil {
		t.Fatal(err)
	}
	tok, err := u.Verify(key.IssuerPublic())
	if err != nil {
		t.Fatal(err)
	}
	if tok.Face != credential.FaceFull || tok.Issuer != testBody || tok.Number != r.ID.Number || !strings.HasPrefix(tok.Name, "Гончарук") {
		t.Errorf("token says %+v", tok.Claims)
	}
	d, err := w.b.Delivery(ctx, r.ID.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := credential.ParseDelivery(d)
	if err != nil || len(got.Tokens) != 2 || !bytes.Equal(got.Tokens[1], r.Tokens[1]) {
		t.Errorf("delivery: %v", err)
	}
	out, err := w.b.Outbox(ctx, 10)
	if err != nil || len(out) != 1 || out[0].ID != r.ID.ID {
		t.Fatalf("outbox %v %v", out, err)
	}
	if err := w.b.Delivered(ctx, out[0].Seq); err != nil {
		t.Fatal(err)
	}
	if out, err = w.b.Outbox(ctx, 10); err != nil || len(out) != 0 {
		t.Errorf("outbox after delivery: %v %v", out, err)
	}
	if _, err := w.b.Delivery(ctx, 99, nil); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("delivery of nothing: %v", err)
	}
	if ids, err := w.b.Find(ctx, r.ID.Number); err != nil || len(ids) != 1 {
		t.Errorf("find: %v %v", ids, err)
	}
	if id, err := w.b.FindSerial(ctx, r.ID.Serial); err != nil || id.ID != r.ID.ID {
		t.Errorf("find serial: %v %v", id, err)
	}
	if _, err := w.b.FindSerial(ctx, issuer.Serial{1}); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("find no serial: %v", err)
	}
	if fmt.Sprint(r.ID.State) != "issued" {
		t.Errorf("state prints as %v", r.ID.State)
	}
}
