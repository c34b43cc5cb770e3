package openapi_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/openapi"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

var update = flag.Bool("update", false, "write testdata/openapi.json")

// whole is an Auth with all that the operations need.
func whole(t *testing.T, edits ...func(*authtest.Config)) *middleware.Auth {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return authtest.New(t, append([]func(*authtest.Config){func(c *authtest.Config) {
		c.Tokens.Keys = []keys.Key{{Algorithm: "EdDSA", Private: private}}
		c.Tokens.Clients = c.Store
		c.Tokens.SecondFactor = func(context.Context, string, string, string) ([]string, error) { return []string{"otp"}, nil }
		c.Auth.PasswordGrant = true
		c.Auth.MayIntrospect = func(context.Context, store.Client) bool { return true }
		c.Auth.Endpoints = middleware.Endpoints{Token: "/token", JWKS: "/jwks", Revoke: "/revoke", Introspect: "/introspect"}
	}}, edits...)...).Auth
}

// routes are those of all operations.
func routes(a *middleware.Auth) []openapi.Route {
	return []openapi.Route{
		{Path: "/login", Operation: openapi.Login, Auth: a},
		{Path: "/login/complete", Operation: openapi.CompleteLogin, Auth: a},
		{Path: "/refresh", Operation: openapi.Refresh, Auth: a},
		{Path: "/logout", Operation: openapi.Logout, Auth: a},
		{Path: "/logout/everywhere", Operation: openapi.LogoutEverywhere, Auth: a},
		{Path: "/token", Operation: openapi.Token, Auth: a},
		{Path: "/revoke", Operation: openapi.Revoke, Auth: a},
		{Path: "/introspect", Operation: openapi.Introspect, Auth: a},
		{Path: "/sessions", Operation: openapi.Sessions, Auth: a},
		{Path: "/sessions", Operation: openapi.EndOtherSessions, Auth: a},
		{Path: "/sessions/{id}", Operation: openapi.EndSession, Auth: a},
		{Path: "/keys", Operation: openapi.APIKeys, Auth: a},
		{Path: "/keys", Operation: openapi.CreateAPIKey, Auth: a},
		{Path: "/keys/{id}", Operation: openapi.ReplaceAPIKey, Auth: a},
		{Path: "/keys/{id}", Operation: openapi.RevokeAPIKey, Auth: a},
		{Path: "/quota", Operation: openapi.Quota, Guard: openapi.OptionalBearer, Auth: a},
		{Path: "/jwks", Operation: openapi.JWKS, Auth: a},
		{Path: "/metadata", Operation: openapi.Metadata, Auth: a},
		{
			Path: "/orders/{order}", Method: "PUT", Guard: openapi.Protect, Scopes: []string{"orders"}, RecentLogin: time.Hour, Auth: a,
			Object: map[string]any{"summary": "Change an order"},
		},
		{Path: "/search", Method: "GET", Guard: openapi.OptionalProtect, Auth: a},
		{Path: "/status", Method: "GET", Guard: openapi.Limit, Auth: a},
	}
}

func describe(t *testing.T, all ...openapi.Route) *openapi.Document {
	t.Helper()
	d, err := openapi.New(openapi.Config{Title: "Shop", Version: "1", Routes: all})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// at returns what is at a path of members, of which some have slashes.
func at(t *testing.T, v any, names ...string) any {
	t.Helper()
	for i, name := range names {
		o, ok := v.(map[string]any)
		if !ok || o[name] == nil {
			t.Fatalf("there is no %v: %v", names[:i+1], v)
		}
		v = o[name]
	}
	return v
}

func has(v any, names ...string) bool {
	for _, name := range names {
		o, _ := v.(map[string]any)
		if v = o[name]; v == nil {
			return false
		}
	}
	return true
}

func TestTheDocumentIsTheSameInEachRun(t *testing.T) {
	t.Parallel()
	const file = "testdata/openapi.json"
	for name, a := range map[string]*middleware.Auth{
		"in the golden file": whole(t),
		"with cookies": whole(t, func(c *authtest.Config) {
			c.Auth.Dialect, c.Tokens.DefaultClient = wire.Lexik{}, "web"
			c.Auth.Cookies = &middleware.Cookies{RefreshPath: "/", Remember: "remember_me"}
			c.Auth.Headers = ratelimit.Headers{Draft: ratelimit.Draft06, NoXRateLimit: true, NoRetryAfter: true}
		}),
	} {
		all := routes(a)
		got := describe(t, all...).JSON()
		for range 3 {
			slices.Reverse(all)
			if again := describe(t, all...).JSON(); !bytes.Equal(again, got) {
				t.Errorf("%s: the document depends on the run, or on the order of the routes", name)
			}
		}
		if name == "with cookies" {
			continue
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, got, "", " "); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, indented.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(indented.Bytes(), want) {
			t.Errorf("%s is out of date: go test ./middleware/openapi -update", file)
		}
	}
}

func TestTheDocumentShowsTheConfiguration(t *testing.T) {
	t.Parallel()
	post := func(t *testing.T, o openapi.Operation, a *middleware.Auth) any {
		t.Helper()
		return at(t, describe(t, openapi.Route{Path: "/x", Operation: o, Auth: a}).Value(), "paths", "/x", "post")
	}
	plain := authtest.New(t).Auth
	cookies := authtest.New(t, func(c *authtest.Config) { c.Auth.Cookies = &middleware.Cookies{RefreshPath: "/"} }).Auth

	t.Run("a login with cookies is 204 and has no tokens in its body", func(t *testing.T) {
		t.Parallel()
		o := post(t, openapi.Login, cookies)
		if !has(o, "responses", "204", "headers", "Set-Cookie") || has(o, "responses", "200") || !has(o, "responses", "403") {
			t.Errorf("%v", at(t, o, "responses"))
		}
	})
	t.Run("without them it is 200", func(t *testing.T) {
		t.Parallel()
		o := post(t, openapi.Login, plain)
		if !has(o, "responses", "200", "content", "application/json") || has(o, "responses", "204") || has(o, "responses", "403") {
			t.Errorf("%v", at(t, o, "responses"))
		}
	})
	t.Run("without brute-force protection there is no 429", func(t *testing.T) {
		t.Parallel()
		off := authtest.New(t, func(c *authtest.Config) { c.Auth.BruteForce.InsecureUnlimited = true }).Auth
		if has(post(t, openapi.Login, off), "responses", "429") || !has(post(t, openapi.Login, plain), "responses", "429") {
			t.Error("429")
		}
	})
	t.Run("the token endpoint has the grants that are switched on", func(t *testing.T) {
		t.Parallel()
		none := authtest.New(t, func(c *authtest.Config) { c.Tokens.APIKeys = nil }).Auth
		form := []string{"requestBody", "content", "application/x-www-form-urlencoded", "schema"}
		if got := at(t, post(t, openapi.Token, none), append(form, "properties", "grant_type", "const")...); got != "refresh_token" {
			t.Errorf("%v", got)
		}
		if got := at(t, post(t, openapi.Token, whole(t)), append(form, "oneOf")...).([]any); len(got) != 3 {
			t.Errorf("%d grants, want 3", len(got))
		}
	})
	t.Run("the headers are those of Config.Headers", func(t *testing.T) {
		t.Parallel()
		few := authtest.New(t, func(c *authtest.Config) {
			c.Auth.Headers = ratelimit.Headers{Draft: ratelimit.NoDraft, NoRetryAfter: true}
		}).Auth
		get := func(a *middleware.Auth) any {
			return at(t, describe(t, openapi.Route{Path: "/x", Method: "GET", Guard: openapi.Protect, Auth: a}).Value(), "paths", "/x", "get", "responses")
		}
		if !has(get(plain), "2XX", "headers", "RateLimit") || !has(get(plain), "429", "headers", "Retry-After") {
			t.Error("the default sends all")
		}
		if has(get(few), "2XX", "headers", "RateLimit") || !has(get(few), "2XX", "headers", "X-RateLimit-Limit") || has(get(few), "429", "headers", "Retry-After") {
			t.Errorf("%v", get(few))
		}
	})
	t.Run("registered clients may authenticate, and a required one is told of", func(t *testing.T) {
		t.Parallel()
		o := post(t, openapi.Login, whole(t))
		if text, _ := at(t, o, "description").(string); !strings.Contains(text, "The client must be named") || !has(o, "responses", "401") {
			t.Errorf("%v", o)
		}
		if has(post(t, openapi.Login, plain), "responses", "401") {
			t.Error("no client is registered, and one is refused")
		}
	})
	t.Run("a host's own wire format is described as it reads and answers", func(t *testing.T) {
		t.Parallel()
		o := post(t, openapi.Login, plain.WithDialect(terse{}))
		schema := at(t, o, "requestBody", "content", "application/x-www-form-urlencoded", "schema")
		if !has(schema, "properties", "who") || !has(schema, "properties", "secret") || has(schema, "properties", "username") {
			t.Errorf("%v", schema)
		}
		if !has(o, "responses", "418", "content", "application/json", "examples", "credentials") {
			t.Errorf("%v", at(t, o, "responses"))
		}
	})
}

// terse is a host's wire format.
type terse struct{ wire.OAuth2 }

func (terse) ReadLogin(p *wire.Params) (tokens.LoginRequest, error) {
	for _, name := range []string{"who", "secret"} {
		if p.Get(name) == "" {
			return tokens.LoginRequest{}, wire.Missing(name)
		}
	}
	return tokens.LoginRequest{Login: p.Get("who"), Password: tokens.Secret(p.Get("secret"))}, nil
}

func (terse) Refused(_ wire.Route, _ string, e *wire.Error) wire.Answer {
	if e.Reason == wire.ReasonMalformed {
		return wire.Answer{Status: http.StatusTeapot, Header: http.Header{}, Body: []byte("not JSON")}
	}
	return wire.JSON(http.StatusTeapot, map[string]any{"why": e.Reason, "wait": 1.5, "again": true, "maybe": nil, "list": []any{1, "a"}})
}

func TestNewRejectsWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := authtest.New(t).Auth
	cookies := func(name string) *middleware.Auth {
		return authtest.New(t, func(c *authtest.Config) { c.Auth.Cookies = &middleware.Cookies{RefreshPath: "/", Access: name} }).Auth
	}
	noKeys := authtest.New(t, func(c *authtest.Config) { c.Tokens.APIKeys = nil }).Auth
	named := whole(t).WithDialect(wire.Lexik{})
	ok := openapi.Route{Path: "/login", Operation: openapi.Login, Auth: a}
	for name, test := range map[string]struct {
		routes []openapi.Route
		path   string
		says   string
	}{
		"no route":                 {nil, "Config.Routes", "is required"},
		"no path":                  {[]openapi.Route{{Operation: openapi.Login, Auth: a}}, "Config.Routes[0].Path", `got ""`},
		"a path of another router": {[]openapi.Route{{Path: "login", Operation: openapi.Login, Auth: a}}, "Config.Routes[0].Path", `got "login"`},
		"no Auth":                  {[]openapi.Route{{Path: "/x", Operation: openapi.Login}}, "Config.Routes[0].Auth", "is required"},
		"an unknown operation":     {[]openapi.Route{ok, {Path: "/x", Operation: "x", Auth: a}}, "Config.Routes[1].Operation", `got "x"`},
		"a method where there is one already": {
			[]openapi.Route{{Path: "/x", Operation: openapi.Login, Method: "GET", Auth: a}}, "Config.Routes[0].Method", "must be empty for login",
		},
		"no method":           {[]openapi.Route{{Path: "/x", Auth: a}}, "Config.Routes[0].Method", "is required"},
		"an unknown guard":    {[]openapi.Route{{Path: "/x", Method: "GET", Guard: 9, Auth: a}}, "Config.Routes[0].Guard", "got 9"},
		"scopes of anybody":   {[]openapi.Route{{Path: "/x", Method: "GET", Scopes: []string{"a"}, Auth: a}}, "Config.Routes[0].Scopes", "must be empty unless"},
		"a login of half 1 s": {[]openapi.Route{{Path: "/x", Method: "GET", Guard: openapi.Bearer, RecentLogin: time.Second / 2, Auth: a}}, "Config.Routes[0].RecentLogin", "got 500ms"},
		"two routes with one ID": {
			[]openapi.Route{ok, {Path: "/x", Operation: openapi.Login, Auth: a}}, "Config.Routes[1].ID", `is required: "login" names another operation`,
		},
		"one ID twice": {
			[]openapi.Route{ok, {Path: "/x", Operation: openapi.Refresh, ID: "login", Auth: a}}, "Config.Routes[1].ID", `must be unique, got "login" twice`,
		},
		"one path twice": {
			[]openapi.Route{ok, {Path: "/login", Operation: openapi.Refresh, Auth: a}}, "Config.Routes[1].Path", "got POST /login twice",
		},
		"no ID in the path":        {[]openapi.Route{{Path: "/sessions", Operation: openapi.EndSession, Auth: a}}, "Config.Routes[0].Operation", "with the ID as a parameter"},
		"an object that is none":   {[]openapi.Route{{Path: "/x", Method: "GET", Auth: a, Object: 1}}, "Config.Routes[0].Object", "must be encoded as a JSON object"},
		"an object without a form": {[]openapi.Route{{Path: "/x", Method: "GET", Auth: a, Object: func() {}}}, "Config.Routes[0].Object", "must be encoded as a JSON object"},
		"cookies of two names": {
			[]openapi.Route{{Path: "/a", Operation: openapi.Sessions, Auth: cookies("a")}, {Path: "/b", Operation: openapi.APIKeys, Auth: cookies("b")}},
			"Config.Routes[1].Auth", "must have the cookies of the other routes",
		},
		"a service that only verifies has no login": {
			[]openapi.Route{{Path: "/x", Operation: openapi.Login, Auth: verifying(t)}}, "Config.Routes[0].Operation", "it needs Tokens",
		},
		"no API keys":      {[]openapi.Route{{Path: "/x", Operation: openapi.APIKeys, Auth: noKeys}}, "Config.Routes[0].Operation", "it needs APIKeys"},
		"no second factor": {[]openapi.Route{{Path: "/x", Operation: openapi.CompleteLogin, Auth: a}}, "Config.Routes[0].Operation", "it needs a SecondFactor"},
		"no introspection": {[]openapi.Route{{Path: "/x", Operation: openapi.Introspect, Auth: a}}, "Config.Routes[0].Operation", "it needs MayIntrospect"},
		"no endpoints":     {[]openapi.Route{{Path: "/x", Operation: openapi.Metadata, Auth: a}}, "Config.Routes[0].Operation", "it needs Endpoints"},
		"no client can be named": {
			[]openapi.Route{{Path: "/x", Operation: openapi.Login, Auth: named}}, "Config.Routes[0].Operation", "it needs a wire format that names clients",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := openapi.New(openapi.Config{Title: "Shop", Version: "1", Routes: test.routes})
			all := slices.Collect(configerror.All(err))
			if len(all) != 1 || all[0].Package != "openapi" || all[0].Path != test.path || !strings.Contains(all[0].Problem, test.says) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("all that is wrong is told at once", func(t *testing.T) {
		t.Parallel()
		_, err := openapi.New(openapi.Config{Routes: []openapi.Route{{Operation: "x"}}})
		if all := slices.Collect(configerror.All(err)); len(all) != 5 {
			t.Errorf("%d defects, want 5: %v", len(all), err)
		}
	})
}

// verifying is an Auth that has only a Verifier.
func verifying(t *testing.T) *middleware.Auth {
	t.Helper()
	set, err := keys.NewSet(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	v, err := tokens.NewVerifier(tokens.VerifierConfig{Issuer: "https://issuer.example", Audience: "api", Keys: set})
	if err != nil {
		t.Fatal(err)
	}
	a, err := middleware.New(middleware.Config{Verifier: v, ClientIP: clientip.RemoteAddr, Tiers: ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAServiceThatOnlyVerifiesDescribesItsRoutes(t *testing.T) {
	t.Parallel()
	v := describe(t, openapi.Route{Path: "/orders", Method: "GET", Guard: openapi.Protect, Auth: verifying(t)}).Value()
	o := at(t, v, "paths", "/orders", "get")
	if got := at(t, o, "operationId"); got != "getOrders" || !has(o, "responses", "401") || !has(v, "components", "securitySchemes", "bearer") {
		t.Errorf("%v", o)
	}
}

func TestWhatAHostSaysOfARouteTakesPrecedence(t *testing.T) {
	t.Parallel()
	a := authtest.New(t).Auth
	o := at(t, describe(t, openapi.Route{Path: "/login", Operation: openapi.Login, ID: "signIn", Auth: a, Object: struct {
		Summary   string         `json:"summary"`
		Tags      []string       `json:"tags"`
		Responses map[string]any `json:"responses"`
	}{"Sign in", []string{"users"}, map[string]any{"503": map[string]any{"description": "Come back"}, "418": map[string]any{"description": "Tea"}}}}).Value(), "paths", "/login", "post")
	for _, want := range []struct {
		says  string
		names []string
	}{
		{"Sign in", []string{"summary"}},
		{"signIn", []string{"operationId"}},
		{"Come back", []string{"responses", "503", "description"}},
		{"Tea", []string{"responses", "418", "description"}},
		{"OK", []string{"responses", "200", "description"}},
	} {
		if got := at(t, o, want.names...); got != want.says {
			t.Errorf("%v: %v, want %s", want.names, got, want.says)
		}
	}
	if !has(o, "responses", "503", "content") {
		t.Error("what the host does not say is lost")
	}
}

func TestTheDocumentIsServed(t *testing.T) {
	t.Parallel()
	d := describe(t, routes(whole(t))...)
	serve := func(method, tag string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, "/openapi.json", http.NoBody)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		d.ServeHTTP(w, r)
		return w
	}
	first := serve("GET", "")
	tag := first.Header().Get("Etag")
	if first.Code != 200 || first.Header().Get("Content-Type") != "application/json" || first.Header().Get("Cache-Control") != "public, max-age=300" ||
		first.Header().Get("X-Content-Type-Options") != "nosniff" || !bytes.Equal(first.Body.Bytes(), d.JSON()) {
		t.Errorf("%d %v", first.Code, first.Header())
	}
	for _, test := range []struct {
		method, tag string
		status      int
	}{
		{"GET", tag, 304}, {"HEAD", "W/" + tag, 304}, {"GET", `"other"`, 200}, {"HEAD", "", 200}, {"POST", "", 405},
	} {
		w := serve(test.method, test.tag)
		if w.Code != test.status || cmp.Or(w.Code == 304 && w.Body.Len() > 0, w.Code == 405 && w.Header().Get("Allow") != "GET, HEAD") {
			t.Errorf("%s %s: %d %v, want %d", test.method, test.tag, w.Code, w.Header(), test.status)
		}
	}
}

func TestWhatIsDoneToAValueDoesNotChangeTheDocument(t *testing.T) {
	t.Parallel()
	d := describe(t, openapi.Route{Path: "/login", Operation: openapi.Login, Auth: authtest.New(t).Auth})
	before := string(d.JSON())
	clear(d.Value()["paths"].(map[string]any))
	clear(d.JSON())
	if string(d.JSON()) != before || len(d.Value()["paths"].(map[string]any)) != 1 {
		t.Error("it changed")
	}
}

func TestNoSecretIsInTheDocument(t *testing.T) {
	t.Parallel()
	const marker = "S3CRET"
	signing, refresh := marker+keys.NewSecret(), marker+keys.NewSecret()
	a := authtest.New(t, func(c *authtest.Config) {
		c.Tokens.Keys = []keys.Key{{ID: marker, Algorithm: "HS256", Secret: signing}}
		c.Tokens.RefreshKeys = []keys.Secret{refresh}
		c.Tokens.Clients, c.Tokens.DefaultClient = c.Store, marker
		c.Auth.Tiers = ratelimit.Tiers{marker: {Limit: 1, Period: time.Hour}}
	}).Auth
	d := describe(t, slices.DeleteFunc(routes(a), func(r openapi.Route) bool {
		return r.Operation == openapi.Introspect || r.Operation == openapi.CompleteLogin || r.Operation == openapi.Metadata
	})...)
	if text := string(d.JSON()); strings.Contains(text, marker) {
		t.Errorf("%s", text[strings.Index(text, marker)-200:])
	}
}
