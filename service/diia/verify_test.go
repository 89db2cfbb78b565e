package diia

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service/servicetest"
)

// text is what the phone of a holder shows now.
func (w *world) text(t testing.TB, h *servicetest.Holder) string {
	t.Helper()
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	beacon := bundle.Beacon().Value
	text, err := h.Text(credential.FaceFull, beacon[:], w.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type verdictAnswer struct {
	Success bool
	Word    string
	Text    string
	Verdict struct {
		Schema, Verdict, Code string
		Level                 int
		Holder                *struct{ Number, Name, Position string }
	}
}

func (w *world) verify(t testing.TB, bearer string, q query) (verdictAnswer, []byte) {
	t.Helper()
	status, body := w.call(t, bearer, "POST", "/api/v1/systems/verify", q)
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	a := decode[verdictAnswer](t, body)
	if a.Success != (a.Verdict.Verdict == "accept") {
		t.Errorf("success %v with verdict %s", a.Success, a.Verdict.Verdict)
	}
	return a, body
}

func TestVerifyOffline(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t)
	h := w.Ministry.Holders["issued"]
	text := w.text(t, h)
	a, body := w.verify(t, bearer, query{"qrCode": text})
	if !a.Success || a.Verdict.Schema != "posvid.verdict/1" || a.Verdict.Code != "ok" || a.Verdict.Level != 2 || a.Verdict.Holder == nil || a.Verdict.Holder.Name != h.Name || a.Word != "ЧИННЕ" {
		t.Fatalf("%s", body)
	}
	golden(t, "verify.json", body)
	w.Advance(5 * time.Second)
	if a, body := w.verify(t, bearer, query{"qrCode": text}); !a.Success {
		t.Errorf("the same code within ten seconds: %s", body)
	}
	w.Advance(10 * time.Second)
	if a, _ := w.verify(t, bearer, query{"qrCode": text, "lang": "en"}); a.Success || a.Verdict.Code != "already-shown" || a.Word == "" {
		t.Errorf("the same code later: %+v", a)
	}
	// The memory is each system's own.
	first := w.client
	w.client = w.register(t, w.Council, "", false, publicSet(t, w.key), scopeVerify)
	other := w.bearer(t)
	if a, body := w.verify(t, other, query{"qrCode": text}); !a.Success {
		t.Errorf("another system: %s", body)
	}
	w.client = first
	for part, want := range map[string]string{"suspended": "suspended", "revoked": "revoked"} {
		a, _ := w.verify(t, bearer, query{"qrCode": w.text(t, w.Ministry.Holders[part])})
		if a.Success || a.Verdict.Verdict != "refuse" || a.Verdict.Code != want {
			t.Errorf("%s: %+v", part, a)
		}
	}
	for name, c := range map[string]struct{ text, code string }{
		"nothing of ours": {"hello", "not-a-service-id"}, "cut": {text[:len(text)-3], ""}, "prefix only": {"SID1:", ""},
		"other link scheme": {"http://localhost/documents/official-certificate/x", "not-a-service-id"}, "challenge": {"SIDQ1:AAAA", "not-a-service-id"},
	} {
		a, body := w.verify(t, bearer, query{"qrCode": c.text})
		if a.Success || c.code != "" && a.Verdict.Code != c.code || a.Verdict.Holder != nil {
			t.Errorf("%s: %s", name, body)
		}
	}
	w.Advance(20 * time.Minute)
	if a, _ := w.verify(t, w.bearer(t), query{"qrCode": text}); a.Success || a.Verdict.Code != "presentation-stale" {
		t.Errorf("an old code: %+v", a)
	}
	w.Trust.Forget()
	if a, _ := w.verify(t, w.bearer(t), query{"qrCode": w.textOf(t, h)}); a.Success || a.Verdict.Verdict != "cannot-confirm" {
		t.Errorf("without a bundle: %+v", a)
	}
	if n := w.count(t, `SELECT count(*) FROM system_looks`); n != 0 {
		t.Errorf("%d look-ups listed: an offline check is none", n)
	}
}

// textOf is a code without a beacon, for a world whose bundle is gone.
func (w *world) textOf(t testing.TB, h *servicetest.Holder) string {
	t.Helper()
	text, err := h.Text(credential.FaceFull, nil, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVerifyOnline(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t)
	h := w.Ministry.Holders["issued"]
	code := func(b *servicetest.Body, h *servicetest.Holder) *issuer.OnlineCode {
		t.Helper()
		c, err := b.Online.Issue(bg, h.Row, w.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := code(w.Ministry, h)
	a, body := w.verify(t, bearer, query{"qrCode": c.Link(), "place": "Вхід"})
	if !a.Success || a.Verdict.Schema != OnlineSchema || a.Verdict.Holder == nil || a.Verdict.Holder.Name != h.Name || a.Word != "ЧИННЕ" {
		t.Fatalf("%s", body)
	}
	golden(t, "verify-online.json", body)
	if a, _ := w.verify(t, bearer, query{"qrCode": c.Link()}); a.Success || a.Verdict.Code != "online-used" || a.Verdict.Holder != nil {
		t.Errorf("once more: %+v", a)
	}
	checks, err := w.Ministry.Online.Checks(bg, h.Row, 0, 10)
	if err != nil || len(checks) != 1 || checks[0].By.Name != "Дія (випробування)" || checks[0].By.Place != "Вхід" || checks[0].By.ID != "system:"+w.client {
		t.Errorf("the holder sees %+v (%v)", checks, err)
	}
	if a, body := w.verify(t, bearer, query{"barcode": code(w.Ministry, h).Digits()}); !a.Success {
		t.Errorf("digits: %s", body)
	}
	// The council granted nothing: its codes are unknown, and stay good.
	there := code(w.Council, w.Council.Holders["issued"])
	if a, _ := w.verify(t, bearer, query{"qrCode": there.Link()}); a.Success || a.Verdict.Code != "online-unknown" {
		t.Errorf("another body's code: %+v", a)
	}
	if status, _ := w.call(t, bearer, "POST", "/api/v1/systems/verify", query{"qrCode": there.Link(), "edrpou": w.Council.EDRPOU}); status != 403 {
		t.Errorf("another body by name: %d", status)
	}
	if err := w.p.let(bg, w.Council.EDRPOU, w.client, 1, []string{scopeVerify}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	bearer = w.bearer(t)
	if a, body := w.verify(t, bearer, query{"qrCode": there.Link()}); !a.Success {
		t.Errorf("granted: %s", body)
	}
	for name, text := range map[string]string{"another host": strings.Replace(there.Link(), "localhost", "evil.example", 1), "a query behind": there.Link() + "?x"} {
		if a, _ := w.verify(t, bearer, query{"qrCode": text}); a.Success || a.Verdict.Code != "online-unknown" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	late := code(w.Ministry, h)
	w.Advance(issuer.OnlineLife)
	if a, _ := w.verify(t, bearer, query{"qrCode": late.Link()}); a.Success || a.Verdict.Code != "online-expired" {
		t.Errorf("expired: %+v", a)
	}
	for name, q := range map[string]query{"nothing": {}, "both": {"qrCode": "x", "barcode": "y"}, "place with a line end": {"qrCode": "x", "place": "a\nb"}} {
		if status, _ := w.call(t, bearer, "POST", "/api/v1/systems/verify", q); status != 422 {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// Yes or no, and not a byte about the person.
func TestIdentify(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t)
	h := w.Ministry.Holders["issued"]
	ask := func(q query) string {
		t.Helper()
		status, body := w.call(t, bearer, "POST", "/api/v1/systems/document-identification", q)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		return strings.TrimSpace(string(body))
	}
	c, err := w.Ministry.Online.Issue(bg, h.Row, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		q    query
		want string
	}{
		{query{"barcode": c.Digits()}, `{"success":true}`}, {query{"barcode": c.Digits()}, `{"success":false}`}, {query{"qrCode": w.text(t, h)}, `{"success":true}`},
		{query{"qrCode": w.text(t, w.Ministry.Holders["revoked"])}, `{"success":false}`}, {query{"qrCode": "x"}, `{"success":false}`}, {query{"barcode": "0000000000000"}, `{"success":false}`},
	} {
		if got := ask(row.q); got != row.want {
			t.Errorf("%v: %s, want %s", row.q, got, row.want)
		}
	}
	checks, err := w.Ministry.Online.Checks(bg, h.Row, 0, 10)
	if err != nil || len(checks) != 1 || checks[0].Mode != issuer.OnlineValidate {
		t.Errorf("%+v %v", checks, err)
	}
}

func TestEnrolByOutsideWallet(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t, scopeEnrolments)
	h := w.Ministry.Holders["slip"]
	phone, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := credential.SignPossession(w.Ministry.EDRPOU, h.Code, w.Now(), phone)
	if err != nil {
		t.Fatal(err)
	}
	enrol := func(q query) (int, []byte) {
		t.Helper()
		return w.call(t, bearer, "POST", "/api/v1/systems/enrolments", q)
	}
	wrong, err := credential.SignPossession(w.Ministry.EDRPOU, h.Stop, w.Now(), phone)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := credential.SignPossession(w.Council.EDRPOU, h.Code, w.Now(), phone)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": []byte{}}); status != 422 {
		t.Errorf("an empty proof: %d", status)
	}
	var refusal []byte
	for name, possession := range map[string][]byte{"the stop code": wrong, "for another body": elsewhere, "noise": {1, 2, 3}, "longer than a proof": make([]byte, maxPossession+1), "cut": proof[:len(proof)-1]} {
		status, body := enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": possession, "slip": h.Slip})
		if status != 403 || problemCode(body) != "enrolment-refused" {
			t.Errorf("%s: %d %s", name, status, body)
		}
		var p struct{ Title, Detail string }
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatal(err)
		}
		text := []byte(p.Title + p.Detail)
		if refusal != nil && !bytes.Equal(refusal, text) {
			t.Errorf("%s: says more than the others: %s", name, text)
		}
		refusal = text
	}
	if status, _ := enrol(query{"edrpou": w.Council.EDRPOU, "possession": elsewhere}); status != 403 {
		t.Errorf("a body that granted nothing: %d", status)
	}
	status, body := enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": proof, "slip": h.Slip})
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	a := decode[enrolAnswer](t, body)
	d, err := credential.ParseDelivery(a.Delivery)
	if err != nil || len(d.Tokens) != 2 || len(d.Photo) == 0 || len(a.DocumentID) != 32 {
		t.Fatalf("delivery: %v", err)
	}
	token, err := credential.ParseToken(d.Tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	verified, err := token.Verify(w.Ministry.Signer.IssuerPublic())
	if err != nil || verified.Claims.Holder.Thumbprint() != phone.HolderPublic().Thumbprint() {
		t.Errorf("the token is not for the phone: %v", err)
	}
	// The same proof again, as after a lost answer, is answered as before.
	if status, body := enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": proof, "slip": h.Slip}); status != 200 || !bytes.Equal(decode[enrolAnswer](t, body).Delivery, a.Delivery) {
		t.Errorf("again: %d", status)
	}
	if g := w.documents(t, w.bearer(t), query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP}); g.Status != 200 || g.Data[0].ID != a.DocumentID {
		t.Errorf("the document has another id: %+v", g)
	}
	// Without a bundle nothing is issued, and the wish is kept.
	w.Trust.Forget()
	other := w.Ministry.Holders["none"]
	slips, err := w.Ministry.Register.Slips(bg, issuer.SlipFilter{Entitlements: []int64{other.Entitlement}, Renew: true}, w.Ministry.Operators[0], w.Now())
	if err != nil || len(slips) != 1 {
		t.Fatal(err, len(slips))
	}
	phone2, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	later, err := credential.SignPossession(w.Ministry.EDRPOU, slips[0].Code(), w.Now(), phone2)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": later}); status != 503 || problemCode(body) != "issue-later" {
		t.Errorf("without a bundle: %d %s", status, body)
	}
	for range 40 {
		enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": []byte{1}})
	}
	if status, _ := enrol(query{"edrpou": w.Ministry.EDRPOU, "possession": []byte{1}}); status != 429 {
		t.Errorf("after many refusals: %d, want 429", status)
	}
}

func FuzzVerifyQuery(f *testing.F) {
	w := testWorld(f, "")
	bearer := w.bearer(f)
	handler := w.Server.Handler()
	f.Add([]byte(`{"qrCode":"SID1:AAAA"}`))
	f.Add([]byte(`{"barcode":"4006381333931"}`))
	f.Add([]byte(`{"qrCode":"https://localhost/documents/official-certificate/00112233445566778899aabbccddeeff/verify/0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d"}`))
	f.Add([]byte(`{"qrCode":"x","qrCode":"y"}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w.p.asks = newLimiter(asksPerMinute, time.Minute)
		r := httptest.NewRequest("POST", "/api/v1/systems/verify", bytes.NewReader(data))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", bearer)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		status, body := answer.Code, answer.Body.Bytes()
		if status >= 500 || status == 404 || status == 401 {
			t.Fatalf("%d %s for %s", status, body, base64.StdEncoding.EncodeToString(data))
		}
		if status == 200 && bytes.Contains(body, []byte(`"success":true`)) {
			t.Fatalf("accepted %s", base64.StdEncoding.EncodeToString(data))
		}
	})
}
