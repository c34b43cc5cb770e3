-- Counters. Times are microseconds since 1970 in UTC. The id is 16 bytes that are derived
-- from the key of a counter.

-- +goose Up

-- What has been applied, whichever tool did it: each migration adds its row.
CREATE TABLE sallyport_counter_migrations (
    version INTEGER PRIMARY KEY
) STRICT;

-- FixedWindow has spent, and ends with its window. GCRA has the level of the bucket at a
-- time. Rolling has the number of its last step, and what was spent in the 13 steps, by
-- their number modulo 13.
CREATE TABLE sallyport_counters (
    id    BLOB    NOT NULL PRIMARY KEY,
    spent INTEGER NOT NULL,
    level REAL    NOT NULL,
    at    INTEGER NOT NULL,
    steps TEXT,
    ends  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How often counters were refunded or reset: the sum of all rows.
CREATE TABLE sallyport_counter_resets (
    shard  INTEGER PRIMARY KEY,
    resets INTEGER NOT NULL
) STRICT;

INSERT INTO sallyport_counter_resets (shard, resets) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);

INSERT INTO sallyport_counter_migrations (version) VALUES (1);

-- +goose Down

DROP TABLE sallyport_counter_resets;
DROP TABLE sallyport_counters;
DROP TABLE sallyport_counter_migrations;
