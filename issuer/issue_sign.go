package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// bg is the context of a group's own transactions: a caller that gives up must not leave a group half done.
var bg = context.Background()

// SignChecked signs a stored payload and answers the token only when its payload is byte for byte the
// stored one and check accepts it at the time given. Errors: ErrBytes, ErrCheck, or the signer's.
func SignChecked(payload []byte, s keys.IssuerSigner, check TokenChecker, at time.Time) ([]byte, error) {
	token, err := credential.SignToken(payload, s)
	if err != nil {
		return nil, fmt.Errorf("issuer: sign: %w", err)
	}
	signed, err := payloadOf(token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBytes, err)
	}
	if !bytes.Equal(signed, payload) {
		return nil, fmt.Errorf("%w: %d bytes signed, %d stored", ErrBytes, len(signed), len(payload))
	}
	if err := check.CheckToken(token, at); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheck, err)
	}
	return token, nil
}

// payloadOf finds the payload of a tagged COSE_Sign1 without judging it; the checker does that.
func payloadOf(token []byte) ([]byte, error) {
	r := cose.NewReader(token)
	if _, err := r.ReadTag(); err != nil {
		return nil, err
	}
	if n, err := r.ReadArray(); err != nil || n != 4 {
		return nil, fmt.Errorf("issuer: token has %d parts, want 4", n)
	}
	if _, err := r.ReadBytes(); err != nil {
		return nil, err
	}
	if _, err := r.Raw(); err != nil {
		return nil, err
	}
	return r.ReadBytes()
}

// sign signs every token of the group, in parallel over the workers. A work that fails keeps its error
// and its stored intent.
func (b *Body) sign(works []*work) {
	crashPoint("sign-begin")
	type job struct {
		w *work
		t *TokenRow
	}
	jobs := make([]job, 0, 2*len(works))
	for _, w := range works {
		for i := range w.tokens {
			jobs = append(jobs, job{w, &w.tokens[i]})
		}
	}
	errs := make([]error, len(jobs))
	one := func(i int) {
		defer func() {
			if r := recover(); r != nil {
				errs[i] = fmt.Errorf("issuer: internal error while signing: %v", r)
			}
		}()
		j := jobs[i]
		j.t.Signed, errs[i] = SignChecked(j.t.Payload, b.cfg.Signer, b.cfg.Checker, j.w.it.at)
		if i == len(jobs)/2 {
			crashPoint("sign-half")
		}
	}
	if workers := min(b.cfg.Workers, len(jobs)); workers <= 1 {
		for i := range jobs {
			one(i)
		}
	} else {
		var next atomic.Int64
		var wg sync.WaitGroup
		run := func() {
			for i := next.Add(1) - 1; int(i) < len(jobs); i = next.Add(1) - 1 {
				one(int(i))
			}
		}
		for range workers - 1 {
			wg.Go(run)
		}
		run()
		wg.Wait()
	}
	for i, j := range jobs {
		if errs[i] != nil && j.w.err == nil {
			j.w.err = fmt.Errorf("issuer: entitlement %d: %w", j.w.intent.Entitlement, errs[i])
		}
	}
	crashPoint("sign-end")
}

// record is the second durable half of a group: signed bytes, "signed" in the audit, state issued, outbox.
// Only when it is durable do the items get their result.
func (b *Body) record(works []*work) {
	good := works[:0:0]
	for _, w := range works {
		if w.err != nil {
			w.it.res.Err = w.err
			continue
		}
		good = append(good, w)
	}
	if len(good) == 0 {
		return
	}
	err := b.store.Update(bg, func(tx Tx) error { return b.recordTx(tx, good) })
	if errors.Is(err, ErrConflict) {
		// Some intent of the group was overtaken (a dismissal, another process) while it was signed: set
		// those apart and record the others.
		err = b.store.Update(bg, func(tx Tx) error {
			rest := good[:0:0]
			for _, w := range good {
				w.err = nil
				err := overtaken(tx, w)
				if errors.Is(err, ErrOvertaken) {
					w.err = err
					continue
				}
				if err != nil {
					return err
				}
				if w.it.res.Existing {
					continue
				}
				rest = append(rest, w)
			}
			return b.recordTx(tx, rest)
		})
	}
	crashPoint("record-committed")
	for _, w := range good {
		switch {
		case err != nil:
			w.it.res.Err = err
			w.it.res.Existing = false
		case w.err != nil:
			w.it.res.Err = w.err
		case !w.it.res.Existing:
			w.it.res.ID, w.it.res.Renewal = w.id, w.intent.Renewal
			w.it.res.Tokens = make([][]byte, len(w.tokens))
			for i := range w.tokens {
				w.it.res.Tokens[i] = w.tokens[i].Signed
			}
		}
	}
}

// overtaken is nil when the intent is still at work, or when another process issued it (the result then
// says Existing); ErrOvertaken otherwise.
func overtaken(tx Tx, w *work) error {
	sits, err := tx.Situations([]int64{w.intent.Entitlement})
	if err != nil {
		return err
	}
	s := &sits[0]
	switch {
	case s.Pending.Stage == StagePrepared && s.Pending.Renewal == w.intent.Renewal && s.Pending.ID == w.intent.ID:
		w.old = ID{}
		if w.intent.Fresh {
			w.old = s.Live
		}
		return nil
	case s.Live.State == StateIssued && s.Live.ID == w.intent.ID && s.Live.Renewal == w.intent.Renewal:
		w.it.res.ID, w.it.res.Renewal, w.it.res.Existing = s.Live, s.Live.Renewal, true
		return nil
	}
	return fmt.Errorf("%w: entitlement %d", ErrOvertaken, w.intent.Entitlement)
}

func (b *Body) recordTx(tx Tx, works []*work) error {
	if len(works) == 0 {
		return nil
	}
	ids := make([]ID, len(works))
	intents := make([]Intent, len(works))
	outbox := make([]OutboxRow, len(works))
	entries := make([]AuditEntry, len(works))
	tokens := make([]TokenRow, 0, 2*len(works))
	var latest time.Time
	for i, w := range works {
		at := w.it.at
		if at.After(latest) {
			latest = at
		}
		if w.old.State != 0 {
			if err := move(tx, w.old, StateReplaced, Change{Ground: GroundReplaced, At: at}); err != nil {
				return err
			}
		}
		w.id.State, w.id.Renewal, w.id.ExpiresAt = StateIssued, w.intent.Renewal, w.expires
		if w.intent.Fresh {
			w.id.IssuedAt, w.id.ChangedAt = at, at
		}
		ids[i], intents[i] = w.id, w.intent
		outbox[i] = OutboxRow{ID: w.id.ID, Renewal: w.intent.Renewal, At: at}
		detail := make([]any, 0, 2+len(w.tokens))
		detail = append(detail, w.id.ID, uint64(w.intent.Renewal))
		for t := range w.tokens {
			sum := sha256.Sum256(w.tokens[t].Signed)
			detail = append(detail, sum[:])
		}
		entries[i] = AuditEntry{Event: EventSigned, Detail: detail}
		tokens = append(tokens, w.tokens...)
	}
	if err := tx.InsertSigned(tokens); err != nil {
		return err
	}
	if err := tx.FinishIntents(intents, StageIssued); err != nil {
		return err
	}
	if err := tx.IssueIDs(ids); err != nil {
		return err
	}
	if err := tx.InsertOutbox(outbox); err != nil {
		return err
	}
	if err := audit(tx, latest, entries...); err != nil {
		return err
	}
	crashPoint("record-uncommitted")
	return nil
}
