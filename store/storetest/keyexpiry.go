package storetest

import (
	"crypto/rand"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const forgetsKeys = "DeleteExpiredAPIKeys deletes the keys whose ExpiresAt or RevokedAt is set and not after before, and returns how many that was."

var keyExpiryRules = []rule{
	{
		name:  "DeleteExpiredAPIKeys forgets what has ended",
		says:  forgetsKeys,
		why:   "the table grows with every key for ever, and a key's label and owner outlive their use",
		check: forgetsEndedKeys,
	},
	{
		name:  "DeleteExpiredAPIKeys keeps what has not ended",
		says:  "It deletes no other: a key that neither expires nor was revoked stays forever.",
		why:   "a script that has run for years stops one night, without a reason that anyone can find",
		check: keepsKeysThatLive,
	},
	{
		name:  "DeleteExpiredAPIKeys says how many",
		says:  "and returns how many that was.",
		why:   "a host that deletes until nothing is left would stop too early, or never",
		check: saysHowManyKeys,
	},
}

// pastForKeys is a moment by which no key that matters has ended, with nothing
// before it left to be deleted.
func (t *trial) pastForKeys() time.Time {
	past := longAgo()
	t.deletesKeys(past.Add(time.Hour))
	return past
}

func (t *trial) deletesKeys(before time.Time) int {
	n, err := t.keys().DeleteExpiredAPIKeys(t.ctx, before)
	t.must(err, "DeleteExpiredAPIKeys")
	return n
}

// endsKey adds a key that expires and was revoked at these times; zero: not.
func (t *trial) endsKey(expires, revoked time.Time) store.APIKey {
	k := t.newKey()
	k.CreatedAt, k.ExpiresAt = longAgo().AddDate(-1, 0, 0), expires
	t.addsKey(k)
	if !revoked.IsZero() {
		k = t.revokesKey(k, revoked)
	}
	return k
}

// endedKeys adds keys that have ended at this moment, each in another way.
func (t *trial) endedKeys(at time.Time) []store.APIKey {
	return []store.APIKey{
		t.endsKey(at, time.Time{}),
		t.endsKey(at.Add(-time.Microsecond), time.Time{}),
		t.endsKey(time.Time{}, at),
		t.endsKey(at.Add(-day), t.now),
		t.endsKey(t.now.Add(day), at.Add(-time.Hour)),
		t.endsKey(at.Add(-time.Hour), at.Add(-day)),
		t.replacesKeyBy(t.endsKey(time.Time{}, time.Time{}), rand.Text(), at),
		t.replacesKeyBy(t.endsKey(t.now.Add(day), time.Time{}), rand.Text(), at),
	}
}

func forgetsEndedKeys(t *trial) {
	past := t.pastForKeys()
	gone := t.endedKeys(past)
	t.deletesKeys(past)
	for _, k := range gone {
		t.missesKey(k.Digest, "DeleteExpiredAPIKeys, when ended")
		t.listsKeysOf(k.Owner)
		t.must(t.keys().UseAPIKey(t.ctx, k.ID, t.now), "UseAPIKey of a key that was forgotten")
		t.must(t.keys().RevokeAPIKey(t.ctx, k.ID, t.now), "RevokeAPIKey of a key that was forgotten")
		t.missesKey(k.Digest, "DeleteExpiredAPIKeys, when used and revoked afterwards")
	}
	again := gone[0] // it is completely deleted
	again.ExpiresAt = t.now.Add(day)
	t.findsKey(t.addsKey(again), "CreateAPIKey of a key that was forgotten")
}

func keepsKeysThatLive(t *trial) {
	past := t.pastForKeys()
	neighbour := t.endedKeys(past)[0]
	soon := past.Add(time.Microsecond)
	live := []store.APIKey{
		t.endsKey(time.Time{}, time.Time{}),
		t.endsKey(t.now.Add(day), time.Time{}),
		t.endsKey(soon, time.Time{}),
		t.endsKey(time.Time{}, soon),
		t.endsKey(soon, soon),
		t.replacesKeyBy(t.endsKey(time.Time{}, time.Time{}), rand.Text(), soon),
		t.usesKey(t.endsKey(time.Time{}, time.Time{}), past.Add(-day)),
		t.addsKeyFor(neighbour.Owner),
	}
	for range 2 {
		t.deletesKeys(past)
		for _, k := range live {
			t.findsKey(k, "DeleteExpiredAPIKeys, when it has not ended")
			if k.RevokedAt.IsZero() {
				t.listsKeysOf(k.Owner, k)
			}
		}
	}
}

func saysHowManyKeys(t *trial) {
	past := t.pastForKeys()
	want := len(t.endedKeys(past))
	t.addsKey(t.newKey())
	if n := t.deletesKeys(past); n != want {
		t.failf("DeleteExpiredAPIKeys: said %d, of %d that had ended", n, want)
	}
	if n := t.deletesKeys(past); n != 0 {
		t.failf("DeleteExpiredAPIKeys, once more: said %d, of none", n)
	}
}
