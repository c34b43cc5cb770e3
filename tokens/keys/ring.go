package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// Ring holds the signing keys of an issuer and lets the host replace them while
// it runs. Create it with [NewRing]. It is also a [Source] for verifiers in the
// same process. It is safe for concurrent use.
//
// To rotate keys without rejecting a valid token, pass one list with a schedule.
// The new key has a SignsFrom by which every node, and every cache of the JWK
// Set, has fetched the key. The old key has a RetiresAt that is that time plus
// Config.AccessTTL. No access token outlives the key that signs it: a token that
// is made shortly before its key retires gets a shorter lifetime, and its
// expires_in says so.
//
// A Ring starts no goroutine: the host decides when to read the keys again, on a
// signal or periodically.
type Ring struct {
	set atomic.Pointer[Set]
}

// Format writes "keys.Ring{}" for every verb, so that no key is printed.
func (*Ring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "keys.Ring{}") }

// NewRing returns a ring of these keys. They must satisfy [NewSet], and the first
// must be able to sign. Of the keys that can sign, the one with the latest
// SignsFrom that has passed signs. All keys verify until they retire. A key that
// signs may retire only after another has started to sign.
//
// If keys are invalid, it returns one error that joins all defects: *ConfigError
// values.
func NewRing(keys ...Key) (*Ring, error) {
	r := &Ring{}
	if err := r.Replace(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace replaces all keys. It checks the new keys as NewRing does. If any of
// them is invalid, it returns an error and the ring keeps its keys.
//
// It is atomic: each token is signed or verified either with the old keys or with
// the new ones. A key that is left out stops to verify at once, so all tokens
// that it signed become invalid: do this with a key that was stolen. Keep a key
// that is only old in the list, with a RetiresAt.
func (r *Ring) Replace(keys ...Key) error {
	wrong := newProblems()
	set := signingSet(keys, wrong)
	if err := wrong.Err(); err != nil {
		return err
	}
	r.set.Store(set)
	return nil
}

// KeySet returns the current keys. It returns an error for a Ring that was not
// created by NewRing.
func (r *Ring) KeySet(context.Context, string) (*Set, error) {
	set := r.set.Load()
	if set == nil {
		return nil, errors.New("a Ring that NewRing has not made")
	}
	return set, nil
}

// Current returns the current keys. It returns nil for a Ring that was not created
// by NewRing.
func (r *Ring) Current() *Set { return r.set.Load() }

// Holds reports whether one of the current keys has this secret.
func (r *Ring) Holds(s Secret) bool {
	set := r.set.Load()
	return set != nil && slices.ContainsFunc(set.keys, func(k *Member) bool {
		secret, ok := k.verify.([]byte)
		return ok && s.Equal(Secret(secret))
	})
}

// signingSet checks keys of which one must be able to sign at any time.
func signingSet(keys []Key, wrong *problems) *Set {
	if len(keys) == 0 {
		wrong.complain("Keys", "is required: at least one, the first of which signs")
	}
	set := checkKeys(keys, wrong)
	switch {
	case wrong.Err() != nil:
	case set.keys[0].sign == nil:
		wrong.key(0, errors.New("must have a Secret or a Private key, because the first key signs, got a Public key only"))
	default:
		set.checkSchedule(wrong)
	}
	return set
}

// checkSchedule records keys that retire before another has taken over.
func (s *Set) checkSchedule(wrong *problems) {
	for i, k := range s.keys {
		if k.sign == nil || k.retiresAt.IsZero() {
			continue
		}
		next, signs := s.successor(i)
		switch {
		case !signs:
		case next.IsZero():
			wrong.key(i, wrongField("RetiresAt", "must be zero until there is a key that signs after it"))
		case !k.retiresAt.After(next):
			wrong.key(i, wrongField("RetiresAt", "must be after the SignsFrom of the next key, usually by Config.AccessTTL"))
		}
	}
}

// successor returns when the next key takes over from the one at i, or zero if
// none does. signs is false if that key never signs, because an earlier one has
// the same SignsFrom.
func (s *Set) successor(i int) (next time.Time, signs bool) {
	from := s.keys[i].signsFrom
	for j, k := range s.keys {
		switch {
		case k.sign == nil, j == i:
		case k.signsFrom.Equal(from):
			if j < i {
				return time.Time{}, false
			}
		case k.signsFrom.After(from) && (next.IsZero() || k.signsFrom.Before(next)):
			next = k.signsFrom
		}
	}
	return next, true
}
