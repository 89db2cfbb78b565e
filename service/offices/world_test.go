package offices

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// world is the service's small world with this part mounted and served.
func world(t *testing.T, change ...func(*service.Config)) *servicetest.World {
	t.Helper()
	w := servicetest.New(t, change...)
	if err := Mount(w.Server, Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office()}); err != nil {
		t.Fatal(err)
	}
	w.Start()
	return w
}

// problemCode is the code of a problem that was answered.
func problemCode(t *testing.T, body []byte) string {
	t.Helper()
	var p struct{ Code string }
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v: %.200s, want a problem", err, body)
	}
	return p.Code
}

// post sends a form as a browser does.
func post(w *servicetest.World, c *http.Client, path string, form url.Values) (int, http.Header, []byte) {
	w.T.Helper()
	return w.Do(c, "POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}
