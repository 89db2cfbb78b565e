package trust

import (
	"testing"
	"time"
)

// Bundles made after each change keep the beacon for six hours: a verifier that was offline for a week still knows every value
// that a wallet may show, and knows when it was published.
func TestBuildBundleEvery(t *testing.T) {
	r := operator(t)
	at := day(1)
	for i := range 200 {
		out, err := r.BuildBundleEvery(at, bundleKey(t, "s"), fakeBeacon, BeaconEvery)
		if err != nil {
			t.Fatal(err)
		}
		b := mustOpen(t, r, out)
		want := uint64(i/4) + 1 // four bundles in six hours
		if b.Beacon().N != want || b.Number() != uint64(i)+1 {
			t.Fatalf("bundle %d: beacon %d, want %d", b.Number(), b.Beacon().N, want)
		}
		if value, _ := fakeBeacon(want); b.Beacon().Value != value {
			t.Errorf("bundle %d: value %x, want %x", b.Number(), b.Beacon().Value, value)
		}
		if published := b.Beacon().Times[0]; !published.Equal(at.Add(-time.Duration(i%4) * 90 * time.Minute)) {
			t.Errorf("bundle %d: beacon published %s, made %s", b.Number(), published, at)
		}
		at = at.Add(90 * time.Minute)
	}
	// A register whose beacons lie ahead, as after a reset of time, makes a new value.
	n := r.BeaconN()
	r.beacons[0] = at.Add(time.Hour)
	out, err := r.BuildBundleEvery(at, bundleKey(t, "s"), fakeBeacon, BeaconEvery)
	if err != nil {
		t.Fatal(err)
	}
	if b := mustOpen(t, r, out); b.Beacon().N != n+1 || len(b.Beacon().Times) != 1 {
		t.Errorf("beacon %d with %d times, want %d with one", b.Beacon().N, len(b.Beacon().Times), n+1)
	}
}

func TestBeaconOutlastsOfflineVerifiers(t *testing.T) {
	if known := maxBeaconTimes * BeaconEvery; known < MaxStatusAge {
		t.Errorf("publish times of %s, a verifier may be offline for %s", known, MaxStatusAge)
	}
	if ahead := 30 * BeaconEvery; ahead < MaxStatusAge {
		t.Errorf("a verifier follows the chain for %s, and may be offline for %s", ahead, MaxStatusAge)
	}
}
