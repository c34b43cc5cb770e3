package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
)

// alone says that this process is the program, and no test of it.
const alone = "SALLYPORT_CLI_ALONE"

func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	_ = mysql.SetLogger(&mysql.NopLogger{})
	if os.Getenv(alone) != "" {
		main()
		return
	}
	os.Exit(redistest.Run(m))
}

var noon = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// shell runs command lines in one process.
type shell struct {
	dir string // replaces DIR in the arguments
	env map[string]string
	now time.Time // where ahead is nil
	in  string    // what standard input has
	ctx context.Context

	ahead *time.Duration // of the machine's clock, which goes on meanwhile
}

func newShell(t *testing.T) *shell {
	t.Helper()
	return &shell{dir: t.TempDir(), env: map[string]string{}, now: noon, ctx: t.Context()}
}

// runs lets the clock be that of the machine, or as much ahead of it.
func (s *shell) runs(ahead time.Duration) { s.ahead = &ahead }

func (s *shell) clock() time.Time {
	if s.ahead != nil {
		return time.Now().Add(*s.ahead)
	}
	return s.now
}

// result is what a command line has printed.
type result struct {
	code     int
	out, err string
}

func (s *shell) run(line string) result {
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", s.dir)
	}
	return s.runArgs(args...)
}

func (s *shell) runArgs(args ...string) result {
	var out, errs bytes.Buffer
	p := &process{
		stdin: strings.NewReader(s.in), stdout: &out, stderr: &errs,
		getenv: func(name string) string { return s.env[name] },
		now:    s.clock,
	}
	code := run(s.ctx, p, args)
	return result{code, out.String(), errs.String()}
}

// must runs a command line that works, and returns what it prints.
func (s *shell) must(t *testing.T, line string) string {
	t.Helper()
	r := s.run(line)
	if r.code != exitDone || r.err != "" {
		t.Fatalf("%s: exit code %d\n%s%s", line, r.code, r.out, r.err)
	}
	return r.out
}

// objects runs a command line with --json, and returns the objects that it prints.
func (s *shell) objects(t *testing.T, line string) (all []map[string]any) {
	t.Helper()
	return decodeAll(t, s.must(t, line+" --json"))
}

func decodeAll(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if one["type"] == "" {
			t.Fatalf("an object without a type: %s", line)
		}
		all = append(all, one)
	}
	return all
}

// refuses runs a command line that must end with this code and these words.
func (s *shell) refuses(t *testing.T, line string, code int, words ...string) {
	t.Helper()
	r := s.run(line)
	if r.code != code {
		t.Errorf("%s: exit code %d, want %d\n%s%s", line, r.code, code, r.out, r.err)
	}
	for _, word := range words {
		if !strings.Contains(r.err+r.out, word) {
			t.Errorf("%s: says %q, and not %q", line, r.err+r.out, word)
		}
	}
}

func (s *shell) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *shell) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// storage opens the shell's store, to put something into it.
func (s *shell) storage(t *testing.T) *storage {
	t.Helper()
	p := &process{getenv: func(name string) string { return s.env[name] }, now: time.Now}
	c, err := p.configuration("")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := storeFlags{}.open(t.Context(), p, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.close() })
	return opened
}

// session puts a session of a user into the store.
func (s *shell) session(t *testing.T, in *storage, id, user, label string) {
	t.Helper()
	err := in.CreateSession(t.Context(), store.Session{
		ID: id, UserID: user, ClientID: "web", Generation: 1, Label: label, CreatedAt: s.now, AdvancedAt: s.now,
		IdleUntil: s.now.Add(time.Hour), ExpiresAt: s.now.Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// stores are shells for each kind of store, with tables.
func stores(t *testing.T, test func(t *testing.T, s *shell)) {
	t.Helper()
	inSQL(t, func(t *testing.T, s *shell) {
		t.Helper()
		s.must(t, "migrate up")
		test(t, s)
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		s := newShell(t)
		s.now = time.Now().UTC().Truncate(time.Second) // Redis has a clock of its own
		s.onRedis(t)
		test(t, s)
	})
}

func (s *shell) onRedis(t *testing.T) (prefix string) {
	t.Helper()
	address := redistest.URL(t)
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	prefix = redistest.Prefix(t, client)
	s.env["SALLYPORT_STORE"], s.env["SALLYPORT_CONFIG"] = address, filepath.Join(s.dir, "config.json")
	s.write(t, "config.json", fmt.Sprintf(`{"store":{"prefix":%q}}`, prefix))
	return prefix
}

// inSQL are shells for each kind of database, without tables.
func inSQL(t *testing.T, test func(t *testing.T, s *shell)) {
	t.Helper()
	for name, address := range map[string]func(*testing.T, *shell) string{
		"SQLite":     func(_ *testing.T, s *shell) string { return "sqlite:" + filepath.Join(s.dir, "50% of it?#.db") },
		"PostgreSQL": func(t *testing.T, _ *shell) string { t.Helper(); return postgresSchema(t) },
		"MariaDB":    func(t *testing.T, _ *shell) string { t.Helper(); return mariaDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t)
			s.env["SALLYPORT_STORE"] = address(t, s)
			test(t, s)
		})
	}
}

// postgresSchema returns the address of a schema that the test has to itself.
func postgresSchema(t *testing.T) string {
	t.Helper()
	server := parsed(t, "SALLYPORT_POSTGRES", "postgres://postgres@127.0.0.1:5432/test?sslmode=disable")
	name := "sallyport_test_" + strings.ToLower(rand.Text())
	begin(t, "PostgreSQL", server, place{kind: "postgres", url: server}, "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE")
	query := server.Query()
	query.Set("search_path", name)
	server.RawQuery = query.Encode()
	return server.String()
}

// mariaDatabase returns the address of a database that the test has to itself.
func mariaDatabase(t *testing.T) string {
	t.Helper()
	server := parsed(t, "SALLYPORT_MARIADB", "mysql://root@127.0.0.1:3306/")
	name := "sallyport_test_" + strings.ToLower(rand.Text())
	begin(t, "MariaDB", server, place{kind: "mysql", url: server}, "CREATE DATABASE "+name, "DROP DATABASE "+name)
	server.Path = "/" + name
	return server.String()
}

func parsed(t *testing.T, env, local string) *url.URL {
	t.Helper()
	u, err := url.Parse(cmp.Or(os.Getenv(env), local))
	if err != nil {
		t.Fatal(env + " is no URL") // which may have a password in it
	}
	return u
}

// begin makes something on a server, and drops it when the test ends.
func begin(t *testing.T, kind string, server *url.URL, at place, create, drop string) {
	t.Helper()
	db, _, err := at.database(toUse)
	if err != nil {
		t.Fatal(err)
	}
	if err := answers(kind, db); err != nil {
		_ = db.Close()
		skip.Skip(t, fmt.Sprintf("no %s at %s (%v)", kind, server.Host, err))
	}
	if _, err := db.ExecContext(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), drop); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
		_ = db.Close()
	})
}

// answers asks each server once.
func answers(kind string, db *sql.DB) error {
	asked.mu.Lock()
	defer asked.mu.Unlock()
	err, known := asked.said[kind]
	if !known {
		err = db.PingContext(context.Background())
		asked.said[kind] = err
	}
	return err
}

var asked = struct {
	mu   sync.Mutex
	said map[string]error
}{said: map[string]error{}}

// members returns the names of the members of an object.
func members(one map[string]any) string {
	names := []string{}
	for name := range maps.Keys(one) {
		names = append(names, name)
	}
	return strings.Join(sorted(names), " ")
}
