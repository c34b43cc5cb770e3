package redisclient

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/circuit"
)

const (
	firstRest = 2 * time.Millisecond
	mostRest  = 50 * time.Millisecond
)

// Guard makes the calls that requests wait for. Guards of the same client share its
// circuit breaker, one for each server: after one of them has found out that a server
// does not answer, the calls of all fail at once with circuit.ErrOpen, except one probe per
// interval. They also share the client's connections: a call waits for its turn, and
// what it waits there is not a failure of the server.
type Guard struct {
	// Client is required.
	Client redis.UniversalClient

	// Timeout is how long a server may take to answer one call.
	Timeout time.Duration

	// ProbeEvery is how often a server that does not answer is called again.
	ProbeEvery time.Duration

	// Now is the clock of ProbeEvery. Nil: the machine's.
	Now func() time.Time

	// Pipelined means that calls are sent over a shared connection, and need no turn.
	Pipelined bool

	// OnWait, if not nil, is called with the time that a call has waited for its turn.
	// It is not called for calls that have not waited.
	OnWait func(time.Duration)
}

// Call makes one call of the server that has the key. F must make it with the context
// that it is given, and return its error.
//
// F is called again, while ctx lasts, if the server has refused the call because the
// key is moving to another node of the Cluster. The context of a probe is not
// cancelled when ctx is, so that a caller who leaves cannot keep the circuit open.
func (g *Guard) Call(ctx context.Context, key string, f func(context.Context) error) error {
	cluster, ok := g.Client.(*redis.ClusterClient)
	if !ok {
		client, _ := g.Client.(*redis.Client) // Check accepts no other
		return g.guard().Call(ctx, serverOf(client, connections(client)), f)
	}
	rest := firstRest
	for {
		err := g.node(ctx, cluster, key, f)
		if err == nil || !isMoving(err) {
			return err
		}
		again := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			again.Stop()
			return err
		case <-again.C:
		}
		rest = min(2*rest, mostRest)
	}
}

// node makes one call of the node that has the key.
func (g *Guard) node(ctx context.Context, cluster *redis.ClusterClient, key string, f func(context.Context) error) error {
	var node *redis.Client
	err := g.guard().Try(ctx, serverOf(cluster, 1), func(ctx context.Context) (err error) {
		node, err = cluster.MasterForKey(ctx, key)
		return err
	})
	if err != nil {
		return err
	}
	s := serverOf(node, connections(node))
	err = g.guard().Call(ctx, s, f)
	if err != nil && s.IsOpen() {
		cluster.ReloadState(ctx) // a replica may have taken over
	}
	return err
}

// guard returns what makes the calls of one server.
func (g *Guard) guard() *circuit.Guard {
	return &circuit.Guard{
		Timeout: g.Timeout, ProbeEvery: g.ProbeEvery, Now: g.Now, NoTurns: g.Pipelined, OnWait: g.OnWait,
		IsBusy: IsBusy,
		Replied: func(err error, s *circuit.Server) (circuit.Outcome, bool) {
			if _, replied := errors.AsType[redis.Error](err); !replied {
				return circuit.Nothing, false
			}
			switch {
			case redis.HasErrorPrefix(err, "CLUSTERDOWN"):
				return s.Down(g.Timeout), true
			case HasTransientPrefix(err):
				return circuit.Fails, true
			}
			return circuit.Answers, true
		},
	}
}

// IsBusy reports whether a call has failed because this process had no free
// connection: Call says so, or the client's own pool does.
func IsBusy(err error) bool {
	return errors.Is(err, circuit.ErrBusy) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted)
}

// isMoving reports whether a node of a Cluster has refused a call because its keys
// are moving to another.
func isMoving(err error) bool {
	for _, prefix := range []string{"TRYAGAIN", "MOVED", "ASK", "CLUSTERDOWN"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}
