package wire

import (
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// FastAPI is the dialect of FastAPI applications with fastapi-users: a form to
// log in, the refresh token in a refresh-token header, "detail" where something
// is wrong.
type FastAPI struct{}

// Accepts is a form; a body of another kind has none of the parameters.
func (FastAPI) Accepts() Accepts { return Accepts{Unknown: true} }

// ReadLogin reads username, password, scope, client_id and client_secret, which
// are all in the body. Scopes that the user does not hold are ignored; others
// narrow the session.
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
	scopes, err := tokens.ParseScope(p.Get("scope"))
	if err != nil {
		return tokens.LoginRequest{}, err
	}
	return tokens.LoginRequest{
		Login:    p.Get("username"),
		Password: tokens.Secret(p.Get("password")),
		ClientID: p.Get("client_id"), ClientSecret: tokens.Secret(p.Get("client_secret")),
		Scopes: scopes, IgnoreUnknownScopes: true, // fastapi-users looks at none
		Label: p.Header.Get("User-Agent"),
	}, nil
}

// ReadRefresh reads the refresh-token header.
func (FastAPI) ReadRefresh(p *Params) (tokens.RefreshRequest, error) {
	token, err := p.refreshHeader()
	if err != nil {
		return tokens.RefreshRequest{}, err
	}
	if token == "" {
		e := NewError(ReasonNoRefresh, nil)
		e.Fields = []Field{{In: "header", Name: "refresh-token", Missing: true}}
		return tokens.RefreshRequest{}, e
	}
	return tokens.RefreshRequest{Token: tokens.Secret(token)}, nil
}

// ReadLogout leaves it to the access token.
func (FastAPI) ReadLogout(*Params) (tokens.RefreshRequest, bool, error) {
	return tokens.RefreshRequest{}, false, nil
}

// Granted has exactly four members.
func (FastAPI) Granted(p tokens.Pair) Answer {
	return JSON(http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
	}{string(p.AccessToken), string(p.RefreshToken), "bearer", int64(p.ExpiresIn / time.Second)})
}

// LoggedOut is 204.
func (FastAPI) LoggedOut(bool) Answer { return Empty(http.StatusNoContent) }

// Refused is {"detail": ...}.
func (FastAPI) Refused(route Route, _ string, e *Error) Answer {
	status, detail := fastAPIWords(route, e)
	a := JSON(status, struct {
		Detail any `json:"detail"`
	}{detail})
	if status == http.StatusUnauthorized {
		a.Header.Set("WWW-Authenticate", "Bearer")
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
	case ReasonRefresh, ReasonEnded:
		status = http.StatusUnauthorized
	case ReasonMalformed:
		if route != RouteAPI {
			return status, "There was an error parsing the body"
		}
	case ReasonScope, ReasonTwoBearers:
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
		if f.Missing {
			out = append(out, fastAPIField{Type: "missing", Loc: loc, Msg: "Field required"})
			continue
		}
		out = append(out, fastAPIField{
			Type: "string_pattern_mismatch", Loc: loc, Msg: "String should match pattern '" + f.Want + "'",
			Input: &f.Value, Ctx: &fastAPIContext{f.Want},
		})
	}
	return out
}
