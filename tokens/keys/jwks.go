package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-go/sallyport/internal/strictjson"
)

// FromJWKS parses all keys of a host's own JWK Set (RFC 7517 §5), each as
// [FromJWK] does. The set may have at most 1 MiB and 100 keys. A key that cannot
// be parsed is an error. A set with both HMAC keys and keys without a private
// half is an error too, because a set with public keys is probably published. For
// a set that another party published use [SetFromJWKS].
func FromJWKS(text []byte) ([]Key, error) {
	all, err := splitJWKS(text)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for i, one := range all {
		k, err := keyFromJWK(one)
		if err != nil {
			return nil, fmt.Errorf("keys: JWK Set: keys[%d]: %w", i, err)
		}
		keys = append(keys, k)
	}
	isSecret := func(k Key) bool { return k.Secret != "" }
	isPublic := func(k Key) bool { return k.Public != nil }
	if slices.ContainsFunc(keys, isSecret) && slices.ContainsFunc(keys, isPublic) {
		return nil, errors.New("keys: JWK Set: must not have HMAC keys beside public keys")
	}
	return keys, nil
}

// SetFromJWKS parses a JWK Set for a verifier, of at most 1 MiB and 100 keys. It
// takes the public keys that it supports and skips all others, as RFC 7517 §5
// recommends: unknown types, curves and algorithms, keys for encryption, weak
// keys, and keys with the same ID or the same numbers as an earlier one. A
// private key, which must not be published, is skipped too.
//
// It returns an error for a set with an HMAC key, whatever else the set has,
// because its publisher confuses secret and public keys. It returns an error for
// a set without any usable key.
func SetFromJWKS(text []byte) (*Set, error) {
	all, err := splitJWKS(text)
	if err != nil {
		return nil, err
	}
	set := &Set{}
	var passed error
	for i, one := range all {
		if isSymmetric(one) {
			return nil, fmt.Errorf("keys: JWK Set: keys[%d]: must not be an HMAC key: the set is public", i)
		}
		k, err := keyFromJWK(one)
		if err == nil && k.Public == nil {
			err = errors.New("is not public")
		}
		if err == nil {
			err = errors.Join(set.add(k)...)
		}
		if err != nil {
			passed = errors.Join(passed, fmt.Errorf("keys: JWK Set: keys[%d]: %w", i, err))
		}
	}
	if len(set.keys) == 0 {
		return nil, errors.Join(errors.New("keys: JWK Set: has no key that verifies"), passed)
	}
	return set, nil
}

// isSymmetric reports whether a JWK is a secret key, or could be read as one.
func isSymmetric(text []byte) bool {
	fields, err := strictjson.Members(text)
	if err != nil {
		return false
	}
	f := &jwkFields{raw: fields}
	return f.text("kty") == "oct" || f.has("k")
}

// splitJWKS returns the text of each key of a set.
func splitJWKS(text []byte) ([]json.RawMessage, error) {
	if len(text) > maxJWKS {
		return nil, fmt.Errorf("keys: JWK Set: must be at most %d bytes, got %d", maxJWKS, len(text))
	}
	fields, err := strictjson.Members(text)
	if err != nil {
		return nil, fmt.Errorf("keys: JWK Set: %w", err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(fields["keys"], &all); err != nil || all == nil {
		return nil, errors.New(`keys: JWK Set: must have an array of keys in "keys"`)
	}
	if len(all) > maxJWKSKeys {
		return nil, fmt.Errorf("keys: JWK Set: must have at most %d keys, got %d", maxJWKSKeys, len(all))
	}
	return all, nil
}
