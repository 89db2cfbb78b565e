package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// crowd is many phones of one body and the ways to ask for them.
type crowd struct {
	t      *testing.T
	w      *servicetest.World
	keys   []keys.HolderPrivateKey
	number []string
	client *http.Client
}

func newCrowd(t *testing.T, n int, change func(*service.Config)) *crowd {
	t.Helper()
	c := &crowd{t: t, w: mounted(t, change), keys: make([]keys.HolderPrivateKey, n), number: make([]string, n)}
	b := c.w.Ministry
	entitlements, err := store.Populate(t.Context(), b.Store, b.EDRPOU, 1000, n, c.w.Now(), func(i int) ([]byte, error) {
		key, err := keys.GenerateHolderKey()
		c.keys[i-1000] = key
		return key.HolderPublic().MarshalCOSE(), err
	})
	if err != nil {
		t.Fatal(err)
	}
	results, err := b.Body.Body.Issue(t.Context(), c.w.Now(), entitlements...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		c.number[i] = r.ID.Number
	}
	c.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}, Timeout: time.Minute}
	return c
}

// post sends JSON as one of many sources and answers the status and the body.
func (c *crowd) post(path string, source int, body any, key *keys.HolderPrivateKey) (int, []byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequest("POST", c.w.URL+path, bytes.NewReader(data))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.%d.%d", source/250, source%250+1))
	if key != nil {
		request, err := credential.SignRequest(credential.NewRequest(c.w.Server.Origin, "POST", path, data, c.w.Now()), *key)
		if err != nil {
			return 0, nil, err
		}
		r.Header.Set(credential.RequestHeader, credential.EncodeRequestHeader(request))
	}
	a, err := c.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	out, err := io.ReadAll(a.Body)
	return a.StatusCode, out, err
}

// code asks for a one-time code of phone i.
func (c *crowd) code(i int) (status int, link string, err error) {
	status, out, err := c.post("/api/v1/bodies/"+servicetest.MinistryEDRPOU+"/wallet/online-codes", i, map[string]any{"number": c.number[i]}, &c.keys[i])
	var made struct{ Link string }
	if err == nil && status == 200 {
		err = json.Unmarshal(out, &made)
	}
	return status, made.Link, err
}

// check uses a code for yes or no.
func (c *crowd) check(source int, link string) (status int, valid bool, err error) {
	status, out, err := c.post("/api/v1/online/check", source, map[string]any{"code": link, "mode": "validate", "place": "Прохідна"}, nil)
	var answer struct{ Valid bool }
	if err == nil && status == 200 {
		err = json.Unmarshal(out, &answer)
	}
	return status, answer.Valid, err
}

// latencies tells how long calls took.
type latencies struct {
	mu   sync.Mutex
	took []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, d)
}

// String is the count with the median, and what 95 and 99 of 100 stayed below.
func (l *latencies) String() string {
	slices.Sort(l.took)
	at := func(p int) time.Duration { return l.took[len(l.took)*p/100].Round(100 * time.Microsecond) }
	return fmt.Sprintf("%d, p50 %s, p95 %s, p99 %s", len(l.took), at(50), at(95), at(99))
}

// TestLoadOnline measures one-time codes over HTTP: made by phones (signed request, nonce, code, audit), used by anybody, through
// every layer of the service and durable on this disk. With POSVID_LOAD=1 it runs as long as figures for docs/performance.md need.
func TestLoadOnline(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a measurement")
	}
	phones, workers, rounds := 64, 16, 1
	if os.Getenv("POSVID_LOAD") == "1" {
		phones, workers, rounds = 320, 32, 4
	}
	c := newCrowd(t, phones, func(c *service.Config) {
		c.Proxies = []string{"127.0.0.1/32"}
		c.Limits = service.Limits{PerMinute: 1_000_000}
	})
	var making, using latencies
	var makeTime, useTime time.Duration
	for range rounds {
		for range 4 {
			links := make([]string, phones)
			each := func(f func(i int)) time.Duration {
				began := time.Now()
				var wait sync.WaitGroup
				for worker := range workers {
					wait.Go(func() {
						for i := worker; i < phones; i += workers {
							f(i)
						}
					})
				}
				wait.Wait()
				return time.Since(began)
			}
			makeTime += each(func(i int) {
				began := time.Now()
				status, link, err := c.code(i)
				making.add(time.Since(began))
				if err != nil || status != 200 {
					t.Errorf("code: %d, %v", status, err)
				}
				links[i] = link
			})
			useTime += each(func(i int) {
				began := time.Now()
				status, valid, err := c.check(i, links[i])
				using.add(time.Since(began))
				if err != nil || status != 200 || !valid {
					t.Errorf("check: %d %t, %v", status, valid, err)
				}
			})
		}
		c.w.Advance(10 * time.Minute)
	}
	t.Logf("%d phones, %d at once: codes made %s; %.0f/s", phones, workers, &making, float64(len(making.took))/makeTime.Seconds())
	t.Logf("%d phones, %d at once: codes used %s; %.0f/s", phones, workers, &using, float64(len(using.took))/useTime.Seconds())
}

// SRV-15: ten times as many callers as there are places: everything that is answered is right, every code is good for one yes, and
// what is not answered is refused with 503 at once.
func TestOverloadOfCodes(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: hundreds of callers")
	}
	const places, phones = 4, 40
	c := newCrowd(t, phones, func(c *service.Config) {
		c.Proxies = []string{"127.0.0.1/32"}
		c.Limits = service.Limits{PerMinute: 1_000_000, InFlight: places}
	})
	var made, yes, no, shed, health, other atomic.Int64
	var refused, taken latencies
	tell := func(what string, status int, err error) {
		if err == nil && status == http.StatusServiceUnavailable {
			shed.Add(1)
			time.Sleep(10 * time.Millisecond)
			return
		}
		other.Add(1)
		t.Errorf("%s: %d, %v", what, status, err)
	}
	var wait sync.WaitGroup
	began := time.Now()
	for i := range phones {
		wait.Go(func() {
			for range 3 {
				var link string
				for link == "" && time.Since(began) < 20*time.Second {
					at := time.Now()
					status, l, err := c.code(i)
					if status == 200 && err == nil {
						taken.add(time.Since(at))
						made.Add(1)
						link = l
						continue
					}
					refused.add(time.Since(at))
					tell("code", status, err)
				}
				// Two verifiers hold the same code; both go on asking until they are answered.
				var won atomic.Int64
				var both sync.WaitGroup
				for second := range 2 {
					both.Go(func() {
						for time.Since(began) < 20*time.Second {
							status, valid, err := c.check(1000+2*i+second, link)
							if status == 200 && err == nil {
								if valid {
									won.Add(1)
									yes.Add(1)
								} else {
									no.Add(1)
								}
								return
							}
							tell("check", status, err)
						}
					})
				}
				both.Wait()
				if won.Load() != 1 {
					t.Errorf("a code was good for %d, want exactly one", won.Load())
				}
			}
		})
	}
	stop := make(chan struct{})
	var look sync.WaitGroup
	look.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			a, err := c.client.Get(c.w.URL + "/healthz")
			if err != nil || a.StatusCode != 200 {
				t.Errorf("/healthz in the flood: %v", err)
				return
			}
			a.Body.Close()
			health.Add(1)
		}
	})
	wait.Wait()
	close(stop)
	look.Wait()
	if made.Load() != 3*phones || yes.Load() != made.Load() || no.Load() != made.Load() || other.Load() != 0 {
		t.Errorf("%d codes, %d yes, %d no, %d wrong answers: want %d, as many, as many and none", made.Load(), yes.Load(), no.Load(), other.Load(), 3*phones)
	}
	if shed.Load() == 0 {
		t.Error("nothing was refused: it was no overload")
	}
	t.Logf("%d callers for %d places, %s: %d codes, each good for one yes and one no; %d refused with 503, refusals %s; codes made %s; /healthz answered %d times",
		2*phones, places, time.Since(began).Round(10*time.Millisecond), made.Load(), shed.Load(), &refused, &taken, health.Load())
	// Whatever the flood did, the store holds together.
	if _, err := c.w.Ministry.Body.Body.VerifyAudit(t.Context(), nil, nil); err != nil {
		t.Error(err)
	}
	if err := c.w.Ministry.Store.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
