package trust

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/posvid/posvid/crypto/keys"
)

// BeaconSource returns value n of the freshness beacon's chain (docs/spec/presentation.md).
type BeaconSource func(n uint64) ([8]byte, error)

// BuildBundle makes the next bundle as of at, whole seconds, signed by a bundle signer of the newest root, with the next
// value of the beacon; a nil source leaves the beacon out. The result has been opened with Open and every section of it
// checked. The register has moved on by one number: store it before the bundle leaves the house, or two bundles will
// carry one number.
func (r *Register) BuildBundle(at time.Time, s keys.BundleSigner, beacon BeaconSource) ([]byte, error) {
	return r.BuildBundleEvery(at, s, beacon, 0)
}

// BeaconEvery is how long a value of the beacon should stay where bundles are made after each change. A verifier follows the
// chain 30 steps ahead and knows when 31 values were published: at six hours a value, both are more than the greatest age of a
// status list.
const BeaconEvery = 6 * time.Hour

// BuildBundleEvery is BuildBundle, but the bundle carries the value that the one before it carried while that value is younger
// than every.
func (r *Register) BuildBundleEvery(at time.Time, s keys.BundleSigner, beacon BeaconSource, every time.Duration) ([]byte, error) {
	at = at.UTC().Truncate(time.Second)
	newest := r.chain[len(r.chain)-1].UnverifiedRoot
	if !slices.ContainsFunc(newest.BundleSigners, s.BundlePublic().Equal) {
		return nil, refuse(ErrNotAdmitted, "%s is not a bundle signer of root %d", s.BundlePublic(), newest.Number)
	}
	if at.Before(r.issuedAt) {
		return nil, refuse(ErrArgument, "clock is behind: the last bundle was made at %s, now %s", stamp(r.issuedAt), stamp(at))
	}
	next := BeaconEntry{}
	if beacon != nil {
		published := r.beacons
		keep := len(published) > 0 && !published[0].After(at) && at.Sub(published[0]) < every
		n := r.beaconN + 1
		if keep {
			n = r.beaconN
		}
		value, err := beacon(n)
		if err != nil {
			return nil, refuse(ErrArgument, "beacon: %v", err)
		}
		if len(published) > 0 && published[0].After(at) {
			// Only a root with a reset sets time back. When the earlier values were published is not known then: codes that
			// carry one of them are at most L1.
			published = nil
		}
		if !keep {
			published = append([]time.Time{at}, published...)
		}
		next = BeaconEntry{n, value, published}
		next.Times = next.Times[:min(len(next.Times), maxBeaconTimes)]
	}
	sections, err := r.sections(at, next)
	if err != nil {
		return nil, err
	}
	out, err := assemble(r.roots, newest.Number, r.number+1, at, sections, s)
	if err != nil {
		return nil, err
	}
	b, err := Open(out, r.RootFingerprint())
	if err != nil {
		return nil, err
	}
	if err := b.CheckAll(); err != nil {
		return nil, err
	}
	r.number, r.issuedAt = r.number+1, at
	if beacon != nil {
		r.beaconN, r.beacons = next.N, next.Times
	}
	return out, nil
}

// sections encodes the content of the next bundle.
func (r *Register) sections(at time.Time, beacon BeaconEntry) (map[string][]byte, error) {
	out := map[string][]byte{}
	put := func(name string, v any, err error) error {
		if err == nil {
			out[name], err = marshalSection(name, v)
		}
		return err
	}
	wireKeys := []wireKey{}
	for _, k := range r.keys {
		w, err := k.wire()
		if err != nil {
			return nil, err
		}
		wireKeys = append(wireKeys, w)
	}
	slices.SortFunc(wireKeys, func(a, b wireKey) int { return bytes.Compare(a.Key, b.Key) })
	if err := put(sectionKeys, wireKeys, nil); err != nil {
		return nil, err
	}
	bodies := []wireBody{}
	for _, iss := range sortedKeys(r.bodies) {
		w, err := r.bodies[iss].wire()
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, w)
	}
	if err := put(sectionBodies, bodies, nil); err != nil {
		return nil, err
	}
	verifiers := []wireVerifier{}
	for _, v := range r.verifiers {
		if v.ended || !v.ValidUntil.After(at) {
			continue
		}
		w, err := v.wire()
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, w)
	}
	slices.SortFunc(verifiers, func(a, b wireVerifier) int { return cmp.Compare(a.ID, b.ID) })
	if err := put(sectionVerifiers, verifiers, nil); err != nil {
		return nil, err
	}
	policy, err := r.policy.wire()
	if err := put(sectionPolicy, policy, err); err != nil {
		return nil, err
	}
	if beacon.N > 0 {
		w, err := beacon.wire()
		if err := put(sectionBeacon, w, err); err != nil {
			return nil, err
		}
	}
	if len(r.texts) > 0 {
		if err := put(sectionTexts, r.texts, nil); err != nil {
			return nil, err
		}
	}
	if len(r.cards.Roots)+len(r.cards.CRLs) > 0 {
		if err := put(sectionCards, r.cards, nil); err != nil {
			return nil, err
		}
	}
	for id, l := range r.lists {
		if r.bodies[id.Issuer].Ended() && !at.Before(l.issuedAt.Add(Lifetime)) {
			continue
		}
		out[statusSection(id)] = l.raw
	}
	for iss, c := range r.codes {
		out[codesSection(iss)] = c.raw
	}
	var carriers []Carrier
	for iss, c := range r.carriers {
		if r.bodies[iss].Ended() {
			continue
		}
		list, err := r.carrierList(iss, c)
		if err != nil {
			return nil, err
		}
		carriers = append(carriers, list...)
	}
	if len(carriers) > 0 {
		if out[sectionCarriers], err = encodeCarriers(r.salt, carriers); err != nil {
			return nil, err
		}
	}
	return out, nil
}
