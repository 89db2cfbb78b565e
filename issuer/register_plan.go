package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
)

// Codes of plans (docs/spec/approvals.md, Section 5).
const (
	PlanMalformed   RegisterCode = "plan-malformed"
	PlanOtherBody   RegisterCode = "plan-other-body"
	PlanExpired     RegisterCode = "plan-expired"
	PlanStale       RegisterCode = "plan-stale"
	PlanReplayed    RegisterCode = "plan-replayed"
	PlanPersonTwice RegisterCode = "plan-person-twice"
	PlanUnbound     RegisterCode = "plan-unbound"
)

// brakeMemory is how long the brake remembers people whom plans without a second signature changed.
const brakeMemory = 7 * 24 * time.Hour

// PlanReport is what became of a plan.
type PlanReport struct {
	Number  uint64
	Hash    [32]byte
	State   PlanState // PlanDone, or PlanWaiting when held items wait for a second person
	Applied map[hr.ItemKind]int
	Held    int // items kept back
	// IDs whose state changed with it.
	Revoked, Suspended, Resumed int
}

// Known is what the register holds, as hr.MakePlan wants it: everybody who has not left.
func (r *Register) Known(ctx context.Context) ([]hr.Known, error) {
	var out []hr.Known
	err := r.store.View(ctx, func(tx Tx) (err error) {
		out, err = known(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func known(tx Tx) ([]hr.Known, error) {
	var out []hr.Known
	var ids []int64
	err := tx.Posts(func(p PostRow) error {
		if p.Status == hr.StatusDismissed {
			return nil
		}
		ids = append(ids, p.ID)
		out = append(out, hr.Known{Ref: refOf(p.ID), PostID: p.Post, Key: p.Key, Kind: p.Kind, Keys: p.Keys, Blocked: p.Blocked, Record: p.Record})
		out[len(out)-1].Record.Status = p.Status
		return nil
	})
	if err != nil {
		return nil, err
	}
	for page := range slices.Chunk(ids, 1000) {
		sits, err := tx.Situations(page)
		if err != nil {
			return nil, err
		}
		for i := range sits {
			n, _ := slices.BinarySearch(ids, page[i])
			out[n].LiveID = sits[i].Live.State.Live()
		}
	}
	return out, nil
}

func refOf(id int64) string { return strconv.FormatInt(id, 10) }

// PlanOptions fills in what a plan against the present state needs: body, secret, the next number, the newest snapshot's
// day and what the brake remembers. life is how long the plan may wait before it is applied.
func (r *Register) PlanOptions(ctx context.Context, at time.Time, life time.Duration) (hr.PlanOptions, error) {
	o := hr.PlanOptions{EDRPOU: r.edrpou, Secret: r.PersonSecret(), At: at, Expires: at.Add(life)}
	err := r.store.View(ctx, func(tx Tx) error {
		last, err := lastPlan(tx)
		if err != nil {
			return err
		}
		o.Number = last.Number + 1
		all, err := tx.PlansSince(time.Time{})
		if err != nil {
			return err
		}
		for _, p := range all {
			if o.LastAsOf.Before(p.AsOf) {
				o.LastAsOf = p.AsOf
			}
		}
		var alone map[uint64]bool
		if o.Recent, alone, err = recent(tx, 0, at); err != nil {
			return err
		}
		o.Alone, o.Left = map[string]bool{}, map[hr.PersonKey]hr.Record{}
		return tx.Posts(func(p PostRow) error {
			if p.Status == hr.StatusDismissed {
				left := o.Left[p.Key]
				left.Raise(&p.Record)
				o.Left[p.Key] = left
			}
			if alone[p.Number] {
				o.Alone[refOf(p.ID)] = true
			}
			return nil
		})
	})
	return o, err
}

func lastPlan(tx Tx) (PlanRow, error) {
	p, err := tx.LastPlan()
	if errors.Is(err, ErrNotFound) {
		return PlanRow{}, nil
	}
	return p, err
}

// recent counts the people whom plans other than number changed lately without a second signature, and names those plans.
func recent(tx Tx, number uint64, at time.Time) (people int, alone map[uint64]bool, err error) {
	plans, err := tx.PlansSince(at.Add(-brakeMemory))
	if err != nil {
		return 0, nil, err
	}
	alone = map[uint64]bool{}
	for _, p := range plans {
		if p.Number != number && p.People > 0 {
			people += p.People
			alone[p.Number] = true
		}
	}
	return people, alone, nil
}

// PlanSubject is what operators sign of a plan.
func PlanSubject(p *hr.Plan) Subject {
	return Subject{p.EDRPOU, ApprovePlan, p.Number, p.Hash(), p.Expires}
}

// Plans lists every plan that took effect or waits, by number.
func (r *Register) Plans(ctx context.Context) (out []PlanRow, err error) {
	err = r.store.View(ctx, func(tx Tx) error {
		out, err = tx.PlansSince(time.Time{})
		return err
	})
	return out, err
}

// ApplyPlan brings the register to what an HR plan says. approvals holds the author's signature and, where the plan has
// held items, a second person's (SignApproval over PlanSubject). It is one transaction: stated leaves and suspensions
// first, then what is not held, then, with a second person's signature, what is held. Without that signature the held
// items wait and the report says PlanWaiting; calling again with it finishes the plan, and the author's stored signature
// need not come again.
//
// A plan read from a file has to be bound to its snapshot before (hr.Plan.Bind). Errors: the codes above and those of
// approvals.
func (r *Register) ApplyPlan(ctx context.Context, plan *hr.Plan, approvals [][]byte, at time.Time) (*PlanReport, error) {
	if plan == nil {
		return nil, refused(PlanMalformed, "plan: none")
	}
	if plan.EDRPOU != r.edrpou {
		return nil, refused(PlanOtherBody, "plan %d is for body %s, want %s", plan.Number, plan.EDRPOU, r.edrpou)
	}
	s := PlanSubject(plan)
	if s.Hash == [32]byte{} || plan.Number == 0 || plan.Number > maxApprovalNumber {
		return nil, refused(PlanMalformed, "plan %d has no canonical form", plan.Number)
	}
	switch {
	case !at.Before(plan.Expires):
		return nil, refused(PlanExpired, "plan %d expired at %s, applied at %s", plan.Number, stamp(plan.Expires), stamp(at))
	case plan.Made.After(at.Add(approvalClockSkew)):
		return nil, refused(PlanStale, "plan %d was made at %s, which is ahead of %s", plan.Number, stamp(plan.Made), stamp(at))
	}
	if err := checkItems(plan); err != nil {
		return nil, err
	}
	var report *PlanReport
	err := r.store.Update(ctx, func(tx Tx) error {
		a := applier{r: r, tx: tx, plan: plan, at: at, report: &PlanReport{Number: plan.Number, Hash: s.Hash, Applied: map[hr.ItemKind]int{}}}
		if err := a.run(s, approvals); err != nil {
			return err
		}
		report = a.report
		return nil
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// checkItems refuses a plan that hr.MakePlan would not make, above all one (person, post) that stands in it twice.
func checkItems(plan *hr.Plan) error {
	seen := make(map[string]hr.ItemKind, len(plan.Items))
	joins := make(map[string]bool)
	for i := range plan.Items {
		it := &plan.Items[i]
		bad := func(what string) error { return refused(PlanMalformed, "plan %d: item %d: %s", plan.Number, i+1, what) }
		if it.After != nil && it.After.EDRPOU != plan.EDRPOU {
			return refused(PlanOtherBody, "plan %d: item %d is a post of another body", plan.Number, i+1)
		}
		if it.Key.IsZero() || it.PostID == "" {
			return bad("no person key or post")
		}
		if it.Kind == hr.Join {
			k := it.PostID + "/" + it.Key.String()
			switch {
			case it.Ref != "" || it.After == nil:
				return bad("join: want a record and no reference")
			case it.After.Status != hr.StatusActive && it.After.Status != hr.StatusSuspended:
				return bad("join: want a status of active or suspended")
			case joins[k]:
				return refused(PlanPersonTwice, "plan %d: item %d: this person joins this post twice", plan.Number, i+1)
			}
			joins[k] = true
			continue
		}
		if it.Ref == "" || it.Before == nil {
			return bad("no reference or nothing before")
		}
		if it.Kind != hr.Leave && it.After == nil {
			return bad("no record")
		}
		// A post may be changed and have its suspension set or lifted in one plan; everything else comes once.
		old, twice := seen[it.Ref]
		changes := func(k hr.ItemKind) bool { return k == hr.Change || k == hr.Move }
		pauses := func(k hr.ItemKind) bool { return k == hr.Suspend || k == hr.Resume }
		switch it.Kind {
		case hr.Change, hr.Move, hr.Suspend, hr.Resume, hr.Leave:
		default:
			return bad("unknown kind")
		}
		if twice && (old == "both" || !(changes(old) && pauses(it.Kind) || pauses(old) && changes(it.Kind))) {
			return refused(PlanPersonTwice, "plan %d: item %d: this post stands in the plan twice", plan.Number, i+1)
		}
		seen[it.Ref] = it.Kind
		if twice {
			seen[it.Ref] = "both"
		}
	}
	return nil
}

func stated(it *hr.Item) bool { return it.Kind == hr.Suspend || it.Kind == hr.Leave && !it.Inferred }

// counted tells whether the brake counts an item.
func counted(it *hr.Item) bool { return !stated(it) }

// applier carries out one plan in one transaction.
type applier struct {
	r      *Register
	tx     Tx
	plan   *hr.Plan
	at     time.Time
	report *PlanReport
	quorum *Quorum

	posts    map[string]*PostRow  // by reference; those who left are not there
	byPerson map[int64][]*PostRow // the same, and those who left
	left     map[string]*PostRow  // left posts by person key and post
	persons  map[hr.PersonKey]PersonRow
	keys     map[string]hr.PersonKey // by reference, as the plan found them: an item of it may change one
}

func (a *applier) run(s Subject, approvals [][]byte) error {
	n := a.plan.Number
	last, err := lastPlan(a.tx)
	if err != nil {
		return err
	}
	again := false
	switch {
	case n == last.Number && last.Hash == s.Hash && last.State == PlanWaiting:
		again = true
	case n <= last.Number:
		old, err := a.tx.Plan(n)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil && old.Hash == s.Hash && old.State == PlanDone {
			return refused(PlanReplayed, "plan %d took effect at %s", n, stamp(old.Applied))
		}
		return refused(PlanStale, "plan %d is not made against the present state, want number %d", n, last.Number+1)
	case n != last.Number+1:
		return refused(PlanStale, "plan %d is not made against the present state, want number %d", n, last.Number+1)
	}
	if err := a.signatures(s, approvals, again); err != nil {
		return err
	}
	if err := a.load(); err != nil {
		return err
	}
	held, people, err := a.held()
	if err != nil {
		return err
	}
	if again {
		// What waits was settled when the plan first came; the body has changed since.
		held = make([]bool, len(a.plan.Items))
		for _, i := range last.Waiting {
			held[i] = true
		}
	}
	signed := len(a.quorum.Approvers) > 0
	first := func(i int) bool { return !again && stated(&a.plan.Items[i]) }
	free := func(i int) bool { return !again && !stated(&a.plan.Items[i]) && !held[i] }
	second := func(i int) bool { return signed && held[i] }
	for _, pass := range []func(int) bool{first, free, second} {
		for i := range a.plan.Items {
			if !pass(i) {
				continue
			}
			if err := a.item(i); err != nil {
				return err
			}
		}
	}
	row := PlanRow{Number: n, Hash: s.Hash, State: PlanDone, Made: a.plan.Made, Expires: a.plan.Expires, Applied: a.at,
		Items: len(a.plan.Items), AsOf: a.plan.AsOf}
	if again {
		row.Applied = last.Applied
	}
	for i := range held {
		if held[i] {
			row.Held++
			if !signed {
				row.Waiting = append(row.Waiting, i)
			}
		}
	}
	switch {
	case signed: // two persons answer for it: the brake need not remember it
	case again:
		row.People = last.People
	default:
		row.People = people
	}
	if row.Held > 0 && !signed {
		row.State, a.report.Held = PlanWaiting, row.Held
	}
	a.report.State = row.State
	if !again && last.State == PlanWaiting {
		last.State = PlanEnded
		if err := a.tx.PutPlan(last); err != nil {
			return err
		}
	}
	if err := a.tx.PutPlan(row); err != nil {
		return err
	}
	if err := a.block(); err != nil {
		return err
	}
	if err := a.tx.InsertApprovals(a.quorum.rows); err != nil {
		return err
	}
	e := AuditEntry{Event: EventPlanApplied, Operator: a.quorum.Author.Ident(), Detail: []any{n, s.Hash[:], len(a.plan.Items), row.Held}}
	if row.State == PlanWaiting {
		e.Event = EventPlanHeld
	}
	if signed {
		return audit(a.tx, a.at, approved(a.quorum, s), e)
	}
	return audit(a.tx, a.at, e)
}

// signatures checks who signed. A plan that waits has its author's signature in the store already.
func (a *applier) signatures(s Subject, approvals [][]byte, again bool) error {
	ops, err := a.tx.Operators()
	if err != nil {
		return err
	}
	all := approvals
	if again {
		stored, err := a.tx.Approvals(s.Kind, s.Number)
		if err != nil {
			return err
		}
		authored := false
		for _, data := range approvals {
			if _, p, err := verifyApproval(ops, data); err == nil && p.Part == PartAuthor {
				authored = true
			}
		}
		for _, row := range stored {
			if row.Part == PartAuthor && !authored {
				all = append(slices.Clone(approvals), row.Bytes)
			}
		}
	}
	a.quorum, err = quorum(ops, s, all, 0, a.at)
	return err
}

// load reads the register into memory: a plan touches most of it.
func (a *applier) load() error {
	a.posts, a.left, a.persons = map[string]*PostRow{}, map[string]*PostRow{}, map[hr.PersonKey]PersonRow{}
	a.byPerson, a.keys = map[int64][]*PostRow{}, map[string]hr.PersonKey{}
	if err := a.tx.Persons(func(p PersonRow) error {
		a.persons[p.Key] = p
		return nil
	}); err != nil {
		return err
	}
	return a.tx.Posts(func(p PostRow) error {
		a.byPerson[p.Person] = append(a.byPerson[p.Person], &p)
		if p.Status == hr.StatusDismissed {
			a.left[leftKey(p.Key, p.Post)] = &p
		} else {
			a.posts[refOf(p.ID)], a.keys[refOf(p.ID)] = &p, p.Key
		}
		return nil
	})
}

func leftKey(k hr.PersonKey, post string) string { return string(k[:]) + post }

// held works out anew which items wait for a second person: what the plan says of itself is believed only where it asks
// for more. people is how many the plan changes, as the brake counts them, without waiting.
func (a *applier) held() (held []bool, people int, err error) {
	held = make([]bool, len(a.plan.Items))
	before, alone, err := recent(a.tx, a.plan.Number, a.at)
	if err != nil {
		return nil, 0, err
	}
	changed := map[any]bool{}
	for i := range a.plan.Items {
		it := &a.plan.Items[i]
		if !counted(it) {
			if it.Held {
				return nil, 0, refused(PlanMalformed, "plan %d: item %d: a stated leave or suspension is never held", a.plan.Number, i+1)
			}
			continue
		}
		changed[a.who(it)] = true
		held[i] = it.Held || a.rises(it, alone)
	}
	body := map[int64]bool{}
	for _, p := range a.posts {
		body[p.Person] = true
	}
	if n := len(changed) + before; len(changed) > 0 && n >= hr.BrakePeople && n*100 > len(body)*hr.BrakePercent {
		for i := range a.plan.Items {
			held[i] = held[i] || counted(&a.plan.Items[i])
		}
	}
	free := map[any]bool{}
	for i := range a.plan.Items {
		if it := &a.plan.Items[i]; counted(it) && !held[i] {
			free[a.who(it)] = true
		}
	}
	return held, len(free), nil
}

// rises tells whether an item raises rank or category by more than one step, or by one where a plan with one signature (one of
// alone) wrote the row lately: several small steps are no way round. A post that the person joins is held against every post
// they have or had here: neither are a leave and a join.
func (a *applier) rises(it *hr.Item, alone map[uint64]bool) bool {
	if it.After == nil {
		return false
	}
	if now := a.posts[it.Ref]; now != nil {
		return alone[now.Number] && now.Record.Below(it.After) || len(now.Record.Rises(it.After)) > 0
	}
	all := a.byPerson[a.persons[it.Key].ID]
	if it.Kind != hr.Join || len(all) == 0 {
		return false
	}
	var best hr.Record
	for _, p := range all {
		best.Raise(&p.Record)
	}
	return len(best.Rises(it.After)) > 0
}

// who is the person of an item as the brake counts people: by the register's row where there is one, so that the keys a plan
// names cannot make many people look like one.
func (a *applier) who(it *hr.Item) any {
	if p := a.posts[it.Ref]; p != nil {
		return p.Person
	}
	if row, known := a.persons[it.Key]; known {
		return row.ID
	}
	return it.Key
}

// item carries out one item.
func (a *applier) item(i int) error {
	it := &a.plan.Items[i]
	stale := func(why string) error {
		return refused(PlanStale, "plan %d: item %d: %s: the plan is made against another state", a.plan.Number, i+1, why)
	}
	if it.Kind == hr.Join {
		if err := a.join(i, it); err != nil {
			return err
		}
		a.report.Applied[hr.Join]++
		return nil
	}
	p := a.posts[it.Ref]
	best, _ := it.Keys.Best() // the key once a confirmed number is taken over
	switch {
	case p == nil && it.Kind == hr.Leave:
		return nil // left already: nothing more can be taken
	case p == nil:
		return stale("nobody holds this post")
	case it.Key != a.keys[it.Ref] && p.Key != best:
		return stale("another person holds this post")
	}
	p.Number = a.plan.Number
	switch it.Kind {
	case hr.Leave:
		if it.Inferred && len(hr.Changed(it.Before, &p.Record)) > 0 {
			return stale("the record differs")
		}
		if err := a.leave(p, it); err != nil {
			return err
		}
	case hr.Suspend, hr.Resume:
		p.Status = hr.StatusSuspended
		if it.Kind == hr.Resume {
			p.Status = hr.StatusActive
		}
		p.Record.Ground, p.Record.OrderNumber, p.Record.OrderDate = it.Ground, it.OrderNumber, it.OrderDate
		if err := a.reconcile(p, it); err != nil {
			return err
		}
	case hr.Change, hr.Move:
		if len(hr.Changed(it.Before, &p.Record)) > 0 {
			return stale("the record differs")
		}
		if err := a.change(i, p, it); err != nil {
			return err
		}
	}
	a.report.Applied[it.Kind]++
	return nil
}

// bound checks that РНОКПП and УНЗР of a record are those its keys were made of: the numbers are not in the plan file.
func (a *applier) bound(i int, it *hr.Item) error {
	ks, err := hr.KeysOf(a.r.secret[:], &hr.Record{Person: it.After.Person, Post: hr.Post{EDRPOU: a.r.edrpou}})
	if err != nil {
		return err
	}
	if ks.RNOKPP != it.Keys.RNOKPP || ks.UNZR != it.Keys.UNZR {
		return refused(PlanUnbound, "plan %d: item %d: the numbers are not those its keys were made of; bind the plan to its file", a.plan.Number, i+1)
	}
	return nil
}

func (a *applier) join(i int, it *hr.Item) error {
	if err := a.bound(i, it); err != nil {
		return err
	}
	row, known := a.persons[it.Key]
	if !known {
		if best, kind := it.Keys.Best(); best != it.Key || kind != it.KeyKind {
			return refused(PlanMalformed, "plan %d: item %d: the person key is not the best of the keys", a.plan.Number, i+1)
		}
		row = PersonRow{Key: it.Key, Kind: it.KeyKind, RNOKPP: it.After.RNOKPP, UNZR: it.After.UNZR}
		var err error
		if row.ID, err = a.tx.InsertPerson(row); err != nil {
			return fmt.Errorf("issuer: plan %d: item %d: person: %w", a.plan.Number, i+1, err)
		}
		a.persons[it.Key] = row
	}
	p := PostRow{Person: row.ID, Key: it.Key, Kind: it.KeyKind, Keys: it.Keys, Post: it.PostID, Status: it.After.Status,
		Origin: OriginPlan, Number: a.plan.Number, Record: *it.After}
	if old := a.left[leftKey(it.Key, it.PostID)]; old != nil {
		p.ID = old.ID
		delete(a.left, leftKey(it.Key, it.PostID))
		if err := a.tx.UpdatePost(p); err != nil {
			return err
		}
	} else {
		id, err := a.tx.InsertPost(p)
		if errors.Is(err, ErrConflict) {
			return refused(PlanStale, "plan %d: item %d: the person holds this post: the plan is made against another state", a.plan.Number, i+1)
		}
		if err != nil {
			return err
		}
		p.ID = id
	}
	a.posts[refOf(p.ID)] = &p
	a.byPerson[row.ID] = append(a.byPerson[row.ID], &p)
	return nil
}

func (a *applier) change(i int, p *PostRow, it *hr.Item) error {
	if slices.Contains(it.Fields, "person_key") || it.After.RNOKPP != "" || it.After.UNZR != "" {
		if err := a.bound(i, it); err != nil {
			return err
		}
		was, known := a.persons[p.Key]
		if !known {
			return refused(PlanStale, "plan %d: item %d: the person is not known", a.plan.Number, i+1)
		}
		row := was
		if it.After.RNOKPP != "" {
			row.RNOKPP = it.After.RNOKPP
		}
		if it.After.UNZR != "" {
			row.UNZR = it.After.UNZR
		}
		if it.NewKey {
			row.Key, row.Kind = it.Keys.Best()
		}
		if row != was {
			if owner, taken := a.persons[row.Key]; taken && owner.ID != p.Person {
				return a.merge(i, p, it, owner)
			}
			if err := a.tx.UpdatePerson(row); err != nil {
				return err
			}
			delete(a.persons, was.Key)
			a.persons[row.Key] = row
			if row.Key != was.Key {
				if err := audit(a.tx, a.at, AuditEntry{Event: EventPersonMerged, Operator: a.quorum.Author.Ident(), Detail: []any{p.ID}}); err != nil {
					return err
				}
			}
		}
		for _, other := range a.byPerson[p.Person] {
			other.Key, other.Kind, other.Record.RNOKPP, other.Record.UNZR = row.Key, row.Kind, row.RNOKPP, row.UNZR
		}
	}
	return a.rewrite(p, it)
}

// rewrite gives a row the record of an item; numbers, status, ground and order stay.
func (a *applier) rewrite(p *PostRow, it *hr.Item) error {
	now := &p.Record
	after := *it.After
	after.RNOKPP, after.UNZR = now.RNOKPP, now.UNZR
	after.Ground, after.OrderNumber, after.OrderDate = now.Ground, now.OrderNumber, now.OrderDate
	p.Record, p.Keys = after, it.Keys
	return a.reconcile(p, it)
}

// merge settles a number that is confirmed to be that of somebody the register knows from an earlier employment: the posts go
// over to that person. Two people who both hold posts now are never made one.
func (a *applier) merge(i int, p *PostRow, it *hr.Item, owner PersonRow) error {
	for _, other := range a.byPerson[owner.ID] {
		if other.Status != hr.StatusDismissed {
			return refused(PlanPersonTwice, "plan %d: item %d: the new person key is another person's", a.plan.Number, i+1)
		}
	}
	was := p.Person
	for _, post := range a.byPerson[was] {
		if post.Status == hr.StatusDismissed {
			continue
		}
		post.Person, post.Key, post.Kind = owner.ID, owner.Key, owner.Kind
		post.Record.RNOKPP, post.Record.UNZR = owner.RNOKPP, owner.UNZR
		if a.left[leftKey(owner.Key, post.Post)] != nil {
			post.Post += "~" + strconv.FormatUint(a.plan.Number, 10) // the name of a post of the earlier employment
		}
		a.byPerson[owner.ID] = append(a.byPerson[owner.ID], post)
		if post != p {
			if err := a.tx.UpdatePost(*post); err != nil {
				return err
			}
		}
	}
	a.byPerson[was] = nil
	if err := audit(a.tx, a.at, AuditEntry{Event: EventPersonMerged, Operator: a.quorum.Author.Ident(), Detail: []any{p.ID}}); err != nil {
		return err
	}
	return a.rewrite(p, it)
}

// leave ends an entitlement: the ID is revoked, the phone is no longer enrolled, slips end.
func (a *applier) leave(p *PostRow, it *hr.Item) error {
	p.Status, p.Paused, p.Blocked = hr.StatusDismissed, false, false
	p.Record.Ground, p.Record.OrderNumber, p.Record.OrderDate = it.Ground, it.OrderNumber, it.OrderDate
	if err := a.tx.UpdatePost(*p); err != nil {
		return err
	}
	if err := endEnrolment(a.tx, p, a.at); err != nil {
		return err
	}
	revoked, err := endEntitlement(a.tx, p.ID, planChange(it, StateRevoked, a.quorum.Author.Ident(), a.at))
	if err != nil {
		return err
	}
	if revoked {
		a.report.Revoked++
	}
	delete(a.posts, refOf(p.ID))
	a.left[leftKey(p.Key, p.Post)] = p
	return nil
}

// endEnrolment ends the wish and the slips of an entitlement that ended.
func endEnrolment(tx Tx, p *PostRow, at time.Time) error {
	if p.Enrolment.State == EnrolmentLive {
		if err := tx.EndEnrolment(p.Enrolment.ID, EnrolmentEnded, at); err != nil {
			return err
		}
		p.Enrolment = EnrolmentRow{}
	}
	slips, err := tx.SlipsOf(p.ID)
	if err != nil {
		return err
	}
	for _, s := range slips {
		if s.State == SlipOpen {
			s.State, s.Closed = SlipEnded, at
			if err := tx.UpdateSlip(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// reconcile writes a row and brings its ID to what the row asks for: suspended while HR suspends the person or data that
// an ID rests on are missing, issued again when a plan suspended it and neither is so any more.
func (a *applier) reconcile(p *PostRow, it *hr.Item) error {
	stops := len(p.Reasons(a.at)) > 0
	by := a.quorum.Author.Ident()
	switch {
	case stops && !p.Paused:
		c := planChange(it, StateSuspended, by, a.at)
		if p.Status == hr.StatusActive {
			c = Change{Ground: GroundDataError, Operator: by, At: a.at}
		}
		done, err := suspendEntitlement(a.tx, p.ID, c)
		if err != nil {
			return err
		}
		if done {
			p.Paused = true
			a.report.Suspended++
		}
	case !stops && p.Paused:
		done, err := resumeEntitlement(a.tx, p.ID, planChange(it, StateIssued, by, a.at))
		if err != nil {
			return err
		}
		p.Paused = false
		if done {
			a.report.Resumed++
		}
	}
	return a.tx.UpdatePost(*p)
}

// block marks the IDs that must not be renewed while rows and questions of this plan wait, beside those that waited before
// and of which this plan's file says nothing.
func (a *applier) block() error {
	var ids []int64
	waits, good := refSet(a.plan.RenewalBlocked()), refSet(a.plan.Unblocks)
	for ref, p := range a.posts {
		if waits[ref] || p.Blocked && !good[ref] {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	return a.tx.UpdateBlocked(ids)
}

func refSet(refs []string) map[string]bool {
	set := make(map[string]bool, len(refs))
	for _, ref := range refs {
		set[ref] = true
	}
	return set
}

// planGrounds are the grounds of staff files that the lifecycle knows too.
var planGrounds = map[string]Ground{
	hr.GroundDismissal: GroundDismissal, hr.GroundTransfer: GroundTransfer, hr.GroundNameChange: GroundNameChange,
	hr.GroundLoss: GroundLoss, hr.GroundDamage: GroundDamage, hr.GroundSuspension: GroundSuspension,
	hr.GroundLiquidation: GroundLiquidation, hr.GroundDataError: GroundDataError, hr.GroundDeath: GroundDeath,
	hr.GroundAbsent: GroundEntitlement, hr.GroundTermEnded: GroundEntitlement, hr.GroundExpiry: GroundEntitlement,
}

// planChange is why a plan changes an ID. A leave or suspension must never fail for want of paper, so where ground or
// order do not fit the change the weaker ground that needs none stands in.
func planChange(it *hr.Item, to State, by string, at time.Time) Change {
	c := Change{Operator: by, At: at}
	if it.OrderNumber != "" && !it.OrderDate.IsZero() {
		c.Order, c.OrderDate = cutText(it.OrderNumber, maxOrder), it.OrderDate.Start()
	}
	var usual, weak Ground
	switch to {
	case StateRevoked:
		usual, weak = GroundDismissal, GroundEntitlement
	case StateSuspended:
		usual, weak = GroundSuspension, GroundCheck
	default:
		usual, weak = GroundReturn, GroundReturn
	}
	for _, g := range []Ground{planGrounds[it.Ground], usual, weak} {
		if c.Ground = g; c.check(to) == nil {
			return c
		}
	}
	c.Order, c.OrderDate = "", time.Time{} // an order that is not readable as one
	return c
}

// cutText shortens s to at most n bytes without splitting a character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
