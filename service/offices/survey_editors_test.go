package offices

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// sendForm sends a form, and answers with the page that follows.
func sendForm(t *testing.T, w *servicetest.World, c *http.Client, path string, form url.Values) (int, string, string) {
	t.Helper()
	status, header, body := w.Do(c, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	return status, header.Get("Location"), string(body)
}

func getPage(t *testing.T, w *servicetest.World, c *http.Client, path string) (int, string) {
	t.Helper()
	status, _, body := w.Do(c, http.MethodGet, path, nil)
	return status, string(body)
}

// draftForm is what an editor types.
func draftForm(w *servicetest.World) url.Values {
	return url.Values{"title.uk": {"Умови праці"}, "title.en": {"Working conditions"}, "mode": {"anonymous"}, "revision": {"0"}, "questions": {"2"}, "do": {"save"},
		"who": {w.Ministry.EDRPOU}, "category": {""},
		"q0.kind": {"one"}, "q0.uk": {"Чи вистачає місця?"}, "q0.required": {"on"}, "q0.options": {"Так | Yes\r\nНі | No\r\n"},
		"q1.kind": {"scale"}, "q1.uk": {"Наскільки тихо?"}, "q1.min": {"1"}, "q1.max": {"5"}, "q1.low.uk": {"гамірно"}, "q1.if": {"1"}, "q1.is": {"2"}, "q1.page": {"on"}, "q1.page.uk": {"Тиша"}}
}

// TestEditor: a survey from an empty form to its results, by plain forms.
func TestEditor(t *testing.T) {
	w, p := surveyWorld(t)
	c := w.As(w.Role(service.OfficeEditor, w.Ministry))
	base := "/b/" + w.Ministry.EDRPOU + "/office/surveys"
	if status, body := getPage(t, w, c, base+"/new"); status != 200 || !strings.Contains(body, w.Ministry.EDRPOU+"/") || strings.Contains(body, w.Council.EDRPOU) {
		t.Errorf("new: %d, want the ministry with its units and nothing of the council", status)
	}
	form := draftForm(w)
	form.Set("do", "add")
	if status, _, body := sendForm(t, w, c, base, form); status != 200 || !strings.Contains(body, `name="q2.uk"`) || !strings.Contains(body, "Чи вистачає місця?") {
		t.Errorf("one question more: %d", status)
	}
	form.Set("do", "delete.0")
	if _, _, body := sendForm(t, w, c, base, form); strings.Contains(body, "Чи вистачає місця?") || !strings.Contains(body, "Наскільки тихо?") {
		t.Error("a removed question stays")
	}
	if list, _ := p.surveys.OfBody(t.Context(), w.Ministry.EDRPOU); len(list) != 0 {
		t.Error("a button that stores nothing has stored something")
	}

	form.Set("do", "save")
	status, to, body := sendForm(t, w, c, base, form)
	if status != http.StatusSeeOther {
		t.Fatalf("save: %d %s", status, body)
	}
	id := strings.TrimSuffix(strings.TrimPrefix(to, base+"/"), "?saved=1")
	s, err := p.surveys.Survey(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if q := s.Definition.Questions(); len(s.Definition.Pages) != 2 || q[1].ShowIf[0].Question != "q1" || q[1].ShowIf[0].Is[0] != "2" || q[0].Options[0].Text.EN != "Yes" {
		t.Errorf("definition: %s", s.Canonical)
	}
	if status, body := getPage(t, w, c, to); status != 200 || !strings.Contains(body, `id="saved"`) || !strings.Contains(body, "Так | Yes") {
		t.Errorf("editor's page: %d", status)
	}
	form.Set("revision", "1")
	form.Set("title.uk", "Умови праці й тиша")
	if status, _, _ := sendForm(t, w, c, base+"/"+id, form); status != http.StatusSeeOther {
		t.Errorf("change: %d", status)
	}
	if status, _, body := sendForm(t, w, c, base+"/"+id, form); status != http.StatusConflict || !strings.Contains(body, "survey-changed") || !strings.Contains(body, "Умови праці й тиша") {
		t.Errorf("the same revision again: %d, want a conflict that keeps what was typed", status)
	} else if strings.Count(body, `name="revision" value="1"`) != 3 || strings.Contains(body, `name="revision" value="2"`) {
		t.Error("beside what was typed, what the other editor saved can be opened or replaced unseen")
	}

	for name, wrong := range map[string]url.Values{"survey-wrong": {"title.uk": {""}}, "survey-foreign-body": {"who": {w.Council.EDRPOU}}, "survey-audience": {"who": {""}}} {
		form := draftForm(w)
		for k, v := range wrong {
			form[k] = v
		}
		if status, _, body := sendForm(t, w, c, base, form); status/100 != 4 || !strings.Contains(body, name) || !strings.Contains(body, "Чи вистачає місця?") {
			t.Errorf("%s: %d, want it named and what was typed kept", name, status)
		}
	}

	// However many groups are sent, what is read and shown of them is bounded.
	many := draftForm(w)
	for i := range 9_000 {
		many.Add("who", fmt.Sprintf("%s/%d", w.Ministry.EDRPOU, i))
	}
	for _, do := range []string{"save", "add"} {
		many.Set("do", do)
		if status, _, body := sendForm(t, w, c, base, many); len(body) > 1<<20 || do == "save" && (status != 422 || !strings.Contains(body, "survey-audience")) {
			t.Errorf("%s of 9,000 groups: %d, a page of %d bytes", do, status, len(body))
		}
	}

	closes := func(at time.Time) url.Values {
		return url.Values{"closes": {at.Format(formMoment)}, "revision": {"2"}}
	}
	for _, far := range []time.Duration{-time.Hour, time.Minute, 2 * 365 * 24 * time.Hour} {
		if status, _, body := sendForm(t, w, c, base+"/"+id+"/open", closes(locale.Kyiv(w.Now()).Add(far))); status != 422 || !strings.Contains(body, "survey-term") {
			t.Errorf("closing after %v: %d", far, status)
		}
	}
	if status, _, body := sendForm(t, w, c, base+"/"+id+"/open", closes(locale.Kyiv(w.Now()).Add(24*time.Hour))); status != http.StatusSeeOther {
		t.Fatalf("open: %d %s", status, body)
	}
	if status, _, body := sendForm(t, w, c, base+"/"+id, form); status != http.StatusConflict || !strings.Contains(body, "survey-state") {
		t.Errorf("change of an open survey: %d", status)
	}
	if status, _, body := sendForm(t, w, c, base+"/"+id+"/delete", nil); status != http.StatusConflict || !strings.Contains(body, "survey-state") {
		t.Errorf("deleting an open survey: %d", status)
	}
	if status, body := getPage(t, w, c, base+"/"+id); status != 200 || !strings.Contains(body, `id="close"`) {
		t.Errorf("page of an open survey: %d", status)
	}
	if status, body := getPage(t, w, c, base+"/"+id+"/results"); status != http.StatusConflict || !strings.Contains(body, "survey-results-later") {
		t.Errorf("results of an open survey: %d", status)
	}
	if status, to, body := sendForm(t, w, c, base+"/"+id+"/remind", nil); status != http.StatusSeeOther || !strings.HasSuffix(to, "?sent=0") {
		t.Errorf("reminder where nobody has an address: %d %s", status, body)
	}
	o := w.As(official(w.Ministry.Holders["issued"]))
	if status, body := getPage(t, w, o, "/office/surveys"); status != 200 || !strings.Contains(body, "Умови праці й тиша") {
		t.Errorf("list of an official: %d", status)
	}
	if status, body := getPage(t, w, o, "/office/"); status != 200 || !strings.Contains(body, "Умови праці й тиша") {
		t.Errorf("first page: %d", status)
	}

	// Another body's editor, and people who are none, see nothing of it.
	other := w.As(w.Role(service.OfficeEditor, w.Council))
	if status, _ := getPage(t, w, other, "/b/"+w.Council.EDRPOU+"/office/surveys/"+id); status != http.StatusNotFound {
		t.Errorf("another body's editor: %d", status)
	}
	if status, _ := getPage(t, w, other, base+"/"+id); status != http.StatusForbidden {
		t.Errorf("another body's editor at our address: %d", status)
	}
	if status, _ := getPage(t, w, w.As(w.Role(service.BodyAdmin, w.Ministry)), base); status != http.StatusForbidden {
		t.Errorf("administrator: %d", status)
	}

	if status, _, _ := sendForm(t, w, c, base+"/"+id+"/close", nil); status != http.StatusSeeOther {
		t.Fatalf("close: %d", status)
	}
	for _, path := range []string{base + "/" + id + "/results", "/office/surveys/" + id + "/results"} {
		who := c
		if strings.HasPrefix(path, "/office") {
			who = o
		}
		if status, body := getPage(t, w, who, path); status != 200 || !strings.Contains(body, `id="few"`) {
			t.Errorf("%s: %d, want too few answers", path, status)
		}
		for _, format := range []string{"/csv", "/xlsx"} {
			if status, _ := getPage(t, w, who, path+format); status != 200 {
				t.Errorf("%s%s: %d", path, format, status)
			}
		}
		if status, _ := getPage(t, w, who, path+"/exe"); status != http.StatusNotFound {
			t.Errorf("unknown format: %d", status)
		}
	}
	if status, _ := getPage(t, w, c, base+"/"+id+"/answers/csv"); status != http.StatusNotFound {
		t.Errorf("answers with names of an anonymous survey: %d", status)
	}
	if status, _ := getPage(t, w, w.As(official(w.Council.Holders["second"])), "/office/surveys/"+id+"/results"); status != http.StatusNotFound {
		t.Errorf("results for somebody who was not asked: %d", status)
	}
}

// TestNamedResults: charts and tables of a named survey, with hostile texts everywhere.
func TestNamedResults(t *testing.T) {
	w, p := surveyWorld(t)
	const hostile = `<script>alert("x")</script>`
	definition := strings.NewReplacer("Чи вистачає місця?", `\u003cscript\u003ealert(1)`, "Так", `\u003cimg src=x onerror=alert(1)\u003e`, "Умови праці", `=cmd|' /c calc'!A1`).Replace(sampleSurvey)
	s, err := p.surveys.Draft(t.Context(), w.Ministry.EDRPOU, false, []byte(definition), []office.Audience{{Body: w.Ministry.EDRPOU}}, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = p.openSurvey(t.Context(), s.ID, 1, w.Now().Add(time.Hour), w.Now()); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, h := range w.Ministry.Holders { // those whose ID is not valid as well: the engine does not know of IDs
		person, err := p.surveyPerson(t.Context(), s.ID, seatOf(h))
		if err != nil {
			t.Fatal(err)
		}
		err = p.surveys.AnswerNamed(t.Context(), s.ID, person, office.Answer{"room": "yes", "said": hostile}, surveyDay(w.Now()), w.Now())
		if err == nil {
			n++
		}
	}
	if n < office.MinGroup {
		t.Fatalf("%d answers", n)
	}
	if err := p.closeSurvey(t.Context(), s.ID, w.Now()); err != nil {
		t.Fatal(err)
	}
	c := w.As(w.Role(service.OfficeEditor, w.Ministry))
	base := "/b/" + w.Ministry.EDRPOU + "/office/surveys/" + s.ID
	status, body := getPage(t, w, c, base+"/results")
	if status != 200 || !strings.Contains(body, "<svg") || !strings.Contains(body, "&lt;script&gt;alert(&#34;x&#34;)") || strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
		t.Errorf("results: %d %.300s", status, body)
	}
	if status, body := getPage(t, w, c, base+"/answers/csv"); status != 200 || strings.Contains(body, "\n=") || !strings.Contains(body, "\ufeff") {
		t.Errorf("answers: %d", status)
	}
	if status, body := getPage(t, w, w.As(official(w.Ministry.Holders["issued"])), base+"/answers/csv"); status != http.StatusForbidden {
		t.Errorf("answers with names for an official: %d %.100s", status, body)
	}
}

// TestTamperedSurvey: rows that were changed beside the program are told as that, with what to do, and the key goes all the same.
func TestTamperedSurvey(t *testing.T) {
	w, p := surveyWorld(t)
	s := openSample(t, w, p, true)
	if status, body := newToken(t, s).ask(t, w, w.As(official(w.Ministry.Holders["issued"]))); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	err := p.c.Store.Update(t.Context(), func(tx office.Tx) error {
		_, err := tx.Exec("DELETE FROM office_survey_served")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	base := "/b/" + w.Ministry.EDRPOU + "/office/surveys/" + s.ID
	status, _, body := sendForm(t, w, w.As(w.Role(service.OfficeEditor, w.Ministry)), base+"/close", nil)
	if status != http.StatusConflict || !strings.Contains(body, "survey-tampered") {
		t.Errorf("closing: %d %.300s", status, body)
	}
	if status, body := newToken(t, s).ask(t, w, w.As(official(w.Ministry.Holders["second"]))); status != http.StatusConflict || problemCode(t, body) != "survey-tampered" {
		t.Errorf("a token after that: %d %s", status, body)
	}
	w.Advance(2 * time.Hour)
	if err := p.closeSurveys(t.Context(), w.Now()); !errors.Is(err, office.ErrTampered) {
		t.Errorf("the job: %v", err)
	}
	var key []byte
	err = p.c.Store.View(t.Context(), func(tx office.Tx) error {
		return tx.Row("SELECT key FROM office_surveys WHERE id = $1", []any{s.ID}, &key)
	})
	if err != nil || len(key) != 0 {
		t.Errorf("the key is still there: %d bytes %v", len(key), err)
	}
}

// TestImport: a file becomes a draft, a wrong one is refused with the place.
func TestImport(t *testing.T) {
	w, _ := surveyWorld(t)
	c := w.As(w.Role(service.OfficeEditor, w.Ministry))
	base := "/b/" + w.Ministry.EDRPOU + "/office/surveys"
	send := func(path, file string, revision ...string) (int, string, string) {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		for _, n := range revision {
			m.WriteField("revision", n)
		}
		part, _ := m.CreateFormFile("file", "survey.json")
		part.Write([]byte(file))
		m.Close()
		status, header, out := w.Do(c, http.MethodPost, path, &body, "Content-Type", m.FormDataContentType(), "Accept-Language", "en")
		return status, header.Get("Location"), string(out)
	}
	status, to, _ := send(base+"/import", sampleSurvey)
	if status != http.StatusSeeOther {
		t.Fatalf("import: %d", status)
	}
	to = strings.TrimSuffix(to, "?saved=1")
	status, exported := getPage(t, w, c, to+"/definition.json")
	if status != 200 || !strings.HasPrefix(exported, `{"format":"posvid-survey/1","title"`) {
		t.Fatalf("export: %d %s", status, exported)
	}
	if _, page := getPage(t, w, c, to); !strings.Contains(page, `enctype="multipart/form-data"><input type="hidden" name="revision" value="1">`) {
		t.Error("the form of a file does not say which revision it replaces")
	}
	if status, _, _ := send(to+"/import", exported, "1"); status != http.StatusSeeOther {
		t.Errorf("import of what was exported: %d", status)
	}
	for _, revision := range [][]string{{"1"}, nil} { // another editor's changes are not overwritten unseen
		if status, _, body := send(to+"/import", exported, revision...); status != http.StatusConflict || !strings.Contains(body, "survey-changed") {
			t.Errorf("import over revision %q: %d", revision, status)
		}
	}
	for _, file := range []string{"", "{}", `{"format":"posvid-survey/1"}`, strings.Replace(sampleSurvey, `"kind":"one"`, `"kind":"two"`, 1), strings.Repeat("[", 1000)} {
		if status, _, body := send(base+"/import", file); status != 422 || !strings.Contains(body, "survey-wrong") {
			t.Errorf("%.40s: %d", file, status)
		}
	}
}
