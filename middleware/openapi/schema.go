package openapi

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
)

// schemaOf is the schema that values have in common: of objects, the members that any has,
// and those are required that all have. A number that is the status of the answer always
// is.
func schemaOf(values []any, status int) object {
	byType := map[string][]any{}
	for _, v := range values {
		t := typeOf(v)
		byType[t] = append(byType[t], v)
	}
	types := slices.Sorted(maps.Keys(byType))
	switch {
	case len(types) == 0:
		return object{} // of no value nothing is known
	case len(types) == 1:
		return schemaOfType(types[0], byType[types[0]], status)
	case len(types) == 2 && len(byType["null"]) > 0:
		other := types[0]
		if other == "null" {
			other = types[1]
		}
		schema := schemaOfType(other, byType[other], status)
		schema["type"] = []string{other, "null"}
		return schema
	}
	var all []any
	for _, t := range types {
		all = append(all, schemaOfType(t, byType[t], status))
	}
	return object{"anyOf": all}
}

func typeOf(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		if x == math.Trunc(x) {
			return "integer"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func schemaOfType(t string, values []any, status int) object {
	schema := object{"type": t}
	switch t {
	case "string":
		if !slices.ContainsFunc(values, func(v any) bool { return !isTime(v) }) {
			schema["format"] = "date-time"
		}
	case "integer":
		if status >= http.StatusBadRequest && !slices.ContainsFunc(values, func(v any) bool { return v != float64(status) }) {
			schema["const"] = status
		}
	case "array":
		var items []any
		for _, v := range values {
			items = append(items, v.([]any)...) //nolint:forcetypeassert // its type is known
		}
		schema["items"] = schemaOf(items, status)
	case "object":
		members, times := map[string][]any{}, map[string]int{}
		for _, v := range values {
			for name, member := range v.(object) { //nolint:forcetypeassert // its type is known
				members[name] = append(members[name], member)
				times[name]++
			}
		}
		inner, needed := object{}, []string{}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			inner[name] = schemaOf(members[name], status)
			if name == "error" && status >= http.StatusBadRequest { // the codes of RFC 6749 §5.2 are a table's
				inner[name].(object)["enum"] = distinct(members[name]) //nolint:forcetypeassert // schemaOf made it
			}
			if times[name] == len(values) {
				needed = append(needed, name)
			}
		}
		schema["properties"] = inner
		if len(needed) > 0 {
			schema["required"] = needed
		}
	}
	return schema
}

// distinct returns the values that are strings, each once, sorted.
func distinct(values []any) []string {
	found := map[string]bool{}
	for _, v := range values {
		if text, ok := v.(string); ok {
			found[text] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func isTime(v any) bool {
	_, err := time.Parse(time.RFC3339, v.(string)) //nolint:forcetypeassert // its type is known
	return err == nil
}
