package cose

import (
	"fmt"
	"log/slog"
)

// redacted is all that is ever printed of a private key.
const redacted = "[redacted]"

// Redacted is embedded in a type that holds a secret: the type then shows as [redacted] under every verb of fmt, in
// log/slog, and in JSON and text encodings, by value and by pointer.
type Redacted struct{}

// String returns [redacted].
func (Redacted) String() string { return redacted }

// GoString returns [redacted].
func (Redacted) GoString() string { return redacted }

// Format writes [redacted] for every verb.
func (Redacted) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns [redacted].
func (Redacted) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[redacted]".
func (Redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns [redacted].
func (Redacted) MarshalText() ([]byte, error) { return []byte(redacted), nil }
