package office

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of the directory.
const (
	MaxEntryText = 300     // characters of a position or the name of a unit or a body
	MaxPeople    = 200_000 // people of one body
)

// ErrEntry: what the directory is to be filled with cannot be so.
var ErrEntry = errors.New("office: entry cannot be so")

// BodyEntry is one body in the directory.
type BodyEntry struct {
	EDRPOU       string // eight digits
	Name, NameEN string // NameEN may be empty
	Phone, Email string // of the body itself; may be empty
	// Set by the directory.
	Seq     int64     // number of the last change in the body
	Changed time.Time // when that was
	Filled  time.Time // when the directory first knew the body: nothing older was seen, only what HR said of it

	own bool // an editor set Phone and Email
}

// UID is the body's name in address books: a UUID (RFC 9562, Section 5.8) that never changes.
func (b BodyEntry) UID() string { return uid("body " + b.EDRPOU) }

// Title is the body's name in a language: "en" English where there is one, any other Ukrainian.
func (b BodyEntry) Title(lang string) string { return pick(lang, b.Name, b.NameEN) }

// PostEntry is one person in one post as the service knows him: what the directory is filled with.
type PostEntry struct {
	Post                       int64  // number of the entitlement in the body's register
	Surname, Given, Patronymic string // patronymic may be empty
	SurnameLatin, GivenLatin   string // as in the passport; may be empty
	Position, PositionEN       string
	Unit, UnitEN               string // full name; empty: the body itself
	Category                   string // "А", "Б", "В" or empty
	Phone, Email               string // work phone and work e-mail; may be empty
	Status                     Status
	From                       time.Time // first moment in the post; zero: not known
	Until                      time.Time // first moment after the post; zero: open
}

// Entry is one line of the directory: a person in a post. It holds what the law makes public to officials and nothing else.
type Entry struct {
	UID string // UUID, the same for ever for one seat
	Seat
	Surname, Given, Patronymic string
	SurnameLatin, GivenLatin   string
	Position, PositionEN       string
	Unit, UnitEN               string
	Category                   string
	Phone, Email               string
	Status                     Status    // of the service ID when the directory was filled last, also in an entry of another day
	From                       time.Time // first moment in the post by HR; zero: not known
	Until                      time.Time // first moment after it; zero: open
	Since                      time.Time // from when the seat has said this
	To                         time.Time // until when it did; zero: it still does
	Seq                        int64     // number of the last change of the seat
	Changed                    time.Time // when that was
}

// Name is given name and surname, as people read it.
func (e Entry) Name() string { return strings.TrimSpace(e.Given + " " + e.Surname) }

// FullName is surname, given name and patronymic, as lists have it.
func (e Entry) FullName() string {
	return strings.Join(slices.DeleteFunc([]string{e.Surname, e.Given, e.Patronymic}, func(s string) bool { return s == "" }), " ")
}

// NameLatin is given name and surname in Latin letters: as in the passport, where that is known, else by КМУ 27.01.2010 №55.
func (e Entry) NameLatin() string {
	given, surname := e.GivenLatin, e.SurnameLatin
	if given == "" {
		given = latinOf(e.Given)
	}
	if surname == "" {
		surname = latinOf(e.Surname)
	}
	return strings.TrimSpace(given + " " + surname)
}

// PositionIn is the position in a language: "en" English where there is one, any other Ukrainian.
func (e Entry) PositionIn(lang string) string { return pick(lang, e.Position, e.PositionEN) }

// UnitIn is the unit in a language; empty: the body itself.
func (e Entry) UnitIn(lang string) string { return pick(lang, e.Unit, e.UnitEN) }

func pick(lang, uk, en string) string {
	if lang == "en" && en != "" {
		return en
	}
	return uk
}

// uid makes a UUID of version 8 of what it names: the same after the database was lost.
func uid(name string) string {
	sum := sha256.Sum256([]byte("posvid office v1 " + name))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	h := hex.EncodeToString(u)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// UID is the seat's name in address books: a UUID (RFC 9562, Section 5.8) that never changes.
func (s Seat) UID() string { return uid("seat " + s.String()) }

// facts are the texts of a seat for a time.
type facts struct {
	surname, given, patronymic, surnameLatin, givenLatin, position, positionEN, unit, unitEN, category, phone, email string
	first, last                                                                                                      int64
}

// version is what a seat said from since until (0: still).
type version struct {
	facts
	since, until           int64
	unitText, positionText *text // in the index
}

// seatState is a seat with every version, oldest first; there is always one.
type seatState struct {
	Seat
	uid      string
	status   Status
	seq      int64
	changed  int64
	left     int64
	versions []version
	docs     []int32 // in the index, one for each version
}

func (s *seatState) entry(v *version) Entry {
	return Entry{UID: s.uid, Seat: s.Seat, Surname: v.surname, Given: v.given, Patronymic: v.patronymic, SurnameLatin: v.surnameLatin, GivenLatin: v.givenLatin,
		Position: v.position, PositionEN: v.positionEN, Unit: v.unit, UnitEN: v.unitEN, Category: v.category, Phone: v.phone, Email: v.email, Status: s.status,
		From: moment(v.first), Until: moment(v.last), Since: moment(v.since), To: moment(v.until), Seq: s.seq, Changed: moment(s.changed)}
}

func (s *seatState) open() (*version, bool) {
	v := &s.versions[len(s.versions)-1]
	return v, s.left == 0 && v.until == 0
}

func (s *seatState) at(t int64) (*version, bool) {
	for i := len(s.versions) - 1; i >= 0; i-- {
		if v := &s.versions[i]; v.holds(t) {
			return v, true
		}
	}
	return nil, false
}

func (v *version) holds(t int64) bool { return v.since <= t && (v.until == 0 || t < v.until) }

func moment(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Directory answers who serves where. What is stored is also held in memory, with an index for searching; every answer is of
// the database as it is at that moment, whoever wrote it. It is safe for use by many goroutines.
type Directory struct {
	store Store
	fill  sync.Mutex // one filling at a time
	load  sync.Mutex // one reading of changes at a time
	parse sync.Mutex // one reading of a staffing list's file at a time

	mu     sync.RWMutex
	seq    int64 // of the newest change in memory
	bodies map[string]BodyEntry
	seats  map[Seat]*seatState
	uids   map[string]*seatState
	order  map[string][]*seatState // of a body, by seq
	index  *index

	staffing map[string][]StaffLine // lists in force
}

// OpenDirectory opens the directory of a store.
func OpenDirectory(ctx context.Context, s Store) (*Directory, error) {
	d := &Directory{store: s, bodies: map[string]BodyEntry{}, seats: map[Seat]*seatState{}, uids: map[string]*seatState{}, order: map[string][]*seatState{}, index: newIndex(), staffing: map[string][]StaffLine{}}
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

const (
	bodyColumns  = `edrpou, name, name_en, phone, email, own, seq, changed, filled`
	entryColumns = `since, until, surname, given, patronymic, surname_latin, given_latin, position, position_en, unit, unit_en, category, phone, email, first, last`
)

// refresh brings the memory to the state of the database.
func (d *Directory) refresh(ctx context.Context) error {
	fresh := func(tx Tx) (bool, error) {
		var seq int64
		err := tx.Row(`SELECT COALESCE(MAX(seq), 0) FROM office_bodies`, nil, &seq)
		d.mu.RLock()
		defer d.mu.RUnlock()
		return seq == d.seq, err
	}
	done := false
	if err := d.store.View(ctx, func(tx Tx) (err error) { done, err = fresh(tx); return err }); err != nil || done {
		return err
	}
	d.load.Lock()
	defer d.load.Unlock()
	var bodies []BodyEntry
	var seats []*seatState
	var staffing map[string][]StaffLine
	err := d.store.View(ctx, func(tx Tx) error {
		bodies, seats, staffing = nil, nil, map[string][]StaffLine{}
		var err error
		if done, err = fresh(tx); err != nil || done {
			return err
		}
		d.mu.RLock()
		after := d.seq
		d.mu.RUnlock()
		if err := tx.Rows(`SELECT `+bodyColumns+` FROM office_bodies`, nil, func(scan func(...any) error) error {
			var b BodyEntry
			var changed, filled int64
			if err := scan(&b.EDRPOU, &b.Name, &b.NameEN, &b.Phone, &b.Email, &b.own, &b.Seq, &changed, &filled); err != nil {
				return err
			}
			b.Changed, b.Filled = moment(changed), moment(filled)
			bodies = append(bodies, b)
			return nil
		}); err != nil {
			return err
		}
		for _, b := range bodies {
			if staffing[b.EDRPOU], _, err = listInForce(tx, b.EDRPOU, time.Time{}); err != nil {
				return err
			}
		}
		var s *seatState
		return tx.Rows(`SELECT s.body, s.post, s.uid, s.status, s.seq, s.changed, s."left", `+entryColumns+`
			FROM office_seats s JOIN office_entries e ON e.body = s.body AND e.post = s.post WHERE s.seq > $1 ORDER BY s.body, s.post, e.since`,
			[]any{after}, func(scan func(...any) error) error {
				var n seatState
				var v version
				if err := scan(append([]any{&n.Body, &n.Post, &n.uid, &n.status, &n.seq, &n.changed, &n.left}, v.columns()...)...); err != nil {
					return err
				}
				if s == nil || s.Seat != n.Seat {
					s = &n
					seats = append(seats, s)
				}
				s.versions = append(s.versions, v)
				return nil
			})
	})
	if err != nil || done {
		return err
	}
	d.take(bodies, seats, staffing)
	return nil
}

func (v *version) columns() []any {
	return []any{&v.since, &v.until, &v.surname, &v.given, &v.patronymic, &v.surnameLatin, &v.givenLatin, &v.position, &v.positionEN, &v.unit, &v.unitEN, &v.category,
		&v.phone, &v.email, &v.first, &v.last}
}

func (f *facts) values() []any {
	return []any{f.surname, f.given, f.patronymic, f.surnameLatin, f.givenLatin, f.position, f.positionEN, f.unit, f.unitEN, f.category, f.phone, f.email, f.first, f.last}
}

// take puts changed bodies and seats into memory.
func (d *Directory) take(bodies []BodyEntry, seats []*seatState, staffing map[string][]StaffLine) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.staffing = staffing
	for _, b := range bodies {
		d.bodies[b.EDRPOU] = b
		d.seq = max(d.seq, b.Seq)
	}
	touched := map[string]bool{}
	slices.SortFunc(seats, func(a, b *seatState) int { return cmp.Compare(a.seq, b.seq) })
	for _, s := range seats {
		if old := d.seats[s.Seat]; old != nil {
			d.index.remove(old)
		}
		d.seats[s.Seat], d.uids[s.uid] = s, s
		touched[s.Body] = true
	}
	d.index.add(seats)
	for body := range touched {
		d.order[body] = slices.DeleteFunc(d.order[body], func(s *seatState) bool { return d.seats[s.Seat] != s })
	}
	for _, s := range seats { // their numbers are higher than all before
		d.order[s.Body] = append(d.order[s.Body], s)
	}
}

// clean makes a text that fits on one line of every format: no control characters, no marks that turn the direction of
// writing, at most n characters.
func clean(s string, n int) string {
	if len(s) <= n && isClean(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ") // after the marks between spaces are gone
	if utf8.RuneCountInString(s) > n {
		s = strings.TrimRight(string([]rune(s)[:n]), " ")
	}
	return s
}

// isClean tells of most texts, and quickly, that they are as clean makes them: letters of ours, digits, marks and single spaces.
func isClean(s string) bool {
	before := ' '
	for _, r := range s {
		switch {
		case r == ' ' && before == ' ', r < ' ', r > 0x17f && (r < 0x400 || r > 0x52f) && r != '№' && r != '–' && r != 'ʼ' && r != '’', r > '~' && r < 0xa1, r == 0xad:
			return false
		}
		before = r
	}
	return before != ' ' || s == ""
}

func (p *PostEntry) facts() facts {
	return facts{surname: clean(p.Surname, 80), given: clean(p.Given, 80), patronymic: clean(p.Patronymic, 80), surnameLatin: clean(p.SurnameLatin, 80), givenLatin: clean(p.GivenLatin, 80),
		position: clean(p.Position, MaxEntryText), positionEN: clean(p.PositionEN, MaxEntryText), unit: clean(p.Unit, MaxEntryText), unitEN: clean(p.UnitEN, MaxEntryText),
		category: clean(p.Category, 8), phone: clean(p.Phone, 64), email: strings.ToLower(clean(p.Email, 254)), first: unix(p.From), last: unix(p.Until)}
}

func validBody(edrpou string) bool {
	return len(edrpou) == 8 && strings.Trim(edrpou, "0123456789") == ""
}

// Fill makes the whole state of a body what is given: who is not in posts has left. Only what differs is written, each seat
// under a number of its own, and what a seat said before stays for looking back. It answers how many seats changed.
// Error: ErrEntry, and then nothing changed.
func (d *Directory) Fill(ctx context.Context, b BodyEntry, posts []PostEntry, at time.Time) (changed int, err error) {
	b.Name, b.NameEN, b.Phone, b.Email = clean(b.Name, MaxEntryText), clean(b.NameEN, MaxEntryText), clean(b.Phone, 64), strings.ToLower(clean(b.Email, 254))
	now := at.Unix()
	switch {
	case !validBody(b.EDRPOU):
		return 0, fmt.Errorf("%w: ЄДРПОУ: want eight digits", ErrEntry)
	case b.Name == "":
		return 0, fmt.Errorf("%w: body %s has no name", ErrEntry, b.EDRPOU)
	case len(posts) > MaxPeople:
		return 0, fmt.Errorf("%w: %d people, at most %d", ErrEntry, len(posts), MaxPeople)
	case now <= 0:
		return 0, fmt.Errorf("%w: no time", ErrEntry)
	}
	d.fill.Lock()
	defer d.fill.Unlock()
	if err := d.refresh(ctx); err != nil {
		return 0, err
	}
	wanted := make(map[int64]*PostEntry, len(posts))
	var differ []int64
	d.mu.RLock()
	old, known := d.bodies[b.EDRPOU]
	seats := len(d.order[b.EDRPOU])
	renamed := known && (old.Name != b.Name || old.NameEN != b.NameEN)
	for i := range posts {
		p := &posts[i]
		if p.Post < 1 || wanted[p.Post] != nil || p.Status > StatusSuspended {
			err = fmt.Errorf("%w: post %d of body %s: a number below one, twice, or an unknown status", ErrEntry, p.Post, b.EDRPOU)
			break
		}
		wanted[p.Post] = p
		if s := d.seats[Seat{b.EDRPOU, p.Post}]; s == nil || renamed || s.differs(p) {
			differ = append(differ, p.Post)
		}
	}
	for _, s := range d.order[b.EDRPOU] {
		if s.left == 0 && wanted[s.Post] == nil {
			differ = append(differ, s.Post)
		}
	}
	d.mu.RUnlock()
	if err != nil {
		return 0, err
	}
	if known && !renamed && len(differ) == 0 && (old.own || b.Phone == old.Phone && b.Email == old.Email) {
		return 0, nil
	}
	slices.Sort(differ)
	err = d.store.Update(ctx, func(tx Tx) error {
		changed = 0
		var seq int64
		if err := tx.Row(`SELECT COALESCE(MAX(seq), 0) FROM office_bodies`, nil, &seq); err != nil {
			return err
		}
		for _, post := range differ {
			seq++
			if err := fillSeat(tx, Seat{b.EDRPOU, post}, wanted[post], seq, now); err != nil {
				return err
			}
			changed++
		}
		seq++
		n, err := tx.Exec(`UPDATE office_bodies SET name = $2, name_en = $3, phone = CASE own WHEN 1 THEN phone ELSE $4 END, email = CASE own WHEN 1 THEN email ELSE $5 END,
			seq = $6, changed = $7, filled = CASE $8 WHEN 0 THEN $7 ELSE filled END WHERE edrpou = $1`, b.EDRPOU, b.Name, b.NameEN, b.Phone, b.Email, seq, now, seats)
		if err != nil || n > 0 {
			return err
		}
		_, err = tx.Exec(`INSERT INTO office_bodies (`+bodyColumns+`) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $7)`, b.EDRPOU, b.Name, b.NameEN, b.Phone, b.Email, seq, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	return changed, d.refresh(ctx)
}

func (s *seatState) differs(p *PostEntry) bool {
	v, ok := s.open()
	return !ok || s.status != p.Status || v.facts != p.facts()
}

// fillSeat writes one seat; a nil post is one that was left.
func fillSeat(tx Tx, seat Seat, p *PostEntry, seq, now int64) error {
	place := []any{seat.Body, seat.Post}
	if p == nil {
		if err := tx.Exec1(`UPDATE office_seats SET status = 0, seq = $3, changed = $4, "left" = $4 WHERE body = $1 AND post = $2`, append(place, seq, now)...); err != nil {
			return err
		}
		return endVersion(tx, seat, now)
	}
	if _, err := tx.Exec(`INSERT INTO office_seats (body, post, uid, status, seq, changed) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (body, post) DO UPDATE SET status = $4, seq = $5, changed = $6, "left" = 0`, append(place, seat.UID(), p.Status, seq, now)...); err != nil {
		return err
	}
	want := p.facts()
	var last version
	err := tx.Row(`SELECT `+entryColumns+` FROM office_entries WHERE body = $1 AND post = $2 ORDER BY since DESC LIMIT 1`, place, last.columns()...)
	found := err == nil
	switch {
	case found && last.until == 0 && last.facts == want:
		return nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return err
	}
	// HR says since when the post is held; a new text of a post held before is known from now on.
	since := now
	switch {
	case !found && want.first > 0:
		since = min(now, want.first)
	case found && want.first != last.first && want.first > last.since:
		since = min(now, want.first)
	}
	if found {
		since = max(since, last.since, last.until)
	}
	if found && last.until == 0 && since > last.since { // else it is written over: nobody can have seen it
		if err := endVersion(tx, seat, since); err != nil {
			return err
		}
	}
	_, err = tx.Exec(`INSERT INTO office_entries (body, post, `+entryColumns+`) VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (body, post, since) DO UPDATE SET until = 0, surname = $4, given = $5, patronymic = $6, surname_latin = $7, given_latin = $8, position = $9, position_en = $10,
		unit = $11, unit_en = $12, category = $13, phone = $14, email = $15, first = $16, last = $17`, slices.Concat(place, []any{since}, want.values())...)
	return err
}

// endVersion ends the open version of a seat.
func endVersion(tx Tx, seat Seat, now int64) error {
	_, err := tx.Exec(`UPDATE office_entries SET until = MAX($3, since + 1) WHERE body = $1 AND post = $2 AND until = 0`, seat.Body, seat.Post, now)
	return err
}

// Entry is what a seat says now. Error: ErrNotFound when there is no such seat or its person has left.
func (d *Directory) Entry(ctx context.Context, seat Seat) (Entry, error) {
	return d.find(ctx, func() *seatState { return d.seats[seat] })
}

// ByUID is what the seat with a UID says now. Error: ErrNotFound.
func (d *Directory) ByUID(ctx context.Context, uid string) (Entry, error) {
	return d.find(ctx, func() *seatState { return d.uids[uid] })
}

// WithEmail are the seats whose work e-mail address is this one now, in whatever case: most often one, more where colleagues share
// an address.
func (d *Directory) WithEmail(ctx context.Context, email string) ([]Seat, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	email = strings.ToLower(clean(email, 254))
	if email == "" {
		return nil, nil
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []Seat
	for seat, s := range d.seats {
		if v, ok := s.open(); ok && v.email == email {
			out = append(out, seat)
		}
	}
	return out, nil
}

func (d *Directory) find(ctx context.Context, which func() *seatState) (Entry, error) {
	if err := d.refresh(ctx); err != nil {
		return Entry{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s := which(); s != nil {
		if v, ok := s.open(); ok {
			return s.entry(v), nil
		}
	}
	return Entry{}, ErrNotFound
}

// EntryAt is what a seat said at a moment. Error: ErrNotFound when nobody sat there then.
func (d *Directory) EntryAt(ctx context.Context, seat Seat, at time.Time) (Entry, error) {
	if err := d.refresh(ctx); err != nil {
		return Entry{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s := d.seats[seat]; s != nil {
		if v, ok := s.at(at.Unix()); ok {
			return s.entry(v), nil
		}
	}
	return Entry{}, ErrNotFound
}

// History is everything that the seat with a UID has said, newest first, also after its person has left; then the newest has a
// To. Error: ErrNotFound.
func (d *Directory) History(ctx context.Context, uid string) ([]Entry, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	s := d.uids[uid]
	if s == nil {
		return nil, ErrNotFound
	}
	var out []Entry
	for i := range slices.Backward(s.versions) {
		out = append(out, s.entry(&s.versions[i]))
	}
	return out, nil
}

// Bodies lists the bodies in order of ЄДРПОУ.
func (d *Directory) Bodies(ctx context.Context) ([]BodyEntry, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.SortedFunc(maps.Values(d.bodies), func(a, b BodyEntry) int { return cmp.Compare(a.EDRPOU, b.EDRPOU) }), nil
}

// Body finds a body. Error: ErrNotFound.
func (d *Directory) Body(ctx context.Context, edrpou string) (BodyEntry, error) {
	if err := d.refresh(ctx); err != nil {
		return BodyEntry{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	b, ok := d.bodies[edrpou]
	if !ok {
		return BodyEntry{}, ErrNotFound
	}
	return b, nil
}

// Seq is the number of the newest change in a body. Error: ErrNotFound.
func (d *Directory) Seq(ctx context.Context, body string) (int64, error) {
	b, err := d.Body(ctx, body)
	return b.Seq, err
}

// Changes lists the seats of a body that changed after a number, in the order of their numbers: those that are there, and the
// UIDs of those that are gone. seq is the number to ask with next: the body's own Seq when nothing was left out, else the last
// one of what is answered (at most limit seats; 0: all). after 0 asks for everybody and names nobody who is gone.
// Errors: ErrNotFound when there is no such body, ErrConflict for a number that was never given out.
func (d *Directory) Changes(ctx context.Context, body string, after int64, limit int) (changed []Entry, gone []string, seq int64, err error) {
	if err := d.refresh(ctx); err != nil {
		return nil, nil, 0, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	b, ok := d.bodies[body]
	switch {
	case !ok:
		return nil, nil, 0, ErrNotFound
	case after < 0 || after > b.Seq:
		return nil, nil, 0, fmt.Errorf("%w: change %d was never given out", ErrConflict, after)
	}
	list := d.order[body]
	from, _ := slices.BinarySearchFunc(list, after+1, func(s *seatState, n int64) int { return cmp.Compare(s.seq, n) })
	for _, s := range list[from:] {
		v, there := s.open()
		if !there && after == 0 {
			continue
		}
		if limit > 0 && len(changed)+len(gone) == limit {
			return changed, gone, seq, nil
		}
		seq = s.seq
		if there {
			changed = append(changed, s.entry(v))
		} else {
			gone = append(gone, s.uid)
		}
	}
	return changed, gone, b.Seq, nil
}

// SetContacts sets the phone and e-mail of a body; filling leaves them alone from then on, until both are set empty.
// Errors: ErrNotFound, ErrEntry.
func (d *Directory) SetContacts(ctx context.Context, edrpou, phone, email string, at time.Time) error {
	phone, email = clean(phone, 64), strings.ToLower(clean(email, 254))
	if email != "" && !plainAddress(email) {
		return fmt.Errorf("%w: not an e-mail address", ErrEntry)
	}
	if strings.ContainsFunc(phone, func(r rune) bool { return !strings.ContainsRune("+0123456789 ()-–.,;/внутрдоб", r) }) {
		return fmt.Errorf("%w: not a phone number", ErrEntry)
	}
	own := 1
	if phone == "" && email == "" {
		own = 0
	}
	return d.store.Update(ctx, func(tx Tx) error {
		return tx.Exec1(`UPDATE office_bodies SET phone = $2, email = $3, own = $4, changed = $5, seq = (SELECT MAX(seq) + 1 FROM office_bodies) WHERE edrpou = $1`, edrpou, phone, email, own, at.Unix())
	})
}

// plainAddress tells whether a text is an e-mail address that needs no quoting anywhere.
func plainAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && len(s) <= 254 && local != "" && strings.Contains(domain, ".") && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"(),:;<>[\\]", r)
	}) && !strings.Contains(domain, "@")
}
