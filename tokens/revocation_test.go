package tokens_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// revocation is one way to end sessions or keys of alice's.
type revocation struct {
	name string

	// do revokes with what two logins and a key of alice's left.
	do func(ctx context.Context, r *room, one, other tokens.Pair, key tokens.Secret, keyID string) error

	// What must be dead afterwards.
	one, other, key bool
}

var revocations = []revocation{
	{"Logout", func(ctx context.Context, r *room, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.Logout(ctx, tokens.RefreshRequest{Token: one.RefreshToken})
	}, true, false, false},
	{"LogoutPrincipal", func(ctx context.Context, r *room, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.LogoutPrincipal(ctx, one.Principal)
	}, true, false, false},
	{"LogoutEverywhere", func(ctx context.Context, r *room, _, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.LogoutEverywhere(ctx, alice.ID)
	}, true, true, false},
	{"EndSession", func(ctx context.Context, r *room, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		_, err := r.EndSession(ctx, alice.ID, one.Principal.SessionID)
		return err
	}, true, false, false},
	{"EndOtherSessions", func(ctx context.Context, r *room, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		return r.EndOtherSessions(ctx, one.Principal)
	}, false, true, false},
	{"Revoke of a refresh token", func(ctx context.Context, r *room, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		_, err := r.Revoke(ctx, tokens.RevokeRequest{Token: one.RefreshToken})
		return err
	}, true, false, false},
	{"Revoke of an access token", func(ctx context.Context, r *room, one, _ tokens.Pair, _ tokens.Secret, _ string) error {
		_, err := r.Revoke(ctx, tokens.RevokeRequest{Token: one.AccessToken})
		return err
	}, true, false, false},
	{"Revoke of an API key", func(ctx context.Context, r *room, _, _ tokens.Pair, key tokens.Secret, _ string) error {
		_, err := r.Revoke(ctx, tokens.RevokeRequest{Token: key})
		return err
	}, false, false, true},
	{"RevokeAPIKey", func(ctx context.Context, r *room, _, _ tokens.Pair, _ tokens.Secret, keyID string) error {
		_, err := r.RevokeAPIKey(ctx, alice.ID, keyID)
		return err
	}, false, false, true},
}

// revoked runs a revocation in a room of its own, with step before each call of
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
