package hr

import (
	"errors"
	"fmt"
	"time"
)

// Date is a civil date with no time of day. The zero value means "not given".
type Date struct {
	Year, Month, Day int
}

// errDate is what every failed date parse wraps.
var errDate = errors.New("hr: date: want ДД.ММ.РРРР or РРРР-ММ-ДД")

// ParseDate reads ДД.ММ.РРРР or the ISO 8601 calendar form РРРР-ММ-ДД, nothing else: no two-digit years, no spaces.
func ParseDate(s string) (Date, error) {
	var d Date
	switch {
	case len(s) == 10 && s[2] == '.' && s[5] == '.':
		d = Date{Year: digits(s[6:]), Month: digits(s[3:5]), Day: digits(s[:2])}
	case len(s) == 10 && s[4] == '-' && s[7] == '-':
		d = Date{Year: digits(s[:4]), Month: digits(s[5:7]), Day: digits(s[8:])}
	default:
		return Date{}, errDate
	}
	if !d.Valid() {
		return Date{}, errDate
	}
	return d, nil
}

// digits is the value of a string of digits, or -1.
func digits(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// Valid says whether the date exists in the Gregorian calendar and lies in the years 1800–2200.
func (d Date) Valid() bool {
	if d.Year < 1800 || d.Year > 2200 || d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > 31 {
		return false
	}
	return DateOf(time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)) == d
}

// DateOf is the date that the wall of t's own location shows.
func DateOf(t time.Time) Date {
	y, m, day := t.Date()
	return Date{Year: y, Month: int(m), Day: day}
}

// DateInKyiv is the civil date in Kyiv at the moment t.
func DateInKyiv(t time.Time) Date { return DateOf(t.UTC().Add(kyivOffset(t))) }

// IsZero says whether the date was not given.
func (d Date) IsZero() bool { return d == Date{} }

// Compare orders dates: -1, 0 or +1.
func (d Date) Compare(o Date) int {
	a, b := d.Year*10000+d.Month*100+d.Day, o.Year*10000+o.Month*100+o.Day
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Before says whether d is an earlier day than o.
func (d Date) Before(o Date) bool { return d.Compare(o) < 0 }

// AddDays is the date n days later (earlier when n is negative).
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year, time.Month(d.Month), d.Day+n, 0, 0, 0, 0, time.UTC))
}

// String is the ISO form РРРР-ММ-ДД, or "" for the zero date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// UA is the form for people: ДД.ММ.РРРР, or "" for the zero date.
func (d Date) UA() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%02d.%02d.%04d", d.Day, d.Month, d.Year)
}

// Start is the first moment of the day in Kyiv, as a UTC time.
func (d Date) Start() time.Time {
	utc := time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
	return utc.Add(-kyivOffset(utc.Add(-2 * time.Hour)))
}

// End is the first moment after the day in Kyiv, as a UTC time: an ID valid until d is valid at every time before End.
func (d Date) End() time.Time { return d.AddDays(1).Start() }

// kyivOffset is Kyiv's offset from UTC: two hours, three from 01:00 UTC on the last Sunday of March until 01:00 UTC on
// the last Sunday of October (КМУ 13.05.1996 №509). It is computed, not looked up, so that the same file gives the same
// plan on a machine with no time zone files.
func kyivOffset(t time.Time) time.Duration {
	t = t.UTC()
	from, to := lastSunday(t.Year(), time.March), lastSunday(t.Year(), time.October)
	if !t.Before(from) && t.Before(to) {
		return 3 * time.Hour
	}
	return 2 * time.Hour
}

// lastSunday is 01:00 UTC on the last Sunday of a 31-day month.
func lastSunday(year int, m time.Month) time.Time {
	last := time.Date(year, m, 31, 1, 0, 0, 0, time.UTC)
	return last.AddDate(0, 0, -int(last.Weekday()))
}

// MarshalText writes the ISO form; the zero date is empty.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the ISO form only; empty is the zero date.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	if len(b) != 10 || b[4] != '-' {
		return errDate
	}
	v, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// fromExcelSerial converts a spreadsheet day number (ECMA-376 Part 1, 18.17.4.1). In the 1900 system day 60 is the 29 February 1900
// that never was, so it is refused and the days before it are one off.
func fromExcelSerial(n int, date1904 bool) (Date, error) {
	switch {
	case n < 0 || n > 109_574: // 109574 is 31.12.2199 in the 1900 system
		return Date{}, errDate
	case date1904:
		return Date{Year: 1904, Month: 1, Day: 1}.AddDays(n), nil
	case n == 0 || n == 60:
		return Date{}, errDate
	case n < 60:
		return Date{Year: 1899, Month: 12, Day: 31}.AddDays(n), nil
	}
	return Date{Year: 1899, Month: 12, Day: 30}.AddDays(n), nil
}

func (d Date) utc() time.Time {
	return time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, 0, 0, time.UTC)
}
