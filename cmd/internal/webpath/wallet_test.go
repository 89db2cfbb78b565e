package webpath

import (
	"bytes"
	"fmt"
	"net/http"
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
func (p phone) Do(script string) { webtest.Eval[string](p.Page, "String("+script+")") }

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
	p.Do(fmt.Sprintf("document.querySelector('#body').value = %q", body))
	p.replace("#code", s.code)
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
	b := webtest.Start(t, webtest.Options{})
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
		p.Go("")
		p.Offline(false)
		s.Again()
	})

	t.Run("question", func(t *testing.T) {
		picture := filepath.Join(t.TempDir(), "question.png")
		if out, exit := s.Verify(state, "challenge", "--png", picture); exit != 0 {
			t.Skipf("posvid-verify challenge: exit %d\n%s", exit, out)
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
		fingerprint := webtest.Eval[string](p.Page, `fetch("/api/v1/bodies").then((r) => r.json()).then((b) => b.root.replace(/[^A-Z2-7]/g, ""))`)
		p.Go("slip=" + ministry + "." + other.number + "." + strings.ReplaceAll(other.code, "-", "") + "." + fingerprint)
	})
	_ = bytes.Equal
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
