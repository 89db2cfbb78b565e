package verifier_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/verifier"
)

// corpus is a set of presentations that are all accepted: two bodies, eight holders, both faces.
type corpus struct {
	w       *world
	holders []keys.HolderPrivateKey
	claims  []credential.Claims // of the tokens
	owner   []int               // holder of each token
	tokens  [][]byte
	shown   [][]byte // one presentation of each token
	parts   []parts
	valid   map[string]bool // every presentation made by its own holder
	mu      sync.Mutex
}

func newCorpus(t *testing.T) *corpus {
	c := &corpus{w: newWorld(t), valid: map[string]bool{}}
	for i := range 8 {
		c.holders = append(c.holders, holderKey(t, fmt.Sprint("mutants ", i)))
	}
	for i := range 32 {
		claims := c.w.claims()
		claims.Issuer = []string{ministry, council}[i%2]
		claims.Number = fmt.Sprintf("АА %06d", 4000+i)
		claims.Holder = c.holders[i%8].HolderPublic()
		claims.IssuedAt = claims.IssuedAt.Add(time.Duration(i) * time.Hour)
		claims.Status, _ = credential.NewStatusRef(0, uint32(200+i))
		if i%3 == 0 {
			claims.Face, claims.Name = credential.FaceCheck, "Гончарук Т. Г."
			claims.Position, claims.Unit, claims.Rank = credential.CodedText{}, credential.CodedText{}, 0
		}
		payload := must[[]byte](t)(credential.EncodePayload(&claims))
		token := must[[]byte](t)(credential.SignToken(payload, c.w.iss[claims.Issuer]))
		c.claims, c.tokens, c.owner = append(c.claims, claims), append(c.tokens, token), append(c.owner, i%8)
		shown := c.present(i, rand.New(rand.NewPCG(uint64(i), 1)))
		c.shown, c.parts = append(c.shown, shown), append(c.parts, split(t, shown))
		expect(t, c.input(shown), verifier.OK)
	}
	return c
}

// present makes an accepted presentation of token i at a random moment of its window.
func (c *corpus) present(i int, r *rand.Rand) []byte {
	at := now.Add(-time.Duration(r.IntN(90)) * time.Second)
	b, err := credential.Present(c.tokens[i], c.holders[c.owner[i]], credential.AudienceAny, at, c.w.beacon(-r.IntN(3)))
	if err != nil {
		c.w.tb.Fatal(err)
	}
	c.mu.Lock()
	c.valid[string(b)] = true
	c.mu.Unlock()
	return b
}

func (c *corpus) input(b []byte) verifier.Input {
	return c.w.input(credential.EncodeText(credential.Prefix, b))
}

// mutant makes one changed presentation, nil when the change turned out to be none.
type mutant func(c *corpus, r *rand.Rand) []byte

var mutants = []struct {
	name string
	make mutant
}{
	{"bit flips", func(c *corpus, r *rand.Rand) []byte {
		b := bytes.Clone(c.shown[r.IntN(len(c.shown))])
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		return b
	}},
	{"bytes set", func(c *corpus, r *rand.Rand) []byte {
		b := bytes.Clone(c.shown[r.IntN(len(c.shown))])
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		return b
	}},
	{"cut or extended", func(c *corpus, r *rand.Rand) []byte {
		b := c.shown[r.IntN(len(c.shown))]
		at, n := r.IntN(len(b)), 1+r.IntN(8)
		switch r.IntN(4) {
		case 0:
			return bytes.Clone(b[:at])
		case 1: // bytes put in
			extra := make([]byte, n)
			for i := range extra {
				extra[i] = byte(r.IntN(256))
			}
			return slices.Insert(bytes.Clone(b), at, extra...)
		case 2: // bytes taken out
			return slices.Delete(bytes.Clone(b), at, min(at+n, len(b)))
		}
		return append(bytes.Clone(b), c.shown[r.IntN(len(c.shown))][:n]...)
	}},
	{"fields of two presentations", func(c *corpus, r *rand.Rand) []byte {
		i, j := r.IntN(len(c.parts)), r.IntN(len(c.parts))
		p, q := c.parts[i], c.parts[j]
		which := 1 + r.IntN(30)
		for bit, field := range []struct{ to, from *[]byte }{{&p.tokenHeader, &q.tokenHeader}, {&p.tokenPayload, &q.tokenPayload},
			{&p.tokenSig, &q.tokenSig}, {&p.payload, &q.payload}, {&p.sig, &q.sig}} {
			if which>>bit&1 == 1 {
				*field.to = *field.from
			}
		}
		return p.join()
	}},
	{"signatures transplanted", func(c *corpus, r *rand.Rand) []byte {
		p, q := c.parts[r.IntN(len(c.parts))], split(c.w.tb, c.present(r.IntN(len(c.tokens)), r))
		switch r.IntN(5) {
		case 0:
			p.tokenSig = q.tokenSig
		case 1:
			p.sig = q.sig
		case 2:
			p.tokenSig, p.sig = p.sig, p.tokenSig
		case 3:
			p.tokenSig, p.sig = q.sig, q.sig
		case 4: // r of one, s of another
			p.sig = append(bytes.Clone(p.sig[:32]), q.sig[32:]...)
		}
		return p.join()
	}},
	{"claims of two bodies spliced", func(c *corpus, r *rand.Rand) []byte {
		i, j := r.IntN(len(c.claims)), r.IntN(len(c.claims))
		claims, other := c.claims[i], c.claims[j]
		p := c.parts[i]
		switch r.IntN(7) {
		case 0:
			claims.Status = other.Status
		case 1:
			claims.ExpiresAt = claims.ExpiresAt.Add(time.Duration(1+r.IntN(1e6)) * time.Second)
		case 2:
			claims.IssuedAt = claims.IssuedAt.Add(-time.Duration(1+r.IntN(1e5)) * time.Second)
		case 3:
			claims.Issuer = other.Issuer
		case 4:
			p.tokenHeader = c.parts[j].tokenHeader // kid
		case 5:
			claims.Number, claims.Name = other.Number, other.Name
		case 6:
			claims.Status = credential.StatusRef(r.Uint32() &^ (0xfff << 20))
		}
		payload, err := credential.EncodePayload(&claims)
		if err != nil {
			c.w.tb.Fatal(err)
		}
		if bytes.Equal(payload, p.tokenPayload) && bytes.Equal(p.tokenHeader, c.parts[i].tokenHeader) {
			return nil
		}
		p.tokenPayload = payload
		return p.resign(c.w.tb, c.holders[c.owner[i]]) // the holder is the one who cheats
	}},
	{"headers edited", func(c *corpus, r *rand.Rand) []byte {
		i := r.IntN(len(c.parts))
		p := c.parts[i]
		header := editHeader(p.tokenHeader, r)
		if bytes.Equal(header, p.tokenHeader) {
			return nil
		}
		p.tokenHeader = header
		if r.IntN(4) == 0 {
			return p.join()
		}
		return p.resign(c.w.tb, c.holders[c.owner[i]])
	}},
	{"holder key swapped", func(c *corpus, r *rand.Rand) []byte {
		i := r.IntN(len(c.claims))
		thief := (c.owner[i] + 1 + r.IntN(7)) % 8
		claims, p := c.claims[i], c.parts[i]
		claims.Holder = c.holders[thief].HolderPublic()
		p.tokenPayload = must[[]byte](c.w.tb)(credential.EncodePayload(&claims))
		return p.resign(c.w.tb, c.holders[thief])
	}},
	{"presentation by another holder", func(c *corpus, r *rand.Rand) []byte {
		i := r.IntN(len(c.tokens))
		thief := (c.owner[i] + 1 + r.IntN(7)) % 8
		at := now.Add(-time.Duration(r.IntN(90)) * time.Second)
		return must[[]byte](c.w.tb)(credential.Present(c.tokens[i], c.holders[thief], credential.AudienceAny, at, c.w.beacon(-r.IntN(3))))
	}},
	{"high-S twins", func(c *corpus, r *rand.Rand) []byte {
		i := r.IntN(len(c.tokens))
		p := split(c.w.tb, c.present(i, r))
		which := 1 + r.IntN(3)
		if which&1 == 1 {
			p.tokenSig = flipS(p.tokenSig)
			if which&2 == 0 && r.IntN(2) == 0 {
				return p.resign(c.w.tb, c.holders[c.owner[i]])
			}
		}
		if which&2 == 2 {
			p.sig = flipS(p.sig)
		}
		return p.join()
	}},
}

// editHeader rebuilds a token's protected header in the canonical encoding, with one thing changed.
func editHeader(header []byte, r *rand.Rand) []byte {
	type label struct {
		key   int64
		value []byte
	}
	in := cose.NewReader(header)
	n, err := in.ReadMap()
	if err != nil {
		panic(err)
	}
	var labels []label
	for range n {
		key, err := in.ReadInt()
		if err != nil {
			panic(err)
		}
		raw, err := in.Raw()
		if err != nil {
			panic(err)
		}
		labels = append(labels, label{key, bytes.Clone(raw)})
	}
	set := func(key int64, value []byte) {
		labels = slices.DeleteFunc(labels, func(l label) bool { return l.key == key })
		labels = append(labels, label{key, value})
	}
	kid := make([]byte, 4)
	for i := range kid {
		kid[i] = byte(r.IntN(256))
	}
	switch r.IntN(9) {
	case 0: // another algorithm; −7 is the same one under its old name, but the issuer did not sign that
		set(1, cose.AppendInt(nil, []int64{-7, -8, -19, -35, -49, -51, 5, -257, -37}[r.IntN(9)]))
	case 1:
		set(4, cose.AppendBytes(nil, kid))
	case 2:
		set(4, cose.AppendBytes(nil, append(kid, byte(r.IntN(256)))))
	case 3:
		set(16, cose.AppendUint(nil, uint64(r.IntN(400))))
	case 4: // one label less
		labels = slices.Delete(labels, 0, 1)
	case 5: // a label that nobody knows
		set(int64(1000+r.IntN(1e6)), cose.AppendUint(nil, uint64(r.IntN(1000))))
	case 6: // crit
		set(2, cose.AppendUint(cose.AppendArray(nil, 1), uint64(1000+r.IntN(1e6))))
	case 7: // a token inside the token
		set(13, cose.AppendBytes(nil, kid))
	case 8:
		set(1, cose.AppendText(nil, "ESP256"))
	}
	encoded := make([][]byte, 0, len(labels))
	for _, l := range labels {
		encoded = append(encoded, append(cose.AppendInt(nil, l.key), l.value...))
	}
	slices.SortFunc(encoded, bytes.Compare)
	out := cose.AppendMap(nil, len(encoded))
	for _, e := range encoded {
		out = append(out, e...)
	}
	return out
}

// TestMutants changes accepted presentations behind their base45 in ten ways, 10,000 times each, and counts what the
// verifier says. None may be accepted; a mutant that is byte for byte a presentation its holder made is not counted.
func TestMutants(t *testing.T) {
	each := 10_000
	if testing.Short() {
		each = 500
	}
	c := newCorpus(t)
	var results [10]map[verifier.Code]int
	if len(mutants) != len(results) {
		t.Fatalf("%d kinds of mutants, want %d", len(mutants), len(results))
	}
	var group sync.WaitGroup
	for kind := range mutants {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(kind), 2026))
			counts := map[verifier.Code]int{}
			for made := 0; made < each; {
				b := mutants[kind].make(c, r)
				c.mu.Lock()
				same := c.valid[string(b)]
				c.mu.Unlock()
				if b == nil || same {
					continue
				}
				made++
				v := verifier.Verify(c.input(b))
				counts[v.Code]++
				if v.Outcome == verifier.Accept {
					t.Errorf("%s: accepted %x", mutants[kind].name, b)
					return
				}
				if v.Code == verifier.Internal {
					t.Errorf("%s: internal fault %q by %x", mutants[kind].name, v.InternalDetail(), b)
					return
				}
			}
			results[kind] = counts
		})
	}
	group.Wait()
	total := map[verifier.Code]int{}
	all := 0
	for kind, counts := range results {
		var line strings.Builder
		sum := 0
		for _, code := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&line, " %s %d", code, counts[code])
			total[code] += counts[code]
			sum += counts[code]
		}
		all += sum
		t.Logf("%-31s %6d:%s", mutants[kind].name, sum, line.String())
		if sum != each && !t.Failed() {
			t.Errorf("%s: %d mutants, want %d", mutants[kind].name, sum, each)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%-20s %-14s %6d", code, code.Outcome(), total[code])
	}
	t.Logf("%d mutants, %d accepted", all, total[verifier.OK])
}

// TestForeignIssuerMutants: an attacker who has a real issuer key of one body cannot speak for the other, whatever of
// the header is borrowed.
func TestForeignIssuerMutants(t *testing.T) {
	c := newCorpus(t)
	var thief authority.IssuerPrivateKey = c.w.iss[council]
	for i, claims := range c.claims {
		if claims.Issuer != ministry {
			continue
		}
		payload := must[[]byte](t)(credential.EncodePayload(&claims))
		token := must[[]byte](t)(credential.SignToken(payload, thief))
		own := c.w.present(token, code{holder: &c.holders[c.owner[i]]})
		expect(t, c.input(own), verifier.IssuerBody)
		p := split(t, own)
		p.tokenHeader = c.parts[i].tokenHeader // the ministry's kid over the council's signature
		expect(t, c.input(p.resign(t, c.holders[c.owner[i]])), verifier.IssuerSignature)
	}
}
