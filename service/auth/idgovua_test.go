package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// mockGovUA is id.gov.ua as its interface is described: an authorization page at the root, get-access-token, get-user-info. Its
// envelopes are plain JSON behind a mark, in place of ДСТУ.
type mockGovUA struct {
	t      testing.TB
	server *httptest.Server
	asked  []*http.Request
	token  string // answer of get-access-token; "" is the good one
	info   func(envelope string) string
	person map[string]any
	status int
	codes  map[string]bool
}

// envelopeMark stands before the JSON that an envelope holds.
const envelopeMark = "ДСТУ:"

const (
	govClient = "3d0430da5e80f50c"
	govSecret = "82ec2ce6bc71bf78"
)

func newMockGovUA(t testing.TB) *mockGovUA {
	m := &mockGovUA{t: t, codes: map[string]bool{}, status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("/get-access-token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		m.asked = append(m.asked, r)
		code := r.Form.Get("code")
		if r.Form.Get("grant_type") != "authorization_code" || r.Form.Get("client_id") != govClient || r.Form.Get("client_secret") != govSecret || !m.codes[code] {
			writeJSON(w, map[string]any{"error": 2, "message": "Код авторизації не знайдено"})
			return
		}
		delete(m.codes, code)
		if m.token != "" {
			fmt.Fprint(w, m.token)
			return
		}
		fmt.Fprint(w, `{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"1795255200","refresh_token":"77e1","user_id":"1487"}`)
	})
	mux.HandleFunc("/get-user-info", func(w http.ResponseWriter, r *http.Request) {
		m.asked = append(m.asked, r)
		w.WriteHeader(m.status)
		q := r.URL.Query()
		if q.Get("access_token") != "d6f9c4e0a7" || q.Get("user_id") != "1487" || q.Get("cert") == "" {
			fmt.Fprint(w, `{"error":3,"message":"Токен не знайдено"}`)
			return
		}
		all := map[string]any{"issuer": "O=Вигаданий КНЕДП", "serial": "0F", "subject": "CN=…", "lastname": "Канарчук", "givenname": "Одарка", "middlename": "Іванівна", "edrpoucode": "", "drfocode": "3184710691"}
		for k, v := range m.person {
			all[k] = v
		}
		answer := map[string]any{}
		for _, f := range strings.Split(q.Get("fields"), ",") {
			answer[f] = all[f]
		}
		plain, _ := json.Marshal(answer)
		envelope := base64.StdEncoding.EncodeToString(append([]byte(envelopeMark), plain...))
		if m.info != nil {
			fmt.Fprint(w, m.info(envelope))
			return
		}
		writeJSON(w, map[string]any{"encryptedUserInfo": envelope})
	})
	m.server = httptest.NewServer(mux)
	t.Cleanup(m.server.Close)
	return m
}

// markDecrypter opens the mock's envelopes.
type markDecrypter struct{}

func (markDecrypter) Certificate() []byte { return []byte("certificate + /=") }
func (markDecrypter) Decrypt(_ context.Context, envelope []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(envelope, []byte(envelopeMark))
	if !ok {
		return nil, errors.New("not an envelope")
	}
	return plain, nil
}

// govRig is a rig with id.gov.ua.
type govRig struct {
	*rig
	mock *mockGovUA
}

func newGovRig(t testing.TB, change ...func(*IDGovUA)) *govRig {
	m := newMockGovUA(t)
	c := &IDGovUA{URL: m.server.URL, ClientID: govClient, ClientSecret: govSecret, Decrypter: markDecrypter{}}
	for _, f := range change {
		f(c)
	}
	return &govRig{newRig(t, func(all *Config) { all.IDGovUA = c }), m}
}

// leaveGov begins a log-in and answers what the browser takes along.
func (g *govRig) leaveGov(c *http.Client) url.Values {
	g.t.Helper()
	status, header, body := g.Do(c, "GET", "/login/idgovua?return=/account", nil, "Accept", jsonType)
	u, err := url.Parse(header.Get("Location"))
	if status != http.StatusSeeOther || err != nil || u.Scheme+"://"+u.Host+u.Path != g.mock.server.URL+"/" {
		g.t.Fatalf("%d %s to %q, %v", status, body, header.Get("Location"), err)
	}
	return u.Query()
}

func (g *govRig) back(c *http.Client, q url.Values) (int, http.Header, []byte) {
	return g.Do(c, "GET", "/login/idgovua/callback?"+q.Encode(), nil, "Accept", jsonType)
}

// logInGov goes the whole way.
func (g *govRig) logInGov(c *http.Client) (int, http.Header, []byte) {
	q := g.leaveGov(c)
	code := secret()
	g.mock.codes[code] = true
	return g.back(c, url.Values{"code": {code}, "state": {q.Get("state")}})
}

func TestGovUALeavesAsAsked(t *testing.T) {
	g := newGovRig(t)
	q := g.leaveGov(g.Client())
	for name, want := range map[string]string{"response_type": "code", "client_id": govClient, "auth_type": "dig_sign,bank_id,diia_id", "redirect_uri": "http://localhost/login/idgovua/callback"} {
		if got := q.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if n := len(q.Get("state")); n < minGovState || n > maxGovState {
		t.Errorf("state of %d characters, want %d to %d", n, minGovState, maxGovState)
	}
	if strings.Contains(q.Encode(), govSecret) {
		t.Error("the browser takes the client's secret along")
	}
}

// TestGovUAHolder: an official is found by his number in every body's own register, and becomes a holder of just those rights.
func TestGovUAHolder(t *testing.T) {
	g := newGovRig(t)
	both := g.Ministry.Holders["issued"]
	g.mock.person = map[string]any{"drfocode": both.RNOKPP}
	c := g.Client()
	status, header, body := g.logInGov(c)
	if status != http.StatusSeeOther || header.Get("Location") != "/account" {
		t.Fatalf("%d %s %s, want 303 to /account", status, header.Get("Location"), body)
	}
	want := []service.Grant{
		{Role: service.Holder, Body: g.Ministry.EDRPOU, Entitlement: both.Entitlement},
		{Role: service.Holder, Body: g.Council.EDRPOU, Entitlement: g.Council.Holders["issued"].Entitlement},
	}
	id := g.me(c)
	got := g.grants(id)
	slices.SortFunc(got, func(a, b service.Grant) int { return strings.Compare(a.Body, b.Body) })
	if !slices.Equal(got, want) {
		t.Errorf("grants %v, want %v", got, want)
	}
	if asked := g.mock.asked[1].URL.Query(); asked.Get("fields") != govFields || asked.Get("cert") != base64.StdEncoding.EncodeToString(markDecrypter{}.Certificate()) {
		t.Errorf("asked for fields %q with certificate %q", asked.Get("fields"), asked.Get("cert"))
	}
	// Whatever the register takes away is gone at the next log-in.
	g.update(func(tx *storeTx) error {
		return service.AddGrant(tx, id, service.Grant{Role: service.Holder, Body: g.Ministry.EDRPOU, Entitlement: 777})
	})
	if status, _, body := g.logInGov(g.Client()); status != http.StatusSeeOther || len(g.grants(id)) != 2 {
		t.Errorf("%d %s, grants %v, want two", status, body, g.grants(id))
	}
	// Who is an official no longer has nothing left, in the sessions that are open too.
	g.update(func(tx *storeTx) error {
		gone, err := service.SubjectOf(g.Server.Store, "id.gov.ua", "3184710691")
		if err != nil {
			return err
		}
		id, err := service.MakeAccount(tx, gone, "—", g.Now())
		if err != nil {
			return err
		}
		return service.AddGrant(tx, id, service.Grant{Role: service.Holder, Body: g.Ministry.EDRPOU, Entitlement: 5})
	})
	g.mock.person = nil
	if status, _, body := g.logInGov(g.Client()); problemCode(body) != NotKnown.Code || len(g.grants(id+1)) != 0 {
		t.Errorf("no official any more: %d %s, grants %v, want none", status, body, g.grants(id+1))
	}
	g.mock.person = map[string]any{"drfocode": g.Ministry.Holders["second"].RNOKPP}
	if status, _, _ := g.logInGov(g.Client()); status != http.StatusSeeOther || g.accounts() != 3 {
		t.Errorf("another person: %d, %d accounts, want 303 and 3", status, g.accounts())
	}
}

// TestGovUAStranger: who is no official of these bodies gets no account; an invitation works here too.
func TestGovUAStranger(t *testing.T) {
	g := newGovRig(t)
	c := g.Client()
	status, _, body := g.logInGov(c)
	wantCode(t, fmt.Sprint(status), body, NotKnown)
	g.wantNobody(c)
	if n := g.accounts(); n != 0 {
		t.Fatalf("%d accounts, want none", n)
	}
	g.show(c, g.invitation(Invitation{Role: service.Auditor, Body: g.Ministry.EDRPOU}))
	if status, _, body := g.logInGov(c); status != http.StatusSeeOther {
		t.Fatalf("invited: %d %s", status, body)
	}
	if status, _, body := g.logInGov(g.Client()); status != http.StatusSeeOther || g.accounts() != 1 {
		t.Errorf("again: %d %s", status, body)
	}
}

func TestGovUAAnswersRefused(t *testing.T) {
	g := newGovRig(t)
	g.mock.person = map[string]any{"drfocode": g.Ministry.Holders["issued"].RNOKPP}
	token := func(text string) func() { return func() { g.mock.token = text } }
	info := func(f func(string) string) func() { return func() { g.mock.info = f } }
	person := func(v any) func() { return func() { g.mock.person = map[string]any{"drfocode": v} } }
	rnokpp := g.Ministry.Holders["issued"].RNOKPP
	for _, tt := range []struct {
		name string
		set  func()
		want *service.Problem
	}{
		{"token: empty", token(" "), LogInFailed},
		{"token: no JSON", token("<html>"), LogInFailed},
		{"token: an error", token(`{"error":2,"message":"x","access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"1","user_id":"1487"}`), LogInFailed},
		{"token: none", token(`{"token_type":"bearer","expires_in":"3600","user_id":"1487"}`), LogInFailed},
		{"token: huge", token(`{"access_token":"` + strings.Repeat("a", maxGovToken+1) + `","token_type":"bearer","expires_in":"3600","user_id":"1487"}`), LogInFailed},
		{"token: no user", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"3600"}`), LogInFailed},
		{"token: user is an object", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"3600","user_id":{}}`), LogInFailed},
		{"token: another type", token(`{"access_token":"d6f9c4e0a7","token_type":"mac","expires_in":"3600","user_id":"1487"}`), LogInFailed},
		{"token: never expires", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","user_id":"1487"}`), LogInFailed},
		{"token: expired", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"0","user_id":"1487"}`), LogInFailed},
		{"token: term is a word", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"soon","user_id":"1487"}`), LogInFailed},
		{"token: two objects", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"3600","user_id":"1487"}{}`), LogInFailed},
		{"token: not UTF-8", token("{\"access_token\":\"d6f9c4e0a7\",\"token_type\":\"bearer\",\"expires_in\":\"3600\",\"user_id\":\"\xff\"}"), LogInFailed},
		{"token: another user", token(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"3600","user_id":"1488"}`), LogInFailed},
		{"info: an error", info(func(string) string { return `{"error":3,"message":"x"}` }), LogInFailed},
		{"info: not in base 64", info(func(string) string { return `{"encryptedUserInfo":"%%"}` }), LogInFailed},
		{"info: empty", info(func(string) string { return `{"encryptedUserInfo":""}` }), LogInFailed},
		{"info: plain, no envelope", info(func(string) string { return `{"drfocode":"` + rnokpp + `"}` }), LogInFailed},
		{"info: envelope of somebody else", info(func(string) string { return `{"encryptedUserInfo":"AAAA"}` }), LogInFailed},
		{"info: huge", info(func(e string) string { return `{"encryptedUserInfo":"` + strings.Repeat("A", maxGovAnswer) + `"}` }), LogInFailed},
		{"info: status 403", func() { g.mock.status = http.StatusForbidden }, LogInFailed},
		{"info: redirect", func() { g.mock.status = http.StatusFound }, LogInFailed},
		{"info: status 500", func() { g.mock.status = http.StatusInternalServerError }, ProviderDown},
		{"person: no number", person(""), LogInFailed},
		{"person: number is a number", person(3184710691), LogInFailed},
		{"person: a passport", person("АА123456"), LogInFailed},
		{"person: wrong check digit", person(rnokpp[:9] + string('0'+(rnokpp[9]-'0'+1)%10)), LogInFailed},
		{"person: a number with spaces", person(" " + rnokpp), LogInFailed},
		{"person: null", person(nil), LogInFailed},
		{"person: a list", person([]string{rnokpp}), LogInFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.t = t
			g.mock.token, g.mock.info, g.mock.status, g.mock.person = "", nil, http.StatusOK, map[string]any{"drfocode": rnokpp}
			tt.set()
			c := g.Client()
			status, _, body := g.logInGov(c)
			wantCode(t, fmt.Sprint(status), body, tt.want)
			g.wantNobody(c)
		})
	}
	if n := g.accounts(); n != 0 {
		t.Errorf("%d accounts, want none", n)
	}
}

func TestGovUACallbacksRefused(t *testing.T) {
	g := newGovRig(t)
	g.mock.person = map[string]any{"drfocode": g.Ministry.Holders["issued"].RNOKPP}
	for name, change := range map[string]func(c *http.Client, q url.Values) *http.Client{
		"no state":         func(c *http.Client, q url.Values) *http.Client { q.Del("state"); return c },
		"short state":      func(c *http.Client, q url.Values) *http.Client { q.Set("state", "abc"); return c },
		"state of another": func(c *http.Client, q url.Values) *http.Client { return g.Client() },
		"two states":       func(c *http.Client, q url.Values) *http.Client { q.Add("state", "x"); return c },
		"no code":          func(c *http.Client, q url.Values) *http.Client { q.Del("code"); return c },
		"made-up code":     func(c *http.Client, q url.Values) *http.Client { q.Set("code", secret()); return c },
		"error":            func(c *http.Client, q url.Values) *http.Client { q.Set("error", "access_denied"); return c },
		"too late":         func(c *http.Client, q url.Values) *http.Client { g.Advance(FlowTerm); return c },
		"state of another provider": func(c *http.Client, q url.Values) *http.Client {
			_, other := g.provider.authorize(g.leave(c, "main", "/"))
			q.Set("state", other.Get("state"))
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			c := g.Client()
			q := g.leaveGov(c)
			code := secret()
			g.mock.codes[code] = true
			answer := url.Values{"code": {code}, "state": {q.Get("state")}}
			c = change(c, answer)
			status, _, body := g.back(c, answer)
			g.wantRefused(c, status, body)
		})
	}
	g.t = t
	c := g.Client()
	q := g.leaveGov(c)
	g.mock.codes["once"] = true
	answer := url.Values{"code": {"once"}, "state": {q.Get("state")}}
	if status, _, body := g.back(c, answer); status != http.StatusSeeOther {
		t.Fatalf("%d %s, want 303", status, body)
	}
	_, _, body := g.back(c, answer)
	wantCode(t, "replayed", body, LogInFailed)
}

// TestGovUAKeepsNoNumber: РНОКПП and name reach neither log nor database nor session.
func TestGovUAKeepsNoNumber(t *testing.T) {
	g := newGovRig(t)
	number := g.Ministry.Holders["issued"].RNOKPP
	g.mock.person = map[string]any{"drfocode": number}
	if status, _, body := g.logInGov(g.Client()); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	g.mock.person = map[string]any{"drfocode": "3184710691x"}
	g.logInGov(g.Client())
	g.mock.info = func(string) string { return `{"encryptedUserInfo":"` + number + `"}` }
	g.logInGov(g.Client())
	g.mock.status, g.mock.info = http.StatusInternalServerError, nil
	g.logInGov(g.Client())
	g.mock.server.Close()
	c := g.Client()
	g.back(c, url.Values{"code": {"x"}, "state": {g.leaveGov(c).Get("state")}})
	for _, text := range []string{number, "Канарчук", "Одарка", "3184710691", govSecret, "d6f9c4e0a7"} {
		if strings.Contains(g.Logs.String(), text) {
			t.Errorf("the log holds %q", text)
		}
	}
	var raw strings.Builder
	g.view(func(tx *storeTx) error {
		for _, q := range []string{"SELECT subject FROM accounts", "SELECT name FROM accounts", "SELECT data FROM sessions", "SELECT CAST(account || role || body || entitlement || operator AS BLOB) FROM grants"} {
			err := tx.Rows(q, nil, func(scan func(...any) error) error {
				var b []byte
				err := scan(&b)
				raw.Write(b)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, text := range []string{number, "Канарчук"} {
		if strings.Contains(raw.String(), text) {
			t.Errorf("the database holds %q", text)
		}
	}
}

func TestGovUAByPost(t *testing.T) {
	g := newGovRig(t, func(c *IDGovUA) { c.PostToken, c.CertEncodedTwice, c.AuthTypes = true, true, []string{"dig_sign"} })
	g.mock.person = map[string]any{"drfocode": g.Ministry.Holders["issued"].RNOKPP}
	if status, _, body := g.logInGov(g.Client()); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, body)
	}
	if r := g.mock.asked[0]; r.Method != http.MethodPost || strings.Contains(r.URL.String(), govSecret) {
		t.Errorf("%s %s: the secret stands in the address", r.Method, r.URL)
	}
	if got, want := g.mock.asked[1].URL.Query().Get("cert"), url.QueryEscape(base64.StdEncoding.EncodeToString(markDecrypter{}.Certificate())); got != want {
		t.Errorf("cert %q, want %q", got, want)
	}
	if q := g.leaveGov(g.Client()); q.Get("auth_type") != "dig_sign" {
		t.Errorf("auth_type %q, want dig_sign", q.Get("auth_type"))
	}
}

func TestGovUAConfigRefused(t *testing.T) {
	w := servicetest.New(t)
	for name, change := range map[string]func(*IDGovUA){
		"no address":      func(c *IDGovUA) { c.URL = "" },
		"plain http":      func(c *IDGovUA) { c.URL = "http://id.example.test" },
		"with a query":    func(c *IDGovUA) { c.URL = "https://id.example.test/?a=b" },
		"no client":       func(c *IDGovUA) { c.ClientID = "" },
		"no secret":       func(c *IDGovUA) { c.ClientSecret = "" },
		"no decrypter":    func(c *IDGovUA) { c.Decrypter = nil },
		"no certificate":  func(c *IDGovUA) { c.Decrypter = &CommandDecrypter{} },
		"another type":    func(c *IDGovUA) { c.AuthTypes = []string{"password"} },
		"type with comma": func(c *IDGovUA) { c.AuthTypes = []string{"dig_sign,bank_id"} },
	} {
		c := &IDGovUA{URL: "https://id.example.test", ClientID: "a", ClientSecret: "b", Decrypter: markDecrypter{}}
		change(c)
		p := &part{Server: w.Server}
		if err := p.mountIDGovUA(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestCommandDecrypter(t *testing.T) {
	dir := t.TempDir()
	script := func(text string) []string {
		name := filepath.Join(dir, fmt.Sprint(time.Now().UnixNano()))
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return []string{name, "argument"}
	}
	run := func(text string) ([]byte, error) {
		d, err := NewCommandDecrypter([]byte{1}, script(text))
		if err != nil {
			t.Fatal(err)
		}
		return d.Decrypt(t.Context(), []byte("envelope"))
	}
	if out, err := run(`test "$1" = argument && tr a-z A-Z`); err != nil || string(out) != "ENVELOPE" {
		t.Errorf("%q, %v, want ENVELOPE", out, err)
	}
	if out, err := run(`cat; exit 3`); err == nil {
		t.Errorf("exit code 3: %q, taken", out)
	}
	if out, err := run(`head -c 100000 /dev/zero`); err == nil {
		t.Errorf("100,000 bytes: %d, taken", len(out))
	}
	t.Setenv("POSVID_TEST_SECRET", "secret")
	if out, err := run(`env`); err != nil || bytes.Contains(out, []byte("POSVID_TEST_SECRET")) {
		t.Errorf("the program sees our environment: %s, %v", out, err)
	}
	for _, command := range [][]string{nil, {"relative"}, {""}} {
		if _, err := NewCommandDecrypter([]byte{1}, command); err == nil {
			t.Errorf("%q: taken", command)
		}
	}
	if _, err := NewCommandDecrypter(nil, []string{"/bin/cat"}); err == nil {
		t.Error("no certificate: taken")
	}
}

func TestReadConfig(t *testing.T) {
	files := map[string]string{"/s/secret": "s3cret\n", "/s/cert": "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n", "/s/empty": "\n"}
	open := func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	}
	c, err := ReadConfig([]byte(`{"providers":[{"id":"main","name":"Головна","issuer":"https://id.example.test","client_id":"posvid","client_secret_file":"/s/secret","max_age_seconds":300,"subjects":["a"]}],
		"id_gov_ua":{"url":"https://id.gov.ua","client_id":"x","client_secret_file":"/s/secret","certificate_file":"/s/cert","decrypt":["/usr/bin/open-envelope"]}}`), open)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Providers[0]; p.ClientSecret != "s3cret" || p.MaxAge != 5*time.Minute || p.Subjects[0] != "a" || string(c.IDGovUA.Decrypter.Certificate()) != "\x01\x02\x03" {
		t.Errorf("%+v", c)
	}
	for _, text := range []string{"", "{", "[]", `{"a":1}`, `{} {}`, `{"providers":[{"secret":"x"}]}`, `{"providers":[{"client_secret_file":"/s/none"}]}`, `{"providers":[{"client_secret_file":"/s/empty"}]}`,
		`{"providers":[{"max_age_seconds":-1}]}`, `{"providers":[{"max_age_seconds":99999999999}]}`, `{"id_gov_ua":{"certificate_file":"/s/cert"}}`, `{"id_gov_ua":{"decrypt":["/bin/cat"]}}`,
		`{"id_gov_ua":{"certificate_file":"/s/cert","decrypt":["cat"]}}`, `{"id_gov_ua":{"client_secret_file":"/s/none"}}`} {
		if _, err := ReadConfig([]byte(text), open); err == nil {
			t.Errorf("%s: taken", text)
		}
	}
}

func FuzzGovToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"d6f9c4e0a7","token_type":"bearer","expires_in":"3600","refresh_token":"77e1","user_id":"1487"}`))
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","expires_in":3600,"user_id":1487}`))
	f.Add([]byte(`{"error":2,"message":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseGovToken(data)
		if err != nil && v != (govToken{}) || err == nil && (v.Access == "" || v.User == "" || len(v.Access) > maxGovToken) {
			t.Fatalf("%q: %+v, %v", data, v, err)
		}
	})
}

func FuzzGovPerson(f *testing.F) {
	f.Add([]byte(`{"drfocode":"3184710691","lastname":"Канарчук","givenname":"Одарка"}`))
	f.Add([]byte(`{"drfocode":"","error":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseGovPerson(data)
		if err != nil && v != (govPerson{}) || err == nil && len(v.RNOKPP) != 10 {
			t.Fatalf("%q: %v", data, err)
		}
		if err != nil && v.RNOKPP == "" && len(data) > 20 && strings.Contains(err.Error(), string(data)) {
			t.Fatalf("the error quotes the answer")
		}
	})
}

func FuzzReadConfig(f *testing.F) {
	f.Add([]byte(`{"providers":[{"id":"main","name":"n","issuer":"https://id.example.test","client_id":"c","client_secret_file":"f"}]}`))
	f.Add([]byte(`{"id_gov_ua":{"url":"https://id.gov.ua","client_id":"x","client_secret_file":"f","certificate_file":"f","decrypt":["/bin/cat"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ReadConfig(data, func(string) ([]byte, error) { return []byte("x"), nil })
		if err != nil && (c.Providers != nil || c.IDGovUA != nil) {
			t.Fatalf("%q: %+v with %v", data, c, err)
		}
	})
}
