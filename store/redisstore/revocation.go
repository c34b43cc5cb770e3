package redisstore

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// A denial is a string, prefix + "denied:" + sid, with its end in milliseconds.
// It is kept for slack longer, because the node that verifies a token has another
// clock than Redis.
func (s *Store) denialKey(sid string) string { return s.prefix + "denied:" + sid }

// denying writes the later of two ends.
var denying = redisclient.NewScript(`
local ends = redis.call('GET', KEYS[1])
if ends and tonumber(ends) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 1`)

// DenySession puts a session on the deny list; see [store.Revocations].
func (s *Store) DenySession(ctx context.Context, sid string, until time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if _, err := s.run(ctx, denying, s.denialKey(sid), milliseconds(until.Add(slack))); err != nil {
		return s.failedWrite("DenySession", err)
	}
	return nil
}

// DenySessions puts sessions on the deny list, with one pipeline for each
// thousand; see [store.Revocations].
func (s *Store) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return s.failedWrite("DenySessions", err)
	}
	for some := range slices.Chunk(sids, manyAtATime) {
		keys := make([]string, len(some))
		for i, sid := range some {
			keys[i] = s.denialKey(sid)
		}
		if _, err := s.runAll(ctx, denying, keys, milliseconds(until.Add(slack))); err != nil {
			return s.failedWrite("DenySessions", err)
		}
	}
	return nil
}

// SessionDenied reports whether a session is on the deny list; see
// [store.Revocations].
func (s *Store) SessionDenied(ctx context.Context, sid string) (bool, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var n int64
	err := s.guard.Call(ctx, s.denialKey(sid), func(ctx context.Context) (err error) {
		n, err = s.client.Exists(ctx, s.denialKey(sid)).Result()
		return err
	})
	if err != nil {
		return false, s.failedRead("SessionDenied", err)
	}
	return n > 0, nil
}

// DeleteExpiredDenials does nothing and returns 0: Redis deletes a denial an hour
// after its end, by the clock of the server.
func (*Store) DeleteExpiredDenials(ctx context.Context, _ time.Time) (int, error) {
	return 0, ctx.Err()
}
