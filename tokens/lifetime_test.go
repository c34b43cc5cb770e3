package tokens_test

import (
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

func lifetimes(idle, session time.Duration) func(*tokens.Config) {
	return func(c *tokens.Config) { c.IdleTTL, c.SessionTTL = idle, session }
}

func TestIdleTTL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		after time.Duration
		want  error
	}{
		{"a microsecond before the idle end a token is good", time.Hour - time.Microsecond, nil},
		{"less than a microsecond before the idle end a token is good", time.Hour - time.Nanosecond, nil},
		{"at the idle end a token is refused", time.Hour, tokens.ErrExpiredRefresh},
		{"a microsecond behind the idle end a token is refused", time.Hour + time.Microsecond, tokens.ErrExpiredRefresh},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, fraction := range []time.Duration{0, 300 * time.Millisecond, 999999 * time.Microsecond} {
				r := open(t, lifetimes(time.Hour, 24*time.Hour))
				r.clock.move(fraction)
				one := r.login(t)
				r.clock.move(test.after)
				if test.want == nil {
					r.refresh(t, one.RefreshToken)
					continue
				}
				r.unchanged(t, func() { r.refused(t, one.RefreshToken, test.want) })
			}
		})
	}

	t.Run("each refresh gives the session its whole idle time again", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(time.Hour, 24*time.Hour))
		p := r.login(t)
		for range 20 {
			r.clock.move(time.Hour - time.Second)
			p = r.refresh(t, p.RefreshToken)
		}
		r.clock.move(time.Hour)
		r.refused(t, p.RefreshToken, tokens.ErrExpiredRefresh)
	})

	t.Run("a spent token of an expired session is expired, and revokes nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(time.Hour, 24*time.Hour))
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		r.clock.move(time.Hour)
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrExpiredRefresh) })
	})
}

// P6, D78.
func TestSessionTTL(t *testing.T) {
	t.Parallel()
	t.Run("P6: no chain of refreshes outlives the absolute end", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(4*time.Second, 10*time.Second), func(c *tokens.Config) { c.AccessTTL = 4 * time.Second })
		p := r.login(t)
		end := r.store.row(t).ExpiresAt
		if want := r.clock.time().Add(10 * time.Second); !end.Equal(want) {
			t.Errorf("the session ends at %v, want %v", end, want)
		}
		for range 4 {
			r.clock.move(2 * time.Second)
			p = r.refresh(t, p.RefreshToken)
			if s := r.store.row(t); !s.ExpiresAt.Equal(end) || s.IdleUntil.After(end) {
				t.Errorf("the session is %+v, want its end at %v", s, end)
			}
			want := r.clock.time().Add(4 * time.Second)
			if want.After(end) {
				want = end
			}
			if got := r.verify(t, p.AccessToken).ExpiresAt; !got.Equal(want) {
				t.Errorf("the access token ends at %v, want %v", got, want)
			}
		}
		r.clock.move(2*time.Second - time.Microsecond)
		p = r.refresh(t, p.RefreshToken)
		r.clock.move(time.Microsecond)
		r.refused(t, p.RefreshToken, tokens.ErrExpiredRefresh)
		_, err := r.Verify(t.Context(), p.AccessToken)
		wantError(t, err, tokens.ErrExpiredToken)
	})

	t.Run("a row whose idle end was put behind the absolute one ends at the absolute one", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(time.Hour, 2*time.Hour))
		one := r.login(t)
		c := r.config
		c.Store = &foreign{storeSpy: r.store, session: func(s *store.Session) { s.IdleUntil = s.ExpiresAt.AddDate(1, 0, 0) }}
		r.clock.move(2 * time.Hour)
		_, err := authority(t, c).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		wantError(t, err, tokens.ErrExpiredRefresh)
	})

	t.Run("an access token outlives its session neither at the login nor later", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(time.Hour, 90*time.Minute))
		one := r.login(t)
		if one.ExpiresIn != time.Hour {
			t.Errorf("ExpiresIn = %v, want 1h", one.ExpiresIn)
		}
		r.clock.move(45 * time.Minute)
		if two := r.refresh(t, one.RefreshToken); two.ExpiresIn != 45*time.Minute {
			t.Errorf("ExpiresIn = %v, want 45m", two.ExpiresIn)
		}
	})

	t.Run("a session shorter than an access token shortens it from the first one on", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(0, 10*time.Minute))
		one := r.login(t)
		if s := r.store.row(t); one.ExpiresIn != 10*time.Minute || !s.IdleUntil.Equal(s.ExpiresAt) {
			t.Errorf("ExpiresIn = %v, the session is %+v", one.ExpiresIn, s)
		}
	})

	t.Run("whatever the fraction of the second, an access token that is handed out is good", func(t *testing.T) {
		t.Parallel()
		for _, fraction := range []time.Duration{0, 1, 500 * time.Millisecond, time.Second - 1} {
			for _, left := range []time.Duration{time.Microsecond, 300 * time.Millisecond, 700 * time.Millisecond, time.Second, 1300 * time.Millisecond} {
				r := open(t, lifetimes(0, time.Minute), graceOf(time.Minute))
				r.clock.move(fraction)
				one := r.login(t)
				r.clock.move(time.Minute - left)
				two, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
				if err != nil {
					wantError(t, err, tokens.ErrExpiredRefresh)
					continue
				}
				if two.ExpiresIn < time.Second {
					t.Errorf("login at .%v, %v before the end: ExpiresIn = %v", fraction, left, two.ExpiresIn)
				}
				r.verify(t, two.AccessToken)
			}
		}
	})

	t.Run("a session that ends while its refresh waits for the store gives nothing that has expired before it was made", func(t *testing.T) {
		t.Parallel()
		r := open(t, lifetimes(0, time.Minute))
		one := r.login(t)
		r.clock.move(58 * time.Second)
		r.store.step(nil, first("User", func() error {
			r.clock.move(4 * time.Second)
			return nil
		}))
		two, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		if err == nil && two.ExpiresIn <= 0 {
			t.Errorf("ExpiresIn = %v", two.ExpiresIn)
		}
	})

	t.Run("by default a session waits 30 days, lasts 90, and an access token is good for an hour", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		s := r.store.row(t)
		if s.IdleUntil.Sub(s.CreatedAt) != 30*24*time.Hour || s.ExpiresAt.Sub(s.CreatedAt) != 90*24*time.Hour || one.ExpiresIn != time.Hour {
			t.Errorf("the session is %+v, ExpiresIn = %v", s, one.ExpiresIn)
		}
	})

	t.Run("times in the store are UTC and cut to the microsecond", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) {
			now := c.Now
			c.Now = func() time.Time { return now().In(time.FixedZone("east", 3600)) }
		})
		r.clock.move(1234567 * time.Nanosecond)
		r.refresh(t, r.login(t).RefreshToken)
		s := r.store.row(t)
		if err := r.LogoutEverywhere(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{s.CreatedAt, s.AdvancedAt, s.IdleUntil, s.ExpiresAt, r.store.row(t).RevokedAt} {
			if at.Location() != time.UTC || !at.Equal(at.Truncate(time.Microsecond)) || at.IsZero() {
				t.Errorf("a time in the store is %v", at)
			}
		}
	})
}

func TestAccessTTL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		leeway time.Duration
		after  time.Duration
		want   error
	}{
		{"a nanosecond before exp an access token is good", 0, time.Minute - 1, nil},
		{"D110: at exp an access token has expired", 0, time.Minute, tokens.ErrExpiredToken},
		{"within the leeway an access token is good", 10 * time.Second, 70*time.Second - 1, nil},
		{"at the end of the leeway an access token has expired", 10 * time.Second, 70 * time.Second, tokens.ErrExpiredToken},
		{"on a node whose clock is 10 s behind an access token is valid", 0, -10 * time.Second, nil},
		{"on a node whose clock is further behind an access token is not valid yet", 0, -10*time.Second - 1, tokens.ErrInvalidToken},
		{"with a leeway a clock may be behind by that much more", 10 * time.Second, -20 * time.Second, nil},
		{"a clock that is further behind than that finds it not valid yet", 10 * time.Second, -20*time.Second - 1, tokens.ErrInvalidToken},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *tokens.Config) { c.AccessTTL, c.Leeway = time.Minute, test.leeway })
			one := r.login(t)
			r.clock.move(test.after)
			p, err := r.Verify(t.Context(), one.AccessToken)
			if test.want == nil {
				if err != nil || p != one.Principal {
					t.Errorf("Verify = %+v, %v", p, err)
				}
				return
			}
			wantError(t, err, test.want)
			if p != (tokens.Principal{}) {
				t.Errorf("the refusal names %+v", p)
			}
		})
	}
}
