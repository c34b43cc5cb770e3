// Package redisclient has what the packages for Redis share: the checks of a client
// and its server, and scripts that the client never sends twice.
package redisclient

import (
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// Check complains of everything that is wrong with a client. The
// client must be a *redis.Client or a *redis.ClusterClient, must respect the deadline
// of the context, and must read from the master, never from a replica or a cache.
func Check(client redis.UniversalClient, complain configcheck.Complain) {
	switch c := client.(type) {
	case nil:
		complain("client", "is required")
	case *redis.Client:
		if c == nil {
			complain("client", "is required")
			return
		}
		o := c.Options()
		deadlines(o.ContextTimeoutEnabled, complain)
		fresh("ClientSideCacheConfig", o.ClientSideCacheConfig != nil, complain)
		fresh("ClientSideCache", o.ClientSideCache != nil, complain)
	case *redis.ClusterClient:
		if c == nil {
			complain("client", "is required")
			return
		}
		o := c.Options()
		deadlines(o.ContextTimeoutEnabled, complain)
		fresh("ReadOnly", o.ReadOnly && !o.RouteByLatency && !o.RouteRandomly, complain) // go-redis sets ReadOnly for these two
		fresh("RouteByLatency", o.RouteByLatency, complain)
		fresh("RouteRandomly", o.RouteRandomly, complain)
	default:
		complain("client", "must be a *redis.Client or a *redis.ClusterClient, got %T", client)
	}
}

func deadlines(respected bool, complain configcheck.Complain) {
	if !respected {
		complain("client.ContextTimeoutEnabled", "must be true, got false: without it a request waits for a silent server beyond its deadline")
	}
}

func fresh(option string, stale bool, complain configcheck.Complain) {
	if stale {
		complain("client."+option, "must not be set: with it reads return outdated values")
	}
}
