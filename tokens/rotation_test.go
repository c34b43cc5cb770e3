package tokens_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("a refresh gives another refresh token and moves the session on by one", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		opened := r.store.row(t)
		r.clock.move(time.Hour)
		two := r.refresh(t, one.RefreshToken)
		if two.RefreshToken == one.RefreshToken || two.RefreshToken == "" || two.AccessToken == one.AccessToken {
			t.Error("the refresh did not give new tokens")
		}
		if two.Replayed || two.Narrowed {
			t.Errorf("Replayed = %v, Narrowed = %v", two.Replayed, two.Narrowed)
		}
		want := opened
		want.Generation = 2
		want.AdvancedAt = r.clock.time()
		want.IdleUntil = r.clock.time().Add(30 * 24 * time.Hour)
		if got := r.store.row(t); !sameSession(got, want) {
			t.Errorf("the session is %+v\nwant %+v", got, want)
		}
	})

	t.Run("a spent token ends its session, and no token of it opens anything again", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		two := r.refresh(t, one.RefreshToken)
		three := r.refresh(t, two.RefreshToken)
		r.refused(t, two.RefreshToken, tokens.ErrReused)
		for _, token := range []tokens.Secret{one.RefreshToken, two.RefreshToken, three.RefreshToken} {
			r.refused(t, token, tokens.ErrRevokedRefresh)
		}
		if s := r.store.row(t); s.Generation != 3 || !s.RevokedAt.Equal(r.clock.time()) {
			t.Errorf("the session is %+v, want generation 3, revoked now", s)
		}
	})

	t.Run("a reuse ends its own session and no other", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		other, bobs := r.login(t), r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password})
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
		r.refresh(t, other.RefreshToken)
		r.refresh(t, bobs.RefreshToken)
	})

	t.Run("a second use is a reuse even at the very instant of the first", func(t *testing.T) {
		t.Parallel()
		r := open(t) // whose clock stands still
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
	})

	t.Run("a second use is a reuse even on a node whose clock is behind", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		r.clock.move(-time.Second)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
	})

	t.Run("two logins share nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one, two := r.login(t), r.login(t)
		if one.RefreshToken == two.RefreshToken || one.Principal.SessionID == two.Principal.SessionID {
			t.Error("two logins gave one session")
		}
	})

	t.Run("another node with the same keys opens the token", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		two, err := authority(t, r.config).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		if err != nil {
			t.Fatal(err)
		}
		r.refresh(t, two.RefreshToken)
	})
}

// P2, as exact interleavings: each hook runs the other caller to its end while
// the first one stands between two calls.
func TestRefreshInterleaved(t *testing.T) {
	t.Parallel()
	strictAndNot := func(t *testing.T, f func(t *testing.T, r *fixture)) {
		t.Helper()
		for name, grace := range map[string]time.Duration{"strict": 0, "with a grace": time.Minute} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f(t, open(t, graceOf(grace)))
			})
		}
	}

	t.Run("P2: a revocation that commits before the newer refresh writes wins over it", func(t *testing.T) {
		t.Parallel()
		strictAndNot(t, func(t *testing.T, r *fixture) {
			t.Helper()
			zero := r.login(t)
			one := r.refresh(t, zero.RefreshToken)
			two := r.refresh(t, one.RefreshToken)
			r.store.step(first("AdvanceSession", func() error {
				r.refused(t, zero.RefreshToken, tokens.ErrReused)
				return nil
			}), nil)
			r.refused(t, two.RefreshToken, tokens.ErrRevokedRefresh)
			if s := r.store.row(t); s.Generation != 3 || s.RevokedAt.IsZero() {
				t.Errorf("the session is %+v, want generation 3, revoked", s)
			}
		})
	})

	t.Run("P2: a revocation that commits right behind the newer refresh ends its successor", func(t *testing.T) {
		t.Parallel()
		strictAndNot(t, func(t *testing.T, r *fixture) {
			t.Helper()
			one := r.login(t)
			two := r.refresh(t, one.RefreshToken)
			r.store.step(nil, first("AdvanceSession", func() error {
				r.refused(t, one.RefreshToken, tokens.ErrReused)
				return nil
			}))
			three := r.refresh(t, two.RefreshToken)
			r.refused(t, three.RefreshToken, tokens.ErrRevokedRefresh)
		})
	})

	t.Run("P2: strict, a caller that reads first and writes second is refused, and so is the winner's token", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		var won tokens.Pair
		r.store.step(first("AdvanceSession", func() error {
			won = r.refresh(t, one.RefreshToken)
			return nil
		}), nil)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
		r.refused(t, won.RefreshToken, tokens.ErrRevokedRefresh)
	})

	t.Run("with a grace, a caller that reads first and writes second gets the winner's token", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(time.Minute))
		one := r.login(t)
		var won tokens.Pair
		r.store.step(first("AdvanceSession", func() error {
			won = r.refresh(t, one.RefreshToken)
			return nil
		}), nil)
		lost := r.refresh(t, one.RefreshToken)
		if lost.RefreshToken != won.RefreshToken || !lost.Replayed || won.Replayed {
			t.Errorf("Replayed = %v and %v, same token: %v", won.Replayed, lost.Replayed, lost.RefreshToken == won.RefreshToken)
		}
		r.refresh(t, won.RefreshToken)
	})

	t.Run("a token that is two behind by the time of its write is a reuse", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(time.Minute))
		one := r.login(t)
		r.store.step(first("AdvanceSession", func() error {
			r.refresh(t, r.refresh(t, one.RefreshToken).RefreshToken)
			return nil
		}), nil)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
	})

	t.Run("a logout between read and write wins over the refresh", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(time.Minute))
		one := r.login(t)
		r.store.step(first("AdvanceSession", func() error {
			return r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		}), nil)
		r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh)
		if s := r.store.row(t); s.Generation != 1 {
			t.Errorf("the session came to generation %d", s.Generation)
		}
	})

	t.Run("a session that is deleted between read and write is rejected", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(time.Minute))
		one := r.login(t)
		r.store.step(first("AdvanceSession", func() error {
			_, err := r.store.memory.DeleteExpiredSessions(t.Context(), r.clock.time().AddDate(1, 0, 0))
			return err
		}), nil)
		r.refused(t, one.RefreshToken, tokens.ErrInvalidRefresh)
	})

	t.Run("a store that refuses the write and shows nothing new is unavailable", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.store.take()
		r.store.step(always("AdvanceSession", store.ErrConflict), nil)
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrUnavailable) })
		if calls := r.store.take(); !slices.Equal(calls, []string{"Session", "User", "AdvanceSession", "Session", "User", "AdvanceSession"}) {
			t.Errorf("calls = %q", calls)
		}
		r.store.step(nil, nil)
		r.refresh(t, one.RefreshToken)
	})

	t.Run("a store that loses a write that it has confirmed ends no session", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		old := newStoreSpy(t) // as a backup of an hour ago
		if err := old.memory.AddUser(t.Context(), alice, string(password)); err != nil {
			t.Fatal(err)
		}
		row := r.store.row(t)
		was, err := old.memory.User(t.Context(), alice.ID)
		if err != nil {
			t.Fatal(err)
		}
		row.CredentialVersion = was.CredentialVersion
		if err := old.memory.CreateSession(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		two := r.refresh(t, one.RefreshToken)
		c := r.config
		c.Store = old
		a := authority(t, c)
		_, err = a.Refresh(t.Context(), tokens.RefreshRequest{Token: two.RefreshToken})
		wantError(t, err, tokens.ErrInvalidRefresh)
		if _, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Errorf("the token that the store knows: %v", err)
		}
	})
}

// P3 for the store that answers with somebody else's row.
func TestRefreshForeignRows(t *testing.T) {
	t.Parallel()
	r := open(t)
	one := r.login(t)
	r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password})
	other := r.store.row(t)
	for _, test := range []struct {
		name, field string
		edit        func(*foreign)
	}{
		{"another session", "Session.ID", func(f *foreign) { f.session = func(s *store.Session) { *s = other } }},
		{"a session that there is not", "Session.ID", func(f *foreign) { f.session = func(s *store.Session) { s.ID = "AAAAAAAAAAAAAAAAAAAAAA" } }},
		{"another user", "User.ID", func(f *foreign) { f.user = func(u *store.User) { u.ID = bob.ID } }},
		{"a user without an ID", "User.ID", func(f *foreign) { f.user = func(u *store.User) { u.ID = "" } }},
	} {
		t.Run("a store that gives "+test.name+" is unavailable", func(t *testing.T) {
			t.Parallel()
			f := &foreign{storeSpy: r.store}
			test.edit(f)
			c := r.config
			c.Store = f
			a := authority(t, c)
			r.unchanged(t, func() {
				_, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
				wantError(t, err, tokens.ErrUnavailable)
				if !errors.Is(err, tokens.ErrContract) || !strings.Contains(err.Error(), test.field) {
					t.Errorf("%v does not name %s", err, test.field)
				}
				if f.session != nil {
					wantError(t, a.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}), tokens.ErrUnavailable)
				}
			})
		})
	}
}

func sameSession(a, b store.Session) bool {
	return a.ID == b.ID && a.UserID == b.UserID && a.ClientID == b.ClientID && a.Label == b.Label &&
		slices.Equal(a.Scopes, b.Scopes) && a.Generation == b.Generation &&
		a.CreatedAt.Equal(b.CreatedAt) && a.AdvancedAt.Equal(b.AdvancedAt) &&
		a.IdleUntil.Equal(b.IdleUntil) && a.ExpiresAt.Equal(b.ExpiresAt) && a.RevokedAt.Equal(b.RevokedAt)
}

func TestARefreshAllocatesLittle(t *testing.T) { //nolint:paralleltest // it counts allocations
	r := open(t, func(c *tokens.Config) { c.Events = nil })
	p := r.login(t)
	ctx := t.Context()
	got := testing.AllocsPerRun(200, func() {
		var err error
		if p, err = r.Refresh(ctx, tokens.RefreshRequest{Token: p.RefreshToken}); err != nil {
			t.Error(err)
		}
	})
	// the deadline and the store allocate too
	if most := 20.0; got > most && !raced {
		t.Errorf("%v allocations, want %v at most", got, most)
	}
	forged := p.RefreshToken[:len(p.RefreshToken)-8] + "AAAAAAAA"
	if got := testing.AllocsPerRun(200, func() {
		if _, err := r.Refresh(ctx, tokens.RefreshRequest{Token: forged}); !errors.Is(err, tokens.ErrInvalidRefresh) {
			t.Error(err)
		}
	}); got > 0 && !raced {
		t.Errorf("a forged token: %v allocations, want none", got)
	}
}
