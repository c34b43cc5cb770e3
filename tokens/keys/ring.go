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

// Ring has the signing keys of an issuer, which are replaced while it runs. It is
// a [Source] for verifiers in the same process, too.
//
// A rotation that loses no token and surprises no verifier is one list with a
// schedule: the new key with a SignsFrom that every node and every cache of the
// JWK Set has seen the key by, the old one with a RetiresAt that is that time and
// Config.AccessTTL later. No access token outlives the key that signs it: one
// that is made shortly before its key retires gets a shorter life, and its
// expires_in says so.
//
// A Ring starts nothing: when to read keys anew, on a signal or by a clock, is
// for the host to say. It is safe for concurrent use.
type Ring struct {
	set atomic.Pointer[Set]
}

// Format writes that it is a Ring, and none of its keys, whatever the verb.
func (*Ring) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "keys.Ring{}") }

// NewRing returns a ring of these keys, or all that is wrong with them at
// once. The first can sign; of those that can, the one whose SignsFrom came last
// signs, and all verify until they retire.
func NewRing(keys ...Key) (*Ring, error) {
	r := &Ring{}
	if err := r.Replace(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts these keys in the place of all others. It checks them as
// NewRing does; where anything is wrong it changes nothing, and the ring goes
// on with the keys that it has.
//
// It is atomic: each token is signed or verified with the old keys or with the
// new ones. A key that is left out is gone at once, and so are the tokens that it
// has signed: that is how a key that was stolen ends. One that merely grew old
// stays in the list with a RetiresAt.
func (r *Ring) Replace(keys ...Key) error {
	var wrong problems
	set := signingSet(keys, &wrong)
	if len(wrong) > 0 {
		return wrong.err()
	}
	r.set.Store(set)
	return nil
}

// KeySet returns the keys as they are now.
func (r *Ring) KeySet(context.Context, string) (*Set, error) {
	set := r.set.Load()
	if set == nil {
		return nil, errors.New("a Ring that NewRing has not made")
	}
	return set, nil
}

// Current returns the keys as they are now; nil for a Ring that NewRing has not made.
func (r *Ring) Current() *Set { return r.set.Load() }

// Holds reports whether one of the keys has this secret.
func (r *Ring) Holds(s Secret) bool {
	set := r.set.Load()
	return set != nil && slices.ContainsFunc(set.keys, func(k *Member) bool {
		secret, ok := k.verify.([]byte)
		return ok && s.Equal(Secret(secret))
	})
}

// signingSet checks keys of which one signs at any time.
func signingSet(keys []Key, wrong *problems) *Set {
	if len(keys) == 0 {
		wrong.addf("Keys", "is required: at least one, the first of which signs")
	}
	set := checkKeys(keys, wrong)
	switch {
	case len(*wrong) > 0:
	case set.keys[0].sign == nil:
		wrong.addf("Keys[0]", "signs, and has only a public key")
	default:
		set.checkSchedule(wrong)
	}
	return set
}

// checkSchedule complains of keys that retire before another has taken over.
func (s *Set) checkSchedule(wrong *problems) {
	for i, k := range s.keys {
		if k.sign == nil || k.retiresAt.IsZero() {
			continue
		}
		next, signs := s.successor(i)
		switch {
		case !signs:
		case next.IsZero():
			wrong.addf(fmt.Sprintf("Keys[%d]", i), "RetiresAt: requires a key that signs after it: leave it zero until there is one")
		case !k.retiresAt.After(next):
			wrong.addf(fmt.Sprintf("Keys[%d]", i), "RetiresAt: must be after the SignsFrom of the next key, usually by Config.AccessTTL")
		}
	}
}

// successor returns when the next key takes over from the one at i; zero if none
// does. signs is false where that one never signs, because another stands in
// front of it that begins when it does.
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
