-- Counters, and the procedure that decides, for MariaDB and MySQL. Times are microseconds
-- since 1970 in UTC. The id is 16 bytes that are derived from the key of a counter.
--
-- Each statement commits by itself, and may be run again by a migration that ended
-- half-way. The query behind each table fails if a table of that name was there before,
-- with other columns.

-- +goose Up

-- What has been applied, whichever tool did it: each migration adds its row.
CREATE TABLE IF NOT EXISTS sallyport_counter_migrations (
    version BIGINT PRIMARY KEY
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT version FROM sallyport_counter_migrations WHERE 1 = 0;

-- FixedWindow has spent, and ends with its window. GCRA has the level of the bucket at a
-- time. Rolling has the number of its last step, and what was spent in the 13 steps, by
-- their number modulo 13, in ten digits each. No column but the id has an index.
CREATE TABLE IF NOT EXISTS sallyport_counters (
    id    BINARY(16)     NOT NULL PRIMARY KEY,
    spent BIGINT         NOT NULL,
    level DOUBLE         NOT NULL,
    at    BIGINT         NOT NULL,
    steps VARBINARY(130) NOT NULL,
    ends  BIGINT         NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT id, spent, level, at, steps, ends FROM sallyport_counters WHERE 1 = 0;

-- How often counters were refunded or reset: the sum of all rows.
CREATE TABLE IF NOT EXISTS sallyport_counter_resets (
    shard  INTEGER PRIMARY KEY,
    resets BIGINT  NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC;

SELECT shard, resets FROM sallyport_counter_resets WHERE 1 = 0;

REPLACE INTO sallyport_counter_resets (shard, resets) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);

DROP PROCEDURE IF EXISTS sallyport_count_1;

-- sallyport_count_1 makes all charges of a decision, or none.
--
-- todo is take, peek, refund or reset. clock is the time, of a test; 0 is the server's.
-- patience is for how many seconds to wait for a row. asked has 168 characters for each
-- charge, in the order of their ids: the id of the counter and of the one that its source
-- shares, in hexadecimal; one digit for the algorithm, whether the work is done, whether
-- the source may make no more counters, and whether there is a shared one; 20 digits for
-- the limit, the window, the burst, the cost, and how much more to charge if it is there.
--
-- It returns one row with the number of the last reset, the time, and for each charge:
-- whether it fits, which counter it is on (o: its own, n: a new one, s: the shared one, g:
-- its own, which is deleted), the counter, and how much more was charged.
--
-- Rows are locked in the order of their ids, and all shared ones have higher ids than the
-- others. Each read locks, so that none is of a snapshot from before.

-- +goose StatementBegin
CREATE PROCEDURE sallyport_count_1(todo VARCHAR(8) CHARACTER SET ascii, clock BIGINT, patience INTEGER, shard_asked INTEGER, asked MEDIUMTEXT CHARACTER SET ascii)
SQL SECURITY INVOKER MODIFIES SQL DATA
BEGIN
    DECLARE most      BIGINT DEFAULT 4294967295; -- of one step
    DECLARE charges   INTEGER DEFAULT CHAR_LENGTH(asked) DIV 168;
    DECLARE waited    INTEGER DEFAULT @@innodb_lock_wait_timeout;
    DECLARE wheres    VARCHAR(1024) CHARACTER SET ascii DEFAULT '';
    DECLARE answer    MEDIUMTEXT CHARACTER SET ascii DEFAULT '';
    DECLARE w         CHAR(1) CHARACTER SET ascii;
    DECLARE a         CHAR(168) CHARACTER SET ascii;
    DECLARE own       BINARY(16);
    DECLARE shared    BINARY(16);
    DECLARE lowest    BINARY(16);
    DECLARE target    BINARY(16);
    DECLARE sharing   BOOLEAN;
    DECLARE missing   BOOLEAN;
    DECLARE now_      BIGINT;
    DECLARE resets_   BIGINT;
    DECLARE has_reset BOOLEAN DEFAULT FALSE;
    DECLARE all_fit   BOOLEAN DEFAULT TRUE;
    DECLARE pass      INTEGER DEFAULT 1;
    DECLARE i         INTEGER;
    DECLARE k         INTEGER;
    DECLARE algorithm INTEGER;
    DECLARE done      BOOLEAN;
    DECLARE closed    BOOLEAN; -- the source may make no more counters
    DECLARE sourced   BOOLEAN;
    DECLARE limit_    BIGINT;
    DECLARE window_   BIGINT;
    DECLARE burst     BIGINT;
    DECLARE cost      BIGINT;
    DECLARE more      BIGINT;
    DECLARE amount    BIGINT;
    DECLARE back      BIGINT;
    DECLARE width     BIGINT;
    DECLARE step      BIGINT;
    DECLARE slot      INTEGER;
    DECLARE free      BIGINT;
    DECLARE nothing   BOOLEAN;
    DECLARE fits      BOOLEAN;
    DECLARE spent_    BIGINT;
    DECLARE level_    DOUBLE;
    DECLARE at_       BIGINT;
    DECLARE steps_    VARBINARY(130);
    DECLARE ends_     BIGINT;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET missing = TRUE;
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
        ROLLBACK;
        SET SESSION innodb_lock_wait_timeout = waited;
        RESIGNAL;
    END;

    SELECT SUM(resets) INTO resets_ FROM sallyport_counter_resets;
    IF todo <> 'peek' THEN
        SET SESSION innodb_lock_wait_timeout = patience;
        START TRANSACTION;
    END IF;

    -- A row that is made here ends at 0 until it is charged.
    SET i = 0;
    WHILE i < charges DO
        SET own = UNHEX(SUBSTR(asked, 168 * i + 1, 32)), missing = FALSE, ends_ = 0;
        IF todo = 'take' THEN
            INSERT INTO sallyport_counters (id, spent, level, at, steps, ends) VALUES (own, 0, 0, 0, '', 0) ON DUPLICATE KEY UPDATE id = id;
        END IF;
        IF todo = 'peek' THEN
            SELECT ends INTO ends_ FROM sallyport_counters WHERE id = own;
        ELSE
            SELECT ends INTO ends_ FROM sallyport_counters WHERE id = own FOR UPDATE;
        END IF;
        SET wheres = CONCAT(wheres, IF(missing OR ends_ = 0, 'n', 'o')), i = i + 1;
    END WHILE;

    -- Those that are shared, from the lowest id upwards.
    SET lowest = UNHEX(REPEAT('0', 32)), sharing = todo <> 'reset';
    WHILE sharing DO
        SET i = 0, target = NULL;
        WHILE i < charges DO
            IF SUBSTR(wheres, i + 1, 1) = 'n' AND SUBSTR(asked, 168 * i + 68, 1) = '1' THEN
                SET shared = UNHEX(SUBSTR(asked, 168 * i + 33, 32));
                IF shared > lowest AND (target IS NULL OR shared <= target) THEN
                    SET closed = SUBSTR(asked, 168 * i + 67, 1) = '1' OR (target = shared AND closed), target = shared;
                END IF;
            END IF;
            SET i = i + 1;
        END WHILE;
        IF target IS NULL THEN
            SET sharing = FALSE;
        ELSE
            SET lowest = target, missing = FALSE;
            IF todo = 'take' AND closed THEN
                INSERT INTO sallyport_counters (id, spent, level, at, steps, ends) VALUES (target, 0, 0, 0, '', 0) ON DUPLICATE KEY UPDATE id = id;
            END IF;
            IF todo = 'peek' THEN
                SELECT ends INTO ends_ FROM sallyport_counters WHERE id = target;
            ELSE
                SELECT ends INTO ends_ FROM sallyport_counters WHERE id = target FOR UPDATE;
            END IF;
            SET i = 0;
            WHILE i < charges AND NOT missing DO
                IF SUBSTR(wheres, i + 1, 1) = 'n' AND SUBSTR(asked, 168 * i + 68, 1) = '1' AND UNHEX(SUBSTR(asked, 168 * i + 33, 32)) = target THEN
                    SET wheres = INSERT(wheres, i + 1, 1, 's');
                END IF;
                SET i = i + 1;
            END WHILE;
        END IF;
    END WHILE;

    SET now_ = clock;
    IF now_ = 0 THEN
        SET now_ = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6));
    END IF;

    WHILE pass <= 2 DO
        SET i = 0;
        WHILE i < charges DO
            SET a = SUBSTR(asked, 168 * i + 1, 168), w = SUBSTR(wheres, i + 1, 1), i = i + 1;
            SET own = UNHEX(SUBSTR(a, 1, 32)), shared = UNHEX(SUBSTR(a, 33, 32)), algorithm = SUBSTR(a, 65, 1), done = SUBSTR(a, 66, 1) = '1',
                closed = SUBSTR(a, 67, 1) = '1', sourced = SUBSTR(a, 68, 1) = '1', limit_ = CAST(SUBSTR(a, 69, 20) AS SIGNED), window_ = CAST(SUBSTR(a, 89, 20) AS SIGNED),
                burst = CAST(SUBSTR(a, 109, 20) AS SIGNED), cost = CAST(SUBSTR(a, 129, 20) AS SIGNED), more = CAST(SUBSTR(a, 149, 20) AS SIGNED);
            SET target = IF(w = 's', shared, own), missing = FALSE;

            IF todo = 'reset' THEN
                IF pass = 2 THEN
                    DELETE FROM sallyport_counters WHERE id = own;
                    SET has_reset = TRUE, answer = CONCAT(answer, ';f,', IF(w = 'o', 'g', w));
                END IF;
            ELSE
                SET spent_ = 0, level_ = 0, at_ = NULL, steps_ = '', ends_ = 0;
                IF w <> 'n' THEN
                    IF todo = 'peek' THEN
                        SELECT spent, level, at, steps, ends INTO spent_, level_, at_, steps_, ends_ FROM sallyport_counters WHERE id = target;
                    ELSE
                        SELECT spent, level, at, steps, ends INTO spent_, level_, at_, steps_, ends_ FROM sallyport_counters WHERE id = target FOR UPDATE;
                    END IF;
                END IF;

                -- The counter now.
                IF algorithm = 0 THEN
                    IF now_ >= ends_ THEN
                        SET spent_ = 0, ends_ = now_ + window_;
                    END IF;
                    SET free = limit_ - spent_, nothing = spent_ <= 0, at_ = 0;
                ELSEIF algorithm = 1 THEN
                    SET level_ = LEAST(level_, 2e0 * GREATEST(limit_, 1)), at_ = COALESCE(at_, now_);
                    IF now_ > at_ THEN
                        SET level_ = GREATEST(level_ - CAST(now_ - at_ AS DOUBLE) * CAST(limit_ AS DOUBLE) / CAST(window_ AS DOUBLE), 0e0), at_ = now_;
                    END IF;
                    SET free = IF(limit_ <= 0, -1, FLOOR(burst - level_ + (1e-6 + 1e-12 * limit_))), nothing = level_ <= 0;
                ELSE
                    SET width = (window_ + 11) DIV 12;
                    SET step = now_ DIV width, k = 0;
                    IF steps_ = '' THEN
                        SET steps_ = REPEAT('0', 130), at_ = step;
                    END IF;
                    WHILE k <= 12 AND step - k > at_ DO
                        SET steps_ = INSERT(steps_, 10 * ((step - k) MOD 13) + 1, 10, '0000000000'), k = k + 1;
                    END WHILE;
                    SET at_ = GREATEST(at_, step), free = LEAST(limit_, most), k = 0;
                    WHILE k < 13 DO
                        SET free = free - CAST(SUBSTR(steps_, 10 * k + 1, 10) AS SIGNED), k = k + 1;
                    END WHILE;
                    SET nothing = free = LEAST(limit_, most);
                END IF;

                IF pass = 1 THEN
                    IF w = 's' AND nothing AND NOT closed THEN
                        SET wheres = INSERT(wheres, i, 1, 'n');
                    END IF;
                    SET all_fit = all_fit AND (done OR cost <= free);
                ELSE
                    SET fits = cost <= free, amount = 0;
                    IF todo = 'take' AND all_fit THEN
                        SET more = GREATEST(LEAST(more, free - cost), 0);
                        SET amount = cost + more;
                    ELSE
                        SET more = 0;
                        IF todo = 'refund' AND w <> 'n' THEN
                            SET amount = -cost, has_reset = TRUE; -- somebody may have been told to wait
                        END IF;
                    END IF;

                    IF amount <> 0 THEN
                        IF algorithm = 0 THEN
                            SET spent_ = LEAST(GREATEST(spent_ + amount, 0), 4503599627370496), nothing = spent_ = 0;
                        ELSEIF algorithm = 1 THEN
                            SET level_ = LEAST(GREATEST(level_ + amount, 0e0), 2e0 * GREATEST(limit_, 1)), ends_ = at_ + 2 * window_;
                            IF limit_ > 0 THEN
                                SET ends_ = at_ + CEIL(LEAST(level_ * CAST(window_ AS DOUBLE) / CAST(limit_ AS DOUBLE), 2e0 * window_));
                            END IF;
                            SET nothing = level_ <= 0;
                        ELSE
                            SET k = 12, back = -amount, nothing = TRUE;
                            IF amount > 0 THEN
                                SET slot = at_ MOD 13;
                                SET steps_ = INSERT(steps_, 10 * slot + 1, 10, LPAD(LEAST(CAST(SUBSTR(steps_, 10 * slot + 1, 10) AS SIGNED) + amount, most), 10, '0')), nothing = FALSE;
                            ELSE
                                WHILE k >= 0 DO -- the oldest first: what stays, stays longer
                                    SET slot = (at_ - k) MOD 13;
                                    SET step = CAST(SUBSTR(steps_, 10 * slot + 1, 10) AS SIGNED);
                                    SET free = LEAST(step, back);
                                    SET steps_ = INSERT(steps_, 10 * slot + 1, 10, LPAD(step - free, 10, '0')), back = back - free, nothing = nothing AND step = free, k = k - 1;
                                END WHILE;
                            END IF;
                            SET ends_ = (at_ + 13) * width;
                        END IF;
                        IF nothing THEN
                            DELETE FROM sallyport_counters WHERE id = target;
                            SET w = IF(w = 's', 's', 'g');
                        ELSE
                            INSERT INTO sallyport_counters (id, spent, level, at, steps, ends) VALUES (target, spent_, level_, at_, steps_, ends_)
                                ON DUPLICATE KEY UPDATE spent = spent_, level = level_, at = at_, steps = steps_, ends = ends_;
                        END IF;
                    END IF;
                    SET answer = CONCAT(answer, ';', IF(fits, 't', 'f'), ',', w, ',', spent_, ',', level_, ',', COALESCE(at_, 0), ',', ends_, ',', steps_, ',', more);
                END IF;
            END IF;
        END WHILE;
        SET pass = pass + 1;
    END WHILE;

    IF has_reset THEN
        UPDATE sallyport_counter_resets SET resets = resets + 1 WHERE shard = shard_asked;
        SET resets_ = resets_ + 1;
    END IF;
    IF todo = 'take' AND NOT all_fit THEN
        ROLLBACK;
    ELSEIF todo = 'take' THEN
        SET i = 0; -- the rows that were made here and are not charged, since their source shares one
        WHILE i < charges DO
            IF SUBSTR(wheres, i + 1, 1) = 's' THEN
                SET own = UNHEX(SUBSTR(asked, 168 * i + 1, 32));
                DELETE FROM sallyport_counters WHERE id = own AND ends = 0;
            ELSEIF SUBSTR(asked, 168 * i + 68, 1) = '1' AND SUBSTR(asked, 168 * i + 67, 1) = '1' THEN
                SET shared = UNHEX(SUBSTR(asked, 168 * i + 33, 32));
                DELETE FROM sallyport_counters WHERE id = shared AND ends = 0;
            END IF;
            SET i = i + 1;
        END WHILE;
        COMMIT;
    ELSEIF todo <> 'peek' THEN
        COMMIT;
    END IF;
    IF todo <> 'peek' THEN
        SET SESSION innodb_lock_wait_timeout = waited;
    END IF;
    SELECT CONCAT(resets_, ',', now_, answer);
END
-- +goose StatementEnd

INSERT INTO sallyport_counter_migrations (version) VALUES (1);

-- +goose Down

DROP PROCEDURE IF EXISTS sallyport_count_1;
DROP TABLE IF EXISTS sallyport_counter_resets;
DROP TABLE IF EXISTS sallyport_counters;
DROP TABLE IF EXISTS sallyport_counter_migrations;
