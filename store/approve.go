package store

import (
	"fmt"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
)

func (t *tx) LastAction(kinds ...issuer.ApprovalKind) (uint64, error) {
	var last int64
	for _, k := range kinds {
		var n int64
		if err := t.row("SELECT COALESCE(MAX(number), 0) FROM actions WHERE kind = ?", []any{int(k)}, &n); err != nil {
			return 0, err
		}
		last = max(last, n)
	}
	return uint64(last), nil
}

func (t *tx) InsertAction(a issuer.ActionRow) error {
	_, err := t.exec("INSERT INTO actions (kind, number, hash, at) VALUES (?, ?, ?, ?)", int(a.Kind), int64(a.Number), a.Hash[:], unix(a.At))
	return err
}

func (t *tx) InsertApprovals(rows []issuer.ApprovalRow) error {
	for _, r := range rows {
		// An author signs once and his signature comes again with the approver's: the first stays.
		_, err := t.exec(`INSERT INTO approvals (kind, number, operator, part, at, bytes) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (kind, number, operator) DO NOTHING`, int(r.Kind), int64(r.Number), r.Operator, int(r.Part), unix(r.At), r.Bytes)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) InsertOperator(o issuer.Operator) (int64, error) {
	name, err := t.seal("operators.name", string(o.Person[:]), []byte(o.Name))
	if err != nil {
		return 0, err
	}
	return t.insert("INSERT INTO operators (name, person, key, roles, added, removed) VALUES (?, ?, ?, ?, ?, ?)",
		name, o.Person[:], o.Key.MarshalCOSE(), int(o.Roles), unix(o.Added), unix(o.Removed))
}

func (t *tx) UpdateOperator(o issuer.Operator) error {
	return t.exec1("UPDATE operators SET roles = ?, removed = ? WHERE id = ?", int(o.Roles), unix(o.Removed), o.ID)
}

func (t *tx) Operators() ([]issuer.Operator, error) {
	return many(t, "SELECT id, name, person, key, roles, added, removed FROM operators ORDER BY id", nil,
		func(scan func(...any) error) (o issuer.Operator, err error) {
			var name, person, key []byte
			var added, removed int64
			if err := scan(&o.ID, &name, &person, &key, &o.Roles, &added, &removed); err != nil {
				return o, err
			}
			if name, err = t.open("operators.name", string(person), name); err != nil {
				return o, err
			}
			if o.Key, err = keys.ParseOperatorPublicKey(key); err != nil {
				return o, fmt.Errorf("store: operator %d: key: %w", o.ID, ErrDamaged)
			}
			o.Name, o.Person, o.Added, o.Removed = string(name), keyOf(person), fromUnix(added), fromUnix(removed)
			return o, nil
		})
}

func (t *tx) Approvals(kind issuer.ApprovalKind, number uint64) ([]issuer.ApprovalRow, error) {
	return many(t, "SELECT kind, number, part, operator, at, bytes FROM approvals WHERE kind = ? AND number = ? ORDER BY part, operator",
		[]any{int(kind), int64(number)}, func(scan func(...any) error) (r issuer.ApprovalRow, err error) {
			var n, at int64
			if err := scan(&r.Kind, &n, &r.Part, &r.Operator, &at, &r.Bytes); err != nil {
				return r, err
			}
			r.Number, r.At = uint64(n), fromUnix(at)
			return r, nil
		})
}
