package trust

import (
	"bytes"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
)

// reencodes fails when accepted bytes are not the one deterministic encoding of themselves.
func reencodes(t *testing.T, data []byte) {
	t.Helper()
	var v any
	if err := cose.Unmarshal(data, &v, cose.Limits{Bytes: MaxBundle, Items: 1 << 20, String: MaxBundle, Depth: 16}); err != nil {
		t.Fatalf("accepted, but not canonical: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	r := operator(f)
	data := build(f, r, day(1))
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(append(bytes.Clone(data), 0))
	small := newRegister(f)
	f.Add(build(f, small, day(1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Open(data, r.RootFingerprint())
		if (b == nil) == (err == nil) {
			t.Fatal("a bundle beside an error, or neither")
		}
		if err != nil {
			return
		}
		// Only what the bundle signer signed opens: the sections may still be damaged, the manifest is one of ours.
		if b.Number() != 1 || !b.IssuedAt().Equal(day(1)) {
			t.Fatalf("forged bundle %d", b.Number())
		}
		_ = b.CheckAll()
		_, _ = (Memory{}).Accept(b)
		_, _, _ = b.Status(edrpou(1), 0, 5)
	})
}

// FuzzSections opens sections whose hashes hold: what a compromised bundle signer could send.
func FuzzSections(f *testing.F) {
	r := operator(f)
	for name, data := range sectionsOf(f, r, day(1)) {
		f.Add(name, data)
	}
	f.Add(sectionCards, []byte{0xa2, 1, 0x80, 2, 0x80})
	f.Add(sectionTexts, []byte{0xa0})
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		switch name {
		case sectionKeys:
			if _, _, err := readKeys(data); err == nil {
				reencodes(t, data)
			}
		case sectionBodies:
			if _, err := readBodies(data); err == nil {
				reencodes(t, data)
			}
		case sectionVerifiers:
			if _, err := readVerifiers(data); err == nil {
				reencodes(t, data)
			}
		case sectionBeacon:
			if _, err := readBeacon(data); err == nil {
				reencodes(t, data)
			}
		case sectionPolicy:
			if _, err := readPolicy(data); err == nil {
				reencodes(t, data)
			}
		case sectionTexts:
			if _, err := readTexts(data); err == nil {
				reencodes(t, data)
			}
		case sectionCards:
			if _, err := readCards(data); err == nil {
				reencodes(t, data)
			}
		case sectionCarriers:
			if table, err := decodeCarriers(data); err == nil {
				reencodes(t, data)
				table.find(CarrierGUID, data)
			}
		default:
			if id, ok := parseStatusSection(name); ok && statusSection(id) != name {
				t.Fatalf("%q is another spelling of %q", name, statusSection(id))
			}
			if o, err := parseBodyObject(data, cose.TypeCodes, ErrCodes, "table"); err == nil {
				reencodes(t, o.sign.Payload)
				_, _ = decodeCarrierList(o.issuer, o.content)
			}
		}
	})
}

func FuzzParseRoot(f *testing.F) {
	root := rootOf(f, 2, 2, []string{"a", "b"}, []string{"s"})
	root.Reset = &Reset{3, day0}
	f.Add(signedRoot(f, root, "a", "b"))
	f.Add(signedRoot(f, rootOf(f, 1, 1, []string{"a"}, []string{"s"}), "a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseRoot(data)
		if (o == nil) == (err == nil) {
			t.Fatal("a root beside an error, or neither")
		}
		if err != nil {
			return
		}
		reencodes(t, data)
		payload, err := o.UnverifiedRoot.Encode()
		if err != nil {
			t.Fatalf("parsed, but does not encode: %v", err)
		}
		if _, err := parseRootPayload(payload); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParseStatusList(f *testing.F) {
	for _, bits := range []uint64{1, 2, 4, 8} {
		f.Add(listOf(bits, deflate(f, []byte{0xb9, 0xa3, 1})))
	}
	b, err := NewStatusListBuilder(64)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(EncodeStatusList(b))
	f.Add(listOf(2, bomb(f)[:1000]))
	f.Add(statusList(f, edrpou(1), 0, day0, issuerKey(f, "one"), 64))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseStatusList(data)
		if (l == nil) == (err == nil) {
			t.Fatal("a list beside an error, or neither")
		}
		if err == nil {
			if l.Len() < 1 || l.Len() > MaxStatusEntries {
				t.Fatalf("%d entries", l.Len())
			}
			if _, err := l.Get(uint32(l.Len() - 1)); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Get(uint32(l.Len())); err == nil {
				t.Fatal("an entry behind the last")
			}
		}
		tok, err := ParseStatusToken(data)
		if (tok == nil) == (err == nil) {
			t.Fatal("a token beside an error, or neither")
		}
		if err == nil {
			reencodes(t, data)
			if _, err := tok.List(); err == nil && tok.Bits == 0 {
				t.Fatal("entries of no width")
			}
		}
	})
}

func FuzzParsePublication(f *testing.F) {
	k, iss := issuerKey(f, "one"), edrpou(1)
	f.Add(publication(f, Publication{EDRPOU: iss}))
	f.Add(publication(f, Publication{EDRPOU: iss, StatusLists: [][]byte{statusList(f, iss, 0, day0, k, 64)},
		Codes: signedCodes(f, iss, day0, k, "слідчий"), Carriers: signedCarriers(f, iss, day0, "one", 2)}))
	r := operator(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePublication(data)
		if (p == nil) == (err == nil) {
			t.Fatal("a publication beside an error, or neither")
		}
		if err == nil {
			reencodes(t, data)
			if _, err := p.Encode(); err != nil {
				t.Fatal(err)
			}
		}
		_ = r.Carry(data, day(1))
	})
}

func FuzzParseKeyRequest(f *testing.F) {
	f.Add(keyRequest(f, issuerKey(f, "one"), day0, edrpou(1)))
	f.Add(keyRequest(f, issuerKey(f, "two"), day0, edrpou(1), edrpou(2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseKeyRequest(data)
		if (q == nil) == (err == nil) {
			t.Fatal("a request beside an error, or neither")
		}
		if err == nil {
			reencodes(t, data)
			if q.Key.IsZero() || len(q.Bodies) == 0 {
				t.Fatal("a request without key or body")
			}
		}
	})
}

func FuzzParseVerifierRequest(f *testing.F) {
	f.Add(verifierRequest(f, "gate", edrpou(1), day0))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseVerifierRequest(data)
		if (q == nil) == (err == nil) {
			t.Fatal("a request beside an error, or neither")
		}
		if err == nil {
			reencodes(t, data)
			if q.Key.IsZero() || q.HPKE.IsZero() {
				t.Fatal("a request without keys")
			}
		}
	})
}

func FuzzRegisterJSON(f *testing.F) {
	r := operator(f)
	f.Add(stateOf(f, r))
	f.Add(stateOf(f, newRegister(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseRegister(data)
		if (got == nil) == (err == nil) {
			t.Fatal("a register beside an error, or neither")
		}
		if err != nil {
			return
		}
		again, err := got.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRegister(again); err != nil {
			t.Fatalf("does not read what it wrote: %v", err)
		}
	})
}

func FuzzMemory(f *testing.F) {
	r := operator(f)
	m, err := Memory{}.Accept(mustOpen(f, r, build(f, r, day(1))))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Encode())
	f.Add(Memory{}.Encode())
	next := mustOpen(f, r, build(f, r, day(2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseMemory(data)
		if err != nil {
			if got.Number != 0 || got.Lists != nil || got.Codes != nil {
				t.Fatal("a memory beside an error")
			}
			return
		}
		back, err := ParseMemory(got.Encode())
		if err != nil || !bytes.Equal(back.Encode(), got.Encode()) {
			t.Fatalf("does not read what it wrote: %v", err)
		}
		after, err := got.Accept(next)
		if err == nil && after.Number < got.Number {
			t.Fatalf("number fell from %d to %d", got.Number, after.Number)
		}
	})
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add("AAAA BBBB")
	f.Add(Fingerprint{1, 2, 3}.String())
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseFingerprint(text)
		if err != nil {
			return
		}
		if back, err := ParseFingerprint(got.String()); err != nil || back != got {
			t.Fatalf("%s does not read back", got)
		}
	})
}
