package checkpoint

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/verifier"
)

// EventSchema is the value of "schema" in an exported event.
const EventSchema = "posvid.event/1"

// ExportOptions say what of a journal is exported. The zero value is all of it as JSON lines.
type ExportOptions struct {
	From, To time.Time // events from From on, before To; zero: no bound
	CSV      bool      // comma-separated values with a line of names, instead of JSON lines

	after uint64                                     // events with a higher number only
	each  func(number uint64, e exportedEvent) error // instead of writing, with the number of the record; its error ends the export
}

// JournalReport says what an export found.
type JournalReport struct {
	Events     int  // opened
	Exported   int  // within the bounds
	Missing    int  // numbers that have no event: a part was removed
	Broken     int  // events that do not follow the one before: changed, moved or put in
	Unreadable int  // events that this device's keys do not open
	Torn       int  // days whose end is not a whole event
	Counted    bool // the counter was there to hold the end against
}

// Whole tells whether every event that was counted is there, unchanged and in its place.
func (r JournalReport) Whole() bool {
	return r.Missing == 0 && r.Broken == 0 && r.Unreadable == 0 && r.Torn == 0 && r.Counted
}

// exportedEvent is the form of an event for others (docs/spec/journal.md, Section 6). What is not known is null.
type exportedEvent struct {
	Schema    string   `json:"schema"`
	Number    uint64   `json:"number"`
	At        string   `json:"at"` // RFC 3339, UTC
	Verifier  uint64   `json:"verifier"`
	Guard     string   `json:"guard"`
	Shift     *string  `json:"shift"`
	Period    *string  `json:"period"`
	Pseudonym *string  `json:"pseudonym"` // 32 hexadecimal digits
	Verdict   string   `json:"verdict"`
	Code      string   `json:"code"`
	Level     uint8    `json:"level"`
	Photo     *string  `json:"photo"`
	Bundle    *uint64  `json:"bundle"`
	Clock     *string  `json:"clock"`
	Offset    *int64   `json:"clock_offset_s"`
	Source    string   `json:"source"`
	Notes     []string `json:"notes"`
}

var csvNames = []string{"number", "at", "verifier", "guard", "shift", "period", "pseudonym", "verdict", "code", "level", "photo", "bundle", "clock", "clock_offset_s", "source", "notes"}

func exported(e *journalEvent) exportedEvent {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	out := exportedEvent{Schema: EventSchema, Number: e.Number, At: time.Unix(e.At, 0).UTC().Format(time.RFC3339), Verifier: e.Verifier, Guard: e.Guard,
		Shift: text(e.Shift), Period: text(e.Period), Pseudonym: text(hex.EncodeToString(e.Pseudonym)), Verdict: e.Outcome, Code: e.Code, Level: e.Level,
		Photo: text(e.Photo), Clock: text(e.Clock), Offset: e.Offset, Source: e.Source, Notes: []string{}}
	if e.Bundle != 0 {
		out.Bundle = &e.Bundle
	}
	for i, name := range noteNames {
		if e.Notes&(1<<i) != 0 {
			out.Notes = append(out.Notes, name)
		}
	}
	return out
}

// row is the event in the order of csvNames.
func (e exportedEvent) row() []string {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	// A spreadsheet would take what a person typed for a formula.
	typed := func(s string) string {
		if s != "" && strings.ContainsRune("=+-@'", rune(s[0])) {
			return "'" + s
		}
		return s
	}
	bundle, offset := "", ""
	if e.Bundle != nil {
		bundle = strconv.FormatUint(*e.Bundle, 10)
	}
	if e.Offset != nil {
		offset = strconv.FormatInt(*e.Offset, 10)
	}
	return []string{strconv.FormatUint(e.Number, 10), e.At, strconv.FormatUint(e.Verifier, 10), typed(e.Guard), typed(text(e.Shift)), text(e.Period),
		text(e.Pseudonym), e.Verdict, e.Code, strconv.Itoa(int(e.Level)), text(e.Photo), bundle, text(e.Clock), offset, e.Source, strings.Join(e.Notes, " ")}
}

// journalCursor is one day of the journal that is being read.
type journalCursor struct {
	f     *os.File
	r     *dayReader
	rec   dayRecord
	fresh bool // rec is the first of its file
}

// ExportJournal opens the journal with this device's keys and writes its events in their order. Files are read as they
// lay when it began; events go on being written meanwhile. Errors: ErrKeys for the zero key, ErrDisk, and those of w.
// What is wrong with the journal itself is no error: the report tells it.
func (s *State) ExportJournal(k keys.VerifierPrivateKey, opt ExportOptions, w io.Writer) (report JournalReport, err error) {
	if k.HPKEPublic().IsZero() {
		return report, fail(ErrKeys, "the journal opens only with this device's keys, and those with its passphrase")
	}
	h, cursors, err := s.journalCursors(&report)
	defer func() {
		for _, c := range cursors {
			c.f.Close()
		}
	}()
	if err != nil {
		return report, err
	}
	write := jsonWriter(w)
	flush := func() error { return nil }
	if opt.CSV {
		rows := csv.NewWriter(w)
		if err := rows.Write(csvNames); err != nil {
			return report, err
		}
		write = func(e exportedEvent) error { return rows.Write(e.row()) }
		flush = func() error { rows.Flush(); return rows.Error() }
	}
	expect := h.First
	var before link
	for live := cursors; len(live) > 0; {
		sortByNumber(live)
		c := live[0]
		switch {
		case expect != 0 && c.rec.number > expect:
			report.Missing += int(min(c.rec.number-expect, 1<<31))
		case expect != 0 && c.rec.number < expect:
			report.Broken++ // a number twice, or one that had been removed
		}
		follows := c.fresh || before != link{} && c.rec.number == expect
		from := before
		if c.fresh && (c.rec.number != expect || before == link{}) {
			from = c.r.before
		}
		if c.rec.number >= expect && (!follows || nextLink(from, c.rec.number, c.rec.sealed) != c.rec.link) {
			report.Broken++
		}
		expect, before = max(expect, c.rec.number+1), c.rec.link
		if err := report.open(c.rec, k, opt, write); err != nil {
			return report, err
		}
		c.fresh = false
		switch c.rec, err = c.r.next(); {
		case err == nil:
			continue
		case err != io.EOF:
			report.Torn++
		}
		live = live[1:]
	}
	if next := max(expect, 1); report.Counted && h.Last >= next {
		report.Missing += int(min(h.Last+1-next, 1<<31))
	}
	return report, flush()
}

func jsonWriter(w io.Writer) func(exportedEvent) error {
	return func(e exportedEvent) error {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	}
}

// open opens one record, counts it, and writes it when it is asked for.
func (r *JournalReport) open(rec dayRecord, k keys.VerifierPrivateKey, opt ExportOptions, write func(exportedEvent) error) error {
	if rec.number <= opt.after {
		return nil
	}
	e, err := openEvent(rec, k)
	if err != nil {
		r.Unreadable++
		return nil
	}
	r.Events++
	if e.Number != rec.number {
		r.Broken++ // a sealed event that was put in another one's place
	}
	at := time.Unix(e.At, 0)
	if !opt.From.IsZero() && at.Before(opt.From) || !opt.To.IsZero() && !at.Before(opt.To) {
		return nil
	}
	r.Exported++
	if opt.each != nil {
		return opt.each(rec.number, exported(e))
	}
	return write(exported(e))
}

// journalCursors opens every day at its first record, as far as it is written now.
func (s *State) journalCursors(report *JournalReport) (h headRecord, cursors []*journalCursor, err error) {
	err = s.locked(false, func() error {
		found, headErr := s.readRecord("journal-head", journalHead, maxSmall, &h)
		if headErr != nil && !errors.Is(headErr, verifier.StateDamaged) {
			return headErr
		}
		days, err := s.journalDayNames()
		if err != nil {
			return err
		}
		report.Counted = headErr == nil && (found || len(days) == 0)
		if !report.Counted {
			h = headRecord{}
		}
		for _, day := range days {
			f, err := os.Open(filepath.Join(s.dir, dayName(day)))
			if err != nil {
				return fail(ErrDisk, "reading the journal: %v", err)
			}
			info, err := f.Stat()
			if err != nil {
				f.Close()
				return fail(ErrDisk, "reading the journal: %v", err)
			}
			c := &journalCursor{f: f, fresh: true}
			if c.r, err = newDayReader(io.LimitReader(f, min(info.Size(), MaxJournalDay))); err == nil {
				c.rec, err = c.r.next()
			}
			if err != nil {
				report.Torn++ // a day is made with its first record
				f.Close()
				continue
			}
			cursors = append(cursors, c)
		}
		return nil
	})
	return h, cursors, err
}
