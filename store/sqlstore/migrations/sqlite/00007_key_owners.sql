-- Whose an API key is, if it is not a user's: then user_id is empty, and a release
-- that knows users only finds no owner. And a key's hint, the networks that it may
-- come from, as a JSON array of strings, and the ID of the key that replaces it.

-- +goose Up

ALTER TABLE sallyport_api_keys ADD COLUMN owner_kind TEXT NOT NULL DEFAULT '';

ALTER TABLE sallyport_api_keys ADD COLUMN owner_id TEXT NOT NULL DEFAULT '';

ALTER TABLE sallyport_api_keys ADD COLUMN hint TEXT NOT NULL DEFAULT '';

ALTER TABLE sallyport_api_keys ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';

ALTER TABLE sallyport_api_keys ADD COLUMN successor TEXT NOT NULL DEFAULT '';

-- The keys of an owner that is not a user, oldest first. Those that were revoked are
-- never asked for.
CREATE INDEX sallyport_api_keys_owner ON sallyport_api_keys (owner_id, owner_kind, created_at, id) WHERE revoked_at IS NULL AND owner_kind <> '';

INSERT INTO sallyport_migrations (version) VALUES (7);

-- +goose Down

DROP INDEX sallyport_api_keys_owner;
ALTER TABLE sallyport_api_keys DROP COLUMN successor;
ALTER TABLE sallyport_api_keys DROP COLUMN networks;
ALTER TABLE sallyport_api_keys DROP COLUMN hint;
ALTER TABLE sallyport_api_keys DROP COLUMN owner_id;
ALTER TABLE sallyport_api_keys DROP COLUMN owner_kind;
DELETE FROM sallyport_migrations WHERE version = 7;
