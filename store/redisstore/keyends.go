package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// The keys that end are a sorted set of their IDs, each with the millisecond in
// which it does, by its age or by its revocation. It is one set for all users, and
// only DeleteExpiredAPIKeys reads it.
func (s *Store) apiKeyEndsKey() string { return s.prefix + "apikey-ends" }

// ending notes when a key ends, unless it ends before that.
var ending = redisclient.NewScript(`return redis.call('ZADD', KEYS[1], 'LT', ARGV[1], ARGV[2])`)

// ends notes when a key ends. A zero time is never.
func (s *Store) ends(ctx context.Context, id string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	_, err := s.run(ctx, ending, s.apiKeyEndsKey(), at.UnixMilli(), id)
	return err
}

// DeleteExpiredAPIKeys forgets the keys that have expired or were revoked before;
// see [store.APIKeys]. It takes some at a time, each with [Config.Timeout] to
// itself. A record that cannot be read is left where it is, and is the error when
// all others are gone.
func (s *Store) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (gone int, err error) {
	var left int64 // those that are not deleted, which the next look passes over
	var unread error
	for {
		some, err := s.someEnded(ctx, before, left)
		gone += some.gone
		left += some.left
		if some.unread != nil {
			unread = failedRead("DeleteExpiredAPIKeys", some.unread)
		}
		if err != nil {
			return gone, failedWrite("DeleteExpiredAPIKeys", err)
		}
		if some.seen < atATime {
			return gone, unread
		}
	}
}

// batch is what became of some keys.
type batch struct {
	seen, gone int
	left       int64
	unread     error
}

// someEnded deletes those keys that have ended from the next few whose end is
// noted. What has ended stays so, which is why nothing has to be one step here;
// and the note goes last, so that the next call finds what this one has left.
func (s *Store) someEnded(ctx context.Context, before time.Time, from int64) (b batch, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	ids, err := s.client.ZRangeByScore(ctx, s.apiKeyEndsKey(), &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(before.UnixMilli(), 10), Offset: from, Count: atATime,
	}).Result()
	if err != nil || len(ids) == 0 {
		return b, err
	}
	b.seen = len(ids)
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.apiKeyKey(id)
	}
	found, err := s.records(ctx, keys)
	if err != nil {
		return b, err
	}

	var over []any // IDs
	paths, records := s.client.Pipeline(), s.client.Pipeline()
	for i, id := range ids {
		ended, err := found[i].ended(before)
		switch {
		case err != nil:
			b.unread = err
			fallthrough
		case !ended:
			b.left++
			continue
		}
		over = append(over, id)
		if len(found[i]) == 0 {
			continue
		}
		_ = paths.Process(ctx, releasing.Command(ctx, s.prefix+"apikey-digest:"+found[i]["digest"], id)) // sent by Exec
		paths.SRem(ctx, s.userAPIKeysKey(found[i]["user"]), id)
		records.Del(ctx, keys[i])
	}
	if len(over) == 0 {
		return b, nil
	}
	if _, err := paths.Exec(ctx); err != nil {
		return b, err
	}
	deleted, err := records.Exec(ctx)
	for _, d := range deleted {
		if n, ok := d.(*redis.IntCmd); ok {
			b.gone += int(n.Val())
		}
	}
	if err != nil {
		return b, err
	}
	return b, s.client.ZRem(ctx, s.apiKeyEndsKey(), over...).Err()
}

// ended reports whether a key has expired or was revoked before. One that is not
// there has.
func (r record) ended(before time.Time) (bool, error) {
	if len(r) == 0 {
		return true, nil
	}
	in := reader{record: r}
	for _, end := range []time.Time{in.moment("expires"), in.moment("revoked")} {
		if !end.IsZero() && !end.After(before) {
			return in.err == nil, in.err
		}
	}
	return false, in.err
}
