package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// readKeys reads the keys of a file, and reports whether it is a JWK Set.
func readKeys(path string) (all []keys.Key, isSet bool, err error) {
	text, err := readBounded(path, maxConfig)
	if err != nil {
		return nil, false, err
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var members map[string]json.RawMessage
	switch {
	case !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		var k keys.Key
		k, err = keys.FromPEM("", text)
		all = []keys.Key{k}
	case json.Unmarshal(text, &members) == nil && members["keys"] != nil:
		isSet = true
		all, err = keys.FromJWKS(text)
	default:
		var k keys.Key
		k, err = keys.FromJWK(text)
		all = []keys.Key{k}
	}
	if err != nil {
		return nil, false, usagef("%s: %w", path, err)
	}
	return all, isSet, nil
}

// idOf returns the "kid" of a key, which is its thumbprint if it has no ID.
func idOf(k keys.Key) (string, error) {
	k.SignsFrom, k.RetiresAt = time.Time{}, time.Time{}
	set, err := keys.NewSet(k)
	if err != nil {
		return "", err
	}
	if only := set.Only(k.Algorithm, time.Time{}); only != nil {
		return only.ID(), nil
	}
	return k.ID, nil
}

// toPEM returns a private key in PKCS #8.
func toPEM(k keys.Key) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.Private)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// asFile returns a text with the end of its last line.
func asFile(text []byte, err error) ([]byte, error) { return append(text, '\n'), err }
