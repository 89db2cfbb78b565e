package store

import (
	"time"

	"github.com/posvid/posvid/issuer"
)

func (t *tx) InsertSlip(s issuer.SlipRow) (int64, error) {
	return t.insert(`INSERT INTO slips (entitlement, code, stop, made, expires, closed, tries, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		s.Entitlement, s.Code[:], s.Stop[:], unix(s.Made), unix(s.Expires), unix(s.Closed), s.Tries, int(s.State))
}

func (t *tx) UpdateSlip(s issuer.SlipRow) error {
	return t.exec1("UPDATE slips SET closed = ?, tries = ?, state = ? WHERE id = ?", unix(s.Closed), s.Tries, int(s.State), s.ID)
}

const slipColumns = "id, entitlement, code, stop, made, expires, closed, tries, state"

func scanSlip(scan func(...any) error) (s issuer.SlipRow, err error) {
	var code, stop []byte
	var made, expires, closed int64
	if err := scan(&s.ID, &s.Entitlement, &code, &stop, &made, &expires, &closed, &s.Tries, &s.State); err != nil {
		return s, err
	}
	s.Code, s.Stop, s.Made, s.Expires, s.Closed = hash32(code), hash32(stop), fromUnix(made), fromUnix(expires), fromUnix(closed)
	return s, nil
}

func (t *tx) SlipByCode(mac [32]byte) (issuer.SlipRow, error) {
	return one(t, "SELECT "+slipColumns+" FROM slips WHERE code = ?", []any{mac[:]}, scanSlip)
}

func (t *tx) SlipByStop(mac [32]byte) (issuer.SlipRow, error) {
	return one(t, "SELECT "+slipColumns+" FROM slips WHERE stop = ?", []any{mac[:]}, scanSlip)
}

func (t *tx) Slip(id int64) (issuer.SlipRow, error) {
	return one(t, "SELECT "+slipColumns+" FROM slips WHERE id = ?", []any{id}, scanSlip)
}

func (t *tx) SlipsOf(entitlement int64) ([]issuer.SlipRow, error) {
	return many(t, "SELECT "+slipColumns+" FROM slips WHERE entitlement = ? ORDER BY id", []any{entitlement}, scanSlip)
}

func (t *tx) OpenSlips() (map[int64]int64, error) {
	open := map[int64]int64{}
	err := t.rows("SELECT entitlement, id FROM slips WHERE state = 1", nil, func(scan func(...any) error) error {
		var entitlement, id int64
		if err := scan(&entitlement, &id); err != nil {
			return err
		}
		open[entitlement] = id
		return nil
	})
	return open, err
}

func (t *tx) BindHolder(thumb [32]byte, person int64) (owner int64, err error) {
	if _, err := t.exec("INSERT INTO holder_keys (thumb, person) VALUES (?, ?) ON CONFLICT (thumb) DO NOTHING", thumb[:], person); err != nil {
		return 0, err
	}
	err = t.row("SELECT person FROM holder_keys WHERE thumb = ?", []any{thumb[:]}, &owner)
	return owner, err
}

func (t *tx) HolderPerson(thumb [32]byte) (person int64, err error) {
	err = t.row("SELECT person FROM holder_keys WHERE thumb = ?", []any{thumb[:]}, &person)
	return person, err
}

func (t *tx) InsertEnrolment(e issuer.EnrolmentRow) (int64, error) {
	return t.insert("INSERT INTO enrolments (entitlement, slip, holder, thumb, at, ended, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
		e.Entitlement, e.Slip, e.Holder, e.Thumb[:], unix(e.At), unix(e.Ended), int(e.State))
}

func (t *tx) EndEnrolment(id int64, to issuer.EnrolmentState, at time.Time) error {
	return t.exec1("UPDATE enrolments SET state = ?, ended = ? WHERE id = ? AND state = 1", int(to), unix(at), id)
}

func (t *tx) EnrolmentsOf(entitlement int64) ([]issuer.EnrolmentRow, error) {
	return many(t, "SELECT id, entitlement, slip, holder, thumb, at, ended, state FROM enrolments WHERE entitlement = ? ORDER BY id",
		[]any{entitlement}, func(scan func(...any) error) (e issuer.EnrolmentRow, err error) {
			var thumb []byte
			var at, ended int64
			if err := scan(&e.ID, &e.Entitlement, &e.Slip, &e.Holder, &thumb, &at, &ended, &e.State); err != nil {
				return e, err
			}
			e.Thumb, e.At, e.Ended = hash32(thumb), fromUnix(at), fromUnix(ended)
			return e, nil
		})
}
