-- Sessions, API keys, clients and the deny list.
--
-- Identifiers are compared byte by byte: BINARY is SQLite's default collation. A
-- time is a number of microseconds since 1970 in UTC, which nothing rounds and
-- no zone moves; one that is not set is NULL. Lists are JSON arrays of strings.

-- +goose Up

-- What has been applied, whichever tool did it: each migration adds its row.
CREATE TABLE sallyport_migrations (
    version INTEGER NOT NULL PRIMARY KEY
) STRICT;

CREATE TABLE sallyport_sessions (
    id          TEXT    NOT NULL PRIMARY KEY,
    user_id     TEXT    NOT NULL,
    client_id   TEXT    NOT NULL,
    scopes      TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    advanced_at INTEGER NOT NULL,
    idle_until  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    label       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- A user's sessions, oldest first. Those that were revoked are never asked for.
CREATE INDEX sallyport_sessions_user ON sallyport_sessions (user_id, created_at, id) WHERE revoked_at IS NULL;

-- The sessions by when they end, for DeleteExpiredSessions.
CREATE INDEX sallyport_sessions_end ON sallyport_sessions (min(idle_until, expires_at));

CREATE TABLE sallyport_api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    digest       BLOB    NOT NULL UNIQUE,
    user_id      TEXT    NOT NULL,
    label        TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sallyport_api_keys_user ON sallyport_api_keys (user_id, created_at, id) WHERE revoked_at IS NULL;

CREATE TABLE sallyport_clients (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL,
    secrets        TEXT    NOT NULL, -- SHA-256 each, in hexadecimal
    grants         TEXT    NOT NULL,
    scopes         TEXT    NOT NULL,
    refresh_policy TEXT    NOT NULL,
    grace          INTEGER NOT NULL  -- in nanoseconds
) STRICT, WITHOUT ROWID;

CREATE TABLE sallyport_denials (
    sid   TEXT    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sallyport_denials_end ON sallyport_denials (until);

INSERT INTO sallyport_migrations (version) VALUES (1);

-- +goose Down

DROP TABLE sallyport_denials;
DROP TABLE sallyport_clients;
DROP TABLE sallyport_api_keys;
DROP TABLE sallyport_sessions;
DROP TABLE sallyport_migrations;
