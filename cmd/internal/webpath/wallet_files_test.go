package webpath

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source reads a file of the pages.
func source(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "web", "static", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	imported = regexp.MustCompile(`(?:from|import|import\()\s*"(/[^"]+)"`)
	inWorker = regexp.MustCompile(`new Worker\("(/[^"]+)"`)
	linked   = regexp.MustCompile(`(?:href|src)="(/[^"?#]+)"`)
	listed   = regexp.MustCompile(`(?m)^  "(/[^"]+)",$`)
)

// TestWalletWorkerFiles holds the list of the service worker against what the page loads: a file that is missing from it is
// missing without a network, and one that is not there keeps the worker from ever being installed.
func TestWalletWorkerFiles(t *testing.T) {
	worker := source(t, "wallet/sw.js")
	files := []string{"/wallet/"}
	for _, m := range listed.FindAllStringSubmatch(worker, -1) {
		files = append(files, m[1])
	}
	if len(files) < 20 {
		t.Fatalf("%d files are listed in sw.js, want the page's 20 and more", len(files))
	}
	onDisk := func(path string) string {
		path = strings.TrimSuffix(path, "/")
		if path == "/wallet" {
			path = "/wallet/index.html"
		}
		if rest, ok := strings.CutPrefix(path, "/wallet/"); ok {
			return "wallet/" + rest
		}
		return strings.TrimPrefix(path, "/static/")
	}
	for i, path := range files {
		if slices.Contains(files[:i], path) {
			t.Errorf("%s is listed twice", path)
		}
		if strings.HasPrefix(path, "/static/dist/") {
			continue // made by make wasm
		}
		if _, err := os.Stat(filepath.Join(root, "web", "static", filepath.FromSlash(onDisk(path)))); err != nil {
			t.Errorf("%s is listed in sw.js: %v", path, err)
		}
	}
	// Whatever a listed file loads is listed.
	for _, path := range files {
		if strings.HasPrefix(path, "/static/dist/") || strings.HasSuffix(path, ".png") || strings.HasSuffix(path, ".wasm") {
			continue
		}
		text := source(t, onDisk(path))
		for _, pattern := range []*regexp.Regexp{imported, inWorker, linked} {
			for _, m := range pattern.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(files, m[1]) {
					t.Errorf("%s loads %s, which sw.js does not keep", path, m[1])
				}
			}
		}
	}
	// And whatever stands in the page's folder, but for the worker itself.
	err := fs.WalkDir(os.DirFS(filepath.Join(root, "web", "static")), "wallet", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && name != "wallet/sw.js" && name != "wallet/index.html" && !slices.Contains(files, "/"+name) {
			t.Errorf("%s is not kept by sw.js", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWalletTexts holds the texts to two languages and to their use.
func TestWalletTexts(t *testing.T) {
	texts := source(t, "wallet/texts.js")
	pairs := regexp.MustCompile(`(?m)^  (\w+): \["((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\],$`).FindAllStringSubmatch(texts, -1)
	if lines := regexp.MustCompile(`(?m)^  \w+: \[`).FindAllString(texts, -1); len(pairs) < 100 || len(pairs) != len(lines) {
		t.Fatalf("%d texts are read out of %d lines", len(pairs), len(lines))
	}
	known := map[string]bool{}
	placeholder := regexp.MustCompile(`\{\w+\}`)
	for _, p := range pairs {
		if known[p[1]] {
			t.Errorf("%s stands twice", p[1])
		}
		known[p[1]] = true
		if p[2] == "" || p[3] == "" {
			t.Errorf("%s lacks a language", p[1])
		}
		uk, en := placeholder.FindAllString(p[2], -1), placeholder.FindAllString(p[3], -1)
		slices.Sort(uk)
		slices.Sort(en)
		if !slices.Equal(uk, en) {
			t.Errorf("%s: %v in Ukrainian, %v in English", p[1], uk, en)
		}
		if regexp.MustCompile(`[А-Яа-яІЇЄҐіїєґ]`).MatchString(p[3]) && p[1] != "language" && !strings.Contains(p[3], "ЄДРПОУ") {
			t.Errorf("%s: the English text has Cyrillic letters", p[1])
		}
	}
	used := source(t, "wallet/app.js") + source(t, "wallet/code.js") + texts
	for _, m := range regexp.MustCompile(`\bT\("(\w+)"`).FindAllStringSubmatch(used, -1) {
		if !known[m[1]] {
			t.Errorf("the page uses the text %s, which is not there", m[1])
		}
	}
	for key := range known {
		family := strings.HasPrefix(key, "err_") || strings.HasPrefix(key, "state_") || strings.HasPrefix(key, "say_") || strings.HasPrefix(key, "do_") || strings.HasPrefix(key, "askClass_")
		if !family && !strings.Contains(used, `"`+key+`"`) {
			t.Errorf("the text %s is used nowhere", key)
		}
	}
	// Every refusal of the WebAssembly has words.
	var codes [][]string
	for _, name := range []string{"wallet.go", "wallet_net.go", "wallet_view.go"} {
		program, err := os.ReadFile(filepath.Join(root, "cmd", "posvid-wasm", name))
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, regexp.MustCompile(`(?:coded\{|Err\w+, )"([a-z]+(?:-[a-z]+)*)"`).FindAllStringSubmatch(string(program), -1)...)
	}
	if len(codes) < 20 {
		t.Fatalf("%d codes are read from wallet.go", len(codes))
	}
	for _, m := range codes {
		if key := "err_" + strings.ReplaceAll(m[1], "-", "_"); !known[key] {
			t.Errorf("the refusal %s has no text %s", m[1], key)
		}
	}
}

// TestWalletMarkup: nothing that the Content-Security-Policy refuses, and words for browsers without scripts.
func TestWalletMarkup(t *testing.T) {
	page := source(t, "wallet/index.html")
	for name, pattern := range map[string]string{
		"a style attribute": `\sstyle=`, "an inline style": `<style`, "an inline script": `<script>`, "a handler": `\son[a-z]+=`, "a foreign host": `(?:href|src)="(?:https?:)?//`,
	} {
		if regexp.MustCompile(pattern).MatchString(page) {
			t.Errorf("index.html has %s", name)
		}
	}
	for _, want := range []string{"<noscript>", `lang="uk"`, `name="viewport"`, `rel="manifest"`, `role="status"`} {
		if !strings.Contains(page, want) {
			t.Errorf("index.html lacks %s", want)
		}
	}
	for _, name := range []string{"wallet/app.js", "wallet/code.js", "wallet/store.js", "lib/ui.js", "lib/qr.js", "lib/api.js", "lib/db.js", "lib/wasm.js"} {
		if m := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style"`).FindString(source(t, name)); m != "" {
			t.Errorf("%s uses %s", name, m)
		}
	}
	// check.js runs in browsers of any age.
	if m := regexp.MustCompile("=>|\\blet\\b|\\bconst\\b|`|\\bclass\\b|\\basync\\b").FindString(regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(source(t, "wallet/check.js"), "")); m != "" {
		t.Errorf("check.js uses %s, which an old browser does not know", m)
	}
}
