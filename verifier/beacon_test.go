package verifier

import (
	"crypto/sha256"
	"testing"

	"github.com/posvid/posvid/credential"
)

// TestPlaceBeacon: trying the likely places first changes no answer.
func TestPlaceBeacon(t *testing.T) {
	chain := credential.NewBeaconChain(sha256.Sum256([]byte("place")), 200)
	for _, n := range []uint64{1, 2, 30, 31, 100} {
		newest, _ := chain.At(n)
		for m := uint64(0); m <= n+40; m++ {
			candidate, ok := chain.At(m)
			if !ok {
				t.Fatalf("no beacon %d", m)
			}
			offset, ok := placeBeacon(n, newest, candidate)
			wantOffset, want := credential.Steps(n, newest, candidate, beaconSteps)
			if ok != want || offset != wantOffset {
				t.Errorf("b(%d) seen from b(%d): %d %v, want %d %v", m, n, offset, ok, wantOffset, want)
			}
			if ok != (m <= n+beaconSteps) || ok && offset != int(m)-int(n) {
				t.Errorf("b(%d) seen from b(%d): %d %v", m, n, offset, ok)
			}
		}
		for _, stranger := range []credential.Beacon{{}, {1}, credential.Beacon([]byte("12345678"))} {
			if offset, ok := placeBeacon(n, newest, stranger); ok {
				t.Errorf("a value of nobody stands at %d of b(%d)", offset, n)
			}
		}
	}
}
