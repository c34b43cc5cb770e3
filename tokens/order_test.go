package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// errDriver is the error of a store that failed.
var errDriver = errors.New("driver: broken pipe")

// operation is something that asks the store: made ready by one function, done
// by the one that this returns.
type operation struct {
	name  string
	calls []string // in their order, when nothing fails
	ready func(*testing.T, *fixture) func() error
	odd   map[string][]error // sentinels that the call does not have

	// withdraws is the call after whose failure a session is left that is revoked.
	withdraws string

	// times is how many times Config.Timeout a call has, where it is not once.
	times map[string]int
}

var operations = []operation{
	{
		name: "Login", calls: []string{"Authenticate", "CreateSession", "User"}, withdraws: "User",
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			return func() error {
				_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
				return err
			}
		},
		odd: map[string][]error{
			"Authenticate":  {store.ErrNotFound, store.ErrConflict},
			"CreateSession": {store.ErrNotFound, store.ErrConflict, store.ErrBadCredentials},
		},
	},
	{
		name: "Refresh", calls: []string{"Session", "User", "AdvanceSession"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			return refreshing(t, r, r.login(t).RefreshToken)
		},
		odd: map[string][]error{
			"Session":        {store.ErrConflict, store.ErrBadCredentials},
			"User":           {store.ErrConflict, store.ErrBadCredentials},
			"AdvanceSession": {store.ErrBadCredentials},
		},
	},
	{
		name: "a replay", calls: []string{"Session", "User"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			return refreshing(t, r, r.spent(t))
		},
	},
	{
		name: "a reuse", calls: []string{"Session", "RevokeSession"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			token := r.spent(t)
			r.clock.move(time.Hour)
			return refreshing(t, r, token)
		},
		odd: map[string][]error{"RevokeSession": {store.ErrNotFound, store.ErrConflict}},
	},
	{
		name: "Logout", calls: []string{"Session", "RevokeSession"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error { return r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}) }
		},
	},
	{
		name: "LogoutPrincipal", calls: []string{"Session", "RevokeSession"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error { return r.LogoutPrincipal(t.Context(), one.Principal) }
		},
		odd: map[string][]error{"Session": {store.ErrConflict}},
	},
	{
		name: "LogoutEverywhere", calls: []string{"RevokeUserSessions"}, times: map[string]int{"RevokeUserSessions": 4},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			r.login(t)
			return func() error { return r.LogoutEverywhere(t.Context(), alice.ID) }
		},
		odd: map[string][]error{"RevokeUserSessions": {store.ErrNotFound}},
	},
	{
		name: "PasswordChanged", calls: []string{"RevokeUserSessions"}, times: map[string]int{"RevokeUserSessions": 4},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			r.login(t)
			return func() error { return r.PasswordChanged(t.Context(), alice.ID) }
		},
	},
	{
		name: "CreateAPIKey", calls: []string{"User", "CreateAPIKey", "User"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			return func() error {
				_, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
				return err
			}
		},
		odd: map[string][]error{"CreateAPIKey": {store.ErrConflict}},
	},
	{
		name: "ExchangeKey", calls: []string{"APIKey", "User", "UseAPIKey"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			key, _ := r.apiKey(t)
			return func() error {
				_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
				return err
			}
		},
		odd: map[string][]error{
			"APIKey":    {store.ErrConflict, store.ErrBadCredentials},
			"User":      {store.ErrConflict, store.ErrBadCredentials},
			"UseAPIKey": {store.ErrNotFound},
		},
	},
	{
		name: "Revoke", calls: []string{"Session", "RevokeSession"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error {
				_, err := r.Revoke(t.Context(), tokens.RevokeRequest{Token: one.RefreshToken})
				return err
			}
		},
	},
	{
		name: "Revoke of a key", calls: []string{"APIKey", "RevokeAPIKey"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			key, _ := r.apiKey(t)
			return func() error {
				_, err := r.Revoke(t.Context(), tokens.RevokeRequest{Token: key})
				return err
			}
		},
		odd: map[string][]error{"APIKey": {store.ErrConflict}},
	},
	{
		name: "Introspect", calls: []string{"Session", "User"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error { return introspected(t, r, one.AccessToken) }
		},
		odd: map[string][]error{"Session": {store.ErrConflict}},
	},
	{
		name: "Introspect of a refresh token", calls: []string{"Session", "User"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error { return introspected(t, r, one.RefreshToken) }
		},
	},
	{
		name: "Sessions", calls: []string{"UserSessions"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			return func() error {
				_, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{})
				return err
			}
		},
	},
	{
		name: "EndSession", calls: []string{"Session", "RevokeSession"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error {
				_, err := r.EndSession(t.Context(), alice.ID, one.Principal.SessionID)
				return err
			}
		},
	},
	{
		name: "EndOtherSessions", calls: []string{"Session", "RevokeUserSessions"}, times: map[string]int{"RevokeUserSessions": 4},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			r.login(t)
			one := r.login(t)
			return func() error { return r.EndOtherSessions(t.Context(), one.Principal) }
		},
	},
	{
		name: "CreateOwnAPIKey", calls: []string{"Session", "User", "CreateAPIKey", "User"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			one := r.login(t)
			return func() error {
				_, _, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{Label: "CI"})
				return err
			}
		},
	},
	{
		name: "RevokeAPIKey", calls: []string{"APIKeyByID", "RevokeAPIKey"},
		ready: func(t *testing.T, r *fixture) func() error {
			t.Helper()
			_, row := r.apiKey(t)
			return func() error {
				_, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: alice.ID}, row.ID)
				return err
			}
		},
		odd: map[string][]error{"RevokeAPIKey": {store.ErrNotFound}},
	},
}

// introspected wants a token to be active, or an error.
func introspected(t *testing.T, r *fixture, token tokens.Secret) error {
	t.Helper()
	of, err := r.Introspect(t.Context(), token)
	if err == nil && !of.Active {
		t.Error("the token is not active")
	}
	return err
}

func refreshing(t *testing.T, r *fixture, token tokens.Secret) func() error {
	t.Helper()
	return func() error {
		_, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: token})
		return err
	}
}

// spent is a token of alice's that was used.
func (r *fixture) spent(tb testing.TB) tokens.Secret {
	tb.Helper()
	one := r.login(tb)
	r.refresh(tb, one.RefreshToken)
	return one.RefreshToken
}

func TestOrderOfCalls(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		t.Run(o.name+" asks for "+strings.Join(o.calls, ", "), func(t *testing.T) {
			t.Parallel()
			r := open(t, graceOf(time.Minute))
			do := o.ready(t, r)
			r.store.take()
			if err := do(); err != nil && !errors.Is(err, tokens.ErrReused) {
				t.Error(err)
			}
			if calls := r.store.take(); !slices.Equal(calls, o.calls) {
				t.Errorf("calls = %q, want %q", calls, o.calls)
			}
		})
	}
}

// P3, P35: an error of the store is neither theft, nor absence, nor
// success.
func TestStoreFailure(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		for _, call := range o.calls {
			t.Run(fmt.Sprintf("P3: %s is unavailable while %s fails, changes nothing, and works afterwards", o.name, call), func(t *testing.T) {
				t.Parallel()
				failures := []error{errDriver, context.DeadlineExceeded, context.Canceled, fmt.Errorf("wrapped: %w", errDriver)}
				for _, failure := range append(failures, o.odd[call]...) {
					r := open(t, graceOf(time.Minute))
					do := o.ready(t, r)
					r.journal.Take()
					r.store.step(always(call, failure), nil)
					check := func() { wantError(t, do(), tokens.ErrUnavailable) }
					if call == o.withdraws {
						r.withdrawn(t, check)
					} else {
						r.unchanged(t, check)
					}
					told := r.journal.WantKinds(t, events.StoreFailure)
					if len(told) == 1 && !errors.Is(told[0].Err, failure) {
						t.Errorf("the event tells of %v, want %v", told[0].Err, failure)
					}
					r.store.step(nil, nil)
					if err := do(); err != nil && !errors.Is(err, tokens.ErrReused) {
						t.Errorf("when the store was back: %v", err)
					}
				}
			})
		}
	}

	t.Run("P3: a write that was made and said otherwise is unavailable, and no reuse", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.store.step(nil, always("AdvanceSession", errDriver))
		r.refused(t, one.RefreshToken, tokens.ErrUnavailable)
		if s := r.store.row(t); s.Generation != 2 || !s.RevokedAt.IsZero() {
			t.Errorf("the session is %+v, want generation 2, live", s)
		}
	})

	t.Run("P35: a reuse whose revocation fails is told as unavailable, and revoked when it comes again", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		token := r.spent(t)
		r.store.step(always("RevokeSession", errDriver), nil)
		r.refused(t, token, tokens.ErrUnavailable)
		if s := r.store.row(t); !s.RevokedAt.IsZero() {
			t.Error("the session is revoked")
		}
		r.store.step(nil, nil)
		r.refused(t, token, tokens.ErrReused)
	})
}

func TestHangingUp(t *testing.T) {
	t.Parallel()
	t.Run("a reuse is revoked even if the caller hangs up right then", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		token := r.spent(t)
		ctx, cancel := context.WithCancel(t.Context())
		r.store.step(nil, first("Session", func() error {
			cancel()
			return nil
		}))
		r.journal.Take()
		_, err := r.Refresh(ctx, tokens.RefreshRequest{Token: token})
		wantError(t, err, tokens.ErrReused)
		if s := r.store.row(t); s.RevokedAt.IsZero() {
			t.Error("the session is not revoked")
		}
		r.journal.WantKinds(t, events.Reuse)
	})

	t.Run("a caller who hangs up before the write has used nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		ctx, cancel := context.WithCancel(t.Context())
		r.store.step(nil, first("User", func() error {
			cancel()
			return nil
		}))
		r.unchanged(t, func() {
			_, err := r.Refresh(ctx, tokens.RefreshRequest{Token: one.RefreshToken})
			wantError(t, err, tokens.ErrUnavailable)
		})
		r.refresh(t, one.RefreshToken)
	})

	t.Run("a caller whose context is done already has used nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.unchanged(t, func() {
			_, err := r.Refresh(ctx, tokens.RefreshRequest{Token: one.RefreshToken})
			wantError(t, err, tokens.ErrUnavailable)
			_, err = r.Login(ctx, tokens.LoginRequest{Login: "alice", Password: password})
			wantError(t, err, tokens.ErrUnavailable)
		})
		r.refresh(t, one.RefreshToken)
	})
}

func TestStalledStore(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		for _, call := range o.calls {
			t.Run(fmt.Sprintf("%s ends within the timeout while %s hangs", o.name, call), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					r := open(t, graceOf(time.Minute), func(c *tokens.Config) { c.Timeout = 3 * time.Second })
					do := o.ready(t, r)
					r.store.step(func(ctx context.Context, c string) error {
						if c != call {
							return nil
						}
						<-ctx.Done()
						return ctx.Err()
					}, nil)
					start := time.Now()
					check := func() { wantError(t, do(), tokens.ErrUnavailable) }
					if call == o.withdraws {
						r.withdrawn(t, check)
					} else {
						r.unchanged(t, check)
					}
					if took, want := time.Since(start), time.Duration(3*max(1, o.times[call]))*time.Second; took != want {
						t.Errorf("it took %v, want %v", took, want)
					}
				})
			})
		}
	}

	t.Run("a reuse that was found late has the timeout again for its revocation", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := open(t, func(c *tokens.Config) { c.Timeout = 3 * time.Second })
			token := r.spent(t)
			r.store.step(func(_ context.Context, call string) error {
				if call == "RevokeSession" {
					time.Sleep(2900 * time.Millisecond)
				}
				return nil
			}, first("Session", func() error {
				time.Sleep(2900 * time.Millisecond)
				return nil
			}))
			r.refused(t, token, tokens.ErrReused)
		})
	})

	t.Run("without a timeout of the host's own the store has 5 s", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := open(t)
			r.store.step(func(ctx context.Context, _ string) error {
				<-ctx.Done()
				return ctx.Err()
			}, nil)
			start := time.Now()
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			wantError(t, err, tokens.ErrUnavailable)
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("it took %v, want 5s", took)
			}
		})
	})

	t.Run("the timeout holds for the host's claims too", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := open(t, func(c *tokens.Config) {
				c.Claims = func(ctx context.Context, _ store.User) (map[string]any, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			})
			start := time.Now()
			r.unchanged(t, func() {
				_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
				wantError(t, err, tokens.ErrUnavailable)
			})
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("it took %v, want 5s", took)
			}
		})
	})
}

// P4: what cannot be undone comes last.
func TestMintBeforeWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		claims func(context.Context, store.User) (map[string]any, error)
		want   error
	}{
		{
			"the host's claims fail",
			func(context.Context, store.User) (map[string]any, error) { return nil, errDriver },
			tokens.ErrUnavailable,
		},
		{
			"the host's claims fail with an error of the store's",
			func(context.Context, store.User) (map[string]any, error) { return nil, store.ErrNotFound },
			tokens.ErrUnavailable,
		},
		{
			"the host's claims are too large",
			func(context.Context, store.User) (map[string]any, error) {
				return map[string]any{"big": strings.Repeat("x", tokens.MaxAccessToken)}, nil
			},
			tokens.ErrClaims,
		},
		{
			"the host's claims are no JSON",
			func(context.Context, store.User) (map[string]any, error) {
				return map[string]any{"channel": make(chan int)}, nil
			},
			tokens.ErrClaims,
		},
		{
			"the host's claims set exp",
			func(context.Context, store.User) (map[string]any, error) { return map[string]any{"exp": 1 << 40}, nil },
			tokens.ErrClaims,
		},
	} {
		t.Run("P4: the token stays good when "+test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			one := r.login(t)
			c := r.config
			c.Claims = test.claims
			failing := authority(t, c)
			r.store.take()
			r.unchanged(t, func() {
				_, err := failing.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
				wantError(t, err, test.want)
			})
			if calls := r.store.take(); slices.Contains(calls, "AdvanceSession") {
				t.Errorf("calls = %q", calls)
			}
			r.refresh(t, one.RefreshToken)
		})
		t.Run("no session is opened when "+test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *tokens.Config) { c.Claims = test.claims })
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			wantError(t, err, test.want)
			if n := len(r.store.rows(t).Sessions); n != 0 || !reflect.DeepEqual(p, tokens.Pair{}) {
				t.Errorf("%d sessions were opened, and the refusal came with %v", n, p)
			}
		})
	}

	t.Run("the last use of a key is not noted when the host's claims fail", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		c := r.config
		c.Claims = func(context.Context, store.User) (map[string]any, error) { return nil, errDriver }
		r.unchanged(t, func() {
			_, err := authority(t, c).ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			wantError(t, err, tokens.ErrUnavailable)
		})
	})

	t.Run("P4: the token stays good when a scope of the user's is none", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		odd := alice
		odd.Scopes = []string{"read write"}
		r.set(t, odd)
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrUnavailable) })
		r.set(t, alice)
		r.refresh(t, one.RefreshToken)
	})
}

// version is the CredentialVersion of a user.
func (r *fixture) version(tb testing.TB, id string) string {
	tb.Helper()
	u, err := r.store.memory.User(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return u.CredentialVersion
}

// set changes a user.
func (r *fixture) set(tb testing.TB, u store.User) {
	tb.Helper()
	if err := r.store.memory.SetUser(tb.Context(), u); err != nil {
		tb.Fatal(err)
	}
}

// apiKey makes alice a key that narrows nothing and does not expire.
func (r *fixture) apiKey(tb testing.TB) (tokens.Secret, store.APIKey) {
	tb.Helper()
	key, row, err := r.CreateAPIKey(tb.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
	if err != nil {
		tb.Fatalf("CreateAPIKey: %v", err)
	}
	return key, row
}
