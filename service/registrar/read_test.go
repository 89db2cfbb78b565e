package registrar

import (
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
)

// Every page answers whom it is for.
func TestPagesAnswer(t *testing.T) {
	o := newOffice(t)
	base := "/b/" + o.Ministry.EDRPOU
	for _, role := range []service.Role{service.Registrar, service.Approver, service.Auditor, service.BodyAdmin} {
		b := o.browser(role, o.Ministry, 5)
		for _, path := range []string{"/", "/staff", "/ids", "/ids?state=all&q=зразкова", "/without", "/audit", "/audit?verify=yes", "/statistics", "/ids/1", "/ids/1/photo", "/without.xlsx"} {
			b.get(base + path).ok()
			b.get(base + path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=en").ok()
		}
	}
}
