package wire

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// FastAPI is the wire format of FastAPI applications with fastapi-users: a form
// to log in, the refresh token in a refresh-token header, and "detail" in errors.
// [PostmanRefresh] is the format of their postman-refresh route.
type FastAPI struct{}

// Accepts returns that multipart/form-data is read, and that a body of another
// kind has none of the parameters.
func (FastAPI) Accepts() Accepts { return Accepts{Multipart: true, Unknown: true} }

// ReadLogin reads username, password, scope, client_id and client_secret from the
// body. Without a client_id the client is that of HTTP Basic, which Postman
// sends. Scopes that the user does not hold, and texts that are not scope-tokens,
// are ignored; other scopes narrow the session.
func (FastAPI) ReadLogin(p *Params) (tokens.LoginRequest, error) {
	var wrong []Field
	reason := ReasonMissing
	if grant := p.Get("grant_type"); grant != "" && grant != "password" {
		reason = ReasonGrantType
		wrong = append(wrong, Field{In: "body", Name: "grant_type", Value: grant, Want: "^password$"})
	}
	for _, name := range []string{"username", "password"} {
		if p.Get(name) == "" {
			wrong = append(wrong, Field{In: "body", Name: name, Missing: true})
		}
	}
	if wrong != nil {
		e := NewError(reason, nil)
		e.Fields = wrong
		return tokens.LoginRequest{}, e
	}
	c, err := p.fastAPIClient()
	if err != nil {
		return tokens.LoginRequest{}, err
	}
	scopes, err := lenientScope(p.Get("scope"))
	if err != nil {
		return tokens.LoginRequest{}, err
	}
	return tokens.LoginRequest{
		Login:    p.Get("username"),
		Password: tokens.Secret(p.Get("password")),
		ClientID: c.ID, ClientSecret: c.Secret, ClientAsSent: c.AsSent,
		Scopes: scopes, IgnoreUnknownScopes: true, // fastapi-users ignores scopes
		Label: p.Header.Get("User-Agent"),
	}, nil
}

// ReadStep reads step_token, code and method, which may be missing, and the client as
// ReadLogin does.
func (FastAPI) ReadStep(p *Params) (tokens.StepRequest, error) {
	var missing []Field
	for _, name := range []string{"step_token", "code"} {
		if p.Get(name) == "" {
			missing = append(missing, Field{In: "body", Name: name, Missing: true})
		}
	}
	if missing != nil {
		e := NewError(ReasonMissing, nil)
		e.Fields = missing
		return tokens.StepRequest{}, e
	}
	c, err := p.fastAPIClient()
	if err != nil {
		return tokens.StepRequest{}, err
	}
	s := p.step()
	s.ClientID, s.ClientSecret, s.ClientAsSent = c.ID, c.Secret, c.AsSent
	return s, nil
}

// fastAPIClient reads the client: that of the body, which is the only one that
// FastAPI itself reads, or else that of HTTP Basic. Malformed Basic credentials
// are ignored, unless clients must be registered.
func (p *Params) fastAPIClient() (Client, error) {
	if id := p.Get("client_id"); id != "" {
		return Client{ID: id, Secret: tokens.Secret(p.Get("client_secret"))}, nil
	}
	c, err := p.Client()
	if !p.registered && (errors.Is(err, errBasic) || errors.Is(err, errBasicForm)) {
		return Client{}, nil
	}
	return c, err
}

// lenientScope returns the scope-tokens of a scope, and ignores what is not one.
func lenientScope(scope string) ([]string, error) {
	var known []string
	for name := range strings.FieldsSeq(scope) {
		if _, err := tokens.ParseScope(name); err == nil {
			known = append(known, name)
		}
	}
	return tokens.ParseScope(strings.Join(known, " "))
}

// ReadRefresh reads the refresh-token header. The client is that of the body, if there
// is one, or that of HTTP Basic if clients must be registered.
func (FastAPI) ReadRefresh(p *Params) (tokens.RefreshRequest, error) {
	token, err := p.refreshHeader()
	if err != nil {
		return tokens.RefreshRequest{}, err
	}
	r := tokens.RefreshRequest{Token: tokens.Secret(token)}
	if p.registered || p.Get("client_id") != "" {
		c, err := p.fastAPIClient()
		if err != nil {
			return tokens.RefreshRequest{}, err
		}
		r.ClientID, r.ClientSecret, r.ClientAsSent = c.ID, c.Secret, c.AsSent
	}
	if token == "" {
		e := NewError(ReasonNoRefresh, nil)
		e.Fields = []Field{{In: "header", Name: "refresh-token", Missing: true}}
		return r, e
	}
	return r, nil
}

// ReadLogout reads the refresh-token header. Without one the access token says which
// session ends.
func (d FastAPI) ReadLogout(p *Params) (tokens.RefreshRequest, bool, error) {
	r, err := d.ReadRefresh(p)
	if err != nil && AsError(err).Reason == ReasonNoRefresh {
		return r, false, nil
	}
	return r, err == nil, err
}

// Granted returns access_token, refresh_token, token_type and expires_in, always
// these four.
func (FastAPI) Granted(p tokens.Pair) Answer {
	return JSON(http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
	}{string(p.AccessToken), string(p.RefreshToken), "bearer", int64(p.ExpiresIn / time.Second)})
}

// LoggedOut returns 204.
func (FastAPI) LoggedOut(bool) Answer { return Empty(http.StatusNoContent) }

// Refused returns {"detail": ...}.
func (FastAPI) Refused(route Route, realm string, e *Error) Answer {
	status, detail := fastAPIWords(route, e)
	a := JSON(status, struct {
		Detail    any `json:"detail"`
		*stepJSON     //nolint:embeddedstructfieldcheck // what is wrong comes first
	}{detail, e.step()})
	if status == http.StatusUnauthorized {
		a.Header.Set("WWW-Authenticate", challengeTo(realm, e))
	}
	return a.common(e)
}

func fastAPIWords(route Route, e *Error) (status int, detail any) {
	status = e.Status
	switch e.Reason {
	case ReasonMissing, ReasonGrantType, ReasonNoRefresh:
		return http.StatusUnprocessableEntity, fastAPIFields(e.Fields)
	case ReasonCredentials:
		return http.StatusBadRequest, "LOGIN_BAD_CREDENTIALS"
	case ReasonRefused:
		return http.StatusBadRequest, "LOGIN_" + strings.ToUpper(cmp.Or(e.HostCode, "refused"))
	case ReasonFactor:
		return http.StatusBadRequest, "LOGIN_SECOND_FACTOR_REQUIRED"
	case ReasonWrongFactor:
		return http.StatusBadRequest, "LOGIN_BAD_SECOND_FACTOR"
	case ReasonStep:
		return http.StatusBadRequest, "LOGIN_BAD_STEP_TOKEN"
	case ReasonRefresh, ReasonEnded:
		status = http.StatusUnauthorized
	case ReasonMalformed:
		switch {
		case route == RouteAPI:
		case e.isSpecific():
			return status, "There was an error parsing the body. " + e.Description
		default:
			return status, "There was an error parsing the body"
		}
	case ReasonScope, ReasonTwoBearers, ReasonNotRecent, ReasonClientGrant:
		return status, e.Description
	}
	return status, http.StatusText(status)
}

type fastAPIField struct {
	Type  string          `json:"type"`
	Loc   [2]string       `json:"loc"`
	Msg   string          `json:"msg"`
	Input *string         `json:"input"`
	Ctx   *fastAPIContext `json:"ctx,omitempty"`
}

type fastAPIContext struct {
	Pattern string `json:"pattern"`
}

func fastAPIFields(fields []Field) []fastAPIField {
	out := []fastAPIField{}
	for _, f := range fields {
		loc := [2]string{f.In, f.Name}
		switch {
		case f.Missing:
			out = append(out, fastAPIField{Type: "missing", Loc: loc, Msg: "Field required"})
		case f.In == "header":
			out = append(out, fastAPIField{Type: "value_error", Loc: loc, Msg: "Value error, " + f.Want, Input: &f.Value})
		default:
			out = append(out, fastAPIField{
				Type: "string_pattern_mismatch", Loc: loc, Msg: "String should match pattern '" + f.Want + "'",
				Input: &f.Value, Ctx: &fastAPIContext{f.Want},
			})
		}
	}
	return out
}
