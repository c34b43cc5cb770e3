package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

var errNoTokens = errors.New("middleware: Config.Tokens is nil: this Auth has only a Verifier")

// standard is what the standard's endpoints read: RFC 6749 has forms only.
var standard = wire.Accepts{}

// params reads the parameters of a login, refresh, logout or token request.
func (a *Auth) params(r *http.Request, accepts wire.Accepts) (*wire.Params, error) {
	if a.tokens == nil {
		return nil, wire.NewError(wire.ReasonInternal, errNoTokens)
	}
	return wire.Read(r, accepts, a.reads())
}

// reads bounds what is read of a request.
func (a *Auth) reads() wire.Limits {
	return wire.Limits{MaxBody: a.maxBody, Registered: a.tokens.RegistersClients()}
}

// located returns the request's context with the client's address in it, for
// the events. Where the address cannot be told the events do without.
func (a *Auth) located(r *http.Request) context.Context {
	addr, err := a.clientIP(r)
	if err != nil {
		return r.Context()
	}
	return events.WithAddress(r.Context(), addr)
}

// undisturbed is a request that has been read and asks for a revocation: from now
// on it does not end when the client disconnects. The Authority has deadlines of
// its own.
func undisturbed(r *http.Request) *http.Request {
	return r.WithContext(context.WithoutCancel(r.Context()))
}
