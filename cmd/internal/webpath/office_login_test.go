package webpath

import (
	"fmt"
	"testing"

	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/web/webtest"
)

// computer is a computer's browser that logs in with the ID of a phone.
type computer struct {
	*webtest.Page
	t *testing.T
}

// begin opens the log-in page and reads its QR and its number as a phone and a person do.
func (d computer) begin(s *site, path string) (link, number string) {
	d.t.Helper()
	d.Open(s.URL + path)
	d.loaded("#login-office")
	d.Click("#login-office")
	return d.again()
}

// again asks for a code. A click on a page that is still loading finds what is no longer there.
func (d computer) again() (link, number string) {
	d.t.Helper()
	d.loaded("#begin")
	d.Click("#begin")
	return d.code()
}

func (d computer) loaded(css string) {
	d.t.Helper()
	d.Wait("the page with "+css, fmt.Sprintf("document.readyState === 'complete' && document.querySelector(%q)", css))
}

func (d computer) code() (link, number string) {
	d.t.Helper()
	d.loaded("#login-qr")
	d.Wait("the QR is drawn", `document.querySelector("#login-qr").complete`)
	found, err := qr.ReadImage(d.Screenshot(), qr.ReadOptions{CleanOnly: true})
	if err != nil {
		d.t.Fatalf("no code is read from the log-in page: %v", err)
	}
	return found[0].Text, d.Text("#login-number")
}

// take opens a link as a phone does whose camera has read it.
func (p phone) take(link string) {
	p.t.Helper()
	p.Do(fmt.Sprintf("location.href = %q", link))
	p.WaitVisible("#login-yes")
	p.Wait("no code in the address", `location.hash === "#office"`)
}

// OAC-10 OAC-12 OAC-14: a computer is logged in by a phone with a real wallet; the same on one device.
func TestOfficeLogin(t *testing.T) {
	s := start(t)
	s.Kill()
	paper := s.slip(taras)
	s.Again()
	p := openPhone(t, webtest.Start(t, webtest.Options{}), s)
	p.WaitVisible("main h1")
	p.enrol(ministry, paper)
	p.shown(0)
	d := computer{webtest.Start(t, webtest.Options{}).Page(t), t}
	d.Size(1280, 900)

	// A number that is none costs nothing; a wrong one ends the log-in on both sides.
	link, number := d.begin(s, "/office/apps")
	d.Accessible("log-in with the phone")
	d.Picture(root, "office-login")
	p.take(link)
	p.Accessible("wallet asks")
	p.Scheme("dark")
	p.Accessible("wallet asks, dark")
	p.Scheme("light")
	p.Picture(root, "office-login-phone")
	p.replace("#login-digits", "7")
	p.Click("#login-yes")
	p.WaitText("[role=alert]", "дві цифри")
	p.Allow("status of 4") // the browser's own words about refusals
	wrong := "10"
	if number == wrong {
		wrong = "11"
	}
	p.replace("#login-digits", wrong)
	p.Click("#login-yes")
	p.WaitText("[role=alert]", "Число інше")
	d.WaitText("[role=status]", "відхилено")
	d.Accessible("log-in refused")

	// Not the holder.
	link, _ = d.again()
	p.Go("")
	p.take(link)
	p.Click("#login-no")
	d.WaitText("[role=status]", "відхилено")

	// The right number.
	link, number = d.again()
	p.take(link)
	p.replace("#login-digits", number)
	p.Click("#login-yes")
	p.WaitText("#notices", "ввійшли")
	d.WaitVisible("nav.tabs a[href='/office/apps']")
	d.Open(s.URL + "/office/")
	d.WaitVisible("#home-apps")
	d.Accessible("first page")
	d.Scheme("dark")
	d.Contrast("first page, dark")
	d.Scheme("light")
	d.Picture(root, "office-home")
	d.Size(320, 640)
	d.Accessible("first page at 320 px")

	// An app password, shown once.
	d.Open(s.URL + "/office/apps")
	d.Accessible("programs at 320 px")
	d.Size(1280, 900)
	d.Type("#label", `телефон <img src=x onerror=alert(1)>`)
	d.Click("#for-mail")
	d.Click("#make-app")
	d.WaitText("#made", "<img")
	d.Accessible("programs")
	d.Picture(root, "office-apps")
	d.Open(s.URL + "/office/apps")
	d.WaitText("#apps", "ще не використано")
	d.Wait("the password is not shown again", `!document.querySelector("#made")`)
	d.TabsThrough("programs")

	// One device: the wallet knows the number from the page that it came from.
	p.Open(s.URL + "/office/login")
	phone := computer{p.Page, t}
	phone.loaded("#begin")
	p.Click("#begin")
	phone.loaded("#same-device")
	p.Accessible("log-in on the phone")
	p.Click("#same-device")
	p.WaitVisible("#login-yes")
	p.Wait("no number is asked", `!document.querySelector("#login-digits")`)
	p.Click("#login-yes")
	p.WaitVisible("#home-apps")

	// The ID is stopped on the phone: the computer is out with its next request.
	p.Open(s.URL + "/wallet/")
	p.shown(0)
	p.Do(`document.querySelector("details.card").open = true`)
	p.Click("details.card button.danger")
	p.WaitVisible("dialog button[value=yes]")
	p.Click("dialog button[value=yes]")
	p.WaitVisible(".notice.state")
	d.Allow("status of 403")
	d.Open(s.URL + "/office/apps")
	d.WaitText("main", "чинного службового посвідчення")
}
