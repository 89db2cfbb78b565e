package office_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"

	"github.com/posvid/posvid/office"
)

// put tries an object and answers the precondition that failed, "" for none.
func put(t *testing.T, p *office.Planner, c office.Collection, data []byte) string {
	t.Helper()
	_, err := p.Put(context.Background(), boss.Seat, c, "x.ics", data, office.PutCondition{}, began)
	if err == nil {
		if err := p.Delete(context.Background(), boss.Seat, c, "x.ics", office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	if condition(err) == "" {
		t.Fatal(err)
	}
	return condition(err)
}

// OPL-10, OPL-23: what is no calendar object, and which precondition says so.
func TestCalendarObjectRefused(t *testing.T) {
	p := planner(t)
	const at = "DTSTART:20261120T100000Z"
	deep := "BEGIN:VALARM\r\nBEGIN:X\r\nEND:X\r\nEND:VALARM"
	for name, try := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":                  {nil, "valid-calendar-data"},
		"no calendar":              {[]byte("BEGIN:VEVENT\r\nEND:VEVENT\r\n"), "valid-calendar-data"},
		"no line end":              {bytes.TrimSuffix(vevent("a", at), []byte("\r\n")), "valid-calendar-data"},
		"no end":                   {bytes.TrimSuffix(vevent("a", at), []byte("END:VCALENDAR\r\n")), "valid-calendar-data"},
		"more after the end":       {append(vevent("a", at), "X:1\r\n"...), "valid-calendar-data"},
		"two calendars":            {append(vevent("a", at), vevent("b", at)...), "valid-calendar-data"},
		"ends another":             {bytes.Replace(vevent("a", at), []byte("END:VEVENT"), []byte("END:VTODO"), 1), "valid-calendar-data"},
		"too large":                {vevent("a", at, "DESCRIPTION:"+strings.Repeat("x", office.MaxCalendarObject)), "max-resource-size"},
		"too deep":                 {vevent("a", at, deep), "valid-calendar-data"},
		"many components":          {vevent("a", append([]string{at}, slices.Repeat([]string{"BEGIN:VALARM\r\nEND:VALARM"}, 400)...)...), "valid-calendar-data"},
		"a line without colon":     {vevent("a", at, "SUMMARY"), "valid-calendar-data"},
		"a parameter without end":  {vevent("a", at, "SUMMARY;X=a"), "valid-calendar-data"},
		"an open quote":            {vevent("a", at, `SUMMARY;X="a:b`), "valid-calendar-data"},
		"a quote within":           {vevent("a", at, `SUMMARY;X=a"b":c`), "valid-calendar-data"},
		"a parameter after quotes": {vevent("a", at, `SUMMARY;X="a"b:c`), "valid-calendar-data"},
		"many parameters":          {vevent("a", at, "SUMMARY"+strings.Repeat(";X=1", 40)+":a"), "valid-calendar-data"},
		"a name of blanks":         {vevent("a", at, "SUM MARY:a"), "valid-calendar-data"},
		"no UTF-8":                 {vevent("a", at, "SUMMARY:\xff"), "valid-calendar-data"},
		"a control character":      {vevent("a", at, "SUMMARY:a\x00b"), "valid-calendar-data"},
		"an empty line":            {vevent("a", at, "", "SUMMARY:a"), "valid-calendar-data"},
		"no VERSION":               {bytes.Replace(vevent("a", at), []byte("VERSION:2.0\r\n"), nil, 1), "valid-calendar-data"},
		"another VERSION":          {bytes.Replace(vevent("a", at), []byte("VERSION:2.0"), []byte("VERSION:1.0"), 1), "supported-calendar-data"},
		"another calendar":         {ics("CALSCALE:JULIAN", "BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", at, "END:VEVENT"), "supported-calendar-data"},
		"a METHOD":                 {ics("METHOD:REQUEST", "BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", at, "END:VEVENT"), "valid-calendar-object-resource"},
		"empty":                    {ics("X-A:b"), "valid-calendar-object-resource"},
		"a task":                   {vtodo("a"), "supported-calendar-component"},
		"a journal":                {ics("BEGIN:VJOURNAL", "UID:a", "END:VJOURNAL"), "supported-calendar-component"},
		"an unknown component":     {ics("BEGIN:VTHING", "UID:a", "END:VTHING"), "valid-calendar-data"},
		"two kinds":                {ics("BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", at, "END:VEVENT", "BEGIN:VTODO", "UID:a", "DTSTAMP:20261120T080000Z", "END:VTODO"), "valid-calendar-object-resource"},
		"two UIDs":                 {ics("BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", at, "END:VEVENT", "BEGIN:VEVENT", "UID:b", "RECURRENCE-ID:20261120T100000Z", "DTSTAMP:20261120T080000Z", at, "END:VEVENT"), "valid-calendar-object-resource"},
		"two of one UID":           {ics("BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", at, "END:VEVENT", "BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", at, "END:VEVENT"), "valid-calendar-object-resource"},
		"no UID":                   {ics("BEGIN:VEVENT", "DTSTAMP:20261120T080000Z", at, "END:VEVENT"), "valid-calendar-data"},
		"an empty UID":             {vevent("", at), "valid-calendar-data"},
		"a long UID":               {vevent(strings.Repeat("u", 256), at), "valid-calendar-data"},
		"no DTSTART":               {vevent("a"), "valid-calendar-data"},
		"two DTSTART":              {vevent("a", at, at), "valid-calendar-data"},
		"no such day":              {vevent("a", "DTSTART;VALUE=DATE:20260230"), "valid-calendar-data"},
		"no such hour":             {vevent("a", "DTSTART:20261120T250000Z"), "valid-calendar-data"},
		"long ago":                 {vevent("a", "DTSTART:18991231T235959Z"), "min-date-time"},
		"far away":                 {vevent("a", "DTSTART:22000101T000000Z"), "max-date-time"},
		"ends before":              {vevent("a", at, "DTEND:20261120T095959Z"), "valid-calendar-data"},
		"ends otherwise":           {vevent("a", at, "DTEND;VALUE=DATE:20261121"), "valid-calendar-data"},
		"ends twice":               {vevent("a", at, "DTEND:20261120T110000Z", "DURATION:PT1H"), "valid-calendar-data"},
		"lasts less than nothing":  {vevent("a", at, "DURATION:-PT1H"), "valid-calendar-data"},
		"lasts longer than int64":  {vevent("a", at, "DURATION:PT5124096H"), "valid-calendar-data"},
		"lasts too many seconds":   {vevent("a", at, "DURATION:PT315619201S"), "valid-calendar-data"},
		"lasts for ever":           {vevent("a", at, "DURATION:P99999999D"), "valid-calendar-data"},
		"an unknown zone":          {vevent("a", "DTSTART;TZID=Nowhere:20261120T100000"), "valid-calendar-object-resource"},
		"the host's zone":          {vevent("a", "DTSTART;TZID=Local:20261120T100000"), "valid-calendar-object-resource"},
		"a file for a zone":        {vevent("a", "DTSTART;TZID=../../etc/passwd:20261120T100000"), "valid-calendar-object-resource"},
		"a STATUS of tasks":        {vevent("a", at, "STATUS:COMPLETED"), "valid-calendar-data"},
		"every second":             {vevent("a", at, "RRULE:FREQ=SECONDLY"), "max-instances"},
		"every hour":               {vevent("a", at, "RRULE:FREQ=HOURLY"), "max-instances"},
		"a million":                {vevent("a", at, "RRULE:FREQ=DAILY;COUNT=1000000"), "max-instances"},
		"every minute of a day":    {vevent("a", at, "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5"), "max-instances"},
		"many EXDATE":              {vevent("a", at, "RRULE:FREQ=DAILY", "EXDATE:"+strings.Repeat("20261120T100000Z,", 1000)+"20261121T100000Z"), "max-instances"},
		"COUNT and UNTIL":          {vevent("a", at, "RRULE:FREQ=DAILY;COUNT=2;UNTIL=20261130T000000Z"), "valid-calendar-data"},
		"no FREQ":                  {vevent("a", at, "RRULE:COUNT=2"), "valid-calendar-data"},
		"an unknown part":          {vevent("a", at, "RRULE:FREQ=DAILY;BYEASTER=1"), "valid-calendar-data"},
		"BYMONTHDAY 32":            {vevent("a", at, "RRULE:FREQ=MONTHLY;BYMONTHDAY=32"), "valid-calendar-data"},
		"INTERVAL 0":               {vevent("a", at, "RRULE:FREQ=DAILY;INTERVAL=0"), "valid-calendar-data"},
		"two rules":                {vevent("a", at, "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"), "valid-calendar-data"},
		"a numbered day weekly":    {vevent("a", at, "RRULE:FREQ=WEEKLY;BYDAY=2MO"), "valid-calendar-data"},
	} {
		if got := put(t, p, office.Day, try.data); got != try.want {
			t.Errorf("%s: %q, want %q", name, got, try.want)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "a\x00", strings.Repeat("n", 256), "\xff"} {
		if _, err := p.Put(context.Background(), boss.Seat, office.Day, name, vevent("a", at), office.PutCondition{}, began); condition(err) == "" {
			t.Errorf("name %q was taken", name)
		}
	}
}

// OPL-10, OPL-11: what programs really send is taken and kept to the byte.
func TestCalendarObjectKept(t *testing.T) {
	p := planner(t)
	for name, data := range map[string][]byte{
		"LF":                 bytes.ReplaceAll(vevent("a", "DTSTART:20261120T100000Z"), []byte("\r\n"), []byte("\n")),
		"folds":              vevent("a", "DTSTART:20261120T100000Z", "SUMMARY:Нара\r\n да", "X-LONG:"+strings.Repeat("x", 60)+"\r\n\t"+strings.Repeat("y", 60)),
		"a fold in a letter": vevent("a", "DTSTART:20261120T100000Z", "SUMMARY:\xd0\r\n \x9d"),
		"unknown properties": vevent("a", "DTSTART:20261120T100000Z", `X-A;B="c:;,d",e:f\,g`, "x-lower:1", "NEW-PROP:2"),
		"alarms":             vevent("a", "DTSTART:20261120T100000Z", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "END:VALARM"),
		"an empty EXDATE":    vevent("a", "DTSTART:20261120T100000Z", "EXDATE:", "RRULE:FREQ=DAILY;UNTIL=99991231T235959Z"),
		"a blank end":        append(vevent("a", "DTSTART:20261120T100000Z"), "\r\n"...),
		"an own zone": ics("BEGIN:VTIMEZONE", "TZID:FLE Standard Time", "BEGIN:STANDARD", "DTSTART:16010101T040000", "TZOFFSETFROM:+0300", "TZOFFSETTO:+0200", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "END:STANDARD",
			"BEGIN:DAYLIGHT", "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0300", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE",
			"BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", "DTSTART;TZID=FLE Standard Time:20261120T100000", "DTEND;TZID=FLE Standard Time:20261120T110000", "END:VEVENT"),
	} {
		o, err := p.Put(context.Background(), boss.Seat, office.Day, "x.ics", data, office.PutCondition{}, began)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := p.Object(context.Background(), boss.Seat, office.Day, "x.ics")
		if err != nil || !bytes.Equal(got.Data, data) || o.Adjusted {
			t.Errorf("%s: %q, want %q, %v", name, got.Data, data, err)
		}
	}
}

// instances puts an event and answers how a view of a span shows it, in Kyiv.
func instances(t *testing.T, p *office.Planner, from, to string, data []byte) string {
	t.Helper()
	if _, err := p.Put(context.Background(), boss.Seat, office.Day, "x.ics", data, office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	day := func(s string) time.Time {
		d, err := time.Parse("2006-01-02", s)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := office.DayBounds(d.Date())
		return at
	}
	events, _, err := p.Agenda(context.Background(), boss.Seat, boss.Seat, day(from), day(to))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		s := e.Start.In(office.Kyiv).Format("02.01 15:04") + "–" + e.End.In(office.Kyiv).Format("15:04")
		if e.AllDay {
			s = e.Start.In(office.Kyiv).Format("02.01") + "–" + e.End.In(office.Kyiv).Format("02.01")
		}
		if e.Summary != "" {
			s += " " + e.Summary
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// zone is a VTIMEZONE around an event.
func zoned(id string, lines ...string) []byte {
	return ics(append(append([]string{"BEGIN:VTIMEZONE", "TZID:" + id, "BEGIN:STANDARD", "DTSTART:19701025T040000", "TZOFFSETFROM:+0300", "TZOFFSETTO:+0200", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "END:STANDARD",
		"BEGIN:DAYLIGHT", "DTSTART:19700329T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0300", "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE",
		"BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z"}, lines...), "END:VEVENT")...)
}

// OPL-20, OPL-21, OPL-22: Kyiv time, also on the days on which the clocks change (29 March and 25 October 2026).
func TestKyivTime(t *testing.T) {
	p := planner(t)
	for _, try := range []struct {
		name, from, to string
		data           []byte
		want           string
	}{
		{"the zone's new name", "2026-11-20", "2026-11-21", vevent("a", "DTSTART;TZID=Europe/Kyiv:20261120T100000", "DURATION:PT1H"), "20.11 10:00–11:00"},
		{"the zone's old name", "2026-11-20", "2026-11-21", vevent("a", "DTSTART;TZID=Europe/Kiev:20261120T100000", "DURATION:PT1H"), "20.11 10:00–11:00"},
		{"a vendor's name", "2026-11-20", "2026-11-21", vevent("a", "DTSTART;TZID=/example.org/Europe/Kiev:20261120T100000", "DURATION:PT1H"), "20.11 10:00–11:00"},
		{"another zone", "2026-11-20", "2026-11-21", vevent("a", "DTSTART;TZID=America/New_York:20261120T100000", "DURATION:PT1H"), "20.11 17:00–18:00"},
		{"UTC in summer", "2026-07-01", "2026-07-02", vevent("a", "DTSTART:20260701T100000Z", "DURATION:PT1H"), "01.07 13:00–14:00"},
		{"floating", "2026-07-01", "2026-07-02", vevent("a", "DTSTART:20260701T100000", "DURATION:PT1H"), "01.07 10:00–11:00"},
		{"a whole day", "2026-07-01", "2026-07-02", vevent("a", "DTSTART;VALUE=DATE:20260701"), "01.07–02.07"},
		{"not the day before", "2026-06-30", "2026-07-01", vevent("a", "DTSTART;VALUE=DATE:20260701"), ""},
		{"of midnight", "2026-07-01", "2026-07-02", vevent("a", "DTSTART;TZID=Europe/Kyiv:20260701T230000", "DTEND;TZID=Europe/Kyiv:20260702T000000"), "01.07 23:00–00:00"},
		{"not of the next day", "2026-07-02", "2026-07-03", vevent("a", "DTSTART;TZID=Europe/Kyiv:20260701T230000", "DTEND;TZID=Europe/Kyiv:20260702T000000"), ""},
		{"the skipped hour", "2026-03-29", "2026-03-30", vevent("a", "DTSTART;TZID=Europe/Kyiv:20260329T033000", "DURATION:PT1H"), "29.03 04:30–05:30"},
		{"the first of two hours", "2026-10-25", "2026-10-26", vevent("a", "DTSTART;TZID=Europe/Kyiv:20261025T033000", "DURATION:PT1H"), "25.10 03:30–03:30"},
		{"across the change, by the clock", "2026-10-24", "2026-10-26", vevent("a", "DTSTART;TZID=Europe/Kyiv:20261024T120000", "DURATION:P1D"), "24.10 12:00–12:00"},
		{"across the change, exactly", "2026-10-24", "2026-10-26", vevent("a", "DTSTART;TZID=Europe/Kyiv:20261024T120000", "DURATION:PT24H"), "24.10 12:00–11:00"},
		{"daily over March", "2026-03-28", "2026-03-31", vevent("a", "DTSTART;TZID=Europe/Kyiv:20260301T090000", "DURATION:PT30M", "RRULE:FREQ=DAILY"), "28.03 09:00–09:30, 29.03 09:00–09:30, 30.03 09:00–09:30"},
		{"daily over October", "2026-10-24", "2026-10-27", vevent("a", "DTSTART;TZID=Europe/Kyiv:20260301T090000", "DURATION:PT30M", "RRULE:FREQ=DAILY"), "24.10 09:00–09:30, 25.10 09:00–09:30, 26.10 09:00–09:30"},
		{"daily in UTC over October", "2026-10-24", "2026-10-27", vevent("a", "DTSTART:20260301T070000Z", "DURATION:PT30M", "RRULE:FREQ=DAILY"), "24.10 10:00–10:30, 25.10 09:00–09:30, 26.10 09:00–09:30"},
		{"daily in the skipped hour", "2026-03-28", "2026-03-31", vevent("a", "DTSTART;TZID=Europe/Kyiv:20260301T033000", "DURATION:PT30M", "RRULE:FREQ=DAILY"), "28.03 03:30–04:00, 29.03 04:30–05:00, 30.03 03:30–04:00"},
		{"an own zone", "2026-11-20", "2026-11-21", zoned("Мій час", "DTSTART;TZID=Мій час:20261120T100000", "DURATION:PT1H"), "20.11 10:00–11:00"},
		{"an own zone in summer", "2026-07-01", "2026-07-02", zoned("Мій час", "DTSTART;TZID=Мій час:20260701T100000", "DURATION:PT1H"), "01.07 10:00–11:00"},
		{"an own zone, the skipped hour", "2026-03-29", "2026-03-30", zoned("Мій час", "DTSTART;TZID=Мій час:20260329T033000", "DURATION:PT1H"), "29.03 04:30–05:30"},
		{"an own zone, two hours", "2026-10-25", "2026-10-26", zoned("Мій час", "DTSTART;TZID=Мій час:20261025T033000", "DURATION:PT30M"), "25.10 03:30–03:00"},
		{"an own zone over October", "2026-10-24", "2026-10-27", zoned("Мій час", "DTSTART;TZID=Мій час:20261001T090000", "DURATION:PT30M", "RRULE:FREQ=DAILY"), "24.10 09:00–09:30, 25.10 09:00–09:30, 26.10 09:00–09:30"},
		{"a known name wins over what is written under it", "2026-11-20", "2026-11-21", bytes.ReplaceAll(zoned("Europe/Kyiv", "DTSTART;TZID=Europe/Kyiv:20261120T100000", "DURATION:PT1H"), []byte("+0200"), []byte("+0900")), "20.11 10:00–11:00"},
	} {
		if got := instances(t, p, try.from, try.to, try.data); got != try.want {
			t.Errorf("%s: %q, want %q", try.name, got, try.want)
		}
	}
	for day, hours := range map[int]float64{28: 24, 29: 23} {
		if from, to := office.DayBounds(2026, 3, day); to.Sub(from).Hours() != hours {
			t.Errorf("%d March: %v", day, to.Sub(from))
		}
	}
	if from, to := office.DayBounds(2026, 10, 25); to.Sub(from).Hours() != 25 {
		t.Errorf("25 October: %v", to.Sub(from))
	}
}

// OPL-24, OPL-25: instances, and those that differ.
func TestRecurrence(t *testing.T) {
	p := planner(t)
	weekly := []string{"DTSTART;TZID=Europe/Kyiv:20261102T100000", "DTEND;TZID=Europe/Kyiv:20261102T110000", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20261130T080000Z", "SUMMARY:П"}
	with := func(more ...string) []byte {
		return ics(append(append([]string{"BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z"}, weekly...), append([]string{"END:VEVENT"}, more...)...)...)
	}
	differs := func(lines ...string) []string {
		return append(append([]string{"BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z"}, lines...), "END:VEVENT")
	}
	for _, try := range []struct {
		name, from, to string
		data           []byte
		want           string
	}{
		{"UNTIL counts", "2026-11-25", "2026-12-10", with(), "25.11 10:00–11:00 П, 30.11 10:00–11:00 П"},
		{"COUNT", "2026-11-01", "2027-01-01", vevent("a", "DTSTART:20261102T080000Z", "RRULE:FREQ=DAILY;INTERVAL=10;COUNT=3"), "02.11 10:00–10:00, 12.11 10:00–10:00, 22.11 10:00–10:00"},
		{"EXDATE in UTC", "2026-11-16", "2026-11-20", bytes.Replace(with(), []byte("SUMMARY"), []byte("EXDATE:20261116T080000Z\r\nSUMMARY"), 1), "18.11 10:00–11:00 П"},
		{"EXDATE as a date", "2026-11-16", "2026-11-20", bytes.Replace(with(), []byte("SUMMARY"), []byte("EXDATE;VALUE=DATE:20261116\r\nSUMMARY"), 1), "18.11 10:00–11:00 П"},
		{"EXDATE list", "2026-11-16", "2026-11-27", bytes.Replace(with(), []byte("SUMMARY"), []byte("EXDATE;TZID=Europe/Kiev:20261116T100000,20261118T100000\r\nSUMMARY"), 1), "23.11 10:00–11:00 П, 25.11 10:00–11:00 П"},
		{"RDATE", "2026-11-17", "2026-11-19", bytes.Replace(with(), []byte("SUMMARY"), []byte("RDATE;TZID=Europe/Kyiv:20261117T150000\r\nSUMMARY"), 1), "17.11 15:00–16:00 П, 18.11 10:00–11:00 П"},
		{"RDATE of a period", "2026-11-17", "2026-11-18", bytes.Replace(with(), []byte("SUMMARY"), []byte("RDATE;VALUE=PERIOD:20261117T130000Z/PT2H\r\nSUMMARY"), 1), "17.11 15:00–16:00 П"},
		{"moved", "2026-11-16", "2026-11-20", with(differs("RECURRENCE-ID;TZID=Europe/Kyiv:20261116T100000", "DTSTART;TZID=Europe/Kyiv:20261117T120000", "DURATION:PT30M", "SUMMARY:М")...), "17.11 12:00–12:30 М, 18.11 10:00–11:00 П"},
		{"moved into the span", "2026-11-05", "2026-11-06", with(differs("RECURRENCE-ID:20261130T080000Z", "DTSTART:20261105T080000Z", "SUMMARY:М")...), "05.11 10:00–10:00 М"},
		{"cancelled", "2026-11-16", "2026-11-20", with(differs("RECURRENCE-ID:20261116T080000Z", "DTSTART:20261116T080000Z", "STATUS:CANCELLED")...), "18.11 10:00–11:00 П"},
		{"this and what follows", "2026-11-16", "2026-11-26", with(differs("RECURRENCE-ID;RANGE=THISANDFUTURE:20261118T080000Z", "DTSTART:20261118T090000Z", "DURATION:PT2H", "SUMMARY:Н")...), "16.11 10:00–11:00 П, 18.11 11:00–13:00 Н, 23.11 11:00–13:00 Н, 25.11 11:00–13:00 Н"},
		{"only an instance", "2026-11-16", "2026-11-20", ics(differs("RECURRENCE-ID:20261116T080000Z", "DTSTART:20261117T080000Z", "SUMMARY:І")...), "17.11 10:00–10:00 І"},
		{"days of a birthday", "2028-02-01", "2028-03-02", vevent("a", "DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY"), "29.02–01.03"},
		{"none in a year without it", "2027-02-01", "2027-03-02", vevent("a", "DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY"), ""},
		{"the last Friday", "2026-11-01", "2027-01-01", vevent("a", "DTSTART;VALUE=DATE:20260130", "RRULE:FREQ=MONTHLY;BYDAY=-1FR"), "27.11–28.11, 25.12–26.12"},
		{"the last working day", "2026-11-01", "2027-01-01", vevent("a", "DTSTART;VALUE=DATE:20260130", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"), "30.11–01.12, 31.12–01.01"},
		{"never", "2026-11-01", "2027-01-01", vevent("a", "DTSTART:20260130T100000Z", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), ""},
		{"a long one that began before", "2026-11-20", "2026-11-21", vevent("a", "DTSTART;VALUE=DATE:20261101", "DTEND;VALUE=DATE:20261201"), "01.11–01.12"},
		{"a cancelled event", "2026-11-20", "2026-11-21", vevent("a", "DTSTART:20261120T100000Z", "STATUS:CANCELLED"), ""},
	} {
		if got := instances(t, p, try.from, try.to, try.data); got != try.want {
			t.Errorf("%s: %q, want %q", try.name, got, try.want)
		}
	}
}

// OPL-24: rules give the same instances as another implementation.
func TestRulesAgainstAnother(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 42))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	n := 200 // the other one looks until the year 9999 for an instance that there is not
	if testing.Short() {
		n = 60
	}
	tried := 0
	for range n {
		freq := pick("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
		parts := []string{"FREQ=" + freq}
		add := func(one int, part string) {
			if r.IntN(one) == 0 {
				parts = append(parts, part)
			}
		}
		add(2, fmt.Sprintf("INTERVAL=%d", 1+r.IntN(4)))
		add(3, pick("COUNT=7", "COUNT=40", "UNTIL=20280101T000000Z"))
		add(4, "BYMONTH="+pick("1", "3,10", "2,5,11"))
		add(4, "WKST="+pick("SU", "MO", "TH"))
		days := pick("MO", "TU,TH", "SA,SU", "MO,WE,FR")
		if freq == "MONTHLY" || freq == "YEARLY" {
			days = pick(days, "-1FR", "1MO,3MO", "2TU,-2TH")
		}
		add(2, "BYDAY="+days)
		if freq != "WEEKLY" {
			add(4, "BYMONTHDAY="+pick("1", "13", "-1", "15,31"))
		}
		if freq == "YEARLY" && !strings.Contains(strings.Join(parts, ";"), "BYDAY") {
			add(4, "BYYEARDAY="+pick("1", "100,-1", "366"))
			add(4, "BYWEEKNO="+pick("1", "20", "53", "-1"))
		}
		if strings.Contains(strings.Join(parts, ";"), ";BY") {
			add(5, "BYSETPOS="+pick("1", "-1", "2"))
		}
		add(6, "BYHOUR="+pick("9", "9,15"))
		rule := strings.Join(parts, ";")
		option, err := rrule.StrToROption(rule)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		option.Dtstart = time.Date(2025, 1, 1, 9, 30, 0, 0, time.UTC)
		other, err := rrule.NewRRule(*option)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		first := other.After(option.Dtstart, true)
		if first.IsZero() || first.Year() > 2027 {
			continue
		}
		// Both begin with an instance of the rule: what a DTSTART beside the rule means is not defined (RFC 5545).
		option.Dtstart = first
		if other, err = rrule.NewRRule(*option); err != nil {
			t.Fatal(err)
		}
		if !other.After(first, true).Equal(first) { // it counts positions in the first week from DTSTART on
			continue
		}
		from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
		var want []string
		for _, at := range other.Between(from, to, true) {
			want = append(want, at.Format("20060102T1504"))
		}
		if len(want) > 1900 {
			continue
		}
		tried++
		starts, err := office.Starts(vevent("a", "DTSTART:"+first.Format("20060102T150405Z"), "RRULE:"+rule), from, to)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		var got []string
		for _, at := range starts {
			got = append(got, at.UTC().Format("20060102T1504"))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s from %s:\n got %v\nwant %v", rule, first, got, want)
		}
	}
	if tried < n/3 {
		t.Errorf("only %d rules were compared", tried)
	}
}

// bomb is a zone of 50 observances whose rules take every day of the year to decide.
func bomb() []string {
	lines := []string{"BEGIN:VTIMEZONE", "TZID:Own"}
	for i := range 50 {
		lines = append(lines, "BEGIN:STANDARD", fmt.Sprintf("DTSTART:19700101T0000%02d", i), "TZOFFSETFROM:+0200", "TZOFFSETTO:+0300", "RRULE:FREQ=YEARLY;BYDAY=1MO,-1SU", "END:STANDARD")
	}
	return append(lines, "END:VTIMEZONE")
}

// OPL-26: zones that take long to compute are refused; rules that never match cost a view what a view may cost, and no more.
func TestCostlyCalendars(t *testing.T) {
	p, ctx := planner(t), context.Background()
	lines := append(bomb(), "BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", "DTSTART;TZID=Own:19700101T000000")
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("RDATE;TZID=Own:%d0101T000000", 1900+i%300))
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", ics(append(lines, "END:VEVENT")...), office.PutCondition{}, began); condition(err) != "max-instances" {
		t.Errorf("a zone that takes long: %v", err)
	}
	lines = bomb()
	for i := range 300 {
		lines = append(lines, "BEGIN:VEVENT", "UID:a", "DTSTAMP:20261120T080000Z", fmt.Sprintf("RECURRENCE-ID;TZID=Own:%d0101T000000", 1900+i), fmt.Sprintf("DTSTART;TZID=Own:%d0101T000000", 1900+i),
			fmt.Sprintf("DTEND;TZID=Own:%d0101T000000", 1900+i), "END:VEVENT")
	}
	if _, err := p.Put(ctx, boss.Seat, office.Day, "a.ics", ics(lines...), office.PutCondition{}, began); condition(err) != "max-instances" {
		t.Errorf("instances in it: %v", err)
	}
	// Rules that are never true since 1900, and one that is.
	for i := range 100 {
		name := fmt.Sprintf("%d.ics", i)
		if _, err := p.Put(ctx, boss.Seat, office.Day, name, vevent(name, "DTSTART:19000101T000000Z", "RRULE:FREQ=DAILY;COUNT=10000;BYMONTH=2;BYMONTHDAY=30"), office.PutCondition{}, began); err != nil {
			t.Fatal(err)
		}
	}
	from, to := office.DayBounds(2026, 11, 20)
	if events, more, err := p.Agenda(ctx, boss.Seat, boss.Seat, from, to); err != nil || !more || len(events) != 0 {
		t.Errorf("%d events, more %v, %v", len(events), more, err)
	}
	if _, err := p.Put(ctx, worker.Seat, office.Day, "a.ics", vevent("a", "DTSTART:19000101T100000Z", "RRULE:FREQ=DAILY;BYHOUR=10"), office.PutCondition{}, began); err != nil {
		t.Fatal(err)
	}
	if events, more, err := p.Agenda(ctx, worker.Seat, worker.Seat, from, to); err != nil || more || len(events) != 1 {
		t.Errorf("%d events, more %v, %v", len(events), more, err)
	}
}

// FuzzCalendarObject: no bytes make a panic or take long; what is taken is kept to the byte, and the library that answers
// CalDAV reads and writes it.
func FuzzCalendarObject(f *testing.F) {
	for _, seed := range [][]byte{
		vevent("a", "DTSTART;TZID=Europe/Kyiv:20261120T100000", "RRULE:FREQ=MONTHLY;BYDAY=-1FR;BYSETPOS=1", "EXDATE:20261127T080000Z"),
		vtodo("b", "DUE;VALUE=DATE:20261120", "STATUS:IN-PROCESS", "PERCENT-COMPLETE:33", "X-POSVID-STATE:PREPARED"),
		zoned("Z", "DTSTART;TZID=Z:20261120T100000", "RRULE:FREQ=DAILY;COUNT=3", "BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM"),
		[]byte("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nSUMMARY;X=a\nEND:VEVENT\nEND:VCALENDAR\n"),
	} {
		f.Add(seed)
	}
	from, to := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := office.Overlaps(data, from, to); err != nil {
			return
		}
		if again := office.Rewrite(data); !bytes.Equal(again, data) {
			t.Fatalf("written as %q", again)
		}
		cal, err := ical.NewDecoder(bytes.NewReader(data)).Decode()
		if err != nil {
			t.Fatalf("taken, but go-ical cannot read it: %v", err)
		}
		if err := ical.NewEncoder(&bytes.Buffer{}).Encode(cal); err != nil {
			t.Fatalf("taken, but go-ical cannot write it: %v", err)
		}
	})
}
