package office

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Event is one instance of an event in a view.
type Event struct {
	Seat        Seat
	Name, ETag  string // of the object; empty in a colleague's
	Summary     string
	Location    string
	Description string
	Start, End  time.Time // End is not of the event any more
	AllDay      bool      // Start and End are the beginnings of days in Kyiv
	Private     bool      // in a colleague's the texts are empty
	Recurring   bool      // one of a series: the pages do not change it
	Tentative   bool
}

// Agenda are the events of a seat that have a moment of [from, to), in order, recurrence expanded. viewer is who looks: in a
// colleague's calendar private events say no more than when. more tells that there were more than 2,000, or more than could be
// computed.
func (p *Planner) Agenda(ctx context.Context, viewer, seat Seat, from, to time.Time) (events []Event, more bool, err error) {
	err = p.store.View(ctx, func(tx Tx) error {
		all := work{left: maxViewWork}
		return p.each(tx, func(r *row) error {
			if all.spent() {
				more = true
				return nil
			}
			o, err := readObject(r.data, "VEVENT", asStored)
			if err != nil {
				return err
			}
			private := o.private()
			each := func() bool {
				return o.between(from, to, func(at occurrence) bool {
					if at.c.status == "CANCELLED" {
						return true
					}
					if len(events) == maxInstances {
						more = true
						return false
					}
					e := Event{Seat: seat, Start: at.start, End: at.end, AllDay: at.date, Private: private, Tentative: at.c.status == "TENTATIVE",
						Recurring: len(o.items) > 1 || o.main().rule != nil || len(o.main().more) > 0 || o.whole() == nil}
					if viewer == seat {
						e.Name, e.ETag = r.name, r.etag
					}
					if viewer == seat || !e.Private {
						e.Summary, e.Location, e.Description = at.c.c.text("SUMMARY"), at.c.c.text("LOCATION"), at.c.c.text("DESCRIPTION")
					}
					events = append(events, e)
					return true
				})
			}
			all.within(o, func() { more = each() || more })
			return nil
		}, "seat = $1 AND collection = 'day' AND gone = 0 AND starts < $2 AND (ends IS NULL OR ends >= $3) ORDER BY starts, id", seat.String(), to.Unix(), from.Unix())
	})
	slices.SortStableFunc(events, func(a, b Event) int {
		if a.AllDay != b.AllDay && a.Start.Equal(b.Start) {
			return bool2int(b.AllDay) - bool2int(a.AllDay)
		}
		return a.Start.Compare(b.Start)
	})
	return events, more, err
}

// DayBounds is the beginning of the day of a date in Kyiv and that of the next: 23 or 25 hours apart when the clocks change.
func DayBounds(year int, month time.Month, day int) (from, to time.Time) {
	wall := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	z := zoneClock{Kyiv}
	return z.moment(wall), z.moment(wall.AddDate(0, 0, 1))
}

// InKyiv is the moment when clocks in Kyiv show the date and time of day of wall. A time that the clocks skip counts by the
// time before, one that comes twice is the first.
func InKyiv(wall time.Time) time.Time {
	y, m, d := wall.Date()
	h, min, s := wall.Clock()
	return zoneClock{Kyiv}.moment(time.Date(y, m, d, h, min, s, 0, time.UTC))
}

// EventDraft is what the pages write of an event.
type EventDraft struct {
	Summary     string // 1 to 300 characters
	Location    string
	Description string
	Start, End  time.Time // of an event of whole days: beginnings of days in Kyiv, End that of the day after the last
	AllDay      bool
	Private     bool
}

func (d EventDraft) check() error {
	if d.End.Before(d.Start) || d.AllDay && !d.End.After(d.Start) || d.Start.Year() < minYear || d.End.Year() > maxYear {
		return ErrTime
	}
	return checkTexts(d.Summary, d.Location, d.Description)
}

func (d EventDraft) write(c *icalComp) {
	c.setText("SUMMARY", strings.TrimSpace(d.Summary))
	c.setText("LOCATION", strings.TrimSpace(d.Location))
	c.setText("DESCRIPTION", strings.TrimSpace(d.Description))
	c.remove("DURATION")
	if d.AllDay {
		c.set("DTSTART", ";VALUE=DATE", d.Start.In(Kyiv).Format("20060102"))
		c.set("DTEND", ";VALUE=DATE", d.End.In(Kyiv).Format("20060102"))
	} else {
		c.set("DTSTART", "", d.Start.UTC().Format("20060102T150405Z"))
		c.set("DTEND", "", d.End.UTC().Format("20060102T150405Z"))
	}
	if d.Private {
		c.set("CLASS", "", "PRIVATE")
	} else {
		c.remove("CLASS")
	}
}

// AddEvent makes an event. Errors: ErrSummary, ErrText, ErrTime, ErrFull.
func (p *Planner) AddEvent(ctx context.Context, seat Seat, d EventDraft, at time.Time) (Object, error) {
	if err := d.check(); err != nil {
		return Object{}, err
	}
	uid := newUID()
	c := newComp("VEVENT")
	c.add("UID", "", uid)
	c.add("DTSTAMP", "", at.UTC().Format("20060102T150405Z"))
	c.add("CREATED", "", at.UTC().Format("20060102T150405Z"))
	d.write(c)
	return p.Put(ctx, seat, Day, uid+".ics", calendarOf(c).bytes(), PutCondition{IfNoneMatch: "*"}, at)
}

// ErrSeries: the pages change only events that do not recur.
var ErrSeries = errors.New("office: event recurs")

// ReadEvent is the draft of an event that does not recur, with its entity tag. Errors: ErrNotFound, ErrSeries.
func (p *Planner) ReadEvent(ctx context.Context, seat Seat, name string) (EventDraft, string, error) {
	stored, err := p.Object(ctx, seat, Day, name)
	if err != nil {
		return EventDraft{}, "", err
	}
	o, err := single(stored.Data)
	if err != nil {
		return EventDraft{}, "", err
	}
	m := o.main()
	return EventDraft{Summary: m.c.text("SUMMARY"), Location: m.c.text("LOCATION"), Description: m.c.text("DESCRIPTION"),
		Start: m.start.moment(), End: m.endOf(m.start), AllDay: m.start.date, Private: o.private()}, stored.ETag, nil
}

func single(data []byte) (*calendarObject, error) {
	o, err := readObject(data, "VEVENT", asStored)
	if err != nil {
		return nil, err
	}
	if m := o.whole(); m == nil || len(o.items) > 1 || m.rule != nil || len(m.more) > 0 {
		return nil, ErrSeries
	}
	return o, nil
}

// ChangeEvent changes an event that does not recur; what a draft does not speak of stays as it was. Errors: ErrNotFound,
// ErrSeries, ErrChanged when etag is not that of the event any more, ErrSummary, ErrText, ErrTime, ErrFull.
func (p *Planner) ChangeEvent(ctx context.Context, seat Seat, name, etag string, d EventDraft, at time.Time) error {
	if err := d.check(); err != nil {
		return err
	}
	stored, err := p.Object(ctx, seat, Day, name)
	if err != nil {
		return err
	}
	if stored.ETag != etag {
		return ErrChanged
	}
	o, err := single(stored.Data)
	if err != nil {
		return err
	}
	d.write(o.main().c)
	touch(o.main().c, at)
	_, err = p.Put(ctx, seat, Day, name, o.root.bytes(), PutCondition{IfMatch: etag}, at)
	return err
}

// Feed is a secret address of a seat's calendar.
type Feed struct {
	ID     int64
	Seat   Seat
	Detail bool // false: only when its owner is busy
	Made   time.Time
	Used   time.Time // day on which it was last read; zero: never
}

// maxFeeds bounds the secret addresses of one seat.
const maxFeeds = 5

// feedSecret is 160 random bits as 32 characters of a–z and 2–7.
var feedSecret = base32.StdEncoding.WithPadding(base32.NoPadding)

func (p *Planner) feedMAC(secret string) ([]byte, error) {
	m, err := p.store.MAC("office-feed", []byte(secret))
	return m[:], err
}

// MakeFeed makes a secret address and answers the secret, which is kept only as a keyed hash. Error: ErrFull.
func (p *Planner) MakeFeed(ctx context.Context, seat Seat, detail bool, at time.Time) (secret string, err error) {
	var b [20]byte
	rand.Read(b[:])
	secret = strings.ToLower(feedSecret.EncodeToString(b[:]))
	mac, err := p.feedMAC(secret)
	if err != nil {
		return "", err
	}
	return secret, p.store.Update(ctx, func(tx Tx) error {
		var n int
		if err := tx.Row("SELECT count(*) FROM office_feeds WHERE seat = $1", []any{seat.String()}, &n); err != nil {
			return err
		}
		if n >= maxFeeds {
			return ErrFull
		}
		_, err := tx.Insert("INSERT INTO office_feeds (seat, secret, detail, made) VALUES ($1, $2, $3, $4)", seat.String(), mac, bool2int(detail), at.Unix())
		return err
	})
}

const feedColumns = "id, seat, detail, made, coalesce(used, 0)"

func scanFeed(scan func(dest ...any) error) (Feed, error) {
	var f Feed
	var seat string
	var detail, made, used int64
	err := scan(&f.ID, &seat, &detail, &made, &used)
	if err != nil {
		return f, err
	}
	f.Detail, f.Made = detail == 1, time.Unix(made, 0).UTC()
	if used > 0 {
		f.Used = time.Unix(used, 0).UTC()
	}
	f.Seat, err = ParseSeat(seat)
	return f, err
}

// Feeds are the secret addresses of a seat, oldest first.
func (p *Planner) Feeds(ctx context.Context, seat Seat) ([]Feed, error) {
	var out []Feed
	err := p.store.View(ctx, func(tx Tx) error {
		return tx.Rows("SELECT "+feedColumns+" FROM office_feeds WHERE seat = $1 ORDER BY id", []any{seat.String()}, func(scan func(dest ...any) error) error {
			f, err := scanFeed(scan)
			out = append(out, f)
			return err
		})
	})
	return out, err
}

// EndFeed ends a secret address of a seat. Error: ErrNotFound.
func (p *Planner) EndFeed(ctx context.Context, seat Seat, id int64) error {
	return p.store.Update(ctx, func(tx Tx) error {
		return tx.Exec1("DELETE FROM office_feeds WHERE id = $1 AND seat = $2", id, seat.String())
	})
}

// OpenFeed finds a secret address and notes the day of its use. Error: ErrNotFound.
func (p *Planner) OpenFeed(ctx context.Context, secret string, at time.Time) (Feed, error) {
	var f Feed
	mac, err := p.feedMAC(secret)
	if err != nil {
		return f, err
	}
	err = p.store.View(ctx, func(tx Tx) error {
		f, err = scanFeed(func(dest ...any) error {
			return tx.Row("SELECT "+feedColumns+" FROM office_feeds WHERE secret = $1", []any{mac}, dest...)
		})
		return err
	})
	if err != nil {
		return f, err
	}
	k := at.In(Kyiv)
	if day, _ := DayBounds(k.Year(), k.Month(), k.Day()); !f.Used.Equal(day) {
		err = p.store.Update(ctx, func(tx Tx) error {
			_, err := tx.Exec("UPDATE office_feeds SET used = $1 WHERE id = $2", day.Unix(), f.ID)
			return err
		})
	}
	return f, err
}

// feedBack is how far back a secret address tells.
const feedBack = 90 * 24 * time.Hour

// FeedData is the calendar at a secret address: the events from 90 days before on, and the open tasks that are due. Series stay
// series. Without detail, events say only when their owner is busy, and there are no tasks.
func (p *Planner) FeedData(ctx context.Context, f Feed, lang string, at time.Time) ([]byte, error) {
	root := newComp("VCALENDAR")
	root.add("VERSION", "", "2.0")
	root.add("PRODID", "", "-//Posvid//Office//UK")
	root.add("X-WR-CALNAME", "", escapeText(Day.Title(lang)))
	root.add("REFRESH-INTERVAL", ";VALUE=DURATION", "PT1H")
	var zones, rest bytes.Buffer
	named := map[string]string{} // TZID and what it says
	add := func(o *calendarObject) {
		rename := map[string]string{} // TZID as it stands in the lines
		for _, z := range o.root.comps("VTIMEZONE") {
			own := z.first("TZID").value
			base := own
			if !f.Detail {
				bare(z)
				base = busyZone(own)
				z.set("TZID", "", base)
			}
			says, id := string(z.bytes()), base
			if _, ok := known(id); !ok {
				for n := 2; named[id] != "" && named[id] != says; n++ { // two programs' own zones of one name
					id = fmt.Sprintf("%s %d", base, n)
				}
			}
			if rename[own] = id; named[id] != "" {
				continue
			}
			named[id] = says
			if base != id {
				z.set("TZID", "", id)
			}
			z.write(&zones)
		}
		for _, item := range o.items {
			for i, n := range item.c.nodes {
				if n.line == nil {
					continue
				}
				own := n.line.param("TZID")
				id, ok := rename[own]
				if !ok && own != "" && !f.Detail {
					id, ok = busyZone(own), true
				}
				if ok && id != own {
					item.c.nodes[i].line = withZone(n.line, id)
				}
			}
			item.c.write(&rest)
		}
	}
	err := p.store.View(ctx, func(tx Tx) error {
		return p.each(tx, func(r *row) error {
			o, err := readObject(r.data, "", asStored)
			if err != nil {
				return err
			}
			if r.task > 0 {
				if t, err := readTask(tx, r.task); err != nil {
					return err
				} else if t.ended() || t.assignee != f.Seat {
					return nil
				}
			}
			for _, item := range o.items {
				if f.Detail {
					item.c.keep(func(n icalNode) bool { return n.comp == nil })
					continue
				}
				uid, err := p.mark("feed-uid", r.seat, r.c, o.uid)
				if err != nil {
					return err
				}
				bare(item.c)
				item.c.set("UID", "", hex.EncodeToString(uid[:16]))
				if item.c.first("DTSTAMP") == nil {
					item.c.add("DTSTAMP", "", at.UTC().Format("20060102T150405Z"))
				}
				busy := "зайнято"
				if lang == "en" {
					busy = "busy"
				}
				item.c.set("SUMMARY", "", busy)
			}
			add(o)
			return nil
		}, "seat = $1 AND gone = 0 AND (collection = 'day' OR $3 = 1) AND starts IS NOT NULL AND (ends IS NULL OR ends >= $2) ORDER BY collection, starts, id",
			f.Seat.String(), at.Add(-feedBack).Unix(), bool2int(f.Detail))
	})
	var out bytes.Buffer
	end := root.end
	root.end = nil
	root.write(&out)
	zones.WriteTo(&out)
	rest.WriteTo(&out)
	out.Write(end)
	return out.Bytes(), err
}

// busyOnly are the properties that say when somebody is busy and nothing else, and what their values are then: programs write
// what they like where nobody reads it.
var busyOnly = func() map[string]*regexp.Regexp {
	times, read := regexp.MustCompile(`(?i)^[0-9TZPDHMSW,/+-]+$`), regexp.MustCompile(``) // read: readObject takes nothing else
	return map[string]*regexp.Regexp{"DTSTAMP": times, "DTSTART": times, "DTEND": times, "DURATION": times, "RDATE": times, "EXDATE": times, "RECURRENCE-ID": times, "RRULE": read,
		"STATUS": read, "TRANSP": regexp.MustCompile(`(?i)^(OPAQUE|TRANSPARENT)$`), "SEQUENCE": regexp.MustCompile(`^[0-9]{1,9}$`), "TZID": read, "TZOFFSETFROM": read, "TZOFFSETTO": read}
}()

// bare leaves a component, and those in a zone, with what says when somebody is busy and nothing else.
func bare(c *icalComp) {
	c.keep(func(n icalNode) bool {
		if n.comp != nil {
			bare(n.comp)
			return c.name == "VTIMEZONE"
		}
		value := busyOnly[n.line.name]
		return value != nil && value.MatchString(n.line.value)
	})
	for i, n := range c.nodes {
		if n.line == nil {
			continue
		}
		params := ""
		for _, p := range n.line.params {
			switch v := strings.ToUpper(strings.Join(p.values, ",")); {
			case p.name == "VALUE" && (v == "DATE" || v == "DATE-TIME" || v == "PERIOD"), p.name == "RANGE" && v == "THISANDFUTURE":
				params += ";" + p.name + "=" + v
			case p.name == "TZID":
				params += ";TZID=" + quoteParam(p.values[0])
			}
		}
		c.nodes[i].line = newLine(n.line.name, params, n.line.value)
	}
}

// busyZone is a time zone's name without what its program put there.
func busyZone(id string) string {
	if l, ok := known(id); ok {
		return l.String()
	}
	return "zone"
}

// withZone is a line under another TZID.
func withZone(l *icalLine, id string) *icalLine {
	var params bytes.Buffer
	for _, p := range l.params {
		params.WriteString(";" + p.name + "=")
		for i, v := range p.values {
			if i > 0 {
				params.WriteByte(',')
			}
			if p.name == "TZID" {
				v = id
			}
			if isName(strings.ReplaceAll(v, "/", "-")) { // not every program reads VALUE="DATE"
				params.WriteString(v)
			} else {
				params.WriteString(quoteParam(v))
			}
		}
	}
	return newLine(l.name, params.String(), l.value)
}
