package service_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// SRV-23
func TestStatic(t *testing.T) {
	wasm := bytes.Repeat([]byte("\x00asm"), 1000)
	long := strings.Repeat("body{} ", 1000)
	assets := fstest.MapFS{
		"static/app.css":           {Data: []byte(long)},
		"static/wallet/index.html": {Data: []byte("<!doctype html>wallet")},
		"static/wallet/sw.js":      {Data: []byte(`const build = "__ASSETS__";`)},
		"static/wallet/secret.key": {Data: []byte("no")},
		"static/.hidden.css":       {Data: []byte("no")},
		"static/verify/index.html": {Data: []byte("<!doctype html>verify")},
		"dist/posvid.wasm.gz":      {Data: gzipped(t, wasm)},
		"templates/x.html":         {Data: []byte(`{{define "main"}}{{end}}`)},
	}
	w := servicetest.New(t, func(c *service.Config) { c.Assets = assets })
	w.Start()
	c := &http.Client{Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]int{"/wallet": 308, "/verify": 308, "/wallet/x": 404, "/static": 404} {
		if status, h, _ := w.Do(c, "GET", path, nil); status != want || status == 308 && h.Get("Location") != path+"/" {
			t.Errorf("%s: %d to %q, want %d", path, status, h.Get("Location"), want)
		}
	}
	for path, want := range map[string]struct{ kind, body string }{
		"/static/app.css":          {"text/css; charset=utf-8", long},
		"/wallet/":                 {"text/html; charset=utf-8", "<!doctype html>wallet"},
		"/wallet/index.html":       {"text/html; charset=utf-8", "<!doctype html>wallet"},
		"/verify/":                 {"text/html; charset=utf-8", "<!doctype html>verify"},
		"/static/dist/posvid.wasm": {"application/wasm", string(wasm)},
	} {
		status, h, body := w.Do(c, "GET", path, nil)
		if status != 200 || h.Get("Content-Type") != want.kind || string(body) != want.body || h.Get("Content-Encoding") != "" || h.Get("ETag") == "" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v, %d bytes", path, status, h, len(body))
		}
		etag := h.Get("ETag")
		status, h, body = w.Do(c, "GET", path, nil, "Accept-Encoding", "br, gzip")
		if h.Get("Content-Encoding") == "gzip" {
			unpack, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(unpack); err != nil {
				t.Fatal(err)
			}
			if h.Get("ETag") == etag {
				t.Errorf("%s: two codings have one strong tag", path)
			}
		} else if len(want.body) > 1024 {
			t.Errorf("%s: %d bytes are not compressed", path, len(want.body))
		}
		if status != 200 || string(body) != want.body || !strings.Contains(h.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%s, gzip: %d %v", path, status, h)
		}
		for _, match := range []string{etag, h.Get("ETag"), `"x", W/` + etag, "*"} {
			if status, _, body := w.Do(c, "GET", path, nil, "If-None-Match", match); status != 304 || len(body) != 0 {
				t.Errorf("%s, If-None-Match %s: %d, %d bytes", path, match, status, len(body))
			}
		}
		if status, _, _ := w.Do(c, "GET", path, nil, "If-None-Match", `"other"`); status != 200 {
			t.Errorf("%s, another tag: %d", path, status)
		}
		if status, h, body := w.Do(c, "HEAD", path, nil); status != 200 || len(body) != 0 || h.Get("Content-Length") == "0" {
			t.Errorf("%s, HEAD: %d", path, status)
		}
		if status, _, _ := w.Do(c, "GET", path, nil, "Accept-Encoding", "gzip;q=0"); status != 200 {
			t.Errorf("%s, gzip refused: %d", path, status)
		}
		if status, _, _ := w.Do(c, "POST", path, nil); status != 405 && status != 404 {
			t.Errorf("%s, POST: %d", path, status)
		}
	}
	for _, path := range []string{"/wallet/secret.key", "/static/.hidden.css", "/static/wallet/index.html", "/static/dist/posvid.wasm.gz", "/templates/x.html"} {
		if status, _, _ := w.Do(c, "GET", path, nil); status != 404 {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	_, _, one := w.Do(c, "GET", "/wallet/sw.js", nil)
	assets["static/app.css"] = &fstest.MapFile{Data: []byte("changed")}
	w = servicetest.New(t, func(c *service.Config) { c.Assets = assets })
	w.Start()
	_, _, two := w.Do(c, "GET", "/wallet/sw.js", nil)
	if bytes.Contains(one, []byte("__ASSETS__")) || bytes.Equal(one, two) {
		t.Errorf("a service worker of another build is the same: %s", one)
	}
}
