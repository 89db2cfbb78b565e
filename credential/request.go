package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Request is one HTTP request to the service as the key of a phone or of a verifier signs it (docs/spec/request.md). It
// travels in the request's own header RequestHeader and says nothing about any other request.
//
//	request = #6.18([ << {1: alg, 16: typ} >>, {}, << request-payload >>, signature ])
//	typ = "application/vnd.posvid.holder-http+cose" / "application/vnd.posvid.verifier-http+cose"
//	request-payload = { 3 => tstr, 6 => uint, 7 => bstr .size 16, 8 => { 1 => COSE_Key },
//	                    -65538 => tstr, -65539 => tstr, -65540 => bstr .size 32, * int => any }
type Request struct {
	Origin   string    // aud: scheme, host and port of the service, as "https://id.example.gov.ua"; 256 bytes at most
	Method   string    // private claim -65538: GET, POST, PUT or DELETE
	Target   string    // private claim -65539: path and query as they stand in the request line; 1,024 bytes at most
	BodyHash [32]byte  // private claim -65540: SHA-256 of the body's bytes; of nothing when there is none
	IssuedAt time.Time // iat, whole seconds by the caller's clock
	Nonce    [16]byte  // cti (RFC 8392, Section 3.1.7): random, good for one request

	// Of what ParseRequest returns exactly one key is there: the one in cnf, which also made the signature.
	Holder   keys.HolderPublicKey   // of a phone; typ "…holder-http+cose"
	Verifier keys.VerifierPublicKey // of a verifier; typ "…verifier-http+cose"
}

// RequestHeader is the name of the HTTP header that carries a signed request.
const RequestHeader = "Posvid-Request"

// The time that a service allows between iat and its own clock (docs/spec/request.md, Section 3).
const (
	RequestBehind = 120 * time.Second // how old iat may be
	RequestAhead  = 60 * time.Second  // how far ahead it may be
	// RequestKept is how long a service remembers a nonce: longer than any request with it is taken.
	RequestKept = 10 * time.Minute
)

// Limits of a signed request.
const (
	MaxRequest    = 2 << 10 // bytes of the COSE object
	maxOrigin     = 256     // bytes of aud
	maxTarget     = 1 << 10 // bytes of path and query
	requestNonce  = 16      // bytes of cti
	maxHostLength = 253     // bytes of a host (RFC 1035, Section 2.3.4)
)

// Claims of the private-use range of RFC 8392, Section 9.1; -65537 is the code hash of a proof of possession.
const (
	claimID       = 7 // cti
	claimMethod   = -65538
	claimTarget   = -65539
	claimBodyHash = -65540
)

// Types of signed requests. Each key signs its own alone.
var (
	TypeHolderRequest   = cose.Type{MediaType: "application/vnd.posvid.holder-http+cose"}
	TypeVerifierRequest = cose.Type{MediaType: "application/vnd.posvid.verifier-http+cose"}
)

var requestLimits = cose.Limits{Bytes: MaxRequest, Depth: 8, Items: 32, String: MaxRequest}

// Causes for which a service does not take a signed request that is well made.
var (
	// ErrOtherRequest: the signature is about another service, method, target or body.
	ErrOtherRequest = errors.New("credential: request was signed for something else")
	// ErrRequestTime: iat is outside the window; the two clocks differ, or the request is an old one.
	ErrRequestTime = errors.New("credential: request is not of now")
)

// NewRequest describes a request that is to be signed, with a fresh nonce.
func NewRequest(origin, method, target string, body []byte, at time.Time) Request {
	r := Request{Origin: origin, Method: method, Target: target, BodyHash: sha256.Sum256(body), IssuedAt: at.Truncate(time.Second).UTC()}
	rand.Read(r.Nonce[:])
	return r
}

// SignRequest signs a request with the key of a phone, which it puts into cnf; Holder and Verifier of r are not looked at.
// Error: ErrClaim names the field that breaks a rule.
func SignRequest(r Request, h keys.HolderSigner) ([]byte, error) {
	return signRequest(r, cose.Header{Algorithm: h.Algorithm(), Type: TypeHolderRequest}, h, h.HolderPublic().AppendCOSE(nil, true))
}

// SignVerifierRequest is SignRequest with the signing key of a verifier.
func SignVerifierRequest(r Request, v keys.VerifierSigner) ([]byte, error) {
	return signRequest(r, cose.Header{Algorithm: v.Algorithm(), Type: TypeVerifierRequest}, v, v.VerifierPublic().AppendCOSE(nil, true))
}

func signRequest(r Request, h cose.Header, s signer, key []byte) ([]byte, error) {
	iat := r.IssuedAt.Unix()
	switch {
	case !isOrigin(r.Origin):
		return nil, fail(ErrClaim, "request: claim 3 (aud): want scheme://host[:port] in lower case, got %d bytes", len(r.Origin))
	case !isMethod(r.Method):
		return nil, fail(ErrClaim, "request: claim -65538 (method): want GET, POST, PUT or DELETE, got %d bytes", len(r.Method))
	case !isTarget(r.Target):
		return nil, fail(ErrClaim, "request: claim -65539 (target): want a path of at most %d visible characters, got %d bytes", maxTarget, len(r.Target))
	case iat <= 0 || iat > maxTime:
		return nil, fail(ErrClaim, "request: claim 6 (iat): %d seconds, want 1 to %d", iat, int64(maxTime))
	case r.Nonce == [requestNonce]byte{}:
		return nil, fail(ErrClaim, "request: claim 7 (cti): all zero, want random bytes")
	}
	p := cose.AppendMap(make([]byte, 0, 512), 7)
	p = cose.AppendText(cose.AppendUint(p, claimAudience), r.Origin)
	p = cose.AppendUint(cose.AppendUint(p, claimIssuedAt), uint64(iat))
	p = cose.AppendBytes(cose.AppendUint(p, claimID), r.Nonce[:])
	p = append(cose.AppendUint(cose.AppendMap(cose.AppendUint(p, claimCnf), 1), cnfKey), key...)
	p = cose.AppendText(cose.AppendInt(p, claimMethod), r.Method)
	p = cose.AppendText(cose.AppendInt(p, claimTarget), r.Target)
	p = cose.AppendBytes(cose.AppendInt(p, claimBodyHash), r.BodyHash[:])
	return signLowS(h, p, s)
}

// ParseRequest reads a signed request and checks its signature with the key in it: a nil error means that whoever made it
// had that key. Whose key that is, and what Check and a memory of nonces say, is for the caller. Errors are those of
// cose.ParseSign1 and cose.Sign1.Verify, ErrMalformed and ErrHighS.
func ParseRequest(data []byte) (*Request, error) {
	sign1, err := cose.ParseSign1(data, cose.Profile{Limits: requestLimits, AnyType: true})
	if err != nil {
		return nil, err
	}
	typ := sign1.Header.Type
	if typ != TypeHolderRequest && typ != TypeVerifierRequest {
		return nil, fail(cose.ErrType, "request: typ %q, want %q or %q", typ, TypeHolderRequest, TypeVerifierRequest)
	}
	if sign1.Header.KeyID != nil || sign1.Header.KCWT != nil {
		return nil, fail(ErrMalformed, "request: a kid or kcwt in the header, want the key in cnf alone")
	}
	if err := checkForm("request", sign1); err != nil {
		return nil, err
	}
	// The key has to be read before the signature can be checked; nothing else leaves this function without it.
	r := new(Request)
	if err := r.parse(sign1.Payload, typ); err != nil {
		return nil, err
	}
	if typ == TypeHolderRequest {
		err = r.Holder.Verify(sign1)
	} else {
		err = r.Verifier.Verify(sign1)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (q *Request) parse(payload []byte, typ cose.Type) error {
	if err := cose.Check(payload, requestLimits); err != nil {
		return err
	}
	r := newPayloadReader(payload)
	nonce, body := false, false
	err := r.each("request payload", func(key int64) (err error) {
		var b []byte
		switch key {
		case claimAudience:
			if q.Origin, err = r.str("claim 3 (aud)", maxOrigin); err == nil && !isOrigin(q.Origin) {
				err = fail(ErrMalformed, "claim 3 (aud): want scheme://host[:port] in lower case")
			}
		case claimIssuedAt:
			q.IssuedAt, err = r.time("claim 6 (iat)")
		case claimID:
			if b, err = r.bytes("claim 7 (cti)", requestNonce); err == nil {
				if q.Nonce, nonce = [requestNonce]byte(b), true; q.Nonce == [requestNonce]byte{} {
					err = fail(ErrMalformed, "claim 7 (cti): all zero, want random bytes")
				}
			}
		case claimCnf:
			if typ == TypeHolderRequest {
				q.Holder, err = r.cnf()
			} else {
				q.Verifier, err = r.verifierCnf()
			}
		case claimMethod:
			if q.Method, err = r.str("claim -65538 (method)", len("DELETE")); err == nil && !isMethod(q.Method) {
				err = fail(ErrMalformed, "claim -65538 (method): want GET, POST, PUT or DELETE")
			}
		case claimTarget:
			if q.Target, err = r.str("claim -65539 (target)", maxTarget); err == nil && !isTarget(q.Target) {
				err = fail(ErrMalformed, "claim -65539 (target): want a path of visible characters")
			}
		case claimBodyHash:
			if b, err = r.bytes("claim -65540 (body hash)", sha256.Size); err == nil {
				q.BodyHash, body = [sha256.Size]byte(b), true
			}
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case q.Origin == "":
		return missing("claim 3 (aud)")
	case q.IssuedAt.IsZero():
		return missing("claim 6 (iat)")
	case !nonce:
		return missing("claim 7 (cti)")
	case q.Holder.IsZero() && q.Verifier.IsZero():
		return missing("claim 8 (cnf)")
	case q.Method == "":
		return missing("claim -65538 (method)")
	case q.Target == "":
		return missing("claim -65539 (target)")
	case !body:
		return missing("claim -65540 (body hash)")
	}
	return nil
}

// verifierCnf is cnf with the signing key of a verifier.
func (r *payloadReader) verifierCnf() (key keys.VerifierPublicKey, err error) {
	found := false
	err = r.each("claim 8 (cnf)", func(label int64) error {
		if label != cnfKey {
			return r.Skip()
		}
		raw, err := r.Raw()
		if err != nil {
			return err
		}
		found = true
		key, err = keys.ParseVerifierPublicKey(raw)
		return err
	})
	switch {
	case err != nil:
		return keys.VerifierPublicKey{}, err
	case !found:
		return key, fail(ErrMalformed, "claim 8 (cnf): key 1 (COSE_Key) is missing")
	}
	return key, nil
}

// Check compares what was signed with the request that carried it: the service's own origin, method, target and body, and
// its time. Errors: ErrOtherRequest, and ErrRequestTime, which is found only in a request that is otherwise right.
func (q *Request) Check(origin, method, target string, body [32]byte, at time.Time) error {
	switch {
	case q == nil || q.Holder.IsZero() == q.Verifier.IsZero():
		return fail(ErrMalformed, "request: want one key")
	case q.Origin != origin:
		return fail(ErrOtherRequest, "request: signed for another service, want %q", origin)
	case q.Method != method:
		return fail(ErrOtherRequest, "request: signed for method %s, came as %s", q.Method, method)
	case q.Target != target:
		return fail(ErrOtherRequest, "request: signed for another target")
	case q.BodyHash != body:
		return fail(ErrOtherRequest, "request: signed for another body")
	}
	switch age := at.Sub(q.IssuedAt); {
	case age > RequestBehind:
		return fail(ErrRequestTime, "request: made %s ago, want at most %s", age.Truncate(time.Second), RequestBehind)
	case age < -RequestAhead:
		return fail(ErrRequestTime, "request: made %s ahead, want at most %s", (-age).Truncate(time.Second), RequestAhead)
	}
	return nil
}

// EncodeRequestHeader is the value of RequestHeader: base64url without padding (RFC 4648, Section 5).
func EncodeRequestHeader(request []byte) string { return base64.RawURLEncoding.EncodeToString(request) }

// DecodeRequestHeader is the opposite of EncodeRequestHeader; it takes exactly one form. Errors: ErrTooLarge, ErrMalformed.
func DecodeRequestHeader(value string) ([]byte, error) {
	if len(value) > base64.RawURLEncoding.EncodedLen(MaxRequest) {
		return nil, fail(ErrTooLarge, "request: header of %d characters, want at most %d", len(value), base64.RawURLEncoding.EncodedLen(MaxRequest))
	}
	if strings.ContainsAny(value, "\r\n") { // the decoder skips them
		return nil, fail(ErrMalformed, "request: header with a line end")
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(data) == 0 {
		return nil, fail(ErrMalformed, "request: header is not base64url without padding")
	}
	return data, nil
}

func isMethod(s string) bool { return s == "GET" || s == "POST" || s == "PUT" || s == "DELETE" }

// isTarget tells an origin-form of RFC 9112, Section 3.2.1: visible ASCII that begins with a slash and has no fragment.
func isTarget(s string) bool {
	if len(s) == 0 || len(s) > maxTarget || s[0] != '/' {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '#' {
			return false
		}
	}
	return true
}

// isOrigin tells the one form of an origin (RFC 6454, Section 6.2): http or https, a host in lower case (IPv6 in brackets),
// a port that is not the scheme's own.
func isOrigin(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "https" && scheme != "http" || len(s) > maxOrigin {
		return false
	}
	host, port := rest, ""
	if colon := strings.LastIndexByte(rest, ':'); colon >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:colon], rest[colon+1:]
		if !isPort(port) || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
			return false
		}
	}
	if inner, v6 := strings.CutPrefix(host, "["); v6 {
		inner, v6 = strings.CutSuffix(inner, "]")
		return v6 && strings.Contains(inner, ":") && strings.Trim(inner, "0123456789abcdef:.") == ""
	}
	if host == "" || len(host) > maxHostLength || host[0] == '.' || host[0] == '-' {
		return false
	}
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}

// isPort tells 1 to 65535 without a leading zero.
func isPort(s string) bool {
	if len(s) == 0 || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}
