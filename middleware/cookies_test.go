package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func withCookies(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/auth"} }

const (
	logsIn     = form + "\n\nusername=alice&password=correct+horse+%26+battery"
	cookieOf   = "Cookie: __Host-access_token=ACCESS\n"
	refreshOf  = "Cookie: __Secure-refresh_token=REFRESH\n"
	fromAfar   = "Sec-Fetch-Site: cross-site\n"
	cleared    = "__Host-access_token=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict\n__Secure-refresh_token=; Path=/auth; Max-Age=0; HttpOnly; Secure; SameSite=Strict"
	twoCookies = "__Host-access_token={jwt}; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict\n__Secure-refresh_token={refresh}; Path=/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Strict"
)

func cookiesOf(w *httptest.ResponseRecorder) string {
	return masked(strings.Join(w.Header()["Set-Cookie"], "\n"))
}

// D183, D185: what a browser is given, and what a script is not.
func TestCookies(t *testing.T) {
	t.Parallel()
	for _, dialect := range []wire.Dialect{wire.OAuth2{}, wire.FastAPI{}, wire.Lexik{Username: "username", Password: "password", RefreshTokens: true}} {
		d := open(t, withCookies, speaking(dialect), func(c *config) {
			c.tokens.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
		})
		in := d.ask(t, "POST /login\nOrigin: https://example.com\nHost: example.com\n"+logsIn)
		p := d.login(t, alice)
		again := d.send(request(t, replace("POST /refresh\n"+refreshOf+"\n", p)))
		for _, w := range []*httptest.ResponseRecorder{in, again} {
			wantStatus(t, w, http.StatusNoContent)
			if got := cookiesOf(w); got != twoCookies || w.Body.Len() > 0 {
				t.Errorf("%T: cookies =\n%s\nbody = %q", dialect, got, w.Body)
			}
			for name := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s: %s", name, w.Header().Get(name))
				}
			}
		}
		spent := d.send(request(t, replace("POST /refresh\n"+refreshOf+"\n", p)))
		if spent.Code < 400 || cookiesOf(spent) != cleared {
			t.Errorf("%T: a spent cookie: %d %s", dialect, spent.Code, cookiesOf(spent))
		}
		p = d.login(t, alice)
		out := d.send(request(t, replace("POST /logout\n"+refreshOf+"\n", p)))
		if out.Code >= 300 || cookiesOf(out) != cleared {
			t.Errorf("%T: a logout: %d %s", dialect, out.Code, cookiesOf(out))
		}
		if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); err == nil {
			t.Errorf("%T: the session goes on", dialect)
		}
		all := d.send(request(t, replace("POST /everywhere\n"+cookieOf+"\n", p)))
		if all.Code >= 300 || cookiesOf(all) != cleared || d.sessions(t, alice.ID) != 0 {
			t.Errorf("%T: a logout everywhere: %d %s", dialect, all.Code, cookiesOf(all))
		}
	}
}

// D184, P32: which requests a cookie authenticates.
func TestCookieSource(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, request string
		status        int
	}{
		{"an access cookie opens", "GET /me\n" + cookieOf + "\n", 200},
		{"it opens a link from another site, if the browser sends it", "GET /me\n" + cookieOf + fromAfar + "\n", 200},
		{"another site's write is refused", "POST /me\n" + cookieOf + fromAfar + "\n", 403},
		{"a sibling's write is refused", "DELETE /sessions/others\n" + cookieOf + "Sec-Fetch-Site: same-site\n\n", 403},
		{"an old browser says its origin", "POST /search\n" + cookieOf + "Origin: https://evil.example\n\n", 403},
		{"another site's WebSocket is refused", "GET /me\n" + cookieOf + fromAfar + "Upgrade: websocket\n\n", 403},
		{"one's own write is good", "POST /me\n" + cookieOf + "Sec-Fetch-Site: same-origin\n\n", 200},
		{"an Authorization header wins over the cookie", "GET /me\n" + cookieOf + "Authorization: Bearer x.y.z\n\n", 401},
		{"a token in the header needs no same site", "POST /me\nAuthorization: Bearer ACCESS\n" + fromAfar + "\n", 200},
		{"two cookies of one name are refused", "GET /me\n" + cookieOf + "Cookie: __Host-access_token=\"\n\n", 400},
		{"two in one header too", "GET /search\nCookie: __Host-access_token=ACCESS; a=b; __Host-access_token=ACCESS\n\n", 400},
		{"a cookie without the prefix is none", "GET /me\nCookie: access_token=ACCESS; __host-access_token=ACCESS\n\n", 401},
		{"no cookie is anonymous", "POST /search\n" + fromAfar + "\n", 200},
		{"another site's login is refused", "POST /login\n" + fromAfar + logsIn, 403},
		{"another site's refresh is refused", "POST /refresh\n" + refreshOf + fromAfar + "\n", 403},
		{"another site's logout is refused", "POST /logout\n" + refreshOf + fromAfar + "\n", 403},
		{"another site's logout everywhere is refused", "POST /everywhere\n" + cookieOf + fromAfar + "\n", 403},
		{"a refresh is no GET", "GET /refresh\n" + refreshOf + "\n", 405},
		{"two refresh cookies are refused", "POST /refresh\n" + refreshOf + refreshOf + "\n", 400},
		{"a refresh of nothing", "POST /refresh\n\n", 400},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, withCookies)
			p := d.login(t, alice)
			d.store.take()
			w := d.send(request(t, replace(x.request, p)))
			wantStatus(t, w, x.status)
			if calls := d.store.take(); x.status >= 400 && len(calls) > 0 {
				t.Errorf("the store was asked %q", calls)
			}
			if x.status >= 400 && len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("cookies = %q", cookiesOf(w))
			}
			if x.status == 403 && d.sessions(t, alice.ID) != 1 {
				t.Error("the session has not stayed as it was")
			}
		})
	}
	t.Run("nothing of this is so where cookies are off (P32)", func(t *testing.T) {
		t.Parallel()
		for _, d := range []*harness{open(t), open(t, withCookies)} {
			off := d.WithoutCookies()
			p := d.login(t, alice)
			r := request(t, replace("GET /me\n"+cookieOf+"\n", p))
			if _, err := off.CheckBearer(r); wire.AsError(err).Reason != wire.ReasonNoBearer {
				t.Errorf("error = %v", err)
			}
			if a := off.Granted(p); a.Status != 200 || len(a.Header["Set-Cookie"]) > 0 {
				t.Errorf("%d %v", a.Status, a.Header)
			}
		}
	})
	t.Run("an invalid access cookie is cleared, and the refresh cookie stays", func(t *testing.T) {
		t.Parallel()
		d := open(t, withCookies, func(c *config) { c.tokens.Revocations = c.tokens.Store.(store.Revocations) })
		p := d.login(t, alice)
		if err := d.tokens.LogoutEverywhere(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		access, _, _ := strings.Cut(cleared, "\n")
		for _, x := range []struct {
			name, request string
			status        int
			cookies       string
		}{
			{"its session was ended elsewhere", "GET /search\n" + cookieOf + "\n", 401, access},
			{"it is a refresh token", "GET /me\nCookie: __Host-access_token=REFRESH\n\n", 401, access},
			{"it is of no use for a logout either, and then both go", "POST /logout\n" + cookieOf + "\n", 401, cleared},
			{"it has expired, and goes by itself", "GET /search\nCookie: __Host-access_token=" + d.expired(t) + "\n\n", 401, ""},
			{"another site's page clears nothing", "POST /me\n" + cookieOf + fromAfar + "\n", 403, ""},
			{"a token in the header has no cookie", "GET /me\n" + cookieOf + "Authorization: Bearer ACCESS\n\n", 401, ""},
		} {
			w := d.send(request(t, replace(x.request, p)))
			if w.Code != x.status || cookiesOf(w) != x.cookies {
				t.Errorf("%s: %d %q, want %d %q", x.name, w.Code, cookiesOf(w), x.status, x.cookies)
			}
		}
		d.store.fail(errDriver)
		w := d.send(request(t, replace("GET /search\n"+cookieOf+"\n", p)))
		if w.Code != http.StatusServiceUnavailable || cookiesOf(w) != "" {
			t.Errorf("a deny list that fails: %d %q", w.Code, cookiesOf(w))
		}
	})
	t.Run("a failure of the store clears no cookies", func(t *testing.T) {
		t.Parallel()
		d := open(t, withCookies)
		p := d.login(t, alice)
		d.store.fail(errDriver)
		for _, text := range []string{"POST /refresh\n" + refreshOf, "POST /logout\n" + refreshOf, "POST /everywhere\n" + cookieOf} {
			w := d.send(request(t, replace(text+"\n", p)))
			wantStatus(t, w, http.StatusServiceUnavailable)
			if len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: %s", text, cookiesOf(w))
			}
		}
		d.store.fail(nil)
		wantStatus(t, d.send(request(t, replace("POST /refresh\n"+refreshOf+"\n", p))), http.StatusNoContent)
	})
	t.Run("pages of an origin that is trusted may log in", func(t *testing.T) {
		t.Parallel()
		d := open(t, withCookies, func(c *config) { c.auth.Cookies.TrustedOrigins = []string{"https://app.example"} })
		afar := "POST /login\nSec-Fetch-Site: cross-site\nOrigin: "
		wantStatus(t, d.ask(t, afar+"https://app.example\n"+logsIn), http.StatusNoContent)
		wantStatus(t, d.ask(t, afar+"https://app.example.org\n"+logsIn), http.StatusForbidden)
	})
	t.Run("a login with an access token too large for a cookie creates no session, and a refresh advances none", func(t *testing.T) {
		t.Parallel()
		big := false
		d := open(t, withCookies, func(c *config) {
			c.tokens.Claims = func(context.Context, store.User) (map[string]any, error) {
				if !big {
					return nil, nil
				}
				return map[string]any{"big": strings.Repeat("x", 4096)}, nil
			}
		})
		p := d.login(t, alice)
		big = true
		for _, text := range []string{"POST /login\n" + logsIn, "POST /refresh\n" + refreshOf + "\n"} {
			w := d.send(request(t, replace(text, p)))
			wantStatus(t, w, http.StatusInternalServerError)
			if n := d.sessions(t, alice.ID); n != 1 || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%d sessions, %s", n, cookiesOf(w))
			}
		}
		exchange := "POST /token\nContent-Type: application/x-www-form-urlencoded\n\n" + exchanging + "&subject_token={key}"
		wantStatus(t, d.ask(t, exchange), http.StatusOK) // its answer is a body, whatever a cookie holds
		big = false
		wantStatus(t, d.send(request(t, replace("POST /refresh\n"+refreshOf+"\n", p))), http.StatusNoContent)
	})
	t.Run("an Auth with a Verifier only reads the access cookie, and checks the origin", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		set, err := keys.NewSet(d.config.tokens.Keys...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: d.config.tokens.Issuer, Audience: d.config.tokens.Audience})
		if err != nil {
			t.Fatal(err)
		}
		auth, err := middleware.New(middleware.Config{Verifier: v, Tiers: tiers(), ClientIP: clientip.RemoteAddr, Cookies: &middleware.Cookies{}})
		if err != nil {
			t.Fatal(err)
		}
		p := d.login(t, alice)
		for site, status := range map[string]int{"same-origin": http.StatusOK, "cross-site": http.StatusForbidden} {
			w := httptest.NewRecorder()
			auth.Protect(http.HandlerFunc(d.hello)).ServeHTTP(w, request(t, replace("POST /\n"+cookieOf+"Sec-Fetch-Site: "+site+"\n", p)))
			wantStatus(t, w, status)
		}
		// It may not have heard of the key yet, and others have.
		w := httptest.NewRecorder()
		auth.Protect(http.HandlerFunc(d.hello)).ServeHTTP(w, request(t, replace("GET /\nCookie: __Host-access_token=REFRESH\n\n", p)))
		if w.Code != http.StatusUnauthorized || cookiesOf(w) != "" {
			t.Errorf("a token that it cannot verify: %d %q", w.Code, cookiesOf(w))
		}
	})
}

// What the host may choose, it gets.
func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		cookies middleware.Cookies
		want    string
	}{
		{
			"for links from other sites", middleware.Cookies{RefreshPath: "/auth", SameSite: http.SameSiteLaxMode},
			strings.ReplaceAll(twoCookies, "Strict", "Lax"),
		},
		{
			"for a front end on another site",
			middleware.Cookies{RefreshPath: "/auth", InsecureCrossSite: true, TrustedOrigins: []string{"https://app.example"}},
			strings.ReplaceAll(twoCookies, "Strict", "None"),
		},
		{
			"for one host and all of its paths, under other names", middleware.Cookies{RefreshPath: "/", Access: "a", Refresh: "r"},
			strings.NewReplacer("__Host-access_token", "__Host-a", "__Secure-refresh_token", "__Host-r", "Path=/auth", "Path=/").Replace(twoCookies),
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.auth.Cookies = &x.cookies
				c.tokens.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }
			})
			w := d.ask(t, "POST /login\n"+logsIn)
			if got := cookiesOf(w); w.Code != http.StatusNoContent || got != x.want {
				t.Errorf("%d\n%s\nwant\n%s", w.Code, got, x.want)
			}
		})
	}
}

// D183: what no browser keeps, or would keep in another way, is told at start-up.
func TestNewCookies(t *testing.T) {
	t.Parallel()
	c := open(t).config.auth
	c.Cookies = &middleware.Cookies{Access: "__a", Refresh: "", RefreshPath: "/auth/;", SameSite: http.SameSiteNoneMode, TrustedOrigins: []string{"app.example"}}
	want := `middleware: Config.Cookies.Access: must be 1 to 64 letters, digits, "_" and "-", without "__" at the beginning, got "__a"
middleware: Config.Cookies.RefreshPath: must be a path such as "/auth", without ";" and without "/" at its end, got "/auth/;"
middleware: Config.Cookies.SameSite: must be http.SameSiteStrictMode or http.SameSiteLaxMode, got 4
middleware: Config.Cookies.TrustedOrigins[0]: must be a scheme and a host, got "app.example"`
	if _, err := middleware.New(c); err == nil || err.Error() != want {
		t.Errorf("error =\n%v\nwant\n%s", err, want)
	}
	c.Cookies = &middleware.Cookies{}
	if _, err := middleware.New(c); err == nil || !strings.Contains(err.Error(), "Config.Cookies.RefreshPath: is required") {
		t.Errorf("error = %v", err)
	}
}

// A browser gets cookies, and a program at its own routes gets tokens.
func ExampleCookies() {
	auth, err := middleware.New(middleware.Config{
		Tokens: ada(), ClientIP: clientip.RemoteAddr,
		Tiers:   ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour}},
		Cookies: &middleware.Cookies{RefreshPath: "/auth"},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/login", auth.Login)
	mux.HandleFunc("/auth/refresh", auth.Refresh)
	mux.HandleFunc("/auth/logout", auth.Logout)
	mux.HandleFunc("/api/login", auth.WithoutCookies().Login)

	for _, path := range []string{"/auth/login", "/api/login"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("username=ada&password=correct+horse"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, len(w.Result().Cookies()), "cookies", w.Body.Len() > 0)
	}
	// Output:
	// 204 2 cookies false
	// 200 0 cookies true
}
