package hosttest

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// Hasher returns a Hasher whose hashes cost next to nothing, and are insecure.
func Hasher(t *testing.T) *passwords.Hasher {
	t.Helper()
	h, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Users returns a store with these users, whose passwords cost next to nothing to hash.
// A nil now is the clock of the machine.
func Users(t *testing.T, now func() time.Time, password string, users ...store.User) *memstore.Store {
	t.Helper()
	s, err := memstore.New(memstore.Config{Passwords: Hasher(t), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if err := s.AddUser(t.Context(), u, password); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
