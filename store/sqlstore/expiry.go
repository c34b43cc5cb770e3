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

// deleteEnded repeats a statement that deletes up to a batch of rows until it
// finds fewer, and returns how many rows that was.
func (s *Store) deleteEnded(ctx context.Context, doing string, do statement, before time.Time) (gone int, err error) {
	for {
		rows, err := s.exec(ctx, doing, do, micros(before))
		gone += int(rows)
		if err != nil || rows < batch {
			return gone, err
		}
		if err := rest(ctx, pause); err != nil {
			return gone, fmt.Errorf("sqlstore: %s: %w", doing, err)
		}
	}
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
