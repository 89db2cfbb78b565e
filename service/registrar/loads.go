package registrar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// stage is how far a staff file has come. The numbers are stored.
type stage int

// Stages of a load.
const (
	stageReceiving stage = 1  // being uploaded; what stays so was cut off
	stageReading   stage = 2  // a job reads it and makes the plan
	stagePlanned   stage = 3  // waits for its author's signature
	stageApplying  stage = 4  // its author signed; a job applies it
	stageWaiting   stage = 5  // stated leaves and what is free took effect; the rest waits for a second person
	stageFinishing stage = 6  // the second person signed; a job finishes it
	stageDone      stage = 7  // took effect whole
	stageFailed    stage = 8  // the file is of no use; facts say why
	stageStale     stage = 9  // the register went on; a plan has to be made anew of the same file
	stageDiscarded stage = 10 // somebody put it aside before it was signed
	stageEnded     stage = 11 // a newer plan came before the held steps were approved
)

// open tells whether somebody still has to do something about a load.
func (s stage) open() bool {
	return s == stageReading || s == stagePlanned || s == stageApplying || s == stageWaiting || s == stageFinishing || s == stageStale
}

// part is what a piece of a load belongs to. The numbers are stored.
type part int

// Parts of a load.
const (
	partFile     part = 1
	partPhotos   part = 2
	partMapping  part = 3
	partPlan     part = 4
	partProblems part = 5
)

// pieceSize is how much of a part is sealed at a time: as much as is held in memory of a file that is read at random.
const pieceSize = 512 << 10

// Bounds of what is kept.
const (
	planLife     = 7 * 24 * time.Hour  // how long a plan may wait for its author
	keepFiles    = 30 * 24 * time.Hour // how long files of a finished load stay
	keepRows     = 3 * 366 * 24 * time.Hour
	keepDrafts   = 14 * 24 * time.Hour
	receiveLimit = 2 * time.Hour // after which an upload that did not end is given up
)

// failure is why a load stopped, in both languages; it holds no personal data.
type failure struct {
	Code   string `json:"code"`
	UK     string `json:"uk"`
	EN     string `json:"en"`
	NextUK string `json:"next_uk"`
	NextEN string `json:"next_en"`
}

func failureOf(err error) *failure {
	p := problem(err)
	return &failure{p.Code, p.UK, p.EN, p.NextUK, p.NextEN}
}

// loadFacts is what is sealed of a load's row.
type loadFacts struct {
	File       string      `json:"file"`
	Size       int64       `json:"size"`
	Photos     string      `json:"photos,omitempty"`
	PhotosSize int64       `json:"photos_size,omitempty"`
	Mapping    bool        `json:"mapping,omitempty"`
	Sheet      string      `json:"sheet,omitempty"`
	Full       bool        `json:"full,omitempty"`
	Total      int         `json:"total,omitempty"`
	Answers    []hr.Answer `json:"answers,omitempty"`
	Attached   bool        `json:"attached,omitempty"` // the photos were read once and are kept by their hashes

	Rows, Taken, SetAside int
	Plan                  *planFacts `json:"plan,omitempty"`
	Author                int64      `json:"author,omitempty"` // operators
	Approver              int64      `json:"approver,omitempty"`
	Report                *planDone  `json:"report,omitempty"`
	Discarder             int64      `json:"discarder,omitempty"` // operator who put it aside; 0 when his account is linked to none
	Failure               *failure   `json:"failure,omitempty"`
	Note                  *failure   `json:"note,omitempty"` // why a second signature was not taken
}

// planFacts is what the row keeps of the plan, so that lists need not open it.
type planFacts struct {
	Number      uint64              `json:"number"`
	Hash        string              `json:"hash"` // SHA-256 of the canonical plan in hex
	Made        time.Time           `json:"made"`
	Expires     time.Time           `json:"expires"`
	All         map[hr.ItemKind]int `json:"all"`
	Held        map[hr.ItemKind]int `json:"held"`
	Stated      int                 `json:"stated"` // stated leaves and suspensions
	SetAside    int                 `json:"set_aside"`
	Questions   int                 `json:"questions"`
	Notes       int                 `json:"notes"`
	Brake       hr.Brake            `json:"brake"`
	NeedsSecond bool                `json:"needs_second"`
}

// planDone is what became of a plan.
type planDone struct {
	At        time.Time           `json:"at"`
	Applied   map[hr.ItemKind]int `json:"applied,omitempty"`
	Held      int                 `json:"held"`
	Revoked   int                 `json:"revoked"`
	Suspended int                 `json:"suspended"`
	Resumed   int                 `json:"resumed"`
}

// add puts a later report to an earlier one.
func (d *planDone) add(r *issuer.PlanReport, at time.Time) *planDone {
	out := planDone{At: at, Applied: map[hr.ItemKind]int{}, Held: r.Held, Revoked: r.Revoked, Suspended: r.Suspended, Resumed: r.Resumed}
	if d != nil {
		for k, n := range d.Applied {
			out.Applied[k] += n
		}
		out.Revoked, out.Suspended, out.Resumed = out.Revoked+d.Revoked, out.Suspended+d.Suspended, out.Resumed+d.Resumed
	}
	for k, n := range r.Applied {
		out.Applied[k] += n
	}
	return &out
}

// load is one staff file on its way into the register.
type load struct {
	ID            int64
	Body          string
	Account       int64
	Made, Changed time.Time
	Stage         stage
	Version       int64
	loadFacts
}

func place(parts ...any) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('/')
		}
		fmt.Fprint(&b, p)
	}
	return b.String()
}

// sealLoad seals the facts of a load for its row.
func sealLoad(tx *store.ServiceTx, once [32]byte, f *loadFacts) ([]byte, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("registrar: load: %w", err)
	}
	return tx.Seal("staff_loads.facts", fmt.Sprintf("%x", once), plain)
}

const loadColumns = `id, body, account, once, made, changed, stage, version, facts`

func scanLoad(tx *store.ServiceTx, scan func(...any) error) (*load, [32]byte, error) {
	var l load
	var once, facts []byte
	var made, changed int64
	if err := scan(&l.ID, &l.Body, &l.Account, &once, &made, &changed, &l.Stage, &l.Version, &facts); err != nil {
		return nil, [32]byte{}, err
	}
	l.Made, l.Changed = time.Unix(made, 0), time.Unix(changed, 0)
	key := [32]byte(once)
	plain, err := tx.Open("staff_loads.facts", fmt.Sprintf("%x", key), facts)
	if err != nil {
		return nil, key, err
	}
	if err := json.Unmarshal(plain, &l.loadFacts); err != nil {
		return nil, key, fmt.Errorf("registrar: load %d: %w", l.ID, err)
	}
	return &l, key, nil
}

// newLoad makes the row of a form's file; a form that was sent twice gets the row of the first time and made false.
func (p *pages) newLoad(ctx context.Context, body string, account int64, once [32]byte, f loadFacts, at time.Time) (l *load, made bool, err error) {
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		var id int64
		switch err := tx.Row(`SELECT id FROM staff_loads WHERE once = $1`, []any{once[:]}, &id); {
		case err == nil:
			made = false
			l, err = getLoad(tx, body, id)
			return err
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		facts, err := sealLoad(tx, once, &f)
		if err != nil {
			return err
		}
		id, err = tx.Insert(`INSERT INTO staff_loads (body, account, once, made, changed, stage, facts) VALUES ($1, $2, $3, $4, $4, 1, $5)`,
			body, account, once[:], at.Unix(), facts)
		if err != nil {
			return err
		}
		made = true
		l, err = getLoad(tx, body, id)
		return err
	})
	return l, made, err
}

// getLoad reads a load of a body. Error: errNoSuchLoad, also for another body's.
func getLoad(tx *store.ServiceTx, body string, id int64) (l *load, err error) {
	err = tx.Rows(`SELECT `+loadColumns+` FROM staff_loads WHERE id = $1 AND body = $2`, []any{id, body}, func(scan func(...any) error) error {
		l, _, err = scanLoad(tx, scan)
		return err
	})
	if err == nil && l == nil {
		err = errNoSuchLoad
	}
	return l, err
}

// load reads a load of a body.
func (p *pages) load(ctx context.Context, body string, id int64) (l *load, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		l, err = getLoad(tx, body, id)
		return err
	})
	return l, err
}

// loads lists the loads of a body, newest first.
func (p *pages) loads(ctx context.Context, body string, limit int) (all []*load, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		all = nil
		return tx.Rows(`SELECT `+loadColumns+` FROM staff_loads WHERE body = $1 ORDER BY id DESC LIMIT $2`, []any{body, limit}, func(scan func(...any) error) error {
			l, _, err := scanLoad(tx, scan)
			all = append(all, l)
			return err
		})
	})
	return all, err
}

// change changes a load in one transaction: f sees it as it stands and says what becomes of it.
func (p *pages) change(ctx context.Context, body string, id int64, at time.Time, f func(*store.ServiceTx, *load) error) (l *load, err error) {
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		var once [32]byte
		l = nil
		if err := tx.Rows(`SELECT `+loadColumns+` FROM staff_loads WHERE id = $1 AND body = $2`, []any{id, body}, func(scan func(...any) error) error {
			l, once, err = scanLoad(tx, scan)
			return err
		}); err != nil {
			return err
		}
		if l == nil {
			return errNoSuchLoad
		}
		if err := f(tx, l); err != nil {
			return err
		}
		facts, err := sealLoad(tx, once, &l.loadFacts)
		if err != nil {
			return err
		}
		l.Changed, l.Version = at, l.Version+1
		return tx.Exec1(`UPDATE staff_loads SET changed = $2, stage = $3, version = version + 1, facts = $4 WHERE id = $1`, l.ID, at.Unix(), l.Stage, facts)
	})
	return l, err
}

// work lists the loads that a job has to do something about.
func (p *pages) work(ctx context.Context) (all []*load, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		all = nil
		return tx.Rows(`SELECT `+loadColumns+` FROM staff_loads WHERE stage IN (2, 4, 6) ORDER BY id`, nil, func(scan func(...any) error) error {
			l, _, err := scanLoad(tx, scan)
			all = append(all, l)
			return err
		})
	})
	return all, err
}

// putPiece writes one piece of a part.
func (p *pages) putPiece(ctx context.Context, id int64, k part, n int, data []byte) error {
	return p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		sealed, err := tx.Seal("staff_parts.data", place(id, int(k), n), data)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO staff_parts (load, kind, n, data) VALUES ($1, $2, $3, $4) ON CONFLICT (load, kind, n) DO UPDATE SET data = excluded.data`, id, int(k), n, sealed)
		return err
	})
}

// putPart writes a part from a stream, at most max bytes. Error: hr.FileTooLarge.
func (p *pages) putPart(ctx context.Context, id int64, k part, r io.Reader, max int64) (size int64, err error) {
	buffer := make([]byte, pieceSize)
	for n := 0; ; n++ {
		got, err := io.ReadFull(r, buffer)
		if got > 0 {
			if size += int64(got); size > max {
				return size, hr.Problem{Code: hr.FileTooLarge, Args: []string{strconv.FormatInt(max>>20, 10)}}
			}
			if err := p.putPiece(ctx, id, k, n, buffer[:got]); err != nil {
				return size, err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return size, p.Store.Update(ctx, func(tx *store.ServiceTx) error { // what an earlier, longer writing left
				last := n
				if got > 0 {
					last++
				}
				_, err := tx.Exec(`DELETE FROM staff_parts WHERE load = $1 AND kind = $2 AND n >= $3`, id, int(k), last)
				return err
			})
		case err != nil:
			return size, err
		}
	}
}

// piece reads one piece of a part; nil when there is none.
func (p *pages) piece(ctx context.Context, id int64, k part, n int) (data []byte, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		var sealed []byte
		if err := tx.Row(`SELECT data FROM staff_parts WHERE load = $1 AND kind = $2 AND n = $3`, []any{id, int(k), n}, &sealed); err != nil {
			return err
		}
		data, err = tx.Open("staff_parts.data", place(id, int(k), n), sealed)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return data, err
}

// part reads a whole part.
func (p *pages) part(ctx context.Context, id int64, k part) ([]byte, error) {
	var all []byte
	for n := 0; ; n++ {
		data, err := p.piece(ctx, id, k, n)
		if err != nil || data == nil {
			return all, err
		}
		all = append(all, data...)
	}
}

// partReader reads a part at random, a few pieces in memory. Photos are read out of a ZIP by several goroutines at once.
type partReader struct {
	ctx  context.Context
	p    *pages
	id   int64
	kind part
	size int64

	mu    sync.Mutex
	cache map[int][]byte
	order []int
}

// cachedPieces is how many pieces a partReader holds.
const cachedPieces = 8

// ReadAt implements io.ReaderAt.
func (r *partReader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("registrar: read before the start")
	}
	done := 0
	for done < len(b) {
		if off >= r.size {
			return done, io.EOF
		}
		n := int(off / pieceSize)
		data, err := r.piece(n)
		if err != nil {
			return done, err
		}
		at := int(off % pieceSize)
		if at >= len(data) {
			return done, io.ErrUnexpectedEOF
		}
		c := copy(b[done:], data[at:])
		done, off = done+c, off+int64(c)
	}
	return done, nil
}

// piece is piece n, from memory when it was read lately. What it answers is never written to.
func (r *partReader) piece(n int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if data, ok := r.cache[n]; ok {
		return data, nil
	}
	data, err := r.p.piece(r.ctx, r.id, r.kind, n)
	if err != nil {
		return nil, err
	}
	if len(r.order) >= cachedPieces {
		delete(r.cache, r.order[0])
		r.order = r.order[1:]
	}
	r.cache[n] = data
	r.order = append(r.order, n)
	return data, nil
}

// dropParts forgets parts of a load; none named: all.
func dropParts(tx *store.ServiceTx, id int64, kinds ...part) error {
	if len(kinds) == 0 {
		kinds = []part{partFile, partPhotos, partMapping, partPlan, partProblems}
	}
	for _, k := range kinds {
		if _, err := tx.Exec(`DELETE FROM staff_parts WHERE load = $1 AND kind = $2`, id, int(k)); err != nil {
			return err
		}
	}
	return nil
}

// approvalRow is one stored signature under a load's plan.
type approvalRow struct {
	Part     issuer.ApprovalPart
	Operator int64
	At       time.Time
	Bytes    []byte
}

func putApproval(tx *store.ServiceTx, id int64, a approvalRow) error {
	_, err := tx.Exec(`INSERT INTO staff_approvals (load, part, operator, at, bytes) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (load, part, operator) DO UPDATE SET at = excluded.at, bytes = excluded.bytes`, id, int(a.Part), a.Operator, a.At.Unix(), a.Bytes)
	return err
}

func dropApprovals(tx *store.ServiceTx, id int64, parts ...issuer.ApprovalPart) error {
	for _, k := range parts {
		if _, err := tx.Exec(`DELETE FROM staff_approvals WHERE load = $1 AND part = $2`, id, int(k)); err != nil {
			return err
		}
	}
	return nil
}

func (p *pages) approvals(ctx context.Context, id int64) (all []approvalRow, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		all = nil
		return tx.Rows(`SELECT part, operator, at, bytes FROM staff_approvals WHERE load = $1 ORDER BY part, operator`, []any{id}, func(scan func(...any) error) error {
			var a approvalRow
			var at int64
			err := scan(&a.Part, &a.Operator, &at, &a.Bytes)
			a.At = time.Unix(at, 0)
			all = append(all, a)
			return err
		})
	})
	return all, err
}

// purge forgets what need not be kept: files of finished loads, uploads that were cut off, old drafts. A load whose steps have
// not taken effect keeps its file.
func (p *pages) purge(ctx context.Context, at time.Time) error {
	return p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		type row struct {
			id    int64
			whole bool
		}
		var drop []row
		if err := tx.Rows(`SELECT id, stage, made, changed FROM staff_loads`, nil, func(scan func(...any) error) error {
			var id, made, changed int64
			var s stage
			if err := scan(&id, &s, &made, &changed); err != nil {
				return err
			}
			idle := at.Sub(time.Unix(changed, 0))
			switch {
			case s == stageReceiving && idle > receiveLimit, !s.open() && s != stageReceiving && idle > keepRows:
				drop = append(drop, row{id, true})
			case !s.open() && s != stageReceiving && idle > keepFiles:
				drop = append(drop, row{id, false})
			}
			return nil
		}); err != nil {
			return err
		}
		for _, r := range drop {
			if err := dropParts(tx, r.id); err != nil {
				return err
			}
			if !r.whole {
				continue
			}
			if err := dropApprovals(tx, r.id, issuer.PartAuthor, issuer.PartApprover); err != nil {
				return err
			}
			if err := tx.Exec1(`DELETE FROM staff_loads WHERE id = $1`, r.id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`DELETE FROM drafts WHERE saved < $1`, at.Add(-keepDrafts).Unix())
		return err
	})
}

// planView is a plan taken apart for paging, with what was wrong in its file.
type planView struct {
	version  string // the plan's hash
	plan     *hr.Plan
	problems []hr.Problem
	search   []string // folded text of each item
}

// viewOf opens the plan of a load; the last few stay in memory.
func (p *pages) viewOf(ctx context.Context, l *load) (*planView, error) {
	if l.Plan == nil {
		return &planView{}, nil
	}
	p.mu.Lock()
	v := p.plans[l.ID]
	p.mu.Unlock()
	if v != nil && v.version == l.Plan.Hash {
		return v, nil
	}
	data, err := p.part(ctx, l.ID, partPlan)
	if err != nil {
		return nil, err
	}
	if data == nil { // forgotten after its time
		return &planView{}, nil
	}
	plan, err := hr.ParsePlan(data)
	if err != nil {
		return nil, err
	}
	if fmt.Sprintf("%x", plan.Hash()) != l.Plan.Hash {
		return nil, fmt.Errorf("registrar: load %d: its plan has another hash than its row", l.ID)
	}
	v = &planView{version: l.Plan.Hash, plan: plan, search: make([]string, len(plan.Items))}
	if data, err = p.part(ctx, l.ID, partProblems); err != nil {
		return nil, err
	}
	if data != nil {
		if err := json.Unmarshal(data, &v.problems); err != nil {
			return nil, fmt.Errorf("registrar: load %d: problems: %w", l.ID, err)
		}
	}
	for i := range plan.Items {
		r := recordOf(&plan.Items[i])
		v.search[i] = fold(r.FullName() + " " + r.Position + " " + r.Unit + " " + r.StaffNumber + " " + r.Plastic.Number)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plans[l.ID] == nil {
		p.planOrder = append(p.planOrder, l.ID)
	}
	p.plans[l.ID] = v
	for len(p.planOrder) > 3 {
		delete(p.plans, p.planOrder[0])
		p.planOrder = slices.Delete(p.planOrder, 0, 1)
	}
	return v, nil
}

// recordOf is the record by which a step is shown.
func recordOf(it *hr.Item) *hr.Record {
	if it.After != nil {
		return it.After
	}
	return it.Before
}

// body finds the body of a load.
func (p *pages) bodyOf(l *load) (*service.Body, error) { return p.Body(l.Body) }
