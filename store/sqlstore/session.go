package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	sessionColumns = "id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version, " +
		"authenticated_at, methods, actor"
	selectSession = "SELECT " + sessionColumns + " FROM sallyport_sessions "
)

// onePage returns a query for a page of a list, from the newest to the oldest: after is
// $2 and $3. MySQL uses no index for a comparison of two columns at once, and MariaDB
// begins at the newest of all rows, unless it is forced to use the index of the list.
func (f flavour) onePage(query, index string) statement {
	const order = " ORDER BY created_at DESC, id DESC LIMIT $4"
	both := query + "AND (created_at, id) < ($2, $3)" + order
	forced := strings.Replace(query, " WHERE ", " FORCE INDEX ("+index+") WHERE ", 1)
	return f.of(both, both, forced+"AND created_at <= $2 AND (created_at < $2 OR id < $3)"+order)
}

type sessionSQL struct {
	create, read, exists, advance, revoke, ofUser, revokeOfUser, revokedOfUser statement
	deleteEnded                                                                endedSQL
}

func newSessionSQL(f flavour) sessionSQL {
	// The expression of the index, or the column that has it.
	end := map[Dialect]string{SQLite: "min(idle_until, expires_at)", PostgreSQL: "LEAST(idle_until, expires_at)", MySQL: "ends_at"}[f.dialect]
	const revokeOfUser = "UPDATE sallyport_sessions SET revoked_at = $2 WHERE user_id = $1 AND id <> $3 AND revoked_at IS NULL"
	return sessionSQL{
		create: f.insertNew("sallyport_sessions", sessionColumns),
		read:   f.sql(selectSession + "WHERE id = $1"),
		exists: f.sql("SELECT EXISTS (SELECT 1 FROM sallyport_sessions WHERE id = $1)"),
		advance: f.sql("UPDATE sallyport_sessions SET generation = generation + 1, advanced_at = $3, idle_until = $4 " +
			"WHERE id = $1 AND generation = $2 AND revoked_at IS NULL"),
		revoke: f.sql("UPDATE sallyport_sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),
		ofUser: f.onePage(selectSession+"WHERE user_id = $1 AND revoked_at IS NULL ", "sallyport_sessions_user"),
		// Ordered, so that two concurrent calls for one user do not deadlock. On MySQL both
		// follow the index.
		revokeOfUser: f.of(
			revokeOfUser,
			"UPDATE sallyport_sessions SET revoked_at = $2 WHERE id = ANY (ARRAY("+
				"SELECT id FROM sallyport_sessions WHERE user_id = $1 AND id <> $3 AND revoked_at IS NULL ORDER BY id FOR UPDATE))",
			revokeOfUser,
		),
		revokedOfUser: f.sql("SELECT id FROM sallyport_sessions WHERE user_id = $1 AND revoked_at >= $2 AND advanced_at >= $2"),
		deleteEnded:   f.deleteEnded("sallyport_sessions", "id", end),
	}
}

// CreateSession adds a session; see [store.Sessions].
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	taken, err := s.insert(ctx, "CreateSession", s.session.create,
		n.ID, n.UserID, n.ClientID, array(n.Scopes), n.Generation, micros(n.CreatedAt), micros(n.AdvancedAt),
		micros(n.IdleUntil), micros(n.ExpiresAt), optional(n.RevokedAt), n.Label, n.CredentialVersion,
		optional(n.AuthenticatedAt), array(n.Methods), n.Actor)
	if err == nil && taken {
		return fmt.Errorf("sqlstore: CreateSession: the ID is taken: %w", store.ErrConflict)
	}
	return err
}

// Session returns the session with this ID; see [store.Sessions].
func (s *Store) Session(ctx context.Context, id string) (store.Session, error) {
	return one(ctx, s.db, "Session", asked(scanSession, func(s store.Session) bool { return s.ID == id }), s.session.read, id)
}

// AdvanceSession advances a session by one generation; see [store.Sessions]. The
// condition and the write are one statement, so no other write comes between
// them. Only a caller that has lost reads the session again, to learn the cause.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	rows, err := s.execOne(ctx, "AdvanceSession", s.session.advance, id, from, micros(at), micros(idleUntil))
	if err != nil || rows == 1 {
		return err
	}
	exists, err := one(ctx, s.db, "AdvanceSession", value[bool], s.session.exists, id)
	switch {
	case err != nil:
		return err
	case exists:
		return fmt.Errorf("sqlstore: AdvanceSession: %w", store.ErrConflict)
	}
	return fmt.Errorf("sqlstore: AdvanceSession: %w", store.ErrNotFound)
}

// RevokeSession ends a session; see [store.Sessions]. It returns an error if at
// is zero.
func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return s.revoke(ctx, "RevokeSession", s.session.revoke, at, id)
}

// UserSessions returns a page of a user's sessions that are not revoked, the newest
// first; see [store.Sessions].
func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	return many(ctx, s.db, "UserSessions", asked(scanSession, func(s store.Session) bool { return s.UserID == userID }), s.session.ofUser, userID, micros(after.CreatedAt), after.ID, limit)
}

// revokesFor limits the statement that ends all sessions of a user.
const revokesFor = time.Minute

// RevokeUserSessions ends all sessions of a user with one statement, and returns
// with another the IDs of those that were revoked, and advanced, at since or later;
// see [store.Sessions]. It returns an error if at is zero.
//
// A user with very many sessions may need longer than ctx allows.
// RevokeUserSessions then returns an error, and the first statement continues,
// for at most a minute: a cancelled statement would end no session, however often
// it is repeated.
//
// The two statements are not one with RETURNING: the rows that a failed call has
// revoked, or a concurrent one, would then be in the result of neither. And a
// client that disconnects while it reads the result would undo the revocation.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	const doing = "RevokeUserSessions"
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	revoked := make(chan error, 1)
	go func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokesFor)
		defer cancel()
		revoked <- s.revoke(within, doing, s.session.revokeOfUser, at, userID, except)
	}()
	select {
	case err := <-revoked:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("sqlstore: %s: sessions are still being ended: %w", doing, ctx.Err())
	}
	return many(ctx, s.db, doing, value[string], s.session.revokedOfUser, userID, micros(since))
}

// revoke runs a statement whose second argument is the time, and whose others are
// which.
func (s *Store) revoke(ctx context.Context, doing string, do statement, at time.Time, which ...any) error {
	if err := store.CheckRevocation(at); err != nil {
		return fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	_, err := s.exec(ctx, doing, do, slices.Insert(which, 1, any(micros(at)))...)
	return err
}

// DeleteExpiredSessions deletes the sessions that expired by before; see
// [store.Sessions]. It deletes 1000 at a time, commits them and pauses, so that
// no other call waits for long. If it fails, it returns how many it has deleted
// by then. On PostgreSQL and MySQL it skips sessions that another transaction is
// writing; the next call deletes them.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return s.deleteEnded(ctx, "DeleteExpiredSessions", s.session.deleteEnded, before)
}

func scanSession(r row) (store.Session, error) {
	var s store.Session
	err := r.Scan(&s.ID, &s.UserID, &s.ClientID, list{&s.Scopes}, &s.Generation, instant{&s.CreatedAt}, instant{&s.AdvancedAt},
		instant{&s.IdleUntil}, instant{&s.ExpiresAt}, instant{&s.RevokedAt}, &s.Label, &s.CredentialVersion,
		instant{&s.AuthenticatedAt}, list{&s.Methods}, &s.Actor)
	return s, err
}
