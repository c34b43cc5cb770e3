package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

var keyUseRules = []rule{
	{
		name:  "UseAPIKey notes the use",
		says:  "UseAPIKey records that a key was used.",
		why:   "by the last use an owner tells a key that is needed from one that is not, or that somebody stole",
		check: notesUse,
	},
	{
		name:  "UseAPIKey never moves LastUsedAt back",
		says:  "LastUsedAt never becomes earlier.",
		why:   "a late write of a slow node hides the use that was stolen",
		check: movesNoUseBack,
	},
	{
		name:  "UseAPIKey of an unknown key is no error",
		says:  "A key that does not exist is not an error.",
		why:   "the exchange of a key that its owner has just deleted would be answered with 503",
		check: usesUnknownKey,
	},
	{
		name:  "RevokeAPIKey is committed when it returns, and for good",
		says:  "RevokeAPIKey ends a key permanently. It is committed when RevokeAPIKey returns nil.",
		why:   "a key that was found in a public repository goes on working",
		check: revokesKeyForGood,
	},
	{
		name:  "RevokeAPIKey keeps the first RevokedAt",
		says:  "A key that is revoked already keeps its first RevokedAt",
		why:   "the time when a key was ended is evidence, and a later call must not change it",
		check: keepsFirstKeyRevocation,
	},
	{
		name:  "RevokeAPIKey refuses a zero time",
		says:  "A zero time is rejected with an error that is not a sentinel, and ends nothing.",
		why:   "a zero RevokedAt is that of a key which was not revoked: its owner is told that it has ended, and it goes on",
		check: refusesTimelessKeyRevocation,
	},
	{
		name:  "RevokeAPIKey ends no other key",
		says:  "RevokeAPIKey ends a key permanently.",
		why:   "one script's key is taken away, and another's stops working",
		check: revokesOnlyOneKey,
	},
	{
		name:  "RevokeAPIKey of an unknown key is no error",
		says:  "one that does not exist is not an error.",
		why:   "a second click on the button would be answered with 503",
		check: revokesUnknownKey,
	},
}

func notesUse(t *trial) {
	k := t.addsKey(t.newKey())
	other := t.addsKeyFor(k.Owner)
	for _, hour := range []time.Duration{1, 2, 48} {
		k = t.usesKey(k, t.now.Add(hour*time.Hour))
		t.findsKey(k, "UseAPIKey")
		t.listsKeysOf(k.Owner, k, other)
	}
	t.findsKey(other, "UseAPIKey of another key")
}

func movesNoUseBack(t *trial) {
	k := t.usesKey(t.addsKey(t.newKey()), t.now)
	for _, earlier := range []time.Time{t.now.Add(-time.Microsecond), t.now.Add(-day), {}} {
		t.must(t.keys().UseAPIKey(t.ctx, k.ID, earlier), "UseAPIKey, earlier")
		t.findsKey(k, "UseAPIKey at an earlier time")
	}
	for range rounds {
		k = t.addsKey(t.newKey())
		errs := atOnce(racers, func(i int) error {
			return t.APIKeys.UseAPIKey(t.ctx, k.ID, t.now.Add(time.Duration(i)*time.Second))
		})
		t.must(errors.Join(errs...), "UseAPIKey by %d callers", racers)
		k.LastUsedAt = t.now.Add((racers - 1) * time.Second)
		t.findsKey(k, "UseAPIKey by many callers")
	}
}

func usesUnknownKey(t *trial) {
	unknown := t.newKey()
	t.usesKey(unknown, t.now)
	t.missesKey(unknown.Digest, "UseAPIKey of an unknown key")
}

func revokesKeyForGood(t *trial) {
	k := t.revokesKey(t.usesKey(t.addsKey(t.newKey()), t.now), t.now.Add(time.Minute))
	for range 3 {
		t.findsKey(k, "RevokeAPIKey")
		t.listsKeysOf(k.Owner)
		k = t.usesKey(k, k.LastUsedAt.Add(time.Hour))
		t.addsKeyFor(store.Owner{ID: unique("user")})
	}
	t.findsKey(k, "RevokeAPIKey, and a use")
}

func keepsFirstKeyRevocation(t *trial) {
	k := t.revokesKey(t.addsKey(t.newKey()), t.now)
	for _, again := range []time.Duration{time.Hour, -time.Hour} {
		t.must(t.keys().RevokeAPIKey(t.ctx, k.ID, t.now.Add(again)), "RevokeAPIKey again")
		t.findsKey(k, "RevokeAPIKey again")
	}
}

func refusesTimelessKeyRevocation(t *trial) {
	k := t.addsKey(t.newKey())
	t.refusesZeroTime(call{"RevokeAPIKey", func(ctx context.Context) error { return t.keys().RevokeAPIKey(ctx, k.ID, time.Time{}) }})
	t.findsKey(k, "RevokeAPIKey at a zero time")
	t.listsKeysOf(k.Owner, k)
}

func revokesOnlyOneKey(t *trial) {
	k := t.addsKey(t.newKey())
	other := t.addsKeyFor(k.Owner)
	t.revokesKey(k, t.now)
	t.findsKey(other, "RevokeAPIKey of another key of the same user")
	t.listsKeysOf(k.Owner, other)
}

func revokesUnknownKey(t *trial) {
	unknown := t.newKey()
	t.revokesKey(unknown, t.now)
	t.missesKey(unknown.Digest, "RevokeAPIKey of an unknown key")
}
