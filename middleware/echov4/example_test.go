package echov4_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// An Echo app with login, refresh and logout routes and a group of routes that
// require an access token. ClientIP is the app's IPExtractor.
func Example() {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect() // clients reach this server directly
	e.GET("/", func(c echo.Context) error { return c.String(http.StatusOK, "welcome") })
	authority, ada := authority() // see package tokens; ada has just logged in

	std, err := middleware.New(middleware.Config{
		Tokens:   authority,
		Tiers:    ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		ClientIP: echov4.ClientIP(e.IPExtractor),
	})
	if err != nil {
		log.Fatal(err)
	}
	auth := echov4.New(std)
	e.POST("/login", auth.Login)
	e.POST("/refresh", auth.Refresh)
	e.POST("/logout", auth.Logout)
	api := e.Group("/api", auth.Protect)
	api.GET("/me", func(c echo.Context) error {
		p, _ := echov4.Principal(c)
		return c.String(http.StatusOK, "you are "+p.Subject)
	})
	api.DELETE("/shop", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, auth.RequireScope("admin"))

	fmt.Println(ask(e, "GET /", ""))
	fmt.Println(ask(e, "GET /api/me", ""))
	fmt.Println(ask(e, "GET /api/me", ada))
	fmt.Println(ask(e, "DELETE /api/shop", ada))

	// Output:
	// 200 welcome
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"An access token is required"}
	// 200 you are u-ada
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"detail":"The access token has not the scope that is needed"}
}

// An app that answers its errors in its own way answers refusals so, too. Their
// headers (WWW-Authenticate, Retry-After, RateLimit) are set already.
func Example_errorHandler() {
	e, auth, _ := guarded()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		var refusal *wire.Error
		if !errors.As(err, &refusal) {
			e.DefaultHTTPErrorHandler(err, c)
			return
		}
		text := "Please log in."
		switch refusal.Reason {
		case wire.ReasonExpired:
			text = "Please log in again."
		case wire.ReasonLimited:
			text = fmt.Sprintf("Please wait %.0f seconds.", refusal.RetryAfter.Seconds())
		case wire.ReasonUnavailable, wire.ReasonInternal:
			text = "It is us, not you."
			e.Logger.Error(refusal.Err) // the cause is for the log, never for the client
		}
		if err := c.String(refusal.Status, text); err != nil {
			e.Logger.Error(err)
		}
	}
	e.GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, auth.Protect)

	fmt.Println(ask(e, "GET /me", ""))
	fmt.Println(ask(e, "GET /nowhere", ""))

	// Output:
	// 401 Please log in.
	// 404 {"message":"Not Found"}
}

// A middleware that reads the status behind next reads it too soon: the app's
// error handler has not written the refusal yet. It has to ask for that first.
func Example_wrong() {
	wrong := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			fmt.Println("wrong log:", c.Response().Status)
			return err
		}
	}
	right := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := next(c); err != nil {
				c.Error(err)
			}
			fmt.Println("right log:", c.Response().Status)
			return nil
		}
	}
	e, auth, _ := guarded()
	host := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	e.GET("/wrong", host, wrong, auth.Protect)
	e.GET("/right", host, right, auth.Protect)

	fmt.Println("client:", ask(e, "GET /wrong", ""))
	fmt.Println("client:", ask(e, "GET /right", ""))

	// Output:
	// wrong log: 200
	// client: 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"An access token is required"}
	// right log: 401
	// client: 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"An access token is required"}
}

// Behind a proxy that writes X-Forwarded-For, the app says which proxies it
// believes. Everybody else may write into that header what they like.
func ExampleClientIP() {
	clientIP := echov4.ClientIP(echo.ExtractIPFromXFFHeader(
		echo.TrustLoopback(false), echo.TrustLinkLocal(false), // and private networks, by Echo's default
	))
	for _, from := range []string{"10.0.0.1:4000", "192.0.2.66:4000"} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = from
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
		fmt.Println(clientIP(r))
	}
	// Output:
	// 198.51.100.7 <nil>
	// 192.0.2.66 <nil>
}

// An app that moves over from a JWT middleware finds the principal where it
// used to look. It is a tokens.Principal there, and no *jwt.Token.
func ExampleAuth_WithContextKey() {
	e, auth, ada := guarded()
	e.GET("/me", func(c echo.Context) error {
		p, ok := c.Get("user").(tokens.Principal)
		if !ok {
			return echo.ErrUnauthorized
		}
		return c.String(http.StatusOK, p.Subject+" of "+p.Account)
	}, auth.WithContextKey("user").Bearer)

	fmt.Println(ask(e, "GET /me", ada))

	// Output:
	// 200 u-ada of acme
}

// A route of a group has a rule beside the tier. What the group has counted it
// does not count again.
func ExampleAuth_LimitBy() {
	e := echo.New()
	authority, ada := authority()
	std := must(middleware.New(middleware.Config{
		Tokens: authority, ClientIP: echov4.ClientIP(echo.ExtractIPDirect()),
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	}))
	search := must(std.Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "search", Limit: 1, Period: time.Minute}},
	}))
	auth := echov4.New(std)
	api := e.Group("/api", auth.Protect)
	api.GET("/search", func(c echo.Context) error { return c.String(http.StatusOK, "found") }, auth.LimitBy(search))
	e.GET("/quota", auth.Quota, auth.Bearer)

	fmt.Println(ask(e, "GET /api/search", ada))
	fmt.Println(ask(e, "GET /api/search", ada)[:3])
	fmt.Println(ask(e, "GET /quota", ada)[:75])

	// Output:
	// 200 found
	// 429
	// 200 {"policies":[{"name":"free","limit":500,"used":1,"remaining":499,"windo
}

// guarded returns an app, its Auth, and an access token of ada's.
func guarded() (*echo.Echo, *echov4.Auth, tokens.Secret) {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect()
	authority, ada := authority()
	std := must(middleware.New(middleware.Config{
		Tokens:   authority,
		Tiers:    ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		ClientIP: echov4.ClientIP(e.IPExtractor),
	}))
	return e, echov4.New(std), ada
}

// authority is one that knows ada, and an access token of hers.
func authority() (*tokens.Authority, tokens.Secret) {
	ctx := context.Background()
	users := must(memstore.New(memstore.Config{
		Passwords: must(passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})),
	}))
	ada := store.User{ID: "u-ada", Login: "ada", Account: "acme", Tier: "free", Scopes: []string{"read"}}
	if err := users.AddUser(ctx, ada, "correct horse"); err != nil {
		panic(err)
	}
	a := must(tokens.New(tokens.Config{
		Store: users, Issuer: "https://issuer.example", Audience: "https://api.example",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	}))
	return a, must(a.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse"})).AccessToken
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// ask sends a request, with a token if there is one, and says what came back.
func ask(h http.Handler, line string, token tokens.Secret) string {
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, path, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+string(token))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String()))
}
