package tokens

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a password, a token or an API key; key material is a [keys.Secret]. Printed by fmt, logged by slog or
// marshalled as text, JSON or XML, alone or inside another value, it shows as
// "[redacted]". The conversion string(s) gives it away, and so does what asks no
// method of it: fmt where it is in a field that is not exported, or behind a
// pointer inside of another value and under another verb than %v; and
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
