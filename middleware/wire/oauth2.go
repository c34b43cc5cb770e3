package wire

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
	"github.com/sallyport-go/sallyport/tokens"
)

// OAuth2 is the wire format of RFC 6749 and RFC 6750. Login takes the form of
// §4.3.2 (grant_type may be missing), refresh takes a refresh-token header or the
// form of §6. Clients authenticate with HTTP Basic or in the body (§2.3.1).
type OAuth2 struct{}

// Accepts returns that forms and multipart/form-data are read. The standard's own
// endpoints (token, revoke, introspect) read forms only.
func (OAuth2) Accepts() Accepts { return Accepts{Multipart: true} }

// ReadLogin reads username, password, scope and the client.
func (OAuth2) ReadLogin(p *Params) (tokens.LoginRequest, error) {
	if grant := p.Get("grant_type"); grant != "" && grant != "password" {
		return tokens.LoginRequest{}, NewError(ReasonGrantType, nil)
	}
	return p.PasswordGrant()
}

// ReadStep reads step_token, code, method and the client.
func (OAuth2) ReadStep(p *Params) (tokens.StepRequest, error) { return p.StepGrant() }

// ReadRefresh reads the refresh-token header, or refresh_token, and the client
// and the scope.
func (OAuth2) ReadRefresh(p *Params) (tokens.RefreshRequest, error) {
	if grant := p.Get("grant_type"); grant != "" && grant != "refresh_token" {
		return tokens.RefreshRequest{}, NewError(ReasonGrantType, nil)
	}
	return p.RefreshGrant()
}

// ReadLogout reads the same parameters as ReadRefresh.
func (OAuth2) ReadLogout(p *Params) (tokens.RefreshRequest, bool, error) {
	r, err := p.RefreshGrant()
	if err != nil && AsError(err).Reason == ReasonNoRefresh {
		return r, false, nil
	}
	return r, err == nil, err
}

// Granted returns the response of RFC 6749 §5.1, and for an exchange that of RFC
// 8693 §2.2.1. It is what encoding/json would make, without the memory.
func (OAuth2) Granted(p tokens.Pair) Answer {
	const most = 160 // bytes of the names and the other values
	body := make([]byte, 0, most+len(p.AccessToken)+len(p.RefreshToken)+len(p.Principal.Scope))
	body = appendJSON(append(body, `{"access_token":`...), string(p.AccessToken))
	body = strconv.AppendInt(append(body, `,"token_type":"Bearer","expires_in":`...), int64(p.ExpiresIn/time.Second), 10)
	if p.RefreshToken != "" {
		body = appendJSON(append(body, `,"refresh_token":`...), string(p.RefreshToken))
	}
	if p.Narrowed || p.Principal.Scope != "" {
		body = appendJSON(append(body, `,"scope":`...), p.Principal.Scope)
	}
	if p.Exchanged {
		body = appendJSON(append(body, `,"issued_token_type":`...), typeAccessToken)
	}
	return Answer{
		Status: http.StatusOK, Body: append(body, '}'),
		Header: headerOf(0, []field{noStore, {"Content-Type", mediaJSON}, noSniff, noCache}),
	}
}

// LoggedOut returns 204, whether or not there was a session to end.
func (OAuth2) LoggedOut(bool) Answer {
	return Empty(http.StatusNoContent).NoCache()
}

// Refused returns the response of RFC 6749 §5.2 for login and refresh, and
// problem details (RFC 9457) with the challenge of RFC 6750 §3 for other routes.
func (OAuth2) Refused(route Route, realm string, e *Error) Answer {
	if isLimited(e) {
		return limitedAnswer(make(http.Header, mostHeaders), e)
	}
	var a Answer
	if e.Code == "" || route == RouteAPI || route == RouteLogout {
		a = problem(e)
	} else {
		description := e.Description
		if e.Reason == ReasonRefused && !fieldvalue.IsQuotable(description) { // RFC 6749 §5.2 allows these characters only
			description = "The login is refused: " + e.HostCode
		}
		a = JSON(e.Status, struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
			*stepJSON          //nolint:embeddedstructfieldcheck // what is wrong comes first
		}{e.Code, description, e.step()})
	}
	switch e.Reason {
	case ReasonClient:
		a.Header.Set("WWW-Authenticate", `Basic realm="`+realm+`"`)
	case ReasonNoBearer, ReasonNotRecent:
		a.Header.Set("WWW-Authenticate", challengeTo(realm, e))
	case ReasonBearer, ReasonBearerForm, ReasonExpired, ReasonTwoBearers, ReasonForbidden:
		text := challenge(realm) + `, error="` + e.Code + `", error_description="` + e.Description + `"`
		if e.Scope != "" && fieldvalue.IsQuotable(e.Scope) {
			text += `, scope="` + e.Scope + `"`
		}
		a.Header.Set("WWW-Authenticate", text)
	}
	return a.NoCache().common(e)
}

// challenge is that of RFC 6750 §3. It has a parameter, because some clients
// cannot parse one without.
func challenge(realm string) string { return `Bearer realm="` + realm + `"` }

// challengeTo is challenge, or that of RFC 9470 §3 for a user who must log in again.
func challengeTo(realm string, e *Error) string {
	if e.Reason != ReasonNotRecent {
		return challenge(realm)
	}
	text := challenge(realm) + `, error="` + e.Code + `", error_description="` + e.Description + `"`
	if e.ContextClasses != "" && fieldvalue.IsQuotable(e.ContextClasses) {
		text += `, acr_values="` + e.ContextClasses + `"`
	}
	if e.MaxAge > 0 {
		text += `, max_age="` + strconv.FormatInt(int64(e.MaxAge/time.Second), 10) + `"`
	}
	return text
}

const (
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
	mediaJSON      = "application/json"
	mediaProblem   = "application/problem+json"
)

// problem is RFC 9457, with the types of the rate limit draft if a limit was
// reached or the counters failed.
func problem(e *Error) Answer {
	body := struct {
		Type       string   `json:"type"`
		Title      string   `json:"title"`
		Status     int      `json:"status"`
		Detail     string   `json:"detail,omitempty"`
		Violated   []string `json:"violated-policies,omitempty"`
		RetryAfter int64    `json:"retry_after,omitempty"`
	}{Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status, Detail: e.Description}
	if e.ReducedCapacity {
		body.Type = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
		body.Title = "Temporarily reduced capacity"
	}
	if e.Quota != nil {
		body.Type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
		body.Title = "Quota exceeded"
		body.Violated = e.Quota.Violated()
		body.RetryAfter = fieldvalue.Seconds(e.RetryAfter)
	}
	return document(e.Status, mediaProblem, body)
}
