package office

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MinGroup is k: fewer people than this are never shown by themselves, and no anonymous survey asks fewer.
const MinGroup = 5

// Terms of a survey.
const (
	MaxSurveyTerm = 366 * 24 * time.Hour // from opening to closing
	MinSurveyTerm = 5 * time.Minute
)

// SurveyState is how far a survey got; the numbers are stored.
type SurveyState uint8

// States of a survey.
const (
	SurveyDraft  SurveyState = 1 // may be changed; nobody sees it but its editors
	SurveyOpen   SurveyState = 2 // frozen; its audience answers
	SurveyClosed SurveyState = 3 // has results
)

// String is the code of a state: "draft", "open", "closed".
func (s SurveyState) String() string {
	switch s {
	case SurveyDraft:
		return "draft"
	case SurveyOpen:
		return "open"
	case SurveyClosed:
		return "closed"
	}
	return "unknown"
}

// Audience is one group that a survey asks: a body, perhaps one unit of it, perhaps one category. An empty field stands for all.
type Audience struct {
	Body     string `json:"body"` // ЄДРПОУ
	Unit     string `json:"unit,omitempty"`
	Category string `json:"category,omitempty"`
}

// Survey is a survey as the issuer half keeps it.
type Survey struct {
	ID         string // 26 characters of base32
	Body       string // ЄДРПОУ of the body whose editors made it
	Anonymous  bool
	State      SurveyState
	Definition Definition
	Canonical  []byte // of Definition
	Audience   []Audience
	Revision   int64 // of the draft
	Made       time.Time
	Opened     time.Time // zero for a draft
	Closes     time.Time // when it ends, or ended
	Eligible   int       // people in the audience when it opened
	Issued     int       // tokens signed (anonymous), people who answered (named)
	PublicKey  []byte    // SubjectPublicKeyInfo; nil when named, and of a draft
	Recount    []byte    // SHA-256 of the recount list; nil while there is none
}

// Mode is "anonymous" or "named".
func (s *Survey) Mode() string {
	if s.Anonymous {
		return "anonymous"
	}
	return "named"
}

// Hash is SHA-256 of the definition.
func (s *Survey) Hash() [32]byte { return DefinitionHash(s.Canonical) }

// Eligible is one person of a survey's audience.
type Eligible struct {
	Person [32]byte // keyed hash, another one in every survey; one person in two posts has one
	Seat
	Unit, Category string
}

// Errors of surveys.
var (
	ErrSurveyState = errors.New("office: survey is in another state")
	ErrSurveySmall = fmt.Errorf("office: anonymous survey: fewer than %d people", MinGroup)
	ErrSurveyTerm  = errors.New("office: survey: closing is too near, too far or past")
	ErrNotEligible = errors.New("office: survey: person is not in the audience")
	ErrServed      = errors.New("office: survey: person was given another token")
	ErrAudience    = errors.New("office: survey: want at least one body to ask, each with at most one unit and category")
	ErrTampered    = errors.New("office: survey: rows do not agree with their sealed count")
)

// Surveys is the issuer half: drafts, who is asked, who was served, and the answers of named surveys. It is safe for use by many
// goroutines.
type Surveys struct{ store Store }

// OpenSurveys is the issuer half on a store.
func OpenSurveys(store Store) *Surveys { return &Surveys{store} }

// keyLead is how many zero bytes stand before a key when it is sealed: more than a page of the file has room for, so that the key itself
// lies in pages of its own. Rows that share a page are copied to others as these fill, and what is left where they were is overwritten
// by nobody.
const keyLead = 8 << 10

// newSurveyID is 128 random bits: nobody finds a survey by counting.
func newSurveyID() string {
	var b [16]byte
	rand.Read(b[:])
	return surveyIDs.EncodeToString(b[:])
}

var surveyIDs = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

const surveyColumns = "id, body, anonymous, state, definition, audience, revision, made, opened, closes, eligible, issued, public_key, recount"

func scanSurvey(tx Tx, scan func(...any) error) (Survey, error) {
	var s Survey
	var made, opened, closes int64
	var audience string
	var issued []byte
	if err := scan(&s.ID, &s.Body, &s.Anonymous, &s.State, &s.Canonical, &audience, &s.Revision, &made, &opened, &closes, &s.Eligible, &issued, &s.PublicKey, &s.Recount); err != nil {
		return Survey{}, err
	}
	if err := json.Unmarshal(s.Canonical, &s.Definition); err != nil {
		return Survey{}, fmt.Errorf("office: survey: definition: %w", err)
	}
	if err := json.Unmarshal([]byte(audience), &s.Audience); err != nil {
		return Survey{}, fmt.Errorf("office: survey: audience: %w", err)
	}
	s.Made = time.Unix(made, 0).UTC()
	if opened != 0 {
		s.Opened = time.Unix(opened, 0).UTC()
	}
	if closes != 0 {
		s.Closes = time.Unix(closes, 0).UTC()
	}
	if len(issued) > 0 {
		n, err := openCount(tx, "office_surveys.issued", s.ID, issued)
		if err != nil {
			return Survey{}, err
		}
		s.Issued = n
	}
	return s, nil
}

func surveyIn(tx Tx, id string) (s Survey, err error) {
	err = ErrNotFound
	err2 := tx.Rows("SELECT "+surveyColumns+" FROM office_surveys WHERE id = $1", []any{id}, func(scan func(...any) error) (e error) {
		s, e = scanSurvey(tx, scan)
		err = nil
		return e
	})
	return s, cmp.Or(err2, err)
}

// Survey reads one survey. Error: ErrNotFound.
func (v *Surveys) Survey(ctx context.Context, id string) (s Survey, err error) {
	err = v.store.View(ctx, func(tx Tx) error {
		s, err = surveyIn(tx, id)
		return err
	})
	return s, err
}

// OfBody lists the surveys that a body's editors made, newest first.
func (v *Surveys) OfBody(ctx context.Context, body string) ([]Survey, error) {
	return v.list(ctx, "SELECT "+surveyColumns+" FROM office_surveys WHERE body = $1 ORDER BY made DESC, id", body)
}

// InState lists the surveys in a state, those that close first before the others.
func (v *Surveys) InState(ctx context.Context, state SurveyState) ([]Survey, error) {
	return v.list(ctx, "SELECT "+surveyColumns+" FROM office_surveys WHERE state = $1 ORDER BY closes, id", int64(state))
}

func (v *Surveys) list(ctx context.Context, q string, args ...any) (out []Survey, err error) {
	err = v.store.View(ctx, func(tx Tx) error {
		out = nil
		return tx.Rows(q, args, func(scan func(...any) error) error {
			s, err := scanSurvey(tx, scan)
			out = append(out, s)
			return err
		})
	})
	return out, err
}

func checkAudience(list []Audience) error {
	if len(list) == 0 || len(list) > 100 {
		return ErrAudience
	}
	for i, a := range list {
		if a.Body == "" || len(a.Unit) > 1000 || len(a.Category) > 10 || badText(a.Unit+a.Category) || slices.Contains(list[:i], a) {
			return ErrAudience
		}
	}
	return nil
}

// Draft makes a survey that only its editors see. definition is what ParseDefinition reads. Errors: *DefinitionFault, ErrAudience.
func (v *Surveys) Draft(ctx context.Context, body string, anonymous bool, definition []byte, audience []Audience, at time.Time) (Survey, error) {
	d, canonical, err := ParseDefinition(definition)
	if err != nil {
		return Survey{}, err
	}
	if err := checkAudience(audience); err != nil {
		return Survey{}, err
	}
	groups, err := json.Marshal(audience)
	if err != nil {
		return Survey{}, fmt.Errorf("office: survey: %w", err)
	}
	s := Survey{ID: newSurveyID(), Body: body, Anonymous: anonymous, State: SurveyDraft, Definition: d, Canonical: canonical, Audience: audience, Revision: 1, Made: at.UTC().Truncate(time.Second)}
	err = v.store.Update(ctx, func(tx Tx) error {
		_, err := tx.Exec("INSERT INTO office_surveys (id, body, anonymous, state, definition, audience, revision, made) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
			s.ID, body, anonymous, int64(SurveyDraft), canonical, string(groups), at.Unix())
		return err
	})
	return s, err
}

// Change replaces what a draft asks and whom. revision is the one that the editor saw: another means that somebody else changed it
// meanwhile. Errors: ErrNotFound, ErrSurveyState, ErrConflict, *DefinitionFault, ErrAudience.
func (v *Surveys) Change(ctx context.Context, id string, anonymous bool, definition []byte, audience []Audience, revision int64) error {
	_, canonical, err := ParseDefinition(definition)
	if err != nil {
		return err
	}
	if err := checkAudience(audience); err != nil {
		return err
	}
	groups, err := json.Marshal(audience)
	if err != nil {
		return fmt.Errorf("office: survey: %w", err)
	}
	return v.store.Update(ctx, func(tx Tx) error {
		s, err := surveyIn(tx, id)
		switch {
		case err != nil:
			return err
		case s.State != SurveyDraft:
			return ErrSurveyState
		case s.Revision != revision:
			return fmt.Errorf("%w: draft has revision %d, want %d", ErrConflict, s.Revision, revision)
		}
		return tx.Exec1("UPDATE office_surveys SET anonymous = $2, definition = $3, audience = $4, revision = revision + 1 WHERE id = $1", id, anonymous, canonical, string(groups))
	})
}

// Delete removes a draft. Errors: ErrNotFound, ErrSurveyState.
func (v *Surveys) Delete(ctx context.Context, id string) error {
	return v.store.Update(ctx, func(tx Tx) error {
		s, err := surveyIn(tx, id)
		if err != nil {
			return err
		}
		if s.State != SurveyDraft {
			return ErrSurveyState
		}
		return tx.Exec1("DELETE FROM office_surveys WHERE id = $1", id)
	})
}

// Open freezes a draft and lets its audience answer until closes. person makes the keyed hash of a person for this survey. An
// anonymous survey gets its key; its box has to be added to the ballot half before anybody can answer. Errors: ErrNotFound,
// ErrSurveyState, ErrConflict for another revision, ErrSurveyTerm, ErrSurveySmall, ErrAudience when it is empty.
func (v *Surveys) Open(ctx context.Context, id string, revision int64, people []Eligible, closes, at time.Time) (s Survey, err error) {
	if term := closes.Sub(at); term < MinSurveyTerm || term > MaxSurveyTerm {
		return Survey{}, ErrSurveyTerm
	}
	var private, public []byte
	if s, err = v.Survey(ctx, id); err != nil {
		return Survey{}, err
	}
	if s.Anonymous { // before the transaction: a key takes a second
		if private, public, err = newSurveyKey(); err != nil {
			return Survey{}, err
		}
	}
	err = v.store.Update(ctx, func(tx Tx) error {
		was, err := surveyIn(tx, id)
		switch {
		case err != nil:
			return err
		case was.State != SurveyDraft:
			return ErrSurveyState
		case was.Revision != revision || was.Anonymous != s.Anonymous:
			return fmt.Errorf("%w: draft has revision %d, want %d", ErrConflict, was.Revision, revision)
		}
		n := 0
		for _, p := range people {
			touched, err := tx.Exec("INSERT INTO office_survey_audience (survey, person, body, post, unit, category) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
				id, p.Person[:], p.Body, p.Post, p.Unit, p.Category)
			if err != nil {
				return err
			}
			n += int(touched)
		}
		switch {
		case n == 0:
			return ErrAudience
		case s.Anonymous && n < MinGroup:
			return ErrSurveySmall
		}
		issued, err := sealCount(tx, "office_surveys.issued", id, 0)
		if err != nil {
			return err
		}
		var sealed []byte
		if s.Anonymous {
			if sealed, err = tx.Seal("office_surveys.key", id, append(make([]byte, keyLead), private...)); err != nil {
				return err
			}
		}
		if err := tx.Exec1("UPDATE office_surveys SET state = $2, opened = $3, closes = $4, eligible = $5, issued = $6, key = $7, public_key = $8 WHERE id = $1",
			id, int64(SurveyOpen), at.Unix(), closes.Unix(), n, issued, sealed, public); err != nil {
			return err
		}
		s, err = surveyIn(tx, id)
		return err
	})
	return s, err
}

// Box is what the ballot half has to know of an open anonymous survey.
func (s *Survey) Box() BoxSurvey {
	return BoxSurvey{ID: s.ID, Definition: s.Canonical, PublicKey: s.PublicKey, Closes: s.Closes}
}

// Standing is where one person stands in a survey.
type Standing struct {
	Eligible bool
	Served   bool   // has taken a token, or has answered a named survey
	Day      string // of that, ISO date in Kyiv
	Answer   Answer // of a named survey
}

// Standing tells where a person stands. Error: ErrNotFound for the survey.
func (v *Surveys) Standing(ctx context.Context, id string, person [32]byte) (out Standing, err error) {
	err = v.store.View(ctx, func(tx Tx) error {
		out = Standing{}
		s, err := surveyIn(tx, id)
		if err != nil {
			return err
		}
		if out.Eligible, err = eligible(tx, id, person); err != nil || !out.Eligible {
			return err
		}
		var sealed []byte
		if s.Anonymous {
			err = tx.Row("SELECT day FROM office_survey_served WHERE survey = $1 AND person = $2", []any{id, person[:]}, &out.Day)
		} else if err = tx.Row("SELECT day, answer FROM office_survey_answers WHERE survey = $1 AND person = $2", []any{id, person[:]}, &out.Day, &sealed); err == nil {
			out.Answer, err = openAnswer(tx, id, person[:], sealed)
		}
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		out.Served = err == nil
		return err
	})
	return out, err
}

func eligible(tx Tx, id string, person [32]byte) (bool, error) {
	var one int
	err := tx.Row("SELECT 1 FROM office_survey_audience WHERE survey = $1 AND person = $2", []any{id, person[:]}, &one)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func answerPlace(id string, person []byte) string { return fmt.Sprintf("%s/%x", id, person) }

func openAnswer(tx Tx, id string, person, sealed []byte) (Answer, error) {
	plain, err := tx.Open("office_survey_answers.answer", answerPlace(id, person), sealed)
	if err != nil {
		return nil, err
	}
	return ParseAnswer(plain)
}

// open reads a survey that may be answered at this time by a person.
func openFor(tx Tx, id string, anonymous bool, person [32]byte, at time.Time) (Survey, error) {
	s, err := surveyIn(tx, id)
	switch {
	case err != nil:
		return Survey{}, err
	case s.State == SurveyDraft, s.Anonymous != anonymous:
		return Survey{}, ErrNotFound
	case s.State != SurveyOpen || !at.Before(s.Closes):
		return Survey{}, ErrSurveyClosed
	}
	ok, err := eligible(tx, id, person)
	if err == nil && !ok {
		err = ErrNotEligible
	}
	return s, err
}

// Sign gives a person the blind signature of an anonymous survey, once; the same blinded message again gets the same answer, since
// the first may have been lost. day is the date in Kyiv, all that is kept of the time. Errors: ErrNotFound, ErrSurveyClosed,
// ErrNotEligible, ErrServed, ErrBlinded, ErrTampered after a closing that failed so.
func (v *Surveys) Sign(ctx context.Context, id string, person [32]byte, blinded []byte, day string, at time.Time) ([]byte, error) {
	var private []byte
	err := v.store.Update(ctx, func(tx Tx) error {
		s, err := openFor(tx, id, true, person, at)
		if err != nil {
			return err
		}
		key, err := parseSurveyKey(s.PublicKey)
		if err != nil {
			return err
		}
		if err := checkBlinded(blinded, key.N); err != nil {
			return err
		}
		var sealed, before []byte
		if err := tx.Row("SELECT key FROM office_surveys WHERE id = $1", []any{id}, &sealed); err != nil {
			return err
		}
		if len(sealed) == 0 { // Close found it so
			return fmt.Errorf("%w: no key", ErrTampered)
		}
		if private, err = tx.Open("office_surveys.key", id, sealed); err != nil {
			return err
		}
		private = bytes.TrimLeft(private, "\x00")
		hash := sha256.Sum256(blinded)
		err = tx.Row("SELECT blinded FROM office_survey_served WHERE survey = $1 AND person = $2", []any{id, person[:]}, &before)
		switch {
		case err == nil && slices.Equal(before, hash[:]):
			return nil
		case err == nil:
			return ErrServed
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if _, err := tx.Exec("INSERT INTO office_survey_served (survey, person, blinded, day) VALUES ($1, $2, $3, $4)", id, person[:], hash[:], day); err != nil {
			return err
		}
		return addIssued(tx, &s)
	})
	if err != nil {
		return nil, err
	}
	return blindSign(private, blinded)
}

func addIssued(tx Tx, s *Survey) error {
	issued, err := sealCount(tx, "office_surveys.issued", s.ID, s.Issued+1)
	if err != nil {
		return err
	}
	return tx.Exec1("UPDATE office_surveys SET issued = $2 WHERE id = $1", s.ID, issued)
}

// AnswerNamed keeps a person's answer to a named survey; until it closes he may replace it. Errors: ErrNotFound, ErrSurveyClosed,
// ErrNotEligible, *AnswerError.
func (v *Surveys) AnswerNamed(ctx context.Context, id string, person [32]byte, a Answer, day string, at time.Time) error {
	return v.store.Update(ctx, func(tx Tx) error {
		s, err := openFor(tx, id, false, person, at)
		if err != nil {
			return err
		}
		if faults := s.Definition.Check(a); len(faults) > 0 {
			return &AnswerError{faults}
		}
		plain, err := a.JSON()
		if err != nil {
			return err
		}
		sealed, err := tx.Seal("office_survey_answers.answer", answerPlace(id, person[:]), plain)
		if err != nil {
			return err
		}
		touched, err := tx.Exec("UPDATE office_survey_answers SET answer = $3, day = $4 WHERE survey = $1 AND person = $2", id, person[:], sealed, day)
		if err != nil || touched == 1 {
			return err
		}
		if _, err := tx.Exec("INSERT INTO office_survey_answers (survey, person, answer, day) VALUES ($1, $2, $3, $4)", id, person[:], sealed, day); err != nil {
			return err
		}
		return addIssued(tx, &s)
	})
}

// Close ends a survey and destroys its key: from then on nobody can sign a token, whoever has the file and the data key. Closing
// again changes nothing. Errors: ErrNotFound, ErrSurveyState for a draft; ErrTampered: it stays as it is, but without its key.
func (v *Surveys) Close(ctx context.Context, id string, at time.Time) (s Survey, err error) {
	var tampered error
	err = v.store.Update(ctx, func(tx Tx) error {
		tampered = nil
		if s, err = surveyIn(tx, id); err != nil {
			return err
		}
		if s.State == SurveyClosed { // but the log may not have been emptied
			return nil
		}
		if s.State != SurveyOpen {
			return ErrSurveyState
		}
		var rows int
		q := "SELECT count(*) FROM office_survey_answers WHERE survey = $1"
		if s.Anonymous {
			q = "SELECT count(*) FROM office_survey_served WHERE survey = $1"
		}
		if err := tx.Row(q, []any{id}, &rows); err != nil {
			return err
		}
		// What is deleted is overwritten, not only forgotten; the log is emptied by Rewrite.
		var on int
		if err := tx.Row("PRAGMA secure_delete = ON", nil, &on); err != nil {
			return err
		}
		if rows != s.Issued { // it gets no results, but its key goes
			tampered = fmt.Errorf("%w: %d rows, sealed %d", ErrTampered, rows, s.Issued)
			return tx.Exec1("UPDATE office_surveys SET key = NULL WHERE id = $1", id)
		}
		if s.Closes.After(at) {
			s.Closes = at.UTC().Truncate(time.Second)
		}
		s.State = SurveyClosed
		return tx.Exec1("UPDATE office_surveys SET state = $2, closes = $3, key = NULL WHERE id = $1", id, int64(SurveyClosed), s.Closes.Unix())
	})
	if err != nil {
		return Survey{}, err
	}
	if file, ok := v.store.(interface{ Checkpoint(context.Context) error }); ok && s.Anonymous {
		err = file.Checkpoint(ctx)
	}
	if err = errors.Join(tampered, err); tampered != nil {
		return Survey{}, err
	}
	return s, err
}

// SetRecount keeps the hash of the recount list, once.
func (v *Surveys) SetRecount(ctx context.Context, id string, hash [32]byte) error {
	return v.store.Update(ctx, func(tx Tx) error {
		return tx.Exec1("UPDATE office_surveys SET recount = $2 WHERE id = $1 AND state = $3", id, hash[:], int64(SurveyClosed))
	})
}

// Unserved are the people of the audience who have taken no token and given no answer, for a reminder. Nobody but the program that
// sends it is to see them. Error: ErrNotFound.
func (v *Surveys) Unserved(ctx context.Context, id string) (out []Seat, err error) {
	err = v.store.View(ctx, func(tx Tx) error {
		out = nil
		if _, err := surveyIn(tx, id); err != nil {
			return err
		}
		return tx.Rows(`SELECT body, post FROM office_survey_audience a WHERE survey = $1
			AND NOT EXISTS (SELECT 1 FROM office_survey_served s WHERE s.survey = a.survey AND s.person = a.person)
			AND NOT EXISTS (SELECT 1 FROM office_survey_answers s WHERE s.survey = a.survey AND s.person = a.person) ORDER BY body, post`,
			[]any{id}, func(scan func(...any) error) error {
				var s Seat
				if err := scan(&s.Body, &s.Post); err != nil {
					return err
				}
				out = append(out, s)
				return nil
			})
	})
	return out, err
}

// Remind notes that today's reminders go out. Error: ErrConflict when they did already; ErrSurveyClosed.
func (v *Surveys) Remind(ctx context.Context, id, day string, sent int, at time.Time) error {
	return v.store.Update(ctx, func(tx Tx) error {
		s, err := surveyIn(tx, id)
		if err != nil {
			return err
		}
		if s.State != SurveyOpen || !at.Before(s.Closes) {
			return ErrSurveyClosed
		}
		_, err = tx.Exec("INSERT INTO office_survey_reminders (survey, day, sent) VALUES ($1, $2, $3)", id, day, sent)
		return err
	})
}

// Turnout is how many of one unit were asked and served.
type Turnout struct {
	Body, Unit       string // Unit "" is everybody of the units too small to be shown by themselves
	Eligible, Served int
}

// Turnouts are by unit. Units of fewer than MinGroup people, and the smallest others if need be, are shown together. Error: ErrNotFound.
func (v *Surveys) Turnouts(ctx context.Context, id string) ([]Turnout, error) {
	var all []Turnout
	err := v.store.View(ctx, func(tx Tx) error {
		all = nil
		if _, err := surveyIn(tx, id); err != nil {
			return err
		}
		return tx.Rows(`SELECT body, unit, count(*), sum(EXISTS (SELECT 1 FROM office_survey_served s WHERE s.survey = a.survey AND s.person = a.person)
			OR EXISTS (SELECT 1 FROM office_survey_answers s WHERE s.survey = a.survey AND s.person = a.person))
			FROM office_survey_audience a WHERE survey = $1 GROUP BY body, unit ORDER BY body, unit`, []any{id}, func(scan func(...any) error) error {
			var t Turnout
			if err := scan(&t.Body, &t.Unit, &t.Eligible, &t.Served); err != nil {
				return err
			}
			all = append(all, t)
			return nil
		})
	})
	return mergeSmall(all), err
}

// mergeSmall puts groups of fewer than MinGroup people together until none is left, so that no group follows from the others and
// the total.
func mergeSmall(all []Turnout) []Turnout {
	slices.SortStableFunc(all, func(a, b Turnout) int { return cmp.Compare(a.Eligible, b.Eligible) })
	var rest Turnout
	for len(all) > 0 && (all[0].Eligible < MinGroup || rest.Eligible > 0 && rest.Eligible < MinGroup) {
		rest.Eligible += all[0].Eligible
		rest.Served += all[0].Served
		all = all[1:]
	}
	slices.SortStableFunc(all, func(a, b Turnout) int { return cmp.Or(cmp.Compare(a.Body, b.Body), cmp.Compare(a.Unit, b.Unit)) })
	if rest.Eligible > 0 {
		all = append(all, rest)
	}
	return all
}

// NamedAnswer is one answer to a named survey.
type NamedAnswer struct {
	Seat
	Unit, Category string
	Day            string
	Answer         Answer
}

// Answers are the answers to a named survey, in order of body and post. Error: ErrNotFound.
func (v *Surveys) Answers(ctx context.Context, id string) (out []NamedAnswer, err error) {
	err = v.store.View(ctx, func(tx Tx) error {
		out = nil
		if _, err := surveyIn(tx, id); err != nil {
			return err
		}
		return tx.Rows(`SELECT n.person, n.answer, n.day, a.body, a.post, a.unit, a.category FROM office_survey_answers n
			JOIN office_survey_audience a ON a.survey = n.survey AND a.person = n.person WHERE n.survey = $1 ORDER BY a.body, a.post`, []any{id}, func(scan func(...any) error) error {
			var n NamedAnswer
			var person, sealed []byte
			if err := scan(&person, &sealed, &n.Day, &n.Body, &n.Post, &n.Unit, &n.Category); err != nil {
				return err
			}
			var err error
			if n.Answer, err = openAnswer(tx, id, person, sealed); err != nil {
				return err
			}
			out = append(out, n)
			return nil
		})
	})
	return out, err
}
