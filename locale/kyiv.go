package locale

import "time"

// Zones of Ukraine's single time zone. They are written out so that a program without a time zone database
// (a browser, a bare device) shows the same time as one that has it.
var (
	kyivWinter = time.FixedZone("EET", 2*3600)
	kyivSummer = time.FixedZone("EEST", 3*3600)
)

// Kyiv gives t in Kyiv time: UTC+2, and UTC+3 from 01:00 UTC of the last Sunday of March until 01:00 UTC of
// the last Sunday of October (the rule in force since 1996).
func Kyiv(t time.Time) time.Time {
	u := t.UTC()
	year := u.Year()
	if !u.Before(lastSunday(year, time.March)) && u.Before(lastSunday(year, time.October)) {
		return u.In(kyivSummer)
	}
	return u.In(kyivWinter)
}

// lastSunday is 01:00 UTC of the last Sunday of a month that has 31 days.
func lastSunday(year int, month time.Month) time.Time {
	last := time.Date(year, month, 31, 1, 0, 0, 0, time.UTC)
	return last.AddDate(0, 0, -int(last.Weekday()))
}

// Date writes a day as ДД.ММ.РРРР in Kyiv time.
func Date(t time.Time) string { return Kyiv(t).Format("02.01.2006") }

// Moment writes a day and a time of day in Kyiv time and says so: "22.11.2026 09:35 (за Києвом)".
func Moment(lang string, t time.Time) string {
	text := Kyiv(t).Format("02.01.2006 15:04")
	if side(lang) == 1 {
		return text + " (Kyiv time)"
	}
	return text + " (за Києвом)"
}
