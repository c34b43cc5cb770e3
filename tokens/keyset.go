package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// KeySet is a set of keys that were checked and do not change. It is a
// [KeySource] for services whose keys are in their configuration. The zero
// KeySet has no keys, and verifies nothing.
type KeySet struct {
	keys []boundKey
}

// Format writes that it is a KeySet, and none of its keys, whatever the verb.
func (KeySet) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.KeySet{}") }

// NewKeySet returns the set of these keys, at least one, all of which verify; or
// all that is wrong with them at once.
func NewKeySet(keys ...Key) (*KeySet, error) {
	var wrong []error
	bound := checkKeys(keys, func(path, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("tokens: "+path+": "+format, args...))
	})
	if len(keys) == 0 {
		wrong = append(wrong, errors.New("tokens: Keys: is required: at least one"))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return &KeySet{bound}, nil
}

// KeySet returns s: it has all the keys that it will ever have.
func (s *KeySet) KeySet(context.Context, string) (*KeySet, error) { return s, nil }

// JWKS returns the public keys as a JWK Set (RFC 7517 §5): those that verify at
// that time, and those that will sign later. HMAC keys are not among them, nor
// is any member that is private. The same keys give the same bytes.
func (s *KeySet) JWKS(at time.Time) []byte {
	set := struct {
		Keys []publishedJWK `json:"keys"`
	}{[]publishedJWK{}}
	for i := range s.keys {
		k := &s.keys[i]
		if public, ok := publicJWK(k.verify); ok && !k.retired(at) {
			set.Keys = append(set.Keys, publishedJWK{public, k.algorithm, k.id, "sig"})
		}
	}
	text, _ := json.Marshal(set) // structs of strings
	return text
}

func (b *boundKey) retired(now time.Time) bool {
	return !b.retiresAt.IsZero() && !now.Before(b.retiresAt)
}

// withHeader returns the key that writes exactly this header.
func (s *KeySet) withHeader(head string, now time.Time) *boundKey {
	for i := range s.keys {
		if k := &s.keys[i]; head == k.header[:len(k.header)-1] && !k.retired(now) {
			return k
		}
	}
	return nil
}

// named returns the key with this ID, if it is bound to this algorithm.
func (s *KeySet) named(id, algorithm string, now time.Time) *boundKey {
	for i := range s.keys {
		if k := &s.keys[i]; k.id == id && k.algorithm == algorithm && !k.retired(now) {
			return k
		}
	}
	return nil
}

func (s *KeySet) has(id string) bool {
	return slices.ContainsFunc(s.keys, func(k boundKey) bool { return k.id == id })
}

// signer returns the key that signs now: of those that have begun to, the one
// that began last, and where none has, the one that begins first. Of two that
// begin together it is the one in front.
func (s *KeySet) signer(now time.Time) *boundKey {
	var best *boundKey
	for i := range s.keys {
		k := &s.keys[i]
		switch {
		case k.sign == nil, k.retired(now):
		case best == nil:
			best = k
		case k.signsFrom.After(now):
			if best.signsFrom.After(k.signsFrom) {
				best = k
			}
		case best.signsFrom.After(now), k.signsFrom.After(best.signsFrom):
			best = k
		}
	}
	return best
}

// checkKeys binds each key to its algorithm, and complains of those that cannot
// be bound, or that another stands for already.
func checkKeys(keys []Key, complain func(path, format string, args ...any)) []boundKey {
	set := &KeySet{}
	for i, k := range keys {
		for _, err := range set.add(k) {
			complain(fmt.Sprintf("Keys[%d]", i), "%w", err)
		}
	}
	return set.keys
}

// add binds a key to its algorithm and adds it to a set in the making, or
// returns all that is wrong with it.
func (s *KeySet) add(k Key) (wrong []error) {
	verify, err := k.check()
	if err != nil {
		return []error{err}
	}
	b := bind(k, verify)
	if b.sign != nil && !b.works() {
		return []error{errors.New("Private: does not sign what Public verifies")}
	}
	if !k.RetiresAt.IsZero() && !k.RetiresAt.After(k.SignsFrom) {
		wrong = append(wrong, errors.New("RetiresAt: wants a time after SignsFrom"))
	}
	for _, other := range s.keys {
		if b.id == other.id {
			wrong = append(wrong, fmt.Errorf("has the ID %q of another key", b.id))
		}
		// RFC 8725 §3.1: one algorithm a key
		if sameKey(b.verify, other.verify) {
			wrong = append(wrong, fmt.Errorf("is the same key as the one with the ID %q", other.id))
		}
	}
	if len(wrong) == 0 {
		s.keys = append(s.keys, b)
	}
	return wrong
}

func sameKey(a, b any) bool {
	x, ok := a.([]byte)
	y, ok2 := b.([]byte)
	if ok && ok2 {
		return Secret(x).Equal(Secret(y))
	}
	return !ok && !ok2 && samePublic(a, b)
}
