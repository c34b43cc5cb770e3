package databases_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// keeper is a store whose users a test can change.
type keeper interface {
	store.Store
	AddUser(ctx context.Context, u store.User, password string) error
	SetHash(ctx context.Context, id, encoded string) error
	RemoveUser(ctx context.Context, id string) error
}

// elsewhere is a store whose users are another's.
type elsewhere struct {
	store.Store

	users *memstore.Store
}

func (e elsewhere) AddUser(ctx context.Context, u store.User, password string) error {
	return e.users.AddUser(ctx, u, password)
}

func (e elsewhere) SetHash(ctx context.Context, id, encoded string) error {
	return e.users.SetHash(ctx, id, encoded)
}

func (e elsewhere) RemoveUser(ctx context.Context, id string) error {
	return e.users.RemoveUser(ctx, id)
}

// hashKiB is what a hash of these tests takes, which is how they are counted: argon2
// takes its memory anew for each, and nothing else in a login takes so much.
const hashKiB = 2 << 10

// keepers are the stores that are shipped, empty, each with a hasher of hashKiB; without
// SALLYPORT_LONG there is no server of SQL among them.
func keepers(t *testing.T) map[string]keeper {
	t.Helper()
	memory := func() *memstore.Store {
		s, err := memstore.New(memstore.Config{Passwords: quick(t, hashKiB)})
		must(t, err)
		return s
	}
	options, err := redisstore.Options(redistest.URL(t))
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	users := memory()
	onRedis, err := redisstore.New(t.Context(), client, redisstore.Config{
		Users: users, Prefix: redistest.Prefix(t, client), Timeout: 30 * time.Second,
	})
	must(t, err)
	all := map[string]keeper{"memory": memory(), "Redis": elsewhere{onRedis, users}}
	for name, find := range places {
		if name != "SQLite" && !skip.IsLong() {
			continue
		}
		p := find(t)
		p.config.Passwords = quick(t, hashKiB)
		all[name] = p.store(t, p.db(t))
	}
	return all
}

// legacy is a hash of "another" that costs next to nothing.
const legacy = "sha1$salt$3c6f8fe4cf7ee8ab4fbea32e6ee4ebb9c5b6c7b1"

// TestFaultA5... is not parallel, for it counts what the process allocates.
func TestFaultA5RefusalsAreTheSameWhateverTheStoreHas(t *testing.T) { //nolint:paralleltest // see above
	dialects := map[string]struct {
		dialect wire.Dialect
		body    string
	}{
		"OAuth2":  {wire.OAuth2{}, "username=%s&password=%s"},
		"Lexik":   {wire.Lexik{}, "_username=%s&_password=%s"},
		"FastAPI": {wire.FastAPI{}, "username=%s&password=%s"},
	}
	const looked = 3                       // wrong passwords that a login may try
	for storeName, s := range keepers(t) { //nolint:paralleltest // see above
		for i, encoded := range []string{"", "!", "!CGzPpIoEXSVGyNV8C9eXU0Qh1xh6Jg1nMLeZNOTP", "{noop}secret", "$argon2id$v=19$m=4294967295,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODw", legacy} {
			id := fmt.Sprint("row", i)
			must(t, s.AddUser(t.Context(), store.User{ID: id, Login: id, Tier: "free"}, "right"), s.SetHash(t.Context(), id, encoded))
		}
		must(t, s.AddUser(t.Context(), store.User{ID: "wrong", Login: "wrong", Tier: "free"}, "right"),
			s.AddUser(t.Context(), store.User{ID: "locked", Login: "locked", Tier: "free"}, "secret"), s.RemoveUser(t.Context(), "locked"))

		for dialectName, d := range dialects {
			t.Run(storeName+", "+dialectName, func(t *testing.T) {
				var mu sync.Mutex
				var faults []string
				a, err := tokens.New(tokens.Config{
					Store: s, Issuer: "https://issuer.example", Audience: "api", Timeout: time.Minute,
					Keys:        []keys.Key{{Algorithm: "HS256", Secret: "the key of access tokens, 32 bytes long"}},
					RefreshKeys: []keys.Secret{"the key of refresh tokens, 32 bytes too"},
					Events: func(_ context.Context, e events.Event) {
						mu.Lock()
						defer mu.Unlock()
						if e.Kind == events.Fault && errors.Is(e.Err, passwords.ErrFormat) {
							faults = append(faults, e.UserID)
						}
					},
				})
				must(t, err)
				auth, err := middleware.New(middleware.Config{
					Tokens: a, Tiers: ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}}, ClientIP: clientip.RemoteAddr, Dialect: d.dialect,
					BruteForce: middleware.BruteForce{Pair: middleware.Budget{Burst: looked, Every: time.Hour}},
				})
				must(t, err)

				first := ""
				for at, login := range []string{"unknown", "wrong", "locked", "row0", "row1", "row2", "row3", "row4", "row5"} {
					var answers []string
					for try := range looked + 1 {
						r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader(fmt.Sprintf(d.body, login, url.QueryEscape("secret"))))
						r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
						r.RemoteAddr = fmt.Sprintf("192.0.2.%d:4711", at+1)
						w := httptest.NewRecorder()
						hashes := hashesOf(func() { auth.Login(w, r) })
						if want := min(1, looked-try); hashes != want {
							t.Errorf("%s, try %d: %d hashes, want %d", login, try, hashes, want)
						}
						answers = append(answers, answered(w))
					}
					all := strings.Join(answers, "\n")
					if first == "" {
						first = all
					}
					if all != first {
						t.Errorf("%s is answered\n%s\nand an unknown login\n%s", login, all, first)
					}
					if !strings.HasPrefix(answers[looked], "429 ") || strings.HasPrefix(answers[looked-1], "429 ") {
						t.Errorf("%s: %d tries are not counted as %d\n%s", login, looked+1, looked, all)
					}
				}
				var want []string
				for _, row := range []string{"row0", "row1", "row2", "row3", "row4"} {
					want = append(want, slices.Repeat([]string{row}, looked)...)
				}
				if !slices.Equal(faults, want) {
					t.Errorf("faults of %q, want one for each try at a row that cannot be read: %q", faults, want)
				}
			})
		}
	}
}

// answered is a whole answer as text.
func answered(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d ", w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		fmt.Fprintf(&b, "%s: %s; ", name, w.Header()[name])
	}
	return b.String() + w.Body.String()
}

// hashesOf is how many hashes of hashKiB something takes.
func hashesOf(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int((after.TotalAlloc - before.TotalAlloc) / (hashKiB << 10))
}
