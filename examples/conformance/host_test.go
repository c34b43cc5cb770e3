package conformance_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	echo4 "github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	password = "correct horse & battery"
	issuer   = "https://issuer.example/tenant"
	audience = "https://api.example"
)

var (
	alice = store.User{ID: "u-alice", Login: "alice", Account: "acme", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	bob   = store.User{ID: "u-bob", Login: "bob", Account: "bobs", Tier: "premium", Seats: 2, Scopes: []string{"read"}}
)

// The clients that are registered. The shop's has a secret that has to be
// encoded before it goes into Basic.
const shopSecret = "s%cret+of the/shop:"

func digest(secret string) store.Digest { return sha256.Sum256([]byte(secret)) }

var (
	allGrants = []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}
	clients   = []store.Client{
		{ID: "app", Grants: allGrants},
		{ID: "other", Grants: allGrants},
		{ID: "shop:1", Secrets: []store.Digest{digest(shopSecret)}, Grants: allGrants},
		{ID: "reader", Grants: allGrants, Scopes: []string{"read"}},
		{ID: "script", Grants: []string{tokens.GrantExchange}},
	}
)

// config is what a requirement may change before the host is opened.
type config struct {
	tokens tokens.Config
	auth   middleware.Config
	user   []store.User
}

type edit func(*config)

func speaking(d wire.Dialect) edit { return func(c *config) { c.auth.Dialect = d } }

func grace(d time.Duration) edit {
	return func(c *config) {
		for i := range clients {
			client := clients[i]
			client.Grace = d
			_ = c.tokens.Clients.(*faulty).SetClient(context.Background(), client)
		}
	}
}

// opener opens a host with one of the adapters.
type opener func(*testing.T, ...edit) *host

// host is an API with everything mounted.
type host struct {
	http.Handler

	tokens *tokens.Authority
	config config
	store  *faulty
	log    *bytes.Buffer
	noting sync.Mutex // held while an event is told
	events []events.Event
}

var adapters = []struct {
	name string
	open opener
}{
	{"net/http", func(t *testing.T, edits ...edit) *host {
		t.Helper()
		h, auth := newHost(t, edits)
		mux := http.NewServeMux()
		for path, handler := range map[string]http.HandlerFunc{
			"/oauth/token": auth.Token, "/login": auth.Login, "/refresh": auth.Refresh,
			"/logout": auth.Logout, "/everywhere": auth.LogoutEverywhere,
			"/jwks": auth.JWKS, metadataPath: auth.Metadata, "/revoke": auth.Revoke, "/introspect": auth.Introspect,
			"/sessions": auth.Sessions,
		} {
			mux.HandleFunc(path, handler)
		}
		mux.HandleFunc("DELETE /sessions/{id}", auth.EndSession)
		me := http.HandlerFunc(me)
		mux.Handle("/me", auth.Protect(me))
		mux.Handle("/search", auth.OptionalBearer(auth.Limit(me)))
		mux.Handle("/write", auth.Bearer(auth.RequireScope("write")(me)))
		h.Handler = mux
		return h
	}},
	{"Echo v4", func(t *testing.T, edits ...edit) *host {
		t.Helper()
		h, inner := newHost(t, edits)
		e := echo4.New()
		mount(echov4.New(inner), echo4.WrapHandler(http.HandlerFunc(me)), func(path string, h echo4.HandlerFunc, m ...echo4.MiddlewareFunc) {
			e.Any(path, h, m...)
		})
		h.Handler = e
		return h
	}},
	{"Echo v5", func(t *testing.T, edits ...edit) *host {
		t.Helper()
		h, inner := newHost(t, edits)
		e := echo5.New()
		mount(echov5.New(inner), echo5.WrapHandler(http.HandlerFunc(me)), func(path string, h echo5.HandlerFunc, m ...echo5.MiddlewareFunc) {
			e.Any(path, h, m...)
		})
		h.Handler = e
		return h
	}},
}

// mount mounts everything on Echo.
func mount[C any, H ~func(C) error, M ~func(H) H](auth adaptertest.Names[C, H, M], me H, on func(path string, h H, m ...M)) {
	for path, handler := range map[string]H{
		"/oauth/token": auth.Token, "/login": auth.Login, "/refresh": auth.Refresh,
		"/logout": auth.Logout, "/everywhere": auth.LogoutEverywhere,
		"/jwks": auth.JWKS, metadataPath: auth.Metadata, "/revoke": auth.Revoke, "/introspect": auth.Introspect,
		"/sessions": auth.Sessions, "/sessions/:id": auth.EndSession,
	} {
		on(path, handler)
	}
	on("/me", me, auth.Protect)
	on("/search", me, auth.OptionalBearer, auth.Limit)
	on("/write", me, auth.Bearer, auth.RequireScope("write"))
}

// me is the host's own handler.
func me(w http.ResponseWriter, r *http.Request) {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		p.Subject = "anonymous"
	}
	_, _ = io.WriteString(w, p.Subject+" may "+p.Scope)
}

func newHost(t *testing.T, edits []edit) (*host, *middleware.Auth) {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, Queue: 1024, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	memory, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{store: &faulty{Store: memory}, log: &bytes.Buffer{}}
	for _, c := range clients {
		if err := memory.SetClient(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	log := events.Log(slog.New(slog.NewJSONHandler(h.log, nil)))
	c := config{
		tokens: tokens.Config{
			Store: h.store, APIKeys: h.store, Clients: h.store, DefaultClient: "app", Revocations: h.store,
			Issuer: issuer, Audience: audience,
			Keys:        []keys.Key{{Algorithm: "ES256", Private: signingKey}},
			RefreshKeys: []keys.Secret{secret("refresh")},
			Events: func(ctx context.Context, e events.Event) {
				h.noting.Lock()
				defer h.noting.Unlock()
				h.events = append(h.events, e)
				log(ctx, e)
			},
		},
		auth: middleware.Config{
			Tiers: ratelimit.Tiers{
				"anonymous": {Limit: 100, Period: time.Hour},
				"free":      {Limit: 500, Period: time.Hour, PerSeat: true, Max: 5000},
				"premium":   {Limit: 5000, Period: time.Hour, PerSeat: true},
			},
			ClientIP: clientip.RemoteAddr, PasswordGrant: true,
			MayIntrospect: func(_ context.Context, c store.Client) bool { return c.ID == "shop:1" },
			Endpoints:     middleware.Endpoints{Token: "/oauth/token", JWKS: "/jwks", Revoke: "/revoke", Introspect: "/introspect"},
		},
		user: []store.User{alice, bob},
	}
	for _, edit := range edits {
		edit(&c)
	}
	for _, u := range c.user {
		if err := memory.AddUser(t.Context(), u, password); err != nil {
			t.Fatal(err)
		}
	}
	h.config = c
	if h.tokens, err = tokens.New(c.tokens); err != nil {
		t.Fatal(err)
	}
	c.auth.Tokens = h.tokens
	auth, err := middleware.New(c.auth)
	if err != nil {
		t.Fatal(err)
	}
	return h, auth
}

var signingKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

func secret(name string) keys.Secret {
	sum := sha256.Sum256([]byte(name))
	return keys.Secret(sum[:])
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder

	members map[string]any // of the JSON object in the body; nil if there is none
}

// send makes a request to the host. Header lines are "Name: value".
func (h *host) send(t *testing.T, method, target, body string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	for _, line := range header {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	a := answer{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(a, r)
	_ = json.Unmarshal(a.Body.Bytes(), &a.members)
	return a
}

// form posts a form.
func (h *host) form(t *testing.T, path, body string, header ...string) answer {
	t.Helper()
	return h.send(t, http.MethodPost, path, body, append([]string{"Content-Type: application/x-www-form-urlencoded"}, header...)...)
}

// token asks the token endpoint.
func (h *host) token(t *testing.T, body string, header ...string) answer {
	t.Helper()
	return h.form(t, "/oauth/token", body, header...)
}

// good is alice's login at the token endpoint.
const good = "grant_type=password&username=alice&password=correct+horse+%26+battery"

// pair are two tokens.
type pair struct{ access, refresh string }

// login logs alice in, with more parameters.
func (h *host) login(t *testing.T, more ...string) pair {
	t.Helper()
	return h.token(t, strings.Join(append([]string{good}, more...), "&")).pair(t)
}

// refresh presents a refresh token, with more parameters.
func (h *host) refresh(t *testing.T, token string, more ...string) answer {
	t.Helper()
	return h.token(t, strings.Join(append([]string{"grant_type=refresh_token&refresh_token=" + token}, more...), "&"))
}

// call calls the API with an access token.
func (h *host) call(t *testing.T, path, token string) answer {
	t.Helper()
	return h.send(t, http.MethodGet, path, "", "Authorization: Bearer "+token)
}

func (a answer) pair(t *testing.T) pair {
	t.Helper()
	a.is(t, http.StatusOK, "")
	access, _ := a.members["access_token"].(string)
	refresh, _ := a.members["refresh_token"].(string)
	if access == "" {
		t.Fatalf("no access token: %s", a.Body)
	}
	return pair{access, refresh}
}

// is checks the status, and the error code unless code is empty.
func (a answer) is(t *testing.T, status int, code string) {
	t.Helper()
	if a.Code != status {
		t.Errorf("status = %d, want %d: %s", a.Code, status, a.Body)
	}
	if code != "" && a.members["error"] != code {
		t.Errorf("error = %v, want %q: %s", a.members["error"], code, a.Body)
	}
}

// has checks the value of a header.
func (a answer) has(t *testing.T, name, value string) {
	t.Helper()
	if got := a.Header().Get(name); got != value {
		t.Errorf("%s = %q, want %q", name, got, value)
	}
}

// refused checks for a challenge with this error code; "" is a challenge without one.
func (a answer) refused(t *testing.T, status int, code string) {
	t.Helper()
	a.is(t, status, "")
	challenge := a.Header().Values("WWW-Authenticate")
	switch {
	case len(challenge) != 1 || !strings.HasPrefix(challenge[0], `Bearer realm="`):
		t.Errorf("WWW-Authenticate = %q", challenge)
	case code == "" && strings.Contains(challenge[0], "error"), !strings.Contains(challenge[0], code):
		t.Errorf("WWW-Authenticate = %q, want error %q", challenge, code)
	}
}

// same checks that two answers are identical.
func same(t *testing.T, a, b answer) {
	t.Helper()
	if a.Code != b.Code || a.Body.String() != b.Body.String() || !maps.EqualFunc(a.Header(), b.Header(), slices.Equal) {
		t.Errorf("they differ:\n%d %v %s\n%d %v %s", a.Code, a.Header(), a.Body, b.Code, b.Header(), b.Body)
	}
}

// kinds are the events since it was last called.
func (h *host) kinds() []events.Kind {
	var kinds []events.Kind
	for _, e := range h.events {
		kinds = append(kinds, e.Kind)
	}
	h.events = nil
	return kinds
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

var errDriver = errors.New("driver: MARKER broken pipe")

// faulty is a memory store that says what it was asked, and can be down.
type faulty struct {
	*memstore.Store

	mu    sync.Mutex
	down  bool
	calls []string
}

func (f *faulty) fail(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *faulty) enter(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if f.down {
		return errDriver
	}
	return nil
}

// took are the calls since it was last called.
func (f *faulty) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *faulty) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if err := f.enter("Authenticate"); err != nil {
		return store.User{}, err
	}
	return f.Store.Authenticate(ctx, login, password)
}

func (f *faulty) User(ctx context.Context, id string) (store.User, error) {
	if err := f.enter("User"); err != nil {
		return store.User{}, err
	}
	return f.Store.User(ctx, id)
}

func (f *faulty) Session(ctx context.Context, id string) (store.Session, error) {
	if err := f.enter("Session"); err != nil {
		return store.Session{}, err
	}
	return f.Store.Session(ctx, id)
}

func (f *faulty) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	if err := f.enter("AdvanceSession"); err != nil {
		return err
	}
	return f.Store.AdvanceSession(ctx, id, from, at, idleUntil)
}

func (f *faulty) RevokeSession(ctx context.Context, id string, at time.Time) error {
	if err := f.enter("RevokeSession"); err != nil {
		return err
	}
	return f.Store.RevokeSession(ctx, id, at)
}

func (f *faulty) SessionDenied(ctx context.Context, sid string) (bool, error) {
	if err := f.enter("SessionDenied"); err != nil {
		return false, err
	}
	return f.Store.SessionDenied(ctx, sid)
}
