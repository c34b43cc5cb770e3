package main

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// maxAge is how long ago a user may have logged in at the provider.
const maxAge = 8 * time.Hour

// provider is another OpenID provider, which logs the users in.
type provider struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	ready *discovered // nil: the provider has not been read yet

	configure func(*oidc.Provider) *discovered
}

// discovered is what the provider says of itself.
type discovered struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	namesIss bool // its answers name it (RFC 9207)
}

func newProvider(c config) *provider {
	return &provider{
		issuer: c.issuer, client: &http.Client{Timeout: 10 * time.Second}, now: c.now,
		configure: func(p *oidc.Provider) *discovered {
			var said struct {
				NamesIss bool `json:"authorization_response_iss_parameter_supported"`
			}
			return &discovered{
				oauth: oauth2.Config{
					ClientID: c.clientID, ClientSecret: c.clientSecret, Endpoint: p.Endpoint(),
					RedirectURL: c.origin + "/login/callback", // exactly as it is registered there
					Scopes:      []string{oidc.ScopeOpenID, "email"},
				},
				verifier: p.Verifier(&oidc.Config{ClientID: c.clientID, Now: c.now}),
				namesIss: p.Claims(&said) == nil && said.NamesIss,
			}
		},
	}
}

// discover reads the provider when it is needed first, so that the app starts without
// it.
func (p *provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready != nil {
		return p.ready, nil
	}
	// The keys are read again later, and not only for this request.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.issuer)
	if err != nil {
		return nil, err
	}
	p.ready = p.configure(found)
	return p.ready, nil
}

// flow is one login at the provider. All that it needs is derived from one secret,
// which the browser keeps in a cookie: nothing is stored here, and from one of the
// three, which others see, none of the others can be computed.
type flow struct {
	state    string // the answer belongs to this browser
	nonce    string // the ID token belongs to this login
	verifier string // the code was asked for by this app (PKCE, RFC 7636)
}

func newFlowSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it returns no error: see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}

func flowOf(secret string) (flow, error) {
	var f flow
	for name, value := range map[string]*string{"state": &f.state, "nonce": &f.nonce, "verifier": &f.verifier} {
		b, err := hkdf.Key(sha256.New, []byte(secret), nil, "login "+name, 32)
		if err != nil {
			return flow{}, err
		}
		*value = base64.RawURLEncoding.EncodeToString(b)
	}
	return f, nil
}

// loginURL is where the browser goes for a login.
func (d *discovered) loginURL(f flow) string {
	return d.oauth.AuthCodeURL(f.state, oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(maxAge/time.Second)))) // so that the ID token has auth_time
}

// person is a user as the provider knows them.
type person struct {
	issuer, subject string // together they name one user for good
	email           string // may change, and may become somebody else's
	authenticatedAt time.Time
	methods         []string
}

var (
	errRefused  = errors.New("openid: the login is refused") // by the provider, or by what it said
	errProvider = errors.New("openid: the provider failed")
)

// person exchanges the answer that the browser has brought for an ID token, and checks
// it. The caller has compared the state.
func (p *provider) person(ctx context.Context, answer url.Values, f flow) (person, error) {
	d, err := p.discover(ctx)
	if err != nil {
		return person{}, fmt.Errorf("%w: %w", errProvider, err)
	}
	if iss := answer.Get("iss"); iss != p.issuer && (iss != "" || d.namesIss) {
		return person{}, fmt.Errorf("%w: it is an answer of another provider", errRefused)
	}
	if answer.Has("error") || len(answer["code"]) != 1 {
		return person{}, fmt.Errorf("%w: the answer has no code: %.64q", errRefused, answer.Get("error"))
	}
	token, err := d.oauth.Exchange(oidc.ClientContext(ctx, p.client), answer.Get("code"), oauth2.VerifierOption(f.verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		return person{}, fmt.Errorf("%w: the code: invalid_grant", errRefused)
	}
	if err != nil {
		return person{}, fmt.Errorf("%w: %w", errProvider, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return person{}, fmt.Errorf("%w: no ID token", errProvider)
	}
	id, err := d.verifier.Verify(oidc.ClientContext(ctx, p.client), raw) // signature, iss, aud and exp
	if err != nil {
		return person{}, fmt.Errorf("%w: %w", errRefused, err)
	}
	return p.read(id, d.oauth.ClientID, f)
}

// read checks what go-oidc leaves to its caller.
func (p *provider) read(id *oidc.IDToken, clientID string, f flow) (person, error) {
	var said struct {
		Email    string   `json:"email"`
		AuthTime int64    `json:"auth_time"`
		AMR      []string `json:"amr"`
		AZP      string   `json:"azp"`
	}
	if err := id.Claims(&said); err != nil {
		return person{}, fmt.Errorf("%w: %w", errRefused, err)
	}
	at := time.Unix(said.AuthTime, 0)
	switch {
	case id.Nonce != f.nonce:
		return person{}, fmt.Errorf("%w: the ID token is of another login", errRefused)
	case id.Subject == "":
		return person{}, fmt.Errorf("%w: the ID token names no user", errRefused)
	case said.AZP != clientID && (said.AZP != "" || len(id.Audience) > 1):
		return person{}, fmt.Errorf("%w: the ID token is for another app too", errRefused)
	case p.now().Sub(at) > maxAge+time.Minute: // also without auth_time, which max_age requires
		return person{}, fmt.Errorf("%w: the user logged in longer ago than max_age", errRefused)
	}
	return person{issuer: id.Issuer, subject: id.Subject, email: said.Email, authenticatedAt: at, methods: said.AMR}, nil
}
