package diia

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
)

// SYS-02: a body agrees to the keys and the address that its administrator saw, and not to what the owner put in their place while
// the page was open.
func TestAgreeToWhatWasSeen(t *testing.T) {
	w := testWorld(t, "")
	owner, council := w.As(w.Role(service.BodyAdmin, w.Ministry)), w.As(w.Role(service.BodyAdmin, w.Council))
	here, there := "/b/"+w.Ministry.EDRPOU+"/systems/", "/b/"+w.Council.EDRPOU+"/systems"
	if status, _, body := w.post(t, council, there+"/bind", url.Values{"client": {w.client}, "scopes": {"verify"}}); status != http.StatusSeeOther {
		t.Fatalf("bind: %d %s", status, body)
	}
	seen := func() string {
		_, _, page := w.Do(council, "GET", there+"/"+w.client, nil)
		m := regexp.MustCompile(`<input type="hidden" name="fingerprint" value="([A-Z2-7-]+)">`).FindSubmatch(page)
		if m == nil || !strings.Contains(string(page), `<code class="hash">`+string(m[1])+`</code>`) {
			t.Fatalf("the form does not carry the fingerprint that the page shows: %s", page)
		}
		return string(m[1])
	}
	agree := func(fingerprint ...string) (int, string) {
		status, to, body := w.post(t, council, there+"/"+w.client+"/grant", url.Values{"scopes": {"verify", "documents"}, "fingerprint": fingerprint})
		return status, to + body
	}
	old := seen()
	if status, _, body := w.post(t, owner, here+w.client, goodForm(t, string(publicSet(t, newKey(t))))); status != http.StatusSeeOther {
		t.Fatalf("new keys: %d %s", status, body)
	}
	for name, fingerprint := range map[string][]string{"of the page before": {old}, "none": nil, "empty": {""}, "nonsense": {"AAAA"}, "two": {old, seen()}} {
		if status, body := agree(fingerprint...); status != http.StatusConflict || !strings.Contains(body, "system-changed") {
			t.Errorf("%s: %d %.200s, want system-changed", name, status, body)
		}
	}
	if status, body := agree(seen()); status != http.StatusSeeOther {
		t.Errorf("what the page shows: %d %s", status, body)
	}
}
