package checkpoints

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/verifier"
)

// offers are the packs that a device is offered.
func (d *device) offers() map[string]packOffer {
	d.w.T.Helper()
	status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint/photos", nil)
	var answer struct{ Packs []packOffer }
	if err := json.Unmarshal(data, &answer); err != nil || status != http.StatusOK {
		d.w.T.Fatalf("packs: %d %s", status, data)
	}
	out := map[string]packOffer{}
	for _, o := range answer.Packs {
		out[o.EDRPOU] = o
	}
	return out
}

// CPA-40: packs are made for those whom the body gives them, hold the portraits of live IDs, and are made anew when either changes.
func TestPacks(t *testing.T) {
	w := newWorld(t)
	d := w.admitted("Вхід")
	ministry, council := w.Ministry.EDRPOU, w.Council.EDRPOU
	offers := d.offers()
	if len(offers) != 1 || offers[ministry].Photos != 3 { // issued, second, suspended
		t.Fatalf("offers: %+v", offers)
	}
	target := "/api/v1/checkpoint/photos/" + ministry
	status, header, data := d.do(http.MethodGet, target, nil)
	if status != http.StatusOK || sum(data) != offers[ministry].SHA256 || header.Get("ETag") != `"`+offers[ministry].SHA256+`"` || int64(len(data)) != offers[ministry].Size {
		t.Fatalf("pack: %d, %d bytes, %s", status, len(data), header.Get("ETag"))
	}
	s := d.state()
	report, err := s.InstallPhotos(bytes.NewReader(data), d.key, w.Now())
	if err != nil || report.Photos != 3 {
		t.Fatalf("install: %+v %v", report, err)
	}
	if jpeg, err := s.Photo(w.Ministry.Holders["issued"].PhotoHash, d.key, w.Now()); err != nil || len(jpeg) == 0 {
		t.Errorf("the portrait of a live ID: %v", err)
	}
	if _, err := s.Photo(w.Ministry.Holders["revoked"].PhotoHash, d.key, w.Now()); err == nil {
		t.Error("the portrait of a revoked ID is in the pack")
	}
	// The rest of it, and the whole when it is another one by now.
	status, header, rest := d.do(http.MethodGet, target, nil, "Range", "bytes=100-", "If-Range", header.Get("ETag"))
	if status != http.StatusPartialContent || !bytes.Equal(rest, data[100:]) || !strings.HasPrefix(header.Get("Content-Range"), "bytes 100-") {
		t.Errorf("a part: %d, %d bytes, %s", status, len(rest), header.Get("Content-Range"))
	}
	if status, _, whole := d.do(http.MethodGet, target, nil, "Range", "bytes=100-", "If-Range", `"another"`); status != http.StatusOK || !bytes.Equal(whole, data) {
		t.Errorf("a part of another pack: %d, %d bytes", status, len(whole))
	}
	if status, _, _ := d.do(http.MethodGet, target, nil, "Range", fmt.Sprintf("bytes=%d-", len(data))); status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a part behind the end: %d", status)
	}
	_, header, _ = d.do(http.MethodGet, "/api/v1/checkpoint/photos", nil)
	if status, _, none := d.do(http.MethodGet, "/api/v1/checkpoint/photos", nil, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified || len(none) != 0 {
		t.Errorf("the same list: %d, %d bytes", status, len(none))
	}
	w.Advance(time.Minute)
	if again := d.offers(); again[ministry].SHA256 != offers[ministry].SHA256 {
		t.Error("a pack was made anew for nothing")
	}
	d.wants("no-pack", http.MethodGet, "/api/v1/checkpoint/photos/"+council, nil)
	d.wants("unknown-body", http.MethodGet, "/api/v1/checkpoint/photos/12345678", nil)

	// The council gives it, by a person's word; the ministry takes it back.
	clerk := w.As(w.Role(service.BodyAdmin, w.Council))
	page := "/b/" + council + "/checkpoints/photos"
	for name, f := range map[string]url.Values{"nobody": {"verifier": {"999"}, "gives": {"pack"}}, "no word": {"verifier": {strconv.FormatUint(d.id, 10)}}, "another word": {"verifier": {strconv.FormatUint(d.id, 10)}, "gives": {"all"}}, "not a number": {"verifier": {"x"}, "gives": {"pack"}}} {
		t.Run(name, func(t *testing.T) { w.refused(clerk, page, f, "bad-field") })
	}
	w.post(clerk, page, url.Values{"verifier": {strconv.FormatUint(d.id, 10)}, "gives": {"pack"}}, http.StatusSeeOther)
	w.post(w.As(w.Role(service.BodyAdmin, w.Ministry)), "/b/"+ministry+"/checkpoints/photos", url.Values{"verifier": {strconv.FormatUint(d.id, 10)}, "gives": {"none"}}, http.StatusSeeOther)
	offers = d.offers()
	if len(offers) != 1 || offers[council].Photos == 0 {
		t.Errorf("offers after the choices: %+v", offers)
	}
	d.wants("no-pack", http.MethodGet, target, nil)
	if text := w.get(clerk, page); !strings.Contains(text, `id="packs"`) {
		t.Error("the page does not list the pack")
	}

	// Somebody leaves: another pack without them, and the old file is gone.
	h := w.Council.Holders["issued"]
	change := issuer.Change{Ground: issuer.GroundDismissal, Order: "7-к", OrderDate: w.Now().Truncate(day), Operator: w.Council.Operators[0].Ident(), At: w.Now()}
	if err := w.Council.Body.Body.Revoke(context.Background(), h.Row, change); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	after := d.offers()
	if after[council].SHA256 == offers[council].SHA256 || after[council].Photos != offers[council].Photos-1 {
		t.Errorf("after a dismissal: %+v, before %+v", after[council], offers[council])
	}
	files, err := filepath.Glob(filepath.Join(w.folder, council+"*"))
	if err != nil || len(files) != 1 {
		t.Errorf("files of the council: %v %v", files, err)
	}
	// A file that somebody took away is made anew; one that a making left behind is swept.
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	if status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint/photos/"+council, nil); status != http.StatusNotFound {
		t.Errorf("a pack without its file: %d, %d bytes", status, len(data))
	}
	if got := d.offers()[council]; got.Photos != after[council].Photos {
		t.Errorf("made anew: %+v", got)
	}
	left := filepath.Join(w.folder, "pack-1.tmp")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&part{s: w.Server, c: Config{Folder: w.folder}}).sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("half a pack was not swept")
	}
}

// CPA-41: single portraits only where a person has said so, only of live IDs, counted by day, and not without end.
func TestPortraits(t *testing.T) {
	w := newWorld(t)
	d := w.admitted("Вхід")
	issued, revoked := w.Ministry.Holders["issued"].PhotoHash, w.Ministry.Holders["revoked"].PhotoHash
	target := func(hash [20]byte) string { return "/api/v1/checkpoint/portrait/" + hex.EncodeToString(hash[:]) }
	d.wants("no-portrait", http.MethodGet, target(issued), nil) // packs are given by default, single portraits are not
	admin := w.As(w.Role(service.BodyAdmin, w.Ministry))
	w.post(admin, "/b/"+w.Ministry.EDRPOU+"/checkpoints/photos", url.Values{"verifier": {strconv.FormatUint(d.id, 10)}, "gives": {"online"}}, http.StatusSeeOther)
	status, header, jpeg := d.do(http.MethodGet, target(issued), nil)
	if digest := sha256.Sum256(jpeg); status != http.StatusOK || [20]byte(digest[:20]) != issued || header.Get("Content-Type") != "image/jpeg" || header.Get("Cache-Control") != "no-store" {
		t.Fatalf("a portrait: %d, %d bytes, %s, %s", status, len(jpeg), header.Get("Content-Type"), header.Get("Cache-Control"))
	}
	d.wants("no-portrait", http.MethodGet, target(revoked), nil)
	d.wants("no-portrait", http.MethodGet, target([20]byte{1}), nil)
	d.wants("no-portrait", http.MethodGet, "/api/v1/checkpoint/portrait/00", nil)
	d.wants("no-portrait", http.MethodGet, "/api/v1/checkpoint/portrait/"+strings.Repeat("z", 40), nil)
	(&device{w: w, key: w.Verifier}).wants("no-checkpoint-account", http.MethodGet, target(issued), nil)
	if page := w.get(admin, d.path); !strings.Contains(page, "видано 1, відмовлено 2") {
		t.Error("the page does not count portraits by day")
	}
	for range portraitRate {
		d.do(http.MethodGet, target([20]byte{1}), nil)
	}
	d.wants("rate-limited", http.MethodGet, target(issued), nil)
	w.Advance(time.Minute)
	if status, _, _ := d.do(http.MethodGet, target(issued), nil); status != http.StatusOK {
		t.Errorf("a minute later: %d", status)
	}
	if strings.Contains(w.Logs.String(), hex.EncodeToString(issued[:])) {
		t.Error("the log names a portrait")
	}
}

func event(s *checkpoint.State, t *testing.T, at time.Time, guard, shift string, v verifier.Verdict) {
	t.Helper()
	j, err := s.OpenJournal(at)
	if err == nil {
		err = j.Append(checkpoint.Event{At: at, Guard: guard, Shift: shift, Source: checkpoint.SourceCamera, Verdict: &v})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// CPA-50, CPA-51: a journal is kept as it came, once; only the device it is of can send it, and only the named one open it.
func TestJournalUpload(t *testing.T) {
	w := newWorld(t)
	centre := w.admitted("Охорона")
	s, err := checkpoint.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pin(w.Pin); err != nil {
		t.Fatal(err)
	}
	key, err := s.NewKeys([]byte("фраза"), keys.SealOptions{WorkFactor: 10})
	if err != nil {
		t.Fatal(err)
	}
	d := w.admittedAs("Вхід", key)
	d.install(s)
	f := policyForm(w)
	f.Set("journal", strconv.FormatUint(centre.id, 10))
	w.post(w.As(w.Role(service.BodyAdmin, w.Ministry)), d.path+"/policy", f, http.StatusSeeOther)
	status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint", nil)
	var answer struct{ Policy []byte }
	if err := json.Unmarshal(data, &answer); err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	if _, err := s.InstallPolicy(answer.Policy, w.Now()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		event(s, t, w.Now().Add(time.Duration(i)*time.Second), "Коваль", "нічна", verifier.Verdict{Outcome: verifier.Refuse, Code: verifier.Expired})
	}
	upload, err := s.SealJournal(key, 0, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.SealJournal(key, 0, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	const target = "/api/v1/checkpoint/journal"
	for i, stored := range []bool{true, false} {
		status, _, data := d.do(http.MethodPost, target, upload)
		var k kept
		if err := json.Unmarshal(data, &k); err != nil || status != http.StatusOK || k.First != 1 || k.Last != 3 || k.SHA256 != sum(upload) || k.Stored != stored {
			t.Fatalf("upload %d: %d %s", i, status, data)
		}
	}
	d.wants("journal-conflict", http.MethodPost, target, again) // the same events in other bytes
	if part, err := s.SealJournal(key, 1, w.Now()); err != nil {
		t.Fatal(err)
	} else {
		d.wants("journal-conflict", http.MethodPost, target, part)
	}
	centre.wants("bad-journal", http.MethodPost, target, upload) // of another device
	d.wants("bad-journal", http.MethodPost, target, nil)
	d.wants("bad-journal", http.MethodPost, target, []byte("журнал"))
	d.wants("bad-journal", http.MethodPost, target, upload[:len(upload)-1])
	d.wants("bad-journal", http.MethodPost, target, append(slices.Clone(upload), 0))
	d.wants("too-large", http.MethodPost, target, make([]byte, checkpoint.MaxJournalUpload+1))
	if status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint", nil); status != http.StatusOK || !strings.Contains(string(data), `"journal_last":3`) {
		t.Errorf("what the service has: %s", data)
	}

	admin := w.As(w.Role(service.BodyAdmin, w.Ministry))
	status, _, file := w.Do(admin, http.MethodGet, d.path+"/journal/1", nil)
	if status != http.StatusOK || !bytes.Equal(file, upload) {
		t.Errorf("the journal is not as it came: %d, %d bytes", status, len(file))
	}
	if status, _, data := w.Do(admin, http.MethodGet, d.path+"/journal/2", nil); status != http.StatusNotFound {
		t.Errorf("a journal that is not there: %d %s", status, problem(data))
	}
	u, err := checkpoint.ParseJournalUpload(file)
	if err != nil {
		t.Fatal(err)
	}
	if events, err := u.Open(centre.key); err != nil || bytes.Count(events, []byte("\n")) != 3 || !bytes.Contains(events, []byte("Коваль")) {
		t.Errorf("opened: %s %v", events, err)
	}
	if _, err := u.Open(key); err == nil {
		t.Error("the device itself opens what is sealed to the centre")
	}
	if strings.Contains(w.Logs.String(), "Коваль") {
		t.Error("the log names a guard")
	}
	// Kept for its term, and no longer.
	p := &part{s: w.Server, c: Config{KeepJournals: KeepJournals}}
	if err := p.purge(context.Background(), w.Now().Add(KeepJournals)); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.Do(admin, http.MethodGet, d.path+"/journal/1", nil); status != http.StatusOK {
		t.Error("gone before its term")
	}
	if err := p.purge(context.Background(), w.Now().Add(KeepJournals+time.Second)); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.Do(admin, http.MethodGet, d.path+"/journal/1", nil); status != http.StatusNotFound {
		t.Error("kept beyond its term")
	}
}

// CPA-31: counts of shifts only rise, and are held to their limits.
func TestShiftCounts(t *testing.T) {
	w := newWorld(t)
	d := w.admitted("Вхід")
	const target = "/api/v1/checkpoint/shifts"
	type count struct {
		Verdict, Code, Photo string
		N                    int
	}
	send := func(guard string, first time.Time, counts ...count) (int, string) {
		data, err := json.Marshal(map[string]any{"shifts": []map[string]any{{"guard": guard, "shift": "2026-11-20 10:00", "first": first, "last": first.Add(time.Minute), "counts": lower(counts)}}})
		if err != nil {
			t.Fatal(err)
		}
		status, _, out := d.do(http.MethodPost, target, data, "Content-Type", "application/json")
		return status, problem(out)
	}
	at := w.Now().Add(-time.Hour)
	for _, n := range []int{5, 9, 2} { // the last is of a device that has forgotten
		if status, code := send("Коваль", at, count{"accept", "ok", "matched", n}, count{"refuse", "expired", "", 1}, count{"cannot-confirm", "clock-differs", "", 4}, count{"accept", "ok", "plastic", 1}); status != http.StatusOK {
			t.Fatalf("shift: %d %s", status, code)
		}
	}
	page := w.get(w.As(w.Role(service.BodyAdmin, w.Ministry)), d.path)
	for _, want := range []string{">Коваль<", `data-label="Чинних">10<`, `data-label="Відхилено">1<`, `data-label="Не підтверджено">4<`, `data-label="Звірено зі світлиною">9<`, `data-label="Звірено з пластиком">1<`, "<code>clock-differs</code>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the report lacks %s", want)
		}
	}
	for name, bad := range map[string]func() (int, string){
		"no guard":          func() (int, string) { return send("", at, count{"accept", "ok", "", 1}) },
		"two lines":         func() (int, string) { return send("a\nb", at, count{"accept", "ok", "", 1}) },
		"no counts":         func() (int, string) { return send("Коваль", at) },
		"a negative count":  func() (int, string) { return send("Коваль", at, count{"accept", "ok", "", -1}) },
		"another verdict":   func() (int, string) { return send("Коваль", at, count{"maybe", "ok", "", 1}) },
		"a code with marks": func() (int, string) { return send("Коваль", at, count{"accept", "<b>", "", 1}) },
		"another photo":     func() (int, string) { return send("Коваль", at, count{"accept", "ok", "phone", 1}) },
		"of last year":      func() (int, string) { return send("Коваль", at.AddDate(-1, 0, 0), count{"accept", "ok", "", 1}) },
		"of next week":      func() (int, string) { return send("Коваль", at.AddDate(0, 0, 7), count{"accept", "ok", "", 1}) },
	} {
		if status, code := bad(); status < 400 {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	p := &part{s: w.Server, c: Config{KeepJournals: KeepJournals}}
	if err := p.purge(context.Background(), w.Now().Add(KeepShifts+day)); err != nil {
		t.Fatal(err)
	}
	var left int
	err := w.Server.Store.View(context.Background(), func(tx *store.ServiceTx) error {
		return tx.Row("SELECT (SELECT count(*) FROM checkpoint_shifts) + (SELECT count(*) FROM checkpoint_counts)", nil, &left)
	})
	if err != nil || left != 0 {
		t.Errorf("shifts beyond their term: %d %v", left, err)
	}
}

func lower[T any](counts []T) (out []map[string]any) {
	out = []map[string]any{}
	for _, c := range counts {
		data, _ := json.Marshal(c)
		var m map[string]any
		_ = json.Unmarshal(data, &m)
		low := map[string]any{}
		for k, v := range m {
			low[strings.ToLower(k)] = v
		}
		out = append(out, low)
	}
	return out
}
