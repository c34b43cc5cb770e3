package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// ada is a host with one user.
type ada struct{}

func (ada) Authenticate(_ context.Context, _, _ string) (store.User, error) {
	return store.User{ID: "ada"}, nil
}

func (ada) User(context.Context, string) (store.User, error) { return store.User{ID: "ada"}, nil }

// gate is an Authority on a server of its own.
type gate struct {
	*tokens.Authority

	server *redistest.Server
	proxy  *proxytest.Proxy
	direct *redis.Client // past the proxy
}

func newGate(t *testing.T) gate {
	t.Helper()
	server := redistest.Start(t)
	proxy := proxytest.Start(t, server.Addr)
	s := open(t, dial(t, "redis://"+proxy.Addr, retrying), redisstore.Config{Users: ada{}, Prefix: "gate:"})
	a, err := tokens.New(tokens.Config{
		Store: s, APIKeys: s, Issuer: "https://example.org", Audience: "api", Timeout: time.Second,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(rand.Text() + rand.Text())}},
		RefreshKeys: []keys.Secret{keys.Secret(rand.Text() + rand.Text())},
	})
	if err != nil {
		t.Fatal(err)
	}
	return gate{a, server, proxy, dial(t, server.URL())}
}

func (g gate) logsIn(t *testing.T) tokens.Secret {
	t.Helper()
	p, err := g.Login(t.Context(), tokens.LoginRequest{Login: "ada", Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return p.RefreshToken
}

func (g gate) refreshes(t *testing.T, token tokens.Secret) tokens.Secret {
	t.Helper()
	p, err := g.Refresh(t.Context(), tokens.RefreshRequest{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return p.RefreshToken
}

func (g gate) refused(t *testing.T, token tokens.Secret, want error) {
	t.Helper()
	if _, err := g.Refresh(t.Context(), tokens.RefreshRequest{Token: token}); !errors.Is(err, want) {
		t.Errorf("Refresh: %v, want %v", err, want)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("a spent token ends its session", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		first := g.logsIn(t)
		second := g.refreshes(t, first)
		g.refused(t, first, tokens.ErrReused)
		g.refused(t, second, tokens.ErrRevokedRefresh)
	})
	t.Run("P1: of many who refresh one token at most one gets a pair", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		token := g.logsIn(t)
		var all sync.WaitGroup
		pairs := make(chan struct{}, 64)
		for range cap(pairs) {
			all.Go(func() {
				if _, err := g.Refresh(t.Context(), tokens.RefreshRequest{Token: token}); err == nil {
					pairs <- struct{}{}
				}
			})
		}
		all.Wait()
		if len(pairs) != 1 {
			t.Errorf("%d got a pair", len(pairs))
		}
	})
	t.Run("P3: a server that fails is no refusal, and consumes nothing", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		token := g.logsIn(t)
		g.proxy.Silence(true)
		g.refused(t, token, tokens.ErrUnavailable)
		g.proxy.Silence(false)
		g.proxy.Cut()
		g.refreshes(t, token)
	})
	t.Run("what a server has lost is refused, and nothing is made of it", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		token := g.logsIn(t)
		if err := g.direct.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		g.refused(t, token, tokens.ErrInvalidRefresh)
		if n := g.direct.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("the server has %d keys", n)
		}
		g.refreshes(t, g.logsIn(t))
	})
	t.Run("a lost advance: the user's token is refused, and the one before it works once more", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		first := g.logsIn(t)
		before := map[string]string{}
		var key string
		for _, key = range redistest.Keys(t, g.direct, "gate:session:") {
			before = g.direct.HGetAll(t.Context(), key).Val()
		}
		second := g.refreshes(t, first)
		if err := g.direct.HSet(t.Context(), key, before).Err(); err != nil { // as a replica without it would have it
			t.Fatal(err)
		}
		g.refused(t, second, tokens.ErrInvalidRefresh)
		g.refreshes(t, first)
	})
}
