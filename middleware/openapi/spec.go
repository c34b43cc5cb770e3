package openapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
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

func (s *spec) login() {
	s.reads(s.about.Login, s.about.Dialect.Accepts())
	s.may(wire.ReasonCredentials, wire.ReasonRefused, wire.ReasonFactor, wire.ReasonInternal)
	s.attempts()
	s.cookies()
	s.grants(!s.about.AccessOnly, s.about.AccessOnly || s.about.RegistersClients)
}

func (s *spec) completeLogin() {
	s.reads(s.about.CompleteLogin, s.about.Dialect.Accepts())
	s.may(wire.ReasonStep, wire.ReasonWrongFactor, wire.ReasonInternal)
	s.attempts()
	s.cookies()
	s.grants(!s.about.AccessOnly, s.about.AccessOnly || s.about.RegistersClients)
}

func (s *spec) renew() {
	accepts := s.about.Dialect.Accepts()
	s.reads(s.about.Refresh, accepts)
	s.may(wire.ReasonNoRefresh, wire.ReasonRefresh, wire.ReasonEnded, wire.ReasonInternal)
	keys := accepts.APIKeys && s.about.ExchangesKeys
	if keys {
		s.may(wire.ReasonKey)
	}
	s.attempts()
	s.cookies()
	s.grants(true, keys)
}

func (s *spec) logout() {
	s.reads(s.about.Logout, s.about.Dialect.Accepts())
	s.reasons = slices.DeleteFunc(s.reasons, func(r wire.Reason) bool { return r == wire.ReasonClientGrant })
	if len(s.needed) == 0 || s.about.RefreshCookie != "" {
		s.mayBearer(optional)
	} else {
		s.may(wire.ReasonNoRefresh)
	}
	s.attempts()
	s.cookies()
	s.answers = []wire.Answer{s.route.Auth.LoggedOut(true), s.route.Auth.LoggedOut(false)}
}

func (s *spec) logoutEverywhere() {
	s.reads(wire.Reading{}, wire.Accepts{Unknown: true})
	s.body = nil
	s.account()
	s.cookies()
	s.answers = []wire.Answer{s.route.Auth.LoggedOut(true)}
}

func (s *spec) token() {
	s.writer = s.writer.WithoutCookies()
	var all []any
	for _, name := range slices.Sorted(maps.Keys(s.about.Grants)) {
		reading := s.about.Grants[name]
		s.reads(reading, wire.Accepts{})
		one := bodySchema(reading)
		properties(one)["grant_type"] = object{"const": name, "description": describe("grant_type"), "type": "string"}
		one["required"] = append([]string{"grant_type"}, requiredOf(one)...)
		all = append(all, one)
		switch name {
		case tokens.GrantRefresh:
			s.may(wire.ReasonNoRefresh, wire.ReasonRefresh, wire.ReasonEnded)
			s.answers = append(s.answers, s.writer.Granted(pair(true, false)), s.writer.Granted(pair(true, true)))
		case tokens.GrantPassword:
			s.may(wire.ReasonCredentials, wire.ReasonRefused, wire.ReasonFactor)
			s.answers = append(s.answers, s.writer.Granted(pair(!s.about.RegistersClients, true)))
		case tokens.GrantExchange:
			s.may(wire.ReasonKey, wire.ReasonTarget)
			exchanged := pair(false, false)
			exchanged.Exchanged = true
			s.answers = append(s.answers, s.writer.Granted(exchanged))
		}
	}
	s.body = content(wire.Accepts{}, object{"oneOf": all}, true)
	if len(all) == 1 {
		s.body = content(wire.Accepts{}, all[0].(object), true) //nolint:forcetypeassert // it was made above
	}
	s.needed = []string{"grant_type"}
	s.may(wire.ReasonMissing, wire.ReasonGrantType, wire.ReasonInternal)
	s.attempts()
}

func (s *spec) revoke() {
	s.reads(s.about.Revoke, wire.Accepts{})
	s.reasons = slices.DeleteFunc(s.reasons, func(r wire.Reason) bool { return r == wire.ReasonClientGrant })
	s.may(wire.ReasonTokenType)
	s.attempts()
	s.answers = []wire.Answer{s.route.Auth.Revoked(false)}
	if s.about.AccessCookie != "" {
		s.answers = append(s.answers, s.route.Auth.Revoked(true))
	}
}

func (s *spec) introspect() {
	s.reads(s.about.Introspect, wire.Accepts{})
	s.attempts()
	at := time.Unix(sampleTime, 0)
	whole := tokens.Introspection{
		Active: true, Subject: "user-1", ClientID: "client-1", Scope: "read", SessionID: "session-1", IssuedAt: at, ExpiresAt: at.Add(time.Hour),
		Principal: tokens.Principal{
			Subject: "user-1", Account: "account-1", Tier: "free", Seats: 1, TokenID: "token-1",
			AuthenticatedAt: at, ContextClass: "1", Actor: "staff-1",
		},
	}
	few := tokens.Introspection{Active: true, Refresh: true, Subject: "user-1", IssuedAt: at, ExpiresAt: at.Add(time.Hour)}
	s.answers = []wire.Answer{s.route.Auth.Introspected(whole), s.route.Auth.Introspected(few), s.route.Auth.Introspected(tokens.Introspection{})}
}

func (s *spec) sessions() {
	s.account()
	s.page()
	at := time.Unix(sampleTime, 0).UTC()
	one := tokens.OpenSession{
		ID: "session-1", ClientID: "client-1", Scopes: []string{"read"}, Label: "Firefox", Actor: "staff-1",
		CreatedAt: at, LastUsedAt: at, ExpiresAt: at.Add(time.Hour),
	}
	few := tokens.OpenSession{ID: "session-2", CreatedAt: at, LastUsedAt: at, ExpiresAt: at.Add(time.Hour)}
	s.answers = []wire.Answer{
		s.route.Auth.SessionsListed(middleware.SessionList{Sessions: []tokens.OpenSession{one, few}, Next: "next-page", Current: "session-1"}),
		s.route.Auth.SessionsListed(middleware.SessionList{}),
	}
}

func (s *spec) endSession() {
	s.account()
	s.named()
	s.may(wire.ReasonNotFound)
	s.answers = []wire.Answer{s.route.Auth.SessionEnded(false)}
	if s.about.AccessCookie != "" {
		s.answers = append(s.answers, s.route.Auth.SessionEnded(true))
	}
}

func (s *spec) endOtherSessions() {
	s.account()
	s.may(wire.ReasonNoSession)
	s.answers = []wire.Answer{s.route.Auth.Done()}
}

// sampleKeys are an API key with all that it may have, and one with little.
func sampleKeys() (whole, few store.APIKey) {
	at := time.Unix(sampleTime, 0).UTC()
	whole = store.APIKey{
		ID: "key-1", Hint: "wxyz", Label: "CI", Scopes: []string{"read"}, CreatedAt: at, ExpiresAt: at.Add(time.Hour), LastUsedAt: at, Successor: "key-2",
	}
	whole.Networks, _ = tokens.ParseNetworks([]string{"192.0.2.0/24"}) // they are two constants
	return whole, store.APIKey{ID: "key-2", CreatedAt: at}
}

func (s *spec) apiKeys() {
	s.account()
	s.page()
	whole, few := sampleKeys()
	s.answers = []wire.Answer{
		s.route.Auth.APIKeysListed(middleware.KeyList{Keys: []store.APIKey{whole, few}, Next: "next-page"}),
		s.route.Auth.APIKeysListed(middleware.KeyList{}),
	}
}

func (s *spec) createAPIKey() {
	s.wish(s.about.CreateAPIKey)
	s.created()
}

func (s *spec) replaceAPIKey() {
	s.wish(s.about.ReplaceAPIKey)
	s.named()
	s.may(wire.ReasonNotFound, wire.ReasonReplaced)
	s.created()
}

func (s *spec) created() {
	whole, few := sampleKeys()
	whole.Successor, whole.LastUsedAt = "", time.Time{}
	for _, k := range []store.APIKey{whole, few} {
		s.answers = append(s.answers, s.route.Auth.APIKeyCreated(middleware.CreatedKey{Key: "new-key", APIKey: k}))
	}
}

func (s *spec) revokeAPIKey() {
	s.account()
	s.named()
	s.may(wire.ReasonNotFound)
	s.answers = []wire.Answer{s.route.Auth.Done()}
}

func (s *spec) quota() {
	s.may(wire.ReasonInternal)
	s.unavailable()
	w := &recorder{header: http.Header{}}
	s.sampleQuota(false).Write(w)
	s.answers = []wire.Answer{w.answer()}
}

func (s *spec) jwks() {
	s.published(wire.Answer{
		Status: http.StatusOK,
		Header: http.Header{"Content-Type": {"application/jwk-set+json"}},
		Body:   []byte(`{"keys":[{"kty":"EC","use":"sig","alg":"ES256","kid":"key-1","crv":"P-256","x":"...","y":"..."},{"kty":"RSA","use":"sig","alg":"RS256","kid":"key-2","n":"...","e":"AQAB"},{"kty":"OKP","use":"sig","alg":"EdDSA","kid":"key-3","crv":"Ed25519","x":"..."}]}`),
	})
}

func (s *spec) metadata() {
	r, _ := http.NewRequest(http.MethodGet, s.route.Path, http.NoBody) //nolint:noctx // it is sent nowhere, and its path was checked
	answer, _ := s.route.Auth.CheckMetadata(r)                         // it was asked whether there is metadata
	s.published(answer)
}

// published describes the answers of a document that may be cached.
func (s *spec) published(answer wire.Answer) {
	s.params = append(s.params, object{"in": "header", "name": "If-None-Match", "schema": object{"type": "string"}})
	for name, value := range map[string]string{"Cache-Control": "public, max-age=300", "Etag": `"..."`, "X-Content-Type-Options": "nosniff"} {
		answer.Header.Set(name, value)
	}
	unchanged := wire.Answer{Status: http.StatusNotModified, Header: answer.Header.Clone()}
	unchanged.Header.Del("Content-Type")
	s.answers = []wire.Answer{answer, unchanged}
}

// reads describes what a handler reads of a POST.
func (s *spec) reads(reading wire.Reading, accepts wire.Accepts) {
	s.may(wire.ReasonMalformed, wire.ReasonTooLarge, reasonLate, wire.ReasonTwoBearers)
	s.accepts, s.oneOf = accepts, reading.OneOf
	isBody := false
	for _, p := range reading.Params {
		if p.Required {
			s.needed = append(s.needed, p.Name)
		}
		switch {
		case p.In == "header":
			s.header = true
			s.params = append(s.params, parameter(p))
		case p.Required:
			isBody = true
			if !slices.Contains(reading.OneOf, p.Name) {
				s.may(wire.ReasonMissing)
			}
		}
		if p.In == "body" && p.Name == "grant_type" && len(p.Values) > 0 {
			s.may(wire.ReasonGrantType)
		}
		if p.In == "body" && p.Name == "scope" {
			s.may(wire.ReasonScope)
		}
	}
	if reading.Client || slices.ContainsFunc(reading.Params, func(p wire.Param) bool { return p.Name == "client_id" }) {
		s.client = true
		if s.about.RegistersClients {
			s.may(wire.ReasonClient, wire.ReasonClientGrant)
		}
	}
	schema := bodySchema(reading)
	if s.about.Remember != "" && (s.route.Operation == Login || s.route.Operation == CompleteLogin) {
		properties(schema)[s.about.Remember] = object{"type": []string{"string", "boolean"}, "description": "Stay logged in when the browser is closed"}
	}
	if len(properties(schema)) > 0 {
		s.body = content(accepts, schema, isBody && s.about.RefreshCookie == "")
	}
	s.unavailable()
}

// wish describes what a handler of API keys reads.
func (s *spec) wish(members []wire.Param) {
	s.account()
	s.may(wire.ReasonMalformed, wire.ReasonTooLarge, reasonLate, wire.ReasonScope, wire.ReasonNoSession)
	schema := bodySchema(wire.Reading{Params: members})
	schema["additionalProperties"] = false
	s.body = object{"required": true, "content": object{"application/json": object{"schema": schema}}}
}

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

// account describes a handler for the user's own account.
func (s *spec) account() {
	s.mayBearer(required)
	s.may(wire.ReasonForbidden)
}

// page describes the parameters of a list.
func (s *spec) page() {
	s.may(wire.ReasonMalformed)
	for _, p := range s.about.Page {
		s.params = append(s.params, parameter(p))
	}
}

// named wants the path to name a session or a key.
func (s *spec) named() {
	if len(s.route.params()) == 0 {
		s.defect = "must be mounted at a path with the ID as a parameter, for example \"/auth/sessions/{id}\""
	}
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

// grants describes the answers with tokens.
func (s *spec) grants(refreshable, bare bool) {
	if refreshable {
		s.answers = append(s.answers, s.route.Auth.Granted(pair(true, false)), s.route.Auth.Granted(pair(true, true)))
	}
	if bare {
		one := pair(false, false)
		one.Exchanged = s.route.Operation == Refresh
		s.answers = append(s.answers, s.route.Auth.Granted(one))
	}
}

// sampleTime is a time in the examples.
const sampleTime = 1_800_000_000

// pair is a pair of tokens for the examples.
func pair(refresh, scope bool) tokens.Pair {
	p := tokens.Pair{AccessToken: "access-token", ExpiresIn: time.Hour}
	if refresh {
		p.RefreshToken, p.RefreshExpiresIn = "refresh-token", 30*24*time.Hour
	}
	if scope {
		p.Principal.Scope = "read"
	}
	return p
}

// sampleQuota is a quota for the examples.
func (s *spec) sampleQuota(violated bool) ratelimit.Quota {
	requests := ratelimit.Usage{
		Policy: ratelimit.Policy{Name: "free", Limit: 500, Window: time.Hour}, Known: true, Remaining: 499, ResetAfter: 8 * time.Second,
	}
	if violated {
		requests.Remaining, requests.RetryAfter, requests.Violated = 0, 8*time.Second, true
	}
	concurrent := ratelimit.Usage{Policy: ratelimit.Policy{Name: "free-concurrent", Limit: 10}, Unit: "concurrent-requests", Known: true, Remaining: 9}
	return s.about.Headers.Quota(time.Unix(sampleTime, 0), requests, concurrent)
}

// recorder is a response that is kept.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

// Header returns the headers.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write keeps the body.
func (w *recorder) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}

func (w *recorder) answer() wire.Answer {
	return wire.Answer{Status: w.status, Header: w.header, Body: w.body}
}
