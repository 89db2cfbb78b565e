package hr

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
)

// person is everything known of one key and everything the snapshot says of it.
type person struct {
	key      PersonKey
	kind     KeyKind
	posts    []int // indices into planner.known
	rows     []int // indices into planner.rows, not stops
	stops    []int
	present  bool // the snapshot says something of the person that is not a row to go by
	question bool
	newKeys  *Keys // after a confirmed change of number
}

type planRow struct {
	rec  *Record
	keys Keys
	best PersonKey
	kind KeyKind
}

type planner struct {
	opt    PlanOptions
	next   *Snapshot
	today  Date
	plan   *Plan
	known  []Known
	rows   []planRow
	people []*person             // in order of first appearance
	byKey  map[PersonKey]*person // by the key the issuer knows them under
	byAlt  map[PersonKey]*person // by any key; nil where two persons have it
	byName map[string]*person    // by full name; nil where two persons have it
	taken  []bool                // known posts that a row spoke for
	lost   []int                 // rows that stop somebody whom no key names

	unclear int // set-aside rows of nobody we know
	aside   []asideRow
}

type asideRow struct {
	rec      *Record
	problems []Problem
	who      *person
}

func (p *planner) index(known []Known) error {
	p.byKey, p.byAlt, p.byName = map[PersonKey]*person{}, map[PersonKey]*person{}, map[string]*person{}
	refs := map[string]bool{}
	for _, k := range known {
		if k.Record.EDRPOU != p.opt.EDRPOU {
			continue
		}
		if k.Ref == "" || refs[k.Ref] || k.Key.IsZero() {
			return errors.New("hr: plan: every known post needs a key and a reference of its own")
		}
		refs[k.Ref] = true
		if (k.Keys == Keys{}) {
			ks, err := KeysOf(p.opt.Secret, &k.Record)
			if err != nil {
				return err
			}
			k.Keys = ks
		}
		i := len(p.known)
		p.known = append(p.known, k)
		who := p.byKey[k.Key]
		if who == nil {
			who = &person{key: k.Key, kind: k.Kind}
			p.byKey[k.Key] = who
			p.people = append(p.people, who)
		}
		who.posts = append(who.posts, i)
		for _, a := range []PersonKey{k.Key, k.Keys.RNOKPP, k.Keys.UNZR, k.Keys.Staff} {
			addUnique(p.byAlt, a, who, a.IsZero())
		}
		name := k.Record.FullName()
		addUnique(p.byName, name, who, name == "")
	}
	p.taken = make([]bool, len(p.known))
	p.plan.Brake.Body = len(p.people)
	return nil
}

func addUnique[K comparable](m map[K]*person, k K, who *person, skip bool) {
	if skip {
		return
	}
	if old, ok := m[k]; ok && old != who {
		m[k] = nil
		return
	}
	m[k] = who
}

func (p *planner) run() error {
	for i := range p.next.Records {
		if err := p.sortRow(&p.next.Records[i]); err != nil {
			return err
		}
	}
	for i := range p.next.SetAside {
		s := &p.next.SetAside[i]
		p.setAside(&s.Record, s.Problems...)
	}
	p.strangers()
	p.lostStops()
	p.attribute()
	for _, who := range p.people {
		p.compare(who)
	}
	p.stopsWin()
	p.finishAside()
	p.brake()
	p.order()
	p.unblock()
	return nil
}

func (p *planner) setAside(r *Record, problems ...Problem) {
	p.aside = append(p.aside, asideRow{rec: r, problems: problems})
}

// sortRow puts a row beside the person it is of. Rows of keys that nobody has yet wait for strangers.
func (p *planner) sortRow(r *Record) error {
	if r.EDRPOU != p.opt.EDRPOU {
		p.setAside(r, Problem{File: r.File, Line: r.Line, Code: ForeignBody, Args: []string{r.EDRPOU}})
		return nil
	}
	keys, err := KeysOf(p.opt.Secret, r)
	if err != nil {
		return err
	}
	row := planRow{rec: r, keys: keys}
	row.best, row.kind = keys.Best()
	if row.kind == 0 {
		p.setAside(r, Problem{File: r.File, Line: r.Line, Code: NoPersonKey})
		return nil
	}
	// A term that ended is as good as a dismissal, unless the row says the opposite in so many words.
	if r.Status == StatusActive && !r.Until.IsZero() && r.Until.Before(p.today) {
		if r.StatusStated {
			p.setAside(r, Problem{File: r.File, Line: r.Line, Code: StatusContradict, Args: []string{r.Until.UA()}})
			return nil
		}
		gone := *r
		gone.Status, gone.Ground = StatusDismissed, cmp.Or(r.Ground, GroundTermEnded)
		row.rec = &gone
	}
	i := len(p.rows)
	p.rows = append(p.rows, row)
	who := p.byKey[row.best]
	if row.rec.stops() {
		if who == nil {
			if who = p.anyKey(row.keys); who != nil && p.another(who, &row) {
				who = nil
			}
		}
		if who != nil {
			who.stops = append(who.stops, i)
			return nil
		}
		if row.rec.Status == StatusDismissed || row.rec.StatusOnly {
			p.lost = append(p.lost, i)
			return nil
		}
	}
	if who != nil {
		if other := p.byAlt[row.keys.UNZR]; other != nil && other != who {
			p.setAside(r, Problem{File: r.File, Line: r.Line, Code: KeyConflict})
			other.present = true
			return nil
		}
		who.rows = append(who.rows, i)
	}
	return nil
}

func (p *planner) note(r *Record, c Code, args ...string) {
	p.plan.Notes = append(p.plan.Notes, Problem{File: r.File, Line: r.Line, Code: c, Args: args})
}

// anyKey finds a known person by any of a row's keys, the best first.
func (p *planner) anyKey(k Keys) *person {
	for _, a := range []PersonKey{k.RNOKPP, k.UNZR, k.Staff} {
		if who := p.byAlt[a]; who != nil && !a.IsZero() {
			return who
		}
	}
	return nil
}

// another says whether a person found by the staff number alone is somebody else: the row's own numbers and name are not
// theirs. Staff numbers are given anew, and the dismissal of one holder must not fall on the next.
func (p *planner) another(who *person, row *planRow) bool {
	if p.byAlt[row.keys.RNOKPP] == who || p.byAlt[row.keys.UNZR] == who {
		return false
	}
	name, differ := row.rec.FullName(), false
	for _, k := range who.posts {
		known := &p.known[k]
		if name == known.Record.FullName() {
			return false
		}
		differ = differ || !row.keys.RNOKPP.IsZero() && !known.Keys.RNOKPP.IsZero() || !row.keys.UNZR.IsZero() && !known.Keys.UNZR.IsZero()
	}
	return differ
}

// lostStops settles stops under a key that nobody has: one that shares the staff number or the name with a person whom
// no other row names is a question, for a dismissal must not be lost to a changed number; any other is noted.
func (p *planner) lostStops() {
	asked := map[string]bool{}
	for _, i := range p.lost {
		row := &p.rows[i]
		silent := func(who *person) bool { return who != nil && len(who.rows) == 0 && len(who.stops) == 0 }
		old := p.anyKey(row.keys)
		if !silent(old) {
			old = p.byName[row.rec.FullName()]
		}
		if silent(old) {
			id := questionID(old.key, row.best)
			a, ok := p.answer(id)
			switch {
			case !ok:
				old.question = true
				if !asked[id] {
					asked[id] = true
					p.ask(id, old, row)
				}
				continue
			case a.Same:
				old.stops = append(old.stops, i)
				continue
			}
		}
		p.note(row.rec, LeaveUnmatched)
	}
}

// strangers settles rows whose key nobody has: a known person with a new number is a question, anybody else joins.
func (p *planner) strangers() {
	fresh := map[PersonKey]*person{}
	asked := map[string]bool{}
	for i := range p.rows {
		row := &p.rows[i]
		r := row.rec
		if p.byKey[row.best] != nil || r.Status == StatusDismissed || r.StatusOnly || p.isStop(i) {
			continue
		}
		if who := fresh[row.best]; who != nil {
			who.rows = append(who.rows, i)
			continue
		}
		old := p.anyKey(row.keys)
		if old == nil {
			old = p.byName[r.FullName()]
		}
		if old != nil && len(old.rows) == 0 && len(old.stops) == 0 || old != nil && old.newKeys != nil {
			id := questionID(old.key, row.best)
			switch a, ok := p.answer(id); {
			case ok && a.Same && old.newKeys == nil, ok && a.Same && bestOf(old.newKeys) == row.best:
				keys := row.keys
				old.newKeys = &keys
				old.rows = append(old.rows, i)
				continue
			case !ok && old.newKeys == nil:
				old.question = true
				if !asked[id] {
					asked[id] = true
					p.ask(id, old, row)
				}
				continue
			}
		}
		who := &person{key: row.best, kind: row.kind, rows: []int{i}}
		fresh[row.best] = who
		p.people = append(p.people, who)
	}
}

func bestOf(k *Keys) PersonKey {
	if k == nil {
		return PersonKey{}
	}
	b, _ := k.Best()
	return b
}

// isStop says whether the row was already put among somebody's stops.
func (p *planner) isStop(i int) bool {
	if !p.rows[i].rec.stops() {
		return false
	}
	who := p.anyKey(p.rows[i].keys)
	return who != nil && slices.Contains(who.stops, i)
}

func questionID(old, new PersonKey) string {
	h := sha256.New()
	h.Write([]byte("posvid hr question 1"))
	h.Write(old[:])
	h.Write(new[:])
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (p *planner) answer(id string) (Answer, bool) {
	for _, a := range p.opt.Answers {
		if a.Question == id {
			return a, true
		}
	}
	return Answer{}, false
}

func (p *planner) ask(id string, old *person, row *planRow) {
	q := Question{ID: id, Code: KeyChanged, Line: row.rec.Line, OldKey: old.key, NewKey: row.best, NewKind: row.kind,
		Before: copyRecord(&p.known[old.posts[0]].Record), After: copyRecord(row.rec)}
	for _, k := range old.posts {
		q.Refs = append(q.Refs, p.known[k].Ref)
		q.LiveID = q.LiveID || p.known[k].LiveID
	}
	q.BlocksRenewal = q.LiveID
	p.plan.Questions = append(p.plan.Questions, q)
}

// copyRecord drops what belongs to reading and not to the person.
func copyRecord(r *Record) *Record {
	c := *r
	c.Problems, c.StatusOnly, c.StatusStated = nil, false, false
	return &c
}

// attribute finds whose the set-aside rows are, so that a bad row is not taken for absence.
func (p *planner) attribute() {
	for i := range p.aside {
		a := &p.aside[i]
		if a.rec.EDRPOU != "" && a.rec.EDRPOU != p.opt.EDRPOU && ValidEDRPOU(a.rec.EDRPOU) {
			// A row of another body says nothing about presence here, but it is shown first all the same when the person is ours.
			if keys, err := KeysOf(p.opt.Secret, a.rec); err == nil {
				keys.Staff = PersonKey{}
				a.who = p.anyKey(keys)
			}
			continue
		}
		r := *a.rec
		r.EDRPOU = p.opt.EDRPOU
		if keys, err := KeysOf(p.opt.Secret, &r); err == nil {
			a.who = p.anyKey(keys)
		}
		if a.who == nil {
			a.who = p.byName[r.FullName()]
		}
		if a.who == nil {
			if !hasKey(&r) || r.FullName() == "" {
				p.unclear++
			} else if _, known := p.byName[r.FullName()]; known {
				p.unclear++ // the name is that of several people
			}
			continue
		}
		a.who.present = true
	}
}

// fits say how closely a row names a known post, the closest first: same staff number, unit and position; the staff number;
// unit and position.
var fits = []func(k, r *Record) bool{
	func(k, r *Record) bool {
		return r.Position != "" && k.StaffNumber == r.StaffNumber && k.Unit == r.Unit && k.Position == r.Position
	},
	func(k, r *Record) bool { return r.StaffNumber != "" && k.StaffNumber == r.StaffNumber },
	func(k, r *Record) bool {
		return r.Position != "" && k.Unit == r.Unit && k.Position == r.Position
	},
}

// compare works out the steps for one person: first the stops that name a post, then the rows, then the stops that name
// none that we know.
func (p *planner) compare(who *person) {
	free := slices.Clone(who.posts)
	var stopped []int
	take := func(k, row int) {
		p.taken[k] = true
		free = slices.DeleteFunc(free, func(x int) bool { return x == k })
		p.pair(who, k, row)
	}
	match := func(rows []int) []int {
		for _, fit := range fits {
			var rest []int
			for _, i := range rows {
				r := p.rows[i].rec
				n := slices.IndexFunc(free, func(k int) bool { return fit(&p.known[k].Record, r) })
				if n < 0 {
					rest = append(rest, i)
					continue
				}
				if r.stops() {
					stopped = append(stopped, free[n])
				}
				take(free[n], i)
				// A stop that names only the staff number stops every post under it.
				for r.stops() && r.Position == "" {
					n := slices.IndexFunc(free, func(k int) bool { return fit(&p.known[k].Record, r) })
					if n < 0 {
						break
					}
					stopped = append(stopped, free[n])
					take(free[n], i)
				}
			}
			rows = rest
		}
		return rows
	}
	stops := match(who.stops)
	var rows []int
	for _, i := range who.rows {
		// A row that speaks for a post which another row stops does not bring it back.
		r := p.rows[i].rec
		if slices.ContainsFunc(stopped, func(k int) bool { return fits[0](&p.known[k].Record, r) || fits[2](&p.known[k].Record, r) }) {
			p.note(r, ContradictsLeave, strconv.Itoa(p.rows[who.stops[0]].rec.Line))
			continue
		}
		rows = append(rows, i)
	}
	rows = match(rows)
	// A stop that names no post we know stops every post that no other row speaks for; one that names no post at all, when
	// there is none such, stops every post.
	for _, i := range stops {
		r := p.rows[i].rec
		if r.Status == StatusSuspended && !r.StatusOnly && len(free) != 1 {
			if len(free) == 0 && p.rows[i].best == who.key {
				rows = append(rows, i) // a new post, suspended from its first day
				continue
			}
		}
		posts := slices.Clone(free)
		if len(posts) == 0 && r.StaffNumber == "" && r.Position == "" && r.Unit == "" {
			posts = who.posts
		}
		if len(posts) == 0 {
			p.note(r, LeaveUnmatched)
		}
		if len(posts) == 1 {
			take(posts[0], i)
			continue
		}
		for _, k := range posts {
			p.taken[k] = true
			free = slices.DeleteFunc(free, func(x int) bool { return x == k })
			p.stop(who, k, i)
		}
	}
	// One post left and one row left: the person moved.
	if len(free) == 1 && len(rows) == 1 {
		take(free[0], rows[0])
		rows = nil
	}
	for _, i := range rows {
		p.join(who, i)
	}
	for _, k := range free {
		if p.plan.AbsenceLeave && !who.present && !who.question {
			p.inferLeave(who, k)
		}
	}
}

// stopsWin drops every other step for a post that a row states has been left, and the resumption of one that a row
// suspends.
func (p *planner) stopsWin() {
	left, halted := map[string]int{}, map[string]int{}
	for i := range p.plan.Items {
		switch it := &p.plan.Items[i]; {
		case it.Kind == Leave && !it.Inferred:
			left[it.Ref] = it.Line
		case it.Kind == Suspend:
			halted[it.Ref] = it.Line
		}
	}
	p.plan.Items = slices.DeleteFunc(p.plan.Items, func(it Item) bool {
		line, gone := left[it.Ref]
		if it.Kind == Join || it.Kind == Leave && !it.Inferred {
			return false
		}
		if !gone && it.Kind == Resume {
			line, gone = halted[it.Ref]
		}
		if gone && it.Kind != Suspend {
			p.plan.Notes = append(p.plan.Notes, Problem{File: p.plan.File, Line: it.Line, Code: ContradictsLeave, Args: []string{strconv.Itoa(line)}})
		}
		return gone
	})
}

// pair compares one known post with the row that speaks for it.
func (p *planner) pair(who *person, k, row int) {
	known, r := &p.known[k], p.rows[row].rec
	if r.stops() {
		p.stop(who, k, row)
		if r.StatusOnly || r.Status == StatusDismissed || p.rows[row].best != who.key && who.newKeys == nil {
			return // a row under another number may stop the person, but not change them
		}
	}
	after := p.merge(&known.Record, r)
	before := copyRecord(&known.Record)
	if r.stops() {
		before.Status, before.Ground, before.OrderNumber, before.OrderDate = r.Status, r.Ground, r.OrderNumber, r.OrderDate
	} else {
		// A change does not lift a suspension; that is a step of its own.
		after.Status, after.Ground, after.OrderNumber, after.OrderDate = before.Status, before.Ground, before.OrderNumber, before.OrderDate
	}
	fields := Changed(before, after)
	newKey := who.newKeys != nil
	better := !newKey && !known.Keys.covers(p.rows[row].keys)
	if newKey || better {
		fields = append(fields, "person_key")
	}
	if len(fields) > 0 {
		it := p.item(who, k, row)
		it.Kind, it.Fields, it.Before, it.After = Change, fields, before, after
		it.NewKey = newKey
		if known.Record.Unit != after.Unit || known.Record.Position != after.Position || known.Record.StaffNumber != after.StaffNumber {
			it.Kind = Move
		}
		p.add(it)
	}
	if !r.stops() && known.Record.Status == StatusSuspended && p.next.columns[fStatus] {
		it := p.item(who, k, row)
		it.Kind, it.Ground, it.OrderNumber, it.OrderDate = Resume, r.Ground, r.OrderNumber, r.OrderDate
		it.Before = copyRecord(after)
		it.Before.File, it.Before.Line = known.Record.File, known.Record.Line
		it.After = copyRecord(after)
		it.After.Status, it.After.Ground, it.After.OrderNumber, it.After.OrderDate = StatusActive, r.Ground, r.OrderNumber, r.OrderDate
		p.add(it)
	}
}

// covers says whether k holds every key of row.
func (k Keys) covers(row Keys) bool {
	return (row.RNOKPP.IsZero() || row.RNOKPP == k.RNOKPP) && (row.UNZR.IsZero() || row.UNZR == k.UNZR) &&
		(row.Staff.IsZero() || row.Staff == k.Staff)
}

// with is k with the keys of row in place of its own where row has them.
func (k Keys) with(row Keys) Keys {
	if !row.RNOKPP.IsZero() {
		k.RNOKPP = row.RNOKPP
	}
	if !row.UNZR.IsZero() {
		k.UNZR = row.UNZR
	}
	if !row.Staff.IsZero() {
		k.Staff = row.Staff
	}
	return k
}

// merge is the row with the known values wherever the file has no column for them.
func (p *planner) merge(known, r *Record) *Record {
	after := copyRecord(r)
	keep := func(f field, dst, src *string) {
		if !p.next.columns[f] {
			*dst = *src
		}
	}
	keep(fBodyName, &after.BodyName, &known.BodyName)
	keep(fStaffNumber, &after.StaffNumber, &known.StaffNumber)
	keep(fUnit, &after.Unit, &known.Unit)
	keep(fUnitEN, &after.UnitEN, &known.UnitEN)
	keep(fPositionEN, &after.PositionEN, &known.PositionEN)
	keep(fCategory, &after.Category, &known.Category)
	keep(fKATOTTG, &after.KATOTTG, &known.KATOTTG)
	keep(fPlasticSeries, &after.Plastic.Series, &known.Plastic.Series)
	keep(fPlasticNumber, &after.Plastic.Number, &known.Plastic.Number)
	keep(fCarrierNumber, &after.Plastic.CarrierNumber, &known.Plastic.CarrierNumber)
	keep(fPhoto, &after.PhotoRef, &known.PhotoRef)
	keep(fWorkPhone, &after.WorkPhone, &known.WorkPhone)
	keep(fWorkEmail, &after.WorkEmail, &known.WorkEmail)
	keepDate := func(f field, dst, src *Date) {
		if !p.next.columns[f] {
			*dst = *src
		}
	}
	keepDate(fFrom, &after.From, &known.From)
	keepDate(fUntil, &after.Until, &known.Until)
	keepDate(fPlasticIssued, &after.Plastic.Issued, &known.Plastic.Issued)
	keepDate(fPlasticExpires, &after.Plastic.Expires, &known.Plastic.Expires)
	if !p.next.columns[fPatronymic] && !p.next.columns[fFullName] {
		after.Patronymic = known.Patronymic
	}
	// A passport spelling stays when the file has no column for it and the name is the same.
	if !p.next.columns[fSurnameLatin] && after.Surname == known.Surname {
		after.SurnameLatin = known.SurnameLatin
	}
	if !p.next.columns[fGivenNameLatin] && after.GivenName == known.GivenName {
		after.GivenNameLatin = known.GivenNameLatin
	}
	if !p.next.columns[fRank] {
		after.Rank = known.Rank
	}
	if !p.next.columns[fOfficial] {
		after.Official = known.Official
	}
	if !p.next.PhotosAttached {
		after.PhotoSHA256, after.PhotoProblem = known.PhotoSHA256, known.PhotoProblem
	}
	return after
}

func (p *planner) item(who *person, k, row int) Item {
	known := &p.known[k]
	it := Item{Ref: known.Ref, PostID: known.PostID, Key: who.key, KeyKind: who.kind, LiveID: known.LiveID, Keys: known.Keys}
	if row >= 0 {
		it.Line, it.Keys = p.rows[row].rec.Line, known.Keys.with(p.rows[row].keys)
	}
	return it
}

// stop writes a stated leave or suspension. It is applied at once and nothing holds it.
func (p *planner) stop(who *person, k, row int) {
	known, r := &p.known[k], p.rows[row].rec
	it := p.item(who, k, row)
	it.Ground, it.OrderNumber, it.OrderDate = r.Ground, r.OrderNumber, r.OrderDate
	it.Before = copyRecord(&known.Record)
	switch {
	case r.Status == StatusDismissed:
		it.Kind = Leave
	case known.Record.Status == StatusSuspended:
		return
	default:
		it.Kind = Suspend
		it.After = copyRecord(&known.Record)
		it.After.Status, it.After.Ground, it.After.OrderNumber, it.After.OrderDate = StatusSuspended, r.Ground, r.OrderNumber, r.OrderDate
	}
	for i := range p.plan.Items {
		if old := &p.plan.Items[i]; old.Ref == it.Ref && (old.Kind == Leave && !old.Inferred || old.Kind == it.Kind) {
			return // two rows may stop one post; once is enough
		}
	}
	p.add(it)
}

func (p *planner) inferLeave(who *person, k int) {
	it := p.item(who, k, -1)
	it.Kind, it.Inferred, it.Ground = Leave, true, GroundAbsent
	it.Before = copyRecord(&p.known[k].Record)
	if p.unclear > 0 {
		it.HeldBy = append(it.HeldBy, Reason{HeldUnclear, []string{strconv.Itoa(p.unclear)}})
	}
	p.add(it)
}

func (p *planner) join(who *person, row int) {
	r := p.rows[row].rec
	it := Item{Kind: Join, Key: who.key, KeyKind: who.kind, Keys: p.rows[row].keys, Line: r.Line, After: copyRecord(r)}
	if who.newKeys != nil {
		it.Key, it.KeyKind = who.newKeys.Best()
	}
	it.PostID = postID(r, "")
	for _, k := range who.posts {
		if p.known[k].PostID == it.PostID {
			it.PostID = postID(r, strconv.FormatUint(p.opt.Number, 10))
		}
	}
	// Neither a further post nor a leave and a join are a way round the brake on rises.
	if best, left := p.opt.Left[it.Key]; left || len(who.posts) > 0 {
		for _, k := range who.posts {
			best.Raise(&p.known[k].Record)
		}
		it.HeldBy = best.Rises(r)
	}
	p.add(it)
}

func (p *planner) add(it Item) {
	if it.After != nil {
		it.ValidUntil = it.After.ValidUntil()
		it.NoID = it.After.NoIDReasons(p.opt.At)
	}
	if it.Before != nil && it.After != nil && it.Kind != Suspend {
		rises := it.Before.Rises(it.After)
		if len(rises) == 0 && p.opt.Alone[it.Ref] && it.Before.Below(it.After) {
			rises = []Reason{{Code: HeldSteps}} // several small steps are no way round
		}
		it.HeldBy = append(it.HeldBy, rises...)
	}
	p.plan.Items = append(p.plan.Items, it)
}

// Rises lists why the step from r to after waits for a second person: rank or category more than one step up.
func (r *Record) Rises(after *Record) (why []Reason) {
	if rankStep(after.Rank)-rankStep(r.Rank) > 1 {
		why = append(why, Reason{Code: HeldRank})
	}
	if categoryStep(after.Category)-categoryStep(r.Category) > 1 {
		why = append(why, Reason{Code: HeldCategory})
	}
	return why
}

// Below tells whether rank or category of after is higher than r's, by however little.
func (r *Record) Below(after *Record) bool {
	return rankStep(after.Rank) > rankStep(r.Rank) || categoryStep(after.Category) > categoryStep(r.Category)
}

// Raise makes r's rank and category the higher of its own and those of another post: what a further post of the same person
// is held against.
func (r *Record) Raise(post *Record) {
	if rankStep(post.Rank) > rankStep(r.Rank) {
		r.Rank = post.Rank
	}
	if categoryStep(post.Category) > categoryStep(r.Category) {
		r.Category = post.Category
	}
}

// rankStep grows with the rank: none 0, 9 is 1, 1 is 9; what is no rank is above all.
func rankStep(rank uint8) int {
	switch {
	case rank == 0:
		return 0
	case rank > 9:
		return 10
	}
	return 10 - int(rank)
}

// categoryStep grows with the category: none 0, В 1, Б 2, А 3; an unknown one is above all.
func categoryStep(c string) int {
	switch c {
	case "":
		return 0
	case "В":
		return 1
	case "Б":
		return 2
	case "А":
		return 3
	}
	return 4
}

// finishAside writes the set-aside rows, those of people with a live ID first; such an ID is not renewed until the row is
// corrected.
func (p *planner) finishAside() {
	for _, a := range p.aside {
		s := PlanSetAside{Line: a.rec.Line, Problems: a.problems}
		if a.who != nil {
			foreign := a.rec.EDRPOU != p.opt.EDRPOU && ValidEDRPOU(a.rec.EDRPOU)
			posts := slices.DeleteFunc(slices.Clone(a.who.posts), func(k int) bool { return p.taken[k] })
			if len(posts) == 0 {
				posts = a.who.posts
			}
			for _, k := range posts {
				s.Refs = append(s.Refs, p.known[k].Ref)
				s.LiveID = s.LiveID || p.known[k].LiveID
			}
			s.BlocksRenewal = s.LiveID && !foreign
		}
		p.plan.SetAside = append(p.plan.SetAside, s)
	}
	slices.SortStableFunc(p.plan.SetAside, func(a, b PlanSetAside) int {
		if a.LiveID != b.LiveID {
			if a.LiveID {
				return -1
			}
			return 1
		}
		return a.Line - b.Line
	})
}

// brake counts people and holds what has to wait.
func (p *planner) brake() {
	counted := func(it *Item) bool {
		return it.Kind == Join || it.Kind == Change || it.Kind == Move || it.Kind == Resume || it.Kind == Leave && it.Inferred
	}
	people := map[PersonKey]bool{}
	for i := range p.plan.Items {
		if counted(&p.plan.Items[i]) {
			people[p.plan.Items[i].Key] = true
		}
	}
	b := &p.plan.Brake
	b.People, b.Recent = len(people), max(0, p.opt.Recent)
	n := b.People + b.Recent
	b.Tripped = b.People > 0 && n >= BrakePeople && n*100 > b.Body*BrakePercent
	for i := range p.plan.Items {
		it := &p.plan.Items[i]
		if b.Tripped && counted(it) {
			it.HeldBy = append(it.HeldBy, Reason{HeldMass, []string{strconv.Itoa(n), strconv.Itoa(b.Body)}})
		}
		it.Held = len(it.HeldBy) > 0
		it.BlocksRenewal = it.LiveID && it.Held && it.Kind == Leave
	}
}

// unblock lists the blocked posts whose row is good now. A file that says nothing of a post leaves it blocked.
func (p *planner) unblock() {
	waits := p.plan.RenewalBlocked()
	for k := range p.known {
		if _, still := slices.BinarySearch(waits, p.known[k].Ref); p.known[k].Blocked && p.taken[k] && !still {
			p.plan.Unblocks = append(p.plan.Unblocks, p.known[k].Ref)
		}
	}
	slices.Sort(p.plan.Unblocks)
}

// order puts stated stops first, then what takes away, then what changes, then what gives.
func (p *planner) order() {
	rank := func(it *Item) int {
		switch it.Kind {
		case Leave:
			if it.Inferred {
				return 2
			}
			return 0
		case Suspend:
			return 1
		case Move:
			return 3
		case Change:
			return 4
		case Resume:
			return 5
		}
		return 6
	}
	slices.SortStableFunc(p.plan.Items, func(a, b Item) int {
		return cmp.Or(rank(&a)-rank(&b), a.Line-b.Line, cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.PostID, b.PostID))
	})
	slices.SortStableFunc(p.plan.Questions, func(a, b Question) int { return a.Line - b.Line })
	slices.SortStableFunc(p.plan.Notes, func(a, b Problem) int { return a.Line - b.Line })
}
