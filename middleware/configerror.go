package middleware

import (
	"errors"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// ConfigError is one invalid field of a [Config].
type ConfigError = configerror.Error

// complaint notes what is wrong with the field at the path.
type complaint = configcheck.Complain

// checkTokens complains of a Config that verifies no tokens, and of fields that
// are for an Auth that issues tokens.
func (c Config) checkTokens(complain complaint) {
	switch {
	case c.Tokens == nil && c.Verifier == nil:
		complain("Tokens", "is required, or Verifier")
	case c.Tokens != nil && c.Verifier != nil:
		complain("Verifier", "must be nil if Tokens is set")
	}
	if c.Tokens == nil {
		if c.PasswordGrant {
			complain("PasswordGrant", "must be false without Tokens")
		}
		if c.AccountScope != "" {
			complain("AccountScope", "must be empty without Tokens, got %q", c.AccountScope)
		}
	}
	if c.MayIntrospect != nil && (c.Tokens == nil || !c.Tokens.RegistersClients()) {
		complain("MayIntrospect", "must be nil unless Tokens has Clients: only a registered client may introspect")
	}
}

// checkDialect complains of a wire format with which no login can succeed.
func (c Config) checkDialect(complain complaint) {
	usable := c.Dialect != nil && configcheck.Optional("Dialect", c.Dialect, complain)
	if usable && c.Tokens != nil && namesNoClient(c.Tokens, c.Dialect) {
		complain("Dialect", "must be a wire format that names clients, got %T: Tokens has Clients and no DefaultClient, so every login without a client is refused", c.Dialect)
	}
}

// namesNoClient reports whether a client must be named, and no request of the
// wire format names one.
func namesNoClient(a *tokens.Authority, d wire.Dialect) bool {
	return d.Accepts().NoClient && a.RequiresClients() && a.DefaultClient() == ""
}

// checkPublished returns an error for an endpoint that would be published, and would
// answer every request with a refusal or with nothing.
func (c Config) checkPublished(endpoint string) error {
	switch {
	case endpoint == "JWKS" && string(c.Tokens.JWKS()) == noKeys:
		return errors.New("must be empty if Tokens has HMAC keys only, which are never published")
	case endpoint == "Introspect" && c.MayIntrospect == nil:
		return errors.New("must be empty without MayIntrospect")
	}
	return nil
}
