package store_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

func check(g issuer.Ground, at time.Time) issuer.Change { return issuer.Change{Ground: g, At: at} }

func byOrder(g issuer.Ground, at time.Time) issuer.Change {
	return issuer.Change{Ground: g, Order: "17-к", OrderDate: testTime, Operator: "1", At: at}
}

func (w *world) values(row int64) (out []uint8) {
	id, err := w.b.Show(ctx, row)
	if err != nil {
		w.t.Fatal(err)
	}
	for r := uint32(0); r <= id.Renewal; r++ {
		for _, k := range w.tokensOf(row, r) {
			out = append(out, k.Value)
		}
	}
	return out
}

func (w *world) wantValues(row int64, want ...uint8) {
	w.t.Helper()
	if got := w.values(row); !bytes.Equal(got, want) {
		w.t.Errorf("status values %v, want %v", got, want)
	}
}

// [ISS-14] Suspending and revoking set the indices of every token of the ID, renewals and expired ones included.
func TestStatusOfEveryToken(t *testing.T) {
	w := newWorld(t, 2)
	id := w.issue(testTime, w.ids[0]).ID
	w.issue(testTime.Add(20*day), w.ids[0]) // both pairs live
	at := testTime.Add(25 * day)
	if err := w.b.Suspend(ctx, id.ID, byOrder(issuer.GroundSuspension, at)); err != nil {
		t.Fatal(err)
	}
	w.wantValues(id.ID, 2, 2, 2, 2)
	if err := w.b.Resume(ctx, id.ID, check(issuer.GroundReturn, at.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	w.wantValues(id.ID, 0, 0, 0, 0)
	// On day 35 the first pair has expired, by a clock that may be wrong: it is set with the other.
	if err := w.b.Suspend(ctx, id.ID, check(issuer.GroundCheck, testTime.Add(35*day))); err != nil {
		t.Fatal(err)
	}
	w.wantValues(id.ID, 2, 2, 2, 2)
	// Resumed when all have run out, they still say what the state says.
	if err := w.b.Resume(ctx, id.ID, check(issuer.GroundReturn, testTime.Add(334*day))); err != nil {
		t.Fatal(err)
	}
	w.wantValues(id.ID, 0, 0, 0, 0)
	w.check()
	if err := w.b.Revoke(ctx, id.ID, byOrder(issuer.GroundDismissal, testTime.Add(335*day))); err != nil {
		t.Fatal(err)
	}
	w.wantValues(id.ID, 1, 1, 1, 1)
	// A token that expired seconds ago may still be shown to a verifier whose clock is behind.
	id = w.issue(testTime, w.ids[1]).ID
	if err := w.b.Revoke(ctx, id.ID, check(issuer.GroundLoss, id.ExpiresAt.Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	w.wantValues(id.ID, 1, 1)
	w.check()
}

// [ISS-15] Revocation is final, and only a suspended ID resumes.
func TestStateMachine(t *testing.T) {
	w := newWorld(t, 1)
	id := w.issue(testTime, w.ids[0]).ID.ID
	good := check(issuer.GroundReturn, testTime)
	if err := w.b.Resume(ctx, id, good); !errors.Is(err, issuer.ErrState) {
		t.Errorf("resume of an issued ID: %v", err)
	}
	if err := w.b.Suspend(ctx, id, check(issuer.GroundCheck, testTime)); err != nil {
		t.Fatal(err)
	}
	if err := w.b.Suspend(ctx, id, check(issuer.GroundCheck, testTime)); !errors.Is(err, issuer.ErrState) {
		t.Errorf("suspend twice: %v", err)
	}
	if err := w.b.Revoke(ctx, id, check(issuer.GroundLoss, testTime)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"suspend": w.b.Suspend(ctx, id, check(issuer.GroundCheck, testTime)),
		"resume":  w.b.Resume(ctx, id, good),
		"revoke":  w.b.Revoke(ctx, id, check(issuer.GroundLoss, testTime)),
	} {
		if !errors.Is(err, issuer.ErrState) {
			t.Errorf("%s after revocation: %v", name, err)
		}
	}
	if err := w.b.Suspend(ctx, 77, check(issuer.GroundCheck, testTime)); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("no such ID: %v", err)
	}
	// Not even a fault in the program can bring it back: the schema refuses.
	err := w.s.Update(ctx, func(tx issuer.Tx) error { return tx.SetIDState(id, issuer.StateRevoked, issuer.StateIssued, testTime) })
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("schema let a revoked ID be issued: %v", err)
	}
	w.wantValues(id, 1, 1)
	n, err := 0, error(nil)
	w.update(func(tx issuer.Tx) error { n, err = tx.SetTokenValues(id, 0, time.Time{}); return err })
	if n != 0 {
		t.Errorf("%d invalid statuses became valid", n)
	}
	w.check()
}

// [ISS-15] Whatever is done in whatever order, a final state stays, one ID is live, and values follow states.
func TestLifecycleProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, 2)
		defer w.s.Close()
		final := map[int64]issuer.State{}
		at := testTime
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(1, 12*24).Draw(rt, "hours")) * time.Hour)
			e := rapid.IntRange(0, 1).Draw(rt, "who")
			var rows []issuer.ID
			if err := w.b.List(ctx, nil, func(id issuer.ID) error { rows = append(rows, id); return nil }); err != nil {
				rt.Fatal(err)
			}
			switch op := rapid.IntRange(0, 6).Draw(rt, "op"); {
			case op <= 1:
				w.try(at, w.ids[e])
			case op == 2:
				w.rekey(w.ids[e])
			case op == 3:
				if _, err := w.b.Expire(ctx, at, 10); err != nil {
					rt.Fatal(err)
				}
			case len(rows) == 0:
			default:
				row := rows[rapid.IntRange(0, len(rows)-1).Draw(rt, "row")]
				var err error
				switch op {
				case 4:
					err = w.b.Suspend(ctx, row.ID, check(issuer.GroundCheck, at))
				case 5:
					err = w.b.Resume(ctx, row.ID, check(issuer.GroundReturn, at))
				case 6:
					err = w.b.Revoke(ctx, row.ID, check(issuer.GroundLoss, at))
				}
				if err != nil && !errors.Is(err, issuer.ErrState) {
					rt.Fatal(err)
				}
			}
			if err := w.b.List(ctx, nil, func(id issuer.ID) error {
				if was, ok := final[id.ID]; ok && id.State != was {
					rt.Fatalf("ID %d left the final state %s for %s", id.ID, was, id.State)
				}
				if id.State.Final() {
					final[id.ID] = id.State
				}
				return nil
			}); err != nil {
				rt.Fatal(err)
			}
			if err := w.s.Check(ctx); err != nil {
				rt.Fatal(err)
			}
		}
		if _, err := w.b.VerifyAudit(ctx, nil, nil); err != nil {
			rt.Fatal(err)
		}
	})
}

// [ISS-16] The key of a revoked ID is not issued to again; a fresh one is.
func TestRevokedHolderKey(t *testing.T) {
	w := newWorld(t, 1)
	id := w.issue(testTime, w.ids[0]).ID
	if err := w.b.Revoke(ctx, id.ID, check(issuer.GroundTheft, testTime.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if r := w.try(testTime.Add(2*time.Hour), w.ids[0]); !errors.Is(r.Err, issuer.ErrHolderRevoked) {
		t.Fatalf("got %v", r.Err)
	}
	w.rekey(w.ids[0])
	r := w.issue(testTime.Add(3*time.Hour), w.ids[0])
	if r.ID.Serial == id.Serial {
		t.Error("same serial after revocation")
	}
	w.wantValues(id.ID, 1, 1)
	w.check()
}

// [ISS-17] Every change of state has a ground that justifies it, with its order where one is needed.
func TestGrounds(t *testing.T) {
	w := newWorld(t, 1)
	id := w.issue(testTime, w.ids[0]).ID.ID
	for name, c := range map[string]issuer.Change{
		"no ground":      {At: testTime},
		"unknown ground": {Ground: 200, At: testTime},
		"no time":        {Ground: issuer.GroundCheck},
		"a return":       check(issuer.GroundReturn, testTime),
		"a death":        check(issuer.GroundDeath, testTime),
		"without order":  check(issuer.GroundSuspension, testTime),
		"order, no date": {Ground: issuer.GroundSuspension, Order: "5", At: testTime},
		"date, no order": {Ground: issuer.GroundCheck, OrderDate: testTime, At: testTime},
		"long order":     {Ground: issuer.GroundCheck, Order: strings.Repeat("9", 65), OrderDate: testTime, At: testTime},
		"broken order":   {Ground: issuer.GroundCheck, Order: "\xff", OrderDate: testTime, At: testTime},
		"program's own":  check(issuer.GroundStopCode, testTime),
	} {
		if err := w.b.Suspend(ctx, id, c); err == nil || errors.Is(err, issuer.ErrState) {
			t.Errorf("suspended with %s: %v", name, err)
		}
	}
	if err := w.b.Revoke(ctx, id, check(issuer.GroundDismissal, testTime)); !errors.Is(err, issuer.ErrGround) {
		t.Errorf("dismissal without order: %v", err)
	}
	for _, g := range []issuer.Ground{issuer.GroundEntitlement, issuer.GroundReplaced, issuer.GroundExpired} {
		if err := w.b.Revoke(ctx, id, check(g, testTime)); !errors.Is(err, issuer.ErrGround) {
			t.Errorf("%s by an operator: %v", g, err)
		}
	}
	if err := w.b.Revoke(ctx, id, byOrder(issuer.GroundDismissal, testTime)); err != nil {
		t.Fatal(err)
	}
	ev, err := w.b.History(ctx, id)
	if err != nil || len(ev) != 1 {
		t.Fatal(ev, err)
	}
	if e := ev[0]; e.From != issuer.StateIssued || e.To != issuer.StateRevoked || e.Ground != issuer.GroundDismissal || e.Order != "17-к" ||
		!e.OrderDate.Equal(testTime) || e.Operator != "1" || !e.At.Equal(testTime) {
		t.Errorf("event %+v", e)
	}
	if _, err := w.b.History(ctx, 55); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("history of nothing: %v", err)
	}
	codesSeen := map[string]bool{}
	for _, to := range []issuer.State{issuer.StateSuspended, issuer.StateIssued, issuer.StateRevoked} {
		for _, g := range issuer.GroundsFor(to) {
			codesSeen[g.String()] = true
			if back, err := issuer.ParseGround(g.String()); err != nil || back != g {
				t.Errorf("%s reads back as %v %v", g, back, err)
			}
			if g.Text("uk") == "" || g.Text("en") == "" || g.Text("uk") == g.Text("en") {
				t.Errorf("%s has no words", g)
			}
		}
	}
	if len(codesSeen) < 14 || codesSeen["stop-code"] {
		t.Errorf("grounds for operators: %v", codesSeen)
	}
	if _, err := issuer.ParseGround("because"); !errors.Is(err, issuer.ErrGround) {
		t.Errorf("parsed an unknown ground: %v", err)
	}
	if issuer.Ground(0).Text("uk") != "невідомо" || issuer.Ground(0).String() != "unknown" || issuer.GroundsFor(issuer.StatePending) != nil {
		t.Error("the zero ground has a meaning")
	}
}

// [ISS-19] iat of a publication always grows; lists hold every change and leave when their tokens have expired.
func TestPublish(t *testing.T) {
	p := issuer.DefaultProfile()
	p.ListSize = issuer.MinListSize
	w := newWorld(t, 400, func(c *issuer.Config) { c.Profile = p })
	res, err := w.b.Issue(ctx, testTime, w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.b.Suspend(ctx, res[3].ID.ID, check(issuer.GroundCheck, testTime)); err != nil {
		t.Fatal(err)
	}
	if err := w.b.Revoke(ctx, res[5].ID.ID, check(issuer.GroundLoss, testTime)); err != nil {
		t.Fatal(err)
	}
	pub, iat, err := w.b.Publish(ctx, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if pub.EDRPOU != testBody || len(pub.StatusLists) != 2 || !iat.Equal(testTime) {
		t.Fatalf("%s, %d lists, iat %s", pub.EDRPOU, len(pub.StatusLists), iat)
	}
	lists := map[uint16]*trust.StatusList{}
	for _, data := range pub.StatusLists {
		tok, err := trust.ParseStatusToken(data)
		if err != nil {
			t.Fatal(err)
		}
		if err := tok.Verify(w.cfg.Signer.IssuerPublic()); err != nil {
			t.Fatal(err)
		}
		if err := tok.Verify(newSigner(t).IssuerPublic()); err == nil {
			t.Error("list verifies under a foreign key")
		}
		if tok.Bits != 2 || !tok.UnverifiedIssuedAt.Equal(iat) || !tok.ExpiresAt.Equal(iat.Add(8*day)) || tok.UnverifiedID.Issuer != testBody {
			t.Errorf("list %+v", tok)
		}
		l, err := tok.List()
		if err != nil || l.Len() != issuer.MinListSize {
			t.Fatal(l.Len(), err)
		}
		lists[tok.UnverifiedID.List] = l
	}
	bad := 0
	for row := int64(1); row <= 400; row++ {
		want := trust.StatusValid
		switch row {
		case res[3].ID.ID:
			want = trust.StatusSuspended
		case res[5].ID.ID:
			want = trust.StatusInvalid
		}
		for _, k := range w.tokensOf(row, 0) {
			ref := credential.StatusRef(k.Status)
			got, err := lists[ref.List()].Get(ref.Index())
			if err != nil || got != want {
				t.Fatalf("row %d: status %s %v, want %s", row, got, err, want)
			}
			if got != trust.StatusValid {
				bad++
			}
		}
	}
	if bad != 4 {
		t.Errorf("%d indices are not valid, want 4", bad)
	}
	// The same second again, and a clock a little behind: still later than the last.
	last := iat
	for _, at := range []time.Time{testTime, testTime, testTime.Add(-time.Minute)} {
		_, next, err := w.b.Publish(ctx, at)
		if err != nil || !next.After(last) {
			t.Fatalf("iat %s after %s: %v", next, last, err)
		}
		last = next
	}
	if _, _, err := w.b.Publish(ctx, testTime.Add(-time.Hour)); !errors.Is(err, issuer.ErrClock) {
		t.Errorf("clock an hour behind: %v", err)
	}
	w.reopen(store.Options{})
	if _, next, err := w.b.Publish(ctx, testTime); err != nil || !next.After(last) {
		t.Errorf("after a restart: %s %v", next, err)
	}
	if pub, _, err = w.b.Publish(ctx, testTime.Add(31*day)); err != nil || len(pub.StatusLists) != 0 {
		t.Errorf("%d lists of expired tokens %v", len(pub.StatusLists), err)
	}
	none, err := issuer.Open(ctx, w.s, issuer.Config{EDRPOU: testBody})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := none.Publish(ctx, testTime.Add(32*day)); !errors.Is(err, issuer.ErrNoSigner) {
		t.Errorf("published without a key: %v", err)
	}
	w.check()
}

// [ISS-20] A code number is given once, published, and used only when every verifier has had time to get it.
func TestCodeTable(t *testing.T) {
	w := newWorld(t, 3)
	face := func(r issuer.Result) *credential.Token {
		t.Helper()
		u, err := credential.ParseToken(r.Tokens[1])
		if err != nil {
			t.Fatal(err)
		}
		tok, err := u.Verify(w.cfg.Signer.IssuerPublic())
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	first := face(w.issue(testTime, w.ids[0]))
	if first.Position.Code != 0 || first.Position.Text != "старший слідчий" || first.Unit.Text != "Відділ 1" {
		t.Errorf("unpublished numbers were used: %+v %+v", first.Position, first.Unit)
	}
	pub, iat, err := w.b.Publish(ctx, testTime.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := trust.ParseCodes(pub.Codes)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Verify(w.cfg.Signer.IssuerPublic()); err != nil {
		t.Fatal(err)
	}
	table, err := tok.Table()
	if err != nil {
		t.Fatal(err)
	}
	position, ok := table.Lookup(codes.Position, 1)
	if !ok || position.UK != "старший слідчий" || position.EN != "senior investigator" {
		t.Errorf("position 1 is %+v", position)
	}
	if early := face(w.issue(iat.Add(8*day-time.Second), w.ids[1])); early.Position.Text == "" {
		t.Error("number used before a bundle's lifetime had passed")
	}
	coded := face(w.issue(iat.Add(8*day), w.ids[2]))
	if coded.Position.Code != 1 || coded.Position.Text != "" {
		t.Errorf("position %+v, want number 1", coded.Position)
	}
	if coded.Unit.Code != 0 { // unit 3 was first seen after the publication
		t.Errorf("unit %+v, want its text", coded.Unit)
	}
	// The next table begins with the entries of this one.
	w.reopen(store.Options{})
	pub2, _, err := w.b.Publish(ctx, iat.Add(9*day))
	if err != nil {
		t.Fatal(err)
	}
	tok2, err := trust.ParseCodes(pub2.Codes)
	if err != nil {
		t.Fatal(err)
	}
	table2, err := tok2.Table()
	if err != nil {
		t.Fatal(err)
	}
	if err := codes.Extends(table, table2); err != nil {
		t.Error(err)
	}
	w.check()
}

// A clock months ahead, at which no bundle grants the key, ends no ID for ever.
func TestExpireWantsAGrantedTime(t *testing.T) {
	g := new(switchGrant)
	w := newWorld(t, 1, func(c *issuer.Config) { c.Grant = g })
	id := w.issue(testTime, w.ids[0]).ID
	g.off.Store(true)
	if n, err := w.b.Expire(ctx, testTime.Add(300*day), 10); !errors.Is(err, issuer.ErrNotGranted) || n != 0 {
		t.Fatalf("expired %d, %v", n, err)
	}
	if now, err := w.b.Show(ctx, id.ID); err != nil || now.State != issuer.StateIssued {
		t.Fatalf("ID is %s, %v", now.State, err)
	}
	w.cfg.Signer, w.cfg.Grant, w.cfg.Checker = nil, nil, nil
	w.openBody()
	if _, err := w.b.Expire(ctx, testTime.Add(300*day), 10); !errors.Is(err, issuer.ErrNoSigner) {
		t.Fatalf("without a signer: %v", err)
	}
	w.check()
}

// [ISS-28] What is purged is the bytes that name people; rows and indices stay.
func TestExpireAndPurge(t *testing.T) {
	w := newWorld(t, 2)
	a := w.issue(testTime, w.ids[0]).ID
	b := w.issue(testTime.Add(10*day), w.ids[1]).ID
	at := testTime.Add(31 * day)
	if n, err := w.b.Expire(ctx, at, 10); err != nil || n != 1 {
		t.Fatalf("expired %d %v, want 1", n, err)
	}
	if id, _ := w.b.Show(ctx, a.ID); id.State != issuer.StateExpired {
		t.Errorf("ID is %s", id.State)
	}
	w.wantValues(a.ID, 0, 0) // expired is not revoked
	before := w.tokensOf(a.ID, 0)
	if n, err := w.b.Purge(ctx, at.Add(-time.Hour), at, 100); err != nil || n != 2 {
		t.Fatalf("purged %d %v, want 2", n, err)
	}
	if n, err := w.b.Purge(ctx, at.Add(-time.Hour), at, 100); err != nil || n != 0 {
		t.Errorf("purged again: %d %v", n, err)
	}
	after := w.tokensOf(a.ID, 0)
	for i := range after {
		if after[i].Payload != nil || after[i].Signed != nil || after[i].Status != before[i].Status {
			t.Errorf("token %d keeps its bytes or lost its index", i)
		}
	}
	if _, err := w.b.Tokens(ctx, a.ID); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("tokens of a purged ID: %v", err)
	}
	if rows, err := w.b.Tokens(ctx, b.ID); err != nil || len(rows) != 2 {
		t.Errorf("tokens of a live ID: %d %v", len(rows), err)
	}
	// A holder who comes back gets a new ID.
	if r := w.issue(at, w.ids[0]); r.ID.ID == a.ID || r.Existing {
		t.Error("an expired ID was answered as issued")
	}
	w.check()
}

// [ISS-29] A key request is signed by the key that it asks for.
func TestKeyRequest(t *testing.T) {
	w := newWorld(t, 0)
	next := newSigner(t)
	data, err := w.b.KeyRequest(ctx, testTime, next, "+380440000000")
	if err != nil {
		t.Fatal(err)
	}
	q, err := trust.ParseKeyRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Key.Equal(next.IssuerPublic()) || q.Bodies[0].EDRPOU != testBody || q.MaxLife != 30*day || len(q.Kinds) != 1 || q.Kinds[0] != 0 {
		t.Errorf("request %+v", q)
	}
	data[len(data)-1] ^= 1
	if _, err := trust.ParseKeyRequest(data); err == nil {
		t.Error("a changed request was accepted")
	}
	if _, err := w.b.KeyRequest(ctx, testTime, nil, ""); !errors.Is(err, issuer.ErrNoSigner) {
		t.Errorf("request without a key: %v", err)
	}
	w.check()
}

// [ISS-25] РНОКПП and УНЗР are not in the file, nor are they readable with another data key.
func TestPersonalNumbersAreSealed(t *testing.T) {
	w := newWorld(t, 30)
	if _, err := w.b.Issue(ctx, testTime, w.ids...); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		n, err := store.InventedRNOKPP(i)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(file, []byte(n)) {
			t.Fatalf("РНОКПП of person %d stands in the file", i)
		}
	}
	w.sealer = newSealer(t)
	w.openStore(store.Options{})
	err = w.s.View(ctx, func(tx issuer.Tx) error {
		_, err := tx.Post(w.ids[0])
		return err
	})
	if !errors.Is(err, store.ErrSealed) {
		t.Errorf("another data key: %v", err)
	}
	w.s.Close()
	none, err := store.Open(w.path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.s = none
	if err := none.View(ctx, func(tx issuer.Tx) error { _, err := tx.Post(w.ids[0]); return err }); !errors.Is(err, store.ErrNoSealer) {
		t.Errorf("no data key: %v", err)
	}
	if _, err := none.MAC("label", nil); !errors.Is(err, store.ErrNoSealer) {
		t.Errorf("MAC without a data key: %v", err)
	}
}
