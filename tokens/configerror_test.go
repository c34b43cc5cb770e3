package tokens_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := open(t).config
	type of = configtest.Case[tokens.Config]
	configtest.Run(t, "tokens", func() tokens.Config { return good }, func(c tokens.Config) error {
		_, err := tokens.New(c)
		return err
	}, []of{
		{Name: "no store", Path: "Config.Store", Got: "is required", Edit: func(c *tokens.Config) { c.Store = nil }},
		{Name: "a nil pointer", Path: "Config.Store", Got: "nil *memstore.Store", Edit: func(c *tokens.Config) { c.Store = (*memstore.Store)(nil) }, Alone: true},
		{Name: "a nil pointer", Path: "Config.APIKeys", Got: "nil *memstore.Store", Edit: func(c *tokens.Config) { c.APIKeys = (*memstore.Store)(nil) }},
		{Name: "a nil pointer", Path: "Config.Clients", Got: "nil *memstore.Store", Edit: func(c *tokens.Config) { c.Clients = (*memstore.Store)(nil) }, Alone: true},
		{Name: "a nil pointer", Path: "Config.Revocations", Got: "nil *memstore.Store", Edit: func(c *tokens.Config) { c.Revocations = (*memstore.Store)(nil) }, Alone: true},
		{Name: "a default client, and no clients", Path: "Config.DefaultClient", Got: `"web"`, Edit: func(c *tokens.Config) { c.DefaultClient = "web" }},
		{Name: "nothing that is registered", Path: "Config.InsecureUnregisteredClients", Got: "requires Clients", Edit: func(c *tokens.Config) { c.InsecureUnregisteredClients = true }},
		{Name: "no deny list", Path: "Config.InsecureIgnoreDenyFailure", Got: "requires Revocations", Edit: func(c *tokens.Config) { c.InsecureIgnoreDenyFailure = true }},
		{Name: "no issuer", Path: "Config.Issuer", Got: "is required", Edit: func(c *tokens.Config) { c.Issuer = "" }},
		{Name: "an audience with a NUL", Path: "Config.Audience", Got: "UTF-8", Edit: func(c *tokens.Config) { c.Audience = "a\x00" }},
		{Name: "a short secret", Path: "Config.Keys[0].Secret", Got: "got 5", Edit: func(c *tokens.Config) {
			c.Keys = []keys.Key{{Algorithm: "HS256", Secret: "short"}, {Algorithm: "HS256", Secret: secret("b", 32)}}
		}},
		{Name: "no keys", Path: "Config.Keys", Got: "is required", Edit: func(c *tokens.Config) { c.Keys = nil }, Alone: true},
		{Name: "the zero Ring", Path: "Config.KeyRing", Got: "keys.NewRing", Edit: func(c *tokens.Config) { c.Keys, c.KeyRing = nil, &keys.Ring{} }, Alone: true},
		{Name: "a short secret", Path: "Config.RefreshKeys[1]", Got: "got 5", Edit: func(c *tokens.Config) { c.RefreshKeys = []keys.Secret{secret("r", 32), "short"} }},
		{Name: "capitals", Path: "Config.Prefix", Got: `"SP"`, Edit: func(c *tokens.Config) { c.Prefix = "SP" }},
		{Name: "a fraction of a second", Path: "Config.AccessTTL", Got: "got 1.5s", Edit: func(c *tokens.Config) { c.AccessTTL = 1500 * time.Millisecond }},
		{Name: "less than nothing", Path: "Config.IdleTTL", Got: "got -1s", Edit: func(c *tokens.Config) { c.IdleTTL = -time.Second }},
		{Name: "shorter than an access token", Path: "Config.IdleTTL", Got: "got 30m0s", Edit: func(c *tokens.Config) { c.IdleTTL = 30 * time.Minute }, Alone: true},
		{Name: "longer than a session", Path: "Config.IdleTTL", Got: "at most SessionTTL (12h0m0s), got 24h0m0s", Edit: func(c *tokens.Config) { c.IdleTTL, c.SessionTTL = 24*time.Hour, 12*time.Hour }, Alone: true},
		{Name: "longer than a session without a setting", Path: "Config.IdleTTL", Got: "got 2184h0m0s", Edit: func(c *tokens.Config) { c.IdleTTL = 91 * 24 * time.Hour }, Alone: true},
		{Name: "less than a second", Path: "Config.SessionTTL", Got: "got 1ms", Edit: func(c *tokens.Config) { c.SessionTTL = time.Millisecond }},
		{Name: "less than nothing", Path: "Config.MaxSessions", Got: "got -1", Edit: func(c *tokens.Config) { c.MaxSessions = -1 }},
		{Name: "too long", Path: "Config.RetryGrace", Got: "got 5m1s", Edit: func(c *tokens.Config) { c.RetryGrace = 301 * time.Second }},
		{Name: "too few bytes", Path: "Config.Cache.Bytes", Got: "got 1", Edit: func(c *tokens.Config) { c.Cache.Bytes = 1 }},
		{Name: "too long", Path: "Config.Leeway", Got: "got 6m0s", Edit: func(c *tokens.Config) { c.Leeway = 6 * time.Minute }},
		{Name: "less than nothing", Path: "Config.Timeout", Got: "got -1ns", Edit: func(c *tokens.Config) { c.Timeout = -1 }},
		{Name: "no API keys to end", Path: "Config.PasswordEndsAPIKeys", Got: "requires APIKeys", Edit: func(c *tokens.Config) { c.APIKeys, c.PasswordEndsAPIKeys = nil, true }, Alone: true},
	})
}

func TestEachFieldOfAVerifierConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := tokens.VerifierConfig{Keys: setOf(t, signerOf("ES256").key), Issuer: issuer, Audience: audience}
	type of = configtest.Case[tokens.VerifierConfig]
	configtest.Run(t, "tokens", func() tokens.VerifierConfig { return good }, func(c tokens.VerifierConfig) error {
		_, err := tokens.NewVerifier(c)
		return err
	}, []of{
		{Name: "no source", Path: "VerifierConfig.Keys", Got: "is required", Edit: func(c *tokens.VerifierConfig) { c.Keys = nil }},
		{Name: "a nil pointer", Path: "VerifierConfig.Keys", Got: "nil *keys.Ring", Edit: func(c *tokens.VerifierConfig) { c.Keys = (*keys.Ring)(nil) }, Alone: true},
		{Name: "no issuer", Path: "VerifierConfig.Issuer", Got: "is required", Edit: func(c *tokens.VerifierConfig) { c.Issuer = "" }},
		{Name: "an audience that is too long", Path: "VerifierConfig.Audience", Got: "512 bytes", Edit: func(c *tokens.VerifierConfig) { c.Audience = strings.Repeat("a", 513) }},
		{Name: "less than nothing", Path: "VerifierConfig.Leeway", Got: "got -1s", Edit: func(c *tokens.VerifierConfig) { c.Leeway = -time.Second }},
		{Name: "too few bytes", Path: "VerifierConfig.Cache.Bytes", Got: "got -1", Edit: func(c *tokens.VerifierConfig) { c.Cache.Bytes = -1 }},
	})
}
