package trust

import (
	"errors"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Claims of a status list token (RFC 8392, and Token Status List, Section 5.2).
const (
	claimIssuer     = 1
	claimSubject    = 2
	claimExpiry     = 4
	claimIssuedAt   = 6
	claimStatusList = 65533
	claimTTL        = 65534
	claimContent    = -1 // what a body's own table carries, in an object of its own typ
)

// statusTTL is the ttl that is written: how soon a reader that is online should look again, in seconds.
const statusTTL = 3600

var statusProfile = cose.Profile{Type: cose.TypeStatusList, Limits: cose.Limits{Bytes: maxStatusToken, String: maxStatusToken}}

// StatusToken is a parsed Status List Token. Nothing in it is true before Verify has returned nil.
//
//	status-token = #6.18([ << { 1 => alg, 4 => kid, 16 => "application/statuslist+cwt" } >>, {}, << claims >>, bstr ])
//	claims = { 2 => uri, 4 => exp: uint, 6 => iat: uint, 65533 => StatusList, ? 65534 => ttl: uint }
type StatusToken struct {
	UnverifiedID       ListID
	UnverifiedIssuedAt time.Time
	ExpiresAt          time.Time     // always Lifetime after iat
	TTL                time.Duration // zero where none is stated
	Bits               int           // width of an entry

	sign *cose.Sign1
	kid  keys.KeyID
	lst  []byte // zlib
}

// ParseStatusToken reads a signed status list of this profile and does not inflate it. Its errors are ErrList.
func ParseStatusToken(data []byte) (*StatusToken, error) {
	m, err := cose.ParseSign1(data, statusProfile)
	if err != nil {
		return nil, refuse(ErrList, "status list: %v", err)
	}
	t := &StatusToken{sign: m}
	if t.kid, err = readKeyID(m.Header.KeyID); err != nil {
		return nil, refuse(ErrList, "status list: %v", err)
	}
	if err := cose.Check(m.Payload, cose.Limits{Bytes: maxStatusToken, String: maxStatusToken}); err != nil {
		return nil, refuse(ErrList, "status list: %v", err)
	}
	r := cose.NewReader(m.Payload)
	pairs, err := r.ReadMap()
	if err != nil {
		return nil, refuse(ErrList, "status list: %v", err)
	}
	var exp, iat uint64
	var uri []byte
	for range pairs {
		label, err := readLabel(&r)
		if err != nil {
			return nil, refuse(ErrList, "status list: %v", err)
		}
		switch label {
		case claimSubject:
			uri, err = r.ReadText()
		case claimExpiry:
			exp, err = r.ReadUint()
		case claimIssuedAt:
			iat, err = r.ReadUint()
		case claimTTL:
			var ttl uint64
			if ttl, err = r.ReadUint(); err == nil && (ttl == 0 || ttl > uint64(Lifetime/time.Second)) {
				return nil, refuse(ErrList, "status list: ttl %d s, want 1 to %d", ttl, Lifetime/time.Second)
			}
			t.TTL = time.Duration(ttl) * time.Second
		case claimStatusList:
			var raw []byte
			if raw, err = r.Raw(); err == nil {
				var bits uint8
				bits, t.lst, err = readStatusList(raw)
				t.Bits = int(bits)
			}
		default:
			err = r.Skip()
		}
		if err != nil {
			return nil, refuse(ErrList, "status list: claim %d: %v", label, err)
		}
	}
	if len(uri) > maxURI {
		return nil, refuse(ErrList, "status list: sub of %d bytes", len(uri))
	}
	iss, list, err := parseStatusURI(string(uri))
	if err != nil {
		return nil, err
	}
	t.UnverifiedID = ListID{iss, list}
	var ok bool
	if t.UnverifiedIssuedAt, ok = wireTime(iat); !ok {
		return nil, refuse(ErrList, "status list: iat is missing or out of range")
	}
	if t.ExpiresAt, ok = wireTime(exp); !ok || !t.ExpiresAt.Equal(t.UnverifiedIssuedAt.Add(Lifetime)) {
		return nil, refuse(ErrList, "status list: exp is not iat + %d s", int(Lifetime/time.Second))
	}
	if t.lst == nil {
		return nil, refuse(ErrList, "status list: no claim %d", claimStatusList)
	}
	return t, nil
}

// UnverifiedKeyID is the kid of the token: a hint only.
func (t *StatusToken) UnverifiedKeyID() keys.KeyID { return t.kid }

// Verify checks the signature; whether the key may speak for the body is the caller's question.
func (t *StatusToken) Verify(key keys.IssuerPublicKey) error {
	if err := key.Verify(t.sign); err != nil {
		return refuse(ErrListKey, "status list %s: %v", StatusURI(t.UnverifiedID.Issuer, t.UnverifiedID.List), err)
	}
	return nil
}

// List inflates the entries.
func (t *StatusToken) List() (*StatusList, error) { return inflateStatusList(uint8(t.Bits), t.lst) }

// SignStatusList signs list number list of body iss as of iat, whole seconds, with 2 bits an entry. The bundle
// carries the result unchanged.
func SignStatusList(iss string, list uint16, iat time.Time, b *StatusListBuilder, s keys.IssuerSigner) ([]byte, error) {
	if !validEDRPOU(iss) || list > MaxStatusList {
		return nil, refuse(ErrArgument, "status list: want a ЄДРПОУ of eight digits and a list up to %d", MaxStatusList)
	}
	if b == nil || len(b.data) == 0 {
		return nil, refuse(ErrArgument, "status list: no entries")
	}
	at, err := seconds(iat)
	if err != nil {
		return nil, err
	}
	p := cose.AppendMap(nil, 5)
	p = cose.AppendText(cose.AppendUint(p, claimSubject), StatusURI(iss, list))
	p = cose.AppendUint(cose.AppendUint(p, claimExpiry), at+uint64(Lifetime/time.Second))
	p = cose.AppendUint(cose.AppendUint(p, claimIssuedAt), at)
	p = append(cose.AppendUint(p, claimStatusList), EncodeStatusList(b)...)
	p = cose.AppendUint(cose.AppendUint(p, claimTTL), statusTTL)
	out, err := signAs(s, cose.TypeStatusList, p)
	if err != nil {
		return nil, refuse(ErrList, "sign status list: %v", err)
	}
	return out, nil
}

// bodyObject is an object that a body signs about itself: its code table or its carriers.
//
//	body-object = #6.18([ << { 1 => alg, 4 => kid, 16 => typ } >>, {}, << { 1 => edrpou, 6 => iat: uint, -1 => bstr } >>, bstr ])
type bodyObject struct {
	issuer   string
	issuedAt time.Time
	content  []byte
	sign     *cose.Sign1
	kid      keys.KeyID
}

func parseBodyObject(data []byte, typ cose.Type, kind error, what string) (*bodyObject, error) {
	limits := cose.Limits{Bytes: maxCodesToken, String: maxCodesToken}
	m, err := cose.ParseSign1(data, cose.Profile{Type: typ, Limits: limits})
	if err != nil {
		return nil, refuse(kind, "%s: %v", what, err)
	}
	o := &bodyObject{sign: m}
	if o.kid, err = readKeyID(m.Header.KeyID); err != nil {
		return nil, refuse(kind, "%s: %v", what, err)
	}
	if err := cose.Check(m.Payload, limits); err != nil {
		return nil, refuse(kind, "%s: %v", what, err)
	}
	r := cose.NewReader(m.Payload)
	pairs, err := r.ReadMap()
	if err != nil {
		return nil, refuse(kind, "%s: %v", what, err)
	}
	for range pairs {
		label, err := readLabel(&r)
		if err != nil {
			return nil, refuse(kind, "%s: %v", what, err)
		}
		switch label {
		case claimIssuer:
			var iss []byte
			iss, err = r.ReadText()
			o.issuer = string(iss)
		case claimIssuedAt:
			var iat uint64
			if iat, err = r.ReadUint(); err == nil {
				var ok bool
				if o.issuedAt, ok = wireTime(iat); !ok {
					return nil, refuse(kind, "%s: iat is out of range", what)
				}
			}
		case claimContent:
			o.content, err = r.ReadBytes()
		default:
			err = r.Skip()
		}
		if err != nil {
			return nil, refuse(kind, "%s: claim %d: %v", what, label, err)
		}
	}
	if !validEDRPOU(o.issuer) || o.issuedAt.IsZero() || o.content == nil {
		return nil, refuse(kind, "%s: iss, iat or content is missing", what)
	}
	return o, nil
}

func signBodyObject(iss string, iat time.Time, content []byte, typ cose.Type, s keys.IssuerSigner) ([]byte, error) {
	if !validEDRPOU(iss) {
		return nil, refuse(ErrArgument, "ЄДРПОУ is not eight digits")
	}
	at, err := seconds(iat)
	if err != nil {
		return nil, err
	}
	p := cose.AppendMap(make([]byte, 0, len(content)+32), 3)
	p = cose.AppendText(cose.AppendUint(p, claimIssuer), iss)
	p = cose.AppendUint(cose.AppendUint(p, claimIssuedAt), at)
	p = cose.AppendBytes(cose.AppendInt(p, claimContent), content)
	return signAs(s, typ, p)
}

// CodesToken is a parsed signed code table. Nothing in it is true before Verify has returned nil.
type CodesToken struct {
	UnverifiedIssuer   string
	UnverifiedIssuedAt time.Time

	object *bodyObject
}

// ParseCodes reads a signed code table and does not decode its rows. Its errors are ErrCodes.
func ParseCodes(data []byte) (*CodesToken, error) {
	o, err := parseBodyObject(data, cose.TypeCodes, ErrCodes, "code table")
	if err != nil {
		return nil, err
	}
	return &CodesToken{o.issuer, o.issuedAt, o}, nil
}

// UnverifiedKeyID is the kid of the object: a hint only.
func (t *CodesToken) UnverifiedKeyID() keys.KeyID { return t.object.kid }

// Verify checks the signature; whether the key may speak for the body is the caller's question.
func (t *CodesToken) Verify(key keys.IssuerPublicKey) error {
	if err := key.Verify(t.object.sign); err != nil {
		return refuse(ErrCodesKey, "code table of %s: %v", t.UnverifiedIssuer, err)
	}
	return nil
}

// Table decodes the rows.
func (t *CodesToken) Table() (*codes.Table, error) {
	table, err := codes.Decode(t.object.content)
	if err != nil {
		return nil, refuse(ErrCodes, "code table of %s: %v", t.UnverifiedIssuer, err)
	}
	return table, nil
}

// SignCodes signs the code table of body iss as of iat, whole seconds.
func SignCodes(iss string, iat time.Time, t *codes.Table, s keys.IssuerSigner) ([]byte, error) {
	if t == nil {
		return nil, refuse(ErrArgument, "no code table")
	}
	out, err := signBodyObject(iss, iat, t.Encode(), cose.TypeCodes, s)
	if err != nil {
		return nil, refuse(ErrCodes, "sign code table: %v", err)
	}
	return out, nil
}

// typeCarriers is the typ of the carriers that a body states to the trust operator.
var typeCarriers = cose.Type{MediaType: "application/vnd.posvid.carriers+cose"}

// SignCarriers signs the full list of a body's carriers as of iat. The trust operator salts and hashes it before it
// enters a bundle.
//
//	carriers = [ * [ kind: uint, number: bstr, status: uint ] ]
func SignCarriers(iss string, iat time.Time, carriers []Carrier, s keys.IssuerSigner) ([]byte, error) {
	content := cose.AppendArray(nil, len(carriers))
	for _, c := range carriers {
		if err := c.check(); err != nil {
			return nil, err
		}
		if c.Body != iss {
			return nil, refuse(ErrArgument, "carriers: one belongs to another body")
		}
		content = cose.AppendUint(cose.AppendArray(content, 3), uint64(c.Kind))
		content = cose.AppendUint(cose.AppendBytes(content, c.Number), uint64(c.Status))
	}
	out, err := signBodyObject(iss, iat, content, typeCarriers, s)
	if err != nil {
		return nil, refuse(ErrPublication, "sign carriers: %v", err)
	}
	return out, nil
}

// decodeCarrierList reads the content that SignCarriers wrote.
func decodeCarrierList(iss string, content []byte) ([]Carrier, error) {
	if err := cose.Check(content, cose.Limits{Bytes: maxCodesToken, Items: MaxCarriers}); err != nil {
		return nil, refuse(ErrPublication, "carriers: %v", err)
	}
	r := cose.NewReader(content)
	n, err := r.ReadArray()
	if err != nil {
		return nil, refuse(ErrPublication, "carriers: %v", err)
	}
	out := make([]Carrier, 0, n)
	for i := range n {
		three, err := r.ReadArray()
		kind, errKind := r.ReadUint()
		number, errNumber := r.ReadBytes()
		status, errStatus := r.ReadUint()
		if err := errors.Join(err, errKind, errNumber, errStatus); err != nil || three != 3 || kind > 255 || status > 1<<32-1 {
			return nil, refuse(ErrPublication, "carriers: row %d is not [kind, number, status]", i)
		}
		c := Carrier{Kind: CarrierKind(kind), Number: number, Body: iss, Status: uint32(status)}
		if err := c.check(); err != nil {
			return nil, refuse(ErrPublication, "carriers: row %d: %v", i, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// signAs signs a payload as an object of one typ, the issuer key's id in kid.
func signAs(s keys.IssuerSigner, typ cose.Type, payload []byte) ([]byte, error) {
	id := s.IssuerPublic().KeyID()
	return cose.EncodeSign1(s, cose.Header{KeyID: id[:], Type: typ}, payload)
}

func readKeyID(raw []byte) (keys.KeyID, error) {
	id, ok := keys.KeyIDFrom(raw)
	if !ok {
		return id, refuse(ErrMalformed, "kid of %d bytes, want %d", len(raw), len(id))
	}
	return id, nil
}

// readLabel reads an integer map key; a text key, which no claim here has, reads as noLabel and its value is skipped.
func readLabel(r *cose.Reader) (int64, error) {
	switch r.Peek() {
	case cose.KindUint, cose.KindNegative:
		return r.ReadInt()
	case cose.KindText:
		_, err := r.ReadText()
		return noLabel, err
	}
	return noLabel, r.Skip()
}

const noLabel = int64(0)
