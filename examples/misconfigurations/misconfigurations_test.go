// Package misconfigurations_test shows what a host is told that has configured
// something wrong: at start by New, and at run time by an event.
package misconfigurations_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/eventtest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const password = "correct horse & battery"

var alice = store.User{ID: "u-alice", Login: "alice", Account: "acme", Tier: "free", Seats: 1, Scopes: []string{"read"}}

// clients has the one client "web".
type clients struct{}

func (clients) Client(_ context.Context, id string) (store.Client, error) {
	if id != "web" {
		return store.Client{}, store.ErrNotFound
	}
	return store.Client{ID: id, Grants: []string{tokens.GrantPassword, tokens.GrantRefresh}}, nil
}

// host is a configuration that works, for a case to spoil.
type host struct {
	store   *memstore.Store
	journal *eventtest.Journal
	tokens  tokens.Config
	auth    middleware.Config
}

func working(t *testing.T) *host {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddUser(t.Context(), alice, password); err != nil {
		t.Fatal(err)
	}
	h := &host{store: s, journal: &eventtest.Journal{}}
	h.tokens = tokens.Config{
		Store: s, Issuer: "https://issuer.example", Audience: "https://api.example",
		Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: keys.Secret(rand.Text() + rand.Text())}},
		RefreshKeys: []keys.Secret{keys.Secret(rand.Text() + rand.Text())},
		Events:      h.journal.Note,
	}
	h.auth = middleware.Config{
		Tiers:    ratelimit.Tiers{"anonymous": {Limit: 5, Period: time.Hour}, "free": {Limit: 5, Period: time.Hour}},
		ClientIP: clientip.RemoteAddr,
	}
	return h
}

// open makes the Auth, or returns what New says.
func (h *host) open() (*tokens.Authority, *middleware.Auth, error) {
	authority, err := tokens.New(h.tokens)
	if err != nil {
		return nil, nil, err
	}
	h.auth.Tokens = authority
	auth, err := middleware.New(h.auth)
	return authority, auth, err
}

// atStart has what New says of each misconfiguration.
var atStart = []struct {
	name  string
	spoil func(*host)
	want  string
}{
	{"no store", func(h *host) { h.tokens.Store = nil }, "tokens: Config.Store: is required"},
	{"no issuer", func(h *host) { h.tokens.Issuer = "" }, "tokens: Config.Issuer: is required, of 512 bytes at most"},
	{"no audience", func(h *host) { h.tokens.Audience = "" }, "tokens: Config.Audience: is required, of 512 bytes at most"},
	{"no keys", func(h *host) { h.tokens.Keys = nil }, "tokens: Config.Keys: is required: at least one, the first of which signs"},
	{"a key that is too short", func(h *host) { h.tokens.Keys[0].Secret = keys.Secret("short") }, "tokens: Config.Keys[0].Secret: must be at least 32 random bytes for HS256, got 5"},
	{"a key without an algorithm", func(h *host) { h.tokens.Keys[0].Algorithm = "" }, `tokens: Config.Keys[0].Secret: must be empty unless Algorithm is HS256, HS384 or HS512, got Algorithm ""`},
	{"an algorithm that there is not", func(h *host) { h.tokens.Keys[0].Algorithm = "none" }, `tokens: Config.Keys[0].Secret: must be empty unless Algorithm is HS256, HS384 or HS512, got Algorithm "none"`},
	{"two keys of one ID", func(h *host) { h.tokens.Keys = append(h.tokens.Keys, h.tokens.Keys[0]) }, "tokens: Config.Keys[1].ID: must differ from the ID of every other key, got \"hs\" twice\ntokens: Config.Keys[1]: must not be the same key as the one with the ID \"hs\""},
	{"no refresh keys", func(h *host) { h.tokens.RefreshKeys = nil }, "tokens: Config.RefreshKeys: is required: at least one secret of 32 random bytes"},
	{"a refresh key that is too short", func(h *host) { h.tokens.RefreshKeys[0] = keys.Secret("short") }, "tokens: Config.RefreshKeys[0]: must be at least 32 random bytes, got 5"},
	{"a refresh key that signs access tokens too", func(h *host) { h.tokens.RefreshKeys[0] = h.tokens.Keys[0].Secret }, "tokens: Config.RefreshKeys[0]: must differ from the Secret of Keys[0]: each secret has one use"},
	{"a negative lifetime", func(h *host) { h.tokens.AccessTTL = -time.Second }, "tokens: Config.AccessTTL: must be 1s to 876000h0m0s, got -1s"},
	{"a lifetime in fractions of a second", func(h *host) { h.tokens.AccessTTL = 1500 * time.Millisecond }, "tokens: Config.AccessTTL: must be a multiple of 1s, got 1.5s"},
	{"too much leeway", func(h *host) { h.tokens.Leeway = time.Hour }, "tokens: Config.Leeway: must be 0s to 5m0s, got 1h0m0s"},
	{"a grace that is too long", func(h *host) { h.tokens.RetryGrace = time.Hour }, "tokens: Config.RetryGrace: must be 0s to 5m0s, got 1h0m0s"},
	{"a shorter refresh key among good ones", func(h *host) { h.tokens.RefreshKeys = append(h.tokens.RefreshKeys, "short") }, "tokens: Config.RefreshKeys[1]: must be at least 32 random bytes, got 5"},
	{"a negative number of sessions", func(h *host) { h.tokens.MaxSessions = -1 }, "tokens: Config.MaxSessions: must be at least 1, or 0 for no limit, got -1"},
	{"a default client without clients", func(h *host) { h.tokens.DefaultClient = "web" }, `tokens: Config.DefaultClient: requires Clients, in which "web" is registered`},
	{"no tiers", func(h *host) { h.auth.Tiers = nil }, "middleware: Config.Tiers: is required: at least one"},
	{"a tier without a period", func(h *host) { h.auth.Tiers["free"] = ratelimit.Tier{Limit: 5} }, `middleware: Config.Tiers["free"].Period: is required, in whole seconds`},
	{"a tier in fractions of a second", func(h *host) { h.auth.Tiers["free"] = ratelimit.Tier{Limit: 5, Period: 1500 * time.Millisecond} }, `middleware: Config.Tiers["free"].Period: must be whole seconds, got 1.5s`},
	{"a negative limit", func(h *host) { h.auth.Tiers["free"] = ratelimit.Tier{Limit: -5, Period: time.Hour} }, `middleware: Config.Tiers["free"].Limit: must be 0 or more, got -5`},
	{"a maximum below the limit", func(h *host) {
		h.auth.Tiers["free"] = ratelimit.Tier{Limit: 5, Period: time.Hour, PerSeat: true, Max: 3}
	}, `middleware: Config.Tiers["free"].Max: must be Limit (5) or more, got 3`},
	{"a fallback tier that there is not", func(h *host) { h.auth.FallbackTier = "fre" }, `middleware: Config.FallbackTier: must be the name of a tier in Tiers other than "anonymous", got "fre"`},
	{"a fallback tier for anonymous callers", func(h *host) { h.auth.FallbackTier = "anonymous" }, `middleware: Config.FallbackTier: must be the name of a tier in Tiers other than "anonymous", got "anonymous"`},
	{"no ClientIP", func(h *host) { h.auth.ClientIP = nil }, "middleware: Config.ClientIP: is required: it states whom you trust, for instance clientip.RemoteAddr"},
	{"a rule without a name", func(h *host) { h.auth.Limit.Rules = []ratelimit.Rule{{Limit: 1, Period: time.Hour}} }, `middleware: Config.Limit.Rules[0].Name: must have a name of 1 to 64 printable ASCII characters without quotes and backslashes, got ""`},
	{"two rules of one name", func(h *host) {
		h.auth.Limit.Rules = []ratelimit.Rule{{Name: "a", Limit: 1, Period: time.Hour}, {Name: "a", Limit: 2, Period: time.Hour}}
	}, `middleware: Config.Limit.Rules[1].Name: must be unique, got "a" twice`},
	{"only rules, and none", func(h *host) { h.auth.Limit.WithoutTier = true }, "middleware: Config.Limit.Rules: must have at least one rule with WithoutTier, got none"},
	{"a share of more than all", func(h *host) { h.auth.Limit.NearLimit = 101 }, "middleware: Config.Limit.NearLimit: must be 1 to 100 per cent, got 101"},
	{"a local share of an unknown number of nodes", func(h *host) { h.auth.OnCounterFailure = ratelimit.FailLocal }, "middleware: Config.Nodes: must be the number of processes, 1 or more, got 0"},
	{"a negative time for the counters", func(h *host) { h.auth.CounterTimeout = -time.Second }, "middleware: Config.CounterTimeout: must be a positive time, got -1s"},
	{"a realm with quotes", func(h *host) { h.auth.Realm = `"api"` }, `middleware: Config.Realm: must be printable ASCII without quotes and backslashes, got "\"api\""`},
	{"a body of a gigabyte", func(h *host) { h.auth.MaxBody = 1 << 30 }, "middleware: Config.MaxBody: must be 1 to 1048576, got 1073741824"},
	{"two account scopes", func(h *host) { h.auth.AccountScope = "a b" }, `middleware: Config.AccountScope: must be one scope-token of RFC 6749 section 3.3, or empty, got "a b"`},
	{"endpoints without a token endpoint", func(h *host) { h.auth.Endpoints.Revoke = "/revoke" }, "middleware: Config.Endpoints.Token: is required if any other endpoint is set"},
	{"published keys that are none", func(h *host) { h.auth.Endpoints = middleware.Endpoints{Token: "/token", JWKS: "/jwks"} }, `middleware: Config.Endpoints.JWKS: must be empty if Tokens has HMAC keys only, which are never published, got "/jwks"`},
	{"cookies without a path", func(h *host) { h.auth.Cookies = &middleware.Cookies{} }, "middleware: Config.Cookies.RefreshPath: is required: the path below which Refresh and Logout are mounted"},
	{"introspection without clients", func(h *host) {
		h.auth.MayIntrospect = func(context.Context, store.Client) bool { return true }
	}, "middleware: Config.MayIntrospect: must be nil unless Tokens has Clients: only a registered client may introspect"},
	{"a wire format that names no client where one is required", func(h *host) {
		h.tokens.Clients, h.auth.Dialect = clients{}, wire.Lexik{}
	}, "middleware: Config.Dialect: must be a wire format that names clients, got wire.Lexik: Tokens has Clients and no DefaultClient, so every login without a client is refused"},
}

func TestMisconfigurationsAtStartAreToldByNew(t *testing.T) {
	t.Parallel()
	for _, c := range atStart {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := working(t)
			c.spoil(h)
			_, _, err := h.open()
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("New says\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// atRunTime has requests of hosts that New could not know to be wrong, and the cause in
// the one event that tells.
var atRunTime = []struct {
	name    string
	spoil   func(*host)
	request func(t *testing.T, authority *tokens.Authority, auth *middleware.Auth, access string) int
	status  int
	kind    events.Kind
	want    string // is in the cause
}{
	{"a tier that there is not", func(h *host) { h.auth.Tiers = ratelimit.Tiers{"fre": {Limit: 5, Period: time.Hour}} }, protected, 500, events.Fault, `the user "u-alice" has the tier "free", which Config.Tiers does not have`},
	{"a tier that there is not, with a fallback", func(h *host) {
		h.auth.Tiers, h.auth.FallbackTier = ratelimit.Tiers{"fre": {Limit: 5, Period: time.Hour}}, "fre"
	}, protected, 200, events.UnknownTier, `the user "u-alice" has the tier "free"`},
	{"a cost that is no cost", func(h *host) { h.auth.Limit.Cost = func(*http.Request) int64 { return -1 } }, protected, 500, events.Fault, "Cost returned -1"},
	{"a cost that no limit allows", func(h *host) { h.auth.Limit.Cost = func(*http.Request) int64 { return 6 } }, protected, 429, events.CostAboveLimit, `costs 6 under the policy "free", which never allows more than 5`},
	{"a key of the host's that is empty", func(h *host) {
		h.auth.Limit.Rules = []ratelimit.Rule{{Name: "device", Limit: 1, Period: time.Hour, By: ratelimit.ByKey(func(*http.Request) (string, error) { return "", nil })}}
	}, protected, 500, events.Fault, "the function of ByKey returned an empty key"},
	{"an Override that is no tier", func(h *host) {
		h.auth.Override = func(context.Context, tokens.Principal, ratelimit.Tier) (ratelimit.Tier, error) {
			return ratelimit.Tier{Limit: 5}, nil
		}
	}, protected, 500, events.Fault, "Config.Override's Tier.Period: is required, in whole seconds"},
	{"API keys without a store for them", nil, served(http.MethodGet, "", func(a *middleware.Auth) http.HandlerFunc { return a.APIKeys }), 500, events.Fault, "tokens.Config.APIKeys is nil"},
	{"metadata without endpoints", nil, served(http.MethodGet, "", func(a *middleware.Auth) http.HandlerFunc { return a.Metadata }), 500, events.Fault, "Config.Endpoints is empty"},
	{"introspection that no client may use", nil, served(http.MethodPost, "token=x", func(a *middleware.Auth) http.HandlerFunc { return a.Introspect }), 500, events.Fault, "Config.MayIntrospect is nil"},
	{"a JWK Set of HMAC keys", nil, served(http.MethodGet, "", func(a *middleware.Auth) http.HandlerFunc { return a.JWKS }), 200, events.Fault, "tokens.Config.Keys has HMAC keys only"},
	{"a scope behind no Bearer", nil, served(http.MethodGet, "", func(a *middleware.Auth) http.HandlerFunc {
		return a.RequireScope("read")(http.NotFoundHandler()).ServeHTTP
	}), 500, events.Fault, "RequireScope found an access token and no principal: mount Bearer or Protect in front of it"},
	{"a recent login of no age", nil, served(http.MethodGet, "", func(a *middleware.Auth) http.HandlerFunc {
		return a.Bearer(a.RequireRecentLogin(0)(http.NotFoundHandler())).ServeHTTP
	}), 500, events.Fault, "RequireRecentLogin"},
	{"a wire format of WithDialect that names no client", func(h *host) { h.tokens.Clients, h.tokens.DefaultClient = clients{}, "" },
		served(http.MethodPost, "_username=alice&_password=x", func(a *middleware.Auth) http.HandlerFunc { return a.WithDialect(wire.Lexik{}).Login }), 500, events.Fault, "tokens.Config.Clients is set and DefaultClient is empty"},
	{"an address that is none", func(h *host) {
		h.auth.ClientIP = func(*http.Request) (netip.Addr, error) { return netip.ParseAddr("unknown") }
	}, served(http.MethodPost, "username=alice&password=x", func(a *middleware.Auth) http.HandlerFunc { return a.Login }), 400, events.Fault, `unable to parse IP`},
	{"claims that a host may not set", func(h *host) {
		h.tokens.Claims = func(context.Context, store.User) (map[string]any, error) { return map[string]any{"exp": 1}, nil }
	}, served(http.MethodPost, "username=alice&password="+url.QueryEscape(password), func(a *middleware.Auth) http.HandlerFunc { return a.Login }), 500, events.Fault, `"exp" is not the host's to set`},
	{"an anonymous caller where there is no tier for one", func(h *host) { delete(h.auth.Tiers, "anonymous") }, func(t *testing.T, _ *tokens.Authority, auth *middleware.Auth, _ string) int {
		t.Helper()
		return serve(t, auth.OptionalBearer(auth.Limit(http.NotFoundHandler())), http.MethodGet, "", "")
	}, 401, events.BearerRefused, "Authentication is required"},
}

func protected(t *testing.T, _ *tokens.Authority, auth *middleware.Auth, access string) int {
	t.Helper()
	return serve(t, auth.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), http.MethodGet, "", access)
}

func served(method, form string, of func(*middleware.Auth) http.HandlerFunc) func(*testing.T, *tokens.Authority, *middleware.Auth, string) int {
	return func(t *testing.T, _ *tokens.Authority, auth *middleware.Auth, access string) int {
		t.Helper()
		return serve(t, of(auth), method, form, access)
	}
}

func serve(t *testing.T, h http.Handler, method, form, access string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestMisconfigurationsAtRunTimeAreToldByAnEvent(t *testing.T) {
	t.Parallel()
	for _, c := range atRunTime {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := working(t)
			before, err := tokens.New(h.tokens)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := before.Login(t.Context(), tokens.LoginRequest{Login: alice.Login, Password: password})
			if err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(h)
			}
			authority, auth, err := h.open()
			if err != nil {
				t.Fatal(err)
			}
			h.journal.Take()
			if got := c.request(t, authority, auth, string(pair.AccessToken)); got != c.status {
				t.Errorf("status = %d, want %d", got, c.status)
			}
			all := h.journal.Take()
			if len(all) != 1 || all[0].Kind != c.kind || all[0].Err == nil || !strings.Contains(all[0].Err.Error(), c.want) {
				t.Errorf("events %+v, want one of %s with the cause %q", all, c.kind, c.want)
			}
		})
	}
}

func TestMisconfigurationsAreForty(t *testing.T) {
	t.Parallel()
	if n := len(atStart) + len(atRunTime); n < 40 {
		t.Errorf("%d misconfigurations are tried, want at least 40", n)
	}
}
