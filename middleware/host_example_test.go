package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A user sees where they are logged in, and ends one of the sessions.
func ExampleAuth_Sessions() {
	auth := adas()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sessions", auth.Sessions)
	mux.HandleFunc("DELETE /sessions", auth.EndOtherSessions)
	mux.HandleFunc("DELETE /sessions/{id}", auth.EndSession)

	phone, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	laptop, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	body := send(mux, http.MethodGet, "/sessions", laptop.AccessToken, "").Body.String()
	fmt.Println(strings.Count(body, `"id"`), "sessions, current:", strings.Count(body, `"current":true`))
	fmt.Println(send(mux, http.MethodDelete, "/sessions/"+phone.Principal.SessionID, laptop.AccessToken, "").Code)
	fmt.Println(send(mux, http.MethodDelete, "/sessions/unknown", laptop.AccessToken, "").Code)
	// Output:
	// 2 sessions, current: 1
	// 204
	// 404
}

// A user creates an API key for a program, which exchanges it for access tokens at the
// token endpoint.
func ExampleAuth_CreateAPIKey() {
	auth, users := withKeys()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /keys", auth.CreateAPIKey)
	mux.HandleFunc("GET /keys", auth.APIKeys)
	mux.HandleFunc("DELETE /keys/{id}", auth.RevokeAPIKey)
	mux.HandleFunc("POST /token", auth.Token)

	pair, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	created := send(mux, http.MethodPost, "/keys", pair.AccessToken, `{"label": "nightly report", "expires_in": 86400}`)
	fmt.Println(created.Code, strings.Contains(created.Body.String(), `"label":"nightly report"`))

	all, err := users.OwnerAPIKeys(context.Background(), store.Owner{ID: "1"}, store.Newest(), store.MaxPage)
	fmt.Println(len(all), all[0].Label, err) // the store has a digest, and not the key
	fmt.Println(send(mux, http.MethodDelete, "/keys/"+all[0].ID, pair.AccessToken, "").Code)
	// Output:
	// 201 true
	// 1 nightly report <nil>
	// 204
}

// Routes that anonymous callers may use have OptionalBearer instead of Bearer. Those
// that change something require a scope.
func ExampleAuth_RequireScope() {
	auth := adas()
	read := auth.OptionalBearer(auth.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := tokens.PrincipalFrom(r.Context())
		_, _ = fmt.Fprintf(w, "%t %q", ok, p.Subject)
	})))
	write := auth.Protect(auth.RequireScope("articles:write")(http.NotFoundHandler()))

	pair, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	fmt.Println(send(read, http.MethodGet, "/", "", "").Body)
	fmt.Println(send(read, http.MethodGet, "/", pair.AccessToken, "").Body)
	fmt.Println(send(read, http.MethodGet, "/", "invalid", "").Code)
	w := send(write, http.MethodPost, "/", pair.AccessToken, "")
	fmt.Println(w.Code, strings.Contains(w.Header().Get("WWW-Authenticate"), `error="insufficient_scope"`))
	// Output:
	// false ""
	// true "1"
	// 401
	// 403 true
}

// A resource server in another language asks whether a token is active. Only the
// clients that MayIntrospect allows may ask.
func ExampleAuth_Introspect() {
	users := adaStore()
	secret, digest := tokens.NewClientSecret()
	for _, c := range []store.Client{
		{ID: "web", Grants: []string{tokens.GrantPassword, tokens.GrantRefresh}},
		{ID: "reports", Secrets: []store.Digest{digest}},
	} {
		if err := users.SetClient(context.Background(), c); err != nil {
			panic(err)
		}
	}
	authority, err := tokens.New(tokens.Config{
		Store: users, Clients: users, DefaultClient: "web", Issuer: "https://issuer.example", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		panic(err)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		Tiers:         ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		MayIntrospect: func(_ context.Context, c store.Client) bool { return c.ID == "reports" },
	})
	if err != nil {
		panic(err)
	}
	pair, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	for _, token := range []tokens.Secret{pair.AccessToken, "unknown"} {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/introspect", strings.NewReader("token="+string(token)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("reports", string(secret))
		w := httptest.NewRecorder()
		auth.Introspect(w, r)
		fmt.Println(w.Code, strings.Contains(w.Body.String(), `"active":true`))
	}
	// Output:
	// 200 true
	// 200 false
}

// Metadata tells clients where the endpoints are. It has a path of its own.
func ExampleAuth_Metadata() {
	auth, err := middleware.New(middleware.Config{
		Tokens: ada(), ClientIP: clientip.RemoteAddr,
		Tiers:     ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		Endpoints: middleware.Endpoints{Token: "/token", JWKS: "/jwks.json", Revoke: "/revoke"},
	})
	if err != nil {
		panic(err)
	}
	path, err := middleware.MetadataPath("https://issuer.example")
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, auth.Metadata)
	w := send(mux, http.MethodGet, path, "", "")
	fmt.Println(path)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"jwks_uri":"https://issuer.example/jwks.json"`))
	// Output:
	// /.well-known/oauth-authorization-server
	// 200 true
}

// Support staff read and reset the quota of a customer.
func ExampleAuth_Inspect() {
	ctx, auth := context.Background(), adas()
	pair, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	send(auth.Protect(http.NotFoundHandler()), http.MethodGet, "/", pair.AccessToken, "")

	customer := middleware.CallerOf(pair.Principal)
	for range 2 {
		quota, err := auth.Inspect(ctx, customer)
		if err != nil {
			panic(err)
		}
		fmt.Println(quota.Usage[0].Policy.Name, quota.Usage[0].Remaining)
		if err := auth.Reset(ctx, customer); err != nil {
			panic(err)
		}
	}
	// Output:
	// free 499
	// free 500
}

// withKeys is an Auth whose Authority has API keys.
func withKeys() (*middleware.Auth, *memstore.Store) {
	users := adaStore()
	authority, err := tokens.New(tokens.Config{
		Store: users, APIKeys: users, Issuer: "https://issuer.example", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		panic(err)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		panic(err)
	}
	return auth, users
}

// adaStore has one user.
func adaStore() *memstore.Store {
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, InsecureParameters: true})
	if err != nil {
		panic(err)
	}
	users, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		panic(err)
	}
	if err := users.AddUser(context.Background(), store.User{ID: "1", Login: "ada", Tier: "free"}, "correct horse"); err != nil {
		panic(err)
	}
	return users
}

// send sends a request with an access token, if there is one, and a JSON body.
func send(h http.Handler, method, path string, token tokens.Secret, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+string(token))
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
