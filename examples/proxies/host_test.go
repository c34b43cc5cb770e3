package proxies_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/examples/internal/processtest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	login    = "ada"
	password = "correct horse & battery"

	anonymousLimit = 50 // requests in an hour from one address
)

// host is a host that trusts the proxies which connect from 127.0.0.1, and those
// that connect over its Unix domain socket.
type host struct{ address, socket string }

// newHost serves until the test ends.
func newHost(t *testing.T) *host {
	t.Helper()
	clientIP, err := clientip.BehindProxies(clientip.Proxies{
		Trusted:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		UnixSocket: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	users, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	if err := users.AddUser(t.Context(), store.User{ID: "u-ada", Login: login, Tier: "free", Seats: 1}, password); err != nil {
		t.Fatal(err)
	}
	authority, err := tokens.New(tokens.Config{
		Store: users, Issuer: "https://api.example.com", Audience: "https://api.example.com",
		Keys: []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}}, RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientIP,
		Tiers: ratelimit.Tiers{
			"anonymous": {Limit: anonymousLimit, Period: time.Hour},
			"free":      {Limit: 1000, Period: time.Hour},
		},
		Cookies: &middleware.Cookies{RefreshPath: "/"},
		MaxBody: 16 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", auth.Login)
	mux.Handle("/me", auth.Bearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tokens.PrincipalFrom(r.Context())
		_, _ = fmt.Fprint(w, p.Subject)
	})))
	mux.HandleFunc("GET /address", func(w http.ResponseWriter, r *http.Request) {
		address, err := clientIP(r)
		_, _ = fmt.Fprint(w, address, " ", err)
	})
	mux.Handle("/limited", auth.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	app := echo.New()
	app.POST("/echo/me", func(c *echo.Context) error { return c.NoContent(http.StatusOK) }, echov5.New(auth).Bearer)
	mux.Handle("/echo/", app)
	mux.HandleFunc("GET /header", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		n, _ := strconv.Atoi(r.URL.Query().Get("bytes"))
		const others = len("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Padding: \r\n\r\n")
		w.Header().Set("X-Padding", strings.Repeat("x", n-others))
	})

	h := &host{}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.address = server.Listener.Addr().String()

	h.socket = filepath.Join(processtest.Dir(t), "socket")
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	onSocket := &httptest.Server{Listener: l, Config: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}}
	onSocket.Start()
	t.Cleanup(onSocket.Close)
	return h
}
