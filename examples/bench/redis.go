package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func openRedis(ctx context.Context, o options, users store.Users) (*place, error) {
	return openRedisAt(ctx, o, o.redis, "SALLYPORT_REDIS", users)
}

func openValkey(ctx context.Context, o options, users store.Users) (*place, error) {
	return openRedisAt(ctx, o, o.valkey, "SALLYPORT_VALKEY", users)
}

// openRedisAt takes a prefix on the server of this address, which a variable has named.
func openRedisAt(ctx context.Context, o options, address, variable string, users store.Users) (*place, error) {
	options, err := redisstore.Options(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	options.PoolTimeout, options.ReadTimeout, options.WriteTimeout = patience, patience, patience
	client := redis.NewClient(options)
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(fmt.Errorf("no Redis at %s: start one, or name another in %s", options.Addr, variable), client.Close())
	}
	prefix := o.name + "_" + strings.ToLower(rand.Text()[:8]) + ":"
	s, err := redisstore.New(ctx, client, redisstore.Config{Users: users, Prefix: prefix, Timeout: patience})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	p := &place{Store: s}
	said := client.InfoMap(ctx, "server", "persistence").Val()
	p.server = "Redis " + said["Server"]["redis_version"]
	if version := said["Server"]["valkey_version"]; version != "" {
		p.server = "Valkey " + version
	}
	p.server += ", appendonly " + map[string]string{"1": "yes", "0": "no"}[said["Persistence"]["aof_enabled"]]
	p.fill = func(ctx context.Context, n int, created time.Time) error {
		return fillRedis(ctx, client, s, prefix, n, created)
	}
	p.size = func(ctx context.Context) (int64, error) {
		return strconv.ParseInt(client.InfoMap(ctx, "memory").Item("Memory", "used_memory"), 10, 64)
	}
	p.settle = func(context.Context) error { return nil }
	p.close = func(ctx context.Context) error { return errors.Join(removeKeys(ctx, client, prefix), client.Close()) }
	return p, nil
}

// fillRedis creates one session, and lets the server copy what that has written
// under other names: neither needs to be known here.
func fillRedis(ctx context.Context, client *redis.Client, s *redisstore.Store, prefix string, n int, created time.Time) error {
	err := s.CreateSession(ctx, store.Session{
		ID: rand.Text()[:22], UserID: rand.Text(), ClientID: "web", Generation: 1, CreatedAt: created, AdvancedAt: created,
		IdleUntil: created.Add(idle), ExpiresAt: created.Add(lifetime), Label: "Firefox on Linux",
	})
	if err != nil {
		return err
	}
	written, err := keysOf(ctx, client, prefix)
	if err != nil {
		return err
	}
	for done := 1; done < n; {
		pipe := client.Pipeline()
		for ; done < n && pipe.Len() < 2000; done++ {
			for _, key := range written {
				pipe.Copy(ctx, key, key[:len(key)-22]+rand.Text()[:22], client.Options().DB, false)
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(ctx context.Context, client *redis.Client, prefix string) (all []string, err error) {
	found := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for found.Next(ctx) {
		all = append(all, found.Val())
	}
	return all, found.Err()
}

func removeKeys(ctx context.Context, client *redis.Client, prefix string) error {
	all, err := keysOf(ctx, client, prefix)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		n := min(len(all), 1000)
		if err := client.Unlink(ctx, all[:n]...).Err(); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}
