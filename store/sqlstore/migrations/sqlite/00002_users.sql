-- Users, for hosts that have no table of their own (Config.Users is nil).

-- +goose Up

CREATE TABLE sallyport_users (
    id                 TEXT    NOT NULL PRIMARY KEY,
    login              TEXT    NOT NULL UNIQUE,
    account            TEXT    NOT NULL,
    tier               TEXT    NOT NULL,
    seats              INTEGER NOT NULL,
    scopes             TEXT    NOT NULL,
    password_hash      TEXT    NOT NULL,

    -- What the user logs in with now: empty until it first changes.
    credential_version TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

INSERT INTO sallyport_migrations (version) VALUES (2);

-- +goose Down

DROP TABLE sallyport_users;
DELETE FROM sallyport_migrations WHERE version = 2;
