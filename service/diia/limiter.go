package diia

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter counts by name. It keeps at most maxNames of them: names are systems that have authenticated, so more of them are
// not to be had by asking.
type limiter struct {
	mu    sync.Mutex
	limit rate.Limit
	burst int
	names map[string]*rate.Limiter
}

const maxNames = 10_000

// newLimiter allows n in each period, all at once if need be.
func newLimiter(n int, period time.Duration) *limiter {
	return &limiter{limit: rate.Limit(float64(n) / period.Seconds()), burst: n, names: map[string]*rate.Limiter{}}
}

// Allow takes one from the name's share.
func (l *limiter) Allow(name string, at time.Time) bool {
	return l.of(name).AllowN(at, 1)
}

// Left tells whether the name has any share left, and takes nothing.
func (l *limiter) Left(name string, at time.Time) bool {
	return l.of(name).TokensAt(at) >= 1
}

func (l *limiter) of(name string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.names[name]
	if r == nil {
		if len(l.names) >= maxNames {
			clear(l.names)
		}
		r = rate.NewLimiter(l.limit, l.burst)
		l.names[name] = r
	}
	return r
}
