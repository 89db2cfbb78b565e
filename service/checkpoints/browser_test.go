package checkpoints

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/web/webtest"
)

// An administrator makes a checkpoint, shows its code, compares the key and signs a policy in a browser; every page of this part can be
// used by everybody.
func TestPagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: drives a browser")
	}
	w := newWorld(t)
	centre := w.admitted("Охорона")
	old := w.admitted("Старий вхід")
	w.again()
	body := w.Ministry.EDRPOU
	admin := w.Account("Адміністратор органу", service.Grant{Role: service.BodyAdmin, Body: body}, service.Grant{Role: service.CheckpointOperator, Body: body}, service.Grant{Role: service.TrustOperator})
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := webtest.Start(t, webtest.Options{})
	p := b.Page(t)
	p.Open(w.URL + OnboardPath)
	for _, c := range w.LogIn(admin, true).Jar.Cookies(at) {
		webtest.Eval[string](p, `document.cookie = "`+c.Name+`=`+c.Value+`; path=/"`)
	}
	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			p.Scheme(scheme)
			p.Accessible(name + ", " + scheme)
		}
		p.Scheme("light")
		p.Picture("../..", "page-"+name)
		p.Size(390, 844)
		p.Picture("../..", "page-"+name+"-phone")
		p.Size(320, 640)
		if wide := p.Overflow(); wide > 0 {
			t.Errorf("%s: %d px wider than a window of 320 px", name, wide)
		}
		p.TabsThrough(name)
		p.Size(1280, 900)
	}
	choose := func(css, value string) {
		t.Helper()
		if got := webtest.Eval[string](p, `(() => { const e = document.querySelector("`+css+`"); e.value = "`+value+`"; return e.value })()`); got != value {
			t.Fatalf("%s does not offer %s", css, value)
		}
	}
	look("checkpoint-onboard")
	p.Open(w.URL + "/b/" + body + "/checkpoints")
	p.Type("#name", "Вхід № 1")
	p.Type("#place", "вул. Вигадана, 1")
	p.Click("#make")
	p.WaitVisible("#code")
	path := webtest.Eval[string](p, `location.pathname`)
	p.Click("#code")
	p.WaitVisible("#link")
	look("checkpoint-code")
	link := webtest.Eval[string](p, `document.querySelector("#link").textContent`)
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{w: w, key: newKey(t), path: path}
	if status, code := w.handIn(u.Fragment, w.request(d.key, body, "Вхід № 1", trust.ClassCheckpoint, w.Now())); status != http.StatusOK {
		t.Fatalf("hand in: %d %s", status, code)
	}
	p.Click("#back")
	p.WaitText("#fingerprint", Fingerprint(d.key.VerifierPublic().Thumbprint()))
	look("checkpoint-waiting")
	p.Click("#confirm")
	p.WaitVisible("#request")
	p.Open(w.URL + "/operator/checkpoints")
	look("checkpoint-operator")
	p.Click(`button[id^="admit-"]`)
	p.WaitVisible("#none")
	if err := w.Trust.Publish(t.Context(), w.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Second)
	status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint", nil)
	var answer struct{ Verifier uint64 }
	if err := json.Unmarshal(data, &answer); err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	counts := `{"shifts":[{"guard":"Коваль Оксана","shift":"2026-11-20 10:00","first":"2026-11-20T08:00:00Z","last":"2026-11-20T08:50:00Z","counts":[{"verdict":"accept","code":"ok","photo":"matched","n":41},{"verdict":"cannot-confirm","code":"clock-differs","photo":"","n":3},{"verdict":"refuse","code":"expired","photo":"","n":1}]}]}`
	if status, _, data := d.do(http.MethodPost, "/api/v1/checkpoint/shifts", []byte(counts), "Content-Type", "application/json"); status != http.StatusOK {
		t.Fatalf("shifts: %d %s", status, data)
	}
	p.Open(w.URL + path)
	p.Type("#guard", "Коваль Оксана")
	choose("#account", strconv.FormatInt(admin, 10))
	p.Click("#add-guard")
	p.WaitVisible("#guards")
	choose("#level", "3")
	p.Type("#status", "12")
	p.Click("#photo")
	p.Click("#named")
	choose("#journal", strconv.FormatUint(centre.id, 10))
	p.Click("#sign")
	p.WaitText("#policy-number", "2026112001")
	look("checkpoint")
	if q := d.policy(); q.MinLevel != 3 || q.StatusAge != 12*time.Hour || !q.Photo || len(q.Guards) != 1 || q.JournalTo != centre.id {
		t.Errorf("signed: %+v", q)
	}
	p.Open(w.URL + "/b/" + body + "/checkpoints/photos")
	look("checkpoint-photos")
	p.Open(w.URL + "/b/" + body + "/shift")
	p.Click(`button[id^="begin-"]`)
	p.WaitVisible(`button[id^="end-"]`)
	look("checkpoint-shift")
	p.Open(w.URL + old.path)
	p.Type("#why", "загублено")
	p.Click("#stop")
	p.WaitText("#state", "зупинено")
	p.Open(w.URL + "/b/" + body + "/checkpoints")
	look("checkpoint-list")
}
