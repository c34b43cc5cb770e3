// Package forge builds access tokens, valid and invalid ones, for tests of the code
// that verifies them. Apart from tests only package tokens/tokentest imports it.
package forge

import (
	"encoding/json"
	"slices"
	"strings"
)

// Object is a JSON object as a list of members: it keeps their order and may have
// the same name twice.
type Object []Member

// Member is one member of an Object. Value is JSON text.
type Member struct{ Name, Value string }

// Set returns a copy of the Object in which all members of this name have the value.
// Without such a member it appends one.
func (o Object) Set(name, value string) Object {
	out := Object{}
	found := false
	for _, m := range o {
		if m.Name == name {
			m.Value, found = value, true
		}
		out = append(out, m)
	}
	if !found {
		return out.Add(name, value)
	}
	return out
}

// Add returns a copy of the Object with one more member, also if the name exists.
func (o Object) Add(name, value string) Object { return append(slices.Clip(o), Member{name, value}) }

// Drop returns a copy of the Object without the members of this name.
func (o Object) Drop(name string) Object {
	out := Object{}
	for _, m := range o {
		if m.Name != name {
			out = append(out, m)
		}
	}
	return out
}

// Text returns the Object as JSON text. Names are not escaped, so that tests can
// write escapes into them.
func (o Object) Text() string {
	var parts []string
	for _, m := range o {
		parts = append(parts, `"`+m.Name+`":`+m.Value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// Quoted returns s as a JSON string.
func Quoted(s string) string {
	text, _ := json.Marshal(s) // a string cannot fail
	return string(text)
}
