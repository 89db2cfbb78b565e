package holder

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// partOf is a part whose jobs a test runs one by one.
func partOf(t testing.TB) (*part, *servicetest.World) {
	t.Helper()
	w := servicetest.New(t)
	p := &part{s: w.Server}
	p.mountJobs()
	return p, w
}

func stateOf(t testing.TB, h *servicetest.Holder) string {
	t.Helper()
	ids, err := h.Body.Body.Body.IDsOf(t.Context(), h.Entitlement)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) == 0 {
		return "none"
	}
	return ids[len(ids)-1].State.String() + "/" + strconv.Itoa(len(ids)) + "/" + strconv.Itoa(int(ids[len(ids)-1].Renewal))
}

func TestJobs(t *testing.T) {
	p, w := partOf(t)
	h, waiting := w.Ministry.Holders["issued"], w.Ministry.Holders["enrolled"]
	run := func() {
		t.Helper()
		if err := p.each(t.Context(), w.Now(), p.issue); err != nil {
			t.Fatal(err)
		}
	}
	head := func() uint64 {
		a, err := w.Ministry.Body.Body.AuditHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return a.Seq
	}
	run()
	if got := stateOf(t, waiting); got != "issued/1/0" {
		t.Errorf("enrolled: %s", got)
	}
	// Repeated, at once and later, it does nothing.
	before := head()
	for range 3 {
		run()
		w.Advance(2 * time.Hour)
	}
	if head() != before {
		t.Errorf("%d audit entries by repeating", head()-before)
	}
	// On day 20 everybody is renewed, once.
	w.Set(servicetest.Began.AddDate(0, 0, 20))
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	run()
	run()
	if got := stateOf(t, h); got != "issued/1/1" {
		t.Errorf("renewed: %s", got)
	}
	if got := stateOf(t, w.Ministry.Holders["suspended"]); got != "suspended/1/0" {
		t.Errorf("suspended: %s", got)
	}
	// Codes, signed bytes and what waits are forgotten.
	if _, err := w.Ministry.Body.Online.Issue(t.Context(), h.Row, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Set(servicetest.Began.AddDate(0, 0, 40))
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	run()
	if got := stateOf(t, w.Ministry.Holders["suspended"]); got != "expired/1/0" {
		t.Errorf("run out: %s", got)
	}
	if err := p.each(t.Context(), w.Now(), p.purge); err != nil {
		t.Fatal(err)
	}
	if rows, err := w.Ministry.Body.Body.Outbox(t.Context(), 100); err != nil {
		t.Error(err)
	} else {
		for _, r := range rows {
			if r.At.Before(w.Now().Add(-outboxKept)) {
				t.Errorf("still waits since %s", r.At)
			}
		}
	}
	if err := w.Ministry.Store.View(t.Context(), func(tx issuer.Tx) error {
		old, err := tx.TokensOf(h.Row, 0)
		if err != nil {
			return err
		}
		for _, o := range old {
			if o.Payload != nil || o.Signed != nil {
				t.Error("signed bytes of a token that has run out are kept")
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	purged := 0
	if _, err := w.Ministry.Body.Body.VerifyAudit(t.Context(), nil, func(r issuer.AuditRecord) error {
		if r.Event == issuer.EventOnlinePurged || r.Event == issuer.EventTokensPurged {
			purged++
		}
		return nil
	}); err != nil || purged != 2 {
		t.Errorf("%d entries of purging, %v", purged, err)
	}
	if err := p.each(t.Context(), w.Now(), p.purge); err != nil {
		t.Fatal(err)
	}
}

// TestJobsGoOn lets steps fail: without a bundle nothing can be signed, yet terms end; a body that fails keeps no other from its work.
func TestJobsGoOn(t *testing.T) {
	p, w := partOf(t)
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	w.Set(bundle.ExpiresAt().Add(time.Hour))
	if err := p.issue(t.Context(), w.Ministry.Body, w.Now()); !errors.Is(err, issuer.ErrNotGranted) {
		t.Errorf("without a bundle in force: %v", err)
	}
	if got := stateOf(t, w.Ministry.Holders["issued"]); got != "issued/1/0" {
		t.Errorf("nothing may end at a time without a grant: %s", got)
	}
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	var done []string
	err = p.each(t.Context(), w.Now(), func(_ context.Context, b *service.Body, _ time.Time) error {
		done = append(done, b.EDRPOU)
		return errors.New("failed")
	})
	if err == nil || strings.Join(done, " ") != w.Ministry.EDRPOU+" "+w.Council.EDRPOU || strings.Count(err.Error(), "failed") != 2 {
		t.Errorf("%v: %v", done, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.each(ended, w.Now(), p.issue); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	// The next run makes up for it.
	if err := p.each(t.Context(), w.Now(), p.issue); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, w.Ministry.Holders["enrolled"]); got != "issued/1/0" {
		t.Errorf("made up for: %s", got)
	}
}

// TestDeliveryAfterPurge has tokens run out and be forgotten while no bundle lets anything be marked or signed; then one comes.
func TestDeliveryAfterPurge(t *testing.T) {
	w := started(t)
	p := &part{s: w.Server}
	h := w.Ministry.Holders["issued"]
	w.Set(servicetest.Began.AddDate(0, 0, 40))
	if err := p.each(t.Context(), w.Now(), p.purge); err != nil {
		t.Fatal(err)
	}
	if d := asked(t, w, h.Key, w.Ministry, ""); len(d.IDs) != 1 || d.IDs[0].State != "expired" || len(d.IDs[0].Delivery) != 0 {
		t.Errorf("without a bundle in force: %+v", d)
	}
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	d := asked(t, w, h.Key, w.Ministry, "")
	if last := d.IDs[len(d.IDs)-1]; last.State != "issued" || len(last.Delivery) == 0 || !last.ExpiresAt.After(w.Now()) {
		t.Errorf("with one: %+v", d)
	}
}

func TestPortions(t *testing.T) {
	for _, c := range []struct{ rows, steps, all int }{{0, 1, 0}, {1, 1, 1}, {portion - 1, 1, portion - 1}, {portion, 2, portion}, {3*portion + 5, 4, 3*portion + 5}} {
		left, steps := c.rows, 0
		all, err := inPortions(func() (int, error) {
			n := min(left, portion)
			left -= n
			steps++
			return n, nil
		})
		if err != nil || all != c.all || steps != c.steps || left != 0 {
			t.Errorf("%d rows: %d in %d steps, %v", c.rows, all, steps, err)
		}
	}
	want := errors.New("disk")
	if n, err := inPortions(func() (int, error) { return portion, want }); !errors.Is(err, want) || n != portion {
		t.Errorf("%d, %v", n, err)
	}
}

func TestCodeOf(t *testing.T) {
	for err, want := range map[error]string{
		issuer.ErrNotGranted: "not-granted", issuer.ErrSigningStopped: "signing-stopped", errors.Join(nil, issuer.ErrCheck): "check-failed",
		context.Canceled: "canceled", errors.New("Іваненко"): "internal", nil: "internal",
	} {
		if got := codeOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// broken is an issuer key whose device is away: what was prepared with it stays prepared, as after a crash between the two
// durable halves of issuing.
type broken struct{ keys.IssuerSigner }

func (broken) Sign([]byte) ([]byte, error) { return nil, errors.New("the device is away") }

type anyToken struct{}

func (anyToken) CheckToken([]byte, time.Time) error { return nil }

// TestRestart starts a second service over what a first one left half done: one phone enrolled and no more, one intent prepared
// and not signed. It goes on by itself and doubles nothing.
func TestRestart(t *testing.T) {
	w := started(t)
	slip, enrolledOne := w.Ministry.Holders["slip"], w.Ministry.Holders["enrolled"]
	key, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := credential.SignPossession(w.Ministry.EDRPOU, slip.Code, w.Now(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Ministry.Body.Register.Enrol(t.Context(), slip.Slip, proof, w.Now()); err != nil {
		t.Fatal(err)
	}
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	half, err := issuer.Open(t.Context(), w.Ministry.Store, issuer.Config{EDRPOU: w.Ministry.EDRPOU, Signer: broken{w.Ministry.Signer}, Grant: issuer.BundleGrant{Bundle: bundle}, Checker: anyToken{}})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := half.Issue(t.Context(), w.Now(), enrolledOne.Entitlement); err != nil || res[0].Err == nil {
		t.Fatal(res, err)
	}
	if got := stateOf(t, enrolledOne); got != "pending/1/0" {
		t.Fatalf("half done: %s", got)
	}
	s, err := service.New(w.Server.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := Mount(s); err != nil {
		t.Fatal(err)
	}
	s.Handler()
	ctx, cancel := context.WithCancel(t.Context())
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
		ended.Store(true)
	}()
	for begin := time.Now(); stateOf(t, slip) != "issued/1/0" || stateOf(t, enrolledOne) != "issued/1/0"; time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("after 30 s: %s, %s", stateOf(t, slip), stateOf(t, enrolledOne))
		}
	}
	cancel()
	<-done
	if !ended.Load() {
		t.Error("the jobs did not end")
	}
	// The phone, which never had an answer, sends its proof again.
	a := post(t, w, w.Client(), of(w.Ministry, "/enrolments"), map[string]any{"possession": proof})
	if a.Status != http.StatusOK || !strings.Contains(string(a.Raw), `"state":"issued"`) {
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	if got := stateOf(t, slip); got != "issued/1/0" {
		t.Errorf("after the second proof: %s", got)
	}
}
