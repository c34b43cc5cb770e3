-- The shop's users, as they were before Sallyport.
--
-- Identifiers are compared byte by byte: BINARY is SQLite's default collation
-- for TEXT, so "a" and "A" are two. A column with COLLATE NOCASE would not do;
-- nor would MySQL's default, which folds case and accents.
CREATE TABLE IF NOT EXISTS users (
    id            TEXT    PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    company       TEXT    NOT NULL,
    plan          TEXT    NOT NULL,
    seats         INTEGER NOT NULL,
    permissions   TEXT    NOT NULL,           -- with one space between them
    blocked       INTEGER NOT NULL DEFAULT 0,
    -- How often the password, the address or the lock has changed: the one column
    -- that is for Sallyport. A hash that is renewed at a login does not count.
    login_version INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

-- One row a login, however often it is refreshed: the session as JSON, and the
-- fields that a condition names. Times are microseconds since 1970: an integer is
-- neither rounded nor moved to a zone. NULL is a session that was not revoked.
CREATE TABLE IF NOT EXISTS sessions (
    id         TEXT    PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    idle_until INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    session    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS sessions_of_user ON sessions (user_id, created_at, id);

CREATE INDEX IF NOT EXISTS sessions_revoked ON sessions (user_id, revoked_at) WHERE revoked_at IS NOT NULL;

CREATE INDEX IF NOT EXISTS sessions_by_end ON sessions (min(idle_until, expires_at));
