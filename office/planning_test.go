package office_test

import (
	"context"
	"errors"
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
	return p
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
