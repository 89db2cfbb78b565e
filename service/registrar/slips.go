package registrar

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/service"
)

// maxSlips is how many slips one page holds: what a person prints and hands out in a day.
const maxSlips = 300

// sheetLife is how long the same form gets the same sheet again, so that a double click loses no codes. They live in memory only.
const sheetLife = 2 * time.Minute

// sheet is what a form made; who sends the form again meanwhile waits for it.
type sheet struct {
	made time.Time
	done chan struct{}
	page *sheetPage
	err  error
}

// candidate is somebody who can get a slip.
type candidate struct {
	Entitlement          int64
	Name, Position, Unit string
	Until                time.Time // of the slip that is out
}

// slipsPage chooses people for slips.
type slipsPage struct {
	ui
	Query, Unit string
	Again       bool
	Rows        []candidate
	Units       []string
	Pager       service.Pager
	Fresh       bool
	Most        int
}

func (p *pages) slips(c *call) error { return p.slipsWith(c, http.StatusOK, nil) }

func (p *pages) slipsWith(c *call, status int, wrong error) error {
	v := slipsPage{ui: c.ui(), Query: c.query("q"), Unit: c.query("unit"), Again: c.query("again") == "yes", Fresh: c.fresh(), Most: maxSlips}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	all, err := p.candidates(c, v.Unit, v.Query, v.Again)
	if err != nil {
		return err
	}
	people, err := p.peopleOf(c.r.Context(), c.body, c.at)
	if err != nil {
		return err
	}
	v.Units = people.units
	v.Pager = c.page(len(all))
	v.Rows = all[v.Pager.From:v.Pager.To]
	return c.Render(c.w, c.r, status, "slips", v)
}

// candidates lists who has a right to an ID, is not enrolled and has no slip that can be used; again adds those with one.
func (p *pages) candidates(c *call, unit, query string, again bool) ([]candidate, error) {
	people, err := p.peopleOf(c.r.Context(), c.body, c.at)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(fold(query))
	var all []candidate
	for i := range people.standings {
		s := &people.standings[i]
		if s.Step != issuer.StepNoSlip && (!again || s.Step != issuer.StepSlipOpen) || unit != "" && s.Record.Unit != unit || !matches(people.search[i], words) {
			continue
		}
		all = append(all, candidate{s.Entitlement, s.Record.FullName(), s.Record.Position, s.Record.Unit, s.SlipExpires})
	}
	order := map[string]int{}
	for i, u := range people.units {
		order[u] = i
	}
	// In the order in which they are handed out: by unit, then by name.
	slices.SortStableFunc(all, func(x, y candidate) int { return cmp.Compare(order[x.Unit], order[y.Unit]) })
	return all, nil
}

// slipView is one slip as it is printed.
type slipView struct {
	Number, Name, Position, Unit, Code, Stop, Until, Made string
	QR                                                    template.URL // data: URI of our own drawing
}

// sheetPage is a sheet of slips: the only place where the codes are seen.
type sheetPage struct {
	ui
	Slips []slipView
	Left  int // how many more there are to make
	Root  string
	// Origin is where the wallet page and the page that stops a lost phone are.
	Origin string
}

// makeSlips makes slips and shows them once.
func (p *pages) makeSlips(c *call) error {
	once, err := c.once("slips", c.value("once"))
	if err != nil {
		return err
	}
	o, err := p.operatorOf(c.r.Context(), c.body, service.Registrar)
	if err != nil {
		return p.slipsRefused(c, err)
	}
	p.forgetSheets(c.at)
	p.mu.Lock()
	s := p.sheets[once]
	if s == nil {
		s = &sheet{made: c.at, done: make(chan struct{})}
		p.sheets[once] = s
		p.mu.Unlock()
		s.page, s.err = p.newSheet(c, o)
		close(s.done)
		if s.err != nil { // nothing was made, so the form may be sent again
			p.mu.Lock()
			delete(p.sheets, once)
			p.mu.Unlock()
		}
	} else {
		p.mu.Unlock()
		select {
		case <-s.done:
		case <-c.r.Context().Done():
			return c.r.Context().Err()
		}
	}
	if s.err != nil {
		return p.slipsRefused(c, s.err)
	}
	c.w.Header().Set("Cache-Control", "no-store")
	page := *s.page
	page.Lang = c.lang
	return c.show("slips-sheet", page)
}

// forgetSheets drops sheets whose two minutes are over: no code stays in memory longer than that.
func (p *pages) forgetSheets(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, old := range p.sheets {
		if at.Sub(old.made) > sheetLife {
			delete(p.sheets, key)
		}
	}
}

func (p *pages) slipsRefused(c *call, err error) error {
	known := told(err)
	var named *service.Problem
	if !errors.As(known, &named) {
		return known
	}
	return p.slipsWith(c, named.Status, err)
}

// newSheet chooses the people of a form and makes their slips.
func (p *pages) newSheet(c *call, o issuer.Operator) (*sheetPage, error) {
	filter := issuer.SlipFilter{Renew: c.value("again") == "yes", NewPhone: c.value("new_phone") == "yes"}
	left := 0
	switch c.value("scope") {
	case "all":
		all, err := p.candidates(c, c.value("unit"), c.value("q"), filter.Renew)
		if err != nil {
			return nil, err
		}
		if len(all) > maxSlips {
			all, left = all[:maxSlips], len(all)-maxSlips
		}
		for _, one := range all {
			filter.Entitlements = append(filter.Entitlements, one.Entitlement)
		}
		filter.NewPhone = false
	case "", "chosen":
		for _, text := range c.r.PostForm["for"] {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 1 {
				return nil, errForm
			}
			filter.Entitlements = append(filter.Entitlements, n)
		}
		if len(filter.Entitlements) > maxSlips {
			return nil, errListTooLong
		}
	default:
		return nil, errForm
	}
	if len(filter.Entitlements) == 0 { // an empty list would mean everybody
		return nil, errNothing
	}
	slips, err := c.body.Register.Slips(c.r.Context(), filter, o, c.at)
	if err != nil {
		return nil, err
	}
	if len(slips) == 0 {
		return nil, errNoSlips
	}
	page := &sheetPage{ui: c.ui(), Left: left, Origin: p.Origin}
	var of *issuer.SlipSheet
	if bundle, _, err := p.Trust.Bundle(); err == nil {
		of = &issuer.SlipSheet{Body: c.body.Name, EDRPOU: c.body.EDRPOU, Origin: p.Origin, Root: bundle.RootFingerprint()}
		page.Root = of.Root.String()
	}
	for i := range slips {
		s := &slips[i]
		view := slipView{Number: fmt.Sprintf("%06d", s.Number), Name: visible(s.Name), Position: visible(s.Position), Unit: visible(s.Unit), Code: s.Code(), Stop: s.StopCode(),
			Until: page.Moment(s.Expires), Made: page.Day(s.Made)}
		if of != nil {
			if view.QR, err = slipPicture(*of, s); err != nil {
				return nil, err
			}
		}
		page.Slips = append(page.Slips, view)
	}
	return page, nil
}

var errNoSlips = service.NewProblem(http.StatusConflict, "no-slips", "Жодного талона не зроблено: ці люди вже мають талон, підключені або не мають права на посвідчення.",
	"No slip was made: these people have a slip, are enrolled or have no right to an ID.", "Позначте «нові замість невикористаних», якщо талон загублено.", "Tick \"new ones for unused\" when a slip was lost.")

// slipPicture draws the link that a phone's camera opens; what it holds of the slip stands behind the #, which browsers do not send
// to any server.
func slipPicture(sheet issuer.SlipSheet, s *issuer.Slip) (template.URL, error) {
	link, err := sheet.SlipLink(s)
	if err != nil {
		return "", err
	}
	symbol, err := qr.EncodeLink(link)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := symbol.SVG(&b); err != nil {
		return "", err
	}
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}
