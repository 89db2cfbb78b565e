package office_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/office"
)

// given is a task from boss to worker, and the name of its object.
func given(t *testing.T, p *office.Planner) (int64, string) {
	t.Helper()
	id, err := p.Give(context.Background(), boss, worker, office.Draft{Summary: "Довідка, стисло; ясно", Description: "рядок\nще один", Due: began.AddDate(0, 0, 2), DueDate: true}, began)
	if err != nil {
		t.Fatal(err)
	}
	return id, state(t, p, worker.Seat, id).Name
}

// edit changes an object as a program does: it reads, replaces lines, and writes with If-Match.
func edit(t *testing.T, p *office.Planner, seat office.Seat, name string, pairs ...string) (office.Object, error) {
	t.Helper()
	o, err := p.Object(context.Background(), seat, office.Tasks, name)
	if err != nil {
		t.Fatal(err)
	}
	data := string(o.Data)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(data, pairs[i]) {
			t.Fatalf("%q is not in %s", pairs[i], data)
		}
		data = strings.Replace(data, pairs[i], pairs[i+1], 1)
	}
	return p.Put(context.Background(), seat, office.Tasks, name, []byte(data), office.PutCondition{IfMatch: `"` + o.ETag + `"`}, began.Add(time.Minute))
}

const done = "STATUS:COMPLETED\r\nCOMPLETED:20261120T100000Z\r\nPERCENT-COMPLETE:100\r\n"

// OPL-43: programs that know nothing of the four states move a task by what they have.
func TestForeignProgramMoves(t *testing.T) {
	p := planner(t)
	id, name := given(t, p)
	is := func(want office.TaskState) {
		t.Helper()
		a, b := state(t, p, boss.Seat, id), state(t, p, worker.Seat, id)
		if a.State != want || b.State != want || a.Cancelled {
			t.Fatalf("%v %v, want %v", a.State, b.State, want)
		}
	}
	// The assignee's “done” is his own step only, and the answer says that something else is stored.
	o, err := edit(t, p, worker.Seat, name, "STATUS:NEEDS-ACTION\r\nPERCENT-COMPLETE:0\r\n", done)
	if err != nil || !o.Adjusted || !bytes.Contains(o.Data, []byte("STATUS:IN-PROCESS\r\n")) || bytes.Contains(o.Data, []byte("COMPLETED:")) || !bytes.Contains(o.Data, []byte("X-POSVID-STATE:PREPARED\r\n")) {
		t.Fatalf("%s %v", o.Data, err)
	}
	is(office.TaskPrepared)
	if _, err := edit(t, p, worker.Seat, name, "STATUS:IN-PROCESS\r\nPERCENT-COMPLETE:33\r\n", done); !office.IsTaskStep(err) {
		t.Errorf("done twice: %v", err)
	}
	if _, err := edit(t, p, worker.Seat, name, "PERCENT-COMPLETE:33", "PERCENT-COMPLETE:66"); !office.IsTaskStep(err) {
		t.Errorf("the assignee agrees: %v", err)
	}
	is(office.TaskPrepared)
	if _, err := edit(t, p, boss.Seat, name, "STATUS:IN-PROCESS\r\nPERCENT-COMPLETE:33\r\n", done); err != nil {
		t.Fatal(err)
	}
	is(office.TaskAgreed)
	if _, err := edit(t, p, boss.Seat, name, "STATUS:IN-PROCESS\r\nPERCENT-COMPLETE:66\r\n", done); !office.IsTaskStep(err) {
		t.Errorf("the giver takes note: %v", err)
	}
	if _, err := edit(t, p, worker.Seat, name, "STATUS:IN-PROCESS", "STATUS:CANCELLED"); !office.IsTaskStep(err) {
		t.Errorf("the assignee cancels: %v", err)
	}
	o, err = edit(t, p, worker.Seat, name, "STATUS:IN-PROCESS\r\nPERCENT-COMPLETE:66\r\n", done)
	if err != nil || !bytes.Contains(o.Data, []byte("STATUS:COMPLETED\r\n")) {
		t.Fatalf("%s %v", o.Data, err)
	}
	is(office.TaskAcquainted)
	for _, seat := range []office.Seat{boss.Seat, worker.Seat} {
		if _, err := edit(t, p, seat, name, "STATUS:COMPLETED", "STATUS:NEEDS-ACTION"); !office.IsTaskStep(err) {
			t.Errorf("begun again after its end: %v", err)
		}
	}
}

// OPL-44: what a given task says is its giver's; who gave it and to whom is the server's.
func TestForeignProgramEdits(t *testing.T) {
	p := planner(t)
	id, name := given(t, p)
	for what, pair := range map[string][2]string{
		"summary":     {"SUMMARY:Довідка", "SUMMARY:Інше"},
		"due":         {"DUE;VALUE=DATE:20261122", "DUE;VALUE=DATE:20261222"},
		"no due":      {"DUE;VALUE=DATE:20261122\r\n", ""},
		"description": {"рядок", "слово"},
		"priority":    {"STATUS:", "PRIORITY:1\r\nSTATUS:"},
		"attachment":  {"STATUS:", "ATTACH:https://example.org/\r\nSTATUS:"},
		"class":       {"STATUS:", "CLASS:PRIVATE\r\nSTATUS:"},
	} {
		if _, err := edit(t, p, worker.Seat, name, pair[0], pair[1]); !office.IsTaskOfAnother(err) {
			t.Errorf("the assignee changes %s: %v", what, err)
		}
	}
	// Written otherwise, but saying the same.
	if o, err := edit(t, p, worker.Seat, name, `SUMMARY:Довідка\, стисло\; ясно`, "SUMMARY:Дові\r\n дка\\, стисло\\; ясно", "DUE;VALUE=DATE:20261122", "DUE;VALUE=\"DATE\":20261122", "STATUS:", "PRIORITY:0\r\nCLASS:PUBLIC\r\nSTATUS:"); err != nil || o.Adjusted {
		t.Errorf("the same in other words: %v", err)
	}
	if o, _ := p.Object(context.Background(), boss.Seat, office.Tasks, name); !bytes.Contains(o.Data, []byte("SUMMARY:Довідка\\, стисло")) || bytes.Contains(o.Data, []byte("PRIORITY")) {
		t.Errorf("the giver has the assignee's words: %s", o.Data)
	}
	stored, err := p.Object(context.Background(), worker.Seat, office.Tasks, name)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]string{
		"organizer": {`ORGANIZER;CN="Мар'яна Ґудзь":mailto:gudz@model.gov.ua`, "ORGANIZER:mailto:evil@example.org"},
		"attendee":  {"v@model.gov.ua", "evil@example.org"},
		"both gone": {`ORGANIZER;CN="Мар'яна Ґудзь":mailto:gudz@model.gov.ua` + "\r\n", ""},
		"state":     {"X-POSVID-STATE:NEW", "X-POSVID-STATE:ACQUAINTED"},
	} {
		for _, seat := range []office.Seat{worker.Seat, boss.Seat} {
			o, err := edit(t, p, seat, name, pair[0], pair[1])
			if err != nil || bytes.Contains(o.Data, []byte("evil")) || !bytes.Contains(o.Data, []byte("gudz@")) || !bytes.Contains(o.Data, []byte("STATE:NEW")) {
				t.Errorf("%s: %s %v", what, o.Data, err)
			}
		}
	}
	if now := state(t, p, worker.Seat, id); now.State != office.TaskNew {
		t.Errorf("state %v", now.State)
	}
	if _, err := p.Put(context.Background(), worker.Seat, office.Tasks, name, stored.Data, office.PutCondition{IfMatch: `"stale"`}, began); !errors.Is(err, office.ErrChanged) {
		t.Errorf("with an old tag: %v", err)
	}
	// The giver's own change reaches the assignee.
	if _, err := edit(t, p, boss.Seat, name, "SUMMARY:Довідка", "SUMMARY:Доповідь"); err != nil {
		t.Fatal(err)
	}
	if now := state(t, p, worker.Seat, id); !strings.HasPrefix(now.Summary, "Доповідь") {
		t.Errorf("the assignee reads %q", now.Summary)
	}
	if _, err := edit(t, p, boss.Seat, name, "STATUS:", "DTSTART:20261120T100000Z\r\nRRULE:FREQ=DAILY\r\nSTATUS:"); condition(err) != "valid-calendar-object-resource" {
		t.Errorf("a given task that recurs: %v", err)
	}
}

// OPL-45: alarms and programs' own properties stay with who wrote them.
func TestPersonalPartsOfTask(t *testing.T) {
	p := planner(t)
	id, name := given(t, p)
	const alarm = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:ХХ\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VTODO"
	if o, err := edit(t, p, worker.Seat, name, "END:VTODO", alarm, "STATUS:", "X-APPLE-SORT-ORDER:7\r\nSTATUS:"); err != nil || o.Adjusted {
		t.Fatalf("%s %v", o.Data, err)
	}
	theirs, err := p.Object(context.Background(), boss.Seat, office.Tasks, name)
	if err != nil || bytes.Contains(theirs.Data, []byte("ХХ")) || bytes.Contains(theirs.Data, []byte("APPLE")) {
		t.Errorf("the giver has the assignee's alarm: %s", theirs.Data)
	}
	if err := p.Edit(context.Background(), boss.Seat, id, "", office.Draft{Summary: "Нова назва"}, began); err != nil {
		t.Fatal(err)
	}
	mine, err := p.Object(context.Background(), worker.Seat, office.Tasks, name)
	if err != nil || !bytes.Contains(mine.Data, []byte("TRIGGER:-PT15M")) || !bytes.Contains(mine.Data, []byte("X-APPLE-SORT-ORDER:7")) || !bytes.Contains(mine.Data, []byte("SUMMARY:Нова назва")) {
		t.Errorf("%s", mine.Data)
	}
}

// OPL-46: cancelling, giving to somebody else, deleting.
func TestTaskEnds(t *testing.T) {
	p, ctx := planner(t), context.Background()
	id, name := given(t, p)
	if err := p.Delete(ctx, worker.Seat, office.Tasks, name, office.PutCondition{}, began); !office.IsTaskOfAnother(err) {
		t.Errorf("the assignee deletes: %v", err)
	}
	if err := p.Cancel(ctx, worker.Seat, id, "", began); !office.IsTaskOfAnother(err) {
		t.Errorf("the assignee cancels: %v", err)
	}
	if err := p.Reassign(ctx, worker, third, id, "", began); !office.IsTaskOfAnother(err) {
		t.Errorf("the assignee gives it on: %v", err)
	}
	if err := p.Move(ctx, worker.Seat, id, "", office.TaskPrepared, began); err != nil {
		t.Fatal(err)
	}
	if err := p.Reassign(ctx, boss, third, id, "", began); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Task(ctx, worker.Seat, id); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("whom it was taken from still has it: %v", err)
	}
	if _, gone, _, err := p.Changes(ctx, worker.Seat, office.Tasks, 1, 0); err != nil || len(gone) != 1 {
		t.Errorf("his programs do not hear of it: %v %v", gone, err)
	}
	if now := state(t, p, third.Seat, id); now.State != office.TaskNew {
		t.Errorf("it begins as %v", now.State)
	}
	if o, _ := p.Object(ctx, third.Seat, office.Tasks, name); !bytes.Contains(bytes.ReplaceAll(o.Data, []byte("\r\n "), nil), []byte("urn:x-posvid:seat:99000028-7")) {
		t.Errorf("%s", o.Data)
	}
	if err := p.Cancel(ctx, boss.Seat, id, "", began); err != nil {
		t.Fatal(err)
	}
	for _, seat := range []office.Seat{boss.Seat, third.Seat} {
		if now := state(t, p, seat, id); !now.Cancelled || len(now.Steps()) != 0 {
			t.Errorf("%+v", now)
		}
		if o, _ := p.Object(ctx, seat, office.Tasks, name); !bytes.Contains(o.Data, []byte("STATUS:CANCELLED")) {
			t.Errorf("%s", o.Data)
		}
	}
	if err := p.Move(ctx, third.Seat, id, "", office.TaskPrepared, began); !office.IsTaskStep(err) {
		t.Errorf("a cancelled one goes on: %v", err)
	}
	if err := p.Delete(ctx, third.Seat, office.Tasks, name, office.PutCondition{}, began); err != nil {
		t.Errorf("put away: %v", err)
	}
	if now := state(t, p, boss.Seat, id); !now.Cancelled {
		t.Errorf("%+v", now)
	}
	id, name = given(t, p)
	if err := p.Delete(ctx, boss.Seat, office.Tasks, name, office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Task(ctx, worker.Seat, id); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("withdrawn, but there: %v", err)
	}
}

// OPL-40: a task of one's own takes any state from any program, and keeps the bytes.
func TestOwnTask(t *testing.T) {
	p, ctx := planner(t), context.Background()
	for i, try := range []struct {
		lines string
		want  office.TaskState
	}{
		{"SUMMARY:x", office.TaskNew}, {"STATUS:NEEDS-ACTION", office.TaskNew}, {"STATUS:IN-PROCESS", office.TaskPrepared}, {"STATUS:IN-PROCESS|PERCENT-COMPLETE:10", office.TaskPrepared},
		{"STATUS:IN-PROCESS|PERCENT-COMPLETE:66", office.TaskAgreed}, {"STATUS:IN-PROCESS|X-POSVID-STATE:AGREED", office.TaskAgreed}, {"STATUS:IN-PROCESS|PERCENT-COMPLETE:33|X-POSVID-STATE:AGREED", office.TaskPrepared},
		{"STATUS:COMPLETED", office.TaskAcquainted}, {"PERCENT-COMPLETE:100", office.TaskAcquainted}, {"COMPLETED:20261120T100000Z", office.TaskAcquainted}, {"STATUS:NEEDS-ACTION|X-POSVID-STATE:ACQUAINTED", office.TaskNew},
		{"DTSTART:20261101T100000Z|RRULE:FREQ=WEEKLY|DUE:20261101T110000Z", office.TaskNew},
	} {
		name := fmt.Sprintf("%d.ics", i)
		data := vtodo(name, strings.Split(try.lines, "|")...)
		o, err := p.Put(ctx, worker.Seat, office.Tasks, name, data, office.PutCondition{}, began)
		if err != nil || o.Adjusted || !bytes.Equal(o.Data, data) {
			t.Fatalf("%s: %v", try.lines, err)
		}
		list, err := p.TasksOf(ctx, worker.Seat, false, true)
		if err != nil || len(list) != 1 || list[0].State != try.want || list[0].Role != office.TaskOwner {
			t.Errorf("%s: %+v, want %v, %v", try.lines, list, try.want, err)
		}
		if err := p.Delete(ctx, worker.Seat, office.Tasks, name, office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Put(ctx, worker.Seat, office.Tasks, "x", vtodo("x", "STATUS:CONFIRMED"), office.PutCondition{}, began); condition(err) != "valid-calendar-data" {
		t.Errorf("a state of events: %v", err)
	}
	// A page changes the state of what a program made, and leaves the rest.
	data := vtodo("y", "SUMMARY:Моє", "STATUS:IN-PROCESS", "PERCENT-COMPLETE:10", "X-KEEP;A=\"b:c\":d")
	if _, err := p.Put(ctx, worker.Seat, office.Tasks, "y", data, office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	list, _ := p.TasksOf(ctx, worker.Seat, false, true)
	if err := p.Edit(ctx, worker.Seat, list[0].ID, list[0].ETag, office.Draft{Summary: "Наше"}, began); err != nil {
		t.Fatal(err)
	}
	o, _ := p.Object(ctx, worker.Seat, office.Tasks, "y")
	for _, want := range []string{"PERCENT-COMPLETE:10", "X-KEEP;A=\"b:c\":d\r\n", "SUMMARY:Наше"} {
		if !bytes.Contains(o.Data, []byte(want)) {
			t.Errorf("want %q in %s", want, o.Data)
		}
	}
}

// OPL-32: a due time before a beginning that a program wrote, and a series without one.
func TestEditOfForeignTask(t *testing.T) {
	p, ctx := planner(t), context.Background()
	for name, lines := range map[string][]string{"begins": {"DTSTART:20261201T100000Z"}, "recurs": {"DUE:20261201T100000Z", "RRULE:FREQ=DAILY"}} {
		if _, err := p.Put(ctx, worker.Seat, office.Tasks, name, vtodo(name, lines...), office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	list, err := p.TasksOf(ctx, worker.Seat, false, false)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, task := range list {
		err := p.Edit(ctx, worker.Seat, task.ID, "", office.Draft{Summary: "x", Due: began}, began)
		if err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
		err = p.Edit(ctx, worker.Seat, task.ID, "", office.Draft{Summary: "x"}, began)
		if want := map[string]string{"recurs": "valid-calendar-data"}[task.Name]; condition(err) != want {
			t.Errorf("%s without a due time: %v", task.Name, err)
		}
	}
}

// OPL-12: of writers at one time one wins, the others hear of it, and both sides of a task agree afterwards.
func TestTwoWriters(t *testing.T) {
	p, ctx := planner(t), context.Background()
	id, name := given(t, p)
	first, err := p.Object(ctx, worker.Seat, office.Tasks, name)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() {
			data := bytes.Replace(first.Data, []byte("STATUS:NEEDS-ACTION"), fmt.Appendf(nil, "X-WRITER:%d\r\nSTATUS:IN-PROCESS", i), 1)
			_, results[i] = p.Put(ctx, worker.Seat, office.Tasks, name, data, office.PutCondition{IfMatch: `"` + first.ETag + `"`}, began)
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, office.ErrChanged) {
			t.Error(err)
		}
	}
	if won != 1 || state(t, p, boss.Seat, id).State != office.TaskPrepared || state(t, p, worker.Seat, id).State != office.TaskPrepared {
		t.Errorf("%d writers won", won)
	}
}

// OPL-14, OPL-47: a collection ends, and so does what one person can give another.
func TestPlanningBounds(t *testing.T) {
	p, ctx := planner(t), context.Background()
	for i := range 100 {
		if _, err := p.Give(ctx, boss, worker, office.Draft{Summary: "x"}, began); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := p.Give(ctx, boss, worker, office.Draft{Summary: "x"}, began); !errors.Is(err, office.ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if _, err := p.Give(ctx, third, worker, office.Draft{Summary: "x"}, began); err != nil {
		t.Errorf("of another: %v", err)
	}
	// Cancelling makes room for as many again, until the assignee has put some of them away.
	tasks, err := p.TasksOf(ctx, boss.Seat, true, false)
	if err != nil || len(tasks) != 100 {
		t.Fatal(len(tasks), err)
	}
	for _, task := range tasks {
		if err := p.Cancel(ctx, boss.Seat, task.ID, "", began); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Give(ctx, boss, worker, office.Draft{Summary: "x"}, began); !errors.Is(err, office.ErrFull) {
		t.Errorf("after a hundred cancelled: %v", err)
	}
	if err := p.Delete(ctx, worker.Seat, office.Tasks, tasks[0].Name, office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Give(ctx, boss, worker, office.Draft{Summary: "x"}, began); err != nil {
		t.Errorf("one put away: %v", err)
	}
	for _, d := range []office.Draft{{}, {Summary: " \n"}, {Summary: strings.Repeat("я", 301)}, {Summary: "x", Description: strings.Repeat("я", 8001)}, {Summary: "x", Due: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)}} {
		if _, err := p.Give(ctx, boss, third, d, began); err == nil {
			t.Errorf("%+v was taken", d)
		}
	}
	// Texts cannot leave their line.
	id, err := p.Give(ctx, boss, office.Member{Seat: third.Seat, Surname: "Х\";X=\"\r\nATTENDEE:x", Email: "a\r\nX:y@z"}, office.Draft{Summary: "a\r\nSTATUS:COMPLETED\r\nX:y;\\n,z"}, began)
	if err != nil {
		t.Fatal(err)
	}
	now := state(t, p, third.Seat, id)
	if now.State != office.TaskNew || now.Summary != "a\nSTATUS:COMPLETED\nX:y;\\n,z" {
		t.Errorf("%+v", now)
	}
}

// RFC 5545, Section 3.3.8: the number of a change stays one that programs can count with, whatever was written there.
func TestSequence(t *testing.T) {
	p, ctx := planner(t), context.Background()
	for text, want := range map[string]string{"3": "SEQUENCE:4\r\n", "9223372036854775807": "SEQUENCE:1\r\n", "2147483647": "SEQUENCE:1\r\n", "-5": "SEQUENCE:1\r\n", "x": "SEQUENCE:1\r\n"} {
		name := "s" + text
		if _, err := p.Put(ctx, boss.Seat, office.Tasks, name, vtodo(name, "SEQUENCE:"+text), office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
		tasks, err := p.TasksOf(ctx, boss.Seat, false, false)
		if err != nil || len(tasks) != 1 {
			t.Fatal(tasks, err)
		}
		if err := p.Move(ctx, boss.Seat, tasks[0].ID, "", office.TaskAcquainted, began); err != nil {
			t.Fatal(err)
		}
		if o, err := p.Object(ctx, boss.Seat, office.Tasks, name); err != nil || !strings.Contains(string(o.Data), want) {
			t.Errorf("%s: %v %s", text, err, o.Data)
		}
	}
}

// OPL-44: what both sides write together stays an object that can be read: neither can break the other's lists.
func TestLargeGivenTask(t *testing.T) {
	p, ctx := planner(t), context.Background()
	id, name := given(t, p)
	alarm := func(size int) string {
		return "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT1H\r\nX-FILL:" + strings.Repeat("x", size) + "\r\nEND:VALARM\r\nEND:VTODO\r\n"
	}
	lists := func() {
		t.Helper()
		for _, seat := range []office.Seat{boss.Seat, worker.Seat} {
			for _, what := range []bool{false, true} {
				if _, err := p.TasksOf(ctx, seat, what, true); err != nil {
					t.Fatalf("list of %v: %v", seat, err)
				}
			}
		}
		state(t, p, boss.Seat, id)
		state(t, p, worker.Seat, id)
	}
	if _, err := edit(t, p, worker.Seat, name, "END:VTODO\r\n", alarm(40_000)); err != nil {
		t.Fatal(err)
	}
	// The giver fills his object to the last byte; with the assignee's alarm it would be too large.
	o, err := p.Object(ctx, boss.Seat, office.Tasks, name)
	if err != nil {
		t.Fatal(err)
	}
	fill := "COMMENT:" + strings.Repeat("x", office.MaxCalendarObject-len(o.Data)-len("COMMENT:\r\n")) + "\r\nEND:VTODO\r\n"
	if _, err := edit(t, p, boss.Seat, name, "END:VTODO\r\n", fill); err != nil {
		t.Fatal(err)
	}
	lists()
	// The server's own lines still find room in it.
	if err := p.Move(ctx, worker.Seat, id, "", office.TaskPrepared, began); err != nil {
		t.Fatal(err)
	}
	if err := p.Move(ctx, boss.Seat, id, "", office.TaskAgreed, began); err != nil {
		t.Fatal(err)
	}
	lists()
	if _, err := edit(t, p, worker.Seat, name, "END:VTODO\r\n", alarm(100)); condition(err) != "max-resource-size" {
		t.Errorf("more than an object may have: %v", err)
	}
	lists()
}

// OPL-44: the same of as many alarms as an object may have, on both sides.
func TestManyAlarms(t *testing.T) {
	p, ctx := planner(t), context.Background()
	id, name := given(t, p)
	alarms := strings.Repeat("BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT1H\r\nEND:VALARM\r\n", 390) + "END:VTODO\r\n"
	zones := strings.Repeat("BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0200\r\nEND:STANDARD\r\n", 50)
	if _, err := edit(t, p, worker.Seat, name, "END:VTODO\r\n", alarms); err != nil {
		t.Fatal(err)
	}
	if _, err := edit(t, p, boss.Seat, name, "BEGIN:VTODO\r\n", "BEGIN:VTIMEZONE\r\nTZID:Own\r\n"+zones+"END:VTIMEZONE\r\nBEGIN:VTODO\r\nDTSTART;TZID=Own:20261120T090000\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.TasksOf(ctx, worker.Seat, false, true); err != nil {
		t.Fatal(err)
	}
	// The zone goes with the task to whom it is given next; the alarms do not.
	if err := p.Reassign(ctx, boss, third, id, "", began); err != nil {
		t.Fatal(err)
	}
	o, err := p.Object(ctx, third.Seat, office.Tasks, name)
	if err != nil || !strings.Contains(string(o.Data), "TZID:Own\r\n") || strings.Contains(string(o.Data), "VALARM") {
		t.Errorf("%v: %.400s", err, o.Data)
	}
}

// OPL-14, OPL-44: a full collection keeps nobody else from a step, and the pages do not write past the bound either.
func TestFullCollectionStopsNobodyElse(t *testing.T) {
	p, tables := plannerOver(t)
	ctx := context.Background()
	id, _ := given(t, p)
	if _, err := p.Put(ctx, worker.Seat, office.Tasks, "a.ics", vtodo("a"), office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	if err := tables.Update(ctx, func(tx office.Tx) error { // as if the assignee's collection had all that fits
		_, err := tx.Exec("UPDATE office_objects SET size = $1 WHERE seat = $2 AND size = $3", 32<<20, worker.Seat.String(), len(vtodo("a")))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Put(ctx, worker.Seat, office.Tasks, "b.ics", vtodo("b"), office.PutCondition{}, began); !errors.Is(err, office.ErrFull) {
		t.Fatalf("one more of his own: %v", err)
	}
	full := office.Draft{Summary: "x", Description: strings.Repeat("😀", 8000)}
	if err := p.Edit(ctx, boss.Seat, id, "", full, began); err != nil {
		t.Errorf("giver's change: %v", err)
	}
	if err := p.Cancel(ctx, boss.Seat, id, "", began); err != nil {
		t.Errorf("giver's end: %v", err)
	}
	o, err := p.Put(ctx, boss.Seat, office.Tasks, "l.ics", vtodo("l.ics", "COMMENT:"+strings.Repeat("x", 60_000)), office.PutCondition{}, began)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := p.TasksOf(ctx, boss.Seat, false, false)
	if err != nil || len(tasks) != 1 || tasks[0].Name != o.Name {
		t.Fatal(tasks, err)
	}
	if err := p.Edit(ctx, boss.Seat, tasks[0].ID, "", full, began); condition(err) != "max-resource-size" {
		t.Errorf("past the bound: %v", err)
	}
}

// BenchmarkAgenda: a week of one person with 2,000 events and 50 series that have no end.
func BenchmarkAgenda(b *testing.B) {
	p, ctx := planner(b), context.Background()
	put := func(i int, lines ...string) {
		name := fmt.Sprintf("%d.ics", i)
		if _, err := p.Put(ctx, boss.Seat, office.Day, name, vevent(name, lines...), office.PutCondition{}, began); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 2000 {
		put(i, "DTSTART;TZID=Europe/Kyiv:"+began.AddDate(0, 0, i/4-250).Format("20060102")+"T100000", "DURATION:PT1H", "SUMMARY:Нарада", "DESCRIPTION:"+strings.Repeat("текст ", 50))
	}
	for i := range 50 {
		put(10_000+i, "DTSTART;TZID=Europe/Kyiv:20240103T090000", "DURATION:PT30M", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR", "SUMMARY:Щотижня")
	}
	from, _ := office.DayBounds(2026, 11, 16)
	_, to := office.DayBounds(2026, 11, 22)
	for b.Loop() {
		if events, _, err := p.Agenda(ctx, boss.Seat, boss.Seat, from, to); err != nil || len(events) != 28+150 {
			b.Fatal(len(events), err)
		}
	}
}

// BenchmarkPutEvent: an event of a usual size is written and is on the disk.
func BenchmarkPutEvent(b *testing.B) {
	p, ctx := planner(b), context.Background()
	i := 0
	for b.Loop() {
		name := fmt.Sprintf("%d.ics", i%4000)
		data := vevent(name, "DTSTART;TZID=Europe/Kyiv:20261120T100000", "DURATION:PT1H", fmt.Sprintf("SUMMARY:Нарада %d", i), "DESCRIPTION:"+strings.Repeat("текст ", 50))
		if _, err := p.Put(ctx, boss.Seat, office.Day, name, data, office.PutCondition{}, began); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
