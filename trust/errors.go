package trust

import (
	"errors"
	"fmt"
)

// Errors of this package. Every error it returns wraps at least one of them; where a cause lies deeper, the cause too.
var (
	ErrNoPin       = errors.New("trust: no pinned root")                                    // no fingerprint to start from
	ErrMalformed   = errors.New("trust: malformed")                                         // not the shape that was asked for
	ErrTooLarge    = errors.New("trust: too large")                                         // over a limit of limits.go
	ErrRoot        = errors.New("trust: bad root")                                          // a root object breaks its own rules
	ErrPin         = errors.New("trust: pinned root not in the bundle")                     // a bundle of another operator, or a mistyped fingerprint
	ErrThreshold   = errors.New("trust: too few valid signatures")                          // a root or a manifest is not signed by enough hybrid members
	ErrManifest    = errors.New("trust: bad manifest")                                      // the manifest contradicts itself or the file
	ErrSection     = errors.New("trust: damaged section")                                   // hash, shape or content of a section
	ErrRollback    = errors.New("trust: older than what is installed")                      // number, root, list or table would fall
	ErrFork        = errors.New("trust: contradicts what is installed")                     // same number, other content
	ErrListUnknown = errors.New("trust: status list not in the bundle")                     // cannot confirm, never "revoked"
	ErrIndexRange  = errors.New("trust: status index out of range")                         // the token points outside its list
	ErrList        = errors.New("trust: bad status list")                                   // shape, bits or size of a list
	ErrListKey     = errors.New("trust: status list not signed by a key of its body")       // unknown key, wrong body, ended right, bad signature
	ErrKeyEnded    = errors.New("trust: issuer key has ended")                              // compromised, or retired before the iat
	ErrKeyNotYet   = errors.New("trust: issuer key is not valid yet")                       // iat before valid-from
	ErrCodes       = errors.New("trust: bad code table")                                    // shape of a table
	ErrCodesKey    = errors.New("trust: code table not signed by a key of its body")        // as ErrListKey
	ErrRequest     = errors.New("trust: bad request")                                       // a key or verifier request, proof of possession included
	ErrConflict    = errors.New("trust: conflicts with what is admitted")                   // a key, a ЄДРПОУ or an id that belongs to another
	ErrNotAdmitted = errors.New("trust: not admitted")                                      // no such body, key or verifier
	ErrPublication = errors.New("trust: publication refused")                               // what a body published must not be carried
	ErrRegister    = errors.New("trust: damaged register")                                  // the operator's state file
	ErrMemory      = errors.New("trust: damaged install memory")                            // a verifier's state of the last install
	ErrPolicyKey   = errors.New("trust: checkpoint policy not signed by a key of its body") // as ErrListKey
	ErrArgument    = errors.New("trust: bad argument")                                      // a caller's mistake
)

// fault keeps a sentinel apart from its text, so that no message repeats it, and may keep a cause.
type fault struct {
	kind  error
	text  string
	cause error
}

func (f *fault) Error() string { return "trust: " + f.text }

func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func refuse(kind error, format string, args ...any) error {
	f := &fault{kind: kind, text: fmt.Sprintf(format, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			f.cause = err
		}
	}
	return f
}
