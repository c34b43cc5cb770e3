package main

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// readKeys returns the key that signs access tokens and the one that makes refresh
// tokens, the second derived from the first so that one file keeps both.
func readKeys(file string) (keys.Key, keys.Secret, error) {
	key, err := signingKey(file)
	if err != nil {
		return keys.Key{}, "", err
	}
	private, ok := key.Private.(ed25519.PrivateKey)
	if !ok {
		return keys.Key{}, "", fmt.Errorf("%s: must be an Ed25519 key", file)
	}
	refresh, err := hkdf.Key(sha256.New, private.Seed(), nil, "quickstart refresh tokens", 32)
	return key, keys.Secret(refresh), err
}

// signingKey reads the key, or makes one and keeps it if a file is named.
func signingKey(file string) (keys.Key, error) {
	if file == "" {
		return newKey()
	}
	text, err := os.ReadFile(file) //nolint:gosec // the file that the user names
	if errors.Is(err, fs.ErrNotExist) {
		return keepNewKey(file)
	}
	if err != nil {
		return keys.Key{}, err
	}
	key, err := keys.FromPEM("", text)
	if err != nil {
		return keys.Key{}, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

func newKey() (keys.Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return keys.Key{Algorithm: "EdDSA", Private: private}, err
}

func keepNewKey(file string) (keys.Key, error) {
	key, err := newKey()
	if err != nil {
		return keys.Key{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Private)
	if err != nil {
		return keys.Key{}, err
	}
	return key, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}
