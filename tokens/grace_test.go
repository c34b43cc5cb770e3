package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestRetryGrace(t *testing.T) {
	t.Parallel()
	const grace = 30 * time.Second

	t.Run("a replay gives the same refresh token, a fresh access token, and writes nothing", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		two := r.refresh(t, one.RefreshToken)
		r.clock.move(10 * time.Second)
		r.store.take()
		r.unchanged(t, func() {
			again := r.refresh(t, one.RefreshToken)
			if again.RefreshToken != two.RefreshToken || !again.Replayed || two.Replayed {
				t.Error("the replay did not give the successor")
			}
			was, is := r.verify(t, two.AccessToken), r.verify(t, again.AccessToken)
			if is.TokenID == was.TokenID || is.SessionID != was.SessionID || is.Subject != was.Subject {
				t.Errorf("the access token names %+v, before %+v", is, was)
			}
			if is.IssuedAt.Sub(was.IssuedAt) != 10*time.Second {
				t.Errorf("the access token was issued %v later, want 10s", is.IssuedAt.Sub(was.IssuedAt))
			}
		})
		for _, call := range r.store.take() {
			if call != "Session" && call != "User" {
				t.Errorf("the replay called %s", call)
			}
		}
	})

	t.Run("the window ends exactly when the grace is over", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			name  string
			after time.Duration
			want  error
		}{
			{"at once", 0, nil},
			{"a microsecond before the end", grace - time.Microsecond, nil},
			{"less than a microsecond before the end", grace - time.Nanosecond, nil},
			{"at the end", grace, tokens.ErrReused},
			{"a microsecond behind the end", grace + time.Microsecond, tokens.ErrReused},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				r := open(t, graceOf(grace))
				one := r.login(t)
				two := r.refresh(t, one.RefreshToken)
				r.clock.move(test.after)
				if test.want == nil {
					r.refresh(t, one.RefreshToken)
					r.refresh(t, two.RefreshToken)
					return
				}
				r.refused(t, one.RefreshToken, test.want)
				r.refused(t, two.RefreshToken, tokens.ErrRevokedRefresh)
			})
		}
	})

	t.Run("P5: the window begins at the first use and replays do not move it", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		r.clock.move(time.Hour) // it begins when the token is used, not when it was made
		r.refresh(t, one.RefreshToken)
		for range 3 {
			r.clock.move(9 * time.Second)
			r.refresh(t, one.RefreshToken)
		}
		r.clock.move(3 * time.Second)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
	})

	t.Run("P5: a use of the successor closes the window", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		two := r.refresh(t, one.RefreshToken)
		r.refresh(t, one.RefreshToken)
		three := r.refresh(t, two.RefreshToken)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
		r.refused(t, three.RefreshToken, tokens.ErrRevokedRefresh)
	})

	t.Run("a token two generations back is a reuse inside the grace of its successor", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		r.clock.move(time.Hour)
		two := r.refresh(t, one.RefreshToken)
		r.clock.move(time.Hour)
		r.refresh(t, two.RefreshToken)
		r.refresh(t, two.RefreshToken)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
	})

	t.Run("a revoked session is over for the predecessor too", func(t *testing.T) {
		t.Parallel()
		for name, end := range map[string]func(*testing.T, *fixture, tokens.Pair) error{
			"by a logout with the newest token": func(t *testing.T, r *fixture, p tokens.Pair) error {
				t.Helper()
				return r.Logout(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken})
			},
			"by a logout of the principal": func(t *testing.T, r *fixture, p tokens.Pair) error {
				t.Helper()
				return r.LogoutPrincipal(t.Context(), p.Principal)
			},
			"by a logout everywhere": func(t *testing.T, r *fixture, _ tokens.Pair) error {
				t.Helper()
				return r.LogoutEverywhere(t.Context(), alice.ID)
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := open(t, graceOf(grace))
				one := r.login(t)
				two := r.refresh(t, one.RefreshToken)
				if err := end(t, r, two); err != nil {
					t.Fatal(err)
				}
				r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh) })
			})
		}
	})

	t.Run("a replay is refused to a user who may no longer enter", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		if err := r.store.memory.RemoveUser(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh)
	})

	t.Run("a replay by another client or for a wider scope is refused, and the session stays", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop", Scopes: []string{"read"}})
		two := r.refresh(t, one.RefreshToken)
		r.unchanged(t, func() {
			r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "attacker"}, tokens.ErrWrongClient)
			r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, Scopes: []string{"write"}}, tokens.ErrInvalidScope)
		})
		if again := r.refresh(t, one.RefreshToken); again.RefreshToken != two.RefreshToken {
			t.Error("the replay did not give the successor")
		}
		r.refresh(t, two.RefreshToken)
	})

	t.Run("a replay outlives neither the idle end nor the absolute one", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace), func(c *tokens.Config) {
			c.AccessTTL, c.IdleTTL, c.SessionTTL = 20*time.Second, 20*time.Second, time.Minute
		})
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		r.clock.move(20 * time.Second)
		r.refused(t, one.RefreshToken, tokens.ErrExpiredRefresh)
	})

	t.Run("a replay of another node gives the same token", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		two := r.refresh(t, one.RefreshToken)
		again, err := authority(t, r.config).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		if err != nil || again.RefreshToken != two.RefreshToken {
			t.Errorf("the other node: %v", err)
		}
	})

	t.Run("a refresh whose answer was lost with the store's word is answered on the next try", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		r.store.step(nil, first("AdvanceSession", func() error { return errDriver })) // the write succeeds and reports an error
		r.refused(t, one.RefreshToken, tokens.ErrUnavailable)
		two := r.refresh(t, one.RefreshToken)
		if !two.Replayed {
			t.Error("the second try is no replay")
		}
		r.refresh(t, two.RefreshToken)
	})

	t.Run("the grace of a session that was opened before it was configured holds from then on", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		c := r.config
		c.RetryGrace = grace
		var s store.Session
		a := authority(t, c)
		for range 2 {
			if _, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
				t.Fatal(err)
			}
			s = r.store.row(t)
		}
		if s.Generation != 2 {
			t.Errorf("the session came to generation %d", s.Generation)
		}
	})
}

// node is another Authority on the fixture's store, whose clock differs by so much
// from the fixture's.
func (r *fixture) node(tb testing.TB, off time.Duration) *tokens.Authority {
	tb.Helper()
	c := r.config
	c.Now = func() time.Time { return r.clock.time().Add(off) }
	return authority(tb, c)
}

func TestFaultA7GraceIsBoundedOnBothSides(t *testing.T) {
	t.Parallel()
	const grace = 5 * time.Second
	for _, test := range []struct {
		name  string
		off   time.Duration // of the clock of the node that is asked for the replay
		after time.Duration // the first use
		want  error
	}{
		{"a clock in step answers at once", 0, 0, nil},
		{"a clock in step answers until the grace is over", 0, grace - time.Microsecond, nil},
		{"a clock in step finds a reuse afterwards", 0, grace, tokens.ErrReused},
		{"a clock 2 s behind answers", -2 * time.Second, 0, nil},
		{"a clock a microsecond more behind cannot tell", -2*time.Second - time.Microsecond, 0, tokens.ErrClock},
		{"a clock 4 minutes behind cannot tell at once", -4 * time.Minute, 0, tokens.ErrClock},
		{"a clock 4 minutes behind cannot tell after 200 s", -4 * time.Minute, 200 * time.Second, tokens.ErrClock},
		{"a clock 4 minutes behind takes 240 s for now", -4 * time.Minute, 4 * time.Minute, nil},
		{"a clock 4 minutes behind finds a reuse when its own grace is over", -4 * time.Minute, 4*time.Minute + grace, tokens.ErrReused},
		{"a clock that was set back 2 hours cannot tell", -2 * time.Hour, time.Minute, tokens.ErrClock},
		{"a clock ahead by less than the grace answers", 3 * time.Second, time.Second, nil},
		{"a clock ahead by the grace finds a reuse", grace, 0, tokens.ErrReused},
		{"a clock 2 hours ahead finds a reuse", 2 * time.Hour, 0, tokens.ErrReused},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, graceOf(grace), denying)
			r.clock.move(-test.off) // so that every node's times are later than the login
			one := r.login(t)
			r.clock.move(test.off.Abs() + time.Hour)
			two := r.refresh(t, one.RefreshToken)
			r.clock.move(test.after)
			node := r.node(t, test.off)
			ask := func() (tokens.Pair, error) {
				return node.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
			}
			r.journal.Take()
			switch {
			case test.want == nil:
				again, err := ask()
				if err != nil || !again.Replayed || again.RefreshToken != two.RefreshToken {
					t.Errorf("%v, replayed %t; want the same successor", err, again.Replayed)
				}
				r.journal.WantKinds(t, events.Replay)
			case errors.Is(test.want, tokens.ErrClock):
				r.unchanged(t, func() {
					for range 3 {
						_, err := ask()
						wantError(t, err, tokens.ErrUnavailable)
						if !errors.Is(err, tokens.ErrClock) {
							t.Errorf("error = %v, want %v", err, tokens.ErrClock)
						}
					}
				})
				told := r.journal.WantKinds(t, events.ClockFault, events.ClockFault, events.ClockFault)
				if len(told) > 0 && (told[0].UserID != alice.ID || told[0].SessionID != one.Principal.SessionID) {
					t.Errorf("the event names %+v", told[0])
				}
				r.verify(t, two.AccessToken)
				r.refresh(t, two.RefreshToken) // the session lives
			default:
				_, err := ask()
				wantError(t, err, test.want)
				r.refused(t, two.RefreshToken, tokens.ErrRevokedRefresh)
			}
		})
	}

	t.Run("without a grace a clock that is behind finds a reuse", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.clock.move(time.Hour)
		r.refresh(t, one.RefreshToken)
		_, err := r.node(t, -4*time.Minute).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		wantError(t, err, tokens.ErrReused)
	})

	t.Run("a token two generations back is a reuse for a clock that is behind", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		r.clock.move(time.Hour)
		two := r.refresh(t, one.RefreshToken)
		r.refresh(t, two.RefreshToken)
		_, err := r.node(t, -4*time.Minute).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		wantError(t, err, tokens.ErrReused)
	})

	t.Run("a clock that was set back opens the window again, until the successor is used", func(t *testing.T) {
		t.Parallel()
		r := open(t, graceOf(grace))
		one := r.login(t)
		r.clock.move(time.Hour)
		two := r.refresh(t, one.RefreshToken)
		r.clock.move(2 * time.Hour)
		r.clock.move(-2 * time.Hour)
		if again := r.refresh(t, one.RefreshToken); again.RefreshToken != two.RefreshToken {
			t.Error("another successor")
		}
		r.refresh(t, two.RefreshToken)
		r.refused(t, one.RefreshToken, tokens.ErrReused)
	})
}
