-- The version of what a user logs in with now, for hosts that have no table of
-- their own (Config.Users is nil). It is empty until it first changes.

-- +goose Up

ALTER TABLE sallyport_users ADD COLUMN credential_version TEXT COLLATE "C" NOT NULL DEFAULT '';

INSERT INTO sallyport_migrations (version) VALUES (5);

-- +goose Down

ALTER TABLE sallyport_users DROP COLUMN credential_version;
DELETE FROM sallyport_migrations WHERE version = 5;
