package databases_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func TestPendingNamesWhatMigrateWouldRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		before, err := sqlstore.Pending(t.Context(), db, p.config)
		must(t, err)
		if len(before) < 2 || before[0] != "00001_sessions.sql" || p.migrated(t) != 0 {
			t.Errorf("of no tables: %v, and %d versions are there", before, p.migrated(t))
		}
		must(t, sqlstore.Migrate(t.Context(), db, p.config))
		if after, err := sqlstore.Pending(t.Context(), db, p.config); err != nil || len(after) > 0 {
			t.Errorf("after Migrate: %v, %v", after, err)
		}
		last := len(before)
		p.run(t, db, fmt.Sprintf("DELETE FROM sallyport_migrations WHERE version = %d", last))
		if missing, err := sqlstore.Pending(t.Context(), db, p.config); err != nil || !slices.Equal(missing, before[last-1:]) {
			t.Errorf("without the last: %v, %v", missing, err)
		}
		p.run(t, db, "INSERT INTO sallyport_migrations VALUES (99)")
		if _, err := sqlstore.Pending(t.Context(), db, p.config); !contains(err, "version 99, which this release does not know") {
			t.Errorf("of a newer release: %v", err)
		}
	})
}

func TestAddUserWithHash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := p.store(t, p.db(t))
		hash := old(t)
		must(t, s.AddUserWithHash(t.Context(), ada, hash))
		if stored(t, p) != hash {
			t.Error("the hash is not stored as it was given")
		}
		opensOnly(t, s, adas, "wrong")
		if u, err := s.User(t.Context(), ada.ID); err != nil || u.CredentialVersion == "" || u.Tier != ada.Tier {
			t.Errorf("%+v, %v", u, err)
		}
		other := ada
		other.ID = "u2"
		wants(t, s.AddUserWithHash(t.Context(), other, hash), store.ErrConflict, "AddUserWithHash with a taken login")
		other.Login = "grace"
		for _, encoded := range []string{"", "!", adas} {
			if err := s.AddUserWithHash(t.Context(), other, encoded); !errors.Is(err, passwords.ErrFormat) {
				t.Errorf("with the hash %q: %v", encoded, err)
			}
		}
		if _, err := s.User(t.Context(), "u2"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a refused user is there: %v", err)
		}
	})
}

func TestUsersWithSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := p.store(t, p.db(t))
		users := func() (all []string) {
			for user, err := range s.UsersWithSessions(t.Context()) {
				must(t, err)
				all = append(all, user)
			}
			return all
		}
		if all := users(); len(all) > 0 {
			t.Errorf("of no sessions: %q", all)
		}
		for i, user := range []string{"b", "a", "B", "a", "gone"} {
			n := session(fmt.Sprint("s", i), 1)
			n.UserID = user
			must(t, s.CreateSession(t.Context(), n))
		}
		must(t, s.RevokeSession(t.Context(), "s4", noon))
		if all := users(); !slices.Equal(all, []string{"B", "a", "b"}) {
			t.Errorf("the users are %q", all)
		}
		for _, err := range s.UsersWithSessions(cancelled(t)) {
			if err == nil || isSentinel(err) {
				t.Errorf("with a cancelled context: %v", err)
			}
		}
	})
}
