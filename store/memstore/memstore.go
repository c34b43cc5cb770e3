// Package memstore is a [store.Store] in memory, for tests, first steps and
// services of one process whose users may log in again after a restart. What it
// knows is gone when the process ends, and no other process sees it.
//
// It is bounded: expired sessions are forgotten as new ones are created, with no
// goroutine in the background, and there are limits to how many sessions there
// are, and how many keys a user has.
package memstore

import (
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

const (
	defaultMaxSessions = 1_000_000
	defaultMaxKeys     = 1000
)

// Config says what a [Store] is made of. The zero value is a safe choice.
type Config struct {
	// Passwords hashes the users' passwords. Nil means one with the defaults of
	// package passwords, whose hashes take some 20 MiB and 20 ms each: a test
	// that makes many users wants a lighter one.
	Passwords *passwords.Hasher

	// MaxSessions is how many sessions the store remembers; revoked ones count
	// until they have expired. When there are so many that have not,
	// CreateSession returns an error that is no sentinel. 0 means a million, which
	// is half a gigabyte: each takes about 500 bytes, says BenchmarkMemory.
	MaxSessions int

	// MaxKeys is how many API keys the store remembers of one user; revoked ones
	// count until they have expired or DeleteExpiredAPIKeys has forgotten them.
	// When there are so many that have not, CreateAPIKey returns an error that is
	// no sentinel. 0 means a thousand.
	MaxKeys int

	// Now is the clock by which the store forgets what has expired, and nothing
	// else. Nil means time.Now.
	Now func() time.Time
}

// Store remembers users, their sessions and their API keys, the clients that are
// registered, and the sessions that were ended. It is a [store.Store], a
// [store.APIKeys], a [store.Clients] and a [store.Revocations]. Any number of
// goroutines may use it at once.
type Store struct {
	passwords   *passwords.Hasher
	maxSessions int
	maxKeys     int
	now         func() time.Time

	mu     sync.RWMutex
	users  map[string]*user // by ID
	logins map[string]*user

	sessions map[string]*session // by ID
	expiry   expiry              // the same, soonest to expire first
	opened   map[string]*session // the latest of each user's, by the user's ID

	keys    map[string]*key // by ID
	digests map[store.Digest]*key
	owned   map[string][]*key // by the user's ID

	clients map[string]store.Client // by ID
	denials map[string]time.Time    // until when, by the sid
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.APIKeys     = (*Store)(nil)
	_ store.Clients     = (*Store)(nil)
	_ store.Revocations = (*Store)(nil)
)

// ConfigError is one invalid field of a Config.
type ConfigError = configerror.Error

// New returns an empty Store, or all that is wrong with c: *ConfigError values,
// joined.
func New(c Config) (*Store, error) {
	wrong := configcheck.List{Package: "memstore"}
	complain := wrong.At("Config.")
	if c.MaxSessions < 0 {
		complain("MaxSessions", "must be 1 or more, or 0 for the default, got %d", c.MaxSessions)
	}
	if c.MaxKeys < 0 {
		complain("MaxKeys", "must be 1 or more, or 0 for the default, got %d", c.MaxKeys)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = defaultMaxSessions
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = defaultMaxKeys
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Passwords == nil {
		h, err := passwords.New(passwords.Config{})
		if err != nil {
			return nil, err
		}
		c.Passwords = h
	}
	return &Store{
		passwords:   c.Passwords,
		maxSessions: c.MaxSessions,
		maxKeys:     c.MaxKeys,
		now:         c.Now,

		users:    map[string]*user{},
		logins:   map[string]*user{},
		sessions: map[string]*session{},
		opened:   map[string]*session{},
		keys:     map[string]*key{},
		digests:  map[store.Digest]*key{},
		owned:    map[string][]*key{},
		clients:  map[string]store.Client{},
		denials:  map[string]time.Time{},
	}, nil
}
