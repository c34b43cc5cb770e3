package store

import (
	"context"
	"crypto/sha256"
	"time"
)

// APIKeys stores long-lived keys that users create for their programs. It is
// optional: see the field of this name in the Config of package tokens.
type APIKeys interface {
	// CreateAPIKey adds a key. It returns ErrConflict if its ID or its Digest is
	// taken, and does not change the key that has it.
	CreateAPIKey(ctx context.Context, k APIKey) error

	// APIKey returns the key with this digest, whether it is active, revoked or
	// expired. It returns ErrNotFound if there is none.
	APIKey(ctx context.Context, digest Digest) (APIKey, error)

	// APIKeyByID returns the key with this ID, whether it is active, revoked or
	// expired. It returns ErrNotFound if there is none.
	APIKeyByID(ctx context.Context, id string) (APIKey, error)

	// UserAPIKeys returns a page of the user's keys that are not revoked, as
	// UserSessions returns one of sessions; a user without keys is not an error.
	UserAPIKeys(ctx context.Context, userID string, after Cursor, limit int) ([]APIKey, error)

	// UseAPIKey records that a key was used. LastUsedAt never becomes earlier. A key
	// that does not exist is not an error.
	UseAPIKey(ctx context.Context, id string, at time.Time) error

	// RevokeAPIKey ends a key permanently. It is committed when RevokeAPIKey returns
	// nil. A key that is revoked already keeps its first RevokedAt; one that does
	// not exist is not an error. A zero time is rejected with an error that is not a
	// sentinel, and ends nothing.
	RevokeAPIKey(ctx context.Context, id string, at time.Time) error

	// DeleteExpiredAPIKeys deletes the keys whose ExpiresAt or RevokedAt is set and
	// not after before, and returns how many that was. It deletes no other: a key
	// that neither expires nor was revoked stays forever. A key that is being
	// written at that moment may be left to the next call.
	DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error)
}

// Digest is the SHA-256 of an API key or of a client secret. Both must be random,
// of 128 bits or more. Then a slow hash is not needed, and the timing of a lookup
// by digest reveals nothing about the key.
type Digest = [sha256.Size]byte

// APIKey is the row of a long-lived key. It does not contain the key.
type APIKey struct {
	// ID identifies the key for its owner. It is not secret.
	ID string

	// Digest is the SHA-256 of the key.
	Digest Digest

	// UserID is the ID of the user whose key it is.
	UserID string

	// CredentialVersion is that of the user, or of the session with which the key
	// was created: see [User]. It never changes. Empty: the user had none.
	CredentialVersion string

	// Label tells the user which of their keys this is, for example "CI of the
	// shop".
	Label string

	// Scopes limit the key to a part of what the user may do, each a scope-token
	// (RFC 6749 §3.3). Empty: they do not limit it.
	Scopes []string

	// CreatedAt is when the key was created.
	CreatedAt time.Time

	// ExpiresAt is when the key expires. Zero: never.
	ExpiresAt time.Time

	// LastUsedAt is when the key was last exchanged. Zero: never.
	LastUsedAt time.Time

	// RevokedAt is when the key was revoked. Zero: it is not revoked.
	RevokedAt time.Time
}
