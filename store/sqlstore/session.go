package sqlstore

import (
	"context"
	"fmt"
	"iter"
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
	return f.Of(both, both, forced+"AND created_at <= $2 AND (created_at < $2 OR id < $3)"+order)
}

type sessionSQL struct {
	create, read, lost, exists, advance, revoke, ofUser, users, endedOfUser statement
	deleteEnded                                                             endedSQL
}

func newSessionSQL(f flavour) sessionSQL {
	// The expression of the index, or the column that has it.
	end := map[Dialect]string{SQLite: "min(idle_until, expires_at)", PostgreSQL: "LEAST(idle_until, expires_at)", MySQL: "ends_at"}[f.dialect]
	const (
		withEpoch = "FROM sallyport_sessions AS s LEFT JOIN sallyport_epochs AS e ON e.user_id = s.user_id AND e.epoch = s.epoch "
		revokedAt = "COALESCE(s.revoked_at, e.ended_at)"

		// What ended with its epoch, and what was revoked by itself: each by an index that
		// no refresh changes, so that it is of the sessions of these epochs that all are
		// read to find those that were used since.
		ofEpochs    = "SELECT s.id FROM sallyport_epochs AS e %s sallyport_sessions AS s %sON s.user_id = e.user_id AND s.epoch = e.epoch "
		withEnded   = ofEpochs + "WHERE e.user_id = $1 AND e.ended_at >= $2 AND s.revoked_at IS NULL AND s.advanced_at >= $2 UNION ALL "
		endedOfUser = withEnded + "SELECT id FROM sallyport_sessions WHERE user_id = $1 AND revoked_at >= $2 AND advanced_at >= $2"

		// The index of MySQL is one for both. An epoch comes first in it.
		endedOfUserMySQL = withEnded + ofEpochs + "WHERE e.user_id = $1 AND s.revoked_at >= $2 AND s.advanced_at >= $2"
		byUser           = "FORCE INDEX (sallyport_sessions_user) "
	)
	all := strings.Replace("s."+strings.ReplaceAll(sessionColumns, ", ", ", s."), "s.revoked_at", revokedAt, 1)
	return sessionSQL{
		create: f.createSession(),
		read:   f.SQL("SELECT " + all + " " + withEpoch + "WHERE s.id = $1"),
		// Whether the session could have been advanced: then its epoch is missing, or it
		// was moved to the next epoch meanwhile.
		lost:   f.SQL("SELECT s.user_id, s.generation = $2 AND " + revokedAt + " IS NULL " + withEpoch + "WHERE s.id = $1"),
		exists: f.SQL("SELECT EXISTS (SELECT 1 FROM sallyport_sessions WHERE id = $1)"),
		advance: f.SQL("UPDATE sallyport_sessions SET generation = generation + 1, advanced_at = $3, idle_until = $4 " +
			"WHERE id = $1 AND generation = $2 AND revoked_at IS NULL AND " + fmt.Sprintf(epochActive, f.lockEpoch())),
		revoke: f.SQL("UPDATE sallyport_sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL AND NOT " + epochEnded),
		ofUser: f.onePage(selectSession+"WHERE user_id = $1 AND epoch = "+currentEpoch+" AND revoked_at IS NULL ", "sallyport_sessions_user"),
		users:  f.SQL("SELECT DISTINCT user_id FROM sallyport_sessions WHERE user_id > $1 AND revoked_at IS NULL ORDER BY user_id LIMIT $2"),
		endedOfUser: f.Of(fmt.Sprintf(endedOfUser, "JOIN", ""), fmt.Sprintf(endedOfUser, "JOIN", ""),
			fmt.Sprintf(endedOfUserMySQL, "STRAIGHT_JOIN", byUser, "STRAIGHT_JOIN", byUser)),
		deleteEnded: f.deleteEnded("sallyport_sessions", "id", end),
	}
}

// createSession returns a statement that inserts a session into the current epoch of its
// user, and no row if its ID is taken, or if there is no epoch that lasts until the
// session expires. See flavour.insertNew.
func (f flavour) createSession() statement {
	texts := []string{"id", "user_id", "client_id", "scopes", "label", "credential_version", "methods", "actor"}
	columns := strings.Split(sessionColumns, ", ")
	values := make([]string, len(columns))
	for i, column := range columns {
		values[i] = fmt.Sprintf("$%d", i+1)
		switch {
		case f.dialect != PostgreSQL:
		case slices.Contains(texts, column):
			values[i] += "::text"
		default:
			values[i] += "::bigint"
		}
	}
	insert := "INSERT INTO sallyport_sessions (" + sessionColumns + ", epoch) SELECT " + strings.Join(values, ", ") + ", e.epoch " +
		"FROM sallyport_epochs AS e WHERE e.user_id = $2 AND e.ended_at IS NULL AND e.until >= $9" + f.lockEpoch()
	const conflict = " ON CONFLICT DO NOTHING"
	return f.Of(insert+conflict, insert+conflict, insert+" ON DUPLICATE KEY UPDATE id = IF(LAST_INSERT_ID(1) = 1, id, id)")
}

// CreateSession adds a session; see [store.Sessions]. If it is the first of its user, or
// expires later than all others by more than a month, it also writes the user's epoch.
func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
	const doing = "CreateSession"
	for range epochTries {
		rows, err := s.insertSession(ctx, doing, n)
		if err != nil || rows == 1 {
			return err
		}
		taken, err := one(ctx, s.db, doing, value[bool], s.session.exists, n.ID)
		switch {
		case err != nil:
			return err
		case taken:
			return fmt.Errorf("sqlstore: %s: the ID is taken: %w", doing, store.ErrConflict)
		}
		if err := s.beginEpoch(ctx, doing, n.UserID, n.ExpiresAt.Add(untilMargin)); err != nil {
			return err
		}
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, errUnsettled)
}

// insertSession returns how many rows were inserted.
func (s *Store) insertSession(ctx context.Context, doing string, n store.Session) (int64, error) {
	result, err := s.run(ctx, doing, s.session.create, []any{
		n.ID, n.UserID, n.ClientID, array(n.Scopes), n.Generation, micros(n.CreatedAt), micros(n.AdvancedAt),
		micros(n.IdleUntil), micros(n.ExpiresAt), optional(n.RevokedAt), n.Label, n.CredentialVersion,
		optional(n.AuthenticatedAt), array(n.Methods), n.Actor,
	})
	if err != nil {
		return 0, err
	}
	if s.dialect == MySQL {
		if found, err := result.LastInsertId(); err != nil || found == 1 {
			return 0, err // the ID is taken, even if the row counts as one
		}
	}
	rows, err := result.RowsAffected()
	switch {
	case err != nil:
		return 0, fmt.Errorf("sqlstore: %s: %w", doing, err)
	case rows != 0 && rows != 1:
		return 0, fmt.Errorf("sqlstore: %s: %d rows were changed: %w", doing, rows, errMixedUp)
	}
	return rows, nil
}

// Session returns the session with this ID; see [store.Sessions].
func (s *Store) Session(ctx context.Context, id string) (store.Session, error) {
	return one(ctx, s.db, "Session", asked(scanSession, func(s store.Session) bool { return s.ID == id }), s.session.read, id)
}

// AdvanceSession advances a session by one generation; see [store.Sessions]. The
// condition and the write are one statement, so no other write comes between
// them. Only a caller that has lost reads the session again, to learn the cause.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	const doing = "AdvanceSession"
	for range epochTries {
		rows, err := s.execOne(ctx, doing, s.session.advance, id, from, micros(at), micros(idleUntil))
		if err != nil || rows == 1 {
			return err
		}
		because, err := one(ctx, s.db, doing, scanLost, s.session.lost, id, from)
		switch {
		case err != nil:
			return err
		case !because.again:
			return fmt.Errorf("sqlstore: %s: %w", doing, store.ErrConflict)
		}
		if err := s.beginEpoch(ctx, doing, because.userID, time.Time{}); err != nil {
			return err
		}
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, errUnsettled)
}

// lost is why a session was not advanced.
type lost struct {
	userID string
	again  bool // it may be advanced yet
}

func scanLost(r row) (l lost, err error) {
	err = r.Scan(&l.userID, &l.again)
	return l, err
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

// UsersWithSessions yields the ID of each user who has a session that was not revoked by
// itself, in the order of their bytes, each once: for a program that lists or ends the
// sessions of all users. The sessions of such a user may all have expired, or ended by
// RevokeUserSessions: UserSessions returns those that have not. It reads 1000 users at a
// time, so a user who logs in meanwhile may be missing. If a read fails, it yields the
// error, and ends.
func (s *Store) UsersWithSessions(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for after := ""; ; {
			users, err := many(ctx, s.db, "UsersWithSessions", value[string], s.session.users, after, store.MaxPage)
			if err != nil {
				yield("", err)
				return
			}
			for _, user := range users {
				if !yield(user, nil) {
					return
				}
			}
			if len(users) < store.MaxPage {
				return
			}
			after = users[len(users)-1]
		}
	}
}

// revoke runs a statement whose second argument is the time, and whose first is which.
func (s *Store) revoke(ctx context.Context, doing string, do statement, at time.Time, which string) error {
	if err := store.CheckRevocation(at); err != nil {
		return fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	_, err := s.exec(ctx, doing, do, which, micros(at))
	return err
}

// DeleteExpiredSessions deletes the sessions that expired by before; see
// [store.Sessions]. It deletes 1000 at a time, commits them and pauses, so that
// no other call waits for long. If it fails, it returns how many it has deleted
// by then. On PostgreSQL and MySQL it skips sessions that another transaction is
// writing; the next call deletes them. Then it deletes what it keeps of users whose
// sessions are all gone.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	const doing = "DeleteExpiredSessions"
	gone, err := s.deleteEnded(ctx, doing, s.session.deleteEnded, before)
	if err == nil {
		_, err = s.deleteEnded(ctx, doing, s.epoch.deleteEnded, before)
	}
	return gone, err
}

func scanSession(r row) (store.Session, error) {
	var s store.Session
	err := r.Scan(&s.ID, &s.UserID, &s.ClientID, list{&s.Scopes}, &s.Generation, instant{&s.CreatedAt}, instant{&s.AdvancedAt},
		instant{&s.IdleUntil}, instant{&s.ExpiresAt}, instant{&s.RevokedAt}, &s.Label, &s.CredentialVersion,
		instant{&s.AuthenticatedAt}, list{&s.Methods}, &s.Actor)
	return s, err
}
