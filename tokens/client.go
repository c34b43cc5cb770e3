package tokens

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// The grant types that a registered client may be allowed, for
// store.Client.Grants.
const (
	// GrantPassword allows Login (RFC 6749 §4.3).
	GrantPassword = "password"

	// GrantRefresh allows Refresh (RFC 6749 §6). A client without it gets no refresh
	// tokens.
	GrantRefresh = "refresh_token"

	// GrantExchange allows ExchangeKey (RFC 8693 §2.1).
	GrantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// NewClientSecret returns a new client secret of 130 random bits, and its digest
// for store.Client.Secrets. Give the secret to the client: it cannot be recovered
// from the digest.
func NewClientSecret() (Secret, store.Digest) {
	text := rand.Text()
	return Secret(text), sha256.Sum256([]byte(text))
}

// client is the client of a request: a registered client, an account that serves
// as one, or only a name if no clients are registered.
type client struct {
	store.Client

	// registered: the store has it, and its row says what it may do.
	registered bool

	// account: no such client is registered, and AccountAsClient accepts the ID as
	// that of the user's account.
	account bool

	// otherID is the ID of an account in the second reading of the credentials.
	otherID string
}

// registers reports whether a client must be known, as a registered one or as an
// account.
func (a *Authority) registers() bool { return a.clients != nil || a.accountAsClient }

// strict reports whether a client must be registered or be an account.
func (a *Authority) strict() bool { return a.clients != nil && !a.anyClient }

// DefaultClient returns Config.DefaultClient.
func (a *Authority) DefaultClient() string { return a.defaultClient }

// RegistersClients reports whether Config.Clients is set, so that registered
// clients are authenticated.
func (a *Authority) RegistersClients() bool { return a.clients != nil }

// RequiresClients reports whether a request is rejected unless its client is
// registered, or is its user's account with AccountAsClient: Config.Clients is
// set, and InsecureUnregisteredClients is not.
func (a *Authority) RequiresClients() bool { return a.strict() }

// admit authenticates a client, and checks that it may use a grant type.
func (a *Authority) admit(ctx context.Context, id string, secret Secret, asSent ClientCredentials, grant string) (client, error) {
	c, err := a.authenticateEither(ctx, id, secret, asSent)
	if err != nil {
		return client{}, err
	}
	return c, c.may(grant)
}

// ClientCredentials are the ID and the secret of a client.
type ClientCredentials struct {
	// ID is the client_id.
	ID string

	// Secret is the client_secret.
	Secret Secret
}

// authenticateEither returns the client with an ID and a secret, or that with the ID
// and the secret of the second reading. The zero value of that means that there is
// one reading only.
func (a *Authority) authenticateEither(ctx context.Context, id string, secret Secret, asSent ClientCredentials) (client, error) {
	if asSent.ID == "" || asSent.ID == id {
		return a.authenticate(ctx, id, secret, asSent.Secret)
	}
	c, err := a.authenticate(ctx, id, secret)
	if c.registered || err != nil && !errors.Is(err, ErrInvalidClient) {
		return c, err
	}
	other, otherErr := a.authenticate(ctx, asSent.ID, asSent.Secret)
	if err != nil || other.registered {
		return other, otherErr
	}
	if c.account { // its user says which of the two it is
		c.otherID = asSent.ID
	}
	return c, nil
}

// authenticate returns the client with an ID and one of the secrets. A request that
// names no client is that of Config.DefaultClient. If it returns an error, no other
// check was made.
func (a *Authority) authenticate(ctx context.Context, id string, secrets ...Secret) (client, error) {
	if !isString(id) {
		return client{}, fmt.Errorf("%w: client identifier", ErrMalformed)
	}
	if !a.registers() {
		return client{Client: store.Client{ID: id}}, nil
	}
	if id == "" {
		if id = a.defaultClient; id == "" && a.strict() {
			return client{}, fmt.Errorf("%w: the request names none", ErrInvalidClient)
		}
		secrets = nil
	}
	c, err := a.client(ctx, id)
	if err != nil {
		return client{}, err
	}
	if !opens(c.Secrets, secrets) {
		return client{}, fmt.Errorf("%w: secret", ErrInvalidClient)
	}
	return c, nil
}

// AuthenticateClient returns the registered client with this ID, if secret is one
// of its secrets (RFC 6749 §2.3.1). A client without secrets is rejected, because
// any caller can use its ID. The secrets are compared in constant time. A
// rejection is reported as events.ClientRefused.
//
// It returns ErrInvalidClient, ErrMalformed for an ID that no store could hold,
// or ErrUnavailable.
//
// asSent is another reading of the same credentials: see
// LoginRequest.ClientAsSent. Its zero value is none.
func (a *Authority) AuthenticateClient(ctx context.Context, id string, secret Secret, asSent ClientCredentials) (store.Client, error) {
	within, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	c, err := a.authenticateEither(within, id, secret, asSent)
	if err == nil && len(c.Secrets) == 0 {
		err = fmt.Errorf("%w: it has no secret", ErrInvalidClient)
	}
	if err != nil {
		return store.Client{}, a.clientRefused(ctx, id, err)
	}
	return c.Client, nil
}

// client looks up a client.
func (a *Authority) client(ctx context.Context, id string) (client, error) {
	unregistered := client{Client: store.Client{ID: id}, account: a.accountAsClient && id != ""}
	if id == "" || a.clients == nil {
		return unregistered, nil
	}
	c, err := a.clients.Client(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound) && (a.accountAsClient || a.anyClient):
		return unregistered, nil
	case errors.Is(err, store.ErrNotFound):
		return client{}, fmt.Errorf("%w: %w", ErrInvalidClient, err)
	case err != nil:
		return client{}, unavailable("client", err)
	}
	if err := c.Check(); err != nil {
		return client{}, unavailable("client", err)
	}
	return client{Client: c, registered: true}, nil
}

// opens reports whether one of the secrets is one of those with these digests. If
// there are no digests, the client is public and a secret is ignored, because some
// clients always send one. All digests are compared, in constant time.
func opens(digests []store.Digest, secrets []Secret) bool {
	if len(digests) == 0 {
		return true
	}
	found := 0
	for _, secret := range secrets {
		if secret == "" { // one that was omitted: RFC 6749 §2.3.1
			continue
		}
		sum := sha256.Sum256([]byte(secret))
		for _, d := range digests {
			found |= subtle.ConstantTimeCompare(sum[:], d[:])
		}
	}
	return found == 1
}

// holder returns the client that presents a token of a session: the client that
// the request names and that was authenticated, or the session's own client if
// the request names none and that client is public (RFC 6749 §6). It returns
// ErrWrongClient if the session belongs to another client.
func (a *Authority) holder(ctx context.Context, named client, s store.Session) (client, error) {
	if !a.registers() {
		if named.ID != "" && s.ClientID != "" && named.ID != s.ClientID {
			return client{}, ErrWrongClient
		}
		return named, nil
	}
	// a session without a client, from before Config.Clients was set
	of := or(s.ClientID, a.defaultClient)
	if of != "" && named.otherID == of {
		named.ID = of
	}
	switch {
	case of == "" && a.anyClient:
		return named, nil
	case of == "" && a.strict(), named.ID != "" && named.ID != of:
		return client{}, ErrWrongClient
	case named.ID != "":
		return named, nil
	}
	c, err := a.client(ctx, of)
	if err != nil {
		return client{}, err
	}
	if len(c.Secrets) > 0 {
		return client{}, fmt.Errorf("%w: a confidential client's session", ErrInvalidClient)
	}
	return c, nil
}

// presenter authenticates the client that a request for a session names. If the
// request names none, it returns the zero client, which holder then replaces.
func (a *Authority) presenter(ctx context.Context, id string, secret Secret, asSent ClientCredentials) (client, error) {
	if id == "" || !a.registers() {
		return client{Client: store.Client{ID: id}}, nil
	}
	return a.authenticateEither(ctx, id, secret, asSent)
}

// may reports whether the client is allowed a grant type.
func (c client) may(grant string) error {
	if c.registered && !slices.Contains(c.Grants, grant) {
		return fmt.Errorf("%w: %s", ErrUnauthorizedClient, grant)
	}
	return nil
}

// mayRefresh reports whether the client gets refresh tokens.
func (c client) mayRefresh() error {
	if c.Refresh == store.RefreshNone {
		return fmt.Errorf("%w: it gets no refresh tokens", ErrUnauthorizedClient)
	}
	return c.may(GrantRefresh)
}

// graceOf returns how long after its use a refresh token of the client gets the
// same successor again.
func (a *Authority) graceOf(c client) time.Duration {
	switch {
	case !c.registered:
		return a.grace
	case c.Refresh == store.RefreshStrict:
		return 0
	}
	return c.Grace
}

// mayAsk checks before the password is verified whether a login requests more
// scope than the client may have.
func (c client) mayAsk(r LoginRequest) error {
	if r.IgnoreUnknownScopes || len(c.Scopes) == 0 {
		return nil // checked when the user is known
	}
	_, err := grant(c.Scopes, r.Scopes)
	return err
}

// isOf reports whether an account that serves as a client is the user's:
// User.Account or, if that is empty, User.ID. The client has that ID then.
func (c *client) isOf(u store.User) bool {
	account := or(u.Account, u.ID)
	if c.otherID == account {
		c.ID = account
	}
	return !c.account || c.ID == account
}
