package tokens_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// storeSpy is a memory store that says what it was asked, that can be slow, and
// into which a test can step before and after any call.
type storeSpy struct {
	memory  *memstore.Store
	latency time.Duration

	mu            sync.Mutex
	before, after hook
	calls         []string
	sessions      []string       // the IDs that were handed out
	digests       []store.Digest // of the API keys that were made
	denials       []denial       // in their order
}

// hook steps into a call. An error of its own is the call's answer.
type hook func(ctx context.Context, call string) error

// newStoreSpy is called inside the bubble of the test that has one: what the
// store waits on must be of that bubble.
func newStoreSpy(tb testing.TB) *storeSpy {
	tb.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		tb.Fatal(err)
	}
	memory, err := memstore.New(memstore.Config{
		Passwords: hasher,
		Now:       func() time.Time { return time.Time{} }, // forget nothing by itself
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &storeSpy{memory: memory}
}

// step sets the hooks; nil is none.
func (w *storeSpy) step(before, after hook) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

// take returns the calls since it was last called.
func (w *storeSpy) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *storeSpy) enter(ctx context.Context, call string) (hook, error) {
	w.mu.Lock()
	w.calls = append(w.calls, call)
	before, after := w.before, w.after
	w.mu.Unlock()
	if w.latency > 0 {
		time.Sleep(w.latency) // in a bubble, whose clock jumps
	}
	if before != nil {
		if err := before(ctx, call); err != nil {
			return nil, err
		}
	}
	return after, ctx.Err()
}

func asked[T any](ctx context.Context, w *storeSpy, call string, f func() (T, error)) (T, error) {
	var nothing T
	after, err := w.enter(ctx, call)
	if err != nil {
		return nothing, err
	}
	v, err := f()
	if after != nil {
		if err := after(ctx, call); err != nil {
			return nothing, err
		}
	}
	return v, err
}

func told(ctx context.Context, w *storeSpy, call string, f func() error) error {
	_, err := asked(ctx, w, call, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (w *storeSpy) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	return asked(ctx, w, "Authenticate", func() (store.User, error) { return w.memory.Authenticate(ctx, login, password) })
}

func (w *storeSpy) User(ctx context.Context, id string) (store.User, error) {
	return asked(ctx, w, "User", func() (store.User, error) { return w.memory.User(ctx, id) })
}

func (w *storeSpy) CreateSession(ctx context.Context, s store.Session) error {
	return told(ctx, w, "CreateSession", func() error {
		w.mu.Lock()
		w.sessions = append(w.sessions, s.ID)
		w.mu.Unlock()
		return w.memory.CreateSession(ctx, s)
	})
}

func (w *storeSpy) Session(ctx context.Context, id string) (store.Session, error) {
	return asked(ctx, w, "Session", func() (store.Session, error) { return w.memory.Session(ctx, id) })
}

func (w *storeSpy) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	return told(ctx, w, "AdvanceSession", func() error { return w.memory.AdvanceSession(ctx, id, from, at, idleUntil) })
}

func (w *storeSpy) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return told(ctx, w, "RevokeSession", func() error { return w.memory.RevokeSession(ctx, id, at) })
}

func (w *storeSpy) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	return asked(ctx, w, "UserSessions", func() ([]store.Session, error) { return w.memory.UserSessions(ctx, userID, after, limit) })
}

func (w *storeSpy) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	return asked(ctx, w, "RevokeUserSessions", func() ([]string, error) { return w.memory.RevokeUserSessions(ctx, userID, except, at, since) })
}

func (w *storeSpy) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return asked(ctx, w, "DeleteExpiredSessions", func() (int, error) { return w.memory.DeleteExpiredSessions(ctx, before) })
}

func (w *storeSpy) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	return told(ctx, w, "CreateAPIKey", func() error {
		w.mu.Lock()
		w.digests = append(w.digests, k.Digest)
		w.mu.Unlock()
		return w.memory.CreateAPIKey(ctx, k)
	})
}

func (w *storeSpy) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	return asked(ctx, w, "APIKey", func() (store.APIKey, error) { return w.memory.APIKey(ctx, digest) })
}

func (w *storeSpy) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	return asked(ctx, w, "APIKeyByID", func() (store.APIKey, error) { return w.memory.APIKeyByID(ctx, id) })
}

func (w *storeSpy) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	return asked(ctx, w, "OwnerAPIKeys", func() ([]store.APIKey, error) { return w.memory.OwnerAPIKeys(ctx, owner, after, limit) })
}

func (w *storeSpy) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	return told(ctx, w, "ReplaceAPIKey", func() error { return w.memory.ReplaceAPIKey(ctx, id, from, successor, until) })
}

func (w *storeSpy) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	return told(ctx, w, "UseAPIKey", func() error { return w.memory.UseAPIKey(ctx, id, at) })
}

func (w *storeSpy) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	return told(ctx, w, "RevokeAPIKey", func() error { return w.memory.RevokeAPIKey(ctx, id, at) })
}

func (w *storeSpy) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error) {
	return asked(ctx, w, "DeleteExpiredAPIKeys", func() (int, error) { return w.memory.DeleteExpiredAPIKeys(ctx, before) })
}

func (w *storeSpy) Client(ctx context.Context, id string) (store.Client, error) {
	return asked(ctx, w, "Client", func() (store.Client, error) { return w.memory.Client(ctx, id) })
}

func (w *storeSpy) DenySession(ctx context.Context, sid string, until time.Time) error {
	return told(ctx, w, "DenySession", func() error {
		w.mu.Lock()
		w.denials = append(w.denials, denial{sid, until})
		w.mu.Unlock()
		return w.memory.DenySession(ctx, sid, until)
	})
}

func (w *storeSpy) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	return told(ctx, w, "DenySessions", func() error {
		w.mu.Lock()
		for _, sid := range sids {
			w.denials = append(w.denials, denial{sid, until})
		}
		w.mu.Unlock()
		return w.memory.DenySessions(ctx, sids, until)
	})
}

func (w *storeSpy) SessionDenied(ctx context.Context, sid string) (bool, error) {
	return asked(ctx, w, "SessionDenied", func() (bool, error) { return w.memory.SessionDenied(ctx, sid) })
}

func (w *storeSpy) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	return asked(ctx, w, "DeleteExpiredDenials", func() (int, error) { return w.memory.DeleteExpiredDenials(ctx, before) })
}

// denial is what was put on the deny list.
type denial struct {
	sid   string
	until time.Time
}

// rows is everything that the store holds of sessions, API keys and denials, as
// it is now, asked past the hooks.
type rows struct {
	Sessions []store.Session
	Keys     []store.APIKey
	Denials  []denial
}

func (w *storeSpy) rows(tb testing.TB) rows {
	tb.Helper()
	w.mu.Lock()
	sessions, digests := slices.Clone(w.sessions), slices.Clone(w.digests)
	all := rows{Denials: slices.Clone(w.denials)}
	w.mu.Unlock()
	for _, id := range sessions {
		s, err := w.memory.Session(context.WithoutCancel(tb.Context()), id)
		if err != nil {
			tb.Fatalf("session %q: %v", id, err)
		}
		all.Sessions = append(all.Sessions, s)
	}
	for _, digest := range digests {
		k, err := w.memory.APIKey(context.WithoutCancel(tb.Context()), digest)
		if err != nil {
			tb.Fatalf("API key: %v", err)
		}
		all.Keys = append(all.Keys, k)
	}
	return all
}

// row is the session that was opened last.
func (w *storeSpy) row(tb testing.TB) store.Session {
	tb.Helper()
	all := w.rows(tb).Sessions
	if len(all) == 0 {
		tb.Fatal("no session was opened")
	}
	return all[len(all)-1]
}

// first is a hook that runs f at the first such call, and at no other.
func first(call string, f func() error) hook {
	done := false
	return func(_ context.Context, c string) error {
		if c != call || done {
			return nil
		}
		done = true
		return f()
	}
}

// always is a hook that answers every such call with err.
func always(call string, err error) hook {
	return func(_ context.Context, c string) error {
		if c == call {
			return err
		}
		return nil
	}
}
