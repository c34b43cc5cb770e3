package memstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	clocks := map[string]struct {
		now     func() time.Time
		forgets bool
	}{
		"by the clock on the wall":    {nil, true},
		"by a clock that stood still": {func() time.Time { return time.Time{} }, false},
	}
	outdated, err := passwords.New(passwords.Config{Memory: 32, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, clock := range clocks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				t.Helper()
				s := open(t, memstore.Config{Now: clock.now})
				return storetest.Fixture{
					Store:   s,
					APIKeys: s,
					AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
						return u, s.AddUser(ctx, u, password)
					},
					SetPassword: s.SetPassword,
					AddUserToRenew: func(ctx context.Context, u store.User, password string) (store.User, error) {
						hash, err := outdated.Hash(ctx, password)
						return u, errors.Join(err, s.AddUser(ctx, u, "none yet"), s.SetHash(ctx, u.ID, hash))
					},
					LockOut: s.RemoveUser,
					Clients: s, SetClient: s.SetClient, RemoveClient: s.RemoveClient,
					Revocations:    s,
					ForgetsExpired: clock.forgets,
				}
			})
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	t.Run("the zero Config is good", func(t *testing.T) {
		t.Parallel()
		s, err := memstore.New(memstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AddUser(t.Context(), ada, adas); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), "ada", adas); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(s.Hash("u1"), "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("the hash is not by the defaults of package passwords: %s", s.Hash("u1"))
		}
	})
	t.Run("all that is wrong is said at once", func(t *testing.T) {
		t.Parallel()
		s, err := memstore.New(memstore.Config{MaxSessions: -1, MaxKeys: -2})
		if s != nil || err == nil {
			t.Fatalf("New: %v, %v", s, err)
		}
		for _, wrong := range []string{"memstore: Config.MaxSessions: ", "got -1", "memstore: Config.MaxKeys: ", "got -2"} {
			if !strings.Contains(err.Error(), wrong) {
				t.Errorf("%q does not say %q", err, wrong)
			}
		}
	})
}
