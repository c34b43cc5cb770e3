// Package sqlstore is a [store.Store] on SQLite, PostgreSQL or MariaDB, with API keys,
// OAuth clients and a deny list. It uses database/sql and imports no driver: the
// host chooses one, and opens the *sql.DB. The conformance suite passes with
// modernc.org/sqlite, ncruces/go-sqlite3, mattn/go-sqlite3, jackc/pgx, lib/pq and
// go-sql-driver/mysql.
//
// # SQLite
//
// One file, one machine, any number of processes; SQLite 3.37 or newer:
//
//	db, err := sql.Open("sqlite", "file:auth.db?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//	err = sqlstore.Migrate(ctx, db, sqlstore.Config{Dialect: sqlstore.SQLite})
//	users, err := sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.SQLite})
//
// That is the DSN of modernc.org/sqlite; ncruces/go-sqlite3 takes the same, and
// mattn/go-sqlite3 takes
// _txlock=immediate&_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL.
//
// [Open] checks three of the settings, and its error names the one that is
// missing. Without busy_timeout concurrent writers fail instead of waiting.
// Without the write-ahead log readers and writers block each other. Without
// synchronous=FULL a committed revocation is lost in a power failure. The store
// begins no transaction that needs _txlock; the host's transactions on the same
// file do.
//
// A database in memory is for tests. It requires a pool of one connection:
// db.SetMaxOpenConns(1).
//
// # PostgreSQL
//
// Version 13 or newer, from any number of nodes:
//
//	db, err := sql.Open("pgx", "postgres://shop@db.example.com/shop")
//	err = sqlstore.Migrate(ctx, db, sqlstore.Config{Dialect: sqlstore.PostgreSQL})
//	users, err := sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.PostgreSQL})
//
// Connect to the primary: a replica lags and cannot be written to. The encoding
// must be UTF-8, and synchronous_commit must not be off. The tables are found by
// the search_path.
//
// READ COMMITTED, the default, is enough: what must be atomic is one statement, but
// for the three of RevokeUserSessions, which are a transaction of that level. With a
// stricter default a caller that loses a race may get a serialization failure, which
// is answered with 503, instead of ErrConflict.
//
// Let the pool keep what it opens (db.SetMaxIdleConns, with the number of
// SetMaxOpenConns): it keeps two connections otherwise, and PostgreSQL starts a
// process for each of the others, again and again.
//
// Set a connect_timeout of about 5 seconds in the DSN. A pool with a limit
// (db.SetMaxOpenConns) opens connections in advance, without the deadline of a
// request. Without a connect_timeout, those that it began while the server did
// not respond delay all callers for a minute or more after the server is back.
//
// # MariaDB and MySQL
//
// MariaDB 10.6 or newer, from any number of nodes. MySQL 8.0 or newer should do as well,
// and is not tested yet:
//
//	db, err := sql.Open("mysql", "shop:password@tcp(db.example.com:3306)/shop?interpolateParams=true&rejectReadOnly=true&timeout=5s")
//	err = sqlstore.Migrate(ctx, db, sqlstore.Config{Dialect: sqlstore.MySQL})
//	users, err := sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.MySQL})
//
// Without interpolateParams=true the driver prepares each statement before it runs it,
// which is a second round trip. With rejectReadOnly=true the pool leaves a server that
// has become a replica. What else the DSN says of times, charsets and the rows that are
// counted makes no difference: texts are stored as their bytes, of which identifiers,
// logins and labels have 512 at most, and times as numbers.
//
// [Open] refuses settings with which the contract would not hold, and names what to set:
// innodb_flush_log_at_trx_commit, sync_binlog where there is a binary log, an isolation
// of READ UNCOMMITTED, an sql_mode that is not strict, autocommit off, a server or a
// connection that is read-only, and a Galera cluster without wsrep_sync_wait. Each other
// isolation will do, since what must be atomic is one statement, or locks what it reads.
// What the server undoes because of a deadlock is repeated, at most 8 times; if it still
// is undone, or waits for longer than innodb_lock_wait_timeout, the store has failed.
//
// # Tables
//
// [Migrate] creates the tables; [Open] never does. A host that has a migration
// tool takes the files from [Migrations]. The role that serves needs fewer rights
// than the one that migrates: SELECT, INSERT, UPDATE and DELETE on the tables,
// with these exceptions. It needs only SELECT on sallyport_migrations and
// sallyport_clients, and only SELECT and UPDATE on sallyport_users, because
// hashes are renewed at the login. Managing users and clients with this package
// needs the other rights on their tables.
//
// # What it costs
//
// Creating, reading, advancing and revoking a session are one round trip each. A caller
// that loses the race to advance one needs a second, to learn the cause, and the first
// session of a user needs four more. A login
// is two round trips, and the hash is computed between them without a transaction
// or a connection. A sweep is one round trip for each thousand rows, and two on MySQL.
// Sessions and keys are found through an index: by their ID or
// digest, by their user, and by their end.
//
// Ending all sessions of a user is six round trips and two rows, however many sessions
// there are: the sessions of a user belong to an epoch, a row of sallyport_epochs, and end
// with it. To find which of them were used lately, it reads each of them: no refresh
// writes an index for that. A session is ended by a host's own SQL with its revoked_at, as
// before; one that a host inserts is in epoch 0.
//
// The store runs nothing in the background: call tokens.Authority.Sweep about
// once an hour to delete what has expired.
//
// # Failures
//
// The errors of the driver are wrapped and not translated, so they mean "the
// store failed". The pool belongs to the host. This package neither closes it nor
// changes its settings. Only the context limits how long a statement takes.
package sqlstore
