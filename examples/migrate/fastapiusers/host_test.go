package fastapiusers_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/migrate/fastapiusers"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// recording is what testdata/record.py has recorded.
type recording struct {
	Recorded struct {
		By string `json:"by"`
		At int64  `json:"at"`
	} `json:"recorded"`
	Secret    string              `json:"secret"`
	Password  string              `json:"password"`
	Users     []fastapiusers.User `json:"users"`
	Exchanges []exchange          `json:"exchanges"`
}

type exchange struct {
	Name    string `json:"name"`
	Request struct {
		Method string            `json:"method"`
		Path   string            `json:"path"`
		Form   map[string]string `json:"form"`
		Token  *string           `json:"token"`
	} `json:"request"`
	Status    int    `json:"status"`
	Challenge string `json:"challenge"`
	Body      any    `json:"body"`
}

func read(t *testing.T) recording {
	t.Helper()
	return hosttest.Recording[recording](t, "testdata/recorded.json")
}

// open returns the host, a second after the recording.
func open(t *testing.T, r recording) (host http.Handler, clock *time.Time) {
	t.Helper()
	now := time.Unix(r.Recorded.At+1, 0)
	host, err := fastapiusers.New(fastapiusers.Config{
		Users: r.Users, Secret: r.Secret, RefreshKey: keys.NewSecret(), Sessions: hosttest.Users(t, nil, ""), Hasher: hosttest.Hasher(t),
		OldUntil: now.Add(2 * time.Hour), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return host, &now
}

func send(t *testing.T, host http.Handler, method, path, token string, form url.Values, header ...string) (int, map[string]any, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if len(header) == 2 {
		r.Header.Set(header[0], header[1])
	}
	w := httptest.NewRecorder()
	host.ServeHTTP(w, r)
	var body map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("%s %s: %s", method, path, w.Body)
		}
	}
	return w.Code, body, w.Header()
}

// The host answers each request of the recording as fastapi-users did: logins with the
// hashes that pwdlib made, and requests with the tokens that fastapi-users signed. A login
// has more members, and a 401 a challenge.
func TestTheHostAnswersAsFastAPIUsersDid(t *testing.T) {
	t.Parallel()
	r := read(t)
	if len(r.Exchanges) < 10 {
		t.Fatalf("only %d exchanges are recorded", len(r.Exchanges))
	}
	for _, e := range r.Exchanges {
		if strings.Contains(e.Name, "Sallyport") {
			continue // see below
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			host, _ := open(t, r)
			var form url.Values
			for name, value := range e.Request.Form {
				if form == nil {
					form = url.Values{}
				}
				form.Set(name, value)
			}
			token := ""
			if e.Request.Token != nil {
				token = *e.Request.Token
			}
			status, body, _ := send(t, host, e.Request.Method, e.Request.Path, token, form)
			want, _ := e.Body.(map[string]any)
			if status != e.Status {
				t.Errorf("%d %v, want %d %v", status, body, e.Status, e.Body)
			}
			if _, login := want["access_token"]; login {
				if body["token_type"] != want["token_type"] || body["access_token"] == "" || body["refresh_token"] == "" {
					t.Errorf("body = %v, want the members of %v", body, want)
				}
				return
			}
			if !reflect.DeepEqual(body, want) {
				t.Errorf("body = %v, want %v", body, want)
			}
		})
	}
}

// The tokens of fastapi-users are valid for as long as they say, and the new ones can be
// refreshed.
func TestNoUserIsLoggedOut(t *testing.T) {
	t.Parallel()
	r := read(t)
	host, clock := open(t, r)
	old := r.Exchanges[0].Body.(map[string]any)["access_token"].(string)
	is := func(when, token string, want int) {
		t.Helper()
		if status, body, _ := send(t, host, "GET", "/me", token, nil); status != want {
			t.Errorf("%s: %d %v, want %d", when, status, body, want)
		}
	}
	*clock = time.Unix(r.Recorded.At+3599, 0)
	is("in the last second", old, http.StatusOK)
	_, pair, _ := send(t, host, "POST", "/auth/jwt/login", "", url.Values{"username": {"bob@example.com"}, "password": {r.Password}})
	*clock = time.Unix(r.Recorded.At+3601, 0)
	is("an hour later", old, http.StatusUnauthorized)
	_, next, _ := send(t, host, "POST", "/auth/jwt/refresh", "", nil, "refresh-token", pair["refresh_token"].(string))
	*clock = clock.Add(3599 * time.Second)
	is("a refreshed token", next["access_token"].(string), http.StatusOK)
	if status, body, _ := send(t, host, "POST", "/auth/jwt/logout", next["access_token"].(string), nil); status != http.StatusNoContent {
		t.Errorf("logout: %d %v", status, body)
	}
}

// fastapi-users has accepted a token with the claims of Sallyport's: so the old servers
// accept those that the new ones issue, and there is a way back.
func TestFastAPIUsersAcceptsTheNewTokens(t *testing.T) {
	t.Parallel()
	r := read(t)
	last := r.Exchanges[len(r.Exchanges)-1]
	if last.Request.Token == nil || last.Status != http.StatusOK {
		t.Fatalf("the last exchange is %+v", last)
	}
	host, _ := open(t, r)
	_, pair, _ := send(t, host, "POST", "/auth/jwt/login", "", url.Values{"username": {"ada@example.com"}, "password": {r.Password}})
	wantHeader, wantClaims := kinds(t, *last.Request.Token)
	header, claims := kinds(t, pair["access_token"].(string))
	if !reflect.DeepEqual(header, wantHeader) {
		t.Errorf("header = %v, want the members of %v", header, wantHeader)
	}
	for name, kind := range wantClaims {
		if claims[name] != kind && name != "client_id" {
			t.Errorf("%s is %s, want %s", name, claims[name], kind)
		}
	}
}

// kinds returns the names in the header and in the claims of a token, with the types of
// their values, and the audience itself.
func kinds(t *testing.T, token string) (header, claims map[string]string) {
	t.Helper()
	all := make([]map[string]string, 2)
	for i, part := range strings.Split(token, ".")[:2] {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		all[i] = map[string]string{}
		for name, value := range members {
			all[i][name] = reflect.TypeOf(value).String()
			if name == "aud" {
				all[i][name] = fmt.Sprint(value)
			}
		}
	}
	return all[0], all[1]
}

func TestInvalidOldTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := read(t)
	host, clock := open(t, r)
	good := jwt.MapClaims{"sub": r.Users[0].ID, "aud": []string{"fastapi-users:auth"}, "exp": clock.Add(time.Hour).Unix()}
	without := func(name string, value any) jwt.MapClaims {
		claims := maps.Clone(good)
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return claims
	}
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, test := range []struct {
		name, token string
		status      int
	}{
		{"a good one", sign(jwt.SigningMethodHS256, []byte(r.Secret), good), http.StatusOK},
		{"another secret", sign(jwt.SigningMethodHS256, []byte("another secret, of more than 32 bytes"), good), http.StatusUnauthorized},
		{"another algorithm", sign(jwt.SigningMethodHS512, []byte(r.Secret), good), http.StatusUnauthorized},
		{"no signature", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), http.StatusUnauthorized},
		{"another audience, as a link to reset a password has", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("aud", "fastapi-users:reset")), http.StatusUnauthorized},
		{"no audience", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("aud", nil)), http.StatusUnauthorized},
		{"no expiry", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("exp", nil)), http.StatusUnauthorized},
		{"expired", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("exp", clock.Add(-time.Second).Unix())), http.StatusUnauthorized},
		{"no user", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("sub", nil)), http.StatusUnauthorized},
		{"a user who is a number", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("sub", 1)), http.StatusUnauthorized},
	} {
		if status, body, _ := send(t, host, "GET", "/me", test.token, nil); status != test.status {
			t.Errorf("%s: %d %v, want %d", test.name, status, body, test.status)
		}
	}
	*clock = clock.Add(2 * time.Hour)
	if status, _, _ := send(t, host, "GET", "/me", sign(jwt.SigningMethodHS256, []byte(r.Secret), without("exp", clock.Add(time.Hour).Unix())), nil); status != http.StatusUnauthorized {
		t.Errorf("after OldUntil: %d", status)
	}
}
