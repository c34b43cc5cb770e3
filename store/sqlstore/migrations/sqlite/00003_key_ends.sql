-- When an API key has ended, by its age or by a revocation, for
-- DeleteExpiredAPIKeys.

-- +goose Up

CREATE INDEX sallyport_api_keys_end ON sallyport_api_keys (min(ifnull(expires_at, revoked_at), ifnull(revoked_at, expires_at)));

INSERT INTO sallyport_migrations (version) VALUES (3);

-- +goose Down

DROP INDEX sallyport_api_keys_end;
DELETE FROM sallyport_migrations WHERE version = 3;
