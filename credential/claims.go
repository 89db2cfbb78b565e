package credential

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Kind says what a token may be used for. It is written only for tokens that no phone presents.
type Kind uint8

const (
	KindPhone  Kind = 0 // presented by a phone through SID1; no kind key on the wire
	KindStatic Kind = 1 // shown as it is, without a holder key: printed code or plain record
	KindCard   Kind = 2 // bound to the key of a contactless card
)

// String returns the English word for k.
func (k Kind) String() string {
	switch k {
	case KindPhone:
		return "phone"
	case KindStatic:
		return "static"
	case KindCard:
		return "card"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Face says how much of a person a token shows. It is not written: a token with a position has the full face.
type Face uint8

const (
	FaceCheck Face = 0 // number, short name, photo hash
	FaceFull  Face = 1 // number, full name, position, unit, rank or category, photo hash
)

// String returns "check" or "full".
func (f Face) String() string {
	switch f {
	case FaceCheck:
		return "check"
	case FaceFull:
		return "full"
	}
	return "face(" + strconv.Itoa(int(f)) + ")"
}

// StatusRef is a place in a status list of the token's own body: list<<20 | index. It stands for claim 65535
// {"status_list": {"idx": index, "uri": "urn:posvid:ЄДРПОУ:list"}} of a Token Status List.
type StatusRef uint32

// Bounds of a StatusRef.
const (
	MaxStatusList  = 1<<12 - 1 // largest list number of a body
	MaxStatusIndex = 1<<20 - 1 // largest index in a list
)

// NewStatusRef returns the reference to index in list; ErrClaim when one of them is out of range.
func NewStatusRef(list uint16, index uint32) (StatusRef, error) {
	if list > MaxStatusList || index > MaxStatusIndex {
		return 0, fail(ErrClaim, "status %d/%d: want list up to %d and index up to %d", list, index, MaxStatusList, MaxStatusIndex)
	}
	return StatusRef(uint32(list)<<20 | index), nil
}

// List returns the number of the list, 0 to 4095.
func (s StatusRef) List() uint16 { return uint16(s >> 20) }

// Index returns the index in the list, 0 to 2^20-1.
func (s StatusRef) Index() uint32 { return uint32(s) & MaxStatusIndex }

// CodedText is a position or unit: a number of the body's code table, or the text itself. At most one of the
// two is set; the zero value is an absent one.
type CodedText struct {
	Code uint32 // 1 and up; 0 = not coded
	Text string // 1 to 512 bytes of UTF-8; empty = no text
}

// IsZero reports whether nothing is given.
func (c CodedText) IsZero() bool { return c == CodedText{} }

// Claims is what an issuing body says about a holder. docs/spec/credential.md, Section 3 has the CDDL:
//
//	token-payload = {
//	  1 => tstr .regexp "[0-9]{8}",  ; iss, ЄДРПОУ of the body
//	  2 => tstr .size (1..32),       ; sub, number of the service ID
//	  4 => uint, 6 => uint,          ; exp and iat
//	  ? 8 => { 1 => COSE_Key },      ; cnf, the holder's key; absent when static
//	  169 => person, * int => any }
//	person = {
//	  4 => tstr .size (1..256),                  ; full name, or short name in the check face
//	  ? -1 => (1..4294967295) / tstr .size (1..512), ; position, number or text
//	  ? -2 => (1..4294967295) / tstr .size (1..512), ; unit, number or text
//	  ? -3 => 1..255,                            ; rank
//	  ? -4 => tstr .size (1..32),                ; category
//	  ? -5 => bstr .size 20,                     ; photo hash
//	  -6 => 0..4294967295,                       ; status, list<<20 | index
//	  ? -7 => 1 / 2,                             ; kind: static, card; absent for a phone
//	  * int => any }
type Claims struct {
	Issuer    string               // iss: ЄДРПОУ of the issuing body, 8 digits
	Number    string               // sub: number of the service ID, 1 to 32 bytes of UTF-8
	IssuedAt  time.Time            // iat, whole seconds; the validity begins here
	ExpiresAt time.Time            // exp, whole seconds; after IssuedAt
	Holder    keys.HolderPublicKey // cnf; zero for KindStatic and for no other kind
	Kind      Kind                 // what the token is for
	Face      Face                 // FaceFull exactly when there is a position
	Name      string               // full name, or the result of ShortName; 1 to 256 bytes of UTF-8
	Position  CodedText            // full face only, and always there
	Unit      CodedText            // full face only
	Category  string               // category of the post, full face only, up to 32 bytes; empty = none
	Rank      uint8                // full face only; 0 = none
	PhotoHash [20]byte             // first 20 bytes of the SHA-256 of the normalised JPEG
	HasPhoto  bool                 // whether PhotoHash is given
	Status    StatusRef            // place in a status list of Issuer
}

// Claim keys (RFC 8392, RFC 8747, MOSIP claim 169) and the keys inside claim 169.
const (
	claimIssuer    = 1
	claimSubject   = 2
	claimAudience  = 3
	claimExpires   = 4
	claimNotBefore = 5
	claimIssuedAt  = 6
	claimCnf       = 8
	claimCNonce    = 39
	claimPerson    = 169
	claimStatus    = 65535

	personName     = 4
	personPosition = -1
	personUnit     = -2
	personRank     = -3
	personCategory = -4
	personPhoto    = -5
	personStatus   = -6
	personKind     = -7
)

// Lint checks every rule for the content of a token before it is signed; the same rules hold when one is read.
// The error wraps ErrClaim, names the claim and never repeats its value.
func (c *Claims) Lint() error {
	if err := c.check(); err != nil {
		return err
	}
	if c.ExpiresAt.Unix() <= c.IssuedAt.Unix() {
		return fail(ErrClaim, "claim 4 (exp): not after claim 6 (iat)")
	}
	return nil
}

// check holds the rules for single claims and for the kind and face.
func (c *Claims) check() error {
	if !isEDRPOU(c.Issuer) {
		return fail(ErrClaim, "claim 1 (iss): want 8 digits, got %d bytes", len(c.Issuer))
	}
	if err := checkText("claim 2 (sub)", c.Number, maxNumber); err != nil {
		return err
	}
	for _, t := range [2]struct {
		name string
		at   time.Time
	}{{"claim 6 (iat)", c.IssuedAt}, {"claim 4 (exp)", c.ExpiresAt}} {
		if s := t.at.Unix(); s <= 0 || s > maxTime {
			return fail(ErrClaim, "%s: %d seconds, want 1 to %d", t.name, s, int64(maxTime))
		}
	}
	if c.Kind > KindCard {
		return fail(ErrClaim, "claim 169, key -7 (kind): %d, want 1 or 2", c.Kind)
	}
	if hasHolder := !c.Holder.IsZero(); hasHolder == (c.Kind == KindStatic) {
		if hasHolder {
			return fail(ErrClaim, "claim 8 (cnf): a static token has no holder key")
		}
		return fail(ErrClaim, "claim 8 (cnf): missing, a %s token needs the holder's key", c.Kind)
	}
	if err := checkText("claim 169, key 4 (name)", c.Name, maxName); err != nil {
		return err
	}
	if c.Face > FaceFull {
		return fail(ErrClaim, "face %d, want check or full", c.Face)
	}
	if full := !c.Position.IsZero(); full != (c.Face == FaceFull) {
		if full {
			return fail(ErrClaim, "claim 169, key -1 (position): only the full face has one")
		}
		return fail(ErrClaim, "claim 169, key -1 (position): missing, the full face needs one")
	}
	if c.Face == FaceCheck && (!c.Unit.IsZero() || c.Rank != 0 || c.Category != "") {
		return fail(ErrClaim, "claim 169: unit, rank and category belong to the full face only")
	}
	if err := checkCoded("claim 169, key -1 (position)", c.Position); err != nil {
		return err
	}
	if err := checkCoded("claim 169, key -2 (unit)", c.Unit); err != nil {
		return err
	}
	if c.Category != "" {
		if err := checkText("claim 169, key -4 (category)", c.Category, maxCategory); err != nil {
			return err
		}
	}
	if !c.HasPhoto && c.PhotoHash != [20]byte{} {
		return fail(ErrClaim, "claim 169, key -5 (photo hash): given, but marked as absent")
	}
	return nil
}

func isEDRPOU(s string) bool {
	if len(s) != 8 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func checkCoded(name string, c CodedText) error {
	if c.Code != 0 && c.Text != "" {
		return fail(ErrClaim, "%s: number and text, want one of them", name)
	}
	if c.Text != "" {
		return checkText(name, c.Text, maxTitle)
	}
	return nil
}

func checkText(name, s string, most int) error {
	if len(s) == 0 || len(s) > most {
		return fail(ErrClaim, "%s: %d bytes, want 1 to %d", name, len(s), most)
	}
	if !cose.OneLine(s) {
		return fail(ErrClaim, "%s: control character", name)
	}
	if !utf8.ValidString(s) {
		return fail(ErrClaim, "%s: not UTF-8", name)
	}
	return nil
}

// EncodePayload checks c with Lint and returns the payload of the token: the exact bytes that an issuer stores
// before it signs them. Times are cut to whole seconds. The longest payload that Lint lets through stays below 1,600
// bytes, so every token fits MaxToken.
func EncodePayload(c *Claims) ([]byte, error) {
	if err := c.Lint(); err != nil {
		return nil, err
	}
	claims := 6
	if c.Kind == KindStatic {
		claims = 5
	}
	b := make([]byte, 0, 192+len(c.Name)+len(c.Position.Text)+len(c.Unit.Text))
	b = cose.AppendMap(b, claims)
	b = cose.AppendText(cose.AppendUint(b, claimIssuer), c.Issuer)
	b = cose.AppendText(cose.AppendUint(b, claimSubject), c.Number)
	b = cose.AppendUint(cose.AppendUint(b, claimExpires), uint64(c.ExpiresAt.Unix()))
	b = cose.AppendUint(cose.AppendUint(b, claimIssuedAt), uint64(c.IssuedAt.Unix()))
	if c.Kind != KindStatic {
		b = appendCnf(b, c.Holder)
	}
	return c.appendPerson(cose.AppendUint(b, claimPerson)), nil
}

// appendPerson appends the value of claim 169.
func (c *Claims) appendPerson(b []byte) []byte {
	pairs := 2
	for _, given := range [6]bool{!c.Position.IsZero(), !c.Unit.IsZero(), c.Rank != 0, c.Category != "", c.HasPhoto, c.Kind != KindPhone} {
		if given {
			pairs++
		}
	}
	b = cose.AppendMap(b, pairs)
	b = cose.AppendText(cose.AppendInt(b, personName), c.Name)
	b = appendCoded(b, personPosition, c.Position)
	b = appendCoded(b, personUnit, c.Unit)
	if c.Rank != 0 {
		b = cose.AppendUint(cose.AppendInt(b, personRank), uint64(c.Rank))
	}
	if c.Category != "" {
		b = cose.AppendText(cose.AppendInt(b, personCategory), c.Category)
	}
	if c.HasPhoto {
		b = cose.AppendBytes(cose.AppendInt(b, personPhoto), c.PhotoHash[:])
	}
	b = cose.AppendUint(cose.AppendInt(b, personStatus), uint64(c.Status))
	if c.Kind != KindPhone {
		b = cose.AppendUint(cose.AppendInt(b, personKind), uint64(c.Kind))
	}
	return b
}

func appendCoded(b []byte, key int64, c CodedText) []byte {
	switch {
	case c.Code != 0:
		return cose.AppendUint(cose.AppendInt(b, key), uint64(c.Code))
	case c.Text != "":
		return cose.AppendText(cose.AppendInt(b, key), c.Text)
	}
	return b
}
