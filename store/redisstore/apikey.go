package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/store"
)

// An API key is a hash, prefix + "apikey:" + ID, without an expiry, because an
// expired key must still be found. A string maps its digest to its ID, a set has
// the keys of its owner, and a sorted set has all keys that end, by their end.
// Only the hash is authoritative: a revocation is in it, and a string or a set
// that contradicts it is ignored.
func (s *Store) apiKeyKey(id string) string { return s.prefix + "apikey:" + id }

func (s *Store) digestKey(digest store.Digest) string {
	return s.prefix + "apikey-digest:" + digestText(digest)
}

// ownerAPIKeysKey returns the name of the set of an owner's keys: the kind of the
// owner, and a digest of the ID.
func (s *Store) ownerAPIKeysKey(o store.Owner) string {
	kind := "user"
	if o.Kind != store.OwnerUser {
		kind = string(o.Kind)
	}
	return s.prefix + kind + "-apikeys:" + nameless(o.ID)
}

func digestText(digest store.Digest) string { return base64.RawURLEncoding.EncodeToString(digest[:]) }

var (
	// taking writes a string unless it exists.
	taking = redisclient.NewScript(`return redis.call('SETNX', KEYS[1], ARGV[1])`)

	// releasing deletes a string if it is unchanged.
	releasing = redisclient.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

	// owning adds to the list of an owner's keys.
	owning = redisclient.NewScript(`return redis.call('ZADD', KEYS[1], 0, ARGV[1])`)

	// using sets the last use, unless it is later already.
	using = redisclient.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local used = redis.call('HGET', KEYS[1], 'used')
if used and tonumber(used) >= tonumber(ARGV[1]) then return 0 end
return redis.call('HSET', KEYS[1], 'used', ARGV[1])`)

	// replacing names a successor, and ends the key by a time, unless it ends earlier.
	// What it returns is as in advancing.
	replacing = redisclient.NewScript(`
local k = redis.call('HMGET', KEYS[1], 'digest', 'revoked', 'successor', 'expires')
if not k[1] then return 0 end
if k[2] or (k[3] or '') ~= ARGV[1] then return 1 end
redis.call('HSET', KEYS[1], 'successor', ARGV[2])
if not k[4] or tonumber(k[4]) > tonumber(ARGV[3]) then redis.call('HSET', KEYS[1], 'expires', ARGV[3]) end
return 2`)
)

// CreateAPIKey adds a key; see [store.APIKeys].
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	taken, err := s.run(ctx, taking, s.digestKey(k.Digest), k.ID)
	switch {
	case err != nil:
		return s.failedWrite("CreateAPIKey", err)
	case taken == 0:
		return store.ErrConflict
	}
	f := fields{"digest", digestText(k.Digest)}
	f.owner(k.Owner)
	f.text("hint", k.Hint)
	f.text("label", k.Label)
	f.list("scopes", k.Scopes)
	f.networks("networks", k.Networks)
	f.time("created", k.CreatedAt)
	f.moment("expires", k.ExpiresAt)
	f.moment("used", k.LastUsedAt)
	f.moment("revoked", k.RevokedAt)
	f.text("version", k.CredentialVersion)
	f.text("successor", k.Successor)
	created, err := s.run(ctx, creating, s.apiKeyKey(k.ID), append(fields{0}, f...)...)
	switch {
	case err != nil:
		return s.failedWrite("CreateAPIKey", err)
	case created == 0:
		if _, err := s.run(ctx, releasing, s.digestKey(k.Digest), k.ID); err != nil {
			return s.failedWrite("CreateAPIKey", err)
		}
		return store.ErrConflict
	}
	if _, err := s.run(ctx, owning, s.ownerAPIKeysKey(k.Owner), position(k.CreatedAt, k.ID)); err != nil {
		return s.failedWrite("CreateAPIKey", err)
	}
	for _, end := range []time.Time{k.ExpiresAt, k.RevokedAt} {
		if err := s.ends(ctx, k.ID, end); err != nil {
			return s.failedWrite("CreateAPIKey", err)
		}
	}
	return nil
}

// APIKey returns the key with this digest; see [store.APIKeys].
func (s *Store) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	id, err := s.client.Get(ctx, s.digestKey(digest)).Result()
	if errors.Is(err, redis.Nil) {
		return store.APIKey{}, store.ErrNotFound
	}
	if err != nil {
		return store.APIKey{}, s.failedRead("APIKey", err)
	}
	found, err := s.client.HGetAll(ctx, s.apiKeyKey(id)).Result()
	if err != nil {
		return store.APIKey{}, s.failedRead("APIKey", err)
	}
	if found["digest"] != digestText(digest) { // CreateAPIKey has not completed for this key
		return store.APIKey{}, store.ErrNotFound
	}
	k, err := record(found).apiKey(id)
	if err != nil {
		return store.APIKey{}, s.failedRead("APIKey", err)
	}
	return k, nil
}

// APIKeyByID returns the key with this ID; see [store.APIKeys].
func (s *Store) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	found, err := s.client.HGetAll(ctx, s.apiKeyKey(id)).Result()
	if err != nil {
		return store.APIKey{}, s.failedRead("APIKeyByID", err)
	}
	if len(found) == 0 {
		return store.APIKey{}, store.ErrNotFound
	}
	k, err := record(found).apiKey(id)
	if err != nil {
		return store.APIKey{}, s.failedRead("APIKeyByID", err)
	}
	return k, nil
}

// owner adds the owner of a key. That of a user is "user", as it was when users only
// had keys. A release that knows no other owner finds none in the record of another's
// key, and rejects it.
func (f *fields) owner(o store.Owner) {
	if o.Kind == store.OwnerUser {
		*f = append(*f, "user", o.ID)
		return
	}
	*f = append(*f, "kind", string(o.Kind), "owner", o.ID)
}

// owner returns the owner of a key.
func (r record) owner() store.Owner {
	if kind := store.OwnerKind(r["kind"]); kind != store.OwnerUser {
		return store.Owner{Kind: kind, ID: r["owner"]}
	}
	return store.Owner{ID: r["user"]}
}

func (r record) apiKey(id string) (store.APIKey, error) {
	in := reader{record: r}
	k := store.APIKey{
		ID:         id,
		Hint:       r["hint"],
		Owner:      r.owner(),
		Label:      r["label"],
		Scopes:     in.list("scopes"),
		Networks:   in.networks("networks"),
		CreatedAt:  in.time("created"),
		ExpiresAt:  in.moment("expires"),
		LastUsedAt: in.moment("used"),
		RevokedAt:  in.moment("revoked"),

		CredentialVersion: r["version"],
		Successor:         r["successor"],
	}
	digest, err := base64.RawURLEncoding.DecodeString(r["digest"])
	if err != nil || copy(k.Digest[:], digest) != len(k.Digest) {
		in.failed("digest")
	}
	return k, in.err
}

// OwnerAPIKeys returns a page of an owner's keys that are not revoked, the newest first;
// see [store.APIKeys]. It takes two round trips, and two more for each time that it
// finds revoked keys in the list.
func (s *Store) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var page []store.APIKey
	for behind := position(after.CreatedAt, after.ID); len(page) < limit; {
		listed, err := s.listed(ctx, s.ownerAPIKeysKey(owner), behind, min(limit-len(page), atATime))
		if err != nil {
			return nil, s.failedRead("OwnerAPIKeys", err)
		}
		if len(listed) == 0 {
			break
		}
		keys := make([]string, len(listed))
		for i, member := range listed {
			keys[i] = s.apiKeyKey(member[16:])
		}
		found, err := s.records(ctx, keys)
		if err != nil {
			return nil, s.failedRead("OwnerAPIKeys", err)
		}
		for i, member := range listed {
			if len(found[i]) == 0 || found[i]["revoked"] != "" || found[i].owner() != owner {
				continue
			}
			k, err := found[i].apiKey(member[16:])
			if err != nil {
				return nil, s.failedRead("OwnerAPIKeys", err)
			}
			page = append(page, k)
		}
		behind = listed[len(listed)-1]
	}
	return page, nil
}

// UseAPIKey records that a key was used; see [store.APIKeys].
func (s *Store) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if _, err := s.run(ctx, using, s.apiKeyKey(id), at.UnixMicro()); err != nil {
		return s.failedWrite("UseAPIKey", err)
	}
	return nil
}

// ReplaceAPIKey names the successor of a key, in one script; see [store.APIKeys]. It
// returns an error if until is zero.
func (s *Store) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if until.IsZero() {
		return errors.New("redisstore: ReplaceAPIKey: until must not be zero: the key would never expire")
	}
	what, err := s.run(ctx, replacing, s.apiKeyKey(id), from, successor, until.UnixMicro())
	switch {
	case err != nil:
		return s.failedWrite("ReplaceAPIKey", err)
	case what == advanceNotFound:
		return store.ErrNotFound
	case what == advanceConflict:
		return store.ErrConflict
	}
	if err := s.ends(ctx, id, until); err != nil {
		return s.failedWrite("ReplaceAPIKey", err)
	}
	return nil
}

// RevokeAPIKey ends a key; see [store.APIKeys]. It returns an error if at is
// zero.
func (s *Store) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if at.IsZero() {
		return fmt.Errorf("redisstore: RevokeAPIKey: %w", errNoTime)
	}
	revoked, err := s.run(ctx, revoking, s.apiKeyKey(id), at.UnixMicro())
	if err != nil {
		return s.failedWrite("RevokeAPIKey", err)
	}
	if revoked < 0 {
		return nil
	}
	if err := s.ends(ctx, id, at); err != nil {
		return s.failedWrite("RevokeAPIKey", err)
	}
	return nil
}
