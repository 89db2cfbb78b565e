package cose

import (
	"errors"
	"fmt"
)

// Errors of this package. Every error returned by it matches exactly one of them with errors.Is.
var (
	ErrMalformed    = errors.New("cose: malformed")         // not well-formed CBOR, or not the shape that was asked for
	ErrNotCanonical = errors.New("cose: not canonical")     // well-formed, but not the one deterministic encoding
	ErrDuplicateKey = errors.New("cose: duplicate map key") // one map has a key twice
	ErrForbidden    = errors.New("cose: forbidden item")    // a float, a tag or a simple value outside the profile
	ErrTooLarge     = errors.New("cose: too large")         // over a limit of length, depth or count
	ErrHeader       = errors.New("cose: bad header")        // header buckets break RFC 9052, Section 3
	ErrCritical     = errors.New("cose: critical header")   // crit names a header parameter that is not understood
	ErrType         = errors.New("cose: wrong object type") // typ (label 16) is not the one that was wanted
	ErrAlgorithm    = errors.New("cose: wrong algorithm")   // alg is absent, unknown or not the key's own
	ErrSignature    = errors.New("cose: bad signature")     // the signature does not verify
	ErrKey          = errors.New("cose: bad key")           // a COSE_Key that is not a usable key of a known kind
)

// fault is an error of one kind with its own text, so that a sentinel's text is not repeated in every message.
type fault struct {
	kind error
	text string
}

func (f *fault) Error() string { return "cose: " + f.text }
func (f *fault) Unwrap() error { return f.kind }

func refuse(kind error, format string, args ...any) error {
	return &fault{kind: kind, text: fmt.Sprintf(format, args...)}
}
