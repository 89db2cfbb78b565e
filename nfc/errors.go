package nfc

import (
	"errors"
	"fmt"
	"strings"
)

// Causes for which this package fails. Every error it returns wraps exactly one of them, is a [*StatusError], or is the
// error of the context it was called with. The first group is about the card on the reader, the second about what it
// answered, the third about what the caller asked for.
var (
	// ErrTorn: the card was removed while it was read: an answer without a status word, or none at all.
	ErrTorn = errors.New("nfc: card removed while reading")
	// ErrTimeout: the card did not answer within CommandDeadline, or was not done within CardDeadline.
	ErrTimeout = errors.New("nfc: card does not answer")
	// ErrReset: another program reset the card; what was read before no longer counts.
	ErrReset = errors.New("nfc: card was reset by another program")
	// ErrTransport: the reader failed to carry a command or its answer.
	ErrTransport = errors.New("nfc: reader failed")

	// ErrMalformed: an answer or an object is not built as its standard demands.
	ErrMalformed = errors.New("nfc: malformed")
	// ErrTooLarge: an answer or an object is beyond a limit of length, depth or count.
	ErrTooLarge = errors.New("nfc: too large")
	// ErrLoop: the card announces more data without end (61xx), or asks again and again for another length (6Cxx).
	ErrLoop = errors.New("nfc: card answers in a loop")
	// ErrNoApplication: the application that was asked for is not on the card.
	ErrNoApplication = errors.New("nfc: application not on this card")
	// ErrNotFound: the object that was asked for is not on the card.
	ErrNotFound = errors.New("nfc: object not on this card")
	// ErrAccess: the card does not give the object over this interface.
	ErrAccess = errors.New("nfc: object not readable here")
	// ErrSignature: the answer to a challenge is not a signature by the key.
	ErrSignature = errors.New("nfc: challenge not signed by this key")

	// ErrUsage: the caller asked for what cannot be sent: a field out of range, a key of another kind.
	ErrUsage = errors.New("nfc: cannot be sent")
	// ErrReplay: a replayed transcript holds no answer to this command.
	ErrReplay = errors.New("nfc: command not in the transcript")
)

// fault is an error with its own full text and the sentinel it belongs to.
type fault struct {
	text string
	kind error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

// fail builds an error of the given kind. The text names what was wanted and what came, and never repeats data that a
// card holds about a person.
func fail(kind error, format string, args ...any) error {
	return &fault{text: "nfc: " + fmt.Sprintf(format, args...), kind: kind}
}

// within says where an error of this package came up; its kind stays.
func within(place string, err error) error {
	return &fault{text: "nfc: " + place + ": " + strings.TrimPrefix(err.Error(), "nfc: "), kind: err}
}

// joined is an error of one kind that keeps the foreign error it came from.
type joined struct {
	text        string
	kind, cause error
}

func (j *joined) Error() string   { return j.text }
func (j *joined) Unwrap() []error { return []error{j.kind, j.cause} }

// failWith builds an error of the given kind out of one of another package.
func failWith(kind, cause error, place string) error {
	return &joined{text: "nfc: " + place + ": " + cause.Error(), kind: kind, cause: cause}
}
