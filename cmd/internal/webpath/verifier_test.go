package webpath

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/web/webtest"
)

// TestVerifier drives the verifier page in one browser; every part has a service, and so storage, of its own.
func TestVerifier(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts a browser")
	}
	b := webtest.Start(t, webtest.Options{})
	for _, part := range []struct {
		name string
		run  func(*testing.T, *webtest.Browser)
	}{{"page", verifierPage}, {"vectors", verifierVectors}, {"offline", verifierOffline}, {"challenge", verifierChallenge}, {"breaks", verifierBreaks}, {"onboard", verifierOnboard}, {"update", verifierUpdate}, {"update_taken", verifierTakes}, {"tabs", verifierTabs}} {
		t.Run(part.name, func(t *testing.T) { part.run(t, b) })
	}
}

// verifierPage goes through everything that a guard without an account does, on one device, and looks at the end for what
// the browser kept and sent.
func verifierPage(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, true)
	good := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	evil := o.person(2, "XS000001", `<img src=x onerror="document.title='owned'"> Зло`)
	revoked := o.person(5, "ГТ000005", "Відкликаний Іван Іванович")
	suspended := o.person(6, "ГТ000006", "Зупинена Ольга Іванівна")
	stranger := newOperator(t, false).person(1, "ГТ004022", "Чужий Петро Петрович")
	o.revoke[5], o.revoke[6] = trust.StatusInvalid, trust.StatusSuspended
	old := o.bundle(time.Now().Add(-2 * time.Hour))
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, b, c)

	// First start: nothing is trusted, nothing is taken from the service, a mistyped fingerprint is told.
	d.WaitVisible("#pin")
	d.Accessible("setup")
	pin := o.pin.String()
	for _, wrong := range []string{"P47C", strings.Replace(pin, pin[:4], "AAAA", 1)[:len(pin)-1] + "1", strings.Repeat("<b>x", 14)} {
		d.pinTyped(wrong)
		time.Sleep(20 * time.Millisecond)
		if webtest.Eval[bool](d.Page, `!document.querySelector("#pin-groups-box").hidden`) {
			t.Errorf("%q was taken for a fingerprint", wrong)
		}
	}
	if strings.Contains(c.Asked(), "/api/v1/bundle") {
		t.Error("a bundle was fetched before a root was pinned")
	}
	d.setUp(o)
	if groups := strings.Fields(pin); len(groups) != 13 {
		t.Fatal(pin)
	}
	d.WaitText("#demo", "ДЕМОНСТРАЦІЙНИЙ КОРІНЬ")
	d.Picture(root, "verify-waiting-desktop")

	now := time.Now()
	for _, s := range []struct {
		name, text, outcome string
		says                []string
	}{
		{"good", good.code(now), "accept", []string{"ЧИННЕ", good.name, good.number, "Дані станом на", "рівень перевірки 2", "правила об'єкта"}},
		{"old", good.code(now.Add(-11 * time.Minute)), "refuse", []string{"ВІДХИЛЕНО", "оновити код"}},
		{"a slow clock", good.code(now.Add(-5 * time.Minute)), "cannot-confirm", []string{"НЕ ПІДТВЕРДЖЕНО", "Годинники"}},
		{"from ahead", good.code(now.Add(5 * time.Minute)), "cannot-confirm", []string{"НЕ ПІДТВЕРДЖЕНО"}},
		{"revoked", revoked.code(now), "refuse", []string{"ВІДХИЛЕНО", "анульовано", "+380440000000"}},
		{"suspended", suspended.code(now), "refuse", []string{"ВІДХИЛЕНО", "зупинено"}},
		{"another operator's", stranger.code(now), "refuse", []string{"ВІДХИЛЕНО"}},
		{"foreign", "https://example.org/menu", "cannot-confirm", []string{"НЕ ПІДТВЕРДЖЕНО", "За чужим кодом нікуди не переходьте"}},
		{"garbage", "SID1:<script>alert(1)</script>", "refuse", []string{"ВІДХИЛЕНО"}},
		{"cut", good.code(now.Add(time.Second))[:200], "refuse", []string{"ВІДХИЛЕНО"}},
		{"markup in a name", evil.code(now), "accept", []string{"ЧИННЕ", `<img src=x onerror="document.title='owned'"> Зло`}},
	} {
		d.paste(s.text)
		said := d.told(s.outcome)
		for _, want := range s.says {
			if !strings.Contains(strings.ToLower(said), strings.ToLower(want)) {
				t.Errorf("%s: %q is not said in:\n%s", s.name, want, said)
			}
		}
		if s.outcome != "accept" && strings.Contains(said, "ЧИННЕ") {
			t.Errorf("%s: %s", s.name, said)
		}
		if strings.Contains(said, stranger.name) {
			t.Errorf("%s: names a person whose ID nobody vouches for", s.name)
		}
		switch s.name {
		case "good":
			d.Picture(root, "verify-accept-desktop")
			d.Size(320, 640)
			d.Accessible("accept at 320 px")
			d.Size(390, 844)
			d.Picture(root, "verify-accept-phone")
		case "revoked":
			d.Picture(root, "verify-refuse-phone")
		case "foreign":
			if top := webtest.Eval[int](d.Page, `Math.round(document.querySelector("#word").getBoundingClientRect().top)`); top < 0 || top > 500 {
				t.Errorf("the word stands %d px from the top of the window", top)
			}
			d.Accessible("cannot confirm")
			d.Picture(root, "verify-unconfirmed-phone")
			d.Size(1280, 900)
		case "markup in a name":
			if title := webtest.Eval[string](d.Page, `document.title`); strings.Contains(title, "owned") || webtest.Eval[int](d.Page, `document.querySelectorAll("#told img, #told b, #told script").length`) != 0 {
				t.Error("a name became markup")
			}
		}
		d.next()
	}

	// The word is announced: it stands in a live region of its own.
	if live := webtest.Eval[string](d.Page, `document.querySelector("#word").getAttribute("aria-live")`); live != "assertive" {
		t.Errorf("the word is announced as %q", live)
	}

	// A hand scanner on a computer with the Ukrainian layout, Caps Lock or not, presses no buttons.
	d.scanned(ukrainian(good.code(time.Now().Add(time.Second))))
	if said := d.told("accept"); !strings.Contains(said, "розкладк") {
		t.Errorf("the layout is not told: %s", said)
	}
	d.next()
	webtest.Eval[bool](d.Page, `document.querySelector("#camera-toggle").focus(); true`)
	d.scanned("https://example.org/a b c")
	d.told("cannot-confirm")
	if webtest.Eval[bool](d.Page, `document.querySelector("#video").srcObject !== null`) {
		t.Error("a scanner pressed a button")
	}
	d.Keys("\x1b")
	d.told("waiting")

	// A picture file, and one without a code.
	d.Upload("#file", saved(t, symbol(t, good.code(time.Now().Add(2*time.Second)))))
	d.told("accept")
	d.next()
	d.Upload("#file", saved(t, image.NewGray(image.Rect(0, 0, 200, 200))))
	if said := d.told("cannot-confirm"); !strings.Contains(said, "код") {
		t.Errorf("an empty picture: %s", said)
	}
	d.next()

	// English, from the same program.
	d.Click("#lang")
	d.WaitText("#title", "Service ID check")
	d.paste(good.code(time.Now().Add(3 * time.Second)))
	if said := d.told("accept"); !strings.Contains(said, "VALID") || !strings.Contains(said, "City council <i>") {
		t.Errorf("%s", said)
	}
	d.next()
	d.Click("#lang")

	// An older bundle, one of another operator, and a file that is none.
	for what, data := range map[string][]byte{"старіший": old, "не набір довіри": []byte("hello")} {
		name := filepath.Join(t.TempDir(), "bundle.sidb")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d.Upload("#bundle-file", name)
		d.WaitText("#report", what)
	}
	d.Accessible("all of it")

	d.nothingKept(good, revoked, suspended, evil)
	for _, line := range strings.Split(c.Asked(), "\n") {
		if strings.HasPrefix(line, "POST") {
			t.Errorf("the page sent: %s", line)
		}
	}
}

// nothingKept looks through everything that a page can keep, and through everything it has sent, for people.
func (d *desk) nothingKept(people ...*person) {
	d.t.Helper()
	kept := webtest.Eval[string](d.Page, `(async () => {
	  const out = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie, location.href, JSON.stringify(history.state)];
	  const text = (v) => v instanceof Uint8Array ? new TextDecoder("latin1").decode(v) + new TextDecoder().decode(v) : JSON.stringify(v);
	  for (const {name, version} of await indexedDB.databases()) {
	    const db = await new Promise((ok, no) => { const r = indexedDB.open(name, version); r.onsuccess = () => ok(r.result); r.onerror = () => no(r.error); });
	    for (const store of db.objectStoreNames) {
	      const all = db.transaction(store).objectStore(store);
	      const get = (r) => new Promise((ok, no) => { r.onsuccess = () => ok(r.result); r.onerror = () => no(r.error); });
	      for (const key of await get(all.getAllKeys())) if (!String(key).startsWith("bundle")) out.push(store + "/" + key + ": " + text(await get(db.transaction(store).objectStore(store).get(key))));
	    }
	    db.close();
	  }
	  for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) out.push("cache " + request.url);
	  out.push(document.documentElement.outerHTML);
	  return out.join("\n");
	})()`)
	if !strings.Contains(kept, "files/seen") || !strings.Contains(kept, "cache ") {
		d.t.Errorf("looked at too little: %.300s", kept)
	}
	sent := d.c.Asked()
	for _, p := range people {
		for _, word := range []string{p.name, p.number, strings.Fields(p.name)[0]} {
			if strings.Contains(kept, word) {
				d.t.Errorf("the browser keeps %q", word)
			}
			if strings.Contains(sent, word) || strings.Contains(sent, urlOf(word)) {
				d.t.Errorf("the page sent %q", word)
			}
		}
	}
	if strings.Contains(sent, "SID1:") {
		d.t.Error("the page sent a code")
	}
}

func urlOf(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// ukrainian is what a computer with the Ukrainian layout makes of a scanner's keys.
func ukrainian(text string) string {
	const keys, shown = "ABCDEFGHIJKLMNOPQRSTUVWXYZ$./:", "ФИСВУАПРШОЛДЬТЩЗЙКІЕГМЦЧНЯ;ю.Ж"
	letters := []rune(shown)
	return strings.Map(func(r rune) rune {
		if i := strings.IndexRune(keys, r); i >= 0 {
			return letters[i]
		}
		return r
	}, text)
}

// saved writes a picture into a file.
func saved(t *testing.T, img image.Image) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "code.png")
	f := ok[*os.File](t)(os.Create(name))
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return name
}

// verifierVectors runs every committed presentation in the page's WebAssembly, and compares the whole verdict with ours.
func verifierVectors(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, true)
	var requests, native []string
	all, err := testvectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	opened := map[string]*trust.Bundle{}
	last := ""
	slices.SortStableFunc(all, func(a, b testvectors.Scenario) int { // a bundle stays open while the requests name the same one
		return cmp.Or(cmp.Compare(a.Trust, b.Trust), cmp.Compare(a.Pin, b.Pin))
	})
	for _, s := range all {
		if s.Kind != "presentation" {
			continue
		}
		pin := o.pin
		if s.Pin != "" {
			pin = ok[trust.Fingerprint](t)(trust.ParseFingerprint(s.Pin))
		}
		in := verifier.Input{Text: string(s.Data), At: s.At, VerifierID: s.ID, MinLevel: verifier.Level(s.Level), Lang: "uk"}
		r := map[string]any{"text": string(s.Data), "at": s.At.Format(time.RFC3339), "verifier_id": s.ID, "level": s.Level, "pin": pin.String(), "bundle": "", "lang": "uk"}
		switch s.Trust {
		case "", "none":
			in.BundleErr = verifier.NoRoot
			r["pin"] = ""
		case "no-bundle":
			in.BundleErr = verifier.NoBundle
		default:
			data := ok[[]byte](t)(testvectors.TrustFile(s.Trust))
			in.Bundle, in.BundleErr = trust.Open(data, pin)
			opened[s.Trust] = in.Bundle
			r["bundle"] = base64.StdEncoding.EncodeToString(data)
		}
		switch s.Floor {
		case "":
		case "lost":
			in.FloorErr, r["floor_lost"] = verifier.ClockUnknown, true
		default:
			in.Floor = ok[time.Time](t)(time.Parse(time.RFC3339, s.Floor))
			r["floor"] = s.Floor
		}
		switch s.Class {
		case "checkpoint":
			in.Class = trust.ClassCheckpoint
		case "council":
			in.Class = trust.ClassCouncil
		}
		if s.Class != "" {
			r["class"] = s.Class
		}
		state := map[string]verifier.ChallengeState{"open": verifier.ChallengeOpen, "used": verifier.ChallengeUsed, "expired": verifier.ChallengeExpired}[s.Nonce]
		in.Nonce = func([16]byte, [32]byte) verifier.ChallengeState { return state }
		if s.Nonce != "" {
			r["nonce"] = s.Nonce
		}
		if s.Seen != "" {
			first := ok[time.Time](t)(time.Parse(time.RFC3339, s.Seen))
			in.Seen = func([32]byte) (time.Time, bool) { return first, true }
			r["seen"] = s.Seen
		}
		switch s.Photo {
		case "":
		case "plastic":
			in.Photo.Kind, r["photo"] = verifier.PhotoPlastic, "plastic"
		case "matched":
			in.Photo.Kind = verifier.PhotoMatched
			if v := verifier.Verify(in); v.Holder != nil {
				in.Photo.Hash = v.Holder.PhotoHash
			}
			r["photo"] = fmt.Sprintf("%x", in.Photo.Hash)
		default:
			in.Photo.Kind = verifier.PhotoMatched
			fmt.Sscanf(s.Photo, "%x", &in.Photo.Hash)
			var hash []byte
			fmt.Sscanf(s.Photo, "%x", &hash)
			copy(in.Photo.Hash[:], hash)
			r["photo"] = s.Photo
		}
		if with := s.Trust + " " + pin.String(); with == last && in.Bundle != nil {
			delete(r, "bundle") // that of the request before
		} else {
			last = with
		}
		v := verifier.Verify(in)
		if v.Outcome.String() != s.Expect || string(v.Code) != s.Code {
			t.Fatalf("%s: %s here, want %s", s.Name, v.Code, s.Code)
		}
		requests = append(requests, string(ok[[]byte](t)(json.Marshal(r))))
		native = append(native, string(ok[[]byte](t)(json.Marshal(v))))
	}
	if len(requests) < 100 {
		t.Fatalf("only %d vectors", len(requests))
	}
	d := openDesk(t, b, c)
	d.WaitVisible("#pin")
	got := webtest.Eval[[]string](d.Page, `(async () => {
	  const { start } = await import("/static/lib/wasm.js");
	  await start();
	  return `+string(ok[[]byte](t)(json.Marshal(requests)))+`.map((r) => globalThis.posvidVerify(r));
	})()`)
	if !slices.Equal(got, native) {
		for i := range native {
			if i < len(got) && got[i] != native[i] {
				t.Errorf("%s\nbrowser %s\nhere    %s", requests[i], got[i], native[i])
			}
		}
	}
	t.Logf("%d vectors under %d bundles", len(got), len(opened))
}

// TestVerifierCamera: a code that a phone shows before the camera accepts, and the camera stops with the page.
func TestVerifierCamera(t *testing.T) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	camera := webtest.CameraFile(t, 10, symbol(t, p.code(time.Now().Add(10*time.Second))))
	d := openDesk(t, webtest.Start(t, webtest.Options{Camera: camera}), c)
	d.setUp(o)
	d.Click("#camera-toggle")
	if said := d.told("accept"); !strings.Contains(said, p.name) {
		t.Errorf("%s", said)
	}
	d.Size(390, 844)
	d.Picture(root, "verify-camera-phone")
	first := webtest.Eval[string](d.Page, `document.querySelector("#verdict").dataset.outcome + document.querySelector("#camera").dataset.reader`)
	if !strings.HasPrefix(first, "accept") || len(first) == len("accept") {
		t.Errorf("%s", first)
	}
	d.Click("#camera-toggle")
	d.Wait("the camera to stop", `document.querySelector("#video").srcObject === null`)
}

// verifierOffline: the service is dead and the network off; data grow old, and the clock goes wrong.
func verifierOffline(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, b, c)
	d.Allow("Failed to load resource")
	d.setUp(o)
	d.Wait("the service worker", `navigator.serviceWorker.ready.then(() => true)`)
	c.server.Close()
	d.Offline(true)
	d.Before(`(() => { const real = Date; globalThis.shift = 0; globalThis.Date = class extends real { static now() { return real.now() + globalThis.shift; } }; })()`)
	d.Reload()
	d.WaitText("#as-of", "Набір довіри")
	d.WaitText("#network", "без мережі")
	d.paste(p.code(time.Now()))
	if said := d.told("accept"); !strings.Contains(said, "без мережі") || !strings.Contains(said, p.name) {
		t.Errorf("%s", said)
	}
	d.next()
	d.paste("4006381333931") // a one-time code needs the network
	d.WaitText("#answer", "без мережі")
	for _, s := range []struct {
		shift   time.Duration
		class   string
		limit   string
		outcome string
		says    string
	}{
		{25 * time.Hour, "checkpoint", "1 добу", "cannot-confirm", "Встановіть свіжий"},
		{25 * time.Hour, "council", "3 доби", "accept", "ЧИННЕ"},
		{80 * time.Hour, "council", "3 доби", "cannot-confirm", "Встановіть свіжий"},
		{9 * 24 * time.Hour, "council", "3 доби", "cannot-confirm", "НЕ ПІДТВЕРДЖЕНО"},
		{-3 * time.Hour, "council", "3 доби", "cannot-confirm", "Перевірте дату і час"},
	} {
		webtest.Eval[bool](d.Page, fmt.Sprintf(`globalThis.shift = %d; document.querySelector("#settings").open = true; document.querySelector("#class2-%s").checked = false; document.querySelector("#class2-%s").click(); true`, s.shift.Milliseconds(), s.class, s.class))
		d.WaitText("#facts", s.limit)
		d.paste(p.code(time.Now().Add(s.shift)))
		if said := d.told(s.outcome); !strings.Contains(said, s.says) {
			t.Errorf("%s, %s: %s", s.shift, s.class, said)
		}
		d.next()
	}
}

// verifierChallenge: a device that was admitted asks, the answer is confirmed by the photo on the plastic.
func verifierChallenge(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	other := o.person(2, "ГТ004023", "Вигадана Ганна Петрівна")
	c.publish(o.bundle(time.Now().Add(-2 * time.Hour)))
	d := openDesk(t, b, c)
	d.setUp(o)
	if webtest.Eval[bool](d.Page, `!document.querySelector("#challenge").hidden`) {
		t.Error("a device that was not admitted offers challenges")
	}
	webtest.Eval[bool](d.Page, `(() => { // a page may not fetch what it made itself: Content-Security-Policy
	  const made = URL.createObjectURL;
	  URL.createObjectURL = (blob) => { globalThis.saved = blob; return made.call(URL, blob); };
	  document.querySelector("#settings").open = true;
	  return true;
	})()`)
	d.Set("#admit-body", checkedBody)
	d.Set("#admit-name", "Вхід <1>")
	d.Click("#admit-form button[type=submit]")
	d.WaitVisible("#admit-told a")
	request := ok[[]byte](t)(base64.StdEncoding.DecodeString(webtest.Eval[string](d.Page,
		`globalThis.saved.arrayBuffer().then((b) => btoa(String.fromCharCode(...new Uint8Array(b))))`)))
	q := ok[*trust.VerifierRequest](t)(trust.ParseVerifierRequest(request))
	if q.Name != "Вхід <1>" || q.Body != checkedBody || q.Class != trust.ClassCheckpoint {
		t.Errorf("request: %+v", q)
	}
	ok[uint64](t)(o.reg.AdmitVerifier(request, trust.VerifierGrant{ValidUntil: time.Now().Add(90 * 24 * time.Hour)}, time.Now()))
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d.Click("#update")
	d.WaitVisible("#challenge")
	if exported := webtest.Eval[string](d.Page, `(async () => {
	  const db = await new Promise((ok) => { const r = indexedDB.open("posvid-verifier"); r.onsuccess = () => ok(r.result); });
	  const keys = await new Promise((ok) => { const r = db.transaction("keys").objectStore("keys").get("verifier"); r.onsuccess = () => ok(r.result); });
	  db.close();
	  const out = [];
	  for (const pair of [keys.sign, keys.hpke]) out.push(pair.privateKey.extractable + " " + await crypto.subtle.exportKey("pkcs8", pair.privateKey).then(() => "exported", (e) => e.name));
	  return out.join();
	})()`); exported != "false InvalidAccessError,false InvalidAccessError" {
		t.Errorf("the keys of the device: %s", exported)
	}

	d.Wait("the question for a policy", `performance.getEntriesByType("resource").some((e) => e.name.includes("/api/v1/checkpoint?bundle=2"))`)
	for _, line := range strings.Split(c.Asked(), "\n") {
		if strings.Contains(line, "/api/v1/checkpoint?") && !strings.Contains(line, credential.RequestHeader) {
			t.Errorf("not signed: %s", line)
		}
	}

	ask := func() string {
		d.Click("#challenge")
		d.WaitVisible("#asking-symbol")
		d.WaitText("#asking-left", "ще")
		shot := webtest.Eval[string](d.Page, `document.querySelector("#asking-symbol").toDataURL().split(",")[1]`)
		found, err := qr.ReadImage(ok[[]byte](t)(base64.StdEncoding.DecodeString(shot)), qr.ReadOptions{})
		if err != nil || len(found) != 1 || !strings.HasPrefix(found[0].Text, credential.ChallengePrefix) {
			t.Fatalf("the challenge does not read: %v", err)
		}
		return found[0].Text
	}
	first := ask()
	d.Picture(root, "verify-challenge")
	d.paste(p.code(time.Now())) // answers nothing: the challenge stays
	d.WaitText("#answer", "без відповіді")
	d.paste(p.answer(first, q.Key, time.Now().Add(-20*time.Minute))) // the phone's clock does not matter
	if said := d.told("accept"); !strings.Contains(said, p.name) || !strings.Contains(said, "рівень перевірки 2") {
		t.Errorf("%s", said)
	}
	d.Click("#actions button:nth-of-type(2)")
	d.WaitVisible("#digits-back")
	d.Type("#digits-back", webtest.Eval[string](d.Page, `document.querySelector(".digits").textContent`))
	d.Click("#actions form button")
	d.WaitText("#told", "рівень перевірки 3")
	d.told("accept")
	d.next()
	d.paste(other.answer(first, q.Key, time.Now()))
	if said := d.told("cannot-confirm"); !strings.Contains(said, "запит") {
		t.Errorf("a second answer: %s", said)
	}
	d.next()
	d.nothingKept(p, other)
}

// verifierBreaks: whatever happens to the program while it judges, the page is not green, and goes on with another one.
func verifierBreaks(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	worker := string(ok[[]byte](t)(os.ReadFile(filepath.Join(root, "web", "static", "verify", "worker.js"))))
	const call = "const answer = JSON.parse(await device.call("
	if strings.Count(worker, call) != 1 {
		t.Fatal("the worker has changed")
	}
	// Sabotage, by the text that is judged: the program hangs, ends, throws, or says what it never says.
	c.files["static/verify/worker.js"] = []byte(strings.Replace(worker, call, `
	  const say = order.texts && order.texts[0];
	  if (order.op === "tick") await new Promise((resolve) => setTimeout(resolve, 200));
	  if (say === "HANG") for (;;) {}
	  if (say === "CLOSE") { setTimeout(() => { throw new Error("gone"); }); await new Promise(() => {}); }
	  if (say === "TRAP") device = { call: () => { throw new WebAssembly.RuntimeError("unreachable"); } };
	  if (say === "NONSENSE") device = { call: async () => "not json" };
	  if (say === "LIE") device = { call: async () => JSON.stringify({ screen: { verdict: { number: 99, outcome: "accept", code: "revoked", word: "?", strokes: 1, others: [], leaves_ms: 20000, rules: "" }, challenge: null, question: null, online: null, notice: "", lost: "", waiting: 0 } }) };
	  `+call, 1))
	d := openDesk(t, b, c)
	d.Allow("gone")
	d.setUp(o)
	// The screen of a tick that was on its way when another code came: what it tells has left the page.
	for i := range 2 {
		d.paste(p.code(time.Now().Add(time.Duration(10+i) * time.Second)))
		d.told("accept")
		time.Sleep(time.Duration(300*i) * time.Millisecond)
		webtest.Eval[bool](d.Page, `(() => { globalThis.seen = []; globalThis.watching?.disconnect();
		  globalThis.watching = new MutationObserver(() => seen.push(document.querySelector("#verdict").dataset.outcome));
		  return !watching.observe(document.querySelector("#verdict"), {attributes: true}); })()`)
		d.paste("https://example.org/" + fmt.Sprint(i))
		d.told("cannot-confirm")
		if seen := webtest.Eval[string](d.Page, `String(seen)`); strings.Contains(seen, "accept") || !strings.HasPrefix(seen, "judging") {
			t.Errorf("after another code came the page showed: %s", seen)
		}
		webtest.Eval[bool](d.Page, `watching.disconnect(); true`)
		d.next()
	}

	for i, sabotage := range []string{"HANG", "CLOSE", "TRAP", "NONSENSE", "LIE"} {
		d.paste(p.code(time.Now().Add(time.Duration(i) * time.Second)))
		d.told("accept")
		began := time.Now()
		d.paste(sabotage)
		if state := webtest.Eval[string](d.Page, `document.querySelector("#verdict").dataset.outcome`); state == "accept" {
			t.Errorf("%s: green while another code is judged", sabotage)
		}
		if sabotage == "LIE" {
			d.told("refuse")
			break
		}
		said := d.told("cannot-confirm")
		if !strings.Contains(said, locale.NextStep("uk", string(verifier.Internal))) || strings.Contains(said, p.name) {
			t.Errorf("%s: %s", sabotage, said)
		}
		t.Logf("%s: told after %s", sabotage, time.Since(began).Round(100*time.Millisecond))
	}
}

// verifierOnboard: an onboarding code of the body's page is looked at, used for what it is for, and the fingerprints are compared.
func verifierOnboard(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	other := newOperator(t, true).pin.String()
	purpose := map[string]any{"body": checkedBody, "body_name": "Рада <b>", "name": "Вхід № 7", "class": "council", "root": other}
	shown := "AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA"
	var handedIn *trust.VerifierRequest
	c.onboard = func(path string, body []byte) any {
		var in struct {
			Token   string
			Request []byte
		}
		if err := json.Unmarshal(body, &in); err != nil || in.Token != "c29tZSB0b2tlbiBvZiAxNg" {
			return map[string]any{}
		}
		if strings.HasSuffix(path, "/look") {
			return purpose
		}
		q, err := trust.ParseVerifierRequest(in.Request)
		if err != nil {
			return map[string]any{}
		}
		handedIn = q
		return map[string]any{"fingerprint": shown, "state": "waiting"}
	}
	d := openDesk(t, b, c)
	d.setUp(o)
	d.Open("about:blank")
	d.Open(c.URL + "/verify/#onboard=c29tZSB0b2tlbiBvZiAxNg")
	d.WaitText("#admit-told", "під іншим коренем")
	if webtest.Eval[string](d.Page, `location.hash`) != "" {
		t.Error("the code stays in the address")
	}
	send := func() {
		webtest.Eval[bool](d.Page, `(() => { const e = document.querySelector("#admit-token"); e.value = "https://id.example/checkpoints/onboard#c29tZSB0b2tlbiBvZiAxNg"; document.querySelector("#admit-form").requestSubmit(); return true; })()`)
	}
	c.mu.Lock()
	purpose["root"] = o.pin.String()
	c.mu.Unlock()
	send()
	d.WaitText("#admit-told", "заявку підмінено")
	key := d.keyShown()
	c.mu.Lock()
	shown = key
	c.mu.Unlock()
	send()
	d.WaitText("#admit-told", "Заявку подано")
	c.mu.Lock()
	defer c.mu.Unlock()
	if handedIn == nil || handedIn.Name != "Вхід № 7" || handedIn.Body != checkedBody || handedIn.Class != trust.ClassCouncil {
		t.Errorf("%+v", handedIn)
	}
}

// keyShown is the fingerprint of the device's key as the page shows it.
func (d *desk) keyShown() string {
	d.t.Helper()
	return webtest.Eval[string](d.Page, `[...document.querySelectorAll("#facts dd")].map((e) => e.textContent).find((s) => s.split(" ").length === 8) ?? ""`)
}

// verifierUpdate: a new build is taken whole or not at all, and only when no page of the old one is open.
func verifierUpdate(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	d := openDesk(t, b, c)
	d.Allow("404")
	d.WaitVisible("#pin")
	d.Wait("the service worker", `await navigator.serviceWorker.ready.then((r) => r.active.state === "activated")`)
	builds := func() string {
		return webtest.Eval[string](d.Page, `caches.keys().then((k) => k.sort().join(" ") + ", " + k.length)`)
	}
	if got := builds(); got != "posvid-verify-__ASSETS__, 1" {
		t.Fatalf("%s", got)
	}
	worker := string(ok[[]byte](t)(os.ReadFile(filepath.Join(root, "web", "static", "verify", "sw.js"))))
	c.replace("static/verify/sw.js", []byte(strings.Replace(worker, "__ASSETS__", "two", 1)))
	c.replace("static/lib/db.js", nil)
	look := `navigator.serviceWorker.getRegistration("/verify/").then(async (r) => { await r.update().catch(() => {}); const w = r.installing; if (w) await new Promise((done) => { const see = () => w.state !== "installing" && done(); w.onstatechange = see; see(); }); return w ? w.state : "none"; })`
	if state := webtest.Eval[string](d.Page, look); state != "redundant" || builds() != "posvid-verify-__ASSETS__, 1" {
		t.Errorf("half a build: %s, %s", state, builds())
	}
	c.replace("static/lib/db.js", append(ok[[]byte](t)(os.ReadFile(filepath.Join(root, "web", "static", "lib", "db.js"))), "// two\n"...))
	if state := webtest.Eval[string](d.Page, look); state != "installed" || builds() != "posvid-verify-__ASSETS__ posvid-verify-two, 2" {
		t.Errorf("a whole build: %s, %s", state, builds())
	}
	if webtest.Eval[bool](d.Page, `fetch("/static/lib/db.js").then((r) => r.text()).then((s) => s.includes("// two"))`) {
		t.Error("the open page got a file of the new build")
	}
	d.Open(c.URL + "/static/app.css") // no page of the build is open
	d.Wait("the new build alone", `await caches.keys().then((k) => k.join() === "posvid-verify-two")`)
	d.Open(c.URL + "/verify/")
	d.WaitVisible("#pin")
	if !webtest.Eval[bool](d.Page, `fetch("/static/lib/db.js").then((r) => r.text()).then((s) => s.includes("// two"))`) {
		t.Error("the page opened later got a file of the old build")
	}
}

// newBuild serves another build, in which texts are replaced (pairs of old and new), and waits until it is kept beside the one that runs.
func (d *desk) newBuild(name string, other ...string) {
	d.t.Helper()
	for _, file := range []string{"sw.js", "app.js"} {
		data := string(ok[[]byte](d.t)(os.ReadFile(filepath.Join(root, "web", "static", "verify", file))))
		if file == "app.js" {
			data += "globalThis.build = " + js(name) + ";\n"
		}
		d.c.replace("static/verify/"+file, []byte(strings.NewReplacer(append(other, "__ASSETS__", name)...).Replace(data)))
	}
	webtest.Eval[bool](d.Page, `navigator.serviceWorker.getRegistration("/verify/").then((r) => r.update()).then(() => true)`)
	d.WaitVisible("#newer-take")
}

// verifierTakes: a page that is never closed takes a newer build, when a person says so or when nobody is there for long
// (VPG-25); what the device knows stays.
func verifierTakes(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := &desk{b.Page(t), t, c}
	d.Before(`navigator.mediaDevices.getUserMedia = async () => { const c = document.createElement("canvas"); c.getContext("2d").fillRect(0, 0, 9, 9); return c.captureStream(5); };
	  sessionStorage.loads = 1 + Number(sessionStorage.loads || 0)`)
	d.Open(c.URL + "/verify/")
	d.setUp(o)
	d.Wait("the service worker", `navigator.serviceWorker.controller !== null`)
	d.Click("#camera-toggle")
	d.Wait("the camera", `document.querySelector("#video").srcObject !== null`)
	runs := func(want string) {
		t.Helper()
		time.Sleep(1500 * time.Millisecond) // the page looks at its state every second
		if got := webtest.Eval[string](d.Page, `(globalThis.build || "one") + " " + sessionStorage.loads`); got != want {
			t.Errorf("the page runs build and load %s, want %s", got, want)
		}
	}
	shift := func(by time.Duration) { webtest.Eval[bool](d.Page, webtest.ShiftClock(by)+`; true`) }
	goesOn := func(build string) {
		t.Helper()
		d.Wait("build "+build, `globalThis.build === `+js(build))
		d.WaitText("#newer-text", "Працює нова версія")
		d.WaitText("#as-of", "Набір довіри")
		d.Wait("the camera", `document.querySelector("#video").srcObject !== null`)
		if got := webtest.Eval[string](d.Page, `caches.keys().then((k) => k.join() + " " + document.querySelector("#setup").hidden + " " + sessionStorage.length)`); got != "posvid-verify-"+build+" true 1" {
			t.Errorf("cache, set-up hidden, kept for the tab: %s", got)
		}
	}
	idle := openDesk(t, b, c) // a tab that does not check: it takes nothing, and says nothing
	idle.WaitVisible("#take")

	// By hand: not while a person is shown.
	code := p.code(time.Now())
	d.paste(code)
	d.told("accept")
	d.newBuild("two")
	d.Accessible("a newer build")
	if said := idle.Text("#newer"); said != "" {
		t.Errorf("the tab that does not check offers: %s", said)
	}
	d.Click("#newer-take")
	d.WaitText("#newer-text", "щойно")
	runs("one 1")
	d.told("accept")
	d.Before(webtest.ShiftClock(40 * time.Second)) // long enough after for the code to be a picture of itself
	d.Click("#actions button")
	goesOn("two")
	if focus := webtest.Eval[string](d.Page, `document.activeElement.id`); focus != "main" {
		t.Errorf("the focus is on %q", focus)
	}
	d.paste(code)
	if said := d.told("cannot-confirm"); !strings.Contains(said, "уже показували") {
		t.Errorf("a code that the build before was shown: %s", said)
	}
	d.next()
	runs("two 2")

	// By itself: after ten minutes of waiting, which begin anew with everything that is judged.
	d.newBuild("three")
	shift(9 * time.Minute)
	runs("two 2")
	webtest.Eval[bool](d.Page, `document.querySelector("#verdict").dataset.outcome = "judging"; true`)
	shift(11 * time.Minute)
	runs("two 2")
	d.Before(webtest.ShiftClock(31 * time.Minute))
	webtest.Eval[bool](d.Page, `document.querySelector("#verdict").dataset.outcome = "waiting"; true`)
	runs("two 2")
	shift(11 * time.Minute)
	goesOn("three")
	runs("three 3")
	ahead := 31*time.Minute + 40*time.Second
	d.paste(p.code(time.Now().Add(ahead)))
	d.told("accept")
	d.next()

	// A build that does not take over: the old one goes on.
	d.newBuild("four", "self.skipWaiting()", "null")
	d.Click("#newer-take")
	d.WaitText("#newer-text", "не запустилася")
	d.Wait("the camera", `document.querySelector("#video").srcObject !== null`)
	d.paste(p.code(time.Now().Add(ahead + time.Second)))
	d.told("accept")
	runs("three 3")

	// The other tab has files of the first build and a service worker of a later one: it is loaded again before it checks.
	idle.Click("#take")
	idle.Wait("build three in the other tab", `globalThis.build === "three"`)
	idle.WaitText("#as-of", "Набір довіри")
	d.WaitVisible("#taken")
}

// verifierTabs: one tab checks; another one says so and can take over.
func verifierTabs(t *testing.T, b *webtest.Browser) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	one := openDesk(t, b, c)
	one.setUp(o)
	one.paste(p.code(time.Now()))
	one.told("accept")
	two := openDesk(t, b, c)
	two.WaitVisible("#take")
	two.Click("#take")
	two.WaitText("#as-of", "Набір довіри")
	one.Wait("the first tab to stop", `!document.querySelector("#taken").hidden && document.querySelector("#verdict").hidden`)
	if strings.Contains(one.Text("main"), p.name) {
		t.Error("the tab that stopped still shows the person")
	}
	two.paste(p.code(time.Now().Add(time.Second)))
	two.told("accept")

	old := b.Page(t)
	old.Before(`delete Navigator.prototype.locks`)
	old.Open(c.URL + "/verify/")
	old.WaitText("#old", "Web Locks")
	if strings.Contains(old.Text("main"), "ЧИННЕ") {
		t.Error("an old browser judges")
	}
}

// TestVerifierPrecache: what the page is made of is in the list of its service worker, and nothing else is.
func TestVerifierPrecache(t *testing.T) {
	static := filepath.Join(root, "web", "static")
	read := func(address string) string {
		file := filepath.Join(static, filepath.FromSlash(strings.TrimPrefix(address, "/static")))
		switch {
		case address == "/verify/":
			file = filepath.Join(static, "verify", "index.html")
		case strings.HasPrefix(address, "/verify/"):
			file = filepath.Join(static, filepath.FromSlash(address))
		}
		return string(ok[[]byte](t)(os.ReadFile(file)))
	}
	_, list, _ := strings.Cut(read("/verify/sw.js"), "const ASSETS = [")
	list, _, _ = strings.Cut(list, "]")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(list, -1) {
		listed[m[1]] = true
	}
	needed := map[string]bool{"/verify/": true, "/static/dist/posvid.wasm": true, "/verify/icon-512.png": true}
	own := regexp.MustCompile(`["'(](/(?:verify|static)/[A-Za-z0-9._/-]+\.(?:js|css|svg|png|wasm|webmanifest))["')]`)
	beside := regexp.MustCompile(`from "(\.\.?/[^"]+)"`)
	for queue := []string{"/verify/"}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if strings.HasPrefix(at, "/static/dist/") || strings.HasSuffix(at, ".png") || strings.HasSuffix(at, ".wasm") {
			continue
		}
		text := read(at)
		var found []string
		for _, m := range own.FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		for _, m := range beside.FindAllStringSubmatch(text, -1) {
			found = append(found, path.Join(path.Dir(at), m[1]))
		}
		for _, f := range found {
			if f != "/verify/sw.js" && !needed[f] {
				needed[f] = true
				queue = append(queue, f)
			}
		}
	}
	for f := range needed {
		if !listed[f] {
			t.Errorf("%s is needed and not kept for when the network is off", f)
		}
	}
	for f := range listed {
		if !needed[f] {
			t.Errorf("%s is kept and not needed", f)
		}
	}
}

// TestVerifierStaticWords: the page has two words of its own, for the case that the program never starts; they are the program's.
func TestVerifierStaticWords(t *testing.T) {
	page := string(ok[[]byte](t)(os.ReadFile(filepath.Join(root, "web", "static", "verify", "index.html"))))
	for _, lang := range locale.Languages() {
		if want := fmt.Sprintf(`<p lang=%q>%s</p>`, lang, locale.Word(lang, "cannot-confirm")); !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, word := range []string{"ЧИННЕ", "ВІДХИЛЕНО"} {
		for _, name := range ok[[]string](t)(filepath.Glob(filepath.Join(root, "web", "static", "verify", "*"))) {
			if strings.Contains(string(ok[[]byte](t)(os.ReadFile(name))), word) {
				t.Errorf("%s has the word %s: words of verdicts come from package locale", name, word)
			}
		}
	}
}
