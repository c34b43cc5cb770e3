package wire

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
	"github.com/sallyport-go/sallyport/tokens"
)

// Lexik is the wire format of Symfony applications with
// LexikJWTAuthenticationBundle and a refresh-token bundle. It reads forms, JSON
// and multipart/form-data. A success contains only strings, and a failure a
// numeric code, because clients decode either into a map of strings and
// distinguish them by that.
type Lexik struct {
	// Username and Password name the parameters of a login. Empty: "_username" and
	// "_password".
	Username, Password string

	// RefreshTokens makes a login create a session and return a refresh token.
	// False: a login returns only an access token, and what is presented for a
	// refresh is usually an API key.
	RefreshTokens bool
}

// Accepts returns that JSON and multipart/form-data are read, and that an API key
// may be in the place of a refresh token.
func (Lexik) Accepts() Accepts {
	return Accepts{JSON: true, Multipart: true, APIKeys: true, NoClient: true}
}

// ReadLogin reads the two parameters. The name is trimmed, the password is not.
func (d Lexik) ReadLogin(p *Params) (tokens.LoginRequest, error) {
	username, password := d.Username, d.Password
	if username == "" {
		username = "_username"
	}
	if password == "" {
		password = "_password"
	}
	for _, name := range []string{username, password} {
		if _, ok := p.Lookup(name); !ok {
			return tokens.LoginRequest{}, Missing(name)
		}
	}
	return tokens.LoginRequest{
		Login:      strings.TrimSpace(p.Get(username)),
		Password:   tokens.Secret(p.Get(password)),
		Label:      p.Header.Get("User-Agent"),
		AccessOnly: !d.RefreshTokens,
	}, nil
}

// ReadStep reads step_token, code and method, which may be missing.
func (d Lexik) ReadStep(p *Params) (tokens.StepRequest, error) {
	for _, name := range []string{"step_token", "code"} {
		if p.Get(name) == "" {
			return tokens.StepRequest{}, Missing(name)
		}
	}
	s := p.step()
	s.AccessOnly = !d.RefreshTokens
	return s, nil
}

// ReadRefresh reads refresh_token. White space around it, such as the line end of
// a file, is trimmed.
func (Lexik) ReadRefresh(p *Params) (tokens.RefreshRequest, error) {
	token := strings.TrimSpace(p.Get("refresh_token"))
	if token == "" {
		return tokens.RefreshRequest{}, NewError(ReasonNoRefresh, nil)
	}
	return tokens.RefreshRequest{Token: tokens.Secret(token)}, nil
}

// ReadLogout reads refresh_token, which is required.
func (d Lexik) ReadLogout(p *Params) (tokens.RefreshRequest, bool, error) {
	r, err := d.ReadRefresh(p)
	return r, err == nil, err
}

// Granted returns {"token": ...}, with "refresh_token" if there is one.
func (Lexik) Granted(p tokens.Pair) Answer {
	return JSON(http.StatusOK, struct {
		Token        string `json:"token"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}{string(p.AccessToken), string(p.RefreshToken)})
}

// LoggedOut returns 200 with a message that says whether there was a session to
// end.
func (Lexik) LoggedOut(ended bool) Answer {
	message := "The supplied refresh_token is already invalid."
	if ended {
		message = "The supplied refresh_token has been invalidated."
	}
	return JSON(http.StatusOK, lexikMessage{http.StatusOK, message})
}

type lexikMessage struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Refused returns {"code": ..., "message": ...}.
func (Lexik) Refused(route Route, realm string, e *Error) Answer {
	status, message := lexikWords(route, e)
	a := JSON(status, struct {
		lexikMessage
		*stepJSON
	}{lexikMessage{status, message}, e.step()})
	if status == http.StatusUnauthorized && route != RouteRefresh {
		a.Header.Set("WWW-Authenticate", challengeTo(realm, e))
	}
	return a.common(e)
}

// lexikUnauthorized are the words of a 401 for reasons that have the same on each route.
var lexikUnauthorized = map[Reason]string{ //nolint:gosec // words only
	ReasonCredentials: "Invalid credentials.",
	ReasonFactor:      "A second factor is required.",
	ReasonWrongFactor: "Invalid second factor.",
	ReasonStep:        "Invalid step token.",
	ReasonRefresh:     "JWT Refresh Token Not Found",
	ReasonKey:         "JWT Refresh Token Not Found",
	ReasonEnded:       "Invalid JWT Refresh Token",
	ReasonNoBearer:    "JWT Token not found",
	ReasonBearerForm:  "JWT Token not found",
	ReasonBearer:      "Invalid JWT Token",
	ReasonExpired:     "Expired JWT Token",
}

func lexikWords(route Route, e *Error) (status int, message string) {
	if words := lexikUnauthorized[e.Reason]; words != "" {
		return http.StatusUnauthorized, words
	}
	switch e.Reason {
	case ReasonRefused:
		return http.StatusUnauthorized, e.Description
	case ReasonMissing:
		if len(e.Fields) > 0 {
			return e.Status, `The key "` + e.Fields[0].Name + `" must be provided.`
		}
	case ReasonNoRefresh:
		if route == RouteLogout {
			return http.StatusBadRequest, "No refresh_token found."
		}
		return http.StatusUnauthorized, "Missing JWT Refresh Token"
	case ReasonLimited, ReasonThrottled:
		if route == RouteRefresh {
			return e.Status, "Too many refresh requests, please try again later."
		}
		if e.Reason == ReasonThrottled {
			return e.Status, "Too many failed login attempts, please try again in " + minutes(e.RetryAfter) + "."
		}
		return e.Status, "Too many requests, please try again later."
	case ReasonMalformed:
		if errors.Is(e.Err, errJSON) {
			return e.Status, "Invalid JSON."
		}
		if e.isSpecific() {
			return e.Status, e.Description + "."
		}
	case ReasonTwoBearers, ReasonNotRecent, ReasonScope, ReasonGrantType, ReasonClientGrant:
		return e.Status, e.Description + "."
	}
	return e.Status, http.StatusText(e.Status)
}

// minutes returns how long to wait, rounded up, in Symfony's words.
func minutes(d time.Duration) string {
	n := (fieldvalue.Seconds(d) + 59) / 60
	if n == 1 {
		return "1 minute"
	}
	return strconv.FormatInt(n, 10) + " minutes"
}
