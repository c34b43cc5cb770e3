package ginjwt_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/migrate/ginjwt"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

const password = "correct horse & battery"

// secret is that of both versions.
var secret = []byte("0123456789abcdef0123456789abcdef")

// servers are an old server and a new one over the same database.
type servers struct{ old, current http.Handler }

// open starts both at the moment at which the old servers begin to be replaced. That
// takes an hour.
func open(t *testing.T) servers {
	t.Helper()
	db, err := ginjwt.Demo(password)
	if err != nil {
		t.Fatal(err)
	}
	old, err := ginjwt.Before(db, secret)
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	current, err := ginjwt.After(ginjwt.Config{
		Database: db, Secret: secret, RefreshKey: keys.NewSecret(), Sessions: sessions, Hasher: hasher,
		SwitchedAt: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return servers{old, current}
}

// send sends a request, such as "GET /me", with a token, and a body in JSON.
func send(t *testing.T, server http.Handler, line, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

// granted is what a login and a refresh return. The old server returns no refresh token.
type granted struct {
	Code    int    `json:"code"`
	Token   string `json:"token"`
	Expire  string `json:"expire"`
	Refresh string `json:"refresh_token"`
}

func issued(t *testing.T, server http.Handler, line, token, body string) granted {
	t.Helper()
	w := send(t, server, line, token, body)
	var g granted
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != http.StatusOK || g.Code != http.StatusOK || g.Token == "" {
		t.Fatalf("%s: %d %s", line, w.Code, w.Body)
	}
	if _, err := time.Parse(time.RFC3339, g.Expire); err != nil {
		t.Errorf("%s: expire: %v", line, err)
	}
	return g
}

func login(t *testing.T, server http.Handler, name string) granted {
	t.Helper()
	return issued(t, server, "POST /login", "", `{"username":"`+name+`","password":"`+password+`"}`)
}

// Every handler answers as before: whichever server issued the token, whichever server
// gets the request.
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
					for _, line := range []string{"GET /me", "GET /notes", "POST /notes", "GET /notes"} {
						a, b := send(t, serving(s), line, got, ""), send(t, baseline.old, line, want, "")
						if a.Code != b.Code || a.Body.String() != b.Body.String() {
							t.Errorf("%s = %d %s, want %d %s as before", line, a.Code, a.Body, b.Code, b.Body)
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
		time.Sleep(time.Hour - time.Second)
		is("ada, in the last second", s.current, ada, http.StatusOK)

		// gin-jwt's clients exchange a token that has expired, until a day after it was
		// issued.
		time.Sleep(20 * time.Hour)
		is("ada, hour 21", s.current, ada, http.StatusUnauthorized)
		ada2 := issued(t, s.current, "GET /refresh_token", ada, "")
		is("ada, hour 21, exchanged", s.current, ada2.Token, http.StatusOK)
		bob = issued(t, s.current, "POST /refresh", "", `{"refresh_token":"`+bob.Refresh+`"}`)
		time.Sleep(4 * time.Hour)
		if w := send(t, s.current, "GET /refresh_token", ada, ""); w.Code != http.StatusUnauthorized {
			t.Errorf("ada, hour 25: %d %s", w.Code, w.Body)
		}
		is("bob, hour 25", s.current, bob.Token, http.StatusOK)
		ada2 = issued(t, s.current, "POST /refresh", "", `{"refresh_token":"`+ada2.Refresh+`"}`)

		// The way back: the old servers accept the new tokens, and exchange them.
		is("ada, back", s.old, ada2.Token, http.StatusOK)
		ada3 := issued(t, s.old, "GET /refresh_token", ada2.Token, "")
		time.Sleep(30 * time.Minute)
		is("ada, back, exchanged", s.old, ada3.Token, http.StatusOK)
		is("bob, back", s.old, login(t, s.old, "bob").Token, http.StatusOK)
	})
}

func TestBothVersionsRefuseTheSameTokens(t *testing.T) {
	t.Parallel()
	s := open(t)
	sign := func(method jwt.SigningMethod, key any, edit func(jwt.MapClaims)) string {
		claims := jwt.MapClaims{"id": "ada", "role": "editor", "exp": time.Now().Add(time.Hour).Unix(), "orig_iat": time.Now().Unix()}
		edit(claims)
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	same := func(jwt.MapClaims) {}
	pair := login(t, s.current, "ada")
	for name, token := range map[string]string{
		"no token":          "",
		"no JWT":            "rubbish",
		"another secret":    sign(jwt.SigningMethodHS256, []byte("fedcba9876543210fedcba9876543210"), same),
		"another algorithm": sign(jwt.SigningMethodHS512, secret, same),
		"no signature":      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"expired": sign(jwt.SigningMethodHS256, secret, func(c jwt.MapClaims) {
			c["exp"] = time.Now().Add(-time.Hour).Unix()
			c["orig_iat"] = time.Now().Add(-25 * time.Hour).Unix()
		}),
		"a refresh token": pair.Refresh,
	} {
		for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
			for _, line := range []string{"GET /me", "GET /refresh_token"} {
				if w := send(t, server, line, token, ""); w.Code != http.StatusUnauthorized {
					t.Errorf("%s: %s: the %s version answers %d %s", name, line, version, w.Code, w.Body)
				}
			}
		}
	}
	for name, edit := range map[string]func(jwt.MapClaims){
		"no user":     func(c jwt.MapClaims) { delete(c, "id") },
		"no orig_iat": func(c jwt.MapClaims) { delete(c, "orig_iat") }, // gin-jwt panics
	} {
		if w := send(t, s.current, "GET /refresh_token", sign(jwt.SigningMethodHS256, secret, edit), ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, edit := range map[string]func(jwt.MapClaims){
		"no user":   func(c jwt.MapClaims) { delete(c, "id") },
		"no expiry": func(c jwt.MapClaims) { delete(c, "exp") },
	} {
		if w := send(t, s.current, "GET /me", sign(jwt.SigningMethodHS256, secret, edit), ""); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for version, server := range map[string]http.Handler{"old": s.old, "new": s.current} {
		if w := send(t, server, "POST /login", "", `{"username":"ada","password":"wrong"}`); w.Code != http.StatusUnauthorized {
			t.Errorf("a wrong password: the %s version answers %d %s", version, w.Code, w.Body)
		}
	}
}

// After the last day of the old tokens gin-jwt is asked about none.
func TestNoOldTokenIsAcceptedAfterTheLastDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		long, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"id": "ada", "role": "editor", "exp": time.Now().Add(1000 * time.Hour).Unix(), "orig_iat": time.Now().Add(999 * time.Hour).Unix(),
		}).SignedString(secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			wait        time.Duration
			me, refresh int
		}{
			{2*time.Hour - time.Second, http.StatusOK, http.StatusOK},
			{time.Second, http.StatusUnauthorized, http.StatusOK},
			{23*time.Hour - time.Second, http.StatusUnauthorized, http.StatusOK},
			{time.Second, http.StatusUnauthorized, http.StatusUnauthorized},
		} {
			time.Sleep(test.wait)
			me, refresh := send(t, s.current, "GET /me", long, ""), send(t, s.current, "GET /refresh_token", long, "")
			if me.Code != test.me || refresh.Code != test.refresh {
				t.Errorf("%v later: %d and %d, want %d and %d", test.wait, me.Code, refresh.Code, test.me, test.refresh)
			}
		}
	})
}
