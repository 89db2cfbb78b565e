package offices

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// TestEngineStates: every step that makes no sense in a state is refused, and leaves the state as it was.
func TestEngineStates(t *testing.T) {
	h := newHalves(t)
	ctx := t.Context()
	groups := []office.Audience{{Body: "99000011"}}
	draft := func(anonymous bool) office.Survey {
		s, err := h.surveys.Draft(ctx, "99000011", anonymous, []byte(sampleSurvey), groups, h.at)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	people := func(n int) (out []office.Eligible) {
		for i := range n {
			out = append(out, office.Eligible{Person: [32]byte{byte(i + 1)}, Seat: office.Seat{Body: "99000011", Post: int64(i + 1)}})
		}
		return out
	}
	closes := h.at.Add(time.Hour)
	s := draft(true)
	want := func(name string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	_, err := h.surveys.Open(ctx, s.ID, 1, people(4), closes, h.at)
	want("four people", err, office.ErrSurveySmall)
	_, err = h.surveys.Open(ctx, s.ID, 1, append(people(4), people(4)...), closes, h.at) // four, each in two posts
	want("four people in eight posts", err, office.ErrSurveySmall)
	_, err = h.surveys.Open(ctx, s.ID, 1, nil, closes, h.at)
	want("nobody", err, office.ErrAudience)
	_, err = h.surveys.Open(ctx, s.ID, 2, people(5), closes, h.at)
	want("another revision", err, office.ErrConflict)
	_, err = h.surveys.Open(ctx, "none", 1, people(5), closes, h.at)
	want("no such survey", err, office.ErrNotFound)
	_, err = h.surveys.Close(ctx, s.ID, h.at)
	want("closing a draft", err, office.ErrSurveyState)
	_, err = h.surveys.Sign(ctx, s.ID, [32]byte{1}, make([]byte, office.BlindedSize), "2026-11-20", h.at)
	want("signing for a draft", err, office.ErrNotFound)
	if now, _ := h.surveys.Survey(ctx, s.ID); now.State != office.SurveyDraft || now.PublicKey != nil || now.Eligible != 0 {
		t.Errorf("draft after refusals: %+v", now)
	}
	_, err = h.surveys.Draft(ctx, "99000011", true, []byte(sampleSurvey), nil, h.at)
	want("nobody to ask", err, office.ErrAudience)
	_, err = h.surveys.Draft(ctx, "99000011", true, []byte(sampleSurvey), append(groups, groups...), h.at)
	want("one group twice", err, office.ErrAudience)

	named := draft(false)
	if named, err = h.surveys.Open(ctx, named.ID, 1, people(2), closes, h.at); err != nil { // a named one may ask two
		t.Fatal(err)
	}
	_, err = h.surveys.Open(ctx, named.ID, 1, people(2), closes, h.at)
	want("opening twice", err, office.ErrSurveyState)
	want("changing what is open", h.surveys.Change(ctx, named.ID, false, []byte(sampleSurvey), groups, 1), office.ErrSurveyState)
	want("deleting what is open", h.surveys.Delete(ctx, named.ID), office.ErrSurveyState)
	_, err = h.surveys.Sign(ctx, named.ID, [32]byte{1}, make([]byte, office.BlindedSize), "2026-11-20", h.at)
	want("a token of a named survey", err, office.ErrNotFound)
	yes, no := office.Answer{"room": "yes"}, office.Answer{"room": "no"}
	want("a named answer to an anonymous survey", h.surveys.AnswerNamed(ctx, s.ID, [32]byte{1}, yes, "2026-11-20", h.at), office.ErrNotFound)
	want("a stranger", h.surveys.AnswerNamed(ctx, named.ID, [32]byte{9}, yes, "2026-11-20", h.at), office.ErrNotEligible)
	var wrong *office.AnswerError
	if err := h.surveys.AnswerNamed(ctx, named.ID, [32]byte{1}, office.Answer{}, "2026-11-20", h.at); !errors.As(err, &wrong) {
		t.Errorf("bad answer: %v", err)
	}
	for _, a := range []office.Answer{yes, no} { // replaced
		if err := h.surveys.AnswerNamed(ctx, named.ID, [32]byte{1}, a, "2026-11-20", h.at); err != nil {
			t.Fatal(err)
		}
	}
	want("too late", h.surveys.AnswerNamed(ctx, named.ID, [32]byte{2}, yes, "2026-11-20", closes), office.ErrSurveyClosed)
	if _, err := h.surveys.Close(ctx, named.ID, closes); err != nil {
		t.Fatal(err)
	}
	want("after closing", h.surveys.AnswerNamed(ctx, named.ID, [32]byte{1}, yes, "2026-11-20", h.at), office.ErrSurveyClosed)
	list, err := h.surveys.Answers(ctx, named.ID)
	if err != nil || len(list) != 1 || list[0].Answer["room"] != "no" || list[0].Post != 1 {
		t.Errorf("answers: %+v %v", list, err)
	}
	if data := cells(t, h.file("service.db"))["office_survey_answers.answer"]; len(data) != 1 || strings.Contains(string(data[0]), "room") {
		t.Error("a named answer is not sealed")
	}
	want("deleting a draft", h.surveys.Delete(ctx, s.ID), nil)
	_, err = h.surveys.Survey(ctx, s.ID)
	want("deleted", err, office.ErrNotFound)
}

// TestTurnouts: units of fewer than five people are shown together.
func TestTurnouts(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 14) // units of 5, 5 and 4
	for _, person := range h.people[:6] {
		h.take(t, s, person, nil)
	}
	list, err := h.surveys.Turnouts(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Eligible != 5 || list[0].Served != 2 || list[1].Unit != "" || list[1].Eligible != 9 || list[1].Served != 4 {
		t.Errorf("%+v", list)
	}
	if left, err := h.surveys.Unserved(t.Context(), s.ID); err != nil || len(left) != 8 || slices.ContainsFunc(left, func(s office.Seat) bool { return s.Post <= 6 }) {
		t.Errorf("unserved: %v %v", left, err)
	}
}

// fakeMailer keeps what would be sent.
type fakeMailer struct{ sent []office.Notice }

// Send implements office.Mailer.
func (m *fakeMailer) Send(_ context.Context, n office.Notice, _ time.Time) error {
	m.sent = append(m.sent, n)
	return nil
}

// TestReminders: only those who were not served and may come now, once a day; the editor learns how many.
func TestReminders(t *testing.T) {
	w, p := surveyWorld(t)
	mail := &fakeMailer{}
	p.mailer = mail
	for name, h := range w.Ministry.Holders {
		err := h.Body.Store.Update(t.Context(), func(tx issuer.Tx) error {
			post, err := tx.Post(h.Entitlement)
			if err != nil {
				return err
			}
			post.Record.WorkEmail = name + "@example.gov.ua"
			return tx.UpdatePost(post)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := openSample(t, w, p, true)
	k := newToken(t, s)
	if status, body := k.ask(t, w, w.As(official(w.Ministry.Holders["issued"]))); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	c := w.As(w.Role(service.OfficeEditor, w.Ministry))
	path := "/b/" + w.Ministry.EDRPOU + "/office/surveys/" + s.ID + "/remind"
	if status, to, body := sendForm(t, w, c, path, nil); status != 303 || !strings.HasSuffix(to, "?sent=1") {
		t.Errorf("%d %s %.200s", status, to, body)
	}
	if len(mail.sent) != 1 || !slices.Equal(mail.sent[0].To, []string{"second@example.gov.ua"}) || !strings.Contains(mail.sent[0].Text, "/office/surveys/"+s.ID) {
		t.Fatalf("%+v, want the one with a valid ID who was not served", mail.sent)
	}
	if status, _, body := sendForm(t, w, c, path, nil); status != 409 || !strings.Contains(body, "survey-reminded") {
		t.Errorf("twice a day: %d", status)
	}
	if mail.sent[len(mail.sent)-1].Key != mail.sent[0].Key {
		t.Error("a second letter of one day has another key")
	}
	w.Advance(2 * time.Hour)
	if status, _, body := sendForm(t, w, c, path, nil); status != 409 || !strings.Contains(body, "survey-closed") {
		t.Errorf("after closing: %d", status)
	}
	if strings.Contains(w.Logs.String(), "@example.gov.ua") {
		t.Error("an address is in the log")
	}
}
