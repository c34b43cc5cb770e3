package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// keyCommonRules are rules for every method, tested with keys.
var keyCommonRules = []rule{
	{
		name:  "Key IDs are compared byte by byte",
		says:  byteByByte,
		why:   "the owner of one key would end, or use up, another's",
		check: keepsKeyIDsApart,
	},
	{
		name:  "Digests are any 32 bytes",
		says:  "APIKey returns the key with this digest",
		why:   "a digest is not text: what cuts it at a NUL byte, or replaces what is no UTF-8, lets a wrong key in or a right one not",
		check: keepsDigests,
	},
	{
		name:  "Any text of a key comes back as it was",
		says:  anyText,
		why:   "a label with a quote in it, or a long one, and the key is not made",
		check: keepsKeyTexts,
	},
	{
		name:  "Times of a key come back equal",
		says:  "A store returns them equal (by [time.Time.Equal]), and a zero time as zero.",
		why:   "an ExpiresAt of zero is never: any other value ends the key, or gives it a use that it did not have",
		check: keepsKeyTimes,
	},
	{
		name:  "A slice of a key belongs to the caller",
		says:  callersSlices,
		why:   "an exchange that narrows the scopes of its token would narrow, or widen, the key",
		check: keepsKeyCopies,
	},
	{
		name:  "A done context is no answer about keys",
		says:  doneContext,
		why:   "a request that ran out of time would be taken for a wrong key, and a script would throw its good key away",
		check: saysNothingOfKeysWhenDone,
	},
	{
		name:  "Methods for keys are called by many goroutines at once",
		says:  "Methods are called by many goroutines concurrently.",
		why:   "a hundred jobs start at the full hour, each with a key",
		check: keysWorkInCrowd,
	},
}

func keepsKeyIDsApart(t *trial) {
	k := t.newKey()
	k.ID = strings.Repeat(rand.Text(), 3)[:62] + "_a"
	t.addsKey(k)
	for _, id := range []string{strings.Map(swapCase, k.ID), strings.ReplaceAll(k.ID, "_", "x"), k.ID[:63] + "b", k.ID[:63], k.ID[1:]} {
		t.must(t.keys().UseAPIKey(t.ctx, id, t.now), "UseAPIKey(%q)", id)
		t.must(t.keys().RevokeAPIKey(t.ctx, id, t.now), "RevokeAPIKey(%q)", id)
		t.findsKey(k, "UseAPIKey and RevokeAPIKey of one that looks alike")
		other := t.newKey()
		other.ID = id
		t.findsKey(t.addsKey(other), "CreateAPIKey of one that looks alike")
		t.findsKey(k, "CreateAPIKey of one that looks alike")
	}
	t.findsKey(t.revokesKey(k, t.now), "RevokeAPIKey")
}

func keepsDigests(t *trial) {
	random := t.newKey().Digest
	for _, start := range []string{"\x00", "abc\x00", "\xff\xfe", "\xc3\x28", "'\\%_", "ABCD", "abcd", " \n"} {
		first, second := t.newKey(), t.newKey()
		first.Digest, second.Digest = random, random
		copy(first.Digest[:], start)
		copy(second.Digest[:], start)
		second.Digest[31] ^= 0x80
		t.addsKey(first)
		t.addsKey(second)
		t.findsKey(first, "CreateAPIKey")
		t.findsKey(second, "CreateAPIKey")
	}
}

func keepsKeyTexts(t *trial) {
	long := strings.Repeat("🔑", 512/4)
	for _, text := range append([]string{long}, texts...) {
		k := t.newKey()
		k.Label = text
		k.Hint = text
		if text != long {
			k.Owner.ID += text
		}
		k.Scopes = []string{"b", "a,b", `d'e`, "{c}", "a"}
		t.addsKey(k)
		t.findsKey(k, "CreateAPIKey")
		t.listsKeysOf(k.Owner, k)
	}
	k := t.newKey()
	k.Owner.ID = strings.Repeat(rand.Text(), 20)[:512]
	k.Scopes = []string{k.Owner.ID}
	t.addsKey(k)
	t.findsKey(k, "CreateAPIKey")
	t.listsKeysOf(k.Owner, k)
}

func keepsKeyTimes(t *trial) {
	for _, at := range append(t.moments(), time.Time{}) {
		k := t.newKey()
		k.CreatedAt, k.ExpiresAt = at, at
		t.addsKey(k)
		t.findsKey(k, "CreateAPIKey")
		if at.IsZero() {
			continue
		}
		k = t.usesKey(k, at)
		t.findsKey(k, "UseAPIKey")
		t.findsKey(t.revokesKey(k, at), "RevokeAPIKey")
	}
}

func keepsKeyCopies(t *trial) {
	k := t.newKey()
	given := k
	given.Scopes, given.Networks = slices.Clone(k.Scopes), slices.Clone(k.Networks)
	t.must(t.keys().CreateAPIKey(t.ctx, given), "CreateAPIKey")
	spoilKey(given)
	t.findsKey(k, "a change of the slice that it was given")

	got, err := t.keys().APIKey(t.ctx, k.Digest)
	t.must(err, "APIKey")
	spoilKey(got)
	t.findsKey(k, "a change of the slices that APIKey returned")

	listed, err := t.keys().OwnerAPIKeys(t.ctx, k.Owner, store.Newest(), store.MaxPage)
	t.must(err, "OwnerAPIKeys")
	for i := range listed {
		spoilKey(listed[i])
	}
	t.findsKey(k, "a change of the slice that OwnerAPIKeys returned")
}

// spoilKey changes the slices of a key that belong to the caller.
func spoilKey(k store.APIKey) {
	spoil(k.Scopes)
	for i := range k.Networks {
		k.Networks[i] = netip.MustParsePrefix("0.0.0.0/0")
	}
}

func saysNothingOfKeysWhenDone(t *trial) { t.sayNothingWhenDone(t.keyCalls()) }

// keyCalls are all methods for keys.
func (t *trial) keyCalls() []call {
	var calls []call
	for _, k := range []store.APIKey{t.addsKey(t.newKey()), t.newKey()} {
		calls = append(calls,
			call{"CreateAPIKey", func(ctx context.Context) error { return t.keys().CreateAPIKey(ctx, k) }},
			call{"APIKey", func(ctx context.Context) error {
				_, err := t.keys().APIKey(ctx, k.Digest)
				return err
			}},
			call{"APIKeyByID", func(ctx context.Context) error {
				_, err := t.keys().APIKeyByID(ctx, k.ID)
				return err
			}},
			call{"OwnerAPIKeys", func(ctx context.Context) error {
				_, err := t.keys().OwnerAPIKeys(ctx, k.Owner, store.Newest(), store.MaxPage)
				return err
			}},
			call{"ReplaceAPIKey", func(ctx context.Context) error {
				return t.keys().ReplaceAPIKey(ctx, k.ID, "", rand.Text(), t.now.Add(day))
			}},
			call{"UseAPIKey", func(ctx context.Context) error { return t.keys().UseAPIKey(ctx, k.ID, t.now) }},
			call{"RevokeAPIKey", func(ctx context.Context) error { return t.keys().RevokeAPIKey(ctx, k.ID, t.now) }},
		)
	}
	calls = append(calls, call{"DeleteExpiredAPIKeys", func(ctx context.Context) error {
		_, err := t.keys().DeleteExpiredAPIKeys(ctx, longAgo())
		return err
	}})
	return calls
}

func keysWorkInCrowd(t *trial) {
	const callers = 16
	owner := store.Owner{ID: unique("user")}
	all := make([]store.APIKey, callers)
	for i := range all {
		all[i] = t.newKey()
		all[i].Owner = owner
	}
	keys := t.keys()
	errs := atOnce(callers, func(i int) error {
		k := all[i]
		if err := keys.CreateAPIKey(t.ctx, k); err != nil {
			return fmt.Errorf("CreateAPIKey: %w", err)
		}
		if err := keys.UseAPIKey(t.ctx, k.ID, t.now); err != nil {
			return fmt.Errorf("UseAPIKey: %w", err)
		}
		if _, err := keys.OwnerAPIKeys(t.ctx, owner, store.Newest(), store.MaxPage); err != nil {
			return fmt.Errorf("OwnerAPIKeys: %w", err)
		}
		return nil
	})
	t.must(errors.Join(errs...), "%d callers", callers)
	for i := range all {
		all[i].LastUsedAt = t.now
		t.findsKey(all[i], "what many did at once")
	}
	t.listsKeysOf(owner, all...)
}
