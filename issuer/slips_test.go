package issuer_test

import (
	"bytes"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/issuer"
)

// [ENR-22]
func TestSlips(t *testing.T) {
	o := testOffice(t)
	people := staff(6)
	people[5].noPhoto = true
	o.load(people)
	made, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at)
	if err != nil || len(made) != 5 {
		t.Fatalf("%d slips, %v; want one for each who has a right", len(made), err)
	}
	codes := map[string]bool{}
	for i, s := range made {
		for _, c := range []string{s.Code(), s.StopCode()} {
			if n, err := credential.NormaliseCode(c); err != nil || len(n) != 16 || codes[n] {
				t.Fatalf("slip %d: code of %d characters, %v, seen before %v", s.Number, len(n), err, codes[n])
			} else {
				codes[n] = true
			}
		}
		if !s.Expires.Equal(o.at.Add(14 * 24 * time.Hour)) {
			t.Fatalf("expires %s, want 14 days", s.Expires)
		}
		if i > 0 && made[i-1].Unit > s.Unit {
			t.Fatal("slips are not in the order in which they are handed out: by unit")
		}
	}
	if again, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at); err != nil || len(again) != 0 {
		t.Fatalf("%d slips, %v; want none while the first are open", len(again), err)
	}
	if unit, err := o.reg.Slips(bg, issuer.SlipFilter{Unit: "Відділ 3", Renew: true}, o.ops[0], o.at); err != nil || len(unit) != 1 {
		t.Fatalf("%d slips for one unit, %v; want 1", len(unit), err)
	}
	o.at = o.at.Add(15 * 24 * time.Hour)
	if late, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at); err != nil || len(late) != 5 {
		t.Fatalf("%d slips, %v; want five anew when the first expired", len(late), err)
	}
	if _, err := o.reg.Slips(bg, issuer.SlipFilter{Entitlements: []int64{99}}, o.ops[0], o.at); err == nil {
		t.Fatal("a slip for nobody")
	}
}

func TestSlipPaper(t *testing.T) {
	o := testOffice(t)
	people := staff(4)
	people[0].position = `<script>alert("так")</script> & "начальник"`
	people[1].unit = "Відділ з дуже довгою назвою, яка не вміщується в один рядок паперу і тому переноситься далі"
	o.load(people)
	made, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at)
	if err != nil || len(made) != 4 {
		t.Fatalf("%d slips, %v", len(made), err)
	}
	var text, page bytes.Buffer
	if err := issuer.WriteSlipsText(&text, "Міністерство випробувань", made); err != nil {
		t.Fatal(err)
	}
	if err := issuer.WriteSlipsHTML(&page, "Міністерство «А» & <Б>", made); err != nil {
		t.Fatal(err)
	}
	for _, s := range made {
		for _, want := range []string{s.Code(), s.StopCode(), s.Name, "16.03.2026 11:00"} {
			if !strings.Contains(text.String(), want) || !strings.Contains(page.String(), want) {
				t.Fatalf("slip %d lacks a field of %d bytes", s.Number, len(want))
			}
		}
	}
	for _, l := range strings.Split(text.String(), "\n") {
		if n := len([]rune(l)); n > 80 {
			t.Errorf("a line of %d characters, want at most 80", n)
		}
	}
	if strings.Count(text.String(), "\f") != 3 {
		t.Error("slips are not parted by form feeds")
	}
	// The page is well formed, loads nothing and runs nothing, whatever a position says.
	articles := 0
	for _, tag := range regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)([^>]*)>`).FindAllStringSubmatch(page.String(), -1) {
		switch tag[1] {
		case "article":
			articles++
		case "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "br", "hr":
		default:
			t.Errorf("page has a <%s>", tag[1])
		}
		if regexp.MustCompile(`(?i)\b(src|href|on[a-z]+|action|data)\s*=`).MatchString(tag[2]) {
			t.Errorf("<%s> has an attribute that loads or runs", tag[1])
		}
	}
	if strings.Contains(page.String(), "url(") || strings.Contains(page.String(), "@import") {
		t.Error("the style loads something")
	}
	if articles != 4 {
		t.Errorf("%d slips on the page, want 4", articles)
	}
}

func TestSlipsStayOutOfLogs(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	s := o.slipFor(1)
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("slip", "slip", s, "all", []issuer.Slip{s})
	}
	for _, secret := range []string{s.Code(), s.StopCode(), s.Name} {
		if strings.Contains(out.String(), secret) {
			t.Fatalf("log shows a field of %d bytes", len(secret))
		}
	}
	if !strings.Contains(out.String(), "redacted") {
		t.Fatalf("log %q", out.String())
	}
}

func TestWriteSlipsFails(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	made := []issuer.Slip{o.slipFor(1)}
	for name, f := range map[string]func(io.Writer, string, []issuer.Slip) error{"text": issuer.WriteSlipsText, "page": issuer.WriteSlipsHTML} {
		if err := f(full{}, "Орган", made); err == nil {
			t.Errorf("%s: no error on a full disk", name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
