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

	// Login is what the user logs in with. Empty: the ID.
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
		if _, err := f.add(u); err != nil {
			tb.Fatalf("authtest: the user %q: %v", u.ID, err)
			return
		}
	}
}

// Token returns an access token of the user, with a session: it is valid for
// Config.Tokens.AccessTTL.
func (f *Fixture) Token(tb TB, u User) string {
	tb.Helper()
	return string(f.Login(tb, u).AccessToken)
}

// Login logs the user in, without a request, and returns an access token and a refresh
// token.
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
	login, err := f.put(u)
	if err == nil {
		var pair tokens.Pair
		pair, err = a.Login(context.Background(), tokens.LoginRequest{Login: login, Password: Password, AccessOnly: accessOnly})
		if err == nil {
			return pair
		}
	}
	tb.Fatalf("authtest: the user %q: %v", u.ID, err)
	return tokens.Pair{}
}

func (f *Fixture) add(u User) (login string, err error) {
	f.logins.Lock()
	defer f.logins.Unlock()
	return f.put(u)
}

// put writes the user to the store. The caller holds f.logins.
func (f *Fixture) put(u User) (login string, err error) {
	id := cmp.Or(u.ID, "user")
	user := store.User{
		ID: id, Login: cmp.Or(u.Login, id), Account: u.Account, Tier: cmp.Or(u.Tier, f.tier()), Seats: cmp.Or(u.Seats, 1), Scopes: u.Scopes,
	}
	f.mu.Lock()
	f.claims[id] = maps.Clone(u.Claims)
	f.mu.Unlock()
	ctx := context.Background()
	err = f.Store.SetUser(ctx, user)
	if errors.Is(err, store.ErrNotFound) {
		err = f.Store.AddUser(ctx, user, Password)
	}
	return user.Login, err
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
