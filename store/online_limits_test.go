package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// wrongDigits are digits that fit in form; that a code has them is as likely as in life, one in 9·10^11 each.
func wrongDigits(n int) string {
	twelve := fmt.Sprintf("%012d", 100_000_000_000+7*n)
	c, err := issuer.EANCheckDigit(twelve)
	if err != nil {
		panic(err)
	}
	return twelve + string(rune(c))
}

// guess gives n wrong digits and answers the last answer.
func (w *online) guess(n int, by issuer.OnlineVerifier, at time.Time) (a issuer.OnlineAnswer) {
	w.t.Helper()
	mode := issuer.OnlineFull
	if by.ID == "" {
		mode = issuer.OnlineValidate
	}
	for i := range n {
		a = w.ask(wrongDigits(i), by, mode, at)
	}
	return a
}

func source(n int) issuer.OnlineVerifier {
	return issuer.OnlineVerifier{Source: fmt.Sprintf("198.51.%d.0/24", n)}
}

func guardOf(n int) issuer.OnlineVerifier {
	v := guard
	v.ID = fmt.Sprintf("guard-%d", n)
	return v
}

// [ONL-13] A verifier has twenty wrong digits in a quarter of an hour; the right ones are not even looked up after that,
// also after a restart and by another process. Links go on.
func TestOnlineVerifierIsLimited(t *testing.T) {
	w := newOnline(t, 3)
	c := w.code(1, testTime)
	// Digits with a wrong check digit are a slip of the finger and no try.
	for range 30 {
		if _, err := w.o.Parse("4006381333932"); !errors.Is(err, issuer.ErrOnlineText) {
			t.Fatal(err)
		}
	}
	used := w.code(2, testTime)
	w.want("use", w.ask(used.Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	for range 30 { // a camera reads the barcode of a used code many times
		w.want("used", w.ask(used.Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineUsed)
	}
	w.want("the 20th", w.guess(issuer.OnlineVerifierTries, guard, testTime), issuer.OnlineUnknown)
	w.want("the 21st", w.guess(1, guard, testTime), issuer.OnlineLimited)
	w.want("right digits", w.ask(c.Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineLimited)
	w.reopen(store.Options{})
	w.o = openOnline(t, w.s)
	w.want("after a restart", w.ask(c.Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineLimited)
	other, err := store.Open(w.path, store.Options{Sealer: w.sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ref, err := w.o.Parse(c.Digits())
	if err != nil {
		t.Fatal(err)
	}
	if a, err := openOnline(t, other).Check(ctx, ref, guard, issuer.OnlineFull, testTime); err != nil || a.Reason != issuer.OnlineLimited {
		t.Errorf("another process: %s, %v", a.Reason, err)
	}
	if w.used(c.Number) != 0 {
		t.Error("a limited question used the code up")
	}
	w.want("another verifier", w.ask(c.Digits(), guardOf(2), issuer.OnlineFull, testTime), issuer.OnlineOK)
	w.want("by link", w.ask(w.code(1, testTime).Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	end := testTime.Add(issuer.OnlineWindow)
	w.want("before the end", w.ask(w.code(1, end.Add(-time.Second)).Digits(), guard, issuer.OnlineFull, end.Add(-time.Second)), issuer.OnlineLimited)
	w.want("a quarter of an hour later", w.ask(w.code(1, end).Digits(), guard, issuer.OnlineFull, end), issuer.OnlineOK)
}

// [ONL-13] Passers-by have five wrong digits each and a hundred together; their flood closes the digits to no verifier.
func TestOnlineSourcesAreLimited(t *testing.T) {
	w := newOnline(t, 3, issuer.OnlineConfig{Host: onlineHost, PublicDigits: true})
	c := w.code(1, testTime)
	w.want("the 5th", w.guess(issuer.OnlineSourceTries, source(0), testTime), issuer.OnlineNotConfirmed)
	w.want("right digits", w.ask(c.Digits(), source(0), issuer.OnlineValidate, testTime), issuer.OnlineNotConfirmed)
	if w.used(c.Number) != 0 {
		t.Fatal("a limited source used a code up")
	}
	w.want("another source", w.ask(c.Digits(), source(1), issuer.OnlineValidate, testTime), issuer.OnlineOK)
	for range 9 { // used codes count for those who are no verifiers: they learn nothing by them
		w.want("used", w.ask(c.Digits(), source(1), issuer.OnlineValidate, testTime), issuer.OnlineNotConfirmed)
	}
	c = w.code(1, testTime)
	w.want("after used ones", w.ask(c.Digits(), source(1), issuer.OnlineValidate, testTime), issuer.OnlineNotConfirmed)
	for n := 2; n < issuer.OnlineAllSourceTries/issuer.OnlineSourceTries; n++ {
		w.guess(issuer.OnlineSourceTries, source(n), testTime)
	}
	w.want("a fresh source after a hundred", w.ask(c.Digits(), source(200), issuer.OnlineValidate, testTime), issuer.OnlineNotConfirmed)
	if w.used(c.Number) != 0 {
		t.Fatal("a source used a code up after the limit of all")
	}
	w.want("its link", w.ask(c.Link(), source(200), issuer.OnlineValidate, testTime), issuer.OnlineOK)
	w.want("a verifier", w.ask(w.code(1, testTime).Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	later := testTime.Add(issuer.OnlineWindow)
	w.want("a quarter of an hour later", w.ask(w.code(2, later).Digits(), source(200), issuer.OnlineValidate, later), issuer.OnlineOK)
}

// [ONL-13] All verifiers together have a thousand; the table of counters stays small whoever asks.
func TestOnlineAllVerifiersAreLimited(t *testing.T) {
	w := newOnline(t, 1)
	all, err := w.s.MAC("posvid online tries v1", []byte("V"))
	if err != nil {
		t.Fatal(err)
	}
	w.must(w.exec("INSERT INTO online_tries (who, start, tries) VALUES (?, ?, ?)", all[:], testTime.Unix(), issuer.OnlineAllVerifierTries-1))
	c := w.code(1, testTime)
	w.want("the thousandth", w.guess(1, guardOf(1), testTime), issuer.OnlineUnknown)
	w.want("right digits", w.ask(c.Digits(), guardOf(2), issuer.OnlineFull, testTime), issuer.OnlineLimited)
	w.want("link", w.ask(c.Link(), guardOf(2), issuer.OnlineFull, testTime), issuer.OnlineOK)

	rows := func() int { return w.count1("SELECT count(*) FROM online_tries") }
	if n := rows(); n != 2 {
		t.Errorf("%d counters, want 2", n)
	}
	later := testTime.Add(issuer.OnlineWindow)
	for n := range 30 {
		w.guess(1, guardOf(100+n), later)
	}
	if n := rows(); n != 31 {
		t.Errorf("%d counters, want 31: those of the last window are forgotten", n)
	}
	// A clock that ran ahead and was set back leaves nobody shut out.
	ahead := later.Add(1000 * day)
	w.update(func(tx issuer.Tx) error {
		for range issuer.OnlineAllVerifierTries {
			if err := tx.AddOnlineTry(all, ahead, issuer.OnlineWindow); err != nil {
				return err
			}
		}
		return nil
	})
	w.want("after the clock was set back", w.ask(w.code(1, later).Digits(), guard, issuer.OnlineFull, later), issuer.OnlineOK)
}

// [ONL-13] Wrong digits that come at the same time are counted one by one.
func TestOnlineParallelGuesses(t *testing.T) {
	w := newOnline(t, 1)
	var mu sync.Mutex
	got := map[issuer.OnlineReason]int{}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 8 {
				ref, err := w.o.Parse(wrongDigits(100*g + i))
				if err != nil {
					t.Error(err)
					return
				}
				a, err := w.o.Check(ctx, ref, guard, issuer.OnlineFull, testTime)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				got[a.Reason]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if got[issuer.OnlineUnknown] != issuer.OnlineVerifierTries || got[issuer.OnlineLimited] != 64-issuer.OnlineVerifierTries {
		t.Errorf("answers %v", got)
	}
}

// [ONL-17] What is bound to fail waits for no writer; what may succeed or is counted does.
func TestOnlineNonsenseWaitsForNobody(t *testing.T) {
	w := newOnline(t, 5, issuer.OnlineConfig{Host: onlineHost, PublicDigits: true})
	open, used, old, never := w.code(1, testTime), w.code(2, testTime), w.code(3, testTime.Add(-issuer.OnlineLife)), w.code(4, testTime)
	w.want("use", w.ask(used.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	w.must(w.exec("DELETE FROM online_codes WHERE id = ?", never.Number))
	w.guess(issuer.OnlineSourceTries, passerby, testTime)
	w.guess(issuer.OnlineVerifierTries, guardOf(1), testTime)
	w.update(func(issuer.Tx) error { // the one write transaction is taken
		brief, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		ask := func(text string, by issuer.OnlineVerifier) (issuer.OnlineReason, error) {
			ref, err := w.o.Parse(text)
			if err != nil {
				return "", err
			}
			a, err := w.o.Check(brief, ref, by, issuer.OnlineValidate, testTime)
			return a.Reason, err
		}
		for _, c := range []struct {
			text string
			by   issuer.OnlineVerifier
			want issuer.OnlineReason
		}{
			{never.Link(), guard, issuer.OnlineUnknown},
			{never.Link(), passerby, issuer.OnlineNotConfirmed},
			{used.Link(), guard, issuer.OnlineUsed},
			{used.Digits(), guard, issuer.OnlineUsed},
			{old.Link(), passerby, issuer.OnlineNotConfirmed},
			{open.Digits(), passerby, issuer.OnlineNotConfirmed},
			{open.Digits(), guardOf(1), issuer.OnlineLimited},
		} {
			if got, err := ask(c.text, c.by); err != nil || got != c.want {
				t.Errorf("%s, %v, want %s", got, err, c.want)
			}
		}
		for name, text := range map[string]string{"an open code": open.Link(), "wrong digits": wrongDigits(1)} {
			if got, err := ask(text, guard); !errors.Is(err, context.DeadlineExceeded) || got != "" {
				t.Errorf("%s was answered without writing: %s, %v", name, got, err)
			}
		}
		return nil
	})
	w.want("afterwards", w.ask(open.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
}

// [ONL-15] A holder sees who checked, when and where, newest first, a page at a time, and nobody else's checks.
func TestOnlineChecksOfAnID(t *testing.T) {
	w := newOnline(t, 3, issuer.OnlineConfig{Host: onlineHost, PublicDigits: true})
	for n := range 5 {
		at := testTime.Add(time.Duration(n) * time.Hour)
		w.want("check", w.ask(w.code(1, at).Link(), guardOf(n), issuer.OnlineFull, at), issuer.OnlineOK)
	}
	at := testTime.Add(5 * time.Hour)
	w.want("check", w.ask(w.code(1, at).Digits(), passerby, issuer.OnlineValidate, at), issuer.OnlineOK)
	w.want("another's", w.ask(w.code(2, at).Link(), guard, issuer.OnlineValidate, at), issuer.OnlineOK)
	w.guess(3, guard, at) // what used no code is nobody's check

	all, err := w.o.Checks(ctx, 1, 0, 100)
	if err != nil || len(all) != 6 {
		t.Fatalf("%d checks, %v", len(all), err)
	}
	if c := all[0]; c.By != (issuer.OnlineVerifier{}) || c.Mode != issuer.OnlineValidate || c.Means != issuer.OnlineByDigits || !c.At.Equal(at) || c.Reason != issuer.OnlineOK {
		t.Errorf("passer-by: %+v", c)
	}
	for i, c := range all[1:] {
		if c.By != guardOf(4-i) || c.Mode != issuer.OnlineFull || c.Means != issuer.OnlineByLink || !c.At.Equal(testTime.Add(time.Duration(4-i)*time.Hour)) {
			t.Errorf("check %d: %+v", i, c)
		}
	}
	page, err := w.o.Checks(ctx, 1, all[1].Number, 2)
	if err != nil || len(page) != 2 || page[0] != all[2] || page[1] != all[3] {
		t.Errorf("page: %v, %v", page, err)
	}
	if none, err := w.o.Checks(ctx, 3, 0, 10); err != nil || len(none) != 0 {
		t.Errorf("never checked: %v, %v", none, err)
	}
	if _, err := w.o.Checks(ctx, 99, 0, 10); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("no such ID: %v", err)
	}
	for _, limit := range []int{0, -1, 1001} {
		if _, err := w.o.Checks(ctx, 1, 0, limit); err == nil {
			t.Errorf("limit %d was taken", limit)
		}
	}
	// Who checked is bound to the check: beside another one it does not open.
	w.must(w.exec("UPDATE online_checks SET who = (SELECT who FROM online_checks WHERE id = ?) WHERE id = ?", all[1].Number, all[2].Number))
	if _, err := w.o.Checks(ctx, 1, 0, 100); !errors.Is(err, store.ErrSealed) {
		t.Errorf("moved: %v", err)
	}
}

// [ONL-16] Codes go after a day, checks when their time has come, and no number is given twice.
func TestOnlinePurge(t *testing.T) {
	w := newOnline(t, 3)
	first, open := w.code(1, testTime), w.code(2, testTime)
	w.want("check", w.ask(first.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	purge := func(at, before time.Time, limit int, want issuer.OnlinePurged) {
		t.Helper()
		got, err := w.o.Purge(ctx, at, before, limit)
		if err != nil || got != want {
			t.Errorf("purge at %s: %+v, %v, want %+v", at, got, err, want)
		}
	}
	w.guess(1, guard, testTime)
	purge(testTime.Add(issuer.OnlineKept+issuer.OnlineLife), time.Time{}, 100, issuer.OnlinePurged{Tries: 2})
	w.want("a used code a day later", w.ask(first.Link(), guard, issuer.OnlineFull, testTime.Add(day)), issuer.OnlineUsed)
	w.want("an open one a day later", w.ask(open.Link(), guard, issuer.OnlineFull, testTime.Add(day)), issuer.OnlineExpired)
	after := testTime.Add(issuer.OnlineKept + issuer.OnlineLife + time.Second)
	purge(after, time.Time{}, 1, issuer.OnlinePurged{Codes: 1})
	purge(after, time.Time{}, 100, issuer.OnlinePurged{Codes: 1})
	purge(after, time.Time{}, 100, issuer.OnlinePurged{})
	w.want("forgotten", w.ask(first.Link(), guard, issuer.OnlineFull, after), issuer.OnlineUnknown)
	if c := w.code(3, after); c.Number <= open.Number {
		t.Errorf("number %d was given twice", c.Number)
	}
	// The check of 2026 stays for the whole of 2027, in Kyiv.
	until := issuer.OnlineKeptUntil(testTime)
	purge(until.Add(-time.Second), time.Time{}, 100, issuer.OnlinePurged{Codes: 1})
	if list, err := w.o.Checks(ctx, 1, 0, 10); err != nil || len(list) != 1 {
		t.Errorf("kept: %v, %v", list, err)
	}
	purge(until, time.Time{}, 100, issuer.OnlinePurged{Checks: 1})
	if list, err := w.o.Checks(ctx, 1, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("not forgotten: %v, %v", list, err)
	}
	// A body may keep them for a shorter time, not for a longer one, and not for the future.
	at := testTime.Add(2 * day)
	w.want("check", w.ask(w.code(2, at).Link(), guard, issuer.OnlineFull, at), issuer.OnlineOK)
	purge(at.Add(time.Hour), at.Add(time.Second), 100, issuer.OnlinePurged{}) // its code is still known
	w.check()
	purge(at.Add(2*day), at, 100, issuer.OnlinePurged{Codes: 1})
	purge(at.Add(2*day), at.Add(time.Second), 100, issuer.OnlinePurged{Checks: 1})
	w.want("check", w.ask(w.code(2, at).Link(), guard, issuer.OnlineFull, at), issuer.OnlineOK)
	for name, p := range map[string]struct {
		at, before time.Time
		limit      int
	}{
		"the future": {at, at.Add(time.Second), 100}, "no rows": {at, time.Time{}, 0}, "no time": {time.Time{}, time.Time{}, 100},
	} {
		if n, err := w.o.Purge(ctx, p.at, p.before, p.limit); err == nil || n != (issuer.OnlinePurged{}) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	purge(until, time.Unix(1, 0), 100, issuer.OnlinePurged{Codes: 1, Checks: 1})
	w.check()
}

// [ONL-14] Making, using and purging leave chained audit entries of row numbers and nothing else.
func TestOnlineAudit(t *testing.T) {
	w := newOnline(t, 3)
	before, err := w.b.AuditHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := w.code(3, testTime)
	w.want("check", w.ask(c.Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	w.want("again", w.ask(c.Digits(), guard, issuer.OnlineFull, testTime), issuer.OnlineUsed)
	w.guess(2, guard, testTime)
	if _, err := w.o.Purge(ctx, testTime.Add(1000*day), time.Time{}, 10); err != nil {
		t.Fatal(err)
	}
	var got []issuer.AuditRecord
	if _, err := w.b.VerifyAudit(ctx, &before, func(r issuer.AuditRecord) error {
		if r.Seq > before.Seq {
			got = append(got, r)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		event  issuer.AuditEvent
		detail []any
	}{
		{issuer.EventOnlineMade, []any{uint64(1)}},
		{issuer.EventOnlineChecked, []any{uint64(1), uint64(1), uint64(1), uint64(issuer.OnlineFull)}},
		{issuer.EventOnlinePurged, []any{uint64(1), uint64(1), uint64(time.Date(2027, 12, 31, 22, 0, 0, 0, time.UTC).Unix())}},
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d: %v", len(got), len(want), got)
	}
	for i, r := range got {
		if r.Event != want[i].event || r.Operator != "" || fmt.Sprint(r.Detail) != fmt.Sprint(want[i].detail) {
			t.Errorf("entry %d: %s %v, want %v", i, r.Event, r.Detail, want[i].detail)
		}
	}
	var entries []byte
	w.view(func(tx issuer.Tx) error {
		rows, err := tx.AuditRows(before.Seq, 100)
		for _, r := range rows {
			entries = append(entries, r.Entry...)
		}
		return err
	})
	for _, secret := range []string{c.Digits(), guard.ID, guard.Name, guard.Place, "Гончарук"} {
		if bytes.Contains(entries, []byte(secret)) {
			t.Errorf("the audit holds %q", secret)
		}
	}
}
