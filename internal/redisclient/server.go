package redisclient

import (
	"runtime"
	"sync"
	"weak"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/circuit"
)

// servers has what is known of the server of each *redis.Client that is in use, also of those that a
// *redis.ClusterClient makes for its nodes, and one for each *redis.ClusterClient.
var servers sync.Map

// serverOf returns the server of a client, the same for every call. All packages that call
// it through the same client share it, so that what one of them has found out the others
// know.
func serverOf[Client redis.Client | redis.ClusterClient](client *Client, connections int) *circuit.Server {
	key := weak.Make(client)
	if known, ok := servers.Load(key); ok {
		return known.(*circuit.Server) //nolint:forcetypeassert // nothing else is stored
	}
	s, known := servers.LoadOrStore(key, circuit.NewServer(connections))
	if !known {
		runtime.AddCleanup(client, func(key weak.Pointer[Client]) { servers.Delete(key) }, key)
	}
	return s.(*circuit.Server) //nolint:forcetypeassert // nothing else is stored
}

// connections returns how many connections a client has at most.
func connections(client *redis.Client) int {
	o := client.Options()
	if o.MaxActiveConns > 0 {
		return min(o.PoolSize, o.MaxActiveConns)
	}
	return o.PoolSize
}
