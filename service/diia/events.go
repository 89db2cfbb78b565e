package diia

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// profileStatus is what systems are told of one person in one post; the numbers are stored. 0: never told anything.
type profileStatus int

// What systems are told.
const (
	statusActive    profileStatus = 1
	statusSuspended profileStatus = 2
	statusDismissed profileStatus = 3
	statusRemoved   profileStatus = 4 // there is no ID, and that says nothing about the employment
)

// String is the word on the wire; removed has an event of its own instead.
func (s profileStatus) String() string {
	switch s {
	case statusActive:
		return "ACTIVE"
	case statusSuspended:
		return "SUSPENDED"
	case statusDismissed:
		return "DISMISSED"
	}
	return "REMOVED"
}

// States of an event in the outbox; the numbers are stored.
const (
	eventWaits     = 0
	eventDelivered = 1
	eventParked    = 2
	eventDead      = 3
	eventDropped   = 4
)

// change is what is true of one post now.
type change struct {
	entitlement int64
	person      int64
	idrow       int64
	status      profileStatus
}

// changeOf says what is true of a post by its IDs; ok is false while nothing was ever issued.
func changeOf(tx issuer.Tx, entitlement int64) (c change, ok bool, err error) {
	post, err := tx.Post(entitlement)
	if errors.Is(err, issuer.ErrNotFound) {
		return change{}, false, nil
	}
	if err != nil {
		return change{}, false, err
	}
	ids, err := tx.IDsOfEntitlement(entitlement)
	if err != nil {
		return change{}, false, err
	}
	id, had := (&held{post, ids}).newest()
	if !had {
		return change{}, false, nil
	}
	c = change{entitlement: entitlement, person: post.Person, idrow: id.ID}
	switch id.State {
	case issuer.StateIssued:
		c.status = statusActive
	case issuer.StateSuspended:
		c.status = statusSuspended
	default:
		c.status = statusRemoved
		if id.State == issuer.StateRevoked {
			events, err := tx.StatusEvents(id.ID)
			if err != nil {
				return change{}, false, err
			}
			if n := len(events); n > 0 {
				switch events[n-1].Ground {
				case issuer.GroundDismissal, issuer.GroundTransfer, issuer.GroundLiquidation, issuer.GroundDeath, issuer.GroundEntitlement:
					c.status = statusDismissed
				}
			}
		}
	}
	return c, true, nil
}

// auditBatch is how many audit entries, or posts, one step looks at.
const auditBatch = 500

// fullEvery is how often everything is compared anew, whatever the audit says.
const fullEvery = 6 * time.Hour

// collect finds every change of state that the systems of a body were not told, and puts it into the outbox. What was told last
// and how far the audit was read are written in the transaction that puts the events there: a crash at any point repeats work
// and loses nothing.
func (p *part) collect(ctx context.Context, at time.Time) error {
	var failed error
	for _, b := range p.s.Bodies {
		if err := p.collectBody(ctx, b, at); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

type cursor struct {
	seq  uint64
	hash [32]byte
	full time.Time
}

func (p *part) collectBody(ctx context.Context, b *service.Body, at time.Time) error {
	var cur cursor
	var fresh []int64 // systems that were told nothing yet
	var heard bool
	if err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		var hash []byte
		var seq, full int64
		err := tx.Row(`SELECT seq, hash, full FROM system_cursors WHERE body = $1`, []any{b.EDRPOU}, &seq, &hash, &full)
		if err != nil && !errors.Is(err, issuer.ErrNotFound) {
			return err
		}
		cur = cursor{seq: uint64(seq), full: timeOf(full)}
		copy(cur.hash[:], hash)
		listeners, err := listenersOf(tx, b.EDRPOU, at)
		if err != nil {
			return err
		}
		for _, l := range listeners {
			heard = true
			if l.told.IsZero() {
				fresh = append(fresh, l.id)
			}
		}
		return nil
	}); err != nil || !heard {
		return err
	}
	head, err := b.Body.AuditHead(ctx)
	if err != nil {
		return err
	}
	known, err := p.auditHolds(ctx, b, cur)
	if err != nil {
		return err
	}
	if !known || len(fresh) > 0 || cur.full.IsZero() || at.Sub(cur.full) >= fullEvery || at.Before(cur.full) {
		return p.collectAll(ctx, b, head, at)
	}
	for cur.seq < head.Seq {
		next, touched, err := p.auditStep(ctx, b, cur)
		if err != nil {
			return err
		}
		changes, err := p.changesOf(ctx, b, touched)
		if err != nil {
			return err
		}
		next.full = cur.full
		if err := p.tell(ctx, b.EDRPOU, changes, next, nil, at); err != nil {
			return err
		}
		if next.seq == cur.seq {
			return fmt.Errorf("diia: audit of body %s ends before its head", b.EDRPOU)
		}
		cur = next
	}
	return nil
}

// auditHolds tells whether the entry that was read last is still the one it was: a body restored from a copy has another, or none.
func (p *part) auditHolds(ctx context.Context, b *service.Body, cur cursor) (ok bool, err error) {
	if cur.seq == 0 {
		return false, nil
	}
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		rows, err := tx.AuditRows(cur.seq-1, 1)
		ok = err == nil && len(rows) == 1 && rows[0].Seq == cur.seq && rows[0].Hash == cur.hash
		return err
	})
	return ok, err
}

// auditStep reads some audit entries and answers which posts they touched.
func (p *part) auditStep(ctx context.Context, b *service.Body, cur cursor) (next cursor, touched []int64, err error) {
	next = cur
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		next, touched = cur, nil
		rows, err := tx.AuditRows(cur.seq, auditBatch)
		if err != nil {
			return err
		}
		for _, r := range rows {
			event, row, err := auditedID(r.Entry)
			if err != nil {
				return fmt.Errorf("diia: audit entry %d of body %s: %w", r.Seq, b.EDRPOU, err)
			}
			next.seq, next.hash = r.Seq, r.Hash
			if event != issuer.EventSigned && event != issuer.EventStateChanged {
				continue
			}
			id, err := tx.IDByRow(row)
			if err != nil {
				return err
			}
			if !slices.Contains(touched, id.Entitlement) {
				touched = append(touched, id.Entitlement)
			}
		}
		return nil
	})
	return next, touched, err
}

var auditLimits = cose.Limits{Bytes: 4 << 10, Depth: 3, Items: 256, String: 1 << 10}

// auditedID reads of an audit entry what happened, and the first number of its detail: of signed and state-changed the row of
// the ID.
func auditedID(entry []byte) (issuer.AuditEvent, int64, error) {
	if err := cose.Check(entry, auditLimits); err != nil {
		return 0, 0, err
	}
	rd := cose.NewReader(entry)
	if n, err := rd.ReadArray(); err != nil || n != 5 {
		return 0, 0, errors.New("want an array of 5")
	}
	var event uint64
	for i := range 3 {
		v, err := rd.ReadUint()
		if err != nil {
			return 0, 0, err
		}
		if i == 2 {
			event = v
		}
	}
	if _, err := rd.ReadText(); err != nil {
		return 0, 0, err
	}
	e := issuer.AuditEvent(event)
	if e != issuer.EventSigned && e != issuer.EventStateChanged {
		return e, 0, nil
	}
	if n, err := rd.ReadArray(); err != nil || n < 1 {
		return 0, 0, errors.New("want a detail")
	}
	row, err := rd.ReadUint()
	return e, int64(row), err
}

func (p *part) changesOf(ctx context.Context, b *service.Body, entitlements []int64) (out []change, err error) {
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		out = nil
		for _, e := range entitlements {
			c, ok, err := changeOf(tx, e)
			if err != nil {
				return err
			}
			if ok {
				out = append(out, c)
			}
		}
		return nil
	})
	return out, err
}

// collectAll compares every post that ever had an ID with what was told, and goes on from the head of the audit that was read
// before it began.
func (p *part) collectAll(ctx context.Context, b *service.Body, head issuer.AuditHead, at time.Time) error {
	seen := map[int64]bool{}
	var told []int64
	if err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		listeners, err := listenersOf(tx, b.EDRPOU, at)
		for _, l := range listeners {
			told = append(told, l.id)
		}
		return err
	}); err != nil {
		return err
	}
	after := int64(0)
	for {
		var posts []int64
		if err := b.Store.View(ctx, func(tx issuer.Tx) error {
			ids, err := tx.ListIDs(after, nil, auditBatch)
			if err != nil {
				return err
			}
			posts = nil
			for _, id := range ids {
				after = id.ID
				if !seen[id.Entitlement] {
					seen[id.Entitlement] = true
					posts = append(posts, id.Entitlement)
				}
			}
			if len(ids) == 0 {
				after = -1
			}
			return nil
		}); err != nil {
			return err
		}
		if after < 0 {
			break
		}
		changes, err := p.changesOf(ctx, b, posts)
		if err != nil {
			return err
		}
		if err := p.tell(ctx, b.EDRPOU, changes, cursor{}, nil, at); err != nil {
			return err
		}
	}
	return p.tell(ctx, b.EDRPOU, nil, cursor{seq: head.Seq, hash: head.Hash, full: at}, told, at)
}

// listener is a system that may learn the events of a body.
type listener struct {
	id   int64
	told time.Time
}

func listenersOf(tx *store.ServiceTx, body string, at time.Time) (out []listener, err error) {
	err = tx.Rows(`SELECT s.id, g.told FROM system_grants g JOIN systems s ON s.id = g.system
		WHERE g.body = $1 AND s.stopped = 0 AND s.until > $2 AND g.print = s.print AND ' ' || g.scopes || ' ' LIKE '% events %' ORDER BY s.id`,
		[]any{body, at.Unix()}, func(scan func(...any) error) error {
			var l listener
			var told int64
			if err := scan(&l.id, &told); err != nil {
				return err
			}
			l.told = timeOf(told)
			out = append(out, l)
			return nil
		})
	return out, err
}

// tell puts into the outbox what each system was not told yet, moves the cursor when it is not zero, and marks grants whose
// systems were told everything.
func (p *part) tell(ctx context.Context, body string, changes []change, cur cursor, complete []int64, at time.Time) error {
	if len(changes) == 0 && cur.seq == 0 {
		return nil
	}
	defer p.crash("told-committed")
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		listeners, err := listenersOf(tx, body, at)
		if err != nil {
			return err
		}
		for _, l := range listeners {
			for _, c := range changes {
				var idrow, status int64
				err := tx.Row(`SELECT idrow, status FROM system_told WHERE system = $1 AND body = $2 AND entitlement = $3`, []any{l.id, body, c.entitlement}, &idrow, &status)
				if err != nil && !errors.Is(err, issuer.ErrNotFound) {
					return err
				}
				before := profileStatus(status)
				switch {
				case before == 0 && (c.status == statusDismissed || c.status == statusRemoved):
					continue // never heard of, and nothing to hear
				case before == c.status && (idrow == c.idrow || c.status != statusActive):
					continue
				}
				if _, err := tx.Exec(`INSERT INTO system_told (system, body, entitlement, idrow, status) VALUES ($1, $2, $3, $4, $5)
					ON CONFLICT (system, body, entitlement) DO UPDATE SET idrow = excluded.idrow, status = excluded.status`,
					l.id, body, c.entitlement, c.idrow, int(c.status)); err != nil {
					return err
				}
				uuid := newUUID()
				if _, err := tx.Insert(`INSERT INTO system_events (uuid, system, body, person, entitlement, idrow, status, at, since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`,
					uuid[:], l.id, body, c.person, c.entitlement, c.idrow, int(c.status), at.Unix()); err != nil {
					return err
				}
				p.crash("told-uncommitted")
				// What waits for the person to appear has been overtaken.
				if _, err := tx.Exec(`UPDATE system_events SET state = 4, closed = $1, why = 'overtaken' WHERE system = $2 AND body = $3 AND person = $4 AND entitlement = $5 AND state = 2`,
					at.Unix(), l.id, body, c.person, c.entitlement); err != nil {
					return err
				}
			}
		}
		if cur.seq == 0 {
			return nil
		}
		for _, id := range complete {
			if _, err := tx.Exec(`UPDATE system_grants SET told = $1 WHERE system = $2 AND body = $3 AND told = 0`, at.Unix(), id, body); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`INSERT INTO system_cursors (body, seq, hash, full) VALUES ($1, $2, $3, $4)
			ON CONFLICT (body) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, full = excluded.full`, body, int64(cur.seq), cur.hash[:], secOf(cur.full))
		p.crash("cursor-uncommitted")
		return err
	})
}

// newUUID is a random UUID (RFC 9562, Section 5.4).
func newUUID() (u [16]byte) {
	rand.Read(u[:])
	u[6] = u[6]&0x0F | 0x40
	u[8] = u[8]&0x3F | 0x80
	return u
}

func uuidText(u []byte) string {
	h := hex.EncodeToString(u)
	if len(h) != 32 {
		return ""
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// event is one row of the outbox.
type event struct {
	id          int64
	uuid        string
	body        string
	person      int64
	entitlement int64
	idrow       int64
	status      profileStatus
	at          time.Time
	state       int
	tries       int
	since       time.Time
	why         string
}

const eventColumns = `id, uuid, body, person, entitlement, idrow, status, at, state, tries, since, why`

func scanEvent(scan func(...any) error) (event, error) {
	var e event
	var uuid []byte
	var status, at, since int64
	if err := scan(&e.id, &uuid, &e.body, &e.person, &e.entitlement, &e.idrow, &status, &at, &e.state, &e.tries, &since, &e.why); err != nil {
		return event{}, err
	}
	e.uuid, e.status, e.at, e.since = uuidText(uuid), profileStatus(status), timeOf(at), timeOf(since)
	return e, nil
}

// eventMessage is what a system receives: office.identifier, or office.identifier.removed.
type eventMessage struct {
	Event    string         `json:"event" doc:"office.identifier or office.identifier.removed"`
	UUID     string         `json:"uuid" doc:"the same each time the event is sent"`
	Sequence int64          `json:"sequence" doc:"grows with each event for this system"`
	At       string         `json:"at" doc:"RFC 3339: when the change was seen"`
	RNOKPP   string         `json:"rnokpp,omitempty" doc:"of office.identifier.removed, when the grant says so"`
	PersonID string         `json:"personId" doc:"opaque name of the person for this system and body"`
	Profile  string         `json:"profileId,omitempty" doc:"of office.identifier.removed"`
	Body     string         `json:"organizationId" doc:"ЄДРПОУ"`
	Response *eventResponse `json:"response,omitempty" doc:"of office.identifier"`
}

type eventResponse struct {
	RNOKPP   string       `json:"rnokpp,omitempty" doc:"when the grant says so"`
	PersonID string       `json:"personId"`
	Status   string       `json:"status" doc:"ACTIVE, SUSPENDED or DISMISSED"`
	Profile  eventProfile `json:"profile"`
}

type eventProfile struct {
	ProfileID  string   `json:"profileId" doc:"opaque name of the person in the post for this system"`
	Body       string   `json:"organizationId" doc:"ЄДРПОУ"`
	UnitID     string   `json:"unitId,omitempty" doc:"opaque name of the unit for this system"`
	Admin      bool     `json:"isOrganizationAdmin"`
	Scopes     []string `json:"scopes"`
	Status     string   `json:"status"`
	DocumentID string   `json:"documentId" doc:"id of the document"`
}

// message builds what is said of an event, from the register as it is now and the right of the system as it is now: nothing
// about a person lies in the outbox.
func (p *part) message(ctx context.Context, b *service.Body, sys *system, g *grant, e *event) (*eventMessage, error) {
	var post issuer.PostRow
	var person issuer.PersonRow
	var id issuer.ID
	if err := b.Store.View(ctx, func(tx issuer.Tx) (err error) {
		if post, err = tx.Post(e.entitlement); err != nil {
			return err
		}
		if person, err = tx.Person(e.person); err != nil {
			return err
		}
		id, err = tx.IDByRow(e.idrow)
		return err
	}); err != nil {
		return nil, err
	}
	m := &eventMessage{Event: "office.identifier", UUID: e.uuid, Sequence: e.id, At: e.at.Format(time.RFC3339), Body: e.body}
	var err error
	if m.PersonID, err = p.personID(sys, e.body, e.person); err != nil {
		return nil, err
	}
	profile, err := p.opaque(macPost, sys, e.body, strconv.FormatInt(e.entitlement, 10))
	if err != nil {
		return nil, err
	}
	number := ""
	if g.numbers {
		number = person.RNOKPP
	}
	if e.status == statusRemoved {
		m.Event, m.RNOKPP, m.Profile = "office.identifier.removed", number, profile
		return m, nil
	}
	r := &eventResponse{RNOKPP: number, PersonID: m.PersonID, Status: e.status.String(),
		Profile: eventProfile{ProfileID: profile, Body: e.body, Scopes: []string{}, Status: e.status.String()}}
	if post.Record.Unit != "" {
		if r.Profile.UnitID, err = p.opaque(macUnit, sys, e.body, post.Record.Unit); err != nil {
			return nil, err
		}
	}
	if r.Profile.DocumentID, err = p.documentID(sys, e.body, &held{post: post}, id, true); err != nil {
		return nil, err
	}
	m.Response = r
	return m, nil
}

type eventsInput struct {
	After int64 `query:"after" minimum:"0" doc:"sequence of the last event that you have"`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type eventsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Events []eventMessage `json:"events" doc:"in order; kept for 30 days"`
		Next   int64          `json:"next" doc:"give it as after the next time"`
		More   bool           `json:"more" doc:"there are more events now"`
	}
}

// pull answers events in their order, whether the webhook has delivered them or not.
func (p *part) pull(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	caller := service.PrincipalOf(ctx)
	bodies, sys, err := p.bodiesOf(ctx, caller, scopeEvents)
	if err != nil {
		return nil, err
	}
	limit := min(max(in.Limit, 1), maxPull)
	var rows []event
	var grants []grant
	if err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		rows = nil
		if grants, err = grantsOf(tx, sys.id); err != nil {
			return err
		}
		return tx.Rows(`SELECT `+eventColumns+` FROM system_events WHERE system = $1 AND id > $2 ORDER BY id LIMIT $3`, []any{sys.id, in.After, limit + 1},
			func(scan func(...any) error) error {
				e, err := scanEvent(scan)
				rows = append(rows, e)
				return err
			})
	}); err != nil {
		return nil, err
	}
	out := &eventsOutput{CacheControl: "no-store"}
	out.Body.Events, out.Body.Next = []eventMessage{}, in.After
	if len(rows) > limit {
		rows, out.Body.More = rows[:limit], true
	}
	for i := range rows {
		e := &rows[i]
		out.Body.Next = e.id
		bi := slices.IndexFunc(bodies, func(b *service.Body) bool { return b.EDRPOU == e.body })
		gi := slices.IndexFunc(grants, func(g grant) bool { return g.body == e.body })
		if bi < 0 || gi < 0 {
			continue // no longer granted
		}
		m, err := p.message(ctx, bodies[bi], &sys, &grants[gi], e)
		if err != nil {
			return nil, err
		}
		out.Body.Events = append(out.Body.Events, *m)
	}
	return out, nil
}

type unparkInput struct {
	Body struct {
		PersonID string `json:"personId" minLength:"32" maxLength:"32" pattern:"^[0-9a-f]{32}$" doc:"as the event named the person"`
	}
}

type unparkOutput struct {
	Body struct {
		Events int `json:"events" doc:"how many are sent again"`
	}
}

// unpark sends parked events again: the person has an account with the system now.
func (p *part) unpark(ctx context.Context, in *unparkInput) (*unparkOutput, error) {
	at := p.s.Now()
	_, sys, err := p.bodiesOf(ctx, service.PrincipalOf(ctx), scopeEvents)
	if err != nil {
		return nil, err
	}
	out := &unparkOutput{}
	return out, p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		type who struct {
			body   string
			person int64
		}
		var parked []who
		if err := tx.Rows(`SELECT DISTINCT body, person FROM system_events WHERE system = $1 AND state = 2`, []any{sys.id}, func(scan func(...any) error) error {
			var w who
			err := scan(&w.body, &w.person)
			parked = append(parked, w)
			return err
		}); err != nil {
			return err
		}
		for _, w := range parked {
			id, err := p.personID(&sys, w.body, w.person)
			if err != nil {
				return err
			}
			if id != in.Body.PersonID {
				continue
			}
			n, err := tx.Exec(`UPDATE system_events SET state = 0, next = 0, tries = 0, since = $1, why = '' WHERE system = $2 AND body = $3 AND person = $4 AND state = 2`,
				at.Unix(), sys.id, w.body, w.person)
			if err != nil {
				return err
			}
			out.Body.Events = int(n)
		}
		return nil
	})
}

func (p *part) mountEvents() {
	access := service.Access{Kinds: []service.Kind{service.System}, Scope: scopeEvents}
	service.Operation(p.s, access, huma.Operation{
		OperationID: "system-events", Method: http.MethodGet, Path: "/api/v1/systems/events", Security: security(scopeEvents), Tags: []string{"systems"},
		Summary: "Read events in order", Description: "For systems without a webhook, and for making sure that none was missed.",
	}, p.pull)
	service.Operation(p.s, access, huma.Operation{
		OperationID: "system-unpark", Method: http.MethodPost, Path: "/api/v1/systems/events/unpark", Security: security(scopeEvents), Tags: []string{"systems"}, MaxBodyBytes: maxQuery,
		Summary: "Send the parked events of a person again", Description: "When a person whom the system did not know has got an account there.",
	}, p.unpark)
}
