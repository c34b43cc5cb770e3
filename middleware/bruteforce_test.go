package middleware_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
)

// crowd is a store whose users are "user-0", "user-1" and so on, all with the same
// password. It hashes nothing and counts the passwords that it looks at.
type crowd struct {
	*memstore.Store

	right, wrong atomic.Int64
	panics       atomic.Bool
}

func (c *crowd) Authenticate(_ context.Context, login, word string) (store.User, error) {
	if c.panics.Load() {
		panic("the host's mistake")
	}
	if !strings.HasPrefix(login, "user-") || word != password {
		c.wrong.Add(1)
		return store.User{}, store.ErrBadCredentials
	}
	c.right.Add(1)
	return c.User(context.Background(), login)
}

func (*crowd) User(_ context.Context, id string) (store.User, error) {
	return store.User{ID: id, Login: id, Account: "account of " + id, Tier: "free", Seats: 1}, nil
}

// stoppedClock is a clock that a test moves.
type stoppedClock struct{ passed atomic.Int64 }

func (c *stoppedClock) now() time.Time       { return time.Unix(0, c.passed.Load()) }
func (c *stoppedClock) pass(d time.Duration) { c.passed.Add(int64(d)) }

// tracked counters know which of them were charged and not given back.
type tracked struct {
	ratelimit.Counters

	mu     sync.Mutex
	groups map[ratelimit.Group]map[string]int64
}

func track(c ratelimit.Counters) *tracked {
	return &tracked{Counters: c, groups: map[ratelimit.Group]map[string]int64{}}
}

func (k *tracked) note(charges []ratelimit.Charge, sign int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range charges {
		if k.groups[c.Group] == nil {
			k.groups[c.Group] = map[string]int64{}
		}
		if k.groups[c.Group][c.Key] += sign * c.Cost; k.groups[c.Group][c.Key] == 0 || sign == 0 {
			delete(k.groups[c.Group], c.Key)
		}
	}
}

// len is how many counters there are of these groups, or of all.
func (k *tracked) len(groups ...ratelimit.Group) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for group, keys := range k.groups {
		if len(groups) == 0 || slices.Contains(groups, group) {
			n += len(keys)
		}
	}
	return n
}

func (k *tracked) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	d, err := k.Counters.Take(ctx, charges, dst)
	if err == nil && d.Allowed {
		k.note(charges, 1)
	}
	return d, err
}

func (k *tracked) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	k.note(charges, -1)
	return k.Counters.Refund(ctx, charges)
}

func (k *tracked) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	k.note(charges, 0)
	return k.Counters.Reset(ctx, charges)
}

// besieged is an Auth on a crowd, with counters whose clock stands still.
type besieged struct {
	*middleware.Auth

	crowd    *crowd
	counters *tracked
	clock    *stoppedClock
}

// besiege makes one. Its logins are the default client's, and "shop" has a secret.
func besiege(tb testing.TB, capacity int, edits ...func(*config)) *besieged {
	tb.Helper()
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	b := &besieged{crowd: &crowd{Store: memory}, clock: &stoppedClock{}}
	counters, err := ratelimit.NewMemory(ratelimit.MemoryConfig{MaxCounters: capacity, Now: b.clock.now})
	if err != nil {
		tb.Fatal(err)
	}
	b.counters = track(counters)
	d := open(tb, func(c *config) {
		c.tokens.Store, c.tokens.APIKeys = b.crowd, memory
		c.tokens.Clients = registry{
			"web":  {ID: "web", Grants: []string{tokens.GrantPassword}},
			"shop": {ID: "shop", Secrets: []store.Digest{{1}}, Grants: []string{tokens.GrantPassword}},
		}
		c.tokens.DefaultClient, c.tokens.Events = "web", nil
		c.auth.Counters, c.auth.Now = b.counters, b.clock.now
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 3, Period: time.Hour}, "anonymous": {Limit: 3, Period: time.Hour}}
	}, func(c *config) {
		for _, edit := range edits {
			edit(c)
		}
	})
	b.Auth = d.Auth
	return b
}

// posted is a form that was sent from an address.
func posted(from, body string) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/"}, RemoteAddr: netip.AddrPortFrom(netip.MustParseAddr(from), 1).String(),
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Content-Type": {form[len("Content-Type: "):]}},
	}
}

// post sends a form to a handler.
func post(h http.HandlerFunc, from, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h(w, posted(from, body))
	return w
}

func loginForm(login, word, more string) string {
	return "username=" + url.QueryEscape(login) + "&password=" + url.QueryEscape(word) + more
}

// login sends a login.
func (b *besieged) login(login, word, from, more string) *httptest.ResponseRecorder {
	return post(b.Login, from, loginForm(login, word, more))
}

// call makes a request of an account, behind Limit.
func (b *besieged) call(account string) int {
	r := httptest.NewRequestWithContext(tokens.WithPrincipal(context.Background(), tokens.Principal{
		Subject: account, Account: account, Tier: "free", Seats: 1,
	}), http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	b.Limit(handler).ServeHTTP(w, r)
	return w.Code
}

// flood is n logins of every kind from one address.
func (b *besieged) flood(tb testing.TB, n int, from string) {
	tb.Helper()
	long := strings.Repeat("c", 513)
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() {
			for i := s; i < n; i += 4 {
				name := rand.Text()
				login, word, more := name, "x", ""
				switch i % 8 {
				case 0:
					more = "&client_id=" + long
				case 1:
					login = strings.Repeat(name, 20)
				case 2, 3:
					more = "&client_id=" + name + "&client_secret=x"
				case 4:
					login, word = "user-attacker", password
				case 5:
					login = "user-" + strconv.Itoa(100_000+i)
				}
				_, err := b.CheckLogin(posted(from, loginForm(login, word, more)))
				if err != nil && wire.AsError(err).Status >= http.StatusInternalServerError {
					tb.Error(err)
					return
				}
			}
		})
	}
	senders.Wait()
}

// wantUnharmed wants that all users get in at the addresses that they are known
// at, and that all accounts have every call of their limit.
func (b *besieged) wantUnharmed(tb testing.TB, known map[string]string, accounts int) {
	tb.Helper()
	in := 0
	for user, home := range known {
		if w := b.login(user, password, home, ""); w.Code == http.StatusOK {
			in++
		} else {
			tb.Logf("%s from %s: %d %s", user, home, w.Code, w.Body)
		}
	}
	if in != len(known) {
		tb.Errorf("%d of %d known users get in", in, len(known))
	}
	whole := 0
	for i := range accounts {
		account := "account-" + strconv.Itoa(i)
		ok := 0
		for range 4 {
			if b.call(account) == http.StatusOK {
				ok++
			}
		}
		if ok == 3 {
			whole++
		}
	}
	if whole != accounts {
		tb.Errorf("%d of %d accounts have every call of their limit, and no more", whole, accounts)
	}
}

// settle has n users log in from homes of their own, the first ten of them from
// one address that they share.
func (b *besieged) settle(tb testing.TB, n int, shared string) map[string]string {
	tb.Helper()
	known := map[string]string{}
	for i := range n {
		user, home := "user-known-"+strconv.Itoa(i), netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String()
		if i < 10 {
			home = shared
		}
		if w := b.login(user, password, home, ""); w.Code != http.StatusOK {
			tb.Fatalf("%d %s", w.Code, w.Body)
		}
		known[user] = home
	}
	return known
}

// floods is how many logins a flood has: all of them with SALLYPORT_FULL.
func floods(n int) int {
	switch {
	case raced || testing.Short():
		return n / 20
	case os.Getenv("SALLYPORT_FULL") == "" && n > 10_000:
		return n / 10
	}
	return n
}

func TestFaultA1OneAddressTakesNothingFromOthers(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	const attacker = "198.51.100.66"
	for name, x := range map[string]struct{ capacity, logins, callers, known, accounts int }{
		"a million logins, with the default capacity": {0, floods(1_000_000), 3000, 500, 5000},
		"a tenth of them, with the least capacity":    {1 << 10, floods(100_000), 100, 400, 1000}, // a mark and a place among the successes for each
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := besiege(t, x.capacity)
			known := b.settle(t, x.known, attacker)
			if w := b.login("user-attacker", password, attacker, ""); w.Code != http.StatusOK {
				t.Fatal(w.Code)
			}
			before := b.counters.len()
			b.crowd.right.Store(0)
			b.flood(t, x.logins, attacker)
			if n := b.counters.len() - before; n > 1000 {
				t.Errorf("the flood made %d counters, want 1000 at most", n)
			}
			if n := b.crowd.wrong.Load(); n > 60 || n < 10 {
				t.Errorf("%d wrong passwords were looked at, want 60 at most", n)
			}
			if n := b.crowd.right.Load(); n != 59 { // one before the flood
				t.Errorf("%d right passwords were looked at, want 59", n)
			}
			in := 0
			for i := range x.callers {
				if b.login("user-"+strconv.Itoa(i), password, address(i), "").Code == http.StatusOK {
					in++
				}
			}
			if in != x.callers {
				t.Errorf("%d of %d callers at other addresses log in", in, x.callers)
			}
			b.wantUnharmed(t, known, x.accounts)
		})
	}
}

func TestFaultA1ManyAddressesTakeNothingFromThoseWhoAreKnown(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	for name, x := range map[string]struct{ capacity, known, accounts int }{
		"with 16 384 counters":    {1 << 14, 500, 5000},
		"with the least capacity": {1 << 10, 400, 1000},
	} {
		t.Run("65 536 /64 of one /48, and 10 000 IPv4 addresses, "+name, func(t *testing.T) {
			t.Parallel()
			b := besiege(t, x.capacity)
			known := b.settle(t, x.known, "10.9.9.9")
			b.crowd.right.Store(0)
			var senders sync.WaitGroup
			for s := range 4 {
				senders.Go(func() {
					for i := s; i < floods(65_536); i += 4 {
						from := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, byte(i >> 8), byte(i), 15: 1}).String()
						b.login(rand.Text(), "x", from, "")
						b.anonymous(from)
					}
				})
			}
			senders.Wait()
			if n := b.crowd.wrong.Load(); n > 960 || n < 10 {
				t.Errorf("%d passwords were looked at for one /48, want 960 at most", n)
			}
			for s := range 4 {
				senders.Go(func() {
					for i := s; i < floods(10_000); i += 4 {
						from := address(i)
						for range 3 {
							b.login(rand.Text(), "x", from, "")
						}
						b.login("user-known-"+strconv.Itoa(i%x.known), "x", from, "")
						b.anonymous(from)
					}
				})
			}
			senders.Wait()
			b.wantUnharmed(t, known, x.accounts)
		})
	}
}

// anonymous makes a request without a token from an address.
func (b *besieged) anonymous(from string) {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 1).String()
	b.Limit(handler).ServeHTTP(httptest.NewRecorder(), r)
}

// The doc comment of BruteForce says how many.
func TestFaultA1HowManyCountersOneAddressMakesInAnHour(t *testing.T) {
	t.Parallel()
	for from, most := range map[string]int{"198.51.100.66": 242, "2001:db8::1": 246} {
		t.Run(fmt.Sprintf("%s makes %d at most, and none but of attempts", from, most), func(t *testing.T) {
			t.Parallel()
			b := besiege(t, 0)
			for range 3600 / 5 {
				b.flood(t, 16, from)
				post(b.Refresh, from, "refresh_token=x")
				b.clock.pass(5 * time.Second)
			}
			// GroupKnown has those of user-attacker, who has an account
			if n := b.counters.len(ratelimit.GroupCallers, ratelimit.GroupAddresses); n > 0 {
				t.Errorf("%d counters are of other groups", n)
			}
			total := b.counters.len(ratelimit.GroupAttempts)
			if total > most || total < 100 {
				t.Errorf("%d counters were made, want %d at most", total, most)
			}
		})
	}
}

func TestFaultA1WhatIsMalformedIsNotCounted(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	for name, x := range map[string]struct{ path, body string }{
		"a login with a client of 513 bytes":   {"/login", "username=a&password=x&client_secret=x&client_id=" + long},
		"a login of 513 bytes":                 {"/login", "password=x&username=" + long},
		"a password of 4097 bytes":             {"/login", "username=a&password=" + strings.Repeat("x", 4097)},
		"a login with a scope that is none":    {"/login", "username=a&password=x&scope=%22"},
		"a grant with a client of 513 bytes":   {"/token", "grant_type=password&username=a&password=x&client_secret=x&client_id=" + long},
		"a refresh with a client of 513 bytes": {"/refresh", "refresh_token=x&client_secret=x&client_id=" + long},
		"a refresh grant of such a client":     {"/token", "grant_type=refresh_token&refresh_token=x&client_secret=x&client_id=" + long},
		"an exchange for such a client":        {"/token", "grant_type=" + url.QueryEscape(tokens.GrantExchange) + "&subject_token=x&subject_token_type=" + url.QueryEscape(tokens.TokenTypeAPIKey) + "&client_secret=x&client_id=" + long},
		"a revocation by such a client":        {"/revoke", "token=x&client_secret=x&client_id=" + long},
		"an introspection by such a client":    {"/introspect", "token=x&client_secret=x&client_id=" + long},
		"a logout by such a client":            {"/logout", "refresh_token=x&client_secret=x&client_id=" + long},
		"a login that is sent in two forms":    {"/login", "username=a&username=b&password=x"},
		"a login without a password":           {"/login", "username=a"},
		"a refresh with a malformed scope":     {"/refresh", "refresh_token=x&scope=%22"},
	} {
		t.Run(name+" makes no counter and asks no store", func(t *testing.T) {
			t.Parallel()
			k := track(ratelimit.Memory())
			d := open(t, func(c *config) {
				c.auth.Counters, c.auth.PasswordGrant, c.tokens.Clients = k, true, c.tokens.Store.(*recordingStore)
				c.auth.MayIntrospect = func(context.Context, store.Client) bool { return true }
			})
			for range 3 {
				if w := d.ask(t, "POST "+x.path+"\n"+form+"\n\n"+x.body); w.Code/100 != 4 && x.path != "/logout" {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
			if k.len() > 0 {
				t.Errorf("there are counters: %v", k.groups)
			}
			if calls := d.store.take(); len(calls) > 0 {
				t.Errorf("the store was asked %q", calls)
			}
		})
	}
}

func TestFaultA1AFloodOfClientsTakesNothingFromTheKnown(t *testing.T) {
	t.Parallel()
	secret, digest := tokens.NewClientSecret()
	d := open(t, func(c *config) {
		c.tokens.Clients = registry{"shop": {ID: "shop", Secrets: []store.Digest{digest}, Grants: []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}}}
	})
	shop := func(path, body, id string, word tokens.Secret) *httptest.ResponseRecorder {
		return d.ask(t, "POST "+path+"\n"+form+"\n\n"+body+"&client_id="+id+"&client_secret="+string(word))
	}
	w := shop("/login", goodForm, "shop", secret)
	wantStatus(t, w, http.StatusOK)
	refresh := refreshForm.FindString(w.Body.String())
	exchange := "grant_type=" + url.QueryEscape(tokens.GrantExchange) + "&subject_token=" + d.apiKey(t) + "&subject_token_type=" + url.QueryEscape(tokens.TokenTypeAPIKey)
	wantStatus(t, shop("/token", exchange, "shop", secret), http.StatusOK)
	for range 1000 {
		shop("/refresh", "refresh_token="+refresh, rand.Text(), "x") // made-up clients
		shop("/refresh", "refresh_token="+rand.Text(), "shop", secret)
	}
	d.store.take()
	unknown := shop("/refresh", "refresh_token="+refresh, rand.Text(), "x")
	wrong := shop("/refresh", "refresh_token="+refresh, "shop", "x")
	for _, w := range []*httptest.ResponseRecorder{unknown, wrong} {
		wantStatus(t, w, http.StatusTooManyRequests)
	}
	if lines(unknown.Header()) != lines(wrong.Header()) || unknown.Body.String() != wrong.Body.String() {
		t.Errorf("a made-up client gets\n%s\n%s\nand an existing one\n%s\n%s", lines(unknown.Header()), unknown.Body, lines(wrong.Header()), wrong.Body)
	}
	wantStatus(t, shop("/token", exchange, "shop", secret), http.StatusOK)
	wantStatus(t, shop("/login", goodForm, "shop", secret), http.StatusOK)
	wantStatus(t, shop("/refresh", "refresh_token="+refresh, "shop", secret), http.StatusOK)
}

func TestFaultA4SuccessfulLoginsHaveABound(t *testing.T) {
	t.Parallel()
	t.Run("60 of one user from one address succeed in a minute, and one more is refused before its password is looked at", func(t *testing.T) {
		t.Parallel()
		b := besiege(t, 0)
		if w := b.login("user-1", password, home, ""); w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
		var in, refused atomic.Int64
		var loops sync.WaitGroup
		for range 40 {
			loops.Go(func() {
				for range 25 {
					switch w := b.login("user-1", password, home, ""); w.Code {
					case http.StatusOK:
						in.Add(1)
					case http.StatusTooManyRequests:
						refused.Add(1)
						if w.Header().Get("Retry-After") == "" {
							t.Errorf("header = %v", w.Header())
						}
					default:
						t.Errorf("%d %s", w.Code, w.Body)
					}
				}
			})
		}
		loops.Wait()
		if n := in.Load() + 1; n != 60 {
			t.Errorf("%d logins succeeded, want 60", n)
		}
		if n := b.crowd.right.Load(); n != 60 {
			t.Errorf("%d passwords were looked at, want 60", n)
		}
		for i := range 50 { // it takes nothing from others
			if w := b.login("user-other-"+strconv.Itoa(i), password, home, ""); w.Code != http.StatusOK {
				t.Fatalf("another user at the address gets %d", w.Code)
			}
		}
		if w := b.login("user-1", password, address(1), ""); w.Code != http.StatusOK {
			t.Errorf("the user at another address gets %d", w.Code)
		}
		b.clock.pass(66 * time.Second)
		if w := b.login("user-1", password, home, ""); w.Code != http.StatusOK {
			t.Errorf("a minute later the user gets %d", w.Code)
		}
	})
	t.Run("a wrong password costs none of them", func(t *testing.T) {
		t.Parallel()
		b := besiege(t, 0, func(c *config) { c.auth.BruteForce.Success = middleware.Budget{Burst: 2, Every: time.Minute} })
		for _, word := range []string{password, "x", "x", "x", password} {
			want := http.StatusOK
			if word == "x" {
				want = http.StatusBadRequest
			}
			if w := b.login("user-1", word, home, ""); w.Code != want {
				t.Errorf("%q: %d, want %d", word, w.Code, want)
			}
		}
		if w := b.login("user-1", password, home, ""); w.Code != http.StatusTooManyRequests {
			t.Errorf("the third gets %d", w.Code)
		}
	})
}

func TestFaultA5BehindASpentAddressAllNamesAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]struct {
		wire.Dialect
		body string
	}{
		"OAuth2":  {wire.OAuth2{}, "username=%s&password=%s"},
		"Lexik":   {wire.Lexik{}, "_username=%s&_password=%s"},
		"FastAPI": {wire.FastAPI{}, "username=%s&password=%s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := besiege(t, 0, speaking(dialect))
			ask := func(login, word string) *httptest.ResponseRecorder {
				return post(b.Login, home, fmt.Sprintf(dialect.body, login, url.QueryEscape(word)))
			}
			if w := ask("user-known", password); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for i := range 60 {
				ask("made-up-"+strconv.Itoa(i), "x")
			}
			want := ask("made-up", "x")
			if want.Code != http.StatusTooManyRequests || want.Header().Get("Retry-After") == "" {
				t.Fatalf("%d %v", want.Code, want.Header())
			}
			for i := range 45 { // past the budgets of the known, too
				for _, login := range []string{"user-known", "user-other", "made-up-too"} {
					got := ask(login, "x")
					if got.Code != want.Code || lines(got.Header()) != lines(want.Header()) || got.Body.String() != want.Body.String() {
						t.Fatalf("%d: %s gets %d\n%s\n%s\nwant %d\n%s\n%s", i, login, got.Code, lines(got.Header()), got.Body, want.Code, lines(want.Header()), want.Body)
					}
				}
				if i == 5 {
					if w := ask("user-known", password); w.Code != http.StatusOK {
						t.Errorf("the right password of the known user gets %d", w.Code)
					}
					if w := ask("user-other", password); w.Code != http.StatusTooManyRequests {
						t.Errorf("the right password of a user who is not known gets %d", w.Code)
					}
				}
			}
		})
	}
	t.Run("at the budget of one name and address, too", func(t *testing.T) {
		t.Parallel()
		b := besiege(t, 0)
		b.login("user-known", password, home, "")
		for i := range 30 {
			known, unknown := b.login("user-known", "x", home, ""), b.login("made-up", "x", address(1), "")
			if known.Code != unknown.Code || lines(known.Header()) != lines(unknown.Header()) || known.Body.String() != unknown.Body.String() {
				t.Fatalf("%d: a known user gets %d\n%s\nand a made-up one %d\n%s", i, known.Code, lines(known.Header()), unknown.Code, lines(unknown.Header()))
			}
		}
	})
	t.Run("a failed login at a known name costs the address as much as one at any name", func(t *testing.T) {
		t.Parallel()
		for _, login := range []string{"user-known", "made-up"} {
			b := besiege(t, 0)
			b.login("user-known", password, home, "")
			for range 15 {
				b.login(login, "x", home, "")
			}
			left := 0
			for b.login("made-up-"+strconv.Itoa(left), "x", home, "").Code == http.StatusBadRequest {
				left++
			}
			if left != 45 {
				t.Errorf("after 15 failures of %s there are %d left for others, want 45", login, left)
			}
		}
	})
	t.Run("what fails besides the password is answered alike, too", func(t *testing.T) {
		t.Parallel()
		b := besiege(t, 0)
		b.login("user-known", password, home, "")
		for i := range 60 {
			b.login("made-up-"+strconv.Itoa(i), "x", home, "")
		}
		want := b.login("made-up", "x", home, "")
		for _, more := range []string{"&client_id=made-up", "&client_id=shop&client_secret=x", "&client_id=web&client_secret=x", "&scope=nothing"} {
			got := b.login("user-known", "x", home, more)
			if got.Code != want.Code || lines(got.Header()) != lines(want.Header()) || got.Body.String() != want.Body.String() {
				t.Errorf("%s: %d %v", more, got.Code, got.Header())
			}
		}
	})
}

func TestFaultA9WhateverTakesASecretIsCounted(t *testing.T) {
	t.Parallel()
	// a key of the right form, which the store has to be asked about
	madeUp := func(tb testing.TB) string { return open(tb).apiKey(tb) }
	keys := make([]string, 400)
	for i := range keys {
		keys[i] = madeUp(t)
	}
	t.Run("revoking 2000 made-up keys asks the store for as many as Token allows", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.BruteForce.Token = middleware.Budget{Burst: 30, Every: time.Hour} })
		key := d.apiKey(t)
		d.store.take()
		for i := range 2000 {
			want := http.StatusOK // RFC 7009 §2.2
			if i >= 30 {
				want = http.StatusTooManyRequests
			}
			if w := d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+keys[i%len(keys)]); w.Code != want {
				t.Fatalf("%d: %d %s", i, w.Code, w.Body)
			}
		}
		if calls := d.store.take(); len(calls) != 30 {
			t.Errorf("the store was asked %d times, want 30", len(calls))
		}
		r := request(t, "POST /revoke\n"+form+"\n\ntoken="+key)
		r.RemoteAddr = "198.51.100.1:1"
		for range 60 { // a key that there is costs nothing, revoked or not
			wantStatus(t, d.send(r.Clone(t.Context())), http.StatusOK)
			r.Body = io.NopCloser(strings.NewReader("token=" + key))
		}
	})
	for name, x := range map[string]struct {
		path, body string
		burst      int
	}{
		"access tokens that are made up, at the revocation endpoint":  {"/revoke", "token=eyJhbGciOiJIUzI1NiJ9.e30.x", 30},
		"refresh tokens that are made up, at the revocation endpoint": {"/revoke", "token=sp_rt_x", 30},
		"refresh tokens that are made up, at the logout":              {"/logout", "refresh_token=sp_rt_x", 30},
		"client IDs without a secret, at the introspection endpoint":  {"/introspect", "token=x&client_id=made-up", 60},
		"client secrets, at the introspection endpoint":               {"/introspect", "token=x&client_id=made-up&client_secret=x", 20},
		"access-only logins": {"/access-only", "_username=alice&_password=x", 20},
	} {
		t.Run(name+" are counted", func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.auth.BruteForce.Token = middleware.Budget{Burst: 30, Every: time.Hour}
				if strings.Contains(x.path, "introspect") {
					c.tokens.Clients = c.tokens.Store.(*recordingStore)
					c.auth.MayIntrospect = func(context.Context, store.Client) bool { return true }
				}
			})
			d.mux.HandleFunc("/access-only", d.WithDialect(wire.Lexik{}).Login)
			n := 0
			for n < 1000 && d.ask(t, "POST "+x.path+"\n"+form+"\n\n"+x.body).Code != http.StatusTooManyRequests {
				n++
			}
			if n > x.burst || n < 10 {
				t.Errorf("%d were looked at, want %d at most", n, x.burst)
			}
		})
	}
	t.Run("refresh cookies that are made up are counted", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.BruteForce.Token = middleware.Budget{Burst: 30, Every: time.Hour}
			c.auth.Cookies = &middleware.Cookies{RefreshPath: "/"}
		})
		for _, path := range []string{"/refresh", "/logout"} {
			n := 0
			for n < 1000 && d.ask(t, "POST "+path+"\nCookie: __Host-refresh_token=sp_rt_x\n\n").Code != http.StatusTooManyRequests {
				n++
			}
			if n > 30 {
				t.Errorf("%s: %d were looked at", path, n)
			}
		}
	})
	t.Run("a revoked refresh token, presented 2000 times to Revoke, Logout and Refresh, writes nothing", func(t *testing.T) {
		t.Parallel()
		for _, denyList := range []bool{false, true} {
			d := open(t, func(c *config) {
				if denyList {
					c.tokens.Revocations = c.tokens.Store.(*recordingStore)
				}
			})
			p := d.login(t, alice)
			wantStatus(t, d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(p.RefreshToken)), http.StatusOK)
			d.store.take()
			for range 2000 / 4 {
				d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(p.RefreshToken))
				d.ask(t, "POST /logout\n"+form+"\n\nrefresh_token="+string(p.RefreshToken))
				d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+string(p.RefreshToken))
				d.ask(t, "POST /revoke\n"+form+"\n\ntoken="+string(p.RefreshToken))
			}
			for _, call := range d.store.take() {
				if call != "Session" && call != "SessionDenied" {
					t.Fatalf("the store was asked for %s", call)
				}
			}
		}
	})
}

func TestFaultC6APanicGivesBackWhatTheAttemptHadCost(t *testing.T) {
	t.Parallel()
	b := besiege(t, 0)
	b.crowd.panics.Store(true)
	for range 200 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			b.login("user-1", password, home, "")
		}()
	}
	b.crowd.panics.Store(false)
	if n := b.counters.len(); n > 3 {
		t.Errorf("%d counters are left", n)
	}
	if w := b.login("user-1", "x", home, ""); w.Code != http.StatusBadRequest {
		t.Errorf("a wrong password gets %d", w.Code)
	}
	if w := b.login("user-1", password, home, ""); w.Code != http.StatusOK {
		t.Errorf("the right password gets %d", w.Code)
	}
}
