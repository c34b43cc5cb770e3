package databases_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	always(t, func(t *testing.T, p *place) {
		const nodes = 8
		errs := make([]error, nodes)
		var at sync.WaitGroup
		start := make(chan struct{})
		for i := range nodes {
			db := p.db(t) // of its own, as another process has it
			at.Go(func() {
				<-start
				errs[i] = sqlstore.Migrate(t.Context(), db, p.config)
				if errs[i] == nil {
					_, errs[i] = sqlstore.Open(t.Context(), db, p.config)
				}
			})
		}
		close(start)
		at.Wait()
		must(t, errs...)
		files, err := sqlstore.Migrations(p.config)
		must(t, err)
		names, err := fs.Glob(files, "*")
		must(t, err)
		want := ""
		for i := range names {
			want += fmt.Sprint(" ", i+1)
		}
		if got := versions(t, p); " "+got != want {
			t.Errorf("the versions are %s, want%s", got, want)
		}
	})
}

func versions(t *testing.T, p *place) string {
	t.Helper()
	return strings.Join(strings.Fields(lines(t, p.db(t), "SELECT version FROM sallyport_migrations ORDER BY version", 0)), " ")
}

// What undoes the migrations leaves nothing of them, and they can be done again.
func TestMigrationsAreUndone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, before := p.db(t), tables(t, p)
		p.store(t, db)
		files, err := sqlstore.Migrations(p.config)
		must(t, err)
		names, err := fs.Glob(files, "*")
		must(t, err)
		for _, name := range slices.Backward(names) { // as a tool for migrations does
			text, err := fs.ReadFile(files, name)
			must(t, err)
			_, down, _ := strings.Cut(string(text), "-- +goose Down\n")
			for statement := range strings.SplitSeq(strings.TrimSpace(down), ";\n") {
				p.run(t, db, strings.TrimSuffix(statement, ";"))
			}
		}
		if after := tables(t, p); after != before {
			t.Errorf("left:\n%s\nbefore there was:\n%s", after, before)
		}
		p.store(t, db)
	})
}

func TestMigrateOnceMoreChangesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		withAda(t, p)
		db := p.db(t)
		before := tables(t, p)
		must(t, sqlstore.Migrate(t.Context(), db, p.config), sqlstore.Migrate(t.Context(), db, p.config))
		if after := tables(t, p); after != before {
			t.Errorf("the tables were\n%s\nand are\n%s", before, after)
		}
		if _, err := p.store(t, db).Authenticate(t.Context(), "ada", adas); err != nil {
			t.Error(err)
		}
	})
}

// tables lists what there is in a place.
func tables(t *testing.T, p *place) string {
	t.Helper()
	query := "SELECT relname || ' ' || relkind::text || ' ' || relnatts FROM pg_class WHERE relnamespace = current_schema()::regnamespace ORDER BY 1"
	switch p.config.Dialect {
	case sqlstore.MySQL:
		query = "SELECT concat_ws(' ', table_name, column_name, column_type, column_key, is_nullable) FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1"
	case sqlstore.SQLite:
		query = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1"
	}
	return lines(t, p.db(t), query, 0)
}

func TestMigrateRefusesANewerRelease(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.store(t, db)
		p.run(t, db, "INSERT INTO sallyport_migrations VALUES (99)", "DELETE FROM sallyport_migrations WHERE version = 2")
		err := sqlstore.Migrate(t.Context(), db, p.config)
		if err == nil || !strings.Contains(err.Error(), "version 99, which this release does not know") {
			t.Error(err)
		}
	})
}

func TestAMigrationIsDoneOrNotAtAll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.run(t, db, "CREATE TABLE sallyport_denials (mine INTEGER)") // the last but one that the first makes
		before := tables(t, p)
		err := sqlstore.Migrate(t.Context(), db, p.config)
		if err == nil || !strings.Contains(err.Error(), "sqlstore: Migrate: 00001_sessions.sql: ") {
			t.Error(err)
		}
		// On MySQL the statements before it are committed, and the next call goes on.
		if after := tables(t, p); after != before && p.config.Dialect != sqlstore.MySQL {
			t.Errorf("it left behind\n%s", after)
		}
		refuses(t, db, p.config, "run sqlstore.Migrate")
		p.run(t, db, "DROP TABLE sallyport_denials")
		p.store(t, db)
	})
}

// A host with a tool of its own, such as goose, runs the files with it.
func TestMigrationsByAnotherTool(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		p.config.Prefix = "auth_sallyport_"
		files, err := sqlstore.Migrations(p.config)
		must(t, err)
		names, err := fs.Glob(files, "*.sql")
		must(t, err)
		db, before := p.db(t), tables(t, p)
		run := func(name, from, to string) {
			text, err := fs.ReadFile(files, name)
			must(t, err)
			_, part, _ := strings.Cut(string(text), from)
			if to != "" {
				part, _, _ = strings.Cut(part, to)
			}
			for statement := range strings.SplitSeq(strings.TrimSpace(part), ";\n") {
				p.run(t, db, strings.TrimSuffix(statement, ";"))
			}
		}
		for _, name := range names {
			run(name, "-- +goose Up", "-- +goose Down")
		}
		s, err := sqlstore.Open(t.Context(), db, p.config)
		must(t, err)
		must(t, s.AddUser(t.Context(), ada, adas))
		must(t, sqlstore.Migrate(t.Context(), db, p.config)) // finds nothing to do

		run(names[1], "-- +goose Down", "")
		refuses(t, db, p.config, "lack "+names[1])
		for _, name := range names[2:] {
			if strings.HasSuffix(name, "_epochs.sql") { // which has a table of its own
				run(name, "-- +goose Down", "")
			}
		}
		run(names[0], "-- +goose Down", "")
		if after := tables(t, p); after != before {
			t.Errorf("the way down left behind\n%s", after)
		}
	})
}

func TestPrefixesAreStoresOfTheirOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		one := p.store(t, db)
		p.config = other(p.config)
		two := p.store(t, db)
		must(t, one.AddUser(t.Context(), ada, adas), two.AddUser(t.Context(), ada, "another"))
		must(t, one.CreateSession(t.Context(), session("s1", 1)))
		_, err := two.Session(t.Context(), "s1")
		wants(t, err, store.ErrNotFound, "Session of the other store")
		_, err = two.Authenticate(t.Context(), "ada", adas)
		wants(t, err, store.ErrBadCredentials, "Authenticate at the other store")
		must(t, revokesUsers(t.Context(), two, "u1", noon))
		if got, err := one.Session(t.Context(), "s1"); err != nil || !got.RevokedAt.IsZero() {
			t.Errorf("the session was ended by the other store: %v, %v", got, err)
		}
	})
}

// directory is a host's own users.
type directory struct{ store.Users }

func (directory) Authenticate(_ context.Context, login, password string) (store.User, error) {
	if login == "ada" && password == adas {
		return ada, nil
	}
	return store.User{}, store.ErrBadCredentials
}

func (directory) User(_ context.Context, id string) (store.User, error) {
	if id == ada.ID {
		return ada, nil
	}
	return store.User{}, store.ErrNotFound
}

func TestTheHostsOwnUsers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		p.config.Users, p.config.Passwords = directory{}, nil
		db := p.db(t)
		p.run(t, db, "CREATE TABLE sallyport_users (mine INTEGER)") // no affair of ours
		s := p.store(t, db)

		u, err := s.Authenticate(t.Context(), "ada", adas)
		if err != nil || !reflect.DeepEqual(u, ada) {
			t.Errorf("Authenticate: %v, %v", u, err)
		}
		_, err = s.Authenticate(t.Context(), "ada", "wrong")
		wants(t, err, store.ErrBadCredentials, "Authenticate with a wrong password")
		if u, err = s.User(t.Context(), "u1"); err != nil || !reflect.DeepEqual(u, ada) {
			t.Errorf("User: %v, %v", u, err)
		}
		_, err = s.User(t.Context(), "u2")
		wants(t, err, store.ErrNotFound, "User, unknown")
		must(t, s.CreateSession(t.Context(), session("s1", 1)), s.CreateAPIKey(t.Context(), keyOfAda))

		for doing, err := range map[string]error{
			"AddUser":     s.AddUser(t.Context(), ada, adas),
			"SetUser":     s.SetUser(t.Context(), ada),
			"SetPassword": s.SetPassword(t.Context(), "u1", adas),
			"SetHash":     s.SetHash(t.Context(), "u1", "x"),
			"RemoveUser":  s.RemoveUser(t.Context(), "u1"),
		} {
			if !errors.Is(err, errors.ErrUnsupported) || isSentinel(err) {
				t.Errorf("%s: got %v, want errors.ErrUnsupported", doing, err)
			}
		}
		for _, users := range []string{"2", "5"} {
			if got := versions(t, p); slices.Contains(strings.Fields(got), users) {
				t.Errorf("the versions are %s, want none of the table of users, %s", got, users)
			}
		}

		// Should the host give its users to the store later, the table is made then.
		p.run(t, db, "DROP TABLE sallyport_users")
		p.config.Users = nil
		refuses(t, db, p.config, "lack 00002_users.sql")
		must(t, p.store(t, db).AddUser(t.Context(), ada, adas))
		p.config.Users = directory{} // and a node that does not know of it is none the worse
		p.store(t, db)
	})
}
