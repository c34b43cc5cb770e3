package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// The keys that end are a sorted set of their IDs, each with the millisecond in
// which it expires or was revoked, the earlier of the two. It is one set for all
// users, and only DeleteExpiredAPIKeys reads it.
func (s *Store) apiKeyEndsKey() string { return s.prefix + "apikey-ends" }

// ending records when a key ends, unless an earlier end is recorded.
var ending = redisclient.NewScript(`return redis.call('ZADD', KEYS[1], 'LT', ARGV[1], ARGV[2])`)

// ends records when a key ends. A zero time is ignored.
func (s *Store) ends(ctx context.Context, id string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	_, err := s.run(ctx, ending, s.apiKeyEndsKey(), at.UnixMilli(), id)
	return err
}

// DeleteExpiredAPIKeys deletes the keys that expired or were revoked by before;
// see [store.APIKeys]. It works in batches of 200, each with [Config.Timeout]. A
// record that cannot be read is skipped, and its error is returned after all
// others are deleted.
func (s *Store) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (gone int, err error) {
	var left int64 // those that are not deleted, which the next batch skips
	var unread error
	for {
		some, err := s.someEnded(ctx, before, left)
		gone += some.gone
		left += some.left
		if some.unread != nil {
			unread = s.failedRead("DeleteExpiredAPIKeys", some.unread)
		}
		if err != nil {
			return gone, s.failedWrite("DeleteExpiredAPIKeys", err)
		}
		if some.seen < atATime {
			return gone, unread
		}
	}
}

// batch is the result of one batch.
type batch struct {
	seen, gone int
	left       int64
	unread     error
}

// someEnded deletes those keys that have ended from the next batch of recorded
// ends. A key that has ended stays so, so the steps need not be atomic. The
// record of the end is deleted last, so that the next call finds what this one
// has left.
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
		created := reader{record: found[i]}
		paths.ZRem(ctx, s.ownerAPIKeysKey(found[i].owner()), position(created.time("created"), id))
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

// ended reports whether a key expired or was revoked by before. A missing key
// counts as one that did.
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
