package diia

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// receiver is a system's end of the webhook.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	got      []eventMessage
	requests []*http.Request
	bodies   [][]byte
	answer   func(m eventMessage, w http.ResponseWriter)
}

func newReceiver(t testing.TB) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		var m eventMessage
		if err := json.Unmarshal(body, &m); err != nil {
			w.WriteHeader(400)
			return
		}
		r.mu.Lock()
		r.got, r.requests, r.bodies = append(r.got, m), append(r.requests, q), append(r.bodies, body)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(m, w)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// take answers what came since the last call.
func (r *receiver) take() []eventMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.got
	r.got = nil
	return out
}

func (r *receiver) set(f func(m eventMessage, w http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func status(code int, text string) func(eventMessage, http.ResponseWriter) {
	return func(_ eventMessage, w http.ResponseWriter) {
		w.WriteHeader(code)
		io.WriteString(w, text)
	}
}

// run collects and delivers once.
func (w *world) run(t testing.TB) {
	t.Helper()
	if err := w.p.collect(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.deliver(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
}

func eventWorld(t testing.TB) (*world, *receiver) {
	t.Helper()
	r := newReceiver(t)
	return testWorld(t, r.URL+"/events"), r
}

func (w *world) change(ground issuer.Ground, order string) issuer.Change {
	c := issuer.Change{Ground: ground, Operator: "1", At: w.Now()}
	if order != "" {
		c.Order, c.OrderDate = order, hr.DateInKyiv(w.Now()).Start()
	}
	return c
}

func statuses(got []eventMessage) (out []string) {
	for _, m := range got {
		if m.Response != nil {
			out = append(out, m.Response.Status)
		} else {
			out = append(out, m.Event)
		}
	}
	return out
}

func TestEvents(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	// Everything that there is comes first: two issued, one suspended; who was revoked before was never heard of.
	first := r.take()
	got := statuses(first)
	slices.Sort(got)
	if !slices.Equal(got, []string{"ACTIVE", "ACTIVE", "SUSPENDED"}) {
		t.Fatalf("first: %v", got)
	}
	w.run(t)
	if again := r.take(); len(again) != 0 {
		t.Fatalf("told twice: %v", statuses(again))
	}
	h := w.Ministry.Holders["issued"]
	body := w.Ministry.Body.Body
	w.Advance(time.Minute)
	if err := body.Suspend(bg, h.Row, w.change(issuer.GroundLoss, "")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	suspended := r.take()
	if len(suspended) != 1 || suspended[0].Response == nil || suspended[0].Response.Status != "SUSPENDED" || suspended[0].Response.RNOKPP != "" {
		t.Fatalf("suspended: %+v", suspended)
	}
	golden(t, "event.json", r.bodies[len(r.bodies)-1])
	if err := body.Resume(bg, h.Row, w.change(issuer.GroundRecovered, "")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if err := body.Revoke(bg, h.Row, w.change(issuer.GroundDismissal, "3-к")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if err := body.Revoke(bg, w.Ministry.Holders["second"].Row, w.change(issuer.GroundWithdrawn, "")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	rest := r.take()
	if !slices.Equal(statuses(rest), []string{"ACTIVE", "DISMISSED", "office.identifier.removed"}) {
		t.Fatalf("then: %v", statuses(rest))
	}
	golden(t, "event-removed.json", r.bodies[len(r.bodies)-1])
	if rest[0].Response.Profile.ProfileID != suspended[0].Response.Profile.ProfileID || rest[0].PersonID != suspended[0].PersonID || rest[2].PersonID == rest[1].PersonID {
		t.Error("profile and person are not stable")
	}
	for i := 1; i < len(rest); i++ {
		if rest[i].Sequence <= rest[i-1].Sequence {
			t.Error("sequence does not grow")
		}
	}
	// The document of the event is the document of the look-up.
	g := w.documents(t, w.bearer(t), query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP})
	if g.Data[0].ID != suspended[0].Response.Profile.DocumentID || g.Data[0].PersonID != suspended[0].PersonID {
		t.Error("event and document name one ID differently")
	}
	for _, b := range r.bodies {
		if strings.Contains(string(b), h.RNOKPP) || strings.Contains(string(b), strings.Fields(h.Name)[0]) {
			t.Error("an event holds personal data that nobody granted")
		}
	}
}

// A changed post gives a new ID: the profile is the same, the document another, and there was no gap to tell of.
func TestEventsOfReplacement(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	before := r.take()
	w.Advance(time.Hour)
	w.apply(t, hr.DateInKyiv(w.Now()), map[string]map[string]string{"second": {"surname": "Показна"}})
	h := w.Ministry.Holders["second"]
	if res, err := w.Ministry.Body.Body.Issue(bg, w.Now(), h.Entitlement); err != nil || res[0].Err != nil || res[0].Existing {
		t.Fatal(err, res)
	}
	w.run(t)
	got := r.take()
	if len(got) != 1 || got[0].Response == nil || got[0].Response.Status != "ACTIVE" {
		t.Fatalf("%v", statuses(got))
	}
	i := slices.IndexFunc(before, func(m eventMessage) bool { return m.Response.Profile.ProfileID == got[0].Response.Profile.ProfileID })
	if i < 0 || before[i].Response.Profile.DocumentID == got[0].Response.Profile.DocumentID {
		t.Error("want the same profile and another document")
	}
}

// What HR states in a staff file reaches the systems: suspended, back at work, dismissed, and gone from a full file.
func TestEventsOfStaffFiles(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	r.take()
	for _, c := range []struct {
		change map[string]string
		want   []string
	}{
		{map[string]string{"status": "зупинено", "ground": "відсторонення", "order_number": "7-в", "order_date": "19.11.2026"}, []string{"SUSPENDED"}},
		{map[string]string{"status": "працює"}, []string{"ACTIVE"}},
		{map[string]string{"status": "звільнено", "ground": "звільнення", "order_number": "8-к", "order_date": "19.11.2026"}, []string{"DISMISSED"}},
	} {
		w.Advance(time.Hour)
		w.apply(t, hr.DateInKyiv(w.Now()), map[string]map[string]string{"second": c.change})
		w.run(t)
		if got := statuses(r.take()); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.change["status"], got, c.want)
		}
	}
	g := w.documents(t, w.bearer(t), query{"edrpou": w.Ministry.EDRPOU, "rnokpp": w.Ministry.Holders["second"].RNOKPP})
	if g.Status != 1050 {
		t.Errorf("document of who was dismissed: %d, want 1050", g.Status)
	}
}

func TestEventsNamePeopleWhenGranted(t *testing.T) {
	w, r := eventWorld(t)
	if err := w.p.let(bg, w.Ministry.EDRPOU, w.client, 1, allScopes, true, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	h := w.Ministry.Holders["issued"]
	got := r.take()
	if !slices.ContainsFunc(got, func(m eventMessage) bool { return m.Response.RNOKPP == h.RNOKPP }) {
		t.Errorf("nobody is named: %+v", got)
	}
	golden(t, "event-rnokpp.json", regexp.MustCompile(`"rnokpp":"\d{10}"`).ReplaceAll(r.bodies[0], []byte(`"rnokpp":"0000000000"`)))
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE instr(why, $1) > 0`, h.RNOKPP); n != 0 || strings.Contains(w.Logs.String(), h.RNOKPP) {
		t.Error("a number lies in the outbox or the log")
	}
	// The grant is looked at when the event is sent, not when it was made.
	if err := w.Ministry.Body.Body.Suspend(bg, h.Row, w.change(issuer.GroundLoss, "")); err != nil {
		t.Fatal(err)
	}
	if err := w.p.collect(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.let(bg, w.Ministry.EDRPOU, w.client, 1, allScopes, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.deliver(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if got := r.take(); len(got) != 1 || got[0].Response.RNOKPP != "" {
		t.Errorf("named after the grant had ended: %+v", got)
	}
}

// Whoever has the service's public keys can tell that it sent a message, and that nobody changed it.
func TestWebhookIsSigned(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	st, data := w.call(t, "", "GET", "/api/v1/systems/keys", nil)
	set := decode[jose.JSONWebKeySet](t, data)
	if st != 200 || len(set.Keys) != 1 || !set.Keys[0].IsPublic() || strings.Contains(string(data), `"d"`) {
		t.Fatalf("%d %s", st, data)
	}
	for i, q := range r.requests {
		input := q.Header.Get("Signature-Input")
		m := regexp.MustCompile(`^posvid=(\("@method" "@target-uri" "content-digest" "content-type" "idempotency-key"\);created=(\d+);expires=\d+;keyid="([^"]+)";alg="ecdsa-p256-sha256";tag="posvid-event")$`).FindStringSubmatch(input)
		if m == nil {
			t.Fatalf("Signature-Input %q", input)
		}
		keys := set.Key(m[3])
		if len(keys) != 1 {
			t.Fatalf("no key %q", m[3])
		}
		digest := sha256.Sum256(r.bodies[i])
		if want := "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":"; q.Header.Get("Content-Digest") != want {
			t.Errorf("Content-Digest %q, want %q", q.Header.Get("Content-Digest"), want)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(q.Header.Get("Signature"), "posvid=:"), ":"))
		if err != nil || len(raw) != 64 {
			t.Fatalf("Signature %q", q.Header.Get("Signature"))
		}
		// The signature base written out by hand (RFC 9421, Section 2.5).
		base := fmt.Sprintf("\"@method\": POST\n\"@target-uri\": %s\n\"content-digest\": %s\n\"content-type\": application/json\n\"idempotency-key\": %s\n\"@signature-params\": %s",
			r.URL+"/events", q.Header.Get("Content-Digest"), q.Header.Get("Idempotency-Key"), m[1])
		check := func(base string) bool {
			sum := sha256.Sum256([]byte(base))
			return ecdsa.Verify(keys[0].Key.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
		}
		if !check(base) {
			t.Error("the signature does not verify")
		}
		if check(strings.Replace(base, "POST", "PUT", 1)) || check(base+" ") {
			t.Error("the signature verifies something else")
		}
		if got := r.got[i]; q.Header.Get("Idempotency-Key") != `"`+got.UUID+`"` {
			t.Errorf("Idempotency-Key %q, want %q", q.Header.Get("Idempotency-Key"), got.UUID)
		}
		if q.Header.Get("Authorization") != "" || q.Header.Get("Cookie") != "" {
			t.Error("a secret travels with the event")
		}
	}
}

// A key is followed by the next in time, which is shown before it signs.
func TestSignerFollows(t *testing.T) {
	w := testWorld(t, "")
	first, err := w.p.signerAt(bg, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := func(d time.Duration) signer {
		t.Helper()
		w.Set(servicetest.Began.Add(d))
		k, err := w.p.signerAt(bg, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if k := at(signerLife); k.kid != first.kid {
		t.Error("another key before its time")
	}
	if k := at(signerLife + time.Hour); k.kid != first.kid || w.count(t, `SELECT count(*) FROM system_signers`) != 2 {
		t.Error("want the old key still, and the next one shown")
	}
	second := at(signerLife + signerAhead + 2*time.Hour)
	if second.kid == first.kid || second.key.Equal(first.key) {
		t.Error("the next key does not sign")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, second); got != "[redacted]" {
			t.Errorf("%s shows %q", verb, got)
		}
	}
	secret, err := second.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, `SELECT count(*) FROM system_signers WHERE instr(private, $1) > 0`, secret); n != 0 {
		t.Error("the private key is not sealed")
	}
}

func TestRetries(t *testing.T) {
	w, r := eventWorld(t)
	r.set(status(500, "no"))
	w.run(t)
	got := r.take()
	if len(got) != 1 {
		t.Fatalf("%d tries at a receiver that is down, want 1", len(got))
	}
	w.run(t)
	if n := len(r.take()); n != 0 {
		t.Errorf("%d tries at once, want a pause", n)
	}
	tries, waited := 1, time.Duration(0)
	for waited < 2*time.Hour {
		w.Advance(5 * time.Second)
		waited += 5 * time.Second
		w.run(t)
		tries += len(r.take())
	}
	if tries < 6 || tries > 14 {
		t.Errorf("%d tries in two hours, want them to thin out", tries)
	}
	r.set(nil)
	for range 3 {
		w.Advance(longestRetry)
		w.run(t)
	}
	back := r.take()
	if len(back) != 3 || back[0].UUID != got[0].UUID || back[0].Sequence != got[0].Sequence {
		t.Errorf("afterwards %d events; the first has uuid %s, want %s", len(back), back[0].UUID, got[0].UUID)
	}
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state <> 1`); n != 0 {
		t.Errorf("%d events are not delivered", n)
	}
}

func TestBackoff(t *testing.T) {
	for tries, most := range map[int]time.Duration{0: firstRetry, 1: firstRetry, 2: 2 * firstRetry, 5: 16 * firstRetry, 12: longestRetry, 63: longestRetry, 1 << 30: longestRetry} {
		for range 50 {
			if d := backoff(tries); d < most/2 || d > most {
				t.Errorf("try %d: %s, want %s to %s", tries, d, most/2, most)
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		status int
		after  string
		text   string
		want   outcome
	}{
		{200, "", "", outcome{ok: true}}, {202, "", "{}", outcome{ok: true}}, {204, "", "", outcome{ok: true}},
		{404, "", `{"error":{"http_code":404,"message":"x"}}`, outcome{parked: true, why: "unknown-person"}}, {404, "", `{"code":"unknown-person"}`, outcome{parked: true, why: "unknown-person"}},
		{404, "", "<html>", outcome{down: true, why: "http-404"}}, {404, "", `{"code":"unknown-person"}` + strings.Repeat(" ", maxAnswer), outcome{down: true, why: "http-404"}},
		{301, "", "", outcome{down: true, why: "redirect"}}, {304, "", "", outcome{down: true, why: "redirect"}}, {400, "", "", outcome{why: "http-400"}}, {422, "", "", outcome{why: "http-422"}},
		{401, "", "", outcome{down: true, why: "http-401"}}, {500, "", "", outcome{down: true, why: "http-500"}}, {503, "30", "", outcome{down: true, why: "http-503", wait: 30 * time.Second}},
		{429, "999999999", "", outcome{down: true, why: "http-429", wait: longestRetry}}, {429, "-5", "", outcome{down: true, why: "http-429"}}, {100, "", "", outcome{why: "http-100"}},
	} {
		if got := outcomeOf(c.status, c.after, []byte(c.text)); got != c.want {
			t.Errorf("%d %q: %+v, want %+v", c.status, c.text, got, c.want)
		}
	}
}

// What the receiver cannot take for one person holds up this person's events and nobody else's.
func TestOrderOfAPerson(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	r.take()
	body := w.Ministry.Body.Body
	one, two := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	step := func(row int64, suspend bool) {
		t.Helper()
		var err error
		if suspend {
			err = body.Suspend(bg, row, w.change(issuer.GroundLoss, ""))
		} else {
			err = body.Resume(bg, row, w.change(issuer.GroundRecovered, ""))
		}
		if err == nil {
			err = w.p.collect(bg, w.Now())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	step(one.Row, true)
	step(one.Row, false)
	step(two.Row, true)
	var bad string
	r.set(func(m eventMessage, w http.ResponseWriter) {
		if bad == "" {
			bad = m.PersonID
		}
		if m.PersonID == bad {
			w.WriteHeader(422)
		}
	})
	for range 3 {
		if err := w.p.deliver(bg, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	got := r.take()
	if !slices.Equal(statuses(got), []string{"SUSPENDED", "SUSPENDED"}) || got[0].PersonID == got[1].PersonID {
		t.Fatalf("%v", statuses(got))
	}
	r.set(nil)
	for range 3 {
		w.Advance(time.Hour)
		if err := w.p.deliver(bg, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.take(); !slices.Equal(statuses(got), []string{"SUSPENDED", "ACTIVE"}) || got[0].PersonID != bad {
		t.Errorf("%v", statuses(got))
	}
}

func TestParked(t *testing.T) {
	w, r := eventWorld(t)
	r.set(status(404, `{"error":{"http_code":404,"message":"unknown person"}}`))
	w.run(t)
	w.run(t)
	first := r.take()
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state = 2`); n != 3 || len(first) != 3 {
		t.Fatalf("%d parked, %d sent, want 3 and 3", n, len(first))
	}
	w.Advance(time.Hour)
	w.run(t)
	if n := len(r.take()); n != 0 {
		t.Errorf("%d parked events are sent again within the hour", n)
	}
	r.set(nil)
	person := first[0].PersonID
	st, body := w.call(t, w.bearer(t), "POST", "/api/v1/systems/events/unpark", query{"personId": person})
	if st != 200 || decode[struct{ Events int }](t, body).Events != 1 {
		t.Fatalf("%d %s", st, body)
	}
	w.run(t)
	if got := r.take(); len(got) != 1 || got[0].UUID != first[0].UUID || got[0].PersonID != person {
		t.Errorf("%+v", got)
	}
	if st, body := w.call(t, w.bearer(t), "POST", "/api/v1/systems/events/unpark", query{"personId": strings.Repeat("0", 32)}); st != 200 || decode[struct{ Events int }](t, body).Events != 0 {
		t.Errorf("nobody: %d %s", st, body)
	}
	// What is new overtakes what is parked.
	for _, part := range []string{"issued", "second"} {
		if err := w.Ministry.Body.Body.Suspend(bg, w.Ministry.Holders[part].Row, w.change(issuer.GroundLoss, "")); err != nil {
			t.Fatal(err)
		}
	}
	w.run(t)
	if got := statuses(r.take()); !slices.Equal(got, []string{"SUSPENDED", "SUSPENDED"}) {
		t.Errorf("%v", got)
	}
	if parked, dropped := w.count(t, `SELECT count(*) FROM system_events WHERE state = 2`), w.count(t, `SELECT count(*) FROM system_events WHERE state = 4 AND why = 'overtaken'`); parked+dropped != 2 || dropped == 0 {
		t.Errorf("%d parked, %d overtaken", parked, dropped)
	}
	// Once a day the rest is sent without being asked.
	w.Advance(parkedRetry)
	if err := w.p.purge(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state IN (0, 2)`); n != 0 {
		t.Errorf("%d events still wait", n)
	}
}

func TestDeadLetters(t *testing.T) {
	w, r := eventWorld(t)
	r.set(status(503, ""))
	w.run(t)
	for range 40 {
		w.Advance(longestRetry)
		w.run(t)
	}
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state = 3`); n != 3 {
		t.Fatalf("%d dead after ten days, want 3", n)
	}
	r.take()
	admin := w.As(w.Role(service.BodyAdmin, w.Ministry))
	path := "/b/" + w.Ministry.EDRPOU + "/systems/" + w.client
	st, _, page := w.Do(admin, "GET", path, nil)
	if st != 200 || strings.Count(string(page), "http-503") != 3 {
		t.Fatalf("%d %s %s", st, page, w.Logs)
	}
	r.set(nil)
	var id int64
	if err := w.Server.Store.View(bg, func(tx *store.ServiceTx) error {
		return tx.Row(`SELECT min(id) FROM system_events WHERE state = 3`, nil, &id)
	}); err != nil {
		t.Fatal(err)
	}
	if st, _, _ := w.Do(admin, "POST", fmt.Sprintf("%s/events/%d/resend", path, id), nil); st != 303 {
		t.Errorf("resend: %d", st)
	}
	if st, _, _ := w.Do(admin, "POST", fmt.Sprintf("%s/events/%d/resend", path, id), nil); st != 404 {
		t.Errorf("resend of what waits: %d", st)
	}
	if st, _, _ := w.Do(admin, "POST", path+"/events/x/resend", nil); st != 404 {
		t.Errorf("resend of nothing: %d", st)
	}
	w.run(t)
	if got := r.take(); len(got) != 1 || got[0].Sequence != id {
		t.Errorf("%+v", got)
	}
}

// What has waited for seven days is given up whether it was its turn or not.
func TestGivenUp(t *testing.T) {
	w, r := eventWorld(t)
	r.set(status(503, ""))
	w.run(t)
	w.Advance(eventLife)
	if err := w.p.purge(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state = 3 AND why <> ''`); n != 3 {
		t.Errorf("%d dead, want 3", n)
	}
}

// While a grant rests nobody listens; what happened meanwhile is told when it counts again.
func TestEventsOfAGap(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	r.take()
	let := func(scopes ...string) {
		t.Helper()
		if err := w.p.let(bg, w.Ministry.EDRPOU, w.client, 1, scopes, false, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	let(scopeVerify)
	w.register(t, w.Ministry, "", false, publicSet(t, newKey(t)), scopeEvents) // somebody else listens, and moves the cursor
	if err := w.Ministry.Body.Body.Revoke(bg, w.Ministry.Holders["issued"].Row, w.change(issuer.GroundDismissal, "1-к")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := len(r.take()); n != 0 {
		t.Errorf("%d events without the scope", n)
	}
	let(scopeEvents)
	w.run(t)
	if got := statuses(r.take()); !slices.Equal(got, []string{"DISMISSED"}) {
		t.Errorf("granted again: %v, want the one change", got)
	}
	// The same after the system's term had passed and was prolonged.
	w.Advance(366 * day)
	if err := w.Ministry.Body.Body.Revoke(bg, w.Ministry.Holders["second"].Row, w.change(issuer.GroundWithdrawn, "")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := len(r.take()); n != 0 {
		t.Errorf("%d events after the term", n)
	}
	if err := w.p.renew(bg, w.Ministry.EDRPOU, w.client, 1, registration{name: "Дія", keys: publicSet(t, w.key), webhook: r.URL + "/events", scopes: allScopes, until: w.Now().Add(day)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if got := statuses(r.take()); !slices.Equal(got, []string{"office.identifier.removed"}) {
		t.Errorf("prolonged: %v, want the one change", got)
	}
}

// The grant is asked for at the moment of sending.
func TestNothingIsSentWithoutAGrant(t *testing.T) {
	w, r := eventWorld(t)
	if err := w.p.collect(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.withdraw(bg, w.Ministry.EDRPOU, w.client, 1, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := len(r.take()); n != 0 {
		t.Errorf("%d events without a grant", n)
	}
	if err := w.p.let(bg, w.Ministry.EDRPOU, w.client, 1, []string{scopeEvents}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := len(r.take()); n != 3 {
		t.Errorf("granted again: %d events, want everything, 3", n)
	}
	// A body whose word rests holds its events back, and keeps them.
	if err := w.p.let(bg, w.Council.EDRPOU, w.client, 1, []string{scopeEvents}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.collect(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.p.renew(bg, w.Ministry.EDRPOU, w.client, 1, registration{name: "Дія", keys: publicSet(t, newKey(t)), webhook: r.URL + "/new", scopes: allScopes, until: w.Now().Add(day)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if got := r.take(); slices.ContainsFunc(got, func(m eventMessage) bool { return m.Body == w.Council.EDRPOU }) {
		t.Error("events of the council go to an address that it has not agreed to")
	}
	if err := w.p.let(bg, w.Council.EDRPOU, w.client, 1, []string{scopeEvents}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Minute)
	w.run(t)
	if got := r.take(); !slices.ContainsFunc(got, func(m eventMessage) bool { return m.Body == w.Council.EDRPOU }) {
		t.Error("the council's events are lost")
	}
	if err := w.p.stop(bg, w.Ministry.EDRPOU, w.client, 1, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Ministry.Body.Body.Suspend(bg, w.Ministry.Holders["issued"].Row, w.change(issuer.GroundLoss, "")); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if n := len(r.take()); n != 0 {
		t.Errorf("%d events to a stopped system", n)
	}
}

func TestPull(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t)
	type page struct {
		Events []eventMessage
		Next   int64
		More   bool
	}
	get := func(after int64, limit int) page {
		t.Helper()
		st, body := w.call(t, bearer, "GET", fmt.Sprintf("/api/v1/systems/events?after=%d&limit=%d", after, limit), nil)
		if st != 200 {
			t.Fatalf("%d %s", st, body)
		}
		return decode[page](t, body)
	}
	if p := get(0, 10); len(p.Events) != 0 || p.More || p.Next != 0 {
		t.Errorf("%+v", p)
	}
	w.run(t)
	p := get(0, 2)
	if len(p.Events) != 2 || !p.More || p.Next != p.Events[1].Sequence {
		t.Fatalf("%+v", p)
	}
	q := get(p.Next, 2)
	if len(q.Events) != 1 || q.More || q.Events[0].Sequence <= p.Next {
		t.Fatalf("%+v", q)
	}
	if again := get(0, 10); len(again.Events) != 3 || again.Events[0].UUID != p.Events[0].UUID {
		t.Error("the same question has another answer")
	}
	first := w.client
	w.client = w.register(t, w.Council, "", false, publicSet(t, w.key), scopeEvents)
	bearer = w.bearer(t)
	if p := get(0, 10); len(p.Events) != 0 {
		t.Error("another system's events")
	}
	w.client = first
	for _, bad := range []string{"after=-1", "limit=0", "limit=501", "after=x"} {
		if st, _ := w.call(t, w.bearer(t), "GET", "/api/v1/systems/events?"+bad, nil); st != 422 {
			t.Errorf("%s: %d", bad, st)
		}
	}
	w.Advance(eventKept + time.Minute)
	if _, err := w.Server.Store.MAC("x", nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`UPDATE system_events SET state = 1`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.p.purge(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, `SELECT count(*) FROM system_events`); n != 0 {
		t.Errorf("%d events after thirty days", n)
	}
}

// A body that was restored from a copy has another audit behind it: everything is compared anew.
func TestEventsAfterARestore(t *testing.T) {
	w, r := eventWorld(t)
	w.run(t)
	r.take()
	if err := w.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
		if _, err := tx.Exec(`UPDATE system_cursors SET seq = seq + 1000`); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE system_told SET status = 2 WHERE status = 1`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	if got := statuses(r.take()); !slices.Equal(got, []string{"ACTIVE", "ACTIVE"}) {
		t.Errorf("%v", got)
	}
	head, err := w.Ministry.Body.Body.AuditHead(bg)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, `SELECT seq FROM system_cursors WHERE body = $1`, w.Ministry.EDRPOU); uint64(n) != head.Seq {
		t.Errorf("cursor %d, want %d", n, head.Seq)
	}
}

func FuzzAuditedID(f *testing.F) {
	f.Add([]byte{0x85, 1, 2, 5, 0x60, 0x81, 7})
	f.Add([]byte{0x85, 1, 2, 3, 0x60, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		event, row, err := auditedID(data)
		if err == nil && row != 0 && event != issuer.EventSigned && event != issuer.EventStateChanged {
			t.Fatalf("event %d has row %d", event, row)
		}
	})
}

func FuzzOutcome(f *testing.F) {
	f.Add(404, "1", []byte(`{"error":{"http_code":404}}`))
	f.Add(503, "x", []byte(`{`))
	f.Fuzz(func(t *testing.T, status int, after string, text []byte) {
		o := outcomeOf(status, after, text)
		if o.ok && (status < 200 || status > 299) || o.parked && status != 404 || o.wait < 0 || o.wait > longestRetry {
			t.Fatalf("%d: %+v", status, o)
		}
	})
}
