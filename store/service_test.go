package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/posvid/posvid/store"
)

func openService(t *testing.T, name string) *store.Service {
	t.Helper()
	v, err := store.OpenService(name, store.Options{Sealer: newSealer(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func TestServiceTx(t *testing.T) {
	v := openService(t, filepath.Join(t.TempDir(), "service.db"))
	ctx := context.Background()
	var subject [32]byte
	insert := "INSERT INTO accounts (subject, name, made) VALUES ($1, $2, 5)"
	err := v.Update(ctx, func(tx *store.ServiceTx) error {
		id, err := tx.Insert(insert, subject[:], []byte("x"))
		if err != nil || id != 1 {
			t.Errorf("insert: row %d, %v", id, err)
		}
		if n, err := tx.Exec("UPDATE accounts SET made = 6"); err != nil || n != 1 {
			t.Errorf("update: %d rows, %v", n, err)
		}
		if err := tx.Exec1("UPDATE accounts SET made = 7 WHERE id = 99"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("update of no row: %v, want ErrNotFound", err)
		}
		if _, err := tx.Insert(insert, subject[:], []byte("y")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("same subject: %v, want ErrConflict", err)
		}
		if _, err := tx.Exec("INSERT INTO grants (account, role, body) VALUES (42, 'auditor', '')"); err == nil {
			t.Error("a grant of no account was taken")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no")
	if err := v.Update(ctx, func(tx *store.ServiceTx) error {
		tx.Exec("DELETE FROM accounts")
		return failed
	}); !errors.Is(err, failed) {
		t.Errorf("got %v, want the function's own error", err)
	}
	err = v.View(ctx, func(tx *store.ServiceTx) error {
		var n, made int
		if err := tx.Row("SELECT count(*), max(made) FROM accounts", nil, &n, &made); err != nil || n != 1 || made != 6 {
			t.Errorf("%d accounts made at %d, %v: want what was there before the failed update", n, made, err)
		}
		if err := tx.Row("SELECT id FROM accounts WHERE id = 9", nil, &n); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no row: %v, want ErrNotFound", err)
		}
		if _, err := tx.Exec("DELETE FROM accounts"); err == nil {
			t.Error("a view wrote")
		}
		rows := 0
		err := tx.Rows("SELECT id FROM accounts", nil, func(scan func(...any) error) error {
			rows++
			return scan(&n)
		})
		if err != nil || rows != 1 {
			t.Errorf("%d rows, %v", rows, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestServiceSeal(t *testing.T) {
	v := openService(t, filepath.Join(t.TempDir(), "service.db"))
	plain := []byte("Вигаданець Зразок")
	err := v.View(context.Background(), func(tx *store.ServiceTx) error {
		sealed, err := tx.Seal("accounts.name", "1", plain)
		if err != nil {
			return err
		}
		if bytes.Contains(sealed, plain[:8]) {
			t.Error("the sealed value shows the name")
		}
		if open, err := tx.Open("accounts.name", "1", sealed); err != nil || !bytes.Equal(open, plain) {
			t.Errorf("opens to %q, %v", open, err)
		}
		for _, other := range [][2]string{{"accounts.name", "2"}, {"sessions.data", "1"}, {"accounts.nam", "e1"}} {
			if _, err := tx.Open(other[0], other[1], sealed); !errors.Is(err, store.ErrSealed) {
				t.Errorf("opened as %v: %v, want ErrSealed", other, err)
			}
		}
		sealed[len(sealed)-1] ^= 1
		if _, err := tx.Open("accounts.name", "1", sealed); !errors.Is(err, store.ErrSealed) {
			t.Errorf("changed: %v, want ErrSealed", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.MAC("session", []byte("token"))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := v.MAC("account subject", []byte("token")); a == b {
		t.Error("two labels give one value")
	}
}

// The schema is brought up to date by opening; a file of a newer program, a body's file and a damaged one are refused.
func TestServiceMigrate(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "service.db")
	sealer := newSealer(t)
	for range 2 { // the second time there is nothing to do
		v, err := store.OpenService(name, store.Options{Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		err = v.View(context.Background(), func(tx *store.ServiceTx) error {
			var n int
			return tx.Row("SELECT count(*) FROM sessions", nil, &n)
		})
		if err != nil {
			t.Error(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	v, err := store.OpenService(name, store.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Update(context.Background(), func(tx *store.ServiceTx) error {
		_, err := tx.Exec("INSERT INTO migrations (version, name, hash) VALUES (9999, 'x', x'00')")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	v.Close()
	if _, err := store.OpenService(name, store.Options{Sealer: sealer}); !errors.Is(err, store.ErrNewer) {
		t.Errorf("newer schema: %v, want ErrNewer", err)
	}
	body := filepath.Join(dir, "body.db")
	s, err := store.Open(body, store.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := store.OpenService(body, store.Options{Sealer: sealer}); err == nil {
		t.Error("a body's file was opened as the service's")
	}
	if err := os.WriteFile(body, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenService(body, store.Options{Sealer: sealer}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("damaged: %v, want ErrDamaged", err)
	}
}

// Without the data key nothing can be sealed or looked up by a keyed hash.
func TestServiceWithoutKey(t *testing.T) {
	v, err := store.OpenService(filepath.Join(t.TempDir(), "service.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := v.MAC("x", nil); !errors.Is(err, store.ErrNoSealer) {
		t.Errorf("MAC: %v, want ErrNoSealer", err)
	}
	v.View(context.Background(), func(tx *store.ServiceTx) error {
		if _, err := tx.Seal("a", "b", []byte("c")); !errors.Is(err, store.ErrNoSealer) {
			t.Errorf("Seal: %v, want ErrNoSealer", err)
		}
		return nil
	})
}
