package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// host is what a host has made of the same settings as the configuration of the shell.
type host struct {
	auth *middleware.Auth
}

// counterPlaces are shells with a configuration, and hosts that have the same in Go, whose
// counters are on Redis and in each kind of database.
func counterPlaces(t *testing.T, test func(t *testing.T, s *shell, h host)) {
	t.Helper()
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		address := redistest.URL(t)
		options, err := redisstore.Options(address)
		must(t, err)
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		prefix := redistest.Prefix(t, client)
		s := newShell(t)
		test(t, s, s.host(t, address, prefix, func(secret []byte) (ratelimit.Counters, error) {
			return rediscounters.New(client, rediscounters.Config{Secret: secret, Prefix: prefix})
		}))
	})
	inSQL(t, func(t *testing.T, s *shell) {
		t.Helper()
		counterURL := s.env["SALLYPORT_STORE"]
		delete(s.env, "SALLYPORT_STORE") // the configuration has another
		test(t, s, s.host(t, counterURL, "shop_", func(secret []byte) (ratelimit.Counters, error) {
			s.must(t, "migrate up")
			p := &process{getenv: func(string) string { return counterURL }}
			at, err := p.locate("counters", "", "", "", address{})
			must(t, err)
			db, dialect, err := at.database(toUse)
			must(t, err)
			t.Cleanup(func() { _ = db.Close() })
			return sqlcounters.New(db, sqlcounters.Config{Dialect: sqlcounters.Dialect(dialect), Secret: secret, Prefix: "shop_", Timeout: time.Minute})
		}))
	})
}

// host writes a configuration, and returns a host that has the same in Go.
func (s *shell) host(t *testing.T, counterURL, prefix string, count func(secret []byte) (ratelimit.Counters, error)) host {
	t.Helper()
	s.now = time.Now()
	s.must(t, "keys secret --out DIR/counters.key")
	s.must(t, "keys secret --out DIR/refresh.key")
	s.env["SALLYPORT_CONFIG"] = s.dir + "/c.json"
	s.write(t, "counters.url", counterURL+"\n")
	s.write(t, "c.json", fmt.Sprintf(`{
		"store": {"url": "sqlite:%s/auth.db"},
		"counters": {"url_file": "counters.url", "prefix": %q, "secret": {"file": "counters.key"}},
		"refresh_key": {"file": "refresh.key"},
		"tiers": {
			"anonymous": {"limit": 5, "period": "1h"},
			"free": {"limit": 10, "period": "1h", "algorithm": "gcra", "per_seat": true, "max": 25, "also": [{"limit": 100, "period": "1d"}]}
		},
		"rules": [{"name": "exports", "limit": 7, "period": "1h", "by": "user", "algorithm": "rolling"}],
		"brute_force": {"login": {"burst": 3, "every": "30m"}}
	}`, s.dir, prefix))
	secret := func(name string) string { return strings.TrimSuffix(s.read(t, name), "\n") }

	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	must(t, err)
	users, err := memstore.New(memstore.Config{Passwords: hasher})
	must(t, err)
	authority, err := tokens.New(tokens.Config{
		Store: users, Issuer: "https://id.example.com", Audience: "api",
		Keys: []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}}, RefreshKeys: []keys.Secret{keys.Secret(secret("refresh.key"))},
		Events: func(context.Context, events.Event) {},
	})
	must(t, err)
	counters, err := count([]byte(secret("counters.key")))
	must(t, err)
	t.Cleanup(func() { _ = counters.Close() })
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Counters: counters,
		Tiers: ratelimit.Tiers{
			"anonymous": {Limit: 5, Period: time.Hour},
			"free": {
				Limit: 10, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true, Max: 25,
				Also: []ratelimit.Window{{Limit: 100, Period: 24 * time.Hour}},
			},
		},
		Limit:      ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "exports", Limit: 7, Period: time.Hour, By: ratelimit.ByUser(), Algorithm: ratelimit.Rolling}}},
		BruteForce: middleware.BruteForce{Login: middleware.Budget{Burst: 3, Every: 30 * time.Minute}},
	})
	must(t, err)
	return host{auth}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call makes a request of a user, or of an anonymous caller, and returns the status.
func (h host) call(t *testing.T, p *tokens.Principal) int {
	t.Helper()
	ctx := t.Context()
	if p != nil {
		ctx = tokens.WithPrincipal(ctx, *p)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "192.0.2.7:1234"
	w := httptest.NewRecorder()
	h.auth.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
	return w.Code
}

// attempt logs a name in with a wrong password, and returns the status.
func (h host) attempt(t *testing.T, login string) int {
	t.Helper()
	form := url.Values{"username": {login}, "password": {"wrong"}}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "192.0.2.7:1234"
	w := httptest.NewRecorder()
	h.auth.Login(w, r)
	return w.Code
}

func TestTheQuotaOfAHostIsShownResetAndGranted(t *testing.T) {
	t.Parallel()
	counterPlaces(t, quotaOfAHost)
}

func quotaOfAHost(t *testing.T, s *shell, h host) {
	t.Helper()
	s.must(t, "migrate up")
	s.ada(t)
	ada := &tokens.Principal{Subject: "u1", Account: "acme", Tier: "free", Seats: 3}
	for range 4 {
		if status := h.call(t, ada); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	left := func(line string) map[string]any {
		all := map[string]any{}
		for _, q := range s.objects(t, line) {
			all[fmt.Sprint(q["policy"])] = q["remaining"]
		}
		return all
	}
	if got := left("quota show --user u1"); fmt.Sprint(got) != "map[exports:3 free:21 free-day:96]" {
		t.Errorf("ada has %v left", got)
	}
	if got := left("quota show --user u1 --account acme --tier free --seats 3"); got["free"] != 21.0 {
		t.Errorf("by flags: %v", got)
	}
	if got := left("quota grant --user u1 --policy free --amount 2 --dry-run"); got["free"] != 21.0 || left("quota show --user u1")["free"] != 21.0 {
		t.Errorf("a dry run has granted: %v", got)
	}
	if got := left("quota grant --user u1 --policy free --amount 2"); got["free"] != 23.0 || got["free-day"] != 96.0 {
		t.Errorf("after a grant: %v", got)
	}
	if got := left("quota reset --user u1 --dry-run"); got["free"] != 23.0 || left("quota show --user u1")["free"] != 23.0 {
		t.Errorf("a dry run has reset: %v", got)
	}
	if got := left("quota reset --user u1"); fmt.Sprint(got) != "map[exports:7 free:25 free-day:100]" {
		t.Errorf("after a reset: %v", got)
	}
	for range 2 {
		h.call(t, nil)
	}
	if got := left("quota show --address 192.0.2.7"); got["anonymous"] != 3.0 {
		t.Errorf("an anonymous caller: %v", got)
	}
	s.refuses(t, "quota show", exitUsage, "whose quota?")
	s.refuses(t, "quota show --account acme", exitUsage, "--tier")
	s.refuses(t, "quota show --user u9", exitNegative, "no user u9")
	s.refuses(t, "quota show --user u1 --tier gold", exitUsage, "gold")
	s.refuses(t, "quota show --user u1 --tier free --host-users", exitDone)
	s.refuses(t, "quota show --user u1 --host-users", exitUsage, "--tier")
	s.refuses(t, "quota grant --user u1 --policy gold --amount 1", exitNegative, `no policy "gold"`)
	s.refuses(t, "quota grant --user u1 --policy free --amount 0", exitUsage, "1 or more")
	s.refuses(t, "quota show --user u1 --counters sqlite:x", exitUsage, "no such file")
	s.refuses(t, "quota show --user u1 --counters-prefix x_ --counters postgres://a@127.0.0.1:1/a", exitFailed, "cannot be reached")
	s.refuses(t, "quota show --user u1 --counters-prefix X --counters sqlite:DIR/auth.db", exitUsage, "Config.Prefix")
	s.refuses(t, "quota show --user u1 --counters redis://127.0.0.1:1/0", exitFailed)
}

func TestALockoutOfAHostIsShownAndLifted(t *testing.T) {
	t.Parallel()
	counterPlaces(t, lockoutOfAHost)
}

func lockoutOfAHost(t *testing.T, s *shell, h host) {
	t.Helper()
	for range 3 {
		if status := h.attempt(t, "Ada"); status == http.StatusTooManyRequests {
			t.Fatal("she is locked out too early")
		}
	}
	if status := h.attempt(t, "Ada"); status != http.StatusTooManyRequests {
		t.Fatalf("she is not locked out: %d", status)
	}
	for _, line := range []string{"lockout show --login ada", "lockout show --login ADA --address 192.0.2.7", "lockout lift --login ada --dry-run"} {
		got := s.objects(t, line)
		if got[0]["locked"] != true || got[0]["policy"] != "bruteforce/login" || got[0]["pseudonym"] == "" {
			t.Errorf("%s: %v", line, got)
		}
	}
	if l, err := h.auth.InspectLogin(t.Context(), "ada", netip.Addr{}); err != nil || !l.Locked || fmt.Sprint(s.objects(t, "lockout show --login ada")[0]["pseudonym"]) != l.Pseudonym {
		t.Errorf("the host's pseudonym is %q, %v", l.Pseudonym, err)
	}
	if got := s.objects(t, "lockout lift --login ada --address 192.0.2.7"); got[0]["locked"] != false {
		t.Errorf("%v", got)
	}
	if status := h.attempt(t, "ada"); status == http.StatusTooManyRequests {
		t.Error("she is still locked out")
	}
	s.refuses(t, "lockout show", exitUsage, "whose lockout?")
	s.refuses(t, "lockout show --address nonsense", exitUsage, "must be an address")
	s.write(t, "c.json", `{"counters":{"url":"redis://127.0.0.1:1/0","secret":{"file":"counters.key"}}}`)
	s.refuses(t, "lockout show --login ada", exitUsage, "refresh_key")
	s.write(t, "c.json", `{"counters":{"url":"redis://127.0.0.1:1/0"}}`)
	s.refuses(t, "lockout show --login ada", exitUsage, "secret")
}

func TestCheckOfCounters(t *testing.T) {
	t.Parallel()
	counterPlaces(t, func(t *testing.T, s *shell, _ host) {
		t.Helper()
		s.must(t, "migrate up")
		s.runs(0)
		names := []string{}
		for _, c := range s.objects(t, "check") {
			names = append(names, fmt.Sprint(c["name"]))
		}
		want := "configuration, secrets, store, schema, rights, clock, counters, counters clock"
		if isRedis := strings.HasPrefix(s.read(t, "counters.url"), "redis"); !isRedis {
			want = "configuration, secrets, store, schema, rights, clock, counters, counters schema, counters rights, counters clock"
			s.refuses(t, "check --counters-prefix other_", exitNegative, "counters schema", "1 migration pending", "sallyport migrate up")
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("the checks are %s", got)
		}
		s.refuses(t, "check --counters redis://127.0.0.1:1/0", exitNegative, "1 check failed")
		s.refuses(t, "check --counters ftp://127.0.0.1", exitNegative, "1 check failed", "must be sqlite:FILE")
	})
}

// A host may have a store of its own, and counters alone.
func TestCountersWithoutAStore(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.env["SALLYPORT_COUNTERS"], s.env["SALLYPORT_CONFIG"] = "sqlite:"+s.dir+"/n.db", s.dir+"/c.json"
	s.must(t, "keys secret --out DIR/counters.key")
	s.write(t, "c.json", `{"counters":{"secret":{"file":"counters.key"}},"tiers":{"free":{"limit":5,"period":"1h"}}}`)
	s.must(t, "migrate up")
	s.runs(0)
	s.must(t, "check")
	s.must(t, "quota show --user u1 --tier free")
	s.refuses(t, "migrate status --counters redis://127.0.0.1:1/0", exitUsage, "which store?")
}
