package diia

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

const (
	deliverBatch   = 50 // events of one system in one run
	deliverSystems = 4  // systems that are sent to at the same time
)

// deliver sends what waits to every system with a webhook. One slow system holds up nobody but itself.
func (p *part) deliver(ctx context.Context, at time.Time) error {
	var due []system
	if err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		due = nil
		return tx.Rows(`SELECT `+systemColumns+` FROM systems s WHERE webhook <> '' AND stopped = 0 AND until > $1 AND wait <= $1
			AND EXISTS (SELECT 1 FROM system_events e WHERE e.system = s.id AND e.state = 0 AND e.next <= $1) ORDER BY id`, []any{at.Unix()},
			func(scan func(...any) error) error {
				s, err := scanSystem(scan)
				due = append(due, s)
				return err
			})
	}); err != nil || len(due) == 0 {
		return err
	}
	key, err := p.signerAt(ctx, at)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, deliverSystems)
	errs := make([]error, len(due))
	for i := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = p.deliverSystem(ctx, &due[i], key, at)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// deliverSystem sends one system what is due, one event after another. Events of one person go in their order: a later one
// waits for the earlier. When the receiver fails as a whole the rest waits too.
func (p *part) deliverSystem(ctx context.Context, sys *system, key signer, at time.Time) error {
	var rows []event
	var grants []grant
	if err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		rows = nil
		var err error
		if grants, err = grantsOf(tx, sys.id); err != nil {
			return err
		}
		return tx.Rows(`SELECT `+eventColumns+` FROM system_events e WHERE system = $1 AND state = 0 AND next <= $2
			AND NOT EXISTS (SELECT 1 FROM system_events b WHERE b.system = e.system AND b.body = e.body AND b.person = e.person AND b.state = 0 AND b.id < e.id)
			ORDER BY id LIMIT $3`, []any{sys.id, at.Unix(), deliverBatch}, func(scan func(...any) error) error {
			e, err := scanEvent(scan)
			rows = append(rows, e)
			return err
		})
	}); err != nil {
		return err
	}
	for i := range rows {
		e := &rows[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		gi := slices.IndexFunc(grants, func(g grant) bool {
			return g.body == e.body && g.counts(sys) && slices.Contains(g.scopes, scopeEvents)
		})
		b, err := p.s.Body(e.body)
		if gi < 0 || err != nil {
			if gi >= 0 || !slices.ContainsFunc(grants, func(g grant) bool { return g.body == e.body }) {
				if err := p.close(ctx, e, eventDropped, "withdrawn", at); err != nil {
					return err
				}
				continue
			}
			// The body has not agreed to the system's new keys or address yet: the event waits for its word.
			if err := p.postpone(ctx, e, at.Add(time.Minute), false, "not-agreed", at); err != nil {
				return err
			}
			continue
		}
		m, err := p.message(ctx, b, sys, &grants[gi], e)
		if err != nil {
			return err
		}
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		p.crash("before-send")
		out := p.send(ctx, sys, e, key, body, at)
		p.crash("after-send")
		if err := p.settle(ctx, sys, e, out, at); err != nil {
			return err
		}
		p.crash("settled")
		if out.down {
			return nil
		}
	}
	return nil
}

// outcome is what became of one attempt.
type outcome struct {
	ok     bool
	parked bool          // the system does not know the person
	down   bool          // the receiver as a whole failed
	why    string        // a word for the page and the log, never the receiver's text
	wait   time.Duration // Retry-After, 0 when not said
}

// send makes one attempt.
func (p *part) send(ctx context.Context, sys *system, e *event, key signer, body []byte, at time.Time) outcome {
	if err := checkWebhookURL(sys.webhook, p.s.Dev); err != nil {
		return outcome{down: true, why: "address"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, sys.webhook, bytes.NewReader(body))
	if err != nil {
		return outcome{down: true, why: "address"}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", `"`+e.uuid+`"`)
	r.Header.Set("User-Agent", "Posvid")
	if err := key.sign(r, sys.webhook, body, at); err != nil {
		return outcome{down: true, why: "signing"}
	}
	answer, err := p.client.Do(r)
	if err != nil {
		switch {
		case errors.Is(err, errAddress):
			return outcome{down: true, why: "address"}
		case errors.Is(err, context.DeadlineExceeded):
			return outcome{down: true, why: "timeout"}
		}
		return outcome{down: true, why: "connection"}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return outcome{down: true, why: "connection"}
	}
	return outcomeOf(answer.StatusCode, answer.Header.Get("Retry-After"), text)
}

// outcomeOf reads an answer. 404 alone is a wrong address; a person who is unknown there is said in so many words.
func outcomeOf(status int, retryAfter string, text []byte) outcome {
	why := "http-" + strconv.Itoa(status)
	wait := time.Duration(0)
	if n, err := strconv.Atoi(retryAfter); err == nil && n > 0 {
		wait = min(time.Duration(n)*time.Second, longestRetry)
	}
	switch {
	case status >= 200 && status < 300:
		return outcome{ok: true}
	case status == http.StatusNotFound && unknownPerson(text):
		return outcome{parked: true, why: "unknown-person"}
	case status >= 300 && status < 400:
		return outcome{down: true, why: "redirect"}
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusUnauthorized,
		status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return outcome{down: true, why: why, wait: wait}
	}
	return outcome{why: why, wait: wait}
}

// unknownPerson recognises {"error":{"http_code":404}} and {"code":"unknown-person"}.
func unknownPerson(text []byte) bool {
	if len(text) > maxAnswer {
		return false
	}
	var a struct {
		Code  string `json:"code"`
		Error struct {
			Code int `json:"http_code"`
		} `json:"error"`
	}
	return json.Unmarshal(text, &a) == nil && (a.Code == "unknown-person" || a.Error.Code == http.StatusNotFound)
}

// backoff doubles from firstRetry to longestRetry; a random half of it is jitter.
func backoff(tries int) time.Duration {
	d := longestRetry
	if tries < 12 {
		d = min(firstRetry<<max(tries-1, 0), longestRetry)
	}
	return d/2 + rand.N(d/2+1)
}

// settle writes what became of an attempt.
func (p *part) settle(ctx context.Context, sys *system, e *event, o outcome, at time.Time) error {
	p.count(o)
	switch {
	case o.ok:
		return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
			if _, err := tx.Exec(`UPDATE systems SET fails = 0, wait = 0 WHERE id = $1 AND (fails <> 0 OR wait <> 0)`, sys.id); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE system_events SET state = 1, closed = $1, tries = tries + 1, why = '' WHERE id = $2 AND state = 0`, at.Unix(), e.id)
			return err
		})
	case o.parked:
		return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
			_, err := tx.Exec(`UPDATE system_events SET state = 2, closed = $1, tries = tries + 1, next = $2, why = $3 WHERE id = $4 AND state = 0`,
				at.Unix(), at.Add(parkedRetry).Unix(), o.why, e.id)
			return err
		})
	case at.Sub(e.since) >= eventLife:
		if err := p.close(ctx, e, eventDead, o.why, at); err != nil {
			return err
		}
	default:
		if err := p.postpone(ctx, e, at.Add(max(backoff(e.tries+1), o.wait)), true, o.why, at); err != nil {
			return err
		}
	}
	if !o.down {
		return nil
	}
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		return tx.Exec1(`UPDATE systems SET fails = fails + 1, wait = $1 WHERE id = $2`, at.Add(max(backoff(sys.fails+1), o.wait)).Unix(), sys.id)
	})
}

func (p *part) close(ctx context.Context, e *event, state int, why string, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`UPDATE system_events SET state = $1, closed = $2, why = $3 WHERE id = $4 AND state = 0`, state, at.Unix(), why, e.id)
		return err
	})
}

func (p *part) postpone(ctx context.Context, e *event, next time.Time, tried bool, why string, at time.Time) error {
	n := 0
	if tried {
		n = 1
	}
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`UPDATE system_events SET next = $1, tries = tries + $2, why = $3 WHERE id = $4 AND state = 0`, next.Unix(), n, why, e.id)
		return err
	})
}

// resend brings a dead or parked event of a body back, with a new term.
func (p *part) resend(ctx context.Context, body, client string, event int64, account int64, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		s, ok, err := systemByClient(tx, client)
		if err != nil {
			return err
		}
		if !ok {
			return unknownSystem
		}
		err = tx.Exec1(`UPDATE system_events SET state = 0, next = 0, tries = 0, since = $1, closed = 0, why = '' WHERE id = $2 AND system = $3 AND body = $4 AND state IN (2, 3)`,
			at.Unix(), event, s.id, body)
		if errors.Is(err, issuer.ErrNotFound) {
			return unknownEvent
		}
		if err != nil {
			return err
		}
		if err := tx.Exec1(`UPDATE systems SET fails = 0, wait = 0 WHERE id = $1`, s.id); err != nil {
			return err
		}
		return changed(tx, s.id, body, account, at, fmt.Sprintf("%s %d", changeResent, event))
	})
}

// purge forgets what has served its time, gives up what has waited for seven days, and sends parked events once a day.
func (p *part) purge(ctx context.Context, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		now := at.Unix()
		for _, q := range []struct {
			sql  string
			args []any
		}{
			{`DELETE FROM system_tokens WHERE expires <= $1`, []any{now}},
			{`DELETE FROM system_jtis WHERE expires <= $1`, []any{now}},
			{`DELETE FROM system_photos WHERE expires <= $1`, []any{now}},
			{`DELETE FROM system_seen WHERE expires <= $1`, []any{now}},
			{`UPDATE system_events SET state = 3, closed = $1, why = CASE why WHEN '' THEN 'down' ELSE why END WHERE state = 0 AND since <= $2
				AND system IN (SELECT id FROM systems WHERE webhook <> '')`, []any{now, at.Add(-eventLife).Unix()}},
			{`DELETE FROM system_events WHERE state = 0 AND at <= $1 AND system IN (SELECT id FROM systems WHERE webhook = '')`, []any{at.Add(-eventKept).Unix()}},
			{`DELETE FROM system_events WHERE state <> 0 AND at <= $1`, []any{at.Add(-eventKept).Unix()}},
			{`UPDATE system_events SET state = 0, since = $1, tries = 0 WHERE state = 2 AND next <= $1`, []any{now}},
			{`DELETE FROM system_looks WHERE at < $1`, []any{keptFrom(at).Unix()}},
		} {
			if _, err := tx.Exec(q.sql, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// keptFrom is the time before which look-ups are forgotten: they are kept to the end, in Kyiv, of the calendar year after them.
func keptFrom(at time.Time) time.Time {
	return hr.Date{Year: hr.DateInKyiv(at).Year - 1, Month: 1, Day: 1}.Start()
}
