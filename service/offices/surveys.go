package offices

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Problems of surveys.
var (
	UnknownSurvey = service.NewProblem(http.StatusNotFound, "unknown-survey", "Такого опитування немає.", "There is no such survey.",
		"Перевірте посилання або перелік опитувань.", "Check the link, or the list of surveys.")
	SurveyClosed = service.NewProblem(http.StatusConflict, "survey-closed", "Опитування не відкрите для відповідей.", "The survey is not open for answers.",
		"Подивіться, коли воно відкрите; після закриття на його сторінці є результати.", "Look when it is open; after it closes its page has the results.")
	NotEligible = service.NewProblem(http.StatusForbidden, "survey-not-eligible", "Це опитування не для вашої посади.", "This survey is not for your post.",
		"Якщо мало б бути для неї, скажіть редактору органу.", "If it should be, tell the editor of the body.")
	SurveyServed = service.NewProblem(http.StatusConflict, "survey-served", "На ваше ім'я вже видано інший бюлетень цього опитування.", "Another ballot of this survey was given out in your name.",
		"Завершіть відповідь у тому браузері, де почали; якщо це були не ви, скажіть редактору органу.", "Finish your answer in the browser where you began; if that was not you, tell the editor of the body.")
	BlindedWrong = service.NewProblem(http.StatusUnprocessableEntity, "blinded-wrong", "Засліплене повідомлення не таке, як має бути.", "The blinded message is not as it has to be.",
		"Перезавантажте сторінку опитування й повторіть.", "Load the page of the survey again and repeat.")
	SurveyState = service.NewProblem(http.StatusConflict, "survey-state", "Опитування вже в іншому стані.", "The survey is in another state already.",
		"Відкрийте його сторінку ще раз.", "Open its page again.")
	SurveyChanged = service.NewProblem(http.StatusConflict, "survey-changed", "Чернетку тим часом змінив інший редактор.", "Another editor has changed the draft meanwhile.",
		"Відкрийте її ще раз і внесіть свої зміни.", "Open it again and make your changes.")
	SurveySmall = service.NewProblem(http.StatusUnprocessableEntity, "survey-small", "Для анонімного опитування в колі менше п'яти людей.", "The audience of an anonymous survey has fewer than five people.",
		"Розширте коло або зробіть опитування іменним.", "Widen the audience, or make the survey a named one.")
	SurveyTerm = service.NewProblem(http.StatusUnprocessableEntity, "survey-term", "Закриття має бути не раніше ніж за п'ять хвилин і не пізніше ніж за рік.", "Closing has to be from five minutes to a year ahead.",
		"Оберіть інший день і час закриття.", "Choose another day and time of closing.")
	SurveyAudience = service.NewProblem(http.StatusUnprocessableEntity, "survey-audience", "Немає кого питати: коло порожнє або назване не так.", "There is nobody to ask: the audience is empty or not named as it has to be.",
		"Оберіть хоч один орган, підрозділ чи категорію, де є люди.", "Choose at least one body, unit or category that has people.")
	SurveyTampered = service.NewProblem(http.StatusConflict, "survey-tampered", "Записи цього опитування змінено поза програмою, тому його результатів не буде.", "Records of this survey were changed beside the program, so it has no results.",
		"Скажіть адміністратору служби; щоб запитати знову, створіть нове опитування.", "Tell the administrator of the service; to ask again, make a new survey.")
	AnswerWrong = service.NewProblem(http.StatusUnprocessableEntity, "answer-wrong", "Відповідь не така, як питали.", "The answer is not as was asked.",
		"Виправте названі питання.", "Mend the questions that are named.")
)

// surveyPersonLabel keeps the keyed hashes of people in surveys from all other ones.
const surveyPersonLabel = "posvid survey person v1"

// surveyTick is how often surveys whose time has come are closed, and the ballot box forgets the order of its ballots.
const surveyTick = time.Minute

func (p *part) mountSurveys() error {
	p.surveys = office.OpenSurveys(p.c.Store)
	service.Operation(p.s, officials, surveyAPI("office-survey-token", http.MethodPost, "/api/v1/office/surveys/{id}/token",
		"Sign the blinded token of an anonymous survey", "Once for each person of the audience. The same blinded message again gets the same answer.", 403, 404, 409, 422), p.surveyToken)
	p.s.Every("office-surveys", surveyTick, p.closeSurveys)
	p.s.Page("GET /office/surveys", officials, p.surveysPage)
	p.s.Page("GET /office/surveys/{id}/results", officials, p.resultsPage)
	p.s.Page("GET /office/surveys/{id}/results/{format}", officials, p.resultsFile)
	p.mountEditors()
	p.atHome(p.homeSurveys)
	return p.mountAnswering()
}

// surveyProblem is the problem behind an error of office; the error itself when it has none.
func surveyProblem(err error) error {
	var definition *office.DefinitionFault
	var answer *office.AnswerError
	for _, known := range []struct {
		err     error
		problem *service.Problem
	}{{office.ErrNotFound, UnknownSurvey}, {office.ErrSurveyClosed, SurveyClosed}, {office.ErrNotEligible, NotEligible}, {office.ErrServed, SurveyServed},
		{office.ErrBlinded, BlindedWrong}, {office.ErrSurveyState, SurveyState}, {office.ErrConflict, SurveyChanged}, {office.ErrSurveySmall, SurveySmall},
		{office.ErrSurveyTerm, SurveyTerm}, {office.ErrAudience, SurveyAudience}, {office.ErrForged, BallotForged}, {office.ErrBallotCounted, BallotCounted},
		{office.ErrTampered, SurveyTampered}, {store.ErrSealed, SurveyTampered}} {
		if errors.Is(err, known.err) {
			return known.problem.Because(err)
		}
	}
	switch {
	case errors.As(err, &definition):
		return service.NewProblem(http.StatusUnprocessableEntity, "survey-wrong", "Опитування складене не так: "+definition.Where+": "+definition.UK+".", "The survey is not made as it has to be: "+definition.Where+": "+definition.EN+".",
			"Виправте назване місце.", "Mend the place that is named.").Because(err)
	case errors.As(err, &answer):
		return AnswerWrong.Because(err)
	}
	return err
}

// surveyPerson is what a survey knows a person by: a keyed hash, another one in every survey, and one for all posts of one person.
func (p *part) surveyPerson(ctx context.Context, survey string, seat office.Seat) ([32]byte, error) {
	body, err := p.s.Body(seat.Body)
	if err != nil {
		return [32]byte{}, err
	}
	var known string
	err = body.Store.View(ctx, func(tx issuer.Tx) (err error) {
		known, err = knownBy(tx, seat)
		return err
	})
	if err != nil {
		return [32]byte{}, err
	}
	return p.s.Store.MAC(surveyPersonLabel, []byte(survey+"/"+known))
}

// knownBy is a person's number in the registers of the state, so that somebody who serves in two bodies is one person; of somebody
// without one, the body's own key. It leaves this process only as a keyed hash.
func knownBy(tx issuer.Tx, seat office.Seat) (string, error) {
	post, err := tx.Post(seat.Post)
	if err != nil {
		return "", err
	}
	person, err := tx.Person(post.Person)
	switch {
	case err != nil:
		return "", err
	case person.RNOKPP != "":
		return "rnokpp/" + person.RNOKPP, nil
	case person.UNZR != "":
		return "unzr/" + person.UNZR, nil
	}
	return fmt.Sprintf("body/%s/%x", seat.Body, person.Key[:]), nil
}

// audienceOf is everybody whom a survey asks, as of now: who serves in the bodies, units (with those below them) and categories,
// whether or not a service ID is valid today.
func (p *part) audienceOf(ctx context.Context, survey string, groups []office.Audience, at time.Time) ([]office.Eligible, error) {
	if err := p.fillDirectory(ctx, at); err != nil {
		return nil, err
	}
	var out []office.Eligible
	for _, g := range groups {
		body, err := p.s.Body(g.Body)
		if err != nil {
			return nil, SurveyAudience.Because(err)
		}
		people, err := p.directory.Everyone(ctx, g.Body, g.Unit, g.Category)
		if err != nil {
			return nil, err
		}
		err = body.Store.View(ctx, func(tx issuer.Tx) error {
			for _, e := range people {
				known, err := knownBy(tx, e.Seat)
				if err != nil {
					return err
				}
				person, err := p.s.Store.MAC(surveyPersonLabel, []byte(survey+"/"+known))
				if err != nil {
					return err
				}
				out = append(out, office.Eligible{Person: person, Seat: e.Seat, Unit: e.Unit, Category: e.Category})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// surveyDay is all that is kept of when somebody was served.
func surveyDay(at time.Time) string { return hr.DateInKyiv(at).String() }

// openSurvey opens a draft, and its box in the ballot half.
func (p *part) openSurvey(ctx context.Context, id string, revision int64, closes, at time.Time) (office.Survey, error) {
	s, err := p.surveys.Survey(ctx, id)
	if err != nil {
		return s, err
	}
	people, err := p.audienceOf(ctx, id, s.Audience, at)
	if err != nil {
		return s, err
	}
	if s, err = p.surveys.Open(ctx, id, revision, people, closes, at); err != nil || !s.Anonymous {
		return s, err
	}
	return s, p.box.Add(ctx, s.Box())
}

// closeSurvey closes a survey in both halves and notes the hash of its recount list. What was cut short goes on when it is closed
// again.
func (p *part) closeSurvey(ctx context.Context, id string, at time.Time) error {
	s, err := p.surveys.Close(ctx, id, at)
	if err != nil || !s.Anonymous || s.Recount != nil {
		return err
	}
	if err := p.box.Add(ctx, s.Box()); err != nil { // opening may have been cut short
		return err
	}
	if err := p.box.Close(ctx, id); err != nil {
		return err
	}
	hash, err := p.recountHash(ctx, &s)
	if err != nil {
		return err
	}
	return p.surveys.SetRecount(ctx, id, hash)
}

// closeSurveys closes what is due, mends what a stop of the program left half done, and has the ballot box forget the order of its
// ballots.
func (p *part) closeSurveys(ctx context.Context, at time.Time) error {
	began := time.Now()
	errs := []error{p.box.Forget(ctx)}
	p.rewriting.Store(int64(time.Since(began)))
	open, err := p.surveys.InState(ctx, office.SurveyOpen)
	errs = append(errs, err)
	for _, s := range open {
		switch {
		case !at.Before(s.Closes):
			errs = append(errs, p.closeSurvey(ctx, s.ID, at))
		case s.Anonymous:
			errs = append(errs, p.box.Add(ctx, s.Box()))
		}
	}
	closed, err := p.surveys.InState(ctx, office.SurveyClosed)
	errs = append(errs, err)
	for _, s := range closed {
		if s.Anonymous && s.Recount == nil {
			errs = append(errs, p.closeSurvey(ctx, s.ID, at))
		}
	}
	return errors.Join(errs...)
}

type tokenInput struct {
	ID   string `path:"id" maxLength:"26"`
	Body struct {
		Blinded string `json:"blinded" maxLength:"400" doc:"blinded message of RFC 9474, 256 bytes, base64url without padding"`
	}
}

type tokenOutput struct {
	Body struct {
		Signature string `json:"signature" doc:"blind signature, 256 bytes, base64url without padding"`
	}
}

func (p *part) surveyToken(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	m, err := p.memberOf(ctx)
	if err != nil {
		return nil, err
	}
	blinded, err := base64url.DecodeString(in.Body.Blinded)
	if err != nil {
		return nil, BlindedWrong.Because(err)
	}
	person, err := p.surveyPerson(ctx, in.ID, m.Seat)
	if err != nil {
		return nil, err
	}
	at := p.s.Now()
	if err := p.haveBox(ctx, in.ID); err != nil {
		return nil, err
	}
	signature, err := p.surveys.Sign(ctx, in.ID, person, blinded, surveyDay(at), at)
	if err != nil {
		return nil, surveyProblem(err)
	}
	out := &tokenOutput{}
	out.Body.Signature = base64url.EncodeToString(signature)
	return out, nil
}

// haveBox makes the box of an open survey that has none, because opening was cut short: nobody is given a token for no box.
func (p *part) haveBox(ctx context.Context, id string) error {
	if _, err := p.box.Received(ctx, id); !errors.Is(err, office.ErrNotFound) {
		return err
	}
	s, err := p.surveys.Survey(ctx, id)
	if err != nil || !s.Anonymous || s.State != office.SurveyOpen {
		return nil // signing says what it is
	}
	return p.box.Add(ctx, s.Box())
}

// homeSurveys are the open surveys that a member has not answered, on the first page.
func (p *part) homeSurveys(ctx context.Context, m member, at time.Time, lang string) (homeSection, error) {
	h := homeSection{ID: "surveys", Title: say(lang, "Опитування", "Surveys"), Empty: say(lang, "Немає опитувань, які чекають на вашу відповідь.", "No survey awaits your answer."),
		More: "/office/surveys", MoreText: say(lang, "Усі опитування", "All surveys")}
	open, err := p.mySurveys(ctx, m, lang, office.SurveyOpen)
	if err != nil {
		return h, err
	}
	for _, s := range open {
		if !s.Served && len(h.Lines) < 5 {
			note := say(lang, "іменне", "named")
			if s.Anonymous {
				note = say(lang, "анонімне", "anonymous")
			}
			h.Lines = append(h.Lines, homeLine{When: say(lang, "до ", "until ") + s.Closes, Text: s.Title, Link: "/office/surveys/" + s.ID, Note: note})
		}
	}
	return h, nil
}
