package sqlstore

import (
	"context"
	"time"
)

const denialColumns = "sid, until"

type denialSQL struct{ deny, denied, deleteEnded string }

func newDenialSQL(f flavour) denialSQL {
	return denialSQL{
		deny: f.sql("INSERT INTO sallyport_denials (" + denialColumns + ") VALUES ($1, $2) " +
			"ON CONFLICT (sid) DO UPDATE SET until = excluded.until WHERE sallyport_denials.until < excluded.until"),
		denied:      f.sql("SELECT EXISTS (SELECT 1 FROM sallyport_denials WHERE sid = $1)"),
		deleteEnded: f.deleteEnded("sallyport_denials", "sid", "until"),
	}
}

// DenySession puts a session on the deny list; see [store.Revocations].
func (s *Store) DenySession(ctx context.Context, sid string, until time.Time) error {
	_, err := s.exec(ctx, "DenySession", s.denial.deny, sid, micros(until))
	return err
}

// SessionDenied reports whether a session is on the deny list; see
// [store.Revocations]. Past its time it is, until DeleteExpiredDenials has been
// there.
func (s *Store) SessionDenied(ctx context.Context, sid string) (bool, error) {
	return one(ctx, s.db, "SessionDenied", value[bool], s.denial.denied, sid)
}

// DeleteExpiredDenials forgets the sessions whose time has passed; see
// [store.Revocations]. It goes about it as DeleteExpiredSessions does.
func (s *Store) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	return s.deleteEnded(ctx, "DeleteExpiredDenials", s.denial.deleteEnded, before)
}
