package redisstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/store"
)

// The list of a user's sessions is a sorted set of their IDs, each with the time
// after which it has expired on every clock. Its name has a digest of the user's
// ID, so that a list of keys shows no user.
func (s *Store) userSessionsKey(userID string) string {
	return s.prefix + "user-sessions:" + nameless(userID)
}

func nameless(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// slack is how much the clocks of two nodes may differ.
const slack = time.Hour

// listing adds a session, removes those that have expired, and makes the list
// expire with the last of them.
var listing = redisclient.NewScript(`
local now = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now[1] * 1000)
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
return 1`)

// list adds a session to the list of its user.
func (s *Store) list(ctx context.Context, session store.Session) error {
	_, err := s.run(ctx, listing, s.userSessionsKey(session.UserID), milliseconds(session.ExpiresAt.Add(slack)), session.ID)
	return err
}

// UserSessions returns a user's sessions that are not revoked, oldest first; see
// [store.Sessions]. It also removes sessions that have ended from the user's
// list.
func (s *Store) UserSessions(ctx context.Context, userID string) ([]store.Session, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	listed, err := s.client.ZRange(ctx, s.userSessionsKey(userID), 0, -1).Result()
	if err != nil {
		return nil, failedRead("UserSessions", err)
	}
	var live []store.Session
	var over []any
	for ids := range slices.Chunk(listed, atATime) {
		found, err := s.records(ctx, s.sessionKeys(ids))
		if err != nil {
			return nil, failedRead("UserSessions", err)
		}
		for i, id := range ids {
			if len(found[i]) == 0 || found[i]["revoked"] != "" {
				over = append(over, id)
				continue
			}
			session, err := found[i].session(id)
			switch {
			case err != nil:
				return nil, failedRead("UserSessions", err)
			case session.UserID == userID:
				live = append(live, session)
			}
		}
	}
	if len(over) > 0 {
		// an ended session never becomes active; if it fails, the next call tries again
		_ = s.client.ZRem(ctx, s.userSessionsKey(userID), over...).Err()
	}
	slices.SortFunc(live, func(a, b store.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return live, nil
}

func (s *Store) sessionKeys(ids []string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.sessionKey(id)
	}
	return keys
}
