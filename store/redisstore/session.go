package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/store"
)

// A session is a hash, prefix + "session:" + ID, that expires when the session
// does. Its name needs no hash tag, since no script works on two keys.
func (s *Store) sessionKey(id string) string { return s.prefix + "session:" + id }

// creating adds a record unless it exists: ARGV[1] is its end, or 0, and the rest
// are its fields.
var creating = redisclient.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if ARGV[1] ~= '0' then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
return 1`)

// CreateSession adds a session; see [store.Sessions].
func (s *Store) CreateSession(ctx context.Context, session store.Session) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	ends := milliseconds(session.IdleUntil)
	if session.ExpiresAt.Before(session.IdleUntil) {
		ends = milliseconds(session.ExpiresAt)
	}
	f := fields{"user", session.UserID}
	f.text("client", session.ClientID)
	f.list("scopes", session.Scopes)
	f.number("generation", session.Generation)
	f.time("created", session.CreatedAt)
	f.time("advanced", session.AdvancedAt)
	f.time("idle", session.IdleUntil)
	f.time("expires", session.ExpiresAt)
	f.moment("revoked", session.RevokedAt)
	f.text("label", session.Label)
	f.text("version", session.CredentialVersion)
	f.moment("authenticated", session.AuthenticatedAt)
	f.list("methods", session.Methods)
	f.text("actor", session.Actor)
	created, err := s.run(ctx, creating, s.sessionKey(session.ID), append(fields{ends}, f...)...)
	switch {
	case err != nil:
		return s.failedWrite("CreateSession", err)
	case created == 0:
		return store.ErrConflict
	}
	// The list is written second, so that each session in it has existed, and may
	// be removed from it when it no longer exists. If this write fails, the session
	// is not listed, and its token is never returned to a client.
	if err := s.list(ctx, session); err != nil {
		return s.failedWrite("CreateSession", err)
	}
	return nil
}

// Session returns the session with this ID; see [store.Sessions].
func (s *Store) Session(ctx context.Context, id string) (store.Session, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	found, err := s.client.HGetAll(ctx, s.sessionKey(id)).Result()
	if err != nil {
		return store.Session{}, s.failedRead("Session", err)
	}
	if len(found) == 0 {
		return store.Session{}, store.ErrNotFound
	}
	session, err := record(found).session(id)
	if err != nil {
		return store.Session{}, s.failedRead("Session", err)
	}
	return session, nil
}

func (r record) session(id string) (store.Session, error) {
	in := reader{record: r}
	s := store.Session{
		ID:         id,
		UserID:     r["user"],
		ClientID:   r["client"],
		Scopes:     in.list("scopes"),
		Generation: in.number("generation"),
		CreatedAt:  in.time("created"),
		AdvancedAt: in.time("advanced"),
		IdleUntil:  in.time("idle"),
		ExpiresAt:  in.time("expires"),
		RevokedAt:  in.moment("revoked"),
		Label:      r["label"],

		CredentialVersion: r["version"],
		AuthenticatedAt:   in.moment("authenticated"),
		Methods:           in.list("methods"),
		Actor:             r["actor"],
	}
	return s, in.err
}

// What advancing answers.
const (
	advanceNotFound = iota
	advanceConflict
	advanced
)

// advancing compares generations as text, because a number in Lua is a float, and writes
// the next one, ARGV[5], as a value: a server that was killed while it wrote to its
// append-only file may execute the effects of a script once more when it starts again.
var advancing = redisclient.NewScript(`
local s = redis.call('HMGET', KEYS[1], 'generation', 'revoked', 'expires')
if not s[1] then return 0 end
if s[2] or s[1] ~= ARGV[1] then return 1 end
redis.call('HSET', KEYS[1], 'generation', ARGV[5], 'advanced', ARGV[2], 'idle', ARGV[3])
local expires = math.max(1, math.ceil(tonumber(s[3]) / 1000))
redis.call('PEXPIREAT', KEYS[1], math.min(expires, tonumber(ARGV[4])))
return 2`)

// AdvanceSession advances a session by one generation, in one script; see
// [store.Sessions]. The command is never retried, so a caller that gets
// ErrConflict has not lost to its own first attempt.
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	if from == math.MaxInt64 {
		return store.ErrConflict // no session is there
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	what, err := s.run(ctx, advancing, s.sessionKey(id), from, at.UnixMicro(), idleUntil.UnixMicro(), milliseconds(idleUntil), from+1)
	switch {
	case err != nil:
		return s.failedWrite("AdvanceSession", err)
	case what == advanceNotFound:
		return store.ErrNotFound
	case what == advanceConflict:
		return store.ErrConflict
	}
	return nil
}

// revoking ends a session or a key. It returns -1 if that does not exist.
var revoking = redisclient.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
return redis.call('HSETNX', KEYS[1], 'revoked', ARGV[1])`)

var errNoTime = errors.New("the time must not be zero: a zero time means \"not revoked\"")

// RevokeSession ends a session; see [store.Sessions]. It returns an error if at
// is zero. It also removes the session from the list of its user's: without that a
// user who has logged out very often would wait for the next list of their sessions.
func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if at.IsZero() {
		return fmt.Errorf("redisstore: RevokeSession: %w", errNoTime)
	}
	if _, err := s.run(ctx, revoking, s.sessionKey(id), at.UnixMicro()); err != nil {
		return s.failedWrite("RevokeSession", err)
	}
	s.unlist(ctx, id)
	return nil
}

// unlist removes a session that has ended from the list of its user's. If it fails,
// the next call that lists tries again.
func (s *Store) unlist(ctx context.Context, id string) {
	values, err := s.client.HMGet(ctx, s.sessionKey(id), "user", "created", "expires").Result()
	if err != nil {
		return
	}
	r := record{}
	for i, field := range []string{"user", "created", "expires"} {
		text, ok := values[i].(string)
		if !ok {
			return // it has expired meanwhile
		}
		r[field] = text
	}
	in := reader{record: r}
	ended := store.Session{ID: id, UserID: r["user"], CreatedAt: in.time("created"), ExpiresAt: in.time("expires")}
	if in.err == nil {
		_ = s.client.ZRem(ctx, s.userSessionsKey(ended.UserID), memberOf(ended)).Err()
	}
}

// DeleteExpiredSessions does nothing and returns 0: Redis deletes a session when
// it expires, by the clock of the server.
func (*Store) DeleteExpiredSessions(ctx context.Context, _ time.Time) (int, error) {
	return 0, ctx.Err()
}
