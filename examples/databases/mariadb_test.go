package databases_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// The store keeps its promises whatever the DSN says that does not break them.
func TestMariaDBWithAnyDSN(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"rows that are found are counted, and times parsed": {"clientFoundRows=true", "parseTime=true", "loc=Pacific%2FAuckland", "time_zone=%27-11%3A00%27"},
		"statements are prepared":                           {"interpolateParams=false", "clientFoundRows=true", "tx_isolation=%27SERIALIZABLE%27"},
		"another charset and many modes":                    {"charset=latin1", "sql_mode=%27STRICT_ALL_TABLES%2CANSI_QUOTES%2CPIPES_AS_CONCAT%2CNO_BACKSLASH_ESCAPES%2CSIMULTANEOUS_ASSIGNMENT%27"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inMariaDB(t)
			for _, setting := range settings {
				key, _, _ := strings.Cut(setting, "=")
				for _, is := range []string{"true", "false"} {
					p.dsn = strings.ReplaceAll(p.dsn, key+"="+is, key+"=") // the last value would not win
				}
				p.dsn = strings.ReplaceAll(p.dsn, key+"=&", "") + "&" + setting
			}
			s := p.store(t, p.db(t))
			must(t, fill(t.Context(), s)...)
			for _, w := range works {
				wants(t, w.do(t.Context(), s), w.want, w.name)
			}
			n := session("times", 1)
			n.CreatedAt, n.AuthenticatedAt, n.Methods, n.Label = noon.Add(time.Microsecond), zero, []string{"pwd"}, "Zoë's \\ 🗝 \"'"
			must(t, s.CreateSession(t.Context(), n))
			if got, err := s.Session(t.Context(), "times"); err != nil || !reflect.DeepEqual(got, n) {
				t.Errorf("the session is %+v, %v, want %+v", got, err, n)
			}
			must(t, s.SetUser(t.Context(), ada)) // changes nothing
			wants(t, s.SetUser(t.Context(), store.User{ID: "u9", Login: "unknown"}), store.ErrNotFound, "SetUser, unknown")
			before, err := s.User(t.Context(), "u1")
			must(t, err)
			changed := ada
			changed.Login = "ada2"
			must(t, s.SetUser(t.Context(), changed))
			if after, err := s.User(t.Context(), "u1"); err != nil || after.CredentialVersion == before.CredentialVersion {
				t.Errorf("another login has not changed the version: %+v, %v", after, err)
			}
		})
	}
}

func TestOpenRefusesMariaDB(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ setting, value, says string }{
		"that commits nothing":          {"autocommit", "0", "set autocommit=1"},
		"that reads what is undone":     {"tx_isolation", "'READ-UNCOMMITTED'", "set transaction_isolation='READ-COMMITTED'"},
		"that cuts texts":               {"sql_mode", "''", "add STRICT_TRANS_TABLES"},
		"that stores no empty text":     {"sql_mode", "'STRICT_TRANS_TABLES,EMPTY_STRING_IS_NULL'", "EMPTY_STRING_IS_NULL"},
		"that takes no writes":          {"tx_read_only", "1", "read-only: connect to the primary"},
		"that changes texts on arrival": {"character_set_connection", "latin1", "charset=utf8mb4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inMariaDB(t)
			p.store(t, p.db(t))
			p.set(t, tt.setting, tt.value)
			db := p.db(t)
			refuses(t, db, p.config, tt.says)
			if err := sqlstore.Migrate(t.Context(), db, p.config); err == nil {
				t.Error("Migrate does not refuse it")
			}
		})
	}
	for name, tt := range map[string]struct {
		change func(*mysql.Config)
		says   []string
	}{
		"that is not there":          {func(c *mysql.Config) { c.Addr = "127.0.0.1:1" }, []string{"cannot be reached: is it running, ", "127.0.0.1:1"}},
		"that has no such database":  {func(c *mysql.Config) { c.DBName = "sallyport_nowhere" }, []string{"cannot be reached: is it running, ", "sallyport_nowhere"}},
		"of which none is named":     {func(c *mysql.Config) { c.DBName = "" }, []string{"the DSN names no database"}},
		"that knows no such account": {func(c *mysql.Config) { c.User = "sallyport_unknown" }, []string{"cannot be reached: is it running, ", "sallyport_unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inMariaDB(t)
			c, err := mysql.ParseDSN(p.dsn)
			must(t, err)
			tt.change(c)
			p.dsn = c.FormatDSN()
			refuses(t, p.db(t), p.config, tt.says...)
		})
	}
	t.Run("whose tables have no transactions", func(t *testing.T) {
		t.Parallel()
		p := inMariaDB(t)
		db := p.db(t)
		p.store(t, db)
		p.run(t, db, "ALTER TABLE sallyport_denials ENGINE = Aria")
		refuses(t, db, p.config, "the table sallyport_denials: ", "ALTER TABLE sallyport_denials ENGINE = InnoDB")
	})
}

func TestOpenRefusesAMariaDBAccountWithoutRights(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		grants []string
		says   []string // none: it is enough
	}{
		"to read": {
			[]string{"SELECT ON $database.*"},
			[]string{
				"GRANT INSERT, UPDATE, DELETE ON sallyport_sessions TO it", "GRANT INSERT, UPDATE, DELETE ON sallyport_epochs", "GRANT INSERT, UPDATE, DELETE ON sallyport_api_keys",
				"GRANT INSERT, UPDATE, DELETE ON sallyport_denials", "GRANT UPDATE ON sallyport_users",
			},
		},
		"to serve": {
			[]string{
				"SELECT ON $database.*", "INSERT, UPDATE, DELETE ON $database.sallyport_sessions", "INSERT, UPDATE, DELETE ON $database.sallyport_epochs", "INSERT, UPDATE, DELETE ON $database.sallyport_api_keys",
				"INSERT, UPDATE, DELETE ON $database.sallyport_denials", "UPDATE ON $database.sallyport_users",
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inMariaDB(t)
			admin := p.db(t)
			must(t, p.store(t, admin).AddUser(t.Context(), ada, adas))
			c, err := mysql.ParseDSN(p.dsn)
			must(t, err)
			account := "sallyport_" + strings.ToLower(rand.Text())
			c.User, c.Passwd = account, rand.Text()
			p.run(t, admin, "CREATE USER "+account+" IDENTIFIED BY '"+c.Passwd+"'")
			t.Cleanup(func() {
				if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP USER "+account); err != nil {
					t.Errorf("cleaning up: %v", err)
				}
			})
			for _, grant := range tt.grants {
				p.run(t, admin, "GRANT "+strings.ReplaceAll(grant, "$database", c.DBName)+" TO "+account)
			}
			p.dsn = c.FormatDSN()
			db := p.db(t)
			if tt.says != nil {
				refuses(t, db, p.config, tt.says...)
				return
			}
			s, err := sqlstore.Open(t.Context(), db, p.config)
			must(t, err)
			for _, w := range works {
				switch {
				case strings.Contains(w.name, "SetClient"), strings.Contains(w.name, "RemoveClient"), strings.Contains(w.name, "AddUser"), strings.Contains(w.name, "RemoveUser"):
					wants(t, w.do(t.Context(), s), errSome, w.name)
				default:
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

// Whatever the isolation, one caller wins, and the others learn that they have lost.
func TestOneWinsWhateverTheIsolationOfMariaDB(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE", "REPEATABLE-READ with snapshots"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			p := inMariaDB(t)
			level, snapshots, _ := strings.Cut(isolation, " ")
			p.set(t, "tx_isolation", "'"+level+"'")
			if snapshots != "" {
				p.set(t, "innodb_snapshot_isolation", "1")
			}
			s := p.store(t, p.db(t))
			must(t, s.CreateSession(t.Context(), session("s1", 1)))
			for from := int64(1); from <= 10; from++ {
				winners := 0
				for _, err := range atOnce(12, func(int) error { return s.AdvanceSession(t.Context(), "s1", from, noon, noon.Add(time.Hour)) }) {
					if err == nil {
						winners++
					} else if !errors.Is(err, store.ErrConflict) {
						t.Error(err)
					}
				}
				if winners != 1 {
					t.Fatalf("%d callers advanced the session from %d", winners, from)
				}
			}
		})
	}
}

// A statement that MariaDB undoes for a deadlock is made again, and one that waits for
// long is a failure, and no fact.
func TestMariaDBDeadlocks(t *testing.T) {
	t.Parallel()
	p := inMariaDB(t)
	p.set(t, "innodb_lock_wait_timeout", "1")
	db := p.db(t)
	s := p.store(t, db)
	must(t, s.CreateSession(t.Context(), session("s1", 24)), s.CreateSession(t.Context(), session("s2", 24)))

	other, err := db.BeginTx(t.Context(), nil)
	must(t, err)
	defer func() { _ = other.Rollback() }()
	do := func(statement string) {
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	do("UPDATE sallyport_sessions SET label = 'mine' WHERE id = 's2'")
	wants(t, s.AdvanceSession(t.Context(), "s2", 1, noon, noon.Add(time.Hour)), errSome, "AdvanceSession of a session that is locked")
	if n, err := s.DeleteExpiredSessions(t.Context(), noon.Add(48*time.Hour)); n != 1 || err != nil {
		t.Errorf("DeleteExpiredSessions: %d, %v; want 1, and that it leaves the one that is locked", n, err)
	}
	must(t, s.CreateSession(t.Context(), session("s1", 24)))

	// The other has s2 and wants the user's epoch; this one has that and waits for s2, which
	// it moves to the next. MariaDB undoes the one that has written less.
	for i := range 50 {
		do(fmt.Sprintf("INSERT INTO sallyport_denials VALUES ('d%d', 1)", i))
	}
	revoked := make(chan error, 1)
	go func() {
		_, err := s.RevokeUserSessions(t.Context(), "u1", "s2", noon, noon)
		revoked <- err
	}()
	watcher := p.db(t)
	for waits := 0; waits == 0; {
		must(t, watcher.QueryRowContext(t.Context(), "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE sallyport_sessions SET epoch%'").Scan(&waits))
	}
	do("UPDATE sallyport_epochs SET until = until + 1 WHERE user_id = 'u1'")
	must(t, other.Commit(), <-revoked)
	for id, ends := range map[string]bool{"s1": true, "s2": false} {
		if got, err := s.Session(t.Context(), id); err != nil || got.RevokedAt.IsZero() == ends {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

// What is too long is refused, and never cut.
func TestMariaDBCutsNothing(t *testing.T) {
	t.Parallel()
	p := inMariaDB(t)
	s := p.store(t, p.db(t))
	long := strings.Repeat("x", 513)
	n, k, u := session("s1", 1), keyOfAda, ada
	n.Label, k.Label, u.Account = long, long, long
	wants(t, s.CreateSession(t.Context(), n), errSome, "CreateSession")
	wants(t, s.CreateAPIKey(t.Context(), k), errSome, "CreateAPIKey")
	wants(t, s.AddUser(t.Context(), u, adas), errSome, "AddUser")
	wants(t, s.DenySession(t.Context(), strings.Repeat("x", 65), noon), errSome, "DenySession")
	wants(t, s.DenySessions(t.Context(), []string{strings.Repeat("x", 65)}, noon), errSome, "DenySessions")
	if denied, err := s.SessionDenied(t.Context(), strings.Repeat("x", 64)); denied || err != nil {
		t.Errorf("a part of what was denied is denied: %v, %v", denied, err)
	}
	for i := range store.MaxPage { // a long list
		n.Scopes = append(n.Scopes, fmt.Sprintf("%0128d", i))
	}
	n.Label = ""
	must(t, s.CreateSession(t.Context(), n))
	if got, err := s.Session(t.Context(), "s1"); err != nil || len(got.Scopes) != len(n.Scopes) {
		t.Errorf("%d scopes, %v", len(got.Scopes), err)
	}
}

// Identifiers differ that the collations of MariaDB take for the same, whichever the
// database has.
func TestMariaDBComparesBytes(t *testing.T) {
	t.Parallel()
	p := inMariaDB(t)
	db := p.db(t)
	c, err := mysql.ParseDSN(p.dsn)
	must(t, err)
	p.run(t, db, "ALTER DATABASE "+c.DBName+" CHARACTER SET latin1 COLLATE latin1_swedish_ci")
	s := p.store(t, p.db(t))
	texts := []string{"a", "A", "á", "a ", "ä", "a\u0308", "ß", "ss", "🗝", "🏰"}
	for i, text := range texts {
		must(t, s.AddUser(t.Context(), store.User{ID: text, Login: "login " + text, Account: text}, "x"))
		n := session(fmt.Sprint(i), 1)
		n.UserID = text
		must(t, s.CreateSession(t.Context(), n))
		k := keyOfAda
		k.ID, k.Owner.ID, k.Digest = fmt.Sprint(i), text, sha256.Sum256([]byte(text))
		must(t, s.CreateAPIKey(t.Context(), k), s.SetClient(t.Context(), store.Client{ID: text, Name: text}))
	}
	for i, text := range texts {
		u, err := s.User(t.Context(), text)
		if err != nil || u.ID != text || u.Account != text {
			t.Errorf("the user %q is %+v, %v", text, u, err)
		}
		sessions, err := s.UserSessions(t.Context(), text, store.Newest(), 10)
		if err != nil || len(sessions) != 1 || sessions[0].ID != fmt.Sprint(i) {
			t.Errorf("the sessions of %q are %+v, %v", text, sessions, err)
		}
		keys, err := s.OwnerAPIKeys(t.Context(), store.Owner{ID: text}, store.Newest(), 10)
		if err != nil || len(keys) != 1 || keys[0].ID != fmt.Sprint(i) {
			t.Errorf("the keys of %q are %+v, %v", text, keys, err)
		}
		client, err := s.Client(t.Context(), text)
		if err != nil || client.Name != text {
			t.Errorf("the client %q is %+v, %v", text, client, err)
		}
	}
	must(t, s.DenySessions(t.Context(), []string{"b", "B", "b"}, noon))
	spaced := "b" + " "
	for sid, want := range map[string]bool{"b": true, "B": true, spaced: false} {
		if denied, err := s.SessionDenied(t.Context(), sid); denied != want || err != nil {
			t.Errorf("%q is denied: %v, %v", sid, denied, err)
		}
	}
}

// A migration that ended after any of its statements is completed by the next.
func TestAMigrationOfMariaDBGoesOn(t *testing.T) {
	t.Parallel()
	for at := 2; ; at += 3 {
		p := inMariaDB(t)
		db, recorder := p.recorded(t)
		ctx, cancel := context.WithCancel(t.Context())
		left := at
		recorder.hook(nil, func(string) {
			left--
			if left == 0 {
				cancel()
			}
		})
		err := sqlstore.Migrate(ctx, db, p.config)
		recorder.hook(nil, nil)
		done := left > 0
		cancel()
		if (err == nil) != done && left != 0 {
			t.Fatalf("after %d statements: %v", at, err)
		}
		s := p.store(t, p.db(t))
		must(t, s.AddUser(t.Context(), ada, adas))
		if done {
			break
		}
	}
}
