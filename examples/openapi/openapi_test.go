package openapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/openapi"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
)

func TestEachAnswerIsDescribedAndEachDescriptionIsAnswered(t *testing.T) {
	t.Parallel()
	for _, s := range []setup{
		{name: "OAuth2", dialect: wire.OAuth2{}, user: "username", pass: "password"},
		{name: "OAuth2, clients required", dialect: wire.OAuth2{}, user: "username", pass: "password", client: "client_id=public"},
		{name: "OAuth2, cookies", dialect: wire.OAuth2{}, user: "username", pass: "password", cookies: true},
		{name: "FastAPI", dialect: wire.FastAPI{}, user: "username", pass: "password", header: true},
		{name: "FastAPI, clients required", dialect: wire.FastAPI{}, user: "username", pass: "password", header: true, client: "client_id=public"},
		{name: "FastAPI, cookies", dialect: wire.FastAPI{}, user: "username", pass: "password", header: true, cookies: true},
		{name: "PostmanRefresh", dialect: wire.PostmanRefresh{}, user: "username", pass: "password"},
		{name: "Lexik", dialect: wire.Lexik{}, user: "_username", pass: "_password"},
		{name: "Lexik, refresh tokens and cookies", dialect: wire.Lexik{RefreshTokens: true}, user: "_username", pass: "_password", cookies: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, s.dialect, func(c *config) {
				if s.client != "" {
					c.tokens.Clients = c.tokens.Store.(*failing)
					c.auth.MayIntrospect = mayIntrospect
					c.auth.Endpoints.Introspect = "/auth/introspect"
				}
				if s.cookies {
					c.auth.Cookies = &middleware.Cookies{RefreshPath: "/auth"}
				}
			})
			h.holds(t, s)
		})
	}
}

// holds sends all exchanges, and holds the answers against the document.
func (h *host) holds(t *testing.T, s setup) {
	t.Helper()
	v := newValidator(t, h.document.JSON())
	all := h.list(t, s)
	paths := resolved(h.document)
	for _, r := range h.routes {
		method := methodOf(paths, r)
		described := paths[r.Path].(map[string]any)[strings.ToLower(method)].(map[string]any)
		seen := map[string]bool{}
		for _, name := range namesOf(all, r) {
			x := all[r.Operation][name]
			answer, body, sent := h.answered(x)
			where := s.name + ", " + string(r.Operation) + " " + r.Path + ", " + name
			status := answer.Status[:3]
			response := responseOf(described, status)
			if response == nil {
				t.Errorf("%s: %s is not described: %s", where, status, body)
				continue
			}
			seen[status] = true
			v.validate(t, where, sent, answer, body)
			headersAreDescribed(t, where, response, answer)
			reason := strings.TrimPrefix(name, r.Path+" ")
			if at := statusOf(described, reason); at != "" && at != status {
				t.Errorf("%s: %s, and the document has it under %s: %s", where, status, at, body)
			}
		}
		for status, response := range described["responses"].(map[string]any) {
			if !seen[status] && status != "2XX" {
				t.Errorf("%s: %s %s: %s was never answered", s.name, method, r.Path, status)
			}
			for name := range examplesOf(response) {
				if _, ok := all[r.Operation][name]; !ok && name != "success" {
					if _, ok := all[r.Operation][r.Path+" "+name]; !ok {
						t.Errorf("%s: %s %s: %s is described, and was not tried", s.name, method, r.Path, name)
					}
				}
			}
		}
	}
}

// resolved are the paths of a document, without references to its responses.
func resolved(d *openapi.Document) map[string]any {
	v := d.Value()
	shared, _ := v["components"].(map[string]any)["responses"].(map[string]any)
	paths := v["paths"].(map[string]any)
	for _, item := range paths {
		for _, operation := range item.(map[string]any) {
			all := operation.(map[string]any)["responses"].(map[string]any)
			for status, response := range all {
				if ref, ok := response.(map[string]any)["$ref"].(string); ok {
					all[status] = shared[strings.TrimPrefix(ref, "#/components/responses/")]
				}
			}
		}
	}
	return paths
}

// answered sends an exchange, and returns the last answer and its request.
func (h *host) answered(x exchange) (*http.Response, []byte, *http.Request) {
	r := x.send()
	if x.with != nil {
		defer x.with()()
	}
	text, _ := io.ReadAll(r.Body)
	late := len(text) == 0 && r.ContentLength > 0
	var answer *http.Response
	for range max(x.times, 1) {
		again := r.Clone(r.Context())
		if !late {
			again.Body = io.NopCloser(bytes.NewReader(text))
		}
		answer = h.serve(again)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(text))
	return answer, body, r
}

func namesOf(all map[openapi.Operation]exchanges, r openapi.Route) []string {
	var names []string
	for name := range all[r.Operation] {
		if r.Operation != "" || strings.HasPrefix(name, r.Path+" ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func methodOf(paths map[string]any, r openapi.Route) string {
	if r.Method != "" {
		return r.Method
	}
	for method, o := range paths[r.Path].(map[string]any) {
		if o.(map[string]any)["operationId"] == string(r.Operation) {
			return strings.ToUpper(method)
		}
	}
	return ""
}

func responseOf(described map[string]any, status string) map[string]any {
	all := described["responses"].(map[string]any)
	if r, ok := all[status].(map[string]any); ok {
		return r
	}
	r, _ := all[status[:1]+"XX"].(map[string]any)
	return r
}

func examplesOf(response any) map[string]any {
	all := map[string]any{}
	content, _ := response.(map[string]any)["content"].(map[string]any)
	for _, media := range content {
		examples, _ := media.(map[string]any)["examples"].(map[string]any)
		for name, one := range examples {
			all[name] = one
		}
	}
	return all
}

// statusOf is the status below which the document has an example.
func statusOf(described map[string]any, reason string) string {
	for status, response := range described["responses"].(map[string]any) {
		if _, ok := examplesOf(response)[reason]; ok {
			return status
		}
	}
	return ""
}

// headersAreDescribed wants each header in the document, and each that is required.
func headersAreDescribed(t *testing.T, where string, response map[string]any, answer *http.Response) {
	t.Helper()
	described, _ := response["headers"].(map[string]any)
	names := map[string]bool{"Content-Type": true, "Content-Length": true}
	for name, one := range described {
		names[http.CanonicalHeaderKey(name)] = true
		if one.(map[string]any)["required"] == true && answer.Header.Get(name) == "" {
			t.Errorf("%s: the header %s is required, and missing", where, name)
		}
	}
	for name := range answer.Header {
		if !names[name] {
			t.Errorf("%s: the header %s is not described", where, name)
		}
	}
}

func mayIntrospect(_ context.Context, c store.Client) bool { return c.ID == "app" }

// strict is a validator of a document whose schemas allow no other members than those that
// they name.
type strict struct{ validator.Validator }

func newValidator(t *testing.T, document []byte) strict {
	t.Helper()
	plain, err := libopenapi.NewDocument(document)
	check(t, err)
	v, errs := validator.NewValidator(plain)
	for _, err := range errs {
		t.Fatal(err)
	}
	if ok, wrong := v.ValidateDocument(); !ok {
		for _, w := range wrong {
			t.Errorf("the document: %s: %s", w.Message, w.Reason)
			for _, s := range w.SchemaValidationErrors {
				t.Errorf("  %s", s.Reason)
			}
		}
	}
	var value any
	check(t, json.Unmarshal(document, &value))
	closeSchemas(value)
	closed, err := json.Marshal(value)
	check(t, err)
	d, err := libopenapi.NewDocument(closed)
	check(t, err)
	if v, errs = validator.NewValidator(d); len(errs) > 0 {
		t.Fatal(errs)
	}
	return strict{v}
}

// closeSchemas forbids members that a schema does not name.
func closeSchemas(v any) {
	switch x := v.(type) {
	case map[string]any:
		if _, ok := x["properties"].(map[string]any); ok && x["type"] == "object" {
			x["additionalProperties"] = false
		}
		for name, inner := range x {
			if name != "example" && name != "examples" {
				closeSchemas(inner)
			}
		}
	case []any:
		for _, inner := range x {
			closeSchemas(inner)
		}
	}
}

func (v strict) validate(t *testing.T, where string, r *http.Request, answer *http.Response, body []byte) {
	t.Helper()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if ok, wrong := v.ValidateHttpResponse(r, answer); !ok {
		for _, w := range wrong {
			t.Errorf("%s: %s: %s: %s", where, w.Message, w.Reason, body)
			for _, s := range w.SchemaValidationErrors {
				t.Errorf("  %s", s.Reason)
			}
		}
	}
}
