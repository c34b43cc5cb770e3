package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// The sessions that RevokeUserSessions ended are a sorted set of their IDs, but for
// those that were not used lately, each with the millisecond at which it was ended, so that a caller that could not
// deny them gets them again. The set expires with the last of their records. A
// call removes the members from before its since.
func (s *Store) endedSessionsKey(userID string) string {
	return s.prefix + "ended-sessions:" + nameless(userID)
}

var (
	// endingOfUser ends a session of the user ARGV[2]. It returns -1 if it does not
	// exist, is another user's, or was last advanced before ARGV[3].
	endingOfUser = redisclient.NewScript(`
local s = redis.call('HMGET', KEYS[1], 'user', 'advanced')
if s[1] ~= ARGV[2] then return -1 end
redis.call('HSETNX', KEYS[1], 'revoked', ARGV[1])
if tonumber(s[2]) < tonumber(ARGV[3]) then return -1 end
return 1`)

	// noting adds IDs to a sorted set, which then lasts until ARGV[1] at least. The
	// rest of ARGV is a score and an ID, and again, which Lua can pass on up to a few
	// thousand at a time.
	noting = redisclient.NewScript(`
redis.call('ZADD', KEYS[1], unpack(ARGV, 2))
local now, left = redis.call('TIME'), redis.call('PTTL', KEYS[1])
if left < 0 or now[1] * 1000 + left < tonumber(ARGV[1]) then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
return 1`)
)

// besides is how many thousands of sessions are ended at the same time: this node
// prepares the commands of some while the server runs those of others.
const besides = 4

// RevokeUserSessions ends all sessions of a user, thousands at a time, each
// thousand with [Config.Timeout]; see [store.Sessions]. It returns an error if at
// is zero. After another error some sessions may have ended. The next call ends
// the others, and returns all of them.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	if at.IsZero() {
		return nil, fmt.Errorf("redisstore: RevokeUserSessions: %w", errNoTime)
	}
	for {
		listed, err := s.firstListed(ctx, userID, besides*manyAtATime)
		if err == nil {
			err = s.endThousands(ctx, listed, userID, except, at, since)
		}
		if err != nil {
			return nil, failedWrite("RevokeUserSessions", err)
		}
		if len(listed) < besides*manyAtATime {
			break
		}
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	first := strconv.FormatInt(since.UnixMilli(), 10)
	key := s.endedSessionsKey(userID)
	ended, err := s.client.ZRangeByScore(ctx, key, &redis.ZRangeBy{Min: first, Max: "+inf"}).Result()
	if err != nil {
		return nil, failedRead("RevokeUserSessions", err)
	}
	_ = s.client.ZRemRangeByScore(ctx, key, "-inf", "("+first).Err() // if it fails, the next call tries again
	return ended, nil
}

// firstListed returns the first members of a user's list.
func (s *Store) firstListed(ctx context.Context, userID string, most int64) ([]string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.client.ZRange(ctx, s.userSessionsKey(userID), 0, most-1).Result()
}

// endThousands ends the sessions of members of a user's list, a thousand beside the
// other, and returns the error of one that fails.
func (s *Store) endThousands(ctx context.Context, listed []string, userID, except string, at, since time.Time) error {
	errs := make([]error, besides)
	var all sync.WaitGroup
	n := 0
	for some := range slices.Chunk(listed, manyAtATime) {
		failed := &errs[n]
		n++
		all.Go(func() { *failed = s.endSome(ctx, some, userID, except, at, since) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// endSome ends the sessions of some members of a user's list. They are recorded before
// they are ended, and leave the list afterwards: if it fails at any step, the next call
// finds each of them in one of the two, and ends it if it has not ended.
func (s *Store) endSome(ctx context.Context, listed []string, userID, except string, at, since time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var last int64 // when the last of them is gone for certain
	var keys []string
	var over, note, members []any
	for _, member := range listed {
		id, ends := idOf(member)
		if id == except {
			continue
		}
		last = max(last, ends)
		keys, over, members = append(keys, s.sessionKey(id)), append(over, id), append(members, member)
		note = append(note, at.UnixMilli(), id)
	}
	if len(members) == 0 {
		return nil
	}
	if _, err := s.run(ctx, noting, s.endedSessionsKey(userID), append(fields{last}, note...)...); err != nil {
		return err
	}
	found, err := s.runAll(ctx, endingOfUser, keys, at.UnixMicro(), userID, since.UnixMicro())
	if err != nil {
		return err
	}
	var gone []any // of which no access token is valid
	for i, n := range found {
		if n < 0 {
			gone = append(gone, over[i])
		}
	}
	if len(gone) > 0 {
		if err := s.client.ZRem(ctx, s.endedSessionsKey(userID), gone...).Err(); err != nil {
			return err
		}
	}
	return s.client.ZRem(ctx, s.userSessionsKey(userID), members...).Err()
}
