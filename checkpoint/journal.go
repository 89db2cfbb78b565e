package checkpoint

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Limits of the journal (docs/spec/journal.md, Section 2).
const (
	DefaultJournalDays = 30       // days an event is kept when nobody has said otherwise
	MaxJournalDays     = 90       // most days that can be set; 0 keeps no journal
	MaxJournalDay      = 16 << 20 // bytes of one day: about 44,000 events
)

// Errors of the journal. None of them stops a verdict.
var (
	ErrJournal     = errors.New("checkpoint: journal")                        // an event that may not be written, or damaged files
	ErrJournalOff  = errors.New("checkpoint: journal is switched off")        // kept for 0 days
	ErrJournalFull = errors.New("checkpoint: journal of this day is full")    // MaxJournalDay
	ErrSimulated   = errors.New("checkpoint: simulated verdict, not written") // its time was given by hand
)

const (
	journalDir      = "journal"
	daySuffix       = ".sidj"
	dayForm         = "2006-01-02"
	periodForm      = "2006-01"
	pseudonymSize   = 16
	journalHead     = journalDir + "/head"
	journalPeriods  = journalDir + "/periods"
	journalSettings = journalDir + "/settings"
)

func dayName(day string) string { return filepath.Join(journalDir, day+daySuffix) }

// Event sources: how the code was read.
const (
	SourceCamera  = "camera"
	SourceScanner = "scanner"
	SourceCard    = "card"
	SourceFile    = "file"
)

// Event is one verdict of a checkpoint, as the journal keeps it. Of the verdict it takes the outcome, the code, the
// level, which photo was compared, the bundle and the clock; of the person a pseudonym that holds for one month on this
// device. No name, number, photo or code is ever written.
type Event struct {
	At      time.Time         // of the verdict, by this device's clock
	Guard   string            // who is on duty: 1 to 128 bytes on one line
	Shift   string            // name of the shift; "" or up to 32 bytes on one line
	Source  string            // SourceCamera, SourceScanner, SourceCard or SourceFile
	Verdict *verifier.Verdict // as it was shown; a simulated one is ErrSimulated
}

// Journal is the open journal of a device; it is safe for parallel use.
type Journal struct{ state *State }

// headRecord is the file journal/head: how far the journal has come. It is what a cut is held against.
type headRecord struct {
	First uint64 `json:"first"` // number of the oldest event that should be there
	Last  uint64 `json:"last"`  // number of the newest event; 0 before the first
	Link  string `json:"link"`  // of the newest event, hexadecimal
	Day   string `json:"day"`   // file that is written to; "" before the first
	Size  int64  `json:"size"`  // bytes of that file
}

// periodRecord is the file journal/periods: the keys of pseudonyms, by month, hexadecimal.
type periodRecord struct {
	Periods map[string]string `json:"periods"`
}

// settingsRecord is the file journal/settings.
type settingsRecord struct {
	KeepDays int `json:"keep_days"`
}

// JournalDays tells how many days an event is kept; 0 keeps no journal.
func (s *State) JournalDays() (days int, err error) {
	err = s.locked(false, func() error {
		days, err = s.journalDays()
		return err
	})
	return days, err
}

func (s *State) journalDays() (int, error) {
	r := settingsRecord{KeepDays: DefaultJournalDays}
	if _, err := s.readRecord("journal-settings", journalSettings, maxSmall, &r); err != nil {
		return 0, err
	}
	if r.KeepDays < 0 || r.KeepDays > MaxJournalDays {
		return 0, damaged(verifier.StateDamaged, "%s: %d days, want 0 to %d", journalSettings, r.KeepDays, MaxJournalDays)
	}
	return r.KeepDays, nil
}

// SetJournalDays says how many days an event is kept from now on, 0 to MaxJournalDays. What is older is removed at
// once; with 0 that is all of it, and the keys of all pseudonyms with it.
func (s *State) SetJournalDays(days int, at time.Time) error {
	if days < 0 || days > MaxJournalDays {
		return fail(ErrJournal, "journal: %d days, want 0 to %d", days, MaxJournalDays)
	}
	return s.locked(true, func() error {
		if err := s.makeJournalDir(); err != nil {
			return err
		}
		if err := s.writeRecord("journal-settings", journalSettings, settingsRecord{days}); err != nil {
			return err
		}
		if days == 0 {
			return s.clearJournal()
		}
		return s.expireJournal(at, days)
	})
}

// ExpireJournal removes what is past its term. OpenJournal and each first event of a day do so too; whoever looks into a
// journal that nobody has written to for long calls it first.
func (s *State) ExpireJournal(at time.Time) error {
	if _, err := os.Stat(filepath.Join(s.dir, journalDir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.locked(true, func() error {
		days, err := s.journalDays()
		if err != nil {
			return err
		}
		return s.expireJournal(at, days)
	})
}

func (s *State) makeJournalDir() error {
	if err := os.Mkdir(filepath.Join(s.dir, journalDir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(ErrDisk, "making the folder of the journal: %v", err)
	}
	return nil
}

// OpenJournal makes the journal ready, and removes what is past its term. Errors: ErrJournalOff; ErrNotEnrolled for a
// device that is not in the bundle, and so has no key to seal with; ErrNoPin, ErrNoBundle, ErrDamaged, ErrDisk.
func (s *State) OpenJournal(at time.Time) (*Journal, error) {
	err := s.locked(true, func() error {
		days, err := s.journalDays()
		if err != nil {
			return err
		}
		if _, _, err := s.journalKey(at); err != nil {
			return err
		}
		if days == 0 {
			return fail(ErrJournalOff, "journal is switched off (0 days)")
		}
		if err := s.makeJournalDir(); err != nil {
			return err
		}
		return s.expireJournal(at, days)
	})
	if err != nil {
		return nil, err
	}
	return &Journal{s}, nil
}

// journalKey is this device's entry in the installed bundle, to whose HPKE key events are sealed.
func (s *State) journalKey(at time.Time) (*trust.Bundle, trust.VerifierEntry, error) {
	b, err := s.bundle()
	if err != nil {
		return nil, trust.VerifierEntry{}, err
	}
	id, entry, err := s.self(b)
	switch {
	case err != nil:
		return nil, entry, err
	case id == 0:
		return nil, entry, fail(ErrNotEnrolled, "journal: no verifier of bundle %d has this device's key, and events are sealed to it", b.Number())
	case !at.Before(entry.ValidUntil):
		return nil, entry, fail(ErrNotEnrolled, "journal: this verifier's entry ended at %s", entry.ValidUntil.UTC().Format(time.RFC3339))
	}
	return b, entry, nil
}

// Append seals an event and writes it; it is on the disk when Append returns. No passphrase is needed. An error leaves
// what was written before readable; the verdict stands whatever the journal says.
//
// Errors: ErrSimulated, ErrJournal for an event without a guard or with an unknown source, ErrJournalFull, and those of
// OpenJournal.
func (j *Journal) Append(e Event) error {
	switch {
	case e.Verdict == nil:
		return fail(ErrJournal, "journal: event without a verdict")
	case e.Verdict.Simulated:
		return fail(ErrSimulated, "journal: a simulated verdict is not written")
	case e.Guard == "" || !isPlain(e.Guard, maxGuard):
		return fail(ErrJournal, "journal: guard of %d bytes, want 1 to %d on one line", len(e.Guard), maxGuard)
	case !isPlain(e.Shift, maxShift):
		return fail(ErrJournal, "journal: shift of %d bytes, want up to %d on one line", len(e.Shift), maxShift)
	case !slices.Contains([]string{SourceCamera, SourceScanner, SourceCard, SourceFile}, e.Source):
		return fail(ErrJournal, "journal: unknown source")
	}
	s := j.state
	return s.locked(true, func() error {
		days, err := s.journalDays()
		if err != nil {
			return err
		}
		if days == 0 {
			return fail(ErrJournalOff, "journal is switched off (0 days)")
		}
		b, entry, err := s.journalKey(e.At)
		if err != nil {
			return err
		}
		return s.appendEvent(e, b, entry, days)
	})
}

func (s *State) appendEvent(e Event, b *trust.Bundle, entry trust.VerifierEntry, days int) error {
	day := journalTime(e.At, b).Format(dayForm)
	h, notes, err := s.journalHead()
	if err != nil {
		return err
	}
	if h.Day != day {
		if err := s.expireJournal(e.At, days); err != nil {
			return err
		}
		if h, notes, err = s.turnTo(day); err != nil {
			return err
		}
	}
	record, err := s.eventOf(e, b, entry)
	if err != nil {
		return err
	}
	record.Number, record.Notes = h.Last+1, notes
	sealed, err := sealEvent(record, entry.HPKE)
	if err != nil {
		return fail(ErrJournal, "journal: sealing an event: %v", err)
	}
	before, err := h.link()
	if err != nil {
		return err
	}
	l := nextLink(before, record.Number, sealed)
	data := appendRecord(nil, record.Number, sealed, l)
	if h.Size+int64(len(data)+dayStart) > MaxJournalDay {
		return fail(ErrJournalFull, "journal of %s is full: %d bytes, limit %d", day, h.Size, MaxJournalDay)
	}
	if h.Size == 0 {
		data = append(startDay(before), data...)
		err = s.replace(dayName(day), data)
	} else {
		err = s.extend(dayName(day), data)
	}
	if err != nil {
		return err
	}
	h.Last, h.Link, h.Size = record.Number, hex.EncodeToString(l[:]), h.Size+int64(len(data))
	return s.writeRecord("journal-head", journalHead, h)
}

// journalTime keeps the time by which files are named and removed within the life of the installed bundle: a clock that
// is years off neither keeps events for ever nor destroys them at once.
func journalTime(at time.Time, b *trust.Bundle) time.Time {
	if at.Before(b.IssuedAt()) {
		at = b.IssuedAt()
	}
	if at.After(b.ExpiresAt()) {
		at = b.ExpiresAt()
	}
	return at.UTC()
}

// eventOf takes of a verdict what a journal may hold.
func (s *State) eventOf(e Event, b *trust.Bundle, entry trust.VerifierEntry) (*journalEvent, error) {
	v := e.Verdict
	outcome, code := v.Outcome, v.Code
	if code == "" {
		code = verifier.Internal
	}
	if outcome == verifier.Accept && code != verifier.OK {
		outcome = verifier.Refuse
	}
	record := &journalEvent{At: e.At.Unix(), Verifier: entry.ID, Guard: e.Guard, Shift: e.Shift, Outcome: outcome.String(), Code: string(code),
		Level: uint8(v.Level), Bundle: v.Bundle.Number, Source: e.Source}
	if photo := v.Checks[verifier.CheckPhoto]; photo.Result == verifier.Pass {
		record.Photo = strings.TrimPrefix(photo.Name, "photo-")
	}
	switch clock := v.Checks[verifier.CheckClock]; clock.Result {
	case verifier.Pass:
		record.Clock = "pass"
	case verifier.Fail:
		record.Clock = string(clock.Code)
	}
	if v.HasOffset {
		offset := int64(v.ClockOffset / time.Second)
		record.Offset = &offset
	}
	if v.HasStatus && v.Issuer != nil {
		record.Period = journalTime(e.At, b).Format(periodForm)
		key, err := s.periodKey(record.Period)
		if err != nil {
			return nil, err
		}
		record.Pseudonym = pseudonym(key, v.Issuer.EDRPOU, v.Status)
	}
	return record, nil
}

// pseudonym stands for one token during one period: HMAC-SHA-256(period key, ЄДРПОУ ‖ status integer), 16 bytes of it.
func pseudonym(key []byte, body string, status uint32) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(body))
	mac.Write(binary.BigEndian.AppendUint32(nil, status))
	return mac.Sum(nil)[:pseudonymSize]
}

// periodKey is the key of a month; it is made when it is needed first.
func (s *State) periodKey(period string) ([]byte, error) {
	r, err := s.periods()
	if err != nil {
		return nil, err
	}
	if text, ok := r.Periods[period]; ok {
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != sha256.Size {
			return nil, damaged(verifier.StateDamaged, "%s: key of %s", journalPeriods, period)
		}
		return key, nil
	}
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	r.Periods[period] = hex.EncodeToString(key)
	return key, s.writeRecord("journal-periods", journalPeriods, r)
}

func (s *State) periods() (periodRecord, error) {
	var r periodRecord
	if _, err := s.readRecord("journal-periods", journalPeriods, maxSmall, &r); err != nil {
		return r, err
	}
	if r.Periods == nil {
		r.Periods = map[string]string{}
	}
	return r, nil
}

func (h *headRecord) link() (link, error) {
	if h.Last == 0 && h.Link == "" {
		return link{}, nil
	}
	raw, err := hex.DecodeString(h.Link)
	if err != nil || len(raw) != sha256.Size {
		return link{}, damaged(verifier.StateDamaged, "%s: link", journalHead)
	}
	return link(raw), nil
}

// journalHead reads how far the journal has come, and mends its end when a crash or a hand has left it otherwise. Notes
// say what was found; they go into the next event.
func (s *State) journalHead() (h headRecord, notes uint8, err error) {
	found, err := s.readRecord("journal-head", journalHead, maxSmall, &h)
	if err == nil && found {
		if _, err = h.link(); err == nil && (h.Day == "" || isDay(h.Day)) && h.Size >= 0 {
			return s.settle(h)
		}
	}
	days, listErr := s.journalDayNames()
	if listErr != nil {
		return h, 0, listErr
	}
	if !found && len(days) == 0 {
		return headRecord{First: 1}, 0, nil
	}
	h, err = s.recount(days)
	return h, noteCounter, err
}

// recount makes the counter again from the files.
func (s *State) recount(days []string) (h headRecord, err error) {
	h.First = math.MaxUint64
	for _, day := range days {
		records, good, err := s.scanDay(day)
		if err != nil {
			return h, err
		}
		for _, rec := range records {
			h.First = min(h.First, rec.number)
			if rec.number > h.Last {
				h.Last, h.Link, h.Day, h.Size = rec.number, hex.EncodeToString(rec.link[:]), day, good
			}
		}
	}
	if h.Last == 0 {
		return headRecord{First: 1}, nil
	}
	if err := s.cutDay(h.Day, h.Size); err != nil {
		return h, err
	}
	return h, s.writeRecord("journal-head", journalHead, h)
}

// turnTo makes day the file that is written to.
func (s *State) turnTo(day string) (headRecord, uint8, error) {
	h, notes, err := s.journalHead()
	if err != nil {
		return h, 0, err
	}
	h.Day, h.Size = day, 0
	// The new file is named before it is made, so that a crash between the two is found.
	if err := s.writeRecord("journal-head", journalHead, h); err != nil {
		return h, 0, err
	}
	if _, err := os.Stat(filepath.Join(s.dir, dayName(day))); errors.Is(err, fs.ErrNotExist) {
		return h, notes, nil
	}
	h, more, err := s.settle(h)
	return h, notes | more, err
}

// settle holds the file that is written to against the counter: a record that was written before a crash and not yet
// counted is counted, half a record is dropped, missing ones are noted.
func (s *State) settle(h headRecord) (headRecord, uint8, error) {
	if h.Day == "" {
		return h, 0, nil
	}
	info, err := os.Stat(filepath.Join(s.dir, dayName(h.Day)))
	size := int64(0)
	switch {
	case err == nil:
		size = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return h, 0, fail(ErrDisk, "reading the journal: %v", err)
	}
	if size == h.Size {
		return h, 0, nil
	}
	records, good, err := s.scanDay(h.Day)
	if err != nil {
		return h, 0, err
	}
	notes := uint8(0)
	last, err := h.link()
	if err != nil {
		return h, 0, err
	}
	at := int64(dayStart)
	counted := int64(0) // end of what the counter knows
	for _, rec := range records {
		if rec.number > h.Last {
			if rec.number != h.Last+1 || nextLink(last, rec.number, rec.sealed) != rec.link {
				break
			}
			h.Last, last = rec.number, rec.link
		}
		at += int64(recordOverhead + len(rec.sealed))
		counted = at
	}
	if size < h.Size {
		notes |= noteShort
	}
	if counted < size || good < size {
		notes |= noteTorn
		if err := s.cutDay(h.Day, counted); err != nil {
			return h, 0, err
		}
	}
	h.Link, h.Size = hex.EncodeToString(last[:]), counted
	return h, notes, s.writeRecord("journal-head", journalHead, h)
}

// scanDay reads the records of a day as far as they are whole. good is where they end; 0 without a file.
func (s *State) scanDay(day string) (records []dayRecord, good int64, err error) {
	data, err := s.load(dayName(day), MaxJournalDay)
	if err != nil || data == nil {
		return nil, 0, err
	}
	r, err := newDayReader(bytes.NewReader(data))
	if err != nil {
		return nil, 0, nil
	}
	for {
		rec, err := r.next()
		if err != nil {
			return records, r.good, nil
		}
		records = append(records, rec)
	}
}

// cutDay keeps the first bytes of a day's file, and removes it when that is none.
func (s *State) cutDay(day string, size int64) error {
	data, err := s.load(dayName(day), MaxJournalDay)
	if err != nil || data == nil || int64(len(data)) <= size {
		return err
	}
	if size <= int64(dayStart) {
		return s.removeJournal(dayName(day))
	}
	return s.replace(dayName(day), data[:size])
}

func (s *State) removeJournal(name string) error {
	err := s.disk.remove(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.disk.syncDir(filepath.Join(s.dir, journalDir))
	}
	if err != nil {
		return fail(ErrDisk, "removing a part of the journal: %v", err)
	}
	return nil
}

func isDay(s string) bool {
	t, err := time.Parse(dayForm, s)
	return err == nil && t.Format(dayForm) == s
}

// journalDayNames lists the days that have a file, in ascending order.
func (s *State) journalDayNames() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, journalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(ErrDisk, "reading the journal: %v", err)
	}
	var days []string
	for _, e := range entries {
		if day, ok := strings.CutSuffix(e.Name(), daySuffix); ok && isDay(day) {
			days = append(days, day)
		}
	}
	return days, nil // os.ReadDir sorts
}

// expireJournal removes the days past the term, and the keys of the months that have no day left.
func (s *State) expireJournal(at time.Time, keep int) error {
	if b, err := s.bundle(); err == nil {
		at = journalTime(at, b)
	}
	oldest := at.UTC().AddDate(0, 0, -keep).Format(dayForm)
	days, err := s.journalDayNames()
	if err != nil {
		return err
	}
	removed := false
	for _, day := range days {
		if day >= oldest {
			continue
		}
		if err := s.removeJournal(dayName(day)); err != nil {
			return err
		}
		removed = true
	}
	r, err := s.periods()
	if err != nil {
		return err
	}
	before := len(r.Periods)
	for period := range r.Periods {
		if period < oldest[:len(periodForm)] {
			delete(r.Periods, period)
		}
	}
	if len(r.Periods) < before {
		if err := s.writeRecord("journal-periods", journalPeriods, r); err != nil {
			return err
		}
	}
	if !removed {
		return nil
	}
	return s.afterRemoval(oldest)
}

// firstNumber is the least number that begins a day; otherwise when there is none.
func (s *State) firstNumber(otherwise uint64) (uint64, error) {
	days, err := s.journalDayNames()
	if err != nil {
		return 0, err
	}
	first := otherwise
	for _, day := range days {
		f, err := os.Open(filepath.Join(s.dir, dayName(day)))
		if err != nil {
			return 0, fail(ErrDisk, "reading the journal: %v", err)
		}
		if r, err := newDayReader(f); err == nil {
			if rec, err := r.next(); err == nil {
				first = min(first, rec.number)
			}
		}
		f.Close()
	}
	return first, nil
}

// ClearJournal removes every event, and the keys of all pseudonyms. The count goes on, so that a later export shows
// that there have been events before.
func (s *State) ClearJournal() error { return s.locked(true, s.clearJournal) }

func (s *State) clearJournal() error {
	days, err := s.journalDayNames()
	if err != nil {
		return err
	}
	h, _, err := s.journalHead()
	if err != nil {
		h = headRecord{} // what cannot be read is cleared all the same
	}
	if err := s.removeJournal(journalPeriods); err != nil {
		return err
	}
	for _, day := range days {
		if err := s.removeJournal(dayName(day)); err != nil {
			return err
		}
	}
	if h.Last == 0 {
		return s.removeJournal(journalHead)
	}
	h.First, h.Day, h.Size = h.Last+1, "", 0
	return s.writeRecord("journal-head", journalHead, h)
}

// JournalDay is one day of the journal, as it can be counted without a key.
type JournalDay struct {
	Day    string // "2026-11-22", UTC
	Events int
	Bytes  int64
	Torn   bool // its end is not a whole event
}

// JournalInfo is what can be known of a journal without opening it.
type JournalInfo struct {
	Days     []JournalDay
	KeepDays int    // 0: no journal
	First    uint64 // number of the oldest event that should be there
	Last     uint64 // number of the newest one
	Events   int    // that are there
	Bytes    int64
}

// JournalInfo counts the events without opening them and without changing anything. Events go on being written meanwhile.
func (s *State) JournalInfo() (info JournalInfo, err error) {
	err = s.locked(false, func() error {
		if info.KeepDays, err = s.journalDays(); err != nil {
			return err
		}
		var h headRecord
		if _, err := s.readRecord("journal-head", journalHead, maxSmall, &h); err == nil {
			info.First, info.Last = h.First, h.Last
		}
		days, err := s.journalDayNames()
		if err != nil {
			return err
		}
		for _, day := range days {
			stat, err := os.Stat(filepath.Join(s.dir, dayName(day)))
			if err != nil {
				return fail(ErrDisk, "reading the journal: %v", err)
			}
			info.Days = append(info.Days, JournalDay{Day: day, Bytes: stat.Size()})
		}
		return nil
	})
	if err != nil {
		return info, err
	}
	for i := range info.Days {
		d := &info.Days[i]
		if err := s.countDay(d); err != nil {
			return info, err
		}
		info.Events += d.Events
		info.Bytes += d.Bytes
	}
	return info, nil
}

// countDay counts the events in the bytes that a day had.
func (s *State) countDay(d *JournalDay) error {
	f, err := os.Open(filepath.Join(s.dir, dayName(d.Day)))
	if errors.Is(err, fs.ErrNotExist) { // its term ended a moment ago
		d.Bytes = 0
		return nil
	}
	if err != nil {
		return fail(ErrDisk, "reading the journal: %v", err)
	}
	defer f.Close()
	r, err := newDayReader(io.LimitReader(f, min(d.Bytes, MaxJournalDay)))
	for err == nil {
		if _, err = r.next(); err == nil {
			d.Events++
		}
	}
	d.Torn = err != io.EOF
	return nil
}

// sortByNumber orders cursors by the number of the record they stand at.
func sortByNumber(c []*journalCursor) {
	slices.SortStableFunc(c, func(x, y *journalCursor) int { return cmp.Compare(x.rec.number, y.rec.number) })
}
