package middleware_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type wanted = middleware.Config
	type of = configtest.Case[wanted]
	good := open(t).config.auth
	good.Tokens = open(t).tokens
	configtest.Run(t, "middleware", func() wanted {
		c := good
		c.Tiers, c.Cookies = tiers(), &middleware.Cookies{RefreshPath: "/auth"}
		return c
	}, func(c wanted) error {
		_, err := middleware.New(c)
		return err
	}, []of{
		{Name: "nothing that verifies", Path: "Config.Tokens", Got: "is required", Edit: func(c *wanted) { c.Tokens = nil }, Alone: true},
		{Name: "two that verify", Path: "Config.Verifier", Got: "must be nil", Edit: func(c *wanted) { c.Verifier = &tokens.Verifier{} }},
		{Name: "no address", Path: "Config.ClientIP", Got: "is required", Edit: func(c *wanted) { c.ClientIP = nil }},
		{Name: "a fraction of a second", Path: `Config.Tiers["free"].Period`, Got: "must be whole seconds, got 1.5s", Edit: func(c *wanted) { c.Tiers["free"] = ratelimit.Tier{Period: 1500 * time.Millisecond} }},
		{Name: "no rule", Path: "Config.Limit.Rules", Got: "got none", Edit: func(c *wanted) { c.Limit.WithoutTier = true }},
		{Name: "a nil pointer", Path: "Config.Dialect", Got: "nil *wire.Lexik", Edit: func(c *wanted) { c.Dialect = (*wire.Lexik)(nil) }},
		{Name: "a nil pointer", Path: "Config.Counters", Got: "nil *middleware_test.tracked", Edit: func(c *wanted) { c.Counters = (*tracked)(nil) }},
		{Name: "no draft", Path: "Config.Headers.Draft", Got: "got 9", Edit: func(c *wanted) { c.Headers.Draft = 9 }},
		{Name: "no policy", Path: "Config.OnCounterFailure", Got: "got 9", Edit: func(c *wanted) { c.OnCounterFailure = 9 }},
		{Name: "no number of processes", Path: "Config.Nodes", Got: "got 0", Edit: func(c *wanted) { c.OnCounterFailure = ratelimit.FailLocal }, Alone: true},
		{Name: "less than nothing", Path: "Config.CounterTimeout", Got: "got -1ns", Edit: func(c *wanted) { c.CounterTimeout = -1 }},
		{Name: "no budget", Path: "Config.BruteForce.Pair", Got: "got -1 and 1s", Edit: func(c *wanted) { c.BruteForce.Pair = middleware.Budget{Burst: -1, Every: time.Second} }},
		{Name: "a fraction of a second", Path: "Config.BruteForce.KnownFor", Got: "got 1ms", Edit: func(c *wanted) { c.BruteForce.KnownFor = time.Millisecond }},
		{Name: "a policy of limits only", Path: "Config.BruteForce.OnCounterFailure", Got: "got 3", Edit: func(c *wanted) { c.BruteForce.OnCounterFailure = ratelimit.FailLocal }},
		{Name: "no path", Path: "Config.Cookies.RefreshPath", Got: "is required", Edit: func(c *wanted) { c.Cookies.RefreshPath = "" }},
		{Name: "a reserved name", Path: "Config.Cookies.Access", Got: `got "__a"`, Edit: func(c *wanted) { c.Cookies.Access = "__a" }},
		{Name: "no mode", Path: "Config.Cookies.SameSite", Got: "got 9", Edit: func(c *wanted) { c.Cookies.SameSite = http.SameSite(9) }},
		{Name: "no origin", Path: "Config.Cookies.TrustedOrigins[0]", Got: `got "x"`, Edit: func(c *wanted) { c.Cookies.TrustedOrigins = []string{"x"} }},
		{Name: "two scopes", Path: "Config.AccountScope", Got: `got "a b"`, Edit: func(c *wanted) { c.AccountScope = "a b" }},
		{Name: "a quote", Path: "Config.Realm", Got: `got "\""`, Edit: func(c *wanted) { c.Realm = `"` }},
		{Name: "less than nothing", Path: "Config.MaxBody", Got: "got -1", Edit: func(c *wanted) { c.MaxBody = -1 }},
		{Name: "no token endpoint", Path: "Config.Endpoints.Token", Got: "is required", Edit: func(c *wanted) { c.Endpoints.Revoke = "/revoke" }},
		{Name: "no https", Alone: true, Path: "Config.Endpoints.Token", Got: `got "http://a.example"`, Edit: func(c *wanted) { c.Endpoints.Token = "http://a.example" }},
	})
}

// What New accepted in each of these cases could never work.
func TestFaultC8WhatNewAcceptsCanWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(*config)
		want string
	}{
		"no login can name a client, and clients are required": {
			func(c *config) { registering(c); c.auth.Dialect = wire.Lexik{} },
			"middleware: Config.Dialect: must be a wire format that names clients, got wire.Lexik: Tokens has Clients and no DefaultClient, so every login without a client is refused",
		},
		"a default client stands in": {
			func(c *config) { registering(c); c.tokens.DefaultClient, c.auth.Dialect = "web", wire.Lexik{} }, "",
		},
		"a client that is not registered is accepted": {
			func(c *config) {
				registering(c)
				c.tokens.InsecureUnregisteredClients, c.auth.Dialect = true, wire.Lexik{}
			}, "",
		},
		"no key is ever published": {
			func(c *config) { c.auth.Endpoints = middleware.Endpoints{Token: "/token", JWKS: "/jwks"} },
			`middleware: Config.Endpoints.JWKS: must be empty if Tokens has HMAC keys only, which are never published, got "/jwks"`,
		},
		"no client may introspect": {
			func(c *config) {
				registering(c)
				c.auth.MayIntrospect = nil
				c.auth.Endpoints = middleware.Endpoints{Token: "/token", Introspect: "/introspect"}
			},
			`middleware: Config.Endpoints.Introspect: must be empty without MayIntrospect, got "/introspect"`,
		},
		"no client is registered that may introspect": {
			func(c *config) { c.auth.MayIntrospect = func(context.Context, store.Client) bool { return true } },
			"middleware: Config.MayIntrospect: must be nil unless Tokens has Clients: only a registered client may introspect",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t).config
			test.edit(&c)
			authority, err := tokens.New(c.tokens)
			if err != nil {
				t.Fatal(err)
			}
			c.auth.Tokens = authority
			if _, err := middleware.New(c.auth); errorText(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}

	t.Run("an Auth that only verifies issues nothing", func(t *testing.T) {
		t.Parallel()
		set, err := keys.NewSet(ecKey(t, "es"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: "https://issuer.example", Audience: "api"})
		if err != nil {
			t.Fatal(err)
		}
		c := open(t).config.auth
		c.Tokens, c.Verifier, c.PasswordGrant, c.AccountScope = nil, v, true, "account"
		c.MayIntrospect = func(context.Context, store.Client) bool { return true }
		c.Endpoints.Token = "/token"
		_, err = middleware.New(c)
		want := "middleware: Config.PasswordGrant: must be false without Tokens\n" +
			"middleware: Config.AccountScope: must be empty without Tokens, got \"account\"\n" +
			"middleware: Config.MayIntrospect: must be nil unless Tokens has Clients: only a registered client may introspect\n" +
			"middleware: Config.Endpoints: must be empty without Tokens"
		if errorText(err) != want {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
	})
}
