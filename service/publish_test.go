package service

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// failingTrust cannot publish for a while.
type failingTrust struct {
	Trust
	fails       atomic.Int32 // how often it still fails
	panics      atomic.Bool
	tried, made atomic.Int32
}

// Publish implements Trust.
func (f *failingTrust) Publish(context.Context, time.Time) error {
	f.tried.Add(1)
	if f.panics.Swap(false) {
		panic("no")
	}
	if f.fails.Add(-1) >= 0 {
		return errors.New("service: disk is full")
	}
	f.made.Add(1)
	return nil
}

// SRV-33: a publication that was asked for comes, however often it fails before.
func TestPublishUntilItGoesWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trust := &failingTrust{}
		trust.fails.Store(3)
		trust.panics.Store(true)
		s := &Server{Config: Config{Trust: trust, Log: slog.New(slog.DiscardHandler), Now: time.Now}, Metrics: prometheus.NewRegistry()}
		s.frame.soon, s.frame.boundary = make(chan struct{}, 1), publishAfter
		s.newMetrics()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		s.PublishSoon()
		time.Sleep(publishMost)
		if n := trust.tried.Load(); n != 1 {
			t.Errorf("tried %d times within %v, want once", n, publishMost)
		}
		time.Sleep(4 * (publishAgain + publishAfter))
		if tried, made := trust.tried.Load(), trust.made.Load(); tried != 5 || made != 1 {
			t.Errorf("tried %d times, %d went well: want 5 and 1", tried, made)
		}
		time.Sleep(time.Hour)
		if tried := trust.tried.Load(); tried != 5 {
			t.Errorf("tried %d times after one went well, want 5", tried)
		}
		// A change while one waits for its next try does not wait for that.
		trust.fails.Store(1)
		s.PublishSoon()
		time.Sleep(publishAfter + time.Second)
		s.PublishSoon()
		time.Sleep(publishAfter + time.Second)
		if made := trust.made.Load(); made != 2 {
			t.Errorf("%d went well, want 2", made)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
