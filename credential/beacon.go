package credential

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/posvid/posvid/crypto/cose"
)

// Beacon is one value of the trust operator's freshness chain. A value is published with each trust bundle and
// copied by the wallet into cnonce of a broadcast code: whoever holds it has seen that bundle or a later one.
type Beacon [8]byte

// IsZero reports whether b is no beacon; the chain never yields eight zero bytes.
func (b Beacon) IsZero() bool { return b == Beacon{} }

const (
	beaconDomain    = "posvid beacon v1"
	beaconEndDomain = "posvid beacon end v1"
)

// BeaconPrevious returns b(n) for next = b(n+1):
//
//	b(n) = the first 8 bytes of SHA-256("posvid beacon v1" ‖ n as uint64, big-endian ‖ b(n+1))
//
// The chain can be walked down from any value and never up (docs/spec/presentation.md, Section 5).
func BeaconPrevious(n uint64, next Beacon) Beacon {
	var in [len(beaconDomain) + 16]byte
	copy(in[:], beaconDomain)
	binary.BigEndian.PutUint64(in[len(beaconDomain):], n)
	copy(in[len(beaconDomain)+8:], next[:])
	sum := sha256.Sum256(in[:])
	return Beacon(sum[:8])
}

// BeaconChain is a chain made ahead from a secret seed, b(0) to b(last). The trust operator keeps the seed as
// it keeps a private key: who has it can make codes for days to come. It prints as [redacted].
type BeaconChain struct {
	cose.Redacted
	seed [32]byte
	last uint64
}

// MaxBeaconChain is the largest last number of a chain: with one bundle an hour it lasts seven years.
const MaxBeaconChain = 1 << 16

// NewBeaconChain returns the chain of b(0) to b(last) that seed stands for. Last is at most MaxBeaconChain;
// anything above is taken as MaxBeaconChain.
func NewBeaconChain(seed [32]byte, last uint64) *BeaconChain {
	return &BeaconChain{seed: seed, last: min(last, MaxBeaconChain)}
}

// Last returns the number of the last value of the chain.
func (c *BeaconChain) Last() uint64 { return c.last }

// At returns b(n); false when n is beyond the end of the chain, which then needs a successor.
func (c *BeaconChain) At(n uint64) (Beacon, bool) {
	if n > c.last {
		return Beacon{}, false
	}
	in := make([]byte, 0, len(beaconEndDomain)+40)
	in = append(in, beaconEndDomain...)
	in = binary.BigEndian.AppendUint64(in, c.last)
	in = append(in, c.seed[:]...)
	sum := sha256.Sum256(in)
	b := Beacon(sum[:8])
	for i := c.last; i > n; i-- {
		b = BeaconPrevious(i-1, b)
	}
	return b, true
}

// Steps places candidate in the chain of which newest = b(newestN) is the newest known value. The offset is 0
// for newest itself, +k for b(newestN+k) with k up to maxForward, -k for b(newestN-k) with k up to 4,096
// or the start of the chain. False means that candidate is none of these.
func Steps(newestN uint64, newest, candidate Beacon, maxForward int) (offset int, ok bool) {
	if candidate.IsZero() || newest.IsZero() {
		return 0, false
	}
	if candidate == newest {
		return 0, true
	}
	// A phone is a few bundles behind the one who asks, or ahead of it; the far past, which takes ten times the work, is
	// asked last.
	b, k := newest, uint64(0)
	back := func(until uint64) bool {
		for k < until && k < newestN {
			k++
			if b = BeaconPrevious(newestN-k, b); b == candidate {
				return true
			}
		}
		return false
	}
	if back(beaconNear) {
		return -int(k), true
	}
	for k := 1; k <= maxForward; k++ {
		top := newestN + uint64(k)
		if top < newestN {
			break
		}
		b := candidate
		for n := top; n > newestN; n-- {
			b = BeaconPrevious(n-1, b)
		}
		if b == newest {
			return k, true
		}
	}
	if back(beaconBack) {
		return -int(k), true
	}
	return 0, false
}
