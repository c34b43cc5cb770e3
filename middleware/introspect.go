package middleware

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckIntrospect is the introspection endpoint of RFC 7662, for a registered
// client that authenticates with its secret and that Config.MayIntrospect allows.
// An inactive token ("active": false) is not an error: it is the zero
// Introspection, whatever the reason. Failed attempts with client secrets are
// limited by Config.BruteForce.
//
// Without Config.MayIntrospect it can serve no client: it returns ReasonInternal, and
// reports a Fault that says so.
func (a *Auth) CheckIntrospect(r *http.Request) (tokens.Introspection, error) {
	i, err := a.checkIntrospect(r)
	return i, a.told(r, "Introspect", err)
}

func (a *Auth) checkIntrospect(r *http.Request) (tokens.Introspection, error) {
	p, err := a.params(r, standard)
	if err != nil {
		return tokens.Introspection{}, err
	}
	if a.mayIntrospect == nil {
		return tokens.Introspection{}, a.unworkable(r, errNoIntrospection)
	}
	c, err := p.Client()
	if err != nil {
		return tokens.Introspection{}, err
	}
	ctx := a.located(r)
	ask := func() (struct{}, error) { return struct{}{}, a.asks(ctx, c) }
	if (tokens.RevokeRequest{ClientID: c.ID, ClientAsSent: c.AsSent}).Check() != nil { // a malformed request is rejected before anything is counted
		_, err := ask()
		return tokens.Introspection{}, err
	}
	if _, err := attemptSecrets(a, r, presented{clientID: c.ID, clientSecret: c.Secret, asClient: true}, ask); err != nil {
		return tokens.Introspection{}, err
	}
	token, err := readIntrospected(p)
	if err != nil {
		return tokens.Introspection{}, p.Explain(err)
	}
	return a.tokens.Introspect(ctx, token)
}

// readIntrospected reads the token of RFC 7662 §2.1.
func readIntrospected(p *wire.Params) (tokens.Secret, error) {
	token := p.Get("token")
	if token == "" {
		return "", wire.Missing("token")
	}
	return tokens.Secret(token), nil
}

var errNoIntrospection = errors.New("middleware: Config.MayIntrospect is nil: no client may introspect")

// asks checks whether a client may introspect tokens.
func (a *Auth) asks(ctx context.Context, c wire.Client) error {
	registered, err := a.tokens.AuthenticateClient(ctx, c.ID, c.Secret, c.AsSent)
	if err != nil {
		return err
	}
	if !a.mayIntrospect(ctx, registered) {
		return wire.NewError(wire.ReasonClientGrant, nil)
	}
	return nil
}

// Introspect is a handler that writes the state of CheckIntrospect, as RFC 7662
// §2.2 specifies.
func (a *Auth) Introspect(w http.ResponseWriter, r *http.Request) {
	i, err := a.CheckIntrospect(r)
	if err != nil {
		a.WithDialect(wire.OAuth2{}).refused(w, r, wire.RouteToken, err)
		return
	}
	a.Introspected(i).Write(w)
}

// Introspected returns the response of RFC 7662 §2.2. For an inactive token it
// contains only "active": false.
func (a *Auth) Introspected(i tokens.Introspection) wire.Answer {
	type inactive struct {
		Active bool `json:"active"`
	}
	if !i.Active {
		return wire.JSON(http.StatusOK, inactive{}).NoCache()
	}
	kind := "Bearer"
	if i.Refresh {
		kind = "" // RFC 6749 §5.1 has no name for it
	}
	return wire.JSON(http.StatusOK, struct {
		Active    bool   `json:"active"`
		TokenType string `json:"token_type,omitempty"`
		Issuer    string `json:"iss"`
		Audience  string `json:"aud"`
		Subject   string `json:"sub"`
		Kind      string `json:"sub_kind,omitempty"`
		ClientID  string `json:"client_id,omitempty"`
		Scope     string `json:"scope,omitempty"`
		IssuedAt  int64  `json:"iat"`
		ExpiresAt int64  `json:"exp"`
		TokenID   string `json:"jti,omitempty"`
		SessionID string `json:"sid,omitempty"`
		Account   string `json:"acct,omitempty"`
		Tier      string `json:"tier,omitempty"`
		Seats     int    `json:"seats,omitempty"`

		AuthenticatedAt int64      `json:"auth_time,omitempty"`
		ContextClass    string     `json:"acr,omitempty"`
		Methods         []string   `json:"amr,omitempty"`
		Actor           *actorJSON `json:"act,omitempty"`
	}{
		true, kind, a.tokens.Issuer(), a.tokens.Audience(), i.Subject, string(i.Principal.Kind()), i.ClientID, i.Scope,
		i.IssuedAt.Unix(), i.ExpiresAt.Unix(), i.Principal.TokenID, i.SessionID,
		i.Principal.Account, i.Principal.Tier, i.Principal.Seats,
		unix(i.Principal.AuthenticatedAt), i.Principal.ContextClass, i.Principal.Methods(), actorOf(i.Principal.Actor),
	}).NoCache()
}

// actorJSON is who acts for the user (RFC 8693 §4.1).
type actorJSON struct {
	Subject string `json:"sub"`
}

func actorOf(id string) *actorJSON {
	if id == "" {
		return nil
	}
	return &actorJSON{id}
}

// unix is a NumericDate; 0 for the zero time.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
