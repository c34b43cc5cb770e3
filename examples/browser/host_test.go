package browser_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 has it so
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/cors"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	subject  = "u-ada"
	login    = "ada"
	password = "correct horse & battery"
)

// host is an app with cookies, and those around it. The browser takes each name
// for this machine.
type host struct {
	App     string `json:"app"`     // the app, at https://app.shop.test
	Sibling string `json:"sibling"` // another origin of the same site
	Afar    string `json:"afar"`    // another site
	Plain   string `json:"plain"`   // the app's name without TLS, where an attacker on the network may answer
	Local   string `json:"local"`   // the app once more, as its developers have it: http://localhost
}

// config is what a promise may change about the host that it is tried on.
type config struct {
	tokens tokens.Config
	auth   middleware.Config
	later  func() // lets access tokens expire
}

// newHost serves an app with one user until the test ends.
func newHost(t *testing.T, change func(host, *config)) host {
	t.Helper()
	mux := http.NewServeMux()
	safe, plain := httptest.NewUnstartedServer(mux), httptest.NewServer(mux)
	safe.EnableHTTP2 = true // which cuts a Cookie header to pieces
	safe.StartTLS()
	t.Cleanup(safe.Close)
	t.Cleanup(plain.Close)
	h := host{
		App: at("https", "app.shop.test", safe), Sibling: at("https", "blog.shop.test", safe), Afar: at("https", "evil.test", safe),
		Plain: at("http", "app.shop.test", plain), Local: at("http", "localhost", plain),
	}

	remembered := filled(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := config{
		tokens: tokens.Config{
			Store: remembered, Revocations: remembered, Issuer: h.App, Audience: h.App,
			Keys:        []keys.Key{{Algorithm: "ES256", Private: key}},
			RefreshKeys: []keys.Secret{keys.NewSecret()},
			RetryGrace:  time.Minute, // as hosts with cookies are told to have it
		},
		auth: middleware.Config{
			ClientIP: clientip.RemoteAddr,
			Tiers:    ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}, "anonymous": {Limit: 1000, Period: time.Hour}},
			Cookies:  &middleware.Cookies{RefreshPath: "/auth"},
		},
	}
	if change != nil {
		change(h, &c)
	}
	if c.auth.Tokens, err = tokens.New(c.tokens); err != nil {
		t.Fatal(err)
	}
	auth, err := middleware.New(c.auth)
	if err != nil {
		t.Fatal(err)
	}
	app := sharing(c.auth.Cookies.TrustedOrigins, routes(auth, c.later))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if at := scheme(r) + "://" + r.Host; at == h.App || at == h.Local {
			app.ServeHTTP(w, r)
			return
		}
		page(w, "anonymous") // another origin's page, scripted by the test
	})
	return h
}

func at(scheme, name string, s *httptest.Server) string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return scheme + "://" + net.JoinHostPort(name, port)
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// filled is a store with the user in it.
func filled(t *testing.T) *memstore.Store {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	ada := store.User{ID: subject, Login: login, Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	if err := s.AddUser(t.Context(), ada, password); err != nil {
		t.Fatal(err)
	}
	return s
}

// routes are the app's.
func routes(auth *middleware.Auth, later func()) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/login", auth.Login)
	mux.HandleFunc("/auth/refresh", auth.Refresh)
	mux.Handle("/auth/refresh/together", together(http.HandlerFunc(auth.Refresh)))
	mux.HandleFunc("/auth/logout", auth.Logout)
	mux.HandleFunc("/auth/everywhere", auth.LogoutEverywhere)
	mux.Handle("/me", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(who(r))) //nolint:gosec // a subject of the test
	})))
	var notes atomic.Int64 // how many were written
	mux.Handle("GET /notes", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strconv.FormatInt(notes.Load(), 10)))
	})))
	mux.Handle("/notes", auth.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { notes.Add(1) })))
	inMemory(mux, auth.WithoutCookies(), later)
	document(mux, auth.WithoutCookies().WithDialect(wire.FastAPI{}))
	mux.Handle("/socket", auth.Protect(http.HandlerFunc(greet)))
	mux.Handle("/{$}", auth.OptionalBearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page(w, who(r)) })))
	return mux
}

// inMemory mounts the routes of a page that keeps its tokens in memory, and its script.
func inMemory(mux *http.ServeMux, auth *middleware.Auth, later func()) {
	var refreshed atomic.Int64
	mux.HandleFunc("/session.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../recipes/clients/session.js")
	})
	mux.HandleFunc("/token/login", auth.Login)
	mux.HandleFunc("/token/logout", auth.Logout)
	mux.HandleFunc("/token/refresh", func(w http.ResponseWriter, r *http.Request) {
		refreshed.Add(1)
		auth.Refresh(w, r)
	})
	mux.Handle("/token/me", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s, %d", who(r), refreshed.Load()) //nolint:gosec // a subject of the test
	})))
	mux.HandleFunc("POST /token/later", func(http.ResponseWriter, *http.Request) { later() })
}

// document mounts the routes of a FastAPI application, and the page of Swagger UI that
// FastAPI makes for them.
func document(mux *http.ServeMux, auth *middleware.Auth) {
	mux.HandleFunc("/auth/jwt/login", auth.Login)
	mux.HandleFunc("/auth/jwt/logout", auth.Logout)
	mux.Handle("/users/me", auth.Bearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": who(r)})
	})))
	mux.HandleFunc("/openapi.json", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../interop/testdata/fastapi.json")
	})
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir("testdata/node_modules/swagger-ui-dist"))))
	mux.HandleFunc("/docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><link rel="icon" href="data:,"><div id="swagger-ui"></div>
<script src="/static/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", layout: "BaseLayout", deepLinking: true,
  showExtensions: true, showCommonExtensions: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
</script>`)
	})
}

func who(r *http.Request) string {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		return "anonymous"
	}
	return p.Subject
}

// page says whom it is for.
func page(w http.ResponseWriter, whom string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<!DOCTYPE html><link rel="icon" href="data:,"><p id="who">%s</p>`, whom) //nolint:gosec // as above
}

// greet opens a WebSocket, and closes it.
func greet(w http.ResponseWriter, r *http.Request) {
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = conn.Close() }()
	accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 has it so
	_, _ = fmt.Fprintf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(accept[:]))
	_ = out.Flush()
}

// together has each request wait for one more, so that neither has seen what
// the other is answered.
func together(next http.Handler) http.Handler {
	meet := make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case meet <- struct{}{}:
		case <-meet:
		case <-r.Context().Done():
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sharing lets scripts of other origins read the answers of a host.
func sharing(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next // no list would be every origin
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins, AllowCredentials: true,
		AllowedHeaders: []string{"Authorization", "Content-Type"}, ExposedHeaders: []string{"RateLimit"},
	}).Handler(next)
}
