// Package onmariadb is a store.Store on MariaDB, beside a table of users that was there.
package onmariadb

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlrows"
)

// Schema has the two tables.
//
//go:embed schema.sql
var Schema string

// Store keeps users and sessions.
type Store struct {
	db     *sql.DB
	hasher *passwords.Hasher
}

var _ store.Store = (*Store)(nil)

// Authenticate knows a user by their login.
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, hash, err := s.user(ctx, "login", login)
	u, renewed, err := s.hasher.Authenticate(ctx, password, u, hash, err)
	if renewed != "" {
		_, _ = sqlrows.Exec(ctx, s.db, `UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`, renewed, u.ID, hash)
	}
	return u, err
}

// User returns a user as they are now.
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	u, _, err := s.user(ctx, "id", id)
	return u, err
}

func (s *Store) user(ctx context.Context, column, key string) (u store.User, hash string, err error) {
	var scopes string
	err = sqlrows.Scan(s.db.QueryRowContext(ctx, `SELECT id, login, account, tier, seats, scopes, version, password_hash FROM users WHERE blocked = 0 AND `+column+` = ?`, key),
		&u.ID, &u.Login, &u.Account, &u.Tier, &u.Seats, &scopes, &u.CredentialVersion, &hash)
	u.Scopes = strings.Fields(scopes)
	return u, hash, err
}

// CreateSession adds a session. IGNORE would cut what is too long, so the columns hold
// all that the contract allows.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	row, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return sqlrows.Insert(ctx, s.db, `INSERT IGNORE INTO sessions (id, user_id, generation, created_at, ends_at, expires_at, revoked_at, session) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.UserID, n.Generation, n.CreatedAt.UnixMicro(), n.EndsAt().UnixMicro(), n.ExpiresAt.UnixMicro(),
		sql.NullInt64{Int64: n.RevokedAt.UnixMicro(), Valid: !n.RevokedAt.IsZero()}, row)
}

// Session returns a session.
func (s *Store) Session(ctx context.Context, id string) (found store.Session, err error) {
	err = sqlrows.JSON(ctx, s.db, &found, `SELECT session FROM sessions WHERE id = ?`, id)
	return found, err
}

// AdvanceSession is one statement.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	rows, err := sqlrows.Exec(ctx, s.db, `UPDATE sessions SET generation = generation + 1, ends_at = LEAST(?, expires_at),
		session = JSON_SET(session, '$.Generation', ?, '$.AdvancedAt', ?, '$.IdleUntil', ?)
		WHERE id = ? AND generation = ? AND revoked_at IS NULL`, idleUntil.UnixMicro(), from+1, text(at), text(idleUntil), id, from)
	if err != nil || rows == 1 {
		return err
	}
	_, err = s.Session(ctx, id)
	return cmp.Or(err, store.ErrConflict)
}

// RevokeSession ends a session.
func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return s.revoke(ctx, at, "id = ?", id)
}

func (s *Store) revoke(ctx context.Context, at time.Time, which string, args ...any) error {
	if err := store.CheckRevocation(at); err != nil {
		return err
	}
	_, err := sqlrows.Exec(ctx, s.db, `UPDATE sessions SET revoked_at = ?, session = JSON_SET(session, '$.RevokedAt', ?)
		WHERE revoked_at IS NULL AND `+which, append([]any{at.UnixMicro(), text(at)}, args...)...)
	return err
}

// RevokeUserSessions ends them, and then reads which.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) (ids []string, err error) {
	if err := s.revoke(ctx, at, "user_id = ? AND id <> ?", userID, except); err != nil {
		return nil, err
	}
	found, err := s.column(ctx, `SELECT id FROM sessions WHERE user_id = ? AND revoked_at >= ?`, userID, since.UnixMicro())
	for _, id := range found {
		ids = append(ids, string(id))
	}
	return ids, err
}

// UserSessions returns a page.
func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) (all []store.Session, err error) {
	rows, err := s.column(ctx, `SELECT session FROM sessions WHERE user_id = ? AND revoked_at IS NULL AND created_at <= ? AND (created_at < ? OR id < ?)
		ORDER BY created_at DESC, id DESC LIMIT ?`, userID, after.CreatedAt.UnixMicro(), after.CreatedAt.UnixMicro(), after.ID, limit)
	for _, row := range rows {
		var n store.Session
		if err := json.Unmarshal(row, &n); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, err
}

// column returns the one column of all rows.
func (s *Store) column(ctx context.Context, query string, args ...any) (all [][]byte, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var value []byte
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, rows.Err()
}

// DeleteExpiredSessions deletes a thousand at a time.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return sqlrows.DeleteBatches(ctx, s.db, `DELETE FROM sessions WHERE ends_at <= ? ORDER BY ends_at LIMIT 200`, before.UnixMicro())
}

// text is a time as encoding/json writes it.
func text(at time.Time) string { return at.Format(time.RFC3339Nano) }
