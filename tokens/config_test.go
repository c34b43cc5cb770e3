package tokens_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// P24.
func TestConfig(t *testing.T) {
	t.Parallel()
	good := open(t).config
	for _, test := range []struct {
		name string
		edit func(*tokens.Config)
		want []string // the lines of the error; none: it is good
	}{
		{"a good one", func(*tokens.Config) {}, nil},
		{
			"nothing",
			func(c *tokens.Config) { *c = tokens.Config{} },
			[]string{
				"tokens: Config.Store: is required",
				"tokens: Config.Issuer: is required, of 512 bytes at most",
				"tokens: Config.Audience: is required, of 512 bytes at most",
				"tokens: Config.Keys: is required: at least one, the first of which signs",
				"tokens: Config.RefreshKeys: is required: at least one secret of 32 random bytes",
			},
		},
		{
			"everything wrong at once",
			func(c *tokens.Config) {
				c.Store, c.Issuer, c.Audience = nil, strings.Repeat("i", 513), "a\xff"
				c.Prefix = "Sp_"
				c.Keys = []keys.Key{
					{ID: "k1", Algorithm: "HS256", Secret: "brief"},
					{ID: "k 2", Algorithm: "HS256", Secret: secret("k2", 32)},
					{ID: "k3", Algorithm: "none"},
				}
				c.RefreshKeys = []keys.Secret{"short", keys.Secret(strings.Repeat("x", 32))}
				c.AccessTTL, c.IdleTTL, c.SessionTTL = 1500*time.Millisecond, -time.Second, time.Millisecond
				c.RetryGrace, c.Leeway, c.Timeout = 301*time.Second, 6*time.Minute, -1
			},
			[]string{
				"tokens: Config.Store: is required",
				"tokens: Config.Issuer: is required, of 512 bytes at most",
				"tokens: Config.Audience: must be valid UTF-8 without NUL",
				`tokens: Config.Prefix: must be 2 to 16 lower-case letters and digits, got "Sp_"`,
				"tokens: Config.Keys[0].Secret: must be at least 32 random bytes for HS256, got 5",
				"tokens: Config.Keys[1].ID: must be printable ASCII without spaces",
				"tokens: Config.Keys[2]: must have a Secret, a Private or a Public key",
				"tokens: Config.RefreshKeys[0]: must be at least 32 random bytes, got 5",
				"tokens: Config.RefreshKeys[1]: must be random, got too few different bytes",
				"tokens: Config.AccessTTL: must be a multiple of 1s, got 1.5s",
				"tokens: Config.IdleTTL: must be 1s to 876000h0m0s, got -1s",
				"tokens: Config.SessionTTL: must be 1s to 876000h0m0s, got 1ms",
				"tokens: Config.RetryGrace: must be 0s to 5m0s, got 5m1s",
				"tokens: Config.Leeway: must be 0s to 5m0s, got 6m0s",
				"tokens: Config.Timeout: must be 1ns to 876000h0m0s, got -1ns",
			},
		},
		{"an issuer that is no UTF-8", func(c *tokens.Config) { c.Issuer = "https://\xff.example" }, []string{"tokens: Config.Issuer: must be valid UTF-8 without NUL"}},
		{"an issuer with a zero byte", func(c *tokens.Config) { c.Issuer = "https://\x00.example" }, []string{"tokens: Config.Issuer: must be valid UTF-8 without NUL"}},
		{"an issuer of 512 bytes", func(c *tokens.Config) { c.Issuer = strings.Repeat("i", 512) }, nil},
		{"an audience that is too long", func(c *tokens.Config) { c.Audience = strings.Repeat("a", 513) }, []string{"tokens: Config.Audience: is required, of 512 bytes at most"}},
		{"a prefix of one letter", func(c *tokens.Config) { c.Prefix = "s" }, []string{`tokens: Config.Prefix: must be 2 to 16 lower-case letters and digits, got "s"`}},
		{"a prefix of 17 letters", func(c *tokens.Config) { c.Prefix = strings.Repeat("s", 17) }, []string{`tokens: Config.Prefix: must be 2 to 16 lower-case letters and digits, got "sssssssssssssssss"`}},
		{"a prefix with a line end", func(c *tokens.Config) { c.Prefix = "sp\n" }, []string{`tokens: Config.Prefix: must be 2 to 16 lower-case letters and digits, got "sp\n"`}},
		{"a prefix of 16 letters and digits", func(c *tokens.Config) { c.Prefix = "abcdefghijklmn09" }, nil},
		{"an access token of one second", func(c *tokens.Config) { c.AccessTTL = time.Second }, nil},
		{"an access token of less than a second", func(c *tokens.Config) { c.AccessTTL = time.Millisecond }, []string{"tokens: Config.AccessTTL: must be 1s to 876000h0m0s, got 1ms"}},
		{"an access token that never expires", func(c *tokens.Config) { c.AccessTTL = math.MaxInt64 }, []string{"tokens: Config.AccessTTL: must be 1s to 876000h0m0s, got 2562047h47m16.854775807s"}},
		{"a negative access token", func(c *tokens.Config) { c.AccessTTL = math.MinInt64 }, []string{"tokens: Config.AccessTTL: must be 1s to 876000h0m0s, got -2562047h47m16.854775808s"}},
		{"a session of a fraction of a microsecond", func(c *tokens.Config) { c.SessionTTL = time.Second + 1 }, []string{"tokens: Config.SessionTTL: must be a multiple of 1µs, got 1.000000001s"}},
		{"a grace of 300 s", func(c *tokens.Config) { c.RetryGrace = 300 * time.Second }, nil},
		{"a negative grace", func(c *tokens.Config) { c.RetryGrace = -1 }, []string{"tokens: Config.RetryGrace: must be 0s to 5m0s, got -1ns"}},
		{"a grace that the store cannot keep", func(c *tokens.Config) { c.RetryGrace = 1 }, []string{"tokens: Config.RetryGrace: must be a multiple of 1µs, got 1ns"}},
		{"a negative leeway", func(c *tokens.Config) { c.Leeway = -time.Second }, []string{"tokens: Config.Leeway: must be 0s to 5m0s, got -1s"}},
		{"no API keys, claims, events or clock", func(c *tokens.Config) { c.APIKeys, c.Claims, c.Events, c.Now = nil, nil, nil, nil }, nil},
	} {
		t.Run("New answers "+test.name+" with its faults, each under its path", func(t *testing.T) {
			t.Parallel()
			c := good
			test.edit(&c)
			checkNew(t, c, test.want)
		})
	}

	t.Run("what is refused never shows a secret", func(t *testing.T) {
		t.Parallel()
		c := good
		c.Keys = []keys.Key{{Algorithm: "RS256", Secret: "hunter2-hunter2"}, {Algorithm: "HS512", Secret: "hunter2-hunter2"}}
		c.RefreshKeys = []keys.Secret{"hunter2-hunter2"}
		if _, err := tokens.New(c); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("New: %v", err)
		}
	})

	t.Run("nothing that is done to the Config afterwards changes the Authority", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		r.config.Keys[0] = keys.Key{ID: "x", Algorithm: "HS256", Secret: secret("x", 32)}
		r.config.RefreshKeys[0] = secret("y", 32)
		r.config.Issuer, r.config.Audience = "x", "y"
		r.verify(t, p.AccessToken)
		r.verify(t, r.refresh(t, p.RefreshToken).AccessToken)
	})

	t.Run("without a clock of the host's own it is the machine's", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Now = nil })
		before := time.Now().Truncate(time.Second)
		p := r.verify(t, r.login(t).AccessToken)
		if p.IssuedAt.Before(before) || p.IssuedAt.After(time.Now()) || p.IssuedAt.Location() != time.UTC {
			t.Errorf("IssuedAt = %v, want about %v", p.IssuedAt, before)
		}
	})

	t.Run("the prefix begins refresh tokens and API keys", func(t *testing.T) {
		t.Parallel()
		for prefix, want := range map[string]string{"": "sp", "acme": "acme"} {
			r := open(t, func(c *tokens.Config) { c.Prefix = prefix })
			key, _ := r.apiKey(t)
			for begin, token := range map[string]tokens.Secret{want + "_rt_": r.login(t).RefreshToken, want + "_ak_": key} {
				if !strings.HasPrefix(string(token), begin) {
					t.Errorf("the token does not begin %q", begin)
				}
			}
		}
	})
}

// checkNew wants New to refuse with these lines, in any order; with none to
// accept.
func checkNew(t *testing.T, c tokens.Config, want []string) {
	t.Helper()
	a, err := tokens.New(c)
	if len(want) == 0 {
		if err != nil || a == nil {
			t.Errorf("New = %v, %v", a, err)
		}
		return
	}
	if err == nil || a != nil {
		t.Fatalf("New = %v, %v, want an error and nothing else", a, err)
	}
	got := strings.Split(err.Error(), "\n")
	slices.Sort(got)
	want = slices.Clone(want)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("New: %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
