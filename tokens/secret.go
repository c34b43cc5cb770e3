package tokens

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password, a token or an API key. Key material is a [keys.Secret].
// If it is printed by fmt, logged by slog or marshalled as text, JSON or XML,
// alone or inside another value, it is written as "[redacted]". The conversion
// string(s) returns the text.
//
// Code that calls no method of the value can still print the text: fmt, if the
// Secret is in an unexported field, or is behind a pointer inside another value
// and the verb is not %v; and encoding/json, if it is the key of a map.
type Secret string

const redacted = "[redacted]"

// Format writes "[redacted]" for every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]", which encoding/json and encoding/xml then
// write.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal reports whether two secrets are the same, in a time that depends only on
// their lengths.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(t)) == 1
}
