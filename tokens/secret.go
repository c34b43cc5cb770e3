package tokens

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password, a token or an API key. Key material is a [keys.Secret]. If it
// is printed by fmt, logged by slog or marshalled as text, JSON or XML, alone or inside
// another value, it is written as "[redacted]". The conversion string(s) returns the
// text, and so does whatever calls no method of it: fmt where it is in an unexported
// field, or behind a pointer inside another value with another verb than %v; and
// encoding/json where it is the key of a map.
type Secret string

const redacted = "[redacted]"

// Format writes "[redacted]", whatever the verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue is "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[redacted]", and so do encoding/json and its kin.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal compares two secrets in a time that depends on their lengths only.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(t)) == 1
}
