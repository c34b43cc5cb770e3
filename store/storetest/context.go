package storetest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const doneContext = "When its context is done, a method returns within 5 s, with an error that is not a sentinel."

var contextRules = []rule{
	{
		name:  "A done context is no answer",
		says:  doneContext,
		why:   "a request that ran out of time would be taken for a wrong password, a deleted user or a stolen token",
		check: saysNothingWhenDone,
	},
	{
		name:  "A context that ends half-way is no answer",
		says:  "By then it may or may not have made its change.",
		why:   "a driver's error at the second of two statements would be taken for a fact, and a write that was undone for one that was made",
		check: saysNothingHalfWay,
	},
}

// soon is long enough to distinguish a method that respects its context from one
// that does not.
const soon = 5 * time.Second

// call is a method with arguments.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls are all methods of a store, for what exists and for what does not.
func (t *trial) calls() []call {
	known, unknown := t.opens(), t.newSession()
	calls := []call{
		{"Authenticate", func(ctx context.Context) error {
			_, err := t.Store.Authenticate(ctx, unique("unknown"), "wrong")
			return err
		}},
		{"User", func(ctx context.Context) error {
			_, err := t.Store.User(ctx, unique("unknown"))
			return err
		}},
		{"DeleteExpiredSessions", func(ctx context.Context) error {
			_, err := t.Store.DeleteExpiredSessions(ctx, time.Date(2001, time.January, 1, 0, 0, 0, 0, time.UTC))
			return err
		}},
	}
	for _, s := range []store.Session{known, unknown} {
		calls = append(calls,
			call{"CreateSession", func(ctx context.Context) error { return t.Store.CreateSession(ctx, s) }},
			call{"Session", func(ctx context.Context) error {
				_, err := t.Store.Session(ctx, s.ID)
				return err
			}},
			call{"UserSessions", func(ctx context.Context) error {
				_, err := t.Store.UserSessions(ctx, s.UserID, store.Newest(), store.MaxPage)
				return err
			}},
			call{"AdvanceSession", func(ctx context.Context) error {
				return t.Store.AdvanceSession(ctx, s.ID, 7, t.now, t.now.Add(day))
			}},
			call{"RevokeSession", func(ctx context.Context) error { return t.Store.RevokeSession(ctx, s.ID, t.now) }},
			call{"RevokeUserSessions", func(ctx context.Context) error {
				_, err := t.Store.RevokeUserSessions(ctx, s.UserID, "", t.now, t.now)
				return err
			}},
		)
	}
	if t.AddUser == nil {
		return calls
	}
	ada, password := t.ada()
	return append(calls,
		call{"Authenticate, of a user,", func(ctx context.Context) error {
			_, err := t.Store.Authenticate(ctx, ada.Login, password)
			return err
		}},
		call{"User, of a user,", func(ctx context.Context) error {
			_, err := t.Store.User(ctx, ada.ID)
			return err
		}},
	)
}

func saysNothingWhenDone(t *trial) { t.sayNothingWhenDone(t.calls()) }

func (t *trial) sayNothingWhenDone(calls []call) {
	cancelled, cancel := context.WithCancel(t.ctx)
	cancel()
	late, cancel := context.WithDeadline(t.ctx, time.Now().Add(-time.Second))
	defer cancel()
	for _, c := range calls {
		for _, done := range []context.Context{cancelled, late} {
			err := t.soon(done, c)
			if err == nil {
				t.failf("%s with a done context: returned nil", c.name)
			}
			t.noSentinel(err, c.name+" with a done context")
		}
	}
}

// soon calls the method, and fails the rule if it does not return.
func (t *trial) soon(ctx context.Context, c call) error {
	returned := make(chan error, 1)
	go func() { returned <- c.do(ctx) }()
	select {
	case err := <-returned:
		return err
	case <-time.After(soon):
		t.failf("%s with a done context: has not returned after %v", c.name, soon)
		return nil
	}
}

func (t *trial) noSentinel(err error, doing string) {
	if isSentinel(err) {
		t.failf("%s: returned %q, which means something else", doing, err)
	}
}

func isSentinel(err error) bool {
	return slices.ContainsFunc(sentinels, func(sentinel error) bool { return errors.Is(err, sentinel) })
}

// fickle is a context that is done after it has been read a number of times.
type fickle struct {
	context.Context

	looks atomic.Int64
	end   context.CancelFunc
}

func newFickle(ctx context.Context, looks int64) *fickle {
	f := new(fickle)
	f.Context, f.end = context.WithCancel(ctx)
	f.looks.Store(looks)
	return f
}

func (f *fickle) look() {
	if f.looks.Add(-1) < 0 {
		f.end()
	}
}

func (f *fickle) Err() error            { f.look(); return f.Context.Err() }
func (f *fickle) Done() <-chan struct{} { f.look(); return f.Context.Done() }

// Most drivers look at their context a few times for each statement.
const mostLooks = 24

// halfWay calls the method with a context that ends at one of the first looks,
// and reports whether it got through all the same.
func (t *trial) halfWay(looks int64, c call) bool {
	ctx := newFickle(t.ctx, looks)
	defer ctx.end()
	err := c.do(ctx)
	t.noSentinel(err, c.name+" with a context that ends half-way")
	return err == nil
}

func saysNothingHalfWay(t *trial) {
	for looks := range int64(mostLooks) {
		s := t.newSession()
		if t.halfWay(looks, call{"CreateSession", func(ctx context.Context) error { return t.Store.CreateSession(ctx, s) }}) {
			t.finds(s, "CreateSession, which returned nil")
		}

		s = t.opens()
		t.halfWay(looks, call{"Session", func(ctx context.Context) error {
			_, err := t.Store.Session(ctx, s.ID)
			return err
		}})
		if t.halfWay(looks, call{"AdvanceSession", func(ctx context.Context) error {
			return t.Store.AdvanceSession(ctx, s.ID, 1, t.now, t.now.Add(day))
		}}) {
			s.Generation, s.AdvancedAt, s.IdleUntil = 2, t.now, t.now.Add(day)
			t.finds(s, "AdvanceSession, which returned nil")
		}

		s = t.opens()
		if t.halfWay(looks, call{"RevokeSession", func(ctx context.Context) error { return t.Store.RevokeSession(ctx, s.ID, t.now) }}) {
			s.RevokedAt = t.now
			t.finds(s, "RevokeSession, which returned nil")
		}
	}
	if t.AddUser == nil {
		return
	}
	ada, password := t.ada()
	for looks := range int64(mostLooks) {
		t.halfWay(looks, call{"Authenticate", func(ctx context.Context) error {
			_, err := t.Store.Authenticate(ctx, ada.Login, password)
			return err
		}})
		t.halfWay(looks, call{"User", func(ctx context.Context) error {
			_, err := t.Store.User(ctx, ada.ID)
			return err
		}})
	}
}
