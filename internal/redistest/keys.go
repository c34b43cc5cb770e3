package redistest

import (
	"context"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Prefix returns a unique prefix, and deletes all keys that begin with it when the
// test ends.
func Prefix(t testing.TB, client redis.UniversalClient) string {
	t.Helper()
	prefix := "sallyport-test-" + rand.Text() + ":"
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for keys := range slices.Chunk(Keys(t, client, prefix), 1000) {
			// one key each: those of a Cluster lie on several nodes
			if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for _, key := range keys {
					p.Del(ctx, key)
				}
				return nil
			}); err != nil {
				t.Errorf("cleaning up: %v", err)
			}
		}
	})
	return prefix
}

// Keys returns all keys that begin with the prefix, on all nodes.
func Keys(t testing.TB, client redis.UniversalClient, prefix string) []string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var keys []string
	scan := func(ctx context.Context, node *redis.Client) error {
		all := node.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		for all.Next(ctx) {
			keys = append(keys, all.Val())
		}
		return all.Err()
	}
	var err error
	switch c := client.(type) {
	case *redis.Client:
		err = scan(ctx, c)
	case *redis.ClusterClient:
		one := make(chan struct{}, 1) // ForEachMaster calls scan for all nodes concurrently
		err = c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			one <- struct{}{}
			defer func() { <-one }()
			return scan(ctx, node)
		})
	}
	if err != nil {
		t.Errorf("listing the keys: %v", err)
	}
	return keys
}
