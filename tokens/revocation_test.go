package tokens_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// revocation is one way to end sessions or keys of alice's.
type revocation struct {
	name string

	// do revokes with what two logins and a key of alice's left.
	do func(ctx context.Context, r *fixture, one, other tokens.Pair, key tokens.Secret, keyID string) error

	// What must be dead afterwards.
	one, other, key bool
}

var revocations = []revocation{
	{"Logout", func(ctx context.Context, r *fixture, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.Logout(ctx, tokens.RefreshRequest{Token: one.RefreshToken})
	}, true, false, false},
	{"LogoutPrincipal", func(ctx context.Context, r *fixture, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.LogoutPrincipal(ctx, one.Principal)
	}, true, false, false},
	{"LogoutEverywhere", func(ctx context.Context, r *fixture, _, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.LogoutEverywhere(ctx, alice.ID)
	}, true, true, false},
	{"EndSession", func(ctx context.Context, r *fixture, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		_, err := r.EndSession(ctx, alice.ID, one.Principal.SessionID)
		return err
	}, true, false, false},
	{"EndOtherSessions", func(ctx context.Context, r *fixture, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.EndOtherSessions(ctx, one.Principal)
	}, false, true, false},
	{"Revoke of a refresh token", func(ctx context.Context, r *fixture, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		_, err := r.Revoke(ctx, tokens.RevokeRequest{Token: one.RefreshToken})
		return err
	}, true, false, false},
	{"Revoke of an access token", func(ctx context.Context, r *fixture, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		_, err := r.Revoke(ctx, tokens.RevokeRequest{Token: one.AccessToken})
		return err
	}, true, false, false},
	{"Revoke of an API key", func(ctx context.Context, r *fixture, _, _ tokens.Pair, key tokens.Secret, _ string) error {
		_, err := r.Revoke(ctx, tokens.RevokeRequest{Token: key})
		return err
	}, false, false, true},
	{"RevokeAPIKey", func(ctx context.Context, r *fixture, _, _ tokens.Pair, _ tokens.Secret, keyID string) error {
		_, err := r.RevokeAPIKey(ctx, store.Owner{ID: alice.ID}, keyID)
		return err
	}, false, false, true},
}

// revoked runs a revocation in a fixture of its own, with step before each call of
// the store, and checks what is dead afterwards. It returns the calls.
func (v revocation) revoked(t *testing.T, ctx context.Context, step hook) []string { //nolint:revive // the context is the subject
	t.Helper()
	r := open(t, denying)
	one, other := r.login(t), r.login(t)
	key, row := r.apiKey(t)
	exchanged, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	r.store.take()
	r.store.step(step, nil)
	err = v.do(ctx, r, one, other, key, row.ID)
	calls := r.store.take()
	r.store.step(nil, nil)
	if err != nil {
		t.Errorf("error = %v", err)
	}
	for _, x := range []struct {
		name string
		dead bool
		pair tokens.Pair
	}{{"the session", v.one, one}, {"the other session", v.other, other}} {
		_, refreshed := r.Refresh(t.Context(), tokens.RefreshRequest{Token: x.pair.RefreshToken})
		_, verified := r.Verify(t.Context(), x.pair.AccessToken)
		if (refreshed != nil) != x.dead || (verified != nil) != x.dead {
			t.Errorf("%s: refresh: %v, access token: %v; want it to be over: %t", x.name, refreshed, verified, x.dead)
		}
	}
	_, used := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
	_, verified := r.Verify(t.Context(), exchanged.AccessToken)
	if (used != nil) != v.key || (verified != nil) != v.key {
		t.Errorf("the key: exchange: %v, access token: %v; want it to be over: %t", used, verified, v.key)
	}
	return calls
}

func TestFaultA14RevocationsRunToTheirEnd(t *testing.T) {
	t.Parallel()
	for _, v := range revocations {
		t.Run(v.name+" is complete although the caller has gone before it begins", func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			v.revoked(t, ctx, nil)
		})
		t.Run(v.name+" is complete although the caller goes at any of its calls of the store", func(t *testing.T) {
			t.Parallel()
			all := v.revoked(t, t.Context(), nil)
			for i := range all {
				ctx, cancel := context.WithCancel(t.Context())
				n := 0
				calls := v.revoked(t, ctx, func(context.Context, string) error {
					if n == i {
						cancel()
					}
					n++
					return nil
				})
				if !slices.Equal(calls, all) {
					t.Errorf("when the caller goes at %s: calls = %q, want %q", all[i], calls, all)
				}
				cancel()
			}
		})
	}
}

// The writes of a repeated revocation.
func TestFaultA9ARepeatedRevocationWritesNothing(t *testing.T) {
	t.Parallel()
	writes := []string{"DenySession", "DenySessions", "RevokeSession", "RevokeAPIKey"}
	for _, v := range revocations {
		if v.name == "LogoutEverywhere" || v.name == "EndOtherSessions" {
			continue // they end what is there now, and there is nothing
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, denying)
			one, other := r.login(t), r.login(t)
			key, row := r.apiKey(t)
			for i := range 4 {
				r.store.take()
				_ = v.do(t.Context(), r, one, other, key, row.ID)
				wrote := slices.ContainsFunc(r.store.take(), func(call string) bool { return slices.Contains(writes, call) })
				if wrote != (i == 0) {
					t.Errorf("call %d writes: %t", i+1, wrote)
				}
				r.clock.move(time.Minute)
			}
		})
	}
	t.Run("a refresh with the token of a revoked session", func(t *testing.T) {
		t.Parallel()
		r, one, _ := opened(t)
		_ = r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		r.store.take()
		for range 3 {
			r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh)
		}
		for _, call := range r.store.take() {
			if slices.Contains(writes, call) {
				t.Error(fmt.Sprint("it writes: ", call))
			}
		}
	})
}

func TestFaultA8ASessionThatIsOpenedMeanwhileIsEndedAndDenied(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*fixture) error{
		"LogoutEverywhere": func(r *fixture) error { return r.LogoutEverywhere(t.Context(), alice.ID) },
		"PasswordChanged":  func(r *fixture) error { return r.PasswordChanged(t.Context(), alice.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, one, two := opened(t)
			var meanwhile tokens.Pair
			r.store.step(first("RevokeUserSessions", func() error {
				meanwhile = r.login(t)
				return nil
			}), nil)
			if err := end(r); err != nil {
				t.Fatal(err)
			}
			r.dead(t, one, two, meanwhile)
		})
	}
}

// crowd opens sessions of alice's past the Authority, and returns their IDs.
func (r *fixture) crowd(tb testing.TB, n int) []string {
	tb.Helper()
	now := r.clock.time()
	ids, version := make([]string, n), r.version(tb, alice.ID)
	for i := range ids {
		ids[i] = fmt.Sprintf("crowd-%06d", i)
		if err := r.store.memory.CreateSession(tb.Context(), store.Session{
			ID: ids[i], UserID: alice.ID, CredentialVersion: version, Generation: 1,
			CreatedAt: now.Add(time.Duration(i) * time.Microsecond), AdvancedAt: now, IdleUntil: now.Add(24 * time.Hour), ExpiresAt: now.Add(48 * time.Hour),
		}); err != nil {
			tb.Fatal(err)
		}
	}
	return ids
}

// count is how often each call was made.
func count(calls []string) map[string]int {
	n := map[string]int{}
	for _, call := range calls {
		n[call]++
	}
	return n
}

// One call of the store ends all sessions, and they are denied a thousand at a
// time.
func TestFaultA16ARevocationOfManySessionsGoesOn(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		thousands int
		end       func(*fixture) error
	}{
		"LogoutEverywhere": {100, func(r *fixture) error { return r.LogoutEverywhere(t.Context(), alice.ID) }},
		"PasswordChanged":  {5, func(r *fixture) error { return r.PasswordChanged(t.Context(), alice.ID) }},
	} {
		end, first, many := of.end, of.thousands*3/5, of.thousands*1000
		t.Run(name+" ends them in the store first, and goes on where it stopped", func(t *testing.T) {
			t.Parallel()
			r, one, two := opened(t)
			r.crowd(t, many)
			r.store.take()
			denials := 0
			r.store.step(func(_ context.Context, call string) error {
				if call == "DenySessions" {
					denials++
				}

				if denials > first {
					return errDriver
				}
				return nil
			}, nil)
			wantError(t, end(r), tokens.ErrUnavailable)
			if n := count(r.store.take()); n["RevokeUserSessions"] != 1 || n["DenySessions"] != first+1 || n["UserSessions"] != 0 {
				t.Errorf("calls = %v", n)
			}
			r.store.step(nil, nil)
			if all := r.openSessions(t); len(all) > 0 {
				t.Fatalf("%d sessions are open", len(all))
			}
			if err := end(r); err != nil {
				t.Fatal(err)
			}
			if n := count(r.store.take()); n["RevokeUserSessions"] != 1 || n["DenySessions"] != of.thousands+1-first {
				t.Errorf("the second time calls = %v, want what is left", n)
			}
			if got := len(r.store.deniedSIDs()); got != many+1 {
				t.Errorf("%d sessions are denied, want %d", got, many+1)
			}
			r.dead(t, one, two)
		})
	}
	t.Run("the timeout is not one for all: a slow deny list takes as long as it needs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := open(t, denying)
			r.crowd(t, 20_000)
			r.store.step(func(ctx context.Context, call string) error {
				if call == "DenySessions" {
					time.Sleep(3 * time.Second)
				}
				return ctx.Err()
			}, nil)
			if err := r.LogoutEverywhere(t.Context(), alice.ID); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("EndOtherSessions denies a thousand with one call", func(t *testing.T) {
		t.Parallel()
		r, one, two := opened(t)
		r.crowd(t, 2500)
		r.store.take()
		if err := r.EndOtherSessions(t.Context(), two.Principal); err != nil {
			t.Fatal(err)
		}
		if n := count(r.store.take()); n["DenySessions"] != 3 || n["DenySession"] != 0 || n["RevokeSession"] != 0 || n["RevokeUserSessions"] != 1 || n["UserSessions"] != 0 {
			t.Errorf("calls = %v", n)
		}
		r.verify(t, one.AccessToken)
		if all := r.openSessions(t); len(all) != 1 {
			t.Errorf("%d sessions are open, want 1", len(all))
		}
	})
	t.Run("EndOtherSessions that cannot deny them all goes on when it is called again, and leaves its own session", func(t *testing.T) {
		t.Parallel()
		r, one, two := opened(t)
		r.crowd(t, 2500)
		r.store.step(first("DenySessions", func() error { return errDriver }), nil)
		wantError(t, r.EndOtherSessions(t.Context(), two.Principal), tokens.ErrUnavailable)
		r.store.step(nil, nil)
		r.journal.Take()
		if err := r.EndOtherSessions(t.Context(), two.Principal); err != nil {
			t.Fatal(err)
		}
		told := r.journal.WantKinds(t, events.LogoutOthers)
		if len(told) == 1 && (told[0].UserID != alice.ID || told[0].SessionID != two.Principal.SessionID) {
			t.Errorf("%+v", told)
		}
		denied := r.store.deniedSIDs()
		if len(denied) != 2500 || denied[two.Principal.SessionID] {
			t.Errorf("%d sessions are denied, its own: %t", len(denied), denied[two.Principal.SessionID])
		}
		r.verify(t, one.AccessToken)
		r.refresh(t, two.RefreshToken)
		if all := r.openSessions(t); len(all) != 1 {
			t.Errorf("%d sessions are open, want 1", len(all))
		}
	})
	t.Run("a login ends 100 sessions at most where MaxSessions is new, and denies them with one call", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying, atMost(5))
		r.crowd(t, 150)
		r.clock.move(time.Minute)
		for _, want := range []int{51, 5} {
			r.store.take()
			r.login(t)
			if n := count(r.store.take()); n["DenySessions"] != 1 || n["DenySession"] != 0 {
				t.Errorf("calls = %v", n)
			}
			if all := r.openSessions(t); len(all) != want {
				t.Errorf("%d sessions are open, want %d", len(all), want)
			}
		}
	})
}

// deniedSIDs are the sessions on the deny list.
func (w *storeSpy) deniedSIDs() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]bool{}
	for _, d := range w.denials {
		all[d.sid] = true
	}
	return all
}
