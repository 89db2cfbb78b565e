package offices

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// appWorld is a world with a route for programs of this test's own.
func appWorld(t *testing.T) (*servicetest.World, *part) {
	t.Helper()
	w := servicetest.New(t)
	p := &part{s: w.Server, c: Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()}}
	if err := errors.Join(p.mountAccess(), p.mountDirectory()); err != nil {
		t.Fatal(err)
	}
	w.Server.Page("GET /dav/whoami", programs, func(rw http.ResponseWriter, r *http.Request) error {
		m, err := p.member(r)
		if err == nil {
			_, err = rw.Write([]byte(m.Seat.String()))
		}
		return err
	})
	w.Start()
	return w, p
}

// ask is what a program with a user name and a password gets.
func askProgram(w *servicetest.World, user, password string) (status int, answer string, challenge string) {
	r, err := http.NewRequest("GET", w.URL+"/dav/whoami", nil)
	if err != nil {
		w.T.Fatal(err)
	}
	r.Host = "localhost"
	r.SetBasicAuth(user, password)
	r.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.T.Fatal(err)
	}
	defer resp.Body.Close()
	var body [4096]byte
	n, _ := resp.Body.Read(body[:])
	answer = string(body[:n])
	if resp.StatusCode != 200 {
		answer = regexp.MustCompile(`"code":\s*"([^"]*)"`).FindStringSubmatch(answer)[1]
	}
	return resp.StatusCode, answer, resp.Header.Get("WWW-Authenticate")
}

// OAC-20 OAC-21: a password is shown once, works under three user names, and stops with whatever it rests on.
func TestAppPassword(t *testing.T) {
	w, p := appWorld(t)
	h := w.Ministry.Holders["issued"]
	mail := "Zrazok@Example.gov.ua"
	change(t, h, func(v *issuer.PostRow) { v.Record.WorkEmail = mail })
	c := w.As(official(h))
	status, _, page := post(w, c, "/office/apps", url.Values{"label": {"робочий <b>телефон</b>"}, "for": {"dav"}})
	if status != 200 || strings.Contains(string(page), "<b>телефон") {
		t.Fatalf("%d %s", status, page)
	}
	secret := find(t, page, `id="made-secret">([^<]*)<`)
	name := find(t, page, `id="made-name">([^<]*)<`)
	if !regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(secret) {
		t.Errorf("password %d characters in an unknown form", len(secret))
	}
	_, _, page = w.Do(c, "GET", "/office/apps", nil)
	if strings.Contains(string(page), secret) || !strings.Contains(string(page), "ще не використано") {
		t.Error("the list shows the password, or not that it was never used")
	}
	for _, tt := range []struct{ user, password string }{
		{name, secret}, {strings.ToUpper(name), secret}, {seatOf(h).String(), secret}, {"zrazok@example.GOV.ua", secret},
		{name, strings.ToLower(strings.ReplaceAll(secret, "-", ""))}, {name, strings.NewReplacer("0", "o", "1", "l", "-", " ").Replace(secret)},
	} {
		if status, got, _ := askProgram(w, tt.user, tt.password); status != 200 || got != seatOf(h).String() {
			t.Errorf("user %q: %d %s", tt.user, status, got)
		}
	}
	if _, _, page = w.Do(c, "GET", "/office/apps", nil); !strings.Contains(string(page), "20.11.2026") {
		t.Error("no day of the last use")
	}
	other := "0" + secret[1:]
	if other == secret {
		other = "1" + secret[1:]
	}
	for name, tt := range map[string]struct{ user, password string }{
		"another password": {name, other}, "no password": {name, ""}, "user of nobody": {"somebody", secret}, "no user": {"", secret},
		"other post": {seatOf(w.Council.Holders["issued"]).String(), secret}, "short": {name, secret[:18]}, "long": {name, secret + "0"},
		"huge": {name, strings.Repeat("A", 10_000)}, "bytes": {"\xff\x00", "\xff\xfe\x00"}, "SQL": {"' OR 1=1 --", "' OR 1=1 --"},
	} {
		if status, got, challenge := askProgram(w, tt.user, tt.password); status != 401 || got != WrongAppPassword.Code || !strings.HasPrefix(challenge, "Basic ") {
			t.Errorf("%s: %d %s %q", name, status, got, challenge)
		}
	}
	if _, _, page = w.Do(c, "GET", "/office/apps", nil); !strings.Contains(string(page), "спроб з іншим паролем:") {
		t.Error("the owner is not told of wrong tries")
	}
	// Not for mail.
	if _, err := p.program(t.Context(), name, secret, scopeMail, w.Now()); service.Forbidden.Status != status0(err) {
		t.Errorf("mail by a password for address books: %v", err)
	}
	if _, err := p.program(t.Context(), name, secret, "anything", w.Now()); err == nil {
		t.Error("an unknown scope was let in")
	}
	// The official is suspended: the next request; resumed: works again.
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusSuspended })
	if status, got, _ := askProgram(w, name, secret); status != 403 || got != NoID.Code {
		t.Errorf("suspended: %d %s", status, got)
	}
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusActive })
	if status, _, _ := askProgram(w, name, secret); status != 200 {
		t.Errorf("resumed: %d", status)
	}
	// Left: ended for good, even if the person comes back to the same post.
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusDismissed })
	if status, got, _ := askProgram(w, name, secret); status != 401 || got != WrongAppPassword.Code {
		t.Errorf("dismissed: %d %s", status, got)
	}
	change(t, h, func(v *issuer.PostRow) { v.Status = hr.StatusActive })
	if status, _, _ := askProgram(w, name, secret); status != 401 {
		t.Errorf("came back: %d", status)
	}
}

// change changes a post as a plan would.
func change(t *testing.T, h *servicetest.Holder, f func(*issuer.PostRow)) {
	t.Helper()
	err := h.Body.Store.Update(t.Context(), func(tx issuer.Tx) error {
		v, err := tx.Post(h.Entitlement)
		if err != nil {
			return err
		}
		f(&v)
		return tx.UpdatePost(v)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, page []byte, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(page)
	if m == nil {
		t.Fatalf("the page lacks %s: %.2000s", pattern, page)
	}
	return string(m[1])
}

// status0 is the HTTP status of a problem.
func status0(err error) int {
	var v interface{ GetStatus() int }
	if v, _ = err.(interface{ GetStatus() int }); v == nil {
		return 0
	}
	return v.GetStatus()
}

// newPhone gives an official another phone, as after the first was lost, and an ID on it.
func newPhone(t *testing.T, w *servicetest.World, h *servicetest.Holder) {
	t.Helper()
	slips, err := h.Body.Register.Slips(t.Context(), issuer.SlipFilter{Entitlements: []int64{h.Entitlement}, NewPhone: true}, h.Body.Operators[0], w.Now())
	if err != nil || len(slips) != 1 {
		t.Fatalf("%d slips, %v", len(slips), err)
	}
	key, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	possession, err := credential.SignPossession(h.Body.EDRPOU, slips[0].Code(), w.Now(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Body.Register.Enrol(t.Context(), slips[0].Number, possession, w.Now()); err != nil {
		t.Fatal(err)
	}
	if results, err := h.Body.Body.Body.Issue(t.Context(), w.Now(), h.Entitlement); err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
}

// OAC-24: what was made by means of a phone that was lost opens nothing once the official has an ID on another one.
func TestAppPasswordOfALostPhone(t *testing.T) {
	for name, lose := range map[string]func(*servicetest.World, *servicetest.Holder) error{
		"replaced": func(*servicetest.World, *servicetest.Holder) error { return nil },
		"stolen": func(w *servicetest.World, h *servicetest.Holder) error {
			return h.Body.Body.Body.Revoke(w.T.Context(), h.Row, issuer.Change{Ground: issuer.GroundTheft, Operator: h.Body.Operators[0].Ident(), At: w.Now()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			h := w.Ministry.Holders["issued"]
			c := w.As(official(h))
			_, _, page := post(w, c, "/office/apps", url.Values{"label": {"чужий"}, "for": {"dav", "mail"}})
			user, secret := find(t, page, `id="made-name">([^<]*)<`), find(t, page, `id="made-secret">([^<]*)<`)
			_, _, page = post(w, c, "/office/feeds", url.Values{"detail": {"yes"}})
			feed := find(t, page, `(/office/feed/[a-z2-7]{32}\.ics)`)
			try := func() (int, int) {
				one, _, _ := w.Do(w.Client(), "OPTIONS", "/dav/", nil, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
				two, _, _ := w.Do(w.Client(), "GET", feed, nil)
				return one, two
			}
			if one, two := try(); one >= 300 || two != 200 {
				t.Fatalf("at first: %d %d", one, two)
			}
			w.Advance(time.Hour)
			if err := lose(w, h); err != nil {
				t.Fatal(err)
			}
			newPhone(t, w, h)
			if one, two := try(); one != 401 || two != 404 {
				t.Errorf("after an ID on another phone: %d %d, want 401 404", one, two)
			}
			if _, _, page := w.Do(c, "GET", "/office/apps", nil); strings.Contains(string(page), user) {
				t.Error("the password is listed as one in use")
			}
			if status, _, page := post(w, c, "/office/apps", url.Values{"label": {"новий"}, "for": {"dav"}}); status != 200 {
				t.Errorf("a new one: %d", status)
			} else if user, secret = find(t, page, `id="made-name">([^<]*)<`), find(t, page, `id="made-secret">([^<]*)<`); user != "" {
				if one, _ := try(); one >= 300 {
					t.Errorf("a new one: %d", one)
				}
			}
		})
	}
}

// OAC-22: each password is of one post and its owner's to end.
func TestAppPasswordsOfOthers(t *testing.T) {
	w, p := appWorld(t)
	one, two := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	v, secret, err := p.passwords.Make(t.Context(), seatOf(one), "телефон", office.ForDAV|office.ForMail, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, page := w.Do(w.As(official(two)), "GET", "/office/apps", nil); strings.Contains(string(page), v.Name) {
		t.Error("somebody sees another's password")
	}
	end := fmt.Sprintf("/office/apps/%d/end", v.ID)
	for name, c := range map[string]*http.Client{"colleague": w.As(official(two)), "own other post": w.As(official(w.Council.Holders["issued"])), "without ID": w.As(official(w.Ministry.Holders["revoked"])),
		"registrar": w.As(w.Role(service.Registrar, w.Ministry)), "nobody": w.Client()} {
		if status, _, _ := post(w, c, end, nil); status < 400 && status != 303 {
			t.Errorf("%s: %d", name, status)
		}
		if status, _, _ := askProgram(w, v.Name, secret); status != 200 {
			t.Fatalf("%s ended it", name)
		}
	}
	for _, path := range []string{"/office/apps/0/end", "/office/apps/x/end", "/office/apps/-1/end", "/office/apps/99999999999999999999/end"} {
		if status, _, _ := post(w, w.As(official(one)), path, nil); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _, _ := post(w, w.As(official(one)), end, nil); status != 303 {
		t.Errorf("owner: %d", status)
	}
	if status, _, _ := askProgram(w, v.Name, secret); status != 401 {
		t.Errorf("ended: %d", status)
	}
	for name, form := range map[string]url.Values{"no label": {"for": {"dav"}}, "no purpose": {"label": {"x"}}, "unknown purpose": {"label": {"x"}, "for": {"dav", "root"}},
		"long": {"label": {strings.Repeat("ї", 61)}, "for": {"dav"}}, "control": {"label": {"a\x00b"}, "for": {"dav"}}, "not text": {"label": {"\xff"}, "for": {"dav"}}, "spaces": {"label": {" \t "}, "for": {"dav"}}} {
		if status, _, _ := post(w, w.As(official(one)), "/office/apps", form); status != 422 {
			t.Errorf("%s: %d, want 422", name, status)
		}
	}
	for range office.MaxAppPasswords {
		if _, _, err := p.passwords.Make(t.Context(), seatOf(one), "x", office.ForDAV, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, _ := post(w, w.As(official(one)), "/office/apps", url.Values{"label": {"x"}, "for": {"dav"}}); status != ManyApps.Status {
		t.Errorf("21st: %d", status)
	}
	// The job ends what belongs to somebody who has left, before any program asks.
	change(t, one, func(v *issuer.PostRow) { v.Status = hr.StatusDismissed })
	if err := p.endLeft(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	if list, err := p.passwords.List(t.Context(), seatOf(one)); err != nil || len(list) != 0 {
		t.Errorf("%d passwords, %v, after the person left", len(list), err)
	}
}

// TestEndLeftPastBrokenRegister: a register that cannot be read keeps nobody else's passwords in use.
func TestEndLeftPastBrokenRegister(t *testing.T) {
	w, p := appWorld(t)
	held, left := w.Ministry.Holders["issued"], w.Council.Holders["issued"]
	for _, h := range []*servicetest.Holder{held, left} {
		if _, _, err := p.passwords.Make(t.Context(), seatOf(h), "x", office.ForDAV, w.Now()); err != nil {
			t.Fatal(err)
		}
	}
	change(t, left, func(v *issuer.PostRow) { v.Status = hr.StatusDismissed })
	w.Ministry.Store.Close()
	if err := p.endLeft(t.Context(), w.Now()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("%v, want the register's error", err)
	}
	if list, err := p.passwords.List(t.Context(), seatOf(left)); err != nil || len(list) != 0 {
		t.Errorf("%d passwords, %v, of who has left another body", len(list), err)
	}
	if list, err := p.passwords.List(t.Context(), seatOf(held)); err != nil || len(list) != 1 {
		t.Errorf("%d passwords, %v, of the body whose register cannot be read", len(list), err)
	}
}

// OAC-23: wrong tries are bounded, and a right password gets in past them from the same address.
func TestAppTries(t *testing.T) {
	w, p := appWorld(t)
	v, secret, err := p.passwords.Make(t.Context(), seatOf(w.Ministry.Holders["issued"]), "телефон", office.ForDAV, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range appTries + 5 {
		want := 401
		if i >= appTries {
			want = 429
		}
		if status, _, _ := askProgram(w, v.Name, "00000000000000000000"); status != want {
			t.Fatalf("try %d: %d, want %d", i+1, status, want)
		}
	}
	if status, _, _ := askProgram(w, v.Name, secret); status != 200 {
		t.Errorf("the right password behind the same address: %d", status)
	}
	w.Advance(appTriesWindow)
	if status, _, _ := askProgram(w, v.Name, "00000000000000000000"); status != 401 {
		t.Errorf("in the next window: %d", status)
	}
	list, err := p.passwords.List(t.Context(), seatOf(w.Ministry.Holders["issued"]))
	if err != nil || len(list) != 1 || list[0].Wrong != appTries+1 {
		t.Errorf("%v, wrong tries %d, want %d", err, list[0].Wrong, appTries+1)
	}
	if strings.Contains(w.Logs.String(), secret) || strings.Contains(w.Logs.String(), v.Name) {
		t.Error("the log names a password")
	}
	// Under the user names that people are given: the work e-mail address, and the post.
	h := w.Ministry.Holders["issued"]
	change(t, h, func(v *issuer.PostRow) { v.Record.WorkEmail = "zrazok@example.gov.ua" })
	if err := p.fillBody(t.Context(), h.Body.Body, w.Now()); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"Zrazok@example.gov.ua", seatOf(h).String(), "nobody@example.gov.ua", "99000011-999", "99000011-0", "@", "zrazok@example.gov.u"} {
		if status, _, _ := askProgram(w, user, "00000000000000000000"); status != 401 {
			t.Errorf("%s: %d", user, status)
		}
	}
	if list, err = p.passwords.List(t.Context(), seatOf(h)); err != nil || list[0].Wrong != appTries+3 {
		t.Errorf("%v, wrong tries %d, want %d: those by e-mail and by post count too", err, list[0].Wrong, appTries+3)
	}
	if strings.Contains(w.Logs.String(), "zrazok@") {
		t.Error("the log names a user")
	}
	var tries triesBySource
	at := time.Unix(0, 0)
	for i := range appSources + 10 {
		tries.wrong(fmt.Sprint(i), at)
	}
	if len(tries.n) > appSources {
		t.Errorf("%d sources are counted", len(tries.n))
	}
}

// TestNoBasicElsewhere: a Basic header says nothing outside the addresses of programs, as on a host whose proxy has one.
func TestNoBasicElsewhere(t *testing.T) {
	w, _ := appWorld(t)
	for _, path := range []string{"/healthz", "/", "/stop"} {
		if status, _, _ := w.Do(w.Client(), "GET", path, nil, "Authorization", "Basic eDp5"); status >= 400 && status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// OAC-05: an account with several posts works in the one it chose, and never slips into another.
func TestChoosePost(t *testing.T) {
	w, _ := appWorld(t)
	one, two := w.Ministry.Holders["issued"], w.Council.Holders["issued"]
	account := w.Account("Вигадана Особа", official(one, two).Grants...)
	c := w.LogIn(account, false)
	_, _, page := w.Do(c, "GET", "/office/", nil)
	if !strings.Contains(string(page), `value="`+seatOf(one).String()+`"`) || !strings.Contains(string(page), `value="`+seatOf(two).String()+`"`) || strings.Contains(string(page), `id="search"`) {
		t.Errorf("no choice of two posts: %s", page)
	}
	for _, seat := range []string{"", "99000011-99", seatOf(w.Ministry.Holders["second"]).String(), seatOf(w.Ministry.Holders["revoked"]).String()} {
		if status, _, _ := post(w, c, "/office/post", url.Values{"seat": {seat}}); status != 403 {
			t.Errorf("post %q: %d", seat, status)
		}
	}
	if status, _, _ := post(w, c, "/office/post", url.Values{"seat": {seatOf(two).String()}}); status != 303 {
		t.Fatalf("choosing: %d", status)
	}
	if status, _, page := w.Do(c, "GET", "/office/apps", nil); status != 200 || !strings.Contains(string(page), seatOf(two).String()) {
		t.Errorf("%d, not in the chosen post", status)
	}
	change(t, two, func(v *issuer.PostRow) { v.Status = hr.StatusSuspended })
	if status, _, body := w.Do(c, "GET", "/office/apps", nil, "Accept", "application/json"); status != ChoosePost.Status || problemCode(t, body) != ChoosePost.Code {
		t.Errorf("the chosen post is suspended: %d", status)
	}
	if status, _, page := w.Do(c, "GET", "/office/", nil); status != 200 || strings.Contains(string(page), seatOf(two).String()) {
		t.Errorf("%d, a suspended post is offered", status)
	}
}

// BenchmarkProgram is what an app password costs each request of a program: keyed hash, password, register, status of the ID.
func BenchmarkProgram(b *testing.B) {
	w := servicetest.New(b)
	p := &part{s: w.Server, c: Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()}}
	p.passwords = office.NewAppPasswords(p.c.Store)
	v, secret, err := p.passwords.Make(b.Context(), seatOf(w.Ministry.Holders["issued"]), "телефон", office.ForDAV, w.Now())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.program(b.Context(), v.Name, secret, scopeDAV, w.Now()); err != nil {
			b.Fatal(err)
		}
	}
}
