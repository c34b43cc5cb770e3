package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// A store whose database fails says so in every method: never that something is
// not there, is taken or is wrong.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault func(t *testing.T, p *place, db *sql.DB)
		ctx   func(t *testing.T) context.Context
		cause error // nil: whatever the driver says
	}{
		"a closed pool": {
			fault: func(t *testing.T, _ *place, db *sql.DB) { t.Helper(); must(t, db.Close()) },
		},
		"a done context": {
			ctx: cancelled, cause: context.Canceled,
		},
		"a context whose time is over": {
			ctx: func(t *testing.T) context.Context {
				t.Helper()
				ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
				t.Cleanup(cancel)
				return ctx
			},
			cause: context.DeadlineExceeded,
		},
		"tables that were dropped": {
			fault: func(t *testing.T, p *place, db *sql.DB) {
				t.Helper()
				for _, table := range []string{"sessions", "api_keys", "clients", "denials", "users"} {
					p.run(t, db, "DROP TABLE sallyport_"+table)
				}
			},
		},
	}
	each(t, func(t *testing.T, p *place) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := p.another(t)
				db := p.db(t)
				s := p.store(t, db)
				must(t, fill(t.Context(), s)...)
				if tt.fault != nil {
					tt.fault(t, p, db)
				}
				ctx := t.Context()
				if tt.ctx != nil {
					ctx = tt.ctx(t)
				}
				for _, w := range works {
					err := w.do(ctx, s)
					wants(t, err, errSome, w.name)
					if tt.cause != nil && !errors.Is(err, tt.cause) {
						t.Errorf("%s: got %v, want %v", w.name, err, tt.cause)
					}
				}
			})
		}
	})
}

// The statement after the first fails: what a method does in two.
func TestFaultsBetweenTwoStatements(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		must(t, fill(t.Context(), s)...)
		for _, w := range works {
			if w.trips < 2 {
				wants(t, w.do(t.Context(), s), w.want, w.name)
				continue
			}
			ctx, cancel := context.WithCancel(t.Context())
			left := 2
			recorder.before(func(string) {
				left--
				if left == 0 {
					cancel()
				}
			})
			wants(t, w.do(ctx, s), errSome, w.name)
			recorder.before(nil)
			cancel()
			wants(t, w.do(t.Context(), s), w.want, w.name)
		}
	})
}

// A connection that breaks between two rows: half a list is none, and no row is
// not "not found".
func TestFaultsBetweenTwoRows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		must(t, fill(t.Context(), s)...)
		for rows := range 2 {
			recorder.rows.Store(&rows)
			sessions, err := s.UserSessions(t.Context(), "u1", store.Newest(), store.MaxPage)
			if len(sessions) > 0 || !errors.Is(err, errBroken) {
				t.Errorf("UserSessions, after %d rows: %v, %v", rows, sessions, err)
			}
		}
		none := 0
		recorder.rows.Store(&none)
		for _, w := range works {
			switch name, _, _ := strings.Cut(w.name, ","); name {
			case "Session", "APIKey", "APIKeyByID", "OwnerAPIKeys", "Client", "SessionDenied", "User", "Authenticate":
				if err := w.do(t.Context(), s); !errors.Is(err, errBroken) || isSentinel(err) {
					t.Errorf("%s: got %v", w.name, err)
				}
			}
		}
	})
}

// Who holds the lock of SQLite makes all writers wait, for as long as the DSN says
// or their context lets them, and no reader.
func TestALockedSQLite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		timeout string
		patient bool // the context is
	}{
		"for longer than busy_timeout":    {"busy_timeout(50)", true},
		"for longer than the context has": {"busy_timeout(60000)", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inSQLite(t)
			p.config.Passwords = quick(t, 64)
			must(t, fill(t.Context(), p.store(t, p.db(t)))...)
			p = p.with("busy_timeout(10000)", tt.timeout)
			db := p.db(t)
			s, err := sqlstore.Open(t.Context(), db, p.config)
			must(t, err)

			holder, err := p.db(t).Conn(t.Context())
			must(t, err)
			defer func() { _ = holder.Close() }()
			if _, err := holder.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
			short := func() context.Context {
				if tt.patient {
					return t.Context()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				t.Cleanup(cancel)
				return ctx
			}
			begin := time.Now()
			wants(t, s.AdvanceSession(short(), "s1", 1, noon, noon), errSome, "AdvanceSession")
			wants(t, s.RevokeSession(short(), "s1", noon), errSome, "RevokeSession")
			wants(t, s.CreateSession(short(), session("s3", 1)), errSome, "CreateSession")
			_, err = sqlstore.Open(short(), db, p.config)
			wants(t, err, errSome, "Open")
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("four writers waited for %v", took)
			}
			if got, err := s.Session(t.Context(), "s1"); err != nil || got.Generation != 1 || !got.RevokedAt.IsZero() {
				t.Errorf("a reader got %+v, %v", got, err)
			}

			if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			must(t, s.AdvanceSession(t.Context(), "s1", 1, noon, noon))
		})
	}
}
