package offices

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Problems of editors' pages.
var (
	SurveyForeign = service.NewProblem(http.StatusForbidden, "survey-foreign-body", "Питати можна лише тих, чий орган ви редагуєте.", "You may ask only people of the bodies you are an editor of.",
		"Приберіть чужий орган із кола або попросіть його адміністратора про роль редактора.", "Take the other body out of the audience, or ask its administrator for the role of an editor.")
	RemindedToday = service.NewProblem(http.StatusConflict, "survey-reminded", "Сьогодні вже нагадували.", "Reminders went out today already.", "Нагадайте завтра.", "Remind them tomorrow.")
	RemindNoMail  = service.NewProblem(http.StatusConflict, "survey-no-mail", "Пошту органу не налаштовано, тому нагадати листом не можна.", "The body's mail is not set up, so no reminder can be sent.",
		"Попросіть адміністратора органу налаштувати пошту.", "Ask the administrator of the body to set mail up.")
)

// editedSurvey is a survey as its editor's list shows it.
type editedSurvey struct {
	office.Survey
	Title, Day string
}

// editorSurveysView is the Data of office_survey_editors.html.
type editorSurveysView struct{ Surveys []editedSurvey }

// groupChoice is one line of the choice of people.
type groupChoice struct{ Value, Text string }

// editorView is the Data of office_survey_edit.html.
type editorView struct {
	Survey     office.Survey
	Title      string
	Form       surveyForm
	FileOnly   bool // the draft says more than the form can
	Choices    []groupChoice
	Categories []string
	Kinds      []groupChoice
	Wrong      *service.Problem
	WrongText  string
	WrongNext  string
	Saved      bool
	Closes     string // moment
	CloseDay   string // to begin with in the form
	CloseFrom  string
	Received   int
	Turnouts   []office.Turnout
	Sent       string // reminders that went out just now
	BodyNames  map[string]string
}

func (p *part) mountEditors() {
	const base = "/b/{edrpou}/office/surveys"
	p.s.Page("GET "+base, editors, p.editorSurveys)
	p.s.Page("GET "+base+"/new", editors, p.editorNew)
	p.s.Page("POST "+base, editors, p.editorMake)
	p.s.Page("POST "+base+"/import", editors, p.editorImport)
	p.s.Page("GET "+base+"/{id}", editors, p.editorSurvey)
	p.s.Page("POST "+base+"/{id}", editors, p.editorChange)
	p.s.Page("POST "+base+"/{id}/import", editors, p.editorImport)
	p.s.Page("POST "+base+"/{id}/open", editors, p.editorOpen)
	p.s.Page("POST "+base+"/{id}/close", editors, p.editorClose)
	p.s.Page("POST "+base+"/{id}/delete", editors, p.editorDelete)
	p.s.Page("POST "+base+"/{id}/remind", editors, p.editorRemind)
	p.s.Page("GET "+base+"/{id}/definition.json", editors, p.editorExport)
	p.s.Page("GET "+base+"/{id}/answers/{format}", editors, p.editorAnswers)
	// The same addresses as an official's results, below the body.
	p.s.Page("GET /b/{edrpou}/office/surveys/{id}/results", editors, p.editorResults)
	p.s.Page("GET /b/{edrpou}/office/surveys/{id}/results/{format}", editors, p.editorResultsFile)
}

// edited is the survey of the path, which the body's editors made. Error: UnknownSurvey.
func (p *part) edited(r *http.Request) (office.Survey, error) {
	s, err := p.surveys.Survey(r.Context(), r.PathValue("id"))
	if err == nil && s.Body != r.PathValue("edrpou") {
		err = office.ErrNotFound
	}
	return s, surveyProblem(err)
}

func (p *part) editorSurveys(w http.ResponseWriter, r *http.Request) error {
	list, err := p.surveys.OfBody(r.Context(), r.PathValue("edrpou"))
	if err != nil {
		return err
	}
	var v editorSurveysView
	lang := p.s.Lang(r)
	for _, s := range list {
		e := editedSurvey{Survey: s, Title: s.Definition.Title.In(lang), Day: locale.Date(s.Made)}
		if s.State != office.SurveyDraft {
			e.Day = locale.Moment(lang, s.Closes)
		}
		v.Surveys = append(v.Surveys, e)
	}
	return p.s.Render(w, r, http.StatusOK, "office_survey_editors", v)
}

// editorBodies are the bodies that the caller is an editor of.
func (p *part) editorBodies(r *http.Request) []*service.Body {
	var out []*service.Body
	for _, b := range p.s.Bodies {
		if service.PrincipalOf(r.Context()).Has(service.OfficeEditor, b.EDRPOU) {
			out = append(out, b)
		}
	}
	return out
}

// editor fills what the editor's page shows beside the draft.
func (p *part) editor(r *http.Request, v *editorView) error {
	ctx, lang := r.Context(), p.s.Lang(r)
	v.BodyNames = map[string]string{}
	for _, b := range p.editorBodies(r) {
		name := say(lang, b.Name, b.NameEN)
		v.BodyNames[b.EDRPOU] = name
		v.Choices = append(v.Choices, groupChoice{b.EDRPOU, name + say(lang, " — увесь орган", " — the whole body")})
		units, err := p.directory.Units(ctx, b.EDRPOU)
		if err != nil && !errors.Is(err, office.ErrNotFound) {
			return err
		}
		for _, u := range units {
			if u.Name != "" {
				v.Choices = append(v.Choices, groupChoice{b.EDRPOU + "/" + u.Name, strings.Repeat("— ", u.Depth) + say(lang, u.Name, firstOf(u.NameEN, u.Name))})
			}
		}
	}
	v.Categories = []string{"А", "Б", "В"}
	v.Kinds = []groupChoice{{"one", say(lang, "один варіант", "one option")}, {"many", say(lang, "кілька варіантів", "several options")}, {"scale", say(lang, "шкала", "a scale")},
		{"ranking", say(lang, "порядок варіантів", "a ranking")}, {"number", say(lang, "число", "a number")}, {"text", say(lang, "короткий текст", "a short text")}}
	v.CloseFrom = locale.Kyiv(p.s.Now()).Add(time.Hour).Format(formMoment)
	if v.CloseDay == "" {
		v.CloseDay = locale.Kyiv(p.s.Now()).AddDate(0, 0, 7).Format("2006-01-02") + "T18:00"
	}
	return nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// formMoment is a moment as a field of a form has it, in Kyiv.
const formMoment = "2006-01-02T15:04"

// kyivMoment reads a moment of a form. In the hour that a clock change repeats, the first one is meant.
func kyivMoment(text string) (time.Time, error) {
	naive, err := time.Parse(formMoment, text)
	if err != nil {
		return time.Time{}, err
	}
	for _, hours := range []time.Duration{3, 2} {
		if at := naive.Add(-hours * time.Hour); locale.Kyiv(at).Format(formMoment) == text {
			return at, nil
		}
	}
	return time.Time{}, errors.New("offices: this hour is skipped in Kyiv")
}

func (p *part) editorNew(w http.ResponseWriter, r *http.Request) error {
	v := editorView{Form: surveyForm{Anonymous: true, Groups: []groupForm{{Who: r.PathValue("edrpou")}}, Questions: []questionForm{{Kind: "one"}}}}
	return p.renderEditor(w, r, http.StatusOK, &v)
}

func (p *part) renderEditor(w http.ResponseWriter, r *http.Request, status int, v *editorView) error {
	if err := p.editor(r, v); err != nil {
		return err
	}
	for i := range v.Form.Questions {
		v.Form.Questions[i].Number = i + 1
	}
	if v.Wrong != nil {
		lang := p.s.Lang(r)
		v.WrongText, v.WrongNext = say(lang, v.Wrong.UK, v.Wrong.EN), say(lang, v.Wrong.NextUK, v.Wrong.NextEN)
	}
	return p.s.Render(w, r, status, "office_survey_edit", v)
}

// mayAsk refuses an audience of bodies that the caller is no editor of.
func (p *part) mayAsk(r *http.Request, groups []office.Audience) error {
	for _, g := range groups {
		if !service.PrincipalOf(r.Context()).Has(service.OfficeEditor, g.Body) {
			return SurveyForeign
		}
	}
	return nil
}

// wrongForm shows the form again with what is wrong with it; another error is no fault of the form.
func (p *part) wrongForm(w http.ResponseWriter, r *http.Request, v *editorView, err error) error {
	var problem *service.Problem
	if err = surveyProblem(err); !errors.As(err, &problem) || problem.Status >= 500 {
		return err
	}
	v.Wrong = problem
	return p.renderEditor(w, r, problem.Status, v)
}

func (p *part) editorMake(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	v := editorView{Form: readSurveyForm(r.PostForm)}
	if v.Form.change(r.PostForm.Get("do")) {
		return p.renderEditor(w, r, http.StatusOK, &v)
	}
	data, err := v.Form.definition()
	if err == nil {
		err = p.mayAsk(r, v.Form.audience())
	}
	if err != nil {
		return p.wrongForm(w, r, &v, err)
	}
	s, err := p.surveys.Draft(r.Context(), r.PathValue("edrpou"), v.Form.Anonymous, data, v.Form.audience(), p.s.Now())
	if err != nil {
		return p.wrongForm(w, r, &v, err)
	}
	return p.toEditor(w, r, s.ID, "?saved=1")
}

func (p *part) toEditor(w http.ResponseWriter, r *http.Request, id, query string) error {
	to := "/b/" + r.PathValue("edrpou") + "/office/surveys"
	if id != "" {
		to += "/" + id + query
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (p *part) editorSurvey(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	v := editorView{Survey: s, Saved: r.URL.Query().Get("saved") != "", Sent: r.URL.Query().Get("sent")}
	return p.showEdited(w, r, http.StatusOK, &v)
}

// showEdited is the editor's page of a stored survey.
func (p *part) showEdited(w http.ResponseWriter, r *http.Request, status int, v *editorView) error {
	s, lang := &v.Survey, p.s.Lang(r)
	v.Title = s.Definition.Title.In(lang)
	if strings.Trim(v.Sent, "0123456789") != "" {
		v.Sent = ""
	}
	if s.State == office.SurveyDraft {
		form, ok := surveyFormOf(s)
		v.Form, v.FileOnly = form, !ok
		return p.renderEditor(w, r, status, v)
	}
	v.Closes = locale.Moment(lang, s.Closes)
	v.Received = s.Issued
	var err error
	if s.Anonymous {
		if v.Received, err = p.box.Received(r.Context(), s.ID); err != nil && !errors.Is(err, office.ErrNotFound) {
			return err
		}
	}
	if v.Turnouts, err = p.surveys.Turnouts(r.Context(), s.ID); err != nil {
		return surveyProblem(err)
	}
	return p.renderEditor(w, r, status, v)
}

func (p *part) editorChange(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	if s.State != office.SurveyDraft {
		return SurveyState
	}
	v := editorView{Survey: s, Title: s.Definition.Title.In(p.s.Lang(r)), Form: readSurveyForm(r.PostForm)}
	if v.Form.change(r.PostForm.Get("do")) {
		return p.renderEditor(w, r, http.StatusOK, &v)
	}
	data, err := v.Form.definition()
	if err == nil {
		err = p.mayAsk(r, v.Form.audience())
	}
	if err == nil {
		err = p.surveys.Change(r.Context(), s.ID, v.Form.Anonymous, data, v.Form.audience(), v.Form.Revision)
	}
	if err != nil {
		return p.wrongForm(w, r, &v, err)
	}
	return p.toEditor(w, r, s.ID, "?saved=1")
}

// editorImport makes a draft from a file, or replaces what one asks.
func (p *part) editorImport(w http.ResponseWriter, r *http.Request) error {
	file, _, err := r.FormFile("file")
	if err != nil {
		return service.BadRequest.Because(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, office.MaxDefinition+1))
	if err != nil {
		return service.BadRequest.Because(err)
	}
	edrpou := r.PathValue("edrpou")
	if r.PathValue("id") == "" {
		s, err := p.surveys.Draft(r.Context(), edrpou, true, data, []office.Audience{{Body: edrpou}}, p.s.Now())
		if err != nil {
			return surveyProblem(err)
		}
		return p.toEditor(w, r, s.ID, "?saved=1")
	}
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	revision, _ := strconv.ParseInt(r.FormValue("revision"), 10, 64)
	if err := p.surveys.Change(r.Context(), s.ID, s.Anonymous, data, s.Audience, revision); err != nil {
		return surveyProblem(err)
	}
	return p.toEditor(w, r, s.ID, "?saved=1")
}

func (p *part) editorExport(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="survey-`+s.ID+`.json"`)
	_, err = w.Write(s.Canonical)
	return err
}

func (p *part) editorOpen(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	v := editorView{Survey: s, CloseDay: r.PostForm.Get("closes")}
	closes, err := kyivMoment(v.CloseDay)
	if err != nil {
		err = office.ErrSurveyTerm
	}
	if err == nil && formRevision(r) != s.Revision { // whom this revision asks is looked at next, not whom a later one does
		err = office.ErrConflict
	}
	if err == nil {
		err = p.mayAsk(r, s.Audience)
	}
	if err == nil {
		_, err = p.openSurvey(r.Context(), s.ID, s.Revision, closes, p.s.Now())
	}
	if err != nil {
		var problem *service.Problem
		if err = surveyProblem(err); !errors.As(err, &problem) || problem.Status >= 500 {
			return err
		}
		if v.Wrong = problem; s.State != office.SurveyDraft {
			return err
		}
		return p.showEdited(w, r, problem.Status, &v)
	}
	return p.toEditor(w, r, s.ID, "")
}

func formRevision(r *http.Request) (n int64) {
	fmt.Sscan(r.PostForm.Get("revision"), &n)
	return n
}

func (p *part) editorClose(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	if err := p.closeSurvey(r.Context(), s.ID, p.s.Now()); err != nil {
		return surveyProblem(err)
	}
	return p.toEditor(w, r, s.ID, "")
}

func (p *part) editorDelete(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	if err := p.surveys.Delete(r.Context(), s.ID); err != nil {
		return surveyProblem(err)
	}
	return p.toEditor(w, r, "", "")
}

// editorRemind writes to those of the audience who have not been served, once a day. The editor is told how many, never who.
func (p *part) editorRemind(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	sent, err := p.remind(r.Context(), &s, p.s.Now())
	if err != nil {
		return err
	}
	return p.toEditor(w, r, s.ID, fmt.Sprintf("?sent=%d", sent))
}

func (p *part) remind(ctx context.Context, s *office.Survey, at time.Time) (int, error) {
	if p.mailer == nil {
		return 0, RemindNoMail
	}
	seats, err := p.surveys.Unserved(ctx, s.ID)
	if err != nil {
		return 0, surveyProblem(err)
	}
	var to []string
	for _, seat := range seats {
		m, status, err := p.seated(ctx, seat)
		if err != nil && !errors.Is(err, office.ErrNotFound) {
			return 0, err
		}
		if status == office.StatusValid && office.IsMailAddress(m.Email) && !slices.Contains(to, m.Email) {
			to = append(to, m.Email)
		}
	}
	day := surveyDay(at)
	notice := office.Notice{Body: s.Body, To: to, Subject: "Опитування чекає на вашу відповідь / A survey awaits your answer", Key: "survey/" + s.ID + "/" + day,
		Text: s.Definition.Title.UK + "\n\nВідповісти до " + locale.Moment("uk", s.Closes) + ":\n" + p.s.Origin + "/office/surveys/" + s.ID + "\n\n" +
			s.Definition.Title.In("en") + "\n\nAnswer until " + locale.Moment("en", s.Closes) + ":\n" + p.s.Origin + "/office/surveys/" + s.ID + "\n"}
	// First the letters, whose key keeps them from going twice, then the note: a stop between leaves nobody out.
	if s.State != office.SurveyOpen || !at.Before(s.Closes) {
		return 0, SurveyClosed
	}
	if len(to) > 0 {
		if err := p.mailer.Send(ctx, notice, at); err != nil {
			return 0, RemindNoMail.Because(err)
		}
	}
	err = p.surveys.Remind(ctx, s.ID, day, len(to), at)
	if errors.Is(err, office.ErrConflict) {
		return 0, RemindedToday.Because(err)
	}
	return len(to), surveyProblem(err)
}

func (p *part) editorResults(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	return p.renderResults(w, r, &s, true)
}

func (p *part) editorResultsFile(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	return p.sendResults(w, r, &s)
}

// editorAnswers is a file of the answers to a named survey, with the names of those who gave them: they were told so.
func (p *part) editorAnswers(w http.ResponseWriter, r *http.Request) error {
	s, err := p.edited(r)
	if err != nil {
		return err
	}
	if s.Anonymous || s.State != office.SurveyClosed {
		return UnknownSurvey
	}
	list, err := p.surveys.Answers(r.Context(), s.ID)
	if err != nil {
		return surveyProblem(err)
	}
	who := func(seat office.Seat) string {
		m, _, err := p.seated(r.Context(), seat)
		if err != nil {
			return seat.String()
		}
		return m.Surname + " " + m.Given
	}
	return p.sendTable(w, r, office.AnswersTable(&s.Definition, list, who, p.s.Lang(r)), "answers-"+s.ID)
}
