package offices

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/cloudflare/circl/blindsign/blindrsa"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service/servicetest"
)

// sampleSurvey asks one question of each kind that matters here.
const sampleSurvey = `{"format":"posvid-survey/1","title":{"uk":"Умови праці","en":"Working conditions"},"pages":[{"questions":[
	{"id":"room","kind":"one","text":{"uk":"Чи вистачає місця?"},"required":true,"options":[{"id":"yes","text":{"uk":"Так"}},{"id":"no","text":{"uk":"Ні"}}]},
	{"id":"what","kind":"many","text":{"uk":"Чого бракує?"},"options":[{"id":"desk","text":{"uk":"Столу"}},{"id":"light","text":{"uk":"Світла"}}],"showIf":[{"question":"room","is":["no"]}]},
	{"id":"said","kind":"text","text":{"uk":"Що ще?"}}]}]}`

// surveyWorld is a world with its part, and two bodies of people.
func surveyWorld(t *testing.T) (*servicetest.World, *part) {
	t.Helper()
	w := servicetest.New(t)
	p, err := mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()})
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	return w, p
}

// openSample opens a survey for the whole ministry until an hour from now.
func openSample(t *testing.T, w *servicetest.World, p *part, anonymous bool) office.Survey {
	t.Helper()
	s, err := p.surveys.Draft(t.Context(), w.Ministry.EDRPOU, anonymous, []byte(sampleSurvey), []office.Audience{{Body: w.Ministry.EDRPOU}}, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = p.openSurvey(t.Context(), s.ID, s.Revision, w.Now().Add(time.Hour), w.Now()); err != nil {
		t.Fatal(err)
	}
	return s
}

// postJSON sends a value to the API.
func postJSON(t *testing.T, w *servicetest.World, c *http.Client, path string, body any, header ...string) (int, []byte) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, _, out := w.Do(c, http.MethodPost, path, bytes.NewReader(data), append(header, "Content-Type", "application/json")...)
	return status, out
}

// token is a token in the making, as a browser makes it.
type token struct {
	survey         office.Survey
	secret, prefix []byte
	blinded        []byte
	client         blindrsa.Client
	state          blindrsa.State
}

func newToken(t testing.TB, s office.Survey) *token {
	t.Helper()
	key, err := x509.ParsePKIXPublicKey(s.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	k := &token{survey: s, secret: make([]byte, office.SecretSize)}
	rand.Read(k.secret)
	if k.client, err = blindrsa.NewClient(blindrsa.SHA384PSSRandomized, key.(*rsa.PublicKey)); err != nil {
		t.Fatal(err)
	}
	prepared, err := k.client.Prepare(rand.Reader, office.BallotMessage(s.ID, office.BallotNonce(k.secret)))
	if err != nil {
		t.Fatal(err)
	}
	k.prefix = prepared[:office.PrefixSize]
	if k.blinded, k.state, err = k.client.Blind(rand.Reader, prepared); err != nil {
		t.Fatal(err)
	}
	return k
}

// ask has the issuer half sign the token.
func (k *token) ask(t *testing.T, w *servicetest.World, c *http.Client) (int, []byte) {
	t.Helper()
	return postJSON(t, w, c, "/api/v1/office/surveys/"+k.survey.ID+"/token", map[string]string{"blinded": base64url.EncodeToString(k.blinded)})
}

// finish makes the ballot of a signed token.
func (k *token) ballot(t *testing.T, answer []byte, a any) map[string]any {
	t.Helper()
	var out struct{ Signature string }
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatal(err)
	}
	blind, err := base64url.DecodeString(out.Signature)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := k.client.Finalize(k.state, blind)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"secret": base64url.EncodeToString(k.secret), "prefix": base64url.EncodeToString(k.prefix), "signature": base64url.EncodeToString(signature), "answer": a}
}

// TestAnonymousSurvey: one person one answer over HTTP, and every way to get a second one in is refused.
func TestAnonymousSurvey(t *testing.T) {
	w, p := surveyWorld(t)
	s := openSample(t, w, p, true)
	box := "/api/v1/office/surveys/" + s.ID + "/ballots"
	c, nobody := w.As(official(w.Ministry.Holders["issued"])), w.Client()
	answer := map[string]any{"room": "no", "what": []string{"desk"}, "said": "<script>alert(1)</script>"}

	k := newToken(t, s)
	status, signed := k.ask(t, w, c)
	if status != http.StatusOK {
		t.Fatalf("token: %d %s", status, signed)
	}
	if status, again := k.ask(t, w, c); status != http.StatusOK || !bytes.Equal(again, signed) {
		t.Errorf("the same blinded message again: %d, want the same answer", status)
	}
	if status, body := newToken(t, s).ask(t, w, c); status != http.StatusConflict || problemCode(t, body) != "survey-served" {
		t.Errorf("a second token: %d %s", status, body)
	}
	if status, body := k.ask(t, w, w.As(official(w.Ministry.Holders["suspended"]))); status != http.StatusForbidden || problemCode(t, body) != "office-no-id" {
		t.Errorf("suspended: %d %s", status, body)
	}
	if status, body := newToken(t, s).ask(t, w, w.As(official(w.Council.Holders["second"]))); status != http.StatusForbidden || problemCode(t, body) != "survey-not-eligible" {
		t.Errorf("of another body: %d %s", status, body)
	}
	// The council's "issued" is the ministry's "issued": one person has one token, whatever post he asks from.
	if status, body := newToken(t, s).ask(t, w, w.As(official(w.Council.Holders["issued"]))); status != http.StatusConflict || problemCode(t, body) != "survey-served" {
		t.Errorf("the same person from another post: %d %s", status, body)
	}
	if status, _ := k.ask(t, w, nobody); status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", status)
	}

	ballot := k.ballot(t, signed, answer)
	change := func(field string, to any) map[string]any {
		out := map[string]any{}
		for k, v := range ballot {
			out[k] = v
		}
		out[field] = to
		return out
	}
	flip := func(field string) map[string]any {
		data, _ := base64url.DecodeString(ballot[field].(string))
		data[7] ^= 1
		return change(field, base64url.EncodeToString(data))
	}
	for _, tt := range []struct {
		name   string
		client *http.Client
		body   map[string]any
		header []string
		status int
		code   string
	}{
		{"with a session", c, ballot, nil, 400, "ballot-with-identity"},
		{"with a cookie", nobody, ballot, []string{"Cookie", "posvid_lang=uk"}, 400, "ballot-with-identity"},
		{"with authorization", nobody, ballot, []string{"Authorization", "Basic eDp5"}, 400, "ballot-with-identity"},
		{"forged signature", nobody, flip("signature"), nil, 403, "ballot-forged"},
		{"another prefix", nobody, flip("prefix"), nil, 403, "ballot-forged"},
		{"another secret", nobody, flip("secret"), nil, 403, "ballot-forged"},
		{"short secret", nobody, change("secret", "AAAA"), nil, 403, "ballot-forged"},
		{"no base64", nobody, change("secret", "%%%"), nil, 403, "ballot-forged"},
		{"unknown option", nobody, change("answer", map[string]any{"room": "maybe"}), nil, 422, "answer-wrong"},
		{"hidden question", nobody, change("answer", map[string]any{"room": "yes", "what": []string{"desk"}}), nil, 422, "answer-wrong"},
		{"required missing", nobody, change("answer", map[string]any{}), nil, 422, "answer-wrong"},
		{"no answer", nobody, change("answer", []int{1}), nil, 422, "answer-wrong"},
	} {
		status, body := postJSON(t, w, tt.client, box, tt.body, tt.header...)
		if status != tt.status || problemCode(t, body) != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, body, tt.status, tt.code)
		}
	}
	for range 2 { // the answer may have been lost
		if status, body := postJSON(t, w, nobody, box, ballot); status != http.StatusOK {
			t.Fatalf("ballot: %d %s", status, body)
		}
	}
	if status, body := postJSON(t, w, nobody, box, change("answer", map[string]any{"room": "yes"})); status != http.StatusConflict || problemCode(t, body) != "ballot-counted" {
		t.Errorf("another answer for the token: %d %s", status, body)
	}
	if n, err := p.box.Received(context.Background(), s.ID); err != nil || n != 1 {
		t.Errorf("received %d %v, want 1", n, err)
	}
	if status, _, body := w.Do(nobody, http.MethodGet, "/api/v1/office/surveys/"+s.ID+"/recount", nil); status != http.StatusConflict {
		t.Errorf("recount of an open survey: %d %s", status, body)
	}
	w.Advance(time.Hour)
	if status, body := newToken(t, s).ask(t, w, w.As(official(w.Ministry.Holders["second"]))); status != http.StatusConflict || problemCode(t, body) != "survey-closed" {
		t.Errorf("token after closing: %d %s", status, body)
	}
	if err := p.closeSurveys(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	status, _, list := w.Do(nobody, http.MethodGet, "/api/v1/office/surveys/"+s.ID+"/recount", nil)
	if status != http.StatusOK {
		t.Fatalf("recount: %d %s", status, list)
	}
	if r, err := office.Recount(list); err != nil || r.Received != 1 || r.Issued != 1 {
		t.Errorf("recount: %+v %v", r, err)
	}
	if logs := w.Logs.String(); bytes.Contains([]byte(logs), []byte("/ballots")) {
		t.Error("requests with ballots are in the log")
	}
}
