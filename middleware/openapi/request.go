package openapi

import (
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// descriptions describes parameters by their names. Those that a host has named have none.
var descriptions = map[string]string{ //nolint:gosec // names and sentences
	"grant_type":           "What is presented for an access token (RFC 6749 §4)",
	"username":             "The login",
	"password":             "The password",
	"scope":                "Scopes, separated by spaces",
	"client_id":            "The OAuth client, unless HTTP Basic names it",
	"client_secret":        "The secret of the OAuth client",
	"refresh_token":        "The refresh token",
	"refresh-token":        "The refresh token",
	"token":                "The token",
	"step_token":           "What the login answered",
	"code":                 "The second factor",
	"method":               "Which factor the code is of, if the user has several",
	"subject_token":        "The API key (RFC 8693 §2.1)",
	"subject_token_type":   "What the subject_token is",
	"requested_token_type": "What is asked for",
	"audience":             "The API that the access token is for",
	"resource":             "The API that the access token is for",
	"label":                "What the user calls the key",
	"expires_in":           "After how many seconds the key expires; without it a new key does not, and a successor does when the old one would",
	"networks":             "Addresses and networks in CIDR notation from which the key may be used",
	"overlap":              "How many seconds the old key keeps working",
	"limit":                "The maximum length of the page",
	"after":                "The \"next\" of the page before",
}

func describe(name string) string { return descriptions[name] }

// paramSchema is the schema of a parameter.
func paramSchema(p wire.Param) object {
	schema := object{"type": "string"}
	switch p.Type {
	case "integer":
		schema = object{"type": "integer", "minimum": p.Least}
		if p.Most > 0 {
			schema["maximum"] = p.Most
		}
	case "array":
		schema = object{"type": "array", "items": object{"type": "string"}, "minItems": p.Least}
		if p.Most > 0 {
			schema["maxItems"] = p.Most
		}
	}
	if len(p.Values) == 1 {
		schema["const"] = p.Values[0]
	}
	if len(p.Values) > 1 {
		schema["enum"] = p.Values
	}
	return schema
}

// described is a schema, or a parameter, with its description if it has one.
func described(o object, name string) object {
	if text := describe(name); text != "" {
		o["description"] = text
	}
	return o
}

// parameter is a parameter in a header or in the query.
func parameter(p wire.Param) object {
	return described(object{"in": p.In, "name": p.Name, "required": p.Required, "schema": paramSchema(p)}, p.Name)
}

// bodySchema is the schema of the parameters in a body.
func bodySchema(reading wire.Reading) object {
	schema := object{"type": "object", "properties": object{}}
	var needed []string
	for _, p := range reading.Params {
		if p.In != "" && p.In != "body" {
			continue
		}
		properties(schema)[p.Name] = described(paramSchema(p), p.Name)
		if p.Required {
			needed = append(needed, p.Name)
		}
	}
	if needed != nil {
		schema["required"] = needed
	}
	return schema
}

func properties(schema object) object {
	o, _ := schema["properties"].(object)
	return o
}

func requiredOf(schema object) []string {
	names, _ := schema["required"].([]string)
	return names
}

// content is a Request Body Object for what is accepted.
func content(accepts wire.Accepts, schema object, needed bool) object {
	media := object{"application/x-www-form-urlencoded": object{"schema": schema}}
	if accepts.Multipart {
		media["multipart/form-data"] = object{"schema": schema}
	}
	if accepts.JSON {
		media["application/json"] = object{"schema": schema}
	}
	return object{"content": media, "required": needed}
}

// operation is the Operation Object.
func (s *spec) operation() object {
	o := object{"responses": s.responses()}
	if s.handler.summary != "" {
		o["summary"] = s.handler.summary
	}
	if text := s.notes(); text != "" {
		o["description"] = text
	}
	if len(s.params) > 0 {
		o["parameters"] = s.params
	}
	if s.body != nil {
		o["requestBody"] = s.body
	}
	o["security"] = s.security()
	return o
}

// notes says what the form of the document cannot.
func (s *spec) notes() string {
	var all []string
	if len(s.oneOf) > 1 {
		all = append(all, "The request has one of "+strings.Join(s.oneOf, " and ")+", and no more.")
	}
	if s.client && s.about.NeedsClient {
		all = append(all, "The client must be named, by HTTP Basic or client_id.")
	}
	if s.about.AccessCookie != "" && slices.Contains(s.reasons, wire.ReasonCrossSite) {
		all = append(all, "A request with cookies must be from a page that the host trusts.")
	}
	return strings.Join(all, " ")
}

// The names of the security schemes.
const (
	schemeBearer  = "bearer"
	schemeClient  = "client"
	schemeAccess  = "accessCookie"
	schemeRefresh = "refreshCookie"
)

// security says what a request is authenticated by: one of the list.
func (s *spec) security() []any {
	all := []any{}
	if s.bearer != not {
		scopes := append([]string{}, s.route.Scopes...) // not nil, which would be null
		all = append(all, object{schemeBearer: scopes})
		if s.about.AccessCookie != "" {
			all = append(all, object{schemeAccess: scopes})
		}
	}
	if s.client {
		all = append(all, object{schemeClient: []string{}})
	}
	if s.refresh {
		all = append(all, object{schemeRefresh: []string{}})
	}
	if s.bearer != required && len(all) > 0 {
		all = append(all, object{})
	}
	return all
}

// schemes are the security schemes that the operation names.
func (s *spec) schemes() object {
	all := object{}
	for _, one := range s.security() {
		for name := range one.(object) { //nolint:forcetypeassert // security makes them
			all[name] = map[string]object{
				schemeBearer:  {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The access token"},
				schemeClient:  {"type": "http", "scheme": "basic", "description": "The ID and the secret of the OAuth client (RFC 6749 §2.3.1)"},
				schemeAccess:  {"type": "apiKey", "in": "cookie", "name": s.about.AccessCookie, "description": "The access token of a browser, which a login sets"},
				schemeRefresh: {"type": "apiKey", "in": "cookie", "name": s.about.RefreshCookie, "description": "The refresh token of a browser, which a login sets"},
			}[name]
		}
	}
	return all
}
