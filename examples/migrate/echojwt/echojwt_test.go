package echojwt_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/migrate/echojwt"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const password = "correct horse & battery"

// secret is that of both versions.
var secret = []byte("0123456789abcdef0123456789abcdef")

// servers are an old server and a new one over the same database.
type servers struct{ old, current *echo.Echo }

// open starts both at the moment at which the old servers begin to be replaced. That
// takes an hour.
func open(t *testing.T) servers {
	t.Helper()
	db, err := echojwt.Demo(password)
	if err != nil {
		t.Fatal(err)
	}
	current, err := echojwt.After(echojwt.Config{
		Database: db, Secret: secret, RefreshKey: keys.NewSecret(), Sessions: hosttest.Users(t, nil, ""), Hasher: hosttest.Hasher(t),
		OldUntil: time.Now().Add(73 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return servers{echojwt.Before(db, secret), current}
}

// request is what a client sends, such as "PUT /tasks/1/done".
type request struct {
	line  string
	token string
	form  url.Values
}

type answer struct {
	status int
	body   string
	header http.Header
}

func (r request) to(t *testing.T, server http.Handler) answer {
	t.Helper()
	method, path, _ := strings.Cut(r.line, " ")
	sent := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(r.form.Encode()))
	if r.form != nil {
		sent.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if r.token != "" {
		sent.Header.Set("Authorization", "Bearer "+r.token)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, sent)
	return answer{w.Code, w.Body.String(), w.Header()}
}

// pair is what a login returns. The old server returns no refresh token.
type pair struct {
	Token   string `json:"token"`
	Refresh string `json:"refresh_token"`
}

func login(t *testing.T, server http.Handler, name string) pair {
	t.Helper()
	return tokensOf(t, server, "POST /login", url.Values{"username": {name}, "password": {password}})
}

func tokensOf(t *testing.T, server http.Handler, line string, form url.Values) pair {
	t.Helper()
	a := request{line: line, form: form}.to(t, server)
	var p pair
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != http.StatusOK || p.Token == "" {
		t.Fatalf("%s: %d %s", line, a.status, a.body)
	}
	return p
}

// traffic is what the clients of the API send to each handler.
var traffic = []request{
	{line: "GET /me"},
	{line: "GET /tasks"},
	{line: "POST /tasks", form: url.Values{"title": {"paint the fence"}}},
	{line: "POST /tasks", form: url.Values{"title": {""}}},
	{line: "PUT /tasks/1/done"},
	{line: "PUT /tasks/2/done"},
	{line: "PUT /tasks/none/done"},
	{line: "GET /admin/tasks"},
	{line: "DELETE /tasks/2"},
	{line: "DELETE /tasks/3"},
	{line: "DELETE /tasks/4"},
	{line: "GET /tasks"},
	{line: "GET /health"},
}

// sent returns the answers to all traffic, of the server whose turn it is.
func sent(t *testing.T, token string, turn func(i int) http.Handler) (all []answer) {
	t.Helper()
	for i, r := range traffic {
		r.token = token
		all = append(all, r.to(t, turn(i)))
	}
	return all
}

// only is a deployment of one kind of servers, and mixed has both behind one load
// balancer.
func only(h http.Handler) func(int) http.Handler { return func(int) http.Handler { return h } }

func (s servers) mixed(first int) func(int) http.Handler {
	return func(i int) http.Handler { return []http.Handler{s.old, s.current}[(first+i)%2] }
}

// Every handler answers as before: whichever server issued the token, whichever server
// gets the request.
func TestEachHandlerAnswersAsBeforeForOldAndNewTokens(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ada", "bob"} {
		baseline := open(t)
		want := sent(t, login(t, baseline.old, name).Token, only(baseline.old))
		for _, test := range []struct {
			name   string
			issuer func(servers) http.Handler
			turn   func(servers) func(int) http.Handler
		}{
			{"a token of the old server at the new one", func(s servers) http.Handler { return s.old }, func(s servers) func(int) http.Handler { return only(s.current) }},
			{"a token of the new server at the new one", func(s servers) http.Handler { return s.current }, func(s servers) func(int) http.Handler { return only(s.current) }},
			{"a token of the new server at the old one", func(s servers) http.Handler { return s.current }, func(s servers) func(int) http.Handler { return only(s.old) }},
			{"a token of the old server at both in turn", func(s servers) http.Handler { return s.old }, func(s servers) func(int) http.Handler { return s.mixed(0) }},
			{"a token of the new server at both in turn", func(s servers) http.Handler { return s.current }, func(s servers) func(int) http.Handler { return s.mixed(1) }},
		} {
			t.Run(name+": "+test.name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				got := sent(t, login(t, test.issuer(s), name).Token, test.turn(s))
				for i := range want {
					if got[i].status != want[i].status || got[i].body != want[i].body {
						t.Errorf("%s = %d %s, want %d %s as before", traffic[i].line, got[i].status, got[i].body, want[i].status, want[i].body)
					}
				}
			})
		}
	}
}

// Five days of a deployment: no user is logged out on the way there, and none on the
// way back.
func TestNoUserIsLoggedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		served := func(when, name, token string, by http.Handler) {
			t.Helper()
			a := request{line: "GET /me", token: token}.to(t, by)
			if a.status != http.StatusOK || !strings.Contains(a.body, `"name":"`+name+`"`) {
				t.Errorf("%s: %s got %d %s", when, name, a.status, a.body)
			}
		}

		// Hour 0: old servers only. Within the hour the new ones come, one by one.
		ada := login(t, s.old, "ada").Token
		time.Sleep(59 * time.Minute)
		bob := login(t, s.old, "bob").Token
		cyd := login(t, s.current, "cyd")
		for when, server := range map[string]http.Handler{"hour 1, an old server": s.old, "hour 1, a new server": s.current} {
			served(when, "Ada", ada, server)
			served(when, "Bob", bob, server)
			served(when, "Cyd", cyd.Token, server)
		}

		// Hour 1: new servers only. The last old tokens live as long as they say.
		time.Sleep(71 * time.Hour)
		served("a minute before hour 72", "Ada", ada, s.current)
		served("a minute before hour 72", "Bob", bob, s.current)
		served("a minute before hour 72", "Cyd", cyd.Token, s.current)
		time.Sleep(time.Minute)
		if a := (request{line: "GET /me", token: ada}).to(t, s.current); a.status != http.StatusUnauthorized {
			t.Errorf("hour 72: the token of hour 0 got %d", a.status)
		}
		served("hour 72", "Bob", bob, s.current)

		// Ada logs in again, as after 72 hours she always did, and need not any more.
		ada2 := login(t, s.current, "ada")
		time.Sleep(71 * time.Hour)
		ada3 := tokensOf(t, s.current, "POST /refresh", url.Values{"refresh_token": {ada2.Refresh}})
		time.Sleep(2 * time.Hour)
		served("hour 145", "Ada", ada3.Token, s.current)

		// The way back: the old servers accept what the new ones have issued, and each
		// password as before.
		served("back", "Ada", ada3.Token, s.old)
		served("back", "Bob", login(t, s.old, "bob").Token, s.old)
		served("back", "Cyd", login(t, s.old, "cyd").Token, s.old)
		time.Sleep(69 * time.Hour)
		served("back, 69 hours later", "Ada", ada3.Token, s.old)
	})
}

// sign signs claims as an attacker, or another system, might.
func sign(t *testing.T, method jwt.SigningMethod, key any, set jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, set).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBothVersionsRefuseTheSameTokens(t *testing.T) {
	t.Parallel()
	s := open(t)
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	issued := login(t, s.current, "ada")
	head, rest, _ := strings.Cut(issued.Token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	oldHead, oldRest, _ := strings.Cut(login(t, s.old, "ada").Token, ".")
	for name, token := range map[string]string{
		"no token":                                  "",
		"no JWT":                                    "rubbish",
		"three empty parts":                         "..",
		"an old token that has expired":             sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": "1", "exp": in(-time.Second)}),
		"an old token of another secret":            sign(t, jwt.SigningMethodHS256, []byte("fedcba9876543210fedcba9876543210"), jwt.MapClaims{"sub": "1", "exp": in(time.Hour)}),
		"an old token of another algorithm":         sign(t, jwt.SigningMethodHS512, secret, jwt.MapClaims{"sub": "1", "exp": in(time.Hour)}),
		"an old token without a signature":          sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "1", "exp": in(time.Hour)}),
		"a new token's claims under an old header":  oldHead + "." + rest,
		"an old token's claims under a new header":  head + "." + oldRest,
		"a new token without its signature":         head + "." + claims + ".",
		"a new token with one character of it less": head + "." + claims + "." + signature[1:],
		"a refresh token":                           issued.Refresh,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
				if a := (request{line: "GET /me", token: token}).to(t, server); a.status != http.StatusUnauthorized {
					t.Errorf("the %s version answers %d %s", version, a.status, a.body)
				}
			}
		})
	}
}

// echo-jwt accepts a token that never expires. After the last day of the old tokens it
// is asked about none.
func TestNoOldTokenIsAcceptedAfterTheLastDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		eternal := sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": "1", "name": "Ada"})
		for _, test := range []struct {
			wait   time.Duration
			status int
		}{{73*time.Hour - time.Second, http.StatusOK}, {time.Second, http.StatusUnauthorized}} {
			time.Sleep(test.wait)
			if a := (request{line: "GET /me", token: eternal}).to(t, s.current); a.status != test.status {
				t.Errorf("%v later: %d, want %d", test.wait, a.status, test.status)
			}
		}
	})
}

// A wrong password is refused by both with 401 and a message.
func TestBothVersionsRefuseAWrongPassword(t *testing.T) {
	t.Parallel()
	s := open(t)
	for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
		for _, name := range []string{"ada", "unknown", "dan"} {
			a := request{line: "POST /login", form: url.Values{"username": {name}, "password": {"wrong"}}}.to(t, server)
			if a.status != http.StatusUnauthorized || !strings.Contains(a.body, `"message":"`) {
				t.Errorf("the %s version answers %s with %d %s", version, name, a.status, a.body)
			}
		}
	}
}

// One user has one limit, whichever tokens they send.
func TestOldAndNewTokensShareALimit(t *testing.T) {
	t.Parallel()
	s := open(t)
	left := func(token string) string {
		t.Helper()
		return request{line: "GET /me", token: token}.to(t, s.current).header.Get("RateLimit")
	}
	first, second := left(login(t, s.old, "ada").Token), left(login(t, s.current, "ada").Token)
	if !strings.Contains(first, "r=999;") || !strings.Contains(second, "r=998;") {
		t.Errorf("RateLimit = %q, then %q", first, second)
	}
}
