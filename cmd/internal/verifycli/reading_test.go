package verifycli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
)

// slowReader is a hand scanner that waits for the next person: reading it takes time.
type slowReader struct {
	io.Reader
	clock *time.Time
	wait  time.Duration
}

func (r *slowReader) Read(b []byte) (int, error) {
	*r.clock = r.clock.Add(r.wait)
	r.wait = 0
	return r.Reader.Read(b)
}

// TestTimeIsThatOfTheReading: a program that waits for a code judges it by the time at which it came. By the time at
// which the program was started, a picture of a code would stay good for as long as nobody reads anything else.
func TestTimeIsThatOfTheReading(t *testing.T) {
	scenarios, err := testvectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var fresh testvectors.Scenario
	for _, s := range scenarios {
		if s.Name == "window_0" {
			fresh = s
		}
	}
	bundle, err := testvectors.TrustFile(fresh.Trust)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := trust.ParseFingerprint(DemoRoot)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	state, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Pin(pin); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Install(bundle, fresh.At); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		wait time.Duration
		want int
		code string
	}{{0, cli.ExitAccept, "ok"}, {90 * time.Second, cli.ExitAccept, "ok"}, {91 * time.Second, cli.ExitCannotConfirm, "clock-differs"}, {601 * time.Second, cli.ExitRefuse, "presentation-stale"}} {
		clock := fresh.At
		var out, errs bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: &slowReader{strings.NewReader(string(fresh.Data)), &clock, c.wait}, Stdout: &out, Stderr: &errs,
			Now: func() time.Time { return clock }, Lang: "en"}
		got := Run(env, []string{"qr", "-", "--json", "--state", dir})
		if got != c.want || !strings.Contains(out.String(), `"code":"`+c.code+`"`) {
			t.Errorf("a code that came %s after the start: exit %d, want %d with %s\n%s%s", c.wait, got, c.want, c.code, out.String(), errs.String())
		}
	}
}

// TestDoctorNamesDamagedRecords: whatever makes every verdict state-damaged is named, with the way out.
func TestDoctorNamesDamagedRecords(t *testing.T) {
	for name, remedy := range map[string]string{"seen": "--recover", "nonces": "--recover", "verifier.json": "posvid-verify enrol"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: io.Discard, Now: time.Now, Lang: "en"}
		if code := Run(env, []string{"doctor", "--lang", "en", "--state", dir}); code != cli.ExitCannotConfirm {
			t.Errorf("damaged %s: exit %d", name, code)
		}
		if !strings.Contains(out.String(), "damaged") || !strings.Contains(out.String(), remedy) {
			t.Errorf("damaged %s: want %q in\n%s", name, remedy, out.String())
		}
	}
}

// TestPDFWithoutPoppler: without the programs that render PDF nothing is judged, and the package to install is named.
func TestPDFWithoutPoppler(t *testing.T) {
	file := filepath.Join(t.TempDir(), "code.pdf")
	if err := os.WriteFile(file, []byte("%PDF-1.7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	var out, errs bytes.Buffer
	env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Lang: "en"}
	code := Run(env, []string{"qr", file, "--lang", "en", "--json", "--state", t.TempDir()})
	if code != cli.ExitCannotConfirm || !strings.Contains(out.String(), `"cannot-confirm"`) || !strings.Contains(errs.String(), "apt install poppler-utils") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

// TestFileNamesSteerNoTerminal: whoever sent a file chose its name, which stands above a verdict and in faults.
func TestFileNamesSteerNoTerminal(t *testing.T) {
	dir := t.TempDir()
	evil := "a\x1b[1A\x1b[2K\r\u009b42m\u202e\u2066 b\n ✔ ЧИННЕ \xff"
	for _, content := range []string{"", "no code\n", "SID1:AB\nSID1:CD\n", "\x89PNG\r\n\x1a\n", "%PDF-1.7\n"} {
		file := filepath.Join(dir, evil)
		if content == "" { // the fault names a file that is not there
			file += "absent"
		} else if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Now: time.Now, Lang: "uk"}
		if code := Run(env, []string{"qr", file, file, "--lang", "uk", "--state", t.TempDir()}); code == cli.ExitAccept {
			t.Errorf("%q: exit 0", content)
		}
		for _, text := range []string{out.String(), errs.String()} {
			if strings.ContainsAny(text, "\x1b\r\u009b\u202e\u2066") || strings.Contains(text, "\n ✔") {
				t.Errorf("%q: %q", content, text)
			}
		}
		if !strings.Contains(out.String(), "a[1A[2K42m b ✔") {
			t.Errorf("%q: the file is not named in %q", content, out.String())
		}
	}
}

// shown is a camera that shows pictures one after another and then nothing.
type shown struct{ items []source.Item }

func (s *shown) Next(ctx context.Context) (source.Item, error) {
	if len(s.items) == 0 {
		<-ctx.Done()
		return source.Item{}, ctx.Err()
	}
	item := s.items[0]
	s.items = s.items[1:]
	return item, nil
}

func (s *shown) Close() error { return nil }

// picture draws a code.
func picture(t *testing.T, text string) source.Item {
	t.Helper()
	symbol, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := symbol.PNG(&b, qr.PNGOptions{Scale: 3}); err != nil {
		t.Fatal(err)
	}
	g, err := source.DecodePicture(b.Bytes(), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return source.Item{Source: "camera", Picture: g}
}

// TestCameraLooksForID: a camera goes on past pictures with nothing, past faults, and for a while past codes of others.
func TestCameraLooksForID(t *testing.T) {
	blank := source.Item{Source: "camera", Picture: image.NewGray(image.Rect(0, 0, 64, 48))}
	gone := source.Item{Source: "camera", Err: fmt.Errorf("x: %w", source.ErrUnplugged)}
	id, foreign := picture(t, "SID1:ABC"), picture(t, "HTTPS://EXAMPLE.ORG/")
	p := &Program{Env: &cli.Env{Program: "posvid-verify", Lang: "uk", Stderr: io.Discard}}
	for name, c := range map[string]struct {
		items  []source.Item
		want   string // the text read
		err    error
		told   int
		most   time.Duration
		report bool
	}{
		"at once":               {items: []source.Item{id}, want: "SID1:ABC"},
		"after nothing":         {items: []source.Item{blank, blank, id}, want: "SID1:ABC"},
		"unplugged and back":    {items: []source.Item{gone, blank, id}, want: "SID1:ABC", told: 1},
		"a poster, then the ID": {items: []source.Item{foreign, blank, id}, want: "SID1:ABC"},
		"a poster alone":        {items: []source.Item{foreign}, want: "HTTPS://EXAMPLE.ORG/", most: foreignPatience},
		"nothing":               {items: []source.Item{blank}, err: qr.ErrNoCode, most: time.Minute, report: true},
		"nothing at all":        {err: qr.ErrNoCode, most: time.Minute},
		"unplugged for good":    {items: []source.Item{blank, gone}, err: source.ErrUnplugged, told: 1, most: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, told := time.Now(), 0
				got := p.watchFor(&shown{c.items}, "camera", time.Minute, true, func(error) { told++ })
				if waited := time.Since(begun); waited != c.most {
					t.Errorf("waited %s, want %s", waited, c.most)
				}
				if len(got) != 1 || got[0].text != c.want || !errors.Is(got[0].err, c.err) || told != c.told || got[0].beside || (got[0].report != nil) != c.report {
					t.Errorf("%+v, told of %d faults", got, told)
				}
			})
		})
	}
}

// TestIDsFirst: service IDs come first, in their order; other codes have no say beside one, and all of it alone.
func TestIDsFirst(t *testing.T) {
	texts := func(all []reading) (ids, beside, others string) {
		for _, r := range all {
			switch {
			case strings.HasPrefix(r.text, "SID1:"):
				ids += r.text[5:]
				if beside+others != "" || r.beside {
					t.Errorf("an ID after others, or without a say: %+v", all)
				}
			case r.beside:
				beside += r.text
			default:
				others += r.text
			}
		}
		return ids, beside, others
	}
	for in, want := range map[string][3]string{
		"": {}, "SID1:A": {"A"}, "x": {"", "", "x"}, "x y z": {"", "", "xyz"}, "x SID1:A": {"A", "x"}, "SID1:A x SID1:B y": {"AB", "xy"},
		"SIDQ1:A SID1:B": {"B", "SIDQ1:A"}, "sid1:A x": {"", "", "sid1:Ax"},
	} {
		var all []reading
		for _, text := range strings.Fields(in) {
			all = append(all, reading{text: text})
		}
		ids, beside, others := texts(idsFirst(all))
		if [3]string{ids, beside, others} != want {
			t.Errorf("%q: %q %q %q", in, ids, beside, others)
		}
	}
}

// TestAdviceTexts: every advice and every fault of a source has words in both languages.
func TestAdviceTexts(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range []detect.Advice{detect.AdviceCloser, detect.AdviceFarther, detect.AdviceStill, detect.AdviceGlare, detect.AdviceLight, detect.AdviceWhole,
		detect.AdviceNotQR, detect.AdviceUnreadable, detect.AdviceReadAlready, "", "other"} {
		uk, en := adviceText("uk", a), adviceText("en", a)
		if uk == "" || en == "" || uk == en || seen[uk] && a != "" && a != "other" {
			t.Errorf("%q: %q, %q", a, uk, en)
		}
		seen[uk] = true
	}
	for _, lang := range []string{"uk", "en"} {
		env := &cli.Env{Lang: lang}
		lines := explainLines(env, detect.Report{Finders: 2, ModulePixels: 2.5, Advice: []detect.Advice{detect.AdviceCloser, detect.AdviceStill}})
		if len(lines) != 5 || !strings.Contains(lines[1], "2.5") || !strings.HasPrefix(lines[3], "→ ") {
			t.Errorf("%q", lines)
		}
		layout := &source.LayoutError{Layout: source.LayoutUkrainian}
		if what, hint := readFault(env, fmt.Errorf("x: %w", layout)); what != layout.Words(lang) || hint != layout.Remedy(lang) {
			t.Errorf("%q, %q", what, hint)
		}
	}
}

// TestScan: the keys of a hand scanner on a terminal become one text, by Enter or by a pause; keys of a person do not.
func TestScan(t *testing.T) {
	scenarios, err := testvectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var id string
	for _, s := range scenarios {
		if s.Name == "ok_full" {
			id = string(s.Data)
		}
	}
	type press struct {
		keys string
		wait time.Duration // after them
	}
	for name, c := range map[string]struct {
		presses  []press
		want     string
		err      error
		repaired bool
	}{
		"Enter":                   {presses: []press{{id + "\r", time.Hour}}, want: id},
		"line feed":               {presses: []press{{id + "\n", time.Hour}}, want: id},
		"a pause":                 {presses: []press{{id, time.Hour}}, want: id},
		"in lumps":                {presses: []press{{id[:100], scanPause - scanTick}, {id[100:], time.Hour}}, want: id},
		"end of input":            {presses: []press{{id, 0}}, want: id},
		"a person's keys first":   {presses: []press{{"q", time.Second}, {"\r", 0}, {"ab", time.Second}, {id + "\r", time.Hour}}, want: id},
		"Ukrainian layout":        {presses: []press{{ukrainian.Replace(id) + "\r", time.Hour}}, want: id, repaired: true},
		"layout switched":         {presses: []press{{ukrainian.Replace(id) + "Q\r", time.Hour}}, err: source.ErrLayout},
		"Ctrl-C":                  {presses: []press{{"\x03", time.Hour}}, err: context.Canceled},
		"Ctrl-D":                  {presses: []press{{"\x04", time.Hour}}, err: io.ErrUnexpectedEOF},
		"nothing":                 {err: io.ErrUnexpectedEOF},
		"a text without end":      {presses: []press{{strings.Repeat("A", 5000) + "\r", time.Hour}}, err: source.ErrTextTooLong},
		"marks of the scanner":    {presses: []press{{"\x02]Q1" + id + "\x03\r", time.Hour}}, want: id, repaired: true},
		"a code of somebody else": {presses: []press{{"https://example.org/\r", time.Hour}}, want: "https://example.org/"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, out := io.Pipe()
				fed := make(chan struct{})
				defer func() { <-fed }()
				go func() {
					defer close(fed)
					defer out.Close()
					for _, p := range c.presses {
						if _, err := io.WriteString(out, p.keys); err != nil {
							return
						}
						time.Sleep(p.wait)
					}
				}()
				p := &Program{Env: &cli.Env{Now: time.Now, Lang: "uk", Stderr: io.Discard}}
				begun := time.Now()
				got := p.scan(in)
				in.Close()
				if got.text != c.want || !errors.Is(got.err, c.err) || got.repaired.Any() != c.repaired {
					t.Errorf("%q, %v, %+v", got.text, got.err, got.repaired)
				}
				if waited := time.Since(begun); waited > 4*time.Second {
					t.Errorf("waited %s", waited)
				}
			})
		})
	}
}

// ukrainian is what a keyboard of layout Ukrainian shows where a US keyboard shows the characters of base45.
var ukrainian = strings.NewReplacer("Q", "Й", "W", "Ц", "E", "У", "R", "К", "T", "Е", "Y", "Н", "U", "Г", "I", "Ш", "O", "Щ", "P", "З",
	"A", "Ф", "S", "І", "D", "В", "F", "А", "G", "П", "H", "Р", "J", "О", "K", "Л", "L", "Д", "Z", "Я", "X", "Ч", "C", "С", "V", "М",
	"B", "И", "N", "Т", "M", "Ь", "$", ";", ".", "ю", "/", ".", ":", "Ж")
