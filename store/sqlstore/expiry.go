package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/internal/sqlschema"
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
		if err := sqlschema.Rest(ctx, pause); err != nil {
			return gone, fmt.Errorf("sqlstore: %s: %w", doing, err)
		}
	}
}

// deleteBatch deletes up to a batch, and reports whether there may be more.
func (s *Store) deleteBatch(ctx context.Context, doing string, do endedSQL, before time.Time) (gone int, more bool, err error) {
	args := []any{micros(before)}
	found := batch
	if do.find.Text != "" {
		keys, err := many(ctx, s.db, doing, value[string], do.find, args...)
		if err != nil || len(keys) == 0 {
			return 0, false, err
		}
		found = len(keys)
		args = append(args, array(keys))
	}
	rows, err := s.exec(ctx, doing, do.remove, args...)
	if do.find.Text == "" {
		found = int(rows)
	}
	return int(rows), found >= batch, err
}
