package office_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fullSync is what a client does at first: the list of changes, then every card, asked for by name.
func fullSync(w *davWorld) (cards int, bytes int) {
	var b strings.Builder
	token, more := "", true
	for more {
		a := w.multistatus(w.do("REPORT", bookPath, syncBody(token, 0), "Depth", "0"))
		token, more = a.Token, false
		for _, r := range a.Responses {
			if more = more || r.Status != ""; r.Status == "" {
				b.WriteString("<d:href>" + r.Href + "</d:href>")
			}
		}
	}
	rec := w.do("REPORT", bookPath, `<a:addressbook-multiget xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"><d:prop><d:getetag/><a:address-data/></d:prop>`+b.String()+`</a:addressbook-multiget>`)
	return strings.Count(rec.Body.String(), "END:VCARD"), rec.Body.Len()
}

func benchmarkFirstSync(b *testing.B, n int) {
	w := davTest(b)
	fill(b, w.directory, crowd(n), began)
	for b.Loop() {
		if cards, _ := fullSync(w); cards != n {
			b.Fatalf("%d cards, want %d", cards, n)
		}
	}
}

// The server's part of a first synchronisation, without a network.
func BenchmarkDAVFirstSync2000(b *testing.B)  { benchmarkFirstSync(b, 2000) }
func BenchmarkDAVFirstSync20000(b *testing.B) { benchmarkFirstSync(b, 20000) }

// BenchmarkDAVRepeat is a synchronisation that finds nothing new among 2,000 cards.
func BenchmarkDAVRepeat(b *testing.B) {
	w := davTest(b)
	fill(b, w.directory, crowd(2000), began)
	token := w.multistatus(w.do("REPORT", bookPath, syncBody("", 0), "Depth", "0")).Token
	for b.Loop() {
		if a := w.multistatus(w.do("REPORT", bookPath, syncBody(token, 0), "Depth", "0")); len(a.Responses) != 0 {
			b.Fatal(a.hrefs())
		}
	}
}

// BenchmarkDAVVdirsyncer is vdirsyncer's first synchronisation of 2,000 cards, and one after it that finds nothing new.
func BenchmarkDAVVdirsyncer(b *testing.B) {
	if _, err := exec.LookPath("vdirsyncer"); err != nil {
		b.Skip("vdirsyncer is not installed")
	}
	w := davTest(b)
	fill(b, w.directory, crowd(2000), began)
	server := httptest.NewServer(http.Handler(w))
	defer server.Close()
	run := func(home string, args ...string) {
		c := exec.Command("vdirsyncer", args...)
		c.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "LC_ALL=C.UTF-8")
		c.Stdin = strings.NewReader("y\n")
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	prepare := func() string {
		home := b.TempDir()
		config := fmt.Sprintf("[general]\nstatus_path = %q\n[pair p]\na = \"here\"\nb = \"there\"\ncollections = [\"99000011\"]\n[storage here]\ntype = \"filesystem\"\npath = %q\nfileext = \".vcf\"\n[storage there]\ntype = \"carddav\"\nurl = %q\nusername = \"u\"\npassword = \"p\"\nread_only = true\n",
			home+"/status", home+"/data", server.URL+"/")
		if err := os.MkdirAll(filepath.Join(home, "vdirsyncer"), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, "vdirsyncer", "config"), []byte(config), 0o600); err != nil {
			b.Fatal(err)
		}
		run(home, "discover")
		return home
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			home := prepare()
			b.StartTimer()
			run(home, "sync")
			if files, _ := filepath.Glob(home + "/data/99000011/*.vcf"); len(files) != 2000 {
				b.Fatalf("%d cards", len(files))
			}
		}
	})
	b.Run("repeat", func(b *testing.B) {
		home := prepare()
		run(home, "sync")
		for b.Loop() {
			run(home, "sync")
		}
	})
}
