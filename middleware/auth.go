// Package middleware provides Sallyport's net/http handlers and middleware. The
// handlers log in, refresh and log out. The middleware verifies bearer tokens and
// enforces the rate limits of tiers.
//
// Each operation has two methods. The method whose name begins with Check decides and
// writes nothing. The handler or middleware without that prefix calls it and writes
// the answer, in the wire format of Config.Dialect: see [wire.Dialect].
package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Config configures an Auth. The zero value of each field that is not required is the
// safe default.
type Config struct {
	// Tokens issues and verifies the tokens. It is required, unless Verifier is set.
	Tokens *tokens.Authority

	// Verifier replaces Tokens in a service that only verifies tokens of another
	// service. Bearer, OptionalBearer, Limit, Protect and RequireScope work with it. The
	// handlers that need an Authority answer 500. It must be nil if Tokens is set.
	Verifier *tokens.Verifier

	// Tiers are the rate limits by tier name. Required.
	Tiers ratelimit.Tiers

	// ClientIP returns the client address of a request. Required. Use
	// clientip.RemoteAddr if clients connect to this server directly. Behind proxies
	// use a function of package clientip that names the trusted ones.
	ClientIP func(*http.Request) (netip.Addr, error)

	// Dialect is the wire format of requests and answers. Nil: [wire.OAuth2].
	Dialect wire.Dialect

	// PasswordGrant enables grant_type=password at the Token endpoint. The default is
	// off, because RFC 9700 §2.4 forbids this grant. Login does not need it.
	PasswordGrant bool

	// Endpoints are the URLs that Metadata publishes. The zero value: Metadata answers
	// 500.
	Endpoints Endpoints

	// MayIntrospect reports whether a registered client may use the Introspect
	// endpoint, for all tokens. Allow resource servers that you run yourself. The client
	// was authenticated by its secret before the call. Nil: no client may.
	MayIntrospect func(context.Context, store.Client) bool

	// TierOf returns the current tier and seats of a principal, if they may differ
	// from those in the token, for example after an upgrade. A [wire.Error] refuses the
	// request, for example of a suspended customer. Any other error is a failure of the
	// counters. Nil: the tier and seats of the token.
	TierOf func(context.Context, tokens.Principal) (tier string, seats int, err error)

	// Override changes the tier of one principal, for a customer with individual
	// limits. It gets the tier of Tiers, and returns that or another. The result applies
	// at once, and does not change what was spent. A [wire.Error] refuses the request.
	// Any other error is a failure of the counters. Nil: no tier is changed.
	Override func(context.Context, tokens.Principal, ratelimit.Tier) (ratelimit.Tier, error)

	// Limit configures the methods Limit and Protect. The zero value charges each
	// request to the tier of its caller.
	Limit ratelimit.LimitConfig

	// Headers selects the rate limit headers of answers. The zero value sends all.
	Headers ratelimit.Headers

	// Counters count requests. Share them between processes to enforce one limit for
	// all. Nil: in the memory of this process.
	Counters ratelimit.Counters

	// OnCounterFailure decides about requests while the counters fail. The zero value
	// refuses them with 503.
	OnCounterFailure ratelimit.FailurePolicy

	// Nodes is the number of processes that serve this API, 1 or more. It is required
	// for FailLocal.
	Nodes int

	// BruteForce limits failed logins, and failed attempts with client secrets, API
	// keys and refresh tokens. The zero value is the safe default.
	BruteForce BruteForce

	// CounterTimeout is the maximum time that one decision waits for the counters, and
	// for a connection to them. It must not be negative. Zero: 2 s.
	CounterTimeout time.Duration

	// Cookies keeps the tokens of browsers in cookies that scripts cannot read. Nil:
	// no cookie is read or set.
	Cookies *Cookies

	// AccountScope is the scope that an access token must have for the routes
	// that manage its user's own account: Sessions, EndSession, EndOtherSessions,
	// APIKeys, CreateAPIKey, RevokeAPIKey and LogoutEverywhere; without it they
	// answer 403. Any token that has it is served, also one of an API key. Empty:
	// these routes serve the tokens of a login that have all the scopes of their
	// user, and refuse the others (see [tokens.Principal].Restricted).
	AccountScope string

	// Realm is the realm of WWW-Authenticate, in printable ASCII without quotes and
	// backslashes. Empty: "api".
	Realm string

	// MaxBody is the maximum size of the body of a login, refresh, logout or token
	// request, in bytes: 1 to 1,048,576. Zero: 16,384.
	MaxBody int64

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Auth provides the HTTP handlers and middleware. It is safe for concurrent use, and
// its configuration does not change after New.
type Auth struct {
	tokens         *tokens.Authority // nil where there is only a Verifier
	verifier       verifier
	clientIP       func(*http.Request) (netip.Addr, error)
	dialect        wire.Dialect
	passwordGrant  bool
	endpoints      Endpoints
	mayIntrospect  func(context.Context, store.Client) bool
	limits         *ratelimit.Limiter
	counters       ratelimit.Counters
	guard          guard
	cookies        *cookies // nil: off
	counterTimeout time.Duration
	accountScope   string
	realm          string
	maxBody        int64
	now            func() time.Time
}

// verifier is what verifies and takes events: an Authority, or a Verifier.
type verifier interface {
	Verify(ctx context.Context, token tokens.Secret) (tokens.Principal, error)
	Report(ctx context.Context, e events.Event)
}

const (
	defaultCounterTimeout = 2 * time.Second
	defaultMaxBody        = 16 << 10
	maxMaxBody            = 1 << 20
)

// New returns an Auth, or all that is wrong with the Config: *ConfigError values,
// joined. A Config that New accepts can work: fields that contradict one another, or
// that would have no effect, are errors.
func New(c Config) (*Auth, error) {
	wrong := configcheck.List{Package: "middleware"}
	complain := wrong.At("Config.")
	c.checkTokens(complain)
	c.checkDialect(complain)
	if c.Counters == nil || !configcheck.Optional("Counters", c.Counters, complain) {
		c.Counters = ratelimit.Memory()
	}
	if c.Now == nil {
		c.Now = time.Now
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
	if !isQuotable(c.Realm) {
		complain("Realm", "must be printable ASCII without quotes and backslashes, got %q", c.Realm)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	*a = Auth{
		tokens: c.Tokens, verifier: c.Tokens, clientIP: c.ClientIP, dialect: c.Dialect,
		passwordGrant: c.PasswordGrant, endpoints: c.Endpoints, mayIntrospect: c.MayIntrospect,
		limits: limits, counters: c.Counters, guard: guard, cookies: cookies, counterTimeout: c.CounterTimeout,
		accountScope: c.AccountScope, realm: c.Realm, maxBody: c.MaxBody, now: c.Now,
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
	if a.maxBody == 0 {
		a.maxBody = defaultMaxBody
	}
	return a, nil
}

// WithDialect returns the same Auth with another wire format. Both use the same
// counters. Nil means [wire.OAuth2], as in the Config.
func (a *Auth) WithDialect(d wire.Dialect) *Auth {
	if d == nil {
		d = wire.OAuth2{}
	}
	other := *a
	other.dialect = d
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

// isQuotable reports whether s can stand between quotes in a header.
func isQuotable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return true
}
