package webpath

import (
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/web/webtest"
)

func TestVerifierPage(t *testing.T) {
	c := newCounter(t)
	o := newOperator(t, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	d := openDesk(t, webtest.Start(t, webtest.Options{}), c)
	d.setUp(o)
	d.paste(p.code(time.Now()))
	said := d.told("accept")
	if !strings.Contains(said, "ЧИННЕ") || !strings.Contains(said, p.name) {
		t.Errorf("%s", said)
	}
	t.Log(said)
}
