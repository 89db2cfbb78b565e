package diia

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// Problems of look-ups.
var (
	badPerson = service.NewProblem(http.StatusUnprocessableEntity, "bad-person",
		"Людину названо не так: потрібне рівно одне з rnokpp, unzr, staff, і воно має бути правильним.",
		"The person is not named as needed: want exactly one of rnokpp, unzr, staff, and a valid one.",
		"Виправте запит.", "Mend the request.")
	tooManyMisses = service.NewProblem(http.StatusTooManyRequests, "too-many-misses",
		"Забагато запитів про людей, яких в органі немає.", "Too many questions about people who are not with the body.",
		"Зачекайте годину.", "Wait an hour.")
)

// wanted names a person by exactly one number.
type wanted struct{ RNOKPP, UNZR, Staff string }

func (w *wanted) check() error {
	n := 0
	for _, s := range []string{w.RNOKPP, w.UNZR, w.Staff} {
		if s != "" {
			n++
		}
	}
	switch {
	case n != 1,
		w.RNOKPP != "" && !hr.ValidRNOKPP(w.RNOKPP),
		w.UNZR != "" && !hr.ValidUNZR(w.UNZR),
		!plain(w.Staff):
		return badPerson
	}
	return nil
}

// keyIndex leads from the keyed hashes that are not a person's best key to the person's row. It is rebuilt when a plan or a
// manual entry has changed the register since, and what it answers is held against the register again.
type keyIndex struct {
	mu      sync.Mutex
	version string
	persons map[hr.PersonKey]int64
}

func registerVersion(tx issuer.Tx) (string, error) {
	plan, err := tx.LastPlan()
	if err != nil && !errors.Is(err, issuer.ErrNotFound) {
		return "", err
	}
	last, err := tx.LastAction(issuer.ApproveManualIssue)
	if err != nil {
		return "", err
	}
	return strconv.FormatUint(plan.Number, 10) + "/" + strconv.Itoa(int(plan.State)) + "/" + strconv.FormatUint(last, 10), nil
}

func (x *keyIndex) person(tx issuer.Tx, key hr.PersonKey) (int64, bool, error) {
	v, err := registerVersion(tx)
	if err != nil {
		return 0, false, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.persons == nil || x.version != v {
		m := map[hr.PersonKey]int64{}
		if err := tx.Posts(func(p issuer.PostRow) error {
			for _, k := range []hr.PersonKey{p.Keys.UNZR, p.Keys.Staff} {
				if !k.IsZero() {
					m[k] = p.Person
				}
			}
			return nil
		}); err != nil {
			return 0, false, err
		}
		x.persons, x.version = m, v
	}
	row, ok := x.persons[key]
	return row, ok, nil
}

// held is one post of a person with every ID that it had.
type held struct {
	post issuer.PostRow
	ids  []issuer.ID // oldest first
}

// find reads a person and what the person holds, by keyed hashes. No posts means that the body does not know the person.
func (p *part) find(ctx context.Context, b *service.Body, w *wanted) (person issuer.PersonRow, posts []held, err error) {
	key, err := b.Register.PersonKey(w.RNOKPP, w.UNZR, w.Staff)
	if err != nil {
		return issuer.PersonRow{}, nil, badPerson.Because(err)
	}
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		posts = nil
		person, err = tx.PersonByKey(key)
		if errors.Is(err, issuer.ErrNotFound) {
			if w.RNOKPP != "" {
				return nil // the best key of everybody who has one
			}
			row, ok, err := p.index[b.EDRPOU].person(tx, key)
			if err != nil || !ok {
				return err
			}
			if person, err = tx.Person(row); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		rows, err := tx.PostsOfPerson(person.ID)
		if err != nil {
			return err
		}
		ours := person.Key == key
		for _, r := range rows {
			ours = ours || r.Keys.UNZR == key || r.Keys.Staff == key && r.Status != hr.StatusDismissed
		}
		if !ours {
			return nil
		}
		for _, r := range rows {
			ids, err := tx.IDsOfEntitlement(r.ID)
			if err != nil {
				return err
			}
			posts = append(posts, held{r, ids})
		}
		return nil
	})
	if err != nil {
		return issuer.PersonRow{}, nil, err
	}
	return person, posts, nil
}

// newest is the ID that counts: the live one, else the last that was handed out.
func (h *held) newest() (issuer.ID, bool) {
	var last issuer.ID
	for _, id := range h.ids {
		if id.State.Live() {
			return id, true
		}
		if id.State != issuer.StatePending && id.State != issuer.StateAbandoned {
			last = id
		}
	}
	return last, last.ID != 0
}
