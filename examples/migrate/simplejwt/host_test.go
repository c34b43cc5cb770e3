package simplejwt_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/migrate/simplejwt"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// recording is what testdata/record.py has recorded.
type recording struct {
	Recorded struct {
		By     string `json:"by"`
		At     int64  `json:"at"`
		Rotate bool   `json:"rotate"`
	} `json:"recorded"`
	Secret    string           `json:"secret"`
	Password  string           `json:"password"`
	Users     []simplejwt.User `json:"users"`
	Exchanges []exchange       `json:"exchanges"`
}

type exchange struct {
	Name    string `json:"name"`
	Request struct {
		Method string  `json:"method"`
		Path   string  `json:"path"`
		Body   any     `json:"body"`
		Token  *string `json:"token"`
	} `json:"request"`
	Status    int            `json:"status"`
	Challenge string         `json:"challenge"`
	Body      map[string]any `json:"body"`
}

func read(t *testing.T, name string) recording {
	t.Helper()
	return hosttest.Recording[recording](t, "testdata/"+name+".json")
}

// issued returns the tokens of the first login of the recording.
func (r recording) issued() (access, refresh string) {
	access, _ = r.Exchanges[0].Body["access"].(string)
	refresh, _ = r.Exchanges[0].Body["refresh"].(string)
	return access, refresh
}

// blacklist stands for the table of simplejwt.
type blacklist struct {
	mu   sync.Mutex
	all  map[string]bool
	down bool

	together *sync.WaitGroup // of requests that all ask before any goes on; nil: none waits
}

func (b *blacklist) Has(_ context.Context, jti string) (bool, error) {
	b.mu.Lock()
	down, found := b.down, b.all[jti]
	b.mu.Unlock()
	if b.together != nil {
		b.together.Done()
		b.together.Wait()
	}
	if down {
		return false, errors.New("the database is down")
	}
	return found, nil
}

func (b *blacklist) Add(_ context.Context, jti string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	had := b.all[jti]
	b.all[jti] = true
	return !had, nil
}

// host is the host a second after the recording, when Django has just issued its last
// token.
type host struct {
	http.Handler

	now       time.Time
	blacklist blacklist
}

func open(t *testing.T, r recording) *host {
	t.Helper()
	h := &host{now: time.Unix(r.Recorded.At+1, 0), blacklist: blacklist{all: map[string]bool{}}}
	var err error
	h.Handler, err = simplejwt.New(simplejwt.Config{
		Users: r.Users, Secret: r.Secret, Blacklist: &h.blacklist, Rotate: r.Recorded.Rotate, RefreshKey: keys.NewSecret(),
		Sessions: hosttest.Users(t, nil, ""), Hasher: hosttest.Hasher(t), SwitchedAt: h.now, Now: func() time.Time { return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) send(t *testing.T, method, path, token string, body any) (int, map[string]any, http.Header) {
	t.Helper()
	return hosttest.SendJSON(t, h, method, path, token, body)
}

func (h *host) refresh(t *testing.T, token string) (int, map[string]any) {
	t.Helper()
	status, body, _ := h.send(t, "POST", "/api/token/refresh/", "", map[string]string{"refresh": token})
	return status, body
}

// The host answers each request of the recordings as Django did, one after another. Only
// the reason why a token is not valid is always the same.
func TestTheHostAnswersAsDjangoDid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"recorded", "rotating"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := read(t, name)
			if len(r.Exchanges) < 15 {
				t.Fatalf("only %d exchanges are recorded", len(r.Exchanges))
			}
			h := open(t, r)
			for _, e := range r.Exchanges {
				if strings.Contains(e.Name, "Sallyport") {
					continue // see below
				}
				token := ""
				if e.Request.Token != nil {
					token = *e.Request.Token
				}
				status, body, header := h.send(t, e.Request.Method, e.Request.Path, token, e.Request.Body)
				if status != e.Status {
					t.Errorf("%s: %d %v, want %d %v", e.Name, status, body, e.Status, e.Body)
				}
				if challenge := header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, e.Challenge) || e.Challenge == "" && challenge != "" {
					t.Errorf("%s: challenge %q, want %q", e.Name, challenge, e.Challenge)
				}
				if e.Body["access"] != nil || e.Body["code"] != nil {
					if !reflect.DeepEqual(names(body), names(e.Body)) || body["code"] != e.Body["code"] {
						t.Errorf("%s: %v, want the members of %v", e.Name, body, e.Body)
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

func names(m map[string]any) map[string]bool {
	all := map[string]bool{}
	for name := range m {
		all[name] = true
	}
	return all
}

// Without rotation a client keeps its refresh token, and gets access tokens for it until
// it expires.
func TestAnOldRefreshTokenThatDoesNotRotateLastsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	r := read(t, "recorded")
	h := open(t, r)
	access, refresh := r.issued()
	for range 3 {
		h.now = h.now.Add(5 * time.Minute)
		if status, body, _ := h.send(t, "GET", "/api/me/", access, nil); status != http.StatusUnauthorized {
			t.Errorf("an old access token: %d %v", status, body)
		}
		status, body := h.refresh(t, refresh)
		if status != http.StatusOK {
			t.Fatalf("a refresh: %d %v", status, body)
		}
		access, _ = body["access"].(string)
		if status, body, _ := h.send(t, "GET", "/api/me/", access, nil); status != http.StatusOK {
			t.Errorf("its access token: %d %v", status, body)
		}
	}
	h.now = time.Unix(r.Recorded.At, 0).Add(24*time.Hour + time.Second)
	if status, body := h.refresh(t, refresh); status != http.StatusUnauthorized {
		t.Errorf("after a day: %d %v", status, body)
	}
}

// With rotation an old refresh token is exchanged once for one of Sallyport's, which
// outlives it.
func TestAnOldRefreshTokenThatRotatesIsExchangedOnce(t *testing.T) {
	t.Parallel()
	r := read(t, "rotating")
	h := open(t, r)
	_, refresh := r.issued()
	h.now = time.Unix(r.Recorded.At, 0).Add(24*time.Hour - time.Second)

	var all sync.WaitGroup
	var mu sync.Mutex
	var won []map[string]any
	h.blacklist.together = new(sync.WaitGroup)
	h.blacklist.together.Add(8)
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
	h.blacklist.together = nil
	if len(won) != 1 {
		t.Fatalf("%d of 8 requests with one token were granted", len(won))
	}
	h.now = h.now.Add(20 * 24 * time.Hour)
	status, body := h.refresh(t, won[0]["refresh"].(string))
	if status != http.StatusOK {
		t.Fatalf("20 days later: %d %v", status, body)
	}
	if status, body, _ := h.send(t, "GET", "/api/me/", body["access"].(string), nil); status != http.StatusOK || body["username"] != "ada" {
		t.Errorf("20 days later: %d %v", status, body)
	}
}

// A refresh that the blacklist cannot be asked about is 503, and can be repeated.
func TestAnOldRefreshTokenIsKeptWhileTheBlacklistIsDown(t *testing.T) {
	t.Parallel()
	r := read(t, "rotating")
	h := open(t, r)
	_, refresh := r.issued()
	for _, down := range []bool{true, false} {
		h.blacklist.down = down
		want := http.StatusOK
		if down {
			want = http.StatusServiceUnavailable
		}
		if status, body := h.refresh(t, refresh); status != want {
			t.Errorf("down %v: %d %v", down, status, body)
		}
	}
}

func TestInvalidOldTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := read(t, "rotating")
	h := open(t, r)
	for _, test := range []struct {
		name string
		edit func(jwt.MapClaims)
		key  string
		good bool
	}{
		{"good ones", func(jwt.MapClaims) {}, r.Secret, true},
		{"another secret", func(jwt.MapClaims) {}, "another secret, of more than 32 bytes", false},
		{"another type", func(c jwt.MapClaims) { c["token_type"] = "sliding" }, r.Secret, false},
		{"no type", func(c jwt.MapClaims) { delete(c, "token_type") }, r.Secret, false},
		{"no user", func(c jwt.MapClaims) { delete(c, "user_id") }, r.Secret, false},
		{"half a user", func(c jwt.MapClaims) { c["user_id"] = 1.5 }, r.Secret, false},
		{"no expiry", func(c jwt.MapClaims) { delete(c, "exp") }, r.Secret, false},
		{"expired", func(c jwt.MapClaims) { c["exp"] = h.now.Unix() }, r.Secret, false},
	} {
		for kind, status := range map[string]func(token string) int{
			"access":  func(token string) int { status, _, _ := h.send(t, "GET", "/api/me/", token, nil); return status },
			"refresh": func(token string) int { status, _ := h.refresh(t, token); return status },
		} {
			claims := jwt.MapClaims{"token_type": kind, "user_id": 1, "jti": test.name, "iat": h.now.Unix(), "exp": h.now.Add(time.Hour).Unix()}
			test.edit(claims)
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(test.key))
			if err != nil {
				t.Fatal(err)
			}
			want := http.StatusUnauthorized
			if test.good {
				want = http.StatusOK
			}
			if got := status(token); got != want {
				t.Errorf("%s, %s: %d, want %d", test.name, kind, got, want)
			}
		}
	}
	inactive, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"token_type": "refresh", "user_id": 4, "jti": "dan", "iat": h.now.Unix(), "exp": h.now.Add(time.Hour).Unix(),
	}).SignedString([]byte(r.Secret))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := h.refresh(t, inactive); status != http.StatusUnauthorized {
		t.Errorf("a refresh of a user who is not active: %d %v", status, body)
	}
}

// Django has accepted a token with the claims of Sallyport's: so the old servers accept
// those that the new ones issue, and there is a way back.
func TestDjangoAcceptsTheNewTokens(t *testing.T) {
	t.Parallel()
	r := read(t, "recorded")
	last := r.Exchanges[len(r.Exchanges)-1]
	if last.Request.Token == nil || last.Status != http.StatusOK {
		t.Fatalf("the last exchange is %+v", last)
	}
	_, body, _ := open(t, r).send(t, "POST", "/api/token/", "", map[string]string{"username": "ada", "password": r.Password})
	for i, want := range decoded(t, *last.Request.Token) {
		got := decoded(t, body["access"].(string))[i]
		for name, value := range want {
			if reflect.TypeOf(got[name]) != reflect.TypeOf(value) {
				t.Errorf("%s is %v, want as %v", name, got[name], value)
			}
			if (name == "token_type" || name == "user_id") && got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
	}
}

// decoded returns the header and the claims of a token.
func decoded(t *testing.T, token string) (all [2]map[string]any) {
	t.Helper()
	for i, part := range strings.Split(token, ".")[:2] {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
