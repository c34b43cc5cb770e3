package countertest

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

const (
	// soon is long enough to tell counters that return when the context is done from
	// those that do not.
	soon = 5 * time.Second

	// brief is how long a call waits for a server that does not answer.
	brief = 50 * time.Millisecond
)

// returnsWhenDone checks only that the calls return: counters that wait for nothing
// may decide, and an error does not say whether a charge was made.
func returnsWhenDone(t *trial) {
	cancelled, cancel := context.WithCancel(t.ctx)
	cancel()
	late, cancel := context.WithDeadline(t.ctx, time.Unix(1, 0))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, late} {
		t.returnSoon("whose context is done", func() context.Context { return ctx })
	}
	if t.Stall == nil {
		return
	}
	t.take(true, t.hour("before", 5, 1)) // counters with a connection wait for an answer, others for a connection
	t.Stall(true)
	defer t.Stall(false)
	t.returnSoon("of a server that does not answer", func() context.Context {
		ctx, cancel := context.WithTimeout(t.ctx, brief)
		context.AfterFunc(ctx, cancel)
		return ctx
	})
}

// returnSoon calls each method with a context of its own.
func (t *trial) returnSoon(which string, withContext func() context.Context) {
	charges := []ratelimit.Charge{t.hour("a", 5, 1), t.hour("b", 5, 1)}
	for _, c := range []struct {
		name string
		call func(context.Context) error
	}{
		{"Take", func(ctx context.Context) error {
			_, err := t.Counters.Take(ctx, charges, nil)
			return err
		}},
		{"Peek", func(ctx context.Context) error {
			_, err := t.Counters.Peek(ctx, charges, nil)
			return err
		}},
		{"Refund", func(ctx context.Context) error { return t.Counters.Refund(ctx, charges) }},
		{"Reset", func(ctx context.Context) error { return t.Counters.Reset(ctx, charges) }},
	} {
		returned := make(chan struct{})
		ctx := withContext()
		go func() {
			defer close(returned)
			_ = c.call(ctx)
		}()
		wait := time.NewTimer(soon)
		select {
		case <-returned:
			wait.Stop()
		case <-wait.C:
			t.errorf("a call of %s %s has not returned after %v", c.name, which, soon)
		}
	}
}
