package middleware_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
)

// halfway is a store that returns err, if it is set, for each right password.
type halfway struct {
	store.Store

	err error
}

func (h *halfway) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := h.Store.Authenticate(ctx, login, password)
	if err == nil && h.err != nil {
		return store.User{}, h.err
	}
	return u, err
}

func TestFaultA4ARightPasswordThatDoesNotLogInHasABound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		more string
	}{
		"the host refuses the user":        {&store.RefusalError{Code: "no", Description: "No."}, ""},
		"a second factor is required":      {&store.SecondFactorError{UserID: "user-1", Methods: []string{"otp"}}, ""},
		"the user does not hold the scope": {nil, "&scope=admin"},
	} {
		for where, known := range map[string]bool{", at an address where they are known": true, ", at an address where they are not": false} {
			t.Run(name+where, func(t *testing.T) {
				t.Parallel()
				h := &halfway{}
				b := besiege(t, 0, func(c *config) {
					h.Store, c.tokens.Store = c.tokens.Store, h
					c.auth.BruteForce.Success = middleware.Budget{Burst: 30, Every: time.Second}
				})
				if known {
					wantStatus(t, b.login("user-1", password, home, ""), http.StatusOK)
					b.clock.pass(time.Hour)
				}
				h.err = tt.err
				for i := range 30 {
					if w := b.login("user-1", password, home, tt.more); w.Code != http.StatusBadRequest {
						t.Fatalf("right password %d: %d %s", i+1, w.Code, w.Body)
					}
				}
				looked := b.crowd.right.Load()
				for range 5 {
					w := b.login("user-1", password, home, tt.more)
					wantStatus(t, w, http.StatusTooManyRequests)
					if wait, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
						t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
					}
				}
				if n := b.crowd.right.Load(); n != looked {
					t.Errorf("%d more passwords were looked at", n-looked)
				}
				// it takes nothing from the same user elsewhere, and nothing from others here
				wantStatus(t, b.login("user-1", password, address(1), tt.more), http.StatusBadRequest)
				wantStatus(t, b.login("user-2", "wrong", home, ""), http.StatusBadRequest)
				// and it is no failure: a minute later the user can log in
				b.clock.pass(time.Minute)
				h.err = nil
				wantStatus(t, b.login("user-1", password, home, ""), http.StatusOK)
			})
		}
	}
	t.Run("a user who is not known is not locked out by right passwords that did not log in", func(t *testing.T) {
		t.Parallel()
		h := &halfway{err: &store.RefusalError{Code: "no", Description: "No."}}
		b := besiege(t, 0, func(c *config) { h.Store, c.tokens.Store = c.tokens.Store, h })
		for range 15 {
			wantStatus(t, b.login("user-1", "wrong", home, ""), http.StatusBadRequest)
			wantStatus(t, b.login("user-1", password, home, ""), http.StatusBadRequest)
		}
		h.err = nil
		wantStatus(t, b.login("user-1", password, home, ""), http.StatusOK)
	})
	t.Run("while the address is used up, a known user learns what the right password is told at any time", func(t *testing.T) {
		t.Parallel()
		h := &halfway{}
		b := besiege(t, 0, func(c *config) { h.Store, c.tokens.Store = c.tokens.Store, h })
		wantStatus(t, b.login("user-1", password, home, ""), http.StatusOK)
		b.flood(t, 200, home)
		for b.login(rand.Text(), "wrong", home, "").Code != http.StatusTooManyRequests {
			// The last attempts of the flood may have given something back.
			continue
		}
		h.err = &store.SecondFactorError{UserID: "user-1", Methods: []string{"otp"}}
		for _, x := range []struct {
			login, word, more string
			want              int
		}{
			{"user-1", password, "", http.StatusBadRequest},
			{"user-1", "wrong", "", http.StatusTooManyRequests},
			{"user-2", password, "", http.StatusTooManyRequests},
			{"user-1", "wrong", "&scope=admin", http.StatusTooManyRequests},
			{"user-2", "wrong", "&scope=admin", http.StatusTooManyRequests},
		} {
			if w := b.login(x.login, x.word, home, x.more); w.Code != x.want {
				t.Errorf("%s with %q%s: %d %s, want %d", x.login, x.word, x.more, w.Code, w.Body, x.want)
			}
		}
	})
	t.Run("a name that is not known makes no counter of right passwords", func(t *testing.T) {
		t.Parallel()
		b := besiege(t, 0)
		for i := range 30 {
			b.login("user-"+strconv.Itoa(i), "wrong", home, "")
		}
		if n := b.counters.len(ratelimit.GroupKnown); n != 0 {
			t.Errorf("there are %d", n)
		}
	})
}
