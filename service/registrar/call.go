package registrar

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// call is one request of a page.
type call struct {
	*pages
	w    http.ResponseWriter
	r    *http.Request
	at   time.Time
	lang string
	body *service.Body // of the path; nil on the trust operator's page
}

// T is a text in the caller's language.
func (c *call) T(uk, en string) string {
	if c.lang == "en" {
		return en
	}
	return uk
}

// path is a path below the body's.
func (c *call) path(parts ...any) string { return "/b/" + c.body.EDRPOU + "/" + place(parts...) }

// account is the caller's account.
func (c *call) account() int64 { return service.PrincipalOf(c.r.Context()).Account }

// has tells whether the caller has a role in the body.
func (c *call) has(r service.Role) bool {
	return service.PrincipalOf(c.r.Context()).Has(r, c.body.EDRPOU)
}

// number reads a number from the path; 0, which is no row, for anything else.
func (c *call) number(name string) int64 {
	n, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != c.r.PathValue(name) {
		return 0
	}
	return n
}

// show renders a page.
func (c *call) show(name string, data any) error {
	return c.Render(c.w, c.r, http.StatusOK, name, data)
}

// seeOther sends the browser on after a post. The path is ours and never a value of the form.
func (c *call) seeOther(path string) error {
	http.Redirect(c.w, c.r, path, http.StatusSeeOther)
	return nil
}

// readForm reads a posted form. Errors: errContentType, errForm, service.TooLarge.
func (c *call) readForm(max int64) error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return errContentType
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		err = c.r.ParseForm()
	case "multipart/form-data":
		err = c.r.ParseMultipartForm(max)
	default:
		return errContentType
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return service.TooLarge.Because(err)
	case err != nil:
		return errForm.Because(err)
	}
	for _, values := range c.r.PostForm {
		for _, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return errForm
			}
		}
	}
	return nil
}

// value is one field of the posted form, without space around it and in NFC.
func (c *call) value(name string) string {
	return norm.NFC.String(strings.TrimSpace(c.r.PostForm.Get(name)))
}

// query is one field of the address.
func (c *call) query(name string) string {
	v := c.r.URL.Query().Get(name)
	if len(v) > 256 || !utf8.ValidString(v) {
		return ""
	}
	return norm.NFC.String(strings.TrimSpace(v))
}

// newOnce is the number of a form: what is done with it is done once.
func newOnce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// once is the keyed hash of a form's number, bound to the caller and the purpose. Error: errForm when it is none.
func (c *call) once(purpose, number string) ([32]byte, error) {
	if raw, err := base64.RawURLEncoding.DecodeString(number); err != nil || len(raw) != 16 {
		return [32]byte{}, errForm
	}
	return c.Store.MAC("registrar form", []byte(place(purpose, c.body.EDRPOU, c.account(), number)))
}

// Drafts: what was typed and not sent.

// maxDraft bounds what is kept of one form.
const (
	maxDraft       = 64 << 10
	maxDraftFields = 64
)

// secretField tells whether a field is never kept.
func secretField(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "pass") || strings.Contains(name, "secret") || strings.Contains(name, "code") || name == "once" || name == "hash"
}

// saveDraft keeps what the caller has typed on a page of this body.
func (p *pages) saveDraft(c *call) error {
	page := c.r.PostForm.Get("draft-place")
	if !strings.HasPrefix(page, "/b/"+c.body.EDRPOU+"/") || len(page) > 200 {
		return errForm
	}
	fields := url.Values{}
	for name, values := range c.r.PostForm {
		if name != "draft-place" && !secretField(name) && len(fields) < maxDraftFields {
			fields[name] = values
		}
	}
	data, err := json.Marshal(fields)
	if err != nil || len(data) > maxDraft {
		return service.TooLarge
	}
	err = p.Store.Update(c.r.Context(), func(tx *store.ServiceTx) error {
		sealed, err := tx.Seal("drafts.fields", place(c.account(), page), data)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO drafts (account, place, saved, fields) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, place) DO UPDATE SET saved = excluded.saved, fields = excluded.fields`, c.account(), page, c.at.Unix(), sealed)
		return err
	})
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// draft is what the caller typed on this page and did not send.
func (c *call) draft() url.Values {
	var data []byte
	err := c.Store.View(c.r.Context(), func(tx *store.ServiceTx) error {
		var sealed []byte
		if err := tx.Row(`SELECT fields FROM drafts WHERE account = $1 AND place = $2`, []any{c.account(), c.r.URL.Path}, &sealed); err != nil {
			return err
		}
		var err error
		data, err = tx.Open("drafts.fields", place(c.account(), c.r.URL.Path), sealed)
		return err
	})
	fields := url.Values{}
	if err != nil || json.Unmarshal(data, &fields) != nil { // a draft that cannot be read must not keep anybody from the page
		return url.Values{}
	}
	return fields
}

// sent forgets the draft of a page.
func (c *call) sent(page string) error {
	return c.Store.Update(c.r.Context(), func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`DELETE FROM drafts WHERE account = $1 AND place = $2`, c.account(), page)
		return err
	})
}

// Words and texts.

// ui gives templates what they need beside the View.
type ui struct {
	Lang  string
	Draft url.Values
	Once  string
	Error *shownError // what was wrong with the form that was sent
}

// shownError is a refusal on the page itself.
type shownError struct{ Code, Title, Next string }

func (c *call) ui() ui { return ui{Lang: c.lang, Once: newOnce()} }

// uiWith is ui with what was typed before.
func (c *call) uiWith(draft url.Values) ui {
	u := c.ui()
	u.Draft = draft
	return u
}

func (c *call) shown(err error) *shownError {
	p := problem(err)
	s := &shownError{p.Code, p.UK, p.NextUK}
	if c.lang == "en" {
		s.Title, s.Next = p.EN, p.NextEN
	}
	return s
}

// Field is what was typed into a field.
func (u ui) Field(name string) string { return u.Draft.Get(name) }

// Typed tells whether a box was ticked or a choice made.
func (u ui) Typed(name, value string) bool { return slices.Contains(u.Draft[name], value) }

// T is a text in the page's language.
func (u ui) T(uk, en string) string {
	if u.Lang == "en" {
		return en
	}
	return uk
}

// Moment is a time in Kyiv; a dash for none.
func (u ui) Moment(t time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return "—"
	}
	return locale.Moment(u.Lang, t)
}

// Day is a date in Kyiv; a dash for none.
func (u ui) Day(t time.Time) string {
	if t.IsZero() || t.Unix() == 0 {
		return "—"
	}
	return locale.Date(t)
}

// Bytes is a size as people read it.
func (u ui) Bytes(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f %s", float64(n)/(1<<20), u.T("МіБ", "MiB"))
	case n >= 1<<10:
		return fmt.Sprintf("%.0f %s", float64(n)/(1<<10), u.T("КіБ", "KiB"))
	}
	return fmt.Sprintf("%d %s", n, u.T("Б", "B"))
}

// Fail is a failure in the page's language.
func (u ui) Fail(f *failure) *shownError {
	if f == nil {
		return nil
	}
	if u.Lang == "en" {
		return &shownError{f.Code, f.EN, f.NextEN}
	}
	return &shownError{f.Code, f.UK, f.NextUK}
}

// Problem is a reason in a file, with its place.
func (u ui) Problem(p hr.Problem) string { return p.Format(u.Lang) }

// Reason is a cause in words.
func (u ui) Reason(r hr.Reason) string { return r.Text(u.Lang) + " [" + string(r.Code) + "]" }

// itemWords are the kinds of steps as people read them, in the order in which they are applied.
var itemWords = []struct {
	kind   hr.ItemKind
	uk, en string
}{
	{hr.Leave, "вибуття", "leave"},
	{hr.Suspend, "зупинення", "suspend"},
	{hr.Join, "прийом", "join"},
	{hr.Change, "зміна даних", "change"},
	{hr.Move, "переведення", "move"},
	{hr.Resume, "поновлення", "resume"},
}

// Kind is a kind of step in words.
func (u ui) Kind(k hr.ItemKind) string {
	for _, w := range itemWords {
		if w.kind == k {
			return u.T(w.uk, w.en)
		}
	}
	return string(k)
}

// stateWords are the states of an ID as people read them, with the class of their badge.
var stateWords = map[issuer.State][3]string{
	issuer.StatePending:   {"готується", "pending", "info"},
	issuer.StateIssued:    {"видано", "issued", "good"},
	issuer.StateSuspended: {"зупинено", "suspended", "warn"},
	issuer.StateRevoked:   {"анульовано", "revoked", "bad"},
	issuer.StateExpired:   {"строк дії минув", "expired", "bad"},
	issuer.StateReplaced:  {"замінено", "replaced", "info"},
	issuer.StateAbandoned: {"не видано", "abandoned", "info"},
}

// State is the state of an ID in words.
func (u ui) State(s issuer.State) string { return u.T(stateWords[s][0], stateWords[s][1]) }

// StateClass is the class of its badge.
func (u ui) StateClass(s issuer.State) string { return stateWords[s][2] }

// stageWords are the stages of a load as people read them.
var stageWords = map[stage][3]string{
	stageReceiving: {"надходить", "arriving", "info"},
	stageReading:   {"читається", "being read", "info"},
	stagePlanned:   {"чекає підпису автора", "waits for its author", "warn"},
	stageApplying:  {"застосовується", "being applied", "info"},
	stageWaiting:   {"чекає другого підписувача", "waits for the approver", "warn"},
	stageFinishing: {"застосовується", "being applied", "info"},
	stageDone:      {"застосовано", "applied", "good"},
	stageFailed:    {"файл не прийнято", "file refused", "bad"},
	stageStale:     {"план застарів", "plan out of date", "bad"},
	stageDiscarded: {"відкладено без застосування", "put aside", "info"},
	stageEnded:     {"замінив новіший план", "ended by a newer plan", "info"},
}

// Stage is the stage of a load in words.
func (u ui) Stage(s stage) string { return u.T(stageWords[s][0], stageWords[s][1]) }

// StageClass is the class of its badge.
func (u ui) StageClass(s stage) string { return stageWords[s][2] }

// page cuts a list of n rows; the number of the page comes from the address.
func (c *call) page(n int) service.Pager { return service.NewPager(c.r, n, n, c.r.URL.Query()) }

// fold brings a text to what is searched in: lower case, one apostrophe, one space.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := true
	for _, r := range s {
		switch r {
		case '\'', '’', 'ʼ', '`', '′', '‘':
			b.WriteRune('ʼ')
			space = false
			continue
		}
		if unicode.IsSpace(r) {
			if !space {
				b.WriteByte(' ')
			}
			space = true
			continue
		}
		space = false
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.TrimSpace(b.String())
}

// matches tells whether every word of a folded question is in a folded text.
func matches(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// visible replaces what a page would not show or that turns the direction of what follows.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\n' {
			return '�'
		}
		return r
	}, s)
}
