package trust

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys/authority"
)

// bigRegister carries statuses over bodies of equal size, 3 keys each, and codeRows code rows over all of them.
func bigRegister(tb testing.TB, bodies, statuses, codeRows int) *Register {
	tb.Helper()
	r := newRegister(tb)
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range bodies {
		iss := edrpou(n)
		var last authority.IssuerPrivateKey
		for range 3 {
			k, err := authority.GenerateIssuerKey(cose.ESP256)
			if err != nil {
				tb.Fatal(err)
			}
			if _, err := r.AdmitKey(keyRequest(tb, k, day0, iss), Grant{ValidFrom: day0}, day0); err != nil {
				tb.Fatal(err)
			}
			last = k
		}
		per := statuses / bodies
		l, err := NewStatusListBuilder(per)
		if err != nil {
			tb.Fatal(err)
		}
		for i := range per {
			if rng.IntN(50) == 0 {
				if err := l.Set(uint32(i), StatusValue(1+rng.IntN(2))); err != nil {
					tb.Fatal(err)
				}
			}
		}
		list, err := SignStatusList(iss, 0, day0, l, last)
		if err != nil {
			tb.Fatal(err)
		}
		table := codes.NewTable()
		for i := range codeRows / bodies {
			if _, err := table.Assign(codes.Kind(1+i%2), fmt.Sprintf("Головний спеціаліст відділу організаційної роботи № %d", i), fmt.Sprintf("Chief specialist of division %d", i)); err != nil {
				tb.Fatal(err)
			}
		}
		signed, err := SignCodes(iss, day0, table, last)
		if err != nil {
			tb.Fatal(err)
		}
		if err := r.Carry(publication(tb, Publication{EDRPOU: iss, StatusLists: [][]byte{list}, Codes: signed}), day0); err != nil {
			tb.Fatal(err)
		}
	}
	return r
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func benchmarkOpen(b *testing.B, bodies, statuses, codeRows int, all bool) {
	r := bigRegister(b, bodies, statuses, codeRows)
	data := build(b, r, day(1))
	pin := r.RootFingerprint()
	for b.Loop() {
		got, err := Open(data, pin)
		if err != nil {
			b.Fatal(err)
		}
		if all {
			if err := got.CheckAll(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(data))/1024, "KiB")
}

// 500,000 statuses and 300 keys of 100 bodies, 5,000 codes: the bar is 50 ms with everything opened.
func BenchmarkOpen(b *testing.B) {
	b.Run("lazy", func(b *testing.B) { benchmarkOpen(b, 100, 500_000, 5_000, false) })
	b.Run("all", func(b *testing.B) { benchmarkOpen(b, 100, 500_000, 5_000, true) })
	b.Run("all-100k-codes", func(b *testing.B) { benchmarkOpen(b, 100, 500_000, 100_000, true) })
}

func BenchmarkStatus(b *testing.B) {
	r := bigRegister(b, 100, 500_000, 0)
	got := mustOpen(b, r, build(b, r, day(1)))
	if err := got.CheckAll(); err != nil {
		b.Fatal(err)
	}
	var iss [100]string
	for n := range iss {
		iss[n] = edrpou(n)
	}
	b.ReportAllocs()
	i := uint32(0)
	for b.Loop() {
		i = i*1664525 + 1013904223
		if _, _, err := got.Status(iss[i%100], 0, i%5000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuildBundle(b *testing.B) {
	r := bigRegister(b, 100, 500_000, 5_000)
	at := day(1)
	for b.Loop() {
		at = at.Add(time.Second)
		if _, err := r.BuildBundle(at, bundleKey(b, "s"), fakeBeacon); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccept is an install without its disk.
func BenchmarkAccept(b *testing.B) {
	r := bigRegister(b, 100, 500_000, 5_000)
	got := mustOpen(b, r, build(b, r, day(1)))
	for b.Loop() {
		if _, err := (Memory{}).Accept(got); err != nil {
			b.Fatal(err)
		}
	}
}
