package diia

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

func (w *world) post(t testing.TB, c *http.Client, path string, form url.Values) (int, string, string) {
	t.Helper()
	status, h, body := w.Do(c, "POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	return status, h.Get("Location"), string(body)
}

func goodForm(t testing.TB, keys string) url.Values {
	return url.Values{"name": {"Дія"}, "keys": {keys}, "webhook": {""}, "until": {"2027-11-20"}, "scopes": {"documents", "events"}}
}

func TestPages(t *testing.T) {
	w := testWorld(t, "")
	admin := w.As(w.Role(service.BodyAdmin, w.Ministry))
	list := "/b/" + w.Ministry.EDRPOU + "/systems"
	status, _, page := w.Do(admin, "GET", list, nil)
	if status != 200 || !bytes.Contains(page, []byte("Дія (випробування)")) {
		t.Fatalf("%d %s %s", status, page, w.Logs)
	}
	key := newKey(t)
	status, to, body := w.post(t, admin, list, goodForm(t, string(publicSet(t, key))))
	if status != 303 || !strings.HasPrefix(to, list+"/sys-") {
		t.Fatalf("register: %d %s %s", status, to, body)
	}
	status, _, page = w.Do(admin, "GET", to, nil)
	client := strings.TrimSuffix(strings.TrimPrefix(to, list+"/"), "?done=registered")
	if status != 200 || !bytes.Contains(page, []byte(client)) || !bytes.Contains(page, []byte("ES256")) || !bytes.Contains(page, []byte("20.11.2027")) {
		t.Fatalf("%d %s", status, page)
	}
	if status, _, english := w.Do(admin, "GET", to+"&lang=en", nil); status != 200 || !bytes.Contains(english, []byte("Undelivered events")) {
		t.Errorf("in English: %d", status)
	}
	w.client, w.key = client, key
	if _, a := w.ask(t, formOf(w.good(t))); a.Scope != "documents events" {
		t.Errorf("the registered system: %+v", a)
	}
	if status, to, body := w.post(t, admin, list+"/"+client, goodForm(t, string(pemOf(t, key.Public())))); status != 303 || !strings.Contains(to, "done=changed") {
		t.Errorf("change to keys in PEM: %d %s", status, body)
	}
	if status, to, _ := w.post(t, admin, list+"/"+client+"/stop", nil); status != 303 || !strings.HasSuffix(to, "done=stopped") {
		t.Errorf("stop: %d %s", status, to)
	}
	if status, _, page := w.Do(admin, "GET", list+"/"+client+"?lang=uk", nil); status != 200 || bytes.Contains(page, []byte(`id="system-stop"`)) || !bytes.Contains(page, []byte("· зупинено")) || !bytes.Contains(page, []byte("зареєстровано: документ, події")) {
		t.Errorf("stopped system's page: %d %s", status, page)
	}
	if status, to, _ := w.post(t, admin, list+"/"+client+"/withdraw", nil); status != 303 || to != list+"?done=withdrawn" {
		t.Errorf("withdraw: %d %s", status, to)
	}
	// The council's administrator binds the ministry's system.
	council := w.As(w.Role(service.BodyAdmin, w.Council))
	w.client = ""
	all, err := w.p.list(bg, w.Ministry.EDRPOU, "", w.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.State == "live" {
			w.client = v.ClientID
		}
	}
	there := "/b/" + w.Council.EDRPOU + "/systems"
	if status, _, _ := w.Do(council, "GET", there+"/"+w.client, nil); status != 404 {
		t.Errorf("a system that is not bound here: %d, want 404", status)
	}
	if status, to, body := w.post(t, council, there+"/bind", url.Values{"client": {" " + w.client}, "scopes": {"verify"}}); status != 303 {
		t.Errorf("bind: %d %s %s", status, to, body)
	}
	status, _, page = w.Do(council, "GET", there+"/"+w.client, nil)
	if status != 200 || bytes.Contains(page, []byte(`id="system-change"`)) || !bytes.Contains(page, []byte(`id="system-agree"`)) {
		t.Errorf("another body's system: %d %s", status, page)
	}
	for _, what := range []string{"", "/stop"} {
		if status, _, _ := w.post(t, council, there+"/"+w.client+what, goodForm(t, string(publicSet(t, key)))); status != 403 {
			t.Errorf("council posts %q: %d, want 403", what, status)
		}
	}
}

func TestPagesRefused(t *testing.T) {
	w := testWorld(t, "", func(c *service.Config) { c.Dev = false })
	admin := w.As(w.Role(service.BodyAdmin, w.Ministry))
	list := "/b/" + w.Ministry.EDRPOU + "/systems"
	keys := string(publicSet(t, newKey(t)))
	const hostile = `"><script>alert(1)</script>`
	before := w.count(t, `SELECT count(*) FROM systems`)
	for name, c := range map[string]struct{ field, value, code string }{
		"no name":        {"name", " ", "system-name"},
		"long name":      {"name", strings.Repeat("ї", maxName+1), "system-name"},
		"control":        {"name", "a\x07", "system-name"},
		"hidden letters": {"name", "Дія\u202E", "system-name"},
		"no keys":        {"keys", "", "system-keys"},
		"hostile keys":   {"keys", hostile, "system-keys"},
		"past":           {"until", "2026-11-19", "system-until"},
		"far":            {"until", "2030-11-20", "system-until"},
		"no date":        {"until", hostile, "system-until"},
		"http":           {"webhook", "http://system.example.com/", "system-webhook"},
		"loopback":       {"webhook", "https://127.0.0.1/", "system-webhook"},
		"hostile":        {"webhook", hostile, "system-webhook"},
		"unknown scope":  {"scopes", "all", "system-scopes"},
	} {
		f := goodForm(t, keys)
		f.Set(c.field, c.value)
		status, _, body := w.post(t, admin, list, f)
		if status != 422 || strings.Contains(body, "<script>alert") {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if c.field != "name" && !strings.Contains(body, `value="Дія"`) {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	f := goodForm(t, keys)
	f.Del("scopes")
	if status, _, _ := w.post(t, admin, list, f); status != 422 {
		t.Errorf("no scope: %d", status)
	}
	if status, _, _ := w.post(t, admin, list, url.Values{"name": {strings.Repeat("a", 70<<10)}}); status != 413 {
		t.Errorf("oversize: %d", status)
	}
	if status, _, body := w.post(t, admin, list+"/bind", url.Values{"client": {hostile}, "scopes": {"verify"}}); status != 404 || strings.Contains(body, "<script>alert") {
		t.Errorf("bind of nothing: %d", status)
	}
	// A name that is a script is a name.
	f = goodForm(t, keys)
	f.Set("name", hostile)
	status, to, _ := w.post(t, admin, list, f)
	if status != 303 {
		t.Fatalf("%d", status)
	}
	for _, path := range []string{list, to} {
		if status, _, page := w.Do(admin, "GET", path, nil); status != 200 || bytes.Contains(page, []byte("<script>alert")) {
			t.Errorf("%s: %d, the name is not escaped", path, status)
		}
	}
	// Without a fresh passkey nothing changes, and what was typed stays.
	p := w.Role(service.BodyAdmin, w.Ministry)
	p.SecondFactor = w.Now().Add(-service.SecondFactorTerm)
	stale := w.As(p)
	status, _, body := w.Do(stale, "POST", list, strings.NewReader(goodForm(t, keys).Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	if status != 403 || !bytes.Contains(body, []byte(`value="Дія"`)) || !bytes.Contains(body, []byte("/login/passkey")) {
		t.Errorf("without a second factor: %d %s", status, body)
	}
	for _, path := range []string{"/bind", "/" + w.client, "/" + w.client + "/grant", "/" + w.client + "/stop", "/" + w.client + "/withdraw", "/" + w.client + "/events/1/resend"} {
		if status, _, _ := w.post(t, stale, list+path, goodForm(t, keys)); status != 403 {
			t.Errorf("%s without a second factor: %d", path, status)
		}
	}
	for _, role := range service.Roles() {
		c := w.As(w.Role(role, w.Ministry))
		status, _, _ := w.Do(c, "GET", list, nil)
		if want := map[bool]int{true: 200, false: 403}[role == service.BodyAdmin || role == service.Auditor]; status != want {
			t.Errorf("%s reads: %d, want %d", role, status, want)
		}
		if role == service.BodyAdmin {
			continue
		}
		if status, _, _ := w.post(t, c, list, goodForm(t, keys)); status != 403 {
			t.Errorf("%s registers: %d", role, status)
		}
	}
	if n := w.count(t, `SELECT count(*) FROM systems`); n != before+1 {
		t.Errorf("%d systems, want one more than %d", n, before)
	}
}

func TestAdminAPI(t *testing.T) {
	w := testWorld(t, "")
	admin := w.As(w.Role(service.BodyAdmin, w.Ministry))
	path := "/api/v1/bodies/" + w.Ministry.EDRPOU + "/systems"
	do := func(c *http.Client, method, path string, body any) (int, []byte) {
		t.Helper()
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		status, _, answer := w.Do(c, method, path, bytes.NewReader(data), "Content-Type", "application/json")
		return status, answer
	}
	entry := query{"name": "Дія", "keys": json.RawMessage(publicSet(t, newKey(t))), "scopes": []string{"verify"}, "until": "2027-01-31"}
	status, body := do(admin, "POST", path, entry)
	if status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	client := decode[struct{ ClientID string }](t, body).ClientID
	status, _, body = w.Do(admin, "GET", path, nil)
	list := decode[struct{ Systems []systemView }](t, body)
	if status != 200 || len(list.Systems) != 2 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := do(admin, "PUT", path+"/"+client+"/grant", query{"scopes": []string{"verify", "documents"}}); status >= 300 {
		t.Errorf("grant: %d %s", status, body)
	}
	one, err := w.p.list(bg, w.Ministry.EDRPOU, client, w.Now())
	if err != nil || len(one) != 1 || strings.Join(one[0].Scopes, " ") != "documents verify" || len(one[0].Changes) != 2 {
		t.Errorf("%+v %v", one, err)
	}
	for name, change := range map[string]query{"keys": {"keys": query{"keys": []int{}}}, "until": {"until": "soon"}, "scopes": {"scopes": []string{}}, "webhook": {"webhook": "gopher://x.example.com"}} {
		bad := query{}
		for k, v := range entry {
			bad[k] = v
		}
		for k, v := range change {
			bad[k] = v
		}
		if status, body := do(admin, "POST", path, bad); status != 422 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	changed := query{"webhook": "http://127.0.0.1:9/x"}
	for k, v := range entry {
		changed[k] = v
	}
	if status, body := do(admin, "PUT", path+"/"+client, changed); status >= 300 {
		t.Errorf("change: %d %s", status, body)
	}
	again, err := w.p.list(bg, w.Ministry.EDRPOU, client, w.Now())
	if err != nil || again[0].Webhook == "" || again[0].Fingerprint == one[0].Fingerprint {
		t.Errorf("%+v %v", again, err)
	}
	auditor := w.As(w.Role(service.Auditor, w.Ministry))
	foreign := w.As(w.Role(service.BodyAdmin, w.Council))
	for _, c := range []*http.Client{auditor, foreign, w.Client()} {
		for method, p := range map[string]string{"POST": path, "PUT": path + "/" + client, "DELETE": path + "/" + client} {
			if status, _ := do(c, method, p, entry); status != 403 && status != 401 {
				t.Errorf("%s %s: %d", method, p, status)
			}
		}
	}
	if status, body := do(admin, "DELETE", path+"/"+client+"/grant", nil); status >= 300 {
		t.Errorf("withdraw: %d %s", status, body)
	}
	if status, body := do(admin, "DELETE", path+"/"+client, nil); status >= 300 {
		t.Errorf("stop: %d %s", status, body)
	}
	if status, body := do(admin, "DELETE", path+"/sys-nobody", nil); status != 404 || problemCode(body) != "unknown-system" {
		t.Errorf("stop of nothing: %d %s", status, body)
	}
}

// The index of systems is bounded for one body.
func TestTooManySystems(t *testing.T) {
	w := testWorld(t, "")
	keys := publicSet(t, newKey(t))
	var err error
	for range maxSystems {
		if _, err = w.p.register(bg, w.Ministry.EDRPOU, 1, registration{name: "x", keys: keys, scopes: allScopes, until: servicetest.Began.Add(time.Hour)}, w.Now()); err != nil {
			break
		}
	}
	if p, _ := fieldOf(err); p == nil || p.Code != systemMany.Code {
		t.Errorf("%v, want system-many", err)
	}
}
