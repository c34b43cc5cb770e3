package sqlstore

import (
	"context"
	"slices"
	"time"
)

const denialColumns = "sid, until"

// Both keep the later of two times.
const (
	onDenied      = "ON CONFLICT (sid) DO UPDATE SET until = excluded.until WHERE sallyport_denials.until < excluded.until"
	onDeniedMySQL = "ON DUPLICATE KEY UPDATE until = GREATEST(until, $2)"
)

type denialSQL struct {
	deny, denyMany, denied statement
	deleteEnded            endedSQL
}

func newDenialSQL(f flavour) denialSQL {
	const insert = "INSERT INTO sallyport_denials (" + denialColumns + ") "
	return denialSQL{
		deny: f.Of(insert+"VALUES ($1, $2) "+onDenied, insert+"VALUES ($1, $2) "+onDenied, insert+"VALUES ($1, $2) "+onDeniedMySQL),
		// Each session once, and ordered, so that two concurrent calls with the same
		// sessions do not deadlock; for MySQL DenySessions does both. Without "WHERE true"
		// SQLite's parser reads ON as part of a join.
		denyMany: f.Of(
			insert+"SELECT DISTINCT value, $2 FROM json_each($1) WHERE true ORDER BY 1 "+onDenied,
			insert+"SELECT DISTINCT value COLLATE \"C\", $2::bigint FROM jsonb_array_elements_text($1::jsonb) AS value ORDER BY 1 "+onDenied,
			insert+"SELECT value, $2 FROM JSON_TABLE($1, '$[*]' COLUMNS ("+jsonValue+")) AS sids "+onDeniedMySQL,
		),
		denied:      f.SQL("SELECT EXISTS (SELECT 1 FROM sallyport_denials WHERE sid = $1)"),
		deleteEnded: f.deleteEnded("sallyport_denials", "sid", "until"),
	}
}

// DenySession puts a session on the deny list; see [store.Revocations].
func (s *Store) DenySession(ctx context.Context, sid string, until time.Time) error {
	_, err := s.execOne(ctx, "DenySession", s.denial.deny, sid, micros(until))
	return err
}

// DenySessions puts many sessions on the deny list with one statement; see
// [store.Revocations].
func (s *Store) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	once := slices.Compact(slices.Sorted(slices.Values(sids)))
	_, err := s.exec(ctx, "DenySessions", s.denial.denyMany, array(once), micros(until))
	return err
}

// SessionDenied reports whether a session is on the deny list; see
// [store.Revocations]. A denial that has expired counts until
// DeleteExpiredDenials deletes it.
func (s *Store) SessionDenied(ctx context.Context, sid string) (bool, error) {
	return one(ctx, s.db, "SessionDenied", value[bool], s.denial.denied, sid)
}

// DeleteExpiredDenials deletes the denials that have expired; see
// [store.Revocations]. It deletes in batches, as DeleteExpiredSessions does.
func (s *Store) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	return s.deleteEnded(ctx, "DeleteExpiredDenials", s.denial.deleteEnded, before)
}
