package databases_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// host is a shipped store with all that an Authority asks of one.
type host struct {
	store interface {
		store.Store
		store.APIKeys
		store.Revocations
	}
	users interface {
		AddUser(ctx context.Context, u store.User, password string) error
		SetPassword(ctx context.Context, id, password string) error
	}
	place *place // nil: it is no database
}

// hosts runs a test on each store that is shipped.
func hosts(t *testing.T, test func(t *testing.T, name string, h host)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s, err := memstore.New(memstore.Config{Passwords: quick(t, 64), MaxKeys: 100_000, MaxSessions: 1_000_000})
		must(t, err)
		must(t, s.AddUser(t.Context(), ada, adas))
		test(t, "memory", host{s, s, nil})
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		options, err := redisstore.Options(redistest.URL(t))
		must(t, err)
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		users := adaInMemory(t)
		s, err := redisstore.New(t.Context(), client, redisstore.Config{Users: users, Prefix: redistest.Prefix(t, client), Timeout: 30 * time.Second})
		must(t, err)
		test(t, "Redis", host{s, users, nil})
	})
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		test(t, p.driver, host{s, s, p})
	})
}

func (h host) authority(t *testing.T, denials store.Revocations, change ...func(*tokens.Config)) *tokens.Authority {
	t.Helper()
	c := tokens.Config{
		Store: h.store, APIKeys: h.store, Revocations: denials, Issuer: "https://issuer.example", Audience: "api", Timeout: 30 * time.Second,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: "the key of access tokens, 32 bytes long"}},
		RefreshKeys: []keys.Secret{"the key of refresh tokens, 32 bytes too"},
	}
	for _, f := range change {
		f(&c)
	}
	a, err := tokens.New(c)
	must(t, err)
	return a
}

// opened is what was handed out while a password changed.
type opened struct {
	mu    sync.Mutex
	pairs []tokens.Pair
	keys  []tokens.Secret
}

// A password changes while three loops use the old one. Whatever they were handed
// out works no more once PasswordChanged has returned.
func TestFaultA2NothingThatAnOldPasswordOpensOutlivesIt(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, name string, h host) {
		rounds := 50
		if name == "memory" {
			rounds = 200
		}
		a := h.authority(t, h.store)
		for round := range rounds {
			h.changeUnderLoad(t, a, fmt.Sprintf("user-%d", round), round%2 == 0)
		}
	})
}

func (h host) changeUnderLoad(t *testing.T, a *tokens.Authority, name string, endsKeys bool) {
	t.Helper()
	const oldOne, newOne = "the old password", "the new password"
	must(t, h.users.AddUser(t.Context(), store.User{ID: name, Login: name, Tier: "free"}, oldOne))
	before, err := a.Login(t.Context(), tokens.LoginRequest{Login: name, Password: oldOne})
	must(t, err)
	all := opened{pairs: []tokens.Pair{before}}
	var changed atomic.Bool
	changing := make(chan struct{})
	var begun, loops sync.WaitGroup
	loop := func(refused error, do func() error) {
		begun.Add(1)
		loops.Go(func() {
			for i := 0; ; i++ {
				late := changed.Load()
				err := do()
				if i == 0 {
					begun.Done()
				}
				if err != nil {
					if !errors.Is(err, refused) {
						t.Errorf("error = %v, want %v", err, refused)
					}
					return
				}
				if late {
					t.Error("it has succeeded although it began after the change")
					return
				}
				if i == 5 { // enough from before
					<-changing
				}
			}
		})
	}
	for _, accessOnly := range []bool{false, true} {
		loop(tokens.ErrBadCredentials, func() error {
			p, err := a.Login(t.Context(), tokens.LoginRequest{Login: name, Password: oldOne, AccessOnly: accessOnly})
			if err == nil {
				all.mu.Lock()
				all.pairs = append(all.pairs, p)
				all.mu.Unlock()
			}
			return err
		})
	}
	loop(tokens.ErrNoSession, func() error {
		key, _, err := a.CreateOwnAPIKey(t.Context(), before.Principal, tokens.KeyOptions{Label: "CI"})
		if err == nil {
			all.mu.Lock()
			all.keys = append(all.keys, key)
			all.mu.Unlock()
		}
		return err
	})
	begun.Wait()
	close(changing)
	must(t, h.users.SetPassword(t.Context(), name, newOne))
	changed.Store(true)
	var options []tokens.PasswordOption
	if endsKeys {
		options = append(options, tokens.EndAPIKeys)
	}
	must(t, a.PasswordChanged(t.Context(), name, options...))
	loops.Wait()

	for _, p := range all.pairs {
		if _, err := a.Verify(t.Context(), p.AccessToken); !errors.Is(err, tokens.ErrRevokedToken) {
			t.Errorf("an access token of the old password: %v", err)
		}
		if p.RefreshToken == "" {
			continue
		}
		if _, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); !errors.Is(err, tokens.ErrRevokedRefresh) {
			t.Errorf("a refresh token of the old password: %v", err)
		}
	}
	for _, key := range all.keys {
		_, err := a.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		if endsKeys != errors.Is(err, tokens.ErrInvalidKey) {
			t.Errorf("a key from before the change: %v; want it to end: %t", err, endsKeys)
		}
	}
	if left, err := h.store.UserSessions(t.Context(), name, store.Newest(), store.MaxPage); err != nil || len(left) > 0 {
		t.Errorf("%d sessions are open, %v", len(left), err)
	}
}
