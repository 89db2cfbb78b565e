package trust

import (
	"testing"

	"github.com/posvid/posvid/crypto/cose"
)

// TRUST-30: what the encoders refuse, the parsers refuse too: payloads made by hand and signed by the key they name.
func TestRequestsMadeByHand(t *testing.T) {
	k, v := issuerKey(t, "one"), verifierKey(t, "gate")
	id := k.IssuerPublic().KeyID()
	body := wireBody{EDRPOU: edrpou(1), Name: "Орган"}
	good := wireKeyRequest{Bodies: []wireBody{body}, Key: k.IssuerPublic().MarshalCOSE(), Kinds: []uint64{0}, MaxLife: 86400, IssuedAt: uint64(day0.Unix())}
	parseKey := func(w any) error {
		payload, err := cose.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		data, err := cose.EncodeSign1(k, cose.Header{KeyID: id[:], Type: cose.TypeKeyRequest}, payload)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseKeyRequest(data)
		if (q == nil) == (err == nil) {
			t.Error("a request beside an error, or neither")
		}
		return err
	}
	if err := parseKey(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wireKeyRequest){
		"no bodies":     func(w *wireKeyRequest) { w.Bodies = nil },
		"body twice":    func(w *wireKeyRequest) { w.Bodies = []wireBody{body, body} },
		"body ended":    func(w *wireKeyRequest) { b := body; b.EndedAt = 5; w.Bodies = []wireBody{b} },
		"no name":       func(w *wireKeyRequest) { w.Bodies = []wireBody{{EDRPOU: edrpou(1)}} },
		"seven digits":  func(w *wireKeyRequest) { w.Bodies = []wireBody{{EDRPOU: "1234567", Name: "a"}} },
		"kind 256":      func(w *wireKeyRequest) { w.Kinds = []uint64{256} },
		"kinds twice":   func(w *wireKeyRequest) { w.Kinds = []uint64{0, 0} },
		"endless life":  func(w *wireKeyRequest) { w.MaxLife = 1 << 33 },
		"no time":       func(w *wireKeyRequest) { w.IssuedAt = 0 },
		"another's key": func(w *wireKeyRequest) { w.Key = issuerKey(t, "two").IssuerPublic().MarshalCOSE() },
		"no key":        func(w *wireKeyRequest) { w.Key = rawItem{0xa0} },
		"an ML-DSA key": func(w *wireKeyRequest) { w.Key = rootKey(t, "a").RootPublic().MLDSA65().MarshalCOSE() },
	} {
		w := good
		spoil(&w)
		wantError(t, name, parseKey(w), ErrRequest)
	}
	wantError(t, "a list", parseKey([]int{1}), ErrRequest)

	asked := wireVerifierRequest{edrpou(1), "Пост", 1, v.VerifierPublic().MarshalCOSE(), v.HPKEPublic().Bytes(), uint64(day0.Unix())}
	parseVerifier := func(w any) error {
		payload, err := cose.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		data, err := cose.EncodeSign1(v, cose.Header{Type: cose.TypeVerifierRequest}, payload)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseVerifierRequest(data)
		if (q == nil) == (err == nil) {
			t.Error("a request beside an error, or neither")
		}
		return err
	}
	if err := parseVerifier(asked); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wireVerifierRequest){
		"no body":          func(w *wireVerifierRequest) { w.Body = "" },
		"no name":          func(w *wireVerifierRequest) { w.Name = "" },
		"two lines":        func(w *wireVerifierRequest) { w.Name = "a\nb" },
		"class 0":          func(w *wireVerifierRequest) { w.Class = 0 },
		"class 3":          func(w *wireVerifierRequest) { w.Class = 3 },
		"no HPKE key":      func(w *wireVerifierRequest) { w.HPKE = []byte{} },
		"HPKE not a point": func(w *wireVerifierRequest) { w.HPKE = make([]byte, 65) },
		"no time":          func(w *wireVerifierRequest) { w.IssuedAt = 0 },
		"another's key":    func(w *wireVerifierRequest) { w.Key = verifierKey(t, "door").VerifierPublic().MarshalCOSE() },
		"no key":           func(w *wireVerifierRequest) { w.Key = rawItem{0xa0} },
	} {
		w := asked
		spoil(&w)
		wantError(t, name, parseVerifier(w), ErrRequest)
	}
	wantError(t, "a number", parseVerifier(1), ErrRequest)
}

// What a bundle and a register show of themselves agrees.
func TestShow(t *testing.T) {
	r := operator(t)
	if _, err := r.AdmitVerifier(verifierRequest(t, "gate", edrpou(1), day0), VerifierGrant{ValidUntil: day(9)}, day0); err != nil {
		t.Fatal(err)
	}
	data := build(t, r, day(1))
	b := mustOpen(t, r, data)
	if b.Size() != len(data) || b.FirstFingerprint() != r.RootFingerprint() || b.RootFingerprint() != r.RootFingerprint() || b.ManifestHash() == [32]byte{} {
		t.Error("size or fingerprints differ")
	}
	if len(b.Bodies()) != 2 || len(r.Bodies()) != 2 || b.Bodies()[0] != r.Bodies()[0].BodyEntry || b.Bodies()[1].EDRPOU != edrpou(2) {
		t.Errorf("bodies: %v", b.Bodies())
	}
	if len(b.AllIssuerKeys()) != len(r.Keys()) || r.Keys()[0].Owner != edrpou(1) {
		t.Errorf("keys: %v", b.AllIssuerKeys())
	}
	if v := r.Verifiers(); len(v) != 1 || v[0].ID != 1 || v[0].Class.String() != "checkpoint" {
		t.Errorf("verifiers: %v", v)
	}
	if l := r.Lists(); len(l) != 2 || l[0].Entries != 64 || !l[0].IssuedAt.Equal(day0) || l[1].ID != (ListID{edrpou(2), 0}) {
		t.Errorf("lists: %v", l)
	}
	if len(r.Roots()) != 1 || len(b.Roots()) != 1 || r.Roots()[0].Threshold != 2 {
		t.Error("roots differ")
	}
	for class, want := range map[Class]string{ClassNone: "none", ClassCouncil: "council", 9: "class 9"} {
		if class.String() != want {
			t.Errorf("%d reads %q", class, class)
		}
	}
}
