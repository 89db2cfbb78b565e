package webpath

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/posvid/posvid/web/webtest"
)

// TestWalletTwoTabs: what one tab brings from the service must not be written over what another tab has enrolled meanwhile.
func TestWalletTwoTabs(t *testing.T) {
	s := start(t)
	s.Kill()
	paper, other := s.slip(taras), s.slip(second)
	s.Again()
	b := webtest.Start(t, webtest.Options{})
	one := openPhone(t, b, s)
	// The first root is not the service's word alone: the person compares it with the paper.
	one.Go("add")
	one.WaitVisible("#compared")
	one.Do(fmt.Sprintf("document.querySelector('#body').value = %q", ministry))
	one.replace("#code", paper.code)
	one.Click("form button[type=submit]")
	one.WaitText("[role=alert]", "звірте відбиток")
	if kept := records(one); kept != 0 {
		t.Errorf("%d wallets are kept under a root that nobody compared", kept)
	}
	one.enrol(ministry, paper)
	one.shown(0)
	one.Wait("the first look for news", "!document.querySelector('p.row button[disabled]')")
	// The service is slow in the middle of this tab's look for news.
	one.Do(`(() => { const real = fetch; globalThis.reached = false; const gate = new Promise((y) => (globalThis.release = y));
		globalThis.fetch = async (path, init) => { if (String(path).includes("/wallet/delivery")) { reached = true; await gate; } return real(path, init); }; })()`)
	one.Do(`Array.from(document.querySelectorAll("main p.row button")).pop().click()`)
	one.Wait("the question to the service", "globalThis.reached")
	two := openPhone(t, b, s)
	two.shown(0)
	two.enrol(ministry, other)
	two.Wait("two IDs", `document.querySelectorAll(".ids button").length === 2`)
	one.Wait("the first tab sees both", `document.querySelectorAll(".ids button").length === 2`)
	one.Do("release()")
	one.Do(`new Promise((y) => setTimeout(y, 2000)).then(() => "waited")`)
	const kept = `(async () => {
		const db = await new Promise((y, n) => { const r = indexedDB.open("posvid-wallet"); r.onsuccess = () => y(r.result); r.onerror = () => n(r.error); });
		const facts = await new Promise((y) => { const r = db.transaction("common").objectStore("common").get("facts"); r.onsuccess = () => y(r.result); });
		db.close();
		return Object.keys(JSON.parse(facts).states).length;
	})()`
	if n := webtest.Eval[int](two.Page, kept); n != 2 {
		t.Errorf("the states of %d IDs are kept, want 2: a tab wrote over what another had written", n)
	}

	// The store is erased behind an open page: it shows none of what was, and says what happened.
	two.Do(`new Promise((y, n) => { const r = indexedDB.deleteDatabase("posvid-wallet"); r.onsuccess = y; r.onerror = n; }).then(() => new BroadcastChannel("posvid-wallet").postMessage(0))`)
	one.WaitText("main", "Браузер стер посвідчення")
	if webtest.Eval[bool](one.Page, "!!document.querySelector('.frame canvas, .person')") {
		t.Error("an ID that was erased is still shown")
	}
}

// TestWalletUpdateWrongFiles: a proxy that answers everything with a page of its own brings no new version; the wallet would
// not open any more, with or without a network.
func TestWalletUpdateWrongFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts a browser")
	}
	if wasmOld() {
		if out, err := command(root, "make", "-s", "wasm").CombinedOutput(); err != nil {
			t.Fatalf("make wasm: %v\n%s", err, out)
		}
	}
	server := httptest.NewServer(&shelf{t: t})
	defer server.Close()
	p := phone{webtest.Start(t, webtest.Options{}).Page(t), t}
	p.Size(390, 844)
	p.Allow("status of 404", "Failed to load resource") // there is no service behind these files
	p.Open(strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/wallet/")
	p.worker()
	p.WaitVisible("main h1")
	p.Wait("the worker has the page", "!!navigator.serviceWorker.controller")
	before := version(p)
	var asked atomic.Int32
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/static/dist/posvid.wasm" {
			asked.Add(1)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!DOCTYPE html><title>Технічні роботи</title>")
	})
	for i := 0; asked.Load() < 4; i++ { // the look that the page began by itself may still run, and each brings the files twice
		if i == 60 {
			t.Fatal("the worker does not look for a newer version")
		}
		p.Do(`navigator.serviceWorker.controller.postMessage({type: "check"})`)
		p.Do(`new Promise((y) => setTimeout(y, 500)).then(() => "waited")`)
	}
	p.Do(`new Promise((y) => setTimeout(y, 1500)).then(() => "waited")`)
	if got := version(p); got != before {
		t.Errorf("versions %q, want %q as before", got, before)
	}
	p.Reload()
	p.Wait("the wallet", "document.title === 'Службове посвідчення' && !!document.querySelector('main h1')")
}
