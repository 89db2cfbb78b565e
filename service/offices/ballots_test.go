package offices

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/store"
)

// halves are the two databases of an anonymous survey.
type halves struct {
	dir     string
	main    *store.Service
	ballots *store.Service
	surveys *office.Surveys
	box     *office.Box
	people  [][32]byte
	at      time.Time
}

func newHalves(t testing.TB) *halves {
	t.Helper()
	h := &halves{dir: t.TempDir(), at: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	sealer, err := store.NewSealer(store.NewDataKey())
	if err != nil {
		t.Fatal(err)
	}
	if h.main, err = store.OpenService(h.file("service.db"), store.Options{Sealer: sealer}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.main.Close() })
	if h.ballots, err = store.OpenBallots(h.file("ballots.db"), store.Options{Sealer: sealer}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.ballots.Close() })
	h.surveys = office.OpenSurveys(h.main.Office())
	if h.box, err = office.OpenBox(h.ballots.Office()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *halves) file(name string) string { return filepath.Join(h.dir, name) }

// open opens an anonymous survey of n people.
func (h *halves) open(t testing.TB, definition string, n int) office.Survey {
	t.Helper()
	s, err := h.surveys.Draft(context.Background(), "99000011", true, []byte(definition), []office.Audience{{Body: "99000011"}}, h.at)
	if err != nil {
		t.Fatal(err)
	}
	h.people = nil
	var people []office.Eligible
	for i := range n {
		var person [32]byte
		rand.Read(person[:])
		h.people = append(h.people, person)
		people = append(people, office.Eligible{Person: person, Seat: office.Seat{Body: "99000011", Post: int64(i + 1)}, Unit: fmt.Sprintf("Відділ %d", i%3)})
	}
	if s, err = h.surveys.Open(context.Background(), s.ID, 1, people, h.at.Add(24*time.Hour), h.at); err != nil {
		t.Fatal(err)
	}
	if err := h.box.Add(context.Background(), s.Box()); err != nil {
		t.Fatal(err)
	}
	return s
}

// take is one person's ballot, not sent yet.
func (h *halves) take(t testing.TB, s office.Survey, person [32]byte, a office.Answer) (*token, office.Ballot) {
	t.Helper()
	k := newToken(t, s)
	blind, err := h.surveys.Sign(context.Background(), s.ID, person, k.blinded, "2026-11-20", h.at)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := k.client.Finalize(k.state, blind)
	if err != nil {
		t.Fatal(err)
	}
	return k, office.Ballot{Secret: k.secret, Prefix: k.prefix, Signature: signature, Answer: a}
}

// cells are every value of every row of a database file, as somebody with the file reads them.
func cells(t *testing.T, file string) map[string][][]byte {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	names, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'office_%'")
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	out := map[string][][]byte{}
	for _, table := range tables {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new([]byte)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for i, column := range columns {
				out[table+"."+column] = append(out[table+"."+column], *values[i].(*[]byte))
			}
		}
		rows.Close()
	}
	return out
}

// TestBallotsJoinNobody: with both whole databases and the data key in hand, no row of answers is joined to a person, to a token or
// to another answer of the same ballot.
func TestBallotsJoinNobody(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 12)
	ctx := context.Background()
	var tokens []*token
	for i, person := range h.people {
		a := office.Answer{"room": "yes", "said": fmt.Sprintf("думка номер %d", i)}
		if i%2 == 0 {
			a = office.Answer{"room": "no", "what": []string{"desk"}}
		}
		k, ballot := h.take(t, s, person, a)
		tokens = append(tokens, k)
		if err := h.box.Put(ctx, s.ID, ballot, h.at); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.box.Forget(ctx); err != nil {
		t.Fatal(err)
	}

	// The ballot half has these columns and no others: no person, no account, no address, no time of a ballot.
	have := cells(t, h.file("ballots.db"))
	var columns []string
	for c := range have {
		columns = append(columns, c)
	}
	slices.Sort(columns)
	want := []string{"office_box_entries.entry", "office_box_entries.part", "office_box_entries.question", "office_box_entries.survey", "office_box_entries.value",
		"office_box_tokens.nonce", "office_box_tokens.prefix", "office_box_tokens.signature", "office_box_tokens.survey",
		"office_boxes.closed", "office_boxes.closes", "office_boxes.definition", "office_boxes.public_key", "office_boxes.received", "office_boxes.survey"}
	if !slices.Equal(columns, want) {
		t.Errorf("columns of the ballot half:\n%v, want\n%v", columns, want)
	}

	// Nothing of the issuer half, nor its SHA-256, nor its hex or base64, lies in the ballot half.
	ballotBytes, err := os.ReadFile(h.file("ballots.db"))
	if err != nil {
		t.Fatal(err)
	}
	issuer := cells(t, h.file("service.db"))
	compared := 0
	for _, column := range []string{"office_survey_served.person", "office_survey_served.blinded", "office_survey_audience.person", "office_surveys.key", "office_surveys.issued"} {
		if len(issuer[column]) == 0 {
			t.Fatalf("%s: no rows: the test compares nothing", column)
		}
		for _, v := range issuer[column] {
			sum := sha256.Sum256(v)
			for _, form := range [][]byte{v, sum[:], sum[:16], []byte(hex.EncodeToString(v)), []byte(base64.RawURLEncoding.EncodeToString(v)), []byte(base64.StdEncoding.EncodeToString(v))} {
				compared++
				if bytes.Contains(ballotBytes, form) {
					t.Errorf("%s is found in the ballot half", column)
				}
			}
		}
	}
	if compared < 12*3*6 {
		t.Errorf("only %d comparisons", compared)
	}
	// And nothing of the ballot half but the survey itself lies in the issuer half.
	var issuerBytes []byte
	for _, name := range []string{"service.db", "service.db-wal"} {
		b, _ := os.ReadFile(h.file(name))
		issuerBytes = append(issuerBytes, b...)
	}
	for _, column := range []string{"office_box_entries.entry", "office_box_tokens.nonce", "office_box_tokens.prefix", "office_box_tokens.signature"} {
		for _, v := range have[column] {
			if bytes.Contains(issuerBytes, v) {
				t.Errorf("%s is found in the issuer half", column)
			}
		}
	}
	// The secret, which alone joins a token and its answers, is in neither; nor is any text in the clear.
	for i, k := range tokens {
		for _, b := range [][]byte{ballotBytes, issuerBytes} {
			if bytes.Contains(b, k.secret) || bytes.Contains(b, k.blinded) || bytes.Contains(b, fmt.Appendf(nil, "думка номер %d", i)) {
				t.Errorf("ballot %d: secret, blinded message or text is stored", i)
			}
		}
	}
	// Sealed answers to one question are equally long.
	byQuestion := map[string]map[int]bool{}
	for i, v := range have["office_box_entries.value"] {
		q := string(have["office_box_entries.question"][i])
		if byQuestion[q] == nil {
			byQuestion[q] = map[int]bool{}
		}
		byQuestion[q][len(v)] = true
	}
	for q, sizes := range byQuestion {
		if len(sizes) != 1 {
			t.Errorf("%s: sealed answers of %d sizes", q, len(sizes))
		}
	}
}

// places is the order in which values lie in the bytes of a file; one that lies there several times is named each time.
func places(t *testing.T, file string, values [][]byte) []int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	where := map[int]int{}
	for i, v := range values {
		if !bytes.Contains(data, v) {
			t.Fatalf("value %d is not in the file", i)
		}
		for from := 0; ; from++ {
			at := bytes.Index(data[from:], v)
			if at < 0 {
				break
			}
			from += at
			where[from] = i
		}
	}
	var order []int
	for _, at := range slices.Sorted(maps.Keys(where)) {
		order = append(order, where[at])
	}
	return order
}

// TestBallotsForgetOrder: the same ballots put in two orders lie in their files in one order, and the logs are empty.
func TestBallotsForgetOrder(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 30)
	ctx := context.Background()
	var ballots []office.Ballot
	var nonces, entries [][]byte
	for _, person := range h.people {
		_, b := h.take(t, s, person, office.Answer{"room": "yes"})
		ballots = append(ballots, b)
		nonce, entry := office.BallotNonce(b.Secret), office.BallotEntry(b.Secret, "room", "")
		nonces, entries = append(nonces, nonce[:]), append(entries, entry[:])
	}
	sealer, err := store.NewSealer(store.NewDataKey())
	if err != nil {
		t.Fatal(err)
	}
	type layout struct{ nonces, entries []int }
	fill := func(name string, order []office.Ballot, forget bool) layout {
		v, err := store.OpenBallots(h.file(name), store.Options{Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		box, err := office.OpenBox(v.Office())
		if err == nil {
			err = box.Add(ctx, s.Box())
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range order {
			if err := box.Put(ctx, s.ID, b, h.at); err != nil {
				t.Fatal(err)
			}
		}
		if forget {
			if err := box.Forget(ctx); err != nil {
				t.Fatal(err)
			}
			if log, err := os.Stat(h.file(name + "-wal")); err != nil || log.Size() != 0 {
				t.Errorf("log: %v %v, want it empty", log, err)
			}
		} else {
			defer v.Close()
			if err := v.Close(); err != nil { // moves the log into the file
				t.Fatal(err)
			}
		}
		if forget {
			defer v.Close()
		}
		return layout{places(t, h.file(name), nonces), places(t, h.file(name), entries)}
	}
	back := slices.Clone(ballots)
	slices.Reverse(back)
	a, b := fill("a.db", ballots, true), fill("b.db", back, true)
	if !slices.Equal(a.nonces, b.nonces) || !slices.Equal(a.entries, b.entries) {
		t.Error("the file tells in which order the ballots came")
	}
	// Without rewriting it would: otherwise this test would prove nothing.
	a, b = fill("c.db", ballots, false), fill("d.db", back, false)
	if slices.Equal(a.nonces, b.nonces) && slices.Equal(a.entries, b.entries) {
		t.Error("files that were not rewritten lie in one order as well: the test sees nothing")
	}
}

// TestKeyDestroyed: after closing the key is neither in the tables nor anywhere in the files, and nothing is signed.
func TestKeyDestroyed(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 5)
	h.take(t, s, h.people[0], nil)
	sealed := cells(t, h.file("service.db"))["office_surveys.key"][0]
	if len(sealed) < 9000 {
		t.Fatalf("sealed key of %d bytes", len(sealed))
	}
	sealed = sealed[len(sealed)-1200:] // before the key are zeros, which may be found
	for i := range 40 {                // other surveys, which move it about in the file
		if i < 3 {
			h.take(t, s, h.people[i+1], nil)
		}
		if _, err := h.surveys.Draft(t.Context(), "99000011", true, []byte(sampleSurvey), []office.Audience{{Body: "99000011"}}, h.at); err != nil {
			t.Fatal(err)
		}
	}
	closed, err := h.surveys.Close(t.Context(), s.ID, h.at.Add(time.Hour))
	if err != nil || closed.State != office.SurveyClosed || !closed.Closes.Equal(h.at.Add(time.Hour)) {
		t.Fatalf("close: %v %v", closed, err)
	}
	for _, name := range []string{"service.db", "service.db-wal", "ballots.db", "ballots.db-wal"} {
		data, _ := os.ReadFile(h.file(name))
		for from := 0; from+64 <= len(sealed); from += 64 { // any piece of it
			if bytes.Contains(data, sealed[from:from+64]) {
				t.Errorf("%s holds bytes %d… of the sealed key", name, from)
				break
			}
		}
	}
	k := newToken(t, s)
	if _, err := h.surveys.Sign(t.Context(), s.ID, h.people[4], k.blinded, "2026-11-20", h.at.Add(2*time.Minute)); !errors.Is(err, office.ErrSurveyClosed) {
		t.Errorf("signing after closing: %v", err)
	}
	if again, err := h.surveys.Close(t.Context(), s.ID, h.at.Add(2*time.Hour)); err != nil || !again.Closes.Equal(closed.Closes) {
		t.Errorf("closing again: %v %v", again.Closes, err)
	}
}

// TestTamper: rows that were added or taken out of the files without the data key are seen at closing.
func TestTamper(t *testing.T) {
	change := func(t *testing.T, file, statement string) {
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct{ file, statement string }{
		"person served by hand":      {"service.db", "INSERT INTO office_survey_served SELECT survey, randomblob(32), blinded, day FROM office_survey_served LIMIT 1"},
		"person forgotten":           {"service.db", "DELETE FROM office_survey_served"},
		"token added":                {"ballots.db", "INSERT INTO office_box_tokens SELECT survey, randomblob(32), prefix, signature FROM office_box_tokens LIMIT 1"},
		"token taken out":            {"ballots.db", "DELETE FROM office_box_tokens WHERE nonce = (SELECT min(nonce) FROM office_box_tokens)"},
		"entry taken out":            {"ballots.db", "DELETE FROM office_box_entries WHERE entry = (SELECT min(entry) FROM office_box_entries)"},
		"value moved to another row": {"ballots.db", "UPDATE office_box_entries SET value = (SELECT value FROM office_box_entries ORDER BY entry LIMIT 1)"},
		"count of another survey":    {"ballots.db", "UPDATE office_boxes SET received = randomblob(37)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHalves(t)
			s := h.open(t, sampleSurvey, 6)
			for _, person := range h.people {
				_, b := h.take(t, s, person, office.Answer{"room": "yes"})
				if err := h.box.Put(t.Context(), s.ID, b, h.at); err != nil {
					t.Fatal(err)
				}
			}
			change(t, h.file(tt.file), tt.statement)
			_, err := h.surveys.Close(t.Context(), s.ID, h.at)
			if err == nil {
				if err = h.box.Close(t.Context(), s.ID); err == nil {
					_, err = h.box.Recount(t.Context(), s.ID, s.Eligible, 6)
				}
			}
			if !errors.Is(err, office.ErrTampered) && !errors.Is(err, store.ErrSealed) {
				t.Errorf("%v, want it seen", err)
			}
		})
	}
}

// TestRace: many requests at once give one token to a person and count a token once.
func TestRace(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 5)
	var wait sync.WaitGroup
	var mu sync.Mutex
	signed := 0
	for range 8 {
		k := newToken(t, s)
		wait.Go(func() {
			_, err := h.surveys.Sign(context.Background(), s.ID, h.people[0], k.blinded, "2026-11-20", h.at)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				signed++
			} else if !errors.Is(err, office.ErrServed) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if signed != 1 {
		t.Errorf("%d tokens for one person", signed)
	}
	_, b := h.take(t, s, h.people[1], nil)
	counted := 0
	for i := range 8 {
		b := b
		b.Answer = office.Answer{"room": []string{"yes", "no"}[i%2]}
		wait.Go(func() {
			err := h.box.Put(context.Background(), s.ID, b, h.at)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				counted++
			} else if !errors.Is(err, office.ErrBallotCounted) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n, err := h.box.Received(t.Context(), s.ID); err != nil || n != 1 || counted != 4 {
		t.Errorf("received %d %v, %d requests were told so, want 1 and 4 (one answer, four times)", n, err, counted)
	}
}

// TestResultsKept: results of a closed survey are counted once, however often they are looked at; opening a large box takes seconds.
func TestResultsKept(t *testing.T) {
	l := newPollster(t)
	s := l.open(true, everyKind(t))
	for _, person := range []string{"issued", "second", "suspended", "slip", "enrolled"} {
		l.vote(s, person, office.Answer{"place": "away"})
	}
	if _, err := l.p.keptTally(t.Context(), s.ID); !errors.Is(err, office.ErrSurveyState) {
		t.Errorf("results of an open survey: %v", err)
	}
	if err := l.p.closeSurvey(t.Context(), s.ID, l.w.Now()); err != nil {
		t.Fatal(err)
	}
	page := "/office/surveys/" + s.ID + "/results"
	status, _, first := l.w.Do(l.asks("issued"), "GET", page+"/csv", nil)
	if status != 200 || !bytes.Contains(first, []byte(";5;100")) {
		t.Fatalf("%d %s", status, first)
	}
	one, err := l.p.keptTally(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := l.p.keptTally(t.Context(), s.ID); err != nil || len(two.Questions) == 0 || &one.Questions[0] != &two.Questions[0] {
		t.Errorf("counted again: %v", err)
	}
	if _, _, again := l.w.Do(l.asks("second"), "GET", page+"/csv", nil); !bytes.Equal(first, again) {
		t.Error("the results differ")
	}
}

// TestCutShort: a program that stops between the two halves goes on where it was.
func TestCutShort(t *testing.T) {
	w, p := surveyWorld(t)
	ctx := t.Context()
	s, err := p.surveys.Draft(ctx, w.Ministry.EDRPOU, true, []byte(sampleSurvey), []office.Audience{{Body: w.Ministry.EDRPOU}}, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	people, err := p.audienceOf(ctx, s.ID, s.Audience, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s, err = p.surveys.Open(ctx, s.ID, 1, people, w.Now().Add(time.Hour), w.Now()); err != nil { // and no box
		t.Fatal(err)
	}
	if _, err := p.box.Received(ctx, s.ID); !errors.Is(err, office.ErrNotFound) {
		t.Fatalf("box: %v", err)
	}
	// Who comes before the job does has a ballot that is taken, not one for no box.
	k := newToken(t, s)
	status, signed := k.ask(t, w, w.As(official(w.Ministry.Holders["issued"])))
	if status != http.StatusOK {
		t.Fatalf("token: %d %s", status, signed)
	}
	if status, body := postJSON(t, w, w.Client(), "/api/v1/office/surveys/"+s.ID+"/ballots", k.ballot(t, signed, map[string]any{"room": "yes"})); status != http.StatusOK {
		t.Errorf("ballot before the job: %d %s", status, body)
	}
	if err := p.closeSurveys(ctx, w.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := p.box.Received(ctx, s.ID); err != nil || n != 1 {
		t.Errorf("box after the job: %d %v", n, err)
	}
	if _, err := p.surveys.Close(ctx, s.ID, w.Now()); err != nil { // and the box stays open
		t.Fatal(err)
	}
	if err := p.closeSurveys(ctx, w.Now()); err != nil {
		t.Fatal(err)
	}
	if s, err = p.surveys.Survey(ctx, s.ID); err != nil || s.Recount == nil {
		t.Errorf("no recount list after the job: %v", err)
	}
	list, err := p.recountOf(ctx, &s)
	if sum := sha256.Sum256(list); err != nil || !bytes.Equal(sum[:], s.Recount) {
		t.Errorf("the list has not the hash that was noted: %v", err)
	}
	if again, _ := p.recountOf(ctx, &s); !bytes.Equal(again, list) {
		t.Error("two lists of one survey differ")
	}
	if strings.Contains(w.Logs.String(), s.ID) {
		t.Error("a survey's id is in the log")
	}
}
