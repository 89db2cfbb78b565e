package offices

import (
	"net/http"
	"strings"
	"testing"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

func page(w *servicetest.World, c *http.Client, path string) (int, string) {
	status, _, raw := w.Do(c, http.MethodGet, path, nil, "Accept", "text/html")
	return status, string(raw)
}

func TestDirectoryPages(t *testing.T) {
	w := world(t)
	h, second := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	me := w.As(official(h))
	uid := seatOf(second).UID()
	for path, want := range map[string]string{
		"/office/directory":                                     "Знайдено: ",
		"/office/directory?q=zrazkova":                          second.Name,
		"/office/directory?q=Зразкова&lang=en":                  "Found: 1",
		"/office/directory/" + second.Body.EDRPOU:               "Відділ прикладів",
		"/office/directory/" + w.Council.EDRPOU:                 w.Council.Name,
		"/office/people/" + uid:                                 "Службова особа зараз",
		"/office/directory/99000011/chart":                      "осіб: ",
		"/office/directory/99000011/staffing":                   "ще не завантажив",
		"/office/directory/99000011/unit?name=Відділ+прикладів": second.Name,
		"/office/directory?on=2026-11-01":                       "Довідник тоді ще не вівся",
	} {
		if status, body := page(w, me, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, want %q in %s", path, status, want, body)
		}
	}
	_ = office.StatusValid
	_ = service.Holder
}
