package diia

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service"
)

// countingTrust counts publications and makes none.
type countingTrust struct {
	service.Trust
	asked atomic.Int32
}

// Publish implements service.Trust.
func (c *countingTrust) Publish(context.Context, time.Time) error {
	c.asked.Add(1)
	return nil
}

// What an enrolment took from a former phone is published although no ID could be issued to the new one.
func TestEnrolmentWithoutAnIDIsPublished(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t, scopeEnrolments)
	phone, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := credential.SignPossession(w.Ministry.EDRPOU, w.Ministry.Holders["slip"].Code, w.Now(), phone)
	if err != nil {
		t.Fatal(err)
	}
	w.Trust.Forget() // nothing may be signed without a bundle
	trust := &countingTrust{Trust: w.Server.Trust}
	w.Server.Trust = trust
	status, body := w.call(t, bearer, "POST", "/api/v1/systems/enrolments", query{"edrpou": w.Ministry.EDRPOU, "possession": proof})
	if status != http.StatusServiceUnavailable {
		t.Fatalf("enrolment without a bundle: %d %s", status, body)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Server.Run(ctx) }()
	for range 600 {
		if trust.asked.Load() > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if trust.asked.Load() == 0 {
		t.Error("nothing was published after the enrolment")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
