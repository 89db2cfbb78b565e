package offices

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// mountAnswering adds the pages where an official answers a survey, and where anybody finds the own answer counted.
// docs/spec/office-surveys.md has the rules of what the browser does.
func (p *part) mountAnswering() error {
	p.s.Page("GET /office/surveys/{id}", officials, p.answerPage)
	p.s.Page("POST /office/surveys/{id}", officials, p.answerPost)
	// Public: who looks whether an answer was counted must not have to say who he is; the page has nothing but the survey's title,
	// and the browser reads the public list.
	p.s.Page("GET /office/surveys/{id}/check", service.Access{Public: true}, p.checkPage)
	return nil
}

// optionView is one option, or one step of a scale.
type optionView struct {
	ID, Text string
	Chosen   bool
	Place    int // of a ranking, from 1; 0: none
}

// questionView is one question as the page asks it.
type questionView struct {
	lang                 string
	ID, Kind, Text, Hint string
	Required             bool
	Options              []optionView
	Places               []int // of a ranking
	MinLabel, MaxLabel   string
	MaxLength            int
	Value                string // of a number or a text
	Condition            string // when it is to be answered, for who sees every question at once
	Fault                string
}

// T is the text of the page's language.
func (q questionView) T(uk, en string) string { return say(q.lang, uk, en) }

type pageView struct {
	Title     string
	Questions []questionView
}

// answerView is the Data of office_survey.html.
type answerView struct {
	ID, Title, Intro string
	Anonymous, Open  bool
	May              bool // the member is asked
	Form             bool // the questions are shown
	Answered         bool // named: an answer is kept
	Taken            bool // anonymous: a ballot was given out
	Wrong            bool
	Closes           time.Time
	ClosesMS         int64  // the same, milliseconds since 1970
	Mark             string // under which a browser keeps this person's drafts and ballots
	Definition       string // canonical JSON
	Pages            []pageView
}

// checkedView is the Data of office_survey_check.html.
type checkedView struct {
	ID, Title string
	Mark      string // of who is logged in, as in answerView; empty when nobody is
	Closed    bool
	Anonymous bool
}

// mark is what a browser keeps somebody's drafts and ballots under: it tells two people of one browser apart and is nobody's name.
func (p *part) mark(seat office.Seat) (string, error) {
	sum, err := p.c.Store.MAC("office.surveys.mark", []byte(seat.String()))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum[:15]), nil
}

// survey reads a survey that was opened.
func (p *part) survey(ctx context.Context, id string) (office.Survey, error) {
	s, err := p.surveys.Survey(ctx, id)
	if errors.Is(err, office.ErrNotFound) || err == nil && s.State == office.SurveyDraft {
		return office.Survey{}, UnknownSurvey.Because(err)
	}
	return s, err
}

// standing is a survey with where the caller stands in it.
func (p *part) standing(r *http.Request) (s office.Survey, m member, person [32]byte, at office.Standing, err error) {
	if m, err = p.member(r); err != nil {
		return s, m, person, at, err
	}
	if s, err = p.survey(r.Context(), r.PathValue("id")); err != nil {
		return s, m, person, at, err
	}
	if person, err = p.surveyPerson(r.Context(), s.ID, m.Seat); err != nil {
		return s, m, person, at, err
	}
	at, err = p.surveys.Standing(r.Context(), s.ID, person)
	return s, m, person, at, err
}

func (p *part) answerPage(w http.ResponseWriter, r *http.Request) error {
	s, m, _, at, err := p.standing(r)
	if err != nil {
		return err
	}
	return p.showSurvey(w, r, http.StatusOK, &s, m, at, at.Answer, nil)
}

// open tells whether a survey takes answers at this moment: the job that closes it may be late.
func (p *part) open(s *office.Survey) bool {
	return s.State == office.SurveyOpen && p.s.Now().Before(s.Closes)
}

func (p *part) showSurvey(w http.ResponseWriter, r *http.Request, status int, s *office.Survey, m member, at office.Standing, a office.Answer, faults []office.AnswerFault) error {
	lang := p.s.Lang(r)
	mark, err := p.mark(m.Seat)
	if err != nil {
		return err
	}
	v := answerView{ID: s.ID, Title: s.Definition.Title.In(lang), Intro: s.Definition.Intro.In(lang), Anonymous: s.Anonymous, Open: p.open(s), May: at.Eligible,
		Answered: !s.Anonymous && at.Served, Taken: s.Anonymous && at.Served, Wrong: len(faults) > 0, Closes: s.Closes, ClosesMS: s.Closes.UnixMilli(),
		Mark: mark, Definition: string(s.Canonical)}
	v.Form = v.Open && v.May
	if v.Form {
		v.Pages = pageViews(&s.Definition, lang, a, faults)
	}
	// A person's answer may stand in the page: no cache keeps it.
	w.Header().Set("Cache-Control", "no-store")
	return p.s.Render(w, r, status, "office_survey", v)
}

func pageViews(d *office.Definition, lang string, a office.Answer, faults []office.AnswerFault) []pageView {
	wrong := map[string]string{}
	for _, f := range faults {
		wrong[f.Question] = say(lang, f.UK, f.EN)
	}
	var out []pageView
	number := 0
	for _, page := range d.Pages {
		v := pageView{Title: page.Title.In(lang)}
		for i := range page.Questions {
			q := &page.Questions[i]
			number++
			one := viewQuestion(q, lang, a[q.ID])
			one.Text = strconv.Itoa(number) + ". " + one.Text
			one.Fault, one.Condition = wrong[q.ID], conditionText(d, q, lang)
			v.Questions = append(v.Questions, one)
		}
		out = append(out, v)
	}
	return out
}

func viewQuestion(q *office.Question, lang string, value any) questionView {
	v := questionView{lang: lang, ID: q.ID, Kind: string(q.Kind), Text: q.Text.In(lang), Hint: q.Hint.In(lang), Required: q.Required, MinLabel: q.MinLabel.In(lang),
		MaxLabel: q.MaxLabel.In(lang), MaxLength: q.Length()}
	chosen := map[string]int{}
	switch answer := value.(type) {
	case string:
		chosen[answer], v.Value = 1, answer
	case int64:
		v.Value = strconv.FormatInt(answer, 10)
		chosen[v.Value] = 1
	case []string:
		for i, id := range answer {
			chosen[id] = i + 1
		}
	}
	for _, o := range q.Options {
		v.Options = append(v.Options, optionView{o.ID, o.Text.In(lang), chosen[o.ID] > 0, chosen[o.ID]})
		v.Places = append(v.Places, len(v.Options))
	}
	for _, n := range q.Steps() {
		step := strconv.FormatInt(n, 10)
		v.Options = append(v.Options, optionView{ID: step, Text: step, Chosen: chosen[step] > 0})
	}
	return v
}

// conditionText says when a question is to be answered.
func conditionText(d *office.Definition, q *office.Question, lang string) string {
	if len(q.ShowIf) == 0 {
		return ""
	}
	var all []string
	for _, c := range q.ShowIf {
		on := d.Question(c.Question)
		var what []string
		for _, id := range c.Is {
			what = append(what, "«"+on.Option(id).Text.In(lang)+"»")
		}
		if c.From != nil {
			what = append(what, fmt.Sprintf(say(lang, "від %d", "from %d"), *c.From))
		}
		if c.To != nil {
			what = append(what, fmt.Sprintf(say(lang, "до %d", "to %d"), *c.To))
		}
		joint := say(lang, " або ", " or ")
		if len(c.Is) == 0 {
			joint = " "
		}
		all = append(all, fmt.Sprintf(say(lang, "на питання «%s» ви відповіли %s", "you answered “%s” with %s"), on.Text.In(lang), strings.Join(what, joint)))
	}
	return say(lang, "Лише якщо ", "Only if ") + strings.Join(all, say(lang, " і ", " and ")) + "."
}

// answerPost takes the answer to a named survey. That to an anonymous one never comes here: with it the service would know whose it is.
func (p *part) answerPost(w http.ResponseWriter, r *http.Request) error {
	s, m, person, at, err := p.standing(r)
	if err != nil {
		return err
	}
	if s.Anonymous {
		return AnonymousAnswer
	}
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	a := s.Definition.FromForm(r.PostForm)
	now := p.s.Now()
	err = p.surveys.AnswerNamed(r.Context(), s.ID, person, a, surveyDay(now), now)
	var wrong *office.AnswerError
	switch {
	case errors.As(err, &wrong):
		return p.showSurvey(w, r, http.StatusUnprocessableEntity, &s, m, at, a, wrong.Faults)
	case err != nil:
		return surveyProblem(err)
	}
	http.Redirect(w, r, "/office/surveys/"+s.ID, http.StatusSeeOther)
	return nil
}

// AnonymousAnswer refuses an answer to an anonymous survey that comes with a log-in.
var AnonymousAnswer = service.NewProblem(http.StatusConflict, "survey-anonymous", "На анонімне опитування не відповідають під своїм іменем.", "An anonymous survey is not answered under one's name.",
	"Увімкніть JavaScript для цього сайту й відкрийте опитування знову; відповідь не збережено.", "Allow JavaScript for this site and open the survey again; the answer was not kept.")

func (p *part) checkPage(w http.ResponseWriter, r *http.Request) error {
	s, err := p.survey(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	v := checkedView{ID: s.ID, Title: s.Definition.Title.In(p.s.Lang(r)), Closed: !p.open(&s), Anonymous: s.Anonymous}
	if m, err := p.member(r); err == nil { // nobody has to be logged in; who is finds what this browser keeps for him, and nobody else does
		if v.Mark, err = p.mark(m.Seat); err != nil {
			return err
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return p.s.Render(w, r, http.StatusOK, "office_survey_check", v)
}
