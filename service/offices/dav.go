package offices

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// maxReport is how much of a REPORT is read, in bytes: an address book of 20,000 cards is asked for by name in one of them.
const maxReport = 4 << 20

// mountDAV adds the address books and calendars of phones and mail programs (docs/spec/office-dav.md).
func (p *part) mountDAV() error {
	cards := &cardLimit{seat: map[office.Seat]*rate.Limiter{}, most: fewestCards,
		given: prometheus.NewCounter(prometheus.CounterOpts{Name: "posvid_office_cards_total", Help: "Cards that went into address books."})}
	p.s.Metrics.MustRegister(cards.given)
	dav := &office.DAV{Directory: p.directory, Planner: p.planner, Origin: p.s.Origin, Given: cards.take}
	serve := func(w http.ResponseWriter, r *http.Request) error { return p.serveDAV(dav, cards, w, r) }
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
func (p *part) serveDAV(dav *office.DAV, cards *cardLimit, w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	if err := cards.check(r.Context(), dav.Directory, m.Seat, p.s.Now()); err != nil {
		w.Header().Set("Retry-After", "3600")
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

// TooManyCards says that a post has taken the directory more often than its devices need.
var TooManyCards = service.NewProblem(http.StatusTooManyRequests, "office-cards", "Ваші програми взяли забагато карток за добу.", "Your programs took too many cards in a day.",
	"Зачекайте; якщо паролем програми користується хтось інший, припиніть його на сторінці «Програми».", "Wait; if somebody else uses an app password, end it on the page “Programs”.")

// A post may take the whole directory so many times in a day, and never fewer cards than this.
const (
	wholeDirectories = 5
	fewestCards      = 20_000
)

// cardLimit counts the cards that each post's programs took. An answer under way is never cut short: what it held is counted
// after it.
type cardLimit struct {
	mu    sync.Mutex
	seat  map[office.Seat]*rate.Limiter
	most  int // cards in a day, in a small directory
	given prometheus.Counter
}

// check refuses a post that is over its cards. Errors: TooManyCards, and those of the directory.
func (c *cardLimit) check(ctx context.Context, d *office.Directory, seat office.Seat, at time.Time) error {
	c.mu.Lock()
	l := c.seat[seat]
	c.mu.Unlock()
	if l != nil {
		if l.TokensAt(at) < 1 {
			return TooManyCards
		}
		return nil
	}
	found, err := d.Search(ctx, office.Query{Limit: 1})
	if err != nil {
		return err
	}
	most := max(c.most, wholeDirectories*found.Total)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seat[seat] == nil {
		for s, old := range c.seat { // who has waited long enough is as good as new
			if len(c.seat) > 10_000 && old.TokensAt(at) >= float64(old.Burst()) {
				delete(c.seat, s)
			}
		}
		c.seat[seat] = rate.NewLimiter(rate.Limit(float64(most)/(24*time.Hour).Seconds()), most)
	}
	return nil
}

// take counts the cards of an answer.
func (c *cardLimit) take(seat office.Seat, cards int, at time.Time) {
	c.given.Add(float64(cards))
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.seat[seat]; l != nil {
		l.ReserveN(at, min(cards, l.Burst()))
	}
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
