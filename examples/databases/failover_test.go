package databases_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens"
)

// A standby takes over from a primary that was killed while clients log in and refresh.
// With the address that the docs recommend, the pool that a host has goes on with it. The
// primary waits for the standby before it confirms: no session is lost, and none is taken
// for stolen.
func TestFaultC13FailoverToAStandby(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	primary := postgrestest.Start(t)
	standby := primary.Standby(t)
	p := &place{driver: "pgx", dsn: primary.EitherURL(t, standby), config: sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: quick(t, 64)}}
	db := p.db(t)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	db.SetMaxIdleConns(8)
	s := p.store(t, db)
	p.run(t, db, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	follower := (&place{driver: "pgx", dsn: standby.URL(), config: p.config}).db(t)
	if !redistest.Eventually(t, func() bool {
		var state string
		return db.QueryRowContext(t.Context(), "SELECT sync_state FROM pg_stat_replication").Scan(&state) == nil && state == "sync"
	}) {
		t.Fatal("the standby does not follow")
	}

	a := host{s, s, p}.authority(t, s, func(c *tokens.Config) { c.RetryGrace = 5 * time.Minute })
	clients := make([]*failedOver, 6)
	for i := range clients {
		clients[i] = &failedOver{authority: a, user: fmt.Sprint("user-", i)}
		must(t, s.AddUser(t.Context(), store.User{ID: clients[i].user, Login: clients[i].user, Tier: "free"}, adas))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	for _, c := range clients {
		running.Go(func() { c.run(ctx) })
	}
	each := func(what string, count func(c *failedOver) *atomic.Int64, more int64) {
		t.Helper()
		from := make([]int64, len(clients))
		for i, c := range clients {
			from[i] = count(c).Load()
		}
		if !redistest.Eventually(t, func() bool {
			for i, c := range clients {
				if count(c).Load() < from[i]+more {
					return false
				}
			}
			return true
		}) {
			t.Fatal(what)
		}
	}
	served := func(c *failedOver) *atomic.Int64 { return &c.served }
	each("the clients are not served", served, 10)
	primary.Kill()
	each("the clients are served without a primary", func(c *failedOver) *atomic.Int64 { return &c.failed }, 2)
	standby.Promote(t)
	each("the store does not recover", served, 10)
	stop()
	running.Wait()

	for _, c := range clients {
		must(t, c.wrong...)
		for _, token := range c.open {
			if _, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: token}); err != nil {
				t.Errorf("a session of %s after the failover: %v", c.user, err)
			}
		}
		var stored int
		must(t, follower.QueryRowContext(t.Context(), "SELECT count(*) FROM sallyport_sessions WHERE user_id = $1 AND revoked_at IS NULL", c.user).Scan(&stored))
		if stored < len(c.open) || stored > len(c.open)+c.lost {
			t.Errorf("%s has %d sessions, of which the client knows %d and may have lost %d", c.user, stored, len(c.open), c.lost)
		}
		t.Logf("%s: %d sessions, %d answers, %d failures", c.user, len(c.open), c.served.Load(), c.failed.Load())
	}
}

// failedOver is a client that logs in and refreshes, and sends what had no answer again.
type failedOver struct {
	authority *tokens.Authority
	user      string

	open  []tokens.Secret // the refresh token of each session
	lost  int             // logins without an answer
	wrong []error

	served, failed atomic.Int64
}

func (c *failedOver) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		var pair tokens.Pair
		var err error
		at := len(c.open) // a new one
		if at > 0 && n%5 != 0 {
			at = n % at
		}
		// What was begun is finished: an answer that the client does not wait for is lost.
		if at == len(c.open) {
			pair, err = c.authority.Login(context.WithoutCancel(ctx), tokens.LoginRequest{Login: c.user, Password: adas})
		} else {
			pair, err = c.authority.Refresh(context.WithoutCancel(ctx), tokens.RefreshRequest{Token: c.open[at]})
		}
		switch {
		case err == nil && at == len(c.open):
			c.open = append(c.open, pair.RefreshToken)
			c.served.Add(1)
		case err == nil:
			c.open[at] = pair.RefreshToken
			c.served.Add(1)
		case !errors.Is(err, tokens.ErrUnavailable):
			c.wrong = append(c.wrong, err)
			return
		default:
			if at == len(c.open) {
				c.lost++
			}
			c.failed.Add(1)
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}
