package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// spec is the description of one route.
type spec struct {
	route   Route
	handler handler
	about   middleware.Description
	writer  *middleware.Auth // writes the refusals of the handler
	defect  string           // why the handler cannot be described
	method  string

	params  []object // in path, query and header
	body    object   // nil: none is read
	bearer  need
	refresh bool // the refresh cookie is read
	client  bool // HTTP Basic is read
	reasons []wire.Reason
	needed  []string // parameters without which the request is rejected
	header  bool     // the refresh token is in the refresh-token header
	oneOf   []string // of these the request has one
	accepts wire.Accepts
	answers []wire.Answer
}

// newSpec describes a route that is valid.
func newSpec(r Route) *spec {
	s := &spec{route: r, handler: operations[r.Operation], about: r.Auth.Describe(), writer: r.Auth}
	s.method = s.handler.method
	if r.Operation == "" {
		s.method = r.Method
	}
	if s.handler.standard {
		s.writer = r.Auth.WithDialect(wire.OAuth2{})
	}
	if !s.handler.free {
		s.defect = lacking(s.about.Issues, "Tokens")
	}
	if s.defect == "" && s.handler.lacks != nil {
		s.defect = s.handler.lacks(s.about)
	}
	if s.defect != "" {
		return s
	}
	for _, name := range r.params() {
		s.params = append(s.params, object{"in": "path", "name": name, "required": true, "schema": object{"type": "string"}})
	}
	s.handler.describe(s)
	s.guarded()
	return s
}

// id returns the operationId.
func (s *spec) id() string {
	switch {
	case s.route.ID != "":
		return s.route.ID
	case s.route.Operation != "":
		return string(s.route.Operation)
	}
	var id strings.Builder
	id.WriteString(strings.ToLower(s.method))
	for word := range strings.FieldsFuncSeq(s.route.Path, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}

// may adds reasons for which a request may be rejected.
func (s *spec) may(reasons ...wire.Reason) {
	for _, reason := range reasons {
		if !slices.Contains(s.reasons, reason) {
			s.reasons = append(s.reasons, reason)
		}
	}
}

// reasonLate is not one of package wire: the body was malformed because it was late.
const reasonLate wire.Reason = "late"

// own is a handler of the host's: its answers are not known.
func (s *spec) own() {}

// attempts describes that failed attempts are limited.
func (s *spec) attempts() {
	if s.about.LimitsAttempts {
		s.may(wire.ReasonThrottled)
	}
}

func (s *spec) unavailable() { s.may(wire.ReasonUnavailable) }

// cookies describes that the browser sends the request with cookies.
func (s *spec) cookies() {
	if s.about.RefreshCookie != "" {
		s.may(wire.ReasonCrossSite)
		s.refresh = s.route.Operation == Refresh || s.route.Operation == Logout
	}
}

// mayBearer describes that an access token is read.
func (s *spec) mayBearer(needed need) {
	s.bearer = max(s.bearer, needed)
	s.may(wire.ReasonNoBearer, wire.ReasonBearerForm, wire.ReasonBearer, wire.ReasonExpired, wire.ReasonTwoBearers)
	if s.about.AccessCookie != "" {
		s.may(wire.ReasonMalformed) // two cookies of one name
		if s.method != http.MethodGet && s.method != http.MethodHead && s.method != http.MethodOptions {
			s.may(wire.ReasonCrossSite)
		}
	}
	s.unavailable()
}

// guarded describes the middleware in front.
func (s *spec) guarded() {
	g := s.route.Guard
	if g.bearer() != not {
		s.mayBearer(g.bearer())
	}
	if len(s.route.Scopes) > 0 {
		s.may(wire.ReasonForbidden)
	}
	if s.route.RecentLogin > 0 {
		s.may(wire.ReasonNotRecent)
	}
	if g.limits() {
		s.may(wire.ReasonLimited, wire.ReasonUnavailable)
	}
	if g == Protect || g == OptionalProtect { // of a tier that is not among the Tiers
		s.may(wire.ReasonInternal)
	}
}
