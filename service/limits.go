package service

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// buckets counts what sources ask for, each with its own token bucket. It holds so many sources and no more: the one that was
// idle longest goes first.
type buckets struct {
	per   rate.Limit
	burst int
	max   int

	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // front: asked last
}

type bucket struct {
	key string
	l   *rate.Limiter
}

// newBuckets lets n through in each period, all at once if need be.
func newBuckets(n int, period time.Duration, most int) *buckets {
	return &buckets{per: rate.Limit(float64(n) / period.Seconds()), burst: n, max: most, byKey: map[string]*list.Element{}, order: list.New()}
}

// take tells whether a source may ask once more at a time.
func (b *buckets) take(key string, at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.byKey[key]
	if e == nil {
		if b.order.Len() >= b.max {
			last := b.order.Back()
			delete(b.byKey, last.Value.(*bucket).key)
			b.order.Remove(last)
		}
		e = b.order.PushFront(&bucket{key, rate.NewLimiter(b.per, b.burst)})
		b.byKey[key] = e
	} else {
		b.order.MoveToFront(e)
	}
	return e.Value.(*bucket).l.AllowN(at, 1)
}

// counts tells how many requests of a source are being worked on.
type counts struct {
	each, sources int

	mu sync.Mutex
	n  map[string]int
}

func newCounts(each, sources int) *counts {
	return &counts{each: each, sources: sources, n: map[string]int{}}
}

func (c *counts) enter(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key] >= c.each || c.n[key] == 0 && len(c.n) >= c.sources {
		return false
	}
	c.n[key]++
	return true
}

func (c *counts) leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[key]--; c.n[key] == 0 {
		delete(c.n, key)
	}
}
