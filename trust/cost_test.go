package trust

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
)

// allocated is how many bytes f asks for in all, freed ones included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A file of roots that nobody signed has to be parsed before anything is known of it. Each member in it is 2 KB on the
// wire and 40 KB as a key that is ready for use.
func TestForgedRootsCostLittle(t *testing.T) {
	r := operator(t)
	hybrids := make([]rawItem, 2*MaxMembers)
	for i := range hybrids {
		point, err := cose.GenerateKey(cose.ESP256)
		if err != nil {
			t.Fatal(err)
		}
		pair := point.Public().AppendCOSE(cose.AppendArray(nil, 2), false)
		pair = cose.AppendInt(cose.AppendInt(cose.AppendMap(pair, 3), 1), 7)
		pair = cose.AppendInt(cose.AppendInt(pair, 3), int64(cose.MLDSA65))
		hybrids[i] = cose.AppendBytes(cose.AppendInt(pair, -1), bytes.Repeat([]byte{byte(i + 1)}, 1952))
	}
	signature := cose.Signature{Header: cose.Header{Algorithm: cose.ESP256, KeyID: make([]byte, 8)}, Signature: make([]byte, 64)}
	objects, size := [][]byte{r.roots[0]}, 0
	for n := uint64(2); size < maxRootsItem-2*MaxRootObject; n++ {
		payload, err := cose.Marshal(wireRoot{Version: formatVersion, Number: n, Threshold: 1, IssuedAt: uint64(day0.Unix()),
			Members: hybrids[:MaxMembers], BundleSigners: hybrids[MaxMembers:]})
		if err != nil {
			t.Fatal(err)
		}
		object, err := cose.AssembleSign(cose.Header{Type: cose.TypeRoot}, payload, []cose.Signature{signature})
		if err != nil {
			t.Fatal(err)
		}
		objects, size = append(objects, object), size+len(object)
	}
	file := cose.AppendArray(nil, len(objects))
	for _, o := range objects {
		file = cose.AppendBytes(file, o)
	}
	var err error
	took := allocated(func() { _, err = Open(file, r.RootFingerprint()) })
	wantError(t, "forged roots", err, ErrThreshold)
	if limit := uint64(6 * len(file)); took > limit {
		t.Errorf("%d bytes of forged roots: %d bytes allocated in all, limit %d", len(file), took, limit)
	}
}

// The gate counts entries before they are decoded: a section of empty maps is a byte an entry on the wire.
func TestSectionsAreCountedBeforeDecoding(t *testing.T) {
	r := operator(t)
	const entries = 1 << 20
	list := append(cose.AppendArray(nil, entries), bytes.Repeat([]byte{0xa0}, entries)...)
	for _, name := range []string{sectionKeys, sectionBodies, sectionVerifiers, sectionTexts, sectionPolicy, sectionBeacon, sectionCards} {
		sections := sectionsOf(t, r, day(1))
		sections[name] = list
		file := assembled(t, r, 1, day(1), sections)
		var err error
		took := allocated(func() {
			var b *Bundle
			if b, err = Open(file, r.RootFingerprint()); err == nil {
				err = b.CheckAll()
			}
		})
		wantError(t, name, err, ErrSection)
		wantError(t, name, err, cose.ErrTooLarge)
		if took > uint64(3*len(file)) {
			t.Errorf("section %s: %d bytes allocated for a file of %d", name, took, len(file))
		}
	}
}
