package main

import (
	"bytes"
	"encoding/json"

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
