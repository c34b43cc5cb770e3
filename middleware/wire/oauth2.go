package wire

import (
	"net/http"
	"time"

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
// 8693 §2.2.1.
func (OAuth2) Granted(p tokens.Pair) Answer {
	body := struct {
		AccessToken  string  `json:"access_token"`
		TokenType    string  `json:"token_type"`
		ExpiresIn    int64   `json:"expires_in"`
		RefreshToken string  `json:"refresh_token,omitempty"`
		Scope        *string `json:"scope,omitempty"`
		Issued       string  `json:"issued_token_type,omitempty"`
	}{string(p.AccessToken), "Bearer", int64(p.ExpiresIn / time.Second), string(p.RefreshToken), nil, ""}
	if p.Exchanged {
		body.Issued = typeAccessToken
	}
	if p.Narrowed || p.Principal.Scope != "" {
		body.Scope = &p.Principal.Scope
	}
	return JSON(http.StatusOK, body).NoCache()
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
		if e.Reason == ReasonRefused && !isQuotable(description) { // RFC 6749 §5.2 allows these characters only
			description = "The login is refused: " + e.HostCode
		}
		a = JSON(e.Status, struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}{e.Code, description})
	}
	switch e.Reason {
	case ReasonClient:
		a.Header.Set("WWW-Authenticate", `Basic realm="`+realm+`"`)
	case ReasonNoBearer:
		a.Header.Set("WWW-Authenticate", challenge(realm))
	case ReasonBearer, ReasonBearerForm, ReasonExpired, ReasonTwoBearers, ReasonForbidden:
		text := challenge(realm) + `, error="` + e.Code + `", error_description="` + e.Description + `"`
		if e.Scope != "" && isQuotable(e.Scope) {
			text += `, scope="` + e.Scope + `"`
		}
		a.Header.Set("WWW-Authenticate", text)
	}
	return a.NoCache().common(e)
}

// challenge is that of RFC 6750 §3. It has a parameter, because some clients
// cannot parse one without.
func challenge(realm string) string { return `Bearer realm="` + realm + `"` }

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
		body.RetryAfter = seconds(e.RetryAfter)
	}
	return document(e.Status, mediaProblem, body)
}
