package authtest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// Password is the password of every User.
const Password = "correct horse & battery"

// User is a user of a test. The zero User is one with the ID "user".
type User struct {
	// ID is the subject of the user's tokens. Two Users with the same ID are the same
	// user: the last one that was used says what the store has. Empty: "user".
	ID string

	// Kind is what has the ID: store.OwnerAccount or store.OwnerService is no user, but
	// an account or a service account that owns API keys. Its tokens are made from a key,
	// as if APIKey were set, and their subject is the kind, a colon and the ID. The
	// Account of an account is its own ID. Empty: a user.
	Kind store.OwnerKind

	// APIKey makes the tokens from an API key of the user instead of a login: there is no
	// session and no refresh token, and tokens.Principal.Restricted is true. False: the
	// user logs in, if it is one.
	APIKey bool

	// Login is what the user logs in with. Empty: the ID. It is ignored if Kind is set.
	Login string

	// Account is the account whose quota is used. Empty: the user has a quota of their
	// own.
	Account string

	// Tier is the user's tier. Empty: "free" or, if Config.Auth.Tiers has no such tier,
	// the first in alphabetical order that is not for anonymous callers.
	Tier string

	// Seats is the number of seats of the account, 1 or more. Zero: 1.
	Seats int

	// Scopes are what the user may do. All of them are in the user's tokens. Nil: none.
	Scopes []string

	// Claims are claims of the host's own in the user's tokens, besides those of
	// Config.Tokens.Claims, which they replace if they have the same name.
	// tokens.Principal.Claims reads them. Nil: none.
	Claims map[string]any
}

// Add adds users to the store, with Password, or changes those that are there. The
// other methods that take a User do it, too: use Add for users who log in through
// the host's own handlers.
func (f *Fixture) Add(tb TB, users ...User) {
	tb.Helper()
	for _, u := range users {
		if err := f.add(u); err != nil {
			tb.Fatalf("authtest: the user %q: %v", u.ID, err)
			return
		}
	}
}

// Token returns an access token of the user, with a session unless it is made from an
// API key: it is valid for Config.Tokens.AccessTTL.
func (f *Fixture) Token(tb TB, u User) string {
	tb.Helper()
	return string(f.Login(tb, u).AccessToken)
}

// Login logs the user in, without a request, and returns an access token and a refresh
// token. If User.Kind or User.APIKey is set, it exchanges a new API key instead, and
// there is no refresh token.
func (f *Fixture) Login(tb TB, u User) tokens.Pair {
	tb.Helper()
	return f.login(tb, f.Tokens, u, false)
}

// Expired returns an access token of the user whose lifetime, Config.Tokens.Leeway
// included, ended less than a second ago. It does not advance the clock.
func (f *Fixture) Expired(tb TB, u User) string {
	tb.Helper()
	c := f.config.Tokens
	age := cmp.Or(c.AccessTTL, time.Hour) + c.Leeway
	c.Now = func() time.Time { return f.Now().Add(-age) }
	c.Events = nil
	before, err := tokens.New(c)
	if err != nil {
		tb.Fatalf("authtest: %v", err)
		return ""
	}
	return string(f.login(tb, before, u, true).AccessToken)
}

// APIKey returns a new API key of the user, or of an account or a service account, for
// example for a test of the route on which keys are exchanged. It may do what its owner
// may, and does not expire. Fixture.Tokens.CreateAPIKey makes others, for an owner that
// was passed to Add.
func (f *Fixture) APIKey(tb TB, u User) string {
	tb.Helper()
	err := f.add(u)
	if err == nil {
		var key tokens.Secret
		if key, _, err = f.Tokens.CreateAPIKey(context.Background(), u.owner(), tokens.KeyOptions{}); err == nil {
			return string(key)
		}
	}
	tb.Fatalf("authtest: an API key of %q: %v", u.ID, err)
	return ""
}

// Principal returns the principal of a new access token of the user, for a handler that
// is tested without the middleware: see [tokens.WithPrincipal].
func (f *Fixture) Principal(tb TB, u User) tokens.Principal {
	tb.Helper()
	p, err := f.Tokens.Verify(context.Background(), tokens.Secret(f.Token(tb, u)))
	if err != nil {
		tb.Fatalf("authtest: a new token is not valid: %v", err)
	}
	return p
}

// As sets the Authorization header of a request to a new access token of the user, and
// returns the request.
func (f *Fixture) As(tb TB, r *http.Request, u User) *http.Request {
	tb.Helper()
	r.Header.Set("Authorization", "Bearer "+f.Token(tb, u))
	return r
}

// login adds the user, and logs them in before another test can change them.
func (f *Fixture) login(tb TB, a *tokens.Authority, u User, accessOnly bool) tokens.Pair {
	tb.Helper()
	f.logins.Lock()
	defer f.logins.Unlock()
	err := f.put(u)
	if err == nil {
		var pair tokens.Pair
		if u.APIKey || u.Kind != store.OwnerUser {
			pair, err = exchange(a, u.owner())
		} else {
			pair, err = a.Login(context.Background(), tokens.LoginRequest{Login: cmp.Or(u.Login, u.id()), Password: Password, AccessOnly: accessOnly})
		}
		if err == nil {
			return pair
		}
	}
	tb.Fatalf("authtest: the user %q: %v", u.ID, err)
	return tokens.Pair{}
}

// exchange returns an access token from a new API key of an owner.
func exchange(a *tokens.Authority, o store.Owner) (tokens.Pair, error) {
	key, _, err := a.CreateAPIKey(context.Background(), o, tokens.KeyOptions{})
	if err != nil {
		return tokens.Pair{}, err
	}
	return a.ExchangeKey(context.Background(), tokens.KeyRequest{Key: key})
}

func (f *Fixture) add(u User) error {
	f.logins.Lock()
	defer f.logins.Unlock()
	return f.put(u)
}

func (u User) id() string { return cmp.Or(u.ID, "user") }

func (u User) owner() store.Owner { return store.Owner{Kind: u.Kind, ID: u.id()} }

// put writes the user to the store, or the owner of keys to where KeyOwner finds it. The
// caller holds f.logins.
func (f *Fixture) put(u User) error {
	user := store.User{
		ID: u.id(), Login: cmp.Or(u.Login, u.id()), Account: u.Account, Tier: cmp.Or(u.Tier, f.tier()), Seats: cmp.Or(u.Seats, 1), Scopes: u.Scopes,
	}
	f.mu.Lock()
	f.claims[u.owner().Subject()] = maps.Clone(u.Claims)
	if u.Kind != store.OwnerUser {
		f.owners[u.owner()] = user
	}
	f.mu.Unlock()
	if u.Kind != store.OwnerUser {
		return nil
	}
	ctx := context.Background()
	err := f.Store.SetUser(ctx, user)
	if errors.Is(err, store.ErrNotFound) {
		err = f.Store.AddUser(ctx, user, Password)
	}
	return err
}

// withOwners returns the host's function, after the owners of the test.
func (f *Fixture) withOwners(host func(context.Context, store.Owner) (store.User, error)) func(context.Context, store.Owner) (store.User, error) {
	return func(ctx context.Context, o store.Owner) (store.User, error) {
		f.mu.Lock()
		u, ok := f.owners[o]
		f.mu.Unlock()
		switch {
		case ok:
			return u, nil
		case host != nil:
			return host(ctx, o)
		}
		return store.User{}, store.ErrNotFound
	}
}

// tier is the tier of a User without one.
func (f *Fixture) tier() string {
	names := slices.Sorted(maps.Keys(f.config.Auth.Tiers))
	names = slices.DeleteFunc(names, func(name string) bool { return name == ratelimit.Anonymous })
	if len(names) == 0 || slices.Contains(names, "free") {
		return "free"
	}
	return names[0]
}
