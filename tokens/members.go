package tokens

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/internal/strictjson"
)

// members reads claims. wrong is set by one that has another type.
type members struct {
	fields map[string]json.RawMessage
	wrong  bool
}

// at returns the text of a claim, or nil if there is none.
func (m *members) at(path []string) json.RawMessage {
	if path == nil {
		return nil
	}
	fields := m.fields
	for _, name := range path[:len(path)-1] {
		raw, ok := fields[name]
		if !ok {
			return nil
		}
		inner, err := strictjson.Members(raw)
		if err != nil {
			m.wrong = true
			return nil
		}
		fields = inner
	}
	return fields[path[len(path)-1]]
}

// actor returns who acts for the subject, or nil if there is none.
func (m *members) actor() *actor {
	raw := m.fields["act"]
	if raw == nil {
		return nil
	}
	var a actor
	m.wrong = m.wrong || json.Unmarshal(raw, &a) != nil || a.Subject == "" || !isText(a.Subject)
	return &a
}

// text returns a string, or "" if there is none.
func (m *members) text(path []string) string {
	raw := m.at(path)
	if raw == nil {
		return ""
	}
	var value *string
	if json.Unmarshal(raw, &value) != nil || value == nil || !isText(*value) {
		m.wrong = true
		return ""
	}
	return *value
}

// number returns a whole number, or nil if there is none.
func (m *members) number(path []string) *int64 {
	raw := m.at(path)
	if raw == nil {
		return nil
	}
	var value *int64
	if json.Unmarshal(raw, &value) != nil || value == nil {
		m.wrong = true
	}
	return value
}

// texts returns a string, or the strings of an array. split splits a string at its
// spaces.
func (m *members) texts(path []string, split bool) []string {
	raw := m.at(path)
	if raw == nil {
		return nil
	}
	var all texts
	if raw[0] == '[' {
		m.wrong = m.wrong || json.Unmarshal(raw, &all) != nil
		return all
	}
	one := m.text(path)
	if split {
		return strings.Fields(one)
	}
	return []string{one}
}

// scope returns the scope-tokens of some claims, each once.
func (m *members) scope(paths [][]string) string {
	var all []string
	for _, path := range paths {
		for _, name := range m.texts(path, true) {
			if isScopeToken(name) && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return strings.Join(all, " ")
}
