package wire

import (
	"maps"
	"net/http"
	"slices"

	"github.com/sallyport-go/sallyport/tokens"
)

// Param is one parameter that a request may have.
type Param struct {
	// In is "body", "header" or "query".
	In string

	// Name is the name of the parameter.
	Name string

	// Required means that a request without it is rejected.
	Required bool

	// Values are the only values that are accepted. Empty: any text is read.
	Values []string

	// Type is what a member of a JSON object must be: "string", "integer", or "array"
	// for an array of strings. Empty: a string.
	Type string

	// Least and Most are the range of an integer, or of the length of an array. Most
	// zero: there is no range.
	Least, Most int64
}

// Reading is what is read of one kind of request: see [Observe].
type Reading struct {
	// Params are the parameters, in the order in which they are read.
	Params []Param

	// OneOf are the parameters that may have the refresh token: the request needs one, and
	// no more. Empty: it needs none.
	OneOf []string

	// Client means that HTTP Basic names a client.
	Client bool
}

// Observe returns what read reads of a request, for documentation: it calls read with
// requests that lack more or less of what it asks for. read may be a method of a
// [Dialect], or one of [Params]; what it reads by Get, Lookup and the methods of Params
// is found. registered is Limits.Registered. values are those of the Values that only the
// caller knows, by the Name of their parameter.
func Observe(registered bool, read func(*Params) error, values ...Param) Reading {
	o := &observer{read: read, required: map[string]bool{}, refused: map[string]bool{}, only: map[string][]string{}, known: maps.Clone(known)}
	for _, p := range values {
		o.known[p.Name] = p.Values
	}
	o.params = &Params{Header: http.Header{}, values: map[string]string{}, registered: registered, observer: o}
	o.try()
	for i := 0; i < len(o.asked); i++ { //nolint:intrange // it grows: what is filled in may make it ask for more
		o.fill(o.asked[i])
	}
	r := Reading{Client: o.client}
	for _, key := range o.asked {
		if o.refused[key.Name] {
			continue
		}
		key.Required, key.Values = o.required[key.Name], o.only[key.Name]
		r.Params = append(r.Params, key)
	}
	r.OneOf = o.sources
	return r
}

// observer notes what a reader asks for.
type observer struct {
	read     func(*Params) error
	params   *Params
	asked    []Param // In and Name, in order
	client   bool
	ignored  string // a parameter that is asked for, and has no effect
	required map[string]bool
	refused  map[string]bool     // there is no value with which it is accepted
	only     map[string][]string // the values with which it is accepted, if not all are
	known    map[string][]string
	sources  []string // where the refresh token may be
}

// without returns the observer of a reader that ignores a parameter.
func (o *observer) without(name string) *observer {
	if o != nil {
		o.ignored = name
	}
	return o
}

// note notes a parameter that was asked for.
func (o *observer) note(in, name string) {
	if name == o.ignored {
		return
	}
	asked := Param{In: in, Name: name}
	if !slices.ContainsFunc(o.asked, func(p Param) bool { return p.In == in && p.Name == name }) {
		o.asked = append(o.asked, asked)
	}
}

// known are the values that a parameter may have, where not all have a meaning.
var known = map[string][]string{
	"grant_type":           {"password", "refresh_token", tokens.GrantExchange},
	"subject_token_type":   {tokens.TokenTypeAPIKey},
	"requested_token_type": {typeAccessToken, typeJWT},
}

// observed is the value of a parameter of which any text is read.
const observed = "observed"

// try lets the reader read, and reports whether nothing was wrong but what is missing
// yet. It notes what is missing.
func (o *observer) try() bool {
	err := o.read(o.params)
	if err == nil {
		return true
	}
	switch e := AsError(err); e.Reason {
	case ReasonMissing:
		for _, f := range e.Fields {
			o.required[f.Name] = o.required[f.Name] || f.Missing
		}
		return true
	case ReasonNoRefresh:
		o.findSources()
		return true
	default:
		return false
	}
}

// findSources finds where a refresh token may be: each alone suffices.
func (o *observer) findSources() {
	if o.sources != nil {
		return
	}
	o.sources = []string{} // it is not looked for again
	for _, p := range slices.Clone(o.asked) {
		if o.has(p) {
			continue
		}
		o.set(p, observed)
		if err := o.read(o.params); err == nil || AsError(err).Reason == ReasonMissing {
			o.sources = append(o.sources, p.Name)
		}
		o.unset(p)
	}
	if len(o.sources) == 1 {
		o.required[o.sources[0]] = true
	}
}

// fill fills in a parameter with a value that is accepted, unless there is none.
func (o *observer) fill(p Param) {
	if o.has(p) || o.isOtherSource(p) {
		return
	}
	if value, only := o.acceptable(p); value != "" {
		o.set(p, value)
		o.only[p.Name] = only
		return
	}
	filled := o.params // perhaps it contradicts another that need not be there
	o.params = &Params{Header: http.Header{}, values: map[string]string{}, registered: filled.registered, observer: o}
	for _, other := range o.asked {
		if o.required[other.Name] && other.Name != p.Name {
			o.params.values[other.Name] = filled.values[other.Name]
		}
	}
	value, only := o.acceptable(p)
	o.params = filled
	o.refused[p.Name], o.only[p.Name] = value == "", only
}

// acceptable returns a value with which a parameter is accepted, or "" if there is none,
// and all of them unless any text is read.
func (o *observer) acceptable(p Param) (value string, only []string) {
	defer o.unset(p)
	o.set(p, observed)
	if o.try() {
		return observed, nil
	}
	for _, value := range o.known[p.Name] {
		o.set(p, value)
		if o.try() {
			only = append(only, value)
		}
	}
	if only == nil {
		return "", nil
	}
	return only[0], only
}

// isOtherSource reports whether the request has the refresh token elsewhere: a second
// one would be rejected.
func (o *observer) isOtherSource(p Param) bool {
	return len(o.sources) > 1 && slices.Index(o.sources, p.Name) > 0
}

func (o *observer) has(p Param) bool {
	if p.In == "header" {
		return o.params.Header.Get(p.Name) != ""
	}
	return o.params.values[p.Name] != ""
}

func (o *observer) set(p Param, value string) {
	if p.In == "header" {
		o.params.Header.Set(p.Name, value)
		return
	}
	o.params.values[p.Name] = value
}

func (o *observer) unset(p Param) {
	if p.In == "header" {
		o.params.Header.Del(p.Name)
		return
	}
	delete(o.params.values, p.Name)
}
