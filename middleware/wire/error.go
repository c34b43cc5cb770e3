package wire

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// Reason says why a request was rejected. A Dialect translates it to its wire
// format. Its text is stable, so that hosts can match it.
type Reason string

// The reasons.
const (
	ReasonMethod      Reason = "method"      // the method is not allowed
	ReasonMalformed   Reason = "malformed"   // the request is malformed or ambiguous
	ReasonTooLarge    Reason = "too_large"   // the body is longer than the maximum
	ReasonMissing     Reason = "missing"     // a required parameter is missing
	ReasonGrantType   Reason = "grant_type"  // the grant type is not supported
	ReasonClient      Reason = "client"      // the OAuth client is unknown or has a wrong secret
	ReasonClientGrant Reason = "client_may"  // the OAuth client may not do this
	ReasonCredentials Reason = "credentials" // the login and the password do not match
	ReasonRefused     Reason = "refused"     // the login and the password match, and the host does not let the user in
	ReasonFactor      Reason = "factor"      // the login and the password match, and a second factor is required
	ReasonWrongFactor Reason = "bad_factor"  // the second factor is wrong
	ReasonStep        Reason = "step"        // the step token of a login is invalid, expired or used
	ReasonScope       Reason = "scope"       // the scope cannot be granted
	ReasonKey         Reason = "key"         // the API key is invalid, expired or revoked
	ReasonTarget      Reason = "target"      // no token is issued for this audience
	ReasonTokenType   Reason = "token_type"  // the type of the token is not supported
	ReasonNoRefresh   Reason = "no_refresh"  // there is no refresh token
	ReasonRefresh     Reason = "refresh"     // the refresh token is invalid
	ReasonEnded       Reason = "ended"       // the session of the refresh token has ended
	ReasonNoBearer    Reason = "no_bearer"   // there is no access token
	ReasonBearerForm  Reason = "bearer_form" // Authorization: Bearer is followed by more than one word
	ReasonBearer      Reason = "bearer"      // the access token is invalid
	ReasonExpired     Reason = "expired"     // the access token has expired
	ReasonTwoBearers  Reason = "two_bearers" // there is more than one Authorization header
	ReasonCrossSite   Reason = "cross_site"  // the request has cookies, and is from a page of another site
	ReasonForbidden   Reason = "forbidden"   // the access token lacks a scope that the route requires
	ReasonNotRecent   Reason = "not_recent"  // the user was not authenticated as recently, or not in the way, that the route requires
	ReasonNoSession   Reason = "no_session"  // the access token has no active session, which the route requires
	ReasonNotFound    Reason = "not_found"   // the user has no such session or API key
	ReasonReplaced    Reason = "replaced"    // the API key has a successor already
	ReasonLimited     Reason = "limited"     // the tier's limit is reached
	ReasonThrottled   Reason = "throttled"   // too many failed attempts; this one was not checked
	ReasonUnavailable Reason = "unavailable" // the store or the counters returned an error
	ReasonInternal    Reason = "internal"    // the host's configuration or code has a defect
)

// Error is the rejection of a request. The Dialect makes the response from it. A
// host may return one from TierOf, Override and similar functions to reject a
// request.
type Error struct {
	// Reason says why the request was rejected. An Error of the host needs only this
	// field.
	Reason Reason

	// Status is the HTTP status that the standard has for the reason. A dialect may
	// answer with another one: Answer.Status is the one that is sent. Zero: that of
	// the Reason.
	Status int

	// Code is the error code of RFC 6749 §5.2 or RFC 6750 §3.1. Empty: the standard
	// has none.
	Code string

	// Description is a sentence for the developer of the client. It must not contain
	// a secret.
	Description string

	// Fields lists the missing or wrong parameters, if Reason is ReasonMissing,
	// ReasonNoRefresh or ReasonGrantType.
	Fields []Field

	// Allow lists the allowed methods, if Reason is ReasonMethod. Empty: POST.
	Allow string

	// Scope is the scope that the route requires, if Reason is ReasonForbidden.
	Scope string

	// MaxAge is how long ago the user may have been authenticated, in whole seconds, if
	// Reason is ReasonNotRecent. Zero: at any time.
	MaxAge time.Duration

	// ContextClasses are the authentication context classes ("acr") of which the route
	// requires one, separated by spaces, if Reason is ReasonNotRecent. Empty: any.
	ContextClasses string

	// HostCode is the host's code for the refusal, if Reason is ReasonRefused: lower-case
	// letters, digits and underscores. The host's words are in Description.
	HostCode string

	// StepToken completes the login, if Reason is ReasonFactor: see StepError of package
	// tokens. Empty: there is none.
	StepToken tokens.Secret

	// StepExpiresIn is how long StepToken is valid. Zero without one.
	StepExpiresIn time.Duration

	// StepMethods are the factors that the user may show. Empty without StepToken.
	StepMethods []string

	// RetryAfter is how long the client should wait. Zero: unknown.
	RetryAfter time.Duration

	// Quota is what the caller has left, if Reason is ReasonLimited.
	Quota *ratelimit.Quota

	// Err is the cause, for the log. It must not be sent to the client. Nil: there
	// is none.
	Err error

	// ReducedCapacity means that the counters of a rate limit failed, if Reason is
	// ReasonUnavailable.
	ReducedCapacity bool
}

// Field is one missing or wrong parameter.
type Field struct {
	// In is "body" or "header", and Name is the parameter's name.
	In, Name string

	// Missing means that the parameter is missing; otherwise its value is wrong.
	Missing bool

	// Value is the wrong value, of a parameter that is not secret.
	Value string

	// Want is the pattern that the value should match or, for content-type, which
	// bodies are read.
	Want string
}

// Error returns the reason and the cause, for the log.
func (e *Error) Error() string {
	if e.Err == nil {
		return "wire: " + string(e.Reason) + ": " + e.Description
	}
	return "wire: " + string(e.Reason) + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// retryStore is the Retry-After of a 503: long enough for a failover, and short
// enough for a person to wait.
const retryStore = 5 * time.Second

// table has the standard's response to each reason.
var table = map[Reason]Error{
	ReasonMethod:      {Status: http.StatusMethodNotAllowed, Code: "invalid_request", Description: "Use POST"},
	ReasonMalformed:   {Status: http.StatusBadRequest, Code: "invalid_request", Description: "The request is malformed"},
	ReasonTooLarge:    {Status: http.StatusRequestEntityTooLarge, Code: "invalid_request", Description: "The body is too large"},
	ReasonMissing:     {Status: http.StatusBadRequest, Code: "invalid_request", Description: "A required parameter is missing"},
	ReasonGrantType:   {Status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "The grant type is not supported here"},
	ReasonClient:      {Status: http.StatusUnauthorized, Code: "invalid_client", Description: "Client authentication failed"},
	ReasonClientGrant: {Status: http.StatusBadRequest, Code: "unauthorized_client", Description: "The client may not do this"},
	ReasonCredentials: {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "Invalid user name or password"},
	ReasonRefused:     {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "The login is refused"},
	ReasonFactor:      {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "A second factor is required"},
	ReasonWrongFactor: {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "The second factor is wrong"},
	ReasonStep:        {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "The step token is invalid, expired or used"},
	ReasonScope:       {Status: http.StatusBadRequest, Code: "invalid_scope", Description: "The scope cannot be granted"},
	ReasonKey:         {Status: http.StatusBadRequest, Code: "invalid_request", Description: "The API key is invalid, expired or revoked"},
	ReasonTarget:      {Status: http.StatusBadRequest, Code: "invalid_target", Description: "No token is issued here for that audience or resource"},
	ReasonTokenType:   {Status: http.StatusBadRequest, Code: "unsupported_token_type", Description: "A token of that type is not supported here"},
	ReasonNoRefresh:   {Status: http.StatusBadRequest, Code: "invalid_request", Description: "The refresh token is missing"},
	ReasonRefresh:     {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "The refresh token is invalid, expired or revoked"},
	ReasonEnded:       {Status: http.StatusBadRequest, Code: "invalid_grant", Description: "The refresh token is invalid, expired or revoked"},
	ReasonNoBearer:    {Status: http.StatusUnauthorized, Description: "An access token is required"},
	ReasonBearerForm:  {Status: http.StatusUnauthorized, Code: "invalid_token", Description: "The access token is invalid or expired"},
	ReasonBearer:      {Status: http.StatusUnauthorized, Code: "invalid_token", Description: "The access token is invalid or expired"},
	ReasonExpired:     {Status: http.StatusUnauthorized, Code: "invalid_token", Description: "The access token is invalid or expired"},
	ReasonTwoBearers:  {Status: http.StatusBadRequest, Code: "invalid_request", Description: "More than one Authorization header"},
	ReasonCrossSite:   {Status: http.StatusForbidden, Description: "The request comes from another site"},
	ReasonForbidden:   {Status: http.StatusForbidden, Code: "insufficient_scope", Description: "The access token has not the scope that is needed"},
	ReasonNotRecent:   {Status: http.StatusUnauthorized, Code: "insufficient_user_authentication", Description: "A more recent or a stronger login is required"},
	ReasonNoSession:   {Status: http.StatusForbidden, Description: "The access token belongs to no session that lasts"},
	ReasonNotFound:    {Status: http.StatusNotFound, Description: "There is no such thing"},
	ReasonReplaced:    {Status: http.StatusConflict, Description: "The API key has a successor: replace that"},
	ReasonLimited:     {Status: http.StatusTooManyRequests, Description: "Too many requests"},
	ReasonThrottled:   {Status: http.StatusTooManyRequests, Description: "Too many failed attempts"},
	ReasonUnavailable: {Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: "Try again later", RetryAfter: retryStore},
	ReasonInternal:    {Status: http.StatusInternalServerError, Code: "server_error", Description: "Something is wrong here"},
}

// NewError returns the rejection for a reason, with its cause. Status, Code,
// Description and RetryAfter are what the standard has for it.
func NewError(reason Reason, cause error) *Error {
	e := table[reason]
	e.Reason, e.Err = reason, cause
	if reason == ReasonMalformed {
		if m, ok := errors.AsType[malformed](cause); ok {
			e.Description = string(m)
		}
	}
	return &e
}

// isSpecific reports whether the description says more than the reason does.
func (e *Error) isSpecific() bool { return e.Description != table[e.Reason].Description }

// RefusesRequest makes the error a ratelimit.Refusal, so that the host's TierOf,
// Override and ByKey can reject a request with it. It returns true for
// ReasonInternal.
func (e *Error) RefusesRequest() (fault bool) { return e.completed().Reason == ReasonInternal }

// completed returns e with the status of its reason, if it has none.
func (e *Error) completed() *Error {
	if e.Status != 0 {
		return e
	}
	known, ok := table[e.Reason]
	if !ok {
		known = table[ReasonInternal]
	}
	c := *e
	c.Status, c.Code = known.Status, known.Code
	if c.Description == "" {
		c.Description = known.Description
	}
	if c.RetryAfter == 0 {
		c.RetryAfter = known.RetryAfter
	}
	return &c
}

// retrier is an error with the time after which the same request may succeed: see
// package store.
type retrier interface {
	error
	RetryAfter() time.Duration
}

// refuser is an error with words of the host's own: package store's RefusalError.
type refuser interface {
	error
	Refusal() (code, description string)
}

// causes maps the errors of package tokens to reasons. The first match counts, so
// kinds of an error precede it.
var causes = []struct {
	err    error
	reason Reason
}{
	{tokens.ErrUnavailable, ReasonUnavailable},
	{tokens.ErrMalformed, ReasonMalformed},
	{tokens.ErrInvalidClient, ReasonClient},
	{tokens.ErrUnauthorizedClient, ReasonClientGrant},
	{tokens.ErrWrongFactor, ReasonWrongFactor},
	{tokens.ErrBadCredentials, ReasonCredentials},
	{tokens.ErrInvalidStep, ReasonStep},
	{tokens.ErrRefused, ReasonRefused},
	{tokens.ErrSecondFactor, ReasonFactor},
	{tokens.ErrInvalidScope, ReasonScope},
	{tokens.ErrExpiredRefresh, ReasonEnded},
	{tokens.ErrRevokedRefresh, ReasonEnded},
	{tokens.ErrReused, ReasonEnded},
	{tokens.ErrInvalidRefresh, ReasonRefresh},
	{tokens.ErrInvalidKey, ReasonKey},
	{tokens.ErrReplaced, ReasonReplaced},
	{tokens.ErrUnsupportedToken, ReasonTokenType},
	{tokens.ErrNoSession, ReasonNoSession},
	{tokens.ErrExpiredToken, ReasonExpired},
	{tokens.ErrInvalidToken, ReasonBearer},
	{context.DeadlineExceeded, ReasonUnavailable},
	{context.Canceled, ReasonUnavailable},
}

// AsError translates any error into a rejection. It is the only place where an
// error gets its status. An *Error without a status gets that of its Reason. An
// error that AsError does not know is ReasonInternal.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.completed()
	}
	if e, ok := errors.AsType[*ratelimit.Error](err); ok {
		return limited(e)
	}
	reason, ok := reasonOf(err)
	if !ok {
		return NewError(ReasonInternal, err)
	}
	e := NewError(reason, err)
	if reason == ReasonRefused {
		if r, ok := errors.AsType[refuser](err); ok {
			e.HostCode, e.Description = r.Refusal()
		}
	}
	if reason == ReasonFactor {
		if s, ok := errors.AsType[*tokens.StepError](err); ok {
			e.StepToken, e.StepExpiresIn, e.StepMethods = s.Token, s.ExpiresIn, s.Methods
		}
	}
	if reason == ReasonUnavailable {
		if r, ok := errors.AsType[retrier](err); ok && r.RetryAfter() > 0 {
			e.RetryAfter = r.RetryAfter()
		}
	}
	return e
}

// reasonOf returns the reason of the first of the causes that err is. Most errors are
// one chain, which it walks once and not for each cause.
func reasonOf(err error) (Reason, bool) {
	first := len(causes)
	for link := err; link != nil; {
		for i := range causes[:first] {
			if causes[i].err == link { //nolint:errorlint // the chain is walked here
				first = i
				break
			}
		}
		switch l := link.(type) { //nolint:errorlint // as above
		case interface{ Is(err error) bool }, interface{ Unwrap() []error }:
			return reasonOfTree(err)
		case interface{ Unwrap() error }:
			link = l.Unwrap()
		default:
			link = nil
		}
	}
	if first == len(causes) {
		return "", false
	}
	return causes[first].reason, true
}

func reasonOfTree(err error) (Reason, bool) {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			return c.reason, true
		}
	}
	return "", false
}

// stepJSON is the step token in the answer to a login that needs a second factor.
type stepJSON struct {
	Token     string   `json:"step_token"`
	ExpiresIn int64    `json:"step_expires_in"`
	Methods   []string `json:"step_methods"`
}

// step returns what the answer says of the step token, or nil if there is none.
func (e *Error) step() *stepJSON {
	if e.StepToken == "" {
		return nil
	}
	return &stepJSON{string(e.StepToken), fieldvalue.Seconds(e.StepExpiresIn), e.StepMethods}
}

// limited translates a rejection of package ratelimit.
func limited(e *ratelimit.Error) *Error {
	switch e.Reason {
	case ratelimit.ReasonLimited:
		// not NewError: the most frequent refusal of a server that is flooded is made without a look-up and a copy
		return &Error{
			Reason: ReasonLimited, Status: http.StatusTooManyRequests,
			Quota: e.Quota, Description: e.Description, RetryAfter: e.RetryAfter,
		}
	case ratelimit.ReasonUnauthenticated:
		return NewError(ReasonNoBearer, nil)
	case ratelimit.ReasonUnavailable:
		made := NewError(ReasonUnavailable, e)
		made.ReducedCapacity = true
		return made
	case ratelimit.ReasonAddress:
		return NewError(ReasonMalformed, e)
	default:
		return NewError(ReasonInternal, e)
	}
}

// Missing returns the rejection of a request without a required body parameter.
func Missing(name string) *Error {
	e := NewError(ReasonMissing, nil)
	e.Description = "The parameter " + name + " is missing"
	e.Fields = []Field{{In: "body", Name: name, Missing: true}}
	return e
}
