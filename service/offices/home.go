package offices

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/posvid/posvid/service"
)

// homeLine is one line of a section of the first page.
type homeLine struct {
	When string // time or date, as people read it; may be empty
	Text string
	Link string // path of this service; may be empty
	Note string // state or place; may be empty
}

// homeSection is what one piece of the module says on the first page, in the caller's language.
type homeSection struct {
	ID       string // of the section in the page: lower-case letters
	Title    string
	Lines    []homeLine
	Empty    string // said when there are no lines
	More     string // path; may be empty
	MoreText string
}

// homeFunc is what a piece adds to the first page of an official. It shows few lines, since the page has all of them.
type homeFunc func(ctx context.Context, m member, at time.Time, lang string) (homeSection, error)

// atHome adds a section to the first page.
func (p *part) atHome(f homeFunc) { p.home = append(p.home, f) }

func (p *part) mountHome() {
	p.s.Page("GET /office/{$}", officials, p.homePage)
	p.s.Page("POST /office/post", officials, p.choosePost)
}

// homeView is the Data of office_home.html.
type homeView struct {
	Member   member // the zero member: several posts, and one has to be chosen
	Seats    []member
	Sections []homeSection
}

func (p *part) homePage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	var v homeView
	var err error
	if v.Seats, err = p.validSeats(ctx, service.PrincipalOf(ctx)); err != nil {
		return err
	}
	m, err := p.member(r)
	if errors.Is(err, ChoosePost) {
		return p.s.Render(w, r, http.StatusOK, "office_home", v)
	}
	if err != nil {
		return err
	}
	v.Member = m
	at, lang := p.s.Now(), p.s.Lang(r)
	for _, f := range p.home {
		section, err := f(ctx, m, at, lang)
		if err != nil {
			return err
		}
		v.Sections = append(v.Sections, section)
	}
	slices.SortStableFunc(v.Sections, func(a, b homeSection) int { return homePlace(a.ID) - homePlace(b.ID) })
	return p.s.Render(w, r, http.StatusOK, "office_home", v)
}

// homeOrder is the order of sections on the first page, as that of the tabs.
var homeOrder = []string{"day", "tasks", "surveys", "mail"}

func homePlace(id string) int {
	if i := slices.Index(homeOrder, id); i >= 0 {
		return i
	}
	return len(homeOrder)
}

// choosePost keeps the post that the official works in from now on, in this session.
func (p *part) choosePost(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	seats, err := p.validSeats(ctx, service.PrincipalOf(ctx))
	if err != nil {
		return err
	}
	for _, m := range seats {
		if m.Seat.String() == r.PostFormValue("seat") {
			p.s.Sessions.Put(ctx, keySeat, m.Seat.String())
			http.Redirect(w, r, "/office/", http.StatusSeeOther)
			return nil
		}
	}
	return NoID
}
