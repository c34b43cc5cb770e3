package databases_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// everywhere runs a test on each store that is shipped, with ada in it.
func everywhere(t *testing.T, test func(t *testing.T, s store.Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, adaInMemory(t))
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		options, err := redisstore.Options(redistest.URL(t))
		must(t, err)
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		s, err := redisstore.New(t.Context(), client, redisstore.Config{
			Users: adaInMemory(t), Prefix: redistest.Prefix(t, client), Timeout: 30 * time.Second,
		})
		must(t, err)
		test(t, s)
	})
	each(t, func(t *testing.T, p *place) { test(t, withAda(t, p)) })
}

func adaInMemory(t *testing.T) *memstore.Store {
	t.Helper()
	s, err := memstore.New(memstore.Config{Passwords: quick(t, 64)})
	must(t, err)
	must(t, s.AddUser(t.Context(), ada, adas))
	return s
}

func TestFaultA7GraceIsBoundedOnBothSidesOnEachStore(t *testing.T) {
	t.Parallel()
	const grace = 5 * time.Second
	everywhere(t, func(t *testing.T, s store.Store) {
		// All clocks stand still; those of the stores do not, so it begins now.
		began := time.Now().UTC().Truncate(time.Second)
		var mu sync.Mutex
		var told []events.Kind
		node := func(off time.Duration) *tokens.Authority {
			a, err := tokens.New(tokens.Config{
				Store: s, Issuer: "https://issuer.example", Audience: "api", RetryGrace: grace, Timeout: time.Minute,
				Keys:        []keys.Key{{Algorithm: "HS256", Secret: "the key of access tokens, 32 bytes long"}},
				RefreshKeys: []keys.Secret{"the key of refresh tokens, 32 bytes too"},
				Now:         func() time.Time { return began.Add(off) },
				Events: func(_ context.Context, e events.Event) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, e.Kind)
				},
			})
			must(t, err)
			return a
		}
		for _, tt := range []struct {
			name string
			off  time.Duration // of the clock of the node that is asked for the replay
			want error
		}{
			{"in step", 0, nil},
			{"2 s behind", -2 * time.Second, nil},
			{"more than 2 s behind", -2*time.Second - time.Microsecond, tokens.ErrClock},
			{"4 minutes behind", -4 * time.Minute, tokens.ErrClock},
			{"2 hours back", -2 * time.Hour, tokens.ErrClock},
			{"almost the grace ahead", grace - time.Microsecond, nil},
			{"the grace ahead", grace, tokens.ErrReused},
			{"2 hours ahead", 2 * time.Hour, tokens.ErrReused},
		} {
			right := node(0)
			one, err := right.Login(t.Context(), tokens.LoginRequest{Login: "ada", Password: adas})
			must(t, err)
			two, err := right.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
			must(t, err)
			before, err := s.UserSessions(t.Context(), ada.ID, store.Newest(), store.MaxPage)
			must(t, err)
			mu.Lock()
			told = nil
			mu.Unlock()

			again, err := node(tt.off).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
			if !errors.Is(err, tt.want) || err == nil && again.RefreshToken != two.RefreshToken {
				t.Errorf("a clock %s: %v, want %v", tt.name, err, tt.want)
			}
			if errors.Is(tt.want, tokens.ErrReused) {
				continue
			}
			after, err := s.UserSessions(t.Context(), ada.ID, store.Newest(), store.MaxPage)
			must(t, err)
			if !reflect.DeepEqual(before, after) {
				t.Errorf("a clock %s: the sessions are %+v, were %+v", tt.name, after, before)
			}
			if tt.want != nil && !reflect.DeepEqual(told, []events.Kind{events.ClockFault}) {
				t.Errorf("a clock %s: events = %q", tt.name, told)
			}
			if _, err := right.Refresh(t.Context(), tokens.RefreshRequest{Token: two.RefreshToken}); err != nil {
				t.Errorf("a clock %s: afterwards the session is over: %v", tt.name, err)
			}
		}
	})
}
