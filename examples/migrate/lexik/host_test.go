package lexik_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/migrate/lexik"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// recording is what testdata/record.php has recorded.
type recording struct {
	Recorded struct {
		At        int64 `json:"at"`
		SingleUse bool  `json:"single_use"`
	} `json:"recorded"`
	PrivateKey string       `json:"private_key"`
	PublicKey  string       `json:"public_key"`
	Password   string       `json:"password"`
	Users      []lexik.User `json:"users"`
	Exchanges  []exchange   `json:"exchanges"`
}

type exchange struct {
	Name    string `json:"name"`
	Request struct {
		Method string            `json:"method"`
		Path   string            `json:"path"`
		Body   map[string]string `json:"body"`
		Token  string            `json:"token"`
	} `json:"request"`
	Status    int            `json:"status"`
	Challenge string         `json:"challenge"`
	Body      map[string]any `json:"body"`
	Rows      []struct {
		Token    string `json:"refresh_token"`
		Username string `json:"username"`
		Valid    int64  `json:"valid"`
	} `json:"rows"`
}

func read(t *testing.T, name string) recording {
	t.Helper()
	return hosttest.Recording[recording](t, "testdata/"+name+".json")
}

// issued returns the tokens of the first login of the recording.
func (r recording) issued() (access, refresh string) {
	access, _ = r.Exchanges[0].Body["token"].(string)
	refresh, _ = r.Exchanges[0].Body["refresh_token"].(string)
	return access, refresh
}

// table stands for the table refresh_tokens.
type table struct {
	mu   sync.Mutex
	rows map[string]lexik.Row
	down bool

	together *sync.WaitGroup // of requests that all ask before any goes on; nil: none waits
}

func (b *table) Find(_ context.Context, token string) (lexik.Row, error) {
	b.mu.Lock()
	down := b.down
	row, ok := b.rows[token]
	b.mu.Unlock()
	if b.together != nil {
		b.together.Done()
		b.together.Wait()
	}
	switch {
	case down:
		return lexik.Row{}, errors.New("the database is down")
	case !ok:
		return lexik.Row{}, store.ErrNotFound
	}
	return row, nil
}

func (b *table) Delete(_ context.Context, token string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, had := b.rows[token]
	delete(b.rows, token)
	return had, nil
}

// host is the host a second after the recording, with the rows that the bundle had after
// its logins.
type host struct {
	http.Handler

	now   time.Time
	table table
}

func open(t *testing.T, r recording) *host {
	t.Helper()
	h := &host{now: time.Unix(r.Recorded.At+1, 0), table: table{rows: map[string]lexik.Row{}}}
	for _, row := range r.Exchanges[1].Rows {
		h.table.rows[row.Token] = lexik.Row{Username: row.Username, Valid: time.Unix(row.Valid, 0)}
	}
	var err error
	h.Handler, err = lexik.New(lexik.Config{
		Users: r.Users, PrivateKey: []byte(r.PrivateKey), PublicKey: []byte(r.PublicKey), RefreshTokens: &h.table, SingleUse: r.Recorded.SingleUse,
		RefreshKey: keys.NewSecret(), Sessions: hosttest.Users(t, nil, ""), Hasher: hosttest.Hasher(t),
		OldUntil: h.now.Add(time.Hour), Now: func() time.Time { return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) send(t *testing.T, method, path, token string, in map[string]string) (int, map[string]any, http.Header) {
	t.Helper()
	var body any // none without a map
	if in != nil {
		body = in
	}
	return hosttest.SendJSON(t, h, method, path, token, body)
}

func (h *host) refresh(t *testing.T, token string) (int, map[string]any) {
	t.Helper()
	status, body, _ := h.send(t, "POST", "/api/token/refresh", "", map[string]string{"refresh_token": token})
	return status, body
}

// The host answers each request of the recordings as Symfony did, one after another.
func TestTheHostAnswersAsSymfonyDid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"recorded", "singleuse"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := read(t, name)
			if len(r.Exchanges) < 12 {
				t.Fatalf("only %d exchanges are recorded", len(r.Exchanges))
			}
			h := open(t, r)
			for _, e := range r.Exchanges {
				if strings.Contains(e.Name, "Sallyport") {
					continue // see below
				}
				status, body, header := h.send(t, e.Request.Method, e.Request.Path, e.Request.Token, e.Request.Body)
				if status != e.Status {
					t.Errorf("%s: %d %v, want %d %v", e.Name, status, body, e.Status, e.Body)
				}
				if challenge := header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, e.Challenge) || e.Challenge == "" && challenge != "" {
					t.Errorf("%s: challenge %q, want %q", e.Name, challenge, e.Challenge)
				}
				if e.Body["token"] != nil {
					if len(body) != len(e.Body) || body["token"] == nil || body["refresh_token"] == nil {
						t.Errorf("%s: %v, want the members of %v", e.Name, body, e.Body)
					}
					kept, sent := e.Body["refresh_token"] == e.Request.Body["refresh_token"], body["refresh_token"] == e.Request.Body["refresh_token"]
					if kept != sent {
						t.Errorf("%s: the same refresh token: %v, want %v", e.Name, sent, kept)
					}
					continue
				}
				if !reflect.DeepEqual(body, e.Body) {
					t.Errorf("%s: %v, want %v", e.Name, body, e.Body)
				}
			}
		})
	}
}

// An old access token lasts an hour, and an old refresh token that is not for a single use
// a month, as they say.
func TestNoUserIsLoggedOut(t *testing.T) {
	t.Parallel()
	r := read(t, "recorded")
	h := open(t, r)
	access, refresh := r.issued()
	is := func(when, token string, want int) {
		t.Helper()
		if status, body, _ := h.send(t, "GET", "/api/me", token, nil); status != want {
			t.Errorf("%s: %d %v, want %d", when, status, body, want)
		}
	}
	h.now = time.Unix(r.Recorded.At, 0).Add(time.Hour - time.Second)
	is("in the last second", access, http.StatusOK)
	for _, later := range []time.Duration{time.Hour, 15 * 24 * time.Hour, 30*24*time.Hour - time.Second} {
		h.now = time.Unix(r.Recorded.At, 0).Add(later)
		is(later.String(), access, http.StatusUnauthorized)
		status, body := h.refresh(t, refresh)
		if status != http.StatusOK {
			t.Fatalf("%v: a refresh: %d %v", later, status, body)
		}
		is(later.String(), body["token"].(string), http.StatusOK)
	}
	h.now = time.Unix(r.Recorded.At, 0).Add(30*24*time.Hour + time.Second)
	if status, body := h.refresh(t, refresh); status != http.StatusUnauthorized || body["message"] != "JWT Refresh Token Not Found" && body["message"] != "Invalid JWT Refresh Token" {
		t.Errorf("after a month: %d %v", status, body)
	}
}

// An old refresh token for a single use is exchanged once for one of Sallyport's.
func TestAnOldRefreshTokenForASingleUseIsExchangedOnce(t *testing.T) {
	t.Parallel()
	r := read(t, "singleuse")
	h := open(t, r)
	_, refresh := r.issued()
	var all sync.WaitGroup
	var mu sync.Mutex
	var won []map[string]any
	h.table.together = new(sync.WaitGroup)
	h.table.together.Add(8)
	for range 8 {
		all.Go(func() {
			if status, body := h.refresh(t, refresh); status == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				won = append(won, body)
			}
		})
	}
	all.Wait()
	h.table.together = nil
	if len(won) != 1 {
		t.Fatalf("%d of 8 requests with one token were granted", len(won))
	}
	h.now = h.now.Add(20 * 24 * time.Hour)
	if status, body := h.refresh(t, won[0]["refresh_token"].(string)); status != http.StatusOK {
		t.Errorf("20 days later: %d %v", status, body)
	}
}

// While the table cannot be read a refresh is 503, and can be repeated. A form is read as
// well as JSON.
func TestAnOldRefreshTokenIsKeptWhileTheTableIsDown(t *testing.T) {
	t.Parallel()
	r := read(t, "singleuse")
	h := open(t, r)
	_, refresh := r.issued()
	h.table.down = true
	if status, body := h.refresh(t, refresh); status != http.StatusServiceUnavailable {
		t.Errorf("down: %d %v", status, body)
	}
	h.table.down = false
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/token/refresh", strings.NewReader("refresh_token="+refresh))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	if w.Code != http.StatusOK {
		t.Errorf("a form: %d %s", w.Code, w.Body)
	}
}

// Roles are scopes, in old and new tokens.
func TestRolesAreScopes(t *testing.T) {
	t.Parallel()
	r := read(t, "recorded")
	h := open(t, r)
	for i, want := range []int{http.StatusOK, http.StatusForbidden} {
		name := r.Users[i].Username
		_, pair, _ := h.send(t, "POST", "/api/login_check", "", map[string]string{"username": name, "password": r.Password})
		for issuer, token := range map[string]any{"Symfony": r.Exchanges[i].Body["token"], "Sallyport": pair["token"]} {
			if status, body, _ := h.send(t, "GET", "/api/admin", token.(string), nil); status != want {
				t.Errorf("%s, with a token of %s: %d %v, want %d", name, issuer, status, body, want)
			}
		}
	}
}

func TestInvalidOldTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := read(t, "recorded")
	h := open(t, r)
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(r.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		method jwt.SigningMethod
		key    any
		edit   func(jwt.MapClaims)
		status int
	}{
		{"a good one", jwt.SigningMethodRS256, key, func(jwt.MapClaims) {}, http.StatusOK},
		{"another algorithm of the same key", jwt.SigningMethodRS512, key, func(jwt.MapClaims) {}, http.StatusUnauthorized},
		{"the public key as a secret", jwt.SigningMethodHS256, []byte(r.PublicKey), func(jwt.MapClaims) {}, http.StatusUnauthorized},
		{"no signature", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, func(jwt.MapClaims) {}, http.StatusUnauthorized},
		{"no user", jwt.SigningMethodRS256, key, func(c jwt.MapClaims) { delete(c, "username") }, http.StatusUnauthorized},
		{"a role that is a number", jwt.SigningMethodRS256, key, func(c jwt.MapClaims) { c["roles"] = []any{1} }, http.StatusUnauthorized},
		{"no expiry", jwt.SigningMethodRS256, key, func(c jwt.MapClaims) { delete(c, "exp") }, http.StatusUnauthorized},
		{"expired", jwt.SigningMethodRS256, key, func(c jwt.MapClaims) { c["exp"] = h.now.Unix() }, http.StatusUnauthorized},
	} {
		claims := jwt.MapClaims{"username": "ada", "roles": []string{"ROLE_USER"}, "iat": h.now.Unix(), "exp": h.now.Add(time.Hour).Unix()}
		test.edit(claims)
		token, err := jwt.NewWithClaims(test.method, claims).SignedString(test.key)
		if err != nil {
			t.Fatal(err)
		}
		if status, body, _ := h.send(t, "GET", "/api/me", token, nil); status != test.status {
			t.Errorf("%s: %d %v, want %d", test.name, status, body, test.status)
		}
	}
	for _, token := range []string{strings.Repeat("0", 128), "", "rubbish"} {
		if status, body := h.refresh(t, token); status != http.StatusUnauthorized {
			t.Errorf("a refresh with %q: %d %v", token, status, body)
		}
	}
}

// Lexik has accepted a token with the claims of Sallyport's: so the old servers accept
// those that the new ones issue, and there is a way back.
func TestLexikAcceptsTheNewTokens(t *testing.T) {
	t.Parallel()
	r := read(t, "recorded")
	last := r.Exchanges[len(r.Exchanges)-1]
	if last.Request.Token == "" || last.Status != http.StatusOK {
		t.Fatalf("the last exchange is %+v", last)
	}
	_, body, _ := open(t, r).send(t, "POST", "/api/login_check", "", map[string]string{"username": "ada", "password": r.Password})
	want, got := parsed(t, last.Request.Token), parsed(t, body["token"].(string))
	if want.Header["alg"] != got.Header["alg"] || want.Header["typ"] != got.Header["typ"] {
		t.Errorf("header = %v, want as %v", got.Header, want.Header)
	}
	claims := got.Claims.(jwt.MapClaims)
	for name, value := range want.Claims.(jwt.MapClaims) {
		if reflect.TypeOf(claims[name]) != reflect.TypeOf(value) {
			t.Errorf("%s is %v, want as %v", name, claims[name], value)
		}
		if (name == "username" || name == "roles") && !reflect.DeepEqual(claims[name], value) {
			t.Errorf("%s is %v, want %v", name, claims[name], value)
		}
	}
}

func parsed(t *testing.T, token string) *jwt.Token {
	t.Helper()
	p, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
