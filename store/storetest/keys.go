package storetest

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	takenKey   = "It returns ErrConflict if its ID or its Digest is taken, and does not change the key that has it."
	ownersKeys = "OwnerAPIKeys returns a page of the owner's keys that are not revoked, as UserSessions returns one of sessions"
)

var keyRules = []rule{
	{
		name:  "CreateAPIKey keeps all of a key",
		says:  "CreateAPIKey adds a key.",
		why:   "a key is as strong as what was kept of it: without its scopes or its end it opens more, and for longer, than its owner said",
		check: keepsKey,
	},
	{
		name:  "CreateAPIKey says ErrConflict when the ID or the digest is taken",
		says:  takenKey,
		why:   "a key that can be overwritten is somebody else's key from then on",
		check: refusesTakenKey,
	},
	{
		name:  "CreateAPIKey has exactly one winner",
		says:  takenKey,
		why:   "of two keys with one digest one authenticates the other's owner",
		check: createsKeyOnce,
	},
	{
		name:  "APIKey returns the key, live, revoked or expired",
		says:  "APIKey returns the key with this digest, whether it is active, revoked or expired.",
		why:   "an owner who asks why their script was refused is told the wrong reason, and the event names no key",
		check: returnsDeadKeys,
	},
	{
		name:  "APIKeyByID returns the key, active, revoked or expired",
		says:  "APIKeyByID returns the key with this ID, whether it is active, revoked or expired.",
		why:   "an owner could not revoke the key, and a token that was made from it could not be checked against it",
		check: returnsKeysByID,
	},
	{
		name:  "APIKeyByID says ErrNotFound of an unknown ID",
		says:  "It returns ErrNotFound if there is none.",
		why:   "any other error means 503 for an access token of a session; no error means that a token which belongs to no key is active",
		check: missesUnknownKeyID,
	},
	{
		name:  "APIKey says ErrNotFound of an unknown digest",
		says:  "ErrNotFound if there is none.",
		why:   "any other error means 503, and a wrong key that is tried for ever; no error means that the key is accepted",
		check: missesUnknownKey,
	},
	{
		name:  "OwnerAPIKeys returns pages, the newest first",
		says:  ownersKeys,
		why:   "the list jumps about at every look",
		check: listsKeys,
	},
	{
		name:  "OwnerAPIKeys returns only the owner's",
		says:  ownersKeys,
		why:   "a user would read, and end, other people's keys",
		check: listsOnlyOwnersKeys,
	},
	{
		name:  "Owners of different kinds are different",
		says:  "Owners of different kinds are different, even if they have one ID.",
		why:   "a user whose ID is that of an account would see, end and replace the keys of the account",
		check: keepsKindsApart,
	},
}

// keys returns the store of keys, which the fixture need not have.
func (t *trial) keys() store.APIKeys {
	if t.APIKeys == nil {
		t.skipf("needs Fixture.APIKeys")
	}
	return t.APIKeys
}

// newKey makes up a live key of a user of its own. Each is a little
// younger than the last.
func (t *trial) newKey() store.APIKey {
	t.made++
	created := t.now.Add(time.Duration(t.made) * time.Millisecond)
	return store.APIKey{
		ID:        rand.Text(),
		Digest:    sha256.Sum256([]byte(rand.Text())),
		Hint:      "Q7XB",
		Owner:     store.Owner{ID: unique("user")},
		Label:     "CI of the shop",
		Scopes:    []string{"articles:read", "articles:write"},
		Networks:  []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("192.0.2.0/24")},
		CreatedAt: created,
		ExpiresAt: created.Add(365 * day),
	}
}

// addsKey adds the key and returns it.
func (t *trial) addsKey(k store.APIKey) store.APIKey {
	given := k
	given.Scopes, given.Networks = slices.Clone(k.Scopes), slices.Clone(k.Networks)
	t.must(t.keys().CreateAPIKey(t.ctx, given), "CreateAPIKey(%q)", k.ID)
	return k
}

// addsKeyFor adds a new live key of this owner and returns it.
func (t *trial) addsKeyFor(owner store.Owner) store.APIKey {
	k := t.newKey()
	k.Owner = owner
	return t.addsKey(k)
}

// findsKey fails the rule unless the store has exactly this key.
func (t *trial) findsKey(want store.APIKey, after string, args ...any) {
	after = fmt.Sprintf(after, args...)
	got, err := t.keys().APIKey(t.ctx, want.Digest)
	t.must(err, "APIKey, after %s", after)
	if d := difference(got, want); d != "" {
		t.failf("APIKey, after %s: %s", after, d)
	}
}

// missesKey fails the rule unless the store has no key with this digest.
func (t *trial) missesKey(digest store.Digest, after string) {
	_, err := t.keys().APIKey(t.ctx, digest)
	t.wants(err, store.ErrNotFound, "APIKey(%x), after %s", digest, after)
}

// usesKey notes a use of the key, and returns what it then is.
func (t *trial) usesKey(k store.APIKey, at time.Time) store.APIKey {
	t.must(t.keys().UseAPIKey(t.ctx, k.ID, at), "UseAPIKey(%q)", k.ID)
	k.LastUsedAt = at
	return k
}

// revokesKey ends the key, and returns what it then is.
func (t *trial) revokesKey(k store.APIKey, at time.Time) store.APIKey {
	t.must(t.keys().RevokeAPIKey(t.ctx, k.ID, at), "RevokeAPIKey(%q)", k.ID)
	k.RevokedAt = at
	return k
}

// listsKeysOf fails the rule unless the pages of OwnerAPIKeys are exactly these, which
// are given the oldest first.
func (t *trial) listsKeysOf(owner store.Owner, want ...store.APIKey) {
	t.pagesOfKeys(owner, store.MaxPage, want...)
}

// pagesOfKeys is listsKeysOf with pages of this length.
func (t *trial) pagesOfKeys(owner store.Owner, limit int, want ...store.APIKey) {
	var got []store.APIKey
	after := store.Newest()
	for more := true; more; {
		page, err := t.keys().OwnerAPIKeys(t.ctx, owner, after, limit)
		t.must(err, "OwnerAPIKeys(%q)", owner)
		if len(page) > limit {
			t.failf("OwnerAPIKeys(%q): returned %d keys, where the limit is %d", owner, len(page), limit)
		}
		got = append(got, page...)
		if more = len(page) == limit && len(got) <= len(want); more {
			after = page[limit-1].Cursor()
		}
	}
	if len(got) != len(want) {
		t.failf("OwnerAPIKeys(%q), in pages of %d: returned %d keys, not %d", owner, limit, len(got), len(want))
	}
	for i := range got {
		if d := difference(got[i], want[len(want)-1-i]); d != "" {
			t.failf("OwnerAPIKeys(%q)[%d], in pages of %d: %s", owner, i, limit, d)
		}
	}
}

func keepsKey(t *trial) {
	k := t.addsKey(t.newKey())
	other := t.addsKeyFor(k.Owner)
	t.findsKey(k, "CreateAPIKey")
	t.findsKey(other, "CreateAPIKey")

	bare := t.newKey()
	bare.Label, bare.Scopes, bare.ExpiresAt, bare.Hint, bare.Networks = "", nil, time.Time{}, "", nil
	t.findsKey(t.addsKey(bare), "CreateAPIKey without label, scopes, end, hint and networks")

	full := t.newKey()
	full.Owner.Kind, full.Successor = store.OwnerService, strings.Repeat(rand.Text(), 3)[:64]
	full.Networks = nil
	for i := range store.MaxNetworks {
		full.Networks = append(full.Networks, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(i)}), 128))
	}
	t.findsKey(t.addsKey(full), "CreateAPIKey with a successor and %d networks", store.MaxNetworks)
	everywhere := t.newKey()
	everywhere.Networks = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("0.0.0.0/0")}
	t.findsKey(t.addsKey(everywhere), "CreateAPIKey with the widest networks")
}

func refusesTakenKey(t *trial) {
	for _, k := range []store.APIKey{
		t.usesKey(t.addsKey(t.newKey()), t.now),
		t.revokesKey(t.addsKey(t.newKey()), t.now),
	} {
		sameID, sameDigest := t.newKey(), t.newKey()
		sameID.ID, sameDigest.Digest = k.ID, k.Digest
		for _, taken := range []store.APIKey{sameID, sameDigest, k} {
			t.wants(t.keys().CreateAPIKey(t.ctx, taken), store.ErrConflict, "CreateAPIKey with an ID or a digest that is taken")
			t.findsKey(k, "CreateAPIKey with its ID or digest")
		}
		t.missesKey(sameID.Digest, "CreateAPIKey with an ID that is taken")
		t.listsKeysOf(sameDigest.Owner)
	}
}

func createsKeyOnce(t *trial) {
	keys := t.keys()
	for range rounds {
		taken := t.newKey()
		racing := make([]store.APIKey, racers)
		for i := range racing {
			racing[i] = t.newKey()
			racing[i].Digest = taken.Digest
		}
		errs := atOnce(racers, func(i int) error { return keys.CreateAPIKey(t.ctx, racing[i]) })
		t.oneWins(errs, "CreateAPIKey with one digest")
		for i, err := range errs {
			if err == nil {
				t.findsKey(racing[i], "the others' CreateAPIKey with its digest")
			}
		}
	}
}

func returnsDeadKeys(t *trial) {
	k := t.newKey()
	k.CreatedAt, k.ExpiresAt = t.now.Add(-2*day), t.now.Add(-day)
	t.addsKey(k)
	t.findsKey(k, "CreateAPIKey, when expired")
	t.listsKeysOf(k.Owner, k)
	t.findsKey(t.revokesKey(k, t.now), "RevokeAPIKey, when expired")
	t.findsKey(t.revokesKey(t.addsKey(t.newKey()), t.now), "RevokeAPIKey")
}

// byID fails the rule unless APIKeyByID returns exactly this key.
func (t *trial) byID(want store.APIKey, after string) {
	got, err := t.keys().APIKeyByID(t.ctx, want.ID)
	t.must(err, "APIKeyByID(%q), after %s", want.ID, after)
	if d := difference(got, want); d != "" {
		t.failf("APIKeyByID, after %s: %s", after, d)
	}
}

func returnsKeysByID(t *trial) {
	k := t.addsKey(t.newKey())
	other := t.addsKeyFor(k.Owner)
	t.byID(k, "CreateAPIKey")
	t.byID(t.usesKey(k, t.now), "UseAPIKey")
	t.byID(other, "UseAPIKey of another key")
	t.byID(t.revokesKey(other, t.now), "RevokeAPIKey")
	expired := t.newKey()
	expired.CreatedAt, expired.ExpiresAt = t.now.Add(-2*day), t.now.Add(-day)
	t.byID(t.addsKey(expired), "CreateAPIKey, when expired")
}

func missesUnknownKeyID(t *trial) {
	k := t.addsKey(t.newKey())
	s := t.opens()
	for _, id := range append(lookAlikes(k.ID), t.newKey().ID, s.ID, "", k.ID[1:], k.ID[:len(k.ID)-1]) {
		_, err := t.keys().APIKeyByID(t.ctx, id)
		t.wants(err, store.ErrNotFound, "APIKeyByID(%q)", id)
	}
}

func missesUnknownKey(t *trial) {
	k := t.addsKey(t.newKey())
	t.missesKey(t.newKey().Digest, "nothing")
	t.missesKey(store.Digest{}, "nothing")
	for _, at := range []int{0, 1, len(k.Digest) - 1} {
		alike := k.Digest
		alike[at] ^= 0x20
		t.missesKey(alike, "CreateAPIKey of one that differs in a bit")
	}
}

func listsKeys(t *trial) {
	owner := store.Owner{ID: unique("user")}
	middle, youngest, oldest := t.newKey(), t.newKey(), t.newKey()
	middle.CreatedAt = oldest.CreatedAt.Add(time.Microsecond)
	youngest.CreatedAt = oldest.CreatedAt.Add(2 * time.Microsecond)
	for _, k := range []*store.APIKey{&middle, &youngest, &oldest} {
		k.Owner = owner
		t.addsKey(*k)
	}
	t.listsKeysOf(owner, oldest, middle, youngest)
	for limit := range 4 {
		t.pagesOfKeys(owner, limit+1, oldest, middle, youngest)
	}
	oldest = t.usesKey(oldest, t.now.Add(day))
	t.revokesKey(middle, t.now)
	t.listsKeysOf(owner, oldest, youngest)
	rest, err := t.keys().OwnerAPIKeys(t.ctx, owner, middle.Cursor(), 1)
	t.must(err, "OwnerAPIKeys behind a key that was revoked")
	if len(rest) != 1 || rest[0].ID != oldest.ID {
		t.failf("OwnerAPIKeys behind a key that was revoked: returned %d keys, not the next older one", len(rest))
	}
	t.listsKeysOf(store.Owner{ID: unique("unknown")})
}

func listsOnlyOwnersKeys(t *trial) {
	id := unique("Ada_é%ß 🔑")
	for _, kind := range ownerKinds {
		owner := store.Owner{Kind: kind, ID: id}
		k := t.addsKeyFor(owner)
		for _, alike := range append(lookAlikes(id), unique("user"), id[:len(id)-1]) {
			other := store.Owner{Kind: kind, ID: alike}
			t.listsKeysOf(other)
			t.listsKeysOf(other, t.addsKeyFor(other))
		}
		t.listsKeysOf(owner, k)
	}
}

// ownerKinds are all kinds of owners.
var ownerKinds = []store.OwnerKind{store.OwnerUser, store.OwnerAccount, store.OwnerService}

func keepsKindsApart(t *trial) {
	id := unique("same")
	keys := map[store.OwnerKind]store.APIKey{}
	for _, kind := range ownerKinds {
		owner := store.Owner{Kind: kind, ID: id}
		t.listsKeysOf(owner)
		keys[kind] = t.addsKeyFor(owner)
		t.listsKeysOf(store.Owner{Kind: kind}) // no owner, and not all of the kind
	}
	for _, kind := range ownerKinds {
		t.listsKeysOf(store.Owner{Kind: kind, ID: id}, keys[kind])
		t.findsKey(keys[kind], "CreateAPIKey for owners of different kinds with one ID")
		t.byID(keys[kind], "CreateAPIKey for owners of different kinds with one ID")
	}
	t.listsKeysOf(store.Owner{ID: string(store.OwnerService) + ":" + id})
	t.revokesKey(keys[store.OwnerUser], t.now)
	for _, kind := range ownerKinds[1:] {
		t.listsKeysOf(store.Owner{Kind: kind, ID: id}, keys[kind])
	}
}
