package verifier

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
)

// Schema is the value of "schema" in a verdict's JSON.
const Schema = "posvid.verdict/1"

// The shape of a verdict in JSON, as docs/spec/verification.md, Section 8 states it. What is not known is null.
type (
	jsonVerdict struct {
		Schema      string      `json:"schema"`
		Verdict     string      `json:"verdict"`
		Code        Code        `json:"code"`
		Level       int         `json:"level"`
		Checks      []jsonCheck `json:"checks"`
		Holder      *jsonHolder `json:"holder"`
		Issuer      *jsonIssuer `json:"issuer"`
		Bundle      *jsonBundle `json:"bundle"`
		StatusAsOf  *string     `json:"status_as_of"`   // RFC 3339, UTC
		ClockOffset *int64      `json:"clock_offset_s"` // seconds, verifier's clock minus the code's iat
		NextStep    string      `json:"next_step"`
		Simulated   bool        `json:"simulated"`
	}
	jsonCheck struct {
		Name   string  `json:"name"`
		Result string  `json:"result"`
		Code   *string `json:"code"`
	}
	jsonHolder struct {
		Number   string  `json:"number"`
		Name     string  `json:"name"`
		Position *string `json:"position"`
		Unit     *string `json:"unit"`
		Rank     *int    `json:"rank"`
		Category *string `json:"category"`
		Photo    *string `json:"photo_sha256"` // first 20 bytes, 40 hexadecimal digits
	}
	jsonIssuer struct {
		EDRPOU string `json:"edrpou"`
		Name   string `json:"name"`
		KeyID  string `json:"kid"` // 8 hexadecimal digits; "" when no key has spoken for the body
	}
	jsonBundle struct {
		Number uint64 `json:"number"`
		Age    int64  `json:"age_s"`
	}
)

// MarshalJSON writes the verdict as one JSON object without a line end. Codes, keys, check names and words are the
// same in every language; next_step is in Verdict.Lang; position and unit are in Ukrainian, as the body states them.
func (v Verdict) MarshalJSON() ([]byte, error) {
	out := jsonVerdict{
		Schema:    Schema,
		Verdict:   v.outcome().String(),
		Code:      v.code(),
		Level:     int(v.Level),
		Checks:    make([]jsonCheck, 0, NumChecks),
		NextStep:  locale.NextStep(v.Lang, string(v.code())),
		Simulated: v.Simulated,
	}
	for _, c := range v.lines() {
		out.Checks = append(out.Checks, jsonCheck{Name: c.Name, Result: c.Result.String(), Code: orNull(string(c.Code))})
	}
	if h := v.Holder; h != nil {
		jh := &jsonHolder{Number: h.Number, Name: h.Name, Position: orNull(h.Position), Unit: orNull(h.Unit), Category: orNull(h.Category)}
		if h.Rank != 0 {
			n := int(h.Rank)
			jh.Rank = &n
		}
		if h.HasPhoto {
			jh.Photo = orNull(hex.EncodeToString(h.PhotoHash[:]))
		}
		out.Holder = jh
	}
	if i := v.Issuer; i != nil {
		out.Issuer = &jsonIssuer{EDRPOU: i.EDRPOU, Name: i.Name}
		if i.KeyID != (keys.KeyID{}) {
			out.Issuer.KeyID = hex.EncodeToString(i.KeyID[:])
		}
	}
	if v.Bundle.Number != 0 {
		out.Bundle = &jsonBundle{Number: v.Bundle.Number, Age: int64(v.Bundle.Age / time.Second)}
	}
	if !v.StatusAsOf.IsZero() {
		out.StatusAsOf = orNull(v.StatusAsOf.UTC().Format(time.RFC3339))
	}
	if v.HasOffset {
		s := int64(v.ClockOffset / time.Second)
		out.ClockOffset = &s
	}
	return json.Marshal(out)
}

// lines are the checks as a verdict lists them: those of a card, or those of a code, each with its name.
func (v *Verdict) lines() []Check {
	if v.Card != nil {
		return v.Card
	}
	for i := range v.Checks { // of a copy: MarshalJSON has its verdict by value
		if v.Checks[i].Name == "" {
			v.Checks[i].Name = checkNames[i]
		}
	}
	return v.Checks[:]
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
