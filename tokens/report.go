package tokens

import (
	"context"
	"errors"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// Report gives an event to the host's hook, with the time and the client's
// address filled in. It is for the packages that stand on this one.
func (a *Authority) Report(ctx context.Context, e events.Event) {
	if a.events == nil {
		return
	}
	e.At = a.now()
	e.Address = events.AddressFrom(ctx)
	a.events(ctx, e)
}

// unavailableKind is the kind of event that an ErrUnavailable is.
func unavailableKind(err error) events.Kind {
	switch {
	case errors.Is(err, ErrClock):
		return events.ClockFault
	case errors.Is(err, ErrContract):
		return events.Fault
	}
	return events.StoreFailure
}

func event(kind events.Kind, p Principal) events.Event {
	return events.Event{Kind: kind, UserID: p.Subject, Account: p.Account, ClientID: p.ClientID, SessionID: p.SessionID}
}

// failure is the kind of event that an error is: the store's or the host's
// fault, or else a refusal.
func failure(err error, refused events.Kind) events.Kind {
	switch {
	case errors.Is(err, ErrUnavailable):
		return unavailableKind(err)
	case errors.Is(err, ErrClaims):
		return events.Fault
	case errors.Is(err, ErrInvalidClient), errors.Is(err, ErrUnauthorizedClient):
		return events.ClientRefused
	}
	return refused
}
