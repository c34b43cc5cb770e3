-- The sessions of a user belong to epochs: ending an epoch ends all its sessions. The
-- sessions from before belong to the first.
--
-- A release that knows no epochs goes on with sessions that were ended with theirs: stop
-- its processes first.

-- +goose Up

ALTER TABLE sallyport_sessions ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;

-- The current epoch of a user has no ended_at. All its sessions have expired at until,
-- or are looked for before it is deleted.
CREATE TABLE sallyport_epochs (
    user_id  TEXT COLLATE "C" NOT NULL,
    epoch    BIGINT           NOT NULL,
    ended_at BIGINT,
    until    BIGINT           NOT NULL,

    PRIMARY KEY (user_id, epoch)
);

CREATE INDEX sallyport_epochs_until ON sallyport_epochs (until);

INSERT INTO sallyport_epochs (user_id, epoch, ended_at, until)
    SELECT user_id, 0, NULL, MAX(expires_at) FROM sallyport_sessions GROUP BY user_id;

-- The active sessions of a user, oldest first: those of the current epoch.
DROP INDEX sallyport_sessions_user;

CREATE INDEX sallyport_sessions_user ON sallyport_sessions (user_id, epoch, created_at, id) WHERE revoked_at IS NULL;

INSERT INTO sallyport_migrations (version) VALUES (8);

-- +goose Down

-- What has ended with its epoch has then ended by itself.
UPDATE sallyport_sessions SET revoked_at = (SELECT e.ended_at FROM sallyport_epochs AS e
    WHERE e.user_id = sallyport_sessions.user_id AND e.epoch = sallyport_sessions.epoch) WHERE revoked_at IS NULL;

DROP INDEX sallyport_sessions_user;
CREATE INDEX sallyport_sessions_user ON sallyport_sessions (user_id, created_at, id) WHERE revoked_at IS NULL;
DROP TABLE sallyport_epochs;
ALTER TABLE sallyport_sessions DROP COLUMN epoch;
DELETE FROM sallyport_migrations WHERE version = 8;
