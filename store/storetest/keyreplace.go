package storetest

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	replaces       = "ReplaceAPIKey sets the Successor of a key whose Successor is still from, and sets its ExpiresAt to until unless it expires earlier, in one atomic step."
	replaceWinner  = "Of any number of callers with the same from exactly one gets nil, if their successors differ from it."
	replaceLosers  = "The others, callers with a from that is not the key's Successor, and callers after a revocation get ErrConflict and change nothing."
	replaceMissing = "It returns ErrNotFound if there is no such key."
)

var keyReplaceRules = []rule{
	{
		name:  "ReplaceAPIKey names the successor and the end",
		says:  replaces,
		why:   "the key that was replaced goes on for ever, or its owner is not told which key is the new one",
		check: replacesKey,
	},
	{
		name:  "ReplaceAPIKey never extends a key",
		says:  replaces,
		why:   "a key that was to end tomorrow would live on because it was replaced, or one whose end was brought forward would get it back",
		check: extendsNoKey,
	},
	{
		name:  "ReplaceAPIKey has exactly one winner",
		says:  replaceWinner,
		why:   "two jobs that rotate one key at the same time would leave two new keys, of which one is in use and in no list of what replaces what",
		check: replacesKeyOnce,
	},
	{
		name:  "ReplaceAPIKey refuses another successor, and a revoked key",
		says:  replaceLosers,
		why:   "a late call would take the successor away that its owner has in use, or shorten a key that is not the one it read",
		check: refusesOtherSuccessor,
	},
	{
		name:  "ReplaceAPIKey replaces no other key",
		says:  replaces,
		why:   "a script whose key was not rotated stops at an end that was not set",
		check: replacesOnlyOneKey,
	},
	{
		name:  "ReplaceAPIKey says ErrNotFound of an unknown ID",
		says:  replaceMissing,
		why:   "ErrConflict here sends the owner to look for a successor that is not there, and nil says that a key ends which does not exist",
		check: missesReplacedUnknown,
	},
	{
		name:  "ReplaceAPIKey refuses a zero until",
		says:  "An until of zero is rejected with an error that is not a sentinel, and changes nothing.",
		why:   "a zero ExpiresAt is never: the key that was replaced would be the one that lasts for ever",
		check: refusesEndlessReplacement,
	},
}

// replacesKeyBy names a successor of the key, and returns what it then is.
func (t *trial) replacesKeyBy(k store.APIKey, successor string, until time.Time) store.APIKey {
	t.must(t.keys().ReplaceAPIKey(t.ctx, k.ID, k.Successor, successor, until), "ReplaceAPIKey(%q)", k.ID)
	k.Successor = successor
	if k.ExpiresAt.IsZero() || until.Before(k.ExpiresAt) {
		k.ExpiresAt = until
	}
	return k
}

// endless is a key that does not expire.
func (t *trial) endless() store.APIKey {
	k := t.newKey()
	k.ExpiresAt = time.Time{}
	return t.addsKey(k)
}

func replacesKey(t *trial) {
	for _, successor := range []string{rand.Text(), strings.Repeat(rand.Text(), 3)[:62] + "-_", "a.~"} {
		k := t.replacesKeyBy(t.endless(), successor, t.now.Add(day))
		t.findsKey(k, "ReplaceAPIKey of a key that does not expire")
		t.byID(k, "ReplaceAPIKey")
		t.listsKeysOf(k.Owner, k)
	}
	k := t.replacesKeyBy(t.addsKey(t.newKey()), rand.Text(), t.now.Add(day+time.Microsecond))
	t.findsKey(k, "ReplaceAPIKey of a key that expires later")
	k = t.usesKey(k, t.now.Add(time.Hour))
	t.findsKey(k, "ReplaceAPIKey and UseAPIKey")
	k = t.replacesKeyBy(k, rand.Text(), t.now.Add(time.Hour))
	t.findsKey(k, "ReplaceAPIKey of a key that has a successor, from that")
	t.findsKey(t.revokesKey(k, t.now), "ReplaceAPIKey and RevokeAPIKey")
}

func extendsNoKey(t *trial) {
	k := t.newKey()
	k.ExpiresAt = t.now.Add(day)
	t.addsKey(k)
	for _, later := range []time.Duration{time.Microsecond, time.Second, 365 * day} {
		k = t.replacesKeyBy(k, rand.Text(), t.now.Add(day+later))
		t.findsKey(k, "ReplaceAPIKey with an until behind the end of the key")
	}
	k = t.replacesKeyBy(k, rand.Text(), t.now.Add(day-time.Microsecond))
	t.findsKey(k, "ReplaceAPIKey with an until a microsecond before the end of the key")
	k = t.replacesKeyBy(k, rand.Text(), t.now.Add(day))
	t.findsKey(k, "ReplaceAPIKey with the end that the key had first")
}

func replacesKeyOnce(t *trial) {
	for range rounds {
		k := t.endless()
		successors := make([]string, racers)
		for i := range successors {
			successors[i] = rand.Text()
		}
		until := func(i int) time.Time { return t.now.Add(day + time.Duration(i)*time.Second) }
		errs := atOnce(racers, func(i int) error {
			return t.APIKeys.ReplaceAPIKey(t.ctx, k.ID, "", successors[i], until(i))
		})
		t.oneWins(errs, "ReplaceAPIKey from no successor")
		for i, err := range errs {
			if err == nil {
				k.Successor, k.ExpiresAt = successors[i], until(i)
			}
		}
		t.findsKey(k, "ReplaceAPIKey with one winner")
	}
}

func refusesOtherSuccessor(t *trial) {
	k := t.endless()
	refused := func(doing string, froms ...string) {
		for _, from := range froms {
			err := t.keys().ReplaceAPIKey(t.ctx, k.ID, from, rand.Text(), t.now.Add(time.Hour))
			t.wants(err, store.ErrConflict, "ReplaceAPIKey %s", doing)
			t.findsKey(k, "ReplaceAPIKey "+doing)
		}
	}
	refused("from a successor that the key has not", rand.Text(), k.ID)
	k = t.replacesKeyBy(k, rand.Text()+"aB", t.now.Add(day))
	refused("from a successor that the key has not any more", "", k.Successor[1:], k.Successor+"x", strings.Map(swapCase, k.Successor))
	k = t.revokesKey(k, t.now)
	refused("of a revoked key", k.Successor, "")
}

func replacesOnlyOneKey(t *trial) {
	k := t.endless()
	other := t.addsKeyFor(k.Owner)
	k = t.replacesKeyBy(k, other.ID, t.now.Add(day))
	t.findsKey(other, "ReplaceAPIKey of another key of the same owner, by it")
	t.listsKeysOf(k.Owner, k, other)
}

func missesReplacedUnknown(t *trial) {
	k := t.addsKey(t.newKey())
	for _, id := range append(lookAlikes(k.ID), t.newKey().ID, k.ID[1:]) {
		err := t.keys().ReplaceAPIKey(t.ctx, id, "", rand.Text(), t.now.Add(day))
		t.wants(err, store.ErrNotFound, "ReplaceAPIKey(%q)", id)
	}
	unknown := t.newKey()
	t.wants(t.keys().ReplaceAPIKey(t.ctx, unknown.ID, "", k.ID, t.now.Add(day)), store.ErrNotFound, "ReplaceAPIKey of an unknown key")
	t.missesKey(unknown.Digest, "ReplaceAPIKey of an unknown key")
	t.findsKey(k, "ReplaceAPIKey of keys that look alike")
}

func refusesEndlessReplacement(t *trial) {
	k := t.addsKey(t.newKey())
	t.refusesZeroTime(call{"ReplaceAPIKey", func(ctx context.Context) error {
		return t.keys().ReplaceAPIKey(ctx, k.ID, "", rand.Text(), time.Time{})
	}})
	t.findsKey(k, "ReplaceAPIKey with a zero until")
}
