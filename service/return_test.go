package service_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// SRV-34: after logging in, or showing a passkey, a person comes back to a page, although forms are sent to addresses that are none.
func TestReturnLeadsToAPage(t *testing.T) {
	w := servicetest.New(t)
	s := w.Server
	clerks := service.Access{Roles: []service.Role{service.Registrar}, SecondFactor: true}
	for _, pattern := range []string{"GET /b/{edrpou}/{$}", "GET /b/{edrpou}/files/{load}", "POST /b/{edrpou}/files/{load}/sign", "POST /b/{edrpou}/files/{load}/guards/{guard}/end",
		"POST /b/{edrpou}/draft", "POST /alone/{id}/there", "GET /b/{edrpou}/bulk", "POST /b/{edrpou}/bulk"} {
		s.Page(pattern, clerks, func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		})
	}
	w.Start()
	stale := w.Role(service.Registrar, w.Ministry)
	stale.SecondFactor = time.Time{}
	body := "/b/" + w.Ministry.EDRPOU
	for path, want := range map[string]string{
		body + "/files/7/sign":         body + "/files/7",
		body + "/files/7/guards/3/end": body + "/files/7",
		body + "/draft":                body,
		body + "/bulk":                 body + "/bulk",
		"/alone/1/there":               "/",
	} {
		for name, who := range map[string]*http.Client{"login": w.Client(), "login/passkey": w.As(stale)} {
			for _, referer := range []string{"", "http://localhost/b/elsewhere", "http://evil.example/b/elsewhere"} {
				_, _, page := w.Do(who, http.MethodPost, path, strings.NewReader("passphrase=x"), "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Referer", referer)
				if link := `href="/` + name + "?return=" + strings.ReplaceAll(want, "/", "%2f") + `"`; !bytes.Contains(page, []byte(link)) {
					t.Errorf("%s, referrer %q: no %s in\n%s", path, referer, link, page)
				}
			}
		}
		if status, _, page := w.Do(w.As(w.Role(service.Registrar, w.Ministry)), http.MethodGet, want, nil, "Accept", "text/html"); status >= 400 {
			t.Errorf("%s is no page: %d %.200s", want, status, page)
		}
	}
}
