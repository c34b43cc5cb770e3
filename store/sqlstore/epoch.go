package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// The sessions of a user belong to epochs, which are numbered from 0. A new session
// belongs to the current one, which has no ended_at. RevokeUserSessions ends it, and
// with it all its sessions, however many they are, and begins the next; the session
// that it leaves moves there. So a session is active if neither it nor its epoch has
// ended.
//
// Creating and advancing a session locks its epoch, which must not have ended, until
// the statement is committed; many may do so at once. Ending an epoch waits for them,
// and they wait for it. So what was created or advanced before the end is seen by the
// query that follows it, and nothing is afterwards. On SQLite one statement writes at
// a time.
//
// An epoch is deleted when its sessions are, but for those that were revoked by
// themselves: until is not before the last of them expires, if it is known.
const epochColumns = "user_id, epoch, ended_at, until"

// untilMargin is how much later than a session's end the until of an epoch is set, so
// that one login a month writes it.
const untilMargin = 30 * 24 * time.Hour

// epochTries limits how often a call is made again that finds no epoch, or one that
// another call has just ended.
const epochTries = 8

type epochSQL struct {
	begin, extend, current, hasSessions, end, keep, next statement
	deleteEnded                                          endedSQL
}

const (
	// epochActive is a condition on the session's epoch, which %s locks.
	epochActive = "EXISTS (SELECT 1 FROM sallyport_epochs AS e WHERE e.user_id = sallyport_sessions.user_id AND e.epoch = sallyport_sessions.epoch " +
		"AND e.ended_at IS NULL%s)"

	epochEnded = "EXISTS (SELECT 1 FROM sallyport_epochs AS e WHERE e.user_id = sallyport_sessions.user_id AND e.epoch = sallyport_sessions.epoch " +
		"AND e.ended_at IS NOT NULL)"

	// currentEpoch is the number of the user $1's: if there is none, it will be the next.
	currentEpoch = "COALESCE((SELECT CASE WHEN ended_at IS NULL THEN epoch ELSE epoch + 1 END FROM sallyport_epochs " +
		"WHERE user_id = $1 ORDER BY epoch DESC LIMIT 1), 0)"
)

// lockEpoch is the clause that locks an epoch beside others who do the same.
func (f flavour) lockEpoch() string {
	return map[Dialect]string{SQLite: "", PostgreSQL: " FOR SHARE", MySQL: " LOCK IN SHARE MODE"}[f.dialect]
}

func newEpochSQL(f flavour) epochSQL {
	const (
		none = "WHERE NOT EXISTS (SELECT 1 FROM sallyport_epochs WHERE user_id = $1 AND ended_at IS NULL) "
		gone = "FROM sallyport_epochs AS e WHERE e.until <= $1 AND NOT EXISTS " +
			"(SELECT 1 FROM sallyport_sessions AS s WHERE s.user_id = e.user_id AND s.epoch = e.epoch AND s.revoked_at IS NULL)"
	)
	begin := "INSERT INTO sallyport_epochs (" + epochColumns + ") SELECT %s, " + currentEpoch + ", NULL, $2 "
	return epochSQL{
		// Of two who begin one at once the first has done it.
		begin: f.Of(
			fmt.Sprintf(begin, "$1")+none+"ON CONFLICT DO NOTHING",
			fmt.Sprintf(begin, "$1::text")+none+"ON CONFLICT DO NOTHING",
			fmt.Sprintf(begin, "$1")+"FROM DUAL "+none+"ON DUPLICATE KEY UPDATE sallyport_epochs.until = sallyport_epochs.until",
		),
		extend: f.SQL("UPDATE sallyport_epochs SET until = $2 WHERE user_id = $1 AND ended_at IS NULL AND until < $2"),
		current: f.SQL("SELECT e.epoch, EXISTS (SELECT 1 FROM sallyport_sessions AS s " +
			"WHERE s.user_id = e.user_id AND s.epoch = e.epoch AND s.revoked_at IS NULL AND s.id <> $2) " +
			"FROM sallyport_epochs AS e WHERE e.user_id = $1 AND e.ended_at IS NULL ORDER BY e.epoch DESC LIMIT 1"),
		hasSessions: f.SQL("SELECT EXISTS (SELECT 1 FROM sallyport_sessions WHERE user_id = $1 AND revoked_at IS NULL)"),
		end:         f.SQL("UPDATE sallyport_epochs SET ended_at = $3 WHERE user_id = $1 AND epoch = $2 AND ended_at IS NULL"),
		keep:        f.SQL("UPDATE sallyport_sessions SET epoch = epoch + 1 WHERE id = $3 AND user_id = $1 AND epoch = $2 AND revoked_at IS NULL"),
		next: f.SQL("INSERT INTO sallyport_epochs (" + epochColumns + ") " +
			"SELECT user_id, epoch + 1, NULL, until FROM sallyport_epochs WHERE user_id = $1 AND epoch = $2"),
		deleteEnded: endedSQL{remove: f.Of(
			fmt.Sprintf("DELETE FROM sallyport_epochs WHERE (user_id, epoch) IN (SELECT e.user_id, e.epoch %s ORDER BY e.until LIMIT %d)", gone, batch),
			fmt.Sprintf("DELETE FROM sallyport_epochs WHERE ctid = ANY (ARRAY(SELECT e.ctid %s ORDER BY e.until LIMIT %d FOR UPDATE SKIP LOCKED))", gone, batch),
			fmt.Sprintf("DELETE FROM sallyport_epochs WHERE until <= $1 AND NOT EXISTS (SELECT 1 FROM sallyport_sessions AS s "+
				"WHERE s.user_id = sallyport_epochs.user_id AND s.epoch = sallyport_epochs.epoch AND s.revoked_at IS NULL) ORDER BY until LIMIT %d", batch),
		)},
	}
}

// beginEpoch sees to it that the user has a current epoch that lasts until a time.
func (s *Store) beginEpoch(ctx context.Context, doing, userID string, until time.Time) error {
	if _, err := s.exec(ctx, doing, s.epoch.begin, userID, micros(until)); err != nil {
		return err
	}
	_, err := s.exec(ctx, doing, s.epoch.extend, userID, micros(until))
	return err
}

// errUnsettled means that an epoch has ended each time that it was looked for, or that
// somebody else writes the tables.
var errUnsettled = fmt.Errorf("the user's sessions were ended, or their epoch was removed, %d times meanwhile", epochTries)

// current is a user's current epoch, and whether there is anything in it to end.
type current struct {
	epoch int64
	any   bool
}

func scanCurrent(r row) (c current, err error) {
	err = r.Scan(&c.epoch, &c.any)
	return c, err
}

// endEpoch ends all sessions of a user but one. If there are none, it writes nothing.
func (s *Store) endEpoch(ctx context.Context, doing, userID, except string, at time.Time) error {
	for range epochTries {
		found, err := many(ctx, s.db, doing, scanCurrent, s.epoch.current, userID, except)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			begun, err := s.beginMissing(ctx, doing, userID)
			if err != nil || !begun {
				return err
			}
			continue
		}
		if !found[0].any {
			return nil
		}
		ended, err := s.endThis(ctx, doing, userID, found[0].epoch, except, at)
		if err != nil || ended {
			return err
		}
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, errUnsettled)
}

// beginMissing begins an epoch of a user who has none, unless they have no sessions that
// it could end.
func (s *Store) beginMissing(ctx context.Context, doing, userID string) (bool, error) {
	some, err := one(ctx, s.db, doing, value[bool], s.epoch.hasSessions, userID)
	if err != nil || !some {
		return false, err
	}
	return true, s.beginEpoch(ctx, doing, userID, time.Time{})
}

// endThis ends an epoch and begins the next, and reports whether it was this call that
// has ended it: a session may be moved to the next epoch only then.
func (s *Store) endThis(ctx context.Context, doing, userID string, epoch int64, except string, at time.Time) (ended bool, err error) {
	err = s.transact(ctx, doing, func(tx *sql.Tx) error {
		do := func(do statement, args ...any) (int64, error) {
			result, err := tx.ExecContext(ctx, do.Text, do.With(args)...)
			if err != nil {
				return 0, err
			}
			return result.RowsAffected()
		}
		rows, err := do(s.epoch.end, userID, epoch, micros(at))
		if ended = rows == 1; err != nil || !ended {
			return err
		}
		if except != "" {
			if _, err := do(s.epoch.keep, userID, epoch, except); err != nil {
				return err
			}
		}
		_, err = do(s.epoch.next, userID, epoch)
		return err
	})
	return ended && err == nil, err
}

// RevokeUserSessions ends the current epoch of a user, and so all its sessions, and then
// returns the IDs of those that were ended, and advanced, at since or later; see
// [store.Sessions]. It returns an error if at is zero. What it writes does not grow with
// the number of sessions; to find what was advanced since, it reads each session that it
// ends, and that it ended at since or later.
//
// The query is not part of the transaction, because a client that disconnects while it
// reads the result would undo the revocation.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	const doing = "RevokeUserSessions"
	if err := store.CheckRevocation(at); err != nil {
		return nil, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	if err := s.endEpoch(ctx, doing, userID, except, at); err != nil {
		return nil, err
	}
	return many(ctx, s.db, doing, value[string], s.session.endedOfUser, userID, micros(since))
}
