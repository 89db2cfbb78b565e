package office

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors of planning beside *CalendarError.
var (
	// ErrChanged: a condition of the request does not hold: somebody else wrote, made or deleted the object meanwhile.
	ErrChanged = errors.New("office: object was changed by somebody else")
	// ErrFull: the collection has as many objects, or as many bytes, as one may have.
	ErrFull = errors.New("office: collection is full")
	// ErrOldToken: changes since that number are not known any more, or never were; the client has to read everything.
	ErrOldToken = errors.New("office: no changes since that number")
)

// Bounds of a collection.
const (
	maxObjects  = 5000
	maxBytes    = 32 << 20
	maxName     = 255                  // bytes of an object's name
	forgetAfter = 400 * 24 * time.Hour // age of a deletion that is forgotten
	maxGone     = 10_000               // deletions that are remembered: whoever makes and deletes without end fills no disk
	trimEvery   = 500                  // changes between two looks at how many there are
)

// Collection is one of the two calendars of a seat.
type Collection string

// Collections.
const (
	Day   Collection = "day"   // «Робочий день», VEVENT
	Tasks Collection = "tasks" // «Завдання», VTODO
)

// Collections lists both.
func Collections() []Collection { return []Collection{Day, Tasks} }

// Title is the collection's name: lang "en" English, any other Ukrainian.
func (c Collection) Title(lang string) string {
	switch {
	case c == Tasks && lang == "en":
		return "Tasks"
	case c == Tasks:
		return "Завдання"
	case lang == "en":
		return "Working day"
	}
	return "Робочий день"
}

// Component is the kind of component that the collection takes: "VEVENT" or "VTODO".
func (c Collection) Component() string {
	if c == Tasks {
		return "VTODO"
	}
	return "VEVENT"
}

// Object is one calendar object of a collection.
type Object struct {
	Name     string // last part of its address
	UID      string // of the iCalendar object
	ETag     string // without quotes
	Data     []byte // iCalendar object, as it was sent but for what Adjusted tells; Object and Put only, as UID
	Seq      int64  // of its last change, counted in the collection
	Modified time.Time
	Adjusted bool // Put only: what is stored is not byte for byte what was sent
}

// PutCondition is what must hold for a change: the values of the headers If-Match and If-None-Match (RFC 9110, Section 13.1),
// an entity tag or a list of them, with or without quotes, or "*". "" asks nothing.
type PutCondition struct{ IfMatch, IfNoneMatch string }

// holds tells whether the condition allows a change of an object that has etag, or of none ("").
func (c PutCondition) holds(etag string) bool {
	named := func(list string, weak bool) bool {
		if strings.TrimSpace(list) == "*" {
			return etag != ""
		}
		for _, t := range strings.Split(list, ",") {
			if t = strings.TrimSpace(t); weak {
				t = strings.TrimPrefix(t, "W/")
			}
			if etag != "" && strings.Trim(t, `"`) == etag {
				return true
			}
		}
		return false
	}
	// RFC 9110, Sections 13.1.1 and 13.1.2: a weak tag never matches for If-Match, and matches for If-None-Match.
	return (c.IfMatch == "" || named(c.IfMatch, false)) && (c.IfNoneMatch == "" || !named(c.IfNoneMatch, true))
}

// Planner keeps the calendars and tasks of officials. Whoever calls it has made sure that the seat is the caller's own.
type Planner struct{ store Store }

// OpenPlanner opens planning over the module's tables.
func OpenPlanner(ctx context.Context, store Store) (*Planner, error) {
	if store == nil {
		return nil, errors.New("office: planner wants a store")
	}
	return &Planner{store}, nil
}

// mark is a keyed hash by which something a person named is found.
func (p *Planner) mark(what string, seat Seat, c Collection, text string) ([]byte, error) {
	m, err := p.store.MAC("office-"+what, []byte(seat.String()+"\x00"+string(c)+"\x00"+text))
	return m[:], err
}

// etag depends on the content alone, so that writing the same twice changes nothing. It is keyed: it tells nobody the content.
func (p *Planner) etag(data []byte) (string, error) {
	m, err := p.store.MAC("office-etag", data)
	return hex.EncodeToString(m[:12]), err
}

// row is one row of office_objects.
type row struct {
	id       int64
	seat     Seat
	c        Collection
	mark     []byte
	uid      []byte
	seq      int64
	gone     bool
	name     string
	data     []byte
	etag     string
	size     int64
	task     int64 // 0: none
	modified int64
}

const rowColumns = "id, seat, collection, mark, uid, seq, gone, name, data, etag, size, coalesce(task, 0), modified"

func (r *row) place() string {
	return r.seat.String() + "/" + string(r.c) + "/" + hex.EncodeToString(r.mark)
}

// scanRow reads a row, with its data or without.
func scanRow(tx Tx, whole bool, scan func(dest ...any) error) (*row, error) {
	r := &row{}
	var seat, c string
	var gone int
	var name, data []byte
	err := scan(&r.id, &seat, &c, &r.mark, &r.uid, &r.seq, &gone, &name, &data, &r.etag, &r.size, &r.task, &r.modified)
	if err != nil {
		return nil, err
	}
	if r.seat, err = ParseSeat(seat); err != nil {
		return nil, err
	}
	r.c, r.gone = Collection(c), gone == 1
	if name, err = tx.Open("office_objects.name", r.place(), name); err != nil {
		return nil, err
	}
	r.name = string(name)
	if whole && !r.gone {
		r.data, err = tx.Open("office_objects.data", r.place(), data)
	}
	return r, err
}

// rows reads rows by a condition that few meet.
func (p *Planner) rows(tx Tx, where string, args ...any) ([]*row, error) {
	return readRows(tx, rowColumns, true, where, args)
}

// heads reads rows of a collection without their data: those may be 32 MiB.
func (p *Planner) heads(tx Tx, where string, args ...any) ([]*row, error) {
	return readRows(tx, strings.Replace(rowColumns, "data,", "NULL,", 1), false, where, args)
}

func readRows(tx Tx, columns string, whole bool, where string, args []any) ([]*row, error) {
	var out []*row
	err := tx.Rows("SELECT "+columns+" FROM office_objects WHERE "+where, args, func(scan func(dest ...any) error) error {
		r, err := scanRow(tx, whole, scan)
		out = append(out, r)
		return err
	})
	return out, err
}

// each calls f for rows of a collection by a condition, with their data, one in memory at a time.
func (p *Planner) each(tx Tx, f func(r *row) error, where string, args ...any) error {
	heads, err := p.heads(tx, where, args...)
	if err != nil {
		return err
	}
	for _, h := range heads {
		r, err := p.rows(tx, "id = $1", h.id)
		if err == nil {
			err = f(r[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Planner) byMark(tx Tx, seat Seat, c Collection, mark []byte) (*row, error) {
	rows, err := p.rows(tx, "seat = $1 AND collection = $2 AND mark = $3", seat.String(), string(c), mark)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

func (r *row) object() Object {
	o := Object{Name: r.name, ETag: r.etag, Data: r.data, Seq: r.seq, Modified: time.Unix(r.modified, 0).UTC()}
	if r.data == nil {
		return o
	}
	if root, err := parseICal(r.data, asStored); err == nil {
		for _, n := range root.nodes {
			if n.comp != nil && n.comp.name == r.c.Component() {
				o.UID = n.comp.text("UID")
			}
		}
	}
	return o
}

// Object reads one object. Error: ErrNotFound.
func (p *Planner) Object(ctx context.Context, seat Seat, c Collection, name string) (Object, error) {
	mark, err := p.mark("name", seat, c, name)
	if err != nil {
		return Object{}, err
	}
	var out Object
	err = p.store.View(ctx, func(tx Tx) error {
		r, err := p.byMark(tx, seat, c, mark)
		if err != nil {
			return err
		}
		if r == nil || r.gone {
			return fmt.Errorf("%w: calendar object", ErrNotFound)
		}
		out = r.object()
		return nil
	})
	return out, err
}

// List is every object of a collection without its data, oldest change first.
func (p *Planner) List(ctx context.Context, seat Seat, c Collection) ([]Object, error) {
	var out []Object
	err := p.store.View(ctx, func(tx Tx) error {
		rows, err := p.heads(tx, "seat = $1 AND collection = $2 AND gone = 0 ORDER BY seq, id", seat.String(), string(c))
		for _, r := range rows {
			out = append(out, r.object())
		}
		return err
	})
	return out, err
}

// Seq is the number of the collection's last change; 0 before the first.
func (p *Planner) Seq(ctx context.Context, seat Seat, c Collection) (int64, error) {
	var seq int64
	err := p.store.View(ctx, func(tx Tx) (err error) {
		seq, _, err = counters(tx, seat, c)
		return err
	})
	return seq, err
}

func counters(tx Tx, seat Seat, c Collection) (seq, pruned int64, err error) {
	err = tx.Row("SELECT seq, pruned FROM office_collections WHERE seat = $1 AND collection = $2", []any{seat.String(), string(c)}, &seq, &pruned)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return seq, pruned, err
}

// Changes are the objects, without their data, written and the names of those deleted after a number, oldest change first, at most limit of both
// (0: no bound), and the number to go on from: it is the collection's own once everything has been told. Error: ErrOldToken.
func (p *Planner) Changes(ctx context.Context, seat Seat, c Collection, after int64, limit int) (changed []Object, gone []string, seq int64, err error) {
	err = p.store.View(ctx, func(tx Tx) error {
		last, pruned, err := counters(tx, seat, c)
		if err != nil {
			return err
		}
		if after < 0 || after > last || after > 0 && after < pruned {
			return ErrOldToken
		}
		if limit <= 0 {
			limit = -1
		}
		rows, err := p.heads(tx, "seat = $1 AND collection = $2 AND seq > $3 AND (gone = 0 OR $3 > 0) ORDER BY seq, id LIMIT $4", seat.String(), string(c), after, limit)
		if err != nil {
			return err
		}
		if seq = last; len(rows) == limit {
			seq = rows[len(rows)-1].seq
		}
		for _, r := range rows {
			if r.gone {
				gone = append(gone, r.name)
			} else {
				changed = append(changed, r.object())
			}
		}
		return nil
	})
	return changed, gone, seq, err
}

// checkName refuses what no address can end with.
func checkName(name string) error {
	if name == "" || len(name) > maxName || name == "." || name == ".." || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r < ' ' || r == 0x7f }) {
		return &CalendarError{Condition: "calendar-collection-location-ok", Detail: fmt.Sprintf("want a name of 1 to %d bytes without a slash", maxName)}
	}
	return nil
}

// Put writes an object. In Tasks the rules of given tasks hold (docs/spec/office-planning.md, Section 5). Errors: ErrChanged,
// ErrFull, *CalendarError.
func (p *Planner) Put(ctx context.Context, seat Seat, c Collection, name string, data []byte, cond PutCondition, at time.Time) (Object, error) {
	o, err := readObject(data, c.Component(), asWritten)
	if err == nil {
		if o.span(); o.work.spent() { // before the transaction, which computes it again
			err = errTooMuchWork
		}
	}
	if err == nil {
		err = checkName(name)
	}
	if err != nil {
		return Object{}, err
	}
	mark, err := p.mark("name", seat, c, name)
	if err != nil {
		return Object{}, err
	}
	etag, err := p.etag(data)
	if err != nil {
		return Object{}, err
	}
	var out Object
	err = p.store.Update(ctx, func(tx Tx) error {
		old, err := p.byMark(tx, seat, c, mark)
		if err != nil {
			return err
		}
		live := old != nil && !old.gone
		have := ""
		if live {
			have = old.etag
		}
		if !cond.holds(have) {
			return ErrChanged
		}
		if have == etag {
			out = old.object()
			return nil
		}
		r := old
		if r == nil {
			r = &row{seat: seat, c: c, mark: mark, name: name}
		}
		if c == Tasks {
			return p.putTask(tx, r, live, o, data, at, &out)
		}
		if err := p.write(tx, r, live, o, data, at); err != nil {
			return err
		}
		out = r.object()
		return nil
	})
	return out, err
}

// next is the number of a change.
func next(tx Tx, seat Seat, c Collection) (int64, error) {
	_, err := tx.Exec("INSERT INTO office_collections (seat, collection, seq) VALUES ($1, $2, 1) ON CONFLICT (seat, collection) DO UPDATE SET seq = seq + 1", seat.String(), string(c))
	if err != nil {
		return 0, err
	}
	seq, _, err := counters(tx, seat, c)
	return seq, err
}

// write puts data, which was read as o, into a row. live: the row has an object already.
func (p *Planner) write(tx Tx, r *row, live bool, o *calendarObject, data []byte, at time.Time) error {
	uid, err := p.mark("uid", r.seat, r.c, o.uid)
	if err != nil {
		return err
	}
	if live && !slices.Equal(uid, r.uid) {
		return &CalendarError{Condition: "no-uid-conflict", Detail: "want the UID of the object that is there", Existing: r.name}
	}
	if !live {
		same, err := p.rows(tx, "seat = $1 AND collection = $2 AND uid = $3 AND gone = 0", r.seat.String(), string(r.c), uid)
		if err != nil {
			return err
		}
		if len(same) > 0 {
			return &CalendarError{Condition: "no-uid-conflict", Detail: "want a UID that no other object has", Existing: same[0].name}
		}
	}
	var count, size int64
	if err := tx.Row("SELECT count(*), coalesce(sum(size), 0) FROM office_objects WHERE seat = $1 AND collection = $2 AND gone = 0", []any{r.seat.String(), string(r.c)}, &count, &size); err != nil {
		return err
	}
	if live {
		count, size = count-1, size-r.size
	}
	if count >= maxObjects || size+int64(len(data)) > maxBytes {
		return ErrFull
	}
	r.uid = uid
	return p.keep(tx, r, o, data, at)
}

// keep is write without its questions.
func (p *Planner) keep(tx Tx, r *row, o *calendarObject, data []byte, at time.Time) (err error) {
	if r.seq, err = next(tx, r.seat, r.c); err != nil {
		return err
	}
	if r.etag, err = p.etag(data); err != nil {
		return err
	}
	r.data, r.size, r.gone, r.modified = data, int64(len(data)), false, at.Unix()
	sealedName, err := tx.Seal("office_objects.name", r.place(), []byte(r.name))
	if err != nil {
		return err
	}
	sealed, err := tx.Seal("office_objects.data", r.place(), data)
	if err != nil {
		return err
	}
	var starts, ends any
	if start, end, always := o.span(); !start.IsZero() {
		if starts = start.Unix(); !always {
			ends = end.Unix()
		}
	}
	var task any
	if r.task > 0 {
		task = r.task
	}
	if r.id == 0 {
		r.id, err = tx.Insert(`INSERT INTO office_objects (seat, collection, mark, uid, seq, gone, name, data, etag, size, starts, ends, task, modified)
			VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11, $12, $13)`,
			r.seat.String(), string(r.c), r.mark, r.uid, r.seq, sealedName, sealed, r.etag, r.size, starts, ends, task, r.modified)
		return err
	}
	return tx.Exec1(`UPDATE office_objects SET uid = $1, seq = $2, gone = 0, name = $3, data = $4, etag = $5, size = $6, starts = $7, ends = $8, task = $9, modified = $10 WHERE id = $11`,
		r.uid, r.seq, sealedName, sealed, r.etag, r.size, starts, ends, task, r.modified, r.id)
}

// erase deletes the object of a row; name and number stay until clients have heard.
func (p *Planner) erase(tx Tx, r *row, at time.Time) error {
	seq, err := next(tx, r.seat, r.c)
	if err != nil {
		return err
	}
	r.seq, r.gone, r.task, r.data = seq, true, 0, nil
	err = tx.Exec1("UPDATE office_objects SET seq = $1, gone = 1, data = NULL, etag = '', size = 0, starts = NULL, ends = NULL, task = NULL, modified = $2 WHERE id = $3", seq, at.Unix(), r.id)
	if err != nil || seq%trimEvery != 0 {
		return err
	}
	return trim(tx, r.seat, r.c)
}

// trim forgets the oldest deletions of a collection beyond maxGone.
func trim(tx Tx, seat Seat, c Collection) error {
	var last int64
	err := tx.Row("SELECT seq FROM office_objects WHERE seat = $1 AND collection = $2 AND gone = 1 ORDER BY seq DESC LIMIT 1 OFFSET $3", []any{seat.String(), string(c), maxGone}, &last)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE office_collections SET pruned = max(pruned, $3) WHERE seat = $1 AND collection = $2", seat.String(), string(c), last); err != nil {
		return err
	}
	_, err = tx.Exec("DELETE FROM office_objects WHERE seat = $1 AND collection = $2 AND gone = 1 AND seq <= $3", seat.String(), string(c), last)
	return err
}

// Delete deletes an object; a given task by the rules of given tasks. Errors: ErrNotFound, ErrChanged, *CalendarError.
func (p *Planner) Delete(ctx context.Context, seat Seat, c Collection, name string, cond PutCondition, at time.Time) error {
	mark, err := p.mark("name", seat, c, name)
	if err != nil {
		return err
	}
	return p.store.Update(ctx, func(tx Tx) error {
		r, err := p.byMark(tx, seat, c, mark)
		if err != nil {
			return err
		}
		if r == nil || r.gone {
			if cond.IfMatch != "" {
				return ErrChanged
			}
			return fmt.Errorf("%w: calendar object", ErrNotFound)
		}
		if !cond.holds(r.etag) {
			return ErrChanged
		}
		if r.task > 0 {
			return p.eraseTask(tx, r, at)
		}
		return p.erase(tx, r, at)
	})
}

// Prune forgets deletions that are older than 400 days. A client that was away for longer reads everything again.
func (p *Planner) Prune(ctx context.Context, at time.Time) error {
	return p.store.Update(ctx, func(tx Tx) error {
		before := at.Add(-forgetAfter).Unix()
		if _, err := tx.Exec(`UPDATE office_collections AS c SET pruned = max(pruned, coalesce((SELECT max(o.seq) FROM office_objects o
			WHERE o.seat = c.seat AND o.collection = c.collection AND o.gone = 1 AND o.modified < $1), 0))`, before); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM office_objects WHERE gone = 1 AND modified < $1", before)
		return err
	})
}

// Seats are those of which anything is kept here but numbers.
func (p *Planner) Seats(ctx context.Context) ([]Seat, error) {
	var out []Seat
	err := p.store.View(ctx, func(tx Tx) error {
		return tx.Rows("SELECT seat FROM office_objects UNION SELECT seat FROM office_feeds ORDER BY seat", nil, func(scan func(dest ...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			s, err := ParseSeat(text)
			out = append(out, s)
			return err
		})
	})
	return out, err
}

// keepLeft is how long the calendars of somebody who has left are kept, for when he comes back or had left by mistake.
const keepLeft = 90 * 24 * time.Hour

// Leave notes that the person of a seat has left, when that is not known yet: his secret addresses end, those to whom he gave
// tasks can end them alone, and 90 days later everything of his is forgotten.
func (p *Planner) Leave(ctx context.Context, seat Seat, at time.Time) error {
	known := false
	if err := p.store.View(ctx, func(tx Tx) error {
		return tx.Row("SELECT count(*) > 0 FROM office_leavers WHERE seat = $1 AND since > $2", []any{seat.String(), at.Add(-keepLeft).Unix()}, &known)
	}); err != nil || known { // the usual case takes no write transaction
		return err
	}
	return p.store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Exec("INSERT INTO office_leavers (seat, since) VALUES ($1, $2) ON CONFLICT (seat) DO NOTHING", seat.String(), at.Unix()); err != nil {
			return err
		}
		var since int64
		if err := tx.Row("SELECT since FROM office_leavers WHERE seat = $1", []any{seat.String()}, &since); err != nil {
			return err
		}
		if at.Sub(time.Unix(since, 0)) >= keepLeft {
			return forget(tx, seat)
		}
		_, err := tx.Exec("DELETE FROM office_feeds WHERE seat = $1", seat.String())
		return err
	})
}

// Return takes Leave back: the person is in the seat. What was forgotten, and the secret addresses, stay gone.
func (p *Planner) Return(ctx context.Context, seat Seat) error {
	n := 0
	err := p.store.View(ctx, func(tx Tx) error {
		return tx.Row("SELECT count(*) FROM office_leavers WHERE seat = $1", []any{seat.String()}, &n)
	})
	if err != nil || n == 0 { // the usual case takes no write transaction
		return err
	}
	return p.store.Update(ctx, func(tx Tx) error {
		_, err := tx.Exec("DELETE FROM office_leavers WHERE seat = $1", seat.String())
		return err
	})
}

// Forget deletes everything of a seat: calendars, secret addresses, and its own tasks. Tasks that it has given stay with those who
// have them, as their own; tasks given to it stay with their givers.
func (p *Planner) Forget(ctx context.Context, seat Seat) error {
	return p.store.Update(ctx, func(tx Tx) error { return forget(tx, seat) })
}

func forget(tx Tx, seat Seat) error {
	for _, q := range []string{
		"DELETE FROM office_feeds WHERE seat = $1",
		"DELETE FROM office_objects WHERE seat = $1",
		"DELETE FROM office_tasks WHERE (giver = $1 OR assignee = $1) AND id NOT IN (SELECT task FROM office_objects WHERE task IS NOT NULL)",
		"UPDATE office_tasks SET giver = assignee WHERE giver = $1",
		// A program that has a number from before is to read everything anew, also when there are as many changes again.
		"UPDATE office_collections SET seq = seq + 1, pruned = seq + 1 WHERE seat = $1",
		"DELETE FROM office_leavers WHERE seat = $1",
	} {
		if _, err := tx.Exec(q, seat.String()); err != nil {
			return err
		}
	}
	return nil
}

// newUID is a UID for an object made here: 122 random bits as a UUID (RFC 7986, Section 5.3).
func newUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
