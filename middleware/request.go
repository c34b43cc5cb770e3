package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

var (
	errNoTokens      = errors.New("middleware: Config.Tokens is nil: this Auth has only a Verifier")
	errNamesNoClient = errors.New("middleware: tokens.Config.Clients is set and DefaultClient is empty, and no request in the wire format of WithDialect names a client: set DefaultClient")
)

// standard is what the standard's endpoints read: RFC 6749 has forms only.
var standard = wire.Accepts{}

// params reads the parameters of a login, refresh, logout or token request.
func (a *Auth) params(r *http.Request, accepts wire.Accepts) (*wire.Params, error) {
	if a.tokens == nil {
		return nil, a.unworkable(r, errNoTokens)
	}
	return wire.Read(r, accepts, a.reads())
}

// namedParams is params for a request that must name its client if clients are
// required.
func (a *Auth) namedParams(r *http.Request) (*wire.Params, error) {
	if a.namesNoClient {
		return nil, a.unworkable(r, errNamesNoClient)
	}
	return a.params(r, a.dialect.Accepts())
}

// unworkable reports that a handler is mounted that this Auth cannot serve, and
// returns the refusal. The cause names the field that is missing.
func (a *Auth) unworkable(r *http.Request, cause error) error {
	a.verifier.Report(a.located(r), events.Event{Kind: events.Fault, Err: fmt.Errorf("%w (%s)", cause, strings.TrimSpace(r.Method+" "+r.Pattern))})
	return wire.NewError(wire.ReasonInternal, cause)
}

// reads returns the limits of what is read of a request.
func (a *Auth) reads() wire.Limits {
	return wire.Limits{MaxBody: a.maxBody, Registered: a.tokens.RegistersClients()}
}

// located returns the request's context with the client's address, for the
// events. If the address cannot be determined, the events have none.
func (a *Auth) located(r *http.Request) context.Context {
	addr, err := a.clientIP(r)
	if err != nil {
		return r.Context()
	}
	return events.WithAddress(r.Context(), addr)
}

// undisturbed returns a request for a revocation that does not end when the
// client disconnects. The Authority has its own deadlines.
func undisturbed(r *http.Request) *http.Request {
	return r.WithContext(context.WithoutCancel(r.Context()))
}
