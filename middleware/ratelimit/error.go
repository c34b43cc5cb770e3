package ratelimit

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// Reason says why a request was rejected.
type Reason uint8

const (
	// ReasonLimited means that a limit is reached. The status is 429.
	ReasonLimited Reason = iota

	// ReasonUnauthenticated means that the caller is not authenticated, and that
	// Config.Tiers has no tier Anonymous. The status is 401.
	ReasonUnauthenticated

	// ReasonUnavailable means that the counters, Identify, TierOf or Override
	// failed. The status is 503.
	ReasonUnavailable

	// ReasonAddress means that Config.ClientIP returned no address. The status is
	// 400, because a middleware may have copied the address from a header of the
	// client.
	ReasonAddress

	// ReasonMisconfigured means that the host's configuration or functions have a
	// defect. The status is 500.
	ReasonMisconfigured
)

// status is the HTTP status of each Reason.
var status = [...]int{
	ReasonLimited:         http.StatusTooManyRequests,
	ReasonUnauthenticated: http.StatusUnauthorized,
	ReasonUnavailable:     http.StatusServiceUnavailable,
	ReasonAddress:         http.StatusBadRequest,
	ReasonMisconfigured:   http.StatusInternalServerError,
}

// Error is the rejection of a request by a Limiter.
type Error struct {
	// Reason says why the request was rejected.
	Reason Reason

	// Quota is the caller's quota. It is set only for ReasonLimited.
	Quota *Quota

	// RetryAfter is how long the client should wait. Zero: unknown.
	RetryAfter time.Duration

	// Description is a sentence for the developer of the client. It contains no
	// secret.
	Description string

	// Err is the cause, for the log. It must not be sent to the client. Nil: there
	// is none.
	Err error
}

// Error returns the description and the cause, for the log.
func (e *Error) Error() string {
	if e.Err == nil {
		return "ratelimit: " + e.Description
	}
	return "ratelimit: " + e.Description + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// RefusesRequest makes the error a [Refusal]. It returns true for ReasonAddress
// and ReasonMisconfigured.
func (e *Error) RefusesRequest() (fault bool) {
	return e.Reason == ReasonAddress || e.Reason == ReasonMisconfigured
}

// Status returns the HTTP status of the Reason.
func (e *Error) Status() int {
	if int(e.Reason) < len(status) {
		return status[e.Reason]
	}
	return http.StatusInternalServerError
}

// Write writes the response: the Status, the headers of the Quota, Retry-After,
// and the Description as plain text, with Cache-Control: no-store (RFC 6585 §4).
// A Limiter does this if Config.Refuse is nil.
func (e *Error) Write(w http.ResponseWriter) {
	h := w.Header()
	if e.Quota != nil {
		e.Quota.SetHeader(h)
	}
	if e.RetryAfter > 0 && (e.Quota == nil || !e.Quota.NoRetryAfter()) {
		h.Set("Retry-After", strconv.FormatInt(fieldvalue.Seconds(e.RetryAfter), 10))
	}
	h.Set("Cache-Control", "no-store")
	http.Error(w, e.Description, e.Status())
}

// Refusal is an error of one of the host's functions in a Config (Identify,
// TierOf, Override, and the key of ByKey) that rejects the request: it reaches
// Config.Refuse unchanged. Any other error means that the function failed. *Error
// is a Refusal.
type Refusal interface {
	error

	// RefusesRequest reports whether the host has a defect, so that EventFault is
	// reported.
	RefusesRequest() (fault bool)
}

// isRefusal reports whether err is a Refusal, and whether the host has a defect.
func isRefusal(err error) (refuses, fault bool) {
	r, ok := errors.AsType[Refusal](err)
	return ok, ok && r.RefusesRequest()
}

func misconfigured(cause error) *Error {
	return &Error{Reason: ReasonMisconfigured, Description: "The rate limit is misconfigured", Err: cause}
}

func noAddress(cause error) *Error {
	return &Error{Reason: ReasonAddress, Description: "The address of the client cannot be told", Err: cause}
}

// retryUnavailable is the Retry-After of a 503: long enough for a failover, and
// short enough for a person.
const retryUnavailable = 5 * time.Second

func unavailable(cause error) *Error {
	return &Error{Reason: ReasonUnavailable, RetryAfter: retryUnavailable, Description: "Try again later", Err: cause}
}

// ConfigError is one invalid field of a [Config], a [LimitConfig], a
// [MemoryConfig] or a [Policy].
type ConfigError = configerror.Error

// complaint notes what is wrong with the field at the path.
type complaint = configcheck.Complain

// complaints returns an empty list of defects.
func complaints() configcheck.List { return configcheck.List{Package: "ratelimit"} }
