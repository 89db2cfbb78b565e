package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// canaries are what must not be found in a log: invented, and of the form that people's data has.
const (
	canaryName   = "Канаренко Ґудзик Їжакович"
	canaryNumber = "3184710691"
	canaryScript = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
)

// hostileBody is one thing that a caller may send to any route.
type hostileBody struct {
	name, kind string
	data       []byte
}

func hostileBodies(t *testing.T) []hostileBody {
	t.Helper()
	form := url.Values{}
	for _, field := range []string{"name", "reason", "ground", "order", "order_date", "code", "number", "place", "q", "return", "passphrase", "subject", "role", "operator", "client_assertion", "grant_type", "scope", "confirm", "for", "full", "total"} {
		form.Set(field, canaryName+canaryNumber+canaryScript)
	}
	object := map[string]any{}
	for _, field := range []string{"code", "number", "place", "mode", "possession", "name", "id", "rnokpp", "unzr", "qrCode", "request", "token", "have", "confirm", "key", "url", "branchId"} {
		object[field] = canaryName + canaryNumber
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var upload bytes.Buffer
	parts := multipart.NewWriter(&upload)
	for _, name := range []string{"staff", "photos", "mapping", "approval", "request", "file"} {
		part, err := parts.CreateFormFile(name, "../../"+canaryName+"\x00.xlsx")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, "PK\x03\x04"+canaryNumber+strings.Repeat("\xff", 500))
	}
	parts.Close()
	return []hostileBody{
		{"nothing", "", nil},
		{"a form", "application/x-www-form-urlencoded", []byte(form.Encode())},
		{"a broken form", "application/x-www-form-urlencoded", []byte("a=%zz&" + canaryNumber + "=%00&;;;=&=\xff")},
		{"a form of many fields", "application/x-www-form-urlencoded", []byte(strings.Repeat("for=1&", 50_000))},
		{"JSON", "application/json", text},
		{"JSON with a name twice", "application/json", []byte(`{"code":"` + canaryName + `","code":"` + canaryNumber + `"}`)},
		{"deep JSON", "application/json", []byte(strings.Repeat(`{"code":`, 5000))},
		{"JSON of another kind", "application/json", []byte(`[{"code":` + canaryNumber + `}]`)},
		{"not UTF-8", "application/json", []byte("{\"code\":\"\xff\xfe\"}")},
		{"an upload", parts.FormDataContentType(), upload.Bytes()},
		{"an upload without its end", parts.FormDataContentType(), upload.Bytes()[:upload.Len()/2]},
		{"an upload without a boundary", "multipart/form-data", upload.Bytes()},
		{"noise", "application/octet-stream", bytes.Repeat([]byte{0, 0xff, 0x1b}, 3000)},
		{"2 MiB", "application/x-www-form-urlencoded", bytes.Repeat([]byte("a=b&"), 1<<19)},
	}
}

// letIn is a caller whom a route lets in.
func letIn(w *servicetest.World, r service.Route) service.Principal {
	for _, c := range callers(w, r.Access.Scope) {
		if declared(r, c.p, w.Now()) == "" && (c.p.Kind != service.Nobody || r.Access.Public) {
			return c.p
		}
	}
	return service.Principal{}
}

// hostilePath fills the names of a route's path with what is no number and no name of anything.
func hostilePath(r service.Route, value string) string {
	parts := strings.Split(pathOf(r), "/")
	for i, part := range strings.Split(r.Path, "/") {
		if strings.HasPrefix(part, "{") && part != "{edrpou}" && part != "{$}" {
			parts[i] = url.PathEscape(value)
		}
	}
	return strings.Join(parts, "/")
}

// SRV-10, SRV-17: whatever is sent to whatever route by somebody who is let in: an answer with a name, never a fault inside, and
// nothing of it, nor of the body's own people, in the log; a script that was sent does not come back as one.
func TestHostileInputEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: 3,000 hostile requests")
	}
	w := mounted(t)
	bodies := hostileBodies(t)
	statuses := map[int]int{}
	check := func(what string, status int, h http.Header, body []byte) {
		t.Helper()
		statuses[status]++
		var p struct{ Code string }
		json.Unmarshal(body, &p)
		if status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusBadGateway {
			t.Errorf("%s: %d %s", what, status, p.Code)
		}
		if status >= 400 && status != http.StatusNotFound && len(body) > 0 && strings.Contains(h.Get("Content-Type"), "json") && p.Code == "" && !bytes.Contains(body, []byte(`"error"`)) {
			t.Errorf("%s: %d without a code: %.100s", what, status, body)
		}
		if strings.Contains(h.Get("Content-Type"), "html") && (bytes.Contains(body, []byte("<script>alert")) || bytes.Contains(body, []byte("<img src=x"))) {
			t.Errorf("%s: a script comes back", what)
		}
		if strings.ContainsAny(h.Get("Location"), "\r\n") || strings.HasPrefix(h.Get("Location"), "//") || strings.HasPrefix(h.Get("Location"), "http") && !strings.HasPrefix(h.Get("Location"), w.Server.Origin) {
			t.Errorf("%s: sent to %q", what, h.Get("Location"))
		}
	}
	for _, r := range w.Server.Routes() {
		p := letIn(w, r)
		p.Name = canaryName
		client := w.As(p)
		if p.Kind == service.Nobody {
			client = w.Client()
		}
		route := r.Method + " " + r.Path
		for _, path := range []string{pathOf(r), hostilePath(r, "-1"), hostilePath(r, "99999999999999999999"), hostilePath(r, canaryName), hostilePath(r, "1'; DROP TABLE accounts; --")} {
			query := "?" + url.Values{"q": {canaryScript + canaryNumber}, "return": {"//evil.example/" + canaryNumber}, "page": {"-1"}, "after": {canaryName}, "lang": {"xx"}, "state": {"\x00"}, "unit": {canaryScript}}.Encode()
			status, h, body := w.Do(client, r.Method, path+query, nil, "Accept", "text/html", "User-Agent", canaryNumber, "Referer", w.Server.Origin+"/"+canaryNumber)
			check(route+" "+path, status, h, body)
		}
		if r.Method == "GET" {
			continue
		}
		for _, b := range bodies {
			for _, accept := range []string{"text/html", "application/json"} {
				status, h, body := w.Do(client, r.Method, pathOf(r), bytes.NewReader(b.data), "Content-Type", b.kind, "Accept", accept)
				check(route+" with "+b.name, status, h, body)
			}
		}
	}
	log := w.Logs.String()
	words := []string{canaryNumber, "Канаренко", "Ґудзик", "alert(1)", "evil.example"}
	for _, b := range []*servicetest.Body{w.Ministry, w.Council} {
		for _, h := range b.Holders {
			words = append(words, h.RNOKPP, strings.Fields(h.Name)[0])
			if h.Code != "" {
				words = append(words, h.Code, strings.ReplaceAll(h.Code, "-", ""), h.Stop)
			}
		}
	}
	for line := range strings.Lines(log) {
		if i := slices.IndexFunc(words, func(word string) bool { return strings.Contains(line, word) }); i >= 0 {
			t.Errorf("the log holds %q: %s", words[i], line)
		}
		if strings.Contains(line, `"msg":"panic"`) {
			t.Errorf("%s", line)
		}
	}
	t.Logf("answers: %v", statuses)
	if status, _, _ := w.Do(w.Client(), "GET", "/healthz", nil); status != 200 {
		t.Errorf("after all that: %d", status)
	}
}
