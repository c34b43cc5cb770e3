package wire

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// Dialect is how one family of clients writes its requests and reads the
// answers. [OAuth2], [Lexik], [FastAPI] and [PostmanRefresh] are four; a host may write
// its own.
// Its methods are called by many goroutines at once, and decide nothing: they
// read and write.
type Dialect interface {
	// Accepts says what bodies are read.
	Accepts() Accepts

	// ReadLogin reads who wants in.
	ReadLogin(p *Params) (tokens.LoginRequest, error)

	// ReadRefresh reads the refresh token that is presented; ReasonNoRefresh or
	// ReasonMissing if there is none.
	ReadRefresh(p *Params) (tokens.RefreshRequest, error)

	// ReadLogout reads the refresh token whose session is to end. None is no
	// error if the access token may say it instead: then ok is false.
	ReadLogout(p *Params) (r tokens.RefreshRequest, ok bool, err error)

	// Granted answers a login, a refresh or an exchange that succeeded.
	Granted(p tokens.Pair) Answer

	// LoggedOut answers a logout; ended is false where there was no session to
	// end.
	LoggedOut(ended bool) Answer

	// Refused answers all that did not succeed.
	Refused(route Route, realm string, e *Error) Answer
}

// Route is what kind of request is answered.
type Route string

// The routes.
const (
	RouteLogin   Route = "login"
	RouteRefresh Route = "refresh"
	RouteLogout  Route = "logout"
	RouteToken   Route = "token" // the standard's endpoints: token, revoke, introspect
	RouteAPI     Route = "api"   // the host's own, behind Bearer or Limit
)

// Accepts says what a dialect reads. A form is always read.
type Accepts struct {
	JSON      bool // an object of strings, whatever its Content-Type
	Multipart bool // multipart/form-data
	APIKeys   bool // an API key in the place of a refresh token
	Unknown   bool // a body of another kind: parameters are missing then, and it is not malformed

	// NoClient: no request names an OAuth client. Where clients are required, logins
	// then need a default client.
	NoClient bool
}

// Answer is a response, ready to be written.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // JSON, or nothing
}

// Write writes the answer.
func (a Answer) Write(w http.ResponseWriter) {
	a.SetHeader(w.Header())
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 { // a 204 has nothing to write, not even nothing
		_, _ = w.Write(a.Body) // a client that has hung up is no concern of ours
	}
}

// SetHeader sets the answer's headers. Cookies are added to those that are there.
func (a Answer) SetHeader(h http.Header) {
	cookies := append(slices.Clip(h["Set-Cookie"]), a.Header["Set-Cookie"]...)
	maps.Copy(h, a.Header)
	if len(cookies) > 0 {
		h["Set-Cookie"] = cookies
	}
}

// mostHeaders is how many the answer to a refusal has, in most dialects.
const mostHeaders = 12

// JSON returns an answer whose body is v in JSON, which no cache may store.
func JSON(status int, v any) Answer { return document(status, mediaJSON, v) }

// Empty returns an answer without a body, which no cache may store.
func Empty(status int) Answer {
	a := Answer{Status: status, Header: http.Header{}}
	if status >= http.StatusBadRequest {
		a.Header = make(http.Header, mostHeaders)
	}
	a.Header["Cache-Control"] = []string{"no-store"}
	return a
}

func document(status int, mediaType string, v any) Answer {
	a := Empty(status)
	values := []string{mediaType, "nosniff"}
	a.Header["Content-Type"], a.Header["X-Content-Type-Options"] = values[:1:1], values[1:]
	a.Body, _ = json.Marshal(v) // structs of strings and numbers
	return a
}

// NoCache adds the Pragma header of RFC 6749 §5.1, and returns the answer.
func (a Answer) NoCache() Answer {
	a.Header.Set("Pragma", "no-cache")
	return a
}

// common adds the headers that every dialect's refusal has.
func (a Answer) common(e *Error) Answer {
	if e.Reason == ReasonMethod {
		a.Header.Set("Allow", cmp.Or(e.Allow, http.MethodPost))
	}
	if e.Quota != nil {
		e.Quota.SetHeader(a.Header)
	}
	if e.RetryAfter > 0 && (e.Quota == nil || !e.Quota.NoRetryAfter()) {
		a.Header.Set("Retry-After", strconv.FormatInt(seconds(e.RetryAfter), 10))
	}
	return a
}

// seconds rounds up: a client that waits as long as it was told must get in.
func seconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d + time.Second - 1) / time.Second)
}

// isQuotable reports whether s can stand between quotes in a header.
func isQuotable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}
