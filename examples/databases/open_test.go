package databases_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// refuses checks that Open fails and says all this.
func refuses(t *testing.T, db *sql.DB, c sqlstore.Config, says ...string) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), db, c)
	if s != nil || err == nil || isSentinel(err) {
		t.Fatalf("Open returned a Store: %v; and %v, want an error that is no sentinel", s != nil, err)
	}
	for _, words := range append(says, "sqlstore: ") {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("Open says %q, and not %q", err, words)
		}
	}
}

func TestOpenRefusesTables(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		statements []string
		says       string
	}{
		"that are not there": {
			[]string{"DROP TABLE sallyport_migrations"}, "the tables sallyport_* are not there: run sqlstore.Migrate",
		},
		"that are empty of versions": {
			[]string{"DELETE FROM sallyport_migrations"}, "the tables sallyport_* are not there: run sqlstore.Migrate",
		},
		"that lack a version": {
			[]string{"DELETE FROM sallyport_migrations WHERE version = 2"}, "lack 00002_users.sql: run sqlstore.Migrate",
		},
		"of a newer release": {
			[]string{"INSERT INTO sallyport_migrations VALUES (99)"}, "version 99, which this release does not know",
		},
		"of which one is gone": {
			[]string{"DROP TABLE sallyport_denials"}, "the table sallyport_denials: is gone",
		},
		"of which two are gone, which it says at once": {
			[]string{"DROP TABLE sallyport_denials", "DROP TABLE sallyport_users"}, "the table sallyport_users: is gone",
		},
		"that lack a column": {
			[]string{"ALTER TABLE sallyport_sessions DROP COLUMN label"}, "the table sallyport_sessions: ",
		},
		"that are none of ours": {
			[]string{"DROP TABLE sallyport_migrations", "CREATE TABLE sallyport_migrations (id INTEGER)"}, "sallyport_migrations",
		},
	}
	each(t, func(t *testing.T, p *place) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := p.another(t)
				db := p.db(t)
				p.store(t, db)
				p.run(t, db, tt.statements...)
				refuses(t, db, p.config, tt.says)
			})
		}
	})
}

// another is a place like this one.
func (p *place) another(t *testing.T) *place {
	t.Helper()
	switch p.config.Dialect {
	case sqlstore.SQLite:
		return inSQLite(t)
	case sqlstore.MySQL:
		return inMariaDB(t)
	default:
		return inPostgres(t)
	}
}

func TestOpenRefusesSQLite(t *testing.T) {
	t.Parallel()
	const (
		wal, full, timeout = "&_pragma=journal_mode(WAL)", "&_pragma=synchronous(FULL)", "_pragma=busy_timeout(10000)&"
		memory             = ":memory:"
	)
	tests := map[string]struct {
		old, dsn string // in the DSN
		first    string // a statement
		says     []string
	}{
		"without a write-ahead log":                     {wal, "", "", []string{`"delete"`, "journal_mode(WAL)"}},
		"that does not sync":                            {full, "&_pragma=synchronous(NORMAL)", "", []string{"synchronous(FULL)"}},
		"that does not wait":                            {timeout, "", "", []string{"busy_timeout(5000)"}},
		"of which only one connection waits":            {timeout, "", "PRAGMA busy_timeout = 5000", []string{"busy_timeout(5000)"}},
		"with all of these faults, which it says":       {wal + full, "&_pragma=synchronous(OFF)", "PRAGMA busy_timeout = 0", []string{"WAL", "FULL", "busy_timeout"}},
		"in memory, with more than one connection":      {"", memory, "", []string{"db.SetMaxOpenConns(1)"}},
		"shared in memory, with more than one as well":  {"", "file:shared?mode=memory&cache=shared", "", []string{"db.SetMaxOpenConns(1)"}},
		"that cannot be read":                           {"auth.db", "nowhere/auth.db", "", []string{"cannot be reached"}},
		"that cannot be written to":                     {pragmas, pragmas + "&mode=ro", "", []string{"cannot be written to", "readonly"}},
		"that has the tables, but under another prefix": {"", "", "ALTER TABLE sallyport_migrations RENAME TO other_migrations", []string{"not there"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inSQLite(t)
			db := p.db(t)
			p.store(t, db)
			must(t, db.Close())
			switch {
			case tt.old != "":
				p = p.with(tt.old, tt.dsn)
			case tt.dsn != "":
				p.dsn = tt.dsn
			}
			db = p.db(t)
			if strings.Contains(tt.old, wal) && !strings.Contains(p.dsn, wal) { // the file remembers it
				p.run(t, db, "PRAGMA journal_mode = DELETE")
			}
			if tt.first != "" {
				p.run(t, db, tt.first)
			}
			refuses(t, db, p.config, tt.says...)
		})
	}
}

func TestOpenRefusesPostgres(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, value string // a setting
		lies        string // what the server is made to say instead of the truth
		says        string
	}{
		"that is read-only": {
			"default_transaction_read_only", "on", "", "transactions are read-only",
		},
		"that confirms too soon": {
			"synchronous_commit", "off", "", "set synchronous_commit=on",
		},
		"that is a replica": {
			"", "", "CREATE FUNCTION pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true'", "connect to the primary",
		},
		"that is too old": {
			"", "", setting("server_version_num", "120022"), "must be version 13 or newer, got 12",
		},
		"whose encoding has too few letters": {
			"", "", setting("server_encoding", "LATIN1"), "encoding is LATIN1",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inPostgres(t)
			db := p.db(t)
			p.store(t, db)
			schema := ""
			must(t, db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema))
			if tt.lies != "" {
				p.run(t, db, tt.lies)
				p.set(t, "search_path", schema+",pg_catalog")
			}
			if tt.name != "" {
				p.set(t, tt.name, tt.value)
			}
			db = p.db(t)
			refuses(t, db, p.config, tt.says)
			if err := sqlstore.Migrate(t.Context(), db, p.config); err == nil {
				t.Error("Migrate does not refuse it")
			}
		})
	}
}

func TestOpenRefusesAFileThatIsNoDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	letter := filepath.Join(folder, "letter.txt")
	must(t, os.WriteFile(letter, []byte(strings.Repeat("Dear Ada, ", 100)), 0o600))
	for name, file := range map[string]string{
		"a letter":                    letter,
		"a folder":                    folder,
		"a file in no folder":         filepath.Join(folder, "nowhere", "auth.db"),
		"a file in what is no folder": filepath.Join(letter, "auth.db"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inSQLite(t)
			p.dsn = "file:" + filepath.ToSlash(file) + pragmas
			refuses(t, p.db(t), p.config, "cannot be reached: is it running, ")
		})
	}
}

func setting(name, value string) string {
	return fmt.Sprintf("CREATE FUNCTION current_setting(text) RETURNS text LANGUAGE sql AS "+
		"$$ SELECT CASE $1 WHEN '%s' THEN '%s' ELSE pg_catalog.current_setting($1) END $$", name, value)
}

func TestOpenRefusesAServer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change   func(t *testing.T, address *url.URL)
		patience time.Duration
		says     string
	}{
		"that is not there": {
			func(_ *testing.T, address *url.URL) { address.Host = "127.0.0.1:1" }, time.Minute, "127.0.0.1:1",
		},
		"that accepts and never answers": {
			func(t *testing.T, address *url.URL) {
				t.Helper()
				proxy := proxytest.Start(t, address.Host)
				proxy.Silence(true)
				address.Host = proxy.Addr
			}, 200 * time.Millisecond, "deadline exceeded",
		},
		"that has no such database": {
			func(_ *testing.T, address *url.URL) { address.Path = "/sallyport_nowhere" }, time.Minute, "sallyport_nowhere",
		},
		"that knows no such role": {
			func(_ *testing.T, address *url.URL) { address.User = url.User("sallyport_unknown") }, time.Minute, "sallyport_unknown",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inPostgres(t)
			address, err := url.Parse(p.dsn)
			must(t, err)
			tt.change(t, address)
			p.dsn = address.String()
			ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
			defer cancel()
			s, err := sqlstore.Open(ctx, p.db(t), p.config)
			if s != nil || isSentinel(err) || !contains(err, "sqlstore: the database cannot be reached: is it running, ") || !contains(err, tt.says) {
				t.Errorf("Open: %v, %v", s != nil, err)
			}
		})
	}
}

func TestOpenRefusesTheOtherDialect(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.store(t, db)
		c := p.config
		for _, c.Dialect = range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL, sqlstore.MySQL} {
			if c.Dialect != p.config.Dialect {
				refuses(t, db, c, "Config.Dialect is "+string(c.Dialect))
			}
		}
	})
}

func TestOpenRefusesAClosedPool(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.store(t, db)
		must(t, db.Close())
		refuses(t, db, p.config, "cannot be reached")
		if err := sqlstore.Migrate(t.Context(), db, p.config); err == nil {
			t.Error("Migrate does not refuse it")
		}
	})
}

func TestOpenHeedsItsContext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.store(t, db)
		if _, err := sqlstore.Open(cancelled(t), db, p.config); !errors.Is(err, context.Canceled) {
			t.Errorf("Open with a done context: %v", err)
		}
		if err := sqlstore.Migrate(cancelled(t), db, p.config); !errors.Is(err, context.Canceled) {
			t.Errorf("Migrate with a done context: %v", err)
		}
	})
}

// Whatever statement it is that fails, Open and Migrate say so, and the pool has
// all its connections back. A server begins a process or a thread for each connection that
// was broken off, so there some looks are left out unless SALLYPORT_FULL is set.
func TestOpenSaysThatALookFailed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		all, err := sqlstore.Migrations(p.config)
		must(t, err)
		files, err := fs.ReadDir(all, ".")
		must(t, err)
		// Each migration is broken off at each of its looks: whenever one more is done,
		// the looks are counted from the first again.
		broken, step := 0, 1
		if p.config.Dialect != sqlstore.SQLite && os.Getenv("SALLYPORT_FULL") == "" {
			step = 5
		}
		for looks, migrated := 1, 0; ; looks += step {
			if breaksOff(t, p, looks) {
				break
			}
			broken++
			if now := p.migrated(t); now > migrated {
				migrated, looks = now, 1-step
			}
		}
		if broken < 3*len(files) {
			t.Errorf("it was broken off %d times only", broken)
		}
		p.store(t, p.db(t))
	})
}

// migrated counts the migrations that were done.
func (p *place) migrated(t *testing.T) (n int) {
	t.Helper()
	db, err := sql.Open(p.driver, p.dsn)
	must(t, err)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+cmp.Or(p.config.Prefix, "sallyport_")+"migrations").Scan(&n); err != nil {
		return 0 // there is no such table yet
	}
	return n
}

// breaksOff ends the context of Migrate and Open at one look, and reports whether
// they were done before.
func breaksOff(t *testing.T, p *place, looks int) (done bool) {
	t.Helper()
	db, recorder := p.recorded(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := looks
	recorder.before(func(string) {
		left--
		if left == 0 {
			cancel()
		}
	})
	err := sqlstore.Migrate(ctx, db, p.config)
	if err == nil {
		_, err = sqlstore.Open(ctx, db, p.config)
	}
	recorder.before(nil)
	switch {
	case left > 0:
		must(t, err)
		return true
	case err == nil || isSentinel(err) || !strings.HasPrefix(err.Error(), "sqlstore: "):
		t.Errorf("look %d: got %v, want an error of the package that is no sentinel", looks, err)
	}
	// database/sql ends a transaction in a goroutine of its own when its context ends
	if !redistest.Eventually(t, func() bool { return db.Stats().InUse == 0 }) {
		t.Errorf("look %d: %d connections are still in use", looks, db.Stats().InUse)
	}
	must(t, db.Close())
	return false
}

func TestOpenLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		s := withAda(t, p)
		must(t, s.CreateSession(t.Context(), session("s1", 1)))
		db := p.db(t)
		db.SetMaxOpenConns(2) // no more is needed
		again := p.store(t, db)
		if got, err := again.Session(t.Context(), "s1"); err != nil || got.Generation != 1 {
			t.Errorf("the session: %v, %v", got, err)
		}
		if db.Stats().InUse > 0 || db.Stats().MaxOpenConnections != 2 {
			t.Errorf("the pool is not as it was: %+v", db.Stats())
		}
	})
}

func TestOpenRefusesARoleWithoutRights(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		grants []string
		says   []string // none: it is enough
	}{
		"none": {
			nil, []string{"the tables sallyport_* are not there"},
		},
		"none but to the schema": {
			[]string{"USAGE ON SCHEMA $schema"}, []string{"GRANT SELECT ON sallyport_migrations"},
		},
		"to read": {
			[]string{"USAGE ON SCHEMA $schema", "SELECT ON ALL TABLES IN SCHEMA $schema"},
			[]string{
				"GRANT INSERT, UPDATE, DELETE ON sallyport_sessions TO it", "GRANT INSERT, UPDATE, DELETE ON sallyport_epochs", "GRANT INSERT, UPDATE, DELETE ON sallyport_api_keys",
				"GRANT INSERT, UPDATE, DELETE ON sallyport_denials", "GRANT UPDATE ON sallyport_users", `the role "$role"`,
			},
		},
		"to serve": {
			[]string{
				"USAGE ON SCHEMA $schema", "SELECT ON ALL TABLES IN SCHEMA $schema",
				"INSERT, UPDATE, DELETE ON sallyport_sessions, sallyport_epochs, sallyport_api_keys, sallyport_denials", "UPDATE ON sallyport_users",
			}, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inPostgres(t)
			admin := p.db(t)
			must(t, p.store(t, admin).AddUser(t.Context(), ada, adas))
			schema, role := "", "sallyport_test_"+strings.ToLower(rand.Text())
			must(t, admin.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema))
			p.run(t, admin, "CREATE ROLE "+role)
			t.Cleanup(func() {
				ctx := context.WithoutCancel(t.Context())
				for _, statement := range []string{"DROP OWNED BY ", "DROP ROLE "} {
					if _, err := admin.ExecContext(ctx, statement+role); err != nil {
						t.Errorf("cleaning up: %v", err)
					}
				}
			})
			words := strings.NewReplacer("$schema", schema, "$role", role)
			for _, grant := range tt.grants {
				p.run(t, admin, "GRANT "+words.Replace(grant)+" TO "+role)
			}
			p.set(t, "role", role)
			db := p.db(t)
			if tt.says != nil {
				for i := range tt.says {
					tt.says[i] = words.Replace(tt.says[i])
				}
				refuses(t, db, p.config, tt.says...)
				return
			}
			s, err := sqlstore.Open(t.Context(), db, p.config)
			must(t, err)
			for _, w := range works {
				switch {
				case strings.Contains(w.name, "SetClient"), strings.Contains(w.name, "RemoveClient"), strings.Contains(w.name, "AddUser"), strings.Contains(w.name, "RemoveUser"):
					wants(t, w.do(t.Context(), s), errSome, w.name)
				case !errors.Is(w.want, errSome):
					if err := w.do(t.Context(), s); err != nil && !isSentinel(err) {
						t.Errorf("%s: %v", w.name, err)
					}
				}
			}
			if err := sqlstore.Migrate(t.Context(), db, other(p.config)); err == nil {
				t.Error("who may not create tables has created some")
			}
		})
	}
}

// other is a Config for other tables.
func other(c sqlstore.Config) sqlstore.Config {
	c.Prefix = "other_"
	return c
}
