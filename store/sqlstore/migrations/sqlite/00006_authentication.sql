-- When and how the user of a session was authenticated, and who acts in their
-- place. In rows from before it is not known.

-- +goose Up

ALTER TABLE sallyport_sessions ADD COLUMN authenticated_at INTEGER;

ALTER TABLE sallyport_sessions ADD COLUMN methods TEXT NOT NULL DEFAULT '[]';

ALTER TABLE sallyport_sessions ADD COLUMN actor TEXT NOT NULL DEFAULT '';

INSERT INTO sallyport_migrations (version) VALUES (6);

-- +goose Down

ALTER TABLE sallyport_sessions DROP COLUMN actor;
ALTER TABLE sallyport_sessions DROP COLUMN methods;
ALTER TABLE sallyport_sessions DROP COLUMN authenticated_at;
DELETE FROM sallyport_migrations WHERE version = 6;
