package conformance_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// pitfall is a mistake that another library makes, or made.
type pitfall struct {
	number int
	held   string // what holds here

	requirements []int                    // that show it
	check        func(*testing.T, opener) // that shows it, or more of it
	unfrozen     bool                     // see requirement
}

//nolint:paralleltest,tparallel // they look at the time and at what was allocated, one after the other
func TestPitfalls(t *testing.T) {
	t.Parallel()
	byNumber := map[int]requirement{}
	for _, s := range all {
		byNumber[s.number] = s
	}
	for i, p := range pitfalls {
		if p.number != i+1 || len(p.requirements) == 0 && p.check == nil {
			t.Fatalf("P%d: %+v", i+1, p)
		}
		t.Run(fmt.Sprintf("P%02d %s", p.number, p.held), func(t *testing.T) {
			for _, adapter := range adapters {
				t.Run(adapter.name, func(t *testing.T) {
					for _, n := range p.requirements {
						s := byNumber[n]
						if s.check == nil {
							t.Fatalf("requirement %d checks nothing", n)
						}
						if s.unfrozen {
							s.check(t, adapter.open)
							continue
						}
						synctest.Test(t, func(t *testing.T) { s.check(t, adapter.open) })
					}
					switch {
					case p.check == nil:
					case p.unfrozen:
						p.check(t, adapter.open)
					default:
						synctest.Test(t, func(t *testing.T) { p.check(t, adapter.open) })
					}
				})
			}
		})
	}
	if len(pitfalls) != 42 {
		t.Errorf("there are %d, want 42", len(pitfalls))
	}
}

var pitfalls = []pitfall{
	{number: 1, held: "many refreshes of one token have one successor", requirements: []int{70}},
	{number: 2, held: "after a reuse no token of the family refreshes", requirements: []int{67}},
	{number: 3, held: "a store's error is 503, and never invalid_grant, theft or not found", requirements: []int{49}},
	{number: 4, held: "a token whose successor could not be made is still good", check: func(t *testing.T, open opener) {
		broken := false
		h := open(t, func(c *config) {
			c.tokens.Claims = func(context.Context, store.User) (map[string]any, error) {
				if broken {
					return nil, errors.New("claims: MARKER")
				}
				return nil, nil
			}
		})
		p := h.login(t)
		broken = true
		if a := h.refresh(t, p.refresh); a.Code < 500 || strings.Contains(a.Body.String(), "MARKER") {
			t.Errorf("%d %s", a.Code, a.Body)
		}
		broken = false
		h.refresh(t, p.refresh).pair(t)
	}},
	{number: 5, held: "a replay within the grace makes no second branch, does not move the window, and ends with the child's use", requirements: []int{70, 73, 75}},
	{number: 6, held: "a session has an end that no refresh moves", requirements: []int{78}},
	{number: 7, held: "another client, a wrong secret or a wider scope fails and uses nothing up", requirements: []int{32, 55, 57}},
	{number: 8, held: "a user who is gone refreshes no more, and new roles are in the next access token", requirements: []int{63}, check: func(t *testing.T, open opener) {
		h := open(t)
		p := h.login(t)
		promoted := alice
		promoted.Scopes, promoted.Tier, promoted.Seats = []string{"read", "write", "admin"}, "premium", 7
		if err := h.store.SetUser(t.Context(), promoted); err != nil {
			t.Fatal(err)
		}
		if c := claims(t, h.refresh(t, p.refresh).pair(t).access); c["scope"] != "read write admin" || c["tier"] != "premium" || c["seats"] != 7.0 {
			t.Errorf("%v", c)
		}
	}},
	{number: 9, held: "a token whose MAC does not fit, or another client's, changes nothing", requirements: []int{55, 62, 82}},
	{number: 10, held: "nothing that is stored is a token, or makes one", requirements: []int{64}},
	{number: 11, held: "the access token of a refresh says the same of its user as that of the login", check: func(t *testing.T, open opener) {
		h := open(t, func(c *config) {
			c.tokens.Claims = func(_ context.Context, u store.User) (map[string]any, error) {
				return map[string]any{"https://api.example/name": u.Login, "n": 1 << 53}, nil
			}
		})
		p := h.login(t)
		before, after := claims(t, p.access), claims(t, h.refresh(t, p.refresh).pair(t).access)
		for _, name := range []string{"iss", "sub", "aud", "client_id", "scope", "sid", "acct", "tier", "seats", "https://api.example/name", "n"} {
			if before[name] == nil || fmt.Sprint(before[name]) != fmt.Sprint(after[name]) {
				t.Errorf("%s = %v, then %v", name, before[name], after[name])
			}
		}
	}},
	{number: 12, held: "a token that is cut short or made longer is invalid", check: func(t *testing.T, open opener) {
		h := open(t)
		p := h.login(t)
		for i := range p.refresh {
			h.refresh(t, p.refresh[i+1:]).is(t, http.StatusBadRequest, "")
			h.refresh(t, p.refresh[:len(p.refresh)-1-i]).is(t, http.StatusBadRequest, "")
		}
		for _, more := range []string{"A", "=", ".", "AAAA", "%00", "%0A"} {
			h.refresh(t, p.refresh+more).is(t, http.StatusBadRequest, "")
		}
		for i := range p.access {
			h.call(t, "/me", p.access[:i]).is(t, http.StatusUnauthorized, "")
		}
		h.call(t, "/me", p.access+"A").is(t, http.StatusUnauthorized, "")
		h.refresh(t, p.refresh).pair(t)
	}},
	{number: 13, held: "garbage is refused before the store is asked, and never panics", check: func(t *testing.T, open opener) {
		h := open(t)
		h.store.took()
		for n := range 300 {
			for _, b := range []byte{0, 1, 0xff} {
				pass(2 * time.Second) // or brute-force protection rejects it
				text := strings.Repeat(string([]byte{b}), n)
				h.refresh(t, "sp_rt_"+base64.RawURLEncoding.EncodeToString([]byte(text))).is(t, http.StatusBadRequest, "")
				h.refresh(t, url.QueryEscape(text)).is(t, http.StatusBadRequest, "")
			}
		}
		if calls := h.store.took(); len(calls) > 0 {
			t.Errorf("the store was asked: %d times", len(calls))
		}
	}},
	{number: 14, held: "what has expired can be forgotten, and the memory store does so by itself", check: func(t *testing.T, open opener) {
		h := open(t)
		for range 50 {
			h.login(t)
		}
		pass(91 * 24 * time.Hour)
		h.login(t)
		if n, err := h.store.DeleteExpiredSessions(t.Context(), time.Now()); err != nil || n >= 50 {
			t.Errorf("%d were left, %v", n, err)
		}
		if rows, err := h.store.UserSessions(t.Context(), alice.ID, store.Newest(), store.MaxPage); err != nil || len(rows) != 1 {
			t.Errorf("%d are left, %v", len(rows), err)
		}
	}},
	{number: 15, held: "an unknown user and a wrong password are answered alike, after as much work", requirements: []int{11, 12}},
	{number: 16, held: "a throttled login answers alike to the right and to a wrong password, before it hashes", requirements: []int{176}, check: func(t *testing.T, open opener) {
		h := open(t, addressed)
		h.exhaust(t, "alice")
		same(t, h.fail(t, "alice", "198.51.100.9"), h.from(t, "198.51.100.9", good))
	}},
	{number: 17, held: "failed attempts from elsewhere do not lock a user out at an address that the user has logged in from", requirements: []int{167}},
	{number: 18, held: "no password is looked at for a client that is unknown, or may not", requirements: []int{17}, check: func(t *testing.T, open opener) {
		h := open(t)
		h.store.took()
		h.token(t, good+"&client_id=unknown").is(t, http.StatusUnauthorized, "invalid_client")
		h.token(t, good, basic("shop:1", "wrong")).is(t, http.StatusUnauthorized, "invalid_client")
		if calls := h.store.took(); len(calls) > 0 {
			t.Errorf("the store was asked: %q", calls)
		}
	}},
	{number: 19, held: "credentials in a URL are refused, for POST too", requirements: []int{3}},
	{number: 20, held: "a wrong content type, a parameter twice or a body over the cap costs the host nothing", requirements: []int{6, 16, 22}},
	{number: 21, held: "a client that asks twice, with its id in Basic and then in the body, costs the account two attempts", check: func(t *testing.T, open opener) {
		h := open(t, addressed)
		wrong := "grant_type=password&username=alice&password=wrong"
		h.token(t, wrong, basic("app", ""), "X-Test-Address: 198.51.100.1").is(t, http.StatusBadRequest, "invalid_grant")
		h.from(t, "198.51.100.1", wrong+"&client_id=app").is(t, http.StatusBadRequest, "invalid_grant")
		if kinds := h.kinds(); len(kinds) != 2 {
			t.Errorf("%q", kinds)
		}
	}},
	{number: 22, held: "the text of a host's error never reaches the answer", requirements: []int{48, 49}},
	{number: 23, held: "no secret is in a log", requirements: []int{186}},
	{number: 24, held: "bad configuration is an error of New, and never a panic later", requirements: []int{118}, check: func(t *testing.T, open opener) {
		_, err := tokens.New(tokens.Config{Keys: []keys.Key{{Algorithm: "HS257"}}})
		for _, path := range []string{"Config.Store", "Config.Issuer", "Config.Audience", "Config.Keys[0]", "Config.RefreshKeys"} {
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name %s", err, path)
			}
		}
		_, err = middleware.New(middleware.Config{})
		for _, path := range []string{"Config.Tokens", "Config.Tiers", "Config.ClientIP"} {
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name %s", err, path)
			}
		}
		_ = open
	}},
	{number: 25, held: "a token without exp, of another typ, with an unknown crit, for another aud or of another iss is 401", requirements: []int{109, 112, 113, 115}, check: unlike(body("exp", nil))},
	{number: 26, held: "the algorithm is checked whatever looks the keys up", check: func(t *testing.T, open opener) {
		genuine := open(t).login(t).access
		key, err := keys.NewSet(keys.Key{ID: part(t, genuine, 0)["kid"].(string), Algorithm: "ES256", Public: &signingKey.PublicKey})
		if err != nil {
			t.Fatal(err)
		}
		v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: anyKid{key}, Issuer: issuer, Audience: audience})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), tokens.Secret(genuine)); err != nil {
			t.Fatal(err)
		}
		for _, alg := range []string{"none", "HS256", "ES384", "RS256", ""} {
			if _, err := v.Verify(t.Context(), tokens.Secret(forge(t, genuine, members{"alg": alg}, nil))); !errors.Is(err, tokens.ErrInvalidToken) {
				t.Errorf("%q: %v", alg, err)
			}
		}
	}},
	{number: 27, held: "the host's clock and leeway count for every kind of key", check: func(t *testing.T, open opener) {
		var shift time.Duration
		clock := func(c *config) {
			c.tokens.Now = func() time.Time { return time.Now().Add(shift) }
			c.tokens.Leeway = time.Minute
		}
		for _, kind := range []edit{
			func(*config) {}, withRSA,
			func(c *config) {
				c.tokens.Keys = []keys.Key{{Algorithm: "HS256", Secret: secret("hs")}}
				c.auth.Endpoints.JWKS = "" // an HMAC key is never published
			},
		} {
			shift = 0
			h := open(t, clock, kind)
			access := h.login(t).access
			for after, status := range map[time.Duration]int{
				time.Hour + time.Minute - time.Second: http.StatusOK, time.Hour + time.Minute: http.StatusUnauthorized,
				// nbf is ten seconds before iat
				-time.Minute - 10*time.Second: http.StatusOK, -time.Minute - 12*time.Second: http.StatusUnauthorized,
			} {
				shift = after
				if a := h.call(t, "/me", access); a.Code != status {
					t.Errorf("%v: after %v: %d, want %d", part(t, access, 0)["alg"], after, a.Code, status)
				}
			}
		}
	}},
	{number: 28, held: "the case of the scheme does not matter, two headers are 400, and size is bounded first", requirements: []int{85, 88, 126}},
	{number: 29, held: "no token, a bad one, too little scope and keys or lists that are down have each their own answer", requirements: []int{89, 90, 92, 93, 102}},
	{number: 30, held: "a token that is forged and expired is never just expired", requirements: []int{125}},
	{number: 31, held: "a host's claims cannot take the place of a registered one", check: func(t *testing.T, open opener) {
		for _, name := range []string{"exp", "iat", "nbf", "iss", "aud", "sub", "jti", "client_id", "scope", "sid", "EXP"} {
			h := open(t, func(c *config) {
				c.tokens.Claims = func(context.Context, store.User) (map[string]any, error) { return map[string]any{name: "x"}, nil }
			})
			h.token(t, good).is(t, http.StatusInternalServerError, "")
		}
	}},
	{number: 32, held: "a token in a query or in a cookie is none unless the host asks for it", requirements: []int{86, 87}, check: func(t *testing.T, open opener) {
		h := open(t)
		access := h.login(t).access
		for _, name := range []string{"access_token", "BEARER", "jwt", "__Host-access", "token"} {
			h.send(t, http.MethodGet, "/me", "", "Cookie: "+name+"="+access).refused(t, http.StatusUnauthorized, "")
		}
	}},
	{number: 33, held: "without the middleware there is no principal, and no panic", check: func(t *testing.T, _ opener) {
		if p, ok := tokens.PrincipalFrom(t.Context()); ok || p.Subject != "" || p.HasScope("") {
			t.Errorf("%+v", p)
		}
	}},
	{number: 34, held: "answers with tokens are not stored, and invalid_client has its challenge", requirements: []int{27, 38}},
	{number: 35, held: "a revocation is 200 only when the store has said so", requirements: []int{152}},
	{number: 36, held: "a logout ends the session, and a new password all of them", requirements: []int{80, 179}},
	{number: 37, held: "a store that cannot be reached is an error of its constructor", unfrozen: true, check: func(t *testing.T, _ opener) {
		options, err := redisstore.Options("redis://127.0.0.1:1/0")
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(options)
		defer func() { _ = client.Close() }()
		if s, err := redisstore.New(t.Context(), client, redisstore.Config{Users: &faulty{}}); s != nil || err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("%v, %v", s, err)
		}
	}},
	{number: 38, held: "what a store can do besides is named in the configuration, and missed with a clear error", check: func(t *testing.T, open opener) {
		h := open(t, func(c *config) { c.tokens.APIKeys = nil })
		if _, _, err := h.tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"}); err == nil || !strings.Contains(err.Error(), "Config.APIKeys") {
			t.Errorf("%v", err)
		}
		c := h.config.tokens
		c.Clients, c.DefaultClient = nil, "app"
		if _, err := tokens.New(c); err == nil || !strings.Contains(err.Error(), "Config.DefaultClient") {
			t.Errorf("%v", err)
		}
	}},
	{number: 39, held: "an import does nothing, and no exported variable can be changed but the errors", unfrozen: true, check: func(t *testing.T, _ opener) {
		for file, syntax := range sources(t) {
			for _, d := range syntax.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						t.Errorf("%s has an init", file)
					}
				case *ast.GenDecl:
					if d.Tok != token.VAR {
						continue
					}
					for _, spec := range d.Specs {
						for _, name := range spec.(*ast.ValueSpec).Names {
							if name.IsExported() && !strings.HasPrefix(name.Name, "Err") {
								t.Errorf("%s has the variable %s", file, name.Name)
							}
						}
					}
				}
			}
		}
	}},
	{number: 40, held: "the key of a limit is the peer's address, whatever it says of itself, and no address is no shared one", requirements: []int{173}, check: func(t *testing.T, open opener) {
		h := open(t, func(c *config) { c.auth.ClientIP = testAddress })
		if a := h.send(t, http.MethodGet, "/search", "", "X-Test-Address: @"); a.Code != http.StatusBadRequest {
			t.Errorf("without an address: %d", a.Code)
		}
	}},
	{number: 41, held: "the direct dependencies number in single digits, and none is a driver or a test container", unfrozen: true, check: func(t *testing.T, _ opener) {
		text, err := os.ReadFile("../../go.mod")
		if err != nil {
			t.Fatal(err)
		}
		direct := 0
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "\t") && !strings.Contains(line, "// indirect") {
				direct++
			}
			for _, never := range []string{"pgx", "sqlite", "testcontainers", "testify"} {
				if strings.Contains(line, never) {
					t.Errorf("%s", line)
				}
			}
		}
		if direct == 0 || direct > 9 {
			t.Errorf("%d direct dependencies", direct)
		}
	}},
	{number: 42, held: "the status of each refusal in each dialect is what it was", check: func(t *testing.T, open opener) {
		for i, want := range [][]int{{400, 400, 400, 401, 401, 405, 503}, {400, 422, 401, 401, 401, 405, 503}, {401, 400, 401, 401, 401, 405, 503}} {
			d := dialects[i]
			h := open(t, speaking(d))
			got := []int{
				h.form(t, "/login", strings.Replace(loginIn(d), "horse", "cow", 1)).Code, h.form(t, "/login", "").Code,
				h.refreshIn(t, d, "sp_rt_x").Code, h.send(t, http.MethodGet, "/me", "").Code, h.call(t, "/me", "x").Code,
				h.send(t, http.MethodGet, "/login", "").Code,
			}
			h.store.fail(true)
			got = append(got, h.form(t, "/login", loginIn(d)).Code)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%T: %v, want %v", d, got, want)
			}
		}
	}},
}

// anyKid has one key set for whatever a token names.
type anyKid struct{ set *keys.Set }

func (k anyKid) KeySet(context.Context, string) (*keys.Set, error) { return k.set, nil }

// sources are the files of the library, without tests and examples.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	for _, folder := range []string{"store", "tokens", "middleware"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 50 {
		t.Errorf("%d files", len(files))
	}
	return files
}
