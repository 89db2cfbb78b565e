package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/issuer"
)

// batchRows is how many rows one multi-row INSERT carries at most; smaller rests use the powers of four
// below it, so that at most four statements a table are prepared.
const batchRows = 64

// insertMany inserts n rows into table with multi-row statements; arg appends the values of row i.
func (t *tx) insertMany(table, cols string, n int, arg func(i int, dst []any) []any) error {
	width := strings.Count(cols, ",") + 1
	args := make([]any, 0, min(n, batchRows)*width)
	for i := 0; i < n; {
		k := batchRows
		for k > n-i {
			k /= 4
		}
		args = args[:0]
		for end := i + k; i < end; i++ {
			args = arg(i, args)
		}
		if len(args) != k*width {
			return fmt.Errorf("store: insert into %s: %d values, want %d", table, len(args), k*width)
		}
		if _, err := t.exec(insertSQL(table, cols, width, k), args...); err != nil {
			return fmt.Errorf("store: insert into %s: %w", table, err)
		}
	}
	return nil
}

// insertTexts keeps the text of every multi-row INSERT ever built: the texts are few and the map is
// read for each batch, under the one writer.
var (
	insertTexts = map[insertKey]string{}
	insertMu    sync.Mutex
)

type insertKey struct {
	table string
	rows  int
}

func insertSQL(table, cols string, width, rows int) string {
	key := insertKey{table, rows}
	insertMu.Lock()
	defer insertMu.Unlock()
	if q, ok := insertTexts[key]; ok {
		return q
	}
	one := "(" + strings.Repeat("?,", width-1) + "?)"
	q := "INSERT INTO " + table + " (" + cols + ") VALUES " + strings.Repeat(one+",", rows-1) + one
	insertTexts[key] = q
	return q
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// intList is a JSON array for json_each: one bound value however many numbers.
func intList(n []int64) string {
	b, _ := json.Marshal(n) // a slice of integers always encodes
	return string(b)
}

func (t *tx) CreateBody(b issuer.BodyRow) error {
	_, err := t.exec(`INSERT INTO body (one, edrpou, name, name_en, created, next_number, audit_hash) VALUES (1, ?, ?, ?, ?, ?, ?)`,
		b.EDRPOU, b.Name, b.NameEN, unix(b.Created), int64(max(b.NextNumber, 1)), make([]byte, 32))
	return err
}

func (t *tx) Body() (issuer.BodyRow, error) {
	var b issuer.BodyRow
	var created, next, published, seq int64
	var hash []byte
	err := t.row(`SELECT edrpou, name, name_en, created, next_number, published, audit_seq, audit_hash FROM body`, nil,
		&b.EDRPOU, &b.Name, &b.NameEN, &created, &next, &published, &seq, &hash)
	if err != nil {
		return issuer.BodyRow{}, fmt.Errorf("store: body: %w", err)
	}
	b.Created, b.NextNumber, b.Published = fromUnix(created), uint64(next), fromUnix(published)
	b.Audit.Seq = uint64(seq)
	copy(b.Audit.Hash[:], hash)
	return b, nil
}

func (t *tx) SetNextNumber(n uint64) error {
	return t.exec1(`UPDATE body SET next_number = ?1 WHERE next_number <= ?1`, int64(n))
}

func (t *tx) SetPublished(at time.Time) error {
	return t.exec1(`UPDATE body SET published = ?1 WHERE published < ?1`, unix(at))
}

func (t *tx) SetAuditHead(from, to issuer.AuditHead) error {
	err := t.exec1(`UPDATE body SET audit_seq = ?, audit_hash = ? WHERE audit_seq = ? AND audit_hash = ?`,
		int64(to.Seq), to.Hash[:], int64(from.Seq), from.Hash[:])
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("store: audit head is not at %d: %w", from.Seq, ErrConflict)
	}
	return err
}

func (t *tx) Setting(name string) ([]byte, error) {
	var v []byte
	if err := t.row(`SELECT value FROM settings WHERE name = ?`, []any{name}, &v); err != nil {
		return nil, fmt.Errorf("store: setting %s: %w", name, err)
	}
	return v, nil
}

func (t *tx) SetSetting(name string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	_, err := t.exec(`INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

const idColumns = `id, serial, entitlement, number, holder, profile, state, renewal, issued, expires, changed`

// idScan is the destination of idColumns.
type idScan struct {
	serial, holder, profile  []byte
	issued, expires, changed int64
	v                        issuer.ID
}

func (s *idScan) dest() []any {
	return []any{&s.v.ID, &s.serial, &s.v.Entitlement, &s.v.Number, &s.holder, &s.profile, &s.v.State, &s.v.Renewal, &s.issued, &s.expires, &s.changed}
}

func (s *idScan) id() issuer.ID {
	copy(s.v.Serial[:], s.serial)
	copy(s.v.Holder[:], s.holder)
	copy(s.v.Profile[:], s.profile)
	s.v.IssuedAt, s.v.ExpiresAt, s.v.ChangedAt = fromUnix(s.issued), fromUnix(s.expires), fromUnix(s.changed)
	return s.v
}

func (t *tx) ids(q string, args ...any) ([]issuer.ID, error) {
	var out []issuer.ID
	err := t.rows(q, args, func(scan func(...any) error) error {
		var s idScan
		if err := scan(s.dest()...); err != nil {
			return err
		}
		out = append(out, s.id())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

const situationSQL = `
WITH want (n, e) AS (SELECT key, value FROM json_each(?))
SELECT n, e,
  i.id, i.serial, i.number, i.holder, i.profile, i.state, i.renewal, i.issued, i.expires, i.changed,
  p.renewal, p.holder, p.profile, p.id, p.fresh, p.at,
  (SELECT max(renewal) FROM intents WHERE entitlement = e)
FROM want
LEFT JOIN ids i ON i.entitlement = e AND i.state IN (2, 3)
LEFT JOIN intents p ON p.entitlement = e AND p.stage = 1
ORDER BY n`

func (t *tx) Situations(entitlements []int64) ([]issuer.Situation, error) {
	out := make([]issuer.Situation, 0, len(entitlements))
	// The columns are NULL together, so plain destinations behind pointers serve both shapes.
	err := t.rows(situationSQL, []any{intList(entitlements)}, func(scan func(...any) error) error {
		var n int64
		var s issuer.Situation
		var iID, iState, iRenewal, iIssued, iExpires, iChanged, pRenewal, pID, pFresh, pAt, last *int64
		var iSerial, iHolder, iProfile, pHolder, pProfile []byte
		var iNumber *string
		if err := scan(&n, &s.Entitlement,
			&iID, &iSerial, &iNumber, &iHolder, &iProfile, &iState, &iRenewal, &iIssued, &iExpires, &iChanged,
			&pRenewal, &pHolder, &pProfile, &pID, &pFresh, &pAt, &last); err != nil {
			return err
		}
		if iID != nil {
			s.Live = issuer.ID{ID: *iID, Entitlement: s.Entitlement, Number: *iNumber, State: issuer.State(*iState),
				Renewal: uint32(*iRenewal), IssuedAt: fromUnix(*iIssued), ExpiresAt: fromUnix(*iExpires), ChangedAt: fromUnix(*iChanged)}
			copy(s.Live.Serial[:], iSerial)
			copy(s.Live.Holder[:], iHolder)
			copy(s.Live.Profile[:], iProfile)
		}
		if pID != nil {
			s.Pending = issuer.Intent{Entitlement: s.Entitlement, Renewal: uint32(*pRenewal), ID: *pID, Fresh: *pFresh == 1,
				Stage: issuer.StagePrepared, At: fromUnix(*pAt)}
			copy(s.Pending.Holder[:], pHolder)
			copy(s.Pending.Profile[:], pProfile)
		}
		if last != nil {
			s.Used, s.LastRenewal = true, uint32(*last)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(out) != len(entitlements) {
		return nil, fmt.Errorf("store: %d situations for %d entitlements: %w", len(out), len(entitlements), ErrDamaged)
	}
	return out, nil
}

func (t *tx) HolderRevoked(entitlement int64, holder [32]byte) (bool, error) {
	var yes bool
	err := t.row(`SELECT EXISTS (SELECT 1 FROM intents n JOIN ids i ON i.id = n.id
		WHERE n.entitlement = ? AND n.holder = ? AND i.state = 4)`, []any{entitlement, holder[:]}, &yes)
	return yes, err
}

func (t *tx) NextIDRow() (int64, error) {
	var n int64
	err := t.row(`SELECT ifnull(max(id), 0) + 1 FROM ids`, nil, &n)
	return n, err
}

func (t *tx) NextTokenRow() (int64, error) {
	var n int64
	err := t.row(`SELECT ifnull(max(id), 0) + 1 FROM tokens`, nil, &n)
	return n, err
}

func (t *tx) InsertIDs(ids []issuer.ID) error {
	return t.insertMany("ids", idColumns, len(ids), func(i int, a []any) []any {
		v := &ids[i]
		return append(a, v.ID, v.Serial[:], v.Entitlement, v.Number, v.Holder[:], v.Profile[:], int64(v.State), int64(v.Renewal),
			unix(v.IssuedAt), unix(v.ExpiresAt), unix(v.ChangedAt))
	})
}

func (t *tx) InsertIntents(in []issuer.Intent) error {
	return t.insertMany("intents", "entitlement, renewal, holder, profile, id, fresh, stage, at", len(in), func(i int, a []any) []any {
		v := &in[i]
		fresh := int64(0)
		if v.Fresh {
			fresh = 1
		}
		return append(a, v.Entitlement, int64(v.Renewal), v.Holder[:], v.Profile[:], v.ID, fresh, int64(v.Stage), unix(v.At))
	})
}

func (t *tx) InsertTokens(tokens []issuer.TokenRow) error {
	return t.insertMany("tokens", "id, idrow, renewal, face, status, value, kid, iat, exp, payload", len(tokens), func(i int, a []any) []any {
		v := &tokens[i]
		return append(a, v.ID, v.IDRow, int64(v.Renewal), int64(v.Face), int64(v.Status), int64(v.Value), int64(v.KeyID),
			unix(v.IssuedAt), unix(v.ExpiresAt), v.Payload)
	})
}

func (t *tx) InsertSigned(tokens []issuer.TokenRow) error {
	return t.insertMany("signed", "token, bytes", len(tokens), func(i int, a []any) []any {
		return append(a, tokens[i].ID, tokens[i].Signed)
	})
}

func (t *tx) FinishIntents(in []issuer.Intent, stage issuer.Stage) error {
	for i := range in {
		if err := t.exec1(`UPDATE intents SET stage = ? WHERE entitlement = ? AND renewal = ? AND stage = 1`,
			int64(stage), in[i].Entitlement, int64(in[i].Renewal)); err != nil {
			if errors.Is(err, ErrNotFound) {
				return fmt.Errorf("store: intent %d/%d is not prepared: %w", in[i].Entitlement, in[i].Renewal, ErrConflict)
			}
			return err
		}
	}
	return nil
}

func (t *tx) PendingIntents(limit int) ([]issuer.Intent, error) {
	var out []issuer.Intent
	err := t.rows(`SELECT entitlement, renewal, holder, profile, id, fresh, stage, at FROM intents WHERE stage = 1 ORDER BY entitlement LIMIT ?`,
		[]any{limit}, func(scan func(...any) error) error {
			var v issuer.Intent
			var holder, profile []byte
			var at int64
			if err := scan(&v.Entitlement, &v.Renewal, &holder, &profile, &v.ID, &v.Fresh, &v.Stage, &at); err != nil {
				return err
			}
			copy(v.Holder[:], holder)
			copy(v.Profile[:], profile)
			v.At = fromUnix(at)
			out = append(out, v)
			return nil
		})
	return out, err
}

func (t *tx) IssueIDs(ids []issuer.ID) error {
	for i := range ids {
		v := &ids[i]
		// Pending becomes issued; a renewed ID must still be issued. Anything else was overtaken.
		err := t.exec1(`UPDATE ids SET state = 2, renewal = ?1, expires = ?2,
			issued = CASE state WHEN 1 THEN ?3 ELSE issued END, changed = CASE state WHEN 1 THEN ?3 ELSE changed END
			WHERE id = ?4 AND state IN (1, 2)`,
			int64(v.Renewal), unix(v.ExpiresAt), unix(v.ChangedAt), v.ID)
		if err != nil {
			if errors.Is(err, ErrNotFound) {
				return fmt.Errorf("store: ID %d is neither pending nor issued: %w", v.ID, ErrConflict)
			}
			return err
		}
	}
	return nil
}

func (t *tx) InsertOutbox(rows []issuer.OutboxRow) error {
	return t.insertMany("outbox", "idrow, renewal, at", len(rows), func(i int, a []any) []any {
		return append(a, rows[i].ID, int64(rows[i].Renewal), unix(rows[i].At))
	})
}

func (t *tx) Outbox(limit int) ([]issuer.OutboxRow, error) {
	var out []issuer.OutboxRow
	err := t.rows(`SELECT seq, idrow, renewal, at FROM outbox ORDER BY seq LIMIT ?`, []any{limit}, func(scan func(...any) error) error {
		var v issuer.OutboxRow
		var at int64
		if err := scan(&v.Seq, &v.ID, &v.Renewal, &at); err != nil {
			return err
		}
		v.At = fromUnix(at)
		out = append(out, v)
		return nil
	})
	return out, err
}

func (t *tx) DeleteOutbox(seqs []int64) error {
	_, err := t.exec(`DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))`, intList(seqs))
	return err
}

func (t *tx) oneID(q string, args ...any) (issuer.ID, error) {
	var s idScan
	if err := t.row(q, args, s.dest()...); err != nil {
		return issuer.ID{}, fmt.Errorf("store: ID: %w", err)
	}
	return s.id(), nil
}

func (t *tx) IDByRow(row int64) (issuer.ID, error) {
	return t.oneID(`SELECT `+idColumns+` FROM ids WHERE id = ?`, row)
}

func (t *tx) IDBySerial(s issuer.Serial) (issuer.ID, error) {
	return t.oneID(`SELECT `+idColumns+` FROM ids WHERE serial = ?`, s[:])
}

func (t *tx) IDsByNumber(number string) ([]issuer.ID, error) {
	return t.ids(`SELECT `+idColumns+` FROM ids WHERE number = ? ORDER BY id`, number)
}

func (t *tx) IDsOfEntitlement(entitlement int64) ([]issuer.ID, error) {
	return t.ids(`SELECT `+idColumns+` FROM ids WHERE id IN (SELECT id FROM intents WHERE entitlement = ?) ORDER BY id`, entitlement)
}

func (t *tx) ListIDs(after int64, states []issuer.State, limit int) ([]issuer.ID, error) {
	if len(states) == 0 {
		return t.ids(`SELECT `+idColumns+` FROM ids WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
	}
	n := make([]int64, len(states))
	for i, s := range states {
		n[i] = int64(s)
	}
	return t.ids(`SELECT `+idColumns+` FROM ids WHERE id > ? AND state IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`,
		after, intList(n), limit)
}

func (t *tx) DueRenewals(issuedBefore time.Time, after int64, limit int) ([]issuer.ID, error) {
	return t.ids(`SELECT `+idColumns+` FROM ids i WHERE id > ? AND state = 2 AND
		(SELECT max(iat) FROM tokens k WHERE k.idrow = i.id AND k.renewal = i.renewal) <= ? ORDER BY id LIMIT ?`,
		after, unix(issuedBefore), limit)
}

func (t *tx) ExpiredIDs(at time.Time, limit int) ([]issuer.ID, error) {
	return t.ids(`SELECT `+idColumns+` FROM ids WHERE state IN (2, 3) AND expires <= ? ORDER BY id LIMIT ?`, unix(at), limit)
}

func (t *tx) SetIDState(row int64, from, to issuer.State, at time.Time) error {
	err := t.exec1(`UPDATE ids SET state = ?, changed = ? WHERE id = ? AND state = ?`, int64(to), unix(at), row, int64(from))
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("store: ID %d is not %s: %w", row, from, ErrConflict)
	}
	return err
}

func (t *tx) TokensOf(row int64, renewal uint32) ([]issuer.TokenRow, error) {
	var out []issuer.TokenRow
	err := t.rows(`SELECT k.id, k.idrow, k.renewal, k.face, k.status, k.value, k.kid, k.iat, k.exp, k.payload, s.bytes
		FROM tokens k LEFT JOIN signed s ON s.token = k.id WHERE k.idrow = ? AND k.renewal = ? ORDER BY k.id`,
		[]any{row, int64(renewal)}, func(scan func(...any) error) error {
			var v issuer.TokenRow
			var iat, exp int64
			if err := scan(&v.ID, &v.IDRow, &v.Renewal, &v.Face, &v.Status, &v.Value, &v.KeyID, &iat, &exp, &v.Payload, &v.Signed); err != nil {
				return err
			}
			v.IssuedAt, v.ExpiresAt = fromUnix(iat), fromUnix(exp)
			out = append(out, v)
			return nil
		})
	return out, err
}

func (t *tx) affected(q string, args ...any) (int, error) {
	r, err := t.exec(q, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

func (t *tx) SetTokenValues(row int64, value uint8, at time.Time) (int, error) {
	return t.affected(`UPDATE tokens SET value = ? WHERE idrow = ? AND exp > ? AND value <> 1`, int64(value), row, unix(at))
}

func (t *tx) SetRenewalValues(row int64, renewal uint32, value uint8) (int, error) {
	return t.affected(`UPDATE tokens SET value = ? WHERE idrow = ? AND renewal = ?`, int64(value), row, int64(renewal))
}

func (t *tx) PurgeTokens(expiredBefore time.Time, limit int) (int, error) {
	if _, err := t.exec(`DELETE FROM signed WHERE token IN
		(SELECT id FROM tokens WHERE payload IS NOT NULL AND exp < ? ORDER BY id LIMIT ?)`, unix(expiredBefore), limit); err != nil {
		return 0, err
	}
	return t.affected(`UPDATE tokens SET payload = NULL WHERE id IN
		(SELECT id FROM tokens WHERE payload IS NOT NULL AND exp < ? ORDER BY id LIMIT ?)`, unix(expiredBefore), limit)
}

func (t *tx) StatusLists() ([]issuer.StatusList, error) {
	var out []issuer.StatusList
	err := t.rows(`SELECT list, capacity, last_exp FROM status_lists ORDER BY list`, nil, func(scan func(...any) error) error {
		var v issuer.StatusList
		var exp int64
		if err := scan(&v.List, &v.Capacity, &exp); err != nil {
			return err
		}
		v.LastExp = fromUnix(exp)
		out = append(out, v)
		return nil
	})
	return out, err
}

func (t *tx) PutStatusList(l issuer.StatusList) error {
	return t.exec1(`INSERT INTO status_lists (list, capacity, last_exp) VALUES (?, ?, ?)
		ON CONFLICT (list) DO UPDATE SET last_exp = max(last_exp, excluded.last_exp)`,
		int64(l.List), int64(l.Capacity), unix(l.LastExp))
}

func (t *tx) UsedIndices(list uint16) ([]uint32, error) {
	var out []uint32
	err := t.rows(`SELECT status & 1048575 FROM tokens WHERE status >= ?1 AND status < ?2
		UNION ALL SELECT status & 1048575 FROM cards WHERE status >= ?1 AND status < ?2`,
		[]any{int64(list) << 20, (int64(list) + 1) << 20}, func(scan func(...any) error) error {
			var n uint32
			if err := scan(&n); err != nil {
				return err
			}
			out = append(out, n)
			return nil
		})
	return out, err
}

func (t *tx) StatusValues(list uint16) ([]issuer.StatusValueRow, error) {
	var out []issuer.StatusValueRow
	err := t.rows(`SELECT status & 1048575, value FROM tokens WHERE value <> 0 AND status >= ?1 AND status < ?2
		UNION ALL SELECT status & 1048575, value FROM cards WHERE value <> 0 AND status >= ?1 AND status < ?2 ORDER BY 1`,
		[]any{int64(list) << 20, (int64(list) + 1) << 20}, func(scan func(...any) error) error {
			var v issuer.StatusValueRow
			if err := scan(&v.Index, &v.Value); err != nil {
				return err
			}
			out = append(out, v)
			return nil
		})
	return out, err
}

func (t *tx) Codes() ([]issuer.CodeRow, error) {
	var out []issuer.CodeRow
	err := t.rows(`SELECT kind, code, uk, en, published FROM codes ORDER BY kind, code`, nil, func(scan func(...any) error) error {
		var v issuer.CodeRow
		var p int64
		if err := scan(&v.Kind, &v.Code, &v.UK, &v.EN, &p); err != nil {
			return err
		}
		v.Published = fromUnix(p)
		out = append(out, v)
		return nil
	})
	return out, err
}

func (t *tx) CodeByText(kind uint8, uk, en string) (issuer.CodeRow, error) {
	v := issuer.CodeRow{Kind: kind, UK: uk, EN: en}
	var p int64
	err := t.row(`SELECT code, published FROM codes WHERE kind = ? AND uk = ? AND en = ?`, []any{int64(kind), uk, en}, &v.Code, &p)
	if err != nil {
		return issuer.CodeRow{}, fmt.Errorf("store: code: %w", err)
	}
	v.Published = fromUnix(p)
	return v, nil
}

func (t *tx) InsertCode(kind uint8, uk, en string) (issuer.CodeRow, error) {
	v := issuer.CodeRow{Kind: kind, UK: uk, EN: en}
	err := t.row(`INSERT INTO codes (kind, code, uk, en)
		VALUES (?1, (SELECT ifnull(max(code), 0) + 1 FROM codes WHERE kind = ?1), ?2, ?3) RETURNING code`,
		[]any{int64(kind), uk, en}, &v.Code)
	if err != nil {
		return issuer.CodeRow{}, fmt.Errorf("store: code: %w", err)
	}
	return v, nil
}

func (t *tx) MarkCodesPublished(at time.Time) error {
	_, err := t.exec(`UPDATE codes SET published = ? WHERE published = 0`, unix(at))
	return err
}

func (t *tx) InsertStatusEvents(ev []issuer.StatusEvent) error {
	return t.insertMany("status_events", "idrow, at, from_state, to_state, ground, order_no, order_date, operator", len(ev),
		func(i int, a []any) []any {
			v := &ev[i]
			return append(a, v.ID, unix(v.At), int64(v.From), int64(v.To), int64(v.Ground), v.Order, unix(v.OrderDate), v.Operator)
		})
}

func (t *tx) StatusEvents(id int64) ([]issuer.StatusEvent, error) {
	var out []issuer.StatusEvent
	err := t.rows(`SELECT seq, idrow, at, from_state, to_state, ground, order_no, order_date, operator
		FROM status_events WHERE idrow = ? ORDER BY seq`, []any{id}, func(scan func(...any) error) error {
		var v issuer.StatusEvent
		var at, od int64
		if err := scan(&v.Seq, &v.ID, &at, &v.From, &v.To, &v.Ground, &v.Order, &od, &v.Operator); err != nil {
			return err
		}
		v.At, v.OrderDate = fromUnix(at), fromUnix(od)
		out = append(out, v)
		return nil
	})
	return out, err
}

func (t *tx) InsertAudit(rows []issuer.AuditRow) error {
	return t.insertMany("audit", "seq, hash, entry", len(rows), func(i int, a []any) []any {
		return append(a, int64(rows[i].Seq), rows[i].Hash[:], rows[i].Entry)
	})
}

func (t *tx) AuditRows(after uint64, limit int) ([]issuer.AuditRow, error) {
	var out []issuer.AuditRow
	err := t.rows(`SELECT seq, hash, entry FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`, []any{int64(after), limit},
		func(scan func(...any) error) error {
			var v issuer.AuditRow
			var seq int64
			var hash []byte
			if err := scan(&seq, &hash, &v.Entry); err != nil {
				return err
			}
			v.Seq = uint64(seq)
			copy(v.Hash[:], hash)
			out = append(out, v)
			return nil
		})
	return out, err
}
