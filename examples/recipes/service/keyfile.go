package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// The files of a folder of keys.
const (
	signingFile = "signing.json" // a JWK Set: the keys that sign access tokens, with their schedule
	refreshFile = "refresh.key"  // 32 random bytes, which sign refresh tokens
)

// readSigning reads the keys that sign access tokens.
func readSigning(folder string) ([]keys.Key, error) {
	return keys.ReadFiles(os.DirFS(folder), signingFile)
}

// readRefresh reads the key that signs refresh tokens.
func readRefresh(folder string) (keys.Secret, error) {
	secret, err := os.ReadFile(filepath.Join(folder, refreshFile)) //nolint:gosec // the operator names it
	return keys.Secret(secret), err
}

// keySet is the content of signingFile. Its members that are not named here stay as they
// are.
type keySet struct {
	Keys []map[string]any `json:"keys"`
}

// newFolder makes the first keys.
func newFolder(folder string) error {
	set := keySet{}
	key, err := newKey("first")
	if err != nil {
		return err
	}
	set.Keys = append(set.Keys, key)
	return errors.Join(set.write(folder), replaceFile(folder, refreshFile, []byte(keys.NewSecret())))
}

// rotate adds a key that signs from a time on. Until then it is published only.
func rotate(folder string, now, from time.Time) error {
	set, err := readSet(folder)
	if err != nil {
		return err
	}
	key, err := newKey(from.UTC().Format("20060102-150405"))
	if err != nil {
		return err
	}
	set.Keys = append(set.Keys, key)
	return set.signFrom(folder, key["kid"], now, from)
}

// back lets a key that is still in the file sign again from a time on.
func back(folder, id string, now, from time.Time) error {
	set, err := readSet(folder)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(set.Keys, func(k map[string]any) bool { return k["kid"] == id }) {
		return fmt.Errorf("there is no key %q", id)
	}
	return set.signFrom(folder, id, now, from)
}

// signFrom lets one key sign from a time on, and all others end when no token of theirs
// is valid any more. It leaves out those that have ended.
func (s keySet) signFrom(folder string, id any, now, from time.Time) error {
	for _, k := range s.Keys {
		if k["kid"] == id {
			k["nbf"] = from.Unix()
			delete(k, "exp")
		} else if _, ends := k["exp"]; !ends {
			k["exp"] = from.Add(accessTTL).Unix()
		}
	}
	left := slices.DeleteFunc(s.Keys, func(k map[string]any) bool {
		ends, ok := k["exp"].(float64) // as it was read
		return ok && int64(ends) <= now.Unix()
	})
	return keySet{left}.write(folder)
}

func readSet(folder string) (keySet, error) {
	text, err := os.ReadFile(filepath.Join(folder, signingFile)) //nolint:gosec // the operator names it
	if err != nil {
		return keySet{}, err
	}
	var set keySet
	err = json.Unmarshal(text, &set)
	return set, err
}

// write replaces the file, if its keys are ones that a node would take.
func (s keySet) write(folder string) error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	all, err := keys.FromJWKS(text)
	if err != nil {
		return err
	}
	if _, err := keys.NewRing(all...); err != nil {
		return err
	}
	return replaceFile(folder, signingFile, text)
}

// replaceFile writes a file that only its owner reads. A node reads the old one or the
// new one, and never a part.
func replaceFile(folder, name string, text []byte) error {
	file, err := os.CreateTemp(folder, "."+name)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name())) //nolint:gosec // the operator names the folder
	}
	return os.Rename(file.Name(), filepath.Join(folder, name)) //nolint:gosec // the same
}

// newKey returns a key of ES256 as a JWK (RFC 7517).
func newKey(id string) (map[string]any, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	d, err := private.Bytes()
	if err != nil {
		return nil, err
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id,
		"x": b64(point[1:33]), "y": b64(point[33:]), "d": b64(d),
	}, nil
}
