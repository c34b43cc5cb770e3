package memstore_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	with := func(change func(u *store.User)) store.User {
		u := ada
		change(&u)
		return u
	}
	grace := store.User{ID: "u2", Login: "grace"}

	tests := map[string]struct {
		do   func(ctx context.Context, s *memstore.Store) error
		want error // nil: no error; errSome: one that is no sentinel
	}{
		"a second user is added": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AddUser(ctx, store.User{ID: "u3", Login: "eve"}, "x")
			}, nil,
		},
		"an ID is given once": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AddUser(ctx, with(func(u *store.User) { u.Login = "eve" }), "x")
			}, store.ErrConflict,
		},
		"a login is given once": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AddUser(ctx, with(func(u *store.User) { u.ID = "u3" }), "x")
			}, store.ErrConflict,
		},
		"a user has an ID": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AddUser(ctx, store.User{Login: "eve"}, "x")
			}, errSome,
		},
		"a user has a login": {
			func(ctx context.Context, s *memstore.Store) error { return s.AddUser(ctx, store.User{ID: "u3"}, "x") }, errSome,
		},
		"a password that cannot be hashed adds no user": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.AddUser(ctx, store.User{ID: "u3", Login: "eve"}, string(make([]byte, 5000)))
			}, passwords.ErrTooLong,
		},
		"a tier is changed": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.SetUser(ctx, with(func(u *store.User) { u.Tier = "premium" }))
			}, nil,
		},
		"a user is not set without a login": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.SetUser(ctx, with(func(u *store.User) { u.Login = "" }))
			}, errSome,
		},
		"an unknown user is not set": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.SetUser(ctx, store.User{ID: "u3", Login: "eve"})
			},
			store.ErrNotFound,
		},
		"another's login is not taken over": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.SetUser(ctx, with(func(u *store.User) { u.Login = grace.Login }))
			}, store.ErrConflict,
		},
		"an unknown user is not removed": {
			func(ctx context.Context, s *memstore.Store) error { return s.RemoveUser(ctx, "u3") }, store.ErrNotFound,
		},
		"an unknown user gets no password": {
			func(ctx context.Context, s *memstore.Store) error { return s.SetPassword(ctx, "u3", "x") }, store.ErrNotFound,
		},
		"an unknown user gets no hash": {
			func(ctx context.Context, s *memstore.Store) error { return s.SetHash(ctx, "u3", "x") }, store.ErrNotFound,
		},
		"a password that cannot be hashed changes none": {
			func(ctx context.Context, s *memstore.Store) error {
				return s.SetPassword(ctx, ada.ID, string(make([]byte, 5000)))
			},
			passwords.ErrTooLong,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withAda(t, memstore.Config{})
			if err := s.AddUser(t.Context(), grace, "hopper"); err != nil {
				t.Fatal(err)
			}
			err := tt.do(t.Context(), s)
			switch {
			case errors.Is(tt.want, errSome):
				if err == nil || isSentinel(err) {
					t.Errorf("got %v, want an error that is no sentinel", err)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
			// Whatever happened, both come in as before.
			for login, password := range map[string]string{"ada": adas, "grace": "hopper"} {
				if _, err := s.Authenticate(t.Context(), login, password); err != nil {
					t.Errorf("Authenticate(%q): %v", login, err)
				}
			}

			done, cancel := context.WithCancel(t.Context())
			cancel()
			if err := tt.do(done, s); !errors.Is(err, context.Canceled) {
				t.Errorf("with a done context: got %v", err)
			}
		})
	}
}

var errSome = errors.New("some error")

func isSentinel(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrBadCredentials)
}

func TestSetUser(t *testing.T) {
	t.Parallel()
	s := withAda(t, memstore.Config{})
	countess := store.User{ID: "u1", Login: "countess", Account: "a1", Tier: "premium", Seats: 3, Scopes: []string{"all"}}
	given := countess
	given.Scopes = []string{"all"}
	if err := s.SetUser(t.Context(), given); err != nil {
		t.Fatal(err)
	}
	given.Scopes[0] = "none"

	got, err := s.Authenticate(t.Context(), "countess", adas)
	got.CredentialVersion = "" // the store's own
	if err != nil || !reflect.DeepEqual(got, countess) {
		t.Errorf("under the new login: %+v, %v", got, err)
	}
	if _, err := s.Authenticate(t.Context(), "ada", adas); !errors.Is(err, store.ErrBadCredentials) {
		t.Errorf("under the old login: %v", err)
	}
	if err := s.AddUser(t.Context(), store.User{ID: "u2", Login: "ada"}, "x"); err != nil {
		t.Errorf("the old login is not free: %v", err)
	}
}

func TestRemoveUser(t *testing.T) {
	t.Parallel()
	s := withAda(t, memstore.Config{})
	if err := s.RemoveUser(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.User(t.Context(), "u1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("User: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), "ada", adas); !errors.Is(err, store.ErrBadCredentials) {
		t.Errorf("Authenticate: %v", err)
	}
	if err := s.AddUser(t.Context(), store.User{ID: "u2", Login: "ada"}, "x"); err != nil {
		t.Errorf("the login is not free: %v", err)
	}
}

func TestAddUserRace(t *testing.T) {
	t.Parallel()
	for looks := range mostLooks {
		s := open(t, memstore.Config{})
		var first error
		ctx := &lookedAt{t.Context(), looks, func() { first = s.AddUser(t.Context(), store.User{ID: "u2", Login: "ada"}, "first") }}
		second := s.AddUser(ctx, ada, adas)
		if ctx.looks >= 0 {
			break // it was done before it was looked at so often
		}
		if first != nil || !errors.Is(second, store.ErrConflict) {
			t.Errorf("at look %d: the first got %v, the second %v", looks, first, second)
		}
		if _, err := s.Authenticate(t.Context(), "ada", "first"); err != nil {
			t.Errorf("at look %d: the first's password: %v", looks, err)
		}
	}
}
