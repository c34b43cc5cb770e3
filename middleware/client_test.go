package middleware_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
)

// cli is the command-line client that posts its long-lived key to login_refresh:
// it begins with no token at all, logs in when it is told 401, decodes whatever
// comes into a map of strings and never looks at the status of that.
type cli struct {
	http *http.Client
	host string
	key  string
	jwt  string
}

func (c *cli) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	status, body = c.once(t, path)
	if status != http.StatusUnauthorized {
		return status, body
	}
	c.login(t)
	return c.once(t, path)
}

func (c *cli) once(t *testing.T, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.host+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.jwt) // net/http makes "Bearer" of it
	return c.do(t, r)
}

func (c *cli) login(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"refresh_token": c.key})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.host+"/api/login_refresh", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	_, body := c.do(t, r)
	var answer map[string]string
	if json.Unmarshal([]byte(body), &answer) == nil {
		c.jwt = answer["token"]
		return
	}
	var failure struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(body), &failure); err != nil {
		t.Errorf("%s is neither strings nor a failure: %v", body, err)
	}
}

func (c *cli) do(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	res, err := c.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// served is an Auth behind a real server, which records the requests.
type served struct {
	*httptest.Server

	mu   sync.Mutex
	seen []string
}

func serve(t *testing.T, handler http.Handler) *served {
	t.Helper()
	s := &served{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.URL.Path
		if all, ok := r.Header["Authorization"]; ok {
			scheme, token, _ := strings.Cut(all[0], " ")
			line += " " + scheme
			if token != "" {
				line += " ..."
			}
		}
		s.mu.Lock()
		s.seen = append(s.seen, line)
		s.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *served) wantSeen(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.seen, want) {
		t.Errorf("the server saw\n%s\nwant\n%s", strings.Join(s.seen, "\n"), strings.Join(want, "\n"))
	}
	s.seen = nil
}

func seedRoutes(d *harness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/login_check", d.Login)
	mux.HandleFunc("/api/login_refresh", d.Refresh)
	mux.Handle("/api/1.0/open/me", d.Protect(http.HandlerFunc(d.hello)))
	return mux
}

func TestCLI(t *testing.T) {
	t.Parallel()
	t.Run("an empty Bearer, a 401, the key in JSON, and the call again", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{}))
		s := serve(t, seedRoutes(d))
		c := &cli{http: s.Client(), host: s.URL, key: d.apiKey(t)}
		if status, body := c.get(t, "/api/1.0/open/me"); status != http.StatusOK || body != "hello u-alice" {
			t.Errorf("%d %s", status, body)
		}
		s.wantSeen(t, "GET /api/1.0/open/me Bearer", "POST /api/login_refresh", "GET /api/1.0/open/me Bearer ...")
		// the next call needs no login
		if status, _ := c.get(t, "/api/1.0/open/me"); status != http.StatusOK {
			t.Errorf("status = %d, want 200", status)
		}
		s.wantSeen(t, "GET /api/1.0/open/me Bearer ...")
	})

	t.Run("an expired token is replaced the same way, and the key is good for ever", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{}))
		s := serve(t, seedRoutes(d))
		c := &cli{http: s.Client(), host: s.URL, key: d.apiKey(t), jwt: d.expired(t)}
		for range 4 {
			if status, _ := c.get(t, "/api/1.0/open/me"); status != http.StatusOK {
				t.Errorf("status = %d, want 200", status)
			}
			s.wantSeen(t, "GET /api/1.0/open/me Bearer ...", "POST /api/login_refresh", "GET /api/1.0/open/me Bearer ...")
			c.jwt = d.expired(t)
		}
	})

	t.Run("a wrong key costs one login and one more call", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(wire.Lexik{}))
		s := serve(t, seedRoutes(d))
		c := &cli{http: s.Client(), host: s.URL, key: "no such key"}
		if status, _ := c.get(t, "/api/1.0/open/me"); status != http.StatusUnauthorized || c.jwt != "" {
			t.Errorf("status = %d, token %q, want 401 and none", status, c.jwt)
		}
		s.wantSeen(t, "GET /api/1.0/open/me Bearer", "POST /api/login_refresh", "GET /api/1.0/open/me Bearer")
	})
}

// D13, and the story of the first seed: what the user typed is what is compared.
func TestPasswordsArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"a&b", "a+b", "100%", "%26", "a b", " leading", "trailing ", "tab\t", "newline\n", "🔑 key", `"\`, "a=b;c", "ä"} {
		t.Run("the password "+p+" is accepted", func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(wire.Lexik{}))
			eve := store.User{ID: "u-eve", Login: "eve & co@example", Tier: "free"}
			if err := d.store.memory.AddUser(t.Context(), eve, p); err != nil {
				t.Fatal(err)
			}
			object, err := json.Marshal(map[string]string{"_username": eve.Login, "_password": p})
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range []string{
				form + "\n\n" + url.Values{"_username": {eve.Login}, "_password": {p}}.Encode(),
				form + "\n\n_username=" + percent(eve.Login) + "&_password=" + percent(p), // as curl --data-urlencode has it
				jsonType + "\n\n" + string(object),
				multipart("_username", eve.Login, "_password", p),
			} {
				r := request(t, "POST /login\n"+body)
				wantStatus(t, d.send(r), http.StatusOK)
			}
			wrong := url.Values{"_username": {eve.Login}, "_password": {strings.TrimSpace(p) + "x"}}.Encode()
			wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+wrong), http.StatusUnauthorized)
		})
	}
}

// percent encodes every byte.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteString("%" + string("0123456789ABCDEF"[s[i]>>4]) + string("0123456789abcdef"[s[i]&15]))
	}
	return b.String()
}

func basic(id, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// with is the header of a form, and one more if there is one.
func with(header string) string { return strings.TrimSpace(form + "\n" + header) }

// TestClient: who the OAuth client is. The session of each login is bound to it,
// which the refresh shows.
func TestClient(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ name, header, body, client string }{
		{name: "Basic with an empty secret names the client (D30)", header: basic("app", ""), client: "app"},
		{name: "Basic with an unregistered secret names the client", header: basic("app", "s3cret"), client: "app"},
		{name: "the name in Basic is form-encoded (D24)", header: basic("a%3Ab+c", ""), client: "a:b c"},
		{name: "the scheme is read in any case", header: strings.Replace(basic("app", ""), "Basic", "bASIC", 1), client: "app"},
		{name: "client_id in the body names the client (D25)", body: "&client_id=app", client: "app"},
		{name: "client_id with a secret in the body names the client", body: "&client_id=app&client_secret=s3cret", client: "app"},
		{name: "both may name the same client", header: basic("app", ""), body: "&client_id=app", client: "app"},
		{name: "an empty secret in the body is none", header: basic("app", "s"), body: "&client_secret=", client: "app"},
		{name: "a client ID is not required", client: ""},
		{name: "a name in Basic that is no form stands for itself", header: basic("100%", ""), client: "100%"},
		{name: "an empty name in Basic is none", header: basic("", ""), client: ""},
		{name: "an Authorization of another scheme names no client", header: "Authorization: Digest username=app", client: ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			w := d.ask(t, "POST /login\n"+with(x.header)+"\n\n"+goodForm+x.body)
			wantStatus(t, w, http.StatusOK)
			if got := d.principal(t, w).ClientID; got != x.client {
				t.Errorf("client = %q, want %q", got, x.client)
			}
		})
	}
	for _, x := range []struct{ name, header, body string }{
		{name: "Basic and a secret in the body are 400 (D26)", header: basic("app", "s"), body: "&client_secret=s"},
		{name: "so are Basic and a secret in the body of the same client", header: basic("app", "s"), body: "&client_id=app&client_secret=s"},
		{name: "two clients are 400", header: basic("app", ""), body: "&client_id=other"},
		{name: "Basic that is no base64 is 400", header: "Authorization: Basic %%%"},
		{name: "Basic that is no pair is 400", header: "Authorization: Basic YXBw"},
		{name: "Basic with nothing behind it is 400", header: "Authorization: Basic"},
		{name: "Basic whose name is not UTF-8 is 400", header: basic("%ff", "")},
		{name: "Basic whose name has a NUL in it is 400", header: basic("a%00", "")},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			for _, request := range []string{
				"POST /login\n" + with(x.header) + "\n\n" + goodForm + x.body,
				"POST /token\n" + with(x.header) + "\n\ngrant_type=refresh_token&refresh_token=x" + x.body,
				"POST /refresh\n" + with(x.header) + "\n\nrefresh_token=x" + x.body,
				"POST /logout\n" + with(x.header) + "\n\nrefresh_token=x" + x.body,
			} {
				w := d.ask(t, request)
				wantStatus(t, w, http.StatusBadRequest)
				if !strings.HasPrefix(request, "POST /logout") && !strings.HasPrefix(w.Body.String(), `{"error":"invalid_request","error_description":"The `) {
					t.Errorf("body = %s", w.Body)
				}
			}
			if calls := d.store.take(); calls != nil {
				t.Errorf("the store was asked %q", calls)
			}
		})
	}
	t.Run("a client with a name that no store could hold is 400", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		w := d.ask(t, "POST /login\n"+form+"\n\n"+goodForm+"&client_id="+strings.Repeat("a", 513))
		wantAnswer(t, w, http.StatusBadRequest, oauth2JSON, oauth2Malformed)
		if calls := d.store.take(); calls != nil {
			t.Errorf("the store was asked %q", calls)
		}
	})
	t.Run("another client's refresh token is refused, and stays good for its owner (P7, P9, D32, D55, D56)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		one := string(d.loginAs(t, alice, "app").RefreshToken)
		body := form + "\n\ngrant_type=refresh_token&refresh_token=" + one
		for _, other := range []string{basic("other", ""), basic("APP", ""), basic("app ", "")} {
			w := d.ask(t, "POST /token\n"+other+"\n"+body)
			wantAnswer(t, w, http.StatusBadRequest, oauth2JSON, oauth2Refresh)
		}
		wantStatus(t, d.ask(t, "POST /logout\n"+basic("other", "")+"\n"+body), http.StatusNoContent)
		wantStatus(t, d.ask(t, "POST /token\n"+basic("app", "")+"\n"+body), http.StatusOK)
	})
}

// x/oauth2 and some SDKs try Basic first, and on any error send the same again
// with the client in the body.
func TestClientThatProbes(t *testing.T) {
	t.Parallel()
	t.Run("a refusal that comes twice does not use the token up (P7, D32)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		token := string(d.loginAs(t, alice, "app").RefreshToken)
		d.store.fail(errDriver)
		body := "grant_type=refresh_token&refresh_token=" + token
		wantStatus(t, d.ask(t, "POST /token\n"+basic("app", "")+"\n"+form+"\n\n"+body), http.StatusServiceUnavailable)
		d.store.fail(nil)
		wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\n"+body+"&client_id=app"), http.StatusOK)
	})
}
