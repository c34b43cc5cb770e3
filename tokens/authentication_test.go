package tokens_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	t.Run("a login with a password is told by the session and by its access tokens", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		at := r.clock.time()
		if s := r.store.row(t); !s.AuthenticatedAt.Equal(at) || !slices.Equal(s.Methods, []string{"pwd"}) || s.Actor != "" {
			t.Errorf("the session has %v, %q, %q", s.AuthenticatedAt, s.Methods, s.Actor)
		}
		wantAuthentication(t, p.Principal, at, "pwd")
		wantAuthentication(t, r.verify(t, p.AccessToken), at, "pwd")
	})
	t.Run("a refresh is no authentication: it keeps when and how the user was", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		at := r.clock.time()
		p := r.login(t)
		for range 3 {
			r.clock.move(time.Hour)
			p = r.refresh(t, p.RefreshToken)
			wantAuthentication(t, r.verify(t, p.AccessToken), at, "pwd")
		}
		if s := r.store.row(t); !s.AuthenticatedAt.Equal(at) || !slices.Equal(s.Methods, []string{"pwd"}) {
			t.Errorf("the session has %v, %q", s.AuthenticatedAt, s.Methods)
		}
	})
	t.Run("a login without a refresh token is told of too", func(t *testing.T) {
		t.Parallel()
		for _, edit := range []func(*tokens.Config){func(*tokens.Config) {}, denying} {
			r := open(t, edit)
			p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
			wantAuthentication(t, r.verify(t, p.AccessToken), r.clock.time(), "pwd")
		}
	})
	t.Run("access tokens name all methods, in their order", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		at := r.clock.time().Add(-time.Hour)
		c := r.config
		c.Store = &foreign{storeSpy: r.store, session: func(s *store.Session) {
			s.AuthenticatedAt, s.Methods = at, []string{"pwd", "otp", "mfa"}
		}}
		p, err := authority(t, c).Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken})
		if err != nil {
			t.Fatal(err)
		}
		wantAuthentication(t, r.verify(t, p.AccessToken), at, "pwd", "otp", "mfa")
	})
	t.Run("a token of an API key, and of a session from before, says nothing of it", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		wantAuthentication(t, r.verify(t, p.AccessToken), time.Time{})

		p = r.login(t)
		c := r.config
		c.Store = &foreign{storeSpy: r.store, session: func(s *store.Session) { s.AuthenticatedAt, s.Methods = time.Time{}, nil }}
		if p, err = authority(t, c).Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		wantAuthentication(t, r.verify(t, p.AccessToken), time.Time{})
	})
	t.Run("a host cannot claim it", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"auth_time", "amr", "AMR"} {
			r := open(t, func(c *tokens.Config) {
				c.Claims = func(context.Context, store.User) (map[string]any, error) {
					return map[string]any{name: []string{"mfa"}}, nil
				}
			})
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			wantError(t, err, tokens.ErrClaims)
		}
	})
}

func wantAuthentication(t *testing.T, p tokens.Principal, at time.Time, methods ...string) {
	t.Helper()
	if !p.AuthenticatedAt.Equal(at) || p.AuthenticatedAt.IsZero() != at.IsZero() {
		t.Errorf("AuthenticatedAt = %v, want %v", p.AuthenticatedAt, at)
	}
	if got := p.Methods(); !slices.Equal(got, methods) {
		t.Errorf("Methods = %q, want %q", got, methods)
	}
}
