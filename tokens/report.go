package tokens

import (
	"context"
	"errors"
	"log/slog"

	"github.com/sallyport-go/sallyport/internal/faultlog"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Reports reports whether there is a Config.Events, so that packages on top of this one
// prepare no event that is dropped.
func (a *Authority) Reports() bool { return a.events != nil }

// Report passes an event to Config.Events, with At and Address filled in: the
// current time, and the address that events.WithAddress put into ctx. If ctx is
// cancelled, a StoreFailure, StoreBusy or KeysFailure is reported as ClientGone. Packages on top
// of this one call it. Without Config.Events, faults (see events.Kind.IsFault) are
// logged by slog.Default, at most once a minute for each kind, and other events are
// dropped.
func (a *Authority) Report(ctx context.Context, e events.Event) {
	e.At = a.now()
	e.Address = events.AddressFrom(ctx)
	e.Kind = kindFor(ctx, e.Kind)
	if a.events == nil {
		logFault(ctx, a.faults, e)
		return
	}
	a.events(ctx, e)
}

// logFault logs an event that no hook gets, if the host should know of it.
func logFault(ctx context.Context, log *faultlog.Log, e events.Event) {
	if e.Kind.IsFault() {
		log.Note(ctx, e.At, string(e.Kind), slog.Any("event", e))
	}
}

// kindFor returns the kind of an event in a context: once the client has gone, calls
// of the store and of the source of keys end early, and not for a fault of theirs. A
// deadline that has passed is one.
func kindFor(ctx context.Context, kind events.Kind) events.Kind {
	switch kind {
	case events.StoreFailure, events.StoreBusy, events.KeysFailure:
		if errors.Is(ctx.Err(), context.Canceled) {
			return events.ClientGone
		}
	}
	return kind
}

// unavailableKind returns the kind of event for an ErrUnavailable.
func unavailableKind(err error) events.Kind {
	switch {
	case errors.Is(err, ErrClock):
		return events.ClockFault
	case errors.Is(err, ErrContract):
		return events.Fault
	case errors.Is(err, store.ErrBusy):
		return events.StoreBusy
	}
	return events.StoreFailure
}

func event(kind events.Kind, p Principal) events.Event {
	return events.Event{Kind: kind, UserID: p.Subject, Account: p.Account, ClientID: p.ClientID, SessionID: p.SessionID, Actor: p.Actor}
}

// failure returns the kind of event for an error: a fault of the store or the
// host, or the given kind of rejection.
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
