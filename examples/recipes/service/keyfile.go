package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// The files of a folder of keys.
const (
	signingFile = "signing.json" // a JWK Set, as of sallyport keys make: the keys that sign access tokens, with their schedule
	refreshFile = "refresh.key"  // as of sallyport keys secret: what signs refresh tokens
)

// readSigning reads the keys that sign access tokens.
func readSigning(folder string) ([]keys.Key, error) {
	return keys.ReadFiles(os.DirFS(folder), signingFile)
}

// readRefresh reads the key that signs refresh tokens.
func readRefresh(folder string) (keys.Secret, error) {
	secret, err := os.ReadFile(filepath.Join(folder, refreshFile)) //nolint:gosec // the operator names it
	return keys.Secret(strings.TrimSpace(string(secret))), err
}

// newFolder makes the first keys. It replaces none: everybody would be logged out.
func newFolder(folder string) error {
	for _, name := range []string{signingFile, refreshFile} {
		if _, err := os.Lstat(filepath.Join(folder, name)); !errors.Is(err, os.ErrNotExist) { //nolint:gosec // the operator names it
			return fmt.Errorf("%s is there already: %w", name, errors.Join(err, os.ErrExist))
		}
	}
	key, err := newKey("first")
	if err != nil {
		return err
	}
	return errors.Join(write(folder, key), replaceFile(folder, refreshFile, []byte(keys.NewSecret()+"\n")))
}

// rotate adds a key that signs from a time on. Until then it is published only.
func rotate(folder string, now, from time.Time) error {
	all, err := readSigning(folder)
	if err != nil {
		return err
	}
	key, err := newKey(from.UTC().Format("20060102-150405"))
	if err != nil {
		return err
	}
	return signFrom(folder, append(all, key), key.ID, now, from)
}

// back lets a key that is still in the file sign again from a time on.
func back(folder, id string, now, from time.Time) error {
	all, err := readSigning(folder)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(k keys.Key) bool { return k.ID == id }) {
		return fmt.Errorf("there is no key %q", id)
	}
	return signFrom(folder, all, id, now, from)
}

// signFrom lets one key sign from a time on, and all others retire when no token of theirs
// is valid any more. It leaves out those that have retired.
func signFrom(folder string, all []keys.Key, id string, now, from time.Time) error {
	for i, k := range all {
		switch {
		case k.ID == id:
			all[i].SignsFrom, all[i].RetiresAt = from, time.Time{}
		case k.RetiresAt.IsZero():
			all[i].RetiresAt = from.Add(accessTTL)
		}
	}
	return write(folder, slices.DeleteFunc(all, func(k keys.Key) bool {
		return !k.RetiresAt.IsZero() && !k.RetiresAt.After(now)
	})...)
}

// write replaces the file, if its keys are ones that a node would take.
func write(folder string, all ...keys.Key) error {
	text, err := keys.ToJWKS(all...)
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
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(folder, name)) //nolint:gosec // the operator names the folder
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name())) //nolint:gosec // the same
	}
	return nil
}

// newKey returns a key of ES256.
func newKey(id string) (keys.Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return keys.Key{ID: id, Algorithm: "ES256", Private: private}, err
}
