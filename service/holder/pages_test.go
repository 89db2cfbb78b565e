package holder

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

func form(w *servicetest.World, c *http.Client, path, body string) (int, http.Header, string) {
	status, h, raw := w.Do(c, http.MethodPost, path, strings.NewReader(body), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	return status, h, string(raw)
}

func page(w *servicetest.World, c *http.Client, path string) (int, string) {
	status, _, raw := w.Do(c, http.MethodGet, path, nil, "Accept", "text/html")
	return status, string(raw)
}

func holderOf(w *servicetest.World, holders ...*servicetest.Holder) *http.Client {
	p := service.Principal{Kind: service.Account, Account: 7, Name: holders[0].Name}
	for _, h := range holders {
		p.Grants = append(p.Grants, service.Grant{Role: service.Holder, Body: h.Body.EDRPOU, Entitlement: h.Entitlement})
	}
	return w.As(p)
}

func pathOf(h *servicetest.Holder, rest string) string {
	return "/holder/" + h.Body.EDRPOU + "/" + strconv.FormatInt(h.Entitlement, 10) + rest
}

func TestHolderPages(t *testing.T) {
	w := started(t)
	m, c, other := w.Ministry.Holders["issued"], w.Council.Holders["issued"], w.Ministry.Holders["second"]
	mine := holderOf(w, m, c)
	if status, body := page(w, mine, "/holder/"); status != 200 || !strings.Contains(body, m.Number) || !strings.Contains(body, c.Number) || strings.Count(body, "видано") != 2 || strings.Contains(body, other.Number) {
		t.Errorf("%d %s", status, body)
	}
	// Another's ID, a body that is not there, an entitlement that is none: all of them are not mine.
	for _, path := range []string{pathOf(other, ""), "/holder/" + w.Council.EDRPOU + "/" + strconv.FormatInt(m.Entitlement+1000, 10), "/holder/" + w.Ministry.EDRPOU + "/0" + strconv.FormatInt(m.Entitlement, 10), "/holder/" + w.Ministry.EDRPOU + "/x"} {
		for _, rest := range []string{"/checks", "/withdraw"} {
			if status, body := page(w, mine, path+rest); status != 404 || strings.Contains(body, other.Number) {
				t.Errorf("%s: %d", path+rest, status)
			}
		}
		for _, rest := range []string{"/stop", "/withdraw"} {
			if status, _, _ := form(w, mine, path+rest, "confirm=yes"); status != 404 {
				t.Errorf("POST %s: %d", path+rest, status)
			}
		}
	}
	if got := stateOf(t, other); got != "issued/1/0" {
		t.Fatalf("another's ID: %s", got)
	}
	// Without the role nothing opens.
	for name, c := range map[string]*http.Client{"nobody": w.Client(), "registrar": w.As(w.Role(service.Registrar, w.Ministry)), "another body's holder": holderOf(w, c)} {
		if status, _, _ := form(w, c, pathOf(m, "/stop"), ""); status == 303 && name != "nobody" || status == 200 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if got := stateOf(t, m); got != "issued/1/0" {
		t.Fatalf("after strangers' tries: %s", got)
	}
	// Stop at night.
	status, h, _ := form(w, mine, pathOf(m, "/stop"), "")
	if status != 303 || h.Get("Location") != "/holder/?done=stopped" {
		t.Errorf("stop: %d %s", status, h.Get("Location"))
	}
	if status, h, _ = form(w, mine, pathOf(m, "/stop"), ""); status != 303 || h.Get("Location") != "/holder/?done=stopped-before" {
		t.Errorf("stop again: %d %s", status, h.Get("Location"))
	}
	if got := stateOf(t, m); got != "suspended/1/0" {
		t.Errorf("stopped: %s", got)
	}
	if _, body := page(w, mine, "/holder/?done=stopped"); !strings.Contains(body, "зупинено") || strings.Contains(body, `action="`+pathOf(m, "/stop")) {
		t.Errorf("page: %s", body)
	}
	// Withdraw, after the confirmation.
	if status, body := page(w, mine, pathOf(m, "/withdraw")); status != 200 || !strings.Contains(body, `name="confirm"`) {
		t.Errorf("%d %s", status, body)
	}
	for _, in := range []string{"", "confirm=no", "confirm=", "other=yes"} {
		if status, _, body := form(w, mine, pathOf(m, "/withdraw"), in); status != 422 || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%q: %d %s", in, status, body)
		}
	}
	if status, _, _ := form(w, mine, pathOf(m, "/withdraw")+"?confirm=yes", ""); status != 422 {
		t.Errorf("confirmed in the address: %d", status)
	}
	if status, h, _ = form(w, mine, pathOf(m, "/withdraw"), "confirm=yes"); status != 303 || h.Get("Location") != "/holder/?done=withdrawn" {
		t.Errorf("withdraw: %d %s", status, h.Get("Location"))
	}
	if got := stateOf(t, m); got != "revoked/1/0" {
		t.Errorf("withdrawn: %s", got)
	}
	if status, body := page(w, mine, pathOf(m, "/withdraw")); status != 409 || !strings.Contains(body, "not-issued") {
		t.Errorf("withdraw again: %d %s", status, body)
	}
	if status, _, _ := form(w, mine, pathOf(m, "/stop"), ""); status != 404 {
		t.Errorf("stop without a phone: %d", status)
	}
}

// TestChecksPage shows who looked, and that no name of a guard is markup.
func TestChecksPage(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	hostile := w.As(service.Principal{Kind: service.Account, Account: 5, Name: `<script>alert(1)</script>`, Grants: []service.Grant{{Role: service.CheckpointOperator, Body: w.Council.EDRPOU}}})
	checked(t, w, hostile, map[string]any{"code": madeCode(t, w, h).Link, "mode": "full", "place": `"><img src=x onerror=alert(1)>`})
	checked(t, w, w.Client(), map[string]any{"code": madeCode(t, w, h).Link})
	status, body := page(w, holderOf(w, h), pathOf(h, "/checks"))
	if status != 200 || !strings.Contains(body, "&lt;script&gt;alert(1)") || strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || !strings.Contains(body, "невідомо") {
		t.Errorf("%d %s", status, body)
	}
	for _, query := range []string{"?before=1", "?before=-5", "?before=x", "?before=99999999999999999999"} {
		if status, _ := page(w, holderOf(w, h), pathOf(h, "/checks")+query); status != 200 {
			t.Errorf("%s: %d", query, status)
		}
	}
}

func TestStopPage(t *testing.T) {
	w := started(t, func(c *service.Config) { c.Limits.TriesPerHour = 6 })
	h := w.Ministry.Holders["issued"]
	in := func(body, code string) string { return "body=" + body + "&code=" + code }
	if status, body := page(w, w.Client(), "/stop?body="+w.Council.EDRPOU); status != 200 || !strings.Contains(body, `value="`+w.Council.EDRPOU+`" selected`) {
		t.Errorf("%d %s", status, body)
	}
	for _, c := range []struct {
		body, code string
		want       int
	}{
		{"", h.Stop, 404}, {"12345678", h.Stop, 404}, {w.Ministry.EDRPOU, "", 403}, {w.Ministry.EDRPOU, "%3Cscript%3E", 403},
		{w.Council.EDRPOU, h.Stop, 403}, {w.Ministry.EDRPOU, h.Code, 403}, {w.Ministry.EDRPOU, credential.NewEnrolmentCode(), 403},
		{w.Ministry.EDRPOU, strings.Repeat("A", 5000), 403}, {w.Ministry.EDRPOU, credential.NewEnrolmentCode(), 429},
	} {
		status, _, body := form(w, w.Client(), "/stop", in(c.body, c.code))
		if status != c.want || strings.Contains(body, "<script>") || status == 403 && !strings.Contains(body, `aria-invalid="true"`) {
			t.Errorf("%s, %d characters: %d, want %d: %s", c.body, len(c.code), status, c.want, body)
		}
	}
	if got := stateOf(t, h); got != "issued/1/0" {
		t.Fatal(got)
	}
	for range 2 { // the right code is taken at the limit too, and says the same the second time
		if status, _, body := form(w, w.Client(), "/stop", in(w.Ministry.EDRPOU, strings.ToLower(h.Stop))); status != 200 || !strings.Contains(body, `role="status"`) {
			t.Errorf("%d %s", status, body)
		}
	}
	if got := stateOf(t, h); got != "suspended/1/0" {
		t.Error(got)
	}
}

// TestNothingPersonalIsLogged asks for everything, rightly and wrongly, and looks for people and codes in the log.
func TestNothingPersonalIsLogged(t *testing.T) {
	w := started(t)
	h, slip := w.Ministry.Holders["issued"], w.Ministry.Holders["slip"]
	code := madeCode(t, w, h)
	canaries := []string{h.Name, strings.Fields(h.Name)[0], h.Number, h.RNOKPP, h.Stop, h.Code, slip.Code, slip.Stop, code.Link, code.Digits, code.ID, "Прохідна-канарка", "Вартовий Вигаданий",
		h.Key.HolderPublic().KeyID().String()}
	asked(t, w, h.Key, w.Ministry, "")
	checked(t, w, guard(w), map[string]any{"code": code.Digits, "mode": "full", "place": "Прохідна-канарка"})
	checked(t, w, guard(w), map[string]any{"code": code.Link, "mode": "full", "place": "Прохідна-канарка"})
	post(t, w, w.Client(), "/api/v1/online/check", map[string]any{"code": h.Name})
	post(t, w, w.Client(), of(w.Ministry, "/stop"), map[string]any{"code": h.Code})
	post(t, w, w.Client(), of(w.Ministry, "/stop"), map[string]any{"code": h.Name, "x": h.RNOKPP})
	signed(t, w, h.Key, of(w.Ministry, "/wallet/stop"), map[string]any{"number": h.Name})
	signed(t, w, h.Key, of(w.Ministry, "/wallet/checks"), map[string]any{"number": h.Number})
	enrolled(t, w, slip)
	enrolled(t, w, slip)
	page(w, w.Client(), strings.TrimPrefix(code.Link, "https://localhost"))
	form(w, w.Client(), strings.TrimPrefix(code.Link, "https://localhost"), "")
	form(w, w.Client(), "/stop", "body="+w.Ministry.EDRPOU+"&code="+h.Stop)
	log := w.Logs.String()
	if strings.Count(log, "\n") < 10 {
		t.Fatalf("a log of %d lines", strings.Count(log, "\n"))
	}
	for _, c := range canaries {
		if c == "" {
			t.Error("an empty canary")
		} else if strings.Contains(log, c) {
			t.Errorf("%q is in the log", c)
		}
	}
}
