package middleware_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A host mounts the handlers on its mux: the routes to log in and to refresh, and the
// routes that require a token.
func Example() {
	auth, err := middleware.New(middleware.Config{
		Tokens:   ada(), // see package tokens
		ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{
			"anonymous": {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},                           // by client address
			"free":      {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true, Max: 5000}, // by account
			"premium":   {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true},           // by account
		},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.Handle("/me", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tokens.PrincipalFrom(r.Context())
		_, _ = fmt.Fprintf(w, "you are %s, of tier %s", p.Subject, p.Tier)
	})))

	server := httptest.NewServer(mux)
	defer server.Close()
	response, err := http.PostForm(server.URL+"/login", url.Values{"username": {"ada"}, "password": {"correct horse"}})
	if err != nil {
		panic(err)
	}
	defer func() { _ = response.Body.Close() }()
	var pair struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&pair); err != nil {
		panic(err)
	}
	w := get(mux, "/me", pair.AccessToken)
	fmt.Println(w.Code, w.Body, w.Header().Get("X-RateLimit-Remaining"))
	w = get(mux, "/me", "")
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// 200 you are 1, of tier free 499
	// 401 Bearer realm="api"
}

// A service that only verifies has a Verifier in place of an Authority: it needs
// neither users nor a key that signs.
func Example_resource() {
	authority := ada() // somewhere else
	public, err := keys.SetFromJWKS(authority.JWKS())
	if err != nil {
		panic(err)
	}
	verifier, err := tokens.NewVerifier(tokens.VerifierConfig{
		Keys:     public, // or a source that fetches them: package tokens/remotekeys
		Issuer:   authority.Issuer(),
		Audience: "api",
	})
	if err != nil {
		panic(err)
	}
	auth, err := middleware.New(middleware.Config{
		Verifier: verifier,
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		panic(err)
	}
	reports := auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tokens.PrincipalFrom(r.Context())
		_, _ = fmt.Fprintf(w, "reports for %s", p.Subject)
	}))

	pair, err := authority.Login(context.Background(), tokens.LoginRequest{Login: "ada", Password: "correct horse"})
	if err != nil {
		panic(err)
	}
	w := get(reports, "/reports", string(pair.AccessToken))
	fmt.Println(w.Code, w.Body)
	w = get(reports, "/reports", "")
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// 200 reports for 1
	// 401 Bearer realm="api"
}

// A Check method decides and writes nothing, for hosts that answer in a way of
// their own.
func ExampleAuth_CheckBearer() {
	auth := adas()
	mine := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := auth.CheckBearer(r)
		if refusal, ok := errors.AsType[*wire.Error](err); ok && refusal.Reason == wire.ReasonNoBearer {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		}
	})
	w := get(mine, "/", "")
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 /sign-in
}

// One Auth serves clients of several wire formats, and counts with the same
// counters.
func ExampleAuth_WithDialect() {
	auth := adas()
	symfony := auth.WithDialect(wire.Lexik{})
	hello := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	fmt.Println(get(symfony.Protect(hello), "/", "junk").Body)
	fmt.Println(get(auth.WithDialect(wire.FastAPI{}).Protect(hello), "/", "junk").Body)
	// Output:
	// {"code":401,"message":"Invalid JWT Token"}
	// {"detail":"Unauthorized"}
}

// Limit counts by account only behind Bearer or OptionalBearer. In front of them it
// does not know the caller, and counts every request by address as anonymous.
func ExampleAuth_Limit_wrong() {
	auth := adas()
	hello := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	p, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	wrong := auth.Limit(auth.Bearer(hello))
	right := auth.Bearer(auth.Limit(hello)) // or auth.Protect(hello)
	fmt.Println(get(wrong, "/", string(p.AccessToken)).Header().Get("RateLimit-Policy"))
	fmt.Println(get(right, "/", string(p.AccessToken)).Header().Get("RateLimit-Policy"))
	// Output:
	// "anonymous";q=100;w=3600
	// "free";q=500;w=3600
}

// A user signs out of all their devices.
func ExampleAuth_LogoutEverywhere() {
	auth := adas()
	phone, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	laptop, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+string(laptop.AccessToken))
	w := httptest.NewRecorder()
	auth.LogoutEverywhere(w, r)

	refresh := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", http.NoBody)
	refresh.Header.Set("Refresh-Token", string(phone.RefreshToken))
	_, err = auth.CheckRefresh(refresh)
	fmt.Println(w.Code, errors.Is(err, tokens.ErrRevokedRefresh))
	// Output: 204 true
}

func adas() *middleware.Auth {
	auth, err := middleware.New(middleware.Config{
		Tokens: ada(), ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{"anonymous": {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA}, "free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		panic(err)
	}
	return auth
}

// ada is an Authority whose store knows one user.
func ada() *tokens.Authority {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	authority, err := tokens.New(tokens.Config{
		Store: adaStore(), Issuer: "https://issuer.example", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "EdDSA", Private: private}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		panic(err)
	}
	return authority
}

func login() *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", strings.NewReader("username=ada&password=correct+horse"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func get(h http.Handler, path, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
