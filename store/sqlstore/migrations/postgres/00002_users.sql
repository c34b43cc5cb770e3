-- Users, for hosts that have no table of their own (Config.Users is nil).

-- +goose Up

CREATE TABLE sallyport_users (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    login              TEXT COLLATE "C" NOT NULL UNIQUE,
    account            TEXT COLLATE "C" NOT NULL,
    tier               TEXT COLLATE "C" NOT NULL,
    seats              BIGINT           NOT NULL,
    scopes             TEXT             NOT NULL,
    password_hash      TEXT             NOT NULL,

    -- What the user logs in with now: empty until it first changes.
    credential_version TEXT COLLATE "C" NOT NULL DEFAULT ''
);

INSERT INTO sallyport_migrations (version) VALUES (2);

-- +goose Down

DROP TABLE sallyport_users;
DELETE FROM sallyport_migrations WHERE version = 2;
