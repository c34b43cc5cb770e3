package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// creatingKeys changes keys on their way in.
func creatingKeys(change func(k *store.APIKey)) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: func(ctx context.Context, k store.APIKey) error {
			change(&k)
			return r.reference.CreateAPIKey(ctx, k)
		}}
	}
}

// listingKeysWhere replaces which keys OwnerAPIKeys looks for.
func listingKeysWhere(wanted func(k store.APIKey, owner store.Owner) bool) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, list: func(ctx context.Context, owner store.Owner) ([]store.APIKey, error) {
			return r.reference.listKeys(ctx, func(k store.APIKey) bool { return wanted(k, owner) })
		}}
	}
}

// pagingKeys replaces which page OwnerAPIKeys cuts out of all keys of a user.
func pagingKeys(cut func(all []store.APIKey, after store.Cursor, limit int) []store.APIKey) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, page: func(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
			all, err := r.reference.OwnerAPIKeys(ctx, owner, store.Newest(), store.MaxPage)
			return cut(all, after, limit), err
		}}
	}
}

// findingKeys replaces which digests APIKey takes for the one it was given.
func findingKeys(same func(k store.APIKey, digest store.Digest) bool) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, key: func(ctx context.Context, digest store.Digest) (store.APIKey, error) {
			found, err := r.reference.listKeys(ctx, func(k store.APIKey) bool { return same(k, digest) })
			if err == nil && len(found) == 0 {
				err = store.ErrNotFound
			}
			return append(found, store.APIKey{})[0], err
		}}
	}
}

func keyErr(instead error) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, key: func(ctx context.Context, digest store.Digest) (store.APIKey, error) {
			k, err := r.reference.APIKey(ctx, digest)
			if errors.Is(err, store.ErrNotFound) {
				err = instead
			}
			return k, err
		}}
	}
}

// namingKeys replaces which IDs APIKeyByID takes for the one it was given.
func namingKeys(same func(k store.APIKey, id string) bool) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, byID: func(ctx context.Context, id string) (store.APIKey, error) {
			found, err := r.reference.listKeys(ctx, func(k store.APIKey) bool { return same(k, id) })
			if err == nil && len(found) == 0 {
				err = store.ErrNotFound
			}
			return append(found, store.APIKey{})[0], err
		}}
	}
}

// usingKeys replaces what UseAPIKey does with the key.
func usingKeys(change func(k *store.APIKey, at time.Time)) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, use: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.editKeys(ctx, func(k *store.APIKey) {
				if k.ID == id {
					change(k, at)
				}
			})
		}}
	}
}

// revokingKeys replaces what RevokeAPIKey does with the key.
func revokingKeys(change func(k *store.APIKey, id string, at time.Time)) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.editKeys(ctx, func(k *store.APIKey) { change(k, id, at) })
		}}
	}
}

// replacingKeys replaces what ReplaceAPIKey does with the key.
func replacingKeys(replace func(k *store.APIKey, from, successor string, until time.Time) error) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, replace: func(ctx context.Context, id, from, successor string, until time.Time) error {
			if err := timed(until); err != nil {
				return err
			}
			return r.reference.replaceKey(ctx, id, func(k *store.APIKey) error { return replace(k, from, successor, until) })
		}}
	}
}

// missing says ErrNotFound where there is no such key.
func missing(ctx context.Context, p *reference, id string) error {
	found, err := p.listKeys(ctx, func(k store.APIKey) bool { return k.ID == id })
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	return err
}

var keyViolations = []violation{
	{"OwnerAPIKeys knows no limit", "OwnerAPIKeys returns pages, the newest first", pagingKeys(func(all []store.APIKey, after store.Cursor, _ int) []store.APIKey {
		return keyPage(all, after, len(all))
	})},
	{"OwnerAPIKeys looks for the key of the cursor", "OwnerAPIKeys returns pages, the newest first", pagingKeys(func(all []store.APIKey, after store.Cursor, limit int) []store.APIKey {
		if after != store.Newest() && !slices.ContainsFunc(all, func(k store.APIKey) bool { return k.ID == after.ID }) {
			return nil
		}
		return keyPage(all, after, limit)
	})},
	{"APIKeyByID returns no revoked key", "APIKeyByID returns the key, active, revoked or expired", namingKeys(func(k store.APIKey, id string) bool {
		return k.ID == id && k.RevokedAt.IsZero()
	})},
	{"APIKeyByID returns no expired key", "APIKeyByID returns the key, active, revoked or expired", namingKeys(func(k store.APIKey, id string) bool {
		return k.ID == id && k.ExpiresAt.After(time.Now())
	})},
	{"APIKeyByID folds the ID", "APIKeyByID says ErrNotFound of an unknown ID", namingKeys(func(k store.APIKey, id string) bool {
		return strings.EqualFold(k.ID, id)
	})},
	{"APIKeyByID looks for what begins with the ID", "APIKeyByID says ErrNotFound of an unknown ID", namingKeys(func(k store.APIKey, id string) bool {
		return strings.HasPrefix(k.ID, id)
	})},
	{"APIKeyByID returns an error of its own", "APIKeyByID says ErrNotFound of an unknown ID", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, byID: func(ctx context.Context, id string) (store.APIKey, error) {
			k, err := r.reference.APIKeyByID(ctx, id)
			if err != nil {
				err = errDriver
			}
			return k, err
		}}
	}},
	{"CreateAPIKey loses the scopes", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.Scopes = nil })},
	{"CreateAPIKey loses the end", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.ExpiresAt = time.Time{} })},
	{"CreateAPIKey loses the hint", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.Hint = "" })},
	{"CreateAPIKey loses the networks", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.Networks = nil })},
	{"CreateAPIKey sorts the networks", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) {
		slices.SortFunc(k.Networks, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	})},
	{"CreateAPIKey keeps sixteen networks", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.Networks = k.Networks[:min(16, len(k.Networks))] })},
	{"CreateAPIKey takes the widest network for none", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) {
		k.Networks = slices.DeleteFunc(k.Networks, func(n netip.Prefix) bool { return n.Bits() == 0 })
	})},
	{"CreateAPIKey loses the successor", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.Successor = "" })},
	{"CreateAPIKey makes each owner a user", "CreateAPIKey keeps all of a key", creatingKeys(func(k *store.APIKey) { k.Owner.Kind = store.OwnerUser })},
	{"CreateAPIKey overwrites", "CreateAPIKey says ErrConflict when the ID or the digest is taken", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: r.reference.putKey}
	}},
	{"CreateAPIKey does not look at the digest", "CreateAPIKey says ErrConflict when the ID or the digest is taken", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: func(ctx context.Context, k store.APIKey) error {
			if missing(ctx, r.reference, k.ID) == nil {
				return store.ErrConflict
			}
			return r.reference.putKey(ctx, k)
		}}
	}},
	{"CreateAPIKey brings a revoked key back", "CreateAPIKey says ErrConflict when the ID or the digest is taken", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: func(ctx context.Context, k store.APIKey) error {
			err := r.reference.CreateAPIKey(ctx, k)
			if errors.Is(err, store.ErrConflict) {
				_ = r.reference.editKeys(ctx, func(old *store.APIKey) {
					if old.ID == k.ID {
						old.RevokedAt = time.Time{}
					}
				})
			}
			return err
		}}
	}},
	{"CreateAPIKey looks, then writes", "CreateAPIKey has exactly one winner", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: func(ctx context.Context, k store.APIKey) error {
			if _, err := r.reference.APIKey(ctx, k.Digest); err == nil {
				return store.ErrConflict
			}
			yields()
			return r.reference.putKey(ctx, k)
		}}
	}},
	{"APIKey does not find an expired key", "APIKey returns the key, live, revoked or expired", findingKeys(func(k store.APIKey, digest store.Digest) bool {
		return k.Digest == digest && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(time.Now()))
	})},
	{"APIKey does not find a revoked key", "APIKey returns the key, live, revoked or expired", findingKeys(func(k store.APIKey, digest store.Digest) bool {
		return k.Digest == digest && k.RevokedAt.IsZero()
	})},
	{"OwnerAPIKeys leaves expired keys out", "APIKey returns the key, live, revoked or expired", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		return k.Owner == owner && k.RevokedAt.IsZero() && k.ExpiresAt.After(time.Now())
	})},
	{"APIKey returns the driver's error", "APIKey says ErrNotFound of an unknown digest", keyErr(errDriver)},
	{"APIKey returns nothing and no error", "APIKey says ErrNotFound of an unknown digest", keyErr(nil)},
	{"APIKey says ErrBadCredentials", "APIKey says ErrNotFound of an unknown digest", keyErr(store.ErrBadCredentials)},
	{"APIKey folds the digest", "APIKey says ErrNotFound of an unknown digest", findingKeys(func(k store.APIKey, digest store.Digest) bool {
		return bytes.Equal(bytes.ToLower(k.Digest[1:31]), bytes.ToLower(digest[1:31]))
	})},
	{"OwnerAPIKeys returns the newest first", "OwnerAPIKeys returns pages, the newest first", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, list: func(ctx context.Context, owner store.Owner) ([]store.APIKey, error) {
			found, err := r.reference.OwnerAPIKeys(ctx, owner, store.Newest(), store.MaxPage)
			slices.Reverse(found)
			return found, err
		}}
	}},
	{"OwnerAPIKeys returns revoked ones", "OwnerAPIKeys returns pages, the newest first", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool { return k.Owner == owner })},
	{"OwnerAPIKeys says ErrNotFound when there are none", "OwnerAPIKeys returns pages, the newest first", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, list: func(ctx context.Context, owner store.Owner) ([]store.APIKey, error) {
			found, err := r.reference.OwnerAPIKeys(ctx, owner, store.Newest(), store.MaxPage)
			if len(found) == 0 {
				err = store.ErrNotFound
			}
			return found, err
		}}
	}},
	{"OwnerAPIKeys returns all owners'", "OwnerAPIKeys returns only the owner's", listingKeysWhere(func(k store.APIKey, _ store.Owner) bool { return k.RevokedAt.IsZero() })},
	{"OwnerAPIKeys folds the user's ID", "OwnerAPIKeys returns only the owner's", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		return strings.EqualFold(k.Owner.ID, owner.ID) && k.Owner.Kind == owner.Kind && k.RevokedAt.IsZero()
	})},
	{"OwnerAPIKeys folds the ID of a service account", "OwnerAPIKeys returns only the owner's", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		same := k.Owner.ID == owner.ID || owner.Kind == store.OwnerService && strings.EqualFold(k.Owner.ID, owner.ID)
		return same && k.Owner.Kind == owner.Kind && k.RevokedAt.IsZero()
	})},
	{"OwnerAPIKeys knows no kinds", "Owners of different kinds are different", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		return k.Owner.ID == owner.ID && k.RevokedAt.IsZero()
	})},
	{"OwnerAPIKeys tells users from all others only", "Owners of different kinds are different", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		return k.Owner.ID == owner.ID && (k.Owner.Kind == store.OwnerUser) == (owner.Kind == store.OwnerUser) && k.RevokedAt.IsZero()
	})},
	{"OwnerAPIKeys goes by the subject", "Owners of different kinds are different", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		return k.Owner.Subject() == owner.Subject() && k.RevokedAt.IsZero()
	})},
	{"OwnerAPIKeys takes no owner for all of the kind", "Owners of different kinds are different", listingKeysWhere(func(k store.APIKey, owner store.Owner) bool {
		return k.Owner.Kind == owner.Kind && (owner.ID == "" || k.Owner.ID == owner.ID) && k.RevokedAt.IsZero()
	})},

	{"ReplaceAPIKey does nothing", "ReplaceAPIKey names the successor and the end", replacingKeys(func(*store.APIKey, string, string, time.Time) error { return nil })},
	{"ReplaceAPIKey names no successor", "ReplaceAPIKey names the successor and the end", replacingKeys(func(k *store.APIKey, _, _ string, until time.Time) error {
		endBy(k, until)
		return nil
	})},
	{"ReplaceAPIKey sets no end", "ReplaceAPIKey names the successor and the end", replacingKeys(func(k *store.APIKey, _, successor string, _ time.Time) error {
		k.Successor = successor
		return nil
	})},
	{"ReplaceAPIKey cuts its time to the second", "ReplaceAPIKey names the successor and the end", replacingKeys(func(k *store.APIKey, _, successor string, until time.Time) error {
		k.Successor = successor
		endBy(k, until.Truncate(time.Second))
		return nil
	})},
	{"ReplaceAPIKey ends the key at once", "ReplaceAPIKey names the successor and the end", replacingKeys(func(k *store.APIKey, _, successor string, until time.Time) error {
		k.Successor, k.RevokedAt = successor, until
		return nil
	})},
	{"ReplaceAPIKey sets the end that it is told", "ReplaceAPIKey never extends a key", replacingKeys(func(k *store.APIKey, from, successor string, until time.Time) error {
		if k.Successor != from || !k.RevokedAt.IsZero() {
			return conflict("key")
		}
		k.Successor, k.ExpiresAt = successor, until
		return nil
	})},
	{"ReplaceAPIKey looks, then writes", "ReplaceAPIKey has exactly one winner", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, replace: func(ctx context.Context, id, from, successor string, until time.Time) error {
			if err := missing(ctx, r.reference, id); err != nil {
				return err
			}
			found, err := r.reference.listKeys(ctx, func(k store.APIKey) bool { return k.ID == id && k.Successor == from && k.RevokedAt.IsZero() })
			if err != nil || len(found) == 0 {
				return errors.Join(err, conflict("key"))
			}
			yields()
			found[0].Successor = successor
			endBy(&found[0], until)
			return r.reference.putKey(ctx, found[0])
		}}
	}},
	{"ReplaceAPIKey looks at no successor", "ReplaceAPIKey refuses another successor, and a revoked key", replacingKeys(func(k *store.APIKey, _, successor string, until time.Time) error {
		if !k.RevokedAt.IsZero() {
			return conflict("key")
		}
		k.Successor = successor
		endBy(k, until)
		return nil
	})},
	{"ReplaceAPIKey folds the successor", "ReplaceAPIKey refuses another successor, and a revoked key", replacingKeys(func(k *store.APIKey, from, successor string, until time.Time) error {
		if !strings.EqualFold(k.Successor, from) || !k.RevokedAt.IsZero() {
			return conflict("key")
		}
		k.Successor = successor
		endBy(k, until)
		return nil
	})},
	{"ReplaceAPIKey replaces a revoked key", "ReplaceAPIKey refuses another successor, and a revoked key", replacingKeys(func(k *store.APIKey, from, successor string, until time.Time) error {
		if k.Successor != from {
			return conflict("key")
		}
		k.Successor = successor
		endBy(k, until)
		return nil
	})},
	{"ReplaceAPIKey that loses ends the key all the same", "ReplaceAPIKey refuses another successor, and a revoked key", replacingKeys(func(k *store.APIKey, from, successor string, until time.Time) error {
		endBy(k, until)
		if k.Successor != from || !k.RevokedAt.IsZero() {
			return conflict("key")
		}
		k.Successor = successor
		return nil
	})},
	{"ReplaceAPIKey replaces the successor too", "ReplaceAPIKey replaces no other key", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, replace: func(ctx context.Context, id, from, successor string, until time.Time) error {
			return errors.Join(
				r.reference.ReplaceAPIKey(ctx, id, from, successor, until),
				r.reference.editKeys(ctx, func(k *store.APIKey) {
					if k.ID == successor {
						endBy(k, until)
					}
				}))
		}}
	}},
	{"ReplaceAPIKey says ErrConflict of an unknown key", "ReplaceAPIKey says ErrNotFound of an unknown ID", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, replace: func(ctx context.Context, id, from, successor string, until time.Time) error {
			err := r.reference.ReplaceAPIKey(ctx, id, from, successor, until)
			if errors.Is(err, store.ErrNotFound) {
				err = conflict("key")
			}
			return err
		}}
	}},
	{"ReplaceAPIKey takes a zero until for never", "ReplaceAPIKey refuses a zero until", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, replace: func(ctx context.Context, id, from, successor string, until time.Time) error {
			if !until.IsZero() {
				return r.reference.ReplaceAPIKey(ctx, id, from, successor, until)
			}
			return r.reference.replaceKey(ctx, id, func(k *store.APIKey) error {
				k.Successor, k.ExpiresAt = successor, until
				return nil
			})
		}}
	}},

	{"UseAPIKey does nothing", "UseAPIKey notes the use", usingKeys(func(*store.APIKey, time.Time) {})},
	{"UseAPIKey notes the first use only", "UseAPIKey notes the use", usingKeys(func(k *store.APIKey, at time.Time) {
		if k.LastUsedAt.IsZero() {
			k.LastUsedAt = at
		}
	})},
	{"UseAPIKey moves LastUsedAt back", "UseAPIKey never moves LastUsedAt back", usingKeys(func(k *store.APIKey, at time.Time) { k.LastUsedAt = at })},
	{"UseAPIKey looks, then writes", "UseAPIKey never moves LastUsedAt back", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, use: func(ctx context.Context, id string, at time.Time) error {
			found, err := r.reference.listKeys(ctx, func(k store.APIKey) bool { return k.ID == id && at.After(k.LastUsedAt) })
			if err != nil || len(found) == 0 {
				return err
			}
			yields()
			found[0].LastUsedAt = at
			return r.reference.putKey(ctx, found[0])
		}}
	}},
	{"UseAPIKey says ErrConflict when many come at once", "UseAPIKey never moves LastUsedAt back", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, use: func(ctx context.Context, id string, at time.Time) error {
			found, err := r.reference.listKeys(ctx, func(k store.APIKey) bool { return k.ID == id && at.Before(k.LastUsedAt) })
			if err != nil || len(found) > 0 {
				return errors.Join(err, store.ErrConflict)
			}
			return r.reference.UseAPIKey(ctx, id, at)
		}}
	}},
	{"UseAPIKey says ErrNotFound", "UseAPIKey of an unknown key is no error", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, use: func(ctx context.Context, id string, at time.Time) error {
			return errors.Join(missing(ctx, r.reference, id), r.reference.UseAPIKey(ctx, id, at))
		}}
	}},
	{"RevokeAPIKey does nothing", "RevokeAPIKey is committed when it returns, and for good", revokingKeys(func(*store.APIKey, string, time.Time) {})},
	{"RevokeAPIKey is rolled back after the first look", "RevokeAPIKey is committed when it returns, and for good", func(r *rig) {
		var pending sync.Map
		r.APIKeys = overrideKeys{
			APIKeys: r.reference,
			revoke:  func(_ context.Context, id string, at time.Time) error { pending.Store(id, at); return nil },
			key: func(ctx context.Context, digest store.Digest) (store.APIKey, error) {
				k, err := r.reference.APIKey(ctx, digest)
				if at, ok := pending.LoadAndDelete(k.ID); ok {
					k.RevokedAt = at.(time.Time)
				}
				return k, err
			},
		}
	}},
	{"UseAPIKey un-revokes", "RevokeAPIKey is committed when it returns, and for good", usingKeys(func(k *store.APIKey, at time.Time) {
		k.LastUsedAt, k.RevokedAt = at, time.Time{}
	})},
	{"RevokeAPIKey moves RevokedAt", "RevokeAPIKey keeps the first RevokedAt", revokingKeys(func(k *store.APIKey, id string, at time.Time) {
		if k.ID == id {
			k.RevokedAt = at
		}
	})},
	{"RevokeAPIKey keeps the earliest RevokedAt", "RevokeAPIKey keeps the first RevokedAt", revokingKeys(func(k *store.APIKey, id string, at time.Time) {
		if k.ID == id && (k.RevokedAt.IsZero() || at.Before(k.RevokedAt)) {
			k.RevokedAt = at
		}
	})},
	{"RevokeAPIKey does nothing at a zero time, and says nil", "RevokeAPIKey refuses a zero time", revokingKeys(func(k *store.APIKey, id string, at time.Time) {
		if k.ID == id && k.RevokedAt.IsZero() {
			k.RevokedAt = at
		}
	})},
	{"RevokeAPIKey ends all keys", "RevokeAPIKey ends no other key", revokingKeys(func(k *store.APIKey, _ string, at time.Time) { k.RevokedAt = at })},
	{"RevokeAPIKey says ErrNotFound", "RevokeAPIKey of an unknown key is no error", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, revoke: func(ctx context.Context, id string, at time.Time) error {
			return errors.Join(missing(ctx, r.reference, id), r.reference.RevokeAPIKey(ctx, id, at))
		}}
	}},
}

// droppingKeys replaces which keys DeleteExpiredAPIKeys deletes.
func droppingKeys(unwanted func(k store.APIKey, before time.Time) bool) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, drop: func(ctx context.Context, before time.Time) (int, error) {
			return r.reference.dropKeys(ctx, func(k store.APIKey) bool { return unwanted(k, before) })
		}}
	}
}

// countingKeys replaces what DeleteExpiredAPIKeys says.
func countingKeys(change func(n int) int) func(r *rig) {
	return func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, drop: func(ctx context.Context, before time.Time) (int, error) {
			n, err := r.reference.DeleteExpiredAPIKeys(ctx, before)
			return change(n), err
		}}
	}
}

var keyExpiryViolations = []violation{
	{"DeleteExpiredAPIKeys does nothing", "DeleteExpiredAPIKeys forgets what has ended", droppingKeys(func(store.APIKey, time.Time) bool { return false })},
	{"DeleteExpiredAPIKeys leaves the last microsecond", "DeleteExpiredAPIKeys forgets what has ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return ended(k, before.Add(-time.Microsecond))
	})},
	{"DeleteExpiredAPIKeys looks at ExpiresAt only", "DeleteExpiredAPIKeys forgets what has ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return passed(k.ExpiresAt, before)
	})},
	{"DeleteExpiredAPIKeys looks at RevokedAt only", "DeleteExpiredAPIKeys forgets what has ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return passed(k.RevokedAt, before)
	})},
	{"DeleteExpiredAPIKeys wants both to have passed", "DeleteExpiredAPIKeys forgets what has ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return (k.ExpiresAt.IsZero() || passed(k.ExpiresAt, before)) && (k.RevokedAt.IsZero() || passed(k.RevokedAt, before)) && ended(k, before)
	})},
	{"DeleteExpiredAPIKeys leaves the digest taken", "DeleteExpiredAPIKeys forgets what has ended", func(r *rig) {
		var taken sync.Map
		r.APIKeys = overrideKeys{
			APIKeys: r.reference,
			create: func(ctx context.Context, k store.APIKey) error {
				if _, is := taken.LoadOrStore(k.Digest, true); is {
					return store.ErrConflict
				}
				return r.reference.CreateAPIKey(ctx, k)
			},
		}
	}},
	{"RevokeAPIKey brings back what was forgotten", "DeleteExpiredAPIKeys forgets what has ended", func(r *rig) {
		var made sync.Map
		r.APIKeys = overrideKeys{
			APIKeys: r.reference,
			create: func(ctx context.Context, k store.APIKey) error {
				made.Store(k.ID, k)
				return r.reference.CreateAPIKey(ctx, k)
			},
			revoke: func(ctx context.Context, id string, at time.Time) error {
				if k, ok := made.Load(id); ok && missing(ctx, r.reference, id) != nil {
					return r.reference.putKey(ctx, k.(store.APIKey))
				}
				return r.reference.RevokeAPIKey(ctx, id, at)
			},
		}
	}},
	{"DeleteExpiredAPIKeys takes a zero time for the year 1", "DeleteExpiredAPIKeys keeps what has not ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return !k.ExpiresAt.After(before) || ended(k, before)
	})},
	{"DeleteExpiredAPIKeys goes by its own clock", "DeleteExpiredAPIKeys keeps what has not ended", droppingKeys(func(k store.APIKey, _ time.Time) bool { return ended(k, time.Now()) })},
	{"DeleteExpiredAPIKeys goes by the millisecond", "DeleteExpiredAPIKeys keeps what has not ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return ended(k, before.Truncate(time.Millisecond).Add(time.Millisecond))
	})},
	{"DeleteExpiredAPIKeys deletes all that has a successor", "DeleteExpiredAPIKeys keeps what has not ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return k.Successor != "" || ended(k, before)
	})},
	{"DeleteExpiredAPIKeys keeps the end that a key had first", "DeleteExpiredAPIKeys forgets what has ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return k.Successor == "" && ended(k, before)
	})},
	{"DeleteExpiredAPIKeys deletes what was not used for long", "DeleteExpiredAPIKeys keeps what has not ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return passed(k.LastUsedAt, before) || ended(k, before)
	})},
	{"DeleteExpiredAPIKeys deletes all that is revoked", "DeleteExpiredAPIKeys keeps what has not ended", droppingKeys(func(k store.APIKey, before time.Time) bool {
		return !k.RevokedAt.IsZero() || ended(k, before)
	})},
	{"DeleteExpiredAPIKeys says none", "DeleteExpiredAPIKeys says how many", countingKeys(func(int) int { return 0 })},
	{"DeleteExpiredAPIKeys says at least one", "DeleteExpiredAPIKeys says how many", countingKeys(func(n int) int { return max(n, 1) })},
}

var keyCommonViolations = []violation{
	{"RevokeAPIKey folds the ID", "Key IDs are compared byte by byte", revokingKeys(func(k *store.APIKey, id string, at time.Time) {
		if strings.EqualFold(k.ID, id) && k.RevokedAt.IsZero() {
			k.RevokedAt = at
		}
	})},
	{"RevokeAPIKey cuts the ID at 63 bytes", "Key IDs are compared byte by byte", revokingKeys(func(k *store.APIKey, id string, at time.Time) {
		if cut(k.ID, 63) == cut(id, 63) && k.RevokedAt.IsZero() {
			k.RevokedAt = at
		}
	})},
	{"digests end at a NUL byte", "Digests are any 32 bytes", findingKeys(func(k store.APIKey, digest store.Digest) bool {
		has, _, _ := bytes.Cut(k.Digest[:], []byte{0})
		given, _, _ := bytes.Cut(digest[:], []byte{0})
		return bytes.Equal(has, given)
	})},
	{"digests are made UTF-8", "Digests are any 32 bytes", creatingKeys(func(k *store.APIKey) {
		copy(k.Digest[:], bytes.ToValidUTF8(k.Digest[:], []byte("?")))
	})},
	{"a label of a key is cut at 255 bytes", "Any text of a key comes back as it was", creatingKeys(func(k *store.APIKey) { k.Label = cut(k.Label, 255) })},
	{"scopes of a key are sorted", "Any text of a key comes back as it was", creatingKeys(func(k *store.APIKey) { k.Scopes = slices.Sorted(slices.Values(k.Scopes)) })},
	{"a key without an end has one in 1970", "Times of a key come back equal", creatingKeys(func(k *store.APIKey) {
		if k.ExpiresAt.IsZero() {
			k.ExpiresAt = time.Unix(0, 0)
		}
	})},
	{"times of a key are cut to the second", "Times of a key come back equal", creatingKeys(func(k *store.APIKey) { k.CreatedAt = k.CreatedAt.Truncate(time.Second) })},
	{"UseAPIKey cuts its time to the second", "Times of a key come back equal", usingKeys(func(k *store.APIKey, at time.Time) { k.LastUsedAt = at.Truncate(time.Second) })},
	{"CreateAPIKey keeps the caller's slice", "A slice of a key belongs to the caller", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: func(ctx context.Context, k store.APIKey) error {
			return errors.Join(r.reference.CreateAPIKey(ctx, k), r.reference.editKeys(ctx, func(kept *store.APIKey) {
				if kept.ID == k.ID {
					kept.Scopes = k.Scopes
				}
			}))
		}}
	}},
	{"APIKey gives its own slice out", "A slice of a key belongs to the caller", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, key: func(ctx context.Context, digest store.Digest) (k store.APIKey, err error) {
			err = r.reference.editKeys(ctx, func(kept *store.APIKey) {
				if kept.Digest == digest {
					k = *kept
				}
			})
			return k, err
		}}
	}},
	{"OwnerAPIKeys gives its own slices out", "A slice of a key belongs to the caller", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, list: func(ctx context.Context, owner store.Owner) (found []store.APIKey, err error) {
			err = r.reference.editKeys(ctx, func(kept *store.APIKey) {
				if kept.Owner == owner {
					found = append(found, *kept)
				}
			})
			return found, err
		}}
	}},
	{"APIKey takes a done context for ErrNotFound", "A done context is no answer about keys", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, key: func(ctx context.Context, digest store.Digest) (store.APIKey, error) {
			k, err := r.reference.APIKey(ctx, digest)
			return k, whenDone(err, store.ErrNotFound)
		}}
	}},
	{"RevokeAPIKey says nil when its context is done", "A done context is no answer about keys", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, revoke: func(ctx context.Context, id string, at time.Time) error {
			return whenDone(r.reference.RevokeAPIKey(ctx, id, at), nil)
		}}
	}},
	{"ReplaceAPIKey takes a done context for ErrConflict", "A done context is no answer about keys", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, replace: func(ctx context.Context, id, from, successor string, until time.Time) error {
			return whenDone(r.reference.ReplaceAPIKey(ctx, id, from, successor, until), store.ErrConflict)
		}}
	}},
	{"CreateAPIKey keeps the caller's networks", "A slice of a key belongs to the caller", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, create: func(ctx context.Context, k store.APIKey) error {
			return errors.Join(r.reference.CreateAPIKey(ctx, k), r.reference.editKeys(ctx, func(kept *store.APIKey) {
				if kept.ID == k.ID {
					kept.Networks = k.Networks
				}
			}))
		}}
	}},
	{"UseAPIKey does not look at its context", "A done context is no answer about keys", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, use: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.UseAPIKey(context.WithoutCancel(ctx), id, at)
		}}
	}},
	{"a use of two at once undoes another key's", "Methods for keys are called by many goroutines at once", func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, use: func(ctx context.Context, id string, at time.Time) error {
			all, err := r.reference.listKeys(ctx, func(store.APIKey) bool { return true })
			yields()
			for _, k := range all {
				if k.ID == id {
					k.LastUsedAt = at
				}
				err = errors.Join(err, r.reference.putKey(ctx, k))
			}
			return err
		}}
	}},
}
