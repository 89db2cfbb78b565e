package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// Numbers of hr.Status in the file; never reused.
const (
	statusActive    = 1
	statusSuspended = 2
	statusLeft      = 3
)

func statusNumber(s hr.Status) (int, error) {
	switch s {
	case hr.StatusActive:
		return statusActive, nil
	case hr.StatusSuspended:
		return statusSuspended, nil
	case hr.StatusDismissed:
		return statusLeft, nil
	}
	return 0, fmt.Errorf("store: entitlement: status %q, want active, suspended or dismissed", string(s))
}

func statusOf(n int) (hr.Status, error) {
	switch n {
	case statusActive:
		return hr.StatusActive, nil
	case statusSuspended:
		return hr.StatusSuspended, nil
	case statusLeft:
		return hr.StatusDismissed, nil
	}
	return "", fmt.Errorf("store: entitlement: status %d: %w", n, ErrDamaged)
}

// seal encrypts a value for one column of the row that place names; "" stays NULL.
func (t *tx) seal(column, place string, plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	if t.s.sealer == nil {
		return nil, ErrNoSealer
	}
	return t.s.sealer.Seal(column+":"+place, plain), nil
}

func (t *tx) open(column, place string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	if t.s.sealer == nil {
		return nil, ErrNoSealer
	}
	plain, err := t.s.sealer.Open(column+":"+place, sealed)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", column, err)
	}
	return plain, nil
}

func keyBytes(k hr.PersonKey) []byte {
	if k.IsZero() {
		return nil
	}
	return k[:]
}

func keyOf(b []byte) (k hr.PersonKey) {
	copy(k[:], b)
	return k
}

// insert runs an INSERT and answers the row it made.
func (t *tx) insert(q string, args ...any) (int64, error) {
	r, err := t.exec(q, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

func (t *tx) InsertPerson(p issuer.PersonRow) (int64, error) {
	rnokpp, unzr, err := t.sealPerson(&p)
	if err != nil {
		return 0, err
	}
	return t.insert("INSERT INTO persons (key, kind, rnokpp, unzr) VALUES (?, ?, ?, ?)", p.Key[:], int(p.Kind), rnokpp, unzr)
}

// sealPerson binds the numbers to the person key: under another person's row they do not open.
func (t *tx) sealPerson(p *issuer.PersonRow) (rnokpp, unzr []byte, err error) {
	if rnokpp, err = t.seal("persons.rnokpp", string(p.Key[:]), []byte(p.RNOKPP)); err != nil {
		return nil, nil, err
	}
	unzr, err = t.seal("persons.unzr", string(p.Key[:]), []byte(p.UNZR))
	return rnokpp, unzr, err
}

func (t *tx) UpdatePerson(p issuer.PersonRow) error {
	rnokpp, unzr, err := t.sealPerson(&p)
	if err != nil {
		return err
	}
	return t.exec1("UPDATE persons SET key = ?, kind = ?, rnokpp = ?, unzr = ? WHERE id = ?", p.Key[:], int(p.Kind), rnokpp, unzr, p.ID)
}

const personColumns = "id, key, kind, rnokpp, unzr"

func (t *tx) scanPerson(scan func(...any) error) (p issuer.PersonRow, err error) {
	var key, rnokpp, unzr []byte
	if err := scan(&p.ID, &key, &p.Kind, &rnokpp, &unzr); err != nil {
		return p, err
	}
	p.Key = keyOf(key)
	number, err := t.open("persons.rnokpp", string(key), rnokpp)
	if err != nil {
		return p, err
	}
	p.RNOKPP = string(number)
	if number, err = t.open("persons.unzr", string(key), unzr); err != nil {
		return p, err
	}
	p.UNZR = string(number)
	return p, nil
}

// one runs a query for one row through a scanner of rows.
func one[T any](t *tx, q string, args []any, scan func(func(...any) error) (T, error)) (T, error) {
	var v T
	found := false
	err := t.rows(q, args, func(s func(...any) error) (err error) {
		v, err = scan(s)
		found = true
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return v, err
}

func many[T any](t *tx, q string, args []any, scan func(func(...any) error) (T, error)) ([]T, error) {
	var all []T
	err := t.rows(q, args, func(s func(...any) error) error {
		v, err := scan(s)
		all = append(all, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (t *tx) Person(id int64) (issuer.PersonRow, error) {
	return one(t, "SELECT "+personColumns+" FROM persons WHERE id = ?", []any{id}, t.scanPerson)
}

func (t *tx) PersonByKey(k hr.PersonKey) (issuer.PersonRow, error) {
	return one(t, "SELECT "+personColumns+" FROM persons WHERE key = ?", []any{k[:]}, t.scanPerson)
}

func (t *tx) Persons(each func(issuer.PersonRow) error) error {
	return t.rows("SELECT "+personColumns+" FROM persons ORDER BY id", nil, func(s func(...any) error) error {
		p, err := t.scanPerson(s)
		if err != nil {
			return err
		}
		return each(p)
	})
}

func (t *tx) sealRecord(p *issuer.PostRow) ([]byte, error) {
	plain, err := json.Marshal(&p.Record)
	if err != nil {
		return nil, fmt.Errorf("store: entitlement %d: record: %w", p.ID, err)
	}
	return t.seal("entitlements.record", recordPlace(p), plain)
}

// recordPlace binds a record to its person and post: under another row it does not open.
func recordPlace(p *issuer.PostRow) string { return strconv.FormatInt(p.Person, 10) + "/" + p.Post }

func (t *tx) InsertPost(p issuer.PostRow) (int64, error) {
	status, err := statusNumber(p.Status)
	if err != nil {
		return 0, err
	}
	record, err := t.sealRecord(&p)
	if err != nil {
		return 0, err
	}
	return t.insert(`INSERT INTO entitlements (person, post, status, origin, number, blocked, paused,
		key_rnokpp, key_unzr, key_staff, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.Person, p.Post, status,
		int(p.Origin), int64(p.Number), p.Blocked, p.Paused, keyBytes(p.Keys.RNOKPP), keyBytes(p.Keys.UNZR), keyBytes(p.Keys.Staff), record)
}

func (t *tx) UpdatePost(p issuer.PostRow) error {
	status, err := statusNumber(p.Status)
	if err != nil {
		return err
	}
	record, err := t.sealRecord(&p)
	if err != nil {
		return err
	}
	return t.exec1(`UPDATE entitlements SET person = ?, post = ?, status = ?, origin = ?, number = ?, blocked = ?, paused = ?,
		key_rnokpp = ?, key_unzr = ?, key_staff = ?, record = ? WHERE id = ?`, p.Person, p.Post, status, int(p.Origin), int64(p.Number),
		p.Blocked, p.Paused, keyBytes(p.Keys.RNOKPP), keyBytes(p.Keys.UNZR), keyBytes(p.Keys.Staff), record, p.ID)
}

const postQuery = `SELECT e.id, e.person, p.key, p.kind, e.key_rnokpp, e.key_unzr, e.key_staff, e.post, e.status, e.origin,
	e.number, e.blocked, e.paused, e.record, p.rnokpp, p.unzr,
	n.id, n.slip, n.holder, n.thumb, n.at
	FROM entitlements e JOIN persons p ON p.id = e.person LEFT JOIN enrolments n ON n.entitlement = e.id AND n.state = 1 `

func (t *tx) scanPost(scan func(...any) error) (p issuer.PostRow, err error) {
	var key, kr, ku, ks, record, rnokpp, unzr, holder, thumb []byte
	var status int
	var number int64
	var enrolment, slip, at *int64
	if err := scan(&p.ID, &p.Person, &key, &p.Kind, &kr, &ku, &ks, &p.Post, &status, &p.Origin, &number, &p.Blocked, &p.Paused, &record, &rnokpp, &unzr,
		&enrolment, &slip, &holder, &thumb, &at); err != nil {
		return p, err
	}
	p.Key, p.Number = keyOf(key), uint64(number)
	p.Keys = hr.Keys{RNOKPP: keyOf(kr), UNZR: keyOf(ku), Staff: keyOf(ks)}
	if p.Status, err = statusOf(status); err != nil {
		return p, err
	}
	plain, err := t.open("entitlements.record", recordPlace(&p), record)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(plain, &p.Record); err != nil {
		return p, fmt.Errorf("store: entitlement %d: record is not readable: %w", p.ID, ErrDamaged)
	}
	if plain, err = t.open("persons.rnokpp", string(key), rnokpp); err != nil {
		return p, err
	}
	p.Record.RNOKPP = string(plain)
	if plain, err = t.open("persons.unzr", string(key), unzr); err != nil {
		return p, err
	}
	p.Record.UNZR = string(plain)
	if enrolment != nil {
		p.Enrolment = issuer.EnrolmentRow{ID: *enrolment, Entitlement: p.ID, Slip: *slip, Holder: holder, Thumb: hash32(thumb),
			At: fromUnix(*at), State: issuer.EnrolmentLive}
	}
	return p, nil
}

func hash32(b []byte) (h [32]byte) {
	copy(h[:], b)
	return h
}

func (t *tx) Post(id int64) (issuer.PostRow, error) {
	return one(t, postQuery+"WHERE e.id = ?", []any{id}, t.scanPost)
}

func (t *tx) Posts(each func(issuer.PostRow) error) error {
	return t.rows(postQuery+"ORDER BY e.id", nil, func(s func(...any) error) error {
		p, err := t.scanPost(s)
		if err != nil {
			return err
		}
		return each(p)
	})
}

func (t *tx) PostsOfPerson(person int64) ([]issuer.PostRow, error) {
	return many(t, postQuery+"WHERE e.person = ? ORDER BY e.id", []any{person}, t.scanPost)
}

func (t *tx) Entitlement(id int64, at time.Time) (issuer.Entitlement, error) {
	p, err := t.Post(id)
	if err != nil {
		return issuer.Entitlement{}, fmt.Errorf("store: entitlement %d: %w", id, err)
	}
	return issuer.EntitlementOf(&p, at), nil
}

func (t *tx) Wished(after int64, limit int) ([]int64, error) {
	return many(t, `SELECT n.entitlement FROM enrolments n JOIN entitlements e ON e.id = n.entitlement
		WHERE n.state = 1 AND e.status = 1 AND n.entitlement > ? ORDER BY n.entitlement LIMIT ?`, []any{after, limit},
		func(scan func(...any) error) (id int64, err error) { return id, scan(&id) })
}

func (t *tx) PutPlan(p issuer.PlanRow) error {
	waiting, err := json.Marshal(p.Waiting)
	if err != nil {
		return fmt.Errorf("store: plan %d: %w", p.Number, err)
	}
	_, err = t.exec(`INSERT INTO plans (`+planColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (number) DO UPDATE SET hash = excluded.hash, state = excluded.state, made = excluded.made,
		expires = excluded.expires, applied = excluded.applied, items = excluded.items, held = excluded.held, waiting = excluded.waiting,
		people = excluded.people, as_of = excluded.as_of`,
		int64(p.Number), p.Hash[:], int(p.State), unix(p.Made), unix(p.Expires), unix(p.Applied), p.Items, p.Held, string(waiting), p.People, p.AsOf.String())
	return err
}

const planColumns = "number, hash, state, made, expires, applied, items, held, waiting, people, as_of"

func scanPlan(scan func(...any) error) (p issuer.PlanRow, err error) {
	var number, made, expires, applied int64
	var hash []byte
	var asOf, waiting string
	if err := scan(&number, &hash, &p.State, &made, &expires, &applied, &p.Items, &p.Held, &waiting, &p.People, &asOf); err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(waiting), &p.Waiting); err != nil {
		return p, fmt.Errorf("store: plan %d: waiting items are not readable: %w", number, ErrDamaged)
	}
	if err := p.AsOf.UnmarshalText([]byte(asOf)); err != nil {
		return p, fmt.Errorf("store: plan %d: day is not readable: %w", number, ErrDamaged)
	}
	p.Number, p.Hash, p.Made, p.Expires, p.Applied = uint64(number), hash32(hash), fromUnix(made), fromUnix(expires), fromUnix(applied)
	return p, nil
}

func (t *tx) Plan(n uint64) (issuer.PlanRow, error) {
	return one(t, "SELECT "+planColumns+" FROM plans WHERE number = ?", []any{int64(n)}, scanPlan)
}

func (t *tx) LastPlan() (issuer.PlanRow, error) {
	return one(t, "SELECT "+planColumns+" FROM plans ORDER BY number DESC LIMIT 1", nil, scanPlan)
}

func (t *tx) PlansSince(applied time.Time) ([]issuer.PlanRow, error) {
	return many(t, "SELECT "+planColumns+" FROM plans WHERE applied >= ? ORDER BY number", []any{unix(applied)}, scanPlan)
}

func (t *tx) UpdateBlocked(blocked []int64) error {
	list, err := json.Marshal(blocked)
	if err != nil {
		return fmt.Errorf("store: blocked: %w", err)
	}
	if blocked == nil {
		list = []byte("[]")
	}
	_, err = t.exec(`UPDATE entitlements SET blocked = 1 - blocked
		WHERE blocked <> (id IN (SELECT value FROM json_each(?)))`, string(list))
	return err
}
