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

// retrying is how go-redis is by default.
func retrying(o *redis.Options) { o.MaxRetries, o.DialerRetries = 3, 5 }

func TestLostReply(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := proxytest.Start(t, server.Addr)
	direct := dial(t, server.URL())
	prefix := redistest.Prefix(t, direct)
	sure := open(t, direct, redisstore.Config{Prefix: prefix})
	unsure := open(t, dial(t, "redis://"+proxy.Addr, retrying), redisstore.Config{Prefix: prefix})
	if err := advance(t.Context(), sure, created(t, sure, "ada")); err != nil {
		t.Fatal(err) // the server has the scripts now
	}

	for _, keep := range []int{0, 1} {
		session := created(t, sure, "ada")
		proxy.CutReply(keep, "session:"+session.ID)
		err := advance(t.Context(), unsure, session)
		if err == nil || isSentinel(err) || !strings.Contains(err.Error(), "it may have been done") {
			t.Errorf("AdvanceSession, cut after %d bytes: %v", keep, err)
		}
		got, err := sure.Session(t.Context(), session.ID)
		if err != nil || got.Generation != 2 || proxy.Hits() != 1 {
			t.Errorf("it was sent %d times, and the session is at %d, %v", proxy.Hits(), got.Generation, err)
		}
		if _, err := unsure.Session(t.Context(), session.ID); isSentinel(err) {
			t.Errorf("Session: %v", err)
		}
	}

	session := newSession("grace")
	proxy.CutReply(0, "session:"+session.ID)
	if err := unsure.CreateSession(t.Context(), session); err == nil || isSentinel(err) {
		t.Errorf("CreateSession: %v", err)
	}
	k := newKey("grace")
	proxy.CutReply(0, "apikey:"+k.ID)
	if err := unsure.CreateAPIKey(t.Context(), k); err == nil || isSentinel(err) {
		t.Errorf("CreateAPIKey: %v", err)
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := proxytest.Start(t, server.Addr)
	s := open(t, dial(t, "redis://"+proxy.Addr, retrying), redisstore.Config{})
	session := created(t, s, "ada")
	for _, before := range []string{"on a connection that was there", "on a new connection"} {
		proxy.Silence(true)
		for _, c := range calls(s, session, newKey("ada")) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			begun := time.Now()
			err := c.do(ctx)
			cancel()
			if took := time.Since(begun); err == nil || isSentinel(err) || took > 3*time.Second {
				t.Errorf("%s, %s: %v after %v", c.name, before, err, took)
			}
		}
		proxy.Silence(false)
		proxy.Cut()
	}
	if !redistest.Eventually(t, func() bool { _, err := s.Session(t.Context(), session.ID); return err == nil }) {
		t.Error("the store does not recover")
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, dial(t, server.URL()), redisstore.Config{Timeout: 400 * time.Millisecond}) // New has it too
	server.Pause()
	defer server.Resume()
	for _, c := range calls(s, newSession("ada"), newKey("ada")) {
		begun := time.Now()
		if err := c.do(t.Context()); err == nil || isSentinel(err) || time.Since(begun) > 3*time.Second {
			t.Errorf("%s: %v after %v", c.name, err, time.Since(begun))
		}
	}
}

func TestKilledServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, dial(t, server.URL()), redisstore.Config{})
	session := created(t, s, "ada")
	server.Kill()
	for _, c := range calls(s, session, newKey("ada")) {
		if err := c.do(t.Context()); err == nil || isSentinel(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if !server.Run(t) {
		t.Fatal("the server does not start again")
	}
	if !redistest.Eventually(t, func() bool {
		_, err := s.Session(t.Context(), session.ID)
		return errors.Is(err, store.ErrNotFound) // it kept nothing
	}) {
		t.Error("the store does not recover")
	}
	if err := advance(t.Context(), s, created(t, s, "ada")); err != nil {
		t.Errorf("AdvanceSession, on a server that has no scripts yet: %v", err)
	}
}

func TestFlushedServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := dial(t, server.URL())
	s := open(t, client, redisstore.Config{})
	session, k := created(t, s, "ada"), newKey("ada")
	if err := s.CreateAPIKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(t.Context(), session.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Session: %v", err)
	}
	if err := advance(t.Context(), s, session); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("AdvanceSession: %v", err)
	}
	if err := revokesUsers(t.Context(), s, "ada", time.Now()); err != nil {
		t.Errorf("RevokeUserSessions: %v", err)
	}
	if _, err := s.APIKey(t.Context(), k.Digest); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("APIKey: %v", err)
	}
}

func TestFlushedScripts(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := dial(t, server.URL())
	s := open(t, client, redisstore.Config{})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 100 {
				session := newSession("ada")
				err := s.CreateSession(t.Context(), session)
				err = errors.Join(err, advance(t.Context(), s, session))
				err = errors.Join(err, s.RevokeSession(t.Context(), session.ID, session.CreatedAt))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { callers.Wait(); close(done) }()
	for flushes := 0; ; flushes++ {
		select {
		case <-done:
			if flushes < 10 {
				t.Errorf("the scripts were flushed %d times only", flushes)
			}
			return
		default:
			if err := client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		}
	}
}
