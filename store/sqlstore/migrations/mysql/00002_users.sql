-- Users, for hosts that have no table of their own (Config.Users is nil).

-- +goose Up

CREATE TABLE IF NOT EXISTS sallyport_users (
    id                 VARBINARY(512) NOT NULL PRIMARY KEY,
    login              VARBINARY(512) NOT NULL,
    account            VARBINARY(512) NOT NULL,
    tier               VARBINARY(512) NOT NULL,
    seats              BIGINT         NOT NULL,
    scopes             MEDIUMBLOB     NOT NULL,
    password_hash      VARBINARY(512) NOT NULL,
    credential_version VARBINARY(512) NOT NULL,

    -- How often the row was replaced. A server that counts the rows that a statement
    -- has changed then counts one that is replaced by the same.
    writes             BIGINT         NOT NULL DEFAULT 0,

    UNIQUE INDEX sallyport_users_login (login)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT id, login, account, tier, seats, scopes, password_hash, credential_version, writes FROM sallyport_users WHERE 1 = 0;

INSERT INTO sallyport_migrations (version) VALUES (2);

-- +goose Down

DROP TABLE IF EXISTS sallyport_users;
DELETE FROM sallyport_migrations WHERE version = 2;
