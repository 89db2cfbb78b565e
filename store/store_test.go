package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// The file and its log are for their owner alone, whatever the umask says.
func TestFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes of files are not Windows's")
	}
	w := newWorld(t, 1)
	for _, name := range []string{w.path, w.path + "-wal", w.path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(name), mode)
		}
	}
}

// [ISS-23] The file is opened so that a commit is on the disk: WAL, FULL, foreign keys, STRICT, no mmap.
func TestEngineSettings(t *testing.T) {
	w := newWorld(t, 1)
	got, err := w.s.Settings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "mmap_size": "0", "cell_size_check": "1"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
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
	rows, err := db.Query("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var name string
		var strict bool
		if err := rows.Scan(&name, &strict); err != nil {
			t.Fatal(err)
		}
		n++
		if !strict {
			t.Errorf("table %s is not STRICT", name)
		}
	}
	if n < 12 {
		t.Errorf("%d tables", n)
	}
	var first, second int
	if err := db.QueryRow("SELECT $2, $1", 1, 2).Scan(&first, &second); err != nil || first != 2 || second != 1 {
		t.Errorf("numbered parameters are bound as %d %d, %v", first, second, err)
	}
}

func TestOpenRefusesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("not a database. "), 512), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(garbage, store.Options{}); !errors.Is(err, store.ErrDamaged) || s != nil {
		t.Errorf("garbage: %v", err)
	}
	if s, err := store.Open("", store.Options{}); err == nil || s != nil {
		t.Error("opened no path")
	}
	if s, err := store.Open(filepath.Join(dir, "missing", "body.db"), store.Options{}); err == nil || s != nil {
		t.Error("opened a file in a missing folder")
	}
	if s, err := store.Open(dir, store.Options{}); err == nil || s != nil {
		t.Error("opened a folder")
	}
	for name, change := range map[string]struct {
		sql  string
		want error
	}{
		"newer":  {"INSERT INTO migrations SELECT max(version) + 1, '9999_later.sql', zeroblob(32) FROM migrations", store.ErrNewer},
		"edited": {"UPDATE migrations SET hash = zeroblob(32) WHERE version = 1", store.ErrDamaged},
		"gap":    {"DELETE FROM migrations WHERE version = 1", store.ErrDamaged},
	} {
		path := filepath.Join(dir, name+".db")
		s, err := store.Open(path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(change.sql); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if s, err := store.Open(path, store.Options{}); !errors.Is(err, change.want) || s != nil {
			t.Errorf("%s schema: %v, want %v", name, err, change.want)
		}
	}
	// A path with every character that a file URI treats in its own way.
	odd := filepath.Join(dir, "a b?c#d%20е&mode=ro.db")
	s, err := store.Open(odd, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(odd); err != nil {
		t.Errorf("the file lies elsewhere: %v", err)
	}
}

func TestTransactions(t *testing.T) {
	w := newWorld(t, 0)
	boom := errors.New("boom")
	if err := w.s.Update(ctx, func(tx issuer.Tx) error {
		if err := tx.SetSetting("a", []byte("1")); err != nil {
			return err
		}
		return boom
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		w.s.Update(ctx, func(tx issuer.Tx) error {
			if err := tx.SetSetting("a", []byte("2")); err != nil {
				t.Error(err)
			}
			panic("boom")
		})
	}()
	w.view(func(tx issuer.Tx) error {
		if v, err := tx.Setting("a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a write that failed stayed: %q %v", v, err)
		}
		return nil
	})
	if err := w.s.View(ctx, func(tx issuer.Tx) error { return tx.SetSetting("a", nil) }); err == nil {
		t.Error("wrote in a view")
	}
	w.update(func(tx issuer.Tx) error { return tx.SetSetting("a", nil) })
	w.view(func(tx issuer.Tx) error {
		if v, err := tx.Setting("a"); err != nil || len(v) != 0 {
			t.Errorf("empty value: %q %v", v, err)
		}
		return nil
	})
	for name, f := range map[string]func(tx issuer.Tx) error{
		"next number falls":    func(tx issuer.Tx) error { return tx.SetNextNumber(0) },
		"published falls":      func(tx issuer.Tx) error { return tx.SetPublished(time.Time{}) },
		"head from elsewhere":  func(tx issuer.Tx) error { return tx.SetAuditHead(issuer.AuditHead{Seq: 9}, issuer.AuditHead{Seq: 10}) },
		"token without ID":     func(tx issuer.Tx) error { return tx.InsertTokens([]issuer.TokenRow{{ID: 1, IDRow: 5}}) },
		"intent without ID":    func(tx issuer.Tx) error { return tx.InsertIntents([]issuer.Intent{{ID: 5, Stage: 1}}) },
		"signed without token": func(tx issuer.Tx) error { return tx.InsertSigned([]issuer.TokenRow{{ID: 5, Signed: []byte{1}}}) },
		"finish no intent": func(tx issuer.Tx) error {
			return tx.FinishIntents([]issuer.Intent{{Entitlement: 5}}, issuer.StageIssued)
		},
		"issue no ID":          func(tx issuer.Tx) error { return tx.IssueIDs([]issuer.ID{{ID: 5}}) },
		"state of no ID":       func(tx issuer.Tx) error { return tx.SetIDState(5, 2, 3, testTime) },
		"list too great":       func(tx issuer.Tx) error { return tx.PutStatusList(issuer.StatusList{List: 4096, Capacity: 1024}) },
		"list without entries": func(tx issuer.Tx) error { return tx.PutStatusList(issuer.StatusList{List: 1}) },
		"status value 3": func(tx issuer.Tx) error {
			id := issuer.ID{ID: 1, State: 1, ChangedAt: testTime}
			if err := tx.InsertIDs([]issuer.ID{id}); err != nil {
				return err
			}
			return tx.InsertTokens([]issuer.TokenRow{{ID: 1, IDRow: 1, Value: 3}})
		},
		"serial twice": func(tx issuer.Tx) error {
			return tx.InsertIDs([]issuer.ID{{ID: 1, State: 1, Serial: issuer.Serial{1}}, {ID: 2, State: 1, Serial: issuer.Serial{1}}})
		},
		"index twice": func(tx issuer.Tx) error {
			if err := tx.InsertIDs([]issuer.ID{{ID: 1, State: 1}}); err != nil {
				return err
			}
			return tx.InsertTokens([]issuer.TokenRow{{ID: 1, IDRow: 1, Status: 7}, {ID: 2, IDRow: 1, Status: 7}})
		},
		"two live IDs": func(tx issuer.Tx) error {
			return tx.InsertIDs([]issuer.ID{{ID: 1, State: 2, Entitlement: 4, Serial: issuer.Serial{1}}, {ID: 2, State: 3, Entitlement: 4, Serial: issuer.Serial{2}}})
		},
		"unknown state": func(tx issuer.Tx) error { return tx.InsertIDs([]issuer.ID{{ID: 1, State: 8}}) },
	} {
		if err := w.s.Update(ctx, f); err == nil {
			t.Errorf("%s: went through", name)
		}
	}
	w.check()
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := w.s.Update(ctx, func(issuer.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("update after close: %v", err)
	}
	if err := w.s.View(ctx, func(issuer.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("view after close: %v", err)
	}
}

// [ISS-24] A full disk stops issuing with its name; nothing that was not durable is answered as issued,
// and after the disk has room again the same intents are finished.
func TestDiskFull(t *testing.T) {
	w := newWorld(t, 400)
	res, err := w.b.Issue(ctx, testTime, w.ids[:40]...)
	if err != nil {
		t.Fatal(err)
	}
	acked := map[int64]issuer.Serial{}
	for _, r := range res {
		acked[r.Entitlement] = r.ID.Serial
	}
	info, err := os.Stat(w.path)
	if err != nil {
		t.Fatal(err)
	}
	w.reopen(store.Options{MaxPages: int(info.Size()/4096) + 12})
	full := 0
	for from := 40; from < 400; from += 40 {
		res, err := w.b.Issue(ctx, testTime, w.ids[from:from+40]...)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range res {
			switch {
			case r.Err == nil && full > 0:
				t.Fatal("issued after the store had stopped")
			case r.Err == nil:
				acked[r.Entitlement] = r.ID.Serial
			case !errors.Is(r.Err, store.ErrDiskFull):
				t.Fatalf("got %v, want ErrDiskFull", r.Err)
			default:
				full++
			}
		}
	}
	if full == 0 {
		t.Fatal("the disk never filled: the test shows nothing")
	}
	if err := w.s.Update(ctx, func(issuer.Tx) error { return nil }); !errors.Is(err, store.ErrStopped) || !errors.Is(err, store.ErrDiskFull) {
		t.Errorf("a stopped store took a write: %v", err)
	}
	w.reopen(store.Options{})
	w.check()
	if _, _, err := w.b.Recover(ctx, testTime.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	res, err = w.b.Issue(ctx, testTime.Add(time.Minute), w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		if was, ok := acked[r.Entitlement]; ok && was != r.ID.Serial {
			t.Fatalf("entitlement %d was acknowledged as %s, is %s", r.Entitlement, was, r.ID.Serial)
		}
	}
	if n := w.count(issuer.StateIssued); n != 400 {
		t.Errorf("%d issued, want 400", n)
	}
	w.check()
}

// Damage to a page is found by Check and never answered as a valid ID.
func TestDamageIsFound(t *testing.T) {
	w := newWorld(t, 200)
	if _, err := w.b.Issue(ctx, testTime, w.ids...); err != nil {
		t.Fatal(err)
	}
	w.check()
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for page := 2; page < len(whole)/4096; page += 7 {
		broken := bytes.Clone(whole)
		for i := range 64 {
			broken[page*4096+i] ^= 0xa5
		}
		if err := os.WriteFile(w.path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(w.path, store.Options{Sealer: w.sealer})
		if err == nil {
			err = s.Check(ctx)
			s.Close()
		}
		if err != nil {
			found++
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("page %d: %v, want ErrDamaged", page, err)
			}
		}
	}
	if pages := (len(whole)/4096 - 2 + 6) / 7; found < pages*9/10 {
		t.Errorf("damage found on %d of %d pages", found, pages)
	}
	if err := os.WriteFile(w.path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	w.openStore(store.Options{})
	w.openBody()
	w.check()
}

// A rule of issuing that is broken in the file is named.
func TestCheckNamesBrokenRules(t *testing.T) {
	w := newWorld(t, 4)
	if _, err := w.b.Issue(ctx, testTime, w.ids...); err != nil {
		t.Fatal(err)
	}
	if err := w.b.Revoke(ctx, 2, check(issuer.GroundLoss, testTime)); err != nil {
		t.Fatal(err)
	}
	w.check()
	for _, c := range []struct{ sql, undo, want string }{
		{"DELETE FROM signed WHERE token = 1", "", "issued token without its signed bytes"},
		{"DROP TRIGGER tokens_final; UPDATE tokens SET value = 0 WHERE idrow = 2", "", "ended ID with a token that is not invalid"},
		{"UPDATE tokens SET value = 2 WHERE idrow = 3", "", "issued ID whose newest tokens are not valid"},
		{"UPDATE ids SET state = 3 WHERE id = 4", "", "suspended ID with a token that is valid"},
		{"DELETE FROM status_lists", "", "token in a list that is not known"},
		{"DELETE FROM intents WHERE entitlement = (SELECT entitlement FROM ids WHERE id = 1)", "", "token without its intent"},
		{"PRAGMA foreign_keys = off; DELETE FROM ids WHERE id = 3", "", "refer to rows that are not there"},
	} {
		path := filepath.Join(t.TempDir(), "copy.db")
		if err := w.s.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(w.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(c.sql); err != nil {
			t.Fatalf("%s: %v", c.sql, err)
		}
		db.Close()
		s, err := store.Open(path, store.Options{Sealer: w.sealer})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(ctx); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.sql, err, c.want)
		}
		s.Close()
		w.openStore(store.Options{})
	}
}

// [ISS-25] A sealed value opens only where it was sealed, with its own key, unchanged.
func TestSealer(t *testing.T) {
	a, b := newSealer(t), newSealer(t)
	secret := []byte("1234567890")
	sealed := a.Seal("persons.rnokpp:7", secret)
	if got, err := a.Open("persons.rnokpp:7", sealed); err != nil || !bytes.Equal(got, secret) {
		t.Fatal(got, err)
	}
	if bytes.Contains(sealed, secret) || bytes.Equal(sealed, a.Seal("persons.rnokpp:7", secret)) {
		t.Error("sealing hides nothing, or repeats itself")
	}
	if _, err := a.Open("persons.rnokpp:8", sealed); !errors.Is(err, store.ErrSealed) {
		t.Errorf("other row: %v", err)
	}
	if _, err := a.Open("persons.unzr:7", sealed); !errors.Is(err, store.ErrSealed) {
		t.Errorf("other column: %v", err)
	}
	if _, err := b.Open("persons.rnokpp:7", sealed); !errors.Is(err, store.ErrSealed) {
		t.Errorf("other key: %v", err)
	}
	for i := range sealed {
		for bit := range 8 {
			c := bytes.Clone(sealed)
			c[i] ^= 1 << bit
			if got, err := a.Open("persons.rnokpp:7", c); !errors.Is(err, store.ErrSealed) || got != nil {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
		if got, err := a.Open("persons.rnokpp:7", sealed[:i]); !errors.Is(err, store.ErrSealed) || got != nil {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if a.MAC("x", []byte("yz")) == a.MAC("xy", []byte("z")) {
		t.Error("label and data run into each other")
	}
	if one, again := a.MAC("x", nil), a.MAC("x", nil); one == b.MAC("x", nil) || one != again {
		t.Error("MAC does not follow its key")
	}
	if _, err := store.NewSealer(store.DataKey{}); err == nil {
		t.Error("a key of zeros was taken")
	}
	k := store.NewDataKey()
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%x %v %+v %#v", k, k, k, k), k.String(), fmt.Sprint(a), fmt.Sprintf("%v %+v", a, a)} {
		if !strings.Contains(s, "[redacted]") || strings.Contains(s, fmt.Sprintf("%x", k[:4])) {
			t.Errorf("a key prints as %q", s)
		}
	}
}

func FuzzSealerOpen(f *testing.F) {
	s, err := store.NewSealer(store.DataKey{1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add(s.Seal("other", []byte("value")))
	f.Add(bytes.Repeat([]byte{1}, 29))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain, err := s.Open("here", data); err == nil || plain != nil || !errors.Is(err, store.ErrSealed) {
			t.Fatalf("opened %x as %x, %v", data, plain, err)
		}
	})
}
