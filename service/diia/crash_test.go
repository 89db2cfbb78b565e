package diia

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// A program that ends at any step loses no event and sends none in another order; what is sent twice carries the same id.
//
// What kill -9 leaves is what lies in the files at that moment. So the files are copied at the step, everything that happens
// afterwards is forgotten, and a new program goes on from the copy.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a program is ended at each step and started again")
	}
	steps := []string{"told-uncommitted", "cursor-uncommitted", "told-committed", "before-send", "after-send", "settled"}
	for _, step := range steps {
		for n := 1; ; n++ {
			if !crashAt(t, step, n) {
				if n == 1 {
					t.Errorf("step %s is never come to", step)
				}
				break
			}
			if n == 4 {
				break
			}
		}
	}
}

// crashAt ends the program at the n-th time that it comes to a step; it answers false when it never does.
func crashAt(t *testing.T, step string, n int) bool {
	t.Helper()
	var key store.DataKey
	rand.Read(key[:])
	sealer, err := store.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	open := func(path string) *store.Service {
		t.Helper()
		s, err := store.OpenService(path, store.Options{Sealer: sealer})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	before, after := t.TempDir(), t.TempDir()
	r := newReceiver(t)
	w := testWorld(t, r.URL, func(c *service.Config) { c.Store = open(filepath.Join(before, "service.db")) })
	var mu sync.Mutex
	seen, crashed := 0, false
	var received []eventMessage // before the end
	w.p.crash = func(at string) {
		mu.Lock()
		defer mu.Unlock()
		if at != step || crashed {
			return
		}
		if seen++; seen < n {
			return
		}
		crashed = true
		received = append(received, r.take()...)
		files, err := filepath.Glob(filepath.Join(before, "*"))
		if err != nil {
			t.Error(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "-shm") {
				continue // the shared index of a program that is gone
			}
			data, err := os.ReadFile(f)
			if err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(filepath.Join(after, filepath.Base(f)), data, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	h := w.Ministry.Holders["issued"]
	body := w.Ministry.Body.Body
	change := func(i int) {
		t.Helper()
		var err error
		if i%2 == 0 {
			err = body.Suspend(bg, h.Row, w.change(issuer.GroundLoss, ""))
		} else {
			err = body.Resume(bg, h.Row, w.change(issuer.GroundRecovered, ""))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	states := 0
	for i := 0; i < 3 && !crashed; i++ {
		w.run(t)
		if !crashed {
			change(i)
			states++
		}
	}
	if !crashed {
		w.run(t)
	}
	if !crashed {
		return false
	}
	r.take() // what the dead program did not do
	config := w.Server.Config
	config.Store = open(filepath.Join(after, "service.db"))
	server, err := service.New(config)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPart(server)
	if err != nil {
		t.Fatal(err)
	}
	run := func() {
		t.Helper()
		if err := p.collect(bg, w.Now()); err != nil {
			t.Fatalf("%s %d: %v", step, n, err)
		}
		if err := p.deliver(bg, w.Now()); err != nil {
			t.Fatalf("%s %d: %v", step, n, err)
		}
	}
	for range 4 {
		run()
		w.Advance(time.Minute)
	}
	change(states)
	run()
	received = append(received, r.take()...)
	name := fmt.Sprintf("%s %d", step, n)
	// Whoever reads the events by their ids knows the last state of everybody, and never saw one go backwards.
	last := map[string]eventMessage{}
	byID := map[string]eventMessage{}
	for _, m := range received {
		if old, ok := byID[m.UUID]; ok && (old.Sequence != m.Sequence || old.Response.Status != m.Response.Status) {
			t.Errorf("%s: event %s says two things", name, m.UUID)
		}
		if old, ok := last[m.PersonID]; ok && m.Sequence < old.Sequence {
			t.Errorf("%s: event %d after %d of one person", name, m.Sequence, old.Sequence)
		}
		byID[m.UUID], last[m.PersonID] = m, m
	}
	var now []string
	for _, m := range last {
		now = append(now, m.Response.Status)
	}
	slices.Sort(now)
	want := []string{"ACTIVE", "SUSPENDED", "SUSPENDED"}
	if states%2 != 0 {
		want = []string{"ACTIVE", "ACTIVE", "SUSPENDED"}
	}
	if !slices.Equal(now, want) {
		t.Errorf("%s: in the end %v, want %v", name, now, want)
	}
	if extra := len(received) - len(byID); extra > 1 {
		t.Errorf("%s: %d events were sent twice, want at most the one under way", name, extra)
	}
	var waiting int
	if err := config.Store.View(bg, func(tx *store.ServiceTx) error {
		return tx.Row(`SELECT count(*) FROM system_events WHERE state <> 1`, nil, &waiting)
	}); err != nil || waiting != 0 {
		t.Errorf("%s: %d events wait (%v)", name, waiting, err)
	}
	return true
}

// Two programs on one database send an event twice rather than never, with one id.
func TestTwoProgramsDeliver(t *testing.T) {
	w, r := eventWorld(t)
	if err := w.p.collect(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	server, err := service.New(w.Server.Config)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newPart(server)
	if err != nil {
		t.Fatal(err)
	}
	r.set(func(_ eventMessage, w http.ResponseWriter) { time.Sleep(5 * time.Millisecond) })
	var wg sync.WaitGroup
	for _, p := range []*part{w.p, other} {
		wg.Go(func() {
			if err := p.deliver(bg, w.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, m := range r.take() {
		ids[m.UUID] = true
	}
	if n := w.count(t, `SELECT count(*) FROM system_events WHERE state = 1`); n != 3 || len(ids) != 3 {
		t.Errorf("%d delivered, %d ids, want 3 and 3", n, len(ids))
	}
}
