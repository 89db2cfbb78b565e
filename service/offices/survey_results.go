package offices

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// SurveyResultsLater: results while a survey is open would tell, by how they change, what the last one answered.
var SurveyResultsLater = service.NewProblem(http.StatusConflict, "survey-results-later", "Результати з'являться після закриття.", "The results appear after the survey closes.",
	"Прийдіть після дня закриття.", "Come back after the day of closing.")

// segment is one rectangle of a chart.
type segment struct {
	X, W  int
	Class string // s1 … s6
	Label string // with its number, for the tooltip
}

// bar is one line of a chart: a label, and one rectangle or several beside each other.
type bar struct {
	Label    string // cut short; the table has it whole
	Y, Top   int    // of the line; of its rectangles in it
	Segments []segment
	Value    string
	ValueX   int
}

// chart is a picture of the numbers that the table beside it has.
type chart struct {
	Width, Height int
	Summary       string
	Bars          []bar
	Legend        []segment // of a chart whose bars have several rectangles; X and W are not used
}

const (
	chartWidth = 400 // user units; the page scales it, on a phone by a quarter
	chartBar   = chartWidth - 60
	chartLine  = 46
)

// resultView is one question on the page of results.
type resultView struct {
	lang             string
	ID               string // in the page
	Number, Answered int    // Answered -1: withheld
	Text             string
	Chart            *chart
	Rows             []office.ResultRow
	Parts            bool // the table has a column of options
	Mean             string
	Texts            []string
	Withheld, Firsts bool
	Partly           bool // some cells are withheld
}

// T is the text of the page's language.
func (v resultView) T(uk, en string) string { return say(v.lang, uk, en) }

// Share is a percentage of the table.
func (v resultView) Share(percent float64) string { return office.Decimal(v.lang, percent, 1) }

// resultsView is the Data of office_survey_results.html.
type resultsView struct {
	Survey           office.Survey
	Title, Base      string // Base: path of this page; /csv and /xlsx below it are files
	Closes           string
	Received         int
	Turnout          string // percent
	Few              bool   // fewer than k answered: no results
	K                int
	Questions        []resultView
	Editor           bool
	Recount, KeyHash string // in groups of four digits
	Units            []unitResults
}

// unitResults are the results of one unit of a named survey.
type unitResults struct {
	Name      string
	Received  int
	Questions []resultView
}

// surveyResults reads the results of a closed survey.
func (p *part) surveyResults(ctx context.Context, s *office.Survey) (office.Tally, []office.NamedAnswer, error) {
	if s.State != office.SurveyClosed || s.Anonymous && s.Recount == nil {
		return office.Tally{}, nil, SurveyResultsLater
	}
	if s.Anonymous {
		t, err := p.keptTally(ctx, s.ID)
		return t, nil, err
	}
	named, err := p.surveys.Answers(ctx, s.ID)
	if err != nil {
		return office.Tally{}, nil, err
	}
	answers := make([]office.Answer, len(named))
	for i, a := range named {
		answers[i] = a.Answer
	}
	return office.TallyAnswers(&s.Definition, answers), named, nil
}

// readableSurvey is a survey that the member was asked in. Everybody else is told that there is none.
func (p *part) readableSurvey(r *http.Request) (office.Survey, error) {
	m, err := p.member(r)
	if err != nil {
		return office.Survey{}, err
	}
	s, err := p.surveys.Survey(r.Context(), r.PathValue("id"))
	if err != nil {
		return s, surveyProblem(err)
	}
	person, err := p.surveyPerson(r.Context(), s.ID, m.Seat)
	if err != nil {
		return s, err
	}
	standing, err := p.surveys.Standing(r.Context(), s.ID, person)
	if err != nil {
		return s, surveyProblem(err)
	}
	if !standing.Eligible {
		return s, UnknownSurvey
	}
	return s, nil
}

func (p *part) resultsPage(w http.ResponseWriter, r *http.Request) error {
	s, err := p.readableSurvey(r)
	if err != nil {
		return err
	}
	return p.renderResults(w, r, &s, false)
}

func (p *part) renderResults(w http.ResponseWriter, r *http.Request, s *office.Survey, editor bool) error {
	t, named, err := p.surveyResults(r.Context(), s)
	if err != nil {
		return surveyProblem(err)
	}
	lang := p.s.Lang(r)
	v := resultsView{Survey: *s, Title: s.Definition.Title.In(lang), Base: "/office/surveys/" + s.ID + "/results", Closes: locale.Moment(lang, s.Closes), Received: t.Received,
		Few: t.Received < office.MinGroup, K: office.MinGroup, Editor: editor}
	if editor {
		v.Base = "/b/" + s.Body + v.Base
	}
	if s.Eligible > 0 {
		v.Turnout = office.Decimal(lang, 100*float64(t.Received)/float64(s.Eligible), 1)
	}
	if s.Anonymous {
		key := office.DefinitionHash(s.PublicKey)
		v.Recount, v.KeyHash = grouped(s.Recount), grouped(key[:])
	}
	v.Questions = questionViews(&t, lang, "q")
	if editor && !s.Anonymous {
		for i, u := range office.TallyUnits(&s.Definition, named) {
			name := u.Unit
			switch {
			case u.Body == "":
				name = say(lang, "Малі підрозділи разом", "Small units together")
			case name == "":
				name = say(lang, "Поза підрозділами", "Outside units")
			}
			v.Units = append(v.Units, unitResults{name, u.Received, questionViews(&u.Tally, lang, fmt.Sprintf("u%d-q", i+1))})
		}
	}
	return p.s.Render(w, r, http.StatusOK, "office_survey_results", v)
}

func questionViews(t *office.Tally, lang, prefix string) []resultView {
	var out []resultView
	for i := range t.Questions {
		q := &t.Questions[i]
		v := resultView{lang: lang, ID: prefix + strconv.Itoa(i+1), Number: i + 1, Text: q.Question.Text.In(lang), Answered: q.Answered(t.Received), Rows: q.Rows(i+1, t.Received, lang), Texts: q.Texts, Withheld: q.Withheld, Firsts: q.Firsts}
		for _, row := range v.Rows {
			v.Parts = v.Parts || row.Part != ""
			v.Partly = v.Partly || row.Withheld
		}
		if q.HasMean {
			v.Mean = office.Decimal(lang, q.Mean, 2)
		}
		if !q.Withheld && q.Question.Kind != office.KindText {
			v.Chart = drawChart(q, t.Received, lang)
		}
		out = append(out, v)
	}
	return out
}

// drawChart lays a question out: a line for every answer, or, for scales and rankings, one line of rectangles beside each other.
func drawChart(t *office.QuestionTally, received int, lang string) *chart {
	c := &chart{Width: chartWidth, Summary: t.Question.Text.In(lang)}
	width := func(n int) int { return n * chartBar / max(received, 1) }
	line := func(label, value string) *bar {
		b := bar{Label: shorten(label, 44), Y: c.Height, Top: 20, Value: value, ValueX: chartBar + 8}
		if label == "" {
			b.Top = 2
		}
		c.Height += chartLine - 20 + b.Top
		c.Bars = append(c.Bars, b)
		return &c.Bars[len(c.Bars)-1]
	}
	hidden := say(lang, "приховано", "withheld")
	single := func(label string, cell *office.Cell) {
		if cell.Withheld {
			line(label, hidden).ValueX = 4
			return
		}
		b := line(label, strconv.Itoa(cell.Count))
		b.Segments = []segment{{0, max(width(cell.Count), 1), "s1", fmt.Sprintf("%s: %d", label, cell.Count)}}
		b.ValueX = b.Segments[0].W + 8
	}
	stacked := func(label string, cells []office.Cell) {
		b, x := line(label, ""), 0
		for i, cell := range cells {
			if cell.Count == 0 {
				continue
			}
			b.Segments = append(b.Segments, segment{x, width(cell.Count), "s" + strconv.Itoa(i%6+1), fmt.Sprintf("%s: %d", t.Question.CellText(cell.Value, lang), cell.Count)})
			x += width(cell.Count)
		}
	}
	whole := func(cells []office.Cell) bool {
		for _, cell := range cells {
			if cell.Withheld {
				return false
			}
		}
		return true
	}
	switch q := t.Question; {
	case q.Kind == office.KindMany:
		for i := range t.Parts {
			single(q.PartText(t.Parts[i].Part, lang), t.Parts[i].Cell("1"))
		}
	case q.Kind == office.KindRanking && t.Firsts:
		for i := range t.Parts {
			single(q.PartText(t.Parts[i].Part, lang), t.Parts[i].Cell("1"))
		}
	case q.Kind == office.KindRanking, q.Kind == office.KindScale && whole(t.Parts[0].Cells):
		for _, p := range t.Parts {
			cells := p.Cells[:len(p.Cells)-1]
			stacked(q.PartText(p.Part, lang), cells)
			if c.Legend == nil {
				for i, cell := range cells {
					c.Legend = append(c.Legend, segment{Class: "s" + strconv.Itoa(i%6+1), Label: q.CellText(cell.Value, lang)})
				}
			}
		}
	default:
		cells := t.Parts[0].Cells
		for i := range cells[:len(cells)-1] {
			single(q.CellText(cells[i].Value, lang), &cells[i])
		}
	}
	c.Height += 4
	return c
}

// grouped is a hash as people compare it: groups of four digits.
func grouped(b []byte) string {
	var out strings.Builder
	for i, c := range b {
		if i > 0 && i%2 == 0 {
			out.WriteByte(' ')
		}
		fmt.Fprintf(&out, "%02x", c)
	}
	return out.String()
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// resultsFile answers with the results as CSV or XLSX.
func (p *part) resultsFile(w http.ResponseWriter, r *http.Request) error {
	s, err := p.readableSurvey(r)
	if err != nil {
		return err
	}
	return p.sendResults(w, r, &s)
}

func (p *part) sendResults(w http.ResponseWriter, r *http.Request, s *office.Survey) error {
	t, _, err := p.surveyResults(r.Context(), s)
	if err != nil {
		return surveyProblem(err)
	}
	return p.sendTable(w, r, t.Table(p.s.Lang(r)), "survey-"+s.ID)
}

// sendTable answers with a table in the format of the path's last part.
func (p *part) sendTable(w http.ResponseWriter, r *http.Request, t office.SurveyTable, name string) error {
	var data []byte
	var err error
	format, kind := r.PathValue("format"), ""
	switch format {
	case "csv":
		kind = "text/csv; charset=utf-8"
		data, err = t.CSV(p.s.Lang(r))
	case "xlsx":
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		data, err = t.XLSX()
	default:
		return service.NotFound
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.`+format+`"`)
	_, err = w.Write(data)
	return err
}

// surveyLine is one survey on the list of an official.
type surveyLine struct {
	ID, Title, Closes string
	Anonymous, Served bool
	Body              string
}

// surveysView is the Data of office_surveys.html.
type surveysView struct{ Open, Closed []surveyLine }

// mySurveys are the surveys that a member is asked in.
func (p *part) mySurveys(ctx context.Context, m member, lang string, states ...office.SurveyState) (out []surveyLine, err error) {
	for _, state := range states {
		list, err := p.surveys.InState(ctx, state)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			person, err := p.surveyPerson(ctx, s.ID, m.Seat)
			if err != nil {
				return nil, err
			}
			standing, err := p.surveys.Standing(ctx, s.ID, person)
			if err != nil {
				return nil, err
			}
			if !standing.Eligible || state == office.SurveyOpen && !p.s.Now().Before(s.Closes) {
				continue
			}
			line := surveyLine{ID: s.ID, Title: s.Definition.Title.In(lang), Closes: locale.Moment(lang, s.Closes), Anonymous: s.Anonymous, Served: standing.Served}
			if b, err := p.s.Body(s.Body); err == nil {
				line.Body = say(lang, b.Name, b.NameEN)
			}
			out = append(out, line)
		}
	}
	return out, nil
}

func (p *part) surveysPage(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	var v surveysView
	lang := p.s.Lang(r)
	var err1, err2 error
	v.Open, err1 = p.mySurveys(r.Context(), m, lang, office.SurveyOpen)
	v.Closed, err2 = p.mySurveys(r.Context(), m, lang, office.SurveyClosed)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	slices.Reverse(v.Closed) // newest first
	return p.s.Render(w, r, http.StatusOK, "office_surveys", v)
}
