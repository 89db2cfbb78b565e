package offices

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/office"
)

// who names the people of seats, each looked up once.
type who struct {
	p    *part
	lang string
	seen map[office.Seat]string
}

func (n *who) name(ctx context.Context, seat office.Seat) (string, error) {
	if name, ok := n.seen[seat]; ok {
		return name, nil
	}
	m, status, err := n.p.seated(ctx, seat)
	name := m.Name()
	switch {
	case errors.Is(err, office.ErrNotFound):
		name = say(n.lang, "невідома особа", "unknown person")
	case err != nil:
		return "", err
	case status != office.StatusValid:
		name += " (" + status.Text(n.lang) + ")"
	}
	if n.seen == nil {
		n.seen = map[office.Seat]string{}
	}
	n.seen[seat] = name
	return name, nil
}

// taskLine is a task in a list.
type taskLine struct {
	office.Task
	Link, StateText, DueText, Who string // Who: the other side; empty for a task of his own
	Late                          bool
}

func dueText(t office.Task) string {
	switch {
	case t.Due.IsZero():
		return ""
	case t.DueDate:
		return t.Due.In(office.Kyiv).Format(dayForm)
	}
	return t.Due.In(office.Kyiv).Format(dayForm + " 15:04")
}

func stateText(lang string, t office.Task) string {
	if t.Cancelled {
		return office.TaskCancelled.Text(lang)
	}
	return t.State.Text(lang)
}

func (p *part) taskLines(ctx context.Context, lang string, tasks []office.Task) ([]taskLine, error) {
	names := who{p: p, lang: lang}
	var out []taskLine
	for _, t := range tasks {
		l := taskLine{Task: t, StateText: stateText(lang, t), DueText: dueText(t), Late: t.Late(p.s.Now())}
		if l.Summary == "" {
			l.Summary = say(lang, "без назви", "untitled")
			if t.Role == 0 && t.Private {
				l.Summary = say(lang, "особисте завдання", "private task")
			}
		}
		if t.Role != 0 {
			l.Link = "/office/tasks/" + strconv.FormatInt(t.ID, 10)
		}
		var err error
		switch t.Role {
		case office.TaskGiver:
			l.Who, err = names.name(ctx, t.Assignee)
		case office.TaskAssignee, office.TaskOwner:
			if t.Giver != t.Assignee { // also of a giver who has left
				l.Who, err = names.name(ctx, t.Giver)
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// tasksView is the Data of office_tasks.html.
type tasksView struct {
	Mine, Given []taskLine
	Ended       bool // those that have ended are shown too
	Done        string
}

func (p *part) tasksPage(w http.ResponseWriter, r *http.Request, m member) error {
	v := tasksView{Ended: r.URL.Query().Get("ended") == "1", Done: r.URL.Query().Get("done")}
	for _, list := range []struct {
		given bool
		into  *[]taskLine
	}{{false, &v.Mine}, {true, &v.Given}} {
		tasks, err := p.planner.TasksOf(r.Context(), m.Seat, list.given, v.Ended)
		if err != nil {
			return err
		}
		if *list.into, err = p.taskLines(r.Context(), p.s.Lang(r), tasks); err != nil {
			return err
		}
	}
	return p.s.Render(w, r, http.StatusOK, "office_tasks", v)
}

// choice is a person whom a task can be given to.
type choice struct {
	Seat, Name, Position string
	Chosen               bool
}

// unitOf are those who serve in the member's own unit, himself among them, in the order of the alphabet.
func (p *part) unitOf(ctx context.Context, m member) ([]office.Entry, error) {
	all, err := p.directory.Everyone(ctx, m.Body, m.Unit, "")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(e office.Entry) bool { return e.Unit != m.Unit })
	if !slices.ContainsFunc(all, func(e office.Entry) bool { return e.Seat == m.Seat }) { // the directory is filled within seconds
		all = append([]office.Entry{{Seat: m.Seat, Surname: m.Surname, Given: m.Given, Position: m.Position, PositionEN: m.PositionEN, Unit: m.Unit, Status: office.StatusValid}}, all...)
	}
	return all, nil
}

// choices are the colleagues of the unit with a valid ID, and whoever was chosen elsewhere.
func (p *part) choices(ctx context.Context, m member, lang string, chosen office.Seat) ([]choice, error) {
	out := []choice{{Seat: m.Seat.String(), Name: say(lang, "собі", "myself"), Chosen: chosen == m.Seat || chosen == office.Seat{}}}
	if (chosen != office.Seat{} && chosen != m.Seat) {
		c, err := p.assignee(ctx, m, chosen)
		if err != nil {
			return nil, err
		}
		out = append(out, choice{Seat: chosen.String(), Name: c.Name(), Position: c.Position, Chosen: true})
	}
	unit, err := p.unitOf(ctx, m)
	if err != nil {
		return nil, err
	}
	for _, e := range unit {
		if e.Status == office.StatusValid && e.Seat != m.Seat && e.Seat != chosen && len(out) < 200 {
			out = append(out, choice{Seat: e.Seat.String(), Name: e.Name(), Position: e.PositionIn(lang)})
		}
	}
	return out, nil
}

// assignee is a person of the giver's own body whose ID is valid now. Error: NoAssignee.
func (p *part) assignee(ctx context.Context, giver member, seat office.Seat) (office.Member, error) {
	if seat == giver.Seat {
		return giver.Member, nil
	}
	if seat.Body != giver.Body {
		return office.Member{}, NoAssignee
	}
	m, status, err := p.seated(ctx, seat)
	if errors.Is(err, office.ErrNotFound) || err == nil && status != office.StatusValid {
		return office.Member{}, NoAssignee.Because(fmt.Errorf("offices: assignee: %w", errors.Join(err, errors.New(status.String()))))
	}
	return m, err
}

// taskForm is a task as it is typed.
type taskForm struct {
	ETag, Summary, Description, Due, Time string
	Private, Changed                      bool
}

func taskFormOf(r *http.Request) taskForm {
	f := func(name string) string { return r.PostFormValue(name) }
	return taskForm{ETag: f("etag"), Summary: f("summary"), Description: f("description"), Due: f("due"), Time: f("time"), Private: f("private") != ""}
}

// draft reads what was typed. Error: PlanTime.
func (f taskForm) draft() (office.Draft, error) {
	d := office.Draft{Summary: f.Summary, Description: f.Description, Private: f.Private}
	if f.Due == "" {
		if f.Time != "" {
			return d, PlanTime
		}
		return d, nil
	}
	day, ok := dayOf(f.Due)
	if !ok {
		return d, PlanTime
	}
	if f.Time == "" {
		d.DueDate = true
		d.Due, _ = office.DayBounds(day.Date())
		return d, nil
	}
	t, err := time.Parse("15:04", f.Time)
	if err != nil {
		return d, PlanTime
	}
	d.Due = office.InKyiv(day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute))
	return d, nil
}

// taskNewView is the Data of office_task_new.html.
type taskNewView struct {
	Choices []choice
	Query   string
	Found   []choice
}

func (p *part) taskNewPage(w http.ResponseWriter, r *http.Request, m member) error {
	lang, q := p.s.Lang(r), r.URL.Query()
	var chosen office.Seat
	if to := q.Get("to"); to != "" {
		var err error
		if chosen, err = office.ParseSeat(to); err != nil {
			return NoAssignee.Because(err)
		}
	}
	var v taskNewView
	var err error
	if v.Choices, err = p.choices(r.Context(), m, lang, chosen); err != nil {
		return err
	}
	if v.Query = strings.TrimSpace(q.Get("q")); v.Query != "" {
		found, err := p.directory.Search(r.Context(), office.Query{Text: v.Query, Body: m.Body, Limit: 20})
		if err != nil {
			return err
		}
		for _, e := range found.Entries {
			if e.Status == office.StatusValid {
				v.Found = append(v.Found, choice{Seat: e.Seat.String(), Name: e.Name(), Position: e.PositionIn(lang)})
			}
		}
	}
	return p.s.Render(w, r, http.StatusOK, "office_task_new", v)
}

// to reads the assignee of a form.
func (p *part) to(r *http.Request, m member) (office.Member, error) {
	seat, err := office.ParseSeat(r.PostFormValue("to"))
	if err != nil {
		return office.Member{}, NoAssignee.Because(err)
	}
	return p.assignee(r.Context(), m, seat)
}

func (p *part) tasksPost(w http.ResponseWriter, r *http.Request, m member) error {
	d, err := taskFormOf(r).draft()
	if err != nil {
		return err
	}
	to, err := p.to(r, m)
	if err != nil {
		return err
	}
	id, err := p.planner.Give(r.Context(), m.Member, to, d, p.s.Now())
	if err != nil {
		return err
	}
	return see(w, r, "/office/tasks/"+strconv.FormatInt(id, 10)+"?done=given")
}

// stepButton is one thing that the caller may do to a task's state.
type stepButton struct{ To, Text string }

// stepText says what a step is, to who makes it.
func stepText(lang string, role office.Role, from, to office.TaskState) string {
	switch {
	case role == office.TaskOwner:
		return to.Text(lang)
	case to == office.TaskPrepared && from == office.TaskNew:
		return say(lang, "Підготовано", "Prepared")
	case to == office.TaskPrepared:
		return say(lang, "Зняти погодження", "Take the agreement back")
	case to == office.TaskAgreed:
		return say(lang, "Погодити", "Agree")
	case to == office.TaskNew && role == office.TaskGiver:
		return say(lang, "Повернути", "Return")
	case to == office.TaskNew:
		return say(lang, "Забрати назад", "Take back")
	}
	return say(lang, "Ознайомлено", "Acquainted")
}

// turn says whose step it is now.
func turn(lang string, t office.Task) string {
	mine := len(t.Steps()) > 0 && (t.Role == office.TaskAssignee && (t.State == office.TaskNew || t.State == office.TaskAgreed) || t.Role == office.TaskGiver && t.State == office.TaskPrepared)
	switch {
	case t.Ended() || t.Role == office.TaskOwner:
		return ""
	case mine:
		return say(lang, "Зараз ваш крок.", "It is your step now.")
	case t.Role == office.TaskGiver:
		return say(lang, "Зараз крок виконавця.", "It is the assignee's step now.")
	}
	return say(lang, "Зараз крок того, хто дав завдання.", "It is the giver's step now.")
}

// historyLine is a line of a task's history.
type historyLine struct{ At, Who, State string }

// taskView is the Data of office_task.html.
type taskView struct {
	Task       taskLine
	Giver, For string
	Turn       string
	Buttons    []stepButton
	History    []historyLine
	Edit       bool // the caller may change what it says
	Open       bool // it has not ended
	PutAway    bool // the caller may delete it
	Form       taskForm
	Theirs     taskForm
	Choices    []choice
	Done       string
	Action     string
	Steps      []stateStep
}

// stateStep is one of the four states on the way.
type stateStep struct {
	Text          string
	Done, Current bool
}

func taskNumber(r *http.Request) int64 {
	n, err := strconv.ParseInt(r.PathValue("task"), 10, 64)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

func taskPath(id int64) string { return "/office/tasks/" + strconv.FormatInt(id, 10) }

func (p *part) taskPage(w http.ResponseWriter, r *http.Request, m member) error {
	return p.showTask(w, r, m, http.StatusOK, nil)
}

// showTask shows a task; with typed, the change that came too late, too.
func (p *part) showTask(w http.ResponseWriter, r *http.Request, m member, status int, typed *taskForm) error {
	ctx, lang := r.Context(), p.s.Lang(r)
	t, err := p.planner.Task(ctx, m.Seat, taskNumber(r))
	if err != nil {
		return err
	}
	lines, err := p.taskLines(ctx, lang, []office.Task{t})
	if err != nil {
		return err
	}
	v := taskView{Task: lines[0], Turn: turn(lang, t), Edit: t.Role != office.TaskAssignee, Open: !t.Ended(), Done: r.URL.Query().Get("done"), Action: taskPath(t.ID)}
	v.PutAway = v.Edit || t.Ended()
	for _, to := range t.Steps() {
		v.Buttons = append(v.Buttons, stepButton{to.String(), stepText(lang, t.Role, t.State, to)})
	}
	for _, s := range office.TaskStates() {
		v.Steps = append(v.Steps, stateStep{s.Text(lang), s < t.State || s == t.State && t.State == office.TaskAcquainted, s == t.State && !t.Cancelled})
	}
	names := who{p: p, lang: lang}
	if t.Giver != t.Assignee {
		if v.Giver, err = names.name(ctx, t.Giver); err != nil {
			return err
		}
		if v.For, err = names.name(ctx, t.Assignee); err != nil {
			return err
		}
	}
	steps, err := p.planner.History(ctx, m.Seat, t.ID)
	if err != nil {
		return err
	}
	for _, s := range steps {
		name, err := names.name(ctx, s.By)
		if err != nil {
			return err
		}
		v.History = append(v.History, historyLine{s.At.In(office.Kyiv).Format(dayForm + " 15:04"), name, s.State.Text(lang)})
	}
	v.Form = taskForm{ETag: t.ETag, Summary: t.Summary, Description: t.Description, Private: t.Private}
	if !t.Due.IsZero() {
		v.Form.Due = kyivDay(t.Due).Format(time.DateOnly)
		if !t.DueDate {
			v.Form.Time = t.Due.In(office.Kyiv).Format("15:04")
		}
	}
	if typed != nil {
		v.Theirs = v.Form
		typed.ETag, typed.Changed = t.ETag, true
		v.Form = *typed
	}
	if v.Edit && v.Open {
		if v.Choices, err = p.choices(ctx, m, lang, m.Seat); err != nil {
			return err
		}
	}
	return p.s.Render(w, r, status, "office_task", v)
}

// moved answers a change of a task: its page again, or the list when the task is no more there.
func moved(w http.ResponseWriter, r *http.Request, done string, err error) error {
	if err != nil {
		return err
	}
	return see(w, r, taskPath(taskNumber(r))+"?done="+done)
}

func (p *part) taskMove(w http.ResponseWriter, r *http.Request, m member) error {
	to, ok := office.ParseTaskState(r.PostFormValue("to"))
	if !ok {
		return TaskStep
	}
	return moved(w, r, "moved", p.planner.Move(r.Context(), m.Seat, taskNumber(r), r.PostFormValue("etag"), to, p.s.Now()))
}

func (p *part) taskEdit(w http.ResponseWriter, r *http.Request, m member) error {
	f := taskFormOf(r)
	d, err := f.draft()
	if err != nil {
		return err
	}
	err = p.planner.Edit(r.Context(), m.Seat, taskNumber(r), f.ETag, d, p.s.Now())
	if errors.Is(err, office.ErrChanged) {
		return p.showTask(w, r, m, http.StatusConflict, &f)
	}
	return moved(w, r, "changed", err)
}

func (p *part) taskReassign(w http.ResponseWriter, r *http.Request, m member) error {
	to, err := p.to(r, m)
	if err != nil {
		return err
	}
	return moved(w, r, "given", p.planner.Reassign(r.Context(), m.Member, to, taskNumber(r), r.PostFormValue("etag"), p.s.Now()))
}

func (p *part) taskCancel(w http.ResponseWriter, r *http.Request, m member) error {
	return moved(w, r, "cancelled", p.planner.Cancel(r.Context(), m.Seat, taskNumber(r), r.PostFormValue("etag"), p.s.Now()))
}

func (p *part) taskDelete(w http.ResponseWriter, r *http.Request, m member) error {
	t, err := p.planner.Task(r.Context(), m.Seat, taskNumber(r))
	if err != nil {
		return err
	}
	err = p.planner.Delete(r.Context(), m.Seat, office.Tasks, t.Name, office.PutCondition{IfMatch: `"` + r.PostFormValue("etag") + `"`}, p.s.Now())
	if err != nil {
		return err
	}
	return see(w, r, "/office/tasks?done=deleted")
}
