package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// A node that has fewer connections to Redis than requests is slow, and says so. Redis is
// not at fault, and the circuit breaker, which the counters share, stays closed.
func TestFaultC17ACongestedDenyList(t *testing.T) {
	t.Parallel()
	one := func(o *redis.Options) { o.PoolSize, o.MaxRetries = 1, -1 }
	t.Run("requests that wait too long for a connection get ErrBusy", func(t *testing.T) {
		t.Parallel()
		proxy := proxytest.Start(t, redistest.Start(t).Addr)
		s := open(t, dial(t, "redis://"+proxy.Addr, one), redisstore.Config{})
		proxy.Delay(50 * time.Millisecond)
		const callers = 40 // six of them can be answered in time
		errs := make([]error, callers)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				_, errs[i] = s.SessionDenied(ctx, "some")
			})
		}
		all.Wait()
		answered := 0
		for _, err := range errs {
			switch {
			case err == nil:
				answered++
			case !errors.Is(err, store.ErrBusy) || isSentinel(err) || strings.Contains(err.Error(), "circuit breaker"):
				t.Errorf("a caller got %v", err)
			}
		}
		if answered == 0 || answered == callers {
			t.Errorf("%d of %d were answered", answered, callers)
		}
		proxy.Delay(0)
		if _, err := s.SessionDenied(t.Context(), "some"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
	t.Run("each method tells of the client's pool", func(t *testing.T) {
		t.Parallel()
		client := dial(t, redistest.Start(t).URL(), one, func(o *redis.Options) { o.PoolTimeout = 5 * time.Millisecond })
		s := open(t, client, redisstore.Config{})
		session, k := created(t, s, "ada"), newKey("ada")
		if err := s.CreateAPIKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		conn := client.Conn() // of the host's own: it takes the only connection
		defer func() { _ = conn.Close() }()
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for _, c := range calls(s, session, k) {
			err := c.do(t.Context())
			if err == nil && c.name == "DenySessions" {
				continue // go-redis has other connections for pipelines
			}
			if !errors.Is(err, store.ErrBusy) || isSentinel(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})
	t.Run("a server that does not answer is no congestion", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		s := open(t, dial(t, server.URL(), one), redisstore.Config{Timeout: 600 * time.Millisecond})
		server.Pause()
		defer server.Resume()
		for range 2 {
			if _, err := s.SessionDenied(t.Context(), "some"); err == nil || errors.Is(err, store.ErrBusy) {
				t.Errorf("a frozen server: %v", err)
			}
		}
	})
}
