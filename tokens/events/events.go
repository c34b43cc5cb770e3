// Package events defines the events of packages tokens and middleware, for a
// security log, and a hook that writes them to slog.
package events

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Kind is the kind of an event. Its text is stable, so that alerts can match it.
type Kind string

// The kinds of event.
const (
	Login            Kind = "login"             // a user logged in
	LoginRefused     Kind = "login_refused"     // a login was rejected: wrong credentials, a scope that the user does not hold, or by the host (store.RefusalError, store.SecondFactorError)
	LoginStep        Kind = "login_step"        // the password of a login was right, and the user got a step token to show a second factor
	Refresh          Kind = "refresh"           // a session advanced to its next generation
	Replay           Kind = "replay"            // the previous refresh token was presented again within RetryGrace, and got the same successor
	Reuse            Kind = "reuse"             // a used refresh token was presented again; its session is revoked
	RefreshRefused   Kind = "refresh_refused"   // a refresh token was rejected for another reason
	Logout           Kind = "logout"            // a user ended one session
	SessionLimit     Kind = "session_limit"     // a login ended an older session, because the user had more than Config.MaxSessions
	LogoutEverywhere Kind = "logout_everywhere" // all of a user's sessions were ended
	LogoutOthers     Kind = "logout_others"     // all of a user's sessions were ended except SessionID
	PasswordChanged  Kind = "password_changed"  // the host reported a new password; the sessions of the old one were ended
	KeyCreated       Kind = "key_created"       // an API key was created
	KeyExchange      Kind = "key_exchange"      // an API key was exchanged for an access token
	KeyRefused       Kind = "key_refused"       // an API key was rejected
	KeyReplaced      Kind = "key_replaced"      // an API key got a Successor, and an end
	KeyRevoked       Kind = "key_revoked"       // an API key was revoked
	ClientRefused    Kind = "client_refused"    // an OAuth client is unknown, has a wrong secret, or may not use the grant
	BearerRefused    Kind = "bearer_refused"    // a request had no valid access token, where one is required
	AccessRefused    Kind = "access_refused"    // a valid access token lacks a scope or a session that the route requires, or the host's TierOf, Override or ByKey rejected the request
	RequestRefused   Kind = "request_refused"   // a request was rejected for its form, before any credential was checked, or names what does not exist
	StoreFailure     Kind = "store_failure"     // the store returned an error that is none of package store's
	StoreBusy        Kind = "store_busy"        // this node had no connection to the store or the deny list free in time; neither is at fault
	ClockFault       Kind = "clock_fault"       // this node's clock is behind that of another: tokens.ErrClock
	KeysFailure      Kind = "keys_failure"      // the source of keys returned an error
	ClientGone       Kind = "client_gone"       // the client closed its connection, or its half of it, before it was answered
	Throttled        Kind = "throttled"         // brute-force protection rejected an attempt before any credential was checked
	Limited          Kind = "limited"           // a rate limit rejected a request
	NearLimit        Kind = "near_limit"        // a caller has used the share of a limit that NearLimit names
	ShadowLimited    Kind = "shadow_limited"    // a limit in shadow mode would have rejected a request
	CounterFailure   Kind = "counter_failure"   // the counters returned an error
	CountersBusy     Kind = "counters_busy"     // this node had no connection to the counters free in time; the counters are not at fault
	ProxyFault       Kind = "proxy_fault"       // a trusted proxy's header could not be parsed
	UnknownTier      Kind = "unknown_tier"      // the tier of a user is not in Config.Tiers; the request counts under FallbackTier
	CostAboveLimit   Kind = "cost_above_limit"  // a request costs more than its limit ever allows
	Reconfigured     Kind = "reconfigured"      // Reconfigure has replaced tiers or rules
	Fault            Kind = "fault"             // the host's configuration, code or data has a defect
)

// Kinds returns every kind of event, in the order in which they are declared, for
// metrics whose labels must be known beforehand.
func Kinds() []Kind {
	return []Kind{
		Login, LoginRefused, LoginStep, Refresh, Replay, Reuse, RefreshRefused, Logout, SessionLimit,
		LogoutEverywhere, LogoutOthers, PasswordChanged, KeyCreated, KeyExchange, KeyRefused,
		KeyReplaced, KeyRevoked, ClientRefused, BearerRefused, AccessRefused, RequestRefused,
		StoreFailure, StoreBusy, ClockFault, KeysFailure, ClientGone, Throttled, Limited, NearLimit,
		ShadowLimited, CounterFailure, CountersBusy, ProxyFault, UnknownTier, CostAboveLimit,
		Reconfigured, Fault,
	}
}

// Event is one entry of a security log. It carries identifiers, and never a
// password, a token or a key. Fields that do not apply are empty.
type Event struct {
	// Kind says what happened.
	Kind Kind

	// At is when it happened, in UTC.
	At time.Time

	// UserID, Account, ClientID and KeyID identify the user, account, client and
	// key, as far as they are known. The event of a rejected login names no user,
	// unless the password was right and the host has refused them or asks for a
	// second factor: the text in the name field may be a password. If the cause is in the user's
	// row in the store (a password hash that cannot be parsed), a Fault event names
	// the user. For an API key whose owner is not a user, UserID is the subject of its
	// access tokens, such as "service:nightly-import".
	UserID, Account, ClientID, KeyID string

	// Successor identifies the API key that replaces that of KeyID, in KeyReplaced
	// events.
	Successor string

	// LoginPseudonym stands for the text in the name field of a login that was
	// rejected, in LoginRefused and Throttled events: the same for the same name, so
	// that an attack on one user can be told from many users' mistakes. It is a keyed
	// hash (tokens.Authority.LoginPseudonym) that does not reveal the text.
	LoginPseudonym string

	// Actor is the ID of who acts for the user, in events of a session in which somebody
	// else does: see tokens.SignInRequest.Actor. Reason is why, in the event that begins
	// it.
	Actor, Reason string

	// SessionID is the "sid" of the session's access tokens.
	SessionID string

	// Generation is the generation of the refresh token that was presented, in
	// events of a refresh. It counts from 1. Zero: the event has none.
	Generation int64

	// Policy names the limit that was reached, as the RateLimit-Policy header does.
	Policy string

	// Changed lists what Reconfigure has changed, separated by commas: Tiers["free"],
	// FallbackTier, Limit, Limit.Rules["writes"].
	Changed string

	// Address is the client's address, if WithAddress put it into the context.
	// Otherwise it is the zero Addr.
	Address netip.Addr

	// Err is the cause of a rejection or a failure. It may contain the text of the
	// store's driver: it is for the log, and is never sent to a client. Nil: there
	// is none.
	Err error
}

// LogValue returns the fields that are not empty, without At, as a group for
// slog.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	for _, f := range []struct{ name, value string }{
		{"user", e.UserID},
		{"account", e.Account},
		{"client", e.ClientID},
		{"key", e.KeyID},
		{"successor", e.Successor},
		{"login", e.LoginPseudonym},
		{"actor", e.Actor},
		{"reason", e.Reason},
		{"session", e.SessionID},
		{"policy", e.Policy},
		{"changed", e.Changed},
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

// IsFault reports whether events of this kind mean that something of the host must be
// mended: its configuration, code or data, a store, the keys or the counters.
func (k Kind) IsFault() bool {
	switch k {
	case StoreFailure, StoreBusy, ClockFault, KeysFailure, CounterFailure, CountersBusy, ProxyFault, UnknownTier, CostAboveLimit, Fault:
		return true
	}
	return false
}

// Log returns an Events hook that writes events to log with the message
// "sallyport": possible attacks and failures as warnings (Reuse, Throttled,
// StoreFailure, StoreBusy, ClockFault, KeysFailure, CounterFailure, CountersBusy,
// ProxyFault, UnknownTier, CostAboveLimit and Fault),
// all others as information. The hook is safe for concurrent use.
//
// Of the kinds that every request may cause (BearerRefused, AccessRefused,
// RequestRefused, RefreshRefused, Throttled, Limited, ShadowLimited, ClientGone, and
// those of Kind.IsFault) it writes at most ten lines a second each, so that a flood of
// requests is no flood of lines. The first line after those that were left out has
// their number in "omitted". All other events are written.
func Log(log *slog.Logger) func(context.Context, Event) {
	var limit lineLimit
	return func(ctx context.Context, e Event) {
		omitted, ok := limit.admit(e)
		if !ok {
			return
		}
		level := slog.LevelInfo
		if e.Kind.IsFault() || e.Kind == Reuse || e.Kind == Throttled {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{slog.Any("event", e), slog.Int64("omitted", omitted)}
		if omitted == 0 {
			attrs = attrs[:1]
		}
		log.LogAttrs(ctx, level, "sallyport", attrs...)
	}
}

type addressKey struct{}

// WithAddress returns a context whose events have this client address. The
// middleware calls it for each request. A host that calls package tokens itself
// may call it too.
func WithAddress(ctx context.Context, a netip.Addr) context.Context {
	return &addressContext{ctx, a}
}

// addressContext is a context that knows the client's address. It is one allocation
// less than context.WithValue.
type addressContext struct {
	context.Context //nolint:containedctx // it is one

	address netip.Addr
}

// Value knows the address.
func (c *addressContext) Value(key any) any {
	if key == (addressKey{}) {
		return &c.address
	}
	return c.Context.Value(key)
}

// AddressFrom returns the client address that WithAddress put into a context, or
// the zero Addr if there is none.
func AddressFrom(ctx context.Context) netip.Addr {
	a, ok := ctx.Value(addressKey{}).(*netip.Addr)
	if !ok {
		return netip.Addr{}
	}
	return *a
}
