package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// api is a weather service that sells plans.
type api struct {
	mux   *http.ServeMux
	token string // of the one customer

	mu    sync.Mutex
	plans map[string]string // by account, as the till knows them
}

const account = "farm"

func newAPI(ctx context.Context, counters ratelimit.Counters) (*api, error) {
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	const password = "correct horse & battery"
	if err := users.AddUser(ctx, store.User{ID: "1", Login: "ada", Account: account, Tier: "small"}, password); err != nil {
		return nil, err
	}
	authority, err := tokens.New(tokens.Config{
		Store: users, Issuer: "https://weather.example", Audience: "https://weather.example/api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		return nil, err
	}
	a := &api{mux: http.NewServeMux(), plans: map[string]string{account: "small"}}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Counters: counters,
		Tiers: ratelimit.Tiers{
			"small": {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"large": {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA},
		},
		// the token says what the plan was when it was made; the till knows better
		TierOf: func(_ context.Context, p tokens.Principal) (string, int, error) {
			return a.planOf(p.Account), p.Seats, nil
		},
	})
	if err != nil {
		return nil, err
	}
	a.mux.Handle("GET /forecast", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "rain")
	})))
	a.mux.Handle("GET /quota", auth.Bearer(http.HandlerFunc(auth.Quota)))
	a.mux.Handle("POST /upgrade", auth.Bearer(http.HandlerFunc(a.upgrade)))
	pair, err := authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: password})
	a.token = string(pair.AccessToken)
	return a, err
}

// upgrade is where a host takes the money.
func (a *api) upgrade(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plans[p.Account] = "large"
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) plan() string { return a.planOf(account) }

func (a *api) planOf(account string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.plans[account]
}

// answer is a request of the customer's, without a network in between.
func (a *api) answer(r *http.Request) *httptest.ResponseRecorder {
	r.Header.Set("Authorization", "Bearer "+a.token)
	w := httptest.NewRecorder()
	a.mux.ServeHTTP(w, r)
	return w
}
