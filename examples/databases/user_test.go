package databases_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlstore"
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
		do   func(ctx context.Context, s *sqlstore.Store) error
		want error // nil: no error
	}{
		"an ID is given once": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.AddUser(ctx, with(func(u *store.User) { u.Login = "eve" }), "x")
			}, store.ErrConflict,
		},
		"a login is given once": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.AddUser(ctx, with(func(u *store.User) { u.ID = "u3" }), "x")
			}, store.ErrConflict,
		},
		"a user has an ID": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.AddUser(ctx, store.User{Login: "eve"}, "x")
			}, errSome,
		},
		"a user has a login": {
			func(ctx context.Context, s *sqlstore.Store) error { return s.AddUser(ctx, store.User{ID: "u3"}, "x") }, errSome,
		},
		"a password that cannot be hashed adds no user": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.AddUser(ctx, store.User{ID: "u3", Login: "eve"}, string(make([]byte, 5000)))
			}, passwords.ErrTooLong,
		},
		"a tier is changed": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.SetUser(ctx, with(func(u *store.User) { u.Tier = "premium" }))
			}, nil,
		},
		"a user is not set without a login": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.SetUser(ctx, with(func(u *store.User) { u.Login = "" }))
			}, errSome,
		},
		"an unknown user is not set": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.SetUser(ctx, store.User{ID: "u3", Login: "eve"})
			}, store.ErrNotFound,
		},
		"another's login is not taken over": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.SetUser(ctx, with(func(u *store.User) { u.Login = grace.Login }))
			}, store.ErrConflict,
		},
		"an unknown user is not removed": {
			func(ctx context.Context, s *sqlstore.Store) error { return s.RemoveUser(ctx, "u3") }, store.ErrNotFound,
		},
		"an unknown user gets no password": {
			func(ctx context.Context, s *sqlstore.Store) error { return s.SetPassword(ctx, "u3", "x") }, store.ErrNotFound,
		},
		"an unknown user gets no hash": {
			func(ctx context.Context, s *sqlstore.Store) error { return s.SetHash(ctx, "u3", "x") }, store.ErrNotFound,
		},
		"a password that cannot be hashed changes none": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return s.SetPassword(ctx, ada.ID, string(make([]byte, 5000)))
			}, passwords.ErrTooLong,
		},
	}
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		must(t, s.AddUser(t.Context(), grace, "hopper"))
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				wants(t, tt.do(t.Context(), s), tt.want, name)
				// Whatever happened, both come in as before.
				for login, password := range map[string]string{"ada": adas, "grace": "hopper"} {
					if _, err := s.Authenticate(t.Context(), login, password); err != nil {
						t.Errorf("Authenticate(%q): %v", login, err)
					}
				}
			})
		}
	})
}

func TestSetUser(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		countess := store.User{ID: "u1", Login: "countess", Account: "a2", Tier: "premium", Seats: 1 << 40, Scopes: []string{"all", "a,b"}}
		must(t, s.SetUser(t.Context(), countess))

		got, err := s.Authenticate(t.Context(), "countess", adas)
		got.CredentialVersion = "" // the store's own
		if err != nil || !reflect.DeepEqual(got, countess) {
			t.Errorf("under the new login: %+v, %v", got, err)
		}
		_, err = s.Authenticate(t.Context(), "ada", adas)
		wants(t, err, store.ErrBadCredentials, "under the old login")
		must(t, s.AddUser(t.Context(), store.User{ID: "u2", Login: "ada"}, "x"))
	})
}

func TestRemoveUser(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		must(t, s.RemoveUser(t.Context(), "u1"))
		_, err := s.User(t.Context(), "u1")
		wants(t, err, store.ErrNotFound, "User")
		_, err = s.Authenticate(t.Context(), "ada", adas)
		wants(t, err, store.ErrBadCredentials, "Authenticate")
		must(t, s.AddUser(t.Context(), store.User{ID: "u2", Login: "ada"}, "x"))
	})
}

func TestNoTimeIsNoRevocation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := p.store(t, p.db(t))
		must(t, fill(t.Context(), s)...)
		for doing, err := range map[string]error{
			"RevokeSession":      s.RevokeSession(t.Context(), "s1", zero),
			"RevokeUserSessions": revokesUsers(t.Context(), s, "u1", zero),
			"RevokeAPIKey":       s.RevokeAPIKey(t.Context(), "k1", zero),
			"ReplaceAPIKey":      s.ReplaceAPIKey(t.Context(), "k1", "", "k2", zero),
		} {
			wants(t, err, errSome, doing+" at no time") // it would be nil, and nothing revoked
		}
	})
}

func TestClients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := p.store(t, p.db(t))
		bare := store.Client{ID: "Web"}
		must(t, s.SetClient(t.Context(), webApp), s.SetClient(t.Context(), bare))
		finds := func(want store.Client) {
			t.Helper()
			if got, err := s.Client(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("Client: %+v, %v; want %+v", got, err, want)
			}
		}
		finds(webApp)
		finds(bare)
		_, err := s.Client(t.Context(), "WEB")
		wants(t, err, store.ErrNotFound, "Client, unknown")

		changed := store.Client{ID: "web", Name: "it's", Grants: []string{"a,b"}, Refresh: store.RefreshNone, Grace: 1}
		must(t, s.SetClient(t.Context(), changed))
		finds(changed)
		finds(bare)
		must(t, s.RemoveClient(t.Context(), "web"))
		_, err = s.Client(t.Context(), "web")
		wants(t, err, store.ErrNotFound, "Client, removed")
		wants(t, s.RemoveClient(t.Context(), "web"), store.ErrNotFound, "RemoveClient, once more")
		finds(bare)

		wrong := s.SetClient(t.Context(), store.Client{Refresh: "always", Grace: -1})
		wants(t, wrong, errSome, "SetClient")
		for _, words := range []string{"must not be empty", `"always"`, "got -1ns"} {
			if !contains(wrong, words) {
				t.Errorf("%q does not say %q", wrong, words)
			}
		}
		wants(t, s.SetClient(t.Context(), store.Client{ID: "x", Grace: webApp.Grace * 31}), errSome, "SetClient, with too much grace")
	})
}

func TestWhatIsDamagedIsNoAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		s := p.store(t, db)
		must(t, fill(t.Context(), s)...)
		p.run(t, db,
			"UPDATE sallyport_sessions SET scopes = 'articles:read'", "UPDATE sallyport_users SET scopes = '{}'",
			"UPDATE sallyport_clients SET secrets = '[\"xyz\"]'")
		p.run(t, db, map[sqlstore.Dialect]string{
			sqlstore.SQLite:     "UPDATE sallyport_api_keys SET digest = x'00'",
			sqlstore.PostgreSQL: `UPDATE sallyport_api_keys SET digest = '\x00'`,
			sqlstore.MySQL:      "UPDATE sallyport_api_keys SET digest = x'00'",
		}[p.config.Dialect])
		_, err := s.Session(t.Context(), "s1")
		wants(t, err, errSome, "Session")
		_, err = s.UserSessions(t.Context(), "u1", store.Newest(), store.MaxPage)
		wants(t, err, errSome, "UserSessions")
		_, err = s.User(t.Context(), "u1")
		wants(t, err, errSome, "User")
		_, err = s.Client(t.Context(), "web")
		wants(t, err, errSome, "Client")
		_, err = s.OwnerAPIKeys(t.Context(), store.Owner{ID: "u1"}, store.Newest(), store.MaxPage)
		wants(t, err, errSome, "OwnerAPIKeys")
		must(t, s.SetHash(t.Context(), "u1", "d41d8cd98f00b204e9800998ecf8427e"))
		_, err = s.Authenticate(t.Context(), "ada", adas)
		wants(t, err, errSome, "Authenticate")
		if !errors.Is(err, passwords.ErrFormat) && !contains(err, "JSON") {
			t.Errorf("Authenticate: %v", err)
		}
	})
}
