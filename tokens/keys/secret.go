package keys

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is symmetric key material: random bytes. If it is printed by fmt, logged
// by slog or marshalled as text, JSON or XML, alone or inside another value, it
// is written as "[redacted]". The conversions string(s) and []byte(s) return the
// bytes.
type Secret string

const redacted = "[redacted]"

// Format writes "[redacted]" for every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns "[redacted]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal reports whether two secrets are the same, in a time that depends only on
// their lengths.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(t)) == 1
}

// LooksRandom reports whether the secret has at least 8 different byte values. A
// random secret of 32 bytes does, and a placeholder or one repeated word does
// not. It does not prove that a secret is random.
func (s Secret) LooksRandom() bool {
	seen := map[byte]bool{}
	for i := range len(s) {
		seen[s[i]] = true
	}
	return len(seen) >= 8
}

// NewSecret returns 64 random bytes: enough for each HS algorithm and for a
// refresh key. Create a secret once and store it, so that it survives restarts
// and is the same on all nodes.
func NewSecret() Secret {
	var b [64]byte
	_, _ = rand.Read(b[:]) // never fails
	return Secret(b[:])
}
