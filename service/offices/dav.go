package offices

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// maxReport is how much of a REPORT is read, in bytes: an address book of 20,000 cards is asked for by name in one of them.
const maxReport = 4 << 20

// mountDAV adds the address books and calendars of phones and mail programs (docs/spec/office-dav.md).
func (p *part) mountDAV() error {
	dav := &office.DAV{Directory: p.directory, Planner: p.planner, Origin: p.s.Origin}
	serve := func(w http.ResponseWriter, r *http.Request) error { return p.serveDAV(dav, w, r) }
	for _, method := range []string{"OPTIONS", "GET", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "MKCOL", "MKCALENDAR", "COPY", "MOVE"} {
		p.s.Page(method+" /dav/{path...}", programs, serve)
	}
	p.s.PageLimit("REPORT /dav/{path...}", programs, maxReport, serve)
	// Phones begin to look at the top and in /principals/, whatever they were told.
	for _, method := range []string{"OPTIONS", "PROPFIND"} {
		p.s.Page(method+" /{$}", programs, serve)
		p.s.Page(method+" /principals/{path...}", programs, serve)
	}
	for _, method := range []string{"GET", "OPTIONS", "PROPFIND", "REPORT"} { // RFC 6764, Section 5
		p.s.Page(method+" /.well-known/carddav", service.Access{Public: true}, toDAV)
		p.s.Page(method+" /.well-known/caldav", service.Access{Public: true}, toDAV)
	}
	p.s.Page("GET /office/apps/mobileconfig", officials, p.mobileConfig)
	return nil
}

func toDAV(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/dav/", http.StatusMovedPermanently)
	return nil
}

// serveDAV answers a program: what it asked wrongly in XML, with the precondition that the standards name, the rest as everywhere.
func (p *part) serveDAV(dav *office.DAV, w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	lang := service.LangOf(r.Context())
	err = dav.Serve(w, r, m.Member, lang, p.s.Now())
	var refused *office.DAVError
	if !errors.As(err, &refused) {
		return err
	}
	body := refused.Body(lang)
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", "application/xml; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(refused.Status)
	if r.Method != http.MethodHead {
		_, err = w.Write(body)
		return err
	}
	return nil
}

// mobileConfig is the profile that sets an iPhone, iPad or Mac up: everything but the app password, which it asks for.
func (p *part) mobileConfig(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	data, err := office.MobileConfig(m.Member, m.body.Name, p.s.Origin)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-apple-aspen-config")
	h.Set("Content-Disposition", `attachment; filename="posvid-office.mobileconfig"`)
	_, err = w.Write(data)
	return err
}
