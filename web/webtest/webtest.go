// Package webtest drives the service's pages in a real Chromium, for tests only: it starts the browser, clicks and types as a
// person does, plays pictures as a camera, and holds every page to what a browser complains about and to the rules of
// accessibility.
package webtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Term is how long a page may take for what a test waits for. It is generous: machines that run tests are busy.
const Term = 20 * time.Second

// Options of a browser. The zero value is a desktop browser without a camera.
type Options struct {
	Camera string   // file of CameraFile; empty: the browser has no camera
	Args   []string // further command-line flags, without the dashes
}

// Browser is one running Chromium with a profile of its own, which outlives its pages: storage and service workers stay.
type Browser struct {
	ctx context.Context
}

// Start starts a browser and stops it at the end of the test. Without Chromium the test is skipped; under CI=true it fails.
func Start(t testing.TB, o Options) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed (apt-get install chromium)")
		}
		t.Skip("chromium is not installed (apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("accept-lang", "uk-UA,uk"))
	if o.Camera != "" {
		options = append(options, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-file-for-fake-video-capture", o.Camera))
	}
	for _, arg := range o.Args {
		name, value, ok := strings.Cut(arg, "=")
		if ok {
			options = append(options, chromedp.Flag(name, value))
		} else {
			options = append(options, chromedp.Flag(name, true))
		}
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { cancel(); cancelAllocator() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium did not start: %v", err)
	}
	return &Browser{ctx}
}

// Page is one tab. Its methods fail the test when the page does not do what they ask within Term.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	console []string
	allowed []string
}

// Page opens a tab. What the page complains about (exceptions, refused by Content-Security-Policy, errors on the console)
// fails the test at its end unless Allow names it.
func (b *Browser) Page(t testing.TB) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &Page{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" {
				p.mu.Lock()
				p.console = append(p.console, m.String())
				p.mu.Unlock()
			}
		}
	}()
	p.Size(1280, 900)
	t.Cleanup(func() {
		cancel()
		<-done
		for _, line := range p.Complaints() {
			t.Errorf("the page complains: %s", line)
		}
	})
	return p
}

// Allow lets the page complain in words that contain one of the texts.
func (p *Page) Allow(texts ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, texts...)
}

// Complaints is what the page complained about so far, without what is allowed.
func (p *Page) Complaints() (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for _, line := range p.console {
		for _, text := range p.allowed {
			if strings.Contains(line, text) {
				continue next
			}
		}
		out = append(out, line)
	}
	return out
}

// Context is the tab's context, for what chromedp can do beyond this package.
func (p *Page) Context() context.Context { return p.ctx }

// Do runs chromedp's actions within Term.
func (p *Page) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Term)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.state())
	}
}

// reach does what begins with finding an element. Between finding and doing a page that is being built may put another document in
// place, whose nodes have other ids; nothing has happened then, so it is done again.
func (p *Page) reach(what string, step chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Term)
	defer cancel()
	err := chromedp.Do(ctx, step)
	for err != nil && strings.Contains(err.Error(), "Could not find node with given id") && ctx.Err() == nil {
		err = chromedp.Do(ctx, step)
	}
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.state())
	}
}

// state is what a person would see when something fails.
func (p *Page) state() string {
	ctx, cancel := context.WithTimeout(p.ctx, 3*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body ? document.body.innerText : "")`))
	if err != nil {
		return "the page does not answer: " + err.Error()
	}
	if len(text) > 3000 {
		text = text[:3000] + "…"
	}
	return "the page shows: " + text + "\ncomplaints: " + strings.Join(p.Complaints(), " | ")
}

// Open goes to an address and waits until it has loaded.
func (p *Page) Open(address string) {
	p.t.Helper()
	p.Do("open "+address, chromedp.Navigate(address))
}

// Reload loads the page again.
func (p *Page) Reload() { p.t.Helper(); p.Do("reload", chromedp.Reload()) }

// Click clicks the first visible element of a CSS selector.
func (p *Page) Click(css string) {
	p.t.Helper()
	p.Wait("visible "+css, visible(css))
	p.reach("click "+css, chromedp.Click(chromedp.CSS(css)))
}

// Type types a text into an element after what stands there.
func (p *Page) Type(css, text string) {
	p.t.Helper()
	p.Wait("visible "+css, visible(css))
	p.reach("type into "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

// Set replaces the value of a field, as a person who selects all and types.
func (p *Page) Set(css, text string) {
	p.t.Helper()
	p.Wait("visible "+css, visible(css))
	Eval[bool](p, fmt.Sprintf(`(e => { e.focus(); e.value = ""; e.dispatchEvent(new Event("input", {bubbles: true})); return true; })(document.querySelector(%s))`, quoted(css)))
	p.reach("set "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

// Keys sends keys to whatever has the focus, as a hand scanner does (chromedp/kb has the names of special keys).
func (p *Page) Keys(keys string) { p.t.Helper(); p.Do("keys", chromedp.KeyEvent(keys)) }

// Upload chooses files in a file field.
func (p *Page) Upload(css string, files ...string) {
	p.t.Helper()
	p.Do("upload into "+css, chromedp.SetUploadFiles(chromedp.CSS(css), files))
}

// visible is a JavaScript expression that is true when an element is there and can be seen.
func visible(css string) string {
	return fmt.Sprintf(`(e => !!e && e.getClientRects().length > 0)(document.querySelector(%s))`, quoted(css))
}

func quoted(s string) string {
	out, _ := json.Marshal(s) // a text always encodes
	return string(out)
}

// Wait waits until a JavaScript expression is true; a promise counts by its value. what is for the failure's text.
func (p *Page) Wait(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(Term)
	for {
		ctx, cancel := context.WithTimeout(p.ctx, Term)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(async () => !!(await (`+expression+`)))()`, chromedp.EvalAwaitPromise))
		cancel()
		if ok && err == nil {
			return
		}
		if time.Now().After(deadline) || p.ctx.Err() != nil {
			p.t.Fatalf("waited in vain for %s (last error %v)\n%s", what, err, p.state())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// WaitVisible waits for an element.
func (p *Page) WaitVisible(css string) { p.t.Helper(); p.Wait("visible "+css, visible(css)) }

// WaitText waits until the visible text of an element contains a text.
func (p *Page) WaitText(css, text string) {
	p.t.Helper()
	p.Wait(css+" with "+text, fmt.Sprintf(`(document.querySelector(%s)?.innerText ?? "").includes(%s)`, quoted(css), quoted(text)))
}

// Text is the visible text of an element; empty when there is none.
func (p *Page) Text(css string) string {
	p.t.Helper()
	return Eval[string](p, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quoted(css)))
}

// Eval evaluates a JavaScript expression; the value of a promise is waited for.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 3*Term)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil && !errors.Is(err, chromedp.ErrJSUndefined) {
		p.t.Fatalf("evaluate %.200s: %v\n%s", expression, err, p.state())
	}
	return v
}

// Before runs a script in every document that the tab opens from now on, before the page's own, for example to shift its clock
// (ShiftClock) or to take a feature away.
func (p *Page) Before(script string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		p.t.Fatal(err)
	}
}

// ShiftClock is a script for Before that sets the page's clock off by d.
func ShiftClock(d time.Duration) string {
	return fmt.Sprintf(`(() => { const real = Date, by = %d;
  globalThis.Date = class extends real { constructor(...a) { a.length ? super(...a) : super(real.now() + by); } static now() { return real.now() + by; } }; })()`, d.Milliseconds())
}

// Size sets the viewport in CSS pixels; up to 600 wide it is a phone with touch and two device pixels for each.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	if width <= 600 {
		p.Do("size", chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2)))
		return
	}
	p.Do("size", chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1)))
}

// Screenshot is what is visible, as PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Term)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("screenshot: %v", err)
	}
	return png
}

// Picture writes a screenshot to docs/img/‹name›.png, one pixel for each CSS pixel, when POSVID_SCREENSHOTS is set; root is the
// path to the repository.
func (p *Page) Picture(root, name string) {
	p.t.Helper()
	if os.Getenv("POSVID_SCREENSHOTS") == "" {
		return
	}
	view := Eval[[]float64](p, `[visualViewport.pageLeft, visualViewport.pageTop, innerWidth, innerHeight, 1 / devicePixelRatio]`)
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{X: view[0], Y: view[1], Width: view[2], Height: view[3], Scale: view[4]}})
	if err != nil {
		p.t.Fatalf("picture %s: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(root, "docs", "img", name+".png"), shot.Data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Overflow is how many CSS pixels the page is wider than its window; 0 means that nobody has to scroll sideways.
func (p *Page) Overflow() int {
	p.t.Helper()
	return Eval[int](p, `Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)`)
}

// Offline cuts the tab and the service workers of its site off the network, or gives it back.
func (p *Page) Offline(off bool) {
	p.t.Helper()
	rules := []map[string]any{}
	if off {
		rules = append(rules, map[string]any{"urlPattern": "", "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
	}
	p.Do("network", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if err := t.Call(ctx, "Network.emulateNetworkConditionsByRule", map[string]any{"offline": off, "emulateOfflineServiceWorker": off, "matchedNetworkConditions": rules}, nil); err != nil {
			return fmt.Errorf("by rule: %w", err)
		}
		return t.Call(ctx, "Network.overrideNetworkState", map[string]any{"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}, nil)
	}))
}

// Passkeys gives the tab an authenticator with user verification, as a phone or a security key.
func (p *Page) Passkeys() webauthn.AuthenticatorID {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		p.t.Fatal(err)
	}
	made, err := chromedp.Call(p.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	if err != nil {
		p.t.Fatal(err)
	}
	return made.AuthenticatorID
}

// CameraFile writes pictures as a video that a browser plays as its camera, each for so many of its 10 frames a second, and
// starts again at the end. All are drawn in the middle of a frame of 640 × 480, as large as fits, without blur.
func CameraFile(t testing.TB, each int, pictures ...image.Image) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "camera.y4m")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeY4M(file, 640, 480, each, pictures); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}
