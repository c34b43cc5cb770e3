package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func cookieMode(c middleware.Cookies) func(*config) {
	return func(config *config) { config.auth.Cookies = &c }
}

// jar returns the Cookie header that a browser sends after a response.
func jar(w *httptest.ResponseRecorder) string {
	var all []string
	for _, line := range w.Header()["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		all = append(all, pair)
	}
	return "Cookie: " + strings.Join(all, "; ")
}

func lasting(w *httptest.ResponseRecorder) (n int) {
	for _, line := range w.Header()["Set-Cookie"] {
		if strings.Contains(line, "Max-Age=") {
			n++
		}
	}
	return n
}

func TestFaultB14AUserChoosesWhetherTheBrowserForgets(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, body string
		dialect    wire.Dialect
		lasts      bool
	}{
		{"no choice", form + "\n\n" + goodForm, wire.OAuth2{}, false},
		{"remember me", form + "\n\nremember_me=on&" + goodForm, wire.OAuth2{}, true},
		{"remember me, 1", form + "\n\nremember_me=1&" + goodForm, wire.FastAPI{}, true},
		{"remember me, no", form + "\n\nremember_me=0&" + goodForm, wire.FastAPI{}, false},
		{"remember me, empty", form + "\n\nremember_me=&" + goodForm, wire.FastAPI{}, false},
		{"remember me, in multipart", multipart("username", "alice", "password", password, "remember_me", "true"), wire.FastAPI{}, true},
		{"remember me, true in JSON", jsonType + "\n\n" + `{"_username":"alice","_password":"correct horse & battery","remember_me":true}`, wire.Lexik{RefreshTokens: true}, true},
		{"remember me, false in JSON", jsonType + "\n\n" + `{"_username":"alice","_password":"correct horse & battery","remember_me":false}`, wire.Lexik{RefreshTokens: true}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(x.dialect), cookieMode(middleware.Cookies{RefreshPath: "/", Remember: "remember_me"}))
			w := d.ask(t, "POST /login\n"+x.body)
			want := 0
			if x.lasts {
				want = 2
			}
			for range 3 {
				wantStatus(t, w, http.StatusNoContent)
				if got := lasting(w); got != want || len(w.Header()["Set-Cookie"]) != 2 {
					t.Fatalf("%d cookies with Max-Age, want %d: %q", got, want, w.Header()["Set-Cookie"])
				}
				w = d.ask(t, "POST /refresh\n"+jar(w)+"\n\n")
			}
			wantStatus(t, d.ask(t, "GET /bearer\n"+jar(w)+"\n\n"), http.StatusOK)
			wantStatus(t, d.ask(t, "POST /logout\n"+jar(w)+"\n\n"), map[bool]int{true: 200, false: 204}[strings.Contains(x.name, "JSON")])
			if calls := d.ask(t, "POST /refresh\n"+jar(w)+"\n\n"); calls.Code < 400 {
				t.Error("the session has not ended")
			}
		})
	}
	t.Run("a mark without a token is none", func(t *testing.T) {
		t.Parallel()
		d := open(t, cookieMode(middleware.Cookies{RefreshPath: "/", Remember: "remember_me"}))
		wantStatus(t, d.ask(t, "POST /refresh\nCookie: __Host-refresh_token=~\n\n"), http.StatusBadRequest)
	})
	t.Run("without Remember all last", func(t *testing.T) {
		t.Parallel()
		d := open(t, cookieMode(middleware.Cookies{RefreshPath: "/"}))
		if got := lasting(d.ask(t, "POST /login\n"+form+"\n\n"+goodForm)); got != 2 {
			t.Errorf("%d cookies last", got)
		}
	})
}

func TestFaultB14ALoginReplacesTheSessionOfItsBrowser(t *testing.T) {
	t.Parallel()
	sessions := func(t *testing.T, d *harness, u store.User) int {
		t.Helper()
		all, _, err := d.tokens.Sessions(t.Context(), u.ID, tokens.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	replacing := cookieMode(middleware.Cookies{RefreshPath: "/", ReplaceSession: true, Remember: "remember_me"})
	login := "POST /login\n" + form + "\n"
	t.Run("eight logins of one browser are one session", func(t *testing.T) {
		t.Parallel()
		d := open(t, replacing)
		w := d.ask(t, login+"\n"+goodForm)
		first := jar(w)
		for range 7 {
			w = d.ask(t, login+jar(w)+"\n\n"+goodForm)
			wantStatus(t, w, http.StatusNoContent)
		}
		if got := sessions(t, d, alice); got != 1 {
			t.Errorf("%d sessions", got)
		}
		wantStatus(t, d.ask(t, "POST /refresh\n"+first+"\n\n"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /refresh\n"+jar(w)+"\n\n"), http.StatusNoContent)
	})
	t.Run("the user before is logged out", func(t *testing.T) {
		t.Parallel()
		d := open(t, replacing)
		w := d.ask(t, login+jar(d.ask(t, login+"\n"+goodForm))+"\n\nusername=bob&password=correct+horse+%26+battery")
		wantStatus(t, w, http.StatusNoContent)
		if a, b := sessions(t, d, alice), sessions(t, d, bob); a != 0 || b != 1 {
			t.Errorf("%d and %d sessions", a, b)
		}
	})
	t.Run("a login that fails ends nothing, and an invalid cookie is ignored", func(t *testing.T) {
		t.Parallel()
		d := open(t, replacing)
		w := d.ask(t, login+"\n"+goodForm)
		wantStatus(t, d.ask(t, login+jar(w)+"\n\nusername=alice&password=wrong"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, login+"Cookie: __Host-refresh_token=nonsense\n\n"+goodForm), http.StatusNoContent)
		if got := sessions(t, d, alice); got != 2 {
			t.Errorf("%d sessions", got)
		}
	})
	t.Run("without ReplaceSession each login is a session", func(t *testing.T) {
		t.Parallel()
		d := open(t, cookieMode(middleware.Cookies{RefreshPath: "/"}))
		d.ask(t, login+jar(d.ask(t, login+"\n"+goodForm))+"\n\n"+goodForm)
		if got := sessions(t, d, alice); got != 2 {
			t.Errorf("%d sessions", got)
		}
	})
}

func TestFaultB11CookiesArePartitioned(t *testing.T) {
	t.Parallel()
	d := open(t, cookieMode(middleware.Cookies{
		RefreshPath: "/auth", InsecureCrossSite: true, Partitioned: true, TrustedOrigins: []string{"https://app.example.com"},
	}))
	in := d.ask(t, "POST /login\n"+form+"\n\n"+goodForm)
	out := d.ask(t, "POST /logout\n"+jar(in)+"\n\n") // it clears what it has set
	for _, w := range []*httptest.ResponseRecorder{in, out} {
		if len(w.Header()["Set-Cookie"]) != 2 {
			t.Errorf("cookies = %q", w.Header()["Set-Cookie"])
		}
		for _, line := range w.Header()["Set-Cookie"] {
			if !strings.Contains(line, "; SameSite=None") || !strings.Contains(line, "; Partitioned") || !strings.Contains(line, "; Secure") {
				t.Errorf("cookie = %q", line)
			}
		}
	}
	for field, c := range map[string]middleware.Cookies{
		"Cookies.Partitioned": {RefreshPath: "/auth", Partitioned: true},
		"Cookies.MaxHeader":   {RefreshPath: "/auth", MaxHeader: 1000},
		"Cookies.Remember":    {RefreshPath: "/auth", Remember: `a"b`},
	} {
		config := d.config.auth
		config.Cookies = &c
		if _, err := middleware.New(config); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestFaultB12AHeaderThatProxiesDoNotCarryIsReported(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name     string
		claim    int // bytes
		limit    int
		reported bool
	}{
		{"a header of a usual size", 10, 0, false},
		{"one over nginx's default", 2400, 0, true},
		{"one that the host's proxies carry", 2400, 8192, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, cookieMode(middleware.Cookies{RefreshPath: "/", MaxHeader: x.limit}), func(c *config) {
				c.tokens.Claims = func(context.Context, store.User) (map[string]any, error) {
					return map[string]any{"groups": strings.Repeat("x", x.claim)}, nil
				}
			})
			in := d.ask(t, "POST /login\n"+form+"\n\n"+goodForm)
			wantStatus(t, in, http.StatusNoContent)
			wantStatus(t, d.ask(t, "POST /refresh\n"+jar(in)+"\n\n"), http.StatusNoContent)
			faults := 0
			for _, e := range d.journal.Take() {
				if e.Kind == events.Fault {
					faults++
					if !strings.Contains(e.Err.Error(), "Config.Cookies.MaxHeader") || e.UserID != alice.ID || strings.Contains(e.Err.Error(), "xxx") {
						t.Errorf("event = %v", e)
					}
				}
			}
			if want := map[bool]int{true: 2}[x.reported]; faults != want {
				t.Errorf("%d faults, want %d", faults, want)
			}
		})
	}
}

func TestFaultB4ALogoutWithAnExpiredBearerAndARefreshCookieEndsTheSession(t *testing.T) {
	t.Parallel()
	for _, bearer := range []string{"{expired}", "nonsense"} {
		d := open(t, cookieMode(middleware.Cookies{RefreshPath: "/"}))
		p := d.login(t, alice)
		text := "POST /logout\nAuthorization: Bearer " + bearer + "\nCookie: __Host-refresh_token=REFRESH\n\n"
		wantStatus(t, d.ask(t, replace(text, p)), http.StatusNoContent)
		if _, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken}); !errors.Is(err, tokens.ErrInvalidRefresh) {
			t.Errorf("the session has not ended: %v", err)
		}
	}
}
