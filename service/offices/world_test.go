package offices

import (
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
