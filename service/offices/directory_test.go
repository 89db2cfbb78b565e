package offices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-vcard"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/web/webtest"
)

// directoryWorld is the small world with its part at hand, so that a test fills the directory when it wants.
func directoryWorld(t *testing.T, change ...func(*service.Config)) (*servicetest.World, *part) {
	t.Helper()
	w := servicetest.New(t, change...)
	p, err := mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()})
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	return w, p
}

func get(w *servicetest.World, c *http.Client, path string) (int, string) {
	w.T.Helper()
	status, _, raw := w.Do(c, http.MethodGet, path, nil, "Accept", "text/html")
	return status, string(raw)
}

// TestDirectoryPages: who is found where, and what every page says.
func TestDirectoryPages(t *testing.T) {
	w, _ := directoryWorld(t)
	second, suspended, left := w.Ministry.Holders["second"], w.Ministry.Holders["suspended"], w.Ministry.Holders["leave"]
	me := w.As(official(w.Ministry.Holders["issued"]))
	for _, test := range []struct {
		path      string
		want, not []string
	}{
		{"/office/directory", []string{"Знайдено: 16", second.Name, w.Council.Name}, nil},
		{"/office/directory?q=zrazkova", []string{"Знайдено: 1", second.Name, "посвідчення чинне"}, []string{suspended.Name}},
		{"/office/directory?q=Прикладенко", []string{suspended.Name, "посвідчення зупинено"}, nil},
		{"/office/directory?q=" + url.QueryEscape(strings.Fields(left.Name)[0]), []string{left.Name, "немає чинного посвідчення"}, nil},
		{"/office/directory?body=" + w.Council.EDRPOU, []string{"Знайдено: 8"}, []string{second.Name}},
		{"/office/directory?body=99000011&unit=" + url.QueryEscape("Відділ прикладів"), []string{"Знайдено: 1", second.Name}, nil},
		{"/office/directory?category=" + url.QueryEscape("А"), []string{"Знайдено: 0", "Нікого."}, nil},
		{"/office/directory?body=12345678", []string{"Знайдено: 0"}, nil},
		{"/office/directory?q=%ff%fe", []string{"Знайдено: 16"}, nil},
		{"/office/directory?page=99", []string{"Знайдено: 16"}, nil},
		{"/office/directory?on=2026-11-01", []string{"Довідник тоді ще не вівся", "не зберігаються", second.Name}, nil},
		{"/office/directory?on=2020-01-01", []string{"Нікого."}, nil},
		{"/office/directory?on=2030-01-01", []string{"Знайдено: 16"}, []string{"Показано, як було"}},
		{"/office/directory/99000011", []string{w.Ministry.Name, "380 44 000 00 00", "Відділ прикладів", "Відділ зразків"}, nil},
		{"/office/directory/99000011/unit?name=" + url.QueryEscape("Відділ прикладів"), []string{second.Name, "Осіб: 1"}, []string{suspended.Name}},
		{"/office/directory/99000011/chart", []string{"<svg", "Відділ прикладів. осіб: 1"}, nil},
		{"/office/directory/99000011/staffing", []string{"ще не завантажив", "головний спеціаліст"}, nil},
		{"/office/people/" + seatOf(second).UID(), []string{"Службова особа зараз", "Перевірено в реєстрі органу", "дотепер"}, nil},
		{"/office/people/" + seatOf(suspended).UID(), []string{"Службу не підтверджено", "посвідчення зупинено"}, []string{"Службова особа зараз"}},
	} {
		status, body := get(w, me, test.path)
		if status != http.StatusOK {
			t.Errorf("%s: %d", test.path, status)
			continue
		}
		_, main, _ := strings.Cut(body, `<main id="main"`)
		for _, want := range test.want {
			if !strings.Contains(main, want) {
				t.Errorf("%s: no %q in %s", test.path, want, main)
			}
		}
		for _, not := range test.not {
			if strings.Contains(main, not) {
				t.Errorf("%s: there is %q", test.path, not)
			}
		}
	}
	// What there is not.
	for path, want := range map[string]int{"/office/directory?on=31.02.2026": 422, "/office/directory?on=1999-01-01": 422, "/office/directory/12345678": 404, "/office/directory/12345678/chart.svg": 404,
		"/office/directory/99000011/unit": 404, "/office/directory/99000011/unit?name=x": 404, "/office/people/x": 404, "/office/people/" + (office.Seat{Body: "99000011", Post: 999}).UID(): 404,
		"/office/people/x/card.vcf": 404, "/office/directory/file?format=xml": 404, "/office/directory/file": 404} {
		if status, _ := get(w, me, path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

// TestDirectoryIsForValidIDs: without a valid ID no page and no file opens, and a session loses them in the middle.
func TestDirectoryIsForValidIDs(t *testing.T) {
	w, _ := directoryWorld(t)
	paths := []string{"/office/directory", "/office/directory?q=a", "/office/directory/99000011", "/office/directory/99000011/unit?name=x", "/office/directory/99000011/chart", "/office/directory/99000011/chart.svg",
		"/office/directory/99000011/staffing", "/office/directory/99000011/card.vcf", "/office/directory/file?format=csv", "/office/people/" + seatOf(w.Ministry.Holders["second"]).UID(), "/office/people/" + seatOf(w.Ministry.Holders["second"]).UID() + "/card.vcf"}
	for name, c := range map[string]*http.Client{"suspended": w.As(official(w.Ministry.Holders["suspended"])), "revoked": w.As(official(w.Ministry.Holders["revoked"])), "never issued": w.As(official(w.Ministry.Holders["enrolled"])),
		"editor": w.As(w.Role(service.OfficeEditor, w.Ministry)), "registrar": w.As(w.Role(service.Registrar, w.Ministry)), "nobody": w.Client()} {
		for _, path := range paths {
			if status, _, body := w.Do(c, http.MethodGet, path, nil); status != http.StatusForbidden && status != http.StatusUnauthorized || bytes.Contains(body, []byte("Зразкова")) {
				t.Errorf("%s %s: %d", name, path, status)
			}
		}
	}
	h := w.Ministry.Holders["issued"]
	me := w.As(official(h))
	if status, _ := get(w, me, paths[0]); status != 200 {
		t.Fatalf("before: %d", status)
	}
	change(t, h, func(p *issuer.PostRow) { p.Status = hr.StatusDismissed })
	for _, path := range paths {
		if status, _, body := w.Do(me, http.MethodGet, path, nil); status != http.StatusForbidden || problemCode(t, body) != "office-no-id" {
			t.Errorf("after: %s: %d", path, status)
		}
	}
}

// TestLiveStatus: a page says what the register says at that moment, before the directory has heard of it; then the entry changes, too.
func TestLiveStatus(t *testing.T) {
	w, p := directoryWorld(t)
	ctx := t.Context()
	h, me := w.Ministry.Holders["second"], w.As(official(w.Ministry.Holders["issued"]))
	before, err := p.directory.Entry(ctx, seatOf(h))
	if err != nil || before.Status != office.StatusValid {
		t.Fatal(before, err)
	}
	if err := w.Ministry.Body.Body.Suspend(ctx, h.Row, issuer.Change{Ground: issuer.GroundCheck, At: w.Now(), Operator: "1"}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/office/people/" + before.UID, "/office/directory?q=zrazkova"} {
		if _, body := get(w, me, path); !strings.Contains(body, "посвідчення зупинено") || strings.Contains(body, "Службова особа зараз") {
			t.Errorf("%s does not know", path)
		}
	}
	if _, _, card := w.Do(me, http.MethodGet, "/office/people/"+before.UID+"/card.vcf", nil); !bytes.Contains(card, []byte("посвідчення зупинено")) {
		t.Errorf("card: %s", card)
	}
	w.Advance(time.Minute)
	if err := p.fillDirectory(ctx, w.Now()); err != nil {
		t.Fatal(err)
	}
	if e, err := p.directory.Entry(ctx, seatOf(h)); err != nil || e.Status != office.StatusSuspended || e.Seq <= before.Seq || !e.Changed.Equal(w.Now().Truncate(time.Second)) {
		t.Errorf("%+v %v", e, err)
	}
	// Nothing new is no work, and what nobody wrote down is seen with the day.
	seq, _ := p.directory.Seq(ctx, h.Body.EDRPOU)
	w.Advance(time.Minute)
	if err := p.fillDirectory(ctx, w.Now()); err != nil {
		t.Fatal(err)
	}
	if again, _ := p.directory.Seq(ctx, h.Body.EDRPOU); again != seq {
		t.Errorf("number %d after %d", again, seq)
	}
	w.Advance(5 * 365 * 24 * time.Hour)
	if err := p.fillDirectory(ctx, w.Now()); err != nil {
		t.Fatal(err)
	}
	if e, err := p.directory.Entry(ctx, seatOf(w.Ministry.Holders["issued"])); err != nil || e.Status != office.StatusNone {
		t.Errorf("years later: %+v %v", e, err)
	}
}

// TestWhoHasLeft: a person who leaves is gone from searching, cards and files; the page says since when, without contacts.
func TestWhoHasLeft(t *testing.T) {
	w, p := directoryWorld(t)
	ctx := t.Context()
	h, me := w.Ministry.Holders["second"], w.As(official(w.Ministry.Holders["issued"]))
	change(t, h, func(r *issuer.PostRow) { r.Record.WorkPhone = "(044) 111-22-33" })
	b, _ := w.Server.Body(h.Body.EDRPOU)
	if err := p.fillBody(ctx, b, w.Now()); err != nil {
		t.Fatal(err)
	}
	path := "/office/people/" + seatOf(h).UID()
	if _, body := get(w, me, path); !strings.Contains(body, "(044) 111-22-33") {
		t.Error("no phone before")
	}
	change(t, h, func(r *issuer.PostRow) { r.Status = hr.StatusDismissed })
	w.Advance(24 * time.Hour)
	if err := p.fillBody(ctx, b, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, body := get(w, me, path); status != 200 || !strings.Contains(body, "вже не працює") || strings.Contains(body, "(044)") || strings.Contains(body, "card.vcf") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(w, me, path+"/card.vcf"); status != 404 {
		t.Errorf("card: %d", status)
	}
	if _, body := get(w, me, "/office/directory?q=zrazkova"); !strings.Contains(body, "Знайдено: 0") {
		t.Error("found after leaving")
	}
	if _, body := get(w, me, "/office/directory?q=zrazkova&on=2026-11-20"); !strings.Contains(body, "Знайдено: 1") || !strings.Contains(body, "вже не на посаді") || strings.Contains(body, "(044)") {
		t.Errorf("as it was: %s", body)
	}
}

// denied are what no format may tell of a person: columns of the staff file, and the values that the small world has in them.
var denied = regexp.MustCompile(`(?i)rnokpp|рнокпп|unzr|унзр|birth|bday|народж|plastic|носі|staff_?number|табел|photo|світлин|rank|ранг|наказ|order_|katottg|katotth|entitlement|address|adr[;:]|0(?:1|8|9)\.0[359]\.19\d\d|\bЗР\d|ЗР 0`)

// TestOnlyWorkContactsLeave holds every format of the directory against what the law makes public to officials: nothing else of a
// person is in any of them, whatever the register knows.
func TestOnlyWorkContactsLeave(t *testing.T) {
	w, p := directoryWorld(t)
	h, me := w.Ministry.Holders["second"], w.As(official(w.Ministry.Holders["issued"]))
	change(t, h, func(r *issuer.PostRow) {
		r.Record.WorkPhone, r.Record.WorkEmail = "(044) 111-22-33", "Zrazkova@model.gov.ua"
	})
	b, _ := w.Server.Body(h.Body.EDRPOU)
	if err := p.fillBody(t.Context(), b, w.Now()); err != nil {
		t.Fatal(err)
	}
	var secrets []string
	if err := b.Store.View(t.Context(), func(tx issuer.Tx) error {
		row, err := tx.Post(h.Entitlement)
		secrets = []string{h.RNOKPP, h.StaffNumber, row.Record.BirthDate.UA(), row.Record.BirthDate.String(), row.Record.Plastic.Number, row.Record.PhotoSHA256.String(), h.Number}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/office/people/" + seatOf(h).UID(), "/office/people/" + seatOf(h).UID() + "/card.vcf", "/office/people/" + seatOf(h).UID() + "/card.vcf?version=4", "/office/directory?q=zrazkova",
		"/office/directory/file?q=zrazkova&format=vcard3", "/office/directory/file?q=zrazkova&format=vcard4", "/office/directory/file?q=zrazkova&format=csv", "/office/directory/file?q=zrazkova&format=json"} {
		status, head, raw := w.Do(me, http.MethodGet, path, nil, "Accept", "text/html")
		text := string(raw)
		if _, main, ok := strings.Cut(text, `<main id="main"`); ok {
			text, _, _ = strings.Cut(main, "</main>")
		} else {
			text = strings.ReplaceAll(text, "\r\n ", "") // folded lines
		}
		if status != 200 || !strings.Contains(text, "Зразкова") || !strings.Contains(text, "(044) 111-22-33") || !strings.Contains(text, "zrazkova@model.gov.ua") {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if found := denied.FindString(text); found != "" {
			t.Errorf("%s tells %q: %s", path, found, text)
		}
		for _, secret := range secrets {
			if secret != "" && regexp.MustCompile(`\b`+regexp.QuoteMeta(secret)+`\b`).MatchString(text) {
				t.Errorf("%s has %q", path, secret)
			}
		}
		if strings.Contains(path, ".vcf") || strings.Contains(path, "format=") {
			if !strings.HasPrefix(head.Get("Content-Disposition"), "attachment") || head.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", path, head)
			}
		}
	}
	// JSON has these names and no other.
	_, _, raw := w.Do(me, http.MethodGet, "/office/directory/file?format=json", nil)
	var file struct{ People []map[string]any }
	if err := json.Unmarshal(raw, &file); err != nil || len(file.People) != 16 {
		t.Fatal(len(file.People), err)
	}
	for _, one := range file.People {
		for name := range one {
			if !strings.Contains(" uid body surname given_name patronymic name_latin position position_en unit unit_en category phone email service_id page ", " "+name+" ") {
				t.Errorf("field %q", name)
			}
		}
	}
	if strings.Contains(w.Logs.String(), "Зразкова") || strings.Contains(w.Logs.String(), "zrazkova") {
		t.Error("the log names a person")
	}
}

// TestDownloadsAreLimited: a post downloads few files an hour; another post is not held up by it, and every answer is counted.
func TestDownloadsAreLimited(t *testing.T) {
	w, p := directoryWorld(t)
	me, other := w.As(official(w.Ministry.Holders["issued"])), w.As(official(w.Council.Holders["issued"]))
	file := "/office/directory/file?format=vcard4"
	for n := range downloads / downloadList {
		if status, _, raw := w.Do(me, http.MethodGet, file, nil); status != 200 {
			t.Fatalf("file %d: %d", n, status)
		} else if n == 0 {
			dec := vcard.NewDecoder(bytes.NewReader(raw))
			for range 16 {
				if _, err := dec.Decode(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, path := range []string{file, "/office/people/" + seatOf(w.Ministry.Holders["second"]).UID() + "/card.vcf"} {
		if status, _, body := w.Do(me, http.MethodGet, path, nil); status != 429 || problemCode(t, body) != "office-downloads" {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _, _ := w.Do(other, http.MethodGet, file, nil); status != 200 {
		t.Errorf("another's: %d", status)
	}
	if status, _ := get(w, me, "/office/directory"); status != 200 {
		t.Errorf("searching: %d", status)
	}
	w.Advance(11 * time.Minute)
	if status, _, _ := w.Do(me, http.MethodGet, file, nil); status != 200 {
		t.Errorf("later: %d", status)
	}
	metrics, err := w.Server.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(metrics)
	for _, want := range []string{"posvid_office_downloads_total", "refused", "vcard4"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if len(p.downloads.seat) != 2 {
		t.Errorf("%d posts are counted", len(p.downloads.seat))
	}
}

func upload(w *servicetest.World, c *http.Client, body string, file []byte) (int, http.Header, []byte) {
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	if file != nil {
		part, err := m.CreateFormFile("staffing", "розпис.csv")
		if err != nil {
			w.T.Fatal(err)
		}
		part.Write(file)
	}
	m.Close()
	return w.Do(c, http.MethodPost, "/b/"+body+"/office/staffing", &form, "Content-Type", m.FormDataContentType())
}

const staffingList = "Структурний підрозділ;Вищий підрозділ;Посада;Категорія;Кількість\n;;державний секретар;А;1\nДепартамент <b>прикладів</b>;;директор;Б;1\nВідділ прикладів;Департамент <b>прикладів</b>;головний спеціаліст;В;2,5\n"

// TestStaffingPages: an editor brings a list, looks at it, brings it into force; nobody else does, and a wrong list changes nothing.
func TestStaffingPages(t *testing.T) {
	w, _ := directoryWorld(t)
	editor, me := w.As(w.Role(service.OfficeEditor, w.Ministry)), w.As(official(w.Ministry.Holders["issued"]))
	base := "/b/99000011/office/staffing"
	for name, c := range map[string]*http.Client{"another body's editor": w.As(w.Role(service.OfficeEditor, w.Council)), "official": me, "registrar": w.As(w.Role(service.Registrar, w.Ministry)), "nobody": w.Client()} {
		if status, _, _ := upload(w, c, "99000011", []byte(staffingList)); status != 401 && status != 403 {
			t.Errorf("%s: %d", name, status)
		}
		for _, path := range []string{base + "/1/apply", "/b/99000011/office/contacts"} {
			if status, _, _ := post(w, c, path, nil); status != 401 && status != 403 {
				t.Errorf("%s %s: %d", name, path, status)
			}
		}
	}
	status, head, _ := upload(w, editor, "99000011", []byte(staffingList))
	at := head.Get("Location")
	if status != 303 || !strings.HasPrefix(at, base+"/") {
		t.Fatalf("%d %s", status, at)
	}
	if status, body := get(w, editor, at); status != 200 || !strings.Contains(body, "Що зміниться") || strings.Contains(body, "<b>") || !strings.Contains(body, "&lt;b&gt;") {
		t.Errorf("%d %s", status, body)
	}
	if _, body := get(w, me, "/office/directory/99000011/staffing"); !strings.Contains(body, "ще не завантажив") {
		t.Error("it took effect before it was applied")
	}
	if status, _, _ := post(w, w.As(w.Role(service.OfficeEditor, w.Council)), strings.Replace(at, "99000011", "99000028", 1)+"/apply", nil); status != 404 {
		t.Errorf("applied for another body: %d", status)
	}
	if status, head, _ := post(w, editor, at+"/apply", nil); status != 303 || !strings.HasSuffix(head.Get("Location"), "?done=applied") {
		t.Fatalf("apply: %d", status)
	}
	if _, body := get(w, me, "/office/directory/99000011/staffing"); !strings.Contains(body, `<strong id="vacant">3,5</strong>`) || strings.Contains(body, "<b>") {
		t.Errorf("%s", body)
	}
	if _, body := get(w, me, "/office/directory/99000011/chart"); strings.Contains(body, "<b>") || !strings.Contains(body, "вакантно: 2,5") && !strings.Contains(body, "вакантно: 1,5") {
		t.Errorf("%s", body)
	}
	for name, test := range map[string]struct {
		file []byte
		code string
		want int
	}{"none": {nil, "office-no-file", 422}, "empty": {[]byte{}, "office-no-file", 422}, "no table": {[]byte("\x00\x01"), "staffing-no-table", 422}, "no header": {[]byte("один;два\n"), "staffing-no-header", 422}, "large": {make([]byte, office.MaxStaffingBytes+1<<20), "too-large", 413}} {
		if status, _, body := upload(w, editor, "99000011", test.file); status != test.want || problemCode(t, body) != test.code {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	_, head, _ = upload(w, editor, "99000011", []byte("Посада;Кількість\nрадник;багато\n"))
	bad := head.Get("Location")
	if _, body := get(w, editor, bad); !strings.Contains(body, "Рядок 2: Кількість") || strings.Contains(body, `id="apply"`) {
		t.Errorf("%s", body)
	}
	if status, _, body := post(w, editor, bad+"/apply", nil); status != 409 || problemCode(t, body) != "office-staffing-stands" {
		t.Errorf("wrong list: %d", status)
	}
	for _, path := range []string{base + "/999", base + "/x"} {
		if status, _ := get(w, editor, path); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	// Contacts of the body.
	if status, _, _ := post(w, editor, "/b/99000011/office/contacts", url.Values{"phone": {"(044) 200-00-00"}, "email": {"Mail@Model.gov.ua"}}); status != 303 {
		t.Errorf("contacts: %d", status)
	}
	if _, body := get(w, me, "/office/directory/99000011"); !strings.Contains(body, "(044) 200-00-00") || !strings.Contains(body, "mail@model.gov.ua") {
		t.Error("contacts are not shown")
	}
	for _, form := range []url.Values{{"email": {"a@b"}}, {"email": {"a b@c.ua"}}, {"email": {"<a@b.ua>"}}, {"phone": {"=1+1"}}, {"phone": {"javascript"}}} {
		if status, _, body := post(w, editor, "/b/99000011/office/contacts", form); status != 422 || problemCode(t, body) != "office-contacts" {
			t.Errorf("%v: %d", form, status)
		}
	}
}

// TestDirectoryInABrowser holds the pages of the directory to WCAG 2.1 AA and to 320 px, with a hostile name in
// every field, and searches as a person does.
func TestDirectoryInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a browser looks at the directory")
	}
	w, p := directoryWorld(t, func(c *service.Config) { c.Dev = true })
	ctx := context.Background()
	nasty := `"><script>document.title="owned"</script><img src=x onerror="document.title='owned'">`
	b, _ := w.Server.Body("99000011")
	change(t, w.Ministry.Holders["second"], func(r *issuer.PostRow) {
		v := &r.Record
		v.GivenName, v.Patronymic, v.Position, v.PositionEN, v.Unit, v.UnitEN, v.WorkPhone, v.WorkEmail = nasty, nasty, nasty, nasty, nasty, nasty, nasty, nasty
	})
	if err := p.fillBody(ctx, b, w.Now()); err != nil {
		t.Fatal(err)
	}
	l, err := p.directory.AddStaffing(ctx, "99000011", []byte(strings.ReplaceAll(staffingList, "директор", strings.Repeat("довжелезнапосада", 6))), w.Now())
	if err == nil {
		err = p.directory.ApplyStaffing(ctx, "99000011", l.ID, w.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.directory.AddStaffing(ctx, "99000011", []byte("Посада;Кількість\nрадник;1\n"), w.Now()); err != nil {
		t.Fatal(err)
	}
	account := w.Account("Вигаданець Зразок", service.Grant{Role: service.Holder, Body: "99000011", Entitlement: w.Ministry.Holders["issued"].Entitlement}, service.Grant{Role: service.OfficeEditor, Body: "99000011"})
	browser := webtest.Start(t, webtest.Options{})
	page := browser.Page(t)
	page.Open(w.URL + "/")
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range w.LogIn(account, false).Jar.Cookies(at) {
		webtest.Eval[bool](page, fmt.Sprintf(`(document.cookie = %q, true)`, c.Name+"="+c.Value+"; path=/"))
	}
	uid := seatOf(w.Ministry.Holders["second"]).UID()
	for _, one := range []struct{ name, path string }{{"directory", "/office/directory"}, {"body", "/office/directory/99000011"}, {"unit", "/office/directory/99000011/unit?name=" + url.QueryEscape("Відділ зразків")}, {"chart", "/office/directory/99000011/chart"},
		{"staffing-list", "/office/directory/99000011/staffing"}, {"person", "/office/people/" + uid}, {"staffing", "/b/99000011/office/staffing"}, {"staffing-load", "/b/99000011/office/staffing/2"}} {
		page.Open(w.URL + one.path)
		page.WaitVisible("main h1")
		if title := webtest.Eval[string](page, `document.title`); title == "owned" {
			t.Fatalf("%s ran a script out of a name", one.name)
		}
		page.Accessible(one.name)
		page.Size(320, 640)
		if wide := page.Overflow(); wide > 0 {
			t.Errorf("%s: %d px wider than a window of 320 px", one.name, wide)
		}
		page.Size(1280, 900)
	}
	page.Open(w.URL + "/office/directory")
	page.Set("#q", "vyhadanets")
	page.Click("#search-send")
	page.WaitVisible(`#q[value="vyhadanets"]`)
	if got := page.Text("#found"); !strings.Contains(got, "2") {
		t.Errorf("found: %q", got)
	}
	page.Click("#people a")
	page.WaitVisible("#live.good")
	if got := page.Text("#live"); !strings.Contains(got, "Службова особа зараз") {
		t.Errorf("live: %q", got)
	}
}

// ODR-10: a body that this service does not serve any more has nobody in the directory, whatever was filled in before.
func TestBodyThatWasTakenAway(t *testing.T) {
	w := servicetest.New(t)
	d, err := office.OpenDirectory(t.Context(), w.Server.Store.Office())
	if err != nil {
		t.Fatal(err)
	}
	gone := office.BodyEntry{EDRPOU: "99000036", Name: "Вигаданий орган"}
	if _, err := d.Fill(t.Context(), gone, []office.PostEntry{{Post: 1, Surname: "Колишня", Given: "Особа", Position: "радниця", Status: office.StatusValid}}, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	if err := Mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()}); err != nil {
		t.Fatal(err)
	}
	w.Start()
	if e, err := d.Entry(t.Context(), office.Seat{Body: gone.EDRPOU, Post: 1}); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("%v %v, want nobody", e.Status, err)
	}
	_, _, page := w.Do(w.As(official(w.Ministry.Holders["issued"])), "GET", "/office/directory?q=Колишня", nil)
	if strings.Contains(string(page), "Колишня Особа") {
		t.Error("found")
	}
}
