package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// BenchmarkOnline makes one-time codes and uses them, each durable by itself, and asks in vain; per second, with the disk's
// fsync rate of the same run.
func BenchmarkOnline(b *testing.B) {
	const people = 200
	w := newOnline(b, people)
	dir := b.TempDir()
	var made, used, again, fsync []float64
	at := testTime
	perSecond := func(n int, start time.Time) float64 { return float64(n) / time.Since(start).Seconds() }
	for b.Loop() {
		at = at.Add(issuer.OnlineLife)
		refs := make([]issuer.OnlineRef, people)
		texts := make([]string, people)
		start := time.Now()
		for i := range refs {
			texts[i] = w.code(int64(i+1), at).Link()
		}
		made = append(made, perSecond(people, start))
		for i := range refs {
			var err error
			if refs[i], err = w.o.Parse(texts[i]); err != nil {
				b.Fatal(err)
			}
		}
		ask := func(want issuer.OnlineReason) float64 {
			start := time.Now()
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := g; i < people; i += 4 {
						if a, err := w.o.Check(ctx, refs[i], guard, issuer.OnlineFull, at); err != nil || a.Reason != want {
							b.Errorf("%s, %v", a.Reason, err)
						}
					}
				})
			}
			wg.Wait()
			return perSecond(people, start)
		}
		used = append(used, ask(issuer.OnlineOK))
		again = append(again, ask(issuer.OnlineUsed))
		rate, err := store.MeasureFsync(dir, 50*time.Millisecond, time.Now)
		if err != nil {
			b.Fatal(err)
		}
		fsync = append(fsync, rate)
	}
	b.ReportMetric(median(made), "made/s")
	b.ReportMetric(median(used), "used/s")
	b.ReportMetric(median(again), "refused/s")
	b.ReportMetric(median(fsync), "fsync/s")
	b.ReportMetric(0, "ns/op")
}
