package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	keyColumns = "id, digest, user_id, label, scopes, created_at, expires_at, last_used_at, revoked_at, credential_version"
	selectKey  = "SELECT " + keyColumns + " FROM sallyport_api_keys "
)

type keySQL struct {
	create, read, readByID, ofUser, use, revoke statement
	deleteEnded                                 endedSQL
}

func newKeySQL(f flavour) keySQL {
	// The expression of the index, or the column that has it. LEAST of PostgreSQL ignores
	// NULL; SQLite's min does not.
	end := map[Dialect]string{
		SQLite:     "min(ifnull(expires_at, revoked_at), ifnull(revoked_at, expires_at))",
		PostgreSQL: "LEAST(expires_at, revoked_at)",
		MySQL:      "ends_at",
	}[f.dialect]
	return keySQL{
		create:   f.insertNew("sallyport_api_keys", keyColumns), // neither the ID nor the digest is taken
		read:     f.sql(selectKey + "WHERE digest = $1"),
		readByID: f.sql(selectKey + "WHERE id = $1"),
		ofUser:   f.onePage(selectKey + "WHERE user_id = $1 AND revoked_at IS NULL "),
		use:      f.sql("UPDATE sallyport_api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)"),
		revoke:   f.sql("UPDATE sallyport_api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),

		deleteEnded: f.deleteEnded("sallyport_api_keys", "id", end),
	}
}

// CreateAPIKey adds a key; see [store.APIKeys]. It does not limit how many keys a
// user has.
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	taken, err := s.insert(ctx, "CreateAPIKey", s.key.create,
		k.ID, k.Digest[:], k.UserID, k.Label, array(k.Scopes), micros(k.CreatedAt),
		optional(k.ExpiresAt), optional(k.LastUsedAt), optional(k.RevokedAt), k.CredentialVersion)
	if err == nil && taken {
		return fmt.Errorf("sqlstore: CreateAPIKey: the ID or the digest is taken: %w", store.ErrConflict)
	}
	return err
}

// APIKey returns the key with this digest; see [store.APIKeys].
func (s *Store) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	return one(ctx, s.db, "APIKey", asked(scanKey, func(k store.APIKey) bool { return k.Digest == digest }), s.key.read, digest[:])
}

// APIKeyByID returns the key with this ID; see [store.APIKeys].
func (s *Store) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	return one(ctx, s.db, "APIKeyByID", asked(scanKey, func(k store.APIKey) bool { return k.ID == id }), s.key.readByID, id)
}

// UserAPIKeys returns a page of a user's keys that are not revoked, the newest
// first; see [store.APIKeys].
func (s *Store) UserAPIKeys(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.APIKey, error) {
	return many(ctx, s.db, "UserAPIKeys", asked(scanKey, func(k store.APIKey) bool { return k.UserID == userID }), s.key.ofUser, userID, micros(after.CreatedAt), after.ID, limit)
}

// UseAPIKey records that a key was used; see [store.APIKeys].
func (s *Store) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	_, err := s.execOne(ctx, "UseAPIKey", s.key.use, id, optional(at))
	return err
}

// RevokeAPIKey ends a key; see [store.APIKeys]. It returns an error if at is
// zero.
func (s *Store) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	return s.revoke(ctx, "RevokeAPIKey", s.key.revoke, at, id)
}

// DeleteExpiredAPIKeys deletes the keys that expired or were revoked by before;
// see [store.APIKeys]. It deletes in batches, as DeleteExpiredSessions does.
func (s *Store) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error) {
	return s.deleteEnded(ctx, "DeleteExpiredAPIKeys", s.key.deleteEnded, before)
}

func scanKey(r row) (store.APIKey, error) {
	var k store.APIKey
	err := r.Scan(&k.ID, digest{&k.Digest}, &k.UserID, &k.Label, list{&k.Scopes},
		instant{&k.CreatedAt}, instant{&k.ExpiresAt}, instant{&k.LastUsedAt}, instant{&k.RevokedAt}, &k.CredentialVersion)
	return k, err
}
