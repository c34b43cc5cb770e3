-- Texts are stored as their bytes (VARBINARY), so identifiers are compared byte by byte:
-- each collation of MariaDB and MySQL folds case, accents or spaces at the end, or may be
-- that of another server tomorrow. Times are microseconds since 1970.
CREATE TABLE users (
    id            VARBINARY(512) NOT NULL PRIMARY KEY,
    login         VARBINARY(512) NOT NULL UNIQUE,
    password_hash VARBINARY(512) NOT NULL,
    account       VARBINARY(512) NOT NULL,
    tier          VARBINARY(512) NOT NULL,
    seats         BIGINT         NOT NULL,
    scopes        BLOB           NOT NULL,
    blocked       INT            NOT NULL DEFAULT 0,
    version       BIGINT         NOT NULL DEFAULT 1
);

CREATE TABLE sessions (
    id         VARBINARY(64)  NOT NULL PRIMARY KEY,
    user_id    VARBINARY(512) NOT NULL,
    generation BIGINT         NOT NULL,
    created_at BIGINT         NOT NULL,
    ends_at    BIGINT         NOT NULL,
    expires_at BIGINT         NOT NULL,
    revoked_at BIGINT,
    session    JSON           NOT NULL,
    INDEX sessions_of_user (user_id, revoked_at, created_at, id),
    INDEX sessions_by_end (ends_at)
);
