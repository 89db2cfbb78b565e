package credential

import (
	"errors"
	"fmt"
)

// Causes for which this package refuses an object. Every error it returns wraps exactly one of them, or an
// error of crypto/cose where the shape, header, algorithm or signature of a signed object is at fault.
var (
	// ErrNotServiceID: the text does not begin with a prefix of this package. It is some other code, not a
	// forged one.
	ErrNotServiceID = errors.New("credential: not a service ID")
	// ErrText: the text has a prefix of this package, but what follows is not base45 (RFC 9285).
	ErrText = errors.New("credential: bad text")
	// ErrTooLarge: a text or object is longer than its limit.
	ErrTooLarge = errors.New("credential: too large")
	// ErrMalformed: the payload of an object is not built as its specification demands.
	ErrMalformed = errors.New("credential: malformed")
	// ErrHighS: an ECDSA signature has s above half of the group order (docs/spec/presentation.md).
	ErrHighS = errors.New("credential: signature is not low-S")
	// ErrKind: the kind of the token does not fit its use: SID1 takes phone tokens, the card path the others.
	ErrKind = errors.New("credential: wrong kind of token")
	// ErrNoHolder: the token names no holder key, so nobody can present it.
	ErrNoHolder = errors.New("credential: token has no holder key")
	// ErrClaim: claims that an issuer wants to sign break a rule of docs/spec/credential.md.
	ErrClaim = errors.New("credential: claim not allowed")
	// ErrCode: what a person typed is not an enrolment or stop code.
	ErrCode = errors.New("credential: not an enrolment code")
)

// fault is an error with its own full text and the sentinel it belongs to.
type fault struct {
	text string
	kind error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

// fail builds an error of the given kind. The text names what was wanted and what came, and never repeats
// personal data.
func fail(kind error, format string, args ...any) error {
	return &fault{text: "credential: " + fmt.Sprintf(format, args...), kind: kind}
}
