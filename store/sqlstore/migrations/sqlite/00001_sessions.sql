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
    id                 TEXT    NOT NULL PRIMARY KEY,
    user_id            TEXT    NOT NULL,
    client_id          TEXT    NOT NULL,
    scopes             TEXT    NOT NULL,
    generation         INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    advanced_at        INTEGER NOT NULL,
    idle_until         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    revoked_at         INTEGER,
    label              TEXT    NOT NULL,
    credential_version TEXT    NOT NULL DEFAULT '',
    authenticated_at   INTEGER,
    methods            TEXT    NOT NULL DEFAULT '[]',
    actor              TEXT    NOT NULL DEFAULT '',

    -- The epoch of the user that the session belongs to: it ends with it.
    epoch              INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The active sessions of a user, oldest first: those of the current epoch.
CREATE INDEX sallyport_sessions_user ON sallyport_sessions (user_id, epoch, created_at, id) WHERE revoked_at IS NULL;

-- A user's revoked sessions by when they were revoked, for RevokeUserSessions.
CREATE INDEX sallyport_sessions_revoked ON sallyport_sessions (user_id, revoked_at) WHERE revoked_at IS NOT NULL;

-- The sessions by when they end, for DeleteExpiredSessions.
CREATE INDEX sallyport_sessions_end ON sallyport_sessions (min(idle_until, expires_at));

-- Ending an epoch ends all its sessions. The current epoch of a user has no ended_at.
-- All its sessions have expired at until, or are looked for before it is deleted.
CREATE TABLE sallyport_epochs (
    user_id  TEXT    NOT NULL,
    epoch    INTEGER NOT NULL,
    ended_at INTEGER,
    until    INTEGER NOT NULL,

    PRIMARY KEY (user_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE INDEX sallyport_epochs_until ON sallyport_epochs (until);

CREATE TABLE sallyport_api_keys (
    id                 TEXT    NOT NULL PRIMARY KEY,
    digest             BLOB    NOT NULL UNIQUE,
    user_id            TEXT    NOT NULL,
    label              TEXT    NOT NULL,
    scopes             TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    expires_at         INTEGER,
    last_used_at       INTEGER,
    revoked_at         INTEGER,
    credential_version TEXT    NOT NULL DEFAULT '',

    -- Whose the key is, if it is not a user's; user_id is empty then.
    owner_kind         TEXT    NOT NULL DEFAULT '',
    owner_id           TEXT    NOT NULL DEFAULT '',
    hint               TEXT    NOT NULL DEFAULT '',
    networks           TEXT    NOT NULL DEFAULT '[]',
    successor          TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- The active keys of a user and of another owner, oldest first.
CREATE INDEX sallyport_api_keys_user ON sallyport_api_keys (user_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX sallyport_api_keys_owner ON sallyport_api_keys (owner_id, owner_kind, created_at, id) WHERE revoked_at IS NULL AND owner_kind <> '';

-- When a key has ended, by its age or by a revocation, for DeleteExpiredAPIKeys.
CREATE INDEX sallyport_api_keys_end ON sallyport_api_keys (min(ifnull(expires_at, revoked_at), ifnull(revoked_at, expires_at)));

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
DROP TABLE sallyport_epochs;
DROP TABLE sallyport_sessions;
DROP TABLE sallyport_migrations;
