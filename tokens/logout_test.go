package tokens_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestLogout(t *testing.T) {
	t.Parallel()
	t.Run("P36: a logout ends its session for good, and no other", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(time.Minute))
		other := r.login(t)
		one := r.login(t)
		two := r.refresh(t, one.RefreshToken)
		r.clock.move(time.Second)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: two.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		if s := r.store.row(t); !s.RevokedAt.Equal(r.clock.time()) || s.Generation != 2 {
			t.Errorf("the session is %+v", s)
		}
		for _, token := range []tokens.Secret{one.RefreshToken, two.RefreshToken} {
			r.refused(t, token, tokens.ErrRevokedRefresh)
		}
		r.refresh(t, other.RefreshToken)
	})

	t.Run("an older token of the session logs it out as well", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		three := r.refresh(t, r.refresh(t, one.RefreshToken).RefreshToken)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		r.refused(t, three.RefreshToken, tokens.ErrRevokedRefresh)
	})

	t.Run("an expired session can still be ended", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.clock.move(365 * 24 * time.Hour)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Error(err)
		}
	})

	t.Run("a second logout finds nothing to end, and keeps the time of the first", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		r.clock.move(time.Hour)
		r.unchanged(t, func() {
			wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}), tokens.ErrRevokedRefresh)
		})
	})

	t.Run("a session that the store has forgotten is unknown", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		if _, err := r.store.memory.DeleteExpiredSessions(t.Context(), r.clock.time().AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}), tokens.ErrInvalidRefresh)
		r.refused(t, one.RefreshToken, tokens.ErrInvalidRefresh)
	})

	t.Run("P9: another client ends nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
		r.unchanged(t, func() {
			wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "attacker"}), tokens.ErrWrongClient)
		})
		for _, client := range []string{"", "shop"} {
			p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
			if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken, ClientID: client}); err != nil {
				t.Errorf("client %q: %v", client, err)
			}
		}
		r.refresh(t, one.RefreshToken)
	})

	t.Run("an access token is good until it expires, as the comment says", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		r.verify(t, one.AccessToken)
	})

	t.Run("a logout that the store has made and not confirmed can be asked for again", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.store.step(nil, first("RevokeSession", func() error { return errDriver }))
		wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}), tokens.ErrUnavailable)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); !errors.Is(err, tokens.ErrInvalidRefresh) {
			t.Errorf("the second try: %v", err)
		}
		r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh)
	})
}

func TestLogoutPrincipal(t *testing.T) {
	t.Parallel()
	t.Run("the session of an access token is ended, and no other of the user's", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		before, one, after := r.login(t), r.login(t), r.login(t)
		two := r.refresh(t, one.RefreshToken)
		if err := r.LogoutPrincipal(t.Context(), r.verify(t, one.AccessToken)); err != nil { // the older one knows the session as well
			t.Fatal(err)
		}
		r.refused(t, two.RefreshToken, tokens.ErrRevokedRefresh)
		r.refresh(t, before.RefreshToken)
		r.refresh(t, after.RefreshToken)
	})

	t.Run("a principal without a session has none to end, and the store is not asked", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
		r.login(t)
		r.store.take()
		r.unchanged(t, func() {
			for _, p := range []tokens.Principal{p.Principal, {}} {
				if err := r.LogoutPrincipal(t.Context(), p); err != nil {
					t.Error(err)
				}
			}
		})
		if calls := r.store.take(); len(calls) > 0 {
			t.Errorf("calls = %q", calls)
		}
	})

	t.Run("a session that is over is no error", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		for range 2 {
			if err := r.LogoutPrincipal(t.Context(), one.Principal); err != nil {
				t.Error(err)
			}
		}
		if n := len(r.journal.Take()); n != 2 { // the login, and one logout
			t.Errorf("there were %d events, want 2", n)
		}
	})

	t.Run("another user's session is out of reach", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		p := one.Principal
		p.Subject = bob.ID
		r.unchanged(t, func() {
			if err := r.LogoutPrincipal(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("a sid that no store can have is asked for nowhere", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t).Principal
		for _, sid := range []string{"", "a b", "a/b", "é", "a\x00", strings.Repeat("a", 65)} {
			p.SessionID = sid
			r.store.take()
			if err := r.LogoutPrincipal(t.Context(), p); err != nil {
				t.Error(err)
			}
			if ok, err := r.EndSession(t.Context(), alice.ID, sid); ok || err != nil {
				t.Errorf("EndSession(%q) = %t, %v", sid, ok, err)
			}
			if ok, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: alice.ID}, sid); ok || err != nil {
				t.Errorf("RevokeAPIKey(%q) = %t, %v", sid, ok, err)
			}
			if calls := r.store.take(); len(calls) > 0 {
				t.Errorf("%q: calls = %q", sid, calls)
			}
		}
	})
	t.Run("a session's secret does not name it", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		p := one.Principal
		p.SessionID = secretOf(t, one.RefreshToken)
		r.unchanged(t, func() {
			if err := r.LogoutPrincipal(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestLogoutEverywhere(t *testing.T) {
	t.Parallel()
	r := open(t)
	bobs := r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password})
	one, two := r.login(t), r.login(t)
	if err := r.LogoutEverywhere(t.Context(), alice.ID); err != nil {
		t.Fatal(err)
	}
	r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh)
	r.refused(t, two.RefreshToken, tokens.ErrRevokedRefresh)
	r.refresh(t, bobs.RefreshToken)
	r.refresh(t, r.login(t).RefreshToken) // who comes again is let in
	if err := r.LogoutEverywhere(t.Context(), "unknown"); err != nil {
		t.Errorf("a user without sessions: %v", err)
	}
	if err := r.LogoutEverywhere(t.Context(), ""); errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown user: %v", err)
	}
}
