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

// The sessions that RevokeUserSessions ended, and that were used lately, are a sorted set
// of their IDs, each with the millisecond at which it was ended, so that a caller that
// could not deny them gets them again. The set expires with the last of their records. A
// call removes the members from before its since.
func (s *Store) endedSessionsKey(userID string) string {
	return s.prefix + "ended-sessions:" + nameless(userID)
}

// endingOne is a function that ends a session of the user ARGV[2]. It returns 1 if that
// was last advanced at ARGV[3] or later, and -1 if it was not, does not exist or is another
// user's. If ARGV[4] is 0, it does not end the first kind, and returns 0.
const endingOne = `
local function ending(key)
  local s = redis.call('HMGET', key, 'user', 'advanced')
  if s[1] ~= ARGV[2] then return -1 end
  local lately = tonumber(s[2]) >= tonumber(ARGV[3])
  if lately and ARGV[4] == '0' then return 0 end
  redis.call('HSETNX', key, 'revoked', ARGV[1])
  if lately then return 1 end
  return -1
end
`

var (
	// endingOfUser ends a session, and endingManyOfUser several, which returns a list.
	endingOfUser     = redisclient.NewScript(endingOne + `return ending(KEYS[1])`)
	endingManyOfUser = redisclient.NewScript(endingOne + `
local all = {}
for i, key in ipairs(KEYS) do all[i] = ending(key) end
return all`)

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
			return nil, s.failedWrite("RevokeUserSessions", err)
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
		return nil, s.failedRead("RevokeUserSessions", err)
	}
	_ = s.client.ZRemRangeByScore(ctx, key, "-inf", "("+first).Err() // if it fails, the next call tries again
	return ended, nil
}

// keysOfOne is how many sessions one script ends. Redis serves no other client
// meanwhile: for about 0.1 ms.
const keysOfOne = 50

// endKeys ends sessions, and returns the number of endingOfUser for each. On a Cluster
// each has a slot of its own, and so a script.
func (s *Store) endKeys(ctx context.Context, keys []string, args ...any) ([]int64, error) {
	if _, ok := s.client.(*redis.ClusterClient); ok {
		return s.runAll(ctx, endingOfUser, keys, args...)
	}
	var commands []redisclient.Once
	for some := range slices.Chunk(keys, keysOfOne) {
		commands = append(commands, endingManyOfUser.CommandKeys(ctx, some, args...))
	}
	err := s.sendAll(ctx, commands)
	if redis.HasErrorPrefix(err, "CROSSSLOT") { // one node of a Cluster, without its client
		return s.runAll(ctx, endingOfUser, keys, args...)
	}
	if err != nil {
		return nil, err
	}
	found := make([]int64, 0, len(keys))
	for _, command := range commands {
		some, err := command.Int64Slice()
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	if len(found) != len(keys) {
		return nil, fmt.Errorf("a script has returned %d numbers for %d keys", len(found), len(keys))
	}
	return found, nil
}

// sendAll sends commands to the one server, and waits for the replicas if there are any.
func (s *Store) sendAll(ctx context.Context, commands []redisclient.Once) error {
	pipe := s.client.Pipeline()
	if s.replicas > 0 {
		return s.wait(ctx, pipe, commands...)
	}
	for _, command := range commands {
		_ = pipe.Process(ctx, command) // sent by Exec
	}
	_, err := pipe.Exec(ctx)
	return err
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

// endSome ends the sessions of some members of a user's list. Those that were used lately
// are recorded before they are ended, and all leave the list afterwards: if it fails at any
// step, the next call finds each of them in one of the two, and ends it if it has not ended.
func (s *Store) endSome(ctx context.Context, listed []string, userID, except string, at, since time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var ids, keys []string
	var members []any
	for _, member := range listed {
		if id, _ := idOf(member); id != except {
			ids, keys, members = append(ids, id), append(keys, s.sessionKey(id)), append(members, member)
		}
	}
	if len(members) == 0 {
		return nil
	}
	const onlyOthers, lately = 0, 1
	found, err := s.endKeys(ctx, keys, at.UnixMicro(), userID, since.UnixMicro(), onlyOthers)
	if err != nil {
		return err
	}
	var last int64 // when the last of them is gone for certain
	var used []string
	var note []any
	for i, n := range found {
		if n != 0 {
			continue
		}
		_, ends := idOf(members[i].(string)) //nolint:forcetypeassert // it is a member
		last = max(last, ends)
		used, note = append(used, ids[i]), append(note, at.UnixMilli(), ids[i])
	}
	if len(used) > 0 {
		if _, err := s.run(ctx, noting, s.endedSessionsKey(userID), append(fields{last}, note...)...); err != nil {
			return err
		}
		found, err := s.endKeys(ctx, s.sessionKeys(used), at.UnixMicro(), userID, since.UnixMicro(), lately)
		if err != nil {
			return err
		}
		if err := s.forgetGone(ctx, userID, used, found); err != nil {
			return err
		}
	}
	return s.client.ZRem(ctx, s.userSessionsKey(userID), members...).Err()
}

// forgetGone removes from the record what did not exist any more when it was to end.
func (s *Store) forgetGone(ctx context.Context, userID string, ids []string, found []int64) error {
	var gone []any
	for i, n := range found {
		if n < 0 {
			gone = append(gone, ids[i])
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return s.client.ZRem(ctx, s.endedSessionsKey(userID), gone...).Err()
}
