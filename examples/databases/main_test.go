// Package databases_test tries the stores on real databases. It lies here because
// the drivers do: a host of the library gets none that it has not chosen.
package databases_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func TestMain(m *testing.M) {
	_ = mysql.SetLogger(&mysql.NopLogger{}) // it tells of each connection that a test has cut
	os.Exit(redistest.RunTogether(m))
}

// quick returns a Hasher whose hashes are cheap and insecure.
func quick(t testing.TB, memory uint32) *passwords.Hasher {
	t.Helper()
	h, err := passwords.New(passwords.Config{Memory: memory, Time: 1, Threads: 1, Concurrent: 4, Queue: 1024, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var (
	noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

	ada = store.User{ID: "u1", Login: "ada", Account: "a1", Tier: "free", Seats: 1, Scopes: []string{"articles:read"}}
)

const adas = "correct horse & battery"

// session is one that expires after so many hours without a refresh, and after a
// day with one.
func session(id string, hours int) store.Session {
	return store.Session{
		ID: id, UserID: "u1", ClientID: "web", Scopes: []string{"articles:read"}, Generation: 1, CreatedAt: noon, AdvancedAt: noon,
		IdleUntil: noon.Add(time.Duration(hours) * time.Hour), ExpiresAt: noon.Add(24 * time.Hour), Label: "Firefox on Linux",
	}
}

// must ends the test if any of these failed.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// withAda is a fresh store with one user in it.
func withAda(t *testing.T, p *place) *sqlstore.Store {
	t.Helper()
	s := p.store(t, p.db(t))
	must(t, s.AddUser(t.Context(), ada, adas))
	return s
}

var errSome = errors.New("some error that is no sentinel")

// wants checks for an error: nil, this one, or errSome.
func wants(t *testing.T, err, want error, doing string) {
	t.Helper()
	switch {
	case errors.Is(want, errSome):
		if err == nil || isSentinel(err) {
			t.Errorf("%s: got %v, want an error that is no sentinel", doing, err)
		}
	case !errors.Is(err, want):
		t.Errorf("%s: got %v, want %v", doing, err, want)
	}
}

func isSentinel(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrBadCredentials)
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

var zero time.Time

func contains(err error, words string) bool {
	return err != nil && strings.Contains(err.Error(), words)
}

// revokesUsers ends all sessions of a user, whichever they are.
func revokesUsers(ctx context.Context, s *sqlstore.Store, userID string, at time.Time) error {
	_, err := s.RevokeUserSessions(ctx, userID, "", at, at)
	return err
}
