package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// storeHelp is in the help of each command that needs a store.
const storeHelp = "sqlite:FILE, or the URL of a PostgreSQL, MariaDB or Redis server. Without it: $$SALLYPORT_STORE, or the configuration. No password in it."

// storeFlags say where the store is.
type storeFlags struct {
	Store       string `placeholder:"URL" group:"Store:" help:"${store}"`
	StoreFile   string `placeholder:"FILE" group:"Store:" help:"File whose first line is the URL of the store; a password may be in it."`
	StorePrefix string `placeholder:"NAME" group:"Store:" help:"Prefix of the store's tables or keys, as in the host's Config (sallyport_, or sallyport: on Redis)."`
	HostUsers   bool   `group:"Store:" help:"The users are in a table of the host's own (Config.Users of sqlstore)."`
}

// place is a server or a file, and where its URL was found.
type place struct {
	kind string // sqlite, postgres, mysql, redis
	url  *url.URL
	file string // of SQLite
	from address
}

func (at place) isRedis() bool { return at.kind == "redis" }

// String returns the place without the password.
func (at place) String() string {
	if at.kind == "sqlite" {
		return "sqlite:" + at.file
	}
	return at.url.Redacted()
}

var errURL = errors.New("must be sqlite:FILE, or a URL that begins with postgres://, mysql://, redis:// or rediss://")

// locate returns the place that a flag, the environment or the configuration names. Its
// errors contain no part of the URL, because a password may be in it.
func (p *process) locate(what, flag, file, env string, from address) (place, error) {
	text, origin := flag, "--"+what
	var err error
	switch {
	case flag != "" && file != "":
		return place{}, usagef("--%s and --%[1]s-file: give one of them", what)
	case flag != "":
	case file != "":
		origin = file
		text, err = p.readSecret("--"+what+"-file", file)
	case p.getenv(env) != "":
		text, origin = p.getenv(env), "$"+env
	case from.URLFile != "":
		origin = from.URLFile
		text, err = p.readSecret(what+".url_file", from.URLFile)
	case from.URLEnv != "":
		text, origin = p.getenv(from.URLEnv), "$"+from.URLEnv
	default:
		text, origin = from.URL, what+".url of the configuration"
	}
	if err != nil {
		return place{}, err
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return place{}, usagef("which %s? Set $%s, or give --%[1]s or --%[1]s-file: sqlite:FILE, or a URL that begins with postgres://, mysql://, redis:// or rediss://", what, env)
	}
	if path, ok := strings.CutPrefix(text, "sqlite:"); ok {
		return place{kind: "sqlite", file: path, from: from}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return place{}, usagef("%s: %w (escape special characters of a password: / is %%2F)", origin, errURL)
	}
	p.hideURL(u)
	if _, has := u.User.Password(); has && text == from.URL {
		return place{}, usagef("%s: has a password in it: put the URL into a file that only you can read, and name that in url_file", origin)
	}
	at := place{url: u, from: from}
	switch u.Scheme {
	case "postgres", "postgresql":
		at.kind = "postgres"
	case "mysql", "mariadb":
		at.kind = "mysql"
	case "redis", "rediss", "redis-cluster":
		at.kind = "redis"
	default:
		return place{}, usagef("%s: %w", origin, errURL)
	}
	return at, nil
}

var errNoFile = errors.New("no such file")

// opening says what a database is opened for.
type opening int

const (
	toUse   opening = iota
	toLook          // what a connection sets by itself would hide what is wrong
	toBegin         // it may be made
)

// database opens the database of a place. It does not connect.
func (at place) database(how opening) (*sql.DB, sqlstore.Dialect, error) {
	var dsn string
	driver, dialect := "pgx", sqlstore.PostgreSQL
	switch at.kind {
	case "postgres":
		u := *at.url
		query := u.Query()
		if !query.Has("connect_timeout") {
			query.Set("connect_timeout", "5")
			u.RawQuery = query.Encode()
		}
		dsn = u.String()
	case "mysql":
		driver, dialect = "mysql", sqlstore.MySQL
		c, err := mysqlConfig(at.url)
		if err != nil {
			return nil, "", err
		}
		dsn = c.FormatDSN()
	case "sqlite":
		driver, dialect = "sqlite", sqlstore.SQLite
		var err error
		if dsn, err = at.sqliteDSN(how); err != nil {
			return nil, dialect, err
		}
	default:
		return nil, "", usagef("%s has no tables", at.kind)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, "", errors.New("the URL of the store has an invalid parameter") // the error may contain the URL
	}
	db.SetMaxOpenConns(workers)
	db.SetMaxIdleConns(workers)
	return db, dialect, nil
}

// sqliteDSN returns the DSN of a file, which it makes only to begin: a name with a typing
// error must not become an empty database. The write-ahead log is a setting of the file.
func (at place) sqliteDSN(how opening) (string, error) {
	settings := "?mode=rw&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"
	_, err := os.Stat(at.file)
	switch {
	case err == nil && how == toBegin:
		settings += "&_pragma=journal_mode(WAL)"
	case errors.Is(err, os.ErrNotExist) && how == toBegin:
		file, err := os.OpenFile(at.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return "", usageError{err}
		}
		if err := file.Close(); err != nil {
			return "", err
		}
		settings += "&_pragma=journal_mode(WAL)"
	case errors.Is(err, os.ErrNotExist):
		return "", usagef("%s: %w: make it with sallyport migrate up", at, errNoFile)
	case err != nil:
		return "", usageError{err}
	}
	return "file:" + (&url.URL{Path: at.file}).EscapedPath() + settings, nil
}

// mysqlConfig returns the settings that a URL stands for: the driver takes none.
func mysqlConfig(u *url.URL) (*mysql.Config, error) {
	address := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306"))
	c, err := mysql.ParseDSN("tcp(" + address + ")" + cmp.Or(u.EscapedPath(), "/") + "?" + u.RawQuery)
	if err != nil {
		return nil, errors.New("the URL of the MariaDB server has an invalid parameter")
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.InterpolateParams, c.RejectReadOnly, c.Timeout = true, true, 5*time.Second
	c.Logger = &mysql.NopLogger{}
	return c, nil
}

// redisClient returns a client of one server or of a Cluster.
func (at place) redisClient() (redis.UniversalClient, error) {
	address := *at.url
	if address.Scheme == "redis-cluster" || address.Query().Has("addr") {
		address.Scheme = strings.TrimSuffix(address.Scheme, "-cluster")
		o, err := redisstore.ClusterOptions(address.String())
		if err != nil {
			return nil, usageError{err}
		}
		return redis.NewClusterClient(o), nil
	}
	o, err := redisstore.Options(address.String())
	if err != nil {
		return nil, usageError{err}
	}
	return redis.NewClient(o), nil
}

// kept is what an Authority needs of a store.
type kept interface {
	store.Store
	store.APIKeys
	store.Revocations
}

// records are what a store keeps, whichever it is.
type records interface {
	kept
	UsersWithSessions(ctx context.Context) iter.Seq2[string, error]
}

// storage is an open store.
type storage struct {
	records

	place  place
	sql    *sqlstore.Store // nil on Redis
	ownsNo bool            // it keeps no users
	close  func() error
}

// workers is how many connections a command uses.
const workers = 4

// sqlConfig returns the Config of a store in SQL.
func (f storeFlags) sqlConfig(dialect sqlstore.Dialect, from address) sqlstore.Config {
	c := sqlstore.Config{Dialect: dialect, Prefix: cmp.Or(f.StorePrefix, from.Prefix)}
	if f.HostUsers || from.HostUsers {
		c.Users = unseen{}
	}
	return c
}

// storePlace returns where the store is.
func (f storeFlags) storePlace(p *process, c *configuration) (place, error) {
	return p.locate("store", f.Store, f.StoreFile, "SALLYPORT_STORE", c.Store)
}

// open opens the store that the flags, the environment or the configuration name.
func (f storeFlags) open(ctx context.Context, p *process, c *configuration) (*storage, error) {
	at, err := f.storePlace(p, c)
	if err != nil {
		return nil, err
	}
	if at.isRedis() {
		client, err := at.redisClient()
		if err != nil {
			return nil, err
		}
		s, err := redisstore.New(ctx, client, redisstore.Config{Users: unseen{}, Prefix: cmp.Or(f.StorePrefix, c.Store.Prefix)})
		if err != nil {
			return nil, errors.Join(err, client.Close())
		}
		return &storage{records: s, place: at, ownsNo: true, close: client.Close}, nil
	}
	db, dialect, err := at.database(toUse)
	if err != nil {
		return nil, err
	}
	config := f.sqlConfig(dialect, c.Store)
	s, err := sqlstore.Open(ctx, db, config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &storage{records: s, place: at, sql: s, ownsNo: config.Users != nil, close: db.Close}, nil
}

// tables opens the database of a store in SQL, for its migrations.
func (f storeFlags) tables(p *process, g *globals, how opening) (*sql.DB, sqlstore.Config, error) {
	c, err := p.configuration(g.Config)
	if err != nil {
		return nil, sqlstore.Config{}, err
	}
	at, err := f.storePlace(p, c)
	if err != nil {
		return nil, sqlstore.Config{}, err
	}
	if at.isRedis() {
		return nil, sqlstore.Config{}, usagef("%s is a store without tables: it needs no migration", at)
	}
	db, dialect, err := at.database(how)
	return db, f.sqlConfig(dialect, c.Store), err
}

// unseen are users that only the host knows.
type unseen struct{}

var errUnseen = errors.New("the users are in the host's own database, which this program does not know")

func (unseen) Authenticate(_ context.Context, _, _ string) (store.User, error) {
	return store.User{}, errUnseen
}

func (unseen) User(context.Context, string) (store.User, error) { return store.User{}, errUnseen }

// defaultAccessTTL is longer than most hosts' AccessTTL: access tokens of a session that
// has ended are then denied for longer than they last, and not for less.
const defaultAccessTTL = 24 * time.Hour

// authority returns an Authority for the store. It signs nothing that a host accepts: its
// signing key is random, and so is its refresh key, unless one is given.
func (p *process) authority(s kept, c *configuration, refreshKey []byte) (*tokens.Authority, error) {
	ttl := cmp.Or(time.Duration(c.AccessTTL.v), defaultAccessTTL)
	refresh := keys.NewSecret()
	if refreshKey != nil {
		refresh = keys.Secret(refreshKey)
	}
	a, err := tokens.New(tokens.Config{
		Store: s, APIKeys: s, Revocations: s,
		Issuer: "sallyport", Audience: "sallyport",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{refresh},
		Prefix:      c.KeyPrefix, AccessTTL: ttl, Leeway: time.Duration(c.Leeway.v),
		IdleTTL: max(ttl, 30*24*time.Hour), SessionTTL: max(ttl, 90*24*time.Hour),
		// Whether an account or a service account exists, only the host's KeyOwner knows:
		// it decides when the key is exchanged.
		KeyOwner: func(_ context.Context, o store.Owner) (store.User, error) { return store.User{ID: o.ID}, nil },
		Events:   noEvents,
		Now:      p.now,
	})
	if err != nil {
		return nil, usagef("%s: %w", cmp.Or(c.file, "the configuration"), err)
	}
	return a, nil
}

// opened opens the store, and makes the Authority for it.
func (f storeFlags) opened(ctx context.Context, p *process, g *globals) (*storage, *tokens.Authority, error) {
	c, err := p.configuration(g.Config)
	if err != nil {
		return nil, nil, err
	}
	s, err := f.open(ctx, p, c)
	if err != nil {
		return nil, nil, err
	}
	a, err := p.authority(s, c, nil)
	if err != nil {
		return nil, nil, errors.Join(err, s.close())
	}
	return s, a, nil
}

// explained leaves out what an Authority says for a client.
func explained(err error) error {
	if errors.Is(err, tokens.ErrUnavailable) {
		return fmt.Errorf("the store: %w", err)
	}
	return err
}
