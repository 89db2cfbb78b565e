package webpath

import (
	"fmt"
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
	slipNumber = regexp.MustCompile(`№ ([0-9]+)`)
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
type phone struct{ *webtest.Page }

func openPhone(t *testing.T, b *webtest.Browser, s *site, scripts ...string) phone {
	t.Helper()
	p := phone{b.Page(t)}
	p.Size(390, 844)
	for _, script := range scripts {
		p.Before(script)
	}
	p.Open(s.URL + "/wallet/")
	return p
}

// enrol types a slip into the page.
func (p phone) enrol(body string, s slip) {
	p.Eval("location.hash = 'add'")
	p.WaitVisible("#code")
	webtest.Eval[string](p.Page, fmt.Sprintf("document.querySelector('#body').value = %q", body))
	p.Set("#code", s.code)
	p.Click("form button[type=submit]")
}

// Eval evaluates for its effect.
func (p phone) Eval(script string) { webtest.Eval[string](p.Page, "String("+script+")") }

// shown waits for a code and is when it was made, in milliseconds.
func (p phone) shown() int64 {
	p.Wait("a code on the screen", "!!document.querySelector('.frame canvas[data-issued]')")
	return webtest.Eval[int64](p.Page, "Number(document.querySelector('.frame canvas').dataset.issued)")
}

// read finds the code in a screenshot.
func (p phone) read(t *testing.T) (text string, png []byte) {
	t.Helper()
	png = p.Screenshot()
	found, err := qr.ReadImage(png, qr.ReadOptions{CleanOnly: true})
	if err != nil {
		t.Fatalf("no code is read from the screenshot: %v", err)
	}
	return found[0].Text, png
}

// TestWalletPage is the way of one holder: a slip, a code, no network, a reload.
func TestWalletPage(t *testing.T) {
	s := start(t)
	s.Kill()
	paper, other := s.slip(taras), s.slip(second)
	s.Again()
	b := webtest.Start(t, webtest.Options{})
	p := openPhone(t, b, s)
	p.WaitVisible("main h1")
	p.Picture(root, "wallet-welcome")

	// Typed as people do: small letters, spaces, on the Ukrainian layout where letters look alike.
	typed := strings.NewReplacer("-", " ", "A", "а", "C", "с", "E", "е", "H", "Н", "K", "к", "M", "м", "T", "т", "X", "х", "P", "р").Replace(paper.code)
	p.enrol(ministry, slip{code: strings.ToLower(typed)})
	p.shown()
	p.Picture(root, "wallet-code")
	text, png := p.read(t)
	if !strings.HasPrefix(text, "SID1:") {
		t.Errorf("the code is %q", text)
	}
	file := filepath.Join(t.TempDir(), "screen.png")
	if err := os.WriteFile(file, png, 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Println(time.Now(), other, file)
}
