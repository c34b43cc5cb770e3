package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a TB that records failures, and stops at a fatal one by a panic.
type recorder struct{ failures []string }

type stop struct{}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stop{})
}

// failures returns the failures of a test.
func failures(test func(tb authtest.TB)) (all []string) {
	var r recorder
	defer func() {
		if p := recover(); p != nil && p != any(stop{}) {
			panic(p)
		}
		all = r.failures
	}()
	test(&r)
	return r.failures
}

func TestATokenSaysWhatItsUserIs(t *testing.T) {
	t.Parallel()
	own := func(c *authtest.Config) {
		c.Tokens.Claims = func(context.Context, store.User) (map[string]any, error) {
			return map[string]any{"region": "us", "plan": 1}, nil
		}
	}
	tiered := func(names ...string) func(*authtest.Config) {
		return func(c *authtest.Config) {
			c.Auth.Tiers = ratelimit.Tiers{}
			for _, name := range names {
				c.Auth.Tiers[name] = ratelimit.Tier{Limit: 1, Period: time.Hour}
			}
		}
	}
	none := func(*authtest.Config) {}
	for name, test := range map[string]struct {
		edit   func(*authtest.Config)
		user   authtest.User
		want   tokens.Principal
		claims map[string]any
	}{
		"the zero User":       {none, authtest.User{}, tokens.Principal{Subject: "user", Tier: "free", Seats: 1}, nil},
		"a subject and login": {none, authtest.User{ID: "u", Login: "ada"}, tokens.Principal{Subject: "u", Tier: "free", Seats: 1}, nil},
		"an account with seats": {
			none, authtest.User{ID: "u", Account: "acme", Tier: "premium", Seats: 7},
			tokens.Principal{Subject: "u", Account: "acme", Tier: "premium", Seats: 7}, nil,
		},
		"scopes":                          {none, authtest.User{Scopes: []string{"a", "b"}}, tokens.Principal{Subject: "user", Tier: "free", Seats: 1, Scope: "a b"}, nil},
		"claims":                          {none, authtest.User{Claims: map[string]any{"region": "eu"}}, tokens.Principal{Subject: "user", Tier: "free", Seats: 1}, map[string]any{"region": "eu"}},
		"claims of the host":              {own, authtest.User{}, tokens.Principal{Subject: "user", Tier: "free", Seats: 1}, map[string]any{"region": "us", "plan": 1.0}},
		"claims of the host, and another": {own, authtest.User{Claims: map[string]any{"region": "eu"}}, tokens.Principal{Subject: "user", Tier: "free", Seats: 1}, map[string]any{"region": "eu", "plan": 1.0}},
		"the first tier of the host":      {tiered("gold", "anonymous", "basic"), authtest.User{}, tokens.Principal{Subject: "user", Tier: "basic", Seats: 1}, nil},
		"the tier free of the host":       {tiered("gold", "anonymous", "basic", "free"), authtest.User{}, tokens.Principal{Subject: "user", Tier: "free", Seats: 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := authtest.New(t, test.edit)
			p := f.Principal(t, test.user)
			got := tokens.Principal{Subject: p.Subject, Account: p.Account, Tier: p.Tier, Seats: p.Seats, Scope: p.Scope}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", test.want) {
				t.Errorf("principal = %+v, want %+v", got, test.want)
			}
			claims := map[string]any{}
			if err := p.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			for name, want := range test.claims {
				if claims[name] != want {
					t.Errorf("claim %s = %v, want %v", name, claims[name], want)
				}
			}
		})
	}
}

func TestOwnersOfAPIKeys(t *testing.T) {
	t.Parallel()
	type principal struct {
		subject, account, tier, scope string
		owner                         store.Owner
		restricted                    bool
	}
	for name, test := range map[string]struct {
		user authtest.User
		want principal
	}{
		"a user's key": {
			authtest.User{ID: "ada", APIKey: true, Scopes: []string{"a"}},
			principal{"ada", "", "free", "a", store.Owner{ID: "ada"}, true},
		},
		"a service account's key": {
			authtest.User{ID: "nightly", Kind: store.OwnerService, Account: "acme", Tier: "premium", Scopes: []string{"a", "b"}},
			principal{"service:nightly", "acme", "premium", "a b", store.Owner{Kind: store.OwnerService, ID: "nightly"}, true},
		},
		"an account's key": {
			authtest.User{ID: "acme", Kind: store.OwnerAccount},
			principal{"account:acme", "acme", "free", "", store.Owner{Kind: store.OwnerAccount, ID: "acme"}, true},
		},
		"a login": {authtest.User{ID: "ada"}, principal{"ada", "", "free", "", store.Owner{ID: "ada"}, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := authtest.New(t)
			test.user.Claims = map[string]any{"region": "eu"}
			p := f.Principal(t, test.user)
			if got := (principal{p.Subject, p.Account, p.Tier, p.Scope, p.Owner(), p.Restricted}); got != test.want {
				t.Errorf("principal = %+v, want %+v", got, test.want)
			}
			var claims struct{ Region string }
			if err := p.Claims(&claims); err != nil || claims.Region != "eu" {
				t.Errorf("region = %q, %v", claims.Region, err)
			}
			if pair := f.Login(t, test.user); pair.Exchanged != test.want.restricted || (pair.RefreshToken == "") != test.want.restricted {
				t.Errorf("the pair is %+v", pair)
			}
			if _, err := f.Tokens.Verify(t.Context(), tokens.Secret(f.Expired(t, test.user))); !errors.Is(err, tokens.ErrExpiredToken) {
				t.Errorf("an expired token: %v", err)
			}
			pair, err := f.Tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(f.APIKey(t, test.user))})
			if err != nil || pair.Principal.Subject != test.want.subject {
				t.Errorf("a key is exchanged for a token of %q, %v", pair.Principal.Subject, err)
			}
		})
	}
	t.Run("the host's own", func(t *testing.T) {
		t.Parallel()
		f := authtest.New(t, func(c *authtest.Config) {
			c.Tokens.KeyOwner = func(_ context.Context, o store.Owner) (store.User, error) {
				return store.User{ID: o.ID, Tier: "premium", Seats: 1}, nil
			}
		})
		theirs := store.Owner{Kind: store.OwnerService, ID: "theirs"}
		if _, _, err := f.Tokens.CreateAPIKey(t.Context(), theirs, tokens.KeyOptions{}); err != nil {
			t.Errorf("of the host: %v", err)
		}
		if p := f.Principal(t, authtest.User{ID: "theirs", Kind: store.OwnerService}); p.Tier != "free" {
			t.Errorf("of the test: tier = %q", p.Tier)
		}
	})
	t.Run("without API keys", func(t *testing.T) {
		t.Parallel()
		f := authtest.New(t, func(c *authtest.Config) { c.Tokens.APIKeys = nil })
		got := failures(func(tb authtest.TB) { f.APIKey(tb, authtest.User{Kind: store.OwnerService}) })
		got = append(got, failures(func(tb authtest.TB) { f.Token(tb, authtest.User{APIKey: true}) })...)
		if len(got) != 2 || !strings.Contains(got[0], "Config.APIKeys is not set") || !strings.Contains(got[1], "Config.APIKeys is not set") {
			t.Errorf("failures = %q", got)
		}
	})
	t.Run("an owner that does not exist", func(t *testing.T) {
		t.Parallel()
		f := authtest.New(t)
		if _, _, err := f.Tokens.CreateAPIKey(t.Context(), store.Owner{Kind: store.OwnerService, ID: "none"}, tokens.KeyOptions{}); !errors.Is(err, tokens.ErrMalformed) {
			t.Errorf("%v", err)
		}
	})
}

func TestAUserCanBeChanged(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	pair := f.Login(t, authtest.User{ID: "u", Tier: "free"})
	f.Add(t, authtest.User{ID: "u", Tier: "premium", Claims: map[string]any{"region": "eu"}})
	renewed, err := f.Tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: pair.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Region string }
	if err := renewed.Principal.Claims(&claims); err != nil || renewed.Principal.Tier != "premium" || claims.Region != "eu" {
		t.Errorf("after an upgrade: %+v, %v", renewed.Principal, err)
	}
}

// The user logs in as clients do.
func TestAUserLogsInThroughTheHost(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	app := routes(f.Auth)
	f.Add(t, authtest.User{ID: "u", Login: "ada"})
	login := func(password string) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader(url.Values{"username": {"ada"}, "password": {password}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w.Result()
	}
	if response := login(authtest.Password); response.StatusCode != http.StatusOK {
		t.Errorf("status = %s", response.Status)
	}
	authtest.WantRefusal(t, login("wrong"), authtest.Refusal{Status: http.StatusBadRequest, Code: "invalid_grant"})
	for range 100 {
		_ = login("wrong")
	}
	authtest.WantRefusal(t, login(authtest.Password), authtest.Refusal{Status: http.StatusTooManyRequests})
	f.ResetLimits(t)
	if response := login(authtest.Password); response.StatusCode != http.StatusOK {
		t.Errorf("after ResetLimits: status = %s", response.Status)
	}
}

// Everything counts by one clock, which nothing else advances.
func TestOneClock(t *testing.T) {
	t.Parallel()
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: 2 * time.Hour}}
		c.Tokens.Leeway = time.Minute
	})
	began := f.Now()
	if began.Nanosecond() != 0 || f.Now() != began {
		t.Errorf("the clock shows %v, and then %v", began, f.Now())
	}
	app, u := routes(f.Auth), authtest.User{ID: "u"}
	pair := f.Login(t, u)
	with := func(token tokens.Secret) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/reports", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+string(token))
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w.Result()
	}
	for _, step := range []struct {
		advance time.Duration
		status  int
		why     string
	}{
		{0, http.StatusOK, "the limit is 1"},
		{time.Hour + 59*time.Second, http.StatusTooManyRequests, "the token is valid and the window is the same"},
		{time.Second, http.StatusUnauthorized, "the token has expired"},
		{-time.Hour, http.StatusTooManyRequests, "the clock was set back"},
	} {
		f.Advance(step.advance)
		if response := with(pair.AccessToken); response.StatusCode != step.status {
			t.Errorf("at %v: %s, want %d: %s", f.Now().Sub(began), response.Status, step.status, step.why)
		}
	}
	f.Advance(2 * time.Hour)
	if response := get(t, f, app, "/reports", u); response.StatusCode != http.StatusOK {
		t.Errorf("in the next window: %s", response.Status)
	}
	f.Advance(40 * 24 * time.Hour) // longer than a session without a refresh
	if _, err := f.Tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: pair.RefreshToken}); err == nil {
		t.Error("a session that has expired was refreshed")
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*authtest.Config){
		"with the defaults":      func(*authtest.Config) {},
		"with a leeway":          func(c *authtest.Config) { c.Tokens.Leeway = 5 * time.Minute },
		"with a short lifetime":  func(c *authtest.Config) { c.Tokens.AccessTTL = time.Second },
		"with a clock that runs": func(c *authtest.Config) { c.Now = time.Now },
		"with a deny list":       func(c *authtest.Config) { c.Tokens.Revocations = c.Store },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := authtest.New(t, edit)
			before := f.Now()
			_, err := f.Tokens.Verify(t.Context(), tokens.Secret(f.Expired(t, authtest.User{Scopes: []string{"a"}})))
			if err == nil || !strings.Contains(err.Error(), "expired") {
				t.Errorf("Verify: %v, want that it has expired", err)
			}
			if f.Now().Sub(before) > time.Minute {
				t.Errorf("the clock went from %v to %v", before, f.Now())
			}
			if _, err := f.Tokens.Verify(t.Context(), tokens.Secret(f.Token(t, authtest.User{}))); err != nil {
				t.Errorf("a token of the same user: %v", err)
			}
		})
	}
}

func TestResetLimits(t *testing.T) {
	t.Parallel()
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}, "anonymous": {Limit: 1, Period: time.Hour}}
	})
	app := routes(f.Auth)
	try := func() (statuses []int) {
		for _, id := range []string{"u", "v"} {
			statuses = append(statuses, get(t, f, app, "/reports", authtest.User{ID: id}).StatusCode)
		}
		w := httptest.NewRecorder()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/prices", http.NoBody) // it has no address
		if err != nil {
			t.Fatal(err)
		}
		app.ServeHTTP(w, r)
		return append(statuses, w.Code)
	}
	for round := range 3 {
		if got := try(); !slices.Equal(got, []int{200, 200, 200}) {
			t.Errorf("round %d: %v", round, got)
		}
		if got := try(); !slices.Equal(got, []int{429, 429, 429}) {
			t.Errorf("round %d, again: %v", round, got)
		}
		f.ResetLimits(t)
	}

	others := authtest.New(t, func(c *authtest.Config) { c.Auth.Counters = ratelimit.Memory() })
	if got := failures(func(tb authtest.TB) { others.ResetLimits(tb) }); len(got) != 1 || !strings.Contains(got[0], "Config.Auth.Counters") {
		t.Errorf("with other counters: %q", got)
	}
}

// The same refusals in each wire format.
func TestRefusalsInEachWireFormat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		dialect                                   wire.Dialect
		noToken, expired, scope, limited, refresh string
		refreshStatus                             int
	}{
		"OAuth2":  {wire.OAuth2{}, "", "invalid_token", "insufficient_scope", "quota-exceeded", "invalid_grant", http.StatusBadRequest},
		"FastAPI": {wire.FastAPI{}, "Unauthorized", "Unauthorized", "Forbidden", "Too Many Requests", "Unauthorized", http.StatusUnauthorized},
		"Lexik":   {wire.Lexik{RefreshTokens: true}, "JWT Token not found", "Expired JWT Token", "Forbidden", "Too many requests, please try again later.", "JWT Refresh Token Not Found", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := authtest.New(t, func(c *authtest.Config) {
				c.Auth.Dialect = test.dialect
				c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 0, Period: time.Hour}, "premium": {Limit: 9, Period: time.Hour}}
			})
			app := routes(f.Auth)
			send := func(method, path, token string) *http.Response {
				r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				w := httptest.NewRecorder()
				app.ServeHTTP(w, r)
				return w.Result()
			}
			want := func(response *http.Response, status int, code, challenge string) authtest.Refusal {
				t.Helper()
				authtest.WantRefusal(t, response, authtest.Refusal{Status: status, Code: code})
				got, err := authtest.ReadRefusal(response)
				if err != nil || got.Code != code || !strings.HasPrefix(got.Challenge, challenge) || challenge == "" && got.Challenge != "" {
					t.Errorf("refusal = %+v, %v; want the challenge %s", got, err, challenge)
				}
				return got
			}
			const bearer = `Bearer realm="api"`
			premium := authtest.User{ID: "p", Tier: "premium"}
			want(send(http.MethodGet, "/reports", ""), http.StatusUnauthorized, test.noToken, bearer)
			want(send(http.MethodGet, "/reports", f.Expired(t, premium)), http.StatusUnauthorized, test.expired, bearer)
			challenge := ""
			if name == "OAuth2" {
				challenge = bearer + `, error="insufficient_scope"`
			}
			got := want(send(http.MethodPost, "/reports", f.Token(t, premium)), http.StatusForbidden, test.scope, challenge)
			if got.Quota == nil || *got.Quota != (authtest.Quota{Policy: "premium", Limit: 9, Remaining: 8}) {
				t.Errorf("quota = %+v", got.Quota)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/refresh", strings.NewReader("refresh_token=x"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if name == "FastAPI" {
				r.Header.Set("Refresh-Token", "x")
			}
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			authtest.WantRefusal(t, w.Result(), authtest.Refusal{Status: test.refreshStatus, Code: test.refresh})
			got = want(send(http.MethodGet, "/reports", f.Token(t, authtest.User{})), http.StatusTooManyRequests, test.limited, "")
			if got.Quota == nil || got.Quota.Policy != "free" || got.Quota.RetryAfter != 0 {
				t.Errorf("quota = %+v", got.Quota)
			}
		})
	}
}

func TestQuotaInEachFormat(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		headers ratelimit.Headers
		want    *authtest.Quota
	}{
		"Draft11":            {ratelimit.Headers{}, &authtest.Quota{Policy: "a, b;r=7", Limit: 3, Remaining: 2}},
		"DraftNext":          {ratelimit.Headers{Draft: ratelimit.DraftNext, NoXRateLimit: true}, &authtest.Quota{Policy: "a, b;r=7", Limit: 3, Remaining: 2}},
		"Draft06":            {ratelimit.Headers{Draft: ratelimit.Draft06, NoXRateLimit: true}, &authtest.Quota{Limit: 3, Remaining: 2}},
		"X-RateLimit alone":  {ratelimit.Headers{Draft: ratelimit.NoDraft}, &authtest.Quota{Limit: 3, Remaining: 2}},
		"no headers at all ": {ratelimit.Headers{Draft: ratelimit.NoDraft, NoXRateLimit: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := authtest.New(t, func(c *authtest.Config) {
				c.Auth.Headers = test.headers
				c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 9, Period: time.Hour}}
				// a name that looks like two items with parameters
				c.Auth.Limit.Rules = []ratelimit.Rule{{Name: "a, b;r=7", Limit: 3, Period: time.Hour}}
			})
			q, ok := authtest.ReadQuota(get(t, f, routes(f.Auth), "/reports", authtest.User{}))
			if ok != (test.want != nil) || ok && q != *test.want {
				t.Errorf("quota = %+v, %t, want %+v", q, ok, test.want)
			}
		})
	}
}

// What is not as it is wanted fails the test, once for each difference.
func TestWantRefusalFails(t *testing.T) {
	t.Parallel()
	limited := func() *http.Response {
		return &http.Response{
			StatusCode: http.StatusTooManyRequests,
			Header: http.Header{
				"Content-Type": {"application/problem+json"}, "Retry-After": {"7"},
				"Ratelimit-Policy": {`"free";q=3;w=60`}, "Ratelimit": {`"free";r=0;t=7`},
			},
			Body: io.NopCloser(strings.NewReader(`{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded"}`)),
		}
	}
	bare := func(status int) func() *http.Response {
		return func() *http.Response { return &http.Response{StatusCode: status, Header: http.Header{}} }
	}
	right := authtest.Quota{Policy: "free", Limit: 3, RetryAfter: 7 * time.Second}
	for name, test := range map[string]struct {
		response func() *http.Response
		want     authtest.Refusal
		parts    []string // of the failures
	}{
		"all is right":      {limited, authtest.Refusal{Status: 429, Code: "quota-exceeded", Quota: &right}, nil},
		"only the status":   {limited, authtest.Refusal{Status: 429}, nil},
		"another status":    {limited, authtest.Refusal{Status: 403}, []string{"status = 429, want 403"}},
		"no status":         {limited, authtest.Refusal{Code: "quota-exceeded"}, []string{"status = 429, want 0"}},
		"another code":      {limited, authtest.Refusal{Status: 429, Code: "x"}, []string{"code = quota-exceeded, want x"}},
		"another challenge": {limited, authtest.Refusal{Status: 429, Challenge: "Bearer"}, []string{"challenge = , want Bearer"}},
		"two differences":   {limited, authtest.Refusal{Status: 403, Code: "x"}, []string{"status", "code"}},
		"another quota":     {limited, authtest.Refusal{Status: 429, Quota: &authtest.Quota{Policy: "free", Limit: 3}}, []string{"quota = {Policy:free Limit:3 Remaining:0 RetryAfter:7s}"}},
		"no quota":          {bare(http.StatusForbidden), authtest.Refusal{Status: 403, Quota: &right}, []string{"no quota"}},
		"no refusal":        {bare(http.StatusOK), authtest.Refusal{Status: 200}, []string{"was not refused"}},
		"a 401 without one": {bare(http.StatusUnauthorized), authtest.Refusal{Status: 401, Challenge: `Bearer realm="api"`}, []string{"challenge = , want Bearer"}},
		"a body that breaks": {func() *http.Response {
			return &http.Response{StatusCode: http.StatusForbidden, Body: io.NopCloser(brokenBody{})}
		}, authtest.Refusal{Status: 403}, []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failures(func(tb authtest.TB) { authtest.WantRefusal(tb, test.response(), test.want) })
			if len(got) != len(test.parts) {
				t.Fatalf("failures = %q, want %q", got, test.parts)
			}
			for i, part := range test.parts {
				if !strings.Contains(got[i], part) {
					t.Errorf("failure %q, want %q", got[i], part)
				}
			}
		})
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A mistake in a test is told at once.
func TestWhatAFixtureRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit func(*authtest.Config)
		part string
	}{
		"a wrong tier":      {func(c *authtest.Config) { c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: -1}} }, `Config.Tiers["free"]`},
		"a wrong issuer":    {func(c *authtest.Config) { c.Tokens.Issuer = "" }, "Config.Issuer"},
		"another store":     {func(c *authtest.Config) { c.Tokens.Store = new(memstore.Store) }, "the store must not be changed"},
		"no store":          {func(c *authtest.Config) { c.Store = nil }, "the store must not be changed"},
		"another clock":     {func(c *authtest.Config) { c.Auth.Now = time.Now }, "set Config.Now"},
		"another Authority": {func(c *authtest.Config) { c.Auth.Tokens = new(tokens.Authority) }, "the Fixture makes the tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := failures(func(tb authtest.TB) { authtest.New(tb, test.edit) }); len(got) != 1 || !strings.Contains(got[0], test.part) {
				t.Errorf("failures = %q, want one with %q", got, test.part)
			}
		})
	}
	t.Run("a claim that is registered", func(t *testing.T) {
		t.Parallel()
		f := authtest.New(t)
		if got := failures(func(tb authtest.TB) { f.Token(tb, authtest.User{Claims: map[string]any{"sub": "x"}}) }); len(got) != 1 || !strings.Contains(got[0], "sub") {
			t.Errorf("failures = %q", got)
		}
	})
}

// hostCase is a request to the host's handlers, and the status of the answer.
type hostCase struct {
	method, path string
	user         *authtest.User
	status       int
}

// cases are a hundred cases.
func cases() (all []hostCase) {
	for i := range 20 {
		id := fmt.Sprint("user", i)
		all = append(
			all,
			hostCase{http.MethodGet, "/reports", &authtest.User{ID: id, Tier: "premium", Claims: map[string]any{"region": id}}, http.StatusOK},
			hostCase{http.MethodPost, "/reports", &authtest.User{ID: id, Scopes: []string{"reports:write"}}, http.StatusOK},
			hostCase{http.MethodPost, "/reports", &authtest.User{ID: id}, http.StatusForbidden},
			hostCase{http.MethodGet, "/reports", nil, http.StatusUnauthorized},
			hostCase{http.MethodGet, "/prices", nil, http.StatusOK},
		)
	}
	return all
}

// hundred runs the cases, each with a Fixture of its own, as tests have that share nothing.
func hundred(tb testing.TB) {
	tb.Helper()
	all := cases()
	if len(all) != 100 {
		tb.Fatalf("%d cases, want 100", len(all))
	}
	for _, c := range all {
		f := authtest.New(tb)
		r := httptest.NewRequestWithContext(tb.Context(), c.method, c.path, http.NoBody)
		if c.user != nil {
			f.As(tb, r, *c.user)
		}
		w := httptest.NewRecorder()
		routes(f.Auth).ServeHTTP(w, r)
		if w.Code != c.status {
			tb.Errorf("%s %s as %+v: %d, want %d", c.method, c.path, c.user, w.Code, c.status)
		}
	}
}

// The clock of a bubble advances when all its goroutines wait: it stands still, so none
// has slept or waited for a timer. No socket is open, during the cases or after them.
func TestAHundredCasesTakeNoNetworkAndNoSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hundred(t)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the cases have waited for %v", waited)
		}
	})
	if open := sockets(t); len(open) > 0 {
		t.Errorf("open: %q", open)
	}
}

// sockets are the sockets of this process, on Linux.
func sockets(t *testing.T) (open []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "socket:") {
			open = append(open, target)
		}
	}
	return open
}

func BenchmarkAHundredCases(b *testing.B) {
	for b.Loop() {
		hundred(b)
	}
}

// A Fixture serves parallel tests, each of which changes users of its own, or one that
// they share.
func TestParallelUse(t *testing.T) {
	t.Parallel()
	f := authtest.New(t)
	for i := range 16 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			tier := []string{"free", "premium"}[i%2]
			if p := f.Principal(t, authtest.User{ID: "shared", Tier: tier, Claims: map[string]any{"n": i}}); p.Tier != tier {
				t.Errorf("tier = %s, want %s", p.Tier, tier)
			}
			f.Advance(time.Millisecond)
			f.ResetLimits(t)
		})
	}
}

// The middleware of the Fixture is the host's: what it is configured with is used.
func TestTheConfigIsTheHosts(t *testing.T) {
	t.Parallel()
	called := map[string]bool{}
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Realm = "shop"
		c.Auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) {
			called["TierOf"] = true
			return "premium", 1, nil
		}
		c.Auth.BruteForce = middleware.BruteForce{}
	}, func(c *authtest.Config) { c.Auth.Realm += "s" })
	app := routes(f.Auth)
	w := httptest.NewRecorder()
	app.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/reports", http.NoBody))
	authtest.WantRefusal(t, w.Result(), authtest.Refusal{Status: http.StatusUnauthorized, Challenge: `Bearer realm="shops"`})
	if q, ok := authtest.ReadQuota(get(t, f, app, "/reports", authtest.User{})); !ok || q.Policy != "premium" {
		t.Errorf("quota = %+v", q)
	}
	if want := []string{"TierOf"}; !slices.Equal(slices.Sorted(maps.Keys(called)), want) {
		t.Errorf("called: %v", called)
	}
}
