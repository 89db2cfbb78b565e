package offices

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Problems of app passwords.
var (
	WrongAppPassword = service.NewProblem(http.StatusUnauthorized, "office-app-password", "Такого пароля програми немає.", "There is no such app password.",
		"Перевірте ім'я й пароль або створіть новий на сторінці «Програми».", "Check the user name and the password, or make a new one on the page “Programs”.")
	WrongAppScope = service.NewProblem(http.StatusForbidden, "office-app-scope", "Пароль програми не для цього.", "The app password is not for this.",
		"Створіть на сторінці «Програми» пароль із потрібним призначенням.", "Make one for this on the page “Programs”.")
	AppTries = service.NewProblem(http.StatusTooManyRequests, "office-app-tries", "Забагато спроб із хибним паролем програми.", "Too many tries with a wrong app password.",
		"Виправте пароль у програмі; правильний діє й зараз.", "Mend the password in the program; a right one works even now.")
	WrongAppForm = service.NewProblem(http.StatusUnprocessableEntity, "office-app-form", "Пароль програми не створено: бракує назви чи призначення.", "No app password was made: its name or purpose is missing.",
		"Назвіть пристрій (до 60 знаків) і позначте, для чого пароль.", "Name the device (up to 60 characters) and tick what the password is for.")
	ManyApps = service.NewProblem(http.StatusConflict, "office-apps-many", "Паролів програм уже 20.", "There are 20 app passwords already.",
		"Припиніть ті, що не потрібні.", "End those that are not needed.")
)

// Bounds of wrong app passwords of one source.
const (
	appTries       = 60
	appTriesWindow = 10 * time.Minute
	appSources     = 1 << 16 // counted at once; beyond it a new source is not counted
)

// triesBySource counts wrong app passwords. It never refuses a right one: a hundred bits are not guessed, and whoever shares an
// address with a program that has an old password is not to be shut out by it.
type triesBySource struct {
	mu     sync.Mutex
	window time.Time
	n      map[string]int
}

// wrong counts one and tells whether the source has had its tries of this window.
func (t *triesBySource) wrong(source string, at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil || at.Sub(t.window) >= appTriesWindow || at.Before(t.window) {
		t.window, t.n = at, map[string]int{}
	}
	if _, known := t.n[source]; !known && len(t.n) >= appSources {
		return false
	}
	t.n[source]++
	return t.n[source] > appTries
}

type sourceKey struct{}

// withSource is a context of a caller who came by another way than HTTP.
func withSource(ctx context.Context, a netip.Addr) context.Context {
	a = a.Unmap().WithZone("")
	text := a.String()
	if a.Is6() {
		text = netip.PrefixFrom(a, 64).Masked().String()
	}
	return context.WithValue(ctx, sourceKey{}, text)
}

func sourceOf(ctx context.Context) string {
	if text, ok := ctx.Value(sourceKey{}).(string); ok {
		return text
	}
	return service.SourceOf(ctx)
}

// program is the official behind a user name and an app password for a scope (scopeDAV, scopeMail): the password is in use, the user
// name is that of the password, of the post, or the work e-mail address, and the service ID is valid now. Where the caller did not
// come by HTTP, ctx is of withSource. Errors: WrongAppPassword, AppTries, WrongAppScope, NoID, and those of a store.
func (p *part) program(ctx context.Context, user, password, scope string, at time.Time) (office.Member, error) {
	m, _, err := p.programBy(ctx, user, password, scope, at)
	return m, err
}

// programBy is program, which also says by which app password.
func (p *part) programBy(ctx context.Context, user, password, scope string, at time.Time) (m office.Member, v office.AppPassword, err error) {
	refuse := func(err error) (office.Member, office.AppPassword, error) {
		return office.Member{}, office.AppPassword{}, err
	}
	v, err = p.passwords.Find(ctx, password)
	if errors.Is(err, office.ErrAppPassword) {
		return refuse(p.wrongApp(ctx, user, at, err))
	}
	if err != nil {
		return refuse(err)
	}
	post, ids, err := p.post(ctx, v.Seat)
	if err != nil && !errors.Is(err, office.ErrNotFound) {
		return refuse(err)
	}
	if err != nil || post.Status == hr.StatusDismissed {
		if _, err := p.passwords.EndAll(ctx, v.Seat, office.EndedByLeave, at); err != nil {
			return refuse(err)
		}
		return refuse(p.wrongApp(ctx, user, at, errors.New("offices: the person has left the post")))
	}
	m = memberIn(v.Seat, &post)
	if !strings.EqualFold(user, v.Name) && user != v.Seat.String() && (m.Email == "" || !strings.EqualFold(user, m.Email)) {
		return refuse(p.wrongApp(ctx, user, at, errors.New("offices: user name of another")))
	}
	if statusIn(&post, ids, at) != office.StatusValid {
		return refuse(NoID.Because(errors.New("offices: app password without a valid ID")))
	}
	if !outlives(ids, v.Made, at) {
		if err := p.passwords.End(ctx, v.Seat, v.ID, office.EndedByLeave, at); err != nil && !errors.Is(err, office.ErrAppPassword) {
			return refuse(err)
		}
		return refuse(p.wrongApp(ctx, user, at, errors.New("offices: app password of a phone that has no ID any more")))
	}
	if want := map[string]office.AppScope{scopeDAV: office.ForDAV, scopeMail: office.ForMail}[scope]; !v.Scopes.Has(want) {
		return refuse(WrongAppScope.Because(fmt.Errorf("offices: password is not for %s", scope)))
	}
	return m, v, p.passwords.Used(ctx, v, at)
}

// wrongApp counts a wrong try of the source and, for the owner to see, of the user name.
func (p *part) wrongApp(ctx context.Context, user string, at time.Time, cause error) error {
	if p.appTries.wrong(sourceOf(ctx), at) {
		return AppTries.Because(cause)
	}
	if err := p.countWrong(ctx, user, at); err != nil {
		return err
	}
	return WrongAppPassword.Because(cause)
}

// countWrong counts a wrong try for those whose user name it was: that of one password, or of all of a post.
func (p *part) countWrong(ctx context.Context, user string, at time.Time) error {
	var seats []office.Seat
	if strings.Contains(user, "@") {
		var err error
		if seats, err = p.directory.WithEmail(ctx, user); err != nil {
			return err
		}
	} else if seat, err := office.ParseSeat(user); err == nil {
		seats = []office.Seat{seat}
	} else {
		return p.passwords.Wrong(ctx, user, at)
	}
	for _, seat := range seats {
		if err := p.passwords.WrongOf(ctx, seat, at); err != nil {
			return err
		}
	}
	return nil
}

// basic is the authenticator of programs on the addresses of address books and calendars: HTTP Basic (RFC 7617).
func (p *part) basic(r *http.Request) (service.Principal, bool, error) {
	if r.Header.Get("Authorization") == "" || !davAddress(r) {
		return service.Principal{}, false, nil
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return service.Principal{}, false, nil
	}
	m, err := p.program(r.Context(), user, password, scopeDAV, p.s.Now())
	if err != nil {
		return service.Principal{}, false, err
	}
	return service.Principal{Kind: service.Program, Grants: []service.Grant{{Role: service.Holder, Body: m.Body, Entitlement: m.Post}},
		Bodies: []string{m.Body}, Scopes: []string{scopeDAV}}, true, nil
}

// davAddress tells whether a request is for address books and calendars, whose clients begin anywhere.
func davAddress(r *http.Request) bool {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/dav/"), path == "/dav", strings.HasPrefix(path, "/principals"), path == "/.well-known/carddav", path == "/.well-known/caldav":
		return true
	default:
		return path == "/" && r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost
	}
}

// endLost ends the app passwords of a post that were made before its person got an ID on another phone. Without a valid ID there is
// nothing to tell that by, and nothing that a password opens.
func (p *part) endLost(ctx context.Context, seat office.Seat, post *issuer.PostRow, ids []issuer.ID, at time.Time) error {
	if statusIn(post, ids, at) != office.StatusValid {
		return nil
	}
	list, err := p.passwords.List(ctx, seat)
	if err != nil {
		return err
	}
	for _, v := range list {
		if outlives(ids, v.Made, at) {
			continue
		}
		if err := p.passwords.End(ctx, seat, v.ID, office.EndedByLeave, at); err != nil && !errors.Is(err, office.ErrAppPassword) {
			return err
		}
	}
	return nil
}

// endLeft ends the app passwords of those who have left their posts, and of phones that were lost.
func (p *part) endLeft(ctx context.Context, at time.Time) error {
	seats, err := p.passwords.Seats(ctx)
	if err != nil {
		return err
	}
	var failed []error // a register that cannot be read keeps nobody else's passwords in use
	for _, seat := range seats {
		if err := p.endLeftOf(ctx, seat, at); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (p *part) endLeftOf(ctx context.Context, seat office.Seat, at time.Time) error {
	post, ids, err := p.post(ctx, seat)
	if err != nil && !errors.Is(err, office.ErrNotFound) {
		return err
	}
	if err == nil && post.Status != hr.StatusDismissed {
		return p.endLost(ctx, seat, &post, ids, at)
	}
	if _, err := p.s.Body(seat.Body); err != nil {
		return nil // the body is not served here now; its passwords open nothing
	}
	_, err = p.passwords.EndAll(ctx, seat, office.EndedByLeave, at)
	return err
}

func (p *part) mountApps() {
	p.passwords = office.NewAppPasswords(p.c.Store)
	p.s.AddAuthenticator(p.basic)
	p.s.Every("office-passwords", 10*time.Minute, p.endLeft)
	p.s.Page("GET /office/apps", officials, p.appsPage)
	p.s.Page("POST /office/apps", officials, p.makeApp)
	p.s.Page("POST /office/apps/{id}/end", officials, p.endApp)
}

// appsView is the Data of office_apps.html.
type appsView struct {
	Member    member
	Passwords []office.AppPassword
	Origin    string
	Made      office.AppPassword // just made, with Secret; ID 0: none
	Secret    string
	Done      string // what was done: ended
}

func (p *part) showApps(w http.ResponseWriter, r *http.Request, m member, v appsView) (err error) {
	v.Member, v.Origin = m, p.s.Origin
	post, ids, err := p.post(r.Context(), m.Seat)
	if err != nil {
		return err
	}
	if err := p.endLost(r.Context(), m.Seat, &post, ids, p.s.Now()); err != nil { // the job has not come by yet
		return err
	}
	if v.Passwords, err = p.passwords.List(r.Context(), m.Seat); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "office_apps", v)
}

func (p *part) appsPage(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	v := appsView{}
	if r.URL.Query().Get("done") == "ended" {
		v.Done = "ended"
	}
	return p.showApps(w, r, m, v)
}

// makeApp makes a password and shows it, once.
func (p *part) makeApp(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	var scopes office.AppScope
	for _, text := range r.PostForm["for"] {
		scope := map[string]office.AppScope{"dav": office.ForDAV, "mail": office.ForMail}[text]
		if scope == 0 {
			return WrongAppForm.Because(errors.New("offices: unknown purpose"))
		}
		scopes |= scope
	}
	v := appsView{}
	v.Made, v.Secret, err = p.passwords.Make(r.Context(), m.Seat, r.PostFormValue("label"), scopes, p.s.Now())
	switch {
	case errors.Is(err, office.ErrAppLabel), errors.Is(err, office.ErrAppScope):
		return WrongAppForm.Because(err)
	case errors.Is(err, office.ErrAppPasswords):
		return ManyApps.Because(err)
	case err != nil:
		return err
	}
	return p.showApps(w, r, m, v)
}

func (p *part) endApp(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return service.NotFound.Because(err)
	}
	if err := p.passwords.End(r.Context(), m.Seat, id, office.EndedByOwner, p.s.Now()); err != nil {
		if errors.Is(err, office.ErrAppPassword) {
			return service.NotFound.Because(err)
		}
		return err
	}
	http.Redirect(w, r, "/office/apps?done=ended", http.StatusSeeOther)
	return nil
}

// UserName is what a program is given as the user name: the work e-mail address, which people know, else the password's own name.
func (v appsView) UserName() string {
	return cmp.Or(v.Member.Email, v.Made.Name, v.Member.Seat.String())
}

// Day is a day (UTC) as people here write dates.
func (v appsView) Day(at time.Time) string { return hr.DateOf(at).UA() }
