package redistest

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
)

// SharedCluster returns the addresses of the masters of a Cluster without replicas that
// the tests of the package share. A test must use keys with a [Prefix] only, and leave
// the nodes' settings and slots alone.
func SharedCluster(t testing.TB) []string {
	t.Helper()
	return cluster.get(t, func(t testing.TB) []string { return Cluster(t, 0) })
}

var (
	one     shared[string]
	cluster shared[[]string]
)

// shared is started for the first test that asks for it, and stopped when none has it
// any more; while [Run] runs it is kept for the tests that follow.
type shared[T any] struct {
	mu    sync.Mutex
	has   T
	stop  func() // nil: it does not run
	users int
}

func (s *shared[T]) get(t testing.TB, start func(t testing.TB) T) T {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop == nil {
		until := &lasting{TB: t}
		defer func() {
			if s.stop == nil { // start has ended the test
				until.end()
			}
		}()
		s.has = start(until)
		s.stop = until.end
	}
	s.users++
	t.Cleanup(s.release)
	return s.has
}

func (s *shared[T]) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
}

func (s *shared[T]) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	if s.users == 0 && s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// sharing runs tests that share servers, and stops the servers.
func sharing(run func() int) int {
	one.keep()
	cluster.keep()
	defer one.release()
	defer cluster.release()
	return run()
}

// lasting is the test that starts a server for others, too: what it begins ends when
// end is called and not when the test does.
type lasting struct {
	testing.TB

	ends []func()
}

func (l *lasting) Cleanup(f func()) { l.ends = append(l.ends, f) }

func (*lasting) Context() context.Context { return context.Background() }

func (l *lasting) TempDir() string {
	l.Helper()
	dir, err := os.MkdirTemp("", "sallyport-redis-") // testing.TB.TempDir ends with the test
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (l *lasting) end() {
	for _, f := range slices.Backward(l.ends) {
		f()
	}
}
