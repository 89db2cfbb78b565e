package webpath

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/web/webtest"
)

// TestVerifierAttacks gives the verifier page what an enemy or bad luck would, in one browser; every part has a service, and so
// storage, of its own.
func TestVerifierAttacks(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts a browser")
	}
	b := webtest.Start(t, webtest.Options{})
	for _, part := range []struct {
		name string
		run  func(*testing.T, *webtest.Browser)
	}{{"taken at its start", takenAtStart}, {"hidden", hiddenWhileJudged}, {"online", onlineTooLate}, {"service", hostileBundles}, {"scanner", scannerInFields},
		{"memory", memoryGone}, {"old", oldBrowsers}} {
		t.Run(part.name, func(t *testing.T) { part.run(t, b) })
	}
}

// between puts answers before those of the counter's files, while they answer true.
func (c *counter) between(t *testing.T, f func(w http.ResponseWriter, r *http.Request) bool) {
	c.server.Close()
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !f(w, r) {
			c.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(c.server.Close)
	c.URL = strings.Replace(c.server.URL, "127.0.0.1", "localhost", 1)
}

// outcomes starts to note every outcome that the page shows; the list is in the page's variable seen.
func (d *desk) outcomes() {
	d.t.Helper()
	webtest.Eval[bool](d.Page, `(() => { globalThis.seen = []; const v = document.querySelector("#verdict");
	  new MutationObserver(() => seen.push(v.dataset.outcome)).observe(v, {attributes: true, attributeFilter: ["data-outcome"]}); return true; })()`)
}

// takenAtStart: another tab takes over while this one's program is still starting. It must not go on as if it were alone: two
// programs with one memory would each accept the same code.
func takenAtStart(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	one := &desk{b.Page(t), t, c}
	one.Allow("verifier ended")
	one.Before(`(() => { const post = Worker.prototype.postMessage;
	  Worker.prototype.postMessage = function (m, ...more) { if (m && m.task === "open") setTimeout(() => post.call(this, m, ...more), 4000); else post.call(this, m, ...more); }; })()`)
	one.Open(c.URL + "/verify/")
	one.Wait("the lock", `navigator.locks.query().then((q) => q.held.some((l) => l.name === "posvid-verifier"))`)
	two := openDesk(t, b, c)
	two.Click("#take")
	two.WaitVisible("#pin")
	one.WaitVisible("#taken")
	time.Sleep(5 * time.Second) // the program of the first tab would have started by now
	if got := webtest.Eval[string](one.Page, `["taken", "setup", "verdict"].map((id) => id + " " + !document.getElementById(id).hidden).join(", ")`); got != "taken true, setup false, verdict false" {
		t.Errorf("the tab that was stopped while it started shows: %s", got)
	}
}

// hiddenWhileJudged: the page is hidden while a code is judged. The verdict is nobody's who looks later.
func hiddenWhileJudged(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, b, c)
	d.setUp(o)
	d.outcomes()
	webtest.Eval[bool](d.Page, fmt.Sprintf(`(() => {
	  document.querySelector("#other-ways").open = true;
	  document.querySelector("#paste").value = %s;
	  document.querySelector("#paste-form").requestSubmit();
	  Object.defineProperty(document, "hidden", {value: true, configurable: true});
	  document.dispatchEvent(new Event("visibilitychange"));
	  return true; })()`, js(p.code(time.Now()))))
	time.Sleep(1500 * time.Millisecond)
	if seen := webtest.Eval[string](d.Page, `String(seen)`); seen == "" || strings.Contains(seen, "accept") {
		t.Errorf("a hidden page showed: %s", seen)
	}
	webtest.Eval[bool](d.Page, `delete document.hidden; document.dispatchEvent(new Event("visibilitychange")); true`)
	d.told("waiting")
	if strings.Contains(d.Text("main"), p.name) {
		t.Error("the person is on the page that was hidden")
	}
	// The code was judged: it is known when it comes again.
	d.paste(p.code(time.Now().Add(time.Second)))
	d.told("accept")
	d.Reload()
	d.WaitText("#as-of", "Набір довіри")
	d.told("waiting")
}

// onlineTooLate: what the service says of a one-time code never stands beside the verdict of somebody who came later.
func onlineTooLate(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	release := make(chan struct{}, 4)
	c.between(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/api/v1/online/check" {
			return false
		}
		<-release
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"valid":true,"code":"ok","text":"<b>так</b>","holder":{"name":"Попередня Особа"}}`)
		return true
	})
	t.Cleanup(func() { close(release) }) // before the service is closed, which waits for its answers
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, b, c)
	d.setUp(o)
	const code = "4006381333931"
	release <- struct{}{}
	d.paste(code)
	d.WaitText("#answer", "Попередня Особа")
	if n := webtest.Eval[int](d.Page, `document.querySelectorAll("#answer b").length`); n != 0 {
		t.Error("the service's text became markup")
	}
	d.paste(p.code(time.Now()))
	d.told("accept")
	if said := d.Text("#answer"); strings.Contains(said, "Попередня") {
		t.Errorf("beside the verdict stands: %s", said)
	}
	d.next()
	d.paste(code)
	d.WaitText("#answer", "питаємо")
	d.paste(p.code(time.Now().Add(time.Second)))
	d.told("accept")
	release <- struct{}{}
	time.Sleep(700 * time.Millisecond)
	if said := d.Text("#answer"); strings.Contains(said, "Попередня") {
		t.Errorf("a late answer stands beside the verdict: %s", said)
	}
	// A notice is said once and not four times a second.
	d.next()
	d.paste("https://example.org/документ")
	d.told("cannot-confirm")
	webtest.Eval[bool](d.Page, `(() => { globalThis.said = 0; new MutationObserver((m) => (said += m.length)).observe(document.querySelector("#answer"), {childList: true, characterData: true, subtree: true, attributes: true}); return true; })()`)
	time.Sleep(1200 * time.Millisecond)
	if n := webtest.Eval[int](d.Page, `said`); n > 2 {
		t.Errorf("what listeners hear was written %d times in 1.2 s while nothing changed", n)
	}
	// Hidden: the answer is nobody's.
	d.next()
	d.paste(code)
	d.WaitText("#answer", "питаємо")
	webtest.Eval[bool](d.Page, `Object.defineProperty(document, "hidden", {value: true, configurable: true}); document.dispatchEvent(new Event("visibilitychange")); true`)
	release <- struct{}{}
	time.Sleep(700 * time.Millisecond)
	if said := d.Text("#answer"); strings.Contains(said, "Попередня") {
		t.Errorf("a hidden page shows: %s", said)
	}
	if strings.Contains(d.c.Asked(), "SID1:") {
		t.Error("the page sent a code")
	}
}

// hostileBundles: a service that answers without end, never ends, or answers with a page. What is there stays in force.
func hostileBundles(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	var mu sync.Mutex
	how, sent := "", 0
	let := func(kind string) { mu.Lock(); how = kind; mu.Unlock() }
	stop := make(chan struct{})
	c.between(t, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		kind := how
		mu.Unlock()
		if r.URL.Path != "/api/v1/bundle" || kind == "" {
			return false
		}
		w.Header().Set("Content-Type", "application/vnd.posvid.bundle")
		switch kind {
		case "page":
			fmt.Fprint(w, "<!DOCTYPE html><title>Технічні роботи</title>")
		case "endless":
			chunk := make([]byte, 1<<20)
			for range 160 {
				if _, err := w.Write(chunk); err != nil {
					break
				}
				mu.Lock()
				sent += len(chunk)
				mu.Unlock()
			}
		case "slow":
			w.Write(make([]byte, 100))
			w.(http.Flusher).Flush()
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}
		return true
	})
	t.Cleanup(func() { close(stop) }) // before the service is closed, which waits for its answers
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := &desk{b.Page(t), t, c}
	d.Before(`(() => { const real = setTimeout; globalThis.setTimeout = (f, ms, ...more) => real(f, ms === 20000 ? 800 : ms, ...more); })()`) // what is waited for 20 s
	d.Open(c.URL + "/verify/")
	d.setUp(o)
	for kind, says := range map[string]string{"slow": "не відповідає", "endless": "не відповідає", "page": "не набір довіри"} {
		let(kind)
		webtest.Eval[bool](d.Page, `document.querySelector("#report").textContent = ""; true`)
		d.Click("#update")
		d.WaitText("#report", says)
	}
	mu.Lock()
	if sent > 80<<20 {
		t.Errorf("%d MiB of an answer without end were taken, want the limit of a bundle", sent>>20)
	}
	mu.Unlock()
	let("")
	d.Click("#update")
	d.WaitText("#report", "вже встановлено")
	d.paste(p.code(time.Now()))
	d.told("accept")
}

// scannerInFields: a hand scanner types where the focus happens to be.
func scannerInFields(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, b, c)
	d.setUp(o)
	webtest.Eval[bool](d.Page, `(() => { document.querySelector("#other-ways").open = true; document.querySelector("#settings").open = true;
	  document.querySelector("#duty").hidden = false; document.querySelector("#guard").replaceChildren(new Option("—", ""), new Option("Семенко С. С."), new Option("Іваненко І. І.")); return true; })()`)
	for i, where := range []string{"#digits", "#guard", "#paste", "#class2-checkpoint"} {
		webtest.Eval[bool](d.Page, fmt.Sprintf(`document.querySelector(%s).focus(); true`, js(where)))
		loose := webtest.Eval[int](d.Page, fmt.Sprintf(`(() => { let loose = 0; const at = document.activeElement;
		  const send = (type, key) => at.dispatchEvent(new KeyboardEvent(type, {key, bubbles: true, cancelable: true})) && type === "keydown";
		  for (const key of [...%s, "Enter"]) { loose += send("keydown", key); send("keyup", key); }
		  return loose; })()`, js(p.code(time.Now().Add(time.Duration(i)*time.Second)))))
		if where == "#guard" && loose > 0 {
			t.Errorf("%d letters of the scanner choose a guard", loose)
		}
		if said := d.told("accept"); !strings.Contains(said, p.name) {
			t.Errorf("%s: %s", where, said)
		}
		if left := webtest.Eval[string](d.Page, `[...document.querySelectorAll("input:not([type=radio]):not([type=checkbox]), textarea:not(#pin), select")].map((e) => e.value).join("")`); left != "" {
			t.Errorf("%s: the scanner left %.40q in a field", where, left)
		}
		if !webtest.Eval[bool](d.Page, `document.querySelector("#class2-checkpoint").checked`) {
			t.Errorf("%s: the scanner chose another policy", where)
		}
		d.next()
	}
}

// memoryGone: the same code after a reload, and a browser that throws the storage away while the page is open.
func memoryGone(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, b, c)
	d.setUp(o)
	code := p.code(time.Now())
	d.paste(code)
	d.told("accept")
	d.next()
	// Long enough after, and in a page that was loaded again: a picture of the code is known.
	d.Before(`(() => { const real = Date; globalThis.Date = class extends real { static now() { return real.now() + 40000; } }; })()`)
	d.Reload()
	d.WaitText("#as-of", "Набір довіри")
	d.paste(code)
	if said := d.told("cannot-confirm"); !strings.Contains(said, "уже показували") || strings.Contains(said, "ЧИННЕ") {
		t.Errorf("a code that was shown before the page was loaded again: %s", said)
	}
	d.next()
	webtest.Eval[bool](d.Page, `new Promise((resolve) => { const r = indexedDB.deleteDatabase("posvid-verifier"); r.onsuccess = r.onblocked = r.onerror = () => resolve(true); })`)
	d.paste(p.code(time.Now().Add(41 * time.Second)))
	d.Wait("a verdict", `["refuse", "cannot-confirm", "accept"].includes(document.querySelector("#verdict").dataset.outcome)`)
	if outcome := webtest.Eval[string](d.Page, `document.querySelector("#verdict").dataset.outcome`); outcome == "accept" {
		t.Error("green without a memory of what was shown")
	}
	d.Reload()
	d.WaitVisible("#pin")
}

// oldBrowsers: each thing that is missing is named, and nothing is judged.
func oldBrowsers(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	for lacks, words := range map[string]string{
		`Object.defineProperty(window, "indexedDB", {value: undefined})`:     "IndexedDB",
		`delete window.WebAssembly`:                                          "WebAssembly",
		`Object.defineProperty(window.crypto, "subtle", {value: undefined})`: "WebCrypto",
		`delete Navigator.prototype.serviceWorker`:                           "service worker",
		`delete window.Worker`:                                               "Worker",
	} {
		d := &desk{b.Page(t), t, c}
		d.Before(lacks)
		d.Open(c.URL + "/verify/?lang=en")
		d.WaitText("#old", words)
		d.WaitText("#old", "Confirm nobody")
		if text := d.Text("main"); strings.Contains(text, "fingerprint") || strings.Contains(text, "Starting") {
			t.Errorf("without %s the page goes on: %s", words, text)
		}
	}
}
