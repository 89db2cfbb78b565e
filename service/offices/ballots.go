package offices

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Problems of anonymous ballots.
var (
	BallotForged = service.NewProblem(http.StatusForbidden, "ballot-forged", "Бюлетень не підписано ключем цього опитування.", "The ballot is not signed by the key of this survey.",
		"Відкрийте сторінку опитування в браузері, де почали відповідь.", "Open the survey in the browser where you began your answer.")
	BallotCounted = service.NewProblem(http.StatusConflict, "ballot-counted", "За цим бюлетенем уже враховано іншу відповідь.", "Another answer was counted for this ballot.",
		"Змінити анонімну відповідь не можна; після закриття перевірте її у відкритому переліку.", "An anonymous answer cannot be changed; after closing look for it in the public list.")
	BallotIdentity = service.NewProblem(http.StatusBadRequest, "ballot-with-identity", "Разом із відповіддю прийшло те, що видає вас.", "Something that identifies you came with the answer.",
		"Надішліть відповідь зі сторінки опитування: вона нічого зайвого не додає.", "Send the answer from the survey's own page: it adds nothing.")
	RecountLater = service.NewProblem(http.StatusConflict, "recount-later", "Перелік для перерахунку з'явиться після закриття.", "The recount list appears after the survey closes.",
		"Прийдіть після дня закриття.", "Come back after the day of closing.")
)

// base64url is how bytes stand in the JSON of surveys (RFC 4648, Section 5), without padding and with one spelling only.
var base64url = base64.RawURLEncoding.Strict()

// While rewriting the file of all boxes takes no longer than this, it is rewritten after each ballot; a larger one by the job of each
// minute.
const immediate = 200 * time.Millisecond

// maxLists is how many recount lists, and how many results, are kept in memory: making one opens a whole box, and everybody may ask.
const maxLists = 4

// lists are recount lists and results of closed anonymous surveys that were asked for lately, by survey.
type lists struct {
	mu      sync.Mutex // held while one is made, so that it is made once
	made    map[string][]byte
	tallies map[string]office.Tally // read only
}

func (p *part) mountBallots() error {
	var err error
	if p.box, err = office.OpenBox(p.c.Ballots); err != nil {
		return err
	}
	everybody := service.Access{Public: true} // the signature of the token decides; who sends it is not to be known
	op := surveyAPI("office-survey-ballot", http.MethodPost, "/api/v1/office/surveys/{id}/ballots",
		"Put an anonymous ballot into the box", "Without cookies and without any proof of who sends it. The same ballot again is counted once.", 400, 403, 404, 409, 422)
	op.MaxBodyBytes = office.MaxAnswer + 4<<10
	service.Operation(p.s, everybody, op, p.putBallot)
	p.s.Unlogged(op.Method + " " + op.Path)
	service.Operation(p.s, everybody, surveyAPI("office-survey-descriptor", http.MethodGet, "/api/v1/office/surveys/{id}/descriptor",
		"What an anonymous survey asks, under which key", "The same for everybody.", 404), p.surveyDescriptor)
	p.s.Page("GET /api/v1/office/surveys/{id}/recount", everybody, p.recountList)
	return nil
}

func surveyAPI(id, method, path, summary, description string, codes ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: description, Errors: codes, MaxBodyBytes: 8 << 10, Tags: []string{"office"}}
}

type ballotInput struct {
	ID   string `path:"id" maxLength:"26"`
	Body struct {
		Secret    string          `json:"secret" maxLength:"64" doc:"32 bytes that the holder keeps, base64url without padding"`
		Prefix    string          `json:"prefix" maxLength:"64" doc:"32 bytes of RFC 9474, Section 4.1"`
		Signature string          `json:"signature" maxLength:"400" doc:"256 bytes"`
		Answer    json.RawMessage `json:"answer" doc:"by question: a text, a list of texts, or a whole number"`
	}
	identified bool
}

// Resolve notes whether anything came with the ballot that tells who sends it.
func (in *ballotInput) Resolve(ctx huma.Context) []error {
	in.identified = ctx.Header("Cookie") != "" || ctx.Header("Authorization") != ""
	return nil
}

type ballotOutput struct {
	Body struct {
		Received bool `json:"received"`
	}
}

func (p *part) putBallot(ctx context.Context, in *ballotInput) (*ballotOutput, error) {
	if in.identified || service.PrincipalOf(ctx).Kind != service.Nobody {
		return nil, BallotIdentity
	}
	v := office.Ballot{}
	for _, field := range []struct {
		text string
		size int
		to   *[]byte
	}{{in.Body.Secret, office.SecretSize, &v.Secret}, {in.Body.Prefix, office.PrefixSize, &v.Prefix}, {in.Body.Signature, office.BlindedSize, &v.Signature}} {
		data, err := base64url.DecodeString(field.text)
		if err != nil || len(data) != field.size {
			return nil, BallotForged.Because(errors.New("offices: ballot: wrong sizes"))
		}
		*field.to = data
	}
	var err error
	if v.Answer, err = office.ParseAnswer(in.Body.Answer); err != nil {
		return nil, AnswerWrong.Because(err)
	}
	if err := p.box.Put(ctx, in.ID, v, p.s.Now()); err != nil {
		return nil, surveyProblem(err)
	}
	if p.rewriting.Load() <= int64(immediate) {
		began := time.Now()
		p.box.Forget(ctx) // the job of the next minute tries again, and says so when it cannot
		p.rewriting.Store(int64(time.Since(began)))
	}
	out := &ballotOutput{}
	out.Body.Received = true
	return out, nil
}

// descriptor is what everybody may know of an anonymous survey.
type descriptor struct {
	Format         string `json:"format" enum:"posvid-survey-descriptor/1"`
	ID             string `json:"id"`
	Variant        string `json:"variant" doc:"of RFC 9474"`
	Key            string `json:"key" doc:"SubjectPublicKeyInfo (DER), base64url without padding"`
	DefinitionHash string `json:"definition_hash" doc:"SHA-256 of definition"`
	Definition     string `json:"definition" doc:"JSON of the questions, as a text"`
	State          string `json:"state" enum:"open,closed"`
	Opened         string `json:"opened" doc:"date in Kyiv"`
	Closes         string `json:"closes" doc:"RFC 3339, UTC"`
	Eligible       int    `json:"eligible" doc:"people in the audience when it opened"`
	Issued         int    `json:"issued" doc:"tokens signed"`
	Received       int    `json:"received" doc:"ballots in the box"`
}

type descriptorOutput struct{ Body descriptor }

type surveyInput struct {
	ID string `path:"id" maxLength:"26"`
}

// anonymous is an anonymous survey that is or was open. Error: UnknownSurvey.
func (p *part) anonymous(ctx context.Context, id string) (s office.Survey, received int, err error) {
	s, err = p.surveys.Survey(ctx, id)
	if err == nil && (!s.Anonymous || s.State == office.SurveyDraft) {
		err = office.ErrNotFound
	}
	if err != nil {
		return s, 0, surveyProblem(err)
	}
	received, err = p.box.Received(ctx, id)
	if errors.Is(err, office.ErrNotFound) { // opened a moment ago
		return s, 0, nil
	}
	return s, received, err
}

func (p *part) surveyDescriptor(ctx context.Context, in *surveyInput) (*descriptorOutput, error) {
	s, received, err := p.anonymous(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	hash := s.Hash()
	state := s.State
	if !p.s.Now().Before(s.Closes) {
		state = office.SurveyClosed
	}
	return &descriptorOutput{descriptor{Format: "posvid-survey-descriptor/1", ID: s.ID, Variant: office.BallotVariant, Key: base64url.EncodeToString(s.PublicKey),
		DefinitionHash: base64url.EncodeToString(hash[:]), Definition: string(s.Canonical), State: state.String(), Opened: surveyDay(s.Opened),
		Closes: s.Closes.Format(time.RFC3339), Eligible: s.Eligible, Issued: s.Issued, Received: received}}, nil
}

func (p *part) recountOf(ctx context.Context, s *office.Survey) ([]byte, error) {
	return p.box.Recount(ctx, s.ID, s.Eligible, s.Issued)
}

// keptList is recountOf, made once while it is asked for.
func (p *part) keptList(ctx context.Context, s *office.Survey) ([]byte, error) {
	p.lists.mu.Lock()
	defer p.lists.mu.Unlock()
	if list := p.lists.made[s.ID]; list != nil {
		return list, nil
	}
	list, err := p.recountOf(ctx, s)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(list); !bytes.Equal(sum[:], s.Recount) { // another one than was noted at closing
		return nil, office.ErrTampered
	}
	if p.lists.made == nil || len(p.lists.made) >= maxLists {
		p.lists.made = map[string][]byte{}
	}
	p.lists.made[s.ID] = list
	return list, nil
}

// keptTally are the results of a closed anonymous survey, which nothing changes any more: counted once while they are asked for.
func (p *part) keptTally(ctx context.Context, id string) (office.Tally, error) {
	p.lists.mu.Lock()
	defer p.lists.mu.Unlock()
	if t, ok := p.lists.tallies[id]; ok {
		return t, nil
	}
	t, err := p.box.Tally(ctx, id)
	if err != nil {
		return t, err
	}
	if p.lists.tallies == nil || len(p.lists.tallies) >= maxLists {
		p.lists.tallies = map[string]office.Tally{}
	}
	p.lists.tallies[id] = t
	return t, nil
}

func (p *part) recountHash(ctx context.Context, s *office.Survey) ([32]byte, error) {
	list, err := p.recountOf(ctx, s)
	return sha256.Sum256(list), err
}

// recountList is the public list of a closed survey.
func (p *part) recountList(w http.ResponseWriter, r *http.Request) error {
	s, _, err := p.anonymous(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if s.State != office.SurveyClosed || s.Recount == nil {
		return RecountLater
	}
	list, err := p.keptList(r.Context(), &s)
	if err != nil {
		return surveyProblem(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `inline; filename="posvid-recount-`+s.ID+`.json"`)
	_, err = w.Write(list)
	return err
}
