package sqlcounters

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/sqlschema"
)

const (
	batch = 500
	pause = 20 * time.Millisecond // SQLite's waiters for a lock poll about as often
)

// Sweep deletes the counters that have ended, and returns how many that were. It reads the
// table from its beginning to its end, 500 rows at a time without a lock, deletes those of
// them that have ended in one statement, and rests between two batches, so it holds up no
// decision. Any node may call it, and several at once. After an error the number is that of
// the counters that were deleted before.
func (c *Counters) Sweep(ctx context.Context) (gone int, err error) {
	after := []byte{}
	for {
		last, n, err := c.sweepBatch(ctx, after)
		gone += n
		if err != nil || last == nil {
			return gone, err
		}
		after = last
		if err := sqlschema.Rest(ctx, pause); err != nil {
			return gone, failed("Sweep: %w", err)
		}
	}
}

// SweepEvery calls Sweep at once and then in this interval, until the context is done. It
// passes each error to onError, unless that is nil: the next Sweep tries again.
func (c *Counters) SweepEvery(ctx context.Context, interval time.Duration, onError func(error)) {
	for {
		if _, err := c.Sweep(ctx); err != nil && onError != nil && ctx.Err() == nil {
			onError(err)
		}
		if sqlschema.Rest(ctx, interval) != nil {
			return
		}
	}
}

// sweepBatch deletes what has ended of the rows behind an ID. Last is the last of them, nil
// if there are no more.
func (c *Counters) sweepBatch(ctx context.Context, after []byte) (last []byte, gone int, err error) {
	err = c.call(ctx, func(ctx context.Context, conn database) error {
		ended, behind, now, err := c.ended(ctx, conn, after)
		last = behind
		if err != nil || len(ended) == 0 {
			return err
		}
		literal := map[Dialect]string{SQLite: "x'%'", PostgreSQL: `decode('%', 'hex')`, MySQL: "x'%'"}[Dialect(c.flavour.Dialect)]
		before, behindIt, _ := strings.Cut(literal, "%")
		for i, id := range ended {
			ended[i] = before + id + behindIt
		}
		in := " WHERE id IN (" + strings.Join(ended, ", ") + ") AND ends <= $1"
		plain := "DELETE FROM sallyport_counters" + in
		// PostgreSQL does not lock the rows in the order of their IDs.
		postgres := "DELETE FROM sallyport_counters WHERE id = ANY (ARRAY(SELECT id FROM sallyport_counters" + in + " FOR UPDATE SKIP LOCKED))"
		done, err := conn.ExecContext(ctx, c.flavour.Of(plain, postgres, plain).Text, now)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		gone = int(n)
		return err
	})
	return last, gone, err
}

// ended returns the IDs, in hexadecimal, of the counters that have ended, of a batch behind
// an ID. Last is the last of the batch, nil if it is the last batch.
func (c *Counters) ended(ctx context.Context, conn database, after []byte) (ids []string, last []byte, now int64, err error) {
	const query = "SELECT id, ends, %now FROM sallyport_counters WHERE id > $1 ORDER BY id LIMIT 500"
	of := func(now string) string { return strings.Replace(query, "%now", now, 1) }
	q := c.flavour.Of(of("0"), of("floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"), of("TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"))
	rows, err := conn.QueryContext(ctx, q.Text, after)
	if err != nil {
		return nil, nil, 0, err
	}
	defer rows.Close()
	seen := 0
	for ; rows.Next(); seen++ {
		var ends int64
		if err := rows.Scan(&last, &ends, &now); err != nil {
			return nil, nil, 0, err
		}
		if now == 0 {
			now = c.now().UnixMicro()
		}
		if ends <= now {
			ids = append(ids, hex.EncodeToString(last))
		}
	}
	if seen < batch {
		last = nil
	}
	return ids, last, now, rows.Err()
}
