package databases_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// A standby takes over from a primary that was killed. With the address that the docs
// recommend, the pool that a host has goes on with it.
func TestFaultC13FailoverToAStandby(t *testing.T) {
	t.Parallel()
	primary := postgrestest.Start(t)
	standby := primary.Standby(t)
	p := &place{driver: "pgx", dsn: primary.EitherURL(t, standby), config: sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: quick(t, 64)}}
	db := p.db(t)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	db.SetMaxIdleConns(8)
	s := p.store(t, db)
	must(t, s.CreateSession(t.Context(), session("before", 1)))
	follower := (&place{driver: "pgx", dsn: standby.URL(), config: p.config}).db(t)
	if !redistest.Eventually(t, func() bool {
		var n int
		return follower.QueryRowContext(t.Context(), "SELECT count(*) FROM sallyport_sessions").Scan(&n) == nil && n == 1
	}) {
		t.Fatal("the standby does not follow")
	}
	primary.Kill()
	wants(t, s.CreateSession(t.Context(), session("meanwhile", 1)), errSome, "CreateSession without a primary")
	standby.Promote(t)
	if !redistest.Eventually(t, func() bool {
		return s.AdvanceSession(t.Context(), "before", 1, noon.Add(time.Minute), noon.Add(time.Hour)) == nil
	}) {
		t.Fatal("the store does not recover")
	}
	got, err := s.Session(t.Context(), "before")
	if err != nil || got.Generation != 2 {
		t.Errorf("the session is %+v, %v", got, err)
	}
	must(t, s.CreateSession(t.Context(), session("afterwards", 1)))
}
