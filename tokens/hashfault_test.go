package tokens_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/internal/caller"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// loginsOf is an Authority on a store in memory with ada in it, and what it has
// reported.
func loginsOf(t *testing.T, s store.Store) (a *tokens.Authority, reported func() []events.Event) {
	t.Helper()
	var mu sync.Mutex
	var told []events.Event
	a, err := tokens.New(tokens.Config{
		Store: s, Issuer: "https://issuer.example", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: "the key of access tokens, 32 bytes long"}},
		RefreshKeys: []keys.Secret{"the key of refresh tokens, 32 bytes too"},
		Events: func(_ context.Context, e events.Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, func() []events.Event {
		mu.Lock()
		defer mu.Unlock()
		return told
	}
}

func TestFaultA5AHashThatCannotBeReadIsRefusedAndReported(t *testing.T) {
	t.Parallel()
	h, err := passwords.New(passwords.Config{Memory: 64, Time: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := memstore.New(memstore.Config{Passwords: h})
	if err != nil {
		t.Fatal(err)
	}
	const unusable = "!unusable-0123456789"
	if err := errors.Join(
		s.AddUser(t.Context(), store.User{ID: "u-ada", Login: "ada"}, "secret"),
		s.SetHash(t.Context(), "u-ada", unusable),
	); err != nil {
		t.Fatal(err)
	}
	a, reported := loginsOf(t, s)
	_, unknown := a.Login(t.Context(), tokens.LoginRequest{Login: "unknown", Password: "secret"})
	_, unreadable := a.Login(t.Context(), tokens.LoginRequest{Login: "ada", Password: "secret"})
	if !errors.Is(unreadable, tokens.ErrBadCredentials) || unreadable.Error() != unknown.Error() {
		t.Errorf("got %v, want what an unknown login gets: %v", unreadable, unknown)
	}
	told := reported()
	if len(told) != 3 {
		t.Fatalf("%d events, want two refused logins and a fault: %+v", len(told), told)
	}
	for _, e := range []events.Event{told[0], told[2]} {
		if e.Kind != events.LoginRefused || e.UserID != "" || e.Err.Error() != unknown.Error() {
			t.Errorf("got %+v, want a refused login without a user", e)
		}
	}
	e := told[1]
	if e.Kind != events.Fault || e.UserID != "u-ada" || !strings.Contains(e.Err.Error(), "password hash") || !errors.Is(e.Err, passwords.ErrFormat) {
		t.Errorf("got %+v, want a fault that names the user and the field", e)
	}
	if strings.Contains(e.Err.Error(), unusable) {
		t.Errorf("the hash is in the event: %v", e.Err)
	}
}

// telling is a store that remembers on whose behalf it was asked to hash.
type telling struct {
	store.Store

	of caller.Caller
}

func (s *telling) Authenticate(ctx context.Context, _, _ string) (store.User, error) {
	s.of = caller.Of(ctx)
	return store.User{}, store.ErrBadCredentials
}

func TestFaultA4ALoginTellsTheHasherOnWhoseBehalfItHashes(t *testing.T) {
	t.Parallel()
	s := &telling{}
	a, _ := loginsOf(t, s)
	ctx := events.WithAddress(t.Context(), netip.MustParseAddr("192.0.2.1"))
	if _, err := a.Login(ctx, tokens.LoginRequest{Login: "Ada", Password: "secret"}); !errors.Is(err, tokens.ErrBadCredentials) {
		t.Fatal(err)
	}
	if want := (caller.Caller{Network: "192.0.2.1", Login: "ada"}); s.of != want {
		t.Errorf("the hasher is told %+v, want %+v", s.of, want)
	}
}
