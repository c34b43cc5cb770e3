package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
)

// later is an error that says when to try again.
type later struct{ after time.Duration }

func (later) Error() string               { return "later" }
func (e later) RetryAfter() time.Duration { return e.after }
func unavailable(err error) error {
	return fmt.Errorf("%w: authenticate: %w", tokens.ErrUnavailable, err)
}
func retryAfter(a wire.Answer) string { return a.Header.Get("Retry-After") }

func TestFaultA4AFullQueueSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]wire.Dialect{"OAuth2": wire.OAuth2{}, "Lexik": wire.Lexik{}, "FastAPI": wire.FastAPI{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect))
			for _, x := range []struct {
				err  error
				want string
			}{
				{unavailable(later{12 * time.Second}), "12"},
				{unavailable(later{2100 * time.Millisecond}), "3"},
				{unavailable(later{time.Millisecond}), "1"},
				{unavailable(fmt.Errorf("store: %w", later{12 * time.Second})), "12"},
				{unavailable(later{0}), "5"},
				{unavailable(later{-time.Second}), "5"},
				{unavailable(errors.New("no connection")), "5"},
			} {
				a := d.Refused(wire.RouteLogin, x.err)
				if a.Status != http.StatusServiceUnavailable || retryAfter(a) != x.want {
					t.Errorf("%v: %d with Retry-After %q, want 503 with %q", x.err, a.Status, retryAfter(a), x.want)
				}
			}
			if a := d.Refused(wire.RouteLogin, fmt.Errorf("%w: %w", tokens.ErrBadCredentials, later{time.Minute})); retryAfter(a) != "" {
				t.Errorf("a wrong password has Retry-After %q", retryAfter(a))
			}
		})
	}
	t.Run("as the hasher says", func(t *testing.T) {
		t.Parallel()
		h, err := passwords.New(passwords.Config{Concurrent: 1, Queue: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const callers = 50
		results := make(chan error, callers)
		for range callers {
			go func() {
				_, err := h.Hash(ctx, "secret")
				results <- err
			}()
		}
		for range callers {
			err := <-results
			if err == nil {
				continue
			}
			if !errors.Is(err, passwords.ErrBusy) {
				t.Fatal(err)
			}
			e := wire.AsError(unavailable(err))
			if e.Reason != wire.ReasonUnavailable || e.RetryAfter <= 0 || e.RetryAfter == 5*time.Second {
				t.Errorf("Retry-After is %v, want what two hashes take", e.RetryAfter)
			}
		}
	})
}
