-- The version of what a user could log in with when a session or an API key was
-- made. It is empty where no version was kept: in all rows from before.

-- +goose Up

ALTER TABLE sallyport_sessions ADD COLUMN credential_version TEXT COLLATE "C" NOT NULL DEFAULT '';

ALTER TABLE sallyport_api_keys ADD COLUMN credential_version TEXT COLLATE "C" NOT NULL DEFAULT '';

-- A user's revoked sessions by when they were revoked, for RevokeUserSessions.
CREATE INDEX sallyport_sessions_revoked ON sallyport_sessions (user_id, revoked_at) WHERE revoked_at IS NOT NULL;

INSERT INTO sallyport_migrations (version) VALUES (4);

-- +goose Down

DROP INDEX sallyport_sessions_revoked;
ALTER TABLE sallyport_api_keys DROP COLUMN credential_version;
ALTER TABLE sallyport_sessions DROP COLUMN credential_version;
DELETE FROM sallyport_migrations WHERE version = 4;
