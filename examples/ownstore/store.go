package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
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
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, hash, err := s.user(ctx, selectUser+"email = ?", login)
	renew := false
	switch {
	case err == nil:
		renew, err = s.hasher.Verify(ctx, hash, password)
	case errors.Is(err, store.ErrNotFound):
		err = s.hasher.VerifyUnknown(ctx, password)
	}
	switch {
	case errors.Is(err, passwords.ErrMismatch):
		return store.User{}, store.ErrBadCredentials
	case err != nil:
		return store.User{}, err
	}
	// u, and its CredentialVersion with it, was read together with the hash. It is
	// not read again: the password may have been changed while we hashed.
	if renew { // the hash is of an older kind, and only now the password is here
		s.renew(ctx, u.ID, hash, password)
	}
	return u, nil
}

// User is asked at each refresh.
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	u, _, err := s.user(ctx, selectUser+"id = ?", id)
	return u, err
}

const selectUser = `SELECT id, email, company, plan, seats, permissions, login_version, password_hash FROM users WHERE blocked = 0 AND `

func (s *Store) user(ctx context.Context, query, key string) (u store.User, hash string, err error) {
	var permissions string
	err = s.db.QueryRowContext(ctx, query, key).Scan(&u.ID, &u.Login, &u.Account, &u.Tier, &u.Seats, &permissions, &u.CredentialVersion, &hash)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.User{}, "", store.ErrNotFound
	case err != nil:
		return store.User{}, "", err
	}
	u.Scopes = strings.Fields(permissions)
	return u, hash, nil
}

// renew leaves a password alone that was changed meanwhile. If it fails, the
// next login tries again.
func (s *Store) renew(ctx context.Context, id, old, password string) {
	if hash, err := s.hasher.Hash(ctx, password); err == nil {
		_, _ = s.exec(ctx, `UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`, hash, id, old)
	}
}

// CreateSession stores the session as JSON, and beside it, in columns of their own,
// the fields that a condition names. It learns from the row count that the ID was
// taken, not from the driver's words for it.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	row, err := json.Marshal(n)
	if err != nil {
		return err
	}
	rows, err := s.exec(ctx, `INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, nullif(?, ?), ?) ON CONFLICT (id) DO NOTHING`,
		n.ID, n.UserID, n.Generation, n.CreatedAt.UnixMicro(), n.IdleUntil.UnixMicro(), n.ExpiresAt.UnixMicro(),
		n.RevokedAt.UnixMicro(), time.Time{}.UnixMicro(), string(row))
	if err == nil && rows == 0 {
		return store.ErrConflict
	}
	return err
}

func (s *Store) Session(ctx context.Context, id string) (found store.Session, err error) {
	err = s.query(ctx, &found, `SELECT session FROM sessions WHERE id = ?`, id)
	return found, err
}

// AdvanceSession is one statement, whose condition and write nothing can come
// between. A SELECT before it would let two callers see the same generation,
// and both would win, in a transaction too.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	rows, err := s.exec(ctx, `UPDATE sessions SET generation = generation + 1, idle_until = ?,
		session = json_set(session, '$.Generation', generation + 1, '$.AdvancedAt', ?, '$.IdleUntil', ?)
		WHERE id = ? AND generation = ? AND revoked_at IS NULL`, idleUntil.UnixMicro(), text(at), text(idleUntil), id, from)
	if err != nil || rows == 1 {
		return err
	}
	if _, err := s.Session(ctx, id); err != nil { // it has lost; this only says to what
		return err
	}
	return store.ErrConflict
}

func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return s.revoke(ctx, at, "id = ?", id)
}

func (s *Store) revoke(ctx context.Context, at time.Time, which string, args ...any) error {
	if at.IsZero() {
		return errors.New("the time of a revocation must not be zero: a zero time means that the session was not revoked")
	}
	_, err := s.exec(ctx, `UPDATE sessions SET revoked_at = ?, session = json_set(session, '$.RevokedAt', ?)
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
	err = s.query(ctx, &ids, `SELECT json_group_array(id) FROM sessions WHERE user_id = ? AND revoked_at >= ?`, userID, since.UnixMicro())
	return ids, err
}

func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) (all []store.Session, err error) {
	err = s.query(ctx, &all, `SELECT json_group_array(json(session)) FROM (
		SELECT session FROM sessions WHERE user_id = ? AND revoked_at IS NULL AND (created_at, id) < (?, ?)
		ORDER BY created_at DESC, id DESC LIMIT ?)`, userID, after.CreatedAt.UnixMicro(), after.ID, limit)
	return all, err
}

// DeleteExpiredSessions is what Authority.Sweep calls. SQLite has one writer at a
// time, so it takes a thousand at once and lets others have their turn.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (gone int, err error) {
	for {
		rows, err := s.exec(ctx, `DELETE FROM sessions WHERE id IN (
			SELECT id FROM sessions WHERE min(idle_until, expires_at) <= ? LIMIT 1000)`, before.UnixMicro())
		gone += int(rows)
		if err != nil || rows < 1000 {
			return gone, err
		}
	}
}

// query decodes the one column of the one row that a statement finds, which is JSON.
func (s *Store) query(ctx context.Context, into any, statement string, args ...any) error {
	var found []byte
	err := s.db.QueryRowContext(ctx, statement, args...).Scan(&found)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case err != nil:
		return err
	}
	return json.Unmarshal(found, into)
}

// exec says how many rows a statement has changed.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := s.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// text is a time as encoding/json writes it.
func text(at time.Time) string { return at.Format(time.RFC3339Nano) }
