package trust

import (
	"slices"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// typeCheckpointPolicy is the typ of what a body asks of one of its verifiers. It is signed by an issuer key of the body, and
// read as nothing else.
var typeCheckpointPolicy = cose.Type{MediaType: "application/vnd.posvid.checkpoint-policy+cose"}

// Limits of a checkpoint policy (docs/spec/checkpoint-account.md, Section 4).
const (
	MaxCheckpointPolicy = 16 << 10             // bytes of one signed policy
	MaxPolicyGuards     = 64                   // guards it names
	MaxGuardName        = 128                  // bytes of one of their names
	MaxPolicyTerm       = 400 * 24 * time.Hour // longest valid-until − iat
)

// CheckpointPolicy is what a body asks of one of its verifiers beyond what the bundle asks of its class. It can only make a
// verdict stricter: a field that is zero asks for nothing. The zero value asks for nothing and cannot be signed.
type CheckpointPolicy struct {
	Body       string    // ЄДРПОУ of the body, which is the verifier's
	Verifier   uint64    // number of the verifier in the bundle
	Number     uint64    // from 1; grows with each policy of this verifier
	IssuedAt   time.Time // whole seconds
	ValidUntil time.Time // whole seconds; after it the policy is obeyed on, and the device says that it is old

	MinLevel  uint8         // lowest level that is accepted, 1 to 4
	StatusAge time.Duration // greatest age of a status list: whole seconds, at most MaxStatusAge
	BeaconAge time.Duration // greatest age of a freshness beacon: as StatusAge
	Photo     bool          // nothing is accepted without a picture that this device matched to the token and the guard compared
	Guards    []string      // who may be on duty, ascending; none: anybody who gives a name

	JournalTo    uint64 // number of the body's verifier to whose key journals are sealed for upload; 0: none are uploaded
	JournalClear bool   // a past day of the journal may be removed once the service has acknowledged all of it
}

// wireCheckpointPolicy is the payload of a checkpoint policy:
//
//	checkpoint-policy = #6.18([ << { 1 => alg, 4 => kid, 16 => typ } >>, {}, << payload >>, bstr ])
//	payload = { 1 => version: 1, 2 => edrpou, 3 => verifier: uint, 4 => number: uint, 5 => iat: uint, 6 => until: uint,
//	            ? 7 => min-level: 1..4, ? 8 => status-age: uint, ? 9 => beacon-age: uint, ? 10 => true,
//	            ? 11 => [ 1*64 guard: tstr ], ? 12 => journal-to: uint, ? 13 => true }
type wireCheckpointPolicy struct {
	Version   uint64   `cbor:"1,keyasint"`
	Body      string   `cbor:"2,keyasint"`
	Verifier  uint64   `cbor:"3,keyasint"`
	Number    uint64   `cbor:"4,keyasint"`
	IssuedAt  uint64   `cbor:"5,keyasint"`
	Until     uint64   `cbor:"6,keyasint"`
	MinLevel  uint64   `cbor:"7,keyasint,omitempty"`
	StatusAge uint64   `cbor:"8,keyasint,omitempty"`
	BeaconAge uint64   `cbor:"9,keyasint,omitempty"`
	Photo     bool     `cbor:"10,keyasint,omitempty"`
	Guards    []string `cbor:"11,keyasint,omitempty"`
	JournalTo uint64   `cbor:"12,keyasint,omitempty"`
	Clear     bool     `cbor:"13,keyasint,omitempty"`
}

// UnverifiedCheckpointPolicy is a parsed policy. Nothing in it is true before Open has returned it.
type UnverifiedCheckpointPolicy struct {
	policy CheckpointPolicy
	sign   *cose.Sign1
	kid    keys.KeyID
}

// SignCheckpointPolicy signs a policy with an issuer key of its body. Errors: ErrArgument names the field that is out of range.
func SignCheckpointPolicy(p CheckpointPolicy, s keys.IssuerSigner) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	iat, err := seconds(p.IssuedAt)
	if err != nil {
		return nil, err
	}
	until, err := seconds(p.ValidUntil)
	if err != nil {
		return nil, err
	}
	payload, err := cose.Marshal(wireCheckpointPolicy{1, p.Body, p.Verifier, p.Number, iat, until, uint64(p.MinLevel),
		uint64(p.StatusAge / time.Second), uint64(p.BeaconAge / time.Second), p.Photo, p.Guards, p.JournalTo, p.JournalClear})
	if err != nil {
		return nil, refuse(ErrArgument, "checkpoint policy: %v", err)
	}
	out, err := signAs(s, typeCheckpointPolicy, payload)
	if err != nil {
		return nil, refuse(ErrArgument, "checkpoint policy: %v", err)
	}
	if len(out) > MaxCheckpointPolicy {
		return nil, refuse(ErrTooLarge, "checkpoint policy of %d bytes, limit %d", len(out), MaxCheckpointPolicy)
	}
	return out, nil
}

func (p *CheckpointPolicy) check() error {
	if err := checkVerifier(p.Verifier, "-", p.Body, ClassCheckpoint); err != nil {
		return refuse(ErrArgument, "checkpoint policy: %v", err)
	}
	term := p.ValidUntil.Sub(p.IssuedAt)
	switch {
	case p.Number == 0 || p.Number > 1<<53:
		return refuse(ErrArgument, "checkpoint policy: number %d, want 1 to 2^53", p.Number)
	case term <= 0 || term > MaxPolicyTerm:
		return refuse(ErrArgument, "checkpoint policy: term of %s, want up to %d days", term, MaxPolicyTerm/(24*time.Hour))
	case p.MinLevel > maxLevel:
		return refuse(ErrArgument, "checkpoint policy: level %d, want at most %d", p.MinLevel, maxLevel)
	case p.StatusAge < 0 || p.StatusAge > MaxStatusAge || p.StatusAge%time.Second != 0:
		return refuse(ErrArgument, "checkpoint policy: status age %s, want whole seconds up to %s", p.StatusAge, MaxStatusAge)
	case p.BeaconAge < 0 || p.BeaconAge > MaxStatusAge || p.BeaconAge%time.Second != 0:
		return refuse(ErrArgument, "checkpoint policy: beacon age %s, want whole seconds up to %s", p.BeaconAge, MaxStatusAge)
	case len(p.Guards) > MaxPolicyGuards:
		return refuse(ErrArgument, "checkpoint policy: %d guards, want at most %d", len(p.Guards), MaxPolicyGuards)
	case p.JournalClear && p.JournalTo == 0:
		return refuse(ErrArgument, "checkpoint policy: a journal is cleared that goes nowhere")
	}
	for i, name := range p.Guards {
		if err := checkLine("checkpoint policy: name of a guard", name, 1, MaxGuardName); err != nil {
			return err
		}
		if i > 0 && p.Guards[i-1] >= name {
			return refuse(ErrArgument, "checkpoint policy: guard %d is out of order or named twice", i)
		}
	}
	return nil
}

// ParseCheckpointPolicy reads a signed policy and checks no signature. Its errors are ErrMalformed and those of package cose.
func ParseCheckpointPolicy(data []byte) (*UnverifiedCheckpointPolicy, error) {
	limits := cose.Limits{Bytes: MaxCheckpointPolicy, Items: MaxPolicyGuards, String: MaxCheckpointPolicy}
	m, err := cose.ParseSign1(data, cose.Profile{Type: typeCheckpointPolicy, Limits: limits})
	if err != nil {
		return nil, refuse(ErrMalformed, "checkpoint policy: %v", err)
	}
	u := &UnverifiedCheckpointPolicy{sign: m}
	if u.kid, err = readKeyID(m.Header.KeyID); err != nil {
		return nil, refuse(ErrMalformed, "checkpoint policy: %v", err)
	}
	var w wireCheckpointPolicy
	if err := cose.Unmarshal(m.Payload, &w, limits); err != nil {
		return nil, refuse(ErrMalformed, "checkpoint policy: %v", err)
	}
	const most = uint64(MaxStatusAge / time.Second)
	switch {
	case w.Version != 1:
		return nil, refuse(ErrMalformed, "checkpoint policy: version %d, want 1", w.Version)
	case w.MinLevel > maxLevel || w.StatusAge > most || w.BeaconAge > most:
		return nil, refuse(ErrMalformed, "checkpoint policy: level or age out of range")
	}
	p := CheckpointPolicy{Body: w.Body, Verifier: w.Verifier, Number: w.Number, MinLevel: uint8(w.MinLevel), Photo: w.Photo, Guards: w.Guards,
		StatusAge: time.Duration(w.StatusAge) * time.Second, BeaconAge: time.Duration(w.BeaconAge) * time.Second, JournalTo: w.JournalTo, JournalClear: w.Clear}
	var issued, until bool
	p.IssuedAt, issued = wireTime(w.IssuedAt)
	p.ValidUntil, until = wireTime(w.Until)
	if !issued || !until {
		return nil, refuse(ErrMalformed, "checkpoint policy: iat or until is missing or out of range")
	}
	if err := p.check(); err != nil {
		return nil, refuse(ErrMalformed, "%v", err)
	}
	u.policy = p
	return u, nil
}

// UnverifiedKeyID is the kid of the policy: a hint only.
func (u *UnverifiedCheckpointPolicy) UnverifiedKeyID() keys.KeyID { return u.kid }

// Unverified is what the policy says, for a reader that has installed it before: nobody's signature stands behind it here.
func (u *UnverifiedCheckpointPolicy) Unverified() CheckpointPolicy {
	p := u.policy
	p.Guards = slices.Clone(p.Guards)
	return p
}

// Open checks that the policy speaks for a verifier of its own body in this bundle, and that a key signed it which may speak for
// that body and had not ended by its iat. Errors: ErrNotAdmitted for a verifier that is not the body's, ErrPolicyKey, and with it
// ErrKeyEnded.
func (u *UnverifiedCheckpointPolicy) Open(b *Bundle) (*CheckpointPolicy, error) {
	p := u.Unverified()
	entry, ok, err := b.Verifier(p.Verifier)
	switch {
	case err != nil:
		return nil, err
	case !ok || entry.Body != p.Body:
		return nil, refuse(ErrNotAdmitted, "checkpoint policy: bundle %d has no verifier %d of body %s", b.Number(), p.Verifier, p.Body)
	}
	verify := func(key keys.IssuerPublicKey) error { return key.Verify(u.sign) }
	if err := signedForBody(b.IssuerKeys(u.kid), verify, p.Body, p.IssuedAt, ErrPolicyKey, "checkpoint policy of "+p.Body); err != nil {
		return nil, err
	}
	return &p, nil
}

// Compromised tells that the bundle names the key which signed the policy, and says that nothing it signed counts. A policy whose
// key the bundle does not know is not compromised: the key may be of a bundle to come.
func (u *UnverifiedCheckpointPolicy) Compromised(b *Bundle) bool {
	return slices.ContainsFunc(b.IssuerKeys(u.kid), func(k IssuerKey) bool {
		return k.Right.Compromised && k.Key.Verify(u.sign) == nil
	})
}
