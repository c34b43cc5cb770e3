package tokens

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	EventLogin            EventKind = "login"             // a user came in
	EventLoginRefused     EventKind = "login_refused"     // login and password did not fit, or asked for too much
	EventRefresh          EventKind = "refresh"           // a session moved on by one generation
	EventReplay           EventKind = "replay"            // the predecessor came again within the grace, and got the same successor
	EventReuse            EventKind = "reuse"             // a spent refresh token came again; its session is revoked
	EventRefreshRefused   EventKind = "refresh_refused"   // a refresh token opened nothing, for another reason
	EventLogout           EventKind = "logout"            // one session was ended by its user
	EventDisplaced        EventKind = "displaced"         // one session was ended because its user had opened Config.MaxSessions since
	EventLogoutEverywhere EventKind = "logout_everywhere" // all of a user's sessions were ended
	EventPasswordChanged  EventKind = "password_changed"  // the host reported a new password; what the old one had opened was ended
	EventKeyCreated       EventKind = "key_created"       // a long-lived API key was made
	EventKeyExchange      EventKind = "key_exchange"      // an API key was exchanged for an access token
	EventKeyRefused       EventKind = "key_refused"       // an API key opened nothing
	EventKeyRevoked       EventKind = "key_revoked"       // an API key was ended by its user
	EventClientRefused    EventKind = "client_refused"    // an OAuth client is unknown, has not the right secret, or may not do this
	EventStoreFailure     EventKind = "store_failure"     // the store could not say
	EventClockFault       EventKind = "clock_fault"       // this node's clock is behind that of another: ErrClock
	EventKeysFailure      EventKind = "keys_failure"      // the source of keys could not say
	EventThrottled        EventKind = "throttled"         // too many wrong guesses: refused before anybody looked at it
	EventLimited          EventKind = "limited"           // a caller reached the limit of a tier
	EventNearLimit        EventKind = "near_limit"        // a caller has used up the share of a limit that the host wants to hear of
	EventShadowLimited    EventKind = "shadow_limited"    // a limit that only casts a shadow would have refused a request
	EventCounterFailure   EventKind = "counter_failure"   // the counters could not say
	EventProxyFault       EventKind = "proxy_fault"       // a trusted proxy did not say where a request comes from
	EventFault            EventKind = "fault"             // the host's configuration or code makes a request impossible
)

// Event is one thing that a security log wants to know. It carries identifiers
// and never a password, a token or a key.
type Event struct {
	Kind EventKind
	At   time.Time

	// UserID, Account, ClientID and KeyID name who is concerned, as far as it
	// is known. A login that was refused names nobody: what was typed into the
	// name field may be a password. Where the refused login is due to what the
	// store has of the user (a password hash that cannot be read), an EventFault
	// names them.
	UserID, Account, ClientID, KeyID string

	// SessionID is the "sid" of the session's access tokens.
	SessionID string

	// Generation is the one that was presented, in refresh events.
	Generation int64

	// Policy names the limit that was reached.
	Policy string

	// Address is the client's, where WithAddress told it.
	Address netip.Addr

	// Err is the cause of a refusal or a failure. It may hold the text of the
	// store's driver; it never reaches the caller.
	Err error
}

// LogValue gives the event's fields as a group, without the empty ones.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	for _, f := range []struct{ name, value string }{
		{"user", e.UserID},
		{"account", e.Account},
		{"client", e.ClientID},
		{"key", e.KeyID},
		{"session", e.SessionID},
		{"policy", e.Policy},
	} {
		if f.value != "" {
			attrs = append(attrs, slog.String(f.name, f.value))
		}
	}
	if e.Generation != 0 {
		attrs = append(attrs, slog.Int64("generation", e.Generation))
	}
	if e.Address.IsValid() {
		attrs = append(attrs, slog.String("address", e.Address.String()))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// LogEvents returns an Events hook that writes each event to log: what looks
// like an attack or a failure as a warning, the rest as information.
func LogEvents(log *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		level := slog.LevelInfo
		switch e.Kind {
		case EventReuse, EventThrottled, EventStoreFailure, EventClockFault, EventKeysFailure, EventCounterFailure, EventProxyFault, EventFault:
			level = slog.LevelWarn
		}
		log.LogAttrs(ctx, level, "sallyport", slog.Any("event", e))
	}
}

// unavailableKind is the kind of event that an ErrUnavailable is.
func unavailableKind(err error) EventKind {
	switch {
	case errors.Is(err, ErrClock):
		return EventClockFault
	case errors.Is(err, ErrContract):
		return EventFault
	}
	return EventStoreFailure
}

type addressKey struct{}

// WithAddress returns a context whose events name this client address. The
// middleware calls it.
func WithAddress(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, a)
}

// Report gives an event to the host's hook, with the time and the client's
// address filled in. It is for the packages that stand on this one.
func (a *Authority) Report(ctx context.Context, e Event) {
	if a.events == nil {
		return
	}
	e.At = a.now()
	e.Address, _ = ctx.Value(addressKey{}).(netip.Addr)
	a.events(ctx, e)
}
