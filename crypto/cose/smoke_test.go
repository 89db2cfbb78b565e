package cose

import "testing"

func TestRoundTrip(t *testing.T) {
	for _, alg := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
		k, err := GenerateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		data, err := EncodeSign1(k, Header{KeyID: k.Public().KeyID(4), Type: TypeToken}, []byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseSign1(data, Profile{Type: TypeToken})
		if err != nil {
			t.Fatal(err)
		}
		pub, err := ParsePublicKey(k.Public().MarshalCOSE())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(pub); err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePrivateKey(k.MarshalCOSE()); err != nil {
			t.Fatal(err)
		}
		data, err = EncodeSign(Header{Type: TypeRoot}, []byte("payload"), []SignatureSigner{{Signer: k}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSign(data, Profile{Type: TypeRoot})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Verify(0, pub); err != nil {
			t.Fatal(err)
		}
	}
}
