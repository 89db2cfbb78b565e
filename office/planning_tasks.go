package office

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TaskState is the state of a task. The numbers are stored.
type TaskState uint8

// States of a task.
const (
	TaskNew        TaskState = 1 // Новий
	TaskPrepared   TaskState = 2 // Підготовано
	TaskAgreed     TaskState = 3 // Погоджено
	TaskAcquainted TaskState = 4 // Ознайомлено
	TaskCancelled  TaskState = 5 // in a task's history only: the giver cancelled it
)

// TaskStates lists the four states in their order.
func TaskStates() []TaskState {
	return []TaskState{TaskNew, TaskPrepared, TaskAgreed, TaskAcquainted}
}

// String is the code of a state, as X-POSVID-STATE has it: "new", "prepared", "agreed", "acquainted", "cancelled".
func (s TaskState) String() string {
	switch s {
	case TaskNew:
		return "new"
	case TaskPrepared:
		return "prepared"
	case TaskAgreed:
		return "agreed"
	case TaskAcquainted:
		return "acquainted"
	case TaskCancelled:
		return "cancelled"
	}
	return "unknown"
}

// Text is the state in words: lang "en" English, any other Ukrainian.
func (s TaskState) Text(lang string) string {
	texts := map[TaskState][2]string{TaskNew: {"Новий", "New"}, TaskPrepared: {"Підготовано", "Prepared"}, TaskAgreed: {"Погоджено", "Agreed"},
		TaskAcquainted: {"Ознайомлено", "Acquainted"}, TaskCancelled: {"Скасовано", "Cancelled"}}
	if lang == "en" {
		return texts[s][1]
	}
	return texts[s][0]
}

// ParseTaskState reads what String writes, of the four states.
func ParseTaskState(s string) (TaskState, bool) {
	for _, t := range TaskStates() {
		if strings.EqualFold(t.String(), s) {
			return t, true
		}
	}
	return 0, false
}

// status and percent are how a VTODO says the state to programs that know nothing of it.
func (s TaskState) status() (string, int) {
	switch s {
	case TaskPrepared:
		return "IN-PROCESS", 33
	case TaskAgreed:
		return "IN-PROCESS", 66
	case TaskAcquainted:
		return "COMPLETED", 100
	}
	return "NEEDS-ACTION", 0
}

// Names of this module's own preconditions.
const (
	taskStep      = "task-step"
	taskOfAnother = "task-of-another"
)

var (
	errTaskStep      = &CalendarError{Condition: taskStep, Own: true, Detail: "want a step of the task that is the caller's to make"}
	errTaskOfAnother = &CalendarError{Condition: taskOfAnother, Own: true, Detail: "want a change of the task's state only: the rest is its giver's"}
)

// IsTaskStep tells whether an error says that the caller may not take a task to that state.
func IsTaskStep(err error) bool { return isOwn(err, taskStep) }

// IsTaskOfAnother tells whether an error says that what was to be changed is the giver's of a task.
func IsTaskOfAnother(err error) bool { return isOwn(err, taskOfAnother) }

func isOwn(err error, condition string) bool {
	var e *CalendarError
	return errors.As(err, &e) && e.Own && e.Condition == condition
}

// Role is what somebody is in a task.
type Role uint8

// Roles. Who gives a task to himself is its owner, and so is the assignee once the giver has left.
const (
	TaskOwner Role = iota + 1
	TaskGiver
	TaskAssignee
)

// Steps are the states that a role may take a task to, from one.
func (r Role) Steps(from TaskState) []TaskState {
	switch {
	case r == TaskOwner:
		return slices.DeleteFunc(TaskStates(), func(s TaskState) bool { return s == from })
	case r == TaskAssignee && from == TaskNew:
		return []TaskState{TaskPrepared}
	case r == TaskAssignee && from == TaskPrepared:
		return []TaskState{TaskNew} // takes back
	case r == TaskAssignee && from == TaskAgreed:
		return []TaskState{TaskAcquainted}
	case r == TaskGiver && from == TaskPrepared:
		return []TaskState{TaskAgreed, TaskNew} // agrees, or returns
	case r == TaskGiver && from == TaskAgreed:
		return []TaskState{TaskPrepared} // takes the agreement back
	}
	return nil
}

// toward goes from a state as far toward another as the role may.
func (r Role) toward(from, to TaskState) TaskState {
	if r == TaskOwner {
		return to
	}
	for from != to {
		step := from + 1
		if to < from {
			step = from - 1
		}
		if !slices.Contains(r.Steps(from), step) {
			break
		}
		from = step
	}
	return from
}

// stateOf is the state that a VTODO says: what every program can set comes first, X-POSVID-STATE only tells the two that
// programs do not tell apart.
func stateOf(c *component) TaskState {
	switch {
	case c.status == "COMPLETED", c.status == "" && (c.percent == 100 || c.c.first("COMPLETED") != nil):
		return TaskAcquainted
	case c.status == "IN-PROCESS":
		if c.percent >= 0 {
			if c.percent >= 66 {
				return TaskAgreed
			}
			return TaskPrepared
		}
		if s, ok := ParseTaskState(c.c.text("X-POSVID-STATE")); ok && s == TaskAgreed {
			return TaskAgreed
		}
		return TaskPrepared
	case c.status == "CANCELLED":
		if s, ok := ParseTaskState(c.c.text("X-POSVID-STATE")); ok {
			return s
		}
	}
	return TaskNew
}

// setState writes a state into a VTODO.
func setState(c *icalComp, s TaskState, cancelled bool, at time.Time) {
	status, percent := s.status()
	if cancelled {
		status = "CANCELLED"
	}
	c.set("STATUS", "", status)
	c.set("PERCENT-COMPLETE", "", strconv.Itoa(percent))
	c.set("X-POSVID-STATE", "", strings.ToUpper(s.String()))
	if s != TaskAcquainted {
		c.remove("COMPLETED")
	} else if c.first("COMPLETED") == nil {
		c.set("COMPLETED", "", at.UTC().Format("20060102T150405Z"))
	}
}

// taskRow is one row of office_tasks.
type taskRow struct {
	id              int64
	giver, assignee Seat
	state           TaskState
	closed          bool
	left            bool // the giver has left his post
	due             time.Time
	made, changed   time.Time
}

func (t *taskRow) given() bool { return t.giver != t.assignee }

// ended tells whether nobody has a step to make any more.
func (t *taskRow) ended() bool { return t.closed || t.state == TaskAcquainted }

// role is what a seat is in the task; 0: nothing. Of a task whose giver has left, the assignee is the owner: else it could not
// end any more.
func (t *taskRow) role(seat Seat) Role {
	switch {
	case seat == t.giver && !t.given():
		return TaskOwner
	case seat == t.giver:
		return TaskGiver
	case seat == t.assignee && t.left:
		return TaskOwner
	case seat == t.assignee:
		return TaskAssignee
	}
	return 0
}

const taskColumns = "t.id, t.giver, t.assignee, t.state, t.closed, coalesce(t.due, 0), t.made, t.changed, EXISTS (SELECT 1 FROM office_leavers AS l WHERE l.seat = t.giver)"

func (t *taskRow) scan(scan func(dest ...any) error, more ...any) error {
	var giver, assignee string
	var state, closed, due, made, changed, left int64
	err := scan(append([]any{&t.id, &giver, &assignee, &state, &closed, &due, &made, &changed, &left}, more...)...)
	if err != nil {
		return err
	}
	t.left = left == 1
	t.state, t.closed, t.made, t.changed = TaskState(state), closed == 1, time.Unix(made, 0).UTC(), time.Unix(changed, 0).UTC()
	if due != 0 {
		t.due = time.Unix(due, 0).UTC()
	}
	if t.giver, err = ParseSeat(giver); err != nil {
		return err
	}
	t.assignee, err = ParseSeat(assignee)
	return err
}

func readTask(tx Tx, id int64) (*taskRow, error) {
	t := &taskRow{}
	return t, t.scan(func(dest ...any) error {
		return tx.Row("SELECT "+taskColumns+" FROM office_tasks AS t WHERE t.id = $1", []any{id}, dest...)
	})
}

func dueOf(o *calendarObject) any {
	if m := o.main(); m.ended {
		return m.end.moment().Unix()
	}
	return nil
}

// addTask makes the row of a new task and its first step.
func addTask(tx Tx, giver, assignee Seat, state TaskState, closed bool, due any, at time.Time) (int64, error) {
	id, err := tx.Insert("INSERT INTO office_tasks (giver, assignee, state, closed, due, made, changed) VALUES ($1, $2, $3, $4, $5, $6, $6)",
		giver.String(), assignee.String(), int(state), bool2int(closed), due, at.Unix())
	if err != nil {
		return 0, err
	}
	return id, addStep(tx, id, giver, state, at)
}

// maxSteps is how many of a task's latest steps are kept: to and fro without end fills no disk.
const maxSteps = 1000

func addStep(tx Tx, task int64, by Seat, state TaskState, at time.Time) error {
	_, err := tx.Exec("INSERT INTO office_task_steps (task, n, at, seat, state) SELECT $1, 1 + coalesce(max(n), 0), $2, $3, $4 FROM office_task_steps WHERE task = $1", task, at.Unix(), by.String(), int(state))
	if err != nil {
		return err
	}
	_, err = tx.Exec("DELETE FROM office_task_steps WHERE task = $1 AND n <= (SELECT max(n) FROM office_task_steps WHERE task = $1) - $2", task, maxSteps)
	return err
}

// save writes what has changed of a task.
func (t *taskRow) save(tx Tx, by Seat, state TaskState, closed bool, due any, at time.Time) error {
	if err := tx.Exec1("UPDATE office_tasks SET state = $1, closed = $2, due = $3, changed = $4, assignee = $5, giver = $6 WHERE id = $7", int(state), bool2int(closed), due, at.Unix(), t.assignee.String(),
		t.giver.String(), t.id); err != nil {
		return err
	}
	if state != t.state {
		if err := addStep(tx, t.id, by, state, at); err != nil {
			return err
		}
	}
	if closed && !t.closed {
		if err := addStep(tx, t.id, by, TaskCancelled, at); err != nil {
			return err
		}
	}
	t.state, t.closed, t.changed = state, closed, at
	return nil
}

// putTask is Put for a task.
func (p *Planner) putTask(tx Tx, r *row, live bool, o *calendarObject, data []byte, at time.Time, out *Object) error {
	done := func(err error, adjusted bool) error {
		if err == nil {
			*out = r.object()
			out.Adjusted = adjusted
		}
		return err
	}
	main := o.main()
	cancelled := main.status == "CANCELLED"
	if !live {
		id, err := addTask(tx, r.seat, r.seat, stateOf(main), cancelled, dueOf(o), at)
		if err != nil {
			return err
		}
		r.task = id
		return done(p.write(tx, r, false, o, data, at), false)
	}
	t, err := readTask(tx, r.task)
	if err != nil {
		return err
	}
	if !t.given() {
		if err := p.write(tx, r, true, o, data, at); err != nil {
			return err
		}
		return done(t.save(tx, r.seat, stateOf(main), cancelled, dueOf(o), at), false)
	}
	was, err := readObject(r.data, "VTODO", asStored)
	if err != nil {
		return err
	}
	role := t.role(r.seat)
	if o.whole() == nil || len(o.items) > 1 || main.rule != nil || len(main.more) > 0 {
		return notObject("want a given task without recurrence")
	}
	if role == TaskAssignee && !sameContent(was.main(), main) {
		return errTaskOfAnother
	}
	wanted, closed := t.state, t.closed
	if before := was.main(); before.status != main.status || before.percent != main.percent || (before.c.first("COMPLETED") == nil) != (main.c.first("COMPLETED") == nil) {
		wanted = stateOf(main)
		if cancelled {
			wanted = t.state
		} else if t.closed {
			return errTaskStep
		}
		if cancelled && !t.closed {
			if role == TaskAssignee || t.state == TaskAcquainted {
				return errTaskStep
			}
			closed = true
		}
	}
	state := t.state
	if wanted != t.state {
		if state = role.toward(t.state, wanted); state == t.state {
			return errTaskStep
		}
	}
	// What both sides must find the same is the server's to say.
	server := was.main().c
	main.c.keep(func(n icalNode) bool { return n.line == nil || !ofServer(n.line.name) })
	for _, n := range server.nodes {
		if n.line != nil && ofServer(n.line.name) {
			main.c.insert(n)
		}
	}
	setState(main.c, state, closed, at)
	stored := o.root.bytes()
	adjusted := !bytes.Equal(stored, data)
	if err := p.write(tx, r, true, o, stored, at); err != nil {
		return err
	}
	due := dueOf(o)
	if err := t.save(tx, r.seat, state, closed, due, at); err != nil {
		return err
	}
	if err := p.tell(tx, t, r.seat, o, at); err != nil {
		return err
	}
	return done(nil, adjusted)
}

// ofServer tells whether a property of a given task is written by the server alone.
func ofServer(name string) bool {
	return name == "ORGANIZER" || name == "ATTENDEE" || strings.HasPrefix(name, "X-POSVID-")
}

// personal tells whether a part of a task is of the one who wrote it, and is not carried to the other side: alarms, and what
// programs keep for themselves.
func personal(n icalNode) bool {
	if n.comp != nil {
		return n.comp.name == "VALARM"
	}
	return strings.HasPrefix(n.line.name, "X-") && !strings.HasPrefix(n.line.name, "X-POSVID-")
}

// tell brings a task to the collection of the other side, whose alarms and own properties stay. From the assignee only the state
// comes: the giver's bytes are the giver's. How full that collection is does not count: neither side can keep the other from its
// steps by filling its own.
func (p *Planner) tell(tx Tx, t *taskRow, from Seat, o *calendarObject, at time.Time) error {
	rows, err := p.rows(tx, "task = $1 AND gone = 0 AND seat <> $2", t.id, from.String())
	if err != nil || len(rows) == 0 { // the other side has put a task that has ended away
		return err
	}
	r := rows[0]
	theirs, err := readObject(r.data, "VTODO", asStored)
	if err != nil {
		return err
	}
	if from == t.assignee {
		setState(theirs.main().c, t.state, t.closed, at)
		touch(theirs.main().c, at)
		return p.keep(tx, r, theirs, theirs.root.bytes(), at)
	}
	// A copy: o is the writer's own.
	made, err := readObject(o.root.bytes(), "VTODO", asStored)
	if err != nil {
		return err
	}
	c := made.main().c
	c.keep(func(n icalNode) bool { return !personal(n) })
	for _, n := range theirs.main().c.nodes {
		if personal(n) {
			if n.comp != nil {
				c.nodes = append(c.nodes, n)
			} else {
				c.insert(n)
			}
		}
	}
	return p.keep(tx, r, made, made.root.bytes(), at)
}

// free are the properties of a given task that its assignee's program may change.
var free = []string{"STATUS", "PERCENT-COMPLETE", "COMPLETED", "LAST-MODIFIED", "DTSTAMP", "SEQUENCE", "CREATED"}

// sameContent tells whether two VTODO say the same but for what the assignee may change. Order, folds and quoting do not count.
func sameContent(a, b *component) bool {
	read := func(c *component) map[string][]string {
		out := map[string][]string{}
		for _, n := range c.c.nodes {
			if n.line == nil || personal(n) || ofServer(n.line.name) || slices.Contains(free, n.line.name) {
				continue
			}
			v := n.line.value
			switch n.line.name {
			case "DTSTART":
				v = c.start.moment().Format(time.RFC3339) + strconv.FormatBool(c.start.date)
			case "DUE":
				v = c.end.moment().Format(time.RFC3339) + strconv.FormatBool(c.end.date)
			case "SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CONTACT", "CATEGORIES", "RESOURCES":
				v = unescapeText(v)
			case "CLASS":
				v = strings.ToUpper(v)
			}
			switch {
			case v == "", n.line.name == "PRIORITY" && v == "0", n.line.name == "CLASS" && v == "PUBLIC": // what their absence says too
				continue
			}
			out[n.line.name] = append(out[n.line.name], v)
		}
		for _, v := range out {
			slices.Sort(v)
		}
		return out
	}
	return maps.EqualFunc(read(a), read(b), slices.Equal)
}

// eraseTask is Delete for a task: its giver withdraws it from both sides; its assignee can put away one that has ended.
func (p *Planner) eraseTask(tx Tx, r *row, at time.Time) error {
	t, err := readTask(tx, r.task)
	if err != nil {
		return err
	}
	if t.role(r.seat) == TaskAssignee && !t.ended() {
		return errTaskOfAnother
	}
	rows, err := p.rows(tx, "task = $1 AND gone = 0", t.id)
	if err != nil {
		return err
	}
	left := 0
	for _, one := range rows {
		if one.seat == r.seat || t.role(r.seat) == TaskGiver && !t.ended() {
			if err := p.erase(tx, one, at); err != nil {
				return err
			}
			continue
		}
		left++
	}
	if left > 0 {
		return nil
	}
	return tx.Exec1("DELETE FROM office_tasks WHERE id = $1", t.id)
}

// Draft is what the giver says of a task.
type Draft struct {
	Summary     string // 1 to 300 characters
	Description string // at most 8,000 characters
	Due         time.Time
	DueDate     bool // Due is a day, in Kyiv, without a time
	Private     bool // colleagues of the unit do not see it
}

// Errors of a draft.
var (
	ErrSummary = errors.New("office: summary: want 1 to 300 characters")
	ErrText    = errors.New("office: text: want at most 8,000 characters")
	ErrTime    = errors.New("office: time: want an end that is not before the start, and years from 1900 to 2199")
)

func checkTexts(summary string, texts ...string) error {
	if n := len([]rune(strings.TrimSpace(summary))); n < 1 || n > 300 {
		return ErrSummary
	}
	for _, t := range texts {
		if len([]rune(t)) > 8000 {
			return ErrText
		}
	}
	return nil
}

func (d Draft) check() error {
	if y := d.Due.Year(); !d.Due.IsZero() && (y < minYear || y > maxYear) {
		return ErrTime
	}
	return checkTexts(d.Summary, d.Description)
}

// write puts a draft into a VTODO; what a draft does not speak of stays.
func (d Draft) write(c *icalComp) {
	c.setText("SUMMARY", strings.TrimSpace(d.Summary))
	c.setText("DESCRIPTION", strings.TrimSpace(d.Description))
	c.remove("DURATION")
	switch {
	case d.Due.IsZero():
		c.remove("DUE")
	case d.DueDate:
		c.set("DUE", ";VALUE=DATE", d.Due.In(Kyiv).Format("20060102"))
	default:
		c.set("DUE", "", d.Due.UTC().Format("20060102T150405Z"))
	}
	if c.first("RRULE") == nil { // a beginning that some program wrote could come after the new end
		c.remove("DTSTART")
	}
	if d.Private {
		c.set("CLASS", "", "PRIVATE")
	} else {
		c.remove("CLASS")
	}
}

// calendarOf is an object around one component.
func calendarOf(c *icalComp) *icalComp {
	root := newComp("VCALENDAR")
	root.add("VERSION", "", "2.0")
	root.add("PRODID", "", "-//Posvid//Office//UK")
	root.nodes = append(root.nodes, icalNode{comp: c})
	return root
}

// touch notes a change (RFC 5545, Section 3.8.7).
func touch(c *icalComp, at time.Time) {
	c.set("LAST-MODIFIED", "", at.UTC().Format("20060102T150405Z"))
	n := 0
	if l := c.first("SEQUENCE"); l != nil {
		n, _ = strconv.Atoi(l.value)
	}
	if n < 0 || n >= math.MaxInt32 { // RFC 5545, Section 3.3.8: programs count in 32 bits
		n = 0
	}
	c.set("SEQUENCE", "", strconv.Itoa(n+1))
}

// person writes a member as ORGANIZER or ATTENDEE.
func person(c *icalComp, name string, m Member, params string) {
	address := "urn:x-posvid:seat:" + m.Seat.String()
	if m.Email != "" && !strings.ContainsAny(m.Email, "\"\r\n ;:,\\") {
		address = "mailto:" + m.Email
	}
	c.set(name, params+";CN="+quoteParam(m.Name()), address)
}

// Give makes a task and gives it to somebody, or to the giver himself, and answers its number. Errors: ErrSummary, ErrText,
// ErrTime, ErrFull.
func (p *Planner) Give(ctx context.Context, giver, assignee Member, d Draft, at time.Time) (int64, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	uid := newUID()
	c := newComp("VTODO")
	c.add("UID", "", uid)
	c.add("DTSTAMP", "", at.UTC().Format("20060102T150405Z"))
	c.add("CREATED", "", at.UTC().Format("20060102T150405Z"))
	d.write(c)
	setState(c, TaskNew, false, at)
	seats := []Seat{giver.Seat}
	if assignee.Seat != giver.Seat {
		person(c, "ORGANIZER", giver, "")
		person(c, "ATTENDEE", assignee, ";ROLE=REQ-PARTICIPANT")
		seats = append(seats, assignee.Seat)
	}
	data := calendarOf(c).bytes()
	o, err := readObject(data, "VTODO", asWritten)
	if err != nil {
		return 0, err
	}
	var id int64
	err = p.store.Update(ctx, func(tx Tx) error {
		if err := room(tx, giver.Seat, assignee.Seat); err != nil {
			return err
		}
		if id, err = addTask(tx, giver.Seat, assignee.Seat, TaskNew, false, dueOf(o), at); err != nil {
			return err
		}
		for _, seat := range seats {
			if err := p.place(tx, seat, id, o, at); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// maxGiven bounds the open tasks that one person has from another, who cannot delete them, and the cancelled ones, which he can:
// giving and cancelling without end must not fill his collection.
const maxGiven = 100

// room tells whether a giver can give one more. Error: ErrFull.
func room(tx Tx, giver, assignee Seat) error {
	if giver == assignee {
		return nil
	}
	var open, cancelled int
	if err := tx.Row(`SELECT coalesce(sum(t.closed = 0), 0), coalesce(sum(t.closed), 0) FROM office_tasks AS t WHERE t.giver = $1 AND t.assignee = $2 AND t.state < 4
		AND EXISTS (SELECT 1 FROM office_objects AS o WHERE o.task = t.id AND o.seat = $2)`, []any{giver.String(), assignee.String()}, &open, &cancelled); err != nil {
		return err
	}
	if open >= maxGiven || cancelled >= maxGiven {
		return ErrFull
	}
	return nil
}

// place puts a task's object into a seat's collection under its UID.
func (p *Planner) place(tx Tx, seat Seat, task int64, o *calendarObject, at time.Time) error {
	name := o.uid + ".ics"
	if checkName(name) != nil {
		name = newUID() + ".ics"
	}
	mark, err := p.mark("name", seat, Tasks, name)
	if err != nil {
		return err
	}
	r, err := p.byMark(tx, seat, Tasks, mark)
	if err != nil {
		return err
	}
	if r == nil {
		r = &row{seat: seat, c: Tasks, mark: mark, name: name}
	} else if !r.gone {
		return fmt.Errorf("%w: a task of that name", ErrConflict)
	}
	r.task = task
	return p.write(tx, r, false, o, o.root.bytes(), at)
}

// change runs f over a task that the seat has, and writes the object for both sides. Errors: ErrNotFound, ErrChanged when etag
// is given and is not that of the seat's own object, and those of f.
func (p *Planner) change(ctx context.Context, seat Seat, id int64, etag string, at time.Time, f func(tx Tx, t *taskRow, role Role, o *calendarObject) (state TaskState, closed bool, err error)) error {
	return p.store.Update(ctx, func(tx Tx) error {
		r, t, err := p.ownTask(tx, seat, id)
		if err != nil {
			return err
		}
		if etag != "" && etag != r.etag {
			return ErrChanged
		}
		o, err := readObject(r.data, "VTODO", asStored)
		if err != nil {
			return err
		}
		c := o.main().c
		state, closed, err := f(tx, t, t.role(seat), o)
		if err != nil {
			return err
		}
		if t.given() || state != t.state || closed != t.closed { // else a program's own way to say it stays
			setState(c, state, closed, at)
		}
		touch(c, at)
		if o, err = readObject(o.root.bytes(), "VTODO", asStored); err != nil {
			return err
		}
		if err := p.write(tx, r, true, o, o.root.bytes(), at); err != nil {
			return err
		}
		if err := t.save(tx, seat, state, closed, dueOf(o), at); err != nil {
			return err
		}
		if !t.given() {
			return nil
		}
		return p.tell(tx, t, seat, o, at)
	})
}

// ownTask finds a task and the seat's object of it.
func (p *Planner) ownTask(tx Tx, seat Seat, id int64) (*row, *taskRow, error) {
	rows, err := p.rows(tx, "task = $1 AND seat = $2 AND gone = 0", id, seat.String())
	if err != nil {
		return nil, nil, err
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%w: task", ErrNotFound)
	}
	t, err := readTask(tx, id)
	return rows[0], t, err
}

// Move takes a task to a state. Error: a *CalendarError of IsTaskStep when that is not the caller's step; ErrNotFound, ErrChanged.
func (p *Planner) Move(ctx context.Context, seat Seat, id int64, etag string, to TaskState, at time.Time) error {
	return p.change(ctx, seat, id, etag, at, func(tx Tx, t *taskRow, role Role, o *calendarObject) (TaskState, bool, error) {
		if t.closed && role != TaskOwner || !slices.Contains(role.Steps(t.state), to) {
			return 0, false, errTaskStep
		}
		return to, false, nil
	})
}

// Cancel ends a task without its being done; its giver or owner may. Errors: as of Move.
func (p *Planner) Cancel(ctx context.Context, seat Seat, id int64, etag string, at time.Time) error {
	return p.change(ctx, seat, id, etag, at, func(tx Tx, t *taskRow, role Role, o *calendarObject) (TaskState, bool, error) {
		if role == TaskAssignee {
			return 0, false, errTaskOfAnother
		}
		if t.ended() {
			return 0, false, errTaskStep
		}
		return t.state, true, nil
	})
}

// Edit changes what a task says; its giver or owner may. Errors: ErrSummary, ErrText, ErrTime, a *CalendarError of
// IsTaskOfAnother, ErrNotFound, ErrChanged.
func (p *Planner) Edit(ctx context.Context, seat Seat, id int64, etag string, d Draft, at time.Time) error {
	if err := d.check(); err != nil {
		return err
	}
	return p.change(ctx, seat, id, etag, at, func(tx Tx, t *taskRow, role Role, o *calendarObject) (TaskState, bool, error) {
		if role == TaskAssignee {
			return 0, false, errTaskOfAnother
		}
		before := len(o.root.bytes())
		d.write(o.main().c)
		if after := len(o.root.bytes()); after > MaxCalendarObject && after > before {
			return 0, false, errObjectSize
		}
		return t.state, t.closed, nil
	})
}

// Reassign gives a task that has not ended to somebody else: it begins anew there and goes from whom had it. Errors: as of Edit.
func (p *Planner) Reassign(ctx context.Context, giver, assignee Member, id int64, etag string, at time.Time) error {
	return p.change(ctx, giver.Seat, id, etag, at, func(tx Tx, t *taskRow, role Role, o *calendarObject) (TaskState, bool, error) {
		if role == TaskAssignee {
			return 0, false, errTaskOfAnother
		}
		if t.ended() {
			return 0, false, errTaskStep
		}
		if assignee.Seat == t.assignee {
			return t.state, t.closed, nil
		}
		rows, err := p.rows(tx, "task = $1 AND gone = 0 AND seat <> $2", id, giver.Seat.String())
		if err != nil {
			return 0, false, err
		}
		for _, r := range rows {
			if err := p.erase(tx, r, at); err != nil {
				return 0, false, err
			}
		}
		if err := room(tx, giver.Seat, assignee.Seat); err != nil {
			return 0, false, err
		}
		t.giver, t.assignee = giver.Seat, assignee.Seat // whoever gives on the task of somebody who has left is its giver from then on
		c := o.main().c
		if assignee.Seat == giver.Seat {
			c.remove("ORGANIZER")
			c.remove("ATTENDEE")
			return TaskNew, false, nil
		}
		person(c, "ORGANIZER", giver, "")
		person(c, "ATTENDEE", assignee, ";ROLE=REQ-PARTICIPANT")
		setState(c, TaskNew, false, at)
		given, err := readObject(o.root.bytes(), "VTODO", asStored)
		if err != nil {
			return 0, false, err
		}
		if given.whole() == nil || len(given.items) > 1 || given.main().rule != nil || len(given.main().more) > 0 {
			return 0, false, notObject("want a given task without recurrence")
		}
		given.main().c.keep(func(n icalNode) bool { return !personal(n) })
		return TaskNew, false, p.place(tx, assignee.Seat, id, given, at)
	})
}

// Task is a task as one of its sides, or a colleague, sees it.
type Task struct {
	ID              int64
	Name, ETag      string // of the object of the seat that asks; empty for a colleague
	Giver, Assignee Seat   // the same: a task of his own
	Role            Role   // of the seat that asks; 0 for a colleague
	State           TaskState
	Cancelled       bool
	Summary         string
	Description     string
	Due             time.Time
	DueDate         bool // Due is a day
	Private         bool // for a colleague the texts are empty then
	Made, Changed   time.Time
}

// Ended tells whether nobody has a step to make any more.
func (t Task) Ended() bool { return t.Cancelled || t.State == TaskAcquainted }

// Late tells whether a task that has not ended is past its due time; a day counts until its end in Kyiv.
func (t Task) Late(at time.Time) bool {
	due := t.Due
	if t.DueDate {
		due = zoneClock{Kyiv}.moment(zoneClock{Kyiv}.wall(due).AddDate(0, 0, 1))
	}
	return !t.Ended() && !t.Due.IsZero() && !at.Before(due)
}

// Steps are the states that the seat that asks may take it to.
func (t Task) Steps() []TaskState {
	if t.Cancelled {
		return nil
	}
	return t.Role.Steps(t.State)
}

// task makes the view of a seat; viewer "" of nobody in it.
func (t *taskRow) view(seat Seat, r *row) (Task, error) {
	out := Task{ID: t.id, Giver: t.giver, Assignee: t.assignee, Role: t.role(seat), State: t.state, Cancelled: t.closed, Due: t.due, Made: t.made, Changed: t.changed}
	o, err := readObject(r.data, "VTODO", asStored)
	if err != nil {
		return out, err
	}
	m := o.main()
	out.DueDate, out.Private = m.ended && m.end.date, o.private()
	if out.Role == 0 && out.Private {
		return out, nil
	}
	out.Summary, out.Description = m.c.text("SUMMARY"), m.c.text("DESCRIPTION")
	if r.seat == seat {
		out.Name, out.ETag = r.name, r.etag
	}
	return out, nil
}

// maxListed bounds the tasks of one list.
const maxListed = 1000

// tasks reads tasks by a condition over office_tasks t and office_objects o.
func (p *Planner) tasks(ctx context.Context, seat Seat, where string, args ...any) ([]Task, error) {
	var out []Task
	err := p.store.View(ctx, func(tx Tx) error {
		type pair struct{ task, object int64 }
		var pairs []pair
		q := "SELECT t.id, o.id FROM office_tasks AS t JOIN office_objects AS o ON o.task = t.id AND o.gone = 0 WHERE " + where +
			" ORDER BY t.due IS NULL, t.due, t.id LIMIT " + strconv.Itoa(maxListed)
		if err := tx.Rows(q, args, func(scan func(dest ...any) error) error {
			var one pair
			err := scan(&one.task, &one.object)
			pairs = append(pairs, one)
			return err
		}); err != nil {
			return err
		}
		for _, one := range pairs {
			t, err := readTask(tx, one.task)
			if err != nil {
				return err
			}
			rows, err := p.rows(tx, "id = $1", one.object)
			if err != nil {
				return err
			}
			v, err := t.view(seat, rows[0])
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// TasksOf are the tasks that a seat has to do, or with given those that it gave to others, by due time; ended says whether those
// that have ended are wanted too. At most 1,000.
func (p *Planner) TasksOf(ctx context.Context, seat Seat, given, ended bool) ([]Task, error) {
	where := "o.seat = $1 AND t.assignee = $1"
	if given {
		where = "o.seat = $1 AND t.giver = $1 AND t.assignee <> $1"
	}
	if !ended {
		where += " AND t.state < 4 AND t.closed = 0"
	}
	return p.tasks(ctx, seat, where, seat.String())
}

// TasksFor are the open tasks of a colleague, as somebody else of the unit sees them.
func (p *Planner) TasksFor(ctx context.Context, viewer, colleague Seat) ([]Task, error) {
	return p.tasks(ctx, viewer, "o.seat = $1 AND t.assignee = $1 AND t.state < 4 AND t.closed = 0", colleague.String())
}

// Task reads one task that the seat is a side of. Error: ErrNotFound.
func (p *Planner) Task(ctx context.Context, seat Seat, id int64) (Task, error) {
	list, err := p.tasks(ctx, seat, "t.id = $1 AND o.seat = $2", id, seat.String())
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: task", ErrNotFound)
	}
	if err != nil {
		return Task{}, err
	}
	return list[0], nil
}

// Step is a line of a task's history.
type Step struct {
	At    time.Time
	By    Seat
	State TaskState
}

// History is how a task that the seat is a side of came to its state, oldest first. Error: ErrNotFound.
func (p *Planner) History(ctx context.Context, seat Seat, id int64) ([]Step, error) {
	var out []Step
	err := p.store.View(ctx, func(tx Tx) error {
		if _, _, err := p.ownTask(tx, seat, id); err != nil {
			return err
		}
		return tx.Rows("SELECT at, seat, state FROM office_task_steps WHERE task = $1 ORDER BY n", []any{id}, func(scan func(dest ...any) error) error {
			var at, state int64
			var by string
			if err := scan(&at, &by, &state); err != nil {
				return err
			}
			s, err := ParseSeat(by)
			out = append(out, Step{time.Unix(at, 0).UTC(), s, TaskState(state)})
			return err
		})
	})
	return out, err
}
