package rediscounters_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// loginStore is a store whose users are "user-0", "user-1" and so on, with one password.
// It hashes nothing and counts the wrong passwords that it looks at.
type loginStore struct {
	*memstore.Store

	wrong atomic.Int64
}

const word = "correct horse & battery"

func (c *loginStore) Authenticate(_ context.Context, login, password string) (store.User, error) {
	if !strings.HasPrefix(login, "user-") || password != word {
		c.wrong.Add(1)
		return store.User{}, store.ErrBadCredentials
	}
	return c.User(context.Background(), login)
}

func (*loginStore) User(_ context.Context, id string) (store.User, error) {
	return store.User{ID: id, Login: id, Account: id, Tier: "free", Seats: 1}, nil
}

// floods is how many logins the flood has; SALLYPORT_TEST_LOGINS sets another number,
// such as 1000000.
func floods(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SALLYPORT_TEST_LOGINS"))
	if err != nil {
		return 8000
	}
	return n
}

func TestFaultA1OneAddressTakesNothingFromOthers(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	client := dial(t, redistest.Start(t).URL())
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	users := &loginStore{Store: memory}
	authority, err := tokens.New(tokens.Config{
		Store: users, Issuer: "https://issuer.example", Audience: "https://api.example",
		Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: keys.Secret(secret)}},
		RefreshKeys: []keys.Secret{"another secret of thirty-two byte"},
		Clients:     memory, DefaultClient: "web",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := memory.SetClient(t.Context(), store.Client{ID: "web", Grants: []string{tokens.GrantPassword}}); err != nil {
		t.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Counters: counters(t, client, redistest.Prefix(t, client)),
		Tiers:          ratelimit.Tiers{"free": {Limit: 3, Period: time.Hour}, "anonymous": {Limit: 3, Period: time.Hour}},
		CounterTimeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	login := func(name, password, from, more string) int {
		body := "username=" + url.QueryEscape(name) + "&password=" + url.QueryEscape(password) + more
		r := &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/"}, RemoteAddr: from + ":1",
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: io.NopCloser(strings.NewReader(body)),
		}
		w := httptest.NewRecorder()
		auth.Login(w, r)
		return w.Code
	}
	address := func(network byte, i int) string {
		return netip.AddrFrom4([4]byte{10, network, byte(i >> 8), byte(i)}).String()
	}
	size := func() int64 { return client.DBSize(t.Context()).Val() }

	const attacker, known, callers, accounts = "198.51.100.66", 50, 150, 100
	home := func(i int) string {
		if i < 10 {
			return attacker
		}
		return address(1, i)
	}
	for i := range known {
		if code := login("user-known-"+strconv.Itoa(i), word, home(i), ""); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	before := size()
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for i := s; i < floods(t); i += 4 {
				switch name := rand.Text(); i % 8 {
				case 0:
					login(name, "x", attacker, "&client_id="+strings.Repeat("c", 513))
				case 1, 2, 3:
					login(name, "x", attacker, "&client_id="+name+"&client_secret=x")
				case 4:
					login("user-attacker", word, attacker, "")
				default:
					login(name, "x", attacker, "")
				}
			}
		})
	}
	senders.Wait()
	if n := size() - before; n > 1000 {
		t.Errorf("the flood made %d keys, want 1000 at most", n)
	}
	if n := users.wrong.Load(); n > 60+2 || n < 10 { // one more comes back each minute
		t.Errorf("%d wrong passwords were looked at, want 60", n)
	}
	for i := range known {
		if code := login("user-known-"+strconv.Itoa(i), word, home(i), ""); code != http.StatusOK {
			t.Fatalf("the known user %d gets %d", i, code)
		}
	}
	for i := range callers {
		if code := login("user-"+strconv.Itoa(i), word, address(2, i), ""); code != http.StatusOK {
			t.Fatalf("the caller %d at another address gets %d", i, code)
		}
	}
	for i := range accounts {
		for call := range 4 {
			r := httptest.NewRequestWithContext(tokens.WithPrincipal(t.Context(), tokens.Principal{
				Subject: "s", Account: strconv.Itoa(i), Tier: "free", Seats: 1,
			}), http.MethodGet, "/", http.NoBody)
			if _, err := auth.CheckLimit(r); (err == nil) != (call < 3) {
				t.Fatalf("call %d of the account %d: %v", call, i, err)
			}
		}
	}
}
