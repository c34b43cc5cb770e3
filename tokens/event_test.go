package tokens_test

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// O14, D83: each operation tells of itself once, with all that is known of it.
func TestEvents(t *testing.T) {
	t.Parallel()
	loginShop := tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"}
	for _, test := range []struct {
		name string
		// do makes ready what comes before, calls the function that it is given,
		// and then does the one thing that is told of.
		do   func(*testing.T, *fixture, func()) (session string)
		want events.Event // without the session, the address and the time
		err  error
	}{
		{
			name: "a login",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				ready()
				p, err := r.Login(withAddress(t), loginShop)
				if err != nil {
					t.Error(err)
				}
				return p.Principal.SessionID
			},
			want: events.Event{Kind: events.Login, UserID: alice.ID, Account: "acme", ClientID: "shop"},
		},
		{
			name: "a login that is refused",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				ready()
				_, _ = r.Login(withAddress(t), tokens.LoginRequest{Login: "alice", Password: "wrong", ClientID: "shop"})
				return ""
			},
			want: events.Event{Kind: events.LoginRefused, ClientID: "shop", LoginPseudonym: "QOYOFVA68PcTJ9UpSHXzNQ"}, err: tokens.ErrBadCredentials,
		},
		{
			name: "a refresh",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: one.RefreshToken})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.Refresh, UserID: alice.ID, Account: "acme", ClientID: "shop", Generation: 1},
		},
		{
			name: "a replay",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				r.refresh(t, one.RefreshToken)
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: one.RefreshToken})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.Replay, UserID: alice.ID, Account: "acme", ClientID: "shop", Generation: 1},
		},
		{
			name: "a reuse",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				r.refresh(t, r.refresh(t, one.RefreshToken).RefreshToken)
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: one.RefreshToken})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.Reuse, UserID: alice.ID, ClientID: "shop", Generation: 1}, err: tokens.ErrReused,
		},
		{
			name: "a refresh token that is not genuine",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: "junk", ClientID: "shop"})
				return ""
			},
			want: events.Event{Kind: events.RefreshRefused, ClientID: "shop"}, err: tokens.ErrInvalidRefresh,
		},
		{
			name: "another client's refresh token",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "attacker"})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.RefreshRefused, UserID: alice.ID, ClientID: "shop", Generation: 1}, err: tokens.ErrWrongClient,
		},
		{
			name: "a refresh for which the store returns what its contract rules out",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				u := alice
				u.Scopes = []string{"re ad"}
				r.set(t, u)
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: one.RefreshToken})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.Fault, UserID: alice.ID, ClientID: "shop", Generation: 1}, err: tokens.ErrContract,
		},
		{
			name: "a logout",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				two := r.refresh(t, one.RefreshToken)
				ready()
				_ = r.Logout(withAddress(t), tokens.RefreshRequest{Token: two.RefreshToken})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.Logout, UserID: alice.ID, ClientID: "shop", Generation: 2},
		},
		{
			name: "a logout of a principal",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				ready()
				_ = r.LogoutPrincipal(withAddress(t), one.Principal)
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.Logout, UserID: alice.ID, ClientID: "shop", Generation: 1},
		},
		{
			name: "a logout everywhere",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				r.login(t)
				r.login(t)
				ready()
				_ = r.LogoutEverywhere(withAddress(t), alice.ID)
				return ""
			},
			want: events.Event{Kind: events.LogoutEverywhere, UserID: alice.ID},
		},
		{
			name: "a key exchange",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				key, _ := r.apiKey(t)
				ready()
				p, _ := r.ExchangeKey(withAddress(t), tokens.KeyRequest{Key: key, ClientID: "ci"})
				return p.Principal.SessionID
			},
			want: events.Event{Kind: events.KeyExchange, UserID: alice.ID, Account: "acme", ClientID: "ci", KeyID: "its own"},
		},
		{
			name: "a new key",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				ready()
				_, _, _ = r.CreateAPIKey(withAddress(t), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
				return ""
			},
			want: events.Event{Kind: events.KeyCreated, UserID: alice.ID, KeyID: "its own"},
		},
		{
			name: "a key that is rejected",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				ready()
				_, _ = r.ExchangeKey(withAddress(t), tokens.KeyRequest{Key: "junk"})
				return ""
			},
			want: events.Event{Kind: events.KeyRefused}, err: tokens.ErrInvalidKey,
		},
		{
			name: "a store that returned an error",
			do: func(t *testing.T, r *fixture, ready func()) string {
				t.Helper()
				one := r.loginWith(t, loginShop)
				r.store.step(always("AdvanceSession", errDriver), nil)
				ready()
				_, _ = r.Refresh(withAddress(t), tokens.RefreshRequest{Token: one.RefreshToken})
				return one.Principal.SessionID
			},
			want: events.Event{Kind: events.StoreFailure, UserID: alice.ID, ClientID: "shop", Generation: 1}, err: errDriver,
		},
	} {
		t.Run(test.name+" is told of in one event", func(t *testing.T) {
			t.Parallel()
			r := open(t, graceOf(time.Minute))
			session := test.do(t, r, func() { r.journal.Take() })
			told := r.journal.Take()
			if len(told) != 1 {
				t.Fatalf("events = %+v, want one", told)
			}
			got := told[0]
			if !errors.Is(got.Err, test.err) {
				t.Errorf("Err = %v, want %v", got.Err, test.err)
			}
			want := test.want
			want.SessionID, want.At, want.Address, want.Err = session, r.clock.time(), address, got.Err
			if want.KeyID != "" {
				want.KeyID = r.store.rows(t).Keys[0].ID
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the event is %+v\nwant         %+v", got, want)
			}
		})
	}

	t.Run("a refusal is told of before the caller knows, and a reuse is revoked by then", func(t *testing.T) {
		t.Parallel()
		var r *fixture
		revoked := false
		r = open(t, func(c *tokens.Config) {
			c.Events = func(_ context.Context, e events.Event) {
				if e.Kind == events.Reuse {
					revoked = !r.store.row(t).RevokedAt.IsZero()
				}
			}
		})
		r.refused(t, r.spent(t), tokens.ErrReused)
		if !revoked {
			t.Error("the session was not revoked when the event came")
		}
	})

	t.Run("Config.Events may be nil", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Events = nil })
		r.refused(t, r.spent(t), tokens.ErrReused)
		r.Report(t.Context(), events.Event{Kind: events.Limited})
	})

	t.Run("what other packages report has the time and the address too", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		r.Report(withAddress(t), events.Event{Kind: events.Limited, UserID: "u", Policy: "free", At: time.Unix(1, 0)})
		want := events.Event{Kind: events.Limited, UserID: "u", Policy: "free", At: r.clock.time(), Address: address}
		if got := r.journal.Take(); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("events = %+v, want %+v", got, want)
		}
	})
}

var address = netip.MustParseAddr("2001:db8::1")

func withAddress(t *testing.T) context.Context {
	t.Helper()
	return events.WithAddress(t.Context(), address)
}
