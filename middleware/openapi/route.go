package openapi

import (
	"regexp"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/middleware"
)

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
