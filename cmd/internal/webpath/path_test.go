package webpath

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/web/webtest"
)

const demoPassphrase = "demo" // of every key in the demo's folder

// staffFile writes the ministry's staff as of a day, as a full file with its photos, and answers the names of both.
func staffFile(t *testing.T, name string, asOf hr.Date, records []hr.Record) (staff, photos string) {
	t.Helper()
	data, err := hrdata.XLSX(hrdata.MinistryEDRPOU, asOf, records)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := hrdata.PhotosZIP(records)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, name+".xlsx", data), file(t, name+"-photos.zip", zip)
}

// load sends a staff file as the registrar and signs its plan; hash is what the page says the plan's SHA-256 is.
func (s *site) load(p *webtest.Page, staff, photos string, rows int) (page, hash string) {
	s.t.Helper()
	s.logIn(p, registrar, "/b/"+ministry+"/staff")
	p.Click("#full")
	p.Set("#total", fmt.Sprint(rows))
	p.Upload("#staff", staff)
	p.Upload("#photos", photos)
	p.Click("#upload-send")
	p.WaitVisible("#sign")
	hash = p.Text("#plan-hash")
	page = webtest.Eval[string](p, "location.pathname")
	return page, hash
}

// sign signs the plan that is shown, as its author or as the second person.
func sign(p *webtest.Page, part string) {
	p.Type("#"+part+" [name=passphrase]", demoPassphrase)
	p.Click("#" + part + "-send")
}

// TestFromFileToVerdict goes the whole way: a staff file, two operators, a slip on paper, a phone, a camera that sees the phone's
// screen, the word of the verdict; then the same with the service dead; then a dismissal that reaches the guard.
func TestFromFileToVerdict(t *testing.T) {
	s := start(t)
	office := webtest.Start(t, webtest.Options{})
	staff := hrdata.Ministry(2)
	newcomer := staff[40]
	newcomer.Surname, newcomer.GivenName, newcomer.Patronymic, newcomer.SurnameLatin, newcomer.GivenNameLatin = "Новоприбула", "Соломія", "Остапівна", "", ""
	newcomer.BirthDate = hr.Date{Year: 1901, Month: 5, Day: 6}
	newcomer.RNOKPP, newcomer.UNZR = complete(t, newcomer.BirthDate)
	newcomer.StaffNumber, newcomer.Plastic.Number, newcomer.Plastic.CarrierNumber, newcomer.PhotoRef = "7777", "007777", "0477777777777777", ""
	hired := append(slices.Clone(staff), newcomer)
	today := hr.DateInKyiv(time.Now())

	// The registrar sees what the file would change before anything happens, and signs.
	p := office.Page(t)
	file1, photos := staffFile(t, "staff", today.AddDays(-1), hired)
	page, hash := s.load(p, file1, photos, len(hired))
	p.Accessible("plan")
	p.Picture(root, "registrar-plan")
	p.Click("#lists a:last-child")
	p.WaitVisible("#items")
	if text := p.Text("#items"); !strings.Contains(text, "Новоприбула Соломія Остапівна") {
		t.Errorf("the plan does not show who joins:\n%s", text)
	}
	sign(p, "sign")
	p.WaitVisible("#report")
	if webtest.Eval[bool](p, `!!document.querySelector("#held")`) {
		// The second person sees the same plan.
		s.logIn(p, approver, page)
		if got := p.Text("#plan-hash"); got != hash {
			t.Errorf("the second person signs SHA-256 %s, the author signed %s", got, hash)
		}
		sign(p, "approve")
		p.Wait("the plan is done", `!document.querySelector("#held") && !document.querySelector("#busy")`)
	}

	// The slip: paper with a QR that opens the wallet page.
	s.logIn(p, registrar, "/b/"+ministry+"/slips")
	p.Set("#q", "Новоприбула")
	p.Click("#search-send")
	p.WaitText("#slips", "Новоприбула")
	p.Click("#slips [name=for]")
	p.Click("#slips-send")
	p.WaitVisible("[data-slip-code]")
	p.Accessible("slips to print")
	p.Picture(root, "registrar-slip")
	p.Size(600, 1200) // two device pixels for each
	found, err := qr.ReadImage(p.Screenshot(), qr.ReadOptions{})
	if err != nil {
		t.Fatalf("the slip's QR is not read from the page: %v", err)
	}
	link := found[0].Text
	if !strings.HasPrefix(link, s.URL+"/wallet/#slip=") {
		t.Fatalf("the slip's QR says %.60q, want the wallet page", link)
	}

	// The phone: the link is opened, the holder agrees, the code is there.
	holder := webtest.Start(t, webtest.Options{})
	w := phone{holder.Page(t), t}
	w.Size(390, 844)
	w.Open(link)
	w.WaitVisible("form button[type=submit]")
	if at := webtest.Eval[string](w.Page, "location.href"); strings.Contains(at, strings.Split(link, ".")[2]) {
		t.Error("the slip's code stays in the address bar")
	}
	w.Click("form button[type=submit]")
	w.shown(0)
	w.Picture(root, "wallet-newcomer")

	// The guard: the camera sees the phone's screen.
	eye := newEye(t)
	eye.see(w.screen())
	guards := webtest.Start(t, webtest.Options{Camera: eye.file})
	g := guards.Page(t)
	g.Open(s.URL + "/verify/")
	_, about := s.Get("/api/v1/bodies")
	var bodies struct{ Root string }
	if err := json.Unmarshal(about, &bodies); err != nil || bodies.Root == "" {
		t.Fatalf("bodies: %v in %s", err, about)
	}
	g.Set("#pin", bodies.Root)
	g.Click("#pin-compared")
	g.Click("#pin-go")
	g.WaitText("#as-of", "Набір довіри")
	look := func(outcome string) string {
		t.Helper()
		// Whatever is left of an earlier look is taken away; the camera is opened anew, as its file changed.
		webtest.Eval[bool](g, `(() => { document.querySelector("#actions button")?.click(); return true; })()`)
		if webtest.Eval[bool](g, `!!document.querySelector("#video").srcObject`) {
			g.Click("#camera-toggle")
			g.Wait("the camera is off", `!document.querySelector("#video").srcObject`)
		}
		g.Click("#camera-toggle")
		g.Wait("the outcome "+outcome, fmt.Sprintf(`document.querySelector("#verdict").dataset.outcome === %q`, outcome))
		return g.Text("#verdict")
	}
	if said := look("accept"); !strings.Contains(said, "ЧИННЕ") || !strings.Contains(said, "Новоприбула") {
		t.Errorf("the guard reads:\n%s", said)
	}
	g.Accessible("verdict from the camera")
	g.Picture(root, "verify-camera-accept")

	// The service is dead and the network is off: a new code, the same word.
	s.Kill()
	w.worker()
	for _, p := range []*webtest.Page{w.Page, g} {
		p.Allow("Failed to load resource", "ERR_INTERNET_DISCONNECTED", "ERR_CONNECTION_REFUSED")
		p.Offline(true)
		p.Reload()
	}
	w.shown(0)
	g.WaitText("#as-of", "Набір довіри")
	eye.see(w.screen())
	if said := look("accept"); !strings.Contains(said, "ЧИННЕ") {
		t.Errorf("with the service dead the guard reads:\n%s", said)
	}
	g.Picture(root, "verify-camera-offline")

	// posvid-verify reads the same screen, from a file.
	state := filepath.Join(s.Dir, "checkpoint")
	s.Again()
	for _, p := range []*webtest.Page{w.Page, g} {
		p.Offline(false)
	}
	status, bundle := s.Get("/api/v1/bundle")
	if status != http.StatusOK {
		t.Fatalf("bundle: HTTP %d", status)
	}
	if out, exit := s.Verify(state, "bundle", "install", file(t, "bundle.sidb", bundle)); exit != 0 {
		t.Fatalf("bundle install: exit %d\n%s", exit, out)
	}
	w.nextCode()
	if out, exit := s.Verify(state, "qr", file(t, "screen.png", w.screenshot())); exit != 0 || !strings.Contains(out, "ЧИННЕ") {
		t.Errorf("posvid-verify on the phone's screen: exit %d\n%s", exit, out)
	}

	// The next file dismisses her. Nobody but the registrar signs, and the guard is told.
	for i := range hired {
		if hired[i].Surname == "Новоприбула" {
			hired[i].Status, hired[i].Ground, hired[i].OrderNumber, hired[i].OrderDate = hr.StatusDismissed, hr.GroundDismissal, "77-к", today
		}
	}
	file2, photos := staffFile(t, "dismissal", today, hired)
	s.load(p, file2, photos, len(hired))
	_, before := s.Get("/api/v1/bundle")
	sign(p, "sign")
	p.WaitText("#report", "посвідчень анульовано: 1")
	for deadline := time.Now().Add(webtest.Term); ; time.Sleep(100 * time.Millisecond) {
		if _, now := s.Get("/api/v1/bundle"); !bytes.Equal(now, before) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the service publishes no bundle after a dismissal")
		}
	}
	const number = `Number(/№ (\d+)/.exec(document.querySelector("#as-of").textContent)[1])`
	held := webtest.Eval[int](g, number)
	g.Wait("a newer bundle on the guard's device", fmt.Sprintf(`(document.querySelector("#update").click(), new Promise(r => setTimeout(() => r(%s > %d), 1000)))`, number, held))
	w.nextCode()
	eye.see(w.screen())
	if said := look("refuse"); !strings.Contains(said, "ВІДХИЛЕНО") || !strings.Contains(said, "анульовано") {
		t.Errorf("after the dismissal the guard reads:\n%s", said)
	}
	g.Picture(root, "verify-camera-refuse")
}

// complete makes numbers for somebody born that day.
func complete(t *testing.T, born hr.Date) (rnokpp, unzr string) {
	t.Helper()
	rnokpp, err := hr.CompleteRNOKPP(born, 777, false)
	if err != nil {
		t.Fatal(err)
	}
	if unzr, err = hr.CompleteUNZR(born, 7777); err != nil {
		t.Fatal(err)
	}
	return rnokpp, unzr
}

// eye is a camera's file that is written anew while the browser runs; it is read when the camera is switched on.
type eye struct {
	t    *testing.T
	file string
}

func newEye(t *testing.T) *eye {
	return &eye{t, filepath.Join(t.TempDir(), "camera.y4m")}
}

// see points the camera at a picture.
func (e *eye) see(picture image.Image) {
	e.t.Helper()
	if err := os.Rename(webtest.CameraFile(e.t, 3, picture), e.file); err != nil {
		e.t.Fatal(err)
	}
}

// screenshot is the phone's screen with the code.
func (p phone) screenshot() []byte {
	p.t.Helper()
	p.Do("scrollTo(0, 0)")
	return p.Screenshot()
}

// screen is the screenshot as a camera's subject.
func (p phone) screen() image.Image { p.t.Helper(); return picture(p.t, p.screenshot()) }

// nextCode has the phone make a code that was not shown before, by opening the page anew.
func (p phone) nextCode() {
	p.t.Helper()
	p.Reload()
	p.shown(0)
}
