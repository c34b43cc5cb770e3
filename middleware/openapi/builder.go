package openapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// object is a JSON object, which is encoded in the order of its names.
type object = map[string]any

// builder makes a document.
type builder struct {
	paths   object
	schemes object
	ids     map[string]bool
}

// add adds a route, or complains of it.
func (b *builder) add(r Route, complain configcheck.Complain) {
	s := newSpec(r)
	if s.defect != "" {
		complain("Operation", "%s", s.defect)
		return
	}
	own, err := asObject(r.Object)
	if err != nil {
		complain("Object", "must be encoded as a JSON object: %v", err)
		return
	}
	id := s.id()
	switch {
	case b.ids[id] && r.ID == "":
		complain("ID", "is required: %q names another operation", id)
	case b.ids[id]:
		complain("ID", "must be unique, got %q twice", id)
	}
	b.ids[id] = true
	item, ok := b.paths[r.Path].(object)
	if !ok {
		item = object{}
		b.paths[r.Path] = item
	}
	method := strings.ToLower(s.method)
	if item[method] != nil {
		complain("Path", "must be there once for each method, got %s %s twice", s.method, r.Path)
	}
	for name, scheme := range s.schemes() {
		if old, ok := b.schemes[name]; ok && !equal(old, scheme) {
			complain("Auth", "must have the cookies of the other routes: the security scheme %q would have two meanings", name)
		}
		b.schemes[name] = scheme
	}
	made := s.operation()
	made["operationId"] = id
	item[method] = merged(made, own)
}

// share replaces responses that several operations have by references, and returns them by
// the names that the references have: the operation that is first in the document, and the
// status.
func (b *builder) share() object {
	type place struct {
		responses object
		status    string
		name      string
	}
	places, order := map[string][]place{}, []string{}
	for _, path := range slices.Sorted(maps.Keys(b.paths)) {
		item, _ := b.paths[path].(object)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			operation, _ := item[method].(object)
			responses, _ := operation["responses"].(object)
			for _, status := range slices.Sorted(maps.Keys(responses)) {
				text, _ := json.Marshal(responses[status]) // New encodes it again
				if places[string(text)] == nil {
					order = append(order, string(text))
				}
				id, _ := operation["operationId"].(string)
				places[string(text)] = append(places[string(text)], place{responses, status, id + status})
			}
		}
	}
	shared := object{}
	for _, text := range order {
		all := places[text]
		if len(all) == 1 {
			continue
		}
		name := all[0].name
		shared[name] = all[0].responses[all[0].status]
		for _, p := range all {
			p.responses[p.status] = object{"$ref": "#/components/responses/" + name}
		}
	}
	return shared
}

// asObject returns what a value is in JSON.
func asObject(v any) (object, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var o object
	err = json.Unmarshal(text, &o)
	return o, err
}

// merged returns an object with the members of another, which take precedence.
func merged(made, own object) object {
	for name, value := range own {
		inner, ok := value.(object)
		old, both := made[name].(object)
		if ok && both {
			made[name] = merged(old, inner)
			continue
		}
		made[name] = value
	}
	return made
}

func equal(a, b any) bool {
	one, _ := json.Marshal(a)
	other, _ := json.Marshal(b)
	return bytes.Equal(one, other)
}
