-- Sessions, API keys, clients and the deny list, for MariaDB and MySQL.
--
-- Every text is stored as its bytes, so identifiers are compared byte by byte, whatever
-- the collation of the database. A time is a number of microseconds since 1970 in UTC,
-- which nothing rounds and no zone moves; one that is not set is NULL. Lists are JSON
-- arrays of strings.
--
-- Each statement commits by itself, and may be run again by a migration that ended
-- half-way. The query behind each table fails if a table of that name was there before,
-- with other columns.

-- +goose Up

-- What has been applied, whichever tool did it: each migration adds its row.
CREATE TABLE IF NOT EXISTS sallyport_migrations (
    version BIGINT PRIMARY KEY
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT version FROM sallyport_migrations WHERE 1 = 0;

CREATE TABLE IF NOT EXISTS sallyport_sessions (
    id                 VARBINARY(64)  NOT NULL PRIMARY KEY,
    user_id            VARBINARY(512) NOT NULL,
    client_id          VARBINARY(512) NOT NULL,
    scopes             MEDIUMBLOB     NOT NULL,
    generation         BIGINT         NOT NULL,
    created_at         BIGINT         NOT NULL,
    advanced_at        BIGINT         NOT NULL,
    idle_until         BIGINT         NOT NULL,
    expires_at         BIGINT         NOT NULL,
    revoked_at         BIGINT,
    label              VARBINARY(512) NOT NULL,
    credential_version VARBINARY(512) NOT NULL,
    authenticated_at   BIGINT,
    methods            BLOB           NOT NULL,
    actor              VARBINARY(512) NOT NULL,

    -- When the session ends, for DeleteExpiredSessions.
    ends_at            BIGINT AS (LEAST(idle_until, expires_at)) STORED,

    -- The epoch of the user that the session belongs to: it ends with it.
    epoch              BIGINT         NOT NULL DEFAULT 0,

    -- The active sessions of a user, oldest first: those of the current epoch. And the
    -- others of a user, for RevokeUserSessions. No refresh writes this index.
    INDEX sallyport_sessions_user (user_id, epoch, revoked_at, created_at, id),
    INDEX sallyport_sessions_end (ends_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label,
    credential_version, authenticated_at, methods, actor, ends_at, epoch FROM sallyport_sessions WHERE 1 = 0;

-- Ending an epoch ends all its sessions. The current epoch of a user has no ended_at.
-- All its sessions have expired at until, or are looked for before it is deleted.
CREATE TABLE IF NOT EXISTS sallyport_epochs (
    user_id  VARBINARY(512) NOT NULL,
    epoch    BIGINT         NOT NULL,
    ended_at BIGINT,
    until    BIGINT         NOT NULL,

    PRIMARY KEY (user_id, epoch),
    INDEX sallyport_epochs_until (until)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT user_id, epoch, ended_at, until FROM sallyport_epochs WHERE 1 = 0;

CREATE TABLE IF NOT EXISTS sallyport_api_keys (
    id                 VARBINARY(64)  NOT NULL PRIMARY KEY,
    digest             VARBINARY(32)  NOT NULL,
    user_id            VARBINARY(512) NOT NULL,
    label              VARBINARY(512) NOT NULL,
    scopes             MEDIUMBLOB     NOT NULL,
    created_at         BIGINT         NOT NULL,
    expires_at         BIGINT,
    last_used_at       BIGINT,
    revoked_at         BIGINT,
    credential_version VARBINARY(512) NOT NULL,

    -- Whose the key is, if it is not a user's; user_id is empty then.
    owner_kind         VARBINARY(64)  NOT NULL,
    owner_id           VARBINARY(512) NOT NULL,
    hint               VARBINARY(512) NOT NULL,
    networks           BLOB           NOT NULL,
    successor          VARBINARY(64)  NOT NULL,

    -- When the key has ended, by its age or by a revocation, for DeleteExpiredAPIKeys.
    ends_at            BIGINT AS (LEAST(IFNULL(expires_at, revoked_at), IFNULL(revoked_at, expires_at))) STORED,

    UNIQUE INDEX sallyport_api_keys_digest (digest),
    INDEX sallyport_api_keys_user (user_id, revoked_at, created_at, id),
    INDEX sallyport_api_keys_owner (owner_id, owner_kind, revoked_at, created_at, id),
    INDEX sallyport_api_keys_end (ends_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT id, digest, user_id, label, scopes, created_at, expires_at, last_used_at, revoked_at, credential_version,
    owner_kind, owner_id, hint, networks, successor, ends_at FROM sallyport_api_keys WHERE 1 = 0;

CREATE TABLE IF NOT EXISTS sallyport_clients (
    id             VARBINARY(512) NOT NULL PRIMARY KEY,
    name           VARBINARY(512) NOT NULL,
    secrets        MEDIUMBLOB     NOT NULL, -- SHA-256 each, in hexadecimal
    grants         MEDIUMBLOB     NOT NULL,
    scopes         MEDIUMBLOB     NOT NULL,
    refresh_policy VARBINARY(64)  NOT NULL,
    grace          BIGINT         NOT NULL  -- in nanoseconds
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT id, name, secrets, grants, scopes, refresh_policy, grace FROM sallyport_clients WHERE 1 = 0;

CREATE TABLE IF NOT EXISTS sallyport_denials (
    sid   VARBINARY(64) NOT NULL PRIMARY KEY,
    until BIGINT        NOT NULL,

    INDEX sallyport_denials_end (until)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT sid, until FROM sallyport_denials WHERE 1 = 0;

INSERT INTO sallyport_migrations (version) VALUES (1);

-- +goose Down

DROP TABLE IF EXISTS sallyport_denials;
DROP TABLE IF EXISTS sallyport_clients;
DROP TABLE IF EXISTS sallyport_api_keys;
DROP TABLE IF EXISTS sallyport_epochs;
DROP TABLE IF EXISTS sallyport_sessions;
DROP TABLE IF EXISTS sallyport_migrations;
