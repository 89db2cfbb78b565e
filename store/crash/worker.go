//go:build crash

package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

const (
	edrpou     = "12345678"
	firstStaff = 24
	moreStaff  = 6              // new people a cycle
	dayLength  = 14 * time.Hour // simulated time between two cycles: renewals fall due within one store's life
)

var epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

func openStore(dir string) (*store.Store, error) {
	sealer, err := store.NewSealer(store.DataKey{31: 1}) // the same key in every process of the test
	if err != nil {
		return nil, err
	}
	return store.Open(filepath.Join(dir, "body.db"), store.Options{Sealer: sealer, Readers: 2})
}

func operator(label string) (authority.OperatorPrivateKey, error) {
	return authority.OperatorKeyForVectors(cose.Ed25519, "crash "+label)
}

// setup makes the body, its two operators and the first people.
func setup(dir string) error {
	ctx := context.Background()
	s, err := openStore(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := issuer.Create(ctx, s, issuer.BodyRow{EDRPOU: edrpou, Name: "Міністерство збоїв", Created: epoch}); err != nil {
		return err
	}
	register, err := issuer.OpenRegister(ctx, s)
	if err != nil {
		return err
	}
	var two [2]issuer.NewOperator
	for i, label := range []string{"registrar", "approver"} {
		key, err := operator(label)
		if err != nil {
			return err
		}
		person, err := register.PersonKey("", "", "О-"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		two[i] = issuer.NewOperator{Name: label, Person: person, Key: key.OperatorPublic(), Roles: issuer.RoleRegistrar | issuer.RoleApprover}
	}
	if _, err := register.InitOperators(ctx, two[0], two[1], epoch); err != nil {
		return err
	}
	_, err = store.Populate(ctx, s, edrpou, 0, firstStaff, epoch, store.NewHolder)
	return err
}

// grant and check stand for the installed bundle: the key may issue, and its signature is verified.
type bundle struct{ key keys.IssuerPublicKey }

func (bundle) CheckGrant(keys.IssuerPublicKey, string, credential.Kind, time.Duration, time.Time) error {
	return nil
}

func (b bundle) CheckToken(token []byte, at time.Time) error {
	u, err := credential.ParseToken(token)
	if err != nil {
		return err
	}
	_, err = u.Verify(b.key)
	return err
}

func tokenHashes(tokens []issuer.TokenRow) string {
	var out []string
	for _, t := range tokens {
		sum := sha256.Sum256(t.Signed)
		out = append(out, hex.EncodeToString(sum[:8]))
	}
	return strings.Join(out, "-")
}

// worker is one life of the issuing process.
type worker struct {
	s        *store.Store
	b        *issuer.Body
	register *issuer.Register
	rng      *rand.Rand
	people   []int64
	at       time.Time

	mu sync.Mutex // of stdout
}

// say writes one acknowledgement with one system call: what the parent reads was durable before.
func (w *worker) say(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintf(os.Stdout, format+"\n", args...)
	return err
}

func work(dir string) error {
	cycle, err := strconv.Atoi(os.Getenv("POSVID_CRASH_CYCLE"))
	if err != nil {
		return err
	}
	day, err := strconv.Atoi(os.Getenv("POSVID_CRASH_DAY"))
	if err != nil {
		return err
	}
	end := os.Getenv("POSVID_CRASH_END") != ""
	ctx := context.Background()
	key, err := authority.IssuerKeyForVectors(cose.ESP256, "crash issuer")
	if err != nil {
		return err
	}
	w := &worker{rng: rand.New(rand.NewPCG(uint64(cycle), 1))}
	if w.s, err = openStore(dir); err != nil {
		return err
	}
	g := bundle{key.IssuerPublic()}
	if w.b, err = issuer.Open(ctx, w.s, issuer.Config{EDRPOU: edrpou, Signer: key, Grant: g, Checker: g, Group: 16}); err != nil {
		return err
	}
	if w.register, err = issuer.OpenRegister(ctx, w.s); err != nil {
		return err
	}
	if end { // the last life of this store: later than any other
		day = 60
	}
	w.at = epoch.Add(time.Duration(day+1) * dayLength)
	if err := w.say("ready"); err != nil {
		return err
	}
	issued, _, err := w.b.Recover(ctx, w.at)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	if err := w.say("recovered %d", issued); err != nil {
		return err
	}
	if err := w.s.View(ctx, func(tx issuer.Tx) error {
		w.people, err = tx.Wished(0, 1<<30)
		return err
	}); err != nil {
		return err
	}
	if end {
		return w.s.Close()
	}
	var count int
	if err := w.s.View(ctx, func(tx issuer.Tx) error {
		return tx.Posts(func(issuer.PostRow) error { count++; return nil })
	}); err != nil {
		return err
	}
	more, err := store.Populate(ctx, w.s, edrpou, count, moreStaff, epoch, store.NewHolder)
	if err != nil {
		return err
	}
	w.people = append(w.people, more...)
	for n := 0; ; n++ {
		w.at = w.at.Add(time.Second)
		var err error
		switch n % 9 {
		case 0, 4:
			err = w.issue(ctx, 1+w.rng.IntN(24))
		case 1:
			err = w.dismiss(ctx)
		case 2:
			err = w.change(ctx)
		case 3:
			err = w.publish(ctx)
		case 5:
			err = w.concurrent(ctx)
		case 6:
			err = w.edit(ctx)
		case 7:
			err = w.housekeeping(ctx)
		case 8:
			err = w.card(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (w *worker) someone() int64 { return w.people[w.rng.IntN(len(w.people))] }

func (w *worker) issue(ctx context.Context, n int) error {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = w.someone()
	}
	return w.issueThese(ctx, ids)
}

func (w *worker) issueThese(ctx context.Context, ids []int64) error {
	res, err := w.b.Issue(ctx, w.at, ids...)
	if err != nil {
		return err
	}
	for _, r := range res {
		if err := w.result(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) result(r issuer.Result) error {
	switch {
	case r.Err == nil && r.Existing:
		return nil
	case r.Err == nil:
		hashes := make([]issuer.TokenRow, len(r.Tokens))
		for i := range hashes {
			hashes[i].Signed = r.Tokens[i]
		}
		return w.say("issued %d %d %s %s %d %s", r.Entitlement, r.ID.ID, r.ID.Serial, r.ID.Number, r.Renewal, tokenHashes(hashes))
	}
	// These refusals are part of the play: suspended, dismissed, a key whose ID was revoked.
	for _, want := range []error{issuer.ErrSuspended, issuer.ErrNotEntitled, issuer.ErrNoWish, issuer.ErrHolderRevoked, issuer.ErrOvertaken} {
		if errors.Is(r.Err, want) {
			return nil
		}
	}
	return fmt.Errorf("issue %d: %w", r.Entitlement, r.Err)
}

// concurrent issues from several goroutines at once while another one changes states.
func (w *worker) concurrent(ctx context.Context) error {
	ids := make([]int64, 12)
	for i := range ids {
		ids[i] = w.someone()
	}
	errs := make(chan error, len(ids)+1)
	for _, id := range ids {
		go func() { errs <- w.issueThese(ctx, []int64{id}) }()
	}
	err := w.change(ctx)
	for range ids {
		err = errors.Join(err, <-errs)
	}
	return err
}

// change suspends, resumes or revokes the live ID of somebody.
func (w *worker) change(ctx context.Context) error {
	ids, err := w.b.IDsOf(ctx, w.someone())
	if err != nil {
		return err
	}
	for _, id := range ids {
		var err error
		switch {
		case id.State == issuer.StateSuspended:
			if err = w.b.Resume(ctx, id.ID, issuer.Change{Ground: issuer.GroundReturn, At: w.at}); err == nil {
				err = w.say("state %d issued", id.ID)
			}
		case id.State == issuer.StateIssued && id.ID%5 == 0:
			if err = w.b.Revoke(ctx, id.ID, issuer.Change{Ground: issuer.GroundLoss, At: w.at}); err == nil {
				err = w.say("revoked %d", id.ID)
			}
		case id.State == issuer.StateIssued:
			if err = w.b.Suspend(ctx, id.ID, issuer.Change{Ground: issuer.GroundCheck, At: w.at}); err == nil {
				err = w.say("state %d suspended", id.ID)
			}
		}
		// Issuing beside this may have replaced the ID meanwhile.
		if err != nil && !errors.Is(err, issuer.ErrState) {
			return err
		}
	}
	return nil
}

// edit changes a rank, so that the next issue replaces the ID.
func (w *worker) edit(ctx context.Context) error {
	return w.s.Update(ctx, func(tx issuer.Tx) error {
		p, err := tx.Post(w.someone())
		if err != nil {
			return err
		}
		p.Record.Rank = 1 + p.Record.Rank%9
		return tx.UpdatePost(p)
	})
}

// dismiss applies an HR plan that dismisses one person, as `posvid hr apply` does.
func (w *worker) dismiss(ctx context.Context) error {
	var post issuer.PostRow
	if err := w.s.View(ctx, func(tx issuer.Tx) (err error) {
		post, err = tx.Post(w.someone())
		return err
	}); err != nil {
		return err
	}
	if post.Status == hr.StatusDismissed {
		return nil
	}
	day := hr.DateInKyiv(w.at)
	line := fmt.Sprintf(`{"rnokpp":%q,"status":"dismissed","ground":"dismissal","order_number":"17-к","order_date":%q}`+"\n", post.Record.RNOKPP, day)
	snap, err := hr.Read("leave.jsonl", []byte(line), hr.Options{EDRPOU: edrpou})
	if err != nil {
		return fmt.Errorf("dismiss: %w", err)
	}
	known, err := w.register.Known(ctx)
	if err != nil {
		return err
	}
	opt, err := w.register.PlanOptions(ctx, w.at, 24*time.Hour)
	if err != nil {
		return err
	}
	plan, err := hr.MakePlan(known, snap, opt)
	if err != nil {
		return fmt.Errorf("dismiss: %w", err)
	}
	key, err := operator("registrar")
	if err != nil {
		return err
	}
	approval, err := issuer.SignApproval(issuer.PlanSubject(plan), issuer.PartAuthor, key, w.at)
	if err != nil {
		return err
	}
	if _, err := w.register.ApplyPlan(ctx, plan, [][]byte{approval}, w.at); err != nil {
		return fmt.Errorf("dismiss: %w", err)
	}
	if err := w.s.View(ctx, func(tx issuer.Tx) (err error) {
		post, err = tx.Post(post.ID)
		return err
	}); err != nil {
		return err
	}
	if post.Status != hr.StatusDismissed {
		return fmt.Errorf("dismiss: entitlement %d is %s after the plan", post.ID, post.Status)
	}
	return w.say("dismissed %d", post.ID)
}

func (w *worker) publish(ctx context.Context) error {
	_, iat, err := w.b.Publish(ctx, w.at)
	if err != nil {
		return err
	}
	return w.say("published %d", iat.Unix())
}

// card makes a record card for somebody, hands it over, and reports every second one lost. The card of the cycle before gets its
// token now, when the process died in between.
func (w *worker) card(ctx context.Context) error {
	change := issuer.CardChange{Operator: "crash", At: w.at}
	tell := func(c issuer.CardRow) error { return w.say("card %d %d %d %d", c.ID, c.Entitlement, c.Status, c.State) }
	number := binary.BigEndian.AppendUint64(nil, w.rng.Uint64())
	c, err := w.b.EnterCard(ctx, issuer.CardEntry{Kind: issuer.CardRecord, Number: number, Entitlement: w.someone(), State: issuer.CardPersonalised}, change)
	if errors.Is(err, issuer.ErrNotEntitled) {
		return nil // dismissed
	}
	if err != nil {
		return err
	}
	if err := tell(c); err != nil {
		return err
	}
	var unsigned []int64
	if err := w.b.Cards(ctx, func(c issuer.CardRow) error {
		if c.Token == nil && c.Value != 1 && c.State <= issuer.CardIssued {
			unsigned = append(unsigned, c.ID)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range unsigned {
		token, err := w.b.CardToken(ctx, id, keys.HolderPublicKey{}, credential.FaceCheck, 200*24*time.Hour, change)
		if errors.Is(err, issuer.ErrNotEntitled) || errors.Is(err, issuer.ErrCardToken) { // dismissed, or its payload is of an earlier rank or photo
			continue
		}
		if err != nil {
			return err
		}
		sum := sha256.Sum256(token)
		if err := w.say("cardtoken %d %x", id, sum); err != nil {
			return err
		}
	}
	for _, to := range []issuer.CardState{issuer.CardIssued, issuer.CardLost}[:1+c.ID%2] {
		if c, err = w.b.MoveCard(ctx, c.ID, to, change); err != nil {
			return err
		}
		if err := tell(c); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) housekeeping(ctx context.Context) error {
	if _, err := w.b.Expire(ctx, w.at, 100); err != nil {
		return err
	}
	out, err := w.b.Outbox(ctx, 50)
	if err != nil {
		return err
	}
	seqs := make([]int64, len(out))
	for i := range out {
		seqs[i] = out[i].Seq
	}
	if err := w.b.Delivered(ctx, seqs...); err != nil {
		return err
	}
	return w.b.Renew(ctx, w.at, w.result)
}
