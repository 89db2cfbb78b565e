package holder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// Periods and portions of the jobs.
const (
	issueEvery  = 5 * time.Minute
	issueAnyway = time.Hour // a body whose register has not changed is gone through again after this
	purgeEvery  = 24 * time.Hour
	purgeAfter  = 24 * time.Hour // tokens are forgotten so long after their end
	portion     = 1000           // rows that one transaction marks or forgets
	outboxKept  = 7 * 24 * time.Hour
)

// bodyState remembers for the issuing job what it has gone through.
type bodyState struct {
	seenMu sync.Mutex
	seen   map[string]seen
}

type seen struct {
	head uint64 // newest audit entry when the walk had ended
	at   time.Time
}

func (p *part) mountJobs() {
	p.seen = map[string]seen{}
	p.s.Every("issue", issueEvery, func(ctx context.Context, at time.Time) error { return p.each(ctx, at, p.issue) })
	p.s.Every("purge", purgeEvery, func(ctx context.Context, at time.Time) error { return p.each(ctx, at, p.purge) })
}

// each does the work of every body; one that fails keeps no other from it.
func (p *part) each(ctx context.Context, at time.Time, work func(context.Context, *service.Body, time.Time) error) error {
	var failed []error
	for _, b := range p.s.Bodies {
		if err := work(ctx, b, at); err != nil {
			failed = append(failed, fmt.Errorf("body %s: %w", b.EDRPOU, err))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// issue brings a body to where its register says it should be. Every step may be repeated at any time, and a step that fails
// keeps none of the others from its work:
//
//	what a crash left half done; terms that ended or began (before anything is signed for them); IDs for whoever enrolled;
//	renewals; IDs whose tokens have run out.
func (p *part) issue(ctx context.Context, b *service.Body, at time.Time) error {
	var failed []error
	changed := false
	step := func(name string, f func() (int, error)) {
		if ctx.Err() != nil {
			return
		}
		n, err := f()
		changed = changed || n > 0
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	step("recover", func() (int, error) {
		issued, _, err := b.Body.Recover(ctx, at)
		return issued, err
	})
	step("sweep", func() (int, error) { return b.Register.Sweep(ctx, at) })
	signed := 0
	count := func(r issuer.Result) error {
		if r.Err == nil && !r.Existing {
			signed++
			p.s.CountIssued(r)
		}
		return nil // each refusal is a matter of its own entitlement; the registrar's page says why
	}
	if p.toWalk(ctx, b, at) {
		step("issue", func() (int, error) {
			err := b.Body.IssueAll(ctx, at, count)
			return signed, err
		})
	}
	step("renew", func() (int, error) {
		before := signed
		err := b.Body.Renew(ctx, at, count)
		return signed - before, err
	})
	step("expire", func() (int, error) { return inPortions(func() (int, error) { return b.Body.Expire(ctx, at, portion) }) })
	if changed {
		p.s.PublishSoon()
	}
	if len(failed) == 0 && ctx.Err() == nil {
		p.walked(ctx, b, at)
	}
	return errors.Join(failed...)
}

// toWalk tells whether everybody enrolled is to be gone through: something was written since the last walk, or an hour has
// passed. A walk without anything to sign reads every entitlement under the write lock, a group at a time.
func (p *part) toWalk(ctx context.Context, b *service.Body, at time.Time) bool {
	head, err := b.Body.AuditHead(ctx)
	if err != nil {
		return true
	}
	p.seenMu.Lock()
	defer p.seenMu.Unlock()
	last, ok := p.seen[b.EDRPOU]
	return !ok || last.head != head.Seq || at.Sub(last.at) >= issueAnyway || at.Before(last.at)
}

func (p *part) walked(ctx context.Context, b *service.Body, at time.Time) {
	head, err := b.Body.AuditHead(ctx)
	if err != nil {
		return // the next run walks again
	}
	p.seenMu.Lock()
	defer p.seenMu.Unlock()
	last := p.seen[b.EDRPOU]
	if last.head != head.Seq || at.Sub(last.at) >= issueAnyway || at.Before(last.at) {
		p.seen[b.EDRPOU] = seen{head.Seq, at}
	}
}

// purge forgets what must not be kept: signed bytes of tokens that have run out (they hold names), one-time codes and checks, and
// what waited for a wallet and has been fetched or overtaken.
func (p *part) purge(ctx context.Context, b *service.Body, at time.Time) error {
	_, tokens := inPortions(func() (int, error) { return b.Body.Purge(ctx, at.Add(-purgeAfter), at, portion) })
	_, codes := inPortions(func() (int, error) {
		n, err := b.Online.Purge(ctx, at, time.Time{}, portion)
		return max(n.Codes, n.Checks), err
	})
	_, outbox := inPortions(func() (int, error) { return clearOutbox(ctx, b, at.Add(-outboxKept)) })
	return errors.Join(tokens, codes, outbox)
}

// clearOutbox takes out what waits since before a time: wallets of this service fetch by themselves, and a program that carries
// files has had its week.
func clearOutbox(ctx context.Context, b *service.Body, before time.Time) (int, error) {
	rows, err := b.Body.Outbox(ctx, portion)
	if err != nil {
		return 0, err
	}
	var done []int64
	for _, r := range rows {
		if r.At.Before(before) {
			done = append(done, r.Seq)
		}
	}
	if len(done) == 0 {
		return 0, nil
	}
	return len(done), b.Body.Delivered(ctx, done...)
}

// inPortions repeats a step until it has nothing left, so that nobody waits long for his turn to write.
func inPortions(step func() (int, error)) (int, error) {
	all := 0
	for {
		n, err := step()
		all += n
		if err != nil || n < portion {
			return all, err
		}
	}
}

// codeOf is what a log may say of why an ID was not issued.
func codeOf(err error) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{issuer.ErrNotGranted, "not-granted"}, {issuer.ErrNoSigner, "no-signer"}, {issuer.ErrSigningStopped, "signing-stopped"},
		{issuer.ErrNotEntitled, "not-entitled"}, {issuer.ErrSuspended, "suspended"}, {issuer.ErrHolderRevoked, "holder-revoked"},
		{issuer.ErrOvertaken, "overtaken"}, {issuer.ErrCheck, "check-failed"}, {issuer.ErrClock, "clock-behind"},
		{context.Canceled, "canceled"}, {context.DeadlineExceeded, "canceled"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "internal"
}
