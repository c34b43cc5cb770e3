package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// probe tests before the first login what would make it fail.
func (s *Store) probe(ctx context.Context, refuseEviction bool) error {
	if _, err := s.run(ctx, redisclient.Probing, s.prefix+"probe", "1"); err != nil {
		return fmt.Errorf("redisstore: New: %s: %w", advice(err), err)
	}
	if err := redisclient.Inspect(ctx, s.client, "sessions and revocations", !refuseEviction); err != nil {
		return fmt.Errorf("redisstore: New: %w", err)
	}
	return nil
}

// advice returns what to do about an error of the first command.
func advice(err error) string {
	if errors.Is(err, errReplicas) {
		return "the server has too few replicas for Config.Replicas, or they are slow"
	}
	return redisclient.Advice(err)
}
