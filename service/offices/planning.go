package offices

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Problems of planning.
var (
	UnknownPlan = service.NewProblem(http.StatusNotFound, "office-plan-unknown", "Такої події чи завдання у вас немає.", "You have no such event or task.",
		"Відкрийте день чи перелік завдань ще раз.", "Open the day or the list of tasks again.")
	PlanChanged = service.NewProblem(http.StatusConflict, "office-plan-changed", "Тим часом це змінили на іншому пристрої.", "Meanwhile this was changed on another device.",
		"Відкрийте ще раз і повторіть свою зміну.", "Open it again and make your change once more.")
	PlanSummary = service.NewProblem(http.StatusUnprocessableEntity, "office-plan-summary", "Назва має бути від 1 до 300 знаків.", "The title has to be 1 to 300 characters.",
		"Виправте назву.", "Mend the title.")
	PlanText = service.NewProblem(http.StatusUnprocessableEntity, "office-plan-text", "Текст задовгий: понад 8000 знаків або разом понад 64 КіБ.", "The text is too long: more than 8,000 characters, or more than 64 KiB in all.",
		"Скоротіть текст.", "Shorten the text.")
	PlanTime = service.NewProblem(http.StatusUnprocessableEntity, "office-plan-time", "Дата чи час не такі, як має бути.", "The date or the time is not as it has to be.",
		"Перевірте, що кінець не раніше за початок.", "Check that the end is not before the beginning.")
	PlanFull = service.NewProblem(http.StatusConflict, "office-plan-full", "У календарі чи переліку завдань більше немає місця.", "The calendar or the list of tasks has no room left.",
		"Видаліть давні записи.", "Delete old entries.")
	PlanSeries = service.NewProblem(http.StatusConflict, "office-plan-series", "Подія повторюється: тут її не змінити.", "The event recurs: it cannot be changed here.",
		"Змініть її в програмі календаря.", "Change it in your calendar program.")
	PlanData = service.NewProblem(http.StatusConflict, "office-plan-data", "Цей запис тут так змінити не можна.", "This entry cannot be changed so here.",
		"Змініть його в програмі, у якій його створено.", "Change it in the program that made it.")
	TaskStep = service.NewProblem(http.StatusConflict, "office-task-step", "Цей крок завдання не ваш або вже зроблений.", "This step of the task is not yours, or was made already.",
		"Відкрийте завдання й гляньте, чий зараз крок.", "Open the task and see whose step it is now.")
	TaskOfAnother = service.NewProblem(http.StatusForbidden, "office-task-of-another", "Зміст завдання змінює лише той, хто його дав.", "Only its giver changes what a task says.",
		"Попросіть його про зміну.", "Ask the giver for the change.")
	NoAssignee = service.NewProblem(http.StatusUnprocessableEntity, "office-task-assignee", "Цій людині завдання дати не можна.", "This person cannot be given a task.",
		"Оберіть людину свого органу з чинним посвідченням.", "Choose a person of your own body who has a valid service ID.")
	NoFeed = service.NewProblem(http.StatusNotFound, "office-feed", "За цією адресою календаря немає.", "There is no calendar at this address.",
		"Створіть нову секретну адресу на сторінці «Секретна адреса календаря».", "Make a new secret address on the page “Secret address of the calendar”.")
)

// planProblem is a problem for an error of the planner.
func planProblem(err error) error {
	if known := (*service.Problem)(nil); errors.As(err, &known) {
		return err
	}
	for _, one := range []struct {
		err     error
		problem *service.Problem
	}{{office.ErrNotFound, UnknownPlan}, {office.ErrChanged, PlanChanged}, {office.ErrSummary, PlanSummary}, {office.ErrText, PlanText}, {office.ErrTime, PlanTime},
		{office.ErrFull, PlanFull}, {office.ErrSeries, PlanSeries}} {
		if errors.Is(err, one.err) {
			return one.problem.Because(err)
		}
	}
	switch {
	case office.IsTaskStep(err):
		return TaskStep.Because(err)
	case office.IsTaskOfAnother(err):
		return TaskOfAnother.Because(err)
	}
	if wrong := (*office.CalendarError)(nil); errors.As(err, &wrong) {
		if wrong.Condition == "max-resource-size" {
			return PlanText.Because(err)
		}
		return PlanData.Because(err)
	}
	return err
}

func (p *part) mountPlanning() error {
	var err error
	if p.planner, err = office.OpenPlanner(context.Background(), p.c.Store); err != nil {
		return err
	}
	for _, route := range []struct {
		pattern string
		h       func(w http.ResponseWriter, r *http.Request, m member) error
	}{
		{"GET /office/day", p.dayPage},
		{"POST /office/day", p.dayPost},
		{"GET /office/event", p.eventPage},
		{"POST /office/event", p.eventPost},
		{"POST /office/event/delete", p.eventDelete},
		{"GET /office/unit", p.weekPage},
		{"GET /office/tasks", p.tasksPage},
		{"POST /office/tasks", p.tasksPost},
		{"GET /office/tasks/new", p.taskNewPage},
		{"GET /office/tasks/{task}", p.taskPage},
		{"POST /office/tasks/{task}/move", p.taskMove},
		{"POST /office/tasks/{task}/edit", p.taskEdit},
		{"POST /office/tasks/{task}/reassign", p.taskReassign},
		{"POST /office/tasks/{task}/cancel", p.taskCancel},
		{"POST /office/tasks/{task}/delete", p.taskDelete},
		{"GET /office/feeds", p.feedsPage},
		{"POST /office/feeds", p.feedsPost},
		{"POST /office/feeds/{feed}/end", p.feedEnd},
	} {
		p.s.Page(route.pattern, officials, func(w http.ResponseWriter, r *http.Request) error {
			m, err := p.member(r)
			if err != nil {
				return err
			}
			return planProblem(route.h(w, r, m))
		})
	}
	// Public: calendar programs send no password here. The 160 random bits of the address decide, and the ID's state.
	p.s.Page("GET /office/feed/{file}", service.Access{Public: true}, p.feed)
	p.atHome(p.homeDay)
	p.atHome(p.homeTasks)
	p.s.Every("office-planning-prune", 24*time.Hour, func(ctx context.Context, at time.Time) error { return p.planner.Prune(ctx, at) })
	p.s.Every("office-planning-leavers", 10*time.Minute, p.leavers)
	return nil
}

// leavers tells the planner who has left and who is there again. Of a body that is not served here now nothing is known, and
// nothing is forgotten.
func (p *part) leavers(ctx context.Context, at time.Time) error {
	seats, err := p.planner.Seats(ctx)
	if err != nil {
		return err
	}
	for _, seat := range seats {
		if _, err := p.s.Body(seat.Body); err != nil {
			continue
		}
		post, _, err := p.post(ctx, seat)
		switch {
		case errors.Is(err, office.ErrNotFound) || err == nil && hasLeft(&post, at):
			err = p.planner.Leave(ctx, seat, at)
		case err == nil:
			err = p.planner.Return(ctx, seat)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var weekdayTexts = [7][2]string{{"неділя", "Sunday"}, {"понеділок", "Monday"}, {"вівторок", "Tuesday"}, {"середа", "Wednesday"}, {"четвер", "Thursday"}, {"п'ятниця", "Friday"}, {"субота", "Saturday"}}

var shortWeekdayTexts = [7][2]string{{"нд", "Sun"}, {"пн", "Mon"}, {"вт", "Tue"}, {"ср", "Wed"}, {"чт", "Thu"}, {"пт", "Fri"}, {"сб", "Sat"}}

func say(lang, uk, en string) string {
	if lang == "en" {
		return en
	}
	return uk
}

// kyivDay is the date in Kyiv, as if in UTC.
func kyivDay(at time.Time) time.Time {
	y, m, d := at.In(office.Kyiv).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dayOf reads a date of a form or an address; what is no date of these centuries is not ok.
func dayOf(text string) (time.Time, bool) {
	d, err := time.Parse(time.DateOnly, text)
	return d, err == nil && d.Year() >= 1900 && d.Year() <= 2199
}

const dayForm = "02.01.2006"

// dayText is a date with its weekday.
func dayText(lang string, day time.Time) string {
	t := weekdayTexts[day.Weekday()]
	return say(lang, t[0], t[1]) + ", " + day.Format(dayForm)
}

// shortDayText is a day for the head of a narrow column.
func shortDayText(lang string, day time.Time) string {
	t := shortWeekdayTexts[day.Weekday()]
	return say(lang, t[0], t[1]) + " " + day.Format("02.01")
}

// span is the times of an event as one day of a view has them.
func span(lang string, e office.Event, from, to time.Time) string {
	if e.AllDay || !e.Start.After(from) && !e.End.Before(to) {
		return say(lang, "увесь день", "all day")
	}
	clock := func(t time.Time) string { return t.In(office.Kyiv).Format("15:04") }
	switch {
	case e.Start.Before(from):
		return say(lang, "до ", "until ") + clock(e.End)
	case e.End.After(to):
		return say(lang, "від ", "from ") + clock(e.Start)
	case !e.End.After(e.Start):
		return clock(e.Start)
	}
	return clock(e.Start) + "–" + clock(e.End)
}

// eventLine is an event on a day.
type eventLine struct {
	When, Summary, Location, Description string
	Link                                 string // to change it; empty: not here
	Delete                               string // its name, to delete a series as a whole
	ETag                                 string
	Private, Recurring, Tentative        bool
}

func (p *part) eventLines(lang string, events []office.Event, day time.Time) []eventLine {
	from, to := office.DayBounds(day.Date())
	var out []eventLine
	for _, e := range events {
		if e.End.After(e.Start) && (!e.End.After(from) || !e.Start.Before(to)) || !e.End.After(e.Start) && (e.Start.Before(from) || !e.Start.Before(to)) {
			continue
		}
		l := eventLine{When: span(lang, e, from, to), Summary: e.Summary, Location: e.Location, Description: e.Description, Private: e.Private, Recurring: e.Recurring, Tentative: e.Tentative}
		switch {
		case e.Name == "" && e.Private:
			l.Summary = say(lang, "зайнято", "busy")
		case e.Summary == "":
			l.Summary = say(lang, "без назви", "untitled")
		}
		if e.Name != "" && e.Recurring {
			l.Delete, l.ETag = e.Name, e.ETag
		} else if e.Name != "" {
			l.Link = "/office/event?name=" + url.QueryEscape(e.Name)
		}
		out = append(out, l)
	}
	return out
}

// dayView is the Data of office_day.html.
type dayView struct {
	Day, Prev, Next, Date string // Day for people, the others for addresses
	Today                 bool
	Lines                 []eventLine
	More                  bool
	Due                   []taskLine // due that day, or earlier on the day of today
	Form                  eventForm
	Done                  string
	Note                  string // a day on which the clocks change
}

func (p *part) dayPage(w http.ResponseWriter, r *http.Request, m member) error {
	lang, at := p.s.Lang(r), p.s.Now()
	today := kyivDay(at)
	day, ok := dayOf(r.URL.Query().Get("date"))
	if !ok {
		day = today
	}
	from, to := office.DayBounds(day.Date())
	events, more, err := p.planner.Agenda(r.Context(), m.Seat, m.Seat, from, to)
	if err != nil {
		return err
	}
	v := dayView{Day: dayText(lang, day), Prev: day.AddDate(0, 0, -1).Format(time.DateOnly), Next: day.AddDate(0, 0, 1).Format(time.DateOnly), Date: day.Format(time.DateOnly),
		Today: day.Equal(today), Lines: p.eventLines(lang, events, day), More: more, Done: r.URL.Query().Get("done"), Form: eventForm{Date: day.Format(time.DateOnly), From: "09:00", Until: "10:00"}}
	switch hours := to.Sub(from) / time.Hour; {
	case hours < 24:
		v.Note = say(lang, "Цього дня годинники переводять на годину вперед: з 03:00 на 04:00.", "The clocks go forward by an hour on this day: from 03:00 to 04:00.")
	case hours > 24:
		v.Note = say(lang, "Цього дня годинники переводять на годину назад: з 04:00 на 03:00.", "The clocks go back by an hour on this day: from 04:00 to 03:00.")
	}
	tasks, err := p.planner.TasksOf(r.Context(), m.Seat, false, false)
	if err != nil {
		return err
	}
	tasks = slices.DeleteFunc(tasks, func(t office.Task) bool {
		due := kyivDay(t.Due)
		return t.Due.IsZero() || due.After(day) || due.Before(day) && !v.Today
	})
	if v.Due, err = p.taskLines(r.Context(), lang, tasks); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_day", v)
}

// eventForm is an event as it is typed.
type eventForm struct {
	Name, ETag                     string // of a stored one
	Summary, Location, Description string
	Date, From, Last, Until        string
	AllDay, Private                bool
	Changed                        bool // somebody else wrote meanwhile
}

func formOf(r *http.Request) eventForm {
	f := func(name string) string { return r.PostFormValue(name) }
	return eventForm{Name: f("name"), ETag: f("etag"), Summary: f("summary"), Location: f("location"), Description: f("description"),
		Date: f("date"), From: f("from"), Last: f("last"), Until: f("until"), AllDay: f("allday") != "", Private: f("private") != ""}
}

// draft reads what was typed. Error: PlanTime.
func (f eventForm) draft() (office.EventDraft, error) {
	d := office.EventDraft{Summary: f.Summary, Location: f.Location, Description: f.Description, AllDay: f.AllDay, Private: f.Private}
	first, ok := dayOf(f.Date)
	last := first
	if f.Last != "" {
		var also bool
		last, also = dayOf(f.Last)
		ok = ok && also
	}
	if !ok {
		return d, PlanTime
	}
	if f.AllDay {
		d.Start, _ = office.DayBounds(first.Date())
		_, d.End = office.DayBounds(last.Date())
		return d, nil
	}
	from, err := time.Parse("15:04", f.From)
	until, err2 := time.Parse("15:04", f.Until)
	if err != nil || err2 != nil {
		return d, PlanTime
	}
	clock := func(day, t time.Time) time.Time {
		return office.InKyiv(day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute))
	}
	d.Start, d.End = clock(first, from), clock(last, until)
	return d, nil
}

func see(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

func (p *part) dayPost(w http.ResponseWriter, r *http.Request, m member) error {
	f := formOf(r)
	d, err := f.draft()
	if err != nil {
		return err
	}
	if _, err := p.planner.AddEvent(r.Context(), m.Seat, d, p.s.Now()); err != nil {
		return err
	}
	return see(w, r, "/office/day?date="+kyivDay(d.Start).Format(time.DateOnly)+"&done=added")
}

// stored is the form of an event as it is kept.
func (p *part) stored(ctx context.Context, m member, name string) (eventForm, error) {
	d, etag, err := p.planner.ReadEvent(ctx, m.Seat, name)
	if err != nil {
		return eventForm{}, err
	}
	f := eventForm{Name: name, ETag: etag, Summary: d.Summary, Location: d.Location, Description: d.Description, AllDay: d.AllDay, Private: d.Private,
		Date: kyivDay(d.Start).Format(time.DateOnly), From: d.Start.In(office.Kyiv).Format("15:04"), Last: kyivDay(d.End).Format(time.DateOnly), Until: d.End.In(office.Kyiv).Format("15:04")}
	if d.AllDay {
		f.Last, f.From, f.Until = kyivDay(d.End.Add(-time.Hour)).Format(time.DateOnly), "09:00", "10:00"
	}
	return f, nil
}

// eventView is the Data of office_event.html.
type eventView struct {
	Form   eventForm
	Theirs eventForm // what is stored, when it was changed meanwhile
}

func (p *part) eventPage(w http.ResponseWriter, r *http.Request, m member) error {
	f, err := p.stored(r.Context(), m, r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_event", eventView{Form: f})
}

func (p *part) eventPost(w http.ResponseWriter, r *http.Request, m member) error {
	f := formOf(r)
	d, err := f.draft()
	if err != nil {
		return err
	}
	err = p.planner.ChangeEvent(r.Context(), m.Seat, f.Name, f.ETag, d, p.s.Now())
	if errors.Is(err, office.ErrChanged) { // nothing typed is lost: both are shown, and the next sending is over what is there now
		theirs, err := p.stored(r.Context(), m, f.Name)
		if err != nil {
			return err
		}
		f.ETag, f.Changed = theirs.ETag, true
		return p.s.Render(w, r, http.StatusConflict, "office_event", eventView{Form: f, Theirs: theirs})
	}
	if err != nil {
		return err
	}
	return see(w, r, "/office/day?date="+kyivDay(d.Start).Format(time.DateOnly)+"&done=changed")
}

func (p *part) eventDelete(w http.ResponseWriter, r *http.Request, m member) error {
	f := formOf(r)
	if f.ETag == "" {
		return PlanChanged
	}
	if err := p.planner.Delete(r.Context(), m.Seat, office.Day, f.Name, office.PutCondition{IfMatch: `"` + f.ETag + `"`}, p.s.Now()); err != nil {
		return err
	}
	day, ok := dayOf(f.Date)
	if !ok {
		day = kyivDay(p.s.Now())
	}
	return see(w, r, "/office/day?date="+day.Format(time.DateOnly)+"&done=deleted")
}

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

// weekRow is one person in the unit's week.
type weekRow struct {
	Name, Position, Status string // Status: in words, when the ID is not valid
	Days                   [7][]eventLine
	Tasks                  []taskLine
}

// weekView is the Data of office_week.html.
type weekView struct {
	Unit, Week          string
	Days                [7]string
	Date, Prev, Next    string
	Rows                []weekRow
	Page, Before, After int // Before, After: numbers of other pages; 0: none
	Total               int
}

// weekPageSize is how many people one page of the unit's week shows.
const weekPageSize = 30

func (p *part) weekPage(w http.ResponseWriter, r *http.Request, m member) error {
	ctx, lang, q := r.Context(), p.s.Lang(r), r.URL.Query()
	day, ok := dayOf(q.Get("week"))
	if !ok {
		day = kyivDay(p.s.Now())
	}
	monday := day.AddDate(0, 0, -int((day.Weekday()+6)%7))
	sunday := monday.AddDate(0, 0, 6)
	people, err := p.unitOf(ctx, m)
	if err != nil {
		return err
	}
	v := weekView{Unit: m.Unit, Week: monday.Format(dayForm) + "–" + sunday.Format(dayForm), Date: monday.Format(time.DateOnly), Total: len(people),
		Prev: monday.AddDate(0, 0, -7).Format(time.DateOnly), Next: monday.AddDate(0, 0, 7).Format(time.DateOnly)}
	if v.Unit == "" {
		v.Unit = m.body.Name
	}
	for i := range v.Days {
		v.Days[i] = shortDayText(lang, monday.AddDate(0, 0, i))
	}
	v.Page = 1
	if n, err := strconv.Atoi(q.Get("page")); err == nil && n >= 1 && (n-1)*weekPageSize < len(people) {
		v.Page = n
	}
	if v.Page > 1 {
		v.Before = v.Page - 1
	}
	if v.Page*weekPageSize < len(people) {
		v.After = v.Page + 1
	}
	people = people[(v.Page-1)*weekPageSize : min(len(people), v.Page*weekPageSize)]
	from, _ := office.DayBounds(monday.Date())
	_, to := office.DayBounds(sunday.Date())
	for _, e := range people {
		row := weekRow{Name: e.Name(), Position: e.PositionIn(lang)}
		if e.Status != office.StatusValid {
			row.Status = e.Status.Text(lang)
		}
		events, _, err := p.planner.Agenda(ctx, m.Seat, e.Seat, from, to)
		if err != nil {
			return err
		}
		for i := range row.Days {
			row.Days[i] = p.eventLines(lang, events, monday.AddDate(0, 0, i))
		}
		tasks, err := p.planner.TasksFor(ctx, m.Seat, e.Seat)
		if err != nil {
			return err
		}
		if row.Tasks, err = p.taskLines(ctx, lang, tasks); err != nil {
			return err
		}
		v.Rows = append(v.Rows, row)
	}
	return p.s.Render(w, r, http.StatusOK, "office_week", v)
}

// feedsView is the Data of office_feeds.html.
type feedsView struct {
	Feeds []office.Feed
	Made  string // the new address, shown once
	Done  string
}

func (p *part) feedsPage(w http.ResponseWriter, r *http.Request, m member) error {
	return p.showFeeds(w, r, m, http.StatusOK, feedsView{Done: r.URL.Query().Get("done")})
}

func (p *part) showFeeds(w http.ResponseWriter, r *http.Request, m member, status int, v feedsView) error {
	var err error
	if v.Feeds, err = p.standingFeeds(r.Context(), m.Seat); err != nil {
		return err
	}
	return p.s.Render(w, r, status, "office_feeds", v)
}

// standingFeeds are the secret addresses of a post; those that were made by means of a phone that was lost are ended.
func (p *part) standingFeeds(ctx context.Context, seat office.Seat) ([]office.Feed, error) {
	_, ids, err := p.post(ctx, seat)
	if err != nil {
		return nil, err
	}
	list, err := p.planner.Feeds(ctx, seat)
	if err != nil {
		return nil, err
	}
	var out []office.Feed
	for _, f := range list {
		if outlives(ids, f.Made, p.s.Now()) {
			out = append(out, f)
		} else if err := p.planner.EndFeed(ctx, seat, f.ID); err != nil && !errors.Is(err, office.ErrNotFound) {
			return nil, err
		}
	}
	return out, nil
}

// feedsPost makes a secret address; renew ends another with it. The answer is the page itself: the address is shown once, and
// must lie neither in the browser's history nor in a session.
func (p *part) feedsPost(w http.ResponseWriter, r *http.Request, m member) error {
	if renew := r.PostFormValue("renew"); renew != "" {
		id, err := strconv.ParseInt(renew, 10, 64)
		if err != nil {
			return NoFeed
		}
		if err := p.planner.EndFeed(r.Context(), m.Seat, id); errors.Is(err, office.ErrNotFound) {
			return NoFeed.Because(err)
		} else if err != nil {
			return err
		}
	}
	if _, err := p.standingFeeds(r.Context(), m.Seat); err != nil {
		return err
	}
	secret, err := p.planner.MakeFeed(r.Context(), m.Seat, r.PostFormValue("detail") == "yes", p.s.Now())
	if err != nil {
		return err
	}
	return p.showFeeds(w, r, m, http.StatusOK, feedsView{Made: p.s.Origin + "/office/feed/" + secret + ".ics"})
}

func (p *part) feedEnd(w http.ResponseWriter, r *http.Request, m member) error {
	id, err := strconv.ParseInt(r.PathValue("feed"), 10, 64)
	if err != nil {
		return NoFeed
	}
	if err := p.planner.EndFeed(r.Context(), m.Seat, id); errors.Is(err, office.ErrNotFound) {
		return NoFeed.Because(err)
	} else if err != nil {
		return err
	}
	return see(w, r, "/office/feeds?done=ended")
}

// feed answers at a secret address while its owner's service ID is valid. Nothing tells an address that ended from one that never
// was.
func (p *part) feed(w http.ResponseWriter, r *http.Request) error {
	secret, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !ok || len(secret) != 32 {
		return NoFeed
	}
	ctx, at := r.Context(), p.s.Now()
	f, err := p.planner.OpenFeed(ctx, secret, at)
	if errors.Is(err, office.ErrNotFound) {
		return NoFeed.Because(err)
	}
	if err != nil {
		return err
	}
	post, ids, err := p.post(ctx, f.Seat)
	if errors.Is(err, office.ErrNotFound) || err == nil && (statusIn(&post, ids, at) != office.StatusValid || !outlives(ids, f.Made, at)) {
		return NoFeed.Because(errors.New("offices: owner of the feed has no valid ID, or has it on another phone now"))
	}
	if err != nil {
		return err
	}
	data, err := p.planner.FeedData(ctx, f, p.s.Lang(r), at)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="posvid.ics"`)
	w.Header().Set("Cache-Control", "private, no-cache")
	_, err = w.Write(data)
	return err
}

// homeLines bounds what the first page shows of planning.
const homeLines = 6

func (p *part) homeDay(ctx context.Context, m member, at time.Time, lang string) (homeSection, error) {
	s := homeSection{ID: "day", Title: say(lang, "Сьогодні", "Today"), Empty: say(lang, "Подій на сьогодні немає.", "There are no events today."),
		More: "/office/day", MoreText: say(lang, "День", "The day")}
	day := kyivDay(at)
	from, to := office.DayBounds(day.Date())
	events, _, err := p.planner.Agenda(ctx, m.Seat, m.Seat, from, to)
	if err != nil {
		return s, err
	}
	for _, l := range p.eventLines(lang, events, day) {
		if len(s.Lines) < homeLines {
			s.Lines = append(s.Lines, homeLine{When: l.When, Text: l.Summary, Link: l.Link, Note: l.Location})
		}
	}
	return s, nil
}

func (p *part) homeTasks(ctx context.Context, m member, at time.Time, lang string) (homeSection, error) {
	s := homeSection{ID: "tasks", Title: say(lang, "Завдання", "Tasks"), Empty: say(lang, "Відкритих завдань немає.", "There are no open tasks."),
		More: "/office/tasks", MoreText: say(lang, "Усі завдання", "All tasks")}
	tasks, err := p.planner.TasksOf(ctx, m.Seat, false, false)
	if err != nil {
		return s, err
	}
	lines, err := p.taskLines(ctx, lang, tasks[:min(len(tasks), homeLines)])
	if err != nil {
		return s, err
	}
	for _, l := range lines {
		note := l.StateText
		if l.Late {
			note += say(lang, ", прострочено", ", late")
		}
		s.Lines = append(s.Lines, homeLine{When: l.DueText, Text: l.Summary, Link: l.Link, Note: note})
	}
	return s, nil
}
