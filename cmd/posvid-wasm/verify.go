//go:build js && wasm

package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"syscall/js"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// request is the argument of posvidVerify.
type request struct {
	Text       string    `json:"text"`
	Unread     bool      `json:"unread"`
	At         time.Time `json:"at"`
	Bundle     *string   `json:"bundle"`
	Pin        string    `json:"pin"`
	Floor      time.Time `json:"floor"`
	FloorLost  bool      `json:"floor_lost"`
	Class      string    `json:"class"`
	VerifierID uint64    `json:"verifier_id"`
	Level      uint8     `json:"level"`
	Nonce      string    `json:"nonce"`
	Seen       time.Time `json:"seen"`
	Photo      string    `json:"photo"`
	Simulated  bool      `json:"simulated"`
	Lang       string    `json:"lang"`
}

// opened is the bundle of the last call or of posvidBundle: a camera reads many codes with one bundle.
var opened struct {
	encoded, pin string
	bundle       *trust.Bundle
	err          error
}

// open opens a bundle under a pin, or finds it open.
func open(encoded, pin string) (*trust.Bundle, error) {
	if opened.encoded != encoded || opened.pin != pin {
		opened.encoded, opened.pin = encoded, pin
		opened.bundle, opened.err = openNew(encoded, pin)
	}
	return opened.bundle, opened.err
}

func openNew(encoded, pin string) (*trust.Bundle, error) {
	if pin == "" {
		return nil, verifier.NoRoot
	}
	fp, err := trust.ParseFingerprint(pin)
	if err != nil {
		return nil, verifier.NoRoot
	}
	if encoded == "" {
		return nil, verifier.NoBundle
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, verifier.BundleRefused
	}
	return trust.Open(data, fp)
}

// install is posvidBundle: it opens a bundle for the requests that follow.
func install(args []js.Value) any {
	if len(args) != 2 || args[0].Type() != js.TypeString || args[1].Type() != js.TypeString {
		return refusal("want a bundle in base64 and a fingerprint")
	}
	b, err := open(args[0].String(), args[1].String())
	if err != nil {
		return refusal(err.Error())
	}
	out, err := json.Marshal(map[string]any{"number": b.Number(), "issued_at": b.IssuedAt(), "expires_at": b.ExpiresAt()})
	if err != nil {
		return refusal("bundle cannot be described")
	}
	return string(out)
}

// input turns a request into what the verifier takes.
func (r *request) input() (verifier.Input, error) {
	in := verifier.Input{Text: r.Text, Unread: r.Unread, At: r.At, Floor: r.Floor, VerifierID: r.VerifierID, MinLevel: verifier.Level(r.Level),
		Simulated: r.Simulated, Lang: r.Lang}
	if r.Bundle == nil {
		in.Bundle, in.BundleErr = opened.bundle, opened.err
		if in.Bundle == nil && in.BundleErr == nil {
			in.BundleErr = verifier.NoRoot // nothing was ever given
		}
	} else {
		in.Bundle, in.BundleErr = open(*r.Bundle, r.Pin)
	}
	if r.FloorLost {
		in.FloorErr = verifier.ClockUnknown
	}
	switch r.Class {
	case "":
	case trust.ClassCheckpoint.String():
		in.Class = trust.ClassCheckpoint
	case trust.ClassCouncil.String():
		in.Class = trust.ClassCouncil
	default:
		return in, fmt.Errorf("class %q: want checkpoint or council", r.Class)
	}
	states := map[string]verifier.ChallengeState{"": verifier.ChallengeUnknown, "open": verifier.ChallengeOpen,
		"used": verifier.ChallengeUsed, "expired": verifier.ChallengeExpired}
	state, ok := states[r.Nonce]
	if !ok {
		return in, fmt.Errorf("nonce %q: want open, used or expired", r.Nonce)
	}
	in.Nonce = func([16]byte, [32]byte) verifier.ChallengeState { return state }
	if !r.Seen.IsZero() {
		in.Seen = func([32]byte) (time.Time, bool) { return r.Seen, true }
	}
	switch {
	case r.Photo == "":
	case r.Photo == "plastic":
		in.Photo.Kind = verifier.PhotoPlastic
	default:
		hash, err := hex.DecodeString(r.Photo)
		if err != nil || len(hash) != len(in.Photo.Hash) {
			return in, errors.New("photo: want plastic or 40 hexadecimal digits")
		}
		in.Photo = verifier.Photo{Kind: verifier.PhotoMatched, Hash: [20]byte(hash)}
	}
	return in, nil
}

// verify is posvidVerify: it takes a JSON text and returns the verdict's JSON (docs/spec/verification.md, Section 8).
//
//	{ "text": "SID1:…", "unread": bool (no code was found), "at": "2026-11-22T07:00:00Z", "bundle": base64, "pin": fingerprint,
//	  "floor": RFC 3339 (optional), "floor_lost": bool, "class": "checkpoint" | "council", "verifier_id": number,
//	  "level": 0–4, "nonce": "open" | "used" | "expired", "seen": RFC 3339, "photo": "plastic" | 40 hexadecimal digits,
//	  "simulated": bool, "lang": "uk" | "en" }
//
// Without "pin" nothing is pinned; an empty "bundle" is none. A request without the key "bundle" uses the bundle of the
// request before it, or of posvidBundle(base64, fingerprint), which opens one and describes it. Input that is not this
// JSON gives {"error": …} and no verdict.
func verify(args []js.Value) any {
	if len(args) != 1 || args[0].Type() != js.TypeString {
		return refusal("want one JSON text")
	}
	var r request
	if err := json.Unmarshal([]byte(args[0].String()), &r); err != nil {
		return refusal("not the JSON that is asked for")
	}
	in, err := r.input()
	if err != nil {
		return refusal(err.Error())
	}
	v := verifier.Verify(in)
	out, err := json.Marshal(v)
	if err != nil {
		return refusal("verdict cannot be written")
	}
	return string(out)
}

func init() {
	export("posvidBundle", install)
	export("posvidVerify", verify)
}
