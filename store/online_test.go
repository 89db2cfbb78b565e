package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

const onlineHost = "id.example.gov.ua"

var guard = issuer.OnlineVerifier{ID: "council-17", Name: "Вартовий Іваненко", EDRPOU: "00849994", Body: "Тестова міська рада", Place: "вхід 2, вул. Тестова, 1"}

var passerby = issuer.OnlineVerifier{Source: "192.0.2.0/24"}

// online is a world with issued IDs (row n is the ID of entitlement n) and its one-time codes.
type online struct {
	*world
	o *issuer.Online
}

func newOnline(t testing.TB, people int, c ...issuer.OnlineConfig) *online {
	t.Helper()
	w := &online{world: newWorld(t, people)}
	res, err := w.b.Issue(ctx, testTime, w.ids...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if r.Err != nil || r.ID.ID != int64(i+1) {
			t.Fatalf("ID row %d: %v", r.ID.ID, r.Err)
		}
	}
	w.o = openOnline(t, w.s, c...)
	return w
}

func openOnline(t testing.TB, s issuer.Store, c ...issuer.OnlineConfig) *issuer.Online {
	t.Helper()
	c = append(c, issuer.OnlineConfig{Host: onlineHost})
	o, err := issuer.OpenOnline(ctx, s, c[0])
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *online) code(row int64, at time.Time) *issuer.OnlineCode {
	w.t.Helper()
	c, err := w.o.Issue(ctx, row, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *online) ask(text string, by issuer.OnlineVerifier, mode issuer.OnlineMode, at time.Time) issuer.OnlineAnswer {
	w.t.Helper()
	ref, err := w.o.Parse(text)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.o.Check(ctx, ref, by, mode, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *online) want(what string, a issuer.OnlineAnswer, reason issuer.OnlineReason) {
	w.t.Helper()
	if a.Reason != reason {
		w.t.Errorf("%s: %s, want %s", what, a.Reason, reason)
	}
	if a.Reason != issuer.OnlineOK && a.Holder != nil {
		w.t.Errorf("%s: %s tells who the person is", what, a.Reason)
	}
}

// used is what the file says of a code: 0 open, 1 used, 2 replaced.
func (w *world) used(number int64) int {
	w.t.Helper()
	return w.count1("SELECT used FROM online_codes WHERE id = " + strconv.FormatInt(number, 10))
}

// count1 is the one number that a query answers.
func (w *world) count1(q string) (n int) {
	w.t.Helper()
	db := w.sql()
	defer db.Close()
	if err := db.QueryRow(q).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// exec changes the file behind the program's back.
func (w *world) exec(q string, args ...any) error {
	w.t.Helper()
	db := w.sql()
	defer db.Close()
	_, err := db.Exec(q, args...)
	return err
}

// alter changes one row of the register.
func (w *world) alter(id int64, f func(*issuer.PostRow)) {
	w.t.Helper()
	w.update(func(tx issuer.Tx) error {
		p, err := tx.Post(id)
		if err != nil {
			return err
		}
		f(&p)
		return tx.UpdatePost(p)
	})
}

// [ONL-04] [ONL-08] [ONL-10] A code is one use in either form, and the answer is the register's of that moment.
func TestOnlineCode(t *testing.T) {
	w := newOnline(t, 2)
	c := w.code(1, testTime)
	if c.Expires.Sub(c.Made) != issuer.OnlineLife || !strings.HasPrefix(c.Link(), "https://"+onlineHost+"/documents/official-certificate/"+c.Document()+"/verify/") || len(c.Digits()) != 13 {
		t.Errorf("%s from %s to %s", c, c.Made, c.Expires)
	}
	// The register changes between the code and the check: the new post is shown.
	w.alter(1, func(p *issuer.PostRow) {
		p.Record.Position, p.Record.Unit = "начальник відділу", "Відділ 9"
	})
	at := testTime.Add(179 * time.Second)
	a := w.ask(c.Link(), guard, issuer.OnlineFull, at)
	w.want("link", a, issuer.OnlineOK)
	h := a.Holder
	if !a.Valid() || h == nil || a.Check == 0 || !a.AsOf.Equal(at) {
		t.Fatalf("answer %+v", a)
	}
	if h.Name != "Гончарук Тарас Григорович" || h.Position != "начальник відділу" || h.PositionEN != "senior investigator" || h.Unit != "Відділ 9" ||
		h.Number != "ДМ000000" || h.Category != "В" || h.Rank != 1 || h.EDRPOU != testBody || h.Body != "Тестове міністерство" || h.State != issuer.StateIssued ||
		h.PhotoHash == [20]byte{} || !h.ValidUntil.Equal(hr.DateInKyiv(testTime).AddDays(1200).End()) {
		t.Errorf("holder: %q %q %q %q %d %s", h.Name, h.Position, h.Unit, h.Number, h.Rank, h.ValidUntil)
	}
	w.want("link again", w.ask(c.Link(), guard, issuer.OnlineFull, at), issuer.OnlineUsed)
	w.want("its digits", w.ask(c.Digits(), guard, issuer.OnlineFull, at), issuer.OnlineUsed)

	c = w.code(2, testTime)
	w.want("digits", w.ask(c.Digits()[:1]+" "+c.Digits()[1:7]+" "+c.Digits()[7:], guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	w.want("its link", w.ask(c.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineUsed)

	// Yes or no tells nothing of the person, to a verifier and to a passer-by.
	c = w.code(2, testTime)
	if a := w.ask(c.Link(), guard, issuer.OnlineValidate, testTime); !a.Valid() || a.Holder != nil {
		t.Errorf("yes or no: %+v", a)
	}
	c = w.code(2, testTime)
	if a := w.ask(c.Link(), passerby, issuer.OnlineValidate, testTime); !a.Valid() || a.Holder != nil || a.Check != 0 {
		t.Errorf("passer-by: %+v", a)
	}
	// By serial as by row.
	id, err := w.b.Show(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = w.o.IssueSerial(ctx, id.Serial, testTime); err != nil {
		t.Fatal(err)
	}
	if a := w.ask(c.Link(), guard, issuer.OnlineFull, testTime); a.Holder == nil || a.Holder.Number != id.Number {
		t.Errorf("code by serial: %+v", a)
	}
	w.check()
}

// [ONL-04] The file holds keyed hashes of codes, no code and nobody who checked; without the data key nothing is made.
func TestOnlineKeptAsHashes(t *testing.T) {
	w := newOnline(t, 2)
	open, used := w.code(1, testTime), w.code(2, testTime)
	w.want("check", w.ask(used.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	w.want("passer-by", w.ask(open.Link()[:len(open.Link())-1]+map[bool]string{true: "1", false: "0"}[strings.HasSuffix(open.Link(), "0")], passerby, issuer.OnlineValidate, testTime), issuer.OnlineNotConfirmed)
	var secrets []string
	for _, c := range []*issuer.OnlineCode{open, used} {
		u := c.Link()[len(c.Link())-36:]
		var raw []byte
		for i := 0; i < len(u); i += 2 {
			if u[i] == '-' {
				i++
			}
			raw = append(raw, unhex(t, u[i:i+2]))
		}
		secrets = append(secrets, u, strings.ReplaceAll(u, "-", ""), string(raw), c.Digits(), c.Digits()[:12], c.Document())
	}
	secrets = append(secrets, guard.ID, guard.Name, guard.Body, guard.Place, guard.EDRPOU, passerby.Source)
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(w.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range secrets {
			if bytes.Contains(data, []byte(s)) {
				t.Errorf("file%s holds %q", suffix, s)
			}
		}
	}
	bare, err := store.Open(w.path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if _, err := issuer.OpenOnline(ctx, bare, issuer.OnlineConfig{Host: onlineHost}); !errors.Is(err, store.ErrNoSealer) {
		t.Errorf("without the data key: %v", err)
	}
	// Another data key knows none of the codes.
	other, err := store.Open(w.path, store.Options{Sealer: newSealer(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	o := openOnline(t, other)
	ref, err := o.Parse(open.Link())
	if err != nil {
		t.Fatal(err)
	}
	if a, err := o.Check(ctx, ref, guard, issuer.OnlineFull, testTime); err != nil || a.Reason != issuer.OnlineUnknown {
		t.Errorf("another data key: %s, %v", a.Reason, err)
	}
	if _, err := o.Checks(ctx, 2, 0, 10); !errors.Is(err, store.ErrSealed) {
		t.Errorf("another data key lists who checked: %v", err)
	}
}

func unhex(t *testing.T, s string) byte {
	t.Helper()
	var b byte
	for _, c := range []byte(s) {
		b = b<<4 | byte(strings.IndexByte("0123456789abcdef", c))
	}
	return b
}

// [ONL-01] A link is no handle on the person: nothing but the kind of document is common to two codes of one ID.
func TestOnlineCodesAreUnlinkable(t *testing.T) {
	w := newOnline(t, 1)
	a, b := w.code(1, testTime), w.code(1, testTime)
	if a.Document() == b.Document() || a.Digits() == b.Digits() || a.Link() == b.Link() {
		t.Errorf("two codes share a part: %s %s", a.Document(), b.Document())
	}
	// The parts of two codes do not make a third.
	mixed := strings.Replace(b.Link(), b.Document(), a.Document(), 1)
	w.want("mixed", w.ask(mixed, guard, issuer.OnlineFull, testTime), issuer.OnlineUnknown)
	w.want("whole", w.ask(b.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
}

// [ONL-07] A newer code ends the older one; the store keeps at most one open.
func TestOnlineNewerCodeEndsOlder(t *testing.T) {
	w := newOnline(t, 2)
	old, other, fresh := w.code(1, testTime), w.code(2, testTime), w.code(1, testTime.Add(time.Second))
	w.want("old link", w.ask(old.Link(), guard, issuer.OnlineFull, testTime.Add(2*time.Second)), issuer.OnlineExpired)
	w.want("old digits", w.ask(old.Digits(), guard, issuer.OnlineFull, testTime.Add(2*time.Second)), issuer.OnlineExpired)
	w.want("fresh", w.ask(fresh.Link(), guard, issuer.OnlineFull, testTime.Add(2*time.Second)), issuer.OnlineOK)
	w.want("another's", w.ask(other.Link(), guard, issuer.OnlineFull, testTime.Add(2*time.Second)), issuer.OnlineOK)
}

// [ONL-06] A code ends after 180 seconds; a clock that is set back opens nothing again.
func TestOnlineExpiry(t *testing.T) {
	w := newOnline(t, 3)
	c := w.code(1, testTime.Add(500*time.Millisecond))
	w.want("at the end", w.ask(c.Link(), guard, issuer.OnlineFull, testTime.Add(180*time.Second)), issuer.OnlineExpired)
	w.want("a day later", w.ask(c.Link(), guard, issuer.OnlineFull, testTime.Add(24*time.Hour)), issuer.OnlineExpired)
	w.want("digits at the end", w.ask(c.Digits(), guard, issuer.OnlineFull, testTime.Add(180*time.Second)), issuer.OnlineExpired)
	w.want("clock set back", w.ask(c.Link(), guard, issuer.OnlineFull, testTime.Add(-61*time.Second)), issuer.OnlineExpired)
	w.want("just in time", w.ask(c.Link(), guard, issuer.OnlineFull, testTime.Add(179*time.Second+999*time.Millisecond)), issuer.OnlineOK)
	c = w.code(2, testTime)
	w.want("machine a minute behind", w.ask(c.Link(), guard, issuer.OnlineFull, testTime.Add(-time.Minute)), issuer.OnlineOK)
	if _, err := w.o.Issue(ctx, 3, time.Unix(0, 0)); err == nil {
		t.Error("a code was made in 1970")
	}
	ref, err := w.o.Parse(c.Link())
	if err != nil {
		t.Fatal(err)
	}
	if a, err := w.o.Check(ctx, ref, guard, issuer.OnlineFull, time.Time{}); err == nil || a.Valid() {
		t.Errorf("a check at no time: %s, %v", a.Reason, err)
	}
}

// standings are changes after which the body no longer vouches for an ID, and what it says then.
var standings = []struct {
	name string
	do   func(w *online, row int64)
	at   time.Duration // of the check, after testTime
	want issuer.OnlineReason
}{
	{"suspended", func(w *online, row int64) {
		w.must(w.b.Suspend(ctx, row, check(issuer.GroundCheck, testTime)))
	}, 0, issuer.OnlineSuspended},
	{"revoked", func(w *online, row int64) {
		w.must(w.b.Revoke(ctx, row, check(issuer.GroundLoss, testTime)))
	}, 0, issuer.OnlineRevoked},
	{"suspended, then revoked", func(w *online, row int64) {
		w.must(w.b.Suspend(ctx, row, check(issuer.GroundCheck, testTime)))
		w.must(w.b.Revoke(ctx, row, byOrder(issuer.GroundDismissal, testTime)))
	}, 0, issuer.OnlineRevoked},
	{"replaced", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Record.Position = "слідчий" })
		if r := w.issue(testTime.Add(time.Minute), row); r.ID.ID == row {
			w.t.Fatal("the ID was not replaced")
		}
	}, 2 * time.Minute, issuer.OnlineEnded},
	{"suspended by HR", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Status = hr.StatusSuspended })
	}, 0, issuer.OnlineSuspended},
	{"dismissed", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
	}, 0, issuer.OnlineEnded},
	{"plastic expired", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Record.Plastic.Expires = hr.DateInKyiv(testTime).AddDays(-1) })
	}, 0, issuer.OnlineIDExpired},
	{"employment ended", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Record.Until = hr.DateInKyiv(testTime).AddDays(-1) })
	}, 0, issuer.OnlineIDExpired},
	{"plastic record gone", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Record.Plastic = hr.Plastic{} })
	}, 0, issuer.OnlineEnded},
	{"photo gone", func(w *online, row int64) {
		w.alter(row, func(p *issuer.PostRow) { p.Record.PhotoSHA256 = hr.Hash{} })
	}, 0, issuer.OnlineEnded},
	{"wish withdrawn", func(w *online, row int64) {
		w.update(func(tx issuer.Tx) error {
			p, err := tx.Post(row)
			if err != nil {
				return err
			}
			return tx.EndEnrolment(p.Enrolment.ID, issuer.EnrolmentWithdrawn, testTime)
		})
	}, 0, issuer.OnlineEnded},
	{"another phone", func(w *online, row int64) {
		w.must(w.exec("UPDATE enrolments SET thumb = randomblob(32) WHERE entitlement = ?", row))
	}, 0, issuer.OnlineEnded},
	{"expired by the sweep", func(w *online, row int64) {
		w.update(func(tx issuer.Tx) error { return tx.SetIDState(row, issuer.StateIssued, issuer.StateExpired, testTime) })
	}, 0, issuer.OnlineIDExpired},
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// [ONL-10] [ONL-12] The state is read when the code is used: whatever happened since it was made counts, the code is used up
// by the question, and yes-or-no does not say why.
func TestOnlineStateIsReadAtTheCheck(t *testing.T) {
	w := newOnline(t, 3*len(standings)+2)
	row := int64(0)
	for _, s := range standings {
		for _, ask := range []struct {
			name string
			by   issuer.OnlineVerifier
			mode issuer.OnlineMode
			want issuer.OnlineReason
		}{
			{"full", guard, issuer.OnlineFull, s.want},
			{"yes or no", guard, issuer.OnlineValidate, issuer.OnlineNotValid},
			{"passer-by", passerby, issuer.OnlineValidate, issuer.OnlineNotConfirmed},
		} {
			row++
			c := w.code(row, testTime)
			s.do(w, row)
			at := testTime.Add(s.at)
			w.want(s.name+", "+ask.name, w.ask(c.Link(), ask.by, ask.mode, at), ask.want)
			w.want(s.name+", again", w.ask(c.Link(), guard, issuer.OnlineFull, at), issuer.OnlineUsed)
			checks, err := w.o.Checks(ctx, row, 0, 10)
			if err != nil || len(checks) != 1 || checks[0].Reason != s.want {
				t.Errorf("%s, %s: the holder sees %v, %v", s.name, ask.name, checks, err)
			}
		}
		if _, err := w.o.Issue(ctx, row, testTime.Add(s.at)); err == nil {
			t.Errorf("%s: a code was made", s.name)
		}
	}
	// What ends nothing: a row that waits for a mended file, and a suspension that was lifted.
	row++
	c := w.code(row, testTime)
	w.alter(row, func(p *issuer.PostRow) { p.Blocked = true })
	w.want("blocked", w.ask(c.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	row++
	c = w.code(row, testTime)
	w.must(w.b.Suspend(ctx, row, check(issuer.GroundCheck, testTime)))
	w.must(w.b.Resume(ctx, row, check(issuer.GroundReturn, testTime)))
	w.want("resumed", w.ask(c.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
	// The tokens ran out between the code and the check.
	last := testTime.Add(30*day - time.Minute)
	c = w.code(row, last)
	w.want("run out", w.ask(c.Link(), guard, issuer.OnlineFull, last.Add(time.Minute)), issuer.OnlineIDExpired)
	w.check()
}

// [ONL-07] Only an issued ID of somebody who still has the right gets codes, and not too many.
func TestOnlineIssueRefused(t *testing.T) {
	w := newOnline(t, 4)
	w.must(w.b.Suspend(ctx, 1, check(issuer.GroundCheck, testTime)))
	w.must(w.b.Revoke(ctx, 2, check(issuer.GroundLoss, testTime)))
	w.alter(3, func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
	for row, want := range map[int64]error{1: issuer.ErrSuspended, 2: issuer.ErrState, 3: issuer.ErrNotEntitled, 99: issuer.ErrNotFound, 0: issuer.ErrNotFound, -1: issuer.ErrNotFound} {
		if c, err := w.o.Issue(ctx, row, testTime); !errors.Is(err, want) || c != nil {
			t.Errorf("row %d: %v, want %v", row, err, want)
		}
	}
	if _, err := w.o.IssueSerial(ctx, issuer.Serial{1}, testTime); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("unknown serial: %v", err)
	}
	if _, err := w.o.Issue(ctx, 4, testTime.Add(31*day)); !errors.Is(err, issuer.ErrNotEntitled) {
		t.Errorf("tokens have run out: %v", err)
	}
	var last *issuer.OnlineCode
	for i := range issuer.OnlineMaxCodes {
		last = w.code(4, testTime.Add(time.Duration(i)*time.Second))
	}
	if _, err := w.o.Issue(ctx, 4, testTime.Add(20*time.Second)); !errors.Is(err, issuer.ErrOnlineMany) {
		t.Errorf("one too many: %v", err)
	}
	w.want("the last one", w.ask(last.Link(), guard, issuer.OnlineFull, testTime.Add(20*time.Second)), issuer.OnlineOK)
	w.code(4, testTime.Add(issuer.OnlineLife))
	for _, bad := range []issuer.OnlineConfig{{}, {Host: "ID.ua"}, {Host: "a/b"}} {
		if _, err := issuer.OpenOnline(ctx, w.s, bad); err == nil {
			t.Errorf("host %q was taken", bad.Host)
		}
	}
	if _, err := issuer.OpenOnline(ctx, nil, issuer.OnlineConfig{Host: onlineHost}); err == nil {
		t.Error("no store was taken")
	}
}

// [ONL-11] A verifier gets a distinct answer for each cause; everybody else gets one and the same.
func TestOnlineAnswers(t *testing.T) {
	w := newOnline(t, 16, issuer.OnlineConfig{Host: onlineHost, PublicDigits: true})
	at := testTime.Add(time.Minute)
	for i, by := range []issuer.OnlineVerifier{guard, passerby} {
		row := int64(8*i + 1)
		never := w.code(row, testTime) // a code of nobody: its row is forgotten
		w.must(w.exec("DELETE FROM online_codes WHERE id = ?", never.Number))
		used, replaced, other, suspended, revoked := w.code(row+1, testTime), w.code(row+2, testTime), w.code(row+3, testTime), w.code(row+4, testTime), w.code(row+5, testTime)
		digits, old := w.code(row+6, testTime), w.code(row+7, testTime.Add(-3*time.Minute))
		w.want("use", w.ask(used.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
		w.code(row+2, testTime)
		w.must(w.b.Suspend(ctx, row+4, check(issuer.GroundCheck, testTime)))
		w.must(w.b.Revoke(ctx, row+5, check(issuer.GroundLoss, testTime)))
		w.must(w.b.Suspend(ctx, row+6, check(issuer.GroundCheck, testTime)))
		for _, c := range []struct {
			name, text string
			want       issuer.OnlineReason
		}{
			{"unknown", never.Link(), issuer.OnlineUnknown},
			{"unknown digits", never.Digits(), issuer.OnlineUnknown},
			{"used", used.Link(), issuer.OnlineUsed},
			{"used digits", used.Digits(), issuer.OnlineUsed},
			{"replaced", replaced.Link(), issuer.OnlineExpired},
			{"expired", old.Link(), issuer.OnlineExpired},
			{"wrong type", strings.Replace(other.Link(), issuer.OnlineType, "driver-license", 1), issuer.OnlineWrongType},
			{"wrong type of nothing", strings.Replace(never.Link(), issuer.OnlineType, "driver-license", 1), issuer.OnlineUnknown},
			{"suspended", suspended.Link(), issuer.OnlineSuspended},
			{"revoked", revoked.Link(), issuer.OnlineRevoked},
			{"suspended, digits", digits.Digits(), issuer.OnlineSuspended},
		} {
			mode, want := issuer.OnlineFull, c.want
			if by.ID == "" {
				mode, want = issuer.OnlineValidate, issuer.OnlineNotConfirmed
			}
			a := w.ask(c.text, by, mode, at)
			w.want(c.name, a, want)
			if one := (issuer.OnlineAnswer{Reason: issuer.OnlineNotConfirmed, AsOf: at}); by.ID == "" && !reflect.DeepEqual(a, one) {
				t.Errorf("%s: a passer-by is told %+v", c.name, a)
			}
		}
		// A wrong type did not use the code up.
		w.want("right type", w.ask(other.Link(), guard, issuer.OnlineFull, at), issuer.OnlineOK)
	}
	// Digits are for verifiers, unless it is configured otherwise.
	closed := openOnline(t, w.s)
	c := w.code(1, at)
	ref, err := closed.Parse(c.Digits())
	if err != nil {
		t.Fatal(err)
	}
	if a, err := closed.Check(ctx, ref, passerby, issuer.OnlineValidate, at); err != nil || a.Reason != issuer.OnlineNotConfirmed {
		t.Errorf("digits from a passer-by: %s, %v", a.Reason, err)
	}
	w.want("still open", w.ask(c.Digits(), passerby, issuer.OnlineValidate, at), issuer.OnlineOK)
}

// [ONL-12] Who asks must be described, and only verifiers are told who the person is; a refused question uses nothing up.
func TestOnlineAskers(t *testing.T) {
	w := newOnline(t, 1)
	c := w.code(1, testTime)
	ref, err := w.o.Parse(c.Link())
	if err != nil {
		t.Fatal(err)
	}
	with := func(f func(*issuer.OnlineVerifier)) issuer.OnlineVerifier {
		v := guard
		f(&v)
		return v
	}
	for name, q := range map[string]struct {
		ref  issuer.OnlineRef
		by   issuer.OnlineVerifier
		mode issuer.OnlineMode
		want error
	}{
		"nobody":                {ref, issuer.OnlineVerifier{}, issuer.OnlineValidate, issuer.ErrOnlineVerifier},
		"passer-by wants all":   {ref, passerby, issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"passer-by with a name": {ref, issuer.OnlineVerifier{Source: "x", Name: "Вартовий"}, issuer.OnlineValidate, issuer.ErrOnlineVerifier},
		"passer-by with a body": {ref, issuer.OnlineVerifier{Source: "x", EDRPOU: "00849994"}, issuer.OnlineValidate, issuer.ErrOnlineVerifier},
		"no name":               {ref, with(func(v *issuer.OnlineVerifier) { v.Name = "" }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"no body":               {ref, with(func(v *issuer.OnlineVerifier) { v.Body = "" }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"no place":              {ref, with(func(v *issuer.OnlineVerifier) { v.Place = "" }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"bad ЄДРПОУ":            {ref, with(func(v *issuer.OnlineVerifier) { v.EDRPOU = "1234567" }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"long place":            {ref, with(func(v *issuer.OnlineVerifier) { v.Place = strings.Repeat("і", 101) }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"control character":     {ref, with(func(v *issuer.OnlineVerifier) { v.Name = "а\nб" }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"broken UTF-8":          {ref, with(func(v *issuer.OnlineVerifier) { v.Body = "\xff" }), issuer.OnlineFull, issuer.ErrOnlineVerifier},
		"no mode":               {ref, guard, 0, issuer.ErrOnlineVerifier},
		"unknown mode":          {ref, guard, 3, issuer.ErrOnlineVerifier},
		"no code":               {issuer.OnlineRef{}, guard, issuer.OnlineFull, issuer.ErrOnlineText},
	} {
		a, err := w.o.Check(ctx, q.ref, q.by, q.mode, testTime)
		if !errors.Is(err, q.want) || a.Valid() || a.Reason.Verdict() != "refuse" {
			t.Errorf("%s: %s, %v", name, a.Reason, err)
		}
	}
	if w.used(c.Number) != 0 {
		t.Error("a refused question used the code up")
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if a, err := w.o.Check(done, ref, guard, issuer.OnlineFull, testTime); !errors.Is(err, context.Canceled) || a.Valid() {
		t.Errorf("cancelled: %s, %v", a.Reason, err)
	}
	w.want("asked well", w.ask(c.Link(), guard, issuer.OnlineFull, testTime), issuer.OnlineOK)
}

// sql opens the file behind the program's back.
func (w *world) sql() *sql.DB {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	return db
}
