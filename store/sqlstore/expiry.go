package sqlstore

import (
	"context"
	"fmt"
	"time"
)

const (
	batch = 1000
	pause = 20 * time.Millisecond // SQLite's waiters for a lock poll about as often
)

// deleteEnded deletes batches until it finds fewer rows, and returns how many rows that
// was.
func (s *Store) deleteEnded(ctx context.Context, doing string, do endedSQL, before time.Time) (gone int, err error) {
	for {
		rows, more, err := s.deleteBatch(ctx, doing, do, before)
		gone += rows
		if err != nil || !more {
			return gone, err
		}
		if err := rest(ctx, pause); err != nil {
			return gone, fmt.Errorf("sqlstore: %s: %w", doing, err)
		}
	}
}

// deleteBatch deletes up to a batch, and reports whether there may be more.
func (s *Store) deleteBatch(ctx context.Context, doing string, do endedSQL, before time.Time) (gone int, more bool, err error) {
	args := []any{micros(before)}
	found := batch
	if do.find.text != "" {
		keys, err := many(ctx, s.db, doing, value[string], do.find, args...)
		if err != nil || len(keys) == 0 {
			return 0, false, err
		}
		found = len(keys)
		args = append(args, array(keys))
	}
	rows, err := s.exec(ctx, doing, do.remove, args...)
	if do.find.text == "" {
		found = int(rows)
	}
	return int(rows), found >= batch, err
}

// rest waits, and returns an error if ctx is done before.
func rest(ctx context.Context, pause time.Duration) error {
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}
