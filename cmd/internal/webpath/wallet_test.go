package webpath

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/web/webtest"
)

const (
	ministry = "99000011" // of the demo
	taras    = "ГТ004022"
	second   = "ГТ004005"
)

// slip is an enrolment slip as it is printed.
type slip struct{ number, code, stop string }

var (
	slipNumber = regexp.MustCompile(`№ 0*([0-9]+)`)
	slipCodes  = regexp.MustCompile(`[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}`)
)

// slip prints a slip for the new phone of an ID's holder, while nothing serves.
func (s *site) slip(number string) slip {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "slip.txt")
	s.Posvid("slips", "--body", ministry, "--as", "1", "--new-phone", number, "-o", file)
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	codes := slipCodes.FindAllString(string(text), -1)
	if len(codes) != 2 {
		s.t.Fatalf("%d codes on the slip, want 2", len(codes))
	}
	return slip{slipNumber.FindStringSubmatch(string(text))[1], codes[0], codes[1]}
}

// phone is the wallet page in a window of a phone's size.
type phone struct {
	*webtest.Page
	t *testing.T
}

func openPhone(t *testing.T, b *webtest.Browser, s *site, scripts ...string) phone {
	t.Helper()
	p := phone{b.Page(t), t}
	p.Size(390, 844)
	for _, script := range scripts {
		p.Before(script)
	}
	p.Open(s.URL + "/wallet/")
	return p
}

// Do evaluates for its effect.
func (p phone) Do(script string) {
	webtest.Eval[string](p.Page, "(async () => String(await ("+script+")))()")
}

// replace types a text into an empty field.
func (p phone) replace(css, text string) {
	p.t.Helper()
	p.WaitVisible(css)
	p.Do(fmt.Sprintf("document.querySelector(%q).value = ''", css))
	p.Type(css, text)
}

// Go goes to a page of the wallet.
func (p phone) Go(hash string) {
	p.Do(fmt.Sprintf("location.hash = %q", hash))
	p.Wait("page "+hash, fmt.Sprintf("location.hash.slice(1) === %q", hash))
}

// enrol types a slip into the page.
func (p phone) enrol(body string, s slip) {
	p.Go("add")
	p.WaitVisible("#code")
	p.Wait("the bodies of the service", fmt.Sprintf(`document.querySelector('#body option[value="%s"]')`, body))
	p.Do(fmt.Sprintf("document.querySelector('#body').value = %q", body))
	p.replace("#code", s.code)
	p.Do(`(document.querySelector("#compared") || {}).checked = true`)
	p.Click("form button[type=submit]")
}

// shown waits for a code that was made after a time in milliseconds, and is when it was made.
func (p phone) shown(after int64) int64 {
	p.t.Helper()
	p.Wait("a code on the screen", fmt.Sprintf("Number((document.querySelector('.frame canvas[data-issued]') || {dataset: {issued: 0}}).dataset.issued) > %d", after))
	return webtest.Eval[int64](p.Page, "Number(document.querySelector('.frame canvas').dataset.issued)")
}

// read finds the code in a screenshot.
func (p phone) read() (text string, png []byte) {
	p.t.Helper()
	p.Do("scrollTo(0, 0)")
	png = p.Screenshot()
	found, err := qr.ReadImage(png, qr.ReadOptions{CleanOnly: true})
	if err != nil {
		p.t.Fatalf("no code is read from the screenshot: %v", err)
	}
	return found[0].Text, png
}

// blank tells whether the code's canvas shows nothing at all.
func (p phone) blank() bool {
	return webtest.Eval[bool](p.Page, `(() => {
		const c = document.querySelector(".frame canvas");
		if (!c) return true;
		const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		return d.every((v) => v === 255);
	})()`)
}

// file writes bytes beside the test.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkpoint brings the demo's checkpoint the service's bundle.
func (s *site) checkpoint() string {
	s.t.Helper()
	status, bundle := s.Get("/api/v1/bundle")
	if status != http.StatusOK {
		s.t.Fatalf("bundle: HTTP %d", status)
	}
	state := filepath.Join(s.Dir, "checkpoint")
	if out, exit := s.Verify(state, "bundle", "install", file(s.t, "bundle.sidb", bundle)); exit != 0 {
		s.t.Fatalf("bundle install: exit %d\n%s", exit, out)
	}
	return state
}

// worker waits until the page opens without a network.
func (p phone) worker() {
	p.t.Helper()
	p.Wait("files kept for work without a network", `await (async () => Boolean(navigator.serviceWorker.controller) && Boolean(await (await caches.open("posvid-wallet")).match("/current")))()`)
}

// TestWalletPage is the way of one holder, from the slip to the end of the ID.
func TestWalletPage(t *testing.T) {
	s := start(t)
	s.Kill()
	paper, other := s.slip(taras), s.slip(second)
	s.Again()
	// The camera sees the second slip.
	_, known := s.Get("/api/v1/bodies")
	var service struct{ Root string }
	if err := json.Unmarshal(known, &service); err != nil {
		t.Fatal(err)
	}
	link := func(root string) string {
		return strings.Join([]string{s.URL + "/wallet/#slip=" + ministry, other.number, strings.ReplaceAll(other.code, "-", ""), strings.ReplaceAll(root, " ", "")}, ".")
	}
	b := webtest.Start(t, webtest.Options{Camera: webtest.CameraFile(t, 10, symbol(t, link(service.Root)))})
	p := openPhone(t, b, s)
	p.WaitVisible("main h1")
	p.Accessible("welcome")
	p.Picture(root, "wallet-welcome")

	p.Go("add")
	p.WaitVisible("#code")
	p.Accessible("enrolment")
	p.Picture(root, "wallet-enrol")
	// A code that is none costs nothing; a wrong one is refused in the service's words.
	p.enrol(ministry, slip{code: "7K3M-0QZW"})
	p.WaitText("[role=alert]", "16 знаків")
	p.Do("document.querySelector('[role=alert]').replaceChildren()")
	p.Allow("status of 4") // the browser's own words about refusals
	p.enrol(ministry, slip{code: "7K3M-0QZW-8A5T-XN2D"})
	p.WaitText("[role=alert]", "Код не прийнято")
	if kept := records(p); kept != 0 {
		t.Errorf("%d wallets are kept after a refused code, want none", kept)
	}

	// Typed as people do: small letters, spaces, on the Ukrainian layout where letters look alike.
	typed := strings.NewReplacer("-", " ", "A", "а", "C", "с", "E", "е", "H", "Н", "K", "к", "M", "м", "T", "т", "X", "х", "P", "р").Replace(paper.code)
	p.enrol(ministry, slip{code: strings.ToLower(typed)})
	first := p.shown(0)
	p.Accessible("code")
	p.Picture(root, "wallet-code")
	p.Scheme("dark")
	p.Accessible("code, dark")
	p.Picture(root, "wallet-code-dark")
	if text, _ := p.read(); !strings.HasPrefix(text, "SID1:") {
		t.Error("the code in the dark theme is another")
	}
	p.Go("about")
	p.WaitText("main", "Корінь довіри")
	p.Accessible("about, dark")
	p.Scheme("light")
	p.Accessible("about")
	p.Picture(root, "wallet-about")
	p.Size(320, 568)
	p.Go("")
	p.shown(0)
	p.Accessible("code, 320 px")
	p.TabsThrough("code, 320 px")
	p.Size(390, 844)
	text, png := p.read()
	state := s.checkpoint()
	if out, exit := s.Verify(state, "qr", file(t, "screen.png", png)); exit != 0 || !strings.Contains(out, "ЧИННЕ") {
		t.Errorf("posvid-verify on the screenshot: exit %d, want 0\n%s", exit, out)
	}
	p.Click("input[value=full]")
	p.shown(first - 1)
	p.Wait("the code of the other face", "document.querySelector('#face-hint').textContent.includes('посаду')")
	long, _ := p.read()
	if len(long) <= len(text) {
		t.Errorf("the full face has %d characters, the short one %d", len(long), len(text))
	}

	t.Run("ring", func(t *testing.T) {
		if moves := webtest.Eval[bool](p.Page, `(async () => {
			const at = () => document.querySelector(".frame .ring").getAttribute("stroke-dashoffset");
			const before = at();
			await new Promise((y) => setTimeout(y, 500));
			return at() !== before;
		})()`); !moves {
			t.Error("the ring stands still for half a second")
		}
	})

	t.Run("key", func(t *testing.T) {
		got := webtest.Eval[string](p.Page, `(async () => {
			const db = await new Promise((y, n) => { const r = indexedDB.open("posvid-wallet"); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
			const all = await new Promise((y, n) => { const r = db.transaction("wallets").objectStore("wallets").getAll(); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
			db.close();
			const tries = [];
			for (const form of ["jwk", "pkcs8", "raw"]) {
				try { await crypto.subtle.exportKey(form, all[0].key); tries.push(form + " came out"); } catch (e) { tries.push(e.name); }
			}
			return [all.length, all[0].key.extractable, all[0].key.type, all[0].key.algorithm.namedCurve, ...tries].join(" ");
		})()`)
		if want := "1 false private P-256 InvalidAccessError InvalidAccessError InvalidAccessError"; got != want {
			t.Errorf("the key in the store: %s; want %s", got, want)
		}
	})

	t.Run("change", func(t *testing.T) {
		before := p.shown(0)
		// The clock jumps to the next half minute: what was shown is gone at the next look, and another code comes.
		p.Do("Date.now = ((was) => () => was() + 30000)(Date.now)")
		p.Wait("the old code is gone", fmt.Sprintf("(document.querySelector('.frame canvas').dataset.issued || '0') !== '%d'", before))
		p.shown(before)
		if next, _ := p.read(); next == long {
			t.Error("the same code is shown after half a minute")
		}
		// The clock is set back: a code of times to come is not shown on.
		p.Do("Date.now = ((was) => () => was() - 20000)(Date.now)")
		p.Wait("the code of the future is gone", "Number((document.querySelector('.frame canvas[data-issued]') || {dataset: {issued: 1e15}}).dataset.issued) < Date.now() + 1500")
	})

	t.Run("hidden", func(t *testing.T) {
		p.Reload()
		p.shown(0)
		p.Do(`Object.defineProperty(document, "hidden", {value: true, configurable: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
		if !p.blank() {
			t.Error("a hidden page keeps its code")
		}
		p.Do(`Object.defineProperty(document, "hidden", {value: false, configurable: true}) && document.dispatchEvent(new Event("visibilitychange"))`)
		p.shown(0)
	})

	t.Run("offline", func(t *testing.T) {
		p.worker()
		s.Kill()
		p.Offline(true)
		p.Allow("Failed to load resource", "ERR_INTERNET_DISCONNECTED")
		began := time.Now().UnixMilli()
		p.Reload()
		p.shown(began - 1000)
		t.Log(webtest.Eval[string](p.Page, `["first-contentful-paint", "posvid-code"].map((n) => n + " " + Math.round(performance.getEntriesByName(n)[0].startTime) + " ms").join(", ")`))
		text, png := p.read()
		if out, exit := s.Verify(state, "qr", file(t, "offline.png", png)); exit != 0 {
			t.Errorf("posvid-verify on a code made without a network: exit %d, want 0\n%s", exit, out)
		}
		if !strings.HasPrefix(text, "SID1:") {
			t.Errorf("the code has %d characters and another prefix", len(text))
		}
		p.Go("online")
		p.Click("#make")
		p.WaitText("[role=alert]", "потребує мережі")
		// The camera's reader is kept too.
		p.Go("add")
		p.Click("main button")
		p.Wait("a slip read without a network", `document.querySelector("#live").textContent.includes("Талон прочитано")`)
		p.Go("")
		p.Offline(false)
		s.Again()
	})

	t.Run("question", func(t *testing.T) {
		picture := filepath.Join(t.TempDir(), "question.png")
		if out, exit := s.Verify(state, "--passphrase-file", filepath.Join(s.Dir, "passphrase.txt"), "challenge", "--png", picture); exit != 0 {
			t.Fatalf("posvid-verify challenge: exit %d\n%s", exit, out)
		}
		data, err := os.ReadFile(picture)
		if err != nil {
			t.Fatal(err)
		}
		found, err := qr.ReadImage(data, qr.ReadOptions{CleanOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		p.Go("ask")
		p.WaitVisible("#question")
		for text, want := range map[string]string{"https://example.org/": "не запит", found[0].Text[:len(found[0].Text)-3]: "", "SID1:ABC": "не запит"} {
			p.replace("#question", text)
			p.Click("form button[type=submit]")
			p.WaitText("[role=alert] .notice", want)
		}
		p.Accessible("question")
		p.replace("#question", found[0].Text)
		p.Click("form button[type=submit]")
		p.WaitVisible("#answer")
		p.Accessible("who asks")
		p.Picture(root, "wallet-question")
		if _, err := qr.ReadImage(p.Screenshot(), qr.ReadOptions{CleanOnly: true}); err == nil {
			t.Error("a code is on the screen before the holder agreed")
		}
		p.Click("#answer")
		p.shown(0)
		_, png := p.read()
		p.Picture(root, "wallet-answer")
		if out, exit := s.Verify(state, "qr", file(t, "answer.png", png)); exit != 0 {
			t.Errorf("posvid-verify on the answer: exit %d, want 0\n%s", exit, out)
		}
	})

	t.Run("second", func(t *testing.T) {
		// The slip's QR code opens the page at the enrolment; the code does not stay in the address.
		p.Go("")
		p.Do(fmt.Sprintf("location.hash = %q", strings.SplitN(link(strings.Repeat("B", 51)+"A"), "#", 2)[1]))
		taken := `location.hash === "#add" && document.querySelector("#code") && document.querySelector("#code").value !== ""`
		p.Wait("the slip is taken", taken)
		// Another root on the slip than the service has: refused before the code is used up.
		p.Click("form button[type=submit]")
		p.WaitText("[role=alert]", "інший корінь довіри")
		// By camera, with the right one.
		p.Reload()
		p.WaitVisible("#code")
		p.Click("main button")
		p.Wait("the slip is read", taken)
		p.Click("form button[type=submit]")
		p.Wait("two IDs", `document.querySelectorAll(".ids button").length === 2`)
		p.shown(0)
		p.Accessible("two IDs")
		p.Picture(root, "wallet-two")
		names := map[string]bool{}
		for i := range 2 {
			p.Click(fmt.Sprintf(".ids button:nth-child(%d)", i+1))
			p.shown(0)
			names[p.Text(".person .name")] = true
		}
		if len(names) != 2 {
			t.Errorf("the two IDs show %d names, want 2", len(names))
		}
		if kept := records(p); kept != 2 {
			t.Errorf("%d wallets are kept, want 2", kept)
		}
	})

	t.Run("online", func(t *testing.T) {
		p.choose(taras)
		p.Go("online")
		p.Click("#make")
		p.WaitVisible(".digits")
		p.Accessible("one-time code")
		p.Picture(root, "wallet-online")
		if got := p.Text(".timer"); !regexp.MustCompile(`^Код діятиме ще (3:00|2:5[0-9])$`).MatchString(got) {
			t.Errorf("the timer says %q", got)
		}
		digits := strings.ReplaceAll(p.Text(".digits"), " ", "")
		found, err := qr.ReadImage(p.Screenshot(), qr.ReadOptions{CleanOnly: true})
		if err != nil || !strings.Contains(found[0].Text, "/documents/official-certificate/") || len(digits) != 13 {
			t.Fatalf("%d codes, %v, %d digits; want the link and 13 digits", len(found), err, len(digits))
		}
		answer, err := http.Post(s.URL+"/api/v1/bodies/"+ministry+"/online/check", "application/json", strings.NewReader(fmt.Sprintf(`{"code": %q}`, found[0].Text)))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"valid":true`) {
			t.Errorf("the check answers HTTP %d %s, %v", answer.StatusCode, body, err)
		}
		p.Go("checks")
		p.WaitText(".checks li", "невідомо хто")
		p.Accessible("checks")
	})

	t.Run("stop", func(t *testing.T) {
		// From another device, which has no wallet.
		q := openPhone(t, webtest.Start(t, webtest.Options{}), s)
		q.Go("stop")
		q.WaitVisible("#stop-code")
		q.Accessible("stop")
		q.Picture(root, "wallet-stop")
		q.Allow("status of 4")
		q.Wait("the bodies of the service", fmt.Sprintf(`document.querySelector('#stop-body option[value="%s"]')`, ministry))
		q.Do(fmt.Sprintf("document.querySelector('#stop-body').value = %q", ministry))
		q.replace("#stop-code", paper.code)
		q.Click("form button[type=submit]")
		q.WaitVisible("[role=alert] .notice")
		q.replace("#stop-code", paper.stop)
		q.Click("form button[type=submit]")
		q.WaitText(".notice.good", "зупинено")

		p.Go("")
		p.choose(taras)
		p.Click("p.row button")
		p.WaitText(".state", "зупинено")
		if webtest.Eval[bool](p.Page, "!!document.querySelector('.frame canvas')") {
			t.Error("a suspended ID shows a code")
		}
		p.Accessible("suspended")
		p.Do("scrollTo(0, 0)")
		p.Picture(root, "wallet-suspended")
	})

	t.Run("withdraw", func(t *testing.T) {
		p.choose(second)
		p.Click("details summary")
		p.Click("details .danger:nth-of-type(2)")
		p.WaitVisible("dialog[open]")
		p.Accessible("withdrawal")
		p.Click("dialog button[value=no]")
		p.shown(0)
		p.Click("details .danger:nth-of-type(2)")
		p.Click("dialog button[value=yes]")
		p.WaitText(".state", "анульовано")
	})

	t.Run("revoked", func(t *testing.T) {
		s.Kill()
		s.Posvid("revoke", taras, "--body", ministry, "--as", "1", "--ground", "loss")
		s.Again()
		p.Reload()
		p.choose(taras)
		p.Wait("the revoked state", "document.querySelector('.state') && document.querySelector('.state').textContent.includes('анульовано')")
		p.Accessible("revoked")
		p.Picture(root, "wallet-revoked")
	})

	t.Run("clock", func(t *testing.T) {
		q := openPhone(t, b, s, webtest.ShiftClock(5*time.Minute))
		q.WaitText("#notices", "поспішає на 5 хв")
		q.Accessible("clock")
	})

	t.Run("damage", func(t *testing.T) {
		p.damage(`(w, c) => w.openCursor().onsuccess = (e) => { const k = e.target.result; const v = k.value; v.state = v.state.slice(0, 100); k.update(v); }`)
		p.Reload()
		p.WaitText("#notices", "пошкоджено")
		p.WaitVisible(".person") // the other one
		p.Accessible("one ID damaged")
		if kept := records(p); kept != 2 {
			t.Errorf("%d wallets are kept beside the damage, want 2", kept)
		}
		p.damage(`(w, c) => { c.put("{", "facts"); c.get("seq").onsuccess = (e) => c.put(e.target.result + 1, "seq"); }`)
		p.Reload()
		p.WaitText("main h1", "пошкоджено")
		p.Accessible("damage")
		p.Picture(root, "wallet-damaged")
		p.damage(`(w, c) => c.delete("seq")`)
		p.Reload()
		p.WaitText("main h1", "пошкоджено")
		if kept := records(p); kept != 2 {
			t.Errorf("%d wallets are kept after damage was told, want 2", kept)
		}
	})

	t.Run("erased", func(t *testing.T) {
		p.Do(`new Promise((y, n) => { const r = indexedDB.deleteDatabase("posvid-wallet"); r.onsuccess = y; r.onerror = n; }).then(() => "erased")`)
		p.Reload()
		p.WaitText("main", "Браузер стер посвідчення")
	})
}

// choose shows one of several IDs.
func (p phone) choose(number string) {
	p.t.Helper()
	p.WaitVisible(".ids button, .person")
	p.Do(fmt.Sprintf("(Array.from(document.querySelectorAll('.ids button')).find((b) => b.textContent.includes(%q)) || {click() {}}).click()", number))
	p.Wait("the ID "+number, fmt.Sprintf("document.querySelector('.person').textContent.includes(%q)", number))
}

// damage changes what the browser keeps, behind the page's back.
func (p phone) damage(f string) {
	p.t.Helper()
	p.Do(fmt.Sprintf(`await (async () => {
		const db = await new Promise((y, n) => { const r = indexedDB.open("posvid-wallet"); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
		const t = db.transaction(["wallets", "common"], "readwrite");
		(%s)(t.objectStore("wallets"), t.objectStore("common"));
		await new Promise((y, n) => { t.oncomplete = y; t.onabort = n; });
		db.close();
	})()`, f))
}

// TestWalletOldBrowser tells in words what a browser lacks, and runs nothing else.
func TestWalletOldBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts a browser")
	}
	server := httptest.NewServer(&shelf{t: t})
	defer server.Close()
	b := webtest.Start(t, webtest.Options{})
	for lacks, words := range map[string]string{
		`Object.defineProperty(window, "indexedDB", {value: undefined})`:     "IndexedDB",
		`delete window.WebAssembly`:                                          "WebAssembly",
		`Object.defineProperty(window.crypto, "subtle", {value: undefined})`: "WebCrypto",
	} {
		p := phone{b.Page(t), t}
		p.Size(320, 640)
		p.Before(lacks)
		p.Open(strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/wallet/")
		p.WaitText("#old", words)
		if p.Text("#code") != "" || p.Text(".person") != "" {
			t.Errorf("without %s the page goes on", words)
		}
		p.Accessible("a browser without " + words)
	}
}

// records counts the wallets in the browser's store.
func records(p phone) int {
	return webtest.Eval[int](p.Page, `(async () => {
		const db = await new Promise((y, n) => { const r = indexedDB.open("posvid-wallet"); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
		const n = await new Promise((y, n) => { const r = db.transaction("wallets").objectStore("wallets").count(); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
		db.close();
		return n;
	})()`)
}
