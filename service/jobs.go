package service

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Times of publishing after changes.
const (
	publishAfter = 2 * time.Second  // after the last change
	publishMost  = 15 * time.Second // after the first one, if changes go on
	publishAgain = 30 * time.Second // after one that failed
)

// errPanic is what a job that panicked is logged with.
var errPanic = errors.New("service: job panicked")

// PublishSoon asks for a publication: lists and, where this host is the trust operator's, the next bundle. Changes that come close
// together share one. It never waits.
func (s *Server) PublishSoon() {
	select {
	case s.frame.soon <- struct{}{}:
	default: // one is asked for already
	}
}

// Run runs the jobs until ctx ends and those that run have ended. A job never overlaps itself; one that panics or fails is
// logged, counted, and runs again in its next period.
func (s *Server) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	for _, j := range s.jobs {
		wait.Go(func() {
			for first := true; ; first = false {
				if !first || !j.late {
					s.work(ctx, j)
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(j.every):
				}
			}
		})
	}
	wait.Go(func() { s.publishWhenAsked(ctx) })
	wait.Wait()
	return nil
}

// publishWhenAsked waits for changes to end, and for no change longer than publishMost. A publication that fails is tried again
// until one goes well: a revocation is among what was asked for.
func (s *Server) publishWhenAsked(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.frame.soon:
		case <-again:
		}
		most := time.After(publishMost)
	quiet:
		for {
			select {
			case <-ctx.Done():
				break quiet // what was asked for is still published
			case <-s.frame.soon:
			case <-time.After(s.frame.boundary):
				break quiet
			case <-most:
				break quiet
			}
		}
		again = nil
		if s.work(context.WithoutCancel(ctx), job{name: "publish", run: s.Trust.Publish}) != nil {
			again = time.After(publishAgain)
		}
	}
}

// work runs a job once. Its error has been logged and counted.
func (s *Server) work(ctx context.Context, j job) (err error) {
	began := time.Now()
	err = func() (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				s.Log.Error("panic", "job", j.name, "what", scrub(fmt.Sprint(cause)), "stack", stackOf(debug.Stack()))
				err = errPanic
			}
		}()
		return j.run(ctx, s.Now())
	}()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // the service ends
	}
	result := "ok"
	if err != nil {
		result = "failed"
		s.Log.Error("job", "job", j.name, "cause", scrub(err.Error()))
	}
	s.frame.metrics.jobs.WithLabelValues(j.name, result).Inc()
	s.frame.metrics.jobSeconds.WithLabelValues(j.name).Set(time.Since(began).Seconds())
	if err == nil {
		s.frame.metrics.jobDone(j.name, s.Now())
	}
	return err
}
