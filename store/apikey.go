package store

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"time"
)

// APIKeys stores long-lived keys for programs. It is optional: see the field of this
// name in the Config of package tokens.
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

	// OwnerAPIKeys returns a page of the owner's keys that are not revoked, as
	// UserSessions returns one of sessions; an owner without keys is not an error.
	// Owners of different kinds are different, even if they have one ID.
	OwnerAPIKeys(ctx context.Context, owner Owner, after Cursor, limit int) ([]APIKey, error)

	// UseAPIKey records that a key was used. LastUsedAt never becomes earlier. A key
	// that does not exist is not an error.
	UseAPIKey(ctx context.Context, id string, at time.Time) error

	// ReplaceAPIKey sets the Successor of a key whose Successor is still from, and sets
	// its ExpiresAt to until unless it expires earlier, in one atomic step. Of any number
	// of callers with the same from exactly one gets nil, if their successors differ
	// from it. The others, callers with a from that is not the key's Successor, and
	// callers after a revocation get ErrConflict and change nothing. It returns
	// ErrNotFound if there is no such key. An until of zero is rejected with an error
	// that is not a sentinel, and changes nothing.
	ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error

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

	// Hint is the last four characters of the key, by which people recognize it. They
	// are part of its checksum: at least 110 random bits of the key stay unknown. Empty:
	// the key was created by a release that did not store it.
	Hint string

	// Owner is whose key it is. It never changes.
	Owner Owner

	// CredentialVersion is that of the user, or of the session with which the key
	// was created: see [User]. It never changes. Empty: the owner had none.
	CredentialVersion string

	// Label tells the owner which of their keys this is, for example "CI of the
	// shop".
	Label string

	// Scopes limit the key to a part of what the owner may do, each a scope-token
	// (RFC 6749 §3.3). Empty: they do not limit it.
	Scopes []string

	// Networks are where the key may be used, at most [MaxNetworks]: see
	// [APIKey.AllowedFrom]. Each has no bits set behind its length, and is not IPv4 as
	// IPv6 (::ffff:0:0/96). Empty: anywhere.
	Networks []netip.Prefix

	// CreatedAt is when the key was created.
	CreatedAt time.Time

	// ExpiresAt is when the key expires. Zero: never.
	ExpiresAt time.Time

	// Successor is the ID of the key that replaces this one. Empty: none does.
	Successor string

	// LastUsedAt is when the key was last exchanged. Zero: never.
	LastUsedAt time.Time

	// RevokedAt is when the key was revoked. Zero: it is not revoked.
	RevokedAt time.Time
}

// MaxNetworks is the maximum number of Networks of a key.
const MaxNetworks = 32

// AllowedFrom reports whether a client with this address may use the key. An IPv4
// address that is written as IPv6 counts as IPv4, and a zone is ignored. If the key has
// Networks, an address that is not valid is in none of them.
func (k APIKey) AllowedFrom(address netip.Addr) bool {
	if len(k.Networks) == 0 {
		return true
	}
	address = address.Unmap().WithZone("")
	for _, network := range k.Networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}
