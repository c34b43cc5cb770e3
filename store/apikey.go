package store

import (
	"context"
	"crypto/sha256"
	"time"
)

// APIKeys stores long-lived keys that users made for their scripts. A store
// that has it is named in a field of its own; nothing asks for it by type
// assertion.
type APIKeys interface {
	// CreateAPIKey adds a key. ErrConflict if its ID or its Digest is taken, in
	// which case the key that has it stays as it was.
	CreateAPIKey(ctx context.Context, k APIKey) error

	// APIKey returns the key with this digest, live, revoked or expired.
	// ErrNotFound if there is none.
	APIKey(ctx context.Context, digest Digest) (APIKey, error)

	// UserAPIKeys returns a user's keys that are not revoked, oldest first; none
	// is no error.
	UserAPIKeys(ctx context.Context, userID string) ([]APIKey, error)

	// UseAPIKey notes that a key was used. LastUsedAt never moves back. A key
	// that does not exist is no error.
	UseAPIKey(ctx context.Context, id string, at time.Time) error

	// RevokeAPIKey ends a key for good. It is committed when RevokeAPIKey
	// returns nil. A key that is revoked already keeps its first RevokedAt; one
	// that does not exist is no error. A zero time is refused with an error that
	// is no sentinel, and ends nothing.
	RevokeAPIKey(ctx context.Context, id string, at time.Time) error

	// DeleteExpiredAPIKeys forgets the keys whose ExpiresAt or RevokedAt is set
	// and not after before, and says how many they were. It forgets no other: a
	// key that neither ends nor was revoked stays for ever. A key that is being
	// written at that moment may be left to the next call.
	DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error)
}

// Digest is the SHA-256 of an API key. A key has more than 128 random bits, so
// that no slow hash is needed, and a look-up by digest tells nothing by its
// timing.
type Digest = [sha256.Size]byte

// APIKey is what is kept of a long-lived key: all but the key.
type APIKey struct {
	// ID names the key to its owner; it is no secret.
	ID string

	// Digest is the SHA-256 of the key.
	Digest Digest

	// UserID is the ID of the user whose key it is.
	UserID string

	// CredentialVersion is the one that the user had when the key was made, or
	// rather that of the session with which it was made: see [User]. It never
	// changes, and is empty for a user who had none.
	CredentialVersion string

	// Label tells the user which of their keys this is ("CI of the shop").
	Label string

	// Scopes narrow the key to a part of what the user may do; empty narrows
	// nothing.
	Scopes []string

	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: not yet
	RevokedAt  time.Time // zero: not revoked
}
