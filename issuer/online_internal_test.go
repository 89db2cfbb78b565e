package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

const (
	onlineHost = "id.example.gov.ua"
	onlineLink = "https://id.example.gov.ua/documents/official-certificate/00112233445566778899aabbccddeeff/verify/0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d"
)

// [ONL-02] A link reads back to its bytes and is written as it was read.
func TestOnlineLink(t *testing.T) {
	for _, host := range []string{onlineHost, "localhost:8443", "xn--80aswg.xn--j1amh", "a"} {
		link := strings.Replace(onlineLink, onlineHost, host, 1)
		r, err := ParseOnline(host, link)
		if err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if r.Means() != OnlineByLink || r.Type() != OnlineType || r.code[0] != 0x0f || r.code[15] != 0x7d || r.document[1] != 0x11 {
			t.Errorf("%s: read as %d %q %x %x", host, r.Means(), r.Type(), r.document, r.code)
		}
		if got := r.link(host); got != link {
			t.Errorf("written as %s", got)
		}
	}
	// Another kind of document parses, so that a verifier can be told.
	r, err := ParseOnline(onlineHost, strings.Replace(onlineLink, OnlineType, "driver-license", 1))
	if err != nil || r.Type() != "driver-license" {
		t.Errorf("another type: %q, %v", r.Type(), err)
	}
}

// [ONL-02] Everything but the one form is refused, with an error that does not repeat it.
func TestOnlineLinkRefused(t *testing.T) {
	replace := func(old, new string) string {
		s := strings.Replace(onlineLink, old, new, 1)
		if s == onlineLink {
			panic("no " + old)
		}
		return s
	}
	for name, text := range map[string]string{
		"empty":              "",
		"plain http":         replace("https", "http"),
		"scheme in capitals": replace("https", "HTTPS"),
		"no scheme":          replace("https:", ""),
		"another host":       replace("example", "examp1e"),
		"host in capitals":   replace("id.example", "ID.example"),
		"trailing dot":       replace("gov.ua/", "gov.ua./"),
		"port":               replace("gov.ua/", "gov.ua:443/"),
		"user":               replace("//id", "//u@id"),
		"host as user":       replace("//id.example.gov.ua", "//id.example.gov.ua@evil.example"),
		"longer host":        replace("gov.ua/", "gov.ua.evil.example/"),
		"Diia's host":        replace(onlineHost, "diia.app"),
		"Diia's scheme":      replace("https://"+onlineHost, "diia://diia.app"),
		"double slash":       replace("/documents", "//documents"),
		"other path":         replace("/documents/", "/document/"),
		"path in capitals":   replace("/documents/", "/Documents/"),
		"dots":               replace("/documents/", "/x/../documents/"),
		"empty type":         replace(OnlineType, ""),
		"type in capitals":   replace(OnlineType, "Official-certificate"),
		"type with digit":    replace(OnlineType, "official-certificate2"),
		"type with escape":   replace(OnlineType, "official%2Dcertificate"),
		"type with slash":    replace(OnlineType, "official/certificate"),
		"type begins with -": replace(OnlineType, "-official"),
		"type ends with -":   replace(OnlineType, "official-"),
		"type with --":       replace(OnlineType, "official--certificate"),
		"long type":          replace(OnlineType, strings.Repeat("a", maxOnlineType+1)),
		"Cyrillic type":      replace(OnlineType, "посвідчення"),
		"short id":           replace("00112233", "0112233"),
		"long id":            replace("00112233", "000112233"),
		"id in capitals":     replace("aabb", "AAbb"),
		"id not hex":         replace("aabb", "aagb"),
		"no slash before id": replace("certificate/0011", "certificatex0011"),
		"other verb":         replace("/verify/", "/verifx/"),
		"code in capitals":   replace("8c7d", "8C7D"),
		"code version 1":     replace("-4d3a", "-1d3a"),
		"code version 7":     replace("-4d3a", "-7d3a"),
		"variant 0":          replace("-8c57", "-0c57"),
		"variant c":          replace("-8c57", "-cc57"),
		"no hyphens":         replace("0f6d2a4c-9b1e-4d3a-8c57-", "0f6d2a4c9b1e4d3a8c57"),
		"hyphens elsewhere":  replace("0f6d2a4c-9b1e", "0f6d-2a4c9b1e"),
		"braces":             replace("0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d", "{0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d}"),
		"code not hex":       replace("2e1f", "2e1g"),
		"short code":         replace("8c7d", "8c7"),
		"long code":          replace("8c7d", "8c7d0"),
		"no code":            replace("0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d", ""),
		"query":              onlineLink + "?a=1",
		"fragment":           onlineLink + "#a",
		"trailing slash":     onlineLink + "/",
		"newline":            onlineLink + "\n",
		"leading space":      " " + onlineLink,
		"NUL":                onlineLink + "\x00",
		"wide letters":       replace("verify", "ｖerify"),
		"letter that folds":  replace("aabb", "aa\u212ab"), // the Kelvin sign is lower-cased to k
	} {
		r, err := ParseOnline(onlineHost, text)
		if !errors.Is(err, ErrOnlineText) || r != (OnlineRef{}) {
			t.Errorf("%s: %v, %v", name, r.Means(), err)
			continue
		}
		if strings.Contains(err.Error(), "0f6d") || strings.Contains(err.Error(), "0011") {
			t.Errorf("%s: the error repeats the code: %v", name, err)
		}
	}
	if _, err := ParseOnlineLink("", "https:///documents/"+onlineLink[len("https://id.example.gov.ua/documents/"):]); !errors.Is(err, ErrOnlineText) {
		t.Errorf("empty host: %v", err)
	}
}

// [ONL-03] Numbers of goods and books in print, and every single misread digit.
func TestEANCheckDigit(t *testing.T) {
	for _, known := range []string{"4006381333931", "5901234123457", "9780306406157", "8711253001202", "4012345123456",
		"9771234567003", "0012345678905"} {
		if c, err := EANCheckDigit(known[:12]); err != nil || c != known[12] {
			t.Errorf("%s: check digit %c, %v", known, c, err)
		}
	}
	const good = "4006381333931"
	for i := range good {
		for d := byte('0'); d <= '9'; d++ {
			if d == good[i] {
				continue
			}
			bad := good[:i] + string(rune(d)) + good[i+1:]
			if _, err := ParseOnlineDigits(bad); !errors.Is(err, ErrOnlineText) {
				t.Errorf("%s: %v, want a misread digit found", bad, err)
			}
		}
	}
	for _, bad := range []string{"", "1", "40063813339", "4006381333931", "40063813339a", "４00638133393", "-00638133393"} {
		if c, err := EANCheckDigit(bad); err == nil {
			t.Errorf("%q has the check digit %c", bad, c)
		}
	}
}

// [ONL-03] Digits come with spaces and hyphens and nothing else.
func TestOnlineDigits(t *testing.T) {
	for _, good := range []string{"4006381333931", "4 006381 333931", "400-6381-3339-31", " 4006381333931 ", "4\u00a0006381\u202f333931"} {
		if r, err := ParseOnline(onlineHost, good); err != nil || r.digits != "4006381333931" || r.Means() != OnlineByDigits || r.Type() != "" {
			t.Errorf("%q: %v", good, err)
		}
	}
	for name, bad := range map[string]string{
		"twelve":          "400638133393",
		"fourteen":        "40063813339310",
		"wrong check":     "4006381333932",
		"letter":          "400638133393l",
		"Arabic digits":   "٤٠٠٦٣٨١٣٣٣٩٣١",
		"wide digits":     "４００６３８１３３３９３１",
		"leading 0":       "0012345678905",
		"spaces only":     strings.Repeat(" ", 20),
		"long":            strings.Repeat(" ", 60) + "4006381333931",
		"sign":            "+4006381333931",
		"newline":         "4006381333931\n",
		"tab":             "4\t006381333931",
		"two numbers":     "4006381333931 4006381333931",
		"en dash":         "4006381–333931",
		"broken UTF-8":    "4006381333931\xff",
		"EAN-8":           "73513537",
		"symbol of goods": "]E04006381333931",
	} {
		if r, err := ParseOnline(onlineHost, bad); !errors.Is(err, ErrOnlineText) || r != (OnlineRef{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlineHost(t *testing.T) {
	for _, good := range []string{onlineHost, "localhost", "localhost:8443", "10.0.0.1:1", "a-b.c", strings.Repeat("a", 63) + ".ua"} {
		if err := CheckOnlineHost(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "a..b", "a.", ".a", "-a", "a-", "A.ua", "a_b", "a/b", "a?b", "a b", "ї.ua", "a:", "a:0", "a:01",
		"a:65536", "a:b", "a:1:2", "[::1]", "u@a", "https://a", strings.Repeat("a", 64), strings.Repeat("a.", 130) + "a"} {
		if CheckOnlineHost(bad) == nil {
			t.Errorf("%q may stand in links", bad)
		}
	}
}

// [ONL-01] Codes are version 4 UUIDs and digits that do not follow from them; both are spread over their whole range.
func TestOnlineCodesAreRandom(t *testing.T) {
	const n = 20_000
	seen := make(map[string]bool, 2*n)
	var first [10]int
	var bits [128]int
	for range n {
		r := newOnlineRef()
		u := uuidText(r.code)
		if seen[u] || seen[r.digits] {
			t.Fatal("a code was drawn twice")
		}
		seen[u], seen[r.digits] = true, true
		back, err := ParseOnlineLink(onlineHost, r.link(onlineHost))
		if err != nil || back.code != r.code {
			t.Fatalf("%v", err)
		}
		d, err := ParseOnlineDigits(r.digits)
		if err != nil || d.digits != r.digits {
			t.Fatalf("%v", err)
		}
		first[r.digits[0]-'0']++
		for i := range 128 {
			bits[i] += int(r.code[i/8] >> (7 - i%8) & 1)
		}
	}
	// Six standard deviations: 150 of 2,222, 425 of 10,000.
	for d, k := range first {
		if d == 0 && k != 0 || d > 0 && (k < 2222-270 || k > 2222+270) {
			t.Errorf("first digit %d came %d times in %d", d, k, n)
		}
	}
	for i, k := range bits {
		fixed := i/4 == 12 || i/2 == 32 // version and variant
		if !fixed && (k < n/2-425 || k > n/2+425) {
			t.Errorf("bit %d was set %d times in %d", i, k, n)
		}
	}
}

// [ONL-05] No verb, logger or encoder shows a code or a person.
func TestOnlineStaysOutOfLogs(t *testing.T) {
	ref := newOnlineRef()
	c := OnlineCode{Number: 7, Made: auditTime, Expires: auditTime.Add(OnlineLife), ref: ref, host: onlineHost}
	h := OnlineHolder{Name: "Гончарук Тарас Григорович", Number: "ДМ0000001"}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, v := range []any{c, &c, ref, &ref, h, &h, OnlineAnswer{Holder: &h}} {
		fmt.Fprintf(&log, "%v %+v %#v %s %q %d %x\n", v, v, v, v, v, v, v)
		logger.Info("x", "v", v)
	}
	for _, secret := range []string{ref.digits, ref.digits[1:7], uuidText(ref.code), fmt.Sprintf("%x", ref.code[:4]), "Гончарук", "ДМ0000001", fmt.Sprintf("%x", "Гончарук")} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if _, err := json.Marshal(c); err == nil {
		t.Error("a code was encoded")
	}
	if !strings.Contains(c.String(), "7") || c.Digits() != ref.digits || c.Link() != ref.link(onlineHost) || len(c.Document()) != 32 {
		t.Error("the code is not what it was made of")
	}
}

// [ONL-06] The timer counts whole seconds down from three minutes and never beyond, in both languages.
func TestOnlineTimer(t *testing.T) {
	c := OnlineCode{Made: auditTime, Expires: auditTime.Add(OnlineLife)}
	for _, x := range []struct {
		after  time.Duration
		uk, en string
	}{
		{0, "Код діятиме ще 3:00", "The code will expire in 3:00"},
		{time.Millisecond, "Код діятиме ще 2:59", "The code will expire in 2:59"},
		{55 * time.Second, "Код діятиме ще 2:05", "The code will expire in 2:05"},
		{179 * time.Second, "Код діятиме ще 0:01", "The code will expire in 0:01"},
		{179*time.Second + time.Millisecond, "Код більше не діє", "The code has expired"},
		{180 * time.Second, "Код більше не діє", "The code has expired"},
		{time.Hour, "Код більше не діє", "The code has expired"},
		{-time.Hour, "Код діятиме ще 3:00", "The code will expire in 3:00"},
	} {
		at := auditTime.Add(x.after)
		if got := c.Timer("uk", at); got != x.uk {
			t.Errorf("after %s: %q", x.after, got)
		}
		if got := c.Timer("en", at); got != x.en {
			t.Errorf("after %s: %q", x.after, got)
		}
	}
}

// [ONL-11] Every answer has a verdict and both languages; what is no answer refuses.
func TestOnlineReasons(t *testing.T) {
	numbers := map[uint8]OnlineReason{}
	texts := map[string]OnlineReason{}
	for r, v := range onlineReasons {
		if v.uk == "" || v.en == "" || r.Text("uk") != v.uk || r.Text("en") != v.en {
			t.Errorf("%s lacks a text", r)
		}
		if strings.Contains(strings.ToLower(v.uk), "недійсн") {
			t.Errorf("%s: %q holds the word for valid", r, v.uk)
		}
		if was, twice := texts[v.uk]; twice {
			t.Errorf("%s and %s have one text", r, was)
		}
		texts[v.uk] = r
		if (r.Verdict() == "accept") != (r == OnlineOK) {
			t.Errorf("%s: verdict %s", r, r.Verdict())
		}
		if v.number == 0 {
			continue
		}
		if was, twice := numbers[v.number]; twice {
			t.Errorf("%s and %s have one number", r, was)
		}
		numbers[v.number] = r
		if reasonOfNumber(v.number) != r {
			t.Errorf("number %d reads back as %q", v.number, reasonOfNumber(v.number))
		}
	}
	if len(numbers) != 5 || reasonOfNumber(0) != "" || reasonOfNumber(6) != "" {
		t.Errorf("numbers %v", numbers)
	}
	for _, r := range []OnlineReason{"", "x", "OK"} {
		if r.Verdict() != "refuse" || r.Text("uk") != "" || r.Text("en") != "" {
			t.Errorf("%q: %s %q", r, r.Verdict(), r.Text("uk"))
		}
	}
	var a OnlineAnswer
	if a.Valid() {
		t.Error("the zero answer is valid")
	}
}

// [ONL-16] A check is kept to the end, in Kyiv, of the calendar year after it.
func TestOnlineKeptUntil(t *testing.T) {
	for at, want := range map[string]string{
		"2026-11-22T09:00:00Z": "2027-12-31T22:00:00Z",
		"2026-12-31T21:59:59Z": "2027-12-31T22:00:00Z",
		"2026-12-31T22:00:00Z": "2028-12-31T22:00:00Z", // 2027 has begun in Kyiv
		"2027-01-01T00:00:00Z": "2028-12-31T22:00:00Z",
	} {
		a, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := stamp(OnlineKeptUntil(a)); got != want {
			t.Errorf("check of %s is kept until %s, want %s", at, got, want)
		}
	}
}

// [ONL-02] Whatever parses is written back byte for byte; nothing panics.
func FuzzOnlineLink(f *testing.F) {
	f.Add(onlineHost, onlineLink)
	f.Add("localhost:8443", strings.Replace(onlineLink, onlineHost, "localhost:8443", 1))
	f.Add(onlineHost, strings.Replace(onlineLink, OnlineType, "driver-license", 1))
	f.Add(onlineHost, strings.Replace(onlineLink, "/verify/", "/verifу/", 1))
	f.Add("", "https:///documents/")
	f.Add(onlineHost, onlineLink[:60])
	f.Fuzz(func(t *testing.T, host, text string) {
		r, err := ParseOnlineLink(host, text)
		if err != nil {
			if r != (OnlineRef{}) || !errors.Is(err, ErrOnlineText) {
				t.Fatalf("failed with %v and a result", err)
			}
			return
		}
		if got := r.link(host); got != text {
			t.Fatalf("%q is written as %q", text, got)
		}
	})
}

// [ONL-03] Whatever parses is thirteen digits that fit, and they parse to themselves; nothing panics.
func FuzzOnlineDigits(f *testing.F) {
	for _, s := range []string{"4006381333931", "4 006381 333931", "400-6381-3339-31", "0012345678905", "400638133393", "４００６３８１３３３９３１", "4006381333931\xff", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseOnlineDigits(text)
		if err != nil {
			if r != (OnlineRef{}) || !errors.Is(err, ErrOnlineText) {
				t.Fatalf("failed with %v and a result", err)
			}
			return
		}
		check, err := EANCheckDigit(r.digits[:12])
		if err != nil || len(r.digits) != 13 || r.digits[12] != check || r.digits[0] == '0' {
			t.Fatalf("%q is read as %q", text, r.digits)
		}
		if again, err := ParseOnlineDigits(r.digits); err != nil || again != r {
			t.Fatalf("%q: %v", r.digits, err)
		}
	})
}
