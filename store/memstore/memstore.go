// Package memstore is a [store.Store] in memory, for tests, first steps, and
// services of one process whose users may log in again after a restart. Its
// content is lost when the process ends, and no other process sees it.
//
// Its memory is limited: expired sessions are deleted as new ones are created,
// without a goroutine, and there is a maximum number of sessions, and of API keys
// for each owner. Users and clients are not limited: the host adds them.
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

// Config configures a [Store]. The zero value is safe to use.
type Config struct {
	// Passwords hashes the users' passwords. Nil: a hasher with the defaults of
	// package passwords. Each of its hashes takes about 20 MiB and 20 ms, so use a
	// cheaper one in a test that adds many users.
	Passwords *passwords.Hasher

	// MaxSessions is the maximum number of sessions, from 1; revoked ones count
	// until they have expired. If there are that many and none has expired,
	// CreateSession returns an error that is none of package store's. Zero: 1000000.
	// That many take about 500 MB: BenchmarkMemory measures about 500 bytes for
	// each.
	MaxSessions int

	// MaxKeys is the maximum number of API keys of one owner, from 1; revoked ones
	// count until they have expired or DeleteExpiredAPIKeys has deleted them. If an
	// owner has that many and none has expired, CreateAPIKey returns an error that is
	// none of package store's. Zero: 1000.
	MaxKeys int

	// Now is the clock that decides what has expired when CreateSession,
	// CreateAPIKey, DenySession and DenySessions delete it. Nothing else uses it. It
	// must be safe for concurrent use. Nil: time.Now.
	Now func() time.Time
}

// Store keeps users, sessions, API keys, clients and the deny list in memory.
// Create it with [New]. It is a [store.Store], a [store.APIKeys], a
// [store.Clients] and a [store.Revocations]. It is safe for concurrent use.
type Store struct {
	passwords   *passwords.Hasher
	maxSessions int
	maxKeys     int
	now         func() time.Time

	mu     sync.RWMutex
	users  map[string]*user // by ID
	logins map[string]*user

	sessions map[string]*session // by ID
	expiry   expiry              // all sessions, the next to expire first
	opened   map[string]*session // each user's latest session, by the user's ID

	keys    map[string]*key // by ID
	digests map[store.Digest]*key
	owned   map[store.Owner][]*key

	clients map[string]store.Client // by ID
	denials map[string]time.Time    // the end of each denial, by the sid
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.APIKeys     = (*Store)(nil)
	_ store.Clients     = (*Store)(nil)
	_ store.Revocations = (*Store)(nil)
)

// ConfigError is one invalid field of a [Config].
type ConfigError = configerror.Error

// New returns an empty Store. It starts no goroutine.
//
// If the Config is invalid, New returns one error that joins all defects:
// *ConfigError values, each with the path of its field.
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
		owned:    map[store.Owner][]*key{},
		clients:  map[string]store.Client{},
		denials:  map[string]time.Time{},
	}, nil
}
