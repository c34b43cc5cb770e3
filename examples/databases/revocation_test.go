package databases_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func TestDenials(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := p.store(t, p.db(t))
		at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
		denied := func(sid string, want bool) {
			t.Helper()
			if got, err := s.SessionDenied(t.Context(), sid); err != nil || got != want {
				t.Errorf("SessionDenied(%q): %v, %v; want %v", sid, got, err, want)
			}
		}
		deletes := func(before time.Time, want int) {
			t.Helper()
			if n, err := s.DeleteExpiredDenials(t.Context(), before); err != nil || n != want {
				t.Errorf("DeleteExpiredDenials: %d, %v; want %d", n, err, want)
			}
		}

		must(t, s.DenySession(t.Context(), "Ada", at(1)), s.DenySession(t.Context(), "ada", at(2)))
		denied("Ada", true)
		denied("ada ", false)
		denied("", false)

		deletes(at(1).Add(-time.Microsecond), 0)
		deletes(at(1), 1)
		denied("Ada", false)
		denied("ada", true)

		// The later of the two times counts, whichever came first.
		must(t, s.DenySession(t.Context(), "ada", at(1)))
		deletes(at(1), 0)
		must(t, s.DenySession(t.Context(), "ada", at(3)))
		deletes(at(2), 0)
		denied("ada", true)
		deletes(at(3), 1)
		denied("ada", false)

		must(t, atOnce(16, func(i int) error { return s.DenySession(t.Context(), "grace", at(i)) })...)
		deletes(at(14), 0)
		deletes(at(15), 1)
	})
}

// 2500 rows are two batches and a half. A context that ends after the first takes
// nothing back.
func TestManyAreDeletedInBatches(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		p.run(t, db, fmt.Sprintf("INSERT INTO sallyport_sessions (id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version, methods, actor) SELECT 'id-' || n, 'user', '', '[]', 1, 0, 0, %[1]d, %[1]d + n, NULL, '', '', '[]', '' FROM %[2]s",
			noon.UnixMicro(), p.numbers(2500)))
		live := session("live", 1)
		must(t, s.CreateSession(t.Context(), live))

		recorder.take()
		n, err := s.DeleteExpiredSessions(t.Context(), noon.Add(-time.Microsecond))
		if n != 0 || err != nil || len(recorder.take()) != 2 {
			t.Errorf("before anything has expired: %d, %v", n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		recorder.hook(nil, func(string) { cancel() })
		if n, err = s.DeleteExpiredSessions(ctx, noon); n != 1000 || !errors.Is(err, context.Canceled) {
			t.Errorf("DeleteExpiredSessions, broken off: %d, %v; want 1000", n, err)
		}
		recorder.hook(nil, nil)
		if n, err = s.DeleteExpiredSessions(t.Context(), noon); n != 1500 || err != nil {
			t.Errorf("DeleteExpiredSessions: %d, %v; want the other 1500", n, err)
		}
		want := 3
		if p.config.Dialect == sqlstore.MySQL {
			want *= 2 // it looks for them first
		}
		want++ // the users' epochs
		if calls := recorder.take(); len(calls) != want {
			t.Errorf("%d statements, want %d: a thousand each, and the rest", len(calls), want)
		}
		if _, err := s.Session(t.Context(), "live"); err != nil {
			t.Errorf("the session that lives: %v", err)
		}
	})
}
