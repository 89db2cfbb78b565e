package checkpoint

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// gate is an enrolled device with an open journal, and a verdict to write.
func gate(t *testing.T) (w *world, s *State, k keys.VerifierPrivateKey, n int) {
	t.Helper()
	w = worldOf(t, 1)
	w.withPhoto(3)
	s, k, n = enrolledDevice(t, w)
	return w, s, k, n
}

// seenAt is an event of an accepted code.
func (w *world) seenAt(s *State, n int, at time.Time) Event {
	w.tb.Helper()
	v := s.Verify(verifier.Input{Text: w.code(at, n, "", nil), At: at}, Gate{})
	if v.Outcome != verifier.Accept {
		w.tb.Fatalf("%s", v.Code)
	}
	return Event{At: at, Guard: "Коваль", Shift: "нічна", Source: SourceCamera, Verdict: &v}
}

// write appends events a second apart.
func write(t *testing.T, s *State, e Event, count int) {
	t.Helper()
	j := must[*Journal](t)(s.OpenJournal(e.At))
	for range count {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		e.At = e.At.Add(time.Second)
	}
}

// export reads the whole journal.
func export(t *testing.T, s *State, k keys.VerifierPrivateKey, opt ExportOptions) (JournalReport, []exportedEvent) {
	t.Helper()
	var out bytes.Buffer
	report := must[JournalReport](t)(s.ExportJournal(k, opt, &out))
	var events []exportedEvent
	for line := range bytes.Lines(out.Bytes()) {
		var e exportedEvent
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return report, events
}

// theDay is the one file of a journal of one day.
func theDay(t *testing.T, s *State) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, journalDir, "*"+daySuffix))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

func TestJournalThereAndBack(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	e := w.seenAt(s, n, at)
	write(t, s, e, 2)

	in := verifier.Input{Text: w.answer(s, k, n, at), At: at}
	s.Verify(in, Gate{Record: true})
	confirmed := s.ConfirmPhoto(in, verifier.Photo{Kind: verifier.PhotoMatched, Hash: e.Verdict.Holder.PhotoHash}, at.Add(20*time.Second))
	forged := s.Verify(verifier.Input{Text: in.Text[:len(in.Text)-3] + "AAA", At: at}, Gate{})
	unread := s.Verify(verifier.Input{Unread: true, At: at}, Gate{})
	unsigned := verifier.Verdict{Outcome: verifier.Refuse, Code: verifier.HolderSignature, Issuer: &verifier.Issuer{EDRPOU: body}}
	j := must[*Journal](t)(s.OpenJournal(at))
	for _, v := range []*verifier.Verdict{&confirmed, &forged, &unread, {}, &unsigned} {
		if err := j.Append(Event{At: at.Add(time.Minute), Guard: "Мороз", Source: SourceScanner, Verdict: v}); err != nil {
			t.Fatal(err)
		}
	}
	report, events := export(t, s, k, ExportOptions{})
	if !report.Whole() || report.Events != 7 || report.Exported != 7 || len(events) != 7 {
		t.Fatalf("%+v, %d events", report, len(events))
	}
	first := events[0]
	if first.Schema != EventSchema || first.Number != 1 || first.At != at.Format(time.RFC3339) || first.Verifier != 77 || first.Guard != "Коваль" || *first.Shift != "нічна" ||
		*first.Period != "2026-11" || len(*first.Pseudonym) != 32 || first.Verdict != "accept" || first.Code != "ok" || first.Level != 2 || first.Photo != nil ||
		*first.Bundle != uint64(n) || *first.Clock != "pass" || *first.Offset != 10 || first.Source != "camera" || len(first.Notes) != 0 {
		t.Errorf("%+v", first)
	}
	if *events[1].Pseudonym != *first.Pseudonym || *events[2].Pseudonym != *first.Pseudonym {
		t.Error("one token in one month has two pseudonyms")
	}
	if c := events[2]; c.Level != 3 || c.Photo == nil || *c.Photo != "matched" || c.Shift != nil {
		t.Errorf("%+v", c)
	}
	for _, e := range events[3:] {
		if e.Pseudonym != nil || e.Period != nil || e.Offset != nil || e.Verdict == "accept" {
			t.Errorf("%+v", e)
		}
	}
	if events[4].Code != "no-code" || events[5].Code != "internal" || events[5].Verdict != "refuse" {
		t.Errorf("%+v, %+v", events[4], events[5])
	}
	if r, some := export(t, s, k, ExportOptions{From: at.Add(time.Second), To: at.Add(time.Minute)}); len(some) != 1 || r.Exported != 1 || r.Events != 7 || some[0].Number != 2 {
		t.Errorf("%+v, %+v", r, some)
	}
	info := must[JournalInfo](t)(s.JournalInfo())
	if info.Events != 7 || info.Last != 7 || info.First != 1 || info.KeepDays != DefaultJournalDays || len(info.Days) != 1 || info.Days[0].Torn {
		t.Errorf("%+v", info)
	}
}

// An event and its pseudonym by the words of docs/spec/journal.md.
func TestJournalIsAsSpecified(t *testing.T) {
	w, s, k, n := gate(t)
	e := w.seenAt(s, n, after(n))
	write(t, s, e, 1)
	data := must[[]byte](t)(os.ReadFile(theDay(t, s)))
	size := int(binary.BigEndian.Uint16(data[48:]))
	sealed := data[50 : 50+size]
	sum := sha256.Sum256(slices.Concat([]byte("posvid journal v1\x00"), make([]byte, 32), data[40:48], sealed))
	if string(data[:8]) != "PSVJRNL1" || !bytes.Equal(data[8:40], make([]byte, 32)) || binary.BigEndian.Uint64(data[40:]) != 1 ||
		!bytes.Equal(data[50+size:], sum[:]) || len(data) != 82+size {
		t.Fatalf("% x", data)
	}
	plain := must[[]byte](t)(k.Decrypt("journal v1", sealed))
	var periods struct{ Periods map[string]string }
	lines := bytes.Split(must[[]byte](t)(os.ReadFile(filepath.Join(s.dir, "journal", "periods"))), []byte("\n"))
	if err := json.Unmarshal(lines[1], &periods); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, must[[]byte](t)(hex.DecodeString(periods.Periods["2026-11"])))
	mac.Write([]byte(body + "\x00\x00\x00\x03")) // list 0, index 3
	var want []byte
	want = append(want, 0xae, 1, 1, 2, 0x1a) // 14 members: shift is there, photo and notes are not
	want = binary.BigEndian.AppendUint32(want, uint32(after(n).Unix()))
	want = append(want, 3, 0x18, 77, 4, 0x6c)
	want = append(append(want, "Коваль"...), 5, 0x6a)
	want = append(append(want, "нічна"...), 6, 0x67)
	want = append(append(want, "2026-11"...), 7, 0x50)
	want = append(append(want, mac.Sum(nil)[:16]...), 8, 0x66)
	want = append(append(want, "accept"...), 9, 0x62, 'o', 'k', 10, 2, 12, byte(n), 13, 0x64)
	want = append(append(want, "pass"...), 14, 10, 15, 0x66)
	want = append(want, "camera"...)
	if len(plain)%128 != 0 || int(binary.BigEndian.Uint16(plain)) != len(want) || !bytes.Equal(plain[2:2+len(want)], want) {
		t.Errorf("% x, want % x", plain, want)
	}
}

func TestJournalCSV(t *testing.T) {
	w, s, k, n := gate(t)
	e := w.seenAt(s, n, after(n))
	for _, guard := range []string{"=HYPERLINK(1)", "+38", "@x", "'=1", "Ко,в\"аль"} {
		e.Guard, e.Shift = guard, ""
		write(t, s, e, 1)
	}
	var out bytes.Buffer
	must[JournalReport](t)(s.ExportJournal(k, ExportOptions{CSV: true}, &out))
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 6 || !slices.Equal(rows[0], csvNames) {
		t.Fatalf("%v, %v", rows, err)
	}
	for i, want := range []string{"'=HYPERLINK(1)", "'+38", "'@x", "''=1", "Ко,в\"аль"} {
		if rows[i+1][3] != want || rows[i+1][13] != "10" {
			t.Errorf("%q, want guard %q", rows[i+1], want)
		}
	}
}

func TestJournalRefusesEvents(t *testing.T) {
	w, s, _, n := gate(t)
	at := after(n)
	good := w.seenAt(s, n, at)
	j := must[*Journal](t)(s.OpenJournal(at))
	simulated := *good.Verdict
	simulated.Simulated = true
	for name, c := range map[string]struct {
		change func(*Event)
		want   error
	}{
		"no verdict":           {func(e *Event) { e.Verdict = nil }, ErrJournal},
		"a simulated one":      {func(e *Event) { e.Verdict = &simulated }, ErrSimulated},
		"no guard":             {func(e *Event) { e.Guard = "" }, ErrJournal},
		"a guard of two lines": {func(e *Event) { e.Guard = "Коваль\nМороз" }, ErrJournal},
		"a guard in bad UTF-8": {func(e *Event) { e.Guard = "\xff" }, ErrJournal},
		"a long guard":         {func(e *Event) { e.Guard = strings.Repeat("a", maxGuard+1) }, ErrJournal},
		"a long shift":         {func(e *Event) { e.Shift = strings.Repeat("a", maxShift+1) }, ErrJournal},
		"no source":            {func(e *Event) { e.Source = "" }, ErrJournal},
		"an unknown source":    {func(e *Event) { e.Source = "phone" }, ErrJournal},
		"after the entry":      {func(e *Event) { e.At = base.Add(91 * day) }, ErrNotEnrolled},
	} {
		e := good
		c.change(&e)
		if err := j.Append(e); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info := must[JournalInfo](t)(s.JournalInfo()); info.Events != 0 || info.Last != 0 {
		t.Errorf("something was written: %+v", info)
	}
	longest := good
	longest.Guard, longest.Shift = strings.Repeat("я", maxGuard/2), strings.Repeat("я", maxShift/2)
	if err := j.Append(longest); err != nil {
		t.Error(err)
	}
}

func TestJournalNeedsEnrolment(t *testing.T) {
	w := worldOf(t, 1)
	at := after(1)
	for name, c := range map[string]struct {
		s    *State
		want error
	}{
		"an empty folder":      {must[*State](t)(Open(t.TempDir())), ErrNoPin},
		"no bundle":            {w.device(), ErrNoBundle},
		"not enrolled":         {w.device(1), ErrNotEnrolled},
		"keys, not yet let in": {func() *State { s := w.device(1); s.NewKeys([]byte("x"), keys.SealOptions{WorkFactor: 10}); return s }(), ErrNotEnrolled},
	} {
		j, err := c.s.OpenJournal(at)
		if !errors.Is(err, c.want) || j != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(c.s.dir, journalDir)); err == nil {
			t.Errorf("%s: a journal was made", name)
		}
		if v := w.verdict(c.s, 1); name == "not enrolled" && v.Outcome != verifier.Accept {
			t.Errorf("the verdict stops: %s", v.Code)
		}
	}
	_, s, _, n := gate(t)
	if _, err := s.OpenJournal(base.Add(90 * day)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("after the end of the entry: %v", err)
	}
	if _, err := s.ExportJournal(keys.VerifierPrivateKey{}, ExportOptions{}, io.Discard); !errors.Is(err, ErrKeys) {
		t.Errorf("export without keys: %v", err)
	}
	must[*Journal](t)(s.OpenJournal(after(n)))
}

func TestJournalDays(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	e := w.seenAt(s, n, at)
	for _, days := range []int{-1, MaxJournalDays + 1, 1 << 30} {
		if err := s.SetJournalDays(days, at); !errors.Is(err, ErrJournal) {
			t.Errorf("%d days: %v", days, err)
		}
	}
	write(t, s, e, 3)
	if err := s.SetJournalDays(0, at); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenJournal(at); !errors.Is(err, ErrJournalOff) {
		t.Errorf("switched off: %v", err)
	}
	if err := (&Journal{s}).Append(e); !errors.Is(err, ErrJournalOff) {
		t.Errorf("switched off while open: %v", err)
	}
	if left := must[[]string](t)(s.journalDayNames()); len(left) != 0 {
		t.Errorf("events are kept: %v", left)
	}
	if r, _ := s.periods(); len(r.Periods) != 0 {
		t.Error("the pseudonyms' key is kept")
	}
	if err := s.SetJournalDays(2, at); err != nil {
		t.Fatal(err)
	}
	write(t, s, e, 1)
	if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 1 || events[0].Number != 4 {
		t.Errorf("%+v, %+v", report, events)
	}
	if err := os.WriteFile(filepath.Join(s.dir, journalSettings), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenJournal(at); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged settings: %v", err)
	}
}

func TestJournalForgets(t *testing.T) {
	w, s, k, _ := gate(t)
	if err := s.SetJournalDays(5, base); err != nil {
		t.Fatal(err)
	}
	var first string
	for d := range 14 { // from 23 November to 6 December
		for len(w.bundles) < 24*(d+1) {
			w.bundles = append(w.bundles, nil)
		}
		w.publish()
		n := len(w.bundles) - 1
		must[Report](t)(s.Install(w.bundles[n], after(n)))
		j := must[*Journal](t)(s.OpenJournal(after(n)))
		v := verifier.Verdict{Outcome: verifier.Accept, Code: verifier.OK, Issuer: &verifier.Issuer{EDRPOU: body}, Status: 3, HasStatus: true}
		if err := j.Append(Event{At: after(n), Guard: "К", Source: SourceCamera, Verdict: &v}); err != nil {
			t.Fatal(err)
		}
		report, events := export(t, s, k, ExportOptions{})
		if !report.Whole() || len(events) != min(d+1, 6) {
			t.Fatalf("day %d: %+v, %d events", d, report, len(events))
		}
		if d == 0 {
			first = *events[0].Pseudonym
		}
		last := events[len(events)-1]
		if same := *last.Pseudonym == first; same != (*last.Period == "2026-11") {
			t.Errorf("day %d, period %s: pseudonym is that of November: %v", d, *last.Period, same)
		}
		if r := must[periodRecord](t)(s.periods()); (r.Periods["2026-11"] != "") != (d <= 12) {
			t.Errorf("day %d: keys of %d months", d, len(r.Periods))
		}
	}
	r, err := s.periods() // on 6 December the oldest day is 1 December
	if err != nil || len(r.Periods) != 1 || r.Periods["2026-12"] == "" {
		t.Errorf("November is over and its key is there: %d keys, %v", len(r.Periods), err)
	}
	at := base.Add(24 * day)
	if err := s.locked(true, func() error { return s.expireJournal(at, 1) }); err != nil { // no further than the bundle's term lets the clock go
		t.Fatal(err)
	}
	if r, err = s.periods(); err != nil || r.Periods["2026-12"] == "" {
		t.Errorf("the key of this month is gone: %v", err)
	}
	if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 0 {
		t.Errorf("%+v, %d events", report, len(events))
	}
}

// A clock that is years off neither destroys the journal nor keeps its events for ever.
func TestJournalUnderAWrongClock(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	e := w.seenAt(s, n, at)
	write(t, s, e, 2)
	for _, wrong := range []time.Time{at.AddDate(0, 2, 0), at.AddDate(-3, 0, 0), at.AddDate(0, 0, 2), at} {
		e.At = wrong
		j := must[*Journal](t)(s.OpenJournal(wrong))
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	report, events := export(t, s, k, ExportOptions{})
	if !report.Whole() || len(events) != 6 || events[2].At != at.AddDate(0, 2, 0).Format(time.RFC3339) {
		t.Errorf("%+v, %+v", report, events)
	}
	for i, e := range events {
		if e.Number != uint64(i+1) {
			t.Errorf("event %d has number %d", i+1, e.Number)
		}
	}
	days := must[[]string](t)(s.journalDayNames())
	if len(days) < 3 || days[len(days)-1] > "2026-12-01" {
		t.Errorf("%v", days)
	}
}

func TestJournalShowsTampering(t *testing.T) {
	w, s, k, n := gate(t)
	e := w.seenAt(s, n, after(n))
	write(t, s, e, 8)
	name := theDay(t, s)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var offsets []int
	r := must[*dayReader](t)(newDayReader(bytes.NewReader(data)))
	for {
		offsets = append(offsets, int(r.good))
		if _, err := r.next(); err != nil {
			break
		}
	}
	record := func(i int) []byte { return data[offsets[i]:offsets[i+1]] }
	join := func(parts ...[]byte) []byte { return slices.Concat(append([][]byte{data[:dayStart]}, parts...)...) }
	all := func(skip ...int) (out [][]byte) {
		for i := range 8 {
			if !slices.Contains(skip, i) {
				out = append(out, record(i))
			}
		}
		return out
	}
	// rechain writes records with numbers and links that fit, as who can write the folder would.
	rechain := func(keepNumbers bool, from int, parts ...[]byte) []byte {
		out := data[:dayStart:dayStart]
		var before link
		for i, p := range parts {
			number := uint64(from + i)
			if keepNumbers {
				number = uint64(p[7])
			}
			sealed := p[recordHead : len(p)-len(before)]
			before = nextLink(before, number, sealed)
			out = appendRecord(out, number, sealed, before)
		}
		return out
	}
	exchanged := all()
	exchanged[2], exchanged[3] = exchanged[3], exchanged[2]
	flip := bytes.Clone(data)
	flip[offsets[4]+recordHead+20] ^= 1
	flipLink := bytes.Clone(data)
	flipLink[offsets[5]-1] ^= 1
	stranger := must[keys.VerifierPrivateKey](t)(keys.VerifierKeyForVectors("stranger"))
	other := must[[]byte](t)(sealEvent(&journalEvent{Number: 9, Guard: "x", Outcome: "accept", Code: "ok", Source: "camera"}, stranger.HPKEPublic()))
	for name, changed := range map[string][]byte{
		"a record removed":                         join(all(3)...),
		"the first removed":                        join(all(0)...),
		"the last removed":                         join(all(7)...),
		"two exchanged":                            join(exchanged...),
		"one twice":                                join(append(all(), record(7))...),
		"one put in again":                         join(append(all()[:4], append([][]byte{record(1)}, all()[4:]...)...)...),
		"a bit of an event":                        flip,
		"a bit of a link":                          flipLink,
		"cut in a record":                          data[:offsets[7]+30],
		"cut in the head":                          data[:dayStart-3],
		"emptied":                                  {},
		"rubbish behind":                           append(bytes.Clone(data), 1, 2, 3),
		"a stranger's event":                       appendRecord(bytes.Clone(data), 9, other, nextLink(link(data[len(data)-32:]), 9, other)),
		"removed, and chained anew":                rechain(true, 1, all(3)...),
		"removed, and numbered and chained anew":   rechain(false, 1, all(3)...),
		"exchanged, and numbered and chained anew": rechain(false, 1, exchanged...),
	} {
		if err := os.WriteFile(theDay(t, s), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		report, err := s.ExportJournal(k, ExportOptions{}, &out)
		if err != nil || report.Whole() {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 8 {
		t.Errorf("untouched: %+v", report)
	}
	if report, events := export(t, s, stranger, ExportOptions{}); report.Unreadable != 8 || len(events) != 0 || report.Whole() {
		t.Errorf("with a stranger's key: %+v", report)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if report, _ := export(t, s, k, ExportOptions{}); report.Missing != 8 || report.Whole() {
		t.Errorf("the whole day removed: %+v", report)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.dir, journalHead)); err != nil {
		t.Fatal(err)
	}
	if report, events := export(t, s, k, ExportOptions{}); report.Counted || report.Whole() || len(events) != 8 {
		t.Errorf("the counter removed: %+v", report)
	}
}

// After a crash or a cut the journal goes on, and the next event says what was found.
func TestJournalGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, s *State, day, head string, before []byte)
		events int
		notes  string
		whole  bool
	}{
		"half a record": {func(t *testing.T, s *State, day, _ string, _ []byte) {
			f := must[*os.File](t)(os.OpenFile(day, os.O_APPEND|os.O_WRONLY, 0))
			defer f.Close()
			must[int](t)(f.Write([]byte{0, 0, 0, 0, 0, 0, 0, 5, 1}))
		}, 5, "[torn]", true},
		"zeros behind": {func(t *testing.T, s *State, day, _ string, _ []byte) {
			f := must[*os.File](t)(os.OpenFile(day, os.O_APPEND|os.O_WRONLY, 0))
			defer f.Close()
			must[int](t)(f.Write(make([]byte, 4096)))
		}, 5, "[torn]", true},
		"a record that does not follow": {func(t *testing.T, s *State, day, _ string, _ []byte) {
			data := must[[]byte](t)(os.ReadFile(day))
			r := must[*dayReader](t)(newDayReader(bytes.NewReader(data)))
			rec := must[dayRecord](t)(r.next())
			if err := os.WriteFile(day, appendRecord(data, 5, rec.sealed, rec.link), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 5, "[torn]", true},
		"written, not yet counted": {func(t *testing.T, s *State, _, head string, before []byte) {
			if err := os.WriteFile(head, before, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 5, "[]", true},
		"the last record cut off": {func(t *testing.T, s *State, day, _ string, _ []byte) {
			info := must[os.FileInfo](t)(os.Stat(day))
			if err := os.Truncate(day, info.Size()-1); err != nil {
				t.Fatal(err)
			}
		}, 4, "[torn shortened]", false},
		"the day removed": {func(t *testing.T, s *State, day, _ string, _ []byte) {
			if err := os.Remove(day); err != nil {
				t.Fatal(err)
			}
		}, 1, "[shortened]", false},
		"the counter removed": {func(t *testing.T, s *State, _, head string, _ []byte) {
			if err := os.Remove(head); err != nil {
				t.Fatal(err)
			}
		}, 5, "[counter-lost]", true},
		"the counter damaged": {func(t *testing.T, s *State, _, head string, _ []byte) {
			if err := os.WriteFile(head, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, 5, "[counter-lost]", true},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, k, n := gate(t)
			at := after(n)
			e := w.seenAt(s, n, at)
			write(t, s, e, 3)
			head := filepath.Join(s.dir, journalHead)
			before := must[[]byte](t)(os.ReadFile(head))
			write(t, s, e, 1)
			c.damage(t, s, theDay(t, s), head, before)
			e.At = at.Add(time.Minute)
			write(t, reopen(t, s), e, 1)
			report, events := export(t, s, k, ExportOptions{})
			last := events[len(events)-1]
			if len(events) != c.events || fmt.Sprint(last.Notes) != c.notes && fmt.Sprint(slices.Sorted(slices.Values(last.Notes))) != strings.ReplaceAll(c.notes, "torn shortened", "shortened torn") || report.Whole() != c.whole {
				t.Errorf("%d events, notes %v, %+v", len(events), last.Notes, report)
			}
			write(t, s, e, 2)
			if again, events := export(t, s, k, ExportOptions{}); len(events) != c.events+2 || len(events[len(events)-1].Notes) != 0 || again.Whole() != c.whole {
				t.Errorf("afterwards: %d events, %+v", len(events), again)
			}
		})
	}
}

func TestJournalOnABrokenDisk(t *testing.T) {
	w, s0, k, n := gate(t)
	at := after(n)
	e := w.seenAt(s0, n, at)
	write(t, s0, e, 2)
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for steps := 0; ; steps++ {
			s := must[*State](t)(Open(t.TempDir()))
			if err := os.CopyFS(s.dir, os.DirFS(s0.dir)); err != nil {
				t.Fatal(err)
			}
			j := must[*Journal](t)(s.OpenJournal(at))
			left := steps
			s.disk = brokenDisk{left: &left, err: cause}
			e := e
			e.At = at.Add(time.Duration(steps%2) * day) // the same day, or a new one
			err := j.Append(e)
			if err == nil && left >= 0 {
				if steps < 8 {
					t.Fatalf("only %d steps: the seam is bypassed", steps)
				}
				break
			}
			if !errors.Is(err, ErrDisk) || !errors.Is(err, cause) {
				t.Fatalf("step %d: %v", steps, err)
			}
			s.disk = realDisk{}
			if err := j.Append(e); err != nil {
				t.Fatalf("step %d: again with a good disk: %v", steps, err)
			}
			report, events := export(t, s, k, ExportOptions{})
			if !report.Whole() || len(events) < 3 || len(events) > 4 {
				t.Fatalf("step %d: %+v, %d events", steps, report, len(events))
			}
		}
	}
}

func TestJournalIsBounded(t *testing.T) {
	w, s, k, n := gate(t)
	e := w.seenAt(s, n, after(n))
	write(t, s, e, 1)
	// A day that is nearly full: events of this device, as its key would make them.
	var h headRecord
	must[bool](t)(s.readRecord("journal-head", journalHead, maxSmall, &h))
	data := must[[]byte](t)(os.ReadFile(theDay(t, s)))
	before := must[link](t)(h.link())
	sealed := data[dayStart+recordHead : len(data)-32]
	for int64(len(data)+recordOverhead+len(sealed)+dayStart) <= MaxJournalDay {
		h.Last++
		before = nextLink(before, h.Last, sealed)
		data = appendRecord(data, h.Last, sealed, before)
	}
	h.Size, h.Link = int64(len(data)), hex.EncodeToString(before[:])
	if err := os.WriteFile(theDay(t, s), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.writeRecord("journal-head", journalHead, h); err != nil {
		t.Fatal(err)
	}
	j := must[*Journal](t)(s.OpenJournal(e.At))
	if err := j.Append(e); !errors.Is(err, ErrJournalFull) {
		t.Errorf("a full day: %v", err)
	}
	if v := w.verdict(s, n); v.Outcome != verifier.Accept {
		t.Errorf("the verdict stops: %s", v.Code)
	}
	if info := must[JournalInfo](t)(s.JournalInfo()); info.Events != int(h.Last) || info.Bytes > MaxJournalDay {
		t.Errorf("%d events in %d bytes", info.Events, info.Bytes)
	}
	e.At = e.At.Add(day)
	if err := j.Append(e); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if err := s.ClearJournal(); err != nil {
		t.Fatal(err)
	}
	if info := must[JournalInfo](t)(s.JournalInfo()); info.Events != 0 || info.Bytes != 0 || info.First != info.Last+1 {
		t.Errorf("%+v", info)
	}
	if report, _ := export(t, s, k, ExportOptions{}); !report.Whole() {
		t.Errorf("%+v", report)
	}
	if entries := must[[]os.DirEntry](t)(os.ReadDir(filepath.Join(s.dir, journalDir))); len(entries) != 1 {
		t.Errorf("left after clearing: %v", entries)
	}
}

func TestJournalInParallel(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	e := w.seenAt(s, n, at)
	must[*Journal](t)(s.OpenJournal(at))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			j, err := reopen(t, s).OpenJournal(at)
			if err != nil {
				t.Error(err)
				return
			}
			for range 5 {
				if err := j.Append(e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 20 {
		t.Errorf("%+v", report)
	}
}

// A stolen device shows nobody: no name, number, photo, hash, code or pseudonym stands in its folder.
func TestJournalNamesNobody(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	g, hashes := newGallery(100)
	var pack bytes.Buffer
	entry := trust.VerifierEntry{ID: 77, HPKE: k.HPKEPublic(), ValidUntil: base.Add(day)}
	must[PhotosReport](t)(WritePhotos(&pack, body, []trust.VerifierEntry{entry}, hashes, g.read, at))
	must[PhotosReport](t)(s.InstallPhotos(&pack, k, at))
	j := must[*Journal](t)(s.OpenJournal(at))
	words := []string{"Гончарук", "Прохожий", "АА 004022", "0229460499", "accept", "camera", "Вартовий"}
	real := w.seenAt(s, n, at)
	words = append(words, strings.TrimPrefix(w.code(at, n, "", nil), "SID1:")[:40])
	for i, hash := range hashes {
		v := *real.Verdict
		v.Holder = &verifier.Holder{Number: fmt.Sprintf("ПР %06d", i), Name: fmt.Sprintf("Прохожий Номер %d", i), PhotoHash: hash, HasPhoto: true}
		v.Status = 70000 + uint32(i)
		words = append(words, v.Holder.Number)
		if err := j.Append(Event{At: at, Guard: "Вартовий", Source: SourceCamera, Verdict: &v}); err != nil {
			t.Fatal(err)
		}
	}
	report, events := export(t, s, k, ExportOptions{})
	if !report.Whole() || len(events) != 100 {
		t.Fatalf("%+v", report)
	}
	distinct := map[string]bool{}
	for _, e := range events {
		distinct[*e.Pseudonym] = true
		raw := must[[]byte](t)(hex.DecodeString(*e.Pseudonym))
		words = append(words, *e.Pseudonym, string(raw))
	}
	if len(distinct) != 100 {
		t.Errorf("%d pseudonyms of 100 people", len(distinct))
	}
	hides(t, s.dir, words, g)
	// What is exported names nobody either.
	var out bytes.Buffer
	must[JournalReport](t)(s.ExportJournal(k, ExportOptions{}, &out))
	for _, word := range append(words[:4:4], "ПР 0") {
		if strings.Contains(out.String(), word) {
			t.Errorf("%q is exported", word)
		}
	}
}

func TestJournalEventIsStrict(t *testing.T) {
	event := func(change func(map[int]any)) []byte {
		m := map[int]any{1: 1, 2: 5, 3: 77, 4: "К", 8: "accept", 9: "ok", 10: 2, 15: "camera"}
		change(m)
		data := must[[]byte](t)(cose.Marshal(m))
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
	}
	good := event(func(map[int]any) {})
	if e, err := parseEvent(append(good, 0, 0)); err != nil || e.Guard != "К" {
		t.Fatalf("%+v, %v", e, err)
	}
	for name, data := range map[string][]byte{
		"nothing":              {},
		"length beyond":        {0, 9, 0xa0},
		"padding":              append(bytes.Clone(good), 1),
		"an unknown field":     event(func(m map[int]any) { m[17] = 1 }),
		"no guard":             event(func(m map[int]any) { delete(m, 4) }),
		"an empty shift":       event(func(m map[int]any) { m[5] = "" }),
		"a short pseudonym":    event(func(m map[int]any) { m[7] = []byte{1, 2, 3} }),
		"a guard of two lines": event(func(m map[int]any) { m[4] = "a\nb" }),
		"a guard for a screen": event(func(m map[int]any) { m[4] = "\x1b[2J" }),
		"a long guard":         event(func(m map[int]any) { m[4] = strings.Repeat("a", maxGuard+1) }),
		"a number as text":     event(func(m map[int]any) { m[1] = "1" }),
	} {
		if e, err := parseEvent(data); err == nil || e != nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func FuzzJournalDay(f *testing.F) {
	stranger := must[keys.VerifierPrivateKey](f)(keys.VerifierKeyForVectors("stranger"))
	sealed := must[[]byte](f)(sealEvent(&journalEvent{Number: 1, Guard: "x", Outcome: "accept", Code: "ok", Source: "camera"}, stranger.HPKEPublic()))
	l := nextLink(link{}, 1, sealed)
	good := appendRecord(startDay(link{}), 1, sealed, l)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), 0xff))
	f.Add([]byte(dayMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := newDayReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		again := startDay(r.before)
		for {
			rec, err := r.next()
			if err != nil {
				break
			}
			again = appendRecord(again, rec.number, rec.sealed, rec.link)
		}
		if !bytes.Equal(again, data[:r.good]) {
			t.Error("what was read does not encode to the same bytes")
		}
	})
}

func FuzzJournalEvent(f *testing.F) {
	stranger := must[keys.VerifierPrivateKey](f)(keys.VerifierKeyForVectors("stranger"))
	offset := int64(-4)
	for _, e := range []journalEvent{{Number: 1, Guard: "x", Outcome: "accept", Code: "ok", Source: "camera"},
		{Number: 9, At: 5, Guard: "Коваль", Period: "2026-11", Pseudonym: make([]byte, 16), Offset: &offset, Notes: 7}} {
		sealed := must[[]byte](f)(sealEvent(&e, stranger.HPKEPublic()))
		f.Add(must[[]byte](f)(stranger.Decrypt(journalPurpose, sealed)))
	}
	f.Add([]byte{0, 1, 0xa0})
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseEvent(data)
		if err != nil {
			if e != nil {
				t.Error("a failed parse returned something")
			}
			return
		}
		if _, err := json.Marshal(exported(e)); err != nil {
			t.Error(err)
		}
		if len(exported(e).row()) != len(csvNames) {
			t.Error("a row does not fit its names")
		}
	})
}

func BenchmarkJournalAppend(b *testing.B) {
	w := worldOf(b, 1)
	s := w.device(1)
	k := must[keys.VerifierPrivateKey](b)(s.NewKeys([]byte("x"), keys.SealOptions{WorkFactor: 10}))
	request := must[[]byte](b)(s.Request(k, body, "Прохідна", trust.ClassCheckpoint, after(1)))
	must[uint64](b)(w.reg.AdmitVerifier(request, trust.VerifierGrant{ID: 77, ValidUntil: base.Add(90 * day)}, after(1)))
	w.publish()
	must[Report](b)(s.Install(w.bundles[2], after(2)))
	j := must[*Journal](b)(s.OpenJournal(after(2)))
	v := w.verdict(s, 2)
	for b.Loop() {
		if err := j.Append(Event{At: after(2), Guard: "Коваль", Source: SourceCamera, Verdict: &v}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestJournalBeforeTheFirstEvent(t *testing.T) {
	_, s, k, n := gate(t)
	for range 2 {
		if report, events := export(t, s, k, ExportOptions{}); !report.Whole() || len(events) != 0 {
			t.Errorf("%+v", report)
		}
		if info := must[JournalInfo](t)(s.JournalInfo()); info.Events != 0 || len(info.Days) != 0 {
			t.Errorf("%+v", info)
		}
		if err := s.ClearJournal(); err != nil {
			t.Error(err)
		}
		must[*Journal](t)(s.OpenJournal(after(n)))
	}
}
