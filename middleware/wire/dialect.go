package wire

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
	"github.com/sallyport-go/sallyport/tokens"
)

// Dialect is a wire format: how one family of clients writes its requests and
// reads the responses. [OAuth2], [Lexik], [FastAPI] and [PostmanRefresh] are
// four; a host may implement its own, most simply by embedding one of these and
// replacing a method.
//
// Its methods must be safe for concurrent use. They read and write, and decide
// nothing.
type Dialect interface {
	// Accepts returns which bodies are read.
	Accepts() Accepts

	// ReadLogin reads a login. If a parameter is missing, it returns [Missing].
	ReadLogin(p *Params) (tokens.LoginRequest, error)

	// ReadStep reads the step token and the second factor that complete a login: see
	// StepRequest of package tokens. If a parameter is missing, it returns [Missing].
	ReadStep(p *Params) (tokens.StepRequest, error)

	// ReadRefresh reads the presented refresh token. Without one it returns an Error
	// with ReasonNoRefresh or ReasonMissing.
	ReadRefresh(p *Params) (tokens.RefreshRequest, error)

	// ReadLogout reads the refresh token whose session must end. If there is none
	// and the access token may say it instead, ok is false and err is nil.
	ReadLogout(p *Params) (r tokens.RefreshRequest, ok bool, err error)

	// Granted returns the response to a login, a refresh or an exchange that
	// succeeded.
	Granted(p tokens.Pair) Answer

	// LoggedOut returns the response to a logout. ended is false if there was no
	// session to end.
	LoggedOut(ended bool) Answer

	// Refused returns the response to a request that was rejected. realm is
	// Config.Realm of package middleware, for WWW-Authenticate. It must not write
	// e.Err, which is for the log.
	Refused(route Route, realm string, e *Error) Answer
}

// Route is the kind of a request.
type Route string

// The routes.
const (
	// RouteLogin is a login.
	RouteLogin Route = "login"

	// RouteRefresh is a refresh.
	RouteRefresh Route = "refresh"

	// RouteLogout is a logout.
	RouteLogout Route = "logout"

	// RouteToken is an endpoint of a standard: token (RFC 6749), revoke (RFC 7009)
	// or introspect (RFC 7662).
	RouteToken Route = "token"

	// RouteAPI is one of the host's own routes, behind Bearer or Limit, or one of
	// Sallyport's for the user's own sessions and keys.
	RouteAPI Route = "api"
)

// Accepts says which bodies a dialect reads, in addition to forms
// (application/x-www-form-urlencoded).
type Accepts struct {
	// JSON: a JSON object, whatever its Content-Type, of which the strings are read.
	JSON bool

	// Multipart: multipart/form-data.
	Multipart bool

	// APIKeys: an API key may be in the place of a refresh token.
	APIKeys bool

	// Unknown: a body of another kind is not malformed; its parameters are missing.
	Unknown bool

	// NoClient: no request names an OAuth client. If clients are required, logins
	// then need a default client.
	NoClient bool
}

// Answer is a response, ready to be written.
type Answer struct {
	// Status is the HTTP status.
	Status int

	// Header has the headers.
	Header http.Header

	// Body is JSON, or empty.
	Body []byte

	isJSON bool // this package has made the Body, and no host had it since
}

// IsJSON reports whether Body is JSON, as it should be.
func (a Answer) IsJSON() bool { return a.isJSON || json.Valid(a.Body) }

// Write writes the response.
func (a Answer) Write(w http.ResponseWriter) {
	a.SetHeader(w.Header())
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 { // a 204 must not have a body, not even an empty one
		_, _ = w.Write(a.Body) // it fails only if the client has disconnected
	}
}

// SetHeader sets the response's headers in h, and replaces existing headers of
// the same names. Cookies and the names in Vary are added to existing ones.
func (a Answer) SetHeader(h http.Header) {
	cookies := append(slices.Clip(h["Set-Cookie"]), a.Header["Set-Cookie"]...)
	vary := slices.Clip(h["Vary"])
	maps.Copy(h, a.Header)
	if len(cookies) > 0 {
		h["Set-Cookie"] = cookies
	}
	for _, names := range a.Header["Vary"] {
		if !slices.Contains(vary, names) {
			vary = append(vary, names)
		}
	}
	if len(vary) > 0 {
		h["Vary"] = vary
	}
}

// mostHeaders is the number of headers of most rejections.
const mostHeaders = 12

// JSON returns a response whose body is v in JSON, with Cache-Control: no-store.
func JSON(status int, v any) Answer { return document(status, mediaJSON, v) }

// Empty returns a response without a body, with Cache-Control: no-store.
func Empty(status int) Answer {
	return Answer{Status: status, Header: headerOf(status, []field{noStore})}
}

func document(status int, mediaType string, v any) Answer {
	a := Answer{Status: status, Header: headerOf(status, []field{noStore, {"Content-Type", mediaType}, noSniff})}
	a.Body, _ = json.Marshal(v) // cannot fail: structs of strings and numbers
	return a
}

// field is a header with one value.
type field struct{ name, value string }

var (
	noStore = field{"Cache-Control", "no-store"}
	noSniff = field{"X-Content-Type-Options", "nosniff"}
	noCache = field{"Pragma", "no-cache"}
)

// headerOf returns the headers of a response, with one allocation for all values.
func headerOf(status int, fields []field) http.Header {
	h := http.Header{}
	if status >= http.StatusBadRequest {
		h = make(http.Header, mostHeaders)
	}
	values := make([]string, len(fields))
	for i, f := range fields {
		values[i] = f.value
		h[f.name] = values[i : i+1 : i+1]
	}
	return h
}

// NoCache adds the Pragma header of RFC 6749 §5.1, and returns the response.
func (a Answer) NoCache() Answer {
	a.Header.Set("Pragma", "no-cache")
	return a
}

// common adds the headers that the rejections of all dialects have.
func (a Answer) common(e *Error) Answer {
	if e.Reason == ReasonMethod {
		a.Header.Set("Allow", cmp.Or(e.Allow, http.MethodPost))
	}
	if e.Quota != nil {
		e.Quota.SetHeader(a.Header)
	}
	if e.RetryAfter > 0 && (e.Quota == nil || !e.Quota.NoRetryAfter()) {
		a.Header.Set("Retry-After", strconv.FormatInt(fieldvalue.Seconds(e.RetryAfter), 10))
	}
	return a
}
