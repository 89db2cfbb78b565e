package webpath

import (
	"fmt"
	"testing"
	"time"

	"github.com/posvid/posvid/web/webtest"
)

// BenchmarkVerifierStart measures what a guard waits for after opening the page that was open before: milliseconds from the start of
// the load until the page is ready, and until the verdict of a code that is given to it at that moment.
func BenchmarkVerifierStart(b *testing.B) {
	c := newCounter(b)
	o := newOperator(b, false)
	p := o.person(1, "ГТ004022", "Гончарук Тарас Григорович")
	c.publish(o.bundle(time.Now().Add(-time.Hour)))
	browser := webtest.Start(b, webtest.Options{})
	d := openDesk(b, browser, c)
	d.setUp(o)
	d.Wait("the service worker", `navigator.serviceWorker.ready.then(() => true)`)
	d.Before(`(() => {
	  const outcome = () => document.querySelector("#verdict")?.dataset.outcome;
	  const wait = () => {
	    if (!document.querySelector("#word")?.textContent.includes("Покажіть")) return setTimeout(wait, 1);
	    globalThis.readyAt = performance.now();
	    globalThis.give = (text) => new Promise((done) => {
	      const began = performance.now();
	      document.querySelector("#paste").value = text;
	      document.querySelector("#paste-form").requestSubmit();
	      const look = () => ["accept", "refuse", "cannot-confirm"].includes(outcome()) ? done(performance.now() - began) : setTimeout(look, 1);
	      look();
	    });
	  };
	  wait();
	})()`)
	var ready, verdict float64
	loads := 0
	for b.Loop() {
		d.Open(c.URL + "/verify/")
		d.Wait("the page to be ready", `globalThis.readyAt`)
		at := webtest.Eval[float64](d.Page, `readyAt`)
		took := webtest.Eval[float64](d.Page, fmt.Sprintf(`give(%s)`, js(p.code(time.Now()))))
		d.told("accept")
		ready, verdict, loads = ready+at, verdict+at+took, loads+1
	}
	b.ReportMetric(ready/float64(loads), "ready-ms")
	b.ReportMetric(verdict/float64(loads), "first-verdict-ms")
}
