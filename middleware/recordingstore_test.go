package middleware_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// errDriver is the error of a store that fails. Its text must not be in an answer.
var errDriver = errors.New("driver: MARKER broken pipe")

// recordingStore is a memory store that records its calls, and can fail.
type recordingStore struct {
	memory *memstore.Store

	mu    sync.Mutex
	err   error
	calls []string
	hook  func(call string) // before each call; nil: none
}

// step calls hook before each call from now on; nil calls nothing.
func (w *recordingStore) step(hook func(call string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

func newRecordingStore(tb testing.TB) *recordingStore {
	tb.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, Concurrent: 4, Queue: 1024, InsecureParameters: true})
	if err != nil {
		tb.Fatal(err)
	}
	memory, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		tb.Fatal(err)
	}
	for _, u := range users {
		if err := memory.AddUser(tb.Context(), u, password); err != nil {
			tb.Fatal(err)
		}
	}
	return &recordingStore{memory: memory}
}

// fail makes every call from now on end with err; nil makes none.
func (w *recordingStore) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// take returns the calls since it was last called.
func (w *recordingStore) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *recordingStore) enter(call string) error {
	w.mu.Lock()
	w.calls = append(w.calls, call)
	hook, err := w.hook, w.err
	w.mu.Unlock()
	if hook != nil {
		hook(call)
	}
	return err
}

func asked[T any](w *recordingStore, call string, f func() (T, error)) (T, error) {
	if err := w.enter(call); err != nil {
		var nothing T
		return nothing, err
	}
	return f()
}

func told(w *recordingStore, call string, f func() error) error {
	if err := w.enter(call); err != nil {
		return err
	}
	return f()
}

func (w *recordingStore) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	return asked(w, "Authenticate", func() (store.User, error) { return w.memory.Authenticate(ctx, login, password) })
}

func (w *recordingStore) User(ctx context.Context, id string) (store.User, error) {
	return asked(w, "User", func() (store.User, error) { return w.memory.User(ctx, id) })
}

func (w *recordingStore) CreateSession(ctx context.Context, s store.Session) error {
	return told(w, "CreateSession", func() error { return w.memory.CreateSession(ctx, s) })
}

func (w *recordingStore) Session(ctx context.Context, id string) (store.Session, error) {
	return asked(w, "Session", func() (store.Session, error) { return w.memory.Session(ctx, id) })
}

func (w *recordingStore) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	return told(w, "AdvanceSession", func() error { return w.memory.AdvanceSession(ctx, id, from, at, idleUntil) })
}

func (w *recordingStore) RevokeSession(ctx context.Context, id string, at time.Time) error {
	return told(w, "RevokeSession", func() error { return w.memory.RevokeSession(ctx, id, at) })
}

func (w *recordingStore) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	return asked(w, "UserSessions", func() ([]store.Session, error) { return w.memory.UserSessions(ctx, userID, after, limit) })
}

func (w *recordingStore) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	return asked(w, "RevokeUserSessions", func() ([]string, error) { return w.memory.RevokeUserSessions(ctx, userID, except, at, since) })
}

func (w *recordingStore) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return asked(w, "DeleteExpiredSessions", func() (int, error) { return w.memory.DeleteExpiredSessions(ctx, before) })
}

func (w *recordingStore) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	return told(w, "CreateAPIKey", func() error { return w.memory.CreateAPIKey(ctx, k) })
}

func (w *recordingStore) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	return asked(w, "APIKey", func() (store.APIKey, error) { return w.memory.APIKey(ctx, digest) })
}

func (w *recordingStore) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	return asked(w, "APIKeyByID", func() (store.APIKey, error) { return w.memory.APIKeyByID(ctx, id) })
}

func (w *recordingStore) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	return asked(w, "OwnerAPIKeys", func() ([]store.APIKey, error) { return w.memory.OwnerAPIKeys(ctx, owner, after, limit) })
}

func (w *recordingStore) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	return told(w, "ReplaceAPIKey", func() error { return w.memory.ReplaceAPIKey(ctx, id, from, successor, until) })
}

func (w *recordingStore) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	return told(w, "UseAPIKey", func() error { return w.memory.UseAPIKey(ctx, id, at) })
}

func (w *recordingStore) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	return told(w, "RevokeAPIKey", func() error { return w.memory.RevokeAPIKey(ctx, id, at) })
}

func (w *recordingStore) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error) {
	return asked(w, "DeleteExpiredAPIKeys", func() (int, error) { return w.memory.DeleteExpiredAPIKeys(ctx, before) })
}

func (w *recordingStore) Client(ctx context.Context, id string) (store.Client, error) {
	return asked(w, "Client", func() (store.Client, error) { return w.memory.Client(ctx, id) })
}

func (w *recordingStore) DenySession(ctx context.Context, sid string, until time.Time) error {
	return told(w, "DenySession", func() error { return w.memory.DenySession(ctx, sid, until) })
}

func (w *recordingStore) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	return told(w, "DenySessions", func() error { return w.memory.DenySessions(ctx, sids, until) })
}

func (w *recordingStore) SessionDenied(ctx context.Context, sid string) (bool, error) {
	return asked(w, "SessionDenied", func() (bool, error) { return w.memory.SessionDenied(ctx, sid) })
}

func (w *recordingStore) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	return asked(w, "DeleteExpiredDenials", func() (int, error) { return w.memory.DeleteExpiredDenials(ctx, before) })
}
