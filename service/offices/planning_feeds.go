package offices

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/posvid/posvid/office"
)

// feedsView is the Data of office_feeds.html.
type feedsView struct {
	Feeds []office.Feed
	Made  string // the new address, shown once
	Done  string
}

func (p *part) feedsPage(w http.ResponseWriter, r *http.Request, m member) error {
	return p.showFeeds(w, r, m, http.StatusOK, feedsView{Done: r.URL.Query().Get("done")})
}

func (p *part) showFeeds(w http.ResponseWriter, r *http.Request, m member, status int, v feedsView) error {
	var err error
	if v.Feeds, err = p.standingFeeds(r.Context(), m.Seat); err != nil {
		return err
	}
	return p.s.Render(w, r, status, "office_feeds", v)
}

// standingFeeds are the secret addresses of a post; those that were made by means of a phone that was lost are ended.
func (p *part) standingFeeds(ctx context.Context, seat office.Seat) ([]office.Feed, error) {
	_, ids, err := p.post(ctx, seat)
	if err != nil {
		return nil, err
	}
	list, err := p.planner.Feeds(ctx, seat)
	if err != nil {
		return nil, err
	}
	var out []office.Feed
	for _, f := range list {
		if outlives(ids, f.Made, p.s.Now()) {
			out = append(out, f)
		} else if err := p.planner.EndFeed(ctx, seat, f.ID); err != nil && !errors.Is(err, office.ErrNotFound) {
			return nil, err
		}
	}
	return out, nil
}

// feedsPost makes a secret address; renew ends another with it. The answer is the page itself: the address is shown once, and
// must lie neither in the browser's history nor in a session.
func (p *part) feedsPost(w http.ResponseWriter, r *http.Request, m member) error {
	if renew := r.PostFormValue("renew"); renew != "" {
		id, err := strconv.ParseInt(renew, 10, 64)
		if err != nil {
			return NoFeed
		}
		if err := p.planner.EndFeed(r.Context(), m.Seat, id); errors.Is(err, office.ErrNotFound) {
			return NoFeed.Because(err)
		} else if err != nil {
			return err
		}
	}
	if _, err := p.standingFeeds(r.Context(), m.Seat); err != nil {
		return err
	}
	secret, err := p.planner.MakeFeed(r.Context(), m.Seat, r.PostFormValue("detail") == "yes", p.s.Now())
	if err != nil {
		return err
	}
	return p.showFeeds(w, r, m, http.StatusOK, feedsView{Made: p.s.Origin + "/office/feed/" + secret + ".ics"})
}

func (p *part) feedEnd(w http.ResponseWriter, r *http.Request, m member) error {
	id, err := strconv.ParseInt(r.PathValue("feed"), 10, 64)
	if err != nil {
		return NoFeed
	}
	if err := p.planner.EndFeed(r.Context(), m.Seat, id); errors.Is(err, office.ErrNotFound) {
		return NoFeed.Because(err)
	} else if err != nil {
		return err
	}
	return see(w, r, "/office/feeds?done=ended")
}

// feed answers at a secret address while its owner's service ID is valid. Nothing tells an address that ended from one that never
// was.
func (p *part) feed(w http.ResponseWriter, r *http.Request) error {
	secret, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !ok || len(secret) != 32 {
		return NoFeed
	}
	ctx, at := r.Context(), p.s.Now()
	f, err := p.planner.OpenFeed(ctx, secret, at)
	if errors.Is(err, office.ErrNotFound) {
		return NoFeed.Because(err)
	}
	if err != nil {
		return err
	}
	post, ids, err := p.post(ctx, f.Seat)
	if errors.Is(err, office.ErrNotFound) || err == nil && (statusIn(&post, ids, at) != office.StatusValid || !outlives(ids, f.Made, at)) {
		return NoFeed.Because(errors.New("offices: owner of the feed has no valid ID, or has it on another phone now"))
	}
	if err != nil {
		return err
	}
	data, err := p.planner.FeedData(ctx, f, p.s.Lang(r), at)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="posvid.ics"`)
	w.Header().Set("Cache-Control", "private, no-cache")
	_, err = w.Write(data)
	return err
}
