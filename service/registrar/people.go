package registrar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/trust"
)

// person is one row of the list of IDs: an ID and whose it is.
type person struct {
	ID          issuer.ID
	Entitlement int64
	Name        string
	Position    string
	Unit        string
	sort        []byte
}

// people is everything of a body that lists and counts need, as it stood at one moment.
type people struct {
	*roster
	head      issuer.AuditHead
	at        time.Time
	ids       []person          // every ID ever issued, in the order of names
	standings []issuer.Standing // everybody who has not left, in the order of names
	counts    map[issuer.State]int
	steps     map[issuer.Step]int
	posts     int
}

// roster is what changes with plans, manual entries and the calendar alone: whose posts there are, with names opened and put in
// order. It takes seconds for a large body, while states of IDs are read anew within a fraction of one.
type roster struct {
	key       rosterKey
	standings []issuer.Standing // in the order of names; steps and IDs are those of the time it was made
	search    []string          // folded text of each
	units     []string          // in the order of names, each once
	records   map[int64]record  // by entitlement, those who left too
	slips     map[int64]time.Time
}

// rosterKey tells when a roster has to be made anew.
type rosterKey struct {
	plan   uint64 // newest plan
	hash   [32]byte
	state  issuer.PlanState
	manual uint64 // newest manual entry
	day    hr.Date
}

// record is what lists show of a row of the register.
type record struct {
	name, position, unit, staff string
	sort                        []byte // collation key of name, then position
	search                      string // folded text
}

// peopleCache holds the newest people of a body. One makes them for all who ask.
type peopleCache struct {
	mu  sync.Mutex
	now *people
}

// peopleAge is how long they may be used while nothing is written: slips end by the passing of time alone.
const peopleAge = 5 * time.Minute

// collateKeys puts texts into the order of the Ukrainian alphabet. It is used by one goroutine.
type collateKeys struct {
	c      *collate.Collator
	buffer collate.Buffer
}

func newCollate() *collateKeys {
	return &collateKeys{c: collate.New(language.Ukrainian, collate.IgnoreCase)}
}

// key is the collation key of a text.
func (k *collateKeys) key(s string) []byte {
	k.buffer.Reset()
	return slices.Clone(k.c.KeyFromString(&k.buffer, s))
}

// peopleOf is the body's people as they stand now. Every change of the register and of an ID stands in the audit, so its head
// tells whether what was read is what is.
func (p *pages) peopleOf(ctx context.Context, b *service.Body, at time.Time) (*people, error) {
	p.mu.Lock()
	cache := p.people[b.EDRPOU]
	if cache == nil {
		cache = &peopleCache{}
		p.people[b.EDRPOU] = cache
	}
	p.mu.Unlock()
	cache.mu.Lock()
	defer cache.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // whoever goes away leaves it to those who wait
	head, err := b.Body.AuditHead(ctx)
	if err != nil {
		return nil, err
	}
	key, err := rosterKeyOf(ctx, b, at)
	if err != nil {
		return nil, err
	}
	now := cache.now
	if now != nil && now.key == key && now.head == head && at.Sub(now.at) < peopleAge && !at.Before(now.at) {
		return now, nil
	}
	var r *roster
	if now != nil && now.key == key {
		r = now.roster
	} else if r, err = readRoster(ctx, b, key, at); err != nil {
		return nil, err
	}
	v, err := readPeople(ctx, b, r, at)
	if err != nil {
		return nil, err
	}
	v.head = head
	cache.now = v
	return v, nil
}

func rosterKeyOf(ctx context.Context, b *service.Body, at time.Time) (key rosterKey, err error) {
	key.day = hr.DateInKyiv(at)
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		last, err := tx.LastPlan()
		if err != nil && !errors.Is(err, issuer.ErrNotFound) {
			return err
		}
		key.plan, key.state, key.hash = last.Number, last.State, last.Hash
		key.manual, err = tx.LastAction(issuer.ApproveManualIssue)
		return err
	})
	return key, err
}

// readRoster opens every row of the register and puts the names in order.
func readRoster(ctx context.Context, b *service.Body, key rosterKey, at time.Time) (*roster, error) {
	standings, err := b.Register.Standings(ctx, at)
	if err != nil {
		return nil, err
	}
	r := &roster{key: key, standings: standings, records: make(map[int64]record, len(standings)), slips: map[int64]time.Time{}}
	keys := newCollate()
	units := map[string]bool{}
	take := func(entitlement int64, one *hr.Record) {
		v := record{name: one.FullName(), position: one.Position, unit: one.Unit, staff: one.StaffNumber}
		v.sort = keys.key(v.name + "\x01" + v.position)
		v.search = fold(v.name + " " + v.position + " " + v.unit + " " + v.staff)
		r.records[entitlement] = v
		if v.unit != "" {
			units[v.unit] = true
		}
	}
	for i := range standings {
		take(standings[i].Entitlement, &standings[i].Record)
	}
	// Those who left are not among the standings; they are named by the IDs they had.
	if err := b.Store.View(ctx, func(tx issuer.Tx) error {
		return tx.Posts(func(post issuer.PostRow) error {
			if post.Status == hr.StatusDismissed {
				take(post.ID, &post.Record)
			}
			return nil
		})
	}); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.standings, func(x, y issuer.Standing) int {
		return slices.Compare(r.records[x.Entitlement].sort, r.records[y.Entitlement].sort)
	})
	for i := range r.standings {
		r.search = append(r.search, r.records[r.standings[i].Entitlement].search)
	}
	sorted := make(map[string][]byte, len(units))
	for u := range units {
		r.units = append(r.units, u)
		sorted[u] = keys.key(u)
	}
	slices.SortFunc(r.units, func(x, y string) int { return cmp.Or(slices.Compare(sorted[x], sorted[y]), strings.Compare(x, y)) })
	return r, nil
}

// readPeople reads what becomes of the people of a roster from day to day: IDs, wishes, slips.
func readPeople(ctx context.Context, b *service.Body, r *roster, at time.Time) (*people, error) {
	v := &people{roster: r, at: at, counts: map[issuer.State]int{}, steps: map[issuer.Step]int{}, standings: slices.Clone(r.standings), posts: len(r.standings)}
	err := b.Store.View(ctx, func(tx issuer.Tx) error {
		v.ids = nil
		clear(v.counts)
		live := map[int64]issuer.ID{}
		const page = 4096
		for after := int64(0); ; {
			ids, err := tx.ListIDs(after, nil, page)
			if err != nil {
				return err
			}
			for _, id := range ids {
				after = id.ID
				v.counts[id.State]++
				if id.State.Live() {
					live[id.Entitlement] = id
				}
				if id.State == issuer.StatePending || id.State == issuer.StateAbandoned {
					continue
				}
				one := r.records[id.Entitlement]
				v.ids = append(v.ids, person{ID: id, Entitlement: id.Entitlement, Name: one.name, Position: one.position, Unit: one.unit, sort: one.sort})
			}
			if len(ids) < page {
				break
			}
		}
		wished := map[int64]bool{}
		for after := int64(0); ; {
			rows, err := tx.Wished(after, page)
			if err != nil {
				return err
			}
			for _, n := range rows {
				after, wished[n] = n, true
			}
			if len(rows) < page {
				break
			}
		}
		open, err := tx.OpenSlips()
		if err != nil {
			return err
		}
		for i := range v.standings {
			s := &v.standings[i]
			s.ID, s.SlipExpires = live[s.Entitlement], time.Time{}
			if slip, ok := open[s.Entitlement]; ok {
				ends, known := r.slips[slip]
				if !known {
					row, err := tx.Slip(slip)
					if err != nil {
						return err
					}
					ends = row.Expires
					r.slips[slip] = ends
				}
				if at.Before(ends) {
					s.SlipExpires = ends
				}
			}
			s.Step = stepOf(s, wished[s.Entitlement])
			v.steps[s.Step]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(v.ids, func(x, y person) int {
		return cmp.Or(slices.Compare(x.sort, y.sort), cmp.Compare(x.ID.ID, y.ID.ID))
	})
	return v, nil
}

// stepOf is how far somebody is from an ID in a phone, by the same rules as issuer.Register.Standings.
func stepOf(s *issuer.Standing, wished bool) issuer.Step {
	switch {
	case s.ID.State == issuer.StateIssued:
		return issuer.StepIssued
	case s.ID.State == issuer.StateSuspended:
		return issuer.StepSuspended
	case len(s.Reasons) > 0:
		return issuer.StepNotEntitled
	case wished:
		return issuer.StepToIssue
	case !s.SlipExpires.IsZero():
		return issuer.StepSlipOpen
	}
	return issuer.StepNoSlip
}

// waiting is one thing that somebody has to do.
type waiting struct {
	Path, Text string
	Mine       bool // the caller can do it
	Urgent     bool // a stated leave or suspension is not in effect
}

// homePage is the overview of a body.
type homePage struct {
	ui
	Posts, Issued, Suspended, Without, ToIssue int
	Waiting                                    []waiting
	Bundle                                     *bundleView
	Published                                  time.Time
	Recent                                     []*load
	CanAdd                                     bool
}

// bundleView is a bundle as pages tell of it.
type bundleView struct {
	Number            uint64
	Issued, Expires   time.Time
	Age               string
	Ended, Old        bool
	Root, Fingerprint string
}

func (u ui) bundle(b *trust.Bundle, at time.Time) *bundleView {
	age := at.Sub(b.IssuedAt())
	v := &bundleView{Number: b.Number(), Issued: b.IssuedAt(), Expires: b.ExpiresAt(), Ended: !at.Before(b.ExpiresAt()), Old: age > 36*time.Hour,
		Root: strconv.FormatUint(b.RootNumber(), 10), Fingerprint: b.RootFingerprint().String()}
	hours := max(0, int(age.Hours()))
	v.Age = u.T(fmt.Sprintf("%d год", hours), fmt.Sprintf("%d h", hours))
	if hours >= 48 {
		v.Age = u.T(fmt.Sprintf("%d діб", hours/24), fmt.Sprintf("%d days", hours/24))
	}
	return v
}

func (p *pages) home(c *call) error {
	ctx := c.r.Context()
	all, err := p.peopleOf(ctx, c.body, c.at)
	if err != nil {
		return err
	}
	v := homePage{ui: c.ui(), Posts: all.posts, Issued: all.steps[issuer.StepIssued], Suspended: all.steps[issuer.StepSuspended],
		Without: all.posts - all.steps[issuer.StepIssued], ToIssue: all.steps[issuer.StepToIssue], CanAdd: c.has(service.Registrar)}
	if bundle, _, err := p.Trust.Bundle(); err == nil {
		v.Bundle = v.bundle(bundle, c.at)
	}
	if err := c.body.Store.View(ctx, func(tx issuer.Tx) error {
		row, err := tx.Body()
		v.Published = row.Published
		return err
	}); err != nil {
		return err
	}
	loads, err := p.loads(ctx, c.body.EDRPOU, 50)
	if err != nil {
		return err
	}
	if err := p.endSuperseded(ctx, c.body, loads, c.at); err != nil {
		return err
	}
	v.Recent = loads[:min(5, len(loads))]
	for _, l := range loads {
		if w, ok := v.waitingFor(c, l); ok {
			v.Waiting = append(v.Waiting, w)
		}
	}
	more, err := p.waitingElse(c)
	if err != nil {
		return err
	}
	v.Waiting = append(v.Waiting, more...)
	slices.SortStableFunc(v.Waiting, func(x, y waiting) int { return rank(y) - rank(x) })
	return c.show("body", v)
}

func rank(w waiting) int {
	n := 0
	if w.Urgent {
		n += 2
	}
	if w.Mine {
		n++
	}
	return n
}

// waitingFor tells what a load waits for.
func (u ui) waitingFor(c *call, l *load) (waiting, bool) {
	w := waiting{Path: c.path("staff", l.ID)}
	what := u.T("Файл", "File") + " «" + l.File + "»: "
	switch l.Stage {
	case stageReading, stageApplying, stageFinishing:
		w.Text = what + u.Stage(l.Stage)
	case stagePlanned:
		w.Text, w.Mine = what+u.T("план чекає підпису автора", "the plan waits for its author"), c.has(service.Registrar)
	case stageWaiting:
		w.Text, w.Mine = what+u.T("чекає другого підписувача", "waits for the approver"), c.has(service.Approver)
	case stageStale:
		w.Text, w.Mine = what+u.T("план застарів, зробіть його заново", "the plan is out of date, make it anew"), c.has(service.Registrar)
	default:
		return w, false
	}
	if l.Plan != nil && l.Plan.Stated > 0 && (l.Stage == stagePlanned || l.Stage == stageStale) {
		w.Urgent = true
		w.Text += u.T(fmt.Sprintf(". Вибуття і зупинення, що ще не діють: %d", l.Plan.Stated), fmt.Sprintf(". Leaves and suspensions not in effect yet: %d", l.Plan.Stated))
	}
	return w, true
}

// idsPage is the list of IDs.
type idsPage struct {
	ui
	Query, Unit, Filter string
	Rows                []person
	Units               []string
	Pager               service.Pager
	Counts              map[string]int
	CanChange           bool
}

// stateFilters are the choices of the list of IDs.
var stateFilters = map[string][]issuer.State{
	"": {issuer.StateIssued, issuer.StateSuspended}, "issued": {issuer.StateIssued}, "suspended": {issuer.StateSuspended}, "revoked": {issuer.StateRevoked},
	"expired": {issuer.StateExpired}, "replaced": {issuer.StateReplaced}, "all": nil,
}

func (p *pages) ids(c *call) error {
	all, err := p.peopleOf(c.r.Context(), c.body, c.at)
	if err != nil {
		return err
	}
	v := idsPage{ui: c.ui(), Query: c.query("q"), Unit: c.query("unit"), Filter: c.query("state"), Units: all.units, CanChange: c.has(service.Registrar)}
	states, ok := stateFilters[v.Filter]
	if !ok {
		v.Filter, states = "", stateFilters[""]
	}
	words := strings.Fields(fold(v.Query))
	var found []int
	for i := range all.ids {
		one := &all.ids[i]
		if (states == nil || slices.Contains(states, one.ID.State)) && (v.Unit == "" || one.Unit == v.Unit) &&
			(len(words) == 0 || matches(all.records[one.Entitlement].search+" "+fold(one.ID.Number), words)) {
			found = append(found, i)
		}
	}
	if c.query("order") == "changed" {
		slices.SortStableFunc(found, func(x, y int) int { return all.ids[y].ID.ChangedAt.Compare(all.ids[x].ID.ChangedAt) })
	}
	v.Pager = c.page(len(found))
	for _, i := range found[v.Pager.From:v.Pager.To] {
		v.Rows = append(v.Rows, all.ids[i])
	}
	return c.show("ids", v)
}

// eventRow is one line of an ID's history.
type eventRow struct {
	At                           time.Time
	From, To                     issuer.State
	Ground, Order, Operator, Doc string
	Number                       string // of the ID
}

// slipRow is one slip of a person.
type slipRow struct {
	Number        string
	Made, Expires time.Time
	State         string
}

// cardRow is one card of a person.
type cardRow struct {
	Number, Kind, State string
	Expires             time.Time
}

// postRow is one post of the person.
type postRow struct {
	Entitlement        int64
	Position, Unit     string
	Status             hr.Status
	Number             uint64
	Manual             bool
	Reasons            []string
	Enrolled           time.Time
	Row                int64 // of its newest ID; 0 for none
	Current            bool
	Rank, Plastic, Til string
}

// groundChoice is one ground in a form.
type groundChoice struct {
	Code, Text string
}

// idPage is one ID and its person's history.
type idPage struct {
	ui
	ID         issuer.ID
	Name       string
	Latin      string
	Photo      bool
	Posts      []postRow
	IDs        []issuer.ID
	Events     []eventRow
	Slips      []slipRow
	Cards      []cardRow
	Checks     int
	ChecksMore bool
	LastCheck  time.Time
	CanChange  bool
	CanSuspend bool
	CanResume  bool
	CanRevoke  bool
	Enrolled   bool
	Fresh      bool
	Suspend    []groundChoice
	Resume     []groundChoice
	Revoke     []groundChoice
}

// slipWords are the states of a slip.
var slipWords = map[issuer.SlipState][2]string{
	issuer.SlipOpen: {"діє", "open"}, issuer.SlipUsed: {"використано", "used"}, issuer.SlipBlocked: {"закрито після невдалих спроб", "blocked after failed tries"},
	issuer.SlipReplaced: {"замінено новішим", "replaced"}, issuer.SlipStopped: {"закрито кодом зупинення", "stopped"}, issuer.SlipEnded: {"право закінчилося", "entitlement ended"},
}

func (u ui) grounds(to issuer.State) (all []groundChoice) {
	for _, g := range issuer.GroundsFor(to) {
		all = append(all, groundChoice{g.String(), g.Text(u.Lang)})
	}
	return all
}

func (p *pages) id(c *call) error { return p.idWith(c, http.StatusOK, c.draft(), nil) }

// theID reads the ID of the path. Error: errNoSuchID.
func (c *call) theID() (issuer.ID, error) {
	id, err := c.body.Body.Show(c.r.Context(), c.number("row"))
	if errors.Is(err, issuer.ErrNotFound) {
		return id, errNoSuchID
	}
	return id, err
}

func (p *pages) idWith(c *call, status int, draft map[string][]string, wrong error) error {
	ctx := c.r.Context()
	id, err := c.theID()
	if err != nil {
		return err
	}
	v := &idPage{ui: c.uiWith(draft), ID: id, CanChange: c.has(service.Registrar), Fresh: c.fresh()}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	operators, err := c.body.Register.Operators(ctx)
	if err != nil {
		return err
	}
	err = c.body.Store.View(ctx, func(tx issuer.Tx) error {
		v.Posts, v.IDs, v.Slips, v.Cards = nil, nil, nil, nil
		post, err := tx.Post(id.Entitlement)
		if err != nil {
			return err
		}
		v.Name, v.Latin, v.Photo = visible(post.Record.FullName()), visible(post.Record.LatinName()), !post.Record.PhotoSHA256.IsZero()
		v.Enrolled = post.Enrolment.State == issuer.EnrolmentLive
		posts, err := tx.PostsOfPerson(post.Person)
		if err != nil {
			return err
		}
		for i := range posts {
			if err := v.addPost(tx, &posts[i], id, c.at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(v.IDs, func(x, y issuer.ID) int { return cmp.Compare(y.ID, x.ID) })
	for _, one := range v.IDs {
		events, err := c.body.Body.History(ctx, one.ID)
		if err != nil {
			return err
		}
		for _, e := range events {
			row := eventRow{At: e.At, From: e.From, To: e.To, Ground: e.Ground.Text(c.lang), Number: one.Number, Operator: v.T("програма", "the program")}
			if e.Order != "" {
				row.Order = visible(e.Order) + " · " + hr.DateInKyiv(e.OrderDate).UA()
			}
			if n, err := strconv.ParseInt(e.Operator, 10, 64); err == nil {
				row.Operator = operatorName(operators, n)
			}
			v.Events = append(v.Events, row)
		}
	}
	slices.SortStableFunc(v.Events, func(x, y eventRow) int { return y.At.Compare(x.At) })
	if c.body.Online != nil {
		const most = 1000
		checks, err := c.body.Online.Checks(ctx, id.ID, 0, most)
		if err != nil {
			return err
		}
		v.Checks, v.ChecksMore = len(checks), len(checks) == most
		if len(checks) > 0 {
			v.LastCheck = checks[0].At
		}
	}
	if v.CanChange {
		v.CanSuspend, v.CanResume, v.CanRevoke = id.State == issuer.StateIssued, id.State == issuer.StateSuspended, id.State.Live()
		v.Suspend, v.Resume, v.Revoke = v.grounds(issuer.StateSuspended), v.grounds(issuer.StateIssued), v.grounds(issuer.StateRevoked)
	}
	return c.Render(c.w, c.r, status, "id", v)
}

// addPost adds a post of the person with its IDs, slips and cards.
func (v *idPage) addPost(tx issuer.Tx, post *issuer.PostRow, id issuer.ID, at time.Time) error {
	row := postRow{Entitlement: post.ID, Position: visible(post.Record.Position), Unit: visible(post.Record.Unit), Status: post.Status, Number: post.Number,
		Manual: post.Origin == issuer.OriginManual, Current: post.ID == id.Entitlement, Til: post.Record.ValidUntil().UA(),
		Plastic: visible(post.Record.Plastic.Series + post.Record.Plastic.Number)}
	if post.Record.Category != "" {
		row.Rank = post.Record.Category + rankText(post.Record.Rank)
	}
	for _, r := range post.Reasons(at) {
		row.Reasons = append(row.Reasons, v.Reason(r))
	}
	if post.Enrolment.State == issuer.EnrolmentLive {
		row.Enrolled = post.Enrolment.At
	}
	ids, err := tx.IDsOfEntitlement(post.ID)
	if err != nil {
		return err
	}
	for _, one := range ids {
		if one.State != issuer.StatePending && one.State != issuer.StateAbandoned {
			v.IDs = append(v.IDs, one)
			row.Row = one.ID
		}
	}
	v.Posts = append(v.Posts, row)
	slips, err := tx.SlipsOf(post.ID)
	if err != nil {
		return err
	}
	for _, s := range slips {
		w := slipWords[s.State]
		text := v.T(w[0], w[1])
		if s.State == issuer.SlipOpen && !at.Before(s.Expires) {
			text = v.T("строк коду минув", "the code has expired")
		}
		v.Slips = append(v.Slips, slipRow{fmt.Sprintf("%06d", s.ID), s.Made, s.Expires, text})
	}
	cards, err := tx.CardsOf(post.ID)
	if err != nil {
		return err
	}
	for _, card := range cards {
		v.Cards = append(v.Cards, cardRow{fmt.Sprintf("%X", card.Number), card.Kind.String(), card.State.Text(v.Lang), card.Expires})
	}
	return nil
}

// StatusText is what HR says of somebody in a post.
func (u ui) StatusText(s hr.Status) string {
	switch s {
	case hr.StatusActive:
		return u.T("працює", "active")
	case hr.StatusSuspended:
		return u.T("відсторонено", "suspended")
	case hr.StatusDismissed:
		return u.T("вибула", "left")
	}
	return string(s)
}

// idPhoto is the portrait of an ID's holder, for the body's own people.
func (p *pages) idPhoto(c *call) error {
	id, err := c.theID()
	if err != nil {
		return err
	}
	var post issuer.PostRow
	if err := c.body.Store.View(c.r.Context(), func(tx issuer.Tx) (err error) {
		post, err = tx.Post(id.Entitlement)
		return err
	}); err != nil {
		return err
	}
	if post.Record.PhotoSHA256.IsZero() || c.body.Photo == nil {
		return errNoSuchID
	}
	data, err := c.body.Photo([20]byte(post.Record.PhotoSHA256[:20]))
	if err != nil {
		return err
	}
	if data == nil {
		return errNoSuchID
	}
	c.w.Header().Set("Content-Type", "image/jpeg")
	c.w.Header().Set("Cache-Control", "no-store")
	_, err = c.w.Write(data)
	return err
}

// changeOf reads ground and order of a form.
func (c *call) changeOf(operator issuer.Operator) (issuer.Change, error) {
	g, err := issuer.ParseGround(c.value("ground"))
	if err != nil {
		return issuer.Change{}, err
	}
	ch := issuer.Change{Ground: g, Order: c.value("order"), Operator: operator.Ident(), At: c.at}
	if utf8.RuneCountInString(ch.Order) > hr.MaxShortRunes || strings.ContainsFunc(ch.Order, func(r rune) bool { return r < ' ' }) {
		return ch, errForm
	}
	if text := c.value("order_date"); text != "" {
		day, err := hr.ParseDate(text)
		if err != nil || day.Start().After(c.at) {
			return ch, errDay
		}
		ch.OrderDate = day.Start()
	}
	return ch, nil
}

// stateChanges are the changes of a form's "to".
var stateChanges = map[string]struct {
	to issuer.State
	do func(*issuer.Body, context.Context, int64, issuer.Change) error
}{
	"suspended": {issuer.StateSuspended, (*issuer.Body).Suspend},
	"issued":    {issuer.StateIssued, (*issuer.Body).Resume},
	"revoked":   {issuer.StateRevoked, (*issuer.Body).Revoke},
}

// changeID suspends, resumes or revokes one ID.
func (p *pages) changeID(c *call) error {
	ctx := c.r.Context()
	id, err := c.theID()
	if err != nil {
		return err
	}
	again := func(err error) error {
		known := told(err)
		var named *service.Problem
		if !errors.As(known, &named) {
			return known
		}
		return p.idWith(c, named.Status, c.r.PostForm, err)
	}
	o, err := p.operatorOf(ctx, c.body, service.Registrar)
	if err != nil {
		return again(err)
	}
	change, ok := stateChanges[c.value("to")]
	if !ok {
		return again(errForm)
	}
	ch, err := c.changeOf(o)
	if err != nil {
		return again(err)
	}
	err = change.do(c.body.Body, ctx, id.ID, ch)
	if errors.Is(err, issuer.ErrState) && p.sameChange(ctx, c.body, id.ID, change.to, ch) { // the same post twice
		err = nil
	}
	if err != nil {
		return again(err)
	}
	p.tell()
	if err := c.sent(c.path("ids", id.ID)); err != nil {
		return err
	}
	return c.seeOther(c.path("ids", id.ID))
}

// sameChange tells whether the last change of an ID was this very one.
func (p *pages) sameChange(ctx context.Context, b *service.Body, row int64, to issuer.State, ch issuer.Change) bool {
	events, err := b.Body.History(ctx, row)
	if err != nil || len(events) == 0 {
		return false
	}
	last := events[len(events)-1]
	return last.To == to && last.Ground == ch.Ground && last.Order == ch.Order && last.OrderDate.Equal(ch.OrderDate) && last.Operator == ch.Operator
}

// withdraw takes back the holder's wish, as the holder said to the registrar.
func (p *pages) withdraw(c *call) error {
	ctx := c.r.Context()
	id, err := c.theID()
	if err != nil {
		return err
	}
	o, err := p.operatorOf(ctx, c.body, service.Registrar)
	if err != nil {
		return err
	}
	if c.value("sure") != "yes" {
		return p.idWith(c, http.StatusConflict, c.r.PostForm, errForm)
	}
	err = c.body.Register.Withdraw(ctx, id.Entitlement, o, c.at)
	if errors.Is(err, issuer.NotEnrolled) && id.State == issuer.StateRevoked { // the same post twice
		err = nil
	}
	if err != nil {
		return err
	}
	p.tell()
	return c.seeOther(c.path("ids", id.ID))
}

// publishedAt is when a body published last.
func publishedAt(ctx context.Context, b *service.Body) (at time.Time, err error) {
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		row, err := tx.Body()
		at = row.Published
		return err
	})
	return at, err
}
