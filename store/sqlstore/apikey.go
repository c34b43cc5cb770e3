package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	keyColumns = "id, digest, user_id, label, scopes, created_at, expires_at, last_used_at, revoked_at, credential_version, " +
		"owner_kind, owner_id, hint, networks, successor"
	selectKey = "SELECT " + keyColumns + " FROM sallyport_api_keys "
)

type keySQL struct {
	create, read, readByID, exists, ofUser, ofOther, use, replace, revoke statement
	deleteEnded                                                           endedSQL
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
		read:     f.SQL(selectKey + "WHERE digest = $1"),
		readByID: f.SQL(selectKey + "WHERE id = $1"),
		exists:   f.SQL("SELECT EXISTS (SELECT 1 FROM sallyport_api_keys WHERE id = $1)"),
		ofUser:   f.onePage(selectKey+"WHERE user_id = $1 AND owner_kind = $5 AND revoked_at IS NULL ", "sallyport_api_keys_user"),
		// The second condition on the kind is that of the index.
		ofOther: f.onePage(selectKey+"WHERE owner_id = $1 AND owner_kind = $5 AND owner_kind <> '' AND revoked_at IS NULL ", "sallyport_api_keys_owner"),
		use:     f.SQL("UPDATE sallyport_api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)"),
		replace: f.SQL("UPDATE sallyport_api_keys SET successor = $3, expires_at = CASE WHEN expires_at < $4 THEN expires_at ELSE $4 END " +
			"WHERE id = $1 AND successor = $2 AND revoked_at IS NULL"),
		revoke: f.SQL("UPDATE sallyport_api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),

		deleteEnded: f.deleteEnded("sallyport_api_keys", "id", end),
	}
}

// inUserColumn returns the ID of an owner as it is stored: that of a user in user_id,
// and that of any other owner in owner_id. A release that knows users only finds no
// user in the row of another owner, and rejects the key.
func inUserColumn(o store.Owner) (userID, ownerID string) {
	if o.Kind == store.OwnerUser {
		return o.ID, ""
	}
	return "", o.ID
}

// CreateAPIKey adds a key; see [store.APIKeys]. It does not limit how many keys an
// owner has.
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	userID, ownerID := inUserColumn(k.Owner)
	taken, err := s.insert(ctx, "CreateAPIKey", s.key.create,
		k.ID, k.Digest[:], userID, k.Label, array(k.Scopes), micros(k.CreatedAt),
		optional(k.ExpiresAt), optional(k.LastUsedAt), optional(k.RevokedAt), k.CredentialVersion,
		string(k.Owner.Kind), ownerID, k.Hint, networkTexts(k.Networks), k.Successor)
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

// OwnerAPIKeys returns a page of an owner's keys that are not revoked, the newest
// first; see [store.APIKeys].
func (s *Store) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	query := s.key.ofOther
	if owner.Kind == store.OwnerUser {
		query = s.key.ofUser
	}
	return many(ctx, s.db, "OwnerAPIKeys", asked(scanKey, func(k store.APIKey) bool { return k.Owner == owner }), query,
		owner.ID, micros(after.CreatedAt), after.ID, limit, string(owner.Kind))
}

// UseAPIKey records that a key was used; see [store.APIKeys].
func (s *Store) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	_, err := s.execOne(ctx, "UseAPIKey", s.key.use, id, optional(at))
	return err
}

// ReplaceAPIKey names the successor of a key; see [store.APIKeys]. The condition and
// the write are one statement. Only a caller that has lost reads the key again, to
// learn the cause. It returns an error if until is zero.
func (s *Store) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	const doing = "ReplaceAPIKey"
	if until.IsZero() {
		return fmt.Errorf("sqlstore: %s: until must not be zero: the key would never expire", doing)
	}
	rows, err := s.execOne(ctx, doing, s.key.replace, id, from, successor, micros(until))
	if err != nil || rows == 1 {
		return err
	}
	exists, err := one(ctx, s.db, doing, value[bool], s.key.exists, id)
	switch {
	case err != nil:
		return err
	case exists:
		return fmt.Errorf("sqlstore: %s: %w", doing, store.ErrConflict)
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, store.ErrNotFound)
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
	var userID string
	err := r.Scan(&k.ID, digest{&k.Digest}, &userID, &k.Label, list{&k.Scopes},
		instant{&k.CreatedAt}, instant{&k.ExpiresAt}, instant{&k.LastUsedAt}, instant{&k.RevokedAt}, &k.CredentialVersion,
		(*string)(&k.Owner.Kind), &k.Owner.ID, &k.Hint, networks{&k.Networks}, &k.Successor)
	if k.Owner.Kind == store.OwnerUser {
		k.Owner.ID = userID
	}
	return k, err
}
