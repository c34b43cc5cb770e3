// Package strictjson reads JSON objects that every reader reads alike.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

var errNoObject = errors.New("not one JSON object in UTF-8")

// Members splits a JSON object into its members. It refuses what other readers
// may read otherwise: a name that stands twice, bytes that are not UTF-8, and
// anything behind the object.
func Members(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errNoObject
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNoObject
		}
		if _, twice := fields[name]; twice {
			return nil, errors.New("a member stands twice")
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errNoObject
		}
		fields[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return fields, nil
}
