package echov5_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov5"
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
	e.IPExtractor = echo.ExtractIPDirect() // clients connect to this server directly
	authority, ada := authority()          // see package tokens; ada has just logged in

	std, err := middleware.New(middleware.Config{
		Tokens:   authority,
		Tiers:    ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		ClientIP: echov5.ClientIP(e.IPExtractor),
	})
	if err != nil {
		log.Fatal(err)
	}
	auth := echov5.New(std)
	e.POST("/login", auth.Login)
	e.POST("/refresh", auth.Refresh)
	e.POST("/logout", auth.Logout)
	api := e.Group("/api", auth.Protect)
	api.GET("/me", func(c *echo.Context) error {
		p, _ := echov5.Principal(c)
		return c.String(http.StatusOK, "you are "+p.Subject)
	})
	api.DELETE("/shop", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }, auth.RequireScope("admin"))

	fmt.Println(ask(e, "GET /api/me", ""))
	fmt.Println(ask(e, "GET /api/me", ada))
	fmt.Println(ask(e, "DELETE /api/shop", ada))

	// Output:
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"An access token is required"}
	// 200 you are u-ada
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"detail":"The access token has not the scope that is needed"}
}

// An app with an error format of its own uses it for refusals, too. Their headers
// (WWW-Authenticate, Retry-After, RateLimit) are already set.
func Example_errorHandler() {
	e, auth, _ := guarded()
	fallback := echo.DefaultHTTPErrorHandler(false)
	e.HTTPErrorHandler = func(c *echo.Context, err error) {
		refusal, ok := errors.AsType[*wire.Error](err)
		if !ok {
			fallback(c, err)
			return
		}
		text := "Please log in."
		switch refusal.Reason {
		case wire.ReasonExpired:
			text = "Please log in again."
		case wire.ReasonLimited:
			text = fmt.Sprintf("Please wait %.0f seconds.", refusal.RetryAfter.Seconds())
		case wire.ReasonUnavailable, wire.ReasonInternal:
			text = "Please try again later."
			c.Logger().ErrorContext(c.Request().Context(), "refused", "error", refusal.Err) // the cause is for the log, never for the client
		}
		if err := c.String(refusal.Status, text); err != nil {
			c.Logger().ErrorContext(c.Request().Context(), "no answer was sent", "error", err)
		}
	}
	e.GET("/me", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }, auth.Protect)

	fmt.Println(ask(e, "GET /me", ""))
	fmt.Println(ask(e, "GET /nowhere", ""))

	// Output:
	// 401 Please log in.
	// 404 {"message":"Not Found"}
}

// A middleware that reads the status after next reads it too soon: the app's error
// handler has not written the refusal yet. echo.ResolveResponseStatus returns the
// status that the error will have.
func Example_wrong() {
	logs := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			response, status := echo.ResolveResponseStatus(c.Response(), err)
			fmt.Println("wrong log:", response.Status)
			fmt.Println("right log:", status)
			return err
		}
	}
	e, auth, _ := guarded()
	e.GET("/me", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) }, logs, auth.Protect)

	fmt.Println("client:", ask(e, "GET /me", "")[:3])

	// Output:
	// wrong log: 200
	// right log: 401
	// client: 401
}

// Behind a proxy that writes X-Forwarded-For, the app names the proxies that it
// trusts. Any other client can write what it likes into that header.
func ExampleClientIP() {
	clientIP := echov5.ClientIP(echo.ExtractIPFromXFFHeader(
		echo.TrustLoopback(false), echo.TrustLinkLocal(false), // and private networks, by Echo's default
	))
	for _, from := range []string{"10.0.0.1:1234", "192.0.2.66:1234"} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = from
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
		fmt.Println(clientIP(r))
	}
	// Output:
	// 198.51.100.7 <nil>
	// 192.0.2.66 <nil>
}

// guarded returns an app, its Auth, and an access token of ada's.
func guarded() (*echo.Echo, *echov5.Auth, tokens.Secret) {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect()
	authority, ada := authority()
	std := must(middleware.New(middleware.Config{
		Tokens:   authority,
		Tiers:    ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		ClientIP: echov5.ClientIP(e.IPExtractor),
	}))
	return e, echov5.New(std), ada
}

// authority returns an Authority that knows ada, and an access token of hers.
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

// ask sends a request, with a token if there is one, and returns status and body.
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
