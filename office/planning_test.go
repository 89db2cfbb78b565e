package office_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/store"
)

var (
	boss   = office.Member{Seat: office.Seat{Body: "99000011", Post: 2}, Surname: "Ґудзь", Given: "Мар'яна", Email: "gudz@model.gov.ua"}
	worker = office.Member{Seat: office.Seat{Body: "99000011", Post: 1}, Surname: "Вигаданець", Given: "Зразок", Email: "v@model.gov.ua"}
	third  = office.Member{Seat: office.Seat{Body: "99000028", Post: 7}, Surname: "Згурський", Given: "Юрій"}
)

func planner(t testing.TB) *office.Planner {
	t.Helper()
	p, _ := plannerOver(t)
	return p
}

// plannerOver is a planner and its tables.
func plannerOver(t testing.TB) (*office.Planner, office.Store) {
	t.Helper()
	sealer, err := store.NewSealer(store.NewDataKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenService(filepath.Join(t.TempDir(), "service.db"), store.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p, err := office.OpenPlanner(context.Background(), s.Office())
	if err != nil {
		t.Fatal(err)
	}
	return p, s.Office()
}

// ics writes lines as a client does.
func ics(lines ...string) []byte {
	return []byte("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//UK\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VCALENDAR\r\n")
}

func vevent(uid string, lines ...string) []byte {
	return ics(append(append([]string{"BEGIN:VEVENT", "UID:" + uid, "DTSTAMP:20261120T080000Z"}, lines...), "END:VEVENT")...)
}

func vtodo(uid string, lines ...string) []byte {
	return ics(append(append([]string{"BEGIN:VTODO", "UID:" + uid, "DTSTAMP:20261120T080000Z"}, lines...), "END:VTODO")...)
}

func condition(err error) string {
	var e *office.CalendarError
	if errors.As(err, &e) {
		return e.Condition
	}
	return ""
}

func TestPlannerObjects(t *testing.T) {
	p, ctx := planner(t), context.Background()
	data := vevent("a", "DTSTART;TZID=Europe/Kyiv:20261120T100000", "SUMMARY:Нарада", "X-UNKNOWN;A=b:кожен  байт")
	o, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", data, office.PutCondition{IfNoneMatch: "*"}, began)
	if err != nil || string(o.Data) != string(data) || o.UID != "a" || o.Seq != 1 || o.Adjusted {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", data, office.PutCondition{IfNoneMatch: "*"}, began); !errors.Is(err, office.ErrChanged) {
		t.Errorf("made over another: %v", err)
	}
	second := vevent("a", "DTSTART;TZID=Europe/Kyiv:20261120T110000", "SUMMARY:Нарада")
	o2, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", second, office.PutCondition{IfMatch: `"` + o.ETag + `"`}, began.Add(time.Minute))
	if err != nil || o2.ETag == o.ETag || o2.Seq != 2 {
		t.Fatalf("%+v, %v", o2, err)
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", data, office.PutCondition{IfMatch: `"` + o.ETag + `"`}, began); !errors.Is(err, office.ErrChanged) {
		t.Errorf("second writer: %v", err)
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "b.ics", data, office.PutCondition{}, began); condition(err) != "no-uid-conflict" {
		t.Errorf("same UID: %v", err)
	}
	if _, err := p.Object(ctx, worker.Seat, office.Day, "a.ics"); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("another's: %v", err)
	}
	changed, gone, seq, err := p.Changes(ctx, boss.Seat, office.Day, 0, 0)
	if err != nil || len(changed) != 1 || len(gone) != 0 || seq != 2 {
		t.Errorf("%v %v %d %v", changed, gone, seq, err)
	}
	if err := p.Delete(ctx, boss.Seat, office.Day, "a.ics", office.PutCondition{IfMatch: o.ETag}, began); !errors.Is(err, office.ErrChanged) {
		t.Errorf("deleted what was changed: %v", err)
	}
	if err := p.Delete(ctx, boss.Seat, office.Day, "a.ics", office.PutCondition{IfMatch: o2.ETag}, began); err != nil {
		t.Error(err)
	}
	changed, gone, seq, err = p.Changes(ctx, boss.Seat, office.Day, 2, 10)
	if err != nil || len(changed) != 0 || len(gone) != 1 || gone[0] != "a.ics" || seq != 3 {
		t.Errorf("%v %v %d %v", changed, gone, seq, err)
	}
	for _, after := range []int64{-1, 4} {
		if _, _, _, err := p.Changes(ctx, boss.Seat, office.Day, after, 0); !errors.Is(err, office.ErrOldToken) {
			t.Errorf("after %d: %v", after, err)
		}
	}
}

func state(t *testing.T, p *office.Planner, seat office.Seat, id int64) office.Task {
	t.Helper()
	got, err := p.Task(context.Background(), seat, id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGivenTask(t *testing.T) {
	p, ctx := planner(t), context.Background()
	id, err := p.Give(ctx, boss, worker, office.Draft{Summary: "Підготувати довідку", Description: "до п'ятниці;\nстисло, ясно", Due: began.AddDate(0, 0, 2)}, began)
	if err != nil {
		t.Fatal(err)
	}
	mine := state(t, p, worker.Seat, id)
	if mine.Role != office.TaskAssignee || mine.State != office.TaskNew || mine.Description != "до п'ятниці;\nстисло, ясно" {
		t.Fatalf("%+v", mine)
	}
	if _, err := p.Task(ctx, third.Seat, id); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	for _, wrong := range []struct {
		by office.Seat
		to office.TaskState
	}{{boss.Seat, office.TaskPrepared}, {boss.Seat, office.TaskAgreed}, {worker.Seat, office.TaskAgreed}, {worker.Seat, office.TaskAcquainted}} {
		if err := p.Move(ctx, wrong.by, id, "", wrong.to, began); !office.IsTaskStep(err) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	for i, step := range []struct {
		by office.Seat
		to office.TaskState
	}{{worker.Seat, office.TaskPrepared}, {boss.Seat, office.TaskNew}, {worker.Seat, office.TaskPrepared}, {boss.Seat, office.TaskAgreed}, {worker.Seat, office.TaskAcquainted}} {
		if err := p.Move(ctx, step.by, id, state(t, p, step.by, id).ETag, step.to, began.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatalf("%v: %v", step, err)
		}
		a, b := state(t, p, boss.Seat, id), state(t, p, worker.Seat, id)
		if a.State != step.to || b.State != step.to {
			t.Fatalf("%v %v", a.State, b.State)
		}
	}
	steps, err := p.History(ctx, worker.Seat, id)
	if err != nil || len(steps) != 6 || steps[5].State != office.TaskAcquainted || steps[5].By != worker.Seat {
		t.Errorf("%v %v", steps, err)
	}
}

// OPL-03: what a person wrote, and what his programs called it, lies sealed.
func TestPlanningSealed(t *testing.T) {
	sealer, err := store.NewSealer(store.NewDataKey())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "service.db")
	s, err := store.OpenService(file, store.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	p, err := office.OpenPlanner(context.Background(), s.Office())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := p.Put(ctx, boss.Seat, office.Day, "NAMEXX.ics", vevent("UIDXX", "DTSTART:20261120T100000Z", "SUMMARY:SUMMARYXX", "LOCATION:PLACEXX"), office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Give(ctx, boss, worker, office.Draft{Summary: "TASKXX", Description: "TEXTXX"}, began); err != nil {
		t.Fatal(err)
	}
	secret, err := p.MakeFeed(ctx, boss.Seat, true, began)
	if err != nil || len(secret) != 32 {
		t.Fatal(secret, err)
	}
	if f, err := p.OpenFeed(ctx, secret, began); err != nil || f.Seat != boss.Seat {
		t.Fatal(f, err)
	}
	s.Close()
	files, err := filepath.Glob(file + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"XX", secret, "model.gov.ua", "VEVENT"} {
			if strings.Contains(string(raw), text) {
				t.Errorf("%s lies open in %s", text, filepath.Base(name))
			}
		}
	}
}

// OPL-13: numbers of changes, page by page, and what was deleted long ago.
func TestPlanningChanges(t *testing.T) {
	p, ctx := planner(t), context.Background()
	for i := range 5 {
		if _, err := p.Put(ctx, boss.Seat, office.Day, string(rune('a'+i)), vevent(string(rune('a'+i)), "DTSTART:20261120T100000Z"), office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b", "d"} {
		if err := p.Delete(ctx, boss.Seat, office.Day, name, office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	var after int64 = 1
	for range 10 {
		changed, gone, seq, err := p.Changes(ctx, boss.Seat, office.Day, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range changed {
			names = append(names, "+"+o.Name)
		}
		for _, n := range gone {
			names = append(names, "-"+n)
		}
		if seq == after {
			break
		}
		after = seq
	}
	if got := strings.Join(names, " "); got != "+c +e -b -d" || after != 7 {
		t.Errorf("%s until %d", got, after)
	}
	if changed, gone, _, err := p.Changes(ctx, boss.Seat, office.Day, 0, 0); err != nil || len(changed) != 3 || len(gone) != 0 {
		t.Errorf("from the beginning: %d, %v, %v", len(changed), gone, err)
	}
	if err := p.Prune(ctx, began.AddDate(2, 0, 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := p.Changes(ctx, boss.Seat, office.Day, 5, 0); !errors.Is(err, office.ErrOldToken) {
		t.Errorf("a client that was away for two years: %v", err)
	}
	if _, _, seq, err := p.Changes(ctx, boss.Seat, office.Day, 7, 0); err != nil || seq != 7 {
		t.Errorf("one that saw everything: %d %v", seq, err)
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "b", vevent("b", "DTSTART:20261120T100000Z"), office.PutCondition{IfNoneMatch: "*"}, began); err != nil {
		t.Errorf("made again: %v", err)
	}
	if err := p.Forget(ctx, boss.Seat); err != nil {
		t.Fatal(err)
	}
	if list, err := p.List(ctx, boss.Seat, office.Day); err != nil || len(list) != 0 {
		t.Errorf("forgotten, but there: %v %v", list, err)
	}
}

// OPL-14: lists of a collection hold no data, of which there may be 32 MiB; with or without, the tag is the object's.
func TestListsHoldNoData(t *testing.T) {
	p, ctx := planner(t), context.Background()
	for _, name := range []string{"a", "b"} {
		if _, err := p.Put(ctx, boss.Seat, office.Day, name, vevent(name, "DTSTART:20261120T100000Z"), office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	list, err := p.List(ctx, boss.Seat, office.Day)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	changed, _, _, err := p.Changes(ctx, boss.Seat, office.Day, 0, 0)
	if err != nil || len(changed) != 2 {
		t.Fatal(changed, err)
	}
	for _, o := range append(list, changed...) {
		whole, err := p.Object(ctx, boss.Seat, office.Day, o.Name)
		if err != nil || o.Data != nil || len(whole.Data) == 0 || o.ETag != whole.ETag || o.Seq != whole.Seq || !o.Modified.Equal(whole.Modified) {
			t.Errorf("%+v, %+v, %v", o, whole, err)
		}
	}
}

// OPL-52: the address that says only when somebody is busy says it in every line of every object, and nothing else.
func TestBusyFeed(t *testing.T) {
	p, ctx := planner(t), context.Background()
	zone := func(id, offset string) []string {
		return []string{"BEGIN:VTIMEZONE", "TZID:" + id, "COMMENT:SECRET", "X-A:SECRET", "BEGIN:STANDARD", "DTSTART;X-A=SECRET:19700101T000000", "TZNAME:SECRET", "TZOFFSETFROM:" + offset, "TZOFFSETTO:" + offset,
			"X-A:SECRET", "END:STANDARD", "END:VTIMEZONE"}
	}
	lines := append(zone("SECRET one", "+0500"), zone("SECRET two", "+0700")...)
	lines = append(lines, "BEGIN:VEVENT", "UID:SECRET", "DTSTAMP:SECRET", "DTSTART;TZID=SECRET one;X-A=SECRET:20261120T100000", "DTEND;TZID=SECRET two;VALUE=DATE-TIME:20261120T130000", "SUMMARY:SECRET", "LOCATION:SECRET",
		"ATTENDEE:mailto:SECRET", "ATTACH:SECRET", "URL:SECRET", "CLASS:PRIVATE", "TRANSP:SECRET", "SEQUENCE:SECRET", "STATUS;X-A=SECRET:CONFIRMED", "RRULE;X-A=SECRET:FREQ=DAILY;COUNT=2",
		"RDATE;VALUE=PERIOD:20261129T080000Z/SECRET", "EXDATE;X-A=SECRET:20261130T080000Z", "BEGIN:VALARM", "DESCRIPTION:SECRET", "END:VALARM", "END:VEVENT")
	for name, data := range map[string][]byte{"a": ics(lines...), "b": vevent("SECRET b", "DTSTART;TZID=/SECRET/Europe/Kyiv:20261120T100000", "DURATION;VALUE=SECRET:PT1H", "SUMMARY:SECRET"),
		"c": vevent("SECRET c", "DTSTART;VALUE=DATE:20261120", "SUMMARY:SECRET")} {
		if _, err := p.Put(ctx, boss.Seat, office.Day, name, data, office.PutCondition{}, began); err != nil {
			t.Fatal(name, err)
		}
	}
	data, err := p.FeedData(ctx, office.Feed{Seat: boss.Seat}, "en", began)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if strings.Contains(text, "SECRET") {
		t.Errorf("it says more: %s", text)
	}
	for want, n := range map[string]int{"BEGIN:VEVENT": 3, "BEGIN:VTIMEZONE": 2, "SUMMARY:busy": 3, "TZID:zone\r\n": 1, "TZID:zone 2\r\n": 1, `DTSTART;TZID=zone:20261120T100000`: 1, `DTEND;TZID="zone 2";VALUE=DATE-TIME:20261120T130000`: 1,
		"RRULE:FREQ=DAILY;COUNT=2": 1, "STATUS:CONFIRMED": 1, "DTSTAMP:": 3, "UID:": 3, "DTSTART;VALUE=DATE:20261120": 1, `DTSTART;TZID=Europe/K`: 1, "DURATION:PT1H\r\nUID:": 1} {
		if got := strings.Count(text, want); got != n {
			t.Errorf("%q %d times, want %d: %s", want, got, n, text)
		}
	}
}

// OPL-13, OPL-48: deletions and steps that are remembered are bounded, so that one client fills no disk.
func TestPlanningRemembersSoMuch(t *testing.T) {
	p, tables := plannerOver(t)
	ctx := context.Background()
	o, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", vevent("a", "DTSTART:20261120T100000Z"), office.PutCondition{}, began)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := given(t, p)
	if err := tables.Update(ctx, func(tx office.Tx) error { // as if it had been done so often
		for _, q := range []string{
			"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10499) INSERT INTO office_objects (seat, collection, mark, uid, seq, gone, name, etag, size, modified) " +
				"SELECT '99000011-2', 'day', randomblob(32), randomblob(32), i, 1, x'', '', 0, 0 FROM n",
			"UPDATE office_collections SET seq = 10499 WHERE seat = '99000011-2' AND collection = 'day'",
			"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO office_task_steps (task, n, at, seat, state) SELECT 1, i, 0, '99000011-1', 1 FROM n",
		} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(ctx, boss.Seat, office.Day, "a.ics", office.PutCondition{IfMatch: o.ETag}, began); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := tables.View(ctx, func(tx office.Tx) error {
		return tx.Row("SELECT count(*) FROM office_objects WHERE gone = 1", nil, &n)
	}); err != nil || n != 10_000 {
		t.Errorf("%d deletions are remembered, %v", n, err)
	}
	if _, _, _, err := p.Changes(ctx, boss.Seat, office.Day, 100, 1); !errors.Is(err, office.ErrOldToken) {
		t.Errorf("a number from before what is forgotten: %v", err)
	}
	if changed, gone, seq, err := p.Changes(ctx, boss.Seat, office.Day, 10_499, 0); err != nil || len(changed) != 0 || len(gone) != 1 || seq != 10_500 {
		t.Errorf("the last deletion: %v %v %d %v", changed, gone, seq, err)
	}
	for _, to := range []office.TaskState{office.TaskPrepared, office.TaskNew} {
		if err := p.Move(ctx, worker.Seat, id, "", to, began); err != nil {
			t.Fatal(err)
		}
	}
	if steps, err := p.History(ctx, worker.Seat, id); err != nil || len(steps) != 1000 || steps[999].State != office.TaskNew {
		t.Errorf("%d steps, %v", len(steps), err)
	}
}

// OPL-05, OPL-06: what becomes of the calendars, addresses and tasks of somebody who leaves.
func TestLeaver(t *testing.T) {
	p, ctx := planner(t), context.Background()
	day := func(n int) time.Time { return began.AddDate(0, 0, n) }
	id, name := given(t, p)
	passed, err := p.Give(ctx, boss, worker, office.Draft{Summary: "Інше"}, began)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := p.Give(ctx, worker, boss, office.Draft{Summary: "Йому"}, began)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", vevent("a", "DTSTART:20261120T100000Z"), office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	secret, err := p.MakeFeed(ctx, boss.Seat, true, began)
	if err != nil {
		t.Fatal(err)
	}
	_, _, token, err := p.Changes(ctx, boss.Seat, office.Day, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	leave := func(n int) {
		t.Helper()
		if err := p.Leave(ctx, boss.Seat, day(n)); err != nil {
			t.Fatal(err)
		}
	}
	events := func() int {
		t.Helper()
		list, err := p.List(ctx, boss.Seat, office.Day)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}

	leave(1)
	if _, err := p.OpenFeed(ctx, secret, day(1)); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("the address of somebody who has left: %v", err)
	}
	if now := state(t, p, worker.Seat, id); now.Role != office.TaskOwner || len(now.Steps()) != 3 {
		t.Errorf("a task whose giver has left: %+v", now)
	}
	leave(90)
	if events() != 1 {
		t.Error("forgotten before the term")
	}
	if err := p.Return(ctx, boss.Seat); err != nil {
		t.Fatal(err)
	}
	if now := state(t, p, worker.Seat, id); now.Role != office.TaskAssignee {
		t.Errorf("the giver is back: %+v", now)
	}
	if _, err := p.OpenFeed(ctx, secret, day(1)); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("an address came back: %v", err)
	}

	leave(200) // the term begins anew
	leave(289)
	if events() != 1 {
		t.Error("forgotten before the second term")
	}
	if err := p.Reassign(ctx, worker, third, passed, "", day(289)); err != nil {
		t.Fatalf("given on: %v", err)
	}
	if now := state(t, p, worker.Seat, passed); now.Role != office.TaskGiver || now.Giver != worker.Seat || now.Assignee != third.Seat {
		t.Errorf("given on: %+v", now)
	}
	leave(290)
	seats, err := p.Seats(ctx)
	if err != nil || len(seats) != 2 || events() != 0 {
		t.Errorf("after the term: %v, %v, %d events", seats, err, events())
	}
	if _, err := p.Task(ctx, boss.Seat, id); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("his task: %v", err)
	}
	if now := state(t, p, worker.Seat, id); now.Role != office.TaskOwner || now.Giver != worker.Seat || now.Summary == "" {
		t.Errorf("the task he gave: %+v", now)
	}
	if _, err := edit(t, p, worker.Seat, name, "STATUS:NEEDS-ACTION", "STATUS:COMPLETED"); err != nil {
		t.Errorf("it cannot be ended: %v", err)
	}
	if now := state(t, p, worker.Seat, mine); now.Role != office.TaskGiver {
		t.Errorf("the task he was given: %+v", now)
	}
	if err := p.Reassign(ctx, worker, third, mine, "", day(290)); err != nil {
		t.Errorf("it cannot be given to another: %v", err)
	}
	// Whoever comes to the seat finds nothing, and a program of before reads everything anew.
	for range 3 {
		if _, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", vevent("a", "DTSTART:20261120T100000Z"), office.PutCondition{}, day(291)); err != nil {
			t.Fatal(err)
		}
		if err := p.Delete(ctx, boss.Seat, office.Day, "a.ics", office.PutCondition{}, day(291)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, _, err := p.Changes(ctx, boss.Seat, office.Day, token, 0); !errors.Is(err, office.ErrOldToken) {
		t.Errorf("a number from before: %v", err)
	}
}

// OPL-52: one calendar of objects whose programs have zones of their own under one name.
func TestFeedZones(t *testing.T) {
	p, ctx := planner(t), context.Background()
	own := zoned("Мій час", "DTSTART;TZID=Мій час:20261120T100000", "SUMMARY:перша")
	other := []byte(strings.NewReplacer("+0200", "+0500", "+0300", "+0600", "UID:a", "UID:b", "перша", "друга").Replace(string(own)))
	third := []byte(strings.NewReplacer("UID:a", "UID:c", "перша", "третя").Replace(string(own)))
	for i, data := range [][]byte{own, other, third} {
		if _, err := p.Put(ctx, boss.Seat, office.Day, string(rune('a'+i)), data, office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Give(ctx, worker, boss, office.Draft{Summary: "Мені", Due: began}, began); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Give(ctx, boss, worker, office.Draft{Summary: "Йому", Due: began}, began); err != nil {
		t.Fatal(err)
	}
	data, err := p.FeedData(ctx, office.Feed{Seat: boss.Seat, Detail: true}, "uk", began)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for want, n := range map[string]int{"BEGIN:VTIMEZONE": 2, `TZID:Мій час` + "\r\n": 1, "TZID:Мій час 2\r\n": 1, `DTSTART;TZID="Мій час 2":20261120T100000`: 2, "DTSTART;TZID=Мій час:20261120T100000": 1,
		"BEGIN:VEVENT": 3, "BEGIN:VTODO": 1, "SUMMARY:Мені": 1, "BEGIN:VCALENDAR": 1} {
		if got := strings.Count(text, want); got != n {
			t.Errorf("%q %d times, want %d: %s", want, got, n, text)
		}
	}
}
