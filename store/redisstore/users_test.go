package redisstore_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func TestUsersWithSessions(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]func(*testing.T) redis.UniversalClient{
		"one server": func(t *testing.T) redis.UniversalClient { t.Helper(); return dial(t, redistest.URL(t)) },
		"a Cluster": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return dialCluster(t, redistest.SharedCluster(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := client(t)
			prefix := redistest.Prefix(t, client)
			s := open(t, client, redisstore.Config{Prefix: prefix + "[a*]"})
			other := open(t, client, redisstore.Config{Prefix: prefix + "a"})
			created(t, other, "of another store")
			users := func(ctx context.Context) (all []string, err error) {
				for user, e := range s.UsersWithSessions(ctx) {
					if e != nil {
						return all, e
					}
					all = append(all, user)
				}
				slices.Sort(all)
				return slices.Compact(all), nil
			}
			created(t, s, "ada")
			created(t, s, "ada")
			created(t, s, "grace")
			ended := created(t, s, "gone")
			if err := s.RevokeSession(t.Context(), ended.ID, time.Now()); err != nil {
				t.Fatal(err)
			}
			if all, err := users(t.Context()); err != nil || !slices.Equal(all, []string{"ada", "grace"}) {
				t.Errorf("the users are %q, %v", all, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if all, err := users(ctx); err == nil || len(all) > 0 {
				t.Errorf("with a cancelled context: %q, %v", all, err)
			}
		})
	}
}
