package webpath

import (
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/posvid/posvid/web/webtest"
)

// shelf serves the wallet's files alone, and other ones when told.
type shelf struct {
	t     *testing.T
	mu    sync.Mutex
	asked int
	texts func(n int, text string) string // what becomes of texts.js at the n-th request
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "wallet/" {
		name += "index.html"
	}
	if strings.HasPrefix(name, "wallet/") {
		name = "static/" + name
	}
	name = strings.Replace(name, "static/dist/", "dist/", 1)
	file := filepath.Join(root, "web", filepath.FromSlash(path.Clean("/"+name)))
	data, err := os.ReadFile(file)
	if err != nil {
		if data, err = unpacked(file + ".gz"); err != nil {
			http.NotFound(w, r)
			return
		}
	}
	if path.Base(name) == "texts.js" {
		s.mu.Lock()
		s.asked++
		if s.texts != nil {
			data = []byte(s.texts(s.asked, string(data)))
		}
		s.mu.Unlock()
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'")
	w.Write(data)
}

func (s *shelf) change(f func(n int, text string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = f
}

func unpacked(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// TestWalletUpdate: a newer version is told, comes as a whole when the holder says so, and not at all while the service is
// being changed.
func TestWalletUpdate(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts a browser")
	}
	if _, err := built(); err != nil { // makes the WebAssembly
		t.Fatal(err)
	}
	s := &shelf{t: t}
	server := httptest.NewServer(s)
	defer server.Close()
	p := phone{webtest.Start(t, webtest.Options{}).Page(t), t}
	p.Size(390, 844)
	p.Allow("status of 404") // there is no service behind these files
	p.Open(strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/wallet/")
	p.worker()
	p.Wait("the files of a version", "document.title === 'Службове посвідчення'")

	// Each request gets another file: no two looks agree, and nothing changes.
	s.change(func(n int, text string) string { return fmt.Sprintf("%s\n// %d", text, n) })
	before := version(p)
	p.Reload()
	p.WaitVisible("main h1")
	p.Do(`new Promise((y) => setTimeout(y, 1500)).then(() => "waited")`)
	if got := version(p); got != before {
		t.Errorf("versions %q, want %q as before", got, before)
	}

	s.change(func(_ int, text string) string {
		return strings.ReplaceAll(text, "Службове посвідчення", "Нове посвідчення")
	})
	p.Reload()
	p.WaitText("#notices", "новіша версія")
	if got := webtest.Eval[string](p.Page, `fetch("/wallet/texts.js").then((r) => r.text()).then((t) => document.title + (t.includes("Нове посвідчення") ? " and a newer file" : ""))`); got != "Службове посвідчення" {
		t.Errorf("before the holder agrees the page has %q", got)
	}
	p.Click("#notices button")
	p.Wait("the newer version", "document.title === 'Нове посвідчення'")
	server.CloseClientConnections()
	server.Config.Handler = http.NotFoundHandler()
	p.Reload()
	p.Wait("the newer version without the service", "document.title === 'Нове посвідчення' && !!document.querySelector('main h1')")
}

// version is the names of the current and of the next version.
func version(p phone) string {
	return webtest.Eval[string](p.Page, `(async () => {
		const c = await caches.open("posvid-wallet");
		const text = async (k) => { const r = await c.match(k); return r ? r.text() : "-"; };
		return await text("/current") + " " + await text("/next");
	})()`)
}
