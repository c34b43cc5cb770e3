package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// contender is a store that is measured.
type contender struct {
	name string
	open func(ctx context.Context, o options, users store.Users) (*place, error)
}

var contenders = []contender{
	{"memory", openMemory},
	{"SQLite", openSQLite},
	{"PostgreSQL", openPostgres},
	{"MariaDB", openMariaDB},
	{"Redis", openRedis},
	{"Valkey", openValkey},
}

// place is a store that has nothing in it yet.
type place struct {
	store.Store

	server string // what it runs on, and how that is set
	// fill adds so many sessions, each of another user, none of whom comes back.
	fill func(ctx context.Context, sessions int, created time.Time) error
	// size is how many bytes there are, with all that leads to the sessions.
	size   func(ctx context.Context) (int64, error)
	settle func(ctx context.Context) error // does what the server would do in time
	close  func(ctx context.Context) error

	each float64 // bytes that a session takes
}

// clients are in memory whatever the store, so that it is sessions that are
// measured: an Authority, and as many users as have logged in.
type clients struct {
	authority *tokens.Authority
	tokens    []tokens.Secret // the refresh token of each
}

const password = "correct horse & battery"

// patience is for a machine that has other things to do: what is late is a part
// of the figures.
const patience = time.Minute

// newUsers returns a store in memory. Its password hashes are cheap and insecure.
func newUsers(ctx context.Context, n int) (*memstore.Store, error) {
	light, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, Queue: 1024, InsecureParameters: true})
	if err != nil {
		return nil, err
	}
	users, err := memstore.New(memstore.Config{Passwords: light, MaxSessions: 4_000_000})
	if err != nil {
		return nil, err
	}
	for i := range n {
		name := strconv.Itoa(i)
		if err := users.AddUser(ctx, store.User{ID: "01J9ZQ4YJ0000000000000" + name, Login: name, Tier: "free"}, password); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// logIn opens a session for each of n users.
func logIn(ctx context.Context, s store.Store, n int) (*clients, error) {
	authority, err := tokens.New(tokens.Config{
		Store: s, Issuer: "https://bench.example", Audience: "bench", Timeout: patience,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		return nil, err
	}
	c := &clients{authority: authority}
	for i := range n {
		pair, err := authority.Login(ctx, tokens.LoginRequest{
			Login: strconv.Itoa(i), Password: password, ClientID: "web", Label: "Firefox on Linux",
		})
		if err != nil {
			return nil, err
		}
		c.tokens = append(c.tokens, pair.RefreshToken)
	}
	return c, nil
}

// refresh is what is measured. A client is one goroutine's at a time.
func (c *clients) refresh(ctx context.Context, client int) error {
	pair, err := c.authority.Refresh(ctx, tokens.RefreshRequest{Token: c.tokens[client], ClientID: "web"})
	if err != nil {
		return err
	}
	c.tokens[client] = pair.RefreshToken
	return nil
}

// prepare opens a place with so many sessions, some of which are those of clients
// who have logged in.
func (c contender) prepare(ctx context.Context, o options, sessions, loggedIn int) (_ *place, _ *clients, err error) {
	users, err := newUsers(ctx, loggedIn)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.open(ctx, o, users)
	if err != nil {
		return nil, nil, err
	}
	live, err := p.populate(ctx, sessions, loggedIn)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", c.name, err), p.close(context.WithoutCancel(ctx)))
	}
	return p, live, nil
}

func (p *place) populate(ctx context.Context, sessions, loggedIn int) (*clients, error) {
	if others := sessions - loggedIn; others > 0 {
		before, err := p.size(ctx)
		if err != nil {
			return nil, err
		}
		if err := p.fill(ctx, others, time.Now()); err != nil {
			return nil, err
		}
		after, err := p.size(ctx)
		if err != nil {
			return nil, err
		}
		p.each = float64(after-before) / float64(others)
	}
	live, err := logIn(ctx, p, loggedIn)
	if err != nil {
		return nil, err
	}
	return live, p.settle(ctx)
}
