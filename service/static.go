package service

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

// maxAsset bounds one file of the assets once it is decompressed: they are our own, this is against a broken build.
const maxAsset = 64 << 20

// asset is one file that browsers get, in memory.
type asset struct {
	kind  string // Content-Type
	plain []byte // nil when only the compressed form was built
	gz    []byte // nil when it is not worth it
	etag  string // of the content, whatever its coding
}

// assets are the files under /static/, /wallet/ and /verify/.
type assets struct {
	files map[string]*asset // by path
	wasm  bool              // the verifier's WebAssembly was built
}

// kinds are the types of what may be served. A file of any other ending is not.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".wasm": "application/wasm", ".json": "application/json", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png",
	".ico": "image/x-icon", ".jpg": "image/jpeg", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8", ".ogg": "audio/ogg", ".wav": "audio/wav", ".map": "application/json",
}

// newAssets reads everything once: what is served never touches the disk, and cannot change while it is served.
func newAssets(files fs.FS) (*assets, error) {
	a := &assets{files: map[string]*asset{}}
	workers := map[string][]byte{}
	for _, root := range []struct{ folder, at string }{{"static", "/static/"}, {"dist", "/static/dist/"}} {
		err := fs.WalkDir(files, root.folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rest := strings.TrimPrefix(name, root.folder+"/")
			packed := strings.HasSuffix(rest, ".gz")
			rest = strings.TrimSuffix(rest, ".gz")
			kind := kinds[path.Ext(rest)]
			if kind == "" || strings.HasPrefix(path.Base(rest), ".") {
				return nil
			}
			data, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			if path.Base(rest) == "sw.js" {
				workers[root.at+rest] = data
				return nil
			}
			f, err := newAsset(kind, data, packed)
			if err != nil {
				return fmt.Errorf("service: asset %s: %w", name, err)
			}
			at := pagePath(root.at + rest)
			a.files[at] = f
			if strings.HasSuffix(at, "/index.html") {
				a.files[strings.TrimSuffix(at, "index.html")] = f
			}
			a.wasm = a.wasm || at == "/static/dist/posvid.wasm"
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	// A service worker keeps the files of one build. It names the build, so that a browser that looks for a newer worker finds one
	// whenever any file has changed.
	build := sha256.New()
	for _, at := range sortedKeys(a.files) {
		fmt.Fprintf(build, "%s %s\n", at, a.files[at].etag)
	}
	for _, at := range sortedKeys(workers) {
		data := bytes.ReplaceAll(workers[at], []byte("__ASSETS__"), []byte(hex.EncodeToString(build.Sum(nil)[:8])))
		f, err := newAsset(kinds[".js"], data, false)
		if err != nil {
			return nil, fmt.Errorf("service: asset %s: %w", at, err)
		}
		a.files[pagePath(at)] = f
	}
	return a, nil
}

// pagePath is where a file is served: those of the two pages lie at the pages' own addresses, which bound what their service
// workers rule.
func pagePath(at string) string {
	for folder, page := range map[string]string{"/static/wallet/": "/wallet/", "/static/verify/": "/verify/"} {
		if below, ok := strings.CutPrefix(at, folder); ok {
			return page + below
		}
	}
	return at
}

// made keeps what newAsset made, by what it was made from: compressing takes most of a start, and tests start often.
var made sync.Map // [32]byte → *asset

func newAsset(kind string, data []byte, packed bool) (*asset, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %t ", kind, packed)
	hash.Write(data)
	key := [sha256.Size]byte(hash.Sum(nil))
	if f, ok := made.Load(key); ok {
		return f.(*asset), nil
	}
	f, err := makeAsset(kind, data, packed)
	if err == nil {
		made.Store(key, f)
	}
	return f, err
}

func makeAsset(kind string, data []byte, packed bool) (*asset, error) {
	f := &asset{kind: kind}
	if packed {
		unpack, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		if f.plain, err = io.ReadAll(io.LimitReader(unpack, maxAsset+1)); err != nil {
			return nil, err
		}
		if len(f.plain) > maxAsset {
			return nil, fmt.Errorf("larger than %d bytes", maxAsset)
		}
		f.gz = data
	} else {
		f.plain = data
		if text := strings.HasPrefix(kind, "text/") || strings.Contains(kind, "json") || strings.Contains(kind, "svg") || kind == "application/wasm"; text && len(data) > 1024 {
			var out bytes.Buffer
			pack, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
			if err != nil {
				return nil, err
			}
			pack.Write(data)
			pack.Close()
			f.gz = out.Bytes()
		}
	}
	sum := sha256.Sum256(f.plain)
	f.etag = hex.EncodeToString(sum[:16])
	return f, nil
}

// serve answers for a file and tells whether the path is one of its own.
func (a *assets) serve(w http.ResponseWriter, r *http.Request, q *request) bool {
	f := a.files[r.URL.Path]
	if f == nil && a.files[r.URL.Path+"/"] != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		// People type /wallet; the page's own addresses are below /wallet/.
		q.route = staticRoute
		http.Redirect(w, r, r.URL.Path+"/", http.StatusPermanentRedirect)
		return true
	}
	if f == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	q.route = staticRoute
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Add("Vary", "Accept-Encoding")
	data, etag := f.plain, f.etag
	if f.gz != nil && acceptsGzip(r) {
		data, etag = f.gz, f.etag+"-gz"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	if base := path.Base(r.URL.Path); base == "sw.js" {
		h.Set("Service-Worker-Allowed", path.Dir(r.URL.Path)+"/")
	}
	if matches(r.Header.Get("If-None-Match"), f.etag) {
		h.Del("Content-Type")
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		w.Write(data)
	}
	return true
}

// staticRoute is the files' name in logs and counts.
const staticRoute = "GET /static/"

// acceptsGzip reads Accept-Encoding (RFC 9110, Section 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(item), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && !strings.HasPrefix(weight, "q=0.000") && weight != "q=0.0" && weight != "q=0.00"
		}
	}
	return false
}

// matches reads If-None-Match (RFC 9110, Section 13.1.2); either coding of a file is the same file.
func matches(header, etag string) bool {
	for item := range strings.SplitSeq(header, ",") {
		item = strings.TrimPrefix(strings.TrimSpace(item), "W/")
		if item == "*" || item == `"`+etag+`"` || item == `"`+etag+`-gz"` {
			return true
		}
	}
	return false
}
