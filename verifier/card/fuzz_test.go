package card_test

import (
	"bytes"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// FuzzVerify: whatever a card answers, there is a verdict; none of it is an internal fault, and what differs from a good card in anything that is signed is
// not accepted.
func FuzzVerify(f *testing.F) {
	w := newWorld(f, setup{})
	c := personalise(f, pkiOurs, nil)
	good := read(c)
	record := w.token(credential.KindCard, key9E(c), nil)
	add := func(r card.Reading) {
		f.Add(r.CHUID, r.Certificate, byte(r.Algorithm), r.Challenge, r.Signature, r.Security, r.Record, r.UID)
	}
	add(good)
	add(read(c, tag(f, record)))
	add(read(tag(f, w.token(credential.KindStatic, nil, nil))))
	add(card.Reading{UID: uidValid})
	rsa := read(personalise(f, pkiOurs, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 }))
	add(rsa)
	bare := good
	bare.Signature = nil
	add(bare)
	add(card.Reading{CHUID: []byte{0x30, 0x82}, Certificate: []byte{0x70, 0x81}})
	f.Fuzz(func(t *testing.T, chuid, certificate []byte, algorithm byte, challenge, signature, security, record, uid []byte) {
		in := w.input(card.Reading{CHUID: some(chuid), Certificate: some(certificate), Algorithm: nfc.Algorithm(algorithm), Challenge: challenge,
			Signature: some(signature), Security: some(security), Record: some(record), UID: some(uid)})
		v := card.Verify(in)
		if v.Code == verifier.Internal {
			t.Fatalf("internal: %s", v.InternalDetail())
		}
		if v.Outcome != verifier.Accept {
			return
		}
		known := len(record) > 0 && v.Holder != nil && v.Holder.Number == "АА 004022"
		for _, r := range []card.Reading{good, rsa} {
			known = known || bytes.Equal(chuid, r.CHUID)
		}
		if !known || v.Level < verifier.L2 {
			t.Fatalf("accepted at level %d: %v", v.Level, v.Holder)
		}
	})
}

// some is nil for no bytes, as Read leaves what a card does not have.
func some(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
