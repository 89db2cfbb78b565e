package diia

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares an answer with the recorded shape. What differs in every run is named by its kind.
func golden(t *testing.T, name string, data []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	pretty, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct{ from, to string }{
		{`"(documentId|personId|profileId|unitId|id)": "[0-9a-f]{32}"`, `"$1": "<opaque>"`},
		{`/photos/[0-9a-f]{32}`, `/photos/<reference>`},
		{`"sha256": "[0-9a-f]{40}"`, `"sha256": "<hash>"`},
		{`"photo_sha256": "[0-9a-f]{40}"`, `"photo_sha256": "<hash>"`},
		{`"uuid": "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"`, `"uuid": "<uuid4>"`},
		{`"kid": "[0-9a-f]{8}"`, `"kid": "<kid>"`},
	} {
		pretty = regexp.MustCompile(r.from).ReplaceAll(pretty, []byte(r.to))
	}
	pretty = append(pretty, '\n')
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, pretty, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pretty, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, pretty, want)
	}
}

func (w *world) documents(t testing.TB, bearer string, q query) documentGroup {
	t.Helper()
	status, body := w.call(t, bearer, "POST", "/api/v1/systems/documents", q)
	if status != 200 {
		t.Fatalf("%v: %d %s", q, status, body)
	}
	return decode[documentsAnswer](t, body).OfficialCertificate
}

func TestDocument(t *testing.T) {
	w := testWorld(t, "")
	h := w.Ministry.Holders["issued"]
	bearer := w.bearer(t)
	status, body := w.call(t, bearer, "POST", "/api/v1/systems/documents", query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP})
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	golden(t, "document.json", body)
	if bytes.Contains(body, []byte(h.RNOKPP)) {
		t.Error("the answer repeats the РНОКПП")
	}
	g := decode[documentsAnswer](t, body).OfficialCertificate
	d := g.Data[0]
	// The portrait, fetched once more.
	status, photo := w.call(t, bearer, "GET", d.Content[0].Reference, nil)
	want, err := w.Ministry.Photo(h.PhotoHash)
	if err != nil || status != 200 || !bytes.Equal(photo, want) || len(want) == 0 {
		t.Errorf("portrait: %d, %d bytes, want %d (%v)", status, len(photo), len(want), err)
	}
	w.client = w.register(t, w.Ministry, "", false, publicSet(t, w.key), scopeDocuments)
	if status, _ := w.call(t, w.bearer(t), "GET", d.Content[0].Reference, nil); status != 404 {
		t.Errorf("another system's reference: %d, want 404", status)
	}
	w.Advance(photoLife)
	if status, _ := w.call(t, w.bearer(t), "GET", d.Content[0].Reference, nil); status != 404 {
		t.Errorf("reference after ten minutes: %d, want 404", status)
	}
	// Inline, and none.
	g = w.documents(t, w.bearer(t), query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP, "photo": "inline"})
	if inline, err := base64.StdEncoding.DecodeString(g.Data[0].Content[0].Image); err != nil || !bytes.Equal(inline, want) || g.Data[0].Content[0].Reference != "" {
		t.Errorf("inline portrait: %d bytes, %v", len(inline), err)
	}
	if g = w.documents(t, w.bearer(t), query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP, "photo": "none"}); len(g.Data[0].Content) != 0 {
		t.Error("a portrait that nobody wanted")
	}
	if log := w.Logs.String(); strings.Contains(log, h.RNOKPP) || strings.Contains(log, strings.Fields(h.Name)[0]) {
		t.Error("personal data in the log")
	}
}

func TestDocumentStatuses(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t)
	for part, want := range map[string]int{"issued": 200, "second": 200, "suspended": 1016, "revoked": 1050, "slip": 204, "enrolled": 1018, "none": 204, "leave": 1016} {
		h := w.Ministry.Holders[part]
		g := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP})
		if g.Status != want || len(g.Data) != 1 || g.Data[0].DocStatus != want {
			t.Errorf("%s: %d, want %d", part, g.Status, want)
			continue
		}
		if has := g.Data[0].DocData != nil || g.Data[0].FrontCard != nil || len(g.Data[0].FullInfo) > 0 || len(g.Data[0].Content) > 0; has != (want == 200) {
			t.Errorf("%s: personal data %v with status %d", part, has, want)
		}
		if docStatus(want).text("uk") == "" || docStatus(want).text("en") == "" {
			t.Errorf("status %d has no text", want)
		}
	}
	stranger, err := hr.CompleteRNOKPP(hr.Date{Year: 1930, Month: 1, Day: 1}, 1, true)
	if err != nil {
		t.Fatal(err)
	}
	status, body := w.call(t, bearer, "POST", "/api/v1/systems/documents", query{"edrpou": w.Ministry.EDRPOU, "rnokpp": stranger})
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	golden(t, "document-404.json", body)
	status, body = w.call(t, bearer, "POST", "/api/v1/systems/documents", query{"edrpou": w.Ministry.EDRPOU, "rnokpp": w.Ministry.Holders["suspended"].RNOKPP})
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	golden(t, "document-1016.json", body)
	w.Advance(31 * day)
	w.Advance(-tokenLife)
	bearer = w.bearer(t)
	w.Advance(tokenLife / 2)
	if g := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "rnokpp": w.Ministry.Holders["issued"].RNOKPP}); g.Status != 1016 {
		t.Errorf("after the tokens have run out: %d, want 1016", g.Status)
	}
}

// The mapping of reasons, apart from what the world's people show.
func TestStatusOfReasons(t *testing.T) {
	for _, c := range []struct {
		codes []hr.Code
		want  docStatus
	}{
		{[]hr.Code{hr.NoPhoto}, docNoPhoto}, {[]hr.Code{hr.PhotoShape}, docNoPhoto}, {[]hr.Code{hr.NoRNOKPP}, docNoRequiredData},
		{[]hr.Code{hr.NoPlastic, hr.NoPhoto}, docNoRequiredData}, {[]hr.Code{hr.PlasticIncomplete}, docNoRequiredData}, {[]hr.Code{hr.PlasticExpired}, docInactive},
		{[]hr.Code{hr.NotActive, hr.NoPhoto}, docInactive}, {[]hr.Code{hr.NotYetEmployed}, docInactive}, {[]hr.Code{hr.NotActive, hr.EmploymentEnded}, docDestroyed},
		{[]hr.Code{hr.Code("of tomorrow")}, docNoRequiredData},
	} {
		var reasons []hr.Reason
		for _, code := range c.codes {
			reasons = append(reasons, hr.Reason{Code: code})
		}
		if got := statusOfReasons(reasons); got != c.want {
			t.Errorf("%v: %d, want %d", c.codes, got, c.want)
		}
	}
}

func TestDocumentByStaffNumber(t *testing.T) {
	w := testWorld(t, "")
	h := w.Ministry.Holders["second"]
	bearer := w.bearer(t)
	by := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "staff": h.StaffNumber})
	if by.Status != 200 || by.Data[0].DocNumber != h.Number {
		t.Fatalf("%+v", by)
	}
	if same := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP}); same.Data[0].ID != by.Data[0].ID || same.Data[0].PersonID != by.Data[0].PersonID {
		t.Error("one document has two ids")
	}
	if g := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "staff": "9999"}); g.Status != 404 {
		t.Errorf("nobody's staff number: %d", g.Status)
	}
	// A plan takes the number from one person and gives it to another: the index follows.
	asOf := hr.DateInKyiv(w.Now())
	w.apply(t, asOf, map[string]map[string]string{"second": {"staff_number": "7777"}})
	if g := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "staff": h.StaffNumber}); g.Status != 404 {
		t.Errorf("the number that was taken away: %d", g.Status)
	}
	if g := w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "staff": "7777"}); len(g.Data) != 1 {
		t.Errorf("the new number: %+v", g)
	}
}

// apply brings a changed staff file of the ministry into its register.
func (w *world) apply(t testing.TB, asOf hr.Date, change map[string]map[string]string) {
	t.Helper()
	data, pictures := w.Ministry.Staff(asOf, change)
	s, err := hr.Read("staff.jsonl", data, hr.Options{EDRPOU: w.Ministry.EDRPOU})
	if err != nil {
		t.Fatal(err)
	}
	photos, err := hr.OpenPhotosFS(pictures)
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := photos.Attach(s, w.Ministry.KeepPhoto, nil); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if err := w.Ministry.Apply(bg, s, w.Now()); err != nil {
		t.Fatal(err)
	}
}

// Two systems cannot join what they see; one system sees stable names.
func TestDocumentIDsArePairwise(t *testing.T) {
	w := testWorld(t, "")
	h := w.Ministry.Holders["issued"]
	ask := query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP}
	one := w.documents(t, w.bearer(t), ask).Data[0]
	again := w.documents(t, w.bearer(t), ask).Data[0]
	if one.ID != again.ID || one.PersonID != again.PersonID || len(one.ID) != 32 || one.ID == one.PersonID {
		t.Errorf("names are not stable: %s %s", one.ID, again.ID)
	}
	w.Advance(7 * day) // step by step: a bundle lives eight days
	for range 3 {
		if err := w.Trust.Publish(bg, w.Now()); err != nil {
			t.Fatal(err)
		}
		w.Advance(7 * day)
	}
	if r, err := w.Ministry.Body.Body.Issue(bg, w.Now(), h.Entitlement); err != nil || r[0].Err != nil || r[0].Renewal == 0 {
		t.Fatal(err, r)
	}
	if renewed := w.documents(t, w.bearer(t), ask).Data[0]; renewed.ID != one.ID {
		t.Error("a renewal changes the id of the document")
	}
	first := w.client
	w.client = w.register(t, w.Ministry, "", false, publicSet(t, w.key), scopeDocuments)
	if other := w.documents(t, w.bearer(t), ask).Data[0]; other.ID == one.ID || other.PersonID == one.PersonID {
		t.Error("two systems see the same name")
	}
	// The same person with another body has another name, too.
	w.client = first
	if err := w.p.let(bg, w.Council.EDRPOU, first, 1, []string{scopeDocuments}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	there := w.documents(t, w.bearer(t), query{"edrpou": w.Council.EDRPOU, "rnokpp": w.Council.Holders["issued"].RNOKPP})
	if len(there.Data) == 0 || there.Data[0].PersonID == one.PersonID {
		t.Error("two bodies give one person the same name")
	}
}

func TestDocumentRefused(t *testing.T) {
	w := testWorld(t, "")
	h := w.Ministry.Holders["issued"]
	bearer := w.bearer(t)
	for name, c := range map[string]struct {
		q    any
		want int
	}{
		"another body":           {query{"edrpou": w.Council.EDRPOU, "rnokpp": w.Council.Holders["issued"].RNOKPP}, 403},
		"a body that is nowhere": {query{"edrpou": "12345678", "rnokpp": h.RNOKPP}, 403},
		"nobody named":           {query{"edrpou": w.Ministry.EDRPOU}, 422},
		"named twice":            {query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP, "staff": h.StaffNumber}, 422},
		"wrong check digit":      {query{"edrpou": w.Ministry.EDRPOU, "rnokpp": "1234567890"}, 422},
		"no УНЗР":                {query{"edrpou": w.Ministry.EDRPOU, "unzr": "20000101-00000"}, 422},
		"control in staff":       {query{"edrpou": w.Ministry.EDRPOU, "staff": "1\x00"}, 422},
		"short body":             {query{"edrpou": "1", "rnokpp": h.RNOKPP}, 422},
		"no body":                {query{"rnokpp": h.RNOKPP}, 422},
		"unknown field":          {query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP, "all": true}, 422},
		"number":                 {query{"edrpou": w.Ministry.EDRPOU, "rnokpp": 1759013776}, 422},
		"other photo":            {query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP, "photo": "huge"}, 422},
		"list":                   {[]int{1}, 422},
		"oversize":               {query{"edrpou": w.Ministry.EDRPOU, "staff": strings.Repeat("a", maxQuery)}, 413},
	} {
		if status, body := w.call(t, bearer, "POST", "/api/v1/systems/documents", c.q); status != c.want || bytes.Contains(body, []byte(h.RNOKPP)) {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.want)
		}
	}
	// What one body grants says nothing about another: the token is for documents, the council let the system verify.
	if err := w.p.let(bg, w.Council.EDRPOU, w.client, 1, []string{scopeVerify, scopeEnrolments, scopeEvents}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.call(t, w.bearer(t), "POST", "/api/v1/systems/documents", query{"edrpou": w.Council.EDRPOU, "rnokpp": w.Council.Holders["issued"].RNOKPP}); status != 403 {
		t.Errorf("a body that granted everything but documents: %d, want 403", status)
	}
	if status, _ := w.call(t, "", "POST", "/api/v1/systems/documents", query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP}); status != 401 {
		t.Errorf("without a token: %d", status)
	}
	if n := w.count(t, `SELECT count(*) FROM system_looks`); n != 0 {
		t.Errorf("%d refused questions are listed as look-ups", n)
	}
	// People's own accounts do not get in by this door.
	for _, role := range service.Roles() {
		status, _, _ := w.Do(w.As(w.Role(role, w.Ministry)), "POST", "/api/v1/systems/documents", strings.NewReader(`{"edrpou":"`+w.Ministry.EDRPOU+`","rnokpp":"`+h.RNOKPP+`"}`), "Content-Type", "application/json")
		if status != 403 {
			t.Errorf("%s: %d, want 403", role, status)
		}
	}
}

// Each look-up is listed for the person, before it is answered.
func TestLooksAreListed(t *testing.T) {
	w := testWorld(t, "")
	h := w.Ministry.Holders["issued"]
	bearer := w.bearer(t)
	w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "rnokpp": h.RNOKPP})
	w.Advance(time.Minute)
	w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "staff": h.StaffNumber})
	looks, err := w.Server.Looks(bg, w.Ministry.EDRPOU, h.Entitlement, 10)
	if err != nil || len(looks) != 2 || looks[0].Who != "Дія (випробування)" || looks[0].Answer != "Документ дійсний" || !looks[0].At.After(looks[1].At) {
		t.Fatalf("%v %+v", err, looks)
	}
	if one, err := w.Server.Looks(bg, w.Ministry.EDRPOU, h.Entitlement, 1); err != nil || len(one) != 1 || !one[0].At.Equal(looks[0].At) {
		t.Errorf("the newest: %v %+v", err, one)
	}
	for body, entitlement := range map[string]int64{w.Ministry.EDRPOU: w.Ministry.Holders["second"].Entitlement, w.Council.EDRPOU: h.Entitlement} {
		if others, err := w.Server.Looks(bg, body, entitlement, 10); err != nil || len(others) != 0 {
			t.Errorf("another person's: %v %+v", err, others)
		}
	}
	w.Set(time.Date(2027, 12, 31, 21, 0, 0, 0, time.UTC))
	if err := w.p.purge(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, `SELECT count(*) FROM system_looks`); n != 2 {
		t.Errorf("%d look-ups at the end of the next year, want 2", n)
	}
	w.Set(time.Date(2027, 12, 31, 23, 0, 0, 0, time.UTC)) // 1 January in Kyiv
	if err := w.p.purge(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if n := w.count(t, `SELECT count(*) FROM system_looks`); n != 0 {
		t.Errorf("%d look-ups after it", n)
	}
}

func TestMissesAreLimited(t *testing.T) {
	w := testWorld(t, "")
	w.p.misses = newLimiter(2, time.Hour)
	bearer := w.bearer(t)
	for range 2 {
		w.documents(t, bearer, query{"edrpou": w.Ministry.EDRPOU, "staff": "nobody"})
	}
	for _, staff := range []string{"nobody", w.Ministry.Holders["issued"].StaffNumber} {
		if status, body := w.call(t, bearer, "POST", "/api/v1/systems/documents", query{"edrpou": w.Ministry.EDRPOU, "staff": staff}); status != 429 || problemCode(body) != "too-many-misses" {
			t.Errorf("%s: %d %s", staff, status, body)
		}
	}
}

func TestAsksAreLimited(t *testing.T) {
	w := testWorld(t, "")
	w.p.asks = newLimiter(3, time.Minute)
	bearer := w.bearer(t)
	var last int
	for range 4 {
		last, _ = w.call(t, bearer, "GET", "/api/v1/systems/events", nil)
	}
	if last != 429 {
		t.Errorf("the fourth of three: %d", last)
	}
}

func TestHolderOfNoID(t *testing.T) {
	h := held{ids: []issuer.ID{{ID: 1, State: issuer.StateAbandoned}, {ID: 2, State: issuer.StatePending}}}
	if id, had := h.newest(); had || id.ID != 0 {
		t.Errorf("what was never handed out counts: %d", id.ID)
	}
	h.ids = append(h.ids, issuer.ID{ID: 3, State: issuer.StateRevoked}, issuer.ID{ID: 4, State: issuer.StateIssued}, issuer.ID{ID: 5, State: issuer.StateAbandoned})
	if id, had := h.newest(); !had || id.ID != 4 {
		t.Errorf("newest %d, want the live one", id.ID)
	}
}
