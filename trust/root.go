package trust

import (
	"crypto/sha256"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// rawItem is a CBOR item inside another one, kept as it came.
type rawItem = cbor.RawMessage

const formatVersion = 1

// Root is the content of a root object: who may sign the next root, and who signs bundles.
type Root struct {
	Number        uint64                 // from 1, one more each time
	Threshold     int                    // members that have to sign, 1 to len(Members)
	Members       []keys.RootPublicKey   // 1 to MaxMembers, all keys distinct
	BundleSigners []keys.BundlePublicKey // 1 to MaxMembers, all keys distinct, none of them a member's
	IssuedAt      time.Time
	Reset         *Reset // nil but where a compromised bundle signer has pushed number or clock floor too far
}

// Reset lets bundle number and clock floor start anew at a verifier that meets this root for the first time.
type Reset struct {
	Number uint64    // lowest bundle number accepted from then on, from 1
	Floor  time.Time // clock floor from then on
}

// wireRoot is the payload of a root object:
//
//	root = #6.98([ << { 16 => "application/vnd.posvid.root+cose" } >>, {}, << root-payload >>, [ + signature ] ])
//	root-payload = { 1 => version: 1, 2 => number: uint, 3 => threshold: uint, 4 => [ + hybrid-key ],
//	                 5 => [ + hybrid-key ], 6 => iat: uint, ? 7 => reset }
//	hybrid-key = [ COSE_Key, COSE_Key ]              ; EC2 on P-256, then AKP with ML-DSA-65
//	reset = { 1 => number: uint, 2 => floor: uint }
type wireRoot struct {
	Version       uint64     `cbor:"1,keyasint"`
	Number        uint64     `cbor:"2,keyasint"`
	Threshold     uint64     `cbor:"3,keyasint"`
	Members       []rawItem  `cbor:"4,keyasint"`
	BundleSigners []rawItem  `cbor:"5,keyasint"`
	IssuedAt      uint64     `cbor:"6,keyasint"`
	Reset         *wireReset `cbor:"7,keyasint,omitempty"`
}

type wireReset struct {
	Number uint64 `cbor:"1,keyasint"`
	Floor  uint64 `cbor:"2,keyasint"`
}

var rootProfile = cose.Profile{Type: cose.TypeRoot, Limits: cose.Limits{Bytes: MaxRootObject, String: MaxRootObject}}

// check holds a root to its own rules, whoever signed it.
func (r *Root) check() error {
	switch {
	case r.Number == 0:
		return refuse(ErrRoot, "root: number 0, want 1 or more")
	case len(r.Members) == 0 || len(r.Members) > MaxMembers:
		return refuse(ErrRoot, "root %d: %d members, want 1 to %d", r.Number, len(r.Members), MaxMembers)
	case len(r.BundleSigners) == 0 || len(r.BundleSigners) > MaxMembers:
		return refuse(ErrRoot, "root %d: %d bundle signers, want 1 to %d", r.Number, len(r.BundleSigners), MaxMembers)
	case r.Threshold < 1 || r.Threshold > len(r.Members):
		return refuse(ErrRoot, "root %d: threshold %d of %d members", r.Number, r.Threshold, len(r.Members))
	case r.Reset != nil && (r.Reset.Number == 0 || r.Number == 1):
		return refuse(ErrRoot, "root %d: reset to number %d: only a later root resets, to 1 or more", r.Number, r.Reset.Number)
	}
	// Distinct in each half: two members that share one key would be one person counted twice.
	seen := make(map[[sha256.Size]byte]bool, 4*MaxMembers)
	for _, halves := range r.halves() {
		for _, half := range halves {
			t := half.Thumbprint()
			if seen[t] {
				return refuse(ErrRoot, "root %d: key %x stands in it twice", r.Number, t[:8])
			}
			seen[t] = true
		}
	}
	return nil
}

// halves lists the two keys of every member, then of every bundle signer.
func (r *Root) halves() [][2]*cose.PublicKey {
	all := make([][2]*cose.PublicKey, 0, len(r.Members)+len(r.BundleSigners))
	for _, m := range r.Members {
		all = append(all, [2]*cose.PublicKey{m.P256(), m.MLDSA65()})
	}
	for _, s := range r.BundleSigners {
		all = append(all, [2]*cose.PublicKey{s.P256(), s.MLDSA65()})
	}
	return all
}

// Encode returns the root payload: what is signed, and what the fingerprint is taken of.
func (r *Root) Encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	iat, err := seconds(r.IssuedAt)
	if err != nil {
		return nil, err
	}
	w := wireRoot{Version: formatVersion, Number: r.Number, Threshold: uint64(r.Threshold), IssuedAt: iat}
	for _, m := range r.Members {
		w.Members = append(w.Members, m.MarshalCOSE())
	}
	for _, s := range r.BundleSigners {
		w.BundleSigners = append(w.BundleSigners, s.MarshalCOSE())
	}
	if r.Reset != nil {
		floor, err := seconds(r.Reset.Floor)
		if err != nil {
			return nil, err
		}
		w.Reset = &wireReset{r.Reset.Number, floor}
	}
	return cose.Marshal(w)
}

// parseRootPayload reads a payload and holds it to the rules that concern one root alone.
func parseRootPayload(payload []byte) (*Root, error) {
	var w wireRoot
	if err := cose.Unmarshal(payload, &w, cose.Limits{Bytes: MaxRootObject}); err != nil {
		return nil, refuse(ErrRoot, "root: %v", err)
	}
	if w.Version != formatVersion {
		return nil, refuse(ErrRoot, "root: version %d, want %d", w.Version, formatVersion)
	}
	r := &Root{Number: w.Number}
	if w.Threshold > MaxMembers || len(w.Members) > MaxMembers || len(w.BundleSigners) > MaxMembers {
		return nil, refuse(ErrRoot, "root %d: threshold %d of %d members, %d bundle signers, limit %d", w.Number, w.Threshold, len(w.Members), len(w.BundleSigners), MaxMembers)
	}
	r.Threshold = int(w.Threshold)
	var ok bool
	if r.IssuedAt, ok = wireTime(w.IssuedAt); !ok {
		return nil, refuse(ErrRoot, "root %d: iat is missing or out of range", w.Number)
	}
	for i, pair := range w.Members {
		k, err := keys.ParseRootPublicKey(pair)
		if err != nil {
			return nil, refuse(ErrRoot, "root %d: member %d: %v", w.Number, i, err)
		}
		r.Members = append(r.Members, k)
	}
	for i, pair := range w.BundleSigners {
		k, err := keys.ParseBundlePublicKey(pair)
		if err != nil {
			return nil, refuse(ErrRoot, "root %d: bundle signer %d: %v", w.Number, i, err)
		}
		r.BundleSigners = append(r.BundleSigners, k)
	}
	if w.Reset != nil {
		floor, ok := wireTime(w.Reset.Floor)
		if !ok {
			return nil, refuse(ErrRoot, "root %d: reset floor is out of range", w.Number)
		}
		r.Reset = &Reset{w.Reset.Number, floor}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// RootObject is a signed root that has the right shape. Nothing in it is trusted before VerifyChain.
type RootObject struct {
	UnverifiedRoot *Root
	Fingerprint    Fingerprint // SHA-256 of the payload
	sign           *cose.Sign
}

// ParseRoot reads a root object and trusts nothing in it. Its errors are ErrRoot.
func ParseRoot(data []byte) (*RootObject, error) {
	m, err := cose.ParseSign(data, rootProfile)
	if err != nil {
		return nil, refuse(ErrRoot, "root: %v", err)
	}
	r, err := parseRootPayload(m.Payload)
	if err != nil {
		return nil, err
	}
	return &RootObject{UnverifiedRoot: r, Fingerprint: sha256.Sum256(m.Payload), sign: m}, nil
}

// RootFingerprint is the fingerprint of a root payload, as Encode returns it.
func RootFingerprint(payload []byte) Fingerprint { return sha256.Sum256(payload) }

// threshold holds the object to the threshold of a root, its own or the one before it. A member counts when both of
// its keys signed, and once, however many signatures it made.
func (o *RootObject) threshold(of *Root) error {
	n := 0
	for _, m := range of.Members {
		if m.Verify(o.sign) == nil {
			n++
		}
	}
	if n < of.Threshold {
		return refuse(ErrThreshold, "root %d: signed by %d members of root %d with both keys, want %d", o.UnverifiedRoot.Number, n, of.Number, of.Threshold)
	}
	return nil
}

// VerifyChain walks from the pinned root to the newest one. The objects have to be every root since 1, in order. The
// pinned root has to carry its own threshold, each later one its own and that of the root before it. Roots before
// the pinned one are not trusted and not used. With no pin it returns ErrNoPin, with one that is not there ErrPin.
func VerifyChain(objects []*RootObject, pinned Fingerprint) error {
	if pinned.IsZero() {
		return refuse(ErrNoPin, "no root fingerprint is pinned")
	}
	at := -1
	for i, o := range objects {
		if o.UnverifiedRoot.Number != uint64(i)+1 {
			return refuse(ErrRoot, "root %d stands in place %d", o.UnverifiedRoot.Number, i+1)
		}
		if at < 0 && o.Fingerprint == pinned {
			at = i
		}
	}
	if at < 0 {
		return refuse(ErrPin, "none of the %d roots has the pinned fingerprint", len(objects))
	}
	for i := at; i < len(objects); i++ {
		o := objects[i]
		if err := o.threshold(o.UnverifiedRoot); err != nil {
			return err
		}
		if i == at {
			continue
		}
		previous := objects[i-1].UnverifiedRoot
		if err := o.threshold(previous); err != nil {
			return err
		}
		if o.UnverifiedRoot.IssuedAt.Before(previous.IssuedAt) {
			return refuse(ErrRoot, "root %d of %s is older than root %d of %s", i+1, stamp(o.UnverifiedRoot.IssuedAt), i, stamp(previous.IssuedAt))
		}
	}
	return nil
}

// SignRoot signs a root payload with every given member, with both of a member's keys. Members that cannot meet sign
// apart; JoinRoots puts their objects together.
func SignRoot(payload []byte, signers []keys.RootSigner) ([]byte, error) {
	if _, err := parseRootPayload(payload); err != nil {
		return nil, err
	}
	out, err := keys.SignRoot(cose.Header{}, payload, signers...)
	if err != nil {
		return nil, refuse(ErrRoot, "sign root: %v", err)
	}
	return out, nil
}

// JoinRoots puts the signatures of several objects over one payload into one object; a key's second signature is
// left out.
func JoinRoots(objects ...[]byte) ([]byte, error) {
	var payload []byte
	var all []cose.Signature
	type signer struct {
		alg cose.Algorithm
		kid string
	}
	seen := map[signer]bool{}
	for i, data := range objects {
		o, err := ParseRoot(data)
		if err != nil {
			return nil, err
		}
		if i > 0 && string(o.sign.Payload) != string(payload) {
			return nil, refuse(ErrRoot, "join: object %d carries another root than the first one", i)
		}
		payload = o.sign.Payload
		for _, s := range o.sign.Signatures {
			if id := (signer{s.Header.Algorithm, string(s.Header.KeyID)}); !seen[id] {
				seen[id] = true
				all = append(all, s)
			}
		}
	}
	out, err := cose.AssembleSign(cose.Header{Type: cose.TypeRoot}, payload, all)
	if err != nil {
		return nil, refuse(ErrRoot, "join: %v", err)
	}
	return out, nil
}
