package databases_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func TestSetPassword(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		must(t, s.SetPassword(t.Context(), "u1", "new"))
		opensOnly(t, s, "new", adas)
	})
}

// opensOnly checks which of two passwords lets ada in.
func opensOnly(t *testing.T, s *sqlstore.Store, right, wrong string) {
	t.Helper()
	if _, err := s.Authenticate(t.Context(), "ada", right); err != nil {
		t.Errorf("Authenticate with %q: %v", right, err)
	}
	_, err := s.Authenticate(t.Context(), "ada", wrong)
	wants(t, err, store.ErrBadCredentials, "Authenticate with "+wrong)
}

// old is a hash of ada's password by older parameters.
func old(t *testing.T) string {
	t.Helper()
	hash, err := quick(t, 128).Hash(t.Context(), adas)
	must(t, err)
	return hash
}

// stored is the hash of ada's password.
func stored(t *testing.T, p *place) string {
	t.Helper()
	return strings.TrimSpace(lines(t, p.db(t), "SELECT password_hash FROM sallyport_users WHERE id = 'u1'", 0))
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s, older := withAda(t, p), old(t)
		must(t, s.SetHash(t.Context(), "u1", older))
		_, err := s.Authenticate(t.Context(), "ada", "wrong")
		wants(t, err, store.ErrBadCredentials, "Authenticate with a wrong password")
		if stored(t, p) != older {
			t.Error("a wrong password has replaced the hash")
		}
		opensOnly(t, s, adas, "wrong")
		renewed := stored(t, p)
		if renewed == older || !strings.Contains(renewed, "m=64,") {
			t.Errorf("the hash was %s and is %s", older, renewed)
		}
		opensOnly(t, s, adas, "wrong")
		if stored(t, p) != renewed {
			t.Error("a current hash was replaced as well")
		}
	})
}

// What happens between two statements of a login. The first finds the user, the
// second renews the hash, the third looks at the user once more.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		meanwhile func(ctx context.Context, s *sqlstore.Store) error
		want      error // of the login
		opens     string
	}{
		"a user who is removed while their password is verified stays outside": {
			func(ctx context.Context, s *sqlstore.Store) error { return s.RemoveUser(ctx, "u1") }, store.ErrBadCredentials, "",
		},
		"a login that becomes another's is not taken for theirs": {
			func(ctx context.Context, s *sqlstore.Store) error {
				return errors.Join(s.RemoveUser(ctx, "u1"), s.AddUser(ctx, store.User{ID: "u2", Login: "ada"}, "another"))
			}, store.ErrBadCredentials, "another",
		},
		"a renewal never undoes a new password": {
			func(ctx context.Context, s *sqlstore.Store) error { return s.SetPassword(ctx, "u1", "new") }, nil, "new",
		},
	}
	each(t, func(t *testing.T, p *place) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for _, statement := range []int32{2, 3} {
					p := p.another(t)
					s := withAda(t, p)
					must(t, s.SetHash(t.Context(), "u1", old(t)))
					db, recorder := p.recorded(t)
					watched := p.store(t, db)
					var left atomic.Int32
					left.Store(statement)
					recorder.before(func(string) {
						if left.Add(-1) == 0 {
							must(t, tt.meanwhile(t.Context(), s))
						}
					})
					_, err := watched.Authenticate(t.Context(), "ada", adas)
					wants(t, err, tt.want, name)
					if tt.opens != "" {
						opensOnly(t, s, tt.opens, adas)
					}
				}
			})
		}
	})
}

func TestARenewalThatFailsDoesNotFailTheLogin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s, older := withAda(t, p), old(t)
		must(t, s.SetHash(t.Context(), "u1", older))
		p.run(t, p.db(t), map[sqlstore.Dialect]string{
			sqlstore.SQLite: "CREATE TRIGGER frozen BEFORE UPDATE ON sallyport_users BEGIN SELECT RAISE(ABORT, 'frozen'); END",
			sqlstore.PostgreSQL: "CREATE FUNCTION frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'frozen'; END $$; " +
				"CREATE TRIGGER frozen BEFORE UPDATE ON sallyport_users FOR EACH ROW EXECUTE FUNCTION frozen()",
			sqlstore.MySQL: "CREATE TRIGGER frozen BEFORE UPDATE ON sallyport_users FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'frozen'",
		}[p.config.Dialect])
		opensOnly(t, s, adas, "wrong")
		if stored(t, p) != older {
			t.Error("the hash was replaced after all")
		}
		wants(t, s.SetPassword(t.Context(), "u1", "x"), errSome, "SetPassword")
		wants(t, s.SetUser(t.Context(), ada), errSome, "SetUser")
	})
}

func TestTooManyAtOnceAreTurnedAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		h, err := passwords.New(passwords.Config{Concurrent: 1, Queue: 1})
		must(t, err)
		p.config.Passwords = h
		s := withAda(t, p)
		errs := make(chan error, 32)
		var callers sync.WaitGroup
		for i := range cap(errs) {
			login := []string{"ada", "unknown"}[i%2]
			callers.Go(func() {
				_, err := s.Authenticate(t.Context(), login, "wrong")
				errs <- err
			})
		}
		callers.Wait()
		close(errs)
		busy := 0
		for err := range errs {
			if errors.Is(err, passwords.ErrBusy) && !isSentinel(err) {
				busy++
			} else if !errors.Is(err, store.ErrBadCredentials) {
				t.Error(err)
			}
		}
		if busy == 0 {
			t.Error("no caller got ErrBusy")
		}
	})
}
