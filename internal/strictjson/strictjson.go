// Package strictjson reads JSON objects that every reader reads alike.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

var errNoObject = errors.New("not one JSON object in UTF-8")

// Members splits a JSON object into its members. It refuses what other readers
// may read otherwise: a name that stands twice, bytes that are not UTF-8, a number
// that no float64 holds, and anything behind the object.
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
	if !numbersFit(text) {
		return nil, errors.New("a number is too large for a float64")
	}
	return fields, nil
}

// numbersFit reports whether a float64 holds each number of a JSON text, but for its last
// digits. Many readers make one of every number, and fail otherwise.
func numbersFit(text []byte) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case c >= '0' && c <= '9':
			end := i + 1
			for end < len(text) && isInNumber(text[end]) {
				end++
			}
			if _, err := strconv.ParseFloat(string(text[i:end]), 64); err != nil {
				return false
			}
			i = end
		}
	}
	return true
}

// isInNumber reports whether a number may have c behind its first digit.
func isInNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '+' || c == '-' || c|0x20 == 'e'
}
