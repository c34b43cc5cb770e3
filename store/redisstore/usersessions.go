package redisstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/store"
)

// The list of a user's sessions is a sorted set whose members all have the score 0,
// so that Redis sorts them byte by byte: by CreatedAt, then by ID. A member has the
// time after which its session is gone for certain. The name of the list is made of
// a digest, so that no user is read in a list of keys.
func (s *Store) userSessionsKey(userID string) string {
	return s.prefix + "user-sessions:" + nameless(userID)
}

func nameless(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// slack is how much the clocks of two nodes may differ.
const slack = time.Hour

// position is the beginning of a member of a list: 16 hexadecimal digits that sort as
// the times do, then the ID.
func position(createdAt time.Time, id string) string {
	return fmt.Sprintf("%016x", uint64(createdAt.UnixMicro())+1<<63) + id
}

// endDigits are the digits of the time in milliseconds that a member of a user's list
// of sessions ends with, behind a character that sorts before all of an ID's.
const endDigits = 16

func memberOf(s store.Session) string {
	return fmt.Sprintf("%s!%0*d", position(s.CreatedAt, s.ID), endDigits, milliseconds(s.ExpiresAt.Add(slack)))
}

// idOf returns the ID in a member, and the time that it ends with.
func idOf(member string) (id string, ends int64) {
	const behind = 1 + endDigits
	if len(member) < 16+behind {
		return "", 0
	}
	ends, _ = strconv.ParseInt(member[len(member)-endDigits:], 10, 64)
	return member[16 : len(member)-behind], ends
}

// listing looks at 16 members that begin at the part ARGV[3] of the list, and removes
// those whose session is gone: so the list has hardly more than it needs, whether or
// not it is ever read. Then it adds the member ARGV[1], which ends at ARGV[2], and
// lets the list live as long as it.
var listing = redisclient.NewScript(`
local now = redis.call('TIME')[1] * 1000
local first = math.floor(math.max(0, redis.call('ZCARD', KEYS[1]) - 15) * ARGV[3])
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], first, first + 15)) do
  if tonumber(string.sub(m, -16)) <= now then
    redis.call('ZREM', KEYS[1], m)
  end -- if
end
redis.call('ZADD', KEYS[1], 0, ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 or now + left < tonumber(ARGV[2]) then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return 1`)

// list adds a session to the list of its user's.
func (s *Store) list(ctx context.Context, session store.Session) error {
	var chance [1]byte
	_, _ = rand.Read(chance[:]) // never fails
	part := float64(chance[0]) / 256
	_, err := s.run(ctx, listing, s.userSessionsKey(session.UserID), memberOf(session), milliseconds(session.ExpiresAt.Add(slack)), part)
	return err
}

// UserSessions returns a page of a user's sessions that are not revoked, the newest
// first; see [store.Sessions]. It takes two round trips, and two more for each time
// that it finds revoked sessions in the list, which it removes from there.
func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	key := s.userSessionsKey(userID)
	var page []store.Session
	for behind := position(after.CreatedAt, after.ID); len(page) < limit; {
		listed, err := s.listed(ctx, key, behind, min(limit-len(page), atATime))
		if err != nil {
			return nil, s.failedRead("UserSessions", err)
		}
		if len(listed) == 0 {
			break
		}
		ids := make([]string, len(listed))
		for i, member := range listed {
			ids[i], _ = idOf(member)
		}
		found, err := s.records(ctx, s.sessionKeys(ids))
		if err != nil {
			return nil, s.failedRead("UserSessions", err)
		}
		var over []any
		for i, id := range ids {
			if len(found[i]) == 0 || found[i]["revoked"] != "" {
				over = append(over, listed[i])
				continue
			}
			session, err := found[i].session(id)
			switch {
			case err != nil:
				return nil, s.failedRead("UserSessions", err)
			case session.UserID == userID:
				page = append(page, session)
			}
		}
		if len(over) > 0 {
			_ = s.client.ZRem(ctx, key, over...).Err() // the next call that lists tries again
		}
		behind = listed[len(listed)-1]
	}
	return page, nil
}

// listed returns members of a list that come behind a position, the newest first.
func (s *Store) listed(ctx context.Context, key, behind string, limit int) ([]string, error) {
	return s.client.ZRevRangeByLex(ctx, key, &redis.ZRangeBy{Max: "(" + behind, Min: "-", Count: int64(limit)}).Result()
}

func (s *Store) sessionKeys(ids []string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.sessionKey(id)
	}
	return keys
}

// UsersWithSessions yields the ID of each user who has a session that is not revoked: for a
// program that lists or ends the sessions of all users. Their order is random, a user may
// be yielded twice, one who logs in meanwhile may be missing, and the sessions of a user
// may all have expired. It looks at the names of all keys of the server (SCAN, which the
// role must be allowed to send; New does not try it), a thousand at a time, each within
// Config.Timeout. If a read fails, it yields the error, and ends.
func (s *Store) UsersWithSessions(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		servers, err := s.servers(ctx)
		for i := 0; err == nil && i < len(servers); i++ {
			var more bool
			if more, err = s.usersOn(ctx, servers[i], func(user string) bool { return yield(user, nil) }); !more && err == nil {
				return
			}
		}
		if err != nil {
			yield("", s.failedRead("UsersWithSessions", err))
		}
	}
}

// servers returns the servers that have keys: the masters of a Cluster.
func (s *Store) servers(ctx context.Context) ([]redis.UniversalClient, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return []redis.UniversalClient{s.client}, nil
	}
	var mu sync.Mutex
	var all []redis.UniversalClient
	err := cluster.ForEachMaster(ctx, func(_ context.Context, master *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, master)
		return nil
	})
	return all, err
}

// globs are the characters that have a meaning in a pattern of SCAN.
var globs = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// usersOn yields the users whose lists are on a server, and returns false if it was told
// to stop.
func (s *Store) usersOn(ctx context.Context, server redis.UniversalClient, yield func(string) bool) (more bool, err error) {
	pattern := globs.Replace(s.prefix+"user-sessions:") + "*"
	for cursor := uint64(0); ; {
		within, cancel := s.bounded(ctx)
		lists, next, err := server.Scan(within, cursor, pattern, manyAtATime).Result()
		cancel()
		if err != nil {
			return false, err
		}
		for _, list := range lists {
			user, err := s.userOf(ctx, list)
			if err != nil {
				return false, err
			}
			if user != "" && !yield(user) {
				return false, nil
			}
		}
		if next == 0 {
			return true, nil
		}
		cursor = next
	}
}

// userOf returns whose list of sessions this is, which only the records of the sessions
// tell, or "" if they are all gone or revoked.
func (s *Store) userOf(ctx context.Context, list string) (string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for behind := position(store.Newest().CreatedAt, ""); ; {
		listed, err := s.listed(ctx, list, behind, atATime)
		if err != nil || len(listed) == 0 {
			return "", err
		}
		ids := make([]string, len(listed))
		for i, member := range listed {
			ids[i], _ = idOf(member)
		}
		found, err := s.records(ctx, s.sessionKeys(ids))
		if err != nil {
			return "", err
		}
		for _, session := range found {
			if user := session["user"]; user != "" && session["revoked"] == "" && s.userSessionsKey(user) == list {
				return user, nil
			}
		}
		behind = listed[len(listed)-1]
	}
}
