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
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/etag"
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
