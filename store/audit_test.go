package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// raw runs statements past the program, as somebody with the file in hand would.
func (w *world) raw(statements ...string) {
	w.t.Helper()
	if err := w.s.Close(); err != nil {
		w.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, q := range statements {
		if _, err := db.Exec(q); err != nil {
			w.t.Fatalf("%s: %v", q, err)
		}
	}
	if err := db.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.openStore(store.Options{})
	w.openBody()
}

// [ISS-21] Whoever edits, deletes, reorders, adds or cuts off audit entries is found out.
func TestAuditChain(t *testing.T) {
	const open = "DROP TRIGGER audit_fixed; DROP TRIGGER audit_kept"
	for name, tamper := range map[string]string{
		"entry edited":        "UPDATE audit SET entry = CAST(substr(entry, 1, length(entry) - 1) || x'07' AS BLOB) WHERE seq = 4",
		"entry blanked":       "UPDATE audit SET entry = x'' WHERE seq = 4",
		"hash edited":         "UPDATE audit SET hash = zeroblob(32) WHERE seq = 4",
		"first deleted":       "DELETE FROM audit WHERE seq = 1",
		"middle deleted":      "DELETE FROM audit WHERE seq = 5",
		"middle closed up":    "DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5",
		"last deleted":        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
		"all deleted":         "DELETE FROM audit",
		"two swapped":         "UPDATE audit SET seq = -1 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = -1",
		"one added":           "INSERT INTO audit SELECT seq + 1, hash, entry FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
		"head moved back":     "UPDATE body SET audit_seq = audit_seq - 1",
		"head's hash changed": "UPDATE body SET audit_hash = zeroblob(32)",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 6)
			if _, err := w.b.Issue(ctx, testTime, w.ids...); err != nil {
				t.Fatal(err)
			}
			events := map[issuer.AuditEvent]int{}
			head, err := w.b.VerifyAudit(ctx, nil, func(r issuer.AuditRecord) error { events[r.Event]++; return nil })
			if err != nil || head.Seq != 13 || events[issuer.EventWillSign] != 6 || events[issuer.EventSigned] != 6 || events[issuer.EventBodyCreated] != 1 {
				t.Fatalf("head %d, events %v, %v", head.Seq, events, err)
			}
			w.raw(open, tamper)
			if _, err := w.b.VerifyAudit(ctx, nil, nil); !errors.Is(err, issuer.ErrAudit) {
				t.Errorf("got %v, want ErrAudit", err)
			}
		})
	}
}

// [ISS-21] A head that was written down catches even somebody who recomputes the whole chain.
func TestAuditHeadWrittenDown(t *testing.T) {
	w := newWorld(t, 6)
	if _, err := w.b.Issue(ctx, testTime, w.ids[:3]...); err != nil {
		t.Fatal(err)
	}
	head, err := w.b.AuditHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s := head.String(); !strings.HasPrefix(s, "7/") || len(s) != len("7/")+32+7 {
		t.Errorf("head prints as %q", s)
	}
	if _, err := w.b.Issue(ctx, testTime, w.ids[3:]...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.VerifyAudit(ctx, &head, nil); err != nil {
		t.Fatal(err)
	}
	forged := head
	forged.Hash[7] ^= 1
	if _, err := w.b.VerifyAudit(ctx, &forged, nil); !errors.Is(err, issuer.ErrAudit) {
		t.Errorf("another history: %v", err)
	}
	// Cut off behind entry 5, with a head that fits: only the written-down head tells.
	w.raw("DROP TRIGGER audit_kept", "DELETE FROM audit WHERE seq > 5",
		"UPDATE body SET audit_seq = 5, audit_hash = (SELECT hash FROM audit WHERE seq = 5)")
	if _, err := w.b.VerifyAudit(ctx, nil, nil); err != nil {
		t.Fatalf("the forger was clumsy: %v", err)
	}
	if _, err := w.b.VerifyAudit(ctx, &head, nil); !errors.Is(err, issuer.ErrAudit) {
		t.Errorf("cut-off chain: %v", err)
	}
	stop := errors.New("enough")
	if _, err := w.b.VerifyAudit(ctx, nil, func(issuer.AuditRecord) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the walk went on: %v", err)
	}
}

// [ISS-21] The audit holds no personal data, and the schema keeps what is in it.
func TestAuditIsImpersonalAndKept(t *testing.T) {
	w := newWorld(t, 3)
	if _, err := w.b.Issue(ctx, testTime, w.ids...); err != nil {
		t.Fatal(err)
	}
	if err := w.b.Suspend(ctx, 1, byOrder(issuer.GroundSuspension, testTime)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.b.Publish(ctx, testTime); err != nil {
		t.Fatal(err)
	}
	var all []byte
	w.view(func(tx issuer.Tx) error {
		rows, err := tx.AuditRows(0, 1000)
		for _, r := range rows {
			all = append(all, r.Entry...)
		}
		return err
	})
	n, err := store.InventedRNOKPP(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Гончарук", "Тарас", "слідчий", "Відділ", n} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("the audit holds %q", secret)
		}
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{"DELETE FROM audit WHERE seq = 1", "UPDATE audit SET entry = x'00' WHERE seq = 1"} {
		if _, err := db.Exec(q); err == nil {
			t.Errorf("%s went through", q)
		}
	}
}
