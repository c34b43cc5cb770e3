// Package circuit keeps requests from waiting for a server that does not serve: it has
// a circuit breaker, and turns for the connections of a pool. It knows no protocol.
package circuit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
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
	// longSilence is how long a server that serves lets no call wait while it answers
	// no other call either.
	longSilence = 250 * time.Millisecond

	// mostLate is how late a call may notice its deadline, in a process that runs.
	mostLate = 250 * time.Millisecond
)

// Server is what this process knows of one server from the calls of one client: whether
// it answers, and how many of the client's connections are in use. It is safe for
// concurrent use.
type Server struct {
	breaker

	turns chan struct{} // one for each connection of the client
}

// NewServer returns a Server that answers, of a client that has this many connections.
func NewServer(connections int) *Server {
	return &Server{turns: make(chan struct{}, max(connections, 1))}
}

// wait takes a turn, and returns how long it has waited for it. If it returns no
// error, the caller must call done.
func (s *Server) wait(ctx context.Context) (time.Duration, error) {
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
func (s *Server) done() { <-s.turns }

// Guard makes the calls of a server.
type Guard struct {
	// Timeout is how long a server may take to answer one call.
	Timeout time.Duration

	// ProbeEvery is how often a server that does not answer is called again.
	ProbeEvery time.Duration

	// Now is the clock of ProbeEvery. Nil: the machine's.
	Now func() time.Time

	// NoTurns means that calls need no turn.
	NoTurns bool

	// OnWait, if not nil, is called with the time that a call has waited for its turn.
	// It is not called for calls that have not waited.
	OnWait func(time.Duration)

	// Replied returns what an error shows that the server has replied, and false for
	// all other errors.
	Replied func(err error, s *Server) (Outcome, bool)

	// IsBusy reports whether a call has failed because the client had no free
	// connection.
	IsBusy func(err error) bool
}

// Call waits for a turn, and makes the call. F must make it with the context that it is
// given, and return its error. The context of a probe is not cancelled when ctx is, so
// that a caller who leaves cannot keep the circuit open.
func (g *Guard) Call(ctx context.Context, s *Server, f func(context.Context) error) error {
	if g.NoTurns {
		return g.try(ctx, s, 0, f)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.IsOpen() { // no turn: calls that wait for a silent server may have them all
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

// Try is Call without a turn.
func (g *Guard) Try(ctx context.Context, s *Server, f func(context.Context) error) error {
	return g.try(ctx, s, 0, f)
}

// try makes a call that has waited for its turn, unless the circuit is open, and notes
// its outcome.
func (g *Guard) try(ctx context.Context, s *Server, waited time.Duration, f func(context.Context) error) error {
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
func (g *Guard) judge(err error, s *Server, began, within time.Time, waited time.Duration) (o Outcome, busy bool) {
	if err == nil {
		return Answers, false
	}
	if o, replied := g.Replied(err, s); replied {
		return o, false
	}
	if errors.Is(err, context.Canceled) {
		return Nothing, false
	}
	if g.IsBusy(err) {
		return Nothing, true
	}
	served := s.hasAnsweredSince(began)
	if isTimeout(err) {
		switch {
		case served || machineTime().Sub(within) > mostLate: // others got answers, or this process did not run
			return Nothing, true
		case machineTime().Sub(began) >= min(g.Timeout, longSilence):
			return Silent, false
		case waited > 0: // its time was spent here
			return Nothing, true
		}
		return Fails, false
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" && !served {
		return Silent, false
	}
	return Fails, false
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timed, ok := errors.AsType[net.Error](err)
	return ok && timed.Timeout()
}

// machineTime is the time by the clock of this machine, by which contexts end.
func machineTime() time.Time { return time.Now() } //nolint:forbidigo // an injected clock does not end contexts
