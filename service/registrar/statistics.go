package registrar

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// parseDay reads a date of a form, ДД.ММ.РРРР or РРРР-ММ-ДД.
func parseDay(text string) (hr.Date, error) { return hr.ParseDate(text) }

// smallUnit is the fewest people of a unit that statistics name: fewer would tell of persons.
const smallUnit = 5

// bar is one bar of a plot, with its place in the drawing's units.
type bar struct {
	Label, Short   string
	Value          int
	X, Y, W, H     int
	TextX, TextY   int
	ValueX, ValueY int
	Class          string
}

// plot is one drawing with its table.
type plot struct {
	ID, Title, Note string
	Column          string
	Horizontal      bool
	Width, Height   int
	Base            int // y (or x, of horizontal bars) of the axis
	Bars            []bar
	Max             int
	Total           int
}

// Shape of the drawings.
const (
	plotWidth  = 720
	plotLabel  = 240 // room for the names of horizontal bars
	plotRow    = 30
	plotTall   = 220
	plotBottom = 24
)

// horizontal lays out bars with names beside them.
func (p *plot) horizontal() *plot {
	p.Horizontal, p.Width, p.Height, p.Base = true, plotWidth, plotRow*len(p.Bars)+10, plotLabel
	for _, b := range p.Bars {
		p.Max = max(p.Max, b.Value)
	}
	room := plotWidth - plotLabel - 60
	for i := range p.Bars {
		b := &p.Bars[i]
		b.X, b.Y, b.H = plotLabel, i*plotRow+6, plotRow-10
		if p.Max > 0 {
			b.W = b.Value * room / p.Max
		}
		if b.Value > 0 {
			b.W = max(b.W, 2)
		}
		b.TextX, b.TextY = plotLabel-8, b.Y+15
		b.ValueX, b.ValueY = plotLabel+b.W+6, b.Y+15
		b.Short = cut(b.Label, 30)
		if b.Class == "" {
			b.Class = "s1"
		}
	}
	return p
}

// vertical lays out bars with names below them; where there are many, only some names are written.
func (p *plot) vertical(every int) *plot {
	p.Width, p.Height, p.Base = plotWidth, plotTall+plotBottom, plotTall
	for _, b := range p.Bars {
		p.Max = max(p.Max, b.Value)
	}
	step := plotWidth / max(1, len(p.Bars))
	for i := range p.Bars {
		b := &p.Bars[i]
		if p.Max > 0 {
			b.H = b.Value * (plotTall - 24) / p.Max
		}
		if b.Value > 0 {
			b.H = max(b.H, 2)
		}
		b.X, b.Y, b.W = i*step+2, plotTall-b.H, max(2, step-4)
		b.TextX, b.TextY = b.X+b.W/2, plotTall+16
		b.ValueX, b.ValueY = b.X+b.W/2, b.Y-4
		if i%every == 0 {
			b.Short = cut(b.Label, 10)
		}
		if b.Class == "" {
			b.Class = "s1"
		}
	}
	return p
}

// cut shortens a text for a drawing; the table has it whole.
func cut(s string, n int) string {
	r := []rune(visible(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}

// statisticsPage is the statistics of a body.
type statisticsPage struct {
	ui
	Plots []*plot
	At    time.Time
}

func (p *pages) statistics(c *call) error {
	all, err := p.peopleOf(c.r.Context(), c.body, c.at)
	if err != nil {
		return err
	}
	v := statisticsPage{ui: c.ui(), At: all.at}
	v.Plots = []*plot{v.byState(all), v.byStep(all), v.byUnit(all), v.byDay(all, c.at), v.expiring(all, c.at)}
	return c.show("statistics", v)
}

var stateClasses = map[issuer.State]string{issuer.StateIssued: "s2", issuer.StateSuspended: "s3", issuer.StateRevoked: "s4", issuer.StateExpired: "s6", issuer.StateReplaced: "s5"}

func (u ui) byState(all *people) *plot {
	p := &plot{ID: "by-state", Title: u.T("Посвідчення за станом", "IDs by state"), Column: u.T("Стан", "State")}
	for _, s := range []issuer.State{issuer.StateIssued, issuer.StateSuspended, issuer.StateRevoked, issuer.StateExpired, issuer.StateReplaced} {
		p.Bars = append(p.Bars, bar{Label: u.State(s), Value: all.counts[s], Class: stateClasses[s]})
		p.Total += all.counts[s]
	}
	return p.horizontal()
}

func (u ui) byStep(all *people) *plot {
	p := &plot{ID: "by-step", Title: u.T("Люди в посадах: шлях до посвідчення", "People in posts: the way to an ID"), Column: u.T("Крок", "Step")}
	for _, s := range []issuer.Step{issuer.StepIssued, issuer.StepSuspended, issuer.StepToIssue, issuer.StepSlipOpen, issuer.StepNoSlip, issuer.StepNotEntitled} {
		p.Bars = append(p.Bars, bar{Label: s.Text(u.Lang), Value: all.steps[s]})
		p.Total += all.steps[s]
	}
	return p.horizontal()
}

// byUnit counts issued IDs by unit. Units with fewer than smallUnit people in posts are put together, and shown only when they
// are enough together.
func (u ui) byUnit(all *people) *plot {
	const most = 15
	people, issued := map[string]int{}, map[string]int{}
	for i := range all.standings {
		s := &all.standings[i]
		people[s.Record.Unit]++
		if s.Step == issuer.StepIssued {
			issued[s.Record.Unit]++
		}
	}
	p := &plot{ID: "by-unit", Title: u.T("Видано за підрозділами", "Issued by unit"), Column: u.T("Підрозділ", "Unit"),
		Note: u.T("Підрозділи, де менше п'яти осіб, зведено разом.", "Units of fewer than five people are put together.")}
	rest, restPeople := 0, 0
	var bars []bar
	for unit, n := range people {
		if n < smallUnit || unit == "" {
			rest, restPeople = rest+issued[unit], restPeople+n
			continue
		}
		bars = append(bars, bar{Label: unit, Value: issued[unit]})
	}
	slices.SortFunc(bars, func(x, y bar) int { return cmp.Or(cmp.Compare(y.Value, x.Value), cmp.Compare(x.Label, y.Label)) })
	if len(bars) > most {
		for _, b := range bars[most:] {
			rest, restPeople = rest+b.Value, restPeople+people[b.Label]
		}
		bars = bars[:most]
	}
	if restPeople >= smallUnit {
		bars = append(bars, bar{Label: u.T("решта", "the rest"), Value: rest, Class: "s6"})
	}
	p.Bars = bars
	for _, b := range bars {
		p.Total += b.Value
	}
	return p.horizontal()
}

func (u ui) byDay(all *people, at time.Time) *plot {
	const days = 30
	p := &plot{ID: "by-day", Title: u.T("Видано за днями, 30 днів", "Issued by day, 30 days"), Column: u.T("День", "Day")}
	today := hr.DateInKyiv(at)
	counts := map[hr.Date]int{}
	for i := range all.ids {
		counts[hr.DateInKyiv(all.ids[i].ID.IssuedAt)]++
	}
	for n := days - 1; n >= 0; n-- {
		day := today.AddDays(-n)
		p.Bars = append(p.Bars, bar{Label: day.UA(), Value: counts[day]})
		p.Total += counts[day]
	}
	p.vertical(5)
	for i := range p.Bars {
		if p.Bars[i].Short != "" {
			p.Bars[i].Short = p.Bars[i].Label[:5]
		}
	}
	return p
}

// expiring counts people whose plastic or employment ends soon: after that day there is no electronic ID.
func (u ui) expiring(all *people, at time.Time) *plot {
	const weeks = 12
	p := &plot{ID: "expiring", Title: u.T("У кого скоро скінчиться право на посвідчення, за тижнями", "Whose right to an ID ends soon, by week"), Column: u.T("Тиждень від", "Week from")}
	today := hr.DateInKyiv(at)
	counts := make([]int, weeks)
	for i := range all.standings {
		s := &all.standings[i]
		until := s.Record.ValidUntil()
		if !s.ID.State.Live() || until.IsZero() || until.Before(today) {
			continue
		}
		if week := int(until.Start().Sub(today.Start()).Hours()/24+0.5) / 7; week < weeks {
			counts[week]++
		}
	}
	for i, n := range counts {
		p.Bars = append(p.Bars, bar{Label: today.AddDays(7 * i).UA(), Value: n, Class: "s3"})
		p.Total += n
	}
	p.vertical(1)
	for i := range p.Bars {
		p.Bars[i].Short = p.Bars[i].Label[:5]
	}
	return p
}

// Summary is what a drawing says to who cannot see it.
func (p *plot) Summary() string {
	top := bar{}
	for _, b := range p.Bars {
		if b.Value > top.Value {
			top = b
		}
	}
	if top.Value == 0 {
		return p.Title + ": 0"
	}
	return fmt.Sprintf("%s: %s; %s — %d", p.Title, strconv.Itoa(p.Total), visible(top.Label), top.Value)
}
