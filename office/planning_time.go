package office

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones of calendars are known on every host alike
)

// Kyiv is the zone in which planning is shown, and in which times without a zone are meant.
var Kyiv = func() *time.Location {
	for _, name := range []string{"Europe/Kyiv", "Europe/Kiev"} { // older databases know the second name only
		if l, err := time.LoadLocation(name); err == nil {
			return l
		}
	}
	return time.FixedZone("EET", 2*3600)
}()

// Bounds of times and recurrence (docs/spec/office-planning.md, Section 3).
const (
	minYear      = 1900
	maxYear      = 2199
	maxDates     = 1000   // EXDATE and RDATE values of one component, each
	maxPerDay    = 24     // instances of one rule in a day
	maxCount     = 10_000 // COUNT
	maxInterval  = 1000
	maxInstances = 2000      // of one object in one view
	maxReadWork  = 50_000    // to read one object
	maxWork      = 500_000   // of one object in one view
	maxViewWork  = 2_000_000 // of one view of a collection, or one query
)

// work is what may still be computed of recurrence and zones, in days that a rule looks at: what somebody writes, or asks for,
// costs so much and no more. It is spent when it is below zero; what is computed then counts for nothing.
type work struct{ left int }

func (w *work) take(n int) { w.left -= n }

func (w *work) spent() bool { return w.left < 0 }

// within runs f over an object, whose own work is spent together with that of a view.
func (w *work) within(o *calendarObject, f func()) {
	w.take(maxWork - o.work.left) // what reading it cost
	had := min(o.work.left, w.left)
	o.work.left = had
	f()
	w.take(had - o.work.left)
}

// clock turns wall time into moments: a zone of the time zone database, or a VTIMEZONE of the object.
type clock interface {
	// moment is when the clock shows wall (its fields, as if in UTC). A time that is skipped counts by the offset before the
	// gap; one that comes twice is the first (RFC 5545, Section 3.3.5).
	moment(wall time.Time) time.Time
	// wall is what the clock shows at a moment, as if in UTC.
	wall(moment time.Time) time.Time
}

// zoneClock is a zone of the database.
type zoneClock struct{ *time.Location }

func (z zoneClock) offset(at time.Time) time.Duration {
	_, s := at.In(z.Location).Zone()
	return time.Duration(s) * time.Second
}

func (z zoneClock) moment(wall time.Time) time.Time {
	before := z.offset(wall.Add(-36 * time.Hour))
	first := wall.Add(-before)
	if z.offset(first) == before {
		return first
	}
	if after := wall.Add(-z.offset(wall.Add(36 * time.Hour))); z.wall(after).Equal(wall) {
		return after
	}
	return first
}

func (z zoneClock) wall(moment time.Time) time.Time { return moment.UTC().Add(z.offset(moment)) }

// observance is a STANDARD or DAYLIGHT of a VTIMEZONE (RFC 5545, Section 3.6.5).
type observance struct {
	start    time.Time // wall, by the offset before it
	from, to time.Duration
	rule     *rule
	dates    []time.Time
	years    map[int][]time.Time // when the rule begins it in a year, in order
}

// ownClock is a VTIMEZONE whose name the database does not know.
type ownClock struct {
	all  []observance
	work *work
}

// onset is when, by the wall of its own offset before, an observance last began at or before a wall time.
func (o observance) onset(wall time.Time) (time.Time, bool) {
	if wall.Before(o.start) {
		return time.Time{}, false
	}
	last := o.start
	for _, d := range o.dates {
		if !d.After(wall) && d.After(last) {
			last = d
		}
	}
	if o.rule != nil {
		// Yearly rules only: what began last lies within two years.
		for year := wall.Year(); year >= wall.Year()-2; year-- {
			list := o.inYear(year)
			for i := len(list) - 1; i >= 0; i-- {
				if t := list[i]; !t.After(wall) {
					if t.After(last) {
						last = t
					}
					return last, true
				}
			}
		}
	}
	return last, true
}

func (o observance) inYear(year int) []time.Time {
	list, ok := o.years[year]
	if !ok {
		from := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		o.rule.between(o.start, from, from.AddDate(1, 0, 0), func(t time.Time) bool {
			list = append(list, t)
			return true
		})
		o.years[year] = list
	}
	return list
}

// offset is the offset at a wall time that is counted by the offset before each change.
func (z ownClock) offset(wall time.Time) time.Duration {
	var last time.Time
	var off time.Duration
	found := false
	z.work.take(len(z.all))
	for _, o := range z.all {
		if t, ok := o.onset(wall); ok && (!found || t.After(last)) {
			last, off, found = t, o.to, true
		}
	}
	if found {
		return off
	}
	first := z.all[0]
	for _, o := range z.all {
		if o.start.Before(first.start) {
			first = o
		}
	}
	return first.from
}

func (z ownClock) moment(wall time.Time) time.Time {
	before := z.offset(wall.Add(-36 * time.Hour))
	first := wall.Add(-before)
	if z.wall(first).Equal(wall) {
		return first
	}
	if after := wall.Add(-z.offset(wall)); z.wall(after).Equal(wall) {
		return after
	}
	return first
}

func (z ownClock) wall(moment time.Time) time.Time {
	u := moment.UTC()
	// The wall by the offset before the change that lies nearest decides which observance has begun.
	before := z.offset(u.Add(-24 * time.Hour))
	return u.Add(z.offset(u.Add(before)))
}

// stamp is a DATE or DATE-TIME value.
type stamp struct {
	wall  time.Time // its fields, as if in UTC
	date  bool      // DATE
	utc   bool
	clock clock // nil: floating, or UTC
}

// moment is when it is. A date is the beginning of its day in Kyiv; a floating time is Kyiv's.
func (s stamp) moment() time.Time {
	switch {
	case s.utc:
		return s.wall
	case s.clock != nil && !s.date:
		return s.clock.moment(s.wall)
	}
	return zoneClock{Kyiv}.moment(s.wall)
}

// at is the same kind of time with other fields.
func (s stamp) at(wall time.Time) stamp { s.wall = wall; return s }

// wallOf is what a stamp's clock shows at a moment.
func (s stamp) wallOf(moment time.Time) time.Time {
	switch {
	case s.utc:
		return moment.UTC()
	case s.clock != nil && !s.date:
		return s.clock.wall(moment)
	}
	return zoneClock{Kyiv}.wall(moment)
}

// zones finds the clocks of an object by TZID.
type zones map[string]clock

// find is the clock of a TZID. The database wins where it knows the name: what clients write into VTIMEZONE under it is often
// cut short, and rules change after it was written.
func (z zones) find(id string) (clock, error) {
	if l, ok := known(id); ok {
		return zoneClock{l}, nil
	}
	if c, ok := z[id]; ok {
		return c, nil
	}
	return nil, notObject("TZID: want a VTIMEZONE of that name")
}

// known finds a zone of the database by its name, also behind a vendor's prefix ("/vendor/…/Europe/Kyiv").
func known(id string) (*time.Location, bool) {
	if parts := strings.Split(id, "/"); strings.HasPrefix(id, "/") && len(parts) > 2 {
		id = strings.Join(parts[len(parts)-2:], "/")
	}
	switch id {
	case "", "Local", "local":
		return nil, false
	case "Europe/Kyiv", "Europe/Kiev":
		return Kyiv, true
	}
	if !strings.Contains(id, "/") && id != "UTC" && id != "GMT" {
		return nil, false // "EET", "CET" and the like are clients' own names as often as the database's
	}
	l, err := time.LoadLocation(id)
	return l, err == nil
}

// parseStamp reads one value. utcOnly refuses other forms.
func parseStamp(l *icalLine, value string, z zones) (stamp, error) {
	kind := strings.ToUpper(l.param("VALUE"))
	if kind != "" && kind != "DATE" && kind != "DATE-TIME" {
		return stamp{}, notValid("%s: want DATE or DATE-TIME", l.name)
	}
	var s stamp
	form := "20060102T150405"
	switch {
	case len(value) == 8 && kind != "DATE-TIME":
		s.date, form = true, "20060102"
	case len(value) == 16 && kind != "DATE":
		s.utc, form = true, "20060102T150405Z"
	case len(value) != 15 || kind == "DATE":
		return stamp{}, notValid("%s: want a date or a time", l.name)
	}
	if len(value) > 8 && value[13:15] == "60" {
		value = value[:13] + "59" + value[15:] // a leap second, which no clock here shows
	}
	var err error
	if s.wall, err = time.Parse(form, value); err != nil {
		return stamp{}, notValid("%s: want a date or a time that exists", l.name)
	}
	if id := l.param("TZID"); id != "" && !s.utc && !s.date {
		if s.clock, err = z.find(id); err != nil {
			return stamp{}, err
		}
	}
	return s, nil
}

// inYears bounds what a stamp of an event or task may be; the onsets of time zones lie where they like.
func (s stamp) inYears(l *icalLine) error {
	if y := s.wall.Year(); y < minYear {
		return &CalendarError{Condition: "min-date-time", Detail: fmt.Sprintf("%s: want the year %d or later", l.name, minYear)}
	} else if y > maxYear {
		return &CalendarError{Condition: "max-date-time", Detail: fmt.Sprintf("%s: want the year %d or earlier", l.name, maxYear)}
	}
	return nil
}

// duration is a DURATION (RFC 5545, Section 3.3.6): days count by the calendar, the rest by the clock.
type duration struct {
	days int
	rest time.Duration
}

func parseDuration(l *icalLine) (duration, error) {
	bad := notValid("%s: want a duration such as PT1H, not negative, of at most ten years", l.name)
	s := strings.ToUpper(strings.TrimPrefix(l.value, "+"))
	if !strings.HasPrefix(s, "P") || len(s) < 3 {
		return duration{}, bad
	}
	var d duration
	inTime, last := false, 0
	for s = s[1:]; s != ""; {
		if s[0] == 'T' && !inTime {
			inTime = true
			if s = s[1:]; s == "" {
				return duration{}, bad
			}
		}
		n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if n < 1 || n > 9 {
			return duration{}, bad
		}
		v, err := strconv.Atoi(s[:n])
		if err != nil || v > 3653*24*3600 || v > 3653*24*60 && s[n] != 'S' || v > 3653*24 && s[n] != 'S' && s[n] != 'M' {
			return duration{}, bad // hours beyond that do not fit a time.Duration
		}
		rank := 0
		switch unit := s[n]; {
		case unit == 'W' && !inTime:
			rank, d.days = 1, d.days+7*v
		case unit == 'D' && !inTime:
			rank, d.days = 2, d.days+v
		case unit == 'H' && inTime:
			rank, d.rest = 3, d.rest+time.Duration(v)*time.Hour
		case unit == 'M' && inTime:
			rank, d.rest = 4, d.rest+time.Duration(v)*time.Minute
		case unit == 'S' && inTime:
			rank, d.rest = 5, d.rest+time.Duration(v)*time.Second
		}
		if rank <= last {
			return duration{}, bad
		}
		last, s = rank, s[n+1:]
	}
	if d.days > 3653 || d.rest > 3653*24*time.Hour {
		return duration{}, bad
	}
	return d, nil
}

// frequency of a rule.
type frequency uint8

const (
	daily frequency = iota
	weekly
	monthly
	yearly
)

// weekdayNth is an element of BYDAY; nth 0 is every one.
type weekdayNth struct {
	day time.Weekday
	nth int
}

// rule is a recurrence rule (RFC 5545, Section 3.3.10). Times of day finer than an hour's step are not taken.
type rule struct {
	freq                                              frequency
	interval, count                                   int // count 0: no bound
	until                                             stamp
	bounded                                           bool // until counts
	weekStart                                         time.Weekday
	bySecond, byMinute, byHour, byMonthDay, byYearDay []int
	byWeekNo, byMonth, bySetPos                       []int
	byDay                                             []weekdayNth
	work                                              *work
}

var weekdays = map[string]time.Weekday{"MO": time.Monday, "TU": time.Tuesday, "WE": time.Wednesday, "TH": time.Thursday, "FR": time.Friday, "SA": time.Saturday, "SU": time.Sunday}

// parseRule reads an RRULE. Error: *CalendarError; max-instances when it would make too many.
func parseRule(l *icalLine, w *work) (*rule, error) {
	r := &rule{interval: 1, weekStart: time.Monday, work: w}
	seen := map[string]bool{}
	for _, part := range strings.Split(strings.TrimSuffix(l.value, ";"), ";") {
		name, value, _ := strings.Cut(part, "=")
		name = strings.ToUpper(name)
		if seen[name] || value == "" {
			return nil, notValid("RRULE: want every part once, with a value")
		}
		seen[name] = true
		var err error
		numbers := func(low, high int, signed bool) []int {
			var out []int
			for _, v := range strings.Split(value, ",") {
				n, e := strconv.Atoi(v)
				if m := max(n, -n); e != nil || n < 0 && !signed || m < low || m > high || len(out) >= 366 {
					err = notValid("RRULE: want numbers that its part allows")
					return nil
				}
				out = append(out, n)
			}
			return out
		}
		switch name {
		case "FREQ":
			switch strings.ToUpper(value) {
			case "DAILY":
				r.freq = daily
			case "WEEKLY":
				r.freq = weekly
			case "MONTHLY":
				r.freq = monthly
			case "YEARLY":
				r.freq = yearly
			case "HOURLY", "MINUTELY", "SECONDLY":
				return nil, &CalendarError{Condition: "max-instances", Detail: "RRULE: want FREQ of a day or longer"}
			default:
				return nil, notValid("RRULE: want a FREQ of RFC 5545")
			}
		case "INTERVAL":
			r.interval, err = bounded(value, 1, maxInterval)
		case "COUNT":
			if r.count, err = bounded(value, 1, 1<<30); err == nil && r.count > maxCount {
				err = &CalendarError{Condition: "max-instances", Detail: fmt.Sprintf("RRULE: want a COUNT of at most %d", maxCount)}
			}
		case "UNTIL":
			r.bounded = true
			r.until, err = parseStamp(&icalLine{name: "RRULE"}, value, nil)
			if r.until.wall.Year() > maxYear { // "9999…" is how some clients write for ever
				r.bounded = false
			}
		case "WKST":
			var ok bool
			if r.weekStart, ok = weekdays[strings.ToUpper(value)]; !ok {
				err = notValid("RRULE: want a WKST of RFC 5545")
			}
		case "BYSECOND":
			r.bySecond = numbers(0, 59, false)
		case "BYMINUTE":
			r.byMinute = numbers(0, 59, false)
		case "BYHOUR":
			r.byHour = numbers(0, 23, false)
		case "BYMONTHDAY":
			r.byMonthDay = numbers(1, 31, true)
		case "BYYEARDAY":
			r.byYearDay = numbers(1, 366, true)
		case "BYWEEKNO":
			r.byWeekNo = numbers(1, 53, true)
		case "BYMONTH":
			r.byMonth = numbers(1, 12, false)
		case "BYSETPOS":
			r.bySetPos = numbers(1, 366, true)
		case "BYDAY":
			for _, v := range strings.Split(strings.ToUpper(value), ",") {
				if len(v) < 2 || len(r.byDay) >= 100 {
					return nil, notValid("RRULE: want weekdays in BYDAY")
				}
				day, ok := weekdays[v[len(v)-2:]]
				d := weekdayNth{day: day}
				if n := v[:len(v)-2]; ok && n != "" {
					var e error
					d.nth, e = strconv.Atoi(n)
					ok = e == nil && d.nth != 0 && d.nth >= -53 && d.nth <= 53
				}
				if !ok {
					return nil, notValid("RRULE: want weekdays in BYDAY")
				}
				r.byDay = append(r.byDay, d)
			}
		default:
			return nil, notValid("RRULE: want only parts of RFC 5545")
		}
		if err != nil {
			return nil, err
		}
	}
	nth := slices.ContainsFunc(r.byDay, func(d weekdayNth) bool { return d.nth != 0 })
	switch {
	case !seen["FREQ"]:
		return nil, notValid("RRULE: want FREQ")
	case seen["COUNT"] && seen["UNTIL"]:
		return nil, notValid("RRULE: want COUNT or UNTIL, not both")
	case nth && (r.freq == daily || r.freq == weekly || r.freq == yearly && r.byWeekNo != nil):
		return nil, notValid("RRULE: want numbered weekdays with MONTHLY or YEARLY only")
	case r.byWeekNo != nil && r.freq != yearly, r.byMonthDay != nil && r.freq == weekly, r.byYearDay != nil && r.freq != yearly:
		return nil, notValid("RRULE: want parts that its FREQ allows")
	case r.bySetPos != nil && len(seen) < 3:
		return nil, notValid("RRULE: want BYSETPOS beside another BY part")
	case max(1, len(r.bySecond))*max(1, len(r.byMinute))*max(1, len(r.byHour)) > maxPerDay:
		return nil, &CalendarError{Condition: "max-instances", Detail: fmt.Sprintf("RRULE: want at most %d instances a day", maxPerDay)}
	}
	return r, nil
}

func bounded(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, notValid("RRULE: want a number from %d to %d", low, high)
	}
	return n, nil
}

// between calls f for the instances of the rule that begin in [from, to), in order, until f answers false. All times are wall
// times. start is the first instance whatever the rule says (RFC 5545, Section 3.8.5.3), and counts. It ends at to, so that a
// rule that never matches costs no more than the days before it.
func (r *rule) between(start, from, to time.Time, f func(time.Time) bool) {
	if r.bounded {
		if until := r.until.wall; !until.After(to) {
			to = until.Add(time.Second)
			if r.until.date {
				to = until.AddDate(0, 0, 1)
			}
		}
	}
	left := r.count
	emit := func(t time.Time) bool {
		if !t.Before(to) {
			return false
		}
		if !t.Before(from) && !f(t) {
			return false
		}
		left--
		return r.count == 0 || left > 0
	}
	if !emit(start) {
		return
	}
	times := r.times(start)
	period := r.first(start)
	if r.count == 0 {
		period = r.skip(period, from)
	}
	for period.Before(to) && !r.work.spent() {
		var found []time.Time
		next, days := r.days(period, start)
		for _, d := range days {
			for _, t := range times {
				found = append(found, d.Add(t))
			}
		}
		if len(r.bySetPos) > 0 {
			r.work.take(len(found) * len(r.bySetPos) / 16)
			found = r.positions(found)
		}
		for _, t := range found {
			if t.After(start) && !emit(t) {
				return
			}
		}
		period = next
	}
}

// skip goes on from a period to one that lies shortly before a time.
func (r *rule) skip(period, from time.Time) time.Time {
	apart := func(n int) int { return max(0, n/r.interval-1) * r.interval }
	days := int(from.Sub(period) / (24 * time.Hour))
	switch r.freq {
	case weekly:
		return period.AddDate(0, 0, 7*apart(days/7))
	case monthly:
		return period.AddDate(0, apart(12*(from.Year()-period.Year())+int(from.Month()-period.Month())), 0)
	case yearly:
		return period.AddDate(apart(from.Year()-period.Year()), 0, 0)
	}
	return period.AddDate(0, 0, apart(days))
}

// times are the times of day of the instances.
func (r *rule) times(start time.Time) []time.Duration {
	or := func(list []int, one int) []int {
		if len(list) > 0 {
			return list
		}
		return []int{one}
	}
	var out []time.Duration
	for _, h := range or(r.byHour, start.Hour()) {
		for _, m := range or(r.byMinute, start.Minute()) {
			for _, s := range or(r.bySecond, start.Second()) {
				out = append(out, time.Duration(h)*time.Hour+time.Duration(m)*time.Minute+time.Duration(s)*time.Second)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// first is the beginning of the period that start lies in.
func (r *rule) first(start time.Time) time.Time {
	y, m, d := start.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	switch r.freq {
	case weekly:
		return day.AddDate(0, 0, -int((day.Weekday()-r.weekStart+7)%7))
	case monthly:
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case yearly:
		return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return day
}

// days are the days of one period that the rule takes, and the beginning of the next.
func (r *rule) days(period, start time.Time) (next time.Time, days []time.Time) {
	length := 1
	switch r.freq {
	case daily:
		next = period.AddDate(0, 0, r.interval)
	case weekly:
		next, length = period.AddDate(0, 0, 7*r.interval), 7
	case monthly:
		next, length = period.AddDate(0, r.interval, 0), period.AddDate(0, 1, -1).Day()
	case yearly:
		next, length = period.AddDate(r.interval, 0, 0), period.AddDate(1, 0, -1).YearDay()
	}
	full := length // days of other months are told apart by their month
	if r.freq == yearly && len(r.byMonth) > 0 {
		full = 31 * len(r.byMonth)
	}
	r.work.take(length/8 + full*(1+(len(r.byMonthDay)+len(r.byYearDay)+len(r.byDay)+8*len(r.byWeekNo))/16))
	for i := range length {
		if d := period.AddDate(0, 0, i); r.takes(d, start) {
			days = append(days, d)
		}
	}
	return next, days
}

// takes tells whether a day is of the rule.
func (r *rule) takes(d, start time.Time) bool {
	if len(r.byMonth) > 0 && !slices.Contains(r.byMonth, int(d.Month())) {
		return false
	}
	if len(r.byWeekNo) == 0 && len(r.byYearDay) == 0 && len(r.byMonthDay) == 0 && len(r.byDay) == 0 {
		switch r.freq { // what the first instance gives
		case weekly:
			return d.Weekday() == start.Weekday()
		case monthly:
			return d.Day() == start.Day()
		case yearly:
			return d.Day() == start.Day() && (len(r.byMonth) > 0 || d.Month() == start.Month())
		}
		return true
	}
	monthDays := time.Date(d.Year(), d.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	yearDays := time.Date(d.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
	if len(r.byMonthDay) > 0 && !slices.Contains(r.byMonthDay, d.Day()) && !slices.Contains(r.byMonthDay, d.Day()-monthDays-1) {
		return false
	}
	if len(r.byYearDay) > 0 && !slices.Contains(r.byYearDay, d.YearDay()) && !slices.Contains(r.byYearDay, d.YearDay()-yearDays-1) {
		return false
	}
	if len(r.byWeekNo) > 0 {
		n, of := weekNumber(d, r.weekStart)
		if !slices.Contains(r.byWeekNo, n) && !slices.Contains(r.byWeekNo, n-of-1) {
			return false
		}
	}
	if len(r.byDay) == 0 {
		return true
	}
	// A numbered weekday counts within the month, and within the year for YEARLY without BYMONTH.
	place, length := d.Day(), monthDays
	if r.freq == yearly && len(r.byMonth) == 0 {
		place, length = d.YearDay(), yearDays
	}
	return slices.ContainsFunc(r.byDay, func(w weekdayNth) bool {
		return w.day == d.Weekday() && (w.nth == 0 || w.nth == (place-1)/7+1 || w.nth == -((length-place)/7+1))
	})
}

// weekNumber is the number of a day's week, and how many weeks its week's year has: a year's first week is the first with four
// days in it.
func weekNumber(d time.Time, weekStart time.Weekday) (n, of int) {
	first := func(year int) time.Time {
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		return fourth.AddDate(0, 0, -int((fourth.Weekday()-weekStart+7)%7))
	}
	year := d.Year()
	switch {
	case d.Before(first(year)):
		year--
	case !d.Before(first(year + 1)):
		year++
	}
	weeks := func(t time.Time) int { return int(t.Sub(first(year)) / (7 * 24 * time.Hour)) }
	return weeks(d) + 1, weeks(first(year + 1))
}

// positions are the instances of one period that BYSETPOS takes.
func (r *rule) positions(found []time.Time) []time.Time {
	var out []time.Time
	for i, t := range found {
		if slices.Contains(r.bySetPos, i+1) || slices.Contains(r.bySetPos, i-len(found)) {
			out = append(out, t)
		}
	}
	return out
}
