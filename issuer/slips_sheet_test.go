package issuer_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/trust"
)

func TestSlipLink(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	s := o.slipFor(1)
	root := trust.RootFingerprint([]byte("root of the test"))
	good := issuer.SlipSheet{Body: "Міністерство «А»", EDRPOU: "00032684", Origin: "https://id.example.gov.ua", Root: root}
	link, err := good.SlipLink(&s)
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`^https://id\.example\.gov\.ua/wallet/#slip=00032684\.(\d+)\.([0-9A-Z]{16})\.([A-Z2-7]{52})$`).FindStringSubmatch(link)
	if parts == nil {
		t.Fatalf("link of %d bytes has another form", len(link))
	}
	if credential.FormatCode(parts[2]) != s.Code() {
		t.Error("the link has another code than the slip")
	}
	if pinned, err := trust.ParseFingerprint(parts[3]); err != nil || pinned != root {
		t.Errorf("the link's fingerprint is %v, %v; want the root's", pinned, err)
	}
	if strings.Contains(link[:strings.Index(link, "#")], parts[2]) {
		t.Error("the code stands before #, where it is sent to the service")
	}

	var page bytes.Buffer
	if err := issuer.WriteSlipsPage(&page, good, []issuer.Slip{s}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(page.String(), "<svg "); got != 1 {
		t.Errorf("%d QR codes on the page, want 1", got)
	}
	if !strings.Contains(page.String(), root.String()) {
		t.Error("the page lacks the fingerprint for who types")
	}
	if strings.Contains(page.String(), "#slip=") {
		t.Error("the link stands on the page as text")
	}
}

func TestSlipLinkRefuses(t *testing.T) {
	o := testOffice(t)
	o.load(staff(1))
	s := o.slipFor(1)
	good := issuer.SlipSheet{EDRPOU: "00032684", Origin: "https://id.example.gov.ua", Root: trust.RootFingerprint([]byte("root"))}
	for name, change := range map[string]func(*issuer.SlipSheet){
		"no origin":          func(p *issuer.SlipSheet) { p.Origin = "" },
		"origin with a path": func(p *issuer.SlipSheet) { p.Origin += "/x" },
		"origin with #":      func(p *issuer.SlipSheet) { p.Origin += "#x" },
		"origin with ?":      func(p *issuer.SlipSheet) { p.Origin += "?x" },
		"origin with a user": func(p *issuer.SlipSheet) { p.Origin = "https://a@id.example.gov.ua" },
		"ftp":                func(p *issuer.SlipSheet) { p.Origin = "ftp://id.example.gov.ua" },
		"javascript":         func(p *issuer.SlipSheet) { p.Origin = "javascript:alert(1)" },
		"short ЄДРПОУ":       func(p *issuer.SlipSheet) { p.EDRPOU = "123" },
		"letters":            func(p *issuer.SlipSheet) { p.EDRPOU = "0003268A" },
		"no root":            func(p *issuer.SlipSheet) { p.Root = trust.Fingerprint{} },
	} {
		sheet := good
		change(&sheet)
		if link, err := sheet.SlipLink(&s); !errors.Is(err, issuer.ErrSlipSheet) || link != "" {
			t.Errorf("%s: a link of %d bytes, %v; want ErrSlipSheet", name, len(link), err)
		}
	}
	for name, slip := range map[string]*issuer.Slip{"none": nil, "empty": {}, "without codes": {Number: 4}} {
		if link, err := good.SlipLink(slip); !errors.Is(err, issuer.ErrSlipSheet) || link != "" {
			t.Errorf("slip %s: a link of %d bytes, %v; want ErrSlipSheet", name, len(link), err)
		}
	}
	long := good
	long.Origin = "https://" + strings.Repeat("a", 700)
	if err := issuer.WriteSlipsPage(new(bytes.Buffer), long, []issuer.Slip{s}); !errors.Is(err, issuer.ErrSlipSheet) {
		t.Errorf("an origin of 708 bytes: %v, want ErrSlipSheet", err)
	}
}
