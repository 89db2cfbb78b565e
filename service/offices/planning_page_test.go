package offices

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/web/webtest"
)

// TestTasksInBrowser: a task goes between two officials through its four states, as people do it; two people in one browser by
// the two names of this machine. Then the other pages of planning, read by axe in both colours and at 320 px.
func TestTasksInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a browser")
	}
	w := unitWorld(t)
	boss, worker := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	b := webtest.Start(t, webtest.Options{})
	enter := func(base string, h *servicetest.Holder) *webtest.Page {
		p := b.Page(t)
		account := w.Account("Вигадана Особа", service.Grant{Role: service.Holder, Body: h.Body.EDRPOU, Entitlement: h.Entitlement})
		at, err := url.Parse(w.URL)
		if err != nil {
			t.Fatal(err)
		}
		p.Open(base + "/")
		for _, c := range w.LogIn(account, false).Jar.Cookies(at) {
			webtest.Eval[bool](p, fmt.Sprintf(`(document.cookie = %q, true)`, c.Name+"="+c.Value+"; path=/"))
		}
		return p
	}
	theirs := strings.Replace(w.URL, "127.0.0.1", "localhost", 1)
	giver, assignee := enter(w.URL, boss), enter(theirs, worker)

	const hostile = `Довідка <img src=x onerror=alert(1)>`
	giver.Open(w.URL + "/office/tasks")
	giver.Click("#new-task")
	giver.WaitVisible("#give")
	giver.Type("#summary", hostile)
	webtest.Eval[bool](giver, fmt.Sprintf(`(document.querySelector("#to").value = %q, document.querySelector("#due").value = "2026-11-23", true)`, seatOf(worker)))
	giver.Click("#give")
	giver.WaitText("#task-state", "Новий")
	giver.WaitText("#turn", "крок виконавця")

	assignee.Open(theirs + "/office/tasks")
	assignee.WaitText("#tasks-mine", hostile)
	assignee.Click("#tasks-mine a")
	assignee.WaitText("#turn", "ваш крок")
	assignee.Click("#to-prepared")
	assignee.WaitText("#task-state", "Підготовано")
	giver.Reload()
	giver.Click("#to-agreed")
	giver.WaitText("#task-state", "Погоджено")
	giver.Accessible("task")
	assignee.Reload()
	assignee.Click("#to-acquainted")
	assignee.WaitText("#task-state", "Ознайомлено")
	assignee.WaitText("#task-history", "Погоджено")

	giver.Open(w.URL + "/office/day")
	giver.Type("#summary", hostile)
	giver.Click("#add-event")
	giver.WaitText("#day-events", hostile)
	giver.WaitText("#day-events", "09:00–10:00")
	giver.Scheme("dark")
	for _, path := range []string{"/office/day", "/office/tasks?ended=1"} {
		giver.Open(w.URL + path)
		giver.Contrast(path + ", dark")
	}
	giver.Scheme("light")
	giver.Size(320, 640)
	for _, path := range []string{"/office/day", "/office/unit?lang=en", "/office/tasks?ended=1", "/office/tasks/new", "/office/feeds"} {
		giver.Open(w.URL + path)
		giver.Accessible(path)
	}
	giver.Click("#make-feed")
	giver.WaitVisible("#feed-address")
	if wide := giver.Overflow(); wide > 0 {
		t.Errorf("a secret address: %d px wider than 320", wide)
	}
}
