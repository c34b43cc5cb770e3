package redisclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrOpen means that the circuit breaker of the server is open: the server does
	// not answer, and no call is made until the next probe.
	ErrOpen = errors.New("the circuit breaker is open: the server did not answer")

	// ErrBusy means that all connections of the client were in use for as long as the
	// caller could wait, while the server answered other calls. The call may have been
	// made if the client has sent it.
	ErrBusy = errors.New("all connections of the client are in use")
)

const (
	firstRest = 2 * time.Millisecond
	mostRest  = 50 * time.Millisecond

	// longSilence is how long a server that serves lets no call wait while it answers
	// no other call either.
	longSilence = 250 * time.Millisecond

	// mostLate is how late a call may notice its deadline, in a process that runs.
	mostLate = 250 * time.Millisecond
)

// Guard makes the calls that requests wait for. Guards of the same client share its
// circuit breaker, one for each server: after one of them has found out that a server
// does not answer, the calls of all fail at once with ErrOpen, except one probe per
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
		return g.call(ctx, serverOf(client, connections(client)), f)
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
	err := g.try(ctx, serverOf(cluster, 1), 0, func(ctx context.Context) (err error) {
		node, err = cluster.MasterForKey(ctx, key)
		return err
	})
	if err != nil {
		return err
	}
	s := serverOf(node, connections(node))
	err = g.call(ctx, s, f)
	if err != nil && s.isOpen() {
		cluster.ReloadState(ctx) // a replica may have taken over
	}
	return err
}

// call waits for a connection, and makes the call.
func (g *Guard) call(ctx context.Context, s *server, f func(context.Context) error) error {
	if g.Pipelined {
		return g.try(ctx, s, 0, f)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.isOpen() { // no turn: calls that wait for a silent server may have them all
		return g.try(ctx, s, 0, f)
	}
	waited, err := s.wait(ctx)
	if waited > 0 && g.OnWait != nil {
		g.OnWait(waited)
	}
	if err == nil {
		defer s.done()
		err = ctx.Err()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: a call waited %v for its turn: %w", ErrBusy, waited.Round(time.Millisecond), err)
	case err != nil:
		return err
	}
	return g.try(ctx, s, waited, f)
}

// try makes a call that has waited for its turn, unless the circuit is open, and notes
// its outcome.
func (g *Guard) try(ctx context.Context, s *server, waited time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	allowed, probe := s.allows(g.now(), g.ProbeEvery)
	if !allowed {
		return ErrOpen
	}
	began := machineTime()
	within := began.Add(g.Timeout)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(within) {
		within = deadline
	}
	if probe {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithDeadline(ctx, within)
	defer cancel()
	err := f(ctx)
	o, busy := g.judge(err, s, began, within, waited)
	now := g.now()
	s.note(o, probe, now, now.Add(g.ProbeEvery))
	if busy {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

func (g *Guard) now() time.Time {
	if g.Now == nil {
		return machineTime()
	}
	return g.Now()
}

// judge returns what the outcome of a call shows of the server, and whether the call
// has failed because this process or its connections are busy. Only what the server
// did counts against it.
func (g *Guard) judge(err error, s *server, began, within time.Time, waited time.Duration) (o outcome, busy bool) {
	if err == nil {
		return answers, false
	}
	if _, replied := errors.AsType[redis.Error](err); replied {
		switch {
		case redis.HasErrorPrefix(err, "CLUSTERDOWN"):
			return s.down(g.Timeout), false
		case HasTransientPrefix(err):
			return fails, false
		}
		return answers, false
	}
	if errors.Is(err, context.Canceled) {
		return nothing, false
	}
	if IsBusy(err) {
		return nothing, true
	}
	served := s.hasAnsweredSince(began)
	if isTimeout(err) {
		switch {
		case served || machineTime().Sub(within) > mostLate: // others got answers, or this process did not run
			return nothing, true
		case machineTime().Sub(began) >= min(g.Timeout, longSilence):
			return silent, false
		case waited > 0: // its time was spent here
			return nothing, true
		}
		return fails, false
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" && !served {
		return silent, false
	}
	return fails, false
}

// IsBusy reports whether a call has failed because this process had no free
// connection: Call says so, or the client's own pool does.
func IsBusy(err error) bool {
	return errors.Is(err, ErrBusy) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted)
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timed, ok := errors.AsType[net.Error](err)
	return ok && timed.Timeout()
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
