package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// busy are counters whose connections are all in use.
type busy struct{ ratelimit.Counters }

func (busy) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, fmt.Errorf("counters: %w: %w", ratelimit.ErrBusy, context.DeadlineExceeded)
}

func (b busy) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return b.Take(ctx, charges, dst)
}

// busyDenials is a deny list whose connections are all in use.
type busyDenials struct{ store.Revocations }

func (busyDenials) SessionDenied(context.Context, string) (bool, error) {
	return false, fmt.Errorf("denials: %w: %w", store.ErrBusy, context.DeadlineExceeded)
}

func TestFaultC17ABusyDenyListHasAnEventOfItsOwn(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.tokens.Revocations = busyDenials{c.tokens.Store.(store.Revocations)} })
	pair := d.login(t, alice)
	d.journal.Take()
	r := request(t, "GET /me\nAuthorization: Bearer "+string(pair.AccessToken))
	wantStatus(t, d.send(r), http.StatusServiceUnavailable)
	if e := d.journal.WantKinds(t, events.StoreBusy); !e[0].Kind.IsFault() || !errors.Is(e[0].Err, store.ErrBusy) {
		t.Errorf("the event is %+v", e[0])
	}
	gone, leave := context.WithCancel(r.Context())
	leave()
	d.send(r.WithContext(gone))
	d.journal.WantKinds(t, events.ClientGone)
}

func TestFaultC17BusyCountersHaveAnEventOfTheirOwn(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.auth.Counters = busy{ratelimit.Memory()} })
	wantStatus(t, d.try(t, "alice", password, home), http.StatusServiceUnavailable)
	d.journal.WantKinds(t, events.CountersBusy)
	wantStatus(t, d.by(t, alice, d.Limit(handler), "GET", "/"), http.StatusServiceUnavailable)
	d.journal.WantKinds(t, events.CountersBusy)
}
