package checkpoint

import (
	"errors"
	"fmt"

	"github.com/posvid/posvid/verifier"
)

// Errors of this package. Those that stop a verdict also wrap the verifier's code for it.
var (
	ErrDisk        = errors.New("checkpoint: disk error")             // disk full, I/O error: the old state is intact
	ErrDamaged     = errors.New("checkpoint: damaged state")          // wraps verifier.StateDamaged or ClockUnknown too
	ErrPinned      = errors.New("checkpoint: another root is pinned") // a pin is never replaced
	ErrNoPin       = errors.New("checkpoint: no root is pinned")      // wraps verifier.NoRoot too
	ErrNoBundle    = errors.New("checkpoint: no bundle is installed") // wraps verifier.NoBundle too
	ErrBundle      = errors.New("checkpoint: bundle refused")         // wraps the cause of package trust too
	ErrKeys        = errors.New("checkpoint: verifier keys")          // there are none, or there are some already
	ErrNotEnrolled = errors.New("checkpoint: this verifier is not in the bundle")
	ErrBusy        = errors.New("checkpoint: too many open challenges")
	ErrIntact      = errors.New("checkpoint: state is intact") // Recover is for a damaged one only
)

// fault is an error with its own text that wraps a sentinel, and what else explains it.
type fault struct {
	text string
	wrap []error
}

func (f *fault) Error() string   { return "checkpoint: " + f.text }
func (f *fault) Unwrap() []error { return f.wrap }

// fail builds an error of a kind; errors among args are wrapped too.
func fail(kind error, format string, args ...any) error {
	f := &fault{text: fmt.Sprintf(format, args...), wrap: []error{kind}}
	for _, a := range args {
		if err, ok := a.(error); ok {
			f.wrap = append(f.wrap, err)
		}
	}
	return f
}

// damaged is ErrDamaged with the verifier's code for it.
func damaged(code verifier.Code, format string, args ...any) error {
	err := fail(ErrDamaged, format, args...).(*fault)
	// The code stands before the causes, which may carry codes of their own.
	err.wrap = append([]error{ErrDamaged, code}, err.wrap[1:]...)
	err.text += " [" + string(code) + "]"
	return err
}
