package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlrows"
)

// Store is the shop's own store.Store: its users and, beside them, their
// sessions. Errors of the driver go out as they come in: they mean "could not
// say", and only the three sentinels of package store mean something else.
type Store struct {
	db     *sql.DB
	hasher *passwords.Hasher
}

var _ store.Store = (*Store)(nil)

// Authenticate knows a user by their e-mail address. Somebody blocked is not
// found, and so costs the same hash as a wrong password and a wrong address.
//
// The user, and the CredentialVersion with it, is read together with the hash, and not
// again: the password may be changed while we hash. A hash of an older kind is replaced,
// but not one that was changed meanwhile. If that fails, the next login tries again.
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, hash, err := s.user(ctx, selectUser+"email = ?", login)
	u, renewed, err := s.hasher.Authenticate(ctx, password, u, hash, err)
	if renewed != "" {
		_, _ = sqlrows.Exec(ctx, s.db, `UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`, renewed, u.ID, hash)
	}
	return u, err
}

// User is asked at each refresh.
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	u, _, err := s.user(ctx, selectUser+"id = ?", id)
	return u, err
}

const selectUser = `SELECT id, email, company, plan, seats, permissions, login_version, password_hash FROM users WHERE blocked = 0 AND `

func (s *Store) user(ctx context.Context, query, key string) (u store.User, hash string, err error) {
	var permissions string
	err = sqlrows.Scan(s.db.QueryRowContext(ctx, query, key),
		&u.ID, &u.Login, &u.Account, &u.Tier, &u.Seats, &permissions, &u.CredentialVersion, &hash)
	u.Scopes = strings.Fields(permissions)
	return u, hash, err
}

// CreateSession stores the session as JSON, and beside it, in columns of their own,
// the fields that a condition names. It learns from the row count that the ID was
// taken, not from the driver's words for it.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	row, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return sqlrows.Insert(ctx, s.db, `INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, nullif(?, ?), ?) ON CONFLICT (id) DO NOTHING`,
		n.ID, n.UserID, n.Generation, n.CreatedAt.UnixMicro(), n.IdleUntil.UnixMicro(), n.ExpiresAt.UnixMicro(),
		n.RevokedAt.UnixMicro(), time.Time{}.UnixMicro(), string(row))
}

func (s *Store) Session(ctx context.Context, id string) (found store.Session, err error) {
	err = sqlrows.JSON(ctx, s.db, &found, `SELECT session FROM sessions WHERE id = ?`, id)
	return found, err
}

// AdvanceSession is one statement, whose condition and write nothing can come
// between. A SELECT before it would let two callers see the same generation,
// and both would win, in a transaction too.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	rows, err := sqlrows.Exec(ctx, s.db, `UPDATE sessions SET generation = generation + 1, idle_until = ?,
		session = json_set(session, '$.Generation', generation + 1, '$.AdvancedAt', ?, '$.IdleUntil', ?)
		WHERE id = ? AND generation = ? AND revoked_at IS NULL`, idleUntil.UnixMicro(), text(at), text(idleUntil), id, from)
	if err != nil || rows == 1 {
		return err
	}
	_, err = s.Session(ctx, id) // it has lost; this only says to what
	return cmp.Or(err, store.ErrConflict)
}

func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return s.revoke(ctx, at, "id = ?", id)
}

func (s *Store) revoke(ctx context.Context, at time.Time, which string, args ...any) error {
	if err := store.CheckRevocation(at); err != nil {
		return err
	}
	_, err := sqlrows.Exec(ctx, s.db, `UPDATE sessions SET revoked_at = ?, session = json_set(session, '$.RevokedAt', ?)
		WHERE revoked_at IS NULL AND `+which, append([]any{at.UnixMicro(), text(at)}, args...)...)
	return err
}

// RevokeUserSessions is two statements, so that a call after one that failed, or
// one at the same time, returns the same sessions. An UPDATE with RETURNING would
// return them to one of the two.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) (ids []string, err error) {
	if err := s.revoke(ctx, at, "user_id = ? AND id <> ?", userID, except); err != nil {
		return nil, err
	}
	err = sqlrows.JSON(ctx, s.db, &ids, `SELECT json_group_array(id) FROM sessions WHERE user_id = ? AND revoked_at >= ?`, userID, since.UnixMicro())
	return ids, err
}

func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) (all []store.Session, err error) {
	err = sqlrows.JSON(ctx, s.db, &all, `SELECT json_group_array(json(session)) FROM (
		SELECT session FROM sessions WHERE user_id = ? AND revoked_at IS NULL AND (created_at, id) < (?, ?)
		ORDER BY created_at DESC, id DESC LIMIT ?)`, userID, after.CreatedAt.UnixMicro(), after.ID, limit)
	return all, err
}

// DeleteExpiredSessions is what Authority.Sweep calls. SQLite has one writer at a
// time, so it takes a thousand at once and lets others have their turn.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return sqlrows.DeleteBatches(ctx, s.db, `DELETE FROM sessions WHERE id IN (
		SELECT id FROM sessions WHERE min(idle_until, expires_at) <= ? LIMIT 1000)`, before.UnixMicro())
}

// text is a time as encoding/json writes it.
func text(at time.Time) string { return at.Format(time.RFC3339Nano) }
