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
