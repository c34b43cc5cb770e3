package middleware_test

import (
	"bufio"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/internal/eventtest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const password = "correct horse & battery"

// Each has an account of their own, but for dave, who works for alice's.
var (
	alice = store.User{ID: "u-alice", Login: "alice", Account: "acme", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	bob   = store.User{ID: "u-bob", Login: "bob", Account: "bobs", Tier: "free", Seats: 3}
	carol = store.User{ID: "u-carol", Login: "carol", Account: "carols", Tier: "premium", Seats: 2}
	dave  = store.User{ID: "u-dave", Login: "dave", Account: "acme", Tier: "free", Seats: 1}
	users = []store.User{alice, bob, carol, dave}
)

func tiers() ratelimit.Tiers {
	return ratelimit.Tiers{
		"anonymous": {Limit: 100, Period: time.Hour},
		"free":      {Limit: 500, Period: time.Hour, PerSeat: true, Max: 5000},
		"premium":   {Limit: 5000, Period: time.Hour, PerSeat: true},
	}
}

// harness is an Auth with all its routes mounted, on a store that records its calls
// and with a journal of the events.
type harness struct {
	*middleware.Auth

	tokens  *tokens.Authority
	store   *recordingStore
	journal *eventtest.Journal
	mux     *http.ServeMux
	config  config
}

// config is what a test may change before the harness is made.
type config struct {
	tokens tokens.Config
	auth   middleware.Config
}

func open(tb testing.TB, edits ...func(*config)) *harness {
	tb.Helper()
	d := &harness{store: newRecordingStore(tb), journal: &eventtest.Journal{}, mux: http.NewServeMux()}
	d.config.tokens = tokens.Config{
		Store: d.store, APIKeys: d.store, Issuer: "https://issuer.example", Audience: "https://api.example",
		Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("access")}},
		RefreshKeys: []keys.Secret{secret("refresh")},
		Events:      d.journal.Note,
	}
	d.config.auth = middleware.Config{Tiers: tiers(), ClientIP: clientip.RemoteAddr}
	for _, edit := range edits {
		edit(&d.config)
	}
	var err error
	if d.tokens, err = tokens.New(d.config.tokens); err != nil {
		tb.Fatal(err)
	}
	d.config.auth.Tokens = d.tokens
	if d.Auth, err = middleware.New(d.config.auth); err != nil {
		tb.Fatal(err)
	}
	d.mux.HandleFunc("/login", d.Login)
	d.mux.HandleFunc("/complete", d.CompleteLogin)
	d.mux.HandleFunc("/refresh", d.Refresh)
	d.mux.HandleFunc("/logout", d.Logout)
	d.mux.HandleFunc("/everywhere", d.LogoutEverywhere)
	d.mux.HandleFunc("/token", d.Token)
	d.mux.HandleFunc("/revoke", d.Revoke)
	d.mux.HandleFunc("/introspect", d.Introspect)
	d.mux.HandleFunc("/sessions", d.Sessions)
	d.mux.HandleFunc("/sessions/others", d.EndOtherSessions)
	d.mux.HandleFunc("/sessions/{id}", d.EndSession)
	d.mux.HandleFunc("/keys", d.APIKeys)
	d.mux.HandleFunc("/keys/new", d.CreateAPIKey)
	d.mux.HandleFunc("/keys/{id}", d.RevokeAPIKey)
	d.mux.HandleFunc("/rotate/{id}", d.ReplaceAPIKey)
	hello := http.HandlerFunc(d.hello)
	d.mux.Handle("/me", d.Protect(hello))
	d.mux.Handle("/bearer", d.Bearer(hello))
	d.mux.Handle("/search", d.OptionalBearer(d.Limit(hello)))
	d.mux.Handle("/write", d.Bearer(d.RequireScope("write")(hello)))
	d.mux.Handle("/admin", d.Bearer(d.RequireScope("read", "admin")(hello)))
	d.mux.Handle("/bare", d.RequireScope("read")(hello))
	d.mux.Handle("/limited", d.Limit(hello))
	return d
}

// hello is the host's own handler.
func (*harness) hello(w http.ResponseWriter, r *http.Request) {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		p.Subject = "anonymous"
	}
	_, _ = io.WriteString(w, "hello "+p.Subject)
}

func speaking(dialect wire.Dialect) func(*config) {
	return func(c *config) { c.auth.Dialect = dialect }
}

func secret(name string) keys.Secret {
	sum := sha256.Sum256([]byte(name))
	return keys.Secret(sum[:])
}

// login logs a user in without a request.
func (d *harness) login(tb testing.TB, u store.User) tokens.Pair {
	tb.Helper()
	return d.loginAs(tb, u, "")
}

func (d *harness) loginAs(tb testing.TB, u store.User, client string) tokens.Pair {
	tb.Helper()
	p, err := d.tokens.Login(tb.Context(), tokens.LoginRequest{Login: u.Login, Password: password, ClientID: client})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// expired is an access token of alice's that was good until an hour ago.
func (d *harness) expired(tb testing.TB) string {
	tb.Helper()
	config := d.config.tokens
	now := time.Now
	if config.Now != nil {
		now = config.Now
	}
	config.Now = func() time.Time { return now().Add(-90 * time.Minute) }
	config.Events = nil
	before, err := tokens.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := before.Login(tb.Context(), tokens.LoginRequest{Login: alice.Login, Password: password, AccessOnly: true})
	if err != nil {
		tb.Fatal(err)
	}
	return string(p.AccessToken)
}

func (d *harness) apiKey(tb testing.TB) string {
	tb.Helper()
	key, _, err := d.tokens.CreateAPIKey(tb.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
	if err != nil {
		tb.Fatal(err)
	}
	return string(key)
}

// fill writes credentials of alice's where a request has a placeholder.
func (d *harness) fill(tb testing.TB, text string) string {
	tb.Helper()
	if strings.Contains(text, "{access}") || strings.Contains(text, "{refresh}") {
		p := d.login(tb, alice)
		text = strings.ReplaceAll(text, "{access}", string(p.AccessToken))
		text = strings.ReplaceAll(text, "{refresh}", string(p.RefreshToken))
	}
	if strings.Contains(text, "{client's refresh}") {
		text = strings.ReplaceAll(text, "{client's refresh}", string(d.loginAs(tb, alice, "app").RefreshToken))
	}
	if strings.Contains(text, "{revoked}") {
		p := d.login(tb, alice)
		if err := d.tokens.Logout(tb.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); err != nil {
			tb.Fatal(err)
		}
		text = strings.ReplaceAll(text, "{revoked}", string(p.RefreshToken))
	}
	if strings.Contains(text, "{expired}") {
		text = strings.ReplaceAll(text, "{expired}", d.expired(tb))
	}
	if strings.Contains(text, "{key}") {
		text = strings.ReplaceAll(text, "{key}", d.apiKey(tb))
	}
	return text
}

// request reads a request that is written as it is on the wire: a line, headers,
// an empty line, and a body without a line end. Lines end in "\n".
func request(tb testing.TB, text string) *http.Request {
	tb.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		r.Header.Add(name, strings.Trim(value, " \t")) // as net/http trims it
	}
	return r
}

// ask fills a request and sends it.
func (d *harness) ask(tb testing.TB, text string) *httptest.ResponseRecorder {
	tb.Helper()
	return d.send(request(tb, d.fill(tb, text)))
}

func (d *harness) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w
}

// principal is whom an answer's access token names.
func (d *harness) principal(tb testing.TB, w *httptest.ResponseRecorder) tokens.Principal {
	tb.Helper()
	p, err := d.tokens.Verify(tb.Context(), tokens.Secret(jwtForm.FindString(w.Body.String())))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// call sends a GET with a token, from an address.
func (d *harness) call(tb testing.TB, path string, token tokens.Secret, address string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+string(token))
	}
	if address != "" {
		r.RemoteAddr = address
	}
	return d.send(r)
}

var (
	jwtForm     = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]+`)
	refreshForm = regexp.MustCompile(`sp_rt_[\w-]+`)
)

// masked writes {jwt} and {refresh} where tokens are, which are never the same.
func masked(body string) string {
	return refreshForm.ReplaceAllString(jwtForm.ReplaceAllString(body, "{jwt}"), "{refresh}")
}

// lines is a header as text, in alphabetical order.
func lines(h http.Header) string {
	var all []string
	for name, values := range h {
		for _, v := range values {
			all = append(all, name+": "+v)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func sorted(text string) string {
	all := strings.Split(text, "\n")
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// wantAnswer wants exactly this status, these headers and this body.
func wantAnswer(tb testing.TB, w *httptest.ResponseRecorder, status int, header, body string) {
	tb.Helper()
	if w.Code != status {
		tb.Errorf("status = %d, want %d", w.Code, status)
	}
	if got, want := lines(w.Header()), sorted(header); got != want {
		tb.Errorf("header =\n%s\nwant\n%s", got, want)
	}
	if got := masked(w.Body.String()); got != body {
		tb.Errorf("body =\n%s\nwant\n%s", got, body)
	}
}

func wantStatus(tb testing.TB, w *httptest.ResponseRecorder, status int) {
	tb.Helper()
	if w.Code != status {
		tb.Errorf("status = %d, want %d: %s", w.Code, status, w.Body)
	}
}

// exchange is a request and all of its answer.
type exchange struct {
	name    string
	ready   func(*testing.T, *harness) // nil: nothing to be done before
	request string
	status  int
	header  string
	body    string
}

// wantExchanges makes each exchange with a new harness, in a synctest bubble whose
// clock stands still, so that every header is always the same.
func wantExchanges(t *testing.T, dialect wire.Dialect, all []exchange) {
	t.Helper()
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t, speaking(dialect))
				text := d.fill(t, x.request)
				if x.ready != nil {
					x.ready(t, d)
				}
				wantAnswer(t, d.ask(t, text), x.status, x.header, x.body)
			})
		})
	}
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// raw sends bytes to a server as they are, and reads the answer.
func raw(tb testing.TB, conn io.ReadWriter, text string) *http.Response {
	tb.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		tb.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// replace writes a pair's tokens where a request has ACCESS and REFRESH.
func replace(text string, p tokens.Pair) string {
	return strings.NewReplacer("ACCESS", string(p.AccessToken), "REFRESH", string(p.RefreshToken)).Replace(text)
}
