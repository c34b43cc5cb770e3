package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Set is an immutable set of checked keys. Create it with [NewSet] or
// [SetFromJWKS]. It is a [Source] for services whose keys are in their
// configuration. It is safe for concurrent use. The zero Set has no keys, and
// verifies no token.
type Set struct {
	keys []*Member
}

// Format writes "keys.Set{}" for every verb, so that no key is printed.
func (Set) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "keys.Set{}") }

// NewSet returns the set of these keys, all of which verify. At least one key is
// required, no two may have the same ID, and no key may be in it twice, not even
// for two algorithms (RFC 8725 §3.1). A key that only verifies is allowed.
//
// If keys are invalid, it returns one error that joins all defects: *ConfigError
// values.
func NewSet(keys ...Key) (*Set, error) {
	wrong := newProblems()
	set := checkKeys(keys, wrong)
	if len(keys) == 0 {
		wrong.complain("Keys", "is required: at least one")
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return set, nil
}

// KeySet returns s and no error.
func (s *Set) KeySet(context.Context, string) (*Set, error) { return s, nil }

// JWKS returns the public keys as a JWK Set (RFC 7517 §5): those that verify at
// that time, and those that will sign later. It never contains an HMAC key or a
// private member. The same keys always give the same bytes.
func (s *Set) JWKS(at time.Time) []byte {
	set := struct {
		Keys []publishedJWK `json:"keys"`
	}{[]publishedJWK{}}
	for _, k := range s.keys {
		if public, ok := publicJWK(k.verify); ok && !k.Retired(at) {
			set.Keys = append(set.Keys, publishedJWK{public, k.algorithm, k.id, "sig"})
		}
	}
	text, _ := json.Marshal(set) // cannot fail: structs of strings
	return text
}

// WithHeader returns the key whose [Member.Header], without the dot, is head. It
// returns nil if there is none that still verifies at the time now.
func (s *Set) WithHeader(head string, now time.Time) *Member {
	for _, k := range s.keys {
		if head == k.header[:len(k.header)-1] && !k.Retired(now) {
			return k
		}
	}
	return nil
}

// Named returns the key with this ID and this algorithm. It returns nil if there
// is none that still verifies at the time now.
func (s *Set) Named(id, algorithm string, now time.Time) *Member {
	for _, k := range s.keys {
		if k.id == id && k.algorithm == algorithm && !k.Retired(now) {
			return k
		}
	}
	return nil
}

// Only returns the only key with this algorithm that still verifies at the time now,
// for a token that names no key. It returns nil if there is none or more than one.
func (s *Set) Only(algorithm string, now time.Time) *Member {
	var only *Member
	for _, k := range s.keys {
		if k.algorithm != algorithm || k.Retired(now) {
			continue
		}
		if only != nil {
			return nil
		}
		only = k
	}
	return only
}

// Has reports whether one of the keys has this ID, including keys that have
// retired.
func (s *Set) Has(id string) bool {
	return slices.ContainsFunc(s.keys, func(k *Member) bool { return k.id == id })
}

// Signer returns the key that signs at the time now, or nil if no key can sign.
// It is the key with the latest SignsFrom that has passed or, if none has passed,
// the key with the earliest. Of two keys with the same SignsFrom the first one
// signs. A retired key never signs.
func (s *Set) Signer(now time.Time) *Member {
	var best *Member
	for _, k := range s.keys {
		switch {
		case k.sign == nil, k.Retired(now):
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

// checkKeys binds each key to its algorithm, and records the defects of those
// that cannot be bound or that are in the set already.
func checkKeys(keys []Key, wrong *problems) *Set {
	set := &Set{}
	for i, k := range keys {
		for _, err := range set.add(k) {
			wrong.key(i, err)
		}
	}
	return set
}

// add binds a key to its algorithm and adds it to a set that is not yet in use,
// or returns all defects of the key.
func (s *Set) add(k Key) (wrong []error) {
	verify, err := k.check()
	if err != nil {
		return []error{err}
	}
	b := bind(k, verify)
	if b.sign != nil && !b.works() {
		return []error{wrongField("Private", "must sign what Public verifies")}
	}
	if !k.RetiresAt.IsZero() && !k.RetiresAt.After(k.SignsFrom) {
		wrong = append(wrong, wrongField("RetiresAt", "must be after SignsFrom"))
	}
	for _, other := range s.keys {
		if b.id == other.id {
			wrong = append(wrong, wrongField("ID", "must differ from the ID of every other key, got %q twice", b.id))
		}
		// RFC 8725 §3.1: one algorithm for each key
		if sameKey(b.verify, other.verify) {
			wrong = append(wrong, wrongField("", "must not be the same key as the one with the ID %q", other.id))
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
