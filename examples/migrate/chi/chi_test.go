package chi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/jwtauth/v5"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/migrate/chi"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const password = "correct horse & battery"

// secret is that of both versions.
var secret = []byte("0123456789abcdef0123456789abcdef")

// servers are an old server and a new one over the same database.
type servers struct{ old, current http.Handler }

// open starts both at the moment at which the old servers begin to be replaced. That
// takes an hour.
func open(t *testing.T) servers {
	t.Helper()
	db, err := chi.Demo(password)
	if err != nil {
		t.Fatal(err)
	}
	current, err := chi.After(chi.Config{
		Database: db, Secret: secret, RefreshKey: keys.NewSecret(), Sessions: hosttest.Users(t, nil, ""), Hasher: hosttest.Hasher(t),
		OldUntil: time.Now().Add(25 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return servers{chi.Before(db, secret), current}
}

// send sends a request, such as "GET /me", with a token, and a body in JSON.
func send(t *testing.T, server http.Handler, line, token, body string, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

// pair is what a login returns. The old server returns no refresh token.
type pair struct {
	Token   string `json:"token"`
	Refresh string `json:"refresh_token"`
}

func issued(t *testing.T, server http.Handler, line, body string) pair {
	t.Helper()
	w := send(t, server, line, "", body)
	var p pair
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK || p.Token == "" {
		t.Fatalf("%s: %d %s", line, w.Code, w.Body)
	}
	return p
}

func login(t *testing.T, server http.Handler, name string) pair {
	t.Helper()
	return issued(t, server, "POST /login", `{"email":"`+name+`@example.com","password":"`+password+`"}`)
}

var traffic = []string{"GET /me", "GET /articles", "POST /articles", "GET /articles"}

// Every handler answers as before, with the same X-RateLimit headers: whichever server
// issued the token, whichever server gets the request.
func TestEachHandlerAnswersAsBeforeForOldAndNewTokens(t *testing.T) {
	t.Parallel()
	of := map[string]func(servers) http.Handler{
		"the old server": func(s servers) http.Handler { return s.old },
		"the new server": func(s servers) http.Handler { return s.current },
	}
	for _, name := range []string{"ada", "bob"} {
		for issuer, issuing := range of {
			for server, serving := range of {
				t.Run(name+", a token of "+issuer+" at "+server, func(t *testing.T) {
					t.Parallel()
					baseline, s := open(t), open(t)
					want, got := login(t, baseline.old, name).Token, login(t, issuing(s), name).Token
					for _, line := range traffic {
						a, b := send(t, serving(s), line, got, ""), send(t, baseline.old, line, want, "")
						if a.Code != b.Code || a.Body.String() != b.Body.String() {
							t.Errorf("%s = %d %s, want %d %s as before", line, a.Code, a.Body, b.Code, b.Body)
						}
						for _, header := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining"} {
							if a.Header().Get(header) != b.Header().Get(header) || a.Header().Get(header) == "" {
								t.Errorf("%s: %s = %q, want %q", line, header, a.Header().Get(header), b.Header().Get(header))
							}
						}
					}
				})
			}
		}
	}
}

func TestNoUserIsLoggedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		is := func(when string, server http.Handler, token string, status int) {
			t.Helper()
			if w := send(t, server, "GET /me", token, ""); w.Code != status {
				t.Errorf("%s: %d %s, want %d", when, w.Code, w.Body, status)
			}
		}
		ada, bob := login(t, s.old, "ada").Token, login(t, s.current, "bob")
		for _, server := range []http.Handler{s.old, s.current} {
			is("ada, hour 0", server, ada, http.StatusOK)
			is("bob, hour 0", server, bob.Token, http.StatusOK)
		}
		inCookie := func(r *http.Request) { r.Header.Set("Cookie", "jwt="+ada) }
		if w := send(t, s.current, "GET /me", "", "", inCookie); w.Code != http.StatusOK {
			t.Errorf("ada, with a cookie: %d", w.Code)
		}
		time.Sleep(24*time.Hour - time.Second)
		is("ada, a second before hour 24", s.current, ada, http.StatusOK)
		bob = issued(t, s.current, "POST /refresh", `{"refresh_token":"`+bob.Refresh+`"}`)
		time.Sleep(time.Second)
		is("ada, hour 24", s.current, ada, http.StatusUnauthorized)
		is("bob, hour 24", s.current, bob.Token, http.StatusOK)

		// The way back.
		time.Sleep(23 * time.Hour)
		is("bob, hour 47, back", s.old, bob.Token, http.StatusOK)
		is("ada, hour 47, back", s.old, login(t, s.old, "ada").Token, http.StatusOK)
	})
}

// jwtauth accepts a token that never expires. After the last day of the old tokens it is
// asked about none.
func TestNoOldTokenIsAcceptedAfterTheLastDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		_, eternal, err := jwtauth.New("HS256", secret, nil).Encode(map[string]any{"user_id": 7, "role": "editor"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(25*time.Hour - time.Second)
		if w := send(t, s.current, "GET /me", eternal, ""); w.Code != http.StatusOK {
			t.Errorf("a second before: %d", w.Code)
		}
		time.Sleep(time.Second)
		if w := send(t, s.current, "GET /me", eternal, ""); w.Code != http.StatusUnauthorized {
			t.Errorf("then: %d", w.Code)
		}
	})
}

func TestBothVersionsRefuseTheSameTokens(t *testing.T) {
	t.Parallel()
	s := open(t)
	encode := func(algorithm string, secret []byte, claims map[string]any) string {
		_, token, err := jwtauth.New(algorithm, secret, nil).Encode(claims)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	oldHead, _, _ := strings.Cut(login(t, s.old, "ada").Token, ".")
	issued := login(t, s.current, "ada")
	_, rest, _ := strings.Cut(issued.Token, ".")
	soon, past := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	for name, token := range map[string]string{
		"no token":                                 "",
		"no JWT":                                   "rubbish",
		"an old token that has expired":            encode("HS256", secret, map[string]any{"user_id": 7, "exp": past}),
		"an old token of another secret":           encode("HS256", []byte("fedcba9876543210fedcba9876543210"), map[string]any{"user_id": 7, "exp": soon}),
		"an old token of another algorithm":        encode("HS384", secret, map[string]any{"user_id": 7, "exp": soon}),
		"a new token's claims under an old header": oldHead + "." + rest,
		"a refresh token":                          issued.Refresh,
	} {
		for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
			if w := send(t, server, "GET /me", token, ""); w.Code != http.StatusUnauthorized {
				t.Errorf("%s: the %s version answers %d %s", name, version, w.Code, w.Body)
			}
		}
	}
	for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
		if w := send(t, server, "POST /login", "", `{"email":"ada@example.com","password":"wrong"}`); w.Code != http.StatusUnauthorized {
			t.Errorf("a wrong password: the %s version answers %d %s", version, w.Code, w.Body)
		}
	}
}

// A user has one limit in each version, whichever tokens they send.
func TestTheLimitIsAsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		first, second := login(t, s.old, "ada").Token, login(t, s.current, "ada").Token
		for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
			for i := range 102 {
				want := http.StatusOK
				if i >= 100 {
					want = http.StatusTooManyRequests
				}
				token := first
				if i%2 == 1 {
					token = second
				}
				if w := send(t, server, "GET /me", token, ""); w.Code != want {
					t.Fatalf("the %s version answers request %d with %d", version, i, w.Code)
				}
			}
		}
	})
}
