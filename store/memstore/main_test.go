package memstore_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quick returns a hasher whose hashes are cheap and whose queue is long.
func quick(t testing.TB, memory uint32) *passwords.Hasher {
	t.Helper()
	h, err := passwords.New(passwords.Config{Memory: memory, Time: 1, Threads: 1, Concurrent: 4, Queue: 1024, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// open returns a store of this Config, with quick hashes.
func open(t testing.TB, c memstore.Config) *memstore.Store {
	t.Helper()
	if c.Passwords == nil {
		c.Passwords = quick(t, 64)
	}
	s, err := memstore.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var ada = store.User{ID: "u1", Login: "ada", Tier: "free", Seats: 1, Scopes: []string{"articles:read"}}

const adas = "correct horse & battery"

// withAda is open, with one user in it.
func withAda(t testing.TB, c memstore.Config) *memstore.Store {
	t.Helper()
	s := open(t, c)
	if err := s.AddUser(t.Context(), ada, adas); err != nil {
		t.Fatal(err)
	}
	return s
}

// lookedAt is a context that calls a function once it has been looked at so many
// times, and goes on.
type lookedAt struct {
	context.Context

	looks int
	then  func()
}

func (c *lookedAt) look() {
	c.looks--
	if c.looks == -1 {
		c.then()
	}
}

func (c *lookedAt) Err() error            { c.look(); return c.Context.Err() }
func (c *lookedAt) Done() <-chan struct{} { c.look(); return c.Context.Done() }

// mostLooks is more than any method takes.
const mostLooks = 12
