package middleware

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// refusalEvents maps the reasons of rejections that no other package reports to the
// kinds of their events.
var refusalEvents = map[wire.Reason]events.Kind{
	wire.ReasonMethod:      events.RequestRefused,
	wire.ReasonMalformed:   events.RequestRefused,
	wire.ReasonTooLarge:    events.RequestRefused,
	wire.ReasonMissing:     events.RequestRefused,
	wire.ReasonGrantType:   events.RequestRefused,
	wire.ReasonTarget:      events.RequestRefused,
	wire.ReasonTokenType:   events.RequestRefused,
	wire.ReasonNoRefresh:   events.RequestRefused,
	wire.ReasonScope:       events.RequestRefused,
	wire.ReasonCrossSite:   events.RequestRefused,
	wire.ReasonNotFound:    events.RequestRefused,
	wire.ReasonReplaced:    events.RequestRefused,
	wire.ReasonNoBearer:    events.BearerRefused,
	wire.ReasonBearerForm:  events.BearerRefused,
	wire.ReasonBearer:      events.BearerRefused,
	wire.ReasonExpired:     events.BearerRefused,
	wire.ReasonTwoBearers:  events.RequestRefused,
	wire.ReasonForbidden:   events.AccessRefused,
	wire.ReasonNotRecent:   events.AccessRefused,
	wire.ReasonNoSession:   events.AccessRefused,
	wire.ReasonClientGrant: events.ClientRefused,
}

// errAddress is in the rejection of a request without an address, which is reported
// where it is found.
var errAddress = errors.New("middleware: Config.ClientIP returned no address")

// told reports the rejection of a request by a handler or a middleware, and returns it,
// unless another package reports rejections of this kind. Without a hook it costs
// nothing, because callers without a token can cause it as often as they like. The
// event says why, and never what the request presented.
func (a *Auth) told(r *http.Request, by string, err error) error {
	if err == nil || !a.verifier.Reports() {
		return err
	}
	kind, ok := refusalEvents[wire.AsError(err).Reason]
	if !ok || errors.Is(err, errAddress) {
		return err
	}
	p, _ := tokens.PrincipalFrom(r.Context())
	a.verifier.Report(a.located(r), events.Event{
		Kind: kind, UserID: p.Subject, Account: p.Account, ClientID: p.ClientID, SessionID: p.SessionID,
		Err: fmt.Errorf("middleware: %s: %w", by, err),
	})
	return err
}
