package issuer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
)

// Errors of issuing; each is wrapped with what was wanted and what came.
var (
	// ErrNotEntitled: the entitlement does not stand: ended, blocked, or its term has passed.
	ErrNotEntitled = errors.New("issuer: no entitlement [not-entitled]")
	// ErrNoWish: the holder has not asked for an ID, or has withdrawn.
	ErrNoWish = errors.New("issuer: the holder has not asked for it [no-wish]")
	// ErrNoHolder: no holder key is enrolled, or it is none.
	ErrNoHolder = errors.New("issuer: no holder key [no-holder]")
	// ErrHolderRevoked: an ID of this entitlement with the same holder key was revoked; a fresh key is needed.
	ErrHolderRevoked = errors.New("issuer: the holder key belonged to a revoked ID [holder-revoked]")
	// ErrSuspended: the post's ID is suspended; nothing is issued or renewed until it is resumed.
	ErrSuspended = errors.New("issuer: the ID is suspended [suspended]")
	// ErrNotGranted: the installed bundle does not let this key issue this.
	ErrNotGranted = errors.New("issuer: the installed bundle does not grant the key [not-granted]")
	// ErrCheck: the signed token was refused by the check that a verifier would make.
	ErrCheck = errors.New("issuer: the signed token fails its own check [check-failed]")
	// ErrBytes: what was signed is not what was stored.
	ErrBytes = errors.New("issuer: signed bytes differ from the stored ones [bytes-differ]")
	// ErrOvertaken: the entitlement changed while its token was being signed; nothing was issued.
	ErrOvertaken = errors.New("issuer: overtaken by another change [overtaken]")
	// ErrSigningStopped: an operator stopped signing with StopSigning.
	ErrSigningStopped = errors.New("issuer: signing is stopped [signing-stopped]")
	// ErrNoSigner: the body was opened without an issuer key, a grant or a checker.
	ErrNoSigner = errors.New("issuer: opened without what signing needs [no-signer]")
	// ErrNumbers: a status list number, renewal number or ID number would go beyond its range.
	ErrNumbers = errors.New("issuer: out of numbers [out-of-numbers]")
)

// TokenChecker verifies a finished token as a checkpoint would, with the body's installed bundle.
type TokenChecker interface {
	// CheckToken is nil exactly when a verifier would accept the token's signature, right and validity at
	// the time given.
	CheckToken(token []byte, at time.Time) error
}

// KeyGranter answers from the installed bundle whether a key may sign before anything is signed.
type KeyGranter interface {
	// CheckGrant is nil exactly when key may issue tokens of the kind and life for the body (ЄДРПОУ) at the
	// time given, under a bundle that has not expired then.
	CheckGrant(key keys.IssuerPublicKey, body string, kind credential.Kind, life time.Duration, at time.Time) error
}

// Config is what a Body is opened with. Without Signer nothing at all is signed; without Grant and
// Checker, which come from an installed bundle, no token is; everything else works.
type Config struct {
	EDRPOU  string            // ЄДРПОУ of the body; must be the store's
	Profile Profile           // zero value: DefaultProfile
	Signer  keys.IssuerSigner // issuer key, software or HSM
	Grant   KeyGranter        // the installed bundle's word on the key
	Checker TokenChecker      // the installed bundle's word on each token
	Before  PublishedStatuses // what the body published before; nil: not known
	Group   int               // IDs in one group commit, 1–4096; 0: 256
	Workers int               // goroutines that sign; 0: GOMAXPROCS
}

// Body is one issuing body over its store. It is safe for use by many goroutines.
type Body struct {
	store Store
	cfg   Config

	queue struct {
		sync.Mutex
		items []*item
		lanes int
	}

	// Only touched inside Update, that is by one goroutine at a time.
	indices allocator
	codes   codeCache
}

// maxLanes is how many groups are in flight: while one is being signed the other is being stored.
const maxLanes = 2

// Create writes the body's own row; the store must be new. Error: ErrConflict when it has one already.
func Create(ctx context.Context, s Store, b BodyRow) error {
	if err := checkEDRPOU(b.EDRPOU); err != nil {
		return err
	}
	if b.Name == "" {
		return errors.New("issuer: create body: name is missing")
	}
	if b.Created.IsZero() {
		return errors.New("issuer: create body: time is missing")
	}
	b.NextNumber = max(b.NextNumber, 1)
	return s.Update(ctx, func(tx Tx) error {
		if err := tx.CreateBody(b); err != nil {
			return err
		}
		return audit(tx, b.Created, AuditEntry{Event: EventBodyCreated, Detail: []any{b.EDRPOU}})
	})
}

// Open opens the body of a store. Errors: ErrNotFound when the store has no body, ErrNoSigner when Grant
// and Checker do not come together or without a Signer, and what is wrong with the profile.
func Open(ctx context.Context, s Store, c Config) (*Body, error) {
	if c.Profile.Name == "" && c.Profile.Life == 0 && len(c.Profile.Faces) == 0 {
		c.Profile = DefaultProfile()
	}
	if err := c.Profile.check(); err != nil {
		return nil, err
	}
	if err := checkEDRPOU(c.EDRPOU); err != nil {
		return nil, err
	}
	if (c.Grant == nil) != (c.Checker == nil) || (c.Grant != nil && c.Signer == nil) {
		return nil, fmt.Errorf("%w: want a grant, a checker and a signer together", ErrNoSigner)
	}
	switch {
	case c.Group == 0:
		c.Group = 256
	case c.Group < 0 || c.Group > 4096:
		return nil, fmt.Errorf("issuer: group of %d IDs, want 1 to 4096", c.Group)
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	var row BodyRow
	if err := s.View(ctx, func(tx Tx) (err error) {
		row, err = tx.Body()
		return err
	}); err != nil {
		return nil, err
	}
	if row.EDRPOU != c.EDRPOU {
		return nil, fmt.Errorf("issuer: the store is of body %s, want %s", row.EDRPOU, c.EDRPOU)
	}
	return &Body{store: s, cfg: c}, nil
}

// EDRPOU is the body's ЄДРПОУ.
func (b *Body) EDRPOU() string { return b.cfg.EDRPOU }

// Store is the store under the body.
func (b *Body) Store() Store { return b.store }

// Profile is the profile in use.
func (b *Body) Profile() Profile { return b.cfg.Profile }

func checkEDRPOU(s string) error {
	if len(s) != 8 {
		return fmt.Errorf("issuer: ЄДРПОУ of %d characters, want 8 digits", len(s))
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return errors.New("issuer: ЄДРПОУ has a character that is not a digit, want 8 digits")
		}
	}
	return nil
}

// Result is what became of one entitlement in Issue.
type Result struct {
	Entitlement int64
	Err         error // nil: the ID below is issued and durable
	ID          ID
	Renewal     uint32
	// Existing: the ID was issued before with the same key and content and is not due; nothing was signed.
	Existing bool
	Tokens   [][]byte // signed tokens in the order of Profile.Faces; nil when Existing
}

// item is one entitlement waiting in the queue.
type item struct {
	entitlement int64
	at          time.Time
	res         *Result
	wg          *sync.WaitGroup
}

// Issue brings each entitlement to an issued ID: it makes a new one, replaces one whose content or holder
// key changed, renews one that is due, and leaves the others as they are. It answers one Result for each
// entitlement, in order; a named twice one answers twice. When Result.Err is nil the ID and its tokens are
// durable. Calls from many goroutines share their commits. The error is ctx's: then the outcome of what
// was under way is learnt by calling again, which never issues twice.
func (b *Body) Issue(ctx context.Context, at time.Time, entitlements ...int64) ([]Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if at.Unix() <= 0 {
		return nil, fmt.Errorf("issuer: issue at %s, want a time after 1970", at.UTC().Format(time.RFC3339))
	}
	results := make([]Result, len(entitlements))
	first := make(map[int64]int, len(entitlements))
	items := make([]*item, 0, len(entitlements))
	var wg sync.WaitGroup
	for i, e := range entitlements {
		results[i].Entitlement = e
		if _, twice := first[e]; twice {
			continue
		}
		first[e] = i
		items = append(items, &item{entitlement: e, at: at.Truncate(time.Second), res: &results[i], wg: &wg})
	}
	wg.Add(len(items))
	b.enqueue(items)
	if ctx.Done() == nil {
		wg.Wait()
	} else {
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err() // results still belong to the lanes
		}
	}
	for i, e := range entitlements {
		if j := first[e]; j != i {
			results[i] = results[j]
		}
	}
	return results, nil
}

func (b *Body) enqueue(items []*item) {
	b.queue.Lock()
	defer b.queue.Unlock()
	b.queue.items = append(b.queue.items, items...)
	for b.queue.lanes < maxLanes && len(b.queue.items) > b.queue.lanes*b.cfg.Group {
		b.queue.lanes++
		go b.lane()
	}
}

// lane takes groups off the queue until it is empty.
func (b *Body) lane() {
	for {
		b.queue.Lock()
		n := min(len(b.queue.items), b.cfg.Group)
		if n == 0 {
			b.queue.items = nil
			b.queue.lanes--
			b.queue.Unlock()
			return
		}
		group := b.queue.items[:n:n]
		b.queue.items = b.queue.items[n:]
		b.queue.Unlock()
		b.issueGroup(group)
		for _, it := range group {
			it.wg.Done()
		}
	}
}

// issueGroup runs one group through the whole order of docs/spec/issuing.md, Section 2. An entitlement
// that several callers named is worked on once.
func (b *Body) issueGroup(group []*item) {
	crashPoint("issue-begin")
	lead := make(map[int64]*item, len(group))
	unique := make([]*item, 0, len(group))
	for _, it := range group {
		if _, ok := lead[it.entitlement]; !ok {
			lead[it.entitlement] = it
			unique = append(unique, it)
		}
	}
	// The lanes must not end with a panic of a signer or checker: everybody waiting would wait for ever.
	defer func() {
		if r := recover(); r != nil {
			for _, it := range unique {
				if it.res.Err == nil {
					it.res.Err = fmt.Errorf("issuer: internal error: %v", r)
				}
			}
		}
		for _, it := range group {
			if l := lead[it.entitlement]; l != it {
				*it.res = *l.res
			}
		}
	}()
	works, err := b.prepare(unique)
	if err != nil {
		for _, it := range unique {
			it.res.Err = err
		}
		return
	}
	b.sign(works)
	b.record(works)
}

// Recover finishes or gives up every intent that a crash left at work, and tells how many were issued
// and how many could not be. An intent whose entitlement still stands is finished with the stored bytes
// and serial.
func (b *Body) Recover(ctx context.Context, at time.Time) (issued, failed int, err error) {
	crashPoint("recover-begin")
	var pending []Intent
	if err := b.store.View(ctx, func(tx Tx) (err error) {
		pending, err = tx.PendingIntents(1 << 30)
		return err
	}); err != nil {
		return 0, 0, err
	}
	if len(pending) == 0 {
		return 0, 0, nil
	}
	ids := make([]int64, len(pending))
	for i, p := range pending {
		ids[i] = p.Entitlement
	}
	res, err := b.Issue(ctx, at, ids...)
	if err != nil {
		return 0, 0, err
	}
	for _, r := range res {
		if r.Err != nil {
			failed++
		} else {
			issued++
		}
	}
	crashPoint("recover-end")
	return issued, failed, nil
}

// walkPage is how many entitlements or IDs a walk takes at a time.
const walkPage = 2048

// IssueAll brings every entitlement whose holder wished and enrolled to an issued ID. each, when not nil,
// gets every result; its error ends the walk.
func (b *Body) IssueAll(ctx context.Context, at time.Time, each func(Result) error) error {
	var after int64
	for {
		var page []int64
		if err := b.store.View(ctx, func(tx Tx) (err error) {
			page, err = tx.Wished(after, walkPage)
			return err
		}); err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1]
		if err := b.issuePage(ctx, at, page, each); err != nil {
			return err
		}
	}
}

// Renew renews every issued ID whose tokens are old enough; each is as in IssueAll. An ID whose
// entitlement or wish no longer stands answers with the reason and runs out.
func (b *Body) Renew(ctx context.Context, at time.Time, each func(Result) error) error {
	var after int64
	for {
		var due []ID
		if err := b.store.View(ctx, func(tx Tx) (err error) {
			due, err = tx.DueRenewals(at.Add(-b.cfg.Profile.RenewAfter), after, walkPage)
			return err
		}); err != nil {
			return err
		}
		if len(due) == 0 {
			return nil
		}
		after = due[len(due)-1].ID
		page := make([]int64, len(due))
		for i, id := range due {
			page[i] = id.Entitlement
		}
		if err := b.issuePage(ctx, at, page, each); err != nil {
			return err
		}
	}
}

func (b *Body) issuePage(ctx context.Context, at time.Time, page []int64, each func(Result) error) error {
	res, err := b.Issue(ctx, at, page...)
	if err != nil {
		return err
	}
	if each == nil {
		return nil
	}
	for _, r := range res {
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

// settingStop is set while signing is stopped.
const settingStop = "signing-stopped"

// StopSigning stops (or allows again) every signing of tokens by this body, in all its processes. A group
// that is being signed at this moment ends; the next one is refused with ErrSigningStopped.
func (b *Body) StopSigning(ctx context.Context, stop bool, operator string, at time.Time) error {
	value, n := []byte{0}, 0
	if stop {
		value, n = []byte{1}, 1
	}
	return b.store.Update(ctx, func(tx Tx) error {
		if err := tx.SetSetting(settingStop, value); err != nil {
			return err
		}
		return audit(tx, at, AuditEntry{Event: EventSigningStop, Operator: operator, Detail: []any{n}})
	})
}

func signingStopped(tx Tx) error {
	v, err := tx.Setting(settingStop)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(v) != 1 || v[0] != 0 {
		return ErrSigningStopped
	}
	return nil
}

// Show reads one ID by its row. Error: ErrNotFound.
func (b *Body) Show(ctx context.Context, row int64) (ID, error) {
	var id ID
	err := b.store.View(ctx, func(tx Tx) (err error) {
		id, err = tx.IDByRow(row)
		return err
	})
	return id, err
}

// Find lists the IDs with a number, oldest first; an empty list when there are none.
func (b *Body) Find(ctx context.Context, number string) ([]ID, error) {
	var ids []ID
	err := b.store.View(ctx, func(tx Tx) (err error) {
		ids, err = tx.IDsByNumber(number)
		return err
	})
	return ids, err
}

// FindSerial reads an ID by its serial. Error: ErrNotFound.
func (b *Body) FindSerial(ctx context.Context, s Serial) (ID, error) {
	var id ID
	err := b.store.View(ctx, func(tx Tx) (err error) {
		id, err = tx.IDBySerial(s)
		return err
	})
	return id, err
}

// IDsOf lists every ID an entitlement ever had, oldest first.
func (b *Body) IDsOf(ctx context.Context, entitlement int64) ([]ID, error) {
	var ids []ID
	err := b.store.View(ctx, func(tx Tx) (err error) {
		ids, err = tx.IDsOfEntitlement(entitlement)
		return err
	})
	return ids, err
}

// List calls each for every ID in one of the states (no states: all), in order of their rows.
func (b *Body) List(ctx context.Context, states []State, each func(ID) error) error {
	var after int64
	for {
		var page []ID
		if err := b.store.View(ctx, func(tx Tx) (err error) {
			page, err = tx.ListIDs(after, states, walkPage)
			return err
		}); err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		for _, id := range page {
			after = id.ID
			if err := each(id); err != nil {
				return err
			}
		}
	}
}

// Tokens are the newest issued tokens of an ID, faces in the profile's order, with the bytes handed to
// the holder. Error: ErrNotFound when the ID has none.
func (b *Body) Tokens(ctx context.Context, row int64) ([]TokenRow, error) {
	var out []TokenRow
	err := b.store.View(ctx, func(tx Tx) error {
		id, err := tx.IDByRow(row)
		if err != nil {
			return err
		}
		rows, err := tx.TokensOf(row, id.Renewal)
		if err != nil {
			return err
		}
		out = out[:0]
		for _, r := range rows {
			if r.Signed != nil {
				out = append(out, r)
			}
		}
		if len(out) == 0 {
			return fmt.Errorf("%w: ID %s has no signed tokens", ErrNotFound, id.Number)
		}
		return nil
	})
	return out, err
}

// Delivery is what the holder's wallet gets: the newest tokens of an ID, with the photo when it is given.
// Errors: ErrNotFound; ErrState when the ID is not issued.
func (b *Body) Delivery(ctx context.Context, row int64, photo []byte) ([]byte, error) {
	id, err := b.Show(ctx, row)
	if err != nil {
		return nil, err
	}
	if id.State != StateIssued {
		return nil, fmt.Errorf("%w: ID %s is %s, want issued", ErrState, id.Number, id.State)
	}
	rows, err := b.Tokens(ctx, row)
	if err != nil {
		return nil, err
	}
	d := credential.Delivery{Photo: photo}
	for _, r := range rows {
		d.Tokens = append(d.Tokens, r.Signed)
	}
	return credential.EncodeDelivery(d)
}

// Outbox lists what waits to be handed over, oldest first.
func (b *Body) Outbox(ctx context.Context, limit int) ([]OutboxRow, error) {
	var out []OutboxRow
	err := b.store.View(ctx, func(tx Tx) (err error) {
		out, err = tx.Outbox(limit)
		return err
	})
	return out, err
}

// Delivered takes rows out of the outbox.
func (b *Body) Delivered(ctx context.Context, seqs ...int64) error {
	return b.store.Update(ctx, func(tx Tx) error { return tx.DeleteOutbox(seqs) })
}
