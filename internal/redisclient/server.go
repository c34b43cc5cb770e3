package redisclient

import (
	"context"
	"runtime"
	"sync"
	"time"
	"weak"

	"github.com/redis/go-redis/v9"
)

// server is what this process knows of one Redis server from the calls of one client:
// whether it answers, and how many of the client's connections are in use. All
// packages that call the server through the same client share it, so that what one of
// them has found out the others know.
type server struct {
	breaker

	turns chan struct{} // one for each connection of the client
}

// servers has the server of each *redis.Client that is in use, also of those that a
// *redis.ClusterClient makes for its nodes, and one for each *redis.ClusterClient.
var servers sync.Map

// serverOf returns the server of a client, the same for every call.
func serverOf[Client redis.Client | redis.ClusterClient](client *Client, connections int) *server {
	key := weak.Make(client)
	if known, ok := servers.Load(key); ok {
		return known.(*server) //nolint:forcetypeassert // nothing else is stored
	}
	s, known := servers.LoadOrStore(key, &server{turns: make(chan struct{}, max(connections, 1))})
	if !known {
		runtime.AddCleanup(client, func(key weak.Pointer[Client]) { servers.Delete(key) }, key)
	}
	return s.(*server) //nolint:forcetypeassert // nothing else is stored
}

// connections returns how many connections a client has at most.
func connections(client *redis.Client) int {
	o := client.Options()
	if o.MaxActiveConns > 0 {
		return min(o.PoolSize, o.MaxActiveConns)
	}
	return o.PoolSize
}

// wait takes a turn, and returns how long it has waited for it. If it returns no
// error, the caller must call done.
func (s *server) wait(ctx context.Context) (time.Duration, error) {
	select {
	case s.turns <- struct{}{}:
		return 0, nil
	default:
	}
	began := machineTime()
	select {
	case s.turns <- struct{}{}:
		return machineTime().Sub(began), nil
	case <-ctx.Done():
		return machineTime().Sub(began), ctx.Err()
	}
}

// done gives a turn back.
func (s *server) done() { <-s.turns }

// machineTime is the time by the clock of this machine, by which contexts end.
func machineTime() time.Time { return time.Now() } //nolint:forbidigo // an injected clock does not end contexts
