package holder

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

func asked(t testing.TB, w *servicetest.World, key keys.HolderSigner, b *servicetest.Body, have string) delivered {
	t.Helper()
	var d delivered
	signed(t, w, key, of(b, "/wallet/delivery"), map[string]any{"have": have}).into(t, &d)
	return d
}

func TestEnrolRefused(t *testing.T) {
	w := started(t, func(c *service.Config) { c.Limits.TriesPerHour = 1000 })
	h, used := w.Ministry.Holders["slip"], w.Ministry.Holders["issued"]
	key, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof := func(edrpou, code string, at time.Time, k keys.HolderSigner) []byte {
		p, err := credential.SignPossession(edrpou, code, at, k)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	now, own := w.Now(), h.Body.EDRPOU
	good := proof(own, h.Code, now, key)
	cut := bytes.Clone(good)
	cut[len(cut)-1] ^= 1
	var answers []string
	for name, in := range map[string]map[string]any{
		"noise":             {"possession": []byte("noise")},
		"signature":         {"possession": cut},
		"another body":      {"possession": proof(w.Council.EDRPOU, h.Code, now, key)},
		"old":               {"possession": proof(own, h.Code, now.Add(-73*time.Hour), key)},
		"ahead":             {"possession": proof(own, h.Code, now.Add(11*time.Minute), key)},
		"unknown code":      {"possession": proof(own, credential.NewEnrolmentCode(), now, key)},
		"another's slip":    {"possession": good, "slip": used.Slip},
		"unknown slip":      {"possession": good, "slip": 1 << 40},
		"used code":         {"possession": proof(own, used.Code, now, key), "slip": used.Slip},
		"stop code":         {"possession": proof(own, h.Stop, now, key)},
		"key of another":    {"possession": proof(own, h.Code, now, used.Key), "slip": h.Slip},
		"revoked, used":     {"possession": proof(own, w.Ministry.Holders["revoked"].Code, now, key)},
		"phone of a second": {"possession": proof(own, w.Ministry.Holders["enrolled"].Code, now, key)},
	} {
		a := post(t, w, w.Client(), of(w.Ministry, "/enrolments"), in)
		if a.Status != http.StatusForbidden || a.code() != "enrolment-refused" {
			t.Errorf("%s: %d %s", name, a.Status, a.Raw)
		}
		before, _, _ := strings.Cut(string(a.Raw), `"instance"`)
		answers = append(answers, before)
	}
	slices.Sort(answers)
	if all := slices.Compact(answers); len(all) != 1 {
		t.Errorf("%d different answers: %v", len(all), all)
	}
	for name, c := range map[string]struct {
		path string
		body any
		want int
	}{
		"unknown body":    {"/api/v1/bodies/12345678/enrolments", map[string]any{"possession": good}, 404},
		"no body":         {"/api/v1/bodies/1/enrolments", map[string]any{"possession": good}, 422},
		"possession gone": {of(w.Ministry, "/enrolments"), map[string]any{"slip": 1}, 422},
		"unknown field":   {of(w.Ministry, "/enrolments"), map[string]any{"possession": good, "x": 1}, 422},
		"slip 0":          {of(w.Ministry, "/enrolments"), map[string]any{"possession": good, "slip": -1}, 422},
		"a list":          {of(w.Ministry, "/enrolments"), []int{1}, 422},
		"too long":        {of(w.Ministry, "/enrolments"), map[string]any{"possession": make([]byte, 3000)}, 422},
		"much too long":   {of(w.Ministry, "/enrolments"), map[string]any{"possession": make([]byte, 10000)}, 413},
	} {
		if a := post(t, w, w.Client(), c.path, c.body); a.Status != c.want {
			t.Errorf("%s: %d, want %d: %s", name, a.Status, c.want, a.Raw)
		}
	}
	// None of it used the slip up but the counted tries.
	if a := post(t, w, w.Client(), of(w.Ministry, "/enrolments"), map[string]any{"possession": good}); a.Status != http.StatusOK {
		t.Errorf("the right proof: %d %s", a.Status, a.Raw)
	}
}

func TestEnrolAgain(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["slip"]
	key, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := credential.SignPossession(h.Body.EDRPOU, h.Code, w.Now(), key)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]any{"possession": proof}
	first := post(t, w, w.Client(), of(w.Ministry, "/enrolments"), in)
	w.Advance(time.Hour)
	second := post(t, w, w.Client(), of(w.Ministry, "/enrolments"), in)
	if first.Status != 200 || second.Status != 200 || !bytes.Equal(first.Raw, second.Raw) {
		t.Errorf("%d, %d: %s, %s", first.Status, second.Status, first.Raw, second.Raw)
	}
	if ids, err := w.Ministry.Body.Body.IDsOf(t.Context(), h.Entitlement); err != nil || len(ids) != 1 {
		t.Errorf("%d IDs, %v", len(ids), err)
	}
	// Another phone with the same code is refused, and so is a new phone later on.
	if _, a := enrolled(t, w, h); a.code() != "enrolment-refused" {
		t.Errorf("another phone: %d %s", a.Status, a.Raw)
	}
}

// TestEnrolAtOnce sends one proof many times at once: one ID, one answer.
func TestEnrolAtOnce(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["slip"]
	key, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := credential.SignPossession(h.Body.EDRPOU, h.Code, w.Now(), key)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	answers := map[string]int{}
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			a := post(t, w, w.Client(), of(w.Ministry, "/enrolments"), map[string]any{"possession": proof, "slip": h.Slip})
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(a.Status, string(a.Raw))]++
		})
	}
	wait.Wait()
	if len(answers) != 1 {
		t.Errorf("%d different answers: %v", len(answers), answers)
	}
	if ids, err := w.Ministry.Body.Body.IDsOf(t.Context(), h.Entitlement); err != nil || len(ids) != 1 || ids[0].State != issuer.StateIssued {
		t.Errorf("IDs %v, %v", ids, err)
	}
}

// TestEnrolWithoutBundle enrols while nothing can be signed: the phone is enrolled, the ID comes with a later delivery.
func TestEnrolWithoutBundle(t *testing.T) {
	w := started(t)
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	w.Set(bundle.ExpiresAt().Add(time.Hour))
	h := w.Ministry.Holders["slip"]
	key, a := enrolled(t, w, h)
	if a.Status != http.StatusAccepted || !bytes.Contains(a.Raw, []byte(`"state":"pending"`)) || bytes.Contains(a.Raw, []byte("delivery")) {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if d := asked(t, w, key, w.Ministry, ""); len(d.IDs) != 0 || d.Waiting != 1 {
		t.Errorf("while nothing is signed: %+v", d)
	}
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	d := asked(t, w, key, w.Ministry, "")
	if len(d.IDs) != 1 || d.IDs[0].State != "issued" || len(d.IDs[0].Delivery) == 0 || d.Waiting != 0 {
		t.Errorf("after that: %+v", d)
	}
}

func TestGuessesAreLimited(t *testing.T) {
	w := started(t, func(c *service.Config) { c.Limits.TriesPerHour = 8 })
	h := w.Ministry.Holders["slip"]
	for i := range 12 {
		path, in := of(w.Ministry, "/stop"), map[string]any{"code": credential.NewEnrolmentCode()}
		want := "enrolment-refused"
		if i >= 8 {
			want = "rate-limited"
		}
		if i%2 == 1 {
			key, err := keys.GenerateHolderKey()
			if err != nil {
				t.Fatal(err)
			}
			proof, err := credential.SignPossession(w.Ministry.EDRPOU, credential.NewEnrolmentCode(), w.Now(), key)
			if err != nil {
				t.Fatal(err)
			}
			path, in = of(w.Ministry, "/enrolments"), map[string]any{"possession": proof}
		}
		if a := post(t, w, w.Client(), path, in); a.code() != want {
			t.Errorf("guess %d: %s, want %s", i+1, a.code(), want)
		}
	}
	// Who has the right code is not held up by others behind the same address.
	if _, a := enrolled(t, w, h); a.Status != http.StatusOK {
		t.Errorf("the right code: %d %s", a.Status, a.Raw)
	}
}

func TestDelivery(t *testing.T) {
	w := started(t)
	m, c := w.Ministry.Holders["issued"], w.Council.Holders["issued"]
	// One person with one phone has IDs of two bodies; each body tells its own.
	for _, h := range []*servicetest.Holder{m, c} {
		d := asked(t, w, h.Key, h.Body, "")
		if len(d.IDs) != 1 || d.IDs[0].Number != h.Number || d.IDs[0].State != "issued" || !bytes.Equal(d.IDs[0].Delivery, h.Delivery) || d.Unchanged || d.Waiting != 0 {
			t.Errorf("%s: %+v", h.Body.EDRPOU, d)
		}
		if id := d.IDs[0]; !id.RenewAfter.After(w.Now()) || !id.ExpiresAt.After(id.RenewAfter) || id.Since.After(w.Now()) || len(id.ID) != 32 {
			t.Errorf("times and name: %+v", id)
		}
		again := asked(t, w, h.Key, h.Body, d.Tag)
		if !again.Unchanged || again.Tag != d.Tag || len(again.IDs) != 0 {
			t.Errorf("with have: %+v", again)
		}
		if other := asked(t, w, h.Key, h.Body, strings.Repeat("0", 32)); other.Unchanged || len(other.IDs) != 1 {
			t.Errorf("with another have: %+v", other)
		}
	}
	before := asked(t, w, m.Key, w.Ministry, "")
	if _, err := w.Ministry.Body.Register.StopByCode(t.Context(), m.Stop, w.Now()); err != nil {
		t.Fatal(err)
	}
	if after := asked(t, w, m.Key, w.Ministry, before.Tag); after.Unchanged || after.IDs[0].State != "suspended" || len(after.IDs[0].Delivery) != 0 {
		t.Errorf("after a stop: %+v", after)
	}
	if a := post(t, w, w.Client(), of(w.Ministry, "/wallet/delivery"), map[string]any{}); a.Status != 401 || a.code() != "not-logged-in" {
		t.Errorf("unsigned: %d %s", a.Status, a.Raw)
	}
	if a := byDevice(t, w, w.Verifier, of(w.Ministry, "/wallet/delivery"), map[string]any{}); a.Status != 403 {
		t.Errorf("a device: %d %s", a.Status, a.Raw)
	}
	if a := signed(t, w, m.Key, "/api/v1/bodies/12345678/wallet/delivery", map[string]any{}); a.Status != 404 {
		t.Errorf("unknown body: %d %s", a.Status, a.Raw)
	}
}

func TestDeliveryStates(t *testing.T) {
	w := started(t)
	for part, want := range map[string]string{"suspended": "suspended", "revoked": "revoked"} {
		h := w.Ministry.Holders[part]
		d := asked(t, w, h.Key, w.Ministry, "")
		if len(d.IDs) != 1 || d.IDs[0].State != want || len(d.IDs[0].Delivery) != 0 || d.IDs[0].Since.IsZero() || d.Waiting != 0 {
			t.Errorf("%s: %+v", part, d)
		}
	}
	// An enrolled phone without an ID gets one.
	h := w.Ministry.Holders["enrolled"]
	if d := asked(t, w, h.Key, w.Ministry, ""); len(d.IDs) != 1 || d.IDs[0].State != "issued" {
		t.Errorf("enrolled: %+v", d)
	}
	// Tokens that have run out are told as expired, before and after the job has come by.
	h = w.Ministry.Holders["issued"]
	w.Advance(31 * 24 * time.Hour)
	if d := asked(t, w, h.Key, w.Ministry, ""); d.IDs[0].State != "expired" || len(d.IDs[0].Delivery) != 0 {
		t.Errorf("run out: %+v", d)
	}
}

func TestDeliveryRenews(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	first := asked(t, w, h.Key, w.Ministry, "")
	for _, days := range []int{19, 21} {
		w.Set(servicetest.Began.AddDate(0, 0, days))
		if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
			t.Fatal(err)
		}
		d := asked(t, w, h.Key, w.Ministry, first.Tag)
		if renewed := !d.Unchanged; renewed != (days >= 20) {
			t.Fatalf("day %d: renewed %v", days, renewed)
		}
		if days < 20 {
			continue
		}
		if len(d.IDs) != 1 || bytes.Equal(d.IDs[0].Delivery, first.IDs[0].Delivery) || !d.IDs[0].ExpiresAt.After(first.IDs[0].ExpiresAt) || d.IDs[0].ID != first.IDs[0].ID || d.IDs[0].Number != first.IDs[0].Number {
			t.Errorf("day %d: %+v", days, d)
		}
	}
}

// TestForeignKeyLearnsNothing asks with a key that nobody enrolled, and with one person's key about another's ID.
func TestForeignKeyLearnsNothing(t *testing.T) {
	w := started(t)
	stranger, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	if d := asked(t, w, stranger, w.Ministry, ""); len(d.IDs) != 0 || d.Waiting != 0 || d.Unchanged {
		t.Errorf("a stranger: %+v", d)
	}
	mine, other := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	if mine.Number == other.Number {
		t.Fatal("two people with one number")
	}
	for _, key := range []keys.HolderPrivateKey{stranger, mine.Key} {
		for _, route := range []string{"/wallet/stop", "/wallet/withdraw", "/wallet/online-codes"} {
			in := map[string]any{"number": other.Number}
			if route == "/wallet/withdraw" {
				in["confirm"] = true
			}
			known := signed(t, w, key, of(w.Ministry, route), in)
			in["number"] = "ЯЯ 000000"
			unknown := signed(t, w, key, of(w.Ministry, route), in)
			if known.Status != 404 || known.code() != "unknown-id" || unknown.Status != 404 || unknown.code() != "unknown-id" {
				t.Errorf("%s: %d %s, %d %s", route, known.Status, known.Raw, unknown.Status, unknown.Raw)
			}
		}
		var list struct{ Checks []any }
		signed(t, w, key, of(w.Ministry, "/wallet/checks"), map[string]any{"number": other.Number}).into(t, &list)
		if len(list.Checks) != 0 {
			t.Errorf("checks of another: %v", list)
		}
	}
	if id, err := w.Ministry.Body.Body.Show(t.Context(), other.Row); err != nil || id.State != issuer.StateIssued {
		t.Errorf("the other's ID: %v, %v", id.State, err)
	}
}

func TestDeliveryPhoto(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	d, err := credential.ParseDelivery(asked(t, w, h.Key, w.Ministry, "").IDs[0].Delivery)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(d.Photo); [20]byte(sum[:20]) != h.PhotoHash {
		t.Errorf("photo %x, want %x", sum[:20], h.PhotoHash)
	}
	files, err := filepath.Glob(filepath.Join(w.Ministry.Folder, "photos", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	got := asked(t, w, h.Key, w.Ministry, "")
	if d, err = credential.ParseDelivery(got.IDs[0].Delivery); err != nil || len(d.Tokens) != 2 || d.Photo != nil {
		t.Errorf("without the picture: %v, %v", d, err)
	}
}

func TestStopByCode(t *testing.T) {
	w := started(t)
	w.RunJobs()
	h := w.Ministry.Holders["issued"]
	head := func() uint64 {
		a, err := w.Ministry.Body.Body.AuditHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return a.Seq
	}
	for w.Trust.Published() == 0 { // the jobs' own first publication
		time.Sleep(20 * time.Millisecond)
	}
	published, audited := w.Trust.Published(), head()
	for i, want := range []string{`"stopped":true`, `"stopped":false`} {
		a := post(t, w, w.Client(), of(w.Ministry, "/stop"), map[string]any{"code": strings.ToLower(strings.ReplaceAll(h.Stop, "-", " "))})
		if a.Status != 200 || !bytes.Contains(a.Raw, []byte(want)) {
			t.Errorf("%d: %d %s", i, a.Status, a.Raw)
		}
	}
	if head() == audited {
		t.Error("no audit entry")
	}
	if d := asked(t, w, h.Key, w.Ministry, ""); d.IDs[0].State != "suspended" {
		t.Errorf("delivery: %+v", d)
	}
	for begin := time.Now(); w.Trust.Published() == published; time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatal("nothing was published")
		}
	}
	// An enrolment code is no stop code, a code of another body is none here, and one that never was is none anywhere.
	for _, code := range []string{w.Ministry.Holders["slip"].Code, w.Council.Holders["issued"].Stop, credential.NewEnrolmentCode(), "x", strings.Repeat("-", 64)} {
		if a := post(t, w, w.Client(), of(w.Ministry, "/stop"), map[string]any{"code": code}); a.Status != 403 || a.code() != "enrolment-refused" {
			t.Errorf("%d %s", a.Status, a.Raw)
		}
	}
	// A stop code on a slip that was not used closes it.
	if a := post(t, w, w.Client(), of(w.Ministry, "/stop"), map[string]any{"code": w.Ministry.Holders["slip"].Stop}); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if _, a := enrolled(t, w, w.Ministry.Holders["slip"]); a.code() != "enrolment-refused" {
		t.Errorf("enrolment with a stopped slip: %d %s", a.Status, a.Raw)
	}
}

func TestStopByPhone(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	for _, want := range []string{`"stopped":true`, `"stopped":false`} {
		if a := signed(t, w, h.Key, of(w.Ministry, "/wallet/stop"), map[string]any{"number": h.Number}); a.Status != 200 || !bytes.Contains(a.Raw, []byte(want)) {
			t.Errorf("%d %s, want %s", a.Status, a.Raw, want)
		}
	}
	if a := signed(t, w, h.Key, of(w.Ministry, "/wallet/online-codes"), map[string]any{"number": h.Number}); a.code() != "not-issued" {
		t.Errorf("a code of a suspended ID: %d %s", a.Status, a.Raw)
	}
	if history, err := w.Ministry.Body.Body.History(t.Context(), h.Row); err != nil || history[len(history)-1].Ground != issuer.GroundLoss {
		t.Errorf("history %+v, %v", history, err)
	}
	revoked := w.Ministry.Holders["revoked"]
	if a := signed(t, w, revoked.Key, of(w.Ministry, "/wallet/stop"), map[string]any{"number": revoked.Number}); a.code() != "not-issued" {
		t.Errorf("stop of a revoked ID: %d %s", a.Status, a.Raw)
	}
	suspended := w.Ministry.Holders["suspended"]
	if a := signed(t, w, suspended.Key, of(w.Ministry, "/wallet/stop"), map[string]any{"number": suspended.Number}); a.Status != 200 || !bytes.Contains(a.Raw, []byte(`"stopped":false`)) {
		t.Errorf("stop of a suspended ID: %d %s", a.Status, a.Raw)
	}
}

func TestWithdraw(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	path := of(w.Ministry, "/wallet/withdraw")
	if a := signed(t, w, h.Key, path, map[string]any{"number": h.Number, "confirm": false}); a.Status != 200 || !bytes.Contains(a.Raw, []byte(`"withdrawn":false`)) {
		t.Errorf("unconfirmed: %d %s", a.Status, a.Raw)
	}
	if d := asked(t, w, h.Key, w.Ministry, ""); d.IDs[0].State != "issued" {
		t.Errorf("unconfirmed: %+v", d)
	}
	if a := signed(t, w, h.Key, path, map[string]any{"number": h.Number}); a.Status != 422 {
		t.Errorf("without confirm: %d %s", a.Status, a.Raw)
	}
	if a := signed(t, w, h.Key, path, map[string]any{"number": h.Number, "confirm": true}); a.Status != 200 || !bytes.Contains(a.Raw, []byte(`"withdrawn":true`)) {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if d := asked(t, w, h.Key, w.Ministry, ""); d.IDs[0].State != "revoked" || d.Waiting != 0 {
		t.Errorf("after it: %+v", d)
	}
	if a := signed(t, w, h.Key, path, map[string]any{"number": h.Number, "confirm": true}); a.code() != "not-issued" {
		t.Errorf("once more: %d %s", a.Status, a.Raw)
	}
	var wish bool
	if _, err := w.Ministry.Body.Body.VerifyAudit(t.Context(), nil, func(r issuer.AuditRecord) error {
		wish = wish || r.Event == issuer.EventWish && r.Operator == "" && len(r.Detail) == 2 && r.Detail[1] == uint64(0)
		return nil
	}); err != nil || !wish {
		t.Errorf("audit: %v, %v", wish, err)
	}
	// The council's ID of the same person and phone stands.
	c := w.Council.Holders["issued"]
	if d := asked(t, w, c.Key, w.Council, ""); d.IDs[0].State != "issued" {
		t.Errorf("the other body: %+v", d)
	}
}

// TestReplacedPhoneHasNoSay enrols a new phone for a post: the old one sees that it was replaced and can do nothing more.
func TestReplacedPhoneHasNoSay(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	slips, err := w.Ministry.Body.Register.Slips(t.Context(), issuer.SlipFilter{Entitlements: []int64{h.Entitlement}, NewPhone: true}, w.Ministry.Operators[0], w.Now())
	if err != nil || len(slips) != 1 {
		t.Fatal(slips, err)
	}
	next := *h
	next.Slip, next.Code = slips[0].Number, slips[0].Code()
	key, a := enrolled(t, w, &next)
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	if d := asked(t, w, h.Key, w.Ministry, ""); len(d.IDs) != 1 || d.IDs[0].State != "replaced" || d.Waiting != 0 {
		t.Errorf("the old phone: %+v", d)
	}
	for _, route := range []string{"/wallet/stop", "/wallet/withdraw", "/wallet/online-codes"} {
		in := map[string]any{"number": h.Number}
		if route == "/wallet/withdraw" {
			in["confirm"] = true
		}
		if a := signed(t, w, h.Key, of(w.Ministry, route), in); a.code() != "not-issued" {
			t.Errorf("%s: %d %s", route, a.Status, a.Raw)
		}
	}
	// Nor below the interface, whatever the old phone names.
	if err := w.Ministry.Body.Register.WithdrawByHolder(t.Context(), h.Entitlement, issuer.HolderProof{Key: h.Key.HolderPublic().Thumbprint()}, w.Now()); err == nil {
		t.Error("the old phone withdrew")
	}
	if d := asked(t, w, key, w.Ministry, ""); len(d.IDs) != 1 || d.IDs[0].State != "issued" {
		t.Errorf("the new phone: %+v", d)
	}
}

// applied brings a changed staff file of the ministry into its register.
func applied(t testing.TB, w *servicetest.World, change map[string]map[string]string) {
	t.Helper()
	data, pictures := w.Ministry.Staff(hr.DateInKyiv(w.Now()), change)
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
	if err := w.Ministry.Apply(t.Context(), s, w.Now()); err != nil {
		t.Fatal(err)
	}
}

// TestStopOutlastsReturnToDuty stops an ID that a plan has suspended: the return to duty that lifts one suspension does not lift
// the other.
func TestStopOutlastsReturnToDuty(t *testing.T) {
	w := started(t)
	stopped, waiting := w.Ministry.Holders["issued"], w.Ministry.Holders["second"]
	away := map[string]string{"status": "зупинено", "ground": "відсторонення", "order_number": "6-в", "order_date": "19.11.2026"}
	applied(t, w, map[string]map[string]string{"issued": away, "second": away})
	for _, h := range []*servicetest.Holder{stopped, waiting} {
		if got := stateOf(t, h); got != "suspended/1/0" {
			t.Fatalf("suspended by the plan: %s", got)
		}
	}
	if a := signed(t, w, stopped.Key, of(w.Ministry, "/wallet/stop"), map[string]any{"number": stopped.Number}); a.Status != 200 || !bytes.Contains(a.Raw, []byte(`"stopped":false`)) {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	w.Advance(24 * time.Hour)
	applied(t, w, nil)
	if got := stateOf(t, waiting); got != "issued/1/0" {
		t.Errorf("who did not stop it: %s", got)
	}
	if got := stateOf(t, stopped); got != "suspended/1/0" {
		t.Errorf("who stopped it: %s", got)
	}
}
