package registrar

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// bulkStage is how far a change of many IDs has come. The numbers are stored.
type bulkStage int

// Stages of a bulk change.
const (
	bulkPreviewed bulkStage = 1
	bulkRunning   bulkStage = 2
	bulkDone      bulkStage = 3
	bulkDiscarded bulkStage = 4
	bulkWaiting   bulkStage = 5 // its author signed; a second person has to
)

var bulkWords = map[bulkStage][3]string{
	bulkPreviewed: {"переглядається", "previewed", "info"}, bulkRunning: {"виконується", "running", "info"}, bulkDone: {"виконано", "done", "good"},
	bulkDiscarded: {"відкладено", "put aside", "info"}, bulkWaiting: {"чекає другої особи", "waits for a second person", "warn"},
}

// BulkStage is a stage in words.
func (u ui) BulkStage(s bulkStage) string { return u.T(bulkWords[s][0], bulkWords[s][1]) }

// BulkClass is the class of its badge.
func (u ui) BulkClass(s bulkStage) string { return bulkWords[s][2] }

// Bounds of a bulk change.
const (
	maxBulkRows   = 40_000
	bulkLife      = 7 * 24 * time.Hour // how long it may wait for its second person
	bulkMemory    = 7 * 24 * time.Hour // how long the brake remembers what one person did alone
	bulkStep      = 50                 // rows between two looks at whether the service ends
	maxBulkLine   = 200
	maxBulkRefuse = 500 // lines named one by one that were not understood
)

// bulkFacts is what is sealed of a bulk change.
type bulkFacts struct {
	To        string        `json:"to"` // suspended, issued or revoked
	Ground    issuer.Ground `json:"ground"`
	Order     string        `json:"order,omitempty"`
	OrderDate time.Time     `json:"order_date,omitzero"`
	Operator  int64         `json:"operator"`
	Approver  int64         `json:"approver,omitempty"`
	Rows      int           `json:"rows"`
	Lines     int           `json:"lines"`
	Refused   []bulkRefused `json:"refused,omitempty"` // lines that name no ID to change
	RefusedN  int           `json:"refused_n,omitempty"`
	Held      bool          `json:"held,omitempty"` // the brake: two persons have to sign
	Hash      string        `json:"hash"`           // SHA-256 of the canonical list in hex
	Number    uint64        `json:"number,omitempty"`
	Expires   time.Time     `json:"expires,omitzero"`
	Author    []byte        `json:"author,omitempty"` // the author's approval
	Finished  time.Time     `json:"finished,omitzero"`
	Note      *failure      `json:"note,omitempty"`
}

// bulkRefused is a line that was not taken.
type bulkRefused struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	Why  string `json:"why"` // unknown, state, twice, form
}

// bulkChange is one change of many.
type bulkChange struct {
	ID      int64
	Body    string
	Account int64
	Made    time.Time
	Stage   bulkStage
	once    [32]byte
	bulkFacts
}

const bulkColumns = `id, body, account, once, made, stage, facts`

func scanBulk(tx *store.ServiceTx, scan func(...any) error) (*bulkChange, error) {
	var b bulkChange
	var once, facts []byte
	var made int64
	if err := scan(&b.ID, &b.Body, &b.Account, &once, &made, &b.Stage, &facts); err != nil {
		return nil, err
	}
	b.Made, b.once = time.Unix(made, 0), [32]byte(once)
	plain, err := tx.Open("bulk_changes.facts", fmt.Sprintf("%x", b.once), facts)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(plain, &b.bulkFacts); err != nil {
		return nil, fmt.Errorf("registrar: bulk change %d: %w", b.ID, err)
	}
	return &b, nil
}

func sealBulk(tx *store.ServiceTx, once [32]byte, f *bulkFacts) ([]byte, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("registrar: bulk change: %w", err)
	}
	return tx.Seal("bulk_changes.facts", fmt.Sprintf("%x", once), plain)
}

func getBulk(tx *store.ServiceTx, body string, id int64) (b *bulkChange, err error) {
	err = tx.Rows(`SELECT `+bulkColumns+` FROM bulk_changes WHERE id = $1 AND body = $2`, []any{id, body}, func(scan func(...any) error) error {
		b, err = scanBulk(tx, scan)
		return err
	})
	if err == nil && b == nil {
		err = errNoSuchJob
	}
	return b, err
}

func (p *pages) bulkOf(ctx context.Context, body string, id int64) (b *bulkChange, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		b, err = getBulk(tx, body, id)
		return err
	})
	return b, err
}

// bulks lists the newest bulk changes of a body; "" for all bodies.
func (p *pages) bulks(ctx context.Context, body string, limit int) (all []*bulkChange, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		all = nil
		return tx.Rows(`SELECT `+bulkColumns+` FROM bulk_changes WHERE body = $1 OR $1 = '' ORDER BY id DESC LIMIT $2`, []any{body, limit}, func(scan func(...any) error) error {
			b, err := scanBulk(tx, scan)
			all = append(all, b)
			return err
		})
	})
	return all, err
}

// bulksIn lists all bulk changes of a body in some stages, newest first; "" for all bodies. Previews, of which anybody can make
// thousands, are never among what a limit would cut off.
func (p *pages) bulksIn(ctx context.Context, body string, first, second bulkStage) (all []*bulkChange, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		all = nil
		return tx.Rows(`SELECT `+bulkColumns+` FROM bulk_changes WHERE (body = $1 OR $1 = '') AND stage IN ($2, $3) ORDER BY id DESC`, []any{body, int(first), int(second)}, func(scan func(...any) error) error {
			b, err := scanBulk(tx, scan)
			all = append(all, b)
			return err
		})
	})
	return all, err
}

// changeBulk changes a bulk change in one transaction.
func (p *pages) changeBulk(ctx context.Context, body string, id int64, f func(*store.ServiceTx, *bulkChange) error) (b *bulkChange, err error) {
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		if b, err = getBulk(tx, body, id); err != nil {
			return err
		}
		if err := f(tx, b); err != nil {
			return err
		}
		facts, err := sealBulk(tx, b.once, &b.bulkFacts)
		if err != nil {
			return err
		}
		return tx.Exec1(`UPDATE bulk_changes SET stage = $2, facts = $3 WHERE id = $1`, id, b.Stage, facts)
	})
	return b, err
}

// bulkPage is the form for a change of many.
type bulkPage struct {
	ui
	Suspend, Resume, Revoke []groundChoice
	Changes                 []*bulkChange
}

func (p *pages) bulkForm(c *call) error { return p.bulkWith(c, http.StatusOK, c.draft(), nil) }

func (p *pages) bulkWith(c *call, status int, draft map[string][]string, wrong error) error {
	v := bulkPage{ui: c.uiWith(draft)}
	v.Suspend, v.Resume, v.Revoke = v.grounds(issuer.StateSuspended), v.grounds(issuer.StateIssued), v.grounds(issuer.StateRevoked)
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	var err error
	if v.Changes, err = p.bulks(c.r.Context(), c.body.EDRPOU, 20); err != nil {
		return err
	}
	return c.Render(c.w, c.r, status, "bulk", v)
}

// previewBulk reads the pasted list and shows what it would change. Nothing changes yet.
func (p *pages) previewBulk(c *call) error {
	b, err := p.readBulk(c)
	if err != nil {
		known := told(err)
		var named *service.Problem
		if !errors.As(known, &named) {
			return known
		}
		return p.bulkWith(c, named.Status, c.r.PostForm, err)
	}
	if err := c.sent(c.path("bulk")); err != nil {
		return err
	}
	return c.seeOther(c.path("jobs", b))
}

func (p *pages) readBulk(c *call) (int64, error) {
	ctx := c.r.Context()
	once, err := c.once("bulk", c.value("once"))
	if err != nil {
		return 0, err
	}
	o, err := p.operatorOf(ctx, c.body, service.Registrar)
	if err != nil {
		return 0, err
	}
	change, ok := stateChanges[c.value("to")]
	if !ok {
		return 0, errForm
	}
	ch, err := c.changeOf(o)
	if err != nil {
		return 0, err
	}
	if err := groundFits(ch, change.to); err != nil {
		return 0, err
	}
	f := bulkFacts{To: c.value("to"), Ground: ch.Ground, Order: ch.Order, OrderDate: ch.OrderDate, Operator: o.ID}
	all, err := p.peopleOf(ctx, c.body, c.at)
	if err != nil {
		return 0, err
	}
	byNumber := map[string]int{} // the live ID of a number, else its newest
	for i := range all.ids {
		id := &all.ids[i].ID
		if j, ok := byNumber[id.Number]; !ok || id.State.Live() && !all.ids[j].ID.State.Live() || id.State.Live() == all.ids[j].ID.State.Live() && id.ID > all.ids[j].ID.ID {
			byNumber[id.Number] = i
		}
	}
	refuse := func(line int, text, why string) {
		f.RefusedN++
		if len(f.Refused) < maxBulkRefuse {
			f.Refused = append(f.Refused, bulkRefused{line, cut(text, 40), why})
		}
	}
	var rows []int64
	seen := map[int64]bool{}
	line := 0
	for text := range strings.Lines(c.r.PostForm.Get("list")) {
		line++
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if f.Lines++; f.Lines > maxBulkRows {
			return 0, errListTooLong
		}
		if len(text) > maxBulkLine {
			refuse(line, text, "form")
			continue
		}
		i, ok := byNumber[text]
		if !ok {
			refuse(line, text, "unknown")
			continue
		}
		id := &all.ids[i].ID
		switch {
		case seen[id.ID]:
			refuse(line, text, "twice")
		case !follows(id.State, change.to):
			refuse(line, text, "state")
		default:
			seen[id.ID] = true
			rows = append(rows, id.ID)
		}
	}
	if f.Lines == 0 {
		return 0, errNothing
	}
	f.Rows = len(rows)
	if f.Held, err = p.bulkHeld(ctx, c.body, &f, all, c.at); err != nil {
		return 0, err
	}
	f.Hash = fmt.Sprintf("%x", f.hash(c.body.EDRPOU, rows))
	var id int64
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		switch err := tx.Row(`SELECT id FROM bulk_changes WHERE once = $1`, []any{once[:]}, &id); { // the same form twice
		case err == nil:
			return nil
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		facts, err := sealBulk(tx, once, &f)
		if err != nil {
			return err
		}
		if id, err = tx.Insert(`INSERT INTO bulk_changes (body, account, once, made, stage, facts) VALUES ($1, $2, $3, $4, 1, $5)`, c.body.EDRPOU, c.account(), once[:], c.at.Unix(), facts); err != nil {
			return err
		}
		for n, row := range rows {
			if _, err := tx.Exec(`INSERT INTO bulk_rows (change, n, idrow) VALUES ($1, $2, $3)`, id, n, row); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// follows tells whether a state may follow another.
func follows(from, to issuer.State) bool {
	switch to {
	case issuer.StateSuspended:
		return from == issuer.StateIssued
	case issuer.StateIssued:
		return from == issuer.StateSuspended
	case issuer.StateRevoked:
		return from.Live()
	}
	return false
}

// groundFits refuses a ground that the register would refuse for every row.
func groundFits(ch issuer.Change, to issuer.State) error {
	fits := false
	for _, g := range issuer.GroundsFor(to) {
		fits = fits || g == ch.Ground
	}
	if !fits || (ch.Order == "") != ch.OrderDate.IsZero() {
		return issuer.ErrGround
	}
	return nil
}

// hash is what two persons sign of a bulk change.
//
//	bulk-change = [ "posvid bulk change 1", edrpou: tstr .size 8, to: tstr, ground: uint, order: tstr, order-date: uint, [ * row: uint ] ]
func (f *bulkFacts) hash(edrpou string, rows []int64) [32]byte {
	b := cose.AppendText(cose.AppendArray(nil, 7), "posvid bulk change 1")
	b = cose.AppendText(cose.AppendText(b, edrpou), f.To)
	b = cose.AppendText(cose.AppendUint(b, uint64(f.Ground)), f.Order)
	date := uint64(0)
	if !f.OrderDate.IsZero() {
		date = uint64(f.OrderDate.Unix())
	}
	b = cose.AppendArray(cose.AppendUint(b, date), len(rows))
	for _, r := range rows {
		b = cose.AppendUint(b, uint64(r))
	}
	return sha256.Sum256(b)
}

// bulkHeld applies the brake to a change of many: what cannot be taken back, or gives back what was taken, and touches more than
// 5 % of the live IDs and at least five people, counted with what one person did alone in the last seven days, is for two. Nobody
// waits for two to be suspended.
func (p *pages) bulkHeld(ctx context.Context, b *service.Body, f *bulkFacts, all *people, at time.Time) (bool, error) {
	if f.To == "suspended" {
		return false, nil
	}
	changes, err := p.bulksIn(ctx, b.EDRPOU, bulkRunning, bulkDone)
	if err != nil {
		return false, err
	}
	n := f.Rows
	for _, old := range changes {
		if old.To != "suspended" && !old.Held && (old.Stage == bulkRunning || at.Sub(old.Finished) < bulkMemory) { // a preview may be old when it is begun
			n += old.Rows
		}
	}
	live := all.counts[issuer.StateIssued] + all.counts[issuer.StateSuspended]
	return n >= hr.BrakePeople && n*100 > live*hr.BrakePercent, nil
}

// bulkRow is one ID of a bulk change as the page shows it.
type bulkRow struct {
	Row                    int64
	Number, Name, Position string
	State                  issuer.State
	Result                 string
}

// jobPage is one change of many.
type jobPage struct {
	ui
	Change     *bulkChange
	To         issuer.State
	GroundText string
	OrderText  string
	Rows       []bulkRow
	Pager      service.Pager
	Done       int
	Failed     int
	Percent    int
	Busy       bool
	CanStart   bool
	CanApprove bool
	OwnChange  bool
	Operator   string
	Author     string
	Fresh      bool
	Codes      map[string]string
}

// resultWords are the results of single IDs.
var resultWords = map[string][2]string{
	"": {"чекає", "waits"}, "ok": {"змінено", "changed"}, "same": {"уже так", "already so"}, "state": {"стан не дозволяє", "the state does not allow it"},
	"ground": {"підстава не підходить", "the ground does not fit"}, "not-entitled": {"немає права на посвідчення", "no right to an ID"}, "not-found": {"немає такого", "not there"},
	"unknown": {"немає посвідчення з таким номером", "there is no ID with this number"}, "twice": {"двічі в переліку", "twice in the list"}, "form": {"рядок не зрозумілий", "the line is not understood"},
}

// Result is a result in words.
func (u ui) Result(code string) string {
	if w, ok := resultWords[code]; ok {
		return u.T(w[0], w[1])
	}
	return code
}

func (p *pages) job(c *call) error { return p.jobWith(c, http.StatusOK, nil) }

func (p *pages) jobWith(c *call, status int, wrong error) error {
	ctx := c.r.Context()
	b, err := p.bulkOf(ctx, c.body.EDRPOU, c.number("id"))
	if err != nil {
		return err
	}
	operators, err := c.body.Register.Operators(ctx)
	if err != nil {
		return err
	}
	v := jobPage{ui: c.ui(), Change: b, To: stateChanges[b.To].to, GroundText: b.Ground.Text(c.lang), Busy: b.Stage == bulkRunning, Fresh: c.fresh(), Author: operatorName(operators, b.Operator)}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	if b.Order != "" {
		v.OrderText = visible(b.Order) + " · " + hr.DateInKyiv(b.OrderDate).UA()
	}
	if o, err := p.operatorOf(ctx, c.body, service.Registrar); err == nil && b.Stage == bulkPreviewed && b.Rows > 0 {
		v.CanStart, v.Operator = o.ID == b.Operator, operatorName(operators, o.ID)
	}
	if o, err := p.operatorOf(ctx, c.body, service.Approver); err == nil && b.Stage == bulkWaiting {
		v.OwnChange = o.ID == b.Operator
		v.CanApprove, v.Operator = !v.OwnChange, operatorName(operators, o.ID)
	}
	v.Pager = c.page(b.Rows)
	type pair struct {
		row    int64
		result string
	}
	var pairs []pair
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		pairs, v.Done, v.Failed = nil, 0, 0
		if err := tx.Rows(`SELECT result, count(*) FROM bulk_rows WHERE change = $1 GROUP BY result`, []any{b.ID}, func(scan func(...any) error) error {
			var result string
			var n int
			err := scan(&result, &n)
			switch result {
			case "":
			case "ok", "same":
				v.Done += n
			default:
				v.Done, v.Failed = v.Done+n, v.Failed+n
			}
			return err
		}); err != nil {
			return err
		}
		return tx.Rows(`SELECT idrow, result FROM bulk_rows WHERE change = $1 AND n >= $2 ORDER BY n LIMIT $3`, []any{b.ID, v.Pager.From, service.PageSize}, func(scan func(...any) error) error {
			var one pair
			err := scan(&one.row, &one.result)
			pairs = append(pairs, one)
			return err
		})
	})
	if err != nil {
		return err
	}
	if b.Rows > 0 {
		v.Percent = v.Done * 100 / b.Rows
	}
	err = c.body.Store.View(ctx, func(tx issuer.Tx) error {
		v.Rows = nil
		for _, one := range pairs {
			id, err := tx.IDByRow(one.row)
			if err != nil {
				return err
			}
			post, err := tx.Post(id.Entitlement)
			if err != nil {
				return err
			}
			v.Rows = append(v.Rows, bulkRow{id.ID, id.Number, visible(post.Record.FullName()), visible(post.Record.Position), id.State, one.result})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.Render(c.w, c.r, status, "job", v)
}

func (p *pages) jobRefused(c *call, err error) error {
	known := told(err)
	var named *service.Problem
	if !errors.As(known, &named) || errors.Is(err, errNoSuchJob) {
		return known
	}
	return p.jobWith(c, named.Status, err)
}

// bulkRowsOf lists the IDs of a bulk change in order.
func (p *pages) bulkRowsOf(ctx context.Context, id int64) (rows []int64, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		rows = nil
		return tx.Rows(`SELECT idrow FROM bulk_rows WHERE change = $1 ORDER BY n`, []any{id}, func(scan func(...any) error) error {
			var row int64
			err := scan(&row)
			rows = append(rows, row)
			return err
		})
	})
	return rows, err
}

// subject is what the two sign of a held bulk change. It is refused when the rows are not what its hash says.
func (p *pages) bulkSubject(ctx context.Context, b *bulkChange) (issuer.Subject, error) {
	rows, err := p.bulkRowsOf(ctx, b.ID)
	if err != nil {
		return issuer.Subject{}, err
	}
	hash := b.hash(b.Body, rows)
	if fmt.Sprintf("%x", hash) != b.Hash {
		return issuer.Subject{}, issuer.ApprovalEdited
	}
	return issuer.Subject{EDRPOU: b.Body, Kind: issuer.ApproveRights, Number: b.Number, Hash: hash, Expires: b.Expires}, nil
}

// startBulk has a previewed change carried out, or, where the brake holds it, signed by its author first.
func (p *pages) startBulk(c *call) error {
	ctx, id := c.r.Context(), c.number("id")
	b, err := p.bulkOf(ctx, c.body.EDRPOU, id)
	if err != nil {
		return err
	}
	o, err := p.operatorOf(ctx, c.body, service.Registrar)
	if err != nil {
		return p.jobRefused(c, err)
	}
	switch {
	case o.ID != b.Operator:
		return p.jobRefused(c, service.Forbidden)
	case c.value("hash") != b.Hash:
		return p.jobRefused(c, errPlanChanged)
	case b.Stage == bulkRunning || b.Stage == bulkDone || b.Stage == bulkWaiting: // the same post twice
		return c.seeOther(c.path("jobs", id))
	case b.Stage != bulkPreviewed:
		return p.jobRefused(c, errStage)
	case b.Rows == 0:
		return p.jobRefused(c, errNothing)
	}
	// The brake looks again: another list may have been carried out since the preview. One list begins at a time, so that two are
	// counted together.
	p.beginning.Lock()
	defer p.beginning.Unlock()
	all, err := p.peopleOf(ctx, c.body, c.at)
	if err != nil {
		return err
	}
	held, err := p.bulkHeld(ctx, c.body, &b.bulkFacts, all, c.at)
	if err != nil {
		return err
	}
	to := bulkRunning
	var approval []byte
	if held {
		to = bulkWaiting
		if b.Number, err = c.body.Register.NextOperatorChange(ctx); err != nil {
			return err
		}
		b.Expires = c.at.Add(bulkLife).UTC().Truncate(time.Second)
		subject, err := p.bulkSubject(ctx, b)
		if err != nil {
			return p.jobRefused(c, err)
		}
		if approval, err = p.sign(ctx, c.body, o, c.r.PostForm.Get("passphrase"), subject, issuer.PartAuthor, c.at); err != nil {
			if !b.Held { // the form did not ask for the passphrase yet
				if _, err := p.changeBulk(ctx, c.body.EDRPOU, id, func(_ *store.ServiceTx, now *bulkChange) error { now.Held = true; return nil }); err != nil {
					return err
				}
			}
			return p.jobRefused(c, err)
		}
	}
	_, err = p.changeBulk(ctx, c.body.EDRPOU, id, func(_ *store.ServiceTx, now *bulkChange) error {
		if now.Stage != bulkPreviewed {
			return errStage
		}
		now.Stage, now.Held, now.Author, now.Number, now.Expires, now.Note = to, held, approval, b.Number, b.Expires, nil
		return nil
	})
	if err != nil {
		return p.jobRefused(c, err)
	}
	return c.seeOther(c.path("jobs", id))
}

// approveBulk takes the second person's signature; the register checks both and writes them into its audit before anything runs.
func (p *pages) approveBulk(c *call) error {
	ctx, id := c.r.Context(), c.number("id")
	b, err := p.bulkOf(ctx, c.body.EDRPOU, id)
	if err != nil {
		return err
	}
	o, err := p.operatorOf(ctx, c.body, service.Approver)
	if err != nil {
		return p.jobRefused(c, err)
	}
	switch {
	case b.Approver == o.ID && b.Stage != bulkWaiting: // the same post twice
		return c.seeOther(c.path("jobs", id))
	case b.Stage != bulkWaiting:
		return p.jobRefused(c, errStage)
	case c.value("hash") != b.Hash:
		return p.jobRefused(c, errPlanChanged)
	case o.ID == b.Operator:
		return p.jobRefused(c, issuer.ApprovalSamePerson)
	}
	subject, err := p.bulkSubject(ctx, b)
	if err != nil {
		return p.jobRefused(c, err)
	}
	approval, err := p.sign(ctx, c.body, o, c.r.PostForm.Get("passphrase"), subject, issuer.PartApprover, c.at)
	if err != nil {
		return p.jobRefused(c, err)
	}
	err = c.body.Register.Authorise(ctx, subject, [][]byte{b.Author, approval}, c.at, func(issuer.Tx, *issuer.Quorum) error { return nil })
	if errors.Is(err, issuer.ActionReplayed) || errors.Is(err, issuer.ActionNumber) || errors.Is(err, issuer.ActionExpired) {
		if done, replayed := p.authorised(ctx, c.body, subject); replayed == nil && done {
			err = nil // both signatures were taken and the program stopped before it could write that down
		} else {
			// Its number went to something else: the author signs once more.
			if _, back := p.changeBulk(ctx, c.body.EDRPOU, id, func(_ *store.ServiceTx, now *bulkChange) error {
				if now.Stage != bulkWaiting {
					return errStage
				}
				now.Stage, now.Author, now.Note = bulkPreviewed, nil, failureOf(err)
				return nil
			}); back != nil {
				return back
			}
		}
	}
	if err != nil {
		return p.jobRefused(c, err)
	}
	_, err = p.changeBulk(ctx, c.body.EDRPOU, id, func(_ *store.ServiceTx, now *bulkChange) error {
		if now.Stage != bulkWaiting {
			return errStage
		}
		now.Stage, now.Approver = bulkRunning, o.ID
		return nil
	})
	if err != nil {
		return p.jobRefused(c, err)
	}
	return c.seeOther(c.path("jobs", id))
}

// authorised tells whether the register has taken the signatures under a subject.
func (p *pages) authorised(ctx context.Context, b *service.Body, s issuer.Subject) (done bool, err error) {
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		rows, err := tx.Approvals(s.Kind, s.Number)
		if err != nil {
			return err
		}
		operators, err := tx.Operators()
		if err != nil {
			return err
		}
		done = false
		for _, r := range rows {
			u, err := issuer.ParseApproval(r.Bytes)
			if err != nil {
				return err
			}
			for _, o := range operators {
				if a, err := u.Verify(o.Key); err == nil && a.Hash == s.Hash && r.Part == issuer.PartApprover {
					done = true
				}
			}
		}
		return nil
	})
	return done, err
}

// discardBulk puts a change aside that has not begun.
func (p *pages) discardBulk(c *call) error {
	id := c.number("id")
	_, err := p.changeBulk(c.r.Context(), c.body.EDRPOU, id, func(_ *store.ServiceTx, now *bulkChange) error {
		switch now.Stage {
		case bulkDiscarded:
		case bulkPreviewed, bulkWaiting:
			now.Stage, now.Author = bulkDiscarded, nil
		default:
			return errStage
		}
		return nil
	})
	if err != nil {
		return p.jobRefused(c, err)
	}
	return c.seeOther(c.path("jobs", id))
}

// workBulk carries out the changes that run. It may be cut off anywhere: a row that was changed before is found so and is not
// changed twice.
func (p *pages) workBulk(ctx context.Context, _ time.Time) error {
	p.bulk.Lock()
	defer p.bulk.Unlock()
	all, err := p.bulksIn(ctx, "", bulkRunning, bulkRunning)
	if err != nil {
		return err
	}
	var failed []error
	for _, b := range all {
		if err := p.runBulk(ctx, b); err != nil {
			failed = append(failed, fmt.Errorf("bulk change %d: %w", b.ID, err))
		}
	}
	return errors.Join(failed...)
}

func (p *pages) runBulk(ctx context.Context, b *bulkChange) error {
	body, err := p.Body(b.Body)
	if err != nil {
		return err
	}
	change, ok := stateChanges[b.To]
	if !ok {
		return fmt.Errorf("registrar: no change to %q", b.To)
	}
	for {
		type row struct{ n, id int64 }
		var next []row
		if err := p.Store.View(ctx, func(tx *store.ServiceTx) error {
			next = nil
			return tx.Rows(`SELECT n, idrow FROM bulk_rows WHERE change = $1 AND result = '' ORDER BY n LIMIT $2`, []any{b.ID, bulkStep}, func(scan func(...any) error) error {
				var r row
				err := scan(&r.n, &r.id)
				next = append(next, r)
				return err
			})
		}); err != nil {
			return err
		}
		if len(next) == 0 {
			break
		}
		results := make([]string, len(next))
		for i, r := range next {
			if err := ctx.Err(); err != nil {
				next = next[:i]
				break
			}
			ch := issuer.Change{Ground: b.Ground, Order: b.Order, OrderDate: b.OrderDate, Operator: (&issuer.Operator{ID: b.Operator}).Ident(), At: p.Now()}
			err := change.do(body.Body, ctx, r.id, ch)
			switch {
			case err == nil:
				results[i] = "ok"
				p.tell() // whatever stops the list: this one is changed
			case errors.Is(err, issuer.ErrState) && p.sameChange(ctx, body, r.id, change.to, ch):
				results[i] = "same"
			case errors.Is(err, issuer.ErrState), errors.Is(err, issuer.ErrGround), errors.Is(err, issuer.ErrNotEntitled), errors.Is(err, issuer.ErrNotFound):
				results[i] = problem(err).Code
			default:
				return err
			}
		}
		if err := p.Store.Update(context.WithoutCancel(ctx), func(tx *store.ServiceTx) error {
			for i, r := range next {
				if err := tx.Exec1(`UPDATE bulk_rows SET result = $3 WHERE change = $1 AND n = $2`, b.ID, r.n, results[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	_, err = p.changeBulk(ctx, b.Body, b.ID, func(_ *store.ServiceTx, now *bulkChange) error {
		if now.Stage != bulkRunning {
			return errStage
		}
		now.Stage, now.Finished = bulkDone, p.Now()
		return nil
	})
	return err
}
