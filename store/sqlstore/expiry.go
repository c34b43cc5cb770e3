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
func (s *Store) deleteEnded(ctx context.Context, doing, statement string, before time.Time) (gone int, err error) {
	for {
		rows, err := s.exec(ctx, doing, statement, micros(before))
		gone += int(rows)
		if err != nil || rows < batch {
			return gone, err
		}
		rest := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			rest.Stop()
			return gone, fmt.Errorf("sqlstore: %s: %w", doing, ctx.Err())
		case <-rest.C:
		}
	}
}
