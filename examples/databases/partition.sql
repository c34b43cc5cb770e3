-- The sessions of sqlstore in partitions by ID, after sqlstore.Migrate. The indexes keep
-- their names, for migrations that are to come. Grant the rights of the role again.
ALTER TABLE sallyport_sessions RENAME TO sallyport_sessions_whole;
CREATE TABLE sallyport_sessions (LIKE sallyport_sessions_whole INCLUDING DEFAULTS) PARTITION BY HASH (id);
CREATE TABLE sallyport_sessions_0 PARTITION OF sallyport_sessions FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE sallyport_sessions_1 PARTITION OF sallyport_sessions FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE sallyport_sessions_2 PARTITION OF sallyport_sessions FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE sallyport_sessions_3 PARTITION OF sallyport_sessions FOR VALUES WITH (MODULUS 4, REMAINDER 3);
INSERT INTO sallyport_sessions SELECT * FROM sallyport_sessions_whole;
DROP TABLE sallyport_sessions_whole;
ALTER TABLE sallyport_sessions ADD PRIMARY KEY (id);
CREATE INDEX sallyport_sessions_user ON sallyport_sessions (user_id, epoch, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX sallyport_sessions_revoked ON sallyport_sessions (user_id, revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sallyport_sessions_end ON sallyport_sessions (LEAST(idle_until, expires_at));
