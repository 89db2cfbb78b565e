package trust

import (
	"slices"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// requestLife is how long after its iat a request may be admitted.
const requestLife = 30 * 24 * time.Hour

// KeyRequest is what a body asks: that a key be admitted to speak for it. The request is signed by the key itself.
type KeyRequest struct {
	Bodies   []BodyEntry // the first is the body that owns the key; the others are bodies it also issues for
	Kinds    []uint8     // kinds of tokens that it wants to issue, ascending
	MaxLife  time.Duration
	IssuedAt time.Time
	Key      keys.IssuerPublicKey // set by ParseKeyRequest
}

// wireKeyRequest is the payload of a key request:
//
//	key-request = #6.18([ << { 1 => alg, 4 => kid, 16 => typ } >>, {}, << payload >>, bstr ])
//	payload = { 1 => [ + { 1 => edrpou, 2 => name, ? 3 => name-en, ? 4 => duty-phone } ], 2 => COSE_Key,
//	            3 => [ * kind ], 4 => max-life: uint, 6 => iat: uint }
type wireKeyRequest struct {
	Bodies   []wireBody `cbor:"1,keyasint"`
	Key      rawItem    `cbor:"2,keyasint"`
	Kinds    []uint64   `cbor:"3,keyasint"`
	MaxLife  uint64     `cbor:"4,keyasint"`
	IssuedAt uint64     `cbor:"6,keyasint"`
}

// EncodeKeyRequest signs a request with the key that it is about.
func EncodeKeyRequest(q KeyRequest, s keys.IssuerSigner) ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	iat, err := seconds(q.IssuedAt)
	if err != nil {
		return nil, err
	}
	w := wireKeyRequest{Key: s.IssuerPublic().MarshalCOSE(), Kinds: []uint64{}, MaxLife: uint64(q.MaxLife / time.Second), IssuedAt: iat}
	for _, b := range q.Bodies {
		w.Bodies = append(w.Bodies, wireBody{EDRPOU: b.EDRPOU, Name: b.Name, NameEN: b.NameEN, Phone: b.DutyPhone})
	}
	for _, k := range q.Kinds {
		w.Kinds = append(w.Kinds, uint64(k))
	}
	payload, err := cose.Marshal(w)
	if err != nil {
		return nil, refuse(ErrRequest, "key request: %v", err)
	}
	out, err := signAs(s, cose.TypeKeyRequest, payload)
	if err != nil {
		return nil, refuse(ErrRequest, "key request: %v", err)
	}
	return out, nil
}

func (q *KeyRequest) check() error {
	if len(q.Bodies) == 0 || len(q.Bodies) > MaxRightBodies {
		return refuse(ErrRequest, "key request: %d bodies, want 1 to %d", len(q.Bodies), MaxRightBodies)
	}
	seen := map[string]bool{}
	for i, b := range q.Bodies {
		if err := checkBody(b.EDRPOU, b.Name, b.NameEN, b.DutyPhone); err != nil {
			return refuse(ErrRequest, "key request: body %d: %v", i, err)
		}
		if b.Ended() || seen[b.EDRPOU] {
			return refuse(ErrRequest, "key request: body %d has ended or is named twice", i)
		}
		seen[b.EDRPOU] = true
	}
	right := Right{Bodies: []string{q.Bodies[0].EDRPOU}, Kinds: q.Kinds, MaxLife: q.MaxLife}
	if err := right.check(); err != nil {
		return refuse(ErrRequest, "key request: %v", err)
	}
	return nil
}

// ParseKeyRequest reads a request and checks that the key in it signed it. That the body is who it says is for people
// to check. Its errors are ErrRequest.
func ParseKeyRequest(data []byte) (*KeyRequest, error) {
	m, err := cose.ParseSign1(data, cose.Profile{Type: cose.TypeKeyRequest, Limits: cose.Limits{Bytes: maxRequest}})
	if err != nil {
		return nil, refuse(ErrRequest, "key request: %v", err)
	}
	var w wireKeyRequest
	if err := cose.Unmarshal(m.Payload, &w, cose.Limits{Bytes: maxRequest}); err != nil {
		return nil, refuse(ErrRequest, "key request: %v", err)
	}
	q := &KeyRequest{}
	if q.Key, err = keys.ParseIssuerPublicKey(w.Key); err != nil {
		return nil, refuse(ErrRequest, "key request: %v", err)
	}
	if err := q.Key.Verify(m); err != nil {
		return nil, refuse(ErrRequest, "key request: proof of possession: %v", err)
	}
	if id, err := readKeyID(m.Header.KeyID); err != nil || id != q.Key.KeyID() {
		return nil, refuse(ErrRequest, "key request: kid is not that of the key")
	}
	var ok bool
	if q.IssuedAt, ok = wireTime(w.IssuedAt); !ok {
		return nil, refuse(ErrRequest, "key request: iat is missing or out of range")
	}
	if w.MaxLife > 1<<32 {
		return nil, refuse(ErrRequest, "key request: longest life of %d seconds", w.MaxLife)
	}
	q.MaxLife = time.Duration(w.MaxLife) * time.Second
	for _, k := range w.Kinds {
		if k > 255 {
			return nil, refuse(ErrRequest, "key request: kind %d, want at most 255", k)
		}
		q.Kinds = append(q.Kinds, uint8(k))
	}
	for i, b := range w.Bodies {
		if b.EndedAt != 0 {
			return nil, refuse(ErrRequest, "key request: body %d has ended", i)
		}
		q.Bodies = append(q.Bodies, BodyEntry{EDRPOU: b.EDRPOU, Name: b.Name, NameEN: b.NameEN, DutyPhone: b.Phone})
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	return q, nil
}

// VerifierRequest is what a verifier asks: to be admitted. It is signed by the verifier's signing key; that the
// verifier holds the HPKE key shows when it opens what is sealed to it.
type VerifierRequest struct {
	Body     string // ЄДРПОУ of the body that runs the verifier
	Name     string // what a holder will read
	Class    Class
	IssuedAt time.Time
	HPKE     keys.HPKEPublicKey
	Key      keys.VerifierPublicKey // set by ParseVerifierRequest
}

// wireVerifierRequest is the payload of a verifier request:
//
//	verifier-request = #6.18([ << { 1 => alg, 16 => typ } >>, {}, << payload >>, bstr ])
//	payload = { 1 => edrpou, 2 => name: tstr, 3 => class: uint, 4 => COSE_Key, 5 => hpke: bstr .size 65, 6 => iat: uint }
type wireVerifierRequest struct {
	Body     string  `cbor:"1,keyasint"`
	Name     string  `cbor:"2,keyasint"`
	Class    uint8   `cbor:"3,keyasint"`
	Key      rawItem `cbor:"4,keyasint"`
	HPKE     []byte  `cbor:"5,keyasint"`
	IssuedAt uint64  `cbor:"6,keyasint"`
}

// EncodeVerifierRequest signs a request with the key that it is about.
func EncodeVerifierRequest(q VerifierRequest, s keys.VerifierSigner) ([]byte, error) {
	if err := checkVerifier(1, q.Name, q.Body, q.Class); err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	if q.HPKE.IsZero() {
		return nil, refuse(ErrRequest, "verifier request: no HPKE key")
	}
	iat, err := seconds(q.IssuedAt)
	if err != nil {
		return nil, err
	}
	payload, err := cose.Marshal(wireVerifierRequest{q.Body, q.Name, uint8(q.Class), s.VerifierPublic().MarshalCOSE(), q.HPKE.Bytes(), iat})
	if err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	out, err := cose.EncodeSign1(s, cose.Header{Type: cose.TypeVerifierRequest}, payload)
	if err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	return out, nil
}

// ParseVerifierRequest reads a request and checks that the signing key in it signed it. Its errors are ErrRequest.
func ParseVerifierRequest(data []byte) (*VerifierRequest, error) {
	m, err := cose.ParseSign1(data, cose.Profile{Type: cose.TypeVerifierRequest, Limits: cose.Limits{Bytes: maxRequest}})
	if err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	var w wireVerifierRequest
	if err := cose.Unmarshal(m.Payload, &w, cose.Limits{Bytes: maxRequest}); err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	q := &VerifierRequest{Body: w.Body, Name: w.Name, Class: Class(w.Class)}
	if q.Key, err = keys.ParseVerifierPublicKey(w.Key); err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	if err := q.Key.Verify(m); err != nil {
		return nil, refuse(ErrRequest, "verifier request: proof of possession: %v", err)
	}
	if q.HPKE, err = keys.ParseHPKEPublicKey(w.HPKE); err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	var ok bool
	if q.IssuedAt, ok = wireTime(w.IssuedAt); !ok {
		return nil, refuse(ErrRequest, "verifier request: iat is missing or out of range")
	}
	if err := checkVerifier(1, q.Name, q.Body, q.Class); err != nil {
		return nil, refuse(ErrRequest, "verifier request: %v", err)
	}
	return q, nil
}

// checkAge holds the iat of a request against the operator's clock.
func checkAge(what string, iat, at time.Time) error {
	if iat.After(at.Add(ClockTolerance)) || iat.Before(at.Add(-requestLife)) {
		return refuse(ErrRequest, "%s of %s, want one of the last %d days before %s", what, stamp(iat), int(requestLife/(24*time.Hour)), stamp(at))
	}
	return nil
}

// Publication is what one body hands to the trust operator: everything in it is signed by the body, so the container
// needs no signature of its own.
type Publication struct {
	EDRPOU      string
	StatusLists [][]byte // signed status lists, as SignStatusList made them
	Codes       []byte   // signed code table, nil = none
	Carriers    []byte   // signed carriers, nil = none
}

// wirePublication is { 1 => edrpou, 2 => [ * bstr ], ? 3 => bstr, ? 4 => bstr }.
type wirePublication struct {
	EDRPOU      string   `cbor:"1,keyasint"`
	StatusLists [][]byte `cbor:"2,keyasint"`
	Codes       []byte   `cbor:"3,keyasint,omitempty"`
	Carriers    []byte   `cbor:"4,keyasint,omitempty"`
}

// Encode returns the file that a body sends.
func (p Publication) Encode() ([]byte, error) {
	if !validEDRPOU(p.EDRPOU) {
		return nil, refuse(ErrPublication, "publication: ЄДРПОУ is not eight digits")
	}
	if len(p.StatusLists) > maxPublished {
		return nil, refuse(ErrTooLarge, "publication: %d status lists, limit %d", len(p.StatusLists), maxPublished)
	}
	w := wirePublication(p)
	if w.StatusLists == nil {
		w.StatusLists = [][]byte{}
	}
	out, err := cose.Marshal(w)
	if err != nil {
		return nil, refuse(ErrPublication, "publication: %v", err)
	}
	if len(out) > MaxPublication {
		return nil, refuse(ErrTooLarge, "publication of %d bytes, limit %d", len(out), MaxPublication)
	}
	return out, nil
}

// ParsePublication reads the container and every object in it, and verifies no signature: Register.Carry does.
func ParsePublication(data []byte) (*Publication, error) {
	var w wirePublication
	if err := cose.Unmarshal(data, &w, cose.Limits{Bytes: MaxPublication, Items: maxPublished, String: MaxPublication, Depth: 2}); err != nil {
		return nil, refuse(ErrPublication, "publication: %v", err)
	}
	if !validEDRPOU(w.EDRPOU) {
		return nil, refuse(ErrPublication, "publication: ЄДРПОУ is not eight digits")
	}
	p := &Publication{w.EDRPOU, w.StatusLists, w.Codes, w.Carriers}
	for i, data := range p.StatusLists {
		t, err := ParseStatusToken(data)
		if err != nil {
			return nil, refuse(ErrPublication, "publication: status list %d: %v", i, err)
		}
		if t.Bits != writtenBits {
			return nil, refuse(ErrPublication, "publication: status list %d: %d bits an entry, want %d", i, t.Bits, writtenBits)
		}
	}
	if p.Codes != nil {
		if _, err := ParseCodes(p.Codes); err != nil {
			return nil, refuse(ErrPublication, "publication: %v", err)
		}
	}
	if p.Carriers != nil {
		if _, err := parseBodyObject(p.Carriers, typeCarriers, ErrPublication, "carriers"); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// subset reports whether every element of some is in all.
func subset[E comparable](some, all []E) bool {
	for _, e := range some {
		if !slices.Contains(all, e) {
			return false
		}
	}
	return true
}
