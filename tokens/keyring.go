package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// KeyRing has the keys of an [Authority] that are replaced while it runs. It is
// a [KeySource] for Verifiers in the same process, too.
//
// A rotation that loses no token and surprises no verifier is one list with a
// schedule: the new key with a SignsFrom that every node and every cache of the
// JWK Set has seen the key by, the old one with a RetiresAt that is that time and
// Config.AccessTTL later. No access token outlives the key that signs it: one
// that is made shortly before its key retires gets a shorter life, and its
// expires_in says so.
//
// A KeyRing starts nothing: when to read keys anew, on a signal or by a clock, is
// for the host to say. It is safe for concurrent use.
type KeyRing struct {
	set atomic.Pointer[KeySet]
}

// Format writes that it is a KeyRing, and none of its keys, whatever the verb.
func (*KeyRing) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.KeyRing{}") }

// NewKeyRing returns a ring of these keys, or all that is wrong with them at
// once. The first can sign; of those that can, the one whose SignsFrom came last
// signs, and all verify until they retire.
func NewKeyRing(keys ...Key) (*KeyRing, error) {
	r := &KeyRing{}
	if err := r.Replace(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace puts these keys in the place of all others. It checks them as
// NewKeyRing does; where anything is wrong it changes nothing, and the ring goes
// on with the keys that it has.
//
// It is atomic: each token is signed or verified with the old keys or with the
// new ones. A key that is left out is gone at once, and so are the tokens that it
// has signed: that is how a key that was stolen ends. One that merely grew old
// stays in the list with a RetiresAt.
func (r *KeyRing) Replace(keys ...Key) error {
	var wrong []error
	set := signingSet(keys, func(path, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("tokens: "+path+": "+format, args...))
	})
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	r.set.Store(set)
	return nil
}

// KeySet returns the keys as they are now.
func (r *KeyRing) KeySet(context.Context, string) (*KeySet, error) {
	set := r.set.Load()
	if set == nil {
		return nil, errors.New("a KeyRing that NewKeyRing has not made")
	}
	return set, nil
}

// holds reports whether one of the keys has this secret.
func (r *KeyRing) holds(s Secret) bool {
	set := r.set.Load()
	if set == nil {
		return false
	}
	for _, k := range set.keys {
		if secret, ok := k.verify.([]byte); ok && s.Equal(Secret(secret)) {
			return true
		}
	}
	return false
}

// ringOf returns the Config's ring, or one of its keys.
func ringOf(c Config, complain func(path, format string, args ...any)) *KeyRing {
	switch {
	case c.KeyRing == nil:
		r := &KeyRing{}
		r.set.Store(signingSet(c.Keys, complain))
		return r
	case len(c.Keys) > 0:
		complain("Keys", "are not wanted beside a KeyRing")
	case c.KeyRing.set.Load() == nil:
		complain("KeyRing", "wants one that NewKeyRing has made")
		return &KeyRing{}
	}
	return c.KeyRing
}

// signingSet checks keys of which one signs at any time.
func signingSet(keys []Key, complain func(path, format string, args ...any)) *KeySet {
	if len(keys) == 0 {
		complain("Keys", "is required: at least one, the first of which signs")
	}
	sound := true
	set := &KeySet{checkKeys(keys, func(path, format string, args ...any) {
		sound = false
		complain(path, format, args...)
	})}
	if !sound || len(keys) == 0 {
		return set
	}
	if set.keys[0].sign == nil {
		complain("Keys[0]", "signs, and has only a public key")
		return set
	}
	set.checkSchedule(complain)
	return set
}

// checkSchedule complains of keys that retire before another has taken over.
func (s *KeySet) checkSchedule(complain func(path, format string, args ...any)) {
	for i := range s.keys {
		k := &s.keys[i]
		if k.sign == nil || k.retiresAt.IsZero() {
			continue
		}
		next, signs := s.successor(i)
		switch {
		case !signs:
		case next.IsZero():
			complain(fmt.Sprintf("Keys[%d]", i), "RetiresAt: wants a key that signs after it: leave it zero until there is one")
		case !k.retiresAt.After(next):
			complain(fmt.Sprintf("Keys[%d]", i), "RetiresAt: wants a time after the SignsFrom of the next key, and Config.AccessTTL later is right")
		}
	}
}

// successor returns when the next key takes over from the one at i; zero if none
// does. signs is false where that one never signs, because another stands in
// front of it that begins when it does.
func (s *KeySet) successor(i int) (next time.Time, signs bool) {
	from := s.keys[i].signsFrom
	for j := range s.keys {
		k := &s.keys[j]
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
