package cose

import "strconv"

// Type is the value of typ, label 16 (RFC 9596): a content format of the CoAP registry or a media type. The zero
// value is an absent typ. Types are compared with ==.
type Type struct {
	ContentFormat uint16 // 1–65535, 0 where MediaType is used
	MediaType     string // "" where ContentFormat is used
}

// Types of the signed objects (docs/spec/cose.md, Section 5). A reader states the one it wants before it reads a payload.
var (
	TypeToken           = Type{ContentFormat: 293}                                        // issuer token: application/sd-cwt
	TypePresentation    = Type{ContentFormat: 294}                                        // holder's presentation: application/kb+cwt
	TypeStatusList      = Type{MediaType: "application/statuslist+cwt"}                   // status list of a body
	TypeRoot            = Type{MediaType: "application/vnd.posvid.root+cose"}             // root object of the trust operator
	TypeBundle          = Type{MediaType: "application/vnd.posvid.bundle+cose"}           // trust bundle
	TypeCodes           = Type{MediaType: "application/vnd.posvid.codes+cose"}            // code table of a body
	TypeChallenge       = Type{MediaType: "application/vnd.posvid.challenge+cose"}        // challenge of a verifier
	TypeKeyRequest      = Type{MediaType: "application/vnd.posvid.key-request+cose"}      // a body asks for its keys to be admitted
	TypeVerifierRequest = Type{MediaType: "application/vnd.posvid.verifier-request+cose"} // a verifier asks to be admitted
	TypePossession      = Type{MediaType: "application/vnd.posvid.possession+cose"}       // a holder's proof of possession
	TypeApproval        = Type{MediaType: "application/vnd.posvid.approval+cose"}         // an operator's approval
	TypePlan            = Type{MediaType: "application/vnd.posvid.plan+cose"}             // an author's signature under a plan
)

var knownTypes = []Type{TypeStatusList, TypeRoot, TypeBundle, TypeCodes, TypeChallenge, TypeKeyRequest,
	TypeVerifierRequest, TypePossession, TypeApproval, TypePlan}

// IsZero reports whether typ is absent.
func (t Type) IsZero() bool { return t == Type{} }

// String returns the media type or the number of the content format.
func (t Type) String() string {
	switch {
	case t.MediaType != "":
		return t.MediaType
	case t.ContentFormat != 0:
		return strconv.Itoa(int(t.ContentFormat))
	}
	return "none"
}

// mediaType returns the Type of a media type; a known one is not copied.
func mediaType(text []byte) Type {
	for _, t := range knownTypes {
		if t.MediaType == string(text) {
			return t
		}
	}
	return Type{MediaType: string(text)}
}
