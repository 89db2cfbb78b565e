package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"testing"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// tamper runs a statement behind the store's back, as somebody with the file alone could.
func tamper(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestRegisterIsSealed(t *testing.T) {
	w := newWorld(t, 3)
	var people []issuer.PersonRow
	var posts []issuer.PostRow
	w.view(func(tx issuer.Tx) error {
		if err := tx.Persons(func(p issuer.PersonRow) error { people = append(people, p); return nil }); err != nil {
			return err
		}
		return tx.Posts(func(p issuer.PostRow) error { posts = append(posts, p); return nil })
	})
	if len(people) != 3 || len(posts) != 3 {
		t.Fatalf("%d people, %d posts, want 3 each", len(people), len(posts))
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range people {
		for _, secret := range []string{p.RNOKPP, posts[i].Record.Surname, posts[i].Record.Position, posts[i].Record.Plastic.Number + `"`} {
			if secret == "" || bytes.Contains(data, []byte(secret)) {
				t.Fatalf("person %d: a value of %d bytes stands in the file", i, len(secret))
			}
		}
	}
	read := func(name string, want error) {
		t.Helper()
		w.openStore(store.Options{})
		err := w.s.View(context.Background(), func(tx issuer.Tx) error {
			if err := tx.Persons(func(issuer.PersonRow) error { return nil }); err != nil {
				return err
			}
			return tx.Posts(func(issuer.PostRow) error { return nil })
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err := w.s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	read("untouched", nil)
	right := w.sealer
	w.sealer = newSealer(t)
	read("another data key", store.ErrSealed)
	w.sealer = nil
	read("no data key", store.ErrNoSealer)
	w.sealer = right
	for name, statement := range map[string]string{
		"number moved to another person": "UPDATE persons SET rnokpp = (SELECT rnokpp FROM persons WHERE id = 2) WHERE id = 1",
		"number moved to another column": "UPDATE persons SET unzr = rnokpp WHERE id = 1",
		"record moved to another person": "UPDATE entitlements SET record = (SELECT record FROM entitlements WHERE id = 2) WHERE id = 1",
		"post given to another person":   "UPDATE entitlements SET person = 3, post = 'x' WHERE id = 1",
		"last byte of a record changed":  "UPDATE entitlements SET record = CAST(substr(record, 1, length(record) - 1) || 'x' AS BLOB) WHERE id = 1",
		"record cut":                     "UPDATE entitlements SET record = x'01' WHERE id = 1",
	} {
		backup, err := os.ReadFile(w.path)
		if err != nil {
			t.Fatal(err)
		}
		tamper(t, w.path, statement)
		read(name, store.ErrSealed)
		if err := os.WriteFile(w.path, backup, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read("put back", nil)
	w.openStore(store.Options{})
}

func TestRegisterRowsAreUnique(t *testing.T) {
	w := newWorld(t, 2)
	p := issuer.PersonRow{Key: hr.PersonKey{1}, Kind: hr.KeyStaff}
	post := issuer.PostRow{Post: "main", Status: hr.StatusActive, Origin: issuer.OriginPlan, Number: 1}
	slip := issuer.SlipRow{Code: [32]byte{1}, Stop: [32]byte{2}, Made: testTime, Expires: testTime, State: issuer.SlipOpen}
	w.update(func(tx issuer.Tx) (err error) {
		if p.ID, err = tx.InsertPerson(p); err != nil {
			return err
		}
		post.Person = p.ID
		if post.ID, err = tx.InsertPost(post); err != nil {
			return err
		}
		slip.Entitlement = post.ID
		slip.ID, err = tx.InsertSlip(slip)
		return err
	})
	other := slip
	other.Entitlement = w.ids[0]
	for name, f := range map[string]func(issuer.Tx) error{
		"person key twice":     func(tx issuer.Tx) error { _, err := tx.InsertPerson(p); return err },
		"one post twice":       func(tx issuer.Tx) error { _, err := tx.InsertPost(post); return err },
		"enrolment code twice": func(tx issuer.Tx) error { s := other; s.Stop[0]++; _, err := tx.InsertSlip(s); return err },
		"stop code twice":      func(tx issuer.Tx) error { s := other; s.Code[0]++; _, err := tx.InsertSlip(s); return err },
		"second open slip":     func(tx issuer.Tx) error { s := slip; s.Code[0]++; s.Stop[0]++; _, err := tx.InsertSlip(s); return err },
		"action twice": func(tx issuer.Tx) error {
			a := issuer.ActionRow{Kind: issuer.ApproveRights, Number: 1, At: testTime}
			return errors.Join(tx.InsertAction(a), tx.InsertAction(a))
		},
		"two live enrolments": func(tx issuer.Tx) error {
			e := issuer.EnrolmentRow{Entitlement: w.ids[0], Slip: slip.ID, Holder: []byte{1}, At: testTime, State: issuer.EnrolmentLive}
			_, err := tx.InsertEnrolment(e)
			return err
		},
	} {
		if err := w.s.Update(context.Background(), f); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrConflict)
		}
	}
	bad := post
	bad.Post, bad.Status = "other", "retired"
	if err := w.s.Update(context.Background(), func(tx issuer.Tx) error { _, err := tx.InsertPost(bad); return err }); err == nil {
		t.Error("an unknown status was stored")
	}
	for name, f := range map[string]func(issuer.Tx) error{
		"person":      func(tx issuer.Tx) error { _, err := tx.Person(999); return err },
		"key":         func(tx issuer.Tx) error { _, err := tx.PersonByKey(hr.PersonKey{9}); return err },
		"post":        func(tx issuer.Tx) error { _, err := tx.Post(999); return err },
		"entitlement": func(tx issuer.Tx) error { _, err := tx.Entitlement(999, testTime); return err },
		"plan":        func(tx issuer.Tx) error { _, err := tx.Plan(999); return err },
		"last plan":   func(tx issuer.Tx) error { _, err := tx.LastPlan(); return err },
		"slip":        func(tx issuer.Tx) error { _, err := tx.Slip(999); return err },
		"code":        func(tx issuer.Tx) error { _, err := tx.SlipByCode([32]byte{9}); return err },
		"stop code":   func(tx issuer.Tx) error { _, err := tx.SlipByStop([32]byte{9}); return err },
	} {
		if err := w.s.View(context.Background(), f); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrNotFound)
		}
	}
	for name, f := range map[string]func(issuer.Tx) error{
		"slip":      func(tx issuer.Tx) error { return tx.UpdateSlip(issuer.SlipRow{ID: 999, State: issuer.SlipUsed}) },
		"enrolment": func(tx issuer.Tx) error { return tx.EndEnrolment(999, issuer.EnrolmentEnded, testTime) },
		"operator":  func(tx issuer.Tx) error { return tx.UpdateOperator(issuer.Operator{ID: 999, Roles: 1}) },
		"post":      func(tx issuer.Tx) error { p := post; p.ID = 999; return tx.UpdatePost(p) },
		"person":    func(tx issuer.Tx) error { x := p; x.ID = 999; return tx.UpdatePerson(x) },
	} {
		if err := w.s.Update(context.Background(), f); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("update of no %s: %v, want %v", name, err, store.ErrNotFound)
		}
	}
}

func TestBlockedAreExactlyThose(t *testing.T) {
	w := newWorld(t, 4)
	for _, want := range [][]int64{{w.ids[0], w.ids[2]}, {w.ids[2], w.ids[3]}, nil, w.ids} {
		w.update(func(tx issuer.Tx) error { return tx.UpdateBlocked(want) })
		var got []int64
		w.view(func(tx issuer.Tx) error {
			return tx.Posts(func(p issuer.PostRow) error {
				if p.Blocked {
					got = append(got, p.ID)
				}
				return nil
			})
		})
		if len(got) != len(want) {
			t.Fatalf("blocked %v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("blocked %v, want %v", got, want)
			}
		}
	}
}
