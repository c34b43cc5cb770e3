package wire

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/sallyport-go/sallyport/tokens"
)

// Client is the OAuth client that a request names, and its secret.
type Client struct {
	// ID is the client_id. Empty: the request names no client.
	ID string

	// Secret is the client_secret. Empty: the request has none.
	Secret tokens.Secret

	// AsSent is HTTP Basic as it was sent, if that differs from the decoded ID and
	// Secret. Zero: it does not.
	AsSent tokens.ClientCredentials
}

const (
	errTwoClients malformed = "The client must be named in one way, in Basic or in the body"
	errBasic      malformed = "The Basic credentials must be base64 of ID:secret"
	errExchange   malformed = "Only an API key can be exchanged, for an access token"
	errBasicForm  malformed = "The ID in the Basic credentials must be UTF-8, without NUL"
)

// Client reads the OAuth client of the request, from HTTP Basic or the body (RFC
// 6749 §2.3.1 and §3.2.1). A secret in both is rejected with ReasonMalformed.
func (p *Params) Client() (Client, error) {
	if p.observer != nil {
		p.observer.client = true
	}
	c := Client{ID: p.Get("client_id"), Secret: tokens.Secret(p.Get("client_secret"))}
	scheme, credentials, _ := strings.Cut(p.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return c, nil
	}
	basic, err := readBasic(credentials)
	switch {
	case err != nil && p.registered: // RFC 6749 §5.2: the client tried to authenticate with Basic
		return Client{}, NewError(ReasonClient, err)
	case err != nil:
		return Client{}, NewError(ReasonMalformed, err)
	case c.Secret != "", c.ID != "" && c.ID != basic.ID && c.ID != basic.AsSent.ID:
		return Client{}, NewError(ReasonMalformed, errTwoClients)
	}
	return basic, nil
}

// readBasic decodes both halves as forms, which is what RFC 6749 §2.3.1 adds to
// RFC 7617. Some clients do not encode them: a half that is not a valid form is
// used unchanged, and one that is may have been sent unencoded, too.
func readBasic(credentials string) (Client, error) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
	id, secret, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return Client{}, errBasic
	}
	sent := tokens.ClientCredentials{ID: id, Secret: tokens.Secret(secret)}
	if decoded, err := url.QueryUnescape(id); err == nil {
		id = decoded
	}
	if decoded, err := url.QueryUnescape(secret); err == nil {
		secret = decoded
	}
	if !isText(id) || !isText(sent.ID) {
		return Client{}, errBasicForm
	}
	c := Client{ID: id, Secret: tokens.Secret(secret)}
	if c.ID != sent.ID || c.Secret != sent.Secret {
		c.AsSent = sent
	}
	return c, nil
}

// PasswordGrant reads the parameters of RFC 6749 §4.3.2: username, password,
// scope and the client. It does not check grant_type.
func (p *Params) PasswordGrant() (tokens.LoginRequest, error) {
	c, err := p.Client()
	if err != nil {
		return tokens.LoginRequest{}, err
	}
	for _, name := range []string{"username", "password"} {
		if p.Get(name) == "" { // RFC 6749 §3.2: a parameter without a value counts as omitted
			return tokens.LoginRequest{}, Missing(name)
		}
	}
	scopes, err := tokens.ParseScope(p.Get("scope"))
	if err != nil {
		return tokens.LoginRequest{}, err
	}
	return tokens.LoginRequest{
		Login:    p.Get("username"),
		Password: tokens.Secret(p.Get("password")),
		ClientID: c.ID, ClientSecret: c.Secret, ClientAsSent: c.AsSent,
		Scopes: scopes,
		Label:  p.Header.Get("User-Agent"),
	}, nil
}

// StepGrant reads step_token, code and method, which may be missing, and the client.
func (p *Params) StepGrant() (tokens.StepRequest, error) {
	c, err := p.Client()
	if err != nil {
		return tokens.StepRequest{}, err
	}
	for _, name := range []string{"step_token", "code"} {
		if p.Get(name) == "" {
			return tokens.StepRequest{}, Missing(name)
		}
	}
	s := p.step()
	s.ClientID, s.ClientSecret, s.ClientAsSent = c.ID, c.Secret, c.AsSent
	return s, nil
}

func (p *Params) step() tokens.StepRequest {
	return tokens.StepRequest{Token: tokens.Secret(p.Get("step_token")), Method: p.Get("method"), Code: tokens.Secret(p.Get("code"))}
}

// RefreshGrant reads the parameters of RFC 6749 §6, or the refresh-token header.
// It does not check grant_type. Without a token it returns ReasonNoRefresh.
func (p *Params) RefreshGrant() (tokens.RefreshRequest, error) {
	c, err := p.Client()
	if err != nil {
		return tokens.RefreshRequest{}, err
	}
	header, err := p.refreshHeader()
	if err != nil {
		return tokens.RefreshRequest{}, err
	}
	token := p.Get("refresh_token")
	switch {
	case token != "" && header != "":
		return tokens.RefreshRequest{}, NewError(ReasonMalformed, errTwice)
	case token == "":
		token = header
	}
	scopes, err := tokens.ParseScope(p.Get("scope"))
	if err != nil {
		return tokens.RefreshRequest{}, err
	}
	r := tokens.RefreshRequest{Token: tokens.Secret(token), ClientID: c.ID, ClientSecret: c.Secret, ClientAsSent: c.AsSent, Scopes: scopes}
	if token == "" {
		return r, NewError(ReasonNoRefresh, nil)
	}
	return r, nil
}

const (
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name
	typeJWT         = "urn:ietf:params:oauth:token-type:jwt"          //nolint:gosec // a name
)

// ExchangeGrant reads the parameters of RFC 8693 §2.1 for an API key that is
// exchanged for an access token with this audience. It does not check grant_type.
// It rejects another subject_token_type or an actor_token with ReasonMalformed,
// and another audience or resource with ReasonTarget.
func (p *Params) ExchangeGrant(audience string) (tokens.KeyRequest, error) {
	c, err := p.Client()
	if err != nil {
		return tokens.KeyRequest{}, err
	}
	for _, name := range []string{"subject_token", "subject_token_type"} {
		if p.Get(name) == "" {
			return tokens.KeyRequest{}, Missing(name)
		}
	}
	wanted := p.Get("requested_token_type")
	switch {
	case p.Get("subject_token_type") != tokens.TokenTypeAPIKey,
		wanted != "" && wanted != typeAccessToken && wanted != typeJWT,
		p.Get("actor_token") != "", p.Get("actor_token_type") != "":
		return tokens.KeyRequest{}, NewError(ReasonMalformed, errExchange)
	}
	for _, name := range []string{"audience", "resource"} {
		if target := p.Get(name); target != "" && target != audience {
			return tokens.KeyRequest{}, NewError(ReasonTarget, nil)
		}
	}
	scopes, err := tokens.ParseScope(p.Get("scope"))
	if err != nil {
		return tokens.KeyRequest{}, err
	}
	return tokens.KeyRequest{
		Key: tokens.Secret(p.Get("subject_token")), ClientID: c.ID, ClientSecret: c.Secret, ClientAsSent: c.AsSent, Scopes: scopes,
	}, nil
}
