package offices

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// waiting is a browser with a log-in page open.
type waiting struct {
	c      *http.Client
	code   string
	number int
}

func beginLogin(t *testing.T, w *servicetest.World, form url.Values) waiting {
	t.Helper()
	v := waiting{c: w.Client()}
	status, h, _ := post(w, v.c, "/office/login", form)
	if status != 303 || h.Get("Location") != "/office/login/wait" {
		t.Fatalf("beginning: %d %s", status, h.Get("Location"))
	}
	_, _, page := w.Do(v.c, "GET", "/office/login/wait", nil)
	v.code = find(t, page, `href="http://localhost/wallet/#office=([0-9A-HJKMNP-TV-Z]{32})"`)
	fmt.Sscan(find(t, page, `id="login-number">([0-9]{2})<`), &v.number)
	return v
}

// state is what the waiting page is told.
func (v waiting) state(w *servicetest.World) string {
	_, _, body := w.Do(v.c, "GET", "/office/login/state", nil)
	var answer struct{ State string }
	if err := json.Unmarshal(body, &answer); err != nil {
		w.T.Fatal(err)
	}
	return answer.State
}

// answer is a phone's answer to a log-in.
func answer(t *testing.T, w *servicetest.World, h *servicetest.Holder, body map[string]any) (int, string) {
	t.Helper()
	const path = "/api/v1/office/login"
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	data, err := credential.SignRequest(credential.NewRequest(w.Server.Origin, "POST", path, text, w.Now()), h.Key)
	if err != nil {
		t.Fatal(err)
	}
	status, _, out := w.Do(w.Client(), "POST", path, strings.NewReader(string(text)), "Content-Type", "application/json", "Accept", "application/json",
		credential.RequestHeader, base64.RawURLEncoding.EncodeToString(data))
	if status == 200 {
		return status, ""
	}
	return status, problemCode(t, out)
}

func (v waiting) yes(h *servicetest.Holder) map[string]any {
	return map[string]any{"code": v.code, "body": h.Body.EDRPOU, "number": h.Number, "digits": v.number, "confirm": true}
}

// OAC-10 OAC-11 OAC-13: the browser that shows the code is let in for the post of the ID, and it alone, and once.
func TestLoginByID(t *testing.T) {
	w, _ := appWorld(t)
	h := w.Ministry.Holders["issued"]
	v := beginLogin(t, w, url.Values{"return": {"/office/apps"}})
	if got := v.state(w); got != "waiting" {
		t.Fatalf("state %s", got)
	}
	if status, _, _ := post(w, v.c, "/office/login/finish", nil); status != 404 {
		t.Errorf("finished before the phone answered: %d", status)
	}
	if status, code := answer(t, w, h, v.yes(h)); status != 200 {
		t.Fatalf("phone: %d %s", status, code)
	}
	if got := v.state(w); got != "confirmed" {
		t.Fatalf("state %s", got)
	}
	// Whoever photographed the QR has the code and not the session.
	thief := w.Client()
	if status, _, _ := post(w, thief, "/office/login/finish", url.Values{"code": {v.code}}); status != 404 {
		t.Errorf("another browser: %d", status)
	}
	other := beginLogin(t, w, nil)
	if status, _, _ := post(w, other.c, "/office/login/finish", url.Values{"code": {v.code}}); status != 404 {
		t.Errorf("another browser that waits: %d", status)
	}
	status, header, _ := post(w, v.c, "/office/login/finish", nil)
	if status != 303 || header.Get("Location") != "/office/apps" {
		t.Fatalf("finish: %d %s", status, header.Get("Location"))
	}
	if status, _, page := w.Do(v.c, "GET", "/office/apps", nil); status != 200 || !strings.Contains(string(page), "Програми") {
		t.Fatalf("after the log-in: %d", status)
	}
	if status, _, _ := post(w, v.c, "/office/login/finish", nil); status != 404 {
		t.Errorf("finished twice: %d", status)
	}
	if status, code := answer(t, w, h, v.yes(h)); status != 404 || code != LoginCode.Code {
		t.Errorf("code used twice: %d %s", status, code)
	}
	// It opens nothing but what is the holder's.
	if status, _, _ := w.Do(v.c, "GET", "/b/"+w.Ministry.EDRPOU+"/x", nil); status == 200 {
		t.Error("it opens a registrar's page")
	}
	// A second log-in finds the same account.
	again := beginLogin(t, w, nil)
	answer(t, w, h, again.yes(h))
	if status, header, _ := post(w, again.c, "/office/login/finish", nil); status != 303 || header.Get("Location") != "/office/" {
		t.Fatalf("second log-in: %d", status)
	}
	// Suspended in the middle of the session: the next request.
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusSuspended })
	if status, _, body := w.Do(v.c, "GET", "/office/apps", nil, "Accept", "application/json"); status != 403 || problemCode(t, body) != NoID.Code {
		t.Errorf("suspended: %d", status)
	}
	if strings.Contains(w.Logs.String(), v.code) || strings.Contains(w.Logs.String(), h.Number) {
		t.Error("the log names a code or an ID")
	}
}

// OAC-12: the number is asked once, and everything that is wrong leaves nobody logged in.
func TestLoginRefused(t *testing.T) {
	w, _ := appWorld(t)
	h, min := w.Ministry.Holders["issued"], w.Ministry.Holders
	for name, tt := range map[string]struct {
		holder *servicetest.Holder
		change func(waiting, map[string]any)
		code   string
		state  string
	}{
		"another number": {h, func(v waiting, b map[string]any) { b["digits"] = 10 + (v.number-10+1)%90 }, LoginNumber.Code, "refused"},
		"no number":      {h, func(v waiting, b map[string]any) { delete(b, "digits") }, LoginNumber.Code, "refused"},
		"not the holder": {h, func(v waiting, b map[string]any) { b["confirm"] = false }, "", "refused"},
		"unknown code":   {h, func(v waiting, b map[string]any) { b["code"] = strings.Repeat("0", 32) }, LoginCode.Code, "waiting"},
		"another end":    {h, func(v waiting, b map[string]any) { b["code"] = "ZZZZZZ" + v.code[6:] }, LoginCode.Code, "waiting"},
		"another keyed hash": {h, func(v waiting, b map[string]any) {
			b["code"] = v.code[:31] + strings.Map(func(r rune) rune { return map[bool]rune{true: '1', false: '0'}[r == '0'] }, v.code[31:])
		}, LoginCode.Code, "waiting"},
		"short code":         {h, func(v waiting, b map[string]any) { b["code"] = v.code[:31] }, "invalid", "waiting"},
		"number of another":  {h, func(v waiting, b map[string]any) { b["number"] = min["second"].Number }, NoID.Code, "waiting"},
		"ID of another body": {h, func(v waiting, b map[string]any) { b["number"] = w.Council.Holders["issued"].Number }, NoID.Code, "waiting"},
		"unknown body":       {h, func(v waiting, b map[string]any) { b["body"] = "12345678" }, NoID.Code, "waiting"},
		"suspended ID":       {min["suspended"], nil, NoID.Code, "waiting"},
		"revoked ID":         {min["revoked"], nil, NoID.Code, "waiting"},
		"no ID yet":          {min["enrolled"], func(v waiting, b map[string]any) { b["number"] = "ЗР 000001" }, NoID.Code, "waiting"},
		"digits as text":     {h, func(v waiting, b map[string]any) { b["digits"] = fmt.Sprint(v.number) }, "invalid", "waiting"},
		"huge digits":        {h, func(v waiting, b map[string]any) { b["digits"] = 1 << 40 }, "invalid", "waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			v := beginLogin(t, w, nil)
			body := v.yes(tt.holder)
			if tt.change != nil {
				tt.change(v, body)
			}
			status, code := answer(t, w, tt.holder, body)
			if code != tt.code || status == 500 {
				t.Errorf("%d %s, want %s", status, code, tt.code)
			}
			if got := v.state(w); got != tt.state {
				t.Errorf("state %s, want %s", got, tt.state)
			}
			if status, _, _ := post(w, v.c, "/office/login/finish", nil); status != 404 {
				t.Errorf("finish: %d", status)
			}
			if tt.state == "refused" { // the right number comes too late
				if status, code := answer(t, w, h, v.yes(h)); status != 404 || code != LoginCode.Code {
					t.Errorf("right answer after a wrong one: %d %s", status, code)
				}
			}
			if status, _, _ := w.Do(v.c, "GET", "/office/apps", nil, "Accept", "application/json"); status != 401 {
				t.Errorf("logged in: %d", status)
			}
		})
	}
	// Nobody but a phone: a session, a device, an unsigned request.
	v := beginLogin(t, w, nil)
	text, _ := json.Marshal(v.yes(h))
	for name, c := range map[string]*http.Client{"nobody": w.Client(), "official": w.As(official(h)), "system": w.As(service.Principal{Kind: service.System, Scopes: []string{""}}),
		"device": w.As(service.Principal{Kind: service.Device, Key: w.Verifier.VerifierPublic().MarshalCOSE()}), "wallet without a key": w.As(service.Principal{Kind: service.Wallet})} {
		if status, _, _ := w.Do(c, "POST", "/api/v1/office/login", strings.NewReader(string(text)), "Content-Type", "application/json"); status < 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if got := v.state(w); got != "waiting" {
		t.Errorf("state %s", got)
	}
}

// OAC-11: a log-in has its time, on the phone's side and on the browser's.
func TestLoginTimes(t *testing.T) {
	w, _ := appWorld(t)
	h := w.Ministry.Holders["issued"]
	late := beginLogin(t, w, nil)
	w.Advance(loginTerm)
	if status, code := answer(t, w, h, late.yes(h)); status != 404 || code != LoginCode.Code || late.state(w) != "over" {
		t.Errorf("at its end: %d %s %s", status, code, late.state(w))
	}
	v := beginLogin(t, w, nil)
	w.Advance(loginTerm - time.Second)
	if status, _ := answer(t, w, h, v.yes(h)); status != 200 {
		t.Errorf("in time: %d", status)
	}
	w.Advance(loginFinish)
	if status, _, _ := post(w, v.c, "/office/login/finish", nil); status != 404 || v.state(w) != "over" {
		t.Errorf("finished late: %d %s", status, v.state(w))
	}
	// Suspended between the phone's answer and the waiting page.
	v = beginLogin(t, w, nil)
	answer(t, w, h, v.yes(h))
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusSuspended })
	if status, _, _ := post(w, v.c, "/office/login/finish", nil); status != 403 {
		t.Errorf("suspended meanwhile: %d", status)
	}
	if status, _, _ := w.Do(w.Client(), "GET", "/office/login/wait", nil); status != 303 {
		t.Errorf("a browser that began nothing: %d", status)
	}
}

// OAC-13: a session that a phone opened ends with the ID of that phone's key.
func TestLoginEndsWithKey(t *testing.T) {
	w, p := appWorld(t)
	h := w.Ministry.Holders["issued"]
	v := beginLogin(t, w, nil)
	answer(t, w, h, v.yes(h))
	post(w, v.c, "/office/login/finish", nil)
	if status, _, _ := w.Do(v.c, "GET", "/office/apps", nil); status != 200 {
		t.Fatalf("%d", status)
	}
	_, ids, err := p.post(t.Context(), seatOf(h))
	if err != nil || len(ofKey(ids, h.Key.HolderPublic().Thumbprint())) == 0 || len(ofKey(ids, [32]byte{1})) != 0 {
		t.Fatalf("%v: IDs by key", err)
	}
	if err := w.Ministry.Register.Withdraw(t.Context(), h.Entitlement, w.Ministry.Operators[0], w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.Do(v.c, "GET", "/office/apps", nil, "Accept", "application/json"); status != 403 {
		t.Errorf("after the ID ended: %d", status)
	}
}

// TestOfficePath: a log-in leads nowhere but into the office.
func TestOfficePath(t *testing.T) {
	for _, ok := range []string{"/office/", "/office/apps", "/office/day?date=2026-11-20", "/office/people/0f-1"} {
		if got := officePath(ok); got != ok {
			t.Errorf("%q: %q", ok, got)
		}
	}
	for _, bad := range []string{"", "/", "//evil.example/office/", "https://evil.example/office/", "/office", "/office/../b/", "/office/%2e%2e/b/", "/office/%2E./b/", "/office/login", "/office/login/wait", "/office/\r\nSet-Cookie: x", "/office/\\evil", "/office/ї",
		"/office/" + strings.Repeat("a", 600), "/b/99000011/", "javascript:/office/"} {
		if got := officePath(bad); got != "/office/" {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

// OAC-12: a browser has one log-in. A page of it that shows the one before is told the number of the one that counts, and shows that.
func TestLoginInTwoTabs(t *testing.T) {
	w, _ := appWorld(t)
	h := w.Ministry.Holders["issued"]
	v := beginLogin(t, w, nil)
	number := func() (n int) {
		_, _, body := w.Do(v.c, "GET", "/office/login/state", nil)
		var answer struct{ Number int }
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Number
	}
	if got := number(); got != v.number {
		t.Errorf("number %d, want %d", got, v.number)
	}
	first := v.yes(h)
	post(w, v.c, "/office/login", nil) // the second tab
	_, _, page := w.Do(v.c, "GET", "/office/login/wait", nil)
	if got := fmt.Sprint(number()); got != find(t, page, `id="login-number">([0-9]{2})<`) {
		t.Errorf("number %s is not that of the page", got)
	}
	if status, _ := answer(t, w, h, first); status != 200 {
		t.Fatalf("the first code: %d", status)
	}
	if got := v.state(w); got != "waiting" {
		t.Errorf("the second log-in is %s by the code of the first", got)
	}
	if status, _, _ := post(w, v.c, "/office/login/finish", nil); status != 404 {
		t.Errorf("finished by the code of another log-in: %d", status)
	}
}

// TestManyLogins: what anybody can begin leaves nothing behind until a phone answers, and the answer is forgotten.
func TestManyLogins(t *testing.T) {
	w, p := appWorld(t)
	h := w.Ministry.Holders["issued"]
	var v waiting
	for range 3 {
		v = beginLogin(t, w, nil)
	}
	count := func() (n int) {
		if err := p.c.Store.View(t.Context(), func(tx office.Tx) error { return tx.Row("SELECT count(*) FROM office_logins", nil, &n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count() != 0 {
		t.Fatalf("%d log-ins", count())
	}
	no := v.yes(h)
	no["confirm"] = false
	if status, _ := answer(t, w, h, no); status != 200 || count() != 1 {
		t.Fatalf("%d, %d log-ins", status, count())
	}
	w.Advance(loginTerm) // from here on its end alone refuses the code
	if err := p.purgeLogins(t.Context(), w.Now()); err != nil || count() != 1 {
		t.Errorf("%d log-ins are kept, %v", count(), err)
	}
	w.Advance(loginSession)
	if err := p.purgeLogins(t.Context(), w.Now()); err != nil || count() != 0 {
		t.Errorf("%d log-ins are kept, %v", count(), err)
	}
	if status, code := answer(t, w, h, v.yes(h)); status != 404 || code != LoginCode.Code {
		t.Errorf("a code whose refusal is forgotten: %d %s", status, code)
	}
}

func FuzzOfficePath(f *testing.F) {
	for _, s := range []string{"/office/apps", "//office/", "/office/../x", "/office/\x00", "/office/?a=b#c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := officePath(s)
		u, err := url.Parse(got)
		if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(path.Clean(u.Path)+"/", "/office/") || strings.ContainsAny(got, "\r\n\\") || officePath(got) != got {
			t.Errorf("%q leads to %q", s, got)
		}
	})
}
