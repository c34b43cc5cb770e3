// Package sqlstore is a [store.Store] in SQLite or PostgreSQL, with API keys,
// OAuth clients and a deny list beside it. It is plain SQL on database/sql and
// imports no driver: the host brings the one it likes, and the *sql.DB. The
// conformance suite has passed with modernc.org/sqlite, ncruces/go-sqlite3,
// mattn/go-sqlite3, jackc/pgx and lib/pq.
//
// # SQLite
//
// One file, one machine, any number of its processes:
//
//	db, err := sql.Open("sqlite", "file:auth.db?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//	err = sqlstore.Migrate(ctx, db, sqlstore.Config{Dialect: sqlstore.SQLite})
//	users, err := sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.SQLite})
//
// That is the DSN of modernc.org/sqlite; ncruces/go-sqlite3 takes the same, and
// mattn/go-sqlite3 wants
// _txlock=immediate&_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL.
// Open looks at the three settings and says which is missing: without the
// waiting writers fail instead of taking turns, without the log readers and
// writers shut each other out, and without the syncing a revocation that was
// confirmed is gone after a power cut. The store begins no transaction that
// needs _txlock; those of the host on the same file do. SQLite 3.37 or newer.
//
// A database in memory will do for a test, where the pool is one connection
// that stays: db.SetMaxOpenConns(1).
//
// # PostgreSQL
//
// Version 13 or newer, from any number of nodes:
//
//	db, err := sql.Open("pgx", "postgres://shop@db.example.com/shop")
//	err = sqlstore.Migrate(ctx, db, sqlstore.Config{Dialect: sqlstore.PostgreSQL})
//	users, err := sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.PostgreSQL})
//
// The database is the primary, for a replica lags and cannot be written to; its
// encoding is UTF-8, and synchronous_commit is not off. READ COMMITTED, the
// default, suffices: every method is one statement at a time, and what must be
// atomic is one statement. Under a stricter level those who lose a race may get
// a serialization failure, which is no sentinel and ends as 503, where they
// would have got ErrConflict. The tables are found by the search_path.
//
// Put a connect_timeout of a few seconds into the DSN. A pool with a limit
// (db.SetMaxOpenConns) makes connections in advance, under no request's deadline:
// those that it began while the server was silent keep everybody waiting after
// the server is back, for a minute or more.
//
// # Tables
//
// [Migrate] makes them; [Open] never does. A host that has a tool of its own for
// that takes the files from [Migrations]. The role that serves needs less than
// the one that migrates: SELECT, INSERT, UPDATE and DELETE on the tables
// (sallyport_migrations and sallyport_clients: SELECT; sallyport_users: SELECT
// and UPDATE, for hashes are renewed at the login), and what the management of
// users and clients needs if it is done here.
//
// # What it costs
//
// Reading a session, advancing it and revoking it are one round trip each.
// A caller that loses the race to advance one needs a second round trip, to learn
// the cause. A
// login is two, with the work of the hash between them, in no transaction and on
// no connection. Sessions and keys are found by their ID or digest, by their user
// and by their end, each by an index, however many there are.
//
// The store runs nothing in the background: let tokens.Authority.Sweep forget
// what has expired, once an hour or so.
//
// # Failures
//
// Whatever the driver says comes back wrapped and untranslated: it is no
// sentinel, so it means "the store failed". The pool is the host's. This package
// neither closes it nor changes its settings, and puts no limit on the time that
// a statement takes but that of the context. The one exception is the statement
// that ends all sessions of a user: once begun it goes on for up to a minute after
// the context is done, since to cancel it would be to end none of them.
package sqlstore
