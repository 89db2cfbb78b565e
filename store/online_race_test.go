package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// within is a store inside a transaction that is open already: many codes are made with one commit.
type within struct {
	issuer.Store
	tx issuer.Tx
}

func (s within) Update(_ context.Context, f func(issuer.Tx) error) error { return f(s.tx) }

// View reads in the same transaction.
func (s within) View(_ context.Context, f func(issuer.Tx) error) error { return f(s.tx) }

// [ONL-08] Many ask with one code at the same time, by link and by digits, through one store and through two on one file:
// exactly one of them is answered from the register, every other one is told that the code was used.
func TestOnlineRaces(t *testing.T) {
	codes, racers := 10_000, 3
	if testing.Short() {
		codes, racers = 200, 10
	}
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm") // what is raced for is the row, not the disk: ten thousand syncs cost nothing there
	}
	const people = 100
	w := newOnline(t, people)
	other, err := store.Open(w.path, store.Options{Sealer: w.sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	engines := []*issuer.Online{w.o, openOnline(t, other)}
	won := make([]atomic.Int32, codes)
	var lost atomic.Int64
	for round := range codes / people {
		at := testTime.Add(time.Duration(round) * issuer.OnlineLife)
		refs := make([][2]issuer.OnlineRef, people)
		w.update(func(tx issuer.Tx) error {
			o := openOnline(t, within{w.s, tx})
			for i := range refs {
				c, err := o.Issue(ctx, int64(i+1), at)
				if err != nil {
					return err
				}
				for n, text := range []string{c.Link(), c.Digits()} {
					if refs[i][n], err = o.Parse(text); err != nil {
						return err
					}
				}
			}
			return nil
		})
		stores := 1
		if round%20 == 0 {
			stores = 2 // two writers wait for each other by sleeping
		}
		var wg sync.WaitGroup
		for r := range racers {
			wg.Go(func() {
				for i := range refs {
					a, err := engines[r%stores].Check(ctx, refs[i][r/2%2], guardOf(r), issuer.OnlineFull, at)
					switch {
					case err != nil:
						t.Errorf("code %d: %v", i, err)
						return
					case a.Valid() && a.Holder != nil && a.Holder.Number == fmt.Sprintf("ДМ%06d", i):
						won[round*people+i].Add(1)
					case a.Reason == issuer.OnlineUsed && a.Holder == nil:
						lost.Add(1)
					default:
						t.Errorf("code %d: %s", i, a.Reason)
					}
				}
			})
		}
		wg.Wait()
	}
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("code %d was used %d times, want once", i, n)
		}
	}
	if n := lost.Load(); n != int64(codes*(racers-1)) {
		t.Errorf("%d were told that it was used, want %d", n, codes*(racers-1))
	}
	if n := w.count1("SELECT count(*) FROM online_checks"); n != codes {
		t.Errorf("%d checks for %d codes", n, codes)
	}
	t.Logf("%d codes, %d racers each: %d won, %d lost", codes, racers, codes, lost.Load())
	w.check()
}

// [ONL-08] The schema itself holds what a faulty program might try: a second use, a second check, a second open code, codes
// or digits of another.
func TestOnlineSchema(t *testing.T) {
	w := newOnline(t, 2)
	row := issuer.OnlineCodeRow{IDRow: 1, Link: [32]byte{1}, Digits: [32]byte{2}, Made: testTime, Expires: testTime.Add(time.Minute)}
	var code int64
	w.update(func(tx issuer.Tx) (err error) {
		code, err = tx.InsertOnlineCode(row)
		return err
	})
	refuse := func(name string, want error, f func(tx issuer.Tx) error) {
		t.Helper()
		if err := w.s.Update(ctx, f); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	with := func(f func(*issuer.OnlineCodeRow)) func(issuer.Tx) error {
		r := row
		r.IDRow, r.Link, r.Digits = 2, [32]byte{3}, [32]byte{4}
		f(&r)
		return func(tx issuer.Tx) error { _, err := tx.InsertOnlineCode(r); return err }
	}
	refuse("same link", issuer.ErrConflict, with(func(r *issuer.OnlineCodeRow) { r.Link = row.Link }))
	refuse("same digits", issuer.ErrConflict, with(func(r *issuer.OnlineCodeRow) { r.Digits = row.Digits }))
	refuse("second open code", issuer.ErrConflict, with(func(r *issuer.OnlineCodeRow) { r.IDRow = 1 }))
	refuse("no such ID", issuer.ErrConflict, with(func(r *issuer.OnlineCodeRow) { r.IDRow = 9 }))
	refuse("ends before it begins", issuer.ErrConflict, with(func(r *issuer.OnlineCodeRow) { r.Expires = r.Made }))
	use := func(at time.Time) func(issuer.Tx) error {
		return func(tx issuer.Tx) error { _, err := tx.UseOnlineCode(code, at); return err }
	}
	refuse("use at its end", issuer.ErrNotFound, use(row.Expires))
	refuse("use of none", issuer.ErrNotFound, func(tx issuer.Tx) error { _, err := tx.UseOnlineCode(99, testTime); return err })
	w.update(use(testTime))
	refuse("second use", issuer.ErrNotFound, use(testTime))
	for _, q := range []string{"UPDATE online_codes SET used = 0", "UPDATE online_codes SET used = 2", "UPDATE online_codes SET used = 3"} {
		if err := w.exec(q); err == nil {
			t.Errorf("%s went through", q)
		}
	}
	c := issuer.OnlineCheckRow{IDRow: 1, Code: code, At: testTime, Answer: 1, Mode: issuer.OnlineFull, Means: issuer.OnlineByLink, By: guard}
	insert := func(f func(*issuer.OnlineCheckRow)) func(issuer.Tx) error {
		r := c
		f(&r)
		return func(tx issuer.Tx) error { _, err := tx.InsertOnlineCheck(r); return err }
	}
	w.update(insert(func(*issuer.OnlineCheckRow) {}))
	refuse("second check", issuer.ErrConflict, insert(func(*issuer.OnlineCheckRow) {}))
	refuse("no answer", issuer.ErrConflict, insert(func(r *issuer.OnlineCheckRow) { r.Code, r.Answer = 8, 0 }))
	refuse("unknown answer", issuer.ErrConflict, insert(func(r *issuer.OnlineCheckRow) { r.Code, r.Answer = 8, 6 }))
	refuse("no mode", issuer.ErrConflict, insert(func(r *issuer.OnlineCheckRow) { r.Code, r.Mode = 8, 0 }))
	refuse("no means", issuer.ErrConflict, insert(func(r *issuer.OnlineCheckRow) { r.Code, r.Means = 8, 0 }))
	refuse("check of no ID", issuer.ErrConflict, insert(func(r *issuer.OnlineCheckRow) { r.Code, r.IDRow = 8, 9 }))
	w.view(func(tx issuer.Tx) error {
		for _, means := range []issuer.OnlineMeans{0, 3} {
			if _, err := tx.OnlineCodeBy(means, row.Link); err == nil {
				t.Errorf("means %d was looked up", means)
			}
		}
		if _, err := tx.OnlineCodeBy(issuer.OnlineByDigits, row.Link); !errors.Is(err, issuer.ErrNotFound) {
			t.Errorf("a link among the digits: %v", err)
		}
		return nil
	})
	// A used code whose check is gone is found by the check of the file.
	w.check()
	w.must(w.exec("DELETE FROM online_checks"))
	if err := w.s.Check(ctx); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "one-time code") {
		t.Errorf("used code without its check: %v", err)
	}
}

// stepStore calls step between the steps of every write.
type stepStore struct {
	issuer.Store
	step func(name string) error
}

func (s stepStore) Update(ctx context.Context, f func(issuer.Tx) error) error {
	err := s.Store.Update(ctx, func(tx issuer.Tx) error {
		if err := s.step("begun"); err != nil {
			return err
		}
		if err := f(stepTx{tx, s.step}); err != nil {
			return err
		}
		return s.step("uncommitted")
	})
	if err != nil {
		return err
	}
	return s.step("committed")
}

type stepTx struct {
	issuer.Tx
	step func(name string) error
}

func (t stepTx) after(name string, err error) error {
	if err != nil {
		return err
	}
	return t.step(name)
}

func (t stepTx) ReplaceOnlineCode(idrow int64, at time.Time) error {
	return t.after("replaced", t.Tx.ReplaceOnlineCode(idrow, at))
}

func (t stepTx) InsertOnlineCode(c issuer.OnlineCodeRow) (int64, error) {
	id, err := t.Tx.InsertOnlineCode(c)
	return id, t.after("made", err)
}

func (t stepTx) UseOnlineCode(code int64, at time.Time) (int64, error) {
	row, err := t.Tx.UseOnlineCode(code, at)
	return row, t.after("used", err)
}

func (t stepTx) InsertOnlineCheck(c issuer.OnlineCheckRow) (int64, error) {
	id, err := t.Tx.InsertOnlineCheck(c)
	return id, t.after("listed", err)
}

func (t stepTx) SetAuditHead(from, to issuer.AuditHead) error {
	return t.after("audited", t.Tx.SetAuditHead(from, to))
}

// [ONL-09] When a step fails or panics nothing of the write remains: the code is as it was, and works once afterwards.
func TestOnlineFailureBetweenSteps(t *testing.T) {
	w := newOnline(t, 2)
	for i, fail := range []string{"begun", "used", "listed", "audited", "uncommitted"} {
		for _, panics := range []bool{false, true}[:1+i%2] {
			at := testTime.Add(time.Duration(2*i) * issuer.OnlineLife)
			if panics {
				at = at.Add(issuer.OnlineLife)
			}
			c := w.code(1, at)
			o := openOnline(t, stepStore{w.s, func(name string) error {
				if name != fail {
					return nil
				}
				if panics {
					panic(name)
				}
				return errOff
			}})
			ref, err := o.Parse(c.Link())
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() {
					if r := recover(); (r != nil) != panics {
						t.Errorf("%s: panic %v", fail, r)
					}
				}()
				if a, err := o.Check(ctx, ref, guard, issuer.OnlineFull, at); !errors.Is(err, errOff) || a != (issuer.OnlineAnswer{}) {
					t.Errorf("%s: %s, %v", fail, a.Reason, err)
				}
			}()
			if w.used(c.Number) != 0 {
				t.Errorf("%s: the code was used", fail)
			}
			w.want(fail+", once", w.ask(c.Link(), guard, issuer.OnlineFull, at), issuer.OnlineOK)
			w.want(fail+", twice", w.ask(c.Link(), guard, issuer.OnlineFull, at), issuer.OnlineUsed)
		}
	}
	// Making: the older code stays good when the newer one was not made.
	for _, fail := range []string{"begun", "replaced", "made", "audited", "uncommitted"} {
		at := testTime.Add(day)
		c := w.code(2, at)
		o := openOnline(t, stepStore{w.s, func(name string) error {
			if name == fail {
				return errOff
			}
			return nil
		}})
		if fresh, err := o.Issue(ctx, 2, at); !errors.Is(err, errOff) || fresh != nil {
			t.Errorf("%s: %v, %v", fail, fresh, err)
		}
		w.want(fail+", older code", w.ask(c.Link(), guard, issuer.OnlineFull, at), issuer.OnlineOK)
	}
	w.check()
}

// [ONL-01] Digits that another code has are drawn again, and not for ever.
func TestOnlineDigitsAreDrawnAgain(t *testing.T) {
	w := newOnline(t, 1)
	for fails, want := range []error{nil, nil, nil, issuer.ErrConflict} {
		at, n := testTime.Add(time.Duration(fails)*issuer.OnlineLife), 0
		o := openOnline(t, stepStore{w.s, func(name string) error {
			if name != "made" {
				return nil
			}
			if n++; n <= fails {
				return fmt.Errorf("digits of another: %w", issuer.ErrConflict)
			}
			return nil
		}})
		if fails > 0 {
			o = openOnline(t, takenStore{w.s, &n, fails})
		}
		c, err := o.Issue(ctx, 1, at)
		if !errors.Is(err, want) || (c == nil) != (want != nil) {
			t.Errorf("%d taken: %v, %v", fails, c, err)
		}
		if c != nil {
			w.want("drawn again", w.ask(c.Digits(), guard, issuer.OnlineFull, at), issuer.OnlineOK)
		}
		if wantDraws := min(fails+1, 3); n != wantDraws {
			t.Errorf("%d taken: %d draws, want %d", fails, n, wantDraws)
		}
	}
	w.check()
}

// takenStore gives the first draws of a write the digits of another code.
type takenStore struct {
	issuer.Store
	n     *int
	fails int
}

func (s takenStore) Update(ctx context.Context, f func(issuer.Tx) error) error {
	return s.Store.Update(ctx, func(tx issuer.Tx) error { return f(takenTx{tx, s}) })
}

type takenTx struct {
	issuer.Tx
	s takenStore
}

func (t takenTx) InsertOnlineCode(c issuer.OnlineCodeRow) (int64, error) {
	*t.s.n++
	if *t.s.n > t.s.fails {
		return t.Tx.InsertOnlineCode(c)
	}
	// Another ID's code with these digits, for the time of this write.
	other := c
	other.Link, other.Use = [32]byte{byte(*t.s.n)}, issuer.OnlineReplaced
	if _, err := t.Tx.InsertOnlineCode(other); err != nil {
		return 0, err
	}
	return t.Tx.InsertOnlineCode(c)
}

// killKey is the data key of the stores that are shared with a process to be killed.
var killKey = store.DataKey{31: 1}

// TestMain runs the tests, or the process that TestOnlineKill kills.
func TestMain(m *testing.M) {
	if path := os.Getenv("POSVID_ONLINE_STORE"); path != "" {
		if err := onlineWorker(path, os.Getenv("POSVID_ONLINE_STEP")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// onlineWorker asks with each code of its input and kills itself at a step.
func onlineWorker(path, step string) error {
	sealer, err := store.NewSealer(killKey)
	if err != nil {
		return err
	}
	s, err := store.Open(path, store.Options{Sealer: sealer, Readers: 1})
	if err != nil {
		return err
	}
	o, err := issuer.OpenOnline(ctx, stepStore{s, func(name string) error {
		if name != step {
			return nil
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Kill(); err != nil {
			return err
		}
		select {} // the signal ends every thread; nothing runs beyond this line
	}}, issuer.OnlineConfig{Host: onlineHost})
	if err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		ref, err := o.Parse(in.Text())
		if err != nil {
			return err
		}
		a, err := o.Check(ctx, ref, guard, issuer.OnlineFull, testTime)
		if err != nil {
			return err
		}
		fmt.Printf("answer %s\n", a.Reason)
	}
	return in.Err()
}

// [ONL-09] A process killed between any two steps leaves each code used or unused: what it had answered is used, and no code
// works twice when the file is opened again.
func TestOnlineKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGKILL")
	}
	sealer, err := store.NewSealer(killKey)
	if err != nil {
		t.Fatal(err)
	}
	w := &online{world: newWorld(t, 0)}
	w.must(w.s.Close())
	w.path, w.sealer = filepath.Join(t.TempDir(), "kill.db"), sealer
	w.openStore(store.Options{})
	w.must(issuer.Create(ctx, w.s, issuer.BodyRow{EDRPOU: testBody, Name: "Тестове міністерство", Created: testTime}))
	w.openBody()
	steps := []string{"begun", "used", "listed", "audited", "uncommitted", "committed", ""}
	if w.ids, err = store.Populate(ctx, w.s, testBody, 0, 2*len(steps), testTime, store.NewHolder); err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.Issue(ctx, testTime, w.ids...); err != nil {
		t.Fatal(err)
	}
	for i, step := range steps {
		w.o = openOnline(t, w.s)
		c := w.code(int64(2*i+1), testTime)
		second := w.code(int64(2*i+2), testTime)
		w.must(w.s.Close())
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "POSVID_ONLINE_STORE="+w.path, "POSVID_ONLINE_STEP="+step)
		cmd.Stdin = strings.NewReader(c.Link() + "\n" + second.Digits() + "\n")
		out, err := cmd.Output()
		answers := strings.Count(string(out), "answer ok")
		if killed := err != nil; killed != (step != "") || step != "" && answers != 0 || step == "" && answers != 2 {
			t.Fatalf("step %q: %v, %s", step, err, out)
		}
		w.openStore(store.Options{})
		w.openBody()
		w.o = openOnline(t, w.s)
		durable := step == "committed" || step == ""
		if used := w.used(c.Number) == 1; used != durable {
			t.Errorf("step %q: used is %t, want %t", step, used, durable)
		}
		first := issuer.OnlineOK
		if durable {
			first = issuer.OnlineUsed
		}
		w.want(step+", opened again", w.ask(c.Digits(), guard, issuer.OnlineFull, testTime), first)
		w.want(step+", once more", w.ask(c.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineUsed)
		if n := w.count1(fmt.Sprintf("SELECT count(*) FROM online_checks WHERE code = %d", c.Number)); n != 1 {
			t.Errorf("step %q: %d checks of one code", step, n)
		}
		w.check()
	}
	if _, err := w.b.VerifyAudit(ctx, nil, nil); err != nil {
		t.Error(err)
	}
}
