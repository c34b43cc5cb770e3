-- Counters, and the function that decides. Times are microseconds since 1970 in UTC. The
-- id is 16 bytes that are derived from the key of a counter.

-- +goose Up

-- What has been applied, whichever tool did it: each migration adds its row.
CREATE TABLE sallyport_counter_migrations (
    version BIGINT PRIMARY KEY
);

-- FixedWindow has spent, and ends with its window. GCRA has the level of the bucket at a
-- time. Rolling has the number of its last step, and what was spent in the 13 steps, by
-- their number modulo 13. No column but the id has an index, so that a charge changes no
-- index.
CREATE TABLE sallyport_counters (
    id    BYTEA            PRIMARY KEY,
    spent BIGINT           NOT NULL,
    level DOUBLE PRECISION NOT NULL,
    at    BIGINT           NOT NULL,
    steps BIGINT[],
    ends  BIGINT           NOT NULL
) WITH (fillfactor = 70);

-- How often counters were refunded or reset: the sum of all rows.
CREATE TABLE sallyport_counter_resets (
    shard  INTEGER PRIMARY KEY,
    resets BIGINT  NOT NULL
) WITH (fillfactor = 10);

INSERT INTO sallyport_counter_resets (shard, resets) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);

-- sallyport_count_1 makes all charges of a decision, or none.
--
-- todo is take, peek, refund or reset. clock is the time, of a test; 0 is the server's.
-- patience is for how many milliseconds to wait for a row. asked has 168 characters for
-- each charge, in the order of their ids: the id of the counter and of the one that its
-- source shares, in hexadecimal; one digit for the algorithm, whether the work is done,
-- whether the source may make no more counters, and whether there is a shared one; 20
-- digits for the limit, the window, the burst, the cost, and how much more to charge if
-- it is there.
--
-- It returns the number of the last reset, the time, and for each charge: whether it
-- fits, which counter it is on (o: its own, n: a new one, s: the shared one, g: its own,
-- which is deleted), the counter, and how much more was charged.
--
-- Rows are locked in the order of their ids, and all shared ones have higher ids than the
-- others, so there is no deadlock.

-- +goose StatementBegin
CREATE FUNCTION sallyport_count_1(todo TEXT, clock BIGINT, patience INTEGER, shard_asked INTEGER, asked TEXT) RETURNS TEXT
LANGUAGE plpgsql AS $body$
DECLARE
    most     CONSTANT BIGINT := 4294967295; -- of one step
    charges  CONSTANT INTEGER := length(asked) / 168;
    a        TEXT;
    own      BYTEA;
    shared   BYTEA;
    r        sallyport_counters;
    rows     sallyport_counters[];
    there    BOOLEAN[];
    fresh    BYTEA[] := '{}';
    wheres   TEXT[];
    w        TEXT;
    now_     BIGINT;
    resets_  BIGINT;
    reset    BOOLEAN := FALSE;
    all_fit  BOOLEAN := TRUE;
    algorithm INTEGER;
    done     BOOLEAN;
    closed   BOOLEAN; -- the source may make no more counters
    sourced  BOOLEAN;
    limit_   BIGINT;
    window_  BIGINT;
    burst    BIGINT;
    cost     BIGINT;
    more     BIGINT;
    amount   BIGINT;
    back     BIGINT;
    width    BIGINT;
    step     BIGINT;
    slot     INTEGER;
    free     BIGINT;
    nothing  BOOLEAN;
    fits     BOOLEAN;
    answer   TEXT := '';
BEGIN
    SELECT sum(t.resets) INTO resets_ FROM sallyport_counter_resets t;
    IF todo <> 'peek' THEN
        PERFORM set_config('lock_timeout', patience::text, TRUE);
    END IF;

    FOR i IN 1 .. charges LOOP
        own := decode(substr(asked, 168 * i - 167, 32), 'hex');
        there[i] := TRUE;
        LOOP
            IF todo = 'peek' THEN
                SELECT * INTO r FROM sallyport_counters c WHERE c.id = own;
            ELSE
                SELECT * INTO r FROM sallyport_counters c WHERE c.id = own FOR UPDATE;
            END IF;
            EXIT WHEN FOUND;
            there[i] := FALSE;
            EXIT WHEN todo <> 'take';
            INSERT INTO sallyport_counters AS c (id, spent, level, at, steps, ends) VALUES (own, 0, 0, 0, NULL, 0) ON CONFLICT DO NOTHING;
            IF FOUND THEN
                fresh := fresh || own;
                EXIT;
            END IF;
            there[i] := TRUE; -- another has made it meanwhile
        END LOOP;
        rows[i] := r;
        wheres[i] := CASE WHEN there[i] THEN 'o' ELSE 'n' END;
    END LOOP;

    IF todo <> 'reset' THEN
        FOR a, closed IN SELECT substr(asked, 168 * i - 135, 32), bool_or(substr(asked, 168 * i - 101, 1) = '1') FROM generate_series(1, charges) AS i
            WHERE NOT there[i] AND substr(asked, 168 * i - 100, 1) = '1' GROUP BY 1 ORDER BY 1 LOOP
            shared := decode(a, 'hex');
            fits := TRUE; -- there is one, or will be
            LOOP
                IF todo = 'peek' THEN
                    SELECT * INTO r FROM sallyport_counters c WHERE c.id = shared;
                ELSE
                    SELECT * INTO r FROM sallyport_counters c WHERE c.id = shared FOR UPDATE;
                END IF;
                EXIT WHEN FOUND;
                fits := closed AND todo = 'take';
                EXIT WHEN NOT fits;
                INSERT INTO sallyport_counters AS c (id, spent, level, at, steps, ends) VALUES (shared, 0, 0, 0, NULL, 0) ON CONFLICT DO NOTHING;
                IF FOUND THEN
                    fresh := fresh || shared;
                    EXIT;
                END IF;
            END LOOP;
            IF fits THEN
                FOR i IN 1 .. charges LOOP
                    IF NOT there[i] AND substr(asked, 168 * i - 135, 32) = a THEN
                        rows[i] := r;
                        wheres[i] := 's';
                    END IF;
                END LOOP;
            END IF;
        END LOOP;
    END IF;

    now_ := clock;
    IF now_ = 0 THEN
        now_ := floor(extract(epoch FROM clock_timestamp()) * 1000000);
    END IF;

    FOR pass IN 1 .. 2 LOOP
        FOR i IN 1 .. charges LOOP
            a := substr(asked, 168 * i - 167, 168);
            own := decode(substr(a, 1, 32), 'hex');
            shared := decode(substr(a, 33, 32), 'hex');
            algorithm := substr(a, 65, 1);
            done := substr(a, 66, 1) = '1';
            closed := substr(a, 67, 1) = '1';
            sourced := substr(a, 68, 1) = '1';
            limit_ := substr(a, 69, 20);
            window_ := substr(a, 89, 20);
            burst := substr(a, 109, 20);
            cost := substr(a, 129, 20);
            more := substr(a, 149, 20);
            w := wheres[i];

            IF todo = 'reset' THEN
                IF pass = 2 THEN
                    IF w = 'o' THEN
                        DELETE FROM sallyport_counters c WHERE c.id = own;
                        w := 'g';
                    END IF;
                    reset := TRUE;
                    answer := answer || ';f,' || w;
                END IF;
                CONTINUE;
            END IF;

            r := rows[i];
            IF w = 's' AND pass = 2 THEN -- another charge may have come here
                SELECT * INTO r FROM sallyport_counters c WHERE c.id = shared;
            END IF;
            IF w = 'n' THEN
                r := NULL;
            END IF;

            -- The counter now.
            IF algorithm = 0 THEN
                IF r.ends IS NULL OR now_ >= r.ends THEN
                    r.spent := 0;
                    r.ends := now_ + window_;
                END IF;
                free := limit_ - r.spent;
                nothing := r.spent <= 0;
            ELSIF algorithm = 1 THEN
                r.level := least(coalesce(r.level, 0), 2 * greatest(limit_, 1)::float8);
                IF r.at IS NULL OR now_ > r.at THEN
                    r.level := greatest(r.level - (now_ - coalesce(r.at, now_))::float8 * limit_::float8 / window_::float8, 0);
                    r.at := now_;
                END IF;
                free := CASE WHEN limit_ <= 0 THEN -1 ELSE floor(burst::float8 - r.level + (1e-6::float8 + 1e-12::float8 * limit_::float8)) END;
                nothing := r.level <= 0;
            ELSE
                width := (window_ + 11) / 12;
                step := now_ / width;
                IF r.steps IS NULL THEN
                    r.steps := array_fill(0::bigint, ARRAY[13]);
                    r.at := step;
                ELSE
                    FOR k IN 0 .. 12 LOOP
                        EXIT WHEN step - k <= r.at;
                        r.steps[(step - k) % 13 + 1] := 0;
                    END LOOP;
                    r.at := greatest(r.at, step);
                END IF;
                free := least(limit_, most);
                FOR k IN 1 .. 13 LOOP
                    free := free - r.steps[k];
                END LOOP;
                nothing := free = least(limit_, most);
            END IF;

            IF pass = 1 THEN
                IF w = 's' AND nothing AND NOT closed THEN
                    wheres[i] := 'n';
                END IF;
                all_fit := all_fit AND (done OR cost <= free);
                CONTINUE;
            END IF;

            fits := cost <= free;
            amount := 0;
            IF todo = 'take' AND all_fit THEN
                more := greatest(least(more, free - cost), 0);
                amount := cost + more;
            ELSE
                more := 0;
                IF todo = 'refund' AND w <> 'n' THEN
                    amount := -cost;
                    reset := TRUE; -- somebody may have been told to wait
                END IF;
            END IF;

            IF amount <> 0 THEN
                IF algorithm = 0 THEN
                    r.spent := least(greatest(r.spent + amount, 0), 4503599627370496);
                    nothing := r.spent = 0;
                ELSIF algorithm = 1 THEN
                    r.level := least(greatest(r.level + amount, 0), 2 * greatest(limit_, 1)::float8);
                    r.ends := r.at + 2 * window_;
                    IF limit_ > 0 THEN
                        r.ends := r.at + ceil(least(r.level * window_::float8 / limit_::float8, 2 * window_::float8));
                    END IF;
                    nothing := r.level <= 0;
                ELSE
                    IF amount > 0 THEN
                        slot := r.at % 13 + 1;
                        r.steps[slot] := least(r.steps[slot] + amount, most);
                    ELSE
                        back := -amount; -- the oldest first: what stays, stays longer
                        FOR k IN REVERSE 12 .. 0 LOOP
                            slot := (r.at - k) % 13 + 1;
                            step := least(r.steps[slot], back);
                            r.steps[slot] := r.steps[slot] - step;
                            back := back - step;
                        END LOOP;
                    END IF;
                    r.ends := (r.at + 13) * width;
                    nothing := TRUE;
                    FOR k IN 1 .. 13 LOOP
                        nothing := nothing AND r.steps[k] = 0;
                    END LOOP;
                END IF;
                IF nothing THEN
                    DELETE FROM sallyport_counters c WHERE c.id = CASE WHEN w = 's' THEN shared ELSE own END;
                    w := CASE WHEN w = 's' THEN 's' ELSE 'g' END;
                ELSE
                    INSERT INTO sallyport_counters AS c (id, spent, level, at, steps, ends)
                        VALUES (CASE WHEN w = 's' THEN shared ELSE own END, coalesce(r.spent, 0), coalesce(r.level, 0), coalesce(r.at, 0), r.steps, r.ends)
                        ON CONFLICT (id) DO UPDATE SET spent = excluded.spent, level = excluded.level, at = excluded.at, steps = excluded.steps, ends = excluded.ends;
                    fresh := array_remove(fresh, CASE WHEN w = 's' THEN shared ELSE own END);
                END IF;
            END IF;
            answer := answer || ';' || CASE WHEN fits THEN 't' ELSE 'f' END || ',' || w || ',' || coalesce(r.spent, 0) || ',' || coalesce(r.level, 0) || ','
                || coalesce(r.at, 0) || ',' || coalesce(r.ends, 0) || ',' || coalesce(array_to_string(r.steps, '.'), '') || ',' || more;
        END LOOP;
    END LOOP;

    IF array_length(fresh, 1) > 0 THEN
        DELETE FROM sallyport_counters c WHERE c.id = ANY (fresh);
    END IF;
    IF reset THEN
        UPDATE sallyport_counter_resets t SET resets = t.resets + 1 WHERE t.shard = shard_asked;
        resets_ := resets_ + 1;
    END IF;
    RETURN resets_ || ',' || now_ || answer;
END
$body$;
-- +goose StatementEnd

INSERT INTO sallyport_counter_migrations (version) VALUES (1);

-- +goose Down

DROP FUNCTION sallyport_count_1(TEXT, BIGINT, INTEGER, INTEGER, TEXT);
DROP TABLE sallyport_counter_resets;
DROP TABLE sallyport_counters;
DROP TABLE sallyport_counter_migrations;
