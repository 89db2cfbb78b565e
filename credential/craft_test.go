package credential

import (
	"bytes"
	"sort"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
)

// pairs is a map of a payload under construction: encoded key to encoded value, so that a test can drop, replace and
// add claims and still sign canonical bytes.
type pairs map[string][]byte

func intKey(k int64) string { return string(cose.AppendInt(nil, k)) }

func uintValue(v uint64) []byte { return cose.AppendUint(nil, v) }
func textValue(s string) []byte { return cose.AppendText(nil, s) }
func byteValue(n int) []byte    { return cose.AppendBytes(nil, bytes.Repeat([]byte{0xaa}, n)) }

// null and its kin are values of types that no claim has.
var (
	null  = cose.AppendNull(nil)
	truth = cose.AppendBool(nil, true)
)

// readPairs takes an encoded map apart.
func readPairs(t testing.TB, data []byte) pairs {
	t.Helper()
	r := cose.NewReader(data)
	n, err := r.ReadMap()
	if err != nil {
		t.Fatal(err)
	}
	p := pairs{}
	for range n {
		key, err := r.Raw()
		if err != nil {
			t.Fatal(err)
		}
		value, err := r.Raw()
		if err != nil {
			t.Fatal(err)
		}
		p[string(key)] = value
	}
	return p
}

// encode writes the map in canonical order.
func (p pairs) encode() []byte {
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	b := cose.AppendMap(nil, len(p))
	for _, k := range keys {
		b = append(append(b, k...), p[k]...)
	}
	return b
}

// claimsOf and personOf are the claims and the value of claim 169 of a good payload.
func claimsOf(t testing.TB, c *Claims) (claims, person pairs) {
	t.Helper()
	payload, err := EncodePayload(c)
	if err != nil {
		t.Fatal(err)
	}
	claims = readPairs(t, payload)
	return claims, readPairs(t, claims[intKey(claimPerson)])
}

// signRaw signs any payload under any header with any signer, without a single check.
func signRaw(t testing.TB, h cose.Header, payload []byte, s cose.Signer) []byte {
	t.Helper()
	h.Algorithm = s.Algorithm()
	data, err := signLowS(h, payload, s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// highS returns the object with its last 32 bytes, s of an ECDSA signature on P-256, replaced by n-s: the twin that
// every verification of ECDSA accepts as well.
func highS(t testing.TB, data []byte) []byte {
	t.Helper()
	order := []byte{
		0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
	}
	out := bytes.Clone(data)
	s := out[len(out)-32:]
	borrow := 0
	for i := 31; i >= 0; i-- {
		v := int(order[i]) - int(s[i]) - borrow
		borrow = 0
		if v < 0 {
			v, borrow = v+256, 1
		}
		s[i] = byte(v)
	}
	return out
}
