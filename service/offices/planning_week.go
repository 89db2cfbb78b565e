package offices

import (
	"net/http"
	"strconv"
	"time"

	"github.com/posvid/posvid/office"
)

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
