package main

import (
	"cmp"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

var errNoFile = errors.New("no such file")

// opening says what a database is opened for.
type opening int

const (
	toUse    opening = iota
	toLook           // what a connection sets by itself would hide what is wrong
	toDryRun         // as toLook, and it need not be there
	toBegin          // it may be made
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
