// Package middleware provides Sallyport's net/http handlers and middleware. The
// handlers log in, refresh and log out. The middleware verifies bearer tokens and
// enforces the rate limits of tiers.
//
// Each operation has two methods. The method whose name begins with Check decides
// and writes nothing. The handler or middleware without that prefix calls it and
// writes the response, in the wire format of Config.Dialect: see [wire.Dialect].
// Pass the error of a Check method to [Auth.Refused] for its response, or to
// [wire.AsError] for its reason and status.
package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/fieldvalue"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Config configures an Auth. The zero value of each optional field is the safe
// default. Functions in it must be safe for concurrent use.
type Config struct {
	// Tokens issues and verifies the tokens. It is required, unless Verifier is set.
	Tokens *tokens.Authority

	// Verifier replaces Tokens in a service that only verifies tokens of another
	// service. Bearer, OptionalBearer, Limit, Protect and RequireScope work with it;
	// the handlers that need an Authority answer 500. It must be nil if Tokens is
	// set. Nil: Tokens verifies.
	Verifier *tokens.Verifier

	// Tiers is required: the rate limits by tier name.
	Tiers ratelimit.Tiers

	// FallbackTier is the name of the tier in Tiers that users have whose own is not in
	// it: it was renamed or removed after their access token was issued, or is empty.
	// Each such request is reported as an UnknownTier event. It must not be
	// "anonymous". Empty: such requests get 500, and a Fault event.
	FallbackTier string

	// ClientIP is required: it returns the client's address. If clients connect to
	// this server directly, use clientip.RemoteAddr. Behind proxies use
	// clientip.BehindProxies, which names the trusted ones. If it returns an error,
	// requests that are counted by address are rejected with 400.
	ClientIP func(*http.Request) (netip.Addr, error)

	// Dialect is the wire format of requests and answers. Nil: [wire.OAuth2].
	Dialect wire.Dialect

	// PasswordGrant enables grant_type=password at the Token endpoint. Login does
	// not need it. False: the Token endpoint rejects this grant, because RFC 9700
	// §2.4 forbids it.
	PasswordGrant bool

	// Endpoints are the URLs that Metadata publishes. Zero: Metadata answers 500.
	Endpoints Endpoints

	// MayIntrospect reports whether a registered client may use the Introspect
	// endpoint, for all tokens. Allow the resource servers that you run yourself.
	// The client was authenticated by its secret before the call. Nil: no client
	// may.
	MayIntrospect func(context.Context, store.Client) bool

	// TierOf returns the current tier and seats of a principal. Set it if they may
	// differ from those in the token, for example after an upgrade. A [wire.Error]
	// rejects the request, for example of a suspended customer. Any other error is
	// handled as a failure of the counters. Nil: the tier and seats of the token
	// count.
	TierOf func(context.Context, tokens.Principal) (tier string, seats int, err error)

	// Override changes the limits of one principal, for a customer with individual
	// limits. It gets the tier of Tiers, and returns that or another. The result
	// applies at once, and does not change what was spent. A [wire.Error] rejects
	// the request. Any other error is handled as a failure of the counters. Nil: no
	// tier is changed.
	Override func(context.Context, tokens.Principal, ratelimit.Tier) (ratelimit.Tier, error)

	// Limit configures the methods Limit and Protect. Its zero value charges each
	// request to the tier of its caller.
	Limit ratelimit.LimitConfig

	// Headers selects the rate limit headers. Its zero value sends all.
	Headers ratelimit.Headers

	// Counters count requests and failed attempts. Set them if several processes
	// serve the API: see package rediscounters. Nil: this process counts in its own
	// memory, by Now.
	Counters ratelimit.Counters

	// OnCounterFailure says how requests are handled while the counters fail. Zero:
	// they are rejected with 503.
	OnCounterFailure ratelimit.FailurePolicy

	// Nodes is the number of processes that serve this API, 1 or more. It is
	// required for FailLocal, and ignored otherwise. Zero: unknown.
	Nodes int

	// BruteForce limits failed logins, and failed attempts with client secrets, API
	// keys and refresh tokens. Its zero value is the safe default.
	BruteForce BruteForce

	// CounterTimeout is the maximum time that one decision waits for the counters, and
	// for a connection to them. It must not be negative. Zero: 2 s.
	CounterTimeout time.Duration

	// Verified is told of each request that Bearer, OptionalBearer, Protect or their
	// Check methods have verified, with what they decided: the principal, the zero
	// Principal for a caller whom OptionalBearer lets through as anonymous, or the error
	// of the rejection. It is for metrics, so it is called for each request, on its
	// goroutine; it must be fast and safe for concurrent use. Nil: it is not called.
	Verified func(context.Context, tokens.Principal, error)

	// Decided is told of each decision about a request that Limit, Protect or a Limiter
	// of Limits counts: see [ratelimit.Config]. Nil: it is not called.
	Decided func(context.Context, ratelimit.Verdict)

	// Cookies keeps the tokens of browsers in cookies that scripts cannot read. Set
	// it for a web page that calls the API. Nil: no cookie is read or set.
	Cookies *Cookies

	// AccountScope is the scope that an access token must have for the routes that
	// manage its user's own account: Sessions, EndSession, EndOtherSessions,
	// APIKeys, CreateAPIKey, ReplaceAPIKey, RevokeAPIKey and LogoutEverywhere, for
	// example "account". Without it they answer 403. Any token of a user that has it is
	// accepted, also one of an API key. It is one scope-token (RFC 6749 §3.3). Empty: these routes
	// accept the tokens of a login that have all the scopes of their user, and
	// reject the others (see [tokens.Principal].Restricted).
	AccountScope string

	// Realm is the realm of WWW-Authenticate (RFC 9110 §11.5), in printable ASCII
	// without quotes and backslashes. Empty: "api".
	Realm string

	// MaxBody is the maximum size of the body of a login, refresh, logout or token
	// request, in bytes: 1 to 1048576. Zero: 16384.
	MaxBody int64

	// Now is the clock, for tests. Nil: the machine's; limits go by a time of day that is
	// set after a second at most.
	Now func() time.Time
}

// Auth provides the HTTP handlers and middleware. Create it with [New]. It is
// safe for concurrent use, and its configuration does not change after New, except
// by Reconfigure. It starts no goroutine.
type Auth struct {
	tokens         *tokens.Authority // nil if there is only a Verifier
	verifier       verifier
	clientIP       func(*http.Request) (netip.Addr, error)
	dialect        wire.Dialect
	refusals       *wire.Refusals // in the dialect
	namesNoClient  bool           // no request in the wire format can name the client that is required
	passwordGrant  bool
	endpoints      Endpoints
	mayIntrospect  func(context.Context, store.Client) bool
	limits         *ratelimit.Limiter
	headers        ratelimit.Headers
	counters       ratelimit.Counters
	onVerified     func(context.Context, tokens.Principal, error) // nil: it is not called
	guard          guard
	cookies        *cookies // nil: off
	counterTimeout time.Duration
	accountScope   string
	realm          string
	maxBody        int64
	now            func() time.Time
}

// verifier verifies tokens and takes events: an Authority or a Verifier.
type verifier interface {
	Verify(ctx context.Context, token tokens.Secret) (tokens.Principal, error)
	Report(ctx context.Context, e events.Event)
	Reports() bool
}

const (
	defaultCounterTimeout = 2 * time.Second
	defaultMaxBody        = 16 << 10
	maxMaxBody            = 1 << 20
)

// New returns an Auth. It does not call the store or the counters, except for
// Counters.Check.
//
// If the Config is invalid, New returns one error that joins all defects:
// *ConfigError values, each with the path of its field. Fields that contradict
// one another, or that would have no effect, are defects too.
func New(c Config) (*Auth, error) {
	wrong := configcheck.List{Package: "middleware"}
	complain := wrong.At("Config.")
	c.checkTokens(complain)
	c.checkDialect(complain)
	if c.Counters == nil || !configcheck.Optional("Counters", c.Counters, complain) {
		counters, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: c.Now})
		if err != nil {
			return nil, err
		}
		c.Counters = counters
	}
	a := &Auth{}
	c.checkEndpoints(complain)
	limits := a.limiter(c, complain)
	guard := c.BruteForce.guard(c.Counters, complain)
	cookies := c.Cookies.compiled(c.Tokens != nil, complain)
	if c.MaxBody < 0 || c.MaxBody > maxMaxBody {
		complain("MaxBody", "must be 1 to %d, got %d", maxMaxBody, c.MaxBody)
	}
	if names, err := tokens.ParseScope(c.AccountScope); err != nil || len(names) > 1 {
		complain("AccountScope", "must be one scope-token of RFC 6749 section 3.3, or empty, got %q", c.AccountScope)
	}
	if !fieldvalue.IsQuotable(c.Realm) {
		complain("Realm", "must be printable ASCII without quotes and backslashes, got %q", c.Realm)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	*a = Auth{
		tokens: c.Tokens, verifier: c.Tokens, clientIP: c.ClientIP, dialect: c.Dialect,
		passwordGrant: c.PasswordGrant, endpoints: c.Endpoints, mayIntrospect: c.MayIntrospect,
		limits: limits, headers: c.Headers, counters: c.Counters, onVerified: c.Verified, guard: guard, cookies: cookies, counterTimeout: c.CounterTimeout,
		accountScope: c.AccountScope, realm: c.Realm, maxBody: c.MaxBody, now: c.Now,
	}
	if a.now == nil {
		a.now = time.Now
	}
	if c.Tokens == nil {
		a.verifier = c.Verifier
	}
	if a.dialect == nil {
		a.dialect = wire.OAuth2{}
	}
	if a.counterTimeout == 0 {
		a.counterTimeout = defaultCounterTimeout
	}
	if a.realm == "" {
		a.realm = "api"
	}
	a.refusals = wire.NewRefusals(a.dialect, a.realm)
	if a.maxBody == 0 {
		a.maxBody = defaultMaxBody
	}
	return a, nil
}

// WithDialect returns the same Auth with another wire format, for clients of
// another kind. Both use the same counters. Nil: [wire.OAuth2], as in the Config. In a
// wire format with which no login can succeed, because clients are required and none is
// ever named, Login and Refresh answer 500 and report a Fault that says so; New rejects
// such a Config.Dialect.
func (a *Auth) WithDialect(d wire.Dialect) *Auth {
	if d == nil {
		d = wire.OAuth2{}
	}
	other := *a
	other.dialect, other.refusals = d, wire.NewRefusals(d, a.realm)
	other.namesNoClient = a.tokens != nil && namesNoClient(a.tokens, d)
	other.limits = a.limits.WithRefuse(other.refuse)
	return &other
}

// WithoutCookies returns the same Auth without Config.Cookies: it reads and sets no
// cookies. Use it for the login and refresh routes of clients that are not browsers
// and need the tokens in the body.
func (a *Auth) WithoutCookies() *Auth {
	other := *a
	other.cookies = nil
	other.limits = a.limits.WithRefuse(other.refuse)
	return &other
}
