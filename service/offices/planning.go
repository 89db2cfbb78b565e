package offices

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
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
