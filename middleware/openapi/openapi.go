// Package openapi describes the routes that a host has mounted as an OpenAPI 3.1
// document, for generators of clients, for test tools and for people.
//
// The host lists its routes, and the document says what they read and answer as they are
// configured: the wire format, cookies, clients, grants and headers. Nothing of it is
// written by hand a second time: the handlers' own code is asked what it reads, and each
// answer is one that the handlers would write.
//
//	document, err := openapi.New(openapi.Config{
//		Title: "Shop", Version: "1",
//		Routes: []openapi.Route{
//			{Path: "/login", Operation: openapi.Login, Auth: auth},
//			{Path: "/refresh", Operation: openapi.Refresh, Auth: auth},
//			{Path: "/orders", Method: "GET", Guard: openapi.Protect, Auth: auth},
//		},
//	})
//	http.Handle("GET /openapi.json", document)
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/etag"
	"github.com/sallyport-go/sallyport/middleware"
)

// Config configures a Document.
type Config struct {
	// Title is required: the name of the API.
	Title string

	// Version is required: the version of the API, not of OpenAPI.
	Version string

	// Routes is required: what is mounted, in any order.
	Routes []Route
}

// Route is a route that the host has mounted.
type Route struct {
	// Path is required: where it is mounted, as OpenAPI writes it, for example
	// "/auth/sessions/{id}".
	Path string

	// Operation is the handler. Zero: it is the host's own.
	Operation Operation

	// Auth is required: the Auth whose handler or middleware it is, such as that of
	// WithDialect.
	Auth *middleware.Auth

	// Method is required for a handler of the host's own, and must be empty for others, which
	// have one.
	Method string

	// Guard is the middleware in front. Zero: there is none.
	Guard Guard

	// Scopes are those of RequireScope behind the Guard. Empty: it is not there.
	Scopes []string

	// RecentLogin is the maxAge of RequireRecentLogin behind the Guard, in whole seconds.
	// Zero: it is not there.
	RecentLogin time.Duration

	// ID is the operationId, which names the operation in generated code. Each is used
	// once. Empty: the Operation, or the method and the path of the host's own.
	ID string

	// Object is a part of an Operation Object (OpenAPI 3.1 §4.8.10) of the host's: its members
	// take precedence. It must be what encoding/json can encode as an object. Nil: none.
	Object any
}

// ConfigError is one invalid field of a [Config].
type ConfigError = configerror.Error

// Document is an OpenAPI document. Create it with [New]. It does not change, and is safe
// for concurrent use.
type Document struct {
	json []byte
	tag  string
}

// New describes the routes. It calls neither a store nor counters.
//
// If the Config is invalid, New returns one error that joins all defects: *ConfigError
// values, each with the path of its field. A route whose handler would answer every
// request with 500, because the Auth lacks what it needs, is a defect too.
func New(c Config) (*Document, error) {
	wrong := configcheck.List{Package: "openapi"}
	complain := wrong.At("Config.")
	for _, field := range []struct{ name, value string }{{"Title", c.Title}, {"Version", c.Version}} {
		if field.value == "" {
			complain(field.name, "is required")
		}
	}
	if len(c.Routes) == 0 {
		complain("Routes", "is required: at least one")
	}
	b := builder{paths: object{}, schemes: object{}, ids: map[string]bool{}}
	for i, r := range c.Routes {
		at := fmt.Sprintf("Config.Routes[%d].", i)
		if r.check(wrong.At(at)) {
			b.add(r, wrong.At(at))
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	components := object{"securitySchemes": b.schemes}
	if shared := b.share(); len(shared) > 0 {
		components["responses"] = shared
	}
	text, err := json.Marshal(object{
		"openapi": "3.1.0", "info": object{"title": c.Title, "version": c.Version}, "paths": b.paths, "components": components,
	})
	if err != nil {
		return nil, err // cannot be: an Object was decoded from JSON
	}
	return &Document{json: text, tag: etag.Of(text)}, nil
}

// JSON returns the document. The same Config has the same document.
func (d *Document) JSON() []byte { return slices.Clone(d.json) }

// Value returns the document as encoding/json decodes it, for hosts that merge it into
// their own. It may be changed.
func (d *Document) Value() map[string]any {
	var v map[string]any
	_ = json.Unmarshal(d.json, &v) // New has encoded it
	return v
}

// ServeHTTP writes the document to GET and HEAD. It may be cached for five minutes, and a
// client that has it gets 304. It is public: it says what anybody could find out by
// requests, and nothing of users, keys or secrets.
func (d *Document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "Use GET", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Etag", d.tag)
	h.Set("X-Content-Type-Options", "nosniff")
	if etag.Matches(r.Header.Values("If-None-Match"), d.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(d.json) // the client may have disconnected
}

var (
	pathForm   = regexp.MustCompile(`^(/([^/{}?#\s]|\{[A-Za-z_][A-Za-z0-9_]*\})*)+$`)
	pathParam  = regexp.MustCompile(`\{([^{}]*)\}`)
	methodForm = regexp.MustCompile(`^(GET|PUT|POST|DELETE|OPTIONS|HEAD|PATCH|TRACE)$`)
)

// check complains of what is wrong with a route, and reports whether it can be described.
func (r Route) check(complain configcheck.Complain) bool {
	ok := true
	note := func(path, format string, args ...any) {
		ok = false
		complain(path, format, args...)
	}
	if !pathForm.MatchString(r.Path) {
		note("Path", `must be a path such as "/auth/sessions/{id}", got %q`, r.Path)
	}
	if r.Auth == nil {
		note("Auth", "is required")
	}
	_, known := operations[r.Operation]
	switch {
	case !known:
		note("Operation", "must be one of this package, got %q", r.Operation)
	case r.Operation != "" && r.Method != "":
		note("Method", "must be empty for %s, got %q", r.Operation, r.Method)
	case r.Operation == "" && !methodForm.MatchString(r.Method):
		note("Method", "is required for a handler of the host's own, in capitals, got %q", r.Method)
	}
	if r.Guard < NoGuard || r.Guard > OptionalProtect {
		note("Guard", "must be one of this package, got %d", r.Guard)
	}
	bearer := r.Guard.bearer() == required
	if len(r.Scopes) > 0 && !bearer {
		note("Scopes", "must be empty unless Guard is Bearer or Protect")
	}
	if r.RecentLogin != 0 && (!bearer || r.RecentLogin < 0 || r.RecentLogin%time.Second != 0) {
		note("RecentLogin", "must be whole seconds, and zero unless Guard is Bearer or Protect, got %v", r.RecentLogin)
	}
	return ok
}

// params are the parameters of a path.
func (r Route) params() []string {
	var names []string
	for _, m := range pathParam.FindAllStringSubmatch(r.Path, -1) {
		names = append(names, m[1])
	}
	return names
}

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
