package office

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// component is one VEVENT or VTODO of an object: the whole, or one instance that differs (RECURRENCE-ID).
type component struct {
	c          *icalComp
	start      stamp // DTSTART
	started    bool
	end        stamp // DTEND or DUE
	ended      bool
	length     duration // DURATION
	lasting    bool
	instance   stamp // RECURRENCE-ID
	override   bool
	following  bool // RECURRENCE-ID with RANGE=THISANDFUTURE
	rule       *rule
	more, less []stamp // RDATE, EXDATE
	status     string  // upper case; "" without one
	percent    int     // PERCENT-COMPLETE; -1 without one
}

// calendarObject is an object that was found good.
type calendarObject struct {
	root  *icalComp
	kind  string // VEVENT or VTODO
	uid   string
	zones zones
	items []*component // the whole first, where there is one
	work  *work
}

// whole is the component that is not an instance that differs; nil when the object has only such.
func (o *calendarObject) whole() *component {
	if len(o.items) > 0 && !o.items[0].override {
		return o.items[0]
	}
	return nil
}

// main is what the object is called after.
func (o *calendarObject) main() *component { return o.items[0] }

// private tells whether others may see no more than that its owner is busy.
func (o *calendarObject) private() bool {
	return slices.ContainsFunc(o.items, func(c *component) bool {
		class := strings.ToUpper(c.c.text("CLASS"))
		return class != "" && class != "PUBLIC" // RFC 5545, Section 3.8.1.3: an unknown one is private
	})
}

// once are the properties that a component has at most once, and first those it must have.
var (
	once = map[string][]string{
		"VCALENDAR": {"CALSCALE", "METHOD", "UID", "LAST-MODIFIED", "URL", "REFRESH-INTERVAL", "SOURCE", "COLOR"},
		"VEVENT": {"DTSTART", "CLASS", "CREATED", "DESCRIPTION", "GEO", "LAST-MODIFIED", "LOCATION", "ORGANIZER", "PRIORITY", "RRULE", "SEQUENCE", "STATUS",
			"SUMMARY", "TRANSP", "URL", "RECURRENCE-ID", "DTEND", "DURATION", "COLOR"},
		"VTODO": {"CLASS", "COMPLETED", "CREATED", "DESCRIPTION", "DTSTART", "GEO", "LAST-MODIFIED", "LOCATION", "ORGANIZER", "PERCENT-COMPLETE", "PRIORITY",
			"RECURRENCE-ID", "SEQUENCE", "STATUS", "SUMMARY", "URL", "DUE", "DURATION", "COLOR", "RRULE", "X-POSVID-STATE"},
		"VTIMEZONE": {"LAST-MODIFIED", "TZURL"},
		"STANDARD":  {"RRULE"},
		"DAYLIGHT":  {"RRULE"},
	}
	must = map[string][]string{
		"VCALENDAR": {"PRODID", "VERSION"},
		"VEVENT":    {"UID", "DTSTAMP", "DTSTART"},
		"VTODO":     {"UID", "DTSTAMP"},
		"VTIMEZONE": {"TZID"},
		"STANDARD":  {"DTSTART", "TZOFFSETFROM", "TZOFFSETTO"},
		"DAYLIGHT":  {"DTSTART", "TZOFFSETFROM", "TZOFFSETTO"},
	}
	within = map[string][]string{
		"VCALENDAR": {"VEVENT", "VTODO", "VTIMEZONE"},
		"VEVENT":    {"VALARM"},
		"VTODO":     {"VALARM"},
		"VTIMEZONE": {"STANDARD", "DAYLIGHT"},
	}
)

// check bounds which properties and components a component has.
func (c *icalComp) check() error {
	count := map[string]int{}
	for _, n := range c.nodes {
		if n.line != nil {
			count[n.line.name]++
			continue
		}
		switch n.comp.name {
		case "VJOURNAL", "VFREEBUSY", "VAVAILABILITY":
			return &CalendarError{Condition: "supported-calendar-component", Detail: "want VEVENT or VTODO"}
		}
		if !slices.Contains(within[c.name], n.comp.name) {
			return notValid("want in %s only %s", c.name, strings.Join(within[c.name], ", "))
		}
		if err := n.comp.check(); err != nil {
			return err
		}
	}
	for _, name := range must[c.name] {
		if count[name] != 1 {
			return notValid("%s: want %s once", c.name, name)
		}
	}
	for _, name := range once[c.name] {
		if count[name] > 1 {
			return notValid("%s: want %s at most once", c.name, name)
		}
	}
	return nil
}

// readObject reads one calendar object of a kind, VEVENT or VTODO, as a collection takes it (RFC 4791, Section 4.1). kind ""
// takes either. Error: *CalendarError.
func readObject(data []byte, kind string, most icalBounds) (*calendarObject, error) {
	root, err := parseICal(data, most)
	if err != nil {
		return nil, err
	}
	if err := root.check(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(root.first("VERSION").value) != "2.0" {
		return nil, &CalendarError{Condition: "supported-calendar-data", Detail: "want VERSION:2.0"}
	}
	if root.first("METHOD") != nil {
		return nil, notObject("want no METHOD")
	}
	if s := root.first("CALSCALE"); s != nil && !strings.EqualFold(s.value, "GREGORIAN") {
		return nil, &CalendarError{Condition: "supported-calendar-data", Detail: "want CALSCALE:GREGORIAN"}
	}
	o := &calendarObject{root: root, zones: zones{}, work: &work{left: maxWork}}
	for _, z := range root.comps("VTIMEZONE") {
		id := z.first("TZID").value
		if _, ok := o.zones[id]; ok {
			return nil, notValid("want one VTIMEZONE of a name")
		}
		if o.zones[id], err = readZone(z, o.work); err != nil {
			return nil, err
		}
	}
	for _, n := range root.nodes {
		if n.comp == nil || n.comp.name == "VTIMEZONE" {
			continue
		}
		if o.kind == "" {
			o.kind = n.comp.name
		}
		if n.comp.name != o.kind {
			return nil, notObject("want components of one kind")
		}
		c, err := readComponent(n.comp, o.zones, o.work)
		if err != nil {
			return nil, err
		}
		uid := n.comp.first("UID").value
		if o.uid == "" {
			o.uid = uid
		}
		if uid != o.uid {
			return nil, notObject("want one UID")
		}
		o.items = append(o.items, c)
	}
	if len(o.items) == 0 {
		return nil, notObject("want a VEVENT or VTODO")
	}
	if kind != "" && o.kind != kind {
		return nil, &CalendarError{Condition: "supported-calendar-component", Detail: "want " + kind}
	}
	if o.uid == "" || len(o.uid) > maxUID {
		return nil, notValid("UID: want 1 to %d bytes", maxUID)
	}
	slices.SortStableFunc(o.items, func(a, b *component) int { return bool2int(a.override) - bool2int(b.override) })
	seen := map[time.Time]bool{}
	for i, c := range o.items {
		if !c.override && i > 0 {
			return nil, notObject("want one component without RECURRENCE-ID")
		}
		if c.override {
			if m := c.instance.moment(); seen[m] {
				return nil, notObject("want every RECURRENCE-ID once")
			} else {
				seen[m] = true
			}
			if c.rule != nil {
				return nil, notObject("want no RRULE beside RECURRENCE-ID")
			}
		}
	}
	if o.work.left < maxWork-maxReadWork {
		return nil, errTooMuchWork
	}
	return o, nil
}

var errTooMuchWork = &CalendarError{Condition: "max-instances", Detail: "want zones and rules that take less to compute"}

func bool2int(b bool) int {
	if b {
		return 1
	}
	return 0
}

// readZone reads a VTIMEZONE.
func readZone(z *icalComp, w *work) (clock, error) {
	own := ownClock{work: w}
	for _, n := range z.nodes {
		if n.comp == nil {
			continue
		}
		c := n.comp
		start := c.first("DTSTART")
		s, err := parseStamp(&icalLine{name: "DTSTART"}, start.value, nil)
		if err != nil || s.date || s.utc {
			return nil, notValid("VTIMEZONE: want DTSTART as local time")
		}
		o := observance{start: s.wall, years: map[int][]time.Time{}}
		if o.from, err = parseOffset(c.first("TZOFFSETFROM").value); err != nil {
			return nil, err
		}
		if o.to, err = parseOffset(c.first("TZOFFSETTO").value); err != nil {
			return nil, err
		}
		if l := c.first("RRULE"); l != nil {
			if o.rule, err = parseRule(l, w); err != nil {
				return nil, err
			}
			if o.rule.freq != yearly || o.rule.interval != 1 || o.rule.count > 0 {
				return nil, notValid("VTIMEZONE: want yearly rules without COUNT")
			}
			if u := &o.rule.until; u.utc {
				u.wall, u.utc = u.wall.Add(o.from), false
			}
		}
		for _, l := range c.lines("RDATE") {
			for _, v := range strings.Split(l.value, ",") {
				d, err := parseStamp(&icalLine{name: "RDATE"}, v, nil)
				if err != nil || len(o.dates) == maxDates {
					return nil, notValid("VTIMEZONE: want RDATE as local times, at most %d", maxDates)
				}
				o.dates = append(o.dates, d.wall)
			}
		}
		own.all = append(own.all, o)
	}
	if len(own.all) == 0 || len(own.all) > 50 {
		return nil, notValid("VTIMEZONE: want 1 to 50 of STANDARD, DAYLIGHT")
	}
	return own, nil
}

// parseOffset reads an offset such as +0200 (RFC 5545, Section 3.3.14).
func parseOffset(s string) (time.Duration, error) {
	bad := notValid("VTIMEZONE: want offsets such as +0200")
	if len(s) != 5 && len(s) != 7 || s[0] != '+' && s[0] != '-' {
		return 0, bad
	}
	n, err := strconv.ParseUint(s[1:], 10, 32)
	if err != nil {
		return 0, bad
	}
	seconds := 0
	if len(s) == 7 {
		seconds, n = int(n%100), n/100
	}
	h, m := int(n/100), int(n%100)
	if h > 23 || m > 59 || seconds > 59 {
		return 0, bad
	}
	d := time.Duration(h*3600+m*60+seconds) * time.Second
	if s[0] == '-' {
		d = -d
	}
	return d, nil
}

// statuses of the kinds (RFC 5545, Section 3.8.1.11).
var statuses = map[string][]string{
	"VEVENT": {"TENTATIVE", "CONFIRMED", "CANCELLED"},
	"VTODO":  {"NEEDS-ACTION", "COMPLETED", "IN-PROCESS", "CANCELLED"},
}

// readComponent reads the times, rules and state of one component.
func readComponent(c *icalComp, z zones, w *work) (*component, error) {
	out := &component{c: c, percent: -1}
	var err error
	one := func(name string, into *stamp, is *bool) {
		l := c.first(name)
		if err != nil || l == nil {
			return
		}
		if *into, err = parseStamp(l, l.value, z); err == nil {
			*is = true
			err = into.inYears(l)
		}
	}
	one("DTSTART", &out.start, &out.started)
	end := "DTEND"
	if c.name == "VTODO" {
		end = "DUE"
	}
	one(end, &out.end, &out.ended)
	one("RECURRENCE-ID", &out.instance, &out.override)
	if err != nil {
		return nil, err
	}
	if l := c.first("RECURRENCE-ID"); l != nil && l.param("RANGE") != "" {
		if !strings.EqualFold(l.param("RANGE"), "THISANDFUTURE") {
			return nil, notValid("RECURRENCE-ID: want RANGE=THISANDFUTURE or none")
		}
		out.following = true
	}
	if l := c.first("DURATION"); l != nil {
		if out.ended || !out.started {
			return nil, notValid("want DURATION beside DTSTART and without %s", end)
		}
		if out.length, err = parseDuration(l); err != nil {
			return nil, err
		}
		if out.lasting = true; out.start.date && out.length.rest != 0 {
			return nil, notValid("DURATION: want days with a DTSTART that is a date")
		}
	}
	if out.started && out.ended {
		// RFC 5545 wants DUE of the kind of DTSTART too, but clients for tasks write a date beside a time.
		if c.name == "VEVENT" && out.start.date != out.end.date {
			return nil, notValid("DTEND: want a date with a date, a time with a time")
		}
		if out.end.moment().Before(out.start.moment()) && !(out.end.date && out.end.wall.Add(24*time.Hour).After(out.start.wall)) {
			return nil, notValid("%s: want it not before DTSTART", end)
		}
	}
	if l := c.first("RRULE"); l != nil {
		if !out.started && !out.ended {
			return nil, notValid("RRULE: want DTSTART")
		}
		if out.rule, err = parseRule(l, w); err != nil {
			return nil, err
		}
		if u := &out.rule.until; out.rule.bounded && u.utc {
			// The rule is counted by the event's own clock.
			u.wall, u.utc = out.first().wallOf(u.wall), false
		}
	}
	for _, l := range []struct {
		name string
		into *[]stamp
	}{{"RDATE", &out.more}, {"EXDATE", &out.less}} {
		for _, line := range c.lines(l.name) {
			if line.value == "" {
				continue // some clients write it empty
			}
			for _, v := range strings.Split(line.value, ",") {
				v, _, period := strings.Cut(v, "/")
				if as := strings.ToUpper(line.param("VALUE")); period != (as == "PERIOD") || period && l.name == "EXDATE" {
					return nil, notValid("%s: want dates and times", l.name)
				}
				from := line
				if period { // only where it begins counts here
					from = &icalLine{name: line.name, params: slices.DeleteFunc(slices.Clone(line.params), func(p icalParam) bool { return p.name == "VALUE" })}
				}
				s, err := parseStamp(from, v, z)
				if err == nil {
					err = s.inYears(line)
				}
				if err != nil {
					return nil, err
				}
				if *l.into = append(*l.into, s); len(*l.into) > maxDates {
					return nil, &CalendarError{Condition: "max-instances", Detail: l.name + ": want at most " + strconv.Itoa(maxDates)}
				}
			}
		}
	}
	if l := c.first("STATUS"); l != nil {
		if out.status = strings.ToUpper(strings.TrimSpace(l.value)); !slices.Contains(statuses[c.name], out.status) {
			return nil, notValid("STATUS: want one of %s", strings.Join(statuses[c.name], ", "))
		}
	}
	if l := c.first("PERCENT-COMPLETE"); l != nil {
		if out.percent, err = strconv.Atoi(strings.TrimSpace(l.value)); err != nil || out.percent < 0 || out.percent > 100 {
			return nil, notValid("PERCENT-COMPLETE: want 0 to 100")
		}
	}
	return out, nil
}

// first is where a component stands in time: its beginning, or for a task without one when it is due.
func (c *component) first() stamp {
	if c.started {
		return c.start
	}
	return c.end
}

// timed tells whether a component stands anywhere in time.
func (c *component) timed() bool { return c.started || c.ended }

// endOf is when the instance that begins at s ends. DTEND makes every instance last exactly as long as the first; dates and
// days of a DURATION count by the calendar (RFC 5545, Section 3.8.5.3).
func (c *component) endOf(s stamp) time.Time {
	switch {
	case c.lasting:
		return s.at(s.wall.AddDate(0, 0, c.length.days)).moment().Add(c.length.rest)
	case c.started && c.ended && c.start.date && c.end.date:
		return s.at(s.wall.Add(c.end.wall.Sub(c.start.wall))).moment()
	case c.started && c.ended:
		return s.moment().Add(max(0, c.end.moment().Sub(c.start.moment())))
	case s.date && c.c.name == "VEVENT":
		return s.at(s.wall.AddDate(0, 0, 1)).moment()
	}
	return s.moment()
}

// occurrence is one instance of an object: the component that says how it is, and when.
type occurrence struct {
	c          *component
	start, end time.Time
	date       bool
}

// overlaps tells whether [start, end) has a moment of [from, to); one that takes no time counts where it lies.
func overlaps(start, end, from, to time.Time) bool {
	if !end.After(start) {
		return !start.Before(from) && start.Before(to)
	}
	return start.Before(to) && end.After(from)
}

// between calls f for the instances of the object that overlap [from, to), until f answers false. more tells that there were
// more than maxInstances of them, or more than could be computed.
func (o *calendarObject) between(from, to time.Time, f func(occurrence) bool) (more bool) {
	emit := func(c *component, s stamp) bool {
		start, end := s.moment(), c.endOf(s)
		return !overlaps(start, end, from, to) || f(occurrence{c: c, start: start, end: end, date: s.date})
	}
	differ := map[time.Time]bool{}
	var following []*component
	for _, c := range o.items {
		if !c.override {
			continue
		}
		differ[c.instance.moment()] = true
		if c.following && c.started {
			following = append(following, c)
		}
		if c.timed() && c.status != "CANCELLED" && !emit(c, c.first()) {
			return false
		}
	}
	w := o.whole()
	if w == nil || !w.timed() {
		return false
	}
	slices.SortFunc(following, func(a, b *component) int { return a.instance.moment().Compare(b.instance.moment()) })
	first := w.first()
	gone := map[time.Time]bool{}
	for _, s := range w.less {
		if s.date && !first.date { // clients write a date where a time is meant
			s = first.at(s.wall.Add(time.Duration(first.wall.Hour())*time.Hour + time.Duration(first.wall.Minute())*time.Minute + time.Duration(first.wall.Second())*time.Second))
		}
		gone[s.moment()] = true
	}
	n := 0
	seen := map[time.Time]bool{}
	instance := func(s stamp) bool {
		m := s.moment()
		if o.work.take(1 + len(following)); o.work.spent() {
			more = true
			return false
		}
		if seen[m] || gone[m] || differ[m] {
			return true
		}
		seen[m] = true
		if n++; n > maxInstances {
			more = true
			return false
		}
		c := w
		for _, later := range following {
			if m.After(later.instance.moment()) {
				c = later
			}
		}
		if c != w { // moved by as much as the instance that it begins with
			if c.status == "CANCELLED" {
				return true
			}
			s = c.start.at(c.start.wall.Add(s.wall.Sub(c.instance.at(first.wallOf(c.instance.moment())).wall)))
		}
		return emit(c, s)
	}
	for _, s := range w.more {
		if !instance(s) {
			return more
		}
	}
	if w.rule == nil {
		instance(first)
		return more
	}
	// Instances that began before from may still last; what follows may have been moved. The wall clock differs from the
	// moments by less than two days.
	length := w.endOf(first).Sub(first.moment())
	for _, c := range following {
		length = max(length, c.endOf(c.start).Sub(c.start.moment())+max(0, c.start.moment().Sub(c.instance.moment())))
	}
	early := 48 * time.Hour
	for _, c := range following {
		early = max(early, c.instance.moment().Sub(c.start.moment())+48*time.Hour)
	}
	w.rule.between(first.wall, from.UTC().Add(-length-48*time.Hour), to.UTC().Add(early), func(t time.Time) bool { return instance(first.at(t)) })
	return more || o.work.spent()
}

// span is between which moments the object has instances; always: without end.
func (o *calendarObject) span() (start, end time.Time, always bool) {
	take := func(s, e time.Time) {
		if start.IsZero() || s.Before(start) {
			start = s
		}
		if e.After(end) {
			end = e
		}
	}
	for _, c := range o.items {
		if !c.timed() {
			continue
		}
		s := c.first()
		take(s.moment(), c.endOf(s))
		for _, m := range c.more {
			take(m.moment(), c.endOf(m))
		}
		if c.rule == nil && !c.following {
			continue
		}
		if c.rule != nil && c.rule.bounded {
			u := s.at(c.rule.until.wall.AddDate(0, 0, 1))
			take(s.moment(), c.endOf(u))
			continue
		}
		always = true
	}
	return start, end, always
}

// Overlaps tells whether a calendar object has something in [from, to); a zero time is no bound. Recurrence is counted within
// bounds; a task without any time is in every span (RFC 4791, Section 9.9). Error: *CalendarError.
func Overlaps(data []byte, from, to time.Time) (bool, error) {
	o, err := readObject(data, "", asStored)
	if err != nil {
		return false, err
	}
	return o.overlaps(from, to), nil
}

func (o *calendarObject) overlaps(from, to time.Time) bool {
	if from.IsZero() {
		from = time.Date(minYear, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if to.IsZero() {
		to = time.Date(maxYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.kind == "VTODO" && !o.main().timed() {
		return true
	}
	found := false
	more := o.between(from, to, func(occurrence) bool {
		found = true
		return false
	})
	return found || more
}
