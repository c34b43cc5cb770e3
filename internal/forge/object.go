// Package forge makes access tokens by hand, right ones and wrong ones, for tests
// of whoever reads them. Nothing of it is shipped but in package tokens/tokentest.
package forge

import (
	"encoding/json"
	"slices"
	"strings"
)

// Object is a JSON object in the making: it keeps the order of its members, and
// has one twice if need be.
type Object []Member

// Member is a member of an Object. Its Value is a JSON text.
type Member struct{ Name, Value string }

// Set returns the Object with another value for a member, or with one more member.
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

// Add returns the Object with one more member, whether or not the name is there.
func (o Object) Add(name, value string) Object { return append(slices.Clip(o), Member{name, value}) }

// Drop returns the Object without the members of this name.
func (o Object) Drop(name string) Object {
	out := Object{}
	for _, m := range o {
		if m.Name != name {
			out = append(out, m)
		}
	}
	return out
}

// Text writes the names as they are between the quotes: escapes stay escapes.
func (o Object) Text() string {
	var parts []string
	for _, m := range o {
		parts = append(parts, `"`+m.Name+`":`+m.Value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// Quoted is a string as JSON.
func Quoted(s string) string {
	text, _ := json.Marshal(s) // a string
	return string(text)
}
