package main

import (
	"bytes"
	"crypto/elliptic"
	"math/big"
	"slices"

	"github.com/posvid/posvid/crypto/cose"
)

// pair is a key and a value of a map, both encoded.
type pair struct{ key, value []byte }

// cmap is a map that has not been encoded yet.
type cmap []pair

// item encodes an integer, text or byte string.
func item(v any) []byte {
	switch v := v.(type) {
	case int:
		return cose.AppendInt(nil, int64(v))
	case int64:
		return cose.AppendInt(nil, v)
	case uint64:
		return cose.AppendUint(nil, v)
	case string:
		return cose.AppendText(nil, v)
	case []byte:
		return cose.AppendBytes(nil, v)
	case raw:
		return v
	case cmap:
		return v.encode()
	}
	panic("item: unknown type")
}

// raw is an item that is encoded already, well or badly.
type raw []byte

// mapOf makes a map of keys and values in turn.
func mapOf(kv ...any) cmap {
	var m cmap
	for i := 0; i < len(kv); i += 2 {
		m = append(m, pair{item(kv[i]), item(kv[i+1])})
	}
	return m
}

// set replaces or adds a pair.
func (m *cmap) set(key, value any) {
	k := item(key)
	m.del(key)
	*m = append(*m, pair{k, item(value)})
}

// del takes a pair out.
func (m *cmap) del(key any) {
	k := item(key)
	*m = slices.DeleteFunc(slices.Clone(*m), func(p pair) bool { return bytes.Equal(p.key, k) })
}

// get returns an encoded value.
func (m cmap) get(key any) []byte {
	k := item(key)
	for _, p := range m {
		if bytes.Equal(p.key, k) {
			return p.value
		}
	}
	return nil
}

// sorted returns the pairs in the order of their keys.
func (m cmap) sorted() cmap {
	out := slices.Clone(m)
	slices.SortStableFunc(out, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
	return out
}

func (m cmap) pairs() []byte {
	var out []byte
	for _, p := range m {
		out = append(append(out, p.key...), p.value...)
	}
	return out
}

// encode is the canonical encoding.
func (m cmap) encode() []byte { return append(cose.AppendMap(nil, len(m)), m.sorted().pairs()...) }

// Ways to encode a map that break RFC 8949, Section 4.2.1, one each. The values stay as they are.

// unsorted has the first two keys in the wrong order.
func unsorted(m cmap) []byte {
	s := m.sorted()
	if len(s) < 2 {
		panic("unsorted: a map of one pair has one order")
	}
	s[0], s[1] = s[1], s[0]
	return append(cose.AppendMap(nil, len(s)), s.pairs()...)
}

// duplicated has the first pair twice.
func duplicated(m cmap) []byte {
	s := m.sorted()
	return append(cose.AppendMap(nil, len(s)+1), append(cmap{s[0]}, s...).pairs()...)
}

// indefinite ends with a break instead of beginning with a count.
func indefinite(m cmap) []byte { return append(append([]byte{0xbf}, m.sorted().pairs()...), 0xff) }

// longHead says the count in a byte of its own.
func longHead(m cmap) []byte { return append([]byte{0xb8, byte(len(m))}, m.sorted().pairs()...) }

// longKey spells the first key in a byte more than it needs.
func longKey(m cmap) []byte {
	s := m.sorted()
	if s[0].key[0] >= 24 {
		panic("longKey: first key is not a small unsigned integer")
	}
	s[0].key = []byte{0x18, s[0].key[0]}
	return append(cose.AppendMap(nil, len(s)), s.pairs()...)
}

// sign1 is a COSE_Sign1 in pieces. A func left nil does what the standard says.
type sign1 struct {
	head        cmap
	unprotected []byte
	payload     cmap
	encodeHead  func(cmap) []byte
	encodeBody  func(cmap) []byte
	rawHead     []byte // instead of head
	rawBody     []byte // instead of payload
	signer      cose.Signer
	signature   func([]byte) []byte                        // changes the signature
	assemble    func(head, un, payload, sig []byte) []byte // joins the pieces
	after       func([]byte) []byte                        // changes the object
}

func (s *sign1) headBytes() []byte {
	switch {
	case s.rawHead != nil:
		return s.rawHead
	case s.encodeHead != nil:
		return s.encodeHead(s.head)
	}
	return s.head.encode()
}

func (s *sign1) bodyBytes() []byte {
	switch {
	case s.rawBody != nil:
		return s.rawBody
	case s.encodeBody != nil:
		return s.encodeBody(s.payload)
	}
	return s.payload.encode()
}

// build signs and joins. Signatures are low-S, as every wallet and issuer makes them.
func (s *sign1) build() []byte {
	head, payload := s.headBytes(), s.bodyBytes()
	sig := must(s.signer.Sign(toBeSigned(head, payload)))
	if s.signer.Algorithm() == cose.ESP256 {
		sig = cose.NormalizeS(sig)
	}
	if s.signature != nil {
		sig = s.signature(bytes.Clone(sig))
	}
	un := s.unprotected
	if un == nil {
		un = []byte{0xa0}
	}
	join := s.assemble
	if join == nil {
		join = assembled
	}
	out := join(head, un, payload, sig)
	if s.after != nil {
		out = s.after(out)
	}
	return out
}

func toBeSigned(head, payload []byte) []byte {
	tbs := cose.AppendText(cose.AppendArray(nil, 4), "Signature1")
	return cose.AppendBytes(cose.AppendBytes(cose.AppendBytes(tbs, head), nil), payload)
}

func assembled(head, un, payload, sig []byte) []byte {
	b := append([]byte{0xd2, 0x84}, cose.AppendBytes(nil, head)...)
	b = append(b, un...)
	return cose.AppendBytes(cose.AppendBytes(b, payload), sig)
}

// flipS replaces s by n − s: the other signature that verifies.
func flipS(sig []byte) []byte {
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(elliptic.P256().Params().N, s)
	out := bytes.Clone(sig)
	s.FillBytes(out[32:])
	return out
}

// flipBit changes one bit.
func flipBit(b []byte, at int) []byte {
	out := bytes.Clone(b)
	out[at] ^= 1
	return out
}

// replaceOnce puts one byte string in the place of the only one like it.
func replaceOnce(b, old, with []byte) []byte {
	if bytes.Count(b, old) != 1 {
		panic("replaceOnce: not there exactly once")
	}
	return bytes.Replace(b, old, with, 1)
}

// nested is an array in an array, n times, around an integer.
func nested(n int) raw {
	out := bytes.Repeat([]byte{0x81}, n)
	return append(out, 0)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
