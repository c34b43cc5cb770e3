package middleware

import (
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Description is what the handlers of an Auth read, and which of them its configuration
// switches on, for documentation: see package openapi. It contains no secret.
type Description struct {
	// Dialect is the wire format.
	Dialect wire.Dialect

	// Headers selects the rate limit headers.
	Headers ratelimit.Headers

	// Issues is true if the Auth has an Authority. All fields below, but AccessCookie, are
	// zero without one.
	Issues bool

	// PasswordGrant means that Token serves grant_type=password.
	PasswordGrant bool

	// ExchangesKeys means that there are API keys.
	ExchangesKeys bool

	// RegistersClients means that clients are registered, and authenticated.
	RegistersClients bool

	// NeedsClient means that a request must name its client: clients are required, and none
	// is the default.
	NeedsClient bool

	// CompletesLogins means that there is a second factor, for CompleteLogin.
	CompletesLogins bool

	// Introspects means that registered clients may introspect tokens.
	Introspects bool

	// Publishes means that there is metadata.
	Publishes bool

	// AccessCookie and RefreshCookie are the names of the cookies with their prefixes.
	// Empty: there are none.
	AccessCookie, RefreshCookie string

	// Remember is Cookies.Remember.
	Remember string

	// LimitsAttempts means that failed attempts are limited: BruteForce is on.
	LimitsAttempts bool

	// AccessOnly means that a login in the wire format gets no refresh token.
	AccessOnly bool

	// Login, CompleteLogin, Refresh, Logout, Revoke and Introspect are what these handlers
	// read.
	Login, CompleteLogin, Refresh, Logout, Revoke, Introspect wire.Reading

	// Grants are what Token reads, by the grant types that it serves.
	Grants map[string]wire.Reading

	// Page are the parameters of Sessions and APIKeys, which are in the URL.
	Page []wire.Param

	// CreateAPIKey and ReplaceAPIKey are the members of the JSON object that these handlers
	// read.
	CreateAPIKey, ReplaceAPIKey []wire.Param
}

// Describe returns the Description of the Auth. It calls neither the store nor the
// counters. The Description may be changed.
func (a *Auth) Describe() Description {
	d := Description{Dialect: a.dialect, Headers: a.headers}
	if a.cookies != nil {
		d.AccessCookie = a.cookies.access.Name
	}
	if a.tokens == nil {
		return d
	}
	d.Issues, d.PasswordGrant, d.ExchangesKeys = true, a.passwordGrant, a.tokens.ExchangesKeys()
	d.RegistersClients = a.tokens.RegistersClients()
	d.NeedsClient = a.tokens.RequiresClients() && a.tokens.DefaultClient() == ""
	d.CompletesLogins, d.Introspects, d.Publishes = a.tokens.CompletesLogins(), a.mayIntrospect != nil, a.endpoints != Endpoints{}
	d.LimitsAttempts = !a.guard.off
	if a.cookies != nil {
		d.RefreshCookie, d.Remember = a.cookies.refresh.Name, a.cookies.remember
	}
	a.describeReading(&d)
	d.Page = append(d.Page, pageParams...)
	d.CreateAPIKey = append(d.CreateAPIKey, keyWish...)
	d.ReplaceAPIKey = append(d.ReplaceAPIKey, replacementWish...)
	return d
}

// describeReading describes what the handlers read, by letting them read.
func (a *Auth) describeReading(d *Description) {
	observe := func(read func(*wire.Params) error, values ...wire.Param) wire.Reading {
		return wire.Observe(d.RegistersClients, read, values...)
	}
	d.Login = observe(func(p *wire.Params) error {
		login, err := a.dialect.ReadLogin(p)
		d.AccessOnly = login.AccessOnly // the last is a login without a defect
		return err
	})
	d.CompleteLogin = observe(func(p *wire.Params) error { _, err := a.dialect.ReadStep(p); return err })
	d.Refresh = observe(func(p *wire.Params) error { _, err := a.dialect.ReadRefresh(p); return err })
	d.Logout = observe(func(p *wire.Params) error { _, _, err := a.dialect.ReadLogout(p); return err })
	d.Revoke = observe(func(p *wire.Params) error { _, err := readRevoke(p); return err })
	d.Introspect = observe(func(p *wire.Params) error {
		if _, err := p.Client(); err != nil {
			return err
		}
		_, err := readIntrospected(p)
		return err
	})
	audience := a.tokens.Audience()
	only := []wire.Param{{Name: "audience", Values: []string{audience}}, {Name: "resource", Values: []string{audience}}}
	d.Grants = map[string]wire.Reading{}
	for _, name := range a.grantTypes() {
		d.Grants[name] = observe(func(p *wire.Params) error { _, err := a.readGrant(p, name); return err }, only...)
	}
}
